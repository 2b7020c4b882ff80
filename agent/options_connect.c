/*
 * Reaching the other side. What an option cannot do for the kind of connection at hand is said, with what does it there.
 */
#include "agent/options_connect.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/known_hosts.h"
#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/quantity.h"
#include "agent/remote_shell.h"
#include "protocol/exit_status.h"

/* Values of a socket option: 0 or 1, which may be left out; a number; or one that its name stands for. */
enum kind { SWITCH, NUMBER, FIXED };

/*
 * Those of rsync(1) that a client may set. The low-water marks and time-outs of sockets are not among them: connections here rely on their
 * own, and --timeout is an option.
 */
static const struct {
	const char *name;
	int level, option;
	enum kind kind;
	int value; /* FIXED */
} socket_options[] = {
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, SWITCH, 0 },
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, SWITCH, 0 },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, NUMBER, 0 },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, NUMBER, 0 },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, SWITCH, 0 },
	{ "IPTOS_LOWDELAY", IPPROTO_IP, IP_TOS, FIXED, IPTOS_LOWDELAY },
	{ "IPTOS_THROUGHPUT", IPPROTO_IP, IP_TOS, FIXED, IPTOS_THROUGHPUT },
};

#define SOCKET_OPTION_COUNT (sizeof(socket_options) / sizeof(socket_options[0]))

/* The row whose name is the first len bytes of text; SOCKET_OPTION_COUNT if there is none. */
static size_t find_socket_option(const char *text, size_t len)
{
	size_t i = 0;

	while (i < SOCKET_OPTION_COUNT &&
	       (strlen(socket_options[i].name) != len || memcmp(socket_options[i].name, text, len) != 0))
		i++;
	return i;
}

/* Add one, text being NAME or NAME=VALUE. False if it is none. */
static bool add_socket_option(struct lade_options *options, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t found = find_socket_option(text, equals ? (size_t)(equals - text) : strlen(text));
	struct lade_socket_option *to = &options->socket_options[options->socket_option_count];
	uint64_t value = 1;

	if (found == SOCKET_OPTION_COUNT || options->socket_option_count == LADE_SOCKET_OPTIONS_MAX)
		return false;
	if (equals ? socket_options[found].kind == FIXED : socket_options[found].kind == NUMBER)
		return false;
	if (equals && lade_quantity_number(equals + 1, socket_options[found].kind == SWITCH ? 1 : INT32_MAX, &value))
		return false;
	to->name = socket_options[found].name;
	to->level = socket_options[found].level;
	to->option = socket_options[found].option;
	to->value = socket_options[found].kind == FIXED ? socket_options[found].value : (int)value;
	options->socket_option_count++;
	return true;
}

/* A list NAME[=VALUE],... */
static int apply_sockopts(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	char *list = strdup(use->value), *save = NULL;
	int error = 0;

	if (!list)
		return lade_complain_memory(complaint);
	options->socket_option_count = 0;
	for (char *text = strtok_r(list, ", \t", &save); text && !error; text = strtok_r(NULL, ", \t", &save))
		if (!add_socket_option(options, text))
			error = lade_complain(complaint, LADE_EXIT_USAGE,
					      "option '%s': '%s' is no socket option of SO_KEEPALIVE, SO_REUSEADDR, SO_SNDBUF=BYTES, "
					      "SO_RCVBUF=BYTES, TCP_NODELAY, IPTOS_LOWDELAY, IPTOS_THROUGHPUT; " HINT, use->spelled, text);
	free(list);
	return error;
}

int lade_options_apply_connection(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_IPV4:
		options->family = use->on ? AF_INET : AF_UNSPEC;
		return 0;
	case LADE_SYNC_IPV6:
		options->family = use->on ? AF_INET6 : AF_UNSPEC;
		return 0;
	default: /* SOCKOPTS */
		return apply_sockopts(options, use, complaint);
	}
}

static int misplaced(struct lade_complaint *complaint, const char *option, const char *instead)
{
	return lade_complain(complaint, LADE_EXIT_USAGE, "%s is for lade:// and lade+tcp://%s; " HINT, option, instead);
}

/* Options of a daemon's clients. */
static int check_daemon_only(const struct lade_options *options, struct lade_complaint *complaint)
{
	const char *option = options->key_file ? "--key" : options->ca_file ? "--ca" : options->accept_new_host ? "--accept-new-host" : NULL;

	return option ? lade_complain(complaint, LADE_EXIT_USAGE, "%s is for lade://; " HINT, option) : 0;
}

/* Options of sockets that lade makes itself. */
static int check_tcp_only(const struct lade_options *options, struct lade_complaint *complaint)
{
	bool ssh = options->remote.kind == LADE_ENDPOINT_SSH;

	if (options->contimeout)
		return misplaced(complaint, "--contimeout", ssh ? "; for ssh write -e 'ssh -o ConnectTimeout=SECONDS'" : "");
	if (options->address)
		return misplaced(complaint, "--address", ssh ? "; for ssh write -e 'ssh -b ADDRESS'" : "");
	if (options->port)
		return misplaced(complaint, "--port", ssh ? "; for ssh write -e 'ssh -p PORT'" : "");
	if (options->socket_option_count)
		return misplaced(complaint, "--sockopts", "");
	if (options->token_file)
		return misplaced(complaint, "--token-file (--password-file)", ssh ? "; what ssh asks for is ssh's business" : "");
	return 0;
}

/* --port, where the address has none. */
static int take_port(struct lade_options *options, struct lade_complaint *complaint)
{
	uint64_t port;

	if (options->port && (lade_quantity_number(options->port, 65535, &port) || !port))
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '--port': '%s' is no port from 1 to 65535; " HINT, options->port);
	if (options->port && options->remote.port)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--port=%s: the address names a port already, %s; " HINT, options->port,
				     options->remote.port);
	if (options->port && !(options->remote.port = strdup(options->port)))
		return lade_complain_memory(complaint);
	return 0;
}

static int check_tcp(struct lade_options *options, struct lade_complaint *complaint)
{
	int error = take_port(options, complaint);

	if (error)
		return error;
	if (!options->remote.port)
		return lade_complain(complaint, LADE_EXIT_USAGE, "lade+tcp://%s/ names no port: write lade+tcp://HOST:PORT/path or --port=PORT; " HINT,
				     options->remote.host);
	if (!options->token_file)
		return lade_complain(complaint, LADE_EXIT_USAGE, "lade+tcp:// needs --token-file=FILE; " HINT);
	return 0;
}

static int check_daemon(struct lade_options *options, struct lade_complaint *complaint)
{
	const struct lade_endpoint *remote = &options->remote;
	int error = take_port(options, complaint);

	if (error)
		return error;
	if (!remote->port && !(options->remote.port = strdup(LADE_DAEMON_PORT)))
		return lade_complain_memory(complaint);
	if (options->token_file && !remote->user)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--password-file: whose password? Write lade://USER@%s/%s; " HINT, remote->host,
				     remote->module);
	if (!*remote->module && (!options->list_only || options->source_count > 1))
		return lade_complain(complaint, LADE_EXIT_USAGE, "lade://%s/ names no module; 'lade list lade://%s/' shows which there are",
				     remote->host, remote->host);
	return 0;
}

/* True if a word of the command is a program of that name, with or without its directory. */
static bool runs(const char *command, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(command, name); at; at = strstr(at + 1, name))
		if ((at == command || strchr(" \t/", at[-1])) && (!at[len] || strchr(" \t", at[len])))
			return true;
	return false;
}

static int check_shell(const struct lade_options *options, struct lade_complaint *complaint)
{
	if (options->lade_path && runs(options->lade_path, "rsync"))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "'%s' runs rsync: the far side of lade is lade, --lade-path (--rsync-path) says where it is; " HINT,
				     options->lade_path);
	return 0;
}

/* One half of --iconv, which is text: a name, or nothing for the locale's. */
static int take_charset(const char *text, const char *name, size_t len, char charset_out[LADE_CHARSET_NAME_MAX + 1],
			struct lade_complaint *complaint)
{
	if (len > LADE_CHARSET_NAME_MAX || memchr(name, ',', len))
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '--iconv': '%s' is not HERE,THERE: two character sets; " HINT, text);
	memcpy(charset_out, len ? name : ".", len ? len : 1);
	charset_out[len ? len : 1] = '\0';
	return 0;
}

/* --iconv. As in rsync, one name is that of both, and a dash takes the option back. */
static int check_charsets(struct lade_options *options, struct lade_complaint *complaint)
{
	const char *comma = options->iconv ? strchr(options->iconv, ',') : NULL, *far = comma ? comma + 1 : options->iconv;
	size_t len;

	if (!options->iconv || strcmp(options->iconv, "-") == 0 || !*options->iconv) {
		options->iconv = NULL;
		return 0;
	}
	len = comma ? (size_t)(comma - options->iconv) : strlen(options->iconv);
	if (take_charset(options->iconv, options->iconv, len, options->charset, complaint) ||
	    take_charset(options->iconv, far, strlen(far), options->far_charset, complaint))
		return LADE_E_USAGE;
	options->settings.far_names = options->far_charset;
	return 0;
}

int lade_options_check_connection(struct lade_options *options, struct lade_complaint *complaint)
{
	int error = check_charsets(options, complaint);

	if (error)
		return error;
	if (options->token_file && options->list_file && strcmp(options->token_file, "-") == 0 && strcmp(options->list_file, "-") == 0)
		return lade_complain(complaint, LADE_EXIT_USAGE, "standard input cannot be both the secret and the list of --files-from; " HINT);
	if (options->remote.kind == LADE_ENDPOINT_DAEMON)
		return check_daemon(options, complaint);
	error = check_daemon_only(options, complaint);
	if (error)
		return error;
	if (options->remote.kind == LADE_ENDPOINT_TCP)
		return check_tcp(options, complaint);
	error = check_tcp_only(options, complaint);
	if (!error && options->remote.kind == LADE_ENDPOINT_SSH)
		return check_shell(options, complaint);
	if (!error && options->family)
		error = lade_complain(complaint, LADE_EXIT_USAGE, "--ipv4 and --ipv6 do nothing where both sides are on this host; " HINT);
	return error;
}
