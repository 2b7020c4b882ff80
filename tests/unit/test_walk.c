/*
 * agent/tree/walk.h: in which order a walk tells of what, and what it leaves out, also while the tree changes under it.
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

/* ---- what is told ---- */

static void make_file(const struct fixture *fixture, const char *name)
{
	char path[PATH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture->top, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
}

static void make_link(const struct fixture *fixture, const char *target, const char *name)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", fixture->top, name);
	assert_int_equal(symlink(target, path), 0);
}

/* top/a: x, s/y; top/z: x (a directory), k, l -> ../a. */
static void make_trees(const struct fixture *fixture)
{
	make_directory(fixture, "a/s");
	make_file(fixture, "a/x");
	make_file(fixture, "a/s/y");
	make_directory(fixture, "z/x");
	make_file(fixture, "z/x/in");
	make_file(fixture, "z/k");
	make_link(fixture, "../a", "z/l");
}

/* One event: a directory "d/", one on the way "(d/)", the end of one ">", something else "f", a problem "!p", what is missing "?p". */
static void note(char *told, size_t size, int event, const struct lade_walk_item *item, const struct lade_fault *fault)
{
	const char *slash = event == LADE_WALK_ENTRY && S_ISDIR(item->st.st_mode) ? "/" : "";
	size_t len = strlen(told);
	char *at = told + len;
	int need;

	size -= len;
	if (event == LADE_WALK_LEAVE)
		need = snprintf(at, size, "> ");
	else if (event == LADE_WALK_PROBLEM)
		need = snprintf(at, size, "!%s ", fault->subject);
	else if (event == LADE_WALK_MISSING)
		need = snprintf(at, size, "?%s ", item->path);
	else
		need = snprintf(at, size, item->implied ? "(%s%s) " : "%s%s ", *item->path ? item->path : ".", slash);
	assert_true(need > 0 && (size_t)need < size);
}

/* Walk to the end, and compare what is told. */
static void walks(struct fixture *fixture, const struct lade_walk_source *sources, unsigned count,
		  const struct lade_walk_options *options, const char *expected)
{
	struct lade_walk_item item;
	struct lade_fault fault;
	char told[1024] = "";
	int event;

	assert_int_equal(lade_walk_new(sources, count, options, &fixture->walk, &fault), 0);
	while ((event = lade_walk_next(fixture->walk, &item, &fault)) > 0)
		note(told, sizeof(told), event, &item, &fault);
	assert_int_equal(event, LADE_WALK_END);
	assert_string_equal(told, expected);
	lade_walk_free(fixture->walk);
	fixture->walk = NULL;
}

static struct lade_selection *new_selection(const char *const *paths)
{
	struct lade_selection *selection;

	assert_int_equal(lade_selection_new(&selection), 0);
	for (; *paths; paths++)
		assert_int_equal(lade_selection_add(selection, *paths, strlen(*paths), LADE_SELECTED_ITEM), 0);
	lade_selection_sort(selection);
	return selection;
}

/* Walk over paths below top, with what else there is in options. */
static void walks_paths(struct fixture *fixture, const char *const *paths, const struct lade_walk_options *options,
			const char *expected)
{
	struct lade_selection *selection = new_selection(paths);
	const struct lade_walk_source source = {
		.directory = lade_directories_root(fixture->table), .selection = selection, .written = "from/here",
	};

	walks(fixture, &source, 1, options, expected);
	lade_selection_free(selection);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A directory of one source comes before a file of another; files before directories; what both have is told once. */
static void test_several_sources(void **state)
{
	struct fixture *fixture = *state;
	const struct lade_walk_options options = { .recursive = true };
	struct lade_walk_source sources[2] = { { 0 } };
	struct lade_directory *root = lade_directories_root(fixture->table);

	make_trees(fixture);
	assert_int_equal(lade_directory_new(root, "a", 1, NULL, NULL, &sources[0].directory, NULL), 0);
	assert_int_equal(lade_directory_new(root, "z", 1, NULL, NULL, &sources[1].directory, NULL), 0);
	walks(fixture, sources, 2, &options, "./ k l s/ s/y > x/ x/in > > ");
	lade_directory_unref(sources[0].directory);
	lade_directory_unref(sources[1].directory);
}

static void test_selected_paths(void **state)
{
	struct fixture *fixture = *state;
	const struct lade_walk_options options = { .recursive = true };

	make_trees(fixture);
	walks_paths(fixture, PATHS("a/s"), &options, "(a/) a/s/ a/s/y > > ");
	walks_paths(fixture, PATHS("a/s/y", "a/x", "a/x", "z/k"), &options, "(a/) a/x (a/s/) a/s/y > > (z/) z/k > ");
	walks_paths(fixture, PATHS("a", "a/s/y"), &options, "a/ a/x a/s/ a/s/y > > ");
}

/* What is not there has no directories made on its way, and is called as it was written. */
static void test_paths_that_lead_nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct lade_walk_options options = { .recursive = true };

	make_trees(fixture);
	walks_paths(fixture, PATHS("a/none", "a/s/no", "nor/this", "nor/that", "z/k"), &options,
		    "!from/here/nor/that !from/here/nor/this !from/here/a/none !from/here/a/s/no (z/) z/k > ");
	walks_paths(fixture, PATHS("a/none", "a/x"), &options, "(a/) !from/here/a/none a/x > ");
	walks_paths(fixture, PATHS("a/x/below"), &options, "!from/here/a/x/below ");
	options.missing = LADE_MISSING_IGNORE;
	walks_paths(fixture, PATHS("a/none", "nor/this"), &options, "");
	options.missing = LADE_MISSING_TELL;
	walks_paths(fixture, PATHS("a/none"), &options, "(a/) ?a/none > ");
	walks_paths(fixture, PATHS("a/none/deep/er", "none/deep"), &options, "?none/deep (a/) ?a/none/deep/er > ");
}

/* What one source lacks the next one may have. */
static void test_missing_in_one(void **state)
{
	struct fixture *fixture = *state;
	struct lade_selection *selection = new_selection(PATHS("k"));
	struct lade_directory *root = lade_directories_root(fixture->table);
	struct lade_walk_source sources[2] = { { .selection = selection, .written = "a" }, { .selection = selection, .written = "z" } };
	struct lade_walk_options options = { .recursive = true };

	make_trees(fixture);
	assert_int_equal(lade_directory_new(root, "a", 1, NULL, NULL, &sources[0].directory, NULL), 0);
	assert_int_equal(lade_directory_new(root, "z", 1, NULL, NULL, &sources[1].directory, NULL), 0);
	walks(fixture, sources, 2, &options, "!a/k k ");
	options.missing = LADE_MISSING_IGNORE;
	walks(fixture, sources, 2, &options, "k ");
	lade_directory_unref(sources[0].directory);
	lade_directory_unref(sources[1].directory);
	lade_selection_free(selection);
}

/* A component on the way is followed; what is named is, where that is asked for. One that leads to where it is, is a problem. */
static void test_followed_symlinks(void **state)
{
	struct fixture *fixture = *state;
	struct lade_walk_options options = { .recursive = true };

	make_trees(fixture);
	walks_paths(fixture, PATHS("z/l/x"), &options, "(z/) (z/l/) z/l/x > > ");
	walks_paths(fixture, PATHS("z/l"), &options, "(z/) z/l > ");
	options.copy_dirlinks = true;
	walks_paths(fixture, PATHS("z/l"), &options, "(z/) z/l/ z/l/x z/l/s/ z/l/s/y > > > ");
	make_link(fixture, "..", "a/s/up");
	walks_paths(fixture, PATHS("a"), &options, "a/ a/x a/s/ a/s/y !a/s/up > > ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_destination_that_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destination_that_is_made_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_that_becomes_a_symlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_selected_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths_that_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_in_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_followed_symlinks, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
