/*
 * The sender's machine about wanted files: what is said of the file in a slot, from its first run to its end. Who
 * calls in the wrong order has made a mistake, so this is asserted; what the receiver says is checked in session_send.c.
 */
#include "protocol/session_send.h"

#include <assert.h>

#include "protocol/session_send_internal.h"

/* The longest RECIPE: the list of its chunks, and less than this beside it. */
#define RECIPE_LEN_MAX (LADE_RECIPE_MAX + 64u)

bool lade_session_send_answers(const struct lade_session_send *machine, uint32_t number, uint32_t turn)
{
	const struct slot *slot = &machine->slots[number];

	return slot->state != SLOT_FREE && slot->turn == turn && !slot->aborted;
}

uint64_t lade_session_send_size(const struct lade_session_send *machine, uint32_t slot)
{
	return machine->slots[slot].size;
}

/* Advance over a range: the next one in order, or one that was said before. */
static void advance(struct slot *slot, uint64_t off, uint64_t len)
{
	assert(slot->state != SLOT_FREE && off <= slot->next_off && len <= slot->size - off);
	if (off == slot->next_off)
		slot->next_off += len;
}

int lade_session_send_run(struct lade_session_send *machine, const struct lade_msg_run *run, struct lade_writer *out)
{
	struct slot *slot = &machine->slots[run->slot];

	if (run->off != slot->next_off && slot->asked)
		slot->asked--;
	advance(slot, run->off, run->len);
	lade_put_run(out, run);
	return out->error;
}

int lade_session_send_run_abort(struct lade_session_send *machine, uint32_t slot, uint64_t off, uint32_t len,
				struct lade_writer *out)
{
	const struct lade_msg_run_abort abort_message = { slot, off, len };

	advance(&machine->slots[slot], off, len);
	machine->slots[slot].aborted = true;
	machine->slots[slot].asked = 0;
	lade_put_run_abort(out, &abort_message);
	return out->error;
}

int lade_session_send_hole(struct lade_session_send *machine, uint32_t slot, uint64_t off, uint64_t len,
			   struct lade_writer *out)
{
	const struct lade_msg_hole hole = { slot, off, len };

	advance(&machine->slots[slot], off, len);
	lade_put_hole(out, &hole);
	return out->error;
}

bool lade_session_send_recipe_room(const struct lade_session_send *machine)
{
	return machine->recipe_credit >= RECIPE_LEN_MAX;
}

int lade_session_send_recipe(struct lade_session_send *machine, const struct lade_msg_recipe *recipe,
			     struct lade_writer *out)
{
	struct slot *slot = &machine->slots[recipe->slot];
	size_t start = out->len;

	assert(slot->cut_class && recipe->off == slot->next_off && lade_session_send_recipe_room(machine));
	lade_put_recipe(out, recipe);
	if (out->error)
		return out->error;
	machine->recipe_credit -= (uint32_t)(out->len - start);
	advance(slot, recipe->off, recipe->len);
	return 0;
}

int lade_session_send_patch(struct lade_session_send *machine, const struct lade_msg_patch *patch,
			    struct lade_writer *out)
{
	struct slot *slot = &machine->slots[patch->slot];

	assert(slot->cut_class && slot->asked);
	slot->asked--;
	lade_put_patch(out, patch);
	return out->error;
}

int lade_session_send_file_end(struct lade_session_send *machine, const struct lade_msg_file_end *file_end,
			       struct lade_writer *out)
{
	struct slot *slot = &machine->slots[file_end->slot];

	assert(slot->state == SLOT_WANTED);
	slot->state = SLOT_SAID;
	slot->new_size = file_end->size;
	lade_put_file_end(out, file_end);
	return out->error;
}

int lade_session_send_file_gone(struct lade_session_send *machine, uint32_t slot, uint32_t error,
				struct lade_writer *out)
{
	const struct lade_msg_file_gone gone = { slot, error };

	assert(machine->slots[slot].state == SLOT_WANTED);
	machine->slots[slot].state = SLOT_SAID;
	lade_put_file_gone(out, &gone);
	return out->error;
}

void lade_session_send_record(struct lade_session_send *machine, uint32_t slot)
{
	advance(&machine->slots[slot], 0, machine->slots[slot].size);
	machine->slots[slot].state = SLOT_SAID;
}

int lade_session_send_descriptor(struct lade_session_send *machine, uint32_t slot, struct lade_writer *out)
{
	const struct lade_msg_descriptor descriptor = { slot };

	assert(machine->slots[slot].state == SLOT_WANTED);
	machine->slots[slot].state = SLOT_SAID;
	lade_put_descriptor(out, &descriptor);
	return out->error;
}
