/*
 * From written sources to directories and paths below them. A path is cleaned by its words alone: which file it names is found out
 * on the way down.
 */
#include "agent/sync/sources.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/entry.h"
#include "protocol/grow.h"
#include "protocol/limits.h"

/* Groups that there may be: each is a directory that stays open. */
#define GROUPS_MAX LADE_SOURCES_MAX

void lade_sources_fini(struct lade_sources *sources)
{
	for (unsigned i = 0; i < sources->group_count; i++) {
		free(sources->groups[i].base);
		lade_selection_free(sources->groups[i].selection);
	}
	free(sources->groups);
	*sources = (struct lade_sources){ 0 };
}

void lade_sources_sort(struct lade_sources *sources)
{
	for (unsigned i = 0; i < sources->group_count; i++)
		lade_selection_sort(sources->groups[i].selection);
}

/* ---- groups ---- */

/* A group that may have the next source of base. any: the order of groups tells nothing about them. NULL: there is none. */
static struct lade_source_group *find_group(const struct lade_sources *sources, const char *base, bool any)
{
	for (unsigned i = sources->group_count; i > 0; i--) {
		if (sources->one_tree || strcmp(sources->groups[i - 1].base, base) == 0)
			return &sources->groups[i - 1];
		if (!any)
			break;
	}
	return NULL;
}

static int new_group(struct lade_sources *sources, const char *base, struct lade_source_group **group_out)
{
	struct lade_source_group *group, *groups;

	if (sources->group_count == GROUPS_MAX)
		return LADE_E_LIMIT;
	groups = lade_grown(sources->groups, sources->group_count, &sources->capacity, sizeof(*groups));
	if (!groups)
		return LADE_E_MEMORY;
	sources->groups = groups;
	group = &sources->groups[sources->group_count];
	*group = (struct lade_source_group){ .base = strdup(base) };
	if (!group->base || lade_selection_new(&group->selection)) {
		free(group->base);
		return LADE_E_MEMORY;
	}
	sources->group_count++;
	*group_out = group;
	return 0;
}

static int add(struct lade_sources *sources, const char *base, bool any, const char *path, unsigned what)
{
	struct lade_source_group *group = find_group(sources, base, any);
	int error = group ? 0 : new_group(sources, base, &group);

	if (!error && (what & LADE_SELECTED_WAY) && !group->on_way) {
		group->on_way = true;
		error = lade_selection_add(group->selection, "", 0, LADE_SELECTED_WAY);
	}
	return error ? error : lade_selection_add(group->selection, path, strlen(path), what & ~(unsigned)LADE_SELECTED_WAY);
}

/* ---- words ---- */

static bool is_dot(const char *part, size_t len)
{
	return len == 1 && part[0] == '.';
}

static bool is_dots(const char *part, size_t len)
{
	return len == 2 && part[0] == '.' && part[1] == '.';
}

/*
 * Write a path's components to out, which has room for it, without empty ones and dots. collapse: ".." takes away what is before it; else
 * LADE_E_USAGE. *content_out: it ends with a slash or a dot, or is empty.
 */
static int clean(const char *path, bool collapse, char *out, bool *content_out)
{
	char *end = out;
	bool content = true;

	while (*path) {
		size_t len = strcspn(path, "/");

		content = !len || is_dot(path, len) || is_dots(path, len) || path[len] == '/';
		if (is_dots(path, len)) {
			if (!collapse)
				return LADE_E_USAGE;
			while (end > out && *--end != '/')
				;
		} else if (len && !is_dot(path, len)) {
			if (end > out)
				*end++ = '/';
			memmove(end, path, len);
			end += len;
		}
		path += len + (path[len] == '/');
	}
	*end = '\0';
	*content_out = content;
	return 0;
}

static unsigned what_of(bool content)
{
	return content ? LADE_SELECTED_ITEM | LADE_SELECTED_CONTENT : LADE_SELECTED_ITEM;
}

/* Of the kept part of a path: one that begins with "./", as find(1) prints them, has a directory "." on its way. */
static unsigned way_of(const struct lade_sources *sources, const char *kept)
{
	return kept[0] == '.' && kept[1] == '/' && !sources->no_way ? LADE_SELECTED_WAY : 0;
}

/* Where the path begins that is kept: behind the first "/./", whose place is *cut_out, or at the front (NULL). */
static const char *kept_part(const char *written, const char **cut_out)
{
	const char *cut = strstr(written, "/./");

	*cut_out = cut;
	return cut ? cut + 3 : written;
}

/* Add what was written with its whole path. buffer has room for it. */
static int add_relative(struct lade_sources *sources, const char *written, char *buffer)
{
	const char *cut, *rest = kept_part(written, &cut);
	char *base = NULL;
	bool content;
	int error = clean(rest, false, buffer, &content);

	if (error)
		return error;
	if (cut)
		base = strndup(written, cut == written ? 1 : (size_t)(cut - written));
	else
		base = strdup(written[0] == '/' ? "/" : ".");
	if (!base)
		return LADE_E_MEMORY;
	error = add(sources, base, false, buffer, what_of(content) | (cut ? way_of(sources, rest) : 0));
	free(base);
	return error;
}

/* Add the last component of what was written, below the rest. */
static int add_last(struct lade_sources *sources, const char *written, bool any)
{
	const char *slash = strrchr(written, '/'), *name = slash ? slash + 1 : written;
	char *base;
	int error;

	if (!*name || is_dot(name, strlen(name)) || is_dots(name, strlen(name)))
		return add(sources, *written ? written : ".", any, "", what_of(true));
	base = !slash ? strdup(".") : strndup(written, slash == written ? 1 : (size_t)(slash - written));
	error = base ? add(sources, base, any, name, LADE_SELECTED_ITEM) : LADE_E_MEMORY;
	free(base);
	return error;
}

static int fail(struct lade_fault *fault, int error, const char *written)
{
	if (error == LADE_E_USAGE)
		return lade_fault_set(fault, error, "use '..' in a source whose path is kept (-R):", written);
	if (error == LADE_E_LIMIT)
		return lade_fault_set(fault, error, "take so many sources, or so many directories of sources; the first too many is", written);
	return lade_fault_set(fault, error, "take the source", written);
}

int lade_sources_add(struct lade_sources *sources, const char *written, struct lade_fault *fault)
{
	char *buffer;
	int error;

	if (!sources->relative) {
		error = add_last(sources, written, false);
		return error ? fail(fault, error, written) : 0;
	}
	buffer = malloc(strlen(written) + 1);
	error = buffer ? add_relative(sources, written, buffer) : LADE_E_MEMORY;
	free(buffer);
	return error ? fail(fault, error, written) : 0;
}

/* One name of a list. The directory, a slash and the name have room in buffer, and so has the name alone in rest. */
static int add_listed(struct lade_sources *sources, const char *directory, const char *name, char *buffer, char *rest)
{
	const char *cut, *kept = kept_part(name, &cut);
	size_t len = strlen(directory);
	bool content;
	char *end;
	int error = 0;

	memcpy(buffer, directory, len + 1);
	/* Whatever the name says, it stays below the directory. */
	if (sources->relative && cut) {
		char *before = strndup(name, (size_t)(cut - name));

		if (!before)
			return LADE_E_MEMORY;
		buffer[len] = '/';
		error = clean(before, true, buffer + len + 1, &content);
		free(before);
	}
	if (!error)
		error = clean(sources->relative ? kept : name, true, rest, &content);
	if (error)
		return error;
	if (sources->relative)
		return add(sources, buffer, true, rest, what_of(content) | way_of(sources, kept));
	buffer[len] = '/';
	end = stpcpy(buffer + len + 1, rest);
	if (content)
		stpcpy(end, "/");
	return add_last(sources, buffer, true);
}

int lade_sources_add_list(struct lade_sources *sources, const char *directory, const struct lade_source_list *list,
			  struct lade_fault *fault)
{
	const char *name = NULL;
	int error = 0;

	while (!error && (name = lade_source_list_next(list, name))) {
		size_t len = strlen(name), size = strlen(directory) + len + 3;
		char *buffer = len <= LADE_PATH_MAX ? malloc(size + len + 1) : NULL;

		if (buffer)
			error = add_listed(sources, *directory ? directory : ".", name, buffer, buffer + size);
		else
			error = len <= LADE_PATH_MAX ? LADE_E_MEMORY : LADE_E_LIMIT;
		free(buffer);
		if (error)
			fail(fault, error, name);
	}
	return error;
}

int lade_sources_take(struct lade_sources *sources, uint64_t options, char *const *written, unsigned count,
		      const struct lade_source_list *list, struct lade_fault *fault)
{
	int error = 0;

	sources->relative = options & LADE_OPTION_RELATIVE;
	sources->no_way = options & LADE_OPTION_NO_IMPLIED_DIRS;
	if (list)
		error = lade_sources_add_list(sources, written[0], list, fault);
	else
		for (unsigned i = 0; i < count && !error; i++)
			error = lade_sources_add(sources, written[i], fault);
	lade_sources_sort(sources);
	return error;
}
