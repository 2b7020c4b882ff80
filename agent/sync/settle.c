/*
 * Settling: what becomes of a file when nothing more is to come for it. It is committed
 * once every run of it has been judged, by one worker at a time: a slot has one verdict.
 */
#include "agent/sync/receiver_internal.h"

#include <stdlib.h>

/* Attempts at a file whose source changes each time before anything of it was sent. */
#define ATTEMPTS_MAX 4u

static void tell_of(struct lade_receiver *receiver, const struct incoming *file, enum lade_severity severity, int exit_status,
		    const char *operation, const char *reason)
{
	char *path = lade_directory_path(file->directory, file->name);

	lade_session_tell(&receiver->session, severity, exit_status, operation, path ? path : file->name, reason);
	free(path);
}

/*
 * Ask for the file once more, as it is now. A whole copy is kept in case that is better than what comes, unless it is
 * the file itself.
 */
static void try_again(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event)
{
	struct lade_recv_source source;

	if (event->whole && !file->overwrite) {
		file->kept = file->temporary;
		file->kept_mtime = file->metadata.mtime;
		file->kept_size = file->size;
		file->temporary.fd = -1;
	} else {
		lade_incoming_discard(file, &file->temporary);
	}
	if (file->delta)
		lade_delta_reset(file->delta);
	lade_session_lock(&receiver->session);
	source = lade_session_recv_source(receiver->machine, event->slot);
	file->size = source.size;
	file->metadata.mtime = (struct timespec){ .tv_sec = source.mtime_s, .tv_nsec = (long)source.mtime_ns };
	lade_session_recv_want_again(receiver->machine, event->slot, lade_session_queue(&receiver->session));
	lade_session_queued(&receiver->session, true);
	lade_session_unlock(&receiver->session);
}

/* The source would not stand still: the last whole copy is what there is. */
static bool commit_changed(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event)
{
	bool fails = receiver->keep.options & LADE_OPTION_FAIL_CHANGED;

	if (!event->whole && file->kept.fd < 0) {
		tell_of(receiver, file, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "transfer",
			file->begun ? "the file kept changing while it was read" :
			"the file kept changing while it was read; what is there was left alone");
		return false;
	}
	if (!event->whole) {
		lade_incoming_discard(file, &file->temporary);
		file->temporary = file->kept;
		file->kept.fd = -1;
		/* What this attempt has found in the old content is not about the copy. */
		if (file->delta)
			lade_delta_reset(file->delta);
		file->metadata.mtime = file->kept_mtime;
		file->size = file->kept_size;
	}
	file->unsteady = true;
	if (!lade_incoming_commit(receiver, file, event->attempt))
		return false;
	tell_of(receiver, file, LADE_REPORT_WARNING, fails ? LADE_EXIT_VANISHED : 0,
		"file changed while it was read; the next run looks at it again:", NULL);
	return true;
}

bool lade_receiver_settle(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event)
{
	bool good = false;

	switch (event->verdict) {
	case LADE_VERDICT_INTACT:
		good = lade_incoming_commit(receiver, file, event->attempt);
		break;
	case LADE_VERDICT_CHANGED:
		/* One retry; more where there is nothing yet, and nothing was sent this time: that costs next to nothing. */
		if (event->attempt == 0 ||
		    (file->temporary.fd < 0 && file->kept.fd < 0 && event->attempt < ATTEMPTS_MAX)) {
			try_again(receiver, file, event);
			return false;
		}
		good = commit_changed(receiver, file, event);
		break;
	case LADE_VERDICT_CORRUPT:
		tell_of(receiver, file, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "verify",
			"what arrived differs from what was sent, several times over");
		break;
	case LADE_VERDICT_GONE:   /* the sender has reported it */
	case LADE_VERDICT_FAILED: /* so have we */
		break;
	}
	if (!good && file->begun)
		tell_of(receiver, file, LADE_REPORT_WARNING, 0,
			"file was left half-written (--inplace); the next run goes on with it:", NULL);
	if (!good && file->leader)
		lade_receiver_leader_failed(receiver, file->leader - 1);
	return true;
}

void lade_receiver_acknowledge(struct lade_receiver *receiver, const uint32_t *slots, uint32_t count)
{
	struct lade_session *session = &receiver->session;

	lade_session_lock(session);
	for (uint32_t i = 0; i < count; i++)
		lade_session_recv_ack(receiver->machine, slots[i], lade_session_queue(session));
	session->progress.files_done += count;
	lade_session_queued(session, false);
	pthread_cond_signal(&receiver->slot_freed);
	lade_session_unlock(session);
}

void lade_receiver_stored(struct lade_receiver *receiver, uint64_t first, uint64_t count)
{
	uint64_t options = receiver->keep.options;

	if (!(options & LADE_OPTION_REMOVE_SOURCE_FILES) || (options & LADE_OPTION_DRY_RUN) || !count)
		return;
	lade_session_lock(&receiver->session);
	lade_put_stored(lade_session_queue(&receiver->session), &(struct lade_msg_stored){ first, count });
	lade_session_queued(&receiver->session, false);
	lade_session_unlock(&receiver->session);
}

void lade_receiver_settled(struct lade_receiver *receiver, const struct lade_recv_event *event)
{
	struct incoming *file = event->file;

	if (!lade_receiver_settle(receiver, file, event))
		return;
	lade_receiver_tell_file(receiver, file, NULL);
	lade_incoming_free(file);
	lade_receiver_acknowledge(receiver, &event->slot, 1);
}
