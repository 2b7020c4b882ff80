/*
 * Layers: what one source has in a directory. A layer that comes from a selection has the names that were selected, all others those
 * that the directory has.
 */
#include "agent/tree/walk_internal.h"

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

int lade_walk_set_path(struct lade_walk *walk, size_t parent_len, const char *name, size_t name_len)
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

int lade_walk_no_memory(const struct lade_walk *walk, struct lade_fault *fault)
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

void lade_walk_frame_unpin(struct frame *frame)
{
	for (unsigned i = 0; i < frame->layer_count; i++)
		layer_unpin(&frame->layers[i]);
}

void lade_walk_frame_fini(struct frame *frame)
{
	for (unsigned i = 0; i < frame->layer_count; i++)
		layer_fini(&frame->layers[i]);
	free(frame->layers);
}

struct layer *lade_walk_add_layer(struct lade_walk *walk, struct lade_directory *directory)
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

int lade_walk_add_content(struct lade_walk *walk, struct lade_directory *directory, dev_t device)
{
	struct layer *layer = lade_walk_add_layer(walk, lade_directory_ref(directory));

	if (!layer)
		return LADE_E_MEMORY;
	layer->device = device;
	walk->next.whole = true;
	return 0;
}

int lade_walk_add_selected(struct lade_walk *walk, struct lade_directory *directory, const struct lade_walk_source *source,
			   const struct lade_selection_at *at)
{
	struct layer *layer;

	if (at->first == at->end)
		return 0;
	layer = lade_walk_add_layer(walk, lade_directory_ref(directory));
	if (!layer)
		return LADE_E_MEMORY;
	layer->selection = source->selection;
	layer->written = source->written;
	layer->at = *at;
	return 0;
}

/* ---- what a name stands for ---- */

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

int lade_walk_look_at(const struct glance *glance, int fd, const char *name, struct stat *st, bool *followed_out)
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
	if (lade_directory_stat_followed(glance->directory, fd, name, &target))
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
	return lade_walk_look_at(glance, fd, name, &st, &followed) == 0 && S_ISDIR(st.st_mode) ? KEY_DIRECTORY : KEY_FILE;
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

bool lade_walk_is_selected(const struct layer *layer, const char *name, size_t len, unsigned *what_out,
			   struct lade_selection_at *below_out)
{
	*below_out = (struct lade_selection_at){ 0 };
	*what_out = LADE_SELECTED_ITEM;
	if (layer->selection)
		return lade_selection_find(layer->selection, &layer->at, name, len, what_out, below_out);
	return !layer->only || (strlen(layer->only) == len && memcmp(layer->only, name, len) == 0);
}

struct glance lade_walk_glance_at(const struct lade_walk *walk, const struct layer *layer, const char *name, size_t len)
{
	struct glance glance = { walk, layer->directory, walk->depth - 1, NULL, false };
	struct lade_selection_at below;
	unsigned what;

	/* A slash behind a symlink stands for what it leads to, and so does a component on the way. */
	if (layer->selection && lade_walk_is_selected(layer, name, len, &what, &below))
		glance.to_directory = !what || (what & LADE_SELECTED_CONTENT) || below.first != below.end;
	return glance;
}

/* Add a name that was selected. What is not there is found out later. */
static int add_name(const struct lade_walk *walk, struct layer *layer, const char *name, size_t len, struct lade_fault *fault)
{
	struct glance glance = lade_walk_glance_at(walk, layer, name, len);
	char copy[LADE_NAME_MAX + 1], said[LADE_NAME_MAX + 1];
	const char *listed = copy;
	struct stat st;
	bool followed;
	int key;

	memcpy(copy, name, len);
	copy[len] = '\0';
	key = lade_walk_look_at(&glance, layer->fd, copy, &st, &followed) == 0 && S_ISDIR(st.st_mode) ? KEY_DIRECTORY : KEY_FILE;
	if (!convert(walk, &listed, said))
		key = KEY_FOREIGN;
	return lade_name_list_add(layer->names, listed, (uint8_t)key, DT_UNKNOWN, fault);
}

static int list_names(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	char said[LADE_NAME_MAX + 1];
	struct glance glance = { walk, layer->directory, walk->depth - 1, said, false };
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

int lade_walk_layer_pin(struct layer *layer, struct lade_fault *fault)
{
	if (layer->fd >= 0 || lade_directory_pin(layer->directory, &layer->fd, fault) == 0)
		return 0;
	layer->fd = -1;
	return LADE_E_SOURCE;
}

int lade_walk_layer_read(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	int error, result = lade_walk_layer_pin(layer, fault);

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

int lade_walk_layer_next(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault)
{
	int got = lade_name_cursor_next(layer->cursor, &layer->said, fault);

	layer->over = got == 0;
	layer->taken = false;
	if (got <= 0)
		return got;
	layer->head = layer->said;
	if (!walk->options.charset || layer->head.key == KEY_FOREIGN)
		return 0;
	/* The list has it as the protocol does: it came from here, so it goes back. */
	if (!lade_charset_name(walk->options.charset, LADE_CHARSET_IN, lade_slice(layer->said.name, layer->said.name_len), layer->local,
			       &layer->head.name_len))
		return lade_fault_set(fault, LADE_E_SYSTEM, "convert the name", layer->said.name);
	layer->head.name = layer->local;
	return 0;
}
