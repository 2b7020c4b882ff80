/*
 * One directory after the other, going down into each as it comes; a reader for each directory on the way. Files of long recipes have their lists read, so that all chunks
 * are known by name. An inode is not in a snapshot: size, times and mode have to do, the time of change among them.
 */
#include "agent/backup/known_parent.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backup/worker.h"
#include "agent/store/stream_entry.h"
#include "protocol/limits.h"

/* Directories below each other: agent/store/FORMAT.md, section 9. */
#define DEPTH_MAX 4096u

struct making {
	const struct lade_known_parent *parent;
	struct lade_known_writer *known;
	struct lade_writer path;  /* of where we are, without a NUL */
	struct lade_writer entry, ids;
	struct lade_fault *fault;
};

/* Whoever gets a list notes its name; context is the making. */
static int get_list(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct making *making = context;
	const struct lade_stream_source *source = making->parent->source;

	lade_writer_put_u8(&making->ids, (uint8_t)kind);
	lade_writer_put_bytes(&making->ids, item->id, sizeof(item->id));
	return source->get(source->context, kind, item, out, fault);
}

/* The names of all chunks of a recipe that has lists. */
static int note_ids(struct making *making, const struct lade_stream_recipe *recipe)
{
	const struct lade_stream_source source = { .get = get_list, .context = making, .lengths = making->parent->source->lengths };
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	int result;

	if (recipe->depth < 2)
		return 0;
	if (lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, recipe, &cursor))
		return lade_fault_set(making->fault, LADE_E_MEMORY, "read the snapshot before", NULL);
	while ((result = lade_recipe_cursor_next(cursor, &item, NULL, making->fault)) == 1) {
		lade_writer_put_u8(&making->ids, LADE_CHUNK_CONTENT);
		lade_writer_put_bytes(&making->ids, item.id, sizeof(item.id));
	}
	lade_recipe_cursor_free(cursor);
	return result;
}

static int get_recipe(const struct making *making, struct lade_slice encoded, struct lade_stream_recipe *recipe_out)
{
	struct lade_reader reader;

	lade_reader_init(&reader, encoded.data, encoded.len);
	return lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &making->parent->source->lengths, recipe_out);
}

static int note_recipe(struct making *making, struct lade_slice encoded, uint64_t *len_out)
{
	struct lade_stream_recipe recipe;

	if (get_recipe(making, encoded, &recipe))
		return lade_fault_set(making->fault, LADE_E_CHANGED, "read the snapshot before", NULL);
	*len_out = recipe.length;
	return note_ids(making, &recipe);
}

/* Add a file whose path is set; one that changed while it was read is to be read again. */
static int add_file(struct making *making, const struct lade_stream_entry *entry)
{
	const uint32_t needed = LADE_ENTRY_RECIPE | LADE_ENTRY_MTIME | LADE_ENTRY_TIMES;
	struct stat st = { .st_mode = entry->mode, .st_mtim = { entry->mtime.s, entry->mtime.ns }, .st_ctim = { entry->ctime.s, entry->ctime.ns } };
	struct lade_known_file file;
	uint64_t len = 0, holes_len;
	int error;

	if ((entry->fields & needed) != needed || (entry->fields & LADE_ENTRY_INCOMPLETE))
		return 0;
	lade_writer_reset(&making->ids);
	lade_writer_reset(&making->entry);
	error = note_recipe(making, entry->recipe, &len);
	if (!error && (entry->fields & LADE_ENTRY_HOLES))
		error = note_recipe(making, entry->holes_recipe, &holes_len);
	if (error)
		return error;
	st.st_size = (off_t)len;
	lade_writer_put_u8(&making->path, 0);
	if (!making->path.error && !making->ids.error && lade_stream_entry_put(&making->entry, &making->parent->source->lengths, entry) == 0) {
		file = (struct lade_known_file){ lade_slice(making->entry.data, making->entry.len), lade_slice(making->ids.data, making->ids.len) };
		lade_known_add(making->known, (const char *)making->path.data, &st, &file);
	}
	return 0;
}

static int add_directory(struct making *making, struct lade_slice encoded, unsigned depth);

static int add_entry(struct making *making, const struct lade_stream_entry *entry, unsigned depth)
{
	const size_t len = making->path.len;
	int error = 0;

	lade_writer_put_u8(&making->path, '/');
	lade_writer_put_bytes(&making->path, entry->name.data, entry->name.len);
	if (S_ISDIR(entry->mode) && (entry->fields & LADE_ENTRY_RECIPE))
		error = add_directory(making, entry->recipe, depth + 1);
	else if (S_ISREG(entry->mode))
		error = add_file(making, entry);
	making->path.len = len;
	making->path.error = 0;
	return error;
}

static int open_directory(const struct making *making, struct lade_slice encoded, struct lade_entry_stream_reader **reader_out)
{
	struct lade_stream_recipe recipe;
	struct lade_reader bytes;

	lade_reader_init(&bytes, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&bytes, LADE_CHUNK_ENTRIES, &making->parent->source->lengths, &recipe))
		return lade_fault_set(making->fault, LADE_E_CHANGED, "read the snapshot before", NULL);
	if (lade_entry_stream_reader_new(making->parent->source, &recipe, reader_out))
		return lade_fault_set(making->fault, LADE_E_MEMORY, "read the snapshot before", NULL);
	return 0;
}

/* A function that calls itself, as deep as directories may be: it has little on the stack. */
static int add_directory(struct making *making, struct lade_slice encoded, unsigned depth)
{
	struct lade_entry_stream_reader *reader = NULL;
	struct lade_stream_entry entry;
	int result;

	if (depth > DEPTH_MAX)
		return lade_fault_set(making->fault, LADE_E_LIMIT, "read the snapshot before", NULL);
	result = open_directory(making, encoded, &reader);
	if (result)
		return result;
	while ((result = lade_entry_stream_reader_next(reader, &entry, making->fault)) == 1) {
		result = add_entry(making, &entry, depth);
		if (result)
			break;
	}
	lade_entry_stream_reader_free(reader);
	return result;
}

int lade_known_parent_make(const struct lade_known_parent *parent, struct lade_fault *fault)
{
	const struct lade_known_file last = { .entry = parent->root, .ids = lade_slice(parent->snapshot, LADE_HASH_LEN) };
	const struct stat none = { 0 };
	struct making making = { .parent = parent, .fault = fault };
	int error = lade_known_begin(parent->directory_fd, parent->setup, false, &making.known, fault);

	if (error)
		return error;
	lade_writer_init(&making.path, (size_t)LADE_PATH_MAX * 64);
	lade_writer_init(&making.entry, LADE_BACKUP_ENTRY_MAX);
	lade_writer_init(&making.ids, LADE_KNOWN_IDS_MAX);
	lade_known_add(making.known, LADE_KNOWN_LAST, &none, &last);
	error = add_directory(&making, parent->root, 0);
	if (error)
		lade_known_abandon(making.known);
	else
		error = lade_known_commit(making.known, parent->name, fault);
	lade_writer_fini(&making.path);
	lade_writer_fini(&making.entry);
	lade_writer_fini(&making.ids);
	return error;
}
