/*
 * Parsing of rules: a name or a sign, modifiers, a space or an underscore, and then the pattern or the
 * file. What a file's rules begin with, and whether they have names at all, is said by the merge rule
 * that named it.
 *
 * A tree's files are read by whoever handles the tree, and may be made by anybody: their text appears in
 * no message, only their name and the line, and how deep they name each other is bounded. How they are read is in filter_parse_file.c.
 */
#include "agent/tree/filter_parse.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"

/* Files that name each other. */
#define DEPTH_MAX 8u

/* What rules have of the merge rule that named their file. */
#define INHERITED (LADE_RULE_ABSOLUTE | LADE_RULE_PERISHABLE | LADE_RULE_XATTR | LADE_RULE_SIDES)

/* What --cvs-exclude leaves out, as rsync(1) lists it. */
static const char cvs_default[] =
	"RCS SCCS CVS CVS.adm RCSLOG cvslog.* tags TAGS .make.state .nse_depinfo *~ #* .#* ,* _$* *$ *.old *.bak *.BAK "
	"*.orig *.rej .del-* *.a *.olb *.o *.obj *.so *.exe *.Z *.elc *.ln core .svn/ .git/ .hg/ .bzr/";

/* What a rule's name says; ended by "," or what separates it from its pattern. */
static const struct prefix {
	const char *name;
	char sign;
	unsigned flags;
	enum { PATTERN, MERGE, CLEAR } kind;
} prefixes[] = {
	{ "exclude", '-', 0, PATTERN },
	{ "include", '+', LADE_RULE_INCLUDE, PATTERN },
	{ "hide", 'H', LADE_RULE_SENDER, PATTERN },
	{ "show", 'S', LADE_RULE_SENDER | LADE_RULE_INCLUDE, PATTERN },
	{ "protect", 'P', LADE_RULE_RECEIVER, PATTERN },
	{ "risk", 'R', LADE_RULE_RECEIVER | LADE_RULE_INCLUDE, PATTERN },
	{ "merge", '.', 0, MERGE },
	{ "dir-merge", ':', LADE_RULE_DIR_MERGE, MERGE },
	{ "clear", '!', 0, CLEAR },
};

/* One rule while it is taken apart. */
struct taken {
	const struct prefix *prefix; /* NULL: none was looked for */
	unsigned flags;
	bool clear, cvs, exclude_self;
	const char *text; /* the pattern or the file */
	size_t len;
};

/* Text that is still to be read. */
struct cursor {
	const char *at, *end;
	const char *rule; /* where the rule at hand begins */
};

static int fail(const struct lade_filter_reading *reading, int code, const char *operation, const struct cursor *cursor,
		struct lade_fault *fault)
{
	char place[LADE_FAULT_SUBJECT_SIZE];

	if (!reading->origin)
		return lade_fault_set_bytes(fault, code, operation, cursor->rule, (size_t)(cursor->end - cursor->rule));
	snprintf(place, sizeof(place), "%.900s line %zu", reading->origin, reading->line);
	return lade_fault_set(fault, code, operation, place);
}

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* ---- a rule's name ---- */

static bool ends_name(const struct lade_filter_reading *reading, const struct cursor *cursor)
{
	return cursor->at == cursor->end || *cursor->at == ' ' || *cursor->at == '_' ||
	       ((reading->defaults & LADE_RULE_WORDS) && is_space(*cursor->at));
}

static const struct prefix *take_name(const struct lade_filter_reading *reading, struct cursor *cursor)
{
	size_t left = (size_t)(cursor->end - cursor->at);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i].name);
		struct cursor behind = { cursor->at + len, cursor->end, cursor->rule };

		if (left > 0 && *cursor->at == prefixes[i].sign) {
			cursor->at++;
		} else if (left >= len && memcmp(cursor->at, prefixes[i].name, len) == 0 &&
			   (ends_name(reading, &behind) || *behind.at == ',')) {
			*cursor = behind;
		} else {
			continue;
		}
		if (prefixes[i].kind != CLEAR && cursor->at < cursor->end && *cursor->at == ',')
			cursor->at++;
		return &prefixes[i];
	}
	return NULL;
}

/* The flag of a modifier that both kinds of rules have, or 0. */
static unsigned common_modifier(char modifier)
{
	switch (modifier) {
	case '/':
		return LADE_RULE_ABSOLUTE;
	case 'p':
		return LADE_RULE_PERISHABLE;
	case 'r':
		return LADE_RULE_RECEIVER;
	case 's':
		return LADE_RULE_SENDER;
	case 'x':
		return LADE_RULE_XATTR;
	default:
		return 0;
	}
}

static bool merge_modifier(struct taken *taken, char modifier)
{
	switch (modifier) {
	case '-':
	case '+':
		if (taken->flags & LADE_RULE_PLAIN)
			return false;
		taken->flags |= LADE_RULE_PLAIN | (modifier == '+' ? LADE_RULE_INCLUDE : 0);
		return true;
	case 'C':
		if (taken->flags & LADE_RULE_PLAIN)
			return false;
		taken->flags |= LADE_RULE_PLAIN | LADE_RULE_WORDS | LADE_RULE_NO_INHERIT | LADE_RULE_CVS;
		return true;
	case 'e':
		taken->exclude_self = true;
		return true;
	case 'n':
		taken->flags |= LADE_RULE_NO_INHERIT;
		return true;
	case 'w':
		taken->flags |= LADE_RULE_WORDS;
		return true;
	default:
		return false;
	}
}

/* A rule's modifier. False: it has no such. */
static bool take_modifier(struct taken *taken, char modifier)
{
	unsigned flag = common_modifier(modifier);
	/* A rule whose name says for which side it is has nothing to add. */
	unsigned fixed = taken->prefix->flags & LADE_RULE_SIDES;

	if ((flag & LADE_RULE_SIDES) && fixed)
		return false;
	/* Names of attributes have no directory. */
	if (flag == LADE_RULE_XATTR && (taken->prefix->flags & LADE_RULE_DIR_MERGE))
		return false;
	taken->flags |= flag;
	if (flag)
		return true;
	if (taken->prefix->kind == MERGE)
		return merge_modifier(taken, modifier);
	if (modifier == '!')
		taken->flags |= LADE_RULE_NEGATE;
	else if (modifier == 'C' && !fixed && !(taken->prefix->flags & LADE_RULE_INCLUDE))
		taken->cvs = true;
	else
		return false;
	return true;
}

/* The name of a rule, its modifiers, and what separates them from its text. */
static int take_prefix(const struct lade_filter_reading *reading, struct cursor *cursor, struct taken *taken,
		       struct lade_fault *fault)
{
	taken->prefix = take_name(reading, cursor);
	if (!taken->prefix)
		return fail(reading, LADE_E_USAGE, "understand the filter rule", cursor, fault);
	taken->flags |= taken->prefix->flags;
	taken->clear = taken->prefix->kind == CLEAR;
	while (!taken->clear && !ends_name(reading, cursor))
		if (!take_modifier(taken, *cursor->at++))
			return fail(reading, LADE_E_USAGE, "understand the modifiers of the filter rule", cursor, fault);
	if ((reading->defaults & LADE_RULE_SIDES) && (taken->flags & LADE_RULE_SIDES))
		return fail(reading, LADE_E_USAGE, "take another side than the merge rule says, by the filter rule", cursor,
			    fault);
	if (cursor->at < cursor->end && !taken->clear && (*cursor->at == ' ' || *cursor->at == '_'))
		cursor->at++;
	return 0;
}

/* The signs that --exclude and --include know. */
static void take_old_prefix(struct cursor *cursor, struct taken *taken)
{
	if (cursor->end - cursor->at < 2 || cursor->at[1] != ' ' || (cursor->at[0] != '+' && cursor->at[0] != '-'))
		return;
	taken->flags &= ~LADE_RULE_INCLUDE;
	taken->flags |= cursor->at[0] == '+' ? LADE_RULE_INCLUDE : 0;
	cursor->at += 2;
}

/* The pattern or the file: to the end, or of words to the next space. */
static void take_text(const struct lade_filter_reading *reading, struct cursor *cursor, struct taken *taken)
{
	taken->text = cursor->at;
	if (reading->defaults & LADE_RULE_WORDS)
		while (cursor->at < cursor->end && !is_space(*cursor->at))
			cursor->at++;
	else
		cursor->at = cursor->end;
	taken->len = (size_t)(cursor->at - taken->text);
}

static int take(const struct lade_filter_reading *reading, struct cursor *cursor, struct taken *taken,
		struct lade_fault *fault)
{
	bool plain = reading->defaults & LADE_RULE_PLAIN;
	int error = 0;

	*taken = (struct taken){ .flags = reading->defaults & (INHERITED & ~LADE_RULE_SIDES) };
	cursor->rule = cursor->at;
	if (reading->old || plain)
		taken->flags |= reading->defaults & LADE_RULE_INCLUDE;
	if (reading->old)
		take_old_prefix(cursor, taken);
	else if (!plain)
		error = take_prefix(reading, cursor, taken, fault);
	if (error)
		return error;
	taken->flags |= reading->defaults & LADE_RULE_SIDES;
	take_text(reading, cursor, taken);
	if (taken->clear && taken->len)
		return fail(reading, LADE_E_USAGE, "clear the list by a filter rule with something behind it:", cursor, fault);
	/* Elsewhere "!" with something behind it is a pattern. */
	if ((reading->old || (reading->defaults & LADE_RULE_CVS)) && taken->text == cursor->rule && taken->len == 1 &&
	    *taken->text == '!')
		taken->clear = true;
	return 0;
}

/* ---- what it means ---- */

static int add(struct lade_filter_reading *reading, const struct cursor *cursor, unsigned flags, const char *text, size_t len,
	       struct lade_fault *fault)
{
	const struct lade_filter_rule rule = {
		.text = (char *)(uintptr_t)text, .len = len, .flags = flags, .origin = reading->origin, .line = reading->line,
	};
	int error;

	if (memchr(text, '\0', len))
		return fail(reading, LADE_E_USAGE, "take a NUL in the filter rule", cursor, fault);
	error = lade_filter_list_add(reading->list, &rule);
	return error ? fail(reading, error, "use the filter rule", cursor, fault) : 0;
}

/* The list that -C stands for. Each part of it may clear it, and nothing before it. */
static int add_cvs(struct lade_filter_reading *reading, unsigned flags, struct lade_fault *fault)
{
	/* Whoever serves others has no part in what they leave out. */
	const char *home = reading->base ? NULL : getenv("HOME"), *words = reading->base ? NULL : getenv("CVSIGNORE");
	struct lade_filter_reading cvs = {
		.list = reading->list, .first = reading->list->count, .directory_fd = AT_FDCWD,
		.defaults = (flags & LADE_RULE_SIDES) | LADE_RULE_PLAIN | LADE_RULE_WORDS | LADE_RULE_CVS | LADE_RULE_PERISHABLE,
	};
	char path[4096];
	int error = lade_filter_parse_text(&cvs, cvs_default, strlen(cvs_default), fault);

	cvs.defaults &= ~LADE_RULE_PERISHABLE;
	if (!error && home && *home && (size_t)snprintf(path, sizeof(path), "%s/.cvsignore", home) < sizeof(path)) {
		error = lade_filter_parse_file(&cvs, path, path, fault);
		if (error == LADE_E_ABSENT || error == LADE_E_SYSTEM)
			error = 0; /* as in rsync: whoever has no home has no list there */
	}
	if (!error && words)
		error = lade_filter_parse_text(&cvs, words, strlen(words), fault);
	return error;
}

/* True if rules of this list name the file for each directory already: it is read where it was named first. */
static bool is_merged(const struct lade_filter_list *list, const char *text)
{
	const struct lade_filter_rule wanted = { .text = (char *)(uintptr_t)text };
	const char *file = lade_filter_rule_file(&wanted);

	for (size_t i = 0; i < list->count; i++)
		if ((list->rules[i].flags & LADE_RULE_DIR_MERGE) &&
		    strcmp(lade_filter_rule_file(&list->rules[i]), file) == 0)
			return true;
	return false;
}

static int merge_directories(struct lade_filter_reading *reading, const struct cursor *cursor, unsigned flags, const char *name,
			     struct lade_fault *fault)
{
	const struct lade_filter_rule rule = { .text = (char *)(uintptr_t)name };
	const char *file = lade_filter_rule_file(&rule);

	if (!*file || strcmp(file, ".") == 0 || strcmp(file, "..") == 0 || strlen(file) > LADE_NAME_MAX)
		return fail(reading, LADE_E_USAGE, "name a file of each directory by the filter rule", cursor, fault);
	if (is_merged(reading->list, name))
		return 0;
	return add(reading, cursor, flags, name, strlen(name), fault);
}

static int merge_once(struct lade_filter_reading *reading, const struct cursor *cursor, unsigned flags, const char *name,
		      struct lade_fault *fault)
{
	struct lade_filter_reading inner = *reading;
	int error;

	if (reading->depth == DEPTH_MAX)
		return fail(reading, LADE_E_LIMIT, "merge that many files into each other by the filter rule", cursor, fault);
	inner.defaults = flags;
	inner.old = false;
	inner.depth++;
	error = lade_filter_parse_file(&inner, name, name, fault);
	reading->cleared |= inner.cleared;
	/* The name is part of the text. */
	if (reading->tree && (error == LADE_E_ABSENT || error == LADE_E_SYSTEM))
		return fail(reading, LADE_E_USAGE, "read the file that is merged by the filter rule", cursor, fault);
	return error;
}

static int merge(struct lade_filter_reading *reading, const struct cursor *cursor, const struct taken *taken,
		 struct lade_fault *fault)
{
	bool each = taken->flags & LADE_RULE_DIR_MERGE;
	char *name = taken->len ? strndup(taken->text, taken->len) : strdup(".cvsignore");
	const struct lade_filter_rule rule = { .text = name };
	int error = 0;

	if (!name)
		return fail(reading, LADE_E_MEMORY, "use the filter rule", cursor, fault);
	if (strlen(name) > LADE_FILTER_PATTERN_MAX)
		error = fail(reading, LADE_E_LIMIT, "use the filter rule", cursor, fault);
	else if (taken->exclude_self && *lade_filter_rule_file(&rule))
		error = add(reading, cursor, 0, lade_filter_rule_file(&rule), strlen(lade_filter_rule_file(&rule)), fault);
	if (!error)
		error = each ? merge_directories(reading, cursor, taken->flags, name, fault) :
			merge_once(reading, cursor, taken->flags, name, fault);
	free(name);
	return error;
}

/* What a fixed rule wants to do and cannot, or NULL. */
static const char *beyond_fixed(const struct taken *taken)
{
	if ((taken->prefix && taken->prefix->kind == MERGE) || taken->cvs)
		return "read a file";
	if (taken->flags & LADE_RULE_XATTR)
		return "be about attributes";
	if (taken->flags & LADE_RULE_SIDES)
		return "be for one side alone";
	if (taken->flags & LADE_RULE_PERISHABLE)
		return "be perishable";
	return taken->flags & LADE_RULE_ABSOLUTE ? "be about absolute paths" : NULL;
}

static int refuse_beyond_fixed(const struct lade_filter_reading *reading, const struct cursor *cursor, const struct taken *taken,
			       struct lade_fault *fault)
{
	const struct cursor alone = { cursor->at, cursor->at, cursor->rule };
	const char *what = reading->fixed ? beyond_fixed(taken) : NULL;

	return what ? fail(reading, LADE_E_UNSUPPORTED, what, &alone, fault) : 0;
}

static int apply(struct lade_filter_reading *reading, const struct cursor *cursor, const struct taken *taken,
		 struct lade_fault *fault)
{
	bool merges = taken->prefix && taken->prefix->kind == MERGE;

	if (taken->clear) {
		lade_filter_list_clear(reading->list, reading->first);
		reading->cleared = true;
		return 0;
	}
	if (taken->cvs && !taken->len)
		return add_cvs(reading, taken->flags, fault);
	if (taken->cvs)
		return fail(reading, LADE_E_USAGE, "take a pattern for -C in the filter rule", cursor, fault);
	if (!taken->len && !(merges && (taken->flags & LADE_RULE_CVS)))
		return fail(reading, LADE_E_USAGE, "find a pattern or file in the filter rule", cursor, fault);
	/* What the name of an attribute is compared with is the command line's. */
	if (reading->tree && (taken->flags & LADE_RULE_XATTR))
		return fail(reading, LADE_E_USAGE, "filter attributes in one directory by the filter rule", cursor, fault);
	return merges ? merge(reading, cursor, taken, fault) :
		add(reading, cursor, taken->flags, taken->text, taken->len, fault);
}

static int parse_one(struct lade_filter_reading *reading, struct cursor *cursor, struct lade_fault *fault)
{
	struct taken taken;
	int error = take(reading, cursor, &taken, fault);

	if (!error)
		error = refuse_beyond_fixed(reading, cursor, &taken, fault);
	return error ? error : apply(reading, cursor, &taken, fault);
}

int lade_filter_parse_rule(struct lade_filter_reading *reading, const char *text, struct lade_fault *fault)
{
	struct cursor cursor = { text, text + strlen(text), text };

	return parse_one(reading, &cursor, fault);
}

/* ---- what a file holds ---- */

/* gitignore(5): a line of len bytes. */
static int parse_git_line(struct lade_filter_reading *reading, const char *line, size_t len, struct lade_fault *fault)
{
	unsigned flags = LADE_RULE_GIT | (reading->defaults & INHERITED);
	const struct cursor cursor = { line, line + len, line };

	while (len && line[len - 1] == ' ' && !(len > 1 && line[len - 2] == '\\'))
		len--;
	if (!len || line[0] == '#')
		return 0;
	if (line[0] == '!') {
		flags |= LADE_RULE_INCLUDE;
		line++;
		len--;
	}
	/* A slash alone matches nothing. */
	if (!len || (len == 1 && line[0] == '/'))
		return 0;
	return add(reading, &cursor, flags, line, len, fault);
}

static int parse_line(struct lade_filter_reading *reading, const char *line, size_t len, struct lade_fault *fault)
{
	struct cursor cursor = { line, line + len, line };

	reading->line++;
	if (reading->defaults & LADE_RULE_GIT)
		return parse_git_line(reading, line, len, fault);
	if (!len || line[0] == '#' || line[0] == ';')
		return 0;
	return parse_one(reading, &cursor, fault);
}

static int parse_lines(struct lade_filter_reading *reading, const char *text, size_t len, struct lade_fault *fault)
{
	const char *end = text + len, *at;
	int error = 0;

	/* git takes a byte order mark for nothing. */
	if ((reading->defaults & LADE_RULE_GIT) && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (!error && text < end) {
		if (reading->nul)
			at = memchr(text, '\0', (size_t)(end - text));
		else
			for (at = text; at < end && *at != '\n' && *at != '\r'; at++)
				;
		if (!at)
			at = end;
		error = parse_line(reading, text, (size_t)(at - text), fault);
		text = at + 1;
		/* The end of a line on other systems is one end. */
		if (!reading->nul && text < end && at[0] == '\r' && at[1] == '\n')
			text++;
	}
	return error;
}

int lade_filter_parse_text(struct lade_filter_reading *reading, const char *text, size_t len, struct lade_fault *fault)
{
	struct cursor cursor = { text, text + len, text };
	int error = 0;

	reading->line = 0;
	if (!(reading->defaults & LADE_RULE_WORDS))
		return parse_lines(reading, text, len, fault);
	reading->line = 1;
	while (!error) {
		for (; cursor.at < cursor.end && is_space(*cursor.at); cursor.at++)
			reading->line += *cursor.at == '\n';
		if (cursor.at == cursor.end)
			break;
		error = parse_one(reading, &cursor, fault);
	}
	return error;
}
