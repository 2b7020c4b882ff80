/*
 * Writing content with holes in it. A hole that the snapshot has is one again, if it is zeros: that is looked at, not believed, wherever the bytes are at hand.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool restore_leave_out(struct restore_file *file, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[1u << 16];

	if (!file->dirty || fallocate(file->temporary.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
		return true;
	while (len) {
		const ssize_t done = pwrite(file->temporary.fd, zeros, len < sizeof(zeros) ? (size_t)len : sizeof(zeros), (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		off += (uint64_t)done;
		len -= (uint64_t)done;
	}
	return true;
}

static bool write_all(const struct restore_file *file, uint64_t off, struct lade_slice bytes)
{
	while (bytes.len) {
		const ssize_t done = pwrite(file->temporary.fd, bytes.data, bytes.len, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		off += (uint64_t)done;
		bytes = lade_slice(bytes.data + done, bytes.len - (size_t)done);
	}
	return true;
}

static bool is_zeros(const uint8_t *bytes, size_t len)
{
	return !len || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* The first hole that ends behind off. */
static size_t find_hole(const struct restore_file *file, uint64_t off)
{
	size_t low = 0, high = file->hole_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (file->holes[middle].off + file->holes[middle].len <= off)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t restore_same_kind(const struct restore_file *file, uint64_t off, uint64_t len, bool *hole_out)
{
	const size_t at = find_hole(file, off);
	const struct restore_hole *hole = &file->holes[at];
	uint64_t end;

	*hole_out = at < file->hole_count && hole->off <= off;
	if (at == file->hole_count)
		return len;
	end = *hole_out ? hole->off + hole->len : hole->off;
	return end - off < len ? end - off : len;
}

/* Write what are no holes. That what is in a hole is zeros is looked at, not believed. */
static bool write_around_holes(struct restore_file *file, uint64_t off, struct lade_slice bytes)
{
	bool good = true;

	while (good && bytes.len) {
		bool hole;
		const size_t len = (size_t)restore_same_kind(file, off, bytes.len, &hole);

		if (hole && is_zeros(bytes.data, len))
			good = restore_leave_out(file, off, len);
		else
			good = write_all(file, off, lade_slice(bytes.data, len));
		off += len;
		bytes = lade_slice(bytes.data + len, bytes.len - len);
	}
	return good;
}

/* Leave out all blocks that are zeros. */
static bool write_around_zeros(struct restore_file *file, uint64_t off, struct lade_slice bytes)
{
	bool good = true;

	while (good && bytes.len) {
		size_t len = RESTORE_BLOCK_LEN - (size_t)(off % RESTORE_BLOCK_LEN);
		bool zeros;

		len = len < bytes.len ? len : bytes.len;
		/* A part of a block, too: what another chunk has of it is written by that. */
		zeros = is_zeros(bytes.data, len);
		/* As many of one kind as follow each other. */
		while (len + RESTORE_BLOCK_LEN <= bytes.len && (off + len) % RESTORE_BLOCK_LEN == 0 && is_zeros(bytes.data + len, RESTORE_BLOCK_LEN) == zeros)
			len += RESTORE_BLOCK_LEN;
		good = zeros ? restore_leave_out(file, off, len) : write_all(file, off, lade_slice(bytes.data, len));
		off += len;
		bytes = lade_slice(bytes.data + len, bytes.len - len);
	}
	return good;
}

bool restore_write(struct restore_file *file, uint64_t off, struct lade_slice bytes)
{
	if (file->restore->setup.sparse)
		return write_around_zeros(file, off, bytes);
	return file->hole_count ? write_around_holes(file, off, bytes) : write_all(file, off, bytes);
}
