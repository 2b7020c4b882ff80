/*
 * Tests of protocol/message: every message of messages.def survives the way there and
 * back, and every limit, truncation, overlong number and left-over byte is found. The
 * fields come from the table itself, so a new message is tested the day it is added.
 * Decoded bytes stand on the heap in their exact size, so that a sanitizer sees a step
 * outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/error.h"
#include "protocol/message.h"
#include "tests/put_message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TYPE_LAST LADE_MSG_ANSWER
#define SEED 0x6c616465u

enum kind { KIND_U32, KIND_U64, KIND_S64, KIND_BYTES, KIND_DIGEST };

/* One field of the table: whose it is, and where it stands in struct lade_message. */
struct field {
	int type;
	enum kind kind;
	const char *name;
	uint64_t max;
	size_t offset;
};

enum {
#define BEGIN(name, NAME, number) TYPE_##name = number,
#include "protocol/messages.def"
};

#define FIELD(name, field, kind, max) \
	{ TYPE_##name, kind, #name "." #field, max, offsetof(struct lade_message, name.field) },
static const struct field fields[] = {
#define U32(name, field, max) FIELD(name, field, KIND_U32, max)
#define U64(name, field, max) FIELD(name, field, KIND_U64, max)
#define S64(name, field) FIELD(name, field, KIND_S64, UINT64_MAX)
#define BYTES(name, field, max) FIELD(name, field, KIND_BYTES, max)
#define DIGEST(name, field) FIELD(name, field, KIND_DIGEST, LADE_DIGEST_LEN)
#include "protocol/messages.def"
};

/* Some numbers up to the last are nobody's. */
static bool is_message(int number)
{
	return lade_message_name((enum lade_message_type)number)[0] != '?';
}

/* ---- values ---- */

static uint8_t pool[LADE_CONTROL_MAX]; /* where the bytes of BYTES fields come from */

static uint64_t random_state = SEED;

/* xorshift64: the same values in every run. */
static uint64_t any(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A number of any magnitude up to max. */
static uint64_t any_up_to(uint64_t max)
{
	uint64_t value = any() >> (any() % 64);

	return max == UINT64_MAX ? value : value % (max + 1);
}

enum choice { ALL_ZERO, ALL_MAX, ANY };

static void set(struct lade_message *message, const struct field *field, uint64_t value)
{
	char *at = (char *)message + field->offset;
	struct lade_slice slice = lade_slice(pool, (size_t)value);
	uint32_t narrow = (uint32_t)value;

	switch (field->kind) {
	case KIND_U32:
		memcpy(at, &narrow, sizeof(narrow));
		break;
	case KIND_U64:
	case KIND_S64:
		memcpy(at, &value, sizeof(value));
		break;
	case KIND_BYTES:
		memcpy(at, &slice, sizeof(slice));
		break;
	case KIND_DIGEST:
		memset(at, (int)(value & 0xff), LADE_DIGEST_LEN);
		break;
	}
}

static uint64_t value_of(const struct field *field, enum choice choice)
{
	if (choice == ALL_ZERO)
		return 0;
	if (choice == ALL_MAX)
		return field->kind == KIND_S64 ? (uint64_t)INT64_MIN : field->max;
	if (field->kind == KIND_BYTES)
		return any_up_to(field->max < 600 ? field->max : 600);
	return any_up_to(field->max);
}

static void fill(struct lade_message *message, int type, enum choice choice)
{
	memset(message, 0, sizeof(*message));
	message->type = (enum lade_message_type)type;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].type == type)
			set(message, &fields[i], value_of(&fields[i], choice));
}

static void assert_same(const struct lade_message *a, const struct lade_message *b)
{
	assert_int_equal(a->type, b->type);
	for (size_t i = 0; i < COUNT(fields); i++) {
		const char *at_a = (const char *)a + fields[i].offset,
			   *at_b = (const char *)b + fields[i].offset;
		struct lade_slice slice_a, slice_b;

		if (fields[i].type != (int)a->type)
			continue;
		switch (fields[i].kind) {
		case KIND_U32:
			assert_memory_equal(at_a, at_b, sizeof(uint32_t));
			break;
		case KIND_U64:
		case KIND_S64:
			assert_memory_equal(at_a, at_b, sizeof(uint64_t));
			break;
		case KIND_BYTES:
			memcpy(&slice_a, at_a, sizeof(slice_a));
			memcpy(&slice_b, at_b, sizeof(slice_b));
			assert_true(lade_slice_equal(slice_a, slice_b));
			break;
		case KIND_DIGEST:
			assert_memory_equal(at_a, at_b, LADE_DIGEST_LEN);
			break;
		}
	}
}

/* ---- decoding ---- */

/* Decode one message from a heap copy of exactly len bytes; its slices are not looked at by the
 * caller. */
static int decode(const void *bytes, size_t len, size_t *used_out)
{
	struct lade_message message;
	struct lade_reader reader;
	uint8_t *copy = malloc(len ? len : 1);
	int error;

	assert_non_null(copy);
	if (len)
		memcpy(copy, bytes, len);
	lade_reader_init(&reader, copy, len);
	error = lade_message_get(&reader, &message);
	*used_out = reader.off;
	free(copy);
	return error;
}

/* The same where only the verdict matters. */
static int verdict(const struct lade_writer *writer)
{
	size_t used;

	return decode(writer->data, writer->len, &used);
}

static void set_body_len(struct lade_writer *writer)
{
	size_t len = writer->len - LADE_MESSAGE_HEADER_LEN;

	for (int i = 0; i < 3; i++)
		writer->data[1 + i] = (uint8_t)(len >> 8 * i);
}

/* How put_by_hand() writes one field that is not as it should be. */
enum fault { FAULT_NONE, FAULT_ABOVE_MAX, FAULT_OVERLONG, FAULT_MISSING };

static void put_overlong(struct lade_writer *writer, uint64_t value)
{
	lade_writer_put_varint(writer, value);
	writer->data[writer->len - 1] |= 0x80;
	lade_writer_put_u8(writer, 0);
}

static void put_field(struct lade_writer *writer, const struct field *field, enum fault fault)
{
	uint64_t value = fault == FAULT_ABOVE_MAX ? field->max + 1 : 1;

	if (fault == FAULT_MISSING)
		return;
	if (field->kind == KIND_DIGEST)
		lade_writer_put_bytes(writer, pool, LADE_DIGEST_LEN);
	else if (fault == FAULT_OVERLONG)
		put_overlong(writer, value);
	else
		lade_writer_put_varint(writer, value);
	if (field->kind == KIND_BYTES)
		lade_writer_put_bytes(writer, pool, (size_t)value);
}

/* Encode a message of a type field by field; the field odd has a fault. */
static void put_by_hand(struct lade_writer *writer, int type, const struct field *odd,
			enum fault fault)
{
	const uint8_t header[LADE_MESSAGE_HEADER_LEN] = { (uint8_t)type };

	lade_writer_put_bytes(writer, header, sizeof(header));
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].type == type)
			put_field(writer, &fields[i], &fields[i] == odd ? fault : FAULT_NONE);
	assert_int_equal(writer->error, 0);
	set_body_len(writer);
}

/* What the decoder says of a message whose field odd has a fault. */
static int verdict_by_hand(const struct field *odd, enum fault fault)
{
	struct lade_writer writer;
	int result;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	put_by_hand(&writer, odd->type, odd, fault);
	result = verdict(&writer);
	lade_writer_fini(&writer);
	return result;
}

/* ---- tests ---- */

static void round_trip(int type, enum choice choice)
{
	struct lade_message message, decoded;
	struct lade_writer writer;
	struct lade_reader reader;
	uint8_t *copy;

	fill(&message, type, choice);
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	put_message(&writer, &message);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.data[0], type);
	assert_int_equal(writer.data[1] | writer.data[2] << 8 | writer.data[3] << 16,
			 writer.len - LADE_MESSAGE_HEADER_LEN);
	copy = malloc(writer.len);
	assert_non_null(copy);
	memcpy(copy, writer.data, writer.len);
	lade_reader_init(&reader, copy, writer.len);
	assert_int_equal(lade_message_get(&reader, &decoded), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	assert_int_equal(decoded.encoded_len, writer.len);
	assert_same(&message, &decoded);
	free(copy);
	lade_writer_fini(&writer);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int type = 1; type <= TYPE_LAST; type++) {
		if (!is_message(type))
			continue;
		round_trip(type, ALL_ZERO);
		round_trip(type, ALL_MAX);
		for (int i = 0; i < 300; i++)
			round_trip(type, ANY);
	}
}

static void test_messages_follow_each_other(void **state)
{
	struct lade_message message, decoded;
	struct lade_writer writer;
	struct lade_reader reader;
	enum lade_message_type type;
	size_t len;

	(void)state;
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	for (int number = 1; number <= TYPE_LAST; number++) {
		if (!is_message(number))
			continue;
		fill(&message, number, ANY);
		put_message(&writer, &message);
	}
	assert_int_equal(writer.error, 0);
	lade_reader_init(&reader, writer.data, writer.len);
	for (int number = 1; number <= TYPE_LAST; number++) {
		size_t before = reader.off;

		if (!is_message(number))
			continue;
		assert_int_equal(lade_message_peek(&reader, &type, &len), 0);
		assert_int_equal(type, number);
		assert_int_equal(reader.off, before);
		assert_int_equal(lade_message_get(&reader, &decoded), 0);
		assert_int_equal(decoded.type, number);
		assert_int_equal(decoded.encoded_len, len);
		assert_int_equal(reader.off, before + len);
	}
	assert_int_equal(lade_reader_finish(&reader), 0);
	assert_int_equal(lade_message_peek(&reader, &type, &len), LADE_E_TRUNCATED);
	lade_writer_fini(&writer);
}

/* The numbers and the form are what peers of other versions rely on. */
static void test_numbers_and_bytes_are_fixed(void **state)
{
	static const char *const names[] = {
		"?",      "AUTH",        "OPEN",      "ROOT",   "IDENTITY", "ENTRY",
		"LEAVE",  "ENTRIES_END", "CREDIT",    "WANT",   "WANT_RUN", "WANT_AGAIN",
		"ACK",    "RUN",         "RUN_ABORT", "HOLE",   "FILE_END", "FILE_GONE",
		"BUNDLE", "DESCRIPTOR",  "ITEM",      "REPORT", "END",
		"WANT_RECIPE", "RECIPE", "WANT_GAP",  "PATCH",  "RECIPE_CREDIT",
		"DEFER",  "PACKED",      "RECIPE_KEY", "SOURCE_NAMES",
		"IMPLIED", "MISSING",
		[LADE_MSG_STORED] = "STORED",
		[LADE_MSG_KEEPALIVE] = "KEEPALIVE",
		[LADE_MSG_COPIED] = "COPIED",
		[LADE_MSG_SELECT] = "SELECT",
		[LADE_MSG_MODULE] = "MODULE",
		[LADE_MSG_SESSION] = "SESSION",
		[LADE_MSG_JOIN] = "JOIN",
		[LADE_MSG_JOINED] = "JOINED",
		[LADE_MSG_MOVE] = "MOVE",
		[LADE_MSG_MOVE_WANTED] = "MOVE_WANTED",
		"OPEN_STORE", "PUT", "PUT_RUN", "PUT_END", "PUT_ABANDON", "GET", "DATA", "LIST", "LISTED", "RENAME", "REMOVE", "BARRIER", "ANSWER",
	};
	static const uint8_t want_run[] = { 10, 5, 0, 0, 7, 0x80, 0x80, 0x40, 0x2a };
	static const uint8_t file_end[] = { 16, 6, 0, 0, 1, 0, 0xac, 0x02, 0x01, 0x05 };
	const struct lade_msg_want_run want = { .slot = 7, .off = 1 << 20, .len = 42 };
	const struct lade_msg_file_end end = {
		.slot = 1, .size = 300, .mtime_s = -1, .mtime_ns = 5
	};
	struct lade_writer writer;

	(void)state;
	assert_int_equal(COUNT(names), TYPE_LAST + 1);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(lade_message_name((enum lade_message_type)i), names[i] ? names[i] : "?");
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_want_run(&writer, &want);
	assert_int_equal(writer.len, sizeof(want_run));
	assert_memory_equal(writer.data, want_run, sizeof(want_run));
	lade_writer_reset(&writer);
	lade_put_file_end(&writer, &end);
	assert_int_equal(writer.len, sizeof(file_end));
	assert_memory_equal(writer.data, file_end, sizeof(file_end));
	lade_writer_fini(&writer);
}

/* Limits that others rely on: slots index arrays, lengths size buffers. */
static void test_limits_are_fixed(void **state)
{
	static const struct {
		const char *name;
		uint64_t max;
	} limits[] = {
		{ ".slot", 8191 },
		{ "run.len", 4194304 },
		{ "recipe.len", 4194304 },
		{ "recipe.chunks", 16384 },
		{ "want_gap.len", 131072 },
		{ "want_gap.signature", 24576 },
		{ "patch.ops", 147456 },
		{ "entry.name", 255 },
		{ "entry.mode", 0177777 },
		{ "entry.target", 4096 },
		{ "entry.xattrs", 131072 },
		{ "entry.mtime_ns", 999999999 },
		{ "entry.size", INT64_MAX },
		{ "bundle.count", 1024 },
		{ "report.severity", 3 },
		{ "auth.proof", 32 },
		{ "select.module", 255 },
		{ "select.user", 255 },
		{ "select.secret", 4096 },
		{ "select.binding", 32 },
		{ "module.name", 255 },
		{ "module.comment", 4096 },
		{ "open.paths", 65536 },
		{ "open.rules", 131072 },
		{ "open.alternative", 3 },
		{ "open.alternatives", 32768 },
		{ "open.parameters", 16384 },
	};
	unsigned found = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++)
		for (size_t j = 0; j < COUNT(fields); j++) {
			const char *name = limits[i].name[0] == '.' ? strchr(fields[j].name, '.')
								    : fields[j].name;

			if (!name || strcmp(name, limits[i].name))
				continue;
			assert_true(fields[j].max == limits[i].max);
			found++;
		}
	/* Messages with a slot, and single fields. */
	assert_int_equal(found, 14 + COUNT(limits) - 1);
}

static void test_limits(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		assert_int_equal(verdict_by_hand(&fields[i], FAULT_NONE), 0);
		if (fields[i].kind == KIND_DIGEST || fields[i].max == UINT64_MAX)
			continue;
		tried++;
		if (verdict_by_hand(&fields[i], FAULT_ABOVE_MAX) != LADE_E_LIMIT)
			fail_msg("%s may be above its limit", fields[i].name);
	}
	assert_true(tried > 40);
}

static void test_overlong_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].kind != KIND_DIGEST &&
		    verdict_by_hand(&fields[i], FAULT_OVERLONG) != LADE_E_PROTOCOL)
			fail_msg("%s may be overlong", fields[i].name);
}

/* The body ends before its last fields do. */
static void test_missing_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (verdict_by_hand(&fields[i], FAULT_MISSING) == 0)
			fail_msg("%s may be missing", fields[i].name);
}

/* A message that is not there as a whole is not looked at, wherever it is cut. */
static void test_truncated_messages(void **state)
{
	(void)state;
	for (int type = 1; type <= TYPE_LAST; type++) {
		struct lade_message message;
		struct lade_writer writer;
		size_t used;

		if (!is_message(type))
			continue;
		fill(&message, type, ANY);
		lade_writer_init(&writer, LADE_CONTROL_MAX);
		put_message(&writer, &message);
		for (size_t len = 0; len < writer.len; len++) {
			assert_int_equal(decode(writer.data, len, &used), LADE_E_TRUNCATED);
			assert_int_equal(used, 0);
		}
		lade_writer_fini(&writer);
	}
}

/* The header announces a body that ends too early, or too late. */
static void test_wrong_body_lengths(void **state)
{
	(void)state;
	for (int type = 1; type <= TYPE_LAST; type++) {
		struct lade_message message;
		struct lade_writer writer;
		size_t whole;

		if (!is_message(type))
			continue;
		fill(&message, type, ANY);
		lade_writer_init(&writer, LADE_CONTROL_MAX);
		put_message(&writer, &message);
		whole = writer.len;
		for (writer.len = LADE_MESSAGE_HEADER_LEN; writer.len < whole; writer.len++) {
			set_body_len(&writer);
			assert_int_equal(verdict(&writer), LADE_E_TRUNCATED);
		}
		lade_writer_put_u8(&writer, 0);
		set_body_len(&writer);
		assert_int_equal(verdict(&writer), LADE_E_PROTOCOL);
		lade_writer_fini(&writer);
	}
}

static void test_unknown_numbers(void **state)
{
	uint8_t bytes[LADE_MESSAGE_HEADER_LEN] = { 0 };
	enum lade_message_type type;
	struct lade_reader reader;
	size_t used, len;

	(void)state;
	for (int number = 0; number < 256; number++) {
		if (is_message(number))
			continue;
		bytes[0] = (uint8_t)number;
		assert_int_equal(decode(bytes, sizeof(bytes), &used), LADE_E_PROTOCOL);
		lade_reader_init(&reader, bytes, sizeof(bytes));
		assert_int_equal(lade_message_peek(&reader, &type, &len), LADE_E_PROTOCOL);
		assert_string_equal(lade_message_name((enum lade_message_type)number), "?");
	}
}

/* A failed cursor stays failed. */
static void test_peek_keeps_the_first_failure(void **state)
{
	static const uint8_t bytes[] = { LADE_MSG_ACK, 1, 0, 0, 0 };
	enum lade_message_type type;
	struct lade_reader reader;
	size_t len;

	(void)state;
	lade_reader_init(&reader, NULL, 0);
	assert_int_equal(lade_message_peek(&reader, &type, &len), LADE_E_TRUNCATED);
	lade_reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(lade_message_peek(&reader, &type, &len), 0);
	(void)lade_reader_get_varint(&reader, 1);
	assert_int_equal(lade_message_peek(&reader, &type, &len), LADE_E_LIMIT);
}

/* What does not fit leaves nothing behind but the error. */
static void test_full_writer(void **state)
{
	(void)state;
	for (int type = 1; type <= TYPE_LAST; type++) {
		struct lade_message message;
		struct lade_writer writer;
		size_t whole;

		if (!is_message(type))
			continue;
		fill(&message, type, ALL_MAX);
		lade_writer_init(&writer, LADE_CONTROL_MAX);
		put_message(&writer, &message);
		whole = writer.len;
		lade_writer_fini(&writer);
		lade_writer_init(&writer, 2 * whole);
		lade_writer_put_u8(&writer, 0xee);
		put_message(&writer, &message);
		assert_int_equal(writer.error, 0);
		assert_int_equal(writer.len, whole + 1);
		put_message(&writer, &message);
		assert_int_equal(writer.error, LADE_E_LIMIT);
		assert_int_equal(writer.len, whole + 1);
		lade_writer_fini(&writer);
	}
}

/* The dump of message in a buffer of size, with guards around it. */
static size_t dump(const struct lade_message *message, char *text, size_t size)
{
	char *room = malloc(size + 2);
	size_t len;

	assert_non_null(room);
	memset(room, 0x5a, size + 2);
	len = lade_message_dump(message, room + 1, size);
	assert_int_equal(room[0], 0x5a);
	assert_int_equal(room[size + 1], 0x5a);
	if (size)
		memcpy(text, room + 1, strlen(room + 1) + 1);
	free(room);
	return len;
}

static void test_dump_stays_inside(void **state)
{
	(void)state;
	for (int type = 1; type <= TYPE_LAST; type++) {
		if (!is_message(type))
			continue;
		char whole[8192], part[8192];
		struct lade_message message;
		size_t len, name_len = strlen(lade_message_name((enum lade_message_type)type));

		fill(&message, type, ALL_MAX);
		len = dump(&message, whole, sizeof(whole));
		assert_true(len < sizeof(whole));
		assert_int_equal(strlen(whole), len);
		assert_memory_equal(whole, lade_message_name(message.type), name_len);
		for (const char *p = whole; *p; p++)
			assert_true(*p >= ' ' && *p < 0x7f);
		for (size_t size = 0; size <= len + 1; size++) {
			assert_int_equal(dump(&message, part, size), len);
			if (size == 0)
				continue;
			assert_int_equal(strlen(part), size - 1 < len ? size - 1 : len);
			assert_memory_equal(part, whole, strlen(part));
		}
	}
}

static void test_dump_reads_well(void **state)
{
	const struct lade_message end = {
		.type = LADE_MSG_FILE_END,
		.file_end = { .slot = 3,
			      .changed = 1,
			      .size = UINT64_C(1) << 40,
			      .mtime_s = INT64_MIN,
			      .mtime_ns = 9 },
	};
	const struct lade_message identity = {
		.type = LADE_MSG_IDENTITY,
		.identity = { .kind = 1, .id = 50, .name = lade_slice("a b\\\x1b\xff", 6) },
	};
	const struct lade_message past = { .type = LADE_MSG_FILE_END,
					   .file_end = { .mtime_s = -5 } };
	char text[256];

	(void)state;
	lade_message_dump(&past, text, sizeof(text));
	assert_string_equal(text, "FILE_END slot=0 changed=0 size=0 mtime_s=-5 mtime_ns=0");
	lade_message_dump(&end, text, sizeof(text));
	assert_string_equal(text, "FILE_END slot=3 changed=1 size=1099511627776 "
				  "mtime_s=-9223372036854775808 mtime_ns=9");
	lade_message_dump(&identity, text, sizeof(text));
	assert_string_equal(text, "IDENTITY kind=1 id=50 name=6:a\\#040b\\#134\\#033\\#377");
}

/* ---- bundles ---- */

static void put_record(struct lade_writer *writer, uint32_t slot, uint32_t announced, size_t len)
{
	uint8_t header[LADE_BUNDLE_RECORD_LEN];

	lade_bundle_put_header(header, slot, announced, pool);
	lade_writer_put_bytes(writer, header, sizeof(header));
	lade_writer_put_bytes(writer, pool, len);
}

static void test_bundle_records(void **state)
{
	static const uint32_t lens[] = { 0, 1, 4096, LADE_SMALL_MAX };
	struct lade_bundle_record record;
	struct lade_writer writer;
	struct lade_reader reader;

	(void)state;
	lade_writer_init(&writer, LADE_BUNDLE_MAX);
	for (uint32_t i = 0; i < COUNT(lens); i++)
		put_record(&writer, LADE_SLOTS_MAX - 1 - i, lens[i], lens[i]);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.data[0] | writer.data[1] << 8, LADE_SLOTS_MAX - 1);
	lade_reader_init(&reader, writer.data, writer.len);
	for (uint32_t i = 0; i < COUNT(lens); i++) {
		assert_int_equal(lade_bundle_get(&reader, &record), 0);
		assert_int_equal(record.slot, LADE_SLOTS_MAX - 1 - i);
		assert_true(lade_slice_equal(record.data, lade_slice(pool, lens[i])));
		assert_memory_equal(record.digest, pool, LADE_DIGEST_LEN);
	}
	assert_int_equal(lade_reader_finish(&reader), 0);
	lade_writer_fini(&writer);
}

static int record_verdict(uint32_t slot, uint32_t announced, size_t len)
{
	struct lade_bundle_record record;
	struct lade_writer writer;
	struct lade_reader reader;
	uint8_t *copy;
	int error;

	lade_writer_init(&writer, LADE_BUNDLE_MAX);
	put_record(&writer, slot, announced, len);
	copy = malloc(writer.len);
	assert_non_null(copy);
	memcpy(copy, writer.data, writer.len);
	lade_reader_init(&reader, copy, writer.len);
	error = lade_bundle_get(&reader, &record);
	free(copy);
	lade_writer_fini(&writer);
	return error;
}

static void test_bundle_limits(void **state)
{
	uint8_t header[LADE_BUNDLE_RECORD_LEN];
	struct lade_bundle_record record;
	struct lade_reader reader;

	(void)state;
	assert_int_equal(record_verdict(0, 10, 10), 0);
	assert_int_equal(record_verdict(LADE_SLOTS_MAX, 10, 10), LADE_E_LIMIT);
	assert_int_equal(record_verdict(UINT32_MAX, 10, 10), LADE_E_LIMIT);
	assert_int_equal(record_verdict(0, LADE_SMALL_MAX + 1, LADE_SMALL_MAX + 1), LADE_E_LIMIT);
	assert_int_equal(record_verdict(0, UINT32_MAX, 10), LADE_E_LIMIT);
	assert_int_equal(record_verdict(0, 11, 10), LADE_E_TRUNCATED);
	for (size_t len = 0; len < sizeof(header); len++) {
		lade_bundle_put_header(header, 1, 0, pool);
		lade_reader_init(&reader, header, len);
		assert_int_equal(lade_bundle_get(&reader, &record), LADE_E_TRUNCATED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_messages_follow_each_other),
		cmocka_unit_test(test_numbers_and_bytes_are_fixed),
		cmocka_unit_test(test_limits_are_fixed),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_overlong_numbers),
		cmocka_unit_test(test_missing_fields),
		cmocka_unit_test(test_truncated_messages),
		cmocka_unit_test(test_wrong_body_lengths),
		cmocka_unit_test(test_unknown_numbers),
		cmocka_unit_test(test_peek_keeps_the_first_failure),
		cmocka_unit_test(test_full_writer),
		cmocka_unit_test(test_dump_stays_inside),
		cmocka_unit_test(test_dump_reads_well),
		cmocka_unit_test(test_bundle_records),
		cmocka_unit_test(test_bundle_limits),
	};

	for (size_t i = 0; i < sizeof(pool); i++)
		pool[i] = (uint8_t)any();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
