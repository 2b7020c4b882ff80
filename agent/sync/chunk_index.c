/*
 * The index in memory: files by path, and the chunks of this session by name. When there are too
 * many of these they are merged with those on disk.
 */
#include "agent/sync/chunk_index_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "protocol/grow.h"

/* Records in memory, beyond which they are written: 64 MiB of them. */
#define RECORDS_MAX ((64u << 20) / sizeof(struct index_record))
/* Places that are looked at, of chunks that many files have. */
#define PLACES_MAX 16u
#define FIRST_TABLE_SIZE 1024u

/* ---- tables ---- */

static size_t place_of_path(const struct lade_index *index, const char *path)
{
	uint8_t digest[LADE_DIGEST_LEN];

	/* Keyed: paths come from the peer, who may know a digest that is not. */
	lade_digest(&index->digests, path, strlen(path), digest);
	return (size_t)lade_chunk_name(digest) & (index->paths_size - 1);
}

/* Where the number of path's file is in the table, or is to be. */
static uint32_t *find_path(const struct lade_index *index, const char *path)
{
	size_t at = place_of_path(index, path);

	while (index->paths[at] && strcmp(index->files[index->paths[at] - 1].path, path) != 0)
		at = (at + 1) & (index->paths_size - 1);
	return &index->paths[at];
}

/* Make room in the table of paths for one more. False: no memory. */
static bool widen_paths(struct lade_index *index)
{
	size_t size = index->paths_size ? 2 * index->paths_size : FIRST_TABLE_SIZE;

	if (index->paths_size && 2 * (index->file_count + 1) <= index->paths_size)
		return true;
	free(index->paths);
	index->paths = calloc(size, sizeof(*index->paths));
	index->paths_size = index->paths ? size : 0;
	for (size_t i = 0; i < index->file_count && index->paths; i++)
		*find_path(index, index->files[i].path) = (uint32_t)i + 1; /* the last of several */
	return index->paths;
}

/* Names are digests: their low bits are as good as any. */
static void hang_record(struct lade_index *index, size_t i)
{
	size_t at = (size_t)index->records[i].name & (index->table_size - 1);

	while (index->table[at])
		at = (at + 1) & (index->table_size - 1);
	index->table[at] = (uint32_t)i + 1;
}

void lade_index_hang_records(struct lade_index *index)
{
	if (index->table_size)
		memset(index->table, 0, index->table_size * sizeof(*index->table));
	for (size_t i = 0; i < index->count && index->table; i++)
		hang_record(index, i);
}

static bool widen_table(struct lade_index *index)
{
	size_t size = index->table_size ? 2 * index->table_size : FIRST_TABLE_SIZE;

	if (index->table_size && 2 * (index->count + 1) <= index->table_size)
		return true;
	free(index->table);
	index->table = calloc(size, sizeof(*index->table));
	index->table_size = index->table ? size : 0;
	lade_index_hang_records(index);
	return index->table;
}

/* ---- files ---- */

uint32_t lade_index_add_file(struct lade_index *index, char *path, const struct lade_stamp *stamp, bool settled)
{
	struct index_file *files = lade_grown(index->files, index->file_count, &index->file_capacity, sizeof(*files));
	uint32_t *number;

	if (files)
		index->files = files;
	if (!files || index->file_count >= UINT32_MAX - 1 || !widen_paths(index)) {
		free(path);
		return UINT32_MAX;
	}
	number = find_path(index, path);
	if (*number && !files[*number - 1].detached)
		files[*number - 1].live = false;
	files[index->file_count] = (struct index_file){ .path = path, .stamp = *stamp, .settled = settled, .live = true };
	*number = (uint32_t)++index->file_count;
	return *number - 1;
}

/* The file of path, if it is as stamp says; else NULL. Lock held. */
static struct index_file *find_file(struct lade_index *index, const char *path, const struct lade_stamp *stamp)
{
	uint32_t number = index->paths_size ? *find_path(index, path) : 0;
	struct index_file *file = number ? &index->files[number - 1] : NULL;

	return file && file->live && lade_stamp_equal(&file->stamp, stamp) ? file : NULL;
}

bool lade_index_knows(struct lade_index *index, const char *path, const struct lade_stamp *stamp)
{
	struct index_file *file;
	bool known;

	pthread_mutex_lock(&index->lock);
	file = find_file(index, path, stamp);
	known = file && file->settled;
	if (known)
		file->seen = true;
	pthread_mutex_unlock(&index->lock);
	return known;
}

uint32_t lade_index_number(struct lade_index *index, const char *path, const struct lade_stamp *stamp)
{
	struct index_file *file;
	uint32_t number;

	pthread_mutex_lock(&index->lock);
	file = find_file(index, path, stamp);
	number = file ? (uint32_t)(file - index->files) : LADE_INDEX_NONE;
	pthread_mutex_unlock(&index->lock);
	return number;
}

void lade_index_detach(struct lade_index *index, uint32_t file)
{
	pthread_mutex_lock(&index->lock);
	index->files[file].detached = true;
	index->changed = true;
	pthread_mutex_unlock(&index->lock);
}

void lade_index_sweep(struct lade_index *index)
{
	pthread_mutex_lock(&index->lock);
	for (size_t i = 0; i < index->file_count; i++) {
		struct index_file *file = &index->files[i];

		if (file->live && !file->seen) {
			file->live = false;
			index->changed = true;
		}
	}
	pthread_mutex_unlock(&index->lock);
}

char *lade_index_path(struct lade_index *index, uint32_t file, struct lade_stamp *stamp_out)
{
	char *path;

	pthread_mutex_lock(&index->lock);
	path = strdup(index->files[file].path);
	*stamp_out = index->files[file].stamp;
	pthread_mutex_unlock(&index->lock);
	return path;
}

void lade_index_doubt(struct lade_index *index, uint32_t file)
{
	pthread_mutex_lock(&index->lock);
	index->files[file].live = false;
	index->changed = true;
	pthread_mutex_unlock(&index->lock);
}

/* ---- chunks ---- */

static bool add_record(struct lade_index *index, const struct index_record *record)
{
	struct index_record *records = lade_grown(index->records, index->count, &index->capacity, sizeof(*records));

	if (records)
		index->records = records;
	if (!records || index->count >= UINT32_MAX - 1 || !widen_table(index))
		return false;
	records[index->count] = *record;
	hang_record(index, index->count++);
	return true;
}

static int add(struct lade_index *index, char *path, const struct lade_stamp *stamp, bool settled,
	       const struct lade_index_chunk *chunks, size_t count)
{
	uint32_t file = path ? lade_index_add_file(index, path, stamp, settled) : UINT32_MAX;

	if (file == UINT32_MAX)
		return LADE_E_MEMORY;
	index->files[file].seen = true;
	index->changed = true;
	for (size_t i = 0; i < count; i++) {
		struct index_record record = { chunks[i].name, chunks[i].off, chunks[i].len, file };

		/* A file of one repeated chunk, zeros for example, need not be found at each of them. */
		if (i && chunks[i].name == chunks[i - 1].name)
			continue;
		if (!add_record(index, &record))
			return LADE_E_MEMORY;
	}
	return 0;
}

int lade_index_add(struct lade_index *index, const char *path, const struct lade_stamp *stamp, bool settled,
		   const struct lade_index_chunk *chunks, size_t count, struct lade_fault *fault)
{
	int error = 0;

	pthread_mutex_lock(&index->lock);
	if (!index->broken && add(index, strdup(path), stamp, settled, chunks, count))
		error = lade_fault_set(fault, LADE_E_MEMORY, "index", path);
	else if (!index->broken && index->count > RECORDS_MAX)
		error = lade_index_write(index, fault);
	/* Half of a file's chunks are no better than none, and a full disk stays full. */
	index->broken = index->broken || error;
	pthread_mutex_unlock(&index->lock);
	return error;
}

/* Records of this session with a name, of files that are live. Returns how many. */
static size_t recent_records(const struct lade_index *index, uint64_t name, struct index_record *records, size_t most)
{
	size_t at = (size_t)name & (index->table_size - 1), count = 0;

	if (!index->table_size)
		return 0;
	for (; index->table[at] && count < most; at = (at + 1) & (index->table_size - 1)) {
		const struct index_record *record = &index->records[index->table[at] - 1];

		if (record->name == name && index->files[record->file].live)
			records[count++] = *record;
	}
	return count;
}

bool lade_index_find(struct lade_index *index, const struct lade_recipe_chunk *chunk,
		     const struct lade_index_place *likely, struct lade_index_place *place_out)
{
	struct index_record records[2 * PLACES_MAX];
	bool found = false;
	size_t count;

	pthread_mutex_lock(&index->lock);
	count = recent_records(index, chunk->name, records, PLACES_MAX);
	count += lade_index_read_records(index, chunk->name, records + count, PLACES_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct index_record *record = &records[i];
		bool goes_on = likely && record->file == likely->file && record->off == likely->off;

		if (record->len != chunk->len || (found && !goes_on))
			continue;
		*place_out = (struct lade_index_place){ record->file, record->off };
		found = true;
		if (goes_on)
			break;
	}
	pthread_mutex_unlock(&index->lock);
	return found;
}

/* ---- beginning and end ---- */

const uint8_t *lade_index_key(const struct lade_index *index)
{
	return index->key;
}

int lade_index_open(int directory_fd, const char *name, struct lade_index **index_out, struct lade_fault *fault)
{
	struct lade_index *index = calloc(1, sizeof(*index));
	int error;

	if (!index)
		return lade_fault_set(fault, LADE_E_MEMORY, "open index", name);
	pthread_mutex_init(&index->lock, NULL);
	index->directory_fd = directory_fd;
	index->old.fd = -1;
	index->name = strdup(name);
	error = index->name ? lade_index_load(index, fault) : LADE_E_MEMORY;
	if (error == LADE_E_ABSENT || error == LADE_E_PROTOCOL) {
		struct lade_run_key pieces;

		randombytes_buf(index->key, sizeof(index->key));
		lade_recipe_key_derive(index->key, &index->digests, &pieces);
		index->changed = true;
		error = 0;
	}
	if (error) {
		lade_index_close(index);
		return lade_fault_set(fault, error, "open index", name);
	}
	*index_out = index;
	return 0;
}

void lade_index_close(struct lade_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->file_count; i++)
		free(index->files[i].path);
	if (index->old.fd >= 0)
		close(index->old.fd);
	free(index->old.files);
	free(index->files);
	free(index->paths);
	free(index->records);
	free(index->table);
	free(index->name);
	pthread_mutex_destroy(&index->lock);
	sodium_memzero(index->key, sizeof(index->key));
	free(index);
}

int lade_index_save(struct lade_index *index, struct lade_fault *fault)
{
	int error = 0;

	pthread_mutex_lock(&index->lock);
	if (index->changed && !index->broken)
		error = lade_index_write(index, fault);
	pthread_mutex_unlock(&index->lock);
	return error;
}
