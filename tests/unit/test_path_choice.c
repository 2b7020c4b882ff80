/*
 * The choice of a way: what the user says holds, short runs are copied, the cheapest wins if
 * it is so clearly, and what has become dear is given up.
 */
#include "agent/sync/path_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#define LEN (1u << 20)
#define SEVERAL_REVIEWS 1000u

static const enum lade_path two[] = { LADE_PATH_SPLICE, LADE_PATH_COPY };

/* Use count runs, of which each costs what the table says. Returns how many went by COPY. */
static unsigned use(struct lade_path_choice *choice, unsigned count, int64_t splice_ns, int64_t copy_ns)
{
	unsigned copied = 0;

	for (unsigned i = 0; i < count; i++) {
		enum lade_path path = lade_path_choice_pick(choice, LEN);

		copied += path == LADE_PATH_COPY;
		lade_path_choice_add(choice, path, LADE_STAGE_MOVE, LEN, path == LADE_PATH_COPY ? copy_ns : splice_ns);
	}
	return copied;
}

static void test_said(void **state)
{
	struct lade_path_choice choice;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_SPLICE, two, 2);
	assert_int_equal(lade_path_choice_pick(&choice, 1), LADE_PATH_SPLICE);
	assert_int_equal(use(&choice, SEVERAL_REVIEWS, 1000, 1), 0);
}

static void test_short(void **state)
{
	struct lade_path_choice choice;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	for (unsigned i = 0; i < SEVERAL_REVIEWS; i++) {
		assert_int_equal(lade_path_choice_pick(&choice, LADE_PATH_SHORT - 1), LADE_PATH_COPY);
		lade_path_choice_add(&choice, LADE_PATH_COPY, LADE_STAGE_MOVE, LADE_PATH_SHORT - 1, 1);
	}
	/* They say nothing about long ones. */
	assert_in_range(use(&choice, SEVERAL_REVIEWS, 1, 1000), 1, SEVERAL_REVIEWS / 10);
}

static void test_cheapest(void **state)
{
	struct lade_path_choice choice;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	assert_in_range(use(&choice, SEVERAL_REVIEWS, 1, 1000), 1, SEVERAL_REVIEWS / 10);
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	assert_in_range(use(&choice, SEVERAL_REVIEWS, 1000, 1), SEVERAL_REVIEWS * 9 / 10, SEVERAL_REVIEWS - 1);
}

/* A way whose time is spent by those who check is no cheaper for that, though they say so late. */
static void test_stages(void **state)
{
	struct lade_path_choice choice;
	unsigned copied = 0, unchecked = 0;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	for (unsigned i = 0; i < SEVERAL_REVIEWS; i++) {
		bool copies = lade_path_choice_pick(&choice, LEN) == LADE_PATH_COPY;

		copied += copies;
		lade_path_choice_add(&choice, copies ? LADE_PATH_COPY : LADE_PATH_SPLICE, LADE_STAGE_MOVE, LEN,
				     copies ? 1000 : 500);
		unchecked += !copies;
		for (; unchecked > 2; unchecked--)
			lade_path_choice_add(&choice, LADE_PATH_SPLICE, LADE_STAGE_CHECK, LEN, 1000);
	}
	assert_in_range(copied, SEVERAL_REVIEWS * 9 / 10, SEVERAL_REVIEWS - 1);
}

/* Nobody runs to and fro for a few per cent. */
static void test_a_little_is_nothing(void **state)
{
	struct lade_path_choice choice;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	assert_in_range(use(&choice, SEVERAL_REVIEWS, 1000, 950), 1, SEVERAL_REVIEWS / 10);
}

static void test_change(void **state)
{
	struct lade_path_choice choice;

	(void)state;
	lade_path_choice_init(&choice, LADE_PATH_AUTO, two, 2);
	use(&choice, SEVERAL_REVIEWS, 1000, 1);
	/* Memory has become short, say: it may take one review to see it. */
	use(&choice, SEVERAL_REVIEWS / 4, 1000, 10000);
	assert_in_range(use(&choice, SEVERAL_REVIEWS, 1000, 10000), 1, SEVERAL_REVIEWS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_cheapest),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_a_little_is_nothing),
		cmocka_unit_test(test_change),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
