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

struct slot {
	bool used, ended, changed, damaged, corrupt, failed, gone, settled;
	void *file;
	uint64_t size, next_off;
	uint32_t pending; /* runs announced and not yet judged */
	uint32_t attempt, error;
	struct lade_recv_source source;
	struct again *again;
	uint32_t again_count;
};

struct level {
	size_t name_off; /* where the last name of this level stands in names */
	bool directories; /* its directories have begun */
};

struct lade_session_recv {
	struct slot slots[LADE_SLOTS_MAX];
	uint32_t free_slots[LADE_SLOTS_MAX]; /* a stack of free_count */
	uint32_t free_count;
	uint32_t slot_count;    /* how many may be used */
	uint32_t want_runs_max; /* how many runs may be waiting */
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
};

/* Take a message of the entry stream; the fields of event that are not set are 0. As lade_session_recv_step(). */
int lade_session_recv_entry_stream(struct lade_session_recv *machine, const struct lade_message *message,
				   struct lade_recv_event *event);

#endif
