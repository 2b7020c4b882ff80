/*
 * What the engines of chunker/cut share: everything but the product that finds
 * candidates. Each cut_ENGINE.c gives a step, which tells the candidates among 64 bytes;
 * lade_cut_search() around it is compiled into each, what becomes of a candidate is in cut.c.
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
#include "chunker/engine.h"

/* A tap of 83 bits is one of a word and 19 bits, that of 293 bits one of four words and 37 bits. */
#define LADE_CUT_NEAR_WORDS 1
#define LADE_CUT_NEAR_SHIFT 19
#define LADE_CUT_FAR_WORDS 4
#define LADE_CUT_FAR_SHIFT 37

/*
 * Bytes that one step judges, and bytes before them that it may read: five words for the far
 * tap, and two for the portable engine, which begins earlier.
 */
#define LADE_CUT_STEP_LEN 64u
#define LADE_CUT_LEAD_LEN 56u

/*
 * How far ahead of a search memory is asked for, and how much of where the next search
 * will begin once a cut is found: bytes. Each search begins beyond what the processor would
 * read ahead by itself; for chunks of 8 KiB of data that is in no cache the two made a third.
 */
#define LADE_CUT_AHEAD_LEN 8192u
#define LADE_CUT_LINE_LEN 64u

/* A search must become one loop, with the engine's state in registers, however large the compiler finds it. */
#define LADE_CUT_INLINE static inline __attribute__((always_inline))

/* One way to cut; all give the same chunks. */
struct lade_cut_engine {
	struct lade_engine base; /* the first member */
	/* lade_cut_next(). */
	size_t (*next)(const struct lade_cut *cut, const uint8_t *data, size_t len);
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

/* The engine that begins with that. */
static inline const struct lade_cut_engine *lade_cut_engine_of(const struct lade_engine *base)
{
	return (const struct lade_cut_engine *)base;
}

/* The engines of this architecture; the last one is lade_cut_portable. Static. */
const struct lade_engines *lade_cut_engines(void);

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

/* A search for the end of one chunk. */
struct lade_cut_search {
	const struct lade_cut *cut;
	const uint8_t *data;
	size_t end;       /* no chunk is longer: of the data or of the class */
	size_t found_len; /* set once a cut is found */
	size_t least_len; /* the chunk that ends at the least hash so far, the last one of equals; 0 for none yet */
	uint64_t least;   /* that hash */
};

/*
 * Judge the candidates of a step on the bytes from off, which is below end; true if one is the
 * cut. One for all engines, and no part of their loops: it is rare, and would take their registers.
 */
bool lade_cut_judge(struct lade_cut_search *search, size_t off, uint64_t candidates);

/* The length of a chunk in which nothing passed. */
size_t lade_cut_fallback(const struct lade_cut_search *search);

/* Ask for the memory of a line at p, which need not be ours: then it does nothing. */
LADE_CUT_INLINE void lade_cut_prefetch(uintptr_t p)
{
	__builtin_prefetch((const void *)p);
}

/* The last bytes of data, too few for a step: in a copy with zeros behind them. */
LADE_CUT_INLINE uint64_t lade_cut_step_short(lade_cut_step *step, void *state, const uint8_t *block, size_t len)
{
	uint8_t copy[LADE_CUT_LEAD_LEN + LADE_CUT_STEP_LEN] = { 0 };

	memcpy(copy, block - LADE_CUT_LEAD_LEN, LADE_CUT_LEAD_LEN + len);
	return step(state, copy + LADE_CUT_LEAD_LEN);
}

/* lade_cut_next() by an engine's step and its initial state. */
LADE_CUT_INLINE size_t lade_cut_search(const struct lade_cut *cut, const uint8_t *data, size_t len,
				       lade_cut_step *step, void *state)
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
		lade_cut_prefetch((uintptr_t)data + off + LADE_CUT_AHEAD_LEN);
		lade_cut_prefetch((uintptr_t)data + off + LADE_CUT_AHEAD_LEN + LADE_CUT_LINE_LEN);
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
