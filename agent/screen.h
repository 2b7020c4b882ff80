/*
 * The screen: everything that `lade sync` prints, and writes to its log file.
 *
 * Changes, names, notes, progress and sums go to standard output, errors and warnings to standard error, as with rsync(1); with --json
 * all of it goes to standard output, and errors to both. Names are escaped (agent/escape.h). One thread at a time, as the events'
 * contract says.
 */
#ifndef LADE_AGENT_SCREEN_H
#define LADE_AGENT_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/log_file.h"
#include "agent/out_format.h"
#include "agent/summary.h"
#include "agent/sync/events.h"
#include "agent/verbosity.h"

struct lade_screen;

/* What is printed, and where. */
struct lade_screen_settings {
	FILE *out;           /* borrowed until lade_screen_free() */
	FILE *err;
	bool out_terminal;   /* a person looks at out */
	bool err_terminal;   /* a person looks at err: progress may be redrawn there */
	struct lade_verbosity verbosity;
	unsigned human;      /* enum lade_human */
	bool quiet;          /* nothing but warnings and errors */
	unsigned itemize;    /* columns before the names; 2: of what is unchanged too */
	const char *format;  /* --out-format, or NULL */
	struct lade_log_file *log; /* or NULL; borrowed */
	const char *log_format;    /* NULL: as itemized */
	bool json;
	bool dry_run;
	bool lists;          /* say that a scan begins */
	bool describes;      /* files are described, not sent whole */
	struct lade_format_session session; /* what formats tell of it */
	bool show_targets;   /* of symlinks in a listing */
	int64_t (*now_ns)(void); /* a steady clock; NULL: CLOCK_MONOTONIC */
};

/*
 * Make a screen. settings are copied. Returns 0 or LADE_E_MEMORY; the caller frees it with
 * lade_screen_free().
 */
int lade_screen_new(const struct lade_screen_settings *settings, struct lade_screen **screen_out);

/* NULL does nothing. Prints nothing. */
void lade_screen_free(struct lade_screen *screen);

/* The events that print on screen; borrowed until lade_screen_free(). */
const struct lade_events *lade_screen_events(struct lade_screen *screen);

/* The session begins. */
void lade_screen_begin(struct lade_screen *screen);

/*
 * Print an error of the command's own; text is raw, without "lade: ". Counted as the session's
 * errors are.
 */
void lade_screen_error(struct lade_screen *screen, const char *text);

/*
 * The end: the sums, of which seconds, human and dry_run are the screen's, the errors once more if they have scrolled away, and what
 * exit_status means. Returns the status to exit with: exit_status, or LADE_EXIT_FILE if standard output or the log could not
 * be written and nothing worse had happened.
 */
int lade_screen_finish(struct lade_screen *screen, int exit_status, const struct lade_summary *sums);

/* Print "lade: TEXT" on file, escaped: for commands without a screen. */
void lade_screen_print(FILE *file, const char *text);

/*
 * Flush what a command without a screen wrote to standard output. Returns exit_status, or
 * LADE_EXIT_FILE with a message if it could not be written.
 */
int lade_screen_flush(int exit_status);

#endif
