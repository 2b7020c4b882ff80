/*
 * Landlock (landlock(7)): what this process can still open is bound to a few places for good. A second wall behind resolution beneath a
 * held directory: a path that should slip through that is refused by the kernel.
 *
 * It does not concern what is open already, nor stat(2), readlink(2), chmod(2), chown(2), utimensat(2) and extended attributes.
 */
#ifndef LADE_AGENT_TREE_LANDLOCK_H
#define LADE_AGENT_TREE_LANDLOCK_H

#include "protocol/error.h"

/* What may be done in a place, and below it if it is a directory. */
enum lade_landlock_right {
	LADE_LANDLOCK_READ,  /* open and list */
	LADE_LANDLOCK_SPOOL, /* files that have no name: open, read and write, but neither list, make nor remove */
	LADE_LANDLOCK_WRITE, /* all but executing programs */
};

/* A place. */
struct lade_landlock_place {
	int fd; /* a file or directory, O_PATH will do; borrowed for the call; -1: there is none */
	enum lade_landlock_right right;
};

/*
 * Confine the calling thread, and all that it starts, to count places; no program that is executed from now on gets more rights than this one has
 * (PR_SET_NO_NEW_PRIVS). Before other threads. Returns the kernel's Landlock version that is in force; 0 where there is none
 * (Linux before 5.13, not enabled, or one of before 5.19 that would forbid renaming between directories, which some place is for);
 * LADE_E_SYSTEM.
 */
int lade_landlock_confine(const struct lade_landlock_place *places, unsigned count, struct lade_fault *fault);

#endif
