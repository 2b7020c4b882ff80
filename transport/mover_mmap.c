/*
 * mmap and write: windows of the source are mapped and written to the target. One
 * copy, but none of the per-page cost of sendfile, and the bytes that are written are
 * the target's own: nothing is lent.
 *
 * The bytes are never touched here, so a window that loses its pages shows as EFAULT or
 * a short count of write(2), not as SIGBUS.
 * What the last page holds beyond the end of the file reads as zeros: the size of the
 * source is therefore compared before and after each window.
 */
#include "transport/mover_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "transport/mapping.h"

/* Bytes mapped at once: few calls, and little that is read ahead in vain. */
#define MMAP_WINDOW ((size_t)8 << 20)

/* Bytes of the next window that the source holds now; 0 where it ended. */
static size_t window_len(const struct lade_mover_run *run)
{
	size_t len = lade_mover_piece(run, MMAP_WINDOW);
	off_t off = lade_mover_in_off(run);
	struct stat st;

	if (fstat(run->move->in_fd, &st) < 0 || !S_ISREG(st.st_mode))
		return len;
	if (st.st_size <= off)
		return 0;
	return (uint64_t)(st.st_size - off) < len ? (size_t)(st.st_size - off) : len;
}

static int write_window(struct lade_mover_run *run, const struct lade_mapping *mapping)
{
	size_t done, len;

	for (done = 0; done < mapping->len; done += len) {
		len = mapping->len - done;
		if (len > LADE_MOVER_PIECE)
			len = LADE_MOVER_PIECE;
		if (lade_mover_write(run, mapping->data + done, len) == 0) {
			lade_mover_consume(run, len);
			continue;
		}
		/* Only what was written is gone from the source. */
		run->move->consumed = run->move->moved;
		if (errno != EFAULT)
			return lade_mover_target_failed(run, "write");
		/* The pages are gone: the file was cut short, or its disk fails. */
		run->refusal = EFAULT;
		return LADE_MOVER_BLAME;
	}
	return 0;
}

/* An event or a code for a window that could not be opened. */
static int window_refused(struct lade_mover_run *run, int code, const struct lade_fault *why)
{
	switch (code) {
	case LADE_E_SHRUNK:
		return lade_mover_source_ended(run, "mmap");
	case LADE_E_MEMORY:
		return lade_mover_refuse(run, ENOMEM);
	default:
		return lade_mover_refuse(run, why->sys_errno);
	}
}

static int move_window(struct lade_mover_run *run, size_t len)
{
	struct lade_mapping mapping;
	struct lade_fault why;
	off_t end = lade_mover_in_off(run) + (off_t)len;
	int ret;

	ret = lade_mapping_open(&mapping, run->move->in_fd, lade_mover_in_off(run), len, &why);
	if (ret)
		return window_refused(run, ret, &why);
	ret = write_window(run, &mapping);
	if (ret == 0 || ret == LADE_MOVER_BLAME) {
		if (lade_mapping_damaged(&mapping) || lade_mover_source_short(run, end))
			ret = lade_mover_source_ended(run, "mmap");
	}
	lade_mapping_close(&mapping);
	return ret;
}

int lade_mover_mmap(struct lade_mover_run *run)
{
	struct lade_move *move = run->move;
	size_t len;
	int ret;

	while (move->moved < move->len) {
		len = window_len(run);
		if (len == 0)
			return lade_mover_source_ended(run, "mmap");
		ret = move_window(run, len);
		if (ret)
			return ret;
	}
	return 0;
}
