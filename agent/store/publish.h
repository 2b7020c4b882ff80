/*
 * Sessions that are committed become what they are for: agent/store/FORMAT.md [publish]. By whoever meets one and may rename; each step may be done by another one meanwhile.
 */
#ifndef LADE_AGENT_STORE_PUBLISH_H
#define LADE_AGENT_STORE_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/repository.h"
#include "agent/store/session_list.h"

/* A table of a session that the caller has put himself, so that it need not be read to know its SHA-256. */
struct lade_publish_table {
	uint64_t number; /* j of table-<j> */
	uint8_t hash[LADE_HASH_LEN];
};

/* All is borrowed for the time of the call. */
struct lade_publish_setup {
	struct lade_repository *repository;     /* its trust may be read again: what was borrowed from that is no longer */
	void (*note)(void *context, const char *text); /* what the user should know; may be NULL */
	void *context;
	const struct lade_publish_table *known; /* of the one session that is published; known_count of them */
	size_t known_count;
};

/*
 * Publish a session, if it is committed: all steps, after which nothing is left of it. One that is void is removed; one of an unknown writer or manager, or of a newer version, or whose place is taken by
 * something else, is left alone; of both the user is told. What others have done meanwhile is done. Returns 0; LADE_E_REFUSED: the caller may not rename or delete in this store; LADE_E_CHANGED (trust/ is
 * damaged), LADE_E_MEMORY, or what else the store says, after which anybody may go on.
 */
int lade_publish_session(const struct lade_publish_setup *setup, const struct lade_session_id *id, struct lade_fault *fault);

/*
 * Publish all committed sessions; that the caller may not is no error. Returns 0 or as lade_publish_session().
 */
int lade_publish_all(const struct lade_publish_setup *setup, struct lade_fault *fault);

/* Tell the user, as printf(3) would, by note; NULL: nobody is told. For who publishes or reads sessions. */
__attribute__((format(printf, 3, 4))) void lade_publish_tell(void (*note)(void *context, const char *text), void *context, const char *format, ...);

#endif
