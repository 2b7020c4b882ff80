/*
 * Batches: the walk fills one while a thread of its own carries out the other. Memory and descriptors are bounded by what a batch may have; within it the order is that of packs, for the
 * ranges that are fetched are then read from the beginning of each pack to its end, and neighbours are one range.
 */
#include "agent/backup/restore_internal.h"

#include <stdlib.h>
#include <string.h>

/* A thread's share of preparing files: as many as it comes to. */
struct preparer {
	struct lade_pool_job job;
	struct lade_restore *restore;
	struct restore_batch *batch;
	atomic_size_t *next;
};

/* ---- files ---- */

struct restore_file *restore_file_new(struct lade_restore *restore, const struct restore_place *place, const struct lade_metadata *wanted,
				      const struct lade_stream_recipe *recipe)
{
	const size_t len = strlen(place->path);
	struct restore_file *file = calloc(1, sizeof(*file) + len + 1);
	/* A recipe is mostly room for items that it has not. */
	const size_t unused = (LADE_STREAM_ITEMS_MAX - recipe->count) * sizeof(recipe->items[0]);

	if (!file)
		return NULL;
	file->recipe = malloc(sizeof(*recipe));
	if (!file->recipe) {
		free(file);
		return NULL;
	}
	memcpy(file->recipe, recipe, sizeof(*recipe) - unused);
	file->restore = restore;
	file->directory = lade_directory_ref(place->directory);
	file->replaces = place->exists;
	file->unnamed = place->unnamed;
	file->wanted = *wanted;
	file->temporary.fd = -1;
	pthread_mutex_init(&file->lock, NULL);
	restore_basis_match_init(&file->match);
	memcpy(file->path, place->path, len + 1);
	file->name = file->path + (place->name - place->path);
	return file;
}

void restore_file_free(struct restore_file *file)
{
	int fd;

	if (!file)
		return;
	/* Without its directory, which could not be opened any more, a named one stays. */
	if (file->temporary.fd >= 0 && file->directory && lade_directory_pin(file->directory, &fd, NULL) == 0) {
		/* One that has chunks of its own is gone on with, next time. */
		if (restore_stopped(file->restore) && !file->failed && restore_file_is_several(file))
			lade_temporary_leave(&file->temporary);
		else
			lade_temporary_discard(&file->temporary, fd);
		lade_directory_unpin(file->directory);
	}
	lade_temporary_leave(&file->temporary);
	lade_directory_unref(file->directory);
	lade_recipe_cursor_free(file->cursor);
	restore_basis_match_fini(&file->match);
	pthread_mutex_destroy(&file->lock);
	free((void *)(uintptr_t)file->wanted.xattrs.data);
	free(file->holes);
	free(file->recipe);
	free(file->fault);
	free(file);
}

/* ---- carrying out ---- */

static void prepare_files(struct lade_pool_job *job, void *worker)
{
	const struct preparer *preparer = (const struct preparer *)job;
	const struct restore_batch *batch = preparer->batch;
	size_t i;

	while ((i = atomic_fetch_add(preparer->next, 1)) < batch->count && !restore_stopped(preparer->restore))
		restore_file_prepare(batch->files[i], worker);
}

static void prepare_all(struct lade_restore *restore, struct restore_batch *batch)
{
	struct preparer preparers[LADE_RESTORE_THREADS_MAX];
	atomic_size_t next = 0;

	for (unsigned i = 0; i < restore->setup.threads && i < batch->count; i++) {
		preparers[i] = (struct preparer){ { .run = prepare_files }, restore, batch, &next };
		lade_pool_add(restore->pool, &preparers[i].job);
	}
	lade_pool_drain(restore->pool);
}

static int deliver(void *context, const struct lade_chunk_want *want, struct lade_slice bytes, struct lade_fault *fault)
{
	struct lade_restore *restore = context;
	struct restore_file *file = want->cookie;

	if (restore_stopped(restore))
		return lade_fault_set(fault, LADE_E_CANCELLED, "restore", "");
	atomic_fetch_add(&restore->bytes_fetched, bytes.len);
	restore_file_write(file, want->off, bytes);
	restore_file_release(file);
	return 0;
}

static int failed(void *context, const struct lade_chunk_want *want, const struct lade_fault *why)
{
	struct restore_file *file = want->cookie;

	restore_file_fail(file, why);
	restore_file_release(file);
	return restore_stopped(context) ? LADE_E_CANCELLED : 0;
}

/* Fetch what was asked for. False: nothing more can be had. */
static bool fetch(struct lade_restore *restore, struct lade_chunk_want *wants, size_t count)
{
	const struct lade_chunk_fetch_events events = { deliver, failed, restore };
	const struct lade_restore_source *source = &restore->setup.source;
	struct lade_fault fault;
	int error;

	if (!count)
		return true;
	error = source->run(source->context, wants, count, &events, &fault);
	if (error && !restore_stopped(restore))
		restore_fail(restore, error, &fault);
	return !error;
}

/* Ask for the chunks of all files, as many at once as wants has room for. */
static void fetch_all(struct lade_restore *restore, struct restore_batch *batch, struct lade_chunk_want *wants)
{
	bool good = true;
	size_t count = 0;

	for (size_t i = 0; i < batch->count && good && !restore_stopped(restore); i++) {
		struct restore_file *file = batch->files[i];

		while (!file->finished && good && restore_file_next(file, &wants[count]) == 1) {
			if (++count < RESTORE_BATCH_WANTS)
				continue;
			good = fetch(restore, wants, count);
			count = 0;
		}
		if (!file->finished && good)
			restore_file_release(file);
	}
	if (good && !restore_stopped(restore))
		(void)fetch(restore, wants, count);
}

static void carry_out(struct lade_restore *restore, struct restore_batch *batch, struct lade_chunk_want *wants)
{
	prepare_all(restore, batch);
	fetch_all(restore, batch, wants);
	for (size_t i = 0; i < batch->count; i++)
		restore_file_free(batch->files[i]);
	batch->count = batch->chunks = batch->open = 0;
}

static void *run(void *context)
{
	struct lade_restore *restore = context;
	struct lade_chunk_want *wants = calloc(RESTORE_BATCH_WANTS, sizeof(*wants));
	struct lade_fault fault;

	if (!wants) {
		lade_fault_set(&fault, LADE_E_MEMORY, "restore", "");
		restore_fail(restore, LADE_E_MEMORY, &fault);
	}
	pthread_mutex_lock(&restore->lock);
	for (;;) {
		struct restore_batch *batch;

		while (!restore->running && !restore->ending)
			pthread_cond_wait(&restore->changed, &restore->lock);
		batch = restore->running;
		if (!batch)
			break;
		pthread_mutex_unlock(&restore->lock);
		carry_out(restore, batch, wants);
		pthread_mutex_lock(&restore->lock);
		restore->running = NULL;
		pthread_cond_broadcast(&restore->changed);
	}
	pthread_mutex_unlock(&restore->lock);
	free(wants);
	return NULL;
}

/* ---- the walk's side ---- */

/* End the threads that prepare files, and what they read with. */
static void end_pool(struct lade_restore *restore)
{
	lade_pool_free(restore->pool);
	restore->pool = NULL;
	for (unsigned i = 0; i < restore->setup.threads; i++)
		restore_reader_fini(&restore->readers[i]);
}

static int start_pool(struct lade_restore *restore, struct lade_fault *fault)
{
	const struct lade_restore_source *source = &restore->setup.source;
	void *workers[LADE_RESTORE_THREADS_MAX];
	int error = 0;

	for (unsigned i = 0; i < restore->setup.threads; i++) {
		workers[i] = &restore->readers[i];
		if (restore_reader_init(&restore->readers[i], source->id_hash, source->ids_key, source->cut))
			error = lade_fault_set(fault, LADE_E_MEMORY, "restore", "");
	}
	if (!error)
		error = lade_pool_new(workers, restore->setup.threads, LADE_RESTORE_THREADS_MAX, &restore->pool, fault);
	for (unsigned i = 0; !error && i < restore->setup.threads; i++) {
		restore->readers[i].pool = restore->pool;
		restore->readers[i].restore = restore;
	}
	if (error)
		end_pool(restore);
	return error;
}

int restore_batch_start(struct lade_restore *restore, struct lade_fault *fault)
{
	int error = start_pool(restore, fault);

	restore->ending = false;
	if (!error && pthread_create(&restore->runner, NULL, run, restore)) {
		end_pool(restore);
		error = lade_fault_set(fault, LADE_E_MEMORY, "start a thread", "");
	}
	return error;
}

/* Give the one that was filled to the other thread, when it has done the one before. */
static void hand_over(struct lade_restore *restore)
{
	if (!restore->batches[restore->filling].count)
		return;
	pthread_mutex_lock(&restore->lock);
	while (restore->running)
		pthread_cond_wait(&restore->changed, &restore->lock);
	restore->running = &restore->batches[restore->filling];
	pthread_cond_broadcast(&restore->changed);
	pthread_mutex_unlock(&restore->lock);
	restore->filling ^= 1;
}

void restore_batch_add(struct lade_restore *restore, struct restore_file *file)
{
	struct restore_batch *batch = &restore->batches[restore->filling];
	/* Of what does not fit into one run the rest is fetched in the next. */
	const uint64_t chunks = file->recipe->depth ? file->recipe->length / restore->setup.source.cut->lengths.normal + 1 : 0;

	batch->files[batch->count++] = file;
	batch->chunks += chunks < RESTORE_BATCH_WANTS ? (size_t)chunks : RESTORE_BATCH_WANTS;
	batch->open += restore_file_is_several(file) && (file->task == RESTORE_NEW || file->task == RESTORE_OVER);
	if (batch->count == RESTORE_BATCH_FILES || batch->open == RESTORE_BATCH_OPEN || batch->chunks >= RESTORE_BATCH_WANTS)
		hand_over(restore);
}

void restore_batch_end(struct lade_restore *restore)
{
	hand_over(restore);
	pthread_mutex_lock(&restore->lock);
	while (restore->running)
		pthread_cond_wait(&restore->changed, &restore->lock);
	restore->ending = true;
	pthread_cond_broadcast(&restore->changed);
	pthread_mutex_unlock(&restore->lock);
	pthread_join(restore->runner, NULL);
	end_pool(restore);
}
