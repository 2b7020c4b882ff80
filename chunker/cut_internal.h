/*
 * What the engines of chunker/cut share: everything but the product that finds
 * candidates. Each cut_ENGINE.c gives a step, which tells the candidates among 64 bytes,
 * and lade_cut_search() around it is compiled into each of them.
 *
 * The filter, as a definition: read data as a stream of bits, the lowest bit of each byte
 * first, and as a polynomial D over GF(2) whose coefficient n is bit n of the stream. Then
 *
 *	E = D * (1 + x^83 + x^293)	("spread": taps 83 and 293 bits back)
 *	G = E * K			(K: cut->factor)
 *
 * and byte t is a candidate if byte t of G is cut->match and byte t-1 of G agrees with
 * cut->before in the bits of cut->before_mask. Byte t of G depends on bytes t-44..t of data.
 * As match is odd and before even, neither runs of one byte nor neighbours are candidates.
 */
#ifndef LADE_CHUNKER_CUT_INTERNAL_H
#define LADE_CHUNKER_CUT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chunker/cut.h"

/* A tap of 83 bits is one of a word and 19 bits, that of 293 bits one of four words and 37 bits. */
#define LADE_CUT_NEAR_WORDS 1
#define LADE_CUT_NEAR_SHIFT 19
#define LADE_CUT_FAR_WORDS 4
#define LADE_CUT_FAR_SHIFT 37

/* Bytes that one step judges, and bytes before them that it may read: the far tap's words, one more, and two for the portable engine. */
#define LADE_CUT_STEP_LEN 64u
#define LADE_CUT_LEAD_LEN 56u

/* How far ahead of a search memory is asked for, bytes. */
#define LADE_CUT_PREFETCH_LEN 4096u

/* Engines must become one loop each, whatever the compiler makes of their size. */
#define LADE_CUT_INLINE static inline __attribute__((always_inline))

/* One way to cut; all give the same chunks. */
struct lade_cut_engine {
	const char *name;
	bool (*usable)(void); /* whether this processor (and kernel) can run it */
	size_t (*next)(const struct lade_cut *cut, const uint8_t *data, size_t len); /* lade_cut_next() */
};

extern const struct lade_cut_engine lade_cut_portable;
#if defined(__x86_64__)
#define LADE_CUT_X86 1
extern const struct lade_cut_engine lade_cut_pclmul;
extern const struct lade_cut_engine lade_cut_vpclmul;
extern const struct lade_cut_engine lade_cut_avx512;
#endif
/* gcc gives vmull_p64() to functions that ask for it, older clang to whole programs only. */
#if defined(__aarch64__) && defined(__AARCH64EL__) && (defined(__ARM_FEATURE_AES) || !defined(__clang__))
#define LADE_CUT_NEON 1
extern const struct lade_cut_engine lade_cut_neon;
#endif

/* The engines of this architecture, usable or not, the best first; the last one is lade_cut_portable. Static. */
const struct lade_cut_engine *const *lade_cut_engines(size_t *count_out);

/*
 * Choose among count engines, the best first and the last one trusted: the first that is usable and
 * agrees with lade_cut_portable, among those called wanted. If there is none, or wanted is
 * NULL, among all. Any thread; takes below a millisecond.
 */
const struct lade_cut_engine *lade_cut_choose(const struct lade_cut_engine *const *engines, size_t count, const char *wanted);

/*
 * A step of an engine: bit i of what it returns says that block[i] is a candidate, for
 * i < LADE_CUT_STEP_LEN. state, the engine's own, carries over from the step on the
 * LADE_CUT_STEP_LEN bytes before, and LADE_CUT_LEAD_LEN bytes before block can be read.
 * The first step after an initial state tells lies; its state is good.
 */
typedef uint64_t lade_cut_step(void *state, const uint8_t *block);

/* A word in the order of the stream. */
LADE_CUT_INLINE uint64_t lade_cut_little(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

/* Load eight bytes, little-endian: one instruction, which compilers do not make of lade_get_le64(). */
LADE_CUT_INLINE uint64_t lade_cut_get_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return lade_cut_little(word);
}

/* Store them. */
LADE_CUT_INLINE void lade_cut_put_word(uint8_t *p, uint64_t word)
{
	word = lade_cut_little(word);
	memcpy(p, &word, sizeof(word));
}

/* The halves of the 128-bit product of a and b, added without carry. */
LADE_CUT_INLINE uint64_t lade_cut_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t a_low = a & 0xffffffff, a_high = a >> 32, b_low = b & 0xffffffff, b_high = b >> 32;
	uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
	uint64_t other = a_low * b_high + (middle & 0xffffffff);

	return (a * b) ^ (a_high * b_high + (middle >> 32) + (other >> 32));
#endif
}

/* The hash of a window: the LADE_CUT_WINDOW_LEN bytes before end. */
LADE_CUT_INLINE uint64_t lade_cut_window_hash(const struct lade_cut *cut, const uint8_t *end)
{
	uint64_t parts[4], left, right;

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *words = end - LADE_CUT_WINDOW_LEN + 16 * i;

		parts[i] = lade_cut_fold(lade_cut_get_word(words) ^ cut->window_keys[2 * i],
					 lade_cut_get_word(words + 8) ^ cut->window_keys[2 * i + 1]);
	}
	left = parts[0] ^ parts[1];
	right = parts[2] ^ parts[3];
	return lade_cut_fold(left ^ cut->final_keys[0], (right << 32 | right >> 32) ^ cut->final_keys[1]);
}

/* A search for the end of one chunk. */
struct lade_cut_search {
	const struct lade_cut *cut;
	const uint8_t *data;
	size_t end;       /* no chunk is longer: of the data or of the class */
	size_t found_len; /* set once a cut is found */
	size_t least_len; /* the chunk that ends at the least hash so far, the last one of equals; 0 for none yet */
	uint64_t least;   /* that hash */
};

/* Judge the candidates of a step on the bytes from off; true if one is the cut. */
LADE_CUT_INLINE bool lade_cut_judge(struct lade_cut_search *search, size_t off, uint64_t candidates)
{
	const struct lade_cut *cut = search->cut;

	if (search->end - off < LADE_CUT_STEP_LEN)
		candidates &= (UINT64_C(1) << (search->end - off)) - 1;
	for (; candidates; candidates &= candidates - 1) {
		size_t chunk_len = off + (size_t)__builtin_ctzll(candidates) + 1;
		uint64_t hash = lade_cut_window_hash(cut, search->data + chunk_len);

		if (hash < (chunk_len < cut->normal_len ? cut->threshold_early : cut->threshold_late)) {
			search->found_len = chunk_len;
			return true;
		}
		if (hash <= search->least) {
			search->least = hash;
			search->least_len = chunk_len;
		}
	}
	return false;
}

/* The length of a chunk in which nothing passed. */
static inline size_t lade_cut_fallback(const struct lade_cut_search *search)
{
	bool at_maximum = search->end == search->cut->max_len;

	return at_maximum && search->least_len ? search->least_len : search->end;
}

/* Ask for memory beyond what a search has reached; an address that is not ours does no harm. */
LADE_CUT_INLINE void lade_cut_prefetch(const uint8_t *block)
{
	uintptr_t ahead = (uintptr_t)block + LADE_CUT_PREFETCH_LEN;

	__builtin_prefetch((const void *)ahead);
	__builtin_prefetch((const void *)(ahead + 64));
}

/* The last bytes of data, too few for a step: in a copy with zeros behind them. */
LADE_CUT_INLINE uint64_t lade_cut_step_short(lade_cut_step *step, void *state, const uint8_t *block, size_t len)
{
	uint8_t copy[LADE_CUT_LEAD_LEN + LADE_CUT_STEP_LEN] = { 0 };

	memcpy(copy, block - LADE_CUT_LEAD_LEN, LADE_CUT_LEAD_LEN + len);
	return step(state, copy + LADE_CUT_LEAD_LEN);
}

/* lade_cut_next() by an engine's step and its initial state. */
LADE_CUT_INLINE size_t lade_cut_search(const struct lade_cut *cut, const uint8_t *data, size_t len, lade_cut_step *step,
				       void *state)
{
	struct lade_cut_search search = {
		.cut = cut, .data = data, .end = len < cut->max_len ? len : cut->max_len, .least = UINT64_MAX,
	};
	size_t off = cut->min_len - 1;
	uint64_t first, second;

	if (len <= cut->min_len)
		return len;
	step(state, data + off - LADE_CUT_STEP_LEN);
	for (; search.end - off >= 2 * LADE_CUT_STEP_LEN; off += 2 * LADE_CUT_STEP_LEN) {
		lade_cut_prefetch(data + off);
		first = step(state, data + off);
		second = step(state, data + off + LADE_CUT_STEP_LEN);
		if (__builtin_expect((first | second) != 0, 0) &&
		    (lade_cut_judge(&search, off, first) ||
		     lade_cut_judge(&search, off + LADE_CUT_STEP_LEN, second)))
			return search.found_len;
	}
	for (; off < search.end; off += LADE_CUT_STEP_LEN) {
		first = len - off >= LADE_CUT_STEP_LEN ? step(state, data + off) :
							 lade_cut_step_short(step, state, data + off, len - off);
		if (lade_cut_judge(&search, off, first))
			return search.found_len;
	}
	return lade_cut_fallback(&search);
}

#endif
