/*
 * chunker/strict_cut with the cryptographic instructions of ARMv8: PMULL and AES, eight positions at a time.
 */
#include "chunker/strict_cut_internal.h"

#ifdef LADE_STRICT_CUT_NEON
#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_AES
#define HWCAP_AES (1 << 3)
#endif
#ifndef HWCAP_PMULL
#define HWCAP_PMULL (1 << 4)
#endif

#ifdef __ARM_FEATURE_AES
#define TARGET
#else
#define TARGET __attribute__((target("+crypto")))
#endif
#define INLINE static inline __attribute__((always_inline))
#define LANES LADE_STRICT_CUT_EIGHT
#define ROUNDS 10u

/* One product of the hash: of the two words at p with the two of the key. */
TARGET INLINE uint8x16_t product(const uint8_t *p, const uint8_t *key)
{
	const uint64x2_t words = vreinterpretq_u64_u8(veorq_u8(vld1q_u8(p), vld1q_u8(key)));

	return vreinterpretq_u8_p128(vmull_p64((poly64_t)vgetq_lane_u64(words, 0), (poly64_t)vgetq_lane_u64(words, 1)));
}

TARGET INLINE uint8x16_t hash(const struct lade_strict_cut *cut, const uint8_t *window)
{
	return veorq_u8(veorq_u8(product(window, cut->window_key), product(window + 16, cut->window_key + 16)),
			veorq_u8(product(window + 32, cut->window_key + 32), product(window + 48, cut->window_key + 48)));
}

/* The values of the windows that end at end, one byte later, and so on. AESE adds the key before it substitutes. */
TARGET INLINE void evaluate(const struct lade_strict_cut *cut, const uint8_t *end, uint64_t values[LANES])
{
	uint8x16_t lanes[LANES];

	for (unsigned i = 0; i < LANES; i++)
		lanes[i] = hash(cut, end + i - LADE_STRICT_CUT_WINDOW_LEN);
	for (unsigned round = 0; round < ROUNDS - 1; round++) {
		for (unsigned i = 0; i < LANES; i++)
			lanes[i] = vaesmcq_u8(vaeseq_u8(lanes[i], vld1q_u8(cut->round_keys[round])));
	}
	for (unsigned i = 0; i < LANES; i++) {
		lanes[i] = veorq_u8(vaeseq_u8(lanes[i], vld1q_u8(cut->round_keys[ROUNDS - 1])), vld1q_u8(cut->round_keys[ROUNDS]));
		values[i] = vgetq_lane_u64(vreinterpretq_u64_u8(lanes[i]), 0);
	}
}

TARGET static size_t find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	return lade_strict_cut_find(cut, data, from, to, threshold, evaluate);
}

static bool usable(void)
{
	return (getauxval(AT_HWCAP) & (HWCAP_PMULL | HWCAP_AES)) == (HWCAP_PMULL | HWCAP_AES);
}

const struct lade_strict_cut_engine lade_strict_cut_neon = { { "neon", usable }, find };
#endif
