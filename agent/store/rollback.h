/*
 * What this host has seen of a repository, so that an older state of it is not taken for the present one: agent/store/FORMAT.md [rollback].
 *
 * A store can withhold what it was given: the root's last statements, a writer's last snapshots. Who sees the repository for the first time cannot know; who has seen it before
 * remembers how far each went.
 */
#ifndef LADE_AGENT_STORE_ROLLBACK_H
#define LADE_AGENT_STORE_ROLLBACK_H

#include "agent/store/repository.h"
#include "agent/store/snapshot_list.h"

/* Whose words count, and who is told; all borrowed for the time of the call. */
struct lade_rollback_wish {
	const struct lade_repository *repository; /* whose store nobody else uses meanwhile */
	int state_fd;                             /* directory of this host's state of this repository */
	const uint8_t *writer;                    /* this one alone, LADE_PARTY_ID_LEN bytes; NULL: all whom the root names */
	const struct lade_snapshot_list *list;    /* the snapshots, if they were listed already: then the store is asked only about writers of whom it shows less than is remembered; NULL: about all */
	void (*note)(void *context, const char *text); /* something is less than it was: in words for people */
	void *context;
};

/*
 * Compare what the repository says now with what is remembered, tell what is missing, and remember what is new. What is missing stays remembered. Returns how many things are missing, or LADE_E_MEMORY, LADE_E_SYSTEM or
 * what the store says. What is remembered and damaged is forgotten.
 */
int lade_rollback_compare(const struct lade_rollback_wish *wish, struct lade_fault *fault);

#endif
