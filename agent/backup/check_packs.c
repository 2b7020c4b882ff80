/*
 * [pack] Packs: that those are there that somebody names, and that they have their lengths; and, of those that are to be read, every byte and every chunk, in one pass, a pack for each thread.
 *
 * A pack whose trailer is damaged may have chunks that are whole; trees (check_tree.c) find out by getting them.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "agent/backup/chunk_opener.h"

/* Bytes that are read at once. */
#define STEP_LEN (4u << 20)

/* The least that a pack may have. */
#define PACK_LEN_MIN (LADE_PACK_HEADER_LEN + LADE_SEAL_TAG_LEN + LADE_PACK_END_LEN)

/* ---- who names them ---- */

static bool is_absent(const struct check *check, const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < check->absent_count; i++) {
		if (!memcmp(check->absent[i], name, len))
			return true;
	}
	return false;
}

/* Names of packs, in order. */
struct names {
	const uint8_t *(*name)(const void *context, size_t i);
	const void *context;
	size_t count;
};

static const uint8_t *name_there(const void *context, size_t i)
{
	const struct check *check = context;

	return check->packs[i].name;
}

static const uint8_t *name_in_tables(const void *context, size_t i)
{
	return lade_chunk_map_pack(context, i);
}

/* The first name that is not before the prefix; count: none. */
static size_t first_with(const struct names *names, const uint8_t prefix[LADE_SHORT_HASH_LEN])
{
	size_t low = 0, high = names->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (memcmp(names->name(names->context, middle), prefix, LADE_SHORT_HASH_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* True if one of them begins so. */
static bool has_with(const struct names *names, const uint8_t prefix[LADE_SHORT_HASH_LEN])
{
	const size_t i = first_with(names, prefix);

	return i < names->count && !memcmp(names->name(names->context, i), prefix, LADE_SHORT_HASH_LEN);
}

static struct names names_there(const struct check *check)
{
	return (struct names){ .name = name_there, .context = check, .count = check->pack_count };
}

bool check_has_pack(const struct check *check, const uint8_t prefix[LADE_SHORT_HASH_LEN])
{
	const struct names there = names_there(check);

	return has_with(&there, prefix);
}

/* True if tables name a pack that begins so. */
static bool is_in_tables(const struct check *check, const uint8_t prefix[LADE_SHORT_HASH_LEN])
{
	const struct names in_tables = { .name = name_in_tables, .context = check->map, .count = lade_chunk_map_pack_count(check->map) };

	return has_with(&in_tables, prefix);
}

/* One name in a snapshot's refs: a name that two packs begin with names both. */
static void mark_prefix(struct check *check, const struct check_snapshot *snapshot, const uint8_t prefix[LADE_SHORT_HASH_LEN])
{
	char text[2 * LADE_SHORT_HASH_LEN + 1], object[sizeof("packs/xx/") + sizeof(text)];
	const struct names there = names_there(check);
	const size_t first = first_with(&there, prefix);
	size_t i = first;

	for (; i < check->pack_count && !memcmp(check->packs[i].name, prefix, LADE_SHORT_HASH_LEN); i++)
		check->packs[i].flags |= PACK_NAMED_BY_REFS;
	if (i != first || is_absent(check, prefix, LADE_SHORT_HASH_LEN) || is_in_tables(check, prefix))
		return;
	sodium_bin2hex(text, sizeof(text), prefix, LADE_SHORT_HASH_LEN);
	(void)snprintf(object, sizeof(object), "packs/%.2s/%s", text, text);
	check_tell_hurt(check, snapshot, NULL, object, "is missing");
}

void check_named_packs(struct check *check)
{
	char object[LADE_PACK_NAME_SIZE];

	for (size_t i = 0; i < lade_chunk_map_pack_count(check->map); i++) {
		const uint8_t *name = lade_chunk_map_pack(check->map, i);
		struct check_pack *pack = check_find_pack(check, name);

		lade_pack_object_name(name, object);
		if (pack)
			pack->flags |= PACK_NAMED_BY_TABLE;
		else if (!is_absent(check, name, LADE_HASH_LEN))
			check_tell(check, LADE_CHECK_ERROR, object, "is missing");
	}
	for (size_t i = 0; i < check->snapshot_count; i++) {
		for (size_t k = 0; k < check->snapshots[i].pack_count; k++)
			mark_prefix(check, &check->snapshots[i], check->snapshots[i].packs + k * LADE_SHORT_HASH_LEN);
	}
	for (size_t i = 0; i < check->pack_count; i++) {
		lade_pack_object_name(check->packs[i].name, object);
		if (!(check->packs[i].flags & PACK_NAMED_BY_REFS))
			check_tell(check, LADE_CHECK_NOTE, object, "is needed by no snapshot: it is removed with the next collection, or belongs to a backup that is under way");
	}
}

/* ---- a pack that is read ---- */

/* True if neither refs nor a table name the pack, as far as keys tell: a loss of power may leave a part of such a one, of a backup that was not finished, and it hurts nobody. */
static bool is_left(const struct check *check, const struct check_pack *pack)
{
	return check->repository && !(pack->flags & (PACK_NAMED_BY_REFS | PACK_NAMED_BY_TABLE));
}

/* What a thread has. */
struct reader {
	struct check *check;
	struct lade_chunk_opener *opener; /* NULL: without keys */
	EVP_MD_CTX *digest;
	uint8_t *bytes, *room;            /* of a pack, and of a chunk; each grows */
	size_t bytes_size, room_size;
};

/* All threads: each takes the next pack. */
struct reading {
	struct check *check;
	_Atomic size_t next;
	_Atomic int error;
};

/* A pack under way. */
struct open {
	struct check_pack *pack;
	char object[LADE_PACK_NAME_SIZE];
	uint8_t header[LADE_PACK_HEADER_LEN];
	struct lade_seal *chunks;
	struct lade_pack_end end;
	struct lade_pack_row *rows; /* NULL: they are not known */
	uint32_t row, damaged, lost; /* the next row; chunks that do not open; chunks that no table has there */
};

static int grow(uint8_t **bytes, size_t *size, size_t len)
{
	uint8_t *grown = *size < len ? realloc(*bytes, len) : *bytes;

	if (!grown)
		return LADE_E_MEMORY;
	*bytes = grown;
	if (*size < len)
		*size = len;
	return 0;
}

/* The trailer, with the end that says where it is. */
static int open_rows(struct check *check, struct open *open, const struct lade_pack_keys *keys, bool with_rows)
{
	uint8_t end[LADE_PACK_END_LEN], *trailer = NULL;
	int error = lade_store_get(check->store, open->object, open->pack->len - sizeof(end), sizeof(end), end, NULL);

	if (!error)
		error = lade_pack_open_end(open->header, keys, end, open->pack->len, &open->end);
	if (error || !with_rows)
		return error;
	trailer = malloc(open->end.trailer_len);
	error = trailer ? lade_store_get(check->store, open->object, open->end.trailer_off, open->end.trailer_len, trailer, NULL) : LADE_E_MEMORY;
	if (!error)
		error = lade_pack_open_trailer(open->header, keys, &open->end, trailer, &open->rows);
	free(trailer);
	return error;
}

/* Open the header of a pack and what is at its end. Returns 0, LADE_E_MEMORY, or what is wrong; *what_out says with which part. */
static int open_ends(struct check *check, struct open *open, bool with_rows, const char **what_out)
{
	struct lade_pack_keys keys = { .encrypted = check->repository->format.encrypted };
	uint32_t epoch;
	int error = lade_store_get(check->store, open->object, 0, sizeof(open->header), open->header, NULL);

	*what_out = "its header";
	memcpy(keys.repository, check->repository->format.repository, sizeof(keys.repository));
	if (!error)
		error = lade_pack_epoch(open->header, &keys, &epoch);
	if (!error && lade_repository_pack_keys(check->repository, epoch, &keys, NULL))
		error = LADE_E_UNSUPPORTED;
	if (!error)
		error = lade_pack_open(open->header, &keys, &open->chunks);
	if (!error) {
		*what_out = "its end";
		error = open_rows(check, open, &keys, with_rows);
	}
	sodium_memzero(&keys, sizeof(keys));
	return error;
}

/* True if a table has the row as the trailer does. */
static int is_row(void *context, const struct lade_chunk_place *place)
{
	const struct open *open = context;
	const struct lade_pack_row *row = &open->rows[open->row];

	return !memcmp(place->pack, open->pack->name, LADE_HASH_LEN) && place->row.off == row->off && place->row.sealed_len == row->sealed_len &&
	       place->row.len == row->len;
}

/* The next chunk: its sealed bytes, which are overwritten. Returns 0 or LADE_E_MEMORY. */
static int check_chunk(struct reader *reader, struct open *open, uint8_t *sealed)
{
	struct check *check = reader->check;
	struct lade_chunk_sealed chunk = { .chunks = open->chunks, .row = open->rows[open->row], .sealed = sealed };
	const struct lade_chunk_map_visit visit = { .id = chunk.row.id, .kind = chunk.row.kind, .visit = is_row, .context = open };
	const struct lade_stream_lengths lengths = lade_stream_lengths_of(&check->repository->format);
	struct lade_slice bytes;
	int error = LADE_E_CHANGED;

	/* No chunk is longer, whatever the trailer says, and so no memory is taken for it. */
	if (chunk.row.len <= lade_stream_greatest(&lengths, chunk.row.kind)) {
		error = grow(&reader->room, &reader->room_size, chunk.row.len);
		chunk.room = reader->room;
		if (!error)
			error = lade_chunk_opener_open(reader->opener, &chunk, &bytes);
	}
	if (!error) {
		error = lade_key_set_add(check->good, chunk.row.id);
		error = error < 0 ? error : 0;
	}
	if (error == LADE_E_MEMORY)
		return error;
	if (error)
		open->damaged++;
	if ((open->pack->flags & PACK_NAMED_BY_TABLE) && lade_chunk_map_visit(check->map, &visit) != 1)
		open->lost++;
	open->row++;
	return 0;
}

/* Go through the pack: every byte into the digest, every chunk that is all there opened. Returns 0, LADE_E_MEMORY, LADE_E_CANCELLED or what the store says. */
static int go_through(struct reader *reader, struct open *open)
{
	struct check *check = reader->check;
	uint64_t begin = 0; /* where in the pack reader->bytes begins; `have` bytes of it are there */
	size_t have = 0;
	int error = 0;

	while (!error && begin + have < open->pack->len) {
		const uint64_t left = open->pack->len - begin - have;
		const size_t len = left < STEP_LEN ? (size_t)left : STEP_LEN;
		size_t keep = 0;

		error = grow(&reader->bytes, &reader->bytes_size, have + len);
		if (!error)
			error = lade_store_get(check->store, open->object, begin + have, len, reader->bytes + have, NULL);
		if (!error && EVP_DigestUpdate(reader->digest, reader->bytes + have, len) != 1)
			error = LADE_E_MEMORY;
		if (error)
			return error;
		have += len;
		while (!error && open->rows && open->row < open->end.count) {
			const struct lade_pack_row *row = &open->rows[open->row];

			if ((uint64_t)row->off + row->sealed_len > begin + have) {
				keep = row->off < begin + have ? (size_t)(begin + have - row->off) : 0;
				break;
			}
			error = check_chunk(reader, open, reader->bytes + (row->off - begin));
		}
		memmove(reader->bytes, reader->bytes + have - keep, keep);
		begin += have - keep;
		have = keep;
		pthread_mutex_lock(&check->lock);
		check->figures.bytes_read += len;
		pthread_mutex_unlock(&check->lock);
		if (!error && !check_goes_on(check))
			error = LADE_E_CANCELLED;
	}
	return error;
}

/* Read it all. Returns 0 or LADE_E_MEMORY; what is wrong is told, and *intact_out says whether anything is. */
static int read_pack(struct reader *reader, struct open *open, bool *intact_out)
{
	struct check *check = reader->check;
	uint8_t hash[EVP_MAX_MD_SIZE];
	int error = EVP_DigestInit_ex(reader->digest, EVP_sha256(), NULL) == 1 ? go_through(reader, open) : LADE_E_MEMORY;

	if (!error && EVP_DigestFinal_ex(reader->digest, hash, NULL) != 1)
		error = LADE_E_MEMORY;
	*intact_out = false;
	if (error == LADE_E_MEMORY || error == LADE_E_CANCELLED)
		return error == LADE_E_CANCELLED ? 0 : error;
	if (error)
		check_tell(check, LADE_CHECK_ERROR, open->object, "%s", check_problem(error));
	else if (memcmp(hash, open->pack->name, LADE_HASH_LEN) != 0)
		check_tell(check, LADE_CHECK_ERROR, open->object, "has not the bytes that it was stored with: its SHA-256 is not its name");
	else
		*intact_out = true;
	return 0;
}

static bool has_length(struct check *check, const struct open *open)
{
	if (open->pack->len >= PACK_LEN_MIN && open->pack->len <= LADE_PACK_LEN)
		return true;
	check_tell(check, is_left(check, open->pack) ? LADE_CHECK_NOTE : LADE_CHECK_ERROR, open->object, "has %llu bytes: no pack has so %s", (unsigned long long)open->pack->len,
		   open->pack->len < PACK_LEN_MIN ? "few" : "many");
	return false;
}

/* With keys: all that there is to say of one pack. Returns 0 or LADE_E_MEMORY. */
static int check_pack(struct reader *reader, struct open *open)
{
	struct check *check = reader->check;
	const bool reads = open->pack->flags & PACK_TO_READ;
	bool intact = true;
	const char *what;
	int error, result;

	/* Of a pack that is as long as can be the length says that nothing is missing. */
	if (!has_length(check, open) || (!reads && open->pack->len == LADE_PACK_LEN))
		return 0;
	error = open_ends(check, open, reads, &what);
	if (error == LADE_E_MEMORY)
		return error;
	if (error == LADE_E_UNSUPPORTED)
		check_tell(check, LADE_CHECK_NOTE, open->object, "is of an epoch whose key is not at hand: it was not opened");
	else if (error)
		check_tell(check, is_left(check, open->pack) ? LADE_CHECK_NOTE : LADE_CHECK_ERROR, open->object, "is damaged: %s does not open", what);
	if (!reads || (error && is_left(check, open->pack)))
		return 0;
	result = read_pack(reader, open, &intact);
	if (open->damaged)
		check_tell(check, LADE_CHECK_ERROR, open->object, "%u of its %u chunks are damaged", (unsigned)open->damaged, (unsigned)open->end.count);
	if (open->lost)
		check_tell(check, LADE_CHECK_ERROR, open->object, "no table has %u of its %u chunks", (unsigned)open->lost, (unsigned)open->end.count);
	open->pack->flags |= PACK_READ;
	return result;
}

/* ---- threads ---- */

static int check_one(struct reader *reader, struct check_pack *pack)
{
	struct check *check = reader->check;
	struct open open = { .pack = pack };
	bool intact;
	int error = 0;

	lade_pack_object_name(pack->name, open.object);
	if (check->repository)
		error = check_pack(reader, &open);
	else if (has_length(check, &open))
		error = read_pack(reader, &open, &intact);
	pthread_mutex_lock(&check->lock);
	check->figures.chunks_read += open.row;
	check->figures.packs_read += pack->flags & PACK_TO_READ ? 1 : 0;
	pthread_mutex_unlock(&check->lock);
	lade_seal_free(open.chunks);
	free(open.rows);
	return error;
}

static void work(void *context)
{
	struct reading *reading = context;
	struct reader reader = { .check = reading->check, .digest = EVP_MD_CTX_new() };
	int error = reader.digest ? 0 : LADE_E_MEMORY;
	size_t i;

	if (!error && reading->check->repository)
		error = lade_chunk_opener_new(reading->check->repository, &reader.opener, NULL);
	while (!error && !reading->error && check_goes_on(reading->check) && (i = reading->next++) < reading->check->pack_count)
		error = check_one(&reader, &reading->check->packs[i]);
	if (error)
		reading->error = error;
	lade_chunk_opener_free(reader.opener);
	EVP_MD_CTX_free(reader.digest);
	free(reader.bytes);
	free(reader.room);
}

int check_packs(struct check *check, struct lade_fault *fault)
{
	struct reading reading = { .check = check };

	check_together(check, work, &reading);
	return reading.error ? lade_fault_set(fault, reading.error, "check packs", NULL) : 0;
}
