/*
 * The end of what is printed: sums, errors once more, what the exit status means.
 */
#include "agent/screen_internal.h"

#include <errno.h>
#include <string.h>

#include "agent/json_events.h"
#include "protocol/exit_status.h"

#define LINES_SCROLLED 20u   /* so many other lines push an error out of sight */

/* lade_summary_line: to standard output and to the log. */
static void print_sum(void *context, const char *text)
{
	struct lade_screen *screen = context;

	lade_writer_put_bytes(lade_screen_line(screen), text, strlen(text));
	if (*text)
		lade_screen_log(screen);
	if (!screen->settings.quiet)
		lade_screen_out(screen);
}

/* The same for what is only logged. */
static void log_sum(void *context, const char *text)
{
	struct lade_screen *screen = context;

	lade_writer_put_bytes(lade_screen_line(screen), text, strlen(text));
	lade_screen_log(screen);
}

/* What descriptions have saved. */
static void print_delta(struct lade_screen *screen, const struct lade_summary *sums)
{
	char text[96];

	snprintf(text, sizeof(text), "total: matched=%llu  data=%llu", (unsigned long long)lade_summary_matched(sums),
		 (unsigned long long)sums->totals.transferred_bytes);
	print_sum(screen, text);
}

static void print_sums(struct lade_screen *screen, const struct lade_summary *sums)
{
	unsigned level = screen->settings.verbosity.info[LADE_INFO_STATS].level;

	if (screen->settings.json) {
		lade_json_stats(lade_screen_line(screen), sums);
		lade_screen_out(screen);
		level = 0;
	}
	if (screen->settings.verbosity.debug[LADE_DEBUG_DELTASUM].level && !screen->settings.json)
		print_delta(screen, sums);
	if (level > 1) {
		print_sum(screen, "");
		lade_summary_all(sums, print_sum, screen);
	}
	if (level) {
		print_sum(screen, "");
		lade_summary_short(sums, print_sum, screen);
	} else {
		lade_summary_log(sums, log_sum, screen);
	}
}

static void repeat_errors(struct lade_screen *screen)
{
	FILE *err = screen->settings.err;

	if (screen->error_count < 2 || screen->lines_since_error <= LINES_SCROLLED)
		return;
	fprintf(err, "lade: %llu errors:\n", (unsigned long long)screen->error_count);
	for (uint64_t i = 0; i < screen->error_count && i < LADE_SCREEN_ERRORS_KEPT; i++) {
		if (screen->errors[i])
			fprintf(err, "%s\n", screen->errors[i]);
	}
	if (screen->error_count > LADE_SCREEN_ERRORS_KEPT)
		fprintf(err, "lade: and %llu more\n",
			(unsigned long long)(screen->error_count - LADE_SCREEN_ERRORS_KEPT));
}

/* What a status means where no error has said it; NULL for those that need no words. */
static const char *status_text(int exit_status, bool error_printed)
{
	switch (exit_status) {
	case LADE_EXIT_OK:
		return NULL;
	case LADE_EXIT_PARTIAL:
		return error_printed
			       ? "some files could not be transferred (exit status 23); see the errors above"
			       : "some files could not be transferred (exit status 23)";
	case LADE_EXIT_VANISHED:
		return "some files vanished or changed before they could be transferred (exit status 24)";
	case LADE_EXIT_SIGNAL:
		return error_printed ? NULL : "interrupted (exit status 20)";
	default:
		return error_printed ? NULL : "the transfer failed";
	}
}

/* True if something could not be written, which is told. */
static bool tell_unwritten(struct lade_screen *screen)
{
	int log_errno = screen->settings.log ? lade_log_file_errno(screen->settings.log) : 0;

	if (screen->out_errno)
		fprintf(screen->settings.err, "lade: write standard output: %s\n", strerror(screen->out_errno));
	if (log_errno)
		fprintf(screen->settings.err, "lade: write log file: %s\n", strerror(log_errno));
	return screen->out_errno || log_errno;
}

static void log_text(struct lade_screen *screen, const char *text)
{
	struct lade_writer *line = lade_screen_line(screen);

	lade_writer_put_bytes(line, "lade: ", 6);
	lade_writer_put_bytes(line, text, strlen(text));
	lade_screen_log(screen);
}

int lade_screen_finish(struct lade_screen *screen, int exit_status, const struct lade_summary *sums)
{
	bool complete = exit_status == LADE_EXIT_OK || exit_status == LADE_EXIT_PARTIAL ||
		exit_status == LADE_EXIT_VANISHED;
	struct lade_summary summary = *sums;
	const char *text;
	bool unwritten;

	summary.human = screen->settings.human;
	summary.dry_run = screen->settings.dry_run;
	summary.seconds = (double)(screen->settings.now_ns() - screen->meter.start_ns) / LADE_SCREEN_SECOND_NS;
	lade_bar_clear(&screen->bar);
	if (complete)
		print_sums(screen, &summary);
	if (screen->settings.json) {
		lade_json_finish(lade_screen_line(screen), exit_status, screen->error_count);
		lade_screen_out(screen);
	}
	lade_screen_flush_out(screen);
	unwritten = tell_unwritten(screen);
	if (unwritten && complete)
		exit_status = LADE_EXIT_FILE;
	repeat_errors(screen);
	text = status_text(exit_status, screen->error_count || unwritten);
	if (text) {
		fprintf(screen->settings.err, "lade: %s\n", text);
		log_text(screen, text);
	}
	fflush(screen->settings.err);
	return exit_status;
}
