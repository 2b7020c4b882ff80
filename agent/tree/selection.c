/*
 * Paths in one block of memory and an array of where each begins. They are ordered component by component: what
 * lies below a directory is one stretch of the array, and what a directory is named by stands at its beginning.
 */
#include "agent/tree/selection.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "protocol/limits.h"

struct lade_selection {
	char *bytes; /* of each path: what is wanted of it, in one byte, then the path and a NUL */
	size_t len, size;
	uint32_t *paths; /* where each begins, behind that byte */
	size_t count, capacity;
	bool sorted;
};

int lade_selection_new(struct lade_selection **selection_out)
{
	*selection_out = calloc(1, sizeof(**selection_out));
	return *selection_out ? 0 : LADE_E_MEMORY;
}

void lade_selection_free(struct lade_selection *selection)
{
	if (!selection)
		return;
	free(selection->bytes);
	free(selection->paths);
	free(selection);
}

static bool is_component(const char *name, size_t len)
{
	if (!len || len > LADE_NAME_MAX || memchr(name, '\0', len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static bool is_path(const char *path, size_t len)
{
	const char *slash;

	while (len && (slash = memchr(path, '/', len))) {
		if (!is_component(path, (size_t)(slash - path)))
			return false;
		len -= (size_t)(slash - path) + 1;
		path = slash + 1;
		if (!len)
			return false;
	}
	return !len || is_component(path, len);
}

static int reserve_bytes(struct lade_selection *selection, size_t len)
{
	size_t size = selection->size ? selection->size : 4096;
	char *bytes;

	while (size - selection->len < len)
		size *= 2;
	if (size == selection->size)
		return 0;
	bytes = realloc(selection->bytes, size);
	if (!bytes)
		return LADE_E_MEMORY;
	selection->bytes = bytes;
	selection->size = size;
	return 0;
}

/* Room for one more path of len bytes with what stands before and behind it. */
static int reserve(struct lade_selection *selection, size_t len)
{
	uint32_t *paths = lade_grown(selection->paths, selection->count, &selection->capacity, sizeof(*paths));

	if (!paths)
		return LADE_E_MEMORY;
	selection->paths = paths;
	return reserve_bytes(selection, len);
}

int lade_selection_add(struct lade_selection *selection, const char *path, size_t len, unsigned what)
{
	assert(!selection->sorted);
	if (!is_path(path, len))
		return LADE_E_REFUSED;
	if (len > LADE_PATH_MAX || selection->len + len + 2 > LADE_NAMES_MAX)
		return LADE_E_LIMIT;
	if (reserve(selection, len + 2))
		return LADE_E_MEMORY;
	selection->bytes[selection->len] = (char)what;
	memcpy(selection->bytes + selection->len + 1, path, len);
	selection->bytes[selection->len + 1 + len] = '\0';
	selection->paths[selection->count++] = (uint32_t)selection->len + 1;
	selection->len += len + 2;
	return 0;
}

/* The end of a path comes first, then what goes on below it, then longer names. */
static int rank(char byte)
{
	return byte == '\0' ? 0 : byte == '/' ? 1 : 2 + (unsigned char)byte;
}

static int path_order(const void *a, const void *b, void *context)
{
	const char *first = (const char *)context + *(const uint32_t *)a;
	const char *second = (const char *)context + *(const uint32_t *)b;

	while (*first && *first == *second) {
		first++;
		second++;
	}
	return rank(*first) - rank(*second);
}

void lade_selection_sort(struct lade_selection *selection)
{
	size_t kept = 0;

	selection->sorted = true;
	if (!selection->count)
		return;
	qsort_r(selection->paths, selection->count, sizeof(*selection->paths), path_order, selection->bytes);
	for (size_t i = 1; i < selection->count; i++) {
		char *last = selection->bytes + selection->paths[kept], *path = selection->bytes + selection->paths[i];

		if (strcmp(last, path) == 0)
			last[-1] = (char)(last[-1] | path[-1]);
		else
			selection->paths[++kept] = selection->paths[i];
	}
	selection->count = kept + 1;
}

const char *lade_selection_path(const struct lade_selection *selection, size_t position)
{
	return selection->bytes + selection->paths[position];
}

unsigned lade_selection_root_what(const struct lade_selection *selection)
{
	if (!selection->count || *lade_selection_path(selection, 0))
		return 0;
	return (unsigned char)lade_selection_path(selection, 0)[-1];
}

struct lade_selection_at lade_selection_root(const struct lade_selection *selection)
{
	assert(selection->sorted);
	return (struct lade_selection_at){ lade_selection_root_what(selection) ? 1 : 0, selection->count, 0 };
}

/* The component of a path that begins at off. */
static const char *component(const struct lade_selection *selection, size_t position, size_t off, size_t *len_out)
{
	const char *name = lade_selection_path(selection, position) + off;

	*len_out = strcspn(name, "/");
	return name;
}

/* The first position in [first, end) whose component at off is not below name; or, past, is above it. */
static size_t bound(const struct lade_selection *selection, const struct lade_selection_at *at, const char *name, size_t len,
		    bool past)
{
	size_t first = at->first, end = at->end;

	while (first < end) {
		size_t middle = first + (end - first) / 2, its_len;
		const char *its = component(selection, middle, at->off, &its_len);
		int order = memcmp(its, name, its_len < len ? its_len : len);

		if (!order)
			order = its_len < len ? -1 : its_len > len;
		if (order < 0 || (past && !order))
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool lade_selection_find(const struct lade_selection *selection, const struct lade_selection_at *at, const char *name,
			 size_t len, unsigned *what_out, struct lade_selection_at *below_out)
{
	struct lade_selection_at below = { 0, 0, at->off + len + 1 };
	const char *path;

	below.first = bound(selection, at, name, len, false);
	below.end = bound(selection, at, name, len, true);
	if (below.first == below.end)
		return false;
	*what_out = 0;
	path = lade_selection_path(selection, below.first);
	if (!path[at->off + len]) {
		*what_out = (unsigned char)path[-1];
		below.first++;
	}
	*below_out = below;
	return true;
}

const char *lade_selection_next(const struct lade_selection *selection, const struct lade_selection_at *at, size_t *position,
				size_t *len_out)
{
	struct lade_selection_at rest = { at->first + *position, at->end, at->off };
	const char *name;

	if (rest.first == rest.end)
		return NULL;
	name = component(selection, rest.first, at->off, len_out);
	*position = bound(selection, &rest, name, *len_out, true) - at->first;
	return name;
}
