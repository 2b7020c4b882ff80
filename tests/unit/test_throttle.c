/*
 * The limit on the rate, by a clock that is made up here; and what is cut by it on its way, which
 * needs no clock: an idle bucket grants so much that nothing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/connection.h"
#include "transport/mover.h"
#include "transport/throttle.h"

#define SECOND_NS 1000000000LL
#define START_NS (1000 * SECOND_NS)

static struct lade_throttle *made(uint64_t rate)
{
	struct lade_throttle *throttle = NULL;

	assert_int_equal(lade_throttle_new(rate, &throttle), 0);
	return throttle;
}

/* Bytes that a bucket lets through in a time if each call takes len of them and is late_ns late every time. */
static uint64_t passed(struct lade_throttle *throttle, size_t len, int64_t time_ns, int64_t late_ns)
{
	int64_t now = START_NS;
	uint64_t sum = 0;

	while (now < START_NS + time_ns) {
		now += lade_throttle_reserve(throttle, len, now);
		if (now < START_NS + time_ns)
			sum += len;
		now += late_ns;
	}
	return sum;
}

static void near_rate(uint64_t rate, int64_t late_ns)
{
	struct lade_throttle *throttle = made(rate);
	uint64_t sum = passed(throttle, lade_throttle_piece(throttle), 10 * SECOND_NS, late_ns);

	/* Over ten seconds 5 % more or less, and a piece; an idle bucket held a fiftieth of that. */
	assert_in_range(sum, 10 * rate / 100 * 97, 10 * rate / 100 * 105 + lade_throttle_piece(throttle));
	lade_throttle_free(throttle);
}

static void test_rates(void **state)
{
	(void)state;
	near_rate(1024, 0);
	near_rate(100 << 10, 0);
	near_rate(1 << 20, 0);
	near_rate(10 << 20, 0);
	near_rate(100 << 20, 0);
	near_rate(2000000000, 0);
}

/* A machine on which every call and every wait takes longer than it should: the next ones make up for it. */
static void test_late_is_made_up_for(void **state)
{
	(void)state;
	near_rate(100 << 10, 40000000);
	near_rate(10 << 20, 5000000);
	near_rate(100 << 20, 5000000);
}

static void test_small_takes(void **state)
{
	struct lade_throttle *throttle = made(1 << 20);
	uint64_t sum = passed(throttle, 100, 10 * SECOND_NS, 0);

	(void)state;
	assert_in_range(sum, 10 * ((1u << 20) / 100 * 97), 10 * ((1u << 20) / 100 * 105));
	lade_throttle_free(throttle);
}

static void test_idle_time_is_not_saved_up(void **state)
{
	struct lade_throttle *throttle = made(1000);

	(void)state;
	/* A fifth of a second is granted at once, however long it was idle. */
	assert_int_equal(lade_throttle_reserve(throttle, 200, START_NS), 0);
	assert_int_equal(lade_throttle_reserve(throttle, 100, START_NS), 0);
	assert_int_equal(lade_throttle_reserve(throttle, 100, START_NS), SECOND_NS / 10);
	assert_int_equal(lade_throttle_reserve(throttle, 200, START_NS + 1000 * SECOND_NS), 0);
	assert_int_equal(lade_throttle_reserve(throttle, 1, START_NS + 1000 * SECOND_NS), 0);
	assert_int_equal(lade_throttle_reserve(throttle, 1, START_NS + 1000 * SECOND_NS), SECOND_NS / 1000);
	lade_throttle_free(throttle);
}

static void test_what_is_given_back_counts_again(void **state)
{
	struct lade_throttle *throttle = made(1000);

	(void)state;
	assert_int_equal(lade_throttle_reserve(throttle, 1200, START_NS), 0);
	lade_throttle_give_back(throttle, 1000);
	assert_int_equal(lade_throttle_reserve(throttle, 100, START_NS), 0);
	assert_int_equal(lade_throttle_reserve(throttle, 1, START_NS), SECOND_NS / 10);
	lade_throttle_free(throttle);
}

static void test_pieces(void **state)
{
	static const struct {
		uint64_t rate;
		size_t piece;
	} cases[] = {
		{ 1, 512 }, { 1024, 512 }, { 20480, 1024 }, { 200000, 8192 }, { 10 << 20, 524288 }, { 100 << 20, 1 << 20 },
		{ UINT64_MAX, 1 << 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_throttle *throttle = made(cases[i].rate);

		assert_int_equal(lade_throttle_piece(throttle), cases[i].piece);
		assert_int_equal(lade_throttle_take(throttle, 1), 1);
		assert_in_range(lade_throttle_take(throttle, SIZE_MAX), 1, cases[i].piece);
		lade_throttle_free(throttle);
	}
}

static void test_a_limit_that_was_lifted(void **state)
{
	struct lade_throttle *throttle = made(1);

	(void)state;
	/* Years of debt. */
	(void)lade_throttle_reserve(throttle, 100000000, START_NS);
	lade_throttle_lift(throttle);
	assert_int_equal(lade_throttle_take(throttle, 5000000), 5000000);
	lade_throttle_take_all(throttle, 5000000);
	lade_throttle_free(throttle);
	lade_throttle_lift(NULL);
	lade_throttle_give_back(NULL, 1);
	lade_throttle_free(NULL);
	assert_int_equal(lade_throttle_take(NULL, 77), 77);
}

/* ---- what is cut ---- */

#define LEN 200000u /* several pieces of a bucket that holds all of it */
#define RATE 1000000u

static uint8_t content[LEN], copy[LEN];

static void fill(void)
{
	for (size_t i = 0; i < LEN; i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
	memset(copy, 0, LEN);
}

static int file_with(const uint8_t *data, size_t len)
{
	int fd = memfd_create("lade-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

static void move_by(enum lade_path path, int out_fd, bool to_file)
{
	struct lade_throttle *throttle = made(RATE);
	int in_fd = file_with(content, LEN);
	struct lade_movers *movers;
	struct lade_move move = {
		.in_fd = in_fd, .in_off = 1000, .out_fd = out_fd, .out_off = to_file ? 500 : LADE_NO_OFFSET,
		.len = LEN - 1000, .path = path, .throttle = throttle,
	};

	assert_int_equal(lade_movers_new(NULL, &movers), 0);
	assert_int_equal(lade_move(movers, &move, NULL), 0);
	assert_int_equal(move.moved, LEN - 1000);
	assert_int_equal(move.consumed, LEN - 1000);
	if (to_file) {
		assert_int_equal(pread(out_fd, copy, LEN - 1000, 500), LEN - 1000);
		assert_memory_equal(copy, content + 1000, LEN - 1000);
	}
	lade_movers_free(movers);
	lade_throttle_free(throttle);
	close(in_fd);
}

static void test_a_move_in_pieces(void **state)
{
	(void)state;
	fill();
	for (int path = LADE_PATH_AUTO; path < LADE_PATH_COUNT; path++) {
		int out_fd = memfd_create("lade-test", MFD_CLOEXEC);

		move_by((enum lade_path)path, out_fd, true);
		close(out_fd);
	}
}

static void test_a_move_that_ends_early(void **state)
{
	struct lade_throttle *throttle = made(RATE);
	int in_fd = file_with(content, 70000), out_fd = memfd_create("lade-test", MFD_CLOEXEC);
	struct lade_movers *movers;
	struct lade_move move = { .in_fd = in_fd, .out_fd = out_fd, .len = 100000, .throttle = throttle };

	(void)state;
	assert_int_equal(lade_movers_new(NULL, &movers), 0);
	assert_int_equal(lade_move(movers, &move, NULL), LADE_E_SHRUNK);
	assert_int_equal(move.moved, 70000);
	assert_int_equal(move.consumed, 70000);
	lade_movers_free(movers);
	lade_throttle_free(throttle);
	close(in_fd);
	close(out_fd);
}

/* Vectors are cut anywhere, and none of their bytes is lost or sent twice. */
static void test_a_write_in_pieces(void **state)
{
	struct lade_connection near, far;
	struct iovec vectors[] = { { content, 10 }, { content + 10, 0 }, { content + 10, 70000 }, { content + 70010, 1 },
				   { content + 70011, 29989 } };

	(void)state;
	fill();
	assert_int_equal(lade_connection_pair(&near, &far, NULL), 0);
	near.throttle = made(RATE);
	assert_int_equal(lade_connection_write(&near, vectors, 5, false, NULL), 0);
	assert_int_equal(lade_connection_read(&far, copy, 100000, NULL), 0);
	assert_memory_equal(copy, content, 100000);
	lade_throttle_free(near.throttle);
	lade_connection_close(&near);
	lade_connection_close(&far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_late_is_made_up_for),
		cmocka_unit_test(test_small_takes),
		cmocka_unit_test(test_idle_time_is_not_saved_up),
		cmocka_unit_test(test_what_is_given_back_counts_again),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_a_limit_that_was_lifted),
		cmocka_unit_test(test_a_move_in_pieces),
		cmocka_unit_test(test_a_move_that_ends_early),
		cmocka_unit_test(test_a_write_in_pieces),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
