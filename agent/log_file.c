/*
 * Lines of a log. Several processes may add to one file: O_APPEND and one write(2) keep their lines apart.
 */
#include "agent/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/out_format.h"

struct lade_log_file {
	int fd;
	int first_errno;
	struct lade_writer line;
};

int lade_log_file_open(const char *path, struct lade_log_file **log_out, struct lade_fault *fault)
{
	struct lade_log_file *log = calloc(1, sizeof(*log));

	if (!log)
		return lade_fault_set(fault, LADE_E_MEMORY, "open log file", path);
	log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (log->fd < 0) {
		lade_fault_set(fault, LADE_E_SYSTEM, "open log file", path);
		free(log);
		return LADE_E_SYSTEM;
	}
	lade_writer_init(&log->line, SIZE_MAX);
	*log_out = log;
	return 0;
}

void lade_log_file_close(struct lade_log_file *log)
{
	if (!log)
		return;
	close(log->fd);
	lade_writer_fini(&log->line);
	free(log);
}

void lade_log_file_line(struct lade_log_file *log, struct lade_slice line)
{
	char process[32];
	int len = snprintf(process, sizeof(process), " [%ld] ", (long)getpid());
	ssize_t written;

	lade_writer_reset(&log->line);
	lade_format_time(&log->line, time(NULL), ' ');
	lade_writer_put_bytes(&log->line, process, (size_t)len);
	lade_writer_put_bytes(&log->line, line.data, line.len);
	lade_writer_put_u8(&log->line, '\n');
	if (log->line.error) {
		log->first_errno = log->first_errno ? log->first_errno : ENOMEM;
		return;
	}
	do {
		written = write(log->fd, log->line.data, log->line.len);
	} while (written < 0 && errno == EINTR);
	/* A part only: the disk is full. */
	if (written != (ssize_t)log->line.len && !log->first_errno)
		log->first_errno = written < 0 ? errno : ENOSPC;
}

int lade_log_file_errno(const struct lade_log_file *log)
{
	return log->first_errno;
}
