/*
 * Tests of protocol/bytes: the cursor takes exactly what was put, refuses everything
 * else, stays failed, and never leaves its bytes (the inputs are on the heap in their
 * exact size, so that a sanitizer sees a step outside).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/bytes.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint64_t unsigned_values[] = {
	0, 1, 127, 128, 255, 256, 16383, 16384, 2097151, 2097152, UINT32_MAX,
	(uint64_t)UINT32_MAX + 1, (uint64_t)1 << 62, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX,
};

static const int64_t signed_values[] = {
	0, -1, 1, -2, 63, -64, 64, -65, INT32_MIN, INT32_MAX, INT64_MIN + 1, INT64_MIN, INT64_MAX,
};

/* Start a cursor over a heap copy of exactly len bytes; the caller frees it. */
static uint8_t *start(struct lade_reader *reader, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	lade_reader_init(reader, copy, len);
	return copy;
}

static void test_unsigned_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unsigned_values); i++) {
		struct lade_writer writer;
		struct lade_reader reader;

		lade_writer_init(&writer, 10);
		lade_writer_put_varint(&writer, unsigned_values[i]);
		assert_int_equal(writer.error, 0);
		lade_reader_init(&reader, writer.data, writer.len);
		assert_true(lade_reader_get_varint(&reader, UINT64_MAX) == unsigned_values[i]);
		assert_int_equal(lade_reader_finish(&reader), 0);
		lade_writer_fini(&writer);
	}
}

static void test_signed_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(signed_values); i++) {
		struct lade_writer writer;
		struct lade_reader reader;

		lade_writer_init(&writer, 10);
		lade_writer_put_signed(&writer, signed_values[i]);
		assert_int_equal(writer.error, 0);
		lade_reader_init(&reader, writer.data, writer.len);
		assert_true(lade_reader_get_signed(&reader) == signed_values[i]);
		assert_int_equal(lade_reader_finish(&reader), 0);
		lade_writer_fini(&writer);
	}
}

/* The bytes themselves: two implementations must agree on them. */
static void test_varints_have_these_bytes(void **state)
{
	static const uint8_t expected[] = { 0x00, 0x7f, 0x80, 0x01, 0xac, 0x02, 0x01, 0x02, 0x03 };
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, 64);
	lade_writer_put_varint(&writer, 0);
	lade_writer_put_varint(&writer, 127);
	lade_writer_put_varint(&writer, 128);
	lade_writer_put_varint(&writer, 300);
	lade_writer_put_signed(&writer, -1);
	lade_writer_put_signed(&writer, 1);
	lade_writer_put_signed(&writer, -2);
	assert_int_equal(writer.len, sizeof(expected));
	assert_memory_equal(writer.data, expected, sizeof(expected));
	lade_writer_fini(&writer);
}

static void test_bad_varints_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int error;
	} cases[] = {
		{ "", 0, LADE_E_TRUNCATED },
		{ "\x80", 1, LADE_E_TRUNCATED },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, LADE_E_TRUNCATED },
		{ "\x80\x00", 2, LADE_E_PROTOCOL }, /* 0, overlong */
		{ "\xff\x80\x00", 3, LADE_E_PROTOCOL }, /* 127, overlong */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, LADE_E_PROTOCOL }, /* bit 64 */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, LADE_E_PROTOCOL },
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, LADE_E_PROTOCOL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct lade_reader reader;
		uint8_t *copy = start(&reader, cases[i].bytes, cases[i].len);

		assert_true(lade_reader_get_varint(&reader, UINT64_MAX) == 0);
		assert_int_equal(reader.error, cases[i].error);
		assert_int_equal(lade_reader_finish(&reader), cases[i].error);
		free(copy);
	}
}

static void test_varint_maximum(void **state)
{
	struct lade_reader reader;

	(void)state;
	lade_reader_init(&reader, "\x64", 1);
	assert_true(lade_reader_get_varint(&reader, 100) == 100);
	lade_reader_init(&reader, "\x65", 1);
	assert_true(lade_reader_get_varint(&reader, 100) == 0);
	assert_int_equal(reader.error, LADE_E_LIMIT);
}

static void test_a_failed_cursor_stays_failed(void **state)
{
	struct lade_reader reader;
	uint8_t *copy = start(&reader, "\x01\x02\x03", 3);

	(void)state;
	assert_null(lade_reader_get_exact(&reader, 4).data);
	assert_int_equal(reader.error, LADE_E_TRUNCATED);
	assert_int_equal(lade_reader_left(&reader), 0);
	assert_int_equal(lade_reader_get_u8(&reader), 0);
	assert_true(lade_reader_get_varint(&reader, 10) == 0);
	assert_true(lade_reader_get_signed(&reader) == 0);
	assert_int_equal(lade_reader_get_slice(&reader, 10).len, 0);
	assert_int_equal(lade_reader_get_exact(&reader, 0).len, 0);
	assert_int_equal(lade_reader_finish(&reader), LADE_E_TRUNCATED);
	free(copy);
}

static void test_slices_are_borrowed_and_bounded(void **state)
{
	struct lade_reader reader;
	struct lade_slice slice;
	uint8_t *copy = start(&reader, "\x03" "abc" "\x00" "\x02" "d", 7);

	(void)state;
	slice = lade_reader_get_slice(&reader, 3);
	assert_ptr_equal(slice.data, copy + 1);
	assert_int_equal(slice.len, 3);
	slice = lade_reader_get_slice(&reader, 3);
	assert_int_equal(slice.len, 0);
	assert_int_equal(reader.error, 0);
	slice = lade_reader_get_slice(&reader, 3);
	assert_int_equal(slice.len, 0);
	assert_int_equal(reader.error, LADE_E_TRUNCATED);
	free(copy);

	copy = start(&reader, "\x04" "abcd", 5);
	assert_int_equal(lade_reader_get_slice(&reader, 3).len, 0);
	assert_int_equal(reader.error, LADE_E_LIMIT);
	free(copy);
}

/* A length near SIZE_MAX must not wrap around when it is compared. */
static void test_absurd_lengths(void **state)
{
	struct lade_reader reader;
	uint8_t *copy = start(&reader, "abc", 3);

	(void)state;
	assert_int_equal(lade_reader_get_u8(&reader), 'a');
	assert_int_equal(lade_reader_get_exact(&reader, SIZE_MAX).len, 0);
	assert_int_equal(reader.error, LADE_E_TRUNCATED);
	free(copy);

	copy = start(&reader, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc", 13);
	assert_int_equal(lade_reader_get_slice(&reader, SIZE_MAX).len, 0);
	assert_int_equal(reader.error, LADE_E_TRUNCATED);
	free(copy);
}

static void test_left_over_bytes(void **state)
{
	struct lade_reader reader;

	(void)state;
	lade_reader_init(&reader, "ab", 2);
	assert_int_equal(lade_reader_left(&reader), 2);
	assert_int_equal(lade_reader_get_u8(&reader), 'a');
	assert_int_equal(lade_reader_finish(&reader), LADE_E_PROTOCOL);
	assert_int_equal(lade_reader_get_u8(&reader), 'b');
	assert_int_equal(lade_reader_finish(&reader), 0);
	lade_reader_init(&reader, NULL, 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
}

static void test_writer_grows_to_its_limit(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, 1000);
	for (unsigned i = 0; i < 1000; i++)
		lade_writer_put_u8(&writer, (uint8_t)i);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.len, 1000);
	assert_true(writer.capacity <= 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(writer.data[i], (uint8_t)i);
	lade_writer_put_u8(&writer, 0);
	assert_int_equal(writer.error, LADE_E_LIMIT);
	assert_int_equal(writer.len, 1000);
	lade_writer_fini(&writer);
	assert_null(writer.data);
	lade_writer_put_u8(&writer, 7);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.len, 1);
	lade_writer_fini(&writer);
}

static void test_a_failed_writer_stays_failed_until_reset(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, 4);
	lade_writer_put_bytes(&writer, "abcde", 5);
	assert_int_equal(writer.error, LADE_E_LIMIT);
	assert_int_equal(writer.len, 0);
	lade_writer_put_u8(&writer, 'a');
	assert_int_equal(writer.len, 0);
	assert_null(lade_writer_reserve(&writer, 1));
	lade_writer_reset(&writer);
	lade_writer_put_bytes(&writer, "abcd", 4);
	assert_int_equal(writer.error, 0);
	assert_memory_equal(writer.data, "abcd", 4);
	lade_writer_fini(&writer);
}

static void test_reserve_and_commit(void **state)
{
	struct lade_writer writer;
	uint8_t *room;

	(void)state;
	lade_writer_init(&writer, 1u << 20);
	lade_writer_put_u8(&writer, 'a');
	room = lade_writer_reserve(&writer, 5000);
	assert_non_null(room);
	assert_int_equal(writer.len, 1);
	memset(room, 'b', 5000);
	lade_writer_commit(&writer, 3);
	assert_int_equal(writer.len, 4);
	lade_writer_put_bytes(&writer, NULL, 0);
	assert_int_equal(writer.len, 4);
	assert_memory_equal(writer.data, "abbb", 4);
	assert_null(lade_writer_reserve(&writer, SIZE_MAX));
	assert_int_equal(writer.error, LADE_E_LIMIT);
	lade_writer_fini(&writer);
}

/* A mixed record, read whole, then from every shorter prefix: the prefix always fails. */
static void test_no_prefix_of_a_record_decodes(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, 4096);
	lade_writer_put_varint(&writer, 70000);
	lade_writer_put_slice(&writer, lade_slice("hello", 5));
	lade_writer_put_signed(&writer, INT64_MIN);
	lade_writer_put_u8(&writer, 9);
	lade_writer_put_bytes(&writer, "xyz", 3);
	assert_int_equal(writer.error, 0);
	for (size_t len = 0; len <= writer.len; len++) {
		struct lade_reader reader;
		uint8_t *copy = start(&reader, writer.data, len);

		lade_reader_get_varint(&reader, 70000);
		lade_reader_get_slice(&reader, 5);
		lade_reader_get_signed(&reader);
		lade_reader_get_u8(&reader);
		lade_reader_get_exact(&reader, 3);
		if (len == writer.len)
			assert_int_equal(lade_reader_finish(&reader), 0);
		else
			assert_int_equal(lade_reader_finish(&reader), LADE_E_TRUNCATED);
		free(copy);
	}
	lade_writer_fini(&writer);
}

static void test_slice_equality(void **state)
{
	(void)state;
	assert_true(lade_slice_equal(lade_slice(NULL, 0), lade_slice("a", 0)));
	assert_true(lade_slice_equal(lade_slice("ab", 2), lade_slice("abc", 2)));
	assert_false(lade_slice_equal(lade_slice("ab", 2), lade_slice("ab", 1)));
	assert_false(lade_slice_equal(lade_slice("ab", 2), lade_slice("ac", 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsigned_round_trip),
		cmocka_unit_test(test_signed_round_trip),
		cmocka_unit_test(test_varints_have_these_bytes),
		cmocka_unit_test(test_bad_varints_are_refused),
		cmocka_unit_test(test_varint_maximum),
		cmocka_unit_test(test_a_failed_cursor_stays_failed),
		cmocka_unit_test(test_slices_are_borrowed_and_bounded),
		cmocka_unit_test(test_absurd_lengths),
		cmocka_unit_test(test_left_over_bytes),
		cmocka_unit_test(test_writer_grows_to_its_limit),
		cmocka_unit_test(test_a_failed_writer_stays_failed_until_reset),
		cmocka_unit_test(test_reserve_and_commit),
		cmocka_unit_test(test_no_prefix_of_a_record_decodes),
		cmocka_unit_test(test_slice_equality),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
