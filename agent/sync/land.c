/*
 * Landing: content into place. Workers take jobs from a bounded queue: bundles of
 * small files, runs to be checked, files that are settled, descriptors to be copied.
 *
 * A file is committed once every run of it has been judged, by one worker at a time:
 * a slot has one verdict.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"

/* Attempts at a file whose source changes each time before anything of it was sent. */
#define ATTEMPTS_MAX 4u

/* ---- the queue ---- */

uint8_t *lade_receiver_run_buffer(struct lade_receiver *receiver)
{
	struct lade_session *session = &receiver->session;
	uint8_t *buffer = NULL;

	lade_session_lock(session);
	while (!receiver->run_buffer_count && receiver->run_buffers_made == RUN_BUFFERS && !session->failed)
		pthread_cond_wait(&receiver->job_taken, &session->lock);
	if (receiver->run_buffer_count)
		buffer = receiver->run_buffers[--receiver->run_buffer_count];
	else if (!session->failed && (buffer = malloc(LADE_PAYLOAD_MAX)))
		receiver->run_buffers_made++;
	lade_session_unlock(session);
	return buffer;
}

void lade_receiver_free_run_buffer(struct lade_receiver *receiver, uint8_t *buffer)
{
	lade_session_lock(&receiver->session);
	receiver->run_buffers[receiver->run_buffer_count++] = buffer;
	pthread_cond_signal(&receiver->job_taken);
	lade_session_unlock(&receiver->session);
}

static void dispose(struct lade_receiver *receiver, const struct job *job)
{
	if (job->type == JOB_COPY)
		close(job->fd);
	if (job->type == JOB_WRITE)
		lade_receiver_free_run_buffer(receiver, job->payload);
	else
		free(job->payload);
}

bool lade_receiver_queue(struct lade_receiver *receiver, const struct job *job)
{
	struct lade_session *session = &receiver->session;
	bool failed;

	lade_session_lock(session);
	while (receiver->job_count == JOBS_MAX && !session->failed)
		pthread_cond_wait(&receiver->job_taken, &session->lock);
	failed = session->failed;
	if (!failed) {
		receiver->jobs[(receiver->job_head + receiver->job_count++) % JOBS_MAX] = *job;
		pthread_cond_signal(&receiver->job_came);
	}
	lade_session_unlock(session);
	if (failed)
		dispose(receiver, job);
	return !failed;
}

/* Wait for a job. False when the session is over. Whoever has nothing to do lets what was said go out. */
static bool take(struct lade_receiver *receiver, struct job *job_out)
{
	struct lade_session *session = &receiver->session;
	bool taken = false;

	lade_session_lock(session);
	while (!receiver->job_count && !session->failed && !session->finished) {
		lade_session_queued(session, true);
		pthread_cond_wait(&receiver->job_came, &session->lock);
	}
	if (receiver->job_count) {
		*job_out = receiver->jobs[receiver->job_head];
		receiver->job_head = (receiver->job_head + 1) % JOBS_MAX;
		receiver->job_count--;
		taken = true;
		pthread_cond_signal(&receiver->job_taken);
	}
	lade_session_unlock(session);
	return taken;
}

/* ---- incoming files ---- */

void lade_incoming_free(struct incoming *file)
{
	struct lade_fault fault;
	int fd;

	if (!file)
		return;
	if (file->temporary.fd >= 0 || file->kept.fd >= 0) {
		if (lade_directory_pin(file->directory, &fd, &fault) == 0) {
			lade_temporary_discard(&file->temporary, fd);
			lade_temporary_discard(&file->kept, fd);
			lade_directory_unpin(file->directory);
		}
		if (file->temporary.fd >= 0)
			close(file->temporary.fd);
		if (file->kept.fd >= 0)
			close(file->kept.fd);
	}
	lade_directory_unref(file->directory);
	free((void *)file->metadata.xattrs.data);
	free(file);
}

void lade_receiver_problem(struct lade_receiver *receiver, const struct lade_directory *directory, const char *name,
			   const struct lade_fault *fault)
{
	char *path = lade_directory_path(directory, name);
	struct lade_fault named = *fault;

	errno = fault->sys_errno;
	if (path && *path)
		lade_fault_set(&named, fault->code, fault->operation, path);
	named.sys_errno = fault->sys_errno;
	free(path);
	lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &named);
}

void lade_receiver_metadata_problem(struct lade_receiver *receiver, const char *path, const struct lade_fault *fault)
{
	struct lade_fault named = *fault;

	lade_fault_set(&named, fault->code, fault->operation, path);
	named.sys_errno = fault->sys_errno;
	lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &named);
}

/* Permission bits for a file while it is made: its final ones where that saves a chmod and exposes nothing, else private. */
static mode_t working_mode(const struct lade_receiver *receiver, const struct incoming *file)
{
	mode_t mode = lade_metadata_mode(&receiver->keep, &file->metadata, file->existed ? &file->existing : NULL);
	bool ours = !(receiver->keep.options & LADE_OPTION_OWNER) || receiver->keep.euid ||
		file->metadata.uid == receiver->keep.euid;

	return file->size <= LADE_SMALL_MAX && ours && !(mode & (S_ISUID | S_ISGID | S_ISVTX)) ? mode : 0600;
}

/* Two threads may both try: they find the same. */
static bool unnamed_works(struct lade_receiver *receiver, int directory_fd, const char *name)
{
	int known = atomic_load_explicit(&receiver->unnamed, memory_order_relaxed);

	if (!known) {
		known = lade_temporary_unnamed_works(directory_fd, name) ? 1 : -1;
		atomic_store_explicit(&receiver->unnamed, known, memory_order_relaxed);
	}
	return known > 0;
}

/* A small file need not be continued by another session, so it goes without a name where nothing stands in its way. */
static int open_temporary(struct lade_receiver *receiver, struct incoming *file, int directory_fd, uint32_t attempt,
			  struct lade_fault *fault)
{
	mode_t mode = working_mode(receiver, file);

	/* Another file system below may not have it. */
	if (file->in_new && file->size <= LADE_SMALL_MAX && unnamed_works(receiver, directory_fd, file->name) &&
	    lade_temporary_open_unnamed(directory_fd, file->name, mode, &file->temporary, NULL) == 0)
		return 0;
	return lade_temporary_open(directory_fd, file->name, attempt > 0, mode, &file->temporary, fault);
}

int lade_incoming_open(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt, struct lade_fault *fault)
{
	int fd, error;

	if (file->temporary.fd >= 0)
		return 0;
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	error = open_temporary(receiver, file, fd, attempt, fault);
	lade_directory_unpin(file->directory);
	return error;
}

static void touch(const struct lade_directory *directory, struct lade_receiver *receiver)
{
	struct target *target = lade_directory_user(directory);

	atomic_store_explicit(target ? &target->touched : &receiver->root.touched, true, memory_order_relaxed);
}

/* Rename into place. A directory in the way is removed if it may be. */
static int rename_into_place(struct lade_receiver *receiver, struct incoming *file, int directory_fd,
			     struct lade_fault *fault)
{
	struct stat st;
	int error;

	if (fstatat(directory_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
		error = lade_receiver_make_way(receiver, file->directory, directory_fd, file->name, fault);
		if (error)
			return error;
	}
	return lade_temporary_commit(&file->temporary, directory_fd, file->name, fault);
}

/* Give the temporary file its length, metadata and name. */
static int commit(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	const struct lade_metadata_place place = { file->temporary.fd, -1, file->name };
	struct lade_fault problem;
	struct stat st;
	int fd, error;

	if (fstat(place.fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat temporary file of", file->name);
	/* Shorter: it ends in a hole. */
	if ((uint64_t)st.st_size != file->size && ftruncate(place.fd, (off_t)file->size))
		return lade_fault_set(fault, LADE_E_SYSTEM, "set length of", file->name);
	if (lade_metadata_apply(&receiver->keep, &file->metadata, &place, &st, false, receiver->identities, &problem))
		lade_receiver_problem(receiver, file->directory, file->name, &problem);
	if ((receiver->keep.options & LADE_OPTION_FSYNC) && fsync(place.fd))
		return lade_fault_set(fault, LADE_E_SYSTEM, "fsync", file->name);
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	if (file->existed || (receiver->keep.options & LADE_OPTION_DELETE))
		error = rename_into_place(receiver, file, fd, fault);
	else
		error = lade_temporary_commit(&file->temporary, fd, file->name, fault);
	lade_directory_unpin(file->directory);
	return error;
}

static void committed(struct lade_receiver *receiver, struct incoming *file)
{
	struct lade_session *session = &receiver->session;
	char *path;

	touch(file->directory, receiver);
	lade_session_lock(session);
	session->totals.transferred++;
	if (!file->existed)
		session->totals.created++;
	lade_session_unlock(session);
	if (!(receiver->keep.options & LADE_OPTION_ITEMIZE))
		return;
	path = lade_directory_path(file->directory, file->name);
	if (path)
		lade_session_item(session, file->changes, (uint32_t)file->metadata.mode, path, NULL);
	free(path);
}

/* Commit, or report why not. */
static bool commit_or_report(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt)
{
	struct lade_fault fault;
	int error = lade_incoming_open(receiver, file, attempt, &fault);

	if (!error)
		error = commit(receiver, file, &fault);
	if (error)
		lade_receiver_problem(receiver, file->directory, file->name, &fault);
	else
		committed(receiver, file);
	return !error;
}

void lade_receiver_empty_file(struct lade_receiver *receiver, struct incoming *file)
{
	if (!commit_or_report(receiver, file, 0) && file->leader)
		lade_receiver_leader_failed(receiver, file->leader - 1);
	lade_incoming_free(file);
}

/* ---- settling ---- */

static void tell_of(struct lade_receiver *receiver, const struct incoming *file, enum lade_severity severity, int exit_status,
		    const char *operation, const char *reason)
{
	char *path = lade_directory_path(file->directory, file->name);

	lade_session_tell(&receiver->session, severity, exit_status, operation, path ? path : file->name, reason);
	free(path);
}

/* Ask for the file once more, as it is now. A whole copy is kept in case that is better than what comes. */
static void try_again(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event)
{
	struct lade_recv_source source;
	int fd;

	if (event->whole) {
		file->kept = file->temporary;
		file->kept_mtime = file->metadata.mtime;
		file->kept_size = file->size;
		file->temporary.fd = -1;
	} else if (file->temporary.fd >= 0 && lade_directory_pin(file->directory, &fd, NULL) == 0) {
		lade_temporary_discard(&file->temporary, fd);
		lade_directory_unpin(file->directory);
	}
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
	int fd;

	if (!event->whole && file->kept.fd < 0) {
		tell_of(receiver, file, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "transfer",
			"the file kept changing while it was read; what is there was left alone");
		return false;
	}
	if (!event->whole) {
		if (file->temporary.fd >= 0 && lade_directory_pin(file->directory, &fd, NULL) == 0) {
			lade_temporary_discard(&file->temporary, fd);
			lade_directory_unpin(file->directory);
		}
		file->temporary = file->kept;
		file->kept.fd = -1;
		file->metadata.mtime = file->kept_mtime;
		file->size = file->kept_size;
	}
	if (!commit_or_report(receiver, file, event->attempt))
		return false;
	tell_of(receiver, file, LADE_REPORT_WARNING, fails ? LADE_EXIT_VANISHED : 0,
		"file changed while it was read; the next run looks at it again:", NULL);
	return true;
}

/* Act on a verdict. False: another attempt is under way. */
static bool settle(struct lade_receiver *receiver, struct incoming *file, const struct lade_recv_event *event)
{
	bool good = false;

	switch (event->verdict) {
	case LADE_VERDICT_INTACT:
		good = commit_or_report(receiver, file, event->attempt);
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
	if (!good && file->leader)
		lade_receiver_leader_failed(receiver, file->leader - 1);
	return true;
}

/* [ack] Slots whose files are done with. */
static void acknowledge(struct lade_receiver *receiver, const uint32_t *slots, uint32_t count)
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

void lade_receiver_settled(struct lade_receiver *receiver, const struct lade_recv_event *event)
{
	struct incoming *file = event->file;

	if (!settle(receiver, file, event))
		return;
	lade_incoming_free(file);
	acknowledge(receiver, &event->slot, 1);
}

/* ---- jobs ---- */

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

/* A run that was spliced into its file is checked there. */
static void verify(struct lade_receiver *receiver, const struct job *job, uint8_t *buffer)
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
		ssize_t put = pwrite(fd, data, len, (off_t)off);

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

/* Content that is in memory goes into its file; a failure is the file's. */
static void write_content(struct lade_receiver *receiver, const struct lade_recv_event *event, const uint8_t *data)
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

		write_content(receiver, &job.event, job.payload);
		count_cost(receiver, &job, started);
		lade_receiver_free_run_buffer(receiver, job.payload);
		done = job;
		/* Before the verdict on what was written, which may be the last that the file waited for. */
		more = next_to_write(receiver, done.event.file, &job);
		judged(receiver, &done.event, true);
	} while (more);
}

/* A run that was received into memory is checked there, where nobody else can change it, and written. */
static void check_and_write(struct lade_receiver *receiver, const struct job *job)
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

/* One small file of a bundle, on its way through land_bundle(). */
struct record {
	struct lade_bundle_record said; /* its event borrows the digest */
	struct lade_recv_event event, settled;
	bool good, over;
};

/* Take all records of the payload to pieces; the lock is taken once. */
static int open_records(struct lade_receiver *receiver, const struct job *job, struct record *records)
{
	struct lade_session *session = &receiver->session;
	struct lade_reader reader;
	int error = 0;

	lade_reader_init(&reader, job->payload, job->payload_len);
	lade_session_lock(session);
	for (uint32_t i = 0; i < job->count && !error; i++) {
		struct record *record = &records[i];

		error = lade_bundle_get(&reader, &record->said);
		if (!error && lade_session_recv_record(receiver->machine, &record->said, &record->event) != 1)
			error = LADE_E_PROTOCOL;
		session->progress.bytes_done += record->said.data.len;
		session->totals.transferred_bytes += record->said.data.len;
	}
	lade_session_unlock(session);
	return error ? error : lade_reader_finish(&reader);
}

/* What arrived is checked in memory, then written. */
static void land_record(struct lade_receiver *receiver, struct record *record)
{
	const struct lade_recv_event *event = &record->event;
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(&receiver->session.key, event->data.data, event->data.len, digest);
	record->good = lade_digest_equal(digest, event->digest);
	if (record->good)
		write_content(receiver, event, event->data.data);
}

/* Have the machine judge all records at once. */
static void judge_records(struct lade_receiver *receiver, struct record *records, uint32_t count)
{
	struct lade_session *session = &receiver->session;
	bool all_good = true;

	lade_session_lock(session);
	for (uint32_t i = 0; i < count; i++) {
		const struct lade_recv_event *event = &records[i].event;

		records[i].over = lade_session_recv_verified(receiver->machine, event->slot, 0, (uint32_t)event->len,
							     records[i].good, lade_session_queue(session),
							     &records[i].settled) == 1;
		all_good &= records[i].good;
	}
	lade_session_queued(session, !all_good);
	lade_session_unlock(session);
}

static void land_records(struct lade_receiver *receiver, struct record *records, uint32_t count)
{
	uint32_t slots[LADE_BUNDLE_COUNT_MAX], done = 0;

	for (uint32_t i = 0; i < count; i++)
		land_record(receiver, &records[i]);
	judge_records(receiver, records, count);
	for (uint32_t i = 0; i < count; i++) {
		struct incoming *file = records[i].settled.file;

		if (!records[i].over || !settle(receiver, file, &records[i].settled))
			continue;
		lade_incoming_free(file);
		slots[done++] = records[i].settled.slot;
	}
	acknowledge(receiver, slots, done);
}

static void land_bundle(struct lade_receiver *receiver, const struct job *job)
{
	struct record *records = calloc(job->count ? job->count : 1, sizeof(*records));
	struct lade_fault fault;
	int error = records ? open_records(receiver, job, records) : LADE_E_MEMORY;

	if (error) {
		lade_fault_set(&fault, error, "understand", receiver->session.connection->peer);
		lade_session_fail(&receiver->session, &fault);
	} else {
		land_records(receiver, records, job->count);
	}
	free(records);
}

/* buffer: for digests, or NULL where nothing is to be copied. */
static void work(struct lade_receiver *receiver, const struct job *job, uint8_t *buffer)
{
	switch (job->type) {
	case JOB_BUNDLE:
		land_bundle(receiver, job);
		free(job->payload);
		break;
	case JOB_VERIFY:
		verify(receiver, job, buffer);
		break;
	case JOB_WRITE:
		check_and_write(receiver, job);
		break;
	case JOB_SETTLED:
		lade_receiver_settled(receiver, &job->event);
		break;
	case JOB_COPY:
		lade_receiver_copy(receiver, job);
		break;
	}
}

void *lade_receiver_work(void *argument)
{
	struct lade_receiver *receiver = argument;
	enum lade_path path = receiver->session.settings->path;
	/* Whoever asks for a zero-copy path by name gets it for the digests too. Without memory they are mapped as well. */
	uint8_t *buffer = path == LADE_PATH_AUTO || path == LADE_PATH_COPY ? malloc(LADE_DIGEST_BUFFER_LEN) : NULL;
	struct job job;

	while (take(receiver, &job)) {
		if (lade_session_failed(&receiver->session))
			dispose(receiver, &job);
		else
			work(receiver, &job, buffer);
	}
	free(buffer);
	return NULL;
}
