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
#include "tests/fault/attack_place.h"
#include "transport/frame.h"

#define STREAM LADE_EXIT_STREAM
#define LARGE (2500u << 10)

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

/* Nobody asked for it: nothing is to be removed. */
static void stored(struct peer *peer)
{
	const struct lade_msg_stored message = { .first = 0, .count = 1 };

	lade_put_stored(&peer->out, &message);
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

/* Where a scene that several attacks have is while one of them is made: in that one's own. */
#define LENT "lent"

/* Open a session whose source is the inside of lent, which is the attack's until take_back_many() or take_back_described(). */
static void open_lent(struct peer *peer, const struct scene *lent)
{
	char path[PATH_MAX + 16];

	if (rename(lent->inside, scene_path(attack_scene(), LENT)))
		abort();
	snprintf(path, sizeof(path), "%s/" LENT "/", attack_scene()->inside);
	peer_hello(peer);
	peer_open(peer, PEER_SENDS, LADE_OPTION_RECURSIVE, path);
}

static void take_back(const struct scene *scene, const struct scene *lent)
{
	assert_int_equal(rename(scene_path(scene, LENT), lent->inside), 0);
}

static void take_back_many(const struct scene *scene)
{
	take_back(scene, &many);
}

static void open_many(struct peer *peer)
{
	make_many();
	open_lent(peer, &many);
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

/* A receiver that never reads more than the beginning: the sender waits, and takes no more memory than its limits. */
static void never_reads(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;
	long before;

	(void)attack;
	open_many(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_ROOT, &message));
	attack_find_server(peer);
	before = peer_memory_kib(peer);
	pause_ms(1500);
	assert_true(peer_memory_kib(peer) < before + ATTACK_MEMORY_KIB);
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
	attack_wait_end(peer);
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
	attack_wait_end(peer);
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

/* ---- described files ---- */

static void want_recipe(struct peer *peer, uint32_t slot, uint64_t index, uint32_t cut_class)
{
	const struct lade_msg_want_recipe message = { slot, index, cut_class };

	lade_put_want_recipe(&peer->out, &message);
}

/* Old bytes in blocks; digests: what their signature is filled with. */
static void want_gap(struct peer *peer, uint64_t off, uint32_t len, uint32_t old_len, uint32_t block_len, uint8_t digests)
{
	static uint8_t signature[LADE_SIGNATURE_MAX];
	const uint32_t blocks = (old_len + block_len - 1) / block_len;
	const struct lade_msg_want_gap message = {
		.off = off, .len = len, .old_len = old_len, .block_len = block_len,
		.signature = lade_slice(signature, (size_t)blocks * LADE_BLOCK_DIGEST_LEN),
	};

	memset(signature, digests, sizeof(signature));
	lade_put_want_gap(&peer->out, &message);
}

static void class_too_low(struct peer *peer)
{
	want_recipe(peer, 0, ENTRY_LARGE, LADE_CUT_CLASS_MIN - 1);
}

static void class_0(struct peer *peer)
{
	want_recipe(peer, 0, ENTRY_LARGE, 0);
}

static void class_too_high(struct peer *peer)
{
	want_recipe(peer, 0, ENTRY_LARGE, LADE_CUT_CLASS_MAX + 1);
}

static void recipe_never_sent(struct peer *peer)
{
	want_recipe(peer, 0, ENTRIES, LADE_CUT_CLASS_MIN);
}

static void recipe_of_directory(struct peer *peer)
{
	want_recipe(peer, 0, ENTRY_DIRECTORY, LADE_CUT_CLASS_MIN);
}

static void recipe_of_wanted(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	want_recipe(peer, 1, ENTRY_LARGE, LADE_CUT_CLASS_MIN);
}

static void recipe_in_used_slot(struct peer *peer)
{
	want(peer, 0, ENTRY_LARGE);
	want_recipe(peer, 0, ENTRY_OLD, LADE_CUT_CLASS_MIN);
}

static void recipe_key(struct peer *peer, size_t len)
{
	static const uint8_t key[LADE_SECRET_LEN + 1] = { 1 };
	const struct lade_msg_recipe_key message = { lade_slice(key, len) };

	lade_put_recipe_key(&peer->out, &message);
}

static void short_recipe_key(struct peer *peer)
{
	recipe_key(peer, LADE_SECRET_LEN - 1);
}

static void no_recipe_key(struct peer *peer)
{
	recipe_key(peer, 0);
}

static void long_recipe_key(struct peer *peer)
{
	recipe_key(peer, LADE_SECRET_LEN + 1);
}

static void recipe_key_twice(struct peer *peer)
{
	recipe_key(peer, LADE_SECRET_LEN);
	recipe_key(peer, LADE_SECRET_LEN);
}

static void recipe_key_after_want(struct peer *peer)
{
	want_recipe(peer, 0, ENTRY_LARGE, LADE_CUT_CLASS_MIN);
	recipe_key(peer, LADE_SECRET_LEN);
}

static void gap_of_free_slot(struct peer *peer)
{
	want_gap(peer, 0, 100, 0, LADE_BLOCK_MIN, 0);
}

static void recipe_credit(struct peer *peer, uint32_t bytes)
{
	const struct lade_msg_recipe_credit message = { bytes };

	lade_put_recipe_credit(&peer->out, &message);
}

static void recipe_credit_for_nothing(struct peer *peer)
{
	recipe_credit(peer, 1);
}

static void recipe_credit_too_much(struct peer *peer)
{
	recipe_credit(peer, LADE_RECIPE_CREDIT + 1);
}

/* Have the large file sent whole (in slot 0), to its end. */
static void gap_of_sent(struct peer *peer)
{
	struct lade_message message;

	want(peer, 0, ENTRY_LARGE);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_FILE_END, &message));
	want_gap(peer, 0, 100, 0, LADE_BLOCK_MIN, 0);
}

/* Have the large file described (in slot 0), to its end. Returns the encoded bytes of its recipe. */
static uint32_t describe_large(struct peer *peer)
{
	struct lade_message message;
	uint32_t len = 0;

	want_recipe(peer, 0, ENTRY_LARGE, LADE_CUT_CLASS_MIN);
	peer_say(peer);
	do {
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		len += message.type == LADE_MSG_RECIPE ? (uint32_t)message.encoded_len : 0;
	} while (message.type != LADE_MSG_FILE_END);
	return len;
}

static void recipe_credit_twice(struct peer *peer)
{
	uint32_t len = describe_large(peer);

	recipe_credit(peer, len);
	recipe_credit(peer, 1);
}

/* Recipes were made under the run key: they would not be understood any more. */
static void recipe_key_after_recipe(struct peer *peer)
{
	describe_large(peer);
	recipe_key(peer, LADE_SECRET_LEN);
}

static void gap_of_nothing(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, 0, 0, 0, LADE_BLOCK_MIN, 0);
}

static void gap_beyond(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, LARGE - 10, 11, 0, LADE_BLOCK_MIN, 0);
}

static void gap_far(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, LADE_FILE_SIZE_MAX, LADE_GAP_MAX, 0, LADE_BLOCK_MIN, 0);
}

static void gap_too_long(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, 0, LADE_GAP_MAX + 1, 0, LADE_BLOCK_MIN, 0);
}

static void old_bytes_too_many(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, 0, 100, LADE_GAP_OLD_MAX + 1, LADE_BLOCK_MAX, 0);
}

static void block_too_short(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, 0, 100, 1000, LADE_BLOCK_MIN - 1, 0);
}

static void block_too_long(struct peer *peer)
{
	describe_large(peer);
	want_gap(peer, 0, 100, 1000, LADE_BLOCK_MAX + 1, 0);
}

/* A signature of len bytes where the blocks have 12. */
static void signature_of(struct peer *peer, size_t len)
{
	const struct lade_msg_want_gap message = {
		.len = 100, .old_len = 1000, .block_len = 500,
		.signature = lade_slice("0123456789abcdefgh", len),
	};

	describe_large(peer);
	lade_put_want_gap(&peer->out, &message);
}

static void signature_too_short(struct peer *peer)
{
	signature_of(peer, 11);
}

static void signature_too_long(struct peer *peer)
{
	signature_of(peer, 18);
}

static void no_signature(struct peer *peer)
{
	signature_of(peer, 0);
}

static void block_of_nothing(struct peer *peer)
{
	const struct lade_msg_want_gap message = { .len = 100 };

	describe_large(peer);
	lade_put_want_gap(&peer->out, &message);
}

static void gap_of_decided(struct peer *peer)
{
	describe_large(peer);
	ack(peer, 0);
	want_gap(peer, 0, 100, 0, LADE_BLOCK_MIN, 0);
}

/* Nothing is heard, so nothing is answered once the pipe is full. */
static void gap_flood(struct peer *peer)
{
	describe_large(peer);
	for (unsigned i = 0; i < 100000 && !peer->lost; i++) {
		want_gap(peer, 0, LADE_GAP_MAX, 0, LADE_BLOCK_MIN, 0);
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
}

/* The same by their signatures; no more than so many are kept. */
static void signature_flood(struct peer *peer)
{
	long before;

	describe_large(peer);
	before = peer_memory_kib(peer);
	for (unsigned i = 0; i < 1000 && !peer->lost; i++) {
		want_gap(peer, 0, LADE_GAP_MAX, LADE_GAP_OLD_MAX, LADE_BLOCK_MIN, (uint8_t)i);
		peer_say(peer);
	}
	assert_true(peer->lost || peer_memory_kib(peer) < before + ATTACK_MEMORY_KIB);
}

/* Over pipes nobody hears, so that what is asked for stays; and they tell of their end without being read. */
static void deaf_lie(struct peer *peer, const struct attack *attack)
{
	lie(peer, attack);
	attack_wait_end(peer);
}

/* ---- what is honest, but strange ---- */

/* Let go of the large file, and end. */
static void end_well(struct peer *peer)
{
	struct lade_message message;

	ack(peer, 0);
	end(peer);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_END, &message));
}

static void recipe_of_tiny(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	(void)attack;
	begin(peer);
	want_recipe(peer, 0, ENTRY_OLD, LADE_CUT_CLASS_MAX);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_RECIPE, &message));
	assert_int_equal(message.recipe.len, sizeof(SCENE_OLD) - 1);
	assert_int_equal(message.recipe.chunks.len, 0);
	assert_true(peer_hear_type(peer, LADE_MSG_FILE_END, &message));
	end_well(peer);
}

/* Processor time of the other side so far, in seconds. */
static double cpu_seconds(const struct peer *peer)
{
	unsigned long user, system;
	char path[64], text[1024];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)peer->child);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	/* Behind the name, which ends with the last bracket: state, and ten numbers. */
	assert_int_equal(sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&system), 2);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* What a gap may cost in processor time: it is read once, digested, and its blocks are looked for. */
#define GAP_SECONDS 0.25

/*
 * attack->len: what the signature is filled with. The file has no such blocks, all digests are in one place of the
 * table, and every answer costs about as much as one of an honest signature.
 */
static void crafted_signature(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;
	double before;

	begin(peer);
	describe_large(peer);
	attack_find_server(peer);
	before = cpu_seconds(peer);
	for (unsigned i = 0; i < 20; i++) {
		want_gap(peer, (uint64_t)i * LADE_GAP_MAX / 2, LADE_GAP_MAX, LADE_GAP_OLD_MAX, LADE_BLOCK_MIN,
			 (uint8_t)attack->len);
		peer_say(peer);
		assert_true(peer_hear_type(peer, LADE_MSG_PATCH, &message));
		assert_true(message.patch.ops.len >= LADE_GAP_MAX);
	}
	assert_true(cpu_seconds(peer) - before < 20 * GAP_SECONDS);
	end_well(peer);
}

/* Digests that differ, and whose high bits do not. */
static void crowded_signature(struct peer *peer, const struct attack *attack)
{
	static uint8_t signature[LADE_SIGNATURE_MAX];
	const struct lade_msg_want_gap wanted = {
		.len = LADE_GAP_MAX, .old_len = LADE_GAP_OLD_MAX, .block_len = LADE_BLOCK_MIN,
		.signature = lade_slice(signature, sizeof(signature)),
	};
	struct lade_message message;
	double before;

	(void)attack;
	for (size_t i = 0; i < sizeof(signature); i += LADE_BLOCK_DIGEST_LEN) {
		signature[i] = (uint8_t)(i / LADE_BLOCK_DIGEST_LEN);
		signature[i + 1] = (uint8_t)(i / LADE_BLOCK_DIGEST_LEN >> 8);
	}
	begin(peer);
	describe_large(peer);
	attack_find_server(peer);
	before = cpu_seconds(peer);
	for (unsigned i = 0; i < 20; i++) {
		lade_put_want_gap(&peer->out, &wanted);
		peer_say(peer);
		assert_true(peer_hear_type(peer, LADE_MSG_PATCH, &message));
	}
	assert_true(cpu_seconds(peer) - before < 20 * GAP_SECONDS);
	end_well(peer);
}

/* The same gap over and over, one answer at a time: each is an answer. */
static void gap_again(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	(void)attack;
	begin(peer);
	describe_large(peer);
	for (unsigned i = 0; i < 3000; i++) {
		want_gap(peer, i, 1, 1, LADE_BLOCK_MAX, 0);
		peer_say(peer);
		assert_true(peer_hear_type(peer, LADE_MSG_PATCH, &message));
		assert_int_equal(message.patch.off, i);
	}
	end_well(peer);
}

/* The longest range that may be asked for, of a described file. */
static void long_run(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	(void)attack;
	begin(peer);
	describe_large(peer);
	want_run(peer, 0, 0, LARGE);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_RUN, &message));
	assert_int_equal(message.run.len, LARGE);
	end_well(peer);
}

/* Enough names that their recipes take more than the credit; one content. */
static struct scene described;
#define DESCRIBED_FILES 1200u

static void make_described(void)
{
	static uint8_t content[LARGE];
	uint32_t state = 1;
	char name[24];

	if (described.top[0])
		return;
	scene_make(&described);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
	scene_write(&described, "large", content, sizeof(content));
	for (unsigned i = 0; i < DESCRIBED_FILES; i++) {
		snprintf(name, sizeof(name), "%04u", i);
		if (link(scene_path(&described, "large"), scene_path(&described, name)))
			abort();
	}
}

/*
 * No credit for recipes: the sender says what it may and waits, without spending time on it; what else is
 * asked for is answered. With credit it goes on.
 */
static void no_recipe_credit(struct peer *peer, const struct attack *attack)
{
	uint32_t said = 0, ended = 0, before_credit;
	struct lade_message message;
	double before;

	(void)attack;
	make_described();
	open_lent(peer, &described);
	assert_true(peer_hear_type(peer, LADE_MSG_ENTRIES_END, &message));
	for (uint32_t i = 0; i < DESCRIBED_FILES; i++)
		want_recipe(peer, i, i + 1, LADE_CUT_CLASS_MIN);
	peer_say(peer);
	/* 64 bytes and the longest list are what the sender takes for the longest message. */
	while (said + LADE_RECIPE_MAX + 64 <= LADE_RECIPE_CREDIT) {
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		said += message.type == LADE_MSG_RECIPE ? (uint32_t)message.encoded_len : 0;
		ended += message.type == LADE_MSG_FILE_END;
	}
	assert_true(said <= LADE_RECIPE_CREDIT && ended < DESCRIBED_FILES);
	before = cpu_seconds(peer);
	pause_ms(500);
	assert_true(cpu_seconds(peer) - before < 0.2);
	/*
	 * What is asked for of what was said does not wait. The ends of files whose recipes were said are on
	 * their way before it; no recipe is.
	 */
	for (unsigned i = 0; i < 100; i++) {
		want_gap(peer, 0, 1000, 0, LADE_BLOCK_MIN, 0);
		peer_say(peer);
		do {
			assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
			ended += message.type == LADE_MSG_FILE_END;
		} while (message.type == LADE_MSG_FILE_END);
		assert_int_equal(message.type, LADE_MSG_PATCH);
	}
	before_credit = said;
	recipe_credit(peer, said);
	peer_say(peer);
	while (ended < DESCRIBED_FILES) {
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		said += message.type == LADE_MSG_RECIPE ? (uint32_t)message.encoded_len : 0;
		ended += message.type == LADE_MSG_FILE_END;
		if (said - before_credit > LADE_RECIPE_CREDIT / 2) {
			recipe_credit(peer, said - before_credit);
			peer_say(peer);
			before_credit = said;
		}
	}
	for (uint32_t i = 0; i < DESCRIBED_FILES; i++)
		ack(peer, i);
	end(peer);
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_END, &message));
}

static void take_back_described(const struct scene *scene)
{
	take_back(scene, &described);
}

/* attack->len: the phase in which the receiver hangs up. */
static void hang_up_described(struct peer *peer, const struct attack *attack)
{
	begin(peer);
	want_recipe(peer, 0, ENTRY_LARGE, LADE_CUT_CLASS_MIN);
	peer_say(peer);
	if (attack->len >= 1) {
		struct lade_message message;

		assert_true(peer_hear_type(peer, LADE_MSG_FILE_END, &message));
		for (unsigned i = 0; i < 10; i++)
			want_gap(peer, 0, LADE_GAP_MAX, LADE_GAP_OLD_MAX, LADE_BLOCK_MIN, 1);
		peer_say(peer);
	}
	lade_connection_end_writing(&peer->connection);
}

#define ROW(title, function, exit_status, ...) \
	{ title, function, .status = exit_status, .flags = ATTACK_NO_OPEN, \
	  .kind = LADE_CONNECTION_TCP, __VA_ARGS__ }
#define LIE(title, function) ROW(title, lie, STREAM, .data = &(const struct lie){ function })
/* Over pipes, whose end is seen without reading; the session says its last words for three seconds. */
#define PIPES(title, function, ...) \
	{ title, function, .status = STREAM, .flags = ATTACK_NO_OPEN, \
	  .kind = LADE_CONNECTION_PIPES, __VA_ARGS__ }
/* Those that take all of these seconds. */
#define LONG(title, script, function) \
	{ title, script, .status = STREAM, .flags = ATTACK_NO_OPEN | ATTACK_ONCE, .kind = LADE_CONNECTION_PIPES, \
	  .data = &(const struct lie){ function } }
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
	LONG("a flood of runs", lie, run_flood),
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
	LIE("what was stored without being asked", stored),
	LIE("a payload from a receiver", payload),
	ROW("an end before the entries'", early_end, STREAM, .after = take_back_many),
	LET_GO("a run after its slot was given away", give_slot_away),
	LET_GO("a run after another attempt was begun", begin_again),
	ROW("a receiver that never reads", never_reads, STREAM, .after = take_back_many),
	LONG("a receiver that lies and never reads", lies_and_never_reads, NULL),
	ROW("a receiver that never decides", never_decides, STREAM, .after = take_back_many),
	ROW("a slow receiver", slow, LADE_EXIT_OK, .len = 0),
	LIE("a recipe of too low a class", class_too_low),
	LIE("a recipe of class 0", class_0),
	LIE("a recipe of too high a class", class_too_high),
	LIE("a recipe of what was never sent", recipe_never_sent),
	LIE("a recipe of a directory", recipe_of_directory),
	LIE("a recipe of what is wanted", recipe_of_wanted),
	LIE("a recipe in a slot that is in use", recipe_in_used_slot),
	LIE("a recipe key of 31 bytes", short_recipe_key),
	LIE("a recipe key of nothing", no_recipe_key),
	LIE("a recipe key of 33 bytes", long_recipe_key),
	LIE("a recipe key twice", recipe_key_twice),
	LIE("a recipe key after a want by recipe", recipe_key_after_want),
	LIE("a recipe key after a recipe", recipe_key_after_recipe),
	LIE("a gap of a free slot", gap_of_free_slot),
	LIE("a gap of a file that is not described", gap_of_sent),
	LIE("a gap of nothing", gap_of_nothing),
	LIE("a gap beyond the end", gap_beyond),
	LIE("a gap far away", gap_far),
	LIE("a gap that is too long", gap_too_long),
	LIE("a gap of what was let go", gap_of_decided),
	LIE("too many old bytes", old_bytes_too_many),
	LIE("blocks that are too short", block_too_short),
	LIE("blocks that are too long", block_too_long),
	LIE("blocks of nothing", block_of_nothing),
	LIE("a signature that is too short", signature_too_short),
	LIE("a signature that is too long", signature_too_long),
	LIE("a signature that is not there", no_signature),
	LIE("credit for recipes that were not said", recipe_credit_for_nothing),
	LIE("credit for recipes beyond all bounds", recipe_credit_too_much),
	LIE("credit for recipes twice", recipe_credit_twice),
	LONG("a flood of gaps", deaf_lie, gap_flood),
	LONG("a flood of signatures", deaf_lie, signature_flood),
	ROW("a recipe of a tiny file", recipe_of_tiny, LADE_EXIT_OK, .len = 0),
	ROW("a signature of equal digests", crafted_signature, LADE_EXIT_OK, .len = 0),
	ROW("a signature of other equal digests", crafted_signature, LADE_EXIT_OK, .len = 0xff),
	ROW("a signature of crowded digests", crowded_signature, LADE_EXIT_OK, .len = 0),
	ROW("thousands of gaps of a byte", gap_again, LADE_EXIT_OK, .len = 0),
	ROW("a long run of a described file", long_run, LADE_EXIT_OK, .len = 0),
	{ "a receiver without credit for recipes", no_recipe_credit, .status = LADE_EXIT_OK, .flags = ATTACK_NO_OPEN | ATTACK_ONCE,
	  .kind = LADE_CONNECTION_TCP, .after = take_back_described },
	ROW("an end in a description", hang_up_described, STREAM, .len = 0),
	ROW("an end with gaps open", hang_up_described, STREAM, .len = 1),
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
	if (described.top[0])
		scene_remove(&described);
	return failures;
}
