/*
 * The sender's half of a session: what is said of entries, and what the receiver may ask for. What is said of wanted
 * files is in session_send_data.c.
 *
 * Entries that the receiver has not decided about wait in a ring in the order of
 * their numbers; a WANT or CREDIT that names a number decides about all before it.
 * A wanted file moves into the slot that the receiver chose. Invariants: the ring
 * holds entries [base, next); a slot in use has a file; credit never goes below 0.
 * Each attempt at a file is a turn of its slot: what was asked in one turn is not
 * answered in the next, nor after a RUN_ABORT.
 */
#include "protocol/session_send.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/grow.h"
#include "protocol/session_send_internal.h"

#define RING_FIRST_CAPACITY 256u

int lade_session_send_new(struct lade_session_send **machine_out)
{
	struct lade_session_send *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return LADE_E_MEMORY;
	lade_session_send_limit(machine, LADE_ENTRY_CREDIT);
	machine->recipe_credit = LADE_RECIPE_CREDIT;
	*machine_out = machine;
	return 0;
}

void lade_session_send_limit(struct lade_session_send *machine, uint32_t credit)
{
	assert(credit <= LADE_ENTRY_CREDIT && !machine->said);
	machine->granted = machine->credit = credit;
}

void lade_session_send_free(struct lade_session_send *machine)
{
	if (!machine)
		return;
	free(machine->ring);
	free(machine->deferred);
	free(machine);
}

/* The entry stream is paid for by encoded length: take back what the credit does not cover. */
static int charge(struct lade_session_send *machine, struct lade_writer *out, size_t start)
{
	size_t len;

	if (out->error)
		return out->error;
	len = out->len - start;
	if (len > machine->credit) {
		out->len = start;
		return LADE_E_AGAIN;
	}
	machine->credit -= len;
	machine->said += len;
	return 0;
}

int lade_session_send_root(struct lade_session_send *machine, bool single, struct lade_writer *out)
{
	const struct lade_msg_root root = { single };
	size_t start = out->len;

	lade_put_root(out, &root);
	return charge(machine, out, start);
}

int lade_session_send_identity(struct lade_session_send *machine, const struct lade_msg_identity *identity,
			       struct lade_writer *out)
{
	size_t start = out->len;

	lade_put_identity(out, identity);
	return charge(machine, out, start);
}

int lade_session_send_leave(struct lade_session_send *machine, bool incomplete, struct lade_writer *out)
{
	const struct lade_msg_leave leave = { incomplete };
	size_t start = out->len;

	lade_put_leave(out, &leave);
	return charge(machine, out, start);
}

int lade_session_send_entries_end(struct lade_session_send *machine, uint32_t incomplete, struct lade_writer *out)
{
	const struct lade_msg_entries_end end = { incomplete };
	size_t start = out->len;
	int error;

	lade_put_entries_end(out, &end);
	error = charge(machine, out, start);
	if (!error)
		machine->entries_ended = true;
	return error;
}

static struct waiting *ring_at(struct lade_session_send *machine, uint64_t index)
{
	return &machine->ring[index & (machine->capacity - 1)];
}

static int ring_grow(struct lade_session_send *machine)
{
	size_t capacity = machine->capacity ? 2 * machine->capacity : RING_FIRST_CAPACITY;
	struct waiting *ring;

	if (machine->next - machine->dropped < machine->capacity)
		return 0;
	ring = malloc(capacity * sizeof(*ring));
	if (!ring)
		return LADE_E_MEMORY;
	for (uint64_t i = machine->dropped; i < machine->next; i++)
		ring[i & (capacity - 1)] = *ring_at(machine, i);
	free(machine->ring);
	machine->ring = ring;
	machine->capacity = capacity;
	return 0;
}

/* Something that has a number was put behind start: charge it, and have the file wait for what the receiver thinks. There is room in the ring. */
static int number(struct lade_session_send *machine, void *file, uint64_t size, struct lade_writer *out, size_t start)
{
	uint64_t said = machine->said;
	int error = charge(machine, out, start);

	if (!error)
		*ring_at(machine, machine->next++) = (struct waiting){ file, size, said };
	return error;
}

int lade_session_send_implied(struct lade_session_send *machine, struct lade_slice name, struct lade_writer *out)
{
	const struct lade_msg_implied implied = { name };
	size_t start = out->len;
	int error = ring_grow(machine);

	if (error)
		return error;
	lade_put_implied(out, &implied);
	return number(machine, NULL, 0, out, start);
}

int lade_session_send_missing(struct lade_session_send *machine, struct lade_slice path, struct lade_writer *out)
{
	const struct lade_msg_missing missing = { path };
	size_t start = out->len;

	lade_put_missing(out, &missing);
	return charge(machine, out, start);
}

int lade_session_send_entry(struct lade_session_send *machine, const struct lade_msg_entry *entry, void *file,
			    struct lade_writer *out, uint64_t *index_out)
{
	size_t start = out->len;
	int error;

	error = ring_grow(machine);
	if (error)
		return error;
	lade_put_entry(out, entry);
	error = number(machine, file, entry->size, out, start);
	if (error)
		return error;
	if (index_out)
		*index_out = machine->next - 1;
	return 0;
}

void *lade_session_send_dropped(struct lade_session_send *machine)
{
	while (machine->dropped < machine->base) {
		void *file = ring_at(machine, machine->dropped++)->file;

		if (file)
			return file;
	}
	while (machine->ended && machine->deferred_count) {
		void *file = machine->deferred[--machine->deferred_count].file;

		if (file)
			return file;
	}
	return NULL;
}

/*
 * Credit comes only for what was decided: with it for nothing, a receiver could have us
 * keep all entries there are.
 */
static int step_credit(struct lade_session_send *machine, const struct lade_msg_credit *credit)
{
	uint64_t decided;

	if (credit->planned < machine->base || credit->planned > machine->next)
		return LADE_E_PROTOCOL;
	decided = credit->planned < machine->next ? ring_at(machine, credit->planned)->said : machine->said;
	machine->base = credit->planned;
	machine->credit += credit->bytes;
	/* What was granted at first, and all of it that came back later, less what was said. */
	return machine->credit > machine->granted - (machine->said - decided) ? LADE_E_PROTOCOL : 1;
}

static int step_recipe_credit(struct lade_session_send *machine, uint32_t bytes)
{
	if (bytes > LADE_RECIPE_CREDIT - machine->recipe_credit)
		return LADE_E_PROTOCOL;
	machine->recipe_credit += bytes;
	return 1;
}

/* Begin an attempt to send size bytes of file in slot. */
static void take_turn(struct slot *slot, void *file, uint64_t size, unsigned cut_class)
{
	*slot = (struct slot){ .state = SLOT_WANTED, .file = file, .size = size, .new_size = size,
			       .turn = slot->turn + 1, .cut_class = cut_class };
}

/* [defer] */
static int step_defer(struct lade_session_send *machine, uint64_t index)
{
	struct deferred *deferred;
	struct waiting *waiting;

	if (index < machine->base || index >= machine->next || machine->deferred_count == LADE_DEFERRED_MAX)
		return LADE_E_PROTOCOL;
	waiting = ring_at(machine, index);
	if (!waiting->file)
		return LADE_E_PROTOCOL;
	deferred = lade_grown(machine->deferred, machine->deferred_count, &machine->deferred_capacity, sizeof(*deferred));
	if (!deferred)
		return LADE_E_MEMORY;
	machine->deferred = deferred;
	machine->deferred[machine->deferred_count++] = (struct deferred){ index, waiting->file, waiting->size };
	waiting->file = NULL;
	machine->base = index + 1;
	return 0;
}

/* Take the file of an entry that is wanted: one that was deferred, or the next one. NULL if there is none. */
static void *take_file(struct lade_session_send *machine, uint64_t index, uint64_t *size_out)
{
	size_t low = 0, high = machine->deferred_count;
	struct waiting *waiting;
	void *file;

	if (index >= machine->base) {
		if (index >= machine->next)
			return NULL;
		waiting = ring_at(machine, index);
		file = waiting->file;
		waiting->file = NULL;
		*size_out = waiting->size;
		if (file)
			machine->base = index + 1;
		return file;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (machine->deferred[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == machine->deferred_count || machine->deferred[low].index != index)
		return NULL;
	file = machine->deferred[low].file;
	machine->deferred[low].file = NULL;
	*size_out = machine->deferred[low].size;
	return file;
}

/* cut_class 0: the file itself is wanted. */
static int step_want(struct lade_session_send *machine, const struct lade_msg_want *want, unsigned cut_class,
		     struct lade_send_event *event)
{
	struct slot *slot = &machine->slots[want->slot];
	uint64_t size;
	void *file;

	if (slot->state != SLOT_FREE)
		return LADE_E_PROTOCOL;
	file = take_file(machine, want->index, &size);
	if (!file)
		return LADE_E_PROTOCOL;
	take_turn(slot, file, size, cut_class);
	event->slot = want->slot;
	event->file = slot->file;
	event->cut_class = cut_class;
	return 1;
}

static int step_want_recipe(struct lade_session_send *machine, const struct lade_msg_want_recipe *want,
			    struct lade_send_event *event)
{
	const struct lade_msg_want file = { want->slot, want->index };

	if (want->cut_class < LADE_CUT_CLASS_MIN)
		return LADE_E_PROTOCOL;
	machine->keyed = true;
	return step_want(machine, &file, want->cut_class, event);
}

static int step_recipe_key(struct lade_session_send *machine, struct lade_slice key, struct lade_send_event *event)
{
	if (machine->keyed || key.len != LADE_SECRET_LEN)
		return LADE_E_PROTOCOL;
	machine->keyed = true;
	event->key = key.data;
	return 1;
}

/* Ask for a range that was said of this attempt. 0 if nobody waits for the answer. */
static int ask(struct slot *slot, uint64_t off, uint32_t len, struct lade_send_event *event)
{
	if (slot->state == SLOT_FREE || len == 0 || off > slot->next_off || len > slot->next_off - off)
		return LADE_E_PROTOCOL;
	event->file = slot->file;
	event->off = off;
	event->len = len;
	event->turn = slot->turn;
	if (slot->aborted)
		return 0;
	slot->asked++;
	return 1;
}

/* [want-gap] */
static int step_want_gap(struct lade_session_send *machine, const struct lade_msg_want_gap *want,
			 struct lade_send_event *event)
{
	struct slot *slot = &machine->slots[want->slot];
	uint32_t blocks;

	if (want->block_len < LADE_BLOCK_MIN || !slot->cut_class)
		return LADE_E_PROTOCOL;
	blocks = (want->old_len + want->block_len - 1) / want->block_len;
	if (want->signature.len != (size_t)blocks * LADE_BLOCK_DIGEST_LEN)
		return LADE_E_PROTOCOL;
	event->slot = want->slot;
	event->old_len = want->old_len;
	event->block_len = want->block_len;
	event->signature = want->signature;
	return ask(slot, want->off, want->len, event);
}

static int step_want_run(struct lade_session_send *machine, const struct lade_msg_want_run *want,
			 struct lade_send_event *event)
{
	event->slot = want->slot;
	return ask(&machine->slots[want->slot], want->off, want->len, event);
}

static int step_said(struct lade_session_send *machine, uint32_t number, bool again, struct lade_send_event *event)
{
	struct slot *slot = &machine->slots[number];

	/* Who lets go of a file that it still asks for would have it freed while it is read. */
	if (slot->state != SLOT_SAID || slot->asked)
		return LADE_E_PROTOCOL;
	event->slot = number;
	event->file = slot->file;
	event->cut_class = slot->cut_class;
	if (again)
		take_turn(slot, slot->file, slot->new_size, slot->cut_class);
	else
		*slot = (struct slot){ .state = SLOT_FREE, .turn = slot->turn };
	return 1;
}

/* The receiver may end only when it has decided about all and acknowledged all. */
static int step_end(struct lade_session_send *machine)
{
	if (!machine->entries_ended || machine->ended)
		return LADE_E_PROTOCOL;
	for (uint32_t i = 0; i < LADE_SLOTS_MAX; i++)
		if (machine->slots[i].state != SLOT_FREE)
			return LADE_E_PROTOCOL;
	machine->base = machine->next;
	machine->ended = true;
	return 1;
}

/* [stored] */
static int step_stored(const struct lade_session_send *machine, const struct lade_msg_stored *stored,
		       struct lade_send_event *event)
{
	if (!stored->count || stored->first >= machine->next || stored->count > machine->next - stored->first)
		return LADE_E_PROTOCOL;
	event->off = stored->first;
	event->count = stored->count;
	return 1;
}

int lade_session_send_step(struct lade_session_send *machine, const struct lade_message *message,
			   struct lade_send_event *event_out)
{
	memset(event_out, 0, sizeof(*event_out));
	if (machine->ended)
		return LADE_E_PROTOCOL;
	switch (message->type) {
	case LADE_MSG_CREDIT:
		event_out->type = LADE_SEND_CREDIT;
		return step_credit(machine, &message->credit);
	case LADE_MSG_WANT:
		event_out->type = LADE_SEND_WANT;
		return step_want(machine, &message->want, 0, event_out);
	case LADE_MSG_WANT_RECIPE:
		event_out->type = LADE_SEND_WANT;
		return step_want_recipe(machine, &message->want_recipe, event_out);
	case LADE_MSG_STORED:
		event_out->type = LADE_SEND_STORED;
		return step_stored(machine, &message->stored, event_out);
	case LADE_MSG_RECIPE_KEY:
		event_out->type = LADE_SEND_RECIPE_KEY;
		return step_recipe_key(machine, message->recipe_key.key, event_out);
	case LADE_MSG_DEFER:
		return step_defer(machine, message->defer.index);
	case LADE_MSG_WANT_GAP:
		event_out->type = LADE_SEND_WANT_GAP;
		return step_want_gap(machine, &message->want_gap, event_out);
	case LADE_MSG_RECIPE_CREDIT:
		event_out->type = LADE_SEND_CREDIT;
		return step_recipe_credit(machine, message->recipe_credit.bytes);
	case LADE_MSG_WANT_RUN:
		event_out->type = LADE_SEND_WANT_RUN;
		return step_want_run(machine, &message->want_run, event_out);
	case LADE_MSG_WANT_AGAIN:
		event_out->type = LADE_SEND_WANT_AGAIN;
		return step_said(machine, message->want_again.slot, true, event_out);
	case LADE_MSG_ACK:
		event_out->type = LADE_SEND_ACK;
		return step_said(machine, message->ack.slot, false, event_out);
	case LADE_MSG_END:
		event_out->type = LADE_SEND_END;
		return step_end(machine);
	default:
		return LADE_E_PROTOCOL;
	}
}

bool lade_session_send_ended(const struct lade_session_send *machine)
{
	return machine->ended;
}

void *lade_session_send_abandon(struct lade_session_send *machine)
{
	machine->base = machine->next;
	machine->ended = true;
	for (uint32_t i = 0; i < LADE_SLOTS_MAX; i++) {
		void *file = machine->slots[i].file;

		machine->slots[i] = (struct slot){ .state = SLOT_FREE };
		if (file)
			return file;
	}
	return lade_session_send_dropped(machine);
}
