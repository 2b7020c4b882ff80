/*
 * What a server lets a client do, and where: for a module of the daemon, and for `lade serve --restrict`. Without a grant (a remote shell's
 * user, who could run any other command as well) everything is as the client wants it.
 *
 * Everything that a client names (sources, destination, --link-dest and the like, --backup-dir, --temp-dir, --partial-dir, lists, files of
 * rules) is below root_fd, which is its "/": found with openat2(RESOLVE_BENEATH), so neither ".." nor a symlink leads out of it.
 *
 * Set-user-ID bits, devices, owners, capabilities and attributes in security.* and trusted.* are as with rsync's daemon: what comes is
 * made as far as the serving process may make it. One that runs as root makes all of it; a uid of its own, fake_super and incoming_chmod
 * are how a module does without. Devices themselves are never read nor written (--copy-devices, --write-devices).
 */
#ifndef LADE_AGENT_SYNC_GRANT_H
#define LADE_AGENT_SYNC_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/events.h"
#include "agent/sync/settings.h"
#include "agent/sync/successor.h"
#include "agent/tree/filter.h"
#include "agent/tree/mode_change.h"
#include "transport/mover.h"

/* All is borrowed for the session. */
struct lade_grant {
	int root_fd;
	int state_fd;               /* a directory of this grant alone, for the index and recipes; -1: there is none, and nothing is kept */
	bool may_read;              /* else: a client may not receive, nor learn what files hold: no recipes, signatures, index or digests of what is there */
	bool may_write;             /* else: it may not send */
	bool own_root;              /* the process has no other root directory: nothing may be loaded that would come out of it */
	bool append_only;           /* with may_write: nothing that is there is changed: no overwriting, truncation, deletion, rename over it */
	const struct lade_filter *filter; /* what no client sees, makes or deletes; NULL: nothing */
	const struct lade_mode_changes *incoming_chmod, *outgoing_chmod; /* after the client's own, and before it; or NULL */
	bool munge;                 /* symlinks are munged when they come and restored when they go */
	bool fake_super;
	const char *const *refuse;  /* options that are refused, as `lade sync` spells them, patterns of * and ?; refuse_count */
	unsigned refuse_count;
	uint64_t timeout;           /* seconds, at most, as in --timeout; 0: the client's */
	uint64_t bwlimit;           /* bytes a second, at most; 0: the client's */
	uint64_t max_alloc;         /* bytes of memory that a session may take, at most, as in --max-alloc; 0: the client's */
	bool no_sendfile;           /* raw runs are copied */
	uint64_t directio;          /* files of so many bytes and more are read with O_DIRECT; 0: none */
	bool aio;                   /* and the next run while this one goes out */
	const struct lade_successors *successors; /* how the session gets another connection; NULL: it does not */
	/* Told now and then, and at the end, how far the session is; NULL: nobody. The session's thread. */
	void (*progress)(void *context, const struct lade_progress *progress);
	void *context;
};

/* Where the paths of a client begin; *base_out borrows from grant. */
void lade_grant_base(const struct lade_grant *grant, struct lade_base *base_out);

/*
 * Judge what a client asked for, receives being what the server is to do, and make its settings those that the grant allows. Returns 0;
 * LADE_E_UNSUPPORTED with the fault, which names the option as `lade sync` does; LADE_E_USAGE for a direction that is not allowed.
 */
int lade_grant_apply(const struct lade_grant *grant, bool receives, struct lade_settings *settings, struct lade_fault *fault);

/* True if pattern, as in refuse, fits an option that a server hears of: others cannot be refused. */
bool lade_grant_knows(const char *pattern);

/* Open the directory name in the grant's state, which is made if it is not there. A descriptor for the caller to close; -1: there is none. */
int lade_grant_state(const struct lade_grant *grant, const char *name);

/*
 * Confine this process to what the grant is about (agent/tree/landlock.h), and to what the C library reads for names of users and character
 * sets. Before threads, and after all else is open: the connection, logs. Returns the version of Landlock; 0 where the kernel has none, and
 * resolution beneath root_fd is all; LADE_E_SYSTEM.
 */
int lade_grant_confine(const struct lade_grant *grant, struct lade_fault *fault);

/* Of a session with these settings: nothing that is there may be changed. */
static inline bool lade_grant_appends(const struct lade_settings *settings)
{
	return settings->grant && settings->grant->append_only;
}

/* Of a session with these settings: symlinks are munged in its trees. events: the user is on this side. */
static inline bool lade_grant_munges(const struct lade_settings *settings, bool events)
{
	return settings->grant ? settings->grant->munge : events && (settings->options & LADE_OPTION_MUNGE_LINKS);
}

#endif
