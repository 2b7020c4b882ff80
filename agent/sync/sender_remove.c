/*
 * --remove-source-files: what the receiver has safely stored goes, at the end of the session, when all of it has its name
 * there. Names wait in a spool; what was stored is a bit for each entry.
 *
 * A file that is not what it was when its entry was said stays, and so does one that is the destination's.
 */
#include "agent/sync/sender_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name in the spool; behind it its path below the source's directory, and, from path_len + 1 on, that in the transfer. */
struct removable {
	uint64_t index;
	unsigned source;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	size_t path_len;
};

static bool removes(const struct lade_sender *sender)
{
	uint64_t options = sender->session.settings->options;

	return (options & LADE_OPTION_REMOVE_SOURCE_FILES) && !(options & LADE_OPTION_DRY_RUN);
}

/* Which of the sources' directories parent is in; their count for none. */
static unsigned source_of(const struct lade_sender *sender, struct lade_directory *parent)
{
	unsigned i = 0;

	while (lade_directory_parent(parent))
		parent = lade_directory_parent(parent);
	while (i < sender->table_count && lade_directories_root(sender->tables[i]) != parent)
		i++;
	return i;
}

static int add(struct lade_sender *sender, const struct removable *removable, const char *path, const char *transfer_path,
	       struct lade_fault *fault)
{
	struct lade_writer record;
	int error;

	lade_writer_init(&record, LADE_SPOOL_RECORD_MAX);
	lade_writer_put_bytes(&record, removable, sizeof(*removable));
	lade_writer_put_bytes(&record, path, removable->path_len + 1);
	lade_writer_put_bytes(&record, transfer_path, strlen(transfer_path) + 1);
	error = record.error ? lade_fault_set(fault, record.error, "remember", path) :
		lade_spool_add(sender->removable, record.data, record.len, fault);
	lade_writer_fini(&record);
	return error;
}

int lade_sender_removable(struct lade_sender *sender, const struct lade_walk_item *item, uint64_t index, struct lade_fault *fault)
{
	struct removable removable = {
		.index = index, .dev = item->st.st_dev, .ino = item->st.st_ino, .size = item->st.st_size,
		.mtime = item->st.st_mtim,
	};
	char *path;
	int error;

	if (!removes(sender) || S_ISDIR(item->st.st_mode))
		return 0;
	path = lade_directory_path(item->parent, item->name);
	if (!path)
		return lade_fault_set(fault, LADE_E_MEMORY, "remember", item->path);
	removable.source = source_of(sender, item->parent);
	removable.path_len = strlen(path);
	error = add(sender, &removable, path, item->path, fault);
	free(path);
	return error;
}

int lade_sender_stored(struct lade_sender *sender, uint64_t first, uint64_t count)
{
	uint64_t need = (first + count + 7) / 8;

	if (!removes(sender))
		return LADE_E_PROTOCOL;
	if (need > sender->stored_len) {
		uint64_t len = need > 2 * sender->stored_len ? need : 2 * sender->stored_len;
		uint8_t *stored = realloc(sender->stored, len);

		if (!stored)
			return LADE_E_MEMORY;
		memset(stored + sender->stored_len, 0, len - sender->stored_len);
		sender->stored = stored;
		sender->stored_len = len;
	}
	for (uint64_t i = first; i < first + count; i++)
		sender->stored[i / 8] |= (uint8_t)(1u << i % 8);
	return 0;
}

static bool is_stored(const struct lade_sender *sender, uint64_t index)
{
	return index / 8 < sender->stored_len && (sender->stored[index / 8] & 1u << index % 8);
}

/* On one host: true if the destination has this very file at path. */
static bool is_destination(const struct lade_sender *sender, const char *path, const struct stat *st)
{
	size_t len = sender->avoid ? strlen(sender->avoid) : 0;
	struct stat there;
	char *whole;
	bool same;

	if (!sender->avoid)
		return false;
	if (stat(len ? sender->avoid : ".", &there) == 0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino)
		return true;
	whole = malloc(len + strlen(path) + 3);
	if (!whole)
		return true;
	stpcpy(stpcpy(stpcpy(whole, len ? sender->avoid : "."), "/"), path);
	same = lstat(whole, &there) == 0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino;
	free(whole);
	return same;
}

static bool is_as_it_was(const struct removable *removable, const struct stat *st)
{
	return st->st_dev == removable->dev && st->st_ino == removable->ino && st->st_size == removable->size &&
		st->st_mtim.tv_sec == removable->mtime.tv_sec && st->st_mtim.tv_nsec == removable->mtime.tv_nsec;
}

static void stays(struct lade_sender *sender, const char *path, const char *reason)
{
	lade_session_tell(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "remove source file", path, reason);
}

static void failed(struct lade_sender *sender, const char *path)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SYSTEM, "remove source file", path);
	lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}

/* Somebody else may have removed it, or its directory. */
static void remove_one(struct lade_sender *sender, const struct removable *removable, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *transfer_path = path + removable->path_len + 1;
	struct lade_fault fault;
	struct stat st;
	int fd;

	if (removable->source == sender->table_count)
		return;
	if (lade_directories_resolve(sender->tables[removable->source], path, slash ? (size_t)(slash - path) : 0, &fd, &fault)) {
		if (fault.sys_errno != ENOENT)
			stays(sender, transfer_path, lade_fault_reason(&fault));
		return;
	}
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			failed(sender, transfer_path);
	} else if (!is_as_it_was(removable, &st)) {
		stays(sender, transfer_path, "it has changed since it was looked at");
	} else if (is_destination(sender, transfer_path, &st)) {
		stays(sender, transfer_path, "it is the destination's as well");
	} else if (unlinkat(fd, name, 0) == 0) {
		lade_session_note(&sender->session, LADE_TOPIC_REMOVE, "sender removed ", transfer_path, NULL);
	} else if (errno != ENOENT) {
		failed(sender, transfer_path);
	}
	close(fd);
}

void lade_sender_remove_stored(struct lade_sender *sender)
{
	struct lade_slice record;
	struct lade_fault fault;
	int got;

	if (!removes(sender))
		return;
	while ((got = lade_spool_next(sender->removable, &record, &fault)) == 1) {
		struct removable removable;

		memcpy(&removable, record.data, sizeof(removable));
		if (is_stored(sender, removable.index))
			remove_one(sender, &removable, (const char *)record.data + sizeof(removable));
	}
	if (got < 0)
		lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}
