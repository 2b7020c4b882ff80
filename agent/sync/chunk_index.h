/*
 * The index of a destination (--index): which file of it has a chunk, and where. Kept in the state
 * directory between runs, with the recipe key under which its chunks are cut and named.
 *
 * It is only ever a hint: files change behind its back, the file that holds it may be damaged, and names are short. What
 * it says is read and digested before it is used. Its memory grows with the number of files; the chunks of
 * earlier runs stay on disk. Any thread, but for lade_index_open() and what follows lade_index_save().
 */
#ifndef LADE_AGENT_SYNC_CHUNK_INDEX_H
#define LADE_AGENT_SYNC_CHUNK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sync/stamp.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/recipe.h"

struct lade_index;

/* Files have numbers while an index is open. */
struct lade_index_place {
	uint32_t file;
	uint64_t off; /* of the chunk in it */
};

/* A chunk of a file that is added. */
struct lade_index_chunk {
	uint64_t name;
	uint64_t off;
	uint32_t len;
};

/*
 * Open the index name of the directory (borrowed until it is closed); one that is not there, that is damaged, or that may not be
 * read, is begun with a fresh key. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. The caller ends it with lade_index_close().
 */
int lade_index_open(int directory_fd, const char *name, struct lade_index **index_out, struct lade_fault *fault);

/* Free the index; what was not saved is lost. NULL does nothing. */
void lade_index_close(struct lade_index *index);

/* Its recipe key, LADE_SECRET_LEN bytes; the index's. */
const uint8_t *lade_index_key(const struct lade_index *index);

/* True if the chunks of path are known, and path was as stamp says when they were read. Then it is kept. */
bool lade_index_knows(struct lade_index *index, const char *path, const struct lade_stamp *stamp);

/* The number of no file. */
#define LADE_INDEX_NONE UINT32_MAX

/* The number of path, if it is known to be as stamp says, settled or not; else LADE_INDEX_NONE. */
uint32_t lade_index_number(struct lade_index *index, const char *path, const struct lade_stamp *stamp);

/* Another file takes the path of this one, which the caller has open: it is found until the session ends, or it is doubted. */
void lade_index_detach(struct lade_index *index, uint32_t file);

/* Forget all files that were neither known nor added since the index was opened. */
void lade_index_sweep(struct lade_index *index);

/*
 * path has these chunks. settled: its stamp speaks for them; if not they are good for this session, and path is not known to
 * later ones. Returns 0, LADE_E_MEMORY, or LADE_E_SYSTEM where memory was short and the disk was as well: then nothing
 * more is added, nor saved.
 */
int lade_index_add(struct lade_index *index, const char *path, const struct lade_stamp *stamp, bool settled,
		   const struct lade_index_chunk *chunks, size_t count, struct lade_fault *fault);

/*
 * Find a chunk. likely: where it would continue what was found last, which is preferred where several have it; or NULL.
 * False if there is none.
 */
bool lade_index_find(struct lade_index *index, const struct lade_recipe_chunk *chunk,
		     const struct lade_index_place *likely, struct lade_index_place *place_out);

/* The path of a file, which the caller frees, and its stamp. NULL: no memory. */
char *lade_index_path(struct lade_index *index, uint32_t file, struct lade_stamp *stamp_out);

/* What was said of a file is wrong: nothing more is said of it. */
void lade_index_doubt(struct lade_index *index, uint32_t file);

/*
 * Write it back, if it changed: a crash leaves the old one. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM; then it is as it was, and
 * may be tried again.
 */
int lade_index_save(struct lade_index *index, struct lade_fault *fault);

#endif
