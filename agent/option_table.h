/*
 * The options of `lade sync`, as one table: parsing, --no- forms and help are made of it.
 */
#ifndef LADE_AGENT_OPTION_TABLE_H
#define LADE_AGENT_OPTION_TABLE_H

#include <stddef.h>

#include "agent/option_walk.h"

/* What a row means. */
enum lade_sync_option {
	LADE_SYNC_REFUSED, /* an option of rsync that lade has not */
	LADE_SYNC_BITS,    /* switches the row's bits (LADE_OPTION_) on and off */
	/* These set the field of struct lade_options at the row's offset: */
	LADE_SYNC_FLAG,    /* bool */
	LADE_SYNC_COUNT,   /* unsigned: how often it was given */
	LADE_SYNC_TEXT,    /* const char *, borrowed from argv; not empty */
	LADE_SYNC_FORMAT,  /* the same, but it may be empty */
	LADE_SYNC_NUMBER,  /* uint64_t, up to the row's bits */
	LADE_SYNC_SIZE,    /* uint64_t, see lade_quantity_size() */
	/* The others have a meaning of their own. */
	LADE_SYNC_EXCLUDE,
	LADE_SYNC_INCLUDE,
	LADE_SYNC_EXCLUDE_FROM,
	LADE_SYNC_INCLUDE_FROM,
	LADE_SYNC_FROM0,
	LADE_SYNC_MAX_SIZE,
	LADE_SYNC_OLD_DIRS,
	LADE_SYNC_IMPLIED_DIRS,
	LADE_SYNC_FILTER,
	LADE_SYNC_FILTER_FILES,
	LADE_SYNC_CVS,
	LADE_SYNC_GIT,
	LADE_SYNC_CHMOD,
	LADE_SYNC_SUPER,
	LADE_SYNC_REMOTE_OPTION,
	LADE_SYNC_PATH,
	LADE_SYNC_MODIFY_WINDOW,
	LADE_SYNC_CHECKSUM_CHOICE,
	LADE_SYNC_WHOLE_FILE,
	LADE_SYNC_COMPARE_DEST,
	LADE_SYNC_COPY_DEST,
	LADE_SYNC_LINK_DEST,
	LADE_SYNC_COMPRESS,
	LADE_SYNC_COMPRESS_CHOICE,
	LADE_SYNC_COMPRESS_LEVEL,
	LADE_SYNC_INFO,
	LADE_SYNC_DEBUG,
	LADE_SYNC_OUTBUF,
	LADE_SYNC_ALWAYS,          /* asks for what is done anyhow */
	LADE_SYNC_IPV4,
	LADE_SYNC_IPV6,
	LADE_SYNC_SOCKOPTS,
	LADE_SYNC_DELETE_WHEN, /* the row's bits say when: enum lade_delete_when */
	LADE_SYNC_MAX_DELETE,
	LADE_SYNC_SUFFIX,
	LADE_SYNC_PARTIAL,
	LADE_SYNC_PARTIAL_PROGRESS,
	LADE_SYNC_BWLIMIT,
	LADE_SYNC_STOP_AFTER,
	LADE_SYNC_STOP_AT,
	LADE_SYNC_MAX_ALLOC,
	LADE_SYNC_HELP,
	LADE_SYNC_VERSION,
};

/* The groups of the help, in their order; refused options are in none. */
enum lade_sync_group {
	LADE_GROUP_NONE,
	LADE_GROUP_WHAT,
	LADE_GROUP_KEEP,
	LADE_GROUP_CHOOSE,
	LADE_GROUP_UPDATE,
	LADE_GROUP_DELETE,
	LADE_GROUP_SAFETY,
	LADE_GROUP_PRINT,
	LADE_GROUP_LIMIT,
	LADE_GROUP_CONNECT,
	LADE_GROUP_OLD,
	LADE_GROUP_BYTES,
	LADE_GROUP_COUNT,
};

/* The rows; *count_out is how many. Static storage. */
const struct lade_option_row *lade_sync_options(size_t *count_out);

/* The title of a group; static text. */
const char *lade_sync_group_title(enum lade_sync_group group);

#endif
