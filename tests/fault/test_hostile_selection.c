/*
 * A client that pulls what it named, from a sender that says something else: what was not asked for never arrives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/attack.h"
#include "tests/fault/client.h"

#define BASE ((uint64_t)LADE_OPTION_TIMES | LADE_OPTION_DIRS | LADE_OPTION_NUMERIC_IDS)
#define DEEP (BASE | LADE_OPTION_RECURSIVE)
#define KEPT (DEEP | LADE_OPTION_RELATIVE)
#define TOLD (KEPT | LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS)

struct row {
	const char *name;
	uint64_t options;
	const char *sources[3]; /* as the user wrote them */
	const char *list;       /* or what is listed below the one source, a NUL behind each but the last */
	size_t list_len;
	const char *script;     /* what the sender says, see say() */
	int status;
};

struct run {
	const struct row *row;
	const char *destination;
};

#define LIST(text) .sources = { "/source" }, .list = text, .list_len = sizeof(text)
#define BAD LADE_EXIT_STREAM

static const struct row rows[] = {
	{ "what was asked for", DEEP, { "/s/a", "/s/f" }, NULL, 0, "file:f dir:a file:x leave", 0 },
	{ "a file beside it", DEEP, { "/s/a", "/s/f" }, NULL, 0, "file:second", BAD },
	{ "a directory beside it", DEEP, { "/s/a", "/s/f" }, NULL, 0, "dir:second leave", BAD },
	{ "the content of none", DEEP, { "/s/a", "/s/f" }, NULL, 0, "dir:. file:second leave", BAD },
	{ "a directory on the way to names", DEEP, { "/s/a", "/s/f" }, NULL, 0, "implied:s leave", BAD },
	{ "something missing without a wish", DEEP, { "/s/a", "/s/f" }, NULL, 0, "missing:a", BAD },
	{ "a file twice", DEEP, { "/s/a", "/s/f" }, NULL, 0, "file:f file:f", BAD },
	{ "paths that are kept", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "dir:s dir:a file:x leave dir:b dir:c leave leave leave", 0 },
	{ "a file on the way", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "file:s", BAD },
	{ "a file beside the way", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "dir:s file:second leave", BAD },
	{ "a directory beside the way", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "dir:s dir:b dir:second leave leave leave", BAD },
	{ "the way not from its start", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "dir:b dir:c leave leave", BAD },
	{ "an implied one where all are wanted", KEPT, { "/s/a", "/s/b/c" }, NULL, 0, "implied:s leave", BAD },
	{ "an implied one that is named itself", KEPT | LADE_OPTION_NO_IMPLIED_DIRS, { "/s/a", "/s/b/c" }, NULL, 0,
	  "implied:s implied:second leave leave", BAD },
	{ "something missing beside the way", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "dir:s missing:second leave", BAD },
	{ "something missing on the way", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s", BAD },
	{ "something missing with its directory", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s/a missing:s/b/c", 0 },
	{ "something missing below what is missing", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s/a/second", BAD },
	{ "a missing directory on the way to others", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s/b", BAD },
	{ "something missing elsewhere", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s/b/../second", BAD },
	{ "something missing without a name", TOLD, { "/s/a", "/s/b/c" }, NULL, 0, "missing:s/a/", BAD },
	{ "a list", BASE | LADE_OPTION_RELATIVE, .script = "file:f dir:a file:x leave", .status = 0, LIST("a/x\0f") },
	{ "a file beside a list", BASE | LADE_OPTION_RELATIVE, .script = "file:second", .status = BAD, LIST("a/x\0f") },
	{ "a file beside what is listed", BASE | LADE_OPTION_RELATIVE, .script = "dir:a file:second leave", .status = BAD, LIST("a/x\0f") },
	{ "the content of what is listed alone", BASE | LADE_OPTION_RELATIVE, .script = "dir:a file:second leave", .status = BAD, LIST("a") },
	{ "deeper than is listed", BASE | LADE_OPTION_RELATIVE, .script = "dir:a dir:b dir:sub file:second leave leave leave leave", .status = BAD,
	  LIST("a/b/") },
	{ "a list from find", KEPT, .script = "dir:. file:f dir:a file:x leave leave", .status = 0, LIST("./a/x\0./f") },
	{ "a file beside a list from find", KEPT, .script = "dir:. file:second", .status = BAD, LIST("./a/x\0./f") },
	{ "a directory beside a list from find", KEPT, .script = "dir:. dir:second leave leave", .status = BAD, LIST("./a/x\0./f") },
};

/* The client, in its own process. */
static int client(struct lade_connection *connection, void *context)
{
	const struct run *run = context;
	const struct row *row = run->row;
	struct lade_settings settings = { .options = row->options, .source_names = row->list != NULL };
	const struct lade_source_list list = { .names = (char *)(uintptr_t)row->list, .len = row->list_len, .size = row->list_len };
	char *sources[3] = { NULL };
	struct lade_sync_job job = {
		.settings = &settings, .connection = connection, .sources = sources,
		.list = row->list ? &list : NULL, .destination = run->destination,
	};
	struct lade_msg_end totals;
	int status;

	for (; job.source_count < 3 && row->sources[job.source_count]; job.source_count++)
		sources[job.source_count] = strdup(row->sources[job.source_count]);
	status = client_run(&job, &totals);
	for (unsigned i = 0; i < job.source_count; i++)
		free(sources[i]);
	return status;
}

/* Put one word of a script: "file:NAME", "dir:NAME", "implied:NAME", "missing:NAME" or "leave". */
static void say(struct peer *peer, const char *word)
{
	const char *colon = strchr(word, ':'), *name = colon ? colon + 1 : "";
	const struct lade_msg_implied implied = { lade_slice(name, strlen(name)) };
	const struct lade_msg_missing missing = { lade_slice(name, strlen(name)) };

	if (*word == 'f')
		attack_file(peer, name, 0);
	else if (*word == 'd')
		attack_directory(peer, name);
	else if (*word == 'i')
		lade_put_implied(&peer->out, &implied);
	else if (*word == 'm')
		lade_put_missing(&peer->out, &missing);
	else
		attack_leave(peer);
}

static void test_row(void **state)
{
	struct run run = { .row = *state };
	char *script = strdup(run.row->script), *save = NULL;
	struct lade_message message;
	struct scene scene;
	struct peer peer;

	scene_make(&scene);
	run.destination = scene.inside;
	peer_start_with(&peer, LADE_CONNECTION_PIPES, client, &run);
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	attack_root(&peer);
	for (char *word = strtok_r(script, " ", &save); word; word = strtok_r(NULL, " ", &save))
		say(&peer, word);
	attack_entries_end(&peer);
	if (!run.row->status)
		(void)peer_finish_session(&peer);
	assert_int_equal(peer_stop(&peer), run.row->status);
	assert_int_equal(access(scene_path(&scene, "second"), F_OK), -1);
	assert_int_equal(access(scene_path(&scene, "a/second"), F_OK), -1);
	scene_check_old(&scene);
	scene_check(&scene);
	scene_remove(&scene);
	free(script);
}

int main(void)
{
	enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
	struct CMUnitTest tests[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i] };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hostile selection", tests, NULL, NULL);
}
