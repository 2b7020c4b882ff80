/*
 * Tokens and passwords on their way from the user, in memory that is locked (agent/locked_memory.h).
 */
#ifndef LADE_AGENT_SECRET_H
#define LADE_AGENT_SECRET_H

#include <stdint.h>

#include "agent/complaint.h"
#include "protocol/limits.h"

/* The caller's storage; start with zeros. */
struct lade_secret {
	uint8_t *bytes; /* or NULL */
	size_t len;
};

/*
 * Take the one line of file, "-" being standard input, without its newline. Refused: a file that group or others can reach, an empty line, several
 * lines, more than LADE_SELECTION_MAX bytes. Returns 0, or a negative code with the complaint filled.
 */
int lade_secret_read(const char *file, struct lade_secret *secret_out, struct lade_complaint *complaint);

/* Ask for one at the terminal. Returns 0, or a negative code with the complaint filled; LADE_E_ABSENT, without: there is no terminal. */
int lade_secret_ask(const char *question, struct lade_secret *secret_out, struct lade_complaint *complaint);

/* Take word, of where, which messages name; refused as by lade_secret_read(). Returns 0, or a negative code with the complaint filled. */
int lade_secret_take(const char *word, const char *where, struct lade_secret *secret_out, struct lade_complaint *complaint);

/* The same with the one line that comes from fd, a pipe, to its end. */
int lade_secret_read_pipe(int fd, const char *where, struct lade_secret *secret_out, struct lade_complaint *complaint);

/*
 * What user shows to host: from file if it is not NULL, else what LADE_PASSWORD is, else from the file that LADE_PASSWORD_FILE names, else from the
 * terminal. Returns 0, or a negative code with the complaint filled.
 */
int lade_secret_find(const char *file, const char *user, const char *host, struct lade_secret *secret_out, struct lade_complaint *complaint);

/* Wipe and free; it is zeros again. */
void lade_secret_fini(struct lade_secret *secret);

#endif
