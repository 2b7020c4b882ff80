/*
 * A regular file against the destination: whether it differs, and how its content is asked for: whole, by
 * recipe where old content may serve, or later where it may have been moved.
 */
#include "agent/sync/plan_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/cut_stream.h"
#include "agent/sync/file_digest.h"
#include "agent/tree/read_open.h"

/* -c: the digest decides, whatever the times say. */
static bool same_digest(struct planner *planner, const struct place *place)
{
	uint8_t digest[LADE_DIGEST_LEN];
	bool same;
	int fd = lade_read_open(place->fd, place->name,
				planner->receiver->keep.options & LADE_OPTION_OPEN_NOATIME ? LADE_READ_NOATIME : 0);

	if (fd < 0)
		return false;
	same = lade_file_digest(fd, place->entry->size, &planner->session->files, digest, NULL) == 0 &&
		lade_digest_equal(digest, place->entry->digest.data);
	close(fd);
	return same;
}

bool lade_plan_same_file(struct planner *planner, const struct place *place)
{
	if (!place->exists || !S_ISREG(place->st.st_mode) || (uint64_t)place->st.st_size != place->entry->size)
		return false;
	if (planner->receiver->keep.options & LADE_OPTION_CHECKSUM)
		return place->entry->size == 0 || (place->entry->digest.len && same_digest(planner, place));
	if (planner->receiver->keep.options & LADE_OPTION_SIZE_ONLY)
		return true;
	return !(planner->receiver->keep.options & LADE_OPTION_IGNORE_TIMES) &&
		lade_keep_time_equal(&planner->receiver->keep, &place->st.st_mtim, &place->wanted.mtime);
}

static uint32_t file_changes(struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	uint32_t changes;

	if (!place->exists || !S_ISREG(place->st.st_mode))
		return LADE_ITEM_DATA | LADE_ITEM_NEW;
	changes = LADE_ITEM_DATA | lade_plan_metadata_changes(planner, place);
	if ((uint64_t)place->st.st_size != place->entry->size)
		changes |= LADE_ITEM_SIZE;
	if (keep->options & LADE_OPTION_CHECKSUM)
		changes |= LADE_ITEM_CHECKSUM;
	return changes | lade_plan_time_now(planner, place);
}

bool lade_plan_basis_pays(const struct planner *planner, uint64_t size, uint64_t old_size)
{
	return size >= LADE_DESCRIBED_LEAST && old_size >= size / LADE_OLD_PARTS_MAX && size >= old_size / LADE_OLD_PARTS_MAX &&
		!(planner->receiver->keep.options & LADE_OPTION_WHOLE_FILE);
}

/* The same of what is at place. */
static bool pays(const struct planner *planner, const struct place *place)
{
	return place->exists && S_ISREG(place->st.st_mode) &&
		lade_plan_basis_pays(planner, place->entry->size, (uint64_t)place->st.st_size);
}

/* True if an earlier session left part of the file: what is of use of that need not be sent again. */
static bool was_left(const struct planner *planner, const struct place *place, const char *key)
{
	const struct lade_receiver *receiver = planner->receiver;

	lade_holding_take(receiver, place->level->fd, place->name, key);
	return place->entry->size > LADE_SMALL_MAX && !place->level->target->empty &&
		!(planner->receiver->keep.options & LADE_OPTION_WHOLE_FILE) &&
		(key ? lade_temporary_left(receiver->workshop_fd, key) : lade_temporary_left(place->level->fd, place->name));
}

/*
 * --inplace: true if the file itself is written to. What is no file is replaced, and what an earlier session left of one that is
 * not there is continued: both cost no more than writing under the name.
 */
static bool written_over(const struct planner *planner, const struct place *place, bool left)
{
	return (planner->receiver->keep.options & LADE_OPTION_INPLACE) && (place->exists ? S_ISREG(place->st.st_mode) : !left);
}

/* --append, --append-verify: true if a file stands at place, which may only grow. */
static bool grows(const struct planner *planner, const struct place *place)
{
	return (planner->receiver->keep.options & (LADE_OPTION_APPEND | LADE_OPTION_APPEND_VERIFY)) && place->exists &&
		S_ISREG(place->st.st_mode);
}

int lade_plan_describe(const struct planner *planner, struct incoming *file)
{
	file->cut_class = planner->receiver->indexed ? lade_indexed_class(file->size) : lade_cut_class_of(file->size);
	return lade_delta_new(file);
}

struct incoming *lade_plan_new_incoming(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	size_t name_len = strlen(place->name);
	struct incoming *file = calloc(1, sizeof(*file) + name_len + 1);

	if (!file) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		return NULL;
	}
	file->temporary.fd = file->kept.fd = -1;
	file->metadata = place->wanted;
	if (!lade_metadata_own_xattrs(&file->metadata)) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		free(file);
		return NULL;
	}
	file->directory = lade_directory_ref(place->level->directory);
	file->size = place->entry->size;
	file->changes = file_changes(planner, place);
	file->existed = place->exists;
	file->is_device = place->is_device;
	file->existing = place->st;
	file->no_partial = planner->session->settings->no_partial;
	file->index = place->index;
	file->key = lade_holding_key(planner->receiver, place->level->fd, place->name);
	file->workshop_fd = file->key ? planner->receiver->workshop_fd : -1;
	file->in_new = place->level->target->empty;
	file->leader = place->entry->link == LADE_LINK_LEADER ? place->index + 1 : 0;
	memcpy(file->name, place->name, name_len);
	return file;
}

/* Decide what old content the file is made from, if any is. 0 or LADE_E_MEMORY. */
static int choose_basis(struct planner *planner, const struct place *place, const struct aside *aside, struct incoming *file,
			struct lade_fault *fault)
{
	bool described = pays(planner, place);

	if (place->is_device) {
		file->overwrite = true;
		return 0;
	}
	file->left = was_left(planner, place, file->key);
	file->appends = grows(planner, place);
	if (file->appends) {
		file->overwrite = true;
		return lade_plan_describe(planner, file) ? lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL) : 0;
	}
	file->overwrite = written_over(planner, place, file->left);
	if (!described && aside->fit && pays(planner, &aside->place)) {
		file->basis_name = strdup(place->name);
		file->basis_directory = lade_directory_ref(aside->directory);
		described = file->basis_name;
	} else if (!described && !(place->exists && S_ISREG(place->st.st_mode))) {
		lade_plan_find_similar(planner, place, file);
		/* One that may be the file itself, under another name, is better. */
		described = file->basis_name && !lade_plan_may_be_moved(planner, file);
	}
	if ((!file->left || file->overwrite) && !described)
		return 0;
	return lade_plan_describe(planner, file) ? lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL) : 0;
}

/* [want] [want-recipe] Lock held. */
static int say_want(struct planner *planner, uint64_t index, struct incoming *file)
{
	const struct lade_msg_want_recipe recipe = { .index = index, .cut_class = file->cut_class };
	struct lade_session_recv *machine = planner->receiver->machine;
	struct lade_writer *queue = lade_session_queue(planner->session);

	if (file->delta)
		return lade_session_recv_want_recipe(machine, &recipe, file->size, file, queue);
	return lade_session_recv_want(machine, index, file->size, file, queue);
}

/* True if a file that only grows is as long already, since another name of it was written over. */
static bool has_grown(const struct incoming *file)
{
	return file->appends && (uint64_t)file->existing.st_size >= file->size;
}

int lade_plan_want(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault)
{
	struct lade_session *session = planner->session;
	int error = lade_shared_begin(planner->receiver, file, fault);

	/* It may be anywhere. */
	if (!error && !file->delta && lade_indexed_takes(planner->receiver, file->size) && lade_plan_describe(planner, file))
		error = lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	if (error || has_grown(file)) {
		lade_receiver_tell_file(planner->receiver, file, NULL);
		lade_incoming_free(file);
		return error;
	}
	lade_session_lock(session);
	lade_session_wait_room(session);
	while ((error = say_want(planner, index, file)) == LADE_E_AGAIN && !session->failed) {
		lade_session_queued(session, true);
		pthread_cond_wait(&planner->receiver->slot_freed, &session->lock);
	}
	if (!error) {
		session->progress.files++;
		session->progress.bytes += file->size;
		lade_session_queued(session, false);
	}
	lade_session_unlock(session);
	if (!error)
		return 0;
	lade_incoming_free(file);
	return error == LADE_E_AGAIN ? 0 : lade_fault_set(fault, error, "plan", NULL);
}

/* The file is to be made. */
static int ask(struct planner *planner, struct place *place, const struct aside *aside, struct lade_fault *fault)
{
	struct incoming *file = lade_plan_new_incoming(planner, place, fault);

	if (!file)
		return fault->code;
	if (aside->fit)
		file->changes = file_changes(planner, &aside->place);
	if (choose_basis(planner, place, aside, file, fault)) {
		lade_incoming_free(file);
		return fault->code;
	}
	lade_plan_change(place->level);
	lade_receiver_tell_later(planner->receiver, file);
	if (lade_plan_may_be_moved(planner, file) || (file->size && lade_plan_waits(planner)))
		return lade_plan_defer(planner, place->index, file, fault);
	if (file->size)
		return lade_plan_want(planner, place->index, file, fault);
	if (lade_shared_begin(planner->receiver, file, fault)) {
		lade_incoming_free(file);
		return fault->code;
	}
	lade_receiver_whole_file(planner->receiver, file);
	return 0;
}

int lade_plan_file(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct aside aside;
	int result;

	result = lade_plan_file_aside(planner, place, &aside, fault);
	if (result)
		return result < 0 ? result : 0;
	if (lade_plan_same_file(planner, place)) {
		lade_plan_mend(planner, place, lade_plan_metadata_changes(planner, place));
		lade_plan_stored(planner, place->index);
	} else if (grows(planner, place) && (uint64_t)place->st.st_size >= place->entry->size) {
		/* As in rsync it is left as it is, its metadata included. */
	} else if (planner->dry_run && lade_plan_make_way(planner, place) == 0) {
		planner->counted.transferred++;
		planner->counted.transferred_size += place->entry->size;
		planner->counted.created += !place->exists;
		lade_plan_item(planner, place, file_changes(planner, aside.fit ? &aside.place : place));
	} else if (!planner->dry_run && place->level->fd >= 0) {
		result = ask(planner, place, &aside, fault);
	}
	lade_plan_aside_fini(&aside);
	return result;
}
