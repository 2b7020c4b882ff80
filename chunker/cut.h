/*
 * Where files are cut into chunks: content-defined, so that after an insertion or a
 * deletion both sides of a session soon cut at the same bytes again.
 *
 * A carry-less product of the last 46 bytes with constants of the session finds
 * *candidates*, eight positions per multiplication; at these only, a 64-bit hash of
 * the last 64 bytes is compared with a threshold that grows with the length of the
 * chunk. Where nothing passes up to the maximum the candidate with the least hash is
 * taken. Where a chunk ends depends on its own bytes, the run key and the class only.
 * Two ideas come from elsewhere: a low hazard before the normal length and a high one
 * after it from FastCDC (Xia et al., USENIX ATC 2016), the best candidate instead of a
 * forced cut from TTTD (Eshghi and Tang, HPL-2005-30).
 *
 * The filter is linear: whoever sees lengths of chunks of data that he knows can find
 * the constants out. This cuts for a session between two sides that trust each other
 * with the data, and is no way to hide contents.
 */
#ifndef LADE_CHUNKER_CUT_H
#define LADE_CHUNKER_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "chunker/digest.h"

/* Bytes that the hash at a candidate covers; the shortest chunk is much longer. */
#define LADE_CUT_WINDOW_LEN 64u

struct lade_cut_engine;

/* A run key and a class, prepared; plain memory, constant after lade_cut_init(). */
struct lade_cut {
	const struct lade_cut_engine *engine; /* the code in use; static */

	/* Lengths in bytes: of the shortest chunk but for a file's last, and of the longest. */
	size_t min_len;    /* normal_len / 2 */
	size_t normal_len; /* nominal length * 33/32 + 5; from here on a cut is 16 times as likely */
	size_t max_len;    /* normal_len * 2 */

	/* A candidate is a cut if its hash is less: one cut in 4 * normal_len bytes, and four in normal_len. */
	uint64_t threshold_early; /* below normal_len */
	uint64_t threshold_late;  /* from normal_len on */

	/* A candidate is a byte of the product with factor that equals match, where the byte before ... */
	uint64_t factor;     /* K: 57 bits, the highest and the lowest of them set */
	uint8_t match;       /* C1: odd */
	uint8_t before;      /* C2: even; ... agrees with this in the bits of before_mask */
	uint8_t before_mask; /* 1 to 8 low bits, by class */

	uint64_t window_keys[8]; /* of the hash: one for each word of the window, */
	uint64_t final_keys[2];  /* two for what these come to */
	uint64_t products[256];  /* factor times each byte, without carries: for the portable code */
};

/*
 * Prepare cut for a run key and a class, LADE_CUT_CLASS_MIN..LADE_CUT_CLASS_MAX. key is not
 * needed afterwards. Nothing is to be freed. The first call in a process chooses the code for
 * this processor. Any thread.
 */
void lade_cut_init(struct lade_cut *cut, const struct lade_run_key *key, unsigned cut_class);

/*
 * The length in bytes of the first chunk of data: 1..min(len, max_len), and at least min_len
 * where len allows. len is at least 1. With len < max_len the end of data is taken for the end
 * of the file; with more than max_len bytes those beyond make no difference. Any thread; several
 * may share a cut.
 */
size_t lade_cut_next(const struct lade_cut *cut, const uint8_t *data, size_t len);

/*
 * The name of the code in use: "avx512", "vpclmul", "pclmul", "neon" or "portable". It is the best
 * of those that this processor has and that agree with the portable code on a test, or, in the same
 * way, what the environment's LADE_CPU names. All cut the same. Any thread.
 */
const char *lade_cut_name(void);

#endif
