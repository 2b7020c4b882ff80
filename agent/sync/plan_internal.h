/*
 * The planner's state, for plan.c (the entry stream), plan_root.c (the destination itself) and
 * plan_entry.c (one entry against what is there), plan_file.c (one file) and plan_moved.c (files under new names).
 */
#ifndef LADE_AGENT_SYNC_PLAN_INTERNAL_H
#define LADE_AGENT_SYNC_PLAN_INTERNAL_H

#include "agent/sync/receiver_internal.h"
#include "agent/tree/listing.h"
#include "agent/tree/name_list.h"

/* A directory of the destination that is open in the entry stream. */
struct level {
	struct lade_directory *directory; /* referenced; NULL in a dry run where it does not exist */
	struct target *target;            /* its user pointer, or the root's */
	int fd;                           /* pinned, or -1 */
	size_t path_len;                  /* of its path in planner->path */
	struct lade_name_list *names;     /* what it holds, where deletion is on; else NULL */
	struct lade_name_cursor *files, *directories; /* how far each part of the entry stream has come in names */
	struct lade_name files_at, directories_at;
	bool files_over, directories_over;
};

/* A new file about which is decided when all entries are known. */
struct deferred_file {
	uint64_t index;
	struct incoming *file; /* owned until it is asked for */
	char *candidate;       /* path of a file to be deleted that may be it, or NULL */
	int fit;               /* how well it fits */
};

/* Files that may have been moved, and what is to be deleted. */
struct moved {
	struct deferred_file *deferred;
	size_t deferred_count, deferred_capacity;
	char **removed; /* paths */
	size_t removed_count, removed_capacity;
};

struct planner {
	struct lade_receiver *receiver;
	struct lade_session *session;
	struct level *levels; /* of capacity; once rooted, depth + 1 are in use */
	size_t depth, capacity;
	char *path;           /* of the entry at hand, relative to the root of the transfer */
	size_t path_size;
	uint64_t planned;     /* entries so far */
	struct lade_msg_end counted; /* since the last give_credit() */
	size_t uncredited;    /* bytes of entry stream since then */
	struct moved moved;
	bool rooted;          /* the destination is open: level 0 */
	bool dry_run, deletes;
};

/* One entry and what the destination has in its place. */
struct place {
	const struct lade_msg_entry *entry;
	struct level *level;
	uint64_t index;
	const char *name; /* NUL-terminated component */
	struct lade_metadata wanted;
	bool exists;
	struct stat st;   /* if it exists */
};

/* [root] Open the destination, or make it. 0, or the fault that ends the session. */
int lade_plan_root(struct planner *planner, bool single, struct lade_fault *fault);

/* [entry] Compare one entry with the destination and act. 0, or the fault that ends the session. */
int lade_plan_entry(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		    struct lade_fault *fault);

/* Tell the user of changes (enum lade_item) at an entry, if he wants to know. */
void lade_plan_item(struct planner *planner, const struct place *place, uint32_t changes);

/* How mode, owner, group, time, ACL and extended attributes of what exists differ (enum lade_item). */
uint32_t lade_plan_metadata_changes(struct planner *planner, const struct place *place);

/* Mend the metadata of what exists, in place, where changes says so. */
void lade_plan_mend(struct planner *planner, struct place *place, uint32_t changes);

/* Replace the attributes by a copy that outlives the message. 0, or the fault. */
int lade_plan_own_xattrs(struct lade_metadata *metadata, struct lade_fault *fault);

/* ---- plan_file.c ---- */

/* [entry] A regular file. As lade_plan_entry(). */
int lade_plan_file(struct planner *planner, struct place *place, struct lade_fault *fault);

/* [want] [want-recipe] Ask for file (consumed), the content of entry index; wait for a slot. 0, or the fault that ends the session. */
int lade_plan_want(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault);

/* Have file described instead of sent. 0, or LADE_E_MEMORY. */
int lade_plan_describe(const struct planner *planner, struct incoming *file);

/* Before the first change in a directory: open it up if it is closed, and have its times set again. */
void lade_plan_change(struct level *level);

/* Enter directory (consumed) whose target is given. The names it holds are read where deletion is on. */
int lade_plan_enter(struct planner *planner, struct lade_directory *directory, struct target *target,
		    struct lade_fault *fault);

/* ---- plan_moved.c ---- */

/* True if file may be one that is about to be deleted, under another name. */
bool lade_plan_may_be_moved(const struct planner *planner, const struct incoming *file);

/* [defer] Decide about file (consumed) later. 0, or the fault that ends the session. */
int lade_plan_defer(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault);

/* path is to be deleted, with all that is in it. */
void lade_plan_removed(struct planner *planner, const char *path);

/* All entries are known: ask for what was deferred. 0, or the fault that ends the session. */
int lade_plan_ask_deferred(struct planner *planner, struct lade_fault *fault);

/* Free what is remembered. */
void lade_plan_moved_fini(struct moved *moved);

/* ---- any ---- */

/* Report a failure at the entry at hand, and go on. */
void lade_plan_problem(struct planner *planner, const struct lade_fault *fault);

/* Report errno of operation at the entry at hand. */
void lade_plan_failed(struct planner *planner, const char *operation);

#endif
