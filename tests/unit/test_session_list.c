/*
 * Tests of agent/store/session_list and session_record: what a list of sessions/ means, and who is alive.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/store/session_list.h"
#include "agent/store/session_record.h"
#include "agent/store/store_folder.h"
#include "tests/unit/temp_tree.h"

#define A "sessions/000000000000000000000000000000aa-000000000000000000000000000000bb."
#define B "sessions/000000000000000000000000000000aa-000000000000000000000000000000cc."

static char scratch[PATH_MAX];
static struct lade_store *store;

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(scratch);
	return lade_store_folder_open(scratch, true, &store, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	lade_store_close(store);
	temp_tree_remove(scratch);
	return 0;
}

static void put(const char *const *names)
{
	for (; *names; names++)
		assert_int_equal(lade_store_put(store, *names, "abc", 3, NULL), 0);
}

static void test_all_kinds(void **state)
{
	struct lade_session_list list;
	const struct lade_session *session;

	(void)state;
	put((const char *const[]){ A "active", A "beat-9", A "beat-10", A "table-2", A "table-1", A "table-10", A "refs", A "snapshot", A "refs-2", A "refs-1", A "gone",
				   B "committed-77", B "table-1", "sessions/none", A "table-0", A "table-01", A "other", "snapshots/x", NULL });
	assert_int_equal(lade_session_list_get(store, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	session = &list.sessions[0];
	assert_int_equal(session->state, LADE_SESSION_ACTIVE);
	assert_int_equal(session->id.party[15], 0xaa);
	assert_int_equal(session->id.random[15], 0xbb);
	assert_int_equal(session->beat, 10);
	assert_int_equal(session->table_count, 3);
	assert_int_equal(session->tables[0].name.number, 1);
	assert_int_equal(session->tables[1].name.number, 2);
	assert_int_equal(session->tables[2].name.number, 10);
	assert_int_equal(session->tables[2].len, 3);
	assert_int_equal(session->later_refs_count, 2);
	assert_int_equal(session->later_refs[1].name.number, 2);
	assert_true(session->refs && session->snapshot && session->gone && session->lease);
	assert_int_equal(session->refs->name.kind, LADE_NAME_SESSION_REFS);
	session = &list.sessions[1];
	assert_int_equal(session->state, LADE_SESSION_COMMITTED);
	assert_int_equal(session->time, 77);
	assert_int_equal(session->table_count, 1);
	assert_true(!session->refs && !session->snapshot && !session->gone && !session->beat);
	assert_ptr_equal(lade_session_list_find(&list, &session->id), session);
	lade_session_list_fini(&list);
	assert_null(lade_session_list_find(&list, &(struct lade_session_id){ .random = "" }));
}

/* Of two states that one list has the later one is true, whichever way they are listed. */
static void test_states(void **state)
{
	static const struct {
		const char *names[4];
		enum lade_session_state state;
	} cases[] = {
		{ { A "table-1" }, LADE_SESSION_LEFT },
		{ { A "table-1", A "active" }, LADE_SESSION_ACTIVE },
		{ { A "committed-5", A "active" }, LADE_SESSION_COMMITTED },
		{ { A "fenced", A "active" }, LADE_SESSION_FENCED },
		{ { A "fenced", A "committed-5" }, LADE_SESSION_FENCED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_session_list list;

		put(cases[i].names);
		assert_int_equal(lade_session_list_get(store, &list, NULL), 0);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.sessions[0].state, cases[i].state);
		assert_true(!list.sessions[0].lease == (cases[i].state == LADE_SESSION_LEFT));
		assert_int_equal(lade_session_remove(store, &list.sessions[0].id, NULL), 0);
		lade_session_list_fini(&list);
		assert_int_equal(lade_session_list_get(store, &list, NULL), 0);
		assert_int_equal(list.count, 0);
		lade_session_list_fini(&list);
	}
}

/* One session only, and what is no object's stays. */
static void test_one(void **state)
{
	struct lade_session_list list;
	struct lade_session_id id = { .party = { [15] = 0xaa }, .random = { [15] = 0xbb } };
	char byte;

	(void)state;
	put((const char *const[]){ A "active", A "table-1", A "other", B "active", NULL });
	assert_int_equal(lade_session_list_get_one(store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.objects.count, 2);
	lade_session_list_fini(&list);
	assert_int_equal(lade_session_remove(store, &id, NULL), 0);
	assert_int_equal(lade_store_get(store, A "other", 0, 1, &byte, NULL), 0);
	assert_int_equal(lade_store_get(store, B "active", 0, 1, &byte, NULL), 0);
	assert_int_equal(lade_store_get(store, A "active", 0, 1, &byte, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_session_list_get_one(store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 0);
	lade_session_list_fini(&list);
}

static void test_records(void **state)
{
	const int directory = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct lade_session_id id = { .random = "a" }, other = { .random = "b" };
	struct lade_session_list none = { .count = 0 };
	int fd, again, third;

	(void)state;
	assert_true(directory >= 0);
	assert_int_equal(lade_session_record_look(directory, &id, &fd), LADE_SESSION_UNKNOWN);
	assert_int_equal(fd, -1);
	assert_int_equal(lade_session_record_make(directory, &id, &fd, NULL), 0);
	assert_true(fd >= 0);
	assert_int_equal(lade_session_record_look(directory, &id, &again), LADE_SESSION_ALIVE);
	assert_int_equal(again, -1);
	/* What is alive is not swept. */
	lade_session_record_sweep(directory, &none);
	assert_int_equal(lade_session_record_look(directory, &id, &again), LADE_SESSION_ALIVE);
	lade_session_record_release(fd);
	/* Dead, for the first one who looks. */
	assert_int_equal(lade_session_record_look(directory, &id, &again), LADE_SESSION_DEAD);
	assert_int_equal(lade_session_record_look(directory, &id, &third), LADE_SESSION_ALIVE);
	lade_session_record_forget(directory, &id, again);
	assert_int_equal(lade_session_record_look(directory, &id, &again), LADE_SESSION_UNKNOWN);
	assert_int_equal(lade_session_record_make(directory, &other, &fd, NULL), 0);
	lade_session_record_release(fd);
	lade_session_record_sweep(directory, &none);
	assert_int_equal(lade_session_record_look(directory, &other, &again), LADE_SESSION_UNKNOWN);
	/* Without a directory nothing is known. */
	assert_int_equal(lade_session_record_make(-1, &id, &fd, NULL), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(lade_session_record_look(-1, &id, &fd), LADE_SESSION_UNKNOWN);
	lade_session_record_forget(-1, &id, -1);
	lade_session_record_sweep(-1, &none);
	close(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_records, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
