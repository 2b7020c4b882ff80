/*
 * `lade filter [OPTION]... PATH...`: goes down to each path as a walk would, with the same rules, and says where it
 * would stop and why.
 */
#include "agent/command_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/escape.h"
#include "agent/filter_option.h"
#include "agent/help.h"
#include "agent/option_table.h"
#include "agent/screen.h"
#include "agent/tree/filter_scope.h"
#include "protocol/exit_status.h"
#include "protocol/limits.h"

#define HINT "try 'lade help filter'"

/* Options of this command alone; the others are LADE_SYNC_. */
enum { FILTER_ROOT = 1000, FILTER_RECEIVER, FILTER_DELETE_EXCLUDED };

#define ROW(name, letter, id, value) { name, NULL, letter, false, id, 0, 0, value, LADE_GROUP_NONE, NULL, NULL }

static const struct lade_option_row rows[] = {
	ROW("exclude", 0, LADE_SYNC_EXCLUDE, "PATTERN"),
	ROW("include", 0, LADE_SYNC_INCLUDE, "PATTERN"),
	ROW("exclude-from", 0, LADE_SYNC_EXCLUDE_FROM, "FILE"),
	ROW("include-from", 0, LADE_SYNC_INCLUDE_FROM, "FILE"),
	ROW("filter", 'f', LADE_SYNC_FILTER, "RULE"),
	ROW(NULL, 'F', LADE_SYNC_FILTER_FILES, NULL),
	ROW("cvs-exclude", 'C', LADE_SYNC_CVS, NULL),
	ROW("gitignore", 0, LADE_SYNC_GIT, NULL),
	ROW("root", 0, FILTER_ROOT, "DIR"),
	ROW("receiver", 0, FILTER_RECEIVER, NULL),
	ROW("delete-excluded", 0, FILTER_DELETE_EXCLUDED, NULL),
	ROW("help", 'h', LADE_SYNC_HELP, NULL),
};

struct command {
	struct lade_filter *filter;
	struct lade_filter_options options;
	struct lade_filter_use use;
	const char *root;
	const char **paths; /* borrowed from argv */
	unsigned path_count;
	bool help;
};

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct command *command = context;

	if (!use->row) {
		command->paths[command->path_count++] = use->value;
		return 0;
	}
	switch (use->row->id) {
	case FILTER_ROOT:
		command->root = use->value;
		return 0;
	case FILTER_RECEIVER:
		command->use.side = LADE_FILTER_RECEIVER;
		return 0;
	case FILTER_DELETE_EXCLUDED:
		command->use.delete_excluded = true;
		return 0;
	case LADE_SYNC_HELP:
		command->help = true;
		return 1;
	default:
		return lade_filter_option_apply(&command->options, command->filter, use, complaint);
	}
}

/* ---- answers ---- */

static void put_rule(struct lade_writer *line, const struct lade_filter_decision *decision)
{
	char number[64];

	if (!decision->number) {
		lade_escape_put_text(line, "no rule matches");
		return;
	}
	lade_escape_put_text(line, decision->excluded ? "\"-" : "\"+");
	lade_escape_put_text(line, decision->negated ? "! " : " ");
	lade_escape_put_text(line, decision->text);
	lade_escape_put_text(line, "\", ");
	if (decision->origin) {
		lade_escape_put_text(line, decision->origin);
		snprintf(number, sizeof(number), " line %zu", decision->line);
	} else {
		snprintf(number, sizeof(number), "rule %u of the command line", decision->number);
	}
	lade_escape_put_text(line, number);
}

/* path as the user wrote it; directory: the one above it that is excluded, len bytes of it. */
static void answer(const struct command *command, const char *path, size_t len, const struct lade_filter_decision *decision)
{
	static const char *const words[2][2] = { { "included", "excluded" }, { "at risk", "protected" } };
	struct lade_writer line;

	lade_writer_init(&line, 4 * LADE_PATH_MAX);
	lade_escape_put_text(&line, words[command->use.side == LADE_FILTER_RECEIVER][decision->excluded]);
	lade_escape_put_text(&line, "  ");
	lade_escape_put_text(&line, path);
	lade_escape_put_text(&line, ": ");
	if (len) {
		lade_escape_put(&line, lade_slice(path, len));
		lade_escape_put_text(&line, " is, by ");
	}
	put_rule(&line, decision);
	fwrite(line.data, 1, line.len, stdout);
	putchar('\n');
	lade_writer_fini(&line);
}

static int complain(const struct lade_fault *fault, int status)
{
	struct lade_complaint complaint;

	(void)lade_complain_fault(&complaint, status, fault);
	lade_screen_print(stderr, complaint.text);
	return status;
}

/* ---- going down ---- */

/* Go into the directory of len bytes of path, which may be missing. 0, or the exit status, complained of. */
static int enter(struct lade_filter_scope *scope, int root_fd, const char *path, size_t len)
{
	char *part = strndup(path, len);
	struct lade_fault fault;
	int fd, error;

	if (!part)
		return LADE_EXIT_MEMORY;
	fd = openat(root_fd, len ? part : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	error = lade_filter_scope_enter(scope, fd, part, &fault);
	if (fd >= 0)
		close(fd);
	free(part);
	return error ? complain(&fault, LADE_EXIT_PARTIAL) : 0;
}

/* True if what len bytes of path name is a directory: one that is there, or is spoken of as one. */
static bool is_directory(int root_fd, const char *path, size_t len)
{
	char *part = strndup(path, len);
	struct stat st;
	bool result = path[len] == '/';

	if (part && fstatat(root_fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0)
		result = S_ISDIR(st.st_mode);
	free(part);
	return result;
}

static int decide(const struct command *command, struct lade_filter_scope *scope, int root_fd, const char *path)
{
	struct lade_filter_decision decision;
	size_t len, whole = strlen(path);
	int status = enter(scope, root_fd, path, 0);

	while (whole > 1 && path[whole - 1] == '/')
		whole--;
	for (len = strcspn(path, "/"); !status; len += 1 + strcspn(path + len + 1, "/")) {
		bool last = len == whole;
		char *part = strndup(path, len);

		if (!part)
			return LADE_EXIT_MEMORY;
		(void)lade_filter_scope_excludes(scope, part, !last || is_directory(root_fd, path, len), &decision);
		free(part);
		if (last || decision.excluded) {
			answer(command, path, last ? 0 : len, &decision);
			return 0;
		}
		status = enter(scope, root_fd, path, len);
	}
	return status;
}

/* A path below the root, in as few components as possible. */
static bool is_plain(const char *path)
{
	if (!*path)
		return false;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len + (path[len] == '/');
	}
	return true;
}

static int decide_all(const struct command *command)
{
	const char *root = command->root ? command->root : ".";
	struct lade_fault fault;
	int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = LADE_EXIT_OK;

	if (root_fd < 0) {
		lade_fault_set(&fault, LADE_E_SYSTEM, "open", root);
		return complain(&fault, LADE_EXIT_FILE);
	}
	for (unsigned i = 0; i < command->path_count && status != LADE_EXIT_MEMORY; i++) {
		struct lade_filter_scope *scope;
		int one = LADE_EXIT_MEMORY;

		if (lade_filter_scope_new(command->filter, &command->use, &scope) == 0) {
			lade_filter_scope_begin(scope, root_fd, 0);
			one = decide(command, scope, root_fd, command->paths[i]);
			lade_filter_scope_free(scope);
		}
		status = one ? one : status;
	}
	close(root_fd);
	if (status == LADE_EXIT_MEMORY)
		lade_screen_print(stderr, "out of memory");
	return status;
}

static int check(const struct command *command, struct lade_complaint *complaint)
{
	if (!command->path_count)
		return lade_complain(complaint, LADE_EXIT_USAGE, "filter: no path; " HINT);
	for (unsigned i = 0; i < command->path_count; i++)
		if (!is_plain(command->paths[i]))
			return lade_complain(complaint, LADE_EXIT_USAGE,
					     "filter: '%s' is no path below the root of the transfer (--root): no '/' first, no '.' and '..'",
					     command->paths[i]);
	return 0;
}

int lade_command_filter(int argc, char **argv)
{
	struct command command = { 0 };
	struct lade_option_walk walk = { .rows = rows, .apply = apply, .context = &command, .hint = HINT };
	struct lade_complaint complaint = { .exit_status = LADE_EXIT_MEMORY, .text = "out of memory" };
	int error = LADE_E_MEMORY, status;

	walk.row_count = sizeof(rows) / sizeof(rows[0]);
	command.paths = calloc((size_t)argc + 1, sizeof(*command.paths));
	if (command.paths && lade_filter_new(&command.filter) == 0)
		error = lade_option_walk(&walk, argc - 1, argv + 1, &complaint);
	if (!error)
		error = lade_filter_option_finish(&command.options, command.filter, &complaint);
	if (!error)
		error = check(&command, &complaint);
	if (command.help) {
		(void)lade_help_print(stdout, "filter");
		status = LADE_EXIT_OK;
	} else if (error) {
		lade_screen_print(stderr, complaint.text);
		status = complaint.exit_status;
	} else {
		status = decide_all(&command);
	}
	lade_filter_free(command.filter);
	free(command.paths);
	return status;
}
