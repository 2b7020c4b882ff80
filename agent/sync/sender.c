/*
 * The sender: its sources, its reader, its beginning and its end.
 */
#include "agent/sync/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/sender_internal.h"
#include "agent/sync/sources.h"

/* Dropped files that are taken from the machine under one lock. */
#define DROPPED_AT_ONCE 64u

/* ---- files ---- */

void lade_source_free(struct source *source)
{
	if (!source)
		return;
	lade_directory_unref(source->directory);
	free(source);
}

void lade_source_update(struct source *source, const struct stat *st)
{
	source->size = (uint64_t)st->st_size;
	source->mtime = st->st_mtim;
	source->ctime = st->st_ctim;
	source->dense = (uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool lade_source_same(const struct source *source, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_dev == source->device && st->st_ino == source->inode &&
		(uint64_t)st->st_size == source->size && same_time(&st->st_mtim, &source->mtime) &&
		same_time(&st->st_ctim, &source->ctime);
}

/* ---- the reader ---- */

static void queue_slot(struct slot_queue *queue, uint32_t slot)
{
	queue->slots[(queue->head + queue->count++) % LADE_SLOTS_MAX] = slot;
}

/* The receiver has said what it thinks of a file that was in a bundle. */
static void answered(struct lade_sender *sender, struct source *source)
{
	if (source->bundled)
		sender->unanswered -= source->size;
	source->bundled = false;
	if (source->lent)
		sender->descriptors--;
	source->lent = false;
}

static void wanted(struct lade_sender *sender, const struct lade_send_event *event)
{
	struct source *source = event->file;
	bool small = source->size <= LADE_SMALL_MAX && source->dense && !event->cut_class;

	source->cut_class = event->cut_class;
	sender->files[event->slot] = source;
	answered(sender, source);
	queue_slot(small ? &sender->small : &sender->large, event->slot);
	if (small)
		sender->small_len += source->size;
	if (event->type == LADE_SEND_WANT) {
		sender->session.progress.files++;
		sender->session.progress.bytes += source->size;
	}
}

/* [want-run] [want-gap] A range is wanted. Whoever asks for more than it may is a broken receiver. */
static int wanted_range(struct lade_sender *sender, const struct lade_send_event *event)
{
	struct wanted_range range = {
		.slot = event->slot, .off = event->off, .len = event->len, .turn = event->turn,
		.block_len = event->block_len, .old_len = event->old_len,
		.signature_len = (uint32_t)event->signature.len,
	};

	/* One that is alone may be of any length. */
	if (sender->range_count == LADE_WANTED_RANGES_MAX ||
	    (sender->signatures_len && sender->signatures_len + range.signature_len > LADE_SIGNATURES_MAX))
		return LADE_E_PROTOCOL;
	if (range.signature_len) {
		range.signature = malloc(range.signature_len);
		if (!range.signature)
			return LADE_E_MEMORY;
		memcpy(range.signature, event->signature.data, range.signature_len);
	}
	sender->signatures_len += range.signature_len;
	sender->ranges[(sender->range_head + sender->range_count++) % LADE_WANTED_RANGES_MAX] = range;
	return 0;
}

void lade_sender_forget_ranges(struct lade_sender *sender, uint32_t slot)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < sender->range_count; i++) {
		struct wanted_range *range = &sender->ranges[(sender->range_head + i) % LADE_WANTED_RANGES_MAX];

		if (range->slot == slot) {
			sender->signatures_len -= range->signature_len;
			free(range->signature);
		} else {
			sender->ranges[(sender->range_head + kept++) % LADE_WANTED_RANGES_MAX] = *range;
		}
	}
	sender->range_count = kept;
}

static void acknowledged(struct lade_sender *sender, const struct lade_send_event *event)
{
	answered(sender, event->file);
	sender->files[event->slot] = NULL;
	sender->session.progress.files_done++;
}

static void end_heard(struct lade_sender *sender, const struct lade_msg_end *end)
{
	struct lade_session *session = &sender->session;

	lade_sender_remove_stored(sender);
	lade_sender_guard_remember(sender, (int)end->exit);
	lade_session_lock(session);
	session->peer_totals = *end;
	/* As in rsync a source that is not there is no worse than deletions that stopped. */
	session->exit = end->exit == LADE_EXIT_DELETE_LIMIT && session->exit == LADE_EXIT_PARTIAL && session->events &&
		!sender->incomplete ? LADE_EXIT_DELETE_LIMIT : lade_exit_worse(session->exit, (int)end->exit);
	sender->ending = true;
	lade_session_queue_end(session);
	lade_session_unlock(session);
}

/* Act on one message; the lock is held. *released_out: a file that nobody needs any more. */
static int hear_locked(struct lade_sender *sender, const struct lade_message *message, struct source **released_out)
{
	struct lade_send_event event;
	int step = lade_session_send_step(sender->machine, message, &event);

	if (step <= 0)
		return step;
	switch (event.type) {
	case LADE_SEND_WANT:
	case LADE_SEND_WANT_AGAIN:
		wanted(sender, &event);
		break;
	case LADE_SEND_WANT_RUN:
	case LADE_SEND_WANT_GAP:
		return wanted_range(sender, &event);
	case LADE_SEND_ACK:
		acknowledged(sender, &event);
		*released_out = event.file;
		break;
	case LADE_SEND_CREDIT:
		pthread_cond_broadcast(&sender->session.room);
		break;
	case LADE_SEND_RECIPE_KEY:
		/* Nothing was described yet: nobody else looks at them. */
		lade_recipe_key_derive(event.key, &sender->session.names, &sender->session.pieces);
		break;
	case LADE_SEND_STORED:
		return lade_sender_stored(sender, event.off, event.count);
	case LADE_SEND_END: /* see hear() */
		break;
	}
	return 0;
}

/* Files that the receiver has decided against; let go of without the lock, many at a time. */
static void free_dropped(struct lade_sender *sender)
{
	struct source *dropped[DROPPED_AT_ONCE];
	unsigned count;

	do {
		count = 0;
		lade_session_lock(&sender->session);
		while (count < DROPPED_AT_ONCE && (dropped[count] = lade_session_send_dropped(sender->machine)))
			count++;
		lade_session_unlock(&sender->session);
		for (unsigned i = 0; i < count; i++)
			lade_source_free(dropped[i]);
	} while (count == DROPPED_AT_ONCE);
}

/* [copied] It is for the user's eyes, and never more than was lent. */
static void heard_copied(struct lade_sender *sender, uint64_t bytes)
{
	lade_session_lock(&sender->session);
	if (bytes > sender->lent_len)
		bytes = sender->lent_len;
	sender->lent_len -= bytes;
	sender->session.progress.bytes_done += bytes;
	lade_session_unlock(&sender->session);
}

static int hear(struct lade_sender *sender, const struct lade_message *message)
{
	struct source *released = NULL;
	int error;

	if (lade_session_hears(message->type))
		return lade_session_heard(&sender->session, message);
	if (message->type == LADE_MSG_COPIED) {
		heard_copied(sender, message->copied.bytes);
		return 0;
	}
	lade_session_lock(&sender->session);
	error = hear_locked(sender, message, &released);
	pthread_cond_signal(&sender->session.to_writer);
	lade_session_unlock(&sender->session);
	lade_source_free(released);
	if (!error && message->type == LADE_MSG_END)
		end_heard(sender, &message->end);
	return error;
}

static int hear_frame(void *role, struct lade_slice control, uint32_t payload_len, struct lade_fault *fault)
{
	struct lade_sender *sender = role;
	struct lade_message message;
	struct lade_reader reader;
	int error = payload_len ? LADE_E_PROTOCOL : 0;
	bool ending;

	(void)fault;
	lade_reader_init(&reader, control.data, control.len);
	while (!error && lade_reader_left(&reader)) {
		error = lade_message_get(&reader, &message);
		if (!error)
			error = hear(sender, &message);
	}
	free_dropped(sender);
	lade_session_lock(&sender->session);
	ending = sender->ending;
	lade_session_unlock(&sender->session);
	return error ? error : ending;
}

static void *read_messages(void *argument)
{
	struct lade_sender *sender = argument;

	lade_session_read_frames(&sender->session, hear_frame, sender);
	return NULL;
}

/* ---- sources ---- */

/* The sources of a session while it runs. */
struct source_set {
	struct lade_sources written;
	struct lade_directories **tables; /* of the directories that could be opened, count */
	struct lade_walk_source *sources;
	unsigned count;
};

static void close_sources(struct source_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		lade_directories_close(set->tables[i]);
	lade_sources_fini(&set->written);
	free(set->tables);
	free(set->sources);
}

/* The directory of sources cannot be opened: each of them is an error of its own, whatever is to become of those that are missing in it. */
static void cannot_open(struct lade_sender *sender, const struct lade_source_group *group, const struct lade_fault *why)
{
	struct lade_selection_at all = lade_selection_root(group->selection);
	bool root = lade_selection_root_what(group->selection) & LADE_SELECTED_ITEM;
	char *path;

	sender->incomplete = true;
	for (size_t i = root ? 0 : all.first; i < all.end; i++) {
		const char *rest = lade_selection_path(group->selection, i);
		struct lade_fault fault;

		path = malloc(strlen(group->base) + strlen(rest) + 2);
		if (path)
			sprintf(path, *rest ? "%s/%s" : "%s%s", group->base, rest);
		errno = why->sys_errno ? why->sys_errno : ENOENT;
		lade_fault_set(&fault, LADE_E_SYSTEM, "open source", path ? path : rest);
		lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
		free(path);
	}
}

/* Open the directories of all sources. One that is not there does not keep the others. */
static int open_sources(struct lade_sender *sender, struct source_set *set, struct lade_fault *fault)
{
	set->tables = calloc(set->written.group_count + 1, sizeof(*set->tables));
	set->sources = calloc(set->written.group_count + 1, sizeof(*set->sources));
	if (!set->tables || !set->sources)
		return lade_fault_set(fault, LADE_E_MEMORY, "open sources", NULL);
	for (unsigned i = 0; i < set->written.group_count; i++) {
		const struct lade_source_group *group = &set->written.groups[i];
		struct lade_directories **table = &set->tables[set->count];
		struct lade_fault problem;

		if (lade_directories_open_below(sender->session.settings->base, group->base, 0, table, &problem)) {
			cannot_open(sender, group, &problem);
			continue;
		}
		set->sources[set->count++] = (struct lade_walk_source){
			.directory = lade_directories_root(*table), .selection = group->selection, .written = group->base,
		};
	}
	return 0;
}

/* One source that is no directory may get another name at the destination. */
static bool is_single_file(const struct lade_sender_job *job, const struct source_set *set)
{
	struct lade_directory *root;
	const char *path;
	struct stat st;
	bool result;
	int fd;

	if (job->list || job->source_count != 1 || set->count != 1 || lade_selection_root_what(set->sources[0].selection))
		return false;
	path = lade_selection_path(set->sources[0].selection, 0);
	root = set->sources[0].directory;
	if (strchr(path, '/') || lade_directory_pin(root, &fd, NULL))
		return false;
	result = fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
	/* A symlink may stand for the directory that it leads to. */
	if (result && S_ISLNK(st.st_mode) && (job->settings->options & (LADE_OPTION_COPY_LINKS | LADE_OPTION_COPY_DIRLINKS |
									LADE_OPTION_COPY_UNSAFE_LINKS)))
		result = lade_directory_stat_followed(root, fd, path, &st) == 0 && !S_ISDIR(st.st_mode);
	lade_directory_unpin(root);
	return result;
}

/* In the words of rsync(1): a directory that is not entered is one more thing that is hidden. */
static void tell_hidden(void *context, const char *path, bool is_directory, const char *pattern)
{
	struct lade_sender *sender = context;
	char reason[LADE_TEXT_MAX];

	snprintf(reason, sizeof(reason), " because of pattern %s", pattern);
	lade_session_note(&sender->session, LADE_TOPIC_FILTER,
			  is_directory ? "[sender] hiding directory " : "[sender] hiding file ", path, reason);
}

static void tell_mount_point(void *context, const char *path)
{
	struct lade_sender *sender = context;

	lade_session_note(&sender->session, LADE_TOPIC_MOUNT, "[sender] skipping mount-point dir ", path, NULL);
}

static struct lade_walk_options walk_options(struct lade_sender *sender, const struct lade_sender_job *job)
{
	uint64_t options = job->settings->options;

	return (struct lade_walk_options){
		.recursive = options & LADE_OPTION_RECURSIVE,
		.directories = options & LADE_OPTION_DIRS,
		.copy_links = options & LADE_OPTION_COPY_LINKS,
		.copy_dirlinks = options & LADE_OPTION_COPY_DIRLINKS,
		.copy_unsafe_links = options & LADE_OPTION_COPY_UNSAFE_LINKS,
		.one_file_system = options & LADE_OPTION_NO_MOUNT_POINTS ? 2 : options & LADE_OPTION_ONE_FILE_SYSTEM ? 1 : 0,
		.missing = options & LADE_OPTION_DELETE_MISSING_ARGS ? LADE_MISSING_TELL :
			options & LADE_OPTION_IGNORE_MISSING_ARGS ? LADE_MISSING_IGNORE : LADE_MISSING_PROBLEM,
		.charset = job->settings->charset,
		.scope = sender->scope,
		.avoid = job->avoid,
		.hidden = lade_session_wants(&sender->session, LADE_TOPIC_FILTER) ? tell_hidden : NULL,
		.mount_point = lade_session_wants(&sender->session, LADE_TOPIC_MOUNT) ? tell_mount_point : NULL,
		.context = sender,
	};
}

static int open_walk(struct lade_sender *sender, const struct lade_sender_job *job, struct source_set *set,
		     struct lade_fault *fault)
{
	const struct lade_walk_options options = walk_options(sender, job);
	int error = lade_sources_take(&set->written, job->settings->options, job->sources, job->source_count, job->list, fault);

	if (!error)
		error = open_sources(sender, set, fault);
	if (!error)
		error = lade_sender_guard(sender, job, fault);
	if (error)
		return error;
	sender->single = is_single_file(job, set);
	sender->tables = set->tables;
	sender->table_count = set->count;
	sender->avoid = job->avoid;
	return set->count ? lade_walk_new(set->sources, set->count, &options, &sender->walk, fault) : 0;
}

/* ---- from beginning to end ---- */

static int start(struct lade_sender *sender, struct lade_fault *fault)
{
	const struct lade_settings *settings = sender->session.settings;
	const struct lade_filter_use use = { .side = LADE_FILTER_SENDER, .base = settings->base };

	sender->records_fd = -1;
	if (lade_session_send_new(&sender->machine) || lade_identities_new(&sender->identities) ||
	    lade_inode_map_new(&sender->inodes) || lade_spool_new(&sender->removable))
		return lade_fault_set(fault, LADE_E_MEMORY, "start the sender", NULL);
	if (sender->session.settings->usermap)
		lade_identities_announce_zero(sender->identities, LADE_IDENTITY_USER);
	if (sender->session.settings->groupmap)
		lade_identities_announce_zero(sender->identities, LADE_IDENTITY_GROUP);
	if (!lade_filter_empty(settings->filter) && lade_filter_scope_new(settings->filter, &use, &sender->scope))
		return lade_fault_set(fault, LADE_E_MEMORY, "start the sender", NULL);
	lade_session_send_limit(sender->machine, sender->session.limits.entry_credit);
	lade_writer_init(&sender->xattrs, LADE_XATTRS_MAX);
	return 0;
}

static void stop(struct lade_sender *sender)
{
	struct source *source;

	lade_walk_free(sender->walk);
	lade_filter_scope_free(sender->scope);
	for (uint32_t i = 0; i < sender->range_count; i++)
		free(sender->ranges[(sender->range_head + i) % LADE_WANTED_RANGES_MAX].signature);
	while (sender->machine && (source = lade_session_send_abandon(sender->machine)))
		lade_source_free(source);
	lade_session_send_free(sender->machine);
	lade_identities_free(sender->identities);
	lade_inode_map_free(sender->inodes);
	lade_spool_free(sender->removable);
	free(sender->stored);
	lade_sender_guard_fini(sender);
	lade_sender_drop_held(sender);
	free(sender->held);
	lade_writer_fini(&sender->xattrs);
	lade_session_fini(&sender->session);
}

int lade_sender_run(const struct lade_sender_job *job, struct lade_msg_end *totals_out)
{
	static const struct lade_session_threads threads = {
		.reader = read_messages,
		.writer = lade_sender_feed,
		.others = { lade_sender_walk },
	};
	struct lade_sender *sender = calloc(1, sizeof(*sender));
	struct source_set set = { 0 };
	struct lade_fault fault;
	int status;

	if (!sender || lade_session_init(&sender->session, job->connection, job->settings, job->events, job->key,
					 &fault)) {
		free(sender);
		return LADE_EXIT_MEMORY;
	}
	if (start(sender, &fault) || open_walk(sender, job, &set, &fault))
		lade_session_fail(&sender->session, &fault);
	status = lade_session_run(&sender->session, &threads, sender, totals_out);
	stop(sender);
	close_sources(&set);
	free(sender);
	return status;
}
