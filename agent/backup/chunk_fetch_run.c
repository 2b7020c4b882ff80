/*
 * Many chunks: sorted by where they are, cut into segments of packs, which threads take one after the other. A thread reads a segment in steps of some blocks into its window, opens what is in there, and
 * carries the beginning of a chunk that is not all there over to the next step. So each block is read once, but for the one at a seam of two segments.
 *
 * What cannot be had from the first place that the map has is looked for in all of them, by itself.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/chunk_fetch_internal.h"
#include "agent/store/name_table.h"

/* Bytes that are read at once, and of a pack that one thread goes through. */
#define STEP_LEN (4u * LADE_FETCH_BLOCK_LEN)
#define SEGMENT_LEN_MIN (2u * LADE_FETCH_BLOCK_LEN)
#define SEGMENT_LEN_MAX (16u * LADE_FETCH_BLOCK_LEN)

/* The number of a pack that is none: of chunks that no table has. */
#define NOWHERE UINT32_MAX

/* A want, and the first place of it. */
struct item {
	uint32_t pack; /* its number in the run */
	uint32_t off, sealed_len;
	uint32_t want;
};

struct run {
	struct lade_chunk_fetch *fetch;
	const struct lade_chunk_want *wants;
	const struct lade_chunk_fetch_events *events;
	struct item *items;
	uint32_t count;
	struct lade_name_table packs; /* their names */
	uint64_t segment_len, block_len; /* what one thread takes; what reads begin and end at */
	pthread_mutex_t lock;  /* of next, and of error and its fault */
	uint32_t next;         /* the first item that nobody has taken */
	_Atomic bool stops;
	int error;
	struct lade_fault *fault;
};

/* ---- planning ---- */

/* Where a want is. */
struct finding {
	struct run *run;
	const struct lade_chunk_want *want;
	struct item *item;
};

static int take_place(void *context, const struct lade_chunk_place *place)
{
	const struct finding *finding = context;
	const struct lade_pack_row *row = &place->row;
	int error;

	if (row->len != finding->want->len || row->sealed_len > row->len + LADE_SEAL_TAG_LEN || row->sealed_len <= LADE_SEAL_TAG_LEN ||
	    row->off >= LADE_PACK_LEN)
		return 0;
	error = lade_name_table_add(&finding->run->packs, place->pack, &finding->item->pack);
	if (error)
		return error;
	finding->item->off = row->off;
	finding->item->sealed_len = row->sealed_len;
	return 1;
}

static int by_place(const void *a, const void *b)
{
	const struct item *first = a, *second = b;

	if (first->pack != second->pack)
		return first->pack < second->pack ? -1 : 1;
	if (first->off != second->off)
		return first->off < second->off ? -1 : 1;
	return first->want < second->want ? -1 : first->want > second->want;
}

static int plan(struct run *run)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < run->count; i++) {
		struct finding finding = { .run = run, .want = &run->wants[i], .item = &run->items[i] };
		const struct lade_chunk_map_visit visit = { .id = run->wants[i].id, .kind = run->wants[i].kind, .visit = take_place, .context = &finding };
		int error = 0;

		run->items[i] = (struct item){ .pack = NOWHERE, .want = i };
		if (run->wants[i].len && run->wants[i].len <= lade_stream_greatest(&run->fetch->lengths, run->wants[i].kind))
			error = lade_chunk_map_visit(run->fetch->setup.map, &visit);
		if (error == LADE_E_MEMORY || error == LADE_E_LIMIT)
			return error;
		total += run->items[i].sealed_len;
	}
	qsort(run->items, run->count, sizeof(*run->items), by_place);
	run->segment_len = total / (run->fetch->setup.threads * 4u);
	if (run->segment_len < SEGMENT_LEN_MIN)
		run->segment_len = SEGMENT_LEN_MIN;
	if (run->segment_len > SEGMENT_LEN_MAX)
		run->segment_len = SEGMENT_LEN_MAX;
	return 0;
}

/* ---- a segment ---- */

/* Items first to end - 1, all of one pack. */
struct segment {
	uint32_t first, end;
};

/* What a thread has at hand of a segment's pack: len bytes at off. */
struct window {
	const struct run *run;
	const struct segment *segment;
	struct fetch_hand *hand;
	const struct lade_open_pack *pack; /* NULL: it does not open */
	uint64_t off;
	size_t len;
};

static uint64_t block_up(const struct window *window, uint64_t off)
{
	const uint64_t block_len = window->run->block_len, end = (off + block_len - 1) / block_len * block_len;

	return end < window->pack->len ? end : window->pack->len;
}

/* How far to read from `from` on for item: to the end of its last block, and as far as the next ones go on from there, but not further than a step. */
static uint64_t reach(const struct window *window, uint32_t item)
{
	const struct item *items = window->run->items;
	const uint64_t from = window->off + window->len;
	uint64_t end = block_up(window, (uint64_t)items[item].off + items[item].sealed_len);

	for (uint32_t i = item + 1; i < window->segment->end && end < from + STEP_LEN && items[i].off <= end; i++) {
		const uint64_t next = block_up(window, (uint64_t)items[i].off + items[i].sealed_len);

		if (next > end)
			end = next < from + STEP_LEN ? next : block_up(window, from + STEP_LEN);
	}
	return end;
}

/* Have the window hold the chunk of item; what is before it is of no more use. */
static int cover(struct window *window, uint32_t item, struct lade_fault *fault)
{
	const uint64_t off = window->run->items[item].off, end = off + window->run->items[item].sealed_len;
	uint64_t until;
	int error;

	if (end > window->pack->len)
		return lade_fault_set(fault, LADE_E_CHANGED, "read", window->pack->object);
	if (off >= window->off && end <= window->off + window->len)
		return 0;
	if (off >= window->off && off < window->off + window->len) {
		const size_t gone = (size_t)(off - window->off);

		memmove(window->hand->window.data, window->hand->window.data + gone, window->len - gone);
		window->off = off;
		window->len -= gone;
	} else {
		window->off = off - off % window->run->block_len;
		window->len = 0;
	}
	until = reach(window, item);
	error = fetch_buffer_grow(&window->hand->window, (size_t)(until - window->off));
	if (error)
		return lade_fault_set(fault, error, "fetch chunks", NULL);
	error = lade_store_get(window->run->fetch->setup.repository->store, window->pack->object, window->off + window->len,
			       (size_t)(until - window->off) - window->len, window->hand->window.data + window->len, fault);
	window->len = error ? 0 : (size_t)(until - window->off);
	return error;
}

/* Open the chunk of an item from the window. */
static int open_item(struct window *window, const struct item *item, struct lade_slice *chunk_out)
{
	const struct lade_chunk_want *want = &window->run->wants[item->want];
	struct lade_chunk_sealed sealed = { .chunks = window->pack->chunks, .sealed = window->hand->window.data + (item->off - window->off) };
	int error = fetch_buffer_grow(&window->hand->plain, want->len);

	sealed.room = window->hand->plain.data;
	memcpy(sealed.row.id, want->id, sizeof(sealed.row.id));
	sealed.row.kind = want->kind;
	sealed.row.off = item->off;
	sealed.row.sealed_len = item->sealed_len;
	sealed.row.len = want->len;
	return error ? error : lade_chunk_opener_open(window->hand->opener, &sealed, chunk_out);
}

/* True if both want the same chunk from the same place. */
static bool is_same(const struct run *run, const struct item *a, const struct item *b)
{
	const struct lade_chunk_want *first = &run->wants[a->want], *second = &run->wants[b->want];

	return a->pack == b->pack && a->off == b->off && a->sealed_len == b->sealed_len && first->kind == second->kind && first->len == second->len &&
	       !memcmp(first->id, second->id, sizeof(first->id));
}

/* Tell of the items from first to end, which want the same chunk: that it is there, or why it is not. */
static int tell(const struct run *run, uint32_t first, uint32_t end, const struct lade_slice *chunk, struct lade_fault *fault)
{
	int error = 0;

	for (uint32_t i = first; i < end && !error; i++) {
		const struct lade_chunk_want *want = &run->wants[run->items[i].want];

		error = chunk ? run->events->deliver(run->events->context, want, *chunk, fault) : run->events->failed(run->events->context, want, fault);
	}
	return error;
}

/* A chunk of the segment: from where items has it, or from wherever else it is. */
static int do_chunk(struct window *window, uint32_t item, struct lade_slice *chunk_out, struct lade_fault *fault)
{
	const struct run *run = window->run;
	int error = window->pack ? cover(window, item, fault) : LADE_E_ABSENT;

	if (!error)
		error = open_item(window, &run->items[item], chunk_out);
	if (error == LADE_E_MEMORY)
		return lade_fault_set(fault, error, "fetch chunks", NULL);
	if (!error)
		return 0;
	/* That takes the hand's window, too. */
	window->len = 0;
	return fetch_anywhere(run->fetch, window->hand, &run->wants[run->items[item].want], chunk_out, fault);
}

static int do_segment(struct run *run, struct fetch_hand *hand, const struct segment *segment, struct lade_fault *fault)
{
	const uint32_t number = run->items[segment->first].pack;
	struct window window = { .run = run, .segment = segment, .hand = hand };
	struct lade_open_pack *pack = NULL;
	int error = 0;

	/* If it does not open, each chunk is looked for elsewhere. */
	if (number != NOWHERE && !lade_pack_source_take(run->fetch->packs, run->packs.names[number], &pack, NULL))
		window.pack = pack;
	for (uint32_t i = segment->first, end; i < segment->end && !error && !run->stops; i = end) {
		struct lade_slice chunk = { NULL, 0 };

		for (end = i + 1; end < segment->end && is_same(run, &run->items[i], &run->items[end]);)
			end++;
		error = do_chunk(&window, i, &chunk, fault);
		if (error != LADE_E_MEMORY)
			error = tell(run, i, end, error ? NULL : &chunk, fault);
	}
	lade_pack_source_give(run->fetch->packs, pack);
	return error;
}

/* ---- threads ---- */

/* The next segment; false: there is none. */
static bool take_segment(struct run *run, struct segment *segment)
{
	pthread_mutex_lock(&run->lock);
	segment->first = run->next;
	while (run->next < run->count) {
		const struct item *first = &run->items[segment->first], *item = &run->items[run->next];

		if (item->pack != first->pack || (item->off >= first->off + run->segment_len && item->off != item[-1].off))
			break;
		run->next++;
	}
	segment->end = run->next;
	pthread_mutex_unlock(&run->lock);
	return segment->first < segment->end;
}

/* The run ends with an error; the first one counts. */
static void stop(struct run *run, int error, const struct lade_fault *fault)
{
	run->stops = true;
	pthread_mutex_lock(&run->lock);
	if (!run->error) {
		run->error = error;
		if (run->fault)
			*run->fault = *fault;
	}
	pthread_mutex_unlock(&run->lock);
}

static void *work(void *argument)
{
	struct run *run = argument;
	struct lade_fault fault = { .code = 0 };
	struct fetch_hand *hand = NULL;
	struct segment segment;
	int error = fetch_hand_take(run->fetch, &hand, &fault);

	while (!error && !run->stops && take_segment(run, &segment))
		error = do_segment(run, hand, &segment, &fault);
	if (error)
		stop(run, error, &fault);
	if (hand)
		fetch_hand_give(run->fetch, hand);
	return NULL;
}

/* Work with as many threads as there are segments for, this one among them; fewer, if no more can be started. */
static void work_together(struct run *run)
{
	pthread_t threads[LADE_FETCH_THREADS_MAX];
	const unsigned limit = run->fetch->setup.threads < LADE_FETCH_THREADS_MAX ? run->fetch->setup.threads : LADE_FETCH_THREADS_MAX;
	unsigned count = 0;
	const uint64_t useful = run->count < limit ? run->count : limit;

	while (count + 1 < useful && !pthread_create(&threads[count], NULL, work, run))
		count++;
	work(run);
	while (count)
		pthread_join(threads[--count], NULL);
}

int lade_chunk_fetch_run(struct lade_chunk_fetch *fetch, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events,
			 struct lade_fault *fault)
{
	struct run run = { .fetch = fetch, .wants = wants, .events = events, .fault = fault };

	if (!count)
		return 0;
	if (count >= NOWHERE)
		return lade_fault_set(fault, LADE_E_LIMIT, "fetch chunks", NULL);
	run.count = (uint32_t)count;
	run.block_len = fetch->setup.repository->store->here ? LADE_FETCH_HERE_BLOCK_LEN : LADE_FETCH_BLOCK_LEN;
	run.items = malloc(count * sizeof(*run.items));
	run.error = run.items ? plan(&run) : LADE_E_MEMORY;
	if (run.error) {
		lade_fault_set(fault, run.error, "fetch chunks", NULL);
	} else {
		pthread_mutex_init(&run.lock, NULL);
		work_together(&run);
		pthread_mutex_destroy(&run.lock);
	}
	free(run.items);
	lade_name_table_fini(&run.packs);
	return run.error;
}
