/*
 * The lines that show how far a session is, and each file. Pure: the clock is the caller's. Their form is that of rsync(1),
 * --progress: scripts read it.
 */
#ifndef LADE_AGENT_PROGRESS_H
#define LADE_AGENT_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/sync/events.h"

/* Room for any line, its NUL included. */
#define LADE_PROGRESS_LINE_SIZE 160

/* What is remembered between updates. */
struct lade_progress_meter {
	int64_t start_ns;   /* of any steady clock */
	int64_t last_ns;
	uint64_t last_bytes;
	double rate;        /* bytes per second, smoothed, still to be divided by weight */
	double weight;      /* how much of the smoothing's window has been seen, 0 to 1 */
	unsigned percent;   /* the largest shown */
	struct lade_progress now;
};

/* Start at now_ns with nothing done. */
void lade_progress_start(struct lade_progress_meter *meter, int64_t now_ns);

/* Take in where the session stands. Values that went back are held at what they were. */
void lade_progress_update(struct lade_progress_meter *meter, const struct lade_progress *progress,
			  int64_t now_ns);

/*
 * Write the line of the whole session: bytes, percent of what is to be transferred as far as the source is scanned, rate, time left (of the last
 * line, instead: time taken), and files in brackets: how many were transferred, and how many of all entries are still under way
 * (`ir-chk` while the source is not wholly scanned, so that more may come; then `to-chk`). human as for lade_figure(). Returns its length.
 */
size_t lade_progress_line(const struct lade_progress_meter *meter, unsigned human, bool last,
			  char out[LADE_PROGRESS_LINE_SIZE]);

/*
 * The same of a file of size bytes that is done: index is its number, and ns passed since the one before. It may have been under way with that,
 * so its rate is at most that of the session.
 */
size_t lade_progress_file(const struct lade_progress_meter *meter, unsigned human, uint64_t size, uint64_t index, int64_t ns,
			  char out[LADE_PROGRESS_LINE_SIZE]);

/* What the line of a file is written over in rsync, whose readers know it: that all of it was sent at once. */
size_t lade_progress_file_begun(unsigned human, uint64_t size, char out[LADE_PROGRESS_LINE_SIZE]);

#endif
