/*
 * Tests of agent/store/publish: what is committed becomes what it is for, once, whoever does it; what is void goes; what nobody knows stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/pack_list.h"
#include "agent/store/publish.h"
#include "agent/store/refs.h"
#include "agent/store/table.h"
#include "tests/unit/repository_scene.h"

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	if (!scene)
		return -1;
	scene_init(scene);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	scene_fini(scene);
	free(scene);
	return 0;
}

/* Commit a backup of a text without publishing it; repository is closed. Returns how many chunks were found. */
static unsigned commit_only(struct scene *scene, struct lade_repository *repository, const char *host, const char *text)
{
	struct scene_backup backup;
	uint8_t snapshot[LADE_HASH_LEN];

	faulty_store_restrict(repository->store);
	assert_int_equal(scene_begin(scene, repository, false, &backup), 0);
	assert_int_equal(scene_back_up(&backup, text), 0);
	assert_int_equal(scene_commit(&backup, host, snapshot, NULL), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(repository);
	return backup.found;
}

static struct lade_publish_setup setup_of(struct scene *scene, struct lade_repository *repository)
{
	const struct lade_repository_session_setup session = scene_setup(scene, repository, false);

	return (struct lade_publish_setup){ .repository = repository, .note = session.note, .context = session.context };
}

static void publish(struct scene *scene)
{
	struct lade_repository *repository = scene_open(scene);
	const struct lade_publish_setup setup = setup_of(scene, repository);

	assert_int_equal(lade_publish_all(&setup, NULL), 0);
	lade_repository_close(repository);
}

/* The session with the least id; the caller frees the list. */
static const struct lade_session *only(struct lade_repository *repository, struct lade_session_list *list)
{
	assert_int_equal(lade_session_list_get(repository->store, list, NULL), 0);
	assert_true(list->count > 0);
	return &list->sessions[0];
}

static uint8_t *read_item(struct lade_repository *repository, const struct lade_object_item *item)
{
	uint8_t *object;

	assert_int_equal(lade_object_list_read(repository->store, item, 1 << 26, &object, NULL), 0);
	return object;
}

static void put(struct lade_repository *repository, const struct lade_object_name *name, const void *object, size_t len)
{
	char text[LADE_OBJECT_NAME_MAX + 1];

	lade_object_name_format(name, text);
	assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
	assert_int_equal(lade_store_put(repository->store, text, object, len, NULL), 0);
}

/* ---- writers ---- */

/* A daemon's writer leaves his session; it counts where it is, and its tables do. */
static void test_in_place(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(commit_only(scene, scene_open(scene), "a", "text"), 0);
	assert_int_equal(scene_count(scene, "sessions/"), 4);
	assert_int_equal(scene_check(scene), 1);
	assert_int_equal(commit_only(scene, scene_open(scene), "b", "text"), 1);
	assert_int_equal(scene_count(scene, "packs/"), 1);
	assert_int_equal(scene_check(scene), 2);
	assert_int_equal(scene_count(scene, "index/") + scene_count(scene, "refs/") + scene_count(scene, "snapshots/"), 0);
	publish(scene);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_count(scene, "snapshots/"), 2);
	assert_int_equal(scene_count(scene, "refs/"), 2);
	assert_int_equal(scene_count(scene, "index/0/"), 1);
	assert_int_equal(scene_check(scene), 2);
	assert_string_equal(scene->notes, "");
}

static void publish_it(void *context)
{
	publish(context);
}

/* Another one publishes at each moment. */
static void test_by_two(void **state)
{
	struct scene *scene = *state;
	size_t before = 0;
	bool came = true;

	for (unsigned number = 1; came; number++, before++) {
		struct lade_repository *repository;
		struct lade_publish_setup setup;

		(void)commit_only(scene, scene_open(scene), "a", "text");
		repository = scene_open(scene);
		setup = setup_of(scene, repository);
		faulty_store_at(repository->store, number, publish_it, scene);
		assert_int_equal(lade_publish_all(&setup, NULL), 0);
		came = faulty_store_count(repository->store) >= number;
		lade_repository_close(repository);
		assert_int_equal(scene_count(scene, "sessions/"), 0);
		assert_int_equal(scene_check(scene), before + 1);
		assert_string_equal(scene->notes, "");
	}
	assert_true(before > 8);
}

/* Nothing is renamed before a barrier, and one who dies or is refused leaves it to the next. */
static void test_barrier_first(void **state)
{
	struct scene *scene = *state;
	bool broke = true;

	for (unsigned number = 1; broke; number++) {
		struct lade_repository *repository;
		struct lade_publish_setup setup;

		scene_fini(scene);
		scene_init(scene);
		(void)commit_only(scene, scene_open(scene), "a", "text");
		repository = scene_open(scene);
		setup = setup_of(scene, repository);
		faulty_store_break(repository->store, number, FAULTY_DEAD);
		(void)lade_publish_all(&setup, NULL);
		broke = faulty_store_broke(repository->store);
		if (faulty_store_operation(repository->store, FAULTY_RENAME) > 0)
			assert_true(faulty_store_operation(repository->store, FAULTY_BARRIER) > 0);
		lade_repository_close(repository);
		assert_int_equal(scene_check(scene), 1);
		publish(scene);
		assert_int_equal(scene_count(scene, "sessions/"), 0);
		assert_int_equal(scene_check(scene), 1);
	}
}

/* A damaged, or another's, snapshot or refs. */
enum harm { FLIP_SNAPSHOT, FLIP_SIGNATURE, NO_REFS, FLIP_REFS, OTHER_REFS, LONG_SNAPSHOT, HARMS };

static void harm(struct lade_repository *repository, const struct lade_session *session, enum harm kind)
{
	const struct lade_object_item *item = kind == NO_REFS || kind == FLIP_REFS || kind == OTHER_REFS ? session->refs : session->snapshot;
	uint8_t *object = read_item(repository, item), *longer;
	char text[LADE_OBJECT_NAME_MAX + 1];
	size_t len = (size_t)item->len;

	lade_object_name_format(&item->name, text);
	if (kind == FLIP_SNAPSHOT)
		object[60] ^= 1;
	else if (kind == FLIP_SIGNATURE)
		object[len - 1] ^= 1;
	else if (kind == FLIP_REFS)
		object[len - 1] ^= 1;
	else if (kind == OTHER_REFS)
		object[len - LADE_SIGNATURE_LEN - 1] ^= 1;
	longer = realloc(object, len + 1);
	assert_non_null(longer);
	longer[len] = 0;
	if (kind == NO_REFS)
		assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
	else
		put(repository, &item->name, longer, len + (kind == LONG_SNAPSHOT));
	free(longer);
}

static void test_void(void **state)
{
	struct scene *scene = *state;

	for (enum harm kind = 0; kind < HARMS; kind++) {
		struct lade_repository *repository;
		struct lade_session_list list;
		struct lade_snapshot_list snapshots;

		(void)commit_only(scene, scene_open(scene), "a", "text");
		repository = scene_open(scene);
		harm(repository, only(repository, &list), kind);
		lade_session_list_fini(&list);
		scene_list(scene, repository, &snapshots);
		/* Whether there are no refs, or no more, a reader does not know. */
		assert_int_equal(snapshots.count, kind == NO_REFS);
		assert_int_equal(scene->bad, kind != NO_REFS);
		lade_snapshot_list_fini(&snapshots);
		lade_repository_close(repository);
		scene->notes[0] = '\0';
		publish(scene);
		assert_non_null(strstr(scene->notes, "was void"));
		assert_int_equal(scene_count(scene, "sessions/") + scene_count(scene, "refs/") + scene_count(scene, "snapshots/"), 0);
		assert_int_equal(scene_count(scene, "index/"), 0);
	}
}

/* Rename all of a session to another writer's. */
static void move_session(struct lade_repository *repository, const uint8_t party[LADE_PARTY_ID_LEN])
{
	struct lade_session_list list;

	(void)only(repository, &list);
	for (size_t i = 0; i < list.objects.count; i++) {
		struct lade_object_name to = list.objects.items[i].name;

		memcpy(to.session.party, party, sizeof(to.session.party));
		assert_int_equal(lade_session_rename(repository->store, &list.objects.items[i].name, &to, NULL), 0);
	}
	lade_session_list_fini(&list);
}

/* A snapshot of another writer than its session's makes that void; one of nobody who is known does not. */
static void test_whose(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *other = scene_open_writer(scene, "other"), *repository;
	uint8_t nobody[LADE_PARTY_ID_LEN] = "nobody";

	(void)commit_only(scene, scene_open(scene), "a", "text");
	repository = scene_open(scene);
	move_session(repository, nobody);
	publish(scene);
	assert_non_null(strstr(scene->notes, "left alone"));
	assert_int_equal(scene_count(scene, "sessions/"), 4);
	scene->notes[0] = '\0';
	move_session(repository, repository->manager.id);
	publish(scene);
	assert_non_null(strstr(scene->notes, "was void"));
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	(void)commit_only(scene, scene_open(scene), "a", "text");
	move_session(repository, other->writer.id);
	scene->notes[0] = '\0';
	publish(scene);
	assert_non_null(strstr(scene->notes, "was void"));
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	lade_repository_close(repository);
	lade_repository_close(other);
}

/* A writer who came after the publisher had read trust/. */
static void test_new_writer(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	const struct lade_publish_setup setup = setup_of(scene, repository);

	(void)commit_only(scene, scene_open_writer(scene, "new"), "n", "text");
	assert_int_equal(lade_publish_all(&setup, NULL), 0);
	lade_repository_close(repository);
	assert_string_equal(scene->notes, "");
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_check(scene), 1);
}

/* Where the refs belong there are others: nothing is done. */
static void test_taken(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository;
	struct lade_snapshot_list snapshots;
	struct lade_object_name name = { .kind = LADE_NAME_REFS };

	(void)commit_only(scene, scene_open(scene), "a", "text");
	repository = scene_open(scene);
	scene_list(scene, repository, &snapshots);
	name.snapshot = snapshots.items[0].id;
	lade_snapshot_list_fini(&snapshots);
	put(repository, &name, "x", 1);
	publish(scene);
	assert_non_null(strstr(scene->notes, "left alone"));
	assert_int_equal(scene_count(scene, "snapshots/"), 0);
	assert_true(scene_has(scene, "sessions/"));
	assert_int_equal(scene_check(scene), 1);
	lade_repository_close(repository);
}

/* An old table of somebody else does not come back by a session that names it. */
static void test_old_table(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene), *thief = scene_open_writer(scene, "thief");
	struct lade_session_id id = { .random = "random" };
	struct lade_session_list list;
	struct lade_snapshot_head head = { .number = 1, .sealed_time = 1, .time = 1 };
	struct lade_snapshot_description description = { .root = lade_slice("r", 1) };
	struct lade_refs refs = { .snapshot = { .number = 1 } };
	struct lade_pack_setup setup;
	struct lade_object_name name;
	struct lade_writer writer;
	uint8_t *table, hash[LADE_HASH_LEN];
	size_t len;

	(void)commit_only(scene, scene_open(scene), "a", "text");
	len = (size_t)only(repository, &list)->tables[0].len;
	table = read_item(repository, &list.sessions[0].tables[0]);
	assert_int_equal(lade_session_remove(repository->store, &list.sessions[0].id, NULL), 0);
	lade_session_list_fini(&list);
	assert_int_equal(lade_object_hash(table, len, hash), 0);
	memcpy(id.party, thief->writer.id, sizeof(id.party));
	memcpy(refs.snapshot.writer, thief->writer.id, sizeof(id.party));
	lade_writer_init(&writer, LADE_SNAPSHOT_MAX);
	assert_int_equal(lade_refs_put(&writer, repository->format.repository, &refs, NULL), 0);
	assert_int_equal(lade_object_hash(writer.data, writer.len, head.refs), 0);
	name = lade_session_name(&id, LADE_NAME_SESSION_REFS, 0);
	put(repository, &name, writer.data, writer.len);
	lade_writer_reset(&writer);
	head.tables = hash;
	head.table_count = 1;
	assert_int_equal(lade_repository_pack_setup(thief, &setup, NULL), 0);
	assert_int_equal(lade_snapshot_put(&writer, &setup, &head, &description, thief->writer.seed), 0);
	name = lade_session_name(&id, LADE_NAME_SESSION_SNAPSHOT, 0);
	put(repository, &name, writer.data, writer.len);
	name = lade_session_name(&id, LADE_NAME_SESSION_TABLE, 1);
	put(repository, &name, table, len);
	name = lade_session_name(&id, LADE_NAME_COMMITTED, 5);
	put(repository, &name, "x", 1);
	/* Neither in place nor in index/. */
	assert_int_equal(commit_only(scene, scene_open(scene), "b", "text"), 0);
	publish(scene);
	assert_non_null(strstr(scene->notes, "not its own"));
	assert_int_equal(scene_count(scene, "index/"), 1);
	assert_int_equal(scene_count(scene, "snapshots/"), 2);
	lade_writer_fini(&writer);
	free(table);
	lade_repository_close(thief);
	lade_repository_close(repository);
}

/* ---- managers ---- */

static void put_gone(struct lade_repository *repository, const struct lade_session_id *id, const uint8_t *seed, bool flip)
{
	const uint8_t pack[LADE_HASH_LEN] = "pack";
	struct lade_pack_list list = { .session = *id, .names = pack, .count = 1 };
	const struct lade_object_name name = lade_session_name(id, LADE_NAME_SESSION_GONE, 0);
	struct lade_writer writer;

	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_pack_list_put(&writer, repository->format.repository, &list, seed), 0);
	writer.data[writer.len - 1] ^= flip;
	put(repository, &name, writer.data, writer.len);
	lade_writer_fini(&writer);
}

static void put_later_refs(struct lade_repository *repository, const struct lade_session_id *id, const struct lade_snapshot_id *snapshot, uint64_t number)
{
	const uint8_t pack[LADE_SHORT_HASH_LEN] = { (uint8_t)number };
	struct lade_refs refs = { .generation = 1, .snapshot = *snapshot, .before = "before", .packs = pack, .count = 1 };
	const struct lade_object_name name = lade_session_name(id, LADE_NAME_LATER_REFS, number);
	struct lade_writer writer;

	memcpy(refs.manager, repository->manager.id, sizeof(refs.manager));
	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_refs_put(&writer, repository->format.repository, &refs, repository->manager.seed), 0);
	put(repository, &name, writer.data, writer.len);
	lade_writer_fini(&writer);
}

static int no_row(void *context, struct lade_table_row *row_out, struct lade_fault *fault)
{
	(void)context;
	(void)row_out;
	return lade_fault_set(fault, LADE_E_LIMIT, "make rows", NULL);
}

static void put_table(struct lade_repository *repository, const struct lade_session_id *id, bool flip)
{
	const struct lade_object_name name = lade_session_name(id, LADE_NAME_SESSION_TABLE, 1);
	const struct lade_table_content content = { .next = no_row };
	struct lade_object_list list = { .items = NULL };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_table_setup setup = {
		.store = repository->store,
		.object = text,
		.suite = repository->suite,
		.repository = repository->format.repository,
		.index_secret = lade_repository_index_secret(repository, 1),
		.seed = repository->manager.seed,
		.info = { .epoch = 1, .level = 3 },
	};
	uint8_t hash[LADE_HASH_LEN], *object;

	memcpy(setup.info.signer, repository->manager.id, sizeof(setup.info.signer));
	lade_object_name_format(&name, text);
	assert_int_equal(lade_table_write(&setup, &content, hash, NULL), 0);
	assert_int_equal(lade_object_list_get(repository->store, text, &list, NULL), 0);
	object = read_item(repository, &list.items[0]);
	object[list.items[0].len - 1] ^= flip;
	put(repository, &name, object, (size_t)list.items[0].len);
	free(object);
	lade_object_list_fini(&list);
}

static void test_manager(void **state)
{
	struct scene *scene = *state;

	for (unsigned flip = 0; flip < 2; flip++) {
		struct lade_repository *repository = scene_open(scene);
		struct lade_session_id id = { .random = "random" };
		const struct lade_snapshot_id snapshot = { .writer = "w", .number = 1, .hash = "h" };
		struct lade_object_name name;

		memcpy(id.party, repository->manager.id, sizeof(id.party));
		put_gone(repository, &id, repository->manager.seed, flip);
		put_later_refs(repository, &id, &snapshot, 1);
		put_later_refs(repository, &id, &snapshot, 2);
		put_table(repository, &id, flip);
		name = lade_session_name(&id, LADE_NAME_COMMITTED, 5);
		put(repository, &name, "x", 1);
		scene->notes[0] = '\0';
		publish(scene);
		/* Of two of one generation the first one counts; the other is told. */
		assert_non_null(strstr(scene->notes, "others of that generation"));
		assert_int_equal(!!strstr(scene->notes, "not its own"), flip);
		assert_int_equal(scene_count(scene, "sessions/"), 0);
		assert_int_equal(scene_count(scene, "refs/"), 1);
		assert_int_equal(scene_count(scene, "gone/"), !flip);
		assert_int_equal(scene_count(scene, "index/3/"), !flip);
		lade_repository_close(repository);
		scene_fini(scene);
		scene_init(scene);
	}
}

/* A daemon's word counts unsigned, and only in its own session; a writer's never. */
static void test_daemon(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_session_id id = { .random = "random" }, writers = { .random = "random" };
	struct lade_object_name name = lade_session_name(&id, LADE_NAME_COMMITTED, 5);

	put_gone(repository, &id, NULL, false);
	put(repository, &name, "x", 1);
	publish(scene);
	assert_int_equal(scene_count(scene, "gone/"), 1);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	memcpy(writers.party, repository->writer.id, sizeof(writers.party));
	put_gone(repository, &writers, repository->writer.seed, false);
	name = lade_session_name(&writers, LADE_NAME_COMMITTED, 5);
	put(repository, &name, "x", 1);
	publish(scene);
	assert_int_equal(scene_count(scene, "gone/"), 1);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	lade_repository_close(repository);
}

/* What is active or fenced is not published. */
static void test_not_committed(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;

	assert_int_equal(scene_begin(scene, repository, false, &backup), 0);
	assert_int_equal(scene_back_up(&backup, "text"), 0);
	lade_repository_session_leave(backup.session);
	publish(scene);
	assert_int_equal(scene_count(scene, "sessions/"), 2);
	assert_int_equal(scene_count(scene, "index/"), 0);
	lade_repository_close(repository);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_by_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_barrier_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_void, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whose, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_manager, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_daemon, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_committed, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
