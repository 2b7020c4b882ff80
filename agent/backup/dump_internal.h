/*
 * Headers of an archive. For dump*.c.
 */
#ifndef LADE_AGENT_BACKUP_DUMP_INTERNAL_H
#define LADE_AGENT_BACKUP_DUMP_INTERNAL_H

#include "agent/backup/dump.h"

#define TAR_BLOCK_LEN 512u

/* What a header says. */
struct tar_member {
	const struct lade_stream_entry *entry;
	struct lade_slice path;    /* of a directory with a slash behind it */
	struct lade_slice link;    /* target of a symlink, or the first name of a file; else empty */
	bool is_link;              /* it is another name of a file */
	uint64_t length;           /* of the content that follows */
	struct lade_slice xattrs;  /* encoded, checked; or empty */
};

/* Append the header of a member, and before it, if it is needed, one with what has no place there. Errors are the writer's. */
void dump_tar_header(struct lade_writer *writer, const struct tar_member *member);

#endif
