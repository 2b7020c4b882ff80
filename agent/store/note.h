/*
 * What was written on a snapshot later: the tags that it has now. agent/store/FORMAT.md [note].
 */
#ifndef LADE_AGENT_STORE_NOTE_H
#define LADE_AGENT_STORE_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/format.h"
#include "agent/store/pack.h"

#define LADE_NOTE_MAX (16u << 20)

/* What is in the clear. */
struct lade_note {
	struct lade_slice object;             /* all of it, borrowed from who got it */
	enum lade_suite suite;
	uint32_t epoch;
	uint8_t party[LADE_PARTY_ID_LEN];     /* the writer or manager who signed it */
	uint8_t snapshot[LADE_HASH_LEN];      /* SHA-256 of the snapshot */
	uint64_t number;                      /* k, from 1 */
	struct lade_slice sealed;             /* the tags */
};

/* What is not: tags, none of which is empty. */
struct lade_note_tags {
	struct lade_slice *tags;  /* count of them */
	size_t count;
	uint8_t *bytes;           /* what those are in that lade_note_open() has got, else NULL */
};

/*
 * Append a note to an empty writer. setup: suite, epoch with its public key, repository, and whose id goes with seed; of note snapshot and number
 * count. Returns 0, LADE_E_MEMORY, LADE_E_REFUSED (the epoch's key is none), LADE_E_UNSUPPORTED (no such suite); LADE_E_LIMIT: it would be above
 * LADE_NOTE_MAX or LADE_SNAPSHOT_TEXTS_MAX, or what the writer may hold; LADE_E_USAGE: an empty tag, or a number of 0.
 */
int lade_note_put(struct lade_writer *writer, const struct lade_pack_setup *setup, const struct lade_note *note, const struct lade_note_tags *tags,
		  const uint8_t seed[LADE_SIGN_SEED_LEN]);

/*
 * Look at a note of len bytes of the repository that format is of; *note_out borrows it. Returns 0; LADE_E_CHANGED: it is none; LADE_E_VERSION.
 * Nothing is verified, nor that its name says the same.
 */
int lade_note_get(const uint8_t *object, size_t len, const struct lade_format *format, struct lade_note *note_out);

/* Verify its signature. Returns 0; LADE_E_CHANGED: it is not by that key; LADE_E_MEMORY. */
int lade_note_verify(const struct lade_note *note, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

/*
 * Open a note that lade_note_get() has got, by the keys of its epoch to read. Returns 0 with tags, which lade_note_tags_fini() frees;
 * LADE_E_CHANGED: it is not sealed for them, or holds no list; LADE_E_MEMORY.
 */
int lade_note_open(const struct lade_note *note, const struct lade_pack_keys *keys, struct lade_note_tags *tags_out);

/* Free what was opened. */
void lade_note_tags_fini(struct lade_note_tags *tags);

#endif
