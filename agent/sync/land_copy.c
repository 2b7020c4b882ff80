/*
 * Local copies: the source's descriptor came along, and the kernel does the rest: it
 * clones, or copies extent by extent, so that holes stay holes.
 */
#include "agent/sync/receiver_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/content.h"
#include "agent/sync/file_digest.h"

/* Bytes that -S looks at at a time. */
#define LOOK_LEN (256u << 10)

/* Do as lade_move() does, but by way of memory, where zeros are found. over: something may stand there. */
static int move_looking(const struct lade_receiver *receiver, const struct lade_move *move, bool over, struct lade_fault *fault)
{
	const struct lade_content content = { move->out_fd, true, over, lade_incoming_is_allocated(receiver) };
	uint8_t *buffer = malloc(LOOK_LEN);
	int error = buffer ? 0 : lade_fault_set(fault, LADE_E_MEMORY, "copy", NULL);

	for (uint64_t done = 0; done < move->len && !error; done += LOOK_LEN) {
		uint64_t left = move->len - done;
		const struct lade_range range = {
			move->in_fd, (uint64_t)move->in_off + done, left < LOOK_LEN ? (uint32_t)left : LOOK_LEN,
		};

		lade_throttle_take_all(move->throttle, range.len);
		error = lade_range_read(&range, buffer, fault);
		if (error)
			break;
		error = lade_content_put(&content, buffer, range.len, (uint64_t)move->out_off + done);
		if (error)
			lade_fault_set(fault, error, "write", NULL);
		lade_move_count(move, range.len);
	}
	free(buffer);
	return error;
}

/* What stands in the place of a hole goes. */
static int make_hole(const struct lade_move *move, off_t from, off_t to, struct lade_fault *fault)
{
	int error = from < to ? lade_content_punch(move->out_fd, (uint64_t)from, (uint64_t)(to - from)) : 0;

	return error ? lade_fault_set(fault, error, "write", NULL) : 0;
}

int lade_receiver_copy_extents(struct lade_receiver *receiver, struct lade_move *move, uint64_t size, bool over,
			       struct lade_fault *fault)
{
	off_t data = 0, hole = 0;
	int error = 0;

	while (!error && (uint64_t)data < size) {
		data = lseek(move->in_fd, data, SEEK_DATA);
		if (data < 0 || (uint64_t)data >= size)
			data = (off_t)size; /* ENXIO: the rest is a hole */
		if (over || lade_incoming_is_allocated(receiver))
			error = make_hole(move, hole, data, fault);
		lade_move_count(move, (uint64_t)(data - hole));
		if (error || (uint64_t)data == size)
			break;
		hole = lseek(move->in_fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > size)
			hole = (off_t)size;
		move->in_off = move->out_off = data;
		move->len = (uint64_t)(hole - data);
		move->consumed = move->moved = 0;
		error = receiver->keep.options & LADE_OPTION_SPARSE ? move_looking(receiver, move, over, fault) :
			lade_move(receiver->session.movers, move, fault);
		data = hole;
	}
	return error;
}

/* How a local copy is made, and how it went. */
struct copy {
	int in_fd;                      /* the source; borrowed */
	struct lade_throttle *throttle; /* of what stands for a transfer; else NULL */
	_Atomic uint64_t *counter;      /* where what stands for a transfer is counted; else NULL */
	struct stat after;              /* the source, when it was done */
	bool whole;                     /* all that was announced was copied */
	bool changed;                   /* the source is not what was announced, or moved meanwhile */
};

static int copy_content(struct lade_receiver *receiver, const struct incoming *file, const struct copy *copy,
			const struct stat *st, struct lade_fault *fault)
{
	struct lade_move move = {
		.in_fd = copy->in_fd, .out_fd = file->temporary.fd, .len = (uint64_t)st->st_size,
		.path = receiver->session.settings->path, .throttle = copy->throttle, .counter = copy->counter,
	};
	struct lade_move clone = move;

	/* -S: a clone would keep blocks of zeros. */
	if (receiver->keep.options & LADE_OPTION_SPARSE)
		return lade_receiver_copy_extents(receiver, &move, move.len, file->overwrite, fault);
	if ((uint64_t)st->st_blocks * 512 >= move.len)
		return lade_move(receiver->session.movers, &move, fault);
	/* A clone keeps holes; everything else fills them. */
	clone.path = LADE_PATH_CLONE;
	clone.only = true;
	if ((move.path == LADE_PATH_AUTO || move.path == LADE_PATH_CLONE) &&
	    lade_move(receiver->session.movers, &clone, fault) == 0)
		return 0;
	return lade_receiver_copy_extents(receiver, &move, move.len, file->overwrite, fault);
}

static bool same_content(struct lade_receiver *receiver, int in_fd, int out_fd, uint64_t size)
{
	uint8_t source[LADE_DIGEST_LEN], copy[LADE_DIGEST_LEN];

	return lade_file_digest(in_fd, size, &receiver->session.key, source, NULL) == 0 &&
		lade_file_digest(out_fd, size, &receiver->session.key, copy, NULL) == 0 &&
		lade_digest_equal(source, copy);
}

static bool is_as_it_was(const struct stat *before, const struct stat *after)
{
	return after->st_size == before->st_size && !memcmp(&after->st_mtim, &before->st_mtim, sizeof(before->st_mtim)) &&
		!memcmp(&after->st_ctim, &before->st_ctim, sizeof(before->st_ctim));
}

/* Make the temporary file a copy of the source. */
static int copy_file(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt, struct copy *copy,
		     struct lade_fault *fault)
{
	struct stat before, *after = &copy->after;
	int error;

	if (fstat(copy->in_fd, &before) || !S_ISREG(before.st_mode))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat source of", file->name);
	*after = before;
	copy->changed = (uint64_t)before.st_size != file->size;
	if (copy->changed)
		return 0;
	error = lade_incoming_open(receiver, file, attempt, fault);
	if (!error)
		error = copy_content(receiver, file, copy, &before, fault);
	if (fstat(copy->in_fd, after))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat source of", file->name);
	copy->whole = !error;
	copy->changed = !is_as_it_was(&before, after);
	if (error == LADE_E_SHRUNK)
		copy->changed = true;
	else if (error)
		return error;
	if (!copy->changed && (receiver->keep.options & LADE_OPTION_VERIFY) &&
	    !same_content(receiver, copy->in_fd, file->temporary.fd, file->size))
		return lade_fault_set(fault, LADE_E_CHANGED, "verify the copy of", file->name);
	return 0;
}

int lade_receiver_copy_local(struct lade_receiver *receiver, struct incoming *file, int in_fd, const struct stat *expected,
			     struct lade_fault *fault)
{
	struct copy copy = { .in_fd = in_fd };
	int error = copy_file(receiver, file, 0, &copy, fault);

	if (!error && (copy.changed || copy.after.st_dev != expected->st_dev || copy.after.st_ino != expected->st_ino ||
		       !is_as_it_was(expected, &copy.after)))
		error = lade_fault_set(fault, LADE_E_CHANGED, "copy", file->name);
	return error;
}

/* [descriptor] */
void lade_receiver_copy(struct lade_receiver *receiver, const struct job *job)
{
	struct lade_session *session = &receiver->session;
	struct incoming *file = job->event.file;
	struct lade_recv_source source = { 0 };
	struct lade_recv_event event;
	struct lade_fault fault;
	struct copy copy = { .in_fd = job->fd, .throttle = session->connection->throttle, .counter = &session->copied };
	bool failed;

	failed = copy_file(receiver, file, job->event.attempt, &copy, &fault);
	close(job->fd);
	if (failed) {
		/* A mover names its system call; people know reading and writing. */
		if (fault.code == LADE_E_TARGET || fault.code == LADE_E_SOURCE)
			fault.operation = fault.code == LADE_E_TARGET ? "write" : "read source of";
		lade_receiver_problem(receiver, file->directory, file->name, &fault);
	}
	source = (struct lade_recv_source){ (uint64_t)copy.after.st_size, copy.after.st_mtim.tv_sec,
					    (uint32_t)copy.after.st_mtim.tv_nsec };
	lade_session_lock(session);
	if (failed)
		lade_session_recv_fail(receiver->machine, job->event.slot);
	session->progress.bytes_done += file->size;
	session->totals.transferred_bytes += file->size;
	file->moved += file->size;
	lade_session_recv_copied(receiver->machine, job->event.slot, copy.whole, copy.changed, &source, &event);
	lade_session_unlock(session);
	lade_receiver_settled(receiver, &event);
}
