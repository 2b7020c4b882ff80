/*
 * A receiver that lies, against a real sender: wants of what was never sent, credit that
 * was not spent, acknowledgements of nothing, floods, silence (attack classes A7, A9).
 *
 * The source is a directory of some files: small, large (two runs and a bit) and a directory.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/session_send.h"
#include "tests/fault/attack.h"
#include "transport/frame.h"

#define STREAM LADE_EXIT_STREAM
#define LARGE (2500u << 10)

/* What a session may take beside what a process has at its start; sanitizers take some times more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_KIB (96L << 10)
#else
#define MEMORY_KIB (12L << 10)
#endif

/* Numbers of the entries: the root is 0, then files by name, then directories. */
enum { ENTRY_ROOT, ENTRY_LARGE, ENTRY_OLD, ENTRY_SMALL, ENTRY_DIRECTORY, ENTRIES };

static void make_source(void)
{
	static uint8_t content[LARGE];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 2654435761u >> 11);
	scene_write(attack_scene(), "large", content, sizeof(content));
	scene_write(attack_scene(), "small", content, 5000);
	if (mkdir(scene_path(attack_scene(), "sub"), 0755))
		abort();
}

/* Open the session and hear the entries to their end. */
static void begin(struct peer *peer)
{
	struct lade_message message;
	char path[PATH_MAX + 2];

	make_source();
	snprintf(path, sizeof(path), "%s/", attack_scene()->inside);
	peer_hello(peer);
	peer_open(peer, PEER_SENDS, ATTACK_OPTIONS, path);
	assert_true(peer_hear_type(peer, LADE_MSG_ENTRIES_END, &message));
}

static void want(struct peer *peer, uint32_t slot, uint64_t index)
{
	const struct lade_msg_want message = { slot, index };

	lade_put_want(&peer->out, &message);
}

static void want_run(struct peer *peer, uint32_t slot, uint64_t off, uint32_t len)
{
	const struct lade_msg_want_run message = { slot, off, len };

	lade_put_want_run(&peer->out, &message);
}

static void ack(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_ack message = { slot };

	lade_put_ack(&peer->out, &message);
}

static void want_again(struct peer *peer, uint32_t slot)
{
	const struct lade_msg_want_again message = { slot };

	lade_put_want_again(&peer->out, &message);
}

static void credit(struct peer *peer, uint64_t planned, uint32_t bytes)
{
	const struct lade_msg_credit message = { planned, bytes };

	lade_put_credit(&peer->out, &message);
}

static void end(struct peer *peer)
{
	const struct lade_msg_end message = { .exit = 0 };

	lade_put_end(&peer->out, &message);
}

/* attack->data: a function that puts wrong messages. */
struct lie {
	void (*put)(struct peer *peer);
};

static void lie(struct peer *peer, const struct attack *attack)
{
	const struct lie *row = attack->data;

	begin(peer);
	row->put(peer);
	peer_say(peer);
}

static void never_sent(struct peer *peer)
{
	want(peer, 0, ENTRIES);
}

static void far_index(struct peer *peer)
{
	want(peer, 0, UINT64_MAX);
}

static void wanted_directory(struct peer *peer)
{
	want(peer, 0, ENTRY_DIRECTORY);
}

static void wanted_root(struct peer *peer)
{
	want(peer, 0, ENTRY_ROOT);
}

static void slot_beyond(struct peer *peer)
{
	want(peer, LADE_SLOTS_MAX, ENTRY_OLD);
}

static void wanted_twice(struct peer *peer)
{
	want(peer, 0, ENTRY_OLD);
	want(peer, 1, ENTRY_OLD);
}

static void slot_in_use(struct peer *peer)
{
	want(peer, 0, ENTRY_OLD);
	want(peer, 0, ENTRY_SMALL);
}

static void out_of_order(struct peer *peer)
{
	want(peer, 0, ENTRY_SMALL);
	want(peer, 1, ENTRY_OLD);
}

static void decided(struct peer *peer)
{
	credit(peer, ENTRIES, 0);
	want(peer, 0, ENTRY_OLD);
}

static void run_of_free_slot(struct peer *peer)
{
	want_run(peer, 3, 0, 10);
}

static void run_not_sent(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	want_run(peer, 0, LARGE, 10);
}

static void run_of_nothing(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	want_run(peer, 0, 0, 0);
}

static void run_far(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	want_run(peer, 0, LADE_FILE_SIZE_MAX, 1);
}

static void ack_of_free_slot(struct peer *peer)
{
	ack(peer, 3);
}

static void ack_twice(struct peer *peer)
{
	want(peer, 0, ENTRY_OLD);
	peer_say(peer);
	ack(peer, 0);
	ack(peer, 0);
}

static void again_of_free_slot(struct peer *peer)
{
	want_again(peer, 9);
}

static void too_much_credit(struct peer *peer)
{
	credit(peer, 0, LADE_ENTRY_CREDIT);
}

static void credit_of_4_gib(struct peer *peer)
{
	credit(peer, 0, UINT32_MAX);
}

static void credit_beyond(struct peer *peer)
{
	credit(peer, ENTRIES + 1, 0);
}

static void credit_backwards(struct peer *peer)
{
	credit(peer, 2, 0);
	credit(peer, 1, 0);
}

static void open_end(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	end(peer);
}

static void other_role(struct peer *peer)
{
	attack_root(peer);
}

static void item(struct peer *peer)
{
	const struct lade_msg_item message = { .changes = 1, .path = lade_slice("x", 1) };

	lade_put_item(&peer->out, &message);
}

static void payload(struct peer *peer)
{
	credit(peer, 0, 0);
	peer_say_payload(peer, "0123456789", 10, 10);
}

/* More runs again than anybody may ask for, faster than they can be answered: the first answer fills the pipe. */
static void run_flood(struct peer *peer)
{
	struct lade_message message;

	want(peer, 0, ENTRY_LARGE);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_RUN, &message));
	for (unsigned i = 0; i < 100000 && !peer->lost; i++) {
		want_run(peer, 0, 0, message.run.len);
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
}

/* More names than the credit holds: made once, all of one inode, because making them is slow. */
static struct scene many;

static void make_many(void)
{
	char name[160];

	if (many.top[0])
		return;
	scene_make(&many);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%0150u", i);
		if (link(scene_path(&many, "old"), scene_path(&many, name)))
			abort();
	}
}

static void open_many(struct peer *peer)
{
	char path[PATH_MAX + 2];

	make_many();
	snprintf(path, sizeof(path), "%s/", many.inside);
	peer_hello(peer);
	peer_open(peer, PEER_SENDS, LADE_OPTION_RECURSIVE, path);
}

/* END while entries are still to come. */
static void early_end(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	open_many(peer);
	end(peer);
	peer_say(peer);
}

static void pause_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* A receiver that never reads: the sender waits, and takes no more memory than its limits. */
static void never_reads(struct peer *peer, const struct attack *attack)
{
	long before;

	(void)attack;
	before = peer_memory_kib(peer);
	open_many(peer);
	pause_ms(1500);
	assert_true(peer_memory_kib(peer) < before + MEMORY_KIB);
	lade_connection_cancel(&peer->connection);
}

/* In the middle of a run a lie, and nothing more is read: the sender's last words cannot be said, and it ends all the same. */
static void lies_and_never_reads(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	(void)attack;
	begin(peer);
	want(peer, 0, ENTRY_LARGE);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_RUN, &message));
	ack_of_free_slot(peer);
	peer_say(peer);
	peer_wait_end(peer);
}

/* Credit without ever deciding about an entry: the sender would have to remember them all. */
static void never_decides(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;
	size_t bytes = 0;

	(void)attack;
	open_many(peer);
	while (bytes < LADE_ENTRY_CREDIT / 8 && peer_hear(peer, &message) == PEER_MESSAGE)
		bytes += message.encoded_len;
	credit(peer, 0, (uint32_t)bytes);
	peer_say(peer);
}

/*
 * Byte by byte through the beginning of the data, then at once. Which of the two files comes
 * first is the sender's choice; nothing is acknowledged before all of it is there.
 */
static void slow(struct peer *peer, const struct attack *attack)
{
	bool record = false, ended = false;
	struct lade_message message;
	unsigned bytes = 3000;
	uint8_t byte;

	(void)attack;
	begin(peer);
	want(peer, 0, ENTRY_LARGE);
	want(peer, 1, ENTRY_SMALL);
	peer_say(peer);
	while (!record || !ended) {
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		record = record || message.type == LADE_MSG_BUNDLE;
		ended = ended || message.type == LADE_MSG_FILE_END;
		for (; bytes && peer->payload_len; bytes--, peer->payload_len--)
			assert_int_equal(lade_connection_read(&peer->connection, &byte, 1, NULL), 0);
	}
	ack(peer, 1);
	ack(peer, 0);
	end(peer);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_END, &message));
}

static void give_slot_away(struct peer *peer)
{
	ack(peer, 0);
	want(peer, 0, ENTRY_SMALL);
}

static void begin_again(struct peer *peer)
{
	want_again(peer, 0);
}

/*
 * attack->data: a lie about a file of which runs are still asked for again: the answers must not be
 * about what is gone. Nothing is read until the sender has hung up, so it cannot have answered all
 * of them before it hears the lie; and it hangs up although what it says is not taken.
 */
static void let_go(struct peer *peer, const struct attack *attack)
{
	const struct lie *row = attack->data;
	struct lade_message message;

	begin(peer);
	want(peer, 0, ENTRY_LARGE);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_FILE_END, &message));
	for (unsigned i = 0; i < 50; i++)
		want_run(peer, 0, LARGE - (1u << 20), 1u << 20);
	row->put(peer);
	peer_say(peer);
	peer_wait_end(peer);
}

/* attack->len: the phase in which the receiver hangs up. */
static void hang_up(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	begin(peer);
	if (attack->len >= 1) {
		want(peer, 0, ENTRY_LARGE);
		want(peer, 1, ENTRY_OLD);
		peer_say(peer);
	}
	if (attack->len >= 2)
		assert_true(peer_hear_type(peer, LADE_MSG_RUN, &message));
	if (attack->len >= 3) {
		assert_true(peer_hear_type(peer, LADE_MSG_FILE_END, &message));
		ack(peer, 0);
		peer_say(peer);
	}
	if (attack->len >= 4)
		peer_say_raw(peer, "\x10\0\0", 3);
	lade_connection_end_writing(&peer->connection);
}

static void reset(struct peer *peer, const struct attack *attack)
{
	begin(peer);
	if (attack->len)
		want(peer, 0, ENTRY_LARGE);
	peer_say(peer);
	pause_ms(20);
	/* Unread bytes: the sender sees a reset, not an end. */
	lade_connection_cancel(&peer->connection);
}

#define ROW(title, function, exit_status, ...) \
	{ title, function, .status = exit_status, .flags = ATTACK_NO_OPEN, \
	  .kind = LADE_CONNECTION_TCP, __VA_ARGS__ }
#define LIE(title, function) ROW(title, lie, STREAM, .data = &(const struct lie){ function })
/* Over pipes, whose end is seen without reading. */
#define PIPES(title, function, ...) \
	{ title, function, .status = STREAM, .flags = ATTACK_NO_OPEN, \
	  .kind = LADE_CONNECTION_PIPES, __VA_ARGS__ }
#define LET_GO(title, function) PIPES(title, let_go, .data = &(const struct lie){ function })

static const struct attack attacks[] = {
	LIE("a want of what was never sent", never_sent),
	LIE("a want far beyond", far_index),
	LIE("a want of a directory", wanted_directory),
	LIE("a want of the root", wanted_root),
	LIE("a want in a slot that does not exist", slot_beyond),
	LIE("a want twice", wanted_twice),
	LIE("a want in a slot that is in use", slot_in_use),
	LIE("wants out of order", out_of_order),
	LIE("a want of what was decided", decided),
	LIE("a run of a free slot", run_of_free_slot),
	LIE("a run that was not sent", run_not_sent),
	LIE("a run of nothing", run_of_nothing),
	LIE("a run far away", run_far),
	PIPES("a flood of runs", lie, .data = &(const struct lie){ run_flood }),
	LIE("an acknowledgement of a free slot", ack_of_free_slot),
	LIE("an acknowledgement twice", ack_twice),
	LIE("another attempt at a free slot", again_of_free_slot),
	LIE("more credit than there is", too_much_credit),
	LIE("credit of 4 GiB", credit_of_4_gib),
	LIE("credit for what was not sent", credit_beyond),
	LIE("credit that goes back", credit_backwards),
	LIE("an end with a file open", open_end),
	LIE("a message of the other role", other_role),
	LIE("an item for a server", item),
	LIE("a payload from a receiver", payload),
	ROW("an end before the entries'", early_end, STREAM, .len = 0),
	LET_GO("a run after its slot was given away", give_slot_away),
	LET_GO("a run after another attempt was begun", begin_again),
	ROW("a receiver that never reads", never_reads, STREAM, .len = 0),
	PIPES("a receiver that lies and never reads", lies_and_never_reads, .len = 0),
	ROW("a receiver that never decides", never_decides, STREAM, .len = 0),
	ROW("a slow receiver", slow, LADE_EXIT_OK, .len = 0),
	ROW("an end before any want", hang_up, STREAM, .len = 0),
	ROW("an end after wants", hang_up, STREAM, .len = 1),
	ROW("an end within a run", hang_up, STREAM, .len = 2),
	ROW("an end before the last acknowledgement", hang_up, STREAM, .len = 3),
	ROW("an end within a frame", hang_up, STREAM, .len = 4),
	ROW("a reset", reset, STREAM, .len = 0),
	ROW("a reset under way", reset, STREAM, .len = 1),
};

int main(void)
{
	int failures = attack_run("hostile receiver", attacks,
				  sizeof(attacks) / sizeof(attacks[0]));

	if (many.top[0])
		scene_remove(&many);
	return failures;
}
