/*
 * --log-file: lines with a time and the process before them, at the end of a file.
 */
#ifndef LADE_AGENT_LOG_FILE_H
#define LADE_AGENT_LOG_FILE_H

#include "protocol/bytes.h"
#include "protocol/error.h"

struct lade_log_file;

/*
 * Open path for appending; it is made if it is not there. Returns 0, LADE_E_SYSTEM or LADE_E_MEMORY with the fault; the caller
 * closes it with lade_log_file_close().
 */
int lade_log_file_open(const char *path, struct lade_log_file **log_out, struct lade_fault *fault);

/* Close the file; all lines are in it. NULL does nothing. */
void lade_log_file_close(struct lade_log_file *log);

/* Add a line, escaped already, without its newline. It is written at once, in one piece. One thread at a time. */
void lade_log_file_line(struct lade_log_file *log, struct lade_slice line);

/* The errno of the first line that could not be written whole; 0: all were. */
int lade_log_file_errno(const struct lade_log_file *log);

#endif
