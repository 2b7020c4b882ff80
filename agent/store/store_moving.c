/*
 * Moving. There is the current way, and there are those that are being left: each knows how many puts and requests use it, and a put may be open while keys are worn out more than
 * once. Whoever wants to begin something waits for a move.
 *
 * The barrier behind which a way is left may fail: then nothing that went that way may be taken for stored, and every barrier fails from then on.
 */
#include "agent/store/store_moving.h"

#include <pthread.h>
#include <stdlib.h>

#include "transport/clock.h"

/* After a try that failed, so long nothing is tried. */
#define PAUSE_MS 60000

/* Ways at a time: each that is being left has a pack open at least, of which a backup has fewer. No move is made beyond them. */
#define WAYS_MAX 16u

/* One way. */
struct way {
	struct lade_store *store; /* NULL: there is none */
	unsigned users;
};

struct moving {
	struct lade_store store;
	struct lade_store_ways ways;
	pthread_mutex_t lock;   /* of what follows */
	struct way way[WAYS_MAX];
	unsigned current;       /* index of the one by which things begin */
	bool failed;            /* to reach another one, the last time, at */
	int64_t failed_ms;
	int left_error;         /* 0, or what the barrier of a way that was left said: */
	struct lade_fault left_fault;
};

struct moving_put {
	struct lade_store_put put;
	struct lade_store_put *inner;
	struct way *way;
};

static struct moving *moving_of(struct lade_store *store)
{
	return (struct moving *)store;
}

static struct moving_put *put_of(struct lade_store_put *put)
{
	return (struct moving_put *)put;
}

/* ---- ways ---- */

/* Leave a way that is not the current one, if nothing uses it. With the lock. */
static void leave_old(struct moving *moving, struct way *old)
{
	struct lade_fault fault;
	int error;

	if (!old->store || old->users || old == &moving->way[moving->current])
		return;
	error = lade_store_barrier(old->store, &fault);
	if (error && !moving->left_error) {
		moving->left_error = error;
		moving->left_fault = fault;
	}
	lade_store_close(old->store);
	old->store = NULL;
}

/* Move if it is time. With the lock. */
static void move_if_worn(struct moving *moving)
{
	struct way *old = &moving->way[moving->current];
	unsigned next = 0;

	while (next < WAYS_MAX && moving->way[next].store)
		next++;
	if (next == WAYS_MAX || !moving->ways.is_worn(moving->ways.context, old->store))
		return;
	if (moving->failed && lade_clock_ms() - moving->failed_ms < PAUSE_MS)
		return;
	moving->failed = moving->ways.reach(moving->ways.context, &moving->way[next].store, NULL) != 0;
	if (moving->failed) {
		moving->way[next].store = NULL;
		moving->failed_ms = lade_clock_ms();
		return;
	}
	moving->current = next;
	leave_old(moving, old);
}

/* Begin to use the current way. */
static struct way *enter(struct moving *moving)
{
	struct way *way;

	pthread_mutex_lock(&moving->lock);
	move_if_worn(moving);
	way = &moving->way[moving->current];
	way->users++;
	pthread_mutex_unlock(&moving->lock);
	return way;
}

static void leave(struct moving *moving, struct way *way)
{
	pthread_mutex_lock(&moving->lock);
	way->users--;
	leave_old(moving, way);
	pthread_mutex_unlock(&moving->lock);
}

/* ---- operations ---- */

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct moving *moving = moving_of(store);
	struct moving_put *put = calloc(1, sizeof(*put));
	int error;

	if (!put)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", NULL);
	put->put.store = store;
	put->way = enter(moving);
	error = lade_store_begin(put->way->store, &put->inner, fault);
	if (error) {
		leave(moving, put->way);
		free(put);
		return error;
	}
	*put_out = &put->put;
	return 0;
}

static int append(struct lade_store_put *put, const void *data, size_t len, struct lade_fault *fault)
{
	return lade_store_append(put_of(put)->inner, data, len, fault);
}

static int finish(struct lade_store_put *put, const char *name, struct lade_fault *fault)
{
	const int error = lade_store_finish(put_of(put)->inner, name, fault);

	leave(moving_of(put->store), put_of(put)->way);
	free(put);
	return error;
}

static void abandon(struct lade_store_put *put)
{
	lade_store_abandon(put_of(put)->inner);
	leave(moving_of(put->store), put_of(put)->way);
	free(put);
}

static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	struct way *way = enter(moving_of(store));
	const int error = lade_store_get(way->store, name, off, len, out, fault);

	leave(moving_of(store), way);
	return error;
}

static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		struct lade_fault *fault)
{
	struct way *way = enter(moving_of(store));
	const int error = lade_store_list(way->store, prefix, visit, context, fault);

	leave(moving_of(store), way);
	return error;
}

static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	struct way *way = enter(moving_of(store));
	const int error = lade_store_rename(way->store, from, to, fault);

	leave(moving_of(store), way);
	return error;
}

static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	struct way *way = enter(moving_of(store));
	const int error = lade_store_remove(way->store, name, fault);

	leave(moving_of(store), way);
	return error;
}

/* By all ways: what ended may have gone any of them, and what goes on by an old one is not waited for. */
static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct moving *moving = moving_of(store);
	bool held[WAYS_MAX];
	int error;

	pthread_mutex_lock(&moving->lock);
	move_if_worn(moving);
	error = moving->left_error;
	if (error && fault)
		*fault = moving->left_fault;
	for (unsigned i = 0; i < WAYS_MAX; i++) {
		held[i] = moving->way[i].store;
		moving->way[i].users += held[i];
	}
	pthread_mutex_unlock(&moving->lock);
	for (unsigned i = 0; i < WAYS_MAX; i++) {
		if (held[i] && !error)
			error = lade_store_barrier(moving->way[i].store, fault);
		if (held[i])
			leave(moving, &moving->way[i]);
	}
	return error;
}

static void close_moving(struct lade_store *store)
{
	struct moving *moving = moving_of(store);

	for (unsigned i = 0; i < WAYS_MAX; i++)
		lade_store_close(moving->way[i].store);
	moving->ways.free(moving->ways.context);
	pthread_mutex_destroy(&moving->lock);
	free(moving);
}

static const struct lade_store_operations operations = {
	.begin = begin,
	.append = append,
	.finish = finish,
	.abandon = abandon,
	.get = get,
	.list = list,
	.rename_once = rename_once,
	.remove = remove_object,
	.barrier = barrier,
	.close = close_moving,
};

int lade_store_moving_new(struct lade_store *first, const struct lade_store_ways *ways, struct lade_store **store_out, struct lade_fault *fault)
{
	struct moving *moving = calloc(1, sizeof(*moving));

	if (!moving) {
		lade_store_close(first);
		ways->free(ways->context);
		return lade_fault_set(fault, LADE_E_MEMORY, "reach", NULL);
	}
	moving->store.operations = &operations;
	moving->ways = *ways;
	moving->way[0].store = first;
	pthread_mutex_init(&moving->lock, NULL);
	*store_out = &moving->store;
	return 0;
}
