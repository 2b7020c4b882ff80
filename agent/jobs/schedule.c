/*
 * Due times. A time of the day is looked up for each date by mktime(3): one that a change to summer time leaves out is then an hour off, and one that
 * comes twice counts once.
 */
#include "agent/jobs/schedule.h"

#include <string.h>
#include <time.h>

#include "protocol/error.h"

/* A job of `every` is due by this part of it earlier, at most so many seconds. */
#define EARLY_PART 20u
#define EARLY_MAX_S 300u

#define MINUTES_OF_HOUR 60u
#define HOURS_OF_DAY 24u

/* The moment of a time of the day, days after the date of now. */
static int64_t moment_of(int64_t now, int days, unsigned minutes)
{
	const time_t from = (time_t)now;
	struct tm tm;

	if (!localtime_r(&from, &tm))
		return now;
	tm.tm_mday += days;
	tm.tm_hour = (int)(minutes / MINUTES_OF_HOUR);
	tm.tm_min = (int)(minutes % MINUTES_OF_HOUR);
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm);
}

/* The first of the times after a moment. */
static int64_t next_time(const struct lade_job_schedule *schedule, int64_t after)
{
	int64_t best = INT64_MAX;

	/* The day before: what is left out of one date by summer time may be an hour later, in the next one. */
	for (int days = -1; days <= 2; days++) {
		for (unsigned i = 0; i < schedule->at_count; i++) {
			const int64_t moment = moment_of(after, days, schedule->at[i]);

			if (moment > after && moment < best)
				best = moment;
		}
	}
	return best;
}

bool lade_job_due(const struct lade_job_schedule *schedule, int64_t now, int64_t last, int64_t *due_out)
{
	uint64_t early = schedule->every / EARLY_PART;

	if (!schedule->every && !schedule->at_count)
		return false;
	if (last <= 0 || last > now) {
		*due_out = now;
		return true;
	}
	if (early > EARLY_MAX_S)
		early = EARLY_MAX_S;
	*due_out = schedule->every ? last + (int64_t)(schedule->every - early) : next_time(schedule, last);
	return true;
}

uint64_t lade_job_retry_wait(uint64_t wait, unsigned retry, uint32_t chance)
{
	for (; retry > 1 && wait < LADE_JOB_WAIT_MAX; retry--)
		wait *= 2;
	if (wait > LADE_JOB_WAIT_MAX)
		wait = LADE_JOB_WAIT_MAX;
	return wait - lade_job_jitter(wait / 2, chance);
}

uint64_t lade_job_jitter(uint64_t max, uint32_t chance)
{
	return (max + 1) * chance >> 32;
}

int lade_job_duration_parse(const char *text, uint64_t *seconds_out)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 60 * 60 }, { 'd', 24 * 60 * 60 }, { 'w', 7 * 24 * 60 * 60 } };
	const size_t unit_count = sizeof(units) / sizeof(units[0]);
	unsigned seen = 0;
	uint64_t sum = 0;

	if (!*text)
		return LADE_E_USAGE;
	while (*text) {
		uint64_t number = 0;
		size_t unit = 0;

		if (*text < '0' || *text > '9')
			return LADE_E_USAGE;
		for (; *text >= '0' && *text <= '9' && number <= LADE_JOB_DURATION_MAX; text++)
			number = number * 10 + (uint64_t)(*text - '0');
		while (unit < unit_count && units[unit].letter != *text)
			unit++;
		if (unit == unit_count || number > LADE_JOB_DURATION_MAX || seen & 1u << unit)
			return LADE_E_USAGE;
		seen |= 1u << unit;
		sum += number * units[unit].seconds;
		text++;
	}
	if (sum > LADE_JOB_DURATION_MAX)
		return LADE_E_USAGE;
	*seconds_out = sum;
	return 0;
}

/* Two digits below limit, or -1. */
static int two_digits(const char *text, unsigned limit)
{
	unsigned number;

	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	number = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
	return number < limit ? (int)number : -1;
}

int lade_job_time_parse(const char *text, unsigned *minutes_out)
{
	int hours, minutes;

	if (strlen(text) != strlen("hh:mm") || text[2] != ':')
		return LADE_E_USAGE;
	hours = two_digits(text, HOURS_OF_DAY);
	minutes = two_digits(text + 3, MINUTES_OF_HOUR);
	if (hours < 0 || minutes < 0)
		return LADE_E_USAGE;
	*minutes_out = (unsigned)hours * MINUTES_OF_HOUR + (unsigned)minutes;
	return 0;
}
