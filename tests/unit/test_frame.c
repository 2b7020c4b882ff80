/*
 * Tests of transport/frame over real connections: lengths are bounded before memory
 * is taken, what is read ahead is not lost, and whatever is cut short is a connection that
 * ended where it must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/byteorder.h"
#include "protocol/limits.h"
#include "transport/frame.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct ends {
	struct lade_connection near, far;
	struct lade_writer control; /* what near read */
};

static int setup(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends || lade_connection_pair(&ends->near, &ends->far, NULL))
		return -1;
	lade_writer_init(&ends->control, LADE_CONTROL_MAX);
	*state = ends;
	return 0;
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	lade_connection_close(&ends->near);
	lade_connection_close(&ends->far);
	lade_writer_fini(&ends->control);
	free(ends);
	return 0;
}

static void header_of(uint8_t header[LADE_FRAME_HEADER_LEN], uint32_t control_len,
		      uint32_t payload_len)
{
	lade_put_le32(header, control_len);
	lade_put_le32(header + 4, payload_len);
}

static void write_raw(struct lade_connection *connection, const void *bytes, size_t len)
{
	struct iovec vector = { (void *)bytes, len };

	assert_int_equal(lade_connection_write(connection, &vector, 1, false, NULL), 0);
}

static void assert_read(struct lade_connection *connection, const char *expected)
{
	char bytes[64];

	assert_int_equal(lade_connection_read(connection, bytes, strlen(expected), NULL), 0);
	assert_memory_equal(bytes, expected, strlen(expected));
}

static void test_headers(void **state)
{
	static const struct {
		uint32_t control_len, payload_len;
		int expected;
	} cases[] = {
		{ 1, 0, 0 },
		{ 1, 1, 0 },
		{ LADE_CONTROL_MAX, LADE_PAYLOAD_MAX, 0 },
		{ LADE_CONTROL_MAX + 1, 0, LADE_E_LIMIT },
		{ 1, LADE_PAYLOAD_MAX + 1, LADE_E_LIMIT },
		{ UINT32_MAX, 0, LADE_E_LIMIT },
		{ 1, UINT32_MAX, LADE_E_LIMIT },
		{ 0, 0, LADE_E_PROTOCOL },
		{ 0, 1, LADE_E_PROTOCOL },
	};
	uint8_t header[LADE_FRAME_HEADER_LEN];
	uint32_t control_len, payload_len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		header_of(header, cases[i].control_len, cases[i].payload_len);
		assert_int_equal(lade_frame_get_header(header, &control_len, &payload_len),
				 cases[i].expected);
		if (cases[i].expected)
			continue;
		assert_int_equal(control_len, cases[i].control_len);
		assert_int_equal(payload_len, cases[i].payload_len);
	}
}

/* Payload is where it belongs, whatever its frame's neighbours look like. */
static void test_frame_after_frame(void **state)
{
	struct ends *ends = *state;
	uint32_t payload_len;

	assert_int_equal(lade_frame_write(&ends->far, lade_slice("control", 7), 7, NULL), 0);
	write_raw(&ends->far, "payload", 7);
	assert_int_equal(lade_frame_write_payload(&ends->far, lade_slice("second", 6),
						  lade_slice("more", 4), NULL),
			 0);
	assert_int_equal(lade_frame_write_payload(&ends->far, lade_slice("third", 5),
						  lade_slice(NULL, 0), NULL),
			 0);
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_true(lade_slice_equal(lade_slice(ends->control.data, ends->control.len),
				     lade_slice("control", 7)));
	assert_int_equal(payload_len, 7);
	assert_read(&ends->near, "payload");
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_true(lade_slice_equal(lade_slice(ends->control.data, ends->control.len),
				     lade_slice("second", 6)));
	assert_int_equal(payload_len, 4);
	assert_read(&ends->near, "more");
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_int_equal(ends->control.len, 5);
	assert_int_equal(payload_len, 0);
	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), LADE_E_AGAIN);
}

/* Three frames with payload, the last with less control, are there at once. */
static void write_three(struct lade_connection *connection)
{
	static const char *const controls[] = { "control", "CONTROL", "less" };

	for (size_t i = 0; i < COUNT(controls); i++)
		assert_int_equal(lade_frame_write_payload(connection, lade_slice(controls[i], strlen(controls[i])),
							  lade_slice("payload", 7), NULL),
				 0);
}

static void assert_frame(struct ends *ends, const char *control)
{
	uint32_t payload_len;

	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_true(lade_slice_equal(lade_slice(ends->control.data, ends->control.len),
				     lade_slice(control, strlen(control))));
	assert_int_equal(payload_len, 7);
}

/* The next frame comes with the payload as far as its control, so that the payload after it can be spliced. */
static void test_a_frame_is_read_ahead(void **state)
{
	struct ends *ends = *state;
	char payload[7];

	write_three(&ends->far);
	assert_frame(ends, "control");
	assert_int_equal(lade_frame_read_payload(&ends->near, payload, 7, NULL), 0);
	assert_memory_equal(payload, "payload", 7);
	assert_int_equal(ends->near.ahead_len, LADE_FRAME_HEADER_LEN + 7);
	assert_frame(ends, "CONTROL");
	assert_int_equal(ends->near.ahead_len, 0);
}

/* A frame with less control than the one before it: the beginning of its payload has been read. */
static void test_a_guess_goes_wrong(void **state)
{
	struct ends *ends = *state;

	write_three(&ends->far);
	assert_frame(ends, "control");
	assert_read(&ends->near, "payload");
	assert_frame(ends, "CONTROL");
	assert_read(&ends->near, "payload");
	assert_frame(ends, "less");
	assert_int_equal(ends->near.ahead_len, 3);
	assert_read(&ends->near, "payload");
	assert_int_equal(ends->near.ahead_len, 0);
}

/* The bytes themselves: what stands in PROTOCOL.md. */
static void test_bytes(void **state)
{
	static const uint8_t expected[] = { 3, 0, 0, 0, 2, 0, 0, 0, 'a', 'b', 'c', 'd', 'e' };
	struct ends *ends = *state;
	uint8_t bytes[sizeof(expected)];

	assert_int_equal(lade_frame_write_payload(&ends->far, lade_slice("abc", 3),
						  lade_slice("de", 2), NULL),
			 0);
	assert_int_equal(lade_connection_read(&ends->near, bytes, sizeof(bytes), NULL), 0);
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_the_end_comes_too_early(void **state)
{
	static const uint8_t frame[] = { 5, 0, 0, 0, 0, 0, 0, 0, 'w', 'h', 'o', 'l', 'e' };

	(void)state;
	for (size_t len = 0; len <= sizeof(frame); len++) {
		struct lade_connection near, far;
		struct lade_writer control;
		struct lade_fault fault = { 0 };
		uint32_t payload_len;

		assert_int_equal(lade_connection_pair(&near, &far, NULL), 0);
		lade_writer_init(&control, LADE_CONTROL_MAX);
		write_raw(&far, frame, len);
		lade_connection_close(&far);
		assert_int_equal(lade_frame_read(&near, &control, &payload_len, &fault),
				 len == sizeof(frame) ? 0 : LADE_E_CLOSED);
		assert_int_equal(fault.code, len == sizeof(frame) ? 0 : LADE_E_CLOSED);
		/* Between two frames is the end that may come. */
		assert_int_equal(near.torn, len && len < sizeof(frame));
		assert_int_equal(control.len, len == sizeof(frame) ? 5 : 0);
		lade_writer_fini(&control);
		lade_connection_close(&near);
	}
}

/* Lengths beyond the limits are refused before anything is read or made for them. */
static void test_too_long(void **state)
{
	struct ends *ends = *state;
	uint8_t header[LADE_FRAME_HEADER_LEN];
	struct lade_fault fault;
	uint32_t payload_len;

	header_of(header, UINT32_MAX, 0);
	write_raw(&ends->far, header, sizeof(header));
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, &fault),
			 LADE_E_LIMIT);
	assert_int_equal(ends->control.capacity, 0);
	assert_string_equal(fault.subject, "local");
	header_of(header, 0, 5);
	write_raw(&ends->far, header, sizeof(header));
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL),
			 LADE_E_PROTOCOL);
}

struct writing {
	struct lade_connection *connection;
	const uint8_t *bytes;
	int error;
};

static void *write_largest(void *argument)
{
	struct writing *writing = argument;

	writing->error = lade_frame_write_payload(
		writing->connection, lade_slice(writing->bytes, LADE_CONTROL_MAX),
		lade_slice(writing->bytes, LADE_PAYLOAD_MAX), NULL);
	return NULL;
}

/* The largest frame is far above what the kernel buffers: it goes in pieces. */
static void test_the_largest_frame(void **state)
{
	struct ends *ends = *state;
	uint8_t *bytes = malloc(LADE_PAYLOAD_MAX), *got = malloc(LADE_PAYLOAD_MAX);
	struct writing writing = { &ends->far, bytes, -1 };
	uint32_t payload_len;
	pthread_t thread;

	assert_non_null(bytes);
	assert_non_null(got);
	for (size_t i = 0; i < LADE_PAYLOAD_MAX; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 11);
	assert_int_equal(pthread_create(&thread, NULL, write_largest, &writing), 0);
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_int_equal(payload_len, LADE_PAYLOAD_MAX);
	assert_int_equal(lade_connection_read(&ends->near, got, payload_len, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(writing.error, 0);
	assert_int_equal(ends->control.len, LADE_CONTROL_MAX);
	assert_memory_equal(ends->control.data, bytes, LADE_CONTROL_MAX);
	assert_memory_equal(got, bytes, LADE_PAYLOAD_MAX);
	free(bytes);
	free(got);
}

static void test_a_descriptor_comes_along(void **state)
{
	struct ends *ends = *state;
	uint32_t payload_len;
	int pipe_fds[2], fd;

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(lade_frame_write(&ends->far, lade_slice("before", 6), 0, NULL), 0);
	assert_int_equal(
		lade_frame_write_descriptor(&ends->far, lade_slice("it", 2), pipe_fds[1], NULL), 0);
	close(pipe_fds[1]);
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_int_equal(lade_connection_take_descriptor(&ends->near), -1);
	assert_int_equal(lade_frame_read(&ends->near, &ends->control, &payload_len, NULL), 0);
	assert_int_equal(ends->control.len, 2);
	assert_int_equal(payload_len, 0);
	fd = lade_connection_take_descriptor(&ends->near);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	close(pipe_fds[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		TEST(test_frame_after_frame),
		TEST(test_a_frame_is_read_ahead),
		TEST(test_a_guess_goes_wrong),
		TEST(test_bytes),
		cmocka_unit_test(test_the_end_comes_too_early),
		TEST(test_too_long),
		TEST(test_the_largest_frame),
		TEST(test_a_descriptor_comes_along),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
