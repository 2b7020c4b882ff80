/*
 * The daemon's configuration: an INI file of global settings and a section for each module. lade-daemon.conf(5).
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_H
#define LADE_AGENT_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/daemon/address_rule.h"
#include "agent/tree/filter.h"
#include "agent/tree/mode_change.h"
#include "protocol/error.h"

/* Who may use a module. */
enum lade_auth_kind {
	LADE_AUTH_ANY,         /* whoever completes TLS; must be written out */
	LADE_AUTH_KEY,         /* the key with this fingerprint */
	LADE_AUTH_AUTHORIZED,  /* any key in the daemon's authorized_keys; word is the name it has to have there, or NULL: any */
	LADE_AUTH_CERTIFICATE, /* a certificate of the CA, with this name */
	LADE_AUTH_TOKEN,       /* a user of the daemon's file of tokens and passwords, by name; "*": any of them */
};

struct lade_auth_rule {
	enum lade_auth_kind kind;
	uint8_t fingerprint[32];
	char *word;
};

/* One module: a directory that is served. */
struct lade_module {
	char *name;
	char *comment;          /* or NULL */
	char *path;             /* absolute */
	bool list;              /* shown to who asks for the modules; default yes */
	bool read_only;         /* default: yes, unless write only or append only */
	bool write_only;
	bool append_only;
	struct lade_auth_rule *auth;   /* auth_count; none: nobody may use it */
	unsigned auth_count;
	struct lade_address_rules hosts_allow, hosts_deny; /* none: all, none */
	char *uid, *gid;        /* names or numbers; NULL: the daemon's own */
	bool use_chroot;        /* default no */
	unsigned max_connections, max_connections_per_peer; /* 0: no limit but the global one */
	uint64_t timeout;       /* seconds; 0: the client's alone */
	uint64_t bwlimit;       /* bytes a second for each session; 0: the client's alone */
	struct lade_filter *filter; /* what no client sees, nor makes; never NULL; anchored at path */
	struct lade_mode_changes *incoming_chmod, *outgoing_chmod; /* or NULL */
	char **refuse_options;  /* names as in `lade sync`, with * and ?; refuse_count */
	unsigned refuse_count;
	bool munge_symlinks;    /* default no */
	bool fake_super;        /* default no */
	char *before, *after;   /* hooks: commands, words parted by blanks, run without a shell; or NULL */
	bool sendfile;          /* default on */
	uint64_t directio;      /* bytes from which files are read with O_DIRECT; 0: off */
	bool aio;               /* default off */
};

/* The whole of it. */
struct lade_daemon_config {
	char **listen;          /* "address:port", listen_count; default [::]:8730 */
	unsigned listen_count;
	char *state;            /* directory of host key, certificate, authorized_keys, tokens; default /var/lib/lade, as a user the XDG state */
	char *host_key, *certificate; /* or NULL: in the state directory */
	char *ca;               /* or NULL */
	char *authorized_keys, *tokens; /* or NULL: in the state directory */
	char *user;             /* of the processes that speak to strangers, if started by root; default "lade", or "nobody" if there is none */
	unsigned max_connections;          /* default 512 */
	unsigned max_connections_per_peer; /* default 64 */
	unsigned max_logins;               /* connections that have not authenticated; default 128 */
	unsigned max_logins_per_peer;      /* default 16 */
	unsigned login_timeout;            /* seconds, default 20 */
	unsigned stop_timeout;             /* seconds that sessions have after SIGTERM, default 30 */
	bool ktls;              /* default on */
	char *log_file;         /* or NULL: standard error */
	bool log_journal;       /* `log = journal` */
	char *log_format;       /* of the line of a session; NULL: the default */
	char *metrics;          /* "address:port"; or NULL: off */
	char *status;           /* path of the status socket; default: status in the runtime directory */
	struct lade_module *modules; /* module_count */
	unsigned module_count;
};

/* Where a configuration is wrong. */
struct lade_config_error {
	unsigned line;  /* 0: no line of it */
	char text[512]; /* what is wrong, and what would be right */
};

/*
 * Read file. Every fault is told by report (any number of times, in the order of the lines). Returns 0 with a
 * configuration for lade_daemon_config_free(); LADE_E_USAGE if report was called; LADE_E_SYSTEM if it cannot be read, LADE_E_MEMORY.
 */
int lade_daemon_config_read(const char *file, void (*report)(void *context, const struct lade_config_error *error), void *context,
			    struct lade_daemon_config **config_out, struct lade_fault *fault);

/* Free all of it. NULL does nothing. */
void lade_daemon_config_free(struct lade_daemon_config *config);

/* The module of that name; NULL: there is none. */
const struct lade_module *lade_daemon_config_module(const struct lade_daemon_config *config, const char *name);

#endif
