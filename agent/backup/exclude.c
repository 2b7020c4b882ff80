/*
 * In a filter the first rule that matches decides, so the patterns are added from the last to the first.
 */
#include "agent/backup/exclude.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"

/* A letter becomes a class of two: "[aA]". */
#define FOLDED_LEN 4u

void lade_excludes_fini(struct lade_excludes *excludes)
{
	for (size_t i = 0; i < excludes->count; i++)
		free(excludes->items[i].pattern);
	free(excludes->items);
	*excludes = (struct lade_excludes){ 0 };
}

int lade_excludes_add(struct lade_excludes *excludes, const char *pattern, bool fold)
{
	struct lade_exclude *items = lade_grown(excludes->items, excludes->count, &excludes->capacity, sizeof(*items));

	if (!items)
		return LADE_E_MEMORY;
	excludes->items = items;
	items[excludes->count] = (struct lade_exclude){ .pattern = strdup(pattern), .fold = fold };
	if (!items[excludes->count].pattern)
		return LADE_E_MEMORY;
	excludes->count++;
	return 0;
}

/* A line without the blanks around it. */
static char *trimmed(char *line)
{
	size_t len;

	while (*line == ' ' || *line == '\t')
		line++;
	len = strlen(line);
	while (len && strchr(" \t\r\n", line[len - 1]))
		line[--len] = '\0';
	return line;
}

static int add_lines(struct lade_excludes *excludes, FILE *file, const char *path, bool fold, struct lade_fault *fault)
{
	char *line = NULL;
	size_t size = 0;
	int error = 0;

	while (!error && getline(&line, &size, file) >= 0) {
		const char *pattern = trimmed(line);

		if (*pattern && *pattern != '#' && lade_excludes_add(excludes, pattern, fold))
			error = lade_fault_set(fault, LADE_E_MEMORY, "read", path);
	}
	if (!error && ferror(file))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "read", path);
	free(line);
	return error;
}

int lade_excludes_add_file(struct lade_excludes *excludes, const char *path, bool fold, struct lade_fault *fault)
{
	FILE *file = fopen(path, "re");
	int error;

	if (!file)
		return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, "read", path);
	error = add_lines(excludes, file, path, fold, fault);
	(void)fclose(file);
	return error;
}

/* Write one byte of a pattern so that it matches in both cases. in_class: it stands in brackets. Returns where it ends. */
static char *fold_byte(char *out, char byte, bool in_class)
{
	if (!isalpha((unsigned char)byte)) {
		*out++ = byte;
		return out;
	}
	if (!in_class)
		*out++ = '[';
	*out++ = (char)tolower((unsigned char)byte);
	*out++ = (char)toupper((unsigned char)byte);
	if (!in_class)
		*out++ = ']';
	return out;
}

/* True if a range goes on behind the byte at, or ends there: such letters cannot be doubled. */
static bool in_range(const char *pattern, const char *at)
{
	return (at[1] == '-' && at[2] && at[2] != ']') || (at > pattern + 1 && at[-1] == '-' && at[-2] != '[');
}

/*
 * A pattern that matches in both cases: letters become classes. In brackets they are doubled; a range, and the name of a class, stay as they are. The caller frees it. NULL: no
 * memory.
 */
static char *fold(const char *pattern)
{
	char *folded = malloc(strlen(pattern) * FOLDED_LEN + 1), *out = folded;
	bool in_class = false;

	if (!folded)
		return NULL;
	for (const char *at = pattern; *at; at++) {
		if (*at == '\\' && at[1]) {
			*out++ = *at++;
			*out++ = *at;
		} else if (in_class && (*at == '[' || in_range(pattern, at))) {
			/* "[:alpha:]" is copied as a whole. */
			const char *end = *at == '[' && at[1] == ':' ? strstr(at, ":]") : NULL;

			for (; end && at < end + 1; at++)
				*out++ = *at;
			*out++ = *at;
		} else {
			if (*at == '[')
				in_class = true;
			else if (*at == ']')
				in_class = false;
			out = fold_byte(out, *at, in_class);
		}
	}
	*out = '\0';
	return folded;
}

/* A rule of the filter may say itself what it is, by "+ " or "- " at its beginning; a pattern here begins with what a name begins with. */
static int add_rule(struct lade_filter *filter, bool include, const char *pattern, struct lade_fault *fault)
{
	char *rule;
	int error;

	if ((pattern[0] != '+' && pattern[0] != '-') || pattern[1] != ' ')
		return lade_filter_add(filter, include, pattern, fault);
	if (asprintf(&rule, "[%c]%s", pattern[0], pattern + 1) < 0)
		return lade_fault_set(fault, LADE_E_MEMORY, "exclude", pattern);
	error = lade_filter_add(filter, include, rule, fault);
	free(rule);
	return error;
}

static int apply(const struct lade_exclude *exclude, struct lade_filter *filter, struct lade_fault *fault)
{
	const bool include = exclude->pattern[0] == '!';
	const char *pattern = exclude->pattern + include;
	char *folded;
	int error;

	if (!exclude->fold)
		return add_rule(filter, include, pattern, fault);
	folded = fold(pattern);
	if (!folded)
		return lade_fault_set(fault, LADE_E_MEMORY, "exclude", pattern);
	error = add_rule(filter, include, folded, fault);
	free(folded);
	return error;
}

int lade_excludes_apply(const struct lade_excludes *excludes, struct lade_filter *filter, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = excludes->count; i > 0 && !error; i--)
		error = apply(&excludes->items[i - 1], filter, fault);
	return error;
}
