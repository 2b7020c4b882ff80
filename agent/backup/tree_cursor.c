/*
 * A stack of readers of directories, and the path to where the last one is. What cannot be read of a directory costs the rest of that directory and nothing else.
 */
#include "agent/backup/tree_cursor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/grow.h"
#include "protocol/limits.h"

/* Bytes of a path: as deep as the format allows. */
#define PATH_LEN_MAX ((size_t)LADE_TREE_DEPTH_MAX * (LADE_STREAM_NAME_MAX + 1u))

/* A directory that is entered. */
struct level {
	struct lade_entry_stream_reader *reader;
	size_t path_len; /* of its own path */
};

struct lade_tree_cursor {
	struct lade_stream_source source;
	struct level *levels; /* depth of capacity */
	size_t depth, capacity;
	struct lade_writer path; /* of the last step, and a NUL */
	struct lade_stream_entry entry;
	bool is_entry;           /* the last step was one */
};

/* Go into the directory of an encoded recipe, whose path is there. */
static int push(struct lade_tree_cursor *cursor, struct lade_slice encoded, size_t path_len, struct lade_fault *fault)
{
	const char *path = cursor->path.data ? (const char *)cursor->path.data : "";
	struct lade_stream_recipe recipe;
	struct lade_reader reader;
	struct level *grown;
	int error;

	if (cursor->depth > LADE_TREE_DEPTH_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "enter directory", path);
	lade_reader_init(&reader, encoded.data, encoded.len);
	error = lade_stream_recipe_get(&reader, LADE_CHUNK_ENTRIES, &cursor->source.lengths, &recipe);
	if (error || lade_reader_finish(&reader))
		return lade_fault_set(fault, LADE_E_CHANGED, "read directory", path);
	grown = lade_grown(cursor->levels, cursor->depth, &cursor->capacity, sizeof(*cursor->levels));
	if (!grown)
		return lade_fault_set(fault, LADE_E_MEMORY, "read directory", path);
	cursor->levels = grown;
	error = lade_entry_stream_reader_new(&cursor->source, &recipe, &cursor->levels[cursor->depth].reader);
	if (error)
		return lade_fault_set(fault, error, "read directory", path);
	cursor->levels[cursor->depth].path_len = path_len;
	cursor->depth++;
	return 0;
}

static void pop(struct lade_tree_cursor *cursor)
{
	cursor->depth--;
	lade_entry_stream_reader_free(cursor->levels[cursor->depth].reader);
}

int lade_tree_cursor_new(const struct lade_stream_source *source, struct lade_slice recipe, struct lade_tree_cursor **cursor_out, struct lade_fault *fault)
{
	struct lade_tree_cursor *cursor = calloc(1, sizeof(*cursor));
	int error;

	if (!cursor)
		return lade_fault_set(fault, LADE_E_MEMORY, "read directory", "");
	cursor->source = *source;
	lade_writer_init(&cursor->path, PATH_LEN_MAX + LADE_STREAM_NAME_MAX + 2);
	error = push(cursor, recipe, 0, fault);
	if (error) {
		lade_tree_cursor_free(cursor);
		return error;
	}
	*cursor_out = cursor;
	return 0;
}

void lade_tree_cursor_free(struct lade_tree_cursor *cursor)
{
	if (!cursor)
		return;
	while (cursor->depth)
		pop(cursor);
	free(cursor->levels);
	lade_writer_fini(&cursor->path);
	free(cursor);
}

/* Have the path be that of the innermost directory, and of name in it. */
static int set_path(struct lade_tree_cursor *cursor, struct lade_slice name)
{
	const size_t len = cursor->levels[cursor->depth - 1].path_len;

	cursor->path.len = len;
	if (len && name.len)
		lade_writer_put_u8(&cursor->path, '/');
	lade_writer_put_bytes(&cursor->path, name.data, name.len);
	lade_writer_put_u8(&cursor->path, 0);
	return cursor->path.error;
}

static void fill(const struct lade_tree_cursor *cursor, enum lade_tree_step_kind kind, struct lade_tree_step *step_out)
{
	*step_out = (struct lade_tree_step){
		.kind = kind, .entry = kind == LADE_TREE_ENTRY ? &cursor->entry : NULL, .path = (const char *)cursor->path.data, .path_len = cursor->path.len - 1,
		.depth = cursor->depth,
	};
}

int lade_tree_cursor_next(struct lade_tree_cursor *cursor, struct lade_tree_step *step_out, struct lade_fault *fault)
{
	int got;

	cursor->is_entry = false;
	if (!cursor->depth) {
		*step_out = (struct lade_tree_step){ .kind = LADE_TREE_END, .path = "" };
		return 0;
	}
	got = lade_entry_stream_reader_next(cursor->levels[cursor->depth - 1].reader, &cursor->entry, fault);
	if (got == LADE_E_MEMORY || got == LADE_E_CANCELLED)
		return got;
	if (set_path(cursor, got == 1 ? cursor->entry.name : lade_slice(NULL, 0)))
		return lade_fault_set(fault, LADE_E_MEMORY, "read directory", "");
	if (got == 1) {
		cursor->is_entry = true;
		fill(cursor, LADE_TREE_ENTRY, step_out);
		return 0;
	}
	pop(cursor);
	fill(cursor, got ? LADE_TREE_BROKEN : LADE_TREE_LEAVE, step_out);
	if (got)
		lade_fault_set(fault, got, "read directory", step_out->path);
	return 0;
}

int lade_tree_cursor_enter(struct lade_tree_cursor *cursor, struct lade_fault *fault)
{
	if (!cursor->is_entry || !S_ISDIR(cursor->entry.mode) || !(cursor->entry.fields & LADE_ENTRY_RECIPE))
		return lade_fault_set(fault, LADE_E_CHANGED, "read directory", (const char *)cursor->path.data);
	return push(cursor, cursor->entry.recipe, cursor->path.len - 1, fault);
}

/* ---- finding ---- */

/* The entry called name in the directory of a recipe, encoded again to kept: what the reader has goes with it. */
static int find_in(const struct lade_stream_source *source, struct lade_slice recipe, struct lade_slice name, struct lade_writer *kept, struct lade_fault *fault)
{
	struct lade_tree_cursor *cursor;
	struct lade_tree_step step;
	int error = lade_tree_cursor_new(source, recipe, &cursor, fault), order = -1;

	if (error)
		return error;
	while (!error && order < 0) {
		error = lade_tree_cursor_next(cursor, &step, fault);
		if (error)
			break;
		if (step.kind == LADE_TREE_BROKEN)
			error = fault->code;
		else
			order = step.kind == LADE_TREE_ENTRY ? lade_stream_name_compare(step.entry->name, name) : 1;
	}
	if (!error && order > 0)
		error = lade_fault_set_bytes(fault, LADE_E_ABSENT, "find", name.data, name.len);
	if (!error) {
		lade_writer_reset(kept);
		error = lade_stream_entry_put(kept, &source->lengths, step.entry);
		if (error)
			lade_fault_set_bytes(fault, error, "find", name.data, name.len);
	}
	lade_tree_cursor_free(cursor);
	return error;
}

int lade_tree_find(const struct lade_stream_source *source, struct lade_slice recipe, const char *path, struct lade_stream_entry *entry_out,
		   struct lade_writer *kept_out, struct lade_fault *fault)
{
	struct lade_reader reader;
	bool found = false;
	int error;

	lade_writer_init(kept_out, 2 * (size_t)LADE_STREAM_ENTRY_MAX);
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		const size_t len = strcspn(path, "/");

		if (found && (!S_ISDIR(entry_out->mode) || !(entry_out->fields & LADE_ENTRY_RECIPE)))
			return lade_fault_set_bytes(fault, LADE_E_REFUSED, "find (it is below what is no directory)", path, len);
		/* What the recipe is in is written over only when the name was found. */
		error = find_in(source, found ? entry_out->recipe : recipe, lade_slice(path, len), kept_out, fault);
		if (error)
			return error;
		lade_reader_init(&reader, kept_out->data, kept_out->len);
		error = lade_stream_entry_get(&reader, &source->lengths, entry_out);
		if (error)
			return lade_fault_set_bytes(fault, error, "find", path, len);
		found = true;
		path += len;
	}
	return found ? 0 : lade_fault_set(fault, LADE_E_USAGE, "find", path);
}
