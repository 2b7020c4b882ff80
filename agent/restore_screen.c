/*
 * The figures of the bar are those of `lade sync` (agent/progress.h). It is drawn when something happens, at most five times a second.
 */
#include "agent/restore_screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/bar.h"
#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/json.h"
#include "agent/progress.h"
#include "agent/repository_options.h"
#include "agent/screen.h"
#include "transport/clock.h"

#define DRAW_NS INT64_C(200000000)
#define FIRST_NS INT64_C(1000000000) /* what is done within a second needs no bar */
#define JSON_NS INT64_C(1000000000)
#define LINE_MAX_LEN (8u << 20)      /* a path has up to a MiB, and four times as many bytes when it is escaped */

struct lade_restore_screen {
	struct lade_restore_screen_settings settings;
	struct lade_restore_events events;
	struct lade_restore *restore;
	struct lade_progress_meter meter;
	int64_t drawn_ns;
	bool terminal, bar_terminal; /* a person looks at standard output, at standard error */
	struct lade_bar bar;         /* on standard error */
	struct lade_writer line;
	uint64_t problems;
};

/* ---- lines ---- */

static void put_text(struct lade_restore_screen *screen, const char *text)
{
	lade_writer_put_bytes(&screen->line, text, strlen(text));
}

static void end_line(struct lade_restore_screen *screen, FILE *file)
{
	lade_bar_clear(&screen->bar);
	lade_writer_put_u8(&screen->line, '\n');
	if (!screen->line.error)
		(void)fwrite(screen->line.data, 1, screen->line.len, file);
	lade_writer_reset(&screen->line);
}

static void print(struct lade_restore_screen *screen, const char *text)
{
	put_text(screen, text);
	end_line(screen, stdout);
}

static void end_json(struct lade_restore_screen *screen)
{
	lade_json_end(&screen->line);
	end_line(screen, stdout);
	(void)fflush(stdout);
}

/* ---- progress ---- */

static void put_figures(struct lade_restore_screen *screen, const struct lade_restore_figures *figures, uint64_t files, uint64_t bytes)
{
	struct lade_writer *line = &screen->line;

	lade_json_number(line, "seconds_elapsed", (uint64_t)(lade_clock_ns() - screen->meter.start_ns) / 1000000000u);
	lade_json_number(line, "total_files", files);
	lade_json_number(line, "files_restored", figures->files_made + figures->files_updated);
	lade_json_number(line, "files_skipped", figures->files_unchanged);
	lade_json_number(line, "files_deleted", figures->deleted);
	lade_json_number(line, "total_bytes", bytes);
	lade_json_number(line, "bytes_restored", figures->bytes_made);
	lade_json_number(line, "bytes_skipped", figures->bytes_unchanged);
}

static void draw(struct lade_restore_screen *screen)
{
	char line[LADE_PROGRESS_LINE_SIZE];
	const size_t len = lade_progress_line(&screen->meter, LADE_HUMAN_BINARY, false, line);

	lade_bar_draw(&screen->bar, stderr, line, len);
}

static void print_status(struct lade_restore_screen *screen, const struct lade_restore_figures *figures, const struct lade_progress *progress)
{
	lade_json_message(&screen->line, "status");
	lade_json_real(&screen->line, "percent_done", progress->bytes ? (double)progress->bytes_done / (double)progress->bytes : 0, 4);
	put_figures(screen, figures, progress->files, progress->bytes);
	end_json(screen);
}

/* Something has moved. */
static void advance(struct lade_restore_screen *screen)
{
	const int64_t now_ns = lade_clock_ns();
	struct lade_restore_figures figures;
	struct lade_progress progress;

	if (screen->settings.quiet || !screen->restore || !(screen->settings.json || screen->bar_terminal) ||
	    now_ns - screen->drawn_ns < (screen->settings.json ? JSON_NS : DRAW_NS))
		return;
	screen->drawn_ns = now_ns;
	figures = lade_restore_figures(screen->restore);
	progress = (struct lade_progress){
		.files_done = figures.files_made + figures.files_updated + figures.files_unchanged, .bytes_done = figures.bytes_made + figures.bytes_unchanged,
		.scanned = screen->settings.files > 0, .files = screen->settings.files, .bytes = screen->settings.bytes,
	};
	if (progress.files < figures.files)
		progress.files = figures.files;
	if (progress.bytes < figures.bytes)
		progress.bytes = figures.bytes;
	progress.entries = progress.files;
	lade_progress_update(&screen->meter, &progress, now_ns);
	if (screen->settings.json)
		print_status(screen, &figures, &progress);
	else if (now_ns - screen->meter.start_ns >= FIRST_NS)
		draw(screen);
}

/* ---- events ---- */

static const char *word_of(enum lade_restore_action action)
{
	static const char *const words[] = {
		[LADE_RESTORE_MADE] = "restored", [LADE_RESTORE_UPDATED] = "updated", [LADE_RESTORE_UNCHANGED] = "unchanged", [LADE_RESTORE_KEPT] = "kept",
		[LADE_RESTORE_DELETED] = "deleted",
	};

	return words[action];
}

static void on_entry(void *context, const char *path, uint32_t mode, uint64_t len, enum lade_restore_action action)
{
	struct lade_restore_screen *screen = context;
	const bool changes = action != LADE_RESTORE_UNCHANGED && action != LADE_RESTORE_KEPT;
	const bool is_told = screen->settings.verbose > 2 || (screen->settings.verbose > 1 && changes) || (screen->settings.dry_run && changes && !screen->settings.quiet);

	if (is_told && screen->settings.json) {
		lade_json_message(&screen->line, "verbose_status");
		lade_json_text(&screen->line, "action", word_of(action));
		lade_json_text(&screen->line, "item", path);
		lade_json_number(&screen->line, "size", len);
		end_json(screen);
	} else if (is_told) {
		char word[32];

		snprintf(word, sizeof(word), "%-10s ", word_of(action));
		put_text(screen, word);
		lade_escape_put_text(&screen->line, path);
		put_text(screen, S_ISDIR(mode) ? "/" : "");
		end_line(screen, stdout);
	}
	advance(screen);
}

static void on_problem(void *context, const struct lade_fault *fault)
{
	struct lade_restore_screen *screen = context;
	struct lade_complaint complaint;

	screen->problems++;
	lade_complain_fault(&complaint, LADE_REPOSITORY_PARTIAL, fault);
	if (screen->settings.json) {
		lade_json_message(&screen->line, "error");
		lade_json_text(&screen->line, "during", "restore");
		lade_json_text(&screen->line, "item", fault->subject);
		lade_json_text(&screen->line, "error", complaint.text);
		end_json(screen);
	}
	lade_bar_clear(&screen->bar);
	lade_screen_print(stderr, complaint.text);
}

static void on_incomplete(void *context, const char *path)
{
	struct lade_restore_screen *screen = context;

	if (screen->settings.quiet)
		return;
	put_text(screen, "lade: \"");
	lade_escape_put_text(&screen->line, path);
	put_text(screen, "\" changed, or could not be read to its end, while it was backed up: it is as it was then");
	end_line(screen, stderr);
}

/* ---- the beginning and the end ---- */

int lade_restore_screen_new(const struct lade_restore_screen_settings *settings, struct lade_restore_screen **screen_out)
{
	struct lade_restore_screen *screen = calloc(1, sizeof(*screen));

	if (!screen)
		return LADE_E_MEMORY;
	screen->settings = *settings;
	screen->events = (struct lade_restore_events){ on_entry, on_problem, on_incomplete, screen };
	screen->terminal = isatty(STDOUT_FILENO);
	screen->bar_terminal = isatty(STDERR_FILENO);
	lade_writer_init(&screen->line, LINE_MAX_LEN);
	lade_progress_start(&screen->meter, lade_clock_ns());
	*screen_out = screen;
	return 0;
}

void lade_restore_screen_free(struct lade_restore_screen *screen)
{
	if (!screen)
		return;
	lade_writer_fini(&screen->line);
	free(screen);
}

const struct lade_restore_events *lade_restore_screen_events(struct lade_restore_screen *screen)
{
	return &screen->events;
}

void lade_restore_screen_use(struct lade_restore_screen *screen, struct lade_restore *restore)
{
	screen->restore = restore;
}

static void print_sums(struct lade_restore_screen *screen, const struct lade_restore_figures *figures, double seconds)
{
	const bool dry = screen->settings.dry_run;
	char text[256], one[LADE_FIGURE_SIZE], other[LADE_FIGURE_SIZE], third[LADE_FIGURE_SIZE];

	snprintf(text, sizeof(text), "Files:       %s %s, %s unchanged, %s deleted", lade_figure(one, figures->files_made + figures->files_updated, LADE_HUMAN_GROUPED),
		 dry ? "to restore" : "restored", lade_figure(other, figures->files_unchanged, LADE_HUMAN_GROUPED), lade_figure(third, figures->deleted, LADE_HUMAN_GROUPED));
	print(screen, text);
	if (!dry) {
		snprintf(text, sizeof(text), "Fetched:     %sB, %sB were there", lade_figure(one, figures->bytes_fetched, LADE_HUMAN_BINARY),
			 lade_figure(other, figures->bytes_local + figures->bytes_unchanged, LADE_HUMAN_BINARY));
		print(screen, text);
	}
	snprintf(text, sizeof(text), "Restored:    %s files, %s directories, %sB in %.1f s", lade_figure(one, figures->files, LADE_HUMAN_GROUPED),
		 lade_figure(other, figures->directories, LADE_HUMAN_GROUPED), lade_figure(third, figures->bytes, LADE_HUMAN_BINARY), seconds);
	print(screen, text);
	if (figures->verified) {
		snprintf(text, sizeof(text), "Verified:    %s files", lade_figure(one, figures->verified, LADE_HUMAN_GROUPED));
		print(screen, text);
	}
}

void lade_restore_screen_finish(struct lade_restore_screen *screen, const struct lade_restore_figures *figures)
{
	const double seconds = (double)(lade_clock_ns() - screen->meter.start_ns) / 1e9;

	lade_bar_clear(&screen->bar);
	if (screen->settings.json) {
		lade_json_message(&screen->line, "summary");
		put_figures(screen, figures, figures->files, figures->bytes);
		lade_json_number(&screen->line, "bytes_fetched", figures->bytes_fetched);
		lade_json_number(&screen->line, "files_verified", figures->verified);
		lade_json_number(&screen->line, "error_count", figures->errors);
		end_json(screen);
	} else if (!screen->settings.quiet && (screen->terminal || screen->settings.verbose || screen->settings.dry_run)) {
		print_sums(screen, figures, seconds);
	}
	if (screen->problems && !screen->settings.json)
		fprintf(stderr, "lade: %" PRIu64 " %s, see above\n", screen->problems, screen->problems == 1 ? "problem" : "problems");
}

void lade_restore_screen_fail(struct lade_restore_screen *screen, const struct lade_complaint *complaint)
{
	lade_bar_clear(&screen->bar);
	if (screen->settings.json) {
		lade_json_message(&screen->line, "exit_error");
		lade_json_number(&screen->line, "code", (uint64_t)complaint->exit_status);
		lade_json_text(&screen->line, "message", complaint->text);
		end_json(screen);
	}
	lade_screen_print(stderr, complaint->text);
}
