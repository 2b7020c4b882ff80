/*
 * What the fuzz targets of whole sessions share: a directory that may change beside one
 * that may not, and a peer that says the input and hangs up.
 */
#ifndef LADE_TESTS_FUZZ_SESSION_H
#define LADE_TESTS_FUZZ_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "agent/sync/settings.h"
#include "chunker/digest.h"
#include "transport/connection.h"

struct fuzz_session {
	char inside[64];
	struct lade_connection ours;  /* the session's end; the other says the input */
	struct lade_run_key key;      /* the same in every run, so that a corpus keeps its meaning */
	struct lade_settings settings;
	const uint8_t *data;
	size_t size;
	int peer_fd;
	unsigned long thread;
};

/* "o" inside: of this there is old content, so that it is described; as a source it is what is described. */
#define FUZZ_OLD_LEN 24000u
void fuzz_old_content(uint8_t out[FUZZ_OLD_LEN]);

/* For replay.c, see there. */
extern const unsigned fuzz_places_max;

/* The options for a byte of the input: what a session does, never what it may touch. */
uint64_t fuzz_session_options(uint8_t byte);

/* Begin: a fresh directory, a connection, a thread that says data and drops what it hears. */
void fuzz_session_begin(struct fuzz_session *session, const uint8_t *data, size_t size);

/* End: aborts if anything outside was touched, or a temporary file is left. */
void fuzz_session_end(struct fuzz_session *session);

#endif
