/*
 * Runs: files of rows in order of ids. Pages of rows and of the filter are read, by pread(2), not mapped: a mapping brings neighbours of each page
 * that is touched into memory, up to the whole file in the end, and what goes wrong with the disk is a signal there. Names and records are few, and
 * mapped.
 *
 * Ids are keyed hashes, so the place of one among n is about its value times n: blocks of the filter follow each other in the order of ids, and a
 * search asks where the id ought to be. Who makes tables may choose ids that are not like that; such a search ends all the same, by halves. A page's
 * XXH3 is looked at each time it is read: a cache may be damaged. Of a short run each page that was read is kept, so that it is read once and not for each
 * of its ids: an unchanged backup asks for all of them.
 *
 * The filter is the split block Bloom filter of Parquet (Putze et al., "Cache-, Hash- and Space-Efficient Bloom Filters", 2007): one block an id, one
 * bit in each of its eight words.
 */
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"

#define HEADER_LEN 80u
#define VERSION 1u
/* A search asks so often where an id ought to be, then halves. */
#define GUESSES 8u

/* Bytes of pages of a run that are kept: some 140,000 rows, and their filter. */
#define KEPT_MAX (UINT64_C(8) << 20)

/* What there is of a page in memory. */
enum kept { KEPT_NOT, KEPT_SOON, KEPT };

static const uint8_t magic[8] = { 'L', 'A', 'D', 'E', 'r', 'u', 'n', '\n' };

/* ---- pages ---- */

uint64_t map_page_hash(const uint8_t page[RUN_PAGE_LEN], uint64_t salt, uint64_t number)
{
	return XXH3_64bits_withSeed(page, RUN_HASH_OFF, salt + number);
}

uint64_t map_prefix(const uint8_t id[LADE_CHUNK_ID_LEN])
{
	return __builtin_bswap64(lade_get_le64(id));
}

/* (prefix * blocks) >> 64: in halves, as blocks is below 2^32. */
uint64_t map_block(uint64_t prefix, uint64_t blocks)
{
	return ((prefix >> 32) * blocks + ((prefix & UINT32_MAX) * blocks >> 32)) >> 32;
}

void map_block_mask(const uint8_t id[LADE_CHUNK_ID_LEN], uint32_t mask_out[8])
{
	static const uint32_t salts[8] = { 0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31 };
	const uint32_t key = lade_get_le32(id + 8);

	for (unsigned i = 0; i < 8; i++)
		mask_out[i] = UINT32_C(1) << (key * salts[i] >> 27);
}

uint64_t map_block_count(uint64_t rows)
{
	return (rows * RUN_BITS_PER_ROW + 8 * RUN_BLOCK_LEN - 1) / (8 * RUN_BLOCK_LEN);
}

/* Keep a page that was read. Another thread may do the same. */
static void keep_page(const struct run *run, uint64_t number, const uint8_t page[RUN_PAGE_LEN])
{
	unsigned char none = KEPT_NOT;

	if (!atomic_compare_exchange_strong(&run->page_flags[number], &none, KEPT_SOON))
		return;
	memcpy(run->pages + number * RUN_PAGE_LEN, page, RUN_PAGE_LEN);
	atomic_store_explicit(&run->page_flags[number], KEPT, memory_order_release);
}

/* The number-th page behind the header: one that was kept, or in scratch. NULL: it is damaged. */
static const uint8_t *get_page(const struct run *run, uint64_t number, uint8_t scratch[RUN_PAGE_LEN])
{
	if (run->pages && atomic_load_explicit(&run->page_flags[number], memory_order_acquire) == KEPT)
		return run->pages + number * RUN_PAGE_LEN;
	if (lade_whole_read(run->fd, scratch, RUN_PAGE_LEN, (number + 1) * RUN_PAGE_LEN) != (ssize_t)RUN_PAGE_LEN ||
	    map_page_hash(scratch, run->salt, number) != lade_get_le64(scratch + RUN_HASH_OFF))
		return NULL;
	if (run->pages)
		keep_page(run, number, scratch);
	return scratch;
}

/* ---- lookups ---- */

/* 1: perhaps; 0: no; LADE_E_CHANGED. */
static int filter_has(const struct run *run, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	const uint64_t block = map_block(map_prefix(id), run->blocks);
	uint8_t scratch[RUN_PAGE_LEN];
	const uint8_t *bytes = get_page(run, block / RUN_BLOCKS_PER_PAGE, scratch);
	uint32_t mask[8], missing = 0;

	if (!bytes)
		return LADE_E_CHANGED;
	bytes += block % RUN_BLOCKS_PER_PAGE * RUN_BLOCK_LEN;
	map_block_mask(id, mask);
	for (unsigned i = 0; i < 8; i++)
		missing |= mask[i] & ~lade_get_le32(bytes + 4 * i);
	return !missing;
}

static unsigned rows_in(const struct run *run, uint64_t page)
{
	return page + 1 < run->row_pages ? RUN_ROWS_PER_PAGE : (unsigned)(run->rows - page * RUN_ROWS_PER_PAGE);
}

/* Where among pages low to high an id ought to be, if the ids there are spread from `from` to `to`. */
static uint64_t guess(uint64_t low, uint64_t high, uint64_t from, uint64_t to, uint64_t prefix)
{
	const double part = prefix <= from ? 0 : prefix >= to ? 1 : (double)(prefix - from) / (double)(to - from);
	const uint64_t at = low + (uint64_t)(part * (double)(high - low));

	return at < high ? at : high - 1;
}

/*
 * The first page whose last id is not less than id: that begins it, if it is there. *at_out: its number, and *page_out: the page, which may be in scratch; or row_pages, and nothing.
 * Returns 0 or LADE_E_CHANGED.
 */
static int search(const struct run *run, const uint8_t id[LADE_CHUNK_ID_LEN], uint8_t scratch[RUN_PAGE_LEN], uint64_t *at_out, const uint8_t **page_out)
{
	const uint64_t prefix = map_prefix(id);
	uint64_t low = 0, high = run->row_pages, from = 0, to = UINT64_MAX, have = UINT64_MAX;

	for (unsigned step = 0; low < high; step++) {
		const uint64_t at = step < GUESSES ? guess(low, high, from, to, prefix) : low + (high - low) / 2;
		const uint8_t *first = get_page(run, run->filter_pages + at, scratch), *last;

		if (!first)
			return LADE_E_CHANGED;
		last = first + (rows_in(run, at) - 1) * LADE_TABLE_ROW_LEN;
		*page_out = first;
		have = at;
		if (memcmp(last, id, LADE_CHUNK_ID_LEN) < 0) {
			low = at + 1;
			from = map_prefix(last);
		} else if (memcmp(first, id, LADE_CHUNK_ID_LEN) < 0) {
			low = high = at;
		} else {
			high = at;
			to = map_prefix(first);
		}
	}
	*at_out = low;
	/* Most often the last one that was looked at is the one. */
	if (low != have && low < run->row_pages)
		*page_out = get_page(run, run->filter_pages + low, scratch);
	return *page_out ? 0 : LADE_E_CHANGED;
}

/* The first row of a page whose id is not less. */
static unsigned search_page(const uint8_t *page, unsigned count, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	unsigned low = 0, high = count;

	while (low < high) {
		const unsigned middle = (low + high) / 2;

		if (memcmp(page + (size_t)middle * LADE_TABLE_ROW_LEN, id, LADE_CHUNK_ID_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int map_run_visit(const struct run *run, const uint8_t id[LADE_CHUNK_ID_LEN], int (*visit)(void *context, const struct run *run, const struct lade_table_row *row),
		  void *context)
{
	uint8_t scratch[RUN_PAGE_LEN];
	const uint8_t *page = NULL;
	uint64_t at;
	int result = run->rows ? filter_has(run, id) : 0;

	if (result <= 0)
		return result;
	result = search(run, id, scratch, &at, &page);
	for (bool first = true; !result && at < run->row_pages; at++, first = false) {
		const unsigned count = rows_in(run, at);
		unsigned row = 0;

		if (first)
			row = search_page(page, count, id);
		else
			page = get_page(run, run->filter_pages + at, scratch);
		if (!page)
			return LADE_E_CHANGED;
		for (; row < count && !result; row++) {
			struct lade_table_row got;

			if (memcmp(page + (size_t)row * LADE_TABLE_ROW_LEN, id, LADE_CHUNK_ID_LEN) != 0)
				return 0;
			lade_table_row_get(page + (size_t)row * LADE_TABLE_ROW_LEN, &got);
			result = got.pack < run->pack_count ? visit(context, run, &got) : LADE_E_CHANGED;
		}
	}
	return result;
}

/* ---- header and records ---- */

void map_run_put_header(uint8_t page[RUN_PAGE_LEN], const struct run *run, const uint8_t repository[LADE_REPOSITORY_ID_LEN], uint64_t hash)
{
	memset(page, 0, RUN_PAGE_LEN);
	memcpy(page, magic, sizeof(magic));
	lade_put_le32(page + 8, VERSION);
	lade_put_le32(page + 12, RUN_BITS_PER_ROW);
	memcpy(page + 16, repository, LADE_REPOSITORY_ID_LEN);
	lade_put_le64(page + 32, run->salt);
	lade_put_le64(page + 40, run->rows);
	lade_put_le32(page + 48, run->table_count);
	lade_put_le32(page + 52, run->pack_count);
	lade_put_le32(page + 56, run->replaced_count);
	lade_put_le64(page + 64, hash);
	lade_put_le64(page + RUN_HASH_OFF, XXH3_64bits(page, RUN_HASH_OFF));
}

void map_run_put_table(uint8_t out[RUN_TABLE_LEN], const struct map_table *table)
{
	const struct lade_table_info *info = &table->info;

	memcpy(out, info->name, LADE_HASH_LEN);
	memcpy(out + 32, info->signer, LADE_PARTY_ID_LEN);
	memcpy(out + 48, info->owner, LADE_PARTY_ID_LEN);
	lade_put_le32(out + 64, info->epoch);
	out[68] = info->level;
	out[69] = info->opened;
	out[70] = table->emptied;
	out[71] = 0;
	lade_put_le64(out + 72, table->rows);
	lade_put_le32(out + 80, table->pack_first);
	lade_put_le32(out + 84, table->pack_count);
	lade_put_le32(out + 88, table->replaced_first);
	lade_put_le32(out + 92, table->replaced_count);
}

static void get_table(const uint8_t bytes[RUN_TABLE_LEN], struct map_table *table)
{
	struct lade_table_info *info = &table->info;

	memcpy(info->name, bytes, LADE_HASH_LEN);
	memcpy(info->signer, bytes + 32, LADE_PARTY_ID_LEN);
	memcpy(info->owner, bytes + 48, LADE_PARTY_ID_LEN);
	info->epoch = lade_get_le32(bytes + 64);
	info->level = bytes[68];
	info->opened = bytes[69];
	table->emptied = bytes[70];
	table->rows = lade_get_le64(bytes + 72);
	table->pack_first = lade_get_le32(bytes + 80);
	table->pack_count = lade_get_le32(bytes + 84);
	table->replaced_first = lade_get_le32(bytes + 88);
	table->replaced_count = lade_get_le32(bytes + 92);
}

/* Get the header; *hash_out: what the records have to have. False: it is none. */
static bool get_header(struct run *run, const uint8_t page[RUN_PAGE_LEN], const uint8_t repository[LADE_REPOSITORY_ID_LEN], uint64_t *hash_out)
{
	if (memcmp(page, magic, sizeof(magic)) != 0 || lade_get_le32(page + 8) != VERSION || lade_get_le32(page + 12) != RUN_BITS_PER_ROW ||
	    memcmp(page + 16, repository, LADE_REPOSITORY_ID_LEN) != 0 || lade_get_le64(page + RUN_HASH_OFF) != XXH3_64bits(page, RUN_HASH_OFF))
		return false;
	run->salt = lade_get_le64(page + 32);
	run->rows = lade_get_le64(page + 40);
	run->table_count = lade_get_le32(page + 48);
	run->pack_count = lade_get_le32(page + 52);
	run->replaced_count = lade_get_le32(page + 56);
	*hash_out = lade_get_le64(page + 64);
	/* So that no length below is too much for 64 bits. */
	return run->rows <= UINT64_C(1) << 36;
}

/* Where records begin, if the file has the length that the header says; else 0. */
static size_t records_off(struct run *run)
{
	const uint64_t records = (uint64_t)run->table_count * RUN_TABLE_LEN + ((uint64_t)run->pack_count + run->replaced_count) * LADE_HASH_LEN;

	run->row_pages = (run->rows + RUN_ROWS_PER_PAGE - 1) / RUN_ROWS_PER_PAGE;
	run->blocks = map_block_count(run->rows);
	run->filter_pages = (run->blocks + RUN_BLOCKS_PER_PAGE - 1) / RUN_BLOCKS_PER_PAGE;
	if ((1 + run->row_pages + run->filter_pages) * RUN_PAGE_LEN + records != run->len)
		return 0;
	return (size_t)((1 + run->row_pages + run->filter_pages) * RUN_PAGE_LEN);
}

/* Tables' rows and names are in the run, and packs and rows are no more than theirs. */
static bool tables_ok(const struct run *run)
{
	uint64_t rows = 0, packs = 0;

	for (uint32_t i = 0; i < run->table_count; i++) {
		const struct map_table *table = &run->tables[i];

		if (table->rows > run->rows || table->pack_first != packs ||
		    (uint64_t)table->replaced_first + table->replaced_count > run->replaced_count)
			return false;
		rows += table->rows;
		packs += table->pack_count;
	}
	return rows == run->rows && packs == run->pack_count;
}

static int load(struct run *run, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct stat st;
	uint64_t hash;
	size_t off;
	void *map;

	if (fstat(run->fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)RUN_PAGE_LEN)
		return LADE_E_CHANGED;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, run->fd, 0);
	if (map == MAP_FAILED)
		return LADE_E_MEMORY;
	run->map = map;
	run->len = (size_t)st.st_size;
	(void)madvise(map, run->len, MADV_RANDOM);
	off = get_header(run, run->map, repository, &hash) ? records_off(run) : 0;
	if (!off || XXH3_64bits(run->map + off, run->len - off) != hash)
		return LADE_E_CHANGED;
	run->tables = calloc(run->table_count + 1u, sizeof(*run->tables));
	run->pack_flags = calloc(run->pack_count + (size_t)1, 1);
	run->debts = calloc(run->table_count + (size_t)1, sizeof(*run->debts));
	if (!run->tables || !run->pack_flags || !run->debts)
		return LADE_E_MEMORY;
	/* Memory that nobody writes to is none. */
	if ((run->filter_pages + run->row_pages) * RUN_PAGE_LEN <= KEPT_MAX) {
		run->pages = calloc((size_t)(run->filter_pages + run->row_pages) + 1, RUN_PAGE_LEN);
		run->page_flags = calloc((size_t)(run->filter_pages + run->row_pages) + 1, sizeof(*run->page_flags));
		if (!run->pages || !run->page_flags)
			return LADE_E_MEMORY;
	}
	for (uint32_t i = 0; i < run->table_count; i++, off += RUN_TABLE_LEN)
		get_table(run->map + off, &run->tables[i]);
	run->packs = run->map + off;
	run->replaced = run->packs + (size_t)run->pack_count * LADE_HASH_LEN;
	map_run_rest(run);
	return tables_ok(run) ? 0 : LADE_E_CHANGED;
}

int map_run_open(int fd, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct run **run_out)
{
	struct run *run = calloc(1, sizeof(*run));
	int error;

	if (!run) {
		close(fd);
		return LADE_E_MEMORY;
	}
	run->fd = fd;
	error = load(run, repository);
	if (error) {
		map_run_free(run);
		return error;
	}
	*run_out = run;
	return 0;
}

void map_run_rest(const struct run *run)
{
	const size_t off = (size_t)((1 + run->filter_pages + run->row_pages) * RUN_PAGE_LEN);

	if (off < run->len)
		(void)madvise((void *)(run->map + off), run->len - off, MADV_DONTNEED);
}

void map_run_free(struct run *run)
{
	if (!run)
		return;
	if (run->map)
		munmap((void *)run->map, run->len);
	close(run->fd);
	free(run->tables);
	free(run->pack_flags);
	free(run->debts);
	free(run->pages);
	free((void *)run->page_flags);
	free(run);
}
