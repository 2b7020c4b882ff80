/*
 * Threads that work off jobs. A job may make more of them: parts of itself, which go before all else, and which any thread that waits for one does meanwhile.
 */
#ifndef LADE_AGENT_BACKUP_POOL_H
#define LADE_AGENT_BACKUP_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

/* Threads at most. */
#define LADE_POOL_MAX 64u

struct lade_pool;

/* The caller's storage, in which it is a part of something larger; the pool's until run() is called, which may free it. */
struct lade_pool_job {
	void (*run)(struct lade_pool_job *job, void *worker);
	struct lade_pool_job *next; /* the pool's */
};

/*
 * Start a thread for each of the count workers, 1 to LADE_POOL_MAX: what the jobs that it runs get. waiting: as many jobs may wait. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM.
 * The caller frees the pool with lade_pool_free().
 */
int lade_pool_new(void *const *workers, unsigned count, size_t waiting, struct lade_pool **pool_out, struct lade_fault *fault);

/* Wait for all jobs, end the threads, and free it. NULL does nothing. */
void lade_pool_free(struct lade_pool *pool);

/* Add a job; waits while too many wait already. Not from within a job. */
void lade_pool_add(struct lade_pool *pool, struct lade_pool_job *job);

/* Add a part of a job, which is run before all that wait. From within a job; it waits for nothing. */
void lade_pool_add_part(struct lade_pool *pool, struct lade_pool_job *job);

/*
 * True if it is worth parting a job: as many parts wait as there are threads, at most, so that who ends one finds the next one, while whoever parts goes on. A guess.
 */
bool lade_pool_wants_part(struct lade_pool *pool);

/* From within a job, with its worker: run one part that waits. False: there is none. */
bool lade_pool_help(struct lade_pool *pool, void *worker);

/* Wait until no job waits or is run. Not from within a job. */
void lade_pool_drain(struct lade_pool *pool);

#endif
