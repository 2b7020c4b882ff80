/*
 * What a server lets a client do, and where: for a module of the daemon, and for `lade serve --restrict`. Without a grant (a remote shell's
 * user, who could run any other command as well) everything is as the client wants it.
 *
 * Everything that a client names (sources, destination, --link-dest and the like, --backup-dir, --temp-dir, --partial-dir, lists, files of
 * rules) is below root_fd, which is its "/": found with openat2(RESOLVE_BENEATH), so neither ".." nor a symlink leads out of it.
 */
#ifndef LADE_AGENT_SYNC_GRANT_H
#define LADE_AGENT_SYNC_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/events.h"
#include "agent/tree/filter.h"
#include "agent/tree/mode_change.h"
#include "transport/mover.h"

/* All is borrowed for the session. */
struct lade_grant {
	int root_fd;
	bool may_read;              /* else: a client may not receive, nor learn what files hold: no recipes, signatures, index or digests of what is there */
	bool may_write;             /* else: it may not send */
	bool append_only;           /* with may_write: nothing that is there is changed: no overwriting, truncation, deletion, rename over it */
	const struct lade_filter *filter; /* what no client sees, makes or deletes; NULL: nothing */
	const struct lade_mode_changes *incoming_chmod, *outgoing_chmod; /* or NULL */
	bool munge;                 /* symlinks are munged when they come and restored when they go */
	bool fake_super;
	const char *const *refuse;  /* options that are refused, as `lade sync` spells them, patterns of * and ?; refuse_count */
	unsigned refuse_count;
	uint64_t timeout;           /* seconds, at most, as in --timeout; 0: the client's */
	uint64_t bwlimit;           /* bytes a second, at most; 0: the client's */
	bool no_sendfile;           /* raw runs are copied */
	uint64_t directio;          /* files of so many bytes and more are read with O_DIRECT; 0: none */
	bool aio;                   /* and the next run while this one goes out */
	/* Told now and then, and at the end, how far the session is; NULL: nobody. The session's thread. */
	void (*progress)(void *context, const struct lade_progress *progress);
	void *context;
};

#endif
