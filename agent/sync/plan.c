/*
 * The planner: takes the entry stream from the reader and keeps the stack of open
 * directories. One thread; it may wait for slots, for
 * the writer's queue and for the disk.
 */
#include "agent/sync/plan_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/totals.h"
#include "protocol/grow.h"

/* Bytes of entry stream between looks at what the others do. */
#define STRETCH (8u << 10)

void lade_plan_problem(struct planner *planner, const struct lade_fault *fault)
{
	lade_receiver_metadata_problem(planner->receiver, planner->path, fault);
}

void lade_plan_failed(struct planner *planner, const char *operation)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SYSTEM, operation, NULL);
	lade_plan_problem(planner, &fault);
}

static void say_stored(struct planner *planner)
{
	lade_receiver_stored(planner->receiver, planner->stored_first, planner->stored_count);
	planner->stored_count = 0;
}

void lade_plan_stored(struct planner *planner, uint64_t index)
{
	if (planner->stored_count && index != planner->stored_first + planner->stored_count)
		say_stored(planner);
	if (!planner->stored_count++)
		planner->stored_first = index;
}

int lade_plan_set_path(struct planner *planner, const struct level *level, const char *name, size_t name_len)
{
	size_t at = level->path_len ? level->path_len + 1 : 0, need = at + name_len + 1;

	if (need > planner->path_size) {
		char *path = realloc(planner->path, 2 * need);

		if (!path)
			return LADE_E_MEMORY;
		planner->path = path;
		planner->path_size = 2 * need;
	}
	if (level->path_len)
		planner->path[level->path_len] = '/';
	memcpy(planner->path + at, name, name_len);
	planner->path[at + name_len] = '\0';
	return 0;
}

/* ---- the stack ---- */

static void level_unpin(struct level *level)
{
	if (level->fd >= 0)
		lade_directory_unpin(level->directory);
	level->fd = -1;
}

static int level_pin(struct level *level, struct lade_fault *fault)
{
	int error;

	if (level->fd >= 0 || !level->directory)
		return 0;
	error = lade_directory_pin(level->directory, &level->fd, fault);
	if (error)
		level->fd = -1;
	return error;
}

/* True if the level is on another file system than the destination, and nothing is deleted there (-x). */
static bool is_foreign(struct planner *planner, const struct level *level)
{
	struct stat st;

	if (!(planner->receiver->keep.options & LADE_OPTION_ONE_FILE_SYSTEM) || fstat(level->fd, &st))
		return false;
	if (planner->depth == 0)
		planner->device = st.st_dev;
	return st.st_dev != planner->device;
}

/* The rules that hold in a directory which is entered, open as fd or -1. 0 or the fault: then nothing in it is deleted. */
static int enter_protection(struct planner *planner, int fd, struct lade_fault *fault)
{
	if (!planner->protection)
		return 0;
	if (planner->depth == 0 && fd >= 0)
		lade_filter_scope_begin(planner->protection, fd, 0);
	return lade_filter_scope_enter(planner->protection, fd, planner->path, fault);
}

/* Read what is in the directory of the level, and what of that is protected. 0 or the fault: then nothing in it is deleted. */
static int read_level(struct planner *planner, struct level *level, struct lade_fault *fault)
{
	struct lade_fault later;
	int error = level_pin(level, fault), rules = enter_protection(planner, level->fd, &later);

	if (!error && rules && rules != LADE_E_MEMORY) {
		/* It is a file below it that is at fault. */
		lade_session_report(planner->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &later);
		return 0;
	}
	if (!error && rules)
		return lade_fault_set(fault, rules, "read the rules of", planner->path);
	if (!error && is_foreign(planner, level))
		return 0;
	if (!error)
		error = lade_plan_open_names(planner, level, fault);
	if (error && error != LADE_E_MEMORY) {
		/* What cannot be read is not deleted from. */
		lade_plan_problem(planner, fault);
		lade_plan_close_names(level);
	}
	return error;
}

int lade_plan_enter(struct planner *planner, struct lade_directory *directory, struct target *target,
		    struct lade_fault *fault)
{
	struct level *level, *levels = lade_grown(planner->levels, planner->depth + 1, &planner->capacity, sizeof(*levels));
	int error = 0;

	if (!levels) {
		lade_directory_unref(directory);
		return lade_fault_set(fault, LADE_E_MEMORY, "enter directory", NULL);
	}
	planner->levels = levels;
	if (planner->rooted)
		level_unpin(&planner->levels[planner->depth++]);
	planner->rooted = true;
	lade_plan_forget_neighbours(planner);
	level = &planner->levels[planner->depth];
	*level = (struct level){ .directory = directory, .target = target, .fd = -1, .path_len = strlen(planner->path),
				  .asked = planner->asked };
	error = lade_plan_enter_alternatives(planner, fault);
	level->linked = planner->enters_link || (planner->depth && level[-1].linked);
	if (!error && planner->deletes && directory && target->existed && !level->linked) {
		error = read_level(planner, level, fault);
		return error == LADE_E_MEMORY ? error : 0;
	}
	return error ? error : enter_protection(planner, -1, fault);
}

/* Let go of a directory. A target without a handle (nothing is there) is nobody else's. */
static void level_fini(struct planner *planner, struct level *level)
{
	lade_plan_close_names(level);
	lade_plan_leave_alternatives(planner, level);
	free(level->symlinks);
	level_unpin(level);
	if (!level->directory && level->target != &planner->receiver->root) {
		free((void *)level->target->metadata.xattrs.data);
		free(level->target);
	}
	lade_directory_unref(level->directory);
}

/* --delete-before: a directory in which something is deleted has another time when it is compared, in rsync; so that is told. */
static void tell_time(struct planner *planner, const struct level *level)
{
	const struct target *target = level->target;
	const struct lade_metadata *wanted = &target->metadata;

	if (!planner->deletes_first || !target->named || target->differs ||
	    !lade_metadata_keeps_mtime(&planner->receiver->keep, S_IFDIR))
		return;
	lade_session_item(planner->session, &(struct lade_msg_item){
		.changes = LADE_ITEM_TIME,
		.mode = (uint32_t)wanted->mode,
		.path = lade_slice(planner->path, level->path_len),
		.mtime_s = wanted->mtime.tv_sec,
		.mtime_ns = (uint32_t)wanted->mtime.tv_nsec,
		.uid = wanted->uid,
		.gid = wanted->gid,
	});
}

/* [leave] All of a directory was said. The last one to let go of its handle sets its metadata. */
static int leave(struct planner *planner, bool incomplete, struct lade_fault *fault)
{
	struct level *level = &planner->levels[planner->depth];
	int error = 0;

	assert(planner->levels && planner->depth);
	planner->path[level->path_len] = '\0';
	if (level->names && (!incomplete || planner->ignores_errors) && level_pin(level, fault) == 0) {
		uint64_t before = lade_spool_count(planner->receiver->deletions);

		error = lade_plan_deletions(planner, level, fault);
		if (lade_spool_count(planner->receiver->deletions) > before)
			tell_time(planner, level);
	}
	planner->path[level->path_len] = '\0';
	level_fini(planner, level);
	planner->depth--;
	if (planner->protection)
		lade_filter_scope_leave(planner->protection);
	lade_plan_forget_neighbours(planner);
	return error;
}

static bool is_empty(int directory_fd, const char *name)
{
	return lade_listing_empty(openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), NULL) == 1;
}

/* ---- what is said, in the character set of this side ---- */

/* An entry in memory of its own. */
struct localized {
	struct lade_msg_entry entry;
	char name[LADE_NAME_MAX + 1], target[LADE_TARGET_MAX];
};

/* Report name, in the directory at hand, as the protocol has it. */
static void tell_unconverted(struct planner *planner, struct lade_slice name, const char *operation)
{
	size_t path_len = planner->levels[planner->depth].path_len;
	char path[LADE_TEXT_MAX], converted[LADE_TEXT_MAX];
	struct lade_slice directory = { NULL, 0 };
	int error = errno;

	if (path_len)
		directory = lade_charset_show(planner->session->settings->charset, LADE_CHARSET_OUT, lade_slice(planner->path, path_len),
					      converted, sizeof(converted));
	snprintf(path, sizeof(path), "%.*s%s%.*s", (int)directory.len, directory.len ? (const char *)directory.data : "",
		 path_len ? "/" : "", (int)name.len, (const char *)name.data);
	errno = error;
	lade_session_tell_unconverted(planner->session, operation, path);
}

/*
 * [charset] Convert an entry's name and target. False if one of them cannot be, which is reported: what it is about is not known
 * here, so nothing is deleted.
 */
static bool convert_entry(struct planner *planner, struct localized *here)
{
	struct lade_charset *charset = planner->session->settings->charset;
	struct lade_msg_entry *entry = &here->entry;
	const struct lade_slice said = entry->name;
	const char *failed = NULL;
	size_t len;

	if (!charset || lade_slice_equal(entry->name, lade_slice(".", 1)))
		return true;
	if (!lade_charset_name(charset, LADE_CHARSET_IN, entry->name, here->name, &len))
		failed = "convert the name of";
	else
		entry->name = lade_slice(here->name, len);
	if (!failed && entry->target.len) {
		if (!lade_charset_text(charset, LADE_CHARSET_IN, entry->target, here->target, sizeof(here->target), &len))
			failed = "convert the target of symlink";
		else
			entry->target = lade_slice(here->target, len);
	}
	if (!failed)
		return true;
	tell_unconverted(planner, said, failed);
	planner->unconverted = true;
	return false;
}

/* The directory of what is missing, planner->path: the level's own, or one below, which nobody enters and the caller closes (*opened_out, else -1). -1: none is there. */
static int directory_of_missing(struct planner *planner, struct level *level, bool below, const char **name_out, int *opened_out)
{
	const char *slash = strrchr(planner->path, '/');
	struct lade_fault fault;

	*opened_out = -1;
	*name_out = slash ? slash + 1 : planner->path;
	if (below)
		return lade_receiver_open_parent(planner->receiver, planner->path, opened_out, name_out, &fault) ? -1 : *opened_out;
	return level_pin(level, &fault) ? -1 : level->fd;
}

/* True if what is missing is there, as name in the directory fd, and may be deleted. */
static bool is_to_go(struct planner *planner, int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) || lade_temporary_is(name) || lade_receiver_keeps(planner->receiver, fd, name))
		return false;
	/* As in rsync: what is in a directory goes only where things are deleted anyhow. */
	if (!S_ISDIR(st.st_mode) || planner->deletes || (planner->receiver->keep.options & LADE_OPTION_FORCE) || is_empty(fd, name))
		return true;
	lade_session_note(planner->session, LADE_TOPIC_ALWAYS, "cannot delete non-empty directory: ", planner->path, NULL);
	return false;
}

/* [missing] A source is not there: what has its path here goes. */
static int missing(struct planner *planner, struct lade_slice path_said, struct lade_fault *fault)
{
	struct localized here = { .entry = { .name = path_said } };
	struct level *level = &planner->levels[planner->depth];
	bool below = memchr(path_said.data, '/', path_said.len), goes;
	const char *name;
	int fd, opened;

	if (!convert_entry(planner, &here))
		return 0;
	if (lade_plan_set_path(planner, level, (const char *)here.entry.name.data, here.entry.name.len))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan deletions", NULL);
	if (!(planner->receiver->keep.options & LADE_OPTION_DELETE_MISSING_ARGS) || !lade_plan_is_source(planner, here.entry.name))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take what was not asked for:", planner->path);
	if (planner->session->settings->listing) {
		lade_session_list(planner->session, planner->path, NULL);
		return 0;
	}
	fd = directory_of_missing(planner, level, below, &name, &opened);
	goes = fd >= 0 && is_to_go(planner, fd, name);
	if (opened >= 0)
		close(opened);
	if (!goes)
		return 0;
	if (!below) {
		/* It is deleted because it was named, and not once more because it was not said. It comes among the files. */
		(void)lade_plan_keep_name(level, path_said, false, fault);
		lade_plan_change(level);
	}
	return lade_spool_add(planner->receiver->deletions, planner->path, strlen(planner->path) + 1, fault);
}

/* An entry of which it is not known what it is called here. */
static int unnamed(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		   struct lade_fault *fault)
{
	planner->planned = event->index + 1;
	if (lade_plan_set_path(planner, &planner->levels[planner->depth], (const char *)entry->name.data, entry->name.len))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	return lade_plan_unnamed(planner, entry, event, fault);
}

/* [entry] [implied] event tells which of the two. */
static int entry(struct planner *planner, const struct lade_message *message, const struct lade_recv_event *event,
		 struct lade_fault *fault)
{
	bool implied = event->type == LADE_RECV_IMPLIED;
	struct localized here = {
		.entry = implied ? (struct lade_msg_entry){ .name = message->implied.name, .mode = S_IFDIR } : message->entry,
	};
	const struct lade_slice said = here.entry.name;
	struct level *level = &planner->levels[planner->depth];
	bool is_root = said.len == 1 && said.data[0] == '.';
	struct lade_slice name;
	const char *only = planner->receiver->only_name;
	int error = 0;

	assert(planner->rooted && planner->levels);
	if (level->unnamed || !convert_entry(planner, &here))
		return unnamed(planner, &here.entry, event, fault);
	name = here.entry.name;
	if (only && event->depth == 0) {
		error = lade_plan_set_path(planner, level, only, strlen(only));
		/* There is one such entry. */
		if (!planner->receiver->only_source)
			planner->receiver->only_source = strndup((const char *)name.data, name.len);
	} else if (!is_root) {
		error = lade_plan_set_path(planner, level, (const char *)name.data, name.len);
	}
	if (error)
		return lade_fault_set(fault, error, "plan", NULL);
	/* The destination may be unreadable here and now; then each entry says so. */
	if (level_pin(level, fault) && fault->code != LADE_E_ABSENT) {
		lade_plan_problem(planner, fault);
		level->target->empty = false;
	}
	planner->receiver->deletes_below |= level->names != NULL;
	if (!is_root)
		error = lade_plan_keep_name(level, said, S_ISDIR((mode_t)here.entry.mode), fault);
	if (!error)
		error = implied ? lade_plan_implied(planner, name, event, fault) :
			lade_plan_entry(planner, &here.entry, event, fault);
	planner->planned = event->index + 1;
	return error;
}

/* ---- the entry stream ---- */

/* [identity] */
static int learn(struct lade_receiver *receiver, const struct lade_msg_identity *said, struct lade_fault *fault)
{
	int error;

	if (!receiver->identities || (receiver->keep.options & LADE_OPTION_NUMERIC_IDS))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take names, as numbers were asked for, from",
				      receiver->session.connection->peer);
	error = lade_identities_learn(receiver->identities, (enum lade_identity_kind)said->kind, said->id,
				      (const char *)said->name.data, said->name.len);
	return error ? lade_fault_set(fault, error, "learn a name from", receiver->session.connection->peer) : 0;
}

static int plan_message(struct planner *planner, const struct lade_message *message, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	struct lade_recv_event event;
	int step;

	/* The entry stream is this thread's alone, and independent of the slots: no lock. */
	step = lade_session_recv_step(receiver->machine, message, &event);
	if (step < 0)
		return lade_fault_set(fault, step, "understand", planner->session->connection->peer);
	switch (event.type) {
	case LADE_RECV_ROOT:
		return lade_plan_root(planner, message->root.single, fault);
	case LADE_RECV_IDENTITY:
		return learn(receiver, &message->identity, fault);
	case LADE_RECV_MISSING:
		return missing(planner, message->missing.path, fault);
	case LADE_RECV_ENTRY:
	case LADE_RECV_IMPLIED:
		return entry(planner, message, &event, fault);
	case LADE_RECV_LEAVE:
		return leave(planner, message->leave.incomplete, fault);
	default: /* ENTRIES_END */
		receiver->guarded = message->entries_end.incomplete == LADE_SCAN_GUARDED;
		receiver->spares = receiver->guarded ||
			((message->entries_end.incomplete || planner->unconverted) && !planner->ignores_errors);
		return 1;
	}
}

/* [credit] Give back what was planned, and add up what was counted, in stretches: the lock is everybody's. */
static void give_credit(struct planner *planner)
{
	struct lade_session *session = planner->session;

	say_stored(planner);
	lade_session_lock(session);
	/* Entries may cost a report each and be granted at once: who does not read gets no further. */
	lade_session_wait_room(session);
	session->progress.entries += planner->counted.entries;
	planner->counted.entry_bytes = planner->uncredited;
	lade_totals_add(&session->totals, &planner->counted);
	memset(&planner->counted, 0, sizeof(planner->counted));
	lade_session_recv_planned(planner->receiver->machine, planner->planned, planner->uncredited,
				  lade_session_queue(session));
	planner->uncredited = 0;
	lade_session_queued(session, false);
	lade_session_unlock(session);
}

/* Plan what has come. Returns 1 at the end of the entry stream. */
static int plan_bytes(struct planner *planner, struct lade_slice bytes, struct lade_fault *fault)
{
	struct lade_message message;
	struct lade_reader reader;
	int result = 0;

	lade_reader_init(&reader, bytes.data, bytes.len);
	while (!result && lade_reader_left(&reader)) {
		result = lade_message_get(&reader, &message);
		if (result)
			return lade_fault_set(fault, result, "understand", planner->session->connection->peer);
		result = plan_message(planner, &message, fault);
		planner->uncredited += message.encoded_len;
		if (planner->uncredited >= STRETCH)
			give_credit(planner);
		if (!result && planner->uncredited == 0 && lade_session_failed(planner->session))
			return 1;
	}
	give_credit(planner);
	return result;
}

/* Take all that the reader has handed on; wait for it. False if the session has failed. */
static bool take_entries(struct planner *planner, struct lade_writer *bytes)
{
	struct lade_receiver *receiver = planner->receiver;
	struct lade_session *session = planner->session;
	struct lade_writer empty = *bytes;
	bool failed;

	lade_writer_reset(&empty);
	lade_session_lock(session);
	while (!receiver->entries.len && !session->failed) {
		/* While workers have work, what was said can wait: the one who runs out of it sends it. */
		lade_session_queued(session, receiver->job_count == 0);
		pthread_cond_wait(&receiver->entries_came, &session->lock);
	}
	*bytes = receiver->entries;
	receiver->entries = empty;
	failed = session->failed;
	lade_session_unlock(session);
	return !failed;
}

/* Wait until every file that was asked for is done with. False if the session has failed. */
static bool wait_slots(struct planner *planner)
{
	struct lade_session *session = planner->session;
	bool failed;

	lade_session_lock(session);
	session->progress.scanned = true;
	lade_session_queued(session, true);
	while (!session->failed && lade_session_recv_open(planner->receiver->machine))
		pthread_cond_wait(&planner->receiver->slot_freed, &session->lock);
	failed = session->failed;
	lade_session_unlock(session);
	return !failed;
}

/* [end] Everything is in place: say so, with the sums. */
static void say_end(struct planner *planner)
{
	struct lade_session *session = planner->session;

	lade_session_lock(session);
	lade_session_queue_end(session);
	lade_session_unlock(session);
}

static int new_protection(struct planner *planner)
{
	const struct lade_filter *filter = planner->session->settings->filter;
	const struct lade_filter_use use = {
		.base = planner->session->settings->base,
		.side = LADE_FILTER_RECEIVER,
		.delete_excluded = planner->receiver->keep.options & LADE_OPTION_DELETE_EXCLUDED,
	};

	return lade_filter_empty(filter) ? 0 : lade_filter_scope_new(filter, &use, &planner->protection);
}

void *lade_receiver_plan(void *argument)
{
	struct lade_receiver *receiver = argument;
	struct planner planner = {
		.receiver = receiver,
		.session = &receiver->session,
		.dry_run = receiver->keep.options & LADE_OPTION_DRY_RUN || receiver->session.settings->listing,
		.deletes = receiver->keep.options & LADE_OPTION_DELETE,
		.deletes_first = receiver->session.settings->deletion == LADE_DELETION_FIRST && !(receiver->keep.options & LADE_OPTION_DRY_RUN),
		.ignores_errors = receiver->keep.options & LADE_OPTION_IGNORE_ERRORS,
	};
	struct lade_writer bytes;
	struct lade_fault fault;
	int result = 0;

	lade_writer_init(&bytes, LADE_ENTRY_CREDIT);
	result = lade_plan_asked(&planner, &fault);
	if (!result && planner.deletes && new_protection(&planner))
		result = lade_fault_set(&fault, LADE_E_MEMORY, "read the rules of the destination", NULL);
	while (result == 0 && take_entries(&planner, &bytes))
		result = plan_bytes(&planner, lade_slice(bytes.data, bytes.len), &fault);
	if (result == 1 && planner.deletes_first)
		lade_receiver_delete(receiver);
	if (result == 1 && lade_plan_ask_deferred(&planner, &fault))
		result = -1;
	if (result < 0) {
		lade_receiver_tell_all(receiver);
		lade_session_fail(planner.session, &fault);
	} else if (result == 1 && wait_slots(&planner)) {
		lade_receiver_finish(receiver);
		lade_indexed_save(receiver);
		say_end(&planner);
	} else {
		lade_receiver_tell_all(receiver);
	}
	for (size_t i = planner.rooted ? planner.depth + 1 : 0; i > 0; i--)
		level_fini(&planner, &planner.levels[i - 1]);
	lade_writer_fini(&bytes);
	lade_plan_moved_fini(&planner.moved);
	lade_filter_scope_free(planner.protection);
	lade_plan_forget_neighbours(&planner);
	lade_sources_fini(&planner.sources);
	free(planner.levels);
	free(planner.path);
	return NULL;
}
