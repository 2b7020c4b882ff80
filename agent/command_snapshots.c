/*
 * `lade snapshots [SNAP]...`: a table, or with --json one array, in the words of restic(1). Snapshots are in order of time; those of one group follow each other if there are groups.
 */
#include "agent/command_snapshots.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/option_walk.h"
#include "agent/snapshot_json.h"
#include "agent/snapshot_reading.h"
#include "agent/texts.h"

#define HINT "try 'lade help snapshots'"
#define LINE_MAX_LEN (64u << 20)

enum snapshots_option { SNAPSHOTS_GROUP = LADE_REPOSITORY_OWN_OPTION };

/* What makes a group; bits. */
#define GROUP_HOST 1u
#define GROUP_PATHS 2u
#define GROUP_TAGS 4u

struct options {
	struct lade_repository_options repository;
	struct lade_snapshot_choice choice;
	struct lade_texts names; /* of snapshots */
	uint64_t latest;    /* so many of each host and set of paths; 0: all */
	unsigned groups;
	bool compact, json, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	LADE_SNAPSHOT_CHOICE_ROWS(OFF(choice)),
	{ .name = "latest", .id = LADE_REPOSITORY_OPTION_COUNT, .bits = UINT32_MAX, .off = OFF(latest), .value = "COUNT" },
	{ .name = "group-by", .letter = 'g', .id = SNAPSHOTS_GROUP, .value = "WHAT" },
	{ .name = "compact", .letter = 'c', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(compact) },
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

typedef const struct lade_snapshot_item *item_pointer;

struct command {
	struct options options;
	struct lade_snapshot_reading reading;
	item_pointer *items; /* count of them: those that are shown */
	size_t count;
};

/* ---- options ---- */

static int take_groups(struct options *options, const char *value, struct lade_complaint *complaint)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = { { "host", GROUP_HOST }, { "paths", GROUP_PATHS }, { "tags", GROUP_TAGS } };

	for (const char *at = value; *at; at += strspn(at, ",")) {
		const size_t len = strcspn(at, ",");
		unsigned bit = 0;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strlen(names[i].name) == len && memcmp(at, names[i].name, len) == 0)
				bit = names[i].bit;
		if (!bit)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--group-by=%.100s: of host, paths and tags, with commas", value);
		options->groups |= bit;
		at += len;
	}
	return 0;
}

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row)
		return lade_texts_add(&options->names, use->value, complaint);
	/* SNAPSHOTS_GROUP */
	return take_groups(options, use->value, complaint);
}

static int take_options(struct options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };

	return lade_repository_options_take(&walk, options, argc, argv, complaint);
}

/* ---- choosing ---- */

/* One of those that are shown, from 0 on. */
static item_pointer item_at(const struct command *command, size_t number)
{
	assert(number < command->count && command->items[number]);
	return command->items[number];
}


static int compare_bytes(struct lade_slice a, struct lade_slice b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len ? memcmp(a.data, b.data, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_texts(const struct lade_snapshot_texts *a, const struct lade_snapshot_texts *b)
{
	int order = 0;

	for (size_t i = 0; !order && i < a->count && i < b->count; i++)
		order = compare_bytes(a->texts[i], b->texts[i]);
	return order ? order : (a->count > b->count) - (a->count < b->count);
}

static int compare_groups(item_pointer a, item_pointer b, unsigned groups)
{
	int order = groups & GROUP_HOST ? compare_bytes(a->description.host, b->description.host) : 0;

	if (!order && (groups & GROUP_PATHS))
		order = compare_texts(&a->description.paths, &b->description.paths);
	if (!order && (groups & GROUP_TAGS))
		order = compare_texts(&a->tags, &b->tags);
	return order;
}

/* Have those of a group follow each other, in order of time: the list's. An insertion sort: it keeps that order, and the groups are mostly there already. */
static void sort_groups(struct command *command)
{
	for (size_t i = 1; i < command->count; i++) {
		item_pointer item = item_at(command, i);
		size_t at = i;

		while (at && compare_groups(item_at(command, at - 1), item, command->options.groups) > 0) {
			command->items[at] = item_at(command, at - 1);
			at--;
		}
		command->items[at] = item;
	}
}

/* How many that are shown are of the same host and paths and later. */
static uint64_t count_later(const struct command *command, size_t i)
{
	uint64_t later = 0;

	for (size_t j = i + 1; j < command->count; j++)
		later += compare_groups(item_at(command, i), item_at(command, j), GROUP_HOST | GROUP_PATHS) == 0;
	return later;
}

static void keep_latest(struct command *command)
{
	size_t left = 0;

	for (size_t i = 0; i < command->count; i++)
		if (count_later(command, i) < command->options.latest)
			command->items[left++] = item_at(command, i);
	command->count = left;
}

static int choose(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_snapshot_list *list = &command->reading.list;
	struct lade_snapshot_named named;
	int error = 0;

	command->items = calloc(list->count + command->options.names.count + 1, sizeof(item_pointer));
	if (!command->items)
		return lade_complain_memory(complaint);
	for (size_t i = 0; !error && i < command->options.names.count; i++) {
		error = lade_snapshot_reading_find(&command->reading, command->options.names.texts[i], &command->options.choice, &named, complaint);
		if (!error)
			command->items[command->count++] = named.item;
	}
	for (size_t i = 0; !command->options.names.count && i < list->count; i++)
		if (lade_snapshot_choice_means(&command->options.choice, &list->items[i]))
			command->items[command->count++] = &list->items[i];
	if (command->options.latest)
		keep_latest(command);
	if (command->options.groups)
		sort_groups(command);
	return error;
}

/* ---- the table ---- */

#define COLUMNS 6

struct table {
	struct lade_writer cells[COLUMNS]; /* of a line */
	size_t widths[COLUMNS];
};

static const char *const titles[COLUMNS] = { "ID", "Time", "Host", "Tags", "Paths", "Size" };

/* Characters on a screen, as far as they are one column each. */
static size_t width_of(const struct lade_writer *cell)
{
	size_t width = 0;

	for (size_t i = 0; i < cell->len; i++)
		width += (cell->data[i] & 0xc0) != 0x80;
	return width;
}

static void put_text(struct lade_writer *writer, const char *text)
{
	lade_writer_put_bytes(writer, text, strlen(text));
}

/* One of the texts, or nothing if there are not so many. compact: all of them in the first line. */
static void put_texts(struct lade_writer *writer, const struct lade_snapshot_texts *texts, size_t number, bool compact)
{
	if (!compact && number < texts->count)
		lade_escape_put(writer, texts->texts[number]);
	for (size_t i = 0; compact && !number && i < texts->count; i++) {
		put_text(writer, i ? "," : "");
		lade_escape_put(writer, texts->texts[i]);
	}
}

/* The cells of a line of a snapshot. False: it has no such line. */
static bool fill(struct table *table, item_pointer item, size_t number, bool compact)
{
	const struct lade_snapshot_description *description = &item->description;
	char id[2 * LADE_HASH_LEN + 1], when[LADE_SNAPSHOT_TIME_SIZE], size[LADE_FIGURE_SIZE];

	for (size_t i = 0; i < COLUMNS; i++)
		lade_writer_reset(&table->cells[i]);
	if (number && (compact || (number >= item->tags.count && number >= description->paths.count)))
		return false;
	put_texts(&table->cells[3], &item->tags, number, compact);
	put_texts(&table->cells[4], &description->paths, number, compact);
	if (number)
		return true;
	(void)sodium_bin2hex(id, sizeof(id), item->hash, LADE_HASH_LEN);
	lade_writer_put_bytes(&table->cells[0], id, LADE_SNAPSHOT_SHORT_LEN);
	lade_snapshot_time(item->head.time, when);
	put_text(&table->cells[1], when);
	if (item->is_open)
		lade_escape_put(&table->cells[2], description->host);
	else
		put_text(&table->cells[4], "(no key for it)");
	if (description->has_figures) {
		put_text(&table->cells[5], lade_figure(size, description->figures.bytes, LADE_HUMAN_BINARY));
		put_text(&table->cells[5], "B");
	}
	return true;
}

static void print_line(const struct table *table)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct lade_writer *cell = &table->cells[i];
		const size_t width = width_of(cell), blanks = table->widths[i] > width ? table->widths[i] - width : 0;
		const bool right = i == COLUMNS - 1;

		printf("%s%*s", i ? "  " : "", right ? (int)blanks : 0, "");
		(void)fwrite(cell->data, 1, cell->len, stdout);
		printf("%*s", right ? 0 : (int)blanks, "");
	}
	putchar('\n');
}

static void print_rule(const struct table *table)
{
	size_t len = 2 * (COLUMNS - 1);

	for (size_t i = 0; i < COLUMNS; i++)
		len += table->widths[i];
	while (len--)
		putchar('-');
	putchar('\n');
}

/* Items from..to. */
static void print_table(const struct command *command, size_t from, size_t to)
{
	const bool compact = command->options.compact;
	struct table table;

	for (size_t i = 0; i < COLUMNS; i++) {
		lade_writer_init(&table.cells[i], LINE_MAX_LEN);
		table.widths[i] = strlen(titles[i]);
	}
	for (size_t i = from; i < to; i++)
		for (size_t number = 0; fill(&table, item_at(command, i), number, compact); number++)
			for (size_t j = 0; j < COLUMNS; j++)
				table.widths[j] = width_of(&table.cells[j]) > table.widths[j] ? width_of(&table.cells[j]) : table.widths[j];
	for (size_t i = 0; i < COLUMNS; i++) {
		lade_writer_reset(&table.cells[i]);
		put_text(&table.cells[i], titles[i]);
	}
	print_line(&table);
	print_rule(&table);
	for (size_t i = from; i < to; i++)
		for (size_t number = 0; fill(&table, item_at(command, i), number, compact); number++)
			print_line(&table);
	print_rule(&table);
	printf("%zu snapshot%s\n", to - from, to - from == 1 ? "" : "s");
	for (size_t i = 0; i < COLUMNS; i++)
		lade_writer_fini(&table.cells[i]);
}

/* What the items of a group have in common. */
static void print_group(const struct command *command, item_pointer item)
{
	struct lade_writer line;

	lade_writer_init(&line, LINE_MAX_LEN);
	put_text(&line, "snapshots for (");
	if (command->options.groups & GROUP_HOST) {
		put_text(&line, "host ");
		lade_escape_put(&line, item->description.host);
	}
	if (command->options.groups & GROUP_PATHS) {
		put_text(&line, command->options.groups & GROUP_HOST ? ", paths " : "paths ");
		put_texts(&line, &item->description.paths, 0, true);
	}
	if (command->options.groups & GROUP_TAGS) {
		put_text(&line, command->options.groups & (GROUP_HOST | GROUP_PATHS) ? ", tags " : "tags ");
		put_texts(&line, &item->tags, 0, true);
	}
	printf("%.*s):\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

/* ---- printing ---- */

/* Where the group ends that begins with item from. */
static size_t group_end(const struct command *command, size_t from)
{
	size_t to = from + 1;

	if (!command->options.groups)
		return command->count;
	while (to < command->count && compare_groups(item_at(command, from), item_at(command, to), command->options.groups) == 0)
		to++;
	return to;
}

static void put_json_items(const struct command *command, struct lade_writer *line, size_t from, size_t to)
{
	lade_writer_put_u8(line, '[');
	for (size_t i = from; i < to; i++) {
		char when[LADE_SNAPSHOT_TIME_SIZE];

		if (i > from)
			lade_writer_put_u8(line, ',');
		lade_snapshot_time_exact((int64_t)item_at(command, i)->commit_time, 0, when);
		lade_json_begin_with(line, "stored", when);
		lade_snapshot_json(line, item_at(command, i));
		lade_json_end(line);
	}
	lade_writer_put_u8(line, ']');
}

static void put_json_group(const struct command *command, struct lade_writer *line, item_pointer item)
{
	const struct lade_snapshot_texts none = { NULL, 0 };

	put_text(line, "{\"group_key\":");
	lade_json_begin_with(line, "type", "group");
	if (command->options.groups & GROUP_HOST)
		lade_json_bytes(line, "hostname", item->description.host);
	if (command->options.groups & GROUP_PATHS)
		lade_json_texts(line, "paths", item->is_open ? item->description.paths.texts : none.texts, item->is_open ? item->description.paths.count : 0);
	if (command->options.groups & GROUP_TAGS)
		lade_json_texts(line, "tags", item->tags.texts, item->tags.count);
	lade_json_end(line);
	put_text(line, ",\"snapshots\":");
}

static int print_json(const struct command *command, struct lade_complaint *complaint)
{
	struct lade_writer line;
	int error;

	lade_writer_init(&line, SIZE_MAX / 2);
	if (!command->options.groups) {
		put_json_items(command, &line, 0, command->count);
	} else {
		lade_writer_put_u8(&line, '[');
		for (size_t from = 0, to; from < command->count; from = to) {
			to = group_end(command, from);
			if (from)
				lade_writer_put_u8(&line, ',');
			put_json_group(command, &line, item_at(command, from));
			put_json_items(command, &line, from, to);
			lade_json_end(&line);
		}
		lade_writer_put_u8(&line, ']');
	}
	lade_writer_put_u8(&line, '\n');
	error = line.error ? lade_complain_memory(complaint) : 0;
	if (!error)
		(void)fwrite(line.data, 1, line.len, stdout);
	lade_writer_fini(&line);
	return error;
}

static int run(struct command *command, int argc, char **argv, struct lade_complaint *complaint)
{
	int error = take_options(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	error = lade_snapshot_reading_open(&command->reading, &command->options.repository, complaint);
	if (!error)
		error = choose(command, complaint);
	if (error)
		return error;
	if (command->options.json)
		return print_json(command, complaint);
	for (size_t from = 0, to; from < command->count; from = to) {
		to = group_end(command, from);
		if (command->options.groups)
			print_group(command, item_at(command, from));
		print_table(command, from, to);
	}
	return 0;
}

int lade_command_snapshots(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	struct command command = { .count = 0 };
	int error;

	lade_snapshot_reading_init(&command.reading);
	error = run(&command, argc, argv, &complaint);
	free(command.items);
	lade_texts_fini(&command.options.names);
	return lade_snapshot_reading_end(&command.reading, error, &complaint, command.options.help ? "snapshots" : NULL, LADE_REPOSITORY_OK);
}
