/*
 * When a job is due, and how long it waits: pure, the clock and chance are arguments.
 */
#ifndef LADE_AGENT_JOBS_SCHEDULE_H
#define LADE_AGENT_JOBS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* Most times of a day. */
#define LADE_JOB_TIMES_MAX 48u

/* Longest duration of a setting, in seconds. */
#define LADE_JOB_DURATION_MAX (UINT64_C(366) * 24 * 60 * 60)

/* Longest wait before a job is tried again, in seconds. */
#define LADE_JOB_WAIT_MAX (6u * 60u * 60u)

/* When a job is to run. All zeros: when it is told to, and never because it is due. */
struct lade_job_schedule {
	uint64_t every;                /* seconds from one start to the next; 0: at */
	unsigned at[LADE_JOB_TIMES_MAX]; /* minutes after midnight, local time; at_count */
	unsigned at_count;
};

/*
 * When a job is due whose last run that made it to the end began at last (seconds since 1970, as all here; 0: there was none): *due_out, which is not later
 * than now if it is. A time that was missed counts once, however many were. A clock that was set back makes a job due. Returns false: never by itself.
 *
 * A job of `every` is due a little earlier, so that one which cron(8) looks at once a day does not lose a day whenever it began a second late.
 */
bool lade_job_due(const struct lade_job_schedule *schedule, int64_t now, int64_t last, int64_t *due_out);

/*
 * The seconds to wait before try number retry, from 1 (the first one after a failure): wait, doubled each time, but LADE_JOB_WAIT_MAX at most; of that
 * chance, any 32 bits, takes up to a half away.
 */
uint64_t lade_job_retry_wait(uint64_t wait, unsigned retry, uint32_t chance);

/* A share of max seconds, from 0 to max, as chance has it. */
uint64_t lade_job_jitter(uint64_t max, uint32_t chance);

/* Take a duration: numbers with the units s, m, h, d and w (1d12h), in this order or another; each once. Returns 0, or LADE_E_USAGE: also above LADE_JOB_DURATION_MAX. */
int lade_job_duration_parse(const char *text, uint64_t *seconds_out);

/* Take a time of the day, hours and minutes: 02:30. Returns 0 or LADE_E_USAGE. */
int lade_job_time_parse(const char *text, unsigned *minutes_out);

#endif
