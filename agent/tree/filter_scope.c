/*
 * A stack of frames, one for each directory that was entered, and below them one for each directory above
 * the tree in which files are looked for (": /.rsync-filter"). A frame has a list of rules for each file
 * that is merged; which those are is one row, which grows where a file names another.
 *
 * The rule that names a file is the place of its rules: the innermost directory's first, then those it inherits.
 */
#include "agent/tree/filter_scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/filter_internal.h"
#include "agent/tree/filter_parse.h"
#include "protocol/grow.h"
#include "protocol/limits.h"

/* The rules of one file in one directory. */
struct merged {
	struct lade_filter_list list;
	bool cleared; /* nothing is inherited */
};

struct frame {
	struct merged *lists; /* for each merge, list_count of them */
	size_t list_count;
	size_t merges_before; /* how many merges there were above */
	size_t base_len;      /* of the directory's path: in the transfer, or if it is above that, the absolute one */
	bool above;
};

struct lade_filter_scope {
	const struct lade_filter *filter;
	struct lade_filter_use use;
	struct frame *frames;
	size_t depth, capacity;
	const struct lade_filter_rule *merges[LADE_FILTER_MERGES_MAX]; /* of DIR_MERGE, whether they count on this side or not */
	size_t merge_count;
	size_t bytes;   /* of all lists */
	char *top;      /* absolute path of the directory of the transfer's top, without a slash at the end; NULL: unknown */
	size_t skip;    /* bytes of paths that are not below it */
	char *absolute; /* the path that is looked at, made when it is needed first */
	size_t absolute_size;
	bool absolute_made;
	bool too_many;  /* the filter names more files than there is room for */
};

/* What is looked at. */
struct question {
	const char *path;
	size_t path_len, name_off;
	bool is_directory;
};

/* ---- merges ---- */

static bool is_merged(const struct lade_filter_scope *scope, const struct lade_filter_rule *rule)
{
	for (size_t i = 0; i < scope->merge_count; i++)
		if (strcmp(lade_filter_rule_file(scope->merges[i]), lade_filter_rule_file(rule)) == 0)
			return true;
	return false;
}

/* Take up the files that list names. False: there are too many. */
static bool add_merges(struct lade_filter_scope *scope, const struct lade_filter_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct lade_filter_rule *rule = &list->rules[i];

		if (!(rule->flags & LADE_RULE_DIR_MERGE) || is_merged(scope, rule))
			continue;
		if (scope->merge_count == LADE_FILTER_MERGES_MAX)
			return false;
		scope->merges[scope->merge_count++] = rule;
	}
	return true;
}

int lade_filter_scope_new(const struct lade_filter *filter, const struct lade_filter_use *use,
			  struct lade_filter_scope **scope_out)
{
	struct lade_filter_scope *scope = calloc(1, sizeof(*scope));

	if (!scope)
		return LADE_E_MEMORY;
	scope->filter = filter;
	scope->use = *use;
	scope->too_many = !add_merges(scope, &filter->list);
	*scope_out = scope;
	return 0;
}

static void pop(struct lade_filter_scope *scope)
{
	struct frame *frame = &scope->frames[--scope->depth];

	for (size_t i = 0; i < frame->list_count; i++) {
		scope->bytes -= frame->lists[i].list.bytes;
		lade_filter_list_fini(&frame->lists[i].list);
	}
	free(frame->lists);
	scope->merge_count = frame->merges_before;
}

void lade_filter_scope_free(struct lade_filter_scope *scope)
{
	if (!scope)
		return;
	while (scope->depth)
		pop(scope);
	free(scope->frames);
	free(scope->top);
	free(scope->absolute);
	free(scope);
}

/* ---- where it is ---- */

/* The absolute path of an open directory, without a slash at the end; to a client its base is the root. NULL: that is not to be found out. */
static char *top_of(const struct lade_base *base, int fd)
{
	char link[64], path[4097], *below, *top = NULL;
	ssize_t len;

	if (base) {
		below = lade_place_of(base, fd);
		if (below && asprintf(&top, "%s%s", *below ? "/" : "", below) < 0)
			top = NULL;
		free(below);
		return top;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	if (len <= 0 || (size_t)len == sizeof(path) || path[0] != '/')
		return NULL;
	return strndup(len == 1 ? "" : path, (size_t)len);
}

void lade_filter_scope_begin(struct lade_filter_scope *scope, int fd, size_t prefix_len)
{
	if (scope->depth)
		return;
	free(scope->top);
	scope->top = top_of(scope->use.base, fd);
	scope->skip = prefix_len;
}

/* The absolute path of path, or NULL. */
static const char *absolute_of(struct lade_filter_scope *scope, const char *path)
{
	size_t need, top_len;
	char *grown;

	if (!scope->top || strlen(path) < scope->skip)
		return NULL;
	path += scope->skip;
	path += *path == '/';
	top_len = strlen(scope->top);
	need = top_len + 1 + strlen(path) + 1;
	if (need > scope->absolute_size) {
		grown = realloc(scope->absolute, 2 * need);
		if (!grown)
			return NULL;
		scope->absolute = grown;
		scope->absolute_size = 2 * need;
	}
	snprintf(scope->absolute, scope->absolute_size, "%s%s%s", scope->top, *path ? "/" : "", path);
	return scope->absolute;
}

/* ---- entering ---- */

static struct frame *push(struct lade_filter_scope *scope, size_t base_len, bool above)
{
	struct frame *frames = lade_grown(scope->frames, scope->depth, &scope->capacity, sizeof(*frames));

	if (!frames)
		return NULL;
	scope->frames = frames;
	scope->frames[scope->depth] = (struct frame){
		.merges_before = scope->merge_count, .base_len = base_len, .above = above,
	};
	return &scope->frames[scope->depth++];
}

/* True if no rule of the merge's file could count. */
static bool is_idle(const struct lade_filter_scope *scope, const struct lade_filter_rule *merge)
{
	/* Without names of their own its rules have the sides that the merge has. */
	bool fixed = merge->flags & (LADE_RULE_SIDES | LADE_RULE_PLAIN | LADE_RULE_GIT);

	return fixed && !lade_filter_rule_counts(merge->flags, &scope->use);
}

/* Read one merge's file in a directory, if it is there. shown is the directory's path for people. */
static int read_merge(struct lade_filter_scope *scope, struct merged *merged, const struct lade_filter_rule *merge, int fd,
		      const char *shown, struct lade_fault *fault)
{
	struct lade_filter_reading reading = {
		.list = &merged->list, .defaults = merge->flags, .tree = true, .directory_fd = fd, .base = scope->use.base,
	};
	const char *file = lade_filter_rule_file(merge);
	char *path = NULL;
	int error;

	merged->list.bytes_max = LADE_RULES_MAX - scope->bytes;
	if (!scope->use.base && faccessat(fd, file, F_OK, 0) && errno == ENOENT)
		return 0;
	if (asprintf(&path, "%s%s%s", shown, *shown && strcmp(shown, "/") ? "/" : "", file) < 0)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", file);
	error = lade_filter_parse_file(&reading, file, path, fault);
	free(path);
	scope->bytes += merged->list.bytes;
	merged->cleared = reading.cleared;
	if (error == LADE_E_ABSENT)
		return 0;
	if (!error && !add_merges(scope, &merged->list))
		return lade_fault_set(fault, LADE_E_LIMIT, "look for more files of rules in each directory than there may be, named in",
				      shown);
	return error;
}

/* Read the files of a directory, those that they name too. */
static int read_merges(struct lade_filter_scope *scope, int fd, const char *shown, struct lade_fault *fault)
{
	struct frame *frame = &scope->frames[scope->depth - 1];
	int error = 0;

	frame->lists = calloc(LADE_FILTER_MERGES_MAX, sizeof(*frame->lists));
	if (!frame->lists)
		return lade_fault_set(fault, LADE_E_MEMORY, "read the rules of", shown);
	for (size_t i = 0; i < scope->merge_count && !error; i++) {
		frame->list_count = i + 1;
		if (!is_idle(scope, scope->merges[i]))
			error = read_merge(scope, &frame->lists[i], scope->merges[i], fd, shown, fault);
	}
	return error;
}

/*
 * The directories above the tree: a file that is named with a path is looked for from there on.
 */

/* Cut what a path says of a directory, absolute or relative to base, to an absolute one without "." and "..". The caller frees it. */
static char *clean_path(const char *base, const char *path, size_t len)
{
	char *joined = NULL, *clean, *at, *save = NULL;
	size_t used = 0;

	if (asprintf(&joined, "%s/%.*s", path[0] == '/' ? "" : base, (int)len, path) < 0)
		return NULL;
	clean = calloc(1, strlen(joined) + 2);
	for (at = strtok_r(joined, "/", &save); at && clean; at = strtok_r(NULL, "/", &save)) {
		if (strcmp(at, ".") == 0)
			continue;
		if (strcmp(at, "..") == 0) {
			while (used && clean[--used] != '/')
				;
		} else {
			clean[used++] = '/';
			memcpy(clean + used, at, strlen(at));
			used += strlen(at);
		}
		clean[used] = '\0';
	}
	free(joined);
	return clean;
}

/* True if directory ("" for the root) is above or is the one of path, path_len bytes. */
static bool is_within(const char *directory, const char *path, size_t path_len)
{
	size_t len = strlen(directory);

	return len <= path_len && memcmp(directory, path, len) == 0 && (len == path_len || path[len] == '/');
}

/* Read the merge's file in the directories above, which are absolute[0..len), from its own start on. */
static int read_above_one(struct lade_filter_scope *scope, const char *absolute, size_t len, struct merged *merged,
			  const struct lade_filter_rule *merge, struct lade_fault *fault)
{
	const char *file = lade_filter_rule_file(merge);
	char *start = file == merge->text ? NULL : clean_path(absolute, merge->text, (size_t)(file - merge->text));
	char *directory = NULL;
	int fd, error = 0;

	/* Its name alone is looked for in the tree only, and so is one whose path does not lead above. */
	if (!start || strlen(start) > len || !is_within(start, absolute, len) || is_idle(scope, merge))
		goto out;
	directory = len ? strndup(absolute, len) : strdup("/");
	fd = directory ? lade_place_open(scope->use.base, directory, O_PATH | O_DIRECTORY) : -1;
	if (fd < 0)
		goto out;
	error = read_merge(scope, merged, merge, fd, directory, fault);
	close(fd);
out:
	free(start);
	free(directory);
	return error;
}

/* One directory above, len bytes of absolute, which is that of the tree. */
static int enter_above(struct lade_filter_scope *scope, const char *absolute, size_t len, struct lade_fault *fault)
{
	struct frame *frame = push(scope, len, true);
	int error = 0;

	if (!frame)
		return lade_fault_set(fault, LADE_E_MEMORY, "read the rules above", absolute);
	frame->lists = calloc(LADE_FILTER_MERGES_MAX, sizeof(*frame->lists));
	if (!frame->lists)
		return lade_fault_set(fault, LADE_E_MEMORY, "read the rules above", absolute);
	for (size_t i = 0; i < scope->merge_count && !error; i++) {
		frame->list_count = i + 1;
		error = read_above_one(scope, absolute, len, &frame->lists[i], scope->merges[i], fault);
	}
	return error;
}

static bool looks_above(const struct lade_filter_scope *scope)
{
	for (size_t i = 0; i < scope->merge_count; i++)
		if (strchr(scope->merges[i]->text, '/'))
			return true;
	return false;
}

static int enter_all_above(struct lade_filter_scope *scope, const char *path, struct lade_fault *fault)
{
	const char *absolute = looks_above(scope) ? absolute_of(scope, path) : NULL;
	char *copy = absolute ? strdup(absolute) : NULL;
	size_t len = 0;
	int error = 0;

	while (copy && !error && copy[len] == '/') {
		error = enter_above(scope, copy, len, fault);
		len += 1 + strcspn(copy + len + 1, "/");
	}
	free(copy);
	return error;
}

int lade_filter_scope_enter(struct lade_filter_scope *scope, int fd, const char *path, struct lade_fault *fault)
{
	int error = 0;

	if (scope->too_many)
		error = lade_fault_set(fault, LADE_E_LIMIT, "look for so many files of rules in each directory; skip", path);
	if (!error && scope->depth == 0 && scope->merge_count)
		error = enter_all_above(scope, path, fault);
	if (!push(scope, strlen(path), false))
		return lade_fault_set(fault, LADE_E_MEMORY, "enter directory", path);
	if (error || fd < 0 || !scope->merge_count)
		return error;
	return read_merges(scope, fd, path, fault);
}

void lade_filter_scope_leave(struct lade_filter_scope *scope)
{
	if (scope->depth)
		pop(scope);
	while (scope->depth && scope->frames[scope->depth - 1].above)
		pop(scope);
}

/* ---- asking ---- */

/* Where the last component of path begins. */
static size_t name_off_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash + 1 - path) : 0;
}

/* True if the pattern matches what it is to be compared with; *known: what that is, is known. */
static bool pattern_matches(struct lade_filter_scope *scope, const struct lade_filter_rule *rule, const struct frame *frame,
			    const struct question *question, bool *known)
{
	const char *path = question->path;
	bool absolute = (rule->flags & LADE_RULE_ABSOLUTE) && lade_filter_pattern_takes_path(rule->pattern);
	bool relative = frame && !absolute && lade_filter_pattern_anchored(rule->pattern);

	*known = true;
	if (absolute || (relative && frame->above)) {
		if (!scope->absolute_made)
			scope->absolute_made = absolute_of(scope, path) != NULL;
		*known = scope->absolute_made;
		if (!*known)
			return false;
		path = scope->absolute + 1 + (relative ? frame->base_len : 0);
	} else if (relative && frame->base_len) {
		path += frame->base_len + 1;
	} else {
		return lade_filter_pattern_matches(rule->pattern, path, question->path_len, question->name_off,
						   question->is_directory);
	}
	return lade_filter_pattern_matches(rule->pattern, path, strlen(path), name_off_of(path), question->is_directory);
}

static const struct lade_filter_rule *find(struct lade_filter_scope *scope, const struct lade_filter_list *list,
					   const struct frame *frame, const struct question *question, unsigned *number_out);

/* The rule of merge's files that decides, or NULL. */
static const struct lade_filter_rule *find_merged(struct lade_filter_scope *scope, const struct lade_filter_rule *merge,
						  const struct question *question, unsigned *number_out)
{
	const struct lade_filter_rule *rule = NULL;
	size_t number = 0;

	while (number < scope->merge_count && scope->merges[number] != merge)
		number++;
	if (number == scope->merge_count)
		return NULL;
	for (size_t i = scope->depth; i > 0 && !rule; i--) {
		const struct frame *frame = &scope->frames[i - 1];

		if (number < frame->list_count)
			rule = find(scope, &frame->lists[number].list, frame, question, number_out);
		if ((number < frame->list_count && frame->lists[number].cleared) || (merge->flags & LADE_RULE_NO_INHERIT))
			break;
	}
	return rule;
}

/* The rule of list, which is of the frame's directory, that decides, or NULL. Of git's the last one does. */
static const struct lade_filter_rule *find(struct lade_filter_scope *scope, const struct lade_filter_list *list,
					   const struct frame *frame, const struct question *question, unsigned *number_out)
{
	bool git = list->count && (list->rules[0].flags & LADE_RULE_GIT) && !(list->rules[0].flags & LADE_RULE_DIR_MERGE);

	for (size_t n = 0; n < list->count; n++) {
		size_t i = git ? list->count - 1 - n : n;
		const struct lade_filter_rule *rule = &list->rules[i];
		bool known, matches;

		if (rule->flags & LADE_RULE_DIR_MERGE) {
			const struct lade_filter_rule *merged = find_merged(scope, rule, question, number_out);

			if (merged)
				return merged;
			continue;
		}
		if ((rule->flags & LADE_RULE_XATTR) || !lade_filter_rule_counts(rule->flags, &scope->use))
			continue;
		matches = pattern_matches(scope, rule, frame, question, &known);
		*number_out = (unsigned)i + 1;
		if (known && matches != !!(rule->flags & LADE_RULE_NEGATE))
			return rule;
	}
	return NULL;
}

bool lade_filter_scope_excludes(struct lade_filter_scope *scope, const char *path, bool is_directory,
				struct lade_filter_decision *decision_out)
{
	const struct question question = { path, strlen(path), name_off_of(path), is_directory };
	const struct lade_filter_rule *rule;
	unsigned number = 0;
	bool excluded;

	scope->absolute_made = false;
	rule = find(scope, &scope->filter->list, NULL, &question, &number);
	excluded = rule && !(rule->flags & LADE_RULE_INCLUDE);
	if (decision_out)
		*decision_out = (struct lade_filter_decision){
			.excluded = excluded, .number = rule ? number : 0, .text = rule ? rule->text : NULL,
			.origin = rule ? rule->origin : NULL, .line = rule ? rule->line : 0,
			.negated = rule && (rule->flags & LADE_RULE_NEGATE),
		};
	return excluded;
}
