/*
 * A file that is made from old content, for delta.c (news and what becomes of it), delta_piece.c (a
 * piece against the basis), delta_append.c (a file that grows), delta_hole.c (a hole), delta_gap.c (asking for what the basis lacks) and delta_over.c (a basis that
 * is written over). Stays in agent/sync/.
 *
 * The reader leaves news; one worker at a time works on a file, and all but the first part of
 * struct delta is that worker's own. A worker never waits for the peer: what may not be asked for yet
 * is kept, and then pieces are left where they are, unread, so that their credit stops the sender.
 */
#ifndef LADE_AGENT_SYNC_DELTA_INTERNAL_H
#define LADE_AGENT_SYNC_DELTA_INTERNAL_H

#include "agent/sync/basis.h"
#include "agent/sync/chunk_index.h"
#include "agent/sync/receiver_internal.h"
#include "agent/sync/worth.h"

/*
 * Pieces that lack something, of one file. They have at least a gap each, or are tiny: a sender of such is made to wait, rather
 * than kept in memory.
 */
#define DELTA_PIECES_MAX 4096u

enum news_type {
	NEWS_PIECE,     /* event is the RECIPE's, bytes its chunks */
	NEWS_HOLE,      /* off, len of event have no blocks */
	NEWS_DESCRIBED, /* all pieces were said */
	NEWS_PATCH,     /* event is the PATCH's, bytes the ops */
	NEWS_LANDED,    /* off, len of event landed as a run; or nothing more will, as the machine knows */
};

/* Something that the reader heard. */
struct news {
	struct news *next;
	enum news_type type;
	struct lade_recv_event event; /* its digest and data are the next ones */
	uint8_t digest[LADE_DIGEST_LEN];
	size_t len;
	uint8_t bytes[];
};

/* News in the order in which they came. */
struct news_list {
	struct news *first, **end; /* end: where the next one is hung; NULL: list is empty and new */
};

/* A piece that lacks something still. */
struct piece {
	uint64_t off;
	uint32_t len, missing;
	uint8_t digest[LADE_DIGEST_LEN];
};

/* A stretch of new bytes that is in the basis. */
struct stretch {
	uint64_t off, old_off, len;
};

/* old_off of a stretch that was read already, from another file. */
#define STRETCH_READ UINT64_MAX

/* A stretch of new bytes that is not, up to what was looked at; len 0: there is none. */
struct gap {
	uint64_t off, len, old_off; /* old_off: where the basis goes on after what was found before it */
};

/* Whether a worker is to look at a file. */
enum delta_state { DELTA_IDLE, DELTA_READY, DELTA_BUSY };

struct delta {
	/* under the session's lock */
	struct news_list said;          /* pieces, holes, and their end: what is to be taken in order */
	struct news_list news;          /* what may be taken before them */
	enum delta_state state;
	struct delta *next_ready;
	bool settled;                   /* whoever is busy with it is to act on verdict */
	struct lade_recv_event verdict;
	bool stalled;                   /* in the receiver's list of those that wait to ask */
	struct delta *next_stalled;

	struct incoming *file;
	uint32_t slot;                  /* these two: of the first news */
	bool opened;                    /* the basis was looked for */
	bool resumed;                   /* the temporary file is that of an earlier session */
	struct lade_basis basis;        /* fd -1: there is none */
	bool in_place;                  /* so far every piece is in the basis at its own place ... */
	bool untouched;                 /* ... and the sizes are the same, so nothing was written yet */
	uint64_t in_place_to;           /* up to here */
	struct stretch *holes;          /* while untouched: ranges without blocks, which the basis may have as zeros; old_off is not used */
	size_t hole_count, hole_capacity;
	bool no_clones;                 /* extents are not shared: the file system cannot, or they would not do */
	bool own_basis;                 /* --inplace: what is written to is the basis */
	uint8_t *stays;                 /* own_basis: a bit for each chunk that is where it belongs, or NULL */
	struct kept_old *kept_old;      /* own_basis: of gaps that are not answered */
	atomic_size_t *all_kept;        /* of the receiver: set with the first of these */
	size_t last_chunk;              /* found last, or LADE_BASIS_NONE */
	struct gap gap;
	struct lade_recv_gap *asks;     /* to be asked for, from ask_first on; block_len 0: as a literal */
	size_t ask_first, ask_count, ask_capacity;
	struct piece *pieces;           /* rising */
	size_t piece_count, piece_capacity;
	struct lade_index_chunk *noted; /* with an index: the new file's chunks, as far as they were said one after another */
	size_t noted_count, noted_capacity;
	uint64_t noted_to;
	struct lade_index_place index_likely; /* where what was found in the index would go on */
	struct lade_worth worth;        /* of signatures */
};

/* The outcome of work on a file. What goes wrong with it is reported where that is found, and makes it hopeless. */
enum { DELTA_GOES_ON = 0, DELTA_SETTLED = 1 };

/* Judge a piece. Returns DELTA_SETTLED when that settles the file: then it is gone, or begins afresh. */
int lade_delta_judge(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint32_t len, bool good);

/* The file cannot be made here, as fault says: report that, and give it up. */
void lade_delta_fail(struct lade_receiver *receiver, struct delta *delta, struct lade_fault *fault);

/*
 * Write the len bytes at data to off, as far as pieces that lack something want them: what was asked for as a run meanwhile is
 * not to be overwritten. Returns as lade_incoming_put().
 */
int lade_delta_write_missing(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint32_t len,
			     const uint8_t *data);

/* len bytes from off on are there now: judge the pieces that lacked nothing else. data: they themselves, or NULL. */
int lade_delta_filled(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint64_t len,
		      const uint8_t *data, struct workspace *space);

/* ---- delta_piece.c ---- */

/* What every piece and hole needs first: the basis, if there is one, and space->piece. False: the file has failed. */
bool lade_delta_prepare(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			struct workspace *space);

/* The file that is written to is open after this, or the file has failed (false). */
bool lade_delta_need_target(struct lade_receiver *receiver, struct delta *delta, const struct news *news);

/* Leave the old places: copy what was only looked at, and cut the basis. False: the file has failed. */
bool lade_delta_leave_places(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			     struct workspace *space);

/* Read len bytes of the basis at off into buffer. False: they cannot be read. */
bool lade_delta_read_old(const struct delta *delta, uint64_t off, uint32_t len, uint8_t *buffer);

/* There is no memory for the file: it fails. */
void lade_delta_out_of_memory(struct lade_receiver *receiver, struct delta *delta);

/* [recipe] Take a piece: what the basis has is put in its place, the rest becomes gaps. */
int lade_delta_take_piece(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			  struct workspace *space);

/* Keep a piece of which missing bytes are asked for until they have come. False: no memory. */
bool lade_delta_keep_piece(struct delta *delta, const struct news *news, uint32_t missing);

/* ---- delta_append.c ---- */

/* True if len bytes at off are not to be looked for in old content: those of a file that grows, behind what it has or all of them. */
bool lade_delta_appends(const struct lade_receiver *receiver, const struct delta *delta, uint64_t off, uint64_t len);

/* So many pieces may lack something at a time: of a file that grows one, so that it grows from its end on. */
size_t lade_delta_pieces_max(const struct delta *delta);

/* True if a piece at off begins with what is taken as right (--append): its digest says nothing. */
bool lade_delta_is_trusted(const struct lade_receiver *receiver, const struct delta *delta, uint64_t off);

/* [recipe] Take a piece for which lade_delta_appends(): ask for what of it is not there. */
int lade_delta_append_piece(struct lade_receiver *receiver, struct delta *delta, const struct news *news);

/* [hole] The same of a hole: there is nothing behind the end of the file that had to go. False: the file has failed. */
bool lade_delta_append_hole(struct lade_receiver *receiver, struct delta *delta, const struct news *news);

/* ---- indexed.c ---- */

/* Remember the chunks of a piece, or a hole, of the new file. Does nothing without an index. */
void lade_indexed_note(const struct lade_receiver *receiver, struct delta *delta, const struct news *news);

/* Find a chunk in the index, read it to out, and see that it is right. *likely: where it would go on; is changed. */
bool lade_indexed_read(struct lade_receiver *receiver, const struct lade_recipe_chunk *chunk,
		       struct lade_index_place *likely, uint8_t *out);

/* True if some file begins as the file does whose first piece this is: then its path is in file->moved_from. */
bool lade_indexed_adopt(struct lade_receiver *receiver, struct incoming *file, const struct news *news);

/* ---- delta_hole.c ---- */

/* [hole] A range without blocks. */
int lade_delta_take_hole(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			 struct workspace *space);

/* Free the blocks of the holes that were noted while the file was untouched. Returns as lade_content_punch(). */
int lade_delta_punch_noted(const struct delta *delta, int fd);

/* ---- delta_over.c ---- */

/* Where a chunk of the new file is. */
struct spot {
	uint64_t off;       /* its own */
	uint64_t piece_off; /* that of its piece */
	size_t likely;      /* as in lade_basis_find() */
};

/*
 * Find a chunk in a basis that is written over: in its own place, or where the basis still has it. Returns its number, or
 * LADE_BASIS_NONE.
 */
size_t lade_delta_find_left(struct delta *delta, const struct lade_recipe_chunk *chunk, const struct spot *spot);

/* Before something is written: keep the old bytes of all gaps that are to be asked for, unless they are too many. */
void lade_delta_keep_asked(struct lade_receiver *receiver, struct delta *delta);

/* The gap->old_len bytes that were kept for a gap, or NULL; the delta's, until they are forgotten. */
const uint8_t *lade_delta_kept(struct delta *delta, const struct lade_recv_gap *gap);

/* A gap was answered: what was kept for it is not needed any more. */
void lade_delta_forget_old(struct delta *delta, const struct lade_recv_gap *gap);

/* Free what this keeps in delta. */
void lade_delta_over_fini(struct delta *delta);

/* ---- delta_gap.c ---- */

/* Ask for len new bytes at off as they are. False: no memory. */
bool lade_delta_add_literal(struct delta *delta, uint64_t off, uint64_t len);

/* Extend the gap, or begin one, by len new bytes at off. False: no memory. */
bool lade_delta_widen_gap(struct delta *delta, uint64_t off, uint64_t len);

/* Nobody knows where the basis goes on. */
#define LADE_DELTA_UNKNOWN UINT64_MAX

/*
 * The gap, if there is one, ends; right: where the basis goes on behind it, or the basis' size at the end of the file, or
 * LADE_DELTA_UNKNOWN. False: no memory.
 */
bool lade_delta_close_gap(struct delta *delta, uint64_t right);

/* [want-gap] Ask for what is to be asked for, as far as may be now. */
void lade_delta_ask(struct lade_receiver *receiver, struct delta *delta, struct workspace *space);

/* [patch] Make the bytes of a gap. */
int lade_delta_take_patch(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			  struct workspace *space);

#endif
