/*
 * `lade run`: which jobs there are, and what is wanted of them. One after the other: two backups at once would be in each other's way.
 */
#include "agent/jobs/command_run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/config_include.h"
#include "agent/escape.h"
#include "agent/help.h"
#include "agent/jobs/job.h"
#include "agent/jobs/job_run.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/repository_options.h"
#include "agent/screen.h"
#include "agent/user_directory.h"

#define HINT "try 'lade help run'"
#define SYSTEM_DIRECTORY "/etc/lade/jobs.d"

/* Longest line of output. */
#define OUTPUT_MAX 65536u

enum run_option { RUN_LIST, RUN_CHECK, RUN_DUE, RUN_DIRECTORY, RUN_VERBOSE, RUN_QUIET, RUN_JSON, RUN_HELP };

static const struct lade_option_row rows[] = {
	{ .name = "list", .id = RUN_LIST },
	{ .name = "check", .id = RUN_CHECK },
	{ .name = "due", .id = RUN_DUE },
	{ .name = "jobs-dir", .id = RUN_DIRECTORY, .value = "DIR" },
	{ .name = "verbose", .letter = 'v', .id = RUN_VERBOSE },
	{ .name = "quiet", .letter = 'q', .id = RUN_QUIET },
	{ .name = "json", .id = RUN_JSON },
	{ .name = "help", .letter = 'h', .id = RUN_HELP },
};

/* What was asked for, and what there is. */
struct command {
	const char *directory;     /* of --jobs-dir; borrowed from argv; NULL: the usual one */
	bool usual;                /* it is that one, however it was said */
	const char **names;        /* name_count of them; the array is ours, the texts are in argv */
	unsigned name_count;
	bool list, check, due, help;
	struct lade_job_manner manner;
	char path[PATH_MAX];       /* of the directory */
	char **files;              /* of jobs, file_count, in order */
	unsigned file_count;
	int state_fd;
	struct lade_job_watch watch;
	int status;                /* the worst so far */
};

/* ---- words ---- */

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct command *command = context;

	(void)complaint;
	if (!use->row) {
		command->names[command->name_count++] = use->value;
		return 0;
	}
	switch ((enum run_option)use->row->id) {
	case RUN_LIST:
		command->list = true;
		break;
	case RUN_CHECK:
		command->check = true;
		break;
	case RUN_DUE:
		command->due = true;
		break;
	case RUN_DIRECTORY:
		command->directory = use->value;
		break;
	case RUN_VERBOSE:
		command->manner.verbose = true;
		break;
	case RUN_QUIET:
		command->manner.quiet = true;
		break;
	case RUN_JSON:
		command->manner.json = true;
		break;
	case RUN_HELP:
		command->help = true;
		return 1;
	}
	return 0;
}

/* What does not go together. */
static int check_words(const struct command *command, struct lade_complaint *complaint)
{
	const int modes = command->list + command->check + command->due;
	const char *wrong = NULL;

	if (modes > 1)
		wrong = "--list, --check and --due: give one of them";
	else if (!modes && !command->name_count)
		wrong = "which job? 'lade run --list' shows them; --due runs those whose time has come; " HINT;
	else if (command->manner.quiet && command->manner.verbose)
		wrong = "--quiet and --verbose: give one of them";
	else if (command->check && command->manner.json)
		wrong = "--check and --json do not go together";
	return wrong ? lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s", wrong) : 0;
}

/* ---- files ---- */

/* Where jobs usually are. */
static int usual_directory(char path_out[PATH_MAX], struct lade_fault *fault)
{
	if (geteuid() != 0)
		return lade_user_directory_config("jobs.d", path_out, fault);
	memcpy(path_out, SYSTEM_DIRECTORY, sizeof(SYSTEM_DIRECTORY));
	return 0;
}

/* Where jobs are: command->path. A job of the usual directory has one lock, whether that is named or not. */
static int choose_directory(struct command *command, struct lade_complaint *complaint)
{
	char usual[PATH_MAX] = "", real[PATH_MAX];
	struct lade_fault fault;
	int error = usual_directory(usual, &fault);

	if (!command->directory) {
		command->usual = true;
		memcpy(command->path, usual, sizeof(usual));
	} else if (realpath(command->directory, command->path)) {
		command->usual = !error && realpath(usual, real) && strcmp(real, command->path) == 0;
		error = 0;
	} else {
		error = lade_fault_set(&fault, LADE_E_SYSTEM, "open directory of jobs", command->directory);
	}
	return error ? lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault) : 0;
}

/* All files of jobs. Without a directory there are none. */
static int find_files(struct command *command, struct lade_complaint *complaint)
{
	struct stat st;
	const char *why;
	char *pattern;
	int error;

	if (stat(command->path, &st) && errno == ENOENT)
		return 0;
	if (asprintf(&pattern, "%s/*" LADE_JOB_SUFFIX, command->path) < 0)
		return lade_complain_memory(complaint);
	error = lade_config_include_find(pattern, &command->files, &command->file_count, &why);
	free(pattern);
	return error ? lade_complain(complaint, LADE_REPOSITORY_ERROR, "directory of jobs \"%.800s\": %s", command->path, why) : 0;
}

struct job_name {
	char text[NAME_MAX + 1];
};

/* The job that a file is. */
static struct job_name name_of(const char *file)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	struct job_name name;

	snprintf(name.text, sizeof(name.text), "%.*s", (int)(strlen(base) - strlen(LADE_JOB_SUFFIX)), base);
	return name;
}

/* The file of a job, or NULL. */
static const char *find_file(const struct command *command, const char *name)
{
	for (unsigned i = 0; i < command->file_count; i++)
		if (strcmp(name_of(command->files[i]).text, name) == 0)
			return command->files[i];
	return NULL;
}

/* ---- output ---- */

/* A line for people, which may hold what a file does. */
static void print_line(FILE *out, const char *text)
{
	struct lade_writer writer;

	lade_writer_init(&writer, OUTPUT_MAX);
	lade_escape_put_text(&writer, text);
	lade_writer_put_u8(&writer, '\n');
	if (!writer.error)
		(void)fwrite(writer.data, 1, writer.len, out);
	lade_writer_fini(&writer);
}

struct output {
	const char *file;
	FILE *out;
};

static void print_fault(void *context, const struct lade_config_error *error)
{
	const struct output *output = context;
	char text[LADE_CONFIG_ERROR_TEXT_MAX];

	lade_config_error_show(error, output->file, text);
	print_line(output->out, text);
}

/* Read a job; NULL after telling on out what is wrong. */
static struct lade_job *read_job(struct command *command, const char *file, FILE *out)
{
	const struct job_name name = name_of(file);
	struct output output = { file, out };
	struct lade_job *job = NULL;
	struct lade_complaint complaint;
	struct lade_fault fault;
	const char *why = lade_job_name_refuse(name.text);
	int error = why ? LADE_E_USAGE : lade_job_read(file, name.text, print_fault, &output, &job, &fault);

	if (!error)
		return job;
	command->status = lade_job_worse(command->status, LADE_REPOSITORY_ERROR);
	if (why) {
		struct lade_config_error wrong = { .line = 0 };

		snprintf(wrong.text, sizeof(wrong.text), "%s", why);
		print_fault(&output, &wrong);
	} else if (error != LADE_E_USAGE) {
		lade_complain_fault(&complaint, LADE_REPOSITORY_ERROR, &fault);
		print_line(out, complaint.text);
	}
	return NULL;
}

/* ---- --list ---- */

struct date {
	char text[32];
};

static struct date date_of(int64_t seconds)
{
	const time_t time = (time_t)seconds;
	struct date date = { "-" };
	struct tm tm;

	if (seconds && localtime_r(&time, &tm))
		(void)strftime(date.text, sizeof(date.text), "%Y-%m-%d %H:%M:%S", &tm);
	return date;
}

static void print_json(const struct lade_job *job, const struct lade_job_state *state, const int64_t *due)
{
	struct lade_writer writer;

	lade_writer_init(&writer, OUTPUT_MAX);
	lade_json_message(&writer, "job");
	lade_json_text(&writer, "name", job->name);
	lade_json_text(&writer, "file", job->file);
	if (state->start)
		lade_json_signed(&writer, "last_start", state->start);
	if (state->success)
		lade_json_signed(&writer, "last_success", state->success);
	if (state->has_status)
		lade_json_number(&writer, "last_status", (uint64_t)state->status);
	if (due)
		lade_json_signed(&writer, "due", *due);
	lade_json_end(&writer);
	lade_writer_put_u8(&writer, '\n');
	if (!writer.error)
		(void)fwrite(writer.data, 1, writer.len, stdout);
	lade_writer_fini(&writer);
}

static void list_job(struct command *command, const struct lade_job *job)
{
	const int64_t now = (int64_t)time(NULL);
	struct lade_job_state state;
	struct lade_fault fault;
	char status[16] = "-";
	int64_t due = 0;
	bool has_due;

	if (lade_job_state_get(command->state_fd, job->name, &state, &fault))
		lade_job_say(job, "%s", lade_fault_reason(&fault));
	has_due = lade_job_due(&job->schedule, now, state.success_start, &due);
	if (command->manner.json) {
		print_json(job, &state, has_due ? &due : NULL);
		return;
	}
	if (state.has_status)
		snprintf(status, sizeof(status), "%d", state.status);
	printf("%-20s %-19s %-19s %6s  %s\n", job->name, date_of(state.start).text, date_of(state.success).text, status,
	       !has_due ? "-" : due <= now ? "now" : date_of(due).text);
}

/* ---- one job ---- */

static void run_job(struct command *command, const struct lade_job *job)
{
	const struct lade_job_run run = { .job = job, .manner = command->manner, .state_fd = command->state_fd, .due = command->due, .watch = &command->watch };

	command->status = lade_job_worse(command->status, lade_job_run(&run));
}

static void handle(struct command *command, const char *file)
{
	struct lade_job *job = read_job(command, file, command->check ? stdout : stderr);

	if (!job)
		return;
	if (command->check)
		printf("%s: no fault\n", job->name);
	else if (command->list)
		list_job(command, job);
	else
		run_job(command, job);
	lade_job_free(job);
}

/* ---- all of them ---- */

/* All names are those of jobs: otherwise none is begun. */
static int check_names(const struct command *command, struct lade_complaint *complaint)
{
	for (unsigned i = 0; i < command->name_count; i++)
		if (!find_file(command, command->names[i]))
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "there is no job '%.100s' in %.600s; 'lade run --list' shows what there is",
					     command->names[i], command->path);
	return 0;
}

static int open_state(struct command *command, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	/* Without a directory there are no jobs, of which nothing is known. */
	if (command->check || !command->file_count)
		return 0;
	if (lade_job_state_open(command->path, command->usual, &command->state_fd, &fault))
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	return 0;
}

static int work(struct command *command, struct lade_complaint *complaint)
{
	int error = choose_directory(command, complaint);
	unsigned count;

	if (!error)
		error = find_files(command, complaint);
	if (!error)
		error = check_names(command, complaint);
	if (!error)
		error = open_state(command, complaint);
	if (error)
		return error;
	if (command->list && !command->manner.json)
		printf("%-20s %-19s %-19s %6s  %s\n", "JOB", "LAST START", "LAST SUCCESS", "STATUS", "DUE");
	count = command->name_count ? command->name_count : command->file_count;
	lade_job_watch_begin(&command->watch);
	for (unsigned i = 0; i < count && !command->watch.stopped; i++)
		handle(command, command->name_count ? find_file(command, command->names[i]) : command->files[i]);
	if (command->watch.stopped)
		command->status = LADE_REPOSITORY_INTERRUPTED;
	lade_job_watch_end(&command->watch);
	return 0;
}

static void fini(struct command *command)
{
	for (unsigned i = 0; i < command->file_count; i++)
		free(command->files[i]);
	free(command->files);
	free(command->names);
	if (command->state_fd >= 0)
		close(command->state_fd);
}

int lade_command_run(int argc, char **argv)
{
	struct command command = { .state_fd = -1, .status = LADE_REPOSITORY_OK };
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	const struct lade_option_walk walk = {
		.rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .apply = apply, .context = &command, .hint = HINT,
	};
	int error;

	command.names = calloc((size_t)argc, sizeof(*command.names));
	error = command.names && sodium_init() >= 0 ? lade_option_walk(&walk, argc - 1, argv + 1, &complaint) : lade_complain_memory(&complaint);
	if (error >= 0 && command.help)
		error = lade_help_print(stdout, "run");
	else if (!error)
		error = check_words(&command, &complaint);
	if (!error && !command.help)
		error = work(&command, &complaint);
	if (error) {
		lade_screen_print(stderr, complaint.text);
		command.status = complaint.exit_status;
	}
	fini(&command);
	return command.status;
}
