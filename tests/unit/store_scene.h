/*
 * A store in a folder of its own: for tests of what is on top of one.
 */
#ifndef LADE_TESTS_UNIT_STORE_SCENE_H
#define LADE_TESTS_UNIT_STORE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/store/store_folder.h"
#include "tests/unit/temp_tree.h"

/* A store, and where it is. */
struct store_scene {
	char path[PATH_MAX];
	struct lade_store *store;
};

static inline int store_scene_setup(void **state)
{
	struct store_scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	temp_tree_make(scene->path);
	assert_int_equal(lade_store_folder_open(scene->path, true, &scene->store, NULL), 0);
	*state = scene;
	return 0;
}

static inline int store_scene_teardown(void **state)
{
	struct store_scene *scene = *state;

	lade_store_close(scene->store);
	temp_tree_remove(scene->path);
	free(scene);
	return 0;
}

/* A test that is given one. */
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_scene_setup, store_scene_teardown)

#endif
