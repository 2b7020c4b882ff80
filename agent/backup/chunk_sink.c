/*
 * [pack] A chunk passes through three things that threads share: the set of what this backup has put, the pack that it goes to, and the set of
 * packs that are needed. Each has locks of its own; the work on the bytes, but for sealing them into their pack, is done without any.
 *
 * Memory: a sealed chunk and a frame for each hand and each open pack, the rows of packs that are open, and 16 bytes, with room for
 * as many again, for each new chunk.
 */
#include "agent/backup/chunk_sink.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/key_set.h"
#include "chunker/codec.h"
#include "protocol/grow.h"

/* Packs that are open at once: of content, and of all else, which never shares a pack with that. */
#define CONTENT_PACKS 4u
#define OTHER_PACKS 2u
#define PACKS (CONTENT_PACKS + OTHER_PACKS)

/* Bytes of chance that a hand takes at once: each is a system call otherwise. */
#define CHANCES 256u

static_assert(256 % CONTENT_PACKS == 0 && 256 % OTHER_PACKS == 0, "a byte leads to each pack as often");

/* Of a chunk's id, what tells it from all others of a backup. */
#define CLAIM_LEN 16u

/* A frame that saves less than one part of so many is not worth what it costs to undo it. */
#define WORTH_PARTS 64u

struct open_pack {
	pthread_mutex_t lock;
	struct lade_pack *pack;     /* NULL: none is open */
	struct lade_pack_row *rows; /* of it; count of capacity */
	size_t count, capacity;
};

struct lade_chunk_sink {
	struct lade_chunk_sink_setup setup;
	struct open_pack packs[PACKS];
	struct lade_key_set *claimed; /* chunks that this backup puts */
	struct lade_key_set *needed;  /* names of packs */
	pthread_mutex_t packed_lock;
	atomic_bool failed;
	pthread_mutex_t fault_lock;   /* of these two: why it failed at first, which is what everybody is told */
	int error;
	struct lade_fault fault;
	_Atomic uint64_t chunks_new, bytes_new, bytes_stored;
};

struct lade_chunk_hand {
	struct lade_chunk_sink *sink;
	struct lade_chunk_namer *namer;
	struct lade_codec *codec;
	uint8_t *frame; /* frame_size bytes */
	size_t frame_size;
	uint8_t chances[CHANCES];
	unsigned chance_count; /* of them, that were not used yet: the first ones */
};

/* ---- the beginning and the end ---- */

int lade_chunk_sink_new(const struct lade_chunk_sink_setup *setup, struct lade_chunk_sink **sink_out)
{
	struct lade_chunk_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return LADE_E_MEMORY;
	sink->setup = *setup;
	pthread_mutex_init(&sink->packed_lock, NULL);
	pthread_mutex_init(&sink->fault_lock, NULL);
	for (unsigned i = 0; i < PACKS; i++)
		pthread_mutex_init(&sink->packs[i].lock, NULL);
	if (lade_key_set_new(CLAIM_LEN, &sink->claimed) || lade_key_set_new(LADE_HASH_LEN, &sink->needed)) {
		lade_chunk_sink_free(sink);
		return LADE_E_MEMORY;
	}
	*sink_out = sink;
	return 0;
}

void lade_chunk_sink_free(struct lade_chunk_sink *sink)
{
	if (!sink)
		return;
	for (unsigned i = 0; i < PACKS; i++) {
		lade_pack_abandon(sink->packs[i].pack);
		free(sink->packs[i].rows);
		pthread_mutex_destroy(&sink->packs[i].lock);
	}
	lade_key_set_free(sink->claimed);
	lade_key_set_free(sink->needed);
	pthread_mutex_destroy(&sink->packed_lock);
	pthread_mutex_destroy(&sink->fault_lock);
	sodium_memzero(&sink->setup, sizeof(sink->setup));
	free(sink);
}

int lade_chunk_hand_new(struct lade_chunk_sink *sink, struct lade_chunk_hand **hand_out)
{
	struct lade_chunk_hand *hand = calloc(1, sizeof(*hand));
	int error = hand ? 0 : LADE_E_MEMORY;

	if (!error) {
		hand->sink = sink;
		error = lade_chunk_namer_new(sink->setup.id_hash, sink->setup.ids_secret, &hand->namer);
	}
	if (!error)
		error = lade_codec_new(&hand->codec);
	if (error) {
		lade_chunk_hand_free(hand);
		return error;
	}
	*hand_out = hand;
	return 0;
}

void lade_chunk_hand_free(struct lade_chunk_hand *hand)
{
	if (!hand)
		return;
	lade_chunk_namer_free(hand->namer);
	lade_codec_free(hand->codec);
	free(hand->frame);
	free(hand);
}

struct lade_chunk_sink *lade_chunk_hand_sink(const struct lade_chunk_hand *hand)
{
	return hand->sink;
}

/* ---- a pack ---- */

/* Nothing can be put any more. The first reason counts, and becomes *fault: those that follow from it would only hide it. */
static int fail(struct lade_chunk_sink *sink, int error, struct lade_fault *fault)
{
	pthread_mutex_lock(&sink->fault_lock);
	if (!sink->error) {
		sink->error = error;
		sink->fault = *fault;
		atomic_store(&sink->failed, true);
	}
	*fault = sink->fault;
	error = sink->error;
	pthread_mutex_unlock(&sink->fault_lock);
	return error;
}

static int fail_memory(struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "store chunks", NULL);
}

/* The pack is full, or the last: have it stored, and tell of it. Its lock is held. */
static int close_pack(struct lade_chunk_sink *sink, struct open_pack *open, bool whole, struct lade_fault *fault)
{
	uint8_t name[LADE_HASH_LEN];
	int error = lade_pack_finish(open->pack, whole, name, fault);

	open->pack = NULL;
	if (!error && lade_key_set_add(sink->needed, name) < 0)
		error = fail_memory(fault);
	if (!error) {
		pthread_mutex_lock(&sink->packed_lock);
		error = sink->setup.packed(sink->setup.context, name, open->rows, open->count, fault);
		pthread_mutex_unlock(&sink->packed_lock);
	}
	open->count = 0;
	return error;
}

/* Put what is stored of a chunk into the pack, or into the next if it is full. Its lock is held. */
static int add(struct lade_chunk_sink *sink, struct open_pack *open, const struct lade_pack_row *chunk, struct lade_slice stored, struct lade_fault *fault)
{
	struct lade_pack_row *rows;
	int error = 0;

	if (open->pack && !lade_pack_fits(open->pack, stored.len))
		error = close_pack(sink, open, true, fault);
	if (!error && !open->pack)
		error = lade_pack_begin(sink->setup.store, &sink->setup.pack, &open->pack, fault);
	if (error)
		return error;
	rows = lade_grown(open->rows, open->count, &open->capacity, sizeof(*rows));
	if (!rows)
		return fail_memory(fault);
	open->rows = rows;
	error = lade_pack_add(open->pack, chunk->id, chunk->kind, stored, chunk->len, &rows[open->count], fault);
	if (!error)
		open->count++;
	return error;
}

static unsigned next_chance(struct lade_chunk_hand *hand)
{
	if (!hand->chance_count) {
		randombytes_buf(hand->chances, CHANCES);
		hand->chance_count = CHANCES;
	}
	return hand->chances[--hand->chance_count];
}

/* One of the packs that may have chunks of the kind, by chance, locked: another one if it is in use, which says nothing about chunks. */
static struct open_pack *take_pack(struct lade_chunk_hand *hand, enum lade_chunk_kind kind)
{
	const unsigned first = kind == LADE_CHUNK_CONTENT ? 0 : CONTENT_PACKS, count = kind == LADE_CHUNK_CONTENT ? CONTENT_PACKS : OTHER_PACKS;
	const unsigned chance = next_chance(hand) % count;
	struct lade_chunk_sink *sink = hand->sink;

	for (unsigned i = 0; i < count; i++) {
		struct open_pack *open = &sink->packs[first + (chance + i) % count];

		if (pthread_mutex_trylock(&open->lock) == 0)
			return open;
	}
	pthread_mutex_lock(&sink->packs[first + chance].lock);
	return &sink->packs[first + chance];
}

/* ---- a chunk ---- */

/* The bytes that are to be sealed: a frame, or the chunk itself. */
static int compress(struct lade_chunk_hand *hand, struct lade_slice chunk, struct lade_slice *stored_out)
{
	const size_t worth = chunk.len - chunk.len / WORTH_PARTS;
	uint8_t *frame;
	size_t len;
	int error;

	*stored_out = chunk;
	if (!hand->sink->setup.level || worth < 2)
		return 0;
	if (hand->frame_size < worth) {
		frame = realloc(hand->frame, worth);
		if (!frame)
			return LADE_E_MEMORY;
		hand->frame = frame;
		hand->frame_size = worth;
	}
	error = lade_codec_compress(hand->codec, hand->sink->setup.level, chunk, hand->frame, worth - 1, &len);
	if (!error)
		*stored_out = lade_slice(hand->frame, len);
	return error == LADE_E_LIMIT ? 0 : error;
}

static int store(struct lade_chunk_hand *hand, const struct lade_pack_row *chunk, struct lade_slice bytes, struct lade_fault *fault)
{
	struct lade_chunk_sink *sink = hand->sink;
	struct open_pack *open;
	struct lade_slice stored;
	int error = 0;

	if (compress(hand, bytes, &stored))
		return fail_memory(fault);
	if (sink->setup.store) {
		open = take_pack(hand, chunk->kind);
		error = add(sink, open, chunk, stored, fault);
		pthread_mutex_unlock(&open->lock);
	}
	atomic_fetch_add(&sink->chunks_new, 1);
	atomic_fetch_add(&sink->bytes_new, bytes.len);
	atomic_fetch_add(&sink->bytes_stored, stored.len + LADE_SEAL_TAG_LEN);
	return error;
}

/* 1: the repository has it, and its pack is needed; 0: not, LADE_E_MEMORY. */
static int look(struct lade_chunk_sink *sink, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind)
{
	uint8_t pack[LADE_HASH_LEN];

	if (!sink->setup.find || !sink->setup.find(sink->setup.context, id, kind, pack))
		return 0;
	return lade_key_set_add(sink->needed, pack) < 0 ? LADE_E_MEMORY : 1;
}

/* [dedup] */
int lade_chunk_hand_put(struct lade_chunk_hand *hand, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN],
			struct lade_fault *fault)
{
	struct lade_chunk_sink *sink = hand->sink;
	struct lade_pack_row row = { .kind = kind, .len = (uint32_t)chunk.len };
	int error, result;

	if (atomic_load(&sink->failed))
		return fail(sink, LADE_E_CANCELLED, fault);
	error = lade_chunk_namer_name(hand->namer, kind, chunk, id_out);
	result = error ? error : look(sink, id_out, kind);
	if (result == 0) {
		result = lade_key_set_add(sink->claimed, id_out);
		if (result == 1) {
			memcpy(row.id, id_out, sizeof(row.id));
			error = store(hand, &row, chunk, fault);
		}
	}
	if (result < 0)
		error = fail_memory(fault);
	return error ? fail(sink, error, fault) : 0;
}

bool lade_chunk_sink_has(struct lade_chunk_sink *sink, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind)
{
	return look(sink, id, kind) == 1 || lade_key_set_has(sink->claimed, id);
}

int lade_chunk_sink_finish(struct lade_chunk_sink *sink, struct lade_fault *fault)
{
	int error = 0;

	if (atomic_load(&sink->failed))
		return fail(sink, LADE_E_CANCELLED, fault);
	for (unsigned i = 0; i < PACKS && !error; i++) {
		if (sink->packs[i].pack)
			error = close_pack(sink, &sink->packs[i], false, fault);
	}
	return error ? fail(sink, error, fault) : 0;
}

struct lade_chunk_figures lade_chunk_sink_figures(struct lade_chunk_sink *sink)
{
	return (struct lade_chunk_figures){
		.chunks_new = atomic_load(&sink->chunks_new),
		.bytes_new = atomic_load(&sink->bytes_new),
		.bytes_stored = atomic_load(&sink->bytes_stored),
	};
}

int lade_chunk_sink_needs(const struct lade_chunk_sink *sink, uint8_t (**names_out)[LADE_HASH_LEN], size_t *count_out)
{
	const size_t count = lade_key_set_count(sink->needed);
	uint8_t(*names)[LADE_HASH_LEN] = malloc((count ? count : 1) * sizeof(*names));

	if (!names)
		return LADE_E_MEMORY;
	lade_key_set_sorted(sink->needed, names[0]);
	*names_out = names;
	*count_out = count;
	return 0;
}
