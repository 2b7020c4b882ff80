/*
 * --usermap: which rule fits whom, what names become, and what is no map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/tree/id_map.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "uN" is N; the context counts those that are unknown. */
static bool resolve(void *context, const char *name, uint32_t *id_out)
{
	if (name[0] == 'u' && name[1] >= '0' && name[1] <= '9' && !name[2]) {
		*id_out = (uint32_t)(name[1] - '0');
		return true;
	}
	++*(unsigned *)context;
	return false;
}

static void assert_becomes(const char *text, uint32_t id, const char *name, uint32_t expected)
{
	struct lade_id_map *map;
	unsigned unknown = 0;
	uint32_t to = UINT32_MAX;

	assert_int_equal(lade_id_map_new(text, resolve, &unknown, &map), 0);
	(void)lade_id_map_find(map, id, name, &to);
	lade_id_map_free(map);
	if (to != expected)
		fail_msg("'%s': %u (%s) becomes %u, not %u", text, id, name ? name : "", to, expected);
}

static void test_rules(void **state)
{
	static const struct {
		const char *text;
		uint32_t id;
		const char *name;
		uint32_t to; /* UINT32_MAX: none fits */
	} cases[] = {
		{ "5:7", 5, NULL, 7 },
		{ "5:7", 5, "five", 7 },
		{ "5:7", 6, NULL, UINT32_MAX },
		{ "0:0", 0, "root", 0 },
		{ "5-9:u1", 5, NULL, 1 },
		{ "5-9:u1", 9, NULL, 1 },
		{ "5-9:u1", 10, NULL, UINT32_MAX },
		{ "5-9:u1", 4, NULL, UINT32_MAX },
		{ "bob:u2", 1, "bob", 2 },
		{ "bob:u2", 1, "bobby", UINT32_MAX },
		{ "bob:u2", 1, NULL, UINT32_MAX },
		{ "b*y:u2", 1, "bobby", 2 },
		{ "b*y:u2", 1, NULL, UINT32_MAX },
		{ "b[oa]b:u2", 1, "bab", 2 },
		{ "b?b:u2", 1, "bub", 2 },
		{ "*:3", 1, NULL, 3 },
		{ "*:3", 0, "root", 3 },
		{ ":4", 1, NULL, 4 },
		{ ":4", 1, "bob", UINT32_MAX },
		{ "1:2,1:3", 1, NULL, 2 },
		{ "bob:2,1:3", 1, "bob", 2 },
		{ "bob:2,1:3", 1, "tim", 3 },
		{ "bob:2,*:9,1:3", 1, "tim", 9 },
		{ "bob:nobody,1:3", 1, "bob", 3 },
		{ "4294967294:4294967294", 4294967294u, NULL, 4294967294u },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_becomes(cases[i].text, cases[i].id, cases[i].name, cases[i].to);
}

static void test_unknown_names(void **state)
{
	struct lade_id_map *map;
	unsigned unknown = 0;

	(void)state;
	assert_int_equal(lade_id_map_new("1:who,2:u2,3:what", resolve, &unknown, &map), 0);
	assert_int_equal(unknown, 2);
	lade_id_map_free(map);
	/* Without somebody who knows names there is nothing to ask. */
	assert_int_equal(lade_id_map_new("1:who", NULL, NULL, &map), 0);
	lade_id_map_free(map);
	lade_id_map_free(NULL);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
		"", "foo", "a:b,", ",a:b", "a:b,,c:d", "a:", "a:b:c", "1-:2", "-5:1", "9-5:1", "1-x:2", "1x:2", "1:2x", "4294967295:1",
		"1:4294967295", "99999999999999999999:1", "1-4294967296:1",
	};
	char text[LADE_ID_MAP_TEXT_MAX + 2];
	struct lade_id_map *map;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (lade_id_map_new(wrong[i], NULL, NULL, &map) != LADE_E_USAGE)
			fail_msg("'%s' was taken", wrong[i]);
	memset(text, 'a', sizeof(text));
	memcpy(text, "1:", 2);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(lade_id_map_new(text, NULL, NULL, &map), LADE_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
