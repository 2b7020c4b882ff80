/*
 * The sender's parts, for sender.c, sender_walk.c and the feeder (sender_feed.h).
 *
 * Three threads: the walker says entries against credit; the reader hears wants and
 * acknowledgements and never blocks on anything but the connection; the feeder owns
 * the connection's write side and sends queued control, bundles and runs.
 */
#ifndef LADE_AGENT_SYNC_SENDER_INTERNAL_H
#define LADE_AGENT_SYNC_SENDER_INTERNAL_H

#include <sys/stat.h>

#include "agent/sync/sender.h"
#include "agent/sync/session.h"
#include "agent/sync/source_record.h"
#include "agent/tree/directory.h"
#include "agent/tree/identity.h"
#include "agent/tree/inode_map.h"
#include "agent/tree/spool.h"
#include "agent/tree/walk.h"
#include "protocol/session_send.h"

/* A regular file with content, from its entry to the receiver's decision or acknowledgement. */
struct source {
	struct lade_directory *directory; /* referenced */
	dev_t device;
	ino_t inode;
	uint64_t size;                    /* these three: as the entry, or the last FILE_END, named them */
	struct timespec mtime, ctime;
	bool bundled;                     /* counted in unanswered */
	bool lent;                        /* counted in descriptors */
	bool is_device;                   /* it is taken for a regular file */
	bool noatime;                     /* reading it is to leave no trace */
	bool followed;                    /* its name is a symlink that leads to it */
	bool dense;                       /* has no holes: its blocks cover its size */
	unsigned cut_class;               /* it is to be described; 0: sent */
	uint32_t asked_turn;              /* described: ranges up to asked_to were asked for in this turn */
	uint64_t asked_to;
	char name[];
};

/* Slots in the order in which they were wanted. */
struct slot_queue {
	uint32_t slots[LADE_SLOTS_MAX];
	uint32_t head, count;
};

/* A range of a file that was asked for: as it is, or as a patch of what the receiver has. */
struct wanted_range {
	uint32_t slot;
	uint64_t off;
	uint32_t len;
	uint32_t turn;      /* see lade_session_send_answers() */
	uint32_t block_len; /* of the signature; 0: as it is */
	uint32_t old_len;
	uint8_t *signature; /* owned; of signature_len bytes */
	uint32_t signature_len;
};

#define LADE_WANTED_RANGES_MAX (LADE_WANT_RUNS_MAX + LADE_WANT_GAPS_MAX)

/* The entry of a directory that is said when there is something in it. */
struct held_entry {
	struct lade_msg_entry entry;
	char *bytes; /* owned: its name and attributes */
};

struct lade_sender {
	struct lade_session session;
	struct lade_session_send *machine;         /* under the session's lock, as all that follows */
	struct source *files[LADE_SLOTS_MAX];      /* by slot; borrowed from the machine */
	struct slot_queue small, large;
	uint64_t small_len;                        /* content bytes of the files in small */
	uint64_t unanswered;                       /* content bytes that left in bundles and were not acknowledged */
	struct wanted_range ranges[LADE_WANTED_RANGES_MAX];
	uint32_t range_head, range_count;
	size_t signatures_len;                     /* of these */
	unsigned descriptors;                      /* in flight */
	uint64_t lent_len;                         /* bytes of all that were lent, without those that are known to be copied */
	bool ending;                               /* END is queued: nothing comes after it */

	/* the walker's own */
	struct lade_walk *walk;
	struct lade_filter_scope *scope; /* NULL: there are no rules */
	struct lade_identities *identities;
	struct lade_inode_map *inodes;
	int64_t started_ms; /* of the steady clock */
	bool single;
	bool incomplete;
	struct lade_writer xattrs;
	struct held_entry *held;                   /* -m: directories on the way to the one at hand that are not said yet, held_count */
	size_t held_count, held_capacity;

	/* sources that may be others than at the last run */
	struct lade_source_record *roots; /* what they are, root_count; owned; NULL: they are not guarded */
	size_t root_count, root_capacity;
	int records_fd;                   /* the directory of records, or -1 */
	bool guarded;                     /* one of them is: nothing is to be deleted */

	/* --remove-source-files */
	struct lade_directories **tables; /* of the sources, table_count; borrowed */
	unsigned table_count;
	const char *avoid;                /* the destination, if it is on this host; borrowed */
	struct lade_spool *removable;     /* the walker's until the entries have ended, then the reader's */
	uint8_t *stored;                  /* the reader's: a bit for each entry, stored_len bytes */
	uint64_t stored_len;
};

/* The walker's thread. */
void *lade_sender_walk(void *sender);

/* -m: forget the directories that are still empty. */
void lade_sender_drop_held(struct lade_sender *sender);

/* The feeder's thread. */
void *lade_sender_feed(void *sender);

/* Free a source and let go of its directory. NULL does nothing. */
void lade_source_free(struct source *source);

/* ---- sender_guard.c ---- */

/* Compare the sources with what they were at the last run, if that is wanted. Before the session's threads. 0 or LADE_E_MEMORY. */
int lade_sender_guard(struct lade_sender *sender, const struct lade_sender_job *job, struct lade_fault *fault);

/* All was walked: the sources have to be what they were at the beginning. Walker's thread. */
void lade_sender_guard_again(struct lade_sender *sender);

/* The peer has come to its end, with that exit status: remember what the sources are, unless that was found to be wrong. Without the lock. */
void lade_sender_guard_remember(struct lade_sender *sender, int peer_status);

/* Free what the above keep. */
void lade_sender_guard_fini(struct lade_sender *sender);

/* ---- sender_remove.c ---- */

/* Entry index was said of item: it may have to be removed. Walker's thread. 0 or the fault. */
int lade_sender_removable(struct lade_sender *sender, const struct lade_walk_item *item, uint64_t index, struct lade_fault *fault);

/* [stored] The destination has count entries from first on, which were said. Reader's thread. 0, LADE_E_PROTOCOL if that is not asked for, LADE_E_MEMORY. */
int lade_sender_stored(struct lade_sender *sender, uint64_t first, uint64_t count);

/* The receiver is done: remove what it has stored. Reader's thread, without the lock. */
void lade_sender_remove_stored(struct lade_sender *sender);

/* Forget the ranges of slot that were asked for: nobody waits for them any more. Lock held. */
void lade_sender_forget_ranges(struct lade_sender *sender, uint32_t slot);

/* Take what stat says into source: size, times, holes. */
void lade_source_update(struct source *source, const struct stat *st);

/* True if st is still what source was announced as. */
bool lade_source_same(const struct source *source, const struct stat *st);

#endif
