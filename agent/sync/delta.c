/*
 * A file that is made from old content: what is heard of it, who works on it, and when a piece of it is
 * judged.
 *
 * Invariants: a piece that the machine counts as pending is in said, or in pieces and lacks
 * something, or in the hands of the worker. A file whose attempt is hopeless judges all it has as
 * bad and asks for nothing. A delta with news that may be worked on is busy.
 */
#include "agent/sync/delta_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"

/* There was no news yet. */
#define NO_SLOT UINT32_MAX

/* ---- beginning and end ---- */

static void free_news(struct news_list *list)
{
	while (list->first) {
		struct news *news = list->first;

		list->first = news->next;
		free(news);
	}
	list->end = NULL;
}

static void release(struct delta *delta)
{
	free_news(&delta->said);
	free_news(&delta->news);
	lade_basis_close(&delta->basis);
	free(delta->asks);
	free(delta->pieces);
	free(delta->holes);
	free(delta->noted);
	lade_delta_over_fini(delta);
}

static void begin(struct delta *delta, struct incoming *file)
{
	*delta = (struct delta){ .file = file, .slot = NO_SLOT, .basis.fd = -1, .last_chunk = LADE_BASIS_NONE };
}

int lade_delta_new(struct incoming *file)
{
	file->delta = malloc(sizeof(*file->delta));
	if (!file->delta)
		return LADE_E_MEMORY;
	begin(file->delta, file);
	return 0;
}

void lade_delta_free(struct delta *delta)
{
	if (delta)
		release(delta);
	free(delta);
}

void lade_delta_reset(struct delta *delta)
{
	assert(delta->state == DELTA_IDLE && !delta->stalled);
	release(delta);
	begin(delta, delta->file);
}

bool lade_delta_untouched(const struct delta *delta)
{
	return delta->opened && delta->basis.fd >= 0 && delta->in_place && delta->untouched &&
		delta->in_place_to == delta->file->size;
}

bool lade_delta_is_of(const struct delta *delta, const struct stat *st)
{
	return st->st_dev == delta->basis.st.st_dev && st->st_ino == delta->basis.st.st_ino &&
		lade_basis_unchanged(&delta->basis);
}

/* ---- news ---- */

static void hang(struct news_list *list, struct news *news)
{
	if (!list->first)
		list->end = &list->first;
	*list->end = news;
	list->end = &news->next;
}

static struct news *unhang(struct news_list *list)
{
	struct news *news = list->first;

	if (news)
		list->first = news->next;
	return news;
}

static struct news *new_news(enum news_type type, const struct lade_recv_event *event)
{
	struct news *news = malloc(sizeof(*news) + event->data.len);

	if (!news)
		return NULL;
	*news = (struct news){ .type = type, .event = *event, .len = event->data.len };
	if (event->digest)
		memcpy(news->digest, event->digest, LADE_DIGEST_LEN);
	if (event->data.len)
		memcpy(news->bytes, event->data.data, event->data.len);
	news->event.digest = NULL;
	news->event.data = lade_slice(NULL, 0);
	return news;
}

/* Have a worker look at it. */
static void make_ready(struct lade_receiver *receiver, struct delta *delta)
{
	if (delta->state != DELTA_IDLE)
		return;
	delta->state = DELTA_READY;
	delta->next_ready = NULL;
	if (receiver->ready)
		receiver->last_ready->next_ready = delta;
	else
		receiver->ready = delta;
	receiver->last_ready = delta;
	pthread_cond_signal(&receiver->job_came);
}

/* Leave news; the lock is held. */
static void leave(struct lade_receiver *receiver, struct delta *delta, struct news *news)
{
	/* Once: the worker reads it without the lock. */
	if (delta->slot == NO_SLOT)
		delta->slot = news->event.slot;
	hang(news->type <= NEWS_DESCRIBED ? &delta->said : &delta->news, news);
	make_ready(receiver, delta);
}

int lade_delta_hear(struct lade_receiver *receiver, const struct lade_recv_event *event)
{
	static const enum news_type types[] = {
		[LADE_RECV_RECIPE] = NEWS_PIECE,
		[LADE_RECV_HOLE] = NEWS_HOLE,
		[LADE_RECV_DESCRIBED] = NEWS_DESCRIBED,
		[LADE_RECV_PATCH] = NEWS_PATCH,
		[LADE_RECV_ABORTED] = NEWS_LANDED,
	};
	struct news *news = new_news(types[event->type], event);

	if (!news)
		return LADE_E_MEMORY;
	leave(receiver, ((struct incoming *)event->file)->delta, news);
	return 0;
}

void lade_delta_landed(struct lade_receiver *receiver, const struct lade_recv_event *event)
{
	struct lade_recv_event bare = *event;
	struct lade_fault fault;
	struct news *news;

	bare.digest = NULL;
	bare.data = lade_slice(NULL, 0);
	news = new_news(NEWS_LANDED, &bare);
	if (news) {
		leave(receiver, ((struct incoming *)event->file)->delta, news);
		return;
	}
	lade_fault_set(&fault, LADE_E_MEMORY, "receive", NULL);
	lade_session_fail_locked(&receiver->session, &fault);
}

bool lade_delta_settles(struct delta *delta, const struct lade_recv_event *event)
{
	if (delta->state == DELTA_IDLE)
		return false;
	delta->settled = true;
	delta->verdict = *event;
	return true;
}

void lade_delta_wake(struct lade_receiver *receiver)
{
	struct delta *delta = receiver->stalled;

	if (!delta)
		return;
	receiver->stalled = delta->next_stalled;
	delta->stalled = false;
	make_ready(receiver, delta);
}

struct delta *lade_delta_take(struct lade_receiver *receiver)
{
	struct delta *delta = receiver->ready;

	if (!delta)
		return NULL;
	receiver->ready = delta->next_ready;
	delta->state = DELTA_BUSY;
	return delta;
}

/* ---- judging ---- */

int lade_delta_judge(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint32_t len, bool good)
{
	struct lade_session *session = &receiver->session;
	struct lade_recv_event verdict;
	bool settles;

	/* They are judged in their order; and settled, the file may be gone. */
	if (good && delta->file->grown_to < off + len)
		delta->file->grown_to = off + len;
	lade_session_lock(session);
	if (good)
		session->progress.bytes_done += len;
	settles = lade_session_recv_verified(receiver->machine, delta->slot, off, len, good,
					     lade_session_queue(session), &verdict) == 1;
	if (settles)
		delta->state = DELTA_IDLE;
	lade_session_queued(session, !good);
	lade_session_unlock(session);
	if (!settles)
		return DELTA_GOES_ON;
	lade_receiver_settled(receiver, &verdict);
	return DELTA_SETTLED;
}

void lade_delta_fail(struct lade_receiver *receiver, struct delta *delta, struct lade_fault *fault)
{
	const struct lade_recv_event event = { .file = delta->file, .slot = delta->slot };

	lade_receiver_cannot_write(receiver, &event, fault);
}

/* The number of the first piece that ends behind off. */
static size_t piece_at(const struct delta *delta, uint64_t off)
{
	size_t low = 0, high = delta->piece_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (delta->pieces[middle].off + delta->pieces[middle].len <= off)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Digest a piece where it landed, or from data. */
static bool is_good(struct lade_receiver *receiver, const struct delta *delta, const struct piece *piece,
		    const uint8_t *data, struct workspace *space)
{
	const struct lade_range range = { delta->file->temporary.fd, piece->off, piece->len };
	uint8_t digest[LADE_DIGEST_LEN];

	if (lade_delta_is_trusted(receiver, delta, piece->off))
		return true;
	if (data)
		lade_digest(&receiver->session.pieces, data, piece->len, digest);
	else if (lade_range_digest(&range, &receiver->session.pieces, space->buffer, digest, NULL))
		return false;
	return lade_digest_equal(digest, piece->digest);
}

int lade_delta_write_missing(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint32_t len,
			     const uint8_t *data)
{
	uint64_t end = off + len;
	int error = 0;

	for (size_t i = piece_at(delta, off); !error && i < delta->piece_count && delta->pieces[i].off < end; i++) {
		const struct piece *piece = &delta->pieces[i];
		uint64_t from = piece->off > off ? piece->off : off;
		uint64_t to = piece->off + piece->len < end ? piece->off + piece->len : end;

		error = lade_incoming_put(receiver, delta->file, data + (from - off), to - from, from);
	}
	return error;
}

int lade_delta_filled(struct lade_receiver *receiver, struct delta *delta, uint64_t off, uint64_t len,
		      const uint8_t *data, struct workspace *space)
{
	uint64_t end = off + len;
	size_t i = piece_at(delta, off), first = i, kept = i, last;

	for (; i < delta->piece_count && delta->pieces[i].off < end; i++) {
		struct piece *piece = &delta->pieces[i];
		uint64_t from = piece->off > off ? piece->off : off;
		uint64_t to = piece->off + piece->len < end ? piece->off + piece->len : end;

		piece->missing -= to - from < piece->missing ? (uint32_t)(to - from) : piece->missing;
	}
	/* Many tiny pieces may be filled at once: they are taken out of the list together. */
	for (last = i, i = first; i < last; i++) {
		const struct piece *piece = &delta->pieces[i];
		bool whole = piece->off == off && piece->len == len;

		if (piece->missing)
			delta->pieces[kept++] = *piece;
		else if (lade_delta_judge(receiver, delta, piece->off, piece->len,
					  is_good(receiver, delta, piece, whole ? data : NULL, space)) == DELTA_SETTLED)
			return DELTA_SETTLED;
	}
	if (kept < last)
		memmove(&delta->pieces[kept], &delta->pieces[last], (delta->piece_count - last) * sizeof(*delta->pieces));
	delta->piece_count -= last - kept;
	return DELTA_GOES_ON;
}

/* ---- work ---- */

/* What to do next. */
struct todo {
	struct news *news; /* NULL: none */
	bool ask;          /* something that is to be asked for may be asked for now */
	bool hopeless;
	bool settled;
	struct lade_recv_event verdict;
};

/* True if another piece may be looked at: all that is asked for because of it may be kept, and it is known how to ask. */
static bool may_go_on(const struct delta *delta)
{
	return !delta->ask_count && delta->piece_count < (delta->file->appends ? 1 : DELTA_PIECES_MAX) && lade_worth_known(&delta->worth);
}

/* False if there is nothing to do; then it is idle. */
static bool next_todo(struct lade_receiver *receiver, struct delta *delta, struct todo *todo)
{
	struct lade_session *session = &receiver->session;
	bool more;

	*todo = (struct todo){ 0 };
	lade_session_lock(session);
	todo->settled = delta->settled;
	todo->verdict = delta->verdict;
	todo->hopeless = lade_session_recv_hopeless(receiver->machine, delta->slot);
	todo->ask = delta->ask_count && !delta->stalled && !todo->hopeless;
	if (!todo->settled)
		todo->news = unhang(&delta->news);
	if (!todo->settled && !todo->news && (todo->hopeless || may_go_on(delta)))
		todo->news = unhang(&delta->said);
	more = todo->settled || todo->news || todo->ask || (todo->hopeless && delta->piece_count);
	if (session->failed)
		more = false;
	if (todo->settled || !more)
		delta->state = DELTA_IDLE;
	lade_session_unlock(session);
	if (!more)
		free(todo->news);
	return more;
}

/* [recipe-credit] A piece is out of the way. */
static void give_credit(struct lade_receiver *receiver, const struct news *news)
{
	struct lade_session *session = &receiver->session;

	lade_session_lock(session);
	lade_session_recv_recipe_done(receiver->machine, news->event.encoded_len, lade_session_queue(session));
	lade_session_queued(session, false);
	lade_session_unlock(session);
}

/* Nothing will become of this attempt: let go of what waits, and judge what is there. */
static int give_up(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	struct delta **link;

	lade_session_lock(&receiver->session);
	for (link = &receiver->stalled; delta->stalled && *link; link = &(*link)->next_stalled) {
		if (*link == delta) {
			*link = delta->next_stalled;
			delta->stalled = false;
			break;
		}
	}
	/* It may have been woken in the place of another one. */
	lade_delta_wake(receiver);
	lade_session_unlock(&receiver->session);
	delta->ask_count = 0;
	delta->gap.len = 0;
	while (delta->piece_count) {
		const struct piece *piece = &delta->pieces[--delta->piece_count];

		if (lade_delta_judge(receiver, delta, piece->off, piece->len, false) == DELTA_SETTLED)
			return DELTA_SETTLED;
	}
	if (news && (news->type == NEWS_PIECE || news->type == NEWS_HOLE))
		return lade_delta_judge(receiver, delta, news->event.off,
					news->type == NEWS_PIECE ? (uint32_t)news->event.len : 0, false);
	return DELTA_GOES_ON;
}

static int act(struct lade_receiver *receiver, struct delta *delta, const struct news *news, struct workspace *space)
{
	struct lade_fault fault;

	switch (news->type) {
	case NEWS_PIECE:
		return lade_delta_take_piece(receiver, delta, news, space);
	case NEWS_HOLE:
		return lade_delta_take_hole(receiver, delta, news, space);
	case NEWS_DESCRIBED:
		if (lade_delta_close_gap(delta, delta->basis.fd >= 0 ? (uint64_t)delta->basis.st.st_size : 0))
			return DELTA_GOES_ON;
		lade_fault_set(&fault, LADE_E_MEMORY, "receive", NULL);
		lade_delta_fail(receiver, delta, &fault);
		return DELTA_GOES_ON;
	case NEWS_PATCH:
		return lade_delta_take_patch(receiver, delta, news, space);
	case NEWS_LANDED:
		return lade_delta_filled(receiver, delta, news->event.off, news->event.len, NULL, space);
	}
	return DELTA_GOES_ON;
}

void lade_delta_work(struct lade_receiver *receiver, struct delta *delta, struct workspace *space)
{
	int result = DELTA_GOES_ON;
	struct todo todo;

	while (result == DELTA_GOES_ON && next_todo(receiver, delta, &todo)) {
		if (todo.settled) {
			lade_receiver_settled(receiver, &todo.verdict);
			return;
		}
		if (todo.news && todo.news->type == NEWS_PIECE)
			give_credit(receiver, todo.news);
		if (todo.hopeless)
			result = give_up(receiver, delta, todo.news);
		else if (todo.news)
			result = act(receiver, delta, todo.news, space);
		else
			lade_delta_ask(receiver, delta, space);
		free(todo.news);
	}
}
