/* Sizes and numbers of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/quantity.h"
#include "protocol/error.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {
		{ "0", 0 }, { "700", 700 }, { "700b", 700 }, { "1K", 1024 }, { "1k", 1024 }, { "1KiB", 1024 }, { "1kb", 1000 },
		{ "1.5m", 1572864 }, { "1.5mb-1", 1499999 }, { "2g+1", 2147483649 }, { "1T", UINT64_C(1) << 40 }, { "0.5K", 512 },
		{ "1P", UINT64_C(1) << 50 }, { "3.", 3 }, { "9223372036854775806", INT64_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t size;

		if (lade_quantity_size(cases[i].text, 1, &size))
			fail_msg("'%s' is refused", cases[i].text);
		if (size != cases[i].size)
			fail_msg("'%s': %llu", cases[i].text, (unsigned long long)size);
	}
}

static void test_default_unit(void **state)
{
	uint64_t size;

	(void)state;
	assert_int_equal(lade_quantity_size("100", 1024, &size), 0);
	assert_int_equal(size, 102400);
	assert_int_equal(lade_quantity_size("1.5", 1024, &size), 0);
	assert_int_equal(size, 1536);
	assert_int_equal(lade_quantity_size("100b", 1024, &size), 0);
	assert_int_equal(size, 100);
}

static void test_no_sizes(void **state)
{
	static const char *const texts[] = {
		"", "k", "-1", "+1", "1x", "1kk", "1k+2", "1 k", " 1", "1e3", "0x10", "inf", ".5", "99999999999999999999", "9000P", "1ki", "1+1+1", "0-1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t size;

		if (lade_quantity_size(texts[i], 1, &size) != LADE_E_USAGE)
			fail_msg("'%s' is taken for a size", texts[i]);
	}
}

static void test_numbers(void **state)
{
	static const char *const texts[] = { "", "-1", "1x", "256", "99999999999999999999", "1.0" };
	uint64_t number;

	(void)state;
	assert_int_equal(lade_quantity_number("255", 255, &number), 0);
	assert_int_equal(number, 255);
	assert_int_equal(lade_quantity_number("18446744073709551615", UINT64_MAX, &number), 0);
	assert_true(number == UINT64_MAX);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(lade_quantity_number(texts[i], 255, &number), LADE_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_default_unit),
		cmocka_unit_test(test_no_sizes),
		cmocka_unit_test(test_numbers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
