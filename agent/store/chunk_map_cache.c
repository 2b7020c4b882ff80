/*
 * The directory of a cache: `manifest` names the runs that are good together, `lock` is locked by who writes. Runs never change, so who has opened
 * those of a manifest needs nobody's permission to go on with them, even when they have no names any more.
 *
 * A process writes only while the manifest is the one that it knows: else it would name runs that another one has removed. It goes on without the
 * cache then.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"
#include "protocol/grow.h"

#define MANIFEST "manifest"
#define MANIFEST_NEW "manifest.new"
#define LOCK "lock"
#define MANIFEST_HEADER_LEN 32u
#define VERSION 1u
#define LOCK_TRIES 10u
#define LOCK_PAUSE_NS 20000000L

static const uint8_t magic[8] = { 'L', 'A', 'D', 'E', 'm', 'a', 'p', '\n' };

static void file_name(const uint8_t name[RUN_NAME_LEN], char out[RUN_NAME_SIZE])
{
	char hex[2 * RUN_NAME_LEN + 1];

	sodium_bin2hex(hex, sizeof(hex), name, RUN_NAME_LEN);
	snprintf(out, RUN_NAME_SIZE, "run-%s", hex);
}

/* ---- the manifest ---- */

/* Read it as it is. *data_out is freed by the caller; NULL: there is none that could be good. Returns 0 or LADE_E_MEMORY. */
static int read_manifest(const struct lade_chunk_map *map, uint8_t **data_out, size_t *len_out)
{
	const size_t max = MANIFEST_HEADER_LEN + RUNS_MAX * RUN_NAME_LEN + 8;
	const int fd = openat(map->directory, MANIFEST, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t *data;
	struct stat st;
	int error = 0;

	*data_out = NULL;
	*len_out = 0;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= max) {
		data = malloc((size_t)st.st_size);
		if (!data)
			error = LADE_E_MEMORY;
		else if (lade_whole_read(fd, data, (size_t)st.st_size, 0) != st.st_size)
			free(data);
		else {
			*data_out = data;
			*len_out = (size_t)st.st_size;
		}
	}
	close(fd);
	return error;
}

/* How many runs a manifest names, if it is good; else 0. */
static uint32_t manifest_count(const struct lade_chunk_map *map, const uint8_t *data, size_t len)
{
	uint32_t count;

	if (!data || len < MANIFEST_HEADER_LEN + 8 || memcmp(data, magic, sizeof(magic)) != 0 || lade_get_le32(data + 8) != VERSION ||
	    memcmp(data + 16, map->repository, LADE_REPOSITORY_ID_LEN) != 0 || XXH3_64bits(data, len - 8) != lade_get_le64(data + len - 8))
		return 0;
	count = lade_get_le32(data + 12);
	return count <= RUNS_MAX && len == MANIFEST_HEADER_LEN + (size_t)count * RUN_NAME_LEN + 8 ? count : 0;
}

/* Open a run of the cache; that it is damaged, or gone, is no failure. */
static int load_run(struct lade_chunk_map *map, const uint8_t name[RUN_NAME_LEN])
{
	char file[RUN_NAME_SIZE];
	struct run **runs = lade_grown(map->runs, map->run_count, &map->run_room, sizeof(struct run *)), *run;
	int fd, error;

	if (!runs)
		return LADE_E_MEMORY;
	map->runs = runs;
	file_name(name, file);
	fd = openat(map->directory, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	error = map_run_open(fd, map->repository, &run);
	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	run->named = true;
	memcpy(run->name, name, RUN_NAME_LEN);
	map->runs[map->run_count++] = run;
	return 0;
}

static void drop_runs(struct lade_chunk_map *map)
{
	while (map->run_count)
		map_run_free(map->runs[--map->run_count]);
}

/* Open the runs of the manifest that map has. */
static int load_runs(struct lade_chunk_map *map)
{
	const uint32_t count = manifest_count(map, map->manifest, map->manifest_len);
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = load_run(map, map->manifest + MANIFEST_HEADER_LEN + (size_t)i * RUN_NAME_LEN);
	return error;
}

int map_cache_load(struct lade_chunk_map *map)
{
	const unsigned tries = 3;
	int error = 0;

	for (unsigned i = 0; i < tries && !error; i++) {
		drop_runs(map);
		free(map->manifest);
		map->manifest = NULL;
		error = read_manifest(map, &map->manifest, &map->manifest_len);
		if (!error)
			error = load_runs(map);
		/* What is missing may have been removed by somebody who has put another manifest meanwhile. */
		if (map->run_count == manifest_count(map, map->manifest, map->manifest_len))
			break;
	}
	return error;
}

/* ---- writing ---- */

/* True if the manifest is still what this process knows. */
static bool is_ours(const struct lade_chunk_map *map)
{
	uint8_t *data;
	size_t len;
	bool same;

	if (read_manifest(map, &data, &len))
		return false;
	same = len == map->manifest_len && (!len || memcmp(data, map->manifest, len) == 0);
	free(data);
	return same;
}

static int take_lock(const struct lade_chunk_map *map)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	const int fd = openat(map->directory, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		(void)nanosleep(&pause, NULL);
	}
	close(fd);
	return -1;
}

static void release_lock(struct lade_chunk_map *map)
{
	if (map->lock >= 0)
		close(map->lock);
	map->lock = -1;
}

/* True if this process may write to the cache; until map_cache_publish() nobody else does. */
static bool may_write(struct lade_chunk_map *map)
{
	if (map->directory < 0 || map->foreign)
		return false;
	if (map->lock >= 0)
		return true;
	map->lock = take_lock(map);
	if (map->lock < 0)
		return false;
	if (is_ours(map))
		return true;
	map->foreign = true;
	release_lock(map);
	return false;
}

int map_cache_new_run(struct lade_chunk_map *map, bool *named_out, uint8_t name_out[RUN_NAME_LEN])
{
	char file[RUN_NAME_SIZE];
	int fd;

	*named_out = false;
	if (may_write(map)) {
		randombytes_buf(name_out, RUN_NAME_LEN);
		file_name(name_out, file);
		fd = openat(map->directory, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			*named_out = true;
			return fd;
		}
	}
	return map_cache_new_file(map);
}

void map_cache_remove(const struct lade_chunk_map *map, const uint8_t name[RUN_NAME_LEN])
{
	char file[RUN_NAME_SIZE];

	file_name(name, file);
	(void)unlinkat(map->directory, file, 0);
}

/* A nameless file in a directory; where a file system has none (see O_TMPFILE in open(2)), one whose name is removed at once. */
static int nameless(int directory, const char *path)
{
	char file[sizeof(".lade-") + 2 * RUN_NAME_LEN], full[PATH_MAX];
	uint8_t random[RUN_NAME_LEN];
	int fd = openat(directory, path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	randombytes_buf(random, sizeof(random));
	memcpy(file, ".lade-", sizeof(".lade-"));
	sodium_bin2hex(file + sizeof(".lade-") - 1, sizeof(file) - sizeof(".lade-") + 1, random, sizeof(random));
	if (snprintf(full, sizeof(full), "%s/%s", path, file) >= (int)sizeof(full)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = openat(directory, full, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlinkat(directory, full, 0);
	return fd;
}

int map_cache_new_file(const struct lade_chunk_map *map)
{
	const char *path = getenv("TMPDIR");
	int fd = map->directory >= 0 ? nameless(map->directory, ".") : -1;

	return fd >= 0 ? fd : nameless(AT_FDCWD, path && *path ? path : "/var/tmp");
}

/* Bytes of a manifest of the named runs. NULL: no memory, or there are too many. */
static uint8_t *make_manifest(const struct lade_chunk_map *map, size_t *len_out)
{
	uint8_t *data = malloc(MANIFEST_HEADER_LEN + map->run_count * RUN_NAME_LEN + 8);
	uint32_t count = 0;
	size_t len = MANIFEST_HEADER_LEN;

	if (!data || map->run_count > RUNS_MAX) {
		free(data);
		return NULL;
	}
	for (size_t i = 0; i < map->run_count; i++) {
		if (!map->runs[i]->named)
			continue;
		memcpy(data + len, map->runs[i]->name, RUN_NAME_LEN);
		len += RUN_NAME_LEN;
		count++;
	}
	memcpy(data, magic, sizeof(magic));
	lade_put_le32(data + 8, VERSION);
	lade_put_le32(data + 12, count);
	memcpy(data + 16, map->repository, LADE_REPOSITORY_ID_LEN);
	lade_put_le64(data + len, XXH3_64bits(data, len));
	*len_out = len + 8;
	return data;
}

/* True if a file of the cache is a run that the map does not have. */
static bool is_stale(const struct lade_chunk_map *map, const char *file)
{
	char name[RUN_NAME_SIZE];

	if (strncmp(file, "run-", 4) != 0)
		return false;
	for (size_t i = 0; i < map->run_count; i++) {
		if (!map->runs[i]->named)
			continue;
		file_name(map->runs[i]->name, name);
		if (!strcmp(file, name))
			return false;
	}
	return true;
}

/* Remove runs that the manifest does not name: they were merged, or whoever made them was killed. */
static void remove_stale(const struct lade_chunk_map *map)
{
	const int fd = openat(map->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream))) {
		if (is_stale(map, entry->d_name))
			(void)unlinkat(fd, entry->d_name, 0);
	}
	closedir(stream);
}

static bool write_manifest(const struct lade_chunk_map *map, const uint8_t *data, size_t len)
{
	int fd, error;

	(void)unlinkat(map->directory, MANIFEST_NEW, 0);
	fd = openat(map->directory, MANIFEST_NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	error = lade_whole_write(fd, data, len, 0);
	close(fd);
	return !error && renameat(map->directory, MANIFEST_NEW, map->directory, MANIFEST) == 0;
}

/* True if the cache says already what the bytes of a manifest say. */
static bool is_said(const struct lade_chunk_map *map, const uint8_t *data, size_t len)
{
	if (!map->manifest)
		return lade_get_le32(data + 12) == 0;
	return len == map->manifest_len && memcmp(data, map->manifest, len) == 0;
}

void map_cache_publish(struct lade_chunk_map *map)
{
	size_t len = 0;
	uint8_t *data = map->directory >= 0 ? make_manifest(map, &len) : NULL;

	if (data && !is_said(map, data, len) && may_write(map) && write_manifest(map, data, len)) {
		free(map->manifest);
		map->manifest = data;
		map->manifest_len = len;
		data = NULL;
		remove_stale(map);
	}
	free(data);
	release_lock(map);
}

void map_cache_forget(struct lade_chunk_map *map)
{
	drop_runs(map);
	map_cache_publish(map);
}
