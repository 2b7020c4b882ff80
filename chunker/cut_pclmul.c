/*
 * chunker/cut with PCLMULQDQ and SSSE3: sixteen bytes, two products, at a time.
 *
 * It is compiled twice. Where there is AVX its encoding of the same instructions is faster, and
 * necessary: libxxhash leaves the upper halves of the registers dirty, after which every
 * instruction in the old encoding was three times as slow.
 */
#include "chunker/cut_internal.h"

#ifdef LADE_CUT_X86
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,ssse3")))
#define TARGET_AVX __attribute__((target("pclmul,ssse3,avx")))
#define VECTOR_LEN 16
#define VECTORS (LADE_CUT_STEP_LEN / VECTOR_LEN)

struct state {
	__m128i factor;
	__m128i match; /* these three: of the cut, in each byte */
	__m128i before;
	__m128i before_mask;
	__m128i odd;     /* the last product of an odd word; its high half is carried */
	__m128i product; /* the last bytes of G */
};

TARGET LADE_CUT_INLINE __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* The words that lie words whole words and shift bits before p. */
#define TAP(p, words, shift)                                       \
	_mm_xor_si128(_mm_slli_epi64(load((p)-8 * (words)), shift), \
		      _mm_srli_epi64(load((p)-8 * ((words) + 1)), 64 - (shift)))

/* The words of E at p. */
TARGET LADE_CUT_INLINE __m128i spread(const uint8_t *p)
{
	return _mm_xor_si128(load(p), _mm_xor_si128(TAP(p, LADE_CUT_NEAR_WORDS, LADE_CUT_NEAR_SHIFT),
						    TAP(p, LADE_CUT_FAR_WORDS, LADE_CUT_FAR_SHIFT)));
}

/* The next words of G: low halves of the products and, from the word before, high ones. */
TARGET LADE_CUT_INLINE __m128i multiply(struct state *state, __m128i words)
{
	__m128i even = _mm_clmulepi64_si128(words, state->factor, 0x00);
	__m128i odd = _mm_clmulepi64_si128(words, state->factor, 0x01);
	__m128i low = _mm_unpacklo_epi64(even, odd);
	__m128i high = _mm_unpackhi_epi64(state->odd, even);

	state->odd = odd;
	return _mm_xor_si128(low, high);
}

/* Bytes of all ones where there are candidates. */
TARGET LADE_CUT_INLINE __m128i candidates_at(struct state *state, const uint8_t *p)
{
	__m128i product = multiply(state, spread(p));
	__m128i before = _mm_alignr_epi8(product, state->product, VECTOR_LEN - 1);

	state->product = product;
	return _mm_and_si128(_mm_cmpeq_epi8(product, state->match),
			     _mm_cmpeq_epi8(_mm_and_si128(before, state->before_mask), state->before));
}

TARGET LADE_CUT_INLINE uint64_t step(void *opaque, const uint8_t *block)
{
	__m128i found[VECTORS], any = _mm_setzero_si128();
	uint64_t candidates = 0;

	for (unsigned i = 0; i < VECTORS; i++) {
		found[i] = candidates_at(opaque, block + VECTOR_LEN * i);
		any = _mm_or_si128(any, found[i]);
	}
	if (__builtin_expect(_mm_movemask_epi8(any) != 0, 0))
		for (unsigned i = 0; i < VECTORS; i++)
			candidates |= (uint64_t)(unsigned)_mm_movemask_epi8(found[i]) << VECTOR_LEN * i;
	return candidates;
}

static bool usable(void)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3");
}

TARGET LADE_CUT_INLINE size_t search(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	struct state state = {
		.factor = _mm_set1_epi64x((long long)cut->factor),
		.match = _mm_set1_epi8((char)cut->match),
		.before = _mm_set1_epi8((char)(cut->before & cut->before_mask)),
		.before_mask = _mm_set1_epi8((char)cut->before_mask),
		.odd = _mm_setzero_si128(),
		.product = _mm_setzero_si128(),
	};

	return lade_cut_search(cut, data, len, step, &state);
}

TARGET_AVX static size_t next_avx(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	return search(cut, data, len);
}

TARGET static size_t next_sse(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	return search(cut, data, len);
}

static size_t next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	return __builtin_cpu_supports("avx") ? next_avx(cut, data, len) : next_sse(cut, data, len);
}

const struct lade_cut_engine lade_cut_pclmul = { { "pclmul", usable }, next };
#endif
