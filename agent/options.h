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

/* Most seconds of --contimeout: what poll(2) can wait. */
#define LADE_CONTIMEOUT_MAX 2147483u

/* The caller's storage; texts are borrowed from argv unless they say otherwise. */
struct lade_options {
	struct lade_settings settings; /* ITEMIZE is set if -i or -v needs it; the filter is owned, the alternatives are the next field */
	const char *alternatives[LADE_ALTERNATIVES_MAX]; /* values of --compare-dest, --copy-dest or --link-dest */
	struct lade_filter_options rules;
	unsigned fuzzy;             /* how often -y was given */
	int whole_file;             /* -W: 1, --no-whole-file: -1, neither: 0 */
	unsigned verbose;
	unsigned itemize;
	unsigned human; /* 0: plain digits, 1: 1,234,567, 2: 1.23M, 3: in units of 1024 */
	bool quiet;
	bool stats;
	bool progress;
	bool help;                  /* print the help; nothing below is set */
	bool version;               /* print the version; nothing below is set */

	const char *rsh;            /* -e, or NULL */
	const char *lade_path;      /* --lade-path, or NULL */
	const char *token_file;     /* --token-file, or NULL */
	uint64_t contimeout;        /* seconds, or 0 */

	struct lade_endpoint remote; /* LOCAL: both sides are here. Owned; its path is not used */
	bool push;                  /* the sources are here */
	char **sources;             /* paths; owned */
	unsigned source_count;
	char *destination;          /* path; owned */
};

/*
 * Parse the arguments of `lade sync` (the command's name not among them). Files of
 * patterns are read. Returns 0 or a negative code with the complaint filled; either way
 * lade_options_fini() is to be called.
 */
int lade_options_parse(struct lade_options *options, int argc, char *const argv[],
		       struct lade_complaint *complaint);

/* Free what the options own. */
void lade_options_fini(struct lade_options *options);

#endif
