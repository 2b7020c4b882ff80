/*
 * agent/tree/walk.h: what a walk leaves out while the tree changes under it.
 */
#include "agent/tree/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

/* top/a, top/z; top/z/copy is the destination. */
struct fixture {
	char top[PATH_MAX], destination[PATH_MAX + 16];
	struct lade_directories *table;
	struct lade_walk *walk;
};

static void make_directory(const struct fixture *fixture, const char *name)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", fixture->top, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int setup(void **state)
{
	static struct fixture fixture;

	temp_tree_make(fixture.top);
	make_directory(&fixture, "a");
	make_directory(&fixture, "z");
	snprintf(fixture.destination, sizeof(fixture.destination), "%s/z/copy", fixture.top);
	assert_int_equal(lade_directories_open(fixture.top, 0, &fixture.table, NULL), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lade_walk_free(fixture->walk);
	lade_directories_close(fixture->table);
	temp_tree_remove(fixture->top);
	return 0;
}

static void start(struct fixture *fixture)
{
	const struct lade_walk_source source = { .directory = lade_directories_root(fixture->table) };
	const struct lade_walk_options options = { .recursive = true, .avoid = fixture->destination };

	assert_int_equal(lade_walk_new(&source, 1, &options, &fixture->walk, NULL), 0);
}

/* Walk on to the entry of path. */
static void walk_to(struct fixture *fixture, const char *path)
{
	struct lade_walk_item item;
	struct lade_fault fault;

	do {
		assert_int_not_equal(lade_walk_next(fixture->walk, &item, &fault), LADE_WALK_END);
	} while (strcmp(item.path, path));
}

/* Of what is left only the destination is a problem, and nothing of it is walked. */
static void walk_to_end(struct fixture *fixture)
{
	struct lade_walk_item item;
	struct lade_fault fault;
	unsigned problems = 0;
	int event;

	while ((event = lade_walk_next(fixture->walk, &item, &fault)) != LADE_WALK_END) {
		assert_true(event > 0);
		assert_int_not_equal(strcmp(item.path, "z/copy/z"), 0);
		if (event != LADE_WALK_PROBLEM)
			continue;
		problems++;
		assert_string_equal(item.path, "z/copy");
		assert_int_equal(fault.code, LADE_E_REFUSED);
	}
	assert_int_equal(problems, 1);
}

static void make_destination(const struct fixture *fixture)
{
	make_directory(fixture, "z/copy");
	make_directory(fixture, "z/copy/z");
}

static void test_destination_that_is_there(void **state)
{
	struct fixture *fixture = *state;

	make_destination(fixture);
	start(fixture);
	walk_to_end(fixture);
}

/* The receiver makes it when it has heard the first entries. */
static void test_destination_that_is_made_meanwhile(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	walk_to(fixture, "a");
	make_destination(fixture);
	walk_to_end(fixture);
}

/* Somebody puts a symlink in the place of a directory that is about to be read: that is a failure, not what was to be left out. */
static void test_directory_that_becomes_a_symlink(void **state)
{
	struct fixture *fixture = *state;
	struct lade_walk_item item;
	struct lade_fault fault;
	char path[PATH_MAX + 16];

	start(fixture);
	walk_to(fixture, "a");
	snprintf(path, sizeof(path), "%s/a", fixture->top);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("z", path), 0);
	assert_int_equal(lade_walk_next(fixture->walk, &item, &fault), LADE_WALK_PROBLEM);
	assert_string_equal(item.path, "a");
	assert_int_equal(fault.code, LADE_E_SOURCE);
	assert_int_equal(lade_walk_next(fixture->walk, &item, &fault), LADE_WALK_LEAVE);
	assert_true(item.incomplete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_destination_that_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destination_that_is_made_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_that_becomes_a_symlink, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
