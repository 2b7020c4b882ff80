/*
 * [cut] in agent/store/FORMAT.md: what is common to all engines of chunker/strict_cut: keys, thresholds, and the choice of an engine.
 *
 * Invariant: as in chunker/cut.c, an engine is used only after it found in a made-up buffer what the portable one does. What that is stands here, as
 * the portable one takes milliseconds for it, and OpenSSL some more for its first key.
 */
#include "chunker/strict_cut.h"

#include <assert.h>
#include <string.h>

#include "chunker/strict_cut_internal.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define AES_KEY_LEN 16u
#define AES_ROUNDS 10u

/* The test of an engine, and the sum of what the portable one finds in it. Every fourth position passes the highest threshold. */
#define TRIAL_LEN 1500u
#define TRIAL_THRESHOLD (UINT64_C(1) << 62)
#define TRIAL_SHIFT_MAX 10u
#define TRIAL_SHIFT_STEP 2u
#define TRIAL_SHORT_MAX 40u
#define TRIAL_SHORT_COUNT 8u
#define TRIAL_SUM UINT64_C(0xa4c864d9b9e19e0e)

static const struct lade_engine *const list[] = {
#ifdef LADE_STRICT_CUT_X86
	&lade_strict_cut_avx512.base,
	&lade_strict_cut_aesni.base,
#endif
#ifdef LADE_STRICT_CUT_NEON
	&lade_strict_cut_neon.base,
#endif
	&lade_strict_cut_portable.base,
};

/* A product in the field of AES (FIPS 197, 4.2). */
static uint8_t field_product(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (unsigned bit = 0; bit < 8; bit++) {
		product ^= (uint8_t)(-(b >> bit & 1) & a);
		a = (uint8_t)(a << 1 ^ (-(a >> 7) & 0x1b));
	}
	return product;
}

/* SubBytes of one byte (FIPS 197, 5.1.1), without a table: only 40 are needed for a key. */
static uint8_t substitute(uint8_t byte)
{
	uint8_t inverse = 1, result = 0x63;

	/* The inverse is the 254th power: 2 + 4 + ... + 128. */
	for (unsigned i = 0; i < 7; i++) {
		byte = field_product(byte, byte);
		inverse = field_product(inverse, byte);
	}
	for (unsigned i = 0; i < 5; i++)
		result ^= (uint8_t)(inverse << i | inverse >> (8 - i));
	return result;
}

/* FIPS 197, 5.2. */
static void expand_key(uint8_t round_keys[AES_ROUNDS + 1][AES_KEY_LEN], const uint8_t key[AES_KEY_LEN])
{
	uint8_t constant = 1;

	memcpy(round_keys[0], key, AES_KEY_LEN);
	for (unsigned round = 1; round <= AES_ROUNDS; round++) {
		const uint8_t *before = round_keys[round - 1];
		uint8_t *now = round_keys[round];

		for (unsigned i = 0; i < 4; i++)
			now[i] = before[i] ^ substitute(before[12 + (i + 1) % 4]);
		now[0] ^= constant;
		constant = field_product(constant, 2);
		for (unsigned i = 4; i < AES_KEY_LEN; i++)
			now[i] = now[i - 4] ^ before[i];
	}
}

/* All but the engine. */
static void prepare(struct lade_strict_cut *cut, const uint8_t secret[LADE_STRICT_CUT_SECRET_LEN],
		    const struct lade_strict_cut_lengths *lengths)
{
	/* What v is below once in so many positions. */
	const uint64_t once_in_normal = UINT64_MAX / lengths->normal;

	memset(cut, 0, sizeof(*cut));
	memcpy(cut->window_key, secret, sizeof(cut->window_key));
	expand_key(cut->round_keys, secret + sizeof(cut->window_key));
	cut->lengths = *lengths;
	cut->early = once_in_normal / 4;
	cut->late = once_in_normal * 4;
	cut->last = once_in_normal * 64;
}

/* The last position that passes the last threshold, or the end. */
static size_t fallback(const struct lade_strict_cut *cut, const uint8_t *data)
{
	const size_t greatest = cut->lengths.greatest;
	size_t found = greatest;

	for (size_t at = cut->lengths.normal; at <= greatest; at++) {
		at = cut->engine->find(cut, data, at, greatest, cut->last);
		if (at == LADE_STRICT_CUT_NONE)
			break;
		found = at;
	}
	return found;
}

size_t lade_strict_cut_next(const struct lade_strict_cut *cut, const uint8_t *data, size_t len)
{
	const struct lade_strict_cut_lengths *lengths = &cut->lengths;
	const size_t end = len < lengths->greatest ? len : lengths->greatest;
	size_t found;

	assert(len > 0);
	if (len <= lengths->least)
		return len;
	found = cut->engine->find(cut, data, lengths->least, end < lengths->normal ? end : lengths->normal - 1, cut->early);
	if (found == LADE_STRICT_CUT_NONE && end >= lengths->normal)
		found = cut->engine->find(cut, data, lengths->normal, end, cut->late);
	if (found != LADE_STRICT_CUT_NONE)
		return found;
	return len < lengths->greatest ? len : fallback(cut, data);
}

/* ---- the choice of an engine ---- */

/* Noise, and what is needed to cut it. */
static void fill_trial(struct lade_strict_cut *cut, uint8_t data[TRIAL_LEN])
{
	static const struct lade_strict_cut_lengths lengths = { 4096, 8192, 16384 };
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];
	uint32_t state = 1;

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 37 + 11);
	for (size_t i = 0; i < TRIAL_LEN; i++) {
		state = state * 1664525u + 1013904223u;
		data[i] = (uint8_t)(state >> 24);
	}
	prepare(cut, secret, &lengths);
}

/* One more thing that was found: a sum in which the order counts, and no single difference is lost. */
static uint64_t add_found(uint64_t sum, size_t found)
{
	return (sum + (found == LADE_STRICT_CUT_NONE ? 0 : found)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The sum of what an engine finds. */
static uint64_t try_engine(const struct lade_strict_cut_engine *engine)
{
	uint8_t data[TRIAL_LEN];
	struct lade_strict_cut cut;
	uint64_t sum = 0;

	fill_trial(&cut, data);
	/* All positions, near to each other and far apart, wherever the search before has ended: whole steps of an engine and parts of them. */
	for (unsigned shift = 0; shift <= TRIAL_SHIFT_MAX; shift += TRIAL_SHIFT_STEP) {
		for (size_t from = LADE_STRICT_CUT_WINDOW_LEN, found; from <= TRIAL_LEN; from = found + 1) {
			found = engine->find(&cut, data, from, TRIAL_LEN, TRIAL_THRESHOLD >> shift);
			sum = add_found(sum, found);
			/* None; or what cannot be, from an engine that is not to hold us up. */
			if (found < from || found > TRIAL_LEN)
				break;
		}
	}
	/* Ends: what is right behind one passes as often as what is right before it. */
	for (size_t len = 0; len <= TRIAL_SHORT_MAX; len++) {
		for (size_t i = 0; i < TRIAL_SHORT_COUNT; i++) {
			const size_t from = LADE_STRICT_CUT_WINDOW_LEN + len * TRIAL_SHORT_COUNT + i;

			sum = add_found(sum, engine->find(&cut, data, from, from + len, TRIAL_THRESHOLD >> i));
		}
	}
	return sum;
}

/* True if an engine finds what the portable one does, wherever it begins and ends. */
static bool agrees(const struct lade_engine *engine)
{
	return try_engine(lade_strict_cut_engine_of(engine)) == TRIAL_SUM;
}

static const struct lade_engines engines = { list, COUNT(list), agrees };

const struct lade_engines *lade_strict_cut_engines(void)
{
	return &engines;
}

static const struct lade_strict_cut_engine *choice(void)
{
	static _Atomic(const struct lade_engine *) kept;

	return lade_strict_cut_engine_of(lade_engine_chosen(&engines, &kept));
}

bool lade_strict_cut_lengths_ok(const struct lade_strict_cut_lengths *lengths)
{
	return lengths->least >= LADE_STRICT_CUT_LEAST_MIN && lengths->normal > lengths->least &&
	       lengths->greatest > lengths->normal && lengths->greatest <= LADE_STRICT_CUT_GREATEST_MAX;
}

int lade_strict_cut_init(struct lade_strict_cut *cut, const uint8_t secret[LADE_STRICT_CUT_SECRET_LEN],
			 const struct lade_strict_cut_lengths *lengths)
{
	if (!lade_strict_cut_lengths_ok(lengths))
		return LADE_E_LIMIT;
	prepare(cut, secret, lengths);
	cut->engine = choice();
	return 0;
}

const char *lade_strict_cut_name(void)
{
	return choice()->base.name;
}
