/*
 * Windows of a file in memory that survive the file being cut short.
 *
 * Reading a mapping past the end of its file raises SIGBUS. The handler installed
 * here maps zero pages from the fault to the end of the window and flags the window
 * in a fixed table; the caller looks at the flag after it has used a window. A fault
 * at a foreign address is raised again with the previous disposition. No thread that
 * reads a window may block SIGBUS. See mmap(2), sigaction(2).
 *
 * Only whole pages fault: what a page holds beyond the end of its file reads as zero
 * without any signal. Whoever must know compares the size of the file as well.
 */
#ifndef LADE_TRANSPORT_MAPPING_H
#define LADE_TRANSPORT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

/* Most windows mapped at one time in a process; further ones are LADE_E_MEMORY. */
#define LADE_MAPPINGS_MAX 64

/* One window; the caller's storage. A zeroed one is closed. */
struct lade_mapping {
	const uint8_t *data; /* first byte of the window, or NULL */
	size_t len;          /* bytes of the window */
	void *base;          /* page-aligned start of the mapping */
	size_t base_len;
	int slot;            /* row in the table of the handler */
};

/*
 * Install the SIGBUS handler; before threads start, later calls do nothing.
 * Returns 0 or LADE_E_SYSTEM.
 */
int lade_mapping_setup(struct lade_fault *fault);

/*
 * Map len bytes (at least 1) of fd from off on, read-only and shared, to be read from
 * the beginning to the end. off has any alignment. Any thread; one mapping belongs to one
 * caller. The caller closes it; fd may be closed before. Returns 0 or
 *
 *   LADE_E_SHRUNK       the regular file is already shorter than off + len
 *   LADE_E_MEMORY       the table is full, or ENOMEM
 *   LADE_E_UNSUPPORTED  mapping does not work here, fault->sys_errno says why
 *                       (ENODEV, EACCES, ...): read instead
 *
 * On failure the mapping is closed.
 */
int lade_mapping_open(struct lade_mapping *mapping, int fd, off_t off, size_t len,
		      struct lade_fault *fault);

/*
 * True once a fault hit the window since it was opened: its bytes are not the
 * file's. Any thread. False for a closed mapping.
 */
bool lade_mapping_damaged(const struct lade_mapping *mapping);

/* Unmap; nobody may be reading the window. A closed or zeroed mapping does nothing. */
void lade_mapping_close(struct lade_mapping *mapping);

#endif
