/*
 * The columns and names of changes. Their form must not change: scripts read it
 * (tests/unit/test_screen.c holds what rsync prints for the same changes).
 */
#include "agent/itemize.h"

#include <sys/stat.h>

#include "agent/escape.h"
#include "protocol/entry.h"

#define COLUMNS 11u
#define CONTENT_CHANGES (LADE_ITEM_NEW | LADE_ITEM_DATA | LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK)

static char update_type(uint32_t changes, bool outgoing)
{
	if (changes & LADE_ITEM_HARD_LINK)
		return 'h';
	if (changes & LADE_ITEM_DATA)
		return outgoing ? '<' : '>';
	return changes & LADE_ITEM_LOCAL ? 'c' : '.';
}

static char file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'L';
	case S_IFBLK:
	case S_IFCHR:
		return 'D';
	case S_IFIFO:
	case S_IFSOCK:
		return 'S';
	default:
		return 'f';
	}
}

void lade_itemize_escaped(struct lade_writer *writer, const struct lade_item_style *style, struct lade_slice name)
{
	if (style->eight_bit)
		lade_escape_put_8_bit(writer, name);
	else
		lade_escape_put(writer, name);
}

static void put_change_columns(struct lade_writer *writer, const struct lade_msg_item *item, bool outgoing)
{
	/* Times that are not kept have a letter of their own. */
	const struct {
		uint32_t change;
		char letter;
	} columns[] = {
		{ LADE_ITEM_CHECKSUM, 'c' },
		{ LADE_ITEM_SIZE, 's' },
		{ LADE_ITEM_TIME | LADE_ITEM_TIME_NOW,
		  item->changes & LADE_ITEM_TIME_NOW ? 'T' : 't' },
		{ LADE_ITEM_PERMS, 'p' },
		{ LADE_ITEM_OWNER, 'o' },
		{ LADE_ITEM_GROUP, 'g' },
		{ LADE_ITEM_ATIME, 'u' },
		{ LADE_ITEM_ACL, 'a' },
		{ LADE_ITEM_XATTR, 'x' },
	};
	char text[COLUMNS] = { update_type(item->changes, outgoing), file_type(item->mode) };
	bool sent = text[0] == '<' || text[0] == '>', changed = false;

	for (size_t i = 0; i < COLUMNS - 2; i++)
		changed = changed || (item->changes & columns[i].change);
	for (size_t i = 0; i < COLUMNS - 2; i++) {
		if (item->changes & LADE_ITEM_NEW)
			text[i + 2] = '+';
		else if (item->changes & columns[i].change)
			text[i + 2] = columns[i].letter;
		else
			text[i + 2] = changed || sent ? '.' : ' ';
	}
	lade_writer_put_bytes(writer, text, sizeof(text));
}

void lade_itemize_columns(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	if (item->changes & LADE_ITEM_DELETED)
		lade_writer_put_bytes(writer, "*deleting  ", COLUMNS);
	else
		put_change_columns(writer, item, style->outgoing);
}

void lade_itemize_path(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	struct lade_slice path = item->path;

	if (path.len == 0)
		path = lade_slice(".", 1);
	lade_itemize_escaped(writer, style, path);
	if (S_ISDIR(item->mode) && path.data[path.len - 1] != '/')
		lade_writer_put_u8(writer, '/');
}

void lade_itemize_target(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	if (item->target.len == 0 || (item->changes & LADE_ITEM_DELETED))
		return;
	/* With LOCAL the link is to a file of another tree, which is not named. */
	if ((item->changes & LADE_ITEM_HARD_LINK) && !(item->changes & LADE_ITEM_LOCAL))
		lade_writer_put_bytes(writer, " => ", 4);
	else if (S_ISLNK(item->mode))
		lade_writer_put_bytes(writer, " -> ", 4);
	else
		return;
	lade_itemize_escaped(writer, style, item->target);
}

void lade_itemize(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	lade_itemize_columns(writer, style, item);
	lade_writer_put_u8(writer, ' ');
	lade_itemize_path(writer, style, item);
	lade_itemize_target(writer, style, item);
}

bool lade_itemize_names(const struct lade_msg_item *item)
{
	/* As in rsync, a directory is named for any change, other things only for their content. */
	return (item->changes & (LADE_ITEM_DELETED | CONTENT_CHANGES)) || (item->changes && S_ISDIR(item->mode));
}

void lade_itemize_name(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	if (item->changes & LADE_ITEM_DELETED)
		lade_writer_put_bytes(writer, "deleting ", 9);
	lade_itemize_path(writer, style, item);
	lade_itemize_target(writer, style, item);
}
