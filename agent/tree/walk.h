/*
 * Walking source trees in the order of the protocol: in each directory the files in
 * bytewise order, then its subdirectories, each followed by its content.
 *
 * Several sources make one tree, in layers: a directory of a name that several have has the names of all of them, and
 * what several have is that of the first. Only a directory comes before what is none, since it has what lies below it.
 *
 * Everything is reached through held directories; memory does not grow with the
 * number of entries (agent/tree/name_list.h). One thread.
 */
#ifndef LADE_AGENT_TREE_WALK_H
#define LADE_AGENT_TREE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "agent/tree/charset.h"
#include "agent/tree/directory.h"
#include "agent/tree/filter_scope.h"
#include "agent/tree/selection.h"
#include "protocol/error.h"

struct lade_walk;

enum lade_walk_event {
	LADE_WALK_END = 0,
	LADE_WALK_ENTRY,   /* something of the tree; a directory is entered by the next call */
	LADE_WALK_LEAVE,   /* the end of the directory that was entered last */
	LADE_WALK_PROBLEM, /* something was left out: the fault says what and why */
	LADE_WALK_MISSING, /* something that was named is not there; only under LADE_MISSING_TELL */
};

/* What one step met; borrowed until the next step. */
struct lade_walk_item {
	struct lade_directory *parent; /* the directory that holds the entry (of ".": the directory itself) */
	int parent_fd;                 /* its descriptor, pinned */
	const char *name;              /* one component, or "." for a source that is named by its content */
	size_t name_len;
	const char *said;              /* the same as the protocol has it: converted, if names are; these come in order */
	size_t said_len;
	const char *path;              /* relative to the root of the transfer; "" for "." */
	struct stat st;                /* of what the symlink leads to, where it is followed */
	bool is_device;                /* these two are not the walk's: st is that of a file, which is a device (--copy-devices) */
	bool faked;                    /* st is what it passes for (--fake-super) */
	bool followed;                 /* the name is a symlink, but what it leads to takes part */
	bool implied;                  /* a directory that was not named: it is on the way to something that was */
	struct lade_directory *left;   /* LEAVE: the directory; NULL where nothing of its content was wanted */
	bool incomplete;               /* LEAVE: not all of the directory was wanted, or could be read */
	bool vanished;                 /* PROBLEM: it was there a moment ago */
	bool absent;                   /* PROBLEM: it was named, and is not there: nothing that is there was left out */
};

/* What becomes of something that was named and is not there. */
enum lade_missing {
	LADE_MISSING_PROBLEM,
	LADE_MISSING_IGNORE,
	LADE_MISSING_TELL,
};

/* One source, all borrowed until the walk is freed. With neither name nor selection: the content of directory. */
struct lade_walk_source {
	struct lade_directory *directory;
	const char *name;                       /* this one entry of it; or NULL */
	const struct lade_selection *selection; /* these paths below it; or NULL */
	const char *written;                    /* with a selection: the directory as the user wrote it, for what is told of its paths */
};

struct lade_walk_options {
	bool recursive;                  /* else no directory's content is walked unless it is a source's, */
	bool directories;                /* and without this no directory: each, "." too, is a PROBLEM */
	bool copy_links;                 /* follow symlinks: all, */
	bool copy_dirlinks;              /* those to directories, */
	bool copy_unsafe_links;          /* those that lead out of the transfer */
	unsigned one_file_system;        /* 1: do not look into other file systems below a source; 2: leave out where they begin, too */
	enum lade_missing missing;
	struct lade_charset *charset;    /* names are converted; one that cannot be is a PROBLEM. Borrowed; NULL: they are not */
	bool names_asked;                /* the scope was asked about the names of sources before: it decides on what is below them */
	struct lade_filter_scope *scope; /* what is left out; directories above the sources may be entered. Borrowed; NULL: nothing */
	const char *prefix;              /* path of the sources' directory in the transfer, for names and filters; NULL: "" */
	const char *avoid;               /* path of a directory (not a source itself) that is left out: the destination, which
	                                    may be made while the walk is under way; borrowed, may be NULL */
	/* What the filter leaves out, and the pattern of it; NULL: nobody wants to know. */
	void (*hidden)(void *context, const char *path, bool is_directory, const char *pattern);
	/* A directory where another file system begins is left out; NULL: nobody wants to know. */
	void (*mount_point)(void *context, const char *path);
	/* What the base of the tree hides (agent/tree/place.h), which is not even to be told to be there; NULL: nobody wants to know. */
	void (*withheld)(void *context, const char *path);
	void *context; /* of all three */
};

/* Start a walk over count sources. Returns 0 or LADE_E_MEMORY. The caller frees it with lade_walk_free(). */
int lade_walk_new(const struct lade_walk_source *sources, unsigned count, const struct lade_walk_options *options,
		  struct lade_walk **walk_out, struct lade_fault *fault);

/* End the walk, wherever it is. NULL does nothing. */
void lade_walk_free(struct lade_walk *walk);

/* The next event (enum lade_walk_event), or LADE_E_MEMORY, LADE_E_SYSTEM (the spool) that end the walk. fault is filled for PROBLEM. */
int lade_walk_next(struct lade_walk *walk, struct lade_walk_item *item_out, struct lade_fault *fault);

/* The directory of the ENTRY that lade_walk_next() has just returned is not to be entered: no LEAVE of it comes. */
void lade_walk_skip(struct lade_walk *walk);

#endif
