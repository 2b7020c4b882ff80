/*
 * A list that is sealed into an object as a whole, padded so that its length says little: the description of a snapshot, the tags of a note.
 * agent/store/FORMAT.md, section 7.
 */
#ifndef LADE_AGENT_STORE_SEALED_LIST_H
#define LADE_AGENT_STORE_SEALED_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/seal.h"
#include "protocol/bytes.h"

/* Bytes of a list of len after padding by PADME; at least least. */
size_t lade_sealed_list_padded(size_t len, size_t least);

/*
 * Append the length n and the n bytes of a list, padded and sealed. data is associated. Returns 0; LADE_E_MEMORY; LADE_E_LIMIT: object has no room
 * for it.
 */
int lade_sealed_list_put(struct lade_writer *object, struct lade_seal *seal, struct lade_slice data, struct lade_slice list, size_t least);

/*
 * Open one with all its zeros: *list_out, sealed.len - LADE_SEAL_TAG_LEN bytes, is the caller's, who frees it. Returns 0; LADE_E_CHANGED: it was
 * not sealed so; LADE_E_MEMORY, LADE_E_LIMIT.
 */
int lade_sealed_list_open(struct lade_seal *seal, struct lade_slice data, struct lade_slice sealed, uint8_t **list_out);

/*
 * Finish reading one whose items had len bytes: what is left is zeros, as many as there have to be. Returns 0 or LADE_E_CHANGED.
 */
int lade_sealed_list_finish(struct lade_reader *reader, size_t len, size_t least);

#endif
