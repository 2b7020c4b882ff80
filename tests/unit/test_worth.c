/*
 * Tests of agent/sync/worth, on files that are made up: their gaps are as long as they are asked for at most, and the
 * old bytes have all of one gap and nothing of another. Answers come as late as it is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/sync/worth.h"

#define GAP (128u << 10)
#define LATE_MAX 1024u

/* A file that is asked for, with the gaps that are under way. */
struct asker {
	struct lade_worth worth;
	enum lade_worth_choice asked[LATE_MAX];
	uint32_t literal[LATE_MAX];
	unsigned first, count, late; /* so many are asked for before the first is answered */
	unsigned choices[3];
};

static void answer(struct asker *asker)
{
	unsigned at = asker->first++ % LATE_MAX;

	asker->count--;
	if (asker->asked[at] != LADE_WORTH_PLAIN)
		lade_worth_weigh(&asker->worth, GAP, asker->literal[at], asker->asked[at] == LADE_WORTH_PROBE);
}

/* Ask for count gaps, of each of which the old bytes lack literal bytes. */
static void ask(struct asker *asker, unsigned count, uint32_t literal)
{
	for (unsigned choice = 0; choice < 3; choice++)
		asker->choices[choice] = 0;
	while (count--) {
		unsigned at;

		/* As the receiver does: news comes before more is looked at. */
		while (asker->count && (asker->count > asker->late || !lade_worth_known(&asker->worth)))
			answer(asker);
		at = (asker->first + asker->count++) % LATE_MAX;
		asker->asked[at] = lade_worth_choose(&asker->worth);
		asker->literal[at] = literal;
		asker->choices[asker->asked[at]]++;
	}
}

/* Most of what the old bytes have nothing of is asked for as it is. */
static void test_useless(void **state)
{
	struct asker asker = { .late = 1 };

	(void)state;
	ask(&asker, 800, GAP);
	assert_true(asker.choices[LADE_WORTH_PLAIN] > 680);
	assert_true(asker.choices[LADE_WORTH_PROBE] > 90);
}

/* What they have something of is not, however late the answers come. */
static void test_useful(void **state)
{
	(void)state;
	for (unsigned late = 0; late < LATE_MAX; late = 2 * late + 1) {
		struct asker asker = { .late = late };

		ask(&asker, 1000, GAP / 8 * 6);
		assert_int_equal(asker.choices[LADE_WORTH_SIGN], 1000);
	}
}

/* Behind something else what is as it was is found soon, however late the answers come. */
static void test_change(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 500; late = 2 * late + 1) {
		struct asker asker = { .late = late };

		ask(&asker, 1000, GAP);
		assert_true(asker.choices[LADE_WORTH_PLAIN] > 0);
		ask(&asker, 1000, 1000);
		assert_true(asker.choices[LADE_WORTH_PLAIN] <= 21);
		assert_false(asker.worth.dull);
	}
}

/* While nothing is answered, only so much goes as it is; with an answer it goes on. */
static void test_unanswered(void **state)
{
	struct asker asker = { .late = 1 };
	unsigned plain = 0;

	(void)state;
	ask(&asker, 100, GAP);
	while (asker.count)
		answer(&asker);
	assert_true(asker.worth.dull);
	while (plain < 100 && lade_worth_known(&asker.worth))
		plain += lade_worth_choose(&asker.worth) == LADE_WORTH_PLAIN;
	assert_true(plain <= 14);
	lade_worth_weigh(&asker.worth, GAP, GAP, true);
	assert_true(lade_worth_known(&asker.worth));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_useless),
		cmocka_unit_test(test_useful),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_unanswered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("worth", tests, NULL, NULL);
}
