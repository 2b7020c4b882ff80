/*
 * Categories by table: a name, what it tells, and the number of -v that turns each level on.
 */
#include "agent/verbosity.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/exit_status.h"

#define LEVELS_MAX 2u
#define NEVER UINT8_MAX

struct category {
	const char *name, *text;
	uint8_t needs[LEVELS_MAX]; /* how often -v must be given for level 1, 2; NEVER */
};

static const struct category infos[LADE_INFO_COUNT] = {
	[LADE_INFO_BACKUP] = { "BACKUP", "files that are kept as backups", { 2, NEVER } },
	[LADE_INFO_COPY] = { "COPY", "files copied from elsewhere on the receiver's host", { 1, NEVER } },
	[LADE_INFO_DEL] = { "DEL", "what is deleted at the destination", { 1, NEVER } },
	[LADE_INFO_FLIST] = { "FLIST", "the beginning of the scan", { 1, NEVER } },
	[LADE_INFO_MISC] = { "MISC", "what belongs nowhere else", { 1, 2 } },
	[LADE_INFO_MOUNT] = { "MOUNT", "mount points that are left out", { 2, NEVER } },
	[LADE_INFO_NAME] = { "NAME", "1: names of what changes, 2: of what is up to date too", { 1, 2 } },
	[LADE_INFO_NONREG] = { "NONREG", "links and special files that are left out (0 silences it)", { 0, NEVER } },
	[LADE_INFO_PROGRESS] = { "PROGRESS", "1: a line for each file, 2: one for the whole", { NEVER, NEVER } },
	[LADE_INFO_REMOVE] = { "REMOVE", "what is removed at the source", { 2, NEVER } },
	[LADE_INFO_SKIP] = { "SKIP", "1: files that an option leaves as they are, 2: and how they differ", { 2, NEVER } },
	[LADE_INFO_STATS] = { "STATS", "1: two lines at the end, 2: all sums", { 1, NEVER } },
	[LADE_INFO_SYMSAFE] = { "SYMSAFE", "symlinks that are not safe, and so copied", { 1, NEVER } },
};

static const struct category debugs[LADE_DEBUG_COUNT] = {
	[LADE_DEBUG_DELTASUM] = { "DELTASUM", "whether files are described, and what that saved", { 2, NEVER } },
	[LADE_DEBUG_FILTER] = { "FILTER", "what the rules hide, and which", { 2, NEVER } },
};

/* The notes of a category. */
static const struct {
	enum lade_info info;
	enum lade_topic topic;
} topics[] = {
	{ LADE_INFO_NONREG, LADE_TOPIC_NONREG }, { LADE_INFO_NAME, LADE_TOPIC_NAME },
	{ LADE_INFO_SKIP, LADE_TOPIC_SKIP }, { LADE_INFO_BACKUP, LADE_TOPIC_BACKUP },
	{ LADE_INFO_COPY, LADE_TOPIC_COPY }, { LADE_INFO_MOUNT, LADE_TOPIC_MOUNT },
	{ LADE_INFO_REMOVE, LADE_TOPIC_REMOVE }, { LADE_INFO_SYMSAFE, LADE_TOPIC_SYMSAFE },
	{ LADE_INFO_MISC, LADE_TOPIC_MISC }, { LADE_INFO_NAME, LADE_TOPIC_UNSAFE },
};

/* One word of a value: its name and level. */
struct word {
	const char *name;
	size_t len;
	uint8_t level;
};

/* Take the next word of *value, which is moved behind it. */
static struct word take_word(const char **value)
{
	struct word word = { *value, strcspn(*value, ","), 1 };
	size_t digits = 0;

	*value += word.len + ((*value)[word.len] == ',');
	while (digits < word.len && isdigit((unsigned char)word.name[word.len - 1 - digits]))
		digits++;
	word.len -= digits;
	if (digits) {
		const char *digit = word.name + word.len;

		/* Levels above the last are the last. */
		word.level = digits == 1 && *digit - '0' <= (int)LEVELS_MAX ? (uint8_t)(*digit - '0') : LEVELS_MAX;
	}
	return word;
}

static bool is(const struct word *word, const char *name)
{
	return strlen(name) == word->len && strncasecmp(name, word->name, word->len) == 0;
}

static void set(struct lade_level *level, unsigned value)
{
	*level = (struct lade_level){ (uint8_t)value, true };
}

/* Apply a word to the categories. False: there is none of that name. */
static bool apply(const struct word *word, const struct category *categories, size_t count, struct lade_level *levels)
{
	bool all = is(word, "ALL"), none = is(word, "NONE"), found = all || none;

	for (size_t i = 0; i < count; i++) {
		bool here = is(word, categories[i].name);

		if (all || none || here)
			set(&levels[i], none ? 0 : word->level);
		found = found || here;
	}
	return found;
}

static int take(const char *option, const char *value, const struct category *categories, size_t count,
		struct lade_level *levels, bool *help, struct lade_complaint *complaint)
{
	while (*value) {
		struct word word = take_word(&value);

		if (is(&word, "HELP"))
			*help = true;
		else if (word.len && !apply(&word, categories, count, levels))
			return lade_complain(complaint, LADE_EXIT_USAGE, "%s: there is no '%.*s'; %s=help lists what there is",
					     option, (int)word.len, word.name, option);
	}
	return 0;
}

int lade_verbosity_info(struct lade_verbosity *verbosity, const char *value, struct lade_complaint *complaint)
{
	return take("--info", value, infos, LADE_INFO_COUNT, verbosity->info, &verbosity->info_help, complaint);
}

int lade_verbosity_debug(struct lade_verbosity *verbosity, const char *value, struct lade_complaint *complaint)
{
	return take("--debug", value, debugs, LADE_DEBUG_COUNT, verbosity->debug, &verbosity->debug_help, complaint);
}

void lade_verbosity_imply(struct lade_verbosity *verbosity, enum lade_info info, unsigned level)
{
	struct lade_level *at = &verbosity->info[info];

	if (!at->named && at->level < level)
		at->level = (uint8_t)level;
}

/* The level that -v, verbose times, gives a category. */
static unsigned level_of(const struct category *category, unsigned verbose)
{
	unsigned level = 0;

	while (level < LEVELS_MAX && category->needs[level] != NEVER && category->needs[level] <= verbose)
		level++;
	return level;
}

void lade_verbosity_finish(struct lade_verbosity *verbosity, unsigned verbose)
{
	for (unsigned i = 0; i < LADE_INFO_COUNT; i++)
		lade_verbosity_imply(verbosity, i, level_of(&infos[i], verbose));
	for (unsigned i = 0; i < LADE_DEBUG_COUNT; i++)
		if (!verbosity->debug[i].named)
			verbosity->debug[i].level = (uint8_t)level_of(&debugs[i], verbose);
}

uint64_t lade_verbosity_notes(const struct lade_verbosity *verbosity)
{
	uint64_t notes = 0;

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		if (verbosity->info[topics[i].info].level)
			notes |= UINT64_C(1) << topics[i].topic;
	if (verbosity->info[LADE_INFO_SKIP].level > 1)
		notes |= UINT64_C(1) << LADE_TOPIC_SKIP_WHY;
	if (verbosity->debug[LADE_DEBUG_FILTER].level)
		notes |= UINT64_C(1) << LADE_TOPIC_FILTER;
	return notes;
}

static void print(FILE *file, const struct category *categories, size_t count)
{
	fputs("Names with commas between them; NAME0 silences, NAME is NAME1, NAME2 tells more.\n\n", file);
	for (size_t i = 0; i < count; i++) {
		fprintf(file, "  %-10s %s", categories[i].name, categories[i].text);
		if (categories[i].needs[0] != NEVER && categories[i].needs[0])
			fprintf(file, " (-v%s)", categories[i].needs[0] > 1 ? "v" : "");
		fputc('\n', file);
	}
	fputs("\n  ALL        all of them, as in ALL2\n  NONE       none of them\n  HELP       this list\n", file);
}

void lade_verbosity_print_info(FILE *file)
{
	print(file, infos, LADE_INFO_COUNT);
}

void lade_verbosity_print_debug(FILE *file)
{
	print(file, debugs, LADE_DEBUG_COUNT);
}
