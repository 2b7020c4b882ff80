/*
 * [pack] A pack on its way to the store. The name is known at the end, when all bytes have gone through SHA-256.
 */
#include "agent/store/pack.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/object_name.h"
#include "protocol/byteorder.h"

#define PADDING_PART 65536u

/* Sealed chunks go to the store when there are so many bytes of them: those of small files are many. */
#define FLUSH_LEN (512u << 10)

struct lade_pack {
	struct lade_pack_setup setup;
	struct lade_store_put *put;
	struct lade_seal *chunks;
	EVP_MD_CTX *digest;
	struct lade_writer trailer;
	uint8_t header[LADE_PACK_HEADER_LEN];
	uint8_t *buffer; /* of sealed chunks that the store does not have yet: buffered of buffer_len bytes */
	size_t buffer_len, buffered;
	uint32_t len, count;
};

const struct lade_sealed_secret lade_pack_secret = {
	.off = LADE_PACK_SECRET_OFF,
	.commitment = "lade pack commitment",
	.key = "lade pack chunks",
	.random_if_plain = true,
};

void lade_pack_object_name(const uint8_t name[LADE_HASH_LEN], char out[LADE_PACK_NAME_SIZE])
{
	struct lade_object_name parts = { .kind = LADE_NAME_PACK };
	char text[LADE_OBJECT_NAME_MAX + 1];

	memcpy(parts.hash, name, sizeof(parts.hash));
	lade_object_name_format(&parts, text);
	memcpy(out, text, LADE_PACK_NAME_SIZE);
}

void lade_pack_abandon(struct lade_pack *pack)
{
	if (!pack)
		return;
	lade_store_abandon(pack->put);
	lade_seal_free(pack->chunks);
	EVP_MD_CTX_free(pack->digest);
	lade_writer_fini(&pack->trailer);
	free(pack->buffer);
	sodium_memzero(&pack->setup, sizeof(pack->setup));
	free(pack);
}

/* ---- the beginning ---- */

static int make_header(struct lade_pack *pack)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_PACK_HEADER_LEN);
	lade_object_begin(&writer, LADE_OBJECT_PACK, pack->setup.suite, pack->setup.repository);
	lade_object_put_u32(&writer, pack->setup.epoch);
	lade_object_put_u32(&writer, 0);
	lade_writer_put_bytes(&writer, pack->setup.writer, sizeof(pack->setup.writer));
	if (!writer.error)
		memcpy(pack->header, writer.data, writer.len);
	lade_writer_fini(&writer);
	if (writer.error)
		return writer.error;
	return lade_sealed_secret_put(pack->header, &lade_pack_secret, pack->setup.epoch_public, &pack->chunks);
}

/* Have bytes stored, which count already. */
static int hand_over(struct lade_pack *pack, const void *bytes, size_t len, struct lade_fault *fault)
{
	if (EVP_DigestUpdate(pack->digest, bytes, len) != 1)
		return lade_fault_set(fault, LADE_E_MEMORY, "make a pack", NULL);
	return lade_store_append(pack->put, bytes, len, fault);
}

/* Have the chunks stored that wait. */
static int flush(struct lade_pack *pack, struct lade_fault *fault)
{
	const size_t len = pack->buffered;

	pack->buffered = 0;
	return len ? hand_over(pack, pack->buffer, len, fault) : 0;
}

/* Have bytes stored that are no chunk. */
static int append(struct lade_pack *pack, const void *bytes, size_t len, struct lade_fault *fault)
{
	const int error = flush(pack, fault);

	pack->len += (uint32_t)len;
	return error ? error : hand_over(pack, bytes, len, fault);
}

int lade_pack_begin(struct lade_store *store, const struct lade_pack_setup *setup, struct lade_pack **pack_out, struct lade_fault *fault)
{
	struct lade_pack *pack = calloc(1, sizeof(*pack));
	int error;

	if (!pack)
		return lade_fault_set(fault, LADE_E_MEMORY, "make a pack", NULL);
	pack->setup = *setup;
	lade_writer_init(&pack->trailer, (size_t)LADE_PACK_CHUNKS_MAX * LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN);
	pack->digest = EVP_MD_CTX_new();
	error = pack->digest && EVP_DigestInit_ex(pack->digest, EVP_sha256(), NULL) == 1 ? make_header(pack) : LADE_E_MEMORY;
	if (error)
		lade_fault_set(fault, error, "make a pack", NULL);
	else
		error = lade_store_begin(store, &pack->put, fault);
	if (!error)
		error = append(pack, pack->header, sizeof(pack->header), fault);
	if (error) {
		lade_pack_abandon(pack);
		return error;
	}
	*pack_out = pack;
	return 0;
}

/* ---- chunks ---- */

bool lade_pack_fits(const struct lade_pack *pack, size_t stored_len)
{
	const uint64_t rows = (uint64_t)(pack->count + 1) * LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN;

	return pack->count < LADE_PACK_CHUNKS_MAX &&
	       pack->len + (uint64_t)stored_len + LADE_SEAL_TAG_LEN + rows + LADE_PACK_END_LEN <= LADE_PACK_LEN;
}

static int make_room(struct lade_pack *pack, size_t len)
{
	uint8_t *buffer;

	if (len <= pack->buffer_len)
		return 0;
	if (len < 2 * (size_t)FLUSH_LEN)
		len = 2 * (size_t)FLUSH_LEN;
	buffer = realloc(pack->buffer, len);
	if (!buffer)
		return LADE_E_MEMORY;
	pack->buffer = buffer;
	pack->buffer_len = len;
	return 0;
}

void lade_pack_describe_chunk(const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_row *row, uint8_t out[LADE_PACK_CHUNK_DATA_LEN])
{
	static const uint8_t word[] = { 'c', 'h', 'u', 'n', 'k' };

	memcpy(out, repository, LADE_REPOSITORY_ID_LEN);
	out += LADE_REPOSITORY_ID_LEN;
	memcpy(out, word, sizeof(word));
	out[sizeof(word)] = (uint8_t)row->kind;
	memcpy(out + sizeof(word) + 1, row->id, LADE_CHUNK_ID_LEN);
}

static void put_row(struct lade_writer *trailer, const struct lade_pack_row *row)
{
	lade_writer_put_bytes(trailer, row->id, sizeof(row->id));
	lade_writer_put_u8(trailer, (uint8_t)row->kind);
	lade_object_put_u32(trailer, row->sealed_len);
	lade_object_put_u32(trailer, row->len);
}

int lade_pack_add(struct lade_pack *pack, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, struct lade_slice stored, size_t len,
		  struct lade_pack_row *row_out, struct lade_fault *fault)
{
	uint8_t data[LADE_PACK_CHUNK_DATA_LEN];
	const struct lade_seal_context context = { .number = pack->len, .data = data, .data_len = sizeof(data) };
	int error = make_room(pack, pack->buffered + stored.len + LADE_SEAL_TAG_LEN);

	*row_out = (struct lade_pack_row){ .kind = kind, .off = pack->len, .sealed_len = (uint32_t)(stored.len + LADE_SEAL_TAG_LEN), .len = (uint32_t)len };
	memcpy(row_out->id, id, sizeof(row_out->id));
	lade_pack_describe_chunk(pack->setup.repository, row_out, data);
	if (!error)
		error = lade_seal_close(pack->chunks, &context, stored.data, stored.len, pack->buffer + pack->buffered);
	if (!error) {
		put_row(&pack->trailer, row_out);
		error = pack->trailer.error;
	}
	if (error)
		return lade_fault_set(fault, error, "seal a chunk", NULL);
	pack->count++;
	pack->len += row_out->sealed_len;
	pack->buffered += row_out->sealed_len;
	return pack->buffered < FLUSH_LEN ? 0 : flush(pack, fault);
}

uint32_t lade_pack_count(const struct lade_pack *pack)
{
	return pack->count;
}

/* ---- the end ---- */

/* Bytes that nobody can tell from sealed ones; zeros in a plain repository. */
static int pad(struct lade_pack *pack, uint64_t len, struct lade_fault *fault)
{
	uint8_t part[PADDING_PART] = { 0 };
	int error = 0;

	while (len && !error) {
		const size_t part_len = len < sizeof(part) ? (size_t)len : sizeof(part);

		if (pack->setup.suite != LADE_SUITE_PLAIN)
			randombytes_buf(part, part_len);
		error = append(pack, part, part_len, fault);
		len -= part_len;
	}
	return error;
}

/* Seal what is under the index key, in place, and append it; bytes has room for the tag. */
static int append_sealed(struct lade_pack *pack, const char *words, uint8_t *bytes, size_t len, struct lade_fault *fault)
{
	struct lade_pack_index_seal index;
	int error = lade_pack_index_start(&index, pack->header, pack->setup.index_secret, words, true);

	if (!error)
		error = lade_seal_close(index.seal, &index.context, bytes, len, bytes);
	lade_seal_free(index.seal);
	return error ? lade_fault_set(fault, error, "make a pack", NULL) : append(pack, bytes, len + LADE_SEAL_TAG_LEN, fault);
}

static int append_end(struct lade_pack *pack, uint32_t trailer_off, uint32_t trailer_len, uint32_t chunks_end, struct lade_fault *fault)
{
	uint8_t end[LADE_PACK_END_LEN] = { 0 };

	lade_put_le32(end, trailer_off);
	lade_put_le32(end + 4, trailer_len);
	lade_put_le32(end + 8, pack->count);
	lade_put_le32(end + 12, chunks_end);
	return append_sealed(pack, "lade pack end", end, sizeof(end) - LADE_SEAL_TAG_LEN, fault);
}

/* Padding, trailer and end. */
static int complete(struct lade_pack *pack, bool whole, struct lade_fault *fault)
{
	const uint32_t chunks_end = pack->len, trailer_len = (uint32_t)pack->trailer.len + LADE_SEAL_TAG_LEN;
	const uint64_t bare = (uint64_t)chunks_end + trailer_len + LADE_PACK_END_LEN;
	uint64_t full = whole ? LADE_PACK_LEN : lade_seal_padme(bare);
	uint32_t trailer_off;
	int error;

	/* PADME of what is nearly whole is more than that. */
	if (full > LADE_PACK_LEN)
		full = LADE_PACK_LEN;
	error = pad(pack, full - bare, fault);
	if (error)
		return error;
	trailer_off = pack->len;
	/* Room for the tag. */
	if (!lade_writer_reserve(&pack->trailer, LADE_SEAL_TAG_LEN))
		return lade_fault_set(fault, pack->trailer.error, "make a pack", NULL);
	error = append_sealed(pack, "lade pack trailer", pack->trailer.data, pack->trailer.len, fault);
	return error ? error : append_end(pack, trailer_off, trailer_len, chunks_end, fault);
}

int lade_pack_finish(struct lade_pack *pack, bool whole, uint8_t name_out[LADE_HASH_LEN], struct lade_fault *fault)
{
	char name[LADE_PACK_NAME_SIZE];
	int error = complete(pack, whole, fault);

	if (!error && EVP_DigestFinal_ex(pack->digest, name_out, NULL) != 1)
		error = lade_fault_set(fault, LADE_E_MEMORY, "make a pack", NULL);
	if (!error) {
		lade_pack_object_name(name_out, name);
		error = lade_store_finish(pack->put, name, fault);
		pack->put = NULL;
	}
	lade_pack_abandon(pack);
	return error;
}
