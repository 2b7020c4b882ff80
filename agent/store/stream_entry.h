/*
 * Entries of directories, and the streams that directories are: agent/store/FORMAT.md [entry].
 */
#ifndef LADE_AGENT_STORE_STREAM_ENTRY_H
#define LADE_AGENT_STORE_STREAM_ENTRY_H

#include "agent/store/stream.h"

#define LADE_STREAM_ENTRY_MAX (1u << 20)      /* bytes behind an entry's length */
#define LADE_STREAM_NAME_MAX 255u             /* bytes of a name */
#define LADE_STREAM_XATTRS_INLINE_MAX 4096u   /* bytes of attributes in an entry; more are a stream */

/* What an entry may have; the values are the bits of the format. */
enum lade_stream_entry_field {
	LADE_ENTRY_OWNER = 1u << 0,         /* uid, gid */
	LADE_ENTRY_MTIME = 1u << 1,
	LADE_ENTRY_TIMES = 1u << 2,         /* ctime, btime */
	LADE_ENTRY_INODE = 1u << 3,         /* inode, device, links: of what has several names, which a directory has not */
	LADE_ENTRY_RDEV = 1u << 4,          /* rdev_major, rdev_minor: of devices only */
	LADE_ENTRY_TARGET = 1u << 5,        /* of symlinks only */
	LADE_ENTRY_RECIPE = 1u << 6,        /* of files and directories only */
	LADE_ENTRY_XATTRS = 1u << 7,
	LADE_ENTRY_XATTRS_RECIPE = 1u << 8, /* instead of the one before */
	LADE_ENTRY_NAMES = 1u << 9,         /* user, group */
	LADE_ENTRY_FLAGS = 1u << 10,
	LADE_ENTRY_HOLES = 1u << 11,        /* of files that have a recipe */
	LADE_ENTRY_INCOMPLETE = 1u << 12,   /* of files and directories only */
};

/* Why an entry is incomplete; the values are those of the format. */
enum lade_stream_incomplete {
	LADE_INCOMPLETE_CHANGED = 1, /* its content changed while it was read */
	LADE_INCOMPLETE_UNREAD = 2,  /* it could not be read to its end */
};

struct lade_stream_time {
	int64_t s;
	uint32_t ns; /* 0..999999999 */
};

/*
 * All slices are borrowed: from whoever made the entry, or from the bytes that it was got from. What `fields` does not have is of no matter, and
 * zeros in one that was got.
 */
struct lade_stream_entry {
	struct lade_slice name; /* 1..LADE_STREAM_NAME_MAX bytes, without "/" and NUL, not "." or ".." */
	uint32_t mode;          /* type and twelve bits, as in stat(2) */
	uint32_t fields;        /* of enum lade_stream_entry_field */
	uint32_t uid, gid;
	struct lade_stream_time mtime, ctime, btime;
	uint64_t inode, device, links;
	uint32_t rdev_major, rdev_minor;
	struct lade_slice target;        /* not empty, without NUL */
	struct lade_slice recipe;        /* encoded: LADE_CHUNK_CONTENT of a file, LADE_CHUNK_ENTRIES of a directory */
	struct lade_slice xattrs;        /* see lade_stream_xattrs_check(); at most LADE_STREAM_XATTRS_INLINE_MAX bytes */
	struct lade_slice xattrs_recipe; /* encoded: LADE_CHUNK_CONTENT, of more bytes than that in the same form */
	struct lade_slice user, group;   /* names, without NUL; empty: not known */
	uint64_t flags;
	struct lade_slice holes_recipe;  /* encoded: LADE_CHUNK_CONTENT, 16 bytes for each hole */
	enum lade_stream_incomplete incomplete;
};

/*
 * Check extended attributes: varint count, at least 1; for each, in order of names, bytes name, bytes value. It is the encoded list of
 * agent/tree/attributes.h as it is; where that is empty an entry has none. Whether this host takes the names and values is not looked at:
 * lade_attributes_check() does. Returns 0 or LADE_E_CHANGED. Any thread.
 */
int lade_stream_xattrs_check(struct lade_slice encoded);

/*
 * Append an entry. lengths are those of the repository. Returns 0; LADE_E_USAGE: lade_stream_entry_get() would not take it; LADE_E_LIMIT: it is
 * longer than LADE_STREAM_ENTRY_MAX or than the writer takes; LADE_E_MEMORY. After a failure the writer holds what it held before, and has no
 * error. Any thread.
 */
int lade_stream_entry_put(struct lade_writer *writer, const struct lade_stream_lengths *lengths, const struct lade_stream_entry *entry);

/*
 * Get the entry that comes next in reader; it borrows from the reader's bytes. Fields from bit 32 on are skipped, and not in fields. Returns 0 or
 * LADE_E_CHANGED: that is none. Any thread.
 */
int lade_stream_entry_get(struct lade_reader *reader, const struct lade_stream_lengths *lengths, struct lade_stream_entry *entry_out);

/* The order of names in a directory: below, at or above 0, as memcmp(3); the shorter one first where one begins with the other. */
int lade_stream_name_compare(struct lade_slice a, struct lade_slice b);

/*
 * Reads the entries of one directory; for one thread at a time. It holds at most an entry of the greatest length beside what a lade_stream_reader
 * does.
 */
struct lade_entry_stream_reader;

/*
 * Make one. source and recipe are as for lade_stream_reader_new(), the kind is LADE_CHUNK_ENTRIES. Returns 0 or LADE_E_MEMORY; the caller frees it
 * with lade_entry_stream_reader_free().
 */
int lade_entry_stream_reader_new(const struct lade_stream_source *source, const struct lade_stream_recipe *recipe,
				 struct lade_entry_stream_reader **reader_out);

/* Free it. NULL does nothing. */
void lade_entry_stream_reader_free(struct lade_entry_stream_reader *reader);

/*
 * The next entry, borrowed until the next call. Returns 1; 0 at the end; LADE_E_CHANGED: that is no entry, or its name does not come after the one
 * before; LADE_E_MEMORY; or what get returned. After LADE_E_CHANGED there is nothing more to be had.
 */
int lade_entry_stream_reader_next(struct lade_entry_stream_reader *reader, struct lade_stream_entry *entry_out, struct lade_fault *fault);

#endif
