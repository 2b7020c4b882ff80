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
	LADE_RECV_LEAVE, /* depth is that of the directory left, as its ENTRY had it */
	LADE_RECV_ENTRIES_END,
	/* data; file and slot are set */
	LADE_RECV_RUN, /* take the payload, then call lade_session_recv_verified() */
	LADE_RECV_HOLE,
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

struct lade_recv_event {
	enum lade_recv_event_type type;
	void *file;
	uint32_t slot;
	uint64_t index;
	uint32_t depth;
	uint64_t off;
	uint64_t len;
	const uint8_t *digest;  /* of a run or record; borrowed from the message */
	struct lade_slice data; /* of a record; borrowed from the payload */
	bool discard;           /* of a run: the file has failed here, drop the payload */
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
void lade_session_recv_free(struct lade_session_recv *machine);

/*
 * Before anything is heard: do with fewer slots, fewer runs that are asked for again, and less credit, which
 * the sender must have been told too. Each at least 1, at most what limits.h has.
 */
void lade_session_recv_limit(struct lade_session_recv *machine, uint32_t slots, uint32_t want_runs, uint32_t credit);

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
 * [want-run] The run or record off, len of slot was checked on what landed. A run that
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
