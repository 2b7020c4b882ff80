/*
 * A backup under way, as the repository sees it: from the moment when nobody may collect under its feet to the moment when it is a snapshot. agent/store/FORMAT.md, section 8, has the rules, and why they are
 * enough.
 *
 * From begin to commit or leave the session uses the store from a thread of its own. Who uses the store besides, but to put, and who reads trust/ again, holds lade_repository_session_lock() meanwhile.
 */
#ifndef LADE_AGENT_STORE_REPOSITORY_SESSION_H
#define LADE_AGENT_STORE_REPOSITORY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/repository.h"
#include "agent/store/snapshot.h"

struct lade_repository_session;

struct lade_repository_session_setup {
	struct lade_repository *repository; /* borrowed until the session is freed; with a writer's key */
	int cache_fd;                       /* directory of the private cache of this repository (tables), or -1; borrowed likewise */
	int state_fd;                       /* directory where sessions of this host on this repository are remembered, or -1; likewise */
	/* What the user should know: that a session is resumed, that a void one was removed, that a table is left out. Called by the thread that calls the functions below. May be NULL. */
	void (*note)(void *context, const char *text);
	void *context;
	uint64_t beat_ms;                   /* how often it says that it is alive; 0: every five minutes, as FORMAT.md [beat] has it */
};

/*
 * Begin: publish what is committed, if that is allowed here; then [begin]. Returns 0 with what lade_repository_session_leave() or _free() ends; LADE_E_REFUSED: there is no key to write with; LADE_E_CHANGED: what
 * says which packs are absent is damaged; LADE_E_MEMORY, LADE_E_SYSTEM, or what else the store says. After a failure nothing is left but perhaps a session that somebody removes.
 */
int lade_repository_session_begin(const struct lade_repository_session_setup *setup, struct lade_repository_session **session_out, struct lade_fault *fault);

/*
 * True if the repository has a chunk, in the pack that it says, on which the backup may build. context is the session. Any thread, until the session is committed or left.
 */
bool lade_repository_session_find(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN]);

/*
 * A pack was put with these chunks, count of them. context is the session. Any thread, until the session is committed or left. Returns 0, LADE_E_REFUSED (there can be no such chunk), LADE_E_MEMORY, what the store
 * says, or why the session has failed before.
 */
int lade_repository_session_packed(void *context, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *rows, size_t count, struct lade_fault *fault);

/* What becomes a snapshot. All is borrowed for the time of the call. */
struct lade_repository_commit {
	const uint8_t (*needs)[LADE_HASH_LEN]; /* all packs that the snapshot needs, need_count of them, in order */
	size_t need_count;
	const struct lade_snapshot_description *description;
	uint64_t content_time;                 /* seconds since 1970 */
};

/*
 * Commit. snapshot_out gets the SHA-256 of the snapshot. Once only; no pack is being put. Returns 0: it is there, and survives a loss of power. LADE_E_CANCELLED: it was fenced, as a collector took it for dead: nothing of it counts,
 * and it has to begin again. Else why the session has failed, LADE_E_LIMIT (more packs than refs may name), LADE_E_USAGE (what is no description), LADE_E_MEMORY or what the store says: it is not committed, but for a
 * fault whose operation says that this is not known.
 */
int lade_repository_session_commit(struct lade_repository_session *session, const struct lade_repository_commit *commit, uint8_t snapshot_out[LADE_HASH_LEN],
				   struct lade_fault *fault);

/*
 * Give it up so that the next one of this writer resumes it: what was put and is known by packed() is in tables behind a barrier then. If nothing was put, remove it. Frees it. One that is committed is only
 * freed. NULL does nothing. What the store says is of no matter: the session is then left as after a crash.
 */
void lade_repository_session_leave(struct lade_repository_session *session);

/* Free it and leave the store as it is. NULL does nothing. */
void lade_repository_session_free(struct lade_repository_session *session);

/* Keep the session from using the store until lade_repository_session_unlock(). Any thread. */
void lade_repository_session_lock(struct lade_repository_session *session);

/* Let it go on. */
void lade_repository_session_unlock(struct lade_repository_session *session);

/* The first bytes of the names of its objects: its id. Borrowed. */
const struct lade_session_id *lade_repository_session_id(const struct lade_repository_session *session);

#endif
