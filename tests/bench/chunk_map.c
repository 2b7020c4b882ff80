/*
 * How long the map of a repository's chunks takes to make, how fast chunks are found in it, and how much memory that needs: tables of 2^20 rows each in a folder, the map made
 * of them from nothing and then opened from its cache, lookups of ids that are there and of others by two threads.
 *
 * usage: chunk_map FOLDER [CHUNKS], FOLDER empty, with room for some 150 bytes a chunk
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/chunk_map.h"
#include "agent/store/store_folder.h"
#include "protocol/byteorder.h"

#define ROWS_PER_PACK 128u
#define LOOKUPS 2000000u
#define THREADS 2u
#define EPOCH 1u
#define TABLES_MAX 4096u

static uint8_t index_secret[LADE_SEAL_KEY_LEN], seed[LADE_SIGN_SEED_LEN], signer[LADE_PARTY_ID_LEN];
static uint8_t names[TABLES_MAX][LADE_HASH_LEN];
static struct lade_trust trust;
static struct lade_keyring keyring;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check(int error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, lade_error_text(error));
}

static uint64_t random_word(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* The id of a chunk: as good as a hash here. */
static void make_id(uint64_t number, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	for (size_t i = 0; i < LADE_CHUNK_ID_LEN; i += 8)
		lade_put_le64(id_out + i, random_word(&number));
}

/* ---- memory ---- */

/* A figure of /proc/self/status in KiB. */
static long status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long value = 0;

	if (!file)
		err(1, "/proc/self/status");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			value = strtol(line + strlen(name), NULL, 10);
	}
	fclose(file);
	return value;
}

static _Atomic bool sampling;
static long anon_max;

static void *sample(void *context)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	(void)context;
	while (atomic_load(&sampling)) {
		const long anon = status("RssAnon:");

		anon_max = anon > anon_max ? anon : anon_max;
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- the repository ---- */

static void make_trust(void)
{
	struct lade_pins pins = { .encrypted = true };
	struct lade_format format = { .encrypted = true };
	struct lade_statement statement = { .kind = LADE_SAYS_WRITER };
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	struct lade_writer bytes;

	lade_writer_init(&bytes, LADE_STATEMENT_LEN);
	crypto_sign_seed_keypair(format.root, secret, seed);
	crypto_sign_seed_keypair(statement.public_key, secret, seed);
	check(lade_party_id(statement.public_key, signer), "id");
	check(lade_trust_init(&trust, &format, (const uint8_t *)"", 0), "trust");
	check(lade_trust_say(&bytes, &trust, &statement, seed), "trust");
	check(lade_trust_hear(&trust, bytes.data, bytes.len), "trust");
	lade_writer_fini(&bytes);
	lade_keyring_init(&keyring, &pins);
	check(lade_keyring_add(&keyring, LADE_SECRET_INDEX, EPOCH, index_secret), "keys");
}

static void make_table(struct lade_store *store, uint64_t first, uint64_t count, uint8_t name_out[LADE_HASH_LEN])
{
	struct lade_table_setup setup = { .store = store, .object = "new", .suite = lade_suite_choose(), .repository = trust.repository,
					  .index_secret = index_secret, .seed = seed, .info = { .epoch = EPOCH } };
	struct lade_table_builder *builder;
	uint8_t pack[LADE_HASH_LEN];
	char object[LADE_TABLE_NAME_SIZE];

	memcpy(setup.info.signer, signer, sizeof(signer));
	memcpy(setup.info.owner, signer, sizeof(signer));
	check(lade_table_builder_new(&builder), "table");
	for (uint64_t i = 0; i < count; i++) {
		struct lade_pack_row row = { .kind = LADE_CHUNK_CONTENT, .off = LADE_PACK_HEADER_LEN + (uint32_t)(i % ROWS_PER_PACK) * 500000, .sealed_len = 400000,
					     .len = 520000 };

		make_id(first + i, row.id);
		make_id(UINT64_MAX / 2 + (first + i) / ROWS_PER_PACK, pack);
		check(lade_table_builder_add(builder, pack, &row), "row");
	}
	check(lade_table_builder_write(builder, &setup, name_out, NULL), "table");
	lade_table_builder_free(builder);
	lade_table_object_name(0, name_out, object);
	check(lade_store_rename(store, "new", object, NULL), "rename");
}

/* Make all of it, in a process of its own: its memory is none of the map's. Names of tables go to a pipe. */
static size_t make_repository(const char *path, uint64_t chunks)
{
	size_t count = (size_t)((chunks + LADE_TABLE_ROWS_MAX_0 - 1) / LADE_TABLE_ROWS_MAX_0);
	struct lade_store *store;
	int pipes[2], result;
	pid_t child;

	if (count > TABLES_MAX || pipe(pipes) || (child = fork()) < 0)
		err(1, "tables");
	if (!child) {
		check(lade_store_folder_open(path, true, &store, NULL), path);
		for (size_t i = 0; i < count; i++) {
			const uint64_t first = i * (uint64_t)LADE_TABLE_ROWS_MAX_0, left = chunks - first;

			make_table(store, first, left < LADE_TABLE_ROWS_MAX_0 ? left : LADE_TABLE_ROWS_MAX_0, names[i]);
			if (write(pipes[1], names[i], LADE_HASH_LEN) != (ssize_t)LADE_HASH_LEN)
				err(1, "pipe");
		}
		lade_store_close(store);
		_exit(0);
	}
	close(pipes[1]);
	for (size_t i = 0; i < count; i++) {
		if (read(pipes[0], names[i], LADE_HASH_LEN) != (ssize_t)LADE_HASH_LEN)
			errx(1, "no table");
	}
	close(pipes[0]);
	if (waitpid(child, &result, 0) != child || result)
		errx(1, "no tables");
	return count;
}

/* ---- the map ---- */

static int take_len(void *context, const struct lade_store_object *object)
{
	*(uint64_t *)context = object->len;
	return 0;
}

static unsigned judge(void *context, const struct lade_table_info *info)
{
	(void)context;
	(void)info;
	return LADE_TABLE_BELIEVED;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

static struct lade_chunk_map *open_map(struct lade_store *store, int cache, size_t tables)
{
	const struct lade_chunk_map_setup setup = { cache, trust.repository };
	const struct lade_chunk_map_view view = { .tables = (const uint8_t(*)[LADE_HASH_LEN])names, .table_count = tables, .judge = judge };
	struct lade_table_source source = { .store = store, .level = 0, .encrypted = true, .trust = &trust, .keyring = &keyring };
	struct lade_chunk_map *map;
	char object[LADE_TABLE_NAME_SIZE];

	check(lade_chunk_map_open(&setup, &map, NULL), "open");
	for (size_t i = 0; i < tables; i++) {
		if (lade_chunk_map_has(map, names[i]))
			continue;
		lade_table_object_name(0, names[i], object);
		source.object = object;
		source.name = names[i];
		check(lade_store_list(store, object, take_len, &source.len, NULL), "list");
		check(lade_chunk_map_add(map, &source, NULL, NULL), "add");
	}
	check(lade_chunk_map_settle(map, &view, NULL), "settle");
	return map;
}

struct lookups {
	const struct lade_chunk_map *map;
	uint64_t first, range;
	size_t found;
};

static void *look(void *context)
{
	struct lookups *lookups = context;
	struct lade_chunk_place place;
	uint64_t state = lookups->first + (uint64_t)(uintptr_t)lookups;
	uint8_t id[LADE_CHUNK_ID_LEN];

	for (size_t i = 0; i < LOOKUPS; i++) {
		make_id(lookups->first + random_word(&state) % lookups->range, id);
		lookups->found += lade_chunk_map_find(lookups->map, id, LADE_CHUNK_CONTENT, &place);
	}
	return NULL;
}

static void measure_lookups(const struct lade_chunk_map *map, const char *what, uint64_t first, uint64_t range)
{
	struct lookups lookups[THREADS];
	pthread_t threads[THREADS];
	const double begin = now();
	size_t found = 0;

	for (size_t i = 0; i < THREADS; i++) {
		lookups[i] = (struct lookups){ map, first, range, 0 };
		if (pthread_create(&threads[i], NULL, look, &lookups[i]))
			errx(1, "thread");
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		found += lookups[i].found;
	}
	printf("%s: %.0f lookups/s by %u threads, %zu of %u found\n", what, THREADS * LOOKUPS / (now() - begin), THREADS, found, THREADS * LOOKUPS);
}

int main(int argc, char **argv)
{
	const uint64_t chunks = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	struct lade_store *store;
	struct lade_chunk_map *map;
	pthread_t sampler;
	char path[4096];
	size_t tables;
	double begin;
	int cache;

	if (argc < 2 || !chunks || sodium_init() < 0)
		errx(2, "usage: chunk_map FOLDER [CHUNKS]");
	make_trust();
	snprintf(path, sizeof(path), "%s/repository", argv[1]);
	begin = now();
	tables = make_repository(path, chunks);
	qsort(names, tables, LADE_HASH_LEN, compare);
	printf("%llu chunks in %zu tables, made in %.1f s\n", (unsigned long long)chunks, tables, now() - begin);
	check(lade_store_folder_open(path, false, &store, NULL), path);
	snprintf(path, sizeof(path), "%s/cache", argv[1]);
	if (mkdir(path, 0700) || (cache = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		err(1, "%s", path);
	atomic_store(&sampling, true);
	if (pthread_create(&sampler, NULL, sample, NULL))
		errx(1, "thread");
	begin = now();
	map = open_map(store, cache, tables);
	printf("construction: %.1f s, %llu chunks, %zu packs\n", now() - begin, (unsigned long long)lade_chunk_map_count(map), lade_chunk_map_pack_count(map));
	printf("peak of construction: %.1f MiB resident, %.1f MiB of it anonymous\n", (double)status("VmHWM:") / 1024, (double)anon_max / 1024);
	lade_chunk_map_close(map);
	begin = now();
	map = open_map(store, cache, tables);
	printf("opened again: %.3f s\n", now() - begin);
	measure_lookups(map, "hits", 0, chunks);
	measure_lookups(map, "misses", UINT64_MAX / 4, chunks);
	atomic_store(&sampling, false);
	pthread_join(sampler, NULL);
	printf("peak of all: %.1f MiB resident, %.1f MiB of it anonymous\n", (double)status("VmHWM:") / 1024, (double)anon_max / 1024);
	lade_chunk_map_close(map);
	close(cache);
	lade_store_close(store);
	lade_trust_fini(&trust);
	lade_keyring_fini(&keyring);
	return 0;
}
