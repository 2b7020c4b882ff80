/*
 * Landing runs. A run that is copied is received, checked and written by the reader, while it is
 * in that processor's cache; handing it to another thread was measured to cost a
 * tenth of the time. A run that is spliced is checked by a worker, in the file.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/content.h"
#include "agent/sync/file_digest.h"
#include "transport/frame.h"

void lade_receiver_cannot_write(struct lade_receiver *receiver, const struct lade_recv_event *event,
				struct lade_fault *fault)
{
	struct incoming *file = event->file;

	lade_receiver_problem(receiver, file->directory, file->name, fault);
	lade_session_lock(&receiver->session);
	lade_session_recv_fail(receiver->machine, event->slot);
	lade_session_unlock(&receiver->session);
}

/*
 * [want-run] Tell the machine what a run was worth. True: that settles the file, as next_out says. Pieces of a
 * described file may have waited for the run.
 */
static bool judged(struct lade_receiver *receiver, const struct lade_recv_event *event, bool good,
		   struct lade_recv_event *next_out)
{
	struct delta *delta = ((struct incoming *)event->file)->delta;
	bool settles;

	lade_session_lock(&receiver->session);
	settles = lade_session_recv_verified(receiver->machine, event->slot, event->off, (uint32_t)event->len, good,
					     lade_session_queue(&receiver->session), next_out) == 1;
	lade_session_queued(&receiver->session, !good);
	lade_delta_wake(receiver);
	if (delta && settles)
		settles = !lade_delta_settles(delta, next_out);
	else if (delta && (good || lade_session_recv_hopeless(receiver->machine, event->slot)))
		lade_delta_landed(receiver, event);
	lade_session_unlock(&receiver->session);
	return settles;
}

/* What a stage of a run has cost the calling thread since started. */
static void count_cost(struct lade_receiver *receiver, enum lade_path path, enum lade_path_stage stage, uint64_t len,
		       int64_t started)
{
	int64_t cpu_ns = lade_path_choice_clock() - started;

	lade_session_lock(&receiver->session);
	lade_path_choice_add(&receiver->choice, path, stage, len, cpu_ns);
	lade_session_unlock(&receiver->session);
}

void lade_receiver_write_content(struct lade_receiver *receiver, const struct lade_recv_event *event, const uint8_t *data)
{
	struct incoming *file = event->file;
	struct lade_fault fault;
	int error = lade_incoming_open(receiver, file, event->attempt, &fault);

	if (!error) {
		error = lade_incoming_put(receiver, file, data, event->len, event->off);
		if (error)
			lade_fault_set(&fault, error, "write", file->name);
	}
	if (error)
		lade_receiver_cannot_write(receiver, event, &fault);
}

void lade_receiver_land_hole(struct lade_receiver *receiver, const struct lade_recv_event *event)
{
	struct incoming *file = event->file;
	struct lade_fault fault;
	int error;

	if (event->discard)
		return;
	error = lade_incoming_open(receiver, file, event->attempt, &fault);
	if (!error) {
		error = lade_content_punch(file->temporary.fd, event->off, event->len);
		if (error)
			lade_fault_set(&fault, error, "write", file->name);
	}
	if (error)
		lade_receiver_cannot_write(receiver, event, &fault);
}

void lade_receiver_verify_run(struct lade_receiver *receiver, const struct job *job, uint8_t *buffer)
{
	const struct incoming *file = job->event.file;
	const struct lade_range range = { file->temporary.fd, job->event.off, (uint32_t)job->event.len };
	int64_t started = lade_path_choice_clock();
	struct lade_recv_event next;
	uint8_t digest[LADE_DIGEST_LEN];
	bool good = false;

	if (!job->event.discard) {
		good = lade_range_digest(&range, &receiver->session.key, buffer, digest, NULL) == 0 &&
			lade_digest_equal(digest, job->digest);
		count_cost(receiver, LADE_PATH_SPLICE, LADE_STAGE_CHECK, job->event.len, started);
	}
	if (judged(receiver, &job->event, good, &next))
		lade_receiver_settled(receiver, &next);
}

/* Drop len bytes of payload. */
static int discard(struct lade_receiver *receiver, uint64_t len, struct lade_fault *fault)
{
	uint8_t scratch[16384];
	int error = 0;

	while (len && !error) {
		size_t piece = len < sizeof(scratch) ? (size_t)len : sizeof(scratch);

		error = lade_connection_read(receiver->session.connection, scratch, piece, fault);
		len -= piece;
	}
	return error;
}

/* Receive what is left of a run of which done bytes were moved. Returns as splice_run(). */
static int read_rest(struct lade_receiver *receiver, struct job *job, uint64_t done, struct lade_fault *fault)
{
	struct lade_recv_event rest = job->event;
	int error = 0;

	rest.off += done;
	rest.len -= done;
	if (!receiver->run && !(receiver->run = malloc(LADE_PAYLOAD_MAX)))
		return lade_fault_set(fault, LADE_E_MEMORY, "receive", NULL);
	error = lade_connection_read(receiver->session.connection, receiver->run, rest.len, fault);
	if (!error)
		lade_receiver_write_content(receiver, &rest, receiver->run);
	return error;
}

/*
 * Splice a run's payload into its file, whose temporary file is open. What fails on
 * the file is the file's failure; what fails on the connection is returned.
 */
static int splice_run(struct lade_receiver *receiver, struct job *job, struct lade_fault *fault)
{
	struct lade_connection *connection = receiver->session.connection;
	const struct incoming *file = job->event.file;
	struct lade_move move = {
		.in_fd = connection->in_fd, .in_off = LADE_NO_OFFSET,
		.out_fd = file->temporary.fd, .out_off = (off_t)job->event.off,
		.len = job->event.len, .path = LADE_PATH_SPLICE,
		/* The kernel's TLS may take the beginning of a record off the queue: then less than is announced is left to wait for. */
		.eager = receiver->session.settings->timeout || connection->tls,
	};
	int64_t started = lade_path_choice_clock();
	int error = lade_move(receiver->session.movers, &move, fault);

	count_cost(receiver, LADE_PATH_SPLICE, LADE_STAGE_MOVE, job->event.len, started);
	/* The kernel's TLS moves nothing past a record that is no data; a reader takes it, and fails if it was something else. */
	if (error == LADE_E_SOURCE && fault->sys_errno == EIO)
		return read_rest(receiver, job, move.consumed, fault);
	if (error == LADE_E_TARGET) {
		fault->operation = "write";
		lade_receiver_cannot_write(receiver, &job->event, fault);
		job->event.discard = true;
		return discard(receiver, job->event.len - move.consumed, fault);
	}
	if (error)
		return lade_fault_set(fault, error == LADE_E_SOURCE ? LADE_E_SYSTEM : error, "receive from",
				      connection->peer);
	return 0;
}

int lade_receiver_read_payload(struct lade_receiver *receiver, uint8_t *out, uint32_t payload_len, uint32_t raw_len,
			       struct lade_fault *fault)
{
	struct lade_connection *connection = receiver->session.connection;
	int error;

	if (payload_len == raw_len)
		return lade_frame_read_payload(connection, out, raw_len, fault);
	if (!receiver->packed)
		receiver->packed = malloc(LADE_PAYLOAD_MAX);
	if (!receiver->packed || (!receiver->codec && lade_codec_new(&receiver->codec)))
		return lade_fault_set(fault, LADE_E_MEMORY, "receive", NULL);
	error = lade_frame_read_payload(connection, receiver->packed, payload_len, fault);
	if (error)
		return error;
	if (receiver->packed_codec == LADE_CODEC_ZSTD)
		error = lade_codec_decompress(receiver->codec, lade_slice(receiver->packed, payload_len), out, raw_len);
	else
		error = lade_codec_resume(receiver->codec, receiver->packed_codec == LADE_CODEC_ZSTD_BEGIN,
					  lade_slice(receiver->packed, payload_len), out, raw_len);
	return error ? lade_fault_set(fault, error, "unpack what came from", connection->peer) : 0;
}

/* Receive a run into receiver->run. */
static int read_run(struct lade_receiver *receiver, const struct lade_recv_event *event, uint32_t payload_len,
		    struct lade_fault *fault)
{
	if (!receiver->run && !(receiver->run = malloc(LADE_PAYLOAD_MAX)))
		return lade_fault_set(fault, LADE_E_MEMORY, "receive", NULL);
	return lade_receiver_read_payload(receiver, receiver->run, payload_len, (uint32_t)event->len, fault);
}

/* Receive a run into memory; check it there, where nobody else can change it; and write it. */
static int copy_run(struct lade_receiver *receiver, const struct lade_recv_event *event, uint32_t payload_len,
		    struct lade_fault *fault)
{
	struct job settled = { .type = JOB_SETTLED };
	int64_t started = lade_path_choice_clock();
	uint8_t digest[LADE_DIGEST_LEN];
	bool good;
	int error;

	error = read_run(receiver, event, payload_len, fault);
	if (error)
		return error;
	lade_digest(&receiver->session.key, receiver->run, event->len, digest);
	good = lade_digest_equal(digest, event->digest);
	if (good)
		lade_receiver_write_content(receiver, event, receiver->run);
	if (payload_len == event->len)
		count_cost(receiver, LADE_PATH_COPY, LADE_STAGE_MOVE, event->len, started);
	if (judged(receiver, event, good, &settled.event))
		(void)lade_receiver_queue(receiver, &settled);
	return 0;
}

/* Splice a run, or let it pass by if its file has failed, and have it judged by a worker. */
static int move_run(struct lade_receiver *receiver, const struct lade_recv_event *event, uint32_t payload_len,
		    struct lade_fault *fault)
{
	struct job job = { .type = JOB_VERIFY, .event = *event };
	int error;

	memcpy(job.digest, event->digest, LADE_DIGEST_LEN);
	job.event.digest = NULL;
	if (!event->discard)
		error = splice_run(receiver, &job, fault);
	else if (payload_len != event->len) /* what is packed behind it may go on with it */
		error = read_run(receiver, event, payload_len, fault);
	else
		error = discard(receiver, payload_len, fault);
	if (!error)
		(void)lade_receiver_queue(receiver, &job);
	return error;
}

int lade_receiver_land_run(struct lade_receiver *receiver, const struct lade_recv_event *event, uint32_t payload_len,
			   struct lade_fault *fault)
{
	struct lade_session *session = &receiver->session;
	bool described = ((struct incoming *)event->file)->delta;
	struct lade_recv_event run = *event;
	/* Zeros are not found without looking. */
	bool looked_at = receiver->keep.options & LADE_OPTION_SPARSE;
	enum lade_path path;

	lade_session_lock(session);
	path = lade_path_choice_pick(&receiver->choice, event->len);
	/*
	 * Counted before it may settle its file, which may be the last one. Of a described file the pieces count, for which runs are
	 * only a part.
	 */
	if (!described)
		session->progress.bytes_done += event->len;
	session->totals.transferred_bytes += event->len;
	((struct incoming *)event->file)->moved += event->len;
	lade_session_unlock(session);
	if (!run.discard && lade_incoming_open(receiver, run.file, run.attempt, fault)) {
		lade_receiver_cannot_write(receiver, &run, fault);
		run.discard = true;
	}
	/* What is packed or encrypted must be unpacked in memory, and what was read ahead of the run is there already. */
	if (!run.discard &&
	    (path == LADE_PATH_COPY || looked_at || !lade_connection_movable_in(session->connection) || payload_len != run.len))
		return copy_run(receiver, &run, payload_len, fault);
	return move_run(receiver, &run, payload_len, fault);
}
