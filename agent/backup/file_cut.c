/*
 * A long stream goes through a ring of places, one for each chunk that is under way: whoever has named a chunk says so in its place, and the thread that
 * has the file takes them out in order. It cuts, and gives chunks away only to threads that have nothing else to do; what it gives away it does not wait for until
 * the ring is full, and then it helps.
 */
#include "agent/backup/file_cut.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/cache_trace.h"
#include "agent/backup/known_files.h"
#include "agent/backup/slab.h"
#include "agent/store/stream.h"
#include "agent/store/stream_recipe.h"
#include "protocol/byteorder.h"
#include "protocol/limits.h"

/* Chunks of one file that are under way at once. */
#define RING 64u

/* Read so much at a time: it is still in the processor's cache when it is cut. */
#define READ_LEN (1u << 20)

/* A signal may be for another thread than the one that waits for a pipe, which looks up every so often. */
#define PIPE_LOOK_MS 200

/* A chunk under way. */
struct place {
	struct lade_pool_job job;
	struct content *content;
	struct lade_slab *slab;
	struct lade_slice bytes;
	bool done;
	uint8_t id[LADE_CHUNK_ID_LEN];
	uint32_t len;
};

struct content {
	struct lade_backup_worker *worker;
	const struct lade_file_cut_source *source;
	struct lade_file_cut_result *result;
	struct lade_recipe_builder *builder;
	struct lade_fault *fault;
	const struct lade_strict_cut *cut;

	/* What is read: of the slab, begin to end is not cut yet; begin is at off of the stream. */
	struct lade_slab *slab;
	size_t begin, end;
	uint64_t off;
	bool ended;
	struct lade_cache_trace trace;

	/* The hole that the last look found, or the data: [region_begin, region_end). */
	uint64_t region_begin, region_end;
	bool region_is_hole;
	struct lade_stream_writer *holes;
	uint8_t zeros_id[LADE_CHUNK_ID_LEN];
	uint32_t zeros_len; /* of a chunk of a long hole; 0: not known yet */

	pthread_mutex_t lock;
	pthread_cond_t done;
	int error;          /* the first one of a chunk, under lock, */
	struct lade_fault chunk_fault; /* and its words */
	uint64_t issued, taken;
	struct place ring[RING];
};

void lade_file_cut_result_init(struct lade_file_cut_result *result)
{
	*result = (struct lade_file_cut_result){ 0 };
	lade_writer_init(&result->recipe, LADE_BACKUP_RECIPE_MAX);
	lade_writer_init(&result->holes, LADE_BACKUP_RECIPE_MAX);
	lade_writer_init(&result->ids, LADE_KNOWN_IDS_MAX);
}

void lade_file_cut_result_fini(struct lade_file_cut_result *result)
{
	lade_writer_fini(&result->recipe);
	lade_writer_fini(&result->holes);
	lade_writer_fini(&result->ids);
}

/* ---- chunks ---- */

static void note_id(struct lade_file_cut_result *result, enum lade_chunk_kind kind, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	lade_writer_put_u8(&result->ids, (uint8_t)kind);
	lade_writer_put_bytes(&result->ids, id, LADE_CHUNK_ID_LEN);
}

/* Lists, of chunks and of holes; context is the content. */
static int put_list(void *context, enum lade_chunk_kind kind, struct lade_slice bytes, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault)
{
	struct content *content = context;
	int error = lade_chunk_hand_put(content->worker->hand, kind, bytes, id_out, fault);

	if (!error)
		note_id(content->result, kind, id_out);
	return error;
}

/* Lock not held. The first failure counts, and its words. */
static void finish_place(struct place *place, int error, const struct lade_fault *fault)
{
	struct content *content = place->content;

	lade_slab_release(place->slab);
	place->slab = NULL;
	pthread_mutex_lock(&content->lock);
	if (error && !content->error) {
		content->error = error;
		content->chunk_fault = *fault;
	}
	place->done = true;
	pthread_cond_signal(&content->done);
	pthread_mutex_unlock(&content->lock);
}

static void put_chunk(struct place *place, struct lade_backup_worker *worker)
{
	struct lade_fault fault;
	int error = lade_chunk_hand_put(worker->hand, LADE_CHUNK_CONTENT, place->bytes, place->id, &fault);

	finish_place(place, error, &fault);
}

/* As a part of the job, by another thread. */
static void run_place(struct lade_pool_job *job, void *worker)
{
	put_chunk((struct place *)job, worker);
}

/* Take the chunks that are done, up to the first that is not, in order. */
static int take_done(struct content *content)
{
	int error = 0;

	while (content->taken < content->issued && !error) {
		const struct place *place = &content->ring[content->taken % RING];
		bool done;

		pthread_mutex_lock(&content->lock);
		done = place->done;
		error = content->error;
		if (error)
			*content->fault = content->chunk_fault;
		pthread_mutex_unlock(&content->lock);
		if (!done || error)
			break;
		error = lade_recipe_builder_add(content->builder, place->id, place->len, content->fault);
		note_id(content->result, LADE_CHUNK_CONTENT, place->id);
		content->taken++;
	}
	return error;
}

/* Wait for the oldest chunk, and help meanwhile. */
static void wait_oldest(struct content *content)
{
	const struct place *place = &content->ring[content->taken % RING];
	bool done = false;

	while (!done) {
		if (lade_pool_help(content->worker->shared->pool, content->worker)) {
			pthread_mutex_lock(&content->lock);
		} else {
			pthread_mutex_lock(&content->lock);
			/* No part waits, so the one that is waited for is in work. */
			while (!place->done)
				pthread_cond_wait(&content->done, &content->lock);
		}
		done = place->done;
		pthread_mutex_unlock(&content->lock);
	}
}

/* Wait for all that was given away, whatever came of it. */
static void wait_all(struct content *content)
{
	uint64_t taken = content->taken;

	for (; content->taken < content->issued; content->taken++)
		wait_oldest(content);
	content->taken = taken;
}

static int free_place(struct content *content, struct place **place_out)
{
	int error = take_done(content);

	while (!error && content->issued - content->taken == RING) {
		wait_oldest(content);
		error = take_done(content);
	}
	if (error)
		return error;
	*place_out = &content->ring[content->issued++ % RING];
	**place_out = (struct place){ .content = content };
	return 0;
}

/* Have the first len bytes of what is read put. */
static int issue(struct content *content, size_t len)
{
	struct lade_pool *pool = content->worker->shared->pool;
	struct place *place;
	int error = free_place(content, &place);

	if (error)
		return error;
	place->bytes = lade_slice(content->slab->data + content->begin, len);
	place->len = (uint32_t)len;
	lade_slab_use(content->slab);
	place->slab = content->slab;
	content->begin += len;
	content->off += len;
	if (lade_pool_wants_part(pool)) {
		place->job.run = run_place;
		lade_pool_add_part(pool, &place->job);
	} else {
		put_chunk(place, content->worker);
	}
	return 0;
}

/* ---- holes ---- */

static int note_hole(struct content *content, uint64_t off, uint64_t len)
{
	const struct lade_stream_sink sink = { .put = put_list, .context = content, .cuts = content->worker->shared->cuts };
	uint8_t bytes[16];
	int error = 0;

	if (!content->holes)
		error = lade_stream_writer_new(&sink, LADE_CHUNK_CONTENT, &content->holes);
	if (error)
		return lade_fault_set(content->fault, error, "store", content->source->path);
	lade_put_le64(bytes, off);
	lade_put_le64(bytes + 8, len);
	return lade_stream_writer_feed(content->holes, lade_slice(bytes, sizeof(bytes)), content->fault);
}

/* Find out what is at off: a hole, or data, and how far. What cannot say so has data. */
static int look_region(struct content *content, uint64_t off)
{
	const uint64_t len = content->source->len;
	off_t data, hole;

	if (off >= content->region_begin && off < content->region_end)
		return 0;
	data = lseek(content->source->fd, (off_t)off, SEEK_DATA);
	content->region_begin = off;
	content->region_is_hole = (data < 0 && errno == ENXIO) || (data >= 0 && (uint64_t)data > off);
	if (content->region_is_hole) {
		content->region_end = data < 0 || (uint64_t)data > len ? len : (uint64_t)data;
		return note_hole(content, off, content->region_end - off);
	}
	hole = data < 0 ? -1 : lseek(content->source->fd, (off_t)off, SEEK_HOLE);
	content->region_end = hole < 0 || (uint64_t)hole > len ? len : (uint64_t)hole;
	return 0;
}

/* What begins a chunk and lies in a hole, to its greatest length, is cut as any other hole, and is the same chunk. */
static bool in_long_hole(const struct content *content)
{
	return content->region_is_hole && content->off >= content->region_begin && content->off + content->cut->lengths.greatest <= content->region_end;
}

/* The chunk of zeros that begins in a hole: put once, then named only. */
static int issue_zeros(struct content *content)
{
	struct place *place;
	uint8_t *zeros;
	int error = 0;

	if (!content->zeros_len) {
		zeros = calloc(1, content->cut->lengths.greatest);
		if (!zeros)
			return lade_fault_set(content->fault, LADE_E_MEMORY, "store", content->source->path);
		content->zeros_len = (uint32_t)lade_strict_cut_next(content->cut, zeros, content->cut->lengths.greatest);
		error = lade_chunk_hand_put(content->worker->hand, LADE_CHUNK_CONTENT, lade_slice(zeros, content->zeros_len), content->zeros_id, content->fault);
		free(zeros);
	}
	if (!error)
		error = free_place(content, &place);
	if (error)
		return error;
	memcpy(place->id, content->zeros_id, sizeof(place->id));
	place->len = content->zeros_len;
	place->done = true;
	/* What was read behind it are zeros, too. What is before it may be a chunk that another thread still reads. */
	content->end = content->begin;
	content->off += content->zeros_len;
	return 0;
}

/* ---- reading ---- */

static int cancelled(const struct content *content)
{
	return lade_fault_set(content->fault, LADE_E_CANCELLED, "back up", NULL);
}

/* Wait until a pipe has something. False: it is not waited for any more. */
static bool wait_pipe(const struct content *content)
{
	struct pollfd pipe = { .fd = content->source->fd, .events = POLLIN };

	while (!atomic_load(content->source->stop)) {
		if (poll(&pipe, 1, PIPE_LOOK_MS) > 0)
			return true;
	}
	return false;
}

/* read(2), or pread(2) where a file has places. 0 at the end, -1 with errno: ECANCELED if it is not waited for. */
static ssize_t read_some(const struct content *content, uint8_t *out, size_t len, uint64_t off)
{
	ssize_t got;

	do {
		if (content->source->seekable) {
			got = pread(content->source->fd, out, len, (off_t)off);
		} else if (wait_pipe(content)) {
			got = read(content->source->fd, out, len);
		} else {
			errno = ECANCELED;
			return -1;
		}
	} while (got < 0 && (errno == EINTR || (errno == EAGAIN && !content->source->seekable)));
	return got;
}

/* Read once, at most len bytes, to the end of the slab's. */
static int read_once(struct content *content, size_t len)
{
	const uint64_t off = content->off + (content->end - content->begin);
	uint8_t *out = content->slab->data + content->end;
	ssize_t got;
	int error = 0;

	if (content->source->seekable && content->source->len - off < len)
		len = (size_t)(content->source->len - off);
	if (!len) {
		content->ended = true;
		return 0;
	}
	if (content->source->may_have_holes) {
		error = look_region(content, off);
		if (error)
			return error;
		if (content->region_end - off < len)
			len = (size_t)(content->region_end - off);
	}
	if (content->source->may_have_holes && content->region_is_hole) {
		memset(out, 0, len);
		got = (ssize_t)len;
	} else {
		got = read_some(content, out, len, off);
	}
	if (got < 0)
		return errno == ECANCELED && !content->source->seekable ? cancelled(content) : lade_fault_set(content->fault, LADE_E_SOURCE, "read", content->source->path);
	if (got == 0)
		content->ended = true;
	content->end += (size_t)got;
	if (content->source->progress)
		content->source->progress(content->source->context, (uint64_t)got);
	return 0;
}

/* Have as much in the slab as the greatest chunk, or all that is left. */
static int fill(struct content *content)
{
	const size_t greatest = content->cut->lengths.greatest, size = LADE_BACKUP_SLAB_PARTS * greatest;
	int error = 0;

	assert(content->slab);
	if (size - content->begin < greatest + READ_LEN && !content->ended) {
		struct lade_slab *slab = lade_slab_take(content->worker->shared->slabs);

		if (!slab)
			return lade_fault_set(content->fault, LADE_E_MEMORY, "store", content->source->path);
		memcpy(slab->data, content->slab->data + content->begin, content->end - content->begin);
		content->end -= content->begin;
		content->begin = 0;
		lade_slab_release(content->slab);
		content->slab = slab;
	}
	while (!error && !content->ended && content->end - content->begin < greatest)
		error = read_once(content, size - content->end < READ_LEN ? size - content->end : READ_LEN);
	return error;
}

/* True if the whole stream is so short that its recipe holds it. */
static bool is_inline(const struct content *content)
{
	return content->ended && content->off == 0 && content->end - content->begin <= LADE_STREAM_INLINE_MAX;
}

/* Cut all of it. */
static int cut_all(struct content *content)
{
	int error = 0;

	for (;;) {
		if (atomic_load(content->source->stop))
			return cancelled(content);
		if (in_long_hole(content)) {
			error = issue_zeros(content);
		} else {
			error = fill(content);
			if (!error && (content->begin == content->end || is_inline(content)))
				break;
			/* What was just read may have been the beginning of a hole. */
			if (!error && !in_long_hole(content))
				error = issue(content, lade_strict_cut_next(content->cut, content->slab->data + content->begin, content->end - content->begin));
		}
		if (error)
			break;
		if (content->source->seekable)
			lade_cache_trace_pass(&content->trace, content->off);
	}
	return error;
}

static int finish(struct content *content)
{
	struct lade_file_cut_result *result = content->result;
	int error = 0;

	while (!error && content->taken < content->issued) {
		wait_oldest(content);
		error = take_done(content);
	}
	if (!error && is_inline(content)) {
		lade_stream_recipe_put_inline(&result->recipe, lade_slice(content->slab->data + content->begin, content->end - content->begin));
		content->off = content->end - content->begin;
	} else if (!error) {
		error = lade_recipe_builder_finish(content->builder, &result->recipe, content->fault);
	}
	result->len = content->off;
	if (!error && content->holes)
		error = lade_stream_writer_finish(content->holes, &result->holes, content->fault);
	/* Where there is no list the recipe has the ids itself. What is too long is not kept. */
	if (result->ids.len == content->issued * (1 + LADE_CHUNK_ID_LEN) || result->ids.error)
		lade_writer_reset(&result->ids);
	return error;
}

static int put_long(struct content *content)
{
	const struct lade_stream_sink sink = { .put = put_list, .context = content, .cuts = content->worker->shared->cuts };
	int error = lade_recipe_builder_new(&sink, LADE_CHUNK_CONTENT, &content->builder);

	if (error)
		return lade_fault_set(content->fault, error, "store", content->source->path);
	content->slab = lade_slab_take(content->worker->shared->slabs);
	if (!content->slab)
		return lade_fault_set(content->fault, LADE_E_MEMORY, "store", content->source->path);
	if (content->source->seekable)
		lade_cache_trace_start(&content->trace, content->source->fd, content->source->len);
	error = cut_all(content);
	if (!error)
		error = finish(content);
	wait_all(content);
	if (content->source->seekable)
		lade_cache_trace_pass(&content->trace, content->source->len);
	return error;
}

/* ---- the beginning ---- */

/* The recipe of a stream of one chunk. */
static void put_one(struct lade_writer *writer, const uint8_t id[LADE_CHUNK_ID_LEN], uint32_t len)
{
	struct lade_stream_recipe recipe = { .length = len, .depth = 1, .count = 1, .items[0] = { .len = len, .covers = len } };

	memcpy(recipe.items[0].id, id, LADE_CHUNK_ID_LEN);
	lade_stream_recipe_put(writer, &recipe);
}

/* A file that is one chunk, or none. */
static int put_small(struct lade_backup_worker *worker, const struct lade_file_cut_source *source, struct lade_file_cut_result *result, struct lade_fault *fault)
{
	uint8_t id[LADE_CHUNK_ID_LEN];
	bool absent;
	ssize_t got = lade_cache_read(source->fd, worker->small, (size_t)source->len, &absent);
	int error = 0;

	if (got < 0)
		return lade_fault_set(fault, LADE_E_SOURCE, "read", source->path);
	if (absent)
		lade_cache_give_up(source->fd);
	if (source->progress)
		source->progress(source->context, (uint64_t)got);
	result->len = (uint64_t)got;
	if ((size_t)got <= LADE_STREAM_INLINE_MAX) {
		lade_stream_recipe_put_inline(&result->recipe, lade_slice(worker->small, (size_t)got));
	} else {
		error = lade_chunk_hand_put(worker->hand, LADE_CHUNK_CONTENT, lade_slice(worker->small, (size_t)got), id, fault);
		if (!error)
			put_one(&result->recipe, id, (uint32_t)got);
	}
	return !error && result->recipe.error ? lade_fault_set(fault, result->recipe.error, "store", source->path) : error;
}

int lade_file_cut_put(struct lade_backup_worker *worker, const struct lade_file_cut_source *source, struct lade_file_cut_result *result,
		     struct lade_fault *fault)
{
	struct content *content;
	int error;

	if (source->seekable && source->len <= worker->small_size && !source->may_have_holes)
		return put_small(worker, source, result, fault);
	content = calloc(1, sizeof(*content));
	if (!content)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", source->path);
	content->worker = worker;
	content->source = source;
	content->result = result;
	content->fault = fault;
	content->cut = &worker->shared->cuts[0];
	pthread_mutex_init(&content->lock, NULL);
	pthread_cond_init(&content->done, NULL);
	error = put_long(content);
	lade_slab_release(content->slab);
	lade_recipe_builder_free(content->builder);
	lade_stream_writer_free(content->holes);
	pthread_cond_destroy(&content->done);
	pthread_mutex_destroy(&content->lock);
	free(content);
	return error;
}
