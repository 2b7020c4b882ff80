/*
 * Tests of agent/store/store_moving: what goes which way, when a way is left, and that a barrier is about all of it. The ways are folders' stores that count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/store_folder.h"
#include "agent/store/store_moving.h"
#include "tests/unit/temp_tree.h"

#define WAYS_MAX 8

static int64_t now_ms = 1000;

int64_t __wrap_lade_clock_ms(void);
int64_t __wrap_lade_clock_ms(void)
{
	return now_ms;
}

/* One way: a folder's store behind operations that note what they are asked for. */
struct noted {
	struct lade_store store;
	struct lade_store *inner;
	unsigned begun, barriers;
	bool worn, closed;
	int barrier_error;
};

struct scene {
	char path[PATH_MAX];
	struct noted ways[WAYS_MAX];
	unsigned count, tries;
	bool unreachable, freed;
	struct lade_store *store;
};

static struct noted *noted_of(struct lade_store *store)
{
	return (struct noted *)store;
}

static int noted_begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	assert_false(noted_of(store)->closed);
	noted_of(store)->begun++;
	return lade_store_begin(noted_of(store)->inner, put_out, fault);
}

static int noted_get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	return lade_store_get(noted_of(store)->inner, name, off, len, out, fault);
}

static int noted_list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		      struct lade_fault *fault)
{
	return lade_store_list(noted_of(store)->inner, prefix, visit, context, fault);
}

static int noted_rename(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	return lade_store_rename(noted_of(store)->inner, from, to, fault);
}

static int noted_remove(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	return lade_store_remove(noted_of(store)->inner, name, fault);
}

static int noted_barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct noted *noted = noted_of(store);

	assert_false(noted->closed);
	noted->barriers++;
	return noted->barrier_error ? lade_fault_set(fault, noted->barrier_error, "write to disk", "way") : lade_store_barrier(noted->inner, fault);
}

static void noted_close(struct lade_store *store)
{
	lade_store_close(noted_of(store)->inner);
	noted_of(store)->closed = true;
}

/* append, finish and abandon are those of the folder, whose puts these are. */
static const struct lade_store_operations operations = {
	.begin = noted_begin, .get = noted_get, .list = noted_list, .rename_once = noted_rename, .remove = noted_remove, .barrier = noted_barrier, .close = noted_close,
};

static bool is_worn(void *context, struct lade_store *store)
{
	(void)context;
	return noted_of(store)->worn;
}

static int reach(void *context, struct lade_store **store_out, struct lade_fault *fault)
{
	struct scene *scene = context;
	struct noted *noted = &scene->ways[scene->count];

	scene->tries++;
	if (scene->unreachable)
		return lade_fault_set(fault, LADE_E_TIMEOUT, "connect to", "way");
	assert_true(scene->count < WAYS_MAX);
	noted->store.operations = &operations;
	assert_int_equal(lade_store_folder_open(scene->path, true, &noted->inner, fault), 0);
	scene->count++;
	*store_out = &noted->store;
	return 0;
}

static void free_ways(void *context)
{
	((struct scene *)context)->freed = true;
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct lade_store *first;

	assert_non_null(scene);
	temp_tree_make(scene->path);
	assert_int_equal(reach(scene, &first, NULL), 0);
	assert_int_equal(lade_store_moving_new(first, &(struct lade_store_ways){ is_worn, reach, free_ways, scene }, &scene->store, NULL), 0);
	scene->tries = 0;
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_store_close(scene->store);
	assert_true(scene->freed);
	for (unsigned i = 0; i < scene->count; i++)
		assert_true(scene->ways[i].closed);
	temp_tree_remove(scene->path);
	free(scene);
	return 0;
}

static void test_without_wear(void **state)
{
	struct scene *scene = *state;
	char got[3];

	assert_int_equal(lade_store_put(scene->store, "a", "abc", 3, NULL), 0);
	assert_int_equal(lade_store_rename(scene->store, "a", "b", NULL), 0);
	assert_int_equal(lade_store_get(scene->store, "b", 0, 3, got, NULL), 0);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(lade_store_remove(scene->store, "b", NULL), 0);
	assert_int_equal(lade_store_get(scene->store, "b", 0, 3, got, NULL), LADE_E_ABSENT);
	assert_int_equal(scene->count, 1);
	assert_int_equal(scene->ways[0].barriers, 1);
}

/* With nothing under way the old one is left at once, behind a barrier. */
static void test_move(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(lade_store_put(scene->store, "a", "abc", 3, NULL), 0);
	scene->ways[0].worn = true;
	assert_int_equal(lade_store_put(scene->store, "b", "abc", 3, NULL), 0);
	assert_int_equal(scene->count, 2);
	assert_true(scene->ways[0].closed);
	assert_int_equal(scene->ways[0].barriers, 1);
	assert_int_equal(scene->ways[0].begun, 1);
	assert_int_equal(scene->ways[1].begun, 1);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->ways[1].barriers, 1);
	/* And again. */
	scene->ways[1].worn = true;
	assert_int_equal(lade_store_remove(scene->store, "a", NULL), 0);
	assert_int_equal(scene->count, 3);
	assert_true(scene->ways[1].closed);
}

/* What is begun ends where it began, however often keys are worn out meanwhile, and until then barriers are about all ways. */
static void test_put_across(void **state)
{
	struct scene *scene = *state;
	struct lade_store_put *one, *two;

	assert_int_equal(lade_store_begin(scene->store, &one, NULL), 0);
	assert_int_equal(lade_store_append(one, "ab", 2, NULL), 0);
	scene->ways[0].worn = true;
	assert_int_equal(lade_store_begin(scene->store, &two, NULL), 0);
	assert_int_equal(scene->count, 2);
	assert_false(scene->ways[0].closed);
	scene->ways[1].worn = true;
	assert_int_equal(lade_store_put(scene->store, "c", "abc", 3, NULL), 0);
	assert_int_equal(scene->count, 3);
	assert_int_equal(scene->ways[1].begun, 1);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(scene->ways[i].barriers, 1);
	assert_int_equal(lade_store_append(one, "c", 1, NULL), 0);
	assert_int_equal(lade_store_finish(one, "a", NULL), 0);
	assert_true(scene->ways[0].closed);
	assert_int_equal(scene->ways[0].barriers, 2);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->count, 3);
	assert_false(scene->ways[1].closed);
	lade_store_abandon(two);
	assert_true(scene->ways[1].closed);
}

/* Where a barrier at the end of a way fails, no barrier succeeds any more. */
static void test_bad_end(void **state)
{
	struct scene *scene = *state;
	struct lade_fault fault;

	assert_int_equal(lade_store_put(scene->store, "a", "abc", 3, NULL), 0);
	scene->ways[0].worn = true;
	scene->ways[0].barrier_error = LADE_E_CLOSED;
	assert_int_equal(lade_store_put(scene->store, "b", "abc", 3, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lade_store_barrier(scene->store, &fault), LADE_E_CLOSED);
		assert_string_equal(fault.subject, "way");
	}
	assert_int_equal(scene->ways[1].barriers, 0);
}

/* Who cannot be reached is left alone for a while, and all goes on. */
static void test_unreachable(void **state)
{
	struct scene *scene = *state;

	scene->ways[0].worn = true;
	scene->unreachable = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->tries, 1);
	assert_int_equal(scene->ways[0].barriers, 5);
	now_ms += 59999;
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->tries, 1);
	now_ms += 1;
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->tries, 2);
	scene->unreachable = false;
	now_ms += 60000;
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(scene->count, 2);
	assert_true(scene->ways[0].closed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_wear),
		TEST(test_move),
		TEST(test_put_across),
		TEST(test_bad_end),
		TEST(test_unreachable),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
