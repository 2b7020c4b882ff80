/*
 * A job: a backup with a name that runs unattended. lade-jobs(5) has what its file says.
 *
 * What becomes of its files and of the repository is said in the words of `lade backup`: a job has the command line, each part of which that command
 * has looked at when the file was read.
 */
#ifndef LADE_AGENT_JOBS_JOB_H
#define LADE_AGENT_JOBS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/daemon/config.h"
#include "agent/jobs/schedule.h"
#include "protocol/error.h"

/* Longest name of a job, in bytes. */
#define LADE_JOB_NAME_MAX 64u

/* The end of a job's file. */
#define LADE_JOB_SUFFIX ".conf"

/* Most tries after the first one. */
#define LADE_JOB_RETRIES_MAX 100u

/* Which class of input and output a job has: ioprio_set(2). */
enum lade_job_ionice { LADE_JOB_IONICE_NONE, LADE_JOB_IONICE_BEST_EFFORT, LADE_JOB_IONICE_IDLE };

/* A list of texts, each of which is the job's own. */
struct lade_job_words {
	char **words; /* count */
	unsigned count;
};

struct lade_job {
	char *name;
	char *file;                    /* that it was read from */
	struct lade_job_words options; /* of `lade backup`: "--NAME=VALUE" each */
	struct lade_job_words operands; /* paths, or the words of the command whose output is backed up */
	bool has_command;              /* it is such a command */
	char *before, *after, *on_failure; /* hooks: commands, words parted by blanks, run without a shell; or NULL */
	unsigned retries;              /* tries after one that failed of something that may pass; default 0 */
	uint64_t retry_wait;           /* seconds before the first of them; default 60 */
	uint64_t timeout;              /* seconds that a try may take, or a hook; 0: any */
	int nice;                      /* -20 to 19; default 0: as it is */
	enum lade_job_ionice ionice;
	struct lade_job_schedule schedule;
	uint64_t jitter;               /* at most so many seconds pass before a job begins that is due; default 0 */
	char *metrics;                 /* directory; or NULL */
};

/* Why a job cannot be called that, static text, or NULL. */
const char *lade_job_name_refuse(const char *name);

/*
 * Read the job called name from file. Every fault is told by report, in the order of the lines. Returns 0 with a job that the caller frees with lade_job_free();
 * LADE_E_USAGE if report was called; LADE_E_REFUSED if others may write to it, or it is no regular file; LADE_E_SYSTEM if it cannot be read, LADE_E_LIMIT
 * if it is beyond all measure, LADE_E_MEMORY. Files with patterns that it names are read.
 */
int lade_job_read(const char *file, const char *name, lade_config_report *report, void *context, struct lade_job **job_out, struct lade_fault *fault);

/* Free all of it. NULL does nothing. */
void lade_job_free(struct lade_job *job);

/* What is said on the command line of `lade run`, for all its jobs. */
struct lade_job_manner {
	bool verbose, quiet, json;
};

/*
 * The command line of `lade backup`: *argv_out with a NULL behind it, the command's name first. Returns 0 or LADE_E_MEMORY; the caller frees it with
 * lade_job_command_line_free(), however its words were changed.
 */
int lade_job_command_line(const struct lade_job *job, const struct lade_job_manner *manner, int *argc_out, char ***argv_out);

/* Free it. NULL does nothing. */
void lade_job_command_line_free(char **argv);

#endif
