/*
 * Reading and writing of known hosts. Names are compared in the one form that lade_known_hosts_name() gives them, whoever wrote the line.
 */
#include "agent/known_hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fingerprint.h"
#include "agent/line_file.h"

/* A name of the DNS, or an address with its zone. */
#define HOST_MAX 255u

/* ---- names ---- */

static bool is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");
	unsigned long port = len && len <= 5 && !text[len] ? strtoul(text, NULL, 10) : 0;

	return port > 0 && port <= 65535;
}

/* Whatever a resolver may take, but nothing that ends a word or a host here. */
static bool is_host(const char *host)
{
	size_t len = strlen(host);

	if (!len || len > HOST_MAX || *host == '-' || *host == '#')
		return false;
	for (const char *at = host; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("[]/@", *at))
			return false;
	return true;
}

/* host in the one form that it has here; with a zone ("fe80::1%eth0") only the address before it has a shortest form. */
static void canonical(const char *host, char out[HOST_MAX + 1])
{
	struct in6_addr address;
	size_t len = strlen(host);

	if (inet_pton(AF_INET6, host, &address) == 1) {
		(void)inet_ntop(AF_INET6, &address, out, HOST_MAX + 1);
		return;
	}
	for (size_t i = 0; i <= len; i++)
		out[i] = (char)tolower((unsigned char)host[i]);
	/* "host." is the same name in the DNS. */
	if (len > 1 && out[len - 1] == '.')
		out[len - 1] = '\0';
}

int lade_known_hosts_name(const char *host, const char *port, char name_out[LADE_HOST_NAME_SIZE])
{
	bool usual = strtoul(port, NULL, 10) == strtoul(LADE_DAEMON_PORT, NULL, 10);
	char form[HOST_MAX + 1];
	const char *open, *close;

	if (!is_host(host) || !is_port(port))
		return LADE_E_LIMIT;
	canonical(host, form);
	open = strchr(form, ':') ? "[" : "";
	close = *open ? "]" : "";
	if (usual)
		snprintf(name_out, LADE_HOST_NAME_SIZE, "%s%s%s", open, form, close);
	else
		snprintf(name_out, LADE_HOST_NAME_SIZE, "%s%s%s:%lu", open, form, close, strtoul(port, NULL, 10));
	return 0;
}

/* Part text into host, which is copied, and port, which is borrowed from text. False: it cannot be. */
static bool part(const char *text, char host_out[HOST_MAX + 1], const char **port_out)
{
	const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ':'), *host = *text == '[' ? text + 1 : text;
	size_t len;

	*port_out = LADE_DAEMON_PORT;
	if (*text != '[' && end && strchr(end + 1, ':'))
		end = NULL; /* an address of IPv6 without brackets */
	else if (*text == '[' && !end)
		return false;
	len = end ? (size_t)(end - host) : strlen(host);
	if (len > HOST_MAX)
		return false;
	memcpy(host_out, host, len);
	host_out[len] = '\0';
	if (end && *end == ']')
		end++;
	if (end && *end == ':')
		*port_out = end + 1;
	else if (end && *end)
		return false;
	return is_host(host_out) && is_port(*port_out);
}

int lade_known_hosts_parse(const char *text, char name_out[LADE_HOST_NAME_SIZE])
{
	char host[HOST_MAX + 1];
	const char *port;

	if (!part(text, host, &port))
		return LADE_E_USAGE;
	return lade_known_hosts_name(host, port, name_out);
}

/* ---- files ---- */

/* Take a line apart. False: it makes no sense. */
static bool parse(char *line, char name_out[LADE_HOST_NAME_SIZE], uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN])
{
	char *save = NULL, *host = strtok_r(line, " \t", &save), *fingerprint = strtok_r(NULL, " \t", &save);

	return fingerprint && !strtok_r(NULL, " \t", &save) && !lade_known_hosts_parse(host, name_out) &&
	       !lade_fingerprint_parse(fingerprint, fingerprint_out);
}

/* Who hears the lines of a file. */
typedef void hear_line(void *context, const char *file, unsigned line, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN]);

static int each_line(const char *file, hear_line *hear, void *context, struct lade_fault *fault)
{
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char name[LADE_HOST_NAME_SIZE];
	struct lade_line_file lines;
	char *line;
	int error = lade_line_file_read(file, LADE_LINE_FILE_PUBLIC, &lines, fault);

	if (error)
		return error;
	while (!error && (line = lade_line_file_next(&lines))) {
		if (!parse(line, name, fingerprint))
			error = lade_line_file_wrong(file, &lines, "find a host and a fingerprint in", fault);
		else
			hear(context, file, lines.line, name, fingerprint);
	}
	lade_line_file_free(&lines);
	return error;
}

/* A judgement that is being made. */
struct judgement {
	const char *name;
	const uint8_t *fingerprint;
	enum lade_host_verdict verdict;
	struct lade_host_entry *entry;
};

/* What a line says: the first one with the key decides, else the first one with the host. */
static void weigh(void *context, const char *file, unsigned line, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN])
{
	struct judgement *judgement = context;
	bool same = memcmp(fingerprint, judgement->fingerprint, LADE_TLS_FINGERPRINT_LEN) == 0;

	if (strcmp(name, judgement->name) != 0 || judgement->verdict == LADE_HOST_KNOWN ||
	    (judgement->verdict == LADE_HOST_CHANGED && !same))
		return;
	judgement->verdict = same ? LADE_HOST_KNOWN : LADE_HOST_CHANGED;
	snprintf(judgement->entry->file, sizeof(judgement->entry->file), "%s", file);
	judgement->entry->line = line;
	memcpy(judgement->entry->fingerprint, fingerprint, LADE_TLS_FINGERPRINT_LEN);
}

int lade_known_hosts_judge(const char *const *files, unsigned file_count, const char *name,
			   const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], enum lade_host_verdict *verdict_out,
			   struct lade_host_entry *entry_out, struct lade_fault *fault)
{
	struct judgement judgement = { name, fingerprint, LADE_HOST_UNKNOWN, entry_out };
	int error = 0;

	for (unsigned i = 0; !error && i < file_count; i++) {
		error = each_line(files[i], weigh, &judgement, fault);
		if (error == LADE_E_ABSENT)
			error = 0;
	}
	*verdict_out = judgement.verdict;
	return error;
}

int lade_known_hosts_add(const char *file, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN],
			 struct lade_fault *fault)
{
	char text[LADE_FINGERPRINT_TEXT_SIZE], line[LADE_HOST_NAME_SIZE + LADE_FINGERPRINT_TEXT_SIZE];

	lade_fingerprint_show(fingerprint, text);
	snprintf(line, sizeof(line), "%s %s", name, text);
	return lade_line_file_edit(file, LADE_LINE_FILE_PUBLIC, &(struct lade_line_file_change){ .added = line }, NULL, fault);
}

static bool is_of(void *context, char *line)
{
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char name[LADE_HOST_NAME_SIZE];

	return parse(line, name, fingerprint) && strcmp(name, context) == 0;
}

int lade_known_hosts_forget(const char *file, const char *name, unsigned *count_out, struct lade_fault *fault)
{
	const struct lade_line_file_change change = { .drops = is_of, .context = (void *)name };

	return lade_line_file_edit(file, LADE_LINE_FILE_PUBLIC, &change, count_out, fault);
}

/* Who hears the hosts of a file. */
struct audience {
	void (*tell)(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN]);
	void *context;
};

static void tell_line(void *context, const char *file, unsigned line, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN])
{
	const struct audience *audience = context;

	(void)file;
	(void)line;
	audience->tell(audience->context, name, fingerprint);
}

int lade_known_hosts_each(const char *file,
			  void (*tell)(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN]), void *context,
			  struct lade_fault *fault)
{
	return each_line(file, tell_line, &(struct audience){ tell, context }, fault);
}
