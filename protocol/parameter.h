/*
 * The parameters of OPEN: what options of a session have beside their bit, a number or a text each (see [open]). The encoding
 * knows nothing of their meaning: agent/sync/parameters.h does.
 */
#ifndef LADE_PROTOCOL_PARAMETER_H
#define LADE_PROTOCOL_PARAMETER_H

#include <stdint.h>

#include "protocol/bytes.h"

/* Which parameter: part of the protocol, and never used again for something else. */
enum lade_parameter {
	LADE_PARAMETER_COMPRESSION = 1,
	LADE_PARAMETER_LEVEL = 2,
	LADE_PARAMETER_SOURCE_NAMES = 20,
	LADE_PARAMETER_FILES_FROM = 21,
	LADE_PARAMETER_FROM0 = 22,
	LADE_PARAMETER_SIZE_LIMIT = 23,
	LADE_PARAMETER_SIZE_LEAST = 24,
	LADE_PARAMETER_LISTING = 25,
	LADE_PARAMETER_CHECKSUM = 30,
	LADE_PARAMETER_FILE_CHECKSUM = 31,
	LADE_PARAMETER_MODIFY_WINDOW = 32,
	LADE_PARAMETER_USERMAP = 40,
	LADE_PARAMETER_GROUPMAP = 41,
	LADE_PARAMETER_CHARSET = 42,
	LADE_PARAMETER_DELETION = 50,
	LADE_PARAMETER_MAX_DELETE = 51,
	LADE_PARAMETER_BACKUP_DIR = 52,
	LADE_PARAMETER_SUFFIX = 53,
	LADE_PARAMETER_PARTIAL_DIR = 54,
	LADE_PARAMETER_TEMP_DIR = 55,
	LADE_PARAMETER_NO_PARTIAL = 56,
	LADE_PARAMETER_GUARD = 57,
	LADE_PARAMETER_FORCE_DELETE = 58,
	LADE_PARAMETER_BWLIMIT = 60,
	LADE_PARAMETER_TIMEOUT = 61,
	LADE_PARAMETER_MAX_ALLOC = 62,
	LADE_PARAMETER_ITEMS = 70,
	LADE_PARAMETER_NOTES = 71,
};

/* Append one parameter whose value is a number; they must be appended in the order of their keys. A failure is the writer's. */
void lade_parameter_put_number(struct lade_writer *writer, unsigned key, uint64_t value);

/* The same for one whose value is a text. */
void lade_parameter_put_text(struct lade_writer *writer, unsigned key, struct lade_slice text);

/*
 * Take the next parameter: 1 and its key, above after (0 for the first), and its value, borrowed from the reader's bytes; 0 at their end;
 * LADE_E_PROTOCOL, LADE_E_TRUNCATED or LADE_E_LIMIT for what is none.
 */
int lade_parameter_get(struct lade_reader *reader, unsigned after, unsigned *key_out, struct lade_slice *value_out);

/* The number that value holds: 0, LADE_E_PROTOCOL if it is none, LADE_E_LIMIT if it is above max. */
int lade_parameter_number(struct lade_slice value, uint64_t max, uint64_t *number_out);

#endif
