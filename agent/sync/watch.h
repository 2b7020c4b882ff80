/*
 * --timeout: how long the other side has been silent, and when we must say something ourselves so that it does not think the same of
 * us. The clock is the caller's.
 */
#ifndef LADE_AGENT_SYNC_WATCH_H
#define LADE_AGENT_SYNC_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* The caller's storage. */
struct lade_watch {
	int64_t timeout_ms;   /* 0: nothing is watched */
	int64_t looked_ms;    /* when lade_watch_look() was last called */
	uint64_t heard, said; /* what it saw then */
	int64_t heard_since_ms, said_since_ms; /* how long that has not changed */
};

/* What can be seen of the connection: bytes that came and that went, from whenever. */
struct lade_watch_facts {
	uint64_t heard;
	uint64_t said;
	bool waiting; /* there are bytes that we have not taken yet: if somebody is slow it is us */
};

enum lade_watch_step {
	LADE_WATCH_FINE,
	LADE_WATCH_SPEAK, /* a sign of life is due */
	LADE_WATCH_OVER,  /* the other side was silent for too long */
};

/* Begin at now_ms; timeout_s: seconds, 0 for none. */
void lade_watch_init(struct lade_watch *watch, uint64_t timeout_s, int64_t now_ms);

/* Look at the facts of now_ms, which is not before the last one; several times a second. */
enum lade_watch_step lade_watch_look(struct lade_watch *watch, const struct lade_watch_facts *facts, int64_t now_ms);

#endif
