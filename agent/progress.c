/*
 * Progress. The rate is smoothed over about five seconds; before that much time has
 * passed it is the mean since the start. Nothing runs backwards but the time left.
 */
#include "agent/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/figures.h"

#define WINDOW_S 5.0
#define NS_PER_S 1000000000

void lade_progress_start(struct lade_progress_meter *meter, int64_t now_ns)
{
	memset(meter, 0, sizeof(*meter));
	meter->start_ns = meter->last_ns = now_ns;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* While the scan goes on, what is done is never all. */
static unsigned percent_of(const struct lade_progress *progress)
{
	bool complete = progress->scanned && progress->bytes_done >= progress->bytes &&
		progress->files_done >= progress->files;
	double percent;

	if (complete)
		return 100;
	if (progress->bytes == 0)
		return 0;
	percent = (double)progress->bytes_done * 100 / (double)progress->bytes;
	return percent >= 99 ? 99 : (unsigned)percent;
}

void lade_progress_update(struct lade_progress_meter *meter, const struct lade_progress *progress,
			  int64_t now_ns)
{
	struct lade_progress *now = &meter->now;
	unsigned percent;

	now->entries = larger(now->entries, progress->entries);
	now->files = larger(now->files, progress->files);
	now->files_done = larger(now->files_done, progress->files_done);
	now->bytes = larger(now->bytes, progress->bytes);
	now->bytes_done = larger(now->bytes_done, progress->bytes_done);
	now->scanned = now->scanned || progress->scanned;
	percent = percent_of(now);
	if (percent > meter->percent)
		meter->percent = percent;
	if (now_ns > meter->last_ns) {
		double seconds = (double)(now_ns - meter->last_ns) / NS_PER_S;
		double share = seconds / (seconds + WINDOW_S);

		meter->rate += share * ((double)(now->bytes_done - meter->last_bytes) / seconds -
					meter->rate);
		meter->weight += share * (1 - meter->weight);
		meter->last_ns = now_ns;
		meter->last_bytes = now->bytes_done;
	}
}

/*
 * A whole number for people; what is beyond any sense is cut (its conversion would be undefined).
 */
static uint64_t whole(double value)
{
	return value < 1e18 ? (uint64_t)value : (uint64_t)1e18;
}

/* Append to the line; what does not fit is cut. */
#define PUT(...)                                                                                   \
	do {                                                                                       \
		if (len < LADE_PROGRESS_LINE_SIZE - 1)                                             \
			len += (size_t)snprintf(out + len, LADE_PROGRESS_LINE_SIZE - len,          \
						__VA_ARGS__);                                      \
	} while (0)

/* What the lines have in common. */
struct figures {
	uint64_t bytes, seconds, index, left;
	unsigned percent;
	double rate;
	bool timed;
};

/* Bytes, percent, rate and time, which the line of a file begins with. */
static size_t put_amount(const struct figures *figures, unsigned human, char out[LADE_PROGRESS_LINE_SIZE])
{
	static const char *const units[] = { "kB/s", "MB/s", "GB/s", "TB/s" };
	char figure[LADE_FIGURE_SIZE];
	double rate = figures->rate / 1024;
	size_t len = 0, unit = 0;

	for (; rate >= 1024 && unit < 3; unit++)
		rate /= 1024;
	PUT("%15s %3u%% %7.2f%s", lade_figure(figure, figures->bytes, human), figures->percent, rate < 1e9 ? rate : 1e9, units[unit]);
	if (figures->timed)
		PUT(" %10s", lade_figure_seconds(figure, figures->seconds));
	else
		PUT(" %10s", "??:??:??");
	return len;
}

static size_t put_figures(const struct lade_progress_meter *meter, const struct figures *figures, unsigned human,
			  char out[LADE_PROGRESS_LINE_SIZE])
{
	const struct lade_progress *now = &meter->now;
	size_t len = put_amount(figures, human, out);

	PUT(" (xfr#%" PRIu64 ", %s-chk=%" PRIu64 "/%" PRIu64 ")", figures->index, now->scanned ? "to" : "ir", figures->left,
	    now->entries);
	return len < LADE_PROGRESS_LINE_SIZE ? len : LADE_PROGRESS_LINE_SIZE - 1;
}

static uint64_t files_left(const struct lade_progress *now)
{
	return now->files > now->files_done ? now->files - now->files_done : 0;
}

/* Bytes per second of the whole session, of late. */
static double session_rate(const struct lade_progress_meter *meter)
{
	return meter->weight > 0 ? meter->rate / meter->weight : 0;
}

size_t lade_progress_line(const struct lade_progress_meter *meter, unsigned human, bool last,
			  char out[LADE_PROGRESS_LINE_SIZE])
{
	const struct lade_progress *now = &meter->now;
	struct figures figures = {
		.bytes = now->bytes_done, .percent = meter->percent, .index = now->files_done, .left = files_left(now),
		.rate = session_rate(meter),
	};

	if (last) {
		figures.seconds = (uint64_t)(meter->last_ns - meter->start_ns) / NS_PER_S;
		figures.timed = true;
	} else if (now->scanned && figures.rate >= 1 && now->bytes >= now->bytes_done) {
		figures.seconds = whole((double)(now->bytes - now->bytes_done) / figures.rate);
		figures.timed = true;
	}
	return put_figures(meter, &figures, human, out);
}

size_t lade_progress_file(const struct lade_progress_meter *meter, unsigned human, uint64_t size, uint64_t index, int64_t ns,
			  char out[LADE_PROGRESS_LINE_SIZE])
{
	struct figures figures = {
		.bytes = size, .percent = 100, .index = index, .left = files_left(&meter->now), .timed = true,
		.seconds = ns > 0 ? (uint64_t)ns / NS_PER_S : 0,
		.rate = ns > 0 ? (double)size * NS_PER_S / (double)ns : 0,
	};
	double limit = session_rate(meter);

	if (limit > 0 && figures.rate > limit)
		figures.rate = limit;
	return put_figures(meter, &figures, human, out);
}

size_t lade_progress_file_begun(unsigned human, uint64_t size, char out[LADE_PROGRESS_LINE_SIZE])
{
	const struct figures figures = { .bytes = size, .percent = 100, .timed = true };
	size_t len = put_amount(&figures, human, out);

	PUT("  ");
	return len < LADE_PROGRESS_LINE_SIZE ? len : LADE_PROGRESS_LINE_SIZE - 1;
}
