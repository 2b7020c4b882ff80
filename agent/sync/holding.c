/*
 * Where files wait before they have their names: the directory for temporary files (-T), those for what an interrupted
 * transfer leaves (--partial-dir), and the list of files that all get their names at the end (--delay-updates).
 *
 * A file is made under its temporary name in any case, so a process that is killed leaves nothing but that. The partial
 * directory has files only between sessions: one that ends moves what it leaves there, the next one takes it back. A delayed file
 * stays under its temporary name, private and unfinished to whoever looks, and what is left of it is continued as any other.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTIAL_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- opening ---- */

static int open_workshop(struct lade_receiver *receiver, const char *written, struct lade_fault *fault)
{
	char *path = lade_receiver_located(receiver, written);
	int error;

	if (!path)
		return lade_fault_set(fault, LADE_E_MEMORY, "open directory for temporary files", written);
	error = lade_directories_open_below(receiver->session.settings->base, path, 0, &receiver->workshop, fault);
	if (error)
		lade_fault_set(fault, LADE_E_USAGE, "open directory for temporary files (-T)", written);
	else
		error = lade_receiver_keep(receiver, receiver->workshop, fault);
	if (!error)
		error = lade_directory_pin(lade_directories_root(receiver->workshop), &receiver->workshop_fd, fault);
	free(path);
	return error;
}

/* One place for all. Its last component is made, as by rsync. */
static int open_partials(struct lade_receiver *receiver, const char *path, struct lade_fault *fault)
{
	const struct lade_base *base = receiver->session.settings->base;
	int error;

	if (lade_place_make_directory(base, path, 0700) && errno != EEXIST)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create directory for partial files", path);
	error = lade_directories_open_below(base, path, 0, &receiver->partials, fault);
	return error ? error : lade_receiver_keep(receiver, receiver->partials, fault);
}

int lade_holding_begin(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_settings *settings = receiver->session.settings;
	int error = 0;

	if (receiver->keep.options & LADE_OPTION_DRY_RUN)
		return 0;
	if ((settings->partial_dir && !lade_entry_path_valid(settings->partial_dir)) || (settings->temp_dir && !*settings->temp_dir))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand where files wait", NULL);
	if (settings->temp_dir)
		error = open_workshop(receiver, settings->temp_dir, fault);
	if (!error && settings->partial_dir && *settings->partial_dir == '/')
		error = open_partials(receiver, settings->partial_dir, fault);
	return error;
}

void lade_holding_end(struct lade_receiver *receiver)
{
	if (receiver->workshop_fd >= 0)
		lade_directory_unpin(lade_directories_root(receiver->workshop));
	lade_directories_close(receiver->workshop);
	lade_directories_close(receiver->partials);
	lade_spool_free(receiver->delayed);
}

char *lade_holding_key(const struct lade_receiver *receiver, int directory_fd, const char *name)
{
	struct stat st = { 0 };
	size_t size = strlen(name) + 64;
	char *key;

	if (receiver->workshop_fd < 0)
		return NULL;
	/* Files of one name in several directories are all in one place. */
	(void)fstat(directory_fd, &st);
	key = malloc(size);
	if (key)
		snprintf(key, size, "%llx/%llx/%s", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, name);
	return key;
}

/* ---- what is left of a file ---- */

/* Open the first len bytes of the partial directory's path below fd, which is closed; create: the last component of all is made. -1 with errno. */
static int open_below(const struct lade_receiver *receiver, int fd, size_t len, bool create)
{
	const char *at = receiver->session.settings->partial_dir, *end = at + len;
	const struct lade_base *base = receiver->session.settings->base;
	char name[LADE_NAME_MAX + 1];
	int next;

	while (fd >= 0 && at < end) {
		size_t part = strcspn(at, "/");

		snprintf(name, sizeof(name), "%.*s", (int)part, at);
		at += part + strspn(at + part, "/");
		if (lade_place_hides_in(base, fd, name, true)) {
			close(fd);
			return -1;
		}
		if (create && !*at)
			(void)mkdirat(fd, name, 0700);
		next = openat(fd, name, PARTIAL_FLAGS);
		close(fd);
		fd = next;
	}
	return fd;
}

/* The one place for all. -1 with errno. */
static int open_common_dir(const struct lade_receiver *receiver)
{
	int fd, root;

	if (lade_directory_pin(lade_directories_root(receiver->partials), &root, NULL))
		return -1;
	fd = openat(root, ".", PARTIAL_FLAGS);
	lade_directory_unpin(lade_directories_root(receiver->partials));
	return fd;
}

/*
 * The directory for what is left of name in directory_fd; create: its last component is made. -1; for a name that is hidden there, too: what has
 * it is nothing that a session left.
 */
static int open_partial_dir(const struct lade_receiver *receiver, int directory_fd, const char *name, bool create)
{
	const struct lade_settings *settings = receiver->session.settings;
	int fd = receiver->partials ? open_common_dir(receiver) :
		open_below(receiver, openat(directory_fd, ".", PARTIAL_FLAGS), strlen(settings->partial_dir), create);

	if (fd < 0 || !lade_place_hides_in(settings->base, fd, name, false))
		return fd;
	close(fd);
	return -1;
}

/* Where it is empty the directory goes; one for all stays. A symlink on the way leads to something else. */
static void remove_partial_dir(const struct lade_receiver *receiver, int directory_fd)
{
	const char *path = receiver->session.settings->partial_dir;
	size_t end = strlen(path), start;
	char name[LADE_NAME_MAX + 1];
	int fd;

	if (receiver->partials)
		return;
	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	snprintf(name, sizeof(name), "%.*s", (int)(end - start), path + start);
	fd = open_below(receiver, openat(directory_fd, ".", PARTIAL_FLAGS), start, false);
	if (fd < 0)
		return;
	(void)unlinkat(fd, name, AT_REMOVEDIR);
	close(fd);
}

void lade_holding_leave(const struct lade_receiver *receiver, int from_fd, const char *temporary, int directory_fd, const char *name)
{
	int fd;

	if (!receiver->session.settings->partial_dir)
		return;
	fd = open_partial_dir(receiver, directory_fd, name, true);
	/* On another file system it stays where it is, and is found there as well. */
	if (fd >= 0 && renameat(from_fd, temporary, fd, name))
		remove_partial_dir(receiver, directory_fd);
	if (fd >= 0)
		close(fd);
}

void lade_holding_take(const struct lade_receiver *receiver, int directory_fd, const char *name, const char *key)
{
	int fd, to_fd = key ? receiver->workshop_fd : directory_fd;
	char temporary[LADE_TEMPORARY_NAME_SIZE];

	if (!receiver->session.settings->partial_dir)
		return;
	fd = open_partial_dir(receiver, directory_fd, name, false);
	if (fd < 0)
		return;
	lade_temporary_name(key ? key : name, 0, temporary);
	if (lade_temporary_is_left(fd, name) && renameat2(fd, name, to_fd, temporary, RENAME_NOREPLACE) == 0)
		remove_partial_dir(receiver, directory_fd);
	close(fd);
}

void lade_holding_clear(const struct lade_receiver *receiver, struct lade_directory *directory, const char *name)
{
	struct stat st;
	int directory_fd, fd;

	if (!receiver->session.settings->partial_dir || receiver->partials || lade_directory_pin(directory, &directory_fd, NULL))
		return;
	fd = open_partial_dir(receiver, directory_fd, name, false);
	if (fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && unlinkat(fd, name, 0) == 0)
		remove_partial_dir(receiver, directory_fd);
	if (fd >= 0)
		close(fd);
	lade_directory_unpin(directory);
}

/* ---- all at the end ---- */

/* A delayed file in the spool; behind it its path and its encoded attributes. */
struct delayed {
	struct lade_metadata metadata; /* without its attributes */
	struct stat existing;
	uint64_t size, leader, index, told;
	uint32_t changes;
	bool existed, unsteady;
	char temporary[LADE_TEMPORARY_NAME_SIZE];
	size_t path_len;
};

static int add_delayed(struct lade_receiver *receiver, const struct incoming *file, const char *path, struct lade_fault *fault)
{
	struct delayed delayed = {
		.metadata = file->metadata, .existing = file->existing, .size = file->size, .leader = file->leader,
		.index = file->index, .told = file->told, .changes = file->changes, .existed = file->existed, .unsteady = file->unsteady,
		.path_len = strlen(path),
	};
	struct lade_writer bytes;
	int error;

	memcpy(delayed.temporary, file->temporary.name, sizeof(delayed.temporary));
	lade_writer_init(&bytes, LADE_SPOOL_RECORD_MAX);
	lade_writer_put_bytes(&bytes, &delayed, sizeof(delayed));
	lade_writer_put_bytes(&bytes, path, delayed.path_len + 1);
	lade_writer_put_bytes(&bytes, file->metadata.xattrs.data, file->metadata.xattrs.len);
	lade_session_lock(&receiver->session);
	error = bytes.error;
	if (!error && !receiver->delayed)
		error = lade_spool_new(&receiver->delayed);
	if (error)
		lade_fault_set(fault, error, "remember", path);
	else
		error = lade_spool_add(receiver->delayed, bytes.data, bytes.len, fault);
	lade_session_unlock(&receiver->session);
	lade_writer_fini(&bytes);
	return error;
}

int lade_holding_delay(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	char *path = lade_directory_path(file->directory, file->name);
	int error = path ? add_delayed(receiver, file, path, fault) : lade_fault_set(fault, LADE_E_MEMORY, "remember", file->name);

	free(path);
	if (!error) {
		lade_temporary_leave(&file->temporary);
		file->told = 0; /* the record has it */
	}
	return error;
}

/* The file of a record, as it was when it was delayed. NULL: no memory. */
static struct incoming *file_of(struct lade_receiver *receiver, const struct delayed *delayed, struct lade_slice record)
{
	const char *path = (const char *)record.data + sizeof(*delayed);
	char *copy = strdup(path), *name;
	struct lade_directory *directory = copy ? lade_receiver_handle_of(receiver, copy, &name) : NULL;
	struct incoming *file = directory ? calloc(1, sizeof(*file) + strlen(name) + 1) : NULL;
	size_t xattrs_len = record.len - sizeof(*delayed) - delayed->path_len - 1;

	if (file) {
		file->temporary.fd = file->kept.fd = file->workshop_fd = -1;
		file->directory = lade_directory_ref(directory);
		file->metadata = delayed->metadata;
		file->metadata.xattrs = lade_slice(path + delayed->path_len + 1, xattrs_len);
		file->existing = delayed->existing;
		file->size = delayed->size;
		file->leader = delayed->leader;
		file->index = delayed->index;
		file->told = delayed->told;
		file->changes = delayed->changes;
		file->existed = delayed->existed;
		file->unsteady = delayed->unsteady;
		stpcpy(file->name, name);
	}
	if (file && !lade_metadata_own_xattrs(&file->metadata)) {
		lade_incoming_free(file);
		file = NULL;
	}
	lade_directory_unref(directory);
	free(copy);
	return file;
}

static int reopen(struct incoming *file, const char *temporary, struct lade_fault *fault)
{
	int fd, error = lade_directory_pin(file->directory, &fd, fault);

	if (error)
		return error;
	error = lade_temporary_reopen(fd, temporary, &file->temporary, fault);
	lade_directory_unpin(file->directory);
	return error;
}

static void commit_delayed(struct lade_receiver *receiver, struct lade_slice record)
{
	const char *path = (const char *)record.data + sizeof(struct delayed);
	struct delayed delayed;
	struct incoming *file;
	struct lade_fault fault;

	memcpy(&delayed, record.data, sizeof(delayed));
	file = file_of(receiver, &delayed, record);
	if (!file)
		lade_fault_set(&fault, LADE_E_MEMORY, "put into place", path);
	if (file && reopen(file, delayed.temporary, &fault) == 0 && lade_incoming_commit_now(receiver, file, &fault) == 0) {
		lade_incoming_free(file);
		return;
	}
	lade_receiver_metadata_problem(receiver, path, &fault);
	if (delayed.leader)
		lade_receiver_leader_failed(receiver, delayed.leader - 1);
	if (file)
		lade_receiver_tell_file(receiver, file, NULL);
	lade_incoming_free(file);
}

void lade_holding_commit_all(struct lade_receiver *receiver)
{
	struct lade_slice record;
	struct lade_fault fault;
	int got = 0;

	while (receiver->delayed && (got = lade_spool_next(receiver->delayed, &record, &fault)) == 1)
		commit_delayed(receiver, record);
	if (got < 0)
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}
