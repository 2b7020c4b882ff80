/*
 * Tests of chunker/cut: every engine that this processor has against a reference that
 * goes bit by bit and derives its constants itself; what chunks look like in random and
 * in dull data; how few of them an edit changes; the choice of an engine. Golden lengths
 * guard the definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "chunker/cut.h"
#include "chunker/cut_internal.h"
#include "protocol/byteorder.h"
#include "tests/unit/cut_golden.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIG_LEN (16u << 20)
#define BUFFERS 10000

/* Data of most tests; big holds BIG_LEN random bytes throughout. */
static uint8_t *big, *edited;
static struct lade_run_key key;

static uint64_t random_word(void)
{
	static uint64_t state = 7;
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t random_below(size_t bound)
{
	return (size_t)(random_word() % bound);
}

/* The reference: the definition in other words. */

struct reference {
	uint64_t factor, window_keys[8], final_keys[2], early, late;
	uint8_t match, before, before_mask;
	size_t min_len, normal_len, max_len;
};

/* Word i of the constants: digests of the label and a counter. */
static uint64_t reference_constant(unsigned i)
{
	uint8_t seed[] = "lade: where chunks are cut....";
	XXH128_canonical_t digest;

	lade_put_le32(seed + 26, i / 2);
	XXH128_canonicalFromHash(&digest, XXH3_128bits_withSecret(seed, 30, key.bytes, sizeof(key.bytes)));
	return lade_get_le64(digest.digest + i % 2 * 8);
}

static void reference_init(struct reference *reference, unsigned cut_class)
{
	unsigned bits = cut_class >= 19 ? 8 : cut_class - 11;

	memset(reference, 0, sizeof(*reference));
	reference->factor = reference_constant(0) % (UINT64_C(1) << 57) | UINT64_C(1) << 56 | 1;
	reference->match = (uint8_t)(reference_constant(1) % 256 | 1);
	reference->before = (uint8_t)(reference_constant(1) / 256 % 256 & 254);
	for (unsigned i = 0; i < 8; i++)
		reference->window_keys[i] = reference_constant(2 + i);
	for (unsigned i = 0; i < 2; i++)
		reference->final_keys[i] = reference_constant(10 + i);
	reference->normal_len = 33 * ((size_t)1 << (cut_class - 5)) + 5;
	reference->min_len = reference->normal_len / 2;
	reference->max_len = reference->normal_len * 2;
	reference->before_mask = (uint8_t)(255 >> (8 - bits));
	reference->early = UINT64_C(0x8000000000000000) / reference->normal_len * (128u << bits);
	reference->late = reference->early * 16;
}

/* Bit n of the stream of data; zeros lie before it. */
static unsigned bit(const uint8_t *data, size_t n, size_t back)
{
	return n < back ? 0 : data[(n - back) / 8] >> (n - back) % 8 & 1u;
}

/* G: one bit after the other. */
static void reference_filter(const struct reference *reference, const uint8_t *data, size_t len, uint8_t *out)
{
	uint64_t recent = 0; /* bit b: bit n - b of E */

	memset(out, 0, len);
	for (size_t n = 0; n < 8 * len; n++) {
		recent = recent << 1 | (bit(data, n, 0) ^ bit(data, n, 83) ^ bit(data, n, 293));
		if (__builtin_parityll(recent & reference->factor))
			out[n / 8] |= (uint8_t)(1u << n % 8);
	}
}

/* The halves of a product of 64 bits each, by pieces of 32 bits. */
static uint64_t reference_fold(uint64_t a, uint64_t b)
{
	uint64_t al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
	uint64_t middle = (al * bl >> 32) + (ah * bl & 0xffffffff) + (al * bh & 0xffffffff);

	return (a * b) ^ (ah * bh + (ah * bl >> 32) + (al * bh >> 32) + (middle >> 32));
}

static uint64_t reference_hash(const struct reference *reference, const uint8_t *end)
{
	uint64_t words[8], left, right;

	for (unsigned i = 0; i < 8; i++)
		words[i] = lade_get_le64(end - 64 + 8 * i) ^ reference->window_keys[i];
	left = reference_fold(words[0], words[1]) ^ reference_fold(words[2], words[3]);
	right = reference_fold(words[4], words[5]) ^ reference_fold(words[6], words[7]);
	right = right << 32 | right >> 32;
	return reference_fold(left ^ reference->final_keys[0], right ^ reference->final_keys[1]);
}

/* The first chunk of data, of which filtered is G. */
static size_t reference_next(const struct reference *reference, const uint8_t *data, const uint8_t *filtered,
			     size_t len)
{
	size_t end = len < reference->max_len ? len : reference->max_len, best_len = 0;
	uint64_t best = 0;

	for (size_t n = reference->min_len; n <= end; n++) {
		uint64_t hash;

		if (filtered[n - 1] != reference->match ||
		    (filtered[n - 2] & reference->before_mask) != (reference->before & reference->before_mask))
			continue;
		hash = reference_hash(reference, data + n);
		if (hash < (n < reference->normal_len ? reference->early : reference->late))
			return n;
		if (!best_len || hash <= best) {
			best = hash;
			best_len = n;
		}
	}
	return len >= reference->max_len && best_len ? best_len : end;
}

/* Kinds of data, from random to dull. */
#define KINDS 7

static void fill(uint8_t *data, size_t len, unsigned kind)
{
	static const char *const words[] = { "the ", "file ", "chunk\n", "of ", "a ", "0x00000000, ", "return " };
	size_t period = 1 + random_below(300);

	for (size_t i = 0; i < len;) {
		uint64_t word = random_word();
		const char *text;

		switch (kind) {
		case 0:
			data[i++] = (uint8_t)word;
			break;
		case 1:
			data[i++] = word & 1 ? 0xff : 0;
			break;
		case 2:
			data[i++] = (uint8_t)"ACGT"[word & 3];
			break;
		case 3: /* mostly zeros */
			data[i++] = word % 40 ? 0 : (uint8_t)(word >> 8);
			break;
		case 4:
			data[i] = (uint8_t)(i / 3);
			i++;
			break;
		case 5:
			data[i] = i < period ? (uint8_t)word : data[i - period];
			i++;
			break;
		default:
			for (text = words[word % COUNT(words)]; *text && i < len; text++)
				data[i++] = (uint8_t)*text;
		}
	}
}

/* All engines give the chunk that the reference gives at off. Returns its length. */
static size_t check_chunk(const struct lade_cut *cut, const struct reference *reference, const uint8_t *data,
			  const uint8_t *filtered, size_t len)
{
	size_t expected = reference_next(reference, data, filtered, len);
	const struct lade_engines *engines = lade_cut_engines();

	for (size_t i = 0; i < engines->count; i++)
		if (engines->list[i]->usable()) {
			size_t found = lade_cut_engine_of(engines->list[i])->next(cut, data, len);

			if (found != expected)
				fail_msg("%s: a chunk of %zu bytes, not %zu, of %zu", engines->list[i]->name, found,
					 expected, len);
		}
	assert_int_equal(lade_cut_next(cut, data, len), expected);
	return expected;
}

/* Check all chunks of a buffer of a kind, of its exact size so that a step outside is seen. */
static void check_buffer(unsigned cut_class, unsigned kind, size_t len)
{
	size_t shift = random_below(64);
	uint8_t *memory = malloc(shift + len), *filtered = malloc(len), *data;
	struct reference reference;
	struct lade_cut cut;

	assert_non_null(memory);
	assert_non_null(filtered);
	data = memory + shift;
	for (size_t i = 0; i < sizeof(key.bytes); i += 8)
		lade_put_le64(key.bytes + i, random_word());
	reference_init(&reference, cut_class);
	lade_cut_init(&cut, &key, cut_class);
	fill(data, len, kind);
	reference_filter(&reference, data, len, filtered);
	for (size_t off = 0; off < len;)
		off += check_chunk(&cut, &reference, data + off, filtered + off, len - off);
	free(filtered);
	free(memory);
}

static void test_engines_agree_with_the_reference(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BUFFERS; i++) {
		unsigned cut_class = LADE_CUT_CLASS_MIN + (i % 16 == 0);

		check_buffer(cut_class, i % KINDS, 1 + random_below((size_t)2 << cut_class));
	}
}

static void test_engines_agree_in_all_classes(void **state)
{
	(void)state;
	for (unsigned cut_class = LADE_CUT_CLASS_MIN; cut_class <= LADE_CUT_CLASS_MAX; cut_class++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			check_buffer(cut_class, kind, ((size_t)5 << cut_class) / 2 + random_below(1000));
}

/* len bytes in memory of their own. */
static void check_length(const struct lade_cut *cut, const struct reference *reference, const uint8_t *data,
			 const uint8_t *filtered, size_t len)
{
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, data, len);
	check_chunk(cut, reference, copy, filtered, len);
	free(copy);
}

static void test_every_length_around_the_limits(void **state)
{
	static const unsigned kinds[] = { 0, 3, 4 };
	struct reference reference;
	struct lade_cut cut;
	uint8_t *filtered;

	(void)state;
	lade_cut_init(&cut, &key, LADE_CUT_CLASS_MIN);
	reference_init(&reference, LADE_CUT_CLASS_MIN);
	filtered = malloc(cut.max_len + 200);
	assert_non_null(filtered);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const size_t around[] = { 101, cut.min_len, cut.normal_len, cut.max_len };

		fill(edited, cut.max_len + 200, kinds[i]);
		reference_filter(&reference, edited, cut.max_len + 200, filtered);
		for (size_t j = 0; j < COUNT(around); j++)
			for (size_t len = around[j] - 100; len <= around[j] + 200; len++)
				check_length(&cut, &reference, edited, filtered, len);
	}
	free(filtered);
}

/* What a chunk's own bytes do not reach makes no difference. */
static void test_chunks_depend_on_their_bytes_only(void **state)
{
	struct lade_cut cut;

	(void)state;
	lade_cut_init(&cut, &key, LADE_CUT_CLASS_MIN);
	for (size_t i = 0; i < 200; i++) {
		size_t off = random_below(BIG_LEN / 2), len = lade_cut_next(&cut, big + off, BIG_LEN - off);

		memcpy(edited, big + off, cut.max_len);
		assert_int_equal(lade_cut_next(&cut, edited, cut.max_len), len);
		memset(edited + len, 0xaa, cut.max_len - len);
		assert_int_equal(lade_cut_next(&cut, edited, 2 * cut.max_len), len);
	}
}

/* Cut data into ends (offsets, as many as fit: len / min_len + 1); how many. Limits hold. */
static size_t cut_all(const struct lade_cut *cut, const uint8_t *data, size_t len, size_t *ends)
{
	size_t count = 0, off = 0;

	while (off < len) {
		size_t chunk_len = lade_cut_next(cut, data + off, len - off);

		assert_in_range(chunk_len, 1, cut->max_len);
		assert_true(chunk_len <= len - off);
		off += chunk_len;
		assert_true(chunk_len >= cut->min_len || off == len);
		ends[count++] = off;
	}
	/* Lengths above 0 that add up to the whole: the chunks, one after the other, are the data. */
	assert_int_equal(off, len);
	return count;
}

static size_t *room_for_ends(const struct lade_cut *cut)
{
	size_t *ends = calloc((BIG_LEN + 4096) / cut->min_len + 2, sizeof(*ends));

	assert_non_null(ends);
	return ends;
}

static void test_mean_length_of_random_data(void **state)
{
	(void)state;
	for (unsigned cut_class = LADE_CUT_CLASS_MIN; cut_class <= LADE_CUT_CLASS_MAX; cut_class++) {
		struct lade_cut cut;
		size_t *ends, count, forced = 0, nominal = (size_t)1 << cut_class;

		lade_cut_init(&cut, &key, cut_class);
		ends = room_for_ends(&cut);
		count = cut_all(&cut, big, BIG_LEN, ends);
		assert_in_range(BIG_LEN / count, nominal, nominal * 14 / 10);
		for (size_t i = 0; i < count; i++)
			forced += ends[i] - (i ? ends[i - 1] : 0) == cut.max_len;
		assert_int_equal(forced, 0);
		free(ends);
	}
}

/* How many of the new chunks are none of the old ones, which the same bytes at both ends tell. */
static size_t lost(const size_t *old, size_t old_count, size_t old_len, const size_t *new, size_t new_count,
		   size_t new_len)
{
	size_t front = 0, back = 0;

	while (front < old_count && front < new_count && old[front] == new[front])
		front++;
	/* The last ends are those of the data; a chunk is the same if its beginning is, too. */
	while (back + 1 < old_count - front && back + 1 < new_count - front &&
	       old_len - old[old_count - 2 - back] == new_len - new[new_count - 2 - back])
		back++;
	return new_count - front - back;
}

/* In big, replace gone bytes at off by come random ones: edited, of the length returned. */
static size_t edit(size_t off, size_t gone, size_t come)
{
	memcpy(edited, big, off);
	for (size_t i = 0; i < come; i++)
		edited[off + i] = (uint8_t)random_word();
	memcpy(edited + off + come, big + off + gone, BIG_LEN - off - gone);
	return BIG_LEN - gone + come;
}

/*
 * After an edit of a few bytes the chunk that holds it is lost. It ends where it did, unless
 * the edit moved its end across the normal length or made or unmade a cut. Once in a hundred
 * edits of one byte it does; then the two sequences are out of step, and each further chunk meets an
 * old end about every other time: of 200,000 such edits 47 lost more than eight chunks, none more
 * than 14, all together 1.02 each. Of the 72 small edits here none may lose more than eight, all
 * together not more than 1.2 each. An edit of 4 KiB may cover two chunks more.
 */
static void test_edits_change_few_chunks(void **state)
{
	static const size_t lens[] = { 1, 13, 100, 4096 };
	size_t sum = 0, edits = 0, *old, *new, old_count;
	struct lade_cut cut;

	(void)state;
	lade_cut_init(&cut, &key, 13);
	old = room_for_ends(&cut);
	new = room_for_ends(&cut);
	old_count = cut_all(&cut, big, BIG_LEN, old);
	for (unsigned i = 0; i < 96; i++) {
		size_t len = lens[i % COUNT(lens)], off = BIG_LEN / 4 + random_below(BIG_LEN / 2), new_len, count;

		/* an insertion, a deletion, an overwrite */
		new_len = edit(off, i % 3 == 0 ? 0 : len, i % 3 == 1 ? 0 : len);
		count = lost(old, old_count, BIG_LEN, new, cut_all(&cut, edited, new_len, new), new_len);
		assert_true(count <= (len < 4096 ? 8 : 10));
		if (len < 4096) {
			sum += count;
			edits++;
		}
	}
	assert_true(sum * 10 <= edits * 12);
	free(new);
	free(old);
}

/* Dull data: with len bytes of it, lengths hold and their mean is at least a fraction of the nominal one. */
static void check_dull(const uint8_t *data, size_t len, const struct lade_cut *cut, size_t least_mean)
{
	size_t *ends = room_for_ends(cut);
	size_t count = cut_all(cut, data, len, ends);

	assert_true(len / count >= least_mean);
	free(ends);
}

/* Among neighbours in a run there is no candidate, so a run is cut at the maximum. */
static void test_runs_of_one_byte(void **state)
{
	struct lade_cut cut;

	(void)state;
	lade_cut_init(&cut, &key, LADE_CUT_CLASS_MIN);
	for (int byte = 0; byte < 256; byte++) {
		memset(edited, byte, 20 * cut.max_len);
		check_dull(edited, 20 * cut.max_len, &cut, cut.max_len);
	}
}

static void check_period(size_t period, unsigned cut_class)
{
	size_t len = (size_t)40 << cut_class;
	struct lade_cut cut;

	lade_cut_init(&cut, &key, cut_class);
	for (size_t i = 0; i < len; i++)
		edited[i] = i < period ? (uint8_t)random_word() : edited[i - period];
	check_dull(edited, len, &cut, cut.min_len * 99 / 100);
}

static void test_short_periods(void **state)
{
	(void)state;
	for (unsigned cut_class = 12; cut_class <= 16; cut_class += 2) {
		for (size_t period = 1; period <= 64; period++)
			check_period(period, cut_class);
		check_period(512, cut_class);
		check_period(4096, cut_class);
	}
}

static void test_text(void **state)
{
	static const unsigned kinds[] = { 1, 2, 3, 6 };
	struct lade_cut cut;

	(void)state;
	lade_cut_init(&cut, &key, 13);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		fill(edited, 4u << 20, kinds[i]);
		check_dull(edited, 4u << 20, &cut, cut.normal_len * 9 / 10);
	}
}

static void test_golden_lengths(void **state)
{
	(void)state;
	golden_key(&key);
	golden_data(edited);
	for (unsigned cut_class = LADE_CUT_CLASS_MIN; cut_class <= LADE_CUT_CLASS_MAX; cut_class++) {
		struct golden_class found = { 0 };
		struct lade_cut cut;

		lade_cut_init(&cut, &key, cut_class);
		for (size_t off = 0, len; off < GOLDEN_LEN; off += len) {
			len = lade_cut_next(&cut, edited + off, GOLDEN_LEN - off);
			if (cut_class == LADE_CUT_CLASS_MIN && found.count < GOLDEN_LENGTHS)
				assert_int_equal(len, golden_lengths[found.count]);
			found.count++;
			found.sum = golden_sum(found.sum, len);
		}
		assert_int_equal(found.count, golden_classes[cut_class - LADE_CUT_CLASS_MIN].count);
		assert_int_equal(found.sum, golden_classes[cut_class - LADE_CUT_CLASS_MIN].sum);
	}
}

/* The choice of an engine. */

static bool always(void)
{
	return true;
}

static bool never(void)
{
	return false;
}

/* As a processor with a fault: rarely wrong, and by one byte. */
static size_t wrong_next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	size_t chunk_len = lade_cut_portable.next(cut, data, len);

	return chunk_len > cut->normal_len + 2000 && chunk_len < len ? chunk_len + 1 : chunk_len;
}

static void test_choice(void **state)
{
	static const struct lade_cut_engine wrong = { { "wrong", always }, wrong_next };
	static const struct lade_cut_engine absent = { { "absent", never }, NULL };
	static const struct lade_cut_engine good = { { "good", always }, NULL };
	static const struct lade_engine *const list[] = { &absent.base, &wrong.base, &lade_cut_portable.base, &good.base };
	struct lade_engines engines = { list, 3, lade_cut_engines()->agrees };

	(void)state;
	assert_string_equal(lade_engine_choose(&engines, NULL)->name, "portable");
	assert_string_equal(lade_engine_choose(&engines, "wrong")->name, "portable");
	assert_string_equal(lade_engine_choose(&engines, "absent")->name, "portable");
	assert_string_equal(lade_engine_choose(&engines, "good")->name, "portable");
	engines.count = 2;
	assert_string_equal(lade_engine_choose(&engines, NULL)->name, "wrong");
}

static void test_choice_among_the_engines(void **state)
{
	const struct lade_engines *engines = lade_cut_engines();
	const struct lade_engine *best = NULL;

	(void)state;
	for (size_t i = 0; i < engines->count; i++) {
		if (!engines->list[i]->usable())
			continue;
		best = best ? best : engines->list[i];
		assert_ptr_equal(lade_engine_choose(engines, engines->list[i]->name), engines->list[i]);
	}
	assert_ptr_equal(engines->list[engines->count - 1], &lade_cut_portable);
	assert_ptr_equal(lade_engine_choose(engines, NULL), best);
	assert_ptr_equal(lade_engine_choose(engines, "no such engine"), best);
}

/* A process chooses once; so one for each name, before this one does. */
static void test_environment_chooses(void **state)
{
	static const char *const names[] = { "portable", "pclmul", "vpclmul", "avx512", "neon", "", "none" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0) {
			const char *expected = lade_engine_choose(lade_cut_engines(), names[i])->name;
			struct lade_cut cut;

			setenv("LADE_CPU", names[i], 1);
			lade_cut_init(&cut, &key, LADE_CUT_CLASS_MAX);
			_exit(strcmp(lade_cut_name(), expected) || strcmp(cut.engine->base.name, expected));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment_chooses),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_choice_among_the_engines),
		cmocka_unit_test(test_engines_agree_with_the_reference),
		cmocka_unit_test(test_engines_agree_in_all_classes),
		cmocka_unit_test(test_every_length_around_the_limits),
		cmocka_unit_test(test_chunks_depend_on_their_bytes_only),
		cmocka_unit_test(test_mean_length_of_random_data),
		cmocka_unit_test(test_edits_change_few_chunks),
		cmocka_unit_test(test_runs_of_one_byte),
		cmocka_unit_test(test_short_periods),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_golden_lengths),
	};

	int failures;

	big = malloc(BIG_LEN);
	edited = malloc(BIG_LEN + 4096);
	if (!big || !edited)
		return 99;
	for (size_t i = 0; i < BIG_LEN; i += 8)
		lade_put_le64(big + i, random_word());
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	free(edited);
	free(big);
	return failures;
}
