/*
 * Which snapshots of a writer who was revoked are good: those that the last good one leads to. agent/store/FORMAT.md [trust].
 */
#ifndef LADE_AGENT_STORE_REVOKED_CHAIN_H
#define LADE_AGENT_STORE_REVOKED_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/trust.h"

/* A snapshot that the writer has signed. */
struct lade_revoked_snapshot {
	uint64_t number;
	const uint8_t *hash, *before; /* SHA-256 of it, and of the one that it names as the one before; borrowed */
	size_t index;                 /* whatever the caller knows it by */
	bool good;                    /* filled in */
};

/*
 * Asked where the chain has a gap: whether a manager who is not revoked has signed that the writer's snapshot of that number and that hash was removed. Returns 1, and in before_out the hash of the one before it; 0; or
 * what ends it all.
 */
typedef int lade_revoked_removed(void *context, const struct lade_party *writer, uint64_t number, const uint8_t hash[LADE_HASH_LEN], uint8_t before_out[LADE_HASH_LEN]);

/*
 * Weigh all snapshots of a writer that there are, in whatever order; they are sorted, the highest number first. Returns 0 or what removed() says.
 */
int lade_revoked_weigh(const struct lade_party *writer, struct lade_revoked_snapshot *snapshots, size_t count, lade_revoked_removed *removed, void *context);

#endif
