/*
 * A sender whose data lies: runs that were not asked for or do not add up, bundles that
 * are not what they say, descriptors that are none, content that differs from its digest,
 * files that change or vanish while they are sent (attack classes A7, A9, A16).
 *
 * Every script has one file in flight: "old", whose content is to be new_content.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/byteorder.h"
#include "tests/fault/attack.h"
#include "transport/frame.h"

#define STREAM LADE_EXIT_STREAM
#define SIZE 300000u

static uint8_t content[LADE_PAYLOAD_MAX];

static void new_content(const struct scene *scene)
{
	scene_check_file(scene, "old", content, SIZE);
}

static void finish(struct peer *peer)
{
	(void)peer_finish_session(peer);
}

/* ---- runs ---- */

/* One RUN as attack->data has it (slot and digest are filled in), behind `before` honest bytes. */
struct bad_run {
	uint32_t before;
	struct lade_msg_run run;
	uint32_t slot_add, payload_len;
};

static void bad_run(struct peer *peer, const struct attack *attack)
{
	const struct bad_run *bad = attack->data;
	struct lade_msg_run run = bad->run;
	uint32_t slot = attack_one_file(peer, SIZE);

	if (bad->before)
		peer_say_run(peer, slot, 0, content, bad->before, false);
	run.slot = (slot + bad->slot_add) % LADE_SLOTS_MAX;
	lade_put_run(&peer->out, &run);
	peer_say_payload(peer, content, bad->payload_len, bad->payload_len);
	finish(peer);
}

/* attack->data: how a wrong message about the slot is put. */
typedef void (*put_message)(struct peer *peer, uint32_t slot);
struct message_row {
	put_message put;
};

static void bad_message(struct peer *peer, const struct attack *attack)
{
	const struct message_row *row = attack->data;
	uint32_t slot = attack_one_file(peer, SIZE);

	row->put(peer, slot);
	peer_say(peer);
	finish(peer);
}

static void put_hole_beyond(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_hole hole = { slot, 0, SIZE + 1 };

	lade_put_hole(&peer->out, &hole);
}

static void put_hole_of_all(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_hole hole = { slot, 1, LADE_FILE_SIZE_MAX };

	lade_put_hole(&peer->out, &hole);
}

static void put_abort_beyond(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_run_abort gone = { slot, SIZE - 1, 2 };

	lade_put_run_abort(&peer->out, &gone);
}

static void put_early_end(struct peer *peer, uint32_t slot)
{
	peer_put_file_end(peer, slot, false, SIZE, 1);
}

/* A run is asked for again meanwhile: without that, the second end could be that of another attempt. */
static void put_two_ends(struct peer *peer, uint32_t slot)
{
	peer_say_run(peer, slot, 0, content, SIZE, true);
	peer_put_file_end(peer, slot, true, SIZE, 1);
	peer_put_file_end(peer, slot, true, SIZE, 1);
}

static void put_gone_after_end(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_file_gone gone = { slot, 5 };

	peer_say_run(peer, slot, 0, content, SIZE, true);
	peer_put_file_end(peer, slot, true, SIZE, 1);
	lade_put_file_gone(&peer->out, &gone);
}

static void put_free_slot_end(struct peer *peer, uint32_t slot)
{
	peer_put_file_end(peer, (slot + 1) % LADE_SLOTS_MAX, true, SIZE, 1);
}

static void put_descriptor_message(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_descriptor descriptor = { slot };

	lade_put_descriptor(&peer->out, &descriptor);
}

static void put_want(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_want want = { slot, 0 };

	lade_put_want(&peer->out, &want);
}

static void put_item(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_item item = { .changes = slot, .path = lade_slice("x", 1) };

	lade_put_item(&peer->out, &item);
}

static void put_end(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_end end = { .exit = 0 };

	(void)slot;
	lade_put_end(&peer->out, &end);
}

static void put_control_with_payload(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_hole hole = { slot, 0, 1 };

	lade_put_hole(&peer->out, &hole);
	peer_say_payload(peer, content, 10, 10);
}

/* ---- frames ---- */

/* attack->data: two lengths, le32 each. */
static void bad_frame(struct peer *peer, const struct attack *attack)
{
	(void)attack_one_file(peer, SIZE);
	peer_say_raw(peer, attack->data, LADE_FRAME_HEADER_LEN);
	finish(peer);
}

/* attack->data: bytes that are no messages. */
static void bad_control(struct peer *peer, const struct attack *attack)
{
	(void)attack_one_file(peer, SIZE);
	lade_writer_put_bytes(&peer->out, attack->data, attack->len);
	peer_say(peer);
	finish(peer);
}

/* The largest control that is allowed, and the largest payload. */
static void largest_frames(struct peer *peer, const struct attack *attack)
{
	static const uint8_t text[LADE_TEXT_MAX];
	struct lade_msg_report report = { .severity = LADE_REPORT_NOTE,
		.subject = lade_slice(text, sizeof(text)) };
	uint32_t slot = attack_one_file(peer, LADE_PAYLOAD_MAX);
	size_t one, left;

	(void)attack;
	lade_put_report(&peer->out, &report);
	one = peer->out.len;
	while (LADE_CONTROL_MAX - peer->out.len >= 2 * one)
		lade_put_report(&peer->out, &report);
	lade_put_report(&peer->out, &report);
	/* The last one fills what is left; its lengths must not change in size. */
	left = LADE_CONTROL_MAX - peer->out.len;
	report.subject.len = left - (one - sizeof(text));
	lade_put_report(&peer->out, &report);
	assert_int_equal(peer->out.len, LADE_CONTROL_MAX);
	peer_say(peer);
	peer_say_run(peer, slot, 0, content, LADE_PAYLOAD_MAX, false);
	peer_put_file_end(peer, slot, false, LADE_PAYLOAD_MAX, 1);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

static void largest_content(const struct scene *scene)
{
	scene_check_file(scene, "old", content, LADE_PAYLOAD_MAX);
}

/* ---- bundles ---- */

#define SMALL 100u

/* A bundle of one record whose numbers are wrong in one way. */
struct bad_bundle {
	uint32_t count, slot_add, data_len, payload_len;
	bool twice;
};

static void bad_bundle(struct peer *peer, const struct attack *attack)
{
	static uint8_t payload[LADE_BUNDLE_MAX + 4096];
	const struct bad_bundle *bad = attack->data;
	const struct lade_msg_bundle bundle = { bad->count };
	uint8_t digest[LADE_DIGEST_LEN];
	uint32_t slot = attack_one_file(peer, SMALL);

	memset(payload, 0, sizeof(payload));
	lade_digest(&peer->key, content, SMALL, digest);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *record = payload + i * (LADE_BUNDLE_RECORD_LEN + SMALL);

		lade_bundle_put_header(record, slot + bad->slot_add, bad->data_len, digest);
		memcpy(record + LADE_BUNDLE_RECORD_LEN, content, SMALL);
	}
	lade_put_bundle(&peer->out, &bundle);
	peer_say_payload(peer, payload, bad->payload_len, bad->payload_len);
	finish(peer);
}

/* ---- descriptors ---- */

/* attack->data: a path to open, attack->len: how. */
static void descriptor(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE);
	int fd = open(attack->data, (int)attack->len | O_CLOEXEC);

	assert_true(fd >= 0);
	put_descriptor_message(peer, slot);
	peer_say_descriptor(peer, fd);
	close(fd);
	finish(peer);
}

static void good_descriptor(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE);
	char path[] = "/tmp/lade-fault-XXXXXX";
	int fd = mkstemp(path);

	(void)attack;
	assert_true(fd >= 0 && write(fd, content, SIZE) == SIZE);
	unlink(path);
	put_descriptor_message(peer, slot);
	peer_say_descriptor(peer, fd);
	close(fd);
	assert_true(peer_finish_session(peer));
}

/* Descriptors with messages that carry none: they are closed, not kept. */
static void descriptor_flood(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_report note = { .severity = LADE_REPORT_NOTE };
	uint32_t slot = attack_one_file(peer, SIZE);

	(void)attack;
	for (unsigned i = 0; i < 5000 && !peer->lost; i++) {
		lade_put_report(&peer->out, &note);
		peer_say_descriptor(peer, STDERR_FILENO);
	}
	peer_say_run(peer, slot, 0, content, SIZE, false);
	peer_put_file_end(peer, slot, false, SIZE, 1);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

/* ---- content that differs ---- */

/* attack->len: how many times a run arrives with a digest that is not its own. */
static void wrong_digest(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE), tries = 0;
	struct lade_message message;

	peer_say_run(peer, slot, 0, content, 100000, false);
	peer_say_run(peer, slot, 100000, content + 100000, 100000, tries++ < attack->len);
	peer_say_run(peer, slot, 200000, content + 200000, 100000, false);
	peer_put_file_end(peer, slot, false, SIZE, SCENE_OLD_TIME + 1000);
	peer_say(peer);
	while (peer_hear(peer, &message) == PEER_MESSAGE && message.type != LADE_MSG_ACK) {
		if (message.type != LADE_MSG_WANT_RUN)
			continue;
		assert_int_equal(message.want_run.off, 100000);
		assert_int_equal(message.want_run.len, 100000);
		peer_say_run(peer, slot, 100000, content + 100000, 100000, tries++ < attack->len);
	}
	assert_true(tries <= LADE_RUN_TRIES + 1);
	assert_true(peer_finish_session(peer));
}

/* The same for a record of a bundle. */
static void wrong_record(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SMALL), tries = 1;
	struct lade_message message;

	peer_say_record(peer, slot, content, SMALL, true);
	while (peer_hear(peer, &message) == PEER_MESSAGE && message.type != LADE_MSG_ACK)
		if (message.type == LADE_MSG_WANT_RUN)
			peer_say_run(peer, slot, 0, content, SMALL, tries++ < attack->len);
	assert_true(tries <= LADE_RUN_TRIES + 1);
	assert_true(peer_finish_session(peer));
}

static void small_content(const struct scene *scene)
{
	scene_check_file(scene, "old", content, SMALL);
}

/* ---- sources that change ---- */

static uint32_t hear_want_again(struct peer *peer)
{
	struct lade_message message;

	assert_true(peer_hear_type(peer, LADE_MSG_WANT_AGAIN, &message));
	return message.want_again.slot;
}

static void say_abort(struct peer *peer, uint32_t slot, uint64_t off, uint32_t len)
{
	const struct lade_msg_run_abort gone = { slot, off, len };

	lade_put_run_abort(&peer->out, &gone);
	peer_say(peer);
}

/* The file was cut short while it was sent; the second time it stands still. */
static void changed_once(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, 2 * SIZE);

	(void)attack;
	peer_say_run(peer, slot, 0, content, SIZE, false);
	peer_say_run(peer, slot, SIZE, content, SIZE, true);
	say_abort(peer, slot, SIZE, SIZE);
	peer_put_file_end(peer, slot, true, SIZE, 1234567890);
	peer_say(peer);
	assert_int_equal(hear_want_again(peer), slot);
	peer_say_run(peer, slot, 0, content, SIZE, false);
	peer_put_file_end(peer, slot, false, SIZE, 1234567890);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

static void time_is(const struct scene *scene, time_t seconds)
{
	struct stat st;

	assert_int_equal(stat(scene_path(scene, "old"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, seconds);
}

static void content_and_second_time(const struct scene *scene)
{
	new_content(scene);
	time_is(scene, 1234567890);
}

/* Changed both times, whole both times: the second copy, with the time that was announced for it. */
static void changed_twice(struct peer *peer, const struct attack *attack)
{
	static uint8_t first[SIZE];
	uint32_t slot = attack_one_file(peer, SIZE);

	(void)attack;
	peer_say_run(peer, slot, 0, first, SIZE, false);
	peer_put_file_end(peer, slot, true, SIZE, 1234567890);
	peer_say(peer);
	assert_int_equal(hear_want_again(peer), slot);
	peer_say_run(peer, slot, 0, content, SIZE, false);
	peer_put_file_end(peer, slot, true, SIZE, 1234567999);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

/* Whole the first time, not the second: the first copy, with the time of the entry. */
static void changed_then_cut(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE);

	(void)attack;
	peer_say_run(peer, slot, 0, content, SIZE, false);
	peer_put_file_end(peer, slot, true, SIZE / 2, 1234567890);
	peer_say(peer);
	assert_int_equal(hear_want_again(peer), slot);
	peer_put_file_end(peer, slot, true, 10, 1234567999);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

static void content_and_first_time(const struct scene *scene)
{
	new_content(scene);
	time_is(scene, SCENE_OLD_TIME + 1000);
}

/* Never whole: what was there stays. */
static void never_whole(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE);

	(void)attack;
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		peer_say_run(peer, slot, 0, content, 1000, true);
		say_abort(peer, slot, 0, 1000);
		peer_put_file_end(peer, slot, true, SIZE, 1234567890 + attempt);
		peer_say(peer);
		if (attempt == 0)
			assert_int_equal(hear_want_again(peer), slot);
	}
	assert_true(peer_finish_session(peer));
}

static void gone(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_file_gone gone_message = { attack_one_file(peer, SIZE), 2 };

	if (attack->len)
		peer_say_run(peer, gone_message.slot, 0, content, (uint32_t)attack->len, false);
	lade_put_file_gone(&peer->out, &gone_message);
	peer_say(peer);
	assert_true(peer_finish_session(peer));
}

/* ---- the connection ends ---- */

/* attack->len: in which phase. */
static void hang_up(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, SIZE);
	struct lade_msg_run run = { .slot = slot, .len = 100000 };

	if (attack->len >= 1)
		peer_say_run(peer, slot, 0, content, 100000, false);
	run.off = 100000;
	lade_put_run(&peer->out, &run);
	if (attack->len >= 2)
		peer_say_payload(peer, content, 5000, 100000);
	if (attack->len >= 3) {
		peer_say_raw(peer, content, 95000);
		peer_say_run(peer, slot, 200000, content + 200000, 100000, false);
	}
	lade_connection_end_writing(&peer->connection);
}

static void hang_up_in_entries(struct peer *peer, const struct attack *attack)
{
	attack_root(peer);
	attack_file(peer, "old", SIZE);
	peer_say_payload(peer, NULL, 0, 0);
	if (attack->len)
		peer_say_raw(peer, "\x20\0\0", 3);
	lade_connection_end_writing(&peer->connection);
}

/* ---- floods ---- */

static void report_flood(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_report note = { .severity = LADE_REPORT_NOTE,
		.subject = lade_slice(content, 1000) };
	long before = peer_memory_kib(peer);

	(void)attack;
	attack_root(peer);
	for (unsigned i = 0; i < 50000 && !peer->lost; i++) {
		lade_put_report(&peer->out, &note);
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
	peer_say(peer);
	assert_true(peer_memory_kib(peer) < before + 16384);
	attack_entries_end(peer);
	assert_true(peer_finish_session(peer));
}

#define RUN(title, ...) \
	{ title, bad_run, .status = STREAM, .data = &(const struct bad_run){ __VA_ARGS__ } }
#define MESSAGE(title, function, ...) \
	{ title, bad_message, .status = STREAM, .data = &(const struct message_row){ function }, \
	  __VA_ARGS__ }
#define BUNDLE(title, ...) \
	{ title, bad_bundle, .status = STREAM, .data = &(const struct bad_bundle){ __VA_ARGS__ } }
#define BYTES(text) .data = text, .len = sizeof(text) - 1
#define RECORD (LADE_BUNDLE_RECORD_LEN + SMALL)
#define CHANGED(check) .flags = ATTACK_CHANGES_OLD, .after = check
#define PIPES .kind = LADE_CONNECTION_PIPES
#define TCP .kind = LADE_CONNECTION_TCP

static const struct attack attacks[] = {
	RUN("a run in a slot that was not asked for", .run = { .len = 10 }, .slot_add = 1,
	    .payload_len = 10),
	RUN("a run beyond the end", .run = { .len = SIZE + 1 }, .payload_len = SIZE + 1),
	RUN("a run far beyond the end", .run = { .off = LADE_FILE_SIZE_MAX, .len = 1 },
	    .payload_len = 1),
	RUN("a run that overlaps", .before = 1000, .run = { .off = 999, .len = 10 },
	    .payload_len = 10),
	RUN("a run twice", .before = 1000, .run = { .len = 1000 }, .payload_len = 1000),
	RUN("a run behind a gap", .before = 1000, .run = { .off = 1001, .len = 10 },
	    .payload_len = 10),
	RUN("a run of nothing", .run = { .len = 0 }, .payload_len = 0),
	RUN("a run without its payload", .run = { .len = 10 }, .payload_len = 0),
	RUN("a payload shorter than its run", .run = { .len = 10 }, .payload_len = 9),
	RUN("a payload longer than its run", .run = { .len = 10 }, .payload_len = 11),

	MESSAGE("a hole beyond the end", put_hole_beyond),
	MESSAGE("a hole of everything", put_hole_of_all),
	MESSAGE("a run aborted beyond the end", put_abort_beyond),
	MESSAGE("a file that ends too early", put_early_end),
	MESSAGE("a file that ends twice", put_two_ends),
	MESSAGE("a file gone after its end", put_gone_after_end),
	MESSAGE("the end of a file that was not asked for", put_free_slot_end),
	MESSAGE("a descriptor that does not come", put_descriptor_message),
	MESSAGE("a descriptor over pipes", put_descriptor_message, PIPES),
	MESSAGE("a descriptor over TCP", put_descriptor_message, TCP),
	MESSAGE("a message of the other role", put_want),
	MESSAGE("an item for a server", put_item),
	MESSAGE("the end of the session, too early", put_end),
	MESSAGE("a payload behind a message that has none", put_control_with_payload),

	{ "a frame of control max + 1", bad_frame, .status = STREAM, BYTES("\1\0\4\0\0\0\0\0") },
	{ "a frame of control 0xffffffff", bad_frame, .status = STREAM,
	  BYTES("\xff\xff\xff\xff\0\0\0\0") },
	{ "a frame of payload max + 1", bad_frame, .status = STREAM, BYTES("\4\0\0\0\1\0\x40\0") },
	{ "a frame of payload 0xffffffff", bad_frame, .status = STREAM,
	  BYTES("\4\0\0\0\xff\xff\xff\xff") },
	{ "a frame of nothing", bad_frame, .status = STREAM, BYTES("\0\0\0\0\0\0\0\0") },
	{ "a frame of payload alone", bad_frame, .status = STREAM, BYTES("\0\0\0\0\1\0\0\0") },
	{ "the largest frames", largest_frames, .status = LADE_EXIT_OK, CHANGED(largest_content),
	  TCP },
	{ "a message cut short", bad_control, .status = STREAM, BYTES("\x0f\xff\0\0") },
	{ "half a header of a message", bad_control, .status = STREAM, BYTES("\x0f\0") },
	{ "an unknown message", bad_control, .status = STREAM, BYTES("\xfe\0\0\0") },
	{ "message number 0", bad_control, .status = STREAM, BYTES("\0\0\0\0") },
	{ "bytes left over in a message", bad_control, .status = STREAM,
	  BYTES("\x0f\4\0\0\0\0\1\0") },
	{ "an overlong number", bad_control, .status = STREAM, BYTES("\x0f\4\0\0\x80\0\0\1") },
	{ "a number beyond its limit", bad_control, .status = STREAM,
	  BYTES("\x0f\4\0\0\x80\x40\0\1") },

	BUNDLE("a bundle of more files than it says", .count = 1, .data_len = SMALL,
	       .payload_len = 2 * RECORD),
	BUNDLE("a bundle of fewer files than it says", .count = 2, .data_len = SMALL,
	       .payload_len = RECORD),
	BUNDLE("a bundle of no files", .count = 0, .data_len = SMALL, .payload_len = RECORD),
	BUNDLE("a bundle of too many files", .count = LADE_BUNDLE_COUNT_MAX + 1,
	       .data_len = SMALL, .payload_len = RECORD),
	BUNDLE("a bundle of nothing", .count = 1, .data_len = SMALL, .payload_len = 0),
	BUNDLE("a record cut short", .count = 1, .data_len = SMALL, .payload_len = RECORD - 1),
	BUNDLE("half a header of a record", .count = 1, .data_len = SMALL, .payload_len = 10),
	BUNDLE("a record of another length than the file", .count = 1, .data_len = SMALL - 1,
	       .payload_len = RECORD - 1),
	BUNDLE("a record beyond the limit", .count = 1, .data_len = LADE_SMALL_MAX + 1,
	       .payload_len = LADE_SMALL_MAX + 25),
	BUNDLE("a record of 4 GiB", .count = 1, .data_len = UINT32_MAX, .payload_len = RECORD),
	BUNDLE("a record in a slot not asked for", .count = 1, .slot_add = 1, .data_len = SMALL,
	       .payload_len = RECORD),
	BUNDLE("a record in a slot that does not exist", .count = 1, .slot_add = LADE_SLOTS_MAX,
	       .data_len = SMALL,
	       .payload_len = RECORD),
	BUNDLE("a record twice", .count = 2, .data_len = SMALL, .payload_len = 2 * RECORD),
	BUNDLE("a bundle beyond the limit", .count = 1, .data_len = SMALL,
	       .payload_len = LADE_BUNDLE_MAX + 1),

	{ "a good descriptor", good_descriptor, .status = LADE_EXIT_OK, .flags = ATTACK_CHANGES_OLD | ATTACK_DESCRIPTORS,
	  .after = new_content },
	{ "a descriptor of a directory", descriptor, .status = LADE_EXIT_PARTIAL, .flags = ATTACK_DESCRIPTORS, .data = "/",
	  .len = O_RDONLY },
	{ "a descriptor of a device", descriptor, .status = LADE_EXIT_PARTIAL, .flags = ATTACK_DESCRIPTORS,
	  .data = "/dev/zero", .len = O_RDONLY },
	{ "a descriptor without the right to read", descriptor, .status = LADE_EXIT_PARTIAL, .flags = ATTACK_DESCRIPTORS,
	  .data = "/dev/null", .len = O_WRONLY },
	{ "a descriptor of a path only", descriptor, .status = LADE_EXIT_PARTIAL, .flags = ATTACK_DESCRIPTORS,
	  .data = "/dev/null", .len = O_PATH },
	{ "a flood of descriptors", descriptor_flood, .status = LADE_EXIT_OK, .flags = ATTACK_CHANGES_OLD | ATTACK_DESCRIPTORS,
	  .after = new_content },

	{ "a wrong digest, once", wrong_digest, .status = LADE_EXIT_OK, .len = 1,
	  CHANGED(new_content), TCP },
	{ "a wrong digest, three times", wrong_digest, .status = LADE_EXIT_OK, .len = 3,
	  CHANGED(new_content), PIPES },
	{ "a wrong digest, always", wrong_digest, .status = LADE_EXIT_PARTIAL, .len = 1000 },
	{ "a wrong record, once", wrong_record, .status = LADE_EXIT_OK, .len = 1,
	  CHANGED(small_content) },
	{ "a wrong record, always", wrong_record, .status = LADE_EXIT_PARTIAL, .len = 1000 },

	{ "a source that changes once", changed_once, .status = LADE_EXIT_OK,
	  CHANGED(content_and_second_time) },
	{ "a source that changes twice", changed_twice, .status = LADE_EXIT_OK,
	  CHANGED(content_and_second_time) },
	{ "a source that changes, then is cut short", changed_then_cut, .status = LADE_EXIT_OK,
	  CHANGED(content_and_first_time) },
	{ "a source that is never whole", never_whole, .status = LADE_EXIT_PARTIAL },
	{ "a file that is gone", gone, .status = LADE_EXIT_OK },
	{ "a file that is gone after a run", gone, .status = LADE_EXIT_OK, .len = 1000 },

	{ "an end in the entries", hang_up_in_entries, .status = STREAM },
	{ "an end in a frame's header", hang_up_in_entries, .status = STREAM, .len = 1 },
	{ "an end before the first run", hang_up, .status = STREAM },
	{ "an end between two runs", hang_up, .status = STREAM, .len = 1 },
	{ "an end within a payload", hang_up, .status = STREAM, .len = 2 },
	{ "an end within a payload over TCP", hang_up, .status = STREAM, .len = 2, TCP },
	{ "an end within a payload over pipes", hang_up, .status = STREAM, .len = 2, PIPES },
	{ "an end before the end of a file", hang_up, .status = STREAM, .len = 3 },

	{ "a flood of reports", report_flood, .status = LADE_EXIT_OK },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 2654435761u >> 13);
	return attack_run("hostile data", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
