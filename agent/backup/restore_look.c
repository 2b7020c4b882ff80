/*
 * The chunks of one call are shared: the thread that calls begins at the first one, and those of the pool that have nothing to do take what comes next, each reading with its own reader.
 * What a file says of its holes is believed, for nothing but zeros can be read there; all else is read.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Threads beside the caller's, at most. */
#define HELPERS_MAX (LADE_POOL_MAX - 1)
/* Fewer chunks than these are not worth another thread. */
#define SHARED_MIN 4u

/* A thread that helps, or is asked to. */
struct helper {
	struct lade_pool_job job;
	struct restore_looks *looks;
};

struct restore_looks {
	const struct restore_seen *file;
	struct restore_look looks[RESTORE_LOOKS_MAX];
	size_t count;
	atomic_size_t next;
	atomic_bool no_memory;
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t changed;
	unsigned asked;        /* helpers that have not ended */
	struct helper helpers[HELPERS_MAX];
};

/* ---- one chunk ---- */

size_t restore_read_at(int fd, uint8_t *out, size_t len, uint64_t off)
{
	size_t done = 0;

	errno = 0;
	while (done < len) {
		const ssize_t got = pread(fd, out + done, len - done, (off_t)(off + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

/* True if there is no data in the len bytes at off. */
static bool is_hole(const struct restore_seen *file, uint64_t off, uint32_t len)
{
	off_t data;

	if (off > file->len || len > file->len - off)
		return false;
	/* Nobody uses the position that this moves. ENXIO: no data comes any more. */
	data = lseek(file->fd, (off_t)off, SEEK_DATA);
	return data < 0 ? errno == ENXIO : (uint64_t)data >= off + len;
}

/* One that is there is written to file->into as well, if there is one. Returns what struct restore_look says, or LADE_E_MEMORY. */
static int is_there(struct restore_reader *reader, const struct restore_seen *file, const struct lade_stream_item *item, uint64_t off)
{
	uint8_t id[LADE_CHUNK_ID_LEN];

	/* Holes are cut into chunks of the greatest length. */
	if (item->len == reader->cut->lengths.greatest && is_hole(file, off, item->len))
		return memcmp(reader->zeros_id, item->id, LADE_CHUNK_ID_LEN) == 0;
	if (restore_read_at(file->fd, reader->buffer, item->len, off) != item->len)
		return errno ? LADE_E_SOURCE : 0;
	if (lade_chunk_namer_name(reader->namer, LADE_CHUNK_CONTENT, lade_slice(reader->buffer, item->len), id))
		return LADE_E_MEMORY;
	if (memcmp(id, item->id, LADE_CHUNK_ID_LEN))
		return 0;
	if (file->into)
		restore_file_write(file->into, off, lade_slice(reader->buffer, item->len));
	return 1;
}

/* ---- many ---- */

/* Look at those that nobody has begun with. Any thread that has a reader. */
static void look_on(struct restore_looks *looks, struct restore_reader *reader)
{
	size_t i;

	while ((i = atomic_fetch_add(&looks->next, 1)) < looks->count) {
		struct restore_look *look = &looks->looks[i];

		look->is = is_there(reader, looks->file, &look->item, look->off);
		look->sys_errno = errno;
		if (look->is == LADE_E_MEMORY)
			atomic_store(&looks->no_memory, true);
	}
}

static void help(struct lade_pool_job *job, void *worker)
{
	struct restore_looks *looks = ((struct helper *)job)->looks;

	look_on(looks, worker);
	pthread_mutex_lock(&looks->lock);
	if (--looks->asked == 0)
		pthread_cond_signal(&looks->changed);
	pthread_mutex_unlock(&looks->lock);
}

/* Ask those that have nothing to do, or soon. */
static void ask_for_help(struct restore_looks *looks, struct lade_pool *pool)
{
	for (size_t i = 0; i < HELPERS_MAX && lade_pool_wants_part(pool); i++) {
		struct helper *helper = &looks->helpers[i];

		*helper = (struct helper){ .job.run = help, .looks = looks };
		pthread_mutex_lock(&looks->lock);
		looks->asked++;
		pthread_mutex_unlock(&looks->lock);
		lade_pool_add_part(pool, &helper->job);
	}
}

/* Wait until none of them looks any more; one that has not begun yet is run here. */
static void wait_for_help(struct restore_looks *looks, struct restore_reader *reader)
{
	while (lade_pool_help(reader->pool, reader))
		;
	/* No part waits, so those that were asked are in work. */
	pthread_mutex_lock(&looks->lock);
	while (looks->asked)
		pthread_cond_wait(&looks->changed, &looks->lock);
	pthread_mutex_unlock(&looks->lock);
}

int restore_look(struct restore_reader *reader, const struct restore_seen *file, struct lade_recipe_cursor *cursor, size_t most, const struct restore_look **looks_out,
		 struct lade_fault *fault)
{
	struct restore_looks *looks = reader->looks;
	bool shared;
	int got = 1;

	if (reader->restore && restore_stopped(reader->restore))
		return lade_fault_set(fault, LADE_E_CANCELLED, "compare", "");
	looks->file = file;
	looks->count = 0;
	while (looks->count < most && looks->count < RESTORE_LOOKS_MAX && got == 1) {
		struct restore_look *look = &looks->looks[looks->count];

		got = lade_recipe_cursor_next(cursor, &look->item, &look->off, fault);
		looks->count += got == 1;
	}
	if (got < 0)
		return got;
	atomic_store(&looks->next, 0);
	atomic_store(&looks->no_memory, false);
	shared = reader->pool && looks->count >= SHARED_MIN;
	if (shared)
		ask_for_help(looks, reader->pool);
	look_on(looks, reader);
	if (shared)
		wait_for_help(looks, reader);
	if (atomic_load(&looks->no_memory))
		return lade_fault_set(fault, LADE_E_MEMORY, "compare", "");
	*looks_out = looks->looks;
	return (int)looks->count;
}

/* ---- the reader ---- */

int restore_reader_init(struct restore_reader *reader, enum lade_id_hash hash, const uint8_t *ids_key, const struct lade_strict_cut *cut)
{
	*reader = (struct restore_reader){ .cut = cut };
	/* Zeros first, whose name is wanted. */
	reader->buffer = calloc(2, cut->lengths.greatest);
	reader->looks = calloc(1, sizeof(*reader->looks));
	if (!reader->buffer || !reader->looks)
		return LADE_E_MEMORY;
	pthread_mutex_init(&reader->looks->lock, NULL);
	pthread_cond_init(&reader->looks->changed, NULL);
	if (lade_chunk_namer_new(hash, ids_key, &reader->namer))
		return LADE_E_MEMORY;
	return lade_chunk_namer_name(reader->namer, LADE_CHUNK_CONTENT, lade_slice(reader->buffer, cut->lengths.greatest), reader->zeros_id);
}

void restore_reader_fini(struct restore_reader *reader)
{
	lade_chunk_namer_free(reader->namer);
	if (reader->looks && reader->buffer) {
		pthread_cond_destroy(&reader->looks->changed);
		pthread_mutex_destroy(&reader->looks->lock);
	}
	free(reader->looks);
	free(reader->buffer);
	*reader = (struct restore_reader){ .namer = NULL };
}
