/*
 * The feeder: the one thread that writes to the connection. It sends queued control,
 * bundles of small files, runs of large ones, and on a local session descriptors.
 */
#include "agent/sync/sender_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/tree/device_file.h"
#include "agent/tree/read_open.h"
#include "transport/frame.h"

/* How runs may leave, for --path=auto. */
static const enum lade_path send_paths[] = { LADE_PATH_COPY, LADE_PATH_SENDFILE };

/* The same where they are encrypted here. */
static const enum lade_path encrypt_paths[] = { LADE_PATH_COPY, LADE_PATH_MMAP };

/* So much control does not wait for a payload, in bytes. */
#define CONTROL_MUCH 1024u

enum work_type { WORK_NONE, WORK_BUNDLE, WORK_RUN, WORK_RANGE };

struct work {
	enum work_type type;
	struct wanted_range range;
};

int lade_feed_write_control(struct feeder *feeder, uint32_t payload_len, struct lade_fault *fault)
{
	int error = feeder->control.error;

	if (error)
		return lade_fault_set(fault, error, "send", NULL);
	error = lade_frame_write(feeder->session->connection, lade_slice(feeder->control.data, feeder->control.len),
				 payload_len, fault);
	lade_writer_reset(&feeder->control);
	return error;
}

int lade_feed_stat_source(const struct source *source, int fd, struct stat *st)
{
	if (fstat(fd, st))
		return -1;
	if (source->is_device)
		lade_device_as_file(fd, st);
	return 0;
}

int lade_feed_open_source(const struct source *source, struct stat *st)
{
	struct lade_fault fault;
	int directory_fd, fd, saved;

	if (lade_directory_pin(source->directory, &directory_fd, &fault)) {
		errno = fault.sys_errno ? fault.sys_errno : ENOENT;
		return -1;
	}
	fd = lade_read_open_in(source->directory, directory_fd, source->name,
			       (source->noatime ? LADE_READ_NOATIME : 0) | (source->followed ? LADE_READ_FOLLOW : 0));
	/* A symlink or a socket by now: what was announced is no longer there. */
	saved = errno == ELOOP || errno == ENXIO ? ENOENT : errno;
	lade_directory_unpin(source->directory);
	if (fd >= 0 && lade_feed_stat_source(source, fd, st)) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && !S_ISREG(st->st_mode)) {
		saved = ENOENT; /* what was announced is no longer there */
		close(fd);
		fd = -1;
	}
	errno = saved;
	return fd;
}

void lade_feed_say_file_end(struct feeder *feeder, uint32_t slot, struct source *source, const struct stat *st)
{
	bool changed = !lade_source_same(source, st);
	struct lade_msg_file_end end = { .slot = slot, .changed = changed };

	if (changed) {
		source->device = st->st_dev;
		source->inode = st->st_ino;
		lade_source_update(source, st);
	}
	end.size = source->size;
	end.mtime_s = source->mtime.tv_sec;
	end.mtime_ns = (uint32_t)source->mtime.tv_nsec;
	lade_session_send_file_end(feeder->sender->machine, &end, &feeder->control);
}

void lade_feed_say_gone(struct feeder *feeder, uint32_t slot, const struct source *source, int error_number)
{
	char *path = lade_directory_path(source->directory, source->name);
	struct lade_fault fault;

	errno = error_number;
	lade_fault_set(&fault, LADE_E_SOURCE, "open", path ? path : source->name);
	free(path);
	if (error_number == ENOENT)
		lade_session_tell(feeder->session, LADE_REPORT_WARNING, LADE_EXIT_VANISHED, "file has vanished:",
				  fault.subject, NULL);
	else
		lade_session_report(feeder->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
	lade_session_lock(feeder->session);
	lade_session_send_file_gone(feeder->sender->machine, slot, (uint32_t)error_number, &feeder->control);
	lade_session_unlock(feeder->session);
}

/* ---- the loop ---- */

static bool bundle_ready(const struct lade_sender *sender)
{
	const struct lade_session_limits *limits = &sender->session.limits;

	return sender->small.count && (sender->small_len >= limits->bundle || sender->unanswered < limits->unanswered);
}

/* What to do next; the lock is held. Small and large files take turns. */
static struct work choose(struct feeder *feeder)
{
	struct lade_sender *sender = feeder->sender;
	bool descriptors_full = feeder->session->connection->kind == LADE_CONNECTION_PAIR &&
		sender->descriptors >= sender->session.limits.descriptors;
	bool large = feeder->large.open || (sender->large.count && !descriptors_full);
	struct work work = { WORK_NONE, { 0 } };
	const struct source *source = NULL;

	if (feeder->session->failed || sender->ending)
		return work;
	if (large)
		source = feeder->large.open ? feeder->large.source :
			sender->files[sender->large.slots[sender->large.head]];
	/* A recipe waits for credit, and what is behind it in the queue with it. */
	if (source && source->cut_class && !lade_session_send_recipe_room(sender->machine))
		large = false;
	if (sender->range_count) {
		work.type = WORK_RANGE;
		work.range = sender->ranges[sender->range_head];
		sender->range_head = (sender->range_head + 1) % LADE_WANTED_RANGES_MAX;
		sender->range_count--;
		sender->signatures_len -= work.range.signature_len;
	} else if (bundle_ready(sender) && !(large && feeder->bundle_last)) {
		work.type = WORK_BUNDLE;
	} else if (large) {
		work.type = WORK_RUN;
	}
	return work;
}

/* Wait for something to send, unless there is control to be sent. False when all was said. */
static bool next_work(struct feeder *feeder, struct lade_writer *queued, bool *has_queued, struct work *work)
{
	struct lade_session *session = feeder->session;
	bool more = true;

	lade_session_lock(session);
	for (;;) {
		*has_queued = lade_session_take(session, queued);
		*work = choose(feeder);
		if (*has_queued || work->type != WORK_NONE || feeder->control.len || lade_succession_due(session))
			break;
		more = !session->failed && !feeder->sender->ending;
		if (!more)
			break;
		pthread_cond_wait(&session->to_writer, &session->lock);
	}
	if (!more && !session->failed)
		lade_session_finish(session);
	lade_session_unlock(session);
	return more;
}

static int do_work(struct feeder *feeder, const struct work *work, struct lade_fault *fault)
{
	feeder->bundle_last = work->type == WORK_BUNDLE;
	switch (work->type) {
	case WORK_BUNDLE:
		return lade_feed_send_bundle(feeder, fault);
	case WORK_RUN:
		return lade_feed_next_run(feeder, fault);
	case WORK_RANGE:
		return lade_feed_send_range(feeder, &work->range, fault);
	case WORK_NONE:
		break;
	}
	return 0;
}

static void feed(struct feeder *feeder)
{
	struct lade_writer queued;
	struct lade_fault fault;
	struct work work;
	bool has_queued;
	int error = 0;

	while (!error && next_work(feeder, &queued, &has_queued, &work)) {
		error = lade_succession_step(feeder->session, &fault);
		if (!error && has_queued)
			error = lade_frame_write(feeder->session->connection, lade_slice(queued.data, queued.len), 0,
						 &fault);
		if (has_queued)
			lade_writer_fini(&queued);
		/* Control goes with the next payload, unless there is none at hand. */
		if (!error && feeder->control.len && (work.type == WORK_NONE || feeder->control.len >= CONTROL_MUCH))
			error = lade_feed_write_control(feeder, 0, &fault);
		if (!error)
			error = do_work(feeder, &work, &fault);
		free(work.range.signature); /* done with, or not to be done any more */
	}
	if (error)
		lade_session_write_failed(feeder->session, &fault);
}

/*
 * A failure of this thread leaves nobody to write the last words. If it was memory the connection is as good as ever; a payload that is cut
 * off by them is known by its digest.
 */
static void say_last_words(struct lade_session *session)
{
	bool no_memory;

	lade_session_lock(session);
	no_memory = session->failed && session->fault.code == LADE_E_MEMORY;
	lade_session_unlock(session);
	if (no_memory)
		lade_session_write_queue(session);
}

/* How runs leave: what moves pages instead of bytes may be forbidden here, whatever the other side asks for. */
static enum lade_path wanted_path(const struct lade_settings *settings)
{
	return settings->no_sendfile && settings->path != LADE_PATH_MMAP ? LADE_PATH_COPY : settings->path;
}

void *lade_sender_feed(void *argument)
{
	struct lade_sender *sender = argument;
	struct feeder feeder = { .sender = sender, .session = &sender->session, .window_fd = -1, .large.fd = -1,
				 .asked.fd = -1, .store_fd = -1 };
	struct lade_fault fault;

	lade_writer_init(&feeder.control, LADE_CONTROL_MAX);
	lade_writer_init(&feeder.chunks, LADE_RECIPE_MAX);
	lade_writer_init(&feeder.patch, LADE_PATCH_MAX);
	lade_writer_init(&feeder.kept, LADE_RECIPE_KEPT_MAX);
	lade_effort_init(&feeder.effort, (enum lade_compression)sender->session.settings->compression,
			 (int)sender->session.settings->level);
	lade_block_key_derive(&feeder.block_key, &sender->session.key);
	lade_path_choice_init(&feeder.choice, wanted_path(sender->session.settings),
			      lade_connection_movable_out(sender->session.connection) ? send_paths : encrypt_paths, 2);
	feeder.bundle = malloc(LADE_BUNDLE_MAX);
	if (feeder.bundle) {
		feed(&feeder);
	} else {
		lade_fault_set(&fault, LADE_E_MEMORY, "start the sender", NULL);
		lade_session_fail(&sender->session, &fault);
	}
	say_last_words(&sender->session);
	lade_feed_close_large(&feeder);
	lade_feed_close_asked(&feeder);
	lade_cut_stream_fini(&feeder.cuts);
	lade_digest_stream_free(feeder.piece);
	lade_writer_fini(&feeder.chunks);
	lade_writer_fini(&feeder.patch);
	lade_writer_fini(&feeder.kept);
	if (feeder.store_fd >= 0)
		close(feeder.store_fd);
	lade_codec_free(feeder.codec);
	free(feeder.packed);
	free(feeder.bundle);
	free(feeder.run);
	lade_direct_free(feeder.direct);
	lade_writer_fini(&feeder.control);
	return NULL;
}
