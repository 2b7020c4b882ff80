/*
 * So many threads as were asked for, or as there are processors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/thread_count.h"

static long online;

/* In the place of sysconf(3). */
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
	assert_int_equal(name, _SC_NPROCESSORS_ONLN);
	return online;
}

static void counts(void **state)
{
	static const struct {
		long online;
		uint64_t asked;
		unsigned most, expected;
	} cases[] = {
		{ 4, 0, 64, 4 },	 { 64, 0, 64, 64 }, { 65, 0, 64, 64 }, { 1000, 0, 64, 64 },	      { -1, 0, 64, 1 }, { 0, 0, 64, 1 },
		{ 4, 1, 64, 1 },	 { 4, 7, 64, 7 },   { 4, 64, 64, 64 }, { 4, 65, 64, 64 }, { 4, UINT64_C(1) << 32, 64, 64 }, { 4, 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		online = cases[i].online;
		assert_int_equal(lade_thread_count(cases[i].asked, cases[i].most), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counts) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
