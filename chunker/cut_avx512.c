/*
 * chunker/cut with AVX-512 (BW, VBMI2) and VPCLMULQDQ: 64 bytes, eight products, at a time.
 */
#include "chunker/cut_internal.h"

#ifdef LADE_CUT_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi2,vpclmulqdq")))

/* The truth table of a ^ b ^ c. */
#define XOR3 0x96

struct state {
	__m512i factor;
	__m512i match; /* these three: of the cut, in each byte */
	__m512i before;
	__m512i before_mask;
	__m512i odd;     /* the last products of odd words; the high half of the last one is carried */
	uint64_t before_last; /* 1 if the last byte of G agrees with before, else 0 */
};

TARGET LADE_CUT_INLINE __m512i load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

/* The words that lie words whole words and shift bits before p. */
#define TAP(p, words, shift) _mm512_shldi_epi64(load((p)-8 * (words)), load((p)-8 * ((words) + 1)), shift)

/* The words of E at p. */
TARGET LADE_CUT_INLINE __m512i spread(const uint8_t *p)
{
	return _mm512_ternarylogic_epi64(load(p), TAP(p, LADE_CUT_NEAR_WORDS, LADE_CUT_NEAR_SHIFT),
					 TAP(p, LADE_CUT_FAR_WORDS, LADE_CUT_FAR_SHIFT), XOR3);
}

/* The next words of G: low halves of the products and, from the word before, high ones. */
TARGET LADE_CUT_INLINE __m512i multiply(struct state *state, __m512i words)
{
	__m512i even = _mm512_clmulepi64_epi128(words, state->factor, 0x00);
	__m512i odd = _mm512_clmulepi64_epi128(words, state->factor, 0x01);
	__m512i low = _mm512_unpacklo_epi64(even, odd);
	__m512i high = _mm512_unpackhi_epi64(_mm512_alignr_epi64(odd, state->odd, 6), even);

	state->odd = odd;
	return _mm512_xor_si512(low, high);
}

TARGET LADE_CUT_INLINE uint64_t step(void *opaque, const uint8_t *block)
{
	struct state *state = opaque;
	__m512i product = multiply(state, spread(block));
	uint64_t matches = _mm512_cmpeq_epi8_mask(product, state->match);
	uint64_t befores = _mm512_testn_epi8_mask(_mm512_xor_si512(product, state->before), state->before_mask);
	uint64_t candidates = matches & (befores << 1 | state->before_last);

	state->before_last = befores >> 63;
	return candidates;
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
	       __builtin_cpu_supports("vpclmulqdq");
}

TARGET static size_t next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	struct state state = {
		.factor = _mm512_set1_epi64((long long)cut->factor),
		.match = _mm512_set1_epi8((char)cut->match),
		.before = _mm512_set1_epi8((char)cut->before),
		.before_mask = _mm512_set1_epi8((char)cut->before_mask),
		.odd = _mm512_setzero_si512(),
	};
	size_t chunk_len = lade_cut_search(cut, data, len, step, &state);

	/* SSE code after dirty upper halves is slow by a factor; compilers see to it only when they optimise. */
	_mm256_zeroupper();
	return chunk_len;
}

const struct lade_cut_engine lade_cut_avx512 = { { "avx512", usable }, next };
#endif
