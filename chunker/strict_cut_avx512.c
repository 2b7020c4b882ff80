/*
 * chunker/strict_cut with AVX-512, VPCLMULQDQ and VAES: sixteen positions at a time, four in each register.
 */
#include "chunker/strict_cut_internal.h"

#ifdef LADE_STRICT_CUT_X86
#include <cpuid.h>
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,vpclmulqdq,vaes")))
#define INLINE static inline __attribute__((always_inline))
#define REGISTERS 4u
#define PER_REGISTER 4u
#define LANES (REGISTERS * PER_REGISTER)
#define ROUNDS 10u

/* The lower words of the four lanes. */
#define LOWER_WORDS 0x55

/* The four products of one window, one in each lane. */
TARGET INLINE __m512i products(__m512i key, const uint8_t *window)
{
	const __m512i words = _mm512_xor_si512(_mm512_loadu_si512(window), key);

	return _mm512_clmulepi64_epi128(words, words, 0x01);
}

/* The sums of the lanes of a and b, two each: one half of the way to the sums of four. */
TARGET INLINE __m512i add_halves(__m512i a, __m512i b)
{
	return _mm512_xor_si512(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

/* The hashes of four windows, each of which begins a byte after the one before, in the lanes. */
TARGET INLINE __m512i hash(__m512i key, const uint8_t *window)
{
	return add_halves(add_halves(products(key, window), products(key, window + 1)),
			  add_halves(products(key, window + 2), products(key, window + 3)));
}

TARGET INLINE __m512i round_key(const struct lade_strict_cut *cut, unsigned round)
{
	return _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)(const void *)cut->round_keys[round]));
}

/* Bit i is set if the value of the window that ends i bytes after end is below threshold. */
TARGET INLINE unsigned evaluate(const __m512i keys[ROUNDS + 1], __m512i window_key, __m512i threshold, const uint8_t *end)
{
	__m512i lanes[REGISTERS];
	unsigned below = 0;

	LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < REGISTERS; i++)
		lanes[i] = _mm512_xor_si512(hash(window_key, end + PER_REGISTER * i - LADE_STRICT_CUT_WINDOW_LEN), keys[0]);
	LADE_STRICT_CUT_UNROLLED for (unsigned round = 1; round < ROUNDS; round++) {
		LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < REGISTERS; i++)
			lanes[i] = _mm512_aesenc_epi128(lanes[i], keys[round]);
	}
	LADE_STRICT_CUT_UNROLLED for (unsigned i = 0; i < REGISTERS; i++) {
		const __m512i values = _mm512_aesenclast_epi128(lanes[i], keys[ROUNDS]);
		const unsigned words = _mm512_mask_cmplt_epu64_mask(LOWER_WORDS, values, threshold);

		below |= words << (2 * PER_REGISTER * i);
	}
	return below;
}

TARGET static size_t find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	uint8_t copy[LADE_STRICT_CUT_WINDOW_LEN + LADE_STRICT_CUT_LANES_MAX];
	const __m512i window_key = _mm512_loadu_si512(cut->window_key), limit = _mm512_set1_epi64((long long)threshold);
	__m512i keys[ROUNDS + 1];
	size_t found = LADE_STRICT_CUT_NONE;

	for (unsigned round = 0; round <= ROUNDS; round++)
		keys[round] = round_key(cut, round);
	for (; from <= to; from += LANES) {
		/* Each position has two bits, of which the lower is used. */
		const unsigned below = evaluate(keys, window_key, limit, lade_strict_cut_windows(data, from, to, LANES, copy));

		if (__builtin_expect(below != 0, 0)) {
			const size_t at = from + (unsigned)__builtin_ctz(below) / 2;

			found = at <= to ? at : LADE_STRICT_CUT_NONE;
			break;
		}
	}
	/* See cut_avx512.c. */
	_mm256_zeroupper();
	return found;
}

/* clang 14 does not know the name. */
static bool has_vaes(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_VAES);
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("vpclmulqdq") &&
	       has_vaes();
}

const struct lade_strict_cut_engine lade_strict_cut_avx512 = { { "avx512", usable }, find };
#endif
