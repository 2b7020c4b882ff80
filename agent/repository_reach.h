/*
 * The store of a repository, wherever it is: a local folder, a folder behind a remote shell, or at a daemon.
 */
#ifndef LADE_AGENT_REPOSITORY_REACH_H
#define LADE_AGENT_REPOSITORY_REACH_H

#include "agent/repository_options.h"

/*
 * Reach the store at place, with the limits that options say. create: for a repository that is to be made there, where there is nothing yet; else there has to be one. Returns 0
 * with what lade_store_close() closes, or a negative code with the complaint filled. Before there are threads; the user may be asked about a host. SIGPIPE is ignored
 * afterwards.
 */
int lade_repository_reach(const struct lade_repository_options *options, const char *place, bool create, struct lade_store **store_out,
			  struct lade_complaint *complaint);

/* See, before a user is asked for anything, whether a repository can be made in the folder at place; one on another host says so when it is reached. Returns 0, or as above. */
int lade_repository_reach_look(const char *place, struct lade_complaint *complaint);

#endif
