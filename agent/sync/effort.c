/*
 * The choice of a level. Time is cut into periods, in each of which one level is used. Every so
 * often a neighbour of the best one gets a short period, and becomes the best if more content left
 * in a second. Rates are remembered, but only until the level is tried again: links change.
 *
 * What counts is time on the clock: on a slow link most of it is spent waiting for the socket, which
 * fewer bytes shorten; on a fast one compressing is what takes long.
 */
#include "agent/sync/effort.h"

#include <string.h>

/* Levels of zstd by step. */
static const int levels[LADE_EFFORT_STEPS] = { 0, 1, 3, 6, 9, 12 };

/* A period ends after so much time, or so much content. */
#define PERIOD_NS 100000000
#define PERIOD_LEN (64u << 20)
/* One that tries a neighbour is shorter where the link is fast. */
#define TRIAL_LEN (2u << 20)
/* Another level must be better by this factor. */
#define BETTER 1.05
/* A neighbour is tried in one period of so many, once all near ones are known. */
#define TRIAL_PERIOD 16u
/* After this many failures in a row 2^6 payloads pass between trials. */
#define STUBBORN_MAX 6u

void lade_effort_init(struct lade_effort *effort, enum lade_compression compression, int level)
{
	memset(effort, 0, sizeof(*effort));
	/* From the second step: what the socket's buffer takes at first makes whatever comes first look fast. */
	effort->step = effort->trying = 1;
	effort->compression = compression;
	effort->level = level;
}

/* The level, if nothing spoke against it. */
static int level_of(const struct lade_effort *effort)
{
	switch (effort->compression) {
	case LADE_COMPRESSION_ZSTD:
		return effort->level;
	case LADE_COMPRESSION_AUTO:
		return levels[effort->trying];
	default:
		return 0;
	}
}

int lade_effort_level(struct lade_effort *effort)
{
	int level = level_of(effort);

	if (level && effort->pause) {
		effort->pause--;
		level = 0;
	}
	return level;
}

void lade_effort_shrank(struct lade_effort *effort, bool shrank)
{
	if (shrank) {
		effort->stubborn = 0;
		return;
	}
	effort->pause = (1u << effort->stubborn) - 1;
	if (effort->stubborn < STUBBORN_MAX)
		effort->stubborn++;
}

/* The neighbour to be tried next: one that is not known, else each by turns. */
static unsigned neighbour(const struct lade_effort *effort)
{
	unsigned up = effort->step + 1 < LADE_EFFORT_STEPS ? effort->step + 1 : effort->step;
	unsigned down = effort->step ? effort->step - 1 : effort->step;

	if (effort->rate[up] == 0)
		return up;
	if (effort->rate[down] == 0)
		return down;
	return effort->periods / TRIAL_PERIOD % 2 ? up : down;
}

static void next_period(struct lade_effort *effort)
{
	double rate = (double)effort->len / (double)(effort->ns ? effort->ns : 1);
	bool tried = effort->trying != effort->step;
	unsigned other;

	effort->rate[effort->trying] = rate;
	if (tried && rate > BETTER * effort->rate[effort->step])
		effort->step = effort->trying;
	effort->trying = effort->step;
	effort->len = 0;
	effort->ns = 0;
	effort->periods++;
	other = neighbour(effort);
	if (!tried && (effort->rate[other] == 0 || effort->periods % TRIAL_PERIOD == 0))
		effort->trying = other;
}

void lade_effort_took(struct lade_effort *effort, uint64_t len, int64_t ns)
{
	bool trial = effort->trying != effort->step;

	if (effort->compression != LADE_COMPRESSION_AUTO)
		return;
	effort->len += len;
	effort->ns += ns;
	if (effort->ns >= PERIOD_NS || effort->len >= (trial ? TRIAL_LEN : PERIOD_LEN))
		next_period(effort);
}
