/*
 * chunker/cut with AVX2 and VPCLMULQDQ: 32 bytes, four products, at a time.
 */
#include "chunker/cut_internal.h"

#ifdef LADE_CUT_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,vpclmulqdq")))
#define VECTOR_LEN 32

struct state {
	__m256i factor;
	__m256i match; /* these three: of the cut, in each byte */
	__m256i before;
	__m256i before_mask;
	__m256i odd;     /* the last products of odd words; the high half of the last one is carried */
	__m256i product; /* the last bytes of G */
};

TARGET LADE_CUT_INLINE __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* The words that lie words whole words and shift bits before p. */
#define TAP(p, words, shift)                                             \
	_mm256_xor_si256(_mm256_slli_epi64(load((p)-8 * (words)), shift), \
			 _mm256_srli_epi64(load((p)-8 * ((words) + 1)), 64 - (shift)))

/* The words of E at p. */
TARGET LADE_CUT_INLINE __m256i spread(const uint8_t *p)
{
	return _mm256_xor_si256(load(p), _mm256_xor_si256(TAP(p, LADE_CUT_NEAR_WORDS, LADE_CUT_NEAR_SHIFT),
							  TAP(p, LADE_CUT_FAR_WORDS, LADE_CUT_FAR_SHIFT)));
}

/* The high half of before's 32 bytes, then the low half of now's. */
TARGET LADE_CUT_INLINE __m256i half_back(__m256i before, __m256i now)
{
	return _mm256_permute2x128_si256(before, now, 0x21);
}

/* The next words of G: low halves of the products and, from the word before, high ones. */
TARGET LADE_CUT_INLINE __m256i multiply(struct state *state, __m256i words)
{
	__m256i even = _mm256_clmulepi64_epi128(words, state->factor, 0x00);
	__m256i odd = _mm256_clmulepi64_epi128(words, state->factor, 0x01);
	__m256i low = _mm256_unpacklo_epi64(even, odd);
	__m256i high = _mm256_unpackhi_epi64(half_back(state->odd, odd), even);

	state->odd = odd;
	return _mm256_xor_si256(low, high);
}

/* Bytes of all ones where there are candidates. */
TARGET LADE_CUT_INLINE __m256i candidates_at(struct state *state, const uint8_t *p)
{
	__m256i product = multiply(state, spread(p));
	__m256i before = _mm256_alignr_epi8(product, half_back(state->product, product), 15);

	state->product = product;
	return _mm256_and_si256(_mm256_cmpeq_epi8(product, state->match),
				_mm256_cmpeq_epi8(_mm256_and_si256(before, state->before_mask), state->before));
}

TARGET LADE_CUT_INLINE uint64_t step(void *opaque, const uint8_t *block)
{
	__m256i first = candidates_at(opaque, block);
	__m256i second = candidates_at(opaque, block + VECTOR_LEN);
	__m256i any = _mm256_or_si256(first, second);

	if (__builtin_expect(_mm256_testz_si256(any, any), 1))
		return 0;
	return (uint64_t)(unsigned)_mm256_movemask_epi8(second) << VECTOR_LEN | (unsigned)_mm256_movemask_epi8(first);
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq");
}

TARGET static size_t next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	struct state state = {
		.factor = _mm256_set1_epi64x((long long)cut->factor),
		.match = _mm256_set1_epi8((char)cut->match),
		.before = _mm256_set1_epi8((char)(cut->before & cut->before_mask)),
		.before_mask = _mm256_set1_epi8((char)cut->before_mask),
		.odd = _mm256_setzero_si256(),
		.product = _mm256_setzero_si256(),
	};
	size_t chunk_len = lade_cut_search(cut, data, len, step, &state);

	/* SSE code after dirty upper halves is slow by a factor; compilers see to it only when they optimise. */
	_mm256_zeroupper();
	return chunk_len;
}

const struct lade_cut_engine lade_cut_vpclmul = { { "vpclmul", usable }, next };
#endif
