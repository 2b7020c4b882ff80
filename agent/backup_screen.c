/*
 * The figures of the bar are those of `lade sync` (agent/progress.h). It is drawn when something happens, at most five times a second.
 */
#include "agent/backup_screen.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/bar.h"
#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/json.h"
#include "agent/progress.h"
#include "agent/screen.h"
#include "protocol/grow.h"
#include "transport/clock.h"

#define DRAW_NS INT64_C(200000000)
#define FIRST_NS INT64_C(1000000000) /* what is done within a second needs no bar */
#define JSON_NS INT64_C(1000000000)
#define LINE_MAX_LEN (64u << 10)
#define SHORT_ID_LEN 8

/* Problems that are kept to be told once more. */
#define KEPT_MAX 100u

struct lade_backup_screen {
	const struct lade_backup_options *options;
	struct lade_backup_events events;
	struct lade_estimate *estimate;
	struct lade_progress_meter meter;
	uint64_t files_done, bytes_done;
	int64_t drawn_ns;
	bool terminal, bar_terminal; /* a person looks at standard output, at standard error */
	struct lade_bar bar;         /* on standard error */
	struct lade_writer line;
	char **problems;             /* kept lines */
	size_t problem_count, problem_room;
	uint64_t problems_total;
	bool scrolled;               /* lines came behind a problem */
};

/* ---- lines ---- */

static void start_line(struct lade_backup_screen *screen)
{
	lade_writer_reset(&screen->line);
}

static void end_line(struct lade_backup_screen *screen, FILE *file)
{
	lade_bar_clear(&screen->bar);
	lade_writer_put_u8(&screen->line, '\n');
	if (!screen->line.error)
		(void)fwrite(screen->line.data, 1, screen->line.len, file);
	if (file == stdout && screen->options->json)
		(void)fflush(stdout);
}

static void put_text(struct lade_backup_screen *screen, const char *text)
{
	lade_writer_put_bytes(&screen->line, text, strlen(text));
}

/* A line of its own on standard output, of text that is no name. */
static void print(struct lade_backup_screen *screen, const char *text)
{
	start_line(screen);
	put_text(screen, text);
	end_line(screen, stdout);
}

static bool is_talkative(const struct lade_backup_screen *screen)
{
	return !screen->options->json && !screen->options->quiet && (screen->terminal || screen->options->verbose);
}

/* restic(1) names its lines so. */
static void start_json(struct lade_backup_screen *screen, const char *type)
{
	start_line(screen);
	lade_json_message(&screen->line, type);
}

static void end_json(struct lade_backup_screen *screen)
{
	lade_json_end(&screen->line);
	end_line(screen, stdout);
}

/* ---- progress ---- */

static void draw(struct lade_backup_screen *screen)
{
	char line[LADE_PROGRESS_LINE_SIZE];
	const size_t len = lade_progress_line(&screen->meter, LADE_HUMAN_BINARY, false, line);

	lade_bar_draw(&screen->bar, stderr, line, len);
}

static void print_status(struct lade_backup_screen *screen, int64_t now_ns)
{
	const struct lade_progress *now = &screen->meter.now;

	start_json(screen, "status");
	lade_json_number(&screen->line, "seconds_elapsed", (uint64_t)(now_ns - screen->meter.start_ns) / 1000000000u);
	lade_json_real(&screen->line, "percent_done", now->bytes ? (double)now->bytes_done / (double)now->bytes : 0, 4);
	lade_json_number(&screen->line, "total_files", now->files);
	lade_json_number(&screen->line, "files_done", now->files_done);
	lade_json_number(&screen->line, "total_bytes", now->bytes);
	lade_json_number(&screen->line, "bytes_done", now->bytes_done);
	lade_json_number(&screen->line, "error_count", screen->problems_total);
	end_json(screen);
}

/* Something has moved. */
static void advance(struct lade_backup_screen *screen)
{
	const int64_t now_ns = lade_clock_ns();
	struct lade_progress progress = { .files_done = screen->files_done, .bytes_done = screen->bytes_done };

	if (!lade_backup_screen_shows_progress(screen) || now_ns - screen->drawn_ns < (screen->options->json ? JSON_NS : DRAW_NS))
		return;
	screen->drawn_ns = now_ns;
	progress.scanned = lade_estimate_get(screen->estimate, &progress.files, &progress.bytes);
	progress.entries = progress.files;
	/* What grew since it was looked at. */
	if (progress.bytes < progress.bytes_done)
		progress.bytes = progress.bytes_done;
	if (progress.files < progress.files_done)
		progress.files = progress.files_done;
	lade_progress_update(&screen->meter, &progress, now_ns);
	if (screen->options->json)
		print_status(screen, now_ns);
	else if (now_ns - screen->meter.start_ns >= FIRST_NS)
		draw(screen);
}

/* ---- events ---- */

static void on_entry(void *context, const char *path, const struct stat *st, enum lade_backup_action action)
{
	struct lade_backup_screen *screen = context;

	if (S_ISREG(st->st_mode))
		screen->files_done++;
	if (action == LADE_BACKUP_UNCHANGED)
		screen->bytes_done += (uint64_t)st->st_size;
	if (!screen->options->json && (screen->options->verbose > 2 || (screen->options->verbose > 1 && action == LADE_BACKUP_READ))) {
		start_line(screen);
		put_text(screen, action == LADE_BACKUP_UNCHANGED ? "unchanged  " : action == LADE_BACKUP_READ ? "read       " : "entry      ");
		lade_escape_put_text(&screen->line, path);
		end_line(screen, stdout);
		screen->scrolled = screen->problem_count;
	}
	advance(screen);
}

static void on_read(void *context, uint64_t bytes)
{
	struct lade_backup_screen *screen = context;

	screen->bytes_done += bytes;
	advance(screen);
}

/* Keep the line for the end. */
static void keep(struct lade_backup_screen *screen)
{
	char **problems;
	char *copy;

	if (screen->problem_count == KEPT_MAX || screen->line.error)
		return;
	problems = lade_grown(screen->problems, screen->problem_count, &screen->problem_room, sizeof(char *));
	if (!problems)
		return;
	screen->problems = problems;
	copy = strndup((const char *)screen->line.data, screen->line.len);
	if (copy)
		screen->problems[screen->problem_count++] = copy;
}

static void on_problem(void *context, const struct lade_fault *fault)
{
	struct lade_backup_screen *screen = context;
	struct lade_complaint complaint;

	screen->problems_total++;
	lade_complain_fault(&complaint, LADE_REPOSITORY_PARTIAL, fault);
	if (screen->options->json) {
		start_json(screen, "error");
		lade_json_text(&screen->line, "during", "archival");
		lade_json_text(&screen->line, "item", fault->subject);
		lade_json_text(&screen->line, "error", complaint.text);
		end_json(screen);
	}
	start_line(screen);
	put_text(screen, "lade: ");
	lade_escape_put_text(&screen->line, complaint.text);
	keep(screen);
	end_line(screen, stderr);
}

void lade_backup_screen_note(void *context, const char *text)
{
	struct lade_backup_screen *screen = context;

	start_line(screen);
	put_text(screen, "lade: ");
	lade_escape_put_text(&screen->line, text);
	end_line(screen, stderr);
}

/* ---- the beginning and the end ---- */

int lade_backup_screen_new(const struct lade_backup_options *options, struct lade_backup_screen **screen_out)
{
	struct lade_backup_screen *screen = calloc(1, sizeof(*screen));

	if (!screen)
		return LADE_E_MEMORY;
	screen->options = options;
	screen->events = (struct lade_backup_events){ .entry = on_entry, .problem = on_problem, .read = on_read, .context = screen };
	screen->terminal = isatty(STDOUT_FILENO);
	screen->bar_terminal = isatty(STDERR_FILENO);
	lade_writer_init(&screen->line, LINE_MAX_LEN);
	lade_progress_start(&screen->meter, lade_clock_ns());
	*screen_out = screen;
	return 0;
}

void lade_backup_screen_free(struct lade_backup_screen *screen)
{
	if (!screen)
		return;
	for (size_t i = 0; i < screen->problem_count; i++)
		free(screen->problems[i]);
	free(screen->problems);
	lade_writer_fini(&screen->line);
	free(screen);
}

const struct lade_backup_events *lade_backup_screen_events(struct lade_backup_screen *screen)
{
	return &screen->events;
}

bool lade_backup_screen_shows_progress(const struct lade_backup_screen *screen)
{
	return !screen->options->quiet && (screen->options->json || screen->bar_terminal);
}

void lade_backup_screen_use(struct lade_backup_screen *screen, struct lade_estimate *estimate)
{
	screen->estimate = estimate;
}

static void print_sums(struct lade_backup_screen *screen, const struct lade_backup_result *result, double seconds)
{
	const struct lade_scan_figures *scan = &result->scan;
	char text[256], one[LADE_FIGURE_SIZE], other[LADE_FIGURE_SIZE], third[LADE_FIGURE_SIZE], fourth[LADE_FIGURE_SIZE];

	snprintf(text, sizeof(text), "Files:       %s read, %s unchanged; %s directories, %s others",
		 lade_figure(one, scan->files - scan->files_unchanged, LADE_HUMAN_GROUPED), lade_figure(other, scan->files_unchanged, LADE_HUMAN_GROUPED),
		 lade_figure(third, scan->directories, LADE_HUMAN_GROUPED), lade_figure(fourth, scan->others, LADE_HUMAN_GROUPED));
	print(screen, text);
	snprintf(text, sizeof(text), "%s %sB, %sB stored", screen->options->dry_run ? "Would add:  " : "Added:      ", lade_figure(one, result->chunks.bytes_new, LADE_HUMAN_BINARY),
		 lade_figure(other, result->chunks.bytes_stored, LADE_HUMAN_BINARY));
	print(screen, text);
	snprintf(text, sizeof(text), "Processed:   %s files, %sB in %.1f s", lade_figure(one, result->scan.files, LADE_HUMAN_GROUPED),
		 lade_figure(other, result->scan.bytes, LADE_HUMAN_BINARY), seconds);
	print(screen, text);
}

/* What became of it, in one line. */
static void print_snapshot(struct lade_backup_screen *screen, const struct lade_backup_result *result)
{
	char text[64], id[2 * LADE_HASH_LEN + 1];

	sodium_bin2hex(id, sizeof(id), result->snapshot, LADE_HASH_LEN);
	if (result->made)
		snprintf(text, sizeof(text), "snapshot %.*s saved", SHORT_ID_LEN, id);
	else
		snprintf(text, sizeof(text), "%s", screen->options->dry_run ? "dry run: nothing was stored" : "nothing has changed: no snapshot");
	print(screen, text);
}

static void print_summary_json(struct lade_backup_screen *screen, const struct lade_backup_result *result, double seconds)
{
	char id[2 * LADE_HASH_LEN + 1];

	start_json(screen, "summary");
	lade_json_bool(&screen->line, "dry_run", screen->options->dry_run);
	lade_json_number(&screen->line, "files_read", result->scan.files - result->scan.files_unchanged);
	lade_json_number(&screen->line, "files_unmodified", result->scan.files_unchanged);
	lade_json_number(&screen->line, "dirs", result->scan.directories);
	lade_json_number(&screen->line, "others", result->scan.others);
	lade_json_number(&screen->line, "data_blobs", result->chunks.chunks_new);
	lade_json_number(&screen->line, "data_added", result->chunks.bytes_new);
	lade_json_number(&screen->line, "data_added_packed", result->chunks.bytes_stored);
	lade_json_number(&screen->line, "total_files_processed", result->scan.files);
	lade_json_number(&screen->line, "total_bytes_processed", result->scan.bytes);
	lade_json_number(&screen->line, "error_count", result->scan.errors);
	lade_json_real(&screen->line, "total_duration", seconds, 3);
	if (result->made) {
		sodium_bin2hex(id, sizeof(id), result->snapshot, LADE_HASH_LEN);
		lade_json_text(&screen->line, "snapshot_id", id);
	}
	end_json(screen);
}

/* What was missing, once more if it has scrolled away. */
static void print_problems(struct lade_backup_screen *screen, const struct lade_backup_result *result)
{
	const char *plural = screen->problems_total == 1 ? "it" : "them";
	char text[160];

	if (!screen->problems_total || screen->options->json)
		return;
	for (size_t i = 0; i < screen->problem_count && screen->scrolled; i++)
		fprintf(stderr, "%s\n", screen->problems[i]);
	snprintf(text, sizeof(text), "lade: %" PRIu64 " %s could not be read as a whole%s%s", screen->problems_total,
		 screen->problems_total == 1 ? "file or directory" : "files or directories", result->made ? "; the snapshot is there without " : "", result->made ? plural : "");
	fprintf(stderr, "%s\n", text);
}

void lade_backup_screen_finish(struct lade_backup_screen *screen, const struct lade_backup_result *result)
{
	const double seconds = (double)(lade_clock_ns() - screen->meter.start_ns) / 1e9;

	lade_bar_clear(&screen->bar);
	print_problems(screen, result);
	if (screen->options->json)
		print_summary_json(screen, result, seconds);
	if (!is_talkative(screen))
		return;
	print_sums(screen, result, seconds);
	print_snapshot(screen, result);
}

void lade_backup_screen_fail(struct lade_backup_screen *screen, const struct lade_complaint *complaint)
{
	lade_bar_clear(&screen->bar);
	if (screen->options->json) {
		start_json(screen, "exit_error");
		lade_json_number(&screen->line, "code", (uint64_t)complaint->exit_status);
		lade_json_text(&screen->line, "message", complaint->text);
		end_json(screen);
	}
	lade_screen_print(stderr, complaint->text);
}
