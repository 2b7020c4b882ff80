/*
 * Tests of agent/store/rollback: who has seen a repository notices when it shows less than it did; who has not, and one that only grows, hears nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/store/forgotten.h"
#include "agent/store/object_list.h"
#include "agent/store/rollback.h"
#include "tests/unit/repository_scene.h"

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene_init(scene);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	scene_fini(*state);
	free(*state);
	return 0;
}

static void back_up(struct scene *scene, struct lade_repository *repository, const char *text)
{
	uint8_t snapshot[LADE_HASH_LEN];
	struct scene_backup backup;

	assert_int_equal(scene_begin(scene, repository, false, &backup), 0);
	assert_int_equal(scene_back_up(&backup, text), 0);
	assert_int_equal(scene_commit(&backup, text, snapshot, NULL), 0);
	lade_repository_session_leave(backup.session);
}

static char said[512];

static void note(void *context, const char *text)
{
	(void)context;
	snprintf(said, sizeof(said), "%s", text);
}

static int compare(struct scene *scene, const struct lade_repository *repository)
{
	const struct lade_rollback_wish wish = { .repository = repository, .state_fd = scene->state_fd, .note = note };

	said[0] = '\0';
	return lade_rollback_compare(&wish, NULL);
}

/* Remove the objects whose names begin so. */
static void withhold(struct lade_repository *repository, const char *prefix)
{
	struct lade_object_list objects = { .items = NULL };
	char name[LADE_OBJECT_NAME_MAX + 1];

	assert_int_equal(lade_object_list_get(repository->store, prefix, &objects, NULL), 0);
	assert_true(objects.count > 0);
	for (size_t i = 0; i < objects.count; i++) {
		lade_object_name_format(&objects.items[i].name, name);
		assert_int_equal(lade_store_remove(repository->store, name, NULL), 0);
	}
	lade_object_list_fini(&objects);
}

static void test_snapshots(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene), *other = scene_open_writer(scene, "other");

	assert_int_equal(lade_repository_read_trust(repository, NULL), 0);
	assert_int_equal(compare(scene, repository), 0);
	back_up(scene, repository, "a");
	back_up(scene, other, "b");
	assert_int_equal(compare(scene, repository), 0);
	back_up(scene, repository, "c");
	assert_int_equal(compare(scene, repository), 0);
	assert_int_equal(compare(scene, repository), 0);
	assert_string_equal(said, "");
	withhold(repository, "snapshots/");
	assert_int_equal(compare(scene, repository), 2);
	assert_non_null(strstr(said, "older state"));
	/* It is told as long as it is so. */
	assert_int_equal(compare(scene, repository), 2);
	lade_repository_close(other);
	lade_repository_close(repository);
}

/* By a list that was made before. *count_out: what the store was asked. */
static int compare_list(struct scene *scene, struct lade_repository *repository, unsigned *count_out)
{
	struct lade_snapshot_list list;
	struct lade_rollback_wish wish = { .repository = repository, .state_fd = scene->state_fd, .list = &list, .note = note };
	int result;

	said[0] = '\0';
	scene_list(scene, repository, &list);
	faulty_store_at(repository->store, 0, NULL, NULL);
	result = lade_rollback_compare(&wish, NULL);
	*count_out = faulty_store_count(repository->store);
	lade_snapshot_list_fini(&list);
	return result;
}

/* Say of the writer's last snapshot that a manager removed it. */
static void forget_last(struct scene *scene, struct lade_repository *repository)
{
	struct lade_forgotten forgotten = { .time = 1800000000 };
	struct lade_object_name name = { .kind = LADE_NAME_FORGOTTEN, .time = 1800000000 };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_snapshot_list list;
	struct lade_writer writer;

	scene_list(scene, repository, &list);
	name.snapshot = list.items[list.count - 1].id;
	memcpy(forgotten.writer, name.snapshot.writer, sizeof(forgotten.writer));
	memcpy(forgotten.snapshot, list.items[list.count - 1].hash, sizeof(forgotten.snapshot));
	memcpy(forgotten.manager, repository->manager.id, sizeof(forgotten.manager));
	forgotten.number = name.snapshot.number;
	lade_snapshot_list_fini(&list);
	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_forgotten_put(&writer, repository->format.repository, &forgotten, repository->manager.seed), 0);
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_put(repository->store, text, writer.data, writer.len, NULL), 0);
	lade_writer_fini(&writer);
}

/* Who has a list asks only where that shows less than is remembered. */
static void test_list(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	unsigned count;

	assert_int_equal(compare_list(scene, repository, &count), 0);
	assert_int_equal(count, 0);
	back_up(scene, repository, "a");
	back_up(scene, repository, "b");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(compare_list(scene, repository, &count), 0);
		assert_int_equal(count, 0);
	}
	/* It was remembered as it is by who asks. */
	assert_int_equal(compare(scene, repository), 0);
	/* What was forgotten is in no list, and not withheld. */
	forget_last(scene, repository);
	assert_int_equal(compare_list(scene, repository, &count), 0);
	assert_true(count > 0);
	assert_string_equal(said, "");
	withhold(repository, "forgotten/");
	withhold(repository, "snapshots/");
	assert_int_equal(compare_list(scene, repository, &count), 1);
	assert_non_null(strstr(said, "older state"));
	lade_repository_close(repository);
}

/* Two snapshots of one number, as the first could not be read for a moment: whichever was seen, nothing is missing. Which one is found first is chance. */
static void test_fork(void **state)
{
	struct scene *scene = *state;

	for (unsigned turn = 0; turn < 16; turn++) {
		struct lade_repository *repository = scene_open(scene);
		struct lade_object_list objects;
		char name[LADE_OBJECT_NAME_MAX + 1];
		uint8_t bytes[65536];
		size_t len;

		back_up(scene, repository, "a");
		assert_int_equal(turn % 2 ? 0 : compare(scene, repository), 0);
		assert_int_equal(lade_object_list_get(repository->store, "snapshots/", &objects, NULL), 0);
		lade_object_name_format(&objects.items[0].name, name);
		len = (size_t)objects.items[0].len;
		assert_in_range(len, 1, sizeof(bytes));
		assert_int_equal(lade_store_get(repository->store, name, 0, len, bytes, NULL), 0);
		lade_object_list_fini(&objects);
		assert_int_equal(lade_store_remove(repository->store, name, NULL), 0);
		back_up(scene, repository, "b");
		assert_int_equal(turn % 2 ? compare(scene, repository) : 0, 0);
		assert_int_equal(lade_store_put(repository->store, name, bytes, len, NULL), 0);
		assert_int_equal(compare(scene, repository), 0);
		lade_repository_close(repository);
		scene_fini(scene);
		scene_init(scene);
	}
}

/* Two snapshots of one number: the one that is remembered is not missing, and another one in its place is. */
static void test_fork_in_a_list(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	struct lade_snapshot_item items[2] = { { .id = { .number = 0 } } };
	const struct lade_snapshot_list list = { .items = items, .count = 2 }, one = { .items = items, .count = 1 };
	struct lade_rollback_wish wish = { .repository = repository, .state_fd = scene->state_fd, .list = &one, .note = note };

	for (unsigned i = 0; i < 2; i++) {
		memcpy(items[i].id.writer, repository->writer.id, LADE_PARTY_ID_LEN);
		items[i].id.number = 5;
		items[i].hash[0] = (uint8_t)i;
	}
	assert_int_equal(lade_rollback_compare(&wish, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct lade_snapshot_item item = items[0];

		wish.list = &list;
		assert_int_equal(lade_rollback_compare(&wish, NULL), 0);
		items[0] = items[1];
		items[1] = item;
	}
	items[0].hash[0] = 1;
	wish.list = &one;
	assert_int_equal(lade_rollback_compare(&wish, NULL), 1);
	lade_repository_close(repository);
}

static void test_statements(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	const uint32_t before = repository->trust.count;
	char name[32];

	assert_int_equal(compare(scene, repository), 0);
	lade_repository_close(scene_open_writer(scene, "other"));
	assert_int_equal(lade_repository_read_trust(repository, NULL), 0);
	assert_int_equal(repository->trust.count, before + 1);
	assert_int_equal(compare(scene, repository), 0);
	snprintf(name, sizeof(name), "trust/%u", before + 1);
	assert_int_equal(lade_store_remove(repository->store, name, NULL), 0);
	lade_repository_close(repository);
	repository = scene_open(scene);
	assert_int_equal(compare(scene, repository), 1);
	assert_non_null(strstr(said, "said of keys"));
	lade_repository_close(repository);
}

/* What is remembered is of no use if it is not ours. */
static void test_damage(void **state)
{
	static const char text[] = "trust x\nwriter 12 3 4\n\nwriter 0123456789abcdef0123456789abcdef 99999999999999999999999 00\ntrust 4294967296 00\n";
	struct scene *scene = *state;
	struct lade_repository *repository = scene_open(scene);
	const int fd = openat(scene->state_fd, "seen", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(compare(scene, repository), 0);
	lade_repository_close(repository);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_snapshots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fork_in_a_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fork, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_statements, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
