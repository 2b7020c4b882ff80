/*
 * The screen's parts: screen.c (lines, reports, items), screen_progress.c (bars and lines of progress) and screen_end.c (the end).
 */
#ifndef LADE_AGENT_SCREEN_INTERNAL_H
#define LADE_AGENT_SCREEN_INTERNAL_H

#include "agent/bar.h"
#include "agent/progress.h"
#include "agent/screen.h"

#define LADE_SCREEN_SECOND_NS 1000000000
#define LADE_SCREEN_ERRORS_KEPT 100u

struct lade_screen {
	struct lade_screen_settings settings;
	struct lade_events events;
	struct lade_writer line;
	struct lade_progress_meter meter;
	struct lade_bar bar;
	int64_t last_line_ns;      /* when progress was last printed as a line */
	uint64_t transferred;      /* files whose content came, */
	uint64_t wanted;           /* of these, those that have some */
	int64_t last_file_ns;      /* when the last of them came */
	bool begun;                /* the first item was seen */
	char *errors[LADE_SCREEN_ERRORS_KEPT]; /* as they were printed */
	uint64_t error_count;
	uint64_t lines_since_error;
	int out_errno;             /* the first failure to write standard output */
};

/* ---- screen.c ---- */

/* Begin a line: the writer that it is composed in. */
struct lade_writer *lade_screen_line(struct lade_screen *screen);

/* Print the composed line to standard output. */
void lade_screen_out(struct lade_screen *screen);

/* Write the composed line to the log, if there is one. */
void lade_screen_log(struct lade_screen *screen);

/* Flush standard output. */
void lade_screen_flush_out(struct lade_screen *screen);

/* ---- screen_progress.c ---- */

/* Handler of events: about five times a second. */
void lade_screen_on_progress(void *screen, const struct lade_progress *progress, bool last);

/* Handler of events: before each item. */
void lade_screen_on_stands(void *screen, const struct lade_progress *progress);

/* --progress: the line of a file whose content has come. */
void lade_screen_file_done(struct lade_screen *screen, const struct lade_msg_item *item);

#endif
