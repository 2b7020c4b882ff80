/*
 * A whole session in memory, for tests: both machines, a byte stream each way, and a
 * toy tree whose files misbehave as they are told. Nothing runs by itself: each
 * toy_*() does one piece of one side's work, so a test chooses the interleaving.
 *
 * The sender here is what agent/sync/ does, without descriptors and threads: files of
 * at most TOY_SMALL bytes travel in bundles, the others in runs of TOY_RUN bytes.
 *
 * Described files, of any size, have pieces of TOY_RUN bytes, of two chunks each. The receiver has old content,
 * in which every third chunk is different; what it lacks it asks for as a gap or as a literal in turn,
 * once it knows what comes behind.
 */
#ifndef LADE_TESTS_UNIT_SESSION_TOY_H
#define LADE_TESTS_UNIT_SESSION_TOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/session_recv.h"
#include "protocol/session_send.h"

#define TOY_FILES_MAX 64u
#define TOY_SIZE_MAX 2048u
#define TOY_SMALL 64u
#define TOY_RUN 100u
#define TOY_CHUNK 50u

/* A file: what it is and what will go wrong with it, then what became of it. */
struct toy_file {
	const char *name;
	const char *text; /* its content; NULL: bytes that depend on name, version and place */
	uint32_t mode;
	uint64_t size;
	uint64_t link;        /* LADE_LINK_* */
	size_t xattrs_len;    /* so many zero bytes weigh upon its entry */
	bool hole;            /* its second run is a hole */
	bool unwanted;        /* the receiver has it */
	bool gone;            /* it cannot be opened; described: nor read beyond its first piece */
	bool shrinks;         /* during its second run of the first attempt */
	bool withdrawn;       /* nothing of it can be read a second time */
	bool unwritable;      /* the receiver cannot write it */
	bool lent;            /* it travels as a descriptor, unless it is described */
	bool described;       /* the receiver has old content, and wants its recipe */
	unsigned changes;     /* so many attempts end with another version of it */
	unsigned corruptions; /* so many times its first run, record or patch is damaged on the way */
	unsigned collisions;  /* so many chunks of old content have the names of others */

	unsigned version; /* of the source */
	unsigned asked, settled, acked, dropped;
	enum lade_verdict verdict;
	bool whole;
	uint32_t attempt;
	uint64_t landed_len;
	uint64_t known; /* of a described file: up to here the receiver knows what comes */
	unsigned gaps, literals, runs; /* so many PATCHes and RUNs came: those asked for as literals, and others */
	uint8_t landed[TOY_SIZE_MAX];
};

/* One direction: frames as in PROTOCOL.md, and messages that are not yet in one. */
struct toy_pipe {
	struct lade_writer control;
	struct lade_writer bytes;
	size_t off; /* of bytes, heard so far */
	void (*trace)(const char *who, const uint8_t *frame, size_t len); /* NULL: nobody listens */
	const char *who;
};

/* A file in a slot of the sender. */
struct toy_sending {
	struct toy_file *file;
	uint64_t off;
	unsigned version; /* what this attempt sends */
	uint32_t attempt;
};

/* What the receiver still has to look at: of a piece, chunk by chunk, and then wait for what is missing. */
struct toy_job {
	struct lade_recv_event event;
	uint8_t digest[LADE_DIGEST_LEN];
	bool good; /* judged already */
	uint64_t names[TOY_RUN / TOY_CHUNK]; /* of a piece's chunks */
	uint32_t looked_at, missing;         /* bytes of a piece */
};

struct toy {
	struct lade_session_send *sender;
	struct lade_session_recv *receiver;
	struct toy_pipe to_receiver, to_sender;
	void (*digest)(const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN]);

	struct toy_file files[TOY_FILES_MAX];
	size_t file_count;

	/* the sender's */
	int said; /* of the entry stream: -2 nothing, -1 ROOT, then entries */
	struct toy_sending sending[LADE_SLOTS_MAX];
	uint32_t wanted[TOY_FILES_MAX];
	size_t wanted_count;
	struct lade_send_event again[LADE_WANT_RUNS_MAX + LADE_WANT_GAPS_MAX];
	size_t again_count;
	bool blocked; /* the last try found no credit */

	/* the receiver's */
	struct lade_writer entries; /* entry stream not yet planned */
	size_t entries_off;
	uint64_t planned;
	bool entries_ended, end_said, end_heard;
	struct toy_job jobs[4096];
	size_t job_count;

	int error; /* the first failure of a machine */
};

/* Begin with no files, a plain digest of its own, nothing said. Freed with toy_fini(). */
void toy_init(struct toy *toy);
void toy_fini(struct toy *toy);

/* Add a regular file of size bytes; in bytewise order of names. */
struct toy_file *toy_add(struct toy *toy, const char *name, uint64_t size);

/* Each does one piece of work and tells whether there was any. */
bool toy_walk(struct toy *toy);               /* sender: the next message of the entry stream */
bool toy_feed(struct toy *toy, size_t which); /* sender: data for one of the wanted files */
bool toy_hear_sender(struct toy *toy);        /* sender: the next frame */
bool toy_hear_receiver(struct toy *toy);      /* receiver: the next frame */
bool toy_plan(struct toy *toy); /* receiver: the next message of the entry stream, at last END */
bool toy_work(struct toy *toy, size_t which); /* receiver: judge something that landed */

/* Do all there is to do, one side after the other, to the end. 0 or what went wrong. */
int toy_run(struct toy *toy);

/* The same in an order that seed chooses; LADE_E_AGAIN if it comes to no end. */
int toy_run_shuffled(struct toy *toy, uint64_t seed);

/* Bytes and byte off of a version of file. */
uint64_t toy_size(const struct toy_file *file, unsigned version);
uint8_t toy_byte(const struct toy_file *file, unsigned version, uint64_t off);

/* True if what landed is version of file. */
bool toy_landed(const struct toy_file *file, unsigned version);

#endif
