/*
 * Digests of what is in files: whole ones for -c, runs that landed.
 */
#ifndef LADE_AGENT_SYNC_FILE_DIGEST_H
#define LADE_AGENT_SYNC_FILE_DIGEST_H

#include <stdint.h>

#include "chunker/digest.h"
#include "protocol/error.h"

/* Bytes of the buffer that lade_range_digest() reads into: a run, which fits the L2 cache. */
#define LADE_DIGEST_BUFFER_LEN LADE_RUN_DEFAULT

/*
 * Digest the first size bytes of fd under key, by reading them. Returns 0, LADE_E_SHRUNK (the file is shorter),
 * LADE_E_SOURCE or LADE_E_MEMORY; fault's subject is left empty. Any thread.
 */
int lade_file_digest(int fd, uint64_t size, const struct lade_run_key *key, uint8_t out[LADE_DIGEST_LEN],
		     struct lade_fault *fault);

/* A range of a file. */
struct lade_range {
	int fd;
	uint64_t off;
	uint32_t len;
};

/*
 * Digest a range: by reading it into buffer (LADE_DIGEST_BUFFER_LEN bytes), or, with buffer NULL,
 * through a mapping, without copying a byte. Returns and faults as above.
 */
int lade_range_digest(const struct lade_range *range, const struct lade_run_key *key, uint8_t *buffer,
		      uint8_t out[LADE_DIGEST_LEN], struct lade_fault *fault);

/* Read exactly a range into buffer, range->len bytes. Returns 0, LADE_E_SHRUNK or LADE_E_SOURCE. */
int lade_range_read(const struct lade_range *range, uint8_t *buffer, struct lade_fault *fault);

#endif
