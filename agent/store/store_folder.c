/*
 * Objects are files. One that is not finished is a file in tmp/, locked by who writes it, so that what a killed process left there is known and removed; it gets
 * its name by renameat2(RENAME_NOREPLACE). See rename(2), syncfs(2), flock(2).
 *
 * A barrier is about what everybody did, names that came and went among it, so it is syncfs(2); which tells of errors since Linux 5.8 only, and so our own objects are
 * open until fsync(2) has said that they are on disk. They are written out as they come: there is little left to wait for.
 *
 * The folder itself may be reached by symlinks; in it none is followed, neither for an object nor for a directory that one is in, for whoever may write to the folder could lead us anywhere by that. See openat2(2).
 */
#include "agent/store/store_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tree/directory_open.h"
#include "agent/tree/whole.h"

/* Objects that are finished and not yet known to be on disk; more than these are waited for at once. */
#define OPEN_MAX_COUNT 32u

/* Bytes of an object that are written out at a time. */
#define WRITE_OUT_LEN (4u << 20)

#define TEMPORARY "tmp"
#define TEMPORARY_NAME_SIZE (sizeof(TEMPORARY) + 1 + 32)

struct folder {
	struct lade_store store;
	int root;
	enum lade_directory_way way;
	pthread_mutex_t lock; /* of these two: puts may be finished by several threads */
	int open[OPEN_MAX_COUNT];
	unsigned open_count;
};

struct folder_put {
	struct lade_store_put put;
	int fd;
	uint64_t len;
	char name[TEMPORARY_NAME_SIZE];
};

static struct folder *folder_of(struct lade_store *store)
{
	return (struct folder *)store;
}

static struct folder_put *put_of(struct lade_store_put *put)
{
	return (struct folder_put *)put;
}

static int failed(struct lade_fault *fault, const char *operation, const char *name)
{
	return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, operation, name);
}

/* ---- what a barrier waits for ---- */

/* Wait for the objects; all are forgotten, so that after a failure nothing may be taken for stored. */
static int sync_objects(struct folder *folder, struct lade_fault *fault)
{
	int error = 0;

	while (folder->open_count) {
		const int fd = folder->open[--folder->open_count];

		if (!error && fsync(fd))
			error = lade_fault_set(fault, LADE_E_SYSTEM, "write to disk", NULL);
		/* Nobody is about to read it: what others have in memory is of more use there. */
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
	return error;
}

static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct folder *folder = folder_of(store);
	int error;

	pthread_mutex_lock(&folder->lock);
	error = sync_objects(folder, fault);
	if (!error && syncfs(folder->root))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write to disk", NULL);
	pthread_mutex_unlock(&folder->lock);
	return error;
}

/* ---- directories ---- */

/* Open the directory that name is in, without following a symlink; *last_out: what name is called there. A descriptor that the caller closes, or -1 with errno. */
static int open_parent(const struct folder *folder, const char *name, const char **last_out)
{
	const char *slash = strrchr(name, '/');
	char path[LADE_OBJECT_NAME_MAX + 1] = ".";

	*last_out = slash ? slash + 1 : name;
	if (slash) {
		memcpy(path, name, (size_t)(slash - name));
		path[slash - name] = '\0';
	}
	return lade_directory_open_at(folder->way, folder->root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Close a descriptor, if it is one, and keep errno. */
static void close_quietly(int fd)
{
	const int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

/* mkdirat(2) below the folder. */
static int make_directory(const struct folder *folder, const char *path)
{
	const char *last;
	const int parent = open_parent(folder, path, &last);
	const int result = parent < 0 ? -1 : mkdirat(parent, last, 0700);

	close_quietly(parent);
	return result;
}

/* Make the directories that name is in. */
static int make_directories(const struct folder *folder, const char *name, struct lade_fault *fault)
{
	char path[LADE_OBJECT_NAME_MAX + 1];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(path, name, (size_t)(slash - name));
		path[slash - name] = '\0';
		if (make_directory(folder, path) && errno != EEXIST)
			return lade_fault_set(fault, LADE_E_SYSTEM, "create", path);
	}
	return 0;
}

/* renameat2(2) below the folder, to a name that must be free. */
static int rename_below(const struct folder *folder, const char *from, const char *to)
{
	const char *from_last, *to_last;
	const int from_parent = open_parent(folder, from, &from_last), to_parent = from_parent < 0 ? -1 : open_parent(folder, to, &to_last);
	const int result = to_parent < 0 ? -1 : renameat2(from_parent, from_last, to_parent, to_last, RENAME_NOREPLACE);

	close_quietly(to_parent);
	close_quietly(from_parent);
	return result;
}

/* rename_below(), with the directories of to made where they are missing. */
static int give_name(const struct folder *folder, const char *from, const char *to, const char *operation, struct lade_fault *fault)
{
	int error;

	if (rename_below(folder, from, to) == 0)
		return 0;
	if (errno == ENOENT && strchr(to, '/')) {
		error = make_directories(folder, to, fault);
		if (error)
			return error;
		if (rename_below(folder, from, to) == 0)
			return 0;
	}
	return errno == EEXIST ? lade_fault_set(fault, LADE_E_EXISTS, operation, to) : failed(fault, operation, errno == ENOENT ? from : to);
}

/* ---- putting ---- */

/*
 * A file of tmp/ that is locked, so that remove_left_over() leaves it alone. Returns a descriptor, or -1 with errno. One that was removed before the lock was ours
 * is of no use, and another one is made.
 */
static int new_file(const struct folder *folder, char name[TEMPORARY_NAME_SIZE])
{
	uint8_t random[16];
	const char *last;
	struct stat st;
	int fd, parent;

	memcpy(name, TEMPORARY "/", sizeof(TEMPORARY));
	do {
		randombytes_buf(random, sizeof(random));
		sodium_bin2hex(name + sizeof(TEMPORARY), TEMPORARY_NAME_SIZE - sizeof(TEMPORARY), random, sizeof(random));
		parent = open_parent(folder, name, &last);
		fd = parent < 0 ? -1 : openat(parent, last, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		close_quietly(parent);
		if (fd < 0 || (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1))
			return fd;
		close(fd);
	} while (true);
}

/* unlinkat(2) below the folder. */
static int unlink_below(const struct folder *folder, const char *name)
{
	const char *last;
	const int parent = open_parent(folder, name, &last);
	const int result = parent < 0 ? -1 : unlinkat(parent, last, 0);

	close_quietly(parent);
	return result;
}

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct folder_put *put = calloc(1, sizeof(*put));

	if (!put)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", NULL);
	put->put.store = store;
	put->fd = new_file(folder_of(store), put->name);
	if (put->fd < 0) {
		free(put);
		return lade_fault_set(fault, LADE_E_SYSTEM, "create", TEMPORARY);
	}
	*put_out = &put->put;
	return 0;
}

static int append(struct lade_store_put *opaque, const void *data, size_t len, struct lade_fault *fault)
{
	struct folder_put *put = put_of(opaque);

	if (lade_whole_write(put->fd, data, len, put->len))
		return lade_fault_set(fault, LADE_E_SYSTEM, "write", put->name);
	lade_store_folder_put_grew(opaque, len);
	return 0;
}

int lade_store_folder_put_fd(struct lade_store_put *put)
{
	return put_of(put)->fd;
}

void lade_store_folder_put_grew(struct lade_store_put *opaque, uint64_t len)
{
	struct folder_put *put = put_of(opaque);

	const uint64_t written = put->len / WRITE_OUT_LEN * WRITE_OUT_LEN, end = (put->len + len) / WRITE_OUT_LEN * WRITE_OUT_LEN;

	/* Begin to write out what is whole: the barrier has the less to wait for. It is no matter if this fails: fsync(2) tells. */
	if (end > written)
		(void)sync_file_range(put->fd, (off_t)written, (off_t)(end - written), SYNC_FILE_RANGE_WRITE);
	put->len += len;
}

static void abandon(struct lade_store_put *opaque)
{
	struct folder_put *put = put_of(opaque);

	(void)unlink_below(folder_of(put->put.store), put->name);
	close(put->fd);
	free(put);
}

/* Keep an object until it is known to be on disk. */
static int keep(struct folder *folder, int fd, struct lade_fault *fault)
{
	int error = 0;

	pthread_mutex_lock(&folder->lock);
	if (folder->open_count == OPEN_MAX_COUNT)
		error = sync_objects(folder, fault);
	folder->open[folder->open_count++] = fd;
	pthread_mutex_unlock(&folder->lock);
	return error;
}

static int finish(struct lade_store_put *opaque, const char *name, struct lade_fault *fault)
{
	struct folder_put *put = put_of(opaque);
	struct folder *folder = folder_of(put->put.store);
	int error;

	error = give_name(folder, put->name, name, "store", fault);
	if (error) {
		abandon(opaque);
		return error;
	}
	error = keep(folder, put->fd, fault);
	free(put);
	return error;
}

/* ---- the other operations ---- */

static int open_object(struct lade_store *store, const char *name)
{
	const struct folder *folder = folder_of(store);

	return lade_directory_open_at(folder->way, folder->root, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int lade_store_folder_open_object(struct lade_store *store, const char *name, int *fd_out, uint64_t *len_out, struct lade_fault *fault)
{
	const int fd = open_object(store, name);
	struct stat st;

	if (fd < 0)
		return failed(fault, "open", name);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return lade_fault_set(fault, LADE_E_REFUSED, "read what is no file,", name);
	}
	*fd_out = fd;
	*len_out = (uint64_t)st.st_size;
	return 0;
}

static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	const int fd = open_object(store, name);
	ssize_t got;
	int error = 0;

	if (fd < 0)
		return failed(fault, "open", name);
	got = lade_whole_read(fd, out, len, off);
	if (got < 0)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "read", name);
	else if ((size_t)got != len)
		error = lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	close(fd);
	return error;
}

static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	return give_name(folder_of(store), from, to, "rename", fault);
}

static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	if (unlink_below(folder_of(store), name) && errno != ENOENT)
		return lade_fault_set(fault, LADE_E_SYSTEM, "delete", name);
	return 0;
}

/* ---- lists ---- */

/* A list under way. path: of the directory that is read, with a "/" at its end, or empty. */
struct listing {
	struct folder *folder;
	const char *prefix;
	int (*visit)(void *context, const struct lade_store_object *object);
	void *context;
	char path[LADE_OBJECT_NAME_MAX + 1];
};

static int list_directory(struct listing *listing, size_t path_len, struct lade_fault *fault);

/* True if what begins with name may begin with the prefix. */
static bool leads_there(const struct listing *listing, size_t len)
{
	const size_t prefix_len = strlen(listing->prefix);

	return memcmp(listing->path, listing->prefix, len < prefix_len ? len : prefix_len) == 0;
}

/* True if a directory of a repository has that path. */
static bool is_directory(const char *path)
{
	static const char *const names[] = { "packs", "index", "snapshots", "notes", "refs", "trust", "keys", "forgotten", "sessions", "tombstones", "gone" };
	const size_t len = strcspn(path, "/"), nested = 5;

	/* The first ones have directories in them. */
	for (size_t i = 0; i < (path[len] ? nested : sizeof(names) / sizeof(names[0])); i++) {
		if (strlen(names[i]) == len && memcmp(path, names[i], len) == 0)
			return !path[len] || !strchr(path + len + 1, '/');
	}
	return false;
}

/* One name: path and what follows it have len bytes. */
static int list_name(struct listing *listing, int directory, const char *name, size_t len, struct lade_fault *fault)
{
	struct lade_store_object object = { .name = listing->path };
	struct stat st;

	if (!leads_there(listing, len))
		return 0;
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW))
		/* It may have gone meanwhile. */
		return errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "look at", listing->path);
	if (S_ISDIR(st.st_mode)) {
		if (len + 1 >= sizeof(listing->path))
			return 0;
		memcpy(listing->path + len, "/", 2);
		return list_directory(listing, len + 1, fault);
	}
	/* What is in there is not to be seen, and was perhaps meant to be: nobody may take it for missing. */
	if (S_ISLNK(st.st_mode) && is_directory(listing->path)) {
		errno = ELOOP;
		return lade_fault_set(fault, LADE_E_SYSTEM, "list", listing->path);
	}
	if (!S_ISREG(st.st_mode) || len < strlen(listing->prefix) || !lade_object_name_ok(listing->path, false))
		return 0;
	object.len = (uint64_t)st.st_size;
	return listing->visit(listing->context, &object);
}

/* Names that no object has are not ours: what an administrator, or a file system, keeps there. */
static bool is_ours(const char *name, size_t path_len)
{
	return name[0] != '.' && !(path_len == 0 && !strcmp(name, TEMPORARY));
}

static int list_names(struct listing *listing, DIR *stream, size_t path_len, struct lade_fault *fault)
{
	const struct dirent *entry;
	int error = 0;

	while (!error && (errno = 0, entry = readdir(stream))) {
		const size_t name_len = strlen(entry->d_name);

		if (!is_ours(entry->d_name, path_len) || path_len + name_len >= sizeof(listing->path))
			continue;
		memcpy(listing->path + path_len, entry->d_name, name_len + 1);
		error = list_name(listing, dirfd(stream), entry->d_name, path_len + name_len, fault);
		listing->path[path_len] = '\0';
	}
	return !error && errno ? lade_fault_set(fault, LADE_E_SYSTEM, "list", listing->path) : error;
}

static int list_directory(struct listing *listing, size_t path_len, struct lade_fault *fault)
{
	char path[LADE_OBJECT_NAME_MAX + 1] = ".";
	DIR *stream;
	int error, fd;

	/* Without the "/" at its end. */
	if (path_len) {
		memcpy(path, listing->path, path_len);
		path[path_len - 1] = '\0';
	}
	fd = lade_directory_open_at(listing->folder->way, listing->folder->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "open", listing->path);
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return lade_fault_set(fault, LADE_E_MEMORY, "list", listing->path);
	}
	error = list_names(listing, stream, path_len, fault);
	closedir(stream);
	return error;
}

static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object),
		void *context, struct lade_fault *fault)
{
	struct listing listing = { .folder = folder_of(store), .prefix = prefix, .visit = visit, .context = context };

	return list_directory(&listing, 0, fault);
}

/* ---- the folder itself ---- */

static void close_folder(struct lade_store *store)
{
	struct folder *folder = folder_of(store);

	while (folder->open_count)
		close(folder->open[--folder->open_count]);
	pthread_mutex_destroy(&folder->lock);
	close(folder->root);
	free(folder);
}

/* Remove a file of tmp/ that nobody has locked: who wrote it is gone. */
static void remove_left_over(int directory, const char *name)
{
	const int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(directory, name, 0);
	close(fd);
}

static void remove_left_overs(int root)
{
	const int fd = openat(root, TEMPORARY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] != '.')
			remove_left_over(fd, entry->d_name);
	}
	closedir(stream);
}

static const struct lade_store_operations operations = {
	.begin = begin,
	.append = append,
	.finish = finish,
	.abandon = abandon,
	.get = get,
	.list = list,
	.rename_once = rename_once,
	.remove = remove_object,
	.barrier = barrier,
	.close = close_folder,
};

int lade_store_folder_adopt(int fd, struct lade_store **store_out, struct lade_fault *fault)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	if (!folder || sodium_init() < 0) {
		free(folder);
		close(fd);
		return lade_fault_set(fault, LADE_E_MEMORY, "open", NULL);
	}
	folder->store = (struct lade_store){ .operations = &operations, .here = true };
	folder->root = fd;
	folder->way = lade_directory_open_probe(fd) ? LADE_DIRECTORY_CONFINED : LADE_DIRECTORY_PLAIN;
	pthread_mutex_init(&folder->lock, NULL);
	*store_out = &folder->store;
	return 0;
}

/* What is a repository's before it is one, and what a file system has at its root. */
static bool may_be_there(const char *name)
{
	static const char *const names[] = { ".", "..", TEMPORARY, "trust", "keys", "lost+found" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

int lade_store_folder_vacant(int fd, struct lade_fault *fault)
{
	const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;
	int error = faccessat(fd, "format", F_OK, AT_SYMLINK_NOFOLLOW) ? 0 : lade_fault_set(fault, LADE_E_EXISTS, "make", "format");

	if (!stream) {
		error = lade_fault_set(fault, LADE_E_SYSTEM, "list", NULL);
		if (own >= 0)
			close(own);
		return error;
	}
	while (!error && (errno = 0, entry = readdir(stream))) {
		if (!may_be_there(entry->d_name))
			error = lade_fault_set(fault, LADE_E_REFUSED, "make a repository beside", entry->d_name);
	}
	if (!error && errno)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "list", NULL);
	closedir(stream);
	return error;
}

int lade_store_folder_enter(int fd, bool create, struct lade_store **store_out, struct lade_fault *fault)
{
	if (create && mkdirat(fd, TEMPORARY, 0700) && errno != EEXIST) {
		int error = lade_fault_set(fault, LADE_E_SYSTEM, "create", TEMPORARY);

		close(fd);
		return error;
	}
	remove_left_overs(fd);
	return lade_store_folder_adopt(fd, store_out, fault);
}

int lade_store_folder_open(const char *path, bool create, struct lade_store **store_out, struct lade_fault *fault)
{
	int fd;

	if (create && mkdir(path, 0700) && errno != EEXIST)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(fault, "open", path);
	return lade_store_folder_enter(fd, create, store_out, fault);
}
