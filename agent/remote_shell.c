/*
 * Remote shells: splitting -e and putting the command together. Nothing here is run by a
 * shell on this host.
 */
#include "agent/remote_shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/exit_status.h"


/* -4, -l, user, host, command, NULL */
#define MORE_WORDS 6u

static const char *default_rsh(void)
{
	static const char *const names[] = { "LADE_RSH", "RSYNC_RSH" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return value;
	}
	return "ssh";
}

/*
 * Read one word at *from into *to (both move on; to never overtakes from's length).
 * Returns 0, or LADE_E_USAGE for a quote that is not closed.
 */
static int take_word(const char **from, char **to)
{
	char quote = '\0';

	for (; **from && (quote || !strchr(" \t\n", **from)); (*from)++) {
		char c = **from;

		if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else if (quote && c == quote) {
			if ((*from)[1] == quote)
				*(*to)++ = *++*from;
			else
				quote = '\0';
		} else {
			*(*to)++ = c;
		}
	}
	*(*to)++ = '\0';
	return quote ? LADE_E_USAGE : 0;
}

/* Split rsh into shell->words; argv is filled as far as the words go. */
static int split(struct lade_remote_shell *shell, const char *rsh, size_t *count_out)
{
	char *to = shell->words;
	size_t count = 0;

	for (;;) {
		rsh += strspn(rsh, " \t\n");
		if (!*rsh)
			break;
		shell->argv[count++] = to;
		if (take_word(&rsh, &to))
			return LADE_E_USAGE;
	}
	*count_out = count;
	return count && shell->argv[0][0] ? 0 : LADE_E_USAGE;
}

/* -4 or -6 behind the first word, if that is ssh. False if it is not. */
static bool add_family(struct lade_remote_shell *shell, int family, size_t *count)
{
	const char *slash = strrchr(shell->argv[0], '/');

	if (strcmp(slash ? slash + 1 : shell->argv[0], "ssh") != 0)
		return false;
	memmove(shell->argv + 2, shell->argv + 1, (*count - 1) * sizeof(*shell->argv));
	shell->argv[1] = (char *)(family == AF_INET ? "-4" : "-6");
	++*count;
	return true;
}

int lade_remote_shell_build(struct lade_remote_shell *shell, const struct lade_remote_shell_request *request,
			    struct lade_complaint *complaint)
{
	const char *serve = request->repository ? " serve --stdio --repository" : " serve --stdio";
	const char *rsh = request->rsh ? request->rsh : default_rsh(), *program = request->program ? request->program : "lade";
	size_t rsh_len = strlen(rsh), program_len = strlen(program), serve_size = strlen(serve) + 1, count;

	/* Each word takes a byte and its end or a space: never more words than half the bytes. */
	shell->argv = calloc(rsh_len / 2 + 1 + MORE_WORDS, sizeof(*shell->argv));
	shell->words = malloc(rsh_len + 2);
	shell->command = malloc(program_len + serve_size);
	if (!shell->argv || !shell->words || !shell->command)
		return lade_complain_memory(complaint);
	if (split(shell, rsh, &count))
		return lade_complain(
			complaint, LADE_EXIT_USAGE,
			"the remote shell '%s' is no command (a quote is not closed, or it is empty)",
			rsh);
	if (request->family && !add_family(shell, request->family, &count))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--ipv4 and --ipv6 are passed to ssh alone, not to '%s': write what it takes into -e", shell->argv[0]);
	memcpy(shell->command, program, program_len);
	memcpy(shell->command + program_len, serve, serve_size);
	if (request->remote->user) {
		shell->argv[count++] = (char *)"-l";
		shell->argv[count++] = request->remote->user;
	}
	shell->argv[count++] = request->remote->host;
	shell->argv[count++] = shell->command;
	return 0;
}

void lade_remote_shell_fini(struct lade_remote_shell *shell)
{
	free(shell->argv);
	free(shell->words);
	free(shell->command);
	memset(shell, 0, sizeof(*shell));
}
