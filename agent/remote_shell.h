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

/* What is to be started. All is borrowed. */
struct lade_remote_shell_request {
	const char *rsh;     /* -e; NULL: $LADE_RSH, $RSYNC_RSH, "ssh" */
	const struct lade_endpoint *remote;
	const char *program; /* NULL: "lade" */
	int family;          /* AF_INET, AF_INET6 or AF_UNSPEC */
	bool repository;     /* a repository is to be served, not trees */
};

/*
 * Build the argv: the words of rsh (see rsync(1), --rsh: quotes are honoured, two of a kind inside their own stand for one, no
 * shell reads it), -4 or -6 for a family if the first of them is ssh, `-l user` if remote has one, its host, and "PROGRAM serve --stdio" (with
 * --repository if that is what is meant) as one argument. Paths are not in it: they travel inside the protocol. Returns 0, or LADE_E_USAGE (a family for a shell that is not
 * ssh, too) or LADE_E_MEMORY with the complaint filled.
 */
int lade_remote_shell_build(struct lade_remote_shell *shell, const struct lade_remote_shell_request *request,
			    struct lade_complaint *complaint);

/* Free what the shell owns; it is zeros again. */
void lade_remote_shell_fini(struct lade_remote_shell *shell);

#endif
