/*
 * An honest receiver made by hand: asks for every file, lands it in memory, asks again
 * for what differs. A hook is called between pieces of payload, so that a test can
 * change the source at a known byte, or rest.
 */
#ifndef LADE_TESTS_FAULT_SINK_H
#define LADE_TESTS_FAULT_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/fault/peer.h"

#define SINK_FILES_MAX 64u
/* The hook is called every so many bytes. */
#define SINK_PIECE 16384u

struct sink_file {
	char name[256];
	uint64_t size, new_size, next_off;
	uint8_t *content;
	bool ended, changed, damaged, gone, settled;
	unsigned attempts;
	uint32_t outstanding; /* runs asked for again */
	unsigned asked;       /* how often, in all */
};

struct sink {
	struct peer *peer;
	struct sink_file files[SINK_FILES_MAX]; /* by slot */
	uint32_t file_count;
	uint64_t entries;
	bool entries_ended;
	void (*hook)(struct sink *sink, const struct sink_file *file, uint64_t off); /* may be NULL */
	void *context;
};

/* Receive to the end of the session. False if the sender hung up before. */
bool sink_run(struct sink *sink);

/* The file of this name, or NULL. */
const struct sink_file *sink_find(const struct sink *sink, const char *name);

/* Free the contents. */
void sink_fini(struct sink *sink);

#endif
