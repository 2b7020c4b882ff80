/*
 * The screen: everything that `lade sync` prints.
 *
 * Changes, names and sums go to standard output, reports and progress to standard error.
 * Names are escaped (agent/escape.h). One thread at a time, as the events' contract says.
 */
#ifndef LADE_AGENT_SCREEN_H
#define LADE_AGENT_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/sync/events.h"

struct lade_screen;

/* What is printed, and where. */
struct lade_screen_settings {
	FILE *out;           /* borrowed until lade_screen_free() */
	FILE *err;
	bool out_terminal;   /* a person looks at out */
	bool err_terminal;   /* a person looks at err: progress may be redrawn there */
	unsigned verbose;    /* name what changes */
	unsigned human;      /* enum lade_human */
	bool quiet;          /* nothing but warnings and errors */
	bool itemize;        /* columns before the names */
	bool stats;
	bool progress;
	bool dry_run;
	bool show_targets;   /* of symlinks in a listing */
	bool outgoing;       /* content leaves this host */
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

/*
 * Print an error of the command's own; text is raw, without "lade: ". Counted as the session's
 * errors are.
 */
void lade_screen_error(struct lade_screen *screen, const char *text);

/*
 * The end: the sums, the errors once more if they have scrolled away, and what exit_status means.
 * Returns the status to exit with: exit_status, or LADE_EXIT_FILE if standard output could not
 * be written and nothing worse had happened.
 */
int lade_screen_finish(struct lade_screen *screen, int exit_status,
		       const struct lade_msg_end *totals);

/* Print "lade: TEXT" on file, escaped: for commands without a screen. */
void lade_screen_print(FILE *file, const char *text);

/*
 * Flush what a command without a screen wrote to standard output. Returns exit_status, or
 * LADE_EXIT_FILE with a message if it could not be written.
 */
int lade_screen_flush(int exit_status);

#endif
