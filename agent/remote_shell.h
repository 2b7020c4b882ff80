/*
 * The command by which the other side is started through a remote shell.
 */
#ifndef LADE_AGENT_REMOTE_SHELL_H
#define LADE_AGENT_REMOTE_SHELL_H

#include "agent/complaint.h"
#include "agent/endpoint.h"

/* An argv and its words, in one allocation each; the caller's storage. Start with zeros. */
struct lade_remote_shell {
	char **argv;   /* NULL-terminated */
	char *words;   /* the words of the shell's command */
	char *command; /* what the far side runs: one argument, read by the far shell */
};

/*
 * Build the argv: the words of rsh (NULL: $LADE_RSH, $RSYNC_RSH, "ssh"; see rsync(1), --rsh:
 * quotes are honoured, two of a kind inside their own stand for one, no shell reads it), `-l user`
 * if remote has one, its host, and "PROGRAM serve --stdio" as one argument (program NULL: "lade").
 * Paths are not in it: they travel inside the protocol. Returns 0, or LADE_E_USAGE or
 * LADE_E_MEMORY with the complaint filled.
 */
int lade_remote_shell_build(struct lade_remote_shell *shell, const char *rsh,
			    const struct lade_endpoint *remote, const char *program,
			    struct lade_complaint *complaint);

/* Free what the shell owns; it is zeros again. */
void lade_remote_shell_fini(struct lade_remote_shell *shell);

#endif
