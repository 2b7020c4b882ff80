/*
 * Content into files. What is looked at is compared by blocks that lie in the file as the file system's
 * do, so that what is left out or punched is what could be without blocks; only the ends of what is put
 * are shorter.
 */
#include "agent/sync/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tree/whole.h"

/*
 * Bytes of one write. ext4 and XFS fill their page cache with folios as long as the write, and those longer
 * than 32 KiB (PAGE_ALLOC_COSTLY_ORDER) are not on the lists that each processor keeps of pages
 * lately freed. 2 GiB to ext4 on a virtual machine took 1.2 s by 32 KiB, 2.5 s by 128 KiB and 3.4 s by
 * 1 MiB, and with scattered free memory 1.3 s, 5.9 s and 2.7 s; on tmpfs it is all the same.
 */
#define WRITE_PIECE ((size_t)32 << 10)
/* Zeros are written so many bytes at a time. */
#define ZEROS_LEN (256u << 10)

static int write_all(int fd, const uint8_t *data, size_t len, uint64_t off)
{
	while (len) {
		ssize_t put = pwrite(fd, data, len < WRITE_PIECE ? len : WRITE_PIECE, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return LADE_E_TARGET;
		data += put;
		off += (uint64_t)put;
		len -= (size_t)put;
	}
	return 0;
}

/* ---- holes ---- */

/* Write zeros, as far as the file goes. */
static int write_zeros(int fd, uint64_t off, uint64_t len)
{
	uint8_t *zeros;
	struct stat st;
	int error = 0;

	if (fstat(fd, &st))
		return LADE_E_TARGET;
	if (off >= (uint64_t)st.st_size)
		return 0;
	len = len < (uint64_t)st.st_size - off ? len : (uint64_t)st.st_size - off;
	zeros = calloc(1, ZEROS_LEN);
	if (!zeros)
		return LADE_E_MEMORY;
	while (len && !error) {
		size_t part = len < ZEROS_LEN ? (size_t)len : ZEROS_LEN;

		error = write_all(fd, zeros, part, off);
		off += part;
		len -= part;
	}
	free(zeros);
	return error;
}

int lade_content_punch(int fd, uint64_t off, uint64_t len)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
		return 0;
	/* The file system cannot (EOPNOTSUPP): zeros are as good. */
	return write_zeros(fd, off, len);
}

/* ---- looking at it ---- */

/* What becomes of a block. */
enum fate { LEAVE, PUNCH, WRITE };

/* Read what stands at off into old. Returns how much that is. */
static size_t read_old(int fd, uint8_t *old, size_t len, uint64_t off)
{
	ssize_t got = lade_whole_read(fd, old, len, off);

	/* What cannot be read is written. */
	return got < 0 ? 0 : (size_t)got;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* data: what is to stand where old does, of which old_len bytes are there and the rest is zeros. */
static enum fate fate_of(const struct lade_content *content, const uint8_t *data, size_t len, const uint8_t *old,
			 size_t old_len)
{
	bool hole = content->sparse && len == LADE_CONTENT_BLOCK && is_zero(data, len);

	if ((content->sparse || len <= old_len) && !(hole && content->allocated) && memcmp(data, old, len) == 0)
		return LEAVE;
	return hole ? PUNCH : WRITE;
}

static int meet(int fd, enum fate fate, const uint8_t *data, size_t len, uint64_t off)
{
	switch (fate) {
	case PUNCH:
		return lade_content_punch(fd, off, len);
	case WRITE:
		return write_all(fd, data, len, off);
	case LEAVE:
		break;
	}
	return 0;
}

/* Put a piece block by block; neighbours with one fate share it. old: room for len bytes. */
static int put_blocks(const struct lade_content *content, const uint8_t *data, size_t len, uint64_t off, uint8_t *old)
{
	size_t old_len = content->over ? read_old(content->fd, old, len, off) : 0, start = 0, at = 0;
	enum fate last = LEAVE;
	int error = 0;

	memset(old + old_len, 0, len - old_len);
	while (at < len && !error) {
		size_t block = LADE_CONTENT_BLOCK - (size_t)((off + at) % LADE_CONTENT_BLOCK);
		enum fate fate;

		block = block < len - at ? block : len - at;
		fate = fate_of(content, data + at, block, old + at, old_len > at ? old_len - at : 0);
		if (fate != last) {
			error = meet(content->fd, last, data + start, at - start, off + start);
			start = at;
			last = fate;
		}
		at += block;
	}
	return error ? error : meet(content->fd, last, data + start, len - start, off + start);
}

int lade_content_put(const struct lade_content *content, const uint8_t *data, size_t len, uint64_t off)
{
	uint8_t old[WRITE_PIECE];
	int error = 0;

	if (!content->sparse && !content->over)
		return write_all(content->fd, data, len, off);
	while (len && !error) {
		/* Up to where a block begins, so that only the ends of all are parts of blocks. */
		size_t piece = WRITE_PIECE - (size_t)(off % LADE_CONTENT_BLOCK);

		piece = piece < len ? piece : len;
		error = put_blocks(content, data, piece, off, old);
		data += piece;
		off += piece;
		len -= piece;
	}
	return error;
}
