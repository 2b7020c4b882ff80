/*
 * Tests of transport/connection_take.c: both directions of a protected connection go on at another one, each by itself, and nothing is lost or left
 * open; and of how far a key is worn.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tls_ends.h"
#include "transport/connection.h"
#include "transport/tls_record.h"

/* Moves of the test with threads, and what is said between two. */
#define MOVES 50
#define BETWEEN 40000u

static void say(struct lade_connection *connection, const char *text)
{
	struct iovec vector = { (void *)text, strlen(text) };

	assert_int_equal(lade_connection_write(connection, &vector, 1, false, NULL), 0);
}

static void assert_hears(struct lade_connection *connection, const char *text)
{
	char got[64];

	assert_int_equal(lade_connection_read(connection, got, strlen(text), NULL), 0);
	assert_memory_equal(got, text, strlen(text));
}

static void connect_ends(struct lade_connection ends[2])
{
	struct lade_tls_state state;

	tls_made_up_state(&state, LADE_TLS_AES_256_GCM);
	tls_connect_with(ends, &state, LADE_SECURE_KERNEL);
}

static void close_ends(struct lade_connection ends[2])
{
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_each_direction_by_itself(void **unused)
{
	struct lade_connection ends[2], fresh[2];
	int old[2], new[2];

	(void)unused;
	connect_ends(ends);
	connect_ends(fresh);
	for (int i = 0; i < 2; i++) {
		old[i] = ends[i].in_fd;
		new[i] = fresh[i].in_fd;
	}
	say(&ends[0], "the last of the old one");
	assert_int_equal(lade_connection_take_out(&ends[0], &fresh[0]), 0);
	say(&ends[0], "the first of the new one");
	assert_hears(&ends[1], "the last of the old one");
	assert_int_equal(lade_connection_take_in(&ends[1], &fresh[1]), 0);
	assert_hears(&ends[1], "the first of the new one");
	/* The other direction is where it was. */
	assert_true(is_open(old[0]) && is_open(old[1]));
	say(&ends[1], "back");
	assert_hears(&ends[0], "back");
	assert_int_equal(lade_connection_take_out(&ends[1], &fresh[1]), 0);
	assert_false(is_open(old[1]));
	say(&ends[1], "follows");
	assert_int_equal(lade_connection_take_in(&ends[0], &fresh[0]), 0);
	assert_false(is_open(old[0]));
	assert_hears(&ends[0], "follows");
	/* There is nothing left to be taken, or to be closed. */
	assert_int_equal(lade_connection_take_in(&ends[0], &fresh[0]), LADE_E_UNSUPPORTED);
	assert_int_equal(lade_connection_take_out(&ends[0], &fresh[0]), LADE_E_UNSUPPORTED);
	close_ends(fresh);
	assert_true(is_open(new[0]) && is_open(new[1]));
	close_ends(ends);
	assert_false(is_open(new[0]) || is_open(new[1]));
}

/* Half taken: both sockets are the connection's, and each is closed once. */
static void test_closed_halfway(void **unused)
{
	struct lade_connection ends[2], fresh[2];
	int old, new;

	(void)unused;
	connect_ends(ends);
	connect_ends(fresh);
	old = ends[0].in_fd;
	new = fresh[0].in_fd;
	assert_int_equal(lade_connection_take_in(&ends[0], &fresh[0]), 0);
	lade_connection_close(&fresh[0]);
	assert_true(is_open(old) && is_open(new));
	lade_connection_close(&ends[0]);
	assert_false(is_open(old) || is_open(new));
	lade_connection_close(&fresh[1]);
	lade_connection_close(&ends[1]);
}

/* What ends a connection ends it wherever it goes on. */
static void test_cancelled_before(void **unused)
{
	struct lade_connection ends[2], fresh[2];
	char got;

	(void)unused;
	connect_ends(ends);
	connect_ends(fresh);
	assert_int_equal(lade_connection_take_out(&ends[0], &fresh[0]), 0);
	lade_connection_cancel(&ends[0]);
	/* Both sockets. */
	assert_int_equal(lade_connection_read(&ends[1], &got, 1, NULL), LADE_E_CLOSED);
	assert_int_equal(lade_connection_read(&fresh[1], &got, 1, NULL), LADE_E_CLOSED);
	assert_int_equal(lade_connection_take_in(&ends[0], &fresh[0]), 0);
	assert_int_equal(lade_connection_read(&ends[0], &got, 1, NULL), LADE_E_CLOSED);
	close_ends(fresh);
	close_ends(ends);
}

static void test_ended_before(void **unused)
{
	struct lade_connection ends[2], fresh[2];
	char got;

	(void)unused;
	connect_ends(ends);
	connect_ends(fresh);
	lade_connection_end_writing(&ends[0]);
	assert_int_equal(lade_connection_take_out(&ends[0], &fresh[0]), 0);
	assert_int_equal(lade_connection_read(&fresh[1], &got, 1, NULL), LADE_E_CLOSED);
	say(&ends[1], "go on");
	assert_hears(&ends[0], "go on");
	close_ends(fresh);
	close_ends(ends);
}

static void test_what_cannot_be_taken(void **unused)
{
	struct lade_connection ends[2], plain[2];

	(void)unused;
	connect_ends(ends);
	assert_int_equal(lade_connection_pair(&plain[0], &plain[1], NULL), 0);
	assert_int_equal(lade_connection_take_out(&ends[0], &plain[0]), LADE_E_UNSUPPORTED);
	assert_int_equal(lade_connection_take_in(&plain[0], &ends[0]), LADE_E_UNSUPPORTED);
	/* The keys of the other side. */
	assert_int_equal(lade_connection_take_in(&ends[0], &ends[1]), LADE_E_UNSUPPORTED);
	close_ends(plain);
	close_ends(ends);
}

/* ---- with threads ---- */

/* One side, with its next connections. */
struct side {
	struct lade_connection connection;
	struct lade_connection fresh[MOVES];
};

static uint8_t byte_at(size_t move, size_t off)
{
	return (uint8_t)(move * 31 + off * 7 + off / 251);
}

static void *write_on(void *argument)
{
	struct side *side = argument;
	static uint8_t bytes[BETWEEN];

	for (size_t move = 0; move <= MOVES; move++) {
		struct iovec vector = { bytes, BETWEEN };

		for (size_t i = 0; i < BETWEEN; i++)
			bytes[i] = byte_at(move, i);
		if (lade_connection_write(&side->connection, &vector, 1, false, NULL) ||
		    (move < MOVES && lade_connection_take_out(&side->connection, &side->fresh[move])))
			return NULL;
	}
	return side;
}

static void *read_on(void *argument)
{
	struct side *side = argument;
	static uint8_t bytes[BETWEEN];

	for (size_t move = 0; move <= MOVES; move++) {
		if (lade_connection_read(&side->connection, bytes, BETWEEN, NULL))
			return NULL;
		for (size_t i = 0; i < BETWEEN; i++)
			if (bytes[i] != byte_at(move, i))
				return NULL;
		if (move < MOVES && lade_connection_take_in(&side->connection, &side->fresh[move]))
			return NULL;
	}
	return side;
}

/* One direction moves all the time, while others look at the connection. */
static void test_many_moves_under_eyes(void **unused)
{
	struct side *sides = calloc(2, sizeof(*sides));
	struct lade_connection_protection protection;
	struct lade_connection ends[2];
	pthread_t writer, reader;
	void *written, *read;

	(void)unused;
	assert_non_null(sides);
	connect_ends(ends);
	for (int i = 0; i < 2; i++)
		sides[i].connection = ends[i];
	for (int move = 0; move < MOVES; move++) {
		connect_ends(ends);
		for (int i = 0; i < 2; i++)
			sides[i].fresh[move] = ends[i];
	}
	assert_int_equal(pthread_create(&writer, NULL, write_on, &sides[0]), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_on, &sides[1]), 0);
	for (int i = 0; i < 1000; i++) {
		(void)lade_connection_waiting(&sides[0].connection);
		(void)lade_connection_waiting(&sides[1].connection);
		assert_true(lade_connection_protection(&sides[0].connection, &protection));
	}
	pthread_join(writer, &written);
	pthread_join(reader, &read);
	assert_non_null(written);
	assert_non_null(read);
	for (int i = 0; i < 2; i++) {
		for (int move = 0; move < MOVES; move++)
			lade_connection_close(&sides[i].fresh[move]);
		lade_connection_close(&sides[i].connection);
	}
	free(sides);
}

/* ---- wear ---- */

static enum lade_wear wear_after(uint64_t records, bool peer_rekeys)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;
	enum lade_wear wear;

	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	state.client.records = records;
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	ends[0].peer_rekeys = peer_rekeys;
	wear = lade_connection_wear(&ends[0]);
	close_ends(ends);
	return wear;
}

static void test_wear(void **unused)
{
	struct lade_connection pair[2];

	(void)unused;
	assert_int_equal(wear_after(0, false), LADE_WEAR_NONE);
	assert_int_equal(wear_after(LADE_TLS_RECORDS_MAX / 2 - 1, false), LADE_WEAR_NONE);
	assert_int_equal(wear_after(LADE_TLS_RECORDS_MAX / 2, false), LADE_WEAR_WORN);
	assert_int_equal(wear_after(LADE_TLS_RECORDS_MAX / 4 * 3, false), LADE_WEAR_SPENT);
	/* Another key comes in its place. */
	assert_int_equal(wear_after(LADE_TLS_RECORDS_MAX / 4 * 3, true), LADE_WEAR_NONE);
	assert_int_equal(lade_connection_pair(&pair[0], &pair[1], NULL), 0);
	assert_int_equal(lade_connection_wear(&pair[0]), LADE_WEAR_NONE);
	close_ends(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_direction_by_itself),
		cmocka_unit_test(test_closed_halfway),
		cmocka_unit_test(test_cancelled_before),
		cmocka_unit_test(test_ended_before),
		cmocka_unit_test(test_what_cannot_be_taken),
		cmocka_unit_test(test_many_moves_under_eyes),
		cmocka_unit_test(test_wear),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
