/*
 * The walk over a command line. Arguments are borrowed and never changed. The order of
 * uses is the order of the command line: later options override earlier ones because
 * they are applied later.
 */
#include "agent/option_walk.h"

#include <stdio.h>
#include <string.h>

#include "protocol/exit_status.h"


/* Where the walk stands. */
struct position {
	const struct lade_option_walk *walk;
	int argc;
	char *const *argv;
	int next; /* the argument to look at next */
	struct lade_complaint *complaint;
};

static bool same_name(const char *name, const char *text, size_t text_len)
{
	return name && strlen(name) == text_len && memcmp(name, text, text_len) == 0;
}

static const struct lade_option_row *find_long(const struct lade_option_walk *walk,
					       const char *text, size_t text_len)
{
	for (size_t i = 0; i < walk->row_count; i++) {
		const struct lade_option_row *row = &walk->rows[i];

		if (same_name(row->name, text, text_len) || same_name(row->alias, text, text_len))
			return row;
	}
	return NULL;
}

static const struct lade_option_row *find_letter(const struct lade_option_walk *walk, char letter)
{
	for (size_t i = 0; i < walk->row_count; i++) {
		if (walk->rows[i].letter == letter)
			return &walk->rows[i];
	}
	return NULL;
}

/* The row of --no-TEXT; TEXT is a long name or a letter. */
static const struct lade_option_row *find_negated(const struct lade_option_walk *walk,
						  const char *text, size_t text_len)
{
	const struct lade_option_row *row = find_long(walk, text, text_len);

	if (!row && text_len == 1)
		row = find_letter(walk, text[0]);
	return row && row->negatable ? row : NULL;
}

static int unknown(const struct position *at, const char *spelled)
{
	return lade_complain(at->complaint, LADE_EXIT_USAGE, "unknown option '%s'; %s", spelled,
			     at->walk->hint);
}

/* Apply a use whose value, if it needs one that is not attached, is the next argument. */
static int apply(struct position *at, struct lade_option_use *use)
{
	const struct lade_option_walk *walk = at->walk;

	if (use->row->refused && !use->on)
		return 0;
	if (use->row->refused)
		return lade_complain(at->complaint, LADE_EXIT_USAGE, "option '%s': %s; %s",
				     use->spelled, use->row->refused, walk->hint);
	if (use->row->value && use->on && !use->value) {
		if (at->next >= at->argc)
			return lade_complain(at->complaint, LADE_EXIT_USAGE,
					     "option '%s' needs a value (%s); %s", use->spelled,
					     use->row->value, walk->hint);
		use->value = at->argv[at->next++];
	}
	return walk->apply(walk->context, use, at->complaint);
}

static int walk_long(struct position *at, const char *argument)
{
	const char *name = argument + 2, *equals = strchr(name, '=');
	size_t name_len = equals ? (size_t)(equals - name) : strlen(name);
	struct lade_option_use use = { .on = true, .value = equals ? equals + 1 : NULL };

	snprintf(use.spelled, sizeof(use.spelled), "--%.*s", (int)(name_len < 60 ? name_len : 60),
		 name);
	use.row = find_long(at->walk, name, name_len);
	if (!use.row && name_len > 3 && memcmp(name, "no-", 3) == 0) {
		use.row = find_negated(at->walk, name + 3, name_len - 3);
		use.on = false;
	}
	if (!use.row)
		return unknown(at, use.spelled);
	if (equals && !use.row->refused && (!use.row->value || !use.on))
		return lade_complain(at->complaint, LADE_EXIT_USAGE,
				     "option '%s' takes no value; %s", use.spelled, at->walk->hint);
	return apply(at, &use);
}

static int walk_letters(struct position *at, const char *argument)
{
	for (const char *letter = argument + 1; *letter; letter++) {
		struct lade_option_use use = { .on = true };
		bool last = false;
		int result;

		snprintf(use.spelled, sizeof(use.spelled), "-%c", *letter);
		use.row = find_letter(at->walk, *letter);
		if (!use.row)
			return unknown(at, use.spelled);
		if (use.row->value) {
			last = true;
			if (letter[1])
				use.value = letter + (letter[1] == '=' ? 2 : 1);
		}
		result = apply(at, &use);
		if (result || last)
			return result;
	}
	return 0;
}

static int walk_plain(struct position *at, const char *argument)
{
	struct lade_option_use use = { .on = true, .value = argument };

	return at->walk->apply(at->walk->context, &use, at->complaint);
}

int lade_option_walk(const struct lade_option_walk *walk, int argc, char *const argv[],
		     struct lade_complaint *complaint)
{
	struct position at = { .walk = walk, .argc = argc, .argv = argv, .complaint = complaint };
	bool options = true;
	int result = 0;

	while (result == 0 && at.next < argc) {
		const char *argument = argv[at.next++];

		if (options && strcmp(argument, "--") == 0)
			options = false;
		else if (options && argument[0] == '-' && argument[1] == '-')
			result = walk_long(&at, argument);
		else if (options && argument[0] == '-' && argument[1])
			result = walk_letters(&at, argument);
		else
			result = walk_plain(&at, argument);
	}
	return result;
}
