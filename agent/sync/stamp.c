/*
 * Stamps of files.
 */
#include "agent/sync/stamp.h"

#include <string.h>
#include <sys/vfs.h>

#include "protocol/byteorder.h"

/* Longer than the grain of any file system's times: FAT has two seconds. */
#define SETTLED_AFTER_S 2

uint64_t lade_stamp_file_system(int fd)
{
	struct statfs fs;
	uint64_t id = 0;

	if (fstatfs(fd, &fs))
		return 0;
	memcpy(&id, &fs.f_fsid, sizeof(fs.f_fsid) < sizeof(id) ? sizeof(fs.f_fsid) : sizeof(id));
	return id;
}

struct lade_stamp lade_stamp_of(uint64_t file_system, const struct stat *st)
{
	return (struct lade_stamp){
		.file_system = file_system,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.ctime_s = st->st_ctim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
	};
}

bool lade_stamp_equal(const struct lade_stamp *a, const struct lade_stamp *b)
{
	return a->file_system == b->file_system && a->inode == b->inode && a->size == b->size &&
		a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
		a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

bool lade_stamp_settled(const struct lade_stamp *stamp, const struct timespec *start)
{
	int64_t latest = stamp->mtime_s > stamp->ctime_s ? stamp->mtime_s : stamp->ctime_s;

	/* A second more for what is cut off here. */
	return latest < start->tv_sec - SETTLED_AFTER_S;
}

void lade_stamp_put(struct lade_writer *writer, const struct lade_stamp *stamp)
{
	uint8_t *bytes = lade_writer_reserve(writer, LADE_STAMP_LEN);

	if (!bytes)
		return;
	lade_put_le64(bytes, stamp->file_system);
	lade_put_le64(bytes + 8, stamp->inode);
	lade_put_le64(bytes + 16, stamp->size);
	lade_put_le64(bytes + 24, (uint64_t)stamp->mtime_s);
	lade_put_le64(bytes + 32, (uint64_t)stamp->ctime_s);
	lade_put_le32(bytes + 40, stamp->mtime_ns);
	lade_put_le32(bytes + 44, stamp->ctime_ns);
	lade_writer_commit(writer, LADE_STAMP_LEN);
}

void lade_stamp_get(struct lade_reader *reader, struct lade_stamp *stamp_out)
{
	struct lade_slice bytes = lade_reader_get_exact(reader, LADE_STAMP_LEN);

	*stamp_out = (struct lade_stamp){ 0 };
	if (bytes.len != LADE_STAMP_LEN)
		return;
	stamp_out->file_system = lade_get_le64(bytes.data);
	stamp_out->inode = lade_get_le64(bytes.data + 8);
	stamp_out->size = lade_get_le64(bytes.data + 16);
	stamp_out->mtime_s = (int64_t)lade_get_le64(bytes.data + 24);
	stamp_out->ctime_s = (int64_t)lade_get_le64(bytes.data + 32);
	stamp_out->mtime_ns = lade_get_le32(bytes.data + 40);
	stamp_out->ctime_ns = lade_get_le32(bytes.data + 44);
}
