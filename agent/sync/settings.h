/*
 * What a session is told by its user, in one structure.
 */
#ifndef LADE_AGENT_SYNC_SETTINGS_H
#define LADE_AGENT_SYNC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/effort.h"
#include "agent/sync/session_limits.h"
#include "agent/tree/charset.h"
#include "agent/tree/filter.h"
#include "agent/tree/mode_change.h"
#include "agent/tree/place.h"
#include "protocol/entry.h"
#include "transport/mover.h"

/* Most seconds of --timeout, that is for ever. */
#define LADE_TIMEOUT_MAX 2147483647u

/* Least bytes of --max-alloc: the stacks of the threads are among them. */
#define LADE_MEMORY_MIN (128u << 20)

/* What --delete has to do with the rest of a session. All deletions are planned first, and carried out after the scan. */
enum lade_deletion {
	LADE_DELETION_ANY,
	LADE_DELETION_FIRST, /* content is asked for when they are done */
	LADE_DELETION_LAST,  /* rules in the destination's directories count as they are when all has arrived */
};

struct lade_grant;
struct lade_successors;

/*
 * The settings of one side. Borrowed by the session until it has ended. What is a uint64_t or a text, but for the options, travels as
 * parameter (agent/sync/parameters.h); 0 or NULL: not asked for.
 */
struct lade_settings {
	uint64_t options;           /* LADE_OPTION_ bits (protocol/entry.h) */
	enum lade_path path;        /* --path= of this side */
	uint64_t directio;          /* files of so many bytes and more are read past the page cache; 0: none; these three are the sender's own and do not travel */
	bool aio;                   /* and the next run of them while one goes out */
	bool no_sendfile;           /* raw runs are copied */
	uint64_t compression;       /* enum lade_compression; these two are the sender's */
	uint64_t level;             /* of LADE_COMPRESSION_ZSTD */
	uint64_t source_names;      /* 1: SOURCE_NAMES follow OPEN, from the client */
	const char *files_from;     /* a list of sources that the server reads; NULL: none */
	uint64_t from0;             /* 1: its names end with a NUL each */
	uint64_t size_limit;        /* files of so many bytes and more are left as they are; 0: none is too large */
	uint64_t size_least;        /* files of fewer bytes are */
	uint64_t listing;           /* 1: entries are shown, and nothing else is done with them */
	uint64_t checksum;          /* enum lade_digest_kind, of what travels */
	uint64_t file_checksum;     /* the same, of whole files (-c) */
	uint64_t modify_window;     /* --modify-window, as in struct lade_keep; the receiver's */
	uint64_t bwlimit;           /* bytes a second that each side may write to the connection */
	uint64_t timeout;           /* seconds of silence after which a side gives up, up to LADE_TIMEOUT_MAX */
	uint64_t items;             /* LADE_ITEMS_ bits: what items say beside what changed; the receiver's */
	uint64_t notes;             /* 1 << enum lade_topic: which notes the user wants */
	uint64_t max_alloc;         /* bytes of memory that a side may have, from LADE_MEMORY_MIN */
	int64_t stop_at;            /* when this side stops, in seconds since 1970; 0: never */
	uint64_t deletion;          /* enum lade_deletion; the receiver's, as the next ones */
	uint64_t max_delete;        /* one more than the names that may be deleted */
	const char *backup_dir;     /* as the user wrote it; relative to the destination */
	const char *suffix;         /* of the names of backups; not NULL if there are any and no backup_dir */
	const char *partial_dir;    /* as the user wrote it; a relative one is in each directory */
	const char *temp_dir;       /* as the user wrote it; relative to the destination */
	uint64_t no_partial;        /* 1: nothing of an interrupted file stays */
	const char *guard;          /* the destination as the user wrote it: for this one the sender remembers its sources; the sender's, as the next one */
	uint64_t force_delete;      /* 1: they may be others than they were */
	struct lade_filter *filter; /* never NULL; owned by whoever made the settings */
	enum lade_alternative alternative; /* the receiver acts on these; NONE: there are no directories */
	const char *const *alternatives;   /* directories as the user wrote them, alternative_count; relative ones to the destination */
	unsigned alternative_count;        /* up to LADE_ALTERNATIVES_MAX */
	bool fuzzy_alternatives;    /* LADE_OPTION_FUZZY looks into them too */
	const char *usermap, *groupmap; /* --usermap, --groupmap, as agent/tree/id_map.h has them: the receiver's; a sender wants to know of them */
	uint64_t far_super;         /* LADE_OPTIONS_SUPER of the other side, which has others than this one; a client's */
	const char *far_names;      /* --iconv: the character set of names on the side of the server, as lade_charset_new() has it */
	struct lade_charset *charset; /* of names on this side; NULL: they are not converted; owned by whoever made the settings */
	const struct lade_mode_changes *chmod; /* --chmod, or NULL: the client's own business, whichever side that is */
	const struct lade_grant *grant; /* what a server lets its client do; NULL: all that the process may */
	const struct lade_base *base;   /* below which the paths are that the other side names; set with grant */
	const struct lade_successors *successors; /* how this side gets another connection for the session; NULL: it does not */
	const struct lade_session_limits *limits; /* NULL: the program's own */
	const struct lade_mover_calls *calls; /* NULL: the kernel's; others are for tests */
};

#endif
