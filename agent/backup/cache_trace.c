/*
 * The kernel reads ahead, but not by a window: what is in the next window is looked at before the last bytes of this one are read, so what it finds there is
 * not our own doing.
 */
#include "agent/backup/cache_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/tree/whole.h"

/* A bit stands for so many bytes; a larger page of the system is several of them. */
#define GRAIN 4096u
#define GRAINS (LADE_CACHE_WINDOW_LEN / GRAIN)

static uint8_t *bits_of(struct lade_cache_trace *trace, uint64_t window_off)
{
	return trace->absent[window_off / LADE_CACHE_WINDOW_LEN % 2];
}

static uint64_t window_end(const struct lade_cache_trace *trace, uint64_t off)
{
	return off + LADE_CACHE_WINDOW_LEN < trace->len ? off + LADE_CACHE_WINDOW_LEN : trace->len;
}

/* Look at the window at off. Where that cannot be done nothing counts as absent. */
static void look(struct lade_cache_trace *trace, uint64_t off)
{
	const size_t len = (size_t)(window_end(trace, off) - off), page = (size_t)sysconf(_SC_PAGESIZE), grains = page / GRAIN;
	uint8_t *bits = bits_of(trace, off), present[GRAINS];
	void *window = mmap(NULL, len, PROT_NONE, MAP_SHARED, trace->fd, (off_t)off);

	memset(bits, 0, sizeof(trace->absent[0]));
	if (window == MAP_FAILED)
		return;
	if (mincore(window, len, present) == 0) {
		for (size_t i = 0; i * page < len; i++) {
			for (size_t j = i * grains; !(present[i] & 1) && j < (i + 1) * grains; j++)
				bits[j / 8] |= (uint8_t)(1u << j % 8);
		}
	}
	munmap(window, len);
}

/* Give up what was absent of the window at off. Clean pages go; a failure costs nothing. */
static void give_up(struct lade_cache_trace *trace, uint64_t off)
{
	const uint8_t *bits = bits_of(trace, off);
	size_t begin = 0;

	while (begin < GRAINS) {
		size_t end = begin;

		while (end < GRAINS && bits[end / 8] >> end % 8 & 1)
			end++;
		if (end > begin)
			(void)posix_fadvise(trace->fd, (off_t)(off + begin * GRAIN), (off_t)((end - begin) * GRAIN), POSIX_FADV_DONTNEED);
		begin = end + 1;
	}
}

/* See windows until they reach off. */
static void look_until(struct lade_cache_trace *trace, uint64_t off)
{
	while (trace->seen < trace->len && trace->seen < off) {
		look(trace, trace->seen);
		trace->seen += LADE_CACHE_WINDOW_LEN;
	}
}

void lade_cache_trace_start(struct lade_cache_trace *trace, int fd, uint64_t len)
{
	trace->fd = fd;
	trace->len = len;
	trace->seen = trace->given_up = 0;
	look_until(trace, 2 * (uint64_t)LADE_CACHE_WINDOW_LEN);
}

void lade_cache_trace_pass(struct lade_cache_trace *trace, uint64_t off)
{
	while (trace->given_up < trace->len && window_end(trace, trace->given_up) <= off) {
		give_up(trace, trace->given_up);
		trace->given_up += LADE_CACHE_WINDOW_LEN;
		/* The place of the bits is free now for the window after the next one, of which nothing has been read. */
		look_until(trace, trace->given_up + 2 * (uint64_t)LADE_CACHE_WINDOW_LEN);
	}
}

ssize_t lade_cache_read(int fd, void *out, size_t len, bool *absent_out)
{
	struct iovec part = { .iov_base = out, .iov_len = len };
	ssize_t got, had = preadv2(fd, &part, 1, 0, RWF_NOWAIT);

	*absent_out = false;
	/* It is what was asked for: or the file ends there, or the file system cannot say (EOPNOTSUPP) what is in memory. */
	if (had == (ssize_t)len || had == 0)
		return had;
	if (had < 0) {
		*absent_out = errno == EAGAIN;
		had = 0;
	}
	got = lade_whole_read(fd, (uint8_t *)out + had, len - (size_t)had, (uint64_t)had);
	if (got < 0)
		return -1;
	/* There was more behind what was in memory. */
	*absent_out = *absent_out || (had && got);
	return had + got;
}

void lade_cache_give_up(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}
