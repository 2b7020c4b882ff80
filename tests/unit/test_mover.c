/*
 * The movers on descriptors as the kernel made them: every way on every pair, whole,
 * in small pieces, interrupted, non-blocking, through one-page pipes, by several
 * threads; and sources and targets that end, shrink or are full.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/mover_pair.h"

#define KIB ((size_t)1024)

static struct lade_movers *movers;
static unsigned descriptors;

static int setup(void **state)
{
	(void)state;
	plan_reset();
	descriptors = count_descriptors();
	return lade_movers_new(&plan_calls, &movers);
}

static int teardown(void **state)
{
	(void)state;
	lade_movers_free(movers);
	movers = NULL;
	return count_descriptors() == descriptors ? 0 : -1;
}

/* Call check for every way on every pair that has it. */
static void each_way(void (*check)(enum pair_kind kind, enum lade_path path))
{
	int kind, path;

	for (kind = 0; kind < PAIR_KINDS; kind++) {
		for (path = 0; path < LADE_PATH_COUNT; path++) {
			if (pair_has((enum pair_kind)kind, (enum lade_path)path))
				check((enum pair_kind)kind, (enum lade_path)path);
		}
	}
}

/* Move len bytes by path and compare everything. Nothing may fall back, but for the clone. */
static void move_whole(enum pair_kind kind, enum lade_path path, size_t len)
{
	_Atomic uint64_t counter = 1;
	struct lade_fault fault = { 0 };
	struct pair pair;

	pair_open(&pair, kind, len, 0);
	pair.move.path = path;
	pair.move.counter = &counter;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, &fault), 0);
	assert_int_equal(pair.move.consumed, len);
	assert_int_equal(counter, 1 + len);
	assert_int_equal(pair.move.moved, len);
	if (path == LADE_PATH_AUTO || path == LADE_PATH_CLONE)
		assert_int_not_equal(pair.move.used, LADE_PATH_AUTO);
	else
		assert_int_equal(pair.move.used, path);
	pair_check_rest(&pair, len);
	pair_check(&pair, len);
	pair_close(&pair);
}

static void check_large(enum pair_kind kind, enum lade_path path)
{
	move_whole(kind, path, 9 * KIB * KIB + 13);
}

static void check_small(enum pair_kind kind, enum lade_path path)
{
	move_whole(kind, path, 1);
	move_whole(kind, path, 4096);
}

static void check_short(enum pair_kind kind, enum lade_path path)
{
	plan.cap = 1;
	move_whole(kind, path, 700);
	plan.cap = 4093;
	move_whole(kind, path, 300 * KIB + 5);
	plan_reset();
}

static void check_interrupted(enum pair_kind kind, enum lade_path path)
{
	plan.interrupt = true;
	plan.cap = 30011;
	move_whole(kind, path, 300 * KIB + 5);
	plan_reset();
}

static void check_one_page(enum pair_kind kind, enum lade_path path)
{
	plan.one_page = true;
	move_whole(kind, path, 300 * KIB + 5);
	plan_reset();
	lade_movers_free(movers); /* the pooled pipes are small now */
	assert_int_equal(lade_movers_new(&plan_calls, &movers), 0);
}

static void test_large(void **state)
{
	(void)state;
	each_way(check_large);
}

static void test_small(void **state)
{
	(void)state;
	each_way(check_small);
}

static void test_short_counts(void **state)
{
	(void)state;
	each_way(check_short);
}

static void test_interrupted(void **state)
{
	(void)state;
	each_way(check_interrupted);
}

static void test_one_page_pipe(void **state)
{
	(void)state;
	each_way(check_one_page);
}

static void check_non_blocking(enum pair_kind kind, enum lade_path path)
{
	struct pair pair;
	int small = 8192;

	pair_open(&pair, kind, 400 * KIB + 1, 0);
	assert_int_equal(fcntl(pair.move.in_fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(pair.move.out_fd, F_SETFL, O_NONBLOCK), 0);
	(void)setsockopt(pair.move.out_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	pair.move.path = path;
	pair.slow = true;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, NULL), 0);
	/* Waiting is done by poll: a call is not made over and over. */
	assert_true(plan.made < 4000);
	plan.made = 0;
	pair_check_rest(&pair, pair.len);
	pair_check(&pair, pair.len);
	pair_close(&pair);
}

static void test_non_blocking(void **state)
{
	(void)state;
	each_way(check_non_blocking);
}

static void check_nothing(enum pair_kind kind, enum lade_path path)
{
	struct pair pair;

	pair_open(&pair, kind, 0, 0);
	pair.move.path = path;
	pair.move.only = true;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, NULL), 0);
	assert_int_equal(plan.made, 0);
	pair_check_rest(&pair, 0);
	pair_check(&pair, 0);
	pair_close(&pair);
}

static void test_zero_length(void **state)
{
	(void)state;
	each_way(check_nothing);
}

/* A source that ends after end bytes, for good or by the time it is opened. */
static void check_ends(enum pair_kind kind, enum lade_path path, size_t end)
{
	size_t len = 512 * KIB + 77;
	struct lade_fault fault = { 0 };
	struct pair pair;

	pair_open(&pair, kind, len, end);
	pair.move.path = path;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, &fault),
			 pair_from_file(kind) ? LADE_E_SHRUNK : LADE_E_CLOSED);
	assert_int_equal(fault.code, pair_from_file(kind) ? LADE_E_SHRUNK : LADE_E_CLOSED);
	assert_non_null(fault.operation);
	assert_int_equal(pair.move.consumed, end);
	pair_check(&pair, end);
	pair_close(&pair);
}

static void check_ending(enum pair_kind kind, enum lade_path path)
{
	size_t end;

	for (end = 64 * KIB; end < 512 * KIB; end += 64 * KIB)
		check_ends(kind, path, end);
	check_ends(kind, path, 1);
	check_ends(kind, path, 512 * KIB + 76);
}

static void test_source_ends(void **state)
{
	(void)state;
	each_way(check_ending);
}

/* A file that is cut under the mover, at its second call. */
static void check_cut(enum pair_kind kind, enum lade_path path)
{
	struct pair pair;

	if (!pair_from_file(kind) || path == LADE_PATH_CLONE || path == LADE_PATH_AUTO)
		return;
	pair_open(&pair, kind, 900 * KIB, 0);
	plan.calls = plan_call_of(path);
	plan.at = 1;
	plan.cap = 256 * KIB;
	plan.truncate_fd = pair.move.in_fd;
	plan.truncate_len = PAIR_IN_OFF + 300 * (off_t)KIB;
	pair.move.path = path;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, NULL), LADE_E_SHRUNK);
	assert_true(pair.move.moved >= 256 * KIB && pair.move.moved < 900 * KIB);
	plan_reset();
	pair_close(&pair);
}

static void test_source_cut_under_way(void **state)
{
	(void)state;
	each_way(check_cut);
}

/* The target's other side is gone: no signal, no other way is tried. */
static void check_gone(enum pair_kind kind, enum lade_path path)
{
	struct pair pair;

	if (pair_to_file(kind))
		return;
	pair_open(&pair, kind, 512 * KIB, 0);
	close(pair.far_out);
	pair.far_out = -1;
	pair.move.path = path;
	pair_start(&pair);
	assert_int_equal(lade_move(movers, &pair.move, NULL), LADE_E_CLOSED);
	assert_true(pair.move.moved < pair.len);
	pair_close(&pair);
}

static void test_target_gone(void **state)
{
	(void)state;
	each_way(check_gone);
}

/* A file that may not grow further (EFBIG, which behaves as ENOSPC does). */
static void check_full(enum pair_kind kind, enum lade_path path)
{
	struct rlimit old, limit;
	struct lade_fault fault = { 0 };
	struct pair pair;

	if (!pair_to_file(kind))
		return;
	pair_open(&pair, kind, 2048 * KIB, 0);
	pair.move.path = path;
	pair_start(&pair);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = PAIR_OUT_OFF + 700 * KIB;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(lade_move(movers, &pair.move, &fault), LADE_E_TARGET);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(fault.sys_errno, EFBIG);
	assert_int_equal(pair.move.moved, 700 * KIB);
	assert_true(pair.move.consumed >= pair.move.moved);
	pair_check_rest(&pair, pair.move.consumed);
	pair_check(&pair, 700 * KIB);
	pair_close(&pair);
	/* What was left in the pipe does not meet the next transfer. */
	move_whole(kind, path, 100 * KIB);
}

static void test_target_full(void **state)
{
	(void)state;
	each_way(check_full);
}

/* The last bytes arrive although the peer says nothing more, whatever SO_RCVLOWAT was. */
static void test_low_water(void **state)
{
	size_t len = 700 * KIB + 3;
	int high = 256 << 10, value = 0;
	socklen_t value_len = sizeof(value);
	struct pair pair;
	uint8_t byte;
	int near, peer;

	(void)state;
	pair_open(&pair, TCP_TO_FILE, len, len);
	near = pair.move.in_fd;
	assert_int_equal(setsockopt(near, SOL_SOCKET, SO_RCVLOWAT, &high, sizeof(high)), 0);
	peer = dup(pair.far_in); /* keeps the stream open when the feeder is done */
	pair.slow = true;
	pair_start(&pair);
	alarm(300);
	assert_int_equal(lade_move(movers, &pair.move, NULL), 0);
	alarm(0);
	assert_int_equal(getsockopt(near, SOL_SOCKET, SO_RCVLOWAT, &value, &value_len), 0);
	assert_int_equal(value, 1);
	assert_int_equal(write(peer, "x", 1), 1);
	assert_int_equal(read(near, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(peer);
	pair_check(&pair, len);
	pair_close(&pair);
}

/* Ways that a pair does not have, and names. */
static void test_choice(void **state)
{
	struct lade_fault fault = { 0 };
	enum lade_path path;
	struct pair pair;
	int i;

	(void)state;
	for (i = 0; i < LADE_PATH_COUNT; i++) {
		assert_int_equal(lade_path_parse(lade_path_name((enum lade_path)i), &path), 0);
		assert_int_equal(path, i);
	}
	assert_null(lade_path_name(LADE_PATH_COUNT));
	assert_int_equal(lade_path_parse("teleport", &path), LADE_E_USAGE);
	pair_open(&pair, UNIX_TO_FILE, 1000, 0);
	pair_start(&pair);
	pair.move.path = LADE_PATH_SENDFILE;
	pair.move.only = true;
	assert_int_equal(lade_move(movers, &pair.move, &fault), LADE_E_UNSUPPORTED);
	assert_int_equal(fault.sys_errno, EINVAL);
	pair.move.only = false;
	assert_int_equal(lade_move(movers, &pair.move, &fault), 0);
	assert_int_equal(pair.move.used, LADE_PATH_SPLICE);
	pair_check(&pair, 1000);
	pair_close(&pair);
}

static void test_bad_descriptor(void **state)
{
	struct lade_move move = { .in_fd = -1, .out_fd = 1, .out_off = LADE_NO_OFFSET, .len = 1 };
	struct lade_fault fault = { 0 };

	(void)state;
	assert_int_equal(lade_move(movers, &move, &fault), LADE_E_SOURCE);
	assert_int_equal(fault.sys_errno, EBADF);
	move.in_fd = 1;
	move.out_fd = -1;
	assert_int_equal(lade_move(movers, &move, &fault), LADE_E_TARGET);
	assert_int_equal(fault.sys_errno, EBADF);
}

struct worker {
	pthread_t thread;
	struct lade_movers *movers;
	struct pair pair;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	int i;

	for (i = 0; i < 8; i++) {
		struct lade_move move = worker->pair.move;

		move.path = i % 2 ? LADE_PATH_SPLICE : LADE_PATH_COPY;
		if (i == 6)
			move.path = LADE_PATH_MMAP;
		if (lade_move(worker->movers, &move, NULL) != 0)
			return worker;
	}
	return NULL;
}

/* More threads than pooled pipes share one set of movers. */
static void test_threads(void **state)
{
	struct lade_movers *shared;
	struct worker workers[6];
	void *result;
	size_t i;

	(void)state;
	assert_int_equal(lade_movers_new(NULL, &shared), 0);
	for (i = 0; i < 6; i++) {
		pair_open(&workers[i].pair, FILE_TO_FILE, 600 * KIB + i, 0);
		workers[i].movers = shared;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < 6; i++) {
		pthread_join(workers[i].thread, &result);
		assert_null(result);
		pair_check(&workers[i].pair, 600 * KIB + i);
		pair_close(&workers[i].pair);
	}
	lade_movers_free(shared);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_large),
		TEST(test_small),
		TEST(test_short_counts),
		TEST(test_interrupted),
		TEST(test_one_page_pipe),
		TEST(test_non_blocking),
		TEST(test_zero_length),
		TEST(test_source_ends),
		TEST(test_source_cut_under_way),
		TEST(test_target_gone),
		TEST(test_target_full),
		TEST(test_low_water),
		TEST(test_choice),
		TEST(test_bad_descriptor),
		TEST(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
