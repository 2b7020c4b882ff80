/*
 * [entry] A directory counts what it waits for: entries from other threads, and directories in it; and one for the walk until that leaves it. Who takes the last
 * one away makes the stream, and then has delivered to the directory above.
 */
#include "agent/backup/tree.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/entry_copy.h"
#include "agent/store/stream.h"
#include "protocol/grow.h"

/* All that is encoded of one directory's entries at once; 10^7 entries are some 1.5 GB. */
#define ENTRIES_MAX ((size_t)64 << 30)

/* Bytes of a directory's entries that are put at once by who leaves it: to wake another thread for them costs as much. */
#define SMALL_LEN 16384u

/* An encoded entry in the directory's bytes. */
struct item {
	size_t off;
	uint32_t len;
	uint16_t name_len;
	uint32_t name_off; /* from off */
};

struct lade_tree_directory {
	struct lade_pool_job job; /* to make the stream */
	struct lade_tree *tree;
	struct lade_tree_directory *parent;
	struct lade_tree_directory *next; /* of all that there are, so that they are freed after a failure */
	struct lade_tree_directory **link;
	pthread_mutex_t lock; /* of all below */
	size_t waits;
	struct lade_writer bytes; /* of the entries: name, then the encoded entry */
	struct item *items;
	size_t count, capacity;
	struct lade_stream_entry entry; /* its own; what it points to is owned */
	uint8_t *owned;
};

struct lade_tree {
	const struct lade_backup_shared *shared;
	struct lade_tree_directory *root;
	pthread_mutex_t lock; /* of all below */
	struct lade_tree_directory *all;
	struct lade_writer recipe; /* of the root */
	bool done;
	int error;
	struct lade_fault fault;
};

/* ---- directories ---- */

static int new_directory(struct lade_tree *tree, struct lade_tree_directory *parent, struct lade_tree_directory **directory_out)
{
	struct lade_tree_directory *directory = calloc(1, sizeof(*directory));

	if (!directory)
		return LADE_E_MEMORY;
	directory->tree = tree;
	directory->parent = parent;
	directory->waits = 1;
	pthread_mutex_init(&directory->lock, NULL);
	lade_writer_init(&directory->bytes, ENTRIES_MAX);
	pthread_mutex_lock(&tree->lock);
	directory->next = tree->all;
	directory->link = &tree->all;
	if (tree->all)
		tree->all->link = &directory->next;
	tree->all = directory;
	pthread_mutex_unlock(&tree->lock);
	*directory_out = directory;
	return 0;
}

static void free_directory(struct lade_tree_directory *directory)
{
	struct lade_tree *tree = directory->tree;

	pthread_mutex_lock(&tree->lock);
	*directory->link = directory->next;
	if (directory->next)
		directory->next->link = directory->link;
	pthread_mutex_unlock(&tree->lock);
	pthread_mutex_destroy(&directory->lock);
	lade_writer_fini(&directory->bytes);
	free(directory->items);
	free(directory->owned);
	free(directory);
}

static void fail(struct lade_tree *tree, int error, const struct lade_fault *fault)
{
	pthread_mutex_lock(&tree->lock);
	if (!tree->error) {
		tree->error = error;
		tree->fault = *fault;
	}
	pthread_mutex_unlock(&tree->lock);
}

int lade_tree_new(const struct lade_backup_shared *shared, struct lade_tree **tree_out)
{
	struct lade_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return LADE_E_MEMORY;
	tree->shared = shared;
	pthread_mutex_init(&tree->lock, NULL);
	lade_writer_init(&tree->recipe, LADE_BACKUP_RECIPE_MAX);
	if (new_directory(tree, NULL, &tree->root)) {
		lade_tree_free(tree);
		return LADE_E_MEMORY;
	}
	*tree_out = tree;
	return 0;
}

void lade_tree_free(struct lade_tree *tree)
{
	struct lade_tree_directory *next;

	if (!tree)
		return;
	for (struct lade_tree_directory *directory = tree->all; directory; directory = next) {
		next = directory->next;
		free_directory(directory);
	}
	pthread_mutex_destroy(&tree->lock);
	lade_writer_fini(&tree->recipe);
	free(tree);
}

struct lade_tree_directory *lade_tree_root(struct lade_tree *tree)
{
	return tree->root;
}

/* ---- entries ---- */

/* Copy what is known of a directory; there is no recipe yet. */
static int own_entry(struct lade_tree_directory *directory, const struct lade_stream_entry *entry)
{
	directory->owned = malloc(lade_entry_copy_len(entry));
	if (!directory->owned)
		return LADE_E_MEMORY;
	lade_entry_copy(entry, directory->owned, &directory->entry);
	return 0;
}

int lade_tree_enter(struct lade_tree_directory *parent, const struct lade_stream_entry *entry, struct lade_tree_directory **directory_out)
{
	struct lade_tree_directory *directory;
	int error = new_directory(parent->tree, parent, &directory);

	if (!error)
		error = own_entry(directory, entry);
	if (error)
		return error;
	lade_tree_expect(parent);
	*directory_out = directory;
	return 0;
}

void lade_tree_expect(struct lade_tree_directory *directory)
{
	pthread_mutex_lock(&directory->lock);
	directory->waits++;
	pthread_mutex_unlock(&directory->lock);
}

int lade_tree_add(struct lade_tree_directory *directory, struct lade_slice name, struct lade_slice entry)
{
	struct item *items;
	int error = LADE_E_MEMORY;

	pthread_mutex_lock(&directory->lock);
	items = lade_grown(directory->items, directory->count, &directory->capacity, sizeof(*items));
	if (items) {
		directory->items = items;
		items[directory->count] = (struct item){ .off = directory->bytes.len + name.len, .len = (uint32_t)entry.len, .name_off = (uint32_t)name.len, .name_len = (uint16_t)name.len };
		lade_writer_put_bytes(&directory->bytes, name.data, name.len);
		lade_writer_put_bytes(&directory->bytes, entry.data, entry.len);
		error = directory->bytes.error;
	}
	if (!error)
		directory->count++;
	pthread_mutex_unlock(&directory->lock);
	return error;
}

/* ---- the stream ---- */

static int compare_items(const void *a, const void *b, void *bytes)
{
	const struct item *one = a, *other = b;
	const uint8_t *data = bytes;
	const size_t len = one->name_len < other->name_len ? one->name_len : other->name_len;
	const int difference = memcmp(data + one->off - one->name_off, data + other->off - other->name_off, len);

	return difference ? difference : (one->name_len > other->name_len) - (one->name_len < other->name_len);
}

/* Make the stream of a directory that is complete. */
static int put_stream(struct lade_tree_directory *directory, struct lade_backup_worker *worker, struct lade_writer *recipe, struct lade_fault *fault)
{
	const struct lade_stream_sink sink = lade_backup_worker_sink(worker);
	struct lade_stream_writer *stream;
	int error = lade_stream_writer_new(&sink, LADE_CHUNK_ENTRIES, &stream);

	if (error)
		return lade_fault_set(fault, error, "store a directory", NULL);
	if (directory->count)
		qsort_r(directory->items, directory->count, sizeof(directory->items[0]), compare_items, directory->bytes.data);
	for (size_t i = 0; i < directory->count && !error; i++)
		error = lade_stream_writer_feed(stream, lade_slice(directory->bytes.data + directory->items[i].off, directory->items[i].len), fault);
	if (!error)
		error = lade_stream_writer_finish(stream, recipe, fault);
	lade_stream_writer_free(stream);
	return error;
}

/* Its own entry, in the directory above. */
static int put_entry(struct lade_tree_directory *directory, struct lade_slice recipe)
{
	struct lade_writer writer;
	int error;

	lade_writer_init(&writer, LADE_BACKUP_ENTRY_MAX);
	directory->entry.recipe = recipe;
	directory->entry.fields |= LADE_ENTRY_RECIPE;
	error = lade_stream_entry_put(&writer, &directory->tree->shared->lengths, &directory->entry);
	if (!error)
		error = lade_tree_add(directory->parent, directory->entry.name, lade_slice(writer.data, writer.len));
	lade_writer_fini(&writer);
	return error;
}

static void complete(struct lade_tree_directory *directory, struct lade_backup_worker *worker)
{
	struct lade_tree *tree = directory->tree;
	struct lade_writer recipe;
	struct lade_fault fault;
	int error;

	lade_writer_init(&recipe, LADE_BACKUP_RECIPE_MAX);
	error = put_stream(directory, worker, &recipe, &fault);
	if (!error && directory->parent) {
		error = put_entry(directory, lade_slice(recipe.data, recipe.len));
		if (error)
			lade_fault_set_bytes(&fault, error, "store the directory", directory->entry.name.data, directory->entry.name.len);
	} else if (!error) {
		pthread_mutex_lock(&tree->lock);
		tree->recipe = recipe;
		tree->done = true;
		pthread_mutex_unlock(&tree->lock);
		lade_writer_init(&recipe, 0);
	}
	if (error)
		fail(tree, error, &fault);
	lade_writer_fini(&recipe);
}

/* One wait less. True if it was the last. */
static bool waited(struct lade_tree_directory *directory)
{
	bool last;

	pthread_mutex_lock(&directory->lock);
	last = --directory->waits == 0;
	pthread_mutex_unlock(&directory->lock);
	return last;
}

/* Complete the directory, and those above as far as it was what they waited for. */
static void complete_up(struct lade_tree_directory *directory, struct lade_backup_worker *worker)
{
	struct lade_tree_directory *parent;

	do {
		parent = directory->parent;
		complete(directory, worker);
		free_directory(directory);
		directory = parent;
	} while (directory && waited(directory));
}

void lade_tree_deliver(struct lade_tree_directory *directory, struct lade_backup_worker *worker)
{
	if (waited(directory))
		complete_up(directory, worker);
}

static void run_complete(struct lade_pool_job *job, void *worker)
{
	complete_up((struct lade_tree_directory *)job, worker);
}

void lade_tree_leave(struct lade_tree_directory *directory, struct lade_backup_worker *worker)
{
	if (!waited(directory))
		return;
	if (directory->bytes.len <= SMALL_LEN) {
		complete_up(directory, worker);
	} else {
		directory->job.run = run_complete;
		lade_pool_add(directory->tree->shared->pool, &directory->job);
	}
}

int lade_tree_finish(struct lade_tree *tree, struct lade_slice *recipe_out, struct lade_fault *fault)
{
	if (tree->error) {
		*fault = tree->fault;
		return tree->error;
	}
	if (!tree->done)
		return lade_fault_set(fault, LADE_E_CANCELLED, "back up", NULL);
	*recipe_out = lade_slice(tree->recipe.data, tree->recipe.len);
	return 0;
}
