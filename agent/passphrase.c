/*
 * Passphrases. The command that prints one runs before there are threads.
 */
#include "agent/passphrase.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child_output.h"
#include "protocol/exit_status.h"

#define BLANKS " \t\n"

/* ---- commands ---- */

/*
 * Read one word at *from into *to; both move on, and to is never ahead. Returns 0, or LADE_E_USAGE for a quote or a backslash that nothing follows.
 */
static int take_word(const char **from, char **to)
{
	char quote = '\0';

	for (; **from && (quote || !strchr(BLANKS, **from)); (*from)++) {
		if (**from == quote) {
			quote = '\0';
		} else if (!quote && (**from == '\'' || **from == '"')) {
			quote = **from;
		} else {
			if (**from == '\\' && quote != '\'' && !*++*from)
				return LADE_E_USAGE;
			*(*to)++ = **from;
		}
	}
	/* The blank is passed before the NUL takes its place: words may be where command was. */
	if (**from)
		(*from)++;
	*(*to)++ = '\0';
	return quote ? LADE_E_USAGE : 0;
}

/* A command as an argv, whose words follow it in the same allocation. */
static char **split(const char *command)
{
	const size_t len = strlen(command), most = len / 2 + 2;
	char **argv = calloc(1, most * sizeof(*argv) + len + 2), *to;
	size_t count = 0;

	if (!argv)
		return NULL;
	to = (char *)(argv + most);
	while (*(command += strspn(command, BLANKS))) {
		argv[count++] = to;
		if (take_word(&command, &to)) {
			argv[0] = NULL;
			break;
		}
	}
	return argv;
}

/* Wait for its end. */
static int reap(pid_t pid, const char *command, struct lade_complaint *complaint)
{
	int status;

	if (lade_child_output_wait(pid, &status))
		return lade_complain(complaint, LADE_EXIT_IPC, "password command \"%.600s\": %s", command, strerror(errno));
	if (WIFSIGNALED(status))
		return lade_complain(complaint, LADE_EXIT_IPC, "password command \"%.600s\" was ended by signal %d", command, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return lade_complain(complaint, LADE_EXIT_IPC, "password command \"%.600s\" failed with exit status %d", command, WEXITSTATUS(status));
	return 0;
}

static int run(char **argv, const char *command, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	struct lade_complaint second;
	pid_t pid;
	int fd, error, failed = lade_child_output_spawn(argv, &pid, &fd);

	if (failed)
		return lade_complain(complaint, LADE_EXIT_IPC, "password command \"%.600s\": %s", command, strerror(failed));
	error = lade_secret_read_pipe(fd, "password command", secret_out, complaint);
	close(fd);
	failed = reap(pid, command, &second);
	/* That it failed says more than that it printed nothing. */
	if (failed)
		*complaint = second;
	if (failed && !error)
		lade_secret_fini(secret_out);
	return failed ? failed : error;
}

int lade_passphrase_run(const char *command, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	char **argv = split(command);
	int error;

	if (!argv)
		return lade_complain_memory(complaint);
	if (!argv[0] || !argv[0][0])
		error = lade_complain(complaint, LADE_EXIT_USAGE, "password command \"%.600s\": it is no command, or a quote is not closed", command);
	else
		error = run(argv, command, secret_out, complaint);
	free(argv);
	return error;
}

/* ---- all sources ---- */

/* A variable that is set, or NULL. */
static const char *variable(const struct lade_passphrase_sources *sources, const char *name)
{
	const char *value = sources->environment ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

bool lade_passphrase_given(const struct lade_passphrase_sources *sources)
{
	return sources->file || sources->command || variable(sources, "LADE_PASSWORD") || variable(sources, "LADE_PASSWORD_FILE") ||
	       variable(sources, "LADE_PASSWORD_COMMAND");
}

/* Ask at the terminal; twice: what nobody sees is easily mistyped. */
static int ask(const char *of, bool twice, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	struct lade_secret again = { 0 };
	char question[512];
	int error;

	snprintf(question, sizeof(question), "%s of the repository %.400s: ", twice ? "New password" : "Password", of);
	error = lade_secret_ask(question, secret_out, complaint);
	if (error == LADE_E_ABSENT)
		return lade_complain(complaint, LADE_EXIT_AUTH, "no password for the repository \"%.400s\": there is no terminal to ask on%s", of,
				     twice ? "" : "; give one by --password-file, --password-command, LADE_PASSWORD_FILE, LADE_PASSWORD_COMMAND or LADE_PASSWORD");
	if (error || !twice)
		return error;
	error = lade_secret_ask("Once more: ", &again, complaint);
	if (error == LADE_E_ABSENT)
		error = lade_complain(complaint, LADE_EXIT_AUTH, "the terminal is gone");
	if (!error && (again.len != secret_out->len || sodium_memcmp(again.bytes, secret_out->bytes, again.len) != 0))
		error = lade_complain(complaint, LADE_EXIT_AUTH, "the two differ");
	lade_secret_fini(&again);
	if (error)
		lade_secret_fini(secret_out);
	return error;
}

int lade_passphrase_find(const struct lade_passphrase_sources *sources, const char *of, bool twice, struct lade_secret *secret_out,
			 struct lade_complaint *complaint)
{
	const char *value;

	if (sources->file && sources->command)
		return lade_complain(complaint, LADE_EXIT_USAGE, "a password file and a password command: which of them?");
	if (sources->file)
		return lade_secret_read(sources->file, secret_out, complaint);
	if (sources->command)
		return lade_passphrase_run(sources->command, secret_out, complaint);
	value = variable(sources, "LADE_PASSWORD");
	if (value)
		return lade_secret_take(value, "LADE_PASSWORD", secret_out, complaint);
	value = variable(sources, "LADE_PASSWORD_FILE");
	if (value)
		return lade_secret_read(value, secret_out, complaint);
	value = variable(sources, "LADE_PASSWORD_COMMAND");
	if (value)
		return lade_passphrase_run(value, secret_out, complaint);
	return ask(of, twice, secret_out, complaint);
}
