/*
 * The receiver's half of a session as a step machine: what a sender may say when,
 * and when a file is settled. No input or output, no clock: messages to say are
 * appended to a writer, messages heard become events. See PROTOCOL.md.
 *
 * Two streams come in: entries (root, identities, entries, leaves) and data for slots
 * that were asked for. The caller may hand them in from different threads if it
 * locks. A file is the caller's pointer, kept from the WANT to the ACK.
 */
#ifndef LADE_PROTOCOL_SESSION_RECV_H
#define LADE_PROTOCOL_SESSION_RECV_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

struct lade_session_recv;

enum lade_recv_event_type {
	/* entry stream */
	LADE_RECV_ROOT,
	LADE_RECV_IDENTITY,
	LADE_RECV_ENTRY, /* index is the entry's number; depth counts the directories it is in */
	LADE_RECV_IMPLIED, /* the same for a directory that has only a name */
	LADE_RECV_MISSING,
	LADE_RECV_LEAVE, /* depth is that of the directory left, as its ENTRY had it */
	LADE_RECV_ENTRIES_END,
	/* data; file and slot are set */
	LADE_RECV_RUN, /* take the payload, then call lade_session_recv_verified() */
	LADE_RECV_RECIPE, /* of the piece off, len: make it, then call lade_session_recv_verified() */
	LADE_RECV_DESCRIBED, /* no piece of the file will come any more */
	LADE_RECV_PATCH,  /* the answer to gap: the new bytes by means of the old ones */
	LADE_RECV_ABORTED, /* no gap of a described file will be answered any more */
	LADE_RECV_HOLE, /* of a described file: make it, then call lade_session_recv_verified() with a length of 0 */
	LADE_RECV_DESCRIPTOR, /* copy from the descriptor, then call lade_session_recv_copied() */
	LADE_RECV_BUNDLE,     /* take the payload, then step its records */
	LADE_RECV_RECORD,     /* a bundle's file: check and write it, then as for a run */
	LADE_RECV_SETTLED,    /* nothing more is to come: see verdict */
	LADE_RECV_END,
};

/* How a file's transfer went. */
enum lade_verdict {
	LADE_VERDICT_INTACT,  /* every run is what the sender has, which stood still: commit */
	LADE_VERDICT_CHANGED, /* the source changed meanwhile; whole: all its runs are good */
	LADE_VERDICT_CORRUPT, /* a run differed too often, or could not be sent again */
	LADE_VERDICT_GONE,    /* the sender could not read it; error is its errno */
	LADE_VERDICT_FAILED,  /* lade_session_recv_fail() was called */
};

/* A stretch of a described file that is wanted by means of the old bytes that stand in its place. */
struct lade_recv_gap {
	uint64_t off;
	uint32_t len;
	uint64_t old_off;             /* the caller's: where the old bytes are */
	uint32_t old_len, block_len;  /* what the signature covers, and in blocks of how many bytes */
	bool probe;                   /* the caller's: its patch tells whether signatures pay */
};

struct lade_recv_event {
	enum lade_recv_event_type type;
	void *file;
	uint32_t slot;
	uint64_t index;
	uint32_t depth;
	uint64_t off;
	uint64_t len;
	const uint8_t *digest;  /* of a run, piece or record; borrowed from the message */
	struct lade_slice data; /* of a record (borrowed from the payload), a piece's chunks, a patch (borrowed from the message) */
	uint32_t raw_len;       /* the caller's: of a patch, its length when it is unpacked */
	size_t encoded_len;     /* of a RECIPE: to be given back by lade_session_recv_recipe_done() */
	struct lade_recv_gap gap; /* of a PATCH */
	bool discard;           /* of a run, piece or patch: the file has failed here, drop what comes */
	enum lade_verdict verdict;
	bool whole;
	uint32_t attempt; /* 0 for the first, 1 after a WANT_AGAIN, ... */
	uint32_t error;
};

/* The source as a FILE_END last named it: size and time for another attempt. */
struct lade_recv_source {
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
};

/* Make a machine; freed with lade_session_recv_free(). Returns 0 or LADE_E_MEMORY. */
int lade_session_recv_new(struct lade_session_recv **machine_out);

/* Free the machine; the caller has its files back by then, see lade_session_recv_abandon(). NULL does nothing. */
void lade_session_recv_free(struct lade_session_recv *machine);

/* Bounds of what is under way, each from 1 to what limits.h has. The sender must have been told entry_credit too. */
struct lade_recv_limits {
	uint32_t slots;        /* LADE_SLOTS_MAX */
	uint32_t described;    /* of these, by files that are described: LADE_SLOTS_MAX */
	uint32_t want_runs;    /* LADE_WANT_RUNS_MAX */
	uint32_t want_gaps;    /* LADE_WANT_GAPS_MAX */
	uint32_t entry_credit; /* LADE_ENTRY_CREDIT */
};

/* Before anything is heard: do with less. */
void lade_session_recv_limit(struct lade_session_recv *machine, const struct lade_recv_limits *limits);

/*
 * Take the next message. Returns 1 and an event, 0 when there is nothing to do, or
 * LADE_E_PROTOCOL for what is not allowed now: names out of order or twice, ranges
 * that do not add up, slots that were not asked for, an END before all is done.
 */
int lade_session_recv_step(struct lade_session_recv *machine, const struct lade_message *message,
			   struct lade_recv_event *event_out);

/* [bundle] Take one record of a bundle's payload. Returns 1 and RECORD, or LADE_E_PROTOCOL. */
int lade_session_recv_record(struct lade_session_recv *machine,
			     const struct lade_bundle_record *record,
			     struct lade_recv_event *event_out);

/*
 * [credit] len bytes of entry stream were planned, up to entry number planned: give credit back
 * when it is worth a message.
 */
void lade_session_recv_planned(struct lade_session_recv *machine, uint64_t planned, size_t len,
			       struct lade_writer *out);

/*
 * [want] Ask for the whole of entry index, size bytes. LADE_E_AGAIN when no slot is free. On
 * that, or the writer's error, nothing is written and file stays the caller's.
 */
int lade_session_recv_want(struct lade_session_recv *machine, uint64_t index, uint64_t size,
			   void *file, struct lade_writer *out);

/*
 * [want-recipe] The same, but have the file described; what it lacks is asked for in pieces. want is without its
 * slot. LADE_E_AGAIN as well where as many are described as may be.
 */
int lade_session_recv_want_recipe(struct lade_session_recv *machine, const struct lade_msg_want_recipe *want,
				  uint64_t size, void *file, struct lade_writer *out);

/*
 * [defer] Decide about entry index later: it may still be wanted when all entries are known. Only LADE_DEFERRED_MAX at a
 * time, which the caller counts.
 */
void lade_session_recv_defer(struct lade_session_recv *machine, uint64_t index, struct lade_writer *out);

/*
 * [want-gap] Ask for a gap, which lies in pieces that were described. LADE_E_AGAIN when as much as may be
 * is under way (nothing is written; some answer will come), LADE_E_MEMORY, or the writer's error. Does nothing where
 * the file has settled or is hopeless.
 */
int lade_session_recv_want_gap(struct lade_session_recv *machine, uint32_t slot, const struct lade_recv_gap *gap,
			       struct lade_slice signature, struct lade_writer *out);

/* [want-run] Ask for a stretch of described pieces as it is: a RUN comes. Returns as lade_session_recv_want_gap(). */
int lade_session_recv_want_literal(struct lade_session_recv *machine, uint32_t slot, uint64_t off, uint32_t len,
				   struct lade_writer *out);

/* [recipe-credit] RECIPEs of len encoded bytes are done with: give credit back when it is worth a message. */
void lade_session_recv_recipe_done(struct lade_session_recv *machine, size_t len, struct lade_writer *out);

/*
 * True if the file in slot will not become whole in this attempt: it failed here, is gone, was aborted, or a run of
 * it could not be had. Its pieces are then to be judged as they are.
 */
bool lade_session_recv_hopeless(const struct lade_session_recv *machine, uint32_t slot);

/*
 * [want-run] The run, record or described piece off, len of slot was checked on what landed. A run that
 * differs is asked for again alone, within limits.h and never after a RUN_ABORT. Returns 1
 * if that settles the file (event_out), else 0.
 */
int lade_session_recv_verified(struct lade_session_recv *machine, uint32_t slot, uint64_t off,
			       uint32_t len, bool good, struct lade_writer *out,
			       struct lade_recv_event *event_out);

/*
 * [descriptor] The copy from a descriptor ended; whole: all of it was copied; changed: the source
 * is not what was announced, or moved meanwhile. Fills the SETTLED event.
 */
void lade_session_recv_copied(struct lade_session_recv *machine, uint32_t slot, bool whole,
			      bool changed, const struct lade_recv_source *source,
			      struct lade_recv_event *event_out);

/*
 * The file cannot be written here: what still comes for it is dropped, and its verdict is FAILED.
 */
void lade_session_recv_fail(struct lade_session_recv *machine, uint32_t slot);

/* What the last FILE_END of slot named. */
struct lade_recv_source lade_session_recv_source(const struct lade_session_recv *machine,
						 uint32_t slot);

/* [want-again] Ask for the whole of a settled slot once more. */
void lade_session_recv_want_again(struct lade_session_recv *machine, uint32_t slot,
				  struct lade_writer *out);

/* [ack] A settled slot is done with; the slot is free. */
void lade_session_recv_ack(struct lade_session_recv *machine, uint32_t slot,
			   struct lade_writer *out);

/* Slots in use. */
uint32_t lade_session_recv_open(const struct lade_session_recv *machine);

/*
 * For the end of a broken session: any file that the machine still keeps; NULL when there is none.
 */
void *lade_session_recv_abandon(struct lade_session_recv *machine);

#endif
