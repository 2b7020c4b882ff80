/*
 * `lade serve`: the answering side, on standard input and output or behind a TCP port.
 *
 * The listener's process speaks to no peer: each connection has a process of its own, at
 * most SESSIONS_MAX at once; who comes then waits in the kernel's queue. Signals are
 * blocked except while it waits, so none is lost between a look at a flag and the wait.
 */
#include "agent/command_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/help.h"
#include "agent/option_walk.h"
#include "agent/quantity.h"
#include "agent/screen.h"
#include "agent/serve_room.h"
#include "agent/store/store_server.h"
#include "agent/sync/grant.h"
#include "agent/sync/handshake.h"
#include "agent/sync/sync.h"
#include "agent/token.h"
#include "transport/connection.h"
#include "transport/listener.h"

#define HINT "try 'lade help serve'"
#define SESSIONS_MAX 64u

/* Pause after an accept that failed for want of descriptors or memory. */
#define PAUSE_MS 200

/* Set by signals; the only thing their handlers do. */
static volatile sig_atomic_t stop_requested;

enum serve_option {
	SERVE_STDIO, SERVE_LISTEN, SERVE_TOKEN_FILE, SERVE_RESTRICT, SERVE_READ_ONLY, SERVE_WRITE_ONLY, SERVE_APPEND_ONLY, SERVE_REPOSITORY, SERVE_WRITER,
	SERVE_QUOTA, SERVE_MIN_FREE, SERVE_HELP
};

static const struct lade_option_row rows[] = {
	{ .name = "stdio", .id = SERVE_STDIO },
	{ .name = "listen", .id = SERVE_LISTEN, .value = "ADDR:PORT" },
	{ .name = "token-file", .id = SERVE_TOKEN_FILE, .value = "FILE" },
	{ .name = "restrict", .id = SERVE_RESTRICT, .value = "DIR" },
	{ .name = "read-only", .id = SERVE_READ_ONLY },
	{ .name = "write-only", .id = SERVE_WRITE_ONLY },
	{ .name = "append-only", .id = SERVE_APPEND_ONLY },
	{ .name = "repository", .id = SERVE_REPOSITORY },
	{ .name = "writer", .id = SERVE_WRITER, .value = "ID" },
	{ .name = "quota", .id = SERVE_QUOTA, .value = "SIZE" },
	{ .name = "min-free", .id = SERVE_MIN_FREE, .value = "SIZE" },
	{ .name = "help", .letter = 'h', .id = SERVE_HELP },
};

/* What was asked for; borrowed from argv. */
struct request {
	bool stdio;
	bool help;
	const char *listen;
	const char *token_file;
	const char *restrict_to; /* the one directory that is served; NULL: whatever the client names */
	bool read_only, write_only, append_only;
	bool repository;         /* a repository is served, not trees */
	const char *writer;      /* the id that the client adds backups under; NULL: the first that it says */
	struct lade_serve_limits limits;
};

/* A session under way. */
struct session {
	pid_t pid; /* 0: free */
	char peer[256];
};

/* The listening server. */
struct server {
	const struct request *request;
	struct lade_listener listener;
	struct lade_token token;
	sigset_t outer_mask; /* in force before, and in the sessions */
	sigset_t wait_mask;  /* while the server waits */
	struct session sessions[SESSIONS_MAX];
	unsigned session_count;
	bool short_of_descriptors; /* said already */
};

/* Take the id of a writer: 0 or LADE_E_USAGE. */
static int parse_writer(const char *text, uint8_t id_out[LADE_PARTY_ID_LEN])
{
	size_t len;

	if (strlen(text) != 2 * LADE_PARTY_ID_LEN || sodium_hex2bin(id_out, LADE_PARTY_ID_LEN, text, strlen(text), NULL, &len, NULL) || len != LADE_PARTY_ID_LEN)
		return LADE_E_USAGE;
	return 0;
}

/* Take what bounds the room of a repository. */
static int parse_limit(const struct lade_option_use *use, uint64_t *size_out, struct lade_complaint *complaint)
{
	if (lade_quantity_size(use->value, 1, size_out) || !*size_out)
		return lade_complain(complaint, LADE_EXIT_USAGE, "'%.100s' is no size for --%s: bytes, or with a unit (500m, 2tib); " HINT, use->value, use->row->name);
	return 0;
}

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct request *request = context;

	if (!use->row)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "'%s' is not an option of serve; " HINT, use->value);
	switch ((enum serve_option)use->row->id) {
	case SERVE_STDIO:
		request->stdio = true;
		break;
	case SERVE_LISTEN:
		request->listen = use->value;
		break;
	case SERVE_TOKEN_FILE:
		request->token_file = use->value;
		break;
	case SERVE_RESTRICT:
		request->restrict_to = use->value;
		break;
	case SERVE_READ_ONLY:
		request->read_only = true;
		break;
	case SERVE_WRITE_ONLY:
		request->write_only = true;
		break;
	case SERVE_APPEND_ONLY:
		request->append_only = true;
		break;
	case SERVE_REPOSITORY:
		request->repository = true;
		break;
	case SERVE_WRITER:
		request->writer = use->value;
		break;
	case SERVE_QUOTA:
		return parse_limit(use, &request->limits.quota, complaint);
	case SERVE_MIN_FREE:
		return parse_limit(use, &request->limits.min_free, complaint);
	case SERVE_HELP:
		request->help = true;
		return 1;
	}
	return 0;
}

/* What --repository goes with. */
static int check_repository(const struct request *request, struct lade_complaint *complaint)
{
	uint8_t id[LADE_PARTY_ID_LEN];

	if (request->repository && request->write_only)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--write-only is for trees: who adds to a repository reads in it, too (--append-only); " HINT);
	if (request->writer && !(request->repository && request->append_only))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--writer belongs to --repository --append-only; " HINT);
	if ((request->limits.quota || request->limits.min_free) && !(request->repository && request->restrict_to && !request->read_only))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--quota and --min-free belong to --repository --restrict=DIR, where a client may add; " HINT);
	if (request->writer && parse_writer(request->writer, id))
		return lade_complain(complaint, LADE_EXIT_USAGE, "'%.100s' is no id of a writer: 32 digits, as 'lade key add --write-only' prints them", request->writer);
	return 0;
}

/* What --restrict goes with. */
static int check_restriction(const struct request *request, struct lade_complaint *complaint)
{
	int rights = request->read_only + request->write_only + request->append_only;

	if (request->restrict_to && !request->stdio)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--restrict belongs to --stdio; " HINT);
	if (request->restrict_to && !*request->restrict_to)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--restrict needs a directory; " HINT);
	if (rights && !request->restrict_to)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--read-only, --write-only and --append-only belong to --restrict=DIR; " HINT);
	if (rights > 1)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--read-only, --write-only and --append-only exclude each other; " HINT);
	return 0;
}

static int parse(struct request *request, int argc, char **argv, struct lade_complaint *complaint)
{
	const struct lade_option_walk walk = {
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.apply = apply,
		.context = request,
		.hint = HINT,
	};
	int error = lade_option_walk(&walk, argc, argv, complaint);

	if (error < 0 || request->help)
		return error < 0 ? error : 0;
	if (request->stdio == (request->listen != NULL))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "either --stdio or --listen is needed; " HINT);
	if (request->stdio && request->token_file)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--token-file belongs to --listen; " HINT);
	if (request->listen && !request->token_file)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--listen needs --token-file=FILE; " HINT);
	error = check_repository(request, complaint);
	return error ? error : check_restriction(request, complaint);
}

/* What a client of a repository may do. */
static struct lade_store_rights rights_of(const struct request *request)
{
	struct lade_store_rights rights = { .class = LADE_STORE_OWNS };

	if (request->append_only)
		rights.class = LADE_STORE_WRITES;
	if (request->read_only)
		rights.class = LADE_STORE_READS;
	rights.has_party = request->writer && parse_writer(request->writer, rights.party) == 0;
	return rights;
}

static void note(void *context, const char *text)
{
	(void)context;
	lade_screen_print(stderr, text);
}

/* Where a repository is served. */
struct serve_place {
	int root_fd;                  /* below this directory; -1: wherever the client says */
	struct lade_store_room *room; /* what is put is counted there; NULL: nothing bounds it */
};

/* Serve a repository. token: NULL if none is asked for. */
static int serve_repository(const struct request *request, struct lade_connection *connection, const struct lade_token *token, const struct serve_place *place)
{
	struct lade_run_key key;
	const struct lade_store_serving serving = {
		.connection = connection, .key = &key, .root_fd = place->root_fd, .rights = rights_of(request), .room = place->room, .note = note,
	};
	struct lade_fault fault;
	int error = lade_handshake_greet(connection, token, false, &key, &fault);

	if (!error)
		error = lade_store_serve(&serving, &fault);
	/* What was said to the client he tells. */
	return !error ? LADE_EXIT_OK : error == LADE_E_PROTOCOL || error == LADE_E_UNSUPPORTED ? LADE_EXIT_VERSION : LADE_EXIT_STREAM;
}

/*
 * Serve one directory and nothing else, whatever the client says: the other end of a forced command of sshd(8). Who may only add to it, or write,
 * does not read.
 */
static int serve_restricted(const struct request *request, struct lade_connection *connection, struct lade_complaint *complaint)
{
	struct lade_grant grant = {
		.root_fd = open(request->restrict_to, O_PATH | O_DIRECTORY | O_CLOEXEC), .state_fd = -1,
		.may_read = request->repository || (!request->write_only && !request->append_only), .may_write = !request->read_only,
		.append_only = request->append_only,
	};
	struct lade_serve_room room;
	struct lade_fault fault = { .code = 0 };
	int status;

	if (grant.root_fd < 0) {
		lade_fault_set(&fault, LADE_E_SYSTEM, "open directory (--restrict)", request->restrict_to);
		lade_complain_fault(complaint, LADE_EXIT_FILE, &fault);
		return complaint->exit_status;
	}
	/* Nothing that is not below it is meant, not even by a mistake; the account, which is elsewhere, is open by then. */
	if (!lade_serve_room_init(&room, grant.root_fd, &request->limits, &fault) && fchdir(grant.root_fd))
		lade_fault_set(&fault, LADE_E_SYSTEM, "enter directory (--restrict)", request->restrict_to);
	if (!fault.code)
		(void)lade_grant_confine(&grant, &fault);
	if (fault.code) {
		lade_complain_fault(complaint, LADE_EXIT_IPC, &fault);
		status = complaint->exit_status;
	} else {
		status = request->repository ? serve_repository(request, connection, NULL, &(struct serve_place){ grant.root_fd, room.room }) :
			lade_sync_serve(connection, NULL, NULL, &grant);
	}
	lade_serve_room_fini(&room);
	close(grant.root_fd);
	return status;
}

static int serve_stdio(const struct request *request, struct lade_complaint *complaint)
{
	struct lade_connection connection;
	struct lade_fault fault;
	int status;

	if (isatty(STDIN_FILENO)) {
		lade_complain(
			complaint, LADE_EXIT_USAGE,
			"serve --stdio is run by the `lade sync` of another host through a remote shell; "
			"standard input is a terminal, where nobody speaks the protocol");
		return complaint->exit_status;
	}
	if (lade_sync_setup(&fault)) {
		lade_complain_fault(complaint, LADE_EXIT_IPC, &fault);
		return complaint->exit_status;
	}
	lade_connection_stdio(&connection);
	if (request->restrict_to)
		status = serve_restricted(request, &connection, complaint);
	else
		status = request->repository ? serve_repository(request, &connection, NULL, &(struct serve_place){ .root_fd = -1 }) : lade_sync_serve(&connection, NULL, NULL, NULL);
	lade_connection_close(&connection);
	return status;
}

static void on_signal(int number)
{
	if (number != SIGCHLD)
		stop_requested = 1;
}

static const int signals[] = { SIGTERM, SIGINT, SIGCHLD };

static void set_handlers(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &action, NULL);
}

static void take_signals(struct server *server)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&ours, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &ours, &server->outer_mask);
	server->wait_mask = server->outer_mask;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(&server->wait_mask, signals[i]);
	set_handlers(on_signal);
}

static void session_ended(struct session *session, int how)
{
	char text[400];

	if (WIFSIGNALED(how))
		snprintf(text, sizeof(text), "session of %s: killed by signal %d", session->peer,
			 WTERMSIG(how));
	else
		snprintf(text, sizeof(text), "session of %s: exit status %d", session->peer,
			 WEXITSTATUS(how));
	lade_screen_print(stderr, text);
	session->pid = 0;
}

static void reap(struct server *server)
{
	pid_t pid;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		for (size_t i = 0; i < SESSIONS_MAX; i++) {
			if (server->sessions[i].pid == pid) {
				session_ended(&server->sessions[i], how);
				server->session_count--;
			}
		}
	}
}

/* The process of one session. */
static int serve_session(struct server *server, struct lade_connection *connection)
{
	struct lade_fault fault;
	int status;

	/* What ends the listener from its terminal is not meant for sessions under way. */
	(void)setpgid(0, 0);
	set_handlers(SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &server->outer_mask, NULL);
	lade_listener_close(&server->listener);
	if (lade_sync_setup(&fault))
		return LADE_EXIT_IPC;
	/* Its handshake has a deadline: a silent peer does not hold a session for long. */
	status = server->request->repository ? serve_repository(server->request, connection, &server->token, &(struct serve_place){ .root_fd = -1 }) :
		lade_sync_serve(connection, &server->token, NULL, NULL);
	lade_connection_close(connection);
	return status;
}

static struct session *free_session(struct server *server)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		if (server->sessions[i].pid == 0)
			return &server->sessions[i];
	}
	return NULL;
}

/* Give a connection its process. fd is consumed. */
static void start_session(struct server *server, int fd)
{
	struct session *session = free_session(server);
	struct lade_connection connection;
	struct lade_fault fault;
	char text[400];
	pid_t pid;

	if (lade_connection_accept(&connection, fd, &fault))
		return;
	pid = fork();
	if (pid == 0)
		_exit(serve_session(server, &connection));
	if (pid < 0) {
		snprintf(text, sizeof(text), "session of %s: fork: %s", connection.peer,
			 strerror(errno));
		lade_screen_print(stderr, text);
	} else {
		session->pid = pid;
		snprintf(session->peer, sizeof(session->peer), "%s", connection.peer);
		server->session_count++;
	}
	lade_connection_close(&connection);
}

/* Say once that accept fails, not for each try. */
static void accept_failed(struct server *server, const struct lade_fault *fault)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	struct lade_complaint complaint;

	if (!server->short_of_descriptors) {
		lade_complain_fault(&complaint, LADE_EXIT_SOCKET, fault);
		lade_screen_print(stderr, complaint.text);
	}
	server->short_of_descriptors = true;
	/* A session that ends, which would help, cuts it short. */
	(void)ppoll(NULL, 0, &pause, &server->wait_mask);
}

static void serve_until_stopped(struct server *server)
{
	struct lade_fault fault;
	int fd = -1, error;

	while (!stop_requested) {
		reap(server);
		if (server->session_count == SESSIONS_MAX) {
			(void)sigsuspend(&server->wait_mask);
			continue;
		}
		error = lade_listener_accept(&server->listener, -1, &server->wait_mask, &fd,
					     &fault);
		if (error == 0) {
			server->short_of_descriptors = false;
			start_session(server, fd);
		} else if (error != LADE_E_AGAIN) {
			accept_failed(server, &fault);
		}
	}
}

static int open_listener(struct server *server, const char *where, struct lade_complaint *complaint)
{
	struct lade_listener_address address;
	struct lade_fault fault;
	int error;

	if (lade_listener_parse(where, &address))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "'%s': --listen takes ADDR:PORT or [ADDR]:PORT; " HINT, where);
	error = lade_listener_open(&server->listener, &address, true, &fault);
	if (error == LADE_E_REFUSED)
		return lade_complain(
			complaint, LADE_EXIT_SOCKET,
			"listen on \"%s\": refused: plain TCP is neither encrypted nor protected against "
			"changes, so only loopback addresses are served (for other hosts there "
			"are 'lade daemon', with TLS, and ssh)",
			where);
	return error ? lade_complain_fault(complaint, LADE_EXIT_SOCKET, &fault) : 0;
}

static int serve_tcp(const struct request *request, struct lade_complaint *complaint)
{
	struct server server = { .request = request, .listener = { .fd = -1 } };
	struct lade_fault fault;
	char text[LADE_LISTENER_NAME_SIZE + 32];
	int error;

	error = lade_token_load(&server.token, request->token_file, &fault);
	if (error) {
		lade_complain_fault(complaint,
				    error == LADE_E_REFUSED ? LADE_EXIT_AUTH : LADE_EXIT_FILE,
				    &fault);
		return complaint->exit_status;
	}
	if (open_listener(&server, request->listen, complaint)) {
		lade_token_wipe(&server.token);
		return complaint->exit_status;
	}
	take_signals(&server);
	snprintf(text, sizeof(text), "listening on %s", server.listener.name);
	lade_screen_print(stderr, text);
	serve_until_stopped(&server);
	lade_listener_close(&server.listener);
	lade_token_wipe(&server.token);
	return LADE_EXIT_OK;
}

int lade_command_serve(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = 0 };
	struct request request = { .stdio = false };
	int status;

	if (parse(&request, argc - 1, argv + 1, &complaint))
		status = complaint.exit_status;
	else if (request.help)
		return lade_help_print(stdout, "serve");
	else if (request.stdio)
		status = serve_stdio(&request, &complaint);
	else
		status = serve_tcp(&request, &complaint);
	if (complaint.text[0])
		lade_screen_print(stderr, complaint.text);
	return status;
}
