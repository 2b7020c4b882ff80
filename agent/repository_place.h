/*
 * What this host keeps of a repository, for this user: a cache of its tables, and a state of what was done last. All of it may be deleted at any time.
 */
#ifndef LADE_AGENT_REPOSITORY_PLACE_H
#define LADE_AGENT_REPOSITORY_PLACE_H

#include "agent/store/repository.h"

/* The caller's storage. */
struct lade_repository_place {
	int cache_fd; /* directories; -1: there is none */
	int state_fd;
};

/* Open both directories of a repository, which are made if they are not there. What cannot be had is -1, and *fault says why: all works without, but slower. Returns 0 or that. */
int lade_repository_place_open(struct lade_repository_place *place, const struct lade_repository *repository, struct lade_fault *fault);

/* Close them. */
void lade_repository_place_close(struct lade_repository_place *place);

#endif
