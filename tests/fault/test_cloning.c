/*
 * What stays of a file is shared with the old one where the file system can do that. Few can, so here the call is made up:
 * it copies, and enforces the alignment that those file systems do (ioctl_ficlonerange(2)). What filesystems.sh sees
 * on real ones is that extents are shared.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define BLOCK 4096u
#define SIZE (4u << 20)
#define LONGEST (SIZE + (1u << 20))
#define WATCHDOG_S 300u

/* What was asked for, by all processes together. */
struct asked {
	atomic_ullong bytes;
	atomic_uint calls, misaligned;
	int error; /* what each call fails with; 0: none does */
};

static struct scene scene;
static struct asked *asked;
static uint8_t old[LONGEST], fresh[LONGEST];

static int clone_aligned(int out_fd, int in_fd, off_t in_off, uint64_t len, off_t out_off)
{
	static uint8_t block[BLOCK];

	asked->calls++;
	if (asked->error) {
		errno = asked->error;
		return -1;
	}
	if (in_off % BLOCK || out_off % BLOCK || len % BLOCK || !len) {
		asked->misaligned++;
		errno = EINVAL;
		return -1;
	}
	for (uint64_t done = 0; done < len; done += BLOCK)
		if (pread(in_fd, block, BLOCK, in_off + (off_t)done) != BLOCK ||
		    pwrite(out_fd, block, BLOCK, out_off + (off_t)done) != BLOCK)
			return -1;
	asked->bytes += len;
	return 0;
}

/* The receiver. */
static int pull(struct lade_connection *connection)
{
	struct lade_mover_calls calls = lade_mover_kernel;
	struct lade_settings settings = { .options = LADE_OPTION_TIMES | LADE_OPTION_NUMERIC_IDS, .calls = &calls };
	char source[PATH_MAX], destination[PATH_MAX], *sources[] = { source };
	struct lade_sync_job job = {
		.settings = &settings, .connection = connection,
		.sources = sources, .source_count = 1, .destination = destination,
	};
	struct lade_msg_end totals;

	calls.clone_range = clone_aligned;
	snprintf(source, sizeof(source), "%s", scene_path(&scene, "new"));
	snprintf(destination, sizeof(destination), "%s", scene_path(&scene, "file"));
	return client_run(&job, &totals);
}

static pid_t start(struct lade_connection ends[2], unsigned which)
{
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child == 0) {
		alarm(WATCHDOG_S);
		lade_connection_close(&ends[!which]);
		_exit(lade_sync_setup(NULL) ? 98 : which ? lade_sync_serve(&ends[1], NULL, NULL, NULL) : pull(&ends[0]));
	}
	return child;
}

/* Make fresh_len bytes of fresh out of old_len of old. Returns the bytes that were cloned. */
static unsigned long long update(size_t old_len, size_t fresh_len, int error)
{
	static const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct lade_connection ends[2];
	pid_t children[2];

	asked->bytes = 0;
	asked->calls = asked->misaligned = 0;
	asked->error = error;
	scene_write(&scene, "file", old, old_len);
	scene_write(&scene, "new", fresh, fresh_len);
	assert_int_equal(utimensat(AT_FDCWD, scene_path(&scene, "file"), times, 0), 0);
	fflush(NULL);
	peer_connect(LADE_CONNECTION_PIPES, 0, ends);
	children[1] = start(ends, 1);
	children[0] = start(ends, 0);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
	assert_int_equal(scene_wait_for(children[0]), 0);
	assert_int_equal(scene_wait_for(children[1]), 0);
	scene_check_file(&scene, "file", fresh, fresh_len);
	assert_int_equal(asked->misaligned, 0);
	return asked->bytes;
}

/* fresh is old with so many other bytes at off, in the place of out_len. */
static size_t edit(size_t off, size_t out_len, size_t in_len)
{
	memcpy(fresh, old, off);
	memset(fresh + off, 0xee, in_len);
	memcpy(fresh + off + in_len, old + off + out_len, SIZE - off - out_len);
	return SIZE - out_len + in_len;
}

/* All but what is around the change. */
static void test_a_byte(void **state)
{
	(void)state;
	assert_true(update(SIZE, edit(SIZE / 2 + 1, 1, 1), 0) > SIZE / 4 * 3);
}

/* What has moved by whole blocks is shared behind that too, where its pieces begin within blocks. */
static void test_blocks_more_or_fewer(void **state)
{
	(void)state;
	assert_true(update(SIZE, edit(SIZE / 2 + 1, 0, 3 * BLOCK), 0) > SIZE / 2);
	assert_true(update(SIZE, edit(SIZE / 2 + 1, 5 * BLOCK, 0), 0) > SIZE / 2);
}

/* What has moved by anything else is copied. */
static void test_a_byte_more(void **state)
{
	unsigned long long shared;

	(void)state;
	shared = update(SIZE, edit(SIZE / 2 + 1, 0, 1), 0);
	assert_true(shared > SIZE / 4 && shared < SIZE / 2 + 1);
	assert_int_equal(update(SIZE, edit(0, 0, 1), 0), 0);
	assert_int_equal(asked->calls, 0);
}

/* The end of a file is no whole block. */
static void test_a_longer_file(void **state)
{
	size_t len = SIZE + 12345;

	(void)state;
	memcpy(fresh, old, SIZE);
	memset(fresh + SIZE, 0xee, 12345);
	assert_true(update(SIZE - 100, len, 0) > SIZE / 4 * 3);
	assert_true(update(SIZE, SIZE - 777, 0) > SIZE / 4 * 3);
}

/* A file system that cannot is asked once or twice, and then everything is copied. */
static void test_refused(void **state)
{
	static const int errors[] = { EOPNOTSUPP, EINVAL, EXDEV, ENOTTY, EPERM, ETXTBSY };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_int_equal(update(SIZE, edit(SIZE / 2 + 1, 1, 1), errors[i]), 0);
		assert_in_range(asked->calls, 1, 2);
	}
}

static int setup(void **state)
{
	(void)state;
	scene_make(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(&scene);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks_more_or_fewer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_byte_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_longer_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};
	uint64_t x = 42;

	asked = mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (asked == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(old); i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		old[i] = (uint8_t)(x >> 56);
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cloning", tests, NULL, NULL);
}
