/*
 * `lade backup`: the command line becomes what the engine takes (agent/backup/backup.h): sources as absolute paths, one filter, and directories for what is kept
 * between runs. SIGINT, SIGTERM and SIGHUP end it in order; what was stored until then is found again by the next one.
 */
#include "agent/command_backup.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backup_options.h"
#include "agent/backup_screen.h"
#include "agent/child_output.h"
#include "agent/help.h"
#include "agent/interrupt.h"
#include "agent/repository_place.h"
#include "agent/screen.h"
#include "agent/sync/source_list.h"
#include "agent/thread_count.h"
#include "agent/tree/place.h"
#include "config.h"
#include "protocol/entry.h"
#include "protocol/grow.h"

#define STDIN_NAME "stdin"
#define KNOWN_NAME_SIZE (sizeof("files-") + 32)

struct command {
	struct lade_backup_options options;
	struct lade_backup_screen *screen;
	struct lade_repository *repository;
	struct lade_filter *filter;
	struct lade_sources sources;
	char **paths; /* absolute; path_count of path_room */
	size_t path_count, path_room;
	struct lade_repository_place place;
	char name[PATH_MAX]; /* of the repository, for people */
	struct lade_child_output child;
	struct lade_snapshot_description description;
	struct lade_slice *texts; /* of the description: paths, tags, excludes */
	char known_name[KNOWN_NAME_SIZE];
	char stream_path[PATH_MAX], host[HOST_NAME_MAX + 1];
};

static void fini(struct command *command)
{
	lade_child_output_end(&command->child);
	lade_repository_close(command->repository);
	lade_repository_place_close(&command->place);
	lade_filter_free(command->filter);
	lade_sources_fini(&command->sources);
	for (size_t i = 0; i < command->path_count; i++)
		free(command->paths[i]);
	free(command->paths);
	free(command->texts);
	lade_backup_screen_free(command->screen);
	lade_backup_options_fini(&command->options);
}

/* ---- paths ---- */

/* The absolute path of what was written, without "." and "..": *path_out, which the caller frees. */
static int make_absolute(const char *written, char **path_out, struct lade_complaint *complaint)
{
	char *directory = written[0] == '/' ? strdup("") : getcwd(NULL, 0), *joined = NULL, *clean = NULL;
	int error = 0;

	*path_out = NULL;
	if (!directory)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "the working directory cannot be told: %s", strerror(errno));
	if (asprintf(&joined, "%s/%s", directory, written) < 0)
		joined = NULL;
	if (joined)
		clean = lade_place_clean(joined);
	if (!clean || asprintf(path_out, "/%s", clean) < 0) {
		*path_out = NULL;
		error = lade_complain_memory(complaint);
	}
	free(clean);
	free(joined);
	free(directory);
	return error;
}

static int add_path(struct command *command, const char *written, struct lade_complaint *complaint)
{
	char **paths = lade_grown(command->paths, command->path_count, &command->path_room, sizeof(char *));
	int error;

	if (!paths)
		return lade_complain_memory(complaint);
	command->paths = paths;
	if (!*written)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'' is no path; '.' is the working directory");
	error = make_absolute(written, &paths[command->path_count], complaint);
	if (!error)
		command->path_count++;
	return error;
}

/* Those of a file (--files-from). */
static int add_list(struct command *command, const char *file, bool nul, struct lade_complaint *complaint)
{
	struct lade_source_list list;
	struct lade_fault fault;
	const char *name = NULL;
	int error = lade_source_list_read(NULL, file, nul, true, &list, &fault);

	if (error)
		lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	while (!error && (name = lade_source_list_next(&list, name)))
		error = add_path(command, name, complaint);
	lade_source_list_fini(&list);
	return error;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int take_paths(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_backup_options *options = &command->options;
	struct lade_fault fault;
	struct stat st;
	size_t there = 0;
	int error = 0;

	for (size_t i = 0; i < options->paths.count && !error; i++)
		error = add_path(command, options->paths.texts[i], complaint);
	for (size_t i = 0; i < options->lists.count && !error; i++)
		error = add_list(command, options->lists.texts[i], false, complaint);
	for (size_t i = 0; i < options->lists_nul.count && !error; i++)
		error = add_list(command, options->lists_nul.texts[i], true, complaint);
	if (error)
		return error;
	if (command->path_count)
		qsort(command->paths, command->path_count, sizeof(command->paths[0]), by_name);
	command->sources.relative = command->sources.one_tree = true;
	for (size_t i = 0; i < command->path_count && !error; i++) {
		there += lstat(command->paths[i], &st) == 0;
		error = lade_sources_add(&command->sources, command->paths[i], &fault);
	}
	if (error)
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	lade_sources_sort(&command->sources);
	if (!there)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "nothing of what is to be backed up is there%s%s", command->path_count ? ": " : "",
				     command->path_count ? command->paths[0] : "");
	return 0;
}

static int make_filter(struct command *command, struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error;

	if (lade_filter_new(&command->filter))
		return lade_complain_memory(complaint);
	error = lade_excludes_apply(&command->options.excludes, command->filter, &fault);
	if (!error && command->options.gitignore)
		error = lade_filter_add_git(command->filter, &fault);
	return error ? lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault) : 0;
}

/* What is known of files is kept for each set of paths. */
static void name_known(struct command *command)
{
	crypto_generichash_state state;
	uint8_t hash[16];

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < command->path_count; i++)
		(void)crypto_generichash_update(&state, (const uint8_t *)command->paths[i], strlen(command->paths[i]) + 1);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(command->known_name, "files-", sizeof("files-"));
	sodium_bin2hex(command->known_name + strlen("files-"), sizeof(command->known_name) - strlen("files-"), hash, sizeof(hash));
}

/* ---- a stream ---- */

static int take_stream(struct command *command, struct lade_complaint *complaint)
{
	const char *name = command->options.stdin_name ? command->options.stdin_name : STDIN_NAME;
	char *clean = lade_place_clean(name);
	int error = 0;

	if (!clean)
		return lade_complain_memory(complaint);
	if (!*clean || snprintf(command->stream_path, sizeof(command->stream_path), "/%s", clean) >= (int)sizeof(command->stream_path) ||
	    !lade_entry_names_valid(lade_slice(clean, strlen(clean))))
		error = lade_complain(complaint, LADE_REPOSITORY_ERROR, "--stdin-filename=%.200s is no path of a file", name);
	free(clean);
	return error;
}

/* ---- the description ---- */

static struct lade_slice slice_of(const char *text)
{
	return lade_slice(text, text ? strlen(text) : 0);
}

static const char *user_name(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : NULL;
}

/* What does not fit into a snapshot is told before the work, not after it. */
static int describe(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_backup_options *options = &command->options;
	const size_t path_count = command->stream_path[0] ? 1 : command->path_count;
	struct lade_slice *texts = calloc(path_count + options->tags.count + options->excludes.count + 1, sizeof(*texts));

	if (!texts)
		return lade_complain_memory(complaint);
	command->texts = texts;
	if (!options->host && gethostname(command->host, sizeof(command->host)))
		command->host[0] = '\0';
	command->description = (struct lade_snapshot_description){
		.host = slice_of(options->host ? options->host : command->host), .user = slice_of(user_name()), .program = slice_of("lade " PACKAGE_VERSION),
		.job = slice_of(options->job), .paths = { texts, path_count }, .tags = { texts + path_count, options->tags.count },
		.excludes = { texts + path_count + options->tags.count, options->excludes.count },
	};
	for (size_t i = 0; i < path_count; i++)
		*texts++ = slice_of(command->stream_path[0] ? command->stream_path : command->paths[i]);
	for (size_t i = 0; i < options->tags.count; i++)
		*texts++ = slice_of(options->tags.texts[i]);
	for (size_t i = 0; i < options->excludes.count; i++)
		*texts++ = slice_of(options->excludes.items[i].pattern);
	if (!lade_snapshot_check_texts(&command->description))
		return 0;
	return lade_complain(complaint, LADE_REPOSITORY_ERROR,
			     "this is too much for a snapshot: at most %u paths, tags and excludes in all, and about %u MiB of them and of the names of host and job",
			     LADE_SNAPSHOT_TEXTS_MAX, (LADE_SNAPSHOT_MAX - LADE_SNAPSHOT_LATER_MAX) >> 20);
}

/* ---- running ---- */

static void fill_setup(struct command *command, struct lade_backup_setup *setup)
{
	const struct lade_backup_options *options = &command->options;

	setup->repository = command->repository;
	setup->description = command->description;
	setup->cache_fd = command->place.cache_fd;
	setup->state_fd = command->place.state_fd;
	setup->scan = (struct lade_scan_setup){
		.sources = &command->sources, .filter = command->filter, .one_file_system = options->one_file_system, .caches = options->exclude_caches,
		.marks = (char *const *)(uintptr_t)options->marks.texts, .mark_count = (unsigned)options->marks.count, .larger_than = options->larger_than,
		.super = geteuid() == 0, .events = lade_backup_screen_events(command->screen), .stop = lade_interrupt_flag(),
	};
	setup->level = options->level;
	setup->threads = lade_thread_count(options->threads, LADE_POOL_MAX);
	setup->dry_run = options->dry_run;
	setup->skip_if_unchanged = options->skip_if_unchanged;
	setup->force = options->force;
	setup->content_time = options->has_time ? (uint64_t)options->time : 0;
	setup->note = lade_backup_screen_note;
	setup->context = command->screen;
	if (command->stream_path[0]) {
		setup->stream_path = command->stream_path;
		setup->stream_fd = STDIN_FILENO;
		if (options->from_command) {
			setup->stream_fd = command->child.fd;
			setup->ready = lade_child_output_ready;
			setup->ready_context = &command->child;
		}
	} else {
		name_known(command);
		setup->known_name = command->known_name;
	}
}

/* What the fault means for who started the command. */
static int complain(const struct command *command, struct lade_complaint *complaint, const struct lade_fault *fault)
{
	if (fault->code == LADE_E_CANCELLED && atomic_load(lade_interrupt_flag()))
		return lade_complain(complaint, LADE_REPOSITORY_INTERRUPTED, "interrupted: the next backup goes on from here");
	/* Neither is the repository's doing. */
	if (lade_child_output_complain(&command->child, LADE_REPOSITORY_ERROR, complaint))
		return LADE_E_REFUSED;
	if (fault->code == LADE_E_SOURCE)
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, fault);
	return lade_repository_complain(complaint, command->name, fault);
}

static int back_up(struct command *command, struct lade_backup_result *result, struct lade_complaint *complaint)
{
	struct lade_backup_setup setup = { .stream_fd = -1 };
	struct lade_estimate *estimate = NULL;
	struct lade_fault fault;
	int error;

	fill_setup(command, &setup);
	if (!setup.stream_path && lade_backup_screen_shows_progress(command->screen))
		(void)lade_estimate_start(&setup.scan, &estimate);
	lade_backup_screen_use(command->screen, estimate);
	error = lade_backup_run(&setup, result, &fault);
	lade_backup_screen_use(command->screen, NULL);
	lade_estimate_free(estimate);
	return error ? complain(command, complaint, &fault) : 0;
}

/* The command whose output is backed up: only if it ends well there is a snapshot of it. */
static int start_child(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_texts *words = &command->options.paths;

	if (!command->options.from_command)
		return 0;
	return lade_child_output_start(&command->child, words->texts, words->count, complaint);
}

static int prepare(struct command *command, struct lade_complaint *complaint)
{
	const struct lade_backup_options *options = &command->options;
	struct lade_fault fault;
	int error = options->from_stdin || options->from_command ? take_stream(command, complaint) : take_paths(command, complaint);

	if (!error)
		error = describe(command, complaint);
	if (!error)
		error = make_filter(command, complaint);
	if (!error)
		error = lade_repository_options_place(&options->repository, command->name, complaint);
	if (!error)
		error = lade_repository_options_open(&options->repository, LADE_MAY_WRITE, &command->repository, complaint);
	if (error)
		return error;
	if (lade_repository_place_open(&command->place, command->repository, &fault)) {
		struct lade_complaint note;

		lade_complain_fault(&note, 0, &fault);
		lade_backup_screen_note(command->screen, note.text);
	}
	return start_child(command, complaint);
}

static int run(struct command *command, int argc, char **argv, struct lade_backup_result *result, struct lade_complaint *complaint)
{
	int error = lade_backup_options_take(&command->options, argc - 1, argv + 1, complaint);

	if (error || command->options.help)
		return error;
	if (lade_backup_screen_new(&command->options, &command->screen))
		return lade_complain_memory(complaint);
	lade_interrupt_catch();
	error = prepare(command, complaint);
	return error ? error : back_up(command, result, complaint);
}

int lade_command_backup_run(int argc, char **argv, struct lade_backup_result *result_out)
{
	struct command command = { .child.fd = -1, .place = { .cache_fd = -1, .state_fd = -1 } };
	struct lade_complaint complaint = { .exit_status = LADE_REPOSITORY_OK };
	int error;

	*result_out = (struct lade_backup_result){ 0 };
	error = run(&command, argc, argv, result_out, &complaint);
	if (error && command.screen)
		lade_backup_screen_fail(command.screen, &complaint);
	else if (error)
		lade_screen_print(stderr, complaint.text);
	else if (command.options.help)
		(void)lade_help_print(stdout, "backup");
	else
		lade_backup_screen_finish(command.screen, result_out);
	fini(&command);
	if (error)
		return complaint.exit_status;
	return result_out->scan.errors ? LADE_REPOSITORY_PARTIAL : LADE_REPOSITORY_OK;
}

int lade_command_backup(int argc, char **argv)
{
	struct lade_backup_result result;

	return lade_command_backup_run(argc, argv, &result);
}
