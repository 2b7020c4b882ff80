/*
 * How much effort to spend on compression: the level at which most content leaves in a second, found out by
 * trying. A link that is slow is worth a high level, a fast one none.
 */
#ifndef LADE_AGENT_SYNC_EFFORT_H
#define LADE_AGENT_SYNC_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

/* How payloads are compressed; what OPEN says in [open]. */
enum lade_compression {
	LADE_COMPRESSION_NONE,
	LADE_COMPRESSION_ZSTD, /* at a fixed level, what shrinks */
	LADE_COMPRESSION_AUTO, /* at whichever level pays */
	LADE_COMPRESSION_COUNT,
};

/* The steps of AUTO; the first is no compression. */
#define LADE_EFFORT_STEPS 6u

/* One sender's; plain memory. */
struct lade_effort {
	enum lade_compression compression;
	int level;            /* of ZSTD */
	unsigned step;        /* AUTO: the best so far */
	unsigned trying;      /* the one of this period: step, or a neighbour */
	unsigned periods;     /* since the start */
	double rate[LADE_EFFORT_STEPS]; /* bytes of content in a second; 0: not tried yet */
	uint64_t len;         /* of this period: content, */
	int64_t ns;           /* and time */
	unsigned stubborn;    /* how often in a row nothing shrank */
	unsigned pause;       /* payloads to be sent as they are, before the next is tried */
};

/* Start. level: 1..LADE_CODEC_LEVEL_MAX, for ZSTD. */
void lade_effort_init(struct lade_effort *effort, enum lade_compression compression, int level);

/* The level for the next payload; 0: send it as it is. */
int lade_effort_level(struct lade_effort *effort);

/* A payload that was tried: whether it shrank enough to be worth it. */
void lade_effort_shrank(struct lade_effort *effort, bool shrank);

/* A payload of len bytes of content took ns nanoseconds, from the beginning of its compression to the end of its writing. */
void lade_effort_took(struct lade_effort *effort, uint64_t len, int64_t ns);

#endif
