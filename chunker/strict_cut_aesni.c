/*
 * chunker/strict_cut with PCLMULQDQ and AES-NI: eight positions at a time, so that the rounds of one do not wait for each other.
 *
 * For processors with AVX only: its encoding has no penalty after code that leaves the upper halves of registers dirty
 * (see cut_pclmul.c), and those with AES but without AVX are few.
 */
#include "chunker/strict_cut_internal.h"

#ifdef LADE_STRICT_CUT_X86
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,aes,avx,sse4.1")))
#define INLINE static inline __attribute__((always_inline))
#define LANES LADE_STRICT_CUT_EIGHT
#define ROUNDS 10u

TARGET INLINE __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* One product of the hash: of the two words at p with the two of the key. */
TARGET INLINE __m128i product(const uint8_t *p, const uint8_t *key)
{
	const __m128i words = _mm_xor_si128(load(p), load(key));

	return _mm_clmulepi64_si128(words, words, 0x01);
}

TARGET INLINE __m128i hash(const struct lade_strict_cut *cut, const uint8_t *window)
{
	return _mm_xor_si128(_mm_xor_si128(product(window, cut->window_key), product(window + 16, cut->window_key + 16)),
			     _mm_xor_si128(product(window + 32, cut->window_key + 32), product(window + 48, cut->window_key + 48)));
}

/* The values of the windows that end at end, one byte later, and so on. */
TARGET INLINE void evaluate(const struct lade_strict_cut *cut, const uint8_t *end, uint64_t values[LANES])
{
	__m128i lanes[LANES];

	LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < LANES; i++)
		lanes[i] = _mm_xor_si128(hash(cut, end + i - LADE_STRICT_CUT_WINDOW_LEN), load(cut->round_keys[0]));
	LADE_STRICT_CUT_UNROLLED for (unsigned round = 1; round < ROUNDS; round++) {
		LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < LANES; i++)
			lanes[i] = _mm_aesenc_si128(lanes[i], load(cut->round_keys[round]));
	}
	LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < LANES; i++)
		values[i] = (uint64_t)_mm_cvtsi128_si64(_mm_aesenclast_si128(lanes[i], load(cut->round_keys[ROUNDS])));
}

TARGET static size_t find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	return lade_strict_cut_find(cut, data, from, to, threshold, evaluate);
}

static bool usable(void)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx");
}

const struct lade_strict_cut_engine lade_strict_cut_aesni = { { "aesni", usable }, find };
#endif
