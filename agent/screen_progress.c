/*
 * Progress on the screen. On a terminal a bar stands in the last line and is drawn anew; elsewhere the whole is a line a second.
 */
#include "agent/screen_internal.h"

#include "agent/json_events.h"
#include "protocol/entry.h"

static void draw_bar(struct lade_screen *screen, FILE *file)
{
	char line[LADE_PROGRESS_LINE_SIZE];
	const size_t len = lade_progress_line(&screen->meter, screen->settings.human, false, line);

	lade_bar_draw(&screen->bar, file, line, len);
}

/* A line of the whole, at most one a second. */
static void print_progress(struct lade_screen *screen, int64_t now_ns, bool last)
{
	struct lade_writer *line;
	char text[LADE_PROGRESS_LINE_SIZE];
	size_t len;

	if (!last && now_ns - screen->last_line_ns < LADE_SCREEN_SECOND_NS)
		return;
	screen->last_line_ns = now_ns;
	line = lade_screen_line(screen);
	if (screen->settings.json) {
		lade_json_progress(line, &screen->meter);
	} else {
		len = lade_progress_line(&screen->meter, screen->settings.human, last, text);
		lade_writer_put_bytes(line, text, len);
	}
	lade_screen_out(screen);
	lade_screen_flush_out(screen);
}

/* Where a bar is to stand now: where the user asked for one, or after a second where nothing else moves. NULL: nowhere. */
static FILE *bar_place(const struct lade_screen *screen, int64_t now_ns)
{
	const struct lade_screen_settings *settings = &screen->settings;
	unsigned level = settings->verbosity.info[LADE_INFO_PROGRESS].level;
	bool scrolls = settings->itemize || settings->format || settings->verbosity.info[LADE_INFO_NAME].level;

	if (level > 1)
		return settings->out_terminal ? settings->out : NULL;
	if (!settings->err_terminal || (!level && scrolls && settings->out_terminal))
		return NULL;
	return level || now_ns - screen->meter.start_ns >= LADE_SCREEN_SECOND_NS ? settings->err : NULL;
}

void lade_screen_on_progress(void *context, const struct lade_progress *progress, bool last)
{
	struct lade_screen *screen = context;
	const struct lade_screen_settings *settings = &screen->settings;
	unsigned level = settings->verbosity.info[LADE_INFO_PROGRESS].level;
	int64_t now_ns = settings->now_ns();
	FILE *file;

	lade_progress_update(&screen->meter, progress, now_ns);
	lade_screen_flush_out(screen);
	if (settings->quiet)
		return;
	if (settings->json) {
		if (level)
			print_progress(screen, now_ns, last);
		return;
	}
	if (level > 1 && (last || !settings->out_terminal)) {
		print_progress(screen, now_ns, last);
		return;
	}
	file = bar_place(screen, now_ns);
	if (last)
		lade_bar_clear(&screen->bar);
	else if (file)
		draw_bar(screen, file);
}

void lade_screen_on_stands(void *context, const struct lade_progress *progress)
{
	struct lade_screen *screen = context;

	lade_progress_update(&screen->meter, progress, screen->settings.now_ns());
}

void lade_screen_file_done(struct lade_screen *screen, const struct lade_msg_item *item)
{
	int64_t now_ns = screen->settings.now_ns(), took_ns = now_ns - screen->last_file_ns;
	struct lade_writer *line;
	char text[LADE_PROGRESS_LINE_SIZE];
	size_t len;

	screen->transferred++;
	screen->wanted += item->size > 0;
	screen->last_file_ns = now_ns;
	if (screen->settings.quiet || screen->settings.json || screen->settings.dry_run ||
	    screen->settings.verbosity.info[LADE_INFO_PROGRESS].level != 1)
		return;
	/* As in rsync, each state of the line begins where the line does. */
	line = lade_screen_line(screen);
	if (item->size) {
		len = lade_progress_file_begun(screen->settings.human, item->size, text);
		lade_writer_put_u8(line, '\r');
		lade_writer_put_bytes(line, text, len);
	}
	/* The session counts a file as done a little later than it tells of it. */
	if (screen->meter.now.files_done < screen->wanted)
		screen->meter.now.files_done = screen->wanted;
	len = lade_progress_file(&screen->meter, screen->settings.human, item->size, screen->transferred, took_ns, text);
	lade_writer_put_u8(line, '\r');
	lade_writer_put_bytes(line, text, len);
	lade_screen_out(screen);
}
