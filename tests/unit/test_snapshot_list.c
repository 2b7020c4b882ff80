/*
 * Tests of agent/store/snapshot_list and snapshot_chain: which snapshots count, in which order, by which names, and which number comes next.
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

#include "agent/store/forgotten.h"
#include "agent/store/revoked_chain.h"
#include "agent/store/snapshot_chain.h"
#include "agent/store/snapshot_list.h"
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

/* A backup by a repository that stays open; hosts are ordered as the times of their content. */
static void back_up(struct scene *scene, struct lade_repository *repository, const char *host, uint8_t snapshot_out[LADE_HASH_LEN])
{
	struct scene_backup backup;

	assert_int_equal(scene_begin(scene, repository, false, &backup), 0);
	assert_int_equal(scene_commit(&backup, host, snapshot_out, NULL), 0);
	lade_repository_session_leave(backup.session);
}

static void put(struct lade_repository *repository, const struct lade_object_name *name, const struct lade_writer *object)
{
	char text[LADE_OBJECT_NAME_MAX + 1];

	lade_object_name_format(name, text);
	assert_int_equal(lade_store_put(repository->store, text, object->data, object->len, NULL), 0);
}

static void test_order_and_names(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene), *other = scene_open_writer(scene, "other");
	uint8_t hashes[4][LADE_HASH_LEN];
	struct lade_snapshot_list list;
	const struct lade_snapshot_item *item;
	char hex[2 * LADE_HASH_LEN + 1];
	struct lade_fault fault;

	back_up(scene, repository, "c", hashes[0]);
	back_up(scene, repository, "a", hashes[1]);
	back_up(scene, other, "b", hashes[2]);
	back_up(scene, repository, "d", hashes[3]);
	scene_list(scene, repository, &list);
	assert_int_equal(list.count, 4);
	assert_int_equal(scene->bad, 0);
	assert_memory_equal(list.items[0].hash, hashes[1], LADE_HASH_LEN);
	assert_memory_equal(list.items[1].hash, hashes[2], LADE_HASH_LEN);
	assert_memory_equal(list.items[2].hash, hashes[0], LADE_HASH_LEN);
	assert_string_equal(list.items[0].label, "first");
	assert_string_equal(list.items[1].label, "other");
	assert_int_equal(list.items[0].id.number, 2);
	assert_int_equal(list.items[1].id.number, 1);
	assert_true(list.items[0].is_open && !list.items[0].has_note);
	assert_memory_equal(list.items[0].description.host.data, "a", 1);
	assert_memory_equal(list.items[0].tags.texts[0].data, "daily", 5);
	/* By prefix, by `latest`, and what is neither. */
	for (unsigned i = 0; i < 4; i++) {
		sodium_bin2hex(hex, sizeof(hex), hashes[i], LADE_HASH_LEN);
		assert_int_equal(lade_snapshot_list_find(&list, hex, NULL, &item, NULL), 0);
		assert_memory_equal(item->hash, hashes[i], LADE_HASH_LEN);
		hex[16] = '\0';
		assert_int_equal(lade_snapshot_list_find(&list, hex, NULL, &item, NULL), 0);
		assert_memory_equal(item->hash, hashes[i], LADE_HASH_LEN);
	}
	hex[15] = hex[15] == '0' ? '1' : '0';
	assert_int_equal(lade_snapshot_list_find(&list, hex, NULL, &item, &fault), LADE_E_ABSENT);
	assert_int_equal(lade_snapshot_list_find(&list, "", NULL, &item, &fault), LADE_E_USAGE);
	assert_int_equal(lade_snapshot_list_find(&list, "LATEST", NULL, &item, &fault), LADE_E_USAGE);
	assert_int_equal(lade_snapshot_list_find(&list, "latest", NULL, &item, NULL), 0);
	assert_memory_equal(item->hash, hashes[3], LADE_HASH_LEN);
	assert_int_equal(lade_snapshot_list_find(&list, "latest", &(struct lade_snapshot_filter){ .writer = other->writer.id }, &item, NULL), 0);
	assert_memory_equal(item->hash, hashes[2], LADE_HASH_LEN);
	assert_int_equal(lade_snapshot_list_find(&list, "latest", &(struct lade_snapshot_filter){ .host = lade_slice("a", 1) }, &item, NULL), 0);
	assert_memory_equal(item->hash, hashes[1], LADE_HASH_LEN);
	assert_int_equal(lade_snapshot_list_find(&list, "latest",
						 &(struct lade_snapshot_filter){ .path = lade_slice("/home", 5), .tag = lade_slice("daily", 5) }, &item, NULL), 0);
	assert_int_equal(lade_snapshot_list_find(&list, "latest", &(struct lade_snapshot_filter){ .path = lade_slice("/hom", 4) }, &item, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_snapshot_list_find(&list, "latest", &(struct lade_snapshot_filter){ .tag = lade_slice("weekly", 6) }, &item, NULL), LADE_E_ABSENT);
	/* The chain of one writer: c, a, d. */
	item = lade_snapshot_list_previous(&list, &list.items[3]);
	assert_ptr_equal(item, &list.items[0]);
	item = lade_snapshot_list_previous(&list, item);
	assert_ptr_equal(item, &list.items[2]);
	assert_null(lade_snapshot_list_previous(&list, item));
	lade_snapshot_list_fini(&list);
	/* Who may not read sees that they are there. */
	scene_list(scene, other, &list);
	assert_int_equal(list.count, 4);
	assert_false(list.items[0].is_open);
	assert_false(lade_snapshot_matches(&list.items[0], &(struct lade_snapshot_filter){ .host = lade_slice("a", 1) }));
	lade_snapshot_list_fini(&list);
	lade_repository_close(other);
	lade_repository_close(repository);
}

/* Backups of the same second are in the order in which they were made. */
static void test_order_within_a_second(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	uint8_t hashes[6][LADE_HASH_LEN];
	struct lade_snapshot_list list;

	for (unsigned i = 0; i < 6; i++)
		back_up(scene, repository, "a", hashes[i]);
	scene_list(scene, repository, &list);
	for (unsigned i = 0; i < 6; i++)
		assert_memory_equal(list.items[i].hash, hashes[i], LADE_HASH_LEN);
	lade_snapshot_list_fini(&list);
	lade_repository_close(repository);
}

/* What begins alike is ambiguous. */
static void test_ambiguous(void **state)
{
	struct lade_snapshot_item items[2] = { { .hash = "a" }, { .hash = "a" } };
	const struct lade_snapshot_list list = { .items = items, .count = 2 };
	const struct lade_snapshot_item *item;

	(void)state;
	items[1].hash[31] = 1;
	assert_int_equal(lade_snapshot_list_find(&list, "61", NULL, &item, NULL), LADE_E_USAGE);
	assert_int_equal(lade_snapshot_list_find(&list, "6100000000000000000000000000000000000000000000000000000000000001", NULL, &item, NULL), 0);
	assert_ptr_equal(item, &items[1]);
}

/* Each bit of a snapshot that is changed leaves it out, and so does a wrong place. */
static void test_damage(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_snapshot_list list;
	struct lade_object_list objects = { .items = NULL };
	uint8_t hash[LADE_HASH_LEN], *object;
	char text[LADE_OBJECT_NAME_MAX + 1], other[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_name name;
	size_t len;

	back_up(scene, repository, "a", hash);
	assert_int_equal(lade_object_list_get(repository->store, "snapshots/", &objects, NULL), 0);
	assert_int_equal(objects.count, 1);
	len = (size_t)objects.items[0].len;
	lade_object_name_format(&objects.items[0].name, text);
	assert_int_equal(lade_object_list_read(repository->store, &objects.items[0], LADE_SNAPSHOT_MAX, &object, NULL), 0);
	for (size_t i = 0; i < len; i += i < 260 || i > len - 70 ? 1 : 97) {
		object[i] ^= 1;
		assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
		assert_int_equal(lade_store_put(repository->store, text, object, len, NULL), 0);
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, 0);
		assert_int_equal(scene->bad, 1);
		lade_snapshot_list_fini(&list);
		object[i] ^= 1;
	}
	for (size_t i = 0; i <= len + 1; i += i < 300 ? 50 : i < len - 3 ? 331 : 1) {
		if (i == len)
			continue;
		object = realloc(object, len + 1);
		assert_non_null(object);
		object[len] = 0;
		assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
		assert_int_equal(lade_store_put(repository->store, text, object, i, NULL), 0);
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, 0);
		lade_snapshot_list_fini(&list);
	}
	assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		name = objects.items[0].name;
		if (i == 1)
			name.snapshot.number++;
		else if (i == 2)
			name.snapshot.hash[7] ^= 1;
		else if (i == 3)
			name.snapshot.writer[0] ^= 1;
		lade_object_name_format(&name, other);
		assert_int_equal(lade_store_put(repository->store, other, object, len, NULL), 0);
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, i == 0);
		assert_int_equal(scene->bad, i != 0);
		lade_snapshot_list_fini(&list);
		assert_int_equal(lade_store_remove(repository->store, other, NULL), 0);
	}
	free(object);
	lade_object_list_fini(&objects);
	lade_repository_close(repository);
}

/* ---- forgotten ---- */

enum how { BY_MANAGER, BY_DAEMON, BY_WRITER, FLIPPED, OF_OTHER };

static void forget(struct lade_repository *repository, const struct lade_snapshot_item *item, enum how how)
{
	struct lade_forgotten forgotten = { .number = item->id.number, .time = 1800000000 };
	const struct lade_object_name name = { .kind = LADE_NAME_FORGOTTEN, .snapshot = item->id, .time = 1800000000 };
	const struct lade_repository_party *party = how == BY_WRITER ? &repository->writer : &repository->manager;
	struct lade_writer writer;

	lade_writer_init(&writer, 1000);
	memcpy(forgotten.writer, item->id.writer, sizeof(forgotten.writer));
	memcpy(forgotten.snapshot, item->hash, sizeof(forgotten.snapshot));
	memcpy(forgotten.before, item->head.before, sizeof(forgotten.before));
	forgotten.snapshot[0] ^= how == OF_OTHER;
	if (how != BY_DAEMON)
		memcpy(forgotten.manager, party->id, sizeof(forgotten.manager));
	assert_int_equal(lade_forgotten_put(&writer, repository->format.repository, &forgotten, how == BY_DAEMON ? NULL : party->seed), 0);
	writer.data[writer.len - 1] ^= how == FLIPPED;
	put(repository, &name, &writer);
	lade_writer_fini(&writer);
}

static void remove_snapshot(struct lade_repository *repository, const uint8_t hash[LADE_HASH_LEN])
{
	struct lade_object_list list = { .items = NULL };
	char text[LADE_OBJECT_NAME_MAX + 1];

	assert_int_equal(lade_object_list_get(repository->store, "snapshots/", &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		lade_object_name_format(&list.items[i].name, text);
		if (memcmp(list.items[i].name.snapshot.hash, hash, LADE_SHORT_HASH_LEN) == 0)
			assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
	}
	lade_object_list_fini(&list);
}

static void test_forgotten(void **state)
{
	struct scene *scene = *state;

	for (enum how how = BY_MANAGER; how <= OF_OTHER; how++) {
		struct lade_repository *repository = scene_open(scene);
		struct lade_snapshot_list list;
		struct lade_snapshot_chain chain;
		uint8_t hashes[2][LADE_HASH_LEN];
		const bool counts = how == BY_MANAGER || how == BY_DAEMON;

		back_up(scene, repository, "a", hashes[0]);
		back_up(scene, repository, "b", hashes[1]);
		scene_list(scene, repository, &list);
		forget(repository, &list.items[1], how);
		lade_snapshot_list_fini(&list);
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, counts ? 1 : 2);
		assert_int_equal(scene->bad, !counts);
		lade_snapshot_list_fini(&list);
		/* The chain goes on behind what is forgotten, even when nothing else is left of it. */
		assert_int_equal(lade_snapshot_chain_find(repository, repository->writer.id, NULL, &chain, NULL), 0);
		assert_int_equal(chain.number, 2);
		assert_memory_equal(chain.hash, hashes[1], LADE_HASH_LEN);
		remove_snapshot(repository, hashes[1]);
		assert_int_equal(lade_snapshot_chain_find(repository, repository->writer.id, NULL, &chain, NULL), 0);
		assert_int_equal(chain.number, counts || how == OF_OTHER ? 2 : 1);
		lade_repository_close(repository);
		scene_fini(scene);
		scene_init(scene);
	}
}

/* ---- notes ---- */

static void write_note(struct lade_repository *repository, const struct lade_snapshot_item *item, uint64_t number, const char *tag, bool flip)
{
	struct lade_pack_setup setup;
	struct lade_note note = { .number = number };
	struct lade_slice text = lade_slice(tag, strlen(tag));
	const struct lade_note_tags tags = { .tags = &text, .count = 1 };
	const struct lade_object_name name = { .kind = LADE_NAME_NOTE, .snapshot = item->id, .number = number };
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_NOTE_MAX);
	memcpy(note.snapshot, item->hash, sizeof(note.snapshot));
	assert_int_equal(lade_repository_pack_setup(repository, &setup, NULL), 0);
	assert_int_equal(lade_note_put(&writer, &setup, &note, &tags, repository->writer.seed), 0);
	writer.data[writer.len - 1] ^= flip;
	put(repository, &name, &writer);
	lade_writer_fini(&writer);
}

static void assert_tag(struct scene *scene, struct lade_repository *repository, const char *tag)
{
	struct lade_snapshot_list list;

	scene_list(scene, repository, &list);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].tags.count, 1);
	assert_true(lade_slice_equal(list.items[0].tags.texts[0], lade_slice(tag, strlen(tag))));
	assert_true(lade_snapshot_matches(&list.items[0], &(struct lade_snapshot_filter){ .tag = lade_slice(tag, strlen(tag)) }));
	lade_snapshot_list_fini(&list);
}

/* The highest good one counts; not a damaged one, nor one of another writer. */
static void test_notes(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *other = scene_open_writer(scene, "other"), *repository = scene_open(scene);
	struct lade_snapshot_list list;
	uint8_t hash[LADE_HASH_LEN];

	back_up(scene, repository, "a", hash);
	assert_tag(scene, repository, "daily");
	scene_list(scene, repository, &list);
	write_note(repository, &list.items[0], 1, "one", false);
	assert_tag(scene, repository, "one");
	write_note(repository, &list.items[0], 10, "ten", false);
	assert_tag(scene, repository, "ten");
	write_note(repository, &list.items[0], 9, "nine", false);
	assert_tag(scene, repository, "ten");
	write_note(repository, &list.items[0], 11, "eleven", true);
	write_note(other, &list.items[0], 12, "twelve", false);
	assert_tag(scene, repository, "ten");
	assert_int_equal(scene->bad, 2);
	lade_snapshot_list_fini(&list);
	lade_repository_close(other);
	lade_repository_close(repository);
}

/* ---- revoked writers ---- */

static void test_revoked(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_party *party = NULL;
	uint8_t hashes[4][LADE_HASH_LEN];
	struct lade_snapshot_list list;

	for (unsigned i = 0; i < 4; i++)
		back_up(scene, repository, (const char *const[]){ "a", "b", "c", "d" }[i], hashes[i]);
	for (size_t i = 0; i < repository->trust.party_count; i++) {
		if (memcmp(repository->trust.parties[i].id, repository->writer.id, LADE_PARTY_ID_LEN) == 0)
			party = &repository->trust.parties[i];
	}
	assert_non_null(party);
	party->revoked = true;
	scene_list(scene, repository, &list);
	assert_int_equal(list.count, 0);
	assert_int_equal(scene->bad, 4);
	lade_snapshot_list_fini(&list);
	party->last_number = 3;
	memcpy(party->last_hash, hashes[2], LADE_HASH_LEN);
	scene_list(scene, repository, &list);
	assert_int_equal(list.count, 3);
	assert_int_equal(scene->bad, 1);
	lade_snapshot_list_fini(&list);
	/* Another snapshot of that number than the good one. */
	party->last_hash[0] ^= 1;
	scene_list(scene, repository, &list);
	assert_int_equal(list.count, 0);
	assert_int_equal(scene->bad, 4);
	lade_snapshot_list_fini(&list);
	lade_repository_close(repository);
}

/* A snapshot in the middle of a revoked writer's chain is missing: only if a manager says that he removed it those before it are good. */
static void test_revoked_gap(void **state)
{
	struct scene *scene = *state;

	for (enum how how = BY_MANAGER; how <= OF_OTHER + 1; how++) {
		struct lade_repository *repository = scene_open(scene);
		struct lade_snapshot_list list;
		uint8_t hashes[4][LADE_HASH_LEN];

		for (unsigned i = 0; i < 4; i++)
			back_up(scene, repository, (const char *const[]){ "a", "b", "c", "d" }[i], hashes[i]);
		scene_list(scene, repository, &list);
		if (how <= OF_OTHER)
			forget(repository, &list.items[2], how);
		lade_snapshot_list_fini(&list);
		for (size_t i = 0; i < repository->trust.party_count; i++) {
			struct lade_party *party = &repository->trust.parties[i];

			if (memcmp(party->id, repository->writer.id, LADE_PARTY_ID_LEN) != 0)
				continue;
			party->revoked = true;
			party->last_number = 4;
			memcpy(party->last_hash, hashes[3], LADE_HASH_LEN);
		}
		/* As long as it is there it leads to those before it. */
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, how == BY_MANAGER || how == BY_DAEMON ? 3 : 4);
		lade_snapshot_list_fini(&list);
		remove_snapshot(repository, hashes[2]);
		scene_list(scene, repository, &list);
		assert_int_equal(list.count, how == BY_MANAGER ? 3 : 1);
		assert_memory_equal(list.items[list.count - 1].hash, hashes[3], LADE_HASH_LEN);
		lade_snapshot_list_fini(&list);
		lade_repository_close(repository);
		scene_fini(scene);
		scene_init(scene);
	}
}

/* ---- chains of revoked writers, without a repository ---- */

/* What managers have removed: numbers with the first byte of the hash and of that of the one before, ended by 0. */
struct removed {
	uint64_t number;
	uint8_t first, before;
};

static int was_removed(void *context, const struct lade_party *writer, uint64_t number, const uint8_t hash[LADE_HASH_LEN], uint8_t before_out[LADE_HASH_LEN])
{
	(void)writer;
	for (const struct removed *removed = context; removed->number; removed++) {
		if (removed->number == UINT64_MAX)
			return LADE_E_SYSTEM;
		if (removed->number == number && hash[0] == removed->first) {
			memset(before_out, 0, LADE_HASH_LEN);
			before_out[0] = removed->before;
			return 1;
		}
	}
	return 0;
}

/* Snapshots by number, the first byte of their hash, that of the one before, and whether they are good. */
struct made {
	uint64_t number;
	uint8_t hash, before;
	bool good;
};

static void assert_weighed(const struct made *made, size_t count, const struct removed *removed)
{
	struct lade_party writer = { .last_number = 9, .last_hash = { 9 } };
	struct lade_revoked_snapshot snapshots[8];
	uint8_t hashes[8][2][LADE_HASH_LEN] = { 0 };

	/* In whatever order they come. */
	for (size_t turn = 0; turn < count; turn++) {
		for (size_t i = 0; i < count; i++) {
			const size_t at = (i + turn) % count;

			hashes[at][0][0] = made[at].hash;
			hashes[at][1][0] = made[at].before;
			snapshots[i] = (struct lade_revoked_snapshot){ made[at].number, hashes[at][0], hashes[at][1], at, !made[at].good };
		}
		assert_int_equal(lade_revoked_weigh(&writer, snapshots, count, was_removed, (void *)(uintptr_t)removed), 0);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(snapshots[i].good, made[snapshots[i].index].good);
	}
}

static void test_revoked_chain(void **state)
{
	const struct removed none[] = { { 0, 0, 0 } }, some[] = { { 8, 8, 7 }, { 7, 7, 6 }, { 0, 0, 0 } }, last[] = { { 9, 9, 8 }, { 0, 0, 0 } },
			     fails[] = { { UINT64_MAX, 0, 0 } };
	const struct lade_party writer = { .last_number = 9, .last_hash = { 9 } };
	const uint8_t hash[LADE_HASH_LEN] = { 5 };
	struct lade_revoked_snapshot low = { 5, hash, hash, 0, true };

	(void)state;
	/* Others of the numbers of the chain, and after it. */
	assert_weighed((const struct made[]){ { 10, 10, 9, false }, { 9, 9, 8, true }, { 9, 19, 8, false }, { 8, 8, 7, true }, { 8, 18, 7, false }, { 7, 7, 6, true }, { 7, 17, 6, false } },
		       7, none);
	/* A gap that nobody explains, and one that a manager does. */
	assert_weighed((const struct made[]){ { 9, 9, 8, true }, { 7, 7, 6, false }, { 6, 6, 5, false } }, 3, none);
	assert_weighed((const struct made[]){ { 9, 9, 8, true }, { 6, 6, 5, true }, { 5, 5, 4, true }, { 5, 15, 4, false } }, 4, some);
	/* Others of the numbers of what was removed, and behind that, are none of the chain, and do not end it. */
	assert_weighed((const struct made[]){ { 9, 9, 8, true }, { 8, 18, 17, false }, { 7, 17, 16, false }, { 6, 16, 15, false }, { 6, 6, 5, true }, { 5, 15, 4, false }, { 5, 5, 4, true } },
		       7, some);
	/* One that is there twice. */
	assert_weighed((const struct made[]){ { 9, 9, 8, true }, { 9, 19, 8, false }, { 9, 9, 8, true }, { 8, 8, 7, true } }, 4, none);
	/* The last good one itself was removed. */
	assert_weighed((const struct made[]){ { 8, 8, 7, true }, { 7, 7, 6, true } }, 2, last);
	assert_weighed((const struct made[]){ { 8, 8, 7, false }, { 7, 7, 6, false } }, 2, none);
	/* Who cannot say ends it. */
	assert_int_equal(lade_revoked_weigh(&writer, &low, 1, was_removed, (void *)(uintptr_t)fails), LADE_E_SYSTEM);
	assert_false(low.good);
	assert_int_equal(lade_revoked_weigh(&writer, NULL, 0, was_removed, (void *)(uintptr_t)fails), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_within_a_second, set_up, tear_down),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoked_gap, set_up, tear_down),
		cmocka_unit_test(test_revoked_chain),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
