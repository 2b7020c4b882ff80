/*
 * The receiver's parts: receiver.c (reader, beginning and end), plan.c (the planner:
 * entries against the destination), land.c and land_*.c (workers: content into place), incoming.c and
 * settle.c (one file, and what becomes of it), delta.c and delta_*.c (a file that is made from old content), finish.c (what is done when all content is
 * there: hard links, deletions, directories).
 *
 * The reader lands runs and hands everything else on; the planner walks through the
 * entries and asks; workers write small files, check runs and commit. The job queue is
 * bounded, and workers never wait for the writer: what they say is bounded by the slots.
 */
#ifndef LADE_AGENT_SYNC_RECEIVER_INTERNAL_H
#define LADE_AGENT_SYNC_RECEIVER_INTERNAL_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "agent/sync/cut_stream.h"
#include "agent/sync/item_queue.h"
#include "agent/sync/path_choice.h"
#include "agent/sync/receiver.h"
#include "agent/sync/session.h"
#include "agent/tree/directory.h"
#include "agent/tree/filter_scope.h"
#include "agent/tree/identity.h"
#include "agent/tree/metadata.h"
#include "agent/tree/spool.h"
#include "agent/tree/temporary.h"
#include "chunker/codec.h"
#include "chunker/delta.h"
#include "protocol/session_recv.h"

/* Files that are shorter are sent sooner than described, in bytes. */
#define LADE_DESCRIBED_LEAST 512u
/* Old content that is so many times longer or shorter than the new one is not looked at. */
#define LADE_OLD_PARTS_MAX 32u

/* A regular file from its WANT to its ACK. */
struct incoming {
	struct lade_directory *directory; /* referenced */
	struct lade_metadata metadata;    /* xattrs owned */
	uint64_t size;
	uint32_t changes;                 /* for the item */
	bool existed;
	struct stat existing;             /* if it existed */
	uint64_t index;                   /* of its entry */
	uint64_t told;                    /* the place that is kept for its item, or 0 */
	int workshop_fd;                  /* where its temporary file is made; -1: in its directory */
	char *key;                        /* owned: what the temporary file there is named after; NULL: the name */
	bool in_new;                      /* in a directory that this session made: nothing else stands there */
	uint64_t moved, signed_len;       /* content that came for it so far, and signatures that were sent; lock held */
	uint64_t leader;                  /* index + 1 if others link to it, else 0 */
	struct lade_temporary temporary;  /* of this attempt */
	struct lade_temporary kept;       /* a whole copy from an earlier attempt */
	struct timespec kept_mtime;
	uint64_t kept_size;
	char *moved_from;                 /* owned: path of a file that is to be deleted and may be this one; or NULL */
	bool may_move;                    /* it may really go from there to here */
	struct lade_directory *basis_directory; /* referenced: where a basis stands that is neither of these; or NULL */
	char *basis_name;                 /* owned: its name there */
	bool left;                        /* an earlier session seems to have left part of it */
	bool overwrite;                   /* --inplace: temporary is the file itself; kept is not used */
	struct lade_receiver *sharer;     /* it is among those whose other names wait, of this receiver; or NULL */
	bool is_device;                   /* --write-devices: so is what is written over */
	bool no_partial;                  /* nothing of it stays if it is interrupted */
	bool unsteady;                    /* its source kept changing: it is not done with that */
	bool begun;                       /* that was opened for writing */
	bool appends;                     /* it only grows (--append, --append-verify); overwrite and delta are set as well */
	uint64_t grown_to;                /* so much of it is as it should be */
	unsigned cut_class;               /* it is described, cut so; 0: it is not */
	struct delta *delta;              /* it is described, and made from what is there; else NULL */
	char name[];
};

/* What is known of a destination directory; user pointer of its handle. */
struct target {
	struct lade_receiver *receiver;
	struct lade_metadata metadata; /* xattrs owned */
	bool named;                    /* the sender sent an entry for it: metadata is valid */
	bool implied;                  /* the sender sent its name alone: its metadata is none of ours */
	bool existed;                  /* before this session */
	bool empty;                    /* made by this session: nothing in it need be looked at */
	bool differs;                  /* its own metadata is to be set */
	bool closed;                   /* ours, but we may not write to it: opened up before something in it changes */
	bool opened;                   /* that was done: own_mode is to be set again, unless another mode is wanted */
	mode_t own_mode;               /* closed, opened: the permission bits that it had */
	atomic_bool touched;           /* something in it was changed: its times are to be set again */
};

enum job_type { JOB_BUNDLE, JOB_VERIFY, JOB_SETTLED, JOB_COPY };

struct job {
	enum job_type type;
	struct lade_recv_event event;       /* VERIFY, SETTLED, COPY */
	uint8_t digest[LADE_DIGEST_LEN];    /* VERIFY */
	int fd;                             /* COPY: owned */
	uint8_t *payload;                   /* BUNDLE: owned, payload_len bytes, count records */
	uint32_t payload_len, count;
};

/* The first name of an inode that has more: followers are linked to it at the end. */
struct leader {
	uint64_t index;
	char *path;
	bool failed;
	bool passed;   /* the user's rules leave it as it is: the first of the others that they do not takes its place */
	bool deferred; /* passed: its content may be wanted for that one, see [defer] */
};

/* Another name of a leader. */
struct follower {
	uint64_t leader, index; /* entries */
	mode_t mode;
	uint32_t changes;       /* as ITEM has them, if it is not linked yet */
	uint64_t size;          /* from here on what is told of it */
	struct timespec mtime;
	uid_t uid;
	gid_t gid;
};

/* Which file of a file system it is, whatever its names. */
struct inode {
	dev_t dev;
	ino_t ino;
};

/* What a worker works with. */
struct workspace {
	uint8_t *buffer;             /* for digests, LADE_DIGEST_BUFFER_LEN; NULL where nothing is to be copied */
	uint8_t *piece;              /* LADE_PAYLOAD_MAX; these two are made when they are first needed */
	uint8_t *old;                /* LADE_GAP_OLD_MAX */
	struct lade_cut_stream cuts;
	struct lade_writer signature;
	struct lade_codec *codec;    /* these two as well */
	uint8_t *ops;                /* LADE_PATCH_MAX */
};

struct lade_receiver {
	struct lade_session session;
	const struct lade_receiver_job *job;
	struct lade_session_recv *machine; /* under the session's lock, as the next ones */
	struct lade_writer entries;        /* entry stream that the planner has not taken yet */
	struct job jobs[LADE_JOBS_MAX];
	unsigned job_head, job_count;
	struct delta *ready, *last_ready;  /* described files with news, for the workers */
	struct delta *stalled;             /* described files that wait until less is asked for */
	struct lade_path_choice choice;    /* how runs land */
	pthread_cond_t entries_came, job_came, job_taken, slot_freed;
	struct lade_spool *directories;    /* metadata to be set at the end, children first */
	struct leader *leaders;            /* rising index */
	size_t leader_count, leader_capacity;
	struct lade_identities *identities; /* NULL: ids are kept as numbers */
	struct lade_id_map *maps[2];       /* by enum lade_identity_kind, NULL: there is none */
	struct lade_item_queue items;      /* what is to be told, in order; under telling */
	pthread_mutex_t telling;           /* taken before the session's lock */
	pthread_mutex_t opening;           /* a described file's temporary may be wanted by the reader and by a worker */
	atomic_size_t kept_old;            /* bytes that described files keep of what is written over */
	atomic_uint said;                  /* what was reported once and is not again */
	struct inode *written;             /* files that are written over and may have another name, written_count; owned; lock held */
	size_t written_count, written_capacity;
	atomic_int unnamed;                /* whether temporaries without a name work: 1, -1; 0: not tried yet */

	struct indexed *indexed;           /* with --index, from lade_indexed_begin() on; else NULL */

	struct lade_block_key block_key;
	struct lade_codec *codec; /* these four are the reader's, and made when they are first needed */
	uint8_t *packed;          /* LADE_PAYLOAD_MAX bytes of address space for a payload that is packed */
	uint32_t packed_len;      /* what the next message has when it is unpacked; 0: it is not packed */
	uint32_t packed_codec;    /* how it is packed, or the one before it was */
	uint8_t *run;             /* as many for a run that is copied */

	/* set by the planner before anything else reads them */
	struct lade_keep keep;
	struct lade_directories *tree; /* NULL in a dry run onto nothing */
	struct target root;
	struct lade_directories *alternatives[LADE_ALTERNATIVES_MAX]; /* those that could be opened, alternative_count */
	unsigned alternative_count;
	struct inode *kept;            /* what holds one of them below the destination, kept_count; owned; under the session's lock, as -K adds to it */
	size_t kept_count, kept_capacity;
	struct lade_directories *backups; /* the backup directory; NULL: there is none */
	char *backup_path;             /* its path; owned */
	size_t backup_path_there;      /* so many bytes of that were there before */
	struct timespec root_mtime;    /* of the destination, before that was made; 0: nothing was */
	struct lade_keep backup_keep;  /* what backups keep: all; borrows from keep */
	struct lade_directories *workshop; /* -T; NULL: there is none */
	int workshop_fd;               /* its root, pinned; or -1 */
	struct lade_directories *partials; /* --partial-dir, if it is one for all; else NULL */
	struct lade_spool *delayed;    /* --delay-updates; under the session's lock; NULL: nothing yet */
	char *only_name;               /* a single file's name at the destination, or NULL */
	char *only_source;             /* its name at the source, once that was said, or NULL */

	/* the planner's own */
	struct lade_spool *deletions, *links;
	bool spares;  /* not all of the source was said, or not of the right one: nothing is deleted */
	bool guarded; /* the second of these */
	bool deleted; /* what is planned was deleted */
	bool deletes_below; /* it was looked for what is to be deleted */

	uint64_t undeleted; /* names that --max-delete has left; under the session's lock */
};

/* ---- plan.c ---- */

/* The planner's thread. */
void *lade_receiver_plan(void *receiver);

/* Link what was spooled to its leaders. A failure is reported. */
void lade_receiver_link_followers(struct lade_receiver *receiver);

/* The directory of a path in the destination, opened (the caller closes it), and its last component in *name_out. */
int lade_receiver_open_parent(struct lade_receiver *receiver, const char *path, int *fd_out, const char **name_out,
			      struct lade_fault *fault);

/* A handle for the directory of path, and for all above it; path is cut to pieces, *name_out is its last component. NULL: none could be made. */
struct lade_directory *lade_receiver_handle_of(struct lade_receiver *receiver, char *path, char **name_out);

/* ---- told.c ---- */

/* Tell of item, which lade_session_itemizes() its changes, behind all that the planner told of or keeps a place for. Planner's thread. */
void lade_receiver_tell(struct lade_receiver *receiver, const struct lade_msg_item *item);

/* What an item is told of: the name at the source, where a single file gets another one; else path. */
struct lade_slice lade_receiver_told_name(const struct lade_receiver *receiver, const char *path);

/* Keep the place of file's item here, if the user wants one. Planner's thread. */
void lade_receiver_tell_later(struct lade_receiver *receiver, struct incoming *file);

/* Tell of file's item at its place, or now if it has none; NULL: nothing became of it, so what comes behind it need not wait. Any thread. */
void lade_receiver_tell_file(struct lade_receiver *receiver, struct incoming *file, const struct lade_msg_item *item);

/* Tell of all that is known, whatever it waits for. Planner's thread. */
void lade_receiver_tell_all(struct lade_receiver *receiver);

/* ---- plan_alternative.c ---- */

/* True if name in the directory is an alternative directory, or one is somewhere below it: then it is not deleted. Any thread. */
bool lade_receiver_keeps(struct lade_receiver *receiver, int fd, const char *name);

/*
 * path, of a directory that the user names, as it is to be opened: a relative one begins at the destination, or, where that is a
 * single file, at its directory. NULL: no memory. The caller frees it.
 */
char *lade_receiver_located(const struct lade_receiver *receiver, const char *path);

/* The directory of tree, if it is below the destination, is not to be deleted. Planner's thread. 0, or the fault. */
int lade_receiver_keep(struct lade_receiver *receiver, struct lade_directories *tree, struct lade_fault *fault);

/* ---- backup.c ---- */

/* How a backup is made: the file keeps its name until another one takes it; it goes; it is about to be written to. */
enum backup_how { BACKUP_KEEP, BACKUP_MOVE, BACKUP_COPY };

/* The destination is open: find the place for backups, if any are to be made. Planner's thread. 0, or the fault that ends the session. */
int lade_backup_begin(struct lade_receiver *receiver, struct lade_fault *fault);

/* st is what the destination itself is now: have it as it was before the backup directory was made in it. */
void lade_backup_as_before(const struct lade_receiver *receiver, struct stat *st);

/* Let go of it. */
void lade_backup_end(struct lade_receiver *receiver);

/*
 * Back up what has path (relative to the destination) and is in the directory fd: no directory, and nothing if it is not there. Any
 * thread; only with -b. 0, or LADE_E_SYSTEM with the fault: then it is as it was.
 */
int lade_backup(struct lade_receiver *receiver, int fd, const char *path, enum backup_how how, struct lade_fault *fault);

/* ---- holding.c ---- */

/* The destination is open: find the directories where files wait, if any are asked for. Planner's thread. 0, or the fault that ends the session. */
int lade_holding_begin(struct lade_receiver *receiver, struct lade_fault *fault);

/* Let go of them. */
void lade_holding_end(struct lade_receiver *receiver);

/* What the temporary file for name in the directory is named after, where it is not made there; the caller frees it. NULL: it is made there. */
char *lade_holding_key(const struct lade_receiver *receiver, int directory_fd, const char *name);

/* The session ends before the file of that name in the directory is whole: its temporary file, in from_fd, goes to the directory for partial files. */
void lade_holding_leave(const struct lade_receiver *receiver, int from_fd, const char *temporary, int directory_fd, const char *name);

/* The file is to be made: what is in the directory for partial files becomes its temporary file again. */
void lade_holding_take(const struct lade_receiver *receiver, int directory_fd, const char *name, const char *key);

/*
 * --partial-dir: name in directory is complete. What somebody else, such as rsync, left of it in the directory beside it goes, as it
 * would there: it was not ours to continue, and nobody will.
 */
void lade_holding_clear(const struct lade_receiver *receiver, struct lade_directory *directory, const char *name);

/* The file is whole in its temporary file, and gets its name at the end. Any thread. 0 or the fault. */
int lade_holding_delay(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault);

/* Give all of those their names. Planner's thread. */
void lade_holding_commit_all(struct lade_receiver *receiver);

/* ---- land.c ---- */

/* A worker's thread. */
void *lade_receiver_work(void *receiver);

/* Queue a job; waits for room. job is copied; what it owns is the queue's. False if the session has failed (then it is disposed of). */
bool lade_receiver_queue(struct lade_receiver *receiver, const struct job *job);

/* ---- land_run.c ---- */

/*
 * [packed] Read a payload, and unpack it if raw_len is not its length, to raw_len bytes at out, as was said of it. Reader's thread. 0, or the
 * connection's fault.
 */
int lade_receiver_read_payload(struct lade_receiver *receiver, uint8_t *out, uint32_t payload_len, uint32_t raw_len,
			       struct lade_fault *fault);

/* [run] Receive a run, of payload_len bytes as it comes, into its file. Reader's thread. 0, or the connection's fault. */
int lade_receiver_land_run(struct lade_receiver *receiver, const struct lade_recv_event *event, uint32_t payload_len,
			   struct lade_fault *fault);

/* [hole] Of a file that is written over and not described: what stands there goes. Reader's thread. */
void lade_receiver_land_hole(struct lade_receiver *receiver, const struct lade_recv_event *event);

/* A run that was spliced into its file is checked there. buffer: for the digest, or NULL where nothing is to be copied. */
void lade_receiver_verify_run(struct lade_receiver *receiver, const struct job *job, uint8_t *buffer);

/* Content that is in memory goes into its file; a failure is the file's. */
void lade_receiver_write_content(struct lade_receiver *receiver, const struct lade_recv_event *event,
				 const uint8_t *data);

/* The file cannot be written: say so, and let the rest of it pass by. */
void lade_receiver_cannot_write(struct lade_receiver *receiver, const struct lade_recv_event *event,
				struct lade_fault *fault);

/* ---- delta.c ---- */

/* Prepare file to be made from what stands under its name. 0 or LADE_E_MEMORY. */
int lade_delta_new(struct incoming *file);

/* Free what file has for that. NULL does nothing. */
void lade_delta_free(struct delta *delta);

/* Begin afresh: another attempt is asked for. */
void lade_delta_reset(struct delta *delta);

/* True if the file came out as what stands under its name, which was not touched: its metadata is all there is to set. */
bool lade_delta_untouched(const struct delta *delta);

/*
 * Copy it to the file's temporary file, which is open, unless it is that: then it lacks the holes of the new file alone. 0,
 * or the fault (LADE_E_CHANGED if it changed since).
 */
int lade_delta_copy(struct lade_receiver *receiver, struct delta *delta, struct lade_fault *fault);

/*
 * The file itself was opened as fd (--inplace): it may be the basis. 0, or LADE_E_CHANGED if it is, and is not what was read of
 * it so far.
 */
int lade_delta_overwrites(struct delta *delta, int fd, struct lade_fault *fault);

/* True if st is of that very file, and it has not changed since it was opened. */
bool lade_delta_is_of(const struct delta *delta, const struct stat *st);

/*
 * Hear of a described file: a piece, a patch, the end of them, the end of all hope. event is the machine's, and the lock
 * is held since it was made: without it a worker might settle the file meanwhile. Returns 0 or LADE_E_MEMORY.
 */
int lade_delta_hear(struct lade_receiver *receiver, const struct lade_recv_event *event);

/* A file settles: true if a worker is busy with it, who will see to that. Lock held. */
bool lade_delta_settles(struct delta *delta, const struct lade_recv_event *event);

/* A range of a described file has landed; or has not, and will not. Lock held. */
void lade_delta_landed(struct lade_receiver *receiver, const struct lade_recv_event *event);

/* Something that was asked for has come: a file that waits for that may go on. Lock held. */
void lade_delta_wake(struct lade_receiver *receiver);

/* The next file that is ready, which the caller is to work on; NULL if there is none. Lock held. */
struct delta *lade_delta_take(struct lade_receiver *receiver);

/* Work on a described file until there is no news of it. */
void lade_delta_work(struct lade_receiver *receiver, struct delta *delta, struct workspace *space);

/* ---- land_bundle.c ---- */

/* [bundle] All small files of a payload, which stays the caller's. */
void lade_receiver_land_bundle(struct lade_receiver *receiver, const struct job *job);

/* ---- land_copy.c ---- */

/*
 * Copy the first size bytes of move's source to its target extent by extent, so that holes stay holes, and with -S become
 * more. over: something may stand in the target. 0 or as lade_move().
 */
int lade_receiver_copy_extents(struct lade_receiver *receiver, struct lade_move *move, uint64_t size, bool over,
			       struct lade_fault *fault);

/*
 * Make the temporary file of file a copy of in_fd, a file of this host that was as expected when it was looked at. Returns 0,
 * LADE_E_CHANGED if it is not what it was then, or the fault.
 */
int lade_receiver_copy_local(struct lade_receiver *receiver, struct incoming *file, int in_fd, const struct stat *expected,
			     struct lade_fault *fault);

/* [descriptor] Make a file a copy of the job's descriptor. */
void lade_receiver_copy(struct lade_receiver *receiver, const struct job *job);

/* ---- incoming.c ---- */

/* The descriptor that the content of file goes to; makes its temporary file first if there is none. 0 or the fault. */
int lade_incoming_open(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt, struct lade_fault *fault);

/* Take over what an earlier session left of file. Returns 0, or an error if there is nothing that may be used. */
int lade_incoming_continue(struct lade_receiver *receiver, struct incoming *file, int directory_fd);

/* True if files have blocks from the start (--preallocate), and holes are to be made in them (-S). */
bool lade_incoming_is_allocated(const struct lade_receiver *receiver);

/* Write len bytes of its content, which is open, at off. Returns 0, LADE_E_TARGET with errno, or LADE_E_MEMORY. */
int lade_incoming_put(const struct lade_receiver *receiver, const struct incoming *file, const uint8_t *data, size_t len,
		      uint64_t off);

/*
 * Remove one of file's temporaries, or let go of the file itself, which is left half-written. Where its directory cannot be had any
 * more it is only closed. Nothing, if it is not open.
 */
void lade_incoming_discard(struct incoming *file, struct lade_temporary *temporary);

/* Remove the temporaries of file and free it. NULL does nothing. */
void lade_incoming_free(struct incoming *file);

/* The session is over before the file is whole: free it, but leave what came of a large one to the next session. */
void lade_incoming_leave(const struct lade_receiver *receiver, struct incoming *file);

/* The file that it replaces, whose mode stays without -p; NULL if there is none. */
const struct stat *lade_incoming_replaces(const struct incoming *file);

/* What the file is about to take the place of becomes a backup, if that is asked for. 0 or the fault. */
int lade_incoming_back_up(struct lade_receiver *receiver, const struct incoming *file, int directory_fd, enum backup_how how,
			  struct lade_fault *fault);

/* ---- incoming_commit.c ---- */

/* Give the file its length, metadata and name. False: it could not be, and why has been reported. */
bool lade_incoming_commit(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt);

/* Give the file, whose temporary file is open and whole, its length, metadata and name. 0 or the fault. */
int lade_incoming_commit_now(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault);

/* A file without content, or with all of it in its temporary file: put it there here and now. file is consumed. Planner's thread. */
void lade_receiver_whole_file(struct lade_receiver *receiver, struct incoming *file);

/* ---- shared.c ---- */

/*
 * The file is about to be asked for, or made: if another name of it is being written over, wait until that is done with, and let others
 * wait for this one. 0 or LADE_E_MEMORY. Planner's thread.
 */
int lade_shared_begin(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault);

/* The file is done with. Any thread. */
void lade_shared_end(struct incoming *file);

/* ---- settle.c ---- */

/* Act on a verdict. False: another attempt is under way. */
bool lade_receiver_settle(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event);

/* [ack] Slots whose files are done with. */
void lade_receiver_acknowledge(struct lade_receiver *receiver, const uint32_t *slots, uint32_t count);

/* [stored] The destination has count entries from first on: with --remove-source-files their sources may go. Any thread. */
void lade_receiver_stored(struct lade_receiver *receiver, uint64_t first, uint64_t count);

/* Nothing more is to come for a file: act on its verdict, and acknowledge it unless it is tried again. */
void lade_receiver_settled(struct lade_receiver *receiver, const struct lade_recv_event *event);

/* ---- indexed.c ---- */

/* Find a place for the index, before anything is made: without one there is no session. Planner's thread. 0, or the fault. */
int lade_indexed_begin(struct lade_receiver *receiver, struct lade_fault *fault);

/*
 * Open the index of the destination, which is open, and bring it up to date: what is not known is read. Planner's thread, before anything
 * is asked for. 0, or the fault that ends the session. Does nothing where none was begun, as the others.
 */
int lade_indexed_open(struct lade_receiver *receiver, struct lade_fault *fault);

/* Write it back. */
void lade_indexed_save(struct lade_receiver *receiver);

/* Free what was begun and opened; what the index learnt is written back even where the session failed. */
void lade_indexed_close(struct lade_receiver *receiver);

/* True if there is an index, and a file of size bytes is in it, or is looked for in it. */
bool lade_indexed_takes(const struct lade_receiver *receiver, uint64_t size);

/* The cut class for files of size bytes in an index. */
unsigned lade_indexed_class(uint64_t size);

/* file is about to take the place of one that is there, which is kept open: what it has may come under another name. */
void lade_indexed_replaces(struct lade_receiver *receiver, const struct incoming *file);

/* file is in place, and st is what it is now: from now on its chunks are found. */
void lade_indexed_committed(struct lade_receiver *receiver, const struct incoming *file, const struct stat *st);

/* ---- receiver.c ---- */

/* True if the session has failed: for what takes long, whose context the receiver is. */
bool lade_receiver_stopped(void *receiver);

/* Report fault for name in directory, as an error of that file. */
void lade_receiver_problem(struct lade_receiver *receiver, const struct lade_directory *directory, const char *name,
			   const struct lade_fault *fault);

/* What apply says when something could not be set: reported for the place, once per kind where the file system cannot. */
void lade_receiver_metadata_problem(struct lade_receiver *receiver, const char *path, const struct lade_fault *fault);

/* ---- protect.c ---- */

/*
 * What is not to be deleted: the rules that hold in the directory, as they are now, or in a directory below it that goes (removing). NULL in
 * *scope_out: there are no rules. The caller frees it. 0, or the fault: then they are not known, and nothing may be deleted there.
 */
int lade_receiver_protection(struct lade_receiver *receiver, struct lade_directory *directory, bool removing,
			     struct lade_filter_scope **scope_out, struct lade_fault *fault);

/* ---- finish.c ---- */

/* All content is there: link, delete, set directories. Planner's thread. */
void lade_receiver_finish(struct lade_receiver *receiver);

/* Delete what is planned to be, if the scan was complete; once. Planner's thread. */
void lade_receiver_delete(struct lade_receiver *receiver);

/*
 * Put name out of the way of something of another type: unlink it, or remove the
 * directory (with content only under --delete or --force). Nothing goes in a dry run. 0 or the fault.
 */
int lade_receiver_make_way(struct lade_receiver *receiver, struct lade_directory *directory, int fd, const char *name,
			   struct lade_fault *fault);

/* Tell the user of something that was deleted, or would be. */
void lade_receiver_tell_deleted(struct lade_receiver *receiver, mode_t mode, const char *path);
/* True if one more name may be deleted (--max-delete); counts those that may not. Its context is the receiver. */
bool lade_receiver_may_delete(void *receiver);

/* on_free of destination directories: remember what is to be set at the end. */
void lade_receiver_directory_done(struct lade_directory *directory, void *target);

/* Remember a leader's path (consumed). 0 or LADE_E_MEMORY. */
int lade_receiver_add_leader(struct lade_receiver *receiver, uint64_t index, char *path);

/* The leader index, or NULL. Planner's thread, which is the one that adds them. */
struct leader *lade_receiver_find_leader(struct lade_receiver *receiver, uint64_t index);

/* The content of leader index did not come: nothing is linked to it. */
void lade_receiver_leader_failed(struct lade_receiver *receiver, uint64_t index);

/* Remember a follower, which has path. 0 or the fault. */
int lade_receiver_add_link(struct lade_receiver *receiver, const struct follower *follower, const char *path,
			   struct lade_fault *fault);

#endif
