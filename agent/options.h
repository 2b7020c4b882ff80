/*
 * What `lade sync` was asked to do.
 */
#ifndef LADE_AGENT_OPTIONS_H
#define LADE_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/complaint.h"
#include "agent/endpoint.h"
#include "agent/filter_option.h"
#include "agent/sync/settings.h"
#include "agent/verbosity.h"
#include "transport/dial.h"

/* The forms of --delete. All delete after the scan; only one may be given. */
enum lade_delete_when {
	LADE_DELETE_ANY,
	LADE_DELETE_BEFORE,
	LADE_DELETE_DURING,
	LADE_DELETE_DELAY,
	LADE_DELETE_AFTER,
};
/* Most seconds of --contimeout: what poll(2) can wait. */
#define LADE_CONTIMEOUT_MAX 2147483u

/* The caller's storage; texts are borrowed from argv unless they say otherwise. */
struct lade_options {
	struct lade_settings settings; /* ITEMIZE is set if -i or -v needs it; the filter is owned, the alternatives are the next field */
	const char *alternatives[LADE_ALTERNATIVES_MAX]; /* values of --compare-dest, --copy-dest or --link-dest */
	struct lade_mode_changes chmod; /* --chmod; owned */
	bool fake_super;
	uint64_t far_super;         /* -M: LADE_OPTIONS_SUPER of the other side, 0: none was given */
	const char *chown;          /* --chown, or NULL; then these two are what it says: */
	char *chown_user, *chown_group; /* owned */
	unsigned atimes;            /* how often -U was given */
	struct lade_filter_options rules;
	unsigned fuzzy;             /* how often -y was given */
	int whole_file;             /* -W: 1, --no-whole-file: -1, neither: 0 */
	unsigned delete_when;       /* enum lade_delete_when: when --delete was asked to delete */
	bool force_delete;          /* --force-delete */
	bool partial;               /* --partial */
	unsigned verbose;
	unsigned itemize;
	unsigned human; /* 0: plain digits, 1: 1,234,567, 2: 1.23M, 3: in units of 1024 */
	bool quiet;
	bool stats;                 /* these two are part of verbosity as well */
	bool progress;
	bool eight_bit;
	bool json;
	struct lade_verbosity verbosity; /* help: print that; nothing else is set */
	const char *out_format;     /* or NULL, as the next ones */
	const char *log_file;
	const char *log_format;
	int outbuf;                 /* for setvbuf(3), or -1 */
	bool sources_only;          /* no argument is a destination: `lade list` */
	bool list_only;             /* --list-only, or there is no destination: sources are shown */
	bool show_targets;          /* of symlinks that are shown */
	bool from0;                 /* -0 */
	const char *files_from;     /* --files-from as it was written; NULL: none */
	const char *list_file;      /* the file on this side that has the list; NULL: there is no list, or settings.files_from names it */
	uint64_t said;              /* options that were given, or taken back, by their own names */
	unsigned one_file_system;   /* how often -x was given */
	bool help;                  /* print the help; nothing below is set */
	bool version;               /* print the version; nothing below is set */

	const char *rsh;            /* -e, or NULL */
	const char *lade_path;      /* --lade-path, or NULL */
	const char *iconv;          /* --iconv, or NULL; then these are the character sets of this side and of the other one: */
	char charset[LADE_CHARSET_NAME_MAX + 1], far_charset[LADE_CHARSET_NAME_MAX + 1];
	const char *token_file;     /* --token-file or --password-file, or NULL */
	const char *key_file;       /* --key, or NULL */
	const char *ca_file;        /* --ca, or NULL */
	bool accept_new_host;       /* --accept-new-host */
	uint64_t contimeout;        /* seconds, or 0 */
	const char *address;        /* --address, or NULL */
	const char *port;           /* --port, or NULL; remote.port is what counts */
	int family;                 /* AF_INET for -4, AF_INET6 for -6, else AF_UNSPEC */
	struct lade_socket_option socket_options[LADE_SOCKET_OPTIONS_MAX];
	unsigned socket_option_count;

	struct lade_endpoint remote; /* LOCAL: both sides are here. Owned; its path is not used */
	bool push;                  /* the sources are here */
	char **sources;             /* paths; owned */
	unsigned source_count;
	char *destination;          /* path; owned; NULL for a listing */
};

/*
 * Parse the arguments of `lade sync` (the command's name not among them). Files of
 * patterns are read. Returns 0 or a negative code with the complaint filled; either way
 * lade_options_fini() is to be called.
 */
int lade_options_parse(struct lade_options *options, int argc, char *const argv[],
		       struct lade_complaint *complaint);

/* The same for `lade list`: all arguments are sources, which are shown. */
int lade_options_parse_list(struct lade_options *options, int argc, char *const argv[], struct lade_complaint *complaint);

/* Free what the options own. */
void lade_options_fini(struct lade_options *options);

#endif
