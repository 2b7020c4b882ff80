/*
 * Runs are made by merging: parts of the spool, which are tables as they were read, and runs, all of them in order of ids. What comes out is written
 * as it comes (chunk_map_write.c). So this takes BUFFERS_LEN bytes and what a pack's number takes, however long the runs are; files that are merged
 * are read, not mapped.
 *
 * A run is taken in if it is not more than twice as long as what is merged already: there are about as many runs as the logarithm of their rows.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"
#include "protocol/grow.h"

#define BUFFERS_LEN (16u << 20)
#define BUFFER_LEN_MAX (1u << 20)
#define DROPPED UINT32_MAX

/* What comes in: a part, or a run. */
struct input {
	struct run *run;          /* NULL: a part */
	const struct part *part;
	uint64_t next, end;       /* rows that are not in the buffer yet: of a part; or pages of them: of a run */
	uint32_t pack_base;       /* of a part: what is added to numbers of packs */
	uint32_t *packs;          /* of a run: new numbers, or DROPPED */
	uint8_t *buffer;
	size_t at, len;           /* of rows in the buffer: the one that is next, and their end, in bytes; a page's XXH3 is skipped */
	uint8_t row[LADE_TABLE_ROW_LEN];
};

/* The inputs in a heap: the least row first. */
struct heap_item {
	uint64_t prefix;
	uint32_t input;
};

struct merge {
	struct lade_chunk_map *map;
	struct lade_fault *fault;
	bool settled;
	bool *taken;              /* of map->runs, those that are merged */
	struct input *inputs;
	size_t input_count;
	size_t buffer_len;        /* of each input */
	struct heap_item *heap;
	size_t heap_count;
	struct map_table *tables; /* of the new run */
	size_t table_count, table_room;
	uint64_t rows, packs, replaced;
	struct run_writer writer;
};

static int failed(const struct merge *merge, int error)
{
	return lade_fault_set(merge->fault, error, "make the table of chunks", NULL);
}

int map_spool_read(const struct lade_chunk_map *map, void *out, size_t len, uint64_t off, struct lade_fault *fault)
{
	const ssize_t got = lade_whole_read(map->spool, out, len, off);

	if (got == (ssize_t)len)
		return 0;
	return lade_fault_set(fault, got < 0 ? LADE_E_SYSTEM : LADE_E_CHANGED, "read", "a temporary file");
}

/* ---- what is merged ---- */

/* What is kept of a table. */
static bool keeps_record(const struct merge *merge, const struct map_table *table)
{
	return !merge->settled || (table->flags & TABLE_THERE);
}

static bool keeps_rows(const struct merge *merge, const struct map_table *table)
{
	return !table->emptied && (!merge->settled || (table->flags & TABLE_COUNTS));
}

static uint64_t live_rows(const struct merge *merge, const struct run *run)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < run->table_count; i++)
		rows += keeps_rows(merge, &run->tables[i]) ? run->tables[i].rows : 0;
	return rows;
}

/* Choose the runs, and count what comes out of all at most. */
static size_t choose(struct merge *merge)
{
	const struct lade_chunk_map *map = merge->map;
	uint64_t rows = 0;
	size_t count = 0;
	bool more;

	for (size_t i = 0; i < map->part_count; i++)
		rows += keeps_rows(merge, &map->parts[i].table) ? map->parts[i].table.rows : 0;
	for (size_t i = 0; i < map->run_count; i++) {
		const uint64_t live = live_rows(merge, map->runs[i]);

		if (live * 2 < map->runs[i]->rows) {
			merge->taken[i] = true;
			rows += live;
			count++;
		}
	}
	if (!map->part_count && !count)
		return 0;
	do {
		more = false;
		for (size_t i = 0; i < map->run_count; i++) {
			if (merge->taken[i] || map->runs[i]->rows > 2 * rows)
				continue;
			merge->taken[i] = more = true;
			rows += live_rows(merge, map->runs[i]);
			count++;
		}
	} while (more);
	return count + map->part_count;
}

/* A table comes into the new run; *base_out: what its packs' numbers begin with there. */
static int add_table(struct merge *merge, const struct map_table *table, uint32_t *base_out)
{
	struct map_table *tables, added = *table;
	const bool rows = keeps_rows(merge, table);

	*base_out = DROPPED;
	if (!keeps_record(merge, table))
		return 0;
	added.emptied = !rows;
	if (!rows)
		added.rows = added.pack_count = 0;
	added.pack_first = (uint32_t)merge->packs;
	added.replaced_first = (uint32_t)merge->replaced;
	if (rows)
		*base_out = added.pack_first;
	merge->rows += added.rows;
	merge->packs += added.pack_count;
	merge->replaced += added.replaced_count;
	if (merge->packs >= DROPPED || merge->replaced >= UINT32_MAX)
		return failed(merge, LADE_E_LIMIT);
	tables = lade_grown(merge->tables, merge->table_count, &merge->table_room, sizeof(*tables));
	if (!tables)
		return failed(merge, LADE_E_MEMORY);
	merge->tables = tables;
	tables[merge->table_count++] = added;
	return 0;
}

static int add_part(struct merge *merge, const struct part *part)
{
	struct input *input = &merge->inputs[merge->input_count++];

	input->part = part;
	input->end = part->table.rows;
	return add_table(merge, &part->table, &input->pack_base);
}

static int add_run(struct merge *merge, struct run *run)
{
	struct input *input = &merge->inputs[merge->input_count++];
	int error = 0;

	input->run = run;
	input->end = run->row_pages;
	input->packs = malloc((run->pack_count + (size_t)1) * sizeof(*input->packs));
	if (!input->packs)
		return failed(merge, LADE_E_MEMORY);
	for (uint32_t i = 0; i < run->table_count && !error; i++) {
		const struct map_table *table = &run->tables[i];
		uint32_t base;

		error = add_table(merge, table, &base);
		for (uint32_t j = 0; j < table->pack_count; j++)
			input->packs[table->pack_first + j] = base == DROPPED ? DROPPED : base + j;
	}
	return error;
}

static int prepare(struct merge *merge, size_t input_count)
{
	struct lade_chunk_map *map = merge->map;
	int error = 0;

	merge->inputs = calloc(input_count, sizeof(*merge->inputs));
	merge->heap = calloc(input_count, sizeof(*merge->heap));
	if (!merge->inputs || !merge->heap)
		return failed(merge, LADE_E_MEMORY);
	merge->buffer_len = BUFFERS_LEN / input_count / RUN_PAGE_LEN * RUN_PAGE_LEN;
	if (merge->buffer_len > BUFFER_LEN_MAX)
		merge->buffer_len = BUFFER_LEN_MAX;
	if (merge->buffer_len < RUN_PAGE_LEN)
		merge->buffer_len = RUN_PAGE_LEN;
	for (size_t i = 0; i < map->run_count && !error; i++)
		error = merge->taken[i] ? add_run(merge, map->runs[i]) : 0;
	for (size_t i = 0; i < map->part_count && !error; i++)
		error = add_part(merge, &map->parts[i]);
	return error;
}

/* ---- what comes in ---- */

/* Fill the buffer of a part. */
static int fill_part(struct merge *merge, struct input *input)
{
	const struct map_table *table = &input->part->table;
	const uint64_t lists = ((uint64_t)table->replaced_count + table->pack_count) * LADE_HASH_LEN;
	const uint64_t rest = input->end - input->next, room = merge->buffer_len / LADE_TABLE_ROW_LEN, count = rest < room ? rest : room;
	const uint64_t off = input->part->off + lists + input->next * LADE_TABLE_ROW_LEN;

	input->at = 0;
	input->len = (size_t)count * LADE_TABLE_ROW_LEN;
	input->next += count;
	return map_spool_read(merge->map, input->buffer, input->len, off, merge->fault);
}

/* Fill that of a run, whose pages are verified. */
static int fill_run(struct merge *merge, struct input *input)
{
	const struct run *run = input->run;
	const uint64_t rest = input->end - input->next, room = merge->buffer_len / RUN_PAGE_LEN, count = rest < room ? rest : room;
	const size_t len = (size_t)count * RUN_PAGE_LEN;

	if (lade_whole_read(run->fd, input->buffer, len, (1 + run->filter_pages + input->next) * RUN_PAGE_LEN) != (ssize_t)len)
		return failed(merge, LADE_E_CHANGED);
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *page = input->buffer + i * RUN_PAGE_LEN;

		if (map_page_hash(page, run->salt, run->filter_pages + input->next + i) != lade_get_le64(page + RUN_HASH_OFF))
			return failed(merge, LADE_E_CHANGED);
	}
	input->next += count;
	input->at = 0;
	input->len = len;
	/* The last page need not be full. */
	if (input->next == input->end)
		input->len = len - RUN_PAGE_LEN + (size_t)(run->rows - (run->row_pages - 1) * RUN_ROWS_PER_PAGE) * LADE_TABLE_ROW_LEN;
	return 0;
}

/* Get the next row of an input that is kept, with its new pack. Returns 1, 0 at the end, or what went wrong. */
static int next_row(struct merge *merge, struct input *input)
{
	uint32_t pack;

	do {
		if (input->run && input->at % RUN_PAGE_LEN == (size_t)RUN_ROWS_PER_PAGE * LADE_TABLE_ROW_LEN)
			input->at += RUN_PAGE_LEN - (size_t)RUN_ROWS_PER_PAGE * LADE_TABLE_ROW_LEN;
		if (input->at >= input->len) {
			int error;

			if (input->next == input->end)
				return 0;
			error = input->run ? fill_run(merge, input) : fill_part(merge, input);
			if (error)
				return error;
		}
		memcpy(input->row, input->buffer + input->at, sizeof(input->row));
		input->at += sizeof(input->row);
		pack = lade_get_le32(input->row + LADE_CHUNK_ID_LEN);
		if (input->run && pack >= input->run->pack_count)
			return failed(merge, LADE_E_CHANGED);
		pack = input->run ? input->packs[pack] : pack + input->pack_base;
	} while (pack == DROPPED);
	lade_put_le32(input->row + LADE_CHUNK_ID_LEN, pack);
	return 1;
}

/* ---- the heap ---- */

static bool less(const struct merge *merge, const struct heap_item *a, const struct heap_item *b)
{
	int order;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	order = memcmp(merge->inputs[a->input].row, merge->inputs[b->input].row, LADE_CHUNK_ID_LEN);
	return order ? order < 0 : a->input < b->input;
}

/* Have the item at a place sink to where it belongs. */
static void sink(struct merge *merge, size_t at)
{
	const struct heap_item item = merge->heap[at];

	for (size_t child = 2 * at + 1; child < merge->heap_count; child = 2 * at + 1) {
		if (child + 1 < merge->heap_count && less(merge, &merge->heap[child + 1], &merge->heap[child]))
			child++;
		if (!less(merge, &merge->heap[child], &item))
			break;
		merge->heap[at] = merge->heap[child];
		at = child;
	}
	merge->heap[at] = item;
}

/* Get the first row of each input. */
static int start(struct merge *merge)
{
	for (size_t i = 0; i < merge->input_count; i++) {
		struct input *input = &merge->inputs[i];
		int result;

		/* A part whose rows are left out. */
		if (!input->run && input->pack_base == DROPPED)
			continue;
		input->buffer = malloc(merge->buffer_len);
		if (!input->buffer)
			return failed(merge, LADE_E_MEMORY);
		result = next_row(merge, input);
		if (result < 0)
			return result;
		if (result)
			merge->heap[merge->heap_count++] = (struct heap_item){ .prefix = map_prefix(input->row), .input = (uint32_t)i };
	}
	for (size_t i = merge->heap_count / 2; i-- > 0;)
		sink(merge, i);
	return 0;
}

/* ---- what comes out ---- */

static int put_rows(struct merge *merge)
{
	uint64_t rows = 0;
	int error = start(merge);

	while (!error && merge->heap_count) {
		struct heap_item *least = &merge->heap[0];
		struct input *input = &merge->inputs[least->input];
		int result = 0;

		/* A run whose rows are more than its records say is one that somebody wrote on. */
		error = ++rows > merge->rows ? failed(merge, LADE_E_CHANGED) : map_writer_row(&merge->writer, input->row, least->prefix);
		if (!error)
			result = next_row(merge, input);
		if (result < 0)
			return result;
		if (result)
			least->prefix = map_prefix(input->row);
		else
			*least = merge->heap[--merge->heap_count];
		sink(merge, 0);
	}
	if (!error && rows != merge->rows)
		error = failed(merge, LADE_E_CHANGED);
	return error;
}

/* Names of a table: of the packs, or of the tables that it replaces. */
static int put_run_names(struct merge *merge, const uint8_t *names, uint32_t first, uint32_t count)
{
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = map_writer_record(&merge->writer, names + ((size_t)first + i) * LADE_HASH_LEN, LADE_HASH_LEN);
	return error;
}

static int put_part_names(struct merge *merge, uint64_t off, uint32_t count)
{
	uint8_t name[64][LADE_HASH_LEN];
	int error = 0;

	for (uint32_t i = 0; i < count && !error;) {
		const uint32_t some = count - i < 64 ? count - i : 64;

		error = map_spool_read(merge->map, name, some * LADE_HASH_LEN, off + (uint64_t)i * LADE_HASH_LEN, merge->fault);
		if (!error)
			error = map_writer_record(&merge->writer, name, some * LADE_HASH_LEN);
		i += some;
	}
	return error;
}

/* The names of packs of an input, or of replaced tables, of those tables that are kept. */
static int put_names(struct merge *merge, const struct input *input, bool packs)
{
	const struct run *run = input->run;
	int error = 0;

	if (!run) {
		const struct map_table *table = &input->part->table;
		const uint64_t packs_off = input->part->off + (uint64_t)table->replaced_count * LADE_HASH_LEN;

		if (packs)
			return keeps_record(merge, table) && keeps_rows(merge, table) ? put_part_names(merge, packs_off, table->pack_count) : 0;
		return keeps_record(merge, table) ? put_part_names(merge, input->part->off, table->replaced_count) : 0;
	}
	for (uint32_t i = 0; i < run->table_count && !error; i++) {
		const struct map_table *table = &run->tables[i];

		if (!keeps_record(merge, table) || (packs && !keeps_rows(merge, table)))
			continue;
		error = packs ? put_run_names(merge, run->packs, table->pack_first, table->pack_count) :
				put_run_names(merge, run->replaced, table->replaced_first, table->replaced_count);
	}
	map_run_rest(run);
	return error;
}

static int put_records(struct merge *merge)
{
	uint8_t bytes[RUN_TABLE_LEN];
	int error = 0;

	for (size_t i = 0; i < merge->table_count && !error; i++) {
		map_run_put_table(bytes, &merge->tables[i]);
		error = map_writer_record(&merge->writer, bytes, sizeof(bytes));
	}
	for (unsigned packs = 2; packs-- > 0;) {
		for (size_t i = 0; i < merge->input_count && !error; i++)
			error = put_names(merge, &merge->inputs[i], packs == 1);
	}
	return error;
}

/* Write the new run to its file, and open it. */
static int make_run(struct merge *merge, struct run **run_out)
{
	struct run *run = &merge->writer.run;
	int error;

	run->rows = merge->rows;
	run->table_count = (uint32_t)merge->table_count;
	run->pack_count = (uint32_t)merge->packs;
	run->replaced_count = (uint32_t)merge->replaced;
	error = map_writer_begin(&merge->writer, merge->map, merge->fault);
	if (!error)
		error = put_rows(merge);
	if (!error)
		error = put_records(merge);
	if (!error)
		error = map_writer_finish(&merge->writer, run_out);
	map_writer_end(&merge->writer);
	if (error)
		return error;
	/* What settling has found out. */
	for (size_t i = 0; i < merge->table_count; i++)
		(*run_out)->tables[i].flags = merge->tables[i].flags;
	return 0;
}

/* Put the new run, if there is one, in the place of what was merged. */
static void replace(struct merge *merge, struct run *run)
{
	struct lade_chunk_map *map = merge->map;
	size_t kept = 0;

	for (size_t i = 0; i < map->run_count; i++) {
		if (merge->taken[i])
			map_run_free(map->runs[i]);
		else
			map->runs[kept++] = map->runs[i];
	}
	if (run)
		map->runs[kept++] = run;
	map->run_count = kept;
	map->part_count = 0;
	map->spool_len = 0;
	/* The next rows overwrite what is there; that it takes room until then is all that a failure means. */
	if (ftruncate(map->spool, 0))
		map->spool_len = 0;
}

static void free_merge(struct merge *merge)
{
	for (size_t i = 0; i < merge->input_count; i++) {
		free(merge->inputs[i].packs);
		free(merge->inputs[i].buffer);
	}
	free(merge->inputs);
	free(merge->heap);
	free(merge->taken);
	free(merge->tables);
	free(merge);
}

int map_merge(struct lade_chunk_map *map, bool settled, struct lade_fault *fault)
{
	struct merge *merge = calloc(1, sizeof(*merge));
	struct run **runs = lade_grown(map->runs, map->run_count, &map->run_room, sizeof(struct run *)), *run = NULL;
	size_t count;
	int error = 0;

	if (runs)
		map->runs = runs;
	if (merge)
		merge->taken = calloc(map->run_count + 1, sizeof(*merge->taken));
	if (!merge || !runs || !merge->taken) {
		if (merge)
			free(merge->taken);
		free(merge);
		return lade_fault_set(fault, LADE_E_MEMORY, "make the table of chunks", NULL);
	}
	merge->map = map;
	merge->fault = fault;
	merge->settled = settled;
	count = choose(merge);
	if (count) {
		error = prepare(merge, count);
		if (!error && merge->table_count)
			error = make_run(merge, &run);
		if (!error)
			replace(merge, run);
	}
	free_merge(merge);
	return error;
}
