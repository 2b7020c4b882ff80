/*
 * Tests of agent/sync/item_queue: the order in which items come out, whatever comes in when, and its bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sync/item_queue.h"

static struct lade_msg_item item_of(const char *path)
{
	return (struct lade_msg_item){ .path = lade_slice(path, strlen(path)) };
}

static void append(struct lade_item_queue *queue, const char *path)
{
	const struct lade_msg_item item = item_of(path);

	assert_int_equal(lade_item_queue_append(queue, &item), 0);
}

static bool fill(struct lade_item_queue *queue, uint64_t place, const char *path)
{
	const struct lade_msg_item item = item_of(path);

	return lade_item_queue_fill(queue, place, &item);
}

/* The names of all that can be taken, joined. */
static const char *taken(struct lade_item_queue *queue)
{
	static char all[256];
	struct lade_msg_item item;
	size_t len = 0;

	all[0] = '\0';
	while (lade_item_queue_take(queue, &item))
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%.*s", len ? " " : "", (int)item.path.len,
					(const char *)item.path.data);
	return all;
}

static void places_are_waited_for(void **state)
{
	struct lade_item_queue queue = { 0 };
	uint64_t a, c;

	(void)state;
	assert_true(lade_item_queue_empty(&queue));
	a = lade_item_queue_keep(&queue);
	append(&queue, "b");
	c = lade_item_queue_keep(&queue);
	append(&queue, "d");
	assert_string_equal(taken(&queue), "");
	assert_true(fill(&queue, c, "c"));
	assert_string_equal(taken(&queue), "");
	assert_true(fill(&queue, a, "a"));
	assert_string_equal(taken(&queue), "a b c d");
	assert_true(lade_item_queue_empty(&queue));
	lade_item_queue_fini(&queue);
}

static void nothing_is_passed_over(void **state)
{
	struct lade_item_queue queue = { 0 };
	uint64_t a = lade_item_queue_keep(&queue), b = lade_item_queue_keep(&queue);

	(void)state;
	append(&queue, "c");
	assert_true(lade_item_queue_fill(&queue, a, NULL));
	assert_string_equal(taken(&queue), "");
	assert_true(lade_item_queue_fill(&queue, b, NULL));
	assert_string_equal(taken(&queue), "c");
	lade_item_queue_fini(&queue);
}

/* A place can be filled once, and not where there is none. */
static void places_are_checked(void **state)
{
	struct lade_item_queue queue = { 0 };
	uint64_t a = lade_item_queue_keep(&queue);

	(void)state;
	assert_false(fill(&queue, 0, "x"));
	assert_false(fill(&queue, a + 1, "x"));
	assert_true(fill(&queue, a, "a"));
	assert_false(fill(&queue, a, "x"));
	assert_string_equal(taken(&queue), "a");
	assert_false(fill(&queue, a, "x"));
	append(&queue, "b");
	assert_false(fill(&queue, a + 1, "x"));
	assert_string_equal(taken(&queue), "b");
	lade_item_queue_fini(&queue);
}

static void what_is_known_is_given_out(void **state)
{
	struct lade_item_queue queue = { 0 };
	uint64_t a = lade_item_queue_keep(&queue);

	(void)state;
	append(&queue, "b");
	lade_item_queue_give_up(&queue);
	assert_string_equal(taken(&queue), "b");
	assert_false(fill(&queue, a, "a"));
	lade_item_queue_fini(&queue);
}

static void the_first_place_is_given_up(void **state)
{
	struct lade_item_queue queue = { .most = 3 };
	uint64_t a = lade_item_queue_keep(&queue), c;

	(void)state;
	append(&queue, "b");
	c = lade_item_queue_keep(&queue);
	assert_string_equal(taken(&queue), "");
	append(&queue, "d");
	assert_string_equal(taken(&queue), "b");
	assert_false(fill(&queue, a, "a"));
	assert_true(fill(&queue, c, "c"));
	assert_string_equal(taken(&queue), "c d");
	lade_item_queue_fini(&queue);
}

/* The ring grows while its beginning is not that of its memory. */
static void it_grows(void **state)
{
	struct lade_item_queue queue = { 0 };
	struct lade_msg_item item;
	uint64_t places[1000];
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		places[i] = lade_item_queue_keep(&queue);
		assert_int_equal(places[i], i + 1);
		if (i < 40) {
			assert_true(lade_item_queue_fill(&queue, places[i], NULL));
			assert_false(lade_item_queue_take(&queue, &item));
		}
	}
	for (unsigned i = 999; i >= 40; i--) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(fill(&queue, places[i], name));
	}
	for (unsigned i = 40; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(lade_item_queue_take(&queue, &item));
		assert_int_equal(item.path.len, strlen(name));
		assert_memory_equal(item.path.data, name, strlen(name));
	}
	assert_false(lade_item_queue_take(&queue, &item));
	append(&queue, "left");
	lade_item_queue_fini(&queue);
}

static void all_of_an_item_is_kept(void **state)
{
	struct lade_item_queue queue = { 0 };
	char path[] = "path", target[] = "target";
	uint8_t digest[] = { 1, 2, 3 };
	struct lade_msg_item item = {
		.changes = 5, .size = 7, .path = lade_slice(path, 4), .target = lade_slice(target, 6), .digest = lade_slice(digest, 3),
	};

	(void)state;
	assert_int_equal(lade_item_queue_append(&queue, &item), 0);
	memset(path, 0, sizeof(path));
	memset(target, 0, sizeof(target));
	memset(digest, 0, sizeof(digest));
	memset(&item, 0, sizeof(item));
	assert_true(lade_item_queue_take(&queue, &item));
	assert_int_equal(item.changes, 5);
	assert_int_equal(item.size, 7);
	assert_true(lade_slice_equal(item.path, lade_slice("path", 4)));
	assert_true(lade_slice_equal(item.target, lade_slice("target", 6)));
	assert_true(lade_slice_equal(item.digest, lade_slice("\1\2\3", 3)));
	lade_item_queue_fini(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_waited_for), cmocka_unit_test(nothing_is_passed_over),
		cmocka_unit_test(places_are_checked), cmocka_unit_test(what_is_known_is_given_out),
		cmocka_unit_test(the_first_place_is_given_up), cmocka_unit_test(it_grows),
		cmocka_unit_test(all_of_an_item_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("item_queue", tests, NULL, NULL);
}
