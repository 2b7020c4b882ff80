/*
 * The receiver's half of a session: the entry stream. The names of a directory come first
 * those of files, then those of directories, each part in strictly rising bytewise order, so
 * that no name comes twice; one level remembers one name.
 */
#include "protocol/session_recv_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/grow.h"

static int compare_names(struct lade_slice a, struct lade_slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, len);

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* Check that name may follow what its directory already had, and remember it. */
static int follow(struct lade_session_recv *machine, struct lade_slice name, bool is_directory)
{
	struct level *level = &machine->levels[machine->depth];
	struct lade_slice last = lade_slice(machine->names.data + level->name_off, machine->names.len - level->name_off);

	if (is_directory && !level->directories) {
		level->directories = true;
		last.len = 0;
	}
	if (!is_directory && level->directories)
		return LADE_E_PROTOCOL;
	if (last.len && compare_names(last, name) >= 0)
		return LADE_E_PROTOCOL;
	machine->names.len = level->name_off;
	lade_writer_put_bytes(&machine->names, name.data, name.len);
	return machine->names.error;
}

static int enter(struct lade_session_recv *machine)
{
	struct level *levels;

	if (machine->depth + 1 >= LADE_DEPTH_MAX)
		return LADE_E_LIMIT;
	levels = lade_grown(machine->levels, machine->depth + 1, &machine->level_capacity, sizeof(*levels));
	if (!levels)
		return LADE_E_MEMORY;
	machine->levels = levels;
	machine->depth++;
	machine->levels[machine->depth] = (struct level){ .name_off = machine->names.len };
	return 0;
}

static int step_entry(struct lade_session_recv *machine, const struct lade_msg_entry *entry,
		      struct lade_recv_event *event)
{
	bool is_directory = S_ISDIR((mode_t)entry->mode);
	bool is_root = entry->name.len == 1 && entry->name.data[0] == '.';
	int error;

	if (lade_entry_check(entry, machine->index == 0))
		return LADE_E_PROTOCOL;
	if (machine->depth == 0 && machine->root_is_entry)
		return LADE_E_PROTOCOL;
	/* A single source gets the name that the user gave: nothing else may come beside it. */
	if (machine->depth == 0 && machine->root_single && (machine->index || is_root))
		return LADE_E_PROTOCOL;
	if (entry->link >= LADE_LINK_FOLLOWS && entry->link - LADE_LINK_FOLLOWS >= machine->index)
		return LADE_E_PROTOCOL;
	error = follow(machine, entry->name, is_directory);
	if (error)
		return error;
	event->type = LADE_RECV_ENTRY;
	event->index = machine->index;
	event->depth = machine->depth;
	if (is_directory) {
		error = enter(machine);
		if (error)
			return error;
		machine->root_is_entry |= is_root;
	}
	machine->index++;
	return 1;
}

/* [implied] */
static int step_implied(struct lade_session_recv *machine, struct lade_slice name, struct lade_recv_event *event)
{
	const struct lade_msg_entry entry = { .name = name, .mode = S_IFDIR };
	int step;

	if (!lade_entry_name_valid(name) || (machine->depth == 0 && machine->root_single))
		return LADE_E_PROTOCOL;
	step = step_entry(machine, &entry, event);
	if (step == 1)
		event->type = LADE_RECV_IMPLIED;
	return step;
}

/* [missing] */
static int step_missing(struct lade_session_recv *machine, struct lade_slice path, struct lade_recv_event *event)
{
	if (!lade_entry_names_valid(path) || (machine->depth == 0 && machine->root_is_entry))
		return LADE_E_PROTOCOL;
	event->type = LADE_RECV_MISSING;
	event->depth = machine->depth;
	return 1;
}

static int step_leave(struct lade_session_recv *machine, struct lade_recv_event *event)
{
	if (machine->depth == 0)
		return LADE_E_PROTOCOL;
	machine->names.len = machine->levels[machine->depth].name_off;
	machine->depth--;
	event->type = LADE_RECV_LEAVE;
	event->depth = machine->depth;
	return 1;
}

int lade_session_recv_entry_stream(struct lade_session_recv *machine, const struct lade_message *message,
				   struct lade_recv_event *event)
{
	if (machine->entries_ended || machine->root_said == (message->type == LADE_MSG_ROOT))
		return LADE_E_PROTOCOL;
	switch (message->type) {
	case LADE_MSG_ROOT:
		machine->root_said = true;
		machine->root_single = message->root.single;
		event->type = LADE_RECV_ROOT;
		return 1;
	case LADE_MSG_IDENTITY:
		event->type = LADE_RECV_IDENTITY;
		return message->identity.name.len && !memchr(message->identity.name.data, '\0', message->identity.name.len) ?
			1 : LADE_E_PROTOCOL;
	case LADE_MSG_ENTRY:
		return step_entry(machine, &message->entry, event);
	case LADE_MSG_IMPLIED:
		return step_implied(machine, message->implied.name, event);
	case LADE_MSG_MISSING:
		return step_missing(machine, message->missing.path, event);
	case LADE_MSG_LEAVE:
		return step_leave(machine, event);
	default:
		if (machine->depth)
			return LADE_E_PROTOCOL;
		machine->entries_ended = true;
		event->type = LADE_RECV_ENTRIES_END;
		return 1;
	}
}

void lade_session_recv_planned(struct lade_session_recv *machine, uint64_t planned, size_t len,
			       struct lade_writer *out)
{
	struct lade_msg_credit credit = { .planned = planned };

	machine->owed += len;
	if (machine->owed < machine->credit_piece)
		return;
	credit.bytes = (uint32_t)machine->owed;
	machine->owed = 0;
	lade_put_credit(out, &credit);
}
