/*
 * Each metric has its help and its type before its one sample. A job's name needs no escapes (lade_job_name_refuse()). The label is "name": "job" is one
 * of Prometheus's own.
 */
#include "agent/jobs/job_metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/jobs/job.h"
#include "agent/state.h"

/* Longest text. */
#define TEXT_MAX 16384u
/* Longest metric, with its help. */
#define METRIC_MAX 512u

#define FILE_MODE 0644

/* A whole number. All of these are gauges: they are about the last run. */
static void put(struct lade_writer *writer, const char *metric, const char *help, const char *name, int64_t value)
{
	char text[METRIC_MAX];
	const int len = snprintf(text, sizeof(text), "# HELP %s %s\n# TYPE %s gauge\n%s{name=\"%s\"} %" PRId64 "\n", metric, help, metric, metric, name, value);

	lade_writer_put_bytes(writer, text, (size_t)len);
}

void lade_job_metrics_render(const char *name, const struct lade_job_report *report, struct lade_writer *writer)
{
	const struct lade_backup_result *result = &report->result;
	char text[METRIC_MAX];
	int len;

	put(writer, "lade_job_last_start_timestamp_seconds", "When the last run of the job began.", name, report->state.start);
	put(writer, "lade_job_last_success_timestamp_seconds", "When the last run ended that made a snapshot or needed none; 0: none has.", name, report->state.success);
	put(writer, "lade_job_last_status", "Exit status of the last run: 0 all is well, 3 some files are missing, others: nothing was backed up.", name,
	    report->state.has_status ? report->state.status : 0);
	len = snprintf(text, sizeof(text), "# HELP %s %s\n# TYPE %s gauge\n%s{name=\"%s\"} %.3f\n", "lade_job_last_duration_seconds",
		       "How long the last run took, with all its tries.", "lade_job_last_duration_seconds", "lade_job_last_duration_seconds", name, report->seconds);
	lade_writer_put_bytes(writer, text, (size_t)len);
	put(writer, "lade_job_last_tries", "How often the last run tried.", name, report->tries);
	put(writer, "lade_job_last_files", "Files that the last run met.", name, (int64_t)result->scan.files);
	put(writer, "lade_job_last_bytes", "Bytes of these files.", name, (int64_t)result->scan.bytes);
	put(writer, "lade_job_last_new_bytes", "Bytes of which the repository had none.", name, (int64_t)result->chunks.bytes_new);
	put(writer, "lade_job_last_stored_bytes", "Bytes by which the packs of the repository grew.", name, (int64_t)result->chunks.bytes_stored);
	put(writer, "lade_job_last_errors", "Files that the last run could not read.", name, (int64_t)result->scan.errors);
}

/* A file of the directory, which is complete when it has its name. */
static int put_file(int directory_fd, const char *file, const struct lade_writer *writer, struct lade_fault *fault)
{
	int fd, error = lade_state_new_file(directory_fd, &fd, fault);

	if (error)
		return error;
	error = lade_state_write(fd, writer->data, writer->len, fault);
	if (!error && fchmod(fd, FILE_MODE))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write metrics to", file);
	if (!error)
		return lade_state_replace(directory_fd, fd, file, fault);
	lade_state_discard(directory_fd, fd);
	return error;
}

int lade_job_metrics_put(const char *directory, const char *name, const struct lade_job_report *report, struct lade_fault *fault)
{
	char file[sizeof("lade_.prom") + LADE_JOB_NAME_MAX];
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
	struct lade_writer writer;

	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open the directory for metrics", directory);
	snprintf(file, sizeof(file), "lade_%.*s.prom", (int)LADE_JOB_NAME_MAX, name);
	lade_writer_init(&writer, TEXT_MAX);
	lade_job_metrics_render(name, report, &writer);
	error = writer.error ? lade_fault_set(fault, writer.error, "write metrics to", directory) : put_file(fd, file, &writer, fault);
	lade_writer_fini(&writer);
	close(fd);
	return error;
}
