/*
 * Tests of chunker/delta: whatever was done to the old bytes, the patch restores the new
 * ones, in the form that delta.h promises, and is small where little was changed; what is not a
 * patch is refused. Ranges are on the heap in their exact size, so that a sanitizer
 * sees a step outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker/delta.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BLOCK 64u
#define OLD_LEN (20 * BLOCK + 17)
#define BUFFER_LEN 16384u

/* Bytes with room to be edited. */
struct buffer {
	uint8_t data[BUFFER_LEN];
	size_t len;
};

/* What a patch consists of. */
struct contents {
	size_t patch_len;
	size_t literal_len; /* bytes in literals */
	unsigned op_count;
};

static struct lade_block_key key;
static uint64_t random_state = 88172645463325252u;

/* A random number below bound. */
static uint32_t below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % bound);
}

static void fill(struct buffer *buffer, size_t len, uint32_t kinds)
{
	buffer->len = len;
	for (size_t i = 0; i < len; i++)
		buffer->data[i] = (uint8_t)below(kinds);
}

static uint8_t *exact_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* The maker writes no literal after a literal, and no copy that goes on where one ended. */
static struct contents read_ops(struct lade_slice patch)
{
	struct contents contents = { .patch_len = patch.len };
	uint64_t follows = UINT64_MAX, count, first;
	struct lade_reader reader;
	bool after_literal = false;

	lade_reader_init(&reader, patch.data, patch.len);
	for (; lade_reader_left(&reader) > 0; contents.op_count++) {
		count = lade_reader_get_varint(&reader, UINT64_MAX);
		if (count % 2) {
			first = lade_reader_get_varint(&reader, UINT64_MAX);
			assert_false(first == follows);
			follows = first + count / 2;
			after_literal = false;
		} else {
			assert_false(after_literal);
			after_literal = true;
			follows = UINT64_MAX;
			contents.literal_len += lade_reader_get_exact(&reader, (size_t)(count / 2)).len;
		}
	}
	assert_int_equal(lade_reader_finish(&reader), 0);
	return contents;
}

static int apply(struct lade_slice patch, struct lade_slice old, uint32_t block_len, size_t fresh_len,
		 uint8_t **fresh_out)
{
	*fresh_out = malloc(fresh_len ? fresh_len : 1);
	assert_non_null(*fresh_out);
	return lade_patch_apply(patch, old, block_len, *fresh_out, fresh_len);
}

/* Sign old, make the patch and apply it; fresh must come out. */
static struct contents round_trip(struct lade_slice old_bytes, uint32_t block_len,
				  struct lade_slice fresh_bytes)
{
	size_t digests_len = (size_t)lade_signature_count(old_bytes.len, block_len) * LADE_BLOCK_DIGEST_LEN;
	struct lade_slice old = lade_slice(exact_copy(old_bytes.data, old_bytes.len), old_bytes.len);
	struct lade_slice fresh = lade_slice(exact_copy(fresh_bytes.data, fresh_bytes.len), fresh_bytes.len);
	uint8_t *digests = malloc(digests_len + 1), *result;
	struct lade_signature signature = { .old_len = old.len, .block_len = block_len };
	struct contents contents;
	struct lade_writer writer;

	assert_non_null(digests);
	lade_signature_make(&key, old, block_len, digests);
	signature.digests = lade_slice(digests, digests_len);
	lade_writer_init(&writer, fresh.len + 32);
	assert_int_equal(lade_patch_make(&key, &signature, fresh, &writer), 0);
	contents = read_ops(lade_slice(writer.data, writer.len));
	assert_int_equal(apply(lade_slice(writer.data, writer.len), old, block_len, fresh.len, &result), 0);
	assert_memory_equal(result, fresh.data, fresh.len);
	lade_writer_fini(&writer);
	free(digests);
	free(result);
	free((void *)old.data);
	free((void *)fresh.data);
	return contents;
}

static struct contents buffer_trip(const struct buffer *old, uint32_t block_len, const struct buffer *fresh)
{
	return round_trip(lade_slice(old->data, old->len), block_len, lade_slice(fresh->data, fresh->len));
}

/* Replace cut_len bytes at off by put_len random ones. */
static void edit(struct buffer *buffer, size_t off, size_t cut_len, size_t put_len)
{
	assert_true(off + cut_len <= buffer->len && buffer->len + put_len <= BUFFER_LEN);
	memmove(buffer->data + off + put_len, buffer->data + off + cut_len, buffer->len - off - cut_len);
	for (size_t i = 0; i < put_len; i++)
		buffer->data[off + i] ^= (uint8_t)(1 + below(255));
	buffer->len = buffer->len - cut_len + put_len;
}

static void test_nothing_changed(void **state)
{
	struct buffer old;
	struct contents contents;

	(void)state;
	for (size_t len = 1; len < 4 * BLOCK; len++) {
		fill(&old, len, 256);
		contents = buffer_trip(&old, BLOCK, &old);
		assert_int_equal(contents.op_count, 1);
		assert_int_equal(contents.literal_len, 0);
	}
}

static void test_nothing_there(void **state)
{
	struct buffer empty = { .len = 0 }, some;
	struct contents contents;

	(void)state;
	assert_int_equal(buffer_trip(&empty, BLOCK, &empty).patch_len, 0);
	assert_int_equal(round_trip(lade_slice(NULL, 0), BLOCK, lade_slice(NULL, 0)).patch_len, 0);
	fill(&some, OLD_LEN, 256);
	assert_int_equal(buffer_trip(&some, BLOCK, &empty).patch_len, 0);
	contents = buffer_trip(&empty, BLOCK, &some);
	assert_int_equal(contents.op_count, 1);
	assert_int_equal(contents.literal_len, OLD_LEN);
}

static void test_all_is_different(void **state)
{
	struct buffer old, fresh;
	struct contents contents;

	(void)state;
	fill(&old, OLD_LEN, 256);
	fill(&fresh, 3000, 256);
	contents = buffer_trip(&old, BLOCK, &fresh);
	assert_int_equal(contents.op_count, 1);
	assert_int_equal(contents.literal_len, fresh.len);
}

/* One byte overwritten, inserted or deleted at every place: its block travels, no other. */
static void test_one_edit_anywhere(void **state)
{
	static const size_t cuts[] = { 1, 0, 1 }, puts[] = { 1, 1, 0 };
	struct buffer old, fresh;
	struct contents contents;

	(void)state;
	fill(&old, OLD_LEN, 256);
	for (size_t kind = 0; kind < COUNT(cuts); kind++) {
		for (size_t off = 0; off + cuts[kind] <= OLD_LEN; off++) {
			fresh = old;
			edit(&fresh, off, cuts[kind], puts[kind]);
			contents = buffer_trip(&old, BLOCK, &fresh);
			assert_in_range(contents.literal_len, 0, BLOCK + 1);
			assert_in_range(contents.op_count, 1, 3);
			assert_in_range(contents.patch_len, 2, contents.literal_len + 8);
		}
	}
}

/* Two edits: what is between them has moved, and is found by rolling. */
static void test_two_edits(void **state)
{
	struct buffer old, fresh;
	struct contents contents;

	(void)state;
	fill(&old, OLD_LEN, 256);
	for (unsigned i = 0; i < 2000; i++) {
		size_t first = below(OLD_LEN), second = below(OLD_LEN);

		fresh = old;
		edit(&fresh, first, 0, 1 + below(20));
		edit(&fresh, second, 1, below(2));
		contents = buffer_trip(&old, BLOCK, &fresh);
		assert_in_range(contents.literal_len, 0, 20 + 2 * BLOCK + 1);
		assert_in_range(contents.op_count, 2, 5);
	}
}

static void test_blocks_in_another_order(void **state)
{
	struct buffer old, fresh = { .len = 0 };
	struct contents contents;

	(void)state;
	fill(&old, OLD_LEN, 256);
	/* The last full one is followed by the short one, as before. */
	memcpy(fresh.data, old.data + (size_t)19 * BLOCK, BLOCK + 17);
	fresh.len = BLOCK + 17;
	for (unsigned block = 19; block-- > 0; fresh.len += BLOCK)
		memcpy(fresh.data + fresh.len, old.data + (size_t)block * BLOCK, BLOCK);
	contents = buffer_trip(&old, BLOCK, &fresh);
	assert_int_equal(contents.op_count, 20);
	assert_int_equal(contents.literal_len, 0);
	edit(&fresh, 0, 0, 13);
	edit(&fresh, fresh.len - 5 * BLOCK, 0, 7);
	edit(&fresh, fresh.len, 0, 5);
	contents = buffer_trip(&old, BLOCK, &fresh);
	assert_int_equal(contents.op_count, 23);
	assert_int_equal(contents.literal_len, 13 + 7 + 5);
}

/* The first and the last place that rolling can reach. */
static void test_a_block_at_either_end(void **state)
{
	struct buffer old, fresh;

	(void)state;
	fill(&old, OLD_LEN, 256);
	for (unsigned i = 0; i < 2; i++) {
		fill(&fresh, BLOCK, 1);
		memcpy(fresh.data, old.data + (size_t)5 * BLOCK, BLOCK);
		edit(&fresh, i * BLOCK, 0, 3);
		assert_int_equal(buffer_trip(&old, BLOCK, &fresh).literal_len, 3);
	}
}

/* The old range over and over: blocks serve as often as they are needed. */
static void test_copies_of_copies(void **state)
{
	struct buffer old, fresh;
	struct contents contents;

	(void)state;
	fill(&old, OLD_LEN, 256);
	fresh = old;
	for (unsigned i = 1; i < 4; i++, fresh.len += OLD_LEN)
		memcpy(fresh.data + fresh.len, old.data, OLD_LEN);
	contents = buffer_trip(&old, BLOCK, &fresh);
	assert_int_equal(contents.op_count, 4);
	assert_int_equal(contents.literal_len, 0);
}

static void edit_at_random(struct buffer *buffer)
{
	size_t off = below((uint32_t)buffer->len + 1), left = buffer->len - off;
	size_t len = left ? below((uint32_t)(left < 300 ? left : 300) + 1) : 0;
	uint8_t moved[300];

	switch (below(4)) {
	case 0:
		edit(buffer, off, len, len);
		break;
	case 1:
		edit(buffer, off, 0, below(150));
		break;
	case 2:
		edit(buffer, off, len, 0);
		break;
	default: /* moved or, as often, doubled */
		memcpy(moved, buffer->data + off, len);
		edit(buffer, off, below(2) ? len : 0, 0);
		off = below((uint32_t)buffer->len + 1);
		edit(buffer, off, 0, len);
		memcpy(buffer->data + off, moved, len);
		break;
	}
}

static void test_random_edits(void **state)
{
	static const uint32_t kinds[] = { 1, 2, 3, 256 };
	struct buffer old, fresh;

	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		fill(&old, below(i % 2 ? 200 : 2000), kinds[below(COUNT(kinds))]);
		fresh = old;
		for (uint32_t edits = below(9); edits > 0; edits--)
			edit_at_random(&fresh);
		(void)buffer_trip(&old, BLOCK + below(i % 3 ? 80 : 1000), &fresh);
	}
}

/* Many blocks that are all the same: few operations, and no time to speak of. */
static void test_zeros(void **state)
{
	size_t len = 4u << 20;
	uint8_t *zeros = calloc(1, 2 * len);
	struct lade_slice old = lade_slice(zeros, len + 5);
	struct contents contents;

	(void)state;
	assert_non_null(zeros);
	for (size_t less = 0; less < 200; less += 7)
		assert_in_range(round_trip(old, BLOCK, lade_slice(zeros, len - less)).patch_len, 2, 100);
	assert_in_range(round_trip(old, BLOCK, lade_slice(zeros, 2 * len - 1)).patch_len, 2, 150);
	free(zeros);
	zeros = calloc(1, len + 5);
	assert_non_null(zeros);
	old = lade_slice(exact_copy(zeros, len + 5), len + 5);
	for (size_t off = 50; off < len; off += len / 7)
		zeros[off] = 1;
	contents = round_trip(old, BLOCK, lade_slice(zeros, len + 5));
	assert_in_range(contents.literal_len, 1, 8 * BLOCK);
	assert_in_range(contents.op_count, 8, 30);
	free((void *)old.data);
	free(zeros);
}

/* Digests chosen by a peer for one place of the index: found or not, it takes no time. */
static void test_digests_that_crowd(void **state)
{
	uint32_t count = 1u << 18;
	uint8_t *digests = malloc((size_t)count * LADE_BLOCK_DIGEST_LEN), *fresh = malloc(1u << 20);
	struct lade_signature signature = { .old_len = (uint64_t)count * BLOCK, .block_len = BLOCK };
	struct lade_writer writer;

	(void)state;
	assert_true(digests && fresh);
	for (uint32_t i = 0; i < count; i++)
		lade_block_digest_put(digests + (size_t)i * LADE_BLOCK_DIGEST_LEN, i);
	signature.digests = lade_slice(digests, (size_t)count * LADE_BLOCK_DIGEST_LEN);
	for (uint32_t i = 0; i < 1u << 20; i++)
		fresh[i] = (uint8_t)below(256);
	lade_writer_init(&writer, 2u << 20);
	assert_int_equal(lade_patch_make(&key, &signature, lade_slice(fresh, 1u << 20), &writer), 0);
	assert_int_equal(read_ops(lade_slice(writer.data, writer.len)).literal_len, 1u << 20);
	lade_writer_fini(&writer);
	free(digests);
	free(fresh);
}

static void test_signatures_are_checked(void **state)
{
	static const uint8_t digests[3 * LADE_BLOCK_DIGEST_LEN];
	static const struct lade_signature wrong[] = {
		{ 100, 63, { digests, 12 } }, { 100, 0, { digests, 12 } },
		{ 100, 65537, { digests, 6 } }, { 100, 64, { digests, 11 } },
		{ 100, 64, { digests, 13 } }, { 100, 64, { digests, 6 } },
		{ 128, 64, { digests, 18 } }, { 0, 64, { digests, 6 } }, { 1, 64, { NULL, 0 } },
		{ UINT64_MAX, 64, { digests, 18 } }, { UINT64_MAX, 65536, { digests, 0 } },
	};
	struct lade_signature right = { 100, 64, { digests, 12 } }, large = { .block_len = 64 };
	struct lade_writer writer;
	uint8_t *many;

	(void)state;
	lade_writer_init(&writer, 4);
	large.old_len = (uint64_t)LADE_SIGNATURE_COUNT_MAX * 64 + 1;
	large.digests.len = (LADE_SIGNATURE_COUNT_MAX + 1) * LADE_BLOCK_DIGEST_LEN;
	large.digests.data = many = calloc(1, large.digests.len);
	assert_non_null(many);
	assert_int_equal(lade_patch_make(&key, &large, lade_slice("abc", 3), &writer), LADE_E_PROTOCOL);
	free(many);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(lade_patch_make(&key, &wrong[i], lade_slice("abc", 3), &writer),
				 LADE_E_PROTOCOL);
	assert_int_equal(writer.len, 0);
	assert_int_equal(lade_patch_make(&key, &right, lade_slice("abc", 3), &writer), 0);
	assert_int_equal(lade_patch_make(&key, &right, lade_slice("abc", 3), &writer), LADE_E_LIMIT);
	lade_writer_fini(&writer);
}

/* A patch made by hand: len is that of the new range, accepted whether it is one. */
struct sample {
	uint8_t patch[12];
	size_t patch_len;
	size_t len;
	bool accepted;
};

/* For an old range of two blocks of 64 bytes and a short one of 10. */
static const struct sample samples[] = {
	{ { 7, 0 }, 2, 138, true },
	{ { 5, 1 }, 2, 74, true },
	{ { 3, 2 }, 2, 10, true },
	{ { 3, 2, 3, 0 }, 4, 74, true },         /* the short one in front */
	{ { 3, 0, 3, 1 }, 4, 128, true },        /* could have been one operation */
	{ { 2, 'a', 2, 'b', 3, 2 }, 6, 12, true },
	{ { 0 }, 0, 0, true },
	{ { 0 }, 0, 1, false },
	{ { 7, 0 }, 2, 137, false },             /* too much */
	{ { 7, 0 }, 2, 139, false },             /* too little */
	{ { 7, 1 }, 2, 138, false },             /* the third of these is missing */
	{ { 3, 3 }, 2, 64, false },
	{ { 7, 1 }, 2, 74, false },
	{ { 5, 2 }, 2, 10, false },
	{ { 9, 0 }, 2, 202, false },             /* no four blocks */
	{ { 9, 0 }, 2, 138, false },
	{ { 1, 0 }, 2, 0, false },
	{ { 1, 3 }, 2, 0, false },
	{ { 0 }, 1, 0, false },
	{ { 3, 2, 0 }, 3, 10, false },           /* nothing behind what is enough */
	{ { 3, 2, 1, 0 }, 4, 10, false },
	{ { 3, 2, 2, 'a' }, 4, 10, false },
	{ { 3, 2, 2 }, 3, 11, false },           /* cut off */
	{ { 3 }, 1, 10, false },
	{ { 0x83, 0, 2 }, 3, 10, false },        /* overlong numbers */
	{ { 3, 0x82, 0 }, 3, 10, false },
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0 }, 11, 138, false },
	{ { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0 }, 11, 138, false },
	{ { 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 }, 11, 64, false },
	{ { 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 }, 11, 64, false },
	{ { 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2 }, 11, 64, false },
	{ { 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 4 }, 10, 64, false },
};

static void test_patches_by_hand(void **state)
{
	struct buffer old;
	uint8_t *old_copy, *patch, *fresh;

	(void)state;
	fill(&old, 138, 256);
	old_copy = exact_copy(old.data, old.len);
	for (size_t i = 0; i < COUNT(samples); i++) {
		patch = exact_copy(samples[i].patch, samples[i].patch_len);
		assert_int_equal(apply(lade_slice(patch, samples[i].patch_len),
				       lade_slice(old_copy, old.len), BLOCK, samples[i].len, &fresh),
				 samples[i].accepted ? 0 : LADE_E_PROTOCOL);
		free(patch);
		free(fresh);
	}
	/* Without old bytes there is nothing to copy. */
	assert_int_equal(apply(lade_slice("\3\0", 2), lade_slice(NULL, 0), BLOCK, 64, &fresh),
			 LADE_E_PROTOCOL);
	free(fresh);
	free(old_copy);
}

/* A patch that is cut off or made for another length is none, wherever it is cut. */
static void test_cut_patches(void **state)
{
	uint8_t digests[3 * LADE_BLOCK_DIGEST_LEN], *cut, *result;
	struct lade_signature signature = { 138, BLOCK, { digests, sizeof(digests) } };
	struct buffer old, fresh;
	struct lade_writer writer;

	(void)state;
	fill(&old, 138, 256);
	fresh = old;
	edit(&fresh, 70, 3, 9);
	lade_signature_make(&key, lade_slice(old.data, old.len), BLOCK, digests);
	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_patch_make(&key, &signature, lade_slice(fresh.data, fresh.len), &writer), 0);
	for (size_t len = 0; len <= writer.len; len++) {
		cut = exact_copy(writer.data, len);
		for (size_t more = 0; more < 3; more++) {
			bool whole = len == writer.len && more == 1;

			assert_int_equal(apply(lade_slice(cut, len), lade_slice(old.data, old.len), BLOCK,
					       fresh.len - 1 + more, &result),
					 whole ? 0 : LADE_E_PROTOCOL);
			free(result);
		}
		free(cut);
	}
	lade_writer_fini(&writer);
}

static void test_block_lengths(void **state)
{
	static const struct {
		uint64_t old_len;
		uint32_t block_len;
	} expected[] = {
		{ 0, 384 }, { 1, 384 }, { 30720, 384 }, { 33333, 384 }, { 33334, 416 }, { 65536, 576 },
		{ 1u << 20, 2240 }, { 1u << 24, 8960 }, { 894348000, 65504 }, { 894348001, 65536 },
		{ 1u << 31, 65536 }, { UINT64_MAX, 65536 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_int_equal(lade_block_len(expected[i].old_len), expected[i].block_len);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t old_len = 33334 + below(894000000), len = lade_block_len(old_len);

		assert_true(len % 32 == 0 && 5 * (len - 16) * (len - 16) <= 24 * old_len &&
			    5 * (len + 16) * (len + 16) >= 24 * old_len);
	}
	assert_int_equal(lade_signature_count(0, 64), 0);
	assert_int_equal(lade_signature_count(64, 64), 1);
	assert_int_equal(lade_signature_count(65, 64), 2);
	assert_true(lade_signature_count(UINT64_MAX, 64) == (uint64_t)1 << 58);
}

/* Of the bytes i * i + 7 * i, under the key of the secrets 00 .. 1f and 20 .. 3f; by another program. */
static void test_fixed_signature(void **state)
{
	static const uint8_t expected[4 * LADE_BLOCK_DIGEST_LEN] = {
		0x9a, 0xed, 0xb4, 0x0e, 0x5c, 0x4e, 0xaa, 0xab, 0xd1, 0x0b, 0xaa, 0x9a,
		0xbb, 0x6b, 0x49, 0xae, 0xa8, 0x72, 0xd9, 0x29, 0x0b, 0x03, 0xdc, 0xd4,
	};
	uint8_t old[200], digests[sizeof(expected)];

	(void)state;
	for (unsigned i = 0; i < sizeof(old); i++)
		old[i] = (uint8_t)(i * i + 7 * i);
	assert_int_equal(lade_signature_count(sizeof(old), BLOCK) * LADE_BLOCK_DIGEST_LEN, sizeof(expected));
	lade_signature_make(&key, lade_slice(old, sizeof(old)), BLOCK, digests);
	assert_memory_equal(digests, expected, sizeof(expected));
}

/* What the maker chooses: two copies around a literal, in these bytes. */
static void test_fixed_patch(void **state)
{
	uint8_t digests[5 * LADE_BLOCK_DIGEST_LEN], expected[4 + BLOCK + 1 + 2] = { 5, 0, 0x82, 1 };
	struct lade_signature signature = { 266, BLOCK, { digests, sizeof(digests) } };
	struct lade_writer writer;
	struct buffer old, fresh;

	(void)state;
	fill(&old, 266, 256);
	fresh = old;
	edit(&fresh, 150, 0, 1);
	lade_signature_make(&key, lade_slice(old.data, old.len), BLOCK, digests);
	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_patch_make(&key, &signature, lade_slice(fresh.data, fresh.len), &writer), 0);
	memcpy(expected + 4, fresh.data + (size_t)2 * BLOCK, BLOCK + 1);
	memcpy(expected + 4 + BLOCK + 1, "\5\3", 2);
	assert_int_equal(writer.len, sizeof(expected));
	assert_memory_equal(writer.data, expected, sizeof(expected));
	lade_writer_fini(&writer);
}

/* Of equal blocks the first is taken, unless another would follow. */
static void test_the_first_of_equals(void **state)
{
	uint8_t zeros[4 * BLOCK] = { 0 }, digests[4 * LADE_BLOCK_DIGEST_LEN], fresh[BLOCK + 2] = { 1 };
	struct lade_signature signature = { sizeof(zeros), BLOCK, { digests, sizeof(digests) } };
	static const uint8_t expected[] = { 2, 1, 3, 1, 2, 1 };
	struct lade_writer writer;

	(void)state;
	fresh[BLOCK + 1] = 1;
	lade_signature_make(&key, lade_slice(zeros, sizeof(zeros)), BLOCK, digests);
	/* Block 0 is the one that would follow; it is not among them. */
	digests[0] ^= 1;
	lade_writer_init(&writer, 100);
	assert_int_equal(lade_patch_make(&key, &signature, lade_slice(fresh, sizeof(fresh)), &writer), 0);
	assert_int_equal(writer.len, sizeof(expected));
	assert_memory_equal(writer.data, expected, sizeof(expected));
	lade_writer_fini(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_changed),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_all_is_different),
		cmocka_unit_test(test_one_edit_anywhere),
		cmocka_unit_test(test_two_edits),
		cmocka_unit_test(test_blocks_in_another_order),
		cmocka_unit_test(test_a_block_at_either_end),
		cmocka_unit_test(test_copies_of_copies),
		cmocka_unit_test(test_random_edits),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_digests_that_crowd),
		cmocka_unit_test(test_signatures_are_checked),
		cmocka_unit_test(test_patches_by_hand),
		cmocka_unit_test(test_cut_patches),
		cmocka_unit_test(test_block_lengths),
		cmocka_unit_test(test_fixed_signature),
		cmocka_unit_test(test_fixed_patch),
		cmocka_unit_test(test_the_first_of_equals),
	};
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN];
	struct lade_run_key run_key;

	for (unsigned i = 0; i < LADE_SECRET_LEN; i++) {
		dialler[i] = (uint8_t)i;
		answerer[i] = (uint8_t)(LADE_SECRET_LEN + i);
	}
	lade_run_key_derive(&run_key, dialler, answerer);
	lade_block_key_derive(&key, &run_key);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
