/*
 * What the parts of the walk share: walk.c goes from directory to directory, walk_layer.c has what a source says of one, and
 * walk_look.c decides what becomes of a name.
 */
#ifndef LADE_AGENT_TREE_WALK_INTERNAL_H
#define LADE_AGENT_TREE_WALK_INTERNAL_H

#include "agent/tree/name_list.h"
#include "agent/tree/walk.h"
#include "protocol/limits.h"

/* Names that cannot be converted come last. */
enum { KEY_FILE, KEY_DIRECTORY, KEY_FOREIGN };

/* Beside the events: nothing to tell of, but another layer may have the name. */
#define ELSEWHERE 1000

/* One source's part in a directory. */
struct layer {
	struct lade_directory *directory;       /* referenced */
	const struct lade_selection *selection; /* the names that take part; NULL: all, */
	struct lade_selection_at at;
	const char *written;                    /* the directory below which names were selected, as the user wrote it */
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
	const struct layer *lost; /* of the frame on top: its paths at [lost_at, lost_end) lead nowhere */
	size_t lost_at, lost_end;
	struct lade_directory *left; /* the directory of the last LEAVE */
	bool avoid_known;
	struct stat avoid; /* of options.avoid, once it is there */
};

/* How a name is to be looked at. */
struct glance {
	const struct lade_walk *walk;
	const struct lade_directory *directory; /* that has it */
	size_t depth;     /* directories between it and the root of the transfer */
	char *said;       /* room for a name as the protocol has it */
	bool to_directory; /* it stands for the directory that it leads to, if it leads to one */
};

/* ---- walk_layer.c ---- */

/* Make walk->path the path of name in the directory whose path has parent_len bytes. */
int lade_walk_set_path(struct lade_walk *walk, size_t parent_len, const char *name, size_t name_len);

/* Fill the fault: there is no memory for what is at walk->path. Returns LADE_E_MEMORY. */
int lade_walk_no_memory(const struct lade_walk *walk, struct lade_fault *fault);

/* Let go of the descriptors of a frame's directories. They are pinned again when they are needed. */
void lade_walk_frame_unpin(struct frame *frame);

/* Let go of all that a frame has. */
void lade_walk_frame_fini(struct frame *frame);

/* Have the directory of a layer open as layer->fd. 0, or LADE_E_SOURCE with the fault. */
int lade_walk_layer_pin(struct layer *layer, struct lade_fault *fault);

/* One more layer of the directory to be entered; its directory is consumed. NULL: no memory, and it is let go of. */
struct layer *lade_walk_add_layer(struct lade_walk *walk, struct lade_directory *directory);

/* Add a layer for all of directory, on a file system. */
int lade_walk_add_content(struct lade_walk *walk, struct lade_directory *directory, dev_t device);

/* Add a layer for what source's selection has in directory. */
int lade_walk_add_selected(struct lade_walk *walk, struct lade_directory *directory, const struct lade_walk_source *source,
			   const struct lade_selection_at *at);

/*
 * Stat name, or what it leads to where that takes part instead. 0; LADE_E_SOURCE with errno; or LADE_E_ABSENT with errno
 * for a symlink that is to be followed and leads nowhere.
 */
int lade_walk_look_at(const struct glance *glance, int fd, const char *name, struct stat *st, bool *followed_out);

/* What is wanted of name, of len bytes, in a layer: enum lade_selected, or 0 for a directory on the way. False: nothing. */
bool lade_walk_is_selected(const struct layer *layer, const char *name, size_t len, unsigned *what_out,
			   struct lade_selection_at *below_out);

/* A glance at name in a layer of the frame on top. */
struct glance lade_walk_glance_at(const struct lade_walk *walk, const struct layer *layer, const char *name, size_t len);

/* Read the names of a layer. LADE_E_SOURCE: it is incomplete, and the fault says why; what was read is walked. */
int lade_walk_layer_read(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault);

/* Take the next name of a layer, or find that it is over. 0, or the fault that ends the walk. */
int lade_walk_layer_next(const struct lade_walk *walk, struct layer *layer, struct lade_fault *fault);

/* ---- walk_look.c ---- */

/*
 * Tell that what is at walk->path is left out: the fault has the operation, and errno where code has one; item has nothing but the
 * path. Returns PROBLEM.
 */
int lade_walk_problem(struct lade_walk *walk, struct lade_walk_item *item, int code, const char *operation,
		      struct lade_fault *fault);

/* The frame on top lacks something that the fault tells of. */
int lade_walk_gap(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault);

/* Tell of a directory that the options leave out. Returns PROBLEM. */
int lade_walk_skip_directory(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault);

/* The next path that led nowhere. Returns PROBLEM; or 0: there are no more. */
int lade_walk_lost_path(struct lade_walk *walk, struct lade_walk_item *item, struct lade_fault *fault);

/* True if b is at the name that a is at. */
bool lade_walk_same_head(const struct layer *a, const struct layer *b);

/* True if another layer has a directory of this name. */
bool lade_walk_is_directory_elsewhere(const struct lade_walk *walk, const struct frame *frame, const struct layer *layer);

/* Look at the name that a layer comes to; walk->path is its path. Returns an event, ELSEWHERE, or 0 to leave it out. */
int lade_walk_look(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault);

/* The other side cannot be told of the name that a layer comes to. Returns a PROBLEM, or 0 where nobody wants it. */
int lade_walk_look_foreign(struct lade_walk *walk, const struct layer *layer, struct lade_walk_item *item, struct lade_fault *fault);

#endif
