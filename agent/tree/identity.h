/*
 * Owners and groups by name: numbers of one host to numbers of another.
 *
 * The sender tells each number's name once; the receiver looks the name up in its
 * own database and remembers. 0 is neither announced, mapped, nor mapped to, unless the
 * user has a map that says so; an unknown name keeps its number. See getpwnam_r(3). One table serves one session;
 * the receiver's calls lock by themselves, the sender is one thread.
 */
#ifndef LADE_AGENT_TREE_IDENTITY_H
#define LADE_AGENT_TREE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/tree/id_map.h"
#include "protocol/error.h"

/* Most numbers of each kind that one receiver remembers. */
#define LADE_IDENTITIES_MAX (1u << 20)

/* Most that one sender remembers; then it begins anew. */
#define LADE_IDENTITIES_ANNOUNCED_MAX (1u << 14)

enum lade_identity_kind { LADE_IDENTITY_USER, LADE_IDENTITY_GROUP };

struct lade_identities;

/* An empty table: 0 or LADE_E_MEMORY. The caller frees it with lade_identities_free(). */
int lade_identities_new(struct lade_identities **identities_out);

/* Free the table. NULL does nothing. */
void lade_identities_free(struct lade_identities *identities);

/* Of a user or group of this host: 1 and its number, 0 if nothing is called so, LADE_E_MEMORY. Any thread. */
int lade_identity_number(enum lade_identity_kind kind, const char *name, uint32_t *id_out);

/* Receiver: ids of kind become what map (borrowed) says, 0 too; it is asked before names are. Before anything is learnt or mapped. */
void lade_identities_use_map(struct lade_identities *identities, enum lade_identity_kind kind, const struct lade_id_map *map);

/* Sender: announce 0 of kind as any other number: the receiver has a map. */
void lade_identities_announce_zero(struct lade_identities *identities, enum lade_identity_kind kind);

/*
 * Sender: the first time that id of kind is seen, returns 1 and puts its name
 * (NUL-terminated, borrowed until the next call) in *name_out; returns 0 if it was
 * seen before or has no name; LADE_E_MEMORY. Waits for the name service at most once
 * for each id. Beyond LADE_IDENTITIES_ANNOUNCED_MAX ids all are seen for the first
 * time again.
 */
int lade_identities_announce(struct lade_identities *identities, enum lade_identity_kind kind,
			     uint32_t id, const char **name_out);

/*
 * Receiver: the peer's id of kind is called name (name_len bytes; the last word
 * counts). Asks the map, or looks the name up at once. Returns 0, also where the name is unknown
 * here; LADE_E_PROTOCOL for an empty name, one above 255 bytes or with a NUL inside;
 * LADE_E_MEMORY (also: over LADE_IDENTITIES_MAX).
 */
int lade_identities_learn(struct lade_identities *identities, enum lade_identity_kind kind,
			  uint32_t id, const char *name, size_t name_len);

/* Receiver: the number here for the peer's id; id itself where nothing better is known. */
uint32_t lade_identities_map(struct lade_identities *identities, enum lade_identity_kind kind,
			     uint32_t id);

#endif
