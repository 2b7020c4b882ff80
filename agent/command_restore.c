/*
 * `lade restore SNAP[:PATH] --target DIR`. The words are those of restic(1) where that has them.
 */
#include "agent/command_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/exclude.h"
#include "agent/backup/restore.h"
#include "agent/help.h"
#include "agent/interrupt.h"
#include "agent/option_walk.h"
#include "agent/restore_screen.h"
#include "agent/screen.h"
#include "agent/snapshot_reading.h"
#include "agent/thread_count.h"

#define HINT "try 'lade help restore'"

enum restore_option {
	RESTORE_INCLUDE = LADE_REPOSITORY_OWN_OPTION,
	RESTORE_IINCLUDE,
	RESTORE_INCLUDE_FILE,
	RESTORE_IINCLUDE_FILE,
	RESTORE_EXCLUDE,
	RESTORE_IEXCLUDE,
	RESTORE_EXCLUDE_FILE,
	RESTORE_IEXCLUDE_FILE,
	RESTORE_OVERWRITE,
	RESTORE_VERBOSE,
};

struct options {
	struct lade_repository_options repository;
	struct lade_snapshot_choice choice;
	struct lade_excludes patterns; /* includes have "!" before them */
	bool includes;                 /* there are some */
	const char *snapshot, *target;
	enum lade_restore_overwrite overwrite;
	uint64_t threads;
	unsigned verbose;
	bool remove, dry_run, verify, sparse, numeric_ids, quiet, json, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "target", .letter = 't', .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(target), .value = "DIR" },
	{ .name = "include", .letter = 'i', .id = RESTORE_INCLUDE, .value = "PATTERN" },
	{ .name = "iinclude", .id = RESTORE_IINCLUDE, .value = "PATTERN" },
	{ .name = "include-file", .id = RESTORE_INCLUDE_FILE, .value = "FILE" },
	{ .name = "iinclude-file", .id = RESTORE_IINCLUDE_FILE, .value = "FILE" },
	{ .name = "exclude", .letter = 'e', .id = RESTORE_EXCLUDE, .value = "PATTERN" },
	{ .name = "iexclude", .id = RESTORE_IEXCLUDE, .value = "PATTERN" },
	{ .name = "exclude-file", .id = RESTORE_EXCLUDE_FILE, .value = "FILE" },
	{ .name = "iexclude-file", .id = RESTORE_IEXCLUDE_FILE, .value = "FILE" },
	LADE_SNAPSHOT_CHOICE_ROWS(OFF(choice)),
	{ .name = "overwrite", .id = RESTORE_OVERWRITE, .value = "WHEN" },
	{ .name = "delete", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(remove) },
	{ .name = "dry-run", .letter = 'n', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(dry_run) },
	{ .name = "verify", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(verify) },
	{ .name = "sparse", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(sparse) },
	{ .name = "numeric-ids", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(numeric_ids) },
	{ .name = "threads", .id = LADE_REPOSITORY_OPTION_COUNT, .bits = LADE_RESTORE_THREADS_MAX, .off = OFF(threads), .value = "COUNT" },
	{ .name = "verbose", .letter = 'v', .id = RESTORE_VERBOSE },
	{ .name = "quiet", .letter = 'q', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(quiet) },
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

struct command {
	struct options options;
	struct lade_snapshot_reading reading;
	struct lade_filter *filter;
	struct lade_restore_screen *screen;
	struct lade_restore_figures figures;
};

/* ---- options ---- */

/* An include is what takes back what others leave out. */
static int add_include(struct options *options, const char *pattern, bool fold, struct lade_complaint *complaint)
{
	char *text;
	int error;

	if (asprintf(&text, "!%s", pattern) < 0)
		return lade_complain_memory(complaint);
	error = lade_excludes_add(&options->patterns, text, fold);
	free(text);
	options->includes = true;
	return error ? lade_complain_memory(complaint) : 0;
}

static int add_include_file(struct options *options, const char *file, bool fold, struct lade_complaint *complaint)
{
	struct lade_excludes lines = { .items = NULL };
	struct lade_fault fault;
	int error = lade_excludes_add_file(&lines, file, fold, &fault);

	if (error)
		error = lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	for (size_t i = 0; i < lines.count && !error; i++)
		error = add_include(options, lines.items[i].pattern, fold, complaint);
	lade_excludes_fini(&lines);
	return error;
}

static int take_pattern(struct options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (!*use->value)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s: there is no pattern", use->spelled);
	switch (use->row->id) {
	case RESTORE_INCLUDE:
	case RESTORE_IINCLUDE:
		return add_include(options, use->value, use->row->id == RESTORE_IINCLUDE, complaint);
	case RESTORE_INCLUDE_FILE:
	case RESTORE_IINCLUDE_FILE:
		return add_include_file(options, use->value, use->row->id == RESTORE_IINCLUDE_FILE, complaint);
	case RESTORE_EXCLUDE_FILE:
	case RESTORE_IEXCLUDE_FILE:
		if (lade_excludes_add_file(&options->patterns, use->value, use->row->id == RESTORE_IEXCLUDE_FILE, &fault))
			return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
		return 0;
	default:
		return lade_excludes_add(&options->patterns, use->value, use->row->id == RESTORE_IEXCLUDE) ? lade_complain_memory(complaint) : 0;
	}
}

static int take_overwrite(struct options *options, const char *value, struct lade_complaint *complaint)
{
	static const struct {
		const char *name;
		enum lade_restore_overwrite overwrite;
	} names[] = {
		{ "if-changed", LADE_OVERWRITE_IF_CHANGED }, { "always", LADE_OVERWRITE_ALWAYS }, { "if-newer", LADE_OVERWRITE_IF_NEWER }, { "never", LADE_OVERWRITE_NEVER },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i].name) == 0) {
			options->overwrite = names[i].overwrite;
			return 0;
		}
	}
	return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--overwrite=%.100s: if-changed, always, if-newer or never", value);
}

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row) {
		if (options->snapshot)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.200s' is too much; " HINT, use->value);
		options->snapshot = use->value;
		return 0;
	}
	switch (use->row->id) {
	case RESTORE_VERBOSE:
		options->verbose++;
		return 0;
	case RESTORE_OVERWRITE:
		return take_overwrite(options, use->value, complaint);
	default:
		return take_pattern(options, use, complaint);
	}
}

/* What is missing, or does not go together. */
static int check(const struct options *options, struct lade_complaint *complaint)
{
	const char *wrong = NULL;

	if (!options->snapshot)
		wrong = "which snapshot? lade restore latest --target DIR; " HINT;
	else if (!options->target || !*options->target)
		wrong = "into which directory? --target=DIR; " HINT;
	else if (options->quiet && options->verbose)
		wrong = "--quiet and --verbose: give one of them";
	else if (options->dry_run && options->verify)
		wrong = "--dry-run restores nothing that --verify could read";
	return wrong ? lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s", wrong) : 0;
}

static int take_options(struct options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	const int error = lade_repository_options_take(&walk, options, argc, argv, complaint);

	return error || options->help ? error : check(options, complaint);
}

/* ---- running ---- */

static int make_filter(struct command *command, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (!command->options.patterns.count)
		return 0;
	if (lade_filter_new(&command->filter))
		return lade_complain_memory(complaint);
	if (lade_excludes_apply(&command->options.patterns, command->filter, &fault))
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	return 0;
}

static int make_screen(struct command *command, const struct lade_snapshot_named *named)
{
	const struct options *options = &command->options;
	const struct lade_snapshot_description *description = &named->item->description;
	struct lade_restore_screen_settings settings = {
		.json = options->json, .quiet = options->quiet, .dry_run = options->dry_run, .verbose = options->verbose,
	};

	/* What is left out is not known before it is met. */
	if (description->has_figures && !named->subpath && !command->filter) {
		settings.files = description->figures.files;
		settings.bytes = description->figures.bytes;
	}
	return lade_restore_screen_new(&settings, &command->screen);
}

/* What the fault means for who started the command. */
static int complain(const struct command *command, const struct lade_snapshot_named *named, const struct lade_fault *fault, struct lade_complaint *complaint)
{
	if (fault->code == LADE_E_CANCELLED)
		return lade_complain(complaint, LADE_REPOSITORY_INTERRUPTED, "interrupted: the same command goes on from here");
	if (named->subpath && (fault->code == LADE_E_ABSENT || fault->code == LADE_E_REFUSED))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "the snapshot has no \"%.600s\"", named->subpath);
	if (fault->code == LADE_E_TARGET || fault->code == LADE_E_SYSTEM)
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, fault);
	return lade_repository_complain(complaint, command->reading.name, fault);
}

static int restore(struct command *command, const struct lade_snapshot_named *named, struct lade_complaint *complaint)
{
	const struct options *options = &command->options;
	struct lade_snapshot_reading *reading = &command->reading;
	const struct lade_restore_setup setup = {
		.source = {
			.stream = lade_snapshot_reading_source(reading), .run = lade_snapshot_reading_run, .context = reading->fetch,
			.id_hash = reading->repository->format.id_hash, .ids_key = lade_repository_ids_key(reading->repository), .cut = &reading->cuts[0],
		},
		.root = named->item->description.root, .subpath = named->subpath, .paths = named->item->description.paths.texts,
		.path_count = named->item->description.paths.count, .target = options->target, .filter = command->filter, .only_included = options->includes,
		.overwrite = options->overwrite, .remove = options->remove, .dry_run = options->dry_run, .verify = options->verify, .sparse = options->sparse,
		.numeric_ids = options->numeric_ids, .threads = lade_thread_count(options->threads, LADE_RESTORE_THREADS_MAX),
		.stop = lade_interrupt_flag(), .events = lade_restore_screen_events(command->screen),
	};
	struct lade_restore *engine;
	struct lade_fault fault;
	int error;

	if (lade_restore_new(&setup, &engine))
		return lade_complain_memory(complaint);
	lade_restore_screen_use(command->screen, engine);
	error = lade_restore_run(engine, &fault);
	lade_restore_screen_use(command->screen, NULL);
	command->figures = lade_restore_figures(engine);
	lade_restore_free(engine);
	return error ? complain(command, named, &fault, complaint) : 0;
}

static int run(struct command *command, int argc, char **argv, struct lade_complaint *complaint)
{
	struct lade_snapshot_wish wish = { .repository = &command->options.repository, .choice = &command->options.choice };
	struct lade_snapshot_named named;
	int error = take_options(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	wish.snapshot = command->options.snapshot;
	wish.threads = command->options.threads;
	error = make_filter(command, complaint);
	if (!error)
		error = lade_snapshot_reading_begin(&command->reading, &wish, &named, complaint);
	if (!error && make_screen(command, &named))
		error = lade_complain_memory(complaint);
	if (error)
		return error;
	lade_interrupt_catch();
	return restore(command, &named, complaint);
}

int lade_command_restore(int argc, char **argv)
{
	struct command command = { .filter = NULL };
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	int status, error;

	lade_snapshot_reading_init(&command.reading);
	error = run(&command, argc, argv, &complaint);
	status = error ? complaint.exit_status : command.figures.errors ? LADE_REPOSITORY_PARTIAL : LADE_REPOSITORY_OK;
	if (error && command.screen)
		lade_restore_screen_fail(command.screen, &complaint);
	else if (error)
		lade_screen_print(stderr, complaint.text);
	else if (command.options.help)
		(void)lade_help_print(stdout, "restore");
	else
		lade_restore_screen_finish(command.screen, &command.figures);
	lade_restore_screen_free(command.screen);
	lade_snapshot_reading_close(&command.reading);
	lade_filter_free(command.filter);
	lade_excludes_fini(&command.options.patterns);
	return lade_snapshot_reading_exit(status);
}
