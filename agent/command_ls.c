/*
 * `lade ls SNAP[:PATH] [DIR]...`: paths, one a line; with -l as ls(1) has them, with --json an object for each, in the words of restic(1). Without DIR all of it, else what is in these
 * directories, with --recursive all below as well.
 */
#include "agent/command_ls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backup/tree_cursor.h"
#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/screen.h"
#include "agent/snapshot_json.h"
#include "agent/snapshot_reading.h"
#include "agent/texts.h"

#define HINT "try 'lade help ls'"
#define LINE_MAX_LEN (8u << 20) /* a path has up to a MiB, and four times as many bytes when it is escaped */

struct options {
	struct lade_repository_options repository;
	struct lade_snapshot_choice choice;
	const char *snapshot;
	struct lade_texts paths;
	bool longer, human, recursive, json, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "long", .letter = 'l', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(longer) },
	{ .name = "human-readable", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(human) },
	{ .name = "recursive", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(recursive) },
	LADE_SNAPSHOT_CHOICE_ROWS(OFF(choice)),
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

struct command {
	struct options options;
	struct lade_snapshot_reading reading;
	struct lade_stream_source source;
	struct lade_writer line, prefix; /* prefix: absolute path of what is listed, without a slash at its end */
	uint64_t problems;
};

/* It has no rows of its own: this is an argument. */
static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (options->snapshot)
		return lade_texts_add(&options->paths, use->value, complaint);
	options->snapshot = use->value;
	return 0;
}

static int take_options(struct options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	const int error = lade_repository_options_take(&walk, options, argc, argv, complaint);

	if (error || options->help)
		return error;
	if (!options->snapshot)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "which snapshot? lade ls latest; " HINT);
	return 0;
}

/* ---- lines ---- */

/* "-rw-r--r--", as ls(1). */
static void show_mode(uint32_t mode, char out[12])
{
	static const char types[] = "?pc?d?b?-?l?s???", letters[] = "rwxrwxrwx";
	static const struct {
		uint32_t bit;
		unsigned at;
		char with, without;
	} special[] = { { S_ISUID, 3, 's', 'S' }, { S_ISGID, 6, 's', 'S' }, { S_ISVTX, 9, 't', 'T' } };

	out[0] = types[(mode >> 12) & 15];
	for (unsigned i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (mode & special[i].bit)
			out[special[i].at] = out[special[i].at] == 'x' ? special[i].with : special[i].without;
	out[10] = '\0';
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

static const char *type_of(uint32_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "symlink" : S_ISCHR(mode) ? "chardev" : S_ISBLK(mode) ? "dev" :
	       S_ISFIFO(mode) ? "fifo" : S_ISSOCK(mode) ? "socket" : "irregular";
}

static void put_json_time(struct lade_writer *line, const char *key, const struct lade_stream_time *time)
{
	char text[LADE_SNAPSHOT_TIME_SIZE];

	lade_snapshot_time_exact(time->s, time->ns, text);
	lade_json_text(line, key, text);
}

static void put_json(struct command *command, const struct lade_stream_entry *entry, struct lade_slice path)
{
	struct lade_writer *line = &command->line;
	char permissions[12];

	show_mode(entry->mode, permissions);
	lade_json_message(line, "node");
	lade_json_text(line, "struct_type", "node");
	lade_json_bytes(line, "name", entry->name);
	lade_json_text(line, "type", type_of(entry->mode));
	lade_json_bytes(line, "path", path);
	lade_json_number(line, "uid", entry->uid);
	lade_json_number(line, "gid", entry->gid);
	if (entry->user.len)
		lade_json_bytes(line, "user", entry->user);
	if (entry->group.len)
		lade_json_bytes(line, "group", entry->group);
	if (S_ISREG(entry->mode))
		lade_json_number(line, "size", length_of(command, entry));
	lade_json_number(line, "mode", entry->mode & 07777);
	lade_json_text(line, "permissions", permissions);
	put_json_time(line, "mtime", &entry->mtime);
	if (entry->fields & LADE_ENTRY_TIMES)
		put_json_time(line, "ctime", &entry->ctime);
	if (entry->fields & LADE_ENTRY_INODE)
		lade_json_number(line, "inode", entry->inode);
	if (entry->fields & LADE_ENTRY_TARGET)
		lade_json_bytes(line, "linktarget", entry->target);
	if (entry->fields & LADE_ENTRY_INCOMPLETE)
		lade_json_bool(line, "incomplete", true);
	lade_json_end(line);
}

/* An owner by name where it has one. */
static void put_owner(struct lade_writer *line, struct lade_slice name, uint32_t id)
{
	char number[24];
	size_t from = line->len;

	if (name.len) {
		lade_escape_put(line, name);
	} else {
		snprintf(number, sizeof(number), "%" PRIu32, id);
		lade_writer_put_bytes(line, number, strlen(number));
	}
	do {
		lade_writer_put_u8(line, ' ');
	} while (!line->error && line->len - from < 9);
}

static void put_long(struct command *command, const struct lade_stream_entry *entry)
{
	char text[128], mode[12], when[LADE_SNAPSHOT_TIME_SIZE], length[LADE_FIGURE_SIZE];

	show_mode(entry->mode, mode);
	snprintf(text, sizeof(text), "%s ", mode);
	lade_writer_put_bytes(&command->line, text, strlen(text));
	put_owner(&command->line, entry->user, entry->uid);
	put_owner(&command->line, entry->group, entry->gid);
	lade_snapshot_time((uint64_t)entry->mtime.s, when);
	snprintf(text, sizeof(text), "%12s %s ", lade_figure(length, length_of(command, entry), command->options.human ? LADE_HUMAN_BINARY : LADE_HUMAN_PLAIN), when);
	lade_writer_put_bytes(&command->line, text, strlen(text));
}

static void print_entry(struct command *command, const struct lade_stream_entry *entry, struct lade_slice path)
{
	struct lade_writer *line = &command->line;

	lade_writer_reset(line);
	if (command->options.json) {
		put_json(command, entry, path);
	} else {
		if (command->options.longer)
			put_long(command, entry);
		lade_escape_put(line, path);
		if (command->options.longer && (entry->fields & LADE_ENTRY_TARGET)) {
			lade_writer_put_bytes(line, " -> ", 4);
			lade_escape_put(line, entry->target);
		}
	}
	lade_writer_put_u8(line, '\n');
	if (!line->error)
		(void)fwrite(line->data, 1, line->len, stdout);
}

/* ---- going through ---- */

/* The entry of a path below the prefix. */
static void print_below(struct command *command, const struct lade_stream_entry *entry, struct lade_slice path)
{
	struct lade_writer *prefix = &command->prefix;
	const size_t len = prefix->len;

	if (path.len) {
		lade_writer_put_u8(prefix, '/');
		lade_writer_put_bytes(prefix, path.data, path.len);
	}
	if (!prefix->error)
		print_entry(command, entry, lade_slice(prefix->data, prefix->len));
	prefix->len = len;
}

static void tell_broken(struct command *command, const struct lade_fault *fault)
{
	struct lade_complaint complaint;

	command->problems++;
	lade_complain_fault(&complaint, LADE_REPOSITORY_PARTIAL, fault);
	lade_screen_print(stderr, complaint.text);
}

static int list_below(struct command *command, struct lade_slice recipe, bool recursive, struct lade_fault *fault)
{
	struct lade_tree_step step = { .kind = LADE_TREE_ENTRY };
	struct lade_tree_cursor *cursor;
	int error = lade_tree_cursor_new(&command->source, recipe, &cursor, fault);

	if (error)
		return error;
	while (!error && !ferror(stdout)) {
		error = lade_tree_cursor_next(cursor, &step, fault);
		if (error || step.kind == LADE_TREE_END)
			break;
		if (step.kind == LADE_TREE_BROKEN)
			tell_broken(command, fault);
		if (step.kind != LADE_TREE_ENTRY)
			continue;
		print_below(command, step.entry, lade_slice(step.path, step.path_len));
		if (recursive && S_ISDIR(step.entry->mode) && lade_tree_cursor_enter(cursor, fault))
			tell_broken(command, fault);
	}
	lade_tree_cursor_free(cursor);
	return error;
}

/* Make the prefix of two paths, either of which may be NULL. */
static void set_prefix(struct command *command, const char *first, const char *second)
{
	const char *parts[2] = { first ? first : "", second ? second : "" };

	lade_writer_reset(&command->prefix);
	for (size_t i = 0; i < 2; i++) {
		for (const char *at = parts[i] + strspn(parts[i], "/"); *at; at += strspn(at, "/")) {
			const size_t len = strcspn(at, "/");

			lade_writer_put_u8(&command->prefix, '/');
			lade_writer_put_bytes(&command->prefix, at, len);
			at += len;
		}
	}
}

/* path: within the subpath, or NULL. */
static int list_one(struct command *command, const struct lade_snapshot_named *named, const char *path, struct lade_fault *fault)
{
	const bool recursive = command->options.recursive || !path;
	struct lade_stream_entry entry;
	struct lade_writer kept;
	char *whole;
	int error;

	set_prefix(command, named->subpath, path);
	if (!command->prefix.len)
		return list_below(command, named->item->description.root, recursive, fault);
	whole = strndup((const char *)command->prefix.data, command->prefix.len);
	if (!whole || command->prefix.error) {
		free(whole);
		return lade_fault_set(fault, LADE_E_MEMORY, "list", "");
	}
	error = lade_tree_find(&command->source, named->item->description.root, whole, &entry, &kept, fault);
	if (error) {
		lade_fault_set(fault, error, "find", whole);
	} else {
		print_below(command, &entry, lade_slice(NULL, 0));
		if (S_ISDIR(entry.mode))
			error = list_below(command, entry.recipe, recursive, fault);
	}
	lade_writer_fini(&kept);
	free(whole);
	return error;
}

static int list(struct command *command, const struct lade_snapshot_named *named, struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error = 0;

	if (command->options.json) {
		lade_json_message(&command->line, "snapshot");
		lade_json_text(&command->line, "struct_type", "snapshot");
		lade_snapshot_json(&command->line, named->item);
		lade_json_end(&command->line);
		printf("%.*s\n", (int)command->line.len, (const char *)command->line.data);
	}
	for (size_t i = 0; !error && i < (command->options.paths.count ? command->options.paths.count : 1); i++)
		error = list_one(command, named, command->options.paths.count ? command->options.paths.texts[i] : NULL, &fault);
	return error ? lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault) : 0;
}

static int run(struct command *command, int argc, char **argv, struct lade_complaint *complaint)
{
	struct lade_snapshot_wish wish = { .repository = &command->options.repository, .choice = &command->options.choice };
	struct lade_snapshot_named named;
	int error = take_options(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	wish.snapshot = command->options.snapshot;
	error = lade_snapshot_reading_begin(&command->reading, &wish, &named, complaint);
	if (error)
		return error;
	command->source = lade_snapshot_reading_source(&command->reading);
	return list(command, &named, complaint);
}

int lade_command_ls(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	struct command command = { .problems = 0 };
	int error;

	lade_snapshot_reading_init(&command.reading);
	lade_writer_init(&command.line, LINE_MAX_LEN);
	lade_writer_init(&command.prefix, LINE_MAX_LEN);
	error = run(&command, argc, argv, &complaint);
	lade_writer_fini(&command.line);
	lade_writer_fini(&command.prefix);
	lade_texts_fini(&command.options.paths);
	return lade_snapshot_reading_end(&command.reading, error, &complaint, command.options.help ? "ls" : NULL,
					 command.problems ? LADE_REPOSITORY_PARTIAL : LADE_REPOSITORY_OK);
}
