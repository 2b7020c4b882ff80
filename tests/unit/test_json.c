/*
 * JSON objects: every byte in every place gives a valid object, from which exactly the bytes can be had again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/json_events.h"
#include "protocol/entry.h"

/* A reader that knows as much of JSON as flat objects have (RFC 8259), and nothing more than it allows. */
struct parser {
	const char *at;
	bool failed;
};

static bool expect(struct parser *parser, char c)
{
	if (*parser->at != c)
		parser->failed = true;
	else
		parser->at++;
	return !parser->failed;
}

static unsigned hex_digit(struct parser *parser)
{
	const char *digits = "0123456789abcdef", *digit = *parser->at ? strchr(digits, *parser->at) : NULL;

	if (!digit) {
		parser->failed = true;
		return 0;
	}
	parser->at++;
	return (unsigned)(digit - digits);
}

/* One character of a string, as bytes; control characters and lone quotes are none. */
static void take_character(struct parser *parser, struct lade_writer *out)
{
	unsigned code = 0;
	uint8_t byte = (uint8_t)*parser->at++;

	if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && (uint8_t)*parser->at < 0xa0)) {
		parser->failed = true;
	} else if (byte != '\\') {
		lade_writer_put_u8(out, byte);
	} else if (*parser->at == '"' || *parser->at == '\\') {
		lade_writer_put_u8(out, (uint8_t)*parser->at++);
	} else if (expect(parser, 'u')) {
		for (int i = 0; i < 4; i++)
			code = 16 * code + hex_digit(parser);
		parser->failed = parser->failed || code > 0x9f;
		if (code > 0x7f)
			lade_writer_put_u8(out, 0xc2);
		lade_writer_put_u8(out, (uint8_t)code);
	}
}

static void take_string(struct parser *parser, struct lade_writer *out)
{
	lade_writer_reset(out);
	if (!expect(parser, '"'))
		return;
	while (!parser->failed && *parser->at != '"')
		take_character(parser, out);
	(void)expect(parser, '"');
}

static void take_word(struct parser *parser)
{
	static const char *const words[] = { "true", "false" };

	for (int i = 0; i < 2; i++) {
		if (strncmp(parser->at, words[i], strlen(words[i])) == 0) {
			parser->at += strlen(words[i]);
			return;
		}
	}
	parser->at += *parser->at == '-';
	if (*parser->at == '0' && parser->at[1] >= '0' && parser->at[1] <= '9')
		parser->failed = true;
	if (!strspn(parser->at, "0123456789"))
		parser->failed = true;
	parser->at += strspn(parser->at, "0123456789");
	if (*parser->at == '.') {
		parser->at++;
		if (!strspn(parser->at, "0123456789"))
			parser->failed = true;
		parser->at += strspn(parser->at, "0123456789");
	}
}

/* The bytes of a value in hexadecimal digits, in place. */
static void unhex(struct lade_writer *value)
{
	struct parser digits;

	lade_writer_put_u8(value, 0);
	digits = (struct parser){ (const char *)value->data, false };
	assert_int_equal(value->len % 2, 1);
	for (size_t i = 0; i < value->len / 2; i++) {
		unsigned high = hex_digit(&digits);

		value->data[i] = (uint8_t)(16 * high + hex_digit(&digits));
	}
	assert_false(digits.failed);
	value->len = value->len / 2;
}

/* Read one object; the bytes under key, or key with _hex, are left in value. Fails the test if it is none. True: key is there. */
static bool read_object(const struct lade_writer *text, const char *key, struct lade_writer *value)
{
	struct parser parser = { (const char *)text->data, false };
	struct lade_writer name, other;
	bool found = false;

	lade_writer_init(&name, SIZE_MAX);
	lade_writer_init(&other, SIZE_MAX);
	assert_true(expect(&parser, '{'));
	do {
		bool hex, here;

		take_string(&parser, &name);
		lade_writer_put_u8(&name, 0);
		assert_true(expect(&parser, ':'));
		hex = name.len > 5 && strcmp((char *)name.data + name.len - 5, "_hex") == 0;
		if (hex)
			name.data[name.len - 5] = 0;
		here = key && strcmp((char *)name.data, key) == 0;
		if (*parser.at == '"')
			take_string(&parser, here ? value : &other);
		else
			take_word(&parser);
		assert_false(parser.failed);
		if (here && hex)
			unhex(value);
		assert_false(here && found);
		found = found || here;
	} while (*parser.at == ',' && expect(&parser, ','));
	assert_true(expect(&parser, '}'));
	assert_int_equal(*parser.at, 0);
	lade_writer_fini(&name);
	lade_writer_fini(&other);
	return found;
}

/* True if the value of bytes was written as a string. */
static bool round_trip(const void *data, size_t len)
{
	struct lade_writer text, value;
	bool as_text;

	lade_writer_init(&text, SIZE_MAX);
	lade_writer_init(&value, SIZE_MAX);
	lade_json_begin(&text, "test");
	lade_json_bytes(&text, "path", lade_slice(data, len));
	lade_json_number(&text, "number", UINT64_MAX);
	lade_json_end(&text);
	lade_writer_put_u8(&text, 0);
	assert_int_equal(text.error, 0);
	as_text = strstr((char *)text.data, "\"path\":");
	assert_true(read_object(&text, "path", &value));
	assert_int_equal(value.len, len);
	assert_memory_equal(len ? value.data : (const void *)"", data, len);
	lade_writer_fini(&text);
	lade_writer_fini(&value);
	return as_text;
}

static void test_every_byte(void **state)
{
	uint8_t bytes[3] = { 'a', 0, 'b' };

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		bytes[1] = (uint8_t)byte;
		assert_int_equal(round_trip(bytes, 3), byte < 0x80);
		assert_int_equal(round_trip(bytes + 1, 1), byte < 0x80);
	}
	assert_true(round_trip("", 0));
}

/* Every pair of bytes is a string if and only if it is UTF-8. */
static void test_every_pair(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first += 3) {
		for (unsigned second = 0; second < 256; second++) {
			uint8_t bytes[2] = { (uint8_t)first, (uint8_t)second };
			bool valid = (first < 0x80 && second < 0x80) ||
				(first >= 0xc2 && first < 0xe0 && (second & 0xc0) == 0x80);

			assert_int_equal(round_trip(bytes, 2), valid);
		}
	}
}

static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		bool valid;
	} cases[] = {
		{ "\xc3\xbc", true }, { "\xe2\x82\xac", true }, { "\xf0\x9f\x98\x80", true }, { "\xf4\x8f\xbf\xbf", true },
		{ "\xc0\xaf", false }, { "\xc1\xbf", false }, { "\xe0\x9f\xbf", false }, { "\xed\xa0\x80", false },
		{ "\xed\x9f\xbf", true }, { "\xf0\x8f\xbf\xbf", false }, { "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
		{ "\xe2\x82", false }, { "\xf0\x9f\x98", false }, { "\x80", false }, { "a\xff", false }, { "\"\\\"", true },
		{ "\xef\xbf\xbf", true }, { "\xe2\x80\xa8", true }, { "\xc2\x80z\xc2\x9f", true }, { "\xc2\xa0", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(round_trip(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
}

/* Names made of anything; the sequence is always the same. */
static void test_random_bytes(void **state)
{
	uint64_t x = 42;
	uint8_t bytes[40];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = (size_t)round % sizeof(bytes);

		for (size_t i = 0; i < len; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(x >> 56);
		}
		(void)round_trip(bytes, len);
	}
}

/* What an event is, as text. */
static void event_is(struct lade_writer *text, const char *expected)
{
	lade_writer_put_u8(text, 0);
	assert_string_equal((const char *)text->data, expected);
	(void)read_object(text, NULL, NULL);
	lade_writer_fini(text);
	lade_writer_init(text, SIZE_MAX);
}

static void test_events(void **state)
{
	const struct lade_item_style style = { .outgoing = true };
	struct lade_msg_item item = {
		.changes = LADE_ITEM_NEW | LADE_ITEM_DATA, .mode = S_IFREG | 0644, .path = lade_slice("d/\xff", 3), .size = 7,
		.mtime_s = -1, .mtime_ns = 5, .uid = 1, .gid = 2, .moved = 3,
	};
	const struct lade_msg_report report = {
		.severity = LADE_REPORT_WARNING, .exit = 24, .error = 0, .operation = lade_slice("open", 4),
		.subject = lade_slice("a\nb", 3), .reason = lade_slice("gone", 4),
	};
	struct lade_progress_meter meter;
	struct lade_writer text;

	(void)state;
	lade_writer_init(&text, SIZE_MAX);
	lade_json_start(&text, "send", true);
	event_is(&text, "{\"v\":1,\"event\":\"start\",\"direction\":\"send\",\"dry_run\":true}");
	lade_json_item(&text, &style, &item);
	event_is(&text, "{\"v\":1,\"event\":\"item\",\"path_hex\":\"642fff\",\"type\":\"file\",\"changes\":\"<f+++++++++\","
		 "\"permissions\":420,\"size\":7,\"mtime\":-1,\"mtime_ns\":5,\"uid\":1,\"gid\":2,\"transferred\":3}");
	item.changes = LADE_ITEM_DELETED;
	item.mode = S_IFDIR | 0755;
	item.path = lade_slice("", 0);
	lade_json_item(&text, &style, &item);
	event_is(&text, "{\"v\":1,\"event\":\"delete\",\"path\":\".\",\"type\":\"directory\"}");
	item.changes = LADE_ITEM_HARD_LINK;
	item.mode = S_IFLNK | 0777;
	item.target = lade_slice("t", 1);
	lade_json_item(&text, &style, &item);
	event_is(&text, "{\"v\":1,\"event\":\"item\",\"path\":\".\",\"type\":\"symlink\",\"changes\":\"hL         \","
		 "\"linked_to\":\"t\",\"permissions\":511}");
	lade_json_report(&text, &report);
	event_is(&text, "{\"v\":1,\"event\":\"warning\",\"operation\":\"open\",\"subject\":\"a\\u000ab\",\"reason\":\"gone\","
		 "\"errno\":0,\"exit\":24}");
	lade_json_error(&text, "bad");
	event_is(&text, "{\"v\":1,\"event\":\"error\",\"operation\":\"bad\",\"subject\":\"\",\"reason\":\"\",\"errno\":0,\"exit\":0}");
	lade_progress_start(&meter, 0);
	lade_json_progress(&text, &meter);
	event_is(&text, "{\"v\":1,\"event\":\"progress\",\"entries\":0,\"scanned\":false,\"files\":0,\"files_total\":0,\"bytes\":0,"
		 "\"bytes_total\":0,\"percent\":0}");
	lade_json_finish(&text, 23, 2);
	event_is(&text, "{\"v\":1,\"event\":\"end\",\"exit\":23,\"errors\":2}");
	lade_writer_fini(&text);
}

static void test_stats(void **state)
{
	const struct lade_summary sums = { .totals = { .entries = UINT64_MAX }, .sent_len = 1, .seconds = 1e300 };
	struct lade_writer text;

	(void)state;
	lade_writer_init(&text, SIZE_MAX);
	lade_json_stats(&text, &sums);
	lade_writer_put_u8(&text, 0);
	(void)read_object(&text, NULL, NULL);
	assert_non_null(strstr((char *)text.data, "\"entries\":18446744073709551615,"));
	lade_writer_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_stats),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
