/*
 * What a command of the user's prints: run without a shell, its standard output read through a pipe.
 */
#ifndef LADE_AGENT_CHILD_OUTPUT_H
#define LADE_AGENT_CHILD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/complaint.h"
#include "protocol/error.h"

/* The caller's storage; fd -1: nothing was started. */
struct lade_child_output {
	int fd;           /* to read from */
	pid_t pid;
	const char *name; /* borrowed */
	int status;       /* how it ended, as of waitpid(2); 0 until then */
};

/* Start count words, the first of which is a program that is looked for in PATH; borrowed. Standard input and error are ours. Returns 0 or a negative code with the complaint filled. */
int lade_child_output_start(struct lade_child_output *child, const char *const *words, size_t count, struct lade_complaint *complaint);

/* All was read: wait for its end. Returns 0, or LADE_E_REFUSED: it did not end well. For struct lade_backup_setup.ready; context is the child. */
int lade_child_output_ready(void *context, struct lade_fault *fault);

/* True if it has ended, and not well: then the complaint, whose exit status is given, says how. */
bool lade_child_output_complain(const struct lade_child_output *child, int exit_status, struct lade_complaint *complaint);

/*
 * For who reads the output in another way. Start argv, which ends with NULL and whose first word is looked for in PATH, with its standard output in a
 * pipe. Returns 0 with the end to read from, which the caller closes, and the process, for lade_child_output_wait(); or an errno, and changes neither.
 */
int lade_child_output_spawn(char *const *argv, pid_t *pid_out, int *fd_out);

/* Wait for its end: how it ended, as of waitpid(2). Returns 0, or -1 with errno. */
int lade_child_output_wait(pid_t pid, int *status_out);

/* If it was not waited for: close the pipe, tell it to end (SIGTERM), and wait for that. */
void lade_child_output_end(struct lade_child_output *child);

#endif
