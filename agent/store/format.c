/*
 * [format] `format`, to and from bytes.
 */
#include "agent/store/format.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sodium.h>
#include <string.h>

#include "protocol/error.h"

#define WORDS "lade format"
#define CUT_WAY 1u

/* Half a MiB on average, and an eighth of that. */
static const struct lade_strict_cut_lengths content_lengths = { 262144, 430085, 2097152 };
static const struct lade_strict_cut_lengths entries_lengths = { 32768, 53253, 262144 };

/* True where SHA-256 has instructions of its own, and so is the faster one. */
static bool has_sha256(void)
{
#if defined(__x86_64__)
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
#else
	return true;
#endif
}

void lade_format_make(struct lade_format *format_out, bool encrypted, const uint8_t root[LADE_SIGN_PUBLIC_LEN])
{
	memset(format_out, 0, sizeof(*format_out));
	randombytes_buf(format_out->repository, sizeof(format_out->repository));
	format_out->encrypted = encrypted;
	format_out->id_hash = has_sha256() ? LADE_ID_HMAC_SHA256 : LADE_ID_BLAKE2B;
	format_out->content = content_lengths;
	format_out->entries = entries_lengths;
	memcpy(format_out->root, root, sizeof(format_out->root));
	if (!encrypted)
		randombytes_buf(format_out->plain_key, sizeof(format_out->plain_key));
}

static void put_lengths(struct lade_writer *writer, const struct lade_strict_cut_lengths *lengths)
{
	lade_object_put_u32(writer, lengths->least);
	lade_object_put_u32(writer, lengths->normal);
	lade_object_put_u32(writer, lengths->greatest);
}

int lade_format_put(struct lade_writer *writer, const struct lade_format *format, const uint8_t root_seed[LADE_SIGN_SEED_LEN])
{
	struct lade_object_header header = { .kind = LADE_OBJECT_FORMAT, .suite = LADE_SUITE_PLAIN };

	memcpy(header.repository, format->repository, sizeof(header.repository));
	lade_object_put_header(writer, &header);
	lade_object_put_u64(writer, format->features.read);
	lade_object_put_u64(writer, format->features.write);
	lade_object_put_u64(writer, format->features.gc);
	lade_writer_put_u8(writer, format->encrypted);
	lade_writer_put_u8(writer, (uint8_t)format->id_hash);
	lade_writer_put_u8(writer, CUT_WAY);
	lade_object_put_zeros(writer, 5);
	put_lengths(writer, &format->content);
	put_lengths(writer, &format->entries);
	lade_writer_put_bytes(writer, format->root, sizeof(format->root));
	lade_writer_put_bytes(writer, format->plain_key, sizeof(format->plain_key));
	return lade_object_sign(writer, root_seed, WORDS);
}

static void get_lengths(struct lade_reader *reader, struct lade_strict_cut_lengths *lengths_out)
{
	lengths_out->least = lade_object_get_u32(reader);
	lengths_out->normal = lade_object_get_u32(reader);
	lengths_out->greatest = lade_object_get_u32(reader);
}

static void get_bytes(struct lade_reader *reader, uint8_t *out, size_t len)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, len);

	if (bytes.len)
		memcpy(out, bytes.data, len);
}

/* What the bytes cannot say: a length that nobody cuts by, another mode, hash or way, a key where none belongs. */
static bool makes_sense(const struct lade_format *format, uint8_t mode, uint8_t way)
{
	return mode <= 1 && way == CUT_WAY && (format->id_hash == LADE_ID_HMAC_SHA256 || format->id_hash == LADE_ID_BLAKE2B) &&
	       lade_strict_cut_lengths_ok(&format->content) && lade_strict_cut_lengths_ok(&format->entries) &&
	       (!mode || sodium_is_zero(format->plain_key, sizeof(format->plain_key)));
}

int lade_format_get(const uint8_t *object, size_t len, struct lade_format *format_out)
{
	struct lade_object_header header;
	struct lade_reader reader;
	uint8_t mode, way;
	int error;

	memset(format_out, 0, sizeof(*format_out));
	if (len != LADE_FORMAT_LEN)
		return LADE_E_CHANGED;
	lade_reader_init(&reader, object, len - LADE_SIGNATURE_LEN);
	error = lade_object_get_header(&reader, LADE_OBJECT_FORMAT, &header);
	if (error)
		return error;
	memcpy(format_out->repository, header.repository, sizeof(header.repository));
	format_out->features.read = lade_object_get_u64(&reader);
	format_out->features.write = lade_object_get_u64(&reader);
	format_out->features.gc = lade_object_get_u64(&reader);
	mode = lade_reader_get_u8(&reader);
	format_out->encrypted = mode == 1;
	format_out->id_hash = (enum lade_id_hash)lade_reader_get_u8(&reader);
	way = lade_reader_get_u8(&reader);
	lade_object_get_zeros(&reader, 5);
	get_lengths(&reader, &format_out->content);
	get_lengths(&reader, &format_out->entries);
	get_bytes(&reader, format_out->root, sizeof(format_out->root));
	get_bytes(&reader, format_out->plain_key, sizeof(format_out->plain_key));
	if (lade_reader_finish(&reader) || !makes_sense(format_out, mode, way))
		return LADE_E_CHANGED;
	return lade_object_verify(object, len, format_out->root, WORDS);
}
