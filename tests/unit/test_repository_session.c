/*
 * Tests of agent/store/repository_session*: [begin], [beat] and [commit] with whatever happens at each operation, two at once, and what is resumed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/absent_packs.h"
#include "agent/store/pack_list.h"
#include "agent/store/repository_internal.h"
#include "agent/store/session_list.h"
#include "agent/store/store_folder.h"
#include "agent/store/table.h"
#include "tests/unit/repository_scene.h"

/* Seconds for what comes sooner, unless it is broken. */
#define PATIENCE_S 120

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

/* A whole backup of texts, which has to succeed; returns how many of them were found. */
static unsigned back_up(struct scene *scene, const char *host, const char *const *texts, size_t count)
{
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;
	uint8_t snapshot[LADE_HASH_LEN];

	assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(scene_back_up(&backup, texts[i]), 0);
	assert_int_equal(scene_commit(&backup, host, snapshot, NULL), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(repository);
	return backup.found;
}

static const char *const two[] = { "one text", "another text" };

static void test_backups(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository;
	struct lade_snapshot_list list;

	assert_int_equal(back_up(scene, "a", two, 2), 0);
	assert_int_equal(scene_check(scene), 1);
	/* All is published, and nothing is left of the session, here or there. */
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_count(scene, "snapshots/"), 1);
	assert_int_equal(scene_count(scene, "refs/"), 1);
	assert_int_equal(scene_count(scene, "index/0/"), 1);
	assert_int_equal(scene_count(scene, "packs/"), 2);
	/* What is there is found. */
	assert_int_equal(back_up(scene, "b", two, 2), 2);
	assert_int_equal(scene_count(scene, "packs/"), 2);
	assert_int_equal(scene_count(scene, "index/0/"), 1);
	assert_int_equal(scene_check(scene), 2);
	assert_string_equal(scene->notes, "");
	/* The chain. */
	repository = scene_open(scene);
	scene_list(scene, repository, &list);
	assert_int_equal(list.items[0].id.number, 1);
	assert_int_equal(list.items[1].id.number, 2);
	assert_memory_equal(list.items[1].head.before, list.items[0].hash, LADE_HASH_LEN);
	assert_true(sodium_is_zero(list.items[0].head.before, LADE_HASH_LEN));
	assert_int_equal(list.items[0].head.table_count, 1);
	assert_int_equal(list.items[1].head.table_count, 0);
	lade_snapshot_list_fini(&list);
	lade_repository_close(repository);
}

/* Nothing to write with, nothing to begin. */
static void test_no_key(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;
	const uint8_t *seed = repository->writer.seed;

	repository->writer.seed = NULL;
	assert_int_equal(scene_begin(scene, repository, true, &backup), LADE_E_REFUSED);
	repository->writer.seed = seed;
	repository->may &= ~LADE_MAY_WRITE;
	assert_int_equal(scene_begin(scene, repository, true, &backup), LADE_E_REFUSED);
	lade_repository_close(repository);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
}

/* One that has put nothing leaves nothing; one that has is kept. */
static void test_leave(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;

	assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
	assert_int_equal(scene_count(scene, "sessions/"), 1);
	lade_repository_session_leave(backup.session);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
	assert_int_equal(scene_back_up(&backup, "kept"), 0);
	lade_repository_session_leave(backup.session);
	assert_int_equal(scene_count(scene, "sessions/"), 2);
	lade_repository_close(repository);
}

/* ---- resuming ---- */

static void abandon(struct scene *scene, bool here, const char *text)
{
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;

	assert_int_equal(scene_begin(scene, repository, here, &backup), 0);
	assert_int_equal(scene_back_up(&backup, text), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(repository);
}

static void test_resumed(void **state)
{
	struct scene *scene = *state;

	abandon(scene, true, two[0]);
	assert_int_equal(back_up(scene, "a", two, 2), 1);
	assert_non_null(strstr(scene->notes, "is resumed"));
	/* It is dead: it is removed, and its rows are in the new table. */
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_count(scene, "index/0/"), 1);
	assert_int_equal(scene_count(scene, "packs/"), 2);
	assert_int_equal(scene_check(scene), 1);
}

/* One of another host is resumed as well, and left for a collector. */
static void test_resumed_from_elsewhere(void **state)
{
	struct scene *scene = *state;

	abandon(scene, false, two[0]);
	assert_int_equal(back_up(scene, "a", two, 2), 1);
	assert_int_equal(scene_count(scene, "sessions/"), 2);
	assert_int_equal(scene_check(scene), 1);
}

/* One that is fenced is of no use. */
static void test_fenced_is_not_resumed(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository;
	struct lade_session_list list;
	struct lade_object_name fenced;

	abandon(scene, true, two[0]);
	repository = scene_open(scene);
	assert_int_equal(lade_session_list_get(repository->store, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	fenced = lade_session_name(&list.sessions[0].id, LADE_NAME_FENCED, 0);
	assert_int_equal(lade_session_rename(repository->store, &list.sessions[0].lease->name, &fenced, NULL), 0);
	lade_session_list_fini(&list);
	lade_repository_close(repository);
	assert_int_equal(back_up(scene, "a", two, 2), 0);
	assert_int_equal(scene_check(scene), 1);
}

/* Another writer's is not resumed either, nor are his rows believed. */
static void test_other_writer(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *other = scene_open_writer(scene, "other");
	struct scene_backup backup;
	uint8_t snapshot[LADE_HASH_LEN];

	assert_int_equal(scene_begin(scene, other, false, &backup), 0);
	assert_int_equal(scene_back_up(&backup, two[0]), 0);
	assert_int_equal(scene_back_up(&backup, "a third text"), 0);
	lade_repository_session_leave(backup.session);
	assert_int_equal(back_up(scene, "a", two, 2), 0);
	/* He believes the first writer, of whom the root says that he may, and goes on with what he put himself. */
	assert_int_equal(scene_begin(scene, other, false, &backup), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(scene_back_up(&backup, two[i]), 0);
	assert_int_equal(scene_back_up(&backup, "a third text"), 0);
	assert_int_equal(backup.found, 3);
	assert_int_equal(scene_commit(&backup, "o", snapshot, NULL), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(other);
	/* And is not believed. */
	assert_int_equal(back_up(scene, "b", (const char *const[]){ "a third text" }, 1), 0);
	assert_int_equal(scene_check(scene), 3);
}

/* ---- two at once ---- */

static void test_two_at_once(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repositories[2] = { scene_open(scene), scene_open(scene) };
	struct scene_backup backups[2];
	uint8_t snapshot[LADE_HASH_LEN];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(scene_begin(scene, repositories[i], true, &backups[i]), 0);
		assert_int_equal(scene_back_up(&backups[i], two[i]), 0);
	}
	/* The second one is alive, and was left to itself. */
	assert_string_equal(scene->notes, "");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(scene_commit(&backups[i], i ? "b" : "a", snapshot, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		lade_repository_session_leave(backups[i].session);
		lade_repository_close(repositories[i]);
	}
	assert_int_equal(scene_check(scene), 2);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
}

static void fence_all(void *context)
{
	struct scene *scene = context;
	struct lade_session_list list;
	struct lade_store *store;

	assert_int_equal(lade_store_folder_open(scene->repository, false, &store, NULL), 0);
	assert_int_equal(lade_session_list_get(store, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		const struct lade_object_name fenced = lade_session_name(&list.sessions[i].id, LADE_NAME_FENCED, 0);

		if (list.sessions[i].state == LADE_SESSION_ACTIVE)
			assert_int_equal(lade_session_rename(store, &list.sessions[i].lease->name, &fenced, NULL), 0);
	}
	lade_session_list_fini(&list);
	lade_store_close(store);
}

/* Fenced before each of its operations: either it is committed and whole, or it says so. */
static void test_fenced_meanwhile(void **state)
{
	struct scene *scene = *state;
	unsigned fenced = 0, committed = 0;

	for (unsigned number = 1; committed < 3; number++) {
		struct lade_repository *repository = scene_open(scene);
		struct scene_backup backup;
		struct lade_fault fault;
		uint8_t snapshot[LADE_HASH_LEN];
		const size_t before = scene_count(scene, "snapshots/");
		int error;

		assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
		assert_int_equal(scene_back_up(&backup, two[0]), 0);
		faulty_store_at(repository->store, number, fence_all, scene);
		error = scene_commit(&backup, "a", snapshot, &fault);
		assert_true(error == 0 || error == LADE_E_CANCELLED);
		lade_repository_session_leave(backup.session);
		lade_repository_close(repository);
		assert_int_equal(scene_count(scene, "sessions/"), 0);
		assert_int_equal(scene_count(scene, "snapshots/"), before + !error);
		fenced += error != 0;
		committed += error == 0;
	}
	assert_true(fenced >= 5);
	assert_int_equal(scene_check(scene), 3);
}

/* ---- tombstones ---- */

static void put_list(struct scene *scene, const char *directory, const uint8_t pack[LADE_HASH_LEN])
{
	struct lade_repository *repository = scene_open(scene);
	struct lade_pack_list list = { .names = pack, .count = 1 };
	struct lade_object_name name = { .kind = strcmp(directory, "gone") ? LADE_NAME_TOMBSTONE : LADE_NAME_GONE };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer writer;

	memcpy(list.session.party, repository->manager.id, sizeof(list.session.party));
	lade_writer_init(&writer, 10000);
	assert_int_equal(lade_pack_list_put(&writer, repository->format.repository, &list, repository->manager.seed), 0);
	assert_int_equal(lade_object_hash(writer.data, writer.len, name.hash), 0);
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_put(repository->store, text, writer.data, writer.len, NULL), 0);
	lade_writer_fini(&writer);
	lade_repository_close(repository);
}

/* The name of the only pack. */
static void find_pack(struct scene *scene, uint8_t out[LADE_HASH_LEN])
{
	struct lade_repository *repository = scene_open(scene);
	struct lade_object_list list = { .items = NULL };

	assert_int_equal(lade_object_list_get(repository->store, "packs/", &list, NULL), 0);
	assert_int_equal(list.count, 1);
	memcpy(out, list.items[0].name.hash, LADE_HASH_LEN);
	lade_object_list_fini(&list);
	lade_repository_close(repository);
}

/* What is in a tombstone, or gone, is not built upon; nor is it taken over from an earlier session. */
static void test_absent(void **state)
{
	static const char *const directories[] = { "tombstones", "gone" };
	struct scene *scene = *state;
	uint8_t pack[LADE_HASH_LEN];

	for (unsigned i = 0; i < 4; i++) {
		if (i / 2)
			abandon(scene, true, two[0]);
		else
			assert_int_equal(back_up(scene, "a", two, 1), 0);
		find_pack(scene, pack);
		put_list(scene, directories[i % 2], pack);
		assert_int_equal(back_up(scene, "b", two, 1), 0);
		scene_fini(scene);
		scene_init(scene);
	}
}

/* An object of somebody's session, of some kind. */
static void put_session(struct lade_store *store, const uint8_t *party, enum lade_name_kind kind)
{
	struct lade_object_name name = { .kind = kind, .number = kind == LADE_NAME_BEAT, .time = kind == LADE_NAME_COMMITTED ? 1700000000 : 0 };
	char text[LADE_OBJECT_NAME_MAX + 1];

	if (party)
		memcpy(name.session.party, party, sizeof(name.session.party));
	memset(name.session.random, 'c', sizeof(name.session.random));
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_put(store, text, "LADE", 4, NULL), 0);
}

static void remove_all(struct lade_store *store, const char *prefix)
{
	struct lade_object_list list = { .items = NULL };
	char name[LADE_OBJECT_NAME_MAX + 1];

	assert_int_equal(lade_object_list_get(store, prefix, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		lade_object_name_format(&list.items[i].name, name);
		assert_int_equal(lade_store_remove(store, name, NULL), 0);
	}
	lade_object_list_fini(&list);
}

/* A tombstone that is damaged is passed over if no collector is at work; a list of what went never is. */
static void test_damaged_tombstone(void **state)
{
	static const uint8_t stranger[LADE_PARTY_ID_LEN] = { 1 };
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	const uint8_t *const parties[] = { NULL, repository->manager.id, stranger, repository->writer.id };
	const enum lade_name_kind kinds[] = { LADE_NAME_ACTIVE, LADE_NAME_BEAT, LADE_NAME_FENCED };
	struct lade_absent_packs absent = { .names = NULL };
	struct scene_backup backup;
	struct lade_fault fault;
	char name[100] = "tombstones/";

	memset(name + strlen(name), 'a', 64);
	for (unsigned len = 4; len; len -= 4) {
		assert_int_equal(lade_store_put(repository->store, name, "LADE", len, NULL), 0);
		for (unsigned i = 0; i < sizeof(parties) / sizeof(parties[0]); i++) {
			for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
				const bool works = i < 3 && k < 2;

				put_session(repository->store, parties[i], kinds[k]);
				assert_int_equal(lade_absent_packs_read(repository, &absent, &fault), works ? LADE_E_CHANGED : 0);
				if (works)
					assert_string_equal(fault.subject, name);
				lade_absent_packs_fini(&absent);
				remove_all(repository->store, "sessions/");
			}
		}
		assert_int_equal(lade_store_remove(repository->store, name, NULL), 0);
	}
	/* A whole begin. */
	assert_int_equal(lade_store_put(repository->store, name, "LADE", 4, NULL), 0);
	put_session(repository->store, repository->manager.id, LADE_NAME_ACTIVE);
	assert_int_equal(scene_begin(scene, repository, true, &backup), LADE_E_CHANGED);
	/* It has left nothing. */
	assert_int_equal(scene_count(scene, "sessions/"), 1);
	remove_all(repository->store, "sessions/");
	assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
	lade_repository_session_leave(backup.session);
	remove_all(repository->store, "tombstones/");
	memset(name, 0, sizeof(name));
	strcpy(name, "gone/");
	memset(name + strlen(name), 'a', 64);
	assert_int_equal(lade_store_put(repository->store, name, "LADE", 4, NULL), 0);
	assert_int_equal(lade_absent_packs_read(repository, &absent, &fault), LADE_E_CHANGED);
	assert_string_equal(fault.subject, name);
	assert_non_null(strstr(fault.operation, "lade-check(1)"));
	lade_absent_packs_fini(&absent);
	assert_int_equal(scene_begin(scene, repository, true, &backup), LADE_E_CHANGED);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	/* Whoever has looked may delete it. */
	assert_int_equal(lade_store_remove(repository->store, name, NULL), 0);
	assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(repository);
}

/* What a collector is doing when sessions are listed. */
struct committing {
	struct lade_repository *repository;
	uint8_t pack[LADE_HASH_LEN];
};

/* He commits, and publishes, and is no more. */
static void commit_collection(void *context)
{
	const struct committing *committing = context;
	struct lade_store *store = committing->repository->store;
	struct lade_pack_list list = { .names = committing->pack, .count = 1 };
	struct lade_object_name name = { .kind = LADE_NAME_GONE };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer writer;

	faulty_store_at(store, 0, NULL, NULL);
	memcpy(list.session.party, committing->repository->manager.id, sizeof(list.session.party));
	lade_writer_init(&writer, 10000);
	assert_int_equal(lade_pack_list_put(&writer, committing->repository->format.repository, &list, committing->repository->manager.seed), 0);
	assert_int_equal(lade_object_hash(writer.data, writer.len, name.hash), 0);
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_put(store, text, writer.data, writer.len, NULL), 0);
	lade_writer_fini(&writer);
	remove_all(store, "sessions/");
}

/* His session is committed, and not published. */
static void show_committed(void *context)
{
	const struct committing *committing = context;
	struct lade_store *store = committing->repository->store;
	struct lade_pack_list list = { .names = committing->pack, .count = 1 };
	struct lade_object_name name = { .kind = LADE_NAME_SESSION_GONE };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer writer;

	faulty_store_at(store, 0, NULL, NULL);
	put_session(store, committing->repository->manager.id, LADE_NAME_COMMITTED);
	memcpy(list.session.party, committing->repository->manager.id, sizeof(list.session.party));
	memset(list.session.random, 'c', sizeof(list.session.random));
	name.session = list.session;
	lade_writer_init(&writer, 10000);
	assert_int_equal(lade_pack_list_put(&writer, committing->repository->format.repository, &list, committing->repository->manager.seed), 0);
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_put(store, text, writer.data, writer.len, NULL), 0);
	lade_writer_fini(&writer);
}

/* A list of sessions that is made while his is renamed has it under neither name. */
static void hide_session(void *context)
{
	const struct committing *committing = context;
	struct lade_store *store = committing->repository->store;

	faulty_store_at(store, 0, NULL, NULL);
	remove_all(store, "sessions/");
	/* After this list. */
	faulty_store_at(store, 1, show_committed, context);
}

static void test_damaged_tombstone_renamed(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct committing committing = { .repository = repository, .pack = { 7 } };
	struct lade_absent_packs absent = { .names = NULL };
	char name[100] = "tombstones/";

	memset(name + strlen(name), 'a', 64);
	assert_int_equal(lade_store_put(repository->store, name, "LADE", 4, NULL), 0);
	put_session(repository->store, repository->manager.id, LADE_NAME_ACTIVE);
	faulty_store_at(repository->store, 3, hide_session, &committing);
	assert_int_equal(lade_absent_packs_read(repository, &absent, NULL), 0);
	assert_true(lade_absent_packs_has(&absent, committing.pack));
	lade_absent_packs_fini(&absent);
	lade_repository_close(repository);
}

/* A collector whose tombstone is damaged comes to his end at each moment: either that is in the way, or what he took is known. */
static void test_damaged_tombstone_meanwhile(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct committing committing = { .repository = repository, .pack = { 7 } };
	struct lade_absent_packs absent = { .names = NULL };
	char name[100] = "tombstones/";
	unsigned refused = 0, known = 0;

	memset(name + strlen(name), 'a', 64);
	assert_int_equal(lade_store_put(repository->store, name, "LADE", 4, NULL), 0);
	for (unsigned number = 1; number < 7; number++) {
		int error;

		put_session(repository->store, repository->manager.id, LADE_NAME_ACTIVE);
		faulty_store_at(repository->store, number, commit_collection, &committing);
		error = lade_absent_packs_read(repository, &absent, NULL);
		faulty_store_at(repository->store, 0, NULL, NULL);
		if (error)
			refused++;
		else
			known += lade_absent_packs_has(&absent, committing.pack);
		lade_absent_packs_fini(&absent);
		remove_all(repository->store, "sessions/");
		remove_all(repository->store, "gone/");
	}
	assert_true(refused && known);
	assert_int_equal(refused + known, 6);
	lade_repository_close(repository);
}

/* ---- a collector at work ---- */

/* All snapshots, as if they never were. */
static void forget_snapshots(struct scene *scene)
{
	struct lade_store *store;

	assert_int_equal(lade_store_folder_open(scene->repository, false, &store, NULL), 0);
	remove_all(store, "snapshots/");
	remove_all(store, "refs/");
	lade_store_close(store);
}

/* A collector that takes the scene's pack at some moment, unless it has to wait for a session. */
struct collector {
	struct scene *scene;
	uint8_t pack[LADE_HASH_LEN];
	struct lade_session_id session; /* that was there before */
	bool took;
};

/* [collect], as far as it concerns a pack that no refs name. */
static void collect(void *context)
{
	struct collector *collector = context;
	struct lade_object_name name = { .kind = LADE_NAME_PACK };
	struct lade_session_list list;
	struct lade_store *store;
	char text[LADE_OBJECT_NAME_MAX + 1];
	bool waits = false;

	assert_int_equal(lade_store_folder_open(collector->scene->repository, false, &store, NULL), 0);
	put_list(collector->scene, "tombstones", collector->pack);
	assert_int_equal(lade_session_list_get(store, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		const struct lade_object_name fenced = lade_session_name(&list.sessions[i].id, LADE_NAME_FENCED, 0);

		if (list.sessions[i].state != LADE_SESSION_ACTIVE)
			continue;
		if (memcmp(&list.sessions[i].id, &collector->session, sizeof(collector->session)) != 0)
			waits = true;
		else
			assert_int_equal(lade_session_rename(store, &list.sessions[i].lease->name, &fenced, NULL), 0);
	}
	lade_session_list_fini(&list);
	collector->took = !waits;
	if (collector->took) {
		memcpy(name.hash, collector->pack, sizeof(name.hash));
		lade_object_name_format(&name, text);
		put_list(collector->scene, "gone", collector->pack);
		remove_all(store, "tombstones/");
		assert_int_equal(lade_store_remove(store, text, NULL), 0);
	}
	lade_store_close(store);
}

/*
 * At each moment of the begin of a session: the pack that it could build on, or resume, is taken only as long as it is not yet there, and then it does not build on it.
 */
static void test_collected_meanwhile(void **state)
{
	struct scene *scene = *state;

	for (unsigned resumes = 0; resumes < 2; resumes++) {
		struct collector collector = { .took = true };
		unsigned taken = 0;

		for (unsigned number = 1; collector.took; number++) {
			struct lade_repository *repository;
			struct scene_backup backup;
			struct lade_session_list list;
			uint8_t snapshot[LADE_HASH_LEN];

			scene_fini(scene);
			scene_init(scene);
			abandon(scene, true, two[0]);
			collector = (struct collector){ .scene = scene };
			find_pack(scene, collector.pack);
			if (!resumes) {
				/* A table that is published, and no snapshot. */
				assert_int_equal(back_up(scene, "a", two, 1), 1);
				forget_snapshots(scene);
			}
			repository = scene_open(scene);
			assert_int_equal(lade_session_list_get(repository->store, &list, NULL), 0);
			if (list.count)
				collector.session = list.sessions[0].id;
			lade_session_list_fini(&list);
			faulty_store_at(repository->store, number, collect, &collector);
			assert_int_equal(scene_begin(scene, repository, true, &backup), 0);
			faulty_store_at(repository->store, 0, NULL, NULL);
			assert_int_equal(scene_back_up(&backup, two[0]), 0);
			assert_int_equal(scene_commit(&backup, "b", snapshot, NULL), 0);
			lade_repository_session_leave(backup.session);
			lade_repository_close(repository);
			assert_int_equal(scene_check(scene), 1);
			taken += collector.took;
		}
		assert_true(taken >= 3);
	}
}

/* ---- beats ---- */

static void test_beats(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_repository_session_setup setup = scene_setup(scene, repository, true);
	struct scene_backup backup = { .repository = repository };
	uint8_t snapshot[LADE_HASH_LEN];
	const time_t end = time(NULL) + PATIENCE_S;
	struct lade_session_list list;
	bool seen = false;

	setup.beat_ms = 5;
	assert_int_equal(lade_repository_session_begin(&setup, &backup.session, NULL), 0);
	assert_int_equal(scene_back_up(&backup, two[0]), 0);
	/* Beats come, the old ones go, and what was put can be resumed. */
	while (!seen && time(NULL) < end) {
		usleep(5000);
		lade_repository_session_lock(backup.session);
		assert_int_equal(lade_session_list_get(repository->store, &list, NULL), 0);
		lade_repository_session_unlock(backup.session);
		assert_int_equal(list.count, 1);
		seen = list.sessions[0].beat > 3 && list.sessions[0].table_count == 1 && list.objects.count <= 4;
		lade_session_list_fini(&list);
	}
	assert_true(seen);
	assert_int_equal(scene_back_up(&backup, two[1]), 0);
	assert_int_equal(scene_commit(&backup, "a", snapshot, NULL), 0);
	lade_repository_session_free(backup.session);
	lade_repository_close(repository);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	assert_int_equal(scene_check(scene), 1);
}

/* A session that cannot beat does not commit. */
static void test_beat_fails(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_repository_session_setup setup = scene_setup(scene, repository, true);
	struct scene_backup backup = { .repository = repository };
	struct lade_fault fault;
	const time_t end = time(NULL) + PATIENCE_S;
	uint8_t snapshot[LADE_HASH_LEN];
	int error = 0;

	setup.beat_ms = 5;
	assert_int_equal(lade_repository_session_begin(&setup, &backup.session, NULL), 0);
	lade_repository_session_lock(backup.session);
	faulty_store_break(repository->store, 1, FAULTY_ERROR);
	lade_repository_session_unlock(backup.session);
	while (!faulty_store_broke(repository->store) && time(NULL) < end)
		usleep(5000);
	/* The thread may still be about to say so. */
	while (!error && time(NULL) < end) {
		usleep(1000);
		error = lade_repository_session_packed(backup.session, snapshot, NULL, 0, &fault);
	}
	assert_int_equal(error, LADE_E_SYSTEM);
	assert_int_equal(scene_commit(&backup, "a", snapshot, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EIO);
	lade_repository_session_free(backup.session);
	lade_repository_close(repository);
}

/* ---- whatever goes wrong ---- */

/* A backup in which an operation goes wrong. Returns what commit, or what came before, said. */
static int try_backup(struct scene *scene, unsigned number, enum faulty_kind kind, bool *broke_out)
{
	struct lade_repository *repository = scene_open(scene);
	struct scene_backup backup;
	uint8_t snapshot[LADE_HASH_LEN];
	int error;

	faulty_store_break(repository->store, number, kind);
	error = scene_begin(scene, repository, true, &backup);
	if (error) {
		*broke_out = faulty_store_broke(repository->store);
		lade_repository_close(repository);
		return error;
	}
	for (unsigned i = 0; i < 2 && !error; i++)
		error = scene_back_up(&backup, two[i]);
	if (!error)
		error = scene_commit(&backup, "x", snapshot, NULL);
	*broke_out = faulty_store_broke(repository->store);
	if (kind == FAULTY_DEAD || kind == FAULTY_DEAD_LATE)
		lade_repository_session_free(backup.session);
	else
		lade_repository_session_leave(backup.session);
	lade_repository_close(repository);
	return error;
}

/* What was committed before, and what says that it was, is there and whole; and the next backup goes well and cleans up. */
static void check_after(struct scene *scene, size_t before, int error)
{
	size_t count = scene_check(scene);

	if (error == 0)
		assert_int_equal(count, before + 1);
	else
		assert_in_range(count, before, before + 1);
	(void)back_up(scene, "y", two, 2);
	assert_int_equal(scene_check(scene), count + 1);
	/* What is committed is never half of what it should be. */
	assert_null(strstr(scene->notes, "void"));
	assert_null(strstr(scene->notes, "not its own"));
	assert_null(strstr(scene->notes, "left out"));
	assert_null(strstr(scene->notes, "left alone"));
	assert_int_equal(scene->bad, 0);
	/* Sessions that died are gone, as this host knows them, unless they died before anybody knew. */
	assert_int_equal(scene_count(scene, "sessions/"), 0);
}

static void test_each_operation(void **state)
{
	struct scene *scene = *state;

	for (enum faulty_kind kind = FAULTY_ERROR; kind <= FAULTY_DEAD_LATE; kind++) {
		bool broke = true;

		for (unsigned number = 1; broke; number++) {
			size_t before = scene_count(scene, "snapshots/");
			const int error = try_backup(scene, number, kind, &broke);

			check_after(scene, before, error);
			/* A session whose lease was put without an answer is nobody's who could know of it. */
		}
		scene_fini(scene);
		scene_init(scene);
	}
}

/* What can be resumed is there, whatever was lost. */
static void test_loss_after_leaving(void **state)
{
	struct scene *scene = *state;

	for (uint64_t seed = 0; seed < 20; seed++) {
		scene_fini(scene);
		scene_init(scene);
		abandon(scene, true, two[0]);
		faulty_disk_lose_power(scene->disk, seed == 19 ? FAULTY_LOSE_PUTS : seed);
		check_after(scene, 0, LADE_E_SYSTEM);
	}
}

/* The same, and power is lost then, in several ways. */
static void test_loss_of_power(void **state)
{
	static const uint64_t special[] = { FAULTY_LOSE_PUTS, FAULTY_LOSE_OTHERS, FAULTY_LOSE_ONE(0), FAULTY_LOSE_ONE(1), FAULTY_LOSE_ONE(2) };
	struct scene *scene = *state;
	bool broke = true;

	for (unsigned number = 1; broke; number++) {
		for (uint64_t seed = 0; seed < 12; seed++) {
			size_t before;
			int error;

			scene_fini(scene);
			scene_init(scene);
			(void)back_up(scene, "w", two, 1);
			before = scene_count(scene, "snapshots/");
			error = try_backup(scene, number, seed % 2 ? FAULTY_DEAD : FAULTY_DEAD_LATE, &broke);
			faulty_disk_lose_power(scene->disk, seed < 10 ? special[seed / 2] : seed * 1000 + number);
			check_after(scene, before, error);
		}
	}
}

/* ---- what a store, or a thief, may do ---- */

/* Who was revoked after he had opened the repository learns it before he puts anything. */
static void test_revoked_meanwhile(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *writer = scene_open_writer(scene, "laptop"), *root = scene_open(scene);
	struct lade_statement statement = { .kind = LADE_SAYS_REVOKED };
	struct scene_backup backup;

	lade_repository_public(writer->writer.seed, statement.public_key);
	assert_int_equal(lade_repository_say(root, &statement, lade_keyring_find(&root->keyring, LADE_SECRET_ROOT, 0), NULL), 0);
	assert_int_equal(scene_begin(scene, writer, true, &backup), LADE_E_REFUSED);
	assert_int_equal(scene_count(scene, "sessions/"), 0);
	/* The other one goes on. */
	assert_int_equal(scene_begin(scene, root, true, &backup), 0);
	lade_repository_session_leave(backup.session);
	lade_repository_close(writer);
	lade_repository_close(root);
}

/* Packs of a table, each once, and its only row. */
static int next_row(void *context, struct lade_table_row *row_out, struct lade_fault *fault)
{
	(void)fault;
	*row_out = *(const struct lade_table_row *)context;
	return 0;
}

/* Leave a session behind whose table says that a text is in the first of so many packs. */
static void leave_with_packs(struct scene *scene, const char *text, uint32_t pack_count)
{
	struct lade_repository *repository = scene_open(scene);
	struct lade_table_row row = { .row = { .kind = LADE_CHUNK_CONTENT, .off = LADE_PACK_HEADER_LEN, .sealed_len = LADE_SEAL_TAG_LEN + 1, .len = 1 } };
	uint8_t(*packs)[LADE_HASH_LEN] = calloc(pack_count, sizeof(*packs)), name[LADE_HASH_LEN];
	const struct lade_table_content content = {
		.packs = (const uint8_t(*)[LADE_HASH_LEN])packs, .pack_count = pack_count, .row_count = 1, .next = next_row, .context = &row,
	};
	struct lade_table_setup setup = { .store = repository->store, .suite = repository->suite, .repository = repository->format.repository,
					  .index_secret = lade_repository_index_secret(repository, 1), .seed = repository->writer.seed, .info = { .epoch = 1 } };
	char object[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_name table;
	struct scene_backup backup;

	assert_non_null(packs);
	for (uint32_t i = 0; i < pack_count; i++) {
		packs[i][0] = (uint8_t)(i >> 24);
		packs[i][1] = (uint8_t)(i >> 16);
		packs[i][2] = (uint8_t)(i >> 8);
		packs[i][3] = (uint8_t)i;
	}
	scene_chunk_id(repository, text, row.row.id);
	assert_int_equal(scene_begin(scene, repository, false, &backup), 0);
	table = lade_session_name(lade_repository_session_id(backup.session), LADE_NAME_SESSION_TABLE, 1);
	lade_object_name_format(&table, object);
	setup.object = object;
	memcpy(setup.info.signer, repository->writer.id, sizeof(setup.info.signer));
	memcpy(setup.info.owner, repository->writer.id, sizeof(setup.info.owner));
	assert_int_equal(lade_table_write(&setup, &content, name, NULL), 0);
	lade_repository_session_free(backup.session);
	lade_repository_close(repository);
	free(packs);
}

/* A table whose packs would take all memory before it is known who made it is none of ours. */
static void test_too_many_packs(void **state)
{
	struct scene *scene = *state;

	leave_with_packs(scene, "in a table of one pack", 1);
	leave_with_packs(scene, "in a table of too many packs", LADE_TABLE_ROWS_MAX_0 + 1);
	assert_int_equal(back_up(scene, "a", (const char *const[]){ "in a table of one pack" }, 1), 1);
	assert_int_equal(back_up(scene, "b", (const char *const[]){ "in a table of too many packs" }, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_backups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leave, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resumed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resumed_from_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fenced_is_not_resumed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fenced_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_tombstone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_tombstone_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_tombstone_renamed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beat_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_operation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loss_after_leaving, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_collected_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loss_of_power, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoked_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_packs, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
