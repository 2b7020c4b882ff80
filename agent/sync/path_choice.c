/*
 * The first candidate goes first: what a connection costs at its start says nothing about
 * either. Each run says what its way costs now, and once in a while all are tried: what writing
 * costs changes as the page cache fills.
 */
#include "agent/sync/path_choice.h"

#include <stdbool.h>
#include <time.h>

/* Runs from one trial of all candidates to the next, and before the first. */
#define REVIEW 200u
#define WARM_UP 32u

/* Runs of each candidate in a trial; they take turns, so that a busy moment hits all alike. */
#define TRIES 3u

/* Candidates are compared at this turn: threads that check runs have said by then what those of the trial cost. */
#define COMPARE 32u

/* The mean goes back over about so many runs. */
#define MEMORY 8u

/* What is chosen stays unless another costs less than this share of it: few runs tell little. */
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
	*choice = (struct lade_path_choice){
		.count = count, .said = wanted, .turn = REVIEW - WARM_UP,
	};
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

/* A candidate's first run does not count, so it takes two to know something. */
static bool known(const struct lade_path_choice *choice, unsigned candidate)
{
	return choice->costs[candidate][LADE_STAGE_MOVE].seen > 1;
}

/* See which candidate is the cheapest by now. */
static void compare(struct lade_path_choice *choice)
{
	unsigned best = choice->cheapest;

	for (unsigned i = 0; i < choice->count; i++)
		if (known(choice, i) && cost(choice, i) < cost(choice, best))
			best = i;
	if (cost(choice, best) < CLEARLY * cost(choice, choice->cheapest))
		choice->cheapest = best;
}

enum lade_path lade_path_choice_pick(struct lade_path_choice *choice, uint64_t len)
{
	if (choice->said != LADE_PATH_AUTO)
		return choice->said;
	if (len < LADE_PATH_SHORT)
		return LADE_PATH_COPY;
	choice->turn = (choice->turn + 1) % REVIEW;
	if (choice->turn == COMPARE)
		compare(choice);
	return choice->candidates[choice->turn < TRIES * choice->count ? choice->turn % choice->count :
				  choice->cheapest];
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
