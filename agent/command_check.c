/*
 * `lade check`: the command line becomes what the engine takes (agent/backup/check.h), and what it finds becomes lines: what is wrong on standard error, all else on standard output; or JSON lines in the words of
 * restic(1). SIGINT, SIGTERM and SIGHUP end it; nothing is ever changed.
 */
#include "agent/command_check.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/check.h"
#include "agent/bar.h"
#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/help.h"
#include "agent/interrupt.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/repository_options.h"
#include "agent/repository_place.h"
#include "agent/repository_reach.h"
#include "agent/screen.h"
#include "agent/store/rollback.h"
#include "agent/thread_count.h"
#include "protocol/limits.h"
#include "transport/clock.h"

#define HINT "try 'lade help check'"
#define DRAW_NS INT64_C(200000000)
#define JSON_NS INT64_C(1000000000)

enum check_option { CHECK_READ_DATA = LADE_REPOSITORY_OWN_OPTION, CHECK_READ_SUBSET };

struct options {
	struct lade_repository_options repository;
	struct lade_check_setup setup;
	bool no_key, json, quiet, verbose, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "no-key", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(no_key) },
	{ .name = "read-data", .id = CHECK_READ_DATA },
	{ .name = "read-data-subset", .id = CHECK_READ_SUBSET, .value = "PART" },
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "quiet", .letter = 'q', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(quiet) },
	{ .name = "verbose", .letter = 'v', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(verbose) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

struct command {
	struct options options;
	bool terminal;          /* a person looks at standard error */
	struct lade_bar bar;    /* there */
	int64_t start_ns, drawn_ns;
	struct lade_writer line;
	char place[PATH_MAX];
	struct lade_complaint complaint;
};

/* ---- the command line ---- */

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.400s' is too much: the repository is given by --repo; " HINT, use->value);
	if (options->setup.read != LADE_CHECK_READ_NONE)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--read-data and --read-data-subset: which of them? " HINT);
	if (use->row->id == CHECK_READ_DATA)
		options->setup.read = LADE_CHECK_READ_ALL;
	else if (lade_check_subset(use->value, &options->setup))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--read-data-subset=%.100s: it is n/t (t at most 256), x%% or bytes with K, M, G or T",
				     use->value);
	return 0;
}

static int parse(struct command *command, int argc, char **argv)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	struct options *options = &command->options;
	const int error = lade_repository_options_take(&walk, options, argc - 1, argv + 1, &command->complaint);

	if (error || options->help)
		return error;
	if (options->no_key && options->setup.read != LADE_CHECK_READ_NONE)
		return lade_complain(&command->complaint, LADE_REPOSITORY_ERROR, "--no-key reads all packs, and opens none: --read-data is for who has a key");
	return lade_repository_options_place(&options->repository, command->place, &command->complaint);
}

/* ---- lines ---- */

static void put_text(struct command *command, const char *text)
{
	lade_writer_put_bytes(&command->line, text, strlen(text));
}

static void end_line(struct command *command, FILE *file)
{
	lade_bar_clear(&command->bar);
	lade_writer_put_u8(&command->line, '\n');
	if (!command->line.error)
		(void)fwrite(command->line.data, 1, command->line.len, file);
	if (command->options.json)
		(void)fflush(file);
	lade_writer_reset(&command->line);
}

static void print_finding_json(struct command *command, const struct lade_check_finding *finding)
{
	lade_json_message(&command->line, finding->severity == LADE_CHECK_ERROR ? "error" : "note");
	lade_json_text(&command->line, "object", finding->object);
	lade_json_text(&command->line, "message", finding->problem);
	if (finding->snapshot)
		lade_json_text(&command->line, "snapshot_id", finding->snapshot);
	if (finding->path)
		lade_json_text(&command->line, "path", finding->path);
	lade_json_end(&command->line);
	end_line(command, stdout);
}

/* OBJECT PROBLEM, and whom that hurts. */
static void found(void *context, const struct lade_check_finding *finding)
{
	struct command *command = context;
	const bool error = finding->severity == LADE_CHECK_ERROR;

	if (command->options.json) {
		print_finding_json(command, finding);
		return;
	}
	if (!error && !command->options.verbose)
		return;
	put_text(command, error ? "lade: " : "");
	lade_escape_put_text(&command->line, finding->object);
	put_text(command, ": ");
	put_text(command, finding->problem);
	if (finding->snapshot) {
		put_text(command, "; it hurts snapshot ");
		put_text(command, finding->snapshot);
	}
	if (finding->path) {
		put_text(command, ": ");
		lade_escape_put_text(&command->line, finding->path);
	}
	end_line(command, error ? stderr : stdout);
}

/* ---- progress ---- */

static void draw(struct command *command, const struct lade_check_figures *figures)
{
	char text[160], one[LADE_FIGURE_SIZE], other[LADE_FIGURE_SIZE];

	if (figures->phase == LADE_CHECK_PACKS && figures->packs_to_read)
		snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " packs read, %sB of %sB", figures->packs_read, figures->packs_to_read,
			 lade_figure(one, figures->bytes_read, LADE_HUMAN_BINARY), lade_figure(other, figures->bytes_to_read, LADE_HUMAN_BINARY));
	else if (figures->phase == LADE_CHECK_TREES)
		snprintf(text, sizeof(text), "%s directories, %s chunks", lade_figure(one, figures->directories, LADE_HUMAN_GROUPED),
			 lade_figure(other, figures->chunks, LADE_HUMAN_GROUPED));
	else
		snprintf(text, sizeof(text), "%s objects, %s tables", lade_figure(one, figures->objects, LADE_HUMAN_GROUPED),
			 lade_figure(other, figures->tables, LADE_HUMAN_GROUPED));
	lade_bar_draw(&command->bar, stderr, text, strlen(text));
}

static void print_status(struct command *command, const struct lade_check_figures *figures, int64_t now_ns)
{
	lade_json_message(&command->line, "status");
	lade_json_number(&command->line, "seconds_elapsed", (uint64_t)(now_ns - command->start_ns) / 1000000000u);
	lade_json_number(&command->line, "total_packs", figures->packs_to_read);
	lade_json_number(&command->line, "packs_done", figures->packs_read);
	lade_json_number(&command->line, "total_bytes", figures->bytes_to_read);
	lade_json_number(&command->line, "bytes_done", figures->bytes_read);
	lade_json_number(&command->line, "directories", figures->directories);
	lade_json_number(&command->line, "error_count", figures->errors);
	lade_json_end(&command->line);
	end_line(command, stdout);
}

static bool progress(void *context, const struct lade_check_figures *figures)
{
	struct command *command = context;
	const int64_t now_ns = lade_clock_ns();

	if (!command->options.quiet && (command->options.json || command->terminal) && now_ns - command->drawn_ns >= (command->options.json ? JSON_NS : DRAW_NS)) {
		command->drawn_ns = now_ns;
		if (command->options.json)
			print_status(command, figures, now_ns);
		else
			draw(command, figures);
	}
	return !atomic_load(lade_interrupt_flag());
}

/* ---- the end ---- */

static void print_summary_json(struct command *command, const struct lade_check_figures *figures)
{
	lade_json_message(&command->line, "summary");
	lade_json_number(&command->line, "num_errors", figures->errors);
	lade_json_number(&command->line, "num_notes", figures->notes);
	lade_json_number(&command->line, "snapshots", figures->snapshots);
	lade_json_number(&command->line, "tables", figures->tables);
	lade_json_number(&command->line, "packs", figures->packs);
	lade_json_number(&command->line, "packs_read", figures->packs_read);
	lade_json_number(&command->line, "bytes_read", figures->bytes_read);
	lade_json_number(&command->line, "chunks_read", figures->chunks_read);
	lade_json_number(&command->line, "directories", figures->directories);
	lade_json_real(&command->line, "total_duration", (double)(lade_clock_ns() - command->start_ns) / 1e9, 3);
	lade_json_end(&command->line);
	end_line(command, stdout);
}

static void print_summary(struct command *command, const struct lade_check_figures *figures)
{
	char one[LADE_FIGURE_SIZE], other[LADE_FIGURE_SIZE], third[LADE_FIGURE_SIZE];

	lade_bar_clear(&command->bar);
	if (command->options.json) {
		print_summary_json(command, figures);
		return;
	}
	if (!command->options.quiet) {
		printf("Checked:     %s snapshots, %s tables, %s packs", lade_figure(one, figures->snapshots, LADE_HUMAN_GROUPED),
		       lade_figure(other, figures->tables, LADE_HUMAN_GROUPED), lade_figure(third, figures->packs, LADE_HUMAN_GROUPED));
		printf(", %s directories\n", lade_figure(one, figures->directories, LADE_HUMAN_GROUPED));
	}
	if (!command->options.quiet && figures->packs_to_read)
		printf("Read:        %s packs, %sB in %.1f s\n", lade_figure(one, figures->packs_read, LADE_HUMAN_GROUPED),
		       lade_figure(other, figures->bytes_read, LADE_HUMAN_BINARY), (double)(lade_clock_ns() - command->start_ns) / 1e9);
	if (!command->options.quiet && !figures->errors)
		puts("no errors were found");
	(void)fflush(stdout);
	if (figures->errors)
		fprintf(stderr, "lade: %s %s found\n", lade_figure(one, figures->errors, LADE_HUMAN_GROUPED), figures->errors == 1 ? "error was" : "errors were");
}

/* ---- running ---- */

/* One more than there are processors for each two: while some wait for a disk the others work. */
static unsigned threads(void)
{
	const unsigned count = lade_thread_count(0, LADE_CHECK_THREADS_MAX);

	return lade_thread_count(count + (count + 1) / 2, LADE_CHECK_THREADS_MAX);
}

/* Without keys: the store as it is. */
static int check_names(struct command *command, struct lade_check_figures *figures)
{
	struct lade_store *store;
	struct lade_fault fault;
	int error = lade_repository_reach(&command->options.repository, command->place, false, &store, &command->complaint);

	if (error)
		return error;
	error = lade_check_store(store, &command->options.setup, figures, &fault);
	lade_store_close(store);
	if (error)
		lade_repository_complain(&command->complaint, command->place, &fault);
	if (error == LADE_E_ABSENT)
		command->complaint.exit_status = LADE_REPOSITORY_ABSENT;
	return error;
}

static void say(void *context, const char *text)
{
	(void)context;
	lade_screen_print(stderr, text);
}

/* How many things are less than they were when this host saw the repository last. */
static unsigned compare(const struct lade_repository *repository)
{
	struct lade_rollback_wish wish = { .repository = repository, .note = say };
	struct lade_repository_place place;
	struct lade_fault fault;
	int missing = 0;

	(void)lade_repository_place_open(&place, repository, &fault);
	wish.state_fd = place.state_fd;
	if (place.state_fd >= 0)
		missing = lade_rollback_compare(&wish, &fault);
	lade_repository_place_close(&place);
	return missing > 0 ? (unsigned)missing : 0;
}


static int check_all(struct command *command, struct lade_check_figures *figures)
{
	struct lade_repository *repository = NULL;
	struct lade_fault fault;
	unsigned missing;
	int error = lade_repository_options_open(&command->options.repository, LADE_MAY_READ, &repository, &command->complaint);

	if (error)
		return error;
	lade_interrupt_catch();
	missing = compare(repository);
	error = lade_check_repository(repository, &command->options.setup, figures, &fault);
	figures->errors += missing;
	lade_repository_close(repository);
	if (error)
		lade_repository_complain(&command->complaint, command->place, &fault);
	return error;
}

static int run(struct command *command)
{
	struct lade_check_figures figures = { .errors = 0 };
	int error;

	command->start_ns = command->drawn_ns = lade_clock_ns();
	command->terminal = isatty(STDERR_FILENO);
	command->options.setup.threads = threads();
	command->options.setup.found = found;
	command->options.setup.progress = progress;
	command->options.setup.context = command;
	if (command->options.no_key) {
		lade_interrupt_catch();
		error = check_names(command, &figures);
	} else {
		error = check_all(command, &figures);
	}
	lade_bar_clear(&command->bar);
	if (!error)
		print_summary(command, &figures);
	else if (error == LADE_E_CANCELLED || atomic_load(lade_interrupt_flag()))
		command->complaint.exit_status = LADE_REPOSITORY_INTERRUPTED;
	return error ? error : figures.errors ? 1 : 0;
}

int lade_command_check(int argc, char **argv)
{
	struct command command = { .terminal = false };
	int result = sodium_init() < 0 ? lade_complain_memory(&command.complaint) : parse(&command, argc, argv);

	if (!result && command.options.help)
		return lade_help_print(stdout, "check");
	lade_writer_init(&command.line, LADE_CONTROL_MAX);
	if (!result)
		result = run(&command);
	lade_writer_fini(&command.line);
	if (result >= 0)
		return result ? LADE_REPOSITORY_ERROR : LADE_REPOSITORY_OK;
	lade_screen_print(stderr, command.complaint.text);
	return command.complaint.exit_status ? command.complaint.exit_status : LADE_REPOSITORY_ERROR;
}
