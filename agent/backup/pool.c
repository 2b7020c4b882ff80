/*
 * Two lists under one lock: parts, which go first, and jobs. Their number is small, and what is done for each is long beside a lock.
 */
#include "agent/backup/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct list {
	struct lade_pool_job *first, **end;
	size_t count;
};

struct thread {
	struct lade_pool *pool;
	void *worker;
	pthread_t id;
};

struct lade_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* there is a job, or the end */
	pthread_cond_t room;  /* half as many wait as may, or all is done */
	struct list parts, jobs;
	size_t waiting;       /* jobs that may wait */
	unsigned running;     /* threads that run one */
	unsigned idle;        /* that wait for work */
	unsigned count;       /* threads */
	bool ends;
	struct thread threads[];
};

static void append(struct list *list, struct lade_pool_job *job)
{
	if (!list->first)
		list->end = &list->first;
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
	list->count++;
}

static struct lade_pool_job *take(struct list *list)
{
	struct lade_pool_job *job = list->first;

	if (job) {
		list->first = job->next;
		list->count--;
	}
	return job;
}

/* What is to be done next; NULL: nothing. Lock held. */
static struct lade_pool_job *next_job(struct lade_pool *pool)
{
	struct lade_pool_job *job = take(&pool->parts);

	if (job)
		return job;
	job = take(&pool->jobs);
	/* Who adds is woken for more than one job: switching between threads costs as much as a small file. */
	if (job && pool->jobs.count == pool->waiting / 2)
		pthread_cond_broadcast(&pool->room);
	return job;
}

/* There is something to do. Lock held. */
static void wake(struct lade_pool *pool)
{
	if (pool->idle)
		pthread_cond_signal(&pool->work);
}

static void *work(void *argument)
{
	struct thread *thread = argument;
	struct lade_pool *pool = thread->pool;
	struct lade_pool_job *job;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!(job = next_job(pool)) && !pool->ends) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
		if (!job)
			break;
		pool->running++;
		pthread_mutex_unlock(&pool->lock);
		job->run(job, thread->worker);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		if (!pool->running)
			pthread_cond_broadcast(&pool->room);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* End the threads that were started, when they have done all. */
static void end(struct lade_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->ends = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i].id, NULL);
}

int lade_pool_new(void *const *workers, unsigned count, size_t waiting, struct lade_pool **pool_out, struct lade_fault *fault)
{
	struct lade_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(pool->threads[0]));

	if (!pool)
		return lade_fault_set(fault, LADE_E_MEMORY, "start threads", NULL);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->room, NULL);
	pool->waiting = waiting;
	for (; pool->count < count; pool->count++) {
		struct thread *thread = &pool->threads[pool->count];

		thread->pool = pool;
		thread->worker = workers[pool->count];
		if (pthread_create(&thread->id, NULL, work, thread)) {
			lade_pool_free(pool);
			return lade_fault_set(fault, LADE_E_MEMORY, "start threads", NULL);
		}
	}
	*pool_out = pool;
	return 0;
}

void lade_pool_free(struct lade_pool *pool)
{
	if (!pool)
		return;
	end(pool);
	pthread_cond_destroy(&pool->room);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void lade_pool_add(struct lade_pool *pool, struct lade_pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->jobs.count >= pool->waiting)
		pthread_cond_wait(&pool->room, &pool->lock);
	append(&pool->jobs, job);
	wake(pool);
	pthread_mutex_unlock(&pool->lock);
}

void lade_pool_add_part(struct lade_pool *pool, struct lade_pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	append(&pool->parts, job);
	wake(pool);
	pthread_mutex_unlock(&pool->lock);
}

bool lade_pool_wants_part(struct lade_pool *pool)
{
	bool wants;

	pthread_mutex_lock(&pool->lock);
	wants = pool->running + pool->parts.count < 2 * (size_t)pool->count;
	pthread_mutex_unlock(&pool->lock);
	return wants;
}

bool lade_pool_help(struct lade_pool *pool, void *worker)
{
	struct lade_pool_job *job;

	pthread_mutex_lock(&pool->lock);
	job = take(&pool->parts);
	pthread_mutex_unlock(&pool->lock);
	if (job)
		job->run(job, worker);
	return job;
}

void lade_pool_drain(struct lade_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->running || pool->jobs.count || pool->parts.count)
		pthread_cond_wait(&pool->room, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}
