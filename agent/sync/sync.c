/*
 * Sessions from end to end: the handshake, then the role. Roles do not depend on who
 * dialled: a client that pushes sends, one that pulls receives.
 */
#include "agent/sync/sync.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sync/descriptor_limit.h"
#include "agent/sync/handshake.h"
#include "agent/sync/memory_limit.h"
#include "agent/sync/own_rules.h"
#include "agent/sync/parameters.h"
#include "agent/sync/receiver.h"
#include "agent/sync/sender.h"
#include "agent/sync/session.h"
#include "agent/tree/id_map.h"
#include "chunker/codec.h"
#include "protocol/entry.h"
#include "transport/frame.h"
#include "transport/mapping.h"

/* Files under way keep theirs: more than the most that lade_session_limits_of() has use for. */
#define DESCRIPTORS_WANTED 32768u

/* Roles in OPEN: what the server does. */
enum { ROLE_RECEIVE, ROLE_SEND };

int lade_sync_setup(struct lade_fault *fault)
{
	lade_descriptor_limit_raise(DESCRIPTORS_WANTED);
	/* A peer that is gone shows as EPIPE, which sendfile and splice cannot be told to prefer. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return lade_fault_set(fault, LADE_E_SYSTEM, "ignore SIGPIPE", NULL);
	if (lade_mapping_setup(fault))
		return fault->code;
	return lade_session_signals(fault);
}

/* Files are made with exactly the modes they get, so the umask is taken out of the way. */
static int receive_into(struct lade_receiver_job *job, struct lade_msg_end *totals)
{
	int status;

	job->umask = umask(0);
	status = lade_receiver_run(job, totals);
	(void)umask(job->umask);
	return status;
}

int lade_sync_limit_memory(const struct lade_settings *settings, struct lade_fault *fault)
{
	if (!settings->max_alloc)
		return 0;
	if (settings->max_alloc < LADE_MEMORY_MIN)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand the client's request", NULL);
	return lade_memory_limit(settings->max_alloc, fault);
}

int lade_sync_limit(struct lade_connection *connection, const struct lade_settings *settings, struct lade_fault *fault)
{
	if (!settings->bwlimit || connection->throttle || !lade_throttle_new(settings->bwlimit, &connection->throttle))
		return 0;
	return lade_fault_set(fault, LADE_E_MEMORY, "limit the rate of", connection->peer);
}

/* [charset] Append a path as the other side is to hear it; what cannot be converted may be a name all the same. */
static void put_path(struct lade_writer *writer, struct lade_charset *charset, const char *path)
{
	char converted[LADE_TARGET_MAX];

	lade_writer_put_slice(writer, lade_charset_show(charset, LADE_CHARSET_OUT, lade_slice(path, strlen(path)), converted,
							sizeof(converted)));
}

/* Whoever reads wakes for every byte then, as the watch counts them. */
void lade_sync_watch_silence(struct lade_connection *connection, uint64_t timeout)
{
	connection->timeout_ms = timeout < INT_MAX / 1000 ? (int)timeout * 1000 : INT_MAX;
}

/* ---- the client ---- */

/* [open] What the other side is to do. */
static int open_session(const struct lade_sync_job *job, struct lade_fault *fault)
{
	const struct lade_settings *settings = job->settings;
	struct lade_writer paths, rules, alternatives, parameters;
	struct lade_msg_open open = {
		.role = job->push ? ROLE_RECEIVE : ROLE_SEND,
		.options = (settings->options & ~LADE_OPTIONS_SUPER) | settings->far_super,
		.path = job->settings->path,
	};
	int error;

	lade_writer_init(&paths, LADE_CONTROL_MAX / 4);
	lade_writer_init(&rules, LADE_RULES_MAX);
	lade_writer_init(&alternatives, LADE_CONTROL_MAX / 8);
	lade_writer_init(&parameters, LADE_CONTROL_MAX / 16);
	if (job->push)
		put_path(&paths, settings->charset, job->destination);
	for (unsigned i = 0; !job->push && i < job->source_count; i++)
		put_path(&paths, settings->charset, job->sources[i]);
	/* They are the receiver's business. */
	for (unsigned i = 0; job->push && i < settings->alternative_count; i++)
		put_path(&alternatives, settings->charset, settings->alternatives[i]);
	if (job->push && settings->alternative_count) {
		open.alternative = settings->alternative;
		open.fuzzy_alternatives = settings->fuzzy_alternatives;
	}
	lade_parameters_encode(settings, job->push, &parameters);
	error = lade_filter_encode(settings->filter, &rules);
	if (!error)
		error = paths.error ? paths.error : alternatives.error ? alternatives.error : parameters.error;
	if (error)
		lade_fault_set(fault, error, "describe the session (too many rules or paths) to", job->connection->peer);
	open.paths = lade_slice(paths.data, paths.len);
	open.rules = lade_slice(rules.data, rules.len);
	open.alternatives = lade_slice(alternatives.data, alternatives.len);
	open.parameters = lade_slice(parameters.data, parameters.len);
	if (!error)
		error = lade_handshake_open(job->connection, &open, fault);
	lade_writer_fini(&paths);
	lade_writer_fini(&rules);
	lade_writer_fini(&alternatives);
	lade_writer_fini(&parameters);
	return error;
}

static void report_fault(const struct lade_events *events, const struct lade_fault *fault)
{
	struct lade_msg_report report;

	lade_report_of(&report, LADE_REPORT_FATAL, lade_exit_of(fault), fault);
	events->report(events->context, &report);
}

/* [source-names] Exchange the list of sources, where one side has it and the other one needs it. list_out gets what is heard. */
static int exchange_list(const struct lade_sync_job *job, struct lade_source_list *list_out, struct lade_fault *fault)
{
	struct lade_charset *charset = job->settings->charset;

	if (job->push && job->settings->files_from)
		return lade_source_list_hear(job->connection, charset, job->events, list_out, fault);
	return !job->push && job->settings->source_names ? lade_source_list_say(job->connection, charset, job->list, fault) : 0;
}

/* The session is open: do our part. list: what the other side has read, or nothing. */
static int play_client(const struct lade_sync_job *job, const struct lade_run_key *key, const struct lade_source_list *list,
		       struct lade_msg_end *totals_out)
{
	if (!job->push)
		return receive_into(&(struct lade_receiver_job){
			.connection = job->connection, .settings = job->settings, .events = job->events, .key = key,
			.sources = job->sources, .source_count = job->source_count, .list = job->list,
			.unknown_sources = job->settings->files_from, .destination = job->destination,
		}, totals_out);
	return lade_sender_run(&(struct lade_sender_job){
		.connection = job->connection, .settings = job->settings, .events = job->events, .key = key,
		.sources = job->sources, .source_count = job->source_count, .list = list->names ? list : job->list,
		.avoid = job->connection->kind == LADE_CONNECTION_PAIR ? job->destination : NULL,
	}, totals_out);
}

/* The opening up to OPEN, which is said. To a daemon all is said in one go, inside TLS [tls], so that there is one round trip before the session. */
static int open_client(const struct lade_sync_job *job, struct lade_run_key *key_out, struct lade_fault *fault)
{
	struct lade_connection *connection = job->connection;
	uint8_t hello[LADE_HELLO_LEN];
	int error;

	if (!job->selection) {
		error = lade_handshake_greet(connection, job->token, true, key_out, fault);
		return error ? error : open_session(job, fault);
	}
	error = lade_handshake_say_hello(connection, hello, fault);
	if (!error)
		error = lade_handshake_select(connection, job->selection, fault);
	if (!error)
		error = open_session(job, fault);
	return error ? error : lade_handshake_hear_hello(connection, hello, true, key_out, fault);
}

int lade_sync_client(const struct lade_sync_job *job, struct lade_msg_end *totals_out)
{
	struct lade_source_list list = { 0 };
	struct lade_run_key key;
	struct lade_fault fault;
	int status;

	memset(totals_out, 0, sizeof(*totals_out));
	lade_sync_watch_silence(job->connection, job->settings->timeout);
	if (open_client(job, &key, &fault) || exchange_list(job, &list, &fault)) {
		if (!list.refused)
			report_fault(job->events, &fault);
		job->connection->lost = !list.refused && fault.code == LADE_E_CLOSED;
		status = list.refused ? list.refused : lade_exit_of(&fault);
	} else {
		status = play_client(job, &key, &list, totals_out);
	}
	lade_source_list_fini(&list);
	return status;
}

/* ---- the server ---- */

/* The paths of OPEN as strings. */
struct path_list {
	char **paths;
	unsigned count;
};

static void free_paths(struct path_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
}

/* At most max of them, none or more. */
static int decode_paths(struct lade_slice encoded, unsigned max, struct lade_charset *charset, struct path_list *list)
{
	char converted[LADE_TARGET_MAX];
	struct lade_reader reader;

	list->count = 0;
	list->paths = calloc(max, sizeof(*list->paths));
	if (!list->paths)
		return LADE_E_MEMORY;
	lade_reader_init(&reader, encoded.data, encoded.len);
	while (lade_reader_left(&reader)) {
		struct lade_slice path = lade_reader_get_slice(&reader, LADE_PATH_MAX);

		if (reader.error)
			return reader.error;
		if (list->count == max || (path.len && memchr(path.data, '\0', path.len)))
			return LADE_E_PROTOCOL;
		path = lade_charset_show(charset, LADE_CHARSET_IN, path, converted, sizeof(converted)); /* [charset] */
		list->paths[list->count] = strndup(path.len ? (const char *)path.data : "", path.len);
		if (!list->paths[list->count++])
			return LADE_E_MEMORY;
	}
	return 0;
}

/* Tell the client why there will be no session. */
static void refuse(struct lade_connection *connection, const struct lade_fault *fault)
{
	struct lade_msg_report report;
	struct lade_writer writer;

	lade_report_of(&report, LADE_REPORT_FATAL, lade_exit_of(fault), fault);
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_report(&writer, &report);
	if (!writer.error)
		(void)lade_frame_write(connection, lade_slice(writer.data, writer.len), 0, NULL);
	lade_writer_fini(&writer);
}

/* The alternative directories: none for a sender, who has no use for them. */
static int decode_alternatives(const struct lade_msg_open *open, struct lade_charset *charset, struct path_list *list)
{
	int error = decode_paths(open->alternatives, LADE_ALTERNATIVES_MAX, charset, list);

	if (error)
		return error;
	for (unsigned i = 0; i < list->count; i++)
		if (!*list->paths[i])
			return LADE_E_PROTOCOL;
	if ((list->count == 0) != (open->alternative == LADE_ALTERNATIVE_NONE) ||
	    (list->count && open->role != ROLE_RECEIVE))
		return LADE_E_PROTOCOL;
	return open->fuzzy_alternatives && !list->count ? LADE_E_PROTOCOL : 0;
}

/* Both sides get the maps of owners, and only one uses them: 0, or why text is none. */
static int check_map(const char *text)
{
	struct lade_id_map *map = NULL;
	int error = text ? lade_id_map_new(text, NULL, NULL, &map) : 0;

	lade_id_map_free(map);
	return error == LADE_E_USAGE ? LADE_E_PROTOCOL : error;
}

/* [charset] Open that of the client. */
static int open_charset(struct lade_settings *settings, struct lade_fault *fault)
{
	/* Most are libraries, which there would be the client's own. */
	if (settings->grant && settings->grant->own_root)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "allow, where a module is the root directory (use chroot), the option", "--iconv");
	return lade_charset_new(settings->far_names, &settings->charset, fault);
}

static int check_open(const struct lade_msg_open *open, struct path_list *list, struct path_list *alternatives,
		      struct lade_settings *settings, struct lade_fault *fault)
{
	int error;

	if (open->options & ~LADE_OPTIONS_KNOWN || open->path >= LADE_PATH_COUNT) {
		lade_fault_set(fault, LADE_E_VERSION, "understand the options of a newer client", NULL);
		return LADE_E_VERSION;
	}
	error = lade_parameters_decode(open->parameters, open->role == ROLE_RECEIVE, settings, fault);
	if (!error && settings->far_names)
		error = open_charset(settings, fault);
	if (error)
		return error;
	error = lade_parameters_convert(settings);
	if (!error && settings->compression == LADE_COMPRESSION_ZSTD && !settings->level)
		error = LADE_E_PROTOCOL;
	if (!error)
		error = check_map(settings->usermap);
	if (!error)
		error = check_map(settings->groupmap);
	if (!error)
		error = decode_paths(open->paths, LADE_SOURCES_MAX, settings->charset, list);
	if (!error && (!list->count || (open->role == ROLE_RECEIVE && list->count != 1)))
		error = LADE_E_PROTOCOL;
	/* The names of a list are below one directory, and the server's own standard input is the session. */
	if (!error && settings->files_from &&
	    (settings->source_names || !*settings->files_from || strcmp(settings->files_from, "-") == 0))
		error = LADE_E_PROTOCOL;
	if (!error && (settings->source_names || settings->files_from) && list->count != 1)
		error = LADE_E_PROTOCOL;
	if (!error)
		error = decode_alternatives(open, settings->charset, alternatives);
	settings->alternatives = (const char *const *)alternatives->paths;
	settings->alternative_count = alternatives->count;
	if (!error)
		error = lade_filter_decode(open->rules, &settings->filter);
	/* [charset] The client's rules are in its own character set. */
	if (!error && settings->charset)
		error = lade_own_rules_backup(settings);
	if (!error && settings->charset)
		error = lade_own_rules_partial(settings);
	return error ? lade_fault_set(fault, error, "understand the client's request", NULL) : 0;
}

/* [source-names] The server's part of exchange_list(): read the list, or hear it from the client; and say it where the client has the sources. */
static int serve_list(struct lade_connection *connection, const struct lade_msg_open *open, const struct lade_settings *settings,
		      struct lade_source_list *list_out, struct lade_fault *fault)
{
	int error = 0;

	if (settings->source_names)
		error = lade_source_list_hear(connection, settings->charset, NULL, list_out, fault);
	else if (settings->files_from)
		error = lade_source_list_read(settings->base, settings->files_from, settings->from0, false, list_out, fault);
	if (!error && settings->files_from && open->role == ROLE_RECEIVE)
		error = lade_source_list_say(connection, settings->charset, list_out, fault);
	return error;
}

/* Find out what is asked for, and whether it is allowed. */
static int prepare(struct lade_connection *connection, const struct lade_msg_open *open, struct path_list *list,
		   struct path_list *alternatives, struct lade_settings *settings, struct lade_fault *fault)
{
	int error = check_open(open, list, alternatives, settings, fault);

	if (!error && settings->grant) /* [grant] */
		error = lade_grant_apply(settings->grant, open->role == ROLE_RECEIVE, settings, fault);
	if (!error)
		error = lade_sync_limit_memory(settings, fault);
	lade_sync_watch_silence(connection, settings->timeout);
	return error ? error : lade_sync_limit(connection, settings, fault);
}

static int serve_open(struct lade_connection *connection, const struct lade_run_key *key, const struct lade_msg_open *open,
		      const struct lade_session_limits *limits, const struct lade_grant *grant, struct lade_served *served)
{
	struct lade_base base;
	struct lade_settings settings = {
		.options = open->options, .path = (enum lade_path)open->path, .limits = limits,
		.grant = grant, .base = grant ? &base : NULL, .successors = grant ? grant->successors : NULL,
		.alternative = (enum lade_alternative)open->alternative, .fuzzy_alternatives = open->fuzzy_alternatives,
	};
	struct path_list list = { NULL, 0 }, alternatives = { NULL, 0 };
	struct lade_source_list names = { 0 };
	struct lade_fault fault;
	int status;

	if (grant)
		lade_grant_base(grant, &base);
	if (prepare(connection, open, &list, &alternatives, &settings, &fault) ||
	    serve_list(connection, open, &settings, &names, &fault)) {
		refuse(connection, &fault);
		status = lade_exit_of(&fault);
	} else if (open->role == ROLE_RECEIVE) {
		status = receive_into(&(struct lade_receiver_job){
			.connection = connection, .settings = &settings, .key = key, .destination = list.paths[0],
		}, &served->totals);
	} else {
		served->sends = true;
		status = lade_sender_run(&(struct lade_sender_job){
			.connection = connection, .settings = &settings, .key = key,
			.sources = list.paths, .source_count = list.count, .list = names.names ? &names : NULL,
		}, &served->totals);
	}
	lade_source_list_fini(&names);
	free_paths(&list);
	free_paths(&alternatives);
	lade_charset_free(settings.charset);
	lade_parameters_fini(&settings);
	lade_filter_free(settings.filter);
	return status;
}

int lade_sync_serve_greeted(struct lade_connection *connection, const struct lade_run_key *key, const struct lade_session_limits *limits,
			    const struct lade_grant *grant, struct lade_served *served_out)
{
	struct lade_served nobody_asks, *served = served_out ? served_out : &nobody_asks;
	bool limited = connection->throttle;
	struct lade_msg_open open;
	struct lade_writer control;
	struct lade_fault fault;
	int status;

	memset(served, 0, sizeof(*served));
	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_sync_watch_silence(connection, grant ? grant->timeout : 0);
	if (lade_handshake_accept(connection, &control, &open, &fault))
		status = lade_exit_of(&fault);
	else
		status = serve_open(connection, key, &open, limits, grant, served);
	if (!limited) {
		lade_throttle_free(connection->throttle);
		connection->throttle = NULL;
	}
	lade_writer_fini(&control);
	return status;
}

int lade_sync_serve(struct lade_connection *connection, const struct lade_token *token, const struct lade_session_limits *limits,
		    const struct lade_grant *grant)
{
	struct lade_run_key key;
	struct lade_fault fault;

	if (lade_handshake_greet(connection, token, false, &key, &fault))
		return lade_exit_of(&fault);
	return lade_sync_serve_greeted(connection, &key, limits, grant, NULL);
}
