/*
 * A file for each record; numbers but the first two are little-endian:
 *
 *     "lade source 1\0\0\0", length of the place as a varint, type as a varint, id, inode (8 each), flags (1: empty),
 *     path and destination (each with its length as a varint), BLAKE2b of all before it (16)
 *
 * Its name is the digest of path and destination. Nothing of it is secret, but it must be what was written: a part of a record
 * could stand for another source.
 */
#include "agent/sync/source_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/sync/file_digest.h"
#include "agent/sync/stamp.h"
#include "agent/tree/listing.h"
#include "agent/tree/read_open.h"
#include "protocol/byteorder.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"

#define MAGIC_LEN 16u
#define DIGEST_LEN 16u
#define NAME_SIZE (2 * DIGEST_LEN + 1)
#define FLAG_EMPTY 1u
/* Numbers and lengths have room beside the texts. */
#define RECORD_MAX (MAGIC_LEN + 64u + PATH_MAX + LADE_TARGET_MAX + DIGEST_LEN)
/* All records together, in bytes: some thousands. */
#define STORE_MAX ((off_t)1 << 20)

static const char magic[MAGIC_LEN] = "lade source 1";

static void digest_of(const void *bytes, size_t len, uint8_t out[DIGEST_LEN])
{
	(void)crypto_generichash(out, DIGEST_LEN, bytes, len, NULL, 0);
}

/* ---- looking ---- */

/* True if a file system is mounted at here, which is in the directory above. */
static bool is_mounted_at(const struct statx *here, const struct statx *above)
{
	if (here->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return here->stx_attributes & STATX_ATTR_MOUNT_ROOT;
	/* Before Linux 5.8. A subvolume of btrfs passes for one, which is as good: it is always there or not, too. */
	return here->stx_dev_major != above->stx_dev_major || here->stx_dev_minor != above->stx_dev_minor;
}

/* How much of path, which is absolute and without symlinks, is where its file system is mounted; 0 if that is not to be found out. */
static size_t find_mount(const char *path)
{
	const int how = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	char prefix[PATH_MAX];
	size_t len = strlen(path);
	struct statx here, above;

	memcpy(prefix, path, len + 1);
	if (statx(AT_FDCWD, prefix, how, 0, &here))
		return 0;
	while (len > 1) {
		size_t above_len = (size_t)(strrchr(prefix, '/') - prefix);

		above_len += above_len == 0;
		prefix[above_len] = '\0';
		if (statx(AT_FDCWD, prefix, how, 0, &above))
			return 0;
		if (is_mounted_at(&here, &above))
			return len;
		here = above;
		len = above_len;
	}
	return len;
}

bool lade_source_record_look(const char *path, struct lade_source_record *record_out)
{
	struct statfs fs;
	struct stat st;
	int fd, empty;

	memset(record_out, 0, sizeof(*record_out));
	if (!realpath(path, record_out->path))
		return false;
	fd = lade_read_open(AT_FDCWD, record_out->path, LADE_READ_NOATIME);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || fstatfs(fd, &fs)) {
		close(fd);
		return false;
	}
	record_out->file_system = lade_stamp_file_system(fd);
	record_out->type = (uint32_t)fs.f_type;
	record_out->inode = st.st_ino;
	record_out->mount_len = find_mount(record_out->path);
	empty = lade_listing_empty(fd, "lost+found"); /* which a file system has that was just made */
	record_out->empty = empty == 1;
	return empty >= 0;
}

/* ---- judging ---- */

/* An id that is not there, or was made of a device number that changed with a restart, says nothing for it; only that agrees does. */
static bool is_same(const struct lade_source_record *old, const struct lade_source_record *now)
{
	return old->inode == now->inode && old->type == now->type &&
		(old->file_system == now->file_system || !old->file_system || !now->file_system);
}

enum lade_source_verdict lade_source_record_judge(const struct lade_source_record *old, const struct lade_source_record *now)
{
	/* Mounts may come and go above it, as where a service sees its own: the directory is what counts. */
	if (is_same(old, now))
		return LADE_SOURCE_FINE;
	if (now->mount_len && now->mount_len < old->mount_len)
		return LADE_SOURCE_UNMOUNTED;
	/* A directory that was made anew, a snapshot, a disk that was restored: with something in it, it is a source like any other. */
	return now->empty && !old->empty ? LADE_SOURCE_EMPTY : LADE_SOURCE_FINE;
}

/* What people call a file system. */
static const char *type_name(uint32_t type, char number[16])
{
	/* statfs(2), f_type */
	static const struct {
		uint32_t type;
		const char *name;
	} names[] = {
		{ 0xef53, "ext4" }, { 0x58465342, "xfs" }, { 0x9123683e, "btrfs" }, { 0x2fc12fc1, "zfs" },
		{ 0xf2f52010, "f2fs" }, { 0x01021994, "tmpfs" }, { 0x794c7630, "overlay" }, { 0x65735546, "fuse" },
		{ 0x6969, "nfs" }, { 0xff534d42, "cifs" }, { 0xfe534d42, "smb" }, { 0x4d44, "vfat" },
		{ 0x2011bab0, "exfat" }, { 0x7366746e, "ntfs" }, { 0x9660, "iso9660" }, { 0x73717368, "squashfs" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	snprintf(number, 16, "type %" PRIx32, type);
	return number;
}

/* One of them in words: "inode 2 of ext4 at /mnt/disk". */
static void describe_one(const struct lade_source_record *record, char *out, size_t size)
{
	char number[16];
	const char *type = type_name(record->type, number);

	if (record->mount_len)
		snprintf(out, size, "inode %" PRIu64 " of %s mounted at %.*s", record->inode, type,
			 record->mount_len < 96 ? (int)record->mount_len : 96, record->path);
	else
		snprintf(out, size, "inode %" PRIu64 " of %s", record->inode, type);
}

void lade_source_record_describe(const struct lade_source_record *old, const struct lade_source_record *now,
				 char out[LADE_SOURCE_TEXT_SIZE])
{
	bool unmounted = lade_source_record_judge(old, now) == LADE_SOURCE_UNMOUNTED;
	char was[192], is[192];

	describe_one(old, was, sizeof(was));
	describe_one(now, is, sizeof(is));
	snprintf(out, LADE_SOURCE_TEXT_SIZE, "%s (that was %s, this is %s%s)",
		 unmounted ? "the file system of the last run is not mounted there" : "it is empty, and another directory than at the last run",
		 was, strcmp(was, is) == 0 ? "that of another one" : is, unmounted && now->empty ? ", and empty" : "");
}

/* ---- keeping ---- */

static int name_of(const char *path, const char *destination, char name[NAME_SIZE])
{
	uint8_t digest[DIGEST_LEN];
	struct lade_writer both;
	int error;

	if (strlen(destination) >= LADE_TARGET_MAX)
		return LADE_E_LIMIT;
	lade_writer_init(&both, RECORD_MAX);
	lade_writer_put_bytes(&both, path, strlen(path) + 1);
	lade_writer_put_bytes(&both, destination, strlen(destination));
	error = both.error;
	if (!error) {
		digest_of(both.data, both.len, digest);
		(void)sodium_bin2hex(name, NAME_SIZE, digest, sizeof(digest));
	}
	lade_writer_fini(&both);
	return error;
}

static bool is_text(struct lade_slice slice, const char *text)
{
	return lade_slice_equal(slice, lade_slice(text, strlen(text)));
}

/* True if bytes are the record of path and destination. */
static bool decode(const uint8_t *bytes, size_t len, const char *destination, struct lade_source_record *record)
{
	uint8_t digest[DIGEST_LEN], flags;
	struct lade_reader reader;
	struct lade_slice part;

	if (len < MAGIC_LEN + DIGEST_LEN || memcmp(bytes, magic, MAGIC_LEN) != 0)
		return false;
	len -= DIGEST_LEN;
	digest_of(bytes, len, digest);
	if (memcmp(digest, bytes + len, DIGEST_LEN) != 0)
		return false;
	lade_reader_init(&reader, bytes + MAGIC_LEN, len - MAGIC_LEN);
	record->mount_len = (size_t)lade_reader_get_varint(&reader, strlen(record->path));
	record->type = (uint32_t)lade_reader_get_varint(&reader, UINT32_MAX);
	part = lade_reader_get_exact(&reader, 16);
	if (reader.error)
		return false;
	record->file_system = lade_get_le64(part.data);
	record->inode = lade_get_le64(part.data + 8);
	flags = lade_reader_get_u8(&reader);
	record->empty = flags & FLAG_EMPTY;
	return !(flags & ~FLAG_EMPTY) && is_text(lade_reader_get_slice(&reader, PATH_MAX), record->path) &&
		is_text(lade_reader_get_slice(&reader, LADE_TARGET_MAX), destination) && lade_reader_finish(&reader) == 0;
}

static void encode(const struct lade_source_record *record, const char *destination, struct lade_writer *writer)
{
	uint8_t numbers[16], digest[DIGEST_LEN];

	lade_put_le64(numbers, record->file_system);
	lade_put_le64(numbers + 8, record->inode);
	lade_writer_put_bytes(writer, magic, MAGIC_LEN);
	lade_writer_put_varint(writer, record->mount_len);
	lade_writer_put_varint(writer, record->type);
	lade_writer_put_bytes(writer, numbers, sizeof(numbers));
	lade_writer_put_u8(writer, record->empty ? FLAG_EMPTY : 0);
	lade_writer_put_slice(writer, lade_slice(record->path, strlen(record->path)));
	lade_writer_put_slice(writer, lade_slice(destination, strlen(destination)));
	if (writer->error)
		return;
	digest_of(writer->data, writer->len, digest);
	lade_writer_put_bytes(writer, digest, sizeof(digest));
}

/* Open the record name, in which there may be anything. A descriptor, or -1 with errno. */
static int open_record(int directory_fd, const char name[NAME_SIZE])
{
	return openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Fill record, which has its path, from the file fd. False if that is not its record. */
static bool read_record(int fd, const char *destination, struct lade_source_record *record)
{
	struct lade_range range = { .fd = fd };
	uint8_t bytes[RECORD_MAX];
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)sizeof(bytes))
		return false;
	range.len = (uint32_t)st.st_size;
	return lade_range_read(&range, bytes, NULL) == 0 && decode(bytes, range.len, destination, record);
}

int lade_source_record_get(int directory_fd, const char *path, const char *destination, struct lade_source_record *record_out,
			   struct lade_fault *fault)
{
	size_t len = strlen(path);
	char name[NAME_SIZE];
	bool right;
	int fd;

	memset(record_out, 0, sizeof(*record_out));
	if (len >= sizeof(record_out->path) || name_of(path, destination, name))
		return lade_fault_set(fault, LADE_E_ABSENT, "find the record of source", path);
	memcpy(record_out->path, path, len + 1);
	fd = open_record(directory_fd, name);
	if (fd < 0)
		return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, "open the record of source", path);
	right = read_record(fd, destination, record_out);
	close(fd);
	return right ? 0 : lade_fault_set(fault, LADE_E_PROTOCOL, "understand the record of source", path);
}

/* True if the record is kept already; then it is as good as new. */
static bool is_kept(int directory_fd, const char name[NAME_SIZE], const char *destination, const struct lade_source_record *record)
{
	struct lade_source_record kept = { .inode = 0 };
	int fd = open_record(directory_fd, name);
	bool same;

	if (fd < 0)
		return false;
	memcpy(kept.path, record->path, sizeof(kept.path));
	same = read_record(fd, destination, &kept) && kept.mount_len == record->mount_len && kept.type == record->type &&
		kept.file_system == record->file_system && kept.inode == record->inode && kept.empty == record->empty;
	if (same)
		(void)futimens(fd, NULL);
	close(fd);
	return same;
}

int lade_source_record_put(int directory_fd, const char *destination, const struct lade_source_record *record,
			   struct lade_fault *fault)
{
	struct lade_writer bytes;
	char name[NAME_SIZE];
	int error = name_of(record->path, destination, name);

	if (!error && is_kept(directory_fd, name, destination, record))
		return 0;
	lade_writer_init(&bytes, RECORD_MAX);
	encode(record, destination, &bytes);
	error = error ? error : bytes.error;
	if (error)
		lade_fault_set(fault, error, "keep the record of source", record->path);
	else
		error = lade_state_put(directory_fd, name, bytes.data, bytes.len, fault);
	lade_writer_fini(&bytes);
	return error;
}

void lade_source_record_trim(int directory_fd)
{
	lade_state_trim(directory_fd, NAME_SIZE - 1, STORE_MAX);
}
