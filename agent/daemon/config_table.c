/*
 * One row a setting. lade-daemon.conf(5) has them in the same order; a test compares.
 */
#include "agent/daemon/config_table.h"

#include <ctype.h>
#include <string.h>

#include "agent/sync/settings.h"
#include "protocol/limits.h"

#define CONNECTIONS_MAX 65536u
#define SECONDS_MAX 86400u

#define GLOBAL(name, kind, field) { name, lade_config_set_##kind, offsetof(struct lade_daemon_config, field), 0, 0, 0 }
#define GLOBAL_LIST(name, kind, field) \
	{ name, lade_config_set_##kind, offsetof(struct lade_daemon_config, field), offsetof(struct lade_daemon_config, field##_count), 0, 0 }
#define GLOBAL_NUMBER(name, field, min, max) \
	{ name, lade_config_set_number, offsetof(struct lade_daemon_config, field), 0, min, max }

static const struct lade_config_row global_rows[] = {
	GLOBAL_LIST("listen", places, listen),
	GLOBAL("state", path, state),
	GLOBAL("host key", path, host_key),
	GLOBAL("certificate", path, certificate),
	GLOBAL("ca", path, ca),
	GLOBAL("authorized keys", path, authorized_keys),
	GLOBAL("tokens", path, tokens),
	GLOBAL("user", text, user),
	GLOBAL_NUMBER("max connections", max_connections, 1, CONNECTIONS_MAX),
	GLOBAL_NUMBER("max connections per peer", max_connections_per_peer, 1, CONNECTIONS_MAX),
	GLOBAL_NUMBER("max logins", max_logins, 1, CONNECTIONS_MAX),
	GLOBAL_NUMBER("max logins per peer", max_logins_per_peer, 1, CONNECTIONS_MAX),
	GLOBAL_NUMBER("login timeout", login_timeout, 1, SECONDS_MAX),
	GLOBAL_NUMBER("stop timeout", stop_timeout, 0, SECONDS_MAX),
	GLOBAL("ktls", yes, ktls),
	GLOBAL("log", log, log_journal),
	GLOBAL("log file", path, log_file),
	GLOBAL("log format", format, log_format),
	GLOBAL("metrics", place, metrics),
	GLOBAL("status", path, status),
	GLOBAL("include", path, include),
};

#define MODULE(name, kind, field) { name, lade_config_set_##kind, offsetof(struct lade_module, field), 0, 0, 0 }
#define MODULE_LIST(name, kind, field) \
	{ name, lade_config_set_##kind, offsetof(struct lade_module, field), offsetof(struct lade_module, field##_count), 0, 0 }
#define MODULE_NUMBER(name, field, min, max) { name, lade_config_set_number, offsetof(struct lade_module, field), 0, min, max }

static const struct lade_config_row module_rows[] = {
	MODULE("path", path, path),
	MODULE("type", type, repository),
	{ "comment", lade_config_set_text, offsetof(struct lade_module, comment), 0, 0, LADE_SELECTION_MAX },
	MODULE("list", yes, list),
	MODULE("read only", yes, read_only),
	MODULE("write only", yes, write_only),
	MODULE("append only", yes, append_only),
	MODULE_LIST("auth", auth, auth),
	MODULE_LIST("writers", parties, writers),
	MODULE_LIST("managers", parties, managers),
	MODULE("hosts allow", hosts, hosts_allow),
	MODULE("hosts deny", hosts, hosts_deny),
	MODULE("uid", text, uid),
	MODULE("gid", text, gid),
	MODULE("use chroot", yes, use_chroot),
	MODULE_NUMBER("max connections", max_connections, 0, CONNECTIONS_MAX),
	MODULE_NUMBER("max connections per peer", max_connections_per_peer, 0, CONNECTIONS_MAX),
	{ "timeout", lade_config_set_seconds, offsetof(struct lade_module, timeout), 0, 0, LADE_TIMEOUT_MAX },
	MODULE("bwlimit", rate, bwlimit),
	{ "max memory", lade_config_set_memory, offsetof(struct lade_module, max_memory), 0, LADE_MEMORY_MIN, INT64_MAX },
	MODULE("min free", threshold, min_free),
	MODULE("quota", threshold, quota),
	MODULE("filter", text, rules),
	MODULE("include from", path, include_from),
	MODULE("include", text, include),
	MODULE("exclude from", path, exclude_from),
	MODULE("exclude", text, exclude),
	MODULE("incoming chmod", chmod, incoming_chmod),
	MODULE("outgoing chmod", chmod, outgoing_chmod),
	{ "refuse options", lade_config_set_options, offsetof(struct lade_module, refuse_options), offsetof(struct lade_module, refuse_count), 0, 0 },
	MODULE("munge symlinks", yes, munge_symlinks),
	MODULE("fake super", yes, fake_super),
	MODULE("before", command, before),
	MODULE("after", command, after),
	MODULE("sendfile", yes, sendfile),
	MODULE("directio", threshold, directio),
	MODULE("aio", yes, aio),
};

const struct lade_config_table lade_config_global_table = { global_rows, sizeof(global_rows) / sizeof(global_rows[0]) };
const struct lade_config_table lade_config_module_table = { module_rows, sizeof(module_rows) / sizeof(module_rows[0]) };

size_t lade_config_table_find(const struct lade_config_table *table, const char *name)
{
	size_t i = 0;

	while (i < table->count && strcmp(table->rows[i].name, name) != 0)
		i++;
	return i;
}

/* Settings of rsyncd.conf(5) and nginx that have another name here, or another form. */
static const struct {
	const char *name, *hint;
} foreign[] = {
	{ "address", "write listen = ADDRESS:PORT" },
	{ "port", "write listen = ADDRESS:PORT" },
	{ "auth users", "write auth = token:USER" },
	{ "secrets file", "write tokens = FILE, above all sections" },
	{ "strict modes", "files with secrets are always looked at" },
	{ "pid file", "there is none: see the status socket, or systemctl(1)" },
	{ "motd file", "there is none: write comment = TEXT in modules" },
	{ "pre-xfer exec", "write before = PROGRAM WORDS" },
	{ "early exec", "write before = PROGRAM WORDS" },
	{ "post-xfer exec", "write after = PROGRAM WORDS" },
	{ "transfer logging", "every session is logged, see log format" },
	{ "dont compress", "what does not shrink is never compressed" },
	{ "ssl_certificate", "write certificate = FILE" },
	{ "ssl_certificate_key", "write host key = FILE" },
	{ "ssl_client_certificate", "write ca = FILE" },
	{ "allow", "write hosts allow = ADDRESSES" },
	{ "deny", "write hosts deny = ADDRESSES" },
	{ "root", "write path = DIRECTORY" },
	{ "limit_rate", "write bwlimit = RATE" },
};

/* The next letter of a name as far as it tells names from each other: no blanks and the like, lower case. */
static int next_letter(const char **at)
{
	while (**at && strchr(" -_\t", **at))
		(*at)++;
	return **at ? tolower((unsigned char)*(*at)++) : 0;
}

/* True if the names differ in blanks, dashes and case alone. */
static bool are_alike(const char *a, const char *b)
{
	int letter;

	do {
		letter = next_letter(&a);
		if (letter != next_letter(&b))
			return false;
	} while (letter);
	return true;
}

const struct lade_config_row *lade_config_table_alike(const struct lade_config_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (are_alike(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

const char *lade_config_foreign_hint(const char *name)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (strcmp(foreign[i].name, name) == 0)
			return foreign[i].hint;
	return NULL;
}
