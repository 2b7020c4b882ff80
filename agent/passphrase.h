/*
 * Where the passphrase of a repository comes from, as with restic: options, then LADE_PASSWORD, LADE_PASSWORD_FILE, LADE_PASSWORD_COMMAND, then the
 * terminal.
 */
#ifndef LADE_AGENT_PASSPHRASE_H
#define LADE_AGENT_PASSPHRASE_H

#include <stdbool.h>

#include "agent/secret.h"

/* What the command line says; each may be NULL; borrowed. */
struct lade_passphrase_sources {
	const char *file;    /* the line of it: lade_secret_read() */
	const char *command; /* what this prints: lade_passphrase_run() */
	bool environment;    /* else the variables do not count: the passphrase is a new one beside another */
};

/* True if there is a source besides the terminal. */
bool lade_passphrase_given(const struct lade_passphrase_sources *sources);

/*
 * Get it. of: the repository's location, for the question. twice: a new one, which is asked for twice at the terminal. Returns 0 with what
 * lade_secret_fini() wipes, or a negative code with the complaint filled.
 */
int lade_passphrase_find(const struct lade_passphrase_sources *sources, const char *of, bool twice, struct lade_secret *secret_out,
			 struct lade_complaint *complaint);

/*
 * Run a command without a shell and take the one line that it prints. Its words are separated by blanks; '...' and "..." hold blanks, and a
 * backslash, but inside '...', takes the next character as it is. It has our standard input and error. Returns as lade_passphrase_find(); one that
 * cannot be run, or fails, is an error.
 */
int lade_passphrase_run(const char *command, struct lade_secret *secret_out, struct lade_complaint *complaint);

#endif
