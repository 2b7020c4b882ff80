/*
 * Looking whether chunks are where they belong in a file that is there: by their ids, which several threads compute for one long file.
 */
#ifndef LADE_AGENT_BACKUP_RESTORE_LOOK_H
#define LADE_AGENT_BACKUP_RESTORE_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backup/pool.h"
#include "agent/store/chunk_id.h"
#include "agent/store/stream_recipe.h"
#include "chunker/strict_cut.h"
#include "protocol/error.h"

/* Chunks that are looked at together, at most. */
#define RESTORE_LOOKS_MAX 256u

/* A chunk of a recipe. */
struct restore_look {
	struct lade_stream_item item;
	uint64_t off;  /* where it belongs */
	int is;        /* 1: it is there; 0: it is not; LADE_E_SOURCE: what is there cannot be read */
	int sys_errno; /* why it cannot */
};

struct restore_looks;
struct restore_file;
struct lade_restore;

/* What one thread reads with. */
struct restore_reader {
	struct lade_chunk_namer *namer;
	const struct lade_strict_cut *cut;   /* of content; borrowed */
	uint8_t *buffer;                     /* two chunks of the greatest length */
	uint8_t zeros_id[LADE_CHUNK_ID_LEN]; /* of a chunk of the greatest length that is all zeros */
	struct restore_looks *looks;
	const struct lade_restore *restore;  /* for which it reads: when that is stopped, so is this; NULL, as at first: nothing stops it */
	struct lade_pool *pool;              /* of which this reader is a worker, as long as it runs a job; NULL, as at first: it looks alone */
};

/* A file that is looked into. */
struct restore_seen {
	int fd;
	uint64_t len;
	struct restore_file *into; /* chunks that are there are written to it, too, while they are in memory; NULL: they are not */
};

/* Prepare a reader. cut is borrowed. Returns 0 or LADE_E_MEMORY; the caller frees it with restore_reader_fini(), failure or not. */
int restore_reader_init(struct restore_reader *reader, enum lade_id_hash hash, const uint8_t *ids_key, const struct lade_strict_cut *cut);

/* Free what it has. */
void restore_reader_fini(struct restore_reader *reader);

/* Read up to len bytes at off. How many there are; less at the end of the file, and where it cannot be read: errno is 0 then or not. */
size_t restore_read_at(int fd, uint8_t *out, size_t len, uint64_t off);

/*
 * Look at the chunks that come next in cursor, 1 to RESTORE_LOOKS_MAX of them and no more than most. Returns how many, and *looks_out has them until the reader looks again; 0 at the end; LADE_E_CANCELLED, LADE_E_MEMORY,
 * or what the cursor says.
 */
int restore_look(struct restore_reader *reader, const struct restore_seen *file, struct lade_recipe_cursor *cursor, size_t most, const struct restore_look **looks_out,
		 struct lade_fault *fault);

#endif
