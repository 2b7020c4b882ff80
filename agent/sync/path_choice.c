/*
 * Measuring goes round the candidates, so that a slow start or a busy moment hits all
 * alike.
 */
#include "agent/sync/path_choice.h"

#include <time.h>

/* Rounds over all candidates; the first (caches, the connection's start) is not counted. */
#define ROUNDS 4u

/* Runs after which the choice is looked at again: what writing costs changes as the page cache fills. */
#define REVIEW 100u

int64_t lade_path_choice_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void lade_path_choice_init(struct lade_path_choice *choice, enum lade_path wanted, const enum lade_path *candidates,
			   unsigned count)
{
	*choice = (struct lade_path_choice){ .count = count, .chosen = wanted };
	for (unsigned i = 0; i < count; i++)
		choice->candidates[i] = candidates[i];
	choice->fixed = choice->decided = wanted != LADE_PATH_AUTO;
}

/* The least CPU time per byte. */
static enum lade_path cheapest(const struct lade_path_choice *choice)
{
	unsigned best = 0;

	for (unsigned i = 1; i < choice->count; i++)
		if ((double)choice->cpu_ns[i] * (double)choice->bytes[best] <
		    (double)choice->cpu_ns[best] * (double)choice->bytes[i])
			best = i;
	return choice->candidates[best];
}

/* The first round is not counted. */
static bool counts(const struct lade_path_choice *choice, uint64_t len)
{
	return !choice->decided && choice->picked > choice->count && len >= LADE_PATH_SHORT;
}

/* The next of the runs that are measured. */
static enum lade_path measure(struct lade_path_choice *choice, uint64_t len)
{
	unsigned next = choice->picked++ % choice->count;

	if (counts(choice, len))
		choice->bytes[next] += len;
	return choice->candidates[next];
}

/* Forget what was measured. */
static void begin_again(struct lade_path_choice *choice)
{
	choice->decided = false;
	choice->picked = 0;
	for (unsigned i = 0; i < choice->count; i++) {
		choice->cpu_ns[i] = 0;
		choice->bytes[i] = 0;
	}
}

enum lade_path lade_path_choice_pick(struct lade_path_choice *choice, uint64_t len)
{
	if (choice->fixed)
		return choice->chosen;
	if (len < LADE_PATH_SHORT)
		return LADE_PATH_COPY;
	if (choice->decided && ++choice->used == REVIEW)
		begin_again(choice);
	if (!choice->decided && choice->picked == ROUNDS * choice->count) {
		choice->chosen = cheapest(choice);
		choice->decided = true;
		choice->used = 0;
	}
	return choice->decided ? choice->chosen : measure(choice, len);
}

void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, uint64_t len, int64_t cpu_ns)
{
	for (unsigned i = 0; i < choice->count && counts(choice, len); i++)
		if (choice->candidates[i] == path)
			choice->cpu_ns[i] += cpu_ns;
}
