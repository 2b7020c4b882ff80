/*
 * Reaching a store. A remote shell runs `lade serve --stdio --repository` at the other end; a daemon has the repository as one of its modules.
 */
#include "agent/repository_reach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/contact.h"
#include "agent/endpoint.h"
#include "agent/remote_shell.h"
#include "agent/repository_again.h"
#include "agent/secret.h"
#include "agent/store/store_folder.h"
#include "agent/store/store_limited.h"
#include "agent/store/store_remote.h"
#include "agent/sync/handshake.h"
#include "agent/token.h"
#include "transport/dial.h"

/* Exit statuses of a remote shell: of its own failure, and of a far shell that did not find the command. */
#define SHELL_FAILED 255
#define SHELL_NOT_FOUND 127

/* A store on its way. */
struct reach {
	const struct lade_repository_options *options;
	const char *place;
	bool create;
	struct lade_endpoint endpoint;
	struct lade_complaint *complaint;
};

/* What a store says that cannot be opened. Returns a negative code with the complaint filled. */
static int complain(const char *place, bool create, const struct lade_fault *fault, struct lade_complaint *complaint)
{
	if (!create && fault->code == LADE_E_ABSENT)
		return lade_complain(complaint, LADE_REPOSITORY_ABSENT, "there is no repository in \"%.600s\"; 'lade init' makes one", place);
	if (create && fault->code == LADE_E_EXISTS)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "there is a repository in \"%.600s\" already", place);
	if (create && fault->code == LADE_E_REFUSED && fault->subject[0])
		return lade_complain(complaint, LADE_REPOSITORY_ERROR,
				     "\"%.400s\" holds \"%.200s\", or may not be made: a repository is made in an empty folder, or in one that is not there yet", place,
				     fault->subject);
	return lade_repository_complain(complaint, place, fault);
}

/* ---- a local folder ---- */

int lade_repository_reach_look(const char *place, struct lade_complaint *complaint)
{
	struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
	struct lade_fault fault;
	int fd, error = lade_endpoint_parse(&endpoint, place, complaint);
	const bool local = endpoint.kind == LADE_ENDPOINT_LOCAL;

	lade_endpoint_fini(&endpoint);
	if (error)
		lade_repository_own_complaint(complaint);
	if (error || !local)
		return error;
	fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "open \"%.600s\": %s", place, strerror(errno));
	error = lade_store_folder_vacant(fd, &fault);
	close(fd);
	return error ? complain(place, true, &fault, complaint) : 0;
}

static int reach_folder(struct reach *reach, struct lade_store **store_out)
{
	struct lade_fault fault;
	int error = reach->create ? lade_repository_reach_look(reach->place, reach->complaint) : 0;

	if (error)
		return error;
	error = lade_store_folder_open(reach->place, reach->create, store_out, &fault);
	if (error)
		return complain(reach->place, reach->create, &fault, reach->complaint);
	error = reach->create ? 0 : lade_repository_look(*store_out, &fault);
	if (!error)
		return 0;
	lade_store_close(*store_out);
	return complain(reach->place, false, &fault, reach->complaint);
}

/* ---- another host ---- */

/* Open it over a connection, which is consumed. */
static int open_remote(struct reach *reach, const struct lade_connection *connection, const struct lade_run_key *key, struct lade_store **store_out)
{
	struct lade_fault fault;
	int error = lade_store_remote_open(connection, key, reach->endpoint.path, reach->create, store_out, &fault);

	return error ? complain(reach->place, reach->create, &fault, reach->complaint) : 0;
}

/* A remote shell that did not get us to a lade: its exit status may tell why. */
static int complain_shell(struct reach *reach, const struct lade_remote_shell *shell, struct lade_connection *connection, const struct lade_fault *fault)
{
	int status;

	if (fault->code != LADE_E_CLOSED)
		lade_connection_cancel(connection);
	status = lade_connection_reap(connection);
	if (status == SHELL_NOT_FOUND)
		return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR,
				     "'%.300s' was not found on %.200s (exit status 127): is lade installed there? --lade-path names it", shell->command, reach->endpoint.host);
	if (status == SHELL_FAILED)
		return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR, "the remote shell '%.300s' to %.200s failed (exit status 255)", shell->argv[0],
				     reach->endpoint.host);
	return lade_repository_complain(reach->complaint, reach->place, fault);
}

static int reach_shell(struct reach *reach, struct lade_store **store_out)
{
	const struct lade_remote_shell_request request = {
		.rsh = reach->options->rsh, .remote = &reach->endpoint, .program = reach->options->lade_path, .repository = true,
	};
	struct lade_remote_shell shell = { 0 };
	struct lade_connection connection;
	struct lade_run_key key;
	struct lade_fault fault;
	int error = lade_remote_shell_build(&shell, &request, reach->complaint);

	if (error) {
		lade_repository_own_complaint(reach->complaint);
	} else if (lade_connection_spawn(&connection, shell.argv, reach->endpoint.host, &fault)) {
		error = lade_repository_complain(reach->complaint, reach->place, &fault);
	} else {
		error = lade_handshake_greet(&connection, NULL, true, &key, &fault);
		error = error ? complain_shell(reach, &shell, &connection, &fault) : open_remote(reach, &connection, &key, store_out);
	}
	lade_remote_shell_fini(&shell);
	return error;
}

/* A `lade serve --listen --repository`. */
static int reach_tcp(struct reach *reach, struct lade_store **store_out)
{
	const struct lade_dial dial = { .host = reach->endpoint.host, .port = reach->endpoint.port };
	struct lade_connection connection;
	struct lade_token token;
	struct lade_run_key key;
	struct lade_fault fault;
	int error;

	if (!reach->options->token_file)
		return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR, "lade+tcp:// needs --token-file=FILE");
	if (lade_token_load(&token, reach->options->token_file, &fault))
		return lade_complain_fault(reach->complaint, LADE_REPOSITORY_ERROR, &fault);
	error = lade_connection_dial(&connection, &dial, &fault);
	if (!error) {
		error = lade_handshake_greet(&connection, &token, true, &key, &fault);
		if (error)
			lade_connection_close(&connection);
	}
	lade_token_wipe(&token);
	return error ? lade_repository_complain(reach->complaint, reach->place, &fault) : open_remote(reach, &connection, &key, store_out);
}

static int reach_daemon(struct reach *reach, struct lade_store **store_out)
{
	const struct lade_repository_options *options = reach->options;
	const struct lade_contact contact = {
		.dial = { .host = reach->endpoint.host, .port = reach->endpoint.port }, .key_file = options->host_key, .ca_file = options->ca_file,
		.accept_new = options->accept_new_host,
	};
	struct lade_contact_peer peer = { .address = "" };
	struct lade_secret secret = { 0 };
	const struct lade_repository_way way = { &contact, &peer, &reach->endpoint, &secret };
	struct lade_connection connection;
	struct lade_run_key key;
	struct lade_fault fault;
	int error = 0;

	if (!*reach->endpoint.module)
		return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR, "\"%.600s\": which repository of the daemon? lade://HOST/NAME", reach->place);
	if (!reach->endpoint.user != !options->token_file)
		return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR, "--token-file and lade://USER@HOST/... belong together");
	if (options->token_file)
		error = lade_secret_read(options->token_file, &secret, reach->complaint);
	if (!error)
		error = lade_contact_make(&contact, &connection, &peer, reach->complaint);
	if (error) {
		lade_repository_own_complaint(reach->complaint);
	} else if (lade_repository_introduce(&way, peer.exporter, &connection, &key, &fault)) {
		lade_connection_close(&connection);
		error = lade_repository_complain(reach->complaint, reach->place, &fault);
	} else {
		error = open_remote(reach, &connection, &key, store_out);
		if (!error && lade_repository_again_new(&way, *store_out, store_out, &fault))
			error = lade_complain_fault(reach->complaint, LADE_REPOSITORY_ERROR, &fault);
	}
	lade_secret_fini(&secret);
	return error;
}

/* ---- all of them ---- */

/* Put the limits on it. */
static int limit(struct reach *reach, struct lade_store **store)
{
	const uint64_t upload = reach->options->upload << 10, download = reach->options->download << 10;
	struct lade_fault fault;

	if (!upload && !download)
		return 0;
	return lade_store_limited_new(*store, upload, download, store, &fault) ? lade_complain_fault(reach->complaint, LADE_REPOSITORY_ERROR, &fault) : 0;
}

static int reach_it(struct reach *reach, struct lade_store **store_out)
{
	switch (reach->endpoint.kind) {
	case LADE_ENDPOINT_LOCAL:
		return reach_folder(reach, store_out);
	case LADE_ENDPOINT_SSH:
		if (!*reach->endpoint.host)
			return lade_complain(reach->complaint, LADE_REPOSITORY_ERROR, "\"%.600s\": on which host?", reach->place);
		return reach_shell(reach, store_out);
	case LADE_ENDPOINT_DAEMON:
		return reach_daemon(reach, store_out);
	default:
		return reach_tcp(reach, store_out);
	}
}

int lade_repository_reach(const struct lade_repository_options *options, const char *place, bool create, struct lade_store **store_out,
			  struct lade_complaint *complaint)
{
	struct reach reach = { .options = options, .place = place, .create = create, .complaint = complaint };
	struct lade_store *store = NULL;
	int error = lade_endpoint_parse(&reach.endpoint, place, complaint);

	if (error) {
		lade_repository_own_complaint(complaint);
		return error;
	}
	/* A server that is gone shows as EPIPE. */
	if (reach.endpoint.kind != LADE_ENDPOINT_LOCAL)
		(void)signal(SIGPIPE, SIG_IGN);
	error = reach_it(&reach, &store);
	if (!error)
		error = limit(&reach, &store);
	lade_endpoint_fini(&reach.endpoint);
	if (!error)
		*store_out = store;
	return error;
}
