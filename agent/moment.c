/*
 * A moment is found by trying: what was left out is counted up from now, month by month for instance, until mktime(3) keeps all
 * of what was given (there is no 31st of June) and the time lies in the future.
 */
#include "agent/moment.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "protocol/error.h"

#define ABSENT (-1)
/* Between two 29ths of February lie up to eight years; other steps are months, days and hours. */
#define TRIES 13

/* What was given; ABSENT elsewhere. */
struct given {
	int year, month, day, hour, minute;
};

/* Up to max_len digits at *text, which is moved behind them. ABSENT if there are none, or more. */
static int take_number(const char **text, int max_len)
{
	int number = 0, len = 0;

	for (; isdigit((unsigned char)**text); (*text)++, len++) {
		if (len == max_len)
			return ABSENT;
		number = number * 10 + (**text - '0');
	}
	return len ? number : ABSENT;
}

/* One to three numbers between dashes: the last is the day. False if they are none. */
static bool take_date(const char **text, struct given *given)
{
	int numbers[3], count = 0;

	do {
		const char *start = *text;

		numbers[count] = take_number(text, 4);
		/* Only a year may be long, of three numbers the first. */
		if (numbers[count] == ABSENT || (count && *text - start > 2) || *text - start == 3)
			return false;
		count++;
	} while (count < 3 && (**text == '-' || **text == '/') && (*text)++);
	given->day = numbers[count - 1];
	given->month = count > 1 ? numbers[count - 2] : ABSENT;
	given->year = count > 2 ? numbers[0] + (numbers[0] < 100 ? 2000 : 0) : ABSENT;
	return given->day >= 1 && given->day <= 31 && (count < 2 || (given->month >= 1 && given->month <= 12));
}

/* hour:minute, or :minute. False if it is neither, or more follows. */
static bool take_time(const char *text, bool hour_needed, struct given *given)
{
	given->hour = take_number(&text, 2);
	if (*text != ':' || given->hour > 23 || (hour_needed && given->hour == ABSENT))
		return false;
	text++;
	given->minute = take_number(&text, 2);
	return given->minute != ABSENT && given->minute <= 59 && !*text;
}

static bool take(const char *text, struct given *given)
{
	const char *behind_date = strchr(text, 'T');

	*given = (struct given){ ABSENT, ABSENT, ABSENT, ABSENT, ABSENT };
	if (behind_date == text)
		return take_time(text + 1, true, given);
	if (!behind_date && strchr(text, ':'))
		return take_time(text, false, given);
	given->hour = given->minute = 0;
	if (!take_date(&text, given))
		return false;
	return behind_date ? text == behind_date && (!text[1] || take_time(text + 1, true, given)) : !*text;
}

/* The moment of the given in the try-th place from now on; ABSENT if it is not there. */
static int64_t moment_of(const struct given *given, const struct tm *now, int try)
{
	struct tm tm = *now;
	time_t moment;

	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	tm.tm_min = given->minute;
	tm.tm_hour = given->hour != ABSENT ? given->hour : tm.tm_hour + try;
	if (given->day != ABSENT)
		tm.tm_mday = given->day;
	else if (given->hour != ABSENT)
		tm.tm_mday += try;
	if (given->month != ABSENT)
		tm.tm_mon = given->month - 1;
	else if (given->day != ABSENT)
		tm.tm_mon += try;
	if (given->year != ABSENT)
		tm.tm_year = given->year - 1900;
	else if (given->month != ABSENT)
		tm.tm_year += try;
	moment = mktime(&tm);
	/* A day that a month does not have became one of the next. */
	return given->day != ABSENT && tm.tm_mday != given->day ? ABSENT : (int64_t)moment;
}

int lade_moment_parse(const char *text, int64_t now, int64_t *moment_out)
{
	time_t from = (time_t)now;
	struct given given;
	struct tm local;

	if (!take(text, &given) || !localtime_r(&from, &local))
		return LADE_E_USAGE;
	for (int try = 0; try < TRIES; try++) {
		*moment_out = moment_of(&given, &local, try);
		if (*moment_out > now)
			return 0;
	}
	return LADE_E_ABSENT;
}
