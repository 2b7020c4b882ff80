/*
 * Hooks. All memory is taken before the fork.
 */
#include "agent/daemon/hook.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/privileges.h"

#define HOOK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NOT_EXECUTED 127

void lade_hook_set(struct lade_hook_environment *environment, const char *name, const char *format, ...)
{
	size_t room = sizeof(environment->text) - environment->len, len = strlen(name) + 1;
	char *at = environment->text + environment->len;
	va_list arguments;
	int value_len;

	if (len >= room || environment->count == LADE_HOOK_VARIABLES_MAX)
		return;
	memcpy(at, name, len - 1);
	at[len - 1] = '=';
	va_start(arguments, format);
	value_len = vsnprintf(at + len, room - len, format, arguments);
	va_end(arguments);
	if (value_len < 0 || (size_t)value_len >= room - len)
		return;
	environment->len += len + (size_t)value_len + 1;
	environment->count++;
}

/* In the new process. */
static void execute(char **argv, char **envp)
{
	int null = open("/dev/null", O_RDONLY);

	lade_privileges_reset_signals();
	(void)setpgid(0, 0);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0u, 0))
		_exit(NOT_EXECUTED);
	execvpe(argv[0], argv, envp);
	_exit(NOT_EXECUTED);
}

int lade_hook_start(const char *command, struct lade_hook_environment *environment, pid_t *pid_out, struct lade_fault *fault)
{
	char *words = strdup(command), *save = NULL, *envp[LADE_HOOK_VARIABLES_MAX + 2], *at = environment->text;
	char **argv = calloc(strlen(command) / 2 + 2, sizeof(*argv));
	size_t count = 0;
	int error = 0;

	if (!words || !argv) {
		error = lade_fault_set(fault, LADE_E_MEMORY, "run the hook", command);
		goto out;
	}
	for (char *word = strtok_r(words, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
		argv[count++] = word;
	envp[0] = (char *)"PATH=" HOOK_PATH;
	for (unsigned i = 0; i < environment->count; i++, at += strlen(at) + 1)
		envp[i + 1] = at;
	envp[environment->count + 1] = NULL;
	if (!count) {
		error = lade_fault_set(fault, LADE_E_USAGE, "run the hook", command);
		goto out;
	}
	*pid_out = fork();
	if (*pid_out == 0)
		execute(argv, envp);
	if (*pid_out < 0)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "run the hook", command);
out:
	free(words);
	free(argv);
	return error;
}
