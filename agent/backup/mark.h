/*
 * Directories whose content nobody wants, which a file in them says: CACHEDIR.TAG (https://bford.info/cachedir/), or one of a name that the user gives.
 */
#ifndef LADE_AGENT_BACKUP_MARK_H
#define LADE_AGENT_BACKUP_MARK_H

#include <stdbool.h>

/* What to look for; borrowed. */
struct lade_mark_wish {
	bool caches;        /* CACHEDIR.TAG with its signature */
	char *const *names; /* files of these names, or, as NAME:HEADER, those that begin with HEADER; count of them */
	unsigned count;
};

/* True if the directory name in directory_fd is marked. What cannot be looked at is not. */
bool lade_mark_found(const struct lade_mark_wish *wish, int directory_fd, const char *name);

#endif
