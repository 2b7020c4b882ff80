/*
 * What differs inside a gap: a range of a new file of which the receiver knows both
 * neighbours, but not the bytes themselves.
 *
 * The receiver says what stands there now: the *signature*, a short digest for each block of
 * the old range. The sender finds these blocks in the new range, shifted ones as well, and
 * answers with a *patch* of copies and literals. The receiver applies it to the old range.
 * This is rsync's algorithm (Tridgell and Mackerras, 1996) with one universal hash in the
 * place of a weak and a strong one. A block is taken for another with a probability of 2^-48
 * for each comparison, so whoever applies a patch must check the outcome with a digest.
 *
 * Pure memory. All functions may be called by any thread.
 */
#ifndef LADE_CHUNKER_DELTA_H
#define LADE_CHUNKER_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "chunker/block_hash.h"
#include "protocol/bytes.h"

/* Most blocks of one signature. */
#define LADE_SIGNATURE_COUNT_MAX (1u << 20)

/* An old range as the sender knows it. */
struct lade_signature {
	uint64_t old_len;          /* bytes of the old range */
	uint32_t block_len;        /* bytes of a block */
	struct lade_slice digests; /* borrowed; LADE_BLOCK_DIGEST_LEN bytes for each block, in their order */
};

/*
 * The block length that suits an old range of old_len bytes: the multiple of 32 nearest to
 * sqrt(4.8 * old_len), where the digests of all blocks (6 bytes each) and the literals of one edit
 * (1.25 blocks) take the fewest bytes together; but at least 384, so that the signature of a
 * range that turns out to have changed altogether is no more than 1/64 of it (and a digest);
 * at most LADE_BLOCK_MAX.
 */
uint32_t lade_block_len(uint64_t old_len);

/* Blocks of an old range of old_len bytes: all full ones, and a shorter one if bytes are left. block_len > 0. */
uint64_t lade_signature_count(uint64_t old_len, uint32_t block_len);

/* Write the digests of all blocks of old to out: lade_signature_count() * LADE_BLOCK_DIGEST_LEN bytes. */
void lade_signature_make(const struct lade_block_key *key, struct lade_slice old, uint32_t block_len,
			 uint8_t *out);

/*
 * Append to out the patch that makes fresh, the bytes of the new range, of the old range.
 * It takes at most fresh.len + 32 bytes. The signature is the peer's: it is checked.
 * Returns 0; LADE_E_PROTOCOL if the block length is out of bounds or there are not as many digests
 * as blocks, or too many; LADE_E_MEMORY; LADE_E_LIMIT if out holds no more. What was appended
 * before a failure means nothing.
 */
int lade_patch_make(const struct lade_block_key *key, const struct lade_signature *signature,
		    struct lade_slice fresh, struct lade_writer *out);

/*
 * Check a patch, any bytes from outside, and make exactly fresh_len bytes at fresh of it. old is
 * what the signature was made of with block_len, and does not overlap fresh. Returns 0,
 * or LADE_E_PROTOCOL for a patch that is not well-formed; what is at fresh then means nothing.
 */
int lade_patch_apply(struct lade_slice patch, struct lade_slice old, uint32_t block_len,
		     uint8_t *fresh, size_t fresh_len);

#endif
