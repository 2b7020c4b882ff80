/*
 * The walk: a stack of frames, one for each directory that is open, and in each frame its layers: the directories of the
 * sources that make it up. Each layer has its names in order; a frame takes the lowest of them all. The top frame's
 * directories are pinned while their names are looked at; descending unpins them, so that a deep tree holds few descriptors.
 *
 * A layer that comes from a selection has the names that were selected, all others those that the directory has.
 * Symlinks are followed only where the options say so. What is behind one is walked like the rest; one that leads to a
 * directory in which the walk just is would lead there for ever, and is a problem.
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
#include "agent/tree/symlink.h"
#include "agent/tree/temporary.h"
#include "protocol/limits.h"

/* Names that cannot be converted come last. */
enum { KEY_FILE, KEY_DIRECTORY, KEY_FOREIGN };

/* One source's part in a directory. */
struct layer {
	struct lade_directory *directory;       /* referenced */
	const struct lade_selection *selection; /* the names that take part; NULL: all, */
	struct lade_selection_at at;
	const char *only;                       /* or just this one */
	dev_t device;                           /* of the file system that must not be left; valid unless names were selected */
	int fd;                                 /* pinned, or -1 */
	struct lade_name_list *names;           /* NULL: not read */
	struct lade_name_cursor *cursor;
	struct lade_name head;                  /* the next name, unless taken or over; */
	struct lade_name said;                  /* as the protocol has it, by which it is sorted */
	char local[LADE_NAME_MAX + 1];          /* the name of head, where the two are not the same */
	bool taken, over;
};

struct frame {
	struct layer *layers; /* owned, layer_count */
	unsigned layer_count, read_count; /* the names of so many were read */
	size_t path_len;      /* of the directory in walk->path */
	bool whole;           /* all of the directory is wanted of some layer */
	bool incomplete;
	bool said;            /* it was an ENTRY */
	bool scoped;          /* the rules in it were read */
	bool in_scope;        /* and hold */
};

struct lade_walk {
	struct lade_walk_options options;
	struct lade_directory *root;       /* whose content is that of ".", borrowed; NULL: "." is not walked */
	struct frame *frames; /* of frame_capacity */
	size_t depth, frame_capacity;
	char *path;
	size_t path_size;
	struct frame next;      /* the directory of the last ENTRY, to be entered */
	bool entering;
	bool at_root;           /* "." is still to be said */
	const struct lade_selection *missing; /* paths whose way is missing: positions [missing_at, missing_end) */
	size_t missing_at, missing_end;
	struct lade_directory *left; /* the directory of the last LEAVE */
	bool avoid_known;
	struct stat avoid; /* of options.avoid, once it is there */
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

static int out_of_memory(const struct lade_walk *walk, struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "walk", walk->path);
}

/* ---- layers and frames ---- */

static void layer_unpin(struct layer *layer)
{
	if (layer->fd >= 0)
		lade_directory_unpin(layer->directory);
	layer->fd = -1;
}

static void layer_fini(struct layer *layer)
{
	layer_unpin(layer);
	lade_name_cursor_free(layer->cursor);
	lade_name_list_free(layer->names);
	lade_directory_unref(layer->directory);
}

static void frame_unpin(struct frame *frame)
{
	for (unsigned i = 0; i < frame->layer_count; i++)
		layer_unpin(&frame->layers[i]);
}

static void frame_fini(struct frame *frame)
{
	for (unsigned i = 0; i < frame->layer_count; i++)
		layer_fini(&frame->layers[i]);
	free(frame->layers);
}

/* One more layer of the directory to be entered; its directory is consumed. NULL: no memory, and it is let go of. */
static struct layer *add_layer(struct lade_walk *walk, struct lade_directory *directory)
{
	struct frame *next = &walk->next;
	struct layer *layers = realloc(next->layers, (next->layer_count + 1) * sizeof(*layers));

	if (!layers) {
		lade_directory_unref(directory);
		return NULL;
	}
	next->layers = layers;
	layers[next->layer_count] = (struct layer){ .directory = directory, .fd = -1, .taken = true };
	return &layers[next->layer_count++];
}

/* Add a layer for all of directory, on a file system. */
static int add_content(struct lade_walk *walk, struct lade_directory *directory, dev_t device)
{
	struct layer *layer = add_layer(walk, lade_directory_ref(directory));

	if (!layer)
		return LADE_E_MEMORY;
	layer->device = device;
	walk->next.whole = true;
	return 0;
}

/* Add a layer for what is selected of directory. */
static int add_selected(struct lade_walk *walk, struct lade_directory *directory, const struct lade_selection *selection,
			const struct lade_selection_at *at)
{
	struct layer *layer;

	if (at->first == at->end)
		return 0;
	layer = add_layer(walk, lade_directory_ref(directory));
	if (!layer)
		return LADE_E_MEMORY;
	layer->selection = selection;
	layer->at = *at;
	return 0;
}

static dev_t device_of(struct lade_directory *directory)
{
	struct stat st = { 0 };
	int fd;

	if (lade_directory_pin(directory, &fd, NULL) == 0) {
		(void)fstat(fd, &st);
		lade_directory_unpin(directory);
	}
	return st.st_dev;
}

static int add_source(struct lade_walk *walk, const struct lade_walk_source *source)
{
	bool content = source->selection ? lade_selection_root_what(source->selection) : !source->name;
	struct lade_selection_at at;
	struct layer *layer;

	if (content && !walk->root)
		walk->root = source->directory;
	if (content && (walk->options.recursive || walk->options.directories) &&
	    add_content(walk, source->directory, device_of(source->directory)))
		return LADE_E_MEMORY;
	if (source->selection) {
		at = lade_selection_root(source->selection);
		return add_selected(walk, source->directory, source->selection, &at);
	}
	if (!source->name)
		return 0;
	layer = add_layer(walk, lade_directory_ref(source->directory));
	if (!layer)
		return LADE_E_MEMORY;
	layer->only = source->name;
	return 0;
}

int lade_walk_new(const struct lade_walk_source *sources, unsigned count, const struct lade_walk_options *options,
		  struct lade_walk **walk_out, struct lade_fault *fault)
{
	const char *prefix = options->prefix ? options->prefix : "";
	struct lade_walk *walk = calloc(1, sizeof(*walk));
	int error;

	if (!walk)
		return lade_fault_set(fault, LADE_E_MEMORY, "walk", NULL);
	walk->options = *options;
	error = set_path(walk, 0, prefix, strlen(prefix));
	for (unsigned i = 0; i < count && !error; i++)
		error = add_source(walk, &sources[i]);
	if (error) {
		lade_walk_free(walk);
		return lade_fault_set(fault, error, "walk", NULL);
	}
	walk->next.path_len = strlen(prefix);
	walk->next.said = walk->root && (options->recursive || options->directories);
	walk->entering = true;
	walk->at_root = walk->root;
	*walk_out = walk;
	return 0;
}

void lade_walk_free(struct lade_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth)
		frame_fini(&walk->frames[--walk->depth]);
	frame_fini(&walk->next);
	lade_directory_unref(walk->left);
	free(walk->frames);
	free(walk->path);
	free(walk);
}

/* ---- what a name stands for ---- */

/* How a name is to be looked at. */
struct glance {
	const struct lade_walk *walk;
	size_t depth;     /* directories between it and the root of the transfer */
	char *said;       /* room for a name as the protocol has it */
	bool to_directory; /* it stands for the directory that it leads to, if it leads to one */
};

static bool is_unsafe(const struct glance *glance, int fd, const char *name)
{
	char target[LADE_TARGET_MAX];
	ssize_t len = readlinkat(fd, name, target, sizeof(target));

	return len >= 0 && lade_symlink_unsafe(lade_slice(target, (size_t)len), glance->depth);
}

static bool follows_some(const struct glance *glance)
{
	const struct lade_walk_options *options = &glance->walk->options;

	return options->copy_links || options->copy_dirlinks || options->copy_unsafe_links || glance->to_directory;
}

/*
 * Stat name, or what it leads to where that takes part instead. 0; LADE_E_SOURCE with errno; or LADE_E_ABSENT with errno
 * for a symlink that is to be followed and leads nowhere.
 */
static int look_at(const struct glance *glance, int fd, const char *name, struct stat *st, bool *followed_out)
{
	const struct lade_walk_options *options = &glance->walk->options;
	struct stat target;
	bool all;

	*followed_out = false;
	if (fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW))
		return LADE_E_SOURCE;
	if (!S_ISLNK(st->st_mode) || !follows_some(glance))
		return 0;
	all = options->copy_links || (options->copy_unsafe_links && is_unsafe(glance, fd, name));
	if (!all && !options->copy_dirlinks && !glance->to_directory)
		return 0;
	if (fstatat(fd, name, &target, 0))
		return all ? LADE_E_ABSENT : 0;
	if (!all && !S_ISDIR(target.st_mode))
		return 0;
	*st = target;
	*followed_out = true;
	return 0;
}

/* The key of a name on disk. One that is of no known type needs to be looked at. */
static int key_on_disk(const struct glance *glance, int fd, const char *name, uint8_t type)
{
	struct stat st;
	bool followed;

	if (type == DT_DIR)
		return KEY_DIRECTORY;
	if (type != DT_UNKNOWN && (type != DT_LNK || !follows_some(glance)))
		return KEY_FILE;
	return look_at(glance, fd, name, &st, &followed) == 0 && S_ISDIR(st.st_mode) ? KEY_DIRECTORY : KEY_FILE;
}

/* Have a name listed as the protocol has it, in said. False if it cannot be converted. */
static bool convert(const struct lade_walk *walk, const char **name, char *said)
{
	size_t len;

	if (!walk->options.charset)
		return true;
	if (!lade_charset_name(walk->options.charset, LADE_CHARSET_OUT, lade_slice(*name, strlen(*name)), said, &len))
		return false;
	*name = said;
	return true;
}

/* Files first. A name needs to be looked at before it is sorted only where its d_type does not tell what it stands for. */
static int key_of(void *context, int fd, const char **name, uint8_t type)
{
	const struct glance *glance = context;
	int key;

	if (lade_temporary_is(*name))
		return -1;
	key = key_on_disk(glance, fd, *name, type);
	return convert(glance->walk, name, glance->said) ? key : KEY_FOREIGN;
}

/* ---- names of a layer ---- */

/* What is wanted of name, of len bytes, in a layer: enum lade_selected, or 0 for a directory on the way. False: nothing. */
static bool is_selected(const struct layer *layer, const char *name, size_t len, unsigned *what_out,
			struct lade_selection_at *below_out)
{
	*below_out = (struct lade_selection_at){ 0 };
	*what_out = LADE_SELECTED_ITEM;
	if (layer->selection)
		return lade_selection_find(layer->selection, &layer->at, name, len, what_out, below_out);
	return !layer->only || (strlen(layer->only) == len && memcmp(layer->only, name, len) == 0);
}

/* A glance at name in a layer of the frame on top. */
static struct glance glance_at(const struct lade_walk *walk, const struct layer *layer, const char *name, size_t len)
{
	struct glance glance = { walk, walk->depth - 1, NULL, false };
	struct lade_selection_at below;
	unsigned what;

	/* A slash behind a symlink stands for what it leads to, and so does a component on the way. */
	if (layer->selection && is_selected(layer, name, len, &what, &below))
		glance.to_directory = !what || (what & LADE_SELECTED_CONTENT) || below.first != below.end;
	return glance;
}

/* Add a name that was selected. What is not there is found out later. */
static int add_name(const struct lade_walk *walk, struct layer *layer, const char *name, size_t len, struct lade_fault *fault)
{
	struct glance glance = glance_at(walk, layer, name, len);
	char copy[LADE_NAME_MAX + 1], said[LADE_NAME_MAX + 1];
	const char *listed = copy;
	struct stat st;
	bool followed;
	int key;

	memcpy(copy, name, len);
	copy[len] = '\0';
	key = look_at(&glance, layer->fd, copy, &st, &followed) == 0 && S_ISDIR(st.st_mode) ? KEY_DIRECTORY : KEY_FILE;
	if (!convert(walk, &listed, said))
		key = KEY_FOREIGN;
	return lade_name_list_add(layer->names, listed, (uint8_t)key, DT_UNKNOWN, fault);
}

static int list_names(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	char said[LADE_NAME_MAX + 1];
	struct glance glance = { walk, walk->depth - 1, said, false };
	const struct lade_listing_key key = { key_of, &glance };
	size_t position = 0, len;
	const char *name;
	int error = 0;

	if (layer->only)
		return add_name(walk, layer, layer->only, strlen(layer->only), fault);
	if (!layer->selection)
		return lade_listing_read(layer->fd, layer->names, &key, fault);
	while (!error && (name = lade_selection_next(layer->selection, &layer->at, &position, &len)))
		error = add_name(walk, layer, name, len, fault);
	return error;
}

static int layer_pin(struct layer *layer, struct lade_fault *fault)
{
	if (layer->fd >= 0 || lade_directory_pin(layer->directory, &layer->fd, fault) == 0)
		return 0;
	layer->fd = -1;
	return LADE_E_SOURCE;
}

/* Read the names of a layer. LADE_E_SOURCE: it is incomplete, and the fault says why; what was read is walked. */
static int layer_read(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	int error, result = layer_pin(layer, fault);

	error = lade_name_list_new(NULL, 0, &layer->names);
	if (error)
		return lade_fault_set(fault, error, "read directory", NULL);
	if (!result)
		result = list_names(walk, layer, fault);
	if (result && result != LADE_E_SOURCE)
		return result;
	error = lade_name_list_sort(layer->names, result ? NULL : fault);
	if (!error)
		error = lade_name_cursor_new(layer->names, &layer->cursor);
	return error ? error : result;
}

/* ---- events ---- */

static int problem(struct lade_walk *walk, struct lade_walk_item *item, int code, const char *operation,
		   struct lade_fault *fault)
{
	memset(item, 0, sizeof(*item));
	item->path = walk->path;
	item->vanished = code == LADE_E_SOURCE && errno == ENOENT;
	lade_fault_set(fault, code, operation, *walk->path ? walk->path : ".");
	return LADE_WALK_PROBLEM;
}

/* The frame on top lacks something that the fault tells of. */
static int gap(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct frame *frame = &walk->frames[walk->depth - 1];

	frame->incomplete = true;
	walk->path[frame->path_len] = '\0';
	if (fault && !fault->subject[0])
		lade_fault_set(fault, fault->code, fault->operation, walk->path);
	/* That a directory has become a symlink, or is another one, is nothing that was left out on purpose. */
	if (fault && fault->code == LADE_E_REFUSED)
		fault->code = LADE_E_SOURCE;
	memset(item, 0, sizeof(*item));
	item->path = walk->path;
	item->vanished = frame->said && fault && (fault->code == LADE_E_ABSENT || fault->sys_errno == ENOENT);
	return LADE_WALK_PROBLEM;
}

static int skip_directory(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	return problem(walk, item, LADE_E_UNSUPPORTED, "skipping directory", fault);
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

/* True if the filter leaves walk->path out. */
static bool is_hidden(struct lade_walk *walk, bool as_directory)
{
	const struct lade_walk_options *options = &walk->options;
	struct lade_filter_decision decision;

	if (!options->scope || !lade_filter_scope_excludes(options->scope, walk->path, as_directory, &decision))
		return false;
	if (options->hidden)
		options->hidden(options->context, walk->path, as_directory, decision.text);
	return true;
}

/* True if st begins another file system than the layer's, which is not to be left. */
static bool is_foreign(const struct lade_walk *walk, const struct layer *layer, const struct stat *st)
{
	return walk->options.one_file_system && !layer->selection && !layer->only && st->st_dev != layer->device;
}

static void name_item(struct lade_walk_item *item, const struct layer *layer)
{
	item->name = layer->head.name;
	item->name_len = layer->head.name_len;
	item->said = layer->said.name;
	item->said_len = layer->said.name_len;
}

/* Something that was named, or the way to it, is not there. */
static int missing(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_selection_at below = { 0 };
	unsigned what = 0;
	int event = 0;

	memset(item, 0, sizeof(*item));
	if (is_selected(layer, layer->head.name, layer->head.name_len, &what, &below) &&
	    walk->options.missing == LADE_MISSING_PROBLEM) {
		walk->missing = layer->selection;
		walk->missing_at = below.first;
		walk->missing_end = below.end;
	}
	if (what && walk->options.missing == LADE_MISSING_PROBLEM)
		event = problem(walk, item, LADE_E_SOURCE, "find source", fault);
	if (what && walk->options.missing == LADE_MISSING_TELL)
		event = LADE_WALK_MISSING;
	item->path = walk->path;
	name_item(item, layer);
	item->vanished = false;
	return event;
}

/* The next path whose way was missing. */
static int missing_path(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	memset(item, 0, sizeof(*item));
	item->path = lade_selection_path(walk->missing, walk->missing_at++);
	errno = ENOENT;
	lade_fault_set(fault, LADE_E_SOURCE, "find source", item->path);
	return LADE_WALK_PROBLEM;
}

/* ---- one name ---- */

static bool same_head(const struct layer *a, const struct layer *b)
{
	return !b->over && a->head.key == b->head.key && a->head.name_len == b->head.name_len &&
		memcmp(a->head.name, b->head.name, a->head.name_len) == 0;
}

/* True if another layer has a directory of this name. */
static bool is_directory_elsewhere(const struct lade_walk *walk, const struct frame *frame, const struct layer *layer)
{
	for (unsigned i = 0; i < frame->layer_count; i++) {
		const struct layer *other = &frame->layers[i];
		struct glance glance = glance_at(walk, other, layer->head.name, layer->head.name_len);
		struct lade_selection_at below;
		struct stat st;
		unsigned what;
		bool followed;

		if (other == layer || other->fd < 0 ||
		    !is_selected(other, layer->head.name, layer->head.name_len, &what, &below))
			continue;
		if (look_at(&glance, other->fd, layer->head.name, &st, &followed) == 0 && S_ISDIR(st.st_mode))
			return true;
	}
	return false;
}

static int new_handle(const struct layer *layer, bool followed, struct lade_directory **directory_out, struct lade_fault *fault)
{
	const struct lade_name *name = &layer->head;

	if (followed)
		return lade_directory_new_followed(layer->directory, name->name, name->name_len, directory_out, fault);
	return lade_directory_new(layer->directory, name->name, name->name_len, NULL, NULL, directory_out, fault);
}

/* Have what is wanted of a layer's directory entered. st: of that directory. */
static int descend(struct lade_walk *walk, const struct layer *layer, const struct stat *st, bool followed, struct lade_fault *fault)
{
	bool selected = layer->selection || layer->only, content;
	struct lade_directory *directory;
	struct lade_selection_at below;
	unsigned what;
	int error;

	(void)is_selected(layer, layer->head.name, layer->head.name_len, &what, &below);
	content = what && (walk->options.recursive || (what & LADE_SELECTED_CONTENT)) && !is_foreign(walk, layer, st);
	if (!content && below.first == below.end)
		return 0;
	error = new_handle(layer, followed, &directory, fault);
	if (error)
		return error;
	if (content)
		error = add_content(walk, directory, selected ? st->st_dev : layer->device);
	if (!error)
		error = add_selected(walk, directory, layer->selection, &below);
	lade_directory_unref(directory);
	return error ? out_of_memory(walk, fault) : 0;
}

/* Have the directory entered that the first layer's name stands for, in all layers that have it. */
static int enter_all(struct lade_walk *walk, const struct layer *first, const struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct frame *frame = &walk->frames[walk->depth - 1];
	int error = descend(walk, first, &item->st, item->followed, fault);

	for (const struct layer *layer = first + 1; layer < frame->layers + frame->layer_count && !error; layer++) {
		struct glance glance = glance_at(walk, layer, first->head.name, first->head.name_len);
		struct stat st;
		bool followed;

		if (!same_head(first, layer) || layer->fd < 0 ||
		    look_at(&glance, layer->fd, layer->head.name, &st, &followed) || !S_ISDIR(st.st_mode))
			continue;
		if (is_avoided(walk, &st) || (followed && lade_directory_is_within(layer->directory, &st)))
			continue;
		error = descend(walk, layer, &st, followed, fault);
	}
	walk->next.path_len = strlen(walk->path);
	walk->next.said = true;
	walk->entering = true;
	return error;
}

/* What keeps a directory from being walked. Returns PROBLEM, or 0; then *skip_out says to leave it out without a word. */
static int check_directory(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, bool *skip_out,
			   struct lade_fault *fault)
{
	*skip_out = false;
	if (!walk->options.recursive && !walk->options.directories && !item->implied)
		return skip_directory(walk, item, fault);
	if (is_avoided(walk, &item->st))
		return problem(walk, item, LADE_E_REFUSED, "copy the destination into itself; skip", fault);
	if (item->followed && walk->options.recursive && lade_directory_is_within(layer->directory, &item->st)) {
		errno = ELOOP;
		return problem(walk, item, LADE_E_SOURCE, "follow symlink", fault);
	}
	*skip_out = is_foreign(walk, layer, &item->st) && walk->options.one_file_system > 1;
	return 0;
}

/* Look at the name that a layer comes to; walk->path is its path. Returns an event, or 0 to leave it out. */
static int look(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct lade_name *name = &layer->head;
	struct glance glance = glance_at(walk, layer, name->name, name->name_len);
	bool as_directory = name->key == KEY_DIRECTORY, skip;
	struct lade_selection_at below;
	unsigned what;
	int error;

	memset(item, 0, sizeof(*item));
	if (!is_selected(layer, name->name, name->name_len, &what, &below))
		return 0;
	item->implied = !what;
	if (!item->implied && is_hidden(walk, as_directory))
		return 0;
	error = look_at(&glance, layer->fd, name->name, &item->st, &item->followed);
	if (error == LADE_E_SOURCE && errno == ENOENT && (layer->selection || layer->only))
		return missing(walk, layer, item, fault);
	if (error == LADE_E_ABSENT) {
		int event = problem(walk, item, LADE_E_SOURCE, "follow symlink", fault);

		item->vanished = false;
		return event;
	}
	if (error)
		return problem(walk, item, LADE_E_SOURCE, "stat", fault);
	if (item->implied && !S_ISDIR(item->st.st_mode)) {
		errno = ENOTDIR;
		return problem(walk, item, LADE_E_SOURCE, "find source", fault);
	}
	if (S_ISDIR(item->st.st_mode) != as_directory)
		return problem(walk, item, LADE_E_CHANGED, "walk", fault);
	if (as_directory) {
		error = check_directory(walk, layer, item, &skip, fault);
		if (error || skip)
			return error;
		error = enter_all(walk, layer, item, fault);
		if (error)
			return error;
	}
	item->parent = layer->directory;
	item->parent_fd = layer->fd;
	name_item(item, layer);
	item->path = walk->path;
	return LADE_WALK_ENTRY;
}

/* The other side cannot be told of the name that a layer comes to. Returns a PROBLEM, or 0 where nobody wants it. */
static int look_foreign(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_selection_at below;
	struct stat st;
	unsigned what;

	if (!is_selected(layer, layer->head.name, layer->head.name_len, &what, &below))
		return 0;
	if (what && is_hidden(walk, fstatat(layer->fd, layer->head.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	walk->frames[walk->depth - 1].incomplete = true;
	errno = EILSEQ;
	return problem(walk, item, LADE_E_SOURCE, "convert the name of", fault);
}

/* ---- one directory ---- */

/* Enter the directory of the last entry. */
static int enter(struct lade_walk *walk, struct lade_fault *fault)
{
	if (walk->depth == walk->frame_capacity) {
		size_t capacity = walk->frame_capacity ? 2 * walk->frame_capacity : 16;
		struct frame *frames = realloc(walk->frames, capacity * sizeof(*frames));

		if (!frames)
			return out_of_memory(walk, fault);
		walk->frames = frames;
		walk->frame_capacity = capacity;
	}
	if (walk->depth)
		frame_unpin(&walk->frames[walk->depth - 1]);
	walk->frames[walk->depth++] = walk->next;
	memset(&walk->next, 0, sizeof(walk->next));
	walk->entering = false;
	return 0;
}

/*
 * The rules in the directory of the frame hold from here on; where it has layers, those of the first. Around the sources there are
 * none, but the place of each. What rules that cannot be read would leave out is not known: then nothing of the directory takes part.
 */
static int enter_scope(struct lade_walk *walk, struct frame *frame, struct lade_walk_item *item, struct lade_fault *fault)
{
	int error;

	frame->scoped = true;
	if (!walk->options.scope || !frame->layer_count || (walk->depth == 1 && !frame->said))
		return 0;
	walk->path[frame->path_len] = '\0';
	if (walk->depth == 1)
		lade_filter_scope_begin(walk->options.scope, frame->layers[0].fd, 0);
	error = lade_filter_scope_enter(walk->options.scope, frame->layers[0].fd, walk->path, fault);
	frame->in_scope = true;
	if (!error || error == LADE_E_MEMORY)
		return error;
	for (unsigned i = 0; i < frame->layer_count; i++)
		frame->layers[i].over = true;
	return gap(walk, item, fault);
}

/* Have the names of all layers, and their directories pinned: they may have been closed meanwhile. Returns PROBLEM for one that fails. */
static int ready(struct lade_walk *walk, struct frame *frame, struct lade_walk_item *item, struct lade_fault *fault)
{
	while (frame->read_count < frame->layer_count) {
		int error = layer_read(walk, &frame->layers[frame->read_count++], fault);

		if (error == LADE_E_SOURCE)
			return gap(walk, item, fault);
		if (error)
			return error;
	}
	for (unsigned i = 0; i < frame->layer_count; i++) {
		struct layer *layer = &frame->layers[i];

		if (layer->fd >= 0 || layer->over)
			continue;
		/* One that could not be pinned has no names, and is over when it is asked for one. */
		if (lade_name_list_count(layer->names) && layer_pin(layer, fault)) {
			layer->over = true;
			return gap(walk, item, fault);
		}
	}
	return frame->scoped ? 0 : enter_scope(walk, frame, item, fault);
}

/* The layer's next name. One that the list has as the protocol does came from here: it goes back. */
static int next_head(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	int got = lade_name_cursor_next(layer->cursor, &layer->said, fault);

	layer->over = got == 0;
	layer->taken = false;
	if (got <= 0)
		return got;
	layer->head = layer->said;
	if (!walk->options.charset || layer->head.key == KEY_FOREIGN)
		return 0;
	if (!lade_charset_name(walk->options.charset, LADE_CHARSET_IN, lade_slice(layer->said.name, layer->said.name_len), layer->local,
			       &layer->head.name_len))
		return lade_fault_set(fault, LADE_E_SYSTEM, "convert the name", layer->said.name);
	layer->head.name = layer->local;
	return 0;
}

/* The layer with the lowest name, the first of those that have it; NULL at the end of all. An error ends the walk. */
static int lowest(const struct lade_walk *walk, struct frame *frame, struct layer **lowest_out, struct lade_fault *fault)
{
	*lowest_out = NULL;
	for (unsigned i = 0; i < frame->layer_count; i++) {
		struct layer *layer = &frame->layers[i], *best = *lowest_out;
		int order;

		if (layer->taken && !layer->over) {
			int error = next_head(walk, layer, fault);

			if (error)
				return error;
		}
		if (layer->over)
			continue;
		order = !best ? -1 : layer->head.key - best->head.key;
		if (!order)
			order = strcmp(layer->said.name, best->said.name);
		if (order < 0)
			*lowest_out = layer;
	}
	return 0;
}

static int leave(struct lade_walk *walk, struct lade_walk_item *item)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	bool said = frame->said;

	memset(item, 0, sizeof(*item));
	item->incomplete = frame->incomplete || !frame->whole;
	walk->path[frame->path_len] = '\0';
	item->path = walk->path;
	if (frame->layer_count)
		item->left = walk->left = lade_directory_ref(frame->layers[0].directory);
	if (frame->in_scope)
		lade_filter_scope_leave(walk->options.scope);
	frame_fini(frame);
	walk->depth--;
	return said ? LADE_WALK_LEAVE : 0;
}

/* The next name of the directory on top. Returns an event, 0 to go on, or an error. */
static int next_name(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	struct layer *layer;
	int event = lowest(walk, frame, &layer, fault);

	if (event)
		return event;
	if (!layer)
		return leave(walk, item);
	if (set_path(walk, frame->path_len, layer->head.name, layer->head.name_len))
		return out_of_memory(walk, fault);
	if (walk->options.scope && walk->depth == 1 && !frame->said)
		lade_filter_scope_begin(walk->options.scope, layer->fd, frame->path_len);
	if (frame->layer_count > 1 && layer->head.key == KEY_FILE && is_directory_elsewhere(walk, frame, layer))
		event = 0;
	else if (layer->head.key == KEY_FOREIGN)
		event = look_foreign(walk, layer, item, fault);
	else
		event = look(walk, layer, item, fault);
	/* Where one layer fails another one may have it. */
	layer->taken = true;
	if (event == LADE_WALK_PROBLEM || event == LADE_WALK_MISSING)
		return event;
	for (unsigned i = 0; i < frame->layer_count; i++)
		if (!frame->layers[i].taken && same_head(layer, &frame->layers[i]))
			frame->layers[i].taken = true;
	return event;
}

/* The content of sources is that of ".". */
static int say_root(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct lade_walk_options *options = &walk->options;
	struct layer *layer = NULL;

	walk->at_root = false;
	memset(item, 0, sizeof(*item));
	if (!options->recursive && !options->directories)
		return skip_directory(walk, item, fault);
	for (unsigned i = 0; !layer && i < walk->next.layer_count; i++)
		if (walk->next.layers[i].directory == walk->root)
			layer = &walk->next.layers[i];
	assert(layer);
	if (layer_pin(layer, fault) || fstat(layer->fd, &item->st)) {
		walk->next.said = false;
		return problem(walk, item, LADE_E_SOURCE, "stat", fault);
	}
	item->parent = walk->root;
	item->parent_fd = layer->fd;
	item->name = item->said = ".";
	item->name_len = item->said_len = 1;
	item->path = walk->path;
	return LADE_WALK_ENTRY;
}

int lade_walk_next(struct lade_walk *walk, struct lade_walk_item *item_out, struct lade_fault *fault)
{
	int event = 0;

	lade_directory_unref(walk->left);
	walk->left = NULL;
	if (walk->at_root)
		return say_root(walk, item_out, fault);
	if (walk->missing_at < walk->missing_end)
		return missing_path(walk, item_out, fault);
	if (walk->entering) {
		event = enter(walk, fault);
		if (event)
			return event;
	}
	while (walk->depth && !event) {
		event = ready(walk, &walk->frames[walk->depth - 1], item_out, fault);
		if (!event)
			event = next_name(walk, item_out, fault);
	}
	return event;
}
