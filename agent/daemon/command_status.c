/*
 * `lade status`: asks the status socket, and shows what it says. The daemon makes the text: what it does not say in time is not waited for.
 */
#include "agent/daemon/command_status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/config.h"
#include "agent/daemon/place.h"
#include "agent/daemon/status.h"
#include "agent/daemon/status_socket.h"
#include "agent/help.h"
#include "agent/option_walk.h"
#include "agent/quantity.h"
#include "agent/screen.h"
#include "protocol/exit_status.h"

#define HINT "try 'lade help status'"

/* How long a daemon may be silent. */
#define SILENCE_S 10u
#define WATCH_MAX_S 86400u

/* Cursor to the upper left, erase what is below: ECMA-48. */
#define CLEAR "\033[H\033[J"

enum status_option { STATUS_CONFIG, STATUS_SOCKET, STATUS_JSON, STATUS_WATCH, STATUS_HELP };

static const struct lade_option_row rows[] = {
	{ .name = "config", .id = STATUS_CONFIG, .value = "FILE" },
	{ .name = "socket", .id = STATUS_SOCKET, .value = "PATH" },
	{ .name = "json", .id = STATUS_JSON },
	{ .name = "watch", .id = STATUS_WATCH, .value = "SECONDS" },
	{ .name = "help", .letter = 'h', .id = STATUS_HELP },
};

/* What was asked for; borrowed from argv. */
struct request {
	const char *config, *socket;
	bool json, help;
	uint64_t watch_s; /* 0: once */
};

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct request *request = context;

	if (!use->row)
		return lade_complain(complaint, LADE_EXIT_USAGE, "'%s' is not an option of status; " HINT, use->value);
	switch ((enum status_option)use->row->id) {
	case STATUS_CONFIG:
		request->config = use->value;
		break;
	case STATUS_SOCKET:
		request->socket = use->value;
		break;
	case STATUS_JSON:
		request->json = true;
		break;
	case STATUS_WATCH:
		if (lade_quantity_number(use->value, WATCH_MAX_S, &request->watch_s) || !request->watch_s)
			return lade_complain(complaint, LADE_EXIT_USAGE, "--watch=%s: seconds, from 1 to %u", use->value, WATCH_MAX_S);
		break;
	case STATUS_HELP:
		request->help = true;
		return 1;
	}
	return 0;
}

/* `lade daemon --check` is for what is wrong with a configuration; here only a line of it counts. */
static void ignore(void *context, const struct lade_config_error *error)
{
	(void)context;
	(void)error;
}

/* The socket's path, which the caller frees; NULL with the complaint. */
static char *find_socket(const struct request *request, struct lade_complaint *complaint)
{
	struct lade_daemon_config *config;
	struct lade_fault fault;
	char *path = NULL;
	int error;

	if (request->config && request->socket) {
		lade_complain(complaint, LADE_EXIT_USAGE, "--config and --socket both say where the status socket is: give one of them");
		return NULL;
	}
	if (request->socket)
		path = strdup(request->socket);
	else if (!request->config)
		path = lade_daemon_place_status();
	if (path)
		return path;
	if (!request->config) {
		lade_complain(complaint, LADE_EXIT_USAGE, "where is the status socket? There is no HOME: name it by --socket=PATH");
		return NULL;
	}
	error = lade_daemon_config_read(request->config, ignore, NULL, &config, &fault);
	if (error == LADE_E_USAGE) {
		lade_complain(complaint, LADE_EXIT_USAGE, "%s has faults: 'lade daemon --check --config %s' shows them", request->config, request->config);
		return NULL;
	}
	if (error) {
		lade_complain_fault(complaint, LADE_EXIT_USAGE, &fault);
		return NULL;
	}
	path = strdup(config->status);
	lade_daemon_config_free(config);
	if (!path)
		lade_complain_memory(complaint);
	return path;
}

/* True if a terminal could obey some of it: what a daemon says is escaped, and whose socket it is need not be one. */
static bool has_controls(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)bytes[i] < ' ' && bytes[i] != '\n' && bytes[i] != '\t') || bytes[i] == 0x7f)
			return true;
	return false;
}

/* Write down all that comes. Returns 0; LADE_E_PROTOCOL: no daemon says that; LADE_E_CLOSED: nothing at all did, it was too busy, or did not want to; LADE_E_TIMEOUT, LADE_E_SYSTEM. */
static int copy_answer(int fd, bool clear)
{
	char buffer[4096];
	bool first = true;
	ssize_t got;
	int error;

	for (;;) {
		got = recv(fd, buffer, sizeof(buffer), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || has_controls(buffer, (size_t)got))
			break;
		if (first && clear)
			(void)fputs(CLEAR, stdout);
		first = false;
		(void)fwrite(buffer, 1, (size_t)got, stdout);
	}
	if (got > 0)
		error = LADE_E_PROTOCOL;
	else if (got < 0)
		error = errno == EAGAIN ? LADE_E_TIMEOUT : LADE_E_SYSTEM;
	else
		error = first ? LADE_E_CLOSED : 0;
	(void)fflush(stdout);
	return error;
}

/* Ask, and write down the answer. Returns as lade_status_socket_connect() and copy_answer(). */
static int talk(const struct request *request, const char *path, struct lade_fault *fault)
{
	const char *words = request->json ? LADE_STATUS_JSON : LADE_STATUS_TEXT;
	int fd, error = lade_status_socket_connect(path, SILENCE_S, &fd, fault);

	if (error)
		return error;
	if (send(fd, words, LADE_STATUS_REQUEST_LEN, MSG_NOSIGNAL) != LADE_STATUS_REQUEST_LEN)
		error = LADE_E_SYSTEM;
	else
		error = copy_answer(fd, request->watch_s && !request->json && isatty(STDOUT_FILENO));
	if (error)
		lade_fault_set(fault, error, "get the status from", path);
	close(fd);
	return error;
}

/* Ask once. Returns the exit status. */
static int ask(const struct request *request, const char *path, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	switch (talk(request, path, &fault)) {
	case 0:
		break;
	case LADE_E_ABSENT:
		lade_complain(complaint, LADE_EXIT_SOCKET, "no daemon answers at %s", path);
		break;
	case LADE_E_TIMEOUT:
		lade_complain(complaint, LADE_EXIT_SOCKET, "the daemon at %s was silent for %u s", path, SILENCE_S);
		break;
	default:
		lade_complain_fault(complaint, LADE_EXIT_SOCKET, &fault);
	}
	return complaint->exit_status;
}

static int show(const struct request *request, struct lade_complaint *complaint)
{
	char *path = find_socket(request, complaint);
	int status;

	if (!path)
		return complaint->exit_status;
	do {
		status = ask(request, path, complaint);
	} while (status == 0 && request->watch_s && !ferror(stdout) &&
		 nanosleep(&(struct timespec){ .tv_sec = (time_t)request->watch_s }, NULL) == 0);
	free(path);
	return status;
}

int lade_command_status(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = 0 };
	struct request request = { .config = NULL };
	const struct lade_option_walk walk = {
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.apply = apply,
		.context = &request,
		.hint = HINT,
	};
	int status;

	if (lade_option_walk(&walk, argc - 1, argv + 1, &complaint) < 0)
		status = complaint.exit_status;
	else if (request.help)
		return lade_help_print(stdout, "status");
	else
		status = show(&request, &complaint);
	if (complaint.text[0])
		lade_screen_print(stderr, complaint.text);
	return status;
}
