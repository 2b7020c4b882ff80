/*
 * A piece against the basis. As long as everything is in its old place nothing is cut here: the
 * piece is digested where it stands. From the first difference on the basis is cut, and its chunks
 * are looked up by name.
 *
 * A piece of which nothing is missing is put together in memory, checked there and written;
 * where the file system can share extents, they are shared, and checked in the new file.
 */
#include "agent/sync/delta_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/content.h"
#include "agent/sync/file_digest.h"
#include "protocol/grow.h"

/* Extents that are shorter are copied: sharing costs a call, and fragments the file. */
#define CLONE_LEAST (128u << 10)

/* A piece as it is put together. */
struct assembly {
	const struct news *said;
	uint64_t off;
	uint32_t len, missing;
	struct stretch stretches[LADE_RECIPE_MAX / (1 + LADE_CHUNK_NAME_LEN) + 1];
	size_t count;
};

void lade_delta_out_of_memory(struct lade_receiver *receiver, struct delta *delta)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_MEMORY, "receive", delta->file->name);
	lade_delta_fail(receiver, delta, &fault);
}

bool lade_delta_need_target(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	struct lade_fault fault;

	if (lade_incoming_open(receiver, delta->file, news->event.attempt, &fault) == 0)
		return true;
	lade_delta_fail(receiver, delta, &fault);
	return false;
}

static bool write_or_fail(struct lade_receiver *receiver, struct delta *delta, const uint8_t *data, size_t len, uint64_t off)
{
	struct lade_fault fault;
	int error = lade_incoming_put(receiver, delta->file, data, len, off);

	if (!error)
		return true;
	lade_fault_set(&fault, error, "write", delta->file->name);
	lade_delta_fail(receiver, delta, &fault);
	return false;
}

static bool open_moved(struct lade_receiver *receiver, struct delta *delta)
{
	const char *name;
	int fd;

	if (lade_receiver_open_parent(receiver, delta->file->moved_from, &fd, &name, NULL))
		return false;
	(void)lade_basis_open(&delta->basis, fd, name);
	close(fd);
	return delta->basis.fd >= 0;
}

static bool open_basis_elsewhere(struct delta *delta)
{
	const struct incoming *file = delta->file;
	int fd;

	if (lade_directory_pin(file->basis_directory, &fd, NULL))
		return false;
	(void)lade_basis_open(&delta->basis, fd, file->basis_name);
	lade_directory_unpin(file->basis_directory);
	return delta->basis.fd >= 0;
}

/* Look for what an earlier session left and for the basis, once. Without either everything is asked for. */
static void open_basis(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	struct incoming *file = delta->file;
	int fd;

	delta->opened = true;
	/* A clone would bring the zeros of the old file along. */
	delta->no_clones = receiver->keep.options & LADE_OPTION_SPARSE;
	if (lade_directory_pin(file->directory, &fd, NULL))
		return;
	/* The first attempt's alone: the next one's temporary file has another name. */
	if (file->left && !file->overwrite && news->event.attempt == 0)
		delta->resumed = lade_incoming_continue(receiver, file, fd) == 0;
	if ((file->existed && lade_basis_open(&delta->basis, fd, file->name) == 0) ||
	    (file->moved_from && open_moved(receiver, delta))) {
		/* Other names of it must not change with it, and it must not change with them. */
		bool single = delta->basis.st.st_nlink == 1 || file->overwrite;
		bool ours = !file->moved_from || file->may_move;

		delta->in_place = true;
		delta->untouched = ours && !delta->resumed && single && (uint64_t)delta->basis.st.st_size == file->size;
	} else if ((file->basis_name && open_basis_elsewhere(delta)) ||
		   (lade_indexed_adopt(receiver, file, news) && open_moved(receiver, delta))) {
		/*
		 * It is no file of the new one's name, and may get other names and times meanwhile, by this session too: each
		 * piece is copied as it was digested, and none is left untouched.
		 */
		delta->in_place = true;
	}
	/* To cut what is much longer than the new file would take for ever and find little. */
	if (delta->basis.fd >= 0 && (uint64_t)delta->basis.st.st_size / LADE_OLD_PARTS_MAX > file->size) {
		lade_basis_close(&delta->basis);
		delta->in_place = delta->untouched = false;
	}
	lade_directory_unpin(file->directory);
}

/* ---- in its old place ---- */

bool lade_delta_read_old(const struct delta *delta, uint64_t off, uint32_t len, uint8_t *buffer)
{
	const struct lade_range range = { delta->basis.fd, off, len };

	return lade_range_read(&range, buffer, NULL) == 0;
}

/* True if the basis has the piece at its own place; then its bytes are in space->piece. */
static bool same_place(struct lade_receiver *receiver, const struct delta *delta, const struct news *news,
		       struct workspace *space)
{
	uint64_t size = (uint64_t)delta->basis.st.st_size;
	uint8_t digest[LADE_DIGEST_LEN];

	if (news->event.off > size || news->event.len > size - news->event.off ||
	    !lade_delta_read_old(delta, news->event.off, (uint32_t)news->event.len, space->piece))
		return false;
	lade_digest(&receiver->session.pieces, space->piece, news->event.len, digest);
	return lade_digest_equal(digest, news->digest);
}

/* Copy what was found in its own place. What ends within a block cannot be shared, but at the end of the file. */
static int copy_places(struct lade_receiver *receiver, const struct delta *delta, struct lade_fault *fault)
{
	uint64_t len = delta->in_place_to;
	uint64_t rest = len < (uint64_t)delta->basis.st.st_size ? len % LADE_CONTENT_BLOCK : 0;
	struct lade_move move = {
		.in_fd = delta->basis.fd, .out_fd = delta->file->temporary.fd,
		.path = receiver->session.settings->path,
	};
	struct lade_move edge = {
		.in_fd = move.in_fd, .in_off = (off_t)(len - rest), .out_fd = move.out_fd, .out_off = (off_t)(len - rest),
		.len = rest, .path = LADE_PATH_COPY,
	};
	int error = lade_receiver_copy_extents(receiver, &move, len - rest, false, fault);

	return error || !rest ? error : lade_move(receiver->session.movers, &edge, fault);
}

int lade_delta_copy(struct lade_receiver *receiver, struct delta *delta, struct lade_fault *fault)
{
	int error = delta->own_basis ? 0 : copy_places(receiver, delta, fault);

	if (!error) {
		error = lade_delta_punch_noted(delta, delta->file->temporary.fd);
		if (error)
			lade_fault_set(fault, error, "write", delta->file->name);
	}
	if (!error && !delta->own_basis && !lade_basis_unchanged(&delta->basis))
		error = lade_fault_set(fault, LADE_E_CHANGED, "copy", delta->file->name);
	return error;
}

/*
 * The first difference in a file that so far was its own basis: what was only looked at is copied now. The kernel's copy
 * of a file that did not change meanwhile is taken as it is; if it did, the file fails, as those pieces have been judged.
 */
static bool copy_untouched(struct lade_receiver *receiver, struct delta *delta)
{
	struct lade_fault fault;
	int error;

	delta->untouched = false;
	error = lade_delta_copy(receiver, delta, &fault);
	if (!error)
		return true;
	fault.operation = error == LADE_E_TARGET ? "write" : "copy";
	lade_delta_fail(receiver, delta, &fault);
	return false;
}

/* ---- by chunks ---- */

/*
 * Add len bytes at off, which are at old_off of the basis or STRETCH_READ, to the assembly: in one stretch with what comes
 * before them where that is possible.
 */
static void add_stretch(struct assembly *assembly, uint64_t off, uint64_t old_off, uint64_t len)
{
	struct stretch *last = assembly->count ? &assembly->stretches[assembly->count - 1] : NULL;
	bool read = old_off == STRETCH_READ;

	/* What was read has no place that another one could follow. */
	if (last && last->off + last->len == off && read == (last->old_off == STRETCH_READ) &&
	    (read || last->old_off + last->len == old_off))
		last->len += len;
	else
		assembly->stretches[assembly->count++] = (struct stretch){ off, old_off, len };
}

/* One chunk of the piece. False: no memory. */
static bool place_chunk(struct lade_receiver *receiver, struct delta *delta, struct assembly *assembly, uint64_t off,
			const struct lade_recipe_chunk *chunk, struct workspace *space)
{
	size_t likely = delta->last_chunk == LADE_BASIS_NONE ? 0 : delta->last_chunk + 1;
	const struct spot spot = { off, assembly->off, likely };
	size_t found = LADE_BASIS_NONE;

	if (delta->basis.cut)
		found = delta->own_basis ? lade_delta_find_left(delta, chunk, &spot) :
			lade_basis_find(&delta->basis, chunk, likely);
	/* Another file may have what the basis does not. */
	if (found == LADE_BASIS_NONE &&
	    lade_indexed_read(receiver, chunk, &delta->index_likely, space->piece + (off - assembly->off))) {
		add_stretch(assembly, off, STRETCH_READ, chunk->len);
		return lade_delta_close_gap(delta, LADE_DELTA_UNKNOWN);
	}
	if (found == LADE_BASIS_NONE) {
		assembly->missing += chunk->len;
		return lade_delta_widen_gap(delta, off, chunk->len);
	}
	if (!lade_delta_close_gap(delta, delta->basis.chunks[found].off))
		return false;
	add_stretch(assembly, off, delta->basis.chunks[found].off, chunk->len);
	delta->last_chunk = found;
	return true;
}

/* Find the chunks of the piece in the basis. False: no memory. */
static bool place_chunks(struct lade_receiver *receiver, struct delta *delta, struct assembly *assembly,
			 struct workspace *space)
{
	const struct news *news = assembly->said;
	struct lade_recipe_chunk chunk = { assembly->len, lade_chunk_name(news->digest) };
	struct lade_reader reader;
	uint64_t off = assembly->off;

	if (!news->len)
		return place_chunk(receiver, delta, assembly, off, &chunk, space);
	lade_reader_init(&reader, news->bytes, news->len);
	while (lade_recipe_get(&reader, &chunk) == 1) {
		if (!place_chunk(receiver, delta, assembly, off, &chunk, space))
			return false;
		off += chunk.len;
	}
	return true;
}

/* Share the extents of a stretch, as far as they are aligned. Returns the bytes before them in *head_out and their length, 0 if none were. */
static uint64_t clone_stretch(struct lade_receiver *receiver, struct delta *delta, const struct stretch *stretch,
			      uint64_t *head_out)
{
	uint64_t head = (LADE_CONTENT_BLOCK - stretch->off % LADE_CONTENT_BLOCK) % LADE_CONTENT_BLOCK;
	struct lade_move move = {
		.in_fd = delta->basis.fd, .out_fd = delta->file->temporary.fd,
		.path = LADE_PATH_CLONE, .only = true,
	};
	struct lade_fault fault;

	if (delta->no_clones || delta->own_basis || stretch->old_off == STRETCH_READ ||
	    stretch->off % LADE_CONTENT_BLOCK != stretch->old_off % LADE_CONTENT_BLOCK ||
	    stretch->len < CLONE_LEAST + head)
		return 0;
	move.in_off = (off_t)(stretch->old_off + head);
	move.out_off = (off_t)(stretch->off + head);
	move.len = (stretch->len - head) / LADE_CONTENT_BLOCK * LADE_CONTENT_BLOCK;
	if (lade_move(receiver->session.movers, &move, &fault)) {
		delta->no_clones = true;
		return 0;
	}
	*head_out = head;
	return move.len;
}

/* Write a stretch whose bytes are at data. *cloned_out is set if part of it is shared instead. */
static bool put_stretch(struct lade_receiver *receiver, struct delta *delta, const struct stretch *stretch,
			const uint8_t *data, bool *cloned_out)
{
	uint64_t head = 0, cloned, tail;

	if (delta->own_basis && stretch->off == stretch->old_off)
		return true;
	cloned = clone_stretch(receiver, delta, stretch, &head);
	tail = head + cloned;
	if (!cloned)
		return write_or_fail(receiver, delta, data, stretch->len, stretch->off);
	*cloned_out = true;
	return write_or_fail(receiver, delta, data, head, stretch->off) &&
		write_or_fail(receiver, delta, data + tail, stretch->len - tail, stretch->off + tail);
}

/* True if what is in the temporary file is the piece. */
static bool landed_well(struct lade_receiver *receiver, const struct delta *delta, const struct news *news,
			struct workspace *space)
{
	const struct lade_range range = { delta->file->temporary.fd, news->event.off, (uint32_t)news->event.len };
	uint8_t digest[LADE_DIGEST_LEN];

	return lade_range_digest(&range, &receiver->session.pieces, space->buffer, digest, NULL) == 0 &&
		lade_digest_equal(digest, news->digest);
}

/*
 * A piece that the basis has at its own place, in a file that is not its own basis: its size differs, or something was
 * written. False: it did not come to be there.
 */
static bool put_in_place(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			 struct workspace *space)
{
	const struct stretch stretch = { news->event.off, news->event.off, news->event.len };
	bool cloned = false;

	return lade_delta_need_target(receiver, delta, news) && put_stretch(receiver, delta, &stretch, space->piece, &cloned) &&
		(!cloned || landed_well(receiver, delta, news, space));
}

/* Put what the basis has into its place. Returns 1, 0 if it is not what its names say, -1 if the file has failed. */
static int assemble(struct lade_receiver *receiver, struct delta *delta, struct assembly *assembly, struct workspace *space)
{
	const struct news *news = assembly->said;
	uint8_t digest[LADE_DIGEST_LEN];
	bool cloned = false;

	for (size_t i = 0; i < assembly->count; i++) {
		const struct stretch *stretch = &assembly->stretches[i];

		uint8_t *data = space->piece + (stretch->off - assembly->off);

		if (stretch->old_off == STRETCH_READ || lade_delta_read_old(delta, stretch->old_off, (uint32_t)stretch->len, data))
			continue;
		/* A piece of which something is asked for is judged when that has come, and not before. */
		if (!assembly->missing)
			return 0;
		memset(data, 0, stretch->len);
	}
	if (!assembly->missing) {
		lade_digest(&receiver->session.pieces, space->piece, assembly->len, digest);
		if (!lade_digest_equal(digest, news->digest))
			return 0;
	}
	for (size_t i = 0; i < assembly->count; i++) {
		const struct stretch *stretch = &assembly->stretches[i];

		if (!put_stretch(receiver, delta, stretch, space->piece + (stretch->off - assembly->off), &cloned))
			return -1;
	}
	return assembly->missing || !cloned || landed_well(receiver, delta, news, space);
}

bool lade_delta_keep_piece(struct delta *delta, const struct news *news, uint32_t missing)
{
	struct piece *pieces = lade_grown(delta->pieces, delta->piece_count, &delta->piece_capacity, sizeof(*pieces));
	struct piece *piece;

	if (!pieces)
		return false;
	delta->pieces = pieces;
	piece = &delta->pieces[delta->piece_count++];
	*piece = (struct piece){ news->event.off, (uint32_t)news->event.len, missing, { 0 } };
	memcpy(piece->digest, news->digest, LADE_DIGEST_LEN);
	/* No more are taken before one of them is filled: nothing that is to fill them may wait for what comes next. */
	if (delta->piece_count < lade_delta_pieces_max(delta) || lade_delta_close_gap(delta, LADE_DELTA_UNKNOWN))
		return true;
	delta->piece_count--;
	return false;
}

/* From the first difference on: the basis by its chunks. */
static int take_chunks(struct lade_receiver *receiver, struct delta *delta, const struct news *news, struct workspace *space)
{
	struct assembly *assembly = malloc(sizeof(*assembly));
	int result = DELTA_GOES_ON, made;

	if (!assembly) {
		lade_delta_out_of_memory(receiver, delta);
		return lade_delta_judge(receiver, delta, news->event.off, (uint32_t)news->event.len, false);
	}
	assembly->said = news;
	assembly->off = news->event.off;
	assembly->len = (uint32_t)news->event.len;
	assembly->missing = 0;
	assembly->count = 0;
	made = place_chunks(receiver, delta, assembly, space) ? 1 : -1;
	if (made < 0) {
		lade_delta_out_of_memory(receiver, delta);
	} else {
		lade_delta_keep_asked(receiver, delta);
		made = assemble(receiver, delta, assembly, space);
	}
	if (made == 1 && assembly->missing && !lade_delta_keep_piece(delta, news, assembly->missing)) {
		lade_delta_out_of_memory(receiver, delta);
		made = -1;
	}
	/* What is not there although it was found makes a bad piece: all of it is asked for. */
	if (made != 1 || !assembly->missing)
		result = lade_delta_judge(receiver, delta, assembly->off, assembly->len, made == 1);
	free(assembly);
	return result;
}

bool lade_delta_leave_places(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			     struct workspace *space)
{
	unsigned cut_class = delta->file->cut_class;

	delta->in_place = false;
	if (!lade_delta_need_target(receiver, delta, news) || (delta->untouched && !copy_untouched(receiver, delta)))
		return false;
	delta->basis.backwards = delta->own_basis;
	if (delta->basis.fd >= 0 &&
	    lade_basis_cut(&delta->basis, &receiver->session.names, cut_class, &space->cuts) == LADE_E_MEMORY) {
		lade_delta_out_of_memory(receiver, delta);
		return false;
	}
	delta->last_chunk = lade_basis_before(&delta->basis, delta->in_place_to);
	return true;
}

bool lade_delta_prepare(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			struct workspace *space)
{
	if (!delta->opened)
		open_basis(receiver, delta, news);
	if (!space->piece)
		space->piece = malloc(LADE_PAYLOAD_MAX);
	if (!space->piece)
		lade_delta_out_of_memory(receiver, delta);
	return space->piece;
}

int lade_delta_take_piece(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			  struct workspace *space)
{
	uint64_t off = news->event.off;
	uint32_t len = (uint32_t)news->event.len;
	bool made = false;

	if (lade_delta_appends(receiver, delta, off, len))
		return lade_delta_append_piece(receiver, delta, news);
	if (!lade_delta_prepare(receiver, delta, news, space))
		return lade_delta_judge(receiver, delta, off, len, false);
	lade_indexed_note(receiver, delta, news);
	if (delta->resumed && landed_well(receiver, delta, news, space))
		return lade_delta_judge(receiver, delta, off, len, true);
	if (delta->in_place && same_place(receiver, delta, news, space)) {
		made = delta->untouched || put_in_place(receiver, delta, news, space);
		delta->in_place_to = off + len;
		return lade_delta_judge(receiver, delta, off, len, made);
	}
	if ((delta->in_place && !lade_delta_leave_places(receiver, delta, news, space)) ||
	    !lade_delta_need_target(receiver, delta, news))
		return lade_delta_judge(receiver, delta, off, len, false);
	return take_chunks(receiver, delta, news, space);
}
