/*
 * The bounded set of the descriptors of a table's directories.
 *
 * One mutex per table guards pins, descriptors, identities and
 * the order of use; it is never held over a system call that may wait. A handle
 * that is being opened is marked `opening`, and whoever else wants it waits for
 * `settled`. Names and parents never change, and a handle keeps its parent alive:
 * they are read without the lock.
 *
 * Invariants: `idle` holds exactly the handles with a descriptor and no pin, most
 * recently used first (the root is pinned for good, so never among them);
 * open_count is the number of handles with a descriptor or marked `opening`;
 * open_count > held only while `idle` is empty.
 *
 * Nothing here recurses along the depth of a tree, which a peer may choose.
 *
 * Limits: a directory that was removed while its descriptor was closed, and whose
 * inode number went to a new directory under the same name, is taken for the old
 * one. That is still inside the root: only the identity of the directory is in
 * doubt, never the confinement.
 */
#include "agent/tree/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/directory_internal.h"
#include "agent/tree/directory_open.h"

/* errno stays as it is. */
static void close_if_open(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

static int fail(struct lade_fault *fault, int code, const struct lade_directory *directory)
{
	int saved = errno;
	char *path = fault ? lade_directory_path(directory, NULL) : NULL;

	errno = saved;
	lade_fault_set(fault, code, "open directory", path && !*path ? "." : path);
	free(path);
	return code;
}

/* The set of open descriptors; all under the lock. */

static void idle_push(struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;

	directory->newer = NULL;
	directory->older = table->newest;
	if (table->newest)
		table->newest->newer = directory;
	else
		table->oldest = directory;
	table->newest = directory;
}

static void idle_remove(struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;

	if (directory->newer)
		directory->newer->older = directory->older;
	else
		table->newest = directory->older;
	if (directory->older)
		directory->older->newer = directory->newer;
	else
		table->oldest = directory->newer;
	directory->newer = directory->older = NULL;
}

/* Give up the least recently used descriptor (-1 if all are pinned); closed without the lock. */
static int idle_evict(struct lade_directories *table)
{
	struct lade_directory *victim = table->oldest;
	int fd;

	if (!victim)
		return -1;
	idle_remove(victim);
	fd = victim->fd;
	victim->fd = -1;
	table->open_count--;
	return fd;
}

static int evict_above(struct lade_directories *table, unsigned held)
{
	return table->open_count > held ? idle_evict(table) : -1;
}

static void pin_locked(struct lade_directory *directory)
{
	if (directory->pins++ == 0 && directory->parent)
		idle_remove(directory);
}

/* Opening a handle. */

/* Open directory, which is followed, by its whole path below the base. */
static int open_below_base(const struct lade_directory *directory)
{
	int fd = lade_directory_open_followed(directory, -1, NULL, O_RDONLY | O_DIRECTORY);

	return fd < 0 && errno == EACCES ? lade_directory_open_followed(directory, -1, NULL, O_PATH | O_DIRECTORY) : fd;
}

/* Open the last component of a path below at_fd through whatever symlink it is; nothing before it is one. Returns a descriptor, or -1 with errno. */
static int open_followed(const struct lade_directory *directory, int at_fd, const char *path, size_t len)
{
	const struct lade_directories *table = directory->table;
	const char *slash = memrchr(path, '/', len);
	int fd = at_fd, result;

	if (table->base)
		return open_below_base(directory);
	if (slash)
		fd = lade_directory_open_below(table->way, at_fd, path, (size_t)(slash - path));
	if (fd < 0)
		return -1;
	result = lade_directory_open_through(fd, slash ? slash + 1 : path);
	close_if_open(slash ? fd : -1);
	return result;
}

/*
 * Open directory below `above`, whose descriptor is pinned. No lock is held.
 * Returns a descriptor, or -1 with errno.
 */
static int open_from(const struct lade_directory *above, const struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;
	char *path = NULL;
	const char *name = directory->name;
	size_t len = directory->name_len;
	int fd, victim, saved;

	if (directory->parent != above) {
		name = path = lade_directory_path_between(above, directory, &len);
		if (!path) {
			errno = ENOMEM;
			return -1;
		}
	}
	for (;;) {
		fd = directory->followed ? open_followed(directory, above->fd, name, len) :
			lade_directory_open_below(table->way, above->fd, name, len);
		saved = errno;
		if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
			break;
		/* The process is short of descriptors, we are below our bound: give some back. */
		pthread_mutex_lock(&table->lock);
		victim = idle_evict(table);
		pthread_mutex_unlock(&table->lock);
		if (victim < 0)
			break;
		close_if_open(victim);
	}
	free(path);
	errno = saved;
	return fd;
}

/* Take over a freshly opened descriptor, or note that there is none. Under the lock. */
static int settle_locked(struct lade_directory *directory, int fd, const struct stat *st)
{
	struct lade_directories *table = directory->table;

	directory->opening = false;
	pthread_cond_broadcast(&table->settled);
	if (fd < 0 ||
	    (directory->known && (directory->dev != st->st_dev || directory->ino != st->st_ino))) {
		table->open_count--;
		return fd < 0 ? LADE_E_SYSTEM : LADE_E_CHANGED;
	}
	directory->known = true;
	directory->dev = st->st_dev;
	directory->ino = st->st_ino;
	directory->fd = fd;
	directory->pins = 1;
	return 0;
}

static void unpin_locked(struct lade_directory *directory, int *victim_out)
{
	assert(directory->pins > 0);
	if (--directory->pins == 0 && directory->parent) {
		idle_push(directory);
		*victim_out = evict_above(directory->table, directory->table->held);
	}
}

/* Open a closed handle and pin it. Called with the lock, returns without. */
static int pin_closed(struct lade_directory *directory, int *fd_out, struct lade_fault *fault)
{
	struct lade_directories *table = directory->table;
	struct lade_directory *above = directory->parent;
	int fd, code, victim, second = -1;
	struct stat st;

	/* A symlink may lead above any other directory, though not above the root. */
	while (above->fd < 0 || (table->way == LADE_DIRECTORY_LINKS && above->parent))
		above = above->parent;
	pin_locked(above);
	directory->opening = true;
	table->open_count++;
	victim = evict_above(table, table->held);
	pthread_mutex_unlock(&table->lock);

	close_if_open(victim);
	memset(&st, 0, sizeof(st));
	fd = open_from(above, directory);
	if (fd >= 0 && fstat(fd, &st) != 0) {
		close_if_open(fd);
		fd = -1;
	}
	code = fd < 0 ? lade_directory_open_code(errno) : 0;

	pthread_mutex_lock(&table->lock);
	if (settle_locked(directory, fd, &st) == LADE_E_CHANGED)
		code = LADE_E_CHANGED;
	unpin_locked(above, &second);
	pthread_mutex_unlock(&table->lock);
	close_if_open(second);
	if (code == 0) {
		*fd_out = fd;
		return 0;
	}
	close_if_open(fd);
	return fail(fault, code, directory);
}

static int pin_one(struct lade_directory *directory, int *fd_out, struct lade_fault *fault)
{
	struct lade_directories *table = directory->table;

	pthread_mutex_lock(&table->lock);
	while (directory->fd < 0 && directory->opening)
		pthread_cond_wait(&table->settled, &table->lock);
	if (directory->fd < 0)
		return pin_closed(directory, fd_out, fault);
	pin_locked(directory);
	*fd_out = directory->fd;
	pthread_mutex_unlock(&table->lock);
	return 0;
}

/*
 * The nearest ancestor whose identity is on record while its descriptor is closed:
 * it must prove to be the same before a directory below it is opened for the first
 * time. NULL if there is none, or directory itself is on record.
 */
static struct lade_directory *closed_witness(struct lade_directory *directory)
{
	struct lade_directory *above = directory;

	if (directory->fd >= 0 || directory->known)
		return NULL;
	while (above->fd < 0 && !above->known)
		above = above->parent;
	return above->fd < 0 ? above : NULL;
}

/* The closed handle nearest to the open ones that is above directory and is followed: one call cannot go through it. NULL: there is none. */
static struct lade_directory *closed_turn(struct lade_directory *directory)
{
	struct lade_directory *turn = NULL;

	for (struct lade_directory *above = directory; above->fd < 0; above = above->parent)
		if (above->followed && above != directory)
			turn = above;
	return turn;
}

/* Pin directory, and on the way down to it those that are followed, each while the next one is opened. */
static int pin_through(struct lade_directory *directory, int *fd_out, struct lade_fault *fault)
{
	struct lade_directories *table = directory->table;
	struct lade_directory *last = NULL, *turn;
	int code = 0;

	do {
		pthread_mutex_lock(&table->lock);
		turn = closed_turn(directory);
		pthread_mutex_unlock(&table->lock);
		code = pin_one(turn ? turn : directory, fd_out, fault);
		if (last)
			lade_directory_unpin(last);
		last = turn;
	} while (turn && !code);
	return code;
}

int lade_directory_pin(struct lade_directory *directory, int *fd_out, struct lade_fault *fault)
{
	struct lade_directories *table = directory->table;
	struct lade_directory *witness;
	int code, fd;

	pthread_mutex_lock(&table->lock);
	if (directory->fd >= 0) {
		pin_locked(directory);
		*fd_out = directory->fd;
		pthread_mutex_unlock(&table->lock);
		return 0;
	}
	witness = closed_witness(directory);
	pthread_mutex_unlock(&table->lock);
	if (!witness)
		return pin_through(directory, fd_out, fault);
	code = pin_through(witness, &fd, fault);
	if (code)
		return code;
	code = pin_through(directory, fd_out, fault);
	lade_directory_unpin(witness);
	return code;
}

void lade_directory_unpin(struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;
	int victim = -1;

	pthread_mutex_lock(&table->lock);
	unpin_locked(directory, &victim);
	pthread_mutex_unlock(&table->lock);
	close_if_open(victim);
}

void lade_directory_close(struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;
	int fd;

	pthread_mutex_lock(&table->lock);
	assert(atomic_load(&directory->refs) == 1 && directory->pins == 0 && !directory->opening);
	fd = directory->fd;
	if (fd >= 0) {
		idle_remove(directory);
		table->open_count--;
	}
	pthread_mutex_unlock(&table->lock);
	close_if_open(fd);
}
