/*
 * Content comes in windows: the chunks of one are fetched at once, in whatever order they are stored, and written in theirs. So a window's length is the memory that it takes.
 */
#include "agent/backup/dump_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backup/tree_cursor.h"
#include "agent/store/stream.h"
#include "agent/tree/attributes.h"
#include "agent/tree/inode_map.h"
#include "protocol/grow.h"
#include "protocol/limits.h"

#define WINDOW_LEN ((size_t)48 << 20)
#define WINDOW_CHUNKS 1024u
/* An archive ends with two blocks of zeros, and is a multiple of so many bytes. */
#define RECORD_LEN 10240u

struct window {
	uint8_t *bytes;
	struct lade_chunk_want *wants; /* count; cookie is where it goes */
	size_t len, room, count;
	struct lade_fault why;         /* a chunk that cannot be had */
};

struct dump {
	const struct lade_dump_setup *setup;
	struct window window;
	struct lade_writer header;
	struct lade_inode_map *inodes; /* of what has several names: its first one in firsts */
	struct first {
		char *path;
		uint32_t type;
	} *firsts;
	size_t first_count, first_capacity;
	uint64_t written;
};

static int write_out(struct dump *dump, struct lade_slice bytes, struct lade_fault *fault)
{
	dump->written += bytes.len;
	return bytes.len ? dump->setup->write(dump->setup->write_context, bytes, fault) : 0;
}

/* ---- content ---- */

static int deliver(void *context, const struct lade_chunk_want *want, struct lade_slice bytes, struct lade_fault *fault)
{
	(void)context;
	(void)fault;
	memcpy(want->cookie, bytes.data, bytes.len);
	return 0;
}

/* One missing chunk is enough. */
static int failed(void *context, const struct lade_chunk_want *want, const struct lade_fault *why)
{
	(void)context;
	(void)want;
	return why->code;
}

static int window_room(struct window *window, struct lade_fault *fault)
{
	if (!window->bytes)
		window->bytes = malloc(WINDOW_LEN);
	if (!window->wants)
		window->wants = calloc(WINDOW_CHUNKS, sizeof(*window->wants));
	return window->bytes && window->wants ? 0 : lade_fault_set(fault, LADE_E_MEMORY, "dump", "");
}

/* Fetch what is in the window, and write it. */
static int flush(struct dump *dump, struct lade_fault *fault)
{
	const struct lade_chunk_fetch_events events = { deliver, failed, NULL };
	struct window *window = &dump->window;
	int error = 0;

	if (window->count) {
		error = dump->setup->run(dump->setup->run_context, window->wants, window->count, &events, fault);
		if (error)
			lade_fault_set(fault, error, "fetch a chunk of", "");
	}
	if (!error)
		error = write_out(dump, lade_slice(window->bytes, window->len), fault);
	window->count = window->len = 0;
	return error;
}

static int write_chunks(struct dump *dump, const struct lade_stream_recipe *recipe, struct lade_fault *fault)
{
	struct window *window = &dump->window;
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	int error = window_room(window, fault), got = 1;

	if (!error && lade_recipe_cursor_new(&dump->setup->source, LADE_CHUNK_CONTENT, recipe, &cursor))
		error = lade_fault_set(fault, LADE_E_MEMORY, "dump", "");
	if (error)
		return error;
	while (!error && (got = lade_recipe_cursor_next(cursor, &item, NULL, fault)) == 1) {
		if (window->count == WINDOW_CHUNKS || item.len > WINDOW_LEN - window->len)
			error = flush(dump, fault);
		window->wants[window->count] = (struct lade_chunk_want){ .len = item.len, .kind = LADE_CHUNK_CONTENT, .cookie = window->bytes + window->len };
		memcpy(window->wants[window->count++].id, item.id, LADE_CHUNK_ID_LEN);
		window->len += item.len;
	}
	if (!error)
		error = got < 0 ? got : flush(dump, fault);
	lade_recipe_cursor_free(cursor);
	return error;
}

static int get_recipe(const struct dump *dump, const struct lade_stream_entry *entry, struct lade_stream_recipe *recipe_out, struct lade_fault *fault)
{
	struct lade_reader reader;

	lade_reader_init(&reader, entry->recipe.data, entry->recipe.len);
	if (!S_ISREG(entry->mode) || !(entry->fields & LADE_ENTRY_RECIPE) ||
	    lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &dump->setup->source.lengths, recipe_out) || lade_reader_finish(&reader))
		return lade_fault_set(fault, LADE_E_CHANGED, "read", "");
	return 0;
}

static int write_content(struct dump *dump, const struct lade_stream_recipe *recipe, struct lade_fault *fault)
{
	if (!recipe->depth)
		return write_out(dump, lade_slice(recipe->inline_bytes, (size_t)recipe->length), fault);
	return write_chunks(dump, recipe, fault);
}

static void dump_fini(struct dump *dump)
{
	for (size_t i = 0; i < dump->first_count; i++)
		free(dump->firsts[i].path);
	free(dump->firsts);
	lade_inode_map_free(dump->inodes);
	lade_writer_fini(&dump->header);
	free(dump->window.bytes);
	free(dump->window.wants);
}

int lade_dump_file(const struct lade_dump_setup *setup, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	struct dump dump = { .setup = setup };
	struct lade_stream_recipe recipe;
	int error = get_recipe(&dump, entry, &recipe, fault);

	if (!error)
		error = write_content(&dump, &recipe, fault);
	dump_fini(&dump);
	return error;
}

/* ---- archives ---- */

/* Attributes of an entry: encoded, in bytes, which is for the stream that they may be. */
static int get_xattrs(struct dump *dump, const struct lade_stream_entry *entry, struct lade_slice *out, struct lade_writer *bytes, struct lade_fault *fault)
{
	struct lade_stream_reader *stream;
	struct lade_stream_recipe recipe;
	struct lade_reader reader;
	uint8_t *room;
	size_t len;
	int error;

	*out = entry->xattrs;
	if (entry->fields & LADE_ENTRY_XATTRS_RECIPE) {
		lade_reader_init(&reader, entry->xattrs_recipe.data, entry->xattrs_recipe.len);
		if (lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &dump->setup->source.lengths, &recipe) || recipe.length > LADE_XATTRS_MAX)
			return lade_fault_set(fault, LADE_E_CHANGED, "read attributes of", "");
		room = lade_writer_reserve(bytes, (size_t)recipe.length);
		if (!room || lade_stream_reader_new(&dump->setup->source, LADE_CHUNK_CONTENT, &recipe, &stream))
			return lade_fault_set(fault, LADE_E_MEMORY, "read attributes of", "");
		error = lade_stream_reader_read(stream, room, (size_t)recipe.length, &len, fault);
		lade_stream_reader_free(stream);
		if (error)
			return error;
		*out = lade_slice(room, len);
	}
	if (out->len && lade_attributes_check(*out))
		return lade_fault_set(fault, LADE_E_CHANGED, "read attributes of", "");
	return 0;
}

/* 1: the entry is another name of what was written as *first_out; 0; or LADE_E_MEMORY. */
static int find_first(struct dump *dump, const struct lade_stream_entry *entry, const char *path, const char **first_out)
{
	uint64_t number;
	struct first *grown;

	if (!(entry->fields & LADE_ENTRY_INODE))
		return 0;
	if (lade_inode_map_find(dump->inodes, (dev_t)entry->device, (ino_t)entry->inode, &number)) {
		*first_out = dump->firsts[number].path;
		return dump->firsts[number].type == (entry->mode & S_IFMT);
	}
	grown = lade_grown(dump->firsts, dump->first_count, &dump->first_capacity, sizeof(*grown));
	if (!grown)
		return LADE_E_MEMORY;
	dump->firsts = grown;
	grown[dump->first_count] = (struct first){ strdup(path), entry->mode & S_IFMT };
	if (!grown[dump->first_count].path)
		return LADE_E_MEMORY;
	return lade_inode_map_put(dump->inodes, (dev_t)entry->device, (ino_t)entry->inode, dump->first_count++);
}

static int write_header(struct dump *dump, const struct tar_member *member, struct lade_fault *fault)
{
	lade_writer_reset(&dump->header);
	dump_tar_header(&dump->header, member);
	if (dump->header.error)
		return lade_fault_set(fault, dump->header.error, "dump", "");
	return write_out(dump, lade_slice(dump->header.data, dump->header.len), fault);
}

static int pad(struct dump *dump, size_t to, struct lade_fault *fault)
{
	static const uint8_t zeros[RECORD_LEN];

	return write_out(dump, lade_slice(zeros, (to - (size_t)(dump->written % to)) % to), fault);
}

/* path is NUL-terminated, and of a directory has a slash behind it. */
static int write_member(struct dump *dump, const struct lade_stream_entry *entry, struct lade_slice path, struct lade_writer *bytes, struct lade_fault *fault)
{
	struct tar_member member = { .entry = entry, .path = path, .link = entry->target };
	struct lade_stream_recipe recipe = { .depth = 0 };
	const char *first = NULL;
	int error = find_first(dump, entry, (const char *)path.data, &first);

	if (error < 0)
		return lade_fault_set(fault, error, "dump", "");
	if (first && error) {
		member.is_link = true;
		member.link = lade_slice(first, strlen(first));
		return write_header(dump, &member, fault);
	}
	error = get_xattrs(dump, entry, &member.xattrs, bytes, fault);
	if (!error && S_ISREG(entry->mode))
		error = get_recipe(dump, entry, &recipe, fault);
	member.length = recipe.length;
	if (!error)
		error = write_header(dump, &member, fault);
	if (!error)
		error = write_content(dump, &recipe, fault);
	return error ? error : pad(dump, TAR_BLOCK_LEN, fault);
}

/* path: len bytes below prefix, both without slashes at their ends. */
static int write_entry(struct dump *dump, const struct lade_stream_entry *entry, const char *prefix, struct lade_slice path, struct lade_fault *fault)
{
	struct lade_writer whole, bytes;
	int error;

	lade_writer_init(&whole, SIZE_MAX / 2);
	lade_writer_init(&bytes, LADE_XATTRS_MAX);
	lade_writer_put_bytes(&whole, prefix, strlen(prefix));
	if (*prefix && path.len)
		lade_writer_put_u8(&whole, '/');
	lade_writer_put_bytes(&whole, path.data, path.len);
	if (S_ISDIR(entry->mode))
		lade_writer_put_u8(&whole, '/');
	lade_writer_put_u8(&whole, 0);
	if (whole.error) {
		error = lade_fault_set(fault, whole.error, "dump", "");
	} else if (S_ISSOCK(entry->mode)) {
		dump->setup->left_out(dump->setup->left_out_context, (const char *)whole.data);
		error = 0;
	} else {
		error = write_member(dump, entry, lade_slice(whole.data, whole.len - 1), &bytes, fault);
		/* What failed deep down knows no path. */
		if (error && error != LADE_E_TARGET && !fault->subject[0])
			lade_fault_set(fault, error, fault->operation, (const char *)whole.data);
	}
	lade_writer_fini(&bytes);
	lade_writer_fini(&whole);
	return error;
}

static int write_below(struct dump *dump, struct lade_slice recipe, const char *prefix, struct lade_fault *fault)
{
	struct lade_tree_step step = { .kind = LADE_TREE_ENTRY };
	struct lade_tree_cursor *cursor;
	int error = lade_tree_cursor_new(&dump->setup->source, recipe, &cursor, fault);

	if (error)
		return error;
	while (!error) {
		error = lade_tree_cursor_next(cursor, &step, fault);
		if (!error && step.kind == LADE_TREE_BROKEN)
			error = fault->code;
		if (error || step.kind == LADE_TREE_END)
			break;
		if (step.kind != LADE_TREE_ENTRY)
			continue;
		error = write_entry(dump, step.entry, prefix, lade_slice(step.path, step.path_len), fault);
		if (!error && S_ISDIR(step.entry->mode))
			error = lade_tree_cursor_enter(cursor, fault);
	}
	lade_tree_cursor_free(cursor);
	return error;
}

static int begin(struct dump *dump, const struct lade_dump_setup *setup, struct lade_fault *fault)
{
	*dump = (struct dump){ .setup = setup };
	lade_writer_init(&dump->header, 32u << 20);
	return lade_inode_map_new(&dump->inodes) ? lade_fault_set(fault, LADE_E_MEMORY, "dump", "") : 0;
}

static int end(struct dump *dump, int error, struct lade_fault *fault)
{
	static const uint8_t zeros[2 * TAR_BLOCK_LEN];

	if (!error)
		error = write_out(dump, lade_slice(zeros, sizeof(zeros)), fault);
	if (!error)
		error = pad(dump, RECORD_LEN, fault);
	dump_fini(dump);
	return error;
}

int lade_dump_tree(const struct lade_dump_setup *setup, const struct lade_stream_entry *entry, const char *path, struct lade_fault *fault)
{
	struct dump dump;
	int error = begin(&dump, setup, fault);

	if (!error)
		error = write_entry(&dump, entry, path, lade_slice(NULL, 0), fault);
	if (!error && S_ISDIR(entry->mode))
		error = write_below(&dump, entry->recipe, path, fault);
	return end(&dump, error, fault);
}

int lade_dump_root(const struct lade_dump_setup *setup, struct lade_slice recipe, struct lade_fault *fault)
{
	struct dump dump;
	int error = begin(&dump, setup, fault);

	if (!error)
		error = write_below(&dump, recipe, "", fault);
	return end(&dump, error, fault);
}
