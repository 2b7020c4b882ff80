/*
 * The receiver's machine, for session_recv.c (slots and data) and
 * session_recv_entries.c (the entry stream). Stays in protocol/.
 */
#ifndef LADE_PROTOCOL_SESSION_RECV_INTERNAL_H
#define LADE_PROTOCOL_SESSION_RECV_INTERNAL_H

#include <stdatomic.h>

#include "protocol/session_recv.h"

struct again {
	uint64_t off;
	uint32_t len;
	uint32_t tries;
	bool waiting; /* asked for and not yet announced */
};

struct asked_gap {
	struct lade_recv_gap gap;
	uint32_t signature_len;
	bool answered; /* but one before it is not */
};

struct slot {
	bool used, described, aborted, ended, changed, damaged, corrupt, failed, gone, settled;
	void *file;
	uint64_t size, next_off;
	uint32_t pending; /* runs and pieces announced and not yet judged */
	uint32_t attempt, error;
	uint32_t holes_in_row; /* said of a described file without anything between them */
	struct lade_recv_source source;
	struct again *again;
	uint32_t again_count;
	struct asked_gap *gaps; /* of gap_capacity: wanted and not answered, in the order of asking */
	uint32_t gap_first, gap_count;
	size_t gap_capacity;
};

struct level {
	size_t name_off; /* where the last name of this level stands in names */
	bool directories; /* its directories have begun */
};

struct lade_session_recv {
	struct slot slots[LADE_SLOTS_MAX];
	uint32_t free_slots[LADE_SLOTS_MAX]; /* a stack of free_count */
	uint32_t free_count;
	uint32_t described;    /* slots of described files */
	struct lade_recv_limits limits;
	size_t credit_piece;    /* what is owed is given back from here on */
	struct level *levels; /* of level_capacity */
	size_t level_capacity;
	uint32_t depth;
	struct lade_writer names;
	uint64_t index;
	bool root_said, root_single, root_is_entry, ended;
	atomic_bool entries_ended; /* looked at with the data, which may be another thread's */
	size_t owed; /* credit bytes not yet given back */
	uint32_t waiting; /* runs asked for again and not yet answered */
	uint32_t gaps;       /* wanted and not yet answered */
	size_t signatures;   /* bytes of their signatures */
	size_t recipes_said; /* bytes of recipes for which no credit was given back yet */
	size_t recipes_owed; /* of these, bytes that are done with */
};

/* Credit is given back in pieces of at least this part of it, rounded up. */
#define LADE_CREDIT_PIECES 8u

/* Take a message of the entry stream; the fields of event that are not set are 0. As lade_session_recv_step(). */
int lade_session_recv_entry_stream(struct lade_session_recv *machine, const struct lade_message *message,
				   struct lade_recv_event *event);

/* What was asked for again as off, len; NULL if that was not. */
struct again *lade_session_recv_find_again(struct slot *slot, uint64_t off, uint32_t len);

/* Forget one of them; the pointers to the others are no longer valid. */
void lade_session_recv_drop_again(struct slot *slot, struct again *again);

/* Ask for a run once more. False if that is over the limits, or there is nothing to ask for. */
bool lade_session_recv_ask_again(struct lade_session_recv *machine, const struct lade_msg_want_run *want,
				 struct lade_writer *out);

#endif
