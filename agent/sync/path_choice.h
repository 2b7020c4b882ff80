/*
 * Which way raw runs go: what the user said, or, for --path=auto, the cheapest as
 * measured now and then.
 *
 * Moving pages costs per page, copying bytes costs per byte, and a digest wants the
 * bytes in a cache; which is least depends on the machine, the link and the file
 * system, so it is measured: CPU time of all threads that handle a run, per byte.
 */
#ifndef LADE_AGENT_SYNC_PATH_CHOICE_H
#define LADE_AGENT_SYNC_PATH_CHOICE_H

#include <stdint.h>

#include "transport/mover.h"

/* Most ways that are measured against each other. */
#define LADE_PATH_CANDIDATES_MAX 2u

/*
 * A shorter run is copied without measuring, in bytes: setting up a mapping or a pipe costs as much
 * as copying some 100 KiB, and it is in the cache when it is digested.
 */
#define LADE_PATH_SHORT (256u << 10)

/* Who spends time on a run: the thread that moves it, and one that checks it afterwards. */
enum lade_path_stage { LADE_STAGE_MOVE, LADE_STAGE_CHECK, LADE_STAGES };

/* What a stage of one way costs. */
struct lade_path_cost {
	unsigned seen;      /* runs; the first (caches, the connection's start) does not count */
	double ns_per_byte; /* CPU time, the mean of the last runs */
};

/* A choice; the caller's storage, and the caller locks where several threads add. */
struct lade_path_choice {
	enum lade_path candidates[LADE_PATH_CANDIDATES_MAX]; /* the first, unless another is clearly cheaper */
	unsigned count;
	enum lade_path said; /* by the user; AUTO: it is measured */
	unsigned cheapest;  /* of the candidates, when they were last compared */
	unsigned turn;      /* runs since the last trial began */
	struct lade_path_cost costs[LADE_PATH_CANDIDATES_MAX][LADE_STAGES];
};

/* Start with what the user wants: that, or for AUTO the count candidates to be measured. */
void lade_path_choice_init(struct lade_path_choice *choice, enum lade_path wanted, const enum lade_path *candidates,
			   unsigned count);

/* The way for the next run, which has len bytes. */
enum lade_path lade_path_choice_pick(struct lade_path_choice *choice, uint64_t len);

/* A thread has spent cpu_ns nanoseconds on a stage of a run of len bytes that went by path. Short runs say nothing. */
void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, enum lade_path_stage stage,
			  uint64_t len, int64_t cpu_ns);

/* CPU time of the calling thread in nanoseconds. */
int64_t lade_path_choice_clock(void);

#endif
