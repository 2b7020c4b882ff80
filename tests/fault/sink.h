/*
 * An honest receiver made by hand: asks for every file, lands it in memory, asks again
 * for what differs. A hook is called between pieces of payload, so that a test can
 * change the source at a known byte, or rest.
 *
 * It can have large files described instead, and then asks for all of them in gaps, as it has nothing: by turns as
 * WANT_GAP and as WANT_RUN, as soon as they are described, or when all of the file is.
 */
#ifndef LADE_TESTS_FAULT_SINK_H
#define LADE_TESTS_FAULT_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/fault/peer.h"

#define SINK_FILES_MAX 64u
#define SINK_SMALL_MAX 10000u
/* The hook is called every so many bytes. */
#define SINK_PIECE 16384u

/* A described piece. */
struct sink_piece {
	uint64_t off;
	uint32_t len, missing;
	uint8_t digest[LADE_DIGEST_LEN];
};
#define SINK_PIECES_MAX 64u

struct sink_file {
	char name[256];
	uint64_t size, new_size, next_off;
	uint8_t *content;
	bool ended, changed, aborted, damaged, gone, settled;
	unsigned attempts;
	uint32_t outstanding; /* runs asked for again */
	unsigned asked;       /* how often, in all */
	bool described;
	struct sink_piece pieces[SINK_PIECES_MAX];
	unsigned piece_count;
	unsigned patches;     /* heard, in all */
};

struct sink {
	struct peer *peer;
	struct sink_file files[SINK_FILES_MAX]; /* by slot */
	uint32_t file_count;
	uint64_t entries;
	bool entries_ended;
	unsigned cut_class;   /* files of more than SINK_SMALL_MAX bytes are described, cut so; 0: none is */
	bool late;            /* gaps are asked for when FILE_END was said, not with each piece */
	void (*hook)(struct sink *sink, const struct sink_file *file, uint64_t off); /* may be NULL; described: of each patch */
	void *context;
};

/* Receive to the end of the session. False if the sender hung up before. */
bool sink_run(struct sink *sink);

/* The file of this name, or NULL. */
const struct sink_file *sink_find(const struct sink *sink, const char *name);

/* Free the contents. */
void sink_fini(struct sink *sink);

#endif
