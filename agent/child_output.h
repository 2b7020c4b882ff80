/*
 * What a command of the user's prints: run without a shell, its standard output read through a pipe.
 */
#ifndef LADE_AGENT_CHILD_OUTPUT_H
#define LADE_AGENT_CHILD_OUTPUT_H

#include <stddef.h>
#include <sys/types.h>

#include "agent/complaint.h"
#include "protocol/error.h"

/* The caller's storage; fd -1: nothing was started. */
struct lade_child_output {
	int fd;           /* to read from */
	pid_t pid;
	const char *name; /* borrowed */
};

/* Start count words, the first of which is a program that is looked for in PATH; borrowed. Standard input and error are ours. Returns 0 or a negative code with the complaint filled. */
int lade_child_output_start(struct lade_child_output *child, const char *const *words, size_t count, struct lade_complaint *complaint);

/* All was read: wait for its end. Returns 0, or LADE_E_REFUSED: it did not end well. For struct lade_backup_setup.ready; context is the child. */
int lade_child_output_ready(void *context, struct lade_fault *fault);

/* Close the pipe, by which it ends if it still writes, and wait for it. */
void lade_child_output_end(struct lade_child_output *child);

#endif
