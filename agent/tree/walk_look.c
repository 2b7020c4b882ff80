/*
 * One name: whether it takes part, what keeps it from that, and what is said of it. Symlinks are followed only where the options say
 * so. What is behind one is walked like the rest; one that leads to a directory in which the walk just is would lead there for ever,
 * and is a problem.
 */
#include "agent/tree/walk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

int lade_walk_problem(struct lade_walk *walk, struct lade_walk_item *item, int code, const char *operation,
		      struct lade_fault *fault)
{
	memset(item, 0, sizeof(*item));
	item->path = walk->path;
	item->vanished = code == LADE_E_SOURCE && errno == ENOENT;
	lade_fault_set(fault, code, operation, *walk->path ? walk->path : ".");
	return LADE_WALK_PROBLEM;
}

int lade_walk_gap(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
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

int lade_walk_skip_directory(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	return lade_walk_problem(walk, item, LADE_E_UNSUPPORTED, "skipping directory", fault);
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

/* True if the filter leaves path out. tells: whoever wants to know hears of it. */
static bool is_hidden(const struct lade_walk *walk, const char *path, bool as_directory, bool tells)
{
	const struct lade_walk_options *options = &walk->options;
	struct lade_filter_decision decision;

	if (!options->scope || !lade_filter_scope_excludes(options->scope, path, as_directory, &decision))
		return false;
	if (options->hidden && tells)
		options->hidden(options->context, path, as_directory, decision.text);
	return true;
}

/* True if st begins another file system than the layer's, which is not to be left. */
static bool is_foreign(const struct lade_walk *walk, const struct layer *layer, const struct stat *st)
{
	return walk->options.one_file_system && !layer->selection && !layer->only && st->st_dev != layer->device;
}

/* Nothing is at path below the directory that was written; errno says why. The user knows it by both. */
static int not_found(const char *written, const char *path, struct lade_fault *fault)
{
	char *whole = NULL;
	size_t len = written ? strlen(written) : 0;
	int saved = errno;

	if (len && strcmp(written, ".") && asprintf(&whole, written[len - 1] == '/' ? "%s%s" : "%s/%s", written, path) < 0)
		whole = NULL;
	errno = saved;
	lade_fault_set(fault, LADE_E_SOURCE, "find source", whole ? whole : path);
	free(whole);
	return LADE_WALK_PROBLEM;
}

/* ---- paths that lead nowhere ---- */

enum fate { FATE_THERE, FATE_HIDDEN, FATE_ABSENT };

/* What becomes of a path of the layer's selection. tells: of one that is hidden. */
static enum fate fate_of(const struct lade_walk *walk, const struct layer *layer, const char *path, bool tells)
{
	const struct lade_walk_options *options = &walk->options;
	bool follows = options->copy_links || options->copy_dirlinks;
	struct stat st;

	if (follows ? lade_directory_stat_followed(layer->directory, layer->fd, path + layer->at.off, &st) :
	    fstatat(layer->fd, path + layer->at.off, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR ? FATE_ABSENT : FATE_THERE;
	if (lade_directory_hides(layer->directory, path + layer->at.off, S_ISDIR(st.st_mode)))
		return FATE_ABSENT;
	return is_hidden(walk, path, S_ISDIR(st.st_mode), tells) ? FATE_HIDDEN : FATE_THERE;
}

/* True if there is something to come to below a directory that was not named. Where what is missing is told of, that is something. */
static bool leads_somewhere(const struct lade_walk *walk, const struct layer *layer, const struct lade_selection_at *below)
{
	bool some = walk->options.missing == LADE_MISSING_TELL;

	for (size_t i = below->first; i < below->end && !some; i++)
		some = fate_of(walk, layer, lade_selection_path(layer->selection, i), false) == FATE_THERE;
	return some;
}

/* Have the paths below told of that lead nowhere. */
static void lose(struct lade_walk *walk, const struct layer *layer, const struct lade_selection_at *below)
{
	walk->lost = layer;
	walk->lost_at = below->first;
	walk->lost_end = below->end;
}

int lade_walk_lost_path(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault)
{
	while (walk->lost_at < walk->lost_end) {
		const char *path = lade_selection_path(walk->lost->selection, walk->lost_at++);

		if (fate_of(walk, walk->lost, path, true) != FATE_ABSENT || walk->options.missing == LADE_MISSING_IGNORE)
			continue;
		memset(item, 0, sizeof(*item));
		item->path = path;
		item->name = item->said = path + walk->lost->at.off;
		item->name_len = item->said_len = strlen(item->name);
		/* Names are converted one by one; this is none. */
		if (walk->options.missing == LADE_MISSING_TELL && !walk->options.charset && item->name_len <= LADE_TARGET_MAX)
			return LADE_WALK_MISSING;
		item->absent = true;
		return not_found(walk->lost->written, path, fault);
	}
	return 0;
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
	int event = ELSEWHERE;

	memset(item, 0, sizeof(*item));
	if (lade_walk_is_selected(layer, layer->head.name, layer->head.name_len, &what, &below))
		lose(walk, layer, &below);
	if (what && walk->options.missing == LADE_MISSING_PROBLEM)
		event = not_found(layer->written, walk->path, fault);
	if (what && walk->options.missing == LADE_MISSING_TELL)
		event = LADE_WALK_MISSING;
	item->path = walk->path;
	name_item(item, layer);
	item->absent = event == LADE_WALK_PROBLEM;
	return event;
}

/* ---- one name ---- */

bool lade_walk_same_head(const struct layer *a, const struct layer *b)
{
	return !b->over && a->head.key == b->head.key && a->head.name_len == b->head.name_len &&
		memcmp(a->head.name, b->head.name, a->head.name_len) == 0;
}

bool lade_walk_is_directory_elsewhere(const struct lade_walk *walk, const struct frame *frame, const struct layer *layer)
{
	for (unsigned i = 0; i < frame->layer_count; i++) {
		const struct layer *other = &frame->layers[i];
		struct glance glance = lade_walk_glance_at(walk, other, layer->head.name, layer->head.name_len);
		struct lade_selection_at below;
		struct stat st;
		unsigned what;
		bool followed;

		if (other == layer || other->fd < 0 ||
		    !lade_walk_is_selected(other, layer->head.name, layer->head.name_len, &what, &below) ||
		    lade_directory_hides(other->directory, layer->head.name, true))
			continue;
		if (lade_walk_look_at(&glance, other->fd, layer->head.name, &st, &followed) == 0 && S_ISDIR(st.st_mode))
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
	const struct lade_walk_source source = { .selection = layer->selection, .written = layer->written };
	bool selected = layer->selection || layer->only, content;
	struct lade_directory *directory;
	struct lade_selection_at below;
	unsigned what;
	int error;

	(void)lade_walk_is_selected(layer, layer->head.name, layer->head.name_len, &what, &below);
	content = what && (walk->options.recursive || (what & LADE_SELECTED_CONTENT)) && !is_foreign(walk, layer, st);
	if (!content && below.first == below.end)
		return 0;
	error = new_handle(layer, followed, &directory, fault);
	if (error)
		return error;
	if (content)
		error = lade_walk_add_content(walk, directory, selected ? st->st_dev : layer->device);
	if (!error)
		error = lade_walk_add_selected(walk, directory, &source, &below);
	lade_directory_unref(directory);
	return error ? lade_walk_no_memory(walk, fault) : 0;
}

/* Have the directory entered that the first layer's name stands for, in all layers that have it. */
static int enter_all(struct lade_walk *walk, const struct layer *first, const struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct frame *frame = &walk->frames[walk->depth - 1];
	int error = descend(walk, first, &item->st, item->followed, fault);

	for (const struct layer *layer = first + 1; layer < frame->layers + frame->layer_count && !error; layer++) {
		struct glance glance = lade_walk_glance_at(walk, layer, first->head.name, first->head.name_len);
		struct stat st;
		bool followed;

		if (!lade_walk_same_head(first, layer) || layer->fd < 0 ||
		    lade_walk_look_at(&glance, layer->fd, layer->head.name, &st, &followed) || !S_ISDIR(st.st_mode))
			continue;
		if (lade_directory_hides(layer->directory, layer->head.name, true))
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
		return lade_walk_skip_directory(walk, item, fault);
	if (is_avoided(walk, &item->st))
		return lade_walk_problem(walk, item, LADE_E_REFUSED, "copy the destination into itself; skip", fault);
	if (item->followed && walk->options.recursive && lade_directory_is_within(layer->directory, &item->st)) {
		errno = ELOOP;
		return lade_walk_problem(walk, item, LADE_E_SOURCE, "follow symlink", fault);
	}
	*skip_out = is_foreign(walk, layer, &item->st) && walk->options.one_file_system > 1;
	if (*skip_out && walk->options.mount_point)
		walk->options.mount_point(walk->options.context, walk->path);
	return 0;
}

/* True if the base of the tree hides the name that a layer comes to. Whoever removes the tree hears of it. */
static bool is_withheld(const struct lade_walk *walk, const struct layer *layer)
{
	if (!lade_directory_hides(layer->directory, layer->head.name, layer->head.key == KEY_DIRECTORY))
		return false;
	if (walk->options.withheld)
		walk->options.withheld(walk->options.context, walk->path);
	return true;
}

int lade_walk_look(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct lade_name *name = &layer->head;
	struct glance glance = lade_walk_glance_at(walk, layer, name->name, name->name_len);
	bool as_directory = name->key == KEY_DIRECTORY, skip;
	struct lade_selection_at below;
	unsigned what;
	int error;

	memset(item, 0, sizeof(*item));
	if (!lade_walk_is_selected(layer, name->name, name->name_len, &what, &below))
		return 0;
	item->implied = !what;
	if (is_withheld(walk, layer)) {
		errno = ENOENT;
		return layer->selection || layer->only ? missing(walk, layer, item, fault) : 0;
	}
	if (!item->implied && !(layer->only && walk->options.names_asked) && is_hidden(walk, walk->path, as_directory, true))
		return 0;
	error = lade_walk_look_at(&glance, layer->fd, name->name, &item->st, &item->followed);
	if (error == LADE_E_SOURCE && errno == ENOENT && (layer->selection || layer->only))
		return missing(walk, layer, item, fault);
	if (error == LADE_E_ABSENT) {
		int event = lade_walk_problem(walk, item, LADE_E_SOURCE, "follow symlink", fault);

		item->vanished = false;
		return event;
	}
	if (error)
		return lade_walk_problem(walk, item, LADE_E_SOURCE, "stat", fault);
	if (item->implied && !S_ISDIR(item->st.st_mode)) {
		errno = ENOTDIR;
		item->path = walk->path;
		return not_found(layer->written, walk->path, fault);
	}
	if (item->implied && !leads_somewhere(walk, layer, &below)) {
		lose(walk, layer, &below);
		return ELSEWHERE;
	}
	if (S_ISDIR(item->st.st_mode) != as_directory)
		return lade_walk_problem(walk, item, LADE_E_CHANGED, "walk", fault);
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

int lade_walk_look_foreign(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_selection_at below;
	struct stat st;
	unsigned what;

	if (!lade_walk_is_selected(layer, layer->head.name, layer->head.name_len, &what, &below))
		return 0;
	if (is_withheld(walk, layer))
		return 0;
	if (what && is_hidden(walk, walk->path, fstatat(layer->fd, layer->head.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode),
			      true))
		return 0;
	walk->frames[walk->depth - 1].incomplete = true;
	errno = EILSEQ;
	return lade_walk_problem(walk, item, LADE_E_SOURCE, "convert the name of", fault);
}
