/*
 * What a session is told by its user, in one structure.
 */
#ifndef LADE_AGENT_SYNC_SETTINGS_H
#define LADE_AGENT_SYNC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/effort.h"
#include "agent/sync/session_limits.h"
#include "agent/tree/filter.h"
#include "protocol/entry.h"
#include "transport/mover.h"

/* Most seconds of --timeout, that is for ever. */
#define LADE_TIMEOUT_MAX 2147483647u

/*
 * The settings of one side. Borrowed by the session until it has ended. What is a uint64_t or a text, but for the options, travels as
 * parameter (agent/sync/parameters.h); 0 or NULL: not asked for.
 */
struct lade_settings {
	uint64_t options;           /* LADE_OPTION_ bits (protocol/entry.h) */
	enum lade_path path;        /* --path= of this side */
	uint64_t compression;       /* enum lade_compression; these two are the sender's */
	uint64_t level;             /* of LADE_COMPRESSION_ZSTD */
	uint64_t checksum;          /* enum lade_digest_kind, of what travels */
	uint64_t file_checksum;     /* the same, of whole files (-c) */
	uint64_t modify_window;     /* --modify-window, as in struct lade_keep; the receiver's */
	uint64_t bwlimit;           /* bytes a second that each side may write to the connection */
	uint64_t timeout;           /* seconds of silence after which a side gives up, up to LADE_TIMEOUT_MAX */
	struct lade_filter *filter; /* never NULL; owned by whoever made the settings */
	enum lade_alternative alternative; /* the receiver acts on these; NONE: there are no directories */
	const char *const *alternatives;   /* directories as the user wrote them, alternative_count; relative ones to the destination */
	unsigned alternative_count;        /* up to LADE_ALTERNATIVES_MAX */
	bool fuzzy_alternatives;    /* LADE_OPTION_FUZZY looks into them too */
	const struct lade_session_limits *limits; /* NULL: the program's own */
	const struct lade_mover_calls *calls; /* NULL: the kernel's; others are for tests */
};

#endif
