/*
 * Giving up rights, for good: the user that a process of the daemon runs as, and what it keeps open. setresuid(2), capabilities(7).
 */
#ifndef LADE_AGENT_DAEMON_PRIVILEGES_H
#define LADE_AGENT_DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "protocol/error.h"

/* Groups that a user may be in. */
#define LADE_GROUPS_MAX 1024

/* A user to become. */
struct lade_privileges {
	bool change;      /* else: stay who we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[LADE_GROUPS_MAX]; /* group_count: what else he is in */
	int group_count;
	char name[64];    /* of the user, as far as it fits; empty: he has none */
};

/*
 * Look up a user and a group, each by name or number. group NULL: the user's own, and all that he is in. Returns 0, LADE_E_ABSENT (no such
 * name; a number without a user needs a group), LADE_E_LIMIT (he is in more groups).
 */
int lade_privileges_find(const char *user, const char *group, struct lade_privileges *privileges_out, struct lade_fault *fault);

/* Become that user, with no way back; nothing is looked up any more. Returns 0 or LADE_E_SYSTEM: then the process has to end. */
int lade_privileges_drop(const struct lade_privileges *privileges, struct lade_fault *fault);

/* No program that is executed can give rights back, no core is dumped, nobody of the same user may look into the process. prctl(2). */
void lade_privileges_harden(void);

/* Handle signals as a process does that has just begun: none is blocked, ignored or caught. */
void lade_privileges_reset_signals(void);

/* Close every descriptor but 0 to 2 and the count ones in keep, which become 3, 4, ... in keep. Returns 0 or LADE_E_SYSTEM. */
int lade_privileges_keep(int *keep[], int count, struct lade_fault *fault);

#endif
