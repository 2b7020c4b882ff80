/*
 * The sender's machine, for session_send.c (entries, and what is heard) and session_send_data.c (what is said of
 * wanted files). Stays in protocol/.
 */
#ifndef LADE_PROTOCOL_SESSION_SEND_INTERNAL_H
#define LADE_PROTOCOL_SESSION_SEND_INTERNAL_H

#include "protocol/session_send.h"

enum slot_state { SLOT_FREE, SLOT_WANTED, SLOT_SAID };

struct slot {
	enum slot_state state;
	void *file;
	uint64_t size;     /* what is being sent */
	uint64_t new_size; /* what the last FILE_END named */
	uint64_t next_off;
	uint32_t turn;     /* counts the attempts in this slot */
	uint32_t asked;    /* WANT_RUNs and WANT_GAPs of this attempt that are still to be answered */
	unsigned cut_class; /* it is described; 0: it is not */
	bool aborted;      /* a RUN_ABORT was said in this attempt */
};

struct waiting {
	void *file;
	uint64_t size;
	uint64_t said; /* bytes of entry stream before it */
};

/* A file about which the receiver decides when it knows all entries. */
struct deferred {
	uint64_t index;
	void *file; /* NULL: wanted since */
	uint64_t size;
};

struct lade_session_send {
	struct slot slots[LADE_SLOTS_MAX];
	struct waiting *ring; /* of capacity, a power of two */
	size_t capacity;
	struct deferred *deferred; /* of deferred_capacity; rising */
	size_t deferred_count, deferred_capacity;
	uint64_t dropped;     /* first entry not yet handed back or moved to a slot */
	uint64_t base;        /* first undecided entry */
	uint64_t next;        /* number of the next entry */
	uint64_t granted;     /* credit that there is when nothing is under way */
	uint64_t credit;      /* bytes of entry stream that may still be said */
	uint64_t said;        /* bytes of entry stream so far */
	uint32_t recipe_credit; /* bytes of recipes that may still be said */
	bool keyed;           /* a RECIPE_KEY was said, or a recipe wanted: no key may come any more */
	bool entries_ended;
	bool ended;
};

#endif
