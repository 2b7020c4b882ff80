/*
 * Tests of copies of entries: all that an entry points to is in them, in exactly the memory that was asked for, and nothing of the original is used any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/backup/entry_copy.h"

#define SLICES 8u

/* The slices of an entry, all of them. */
static void slices_of(struct lade_stream_entry *entry, struct lade_slice *slices_out[SLICES])
{
	struct lade_slice *slices[SLICES] = { &entry->name, &entry->target, &entry->recipe, &entry->xattrs, &entry->xattrs_recipe, &entry->user, &entry->group, &entry->holes_recipe };

	memcpy(slices_out, slices, sizeof(slices));
}

/* Make an entry whose slice i has lens[i] bytes i + 1, copy it, and lose the original. */
static void check(const size_t lens[SLICES])
{
	struct lade_stream_entry entry = { .mode = 0100644, .fields = LADE_ENTRY_OWNER, .uid = 7, .links = 3, .mtime = { 5, 6 }, .incomplete = LADE_INCOMPLETE_UNREAD }, copy;
	struct lade_slice *slices[SLICES];
	uint8_t bytes[SLICES][40], *room;
	size_t sum = 0;

	slices_of(&entry, slices);
	for (unsigned i = 0; i < SLICES; i++) {
		memset(bytes[i], (int)i + 1, sizeof(bytes[i]));
		*slices[i] = lade_slice(lens[i] ? bytes[i] : NULL, lens[i]);
		sum += lens[i];
	}
	assert_int_equal(lade_entry_copy_len(&entry), sum);
	/* One byte more and one less than it has are not touched. */
	room = malloc(sum + 2);
	assert_non_null(room);
	memset(room, 0xee, sum + 2);
	lade_entry_copy(&entry, room + 1, &copy);
	memset(bytes, 0xff, sizeof(bytes));
	memset(&entry, 0xff, sizeof(entry));
	assert_int_equal(room[0], 0xee);
	assert_int_equal(room[sum + 1], 0xee);
	slices_of(&copy, slices);
	for (unsigned i = 0; i < SLICES; i++) {
		assert_int_equal(slices[i]->len, lens[i]);
		for (size_t k = 0; k < lens[i]; k++)
			assert_int_equal(slices[i]->data[k], i + 1);
	}
	assert_int_equal(copy.mode, 0100644);
	assert_int_equal(copy.fields, LADE_ENTRY_OWNER);
	assert_int_equal(copy.uid, 7);
	assert_int_equal(copy.links, 3);
	assert_int_equal(copy.mtime.s, 5);
	assert_int_equal(copy.mtime.ns, 6);
	assert_int_equal(copy.incomplete, LADE_INCOMPLETE_UNREAD);
	free(room);
}

static void test_all(void **state)
{
	const size_t lens[SLICES] = { 1, 2, 3, 5, 8, 13, 21, 34 };

	(void)state;
	check(lens);
}

/* Each of them alone, and none. */
static void test_each(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= SLICES; i++) {
		size_t lens[SLICES] = { 0 };

		if (i < SLICES)
			lens[i] = 40;
		check(lens);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_each) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
