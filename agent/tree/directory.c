/*
 * Handles of directories and the bounded set of their descriptors.
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
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/directory_internal.h"
#include "agent/tree/directory_open.h"

#define HELD_MIN 4u

struct lade_directory {
	struct lade_directories *table;
	struct lade_directory *parent; /* referenced; NULL for the root */
	struct lade_directory *newer;  /* neighbours in idle, or NULL */
	struct lade_directory *older;
	void *user;
	void (*on_free)(struct lade_directory *directory, void *user);
	atomic_size_t refs;
	size_t pins;
	dev_t dev; /* of the first opening; valid if known */
	ino_t ino;
	int fd; /* or -1 */
	bool known;
	bool opening; /* a thread is opening it without the lock */
	uint8_t name_len;
	char name[]; /* NUL-terminated */
};

struct lade_directories {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* some handle is no longer `opening` */
	struct lade_directory *root;
	struct lade_directory *newest; /* both ends of idle */
	struct lade_directory *oldest;
	unsigned held;
	unsigned open_count;
	enum lade_directory_way way; /* decided when the table is opened; see lade_directories_follow() */
};

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

static void close_if_open(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

static void pin_locked(struct lade_directory *directory)
{
	if (directory->pins++ == 0 && directory->parent)
		idle_remove(directory);
}

/* Opening a handle. */

/* Path from above (an ancestor) down to directory; allocated, length in *len_out. */
static char *path_between(const struct lade_directory *above,
			  const struct lade_directory *directory, size_t *len_out)
{
	const struct lade_directory *at;
	size_t len = 0;
	char *path, *end;

	for (at = directory; at != above; at = at->parent)
		len += at->name_len + 1u;
	path = malloc(len ? len : 1);
	if (!path)
		return NULL;
	end = path + (len ? len - 1 : 0);
	*end = '\0';
	*len_out = (size_t)(end - path);
	for (at = directory; at != above; at = at->parent) {
		end -= at->name_len;
		memcpy(end, at->name, at->name_len);
		if (at->parent != above)
			*--end = '/';
	}
	return path;
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
		name = path = path_between(above, directory, &len);
		if (!path) {
			errno = ENOMEM;
			return -1;
		}
	}
	for (;;) {
		fd = lade_directory_open_below(table->way, above->fd, name, len);
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
		return pin_one(directory, fd_out, fault);
	code = pin_one(witness, &fd, fault);
	if (code)
		return code;
	code = pin_one(directory, fd_out, fault);
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

/* Handles. */

static struct lade_directory *directory_alloc(const char *name, size_t name_len)
{
	struct lade_directory *directory = calloc(1, sizeof(*directory) + name_len + 1);

	if (!directory)
		return NULL;
	atomic_init(&directory->refs, 1);
	directory->fd = -1;
	directory->name_len = (uint8_t)name_len;
	memcpy(directory->name, name, name_len);
	return directory;
}

int lade_directory_new(struct lade_directory *parent, const char *name, size_t name_len, void *user,
		       void (*on_free)(struct lade_directory *directory, void *user),
		       struct lade_directory **directory_out, struct lade_fault *fault)
{
	struct lade_directory *directory;

	if (!lade_directory_open_is_name(name, name_len))
		return lade_fault_set_bytes(fault, LADE_E_REFUSED, "use the name", name, name_len);
	directory = directory_alloc(name, name_len);
	if (!directory)
		return lade_fault_set_bytes(fault, LADE_E_MEMORY, "open directory", name, name_len);
	directory->table = parent->table;
	directory->parent = lade_directory_ref(parent);
	directory->user = user;
	directory->on_free = on_free;
	*directory_out = directory;
	return 0;
}

struct lade_directory *lade_directory_ref(struct lade_directory *directory)
{
	/* The caller has one reference, so the last cannot go meanwhile. */
	atomic_fetch_add_explicit(&directory->refs, 1, memory_order_relaxed);
	return directory;
}

/* Drop one reference, unless it is the last: then false, and the reference is still there. */
static bool unref_unless_last(struct lade_directory *directory)
{
	size_t refs = atomic_load_explicit(&directory->refs, memory_order_acquire);

	assert(refs > 0);
	/* Release: what was done under this reference comes before the freeing by whoever has the last. */
	while (refs > 1)
		if (atomic_compare_exchange_weak_explicit(&directory->refs, &refs, refs - 1, memory_order_release,
							  memory_order_acquire))
			return true;
	return false;
}

/* Free a handle that only the caller references. */
static void directory_free(struct lade_directory *directory)
{
	struct lade_directories *table = directory->table;
	int fd;

	if (directory->on_free)
		directory->on_free(directory, directory->user);
	pthread_mutex_lock(&table->lock);
	assert(atomic_load(&directory->refs) == 1 && directory->pins == 0 && !directory->opening);
	fd = directory->fd;
	if (fd >= 0) {
		idle_remove(directory);
		table->open_count--;
	}
	pthread_mutex_unlock(&table->lock);
	close_if_open(fd);
	free(directory);
}

/* A loop, not a recursion: the chain of parents may be as deep as a peer likes. */
void lade_directory_unref(struct lade_directory *directory)
{
	struct lade_directory *parent;

	while (directory && !unref_unless_last(directory)) {
		parent = directory->parent;
		directory_free(directory);
		directory = parent;
	}
}

void *lade_directory_user(const struct lade_directory *directory)
{
	return directory->user;
}

struct lade_directory *lade_directory_parent(const struct lade_directory *directory)
{
	return directory->parent;
}

const char *lade_directory_name(const struct lade_directory *directory)
{
	return directory->name;
}

char *lade_directory_path(const struct lade_directory *directory, const char *name)
{
	size_t name_len = name ? strlen(name) : 0, len;
	char *path = path_between(directory->table->root, directory, &len), *longer;

	if (!path || name_len == 0)
		return path;
	longer = realloc(path, len + 1 + name_len + 1);
	if (!longer) {
		free(path);
		return NULL;
	}
	if (len)
		longer[len++] = '/';
	memcpy(longer + len, name, name_len + 1);
	return longer;
}

/* The table. */

int lade_directories_open(const char *path, unsigned held,
			  struct lade_directories **directories_out, struct lade_fault *fault)
{
	struct lade_directories *table = calloc(1, sizeof(*table));
	struct lade_directory *root = directory_alloc("", 0);
	struct stat st;
	int code;

	if (!table || !root) {
		code = lade_fault_set(fault, LADE_E_MEMORY, "open directory", path);
		goto out;
	}
	root->fd = lade_directory_open_root(path);
	if (root->fd < 0 || fstat(root->fd, &st) != 0) {
		/* A root that is no directory is the user's slip, no attack: not REFUSED. */
		code = lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM,
				      "open directory", path);
		goto out;
	}
	root->table = table;
	root->known = true;
	root->dev = st.st_dev;
	root->ino = st.st_ino;
	root->pins = 1;
	table->root = root;
	table->open_count = 1;
	table->held = held == 0 ? LADE_DIRECTORIES_HELD : held < HELD_MIN ? HELD_MIN : held;
	table->way = lade_directory_open_probe(root->fd) ? LADE_DIRECTORY_CONFINED : LADE_DIRECTORY_PLAIN;
	pthread_mutex_init(&table->lock, NULL);
	pthread_cond_init(&table->settled, NULL);
	*directories_out = table;
	return 0;
out:
	if (root)
		close_if_open(root->fd);
	free(root);
	free(table);
	return code;
}

void lade_directories_close(struct lade_directories *directories)
{
	if (!directories)
		return;
	assert(atomic_load(&directories->root->refs) == 1 && directories->root->pins == 1);
	assert(directories->open_count == 1);
	close(directories->root->fd);
	free(directories->root);
	pthread_cond_destroy(&directories->settled);
	pthread_mutex_destroy(&directories->lock);
	free(directories);
}

struct lade_directory *lade_directories_root(struct lade_directories *directories)
{
	return directories->root;
}

int lade_directories_resolve(struct lade_directories *directories, const char *path,
			     size_t path_len, int *fd_out, struct lade_fault *fault)
{
	int root_fd = directories->root->fd, fd;

	if (path_len == 0) {
		/* Not dup(): that would share the offset of the root's descriptor. */
		fd = lade_directory_open_below(directories->way, root_fd, ".", 1);
		path = ".";
		path_len = 1;
	} else if (!lade_directory_open_is_path(path, path_len)) {
		return lade_fault_set_bytes(fault, LADE_E_REFUSED, "use the path", path, path_len);
	} else {
		fd = lade_directory_open_below(directories->way, root_fd, path, path_len);
	}
	if (fd < 0)
		return lade_fault_set_bytes(fault, lade_directory_open_code(errno),
					    "open directory", path, path_len);
	*fd_out = fd;
	return 0;
}

void lade_directories_follow(struct lade_directories *directories, bool follow)
{
	if (directories->way != LADE_DIRECTORY_PLAIN)
		directories->way = follow ? LADE_DIRECTORY_LINKS : LADE_DIRECTORY_CONFINED;
}

/* For tests. */

void lade_directories_force_plain(struct lade_directories *directories)
{
	directories->way = LADE_DIRECTORY_PLAIN;
}

unsigned lade_directories_open_count(struct lade_directories *directories)
{
	unsigned count;

	pthread_mutex_lock(&directories->lock);
	count = directories->open_count;
	pthread_mutex_unlock(&directories->lock);
	return count;
}
