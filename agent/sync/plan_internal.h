/*
 * The planner's state, for plan.c (the entry stream), plan_root.c (the destination itself) and
 * plan_entry.c (one entry against what is there), plan_asked.c (what a client asked for), plan_file.c (one file), plan_moved.c (files under new names),
 * plan_link.c (symlinks to directories), plan_alternative.c (alternative directories) and plan_fuzzy.c (files with similar names).
 */
#ifndef LADE_AGENT_SYNC_PLAN_INTERNAL_H
#define LADE_AGENT_SYNC_PLAN_INTERNAL_H

#include "agent/sync/receiver_internal.h"
#include "agent/sync/sources.h"
#include "agent/tree/listing.h"
#include "agent/tree/name_list.h"

/* What a client asked for of a directory. */
struct asked {
	bool all;  /* all that is in it */
	bool some; /* or, and, what is selected so */
	struct lade_selection_at at;
};

/* A directory of the destination that is open in the entry stream. */
struct level {
	struct lade_directory *directory; /* referenced; NULL in a dry run where it does not exist */
	struct target *target;            /* its user pointer, or the root's */
	int fd;                           /* pinned, or -1 */
	struct lade_directory **alternatives; /* in each alternative directory, referenced, NULL where there is none; NULL: nowhere */
	size_t path_len;                  /* of its path in planner->path */
	struct asked asked;
	bool linked;                      /* -K: a symlink leads to it, or to one above it: nothing is deleted there */
	uint64_t *symlinks;               /* -K: digests of the symlinks' names that were said in it, symlink_count; owned */
	size_t symlink_count, symlink_capacity;
	mode_t granted;                   /* what lade_plan_granted() says, if that is known */
	bool granted_known;
	bool passed;                      /* the user's rules leave the directory as it is: all that is in it is passed over */
	bool unnamed;                     /* its name could not be converted, or that of one above it: nothing in it is known here */
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

/* A file that may serve as the basis of a new one beside it. */
struct neighbour {
	struct lade_directory *directory; /* referenced */
	uint64_t size;
	struct timespec mtime;
	char *name;                       /* owned */
};

/* Those of the directory at hand. */
struct neighbours {
	struct neighbour *items;
	size_t count, capacity;
	bool read;
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
	size_t deferred_count; /* so far, see [defer] */
	struct neighbours neighbours;
	struct lade_filter_scope *protection; /* what is not to be deleted, where deletion is on; NULL: there are no rules */
	dev_t device;         /* of the destination, where -x is given */
	struct lade_sources sources; /* what a client asked for, in one group; none: whatever comes */
	struct asked asked;          /* of the directory to be entered next */
	bool enters_link;     /* the directory that is entered next is behind a symlink (-K) */
	uint64_t stored_first, stored_count; /* entries that the destination has, and it was not said yet */
	bool rooted;          /* the destination is open: level 0 */
	bool dry_run, deletes, ignores_errors;
	bool unconverted; /* a name, or a target, could not be converted: nothing is to be deleted */
	bool deletes_first; /* --delete-before: nothing is asked for until all that is to be deleted is */
};

/* One entry and what the destination has in its place. */
struct place {
	const struct lade_msg_entry *entry;
	struct level *level;
	int fd;           /* of the directory that st is of: the level's, or an alternative one */
	uint64_t index;
	const char *name; /* NUL-terminated component */
	struct lade_metadata wanted;
	bool exists;
	struct stat st;   /* if it exists; what it passes for, if that is faked */
	bool is_device;   /* --write-devices: st is that of a file, which is a device */
	bool faked;       /* it passes for what it is not */
	int linked_fd;    /* -K: the directory that a symlink of the name leads to, of which st is; else -1. Owned by lade_plan_entry() */
};

/* How well what stands in an alternative directory fits an entry, rising. */
enum fit {
	FIT_NONE,    /* nothing of its type is there */
	FIT_TYPE,    /* something is, with other content: a basis */
	FIT_CONTENT, /* the content is right, the metadata is not */
	FIT_EXACT,
};

/* What an alternative directory has in the place of an entry. */
struct aside {
	enum fit fit;
	struct lade_directory *directory; /* fit > FIT_NONE: pinned until lade_plan_aside_fini(), the level's */
	struct place place;               /* the entry's, but there */
};

/* [root] Open the destination, or make it. 0, or the fault that ends the session. */
int lade_plan_root(struct planner *planner, bool single, struct lade_fault *fault);

/* [entry] Compare one entry with the destination and act. 0, or the fault that ends the session. */
int lade_plan_entry(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		    struct lade_fault *fault);

/* What stands under name in the directory fd: false with errno. */
bool lade_plan_stat(const struct planner *planner, struct place *place);
/*
 * An entry whose name, or whose directory's, could not be converted: nothing is done about it. As lade_plan_entry().
 */
int lade_plan_unnamed(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		      struct lade_fault *fault);

/* [implied] A directory on the way to what was asked for. As lade_plan_entry(). */
int lade_plan_implied(struct planner *planner, struct lade_slice name, const struct lade_recv_event *event,
		      struct lade_fault *fault);

/* Tell the user of changes (enum lade_item) at an entry, if he wants to know. */
void lade_plan_item(struct planner *planner, const struct place *place, uint32_t changes);

/* How mode, owner, group, time, ACL and extended attributes of what exists differ (enum lade_item). */
uint32_t lade_plan_metadata_changes(struct planner *planner, const struct place *place);

/* How the time of what is made anew in place of another is told, if it is not kept: LADE_ITEM_TIME_NOW, or, as rsync has it, _TIME with -J. */
uint32_t lade_plan_time_now(const struct planner *planner, const struct place *place);

/* Mend the metadata of what exists, in place, where changes says so. */
void lade_plan_mend(struct planner *planner, struct place *place, uint32_t changes);

/* The permission bits that something new in the directory may have, without -p. */
mode_t lade_plan_granted(const struct planner *planner, struct level *level);

/* Have planner->path be that of name in the level's directory. 0 or LADE_E_MEMORY. */
int lade_plan_set_path(struct planner *planner, const struct level *level, const char *name, size_t name_len);

/* ---- plan_asked.c ---- */

/* Remember what a client asked for. 0, or the fault that ends the session. */
int lade_plan_asked(struct planner *planner, struct lade_fault *fault);

/* True if a client named a source of this path below the directory at hand, or this is no client. */
bool lade_plan_is_source(const struct planner *planner, struct lade_slice path);

/*
 * True if a client asked for something of this name in the directory at hand, or this is no client; then planner->asked is what holds in
 * it, if it is entered. *implied_out: it may be a directory that is only on the way to that.
 */
bool lade_plan_is_asked(struct planner *planner, struct lade_slice name, bool is_directory, bool *implied_out);

/* ---- plan_file.c ---- */

/* [entry] A regular file. As lade_plan_entry(). */
int lade_plan_file(struct planner *planner, struct place *place, struct lade_fault *fault);

/* The quick check: size and time, or the digest if there is one. */
bool lade_plan_same_file(struct planner *planner, const struct place *place);

/* What is to become of the file at place; basis_directory and delta are not decided on. NULL: no memory, and the fault says so. */
struct incoming *lade_plan_new_incoming(struct planner *planner, const struct place *place, struct lade_fault *fault);

/*
 * True if it may cost less to say what differs from an old file of old_size than to send the file. Tiny files are
 * sent sooner than described; of a file that is a small part of the new one little can be saved.
 */
bool lade_plan_basis_pays(const struct planner *planner, uint64_t size, uint64_t old_size);

/* [want] [want-recipe] Ask for file (consumed), the content of entry index; wait for a slot. 0, or the fault that ends the session. */
int lade_plan_want(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault);

/* Have file described instead of sent. 0, or LADE_E_MEMORY. */
int lade_plan_describe(const struct planner *planner, struct incoming *file);

/* Enter directory (consumed) whose target is given. The names it holds are read where deletion is on. */
int lade_plan_enter(struct planner *planner, struct lade_directory *directory, struct target *target,
		    struct lade_fault *fault);

/* ---- plan_moved.c ---- */

/* True if file may be one that is about to be deleted, under another name. */
bool lade_plan_may_be_moved(const struct planner *planner, const struct incoming *file);

/* [defer] Entry index may be wanted later. At most LADE_DEFERRED_MAX times, which planner->deferred_count counts. */
void lade_plan_say_defer(struct planner *planner, uint64_t index);

/* [defer] Decide about file (consumed) later. 0, or the fault that ends the session. */
int lade_plan_defer(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault);

/* True if a file that is to be asked for is deferred until the deletions are done. */
bool lade_plan_waits(struct planner *planner);

/* path is to be deleted, with all that is in it. */
void lade_plan_removed(struct planner *planner, const char *path);

/* All entries are known: ask for what was deferred. 0, or the fault that ends the session. */
int lade_plan_ask_deferred(struct planner *planner, struct lade_fault *fault);

/* Free what is remembered. */
void lade_plan_moved_fini(struct moved *moved);

/* ---- plan_special.c ---- */

/* [entry] A symlink, device, FIFO or socket. A failure is reported. */
void lade_plan_special(struct planner *planner, struct place *place);

/* A directory that is where something else is to be goes, or would (a dry run). Returns 0, or -1 if it stays, which was reported. */
int lade_plan_make_way(struct planner *planner, const struct place *place);

/* What something else is about to replace is backed up, if that is asked for. As lade_plan_make_way(). */
int lade_plan_back_up(struct planner *planner, const struct place *place);

/* True if what is at place is the same symlink, device, FIFO or socket but for its metadata. */
bool lade_plan_same_special(const struct place *place);

/* ---- plan_deletion.c ---- */

/* List the names of a level's directory. 0, or the fault that ends the session. */
int lade_plan_open_names(const struct planner *planner, struct level *level, struct lade_fault *fault);

/* Forget them, if they were listed. */
void lade_plan_close_names(struct level *level);

/* The sender said name: it stays. Names come in the order of the entry stream. 0, or the fault that ends the session. */
int lade_plan_keep_name(struct level *level, struct lade_slice name, bool is_directory, struct lade_fault *fault);

/* Note every listed name for deletion that was not said, unless something protects it. 0, or the fault that ends the session. */
int lade_plan_deletions(struct planner *planner, struct level *level, struct lade_fault *fault);

/* ---- plan_directory.c ---- */

/* [entry] A directory. As lade_plan_entry(). */
int lade_plan_directory(struct planner *planner, struct place *place, struct lade_fault *fault);

/* A directory that is only on the way: it is made if it is missing, and else left as it is. What is no directory stays, too. As lade_plan_entry(). */
int lade_plan_way(struct planner *planner, struct place *place, struct lade_fault *fault);

/* [entry] The destination's own entry: ".". As lade_plan_entry(). */
int lade_plan_top(struct planner *planner, struct place *place, struct lade_fault *fault);

/* Enter a directory with which nothing is done: the stream goes on in it. As lade_plan_entry(). */
int lade_plan_enter_only(struct planner *planner, struct place *place, struct lade_fault *fault);

/* Before the first change in a directory: open it up if it is closed, and have its times set again. */
void lade_plan_change(struct level *level);

/* ---- plan_pass.c ---- */

/* True if nothing is to become of the entry, which is told. */
bool lade_plan_passes(struct planner *planner, const struct place *place);

/* Leave what is there as it is. As lade_plan_entry(). */
int lade_plan_pass(struct planner *planner, struct place *place, struct lade_fault *fault);

/* ---- plan_link.c ---- */

/* -K: remember that a symlink was said, if place is one: a directory of its name is not to be looked for behind it. 0 or LADE_E_MEMORY. */
int lade_plan_note_symlink(struct planner *planner, const struct place *place, struct lade_fault *fault);

/*
 * -K: if a directory is wanted where a symlink to one stands, take that for it: linked_fd and st are set. Returns 0; 1 if it leads where
 * it may not be followed to (which is reported); or LADE_E_MEMORY.
 */
int lade_plan_follow(struct planner *planner, struct place *place, struct lade_fault *fault);

/* ---- plan_alternative.c ---- */

/* The destination is open, or is not there in a dry run: open the alternative directories. 0 or the fault that ends the session. */
int lade_plan_open_alternatives(struct planner *planner, struct lade_fault *fault);

/* A level was entered: find its alternatives. 0 or LADE_E_MEMORY. */
int lade_plan_enter_alternatives(struct planner *planner, struct lade_fault *fault);

/* Let go of a level's alternatives. */
void lade_plan_leave_alternatives(struct planner *planner, struct level *level);

/* Find what fits the entry best in the alternative directories, the earlier one where two fit alike. The caller ends it. */
void lade_plan_look_aside(struct planner *planner, const struct place *place, struct aside *aside_out);

/* Let go of it. */
void lade_plan_aside_fini(struct aside *aside);

/*
 * A regular file: leave it out, link it or copy it, if an alternative directory has it. Returns 1 if that is done; 0 if
 * the file is still to be asked for, then *aside_out, which the caller ends, may be its basis; or LADE_E_MEMORY.
 */
int lade_plan_file_aside(struct planner *planner, struct place *place, struct aside *aside_out, struct lade_fault *fault);

/*
 * A symlink, device, FIFO or socket of which nothing is there: leave it out or link it, if an alternative directory has it.
 * True if that is done; else *changes is what is to be told when it is made.
 */
bool lade_plan_special_aside(struct planner *planner, const struct place *place, uint32_t *changes);

/*
 * Remember the directory fd and all above it up to root, if it is below that: they are not to be deleted. fd is consumed.
 * Returns 0 or LADE_E_MEMORY.
 */
int lade_plan_keep_chain(struct lade_receiver *receiver, int fd, const struct stat *root);

/* What is to be told of a directory that is not there. */
uint32_t lade_plan_directory_aside(struct planner *planner, const struct place *place);

/* ---- plan_fuzzy.c ---- */

/* Find a file with the size and time of the new one, or else the one with the most similar name, and make it its basis. */
void lade_plan_find_similar(struct planner *planner, const struct place *place, struct incoming *file);

/* Another directory is at hand. */
void lade_plan_forget_neighbours(struct planner *planner);

/* ---- any ---- */

/* The destination has entry index as it should be. */
void lade_plan_stored(struct planner *planner, uint64_t index);

/* Report a failure at the entry at hand, and go on. */
void lade_plan_problem(struct planner *planner, const struct lade_fault *fault);

/* Report errno of operation at the entry at hand. */
void lade_plan_failed(struct planner *planner, const char *operation);

#endif
