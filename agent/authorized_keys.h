/*
 * Whom a daemon knows by his key: lines of a fingerprint and a name,
 *
 *   SHA256:3YmdQ0c5w0EPeLZ6oYtqKVhwSc9GiVLkdNiRqDTNrJI alice
 *
 * Nothing may follow the name: there are no options so far. Remarks begin with #.
 */
#ifndef LADE_AGENT_AUTHORIZED_KEYS_H
#define LADE_AGENT_AUTHORIZED_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"
#include "transport/tls.h"

/* A name, NUL included. */
#define LADE_AUTHORIZED_NAME_SIZE 256u

/* True if text can be a name: 1 to 255 printable characters of ASCII, no blanks; not beginning with # or SHA256: */
bool lade_authorized_keys_name(const char *text);

/*
 * Look fingerprint up in file. Returns 0 with its name; LADE_E_ABSENT: it is not in there, or there is no file; LADE_E_REFUSED: the file can be written to by others,
 * or has a line that makes no sense (then nobody is known); and as lade_line_file_read().
 */
int lade_authorized_keys_find(const char *file, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN],
			      char name_out[LADE_AUTHORIZED_NAME_SIZE], struct lade_fault *fault);

/*
 * Add a line. Returns 0, also if it is there already; LADE_E_CHANGED: the key is there with another name, which is in name_out;
 * LADE_E_USAGE: name can be none; as above, and as lade_line_file_edit().
 */
int lade_authorized_keys_add(const char *file, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], const char *name,
			     char name_out[LADE_AUTHORIZED_NAME_SIZE], struct lade_fault *fault);

#endif
