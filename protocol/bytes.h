/*
 * A checked cursor over bytes from outside, and a bounded writer.
 *
 * The cursor never reads past its end: the first failure makes it fail for good,
 * so a decoder may get several values and look at the error once. The writer
 * grows up to its limit and remembers the first failure in the same way.
 * After the idea of OpenSSH's sshbuf. Neither is safe for two threads at once.
 */
#ifndef LADE_PROTOCOL_BYTES_H
#define LADE_PROTOCOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else. */
struct lade_slice {
	const uint8_t *data;
	size_t len;
};

/* A cursor; borrows its bytes until it is dropped. */
struct lade_reader {
	const uint8_t *data;
	size_t len;   /* bytes in all */
	size_t off;   /* bytes consumed */
	int error;    /* 0, or the first failure (LADE_E_TRUNCATED, LADE_E_LIMIT, LADE_E_PROTOCOL) */
};

/* A growing buffer. data belongs to the writer. */
struct lade_writer {
	uint8_t *data;
	size_t len;      /* bytes written */
	size_t capacity; /* bytes allocated */
	size_t limit;    /* most bytes it may hold */
	int error;       /* 0, or the first failure (LADE_E_MEMORY, LADE_E_LIMIT) */
};

/* Start a cursor over len bytes at data; data may be NULL when len is 0. */
void lade_reader_init(struct lade_reader *reader, const void *data, size_t len);

/* Bytes not yet consumed; 0 after a failure. */
size_t lade_reader_left(const struct lade_reader *reader);

/*
 * Get an unsigned LEB128 varint of at most ten bytes, shortest form only, not above max.
 * Returns 0 and sets the error (TRUNCATED, PROTOCOL for an overlong form, LIMIT) on failure.
 */
uint64_t lade_reader_get_varint(struct lade_reader *reader, uint64_t max);

/* Get a zigzag-coded signed varint: any int64_t. Returns 0 on failure. */
int64_t lade_reader_get_signed(struct lade_reader *reader);

/* Get one byte. Returns 0 on failure. */
uint8_t lade_reader_get_u8(struct lade_reader *reader);

/* Get exactly len bytes; borrowed from the cursor's data. An empty slice on failure. */
struct lade_slice lade_reader_get_exact(struct lade_reader *reader, size_t len);

/* Get a varint length of at most max, then that many bytes. An empty slice on failure. */
struct lade_slice lade_reader_get_slice(struct lade_reader *reader, size_t max);

/* 0 if nothing failed and nothing is left, else the error (LADE_E_PROTOCOL for left-over bytes). */
int lade_reader_finish(const struct lade_reader *reader);

/* Start an empty writer that may hold up to limit bytes. No memory is taken yet. */
void lade_writer_init(struct lade_writer *writer, size_t limit);

/* Free the writer's memory; the writer is empty and usable afterwards. */
void lade_writer_fini(struct lade_writer *writer);

/* Forget the contents and the error, keep the memory. */
void lade_writer_reset(struct lade_writer *writer);

/* Make room for len more bytes and return where to put them, or NULL (error is set). Not counted until committed. */
uint8_t *lade_writer_reserve(struct lade_writer *writer, size_t len);

/* Count len bytes that were put where lade_writer_reserve() said. len is at most what was reserved. */
void lade_writer_commit(struct lade_writer *writer, size_t len);

/* Append an unsigned varint. */
void lade_writer_put_varint(struct lade_writer *writer, uint64_t value);

/* Append a zigzag-coded signed varint. */
void lade_writer_put_signed(struct lade_writer *writer, int64_t value);

/* Append one byte. */
void lade_writer_put_u8(struct lade_writer *writer, uint8_t value);

/* Append len bytes as they are. */
void lade_writer_put_bytes(struct lade_writer *writer, const void *data, size_t len);

/* Append a varint length, then the bytes. */
void lade_writer_put_slice(struct lade_writer *writer, struct lade_slice slice);

/* A slice over len bytes at data. */
static inline struct lade_slice lade_slice(const void *data, size_t len)
{
	struct lade_slice slice = { data, len };
	return slice;
}

/* True if both hold the same bytes. */
bool lade_slice_equal(struct lade_slice a, struct lade_slice b);

#endif
