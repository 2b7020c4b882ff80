/*
 * Backups of what is replaced or deleted (-b): the old thing gets another name, in its own directory or at its path in the
 * backup directory.
 *
 * What is replaced keeps its name until the new one has it: the backup is a second name of it, or a copy where that cannot be.
 * What goes is renamed. A backup that cannot be made leaves things as they are. The backup directory is opened as the user named
 * it; below, no symlink is followed.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/limits.h"

/* Tells the temporary name of a backup from those of files that come. */
#define BACKUP_ATTEMPT 255u

/* From where to where. */
struct ends {
	int from_fd, to_fd;
	const char *from;
	char to[LADE_NAME_MAX + 1];
	struct stat st; /* of what is there */
};

/* ---- the backup directory ---- */

/* Make path and all that is above it; *made_out: bytes of what was there, or its length. 0 or -1 with errno. */
static int make_path(const struct lade_keep *keep, const struct lade_base *base, char *path, size_t *there_out)
{
	size_t len = strlen(path);

	*there_out = len;
	for (size_t at = 1; at <= len; at++) {
		int result;

		if (path[at] != '/' && path[at])
			continue;
		path[at] = '\0';
		result = lade_keep_make_directory(keep, base, path, 0);
		if (at < len)
			path[at] = '/';
		if (result && errno != EEXIST)
			return -1;
		if (!result && *there_out == len)
			*there_out = at - 1;
	}
	return 0;
}

void lade_backup_as_before(const struct lade_receiver *receiver, struct stat *st)
{
	if (receiver->root_mtime.tv_sec || receiver->root_mtime.tv_nsec)
		st->st_mtim = receiver->root_mtime;
}

/* Make the backup directory, and know what time the destination had before, in which it may be. 0 or -1 with errno. */
static int make_backups(struct lade_receiver *receiver)
{
	struct stat st = { 0 };
	int fd;

	if (lade_directory_pin(lade_directories_root(receiver->tree), &fd, NULL) == 0) {
		(void)fstat(fd, &st);
		lade_directory_unpin(lade_directories_root(receiver->tree));
	}
	if (make_path(&receiver->keep, receiver->session.settings->base, receiver->backup_path, &receiver->backup_path_there))
		return -1;
	if (receiver->backup_path_there < strlen(receiver->backup_path)) {
		receiver->root_mtime = st.st_mtim;
		atomic_store_explicit(&receiver->root.touched, true, memory_order_relaxed);
	}
	return 0;
}

static int open_backups(struct lade_receiver *receiver, const char *written, struct lade_fault *fault)
{
	bool dry_run = receiver->keep.options & LADE_OPTION_DRY_RUN;
	size_t len;
	int error;

	receiver->backup_path = lade_receiver_located(receiver, written);
	if (!receiver->backup_path)
		return lade_fault_set(fault, LADE_E_MEMORY, "open backup directory", written);
	len = strlen(receiver->backup_path);
	while (len > 1 && receiver->backup_path[len - 1] == '/')
		receiver->backup_path[--len] = '\0';
	receiver->backup_path_there = len;
	if (!dry_run && make_backups(receiver))
		return lade_fault_set(fault, LADE_E_SYSTEM, "create backup directory", receiver->backup_path);
	error = lade_directories_open_below(receiver->session.settings->base, receiver->backup_path, 0, &receiver->backups, fault);
	if (error && dry_run)
		return 0;
	return error ? error : lade_receiver_keep(receiver, receiver->backups, fault);
}

int lade_backup_begin(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_settings *settings = receiver->session.settings;
	int error = 0;

	if (!(receiver->keep.options & LADE_OPTION_BACKUP))
		return 0;
	if ((settings->suffix && (!*settings->suffix || strchr(settings->suffix, '/'))) ||
	    (settings->backup_dir && !*settings->backup_dir) || (!settings->backup_dir && !settings->suffix))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand where backups go", NULL);
	/* Backups beside what is replaced are changes in its directory: what times directories have says when, as in rsync. */
	if (!settings->backup_dir)
		receiver->keep.options |= LADE_OPTION_OMIT_DIR_TIMES;
	receiver->backup_keep = receiver->keep;
	receiver->backup_keep.options |= LADE_OPTION_PERMS | LADE_OPTION_TIMES | LADE_OPTION_OWNER | LADE_OPTION_GROUP;
	if (settings->backup_dir)
		error = open_backups(receiver, settings->backup_dir, fault);
	return error;
}

void lade_backup_end(struct lade_receiver *receiver)
{
	char *path = receiver->backup_path;

	lade_directories_close(receiver->backups);
	/* Nothing is in it: it need not have been made. */
	while (path && strlen(path) > receiver->backup_path_there &&
	       lade_place_remove_directory(receiver->session.settings->base, path) == 0 && strrchr(path, '/'))
		*strrchr(path, '/') = '\0';
	free(path);
}

/* ---- where a backup goes ---- */

/* Owner and mode as the directory of the first path_len bytes of path has them, as far as that can be done. */
static void make_alike(struct lade_receiver *receiver, int fd, const char *name, const char *path, size_t path_len)
{
	struct lade_metadata_place place = { -1, fd, name };
	struct lade_metadata wanted = { 0 };
	struct stat st, now;
	int original;

	if (lade_directories_resolve(receiver->tree, path, path_len, &original, NULL))
		return;
	if (fstat(original, &st) == 0 && fstatat(fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(now.st_mode)) {
		wanted = (struct lade_metadata){ .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .mtime = now.st_mtim };
		/* Something is to be put into it. */
		if (receiver->keep.euid)
			wanted.mode |= 0700;
		place.fd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (place.fd >= 0)
			(void)lade_metadata_apply(&receiver->backup_keep, &wanted, &place, &now, NULL, NULL, NULL);
		if (place.fd >= 0)
			close(place.fd);
	}
	close(original);
}

/* True if the server withholds name in fd from its client, as what is to be or as what it is. Backups have other paths than what was judged. */
static bool is_withheld(const struct lade_receiver *receiver, int fd, const char *name, bool is_directory)
{
	const struct lade_base *base = receiver->session.settings->base;
	struct stat st;

	return lade_place_hides_in(base, fd, name, is_directory) ||
		(base && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && lade_place_hides_in(base, fd, name, S_ISDIR(st.st_mode)));
}

/* Open the directory name in fd, or make it, in the place of an older backup that is none. -1 with errno. */
static int enter(struct lade_receiver *receiver, int fd, const char *name, const char *path, size_t path_len)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int next;

	if (is_withheld(receiver, fd, name, true)) {
		errno = EACCES;
		return -1;
	}
	next = openat(fd, name, flags);
	if (next >= 0 || (errno != ENOENT && errno != ENOTDIR))
		return next;
	if (errno == ENOTDIR && unlinkat(fd, name, 0) && errno != ENOENT)
		return -1;
	if (mkdirat(fd, name, 0700) == 0)
		make_alike(receiver, fd, name, path, path_len);
	else if (errno != EEXIST)
		return -1;
	return openat(fd, name, flags);
}

/* The directory in the backup directory for what has path, made if it is not there. -1 with errno. */
static int open_place(struct lade_receiver *receiver, const char *path)
{
	char name[LADE_NAME_MAX + 1];
	const char *at = path, *slash;
	int fd, root;

	if (lade_directory_pin(lade_directories_root(receiver->backups), &root, NULL))
		return -1;
	fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lade_directory_unpin(lade_directories_root(receiver->backups));
	while (fd >= 0 && (slash = strchr(at, '/'))) {
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)(slash - at), at);
		next = enter(receiver, fd, name, path, (size_t)(slash - path));
		close(fd);
		fd = next;
		at = slash + 1;
	}
	return fd;
}

/* ---- making one ---- */

/* An older backup that is a directory gives way if it is empty. */
static int put(const struct ends *ends, const char *name)
{
	int result = renameat(ends->to_fd, name, ends->to_fd, ends->to), saved;

	if (result && (errno == EISDIR || errno == EEXIST || errno == ENOTEMPTY) &&
	    unlinkat(ends->to_fd, ends->to, AT_REMOVEDIR) == 0)
		result = renameat(ends->to_fd, name, ends->to_fd, ends->to);
	/* Two names of one inode stay both. */
	saved = errno;
	(void)unlinkat(ends->to_fd, name, 0);
	errno = saved;
	return result;
}

/* What runs as somebody else does not run as us, or with our group, where it cannot be given to them: now is how its copy was made. */
static void drop_set_id(const struct lade_keep *keep, struct lade_metadata *wanted, const struct stat *now)
{
	uint32_t changes = lade_metadata_compare(keep, wanted, now);

	if (now->st_uid != wanted->uid && !(changes & LADE_ITEM_OWNER))
		wanted->mode &= ~(mode_t)S_ISUID;
	if (now->st_gid != wanted->gid && !(changes & LADE_ITEM_GROUP))
		wanted->mode &= ~(mode_t)S_ISGID;
}

/* Give what was made as name the metadata of the original. */
static void copy_metadata(struct lade_receiver *receiver, const struct ends *ends, const struct lade_metadata_place *place)
{
	const struct lade_attributes_place original = { -1, ends->from_fd, ends->from };
	struct lade_metadata wanted = {
		.mode = ends->st.st_mode, .uid = ends->st.st_uid, .gid = ends->st.st_gid, .mtime = ends->st.st_mtim,
	};
	struct lade_writer xattrs;
	struct stat now;

	lade_writer_init(&xattrs, LADE_XATTRS_MAX);
	if ((receiver->keep.wish.xattrs || receiver->keep.wish.acls) &&
	    lade_attributes_read(&receiver->keep.wish, &original, &xattrs, NULL) == 0)
		wanted.xattrs = lade_slice(xattrs.data, xattrs.len);
	/* What the other file system cannot keep is no reason to do without a backup. */
	if ((place->fd >= 0 ? fstat(place->fd, &now) : fstatat(place->directory_fd, place->name, &now, AT_SYMLINK_NOFOLLOW)) == 0) {
		drop_set_id(&receiver->backup_keep, &wanted, &now);
		(void)lade_metadata_apply(&receiver->backup_keep, &wanted, place, &now, NULL, NULL, NULL);
	}
	lade_writer_fini(&xattrs);
}

static int copy_special(struct lade_receiver *receiver, const struct ends *ends)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE], target[LADE_TARGET_MAX];
	struct lade_metadata_place place = { -1, ends->to_fd, temporary };
	ssize_t len;

	lade_temporary_name(ends->to, BACKUP_ATTEMPT, temporary);
	(void)unlinkat(ends->to_fd, temporary, 0);
	if (S_ISLNK(ends->st.st_mode)) {
		len = readlinkat(ends->from_fd, ends->from, target, sizeof(target) - 1);
		if (len < 0)
			return -1;
		target[len] = '\0';
		if (symlinkat(target, ends->to_fd, temporary))
			return -1;
	} else if (mknodat(ends->to_fd, temporary, (ends->st.st_mode & S_IFMT) | 0600, ends->st.st_rdev)) {
		return -1;
	}
	copy_metadata(receiver, ends, &place);
	return put(ends, temporary);
}

static int copy_content(struct lade_receiver *receiver, const struct ends *ends, const struct lade_temporary *temporary,
			struct lade_fault *fault)
{
	struct lade_move move = { .out_fd = temporary->fd, .path = receiver->session.settings->path };
	int error;

	move.in_fd = openat(ends->from_fd, ends->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (move.in_fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "back up", ends->from);
	error = lade_receiver_copy_extents(receiver, &move, (uint64_t)ends->st.st_size, false, fault);
	if (!error && ftruncate(temporary->fd, ends->st.st_size))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "back up", ends->from);
	close(move.in_fd);
	return error;
}

/* 0, or -1 with errno. */
static int copy_file(struct lade_receiver *receiver, const struct ends *ends)
{
	struct lade_metadata_place place = { -1, -1, ends->to };
	struct lade_temporary temporary;
	struct lade_fault fault;
	int error;

	error = lade_temporary_open(ends->to_fd, ends->to, BACKUP_ATTEMPT, 0600, &temporary, &fault);
	if (error)
		goto out;
	error = copy_content(receiver, ends, &temporary, &fault);
	place.fd = temporary.fd;
	if (!error) {
		copy_metadata(receiver, ends, &place);
		if ((receiver->keep.options & LADE_OPTION_FSYNC) && fsync(temporary.fd))
			error = lade_fault_set(&fault, LADE_E_SYSTEM, "fsync", ends->to);
	}
	if (error) {
		lade_temporary_discard(&temporary, ends->to_fd);
	} else {
		error = put(ends, temporary.name) ? lade_fault_set(&fault, LADE_E_SYSTEM, "back up", ends->from) : 0;
		close(temporary.fd);
	}
out:
	errno = fault.sys_errno ? fault.sys_errno : EIO;
	return error ? -1 : 0;
}

static int copy(struct lade_receiver *receiver, const struct ends *ends)
{
	return S_ISREG(ends->st.st_mode) ? copy_file(receiver, ends) : copy_special(receiver, ends);
}

/* Another name for it, by way of a temporary one: an older backup is there until the newer is. */
static int link_to(const struct ends *ends)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];

	lade_temporary_name(ends->to, BACKUP_ATTEMPT, temporary);
	(void)unlinkat(ends->to_fd, temporary, 0);
	return linkat(ends->from_fd, ends->from, ends->to_fd, temporary, 0) ? -1 : put(ends, temporary);
}

static int move(struct lade_receiver *receiver, const struct ends *ends)
{
	struct stat st = { 0 };

	/* A backup of it is left by a run that was killed: rename(2) would leave both names. */
	if (fstatat(ends->to_fd, ends->to, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == ends->st.st_dev &&
	    st.st_ino == ends->st.st_ino)
		return unlinkat(ends->from_fd, ends->from, 0);
	if (S_ISDIR(st.st_mode))
		(void)unlinkat(ends->to_fd, ends->to, AT_REMOVEDIR);
	if (renameat(ends->from_fd, ends->from, ends->to_fd, ends->to) == 0)
		return 0;
	if (errno != EXDEV || copy(receiver, ends))
		return -1;
	return unlinkat(ends->from_fd, ends->from, 0);
}

static int make(struct lade_receiver *receiver, const struct ends *ends, enum backup_how how)
{
	if (how == BACKUP_MOVE)
		return move(receiver, ends);
	if (how == BACKUP_COPY)
		return copy(receiver, ends);
	if (link_to(ends) == 0)
		return 0;
	if (errno == EXDEV)
		return copy(receiver, ends);
	/* No links here (FAT), not to this file, or no more of them. */
	return errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP ? move(receiver, ends) : -1;
}

static bool is_backup(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* In the words of rsync(1). */
static void tell_backed_up(struct lade_receiver *receiver, const char *path)
{
	const struct lade_settings *settings = receiver->session.settings;
	const char *dir = settings->backup_dir ? settings->backup_dir : "", *suffix = settings->suffix ? settings->suffix : "";
	char *rest;

	if (!lade_session_wants(&receiver->session, LADE_TOPIC_BACKUP))
		return;
	rest = malloc(strlen(dir) + strlen(path) + strlen(suffix) + sizeof(" to /"));
	if (rest) {
		sprintf(rest, " to %s%s%s%s", dir, *dir ? "/" : "", path, suffix);
		lade_session_note(&receiver->session, LADE_TOPIC_BACKUP, "backed up ", path, rest);
	}
	free(rest);
}

int lade_backup(struct lade_receiver *receiver, int fd, const char *path, enum backup_how how, struct lade_fault *fault)
{
	const char *slash = strrchr(path, '/'), *suffix = receiver->session.settings->suffix;
	struct ends ends = { .from_fd = fd, .to_fd = fd, .from = slash ? slash + 1 : path };
	int result = -1;

	if (fstatat(fd, ends.from, &ends.st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "back up", path);
	if (!receiver->backups && how == BACKUP_MOVE && is_backup(ends.from, suffix)) {
		result = unlinkat(fd, ends.from, 0);
		return result ? lade_fault_set(fault, LADE_E_SYSTEM, "delete", path) : 0;
	}
	if ((size_t)snprintf(ends.to, sizeof(ends.to), "%s%s", ends.from, suffix ? suffix : "") >= sizeof(ends.to)) {
		errno = ENAMETOOLONG;
		return lade_fault_set(fault, LADE_E_SYSTEM, "back up", path);
	}
	if (receiver->backups)
		ends.to_fd = open_place(receiver, path);
	if (ends.to_fd >= 0 && is_withheld(receiver, ends.to_fd, ends.to, S_ISDIR(ends.st.st_mode)))
		errno = EACCES;
	else if (ends.to_fd >= 0)
		result = make(receiver, &ends, how);
	if (result)
		lade_fault_set(fault, LADE_E_SYSTEM, "back up", path);
	else
		tell_backed_up(receiver, path);
	if (receiver->backups && ends.to_fd >= 0)
		close(ends.to_fd);
	return result ? LADE_E_SYSTEM : 0;
}
