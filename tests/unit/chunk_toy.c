/*
 * Chunks in a hash table by their ids, which are BLAKE2b of kind and bytes.
 */
#include "tests/unit/chunk_toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

void chunk_toy_noise(uint32_t seed, void *out, size_t len)
{
	uint8_t whole[randombytes_SEEDBYTES] = { 0 };

	memcpy(whole, &seed, sizeof(seed));
	randombytes_buf_deterministic(out, len, whole);
}

void chunk_toy_init(struct chunk_toy *toy)
{
	static const struct lade_strict_cut_lengths content = { 4096, 6144, 32768 }, entries = { 4096, 5000, 16384 };
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];

	assert_true(sodium_init() >= 0);
	memset(toy, 0, sizeof(*toy));
	chunk_toy_noise(77, secret, sizeof(secret));
	assert_int_equal(lade_strict_cut_init(&toy->cuts[0], secret, &content), 0);
	assert_int_equal(lade_strict_cut_init(&toy->cuts[1], secret, &entries), 0);
	toy->lengths = (struct lade_stream_lengths){ content.greatest, entries.greatest };
	toy->room = 1u << 17;
	toy->table = calloc(toy->room, sizeof(*toy->table));
	assert_non_null(toy->table);
	toy->puts_left = toy->gets_left = UINT64_MAX;
}

void chunk_toy_fini(struct chunk_toy *toy)
{
	for (size_t i = 0; i < toy->room; i++)
		free(toy->table[i].bytes);
	free(toy->table);
}

/* Where an id is, or would be. */
static struct chunk_toy_chunk *place(struct chunk_toy *toy, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	uint32_t at;

	memcpy(&at, id, sizeof(at));
	while (toy->table[at % toy->room].bytes && memcmp(toy->table[at % toy->room].id, id, LADE_CHUNK_ID_LEN) != 0)
		at++;
	return &toy->table[at % toy->room];
}

struct chunk_toy_chunk *chunk_toy_find(struct chunk_toy *toy, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	struct chunk_toy_chunk *chunk = place(toy, id);

	assert_non_null(chunk->bytes);
	return chunk;
}

static int put(void *context, enum lade_chunk_kind kind, struct lade_slice bytes, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault)
{
	struct chunk_toy *toy = context;
	const uint8_t byte = (uint8_t)kind;
	struct chunk_toy_chunk *chunk;
	crypto_generichash_state state;

	if (toy->puts_left-- == 0)
		return lade_fault_set(fault, LADE_E_CLOSED, "put", NULL);
	toy->puts++;
	toy->lists += kind == LADE_CHUNK_RECIPE;
	assert_true(bytes.len >= 1 && bytes.len <= lade_stream_greatest(&toy->lengths, kind));
	crypto_generichash_init(&state, NULL, 0, LADE_CHUNK_ID_LEN);
	crypto_generichash_update(&state, &byte, 1);
	crypto_generichash_update(&state, bytes.data, bytes.len);
	crypto_generichash_final(&state, id_out, LADE_CHUNK_ID_LEN);
	chunk = place(toy, id_out);
	if (chunk->bytes)
		return 0;
	assert_true(++toy->count < toy->room / 2);
	memcpy(chunk->id, id_out, LADE_CHUNK_ID_LEN);
	chunk->bytes = malloc(bytes.len);
	assert_non_null(chunk->bytes);
	memcpy(chunk->bytes, bytes.data, bytes.len);
	chunk->len = bytes.len;
	return 0;
}

static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct chunk_toy *toy = context;
	const struct chunk_toy_chunk *chunk = chunk_toy_find(toy, item->id);

	(void)kind;
	if (toy->gets_left-- == 0)
		return lade_fault_set(fault, LADE_E_CLOSED, "get", NULL);
	toy->gets++;
	assert_int_equal(chunk->len, item->len);
	memcpy(out, chunk->bytes, chunk->len);
	return 0;
}

struct lade_stream_sink chunk_toy_sink(struct chunk_toy *toy)
{
	return (struct lade_stream_sink){ put, toy, toy->cuts };
}

struct lade_stream_source chunk_toy_source(struct chunk_toy *toy)
{
	return (struct lade_stream_source){ get, toy, toy->lengths };
}
