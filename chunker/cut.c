/*
 * [cut] What is common to all engines of chunker/cut: the constants, what becomes of a candidate, and
 * the choice of an engine. All arithmetic is on integers, so that all machines cut alike.
 *
 * Invariant: an engine is used only after it cut a made-up buffer as the portable one
 * does, so a processor or an emulator with a broken instruction costs speed, not the
 * agreement of two sides.
 */
#include "chunker/cut.h"

#include <assert.h>
#include <string.h>

#include "chunker/cut_internal.h"
#include "protocol/byteorder.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Words that are made of the run key: factor, match and before, then the keys of the hash. */
#define CONSTANT_WORDS 12u
#define FACTOR_BITS 57u

/* The test of an engine: several sequences of chunks of the smallest class. */
#define TRIAL_LEN 24000u
#define TRIAL_RANDOM_LEN 14000u
#define TRIAL_PERIOD 61u
#define TRIAL_STRIDE 149u
#define TRIAL_COUNT 9u

static_assert(CONSTANT_WORDS * 8 % LADE_DIGEST_LEN == 0, "the constants are whole digests");

static const struct lade_engine *const list[] = {
#ifdef LADE_CUT_X86
	&lade_cut_avx512.base,
	&lade_cut_vpclmul.base,
	&lade_cut_pclmul.base,
#endif
#ifdef LADE_CUT_NEON
	&lade_cut_neon.base,
#endif
	&lade_cut_portable.base,
};

/*
 * Lengths and thresholds. A byte is a candidate with a probability of 2^-(8 + bits); a hash of 64
 * bits is below the early threshold so often that a byte is a cut once in 4 * normal_len.
 */
static void set_class(struct lade_cut *cut, unsigned cut_class)
{
	size_t nominal_len = (size_t)1 << cut_class;
	/* Eight candidates in a nominal length; the byte before has no more than eight bits. */
	unsigned bits = cut_class - 11 < 8 ? cut_class - 11 : 8;

	/* Just above a multiple of a page, or the repeating headers of pages hold two phases apart. */
	cut->normal_len = nominal_len / 32 * 33 + 5;
	cut->min_len = cut->normal_len / 2;
	cut->max_len = cut->normal_len * 2;
	cut->before_mask = (uint8_t)((1u << bits) - 1);
	cut->threshold_early = (UINT64_C(1) << 63) / cut->normal_len << (7 + bits);
	cut->threshold_late = cut->threshold_early << 4;
}

/* Expand a run key to the constants: digests of a label with a counter, as little-endian words. */
static void set_constants(struct lade_cut *cut, const struct lade_run_key *key)
{
	static const char label[] = "lade: where chunks are cut";
	const size_t label_len = sizeof(label) - 1;
	uint8_t seed[sizeof(label) - 1 + 4], bytes[CONSTANT_WORDS * 8];

	memcpy(seed, label, label_len);
	for (uint32_t i = 0; i < sizeof(bytes) / LADE_DIGEST_LEN; i++) {
		lade_put_le32(seed + label_len, i);
		lade_digest(key, seed, sizeof(seed), bytes + i * LADE_DIGEST_LEN);
	}
	cut->factor = lade_get_le64(bytes) & ((UINT64_C(1) << FACTOR_BITS) - 1);
	cut->factor |= UINT64_C(1) << (FACTOR_BITS - 1) | 1;
	cut->match = bytes[8] | 1;
	cut->before = bytes[9] & 0xfe;
	for (unsigned i = 0; i < COUNT(cut->window_keys); i++)
		cut->window_keys[i] = lade_get_le64(bytes + 16 + 8 * i);
	for (unsigned i = 0; i < COUNT(cut->final_keys); i++)
		cut->final_keys[i] = lade_get_le64(bytes + 80 + 8 * i);
}

static void set_products(struct lade_cut *cut)
{
	for (unsigned byte = 0; byte < COUNT(cut->products); byte++) {
		cut->products[byte] = 0;
		for (unsigned bit = 0; bit < 8; bit++)
			if (byte >> bit & 1)
				cut->products[byte] ^= cut->factor << bit;
	}
}

/* All but the engine. */
static void prepare(struct lade_cut *cut, const struct lade_run_key *key, unsigned cut_class)
{
	assert(cut_class >= LADE_CUT_CLASS_MIN && cut_class <= LADE_CUT_CLASS_MAX);
	memset(cut, 0, sizeof(*cut));
	set_class(cut, cut_class);
	set_constants(cut, key);
	set_products(cut);
}

/* The halves of the 128-bit product of a and b, added without carry. */
static inline uint64_t fold(uint64_t a, uint64_t b)
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

/* One product of the hash of a window: of two words at p with two keys. */
static inline uint64_t fold_words(const uint8_t *p, const uint64_t *keys)
{
	return fold(lade_cut_get_word(p) ^ keys[0], lade_cut_get_word(p + 8) ^ keys[1]);
}

/* The hash of a window: the LADE_CUT_WINDOW_LEN bytes before end. (In a loop it took twice as long.) */
static inline uint64_t window_hash(const struct lade_cut *cut, const uint8_t *end)
{
	const uint8_t *window = end - LADE_CUT_WINDOW_LEN;
	const uint64_t *keys = cut->window_keys;
	uint64_t left = fold_words(window, keys) ^ fold_words(window + 16, keys + 2);
	uint64_t right = fold_words(window + 32, keys + 4) ^ fold_words(window + 48, keys + 6);

	return fold(left ^ cut->final_keys[0], (right << 32 | right >> 32) ^ cut->final_keys[1]);
}

/* Ask for the memory where the search for the next chunk will begin. */
static void prefetch_next(const struct lade_cut_search *search)
{
	uintptr_t next = (uintptr_t)search->data + search->found_len + search->cut->min_len;

	for (size_t off = 0; off < LADE_CUT_AHEAD_LEN; off += LADE_CUT_LINE_LEN)
		lade_cut_prefetch(next + off);
}

bool lade_cut_judge(struct lade_cut_search *search, size_t off, uint64_t candidates)
{
	const struct lade_cut *cut = search->cut;

	if (search->end - off < LADE_CUT_STEP_LEN)
		candidates &= (UINT64_C(1) << (search->end - off)) - 1;
	for (; candidates; candidates &= candidates - 1) {
		size_t chunk_len = off + (size_t)__builtin_ctzll(candidates) + 1;
		uint64_t hash = window_hash(cut, search->data + chunk_len);

		if (hash < (chunk_len < cut->normal_len ? cut->threshold_early : cut->threshold_late)) {
			search->found_len = chunk_len;
			prefetch_next(search);
			return true;
		}
		if (hash <= search->least) {
			search->least = hash;
			search->least_len = chunk_len;
		}
	}
	return false;
}

size_t lade_cut_fallback(const struct lade_cut_search *search)
{
	bool at_maximum = search->end == search->cut->max_len;

	return at_maximum && search->least_len ? search->least_len : search->end;
}

/* Noise, then a pattern that repeats: cuts of every kind, among them those at the maximum. */
static void fill_trial(uint8_t data[TRIAL_LEN])
{
	uint64_t state = 1;

	for (size_t i = 0; i < TRIAL_RANDOM_LEN; i++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		data[i] = (uint8_t)(state >> 56);
	}
	for (size_t i = TRIAL_RANDOM_LEN; i < TRIAL_LEN; i++)
		data[i] = data[i - TRIAL_PERIOD];
}

/* True if an engine cuts as the portable one does. */
static bool agrees(const struct lade_engine *engine)
{
	struct lade_run_key key = { .kind = LADE_DIGEST_XXH3 };
	struct lade_cut cut;
	uint8_t data[TRIAL_LEN];

	for (unsigned i = 0; i < LADE_RUN_KEY_LEN; i++)
		key.bytes[i] = (uint8_t)(i * 37 + 11);
	prepare(&cut, &key, LADE_CUT_CLASS_MIN);
	fill_trial(data);
	for (size_t trial = 0; trial < TRIAL_COUNT; trial++)
		for (size_t off = trial * TRIAL_STRIDE, len; off < TRIAL_LEN; off += len) {
			len = lade_cut_portable.next(&cut, data + off, TRIAL_LEN - off);
			if (lade_cut_engine_of(engine)->next(&cut, data + off, TRIAL_LEN - off) != len)
				return false;
		}
	return true;
}

static const struct lade_engines engines = { list, COUNT(list), agrees };

const struct lade_engines *lade_cut_engines(void)
{
	return &engines;
}

static const struct lade_cut_engine *choice(void)
{
	static _Atomic(const struct lade_engine *) kept;

	return lade_cut_engine_of(lade_engine_chosen(&engines, &kept));
}

void lade_cut_init(struct lade_cut *cut, const struct lade_run_key *key, unsigned cut_class)
{
	prepare(cut, key, cut_class);
	cut->engine = choice();
}

size_t lade_cut_next(const struct lade_cut *cut, const uint8_t *data, size_t len)
{
	assert(len > 0);
	return cut->engine->next(cut, data, len);
}

const char *lade_cut_name(void)
{
	return choice()->base.name;
}
