/*
 * The screen. Each line is composed in memory and written at once, so that lines of
 * several processes on one terminal stay whole. Standard output is flushed before anything
 * is said on standard error and about five times a second; a failure to write it is
 * remembered and told at the end. At most ERRORS_KEPT errors are kept for the list at the end.
 */
#include "agent/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "agent/escape.h"
#include "agent/list_line.h"
#include "agent/figures.h"
#include "agent/itemize.h"
#include "agent/progress.h"
#include "agent/sync/sync.h"
#include "protocol/entry.h"

#define LINE_MAX_LEN (8u * LADE_PATH_MAX) /* any path and target, every byte escaped */
#define ERRORS_KEPT 100u
#define LINES_SCROLLED 20u   /* so many other lines push an error out of sight */
#define SECOND_NS 1000000000
#define COLUMNS_DEFAULT 80u

struct lade_screen {
	struct lade_screen_settings settings;
	struct lade_events events;
	struct lade_writer line;
	struct lade_progress_meter meter;
	size_t bar_len;            /* columns of the bar that is on the terminal now; 0: none is */
	int64_t last_line_ns;      /* when progress was last printed as a line */
	char *errors[ERRORS_KEPT]; /* as they were printed */
	uint64_t error_count;
	uint64_t lines_since_error;
	int out_errno;             /* the first failure to write standard output */
};

static int64_t steady_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void clear_bar(struct lade_screen *screen)
{
	if (screen->bar_len == 0)
		return;
	fprintf(screen->settings.err, "\r%*s\r", (int)screen->bar_len, "");
	fflush(screen->settings.err);
	screen->bar_len = 0;
}

static void flush_out(struct lade_screen *screen)
{
	if (fflush(screen->settings.out) && !screen->out_errno)
		screen->out_errno = errno;
}

/* Write the composed line to file, with a newline. */
static void write_line(struct lade_screen *screen, FILE *file)
{
	lade_writer_put_u8(&screen->line, '\n');
	if (screen->line.error)
		return;
	clear_bar(screen);
	if (file == screen->settings.err)
		flush_out(screen);
	errno = 0;
	if (fwrite(screen->line.data, 1, screen->line.len, file) != screen->line.len &&
	    file == screen->settings.out && !screen->out_errno)
		screen->out_errno = errno ? errno : EIO;
	if (file == screen->settings.err)
		fflush(file);
	screen->lines_since_error++;
}

static struct lade_writer *new_line(struct lade_screen *screen)
{
	lade_writer_reset(&screen->line);
	return &screen->line;
}

static void put_text(struct lade_writer *line, const char *text)
{
	lade_writer_put_bytes(line, text, strlen(text));
}

/* Write the composed line as an error, and keep it for the end. */
static void write_error(struct lade_screen *screen)
{
	size_t len = screen->line.len;

	write_line(screen, screen->settings.err);
	if (!screen->line.error && screen->error_count < ERRORS_KEPT)
		screen->errors[screen->error_count] = strndup((const char *)screen->line.data, len);
	screen->error_count++;
	screen->lines_since_error = screen->error_count > 1 ? screen->lines_since_error - 1 : 0;
}

static void put_reason(struct lade_writer *line, const struct lade_msg_report *report)
{
	if (report->reason.len) {
		put_text(line, ": ");
		lade_escape_put(line, report->reason);
	} else if (report->error) {
		put_text(line, ": ");
		put_text(line, strerror((int)report->error));
	}
}

static void on_report(void *context, const struct lade_msg_report *report)
{
	struct lade_screen *screen = context;
	struct lade_writer *line = new_line(screen);

	if (report->severity == LADE_REPORT_NOTE && screen->settings.quiet)
		return;
	put_text(line, "lade: ");
	if (report->severity == LADE_REPORT_NOTE)
		put_text(line, "note: ");
	else if (report->severity == LADE_REPORT_WARNING)
		put_text(line, "warning: ");
	lade_escape_put(line, report->operation);
	if (report->subject.len) {
		put_text(line, report->operation.len ? " \"" : "\"");
		lade_escape_put(line, report->subject);
		lade_writer_put_u8(line, '"');
	}
	put_reason(line, report);
	if (report->severity >= LADE_REPORT_ERROR)
		write_error(screen);
	else
		write_line(screen, screen->settings.err);
}

void lade_screen_error(struct lade_screen *screen, const char *text)
{
	struct lade_writer *line = new_line(screen);

	put_text(line, "lade: ");
	lade_escape_put_text(line, text);
	write_error(screen);
}

static void on_item(void *context, const struct lade_msg_item *item)
{
	struct lade_screen *screen = context;
	struct lade_writer *line = new_line(screen);

	if (screen->settings.quiet)
		return;
	if (screen->settings.itemize)
		lade_itemize(line, item, screen->settings.outgoing);
	else if (screen->settings.verbose)
		lade_itemize_name(line, item);
	if (line->len)
		write_line(screen, screen->settings.out);
}

static void on_listed(void *context, const char *path, const struct lade_msg_entry *entry)
{
	struct lade_screen *screen = context;
	const struct lade_list_style style = { screen->settings.human, screen->settings.show_targets };
	struct lade_writer *line = new_line(screen);

	lade_list_line(line, path, entry, &style);
	write_line(screen, screen->settings.out);
}

static size_t columns(FILE *terminal)
{
	struct winsize size;

	if (ioctl(fileno(terminal), TIOCGWINSZ, &size) || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

static void draw_bar(struct lade_screen *screen)
{
	char line[LADE_PROGRESS_LINE_SIZE];
	size_t len = lade_progress_line(&screen->meter, screen->settings.human, false, line);
	size_t width = columns(screen->settings.err);
	size_t blanks;

	/* The last column stays free: many terminals wrap as soon as it is written. */
	if (len > width - 1)
		len = width - 1;
	blanks = screen->bar_len > len ? screen->bar_len - len : 0;
	fprintf(screen->settings.err, "\r%.*s%*s", (int)len, line, (int)blanks, "");
	fflush(screen->settings.err);
	screen->bar_len = len;
}

static void print_progress(struct lade_screen *screen, int64_t now_ns, bool last)
{
	struct lade_writer *line = new_line(screen);
	char text[LADE_PROGRESS_LINE_SIZE];
	size_t len;

	if (!last && now_ns - screen->last_line_ns < SECOND_NS)
		return;
	screen->last_line_ns = now_ns;
	len = lade_progress_line(&screen->meter, screen->settings.human, last, text);
	lade_writer_put_bytes(line, text, len);
	write_line(screen, screen->settings.err);
}

static void on_progress(void *context, const struct lade_progress *progress, bool last)
{
	struct lade_screen *screen = context;
	const struct lade_screen_settings *settings = &screen->settings;
	int64_t now_ns = settings->now_ns();

	lade_progress_update(&screen->meter, progress, now_ns);
	flush_out(screen);
	if (settings->quiet)
		return;
	if (settings->progress && !settings->err_terminal) {
		print_progress(screen, now_ns, last);
		return;
	}
	/* Lines that scroll on the same terminal are progress enough. */
	if (!settings->err_terminal ||
	    (!settings->progress && (settings->itemize || settings->verbose) &&
	     settings->out_terminal))
		return;
	if (last)
		clear_bar(screen);
	else if (settings->progress || now_ns - screen->meter.start_ns >= SECOND_NS)
		draw_bar(screen);
}

int lade_screen_new(const struct lade_screen_settings *settings, struct lade_screen **screen_out)
{
	struct lade_screen *screen = calloc(1, sizeof(*screen));

	if (!screen)
		return LADE_E_MEMORY;
	screen->settings = *settings;
	if (!screen->settings.now_ns)
		screen->settings.now_ns = steady_ns;
	screen->events.context = screen;
	screen->events.report = on_report;
	screen->events.item = on_item;
	screen->events.listed = on_listed;
	screen->events.progress = on_progress;
	lade_writer_init(&screen->line, LINE_MAX_LEN);
	lade_progress_start(&screen->meter, screen->settings.now_ns());
	screen->last_line_ns = screen->meter.start_ns;
	*screen_out = screen;
	return 0;
}

void lade_screen_free(struct lade_screen *screen)
{
	if (!screen)
		return;
	for (size_t i = 0; i < ERRORS_KEPT; i++)
		free(screen->errors[i]);
	lade_writer_fini(&screen->line);
	free(screen);
}

const struct lade_events *lade_screen_events(struct lade_screen *screen)
{
	return &screen->events;
}

static void out_text(struct lade_screen *screen, const char *text)
{
	put_text(new_line(screen), text);
	write_line(screen, screen->settings.out);
}

/* One line of sums: TITLE VALUE UNIT. */
static void out_sum(struct lade_screen *screen, const char *title, uint64_t value, const char *unit)
{
	struct lade_writer *line = new_line(screen);
	char figure[LADE_FIGURE_SIZE];

	put_text(line, title);
	put_text(line, lade_figure(figure, value, screen->settings.human));
	put_text(line, unit);
	write_line(screen, screen->settings.out);
}

static void print_sums(struct lade_screen *screen, const struct lade_msg_end *totals)
{
	if (screen->settings.stats) {
		out_text(screen, "");
		out_sum(screen, "Number of files: ", totals->entries, "");
		out_sum(screen, "Number of created files: ", totals->created, "");
		out_sum(screen, "Number of deleted files: ", totals->deleted, "");
		out_sum(screen, "Number of regular files transferred: ", totals->transferred, "");
		out_sum(screen, "Total file size: ", totals->total_bytes, " bytes");
		out_sum(screen, "Total transferred file size: ", totals->transferred_bytes,
			" bytes");
	}
	if (screen->settings.stats || screen->settings.verbose) {
		out_text(screen, "");
		out_sum(screen, "total size is ", totals->total_bytes,
			screen->settings.dry_run ? " (DRY RUN)" : "");
	}
}

static void repeat_errors(struct lade_screen *screen)
{
	FILE *err = screen->settings.err;

	if (screen->error_count < 2 || screen->lines_since_error <= LINES_SCROLLED)
		return;
	fprintf(err, "lade: %llu errors:\n", (unsigned long long)screen->error_count);
	for (uint64_t i = 0; i < screen->error_count && i < ERRORS_KEPT; i++) {
		if (screen->errors[i])
			fprintf(err, "%s\n", screen->errors[i]);
	}
	if (screen->error_count > ERRORS_KEPT)
		fprintf(err, "lade: and %llu more\n",
			(unsigned long long)(screen->error_count - ERRORS_KEPT));
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

int lade_screen_finish(struct lade_screen *screen, int exit_status,
		       const struct lade_msg_end *totals)
{
	bool complete = exit_status == LADE_EXIT_OK || exit_status == LADE_EXIT_PARTIAL ||
		exit_status == LADE_EXIT_VANISHED;
	const char *text;

	clear_bar(screen);
	if (complete && !screen->settings.quiet)
		print_sums(screen, totals);
	flush_out(screen);
	if (screen->out_errno) {
		errno = screen->out_errno;
		fprintf(screen->settings.err, "lade: write standard output: %s\n", strerror(errno));
		if (complete)
			exit_status = LADE_EXIT_FILE;
	}
	repeat_errors(screen);
	text = status_text(exit_status, screen->error_count || screen->out_errno);
	if (text)
		fprintf(screen->settings.err, "lade: %s\n", text);
	fflush(screen->settings.err);
	return exit_status;
}

void lade_screen_print(FILE *file, const char *text)
{
	struct lade_writer line;

	lade_writer_init(&line, LINE_MAX_LEN);
	put_text(&line, "lade: ");
	lade_escape_put_text(&line, text);
	lade_writer_put_u8(&line, '\n');
	if (!line.error) {
		(void)fwrite(line.data, 1, line.len, file);
		fflush(file);
	}
	lade_writer_fini(&line);
}

int lade_screen_flush(int exit_status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_status;
	fprintf(stderr, "lade: write standard output: %s\n",
		errno ? strerror(errno) : "write failed");
	return exit_status ? exit_status : LADE_EXIT_FILE;
}
