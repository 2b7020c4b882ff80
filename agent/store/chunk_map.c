/*
 * [dedup] Where chunks are: tables come in through the spool, runs are made of them (chunk_map_merge.c) and looked up (chunk_map_run.c), and a
 * directory keeps these for the next time (chunk_map_cache.c).
 *
 * What runs say is what tables said. Which of these count, and who is believed, is asked anew each time, and kept as a byte for each pack of a run: a
 * row has the bits of its pack, for each table has numbers of packs of its own.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/grow.h"

/* Parts of the spool that are merged at once. */
#define PARTS_MAX 1024u
#define SPOOL_BUFFER_LEN (1u << 20)

/* ---- names of tables ---- */

bool lade_chunk_map_has(const struct lade_chunk_map *map, const uint8_t table[LADE_HASH_LEN])
{
	return lade_name_table_has(&map->names, table);
}

/* Learn the names of all tables of the map, and forget others. Returns 0 or LADE_E_MEMORY. */
static int learn_names(struct lade_chunk_map *map)
{
	int error = 0;

	lade_name_table_fini(&map->names);
	for (size_t i = 0; i < map->run_count; i++) {
		for (uint32_t j = 0; j < map->runs[i]->table_count && !error; j++)
			error = lade_name_table_add(&map->names, map->runs[i]->tables[j].info.name, NULL);
	}
	for (size_t i = 0; i < map->part_count && !error; i++)
		error = lade_name_table_add(&map->names, map->parts[i].table.info.name, NULL);
	return error ? LADE_E_MEMORY : 0;
}

/* ---- opening ---- */

int lade_chunk_map_open(const struct lade_chunk_map_setup *setup, struct lade_chunk_map **map_out, struct lade_fault *fault)
{
	struct lade_chunk_map *map = sodium_init() < 0 ? NULL : calloc(1, sizeof(*map));
	int error = 0;

	if (!map)
		return lade_fault_set(fault, LADE_E_MEMORY, "open the table of chunks", NULL);
	memcpy(map->repository, setup->repository, sizeof(map->repository));
	map->directory = setup->directory;
	map->lock = -1;
	map->spool = map_cache_new_file(map);
	if (map->spool < 0)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "make", "a temporary file");
	if (!error && map->directory >= 0)
		error = map_cache_load(map);
	if (!error)
		error = learn_names(map);
	if (error == LADE_E_MEMORY)
		lade_fault_set(fault, error, "open the table of chunks", NULL);
	if (error) {
		lade_chunk_map_close(map);
		return error;
	}
	*map_out = map;
	return 0;
}

/* Forget all; the cache as well. */
static void forget_all(struct lade_chunk_map *map)
{
	map_cache_forget(map);
	map->part_count = 0;
	map->spool_len = 0;
	map->pack_count = 0;
	map->row_count = 0;
	atomic_store(&map->damaged, false);
	lade_name_table_fini(&map->names);
}

int lade_chunk_map_leave_cache(struct lade_chunk_map *map, struct lade_fault *fault)
{
	if (map->directory < 0)
		return 0;
	/* What others have put there, and this process has not changed, stays. */
	map->directory = -1;
	if (map->lock >= 0)
		close(map->lock);
	map->lock = -1;
	while (map->run_count)
		map_run_free(map->runs[--map->run_count]);
	close(map->spool);
	map->spool = map_cache_new_file(map);
	if (map->spool < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "make", "a temporary file");
	forget_all(map);
	return 1;
}

void lade_chunk_map_close(struct lade_chunk_map *map)
{
	if (!map)
		return;
	if (lade_chunk_map_damaged(map))
		forget_all(map);
	while (map->run_count)
		map_run_free(map->runs[--map->run_count]);
	free(map->runs);
	free(map->parts);
	lade_name_table_fini(&map->names);
	free(map->packs);
	free(map->manifest);
	if (map->spool >= 0)
		close(map->spool);
	if (map->lock >= 0)
		close(map->lock);
	free(map);
}

/* ---- adding ---- */

/* A table on its way to the spool. */
struct adding {
	struct lade_chunk_map *map;
	struct part part;
	uint64_t off; /* of the buffer */
	size_t len;   /* in the buffer */
	uint8_t buffer[SPOOL_BUFFER_LEN];
};

static int flush(struct adding *adding, struct lade_fault *fault)
{
	if (lade_whole_write(adding->map->spool, adding->buffer, adding->len, adding->off))
		return lade_fault_set(fault, LADE_E_SYSTEM, "write", "a temporary file");
	adding->off += adding->len;
	adding->len = 0;
	return 0;
}

static int spool(struct adding *adding, const void *bytes, size_t len, struct lade_fault *fault)
{
	const int error = adding->len + len > sizeof(adding->buffer) ? flush(adding, fault) : 0;

	if (error)
		return error;
	memcpy(adding->buffer + adding->len, bytes, len);
	adding->len += len;
	return 0;
}

static int take_replaced(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct adding *adding = context;

	adding->part.table.replaced_count++;
	return spool(adding, name, LADE_HASH_LEN, fault);
}

static int take_pack(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct adding *adding = context;

	adding->part.table.pack_count++;
	return spool(adding, name, LADE_HASH_LEN, fault);
}

static int take_row(void *context, const struct lade_table_row *row, struct lade_fault *fault)
{
	struct adding *adding = context;
	uint8_t bytes[LADE_TABLE_ROW_LEN];

	adding->part.table.rows++;
	lade_table_row_put(bytes, row);
	return spool(adding, bytes, sizeof(bytes), fault);
}

/* The table was good: what the spool has of it is a part. */
static int keep_part(struct adding *adding, struct lade_fault *fault)
{
	struct lade_chunk_map *map = adding->map;
	struct part *parts;
	int error = flush(adding, fault);

	if (error)
		return error;
	parts = lade_grown(map->parts, map->part_count, &map->part_room, sizeof(*parts));
	if (!parts)
		return lade_fault_set(fault, LADE_E_MEMORY, "add a table", NULL);
	map->parts = parts;
	error = lade_name_table_add(&map->names, adding->part.table.info.name, NULL);
	if (error)
		return lade_fault_set(fault, error, "add a table", NULL);
	parts[map->part_count++] = adding->part;
	map->spool_len = adding->off;
	if (map->part_count < PARTS_MAX || lade_chunk_map_damaged(map))
		return 0;
	error = map_merge(map, false, fault);
	if (error != LADE_E_CHANGED)
		return error;
	/* Of no matter for this table: settling says so. */
	atomic_store(&map->damaged, true);
	return 0;
}

int lade_chunk_map_add(struct lade_chunk_map *map, const struct lade_table_source *source, struct lade_table_info *info_out, struct lade_fault *fault)
{
	struct lade_table_sink sink = { .replaces = take_replaced, .pack = take_pack, .row = take_row };
	struct lade_table_info info = { .level = 0 };
	struct adding *adding;
	int error;

	if (source->name && lade_chunk_map_has(map, source->name)) {
		memcpy(info.name, source->name, sizeof(info.name));
		if (info_out)
			*info_out = info;
		return 0;
	}
	adding = malloc(sizeof(*adding));
	if (!adding)
		return lade_fault_set(fault, LADE_E_MEMORY, "add a table", NULL);
	adding->map = map;
	adding->part = (struct part){ .off = map->spool_len };
	adding->off = map->spool_len;
	adding->len = 0;
	sink.context = adding;
	error = lade_table_read(source, &sink, &info, fault);
	adding->part.table.info = info;
	/* One of a session has no name before it is read. */
	if (!error && !lade_chunk_map_has(map, info.name))
		error = keep_part(adding, fault);
	if (!error && info_out)
		*info_out = info;
	free(adding);
	return error;
}

/* ---- settling ---- */

static int compare_names(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

static bool is_in(const uint8_t (*names)[LADE_HASH_LEN], size_t count, const uint8_t *name)
{
	return count && bsearch(name, names, count, LADE_HASH_LEN, compare_names);
}

/* Names of tables that are replaced. */
struct names {
	uint8_t (*items)[LADE_HASH_LEN];
	size_t count, room;
};

struct settling {
	struct lade_chunk_map *map;
	const struct lade_chunk_map_view *view;
	struct lade_fault *fault;
	struct names replaced;
	bool lacks; /* rows were left out that count now */
};

/* Add what a table replaces; run: that has it, or NULL: part. */
static int add_replaced(struct settling *settling, const struct map_table *table, const struct run *run, const struct part *part)
{
	struct names *names = &settling->replaced;
	int error = 0;

	for (uint32_t i = 0; i < table->replaced_count && !error; i++) {
		void *items = lade_grown(names->items, names->count, &names->room, LADE_HASH_LEN);

		if (!items)
			return lade_fault_set(settling->fault, LADE_E_MEMORY, "settle the table of chunks", NULL);
		names->items = items;
		if (run)
			memcpy(names->items[names->count], run->replaced + ((size_t)table->replaced_first + i) * LADE_HASH_LEN, LADE_HASH_LEN);
		else
			error = map_spool_read(settling->map, names->items[names->count], LADE_HASH_LEN, part->off + (uint64_t)i * LADE_HASH_LEN, settling->fault);
		names->count++;
	}
	return error;
}

/* What is to be done with each table. */
typedef int each_table(struct settling *settling, struct map_table *table, const struct run *run, const struct part *part);

static int for_each_table(struct settling *settling, each_table *act)
{
	struct lade_chunk_map *map = settling->map;
	int error = 0;

	for (size_t i = 0; i < map->run_count; i++) {
		for (uint32_t j = 0; j < map->runs[i]->table_count && !error; j++)
			error = act(settling, &map->runs[i]->tables[j], map->runs[i], NULL);
	}
	for (size_t i = 0; i < map->part_count && !error; i++)
		error = act(settling, &map->parts[i].table, NULL, &map->parts[i]);
	return error;
}

static int judge(struct settling *settling, struct map_table *table, const struct run *run, const struct part *part)
{
	const struct lade_chunk_map_view *view = settling->view;
	unsigned verdict;

	table->flags = 0;
	if (!is_in(view->tables, view->table_count, table->info.name))
		return 0;
	verdict = view->judge(view->context, &table->info);
	table->flags = TABLE_THERE | (verdict & LADE_TABLE_BELIEVED ? TABLE_BELIEVED : 0);
	return verdict & LADE_TABLE_REPLACES ? add_replaced(settling, table, run, part) : 0;
}

static int weigh(struct settling *settling, struct map_table *table, const struct run *run, const struct part *part)
{
	const struct names *names = &settling->replaced;

	(void)run;
	(void)part;
	if (!(table->flags & TABLE_THERE) || is_in((const uint8_t(*)[LADE_HASH_LEN])names->items, names->count, table->info.name))
		return 0;
	table->flags |= TABLE_COUNTS;
	if (table->emptied)
		settling->lacks = true;
	return 0;
}

/* Give each pack its bits; then packs are counted. */
static void flag_packs(struct settling *settling)
{
	struct lade_chunk_map *map = settling->map;

	for (size_t i = 0; i < map->run_count; i++) {
		struct run *run = map->runs[i];

		for (uint32_t j = 0; j < run->table_count; j++) {
			const struct map_table *table = &run->tables[j];

			if (table->flags & TABLE_COUNTS)
				map->row_count += table->rows;
			memset(run->pack_flags + table->pack_first, (int)table->flags, table->pack_count);
		}
		for (uint32_t j = 0; j < run->pack_count; j++) {
			if (is_in(settling->view->absent, settling->view->absent_count, run->packs + (size_t)j * LADE_HASH_LEN))
				run->pack_flags[j] |= PACK_ABSENT;
			if ((run->pack_flags[j] & (TABLE_COUNTS | PACK_ABSENT)) == TABLE_COUNTS)
				map->pack_count++;
		}
		map_run_rest(run);
	}
}

static const uint8_t *ref_name(const struct lade_chunk_map *map, const struct pack_ref *ref)
{
	return map->runs[ref->run]->packs + (size_t)ref->pack * LADE_HASH_LEN;
}

static int compare_refs(const void *a, const void *b, void *context)
{
	const struct pack_ref *first = a, *second = b;

	if (first->prefix != second->prefix)
		return first->prefix < second->prefix ? -1 : 1;
	return memcmp(ref_name(context, first), ref_name(context, second), LADE_HASH_LEN);
}

/* Make the list of packs, in order, each once. */
static int list_packs(struct settling *settling)
{
	struct lade_chunk_map *map = settling->map;
	size_t count = 0, kept = 0;

	free(map->packs);
	map->packs = calloc(map->pack_count + 1, sizeof(*map->packs));
	if (!map->packs)
		return lade_fault_set(settling->fault, LADE_E_MEMORY, "settle the table of chunks", NULL);
	for (size_t i = 0; i < map->run_count; i++) {
		for (uint32_t j = 0; j < map->runs[i]->pack_count; j++) {
			if ((map->runs[i]->pack_flags[j] & (TABLE_COUNTS | PACK_ABSENT)) == TABLE_COUNTS)
				map->packs[count++] = (struct pack_ref){ map_prefix(map->runs[i]->packs + (size_t)j * LADE_HASH_LEN), (uint32_t)i, j };
		}
	}
	qsort_r(map->packs, count, sizeof(*map->packs), compare_refs, map);
	for (size_t i = 0; i < count; i++) {
		if (!kept || compare_refs(&map->packs[kept - 1], &map->packs[i], map) != 0)
			map->packs[kept++] = map->packs[i];
	}
	map->pack_count = kept;
	for (size_t i = 0; i < map->run_count; i++)
		map_run_rest(map->runs[i]);
	return 0;
}

/* Nothing is found from here on, until all is settled. */
static void unsettle(struct lade_chunk_map *map)
{
	map->pack_count = 0;
	map->row_count = 0;
	for (size_t i = 0; i < map->run_count; i++)
		memset(map->runs[i]->pack_flags, 0, map->runs[i]->pack_count);
}

static int settle(struct settling *settling)
{
	struct lade_chunk_map *map = settling->map;
	struct names *names = &settling->replaced;
	int error = lade_chunk_map_damaged(map) ? LADE_E_CHANGED : for_each_table(settling, judge);

	if (error)
		return error;
	if (names->count)
		qsort(names->items, names->count, LADE_HASH_LEN, compare_names);
	error = for_each_table(settling, weigh);
	if (!error && settling->lacks)
		error = LADE_E_CHANGED;
	if (!error)
		error = map_merge(map, true, settling->fault);
	if (error)
		return error;
	map_cache_publish(map);
	if (learn_names(map))
		return lade_fault_set(settling->fault, LADE_E_MEMORY, "settle the table of chunks", NULL);
	flag_packs(settling);
	error = list_packs(settling);
	if (error)
		unsettle(map);
	return error;
}

int lade_chunk_map_settle(struct lade_chunk_map *map, const struct lade_chunk_map_view *view, struct lade_fault *fault)
{
	struct settling settling = { .map = map, .view = view, .fault = fault };
	int error;

	unsettle(map);
	error = settle(&settling);
	free(settling.replaced.items);
	if (error != LADE_E_CHANGED)
		return error;
	forget_all(map);
	return lade_fault_set(fault, LADE_E_AGAIN, "settle the table of chunks", NULL);
}

/* ---- lookups ---- */

bool lade_chunk_map_damaged(const struct lade_chunk_map *map)
{
	return atomic_load_explicit(&map->damaged, memory_order_relaxed);
}

bool lade_chunk_map_has_pack(const struct lade_chunk_map *map, const uint8_t pack[LADE_HASH_LEN])
{
	const uint64_t prefix = map_prefix(pack);
	size_t low = 0, high = map->pack_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct pack_ref *ref = &map->packs[middle];
		const int order = ref->prefix != prefix ? (ref->prefix < prefix ? -1 : 1) : memcmp(ref_name(map, ref), pack, LADE_HASH_LEN);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

uint64_t lade_chunk_map_count(const struct lade_chunk_map *map)
{
	return map->row_count;
}

size_t lade_chunk_map_pack_count(const struct lade_chunk_map *map)
{
	return map->pack_count;
}

const uint8_t *lade_chunk_map_pack(const struct lade_chunk_map *map, size_t number)
{
	return ref_name(map, &map->packs[number]);
}
