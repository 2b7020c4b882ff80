/*
 * `lade dump SNAP[:PATH] [PATH]`: a file as it is, or, of a directory, a tar archive. What was written when something fails is not all of it; the exit status says so.
 */
#include "agent/command_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backup/dump.h"
#include "agent/backup/tree_cursor.h"
#include "agent/option_walk.h"
#include "agent/screen.h"
#include "agent/snapshot_reading.h"

#define HINT "try 'lade help dump'"

enum dump_option { DUMP_ARCHIVE = LADE_REPOSITORY_OWN_OPTION };

struct options {
	struct lade_repository_options repository;
	struct lade_snapshot_choice choice;
	const char *snapshot, *path, *target;
	uint64_t threads;
	bool help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "archive", .letter = 'a', .id = DUMP_ARCHIVE, .value = "FORMAT" },
	{ .name = "target", .letter = 't', .id = LADE_REPOSITORY_OPTION_ANY, .off = OFF(target), .value = "FILE" },
	LADE_SNAPSHOT_CHOICE_ROWS(OFF(choice)),
	{ .name = "threads", .id = LADE_REPOSITORY_OPTION_COUNT, .bits = LADE_FETCH_THREADS_MAX, .off = OFF(threads), .value = "COUNT" },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

struct command {
	struct options options;
	struct lade_snapshot_reading reading;
	int fd;      /* where it goes */
	bool opened; /* it is ours to close */
};

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row) {
		if (options->path)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.200s' is too much; " HINT, use->value);
		*(options->snapshot ? &options->path : &options->snapshot) = use->value;
		return 0;
	}
	/* DUMP_ARCHIVE */
	if (strcmp(use->value, "tar") != 0)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--archive=%.100s: 'tar' is the one there is", use->value);
	return 0;
}

static int take_options(struct options *options, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	const int error = lade_repository_options_take(&walk, options, argc, argv, complaint);

	if (error || options->help)
		return error;
	if (!options->snapshot)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "which snapshot, and what of it? lade dump latest /etc/fstab; " HINT);
	return 0;
}

static int write_out(void *context, struct lade_slice bytes, struct lade_fault *fault)
{
	const struct command *command = context;

	while (bytes.len) {
		const ssize_t done = write(command->fd, bytes.data, bytes.len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return lade_fault_set(fault, LADE_E_TARGET, "write to", command->options.target ? command->options.target : "standard output");
		bytes = lade_slice(bytes.data + done, bytes.len - (size_t)done);
	}
	return 0;
}

static void left_out(void *context, const char *path)
{
	char text[600];

	(void)context;
	snprintf(text, sizeof(text), "\"%.500s\" is a socket, which an archive has no place for: it is left out", path);
	lade_screen_print(stderr, text);
}

/* A path of members: without slashes at its ends. The caller frees it. */
static char *member_path(const char *first, const char *second)
{
	const char *parts[2] = { first ? first : "", second ? second : "" };
	char *path = malloc(strlen(parts[0]) + strlen(parts[1]) + 2);
	size_t len = 0;

	for (size_t i = 0; path && i < 2; i++) {
		for (const char *at = parts[i] + strspn(parts[i], "/"); *at; at += strspn(at, "/")) {
			const size_t part = strcspn(at, "/");

			if (len)
				path[len++] = '/';
			memcpy(path + len, at, part);
			len += part;
			at += part;
		}
	}
	if (path)
		path[len] = '\0';
	return path;
}

static int dump(struct command *command, const struct lade_snapshot_named *named, const char *path, struct lade_fault *fault)
{
	const struct lade_dump_setup setup = {
		.source = lade_snapshot_reading_source(&command->reading), .run = lade_snapshot_reading_run, .run_context = command->reading.fetch,
		.write = write_out, .write_context = command, .left_out = left_out,
	};
	const struct lade_slice root = named->item->description.root;
	struct lade_stream_entry entry;
	struct lade_writer kept;
	int error;

	if (!*path)
		return lade_dump_root(&setup, root, fault);
	error = lade_tree_find(&setup.source, root, path, &entry, &kept, fault);
	if (error)
		lade_fault_set(fault, error, "find", path);
	else if (S_ISDIR(entry.mode))
		error = lade_dump_tree(&setup, &entry, path, fault);
	else if (S_ISREG(entry.mode))
		error = lade_dump_file(&setup, &entry, fault);
	else
		error = lade_fault_set(fault, LADE_E_USAGE, "dump (it is neither a file nor a directory)", path);
	if (error && !fault->subject[0])
		lade_fault_set(fault, error, fault->operation, path);
	lade_writer_fini(&kept);
	return error;
}

static int open_target(struct command *command, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	command->fd = STDOUT_FILENO;
	if (!command->options.target)
		return 0;
	command->fd = open(command->options.target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (command->fd < 0) {
		lade_fault_set(&fault, LADE_E_TARGET, "open", command->options.target);
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	}
	command->opened = true;
	return 0;
}

static int run(struct command *command, int argc, char **argv, struct lade_complaint *complaint)
{
	struct lade_snapshot_wish wish = { .repository = &command->options.repository, .choice = &command->options.choice };
	struct lade_snapshot_named named;
	struct lade_fault fault;
	char *path = NULL;
	int error = take_options(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	wish.snapshot = command->options.snapshot;
	wish.threads = command->options.threads;
	error = lade_snapshot_reading_begin(&command->reading, &wish, &named, complaint);
	if (error)
		return error;
	path = member_path(named.subpath, command->options.path);
	if (!path)
		return lade_complain_memory(complaint);
	error = open_target(command, complaint);
	if (!error && dump(command, &named, path, &fault))
		error = lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	if (command->opened && close(command->fd) && !error) {
		lade_fault_set(&fault, LADE_E_TARGET, "write to", command->options.target);
		error = lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	}
	free(path);
	return error;
}

int lade_command_dump(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	struct command command = { .fd = -1 };
	int error;

	lade_snapshot_reading_init(&command.reading);
	error = run(&command, argc, argv, &complaint);
	return lade_snapshot_reading_end(&command.reading, error, &complaint, command.options.help ? "dump" : NULL, LADE_REPOSITORY_OK);
}
