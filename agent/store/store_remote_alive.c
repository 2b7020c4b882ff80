/*
 * Signs of life. A server may hang up on who is silent for too long (lade-daemon.conf(5), timeout), and a client has long pauses: it reads files in which nothing has changed, or
 * its output is a pipe that nobody reads. So a thread of its own asks for something small whenever nothing else was said for a while.
 */
#include "agent/store/store_remote_internal.h"

#include <time.h>

/* Wait until it is time again. Returns true if it is to stop. */
static bool pause_a_while(struct remote *remote)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LADE_STORE_SIGN_S;
	pthread_mutex_lock(&remote->lock);
	while (!remote->closing && pthread_cond_timedwait(&remote->woken, &remote->lock, &until) == 0)
		;
	stop = remote->closing || remote->lost;
	pthread_mutex_unlock(&remote->lock);
	return stop;
}

void *lade_store_remote_stay(void *context)
{
	struct remote *remote = context;
	uint64_t said = atomic_load(&remote->connection.sent), before;

	while (!pause_a_while(remote)) {
		before = said;
		said = atomic_load(&remote->connection.sent);
		/* No bytes of what every repository has: what the answer is does not matter. */
		if (said == before)
			(void)lade_store_get(&remote->store, "format", 0, 0, NULL, NULL);
	}
	return NULL;
}
