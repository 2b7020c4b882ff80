/*
 * [table] A table that is read, some segments at a time. Each segment proves itself, but who made the table is known when its last byte has been
 * seen: until then all is provisional.
 *
 * A unit (a count, a name, a row) may lie across two segments: what is left of one is put before the next.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/table.h"
#include "protocol/byteorder.h"

#define BATCH_SEGMENTS 16u
#define SEALED_SEGMENT_LEN (LADE_TABLE_SEGMENT_LEN + LADE_SEAL_TAG_LEN)

/* What comes next in the clear. */
enum part { REPLACED_COUNT, REPLACED, PACK_COUNT, PACKS, ROW_COUNT, ROWS, PADDING };

struct reading {
	const struct lade_table_source *source;
	const struct lade_table_sink *sink;
	struct lade_fault *fault;
	struct lade_table_info *info;
	const struct lade_party *signer;
	struct lade_table_seal seal;
	EVP_MD_CTX *digest;
	uint64_t sealed_len, clear_len; /* of all segments */
	uint64_t used;                  /* of clear_len: before the padding, as far as it has been read */
	enum part part;
	uint64_t left;                  /* units that are still to come in this part */
	uint32_t pack_count;
	bool has_last;                  /* what was before the next name or row in its list: one of these */
	uint8_t last_name[LADE_HASH_LEN];
	struct lade_table_row last_row;
	uint8_t sealed[BATCH_SEGMENTS * SEALED_SEGMENT_LEN];
	size_t carried;                 /* bytes that clear begins with, from the segment before */
	uint8_t clear[LADE_TABLE_ROW_LEN + SEALED_SEGMENT_LEN];
};

static int failed(struct reading *reading, int error)
{
	return lade_fault_set(reading->fault, error, "read a table", reading->source->object);
}

static int changed(struct reading *reading)
{
	return failed(reading, LADE_E_CHANGED);
}

/* ---- the header ---- */

/* Who signed it, and whether he may sign such a table. */
static int find_signer(struct reading *reading)
{
	const struct lade_table_info *info = reading->info;

	reading->signer = lade_trust_find(reading->source->trust, info->signer);
	if (!reading->signer)
		return failed(reading, LADE_E_REFUSED);
	/* A writer speaks for nobody else, and merges nothing: or a stolen key could pass junk for another client's own rows. */
	if (reading->signer->kind != LADE_SAYS_MANAGER &&
	    (info->level || (!sodium_is_zero(info->owner, sizeof(info->owner)) && memcmp(info->owner, info->signer, sizeof(info->owner)) != 0)))
		return changed(reading);
	return 0;
}

/* The lengths that the header gives are those of the object, and those of whole segments. */
static bool lengths_ok(struct reading *reading)
{
	const uint64_t len = reading->sealed_len, segments = (len + SEALED_SEGMENT_LEN - 1) / SEALED_SEGMENT_LEN;

	if (len != reading->source->len - LADE_TABLE_HEADER_LEN - LADE_SIGNATURE_LEN || len - (segments - 1) * SEALED_SEGMENT_LEN <= LADE_SEAL_TAG_LEN)
		return false;
	reading->clear_len = len - segments * LADE_SEAL_TAG_LEN;
	return true;
}

static int get_header(struct reading *reading, const uint8_t bytes[LADE_TABLE_HEADER_LEN])
{
	const struct lade_table_source *source = reading->source;
	struct lade_table_info *info = reading->info;
	struct lade_object_header header;
	struct lade_reader reader;
	uint8_t opened;
	int error;

	lade_reader_init(&reader, bytes, LADE_TABLE_HEADER_LEN);
	error = lade_object_get_header(&reader, LADE_OBJECT_TABLE, &header);
	if (error)
		return failed(reading, error);
	info->epoch = lade_object_get_u32(&reader);
	info->level = lade_reader_get_u8(&reader);
	opened = lade_reader_get_u8(&reader);
	info->opened = opened == 1;
	lade_object_get_zeros(&reader, 2);
	memcpy(info->signer, bytes + 32, sizeof(info->signer));
	memcpy(info->owner, bytes + 48, sizeof(info->owner));
	reading->sealed_len = lade_get_le64(bytes + 96);
	if (reader.error || opened > 1 || memcmp(header.repository, source->trust->repository, sizeof(header.repository)) != 0 ||
	    (header.suite != LADE_SUITE_PLAIN) != source->encrypted || (source->level >= 0 && info->level != source->level) || !lengths_ok(reading))
		return changed(reading);
	return find_signer(reading);
}

/* Read the header, and get the key ready. */
static int start(struct reading *reading)
{
	static const uint8_t none[LADE_SEAL_KEY_LEN];
	const struct lade_table_source *source = reading->source;
	uint8_t header[LADE_TABLE_HEADER_LEN];
	const uint8_t *secret = none;
	int error;

	if (source->len > LADE_TABLE_LEN_MAX)
		return failed(reading, LADE_E_LIMIT);
	if (source->len <= LADE_TABLE_HEADER_LEN + LADE_SIGNATURE_LEN)
		return changed(reading);
	error = lade_store_get(source->store, source->object, 0, sizeof(header), header, reading->fault);
	if (!error)
		error = get_header(reading, header);
	if (error)
		return error;
	if (source->encrypted)
		secret = lade_keyring_find(source->keyring, LADE_SECRET_INDEX, reading->info->epoch);
	if (!secret)
		return failed(reading, LADE_E_UNSUPPORTED);
	reading->digest = EVP_MD_CTX_new();
	if (!reading->digest || EVP_DigestInit_ex(reading->digest, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(reading->digest, header, sizeof(header)) != 1 || lade_table_seal_start(&reading->seal, header, secret, false))
		return failed(reading, LADE_E_MEMORY);
	return 0;
}

/* ---- what is in the clear ---- */

static size_t unit_len(const struct reading *reading)
{
	switch (reading->part) {
	case REPLACED_COUNT:
	case PACK_COUNT:
		return 4;
	case REPLACED:
	case PACKS:
		return LADE_HASH_LEN;
	case ROW_COUNT:
		return 8;
	case ROWS:
		return LADE_TABLE_ROW_LEN;
	default:
		return 1;
	}
}

/* A list of count units of len bytes begins. They have to fit into what is left: so no count costs anything that the object does not have. */
static int begin_list(struct reading *reading, uint64_t count, uint64_t max, size_t len)
{
	if (count > max || count > (reading->clear_len - reading->used) / len)
		return changed(reading);
	reading->left = count;
	reading->has_last = false;
	reading->part++;
	return 0;
}

static int get_name(struct reading *reading, const uint8_t name[LADE_HASH_LEN])
{
	const struct lade_table_sink *sink = reading->sink;

	if (reading->has_last && memcmp(reading->last_name, name, LADE_HASH_LEN) >= 0)
		return changed(reading);
	reading->has_last = true;
	memcpy(reading->last_name, name, LADE_HASH_LEN);
	reading->left--;
	return reading->part == PACKS ? sink->pack(sink->context, name, reading->fault) : sink->replaces(sink->context, name, reading->fault);
}

static int get_row(struct reading *reading, const uint8_t bytes[LADE_TABLE_ROW_LEN])
{
	struct lade_table_row row;

	lade_table_row_get(bytes, &row);
	if (row.pack >= reading->pack_count || !lade_table_row_ok(&row.row) || (reading->has_last && lade_table_row_compare(&reading->last_row, &row) >= 0))
		return changed(reading);
	reading->has_last = true;
	reading->last_row = row;
	reading->left--;
	return reading->sink->row(reading->sink->context, &row, reading->fault);
}

/* One unit. */
static int get_unit(struct reading *reading, const uint8_t *bytes)
{
	const uint8_t level = reading->info->level;

	switch (reading->part) {
	case REPLACED_COUNT:
		return begin_list(reading, lade_get_le32(bytes), level ? UINT32_MAX : 0, LADE_HASH_LEN);
	case PACK_COUNT:
		reading->pack_count = lade_get_le32(bytes);
		return begin_list(reading, reading->pack_count, LADE_TABLE_PACKS_MAX, LADE_HASH_LEN);
	case ROW_COUNT:
		return begin_list(reading, lade_get_le64(bytes), level ? LADE_TABLE_ROWS_MAX : LADE_TABLE_ROWS_MAX_0, LADE_TABLE_ROW_LEN);
	case REPLACED:
	case PACKS:
		return get_name(reading, bytes);
	default:
		return get_row(reading, bytes);
	}
}

/* True if a list has ended, and something else comes next. */
static bool list_ended(const struct reading *reading)
{
	return (reading->part == REPLACED || reading->part == PACKS || reading->part == ROWS) && !reading->left;
}

/* All whole units of len bytes at reading->clear; what is left is carried. */
static int get_units(struct reading *reading, size_t len)
{
	const uint8_t *at = reading->clear;
	int error = 0;

	while (!error) {
		const size_t unit = unit_len(reading);

		if (reading->part == PADDING || len < unit)
			break;
		reading->used += unit;
		error = get_unit(reading, at);
		at += unit;
		len -= unit;
		while (list_ended(reading))
			reading->part++;
	}
	if (!error && reading->part == PADDING) {
		if (!sodium_is_zero(at, len))
			return changed(reading);
		len = 0;
	}
	if (!error)
		memmove(reading->clear, at, len);
	reading->carried = len;
	return error;
}

/* ---- segments ---- */

/* Open segment `number` of sealed_len bytes, and get what is in it. */
static int get_segment(struct reading *reading, uint64_t number, const uint8_t *sealed, size_t sealed_len)
{
	const bool last = number * SEALED_SEGMENT_LEN + sealed_len == reading->sealed_len;
	int error;

	lade_table_seal_next(&reading->seal, number, last);
	error = lade_seal_open(reading->seal.seal, &reading->seal.context, sealed, sealed_len, reading->clear + reading->carried);
	return error ? failed(reading, error) : get_units(reading, reading->carried + sealed_len - LADE_SEAL_TAG_LEN);
}

static int get_segments(struct reading *reading)
{
	int error = 0;

	for (uint64_t off = 0; off < reading->sealed_len && !error;) {
		const uint64_t rest = reading->sealed_len - off;
		const size_t len = rest < sizeof(reading->sealed) ? (size_t)rest : sizeof(reading->sealed);

		error = lade_store_get(reading->source->store, reading->source->object, LADE_TABLE_HEADER_LEN + off, len, reading->sealed, reading->fault);
		if (!error && EVP_DigestUpdate(reading->digest, reading->sealed, len) != 1)
			error = failed(reading, LADE_E_MEMORY);
		for (size_t at = 0; at < len && !error; at += SEALED_SEGMENT_LEN) {
			const size_t part = len - at < SEALED_SEGMENT_LEN ? len - at : SEALED_SEGMENT_LEN;

			error = get_segment(reading, (off + at) / SEALED_SEGMENT_LEN, reading->sealed + at, part);
		}
		off += len;
	}
	if (error)
		return error;
	/* All lists have ended, and are padded as they have to be. */
	return reading->part == PADDING && lade_seal_padme(reading->used) == reading->clear_len ? 0 : changed(reading);
}

/* ---- the end ---- */

static int finish(struct reading *reading)
{
	const struct lade_table_source *source = reading->source;
	EVP_MD_CTX *before = EVP_MD_CTX_new();
	uint8_t signature[LADE_SIGNATURE_LEN], hash[LADE_HASH_LEN];
	int error = lade_store_get(source->store, source->object, source->len - sizeof(signature), sizeof(signature), signature, reading->fault);

	if (!error && (!before || EVP_MD_CTX_copy_ex(before, reading->digest) != 1 || EVP_DigestFinal_ex(before, hash, NULL) != 1 ||
		       EVP_DigestUpdate(reading->digest, signature, sizeof(signature)) != 1 ||
		       EVP_DigestFinal_ex(reading->digest, reading->info->name, NULL) != 1))
		error = failed(reading, LADE_E_MEMORY);
	EVP_MD_CTX_free(before);
	if (error)
		return error;
	if (source->name && memcmp(source->name, reading->info->name, LADE_HASH_LEN) != 0)
		return changed(reading);
	error = lade_object_verify_hash(signature, reading->signer->public_key, LADE_TABLE_WORDS, source->trust->repository, hash);
	return error ? failed(reading, error) : 0;
}

int lade_table_read(const struct lade_table_source *source, const struct lade_table_sink *sink, struct lade_table_info *info_out,
		    struct lade_fault *fault)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int error;

	memset(info_out, 0, sizeof(*info_out));
	if (!reading)
		return lade_fault_set(fault, LADE_E_MEMORY, "read a table", source->object);
	reading->source = source;
	reading->sink = sink;
	reading->info = info_out;
	reading->fault = fault;
	error = start(reading);
	if (!error)
		error = get_segments(reading);
	if (!error)
		error = finish(reading);
	lade_seal_free(reading->seal.seal);
	EVP_MD_CTX_free(reading->digest);
	/* It had rows in the clear. */
	sodium_memzero(reading->clear, sizeof(reading->clear));
	free(reading);
	return error;
}
