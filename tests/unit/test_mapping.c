/*
 * Windows of files: contents at any alignment, files that are or become too short,
 * the table, and faults that are not ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/mapping.h"

#define KIB ((size_t)1024)

/* cmocka puts its own handlers before every test; ours comes back by protect(). */
static struct sigaction ours;

static void protect(void)
{
	assert_int_equal(sigaction(SIGBUS, &ours, NULL), 0);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 131 >> 3 | 1); /* never 0: a zero page shows */
}

static int file_of(size_t len)
{
	const char *dir = getenv("TMPDIR");
	uint8_t *bytes = malloc(len);
	char name[4096];
	size_t i;
	int fd;

	snprintf(name, sizeof(name), "%s/lade-mapping-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	for (i = 0; i < len; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	free(bytes);
	return fd;
}

static void test_contents(void **state)
{
	static const size_t offs[] = { 0, 1, 4095, 4096, 70001 };
	static const size_t lens[] = { 1, 4095, 4096, 4097, 50000 };
	struct lade_mapping mapping;
	int fd = file_of(70001 + 50000);
	size_t o, l, i;

	(void)state;
	for (o = 0; o < 5; o++) {
		for (l = 0; l < 5; l++) {
			assert_int_equal(lade_mapping_open(&mapping, fd, (off_t)offs[o], lens[l],
							   NULL), 0);
			assert_int_equal(mapping.len, lens[l]);
			for (i = 0; i < lens[l]; i++)
				assert_int_equal(mapping.data[i], byte_at(offs[o] + i));
			assert_false(lade_mapping_damaged(&mapping));
			lade_mapping_close(&mapping);
			assert_null(mapping.data);
			lade_mapping_close(&mapping);
		}
	}
	close(fd);
}

static void test_too_short(void **state)
{
	struct lade_fault fault = { 0 };
	struct lade_mapping mapping;
	int fd = file_of(100 * KIB);

	(void)state;
	assert_int_equal(lade_mapping_open(&mapping, fd, 0, 100 * KIB + 1, &fault), LADE_E_SHRUNK);
	assert_int_equal(fault.code, LADE_E_SHRUNK);
	assert_null(mapping.data);
	assert_int_equal(lade_mapping_open(&mapping, fd, 200 * (off_t)KIB, 1, NULL), LADE_E_SHRUNK);
	assert_false(lade_mapping_damaged(&mapping));
	close(fd);
}

static void test_no_mapping(void **state)
{
	struct lade_fault fault = { 0 };
	struct lade_mapping mapping;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(lade_mapping_open(&mapping, fds[0], 0, 10, &fault), LADE_E_UNSUPPORTED);
	assert_int_not_equal(fault.sys_errno, 0);
	assert_int_equal(lade_mapping_open(&mapping, -1, 0, 10, &fault), LADE_E_UNSUPPORTED);
	assert_int_equal(fault.sys_errno, EBADF);
	close(fds[0]);
	close(fds[1]);
}

static void test_table_full(void **state)
{
	struct lade_mapping mappings[LADE_MAPPINGS_MAX + 1];
	int fd = file_of(KIB), i;

	(void)state;
	for (i = 0; i < LADE_MAPPINGS_MAX; i++)
		assert_int_equal(lade_mapping_open(&mappings[i], fd, 0, KIB, NULL), 0);
	assert_int_equal(lade_mapping_open(&mappings[i], fd, 0, KIB, NULL), LADE_E_MEMORY);
	lade_mapping_close(&mappings[7]);
	assert_int_equal(lade_mapping_open(&mappings[7], fd, 0, KIB, NULL), 0);
	for (i = 0; i < LADE_MAPPINGS_MAX; i++)
		lade_mapping_close(&mappings[i]);
	close(fd);
}

/* Failed opens give their row back. */
static void test_failures_leave_no_rows(void **state)
{
	struct lade_mapping mapping;
	int fd = file_of(KIB), i;

	(void)state;
	for (i = 0; i < 3 * LADE_MAPPINGS_MAX; i++)
		assert_int_not_equal(lade_mapping_open(&mapping, -1, 0, KIB, NULL), 0);
	assert_int_equal(lade_mapping_open(&mapping, fd, 0, KIB, NULL), 0);
	lade_mapping_close(&mapping);
	close(fd);
}

static void test_cut(void **state)
{
	struct lade_mapping cut, whole;
	int fd = file_of(300 * KIB), other = file_of(300 * KIB);
	size_t i;

	(void)state;
	protect();
	assert_int_equal(lade_mapping_open(&cut, fd, 4 * (off_t)KIB + 5, 250 * KIB, NULL), 0);
	assert_int_equal(lade_mapping_open(&whole, other, 0, 300 * KIB, NULL), 0);
	assert_int_equal(ftruncate(fd, 40 * (off_t)KIB), 0);
	for (i = 0; i < 36 * KIB - 5; i++)
		assert_int_equal(cut.data[i], byte_at(4 * KIB + 5 + i));
	assert_false(lade_mapping_damaged(&cut));
	for (; i < 250 * KIB; i++)
		assert_int_equal(cut.data[i], 0);
	assert_true(lade_mapping_damaged(&cut));
	assert_false(lade_mapping_damaged(&whole));
	for (i = 0; i < 300 * KIB; i++)
		assert_int_equal(whole.data[i], byte_at(i));
	lade_mapping_close(&cut);
	/* The row's next window starts clean. */
	assert_int_equal(lade_mapping_open(&cut, other, 0, KIB, NULL), 0);
	assert_false(lade_mapping_damaged(&cut));
	lade_mapping_close(&cut);
	lade_mapping_close(&whole);
	close(fd);
	close(other);
}

/* Backwards: a fault before an earlier one. */
static void test_cut_backwards(void **state)
{
	struct lade_mapping cut;
	int fd = file_of(300 * KIB);
	size_t i;

	(void)state;
	protect();
	assert_int_equal(lade_mapping_open(&cut, fd, 0, 300 * KIB, NULL), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	for (i = 300 * KIB; i-- > 0;)
		assert_int_equal(cut.data[i], 0);
	assert_true(lade_mapping_damaged(&cut));
	lade_mapping_close(&cut);
	close(fd);
}

struct reader {
	pthread_t thread;
	int fd;
	_Atomic bool stop;
	_Atomic unsigned damaged;
	bool wrong;
};

/* Opens, reads and closes windows; bytes are the file's or the window is damaged. */
static void *read_windows(void *argument)
{
	struct reader *reader = argument;
	struct lade_mapping mapping;
	bool differs;
	size_t i, pass;

	while (!atomic_load(&reader->stop)) {
		if (lade_mapping_open(&mapping, reader->fd, 0, 256 * KIB, NULL) != 0)
			continue;
		differs = false;
		/* The first byte of each page: whole pages are what a fault replaces. */
		for (pass = 0; pass < 20; pass++) {
			for (i = 0; i < 256 * KIB; i += 4096)
				differs = differs || mapping.data[i] != byte_at(i);
		}
		if (lade_mapping_damaged(&mapping))
			atomic_fetch_add(&reader->damaged, 1);
		else if (differs)
			reader->wrong = true;
		lade_mapping_close(&mapping);
	}
	return NULL;
}

/* Two threads with files that keep shrinking, one whose file stands still. */
static void test_threads(void **state)
{
	struct reader readers[3];
	uint8_t *bytes = malloc(256 * KIB);
	int i, round;

	(void)state;
	protect();
	memset(readers, 0, sizeof(readers));
	for (i = 0; i < 256 * (int)KIB; i++)
		bytes[i] = byte_at((size_t)i);
	for (i = 0; i < 3; i++) {
		readers[i].fd = file_of(256 * KIB);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_windows,
						&readers[i]), 0);
	}
	/* Until both met a fault; on a machine that is too busy for it, not for ever. */
	for (round = 0; round < 3000; round++) {
		if (atomic_load(&readers[0].damaged) > 5 && atomic_load(&readers[1].damaged) > 5)
			break;
		i = round % 2;
		assert_int_equal(ftruncate(readers[i].fd, 64 * (off_t)KIB), 0);
		sched_yield();
		/* The size grows with the pages, so a window opens on a complete file only. */
		assert_int_equal(pwrite(readers[i].fd, bytes + 64 * KIB, 192 * KIB,
					64 * (off_t)KIB), 192 * (ssize_t)KIB);
	}
	for (i = 0; i < 3; i++) {
		atomic_store(&readers[i].stop, true);
		pthread_join(readers[i].thread, NULL);
		close(readers[i].fd);
	}
	assert_false(readers[2].wrong);
	assert_int_equal(readers[2].damaged, 0);
	assert_false(readers[0].wrong);
	assert_false(readers[1].wrong);
	free(bytes);
}

/* Run act in a child; the signal that ended it, or 0 with *status_out its exit status. */
static int signal_of(void (*act)(void), int *status_out)
{
	struct rlimit none = { 0, 0 };
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		act();
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	*status_out = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_foreign(void)
{
	int fd = file_of(8192);
	volatile uint8_t *data = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) == 0)
		(void)data[4096];
}

static void default_and_touch(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigaction(SIGBUS, &action, NULL);
	if (lade_mapping_setup(NULL) == 0)
		touch_foreign();
}

static void default_and_kill(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigaction(SIGBUS, &action, NULL);
	if (lade_mapping_setup(NULL) == 0)
		raise(SIGBUS);
}

static void leave(int signo)
{
	(void)signo;
	_exit(42);
}

static void handler_and_touch(void)
{
	struct sigaction action = { .sa_handler = leave };

	sigaction(SIGBUS, &action, NULL);
	if (lade_mapping_setup(NULL) == 0)
		touch_foreign();
}

/* These run before the handler is installed in this process: each child installs its own. */
static void test_foreign(void **state)
{
	int status;

	(void)state;
	assert_int_equal(signal_of(default_and_touch, &status), SIGBUS);
	assert_int_equal(signal_of(default_and_kill, &status), SIGBUS);
	assert_int_equal(signal_of(handler_and_touch, &status), 0);
	assert_int_equal(status, 42);
}

static void test_setup(void **state)
{
	(void)state;
	assert_int_equal(lade_mapping_setup(NULL), 0);
	assert_int_equal(lade_mapping_setup(NULL), 0);
	assert_int_equal(sigaction(SIGBUS, NULL, &ours), 0);
	assert_true(ours.sa_flags & SA_SIGINFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_no_mapping),
		cmocka_unit_test(test_table_full),
		cmocka_unit_test(test_failures_leave_no_rows),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_backwards),
		cmocka_unit_test(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
