/*
 * Chunks in an array, which is looked through from its beginning: there are few.
 */
#include "tests/unit/restore_toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/grow.h"

void restore_toy_noise(uint32_t seed, void *out, size_t len)
{
	uint8_t whole[randombytes_SEEDBYTES] = { 0 };

	memcpy(whole, &seed, sizeof(seed));
	randombytes_buf_deterministic(out, len, whole);
}

void restore_toy_init(struct restore_toy *toy)
{
	static const struct lade_strict_cut_lengths content = { 4096, 6144, 32768 }, entries = { 4096, 5000, 16384 };
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];

	assert_true(sodium_init() >= 0);
	memset(toy, 0, sizeof(*toy));
	restore_toy_noise(1, toy->key, sizeof(toy->key));
	restore_toy_noise(2, secret, sizeof(secret));
	assert_int_equal(lade_chunk_namer_new(LADE_ID_BLAKE2B, toy->key, &toy->namer), 0);
	assert_int_equal(lade_strict_cut_init(&toy->cuts[0], secret, &content), 0);
	assert_int_equal(lade_strict_cut_init(&toy->cuts[1], secret, &entries), 0);
	toy->lengths = (struct lade_stream_lengths){ content.greatest, entries.greatest };
	toy->stop_after = UINT64_MAX;
	pthread_mutex_init(&toy->lock, NULL);
}

void restore_toy_fini(struct restore_toy *toy)
{
	for (size_t i = 0; i < toy->count; i++)
		free(toy->chunks[i].bytes);
	free(toy->chunks);
	lade_chunk_namer_free(toy->namer);
	pthread_mutex_destroy(&toy->lock);
}

static struct restore_toy_chunk *find(struct restore_toy *toy, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	for (size_t i = 0; i < toy->count; i++)
		if (memcmp(toy->chunks[i].id, id, LADE_CHUNK_ID_LEN) == 0)
			return &toy->chunks[i];
	return NULL;
}

static int put(void *context, enum lade_chunk_kind kind, struct lade_slice bytes, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault)
{
	struct restore_toy *toy = context;
	struct restore_toy_chunk *grown;

	(void)fault;
	assert_int_equal(lade_chunk_namer_name(toy->namer, kind, bytes, id_out), 0);
	if (find(toy, id_out))
		return 0;
	grown = lade_grown(toy->chunks, toy->count, &toy->capacity, sizeof(*grown));
	assert_non_null(grown);
	toy->chunks = grown;
	grown[toy->count] = (struct restore_toy_chunk){ .kind = kind, .bytes = malloc(bytes.len), .len = bytes.len };
	assert_non_null(grown[toy->count].bytes);
	memcpy(grown[toy->count].bytes, bytes.data, bytes.len);
	memcpy(grown[toy->count].id, id_out, LADE_CHUNK_ID_LEN);
	toy->count++;
	return 0;
}

static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	const struct restore_toy_chunk *chunk = find(context, item->id);

	if (!chunk || chunk->lost || chunk->kind != kind || chunk->len != item->len)
		return lade_fault_set(fault, LADE_E_ABSENT, "find", "chunk");
	memcpy(out, chunk->bytes, chunk->len);
	return 0;
}

/* Two threads deliver. */
struct half {
	struct restore_toy *toy;
	const struct lade_chunk_want *wants;
	size_t from, count;
	const struct lade_chunk_fetch_events *events;
	int error;
};

static void *run_half(void *context)
{
	struct half *half = context;
	struct lade_fault fault;

	for (size_t i = half->from; i < half->count && !half->error; i += 2) {
		const struct lade_chunk_want *want = &half->wants[i];
		const struct restore_toy_chunk *chunk = find(half->toy, want->id);

		if (!chunk || chunk->lost || chunk->len != want->len) {
			lade_fault_set(&fault, LADE_E_ABSENT, "find", "chunk");
			half->error = half->events->failed(half->events->context, want, &fault);
			continue;
		}
		pthread_mutex_lock(&half->toy->lock);
		if (half->toy->fetched++ == half->toy->stop_after)
			lade_restore_stop(half->toy->stops);
		pthread_mutex_unlock(&half->toy->lock);
		half->error = half->events->deliver(half->events->context, want, lade_slice(chunk->bytes, chunk->len), &fault);
	}
	return NULL;
}

static int run(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events, struct lade_fault *fault)
{
	struct half halves[2] = { { context, wants, 0, count, events, 0 }, { context, wants, 1, count, events, 0 } };
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, run_half, &halves[1]), 0);
	run_half(&halves[0]);
	pthread_join(other, NULL);
	if (halves[0].error || halves[1].error)
		return lade_fault_set(fault, halves[0].error ? halves[0].error : halves[1].error, "fetch", "");
	return 0;
}

struct lade_restore_source restore_toy_source(struct restore_toy *toy)
{
	return (struct lade_restore_source){
		.stream = { get, toy, toy->lengths }, .run = run, .context = toy, .id_hash = LADE_ID_BLAKE2B, .ids_key = toy->key, .cut = &toy->cuts[0],
	};
}

void restore_toy_put(struct restore_toy *toy, enum lade_chunk_kind kind, const void *bytes, size_t len, struct lade_writer *recipe_out)
{
	const struct lade_stream_sink sink = { put, toy, toy->cuts };
	struct lade_stream_writer *stream;
	struct lade_fault fault;

	lade_writer_init(recipe_out, 1u << 16);
	assert_int_equal(lade_stream_writer_new(&sink, kind, &stream), 0);
	if (len)
		assert_int_equal(lade_stream_writer_feed(stream, lade_slice(bytes, len), &fault), 0);
	assert_int_equal(lade_stream_writer_finish(stream, recipe_out, &fault), 0);
	lade_stream_writer_free(stream);
}

void restore_toy_lose(struct restore_toy *toy, bool lost)
{
	for (size_t i = 0; i < toy->count; i++)
		if (toy->chunks[i].kind == LADE_CHUNK_CONTENT)
			toy->chunks[i].lost = lost;
}

void restore_toy_begin(struct restore_toy *toy, struct restore_toy_directory *directory_out)
{
	directory_out->toy = toy;
	lade_writer_init(&directory_out->entries, 64u << 20);
}

void restore_toy_add(struct restore_toy_directory *directory, const char *name, uint32_t mode, const struct lade_stream_entry *more)
{
	struct lade_stream_entry entry = more ? *more : (struct lade_stream_entry){ .fields = 0 };

	entry.name = lade_slice(name, strlen(name));
	entry.mode = mode;
	if (!(entry.fields & LADE_ENTRY_MTIME))
		entry.mtime = (struct lade_stream_time){ RESTORE_TOY_TIME, 123456789 };
	entry.fields |= LADE_ENTRY_MTIME;
	if (!(entry.fields & LADE_ENTRY_OWNER)) {
		entry.uid = getuid();
		entry.gid = getgid();
	}
	entry.fields |= LADE_ENTRY_OWNER;
	assert_int_equal(lade_stream_entry_put(&directory->entries, &directory->toy->lengths, &entry), 0);
}

void restore_toy_file(struct restore_toy_directory *directory, const char *name, const void *bytes, size_t len, const struct lade_stream_entry *more)
{
	struct lade_stream_entry entry = more ? *more : (struct lade_stream_entry){ .mode = S_IFREG | 0644 };
	struct lade_writer recipe;

	restore_toy_put(directory->toy, LADE_CHUNK_CONTENT, bytes, len, &recipe);
	entry.recipe = lade_slice(recipe.data, recipe.len);
	entry.fields |= LADE_ENTRY_RECIPE;
	restore_toy_add(directory, name, entry.mode, &entry);
	lade_writer_fini(&recipe);
}

void restore_toy_subdirectory(struct restore_toy_directory *directory, const char *name, uint32_t mode, struct restore_toy_directory *ends)
{
	struct lade_stream_entry entry = { .fields = LADE_ENTRY_RECIPE };
	struct lade_writer recipe;

	restore_toy_root(ends, &recipe);
	entry.recipe = lade_slice(recipe.data, recipe.len);
	restore_toy_add(directory, name, mode, &entry);
	lade_writer_fini(&recipe);
}

void restore_toy_root(struct restore_toy_directory *ends, struct lade_writer *recipe_out)
{
	restore_toy_put(ends->toy, LADE_CHUNK_ENTRIES, ends->entries.data, ends->entries.len, recipe_out);
	lade_writer_fini(&ends->entries);
}
