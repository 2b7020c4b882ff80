/*
 * [table] Tables on their way to the store. Lengths are known before the first byte is sealed, so the object goes out in one pass, a segment at a
 * time; its name and its signature come of one SHA-256 that runs along.
 *
 * A builder keeps rows as they stand in a table, with the numbers of packs in the order in which these came; they get the numbers of the table when
 * all is sorted.
 */
#include "agent/store/table.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/name_table.h"
#include "protocol/byteorder.h"
#include "protocol/grow.h"

#define COUNTS_LEN (4u + 4u + 8u)
#define KIND_SHIFT 30u
#define LEN_MASK ((UINT32_C(1) << KIND_SHIFT) - 1)

/* ---- rows ---- */

bool lade_table_row_ok(const struct lade_pack_row *row)
{
	/* Behind the last chunk there are a trailer with a row for it, and the end. */
	const uint64_t rest = LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN + LADE_PACK_END_LEN;

	return row->kind >= LADE_CHUNK_CONTENT && row->kind <= LADE_CHUNK_RECIPE && row->len && row->len <= LADE_STRICT_CUT_GREATEST_MAX &&
	       row->sealed_len > LADE_SEAL_TAG_LEN && row->sealed_len - LADE_SEAL_TAG_LEN <= row->len && row->off >= LADE_PACK_HEADER_LEN &&
	       (uint64_t)row->off + row->sealed_len + rest <= LADE_PACK_LEN;
}

int lade_table_row_compare(const struct lade_table_row *a, const struct lade_table_row *b)
{
	const int order = memcmp(a->row.id, b->row.id, sizeof(a->row.id));

	return order ? order : (a->pack > b->pack) - (a->pack < b->pack);
}

void lade_table_row_put(uint8_t out[LADE_TABLE_ROW_LEN], const struct lade_table_row *row)
{
	memcpy(out, row->row.id, LADE_CHUNK_ID_LEN);
	lade_put_le32(out + 32, row->pack);
	lade_put_le32(out + 36, row->row.off);
	lade_put_le32(out + 40, row->row.sealed_len);
	lade_put_le32(out + 44, row->row.len | (uint32_t)row->row.kind << KIND_SHIFT);
}

void lade_table_row_get(const uint8_t bytes[LADE_TABLE_ROW_LEN], struct lade_table_row *row_out)
{
	const uint32_t len = lade_get_le32(bytes + 44);

	memcpy(row_out->row.id, bytes, LADE_CHUNK_ID_LEN);
	row_out->pack = lade_get_le32(bytes + 32);
	row_out->row.off = lade_get_le32(bytes + 36);
	row_out->row.sealed_len = lade_get_le32(bytes + 40);
	row_out->row.len = len & LEN_MASK;
	row_out->row.kind = (enum lade_chunk_kind)(len >> KIND_SHIFT);
}

void lade_table_object_name(uint8_t level, const uint8_t name[LADE_HASH_LEN], char out[LADE_TABLE_NAME_SIZE])
{
	char hex[2 * LADE_HASH_LEN + 1];

	sodium_bin2hex(hex, sizeof(hex), name, LADE_HASH_LEN);
	snprintf(out, LADE_TABLE_NAME_SIZE, "index/%u/%s", level, hex);
}

/* ---- keys ---- */

int lade_table_seal_start(struct lade_table_seal *table, const uint8_t header[LADE_TABLE_HEADER_LEN], const uint8_t index_secret[LADE_SEAL_KEY_LEN],
			  bool seals)
{
	static const uint8_t word[5] = { 't', 'a', 'b', 'l', 'e' };
	const uint8_t *repository = header + LADE_OBJECT_REPOSITORY_OFF;
	uint8_t key[LADE_SEAL_KEY_LEN];
	int error = lade_seal_derive(key, index_secret, header, LADE_TABLE_HEADER_LEN, LADE_TABLE_WORDS, repository);

	table->seal = NULL;
	memcpy(table->data, repository, LADE_REPOSITORY_ID_LEN);
	memcpy(table->data + LADE_REPOSITORY_ID_LEN, word, sizeof(word));
	table->context = (struct lade_seal_context){ .data = table->data, .data_len = sizeof(table->data) };
	if (!error)
		error = lade_seal_new((enum lade_suite)header[LADE_OBJECT_SUITE_OFF], key, seals, &table->seal);
	sodium_memzero(key, sizeof(key));
	return error;
}

void lade_table_seal_next(struct lade_table_seal *table, uint64_t number, bool last)
{
	table->context.number = number | (uint64_t)last << 63;
}

/* ---- a table on its way ---- */

struct way {
	struct lade_table_seal seal;
	struct lade_store_put *put;
	EVP_MD_CTX *digest;
	uint64_t left;    /* bytes in the clear, padding among them, that are not yet in the buffer */
	uint64_t segment; /* that is in the buffer */
	size_t len;       /* of it */
	struct lade_fault *fault;
	uint8_t buffer[LADE_TABLE_SEGMENT_LEN + LADE_SEAL_TAG_LEN];
};

static int failed(struct way *way, int error)
{
	return lade_fault_set(way->fault, error, "make a table", NULL);
}

/* Have bytes stored. */
static int append(struct way *way, const void *bytes, size_t len)
{
	if (EVP_DigestUpdate(way->digest, bytes, len) != 1)
		return failed(way, LADE_E_MEMORY);
	return lade_store_append(way->put, bytes, len, way->fault);
}

/* Seal what is in the buffer. */
static int end_segment(struct way *way)
{
	int error;

	lade_table_seal_next(&way->seal, way->segment++, way->left == 0);
	error = lade_seal_close(way->seal.seal, &way->seal.context, way->buffer, way->len, way->buffer);
	if (error)
		return failed(way, error);
	error = append(way, way->buffer, way->len + LADE_SEAL_TAG_LEN);
	way->len = 0;
	return error;
}

/* Append bytes in the clear; NULL: zeros. */
static int put(struct way *way, const void *bytes, uint64_t len)
{
	const uint8_t *from = bytes;
	int error = 0;

	while (len && !error) {
		const size_t room = LADE_TABLE_SEGMENT_LEN - way->len, part = len < room ? (size_t)len : room;

		if (from) {
			memcpy(way->buffer + way->len, from, part);
			from += part;
		} else {
			memset(way->buffer + way->len, 0, part);
		}
		way->len += part;
		way->left -= part;
		len -= part;
		if (way->len == LADE_TABLE_SEGMENT_LEN || !way->left)
			error = end_segment(way);
	}
	return error;
}

/* A list of names that are in order. */
static int put_names(struct way *way, const uint8_t (*names)[LADE_HASH_LEN], uint32_t count)
{
	uint8_t bytes[4];
	int error;

	lade_put_le32(bytes, count);
	error = put(way, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < count && !error; i++) {
		if (i && memcmp(names[i - 1], names[i], LADE_HASH_LEN) >= 0)
			return failed(way, LADE_E_REFUSED);
		error = put(way, names[i], LADE_HASH_LEN);
	}
	return error;
}

static int put_rows(struct way *way, const struct lade_table_content *content)
{
	struct lade_table_row rows[2];
	uint8_t bytes[LADE_TABLE_ROW_LEN];
	int error;

	lade_put_le64(bytes, content->row_count);
	error = put(way, bytes, 8);
	for (uint64_t i = 0; i < content->row_count && !error; i++) {
		struct lade_table_row *row = &rows[i & 1];

		error = content->next(content->context, row, way->fault);
		if (error)
			return error;
		if (row->pack >= content->pack_count || !lade_table_row_ok(&row->row) || (i && lade_table_row_compare(&rows[~i & 1], row) >= 0))
			return failed(way, LADE_E_REFUSED);
		lade_table_row_put(bytes, row);
		error = put(way, bytes, sizeof(bytes));
	}
	return error;
}

static int make_header(uint8_t out[LADE_TABLE_HEADER_LEN], const struct lade_table_setup *setup, uint64_t sealed_len)
{
	const struct lade_table_info *info = &setup->info;
	struct lade_object_header header = { .kind = LADE_OBJECT_TABLE, .suite = setup->suite };
	struct lade_writer writer;
	uint8_t salt[32];
	int error;

	memcpy(header.repository, setup->repository, sizeof(header.repository));
	randombytes_buf(salt, sizeof(salt));
	lade_writer_init(&writer, LADE_TABLE_HEADER_LEN);
	lade_object_put_header(&writer, &header);
	lade_object_put_u32(&writer, info->epoch);
	lade_writer_put_u8(&writer, info->level);
	lade_writer_put_u8(&writer, info->opened);
	lade_object_put_zeros(&writer, 2);
	lade_writer_put_bytes(&writer, info->signer, sizeof(info->signer));
	lade_writer_put_bytes(&writer, info->owner, sizeof(info->owner));
	lade_writer_put_bytes(&writer, salt, sizeof(salt));
	lade_object_put_u64(&writer, sealed_len);
	error = writer.error;
	if (!error)
		memcpy(out, writer.data, LADE_TABLE_HEADER_LEN);
	lade_writer_fini(&writer);
	return error;
}

/* Signature and name. */
static int put_signature(struct way *way, const struct lade_table_setup *setup, uint8_t name_out[LADE_HASH_LEN])
{
	EVP_MD_CTX *before = EVP_MD_CTX_new();
	uint8_t hash[LADE_HASH_LEN], signature[LADE_SIGNATURE_LEN];
	const bool done = before && EVP_MD_CTX_copy_ex(before, way->digest) == 1 && EVP_DigestFinal_ex(before, hash, NULL) == 1;
	int error;

	EVP_MD_CTX_free(before);
	if (!done)
		return failed(way, LADE_E_MEMORY);
	lade_object_sign_hash(signature, setup->seed, LADE_TABLE_WORDS, setup->repository, hash);
	error = append(way, signature, sizeof(signature));
	if (!error && EVP_DigestFinal_ex(way->digest, name_out, NULL) != 1)
		error = failed(way, LADE_E_MEMORY);
	return error;
}

/* All of the object, whose bytes in the clear are way->left with len of them content. */
static int put_all(struct way *way, const struct lade_table_setup *setup, const struct lade_table_content *content, uint64_t len)
{
	const uint64_t padding = way->left - len, segments = (way->left + LADE_TABLE_SEGMENT_LEN - 1) / LADE_TABLE_SEGMENT_LEN;
	const uint64_t sealed_len = way->left + segments * LADE_SEAL_TAG_LEN;
	uint8_t header[LADE_TABLE_HEADER_LEN];
	int error;

	if (LADE_TABLE_HEADER_LEN + sealed_len + LADE_SIGNATURE_LEN > LADE_TABLE_LEN_MAX)
		return failed(way, LADE_E_LIMIT);
	error = make_header(header, setup, sealed_len);
	way->digest = EVP_MD_CTX_new();
	if (!error && (!way->digest || EVP_DigestInit_ex(way->digest, EVP_sha256(), NULL) != 1))
		error = LADE_E_MEMORY;
	if (!error)
		error = lade_table_seal_start(&way->seal, header, setup->index_secret, true);
	if (error)
		return failed(way, error);
	error = lade_store_begin(setup->store, &way->put, way->fault);
	if (!error)
		error = append(way, header, sizeof(header));
	if (!error)
		error = put_names(way, content->replaced, content->replaced_count);
	if (!error)
		error = put_names(way, content->packs, content->pack_count);
	if (!error)
		error = put_rows(way, content);
	return error ? error : put(way, NULL, padding);
}

int lade_table_write(const struct lade_table_setup *setup, const struct lade_table_content *content, uint8_t name_out[LADE_HASH_LEN],
		     struct lade_fault *fault)
{
	const uint64_t rows_max = setup->info.level ? LADE_TABLE_ROWS_MAX : LADE_TABLE_ROWS_MAX_0;
	const uint64_t names = (uint64_t)content->replaced_count + content->pack_count;
	struct way *way;
	uint64_t len;
	int error;

	if (content->row_count > rows_max || content->pack_count > LADE_TABLE_PACKS_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "make a table", NULL);
	if (!setup->info.level && content->replaced_count)
		return lade_fault_set(fault, LADE_E_REFUSED, "make a table", NULL);
	way = calloc(1, sizeof(*way));
	if (!way)
		return lade_fault_set(fault, LADE_E_MEMORY, "make a table", NULL);
	way->fault = fault;
	len = COUNTS_LEN + names * LADE_HASH_LEN + content->row_count * LADE_TABLE_ROW_LEN;
	way->left = lade_seal_padme(len);
	error = put_all(way, setup, content, len);
	if (!error)
		error = put_signature(way, setup, name_out);
	if (!error) {
		error = lade_store_finish(way->put, setup->object, fault);
		way->put = NULL;
	}
	lade_store_abandon(way->put);
	lade_seal_free(way->seal.seal);
	EVP_MD_CTX_free(way->digest);
	free(way);
	return error;
}

/* ---- rows in any order ---- */

struct lade_table_builder {
	uint8_t (*rows)[LADE_TABLE_ROW_LEN]; /* count of room */
	size_t room;
	uint32_t count;
	struct lade_name_table packs;        /* their names, by the numbers in the rows */
};

int lade_table_builder_new(struct lade_table_builder **builder_out)
{
	*builder_out = calloc(1, sizeof(**builder_out));
	return *builder_out ? 0 : LADE_E_MEMORY;
}

void lade_table_builder_free(struct lade_table_builder *builder)
{
	if (!builder)
		return;
	free(builder->rows);
	lade_name_table_fini(&builder->packs);
	free(builder);
}

uint32_t lade_table_builder_count(const struct lade_table_builder *builder)
{
	return builder->count;
}

int lade_table_builder_add(struct lade_table_builder *builder, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *row)
{
	struct lade_table_row full = { .row = *row };
	void *rows;
	int error;

	if (builder->count == LADE_TABLE_ROWS_MAX_0)
		return LADE_E_LIMIT;
	if (!lade_table_row_ok(row))
		return LADE_E_REFUSED;
	rows = lade_grown(builder->rows, builder->count, &builder->room, LADE_TABLE_ROW_LEN);
	if (!rows)
		return LADE_E_MEMORY;
	builder->rows = rows;
	error = lade_name_table_add(&builder->packs, pack, &full.pack);
	if (error)
		return error;
	lade_table_row_put(builder->rows[builder->count++], &full);
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const int order = memcmp(a, b, LADE_CHUNK_ID_LEN);
	const uint32_t pack_a = lade_get_le32((const uint8_t *)a + LADE_CHUNK_ID_LEN), pack_b = lade_get_le32((const uint8_t *)b + LADE_CHUNK_ID_LEN);

	return order ? order : (pack_a > pack_b) - (pack_a < pack_b);
}

/* Number the rows' packs anew, as the array to says. */
static void renumber(struct lade_table_builder *builder, const uint32_t *to)
{
	for (uint32_t i = 0; i < builder->count; i++) {
		uint8_t *pack = builder->rows[i] + LADE_CHUNK_ID_LEN;

		lade_put_le32(pack, to[lade_get_le32(pack)]);
	}
}

/* Drop rows that are there twice; they are sorted. */
static void drop_doubles(struct lade_table_builder *builder)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < builder->count; i++) {
		if (kept && compare_rows(builder->rows[kept - 1], builder->rows[i]) == 0)
			continue;
		if (kept != i)
			memcpy(builder->rows[kept], builder->rows[i], LADE_TABLE_ROW_LEN);
		kept++;
	}
	builder->count = kept;
}

/* Sort all. */
static int sort(struct lade_table_builder *builder)
{
	uint32_t *to;
	int error = lade_name_table_sort(&builder->packs, &to);

	if (error)
		return error;
	renumber(builder, to);
	free(to);
	if (builder->count)
		qsort(builder->rows, builder->count, LADE_TABLE_ROW_LEN, compare_rows);
	drop_doubles(builder);
	return 0;
}

struct builder_rows {
	const struct lade_table_builder *builder;
	uint32_t at;
};

static int next_row(void *context, struct lade_table_row *row_out, struct lade_fault *fault)
{
	struct builder_rows *rows = context;

	(void)fault;
	lade_table_row_get(rows->builder->rows[rows->at++], row_out);
	return 0;
}

int lade_table_builder_write(struct lade_table_builder *builder, const struct lade_table_setup *setup, uint8_t name_out[LADE_HASH_LEN],
			     struct lade_fault *fault)
{
	struct builder_rows rows = { .builder = builder };
	struct lade_table_content content = { .next = next_row, .context = &rows };
	int error = setup->info.level ? LADE_E_REFUSED : sort(builder);

	if (error)
		return lade_fault_set(fault, error, "make a table", NULL);
	/* Once they were sorted there is an array, even of none. */
	assert(builder->packs.names);
	content.packs = (const uint8_t(*)[LADE_HASH_LEN])builder->packs.names;
	content.pack_count = builder->packs.count;
	content.row_count = builder->count;
	error = lade_table_write(setup, &content, name_out, fault);
	if (error)
		return error;
	builder->count = 0;
	lade_name_table_fini(&builder->packs);
	return 0;
}
