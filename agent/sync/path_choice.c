/*
 * Measuring goes round the candidates, so that a slow start or a busy moment hits all
 * alike.
 */
#include "agent/sync/path_choice.h"

#include <time.h>

/* Rounds over all candidates; the first (caches, the connection's start) is not counted. */
#define ROUNDS 8u

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
	choice->decided = wanted != LADE_PATH_AUTO;
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

enum lade_path lade_path_choice_pick(struct lade_path_choice *choice)
{
	if (!choice->decided && choice->picked == ROUNDS * choice->count) {
		choice->chosen = cheapest(choice);
		choice->decided = true;
	}
	if (choice->decided)
		return choice->chosen;
	return choice->candidates[choice->picked++ % choice->count];
}

void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, int64_t cpu_ns, uint64_t bytes)
{
	if (choice->decided || choice->picked <= choice->count)
		return;
	for (unsigned i = 0; i < choice->count; i++)
		if (choice->candidates[i] == path) {
			choice->cpu_ns[i] += cpu_ns;
			choice->bytes[i] += bytes;
		}
}
