/*
 * Digesting files. Reading into a buffer that stays in the cache was measured to be
 * 1.1 (ext4) to 1.5 (tmpfs) times as fast as mapping the pages, whose tables cost more
 * than the copy; mapping is there for sessions that promise not to copy.
 */
#include "agent/sync/file_digest.h"

#include <stdlib.h>

#include "agent/tree/whole.h"
#include "transport/mapping.h"

#define PIECE_LEN (256u << 10)

int lade_range_read(const struct lade_range *range, uint8_t *buffer, struct lade_fault *fault)
{
	ssize_t got = lade_whole_read(range->fd, buffer, range->len, range->off);

	if (got < 0)
		return lade_fault_set(fault, LADE_E_SOURCE, "read", NULL);
	return (size_t)got < range->len ? lade_fault_set(fault, LADE_E_SHRUNK, "read", NULL) : 0;
}

/* Digest off, len of fd piece by piece through a buffer of piece_len bytes. */
static int digest_pieces(int fd, uint64_t off, uint64_t len, uint8_t *buffer, uint32_t piece_len,
			 struct lade_digest_stream *stream, struct lade_fault *fault)
{
	int error = 0;

	while (len && !error) {
		const struct lade_range piece = { fd, off, len < piece_len ? (uint32_t)len : piece_len };

		error = lade_range_read(&piece, buffer, fault);
		if (!error)
			lade_digest_stream_add(stream, buffer, piece.len);
		off += piece.len;
		len -= piece.len;
	}
	return error;
}

/* Digest by reading; buffer NULL: one of its own. */
static int digest_read(int fd, uint64_t off, uint64_t len, const struct lade_run_key *key, uint8_t *buffer,
		       uint8_t out[LADE_DIGEST_LEN], struct lade_fault *fault)
{
	struct lade_digest_stream *stream = NULL;
	uint8_t *own = buffer ? NULL : malloc(PIECE_LEN);
	int error = buffer || own ? lade_digest_stream_new(key, &stream) : LADE_E_MEMORY;

	if (error)
		lade_fault_set(fault, error, "read", NULL);
	else
		error = digest_pieces(fd, off, len, buffer ? buffer : own, buffer ? LADE_DIGEST_BUFFER_LEN : PIECE_LEN,
				      stream, fault);
	if (!error)
		lade_digest_stream_take(stream, out);
	lade_digest_stream_free(stream);
	free(own);
	return error;
}

int lade_file_digest(int fd, uint64_t size, const struct lade_run_key *key, uint8_t out[LADE_DIGEST_LEN],
		     struct lade_fault *fault)
{
	return digest_read(fd, 0, size, key, NULL, out, fault);
}

static int digest_mapped(const struct lade_range *range, const struct lade_run_key *key, uint8_t out[LADE_DIGEST_LEN],
			 struct lade_fault *fault)
{
	struct lade_mapping mapping = { 0 };
	bool damaged;
	int error = lade_mapping_open(&mapping, range->fd, (off_t)range->off, range->len, fault);

	if (error)
		return error;
	lade_digest(key, mapping.data, range->len, out);
	damaged = lade_mapping_damaged(&mapping);
	lade_mapping_close(&mapping);
	return damaged ? lade_fault_set(fault, LADE_E_SHRUNK, "read", NULL) : 0;
}

int lade_range_digest(const struct lade_range *range, const struct lade_run_key *key, uint8_t *buffer,
		      uint8_t out[LADE_DIGEST_LEN], struct lade_fault *fault)
{
	int error;

	if (!buffer) {
		error = digest_mapped(range, key, out, fault);
		if (!error || error == LADE_E_SHRUNK)
			return error;
		/* Not to be mapped (some FUSE file systems): read. */
	} else if (range->len <= LADE_DIGEST_BUFFER_LEN) {
		error = lade_range_read(range, buffer, fault);
		if (!error)
			lade_digest(key, buffer, range->len, out);
		return error;
	}
	return digest_read(range->fd, range->off, range->len, key, buffer, out, fault);
}
