/*
 * Short digests of blocks that can be rolled byte by byte.
 *
 * The bytes of a block, each plus one, are the coefficients of a polynomial modulo the
 * prime 2^61 - 1, evaluated at a secret point; scale * value + shift, again modulo the
 * prime, spreads it, and its low 48 bits are the digest. Two different blocks of at most
 * n bytes, of the same length or not, have the same digest with a probability of at most
 * n / 2^60 + 2^-48 for whoever does not know the key: this is what Karp and Rabin do, with
 * the bound of Dietzfelbinger et al., "Polynomial hash functions are reliable" (1992).
 * Both sides of a session know the key: a digest finds blocks, it proves nothing.
 */
#ifndef LADE_CHUNKER_BLOCK_HASH_H
#define LADE_CHUNKER_BLOCK_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "chunker/digest.h"
#include "protocol/byteorder.h"
#include "protocol/limits.h"

/* Bits of a digest. */
#define LADE_BLOCK_DIGEST_BITS 48u

#define LADE_BLOCK_PRIME (((uint64_t)1 << 61) - 1)

/* Bytes of a group, and 16-bit limbs of a power of the point; see block_hash.c. */
#define LADE_BLOCK_GROUP_LEN 64u
#define LADE_BLOCK_LIMB_COUNT 4u

__extension__ typedef unsigned __int128 lade_u128;

/* The secrets, and what follows from them; plain memory. Threads may share it. */
struct lade_block_key {
	uint64_t point;       /* below 2^60, so that lade_block_roller_step() needs no full reduction */
	uint64_t scale;       /* 1 to the prime - 1 */
	uint64_t shift;       /* below the prime */
	uint64_t group_power; /* point to the power of LADE_BLOCK_GROUP_LEN */
	uint64_t group_ones;  /* the value of a group of zeros: a polynomial whose coefficients are one */
	/* The powers that the bytes of a group are multiplied by, in signed limbs, the lowest first. */
	int16_t limbs[LADE_BLOCK_LIMB_COUNT][LADE_BLOCK_GROUP_LEN];
};

/* Derive the secrets from the key of a session. */
void lade_block_key_derive(struct lade_block_key *key_out, const struct lade_run_key *run_key);

/* The same from given secrets, in the ranges above. */
void lade_block_key_set(struct lade_block_key *key_out, uint64_t point, uint64_t scale, uint64_t shift);

/* The digest of len bytes at data (any length), below 2^48. Any thread. */
uint64_t lade_block_hash(const struct lade_block_key *key, const uint8_t *data, size_t len);

/* Store a digest at p[0..5], its lowest byte first. */
static inline void lade_block_digest_put(uint8_t *p, uint64_t digest)
{
	lade_put_le32(p, (uint32_t)digest);
	lade_put_le16(p + 4, (uint16_t)(digest >> 32));
}

/* Load a digest from p[0..5]. */
static inline uint64_t lade_block_digest_get(const uint8_t *p)
{
	return lade_get_le32(p) | (uint64_t)lade_get_le16(p + 4) << 32;
}

/*
 * A digest that follows a window of fixed length. What it holds is congruent to
 * scale * value + shift, so that a step costs one multiplication: the tables contain scale
 * and shift already. One thread at a time.
 */
struct lade_block_roller {
	const struct lade_block_key *key; /* borrowed */
	uint32_t window_len;
	uint64_t value;         /* congruent to scale * value + shift of the window; below 3 * 2^62 */
	uint64_t point_shifted; /* point * 8: the high word of a product by it is what lies above bit 61 */
	uint64_t enters[256];   /* what a byte adds as the newest */
	uint64_t leaves[256];   /* what a byte adds when it goes */
};

/* Prepare for windows of window_len bytes, 1 or more; key is borrowed as long as the roller is used. */
void lade_block_roller_init(struct lade_block_roller *roller, const struct lade_block_key *key,
			    uint32_t window_len);

/* Put the window at window. Nothing is kept of the pointer. */
void lade_block_roller_start(struct lade_block_roller *roller, const uint8_t *window);

/* Move the window by one byte: oldest goes, newest comes. */
static inline void lade_block_roller_step(struct lade_block_roller *roller, uint8_t oldest, uint8_t newest)
{
	lade_u128 product = (lade_u128)roller->value * roller->point_shifted;

	/* Below value / 2 + 2^61 + 2 * 2^61, which keeps below 3 * 2^62. */
	roller->value = (uint64_t)(product >> 64) + ((uint64_t)product >> 3) +
			(roller->enters[newest] + roller->leaves[oldest]);
}

/* The digest of the window. */
static inline uint64_t lade_block_roller_digest(const struct lade_block_roller *roller)
{
	uint64_t value = (roller->value & LADE_BLOCK_PRIME) + (roller->value >> 61);

	if (value >= LADE_BLOCK_PRIME)
		value -= LADE_BLOCK_PRIME;
	return value & (((uint64_t)1 << LADE_BLOCK_DIGEST_BITS) - 1);
}

#endif
