/*
 * Reading ahead by a thread, where there is no io_uring: one job after another, in the order in which they were started.
 */
#include "transport/direct_internal.h"

#include <errno.h>

/* The next job, or NULL at the end. The mutex is held. */
static struct lade_direct_job *next_job(struct lade_direct_thread *thread)
{
	while (!thread->count && !thread->ending)
		pthread_cond_wait(&thread->changed, &thread->mutex);
	return thread->count ? thread->jobs[thread->head] : NULL;
}

static void *work(void *argument)
{
	struct lade_direct_thread *thread = argument;
	struct lade_direct_job *job;
	ssize_t result;

	pthread_mutex_lock(&thread->mutex);
	while ((job = next_job(thread))) {
		pthread_mutex_unlock(&thread->mutex);
		result = thread->calls->pread(job->fd, job->vector.iov_base, job->vector.iov_len, job->off);
		if (result < 0)
			result = -errno;
		pthread_mutex_lock(&thread->mutex);
		job->result = result;
		job->done = true;
		thread->head = (thread->head + 1) % LADE_DIRECT_PIECES;
		thread->count--;
		pthread_cond_broadcast(&thread->changed);
	}
	pthread_mutex_unlock(&thread->mutex);
	return NULL;
}

int lade_direct_thread_run(struct lade_direct_thread *thread, const struct lade_direct_calls *calls)
{
	int error;

	if (thread->running)
		return 0;
	*thread = (struct lade_direct_thread){ .calls = calls };
	error = pthread_mutex_init(&thread->mutex, NULL);
	if (error)
		return error;
	error = pthread_cond_init(&thread->changed, NULL);
	if (error) {
		pthread_mutex_destroy(&thread->mutex);
		return error;
	}
	error = pthread_create(&thread->thread, NULL, work, thread);
	if (error) {
		pthread_cond_destroy(&thread->changed);
		pthread_mutex_destroy(&thread->mutex);
	}
	thread->running = !error;
	return error;
}

void lade_direct_thread_start(struct lade_direct_thread *thread, struct lade_direct_job *job)
{
	pthread_mutex_lock(&thread->mutex);
	thread->jobs[(thread->head + thread->count++) % LADE_DIRECT_PIECES] = job;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->mutex);
}

void lade_direct_thread_wait(struct lade_direct_thread *thread, const struct lade_direct_job *job)
{
	pthread_mutex_lock(&thread->mutex);
	while (!job->done)
		pthread_cond_wait(&thread->changed, &thread->mutex);
	pthread_mutex_unlock(&thread->mutex);
}

void lade_direct_thread_fini(struct lade_direct_thread *thread)
{
	if (!thread->running)
		return;
	pthread_mutex_lock(&thread->mutex);
	thread->ending = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->mutex);
	pthread_join(thread->thread, NULL);
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->mutex);
	thread->running = false;
}
