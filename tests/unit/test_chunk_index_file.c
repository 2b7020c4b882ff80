/*
 * The file of an index: whatever became of it, it opens; what is damaged begins afresh; and nothing is lost to a save that
 * failed.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/index_case.h"

/* ---- damage ---- */

/* What is stored is damaged: it begins afresh, can be used, and is in order afterwards. */
static void must_begin_afresh(const uint8_t old_key[LADE_SECRET_LEN])
{
	struct lade_index *index = open_index();
	uint8_t key[LADE_SECRET_LEN];

	memcpy(key, lade_index_key(index), sizeof(key));
	assert_memory_not_equal(key, old_key, sizeof(key));
	assert_false(knows(index, "d/b", 1));
	for (uint64_t n = 1; n <= 3; n++)
		assert_false(is_found(index, name_of(n), 100));
	add_one(index, "new", 5, 5, 0, 100);
	index = another_session(index);
	assert_memory_equal(key, lade_index_key(index), sizeof(key));
	must_find(index, 5, 100, "new", 5, 0);
	lade_index_close(index);
}

static void test_every_truncation(void **state)
{
	uint8_t key[LADE_SECRET_LEN], *bytes;
	size_t len;

	(void)state;
	bytes = an_index(&len, key);
	for (size_t cut = 0; cut < len; cut++) {
		store(bytes, cut);
		must_begin_afresh(key);
	}
	bytes[len] = 0; /* and a byte more */
	store(bytes, len + 1);
	must_begin_afresh(key);
	free(bytes);
}

/* Head, list and digest: each byte counts. */
static void test_every_byte_of_what_is_covered(void **state)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	uint8_t key[LADE_SECRET_LEN], *bytes;
	uint64_t count;
	size_t len, covered;

	(void)state;
	bytes = an_index(&len, key);
	covered = (size_t)(records_of(bytes, &count) - bytes);
	for (size_t at = 0; at < covered; at++) {
		for (size_t i = 0; i < COUNT(changes); i++) {
			bytes[at] ^= changes[i];
			store(bytes, len);
			must_begin_afresh(key);
			bytes[at] ^= changes[i];
		}
	}
	store(bytes, len);
	free(bytes);
}

/* Look for everything, and use what is found; what is said may be wrong, but is of a file. */
static void must_be_usable(void)
{
	struct lade_index *index = open_index();

	for (int session = 0; session < 2; session++) {
		for (uint64_t n = 0; n <= 14; n++) {
			struct lade_index_place place;
			struct lade_stamp stamp;

			if (find(index, name_of(n), 100, &(struct lade_index_place){ 1, UINT64_MAX }, &place)) {
				char *path = lade_index_path(index, place.file, &stamp);

				assert_non_null(path);
				assert_int_equal(strlen(path), 3);
				free(path);
			}
			(void)is_found(index, 0, 0);
			(void)is_found(index, UINT64_MAX, UINT32_MAX);
		}
		add_one(index, "new", 5, NAME_MASK - 5, 0, 100);
		must_find(index, NAME_MASK - 5, 100, "new", 5, 0);
		if (!session)
			save(index);
	}
	assert_true(knows(index, "d/b", 1));
	index = another_session(index);
	assert_true(knows(index, "d/b", 1));
	assert_true(knows(index, "d/d", 3));
	lade_index_close(index);
}

/* Records are hints: whatever is in them, the rest is as it was. */
static void test_every_byte_of_the_records(void **state)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	uint8_t key[LADE_SECRET_LEN], *bytes, *records;
	uint64_t count;
	size_t len;

	(void)state;
	bytes = an_index(&len, key);
	records = records_of(bytes, &count);
	assert_int_equal(count, 6);
	for (uint8_t *at = records; at < bytes + len; at++) {
		for (size_t i = 0; i < COUNT(changes); i++) {
			*at ^= changes[i];
			store(bytes, len);
			must_be_usable();
			*at ^= changes[i];
		}
	}
	free(bytes);
}

static void all_ones(uint8_t *records, uint64_t count)
{
	memset(records, 0xff, count * RECORD_LEN);
}

static void all_zeros(uint8_t *records, uint64_t count)
{
	memset(records, 0, count * RECORD_LEN);
}

static void backwards(uint8_t *records, uint64_t count)
{
	for (uint64_t i = 0; i < count / 2; i++) {
		uint8_t *a = records + i * RECORD_LEN, *b = records + (count - 1 - i) * RECORD_LEN, kept[RECORD_LEN];

		memcpy(kept, a, RECORD_LEN);
		memcpy(a, b, RECORD_LEN);
		memcpy(b, kept, RECORD_LEN);
	}
}

static void other_files(uint8_t *records, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		lade_put_le32(records + i * RECORD_LEN + 20, 3 + (uint32_t)i % 2 * (UINT32_MAX - 3));
}

static void far_offsets(uint8_t *records, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		lade_put_le64(records + i * RECORD_LEN + 8, UINT64_MAX - i);
}

static void odd_lengths(uint8_t *records, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		lade_put_le32(records + i * RECORD_LEN + 16, i % 2 ? 0 : UINT32_MAX);
}

static void test_records_that_make_no_sense(void **state)
{
	static void (*const spoilers[])(uint8_t *records, uint64_t count) = {
		all_ones, all_zeros, backwards, other_files, far_offsets, odd_lengths,
	};
	uint8_t key[LADE_SECRET_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(spoilers); i++) {
		uint8_t *bytes, *records;
		uint64_t count;
		size_t len;

		bytes = an_index(&len, key);
		records = records_of(bytes, &count);
		spoilers[i](records, count);
		store(bytes, len);
		free(bytes);
		must_be_usable();
	}
}

/* The same where there are enough of them to be searched for. */
static void test_many_records_that_make_no_sense(void **state)
{
	struct lade_index *index;
	uint8_t *bytes, *records;
	uint64_t count;
	size_t len;

	(void)state;
	remove_index();
	index = open_index();
	add_many(index, name_of, 0, 20);
	save(index);
	lade_index_close(index);
	bytes = load(&len);
	records = records_of(bytes, &count);
	for (int round = 0; round < 3; round++) {
		if (round == 0)
			backwards(records, count);
		else if (round == 1)
			all_ones(records, count / 2);
		else
			for (uint64_t i = 0; i < count; i++) /* files that are there, in no order */
				lade_put_le64(records + i * RECORD_LEN, name_of(i * i));
		store(bytes, len);
		index = open_index();
		for (uint64_t i = 0; i < 20 * MANY_CHUNKS; i += 3)
			(void)is_found(index, name_of(i), len_of(i));
		(void)is_found(index, 0, 1);
		(void)is_found(index, UINT64_MAX, 1);
		add_many(index, name_of, 20, 22);
		must_have_many(index, name_of, 20, 22, 1);
		index = another_session(index);
		assert_true(knows(index, "file 1", 1));
		lade_index_close(index);
	}
	free(bytes);
}

/* A file list that its digest agrees with: somebody with the key made it, or a fault of ours. */
struct crafted {
	const char *path;
	size_t path_len;
	uint64_t files;  /* as the head says; the list has one or, with twice, two */
	bool twice;
	const char *tail; /* behind the list */
	bool afresh;
};

static void craft(const struct crafted *crafted, const uint8_t key[LADE_SECRET_LEN])
{
	const struct lade_stamp stamp = stamp_of(1);
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_run_key names, pieces;
	struct lade_writer list, file;

	lade_writer_init(&list, SIZE_MAX);
	for (int i = 0; i < 1 + crafted->twice; i++) {
		lade_stamp_put(&list, &stamp);
		lade_writer_put_u8(&list, 1);
		lade_writer_put_slice(&list, lade_slice(crafted->path, crafted->path_len));
	}
	lade_writer_put_bytes(&list, crafted->tail, strlen(crafted->tail));
	lade_writer_init(&file, SIZE_MAX);
	lade_writer_put_bytes(&file, "lade index 1\0\0\0\0", 16);
	lade_writer_put_bytes(&file, key, LADE_SECRET_LEN);
	lade_put_le64(lade_writer_reserve(&file, 24), crafted->files);
	lade_put_le64(lade_writer_reserve(&file, 24) + 8, list.len);
	lade_put_le64(lade_writer_reserve(&file, 24) + 16, 0);
	lade_writer_commit(&file, 24);
	lade_writer_put_bytes(&file, list.data, list.len);
	lade_recipe_key_derive(key, &names, &pieces);
	lade_digest(&names, file.data, file.len, digest);
	lade_writer_put_bytes(&file, digest, sizeof(digest));
	store(file.data, file.len);
	lade_writer_fini(&list);
	lade_writer_fini(&file);
}

static void test_lists_that_make_no_sense(void **state)
{
	static char long_path[LADE_PATH_MAX + 1];
	const struct crafted rows[] = {
		{ "d/b", 3, 1, false, "", false },
		{ "d/b", 3, 2, true, "", false },
		{ long_path, LADE_PATH_MAX, 1, false, "", false },
		{ long_path, LADE_PATH_MAX + 1, 1, false, "", true },
		{ "d/b", 3, 1, true, "", true },
		{ "d/b", 3, 2, false, "", true },
		{ "d/b", 3, 0, false, "", true },
		{ "d/b", 3, UINT64_MAX, false, "", true },
		{ "d/b", 3, 1, false, "x", true },
		{ "", 0, 1, false, "", true },
		{ "d\0b", 3, 1, false, "", true },
	};
	uint8_t key[LADE_SECRET_LEN];

	(void)state;
	memset(key, 0x17, sizeof(key));
	memset(long_path, 'x', sizeof(long_path));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lade_index *index;

		craft(&rows[i], key);
		if (rows[i].afresh) {
			must_begin_afresh(key);
			continue;
		}
		index = open_index();
		assert_memory_equal(lade_index_key(index), key, sizeof(key));
		assert_int_equal(knows(index, "d/b", 1), rows[i].path_len == 3);
		lade_index_close(index);
	}
}

/* ---- what else may have its name ---- */

static void make_fifo(void)
{
	assert_int_equal(mkfifoat(tree_fd, "index", 0600), 0);
}

static void make_empty(void)
{
	store((const uint8_t *)"", 0);
}

static void make_symlink(void)
{
	assert_int_equal(symlinkat("other", tree_fd, "index"), 0);
}

static void make_loop(void)
{
	assert_int_equal(symlinkat("index", tree_fd, "index"), 0);
}

/* What cannot be an index makes way for one; a link is not followed. */
static void test_what_is_no_file(void **state)
{
	static void (*const makers[])(void) = { make_fifo, make_empty, make_symlink, make_loop };
	static const uint8_t no_key[LADE_SECRET_LEN] = { 0 };
	struct stat st;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(makers); i++) {
		uint8_t key[LADE_SECRET_LEN], *bytes = an_index(&len, key);

		/* A good one, where the link leads. */
		assert_int_equal(renameat(tree_fd, "index", tree_fd, "other"), 0);
		makers[i]();
		must_begin_afresh(i < 2 ? no_key : key);
		assert_int_equal(fstatat(tree_fd, "index", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(fstatat(tree_fd, "other", &st, 0), 0);
		assert_int_equal(st.st_size, len);
		free(bytes);
	}
	assert_int_equal(unlinkat(tree_fd, "other", 0), 0);
}

static void test_a_directory_in_its_place(void **state)
{
	struct lade_index *index;
	struct lade_fault fault;

	(void)state;
	remove_index();
	assert_int_equal(mkdirat(tree_fd, "index", 0700), 0);
	index = open_index();
	add_one(index, "a", 1, 1, 0, 100);
	assert_int_equal(lade_index_save(index, &fault), LADE_E_SYSTEM);
	must_find(index, 1, 100, "a", 1, 0);
	lade_index_close(index);
	assert_int_equal(unlinkat(tree_fd, "index", AT_REMOVEDIR), 0);
}

/* ---- a save that fails ---- */

/* Nothing but the index is in its directory. */
static void must_be_alone(void)
{
	DIR *directory = opendir(tree);
	struct dirent *entry;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, "index");
	closedir(directory);
}

/* Each limit on the length of a file, so that it fails in each part of the writing. */
static void test_a_disk_that_is_full(void **state)
{
	struct rlimit before, limit;
	struct lade_index *index;
	uint8_t *old_bytes, *bytes;
	size_t old_len, len;
	struct lade_fault fault;

	(void)state;
	remove_index();
	index = open_index();
	add_many(index, name_of, 0, 5);
	index = another_session(index);
	old_bytes = load(&old_len);
	add_many(index, name_of, 5, 10);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	for (limit.rlim_cur = 0; limit.rlim_cur < 90000; limit.rlim_cur += 9001) {
		int error;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		fault.code = 0;
		error = lade_index_save(index, &fault);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(error, LADE_E_SYSTEM);
		assert_int_equal(fault.code, LADE_E_SYSTEM);
		bytes = load(&len);
		assert_int_equal(len, old_len);
		assert_memory_equal(bytes, old_bytes, len);
		free(bytes);
		must_be_alone();
		/* The session has lost nothing. */
		must_have_many(index, name_of, 0, 10, 31);
	}
	free(old_bytes);
	index = another_session(index);
	must_have_many(index, name_of, 0, 10, 7);
	lade_index_close(index);
}

static void test_no_descriptors(void **state)
{
	struct rlimit before, limit;
	struct lade_index *index;
	struct lade_fault fault;
	uint8_t key[LADE_SECRET_LEN];
	size_t len;
	int error;

	(void)state;
	free(an_index(&len, key));
	index = open_index();
	add_one(index, "new", 9, 9, 0, 100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	/* None, one and two more than there are. */
	for (rlim_t more = 0; more < 3; more++) {
		int lowest = dup(tree_fd);

		close(lowest);
		limit.rlim_cur = (rlim_t)lowest + more;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		error = lade_index_save(index, &fault);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		must_be_alone();
		assert_true(error == LADE_E_SYSTEM || (more == 2 && error == 0));
		must_find(index, 9, 100, "new", 9, 0);
		must_find(index, name_of(1), 100, "d/b", 1, 0);
	}
	index = another_session(index);
	assert_memory_equal(lade_index_key(index), key, sizeof(key));
	must_find(index, 9, 100, "new", 9, 0);
	lade_index_close(index);
}

static void test_a_directory_that_is_gone(void **state)
{
	struct lade_index *index = NULL;
	struct lade_fault fault;
	int fd;

	(void)state;
	assert_int_equal(mkdirat(tree_fd, "gone", 0700), 0);
	fd = openat(tree_fd, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(unlinkat(tree_fd, "gone", AT_REMOVEDIR), 0);
	assert_int_equal(lade_index_open(fd, "index", &index, &fault), 0);
	add_one(index, "a", 1, 1, 0, 100);
	assert_int_equal(lade_index_save(index, &fault), LADE_E_SYSTEM);
	must_find(index, 1, 100, "a", 1, 0);
	lade_index_close(index);
	close(fd);
}

/* What did not change is not written: somebody else's newer one stays. */
static void test_nothing_to_save(void **state)
{
	uint8_t key[LADE_SECRET_LEN];
	struct lade_index *index;
	struct stat before, after;
	size_t len;

	(void)state;
	free(an_index(&len, key));
	index = open_index();
	assert_true(knows(index, "d/b", 1));
	assert_int_equal(fstatat(tree_fd, "index", &before, 0), 0);
	save(index);
	assert_int_equal(fstatat(tree_fd, "index", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	lade_index_close(index);
}

/* Two sessions at once: the one that is saved last is there, and the other goes on with what it knew. */
static void test_two_at_once(void **state)
{
	uint8_t key[LADE_SECRET_LEN];
	struct lade_index *first, *second;
	size_t len;

	(void)state;
	free(an_index(&len, key));
	first = open_index();
	second = open_index();
	add_one(first, "of the first", 21, 21, 0, 100);
	add_one(second, "of the second", 22, 22, 0, 100);
	save(second);
	save(first);
	must_find(second, 22, 100, "of the second", 22, 0);
	must_find(second, name_of(1), 100, "d/b", 1, 0);
	lade_index_close(first);
	lade_index_close(second);
	first = open_index();
	assert_memory_equal(lade_index_key(first), key, sizeof(key));
	assert_true(is_found(first, 21, 100));
	assert_true(is_found(first, name_of(1), 100));
	lade_index_close(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_byte_of_what_is_covered),
		cmocka_unit_test(test_every_byte_of_the_records),
		cmocka_unit_test(test_records_that_make_no_sense),
		cmocka_unit_test(test_many_records_that_make_no_sense),
		cmocka_unit_test(test_lists_that_make_no_sense),
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_a_directory_in_its_place),
		cmocka_unit_test(test_a_disk_that_is_full),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_a_directory_that_is_gone),
		cmocka_unit_test(test_nothing_to_save),
		cmocka_unit_test(test_two_at_once),
	};

	(void)signal(SIGXFSZ, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
