/*
 * fuzz_repository, the objects that hold something sealed. Helped, the input is what is under the seal, which whoever has the keys of a write-only
 * client can make: a thief of them, say.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/note.h"
#include "agent/store/sealed_list.h"
#include "agent/store/snapshot_internal.h"
#include "agent/store/table.h"
#include "protocol/byteorder.h"
#include "tests/fuzz/repository.h"

#define BUFFER_MAX (1u << 22)

/* ---- snapshots and notes ---- */

/* An object with a secret and a list, as FORMAT.md has it. */
struct layout {
	enum lade_object_kind kind;
	struct lade_sealed_secret place;
	const char *words;
	const char *word;    /* with which the list is sealed */
	bool all_before;     /* ... and all of the object before it */
	bool tables;         /* there are some before the list */
	size_t least;
};

static const struct layout snapshot_layout = {
	LADE_OBJECT_SNAPSHOT, { 136, "lade snapshot commitment", "lade snapshot", false }, "lade snapshot", "snapshot", true, true, LADE_SNAPSHOT_LIST_LEAST,
};
static const struct layout note_layout = {
	LADE_OBJECT_NOTE, { 88, "lade note commitment", "lade note", false }, "lade note", "note", false, false, 256,
};

static void put_tables(struct lade_writer *object, struct fuzz_input *input)
{
	const uint32_t count = input->size ? input->data[0] % 4 : 0;

	if (input->size) {
		input->data++;
		input->size--;
	}
	lade_object_put_u32(object, count);
	fuzz_take(object, input, count * LADE_HASH_LEN);
}

/* Seal what is left of the input as the list. */
static void put_list(struct lade_writer *object, const struct fuzz_input *input, const struct layout *layout)
{
	struct lade_seal *seal = NULL;
	struct lade_writer data;

	fuzz_must(!lade_sealed_secret_put(object->data, &layout->place, fuzz_keys()->read_public, &seal));
	lade_writer_init(&data, BUFFER_MAX);
	lade_writer_put_bytes(&data, fuzz_keys()->repository, LADE_REPOSITORY_ID_LEN);
	lade_writer_put_bytes(&data, layout->word, strlen(layout->word));
	if (layout->all_before)
		lade_writer_put_bytes(&data, object->data, object->len);
	fuzz_must(!data.error && !lade_sealed_list_put(object, seal, lade_slice(data.data, data.len), lade_slice(input->data, input->size), layout->least));
	lade_writer_fini(&data);
	lade_seal_free(seal);
}

/* All of the object: helped, header, secret, seal and signature are good. */
static void make(struct lade_writer *object, struct fuzz_input *input, const struct layout *layout)
{
	lade_writer_init(object, BUFFER_MAX);
	if (!input->helped) {
		fuzz_take(object, input, input->size);
		return;
	}
	lade_object_begin(object, layout->kind, input->suite, fuzz_keys()->repository);
	fuzz_take(object, input, layout->place.off - object->len);
	lade_object_put_zeros(object, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	if (layout->tables)
		put_tables(object, input);
	put_list(object, input, layout);
	fuzz_must(!lade_object_sign(object, fuzz_keys()->root_seed, layout->words));
}

static struct lade_format format_of(enum lade_suite suite)
{
	struct lade_format format = { .encrypted = suite != LADE_SUITE_PLAIN };

	memcpy(format.repository, fuzz_keys()->repository, sizeof(format.repository));
	return format;
}

/* Write a description, and get it from its bytes again; another time it is the same bytes. */
static void describe_again(const struct lade_snapshot_description *description)
{
	struct lade_snapshot_description again = { .root = { NULL, 0 } };
	struct lade_writer list, other;
	size_t padded;

	lade_writer_init(&list, BUFFER_MAX);
	lade_writer_init(&other, BUFFER_MAX);
	fuzz_must(!lade_snapshot_description_put(&list, description));
	padded = lade_sealed_list_padded(list.len, LADE_SNAPSHOT_LIST_LEAST);
	again.bytes = calloc(1, padded);
	fuzz_must(again.bytes != NULL);
	memcpy(again.bytes, list.data, list.len);
	fuzz_must(!lade_snapshot_description_get(&again, padded) && !lade_snapshot_description_put(&other, &again));
	fuzz_must(list.len == other.len && memcmp(list.data, other.data, list.len) == 0);
	lade_snapshot_description_fini(&again);
	lade_writer_fini(&list);
	lade_writer_fini(&other);
}

void fuzz_snapshot(struct fuzz_input *input)
{
	const enum lade_suite suite = input->suite;
	const struct lade_format format = format_of(suite);
	const struct lade_pack_keys keys = fuzz_pack_keys(suite);
	struct lade_snapshot_description description;
	struct lade_snapshot_head head;
	struct lade_writer object;

	make(&object, input, &snapshot_layout);
	if (lade_snapshot_get_head(object.data, object.len, &format, &head) == 0) {
		fuzz_must(!input->helped || lade_snapshot_verify(&head, fuzz_keys()->root) == 0);
		if (lade_snapshot_open(&head, &keys, &description) == 0) {
			describe_again(&description);
			lade_snapshot_description_fini(&description);
		}
	}
	lade_writer_fini(&object);
}

void fuzz_note(struct fuzz_input *input)
{
	const enum lade_suite suite = input->suite;
	const struct lade_format format = format_of(suite);
	const struct lade_pack_keys keys = fuzz_pack_keys(suite);
	const struct lade_slice all = { input->data, input->size };
	const size_t front = note_layout.place.off - LADE_OBJECT_HEADER_LEN;
	struct lade_note_tags tags;
	struct lade_writer object, list;
	struct lade_note note;

	make(&object, input, &note_layout);
	if (lade_note_get(object.data, object.len, &format, &note) == 0) {
		fuzz_must(!input->helped || lade_note_verify(&note, fuzz_keys()->root) == 0);
		if (lade_note_open(&note, &keys, &tags) == 0) {
			lade_writer_init(&list, BUFFER_MAX);
			for (size_t i = 0; i < tags.count; i++)
				lade_writer_put_slice(&list, tags.tags[i]);
			/* They are what the list begins with, perhaps with zeros that were its padding. */
			if (input->helped && list.len && all.len > front)
				fuzz_must(memcmp(list.data, all.data + front, list.len < all.len - front ? list.len : all.len - front) == 0);
			lade_writer_fini(&list);
			lade_note_tags_fini(&tags);
		}
	}
	lade_writer_fini(&object);
}

/* ---- packs ---- */

/* Seal under the index key. */
static void seal_index(const uint8_t *header, const char *words, const uint8_t *bytes, size_t len, uint8_t *out)
{
	struct lade_pack_index_seal index = { .seal = NULL };

	fuzz_must(!lade_pack_index_start(&index, header, fuzz_keys()->index_secret, words, true));
	fuzz_must(!lade_seal_close(index.seal, &index.context, bytes, len, out));
	lade_seal_free(index.seal);
}

/* Rows of a trailer follow each other, are of chunks that there can be, and end where the chunks do. */
static void look_at_rows(const struct lade_pack_end *end, const struct lade_pack_row *rows)
{
	uint64_t off = LADE_PACK_HEADER_LEN;

	for (uint32_t i = 0; i < end->count; i++) {
		fuzz_must(rows[i].off == off && lade_table_row_ok(&rows[i]));
		off += rows[i].sealed_len;
	}
	fuzz_must(off == end->chunks_end);
}

/* What is left of the input: the end, then the trailer. */
static void read_index(const uint8_t header[LADE_PACK_HEADER_LEN], struct fuzz_input *input, const struct lade_pack_keys *keys)
{
	const size_t clear_len = LADE_PACK_END_LEN - LADE_SEAL_TAG_LEN;
	uint8_t sealed_end[LADE_PACK_END_LEN] = { 0 }, *trailer;
	struct lade_pack_row *rows;
	struct lade_pack_end end;
	struct lade_writer bytes;
	uint64_t pack_len;

	lade_writer_init(&bytes, clear_len);
	fuzz_take(&bytes, input, clear_len);
	if (input->helped)
		seal_index(header, "lade pack end", bytes.data, clear_len, sealed_end);
	else
		memcpy(sealed_end, bytes.data, clear_len);
	pack_len = (uint64_t)lade_get_le32(bytes.data) + lade_get_le32(bytes.data + 4) + LADE_PACK_END_LEN;
	lade_writer_fini(&bytes);
	if (lade_pack_open_end(header, keys, sealed_end, pack_len, &end))
		return;
	fuzz_must(pack_len <= LADE_PACK_LEN && end.count <= LADE_PACK_CHUNKS_MAX);
	/* Its rows, and zeros for those that the input does not have. */
	trailer = calloc(1, end.trailer_len);
	fuzz_must(trailer != NULL);
	memcpy(trailer, input->data, input->size < end.trailer_len - LADE_SEAL_TAG_LEN ? input->size : end.trailer_len - LADE_SEAL_TAG_LEN);
	seal_index(header, "lade pack trailer", trailer, end.trailer_len - LADE_SEAL_TAG_LEN, trailer);
	if (lade_pack_open_trailer(header, keys, &end, trailer, &rows) == 0) {
		look_at_rows(&end, rows);
		free(rows);
	}
	free(trailer);
}

/* Open the input as a chunk that is sealed in the pack. */
static void read_chunk(struct lade_seal *chunks, const struct fuzz_input *input)
{
	struct lade_pack_row row = { .kind = LADE_CHUNK_CONTENT, .off = LADE_PACK_HEADER_LEN, .sealed_len = (uint32_t)input->size };
	uint8_t *stored;

	if (input->size <= LADE_SEAL_TAG_LEN)
		return;
	row.len = row.sealed_len - LADE_SEAL_TAG_LEN;
	stored = malloc(row.len);
	fuzz_must(stored != NULL);
	(void)lade_pack_open_chunk(chunks, fuzz_keys()->repository, &row, input->data, stored);
	free(stored);
}

void fuzz_pack(struct fuzz_input *input)
{
	const struct lade_pack_keys keys = fuzz_pack_keys(input->suite);
	struct lade_seal *chunks = NULL, *seals = NULL;
	uint8_t header[LADE_PACK_HEADER_LEN];
	struct lade_writer bytes;
	uint32_t epoch;

	lade_writer_init(&bytes, LADE_PACK_HEADER_LEN);
	if (input->helped) {
		lade_object_begin(&bytes, LADE_OBJECT_PACK, input->suite, fuzz_keys()->repository);
		fuzz_take(&bytes, input, LADE_PACK_SECRET_OFF - bytes.len);
		lade_object_put_zeros(&bytes, LADE_PACK_HEADER_LEN - bytes.len);
	} else {
		fuzz_take(&bytes, input, LADE_PACK_HEADER_LEN);
	}
	memcpy(header, bytes.data, sizeof(header));
	lade_writer_fini(&bytes);
	if (input->helped)
		fuzz_must(!lade_sealed_secret_put(header, &lade_pack_secret, fuzz_keys()->read_public, &seals));
	lade_seal_free(seals);
	if (lade_pack_epoch(header, &keys, &epoch))
		return;
	if (lade_pack_open(header, &keys, &chunks) == 0)
		read_chunk(chunks, input);
	else
		fuzz_must(!input->helped);
	lade_seal_free(chunks);
	read_index(header, input, &keys);
}

/* ---- tables ---- */

/* A store of one object, which can only be read. */
struct one {
	struct lade_store store;
	const uint8_t *data;
	size_t len;
};

static int get_one(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	const struct one *one = (const struct one *)store;

	if (off > one->len || len > one->len - off)
		return lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	memcpy(out, one->data + off, len);
	return 0;
}

static const struct lade_store_operations one_operations = { .get = get_one };

/* What the sink has seen. */
struct seen {
	uint32_t replaced, packs;
	uint64_t rows;
	struct lade_table_row last;
};

static int see_replaced(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct seen *seen = context;

	(void)fault;
	seen->replaced += name != NULL;
	return 0;
}

static int see_pack(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct seen *seen = context;

	(void)fault;
	seen->packs += name != NULL;
	return 0;
}

static int see_row(void *context, const struct lade_table_row *row, struct lade_fault *fault)
{
	struct seen *seen = context;

	(void)fault;
	fuzz_must(row->pack < seen->packs && lade_table_row_ok(&row->row) && (!seen->rows || lade_table_row_compare(&seen->last, row) < 0));
	seen->rows++;
	seen->last = *row;
	return 0;
}

/* Who has signed all that there is: of a level above 0 as a manager. */
static void make_trust(struct lade_trust *trust, bool manager)
{
	const struct lade_format format = format_of(LADE_SUITE_AES_256_GCM);
	struct lade_statement statement = { .kind = manager ? LADE_SAYS_MANAGER : LADE_SAYS_WRITER };
	struct lade_writer bytes;

	fuzz_must(!lade_trust_init(trust, &format, (const uint8_t *)"", 0));
	memcpy(trust->root, fuzz_keys()->root, sizeof(trust->root));
	memcpy(statement.public_key, fuzz_keys()->root, sizeof(statement.public_key));
	lade_writer_init(&bytes, LADE_STATEMENT_LEN);
	fuzz_must(!lade_trust_say(&bytes, trust, &statement, fuzz_keys()->root_seed) && !lade_trust_hear(trust, bytes.data, bytes.len));
	lade_writer_fini(&bytes);
}

/* Seal clear, which has segments' lengths, behind a header. */
static void put_segments(struct lade_writer *object, const struct lade_writer *clear)
{
	struct lade_table_seal seal;
	uint8_t header[LADE_TABLE_HEADER_LEN];

	memcpy(header, object->data, sizeof(header));
	fuzz_must(!lade_table_seal_start(&seal, header, fuzz_keys()->index_secret, true));
	for (size_t off = 0; off < clear->len; off += LADE_TABLE_SEGMENT_LEN) {
		const size_t len = clear->len - off < LADE_TABLE_SEGMENT_LEN ? clear->len - off : LADE_TABLE_SEGMENT_LEN;
		uint8_t *out = lade_writer_reserve(object, len + LADE_SEAL_TAG_LEN);

		lade_table_seal_next(&seal, off / LADE_TABLE_SEGMENT_LEN, off + len == clear->len);
		fuzz_must(out && !lade_seal_close(seal.seal, &seal.context, clear->data + off, len, out));
		lade_writer_commit(object, len + LADE_SEAL_TAG_LEN);
	}
	lade_seal_free(seal.seal);
}

/*
 * A table that is signed and sealed: of the input its level, what byte 29 says, the 48 bytes of owner and salt, how many KiB of zeros come behind
 * what it has in the clear, and that.
 */
static void make_table(struct lade_writer *object, struct fuzz_input *input)
{
	const size_t header_front = 2 + 16 + 32 + 1;
	struct lade_writer front, clear;
	uint64_t padded;

	lade_writer_init(&front, header_front);
	lade_writer_init(&clear, BUFFER_MAX);
	fuzz_take(&front, input, header_front);
	fuzz_take(&clear, input, input->size ? input->size : 1);
	lade_object_put_zeros(&clear, (size_t)front.data[50] << 10);
	padded = lade_seal_padme(clear.len < 2 ? 2 : clear.len);
	lade_object_put_zeros(&clear, (size_t)padded - clear.len);
	lade_object_begin(object, LADE_OBJECT_TABLE, input->suite, fuzz_keys()->repository);
	lade_object_put_u32(object, FUZZ_EPOCH);
	lade_writer_put_bytes(object, front.data, 2);
	lade_object_put_zeros(object, 2);
	lade_writer_put_bytes(object, fuzz_keys()->party, LADE_PARTY_ID_LEN);
	lade_writer_put_bytes(object, front.data + 2, 48);
	lade_object_put_u64(object, clear.len + (clear.len + LADE_TABLE_SEGMENT_LEN - 1) / LADE_TABLE_SEGMENT_LEN * LADE_SEAL_TAG_LEN);
	put_segments(object, &clear);
	fuzz_must(!clear.error && !lade_object_sign(object, fuzz_keys()->root_seed, LADE_TABLE_WORDS));
	lade_writer_fini(&front);
	lade_writer_fini(&clear);
}

void fuzz_table(struct fuzz_input *input)
{
	struct lade_table_sink sink = { see_replaced, see_pack, see_row, NULL };
	struct lade_pins pins = { .encrypted = input->suite != LADE_SUITE_PLAIN };
	struct one one = { .store = { .operations = &one_operations } };
	struct lade_table_source source = { .store = &one.store, .object = "index/0/a", .level = -1, .encrypted = pins.encrypted };
	struct lade_keyring keyring;
	struct lade_table_info info;
	struct seen seen = { 0 };
	struct lade_writer object;
	struct lade_trust trust;

	lade_writer_init(&object, BUFFER_MAX);
	make_trust(&trust, input->size && input->data[0]);
	lade_keyring_init(&keyring, &pins);
	fuzz_must(!lade_keyring_add(&keyring, LADE_SECRET_INDEX, FUZZ_EPOCH, fuzz_keys()->index_secret));
	if (input->helped)
		make_table(&object, input);
	else
		fuzz_take(&object, input, input->size);
	one.data = object.data;
	one.len = object.len;
	source.len = object.len;
	source.trust = &trust;
	source.keyring = &keyring;
	sink.context = &seen;
	if (lade_table_read(&source, &sink, &info, NULL) == 0)
		fuzz_must(info.epoch == FUZZ_EPOCH && (info.level || (!seen.replaced && seen.rows <= LADE_TABLE_ROWS_MAX_0)));
	lade_writer_fini(&object);
	lade_keyring_fini(&keyring);
	lade_trust_fini(&trust);
}
