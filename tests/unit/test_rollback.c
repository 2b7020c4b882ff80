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
		cmocka_unit_test_setup_teardown(test_statements, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
