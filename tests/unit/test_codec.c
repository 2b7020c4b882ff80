/*
 * Tests of chunker/codec: what is packed comes back, what does not shrink is said, and
 * nothing from outside is believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker/codec.h"
#include "protocol/error.h"

#define LEN 100000u

static uint8_t text[LEN], noise[LEN], packed[LEN], back[LEN + 1];

static int setup(void **state)
{
	uint64_t x = 42;

	for (size_t i = 0; i < LEN; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (uint8_t)(x >> 56);
		text[i] = (uint8_t)("to be or not to be"[i % 18] + (i % 1000 == 0));
	}
	return lade_codec_new((struct lade_codec **)state);
}

static int teardown(void **state)
{
	lade_codec_free(*state);
	return 0;
}

static void test_there_and_back(void **state)
{
	size_t len;

	for (int level = 1; level <= LADE_CODEC_LEVEL_MAX; level += 6) {
		assert_int_equal(lade_codec_compress(*state, level, lade_slice(text, LEN), packed, LEN / 2, &len), 0);
		assert_true(len < LEN / 10);
		memset(back, 0xa5, sizeof(back));
		assert_int_equal(lade_codec_decompress(*state, lade_slice(packed, len), back, LEN), 0);
		assert_memory_equal(back, text, LEN);
		assert_int_equal(back[LEN], 0xa5);
	}
}

static void test_what_does_not_shrink(void **state)
{
	size_t len;

	assert_int_equal(lade_codec_compress(*state, 3, lade_slice(noise, LEN), packed, LEN - LEN / 16, &len), LADE_E_LIMIT);
	assert_int_equal(lade_codec_compress(*state, 3, lade_slice(text, LEN), packed, 10, &len), LADE_E_LIMIT);
}

static void test_nothing_is_believed(void **state)
{
	size_t len;

	assert_int_equal(lade_codec_compress(*state, 3, lade_slice(text, LEN), packed, LEN, &len), 0);
	/* Another length than was announced, a piece of it, more than it, and noise. */
	assert_int_equal(lade_codec_decompress(*state, lade_slice(packed, len), back, LEN - 1), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_decompress(*state, lade_slice(packed, len), back, LEN + 1), LADE_E_PROTOCOL);
	for (size_t cut = 0; cut < len; cut += 7)
		assert_int_equal(lade_codec_decompress(*state, lade_slice(packed, cut), back, LEN), LADE_E_PROTOCOL);
	packed[len] = 0;
	assert_int_equal(lade_codec_decompress(*state, lade_slice(packed, len + 1), back, LEN), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_decompress(*state, lade_slice(noise, LEN), back, LEN), LADE_E_PROTOCOL);
}

/* ---- what goes on ---- */

#define STRETCH (LEN / 10)

/* Pack stretch i of content as the next one. Returns its length; begins: whether it has to begin a frame. */
static size_t next_stretch(void **state, const uint8_t *content, unsigned i, int level, bool afresh, bool begins)
{
	const struct lade_codec_stream stream = { level, afresh, LEN };
	size_t len;
	bool begun;

	assert_int_equal(lade_codec_continue(*state, &stream, lade_slice(content + i * STRETCH, STRETCH), packed, LEN, &len,
					     &begun), 0);
	assert_int_equal(begun, begins);
	return len;
}

static void test_stretches(void **state)
{
	for (int level = 1; level <= LADE_CODEC_LEVEL_MAX; level += 6) {
		for (unsigned i = 0; i < 10; i++) {
			size_t len = next_stretch(state, noise, i, level, i == 5, i == 0 || i == 5);

			assert_int_equal(lade_codec_resume(*state, i == 0 || i == 5, lade_slice(packed, len), back, STRETCH), 0);
			assert_memory_equal(back, noise + i * STRETCH, STRETCH);
		}
	}
}

/* The second time noise is no longer news, at whatever distance; one that begins afresh knows nothing of it. */
static void test_what_was_is_in_view(void **state)
{
	for (unsigned i = 0; i < 9; i++)
		assert_true(next_stretch(state, noise, i, 6, i == 0, i == 0) >= STRETCH);
	assert_true(next_stretch(state, noise, 0, 6, false, false) < STRETCH / 10);
	assert_true(next_stretch(state, noise, 0, 6, true, true) >= STRETCH);
}

/* What did not get short enough was not sent: nothing may refer to it. */
static void test_after_a_failure(void **state)
{
	const struct lade_codec_stream stream = { 3, false, LEN };
	size_t len;
	bool begins;

	next_stretch(state, text, 0, 3, true, true);
	assert_int_equal(lade_codec_continue(*state, &stream, lade_slice(noise, STRETCH), packed, STRETCH / 2, &len, &begins),
			 LADE_E_LIMIT);
	len = next_stretch(state, noise, 0, 3, false, true);
	assert_int_equal(lade_codec_resume(*state, true, lade_slice(packed, len), back, STRETCH), 0);
	assert_memory_equal(back, noise, STRETCH);
	/* Another level does not go on either. */
	next_stretch(state, text, 1, 4, false, true);
}

static void test_no_stretch_is_believed(void **state)
{
	size_t len = next_stretch(state, text, 0, 3, true, true);
	const struct lade_slice first = lade_slice(packed, len);

	/* Nothing went before it. */
	assert_int_equal(lade_codec_resume(*state, false, first, back, STRETCH), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_resume(*state, true, first, back, STRETCH - 1), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_resume(*state, true, first, back, STRETCH + 1), LADE_E_PROTOCOL);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(lade_codec_resume(*state, true, lade_slice(packed, cut), back, STRETCH), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_resume(*state, true, lade_slice(noise, LEN), back, STRETCH), LADE_E_PROTOCOL);
	/* After a failure nothing goes on. */
	assert_int_equal(lade_codec_resume(*state, false, first, back, STRETCH), LADE_E_PROTOCOL);
	assert_int_equal(lade_codec_resume(*state, true, first, back, STRETCH), 0);
	/* A frame that ends. */
	assert_int_equal(lade_codec_compress(*state, 3, lade_slice(text, STRETCH), packed, LEN, &len), 0);
	assert_int_equal(lade_codec_resume(*state, true, lade_slice(packed, len), back, STRETCH), LADE_E_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_does_not_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stretches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_is_in_view, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_stretch_is_believed, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
