/*
 * The bucket is one number: when the next byte may move, if everything that was granted has moved at the rate. It is pushed on by
 * what is granted; whoever pushes it waits until the time that it had before. That needs no lock, and a wait that takes too
 * long (a busy machine) is made up for by the next ones, as far as SAVED_NS goes.
 */
#include "transport/clock.h"
#include "transport/throttle.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include "protocol/error.h"

#define SECOND_NS 1000000000LL
/* An idle bucket holds what may move in this time: over ten seconds 2 %. */
#define SAVED_NS (SECOND_NS / 5)
/* A piece is what may move in a twentieth of a second, within bounds: smaller ones cost calls, larger ones block what comes behind them. */
#define PIECES_PER_SECOND 20u
#define PIECE_MIN 512u
#define PIECE_MAX (1u << 20)
/* Pieces of files that have whole pages are moved without touching a page twice. */
#define PAGE 4096u
/* Whoever waits looks so often whether the limit was lifted. */
#define LOOK_NS (SECOND_NS / 10)

struct lade_throttle {
	_Atomic int64_t next_ns; /* when the next byte may move */
	atomic_bool lifted;
	uint64_t rate;           /* bytes a second */
};

int lade_throttle_new(uint64_t rate, struct lade_throttle **throttle_out)
{
	struct lade_throttle *throttle = mmap(NULL, sizeof(*throttle), PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (throttle == MAP_FAILED)
		return LADE_E_MEMORY;
	atomic_init(&throttle->next_ns, 0);
	atomic_init(&throttle->lifted, false);
	throttle->rate = rate;
	*throttle_out = throttle;
	return 0;
}

void lade_throttle_free(struct lade_throttle *throttle)
{
	if (throttle)
		(void)munmap(throttle, sizeof(*throttle));
}

size_t lade_throttle_piece(const struct lade_throttle *throttle)
{
	uint64_t piece = throttle->rate / PIECES_PER_SECOND;

	if (piece < PIECE_MIN)
		return PIECE_MIN;
	if (piece > PIECE_MAX)
		return PIECE_MAX;
	return (size_t)(piece > PAGE ? piece - piece % PAGE : piece);
}

/* How long len bytes take; they are at most a piece, or belong to one. */
static int64_t cost_ns(const struct lade_throttle *throttle, size_t len)
{
	return (int64_t)((uint64_t)len * SECOND_NS / throttle->rate);
}

int64_t lade_throttle_reserve(struct lade_throttle *throttle, size_t len, int64_t now_ns)
{
	int64_t cost = cost_ns(throttle, len), next = atomic_load(&throttle->next_ns), start;

	do {
		start = next < now_ns - SAVED_NS ? now_ns - SAVED_NS : next;
	} while (!atomic_compare_exchange_weak(&throttle->next_ns, &next, start + cost));
	return start > now_ns ? start - now_ns : 0;
}

/* Wait until end_ns, or until the limit is lifted. */
static void wait_until(struct lade_throttle *throttle, int64_t end_ns)
{
	int64_t left;

	while (!atomic_load(&throttle->lifted) && (left = end_ns - lade_clock_ns()) > 0) {
		int64_t part = left < LOOK_NS ? left : LOOK_NS;
		struct timespec pause = { part / SECOND_NS, part % SECOND_NS };

		/* A signal makes it look at the clock, nothing else. */
		(void)nanosleep(&pause, NULL);
	}
}

size_t lade_throttle_take(struct lade_throttle *throttle, size_t len)
{
	int64_t now;

	if (!throttle || atomic_load(&throttle->lifted))
		return len;
	if (len > lade_throttle_piece(throttle))
		len = lade_throttle_piece(throttle);
	now = lade_clock_ns();
	wait_until(throttle, now + lade_throttle_reserve(throttle, len, now));
	return len;
}

void lade_throttle_take_all(struct lade_throttle *throttle, uint64_t len)
{
	while (len)
		len -= lade_throttle_take(throttle, len < PIECE_MAX ? (size_t)len : PIECE_MAX);
}

void lade_throttle_give_back(struct lade_throttle *throttle, size_t len)
{
	if (throttle && len)
		(void)atomic_fetch_sub(&throttle->next_ns, cost_ns(throttle, len));
}

void lade_throttle_lift(struct lade_throttle *throttle)
{
	if (throttle)
		atomic_store(&throttle->lifted, true);
}
