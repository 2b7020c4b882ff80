/*
 * chunker/cut in plain C: byte by byte, products by table.
 *
 * A byte times the factor has 8 + 57 - 1 = 64 bits. So the bytes of G roll by: what the
 * bytes of E so far give to this byte of G and the seven after it fits a word; it is moved
 * down by a byte and takes up the product of the next byte of E. Each byte waits for the one
 * before, therefore four quarters of a step, each begun eight bytes early, go on side by
 * side. (Whole words with a carry from one to the next were slower.)
 */
#include "chunker/cut_internal.h"

#define FACTOR_LEN 8 /* bytes of E that a byte of G depends on */
#define LANES 4
#define LANE_LEN (LADE_CUT_STEP_LEN / LANES)
#define EARLY_LEN 16 /* bytes of E before a step: for its first byte of G and the one before that */

#define UNLIKELY(condition) __builtin_expect(condition, 0)

/* The word of data that lies words whole words and shift bits before p. */
LADE_CUT_INLINE uint64_t tap(const uint8_t *p, int words, int shift)
{
	return lade_cut_get_word(p - 8 * words) << shift | lade_cut_get_word(p - 8 * (words + 1)) >> (64 - shift);
}

/* E of the EARLY_LEN bytes before block and of the step. */
LADE_CUT_INLINE void spread(const uint8_t *block, uint8_t out[EARLY_LEN + LADE_CUT_STEP_LEN])
{
	for (unsigned off = 0; off < EARLY_LEN + LADE_CUT_STEP_LEN; off += 8) {
		const uint8_t *p = block - EARLY_LEN + off;

		lade_cut_put_word(out + off, lade_cut_get_word(p) ^ tap(p, LADE_CUT_NEAR_WORDS, LADE_CUT_NEAR_SHIFT) ^
						     tap(p, LADE_CUT_FAR_WORDS, LADE_CUT_FAR_SHIFT));
	}
}

/* What bytes up to the one at e give to G from there on; the lowest byte is G's. */
LADE_CUT_INLINE uint64_t product_at(const struct lade_cut *cut, const uint8_t *e)
{
	uint64_t product = 0;

	for (int i = 1 - FACTOR_LEN; i <= 0; i++)
		product = product >> 8 ^ cut->products[e[i]];
	return product;
}

/* Go on to the byte at e: true if G matches there. */
LADE_CUT_INLINE bool roll(const struct lade_cut *cut, uint64_t *product, const uint8_t *e)
{
	*product = *product >> 8 ^ cut->products[*e];
	return (uint8_t)*product == cut->match;
}

/* Of the bytes where G matches, those where the byte before does, too. */
static uint64_t confirm(const struct lade_cut *cut, const uint8_t *e, uint64_t matches)
{
	uint64_t candidates = 0;

	for (; matches; matches &= matches - 1) {
		uint64_t before = product_at(cut, e + __builtin_ctzll(matches) - 1);

		if (!((before ^ cut->before) & cut->before_mask))
			candidates |= matches & -matches;
	}
	return candidates;
}

LADE_CUT_INLINE uint64_t step(void *state, const uint8_t *block)
{
	const struct lade_cut *cut = *(const struct lade_cut **)state;
	uint8_t bytes[EARLY_LEN + LADE_CUT_STEP_LEN];
	const uint8_t *e = bytes + EARLY_LEN;
	uint64_t lanes[LANES], matches = 0;

	spread(block, bytes);
	for (unsigned i = 0; i < LANES; i++)
		lanes[i] = product_at(cut, e + i * LANE_LEN - 1);
	/* Branches, which are hardly ever taken, cost less than to collect bits. */
	for (unsigned i = 0; i < LANE_LEN; i++) {
		if (UNLIKELY(roll(cut, &lanes[0], e + i)))
			matches |= UINT64_C(1) << i;
		if (UNLIKELY(roll(cut, &lanes[1], e + LANE_LEN + i)))
			matches |= UINT64_C(1) << (LANE_LEN + i);
		if (UNLIKELY(roll(cut, &lanes[2], e + 2 * LANE_LEN + i)))
			matches |= UINT64_C(1) << (2 * LANE_LEN + i);
		if (UNLIKELY(roll(cut, &lanes[3], e + 3 * LANE_LEN + i)))
			matches |= UINT64_C(1) << (3 * LANE_LEN + i);
	}
	return UNLIKELY(matches != 0) ? confirm(cut, e, matches) : 0;
}

static bool usable(void)
{
	return true;
}

static size_t next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	const struct lade_cut *state = cut;

	return lade_cut_search(cut, data, len, step, &state);
}

const struct lade_cut_engine lade_cut_portable = { { "portable", usable }, next };
