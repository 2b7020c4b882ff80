/*
 * Tests of protected connections in user space: both ends ours, and one of OpenSSL's; everything a peer may do to the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tls_ends.h"
#include "transport/tls_control.h"
#include "transport/tls_record.h"

#define MUCH (3u << 20)

static const uint16_t suites[] = { LADE_TLS_AES_128_GCM, LADE_TLS_AES_256_GCM, LADE_TLS_CHACHA20_POLY1305 };

static void close_both(struct lade_connection ends[2])
{
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
}

static int write_bytes(struct lade_connection *connection, const void *bytes, size_t len, bool more)
{
	struct iovec vector = { (void *)bytes, len };

	return lade_connection_write(connection, &vector, 1, more, NULL);
}

static void assert_reads(struct lade_connection *connection, const char *text)
{
	char got[64];

	assert_int_equal(lade_connection_read(connection, got, strlen(text), NULL), 0);
	assert_memory_equal(got, text, strlen(text));
}

/* ---- bytes ---- */

static void test_after_a_handshake(void **state)
{
	struct lade_connection ends[2];
	struct lade_connection_protection protection;

	(void)state;
	tls_connect(ends, LADE_SECURE_KERNEL); /* or in user space, without a word */
	assert_int_equal(write_bytes(&ends[0], "there", 5, false), 0);
	assert_int_equal(write_bytes(&ends[1], "and back", 8, false), 0);
	assert_reads(&ends[1], "th");
	assert_reads(&ends[1], "ere");
	assert_reads(&ends[0], "and back");
	assert_true(lade_connection_protection(&ends[0], &protection));
	assert_int_equal(protection.out_kernel, lade_connection_movable_out(&ends[0]));
	assert_string_not_equal(lade_tls_suite_name(protection.suite), lade_tls_suite_name(0));
	close_both(ends);
}

struct writing {
	struct lade_connection *connection;
	const uint8_t *bytes;
	int error;
};

/* Write MUCH bytes in vectors of odd lengths, more to come between most. */
static void *write_much(void *argument)
{
	static const size_t lens[] = { 1, 60, 16384, 262144, 16383, 700001, 5, 16385 };
	struct writing *writing = argument;
	size_t off = 0;

	for (unsigned i = 0; off < MUCH && !writing->error; i++) {
		size_t len = lens[i % 8] < MUCH - off ? lens[i % 8] : MUCH - off, half = len / 2;
		struct iovec vectors[] = {
			{ (void *)(writing->bytes + off), half }, { NULL, 0 },
			{ (void *)(writing->bytes + off + half), len - half },
		};

		off += len;
		writing->error = lade_connection_write(writing->connection, vectors, 3, off < MUCH && i % 5, NULL);
	}
	return NULL;
}

static uint8_t *pattern(void)
{
	uint8_t *bytes = malloc(MUCH);

	assert_non_null(bytes);
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 9);
	return bytes;
}

/* Read MUCH bytes by reads of all lengths, and compare. */
static void read_much(struct lade_connection *connection, const uint8_t *expected)
{
	static const size_t lens[] = { 8, 52, 1u << 20, 3, 16384, 16383, 100000, 1 };
	uint8_t *got = calloc(1, MUCH);
	size_t off = 0;

	assert_non_null(got);
	for (unsigned i = 0; off < MUCH; i++) {
		size_t len = lens[i % 8] < MUCH - off ? lens[i % 8] : MUCH - off;

		if (i % 3 == 0)
			assert_int_equal(lade_connection_read_some(connection, got + off, len, &len, NULL), 0);
		else
			assert_int_equal(lade_connection_read_ahead(connection, got + off, len, 20, NULL), 0);
		assert_true(len > 0);
		off += len;
	}
	assert_memory_equal(got, expected, MUCH);
	free(got);
}

static void carry_much(struct lade_connection *from, struct lade_connection *to)
{
	uint8_t *bytes = pattern();
	struct writing writing = { from, bytes, 0 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_much, &writing), 0);
	read_much(to, bytes);
	pthread_join(thread, NULL);
	assert_int_equal(writing.error, 0);
	free(bytes);
}

static void test_much_in_all_suites(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		tls_made_up_state(&state, suites[i]);
		tls_connect_with(ends, &state, LADE_SECURE_USER);
		carry_much(&ends[0], &ends[1]);
		carry_much(&ends[1], &ends[0]);
		assert_int_equal(lade_connection_wait(&ends[0], 0, NULL), LADE_E_AGAIN);
		close_both(ends);
	}
}

/* The same by the kernel, where it can; each side to one that does it in user space, too. */
static void test_much_by_the_kernel(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		int fds[2];

		tls_made_up_state(&state, suites[i]);
		state.client.records = state.server.records = 0x10203;
		tls_connect_with(ends, &state, LADE_SECURE_KERNEL);
		carry_much(&ends[0], &ends[1]);
		carry_much(&ends[1], &ends[0]);
		close_both(ends);
		tls_sockets(fds);
		for (int end = 0; end < 2; end++) {
			assert_int_equal(lade_connection_accept(&ends[end], fds[end], NULL), 0);
			assert_int_equal(lade_connection_secure(&ends[end], &state, end == 0,
								end ? LADE_SECURE_KERNEL : LADE_SECURE_USER, NULL), 0);
		}
		carry_much(&ends[0], &ends[1]);
		carry_much(&ends[1], &ends[0]);
		lade_connection_end_writing(&ends[1]);
		assert_int_equal(lade_connection_wait(&ends[0], 10000, NULL), 0);
		close_both(ends);
	}
}

/* Who needs much is woken for it, although it comes in little pieces. */
static void *write_slowly(void *argument)
{
	const struct timespec pause = { 0, 500000 };
	struct writing *writing = argument;

	for (size_t off = 0; off < 300000 && !writing->error; off += 3000) {
		writing->error = write_bytes(writing->connection, writing->bytes + off, 3000, false);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void test_much_in_little_pieces(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;
	uint8_t *bytes = pattern(), *got = calloc(1, 300000);
	struct writing writing = { &ends[0], bytes, 0 };
	pthread_t thread;

	(void)unused;
	assert_non_null(got);
	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writing), 0);
	assert_int_equal(lade_connection_read(&ends[1], got, 300000, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(writing.error, 0);
	assert_memory_equal(got, bytes, 300000);
	close_both(ends);
	free(bytes);
	free(got);
}

/* Bytes that wait for more are not lost when it never comes to that many, and are in one record with it. */
static void test_what_waits_for_more(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;
	uint8_t raw[64];

	(void)unused;
	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	assert_int_equal(write_bytes(&ends[0], "abc", 3, true), 0);
	assert_false(lade_connection_waiting(&ends[1]));
	assert_int_equal(write_bytes(&ends[0], "def", 3, false), 0);
	assert_int_equal(recv(ends[1].in_fd, raw, sizeof(raw), MSG_PEEK), 6 + LADE_TLS_EXTRA_LEN);
	assert_reads(&ends[1], "abcdef");
	close_both(ends);
}

static void test_wait_and_waiting(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;
	uint8_t record[LADE_TLS_EXTRA_LEN + 2];
	struct lade_tls_protection *protection;
	struct iovec vector = { (void *)"ab", 2 }, *at = &vector;
	char byte;

	(void)unused;
	tls_made_up_state(&state, LADE_TLS_CHACHA20_POLY1305);
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	assert_int_equal(lade_connection_wait(&ends[1], 0, NULL), LADE_E_AGAIN);
	assert_false(lade_connection_waiting(&ends[1]));
	/* A part of a record is nothing to read, however long one waits. */
	assert_int_equal(lade_tls_protection_new(state.suite, &state.client, true, &protection), 0);
	assert_int_equal(lade_tls_seal(protection, LADE_TLS_DATA, &at, 2, record), 0);
	lade_tls_protection_free(protection);
	assert_int_equal(send(ends[0].out_fd, record, sizeof(record) - 1, 0), sizeof(record) - 1);
	assert_int_equal(lade_connection_wait(&ends[1], 20, NULL), LADE_E_AGAIN);
	assert_false(lade_connection_waiting(&ends[1]));
	assert_int_equal(send(ends[0].out_fd, record + sizeof(record) - 1, 1, 0), 1);
	assert_int_equal(lade_connection_wait(&ends[1], -1, NULL), 0);
	assert_int_equal(lade_connection_read(&ends[1], &byte, 1, NULL), 0);
	assert_int_equal(byte, 'a');
	assert_true(lade_connection_waiting(&ends[1])); /* "b", which is on no descriptor any more */
	assert_int_equal(lade_connection_wait(&ends[1], 0, NULL), 0);
	assert_reads(&ends[1], "b");
	assert_false(lade_connection_waiting(&ends[1]));
	close_both(ends);
}

/* A run in two parts, of which the reader has the first when the second comes. */
#define FIRST_PART 250000u
#define SECOND_PART 50000u

static void *read_all(void *argument)
{
	uint8_t *bytes = malloc(FIRST_PART + SECOND_PART);
	int error = bytes ? lade_connection_read(argument, bytes, FIRST_PART + SECOND_PART, NULL) : LADE_E_MEMORY;

	free(bytes);
	return error ? argument : NULL;
}

/* The last part of a run is less than the reader likes to be woken for. */
static void test_end_of_a_run_wakes_the_reader(void **unused)
{
	uint8_t *bytes = calloc(1, FIRST_PART);
	const struct timespec pause = { 0, 2000000 };
	struct lade_connection ends[2];
	struct lade_tls_state state;
	pthread_t thread;
	void *failed;

	(void)unused;
	assert_non_null(bytes);
	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	assert_int_equal(write_bytes(&ends[0], bytes, FIRST_PART, false), 0);
	alarm(60);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &ends[1]), 0);
	/* Whether it takes the first part or waits for both: now it sleeps, or soon. */
	for (int i = 0; i < 50; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(write_bytes(&ends[0], bytes, SECOND_PART, false), 0);
	pthread_join(thread, &failed);
	alarm(0);
	assert_null(failed);
	free(bytes);
	close_both(ends);
}

/* ---- the end ---- */

static void test_end(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;
	struct lade_fault fault;
	char got[4];
	size_t len;

	(void)unused;
	tls_made_up_state(&state, LADE_TLS_AES_256_GCM);
	for (int by_alert = 0; by_alert < 2; by_alert++) {
		tls_connect_with(ends, &state, LADE_SECURE_USER);
		assert_int_equal(write_bytes(&ends[0], "last", 4, false), 0);
		if (by_alert)
			lade_connection_end_writing(&ends[0]);
		else
			shutdown(ends[0].out_fd, SHUT_WR);
		assert_reads(&ends[1], "last");
		assert_int_equal(lade_connection_wait(&ends[1], 0, NULL), 0);
		assert_int_equal(lade_connection_read(&ends[1], got, 4, &fault), LADE_E_CLOSED);
		assert_int_equal(lade_connection_read_some(&ends[1], got, 4, &len, NULL), 0);
		assert_int_equal(len, 0);
		/* The other way it goes on. */
		assert_int_equal(write_bytes(&ends[1], "still", 5, false), 0);
		assert_reads(&ends[0], "still");
		if (by_alert)
			assert_int_equal(write_bytes(&ends[0], "no", 2, false), LADE_E_CLOSED);
		close_both(ends);
	}
}

static void *write_until_it_fails(void *argument)
{
	struct writing *writing = argument;

	while (!writing->error)
		writing->error = write_bytes(writing->connection, writing->bytes, MUCH, false);
	return NULL;
}

/* Whoever ends a connection does not wait for a writer who waits for a peer who reads nothing. */
static void test_end_while_the_writer_waits(void **unused)
{
	const struct timespec pause = { 0, 1000000 };
	struct lade_connection ends[2];
	struct lade_tls_state state;
	uint8_t *bytes = pattern();
	pthread_t thread;

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct writing writing = { &ends[0], bytes, 0 };
		struct pollfd room;

		tls_made_up_state(&state, suites[0]);
		tls_connect_with(ends, &state, i ? LADE_SECURE_KERNEL : LADE_SECURE_USER);
		room = (struct pollfd){ .fd = ends[0].out_fd, .events = POLLOUT };
		assert_int_equal(pthread_create(&thread, NULL, write_until_it_fails, &writing), 0);
		while (poll(&room, 1, 0))
			nanosleep(&pause, NULL);
		lade_connection_end_writing(&ends[0]);
		lade_connection_cancel(&ends[0]);
		pthread_join(thread, NULL);
		assert_int_equal(writing.error, LADE_E_CLOSED);
		close_both(ends);
	}
	free(bytes);
}

/* ---- what a peer may do ---- */

/* How it is read what a peer may do. */
static enum lade_secure_mode reading_mode = LADE_SECURE_USER;

static int read_by_kernel(void **state)
{
	(void)state;
	reading_mode = LADE_SECURE_KERNEL;
	return 0;
}

static int read_by_user(void **state)
{
	(void)state;
	reading_mode = LADE_SECURE_USER;
	return 0;
}

/* A peer that has the keys and makes records by hand; ends[1] reads them. */
struct rude {
	struct lade_connection ends[2];
	struct lade_tls_protection *protection;
};

static void rude_start(struct rude *rude, uint16_t suite)
{
	struct lade_tls_state state;
	int fds[2];

	tls_made_up_state(&state, suite);
	tls_sockets(fds);
	for (int end = 0; end < 2; end++) {
		assert_int_equal(lade_connection_accept(&rude->ends[end], fds[end], NULL), 0);
		/* What is made by hand is not to be protected once more. */
		assert_int_equal(lade_connection_secure(&rude->ends[end], &state, end == 0, end ? reading_mode : LADE_SECURE_USER, NULL), 0);
	}
	assert_int_equal(lade_tls_protection_new(suite, &state.client, true, &rude->protection), 0);
}

static void rude_end(struct rude *rude)
{
	lade_tls_protection_free(rude->protection);
	close_both(rude->ends);
}

/* Send a record; damage, if not 0: of which byte (counted from 1) a bit is turned over. */
static void rude_say(struct rude *rude, uint8_t type, const void *bytes, size_t len, size_t damage)
{
	uint8_t *record = malloc(len + LADE_TLS_EXTRA_LEN);
	struct iovec vector = { (void *)bytes, len }, *at = &vector;

	assert_non_null(record);
	assert_int_equal(lade_tls_seal(rude->protection, type, &at, len, record), 0);
	if (damage)
		record[damage - 1] ^= 0x10;
	assert_int_equal(send(rude->ends[0].out_fd, record, len + LADE_TLS_EXTRA_LEN, MSG_NOSIGNAL),
			 len + LADE_TLS_EXTRA_LEN);
	free(record);
}

/* The reader fails with code, now and for ever. Returns the operation. */
static const char *assert_fails(struct rude *rude, int code)
{
	static struct lade_fault fault;
	char got[64];

	for (int i = 0; i < 2; i++) {
		fault.code = 0;
		assert_int_equal(lade_connection_read(&rude->ends[1], got, sizeof(got), &fault), code);
		assert_int_equal(fault.code, code);
	}
	return fault.operation;
}

static void damage(const size_t *places, size_t count)
{
	struct rude rude;
	uint8_t got[8];

	for (size_t i = 0; i < count; i++) {
		rude_start(&rude, suites[i % 3]);
		rude_say(&rude, LADE_TLS_DATA, "good", 4, 0);
		rude_say(&rude, LADE_TLS_DATA, "evil", 4, places[i]);
		assert_int_equal(lade_connection_read(&rude.ends[1], got, 4, NULL), 0);
		assert_memory_equal(got, "good", 4);
		assert_fails(&rude, LADE_E_PROTOCOL);
		/* The peer is told why. */
		assert_int_equal(lade_connection_read(&rude.ends[0], got, 1, NULL), LADE_E_CLOSED);
		rude_end(&rude);
	}
}

static void test_damage(void **unused)
{
	static const size_t places[] = { 1, 6, 7, LADE_TLS_EXTRA_LEN + 4 };

	(void)unused;
	damage(places, 4);
}

static void test_damage_of_content(void **unused)
{
	static const size_t places[] = { 6, 7, LADE_TLS_EXTRA_LEN + 4 };

	(void)unused;
	damage(places, 3);
}

static void test_records_out_of_order(void **unused)
{
	struct rude rude;
	uint8_t first[LADE_TLS_EXTRA_LEN + 1], again[1];
	struct iovec vector = { (void *)"a", 1 }, *at = &vector;

	(void)unused;
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	assert_int_equal(lade_tls_seal(rude.protection, LADE_TLS_DATA, &at, 1, first), 0);
	for (int i = 0; i < 2; i++) /* replayed */
		assert_int_equal(send(rude.ends[0].out_fd, first, sizeof(first), 0), sizeof(first));
	assert_int_equal(lade_connection_read(&rude.ends[1], again, 1, NULL), 0);
	assert_fails(&rude, LADE_E_PROTOCOL);
	rude_end(&rude);
}

static void test_records_that_are_none(void **unused)
{
	static const uint8_t wrong[][5] = {
		{ 21, 3, 3, 0, 2 },         /* an alert that nothing protects */
		{ 20, 3, 3, 0, 1 },         /* change_cipher_spec */
		{ 22, 3, 3, 1, 0 },         /* a handshake */
		{ 'G', 'E', 'T', ' ', '/' },
		{ 23, 3, 3, 0, 16 },        /* no room for a type */
		{ 23, 3, 3, 0, 0 },
		{ 23, 3, 3, 0x40, 0x12 },   /* one byte too long */
		{ 23, 3, 3, 0xff, 0xff },
	};
	uint8_t bytes[5 + 256] = { 0 }; /* what the kernel waits for: it does not look at the type before the tag */
	struct rude rude;

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rude_start(&rude, LADE_TLS_AES_128_GCM);
		memcpy(bytes, wrong[i], 5);
		assert_int_equal(send(rude.ends[0].out_fd, bytes, sizeof(bytes), 0), sizeof(bytes));
		assert_fails(&rude, LADE_E_PROTOCOL);
		rude_end(&rude);
	}
}

static void test_content_of_other_types(void **unused)
{
	static const struct {
		uint8_t type;
		const char *bytes;
		size_t len;
	} cases[] = {
		{ 20, "\1", 1 }, { 24, "\1", 1 }, { 255, "x", 1 }, { 0, "", 0 }, { 0, "\0\0\0", 3 },
		{ LADE_TLS_ALERT, "\2", 1 }, { LADE_TLS_ALERT, "\2\0\0", 3 }, { LADE_TLS_ALERT, "", 0 },
		{ LADE_TLS_HANDSHAKE, "", 0 }, { LADE_TLS_HANDSHAKE, "\4\0\0\1\0", 5 }, /* a ticket */
		{ LADE_TLS_HANDSHAKE, "\30\0\0\1\2", 5 }, { LADE_TLS_HANDSHAKE, "\30\0\0\1", 4 },
		{ LADE_TLS_HANDSHAKE, "\30\0\0\1\0\30\0\0\1\0", 10 },
	};
	struct rude rude;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rude_start(&rude, LADE_TLS_AES_256_GCM);
		rude_say(&rude, cases[i].type, cases[i].bytes, cases[i].len, 0);
		assert_fails(&rude, LADE_E_PROTOCOL);
		rude_end(&rude);
	}
}

static void test_alerts(void **unused)
{
	struct rude rude;

	(void)unused;
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	rude_say(&rude, LADE_TLS_ALERT, "\2\24", 2, 0);
	assert_non_null(strstr(assert_fails(&rude, LADE_E_CLOSED), "bad_record_mac"));
	rude_end(&rude);
	/* The level says nothing in TLS 1.3. */
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	rude_say(&rude, LADE_TLS_ALERT, "\1\61", 2, 0);
	assert_non_null(strstr(assert_fails(&rude, LADE_E_CLOSED), "access_denied"));
	rude_end(&rude);
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	rude_say(&rude, LADE_TLS_ALERT, "\2\377", 2, 0);
	assert_fails(&rude, LADE_E_CLOSED);
	rude_end(&rude);
}

/* Padding is zeros behind the type: here made by hand, as content of type 0 whose last byte that is not 0 is the type. */
static void test_padding(void **unused)
{
	static const char padded[] = "pad\27\0\0\0\0\0\0";
	uint8_t *longest = calloc(1, LADE_TLS_PLAIN_MAX);
	struct rude rude;
	char got[8];
	size_t len;

	(void)unused;
	assert_non_null(longest);
	longest[0] = 'x';
	longest[1] = LADE_TLS_DATA;
	rude_start(&rude, LADE_TLS_CHACHA20_POLY1305);
	rude_say(&rude, 0, padded, sizeof(padded), 0);
	rude_say(&rude, 0, longest, LADE_TLS_PLAIN_MAX, 0);
	rude_say(&rude, LADE_TLS_DATA, "end", 3, 0);
	assert_reads(&rude.ends[1], "pad");
	assert_reads(&rude.ends[1], "xend");
	rude_say(&rude, 0, padded, sizeof(padded), 0);
	assert_int_equal(lade_connection_read_some(&rude.ends[1], got, sizeof(got), &len, NULL), 0);
	assert_int_equal(len, 3);
	rude_end(&rude);
	free(longest);
}

static void test_empty_records(void **unused)
{
	struct rude rude;

	(void)unused;
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 32; i++)
			rude_say(&rude, LADE_TLS_DATA, "", 0, 0);
		rude_say(&rude, LADE_TLS_DATA, "a", 1, 0);
		assert_reads(&rude.ends[1], "a");
	}
	for (int i = 0; i < 33; i++)
		rude_say(&rude, LADE_TLS_DATA, "", 0, 0);
	assert_fails(&rude, LADE_E_PROTOCOL);
	rude_end(&rude);
}

static void test_cut_off_inside_a_record(void **unused)
{
	struct rude rude;
	uint8_t record[LADE_TLS_EXTRA_LEN + 4];
	struct iovec vector, *at;
	size_t got_len;
	char got[8];

	(void)unused;
	for (size_t len = 1; len < sizeof(record); len += 6) {
		rude_start(&rude, LADE_TLS_AES_128_GCM);
		vector = (struct iovec){ (void *)"late", 4 };
		at = &vector;
		assert_int_equal(lade_tls_seal(rude.protection, LADE_TLS_DATA, &at, 4, record), 0);
		assert_int_equal(send(rude.ends[0].out_fd, record, len, 0), len);
		shutdown(rude.ends[0].out_fd, SHUT_WR);
		assert_fails(&rude, LADE_E_CLOSED);
		assert_int_equal(lade_connection_read_some(&rude.ends[1], got, 4, &got_len, NULL), LADE_E_CLOSED);
		/* That is no end between two frames. */
		assert_int_equal(lade_connection_read(&rude.ends[1], got, 4, NULL), LADE_E_CLOSED);
		assert_true(rude.ends[1].torn);
		rude_end(&rude);
	}
}

/* ---- keys ---- */

/* So near to the limit that a few records reach it: both sides go on with other keys. */
static void test_worn_keys(void **unused)
{
	struct lade_connection ends[2];
	struct lade_tls_state state;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		tls_made_up_state(&state, suites[i]);
		state.client.records = state.server.records = LADE_TLS_RECORDS_MAX - 30;
		tls_connect_with(ends, &state, LADE_SECURE_EXACT);
		carry_much(&ends[0], &ends[1]);
		carry_much(&ends[1], &ends[0]);
		assert_int_equal(lade_connection_tls_state(&ends[0], &state, NULL), 0);
		assert_true(state.client.records > 100 && state.client.records < LADE_TLS_RECORDS_MAX / 2);
		assert_true(state.server.records > 100 && state.server.records < LADE_TLS_RECORDS_MAX / 2);
		close_both(ends);
	}
}

static void test_flood_of_key_updates(void **unused)
{
	static const char update[] = "\30\0\0\1\0";
	struct rude rude;

	(void)unused;
	rude_start(&rude, LADE_TLS_AES_128_GCM);
	rude_say(&rude, LADE_TLS_HANDSHAKE, update, 5, 0);
	assert_int_equal(lade_tls_protection_update(rude.protection), 0);
	rude_say(&rude, LADE_TLS_DATA, "a", 1, 0);
	assert_reads(&rude.ends[1], "a");
	/* Much has come: there may be another. */
	rude.ends[1].received_len = 1u << 20;
	rude_say(&rude, LADE_TLS_HANDSHAKE, update, 5, 0);
	assert_int_equal(lade_tls_protection_update(rude.protection), 0);
	rude_say(&rude, LADE_TLS_DATA, "b", 1, 0);
	assert_reads(&rude.ends[1], "b");
	rude_say(&rude, LADE_TLS_HANDSHAKE, update, 5, 0);
	assert_non_null(strstr(assert_fails(&rude, LADE_E_PROTOCOL), "KeyUpdates"));
	rude_end(&rude);
}

/* ---- handing on ---- */

static void test_hand_over(void **unused)
{
	struct lade_connection ends[2], worker;
	struct lade_tls_state state;
	char got[8];

	(void)unused;
	tls_connect(ends, LADE_SECURE_EXACT);
	assert_int_equal(write_bytes(&ends[0], "greeting", 8, false), 0);
	assert_int_equal(write_bytes(&ends[0], "select", 6, false), 0);
	assert_int_equal(write_bytes(&ends[0], "open", 4, false), 0);
	assert_reads(&ends[1], "greeting");
	assert_int_equal(write_bytes(&ends[1], "hello", 5, false), 0);
	assert_reads(&ends[1], "sel");
	assert_int_equal(lade_connection_tls_state(&ends[1], &state, NULL), 0);
	assert_int_equal(state.plain_len, 3);
	assert_int_equal(state.client.records, 2);
	assert_int_equal(state.server.records, 1);
	/* Somebody else goes on with the descriptor. */
	assert_int_equal(lade_connection_accept(&worker, dup(ends[1].in_fd), NULL), 0);
	lade_connection_close(&ends[1]);
	assert_int_equal(lade_connection_secure(&worker, &state, false, LADE_SECURE_KERNEL, NULL), 0);
	assert_false(lade_connection_movable_in(&worker)); /* what was read before comes first */
	assert_true(lade_connection_waiting(&worker));
	assert_int_equal(lade_connection_wait(&worker, 0, NULL), 0);
	assert_reads(&worker, "ectopen");
	assert_false(lade_connection_waiting(&worker));
	assert_int_equal(write_bytes(&worker, "welcome", 7, false), 0);
	assert_reads(&ends[0], "hellowelcome");
	/* What is not exact cannot be handed on. */
	assert_int_equal(lade_connection_tls_state(&worker, &state, NULL), LADE_E_UNSUPPORTED);
	lade_connection_end_writing(&worker);
	assert_int_equal(lade_connection_read(&ends[0], got, 1, NULL), LADE_E_CLOSED);
	lade_connection_close(&ends[0]);
	lade_connection_close(&worker);
}

static void test_what_cannot_be_protected(void **unused)
{
	struct lade_connection ends[2], pair[2];
	struct lade_tls_state state;
	int fds[2];

	(void)unused;
	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	assert_int_equal(lade_connection_pair(&pair[0], &pair[1], NULL), 0);
	assert_int_equal(lade_connection_secure(&pair[0], &state, true, LADE_SECURE_USER, NULL), LADE_E_UNSUPPORTED);
	assert_true(lade_connection_movable_in(&pair[0]));
	assert_true(lade_connection_movable_out(&pair[0]));
	assert_int_equal(lade_connection_tls_state(&pair[0], &state, NULL), LADE_E_UNSUPPORTED);
	close_both(pair);
	tls_sockets(fds);
	for (int i = 0; i < 2; i++)
		assert_int_equal(lade_connection_accept(&ends[i], fds[i], NULL), 0);
	state.suite = 0x1304;
	assert_int_equal(lade_connection_secure(&ends[0], &state, true, LADE_SECURE_USER, NULL), LADE_E_UNSUPPORTED);
	state.suite = LADE_TLS_AES_128_GCM;
	state.plain_len = LADE_TLS_PLAIN_MAX + 1;
	assert_int_equal(lade_connection_secure(&ends[0], &state, true, LADE_SECURE_USER, NULL), LADE_E_UNSUPPORTED);
	state.plain_len = 0;
	assert_int_equal(lade_connection_secure(&ends[0], &state, true, LADE_SECURE_USER, NULL), 0);
	assert_int_equal(lade_connection_secure(&ends[0], &state, true, LADE_SECURE_USER, NULL), LADE_E_UNSUPPORTED);
	close_both(ends);
}

/* A limit on the rate is obeyed, and nothing is lost by it. */
static void test_throttled(void **unused)
{
	struct lade_throttle *throttle;
	struct lade_connection ends[2];
	struct lade_tls_state state;

	(void)unused;
	tls_made_up_state(&state, LADE_TLS_AES_128_GCM);
	tls_connect_with(ends, &state, LADE_SECURE_USER);
	assert_int_equal(lade_throttle_new(20000000, &throttle), 0);
	ends[0].throttle = throttle;
	carry_much(&ends[0], &ends[1]);
	close_both(ends);
	lade_throttle_free(throttle);
}

/* ---- OpenSSL at the other end ---- */

struct foreign {
	SSL *ssl;
	const uint8_t *bytes;
	bool update;
};

/* Make the handshake as a server, send MUCH bytes, read as many and send them back. */
static void *serve(void *argument)
{
	struct foreign *foreign = argument;
	uint8_t *got = malloc(MUCH);
	size_t off = 0;
	intptr_t failed = 0;

	if (SSL_accept(foreign->ssl) != 1)
		failed = 1;
	for (size_t len; !failed && off < MUCH; off += len) {
		len = MUCH - off < 50000 ? MUCH - off : 50000;
		/* Its own keys change, and it wants ours to. */
		if (foreign->update && off == 100000)
			SSL_key_update(foreign->ssl, SSL_KEY_UPDATE_REQUESTED);
		if (SSL_write(foreign->ssl, foreign->bytes + off, (int)len) != (int)len)
			failed = 2;
	}
	off = 0;
	while (!failed && off < MUCH) {
		int len = SSL_read(foreign->ssl, got + off, (int)(MUCH - off));

		if (len <= 0)
			failed = 3;
		else
			off += (size_t)len;
	}
	if (!failed && memcmp(got, foreign->bytes, MUCH) != 0)
		failed = 4;
	/* It must have had a close_notify, not only an end. */
	if (!failed && (SSL_read(foreign->ssl, got, 1) != 0 || SSL_get_error(foreign->ssl, 0) != SSL_ERROR_ZERO_RETURN))
		failed = 5;
	free(got);
	return (void *)failed;
}

static void talk_to_openssl(const char *suite, bool update)
{
	struct tls_key key;
	struct tls_certificate wanted = { .name = "foreign", .to = 1000 };
	struct tls_side side = { .setup.timeout_ms = 20000 };
	struct lade_connection connection;
	struct foreign foreign = { .bytes = pattern(), .update = update };
	struct writing writing = { &connection, foreign.bytes, 0 };
	SSL_CTX *context;
	X509 *certificate;
	pthread_t thread;
	void *failed;
	int fds[2];

	tls_sockets(fds);
	tls_key_init(&key, 3);
	wanted.key = key.secret;
	certificate = tls_certificate_make(&wanted);
	context = tls_foreign(true, key.secret, certificate);
	assert_int_equal(SSL_CTX_set_ciphersuites(context, suite), 1);
	foreign.ssl = SSL_new(context);
	SSL_set_fd(foreign.ssl, fds[1]);
	assert_int_equal(pthread_create(&thread, NULL, serve, &foreign), 0);
	assert_int_equal(lade_tls_handshake(fds[0], &side.setup, "openssl", &side.state, &side.peer, &side.fault), 0);
	assert_string_equal(lade_tls_suite_name(side.state.suite), suite);
	assert_int_equal(lade_connection_accept(&connection, fds[0], NULL), 0);
	assert_int_equal(lade_connection_secure(&connection, &side.state, true, LADE_SECURE_USER, NULL), 0);
	read_much(&connection, foreign.bytes);
	write_much(&writing);
	assert_int_equal(writing.error, 0);
	lade_connection_end_writing(&connection);
	pthread_join(thread, &failed);
	assert_int_equal((intptr_t)failed, 0);
	lade_connection_close(&connection);
	close(fds[1]);
	SSL_free(foreign.ssl);
	SSL_CTX_free(context);
	X509_free(certificate);
	tls_key_fini(&key);
	free((void *)foreign.bytes);
}

static void test_openssl_in_all_suites(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < 3; i++)
		talk_to_openssl(lade_tls_suite_name(suites[i]), false);
}

static void test_openssl_changes_keys(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < 3; i++)
		talk_to_openssl(lade_tls_suite_name(suites[i]), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_a_handshake),
		cmocka_unit_test(test_much_in_all_suites),
		cmocka_unit_test(test_much_by_the_kernel),
		cmocka_unit_test(test_much_in_little_pieces),
		cmocka_unit_test(test_what_waits_for_more),
		cmocka_unit_test(test_wait_and_waiting),
		cmocka_unit_test(test_end_of_a_run_wakes_the_reader),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_end_while_the_writer_waits),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_records_out_of_order),
		cmocka_unit_test(test_records_that_are_none),
		cmocka_unit_test(test_content_of_other_types),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_empty_records),
		cmocka_unit_test_setup_teardown(test_damage_of_content, read_by_kernel, read_by_user),
		cmocka_unit_test_setup_teardown(test_records_out_of_order, read_by_kernel, read_by_user),
		cmocka_unit_test_setup_teardown(test_records_that_are_none, read_by_kernel, read_by_user),
		cmocka_unit_test_setup_teardown(test_content_of_other_types, read_by_kernel, read_by_user),
		cmocka_unit_test_setup_teardown(test_alerts, read_by_kernel, read_by_user),
		cmocka_unit_test_setup_teardown(test_padding, read_by_kernel, read_by_user),
		cmocka_unit_test(test_cut_off_inside_a_record),
		cmocka_unit_test(test_worn_keys),
		cmocka_unit_test(test_flood_of_key_updates),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_what_cannot_be_protected),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_openssl_in_all_suites),
		cmocka_unit_test(test_openssl_changes_keys),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(300); /* nothing here waits for ever */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
