/*
 * The content of a file, cut into chunks and put: by the thread that has the file, and by others that have time.
 *
 * Bytes are read into memory of our own, once: what a chunk is called and what is stored of it are the same bytes, whatever happens to the file meanwhile.
 * Pages of the file that were not in memory before do not stay there.
 */
#ifndef LADE_AGENT_BACKUP_FILE_CUT_H
#define LADE_AGENT_BACKUP_FILE_CUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/backup/worker.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* What is read. */
struct lade_file_cut_source {
	int fd;
	bool seekable;       /* a regular file: it may have holes, and is read by offsets; else to its end, whenever that comes */
	bool may_have_holes; /* it has fewer blocks than bytes */
	uint64_t len;        /* of a regular file: no more is read */
	const char *path;    /* for faults */
	const atomic_bool *stop; /* reading ends as soon as it can when this becomes true */
	void (*progress)(void *context, uint64_t bytes); /* so many more were read; from this thread; may be NULL */
	void *context;
};

/* What came of it. The caller frees the writers. */
struct lade_file_cut_result {
	struct lade_writer recipe; /* encoded: agent/store/FORMAT.md [recipe] */
	struct lade_writer holes;  /* the recipe of the stream of holes; empty: it has none */
	struct lade_writer ids;    /* of all chunks, kind (u8) and id each, where the two recipes do not have them; else nothing */
	uint64_t len;              /* bytes of the stream */
};

/* Start with nothing. */
void lade_file_cut_result_init(struct lade_file_cut_result *result);

/* Free what it has. */
void lade_file_cut_result_fini(struct lade_file_cut_result *result);

/*
 * Put the content of source. From within a job of the pool. Returns 0; LADE_E_SOURCE: it cannot be read, and result says nothing; LADE_E_CANCELLED: stop became
 * true; or what the sink says, which ends the
 * backup.
 */
int lade_file_cut_put(struct lade_backup_worker *worker, const struct lade_file_cut_source *source, struct lade_file_cut_result *result,
		     struct lade_fault *fault);

#endif
