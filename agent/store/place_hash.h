/*
 * Where something belongs in a hash table: SipHash-2-4 under a key of the table's own. What is looked for there was chosen by whoever wrote to a repository; without the key he cannot choose things that meet in one
 * place, so that a search takes two looks or so whatever they are. In a header alone, for tables of all kinds.
 */
#ifndef LADE_AGENT_STORE_PLACE_HASH_H
#define LADE_AGENT_STORE_PLACE_HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/byteorder.h"

/* The key of one table; never told, and not kept. */
struct lade_place_key {
	uint8_t bytes[crypto_shorthash_KEYBYTES];
};

/* Make a new key. libsodium is up. */
static inline void lade_place_key_make(struct lade_place_key *key_out)
{
	randombytes_buf(key_out->bytes, sizeof(key_out->bytes));
}

/* The hash of len bytes; its lower bits, as many as the table needs, are the place. */
static inline uint64_t lade_place_hash(const struct lade_place_key *key, const void *data, size_t len)
{
	uint8_t hash[crypto_shorthash_BYTES];

	/* It cannot fail. */
	(void)crypto_shorthash(hash, data, len, key->bytes);
	return lade_get_le64(hash);
}

#endif
