/*
 * One chunk at a time: all places that the map has for it are tried, until one has it whole. Blocks that were read for one are kept for the next, as chunks of names
 * are small and stand together.
 *
 * [what the store learns] Whatever is wanted, whole blocks are read.
 */
#include "agent/backup/chunk_fetch.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/chunk_fetch_internal.h"

/* ---- hands ---- */

static void free_hand(struct fetch_hand *hand)
{
	if (!hand)
		return;
	lade_chunk_opener_free(hand->opener);
	free(hand->window.data);
	free(hand->sealed.data);
	free(hand->plain.data);
	free(hand);
}

static int new_hand(const struct lade_chunk_fetch *fetch, struct fetch_hand **hand_out, struct lade_fault *fault)
{
	struct fetch_hand *hand = calloc(1, sizeof(*hand));
	int error;

	if (!hand)
		return lade_fault_set(fault, LADE_E_MEMORY, "fetch chunks", NULL);
	error = lade_chunk_opener_new(fetch->setup.repository, &hand->opener, fault);
	if (error) {
		free_hand(hand);
		return error;
	}
	*hand_out = hand;
	return 0;
}

int fetch_hand_take(struct lade_chunk_fetch *fetch, struct fetch_hand **hand_out, struct lade_fault *fault)
{
	struct fetch_hand *hand;

	pthread_mutex_lock(&fetch->lock);
	hand = fetch->hands;
	if (hand)
		fetch->hands = hand->next;
	pthread_mutex_unlock(&fetch->lock);
	if (!hand)
		return new_hand(fetch, hand_out, fault);
	*hand_out = hand;
	return 0;
}

void fetch_hand_give(struct lade_chunk_fetch *fetch, struct fetch_hand *hand)
{
	pthread_mutex_lock(&fetch->lock);
	hand->next = fetch->hands;
	fetch->hands = hand;
	pthread_mutex_unlock(&fetch->lock);
}

int fetch_buffer_grow(struct fetch_buffer *buffer, size_t len)
{
	uint8_t *data;

	if (len <= buffer->size)
		return 0;
	data = realloc(buffer->data, len);
	if (!data)
		return LADE_E_MEMORY;
	buffer->data = data;
	buffer->size = len;
	return 0;
}

/* ---- the fetch itself ---- */

int lade_chunk_fetch_new(const struct lade_chunk_fetch_setup *setup, struct lade_chunk_fetch **fetch_out, struct lade_fault *fault)
{
	struct lade_chunk_fetch *fetch = calloc(1, sizeof(*fetch));
	struct fetch_hand *hand;
	int error;

	if (!fetch)
		return lade_fault_set(fault, LADE_E_MEMORY, "fetch chunks", NULL);
	fetch->setup = *setup;
	fetch->lengths = lade_stream_lengths_of(&setup->repository->format);
	pthread_mutex_init(&fetch->lock, NULL);
	error = lade_pack_source_new(setup->repository, &fetch->packs);
	if (!error)
		error = lade_block_cache_new(setup->cache_len, &fetch->blocks);
	if (error)
		lade_fault_set(fault, error, "fetch chunks", NULL);
	else
		/* The first hand, so that a key that is missing is known now. */
		error = new_hand(fetch, &hand, fault);
	if (error) {
		lade_chunk_fetch_free(fetch);
		return error;
	}
	fetch_hand_give(fetch, hand);
	*fetch_out = fetch;
	return 0;
}

void lade_chunk_fetch_free(struct lade_chunk_fetch *fetch)
{
	struct fetch_hand *hand;

	if (!fetch)
		return;
	while ((hand = fetch->hands)) {
		fetch->hands = hand->next;
		free_hand(hand);
	}
	lade_pack_source_free(fetch->packs);
	lade_block_cache_free(fetch->blocks);
	pthread_mutex_destroy(&fetch->lock);
	free(fetch);
}

/* ---- blocks ---- */

/* Bytes of a pack: from `at` to `end`, to out. */
struct stretch {
	const struct lade_open_pack *pack;
	uint64_t at, end;
	uint8_t *out;
};

static struct lade_block_key key_of(const struct stretch *stretch, uint64_t at)
{
	struct lade_block_key key = { .number = (uint32_t)(at / LADE_FETCH_BLOCK_LEN) };

	memcpy(key.pack, stretch->pack->name, sizeof(key.pack));
	return key;
}

/* Where the block that holds the byte at `at` ends. */
static uint64_t block_end(const struct lade_open_pack *pack, uint64_t at)
{
	const uint64_t end = (at / LADE_FETCH_BLOCK_LEN + 1) * LADE_FETCH_BLOCK_LEN;

	return end < pack->len ? end : pack->len;
}

/* Take what is kept of the stretch from its beginning on, block by block. */
static void take_kept(struct lade_chunk_fetch *fetch, struct stretch *stretch)
{
	while (stretch->at < stretch->end) {
		const struct lade_block_key key = key_of(stretch, stretch->at);
		const uint64_t end = block_end(stretch->pack, stretch->at);
		const size_t len = (size_t)((end < stretch->end ? end : stretch->end) - stretch->at);

		if (!lade_block_cache_copy(fetch->blocks, &key, (size_t)(stretch->at % LADE_FETCH_BLOCK_LEN), len, stretch->out))
			return;
		stretch->at += len;
		stretch->out += len;
	}
}

/* Read the rest of it, and keep the blocks. */
static int read_rest(struct lade_chunk_fetch *fetch, struct fetch_hand *hand, const struct stretch *stretch, struct lade_fault *fault)
{
	const uint64_t begin = stretch->at - stretch->at % LADE_FETCH_BLOCK_LEN, end = block_end(stretch->pack, stretch->end - 1);
	int error = fetch_buffer_grow(&hand->window, (size_t)(end - begin));

	if (error)
		return lade_fault_set(fault, error, "fetch a chunk", NULL);
	error = lade_store_get(fetch->setup.repository->store, stretch->pack->object, begin, (size_t)(end - begin), hand->window.data, fault);
	if (error)
		return error;
	memcpy(stretch->out, hand->window.data + (stretch->at - begin), (size_t)(stretch->end - stretch->at));
	for (uint64_t at = begin; at < end; at = block_end(stretch->pack, at)) {
		const struct lade_block_key key = key_of(stretch, at);

		lade_block_cache_keep(fetch->blocks, &key, hand->window.data + (at - begin), (size_t)(block_end(stretch->pack, at) - at));
	}
	return 0;
}

/* ---- one chunk ---- */

/* A chunk that is looked for in all its places. */
struct search {
	struct lade_chunk_fetch *fetch;
	struct fetch_hand *hand;
	const struct lade_chunk_want *want;
	struct lade_slice chunk;
	struct lade_fault worst; /* its code is 0: nothing failed yet */
};

static int get_at(struct search *search, const struct lade_pack_row *row, const struct lade_open_pack *pack, struct lade_fault *fault)
{
	struct fetch_hand *hand = search->hand;
	struct stretch stretch = { .pack = pack, .at = row->off, .end = (uint64_t)row->off + row->sealed_len };
	struct lade_chunk_sealed sealed = { .chunks = pack->chunks, .row = *row };
	int error;

	if (stretch.end > pack->len)
		return lade_fault_set(fault, LADE_E_CHANGED, "read", pack->object);
	error = fetch_buffer_grow(&hand->sealed, row->sealed_len);
	if (!error)
		error = fetch_buffer_grow(&hand->plain, row->len);
	if (error)
		return lade_fault_set(fault, error, "fetch a chunk", NULL);
	stretch.out = hand->sealed.data;
	take_kept(search->fetch, &stretch);
	error = stretch.at < stretch.end ? read_rest(search->fetch, hand, &stretch, fault) : 0;
	if (error)
		return error;
	sealed.sealed = hand->sealed.data;
	sealed.room = hand->plain.data;
	error = lade_chunk_opener_open(hand->opener, &sealed, &search->chunk);
	return error ? lade_fault_set(fault, error, "open a chunk of", pack->object) : 0;
}

/* Which of two failures says more: a disk that does not read, then damage, then a key that is missing; that a pack is missing says least. */
static int weight(int code)
{
	switch (code) {
	case 0: return 0;
	case LADE_E_ABSENT: return 1;
	case LADE_E_REFUSED: return 2;
	case LADE_E_CHANGED: return 3;
	default: return 4;
	}
}

static int try_place(void *context, const struct lade_chunk_place *place)
{
	struct search *search = context;
	struct lade_open_pack *pack = NULL;
	struct lade_fault fault = { .code = 0 };
	int error;

	if (place->row.len != search->want->len || place->row.sealed_len > place->row.len + LADE_SEAL_TAG_LEN)
		error = lade_fault_set(&fault, LADE_E_CHANGED, "find a chunk of that length", NULL);
	else
		error = lade_pack_source_take(search->fetch->packs, place->pack, &pack, &fault);
	if (!error)
		error = get_at(search, &place->row, pack, &fault);
	lade_pack_source_give(search->fetch->packs, pack);
	/* A store that does not answer, or a key that is missing, is not the table's fault. */
	if (!error || error == LADE_E_ABSENT || error == LADE_E_CHANGED || error == LADE_E_TRUNCATED)
		lade_chunk_map_judge(search->fetch->setup.map, place, !error);
	if (!error)
		return 1;
	if (error == LADE_E_TRUNCATED)
		error = fault.code = LADE_E_CHANGED;
	if (weight(error) > weight(search->worst.code))
		search->worst = fault;
	return error == LADE_E_MEMORY ? error : 0;
}

/* Describe what is wrong with a chunk that is in no pack. */
static int chunk_fault(struct lade_fault *fault, int code, const char *operation, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	char text[2 * LADE_CHUNK_ID_LEN + 1];

	sodium_bin2hex(text, sizeof(text), id, LADE_CHUNK_ID_LEN);
	return lade_fault_set(fault, code, operation, text);
}

int fetch_anywhere(struct lade_chunk_fetch *fetch, struct fetch_hand *hand, const struct lade_chunk_want *want, struct lade_slice *chunk_out,
		   struct lade_fault *fault)
{
	struct search search = { .fetch = fetch, .hand = hand, .want = want };
	const struct lade_chunk_map_visit visit = { .id = want->id, .kind = want->kind, .visit = try_place, .context = &search };
	int error;

	if (!want->len || want->len > lade_stream_greatest(&fetch->lengths, want->kind))
		return chunk_fault(fault, LADE_E_LIMIT, "fetch chunk", want->id);
	error = lade_chunk_map_visit(fetch->setup.map, &visit);
	if (error == 1) {
		*chunk_out = search.chunk;
		return 0;
	}
	if (search.worst.code) {
		if (fault)
			*fault = search.worst;
		return search.worst.code;
	}
	/* The map's own damage, or no place at all. */
	return chunk_fault(fault, error ? error : LADE_E_ABSENT, error ? "look up chunk" : "find chunk", want->id);
}

int lade_chunk_fetch_get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct lade_chunk_fetch *fetch = context;
	struct lade_chunk_want want = { .len = item->len, .kind = kind };
	struct lade_slice chunk = { NULL, 0 };
	struct fetch_hand *hand;
	int error = fetch_hand_take(fetch, &hand, fault);

	if (error)
		return error;
	memcpy(want.id, item->id, sizeof(want.id));
	error = fetch_anywhere(fetch, hand, &want, &chunk, fault);
	if (!error)
		memcpy(out, chunk.data, chunk.len);
	fetch_hand_give(fetch, hand);
	return error;
}
