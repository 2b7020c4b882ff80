/*
 * Reads that go on while the caller does something else, for direct.c: by io_uring (direct_ahead.c) or by a thread
 * (direct_thread.c). Stays in transport/.
 *
 * A job that was started has to be waited for before its memory is used or freed: the kernel (or the thread) writes to it until then.
 */
#ifndef LADE_TRANSPORT_DIRECT_INTERNAL_H
#define LADE_TRANSPORT_DIRECT_INTERNAL_H

#include <pthread.h>
#include <sys/uio.h>

#include <liburing.h>

#include "transport/direct.h"

/* Pieces that are in memory or on their way there: the one in use and those behind it. With two, a disk of 900 MB/s gave a tenth less than with four. */
#define LADE_DIRECT_PIECES 4u

/* One read. The caller fills the first part. */
struct lade_direct_job {
	int fd;
	struct iovec vector; /* one read(2)'s worth */
	off_t off;

	ssize_t result;      /* when it is done: bytes, or a negative errno */
	bool done;
	bool threaded;       /* the thread has it, not the ring */
};

/* A thread that reads one job after another. */
struct lade_direct_thread {
	const struct lade_direct_calls *calls; /* borrowed */
	pthread_t thread;
	bool running;
	pthread_mutex_t mutex; /* guards what follows, and the jobs */
	pthread_cond_t changed;
	struct lade_direct_job *jobs[LADE_DIRECT_PIECES];
	unsigned head, count;
	bool ending;
};

/* Who reads. Zeroed but for calls before its first job. */
struct lade_direct_ahead {
	const struct lade_direct_calls *calls; /* borrowed */
	bool tried, has_ring;
	bool ring_works;
	struct io_uring ring;
	struct lade_direct_thread thread;
	const char *excuse; /* why it is not the ring, or NULL */
	int sys_errno;
};

/* ---- direct_ahead.c ---- */

/* Start a job; borrowed until it was waited for. False if nobody can do it now: there is nothing to be waited for then. */
bool lade_direct_ahead_start(struct lade_direct_ahead *ahead, struct lade_direct_job *job);

/* Wait until a job that was started is done. */
void lade_direct_ahead_wait(struct lade_direct_ahead *ahead, struct lade_direct_job *job);

/* Give everything back; no job is under way. A zeroed one has nothing. */
void lade_direct_ahead_fini(struct lade_direct_ahead *ahead);

/* ---- direct_thread.c ---- */

/* Start the thread, if it does not run yet. 0 or an errno. */
int lade_direct_thread_run(struct lade_direct_thread *thread, const struct lade_direct_calls *calls);

/* As those above. The thread runs, and has fewer than LADE_DIRECT_PIECES jobs. */
void lade_direct_thread_start(struct lade_direct_thread *thread, struct lade_direct_job *job);

/* Wait until job is done. */
void lade_direct_thread_wait(struct lade_direct_thread *thread, const struct lade_direct_job *job);

/* End the thread; it has nothing to do. */
void lade_direct_thread_fini(struct lade_direct_thread *thread);

#endif
