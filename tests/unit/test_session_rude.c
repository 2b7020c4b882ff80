/*
 * Both machines against peers without manners: a few thousand random messages each,
 * right now and then. Whatever is refused, the machine must not fall over, and gives
 * every file back in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/session_recv.h"
#include "protocol/session_send.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of the files in these tests. */
#define SIZE 1000u

static int a_file, described_file; /* what the machines are given as files */

struct recv_fixture {
	struct lade_session_recv *machine;
	struct lade_writer out;
	struct lade_recv_event event;
};

struct send_fixture {
	struct lade_session_send *machine;
	struct lade_writer out;
	struct lade_send_event event;
};

static int hear(struct recv_fixture *fixture, struct lade_message message)
{
	return lade_session_recv_step(fixture->machine, &message, &fixture->event);
}

static void recv_init(struct recv_fixture *fixture)
{
	assert_int_equal(lade_session_recv_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, LADE_CONTROL_MAX);
}

static void recv_fini(struct recv_fixture *fixture)
{
	lade_session_recv_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

static int hear_record(struct recv_fixture *fixture, uint32_t slot, size_t len)
{
	static const uint8_t zeros[2 * SIZE];
	const struct lade_bundle_record record = { .slot = slot, .data = lade_slice(zeros, len) };

	return lade_session_recv_record(fixture->machine, &record, &fixture->event);
}

static int tell(struct send_fixture *fixture, struct lade_message message)
{
	return lade_session_send_step(fixture->machine, &message, &fixture->event);
}

static void say_entry(struct send_fixture *fixture, const char *name, void *file)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(name, strlen(name)),
		.mode = S_IFREG | 0644,
		.size = SIZE,
	};

	assert_int_equal(
		lade_session_send_entry(fixture->machine, &entry, file, &fixture->out, NULL), 0);
}

static void send_init(struct send_fixture *fixture)
{
	assert_int_equal(lade_session_send_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, SIZE_MAX);
}

static void send_fini(struct send_fixture *fixture)
{
	lade_session_send_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

static uint64_t random_state = 1;

static uint64_t draw(uint64_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % below;
}

/* A message of any type whose numbers are small enough to be right now and then. */
static struct lade_message any_message(void)
{
	static const char *const names[] = { ".", "a", "b", "c", "..", "", "d/e" };
	static const uint32_t modes[] = { S_IFREG, S_IFDIR, S_IFLNK, 0 };
	const char *name = names[draw(COUNT(names))];
	static const uint8_t zeros[4 * LADE_BLOCK_DIGEST_LEN];
	static const uint8_t chunks[] = { 0x7d, 1, 2, 3, 4, 5, 6, 0x7d, 1, 2, 3, 4, 5, 6 }; /* of 125 bytes each */
	struct lade_message message = { .type = (enum lade_message_type)draw(LADE_MSG_STORED + 2), .encoded_len = 9 };

	switch (message.type) {
	case LADE_MSG_ENTRY:
		message.entry.name = lade_slice(name, strlen(name));
		message.entry.mode = modes[draw(COUNT(modes))];
		message.entry.link = draw(4) ? 0 : draw(5);
		break;
	case LADE_MSG_IDENTITY:
		message.identity.name = lade_slice(name, strlen(name));
		break;
	case LADE_MSG_IMPLIED:
		message.implied.name = lade_slice(name, strlen(name));
		break;
	case LADE_MSG_MISSING:
		message.missing.path = lade_slice(name, strlen(name));
		break;
	case LADE_MSG_CREDIT:
		message.credit.planned = draw(8);
		message.credit.bytes = (uint32_t)draw(100);
		break;
	case LADE_MSG_RUN:
	case LADE_MSG_RUN_ABORT:
	case LADE_MSG_HOLE:
	case LADE_MSG_WANT_RUN:
		message.run.slot = (uint32_t)draw(4);
		message.run.off = 250 * draw(5);
		message.run.len = 250 * (uint32_t)draw(5);
		if (message.type == LADE_MSG_HOLE)
			message.hole.len = 250 * draw(5);
		break;
	case LADE_MSG_WANT:
		message.want.index = draw(8);
		message.want.slot = (uint32_t)draw(4);
		break;
	case LADE_MSG_RECIPE:
		message.recipe.slot = (uint32_t)draw(4);
		message.recipe.off = 250 * draw(5);
		message.recipe.len = 250 * (uint32_t)draw(5);
		message.recipe.chunks = lade_slice(chunks, draw(4) ? 0 : 7 * draw(3));
		break;
	case LADE_MSG_PATCH:
		message.patch.slot = (uint32_t)draw(4);
		message.patch.off = 50 * draw(20);
		message.patch.len = 50;
		break;
	case LADE_MSG_WANT_RECIPE:
		message.want_recipe.index = draw(8);
		message.want_recipe.slot = (uint32_t)draw(4);
		message.want_recipe.cut_class = 10 + (uint32_t)draw(11);
		break;
	case LADE_MSG_WANT_GAP:
		message.want_gap.slot = (uint32_t)draw(4);
		message.want_gap.off = 50 * draw(20);
		message.want_gap.len = 50 * (uint32_t)draw(3);
		message.want_gap.old_len = 64 * (uint32_t)draw(4);
		message.want_gap.block_len = 60 + (uint32_t)draw(10);
		message.want_gap.signature = lade_slice(zeros, LADE_BLOCK_DIGEST_LEN * draw(4));
		break;
	case LADE_MSG_STORED:
		message.stored.first = draw(8);
		message.stored.count = draw(4);
		break;
	case LADE_MSG_DEFER:
		message.defer.index = draw(8);
		break;
	case LADE_MSG_RECIPE_CREDIT:
		message.recipe_credit.bytes = (uint32_t)draw(30);
		break;
	default:
		message.file_end.slot = (uint32_t)draw(4);
		message.file_end.changed = (uint32_t)draw(2);
		message.file_end.size = 250 * draw(5);
		break;
	}
	return message;
}

/* Pieces that are not judged yet. */
struct held {
	uint32_t slot;
	uint64_t off;
	uint32_t len, gaps; /* gaps: so many are under way */
};

static struct held held[64];
static size_t held_count;

/* The file in slot has settled: go on somehow. */
static void end_or_again(struct recv_fixture *fixture, uint32_t slot)
{
	if (draw(2))
		lade_session_recv_ack(fixture->machine, slot, &fixture->out);
	else
		lade_session_recv_want_again(fixture->machine, slot, &fixture->out);
}

/* Keep a piece, and ask for some of it. */
static void hold(struct recv_fixture *fixture)
{
	static const uint8_t zeros[LADE_BLOCK_DIGEST_LEN];
	const struct lade_recv_event *event = &fixture->event;
	struct lade_recv_gap gap = { .off = event->off + 50 * draw(event->len / 50), .len = 50, .old_len = 1, .block_len = 64 };
	struct held piece = { .slot = event->slot, .off = event->off, .len = (uint32_t)event->len };
	size_t before = fixture->out.len;

	assert_true(held_count < COUNT(held));
	lade_session_recv_recipe_done(fixture->machine, event->encoded_len, &fixture->out);
	if (draw(2)) {
		assert_int_equal(lade_session_recv_want_gap(fixture->machine, event->slot, &gap,
							    lade_slice(zeros, sizeof(zeros)), &fixture->out), 0);
		piece.gaps = fixture->out.len > before; /* nothing is asked of a file that has failed */
	} else if (draw(2)) {
		assert_int_equal(lade_session_recv_want_literal(fixture->machine, event->slot, gap.off, gap.len,
								&fixture->out), 0);
	}
	held[held_count++] = piece;
}

/* Gaps of slot that begin at off, or all of them, are under way no more. */
static void let_go(uint32_t slot, uint64_t off, bool all)
{
	for (size_t i = 0; i < held_count; i++)
		if (held[i].slot == slot && (all || (off >= held[i].off && off - held[i].off < held[i].len)))
			held[i].gaps = 0;
}

/* Judge a piece that lacks nothing, or of which nothing will become. */
static void judge_one(struct recv_fixture *fixture)
{
	size_t i = held_count ? draw(held_count) : 0;
	struct lade_recv_event next;
	struct held piece;

	if (!held_count || (held[i].gaps && !lade_session_recv_hopeless(fixture->machine, held[i].slot)))
		return;
	piece = held[i];
	held[i] = held[--held_count];
	if (lade_session_recv_verified(fixture->machine, piece.slot, piece.off, piece.len, draw(2), &fixture->out, &next))
		end_or_again(fixture, piece.slot);
}

/* What a caller does with an event; runs are judged at once, as luck will have it. */
static void follow_up(struct recv_fixture *fixture)
{
	static const struct lade_recv_source source = { .size = SIZE };
	struct lade_recv_event event = fixture->event, next;
	bool is_settled = event.type == LADE_RECV_SETTLED;

	if (event.type == LADE_RECV_RUN || event.type == LADE_RECV_RECORD) {
		is_settled = lade_session_recv_verified(fixture->machine, event.slot, event.off,
							(uint32_t)event.len, draw(2), &fixture->out,
							&next);
	} else if (event.type == LADE_RECV_DESCRIPTOR) {
		lade_session_recv_copied(fixture->machine, event.slot, draw(2), draw(2), &source,
					 &next);
		is_settled = true;
	} else if (event.type == LADE_RECV_RECIPE) {
		hold(fixture);
	} else if (event.type == LADE_RECV_HOLE && event.file == &described_file) {
		is_settled = lade_session_recv_verified(fixture->machine, event.slot, event.off, 0, draw(20), &fixture->out,
							&next);
	} else if (event.type == LADE_RECV_PATCH) {
		let_go(event.slot, event.gap.off, false);
	} else if (event.type == LADE_RECV_ABORTED) {
		let_go(event.slot, 0, true);
	} else if (event.type == LADE_RECV_HOLE && draw(20) == 0) {
		lade_session_recv_fail(fixture->machine, event.slot);
	}
	if (is_settled)
		end_or_again(fixture, event.slot);
}

/* Want a file, as a whole or its recipe. */
static void want(struct recv_fixture *fixture, uint64_t index)
{
	const struct lade_msg_want_recipe recipe = { .index = index, .cut_class = LADE_CUT_CLASS_MIN };
	int error = draw(2) ? lade_session_recv_want(fixture->machine, index, SIZE, &a_file, &fixture->out)
			    : lade_session_recv_want_recipe(fixture->machine, &recipe, SIZE, &described_file,
							    &fixture->out);

	assert_int_equal(error, 0);
}

static void rude_sender(uint64_t seed)
{
	struct recv_fixture fixture;

	random_state = seed;
	held_count = 0;
	recv_init(&fixture);
	for (unsigned i = 0; i < 2000; i++) {
		struct lade_message message = any_message();
		int step;

		if (lade_session_recv_open(fixture.machine) < 3)
			want(&fixture, i);
		step = draw(8) ? hear(&fixture, message)
			       : hear_record(&fixture, (uint32_t)draw(4), 250 * draw(5));
		assert_true(step == 0 || step == 1 || step == LADE_E_PROTOCOL ||
			    step == LADE_E_LIMIT);
		if (step == 1)
			follow_up(&fixture);
		judge_one(&fixture);
		lade_writer_reset(&fixture.out);
	}
	while (lade_session_recv_abandon(fixture.machine))
		;
	assert_int_equal(lade_session_recv_open(fixture.machine), 0);
	recv_fini(&fixture);
}

/* Say what a sender might say for a slot that it was asked for. */
static void say_something(struct send_fixture *fixture, uint32_t slot, uint64_t *off, bool describe)
{
	const struct lade_msg_recipe recipe = { .slot = slot, .off = *off, .len = 250 };
	const struct lade_msg_run run = { .slot = slot, .off = *off, .len = 250 };
	const struct lade_msg_file_end end = { .slot = slot, .size = SIZE };

	if (*off + 250 <= lade_session_send_size(fixture->machine, slot)) {
		if (describe)
			lade_session_send_recipe(fixture->machine, &recipe, &fixture->out);
		else
			lade_session_send_run(fixture->machine, &run, &fixture->out);
		*off += 250;
		if (draw(8) == 0)
			lade_session_send_run_abort(fixture->machine, slot, *off - 250, 250,
						    &fixture->out);
	} else {
		lade_session_send_file_end(fixture->machine, &end, &fixture->out);
		*off = UINT64_MAX;
	}
}

/* Answer what was asked, by an abort now and then. */
static void answer(struct send_fixture *fixture)
{
	const struct lade_send_event *asked = &fixture->event;
	const struct lade_msg_patch patch = { .slot = asked->slot, .off = asked->off, .len = asked->len };
	const struct lade_msg_run run = { .slot = asked->slot, .off = asked->off, .len = asked->len };

	assert_true(lade_session_send_answers(fixture->machine, asked->slot, asked->turn));
	if (draw(8) == 0)
		lade_session_send_run_abort(fixture->machine, asked->slot, asked->off, asked->len, &fixture->out);
	else if (asked->type == LADE_SEND_WANT_GAP)
		lade_session_send_patch(fixture->machine, &patch, &fixture->out);
	else
		lade_session_send_run(fixture->machine, &run, &fixture->out);
}

static void rude_receiver(uint64_t seed)
{
	uint64_t offs[4] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	bool described[4] = { false };
	struct send_fixture fixture;

	random_state = seed;
	send_init(&fixture);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t slot = (uint32_t)draw(4);
		int step = tell(&fixture, any_message());

		assert_true(step == 0 || step == 1 || step == LADE_E_PROTOCOL);
		if (step == 1 && (fixture.event.type == LADE_SEND_WANT ||
				  fixture.event.type == LADE_SEND_WANT_AGAIN)) {
			offs[fixture.event.slot] = 0;
			described[fixture.event.slot] = fixture.event.cut_class != 0;
		}
		if (step == 1 && draw(4) &&
		    (fixture.event.type == LADE_SEND_WANT_RUN || fixture.event.type == LADE_SEND_WANT_GAP))
			answer(&fixture);
		if (draw(4) == 0)
			say_entry(&fixture, "x", draw(4) ? &a_file : NULL);
		if (offs[slot] != UINT64_MAX)
			say_something(&fixture, slot, &offs[slot], described[slot]);
		while (lade_session_send_dropped(fixture.machine))
			;
		lade_writer_reset(&fixture.out);
	}
	while (lade_session_send_abandon(fixture.machine))
		;
	send_fini(&fixture);
}

static void test_peers_without_manners(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		rude_sender(seed);
		rude_receiver(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_without_manners),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
