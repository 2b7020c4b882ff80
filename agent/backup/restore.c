/*
 * The order of things: the tree is walked and its files are made; then hard links; then, as nobody refers to them any more, directories get their metadata; then, if that is wanted, all is
 * read again.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/tree_cursor.h"
#include "agent/sync/descriptor_limit.h"
#include "protocol/entry.h"

/* Directories that are held open, and all descriptors beside those of a batch. */
#define HELD 512u
#define DESCRIPTORS (HELD + RESTORE_BATCH_OPEN + 512u)

/* All that a snapshot says of metadata is kept, as far as this process may. */
#define KEPT (LADE_OPTION_PERMS | LADE_OPTION_TIMES | LADE_OPTION_GROUP | LADE_OPTION_OWNER | LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS | LADE_OPTION_ACLS | \
	      LADE_OPTION_XATTRS)

/* ---- what was backed up ---- */

bool restore_is_below_paths(const struct lade_restore *restore, const char *path)
{
	const struct lade_restore_setup *setup = &restore->setup;
	struct lade_writer whole;
	bool below = false;

	lade_writer_init(&whole, SIZE_MAX / 2);
	for (const char *part = setup->subpath ? setup->subpath : ""; *part; ) {
		const size_t len = strcspn(part, "/");

		lade_writer_put_u8(&whole, '/');
		lade_writer_put_bytes(&whole, part, len);
		part += len;
		part += strspn(part, "/");
		if (!len)
			whole.len--;
	}
	lade_writer_put_u8(&whole, '/');
	lade_writer_put_bytes(&whole, path, strlen(path));
	for (size_t i = 0; !whole.error && i < setup->path_count; i++) {
		struct lade_slice top = setup->paths[i];

		while (top.len && top.data[top.len - 1] == '/')
			top.len--;
		below = below || (whole.len >= top.len && (!top.len || memcmp(whole.data, top.data, top.len) == 0) &&
				  (whole.len == top.len || whole.data[top.len] == '/'));
	}
	lade_writer_fini(&whole);
	return below;
}

/* ---- what is told ---- */

void restore_tell(struct lade_restore *restore, const char *path, uint32_t mode, uint64_t len, enum lade_restore_action action)
{
	const struct lade_restore_events *events = restore->setup.events;

	if (S_ISREG(mode) && action == LADE_RESTORE_MADE)
		atomic_fetch_add(&restore->files_made, 1);
	else if (S_ISREG(mode) && action == LADE_RESTORE_UPDATED)
		atomic_fetch_add(&restore->files_updated, 1);
	else if (S_ISREG(mode) && action == LADE_RESTORE_UNCHANGED)
		atomic_fetch_add(&restore->files_unchanged, 1);
	if (action == LADE_RESTORE_MADE || action == LADE_RESTORE_UPDATED)
		atomic_fetch_add(&restore->bytes_made, len);
	else if (action == LADE_RESTORE_UNCHANGED)
		atomic_fetch_add(&restore->bytes_unchanged, len);
	else if (action == LADE_RESTORE_DELETED)
		atomic_fetch_add(&restore->deleted, 1);
	pthread_mutex_lock(&restore->lock);
	events->entry(events->context, path, mode, len, action);
	pthread_mutex_unlock(&restore->lock);
}

void restore_tell_incomplete(struct lade_restore *restore, const char *path)
{
	const struct lade_restore_events *events = restore->setup.events;

	pthread_mutex_lock(&restore->lock);
	events->incomplete(events->context, path);
	pthread_mutex_unlock(&restore->lock);
}

void restore_problem(struct lade_restore *restore, const char *path, const struct lade_fault *fault)
{
	const struct lade_restore_events *events = restore->setup.events;
	struct lade_fault told = *fault;

	/* What a part of the program called it, a name say, or a pack, tells less than the path. */
	if (path[0]) {
		lade_fault_set(&told, fault->code, fault->operation, path);
		told.sys_errno = fault->sys_errno;
	}
	atomic_fetch_add(&restore->errors, 1);
	pthread_mutex_lock(&restore->lock);
	events->problem(events->context, &told);
	pthread_mutex_unlock(&restore->lock);
}

void restore_metadata_problem(struct lade_restore *restore, const char *path, const struct lade_fault *fault)
{
	bool known = false;

	pthread_mutex_lock(&restore->lock);
	for (unsigned i = 0; fault->code == LADE_E_UNSUPPORTED && i < restore->unsupported_count; i++)
		known = known || restore->unsupported[i] == fault->operation;
	if (fault->code == LADE_E_UNSUPPORTED && !known && restore->unsupported_count < RESTORE_UNSUPPORTED_MAX)
		restore->unsupported[restore->unsupported_count++] = fault->operation;
	pthread_mutex_unlock(&restore->lock);
	if (!known)
		restore_problem(restore, path, fault);
}

void restore_fail(struct lade_restore *restore, int error, const struct lade_fault *fault)
{
	pthread_mutex_lock(&restore->lock);
	if (!restore->error) {
		restore->error = error;
		restore->fault = *fault;
	}
	pthread_mutex_unlock(&restore->lock);
	atomic_store(&restore->stopped, true);
}

bool restore_stopped(const struct lade_restore *restore)
{
	return atomic_load(&restore->stopped) || (restore->setup.stop && atomic_load(restore->setup.stop));
}

void lade_restore_stop(struct lade_restore *restore)
{
	atomic_store(&restore->stopped, true);
}

struct lade_restore_figures lade_restore_figures(struct lade_restore *restore)
{
	return (struct lade_restore_figures){
		.files = atomic_load(&restore->files), .directories = atomic_load(&restore->directories), .others = atomic_load(&restore->others),
		.bytes = atomic_load(&restore->bytes), .files_made = atomic_load(&restore->files_made), .files_updated = atomic_load(&restore->files_updated),
		.files_unchanged = atomic_load(&restore->files_unchanged), .bytes_made = atomic_load(&restore->bytes_made),
		.bytes_unchanged = atomic_load(&restore->bytes_unchanged), .bytes_fetched = atomic_load(&restore->bytes_fetched),
		.bytes_local = atomic_load(&restore->bytes_local), .deleted = atomic_load(&restore->deleted), .verified = atomic_load(&restore->verified),
		.errors = atomic_load(&restore->errors),
	};
}

/* ---- the beginning ---- */

int lade_restore_new(const struct lade_restore_setup *setup, struct lade_restore **restore_out)
{
	struct lade_restore *restore = calloc(1, sizeof(*restore));
	mode_t mask;

	if (!restore)
		return LADE_E_MEMORY;
	restore->setup = *setup;
	/* What is made has the modes of the snapshot, so no mask takes part; it is asked for by setting it. */
	mask = umask(0);
	umask(mask);
	lade_keep_init(&restore->keep, KEPT | (setup->dry_run ? LADE_OPTION_DRY_RUN : 0), mask);
	pthread_mutex_init(&restore->lock, NULL);
	pthread_cond_init(&restore->changed, NULL);
	for (unsigned i = 0; i < 2; i++)
		restore->batches[i].files = calloc(RESTORE_BATCH_FILES, sizeof(struct restore_file *));
	if (!restore->batches[0].files || !restore->batches[1].files || lade_inode_map_new(&restore->inodes) || lade_inode_map_new(&restore->learnt) ||
	    lade_movers_new(NULL, &restore->movers) || lade_identities_new(&restore->identities)) {
		lade_restore_free(restore);
		return LADE_E_MEMORY;
	}
	*restore_out = restore;
	return 0;
}

void lade_restore_free(struct lade_restore *restore)
{
	if (!restore)
		return;
	restore_link_free(restore);
	lade_directories_close(restore->tree);
	lade_identities_free(restore->identities);
	lade_movers_free(restore->movers);
	lade_inode_map_free(restore->inodes);
	lade_inode_map_free(restore->learnt);
	lade_keep_fini(&restore->keep);
	free(restore->batches[0].files);
	free(restore->batches[1].files);
	pthread_cond_destroy(&restore->changed);
	pthread_mutex_destroy(&restore->lock);
	free(restore);
}

/* Make the target, with the directories above it that are missing. Returns 0 or LADE_E_TARGET. */
static int make_target(const char *target, struct lade_fault *fault)
{
	char *path = strdup(target);
	size_t at = 0;
	int error = 0;

	if (!path)
		return lade_fault_set(fault, LADE_E_MEMORY, "make directory", target);
	do {
		at += strspn(target + at, "/");
		at += strcspn(target + at, "/");
		path[at] = '\0';
		if (at && mkdir(path, 0777) && errno != EEXIST)
			error = lade_fault_set(fault, LADE_E_TARGET, "make directory", target);
		path[at] = target[at];
	} while (!error && target[at]);
	free(path);
	return error;
}

static int open_target(struct lade_restore *restore, struct lade_fault *fault)
{
	const char *target = restore->setup.target;
	struct stat st;
	int fd, error = lade_directories_open(target, HELD, &restore->tree, fault);

	if (error == LADE_E_ABSENT && restore->setup.dry_run) {
		restore->no_target = true;
		return lade_directories_open("/", HELD, &restore->tree, fault);
	}
	if (error == LADE_E_ABSENT) {
		error = make_target(target, fault);
		if (!error)
			error = lade_directories_open(target, HELD, &restore->tree, fault);
	}
	if (error || restore->setup.dry_run)
		return error;
	error = lade_directory_pin(lade_directories_root(restore->tree), &fd, fault);
	if (error)
		return error;
	if (fstat(fd, &st) == 0) {
		restore->device = st.st_dev;
		restore->unnamed = lade_temporary_unnamed_works(fd, "lade");
	}
	lade_directory_unpin(lade_directories_root(restore->tree));
	return 0;
}

/* Have all files be made that were met, and all directories be complete. */
static int make_all(struct lade_restore *restore, struct lade_fault *fault)
{
	int error = restore_batch_start(restore, fault);

	if (error)
		return error;
	error = restore_walk(restore, false, fault);
	restore_batch_end(restore);
	if (!error && !restore_stopped(restore) && !restore->setup.dry_run)
		restore_link_all(restore);
	restore_link_free(restore);
	return error;
}

static int check_all(struct lade_restore *restore, struct lade_fault *fault)
{
	int error = restore_batch_start(restore, fault);

	if (error)
		return error;
	error = restore_walk(restore, true, fault);
	restore_batch_end(restore);
	return error;
}

int lade_restore_run(struct lade_restore *restore, struct lade_fault *fault)
{
	int error;

	lade_descriptor_limit_raise(DESCRIPTORS);
	error = open_target(restore, fault);
	if (!error)
		error = make_all(restore, fault);
	if (!error && restore->setup.verify && !restore->setup.dry_run && !restore_stopped(restore))
		error = check_all(restore, fault);
	if (!error && restore->error) {
		error = restore->error;
		*fault = restore->fault;
	}
	if (!error && restore_stopped(restore))
		error = lade_fault_set(fault, LADE_E_CANCELLED, "restore", restore->setup.target);
	return error;
}
