/*
 * The sessions of a repository, as one list of sessions/ has them: agent/store/FORMAT.md, section 8.
 */
#ifndef LADE_AGENT_STORE_SESSION_LIST_H
#define LADE_AGENT_STORE_SESSION_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_list.h"

/* How far a session is. Of two that one list has, as it was renamed meanwhile, the later one. */
enum lade_session_state {
	LADE_SESSION_LEFT,      /* none of the others: what somebody put who slept through his own end, or it is being renamed */
	LADE_SESSION_ACTIVE,
	LADE_SESSION_COMMITTED,
	LADE_SESSION_FENCED,
};

/* One session; what is borrowed is so from its list. */
struct lade_session {
	struct lade_session_id id;
	enum lade_session_state state;
	uint64_t time;                           /* when it was committed, in seconds since 1970, by the clock of the store; else 0 */
	uint64_t beat;                           /* the highest; 0: none */
	const struct lade_object_item *lease;    /* what state says; NULL: LADE_SESSION_LEFT */
	const struct lade_object_item *refs;     /* of generation 0, or NULL */
	const struct lade_object_item *snapshot; /* or NULL */
	const struct lade_object_item *gone;     /* or NULL */
	const struct lade_object_item *tables;   /* table_count of them, in order of their numbers */
	size_t table_count;
	const struct lade_object_item *later_refs; /* likewise */
	size_t later_refs_count;
};

struct lade_session_list {
	struct lade_object_list objects;
	struct lade_session *sessions; /* count, in order of ids */
	size_t count;
};

/*
 * List the sessions. Names that are none are left out. Returns 0 with what lade_session_list_fini() frees, LADE_E_MEMORY or what the store says.
 */
int lade_session_list_get(struct lade_store *store, struct lade_session_list *list_out, struct lade_fault *fault);

/* The same for one session: *list_out has it, or is empty. */
int lade_session_list_get_one(struct lade_store *store, const struct lade_session_id *id, struct lade_session_list *list_out, struct lade_fault *fault);

/* Free what it has; it is empty then. */
void lade_session_list_fini(struct lade_session_list *list);

/* A session of a list by its id; NULL: there is none. Borrowed from the list. */
const struct lade_session *lade_session_list_find(const struct lade_session_list *list, const struct lade_session_id *id);

/*
 * Delete all that a session has, but for names that are none, what says that it was committed or fenced at last. Returns 0, LADE_E_MEMORY or what the store says.
 */
int lade_session_remove(struct lade_store *store, const struct lade_session_id *id, struct lade_fault *fault);

/* A name of a session: of kind, with a number or a time where that has one. */
struct lade_object_name lade_session_name(const struct lade_session_id *id, enum lade_name_kind kind, uint64_t number_or_time);

/*
 * Rename what a session has under one name to another one of the same session. Returns as lade_store_rename().
 */
int lade_session_rename(struct lade_store *store, const struct lade_object_name *from, const struct lade_object_name *to, struct lade_fault *fault);

#endif
