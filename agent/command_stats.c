/*
 * `lade stats [SNAP]...`: of all snapshots that are meant together. restore-size: what restoring each of them would write; files-by-contents: files of the same content once; raw-data: chunks, each once,
 * and what they take in the store.
 */
#include "agent/command_stats.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backup/key_set.h"
#include "agent/backup/tree_cursor.h"
#include "agent/figures.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/screen.h"
#include "agent/snapshot_reading.h"
#include "agent/texts.h"
#include "agent/tree/inode_map.h"

#define HINT "try 'lade help stats'"
#define KEY_LEN 32u

enum stats_option { STATS_MODE = LADE_REPOSITORY_OWN_OPTION };

enum mode { MODE_RESTORE_SIZE, MODE_FILES_BY_CONTENTS, MODE_RAW_DATA };

static const char *const mode_names[] = {
	[MODE_RESTORE_SIZE] = "restore-size", [MODE_FILES_BY_CONTENTS] = "files-by-contents", [MODE_RAW_DATA] = "raw-data",
};

struct options {
	struct lade_repository_options repository;
	struct lade_snapshot_choice choice;
	struct lade_texts names; /* of snapshots */
	enum mode mode;
	bool json, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "mode", .id = STATS_MODE, .value = "MODE" },
	LADE_SNAPSHOT_CHOICE_ROWS(OFF(choice)),
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

struct command {
	struct options options;
	struct lade_snapshot_reading reading;
	struct lade_stream_source source;
	struct lade_key_set *seen;       /* recipes, or chunks */
	struct lade_key_set *trees;      /* raw-data: directories that were gone through */
	struct lade_inode_map *inodes;   /* of the snapshot at hand: what has several names counts once */
	uint64_t snapshots, entries, bytes, chunks, stored, problems;
};

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row)
		return lade_texts_add(&options->names, use->value, complaint);
	/* STATS_MODE */
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (strcmp(use->value, mode_names[i]) == 0) {
			options->mode = (enum mode)i;
			return 0;
		}
	}
	return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--mode=%.100s: restore-size, files-by-contents or raw-data", use->value);
}

static int take_options(struct options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };

	return lade_repository_options_take(&walk, options, argc, argv, complaint);
}

/* ---- chunks ---- */

static int count_place(void *context, const struct lade_chunk_place *place)
{
	struct command *command = context;

	command->stored += place->row.sealed_len;
	return 1;
}

/* Count a chunk, if it was not met. Returns 1 if it is new, 0, or LADE_E_MEMORY. */
static int count_chunk(struct command *command, enum lade_chunk_kind kind, const struct lade_stream_item *item)
{
	const struct lade_chunk_map_visit visit = { .id = item->id, .kind = kind, .visit = count_place, .context = command };
	const int added = lade_key_set_add(command->seen, item->id);

	if (added != 1)
		return added;
	command->chunks++;
	command->bytes += item->len;
	(void)lade_chunk_map_visit(command->reading.map, &visit);
	return 1;
}

/* Chunks of lists are met where they are fetched. */
static int get_counted(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct command *command = context;

	if (count_chunk(command, kind, item) < 0)
		return lade_fault_set(fault, LADE_E_MEMORY, "count", "");
	return lade_chunk_fetch_get(command->reading.fetch, kind, item, out, fault);
}

/* Count the chunks of a stream of content. */
static int count_stream(struct command *command, struct lade_slice encoded, struct lade_fault *fault)
{
	struct lade_recipe_cursor *cursor;
	struct lade_stream_recipe recipe;
	struct lade_stream_item item;
	struct lade_reader reader;
	int got;

	lade_reader_init(&reader, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &command->source.lengths, &recipe))
		return lade_fault_set(fault, LADE_E_CHANGED, "read", "");
	if (lade_recipe_cursor_new(&command->source, LADE_CHUNK_CONTENT, &recipe, &cursor))
		return lade_fault_set(fault, LADE_E_MEMORY, "count", "");
	while ((got = lade_recipe_cursor_next(cursor, &item, NULL, fault)) == 1) {
		if (count_chunk(command, LADE_CHUNK_CONTENT, &item) < 0) {
			got = lade_fault_set(fault, LADE_E_MEMORY, "count", "");
			break;
		}
	}
	lade_recipe_cursor_free(cursor);
	return got;
}

/* ---- entries ---- */

/* A name for a recipe: what is the same has the same. 1 if it is new, 0, or LADE_E_MEMORY. */
static int add_recipe(struct lade_key_set *set, struct lade_slice recipe)
{
	uint8_t key[KEY_LEN];

	(void)crypto_generichash(key, sizeof(key), recipe.data, recipe.len, NULL, 0);
	return lade_key_set_add(set, key);
}

static uint64_t length_of(const struct command *command, const struct lade_stream_entry *entry)
{
	struct lade_stream_recipe recipe;
	struct lade_reader reader;

	lade_reader_init(&reader, entry->recipe.data, entry->recipe.len);
	if (!S_ISREG(entry->mode) || lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &command->source.lengths, &recipe))
		return 0;
	return recipe.length;
}

static int count_size(struct command *command, const struct lade_stream_entry *entry)
{
	uint64_t value;

	command->entries++;
	if (!S_ISREG(entry->mode))
		return 0;
	if (entry->fields & LADE_ENTRY_INODE) {
		if (lade_inode_map_find(command->inodes, (dev_t)entry->device, (ino_t)entry->inode, &value))
			return 0;
		if (lade_inode_map_put(command->inodes, (dev_t)entry->device, (ino_t)entry->inode, 1))
			return LADE_E_MEMORY;
	}
	command->bytes += length_of(command, entry);
	return 0;
}

static int count_content(struct command *command, const struct lade_stream_entry *entry)
{
	int added;

	if (!S_ISREG(entry->mode))
		return 0;
	added = add_recipe(command->seen, entry->recipe);
	if (added != 1)
		return added;
	command->entries++;
	command->bytes += length_of(command, entry);
	return 0;
}

static int count_raw(struct command *command, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct {
		uint32_t field;
		struct lade_slice recipe;
	} streams[] = { { LADE_ENTRY_RECIPE, entry->recipe }, { LADE_ENTRY_XATTRS_RECIPE, entry->xattrs_recipe }, { LADE_ENTRY_HOLES, entry->holes_recipe } };
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(streams) / sizeof(streams[0]); i++)
		if ((entry->fields & streams[i].field) && !(S_ISDIR(entry->mode) && !i))
			error = count_stream(command, streams[i].recipe, fault);
	return error;
}

static int count_entry(struct command *command, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	int error;

	if (command->options.mode == MODE_RAW_DATA)
		return count_raw(command, entry, fault);
	error = command->options.mode == MODE_RESTORE_SIZE ? count_size(command, entry) : count_content(command, entry);
	return error ? lade_fault_set(fault, error, "count", "") : 0;
}

/* ---- snapshots ---- */

static void tell(struct command *command, const struct lade_fault *fault)
{
	struct lade_complaint complaint;

	command->problems++;
	lade_complain_fault(&complaint, LADE_REPOSITORY_PARTIAL, fault);
	lade_screen_print(stderr, complaint.text);
}

/* A directory that was gone through has nothing new, where each thing counts once. 1: go in; 0; LADE_E_MEMORY. */
static int goes_in(struct command *command, const struct lade_stream_entry *entry)
{
	if (!S_ISDIR(entry->mode))
		return 0;
	return command->options.mode == MODE_RESTORE_SIZE ? 1 : add_recipe(command->trees, entry->recipe);
}

static int count_tree(struct command *command, struct lade_slice root, struct lade_fault *fault)
{
	struct lade_tree_step step = { .kind = LADE_TREE_ENTRY };
	struct lade_tree_cursor *cursor;
	int error = lade_tree_cursor_new(&command->source, root, &cursor, fault), in;

	if (error)
		return error;
	while (error != LADE_E_MEMORY) {
		error = lade_tree_cursor_next(cursor, &step, fault);
		if (error || step.kind == LADE_TREE_END)
			break;
		if (step.kind == LADE_TREE_BROKEN)
			tell(command, fault);
		if (step.kind != LADE_TREE_ENTRY)
			continue;
		error = count_entry(command, step.entry, fault);
		if (error && error != LADE_E_MEMORY) {
			lade_fault_set(fault, error, "read", step.path);
			tell(command, fault);
			error = 0;
		}
		in = error ? 0 : goes_in(command, step.entry);
		if (in < 0)
			error = lade_fault_set(fault, in, "count", "");
		else if (in && lade_tree_cursor_enter(cursor, fault))
			tell(command, fault);
	}
	lade_tree_cursor_free(cursor);
	return error;
}

static int count_snapshot(struct command *command, const struct lade_snapshot_item *item, struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error;

	lade_inode_map_free(command->inodes);
	command->inodes = NULL;
	if (lade_inode_map_new(&command->inodes))
		return lade_complain_memory(complaint);
	command->snapshots++;
	error = count_tree(command, item->description.root, &fault);
	return error ? lade_repository_complain(complaint, command->reading.name, &fault) : 0;
}

static int count_all(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_snapshot_list *list = &command->reading.list;
	struct lade_snapshot_named named;
	int error = 0;

	for (size_t i = 0; !error && i < command->options.names.count; i++) {
		error = lade_snapshot_reading_find(&command->reading, command->options.names.texts[i], &command->options.choice, &named, complaint);
		if (!error)
			error = count_snapshot(command, named.item, complaint);
	}
	for (size_t i = 0; !error && !command->options.names.count && i < list->count; i++)
		if (list->items[i].is_open && lade_snapshot_choice_means(&command->options.choice, &list->items[i]))
			error = count_snapshot(command, &list->items[i], complaint);
	return error;
}

/* ---- printing ---- */

static void print_json(const struct command *command)
{
	struct lade_writer line;

	lade_writer_init(&line, 4096);
	lade_json_begin_with(&line, "mode", mode_names[command->options.mode]);
	lade_json_number(&line, "snapshots_count", command->snapshots);
	if (command->options.mode == MODE_RAW_DATA) {
		lade_json_number(&line, "total_size", command->stored);
		lade_json_number(&line, "total_uncompressed_size", command->bytes);
		lade_json_real(&line, "compression_ratio", command->stored ? (double)command->bytes / (double)command->stored : 0, 4);
		lade_json_number(&line, "total_blob_count", command->chunks);
	} else {
		lade_json_number(&line, "total_size", command->bytes);
		lade_json_number(&line, "total_file_count", command->entries);
	}
	lade_json_end(&line);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

static void print_text(const struct command *command)
{
	char one[LADE_FIGURE_SIZE];

	printf("Mode:        %s\n", mode_names[command->options.mode]);
	printf("Snapshots:   %s\n", lade_figure(one, command->snapshots, LADE_HUMAN_GROUPED));
	if (command->options.mode == MODE_RAW_DATA) {
		printf("Chunks:      %s\n", lade_figure(one, command->chunks, LADE_HUMAN_GROUPED));
		printf("Content:     %sB\n", lade_figure(one, command->bytes, LADE_HUMAN_BINARY));
		printf("Stored:      %sB\n", lade_figure(one, command->stored, LADE_HUMAN_BINARY));
	} else {
		printf("%s  %s\n", command->options.mode == MODE_RESTORE_SIZE ? "Entries:   " : "Files:     ", lade_figure(one, command->entries, LADE_HUMAN_GROUPED));
		printf("Size:        %sB\n", lade_figure(one, command->bytes, LADE_HUMAN_BINARY));
	}
}

static int run(struct command *command, int argc, char **argv, struct lade_complaint *complaint)
{
	int error = take_options(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	error = lade_snapshot_reading_open(&command->reading, &command->options.repository, complaint);
	if (!error)
		error = lade_snapshot_reading_start(&command->reading, 0, complaint);
	if (!error && (lade_key_set_new(KEY_LEN, &command->seen) || lade_key_set_new(KEY_LEN, &command->trees)))
		error = lade_complain_memory(complaint);
	if (error)
		return error;
	command->source = lade_snapshot_reading_source(&command->reading);
	if (command->options.mode == MODE_RAW_DATA) {
		command->source.get = get_counted;
		command->source.context = command;
	}
	error = count_all(command, complaint);
	if (error)
		return error;
	if (command->options.json)
		print_json(command);
	else
		print_text(command);
	return 0;
}

int lade_command_stats(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	struct command command = { .problems = 0 };
	int error;

	lade_snapshot_reading_init(&command.reading);
	error = run(&command, argc, argv, &complaint);
	lade_key_set_free(command.seen);
	lade_key_set_free(command.trees);
	lade_inode_map_free(command.inodes);
	lade_texts_fini(&command.options.names);
	return lade_snapshot_reading_end(&command.reading, error, &complaint, command.options.help ? "stats" : NULL,
					 command.problems ? LADE_REPOSITORY_PARTIAL : LADE_REPOSITORY_OK);
}
