/*
 * The walk: a stack of frames, one for each directory that is open, and in each frame its layers: the directories of the
 * sources that make it up. Each layer has its names in order; a frame takes the lowest of them all. The top frame's
 * directories are pinned while their names are looked at; descending unpins them, so that a deep tree holds few descriptors.
 */
#include "agent/tree/walk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/walk_internal.h"
#include "protocol/grow.h"

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
	unsigned what = source->name ? 0 : LADE_SELECTED_ITEM;
	struct lade_selection_at at;
	struct layer *layer;

	if (source->selection)
		what = lade_selection_root_what(source->selection);
	if (what && !walk->root)
		walk->root = source->directory;
	if ((what & LADE_SELECTED_ITEM) && (walk->options.recursive || walk->options.directories) &&
	    lade_walk_add_content(walk, source->directory, device_of(source->directory)))
		return LADE_E_MEMORY;
	if (source->selection) {
		at = lade_selection_root(source->selection);
		return lade_walk_add_selected(walk, source->directory, source, &at);
	}
	if (!source->name)
		return 0;
	layer = lade_walk_add_layer(walk, lade_directory_ref(source->directory));
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
	error = lade_walk_set_path(walk, 0, prefix, strlen(prefix));
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
		lade_walk_frame_fini(&walk->frames[--walk->depth]);
	lade_walk_frame_fini(&walk->next);
	lade_directory_unref(walk->left);
	free(walk->frames);
	free(walk->path);
	free(walk);
}

/* ---- one directory ---- */

/* Enter the directory of the last entry. */
static int enter(struct lade_walk *walk, struct lade_fault *fault)
{
	struct frame *frames = lade_grown(walk->frames, walk->depth, &walk->frame_capacity, sizeof(*frames));

	if (!frames)
		return lade_walk_no_memory(walk, fault);
	walk->frames = frames;
	if (walk->depth)
		lade_walk_frame_unpin(&walk->frames[walk->depth - 1]);
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
	return lade_walk_gap(walk, item, fault);
}

/* Have the names of all layers, and their directories pinned: they may have been closed meanwhile. Returns PROBLEM for one that fails. */
static int ready(struct lade_walk *walk, struct frame *frame, struct lade_walk_item *item, struct lade_fault *fault)
{
	while (frame->read_count < frame->layer_count) {
		int error = lade_walk_layer_read(walk, &frame->layers[frame->read_count++], fault);

		if (error == LADE_E_SOURCE)
			return lade_walk_gap(walk, item, fault);
		if (error)
			return error;
	}
	for (unsigned i = 0; i < frame->layer_count; i++) {
		struct layer *layer = &frame->layers[i];

		if (layer->fd >= 0 || layer->over)
			continue;
		/* One that could not be pinned has no names, and is over when it is asked for one. */
		if (lade_name_list_count(layer->names) && lade_walk_layer_pin(layer, fault)) {
			layer->over = true;
			return lade_walk_gap(walk, item, fault);
		}
	}
	return frame->scoped ? 0 : enter_scope(walk, frame, item, fault);
}

/* The layer with the lowest name, the first of those that have it; NULL at the end of all. An error ends the walk. */
static int lowest(const struct lade_walk *walk, struct frame *frame, struct layer **lowest_out, struct lade_fault *fault)
{
	*lowest_out = NULL;
	for (unsigned i = 0; i < frame->layer_count; i++) {
		struct layer *layer = &frame->layers[i], *best = *lowest_out;
		int order;

		if (layer->taken && !layer->over) {
			int error = lade_walk_layer_next(walk, layer, fault);

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
	lade_walk_frame_fini(frame);
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
	if (lade_walk_set_path(walk, frame->path_len, layer->head.name, layer->head.name_len))
		return lade_walk_no_memory(walk, fault);
	if (walk->options.scope && walk->depth == 1 && !frame->said)
		lade_filter_scope_begin(walk->options.scope, layer->fd, frame->path_len);
	if (frame->layer_count > 1 && layer->head.key == KEY_FILE && lade_walk_is_directory_elsewhere(walk, frame, layer))
		event = 0;
	else if (layer->head.key == KEY_FOREIGN)
		event = lade_walk_look_foreign(walk, layer, item, fault);
	else
		event = lade_walk_look(walk, layer, item, fault);
	/* Where one layer fails another one may have it. */
	layer->taken = true;
	if (event == ELSEWHERE)
		return 0;
	if (event == LADE_WALK_PROBLEM || event == LADE_WALK_MISSING)
		return event;
	for (unsigned i = 0; i < frame->layer_count; i++)
		if (!frame->layers[i].taken && lade_walk_same_head(layer, &frame->layers[i]))
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
		return lade_walk_skip_directory(walk, item, fault);
	for (unsigned i = 0; !layer && i < walk->next.layer_count; i++)
		if (walk->next.layers[i].directory == walk->root)
			layer = &walk->next.layers[i];
	assert(layer);
	if (lade_walk_layer_pin(layer, fault) || fstat(layer->fd, &item->st)) {
		walk->next.said = false;
		return lade_walk_problem(walk, item, LADE_E_SOURCE, "stat", fault);
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
	if (walk->entering) {
		event = enter(walk, fault);
		if (event)
			return event;
	}
	while (walk->depth && !event) {
		event = lade_walk_lost_path(walk, item_out, fault);
		if (!event)
			event = ready(walk, &walk->frames[walk->depth - 1], item_out, fault);
		if (!event)
			event = next_name(walk, item_out, fault);
	}
	return event;
}

void lade_walk_skip(struct lade_walk *walk)
{
	lade_walk_frame_fini(&walk->next);
	memset(&walk->next, 0, sizeof(walk->next));
	walk->entering = false;
}
