/*
 * Which way raw runs go: what the user said, or, for --path=auto, the cheapest as
 * measured during the first runs of the session and now and then after.
 *
 * Moving pages costs per page, copying bytes costs per byte, and a digest wants the
 * bytes in a cache; which is least depends on the machine, the link and the file
 * system, so it is measured: CPU time of all threads that handle a run, per byte.
 */
#ifndef LADE_AGENT_SYNC_PATH_CHOICE_H
#define LADE_AGENT_SYNC_PATH_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/mover.h"

/* Most ways that are measured against each other. */
#define LADE_PATH_CANDIDATES_MAX 3u

/*
 * A shorter run is copied without measuring, in bytes: setting up a mapping or a pipe costs as much
 * as copying some 100 KiB, and it is in the cache when it is digested.
 */
#define LADE_PATH_SHORT (256u << 10)

/* A choice; the caller's storage, and the caller locks where several threads add. */
struct lade_path_choice {
	enum lade_path candidates[LADE_PATH_CANDIDATES_MAX]; /* the first wins a draw */
	unsigned count;
	bool fixed;   /* the user has said it */
	bool decided;
	enum lade_path chosen;
	unsigned picked; /* runs measured so far */
	unsigned used;   /* runs since the choice was made */
	int64_t cpu_ns[LADE_PATH_CANDIDATES_MAX];
	uint64_t bytes[LADE_PATH_CANDIDATES_MAX];
};

/* Start with what the user wants: that, or for AUTO the count candidates to be measured. */
void lade_path_choice_init(struct lade_path_choice *choice, enum lade_path wanted, const enum lade_path *candidates,
			   unsigned count);

/* The way for the next run, which has len bytes. */
enum lade_path lade_path_choice_pick(struct lade_path_choice *choice, uint64_t len);

/*
 * A thread has spent cpu_ns nanoseconds on a run of len bytes that went by path. Does nothing once
 * the choice is made, nor for a short run.
 */
void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, uint64_t len, int64_t cpu_ns);

/* CPU time of the calling thread in nanoseconds. */
int64_t lade_path_choice_clock(void);

#endif
