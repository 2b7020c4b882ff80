/*
 * The receiver's half of a session: slots and what comes for them.
 *
 * The runs and holes of a file come in order without gaps; besides, a run may come that was
 * asked for again. A file is settled when its end was said and every run that landed has been
 * judged. A RUN_ABORT ends all asking for the attempt: whether it answers a WANT_RUN or crossed
 * it on the way cannot be told, so both sides forget the requests that are under way.
 */
#include "protocol/session_recv_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/recipe.h"

/* Holes of a described file without a piece between them. */
#define HOLES_IN_ROW_MAX 64u

int lade_session_recv_new(struct lade_session_recv **machine_out)
{
	static const struct lade_recv_limits most = {
		LADE_SLOTS_MAX, LADE_SLOTS_MAX, LADE_WANT_RUNS_MAX, LADE_WANT_GAPS_MAX, LADE_ENTRY_CREDIT,
	};
	struct lade_session_recv *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return LADE_E_MEMORY;
	for (uint32_t i = 0; i < LADE_SLOTS_MAX; i++)
		machine->free_slots[i] = LADE_SLOTS_MAX - 1 - i;
	lade_session_recv_limit(machine, &most);
	lade_writer_init(&machine->names, (size_t)(LADE_DEPTH_MAX + 2) * LADE_NAME_MAX);
	machine->level_capacity = 64;
	machine->levels = calloc(machine->level_capacity, sizeof(*machine->levels));
	if (!machine->levels || !lade_writer_reserve(&machine->names, LADE_NAME_MAX)) {
		lade_session_recv_free(machine);
		return LADE_E_MEMORY;
	}
	*machine_out = machine;
	return 0;
}

/* The stack keeps its bottom: of fewer slots, those with the highest numbers. */
void lade_session_recv_limit(struct lade_session_recv *machine, const struct lade_recv_limits *limits)
{
	assert(limits->slots && limits->slots <= LADE_SLOTS_MAX && !machine->root_said);
	assert(limits->described && limits->described <= LADE_SLOTS_MAX);
	assert(limits->want_runs && limits->want_runs <= LADE_WANT_RUNS_MAX);
	assert(limits->want_gaps && limits->want_gaps <= LADE_WANT_GAPS_MAX);
	assert(limits->entry_credit && limits->entry_credit <= LADE_ENTRY_CREDIT);
	machine->limits = *limits;
	machine->free_count = limits->slots;
	machine->credit_piece = (limits->entry_credit + LADE_CREDIT_PIECES - 1) / LADE_CREDIT_PIECES;
}

/* What a slot owns, but for the file. */
static void slot_fini(struct slot *slot)
{
	free(slot->again);
	free(slot->gaps);
}

void lade_session_recv_free(struct lade_session_recv *machine)
{
	if (!machine)
		return;
	for (uint32_t i = 0; i < LADE_SLOTS_MAX; i++)
		slot_fini(&machine->slots[i]);
	lade_writer_fini(&machine->names);
	free(machine->levels);
	free(machine);
}

static void event_for(struct lade_recv_event *event, enum lade_recv_event_type type, const struct slot *slot,
		      uint32_t number)
{
	event->type = type;
	event->slot = number;
	event->file = slot->file;
	event->attempt = slot->attempt;
}

static int settle(struct slot *slot, uint32_t number, struct lade_recv_event *event)
{
	if (!slot->ended || slot->pending || slot->again_count || slot->gap_count || slot->settled)
		return 0;
	slot->settled = true;
	event_for(event, LADE_RECV_SETTLED, slot, number);
	event->whole = !slot->damaged && !slot->corrupt;
	event->error = slot->error;
	if (slot->failed)
		event->verdict = LADE_VERDICT_FAILED;
	else if (slot->gone)
		event->verdict = LADE_VERDICT_GONE;
	else if (slot->changed || (slot->described && slot->aborted))
		event->verdict = LADE_VERDICT_CHANGED;
	else if (slot->damaged || slot->corrupt)
		event->verdict = LADE_VERDICT_CORRUPT;
	else
		event->verdict = LADE_VERDICT_INTACT;
	return 1;
}

/* Forget what was asked for and has not come; what has come is still to be judged. */
static void drop_waiting(struct lade_session_recv *machine, struct slot *slot)
{
	uint32_t i = 0;

	while (i < slot->again_count) {
		if (slot->again[i].waiting) {
			machine->waiting--;
			lade_session_recv_drop_again(slot, &slot->again[i]);
		} else {
			i++;
		}
	}
}

/* True if off, len is the next range of the file; it is then counted. */
static bool next_range(struct slot *slot, uint64_t off, uint64_t len)
{
	if (slot->ended || off != slot->next_off || len == 0 || len > slot->size - off)
		return false;
	slot->next_off += len;
	return true;
}

/* Forget all gaps that were asked for. */
static void drop_gaps(struct lade_session_recv *machine, struct slot *slot)
{
	for (uint32_t i = 0; i < slot->gap_count; i++) {
		const struct asked_gap *asked = &slot->gaps[slot->gap_first + i];

		machine->gaps -= !asked->answered;
		machine->signatures -= asked->answered ? 0 : asked->signature_len;
	}
	slot->gap_first = slot->gap_count = 0;
}

static int step_run(struct lade_session_recv *machine, struct slot *slot, const struct lade_msg_run *run,
		    struct lade_recv_event *event)
{
	struct again *again = lade_session_recv_find_again(slot, run->off, run->len);

	if (again && again->waiting) {
		again->waiting = false;
		machine->waiting--;
	} else if (slot->described || !next_range(slot, run->off, run->len)) {
		return LADE_E_PROTOCOL;
	}
	slot->pending++;
	event_for(event, LADE_RECV_RUN, slot, run->slot);
	event->off = run->off;
	event->len = run->len;
	event->digest = run->digest;
	event->discard = slot->failed;
	return 1;
}

static int step_run_abort(struct lade_session_recv *machine, struct slot *slot,
			  const struct lade_msg_run_abort *gone, struct lade_recv_event *event)
{
	if (gone->off >= slot->next_off ? !next_range(slot, gone->off, gone->len) :
	    gone->len == 0 || gone->len > slot->next_off - gone->off)
		return LADE_E_PROTOCOL;
	drop_waiting(machine, slot);
	drop_gaps(machine, slot);
	slot->damaged = true;
	slot->aborted = true;
	if (settle(slot, gone->slot, event))
		return 1;
	if (slot->described)
		event_for(event, LADE_RECV_ABORTED, slot, gone->slot);
	return slot->described;
}

/* [recipe] */
static int step_recipe(struct lade_session_recv *machine, struct slot *slot, const struct lade_message *message,
		       struct lade_recv_event *event)
{
	const struct lade_msg_recipe *recipe = &message->recipe;

	machine->recipes_said += message->encoded_len;
	if (!slot->described || machine->recipes_said > LADE_RECIPE_CREDIT ||
	    lade_recipe_check(recipe->chunks, recipe->len) || !next_range(slot, recipe->off, recipe->len))
		return LADE_E_PROTOCOL;
	slot->holes_in_row = 0;
	slot->pending++;
	event_for(event, LADE_RECV_RECIPE, slot, recipe->slot);
	event->off = recipe->off;
	event->len = recipe->len;
	event->digest = recipe->digest;
	event->data = recipe->chunks;
	event->encoded_len = message->encoded_len;
	event->discard = slot->failed;
	return 1;
}

/* The gap that a patch answers, or NULL. Answers come in the order of asking, more or less. */
static struct asked_gap *find_gap(struct slot *slot, const struct lade_msg_patch *patch)
{
	for (uint32_t i = 0; i < slot->gap_count; i++) {
		struct asked_gap *asked = &slot->gaps[slot->gap_first + i];

		if (!asked->answered && asked->gap.off == patch->off && asked->gap.len == patch->len)
			return asked;
	}
	return NULL;
}

static int step_patch(struct lade_session_recv *machine, struct slot *slot, const struct lade_msg_patch *patch,
		      struct lade_recv_event *event)
{
	struct asked_gap *asked = find_gap(slot, patch);

	if (!asked)
		return LADE_E_PROTOCOL;
	event_for(event, LADE_RECV_PATCH, slot, patch->slot);
	event->gap = asked->gap;
	event->data = patch->ops;
	asked->answered = true;
	machine->gaps--;
	machine->signatures -= asked->signature_len;
	while (slot->gap_count && slot->gaps[slot->gap_first].answered) {
		slot->gap_first++;
		slot->gap_count--;
	}
	if (!lade_session_recv_hopeless(machine, patch->slot))
		return 1;
	/* Nobody waits for it any more, unless it was the last thing to come. */
	return settle(slot, patch->slot, event);
}

static int step_hole(struct slot *slot, const struct lade_msg_hole *hole, struct lade_recv_event *event)
{
	if (!next_range(slot, hole->off, hole->len))
		return LADE_E_PROTOCOL;
	/* They cost no credit. Two in a row is what a file may have in which somebody punches holes. */
	if (slot->described && ++slot->holes_in_row > HOLES_IN_ROW_MAX)
		return LADE_E_PROTOCOL;
	slot->pending += slot->described;
	event_for(event, LADE_RECV_HOLE, slot, hole->slot);
	event->off = hole->off;
	event->len = hole->len;
	event->discard = slot->failed;
	return 1;
}

static int step_file_end(struct slot *slot, const struct lade_msg_file_end *end, struct lade_recv_event *event)
{
	if (slot->ended || (!end->changed && slot->next_off != slot->size))
		return LADE_E_PROTOCOL;
	slot->ended = true;
	slot->changed = end->changed;
	if (slot->next_off != slot->size)
		slot->damaged = true;
	slot->source = (struct lade_recv_source){ end->size, end->mtime_s, end->mtime_ns };
	if (settle(slot, end->slot, event))
		return 1;
	if (slot->described)
		event_for(event, LADE_RECV_DESCRIBED, slot, end->slot);
	return slot->described;
}

static int step_file_gone(struct slot *slot, const struct lade_msg_file_gone *gone, struct lade_recv_event *event)
{
	if (slot->ended)
		return LADE_E_PROTOCOL;
	slot->ended = true;
	slot->gone = true;
	slot->error = gone->error;
	if (settle(slot, gone->slot, event))
		return 1;
	if (slot->described)
		event_for(event, LADE_RECV_DESCRIBED, slot, gone->slot);
	return slot->described;
}

static int step_descriptor(struct slot *slot, uint32_t number, struct lade_recv_event *event)
{
	if (slot->described || slot->ended || slot->next_off)
		return LADE_E_PROTOCOL;
	slot->ended = true;
	slot->pending = 1;
	event_for(event, LADE_RECV_DESCRIPTOR, slot, number);
	event->len = slot->size;
	return 1;
}

/* The slot that a data message is about, or NULL if it was not asked for. */
static struct slot *slot_of(struct lade_session_recv *machine, uint32_t number)
{
	struct slot *slot = &machine->slots[number];

	return slot->used && !slot->settled ? slot : NULL;
}

static int step_data(struct lade_session_recv *machine, const struct lade_message *message,
		     struct lade_recv_event *event)
{
	/* Every message of this class begins with its slot. */
	uint32_t number = message->run.slot;
	struct slot *slot = slot_of(machine, number);

	if (!slot)
		return LADE_E_PROTOCOL;
	switch (message->type) {
	case LADE_MSG_RUN:
		return step_run(machine, slot, &message->run, event);
	case LADE_MSG_RUN_ABORT:
		return step_run_abort(machine, slot, &message->run_abort, event);
	case LADE_MSG_RECIPE:
		return step_recipe(machine, slot, message, event);
	case LADE_MSG_PATCH:
		return step_patch(machine, slot, &message->patch, event);
	case LADE_MSG_HOLE:
		return step_hole(slot, &message->hole, event);
	case LADE_MSG_FILE_END:
		return step_file_end(slot, &message->file_end, event);
	case LADE_MSG_FILE_GONE:
		return step_file_gone(slot, &message->file_gone, event);
	default:
		return step_descriptor(slot, number, event);
	}
}

/* The sender may end only after us: then its entries have ended and nothing is open. */
static int step_end(struct lade_session_recv *machine, struct lade_recv_event *event)
{
	if (!machine->entries_ended || machine->free_count < machine->limits.slots)
		return LADE_E_PROTOCOL;
	machine->ended = true;
	event->type = LADE_RECV_END;
	return 1;
}

int lade_session_recv_step(struct lade_session_recv *machine, const struct lade_message *message,
			   struct lade_recv_event *event_out)
{
	memset(event_out, 0, sizeof(*event_out));
	switch (message->type) {
	case LADE_MSG_ROOT:
	case LADE_MSG_IDENTITY:
	case LADE_MSG_ENTRY:
	case LADE_MSG_IMPLIED:
	case LADE_MSG_MISSING:
	case LADE_MSG_LEAVE:
	case LADE_MSG_ENTRIES_END:
		return lade_session_recv_entry_stream(machine, message, event_out);
	case LADE_MSG_RUN:
	case LADE_MSG_RUN_ABORT:
	case LADE_MSG_RECIPE:
	case LADE_MSG_PATCH:
	case LADE_MSG_HOLE:
	case LADE_MSG_FILE_END:
	case LADE_MSG_FILE_GONE:
	case LADE_MSG_DESCRIPTOR:
		return step_data(machine, message, event_out);
	case LADE_MSG_BUNDLE:
		event_out->type = LADE_RECV_BUNDLE;
		return machine->ended ? LADE_E_PROTOCOL : 1;
	case LADE_MSG_END:
		return machine->ended ? LADE_E_PROTOCOL : step_end(machine, event_out);
	default:
		return LADE_E_PROTOCOL;
	}
}

int lade_session_recv_record(struct lade_session_recv *machine, const struct lade_bundle_record *record,
			     struct lade_recv_event *event_out)
{
	struct slot *slot = slot_of(machine, record->slot);

	memset(event_out, 0, sizeof(*event_out));
	if (!slot || slot->described || slot->ended || slot->next_off || record->data.len != slot->size)
		return LADE_E_PROTOCOL;
	slot->next_off = slot->size;
	slot->ended = true;
	slot->pending = 1;
	event_for(event_out, LADE_RECV_RECORD, slot, record->slot);
	event_out->len = record->data.len;
	event_out->data = record->data;
	event_out->digest = record->digest;
	return 1;
}

bool lade_session_recv_hopeless(const struct lade_session_recv *machine, uint32_t number)
{
	const struct slot *slot = &machine->slots[number];

	return slot->failed || slot->gone || slot->damaged || slot->corrupt;
}

int lade_session_recv_verified(struct lade_session_recv *machine, uint32_t number, uint64_t off, uint32_t len, bool good,
			       struct lade_writer *out, struct lade_recv_event *event_out)
{
	const struct lade_msg_want_run want = { number, off, len };
	struct slot *slot = &machine->slots[number];
	struct again *again = lade_session_recv_find_again(slot, off, len);

	assert(slot->used && slot->pending);
	memset(event_out, 0, sizeof(*event_out));
	slot->pending--;
	if (!good && !lade_session_recv_hopeless(machine, number)) {
		if (!lade_session_recv_ask_again(machine, &want, out))
			slot->corrupt = true;
	} else if (again && !again->waiting) {
		lade_session_recv_drop_again(slot, again);
	}
	return settle(slot, number, event_out);
}

void lade_session_recv_copied(struct lade_session_recv *machine, uint32_t number, bool whole, bool changed,
			      const struct lade_recv_source *source, struct lade_recv_event *event_out)
{
	struct slot *slot = &machine->slots[number];

	assert(slot->used && slot->pending == 1);
	memset(event_out, 0, sizeof(*event_out));
	slot->pending = 0;
	slot->changed = changed;
	slot->damaged = !whole;
	slot->source = *source;
	settle(slot, number, event_out);
}

void lade_session_recv_fail(struct lade_session_recv *machine, uint32_t number)
{
	machine->slots[number].failed = true;
}

struct lade_recv_source lade_session_recv_source(const struct lade_session_recv *machine, uint32_t number)
{
	return machine->slots[number].source;
}

void lade_session_recv_want_again(struct lade_session_recv *machine, uint32_t number, struct lade_writer *out)
{
	const struct lade_msg_want_again want = { number };
	struct slot *slot = &machine->slots[number];
	struct again *again = slot->again;

	assert(slot->settled);
	free(slot->gaps);
	*slot = (struct slot){ .used = true, .described = slot->described, .file = slot->file, .size = slot->source.size,
			       .attempt = slot->attempt + 1, .source = slot->source, .again = again };
	lade_put_want_again(out, &want);
}

void lade_session_recv_ack(struct lade_session_recv *machine, uint32_t number, struct lade_writer *out)
{
	const struct lade_msg_ack ack = { number };
	struct slot *slot = &machine->slots[number];

	assert(slot->settled);
	machine->described -= slot->described;
	slot_fini(slot);
	*slot = (struct slot){ .used = false };
	machine->free_slots[machine->free_count++] = number;
	lade_put_ack(out, &ack);
}

uint32_t lade_session_recv_open(const struct lade_session_recv *machine)
{
	return machine->limits.slots - machine->free_count;
}

void *lade_session_recv_abandon(struct lade_session_recv *machine)
{
	for (uint32_t i = 0; i < LADE_SLOTS_MAX; i++) {
		struct slot *slot = &machine->slots[i];

		if (slot->used) {
			void *file = slot->file;

			slot_fini(slot);
			*slot = (struct slot){ .used = false };
			machine->free_slots[machine->free_count++] = i;
			return file;
		}
	}
	return NULL;
}
