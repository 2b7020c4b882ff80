/*
 * The example session of PROTOCOL.md, byte by byte: made here by the code itself and
 * looked for in the document. Where the two differ, what the document should say is
 * printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker/digest.h"
#include "protocol/byteorder.h"
#include "protocol/entry.h"
#include "protocol/hello.h"
#include "tests/unit/session_toy.h"

#define FRAME_HEADER_LEN 8u

/* The toy's callbacks have no context of their own. */
static struct lade_run_key key;
static struct lade_writer text;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	assert_true(len >= 0 && (size_t)len < sizeof(line));
	lade_writer_put_bytes(&text, line, (size_t)len);
}

static void say_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		say("%s%02x%s", i % 16 ? " " : "      ", bytes[i],
		    i % 16 == 15 || i + 1 == len ? "\n" : "");
}

/* One frame: its messages in words, then its bytes. */
static void say_frame(const char *who, const uint8_t *frame, size_t len)
{
	struct lade_reader reader;
	struct lade_message message;
	uint32_t payload_len = lade_get_le32(frame + 4);
	char words[400];

	say("    %s\n", who);
	lade_reader_init(&reader, frame + FRAME_HEADER_LEN, lade_get_le32(frame));
	while (lade_reader_left(&reader)) {
		assert_int_equal(lade_message_get(&reader, &message), 0);
		lade_message_dump(&message, words, sizeof(words));
		say("      %s\n", words);
	}
	if (payload_len)
		say("      and %u bytes of payload\n", (unsigned)payload_len);
	say_hex(frame, len);
}

static void say_hello(const char *who, uint8_t first, uint8_t secret[LADE_SECRET_LEN])
{
	struct lade_hello hello = { .version_min = LADE_VERSION_MIN,
				    .version_max = LADE_VERSION_MAX };
	uint8_t bytes[LADE_HELLO_LEN];

	for (uint8_t i = 0; i < LADE_SECRET_LEN; i++)
		hello.secret[i] = (uint8_t)(first + i);
	memcpy(secret, hello.secret, LADE_SECRET_LEN);
	lade_hello_put(bytes, &hello);
	say("    %s, HELLO\n", who);
	say_hex(bytes, sizeof(bytes));
}

/* The sender has dialled: it pushes to the directory "dst". */
static void say_open(void)
{
	static const uint8_t path[] = { 3, 'd', 's', 't' }, no_rules[] = { 0 };
	const struct lade_msg_open open = {
		.role = 0,
		.options = LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS |
			   LADE_OPTION_TIMES,
		.paths = lade_slice(path, sizeof(path)),
		.rules = lade_slice(no_rules, sizeof(no_rules)),
	};
	uint8_t header[FRAME_HEADER_LEN] = { 0 };
	struct lade_writer control, frame;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_writer_init(&frame, LADE_CONTROL_MAX);
	lade_put_open(&control, &open);
	lade_put_le32(header, (uint32_t)control.len);
	lade_writer_put_bytes(&frame, header, sizeof(header));
	lade_writer_put_bytes(&frame, control.data, control.len);
	say_frame("sender", frame.data, frame.len);
	lade_writer_fini(&control);
	lade_writer_fini(&frame);
}

static void digest(const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	lade_digest(&key, data, len, out);
}

/* A directory with one file, each side saying all it can before the other has its turn. */
static void say_session(void)
{
	struct toy *toy = malloc(sizeof(*toy));

	assert_non_null(toy);
	toy_init(toy);
	toy->digest = digest;
	toy->to_receiver.trace = toy->to_sender.trace = say_frame;
	toy_add(toy, "a", 6)->text = "hello\n";
	while (toy_walk(toy))
		;
	while (!toy->error && !toy->end_heard) {
		toy_hear_receiver(toy);
		while (toy_work(toy, 0) || toy_plan(toy))
			;
		toy_hear_sender(toy);
		while (toy_feed(toy, 0))
			;
	}
	assert_int_equal(toy->error, 0);
	assert_int_equal(memcmp(toy->files[0].landed, "hello\n", 6), 0);
	toy_fini(toy);
	free(toy);
}

/* All of a file of the source tree as text. */
static char *read_document(const char *name)
{
	const char *top = getenv("srcdir");
	char path[4096];
	long len;
	char *document;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", top && *top ? top : ".", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be opened: run this at the top of the sources, or set srcdir",
			 path);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	len = ftell(file);
	rewind(file);
	document = calloc(1, (size_t)len + 1);
	assert_non_null(document);
	assert_int_equal(fread(document, 1, (size_t)len, file), len);
	fclose(file);
	return document;
}

/* cmocka prints no more than a kilobyte at once. */
static void print_lines(const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		print_message("%.*s\n", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void test_the_example_of_the_document(void **state)
{
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN];
	char *document = read_document("protocol/PROTOCOL.md");
	bool found;

	(void)state;
	lade_writer_init(&text, 1u << 20);
	say_hello("sender", 0x00, dialler);
	say_hello("receiver", 0x20, answerer);
	lade_run_key_derive(&key, dialler, answerer);
	say("    run key\n");
	say_hex(key.bytes, sizeof(key.bytes));
	say_open();
	say_session();
	lade_writer_put_u8(&text, 0);
	assert_int_equal(text.error, 0);
	found = strstr(document, (const char *)text.data);
	if (!found)
		print_lines((const char *)text.data);
	free(document);
	lade_writer_fini(&text);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_example_of_the_document),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
