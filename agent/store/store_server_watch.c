/*
 * The watch over a session. What counts is whether bytes move, whoever moves them: the connection's reads and writes, and the movers. Time in which
 * we are busy counts for nobody, nor does time in which this host slept. That bytes wait to be read is no excuse: who sends, and takes no answers, keeps us from reading.
 */
#include "agent/store/store_server_watch.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "transport/clock.h"

/* How often it looks; a look that comes later than this much tells that we were asleep. */
#define LOOK_MS 200
#define ASLEEP_MS 400

struct lade_store_watch {
	struct lade_connection *connection;
	const struct lade_movers *movers;
	int64_t timeout_ms;
	atomic_uint busy; /* how many times over */
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t stopped;
	bool stop;
	bool over;            /* the thread's, until it has ended */
};

static uint64_t count_moved(const struct lade_store_watch *watch)
{
	return atomic_load(&watch->connection->received) + atomic_load(&watch->connection->sent) + lade_movers_consumed(watch->movers);
}

/* Wait a little. Returns true if it is to stop. */
static bool pause_a_little(struct lade_store_watch *watch)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&watch->lock);
	while (!watch->stop && pthread_cond_timedwait(&watch->stopped, &watch->lock, &until) == 0)
		;
	stop = watch->stop;
	pthread_mutex_unlock(&watch->lock);
	return stop;
}

static void *look(void *context)
{
	struct lade_store_watch *watch = context;
	uint64_t moved = count_moved(watch), before;
	int64_t silent_ms = 0, looked_ms = lade_clock_ms(), passed_ms;

	while (silent_ms < watch->timeout_ms) {
		if (pause_a_little(watch))
			return NULL;
		passed_ms = lade_clock_ms() - looked_ms;
		looked_ms += passed_ms;
		before = moved;
		moved = count_moved(watch);
		if (moved != before || atomic_load(&watch->busy))
			silent_ms = 0;
		else
			silent_ms += passed_ms < ASLEEP_MS ? passed_ms : ASLEEP_MS;
	}
	watch->over = true;
	lade_connection_cancel(watch->connection);
	return NULL;
}

int lade_store_watch_start(struct lade_connection *connection, const struct lade_movers *movers, uint64_t timeout_s, struct lade_store_watch **watch_out,
			   struct lade_fault *fault)
{
	struct lade_store_watch *watch = calloc(1, sizeof(*watch));
	pthread_condattr_t monotonic;

	if (!watch)
		return lade_fault_set(fault, LADE_E_MEMORY, "serve", connection->peer);
	watch->connection = connection;
	watch->movers = movers;
	watch->timeout_ms = timeout_s < INT_MAX / 1000 ? (int64_t)timeout_s * 1000 : INT_MAX;
	/* Whoever reads wakes for every byte then. */
	connection->timeout_ms = (int)watch->timeout_ms;
	pthread_mutex_init(&watch->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->stopped, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&watch->thread, NULL, look, watch)) {
		pthread_cond_destroy(&watch->stopped);
		pthread_mutex_destroy(&watch->lock);
		free(watch);
		return lade_fault_set(fault, LADE_E_MEMORY, "serve", connection->peer);
	}
	*watch_out = watch;
	return 0;
}

void lade_store_watch_busy(struct lade_store_watch *watch, bool busy)
{
	if (watch)
		atomic_fetch_add(&watch->busy, busy ? 1u : UINT_MAX);
}

bool lade_store_watch_stop(struct lade_store_watch *watch)
{
	bool over;

	if (!watch)
		return false;
	pthread_mutex_lock(&watch->lock);
	watch->stop = true;
	pthread_cond_signal(&watch->stopped);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	over = watch->over;
	pthread_cond_destroy(&watch->stopped);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
	return over;
}
