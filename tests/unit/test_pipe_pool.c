/*
 * The pool of pipes: sizes that the kernel grants or refuses, and what is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/error.h"
#include "transport/pipe_pool.h"

static void test_open(void **state)
{
	struct lade_pipe pipe;

	(void)state;
	assert_int_equal(lade_pipe_open(4096, &pipe), 0);
	assert_int_equal(fcntl(pipe.read_fd, F_GETPIPE_SZ), pipe.capacity);
	assert_int_equal(pipe.capacity, sysconf(_SC_PAGESIZE));
	assert_int_equal(fcntl(pipe.read_fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(pipe.write_fd, F_GETFD), FD_CLOEXEC);
	lade_pipe_close(&pipe);
	assert_int_equal(pipe.read_fd, -1);
	lade_pipe_close(&pipe);
}

/* As large as the kernel grants: the same as when asked directly. */
static void test_size(void **state)
{
	struct lade_pipe pipe;
	int fds[2], granted;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	granted = fcntl(fds[1], F_SETPIPE_SZ, (int)LADE_PIPE_SIZE);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(lade_pipe_open(LADE_PIPE_SIZE, &pipe), 0);
	if (granted > 0)
		assert_int_equal(pipe.capacity, granted);
	assert_int_equal(fcntl(pipe.read_fd, F_GETPIPE_SZ), pipe.capacity);
	lade_pipe_close(&pipe);
}

static void test_kept(void **state)
{
	struct lade_pipe pipes[LADE_PIPES_POOLED + 1], again;
	struct lade_pipe_pool pool;
	unsigned i, j, same = 0;
	int fds[LADE_PIPES_POOLED + 1];

	(void)state;
	assert_int_equal(lade_pipe_pool_init(&pool), 0);
	for (i = 0; i <= LADE_PIPES_POOLED; i++) {
		assert_int_equal(lade_pipe_pool_get(&pool, &pipes[i]), 0);
		fds[i] = pipes[i].read_fd;
	}
	for (i = 0; i <= LADE_PIPES_POOLED; i++) {
		lade_pipe_pool_put(&pool, &pipes[i], true);
		assert_int_equal(pipes[i].read_fd, -1);
	}
	assert_int_equal(pool.count, LADE_PIPES_POOLED);
	assert_int_equal(fcntl(fds[LADE_PIPES_POOLED], F_GETFD), -1);
	for (i = 0; i < LADE_PIPES_POOLED; i++) {
		assert_int_equal(lade_pipe_pool_get(&pool, &again), 0);
		for (j = 0; j < LADE_PIPES_POOLED; j++)
			same += again.read_fd == fds[j];
		lade_pipe_close(&again);
	}
	assert_int_equal(same, LADE_PIPES_POOLED);
	lade_pipe_pool_fini(&pool);
}

static void test_not_empty(void **state)
{
	struct lade_pipe_pool pool;
	struct lade_pipe pipe;
	int fd;

	(void)state;
	assert_int_equal(lade_pipe_pool_init(&pool), 0);
	assert_int_equal(lade_pipe_pool_get(&pool, &pipe), 0);
	fd = pipe.read_fd;
	assert_int_equal(write(pipe.write_fd, "stale", 5), 5);
	lade_pipe_pool_put(&pool, &pipe, false);
	assert_int_equal(pool.count, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	lade_pipe_pool_fini(&pool);
}

static void test_no_descriptors(void **state)
{
	struct rlimit old, limit;
	struct lade_pipe pipe;
	int ret, error;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ret = lade_pipe_open(LADE_PIPE_SIZE, &pipe);
	error = errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ret, LADE_E_SYSTEM);
	assert_int_equal(error, EMFILE);
}

/* Above pipe-max-size a user is refused: halved until it fits. 0: as it should be. */
static int exceed(void)
{
	FILE *file = fopen("/proc/sys/fs/pipe-max-size", "re");
	struct lade_pipe pipe;
	size_t most = 0, want;
	int wrong;

	if (!file || fscanf(file, "%zu", &most) != 1 || most > (size_t)1 << 26)
		most = 0;
	if (file)
		fclose(file);
	if (most < 4096 || (most & (most - 1)))
		return 0; /* not to be known here */
	want = 4 * most;
	if (lade_pipe_open(want, &pipe) < 0)
		return 1;
	wrong = pipe.capacity != most;
	lade_pipe_close(&pipe);
	return wrong;
}

/* Open pipes until this user may not enlarge any: they get smaller and still work. */
static int exhaust(void)
{
	struct rlimit limit;
	struct lade_pipe pipe;
	char byte = 0;
	int i;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (geteuid() == 0 && setuid(54321) < 0)
		return 2;
	if (exceed())
		return 1;
	for (i = 0; i < 400; i++) {
		if (lade_pipe_open(LADE_PIPE_SIZE, &pipe) < 0)
			return 2;
		if (pipe.capacity < LADE_PIPE_SIZE)
			break;
	}
	if (i == 400)
		return 2; /* no limit here */
	if (fcntl(pipe.read_fd, F_GETPIPE_SZ) != (int)pipe.capacity)
		return 1;
	if (write(pipe.write_fd, "x", 1) != 1 || read(pipe.read_fd, &byte, 1) != 1)
		return 1;
	/* And without end: one page is always granted. */
	for (i = 0; i < 4; i++) {
		if (lade_pipe_open(LADE_PIPE_SIZE, &pipe) < 0 || pipe.capacity < 4096)
			return 1;
	}
	return 0;
}

static void test_soft_limit(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(exhaust());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip(); /* no limit on pipes that this user can reach */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_not_empty),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_soft_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
