/*
 * Files of jobs. Lines and faults are those of the daemon's configuration (agent/daemon/config_lines.h, config_build.h); there are no sections.
 */
#include "agent/jobs/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backup_options.h"
#include "agent/daemon/config_build.h"
#include "agent/daemon/config_include.h"
#include "agent/daemon/config_lines.h"
#include "agent/jobs/job_table.h"

#define RETRY_WAIT_S 60u

/* What a job may be called: it is a part of names of files, of units and of metrics. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

const char *lade_job_name_refuse(const char *name)
{
	if (!*name)
		return "a job needs a name";
	if (*name == '.' || *name == '-')
		return "a job's name does not begin with a dot or a dash";
	if (name[strspn(name, NAME_CHARACTERS)])
		return "a job's name has letters, digits, dots, dashes and underscores alone";
	if (strlen(name) > LADE_JOB_NAME_MAX)
		return "a job's name has at most 64 bytes";
	return NULL;
}

/* ---- reading ---- */

struct reading {
	struct lade_job *job;
	struct lade_config_faults *faults;
	unsigned *lines; /* where each setting is; 0: nowhere */
};

static int take_section(void *context, const char *name, unsigned line)
{
	struct reading *reading = context;

	lade_config_fault(reading->faults, line, "[%.100s]: a job has no sections: one file is one job", name);
	return 0;
}

static void complain_unknown(const struct reading *reading, const char *name, unsigned line)
{
	const struct lade_config_row *alike = lade_config_table_alike(&lade_job_table, name);
	const char *hint = lade_job_setting_hint(name);

	if (alike)
		lade_config_fault(reading->faults, line, "%.100s: there is no such setting; it is written \"%s\"", name, alike->name);
	else if (hint)
		lade_config_fault(reading->faults, line, "%s: there is no such setting; %s", name, hint);
	else
		lade_config_fault(reading->faults, line, "%.100s: there is no such setting; see lade-jobs(5)", name);
}

static int take_setting(void *context, const char *name, char *value, unsigned line)
{
	struct reading *reading = context;
	const size_t number = lade_config_table_find(&lade_job_table, name);
	const struct lade_config_row *row;
	struct lade_config_error error;
	int result;

	if (number == lade_job_table.count) {
		complain_unknown(reading, name, line);
		return 0;
	}
	row = &lade_job_table.rows[number];
	if (reading->lines[number] && !lade_job_setting_adds(row)) {
		lade_config_fault(reading->faults, line, "%s: this is set already, in line %u", name, reading->lines[number]);
		return 0;
	}
	if (!reading->lines[number])
		reading->lines[number] = line;
	if (!*value) {
		lade_config_fault(reading->faults, line, "%s: its value is missing; for the default, leave the line out", name);
		return 0;
	}
	result = row->set(row, reading->job, value, &error);
	if (result == LADE_E_USAGE) {
		lade_config_fault(reading->faults, line, "%s", error.text);
		return 0;
	}
	return result;
}

static void take_fault(void *context, unsigned line, const char *text)
{
	lade_config_fault(((struct reading *)context)->faults, line, "%s", text);
}

/* The line of a setting; 0: it is not there. */
static unsigned line_of(const struct reading *reading, const char *name)
{
	return reading->lines[lade_config_table_find(&lade_job_table, name)];
}

/* Two settings of which a job has one at most. */
static void check_either(const struct reading *reading, const char *one, const char *other)
{
	const unsigned a = line_of(reading, one), b = line_of(reading, other);

	if (a && b)
		lade_config_fault(reading->faults, a > b ? a : b, "%s and %s: which of them? A job has one", one, other);
}

/* What `lade backup` says of the whole command line. */
static int check_command_line(const struct reading *reading)
{
	const struct lade_job_manner manner = { false, false, false };
	struct lade_complaint complaint = { .exit_status = 0 };
	struct lade_backup_options options;
	char **argv;
	int argc, error = lade_job_command_line(reading->job, &manner, &argc, &argv);

	if (error)
		return error;
	error = lade_backup_options_take(&options, argc - 1, argv + 1, &complaint);
	lade_backup_options_fini(&options);
	lade_job_command_line_free(argv);
	if (!error || error == LADE_E_MEMORY)
		return error;
	lade_config_fault(reading->faults, 0, "%.400s", complaint.text);
	return 0;
}

/* What only the whole of it shows. */
static int finish(const struct reading *reading)
{
	const bool has_tree = line_of(reading, "path") || line_of(reading, "files from") || line_of(reading, "files from0");

	if (!has_tree && !line_of(reading, "command"))
		lade_config_fault(reading->faults, 0, "nothing says what is to be backed up: write path = PATH");
	if (!line_of(reading, "repository") && !line_of(reading, "repository file"))
		lade_config_fault(reading->faults, 0, "nothing says where it goes: write repository = REPO");
	check_either(reading, "repository", "repository file");
	check_either(reading, "path", "command");
	check_either(reading, "every", "at");
	check_either(reading, "password file", "password command");
	if (line_of(reading, "jitter") && !line_of(reading, "every") && !line_of(reading, "at"))
		lade_config_fault(reading->faults, line_of(reading, "jitter"), "jitter: it is for a job that is due by \"every\" or \"at\"");
	if (line_of(reading, "retry wait") && !line_of(reading, "retries"))
		lade_config_fault(reading->faults, line_of(reading, "retry wait"), "retry wait: nothing is tried again without \"retries\"");
	/* It would say some of that again. */
	return reading->faults->count ? 0 : check_command_line(reading);
}

static struct lade_job *new_job(const char *file, const char *name)
{
	struct lade_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->retry_wait = RETRY_WAIT_S;
	job->name = strdup(name);
	job->file = strdup(file);
	if (job->name && job->file)
		return job;
	lade_job_free(job);
	return NULL;
}

static int read_lines(FILE *stream, struct reading *reading)
{
	const struct lade_config_events events = { take_section, take_setting, take_fault, reading };
	int error = lade_config_lines_read(stream, &events);

	return error ? error : finish(reading);
}

/* Open a job's file. What runs commands must not be a group's to write, either; crontab(5) has that rule, too. */
static int open_file(const char *file, FILE **stream_out, struct lade_fault *fault)
{
	char subject[LADE_FAULT_SUBJECT_SIZE];
	struct stat st;
	int error = lade_config_open(file, stream_out, fault);

	if (error || (fstat(fileno(*stream_out), &st) == 0 && !(st.st_mode & S_IWGRP)))
		return error;
	(void)fclose(*stream_out);
	snprintf(subject, sizeof(subject), "%.900s (its group may write to it: chmod g-w)", file);
	return lade_fault_set(fault, LADE_E_REFUSED, "read", subject);
}

int lade_job_read(const char *file, const char *name, lade_config_report *report, void *context, struct lade_job **job_out, struct lade_fault *fault)
{
	struct reading reading = { .job = NULL };
	FILE *stream = NULL;
	int error = open_file(file, &stream, fault);

	*job_out = NULL;
	if (error)
		return error;
	reading.job = new_job(file, name);
	reading.faults = calloc(1, sizeof(*reading.faults));
	reading.lines = calloc(lade_job_table.count, sizeof(*reading.lines));
	error = reading.job && reading.faults && reading.lines ? read_lines(stream, &reading) : LADE_E_MEMORY;
	if (error) {
		lade_fault_set(fault, error, "read", file);
	} else if (reading.faults->count) {
		for (unsigned i = 0; i < reading.faults->count; i++)
			report(context, &reading.faults->errors[i]);
		error = lade_fault_set(fault, LADE_E_USAGE, "read", file);
	} else {
		*job_out = reading.job;
		reading.job = NULL;
	}
	lade_job_free(reading.job);
	free(reading.faults);
	free(reading.lines);
	(void)fclose(stream);
	return error;
}

void lade_job_free(struct lade_job *job)
{
	if (!job)
		return;
	free(job->name);
	free(job->file);
	lade_job_words_fini(&job->options);
	lade_job_words_fini(&job->operands);
	free(job->before);
	free(job->after);
	free(job->on_failure);
	free(job->metrics);
	free(job);
}

/* ---- the command line ---- */

int lade_job_command_line(const struct lade_job *job, const struct lade_job_manner *manner, int *argc_out, char ***argv_out)
{
	struct lade_job_words line = { NULL, 0 };
	const struct {
		const char *word;
		bool there;
	} flags[] = {
		{ "--verbose", manner->verbose }, { "--quiet", manner->quiet }, { "--json", manner->json }, { "--stdin-from-command", job->has_command },
	};
	char **argv = NULL, name[sizeof("--job=") + LADE_JOB_NAME_MAX];
	int error = lade_job_words_add(&line, "backup");

	snprintf(name, sizeof(name), "--job=%s", job->name);
	if (!error)
		error = lade_job_words_add(&line, name);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && !error; i++)
		error = flags[i].there ? lade_job_words_add(&line, flags[i].word) : 0;
	for (unsigned i = 0; i < job->options.count && !error; i++)
		error = lade_job_words_add(&line, job->options.words[i]);
	if (!error)
		error = lade_job_words_add(&line, "--");
	for (unsigned i = 0; i < job->operands.count && !error; i++)
		error = lade_job_words_add(&line, job->operands.words[i]);
	if (!error)
		argv = realloc(line.words, (line.count + 1) * sizeof(*argv));
	if (!argv) {
		lade_job_words_fini(&line);
		return LADE_E_MEMORY;
	}
	argv[line.count] = NULL;
	*argc_out = (int)line.count;
	*argv_out = argv;
	return 0;
}

void lade_job_command_line_free(char **argv)
{
	for (char **at = argv; at && *at; at++)
		free(*at);
	free(argv);
}
