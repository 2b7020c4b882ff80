/*
 * A run on its way to its file: rows come in order of ids, and blocks of the filter are in that order too, so that both are written from their
 * beginning to their end, and need no memory but for the page that is being filled. Where each begins follows from how many rows there will be.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"

#define OUT_LEN (1u << 18)

static int failed(const struct run_writer *writer, int error)
{
	return lade_fault_set(writer->fault, error, "make the table of chunks", NULL);
}

int map_writer_begin(struct run_writer *writer, struct lade_chunk_map *map, struct lade_fault *fault)
{
	struct run *run = &writer->run;

	writer->map = map;
	writer->fault = fault;
	run->blocks = map_block_count(run->rows);
	run->filter_pages = (run->blocks + RUN_BLOCKS_PER_PAGE - 1) / RUN_BLOCKS_PER_PAGE;
	run->row_pages = (run->rows + RUN_ROWS_PER_PAGE - 1) / RUN_ROWS_PER_PAGE;
	randombytes_buf(&run->salt, sizeof(run->salt));
	writer->filter_out.off = RUN_PAGE_LEN;
	writer->row_out.off = (1 + run->filter_pages) * RUN_PAGE_LEN;
	writer->record_out.off = (1 + run->filter_pages + run->row_pages) * RUN_PAGE_LEN;
	writer->hash = XXH3_createState();
	writer->row_out.buffer = malloc(OUT_LEN);
	writer->filter_out.buffer = malloc(OUT_LEN);
	writer->record_out.buffer = malloc(OUT_LEN);
	run->fd = map_cache_new_run(map, &run->named, run->name);
	if (run->fd < 0)
		return failed(writer, LADE_E_SYSTEM);
	if (!writer->hash || !writer->row_out.buffer || !writer->filter_out.buffer || !writer->record_out.buffer)
		return failed(writer, LADE_E_MEMORY);
	XXH3_64bits_reset(writer->hash);
	return 0;
}

void map_writer_end(struct run_writer *writer)
{
	struct run *run = &writer->run;

	if (run->fd >= 0) {
		close(run->fd);
		if (run->named)
			map_cache_remove(writer->map, run->name);
		run->fd = -1;
	}
	free(writer->row_out.buffer);
	free(writer->filter_out.buffer);
	free(writer->record_out.buffer);
	XXH3_freeState(writer->hash);
}

/* ---- parts of the file ---- */

static int flush(struct run_writer *writer, struct run_out *out)
{
	const int error = lade_whole_write(writer->run.fd, out->buffer, out->len, out->off) ? failed(writer, LADE_E_SYSTEM) : 0;

	out->off += out->len;
	out->len = 0;
	return error;
}

static int append(struct run_writer *writer, struct run_out *out, const void *bytes, size_t len)
{
	int error = 0;

	if (out->len + len > OUT_LEN)
		error = flush(writer, out);
	memcpy(out->buffer + out->len, bytes, len);
	out->len += len;
	return error;
}

/* End a page, which is the number-th of the run's pages, and begin another one. */
static int end_page(struct run_writer *writer, struct run_out *out, uint8_t page[RUN_PAGE_LEN], uint64_t number)
{
	int error;

	lade_put_le64(page + RUN_HASH_OFF, map_page_hash(page, writer->run.salt, number));
	error = append(writer, out, page, RUN_PAGE_LEN);
	memset(page, 0, RUN_PAGE_LEN);
	return error;
}

/* Go on to a page of the filter. */
static int advance_filter(struct run_writer *writer, uint64_t number)
{
	int error = 0;

	while (writer->filter_number < number && !error) {
		error = end_page(writer, &writer->filter_out, writer->filter_page, writer->filter_number);
		writer->filter_number++;
	}
	return error;
}

static int end_row_page(struct run_writer *writer)
{
	writer->row_count = 0;
	return end_page(writer, &writer->row_out, writer->row_page, writer->run.filter_pages + writer->row_number++);
}

/* ---- what comes ---- */

int map_writer_row(struct run_writer *writer, const uint8_t row[LADE_TABLE_ROW_LEN], uint64_t prefix)
{
	const uint64_t block = map_block(prefix, writer->run.blocks);
	uint8_t *bytes = writer->filter_page + block % RUN_BLOCKS_PER_PAGE * RUN_BLOCK_LEN;
	uint32_t mask[8];
	int error = advance_filter(writer, block / RUN_BLOCKS_PER_PAGE);

	map_block_mask(row, mask);
	for (unsigned i = 0; i < 8; i++)
		lade_put_le32(bytes + 4 * i, lade_get_le32(bytes + 4 * i) | mask[i]);
	memcpy(writer->row_page + (size_t)writer->row_count++ * LADE_TABLE_ROW_LEN, row, LADE_TABLE_ROW_LEN);
	return writer->row_count < RUN_ROWS_PER_PAGE || error ? error : end_row_page(writer);
}

int map_writer_record(struct run_writer *writer, const void *bytes, size_t len)
{
	XXH3_64bits_update(writer->hash, bytes, len);
	return append(writer, &writer->record_out, bytes, len);
}

int map_writer_finish(struct run_writer *writer, struct run **run_out)
{
	struct run *run = &writer->run;
	uint8_t header[RUN_PAGE_LEN];
	int fd, error = writer->row_count ? end_row_page(writer) : 0;

	if (!error)
		error = advance_filter(writer, run->filter_pages);
	if (!error)
		error = flush(writer, &writer->filter_out);
	if (!error)
		error = flush(writer, &writer->row_out);
	if (!error)
		error = flush(writer, &writer->record_out);
	if (error)
		return error;
	map_run_put_header(header, run, writer->map->repository, XXH3_64bits_digest(writer->hash));
	if (lade_whole_write(run->fd, header, sizeof(header), 0))
		return failed(writer, LADE_E_SYSTEM);
	fd = run->fd;
	run->fd = -1;
	error = map_run_open(fd, writer->map->repository, run_out);
	if (error) {
		if (run->named)
			map_cache_remove(writer->map, run->name);
		return failed(writer, error);
	}
	(*run_out)->named = run->named;
	memcpy((*run_out)->name, run->name, RUN_NAME_LEN);
	return 0;
}
