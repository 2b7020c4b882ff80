/*
 * All snapshots that count: published ones, and those of sessions that are committed and not published yet. agent/store/FORMAT.md [snapshot], [note], [forgotten], [publish].
 */
#ifndef LADE_AGENT_STORE_SNAPSHOT_LIST_H
#define LADE_AGENT_STORE_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/note.h"
#include "agent/store/repository.h"
#include "agent/store/signed_snapshot.h"
#include "agent/store/snapshot.h"

/* A snapshot; all is borrowed from its list. */
struct lade_snapshot_item {
	struct lade_object_name name;         /* where it was found: LADE_NAME_SNAPSHOT, or LADE_NAME_SESSION_SNAPSHOT in a session */
	struct lade_snapshot_id id;
	uint8_t hash[LADE_HASH_LEN];          /* SHA-256 of the object: what users call it by */
	uint64_t commit_time;                 /* by the clock of the store, seconds since 1970 */
	const char *label;                    /* of its writer */
	uint8_t *object;
	struct lade_snapshot_head head;       /* head.time is that of its content */
	bool is_open;                         /* its description was opened; else there is no key for it */
	struct lade_snapshot_description description;
	bool has_note;                        /* tags are those of a note, which was opened; else of the description */
	struct lade_note_tags note_tags;
	struct lade_snapshot_texts tags;      /* those it has now */
};

struct lade_snapshot_list {
	struct lade_snapshot_item *items; /* count of room, in order of the time of their content; the newest is the last one */
	size_t count, room;
};

struct lade_snapshot_list_setup {
	struct lade_repository *repository; /* its trust may be read again */
	/* Told of what is left out: a snapshot, note or word that one was forgotten that is damaged, or not signed by who should have; error is what is wrong with it. May be NULL. */
	void (*bad)(void *context, const char *object, int error);
	void *context;
};

/*
 * List them. Returns 0 with what lade_snapshot_list_fini() frees, LADE_E_MEMORY or what else the store says.
 */
int lade_snapshot_list_get(const struct lade_snapshot_list_setup *setup, struct lade_snapshot_list *list_out, struct lade_fault *fault);

/* Free what it has; it is empty then. */
void lade_snapshot_list_fini(struct lade_snapshot_list *list);

/* Which ones are meant; what is NULL, or has no data, is of no matter. Only a snapshot that could be opened has a host, paths or tags. */
struct lade_snapshot_filter {
	const uint8_t *writer;                /* LADE_PARTY_ID_LEN bytes */
	struct lade_slice host, path, tag;    /* path: one of its paths; tag: one of its tags */
};

/* True if a snapshot is one that is meant. filter NULL: all are. */
bool lade_snapshot_matches(const struct lade_snapshot_item *item, const struct lade_snapshot_filter *filter);

/*
 * Find the one that text names: "latest", the newest that the filter means, or the first digits, in hexadecimal, of its SHA-256, whatever the filter. *item_out is borrowed from the list. Returns 0; LADE_E_ABSENT:
 * there is none; LADE_E_USAGE: several begin so, or text is neither.
 */
int lade_snapshot_list_find(const struct lade_snapshot_list *list, const char *text, const struct lade_snapshot_filter *filter,
			    const struct lade_snapshot_item **item_out, struct lade_fault *fault);

/* The snapshot of the same writer before this one: the one it names or, if that is not there, the one with the next lower number. NULL: there is none. */
const struct lade_snapshot_item *lade_snapshot_list_previous(const struct lade_snapshot_list *list, const struct lade_snapshot_item *item);

#endif
