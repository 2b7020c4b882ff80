/*
 * Headers, fixed-width fields and signatures.
 */
#include "agent/store/object.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/error.h"

static const char magic[4] = { 'L', 'A', 'D', 'E' };

#define WORDS_LEN_MAX 64u

void lade_object_put_header(struct lade_writer *writer, const struct lade_object_header *header)
{
	lade_writer_put_bytes(writer, magic, sizeof(magic));
	lade_writer_put_u8(writer, (uint8_t)header->kind);
	lade_writer_put_u8(writer, LADE_OBJECT_VERSION);
	lade_writer_put_u8(writer, (uint8_t)header->suite);
	lade_writer_put_u8(writer, 0);
	lade_writer_put_bytes(writer, header->repository, sizeof(header->repository));
}

/* Which of both kinds of repositories has such objects is another matter. */
static bool suite_ok(enum lade_object_kind kind, uint8_t suite)
{
	switch (kind) {
	case LADE_OBJECT_PACK:
	case LADE_OBJECT_TABLE:
	case LADE_OBJECT_SNAPSHOT:
	case LADE_OBJECT_NOTE:
		return suite <= LADE_SUITE_XCHACHA20;
	case LADE_OBJECT_KEY:
		return suite == LADE_SUITE_XCHACHA20;
	default:
		return suite == LADE_SUITE_PLAIN;
	}
}

int lade_object_get_header(struct lade_reader *reader, enum lade_object_kind kind, struct lade_object_header *header_out)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, LADE_OBJECT_HEADER_LEN);

	if (reader->error || memcmp(bytes.data, magic, sizeof(magic)) != 0 || bytes.data[4] != kind)
		return LADE_E_CHANGED;
	if (bytes.data[5] != LADE_OBJECT_VERSION)
		return LADE_E_VERSION;
	if (!suite_ok(kind, bytes.data[LADE_OBJECT_SUITE_OFF]) || bytes.data[7])
		return LADE_E_CHANGED;
	header_out->kind = kind;
	header_out->suite = (enum lade_suite)bytes.data[LADE_OBJECT_SUITE_OFF];
	memcpy(header_out->repository, bytes.data + LADE_OBJECT_REPOSITORY_OFF, sizeof(header_out->repository));
	return 0;
}

void lade_object_begin(struct lade_writer *writer, enum lade_object_kind kind, enum lade_suite suite, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_object_header header = { .kind = kind, .suite = suite };

	memcpy(header.repository, repository, sizeof(header.repository));
	lade_object_put_header(writer, &header);
}

int lade_object_enter(struct lade_reader *reader, enum lade_object_kind kind, const uint8_t repository[LADE_REPOSITORY_ID_LEN],
		      enum lade_suite *suite_out)
{
	struct lade_object_header header;
	int error = lade_object_get_header(reader, kind, &header);

	if (error)
		return error;
	*suite_out = header.suite;
	return memcmp(header.repository, repository, sizeof(header.repository)) == 0 ? 0 : LADE_E_CHANGED;
}

void lade_object_put_u32(struct lade_writer *writer, uint32_t value)
{
	uint8_t bytes[4];

	lade_put_le32(bytes, value);
	lade_writer_put_bytes(writer, bytes, sizeof(bytes));
}

void lade_object_put_u64(struct lade_writer *writer, uint64_t value)
{
	uint8_t bytes[8];

	lade_put_le64(bytes, value);
	lade_writer_put_bytes(writer, bytes, sizeof(bytes));
}

void lade_object_put_zeros(struct lade_writer *writer, size_t len)
{
	uint8_t *bytes = len ? lade_writer_reserve(writer, len) : NULL;

	if (!bytes)
		return;
	memset(bytes, 0, len);
	lade_writer_commit(writer, len);
}

uint32_t lade_object_get_u32(struct lade_reader *reader)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, 4);

	return bytes.len ? lade_get_le32(bytes.data) : 0;
}

uint64_t lade_object_get_u64(struct lade_reader *reader)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, 8);

	return bytes.len ? lade_get_le64(bytes.data) : 0;
}

void lade_object_get_bytes(struct lade_reader *reader, void *out, size_t len)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, len);

	if (bytes.len)
		memcpy(out, bytes.data, len);
	else
		memset(out, 0, len);
}

void lade_object_get_zeros(struct lade_reader *reader, size_t len)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, len);

	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.data[i] && !reader->error)
			reader->error = LADE_E_PROTOCOL;
	}
}

/* ---- lists ---- */

bool lade_object_in_order(const uint8_t *items, size_t count, size_t item_len)
{
	for (size_t i = 1; i < count; i++) {
		if (memcmp(items + (i - 1) * item_len, items + i * item_len, item_len) >= 0)
			return false;
	}
	return true;
}

bool lade_object_has(const uint8_t *items, size_t count, size_t item_len, const uint8_t *item)
{
	size_t begin = 0, end = count;

	while (begin < end) {
		const size_t middle = begin + (end - begin) / 2;
		const int order = memcmp(item, items + middle * item_len, item_len);

		if (order == 0)
			return true;
		if (order < 0)
			end = middle;
		else
			begin = middle + 1;
	}
	return false;
}

/* qsort(3) tells its function nothing of lengths: there is one for each that lists have. */
static int compare_short(const void *a, const void *b)
{
	/* As numbers whose first byte counts most. */
	const uint64_t x = __builtin_bswap64(lade_get_le64(a)), y = __builtin_bswap64(lade_get_le64(b));

	return (x > y) - (x < y);
}

static int compare_hashes(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

size_t lade_object_sort(uint8_t *items, size_t count, size_t item_len)
{
	size_t kept = 0;

	assert(item_len == sizeof(uint64_t) || item_len == LADE_HASH_LEN);
	if (lade_object_in_order(items, count, item_len))
		return count;
	qsort(items, count, item_len, item_len == LADE_HASH_LEN ? compare_hashes : compare_short);
	for (size_t i = 1; i < count; i++) {
		const uint8_t *item = items + i * item_len;

		if (memcmp(items + kept * item_len, item, item_len) != 0 && ++kept != i)
			memcpy(items + kept * item_len, item, item_len);
	}
	return kept + 1;
}

/* ---- labels ---- */

bool lade_object_label_ok(const char *label)
{
	const size_t len = strlen(label);

	/* Of ASCII's control characters at least: who shows a label escapes what is left. */
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f)
			return false;
	}
	return len <= LADE_LABEL_LEN;
}

void lade_object_put_label(struct lade_writer *writer, const char *label)
{
	const size_t len = strlen(label);

	lade_writer_put_bytes(writer, label, len);
	lade_object_put_zeros(writer, LADE_LABEL_LEN - len);
}

void lade_object_get_label(struct lade_reader *reader, char label_out[LADE_LABEL_LEN + 1])
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, LADE_LABEL_LEN);
	size_t len;

	memset(label_out, 0, LADE_LABEL_LEN + 1);
	if (!bytes.len)
		return;
	memcpy(label_out, bytes.data, LADE_LABEL_LEN);
	len = strlen(label_out);
	if (!lade_object_label_ok(label_out) || !sodium_is_zero(bytes.data + len, LADE_LABEL_LEN - len))
		reader->error = LADE_E_PROTOCOL;
}

/* ---- hashes and signatures ---- */

int lade_object_hash(const void *data, size_t len, uint8_t hash_out[LADE_HASH_LEN])
{
	return EVP_Digest(data, len, hash_out, NULL, EVP_sha256(), NULL) == 1 ? 0 : LADE_E_MEMORY;
}

/* What is signed: the words, a zero, the repository and the hash. Returns its length. */
static unsigned long long describe(uint8_t out[WORDS_LEN_MAX + LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN], const char *words,
				   const uint8_t repository[LADE_REPOSITORY_ID_LEN], const uint8_t hash[LADE_HASH_LEN])
{
	const size_t words_len = strlen(words) + 1;

	memcpy(out, words, words_len);
	memcpy(out + words_len, repository, LADE_REPOSITORY_ID_LEN);
	memcpy(out + words_len + LADE_REPOSITORY_ID_LEN, hash, LADE_HASH_LEN);
	return words_len + LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN;
}

void lade_object_sign_hash(uint8_t signature_out[LADE_SIGNATURE_LEN], const uint8_t seed[LADE_SIGN_SEED_LEN], const char *words,
			   const uint8_t repository[LADE_REPOSITORY_ID_LEN], const uint8_t hash[LADE_HASH_LEN])
{
	uint8_t text[WORDS_LEN_MAX + LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN], public_key[crypto_sign_PUBLICKEYBYTES],
		secret[crypto_sign_SECRETKEYBYTES];
	const unsigned long long len = describe(text, words, repository, hash);

	(void)crypto_sign_seed_keypair(public_key, secret, seed);
	(void)crypto_sign_detached(signature_out, NULL, text, len, secret);
	sodium_memzero(secret, sizeof(secret));
}

int lade_object_sign(struct lade_writer *writer, const uint8_t seed[LADE_SIGN_SEED_LEN], const char *words)
{
	uint8_t hash[LADE_HASH_LEN], *signature = lade_writer_reserve(writer, LADE_SIGNATURE_LEN);
	int error;

	if (!signature)
		return writer->error;
	error = lade_object_hash(writer->data, writer->len, hash);
	if (error)
		return error;
	lade_object_sign_hash(signature, seed, words, writer->data + LADE_OBJECT_REPOSITORY_OFF, hash);
	lade_writer_commit(writer, LADE_SIGNATURE_LEN);
	return 0;
}

int lade_object_verify_hash(const uint8_t signature[LADE_SIGNATURE_LEN], const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], const char *words,
			    const uint8_t repository[LADE_REPOSITORY_ID_LEN], const uint8_t hash[LADE_HASH_LEN])
{
	uint8_t text[WORDS_LEN_MAX + LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN];
	const unsigned long long len = describe(text, words, repository, hash);

	return crypto_sign_verify_detached(signature, text, len, public_key) ? LADE_E_CHANGED : 0;
}

int lade_object_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], const char *words)
{
	uint8_t hash[LADE_HASH_LEN];
	int error;

	if (len < LADE_OBJECT_HEADER_LEN + LADE_SIGNATURE_LEN)
		return LADE_E_CHANGED;
	len -= LADE_SIGNATURE_LEN;
	error = lade_object_hash(object, len, hash);
	return error ? error : lade_object_verify_hash(object + len, public_key, words, object + LADE_OBJECT_REPOSITORY_OFF, hash);
}

int lade_object_end(struct lade_writer *writer, const uint8_t party[LADE_PARTY_ID_LEN], const uint8_t *seed, const char *words)
{
	if ((seed == NULL) != sodium_is_zero(party, LADE_PARTY_ID_LEN))
		return LADE_E_USAGE;
	if (writer->error)
		return writer->error;
	if (seed)
		return lade_object_sign(writer, seed, words);
	lade_object_put_zeros(writer, LADE_SIGNATURE_LEN);
	return writer->error;
}

bool lade_object_get_end(struct lade_reader *reader, const uint8_t party[LADE_PARTY_ID_LEN])
{
	const struct lade_slice signature = lade_reader_get_exact(reader, LADE_SIGNATURE_LEN);
	bool is_signed;

	if (!signature.len)
		return false;
	is_signed = !sodium_is_zero(signature.data, signature.len);
	if (is_signed == (sodium_is_zero(party, LADE_PARTY_ID_LEN) != 0))
		reader->error = LADE_E_PROTOCOL;
	return is_signed;
}
