/*
 * Parsing of endpoints. A host never begins with a dash here: remote shells would take
 * it for an option, and options of theirs run commands.
 */
#include "agent/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync/sync.h"

#define TCP_SCHEME "lade+tcp://"

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
			"lade does not speak rsync's protocol; use host:path or lade+tcp://HOST:PORT/path");
	if (begins(argument, "lade://"))
		return wrong(complaint, argument,
			     "the daemon comes later; use host:path or lade+tcp://HOST:PORT/path");
	return wrong(complaint, argument,
		     "unknown kind of address; use host:path, lade+tcp://HOST:PORT/path or ./path");
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

static int parse_tcp(struct lade_endpoint *endpoint, const char *argument,
		     struct lade_complaint *complaint)
{
	const char *host, *end, *path;
	size_t host_len, port_len;

	end = take_host(argument + strlen(TCP_SCHEME), ":/", &host, &host_len);
	if (!end || !host_len || host[0] == '-' || memchr(host, '@', host_len))
		return wrong(complaint, argument, "must be lade+tcp://HOST:PORT/path");
	port_len = *end == ':' ? strspn(end + 1, "0123456789") : 0;
	path = *end == ':' ? end + 1 + port_len : end;
	if (*end == ':' && (!port_len || port_len > 5 || strtoul(end + 1, NULL, 10) > 65535))
		return wrong(complaint, argument, "the port must be a number up to 65535");
	if (*path != '/')
		return wrong(complaint, argument, "has no path; must be lade+tcp://HOST:PORT/path");
	if (strcmp(path, "/~") == 0 || begins(path, "/~/"))
		return wrong(complaint, argument,
			     "the path must be absolute: home directories have no short form here");
	endpoint->kind = LADE_ENDPOINT_TCP;
	endpoint->host = strndup(host, host_len);
	endpoint->port = port_len ? strndup(end + 1, port_len) : NULL;
	endpoint->path = strdup(path);
	return endpoint->host && (endpoint->port || !port_len) && endpoint->path ? 0 : lade_complain_memory(complaint);
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
	       same_text(first->port, other->port);
}
