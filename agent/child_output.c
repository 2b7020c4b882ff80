/*
 * posix_spawn(3): the signal mask and the ignored SIGPIPE are ours alone.
 */
#include "agent/child_output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Spawn it with out as its standard output. 0 or an errno. */
static int spawn(char *const *argv, int out, pid_t *pid_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	/* We ignore it; who writes more than is read is to end by it. */
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!error)
		error = posix_spawnattr_setsigdefault(&attributes, &defaults);
	if (!error)
		error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawnp(pid_out, argv[0], &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

int lade_child_output_spawn(char *const *argv, pid_t *pid_out, int *fd_out)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC))
		return errno;
	error = spawn(argv, ends[1], pid_out);
	close(ends[1]);
	if (error)
		close(ends[0]);
	else
		*fd_out = ends[0];
	return error;
}

int lade_child_output_wait(pid_t pid, int *status_out)
{
	pid_t got;

	do {
		got = waitpid(pid, status_out, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -1 : 0;
}

int lade_child_output_start(struct lade_child_output *child, const char *const *words, size_t count, struct lade_complaint *complaint)
{
	char **argv = calloc(count + 1, sizeof(char *));
	int error;

	assert(count);
	if (!argv)
		return lade_complain_memory(complaint);
	for (size_t i = 0; i < count; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	error = lade_child_output_spawn(argv, &child->pid, &child->fd);
	free(argv);
	if (error)
		return lade_complain(complaint, 1, "run \"%.400s\": %s", words[0], strerror(error));
	child->name = words[0];
	return 0;
}

static int wait_for(struct lade_child_output *child, int *status_out)
{
	close(child->fd);
	child->fd = -1;
	return lade_child_output_wait(child->pid, status_out);
}

int lade_child_output_ready(void *context, struct lade_fault *fault)
{
	struct lade_child_output *child = context;

	if (wait_for(child, &child->status) == 0 && child->status == 0)
		return 0;
	return lade_fault_set(fault, LADE_E_REFUSED, "store the output of a command that failed:", child->name);
}

bool lade_child_output_complain(const struct lade_child_output *child, int exit_status, struct lade_complaint *complaint)
{
	const int status = child->status;

	if (!status)
		return false;
	if (WIFSIGNALED(status))
		lade_complain(complaint, exit_status, "\"%.400s\" was ended by a signal (%s): no snapshot of its output", child->name, strsignal(WTERMSIG(status)));
	else
		lade_complain(complaint, exit_status, "\"%.400s\" failed with exit status %d: no snapshot of its output", child->name, WEXITSTATUS(status));
	return true;
}

void lade_child_output_end(struct lade_child_output *child)
{
	int status;

	if (child->fd < 0)
		return;
	/* It may have nothing to write for a long time. */
	(void)kill(child->pid, SIGTERM);
	(void)wait_for(child, &status);
}
