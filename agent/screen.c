/*
 * The screen. Each line is composed in memory and written at once, so that lines of
 * several processes on one terminal stay whole. Standard output is flushed before anything
 * is said on standard error and about five times a second; a failure to write it is
 * remembered and told at the end. At most LADE_SCREEN_ERRORS_KEPT errors are kept for the list at the end.
 */
#include "agent/screen_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/escape.h"
#include "agent/json_events.h"
#include "agent/list_line.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

/* Any path, its target and a format that names them, every byte escaped. */
#define LINE_MAX_LEN (32u * LADE_PATH_MAX)
#define LOG_FORMAT "%i %n%L"

static int64_t steady_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * LADE_SCREEN_SECOND_NS + now.tv_nsec;
}

/* ---- lines ---- */

struct lade_writer *lade_screen_line(struct lade_screen *screen)
{
	lade_writer_reset(&screen->line);
	return &screen->line;
}

void lade_screen_flush_out(struct lade_screen *screen)
{
	if (fflush(screen->settings.out) && !screen->out_errno)
		screen->out_errno = errno;
}

/* Write the composed line to file, with a newline that is not in it afterwards. */
static void write_line(struct lade_screen *screen, FILE *file)
{
	size_t len = screen->line.len;

	lade_writer_put_u8(&screen->line, '\n');
	if (screen->line.error)
		return;
	lade_bar_clear(&screen->bar);
	if (file == screen->settings.err)
		lade_screen_flush_out(screen);
	errno = 0;
	if (fwrite(screen->line.data, 1, screen->line.len, file) != screen->line.len &&
	    file == screen->settings.out && !screen->out_errno)
		screen->out_errno = errno ? errno : EIO;
	if (file == screen->settings.err)
		fflush(file);
	screen->line.len = len;
	screen->lines_since_error++;
}

void lade_screen_out(struct lade_screen *screen)
{
	write_line(screen, screen->settings.out);
}

void lade_screen_log(struct lade_screen *screen)
{
	if (screen->settings.log && !screen->line.error)
		lade_log_file_line(screen->settings.log, lade_slice(screen->line.data, screen->line.len));
}

static void put_text(struct lade_writer *line, const char *text)
{
	lade_writer_put_bytes(line, text, strlen(text));
}

static void put_escaped(struct lade_screen *screen, struct lade_slice text)
{
	lade_itemize_escaped(&screen->line, &screen->settings.session.style, text);
}

/* A line of our own: to standard output, unless it is to be quiet. */
static void say(struct lade_screen *screen, const char *text)
{
	put_text(lade_screen_line(screen), text);
	if (!screen->settings.quiet && !screen->settings.json)
		lade_screen_out(screen);
}

/* ---- reports ---- */

/* Write the composed line as an error, and keep it for the end. */
static void write_error(struct lade_screen *screen)
{
	write_line(screen, screen->settings.err);
	if (!screen->line.error && screen->error_count < LADE_SCREEN_ERRORS_KEPT)
		screen->errors[screen->error_count] = strndup((const char *)screen->line.data, screen->line.len);
	screen->error_count++;
	screen->lines_since_error = screen->error_count > 1 ? screen->lines_since_error - 1 : 0;
}

static void put_reason(struct lade_screen *screen, const struct lade_msg_report *report)
{
	if (report->reason.len) {
		put_text(&screen->line, ": ");
		put_escaped(screen, report->reason);
	} else if (report->error) {
		put_text(&screen->line, ": ");
		put_text(&screen->line, strerror((int)report->error));
	}
}

/* A line that is part of the output. */
static void write_note(struct lade_screen *screen, const struct lade_msg_report *report)
{
	(void)lade_screen_line(screen);
	put_escaped(screen, report->operation);
	put_escaped(screen, report->subject);
	put_escaped(screen, report->reason);
	lade_screen_log(screen);
	if (!screen->settings.quiet && !screen->settings.json)
		lade_screen_out(screen);
}

/* A message in the form OPERATION "SUBJECT": REASON. */
static void write_message(struct lade_screen *screen, const struct lade_msg_report *report)
{
	struct lade_writer *line = lade_screen_line(screen);

	put_text(line, "lade: ");
	if (report->severity == LADE_REPORT_NOTE)
		put_text(line, "note: ");
	else if (report->severity == LADE_REPORT_WARNING)
		put_text(line, "warning: ");
	put_escaped(screen, report->operation);
	if (report->subject.len) {
		put_text(line, report->operation.len ? " \"" : "\"");
		put_escaped(screen, report->subject);
		lade_writer_put_u8(line, '"');
	}
	put_reason(screen, report);
	lade_screen_log(screen);
	if (report->severity >= LADE_REPORT_ERROR)
		write_error(screen);
	else if (report->severity == LADE_REPORT_WARNING || !screen->settings.quiet)
		write_line(screen, screen->settings.err);
}

static void on_report(void *context, const struct lade_msg_report *report)
{
	struct lade_screen *screen = context;

	if (screen->settings.json) {
		lade_json_report(lade_screen_line(screen), report);
		lade_screen_out(screen);
	}
	if (report->severity == LADE_REPORT_NOTE && report->topic != LADE_TOPIC_NONE)
		write_note(screen, report);
	else if (report->severity != LADE_REPORT_NOTE || !screen->settings.json)
		write_message(screen, report);
}

void lade_screen_error(struct lade_screen *screen, const char *text)
{
	struct lade_writer *line;

	if (screen->settings.json) {
		lade_json_error(lade_screen_line(screen), text);
		lade_screen_out(screen);
	}
	line = lade_screen_line(screen);
	put_text(line, "lade: ");
	lade_escape_put_text(line, text);
	lade_screen_log(screen);
	write_error(screen);
}

/* ---- items ---- */

/* True for what is as it should be: nothing differs, or it was made so from what is elsewhere. */
static bool is_unchanged(const struct lade_msg_item *item)
{
	uint32_t changes = item->changes;

	return changes == 0 || ((changes & LADE_ITEM_LOCAL) && !(changes & ~(uint32_t)(LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK)));
}

/* True if a format prints the item: one with columns all changes, one without what -v names. */
static bool format_takes(const struct lade_screen *screen, const char *format, const struct lade_msg_item *item)
{
	bool columns = lade_format_has(format, 'i');

	if (!is_unchanged(item))
		return columns || lade_itemize_names(item);
	return columns && (screen->settings.itemize > 1 || screen->settings.verbosity.info[LADE_INFO_NAME].level > 1);
}

/* Compose the line of an item. A deletion that the format could not tell from another item is told in words. */
static void put_formatted(struct lade_screen *screen, const char *format, const struct lade_msg_item *item)
{
	struct lade_writer *line = lade_screen_line(screen);
	struct lade_format_session *session = &screen->settings.session;

	if ((item->changes & LADE_ITEM_DELETED) && !lade_format_has(format, 'i') && !lade_format_has(format, 'o')) {
		lade_itemize_name(line, &session->style, item);
		return;
	}
	session->now = time(NULL);
	lade_out_format_put(line, format, session, item);
}

/* True if columns are printed: then the log has what only they tell of, too. */
static bool itemizes(const struct lade_screen *screen)
{
	const struct lade_screen_settings *settings = &screen->settings;

	return settings->itemize || (settings->format && lade_format_has(settings->format, 'i'));
}

static void log_item(struct lade_screen *screen, const struct lade_msg_item *item)
{
	const char *format = screen->settings.log_format ? screen->settings.log_format : LOG_FORMAT;

	/* As in rsync, an empty format is an empty line on the screen, and none in the log. */
	if (!screen->settings.log || !*format)
		return;
	if (is_unchanged(item) ? !itemizes(screen) || !format_takes(screen, format, item) :
	    !itemizes(screen) && !lade_itemize_names(item))
		return;
	put_formatted(screen, format, item);
	lade_screen_log(screen);
}

/* Compose what -v prints. False: nothing. */
static bool put_name(struct lade_screen *screen, const struct lade_msg_item *item)
{
	const struct lade_verbosity *verbosity = &screen->settings.verbosity;
	const struct lade_item_style *style = &screen->settings.session.style;
	struct lade_writer *line = lade_screen_line(screen);
	unsigned level = verbosity->info[LADE_INFO_NAME].level;

	if (item->changes & LADE_ITEM_DELETED ? verbosity->info[LADE_INFO_DEL].level :
	    level && !is_unchanged(item) && lade_itemize_names(item)) {
		lade_itemize_name(line, style, item);
		return true;
	}
	/* A directory has no content to be up to date. */
	if (level < 2 || (S_ISDIR(item->mode) && !item->changes) || (item->changes & LADE_ITEM_DELETED))
		return false;
	lade_itemize_path(line, style, item);
	if (is_unchanged(item))
		put_text(line, " is uptodate");
	return true;
}

/* Compose the line for standard output. False: there is none. */
static bool put_item(struct lade_screen *screen, const struct lade_msg_item *item)
{
	const struct lade_screen_settings *settings = &screen->settings;
	const char *format = settings->format ? settings->format : settings->itemize ? LOG_FORMAT : NULL;

	if (settings->json) {
		lade_json_item(lade_screen_line(screen), &settings->session.style, item);
		return !is_unchanged(item) || settings->itemize > 1;
	}
	if (!format)
		return put_name(screen, item);
	if (!format_takes(screen, format, item))
		return false;
	put_formatted(screen, format, item);
	return true;
}

/* Before the first item: how files are transferred. */
static void say_delta(struct lade_screen *screen)
{
	if (screen->begun || !screen->settings.verbosity.debug[LADE_DEBUG_DELTASUM].level)
		return;
	say(screen, screen->settings.describes ? "delta-transmission enabled" :
	    "delta-transmission disabled for local transfer or --whole-file");
	lade_screen_log(screen);
	screen->begun = true;
}

static void on_item(void *context, const struct lade_msg_item *item)
{
	struct lade_screen *screen = context;

	say_delta(screen);
	log_item(screen, item);
	if (!screen->settings.quiet && put_item(screen, item)) {
		lade_screen_out(screen);
		/* What is up to date is no change, which the log has already, but words, which it has as they are. */
		if (!screen->settings.format && !itemizes(screen) && !screen->settings.json && !lade_itemize_names(item))
			lade_screen_log(screen);
	}
	if (item->changes & LADE_ITEM_DATA)
		lade_screen_file_done(screen, item);
}

static void on_listed(void *context, const char *path, const struct lade_msg_entry *entry)
{
	struct lade_screen *screen = context;
	const struct lade_list_style style = { screen->settings.human, screen->settings.show_targets };
	struct lade_writer *line = lade_screen_line(screen);

	lade_list_line(line, path, entry, &style);
	lade_screen_out(screen);
}

/* ---- from beginning to end ---- */

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
	screen->events.progress = lade_screen_on_progress;
	if (settings->verbosity.info[LADE_INFO_PROGRESS].level == 1)
		screen->events.stands = lade_screen_on_stands;
	lade_writer_init(&screen->line, LINE_MAX_LEN);
	lade_progress_start(&screen->meter, screen->settings.now_ns());
	screen->last_line_ns = screen->last_file_ns = screen->meter.start_ns;
	*screen_out = screen;
	return 0;
}

void lade_screen_begin(struct lade_screen *screen)
{
	bool push = screen->settings.session.push;

	if (screen->settings.log) {
		put_text(lade_screen_line(screen), push ? "building file list" : "receiving file list");
		lade_screen_log(screen);
	}
	if (screen->settings.json) {
		lade_json_start(lade_screen_line(screen), push ? "send" : "receive", screen->settings.dry_run);
		lade_screen_out(screen);
	} else if (screen->settings.lists && screen->settings.verbosity.info[LADE_INFO_FLIST].level) {
		say(screen, push ? "sending incremental file list" : "receiving incremental file list");
	}
}

void lade_screen_free(struct lade_screen *screen)
{
	if (!screen)
		return;
	for (size_t i = 0; i < LADE_SCREEN_ERRORS_KEPT; i++)
		free(screen->errors[i]);
	lade_writer_fini(&screen->line);
	free(screen);
}

const struct lade_events *lade_screen_events(struct lade_screen *screen)
{
	return &screen->events;
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
