/*
 * Landing runs: those that were spliced into their file are checked there, those that were
 * received into memory are checked and written.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"

/*
 * Bytes of one write. A longer one makes the page cache take larger folios, which are fresh memory
 * as a rule: on a virtual machine 2 GiB to ext4 took three times as long by 1 MiB as by 128 KiB.
 */
#define WRITE_PIECE ((size_t)128 << 10)

/* [want-run] Tell the machine what a run was worth, and go on if that settles the file. */
static void judged(struct lade_receiver *receiver, const struct lade_recv_event *event, bool good)
{
	struct lade_recv_event next;
	int step;

	lade_session_lock(&receiver->session);
	step = lade_session_recv_verified(receiver->machine, event->slot, event->off, (uint32_t)event->len, good,
					  lade_session_queue(&receiver->session), &next);
	lade_session_queued(&receiver->session, !good);
	lade_session_unlock(&receiver->session);
	if (step == 1)
		lade_receiver_settled(receiver, &next);
}

/* What a run has cost the calling thread since started. */
static void count_cost(struct lade_receiver *receiver, const struct job *job, int64_t started)
{
	int64_t cpu_ns = lade_path_choice_clock() - started;

	lade_session_lock(&receiver->session);
	lade_path_choice_add(&receiver->choice, job->path, job->event.len, cpu_ns);
	lade_session_unlock(&receiver->session);
}

void lade_receiver_verify_run(struct lade_receiver *receiver, const struct job *job, uint8_t *buffer)
{
	const struct incoming *file = job->event.file;
	const struct lade_range range = { file->temporary.fd, job->event.off, (uint32_t)job->event.len };
	int64_t started = lade_path_choice_clock();
	uint8_t digest[LADE_DIGEST_LEN];
	bool good = !job->event.discard &&
		lade_range_digest(&range, &receiver->session.key, buffer, digest, NULL) == 0 &&
		lade_digest_equal(digest, job->digest);

	count_cost(receiver, job, started);
	judged(receiver, &job->event, good);
}

/* Write len bytes at off. */
static int write_at(int fd, const uint8_t *data, size_t len, uint64_t off)
{
	while (len) {
		ssize_t put = pwrite(fd, data, len < WRITE_PIECE ? len : WRITE_PIECE, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return LADE_E_TARGET;
		data += put;
		off += (uint64_t)put;
		len -= (size_t)put;
	}
	return 0;
}

void lade_receiver_write_content(struct lade_receiver *receiver, const struct lade_recv_event *event, const uint8_t *data)
{
	struct incoming *file = event->file;
	struct lade_fault fault;
	int error = lade_incoming_open(receiver, file, event->attempt, &fault);

	if (!error && write_at(file->temporary.fd, data, event->len, event->off))
		error = lade_fault_set(&fault, LADE_E_TARGET, "write", file->name);
	if (!error)
		return;
	lade_receiver_problem(receiver, file->directory, file->name, &fault);
	lade_session_lock(&receiver->session);
	lade_session_recv_fail(receiver->machine, event->slot);
	lade_session_unlock(&receiver->session);
}

/*
 * Writing to one file is one worker's business at a time: the kernel locks the inode for a
 * write, and a second writer would burn a processor waiting for it. Returns true if that
 * is the caller for this run's file; otherwise whoever is at it has been given the run.
 */
static bool begin_writing(struct lade_receiver *receiver, const struct job *job)
{
	struct incoming *file = job->event.file;
	bool ours;

	lade_session_lock(&receiver->session);
	ours = !file->writing;
	file->writing = true;
	if (!ours)
		receiver->waiting[receiver->waiting_count++] = *job;
	lade_session_unlock(&receiver->session);
	return ours;
}

/* The next run that waits for file. False: there is none, and the caller has ended writing to it. */
static bool next_to_write(struct lade_receiver *receiver, struct incoming *file, struct job *job_out)
{
	unsigned i = 0;
	bool more;

	lade_session_lock(&receiver->session);
	while (i < receiver->waiting_count && receiver->waiting[i].event.file != file)
		i++;
	more = file->writing = i < receiver->waiting_count;
	if (more) {
		*job_out = receiver->waiting[i];
		receiver->waiting_count--;
		memmove(&receiver->waiting[i], &receiver->waiting[i + 1],
			(receiver->waiting_count - i) * sizeof(receiver->waiting[0]));
	}
	lade_session_unlock(&receiver->session);
	return more;
}

/* Write a checked run, and those that other workers leave for the same file meanwhile. */
static void write_runs(struct lade_receiver *receiver, const struct job *first)
{
	struct job job = *first, done;
	bool more;

	do {
		int64_t started = lade_path_choice_clock();

		lade_receiver_write_content(receiver, &job.event, job.payload);
		count_cost(receiver, &job, started);
		lade_receiver_free_run_buffer(receiver, job.payload);
		done = job;
		/* Before the verdict on what was written, which may be the last that the file waited for. */
		more = next_to_write(receiver, done.event.file, &job);
		judged(receiver, &done.event, true);
	} while (more);
}

void lade_receiver_write_run(struct lade_receiver *receiver, const struct job *job)
{
	int64_t started = lade_path_choice_clock();
	uint8_t digest[LADE_DIGEST_LEN];
	bool good;

	lade_digest(&receiver->session.key, job->payload, job->event.len, digest);
	good = lade_digest_equal(digest, job->digest);
	count_cost(receiver, job, started);
	if (!good) {
		lade_receiver_free_run_buffer(receiver, job->payload);
		judged(receiver, &job->event, false);
	} else if (begin_writing(receiver, job)) {
		write_runs(receiver, job);
	}
}
