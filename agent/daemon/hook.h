/*
 * Hooks: commands of the administrator's that run before and behind a session. No shell has a look at them: the words of the command are
 * parted by blanks, and all that comes from a peer is in the environment, escaped by nobody and interpreted by nobody.
 */
#ifndef LADE_AGENT_DAEMON_HOOK_H
#define LADE_AGENT_DAEMON_HOOK_H

#include <sys/types.h>

#include "protocol/error.h"

/* Longest environment, in variables and bytes of all of them. */
#define LADE_HOOK_VARIABLES_MAX 24u
#define LADE_HOOK_ENVIRONMENT_MAX 16384u

/* What a hook is told. Start with zeros. */
struct lade_hook_environment {
	char text[LADE_HOOK_ENVIRONMENT_MAX]; /* NAME=VALUE, each with its NUL */
	size_t len;
	unsigned count;
};

/* Add a variable, printf-like. What does not fit is left out. */
void lade_hook_set(struct lade_hook_environment *environment, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Start command with that environment (and PATH), /dev/null for its input and our standard error for its output, no other descriptor. Returns 0 with the
 * process, which the caller reaps (exit status 127: it could not be executed), LADE_E_USAGE (there is no word in it), LADE_E_SYSTEM or LADE_E_MEMORY.
 */
int lade_hook_start(const char *command, struct lade_hook_environment *environment, pid_t *pid_out, struct lade_fault *fault);

#endif
