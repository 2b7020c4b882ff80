/*
 * Loss of power at each moment of a backup, by the whole engine: whatever no barrier had covered is there, or not, or in part. What was backed up before is the same bit for bit, the backup at hand is there as a whole or not at all, and
 * the next one is right. What happens to sessions alone is in test_repository_session.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/backup/backup.h"
#include "agent/backup/check.h"
#include "agent/backup/dump.h"
#include "agent/backup/tree_cursor.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/snapshot_list.h"
#include "tests/unit/recorded_store.h"
#include "tests/unit/temp_tree.h"

#define DIGEST_LEN 32u

/* Random fates of all that a loss of power may take, for each moment. */
#define SUBSETS 12u

struct scene {
	char path[PATH_MAX], tree[PATH_MAX + 8];
	uint8_t identity[32], recipient[32];
	struct lade_pins pins;
	struct recording *recording;        /* the first backup, then the second one */
	uint8_t snapshots[2][LADE_HASH_LEN]; /* those, and what is in them */
	uint8_t digests[2][DIGEST_LEN];
	char problem[512];                  /* what the last check found; empty: nothing */
	char when[512];                     /* the loss of power at hand, for people */
	unsigned losses, absent, whole;     /* how many there were, and after which the second snapshot was absent, or whole */
};

/* ---- a tree ---- */

static void put_file(const struct scene *scene, const char *name, uint32_t seed, size_t len)
{
	uint8_t whole[randombytes_SEEDBYTES] = { 0 }, *bytes = malloc(len + 1);
	char path[PATH_MAX + 64];
	FILE *file;

	assert_non_null(bytes);
	memcpy(whole, &seed, sizeof(seed));
	randombytes_buf_deterministic(bytes, len, whole);
	snprintf(path, sizeof(path), "%s/%s", scene->tree, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	free(bytes);
}

static void make_tree(struct scene *scene)
{
	char path[PATH_MAX + 64];

	assert_int_equal(mkdir(scene->tree, 0700), 0);
	snprintf(path, sizeof(path), "%s/sub", scene->tree);
	assert_int_equal(mkdir(path, 0700), 0);
	put_file(scene, "same", 1, 3000);
	put_file(scene, "other", 2, 5000);
	put_file(scene, "gone", 3, 100);
	put_file(scene, "sub/large", 4, 20000);
	snprintf(path, sizeof(path), "%s/link", scene->tree);
	assert_int_equal(symlink("same", path), 0);
}

static void change_tree(struct scene *scene)
{
	char path[PATH_MAX + 64];

	put_file(scene, "other", 5, 5000);
	put_file(scene, "sub/new", 6, 9000);
	snprintf(path, sizeof(path), "%s/gone", scene->tree);
	assert_int_equal(unlink(path), 0);
}

/* ---- a repository ---- */

static struct lade_repository *open_repository(const struct scene *scene, struct recording *recording)
{
	const struct lade_repository_credentials credentials = { .identity = scene->identity, .pins = &scene->pins, .pin_count = 1 };
	struct lade_repository *repository = NULL;

	if (lade_repository_open(recording_store(recording), &credentials, &repository, NULL))
		return NULL;
	return repository;
}

static void on_entry(void *context, const char *path, const struct stat *st, enum lade_backup_action action)
{
	(void)context;
	(void)path;
	(void)st;
	(void)action;
}

static void on_problem(void *context, const struct lade_fault *fault)
{
	(void)context;
	(void)fault;
}

static void on_read(void *context, uint64_t bytes)
{
	(void)context;
	(void)bytes;
}

/* Back the tree up. Returns as lade_backup_run(). */
static int back_up(const struct scene *scene, struct recording *recording, struct lade_backup_result *result_out)
{
	const struct lade_backup_events events = { .entry = on_entry, .problem = on_problem, .read = on_read };
	struct lade_repository *repository = open_repository(scene, recording);
	struct lade_slice path = lade_slice(scene->tree, strlen(scene->tree));
	struct lade_sources sources = { .relative = true, .one_tree = true };
	struct lade_backup_setup setup = { .repository = repository, .cache_fd = -1, .state_fd = -1, .stream_fd = -1, .level = 1, .threads = 2 };
	const atomic_bool stop = false;
	struct lade_filter *filter;
	struct lade_fault fault;
	int error;

	assert_non_null(repository);
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_sources_add(&sources, scene->tree, &fault), 0);
	lade_sources_sort(&sources);
	setup.scan = (struct lade_scan_setup){ .sources = &sources, .filter = filter, .events = &events, .stop = &stop };
	setup.description.host = lade_slice("host", 4);
	setup.description.paths = (struct lade_snapshot_texts){ &path, 1 };
	error = lade_backup_run(&setup, result_out, &fault);
	lade_sources_fini(&sources);
	lade_filter_free(filter);
	lade_repository_close(repository);
	return error;
}

/* ---- what is in a snapshot ---- */

static int hash_bytes(void *context, struct lade_slice bytes, struct lade_fault *fault)
{
	(void)fault;
	(void)crypto_generichash_update(context, bytes.data, bytes.len);
	return 0;
}

static int run_fetch(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events, struct lade_fault *fault)
{
	return lade_chunk_fetch_run(context, wants, count, events, fault);
}

/* The digest of an archive of the tree in it. */
static int digest_tree(const struct scene *scene, const struct lade_repository *repository, struct lade_chunk_fetch *fetch, struct lade_slice root,
		       uint8_t digest_out[DIGEST_LEN])
{
	crypto_generichash_state state;
	const struct lade_dump_setup setup = {
		.source = { lade_chunk_fetch_get, fetch, lade_stream_lengths_of(&repository->format) }, .run = run_fetch, .run_context = fetch,
		.write = hash_bytes, .write_context = &state,
	};
	struct lade_stream_entry entry;
	struct lade_writer kept;
	struct lade_fault fault;
	int error;

	(void)crypto_generichash_init(&state, NULL, 0, DIGEST_LEN);
	/* Only the tree: directories above it are others'. */
	error = lade_tree_find(&setup.source, root, scene->tree, &entry, &kept, &fault);
	if (!error)
		error = lade_dump_tree(&setup, &entry, scene->tree + 1, &fault);
	lade_writer_fini(&kept);
	(void)crypto_generichash_final(&state, digest_out, DIGEST_LEN);
	return error;
}

/* What is in a snapshot. Returns 0 or what went wrong. */
static int digest_snapshot(const struct scene *scene, struct lade_repository *repository, struct lade_slice root, uint8_t digest_out[DIGEST_LEN])
{
	const struct lade_chunk_map_setup map_setup = { .directory = -1, .repository = repository->format.repository };
	const struct lade_chunk_tables_setup tables = { .repository = repository };
	struct lade_chunk_fetch_setup setup = { .repository = repository, .threads = 1, .cache_len = 8u << 20 };
	struct lade_chunk_fetch *fetch = NULL;
	struct lade_chunk_map *map = NULL;
	int error = lade_chunk_map_open(&map_setup, &map, NULL);

	if (!error)
		error = lade_chunk_tables_load(map, &tables, NULL);
	setup.map = map;
	if (!error)
		error = lade_chunk_fetch_new(&setup, &fetch, NULL);
	if (!error)
		error = digest_tree(scene, repository, fetch, root, digest_out);
	lade_chunk_fetch_free(fetch);
	lade_chunk_map_close(map);
	return error;
}

/* ---- checks ---- */

static void wrong(struct scene *scene, const char *what, const char *which)
{
	if (!scene->problem[0])
		snprintf(scene->problem, sizeof(scene->problem), "%.300s: %.180s", what, which);
}

static void on_bad(void *context, const char *object, int error)
{
	(void)error;
	wrong(context, "left out of the list of snapshots", object);
}

/* A snapshot is one of those that were made, with what was in it; the last one, which a repair makes, is as the second. Returns its index. */
static unsigned check_snapshot(struct scene *scene, struct lade_repository *repository, const struct lade_snapshot_item *item)
{
	const unsigned index = memcmp(item->hash, scene->snapshots[0], LADE_HASH_LEN) == 0 ? 0 : 1;
	uint8_t digest[DIGEST_LEN];

	if (!item->is_open)
		wrong(scene, "a snapshot that cannot be opened", index ? "the second" : "the first");
	else if (digest_snapshot(scene, repository, item->description.root, digest))
		wrong(scene, "a snapshot that cannot be read", index ? "the second" : "the first");
	else if (memcmp(digest, scene->digests[index], DIGEST_LEN) != 0)
		wrong(scene, "a snapshot with something else in it", index ? "the second" : "the first");
	return index;
}

static void on_found(void *context, const struct lade_check_finding *finding)
{
	if (finding->severity == LADE_CHECK_ERROR)
		wrong(context, finding->problem, finding->object);
}

/* All that there is. Returns how many snapshots, the first one among them. */
static size_t check_all(struct scene *scene, struct recording *recording)
{
	struct lade_repository *repository = open_repository(scene, recording);
	const struct lade_snapshot_list_setup setup = { .repository = repository, .bad = on_bad, .context = scene };
	const struct lade_check_setup check = { .threads = 1, .read = LADE_CHECK_READ_ALL, .found = on_found, .context = scene };
	struct lade_check_figures figures;
	struct lade_snapshot_list list = { .items = NULL };
	bool first = false;
	size_t count;

	if (!repository) {
		wrong(scene, "it cannot be opened", "the repository");
		return 0;
	}
	if (lade_snapshot_list_get(&setup, &list, NULL))
		wrong(scene, "they cannot be listed", "snapshots");
	for (size_t i = 0; i < list.count; i++)
		first |= check_snapshot(scene, repository, &list.items[i]) == 0;
	if (!first)
		wrong(scene, "it is not there", "the first snapshot");
	if (lade_check_repository(repository, &check, &figures, NULL))
		wrong(scene, "it came to no end", "the check");
	count = list.count;
	lade_snapshot_list_fini(&list);
	lade_repository_close(repository);
	return count;
}

/* One loss of power: what there is then, and the next backup. */
static void lose_power(struct scene *scene, size_t count, const enum recording_fate *fates)
{
	struct recording *crashed = recording_crash(scene->recording, count, fates);
	struct lade_backup_result result;
	size_t before = check_all(scene, crashed), after;

	if (before > 2)
		wrong(scene, "more snapshots than were made", "the repository");
	if (count == recording_count(scene->recording) && before < 2)
		wrong(scene, "it was said to be made, and is not there", "the second snapshot");
	scene->losses++;
	scene->absent += before == 1;
	scene->whole += before == 2;
	if (back_up(scene, crashed, &result) || !result.made)
		wrong(scene, "it fails", "the next backup");
	after = check_all(scene, crashed);
	if (after != before + 1)
		wrong(scene, "it is no snapshot", "the next backup");
	recording_free(crashed);
	if (scene->problem[0])
		fail_msg("%s: %s", scene->when, scene->problem);
}

/* ---- the scene ---- */

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct lade_repository_plan plan = { .encrypted = true, .label = "first", .time = 1700000000, .recipient_count = 1 };
	struct lade_repository *repository;

	if (!scene)
		return -1;
	assert_true(sodium_init() >= 0);
	temp_tree_make(scene->path);
	snprintf(scene->tree, sizeof(scene->tree), "%s/tree", scene->path);
	assert_int_equal(crypto_box_keypair(scene->recipient, scene->identity), 0);
	plan.recipients = (const uint8_t(*)[32]) & scene->recipient;
	scene->recording = recording_new();
	assert_int_equal(lade_repository_init(recording_store(scene->recording), &plan, &repository, NULL), 0);
	scene->pins = *lade_repository_pins(repository);
	lade_repository_close(repository);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	recording_free(scene->recording);
	temp_tree_remove(scene->path);
	free(scene);
	return 0;
}

/* Back the tree up, and remember what is in the snapshot. */
static void back_up_as(struct scene *scene, unsigned index)
{
	struct lade_backup_result result;
	struct lade_repository *repository;
	struct lade_snapshot_list list;

	assert_int_equal(back_up(scene, scene->recording, &result), 0);
	assert_true(result.made);
	memcpy(scene->snapshots[index], result.snapshot, LADE_HASH_LEN);
	repository = open_repository(scene, scene->recording);
	assert_non_null(repository);
	assert_int_equal(lade_snapshot_list_get(&(struct lade_snapshot_list_setup){ .repository = repository }, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		if (!memcmp(list.items[i].hash, result.snapshot, LADE_HASH_LEN))
			assert_int_equal(digest_snapshot(scene, repository, list.items[i].description.root, scene->digests[index]), 0);
	}
	lade_snapshot_list_fini(&list);
	lade_repository_close(repository);
	assert_false(sodium_is_zero(scene->digests[index], DIGEST_LEN));
}

/* ---- losses of power ---- */

/* All that may have a fate has this one, as far as it means something to it. */
static void lose_all(struct scene *scene, size_t count, enum recording_fate fate, enum recording_fate *fates)
{
	for (size_t i = 0; i < count; i++)
		fates[i] = recording_is_open(scene->recording, count, i) && (fate == RECORDING_LOST || recording_is_put(scene->recording, i)) ? fate : RECORDING_KEPT;
	snprintf(scene->when, sizeof(scene->when), "after %zu operations, all of them with fate %u", count, (unsigned)fate);
	lose_power(scene, count, fates);
}

/* One thing alone has it. */
static void lose_each(struct scene *scene, size_t count, enum recording_fate fate, enum recording_fate *fates)
{
	memset(fates, 0, count * sizeof(*fates));
	for (size_t i = 0; i < count; i++) {
		if (!recording_is_open(scene->recording, count, i) || (fate != RECORDING_LOST && !recording_is_put(scene->recording, i)))
			continue;
		fates[i] = fate;
		snprintf(scene->when, sizeof(scene->when), "after %zu operations, number %zu (%s) with fate %u", count, i, recording_name(scene->recording, i),
			 (unsigned)fate);
		lose_power(scene, count, fates);
		fates[i] = RECORDING_KEPT;
	}
}

static void lose_some(struct scene *scene, size_t count, enum recording_fate *fates)
{
	size_t open = 0;

	for (size_t i = 0; i < count; i++)
		open += recording_is_open(scene->recording, count, i);
	for (unsigned n = 0; n < SUBSETS && open > 1; n++) {
		uint8_t seed[randombytes_SEEDBYTES] = { (uint8_t)n, (uint8_t)count }, chance[256];

		assert_true(count < sizeof(chance));
		randombytes_buf_deterministic(chance, sizeof(chance), seed);
		for (size_t i = 0; i < count; i++)
			fates[i] = recording_is_open(scene->recording, count, i) ? (enum recording_fate)(chance[i] % 4) : RECORDING_KEPT;
		snprintf(scene->when, sizeof(scene->when), "after %zu operations, subset %u", count, n);
		lose_power(scene, count, fates);
	}
}

static void test_each_loss(void **state)
{
	struct scene *scene = *state;
	enum recording_fate *fates;
	size_t count;

	make_tree(scene);
	back_up_as(scene, 0);
	change_tree(scene);
	recording_start(scene->recording);
	back_up_as(scene, 1);
	count = recording_count(scene->recording);
	fates = calloc(count + 1, sizeof(*fates));
	assert_non_null(fates);
	for (size_t n = 0; n <= count; n++) {
		lose_all(scene, n, RECORDING_KEPT, fates);
		for (enum recording_fate fate = RECORDING_LOST; fate <= RECORDING_EMPTY; fate++) {
			lose_all(scene, n, fate, fates);
			lose_each(scene, n, fate, fates);
		}
		lose_some(scene, n, fates);
	}
	free(fates);
	print_message("# %u losses of power within %zu operations: %u times there was no second snapshot, %u times all of it\n", scene->losses, count, scene->absent,
		      scene->whole);
	assert_true(scene->absent > 50 && scene->whole > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_loss, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
