/*
 * The fallback of the movers: every errno at the first and at middle calls of every
 * way on every pair. Either another way goes on at the byte reached and all bytes
 * agree, or the right end is blamed and the counts agree with what arrived.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/mover_pair.h"

#define LEN ((size_t)400 * 1024 + 11)
#define CAP ((size_t)32749) /* several calls for each piece of a copying way */

static struct lade_movers *movers;
static unsigned descriptors;

static const int errors[] = {
	EINVAL, ENOSYS, EXDEV, EOPNOTSUPP, EPERM, EBADF, ETXTBSY, ENOTTY, ESPIPE, EACCES, EISDIR,
	ENOSPC, EDQUOT, EFBIG, EIO, EPIPE, ECONNRESET, ENOMEM,
};

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

/* One transfer under the plan as it stands; the counts must agree with what arrived. */
static int move_planned(enum pair_kind kind, enum lade_path path, bool only,
			struct lade_move *move_out, struct lade_fault *fault)
{
	struct pair pair;
	int ret;

	memset(fault, 0, sizeof(*fault));
	pair_open(&pair, kind, LEN, 0);
	pair.move.path = path;
	pair.move.only = only;
	pair_start(&pair);
	ret = lade_move(movers, &pair.move, fault);
	*move_out = pair.move;
	assert_true(pair.move.moved <= pair.move.consumed);
	if (ret == 0)
		assert_int_equal(pair.move.moved, LEN);
	else
		assert_int_equal(fault->code, ret);
	pair_check_rest(&pair, pair.move.consumed);
	pair_check(&pair, pair.move.moved);
	pair_close(&pair);
	return ret;
}

/* After whatever happened: the next transfer is not disturbed. */
static void move_untroubled(enum pair_kind kind)
{
	struct lade_fault fault;
	struct lade_move move;

	plan_reset();
	assert_int_equal(move_planned(kind, LADE_PATH_SPLICE, true, &move, &fault), 0);
}

/* Which end an errno of a way that does not fall back belongs to; 0 where copying decides. */
static int expected_code(enum pair_kind kind, enum lade_path path, unsigned at, int error)
{
	bool from_pipe = kind == PIPE_TO_FILE || kind == PIPE_TO_TCP;
	bool to_stream = !pair_to_file(kind);
	bool gone = error == EPIPE || error == ECONNRESET;
	bool target;

	if (path == LADE_PATH_SPLICE) {
		if (from_pipe)
			target = true;
		else if (kind == FILE_TO_PIPE)
			target = error == EPIPE;
		else
			target = at % 2 == 1; /* fill and drain alternate */
		if (gone && (target ? to_stream : !pair_from_file(kind)))
			return LADE_E_CLOSED;
		return target ? LADE_E_TARGET : LADE_E_SOURCE;
	}
	if (gone)
		return to_stream ? LADE_E_CLOSED : LADE_E_TARGET;
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return LADE_E_TARGET;
	return 0;
}

static void check_injected(enum pair_kind kind, enum lade_path path, unsigned at, int error)
{
	bool refusal = lade_fallback_reason(path, error) != NULL;
	struct lade_fault fault;
	struct lade_move move;
	int ret, code;

	plan_reset();
	plan.calls = plan_call_of(path);
	plan.at = at;
	plan.error = error;
	plan.cap = CAP;
	ret = move_planned(kind, path, false, &move, &fault);
	assert_true(plan.seen > at);
	code = refusal ? 0 : expected_code(kind, path, at, error);
	assert_int_equal(ret, code);
	if (ret == LADE_E_TARGET || ret == LADE_E_SOURCE)
		assert_int_equal(fault.sys_errno, error);
	if (ret == 0)
		assert_int_not_equal(move.used, path);
	if (ret == 0 && !refusal)
		assert_int_equal(move.used, LADE_PATH_COPY);

	/* The same without a fallback; an ambiguous errno is the target's: the source reads. */
	plan.seen = 0;
	ret = move_planned(kind, path, true, &move, &fault);
	if (refusal)
		code = LADE_E_UNSUPPORTED;
	else if (code == 0)
		code = LADE_E_TARGET;
	assert_int_equal(ret, code);
	if (code != LADE_E_CLOSED)
		assert_int_equal(fault.sys_errno, error);
	if (refusal)
		assert_int_equal(move.consumed, move.moved);
	move_untroubled(kind);
}

static void test_injected(void **state)
{
	static const enum lade_path ways[] = { LADE_PATH_COPY_FILE_RANGE, LADE_PATH_SENDFILE,
					       LADE_PATH_SPLICE };
	enum pair_kind kind;
	unsigned at;
	size_t w, e;

	(void)state;
	for (kind = 0; kind < PAIR_KINDS; kind++) {
		for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
			for (e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
				for (at = 0; at < 4 && pair_has(kind, ways[w]); at++)
					check_injected(kind, ways[w], at, errors[e]);
			}
		}
	}
}

/* No file system here may share extents, so a clone is only ever refused, or made up. */
static void test_clone(void **state)
{
	struct lade_fault fault;
	struct lade_move move;
	size_t e;
	int code;

	(void)state;
	for (e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		plan_reset();
		plan.calls = CALL_CLONE;
		plan.error = errors[e];
		code = lade_fallback_reason(LADE_PATH_CLONE, errors[e]) ?
			       0 : expected_code(FILE_TO_FILE, LADE_PATH_CLONE, 0, errors[e]);
		assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_CLONE, false, &move, &fault),
				 code);
		assert_int_equal(plan.seen, 1);
	}
	plan_reset();
	plan.made_up_clone = true;
	assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_AUTO, false, &move, &fault), 0);
	assert_int_equal(move.used, LADE_PATH_CLONE);
}

/* Across file systems, where nobody asked for a way: pages are copied, in one go, from the byte reached. */
static void test_across_file_systems(void **state)
{
	struct lade_fault fault;
	struct lade_move move;
	unsigned at;

	(void)state;
	for (at = 0; at < 4; at += 3) {
		plan_reset();
		plan.cap = CAP;
		plan.at = at;
		plan.calls = CALL_COPY_FILE_RANGE;
		plan.error = EXDEV;
		assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_AUTO, false, &move, &fault), 0);
		assert_int_equal(move.used, LADE_PATH_COPY);
		plan.seen = 0;
		assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_CLONE, false, &move, &fault), 0);
		assert_int_equal(move.used, LADE_PATH_SPLICE);
	}
}

/* The copying way and the mapping one: reading and writing have their own calls. */
static void test_one_ended(void **state)
{
	static const enum lade_path ways[] = { LADE_PATH_COPY, LADE_PATH_MMAP };
	struct lade_fault fault;
	struct lade_move move;
	enum pair_kind kind;
	unsigned w, at;

	(void)state;
	for (kind = 0; kind < PAIR_KINDS; kind++) {
		for (w = 0; w < 2; w++) {
			for (at = 0; at < 4 && pair_has(kind, ways[w]); at += 3) {
				plan_reset();
				plan.cap = CAP;
				plan.at = at;
				plan.calls = CALL_WRITE;
				plan.error = ENOSPC;
				assert_int_equal(move_planned(kind, ways[w], false, &move, &fault),
						 LADE_E_TARGET);
				assert_int_equal(fault.sys_errno, ENOSPC);
				if (pair_from_file(kind))
					assert_int_equal(move.moved, at * CAP);
				if (ways[w] == LADE_PATH_MMAP)
					continue;
				plan.seen = 0;
				plan.calls = CALL_READ;
				plan.error = EIO;
				assert_int_equal(move_planned(kind, ways[w], false, &move, &fault),
						 LADE_E_SOURCE);
				assert_int_equal(fault.sys_errno, EIO);
				if (pair_from_file(kind))
					assert_int_equal(move.consumed, at * CAP);
			}
		}
	}
}

/* A write from a mapping that finds no page, while the file is whole: reading decides. */
static void test_mapping_fault(void **state)
{
	struct lade_fault fault;
	struct lade_move move;
	enum pair_kind kind;
	unsigned at;

	(void)state;
	for (kind = FILE_TO_FILE; kind <= FILE_TO_PIPE; kind++) {
		for (at = 0; at < 4; at += 3) {
			plan_reset();
			plan.cap = CAP;
			plan.calls = CALL_WRITE;
			plan.at = at;
			plan.times = 1;
			plan.error = EFAULT;
			assert_int_equal(move_planned(kind, LADE_PATH_MMAP, false, &move, &fault),
					 0);
			assert_int_equal(move.used, LADE_PATH_COPY);
			plan.seen = 0;
			plan.calls2 = CALL_READ;
			plan.error2 = EIO;
			assert_int_equal(move_planned(kind, LADE_PATH_MMAP, false, &move, &fault),
					 LADE_E_SOURCE);
			assert_int_equal(fault.sys_errno, EIO);
			plan.seen = 0;
			assert_int_equal(move_planned(kind, LADE_PATH_MMAP, true, &move, &fault),
					 LADE_E_SOURCE);
		}
	}
}

/* An ambiguous errno: the copying way finds the end that fails. */
static void test_attribution(void **state)
{
	static const enum lade_path ways[] = { LADE_PATH_CLONE, LADE_PATH_COPY_FILE_RANGE,
					       LADE_PATH_SENDFILE };
	struct lade_fault fault;
	struct lade_move move;
	size_t w;

	(void)state;
	for (w = 0; w < 3; w++) {
		plan_reset();
		plan.calls = plan_call_of(ways[w]);
		plan.error = EIO;
		plan.calls2 = CALL_READ;
		plan.error2 = EIO;
		assert_int_equal(move_planned(FILE_TO_FILE, ways[w], false, &move, &fault),
				 LADE_E_SOURCE);
		assert_int_equal(move_planned(FILE_TO_FILE, ways[w], true, &move, &fault),
				 LADE_E_SOURCE);
		plan.calls2 = CALL_WRITE;
		assert_int_equal(move_planned(FILE_TO_FILE, ways[w], false, &move, &fault),
				 LADE_E_TARGET);
		assert_int_equal(fault.sys_errno, EIO);
		assert_int_equal(move_planned(FILE_TO_FILE, ways[w], true, &move, &fault),
				 LADE_E_TARGET);
	}
}

/* copy_file_range that reports no progress, and splice that does in the middle. */
static void test_no_progress(void **state)
{
	struct lade_fault fault;
	struct lade_move move;
	unsigned at;

	(void)state;
	for (at = 0; at < 4; at++) {
		plan_reset();
		plan.cap = CAP;
		plan.calls = CALL_COPY_FILE_RANGE;
		plan.at = at;
		assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_COPY_FILE_RANGE, false, &move,
					      &fault), 0);
		assert_int_equal(move.used, LADE_PATH_SPLICE);
		plan.seen = 0;
		assert_int_equal(move_planned(FILE_TO_FILE, LADE_PATH_COPY_FILE_RANGE, true, &move,
					      &fault), LADE_E_UNSUPPORTED);
		assert_int_equal(fault.sys_errno, 0);
	}
	plan_reset();
	plan.cap = CAP;
	plan.calls = CALL_SPLICE;
	plan.at = 3;
	assert_int_equal(move_planned(UNIX_TO_FILE, LADE_PATH_SPLICE, false, &move, &fault), 0);
	assert_int_equal(move.used, LADE_PATH_COPY);
	plan_reset();
	plan.calls = CALL_WRITE;
	assert_int_equal(move_planned(FILE_TO_TCP, LADE_PATH_COPY, false, &move, &fault),
			 LADE_E_TARGET);
}

/* What a refused splice left in the pipe cannot be written either: it is lost, and said so. */
static void test_drain_fails(void **state)
{
	static const enum pair_kind kinds[] = { UNIX_TO_FILE, TCP_TO_FILE, FILE_TO_FILE,
						FILE_TO_TCP, TCP_TO_UNIX };
	struct lade_fault fault;
	struct lade_move move;
	size_t k;

	(void)state;
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		plan_reset();
		plan.calls = CALL_SPLICE;
		plan.at = 3;
		plan.error = EINVAL;
		plan.cap = CAP;
		plan.calls2 = CALL_WRITE;
		plan.error2 = ENOSPC;
		assert_int_equal(move_planned(kinds[k], LADE_PATH_SPLICE, false, &move, &fault),
				 LADE_E_TARGET);
		assert_int_equal(fault.sys_errno, ENOSPC);
		assert_true(move.consumed > move.moved);
		move_untroubled(kinds[k]);
		plan.calls = CALL_SPLICE;
		plan.at = 1;
		plan.error = ENOSPC;
		assert_int_equal(move_planned(kinds[k], LADE_PATH_SPLICE, false, &move, &fault),
				 LADE_E_TARGET);
		assert_true(move.consumed > move.moved);
		move_untroubled(kinds[k]);
	}
}

/* Without a descriptor for a pipe, or for the target once more, other ways do it. */
static void test_no_descriptors(void **state)
{
	struct rlimit old, limit;
	struct pair pair;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	pair_open(&pair, FILE_TO_FILE, LEN, 0);
	limit = old;
	limit.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	pair.move.path = LADE_PATH_SPLICE;
	assert_int_equal(lade_move(movers, &pair.move, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(pair.move.used, LADE_PATH_MMAP);
	pair_check(&pair, LEN);
	pair_close(&pair);
}

/* The rows that the design names are there, each with a reason, and none is for a real failure. */
static void test_table(void **state)
{
	static const struct {
		enum lade_path path;
		int error;
	} wanted[] = {
		{ LADE_PATH_CLONE, EOPNOTSUPP }, { LADE_PATH_CLONE, ENOTTY },
		{ LADE_PATH_CLONE, EXDEV }, { LADE_PATH_CLONE, EINVAL },
		{ LADE_PATH_COPY_FILE_RANGE, 0 }, { LADE_PATH_COPY_FILE_RANGE, EXDEV },
		{ LADE_PATH_COPY_FILE_RANGE, EINVAL }, { LADE_PATH_COPY_FILE_RANGE, ENOSYS },
		{ LADE_PATH_COPY_FILE_RANGE, EBADF }, { LADE_PATH_COPY_FILE_RANGE, ETXTBSY },
		{ LADE_PATH_COPY_FILE_RANGE, EPERM }, { LADE_PATH_COPY_FILE_RANGE, EOPNOTSUPP },
		{ LADE_PATH_SENDFILE, EINVAL }, { LADE_PATH_SENDFILE, ENOSYS },
		{ LADE_PATH_SENDFILE, ESPIPE }, { LADE_PATH_SPLICE, EINVAL },
		{ LADE_PATH_SPLICE, ENOSYS }, { LADE_PATH_MMAP, ENODEV },
	};
	static const int real[] = { ENOSPC, EDQUOT, EFBIG, EPIPE, ECONNRESET };
	size_t i;
	int path;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_non_null(lade_fallback_reason(wanted[i].path, wanted[i].error));
	for (path = 0; path < LADE_PATH_COUNT; path++) {
		for (i = 0; i < sizeof(real) / sizeof(real[0]); i++)
			assert_null(lade_fallback_reason((enum lade_path)path, real[i]));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_injected),
		TEST(test_clone),
		TEST(test_across_file_systems),
		TEST(test_one_ended),
		TEST(test_mapping_fault),
		TEST(test_attribution),
		TEST(test_no_progress),
		TEST(test_drain_fails),
		TEST(test_no_descriptors),
		TEST(test_table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
