/*
 * The index of a destination: what is added is found, in the session and in later ones, however much it is; and what is not
 * true any more is not found.
 */
#include <pthread.h>

#include "tests/unit/index_case.h"

/* ---- what is found ---- */

static void test_one_that_is_not_there(void **state)
{
	uint8_t key[LADE_SECRET_LEN], zeros[LADE_SECRET_LEN] = { 0 };
	struct lade_index *index;
	struct stat st;

	(void)state;
	remove_index();
	index = open_index();
	memcpy(key, lade_index_key(index), sizeof(key));
	assert_memory_not_equal(key, zeros, sizeof(key));
	assert_false(is_found(index, 1, 1));
	assert_false(knows(index, "a", 1));
	lade_index_close(index);
	assert_int_not_equal(fstatat(tree_fd, "index", &st, 0), 0);

	index = open_index();
	assert_memory_not_equal(key, lade_index_key(index), sizeof(key));
	memcpy(key, lade_index_key(index), sizeof(key));
	index = another_session(index);
	assert_memory_equal(key, lade_index_key(index), sizeof(key));
	lade_index_close(index);
	lade_index_close(NULL);
	/* It tells what the files consist of. */
	assert_int_equal(fstatat(tree_fd, "index", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static const struct lade_index_chunk three[] = { { 0, 0, 5000 }, { NAME_MASK, 5000, 1 }, { 77, 5001, UINT32_MAX } };

static void must_have_three(struct lade_index *index)
{
	for (size_t i = 0; i < COUNT(three); i++) {
		must_find(index, three[i].name, three[i].len, "dir/file", 1, three[i].off);
		assert_false(is_found(index, three[i].name, three[i].len - 1));
		assert_false(is_found(index, three[i].name ^ 1, three[i].len));
	}
}

static void test_what_is_added_is_found(void **state)
{
	struct lade_index *index;

	(void)state;
	remove_index();
	index = open_index();
	add_as(index, "dir/file", 1, true, three, COUNT(three));
	add_as(index, "nothing", 2, true, NULL, 0);
	must_have_three(index);
	save(index);
	must_have_three(index);
	index = another_session(index);
	must_have_three(index);
	assert_true(knows(index, "dir/file", 1));
	assert_true(knows(index, "nothing", 2));
	lade_index_close(index);
}

static uint32_t number_of(struct lade_index *index, uint64_t name, uint32_t len)
{
	struct lade_index_place place;

	assert_true(find(index, name, len, NULL, &place));
	return place.file;
}

/* a and b have 10 and 11; 20 and 21 tell their numbers. */
static void must_go_on(struct lade_index *index)
{
	const struct lade_index_place in_a = { number_of(index, 20, 1), 100 }, in_b = { number_of(index, 21, 1), 1100 };
	const struct lade_index_place nowhere = { in_b.file, 1101 }, beyond = { UINT32_MAX, UINT64_MAX };
	struct lade_index_place place;

	assert_true(find(index, 11, 200, &in_a, &place));
	must_be_at(index, &place, "a", 1, 100);
	assert_true(find(index, 11, 200, &in_b, &place));
	must_be_at(index, &place, "b", 2, 1100);
	assert_true(find(index, 11, 200, &nowhere, &place));
	assert_true(find(index, 11, 200, &beyond, &place));
	assert_false(find(index, 12, 200, &in_a, &place));
}

static void test_the_likely_place_is_preferred(void **state)
{
	static const struct lade_index_chunk a[] = { { 10, 0, 100 }, { 11, 100, 200 }, { 20, 300, 1 } };
	static const struct lade_index_chunk b[] = { { 21, 0, 1 }, { 10, 1000, 100 }, { 11, 1100, 200 } };
	struct lade_index *index;

	(void)state;
	for (int first_saved = 0; first_saved < 2; first_saved++) {
		remove_index();
		index = open_index();
		add_as(index, "a", 1, true, a, COUNT(a));
		if (first_saved)
			save(index);
		add_as(index, "b", 2, true, b, COUNT(b));
		must_go_on(index);
		index = another_session(index);
		must_go_on(index);
		lade_index_close(index);
	}
}

/* A file of zeros has one chunk many times over. */
static void test_one_chunk_many_times(void **state)
{
	struct lade_index_chunk chunks[1000];
	struct lade_index *index;

	(void)state;
	for (size_t i = 0; i < COUNT(chunks); i++)
		chunks[i] = (struct lade_index_chunk){ 5, i * 4096, 4096 };
	remove_index();
	index = open_index();
	add_as(index, "zeros", 1, true, chunks, COUNT(chunks));
	add_one(index, "other", 2, 6, 0, 1);
	assert_true(is_found(index, 5, 4096));
	index = another_session(index);
	assert_true(is_found(index, 5, 4096));
	assert_true(is_found(index, 6, 1));
	lade_index_close(index);
}

/* ---- what is known ---- */

static void must_know_nothing_else(struct lade_index *index)
{
	struct lade_stamp others[7];

	for (size_t i = 0; i < COUNT(others); i++)
		others[i] = stamp_of(1);
	others[0].file_system++;
	others[1].inode++;
	others[2].size++;
	others[3].mtime_s++;
	others[4].ctime_s++;
	others[5].mtime_ns--;
	others[6].ctime_ns--;
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(lade_index_knows(index, "a", &others[i]));
	assert_false(knows(index, "b", 1));
	assert_false(knows(index, "", 1));
	assert_false(knows(index, "a/", 1));
	assert_true(knows(index, "a", 1));
}

static void test_what_is_known(void **state)
{
	const struct lade_index_chunk chunk = { 3, 0, 4096 };
	struct lade_index *index;

	(void)state;
	remove_index();
	index = open_index();
	add_one(index, "a", 1, 1, 0, 4096);
	add_one(index, "c", 3, 2, 0, 4096);
	add_as(index, "restless", 4, false, &chunk, 1);
	must_know_nothing_else(index);
	assert_true(is_found(index, 3, 4096)); /* good for this session */
	index = another_session(index);
	must_know_nothing_else(index);
	assert_false(knows(index, "restless", 4));
	add_as(index, "restless", 4, true, &chunk, 1);
	index = another_session(index);
	assert_true(knows(index, "restless", 4));
	add_as(index, "restless", 4, false, &chunk, 1);
	index = another_session(index);
	assert_false(knows(index, "restless", 4));
	lade_index_close(index);
}

static void test_sweep(void **state)
{
	struct lade_index *index;

	(void)state;
	remove_index();
	index = open_index();
	add_one(index, "known", 1, 1, 0, 100);
	add_one(index, "read again", 2, 2, 0, 100);
	add_one(index, "gone", 3, 3, 0, 100);
	lade_index_sweep(index); /* all were added */
	index = another_session(index);
	for (uint64_t n = 1; n <= 3; n++)
		assert_true(is_found(index, n, 100));
	assert_true(knows(index, "known", 1));
	add_one(index, "read again", 4, 2, 50, 100);
	assert_false(knows(index, "gone", 4));
	lade_index_sweep(index);
	for (int session = 0; session < 2; session++) {
		must_find(index, 1, 100, "known", 1, 0);
		must_find(index, 2, 100, "read again", 4, 50);
		assert_false(is_found(index, 3, 100));
		assert_false(knows(index, "gone", 3));
		if (!session)
			index = another_session(index);
	}
	/* Nothing was looked at: everything is forgotten. */
	lade_index_sweep(index);
	index = another_session(index);
	assert_false(knows(index, "known", 1));
	assert_false(is_found(index, 1, 100));
	lade_index_close(index);
}

static void test_doubt(void **state)
{
	struct lade_index_place place;
	struct lade_index *index;

	(void)state;
	for (int saved = 0; saved < 2; saved++) {
		remove_index();
		index = open_index();
		add_one(index, "a", 1, 9, 11, 100);
		add_one(index, "b", 2, 9, 22, 100);
		if (saved)
			index = another_session(index);
		assert_true(find(index, 9, 100, NULL, &place));
		lade_index_doubt(index, place.file);
		assert_int_not_equal(knows(index, "a", 1), knows(index, "b", 2));
		if (knows(index, "a", 1))
			must_find(index, 9, 100, "a", 1, 11);
		else
			must_find(index, 9, 100, "b", 2, 22);
		/* Whoever still holds its number may ask for its path. */
		free(lade_index_path(index, place.file, &(struct lade_stamp){ 0 }));
		index = another_session(index);
		assert_true(find(index, 9, 100, NULL, &place));
		lade_index_doubt(index, place.file);
		lade_index_doubt(index, place.file);
		assert_false(is_found(index, 9, 100));
		index = another_session(index);
		assert_false(is_found(index, 9, 100));
		lade_index_close(index);
	}
}

static uint32_t number(struct lade_index *index, const char *path, uint64_t n)
{
	const struct lade_stamp stamp = stamp_of(n);

	return lade_index_number(index, path, &stamp);
}

/* What has lost its path is found all the same, and forgotten with the session. */
static void test_a_file_without_a_path(void **state)
{
	struct lade_index_place place;
	struct lade_index *index;
	uint32_t old;

	(void)state;
	for (int saved = 0; saved < 2; saved++) {
		remove_index();
		index = open_index();
		assert_int_equal(number(index, "a", 1), LADE_INDEX_NONE);
		add_one(index, "a", 1, 9, 11, 100);
		if (saved)
			index = another_session(index);
		assert_int_equal(number(index, "a", 2), LADE_INDEX_NONE);
		assert_int_equal(number(index, "b", 1), LADE_INDEX_NONE);
		old = number(index, "a", 1);
		assert_int_not_equal(old, LADE_INDEX_NONE);
		lade_index_detach(index, old);
		add_one(index, "a", 2, 10, 22, 100);
		assert_true(find(index, 9, 100, NULL, &place));
		assert_int_equal(place.file, old);
		must_find(index, 10, 100, "a", 2, 22);
		assert_int_not_equal(number(index, "a", 2), old);
		lade_index_detach(index, number(index, "a", 2));
		lade_index_doubt(index, old);
		assert_false(is_found(index, 9, 100));
		add_one(index, "a", 3, 11, 33, 100);
		index = another_session(index);
		assert_false(is_found(index, 9, 100));
		assert_false(is_found(index, 10, 100));
		must_find(index, 11, 100, "a", 3, 33);
		lade_index_close(index);
	}
}

static void test_a_path_is_added_again(void **state)
{
	struct lade_index *index;

	(void)state;
	for (int saved = 0; saved < 2; saved++) {
		remove_index();
		index = open_index();
		add_one(index, "a", 1, 1, 0, 100);
		if (saved)
			index = another_session(index);
		add_one(index, "a", 2, 2, 7, 100);
		for (int session = 0; session < 2; session++) {
			assert_false(is_found(index, 1, 100));
			assert_false(knows(index, "a", 1));
			assert_true(knows(index, "a", 2));
			must_find(index, 2, 100, "a", 2, 7);
			if (!session)
				index = another_session(index);
		}
		lade_index_close(index);
	}
}

/* What is said of one file is not hidden by what was said of others, or of the same one before. */
static void test_behind_what_is_not_true_any_more(void **state)
{
	enum { FILES = 60 };
	struct lade_index *index;
	char path[16];

	(void)state;
	for (int saved = 0; saved < 2; saved++) {
		remove_index();
		index = open_index();
		for (uint64_t n = 0; n < FILES; n++)
			add_one(index, "again", n, 1, n, 100);
		for (uint64_t n = 0; n < FILES; n++) {
			snprintf(path, sizeof(path), "%u", (unsigned)n);
			add_one(index, path, n, 2, n, 100);
		}
		if (saved)
			index = another_session(index);
		must_find(index, 1, 100, "again", FILES - 1, FILES - 1);
		for (unsigned n = 0; n < FILES; n++) {
			struct lade_index_place place;

			assert_true(find(index, 2, 100, NULL, &place));
			lade_index_doubt(index, place.file);
		}
		assert_false(is_found(index, 2, 100));
		lade_index_close(index);
	}
}

/* ---- many ---- */

/* More than a page of records, and more than what is looked at. */
#define EQUAL 400u

/* Close together, and far from where a digest of their number would be. */
static uint64_t crowded(uint64_t i)
{
	return NAME_MASK - (1u << 20) + 2 * i;
}

/* Half of them at the beginning, half at the end. */
static uint64_t apart(uint64_t i)
{
	return i % 2 ? NAME_MASK - i : i + 1;
}

/* Records rise, and are those of files that are there. */
static void must_be_in_order(uint64_t expected)
{
	uint64_t count, before = 0;
	size_t len;
	uint8_t *bytes = load(&len), *records = records_of(bytes, &count);

	assert_int_equal(count, expected);
	assert_int_equal((size_t)(records - bytes) + count * RECORD_LEN, len);
	for (uint64_t i = 0; i < count; i++) {
		assert_true(lade_get_le64(records + i * RECORD_LEN) >= before);
		assert_true(lade_get_le32(records + i * RECORD_LEN + 20) < lade_get_le64(bytes + HEAD_LEN - 24));
		before = lade_get_le64(records + i * RECORD_LEN);
	}
	free(bytes);
}

static void with_many(naming *name)
{
	struct lade_index *index;

	remove_index();
	index = open_index();
	add_many(index, name, 0, MANY_FILES / 2);
	index = another_session(index);
	must_have_many(index, name, 0, MANY_FILES / 2, 13);
	add_many(index, name, MANY_FILES / 2, MANY_FILES);
	must_have_many(index, name, 0, MANY_FILES, 101);
	index = another_session(index);
	must_have_many(index, name, 0, MANY_FILES, 17);
	must_be_in_order((uint64_t)MANY_FILES * MANY_CHUNKS);
	/* Half of them go. */
	for (unsigned n = 0; n < MANY_FILES; n += 2) {
		char path[24];

		snprintf(path, sizeof(path), "file %u", n);
		assert_true(knows(index, path, n));
	}
	lade_index_sweep(index);
	index = another_session(index);
	must_be_in_order((uint64_t)MANY_FILES / 2 * MANY_CHUNKS);
	must_have_many(index, name, 0, 1, 1);
	must_have_many(index, name, MANY_FILES - 2, MANY_FILES - 1, 1);
	assert_false(is_found(index, name(MANY_CHUNKS), len_of(MANY_CHUNKS)));
	lade_index_close(index);
}

static void test_many_chunks(void **state)
{
	(void)state;
	with_many(name_of);
}

static void test_many_chunks_of_crowded_names(void **state)
{
	(void)state;
	with_many(crowded);
}

static void test_many_chunks_of_names_that_lie_apart(void **state)
{
	(void)state;
	with_many(apart);
}

/* Chunks that hundreds of files have, the lowest and the highest name among them. */
static void test_equal_names(void **state)
{
	static const uint64_t names[] = { 0, 1, 1ull << 47, NAME_MASK };
	struct lade_index_chunk chunks[COUNT(names) + 2];
	struct lade_index *index;
	char path[24];

	(void)state;
	remove_index();
	index = open_index();
	for (uint64_t n = 0; n < EQUAL; n++) {
		for (size_t i = 0; i < COUNT(names); i++)
			chunks[i] = (struct lade_index_chunk){ names[i], n, 100 };
		chunks[COUNT(names)] = (struct lade_index_chunk){ name_of(2 * n), n, 100 };
		chunks[COUNT(names) + 1] = (struct lade_index_chunk){ name_of(2 * n + 1), n, 100 };
		snprintf(path, sizeof(path), "file %u", (unsigned)n);
		add_as(index, path, n, true, chunks, COUNT(chunks));
	}
	for (int session = 0; session < 3; session++) {
		for (size_t i = 0; i < COUNT(names); i++) {
			struct lade_index_place place;

			assert_true(find(index, names[i], 100, NULL, &place));
			snprintf(path, sizeof(path), "file %u", (unsigned)place.off);
			must_be_at(index, &place, path, place.off, place.off);
		}
		for (uint64_t n = 0; n < 2 * EQUAL; n++) {
			snprintf(path, sizeof(path), "file %u", (unsigned)(n / 2));
			must_find(index, name_of(n), 100, path, n / 2, n / 2);
		}
		assert_false(is_found(index, 2, 100));
		assert_false(is_found(index, (1ull << 47) - 1, 100));
		assert_false(is_found(index, (1ull << 47) + 1, 100));
		assert_false(is_found(index, NAME_MASK - 1, 100));
		index = another_session(index);
	}
	lade_index_close(index);
}

/* The only one of them that is still true is found where a search does not begin. */
static void test_the_first_of_equal_names(void **state)
{
	const uint64_t name = 1ull << 47;
	struct lade_index *index;
	char path[24];

	(void)state;
	remove_index();
	index = open_index();
	add_one(index, "first", 0, name, 0, 100);
	index = another_session(index); /* what is there comes before what is new */
	for (uint64_t n = 1; n < EQUAL; n++) {
		const struct lade_index_chunk chunks[] = { { name, 0, 100 }, { name_of(n), 100, 100 } };

		snprintf(path, sizeof(path), "file %u", (unsigned)n);
		add_as(index, path, n, true, chunks, COUNT(chunks));
	}
	index = another_session(index);
	for (uint64_t n = 1; n < EQUAL; n++)
		lade_index_doubt(index, number_of(index, name_of(n), 100));
	must_find(index, name, 100, "first", 0, 0);
	lade_index_close(index);
}

/* More than are kept in memory: they go to the disk under way, and nothing of them is lost. */
static void test_more_than_memory_holds(void **state)
{
	enum { CHUNKS = 100000, FILES = 30 };
	struct lade_index_chunk *chunks = malloc(CHUNKS * sizeof(*chunks));
	struct lade_index *index;
	struct stat st;
	char path[24];

	(void)state;
	assert_non_null(chunks);
	remove_index();
	index = open_index();
	for (uint64_t n = 0; n < FILES; n++) {
		for (uint64_t i = 0; i < CHUNKS; i++)
			chunks[i] = (struct lade_index_chunk){ name_of(n * CHUNKS + i), i, 100 };
		snprintf(path, sizeof(path), "file %u", (unsigned)n);
		add_as(index, path, n, true, chunks, CHUNKS);
	}
	free(chunks);
	assert_int_equal(fstatat(tree_fd, "index", &st, 0), 0); /* without being told to */
	for (uint64_t i = 0; i < (uint64_t)FILES * CHUNKS; i += 9973) {
		snprintf(path, sizeof(path), "file %u", (unsigned)(i / CHUNKS));
		must_find(index, name_of(i), 100, path, i / CHUNKS, i % CHUNKS);
	}
	index = another_session(index);
	for (uint64_t i = 0; i < (uint64_t)FILES * CHUNKS; i += 9973)
		assert_true(is_found(index, name_of(i), 100));
	lade_index_close(index);
}

/* ---- threads ---- */

#define THREADS 4u
#define FILES_EACH 100u

struct worker {
	struct lade_index *index;
	unsigned number;
	unsigned lost; /* files of its own that it did not find again, though nobody doubted them */
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	char path[24];

	for (unsigned i = 0; i < FILES_EACH; i++) {
		uint64_t n = worker->number * FILES_EACH + i;
		const struct lade_stamp stamp = stamp_of(n);
		const struct lade_index_chunk chunks[] = { { name_of(n), 0, 100 }, { 1, 100, 100 } };
		struct lade_index_place place;
		struct lade_fault fault;

		snprintf(path, sizeof(path), "file %u", (unsigned)n);
		if (lade_index_add(worker->index, path, &stamp, true, chunks, COUNT(chunks), &fault))
			abort();
		/* Another worker may have doubted it by now: then it is not known any more either. */
		if (!find(worker->index, name_of(n), 100, NULL, &place) && knows(worker->index, path, n))
			worker->lost++;
		(void)knows(worker->index, "file 1", 1);
		if (find(worker->index, 1, 100, NULL, &place)) {
			free(lade_index_path(worker->index, place.file, &(struct lade_stamp){ 0 }));
			if (i % 8 == 0)
				lade_index_doubt(worker->index, place.file);
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct lade_index *index;
	unsigned found = 0;

	(void)state;
	remove_index();
	index = open_index();
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ index, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].lost, 0);
	index = another_session(index);
	for (uint64_t n = 0; n < (uint64_t)THREADS * FILES_EACH; n++)
		found += is_found(index, name_of(n), 100);
	/* All but those that were doubted, of which two may have been the same. */
	assert_true(found < THREADS * FILES_EACH);
	assert_true(found >= THREADS * (FILES_EACH - FILES_EACH / 8 - 1));
	lade_index_close(index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_is_not_there),
		cmocka_unit_test(test_what_is_added_is_found),
		cmocka_unit_test(test_the_likely_place_is_preferred),
		cmocka_unit_test(test_one_chunk_many_times),
		cmocka_unit_test(test_what_is_known),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_a_file_without_a_path),
		cmocka_unit_test(test_a_path_is_added_again),
		cmocka_unit_test(test_behind_what_is_not_true_any_more),
		cmocka_unit_test(test_many_chunks),
		cmocka_unit_test(test_many_chunks_of_crowded_names),
		cmocka_unit_test(test_many_chunks_of_names_that_lie_apart),
		cmocka_unit_test(test_equal_names),
		cmocka_unit_test(test_the_first_of_equal_names),
		cmocka_unit_test(test_more_than_memory_holds),
		cmocka_unit_test(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
