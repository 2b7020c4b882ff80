/*
 * Which way raw runs go: what the user said, or, for --path=auto, the cheapest as
 * measured during the first runs of the session.
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

/* A choice; the caller's storage, and the caller locks where several threads add. */
struct lade_path_choice {
	enum lade_path candidates[LADE_PATH_CANDIDATES_MAX]; /* the first wins a draw */
	unsigned count;
	bool decided;
	enum lade_path chosen;
	unsigned picked; /* runs so far */
	int64_t cpu_ns[LADE_PATH_CANDIDATES_MAX];
	uint64_t bytes[LADE_PATH_CANDIDATES_MAX];
};

/* Start with what the user wants: that, or for AUTO the count candidates to be measured. */
void lade_path_choice_init(struct lade_path_choice *choice, enum lade_path wanted, const enum lade_path *candidates,
			   unsigned count);

/* The way for the next run. */
enum lade_path lade_path_choice_pick(struct lade_path_choice *choice);

/*
 * A thread has spent cpu_ns nanoseconds on a run that went by path; bytes: its length, or 0 if another
 * thread adds that. Does nothing once the choice is made.
 */
void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, int64_t cpu_ns, uint64_t bytes);

/* CPU time of the calling thread in nanoseconds. */
int64_t lade_path_choice_clock(void);

#endif
