/*
 * Attacks as rows of a table: each plays a script against a server that receives into
 * a scene's inside/, and looks at how the server ended and at what stands outside.
 */
#ifndef LADE_TESTS_FAULT_ATTACK_H
#define LADE_TESTS_FAULT_ATTACK_H

#include <stddef.h>
#include <stdint.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

/* What attacks ask for unless their row says otherwise. */
#define ATTACK_OPTIONS \
	((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES | \
	 LADE_OPTION_SPECIALS | LADE_OPTION_HARD_LINKS | LADE_OPTION_NUMERIC_IDS)

/* Bits of an attack's flags. */
#define ATTACK_CHANGES_OLD 1u /* the script lets the old file be replaced, or plants something there */
#define ATTACK_NO_OPEN 2u     /* the script says HELLO and OPEN itself */
#define ATTACK_DESCRIPTORS 4u /* it says descriptors, or something else that only one host has */
#define ATTACK_IN_GRANT_OK 8u /* where a grant ends the world, what leads out leads nowhere: no error then */
#define ATTACK_ONCE 16u       /* it takes seconds, and a daemon adds nothing to what it shows */
#define ATTACK_BESIDE 32u      /* where sessions have neighbours there is one all the while, which ends well */

/* What a session may take beside what a process has at its start; sanitizers take some times more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ATTACK_MEMORY_KIB (96L << 10)
#else
#define ATTACK_MEMORY_KIB (12L << 10)
#endif

struct attack {
	const char *name;
	void (*script)(struct peer *peer, const struct attack *attack);
	int status;                       /* the server's exit status that is expected */
	enum lade_connection_kind kind;
	uint64_t options;                 /* 0: ATTACK_OPTIONS */
	struct lade_slice rules;          /* as in OPEN; empty: there are none */
	unsigned flags;
	const void *data;                 /* the script's own */
	size_t len;
	void (*after)(const struct scene *scene); /* further checks, may be NULL */
};

/* The scene of the attack that is being run. */
const struct scene *attack_scene(void);

/* Run all rows as tests of a group; returns the number of failures. */
int attack_run(const char *group, const struct attack *attacks, size_t count);

/* ---- what scripts are made of ---- */

/* [root] The first of the entry stream: a source that is a directory's content. */
void attack_root(struct peer *peer);

/* [entry] A regular file of size bytes; a directory; a symlink. */
void attack_file(struct peer *peer, const char *name, uint64_t size);
void attack_directory(struct peer *peer, const char *name);
void attack_symlink(struct peer *peer, const char *name, const char *target);

/* [leave] */
void attack_leave(struct peer *peer);

/* [entries-end], and all of it on its way. */
void attack_entries_end(struct peer *peer);

/* root, one file "old" of size bytes, entries-end: returns the slot that it is wanted in. */
uint32_t attack_one_file(struct peer *peer, uint64_t size);

#endif
