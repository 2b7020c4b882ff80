/*
 * The rules for names and types from a peer (attack classes: climbing and absolute
 * names, empty components, NUL inside, fields that contradict the type).
 */
#include "protocol/entry.h"

#include <string.h>
#include <sys/stat.h>

#include "protocol/error.h"

bool lade_entry_name_valid(struct lade_slice name)
{
	if (name.len == 0 || name.len > LADE_NAME_MAX)
		return false;
	if (name.data[0] == '.' && (name.len == 1 || (name.len == 2 && name.data[1] == '.')))
		return false;
	return !memchr(name.data, '/', name.len) && !memchr(name.data, '\0', name.len);
}

bool lade_entry_names_valid(struct lade_slice path)
{
	const uint8_t *slash;

	while ((slash = path.len ? memchr(path.data, '/', path.len) : NULL)) {
		size_t len = (size_t)(slash - path.data);

		if (!lade_entry_name_valid(lade_slice(path.data, len)))
			return false;
		path = lade_slice(slash + 1, path.len - len - 1);
	}
	return lade_entry_name_valid(path);
}

bool lade_entry_path_valid(const char *path)
{
	path += *path == '/';
	do {
		size_t len = strcspn(path, "/");

		if (!lade_entry_name_valid(lade_slice(path, len)))
			return false;
		path += len + strspn(path + len, "/");
	} while (*path);
	return true;
}

static bool is_root(struct lade_slice name)
{
	return name.len == 1 && name.data[0] == '.';
}

static bool target_valid(struct lade_slice target, bool is_symlink)
{
	if (!is_symlink)
		return target.len == 0;
	return target.len > 0 && target.len < LADE_TARGET_MAX && !memchr(target.data, '\0', target.len);
}

bool lade_entry_left_out(uint64_t options, uint32_t mode)
{
	return (S_ISLNK(mode) && !(options & LADE_OPTION_LINKS)) ||
		((S_ISBLK(mode) || S_ISCHR(mode)) && !(options & LADE_OPTION_DEVICES)) ||
		((S_ISFIFO(mode) || S_ISSOCK(mode)) && !(options & LADE_OPTION_SPECIALS));
}

int lade_entry_check(const struct lade_msg_entry *entry, bool root_allowed)
{
	mode_t mode = entry->mode;
	bool is_device = S_ISBLK(mode) || S_ISCHR(mode);

	if (!lade_entry_name_valid(entry->name) && !(root_allowed && is_root(entry->name) && S_ISDIR(mode)))
		return LADE_E_PROTOCOL;
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode) && !is_device && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return LADE_E_PROTOCOL;
	if (!target_valid(entry->target, S_ISLNK(mode)))
		return LADE_E_PROTOCOL;
	/* That of a directory is for people to read. */
	if (!S_ISREG(mode) && ((entry->size && !S_ISDIR(mode)) || entry->digest.len))
		return LADE_E_PROTOCOL;
	if (entry->digest.len && entry->digest.len != LADE_DIGEST_LEN)
		return LADE_E_PROTOCOL;
	if (!is_device && (entry->rdev_major || entry->rdev_minor))
		return LADE_E_PROTOCOL;
	if (S_ISDIR(mode) && entry->link != LADE_LINK_NONE)
		return LADE_E_PROTOCOL;
	return 0;
}
