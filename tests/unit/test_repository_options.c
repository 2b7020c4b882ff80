/*
 * How commands about repositories take their options: each kind of row, what a command has of its own, and where a walk ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/repository_options.h"
#include "agent/sync/sync.h"

#define COUNT_MAX 40u

enum own_option { OWN_WORD = LADE_REPOSITORY_OWN_OPTION };

struct options {
	struct lade_repository_options repository;
	const char *any;
	uint64_t count;
	bool flag, help;
	const char *word, *argument;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "any", .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(any), .value = "TEXT" },
	{ .name = "count", .letter = 'c', .id = LADE_REPOSITORY_OPTION_COUNT, .bits = COUNT_MAX, .off = OFF(count), .value = "COUNT" },
	{ .name = "flag", .letter = 'f', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(flag) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
	{ .name = "word", .id = OWN_WORD, .value = "WORD" },
};

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row) {
		options->argument = use->value;
		return 0;
	}
	assert_int_equal(use->row->id, OWN_WORD);
	options->word = use->value;
	if (strcmp(use->value, "signal") == 0)
		return lade_complain(complaint, LADE_EXIT_SIGNAL, "a signal");
	return strcmp(use->value, "bad") == 0 ? lade_complain(complaint, LADE_EXIT_FILE, "a bad word") : 0;
}

static struct options options;
static struct lade_complaint complaint;

/* Take the words up to NULL. */
static int take(const char *const *words)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = "try this" };
	int count = 0;

	while (words[count])
		count++;
	options = (struct options){ .flag = false };
	complaint = (struct lade_complaint){ .exit_status = 0 };
	return lade_repository_options_take(&walk, &options, count, (char *const *)(uintptr_t)words, &complaint);
}

#define TAKE(...) take((const char *[]){ __VA_ARGS__, NULL })

static void all_kinds(void **state)
{
	(void)state;
	assert_int_equal(TAKE("--repo", "here", "-fc", "7", "--any=", "--word=yes", "--limit-upload=9", "--pin=x", "it"), 0);
	assert_string_equal(options.repository.repository, "here");
	assert_string_equal(options.repository.pin, "x");
	assert_int_equal(options.repository.upload, 9);
	assert_int_equal(options.repository.download, 0);
	assert_string_equal(options.any, "");
	assert_int_equal(options.count, 7);
	assert_true(options.flag);
	assert_false(options.help);
	assert_string_equal(options.word, "yes");
	assert_string_equal(options.argument, "it");
}

static void help_ends(void **state)
{
	(void)state;
	assert_int_equal(TAKE("-f", "--help", "--word=bad", "--unknown"), 0);
	assert_true(options.flag && options.help);
	assert_null(options.word);
}

static void wrong(const char *text)
{
	assert_int_equal(complaint.exit_status, LADE_REPOSITORY_ERROR);
	if (!strstr(complaint.text, text))
		fail_msg("\"%s\" has no \"%s\"", complaint.text, text);
}

static void empty_values(void **state)
{
	static const char *const options_with[] = { "--repo=", "--key-file=", "--limit-upload=", "--count=" };

	(void)state;
	for (size_t i = 0; i < sizeof(options_with) / sizeof(options_with[0]); i++) {
		assert_int_equal(TAKE(options_with[i]), LADE_E_USAGE);
		wrong("its value is empty");
	}
	assert_int_equal(TAKE("--word="), 0);
	assert_string_equal(options.word, "");
}

static void counts(void **state)
{
	(void)state;
	assert_int_equal(TAKE("--count=1"), 0);
	assert_int_equal(options.count, 1);
	assert_int_equal(TAKE("--count=40"), 0);
	assert_int_equal(options.count, COUNT_MAX);
	assert_int_equal(TAKE("--count=41"), LADE_E_USAGE);
	wrong("--count=41: from 1 to 40");
	assert_int_equal(TAKE("--count", "0"), LADE_E_USAGE);
	wrong("--count=0: from 1 to 40");
	assert_int_equal(TAKE("--count=two"), LADE_E_USAGE);
	wrong("from 1 to 40");
	assert_int_equal(TAKE("--limit-download=two"), LADE_E_USAGE);
	wrong("'two' is no number of KiB a second");
	assert_int_equal(TAKE("--limit-download=0"), 0);
}

/* Whatever a complaint was to exit with: commands about repositories have two statuses for it. */
static void statuses(void **state)
{
	(void)state;
	assert_int_equal(TAKE("--word=bad", "--help"), LADE_E_USAGE);
	wrong("a bad word");
	assert_false(options.help);
	assert_int_equal(TAKE("--unknown"), LADE_E_USAGE);
	wrong("try this");
	assert_int_equal(TAKE("--word=signal"), LADE_E_USAGE);
	assert_int_equal(complaint.exit_status, LADE_REPOSITORY_INTERRUPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds), cmocka_unit_test(help_ends), cmocka_unit_test(empty_values), cmocka_unit_test(counts), cmocka_unit_test(statuses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
