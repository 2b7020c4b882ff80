/*
 * Measuring goes round the candidates, so that a slow start or a busy moment hits all
 * alike. Afterwards each run that goes the chosen way says what that costs now, and the
 * others are tried once every REVIEW runs: what writing costs changes as the page cache fills.
 */
#include "agent/sync/path_choice.h"

#include <time.h>

/* Rounds over all candidates at first, and at each review. */
#define FIRST_ROUNDS 4u
#define ROUNDS 1u

#define REVIEW 200u

/* The mean goes back over about so many runs. */
#define MEMORY 8u

/* What was chosen, at first the first candidate, stays unless another costs less than this share of it: few runs tell little. */
#define CLEARLY 0.9

int64_t lade_path_choice_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void lade_path_choice_init(struct lade_path_choice *choice, enum lade_path wanted, const enum lade_path *candidates,
			   unsigned count)
{
	*choice = (struct lade_path_choice){ .count = count, .fixed = wanted != LADE_PATH_AUTO, .said = wanted };
	for (unsigned i = 0; i < count; i++)
		choice->candidates[i] = candidates[i];
}

/* Nanoseconds per byte of all stages. */
static double cost(const struct lade_path_choice *choice, unsigned candidate)
{
	double sum = 0;

	for (unsigned stage = 0; stage < LADE_STAGES; stage++)
		sum += choice->costs[candidate][stage].ns_per_byte;
	return sum;
}

/* See which candidate is the cheapest by now. */
static void settle(struct lade_path_choice *choice)
{
	unsigned best = 0;

	for (unsigned i = 1; i < choice->count; i++)
		if (cost(choice, i) < cost(choice, best))
			best = i;
	if (cost(choice, best) < CLEARLY * cost(choice, choice->cheapest))
		choice->cheapest = best;
	choice->settled = true;
}

enum lade_path lade_path_choice_pick(struct lade_path_choice *choice, uint64_t len)
{
	unsigned tried = (choice->settled ? ROUNDS : FIRST_ROUNDS) * choice->count, turn;

	if (choice->fixed)
		return choice->said;
	if (len < LADE_PATH_SHORT)
		return LADE_PATH_COPY;
	turn = choice->turn++;
	if (turn == tried)
		settle(choice);
	if (choice->turn == REVIEW)
		choice->turn = 0;
	return choice->candidates[turn < tried ? turn % choice->count : choice->cheapest];
}

/* One more run cost that much. */
static void add(struct lade_path_cost *cost, double ns_per_byte)
{
	unsigned weight = cost->seen < MEMORY ? cost->seen : MEMORY;

	if (weight)
		cost->ns_per_byte += (ns_per_byte - cost->ns_per_byte) / weight;
	cost->seen++;
}

void lade_path_choice_add(struct lade_path_choice *choice, enum lade_path path, enum lade_path_stage stage,
			  uint64_t len, int64_t cpu_ns)
{
	if (len < LADE_PATH_SHORT)
		return;
	for (unsigned i = 0; i < choice->count; i++)
		if (choice->candidates[i] == path)
			add(&choice->costs[i][stage], (double)cpu_ns / (double)len);
}
