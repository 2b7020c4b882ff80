/*
 * The workers and their queue: bundles of small files, runs to be checked, files that are
 * settled, descriptors to be copied, described files to be made.
 */
#include "agent/sync/receiver_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"

static void dispose(const struct job *job)
{
	if (job->type == JOB_COPY)
		close(job->fd);
	free(job->payload);
}

bool lade_receiver_queue(struct lade_receiver *receiver, const struct job *job)
{
	struct lade_session *session = &receiver->session;
	bool failed;

	lade_session_lock(session);
	while (receiver->job_count == session->limits.jobs && !session->failed)
		pthread_cond_wait(&receiver->job_taken, &session->lock);
	failed = session->failed;
	if (!failed) {
		receiver->jobs[(receiver->job_head + receiver->job_count++) % LADE_JOBS_MAX] = *job;
		pthread_cond_signal(&receiver->job_came);
	}
	lade_session_unlock(session);
	if (failed)
		dispose(job);
	return !failed;
}

/*
 * Wait for a job, or for a described file that has news: for jobs first, as the reader may wait for room among them. False
 * when the session is over. Whoever has nothing to do lets what was said go out.
 */
static bool take(struct lade_receiver *receiver, struct job *job_out, struct delta **delta_out)
{
	struct lade_session *session = &receiver->session;
	bool taken = false;

	*delta_out = NULL;
	lade_session_lock(session);
	while (!receiver->job_count && !receiver->ready && !session->failed && !session->finished) {
		lade_session_queued(session, true);
		pthread_cond_wait(&receiver->job_came, &session->lock);
	}
	if (receiver->job_count) {
		*job_out = receiver->jobs[receiver->job_head];
		receiver->job_head = (receiver->job_head + 1) % LADE_JOBS_MAX;
		receiver->job_count--;
		taken = true;
		pthread_cond_signal(&receiver->job_taken);
	} else {
		*delta_out = lade_delta_take(receiver);
		taken = *delta_out;
	}
	lade_session_unlock(session);
	return taken;
}

static void work(struct lade_receiver *receiver, const struct job *job, struct workspace *space)
{
	switch (job->type) {
	case JOB_BUNDLE:
		lade_receiver_land_bundle(receiver, job);
		free(job->payload);
		break;
	case JOB_VERIFY:
		lade_receiver_verify_run(receiver, job, space->buffer);
		break;
	case JOB_SETTLED:
		lade_receiver_settled(receiver, &job->event);
		break;
	case JOB_COPY:
		lade_receiver_copy(receiver, job);
		break;
	}
}

void *lade_receiver_work(void *argument)
{
	struct lade_receiver *receiver = argument;
	enum lade_path path = receiver->session.settings->path;
	/* Whoever asks for a zero-copy path by name gets it for the digests too. Without memory they are mapped as well. */
	struct workspace space = {
		.buffer = path == LADE_PATH_AUTO || path == LADE_PATH_COPY ? malloc(LADE_DIGEST_BUFFER_LEN) : NULL,
		.cuts = { .stopped = lade_receiver_stopped, .context = receiver },
	};
	struct delta *delta;
	struct job job;

	lade_writer_init(&space.signature, LADE_SIGNATURE_MAX);
	while (take(receiver, &job, &delta)) {
		bool failed = lade_session_failed(&receiver->session);

		if (delta && !failed)
			lade_delta_work(receiver, delta, &space);
		else if (!delta && failed)
			dispose(&job);
		else if (!delta)
			work(receiver, &job, &space);
	}
	free(space.buffer);
	free(space.piece);
	free(space.old);
	lade_cut_stream_fini(&space.cuts);
	lade_writer_fini(&space.signature);
	lade_codec_free(space.codec);
	free(space.ops);
	return NULL;
}
