/*
 * Parsing of endpoints. A host never begins with a dash here: remote shells would take
 * it for an option, and options of theirs run commands.
 */
#include "agent/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/credentials.h"
#include "protocol/exit_status.h"
#include "protocol/limits.h"

#define TCP_SCHEME "lade+tcp://"
#define DAEMON_SCHEME "lade://"

static int wrong(struct lade_complaint *complaint, const char *argument, const char *why)
{
	return lade_complain(complaint, LADE_EXIT_USAGE, "'%s': %s", argument, why);
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The length of a scheme with its "://" at the start of text, or 0. */
static size_t scheme_len(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || (len && strchr("+-.", text[len]) && text[len]))
		len++;
	return len && begins(text + len, "://") ? len + 3 : 0;
}

static int refuse_scheme(const char *argument, struct lade_complaint *complaint)
{
	if (begins(argument, "rsync://"))
		return wrong(
			complaint, argument,
			"lade does not speak rsync's protocol; use host:path or lade://HOST/MODULE/path");
	return wrong(complaint, argument,
		     "unknown kind of address; use host:path, lade://HOST/MODULE/path, lade+tcp://HOST:PORT/path or ./path");
}

/*
 * Take a host, in brackets or up to one of the bytes in ends. Returns where it ends, or
 * NULL if it does not end there; *start_out and *len_out are the host itself.
 */
static const char *take_host(const char *text, const char *ends, const char **start_out,
			     size_t *len_out)
{
	const char *end;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end)
			return NULL;
		*start_out = text + 1;
		*len_out = (size_t)(end - text) - 1;
		end++;
	} else {
		*start_out = text;
		*len_out = strcspn(text, ends);
		end = text + *len_out;
	}
	return *end && strchr(ends, *end) ? end : NULL;
}

/* Take HOST[:PORT] from text on; *rest_out is what follows. form: what argument should have been. */
static int parse_authority(struct lade_endpoint *endpoint, const char *argument, const char *text, const char *form,
			   const char **rest_out, struct lade_complaint *complaint)
{
	size_t host_len = 0, port_len;
	unsigned long port;
	const char *host, *end = take_host(text, ":/", &host, &host_len);

	if (!end || !host_len || host[0] == '-' || memchr(host, '@', host_len))
		return wrong(complaint, argument, form);
	port_len = *end == ':' ? strspn(end + 1, "0123456789") : 0;
	port = port_len && port_len <= 5 ? strtoul(end + 1, NULL, 10) : 0;
	if (*end == ':' && (!port || port > 65535))
		return wrong(complaint, argument, "the port must be a number from 1 to 65535");
	*rest_out = *end == ':' ? end + 1 + port_len : end;
	endpoint->host = strndup(host, host_len);
	endpoint->port = port_len ? strndup(end + 1, port_len) : NULL;
	return endpoint->host && (endpoint->port || !port_len) ? 0 : lade_complain_memory(complaint);
}

static int parse_tcp(struct lade_endpoint *endpoint, const char *argument,
		     struct lade_complaint *complaint)
{
	const char *path = "";
	int error = parse_authority(endpoint, argument, argument + strlen(TCP_SCHEME), "must be lade+tcp://HOST:PORT/path", &path, complaint);

	if (error)
		return error;
	if (*path != '/')
		return wrong(complaint, argument, "has no path; must be lade+tcp://HOST:PORT/path");
	if (strcmp(path, "/~") == 0 || begins(path, "/~/"))
		return wrong(complaint, argument,
			     "the path must be absolute: home directories have no short form here");
	endpoint->kind = LADE_ENDPOINT_TCP;
	endpoint->path = strdup(path);
	return endpoint->path ? 0 : lade_complain_memory(complaint);
}

/* Take USER@ off text, if it begins with that. */
static int parse_user(struct lade_endpoint *endpoint, const char *argument, const char **text_io, struct lade_complaint *complaint)
{
	const char *at = *text_io + strcspn(*text_io, "@/");

	if (*at != '@')
		return 0;
	endpoint->user = strndup(*text_io, (size_t)(at - *text_io));
	if (!endpoint->user)
		return lade_complain_memory(complaint);
	if (strchr(endpoint->user, ':'))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "a password on the command line can be read by every user of this host: use --password-file, LADE_PASSWORD_FILE or the terminal");
	if (!lade_credentials_user(endpoint->user))
		return wrong(complaint, argument, "the user before the @ must be of printable ASCII characters without blanks, : and /");
	*text_io = at + 1;
	return 0;
}

static int parse_daemon(struct lade_endpoint *endpoint, const char *argument, struct lade_complaint *complaint)
{
	static const char form[] = "must be lade://[USER@]HOST[:PORT]/MODULE/path, or lade://HOST/ for the modules";
	const char *text = argument + strlen(DAEMON_SCHEME);
	size_t module_len;
	int error = parse_user(endpoint, argument, &text, complaint);

	if (!error)
		error = parse_authority(endpoint, argument, text, form, &text, complaint);
	if (error)
		return error;
	if (*text != '/')
		return wrong(complaint, argument, form);
	module_len = strcspn(++text, "/");
	if (module_len > LADE_NAME_MAX)
		return wrong(complaint, argument, "no module has so long a name");
	if (!module_len && *text)
		return wrong(complaint, argument, form);
	endpoint->kind = LADE_ENDPOINT_DAEMON;
	endpoint->module = strndup(text, module_len);
	endpoint->path = strdup(text[module_len] ? text + module_len : "/");
	return endpoint->module && endpoint->path ? 0 : lade_complain_memory(complaint);
}

/* What has a colon before any slash: [user@]host:path. */
static int parse_ssh(struct lade_endpoint *endpoint, const char *argument,
		     struct lade_complaint *complaint)
{
	const char *at = argument + strcspn(argument, "@:[");
	const char *rest = *at == '@' ? at + 1 : argument;
	const char *host, *end;
	size_t host_len;

	end = take_host(rest, ":", &host, &host_len);
	if (!end)
		return wrong(complaint, argument,
			     "must be [ADDRESS]:path; for a local file write ./ before it");
	if (end[1] == ':')
		return wrong(
			complaint, argument,
			"lade does not speak rsync's protocol; write one colon for a remote shell");
	if (argument[0] == '-' || (host_len && host[0] == '-'))
		return wrong(complaint, argument, "a host cannot begin with a dash");
	if (rest != argument && (at == argument || !host_len))
		return wrong(complaint, argument, "must be user@host:path");
	endpoint->kind = LADE_ENDPOINT_SSH;
	if (rest != argument) {
		endpoint->user = strndup(argument, (size_t)(at - argument));
		if (!endpoint->user)
			return lade_complain_memory(complaint);
	}
	endpoint->host = strndup(host, host_len);
	endpoint->path = strdup(end[1] ? end + 1 : "./");
	return endpoint->host && endpoint->path ? 0 : lade_complain_memory(complaint);
}

/* True if a colon stands before any slash; one inside leading brackets does not count. */
static bool names_host(const char *argument)
{
	const char *at = argument + strcspn(argument, "@:/[");
	const char *rest = *at == '@' ? at + 1 : argument;

	if (rest[0] == '[' && strchr(rest, ']'))
		return strchr(rest, ']')[1] == ':';
	return argument[strcspn(argument, ":/")] == ':';
}

int lade_endpoint_parse(struct lade_endpoint *endpoint, const char *argument,
			struct lade_complaint *complaint)
{
	if (!argument[0])
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "a source or destination is empty");
	if (begins(argument, TCP_SCHEME))
		return parse_tcp(endpoint, argument, complaint);
	if (begins(argument, DAEMON_SCHEME))
		return parse_daemon(endpoint, argument, complaint);
	if (scheme_len(argument))
		return refuse_scheme(argument, complaint);
	if (names_host(argument))
		return parse_ssh(endpoint, argument, complaint);
	endpoint->kind = LADE_ENDPOINT_LOCAL;
	endpoint->path = strdup(argument);
	return endpoint->path ? 0 : lade_complain_memory(complaint);
}

void lade_endpoint_fini(struct lade_endpoint *endpoint)
{
	free(endpoint->user);
	free(endpoint->host);
	free(endpoint->port);
	free(endpoint->module);
	free(endpoint->path);
	memset(endpoint, 0, sizeof(*endpoint));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool lade_endpoint_same_host(const struct lade_endpoint *first, const struct lade_endpoint *other)
{
	if (first->kind != other->kind)
		return false;
	if (other->kind == LADE_ENDPOINT_SSH && !other->user && !other->host[0])
		return true;
	return same_text(first->user, other->user) && same_text(first->host, other->host) &&
	       same_text(first->port, other->port) && same_text(first->module, other->module);
}
