/*
 * Words of symlinks. Nothing here looks at a file system: what a check says must not depend on what stands somewhere
 * just now.
 */
#include "agent/tree/symlink.h"

#include <string.h>

static bool begins(struct lade_slice text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* Take one component off the front, and the slashes behind it. */
static struct lade_slice take(struct lade_slice *rest)
{
	const uint8_t *slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;
	struct lade_slice part = lade_slice(rest->data, slash ? (size_t)(slash - rest->data) : rest->len);

	rest->data += part.len;
	rest->len -= part.len;
	while (rest->len && *rest->data == '/') {
		rest->data++;
		rest->len--;
	}
	return part;
}

static bool climbs(struct lade_slice part)
{
	return part.len == 2 && memcmp(part.data, "..", 2) == 0;
}

bool lade_symlink_unsafe(struct lade_slice target, size_t depth)
{
	bool climbing = true;

	if (!target.len || target.data[0] == '/')
		return true;
	while (target.len) {
		bool up = climbs(take(&target));

		if (up && (!climbing || depth == 0))
			return true;
		if (up)
			depth--;
		else
			climbing = false;
	}
	return false;
}

bool lade_symlink_munged(struct lade_slice target)
{
	return target.len > strlen(LADE_SYMLINK_MUNGED) && begins(target, LADE_SYMLINK_MUNGED);
}

size_t lade_symlink_depth(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}
