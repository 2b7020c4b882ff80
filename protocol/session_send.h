/*
 * The sender's half of a session as a step machine: what may be said and heard
 * when. No input or output, no clock: messages to say are appended to a writer,
 * messages heard become events. The exchange is described in PROTOCOL.md.
 *
 * A file is the caller's pointer; the machine keeps it from the entry until the
 * receiver has decided (dropped), or until it has acknowledged (the ACK event).
 * Not safe for two threads at once: the caller locks.
 */
#ifndef LADE_PROTOCOL_SESSION_SEND_H
#define LADE_PROTOCOL_SESSION_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

struct lade_session_send;

enum lade_send_event_type {
	LADE_SEND_CREDIT,     /* entries, or recipes, may be sent again */
	LADE_SEND_WANT,       /* the whole of file is wanted in slot, or its recipe */
	LADE_SEND_WANT_RUN,   /* the run off, len of the file in slot is wanted again */
	LADE_SEND_WANT_GAP,   /* the range off, len of the file in slot, of which the receiver has old_len old bytes */
	LADE_SEND_WANT_AGAIN, /* the whole of the file in slot, as its last FILE_END named it */
	LADE_SEND_ACK,        /* slot is free; file is the caller's again */
	LADE_SEND_END,        /* the receiver is done; say END too */
	LADE_SEND_RECIPE_KEY, /* recipes are made under key */
	LADE_SEND_STORED,     /* the destination has count entries from number off on */
};

struct lade_send_event {
	enum lade_send_event_type type;
	uint32_t slot;
	void *file;
	uint64_t off;
	uint32_t len;
	uint64_t count; /* of a STORED */
	uint32_t turn; /* of a WANT_RUN or WANT_GAP: see lade_session_send_answers() */
	unsigned cut_class; /* of a WANT: the file is to be described, cut so; 0: sent */
	uint32_t old_len, block_len; /* of a WANT_GAP */
	struct lade_slice signature; /* of a WANT_GAP; borrowed from the message */
	const uint8_t *key; /* of a RECIPE_KEY: LADE_SECRET_LEN bytes, borrowed from the message */
};

/* Make a machine. The caller frees it with lade_session_send_free(). Returns 0 or LADE_E_MEMORY. */
int lade_session_send_new(struct lade_session_send **machine_out);

/* Free the machine; the caller has its files back by then, see lade_session_send_abandon(). NULL does nothing. */
void lade_session_send_free(struct lade_session_send *machine);

/*
 * Before anything is said: do with credit bytes (LADE_ENTRY_CREDIT at most) of entry stream under way. The receiver
 * must have been told the same.
 */
void lade_session_send_limit(struct lade_session_send *machine, uint32_t credit);

/* [root] Say whether the source is a single file. First of the entry stream. */
int lade_session_send_root(struct lade_session_send *machine, bool single, struct lade_writer *out);

/*
 * [identity] Say the name of a user or group, before the first entry that uses its number. As all that say a piece of the entry
 * stream it returns 0; LADE_E_AGAIN where the credit does not suffice (nothing was written; try after a CREDIT event); or
 * the writer's error.
 */
int lade_session_send_identity(struct lade_session_send *machine,
			       const struct lade_msg_identity *identity, struct lade_writer *out);

/*
 * [entry] Say an entry. file (for regular files with content only, else NULL) is the machine's from a return of 0 on. index_out
 * (may be NULL) gets the entry's number. LADE_E_MEMORY, or as lade_session_send_identity().
 */
int lade_session_send_entry(struct lade_session_send *machine, const struct lade_msg_entry *entry,
			    void *file, struct lade_writer *out, uint64_t *index_out);

/*
 * [implied] Say the name alone of a directory on the way to a source, which is to be there. It has a number as an entry has.
 * LADE_E_MEMORY, or as lade_session_send_identity().
 */
int lade_session_send_implied(struct lade_session_send *machine, struct lade_slice name, struct lade_writer *out);

/*
 * [missing] Say that a source of that path, below the directory that was entered last, is not there. It has no number. As
 * lade_session_send_identity().
 */
int lade_session_send_missing(struct lade_session_send *machine, struct lade_slice path, struct lade_writer *out);

/* [leave] Say that the directory that was entered last is done. incomplete: nothing in it may be deleted. As lade_session_send_identity(). */
int lade_session_send_leave(struct lade_session_send *machine, bool incomplete,
			    struct lade_writer *out);

/* [entries-end] Say that the stream is over. incomplete: a LADE_SCAN_ value (protocol/entry.h). As lade_session_send_identity(). */
int lade_session_send_entries_end(struct lade_session_send *machine, uint32_t incomplete,
				  struct lade_writer *out);

/*
 * Take the next message. Returns 1 and an event, 0 for nothing to do (a WANT_RUN that crossed a
 * RUN_ABORT), LADE_E_PROTOCOL for a message that is not allowed now. After each step the
 * caller collects with lade_session_send_dropped() the files that the receiver does not want.
 */
int lade_session_send_step(struct lade_session_send *machine, const struct lade_message *message,
			   struct lade_send_event *event_out);

/* The next file that is the caller's again without having been wanted; NULL when there is none. */
void *lade_session_send_dropped(struct lade_session_send *machine);

/*
 * True while the WANT_RUN or WANT_GAP that came as turn is still to be answered: neither was a
 * RUN_ABORT said since, nor has the receiver gone on to something else in this slot.
 * Ask right before answering.
 */
bool lade_session_send_answers(const struct lade_session_send *machine, uint32_t slot,
			       uint32_t turn);

/* Bytes that the file in slot has by its entry or its last FILE_END: what is to be sent. */
uint64_t lade_session_send_size(const struct lade_session_send *machine, uint32_t slot);

/*
 * [run] Announce a run of the file in slot; its payload follows in the same frame. Sequential, or
 * one that was wanted again.
 */
int lade_session_send_run(struct lade_session_send *machine, const struct lade_msg_run *run,
			  struct lade_writer *out);

/*
 * [run-abort] The range is not what the file holds (it was padded), or is not sent at all.
 * No WANT_RUN of this attempt is answered after it.
 */
int lade_session_send_run_abort(struct lade_session_send *machine, uint32_t slot, uint64_t off,
				uint32_t len, struct lade_writer *out);

/* [hole] The next len bytes are zeros without blocks. */
int lade_session_send_hole(struct lade_session_send *machine, uint32_t slot, uint64_t off,
			   uint64_t len, struct lade_writer *out);

/* True if the credit for recipes suffices for one more piece; else try after a CREDIT event. */
bool lade_session_send_recipe_room(const struct lade_session_send *machine);

/* [recipe] Describe the next piece of a file whose recipe is wanted. There is room for it. */
int lade_session_send_recipe(struct lade_session_send *machine, const struct lade_msg_recipe *recipe,
			     struct lade_writer *out);

/* [patch] Answer a WANT_GAP. */
int lade_session_send_patch(struct lade_session_send *machine, const struct lade_msg_patch *patch,
			    struct lade_writer *out);

/*
 * [file-end] All was said about the file in slot. changed: its second stat, in file_end, is not the
 * first one.
 */
int lade_session_send_file_end(struct lade_session_send *machine,
			       const struct lade_msg_file_end *file_end, struct lade_writer *out);

/* [file-gone] The file in slot cannot be read (error: errno). */
int lade_session_send_file_gone(struct lade_session_send *machine, uint32_t slot, uint32_t error,
				struct lade_writer *out);

/*
 * [bundle] The file in slot travels whole as a record of a bundle; counts as its runs and FILE_END.
 */
void lade_session_send_record(struct lade_session_send *machine, uint32_t slot);

/*
 * [descriptor] The file in slot travels as a descriptor with this frame; nothing else is said about
 * it.
 */
int lade_session_send_descriptor(struct lade_session_send *machine, uint32_t slot,
				 struct lade_writer *out);

/* True once the receiver has said END: then nothing is open. */
bool lade_session_send_ended(const struct lade_session_send *machine);

/*
 * For the end of a broken session: any file that the machine still keeps; NULL when there is none.
 */
void *lade_session_send_abandon(struct lade_session_send *machine);

#endif
