/*
 * Handles of directories, and the table of a root. Descriptors are opened, kept and closed in directory_pin.c.
 *
 * Nothing here recurses along the depth of a tree, which a peer may choose.
 */
#include "agent/tree/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/directory_internal.h"
#include "agent/tree/directory_open.h"

#define HELD_MIN 4u

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

int lade_directory_new_followed(struct lade_directory *parent, const char *name, size_t name_len,
				struct lade_directory **directory_out, struct lade_fault *fault)
{
	int code = lade_directory_new(parent, name, name_len, NULL, NULL, directory_out, fault);

	if (!code)
		(*directory_out)->followed = true;
	return code;
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
	if (directory->on_free)
		directory->on_free(directory, directory->user);
	lade_directory_close(directory);
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

bool lade_directory_is_within(const struct lade_directory *directory, const struct stat *st)
{
	struct lade_directories *table = directory->table;
	bool within = false;

	pthread_mutex_lock(&table->lock);
	for (; directory && !within; directory = directory->parent)
		within = directory->known && directory->dev == st->st_dev && directory->ino == st->st_ino;
	pthread_mutex_unlock(&table->lock);
	return within;
}

char *lade_directory_path_between(const struct lade_directory *above, const struct lade_directory *directory, size_t *len_out)
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

char *lade_directory_path(const struct lade_directory *directory, const char *name)
{
	size_t name_len = name ? strlen(name) : 0, len;
	char *path = lade_directory_path_between(directory->table->root, directory, &len), *longer;

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

/* ---- below a base ---- */

/* The path of name in directory below above, which is the root's; "" for neither. The caller frees it; NULL: no memory. */
static char *path_below(const char *above, const struct lade_directory *directory, const char *name)
{
	char *below = lade_directory_path(directory, name), *path;
	size_t above_len = strlen(above), len = below ? strlen(below) : 0;

	path = below ? malloc(above_len + len + 2) : NULL;
	if (path) {
		memcpy(path, above, above_len);
		if (above_len && len)
			path[above_len++] = '/';
		memcpy(path + above_len, below, len + 1);
	}
	free(below);
	return path;
}

int lade_directory_open_followed(const struct lade_directory *directory, int fd, const char *name, int flags)
{
	const struct lade_directories *table = directory->table;
	char *path;

	if (!table->base)
		return openat(fd, name, flags | O_CLOEXEC);
	path = path_below(table->named, directory, name);
	fd = path ? lade_place_open(table->base, path, flags) : -1;
	free(path);
	return fd;
}

int lade_directory_stat_followed(const struct lade_directory *directory, int fd, const char *name, struct stat *st)
{
	int result;

	if (!directory->table->base)
		return fstatat(fd, name, st, 0);
	fd = lade_directory_open_followed(directory, fd, name, O_PATH);
	if (fd < 0)
		return -1;
	result = fstat(fd, st);
	close(fd);
	return result;
}

/* True if a symlink may be on the way to directory, which then is somewhere else than its path says. */
static bool is_astray(const struct lade_directory *directory)
{
	if (directory->table->way == LADE_DIRECTORY_LINKS)
		return true;
	while (directory && !directory->followed)
		directory = directory->parent;
	return directory;
}

/* lade_directory_hides() where it really is. What cannot be opened shows nothing. */
static bool hides_really(struct lade_directory *directory, const char *name, bool is_directory)
{
	bool hidden;
	int fd;

	if (lade_directory_pin(directory, &fd, NULL))
		return true;
	hidden = lade_place_hides_in(directory->table->base, fd, name, is_directory);
	lade_directory_unpin(directory);
	return hidden;
}

bool lade_directory_hides(struct lade_directory *directory, const char *name, bool is_directory)
{
	const struct lade_directories *table = directory->table;
	char *path;
	bool hidden;

	if (!table->base || !table->base->hides)
		return false;
	if (is_astray(directory))
		return hides_really(directory, name, is_directory);
	path = path_below(table->real, directory, name);
	hidden = !path || lade_place_hidden(table->base, path, is_directory);
	free(path);
	return hidden;
}

/* The table. */

int lade_directories_open(const char *path, unsigned held,
			  struct lade_directories **directories_out, struct lade_fault *fault)
{
	return lade_directories_open_below(NULL, path, held, directories_out, fault);
}

/* What a table below a base knows of where it is. 0, LADE_E_MEMORY. */
static int locate(struct lade_directories *table, int root_fd, const char *path)
{
	if (!table->base)
		return 0;
	table->named = strdup(path);
	if (table->base->hides) {
		table->real = lade_place_of(table->base, root_fd);
		/* Then it was opened through no symlink. */
		if (!table->real)
			table->real = lade_place_clean(path);
	}
	return table->named && (table->real || !table->base->hides) ? 0 : LADE_E_MEMORY;
}

static void table_free(struct lade_directories *table)
{
	if (!table)
		return;
	free(table->named);
	free(table->real);
	free(table);
}

int lade_directories_open_below(const struct lade_base *base, const char *path, unsigned held,
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
	table->base = base;
	root->fd = lade_directory_open_root(base, path);
	if (root->fd < 0 || fstat(root->fd, &st) != 0) {
		/* A root that is no directory is the user's slip, no attack: not REFUSED. */
		code = lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM,
				      "open directory", path);
		goto out;
	}
	if (locate(table, root->fd, path)) {
		code = lade_fault_set(fault, LADE_E_MEMORY, "open directory", path);
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
	if (root && root->fd >= 0)
		close(root->fd);
	free(root);
	table_free(table);
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
	table_free(directories);
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
