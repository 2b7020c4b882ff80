/*
 * The form of POSIX.1-2001, pax interchange format: a ustar header, and before it, where something has no room or no field there, an extended header of records
 * "LENGTH KEY=VALUE\n". Extended attributes and ACLs are in the records that GNU tar, libarchive and star share: SCHILY.xattr.NAME as bytes, SCHILY.acl.access and .default as text.
 */
#include "agent/backup/dump_internal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/tree/attributes_acl.h"
#include "protocol/limits.h"

/* Offsets and lengths of a ustar header. */
enum {
	NAME_OFF = 0, NAME_LEN = 100, MODE_OFF = 100, UID_OFF = 108, GID_OFF = 116, SIZE_OFF = 124, MTIME_OFF = 136, SUM_OFF = 148, TYPE_OFF = 156, LINK_OFF = 157,
	LINK_LEN = 100, MAGIC_OFF = 257, USER_OFF = 265, GROUP_OFF = 297, OWNER_LEN = 31, MAJOR_OFF = 329, MINOR_OFF = 337, SHORT_LEN = 8, LONG_LEN = 12,
};

#define ID_MAX 07777777u                   /* of seven digits */
#define LONG_MAX_VALUE UINT64_C(077777777777) /* of eleven */

/* Tags of an ACL in the kernel's form. */
enum { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32 };

/* A number in octal digits and a NUL. */
static void put_octal(uint8_t *out, size_t len, uint64_t value)
{
	out[--len] = 0;
	while (len) {
		out[--len] = (uint8_t)('0' + (value & 7));
		value >>= 3;
	}
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
static void put_record(struct lade_writer *writer, const char *key, struct lade_slice value)
{
	const size_t rest = 1 + strlen(key) + 1 + value.len + 1;
	size_t len = rest + 1;
	char digits[24];

	while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len) != len)
		len++;
	lade_writer_put_bytes(writer, digits, strlen(digits));
	lade_writer_put_u8(writer, ' ');
	lade_writer_put_bytes(writer, key, strlen(key));
	lade_writer_put_u8(writer, '=');
	lade_writer_put_bytes(writer, value.data, value.len);
	lade_writer_put_u8(writer, '\n');
}

static void put_text_record(struct lade_writer *writer, const char *key, const char *text)
{
	put_record(writer, key, lade_slice(text, strlen(text)));
}

static void put_number_record(struct lade_writer *writer, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text_record(writer, key, text);
}

/* One line of an ACL as text. */
static void put_acl_entry(struct lade_writer *text, unsigned tag, unsigned rights, uint32_t id)
{
	const char *word = tag & (ACL_USER_OBJ | ACL_USER) ? "user" : tag & (ACL_GROUP_OBJ | ACL_GROUP) ? "group" : tag == ACL_MASK ? "mask" : "other";
	char number[16] = "", line[64];

	if (tag & (ACL_USER | ACL_GROUP))
		snprintf(number, sizeof(number), "%" PRIu32, id);
	snprintf(line, sizeof(line), "%s%s:%s:%c%c%c", text->len ? "," : "", word, number, rights & 4 ? 'r' : '-', rights & 2 ? 'w' : '-', rights & 1 ? 'x' : '-');
	lade_writer_put_bytes(text, line, strlen(line));
}

/* An ACL in the kernel's form (agent/tree/attributes_acl.h) as text. */
static void put_acl(struct lade_writer *writer, const char *key, struct lade_slice value)
{
	struct lade_writer text;

	lade_writer_init(&text, LADE_XATTR_VALUE_MAX * 8);
	for (size_t off = 4; off + 8 <= value.len; off += 8) {
		uint16_t tag, rights;
		uint32_t id;

		memcpy(&tag, value.data + off, 2);
		memcpy(&rights, value.data + off + 2, 2);
		memcpy(&id, value.data + off + 4, 4);
		put_acl_entry(&text, le16toh(tag), le16toh(rights), le32toh(id));
	}
	if (!text.error)
		put_record(writer, key, lade_slice(text.data, text.len));
	else
		writer->error = text.error;
	lade_writer_fini(&text);
}

/* A name in a key has no "=" there: GNU tar writes "%3D". */
static void put_xattr(struct lade_writer *writer, struct lade_slice name, struct lade_slice value)
{
	char key[sizeof("SCHILY.xattr.") + 3 * LADE_XATTR_NAME_MAX] = "SCHILY.xattr.";
	size_t len = strlen(key);

	for (size_t i = 0; i < name.len && len + 4 < sizeof(key); i++) {
		if (name.data[i] == '=' || name.data[i] == '%')
			len += (size_t)snprintf(key + len, 4, "%%%02X", name.data[i]);
		else
			key[len++] = (char)name.data[i];
	}
	key[len] = '\0';
	put_record(writer, key, value);
}

static void put_xattrs(struct lade_writer *writer, struct lade_slice encoded)
{
	struct lade_reader reader;
	uint64_t count;

	lade_reader_init(&reader, encoded.data, encoded.len);
	count = encoded.len ? lade_reader_get_varint(&reader, LADE_XATTR_COUNT_MAX) : 0;
	for (uint64_t i = 0; i < count && !reader.error; i++) {
		const struct lade_slice name = lade_reader_get_slice(&reader, LADE_XATTR_NAME_MAX), value = lade_reader_get_slice(&reader, LADE_XATTR_VALUE_MAX);

		if (reader.error)
			return;
		if (!lade_attributes_acl_is_name(name))
			put_xattr(writer, name, value);
		else if (lade_attributes_acl_is_valid(value))
			put_acl(writer, memmem(name.data, name.len, "default", 7) ? "SCHILY.acl.default" : "SCHILY.acl.access", value);
	}
}

static void put_time(struct lade_writer *writer, const struct lade_stream_time *time)
{
	/* 1.5 seconds before 1970 are -2 and half a second here. */
	const bool before = time->s < 0 && time->ns;
	const uint64_t whole = time->s < 0 ? -(uint64_t)time->s - before : (uint64_t)time->s;
	const uint32_t part = before ? 1000000000u - time->ns : time->ns;
	char text[48];

	snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu32, time->s < 0 ? "-" : "", whole, part);
	put_text_record(writer, "mtime", text);
}

/* All that has no place in the header itself. */
static void put_records(struct lade_writer *records, const struct tar_member *member)
{
	const struct lade_stream_entry *entry = member->entry;

	if (member->path.len > NAME_LEN)
		put_record(records, "path", member->path);
	if (member->link.len > LINK_LEN)
		put_record(records, "linkpath", member->link);
	if (member->length > LONG_MAX_VALUE)
		put_number_record(records, "size", member->length);
	if (entry->uid > ID_MAX)
		put_number_record(records, "uid", entry->uid);
	if (entry->gid > ID_MAX)
		put_number_record(records, "gid", entry->gid);
	if (entry->user.len > OWNER_LEN)
		put_record(records, "uname", entry->user);
	if (entry->group.len > OWNER_LEN)
		put_record(records, "gname", entry->group);
	if (entry->mtime.ns || entry->mtime.s < 0 || (uint64_t)entry->mtime.s > LONG_MAX_VALUE)
		put_time(records, &entry->mtime);
	put_xattrs(records, member->xattrs);
}

static uint8_t type_of(const struct tar_member *member)
{
	switch (member->entry->mode & S_IFMT) {
	case S_IFLNK:
		return member->is_link ? '1' : '2';
	case S_IFCHR:
		return member->is_link ? '1' : '3';
	case S_IFBLK:
		return member->is_link ? '1' : '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return member->is_link ? '1' : '6';
	default:
		return member->is_link ? '1' : '0';
	}
}

static void copy(uint8_t *out, struct lade_slice from, size_t max)
{
	if (from.len)
		memcpy(out, from.data, from.len < max ? from.len : max);
}

static uint64_t at_most(uint64_t value, uint64_t max)
{
	return value < max ? value : max;
}

/* The sum of its bytes, its own being blanks. */
static void put_sum(uint8_t block[TAR_BLOCK_LEN])
{
	unsigned sum = 0;

	memset(block + SUM_OFF, ' ', SHORT_LEN);
	for (size_t i = 0; i < TAR_BLOCK_LEN; i++)
		sum += block[i];
	put_octal(block + SUM_OFF, SHORT_LEN - 1, sum);
}

static void put_ustar(struct lade_writer *writer, const struct tar_member *member, uint8_t type)
{
	static const uint8_t magic[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };
	const struct lade_stream_entry *entry = member->entry;
	uint8_t block[TAR_BLOCK_LEN] = { 0 };

	copy(block + NAME_OFF, member->path, NAME_LEN);
	put_octal(block + MODE_OFF, SHORT_LEN, entry->mode & 07777);
	put_octal(block + UID_OFF, SHORT_LEN, at_most(entry->uid, ID_MAX));
	put_octal(block + GID_OFF, SHORT_LEN, at_most(entry->gid, ID_MAX));
	put_octal(block + SIZE_OFF, LONG_LEN, at_most(member->length, LONG_MAX_VALUE));
	put_octal(block + MTIME_OFF, LONG_LEN, entry->mtime.s < 0 ? 0 : at_most((uint64_t)entry->mtime.s, LONG_MAX_VALUE));
	block[TYPE_OFF] = type;
	copy(block + LINK_OFF, member->link, LINK_LEN);
	memcpy(block + MAGIC_OFF, magic, sizeof(magic));
	copy(block + USER_OFF, entry->user, OWNER_LEN);
	copy(block + GROUP_OFF, entry->group, OWNER_LEN);
	if (type == '3' || type == '4') {
		put_octal(block + MAJOR_OFF, SHORT_LEN, at_most(entry->rdev_major, ID_MAX));
		put_octal(block + MINOR_OFF, SHORT_LEN, at_most(entry->rdev_minor, ID_MAX));
	}
	put_sum(block);
	lade_writer_put_bytes(writer, block, sizeof(block));
}

void dump_tar_header(struct lade_writer *writer, const struct tar_member *member)
{
	static const struct lade_stream_entry plain = { .mode = S_IFREG | 0644 };
	static const uint8_t zeros[TAR_BLOCK_LEN];
	struct lade_writer records;

	lade_writer_init(&records, 16u << 20);
	put_records(&records, member);
	if (records.len) {
		const struct tar_member extended = { .entry = &plain, .path = lade_slice("PaxHeaders/lade", 15), .length = records.len };

		put_ustar(writer, &extended, 'x');
		lade_writer_put_bytes(writer, records.data, records.len);
		lade_writer_put_bytes(writer, zeros, (TAR_BLOCK_LEN - records.len % TAR_BLOCK_LEN) % TAR_BLOCK_LEN);
	}
	if (records.error)
		writer->error = records.error;
	lade_writer_fini(&records);
	put_ustar(writer, member, type_of(member));
}
