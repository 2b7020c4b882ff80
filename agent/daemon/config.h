/*
 * The daemon's configuration: an INI file of global settings and a section for each module. lade-daemon.conf(5).
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_H
#define LADE_AGENT_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/daemon/address_rule.h"
#include "agent/daemon/auth_rule.h"
#include "agent/tree/filter.h"
#include "agent/tree/mode_change.h"
#include "protocol/error.h"

/* One module: a directory that is served. */
struct lade_module {
	char *name;
	char *comment;          /* or NULL */
	char *path;             /* absolute */
	bool repository;        /* `type = repository`: a repository is served, not a tree; default no */
	char **writers, **managers; /* of a repository: rules as in agent/daemon/party_rule.h; writers_count, managers_count */
	unsigned writers_count, managers_count;
	bool list;              /* shown to who asks for the modules; default yes */
	bool read_only;         /* default: yes, unless write only, append only, writers or managers */
	bool write_only;
	bool append_only;
	struct lade_auth_rule *auth;   /* auth_count; never none */
	unsigned auth_count;
	struct lade_address_rules hosts_allow, hosts_deny; /* none: all, none */
	char *uid, *gid;        /* names or numbers; NULL: the daemon's user, and that user's group */
	bool use_chroot;        /* default no */
	unsigned max_connections, max_connections_per_peer; /* 0: no limit but the global one */
	uint64_t timeout;       /* seconds; 0: the client's alone */
	uint64_t bwlimit;       /* bytes a second for each session; 0: the client's alone */
	uint64_t max_memory;    /* bytes that each session may take; default 1 GiB */
	uint64_t min_free;      /* of a repository: bytes that stay free on its disk; 0: none */
	uint64_t quota;         /* of a repository: bytes that may be below path; 0: no limit */
	struct lade_filter *filter; /* what no client sees, nor makes; never NULL; anchored at path; reads nothing in the tree */
	char *rules, *include_from, *include, *exclude_from, *exclude; /* what it is made of, in that order, as rsyncd.conf(5) has it; or NULL */
	struct lade_mode_changes *incoming_chmod, *outgoing_chmod; /* or NULL */
	char **refuse_options;  /* names as in `lade sync`, with * and ?; refuse_count */
	unsigned refuse_count;
	bool munge_symlinks;    /* default no */
	bool fake_super;        /* default no */
	char *before, *after;   /* hooks: commands, words parted by blanks, run without a shell; or NULL */
	bool sendfile;          /* default on */
	uint64_t directio;      /* bytes from which files are read with O_DIRECT; 0: off */
	bool aio;               /* default off; never without directio */
	unsigned file;          /* where the section is: 0 is the main file, n the nth that is included */
	unsigned line;          /* of it, where the section begins */
	unsigned *lines;        /* where each setting is, see lade_daemon_config_line() */
};

/* The whole of it. */
struct lade_daemon_config {
	char *file;             /* that it was read from */
	char **listen;          /* "address:port", listen_count; default [::]:8730 */
	unsigned listen_count;
	char *state;            /* directory of host key, certificate, authorized_keys, tokens; default /var/lib/lade, as a user the XDG state */
	char *host_key;         /* default: host_key in the state directory */
	char *certificate;      /* or NULL: one is made for the host key, signed by itself */
	char *ca;               /* or NULL */
	char *authorized_keys, *tokens; /* default: files of these names in the state directory, with _ for the blank */
	char *user;             /* of the processes that speak to strangers; default "lade", or "nobody" if there is none; NULL: not started by root */
	unsigned max_connections;          /* default 512 */
	unsigned max_connections_per_peer; /* default 64 */
	unsigned max_logins;               /* connections that have not authenticated; default 128 */
	unsigned max_logins_per_peer;      /* default 16 */
	unsigned login_timeout;            /* seconds from the connection to a worker, default 20 */
	unsigned stop_timeout;             /* seconds that sessions have after SIGTERM, default 30 */
	bool ktls;              /* default on */
	char *log_file;         /* or NULL: standard error, or the journal */
	bool log_journal;       /* `log = journal`; default no: standard error */
	char *log_format;       /* of the line of a session; NULL: the default */
	char *metrics;          /* "address:port"; or NULL: off */
	char *status;           /* path of the status socket; default: status in the runtime directory, or of the state if a user has none */
	char *include;          /* more files with modules: a path whose last component may be a pattern; or NULL */
	char **files;           /* those, file_count */
	unsigned file_count;
	struct lade_module *modules; /* module_count */
	unsigned module_count;
	unsigned *lines; /* as in a module */
};

/* Where a configuration is wrong. */
struct lade_config_error {
	const char *file; /* that is included, borrowed like the error; NULL: the main one */
	unsigned file_number; /* of it, as in a module */
	unsigned line;  /* 0: no line of it */
	bool passing;   /* it may be otherwise when it matters: a daemon starts nevertheless */
	char text[512]; /* what is wrong, and what would be right; may hold any byte of the file but control characters */
};

/* Bytes of an error as a line, with the name of its file. */
#define LADE_CONFIG_ERROR_TEXT_MAX 5120u

/* Put error of the configuration whose main file is called main into text of LADE_CONFIG_ERROR_TEXT_MAX bytes, as "FILE:LINE: text". */
void lade_config_error_show(const struct lade_config_error *error, const char *main, char *text);

/* Told of what is wrong; error is borrowed for the call. */
typedef void lade_config_report(void *context, const struct lade_config_error *error);

/*
 * Read file. Every fault is told by report (any number of times, in the order of the lines). Returns 0 with a configuration for
 * lade_daemon_config_free(); LADE_E_USAGE if report was called; LADE_E_REFUSED if others may write to it, or it is no regular file;
 * LADE_E_SYSTEM if it cannot be read, LADE_E_LIMIT if it is beyond all measure, LADE_E_MEMORY. No other file is looked at but those of
 * "include", "include from" and "exclude from"; what else only the host shows on which it is used, agent/daemon/check.h looks at.
 */
int lade_daemon_config_read(const char *file, lade_config_report *report, void *context, struct lade_daemon_config **config_out,
			    struct lade_fault *fault);

/* Free all of it. NULL does nothing. */
void lade_daemon_config_free(struct lade_daemon_config *config);

/* The module of that name; NULL: there is none. */
const struct lade_module *lade_daemon_config_module(const struct lade_daemon_config *config, const char *name);

/* The line of a setting, by its name in the file, of module, or global (NULL); 0: it is not in it. */
unsigned lade_daemon_config_line(const struct lade_daemon_config *config, const struct lade_module *module, const char *setting);

#endif
