/*
 * Whether a repository is whole: agent/store/FORMAT.md. Everything that is found is told of; nothing is changed.
 *
 * The structure: names, signatures, chains, tables, and all trees with the places of their chunks. With data: every byte of packs as well. Without keys: what anybody can see, names above all, as those are hashes.
 */
#ifndef LADE_AGENT_BACKUP_CHECK_H
#define LADE_AGENT_BACKUP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/repository.h"

/* Threads at most. */
#define LADE_CHECK_THREADS_MAX 64u

enum lade_check_severity {
	LADE_CHECK_NOTE,   /* nothing is lost by it: left over, or worth knowing */
	LADE_CHECK_ERROR,
};

/* Something that is not as it should be. Text is borrowed for the time of the call. */
struct lade_check_finding {
	enum lade_check_severity severity;
	const char *object;     /* its name in the store */
	const char *problem;    /* what is wrong with it */
	const char *snapshot;   /* whom it hurts: the first digits of its name; NULL: nobody, or it is not known */
	const char *path;       /* ... and what there; NULL: all of it, or nothing */
};

/* What is under way. */
enum lade_check_phase {
	LADE_CHECK_OBJECTS,
	LADE_CHECK_TABLES,
	LADE_CHECK_PACKS,
	LADE_CHECK_TREES,
};

struct lade_check_figures {
	enum lade_check_phase phase;
	uint64_t objects, packs, tables, snapshots;   /* that there are */
	uint64_t packs_read, packs_to_read;           /* packs of which every byte was read, and is to be */
	uint64_t bytes_read, bytes_to_read;
	uint64_t chunks_read;                         /* chunks that were opened there */
	uint64_t directories;                         /* different ones of all trees */
	uint64_t chunks;                              /* that they and their files name; the same one counts once for each directory */
	uint64_t errors, notes;
};

/* Which packs are read. */
enum lade_check_read {
	LADE_CHECK_READ_NONE,
	LADE_CHECK_READ_ALL,
	LADE_CHECK_READ_PART,  /* those whose name's first byte modulo parts is part - 1 */
	LADE_CHECK_READ_SHARE, /* share of a thousand thousand of them, by chance; at least one */
	LADE_CHECK_READ_BYTES, /* so many by chance that they have at least so many bytes */
};

struct lade_check_setup {
	unsigned threads;           /* that read at once, 1 to LADE_CHECK_THREADS_MAX */
	enum lade_check_read read;
	unsigned part, parts;       /* 1 <= part <= parts <= 256 */
	uint32_t share;             /* at most 1,000,000 */
	uint64_t bytes;
	/* A finding; one call at a time. */
	void (*found)(void *context, const struct lade_check_finding *finding);
	/* How far it is, now and then; one call at a time. Returns false to end it. NULL: nobody wants to know. */
	bool (*progress)(void *context, const struct lade_check_figures *figures);
	void *context;              /* of both */
};

/*
 * Read the text of --read-data-subset into setup: "n/t", "x%", or bytes with K, M, G or T. Returns 0 or LADE_E_USAGE: it is none of these.
 */
int lade_check_subset(const char *text, struct lade_check_setup *setup);

/*
 * Check a repository with its keys, which may read. figures_out is filled in any case; figures_out->errors is 0 if it is whole, as far as was looked. Returns 0 when it came to its end; LADE_E_REFUSED: the keys
 * at hand do not read; LADE_E_CANCELLED: progress() ended it; LADE_E_MEMORY; or what the store says of listing.
 */
int lade_check_repository(struct lade_repository *repository, const struct lade_check_setup *setup, struct lade_check_figures *figures_out, struct lade_fault *fault);

/*
 * Check what can be checked without a key: that names are names, and of the objects that they say; refs and the packs in them. setup->read is of no matter: all packs are read. Otherwise as above; LADE_E_ABSENT: there is no repository.
 */
int lade_check_store(struct lade_store *store, const struct lade_check_setup *setup, struct lade_check_figures *figures_out, struct lade_fault *fault);

#endif
