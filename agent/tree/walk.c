/*
 * The walk: a stack of frames, one for each directory that is open. The top frame's
 * directory is pinned while its names are looked at; descending unpins it, so that a
 * deep tree holds few descriptors.
 */
#include "agent/tree/walk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/listing.h"
#include "agent/tree/temporary.h"

enum { KEY_FILE, KEY_DIRECTORY };

struct frame {
	struct lade_directory *directory; /* referenced */
	int fd;                           /* pinned, or -1 */
	struct lade_name_list *names;     /* NULL: not read */
	struct lade_name_cursor *cursor;
	size_t path_len;                  /* of the directory in walk->path */
	bool incomplete;
};

struct lade_walk {
	struct lade_walk_options options;
	struct lade_walk_source *sources; /* sorted, source_count */
	unsigned source_count, source_next;
	struct frame *frames; /* of frame_capacity */
	size_t depth, frame_capacity;
	char *path;
	size_t path_size;
	struct lade_directory *pending; /* the directory of the last ENTRY, to be entered */
	size_t pending_path_len, prefix_len;
	struct lade_directory *left; /* the directory of the last LEAVE */
	bool avoid_known;
	struct stat avoid; /* of options.avoid, once it is there */
	int top_fd; /* of a source's root while its entry is looked at */
	struct lade_directory *top;
};

/* Make walk->path the path of name in the directory whose path has parent_len bytes. */
static int set_path(struct lade_walk *walk, size_t parent_len, const char *name, size_t name_len)
{
	size_t at = parent_len ? parent_len + 1 : 0, need = at + name_len + 1;

	if (need > walk->path_size) {
		size_t size = 2 * need;
		char *path = realloc(walk->path, size);

		if (!path)
			return LADE_E_MEMORY;
		walk->path = path;
		walk->path_size = size;
	}
	if (parent_len)
		walk->path[parent_len] = '/';
	memcpy(walk->path + at, name, name_len);
	walk->path[at + name_len] = '\0';
	return 0;
}

static int source_order(const void *a, const void *b)
{
	const struct lade_walk_source *first = a, *second = b;

	return strcmp(first->name, second->name);
}

static bool source_is_directory(const struct lade_walk_source *source)
{
	struct lade_directory *root = source->directory;
	struct stat st;
	bool result = false;
	int fd;

	if (lade_directory_pin(root, &fd, NULL))
		return false;
	if (fstatat(fd, source->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		result = S_ISDIR(st.st_mode);
	lade_directory_unpin(root);
	return result;
}

/* Files before directories, each bytewise, none twice: the order that the protocol asks of every directory. */
static void sort_sources(struct lade_walk *walk, const struct lade_walk_source *sources, unsigned count)
{
	unsigned files = 0, kept = 0;

	for (int directories = 0; directories < 2; directories++) {
		unsigned start = files;

		for (unsigned i = 0; i < count; i++)
			if (source_is_directory(&sources[i]) == (directories == 1))
				walk->sources[files++] = sources[i];
		qsort(walk->sources + start, files - start, sizeof(*walk->sources), source_order);
	}
	for (unsigned i = 0; i < files; i++)
		if (kept == 0 || strcmp(walk->sources[kept - 1].name, walk->sources[i].name))
			walk->sources[kept++] = walk->sources[i];
	walk->source_count = kept;
}

int lade_walk_new(const struct lade_walk_source *sources, unsigned count, const struct lade_walk_options *options,
		  struct lade_walk **walk_out, struct lade_fault *fault)
{
	struct lade_walk *walk;

	assert(count > 0);
	for (unsigned i = 0; i < count; i++)
		if (!sources[i].name && count > 1)
			return lade_fault_set(fault, LADE_E_USAGE,
					      "combine several sources when one ends with a slash (one run each does it)", NULL);
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return lade_fault_set(fault, LADE_E_MEMORY, "walk", NULL);
	walk->options = *options;
	walk->top_fd = -1;
	walk->sources = calloc(count, sizeof(*walk->sources));
	if (!walk->sources || set_path(walk, 0, options->prefix ? options->prefix : "",
				       options->prefix ? strlen(options->prefix) : 0)) {
		lade_walk_free(walk);
		return lade_fault_set(fault, LADE_E_MEMORY, "walk", NULL);
	}
	walk->prefix_len = strlen(walk->path);
	if (sources[0].name) {
		sort_sources(walk, sources, count);
	} else {
		walk->sources[0] = sources[0];
		walk->source_count = 1;
	}
	*walk_out = walk;
	return 0;
}

static void frame_unpin(struct frame *frame)
{
	if (frame->fd >= 0)
		lade_directory_unpin(frame->directory);
	frame->fd = -1;
}

static void frame_fini(struct frame *frame)
{
	frame_unpin(frame);
	lade_name_cursor_free(frame->cursor);
	lade_name_list_free(frame->names);
	lade_directory_unref(frame->directory);
}

static void leave_top(struct lade_walk *walk)
{
	if (walk->top)
		lade_directory_unpin(walk->top);
	walk->top = NULL;
	walk->top_fd = -1;
}

void lade_walk_free(struct lade_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth)
		frame_fini(&walk->frames[--walk->depth]);
	leave_top(walk);
	lade_directory_unref(walk->pending);
	lade_directory_unref(walk->left);
	free(walk->frames);
	free(walk->sources);
	free(walk->path);
	free(walk);
}

/* Files first. d_type is missing on some file systems: only then a name needs to be looked at before it is sorted. */
static int key_of(int fd, const char *name, uint8_t type)
{
	struct stat st;

	if (lade_temporary_is(name))
		return -1;
	if (type != DT_UNKNOWN)
		return type == DT_DIR ? KEY_DIRECTORY : KEY_FILE;
	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) ? KEY_DIRECTORY : KEY_FILE;
}

/* Read the directory of the frame. LADE_E_SOURCE: it is incomplete, and the fault says why; what was read is walked. */
static int frame_read(struct frame *frame, struct lade_fault *fault)
{
	int error, result;

	error = lade_name_list_new(NULL, 0, &frame->names);
	if (error)
		return lade_fault_set(fault, error, "read directory", NULL);
	if (lade_directory_pin(frame->directory, &frame->fd, fault)) {
		frame->fd = -1;
		result = LADE_E_SOURCE;
	} else {
		result = lade_listing_read(frame->fd, frame->names, key_of, fault);
	}
	if (result && result != LADE_E_SOURCE)
		return result;
	error = lade_name_list_sort(frame->names, result ? NULL : fault);
	if (!error)
		error = lade_name_cursor_new(frame->names, &frame->cursor);
	return error ? error : result;
}

/* The rules in the directory of the frame hold from here on. */
static int enter_scope(struct lade_walk *walk, const struct frame *frame, struct lade_fault *fault)
{
	if (!walk->options.scope)
		return 0;
	walk->path[frame->path_len] = '\0';
	return lade_filter_scope_enter(walk->options.scope, frame->fd, walk->path, fault);
}

/* Enter the directory of the last entry. Returns 0 or PROBLEM (entered, but incomplete), or an error. */
static int enter(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct frame *frame;
	int error, scope_error;

	if (walk->depth == walk->frame_capacity) {
		size_t capacity = walk->frame_capacity ? 2 * walk->frame_capacity : 16;
		struct frame *frames = realloc(walk->frames, capacity * sizeof(*frames));

		if (!frames)
			return lade_fault_set(fault, LADE_E_MEMORY, "walk", walk->path);
		walk->frames = frames;
		walk->frame_capacity = capacity;
	}
	if (walk->depth)
		frame_unpin(&walk->frames[walk->depth - 1]);
	leave_top(walk);
	frame = &walk->frames[walk->depth++];
	*frame = (struct frame){ .directory = walk->pending, .fd = -1, .path_len = walk->pending_path_len };
	walk->pending = NULL;
	error = frame_read(frame, fault);
	if (error != LADE_E_SOURCE && error != 0)
		return error;
	scope_error = enter_scope(walk, frame, error ? NULL : fault);
	if (scope_error == LADE_E_MEMORY)
		return scope_error;
	if (scope_error) {
		/* What it would leave out is not known: nothing of it takes part. */
		error = LADE_E_SOURCE;
		frame_unpin(frame);
	}
	if (!error)
		return 0;
	frame->incomplete = true;
	if (fault && !fault->subject[0])
		lade_fault_set(fault, fault->code, fault->operation, walk->path);
	memset(item, 0, sizeof(*item));
	item->path = walk->path;
	item->vanished = fault && (fault->code == LADE_E_ABSENT || fault->sys_errno == ENOENT);
	return LADE_WALK_PROBLEM;
}

static int problem(struct lade_walk *walk, struct lade_walk_item *item, int code, const char *operation,
		   struct lade_fault *fault)
{
	item->path = walk->path;
	item->vanished = code == LADE_E_SOURCE && errno == ENOENT;
	lade_fault_set(fault, code, operation, walk->path);
	return LADE_WALK_PROBLEM;
}

static int skip_directory(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	item->path = walk->path;
	lade_fault_set(fault, LADE_E_UNSUPPORTED, "skip directory (no -r)", *walk->path ? walk->path : ".");
	return LADE_WALK_PROBLEM;
}

/* What can be seen here has been made: it is there to be compared with. */
static bool is_avoided(struct lade_walk *walk, const struct stat *st)
{
	if (!walk->options.avoid)
		return false;
	if (!walk->avoid_known)
		walk->avoid_known = stat(walk->options.avoid, &walk->avoid) == 0;
	return walk->avoid_known && walk->avoid.st_dev == st->st_dev && walk->avoid.st_ino == st->st_ino;
}

/* Look at name in the directory fd; walk->path is its path. Returns ENTRY, PROBLEM, or 0 to leave it out. */
static int look(struct lade_walk *walk, struct lade_directory *parent, int fd, const char *name, bool as_directory,
		struct lade_walk_item *item, struct lade_fault *fault)
{
	int error;

	memset(item, 0, sizeof(*item));
	if (walk->options.scope && lade_filter_scope_excludes(walk->options.scope, walk->path, as_directory, NULL))
		return 0;
	if (fstatat(fd, name, &item->st, AT_SYMLINK_NOFOLLOW))
		return problem(walk, item, LADE_E_SOURCE, "stat", fault);
	if (S_ISDIR(item->st.st_mode) != as_directory)
		return problem(walk, item, LADE_E_CHANGED, "walk", fault);
	if (as_directory && !walk->options.recursive)
		return skip_directory(walk, item, fault);
	if (as_directory && is_avoided(walk, &item->st))
		return problem(walk, item, LADE_E_REFUSED, "copy the destination into itself; skip", fault);
	if (as_directory) {
		error = lade_directory_new(parent, name, strlen(name), NULL, NULL, &walk->pending, fault);
		if (error)
			return error;
		walk->pending_path_len = strlen(walk->path);
	}
	item->parent = parent;
	item->parent_fd = fd;
	item->name = name;
	item->name_len = strlen(name);
	item->path = walk->path;
	return LADE_WALK_ENTRY;
}

/* Another source: its place is another, too. */
static void begin_scope(struct lade_walk *walk, size_t prefix_len)
{
	if (walk->options.scope)
		lade_filter_scope_begin(walk->options.scope, walk->top_fd, prefix_len);
}

/* The content of the one source. */
static int source_root(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_directory *root = walk->sources[0].directory;

	memset(item, 0, sizeof(*item));
	walk->path[0] = '\0';
	if (lade_directory_pin(root, &walk->top_fd, fault))
		return LADE_WALK_PROBLEM;
	walk->top = root;
	begin_scope(walk, 0);
	if (fstat(walk->top_fd, &item->st))
		return problem(walk, item, LADE_E_SOURCE, "stat", fault);
	if (!walk->options.recursive)
		return skip_directory(walk, item, fault);
	walk->pending = lade_directory_ref(root);
	walk->pending_path_len = 0;
	item->parent = root;
	item->parent_fd = walk->top_fd;
	item->name = ".";
	item->name_len = 1;
	item->path = walk->path;
	return LADE_WALK_ENTRY;
}

static int next_source(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	while (walk->source_next < walk->source_count) {
		const struct lade_walk_source *source = &walk->sources[walk->source_next++];
		int event;

		leave_top(walk);
		if (!source->name)
			return source_root(walk, item, fault);
		if (set_path(walk, walk->prefix_len, source->name, strlen(source->name)))
			return lade_fault_set(fault, LADE_E_MEMORY, "walk", source->name);
		memset(item, 0, sizeof(*item));
		item->path = walk->path;
		if (lade_directory_pin(source->directory, &walk->top_fd, fault))
			return LADE_WALK_PROBLEM;
		walk->top = source->directory;
		begin_scope(walk, walk->prefix_len);
		event = look(walk, walk->top, walk->top_fd, source->name, source_is_directory(source), item, fault);
		item->vanished = false;
		if (event)
			return event;
	}
	leave_top(walk);
	return LADE_WALK_END;
}

static int leave(struct lade_walk *walk, struct lade_walk_item *item)
{
	struct frame *frame = &walk->frames[walk->depth - 1];

	memset(item, 0, sizeof(*item));
	item->incomplete = frame->incomplete;
	walk->path[frame->path_len] = '\0';
	item->path = walk->path;
	item->left = walk->left = lade_directory_ref(frame->directory);
	frame_fini(frame);
	walk->depth--;
	if (walk->options.scope)
		lade_filter_scope_leave(walk->options.scope);
	return LADE_WALK_LEAVE;
}

/* Back at the top frame after a subdirectory: its descriptor may have been closed meanwhile. */
static int repin(struct lade_walk *walk, struct frame *frame, struct lade_walk_item *item, struct lade_fault *fault)
{
	if (frame->fd >= 0 || frame->incomplete)
		return 0;
	if (lade_directory_pin(frame->directory, &frame->fd, fault) == 0)
		return 0;
	frame->fd = -1;
	frame->incomplete = true;
	memset(item, 0, sizeof(*item));
	item->path = walk->path;
	return LADE_WALK_PROBLEM;
}

int lade_walk_next(struct lade_walk *walk, struct lade_walk_item *item_out, struct lade_fault *fault)
{
	struct lade_name name;
	struct frame *frame;
	int event;

	lade_directory_unref(walk->left);
	walk->left = NULL;
	if (walk->pending) {
		event = enter(walk, item_out, fault);
		if (event)
			return event;
	}
	while (walk->depth) {
		frame = &walk->frames[walk->depth - 1];
		event = repin(walk, frame, item_out, fault);
		if (event)
			return event;
		if (frame->fd < 0)
			return leave(walk, item_out);
		event = lade_name_cursor_next(frame->cursor, &name, fault);
		if (event < 0)
			return event;
		if (event == 0)
			return leave(walk, item_out);
		if (set_path(walk, frame->path_len, name.name, name.name_len))
			return lade_fault_set(fault, LADE_E_MEMORY, "walk", walk->path);
		event = look(walk, frame->directory, frame->fd, name.name, name.key == KEY_DIRECTORY, item_out, fault);
		if (event)
			return event;
	}
	return next_source(walk, item_out, fault);
}
