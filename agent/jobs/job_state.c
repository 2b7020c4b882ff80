/*
 * A state is one line of numbers behind a word that says which version of it this is. A lock is a file that is never removed: otherwise two could hold
 * two files of one name.
 */
#include "agent/jobs/job_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/jobs/job.h"
#include "agent/state.h"

#define DIRECTORY "jobs"
#define WORD "lade-job-1"
#define FORMAT WORD " %" PRId64 " %" PRId64 " %" PRId64 " %d\n"

/* Longest state: four numbers and the word. */
#define STATE_MAX 128u

/* In the place of a status: no run has ended. */
#define NO_STATUS (-1)
#define STATUS_MAX 255

/* Other directories have states of their own: "jobs-" and part of a hash of the path. */
#define HASH_LEN 16u

struct file_name {
	char text[LADE_JOB_NAME_MAX + sizeof(".state")];
};

static struct file_name file_name(const char *job, const char *end)
{
	struct file_name name;

	snprintf(name.text, sizeof(name.text), "%.*s%s", (int)LADE_JOB_NAME_MAX, job, end);
	return name;
}

int lade_job_state_open(const char *jobs_directory, bool usual, int *fd_out, struct lade_fault *fault)
{
	char name[sizeof(DIRECTORY "-") + (size_t)2 * HASH_LEN], path[PATH_MAX];
	uint8_t hash[HASH_LEN];

	if (usual)
		return lade_state_open(DIRECTORY, fd_out, fault);
	if (!realpath(jobs_directory, path))
		return lade_fault_set(fault, LADE_E_SYSTEM, "open", jobs_directory);
	(void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)path, strlen(path), NULL, 0);
	memcpy(name, DIRECTORY "-", sizeof(DIRECTORY "-"));
	sodium_bin2hex(name + sizeof(DIRECTORY), sizeof(name) - sizeof(DIRECTORY), hash, sizeof(hash));
	return lade_state_open(name, fd_out, fault);
}

/* Take a blank and a number from min to max. Returns what is behind it, or NULL. */
static const char *take_number(const char *text, int64_t min, int64_t max, int64_t *number_out)
{
	char *end;

	if (!text || text[0] != ' ' || !strchr("-0123456789", text[1]))
		return NULL;
	errno = 0;
	*number_out = strtoll(text + 1, &end, 10);
	return errno || end == text + 1 || *number_out < min || *number_out > max ? NULL : end;
}

/* Take the numbers of a state. What makes no sense is none. */
static void take(const char *text, struct lade_job_state *state_out)
{
	struct lade_job_state state = { 0 };
	int64_t status;

	if (strncmp(text, WORD, strlen(WORD)) != 0)
		return;
	text = take_number(text + strlen(WORD), 0, INT64_MAX, &state.start);
	text = take_number(text, 0, INT64_MAX, &state.success_start);
	text = take_number(text, 0, INT64_MAX, &state.success);
	text = take_number(text, NO_STATUS, STATUS_MAX, &status);
	if (!text || strcmp(text, "\n") != 0)
		return;
	state.has_status = status != NO_STATUS;
	state.status = state.has_status ? (int)status : 0;
	*state_out = state;
}

int lade_job_state_get(int directory_fd, const char *name, struct lade_job_state *state_out, struct lade_fault *fault)
{
	const struct file_name file = file_name(name, ".state");
	char text[STATE_MAX];
	ssize_t got;
	int fd = openat(directory_fd, file.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*state_out = (struct lade_job_state){ 0 };
	if (fd < 0)
		return errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "read the state of the job", name);
	/* A longer one has no end here, so that it is none. */
	got = read(fd, text, sizeof(text) - 1);
	if (got < 0)
		lade_fault_set(fault, LADE_E_SYSTEM, "read the state of the job", name);
	close(fd);
	if (got < 0)
		return LADE_E_SYSTEM;
	text[got] = '\0';
	take(text, state_out);
	return 0;
}

int lade_job_state_put(int directory_fd, const char *name, const struct lade_job_state *state, struct lade_fault *fault)
{
	const struct file_name file = file_name(name, ".state");
	char text[STATE_MAX];
	const int len = snprintf(text, sizeof(text), FORMAT, state->start, state->success_start, state->success, state->has_status ? state->status : NO_STATUS);

	return lade_state_put(directory_fd, file.text, text, (size_t)len, fault);
}

/* ---- the lock ---- */

static pid_t read_holder(int fd)
{
	char text[24];
	const ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	if (got <= 0)
		return 0;
	text[got] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

int lade_job_lock(int directory_fd, const char *name, int *fd_out, struct lade_job_holder *holder_out, struct lade_fault *fault)
{
	const struct file_name file = file_name(name, ".lock");
	char text[24];
	int fd = openat(directory_fd, file.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), len;

	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "lock the job", name);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		const int error = errno == EWOULDBLOCK ? LADE_E_AGAIN : LADE_E_SYSTEM;

		lade_fault_set(fault, error, "lock the job", name);
		holder_out->pid = read_holder(fd);
		close(fd);
		return error;
	}
	/* For who asks; without it the lock holds as well. */
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)len, 0);
	*fd_out = fd;
	return 0;
}
