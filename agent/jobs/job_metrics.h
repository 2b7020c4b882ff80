/*
 * What a job did, for Prometheus: a file of its text format for the textfile collector of node_exporter.
 */
#ifndef LADE_AGENT_JOBS_JOB_METRICS_H
#define LADE_AGENT_JOBS_JOB_METRICS_H

#include "agent/backup/backup.h"
#include "agent/jobs/job_state.h"
#include "protocol/bytes.h"

/* What is told of a run that has ended. */
struct lade_job_report {
	struct lade_job_state state;       /* after it */
	double seconds;                    /* that it took, with all its tries */
	unsigned tries;
	struct lade_backup_result result;  /* of the last one */
};

/* Append the text about the job called name. Failures are in writer->error. */
void lade_job_metrics_render(const char *name, const struct lade_job_report *report, struct lade_writer *writer);

/*
 * Let it be the file lade_NAME.prom in directory, in the place of an older one and for everybody to read. Returns 0, LADE_E_SYSTEM or LADE_E_MEMORY.
 */
int lade_job_metrics_put(const char *directory, const char *name, const struct lade_job_report *report, struct lade_fault *fault);

#endif
