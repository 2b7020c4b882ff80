/*
 * Tests of chunker/strict_cut: every engine that this processor has against a reference that follows
 * agent/store/FORMAT.md [cut] position by position, with OpenSSL's AES; what chunks of random and of dull data look like;
 * how few of them an edit changes. Golden lengths guard the definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "chunker/strict_cut.h"
#include "chunker/strict_cut_internal.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIG_LEN (4u << 20)

static const struct lade_strict_cut_lengths lengths = { 4096, 6721, 32768 };
static uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];
static uint8_t *big, *edited;
static EVP_CIPHER_CTX *aes;

static uint64_t random_word(void)
{
	static uint64_t state = 11;
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t random_below(size_t bound)
{
	return (size_t)(random_word() % bound);
}

/* ---- the reference ---- */

/* The value of the window that ends at end: one bit of one factor after the other. */
static uint64_t reference_value(const uint8_t *end)
{
	uint8_t block[16], out[32];
	uint64_t low = 0, high = 0;
	int len;

	for (unsigned i = 0; i < 64; i += 16) {
		const uint64_t a = lade_get_le64(end - 64 + i) ^ lade_get_le64(secret + i);
		const uint64_t b = lade_get_le64(end - 64 + i + 8) ^ lade_get_le64(secret + i + 8);

		for (unsigned bit = 0; bit < 64; bit++) {
			if (b >> bit & 1) {
				low ^= a << bit;
				high ^= bit ? a >> (64 - bit) : 0;
			}
		}
	}
	lade_put_le64(block, low);
	lade_put_le64(block + 8, high);
	assert_int_equal(EVP_EncryptUpdate(aes, out, &len, block, 16), 1);
	assert_int_equal(len, 16);
	return lade_get_le64(out);
}

/* The first chunk, as FORMAT.md has it. */
static size_t reference_next(const uint8_t *data, size_t len)
{
	const uint64_t unit = UINT64_MAX / lengths.normal;
	size_t fallback = 0;

	for (size_t at = lengths.least; at <= len && at <= lengths.greatest; at++) {
		const uint64_t value = reference_value(data + at);

		if (value < (at < lengths.normal ? unit / 4 : unit * 4))
			return at;
		if (at >= lengths.normal && value < unit * 64)
			fallback = at;
	}
	if (len < lengths.greatest)
		return len;
	return fallback ? fallback : lengths.greatest;
}

static void prepare(struct lade_strict_cut *cut, const struct lade_engine *engine)
{
	assert_int_equal(lade_strict_cut_init(cut, secret, &lengths), 0);
	if (engine)
		cut->engine = lade_strict_cut_engine_of(engine);
}

/* The first chunk by every engine, out of memory that ends with it. */
static void check_chunk(const uint8_t *data, size_t len)
{
	const size_t expected = reference_next(data, len);
	const struct lade_engines *engines = lade_strict_cut_engines();
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, data, len);
	for (size_t i = 0; i < engines->count; i++) {
		struct lade_strict_cut cut;

		if (!engines->list[i]->usable())
			continue;
		prepare(&cut, engines->list[i]);
		assert_int_equal(lade_strict_cut_next(&cut, copy, len), expected);
	}
	free(copy);
}

/* ---- tests ---- */

static void test_engines_agree_with_the_reference(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		check_chunk(big + random_below(BIG_LEN / 2), 1 + random_below(2 * lengths.normal));
}

static void test_every_length_around_the_limits(void **state)
{
	const size_t around[] = { 33, lengths.least, lengths.normal };

	(void)state;
	for (size_t i = 0; i < COUNT(around); i++) {
		for (size_t len = around[i] - 20; len <= around[i] + 20; len++)
			check_chunk(big + 7 * len, len);
	}
}

/* A window of equal bytes has one value only: it is a cut at once or never. */
static void test_dull_data(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 4; byte++) {
		memset(edited, (int)byte * 85, lengths.greatest + 100);
		for (size_t len = lengths.greatest - 1; len <= lengths.greatest + 1; len++)
			check_chunk(edited, len);
		/* Something else at the end of it: what the last threshold is for. */
		memcpy(edited + lengths.greatest - 200, big, 150);
		check_chunk(edited, lengths.greatest + 1);
	}
}

static void test_chunks_depend_on_their_bytes_only(void **state)
{
	struct lade_strict_cut cut;

	(void)state;
	prepare(&cut, NULL);
	for (unsigned i = 0; i < 100; i++) {
		const size_t off = random_below(BIG_LEN / 2), len = lade_strict_cut_next(&cut, big + off, BIG_LEN - off);

		memcpy(edited, big + off, lengths.greatest);
		memset(edited + len, 0xaa, lengths.greatest - len);
		assert_int_equal(lade_strict_cut_next(&cut, edited, 2 * lengths.greatest), len);
	}
}

/* Cut data; the ends of chunks, as many as fit. */
static size_t cut_all(const uint8_t *data, size_t len, size_t *ends)
{
	struct lade_strict_cut cut;
	size_t count = 0;

	prepare(&cut, NULL);
	for (size_t off = 0; off < len;) {
		const size_t chunk_len = lade_strict_cut_next(&cut, data + off, len - off);

		assert_in_range(chunk_len, 1, lengths.greatest);
		assert_true(chunk_len <= len - off);
		off += chunk_len;
		assert_true(chunk_len >= lengths.least || off == len);
		ends[count++] = off;
	}
	return count;
}

/* least, seven eighths of the way on from there, and then a quarter of normal in seven cases of eight. */
static void test_mean_length_of_random_data(void **state)
{
	size_t *ends = calloc(BIG_LEN / lengths.least + 2, sizeof(*ends)), mean;

	(void)state;
	assert_non_null(ends);
	mean = BIG_LEN / cut_all(big, BIG_LEN, ends);
	free(ends);
	assert_in_range(mean, lengths.normal, lengths.normal * 5 / 4);
}

static bool contains(const size_t *ends, size_t count, size_t wanted)
{
	for (size_t i = 0; i < count; i++) {
		if (ends[i] == wanted)
			return true;
	}
	return false;
}

/* A byte that is inserted moves what follows, and soon the cuts are where they were. */
static void test_edits_change_few_chunks(void **state)
{
	size_t *ends = calloc(BIG_LEN / lengths.least + 2, sizeof(*ends)), *others = calloc(BIG_LEN / lengths.least + 3, sizeof(*ends));
	size_t lost = 0, count;

	(void)state;
	assert_non_null(ends);
	assert_non_null(others);
	count = cut_all(big, BIG_LEN / 4, ends);
	for (unsigned i = 0; i < 40; i++) {
		const size_t at = random_below(BIG_LEN / 4);
		size_t other_count;

		memcpy(edited, big, at);
		edited[at] = (uint8_t)random_word();
		memcpy(edited + at + 1, big + at, BIG_LEN / 4 - at);
		other_count = cut_all(edited, BIG_LEN / 4 + 1, others);
		for (size_t j = 0; j < count; j++)
			lost += !contains(others, other_count, ends[j] < at ? ends[j] : ends[j] + 1);
	}
	free(ends);
	free(others);
	/* Cuts that are gone: of 40 edits, each in a chunk whose end mostly stays. */
	assert_in_range(lost, 0, 80);
}

static void test_another_secret_cuts_elsewhere(void **state)
{
	struct lade_strict_cut cut, other;
	unsigned same = 0;

	(void)state;
	prepare(&cut, NULL);
	for (unsigned changed = 0; changed < LADE_STRICT_CUT_SECRET_LEN; changed++) {
		uint8_t another[LADE_STRICT_CUT_SECRET_LEN];

		memcpy(another, secret, sizeof(another));
		another[changed] ^= 0x10;
		assert_int_equal(lade_strict_cut_init(&other, another, &lengths), 0);
		same += lade_strict_cut_next(&cut, big, BIG_LEN) == lade_strict_cut_next(&other, big, BIG_LEN);
	}
	assert_in_range(same, 0, 2);
}

static void test_lengths_that_are_not_allowed(void **state)
{
	static const struct lade_strict_cut_lengths wrong[] = {
		{ 4095, 8192, 16384 }, { 8192, 8192, 16384 }, { 4096, 8192, 8192 }, { 4096, 8192, 8388609 }, { 0, 0, 0 },
	};
	static const struct lade_strict_cut_lengths widest = { 4096, 4097, 8388608 };
	struct lade_strict_cut cut;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(lade_strict_cut_init(&cut, secret, &wrong[i]), LADE_E_LIMIT);
	assert_int_equal(lade_strict_cut_init(&cut, secret, &widest), 0);
}

/* Never change these: repositories would hold everything twice. */
static void test_golden_lengths(void **state)
{
	static const size_t golden[] = { 13693, 29885, 36975, 46814, 54288, 61181 };
	size_t *ends = calloc(BIG_LEN / lengths.least + 2, sizeof(*ends));

	(void)state;
	assert_non_null(ends);
	cut_all(big, BIG_LEN / 8, ends);
	for (size_t i = 0; i < COUNT(golden); i++)
		assert_int_equal(ends[i], golden[i]);
	free(ends);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 29 + 3);
	big = malloc(BIG_LEN);
	edited = malloc(BIG_LEN);
	aes = EVP_CIPHER_CTX_new();
	if (!big || !edited || !aes || EVP_EncryptInit_ex(aes, EVP_aes_128_ecb(), NULL, secret + 64, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(aes, 0) != 1)
		return -1;
	for (size_t i = 0; i < BIG_LEN; i += 8)
		lade_put_le64(big + i, random_word());
	return 0;
}

static bool always(void)
{
	return true;
}

static size_t right(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	return lade_strict_cut_portable.find(cut, data, from, to, threshold);
}

/* As a processor with a fault: rarely wrong, and by one byte. */
static size_t early_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	const size_t found = right(cut, data, from, to, threshold);

	return found != LADE_STRICT_CUT_NONE && found > from + 40 ? found - 1 : found;
}

/* One of sixteen lanes never finds anything. */
static size_t deaf_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	size_t found = right(cut, data, from, to, threshold);

	while (found != LADE_STRICT_CUT_NONE && (found - from) % 16 == 13)
		found = right(cut, data, found + 1, to, threshold);
	return found;
}

/* What is behind the end counts, where there is something. */
static size_t long_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	return right(cut, data, from, to - from < 30 && to < 500 ? to + 1 : to, threshold);
}

/* What is left over behind whole steps does not. */
static size_t short_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	const size_t found = right(cut, data, from, to, threshold);

	return found != LADE_STRICT_CUT_NONE && found - from >= (to - from + 1) / 8 * 8 ? LADE_STRICT_CUT_NONE : found;
}

/* It never gets on. */
static size_t stuck_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	(void)cut, (void)data, (void)to, (void)threshold;
	return from - 1;
}

static void test_choice(void **state)
{
	static const struct lade_strict_cut_engine wrong[] = {
		{ { "wrong", always }, early_find }, { { "wrong", always }, deaf_find }, { { "wrong", always }, long_find },
		{ { "wrong", always }, short_find }, { { "wrong", always }, stuck_find },
	};
	const struct lade_engines *all = lade_strict_cut_engines();

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct lade_engine *const list[] = { &wrong[i].base, &lade_strict_cut_portable.base };
		const struct lade_engines some = { list, 2, all->agrees };

		assert_string_equal(lade_engine_choose(&some, NULL)->name, "portable");
		assert_string_equal(lade_engine_choose(&some, "wrong")->name, "portable");
	}
	assert_ptr_equal(all->list[all->count - 1], &lade_strict_cut_portable);
	/* The portable one among them: what is expected of all is what it finds. */
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i]->usable())
			assert_ptr_equal(lade_engine_choose(all, all->list[i]->name), all->list[i]);
}

static int tear_down(void **state)
{
	(void)state;
	EVP_CIPHER_CTX_free(aes);
	free(big);
	free(edited);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_engines_agree_with_the_reference),
		cmocka_unit_test(test_every_length_around_the_limits),
		cmocka_unit_test(test_dull_data),
		cmocka_unit_test(test_chunks_depend_on_their_bytes_only),
		cmocka_unit_test(test_mean_length_of_random_data),
		cmocka_unit_test(test_edits_change_few_chunks),
		cmocka_unit_test(test_another_secret_cuts_elsewhere),
		cmocka_unit_test(test_lengths_that_are_not_allowed),
		cmocka_unit_test(test_golden_lengths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
