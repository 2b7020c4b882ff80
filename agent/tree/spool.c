/*
 * A spool: records with a 32-bit length in front. What does not fit in memory is
 * written in pieces of LADE_SPOOL_MEMORY to a file that has no name, and read back
 * in such pieces. Bytes stay on this host: the length is in host order.
 */
#include "agent/tree/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/whole.h"

struct lade_spool {
	struct lade_writer tail; /* records that are not in the file yet */
	int fd;                  /* -1: everything is in tail */
	uint64_t file_len;
	uint64_t count;
	/* reading */
	uint64_t file_off;
	size_t tail_off;
	uint8_t *record;
	size_t record_size;
};

int lade_spool_file(const char *directory, int *fd_out, struct lade_fault *fault)
{
	char path[4096];
	int fd;

	if (!directory)
		directory = getenv("TMPDIR");
	if (!directory || !*directory)
		directory = "/var/tmp";
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		/* File systems without O_TMPFILE (EOPNOTSUPP, EISDIR on old kernels): a name that goes at once. */
		if ((size_t)snprintf(path, sizeof(path), "%s/lade-spool-XXXXXX", directory) >= sizeof(path))
			errno = ENAMETOOLONG;
		else
			fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(path);
	}
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create spool file in", directory);
	*fd_out = fd;
	return 0;
}

int lade_spool_new(struct lade_spool **spool_out)
{
	struct lade_spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return LADE_E_MEMORY;
	spool->fd = -1;
	lade_writer_init(&spool->tail, LADE_SPOOL_MEMORY + LADE_SPOOL_RECORD_MAX);
	*spool_out = spool;
	return 0;
}

void lade_spool_free(struct lade_spool *spool)
{
	if (!spool)
		return;
	if (spool->fd >= 0)
		close(spool->fd);
	lade_writer_fini(&spool->tail);
	free(spool->record);
	free(spool);
}

static int flush(struct lade_spool *spool, struct lade_fault *fault)
{
	int error;

	if (spool->fd < 0) {
		error = lade_spool_file(NULL, &spool->fd, fault);
		if (error)
			return error;
	}
	if (lade_whole_write(spool->fd, spool->tail.data, spool->tail.len, spool->file_len))
		return lade_fault_set(fault, LADE_E_SYSTEM, "write spool file", NULL);
	spool->file_len += spool->tail.len;
	lade_writer_reset(&spool->tail);
	return 0;
}

int lade_spool_add(struct lade_spool *spool, const void *record, size_t len, struct lade_fault *fault)
{
	uint32_t stored_len = (uint32_t)len;
	int error;

	if (len > LADE_SPOOL_RECORD_MAX - sizeof(stored_len))
		return lade_fault_set(fault, LADE_E_LIMIT, "spool a record", NULL);
	if (spool->tail.len >= LADE_SPOOL_MEMORY) {
		error = flush(spool, fault);
		if (error)
			return error;
	}
	lade_writer_put_bytes(&spool->tail, &stored_len, sizeof(stored_len));
	lade_writer_put_bytes(&spool->tail, record, len);
	if (spool->tail.error)
		return lade_fault_set(fault, spool->tail.error, "spool a record", NULL);
	spool->count++;
	return 0;
}

uint64_t lade_spool_count(const struct lade_spool *spool)
{
	return spool->count;
}

static int read_file(struct lade_spool *spool, void *out, size_t len, struct lade_fault *fault)
{
	ssize_t got = lade_whole_read(spool->fd, out, len, spool->file_off);

	if (got >= 0 && (size_t)got < len)
		errno = EIO;
	if (got < 0 || (size_t)got < len)
		return lade_fault_set(fault, LADE_E_SYSTEM, "read spool file", NULL);
	spool->file_off += len;
	return 0;
}

static int next_in_file(struct lade_spool *spool, struct lade_slice *record_out, struct lade_fault *fault)
{
	uint32_t len;
	int error = read_file(spool, &len, sizeof(len), fault);

	if (error)
		return error;
	if (len > spool->record_size) {
		uint8_t *record = realloc(spool->record, len);

		if (!record)
			return lade_fault_set(fault, LADE_E_MEMORY, "read spool file", NULL);
		spool->record = record;
		spool->record_size = len;
	}
	error = read_file(spool, spool->record, len, fault);
	*record_out = lade_slice(spool->record, len);
	return error ? error : 1;
}

int lade_spool_next(struct lade_spool *spool, struct lade_slice *record_out, struct lade_fault *fault)
{
	uint32_t len;

	if (spool->file_off < spool->file_len)
		return next_in_file(spool, record_out, fault);
	if (spool->tail_off >= spool->tail.len)
		return 0;
	memcpy(&len, spool->tail.data + spool->tail_off, sizeof(len));
	*record_out = lade_slice(spool->tail.data + spool->tail_off + sizeof(len), len);
	spool->tail_off += sizeof(len) + len;
	return 1;
}
