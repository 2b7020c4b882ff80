/*
 * What the engines of chunker/strict_cut share: each looks for positions, what they mean is in strict_cut.c.
 */
#ifndef LADE_CHUNKER_STRICT_CUT_INTERNAL_H
#define LADE_CHUNKER_STRICT_CUT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chunker/engine.h"
#include "chunker/strict_cut.h"

/* No position was found. */
#define LADE_STRICT_CUT_NONE SIZE_MAX

/* One way to look for cuts; all find the same. */
struct lade_strict_cut_engine {
	struct lade_engine base; /* the first member */
	/*
	 * The first length p in from..to whose value, of the window data[p-64..p), is below threshold, or
	 * LADE_STRICT_CUT_NONE. from is at least 64; only data[from-64..to) is read.
	 */
	size_t (*find)(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold);
};

extern const struct lade_strict_cut_engine lade_strict_cut_portable;
#if defined(__x86_64__)
#define LADE_STRICT_CUT_X86 1
extern const struct lade_strict_cut_engine lade_strict_cut_avx512;
extern const struct lade_strict_cut_engine lade_strict_cut_aesni;
#endif
/* As for chunker/cut: older clang gives the instructions to whole programs only. */
#if defined(__aarch64__) && defined(__AARCH64EL__) && (defined(__ARM_FEATURE_AES) || !defined(__clang__))
#define LADE_STRICT_CUT_NEON 1
extern const struct lade_strict_cut_engine lade_strict_cut_neon;
#endif

/*
 * Before a loop over lanes or rounds: these stay in registers only if the loop is taken apart. gcc does that at -O3, or when it is told; clang does it, and does not know the
 * pragma.
 */
#ifdef __clang__
#define LADE_STRICT_CUT_UNROLLED
#else
#define LADE_STRICT_CUT_UNROLLED _Pragma("GCC unroll 16")
#endif

/* Positions that an engine evaluates at a time, at most. */
#define LADE_STRICT_CUT_LANES_MAX 16u

/*
 * Where to evaluate lanes positions from `from` on: there, or, where data ends before the last of them, in copy. Returns the
 * end of the first window.
 */
static inline const uint8_t *lade_strict_cut_windows(const uint8_t *data, size_t from, size_t to, size_t lanes,
						     uint8_t copy[LADE_STRICT_CUT_WINDOW_LEN + LADE_STRICT_CUT_LANES_MAX])
{
	if (to - from + 1 >= lanes)
		return data + from;
	memset(copy, 0, LADE_STRICT_CUT_WINDOW_LEN + LADE_STRICT_CUT_LANES_MAX);
	memcpy(copy, data + from - LADE_STRICT_CUT_WINDOW_LEN, LADE_STRICT_CUT_WINDOW_LEN + to - from);
	return copy + LADE_STRICT_CUT_WINDOW_LEN;
}

/* Positions that an engine with registers of one window's hash evaluates at a time, so that the rounds of one do not wait for each other. */
#define LADE_STRICT_CUT_EIGHT 8u

/* The values of the windows that end at end, one byte later, and so on. */
typedef void lade_strict_cut_evaluate(const struct lade_strict_cut *cut, const uint8_t *end, uint64_t values[LADE_STRICT_CUT_EIGHT]);

/* find() of such an engine. */
static inline __attribute__((always_inline)) size_t lade_strict_cut_find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from,
									  size_t to, uint64_t threshold,
									  lade_strict_cut_evaluate *evaluate)
{
	uint8_t copy[LADE_STRICT_CUT_WINDOW_LEN + LADE_STRICT_CUT_LANES_MAX];
	uint64_t values[LADE_STRICT_CUT_EIGHT];

	for (; from <= to; from += LADE_STRICT_CUT_EIGHT) {
		evaluate(cut, lade_strict_cut_windows(data, from, to, LADE_STRICT_CUT_EIGHT, copy), values);
		for (size_t i = 0; i < LADE_STRICT_CUT_EIGHT && from + i <= to; i++) {
			if (values[i] < threshold)
				return from + i;
		}
	}
	return LADE_STRICT_CUT_NONE;
}

/* The engine that begins with that. */
static inline const struct lade_strict_cut_engine *lade_strict_cut_engine_of(const struct lade_engine *base)
{
	return (const struct lade_strict_cut_engine *)base;
}

/* The engines of this architecture; the last one is lade_strict_cut_portable. Static. */
const struct lade_engines *lade_strict_cut_engines(void);

#endif
