/*
 * The receiver's half of a session: asking for files, for runs of them once more, and for what
 * described pieces lack.
 */
#include "protocol/session_recv_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/grow.h"

/* Runs of one file that may be outstanding again at a time; more differing runs make it corrupt. */
#define AGAIN_MAX 64u

/* Take the slot at the top of the stack for file. */
static void take_slot(struct lade_session_recv *machine, const struct slot *slot)
{
	machine->slots[machine->free_slots[--machine->free_count]] = *slot;
}

int lade_session_recv_want(struct lade_session_recv *machine, uint64_t index, uint64_t size, void *file,
			   struct lade_writer *out)
{
	const struct slot slot = { .used = true, .file = file, .size = size };
	struct lade_msg_want want = { .index = index };

	if (machine->free_count == 0)
		return LADE_E_AGAIN;
	want.slot = machine->free_slots[machine->free_count - 1];
	lade_put_want(out, &want);
	if (!out->error)
		take_slot(machine, &slot);
	return out->error;
}

int lade_session_recv_want_recipe(struct lade_session_recv *machine, const struct lade_msg_want_recipe *want,
				  uint64_t size, void *file, struct lade_writer *out)
{
	const struct slot slot = { .used = true, .described = true, .file = file, .size = size };
	struct lade_msg_want_recipe said = *want;

	if (machine->free_count == 0 || machine->described == machine->limits.described)
		return LADE_E_AGAIN;
	said.slot = machine->free_slots[machine->free_count - 1];
	lade_put_want_recipe(out, &said);
	if (out->error)
		return out->error;
	machine->described++;
	take_slot(machine, &slot);
	return 0;
}

void lade_session_recv_defer(struct lade_session_recv *machine, uint64_t index, struct lade_writer *out)
{
	const struct lade_msg_defer defer = { index };

	(void)machine; /* a receiver may say so of any entry that it has not decided about */
	lade_put_defer(out, &defer);
}

struct again *lade_session_recv_find_again(struct slot *slot, uint64_t off, uint32_t len)
{
	for (uint32_t i = 0; i < slot->again_count; i++)
		if (slot->again[i].off == off && slot->again[i].len == len)
			return &slot->again[i];
	return NULL;
}

void lade_session_recv_drop_again(struct slot *slot, struct again *again)
{
	*again = slot->again[--slot->again_count];
}

/* A place in the list of what is asked for again, or NULL. reserve: so many must stay free. */
static struct again *new_again(struct slot *slot, uint64_t off, uint32_t len, uint32_t reserve)
{
	struct again *again;

	if (slot->again_count + reserve >= AGAIN_MAX)
		return NULL;
	if (!slot->again)
		slot->again = calloc(AGAIN_MAX, sizeof(*slot->again));
	if (!slot->again)
		return NULL;
	again = &slot->again[slot->again_count++];
	*again = (struct again){ .off = off, .len = len };
	return again;
}

bool lade_session_recv_ask_again(struct lade_session_recv *machine, const struct lade_msg_want_run *want,
				 struct lade_writer *out)
{
	struct slot *slot = &machine->slots[want->slot];
	struct again *again = lade_session_recv_find_again(slot, want->off, want->len);

	if (want->len == 0 || machine->waiting == machine->limits.want_runs) {
		if (again)
			lade_session_recv_drop_again(slot, again);
		return false;
	}
	if (!again)
		again = new_again(slot, want->off, want->len, 0);
	if (!again)
		return false;
	if (++again->tries > LADE_RUN_TRIES) {
		lade_session_recv_drop_again(slot, again);
		return false;
	}
	again->waiting = true;
	machine->waiting++;
	lade_put_want_run(out, want);
	return true;
}

/* Literals leave half of what may be asked for to runs that arrive damaged. */
int lade_session_recv_want_literal(struct lade_session_recv *machine, uint32_t number, uint64_t off, uint32_t len,
				   struct lade_writer *out)
{
	const struct lade_msg_want_run want = { number, off, len };
	struct slot *slot = &machine->slots[number];
	struct again *again;

	assert(slot->described && len && len <= slot->next_off - off);
	if (slot->settled || lade_session_recv_hopeless(machine, number))
		return 0;
	if (machine->waiting >= (machine->limits.want_runs + 1) / 2)
		return LADE_E_AGAIN;
	if (slot->again_count + AGAIN_MAX / 2 >= AGAIN_MAX)
		return LADE_E_AGAIN;
	again = new_again(slot, off, len, AGAIN_MAX / 2);
	if (!again)
		return LADE_E_MEMORY;
	again->waiting = true;
	machine->waiting++;
	lade_put_want_run(out, &want);
	return out->error;
}

/* Room for one more gap at the end of the list. False: no memory. */
static bool gap_room(struct slot *slot)
{
	struct asked_gap *gaps;

	if (slot->gap_first + slot->gap_count == slot->gap_capacity && slot->gap_first > slot->gap_count) {
		memmove(slot->gaps, slot->gaps + slot->gap_first, slot->gap_count * sizeof(*slot->gaps));
		slot->gap_first = 0;
	}
	gaps = lade_grown(slot->gaps, slot->gap_first + slot->gap_count, &slot->gap_capacity, sizeof(*gaps));
	if (!gaps)
		return false;
	slot->gaps = gaps;
	return true;
}

int lade_session_recv_want_gap(struct lade_session_recv *machine, uint32_t number, const struct lade_recv_gap *gap,
			       struct lade_slice signature, struct lade_writer *out)
{
	const struct lade_msg_want_gap want = {
		.slot = number, .off = gap->off, .len = gap->len, .old_len = gap->old_len,
		.block_len = gap->block_len, .signature = signature,
	};
	struct slot *slot = &machine->slots[number];

	assert(slot->described && gap->len && gap->len <= slot->next_off - gap->off);
	if (slot->settled || lade_session_recv_hopeless(machine, number))
		return 0;
	if (machine->gaps == machine->limits.want_gaps ||
	    (machine->gaps && machine->signatures + signature.len > LADE_SIGNATURES_MAX))
		return LADE_E_AGAIN;
	if (!gap_room(slot))
		return LADE_E_MEMORY;
	slot->gaps[slot->gap_first + slot->gap_count++] =
		(struct asked_gap){ .gap = *gap, .signature_len = (uint32_t)signature.len };
	machine->gaps++;
	machine->signatures += signature.len;
	lade_put_want_gap(out, &want);
	return out->error;
}

void lade_session_recv_recipe_done(struct lade_session_recv *machine, size_t len, struct lade_writer *out)
{
	struct lade_msg_recipe_credit credit;

	machine->recipes_owed += len;
	if (machine->recipes_owed < LADE_RECIPE_CREDIT / LADE_CREDIT_PIECES)
		return;
	credit.bytes = (uint32_t)machine->recipes_owed;
	machine->recipes_said -= machine->recipes_owed;
	machine->recipes_owed = 0;
	lade_put_recipe_credit(out, &credit);
}
