/*
 * The words are those of restic(1) where that has them.
 */
#include "agent/backup_options.h"

#include <string.h>
#include <time.h>

#include "agent/backup/pool.h"
#include "agent/quantity.h"
#include "chunker/codec.h"

#define HINT "try 'lade help backup'"

/* Words for levels: at 7 a source tree is 8 % shorter than at 3, for three times the time. */
#define LEVEL_FAST 1
#define LEVEL_BETTER 7

enum backup_option {
	BACKUP_EXCLUDE = LADE_REPOSITORY_OWN_OPTION,
	BACKUP_IEXCLUDE,
	BACKUP_EXCLUDE_FILE,
	BACKUP_IEXCLUDE_FILE,
	BACKUP_MARK,
	BACKUP_LARGER,
	BACKUP_LIST,
	BACKUP_LIST_NUL,
	BACKUP_COMMAND,
	BACKUP_TAG,
	BACKUP_TIME,
	BACKUP_COMPRESSION,
	BACKUP_VERBOSE,
};

#define OFF(field) offsetof(struct lade_backup_options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "exclude", .letter = 'e', .id = BACKUP_EXCLUDE, .value = "PATTERN" },
	{ .name = "iexclude", .id = BACKUP_IEXCLUDE, .value = "PATTERN" },
	{ .name = "exclude-file", .id = BACKUP_EXCLUDE_FILE, .value = "FILE" },
	{ .name = "iexclude-file", .id = BACKUP_IEXCLUDE_FILE, .value = "FILE" },
	{ .name = "exclude-caches", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(exclude_caches) },
	{ .name = "exclude-if-present", .id = BACKUP_MARK, .value = "NAME[:HEADER]" },
	{ .name = "exclude-larger-than", .id = BACKUP_LARGER, .value = "SIZE" },
	{ .name = "one-file-system", .letter = 'x', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(one_file_system) },
	{ .name = "gitignore", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(gitignore) },
	{ .name = "files-from", .id = BACKUP_LIST, .value = "FILE" },
	{ .name = "files-from0", .alias = "files-from-raw", .id = BACKUP_LIST_NUL, .value = "FILE" },
	{ .name = "stdin", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(from_stdin) },
	{ .name = "stdin-filename", .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(stdin_name), .value = "PATH" },
	{ .name = "stdin-from-command", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(from_command) },
	{ .name = "tag", .id = BACKUP_TAG, .value = "TAG[,TAG]..." },
	{ .name = "host", .letter = 'H', .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(host), .value = "NAME" },
	{ .name = "job", .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(job), .value = "NAME" },
	{ .name = "time", .id = BACKUP_TIME, .value = "TIME" },
	{ .name = "skip-if-unchanged", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(skip_if_unchanged) },
	{ .name = "dry-run", .letter = 'n', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(dry_run) },
	{ .name = "force", .letter = 'f', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(force) },
	{ .name = "compression", .id = BACKUP_COMPRESSION, .value = "LEVEL" },
	{ .name = "threads", .id = LADE_REPOSITORY_OPTION_COUNT, .bits = LADE_POOL_MAX, .off = OFF(threads), .value = "COUNT" },
	{ .name = "verbose", .letter = 'v', .id = BACKUP_VERBOSE },
	{ .name = "quiet", .letter = 'q', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(quiet) },
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

static int add_exclude(struct lade_backup_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	const bool fold = use->row->id == BACKUP_IEXCLUDE || use->row->id == BACKUP_IEXCLUDE_FILE;
	struct lade_fault fault;

	if (use->row->id == BACKUP_EXCLUDE || use->row->id == BACKUP_IEXCLUDE) {
		if (!use->value[strspn(use->value, "!")])
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s: there is no pattern", use->spelled);
		return lade_excludes_add(&options->excludes, use->value, fold) ? lade_complain_memory(complaint) : 0;
	}
	if (lade_excludes_add_file(&options->excludes, use->value, fold, &fault))
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	return 0;
}

/* off, auto and the like, or a level of zstd. */
static int take_compression(const char *text, int *level_out, struct lade_complaint *complaint)
{
	static const struct {
		const char *name;
		int level;
	} names[] = { { "off", 0 }, { "auto", LADE_CODEC_LEVEL_DEFAULT }, { "fast", LEVEL_FAST }, { "better", LEVEL_BETTER }, { "max", LADE_CODEC_LEVEL_MAX } };
	uint64_t level;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i].name) == 0) {
			*level_out = names[i].level;
			return 0;
		}
	}
	if (lade_quantity_number(text, LADE_CODEC_LEVEL_MAX, &level))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--compression=%.100s: off, auto, fast, better, max, or a level from 1 to %d", text, LADE_CODEC_LEVEL_MAX);
	*level_out = (int)level;
	return 0;
}

/* "2026-11-22 03:00:00", with a T or without seconds too, in local time; or "@" and seconds since 1970. */
static int take_time(const char *text, struct lade_backup_options *options, struct lade_complaint *complaint)
{
	static const char *const forms[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	uint64_t seconds;

	options->has_time = true;
	if (text[0] == '@' && lade_quantity_number(text + 1, INT64_MAX, &seconds) == 0 && seconds) {
		options->time = (int64_t)seconds;
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			options->time = mktime(&tm);
			if (options->time > 0)
				return 0;
		}
	}
	return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--time=%.100s: such as '2026-11-22 03:00:00', or @ and seconds since 1970, from 1 on", text);
}

/* TAG,TAG: the commas become ends. argv is ours to change. */
static int add_tags(struct lade_backup_options *options, const char *value, struct lade_complaint *complaint)
{
	char *text = (char *)(uintptr_t)value, *tag;
	int error = 0;

	while (!error && (tag = strsep(&text, ",")))
		error = *tag ? lade_texts_add(&options->tags, tag, complaint) : 0;
	return error;
}

static int take_value(struct lade_backup_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch (use->row->id) {
	case BACKUP_MARK:
		return lade_texts_add(&options->marks, use->value, complaint);
	case BACKUP_LARGER:
		if (lade_quantity_size(use->value, 1, &options->larger_than) || !options->larger_than)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--exclude-larger-than=%.100s: a size such as 100M", use->value);
		return 0;
	case BACKUP_LIST:
		return lade_texts_add(&options->lists, use->value, complaint);
	case BACKUP_LIST_NUL:
		return lade_texts_add(&options->lists_nul, use->value, complaint);
	case BACKUP_TAG:
		return add_tags(options, use->value, complaint);
	case BACKUP_TIME:
		return take_time(use->value, options, complaint);
	case BACKUP_COMPRESSION:
		return take_compression(use->value, &options->level, complaint);
	default:
		return add_exclude(options, use, complaint);
	}
}

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct lade_backup_options *options = context;

	if (!use->row)
		return lade_texts_add(&options->paths, use->value, complaint);
	if (use->row->id != BACKUP_VERBOSE)
		return take_value(options, use, complaint);
	options->verbose++;
	return 0;
}

static bool chooses_files(const struct lade_backup_options *options)
{
	return options->excludes.count || options->marks.count || options->exclude_caches || options->gitignore || options->one_file_system || options->larger_than;
}

/* What does not go together. */
static int check(struct lade_backup_options *options, struct lade_complaint *complaint)
{
	const bool stream = options->from_stdin || options->from_command;
	const char *wrong = NULL;

	if (options->from_stdin && options->from_command)
		wrong = "--stdin and --stdin-from-command: give one of them";
	else if (options->from_command && !options->paths.count)
		wrong = "--stdin-from-command needs a command: lade backup --stdin-from-command -- pg_dump mydb";
	else if (options->from_stdin && options->paths.count)
		wrong = "--stdin and paths do not go together";
	else if (stream && (options->lists.count || options->lists_nul.count))
		wrong = "--stdin and --files-from do not go together";
	else if (stream && chooses_files(options))
		wrong = "--stdin and --stdin-from-command: what leaves out files does not go with them";
	else if (stream && options->skip_if_unchanged)
		wrong = "--skip-if-unchanged is for files: what comes from a pipe is as old as its backup";
	else if (options->stdin_name && !stream)
		wrong = "--stdin-filename is for --stdin and --stdin-from-command";
	else if (!stream && !options->paths.count && !options->lists.count && !options->lists_nul.count)
		wrong = "what is to be backed up? lade backup -r REPO PATH...; " HINT;
	else if (options->quiet && options->verbose)
		wrong = "--quiet and --verbose: give one of them";
	return wrong ? lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s", wrong) : 0;
}

int lade_backup_options_take(struct lade_backup_options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	int error;

	*options = (struct lade_backup_options){ .level = LADE_CODEC_LEVEL_DEFAULT };
	error = lade_repository_options_take(&walk, options, argc, argv, complaint);
	return error || options->help ? error : check(options, complaint);
}

void lade_backup_options_fini(struct lade_backup_options *options)
{
	lade_texts_fini(&options->paths);
	lade_texts_fini(&options->tags);
	lade_texts_fini(&options->marks);
	lade_texts_fini(&options->lists);
	lade_texts_fini(&options->lists_nul);
	lade_excludes_fini(&options->excludes);
}
