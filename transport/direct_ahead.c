/*
 * Reading ahead by io_uring. A ring is made when there is the first job for it. Where it cannot be made (no such call before Linux 5.1;
 * a container's seccomp rules; kernel.io_uring_disabled; no memory to be locked before 5.12), or takes no job, a thread does the work.
 *
 * A job that the ring did not take stays in its queue, and would be carried out with the next one: after such a failure nothing
 * more is handed in, and the ring is only asked for what it has taken before.
 */
#include "transport/direct_internal.h"

#include <assert.h>
#include <errno.h>

/* Note why the ring does not do it. */
static void excuse(struct lade_direct_ahead *ahead, const char *text, int error)
{
	ahead->ring_works = false;
	ahead->excuse = text;
	ahead->sys_errno = error;
}

static void try_ring(struct lade_direct_ahead *ahead)
{
	int error;

	if (ahead->tried)
		return;
	ahead->tried = true;
	error = ahead->calls->ring(LADE_DIRECT_PIECES, &ahead->ring);
	ahead->has_ring = ahead->ring_works = error >= 0;
	if (error < 0)
		excuse(ahead, "io_uring is missing or forbidden", -error);
}

/* readv, as Linux 5.1 has it; the plain read came with 5.6. */
static bool start_on_ring(struct lade_direct_ahead *ahead, struct lade_direct_job *job)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ahead->ring);
	int submitted;

	if (!sqe)
		return false;
	io_uring_prep_readv(sqe, job->fd, &job->vector, 1, (__u64)job->off);
	io_uring_sqe_set_data(sqe, job);
	do
		submitted = ahead->calls->submit(&ahead->ring);
	while (submitted == -EINTR);
	if (submitted == 1)
		return true;
	excuse(ahead, "io_uring takes no reads", submitted < 0 ? -submitted : EAGAIN);
	return false;
}

bool lade_direct_ahead_start(struct lade_direct_ahead *ahead, struct lade_direct_job *job)
{
	job->done = job->threaded = false;
	try_ring(ahead);
	if (ahead->ring_works && start_on_ring(ahead, job))
		return true;
	if (lade_direct_thread_run(&ahead->thread, ahead->calls))
		return false;
	job->threaded = true;
	lade_direct_thread_start(&ahead->thread, job);
	return true;
}

void lade_direct_ahead_wait(struct lade_direct_ahead *ahead, struct lade_direct_job *job)
{
	struct lade_direct_job *other;
	struct io_uring_cqe *cqe;
	int error;

	if (job->threaded) {
		lade_direct_thread_wait(&ahead->thread, job);
		return;
	}
	while (!job->done) {
		error = io_uring_wait_cqe(&ahead->ring, &cqe);
		if (error) {
			/* No other comes from a ring that is one (io_uring_enter(2)). There is no going on without: the kernel writes to the buffer. */
			assert(error == -EINTR || error == -EAGAIN);
			continue;
		}
		other = io_uring_cqe_get_data(cqe);
		other->result = cqe->res;
		other->done = true;
		io_uring_cqe_seen(&ahead->ring, cqe);
	}
}

void lade_direct_ahead_fini(struct lade_direct_ahead *ahead)
{
	lade_direct_thread_fini(&ahead->thread);
	if (ahead->has_ring)
		io_uring_queue_exit(&ahead->ring);
	ahead->has_ring = ahead->ring_works = false;
}
