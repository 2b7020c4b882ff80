/*
 * chunker/cut with NEON and PMULL: sixteen bytes, two products, at a time.
 */
#include "chunker/cut_internal.h"

#ifdef LADE_CUT_NEON
#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_PMULL
#define HWCAP_PMULL (1 << 4)
#endif

#ifdef __ARM_FEATURE_AES
#define TARGET
#else
#define TARGET __attribute__((target("+crypto")))
#endif
#define VECTOR_LEN 16
#define VECTORS (LADE_CUT_STEP_LEN / VECTOR_LEN)

struct state {
	poly64_t factor;
	uint8x16_t match; /* these three: of the cut, in each byte */
	uint8x16_t before;
	uint8x16_t before_mask;
	uint64x2_t odd;     /* the last product of an odd word; its high half is carried */
	uint8x16_t product; /* the last bytes of G */
};

LADE_CUT_INLINE uint64x2_t load(const uint8_t *p)
{
	return vreinterpretq_u64_u8(vld1q_u8(p));
}

/* The words that lie words whole words and shift bits before p: what is shifted left is inserted above the rest. */
#define TAP(p, words, shift) \
	vsliq_n_u64(vshrq_n_u64(load((p)-8 * ((words) + 1)), 64 - (shift)), load((p)-8 * (words)), shift)

/* The words of E at p. */
LADE_CUT_INLINE uint64x2_t spread(const uint8_t *p)
{
	return veorq_u64(load(p), veorq_u64(TAP(p, LADE_CUT_NEAR_WORDS, LADE_CUT_NEAR_SHIFT),
					    TAP(p, LADE_CUT_FAR_WORDS, LADE_CUT_FAR_SHIFT)));
}

/* The next words of G: low halves of the products and, from the word before, high ones. */
TARGET LADE_CUT_INLINE uint8x16_t multiply(struct state *state, uint64x2_t words)
{
	uint64x2_t even = vreinterpretq_u64_p128(vmull_p64((poly64_t)vgetq_lane_u64(words, 0), state->factor));
	uint64x2_t odd = vreinterpretq_u64_p128(vmull_p64((poly64_t)vgetq_lane_u64(words, 1), state->factor));
	uint64x2_t low = vzip1q_u64(even, odd);
	uint64x2_t high = vzip2q_u64(state->odd, even);

	state->odd = odd;
	return vreinterpretq_u8_u64(veorq_u64(low, high));
}

/* Bytes of all ones where there are candidates. */
TARGET LADE_CUT_INLINE uint8x16_t candidates_at(struct state *state, const uint8_t *p)
{
	uint8x16_t product = multiply(state, spread(p));
	uint8x16_t before = vextq_u8(state->product, product, VECTOR_LEN - 1);

	state->product = product;
	return vandq_u8(vceqq_u8(product, state->match), vceqq_u8(vandq_u8(before, state->before_mask), state->before));
}

/* Bit i is set if byte i of found is. */
LADE_CUT_INLINE uint64_t bits_of(uint8x16_t found)
{
	static const uint8_t weights[VECTOR_LEN] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t bits = vandq_u8(found, vld1q_u8(weights));

	return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

TARGET LADE_CUT_INLINE uint64_t step(void *opaque, const uint8_t *block)
{
	uint8x16_t found[VECTORS], any = vdupq_n_u8(0);
	uint64_t candidates = 0;

	for (unsigned i = 0; i < VECTORS; i++) {
		found[i] = candidates_at(opaque, block + VECTOR_LEN * i);
		any = vorrq_u8(any, found[i]);
	}
	if (__builtin_expect(vmaxvq_u8(any) != 0, 0))
		for (unsigned i = 0; i < VECTORS; i++)
			candidates |= bits_of(found[i]) << VECTOR_LEN * i;
	return candidates;
}

static bool usable(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0;
}

TARGET static size_t next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	struct state state = {
		.factor = (poly64_t)cut->factor,
		.match = vdupq_n_u8(cut->match),
		.before = vdupq_n_u8(cut->before & cut->before_mask),
		.before_mask = vdupq_n_u8(cut->before_mask),
		.odd = vdupq_n_u64(0),
		.product = vdupq_n_u8(0),
	};

	return lade_cut_search(cut, data, len, step, &state);
}

const struct lade_cut_engine lade_cut_neon = { { "neon", usable }, next };
#endif
