/*
 * Settings. What is one of an option of `lade backup` has its name, blanks for dashes, and is looked at by that command: so there is one place that knows
 * what values are good.
 */
#include "agent/jobs/job_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup_options.h"
#include "agent/quantity.h"

/* Most words of a list. */
#define WORDS_MAX 16384u

#define BLANKS " \t"

int lade_job_words_add(struct lade_job_words *list, const char *text)
{
	char **grown = realloc(list->words, (list->count + 1) * sizeof(*grown));

	if (!grown)
		return LADE_E_MEMORY;
	list->words = grown;
	grown[list->count] = strdup(text);
	if (!grown[list->count])
		return LADE_E_MEMORY;
	list->count++;
	return 0;
}

void lade_job_words_fini(struct lade_job_words *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
	*list = (struct lade_job_words){ NULL, 0 };
}

/* What is wrong with a value. Returns LADE_E_USAGE. */
static int refuse(struct lade_config_error *error, const struct lade_config_row *row, const char *value, const char *why)
{
	snprintf(error->text, sizeof(error->text), "%s: \"%.200s\": %s", row->name, value, why);
	return LADE_E_USAGE;
}

/* Add a word to the list at the row's field. */
static int add_word(const struct lade_config_row *row, void *base, const char *word, struct lade_config_error *error)
{
	struct lade_job_words *list = (struct lade_job_words *)(void *)((char *)base + row->off);

	return list->count < WORDS_MAX ? lade_job_words_add(list, word) : refuse(error, row, word, "there are more than 16384 of them");
}

/* ---- options of `lade backup` ---- */

/* Whether `lade backup` takes the option. */
static int try_option(const struct lade_config_row *row, const char *option, struct lade_config_error *error)
{
	/* Some are taken apart where they are. */
	char *copy = strdup(option), dashes[] = "--", path[] = "/", *argv[] = { copy, dashes, path, NULL };
	struct lade_backup_options options;
	struct lade_complaint complaint = { .exit_status = 0 };
	int result;

	if (!copy)
		return LADE_E_MEMORY;
	result = lade_backup_options_take(&options, 3, argv, &complaint);
	lade_backup_options_fini(&options);
	free(copy);
	if (result && result != LADE_E_MEMORY) {
		snprintf(error->text, sizeof(error->text), "%s: %.400s", row->name, complaint.text);
		result = LADE_E_USAGE;
	}
	return result;
}

/* "--NAME" or "--NAME=VALUE" of a setting, which the caller frees; NULL: no memory. */
static char *option_of(const struct lade_config_row *row, const char *value)
{
	const char *name = strcmp(row->name, "repository") == 0 ? "repo" : row->name;
	char *option;

	if (asprintf(&option, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
		return NULL;
	for (char *at = option; *at && *at != '='; at++)
		if (*at == ' ')
			*at = '-';
	return option;
}

static int set_option(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	char *option = option_of(row, value);
	/* Of a stream's name nothing can be said without the stream: lade_job_read() has it with all the others. */
	int result = !option ? LADE_E_MEMORY : strcmp(row->name, "stdin filename") == 0 ? 0 : try_option(row, option, error);

	if (!result)
		result = add_word(row, base, option, error);
	free(option);
	return result;
}

/* The same, and it may be there again. */
static int add_option(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_option(row, base, value, error);
}

static bool is_absolute(const char *path)
{
	return path[0] == '/';
}

/* Nobody knows in which directory a job is started. */
static int refuse_relative(struct lade_config_error *error, const struct lade_config_row *row, const char *value)
{
	return refuse(error, row, value, "it has to be an absolute path, one that begins with a slash");
}

/* An option whose value is a file. */
static int set_file(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return is_absolute(value) ? set_option(row, base, value, error) : refuse_relative(error, row, value);
}

static int add_file(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_file(row, base, value, error);
}

static int set_repository(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	const struct lade_repository_options options = { .repository = value };
	struct lade_complaint complaint = { .exit_status = 0 };
	char place[PATH_MAX];

	if (!is_absolute(value) && !strchr(value, ':'))
		return refuse_relative(error, row, value);
	if (lade_repository_options_place(&options, place, &complaint)) {
		snprintf(error->text, sizeof(error->text), "%.500s", complaint.text);
		return LADE_E_USAGE;
	}
	return set_option(row, base, value, error);
}

/* An option without a value: yes or no. */
static int set_flag(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	const struct lade_config_row yes_row = { .name = row->name };
	bool yes = false;
	char *option;
	int result = lade_config_set_yes(&yes_row, &yes, value, error);

	if (result || !yes)
		return result;
	option = option_of(row, NULL);
	result = option ? add_word(row, base, option, error) : LADE_E_MEMORY;
	free(option);
	return result;
}

/* ---- what is backed up ---- */

static int add_path(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return is_absolute(value) ? add_word(row, base, value, error) : refuse_relative(error, row, value);
}

static int set_command(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	struct lade_job *job = base;
	char *word;
	int result = 0;

	job->has_command = true;
	while (!result && (word = strsep(&value, BLANKS)))
		result = *word ? add_word(row, base, word, error) : 0;
	return result;
}

/* ---- a job's own ---- */

static int set_duration(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	uint64_t seconds;

	if (lade_job_duration_parse(value, &seconds) || seconds < row->min || seconds > row->max)
		return refuse(error, row, value, row->min > 1 ? "it has to be a time of a minute or more with its unit (30m, 6h, 1d, 1d12h)" :
								"it has to be a time with its unit (45s, 10m, 6h, 1d12h)");
	*(uint64_t *)(void *)((char *)base + row->off) = seconds;
	return 0;
}

/* Context of take_time(). */
struct times {
	const struct lade_config_row *row;
	struct lade_job_schedule *schedule;
	struct lade_config_error *error;
};

static int take_time(void *context, char *word)
{
	const struct times *times = context;
	unsigned minutes;

	if (lade_job_time_parse(word, &minutes))
		return refuse(times->error, times->row, word, "it has to be a time of the day such as 02:30, or several with commas between them");
	if (times->schedule->at_count == LADE_JOB_TIMES_MAX)
		return refuse(times->error, times->row, word, "there are more than 48 times");
	times->schedule->at[times->schedule->at_count++] = minutes;
	return 0;
}

static int set_at(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	struct lade_job *job = base;
	struct times times = { row, &job->schedule, error };

	if (!value[strspn(value, "," BLANKS)])
		return refuse(error, row, value, "there is no time in it");
	return lade_config_words(value, "," BLANKS, take_time, &times);
}

static int set_nice(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	const bool negative = value[0] == '-';
	uint64_t number;

	if (lade_quantity_number(value + negative, negative ? 20 : 19, &number))
		return refuse(error, row, value, "it has to be a number from -20 to 19");
	((struct lade_job *)base)->nice = negative ? -(int)number : (int)number;
	return 0;
}

static int set_ionice(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	struct lade_job *job = base;

	if (strcmp(value, "idle") == 0)
		job->ionice = LADE_JOB_IONICE_IDLE;
	else if (strcmp(value, "best-effort") == 0)
		job->ionice = LADE_JOB_IONICE_BEST_EFFORT;
	else
		return refuse(error, row, value, "it has to be idle, or best-effort, which is then the least of it");
	return 0;
}

/* ---- the table ---- */

#define OPTION(name, kind) { name, kind, offsetof(struct lade_job, options), 0, 0, 0 }
#define OWN(name, kind, field, min, max) { name, kind, offsetof(struct lade_job, field), 0, min, max }

static const struct lade_config_row rows[] = {
	OWN("path", add_path, operands, 0, 0),
	OPTION("files from", add_file),
	OPTION("files from0", add_file),
	OWN("command", set_command, operands, 0, 0),
	OPTION("stdin filename", set_option),
	OPTION("exclude", add_option),
	OPTION("iexclude", add_option),
	OPTION("exclude file", add_file),
	OPTION("iexclude file", add_file),
	OPTION("exclude caches", set_flag),
	OPTION("exclude if present", add_option),
	OPTION("exclude larger than", set_option),
	OPTION("one file system", set_flag),
	OPTION("gitignore", set_flag),
	OPTION("repository", set_repository),
	OPTION("repository file", set_file),
	OPTION("pin", set_option),
	OPTION("password file", set_file),
	OPTION("password command", set_option),
	OPTION("key file", set_file),
	OPTION("identity", set_file),
	OPTION("plaintext", set_flag),
	OPTION("tag", add_option),
	OPTION("host", set_option),
	OPTION("skip if unchanged", set_flag),
	OPTION("compression", set_option),
	OPTION("threads", set_option),
	OPTION("limit upload", set_option),
	OPTION("limit download", set_option),
	OWN("every", set_duration, schedule.every, 60, LADE_JOB_DURATION_MAX),
	OWN("at", set_at, schedule, 0, 0),
	OWN("jitter", set_duration, jitter, 0, LADE_JOB_DURATION_MAX),
	OWN("retries", lade_config_set_number, retries, 0, LADE_JOB_RETRIES_MAX),
	OWN("retry wait", set_duration, retry_wait, 1, LADE_JOB_WAIT_MAX),
	OWN("timeout", set_duration, timeout, 1, LADE_JOB_DURATION_MAX),
	OWN("nice", set_nice, nice, 0, 0),
	OWN("ionice", set_ionice, ionice, 0, 0),
	OWN("before", lade_config_set_command, before, 0, 0),
	OWN("after", lade_config_set_command, after, 0, 0),
	OWN("on failure", lade_config_set_command, on_failure, 0, 0),
	OWN("metrics", lade_config_set_path, metrics, 0, 0),
};

const struct lade_config_table lade_job_table = { rows, sizeof(rows) / sizeof(rows[0]) };

bool lade_job_setting_adds(const struct lade_config_row *row)
{
	return row->set == add_path || row->set == add_option || row->set == add_file;
}

const char *lade_job_setting_hint(const char *name)
{
	static const struct {
		const char *name, *hint;
	} hints[] = {
		{ "paths", "write path = PATH, once for each" },
		{ "source", "write path = PATH" },
		{ "sources", "write path = PATH, once for each" },
		{ "repo", "write repository = REPO" },
		{ "excludes", "write exclude = PATTERN, once for each" },
		{ "tags", "write tag = TAG,TAG" },
		{ "pins", "write pin = PIN" },
		{ "password", "write password file = FILE, which nobody else may read" },
		{ "schedule", "write every = 1d or at = 02:30" },
		{ "stdin from command", "write command = PROGRAM WORDS" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(name, hints[i].name) == 0)
			return hints[i].hint;
	return NULL;
}
