/*
 * [signature] The polynomial of block_hash.h, modulo p = 2^61 - 1.
 *
 * A window is rolled with one multiplication a byte. A whole block is taken in groups of
 * 64 bytes with one multiplication modulo p each: the bytes of a group are multiplied by
 * the powers of the point, which are cut into four signed limbs of 16 bits. These sums of
 * products fit 32 bits, and compilers make PMADDWD, SMLAL and the like of them.
 * "Lazy" values are congruent to what is meant, and below 2^64, but not always below p.
 */
#include "chunker/block_hash.h"

#include <assert.h>
#include <string.h>

#include "protocol/byteorder.h"

#define P LADE_BLOCK_PRIME
#define POINT_BITS 60u
#define LIMB_BITS 16u

static_assert(LADE_BLOCK_LIMB_COUNT * LIMB_BITS > 61, "the limbs hold a power");
static_assert(LADE_BLOCK_GROUP_LEN * 255ull << (LIMB_BITS - 1) < INT32_MAX, "a sum of products fits 32 bits");

/* A number congruent to value: below 2^62 for one below 2^122, below 2^61 + 8 for a lazy one. */
static uint64_t fold(lade_u128 value)
{
	return (uint64_t)(value & P) + (uint64_t)(value >> 61);
}

/* The number below p that is congruent to a lazy value. */
static uint64_t reduce(uint64_t lazy)
{
	lazy = fold(lazy);
	return lazy >= P ? lazy - P : lazy;
}

/* a * b modulo p; both are below p. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
	return reduce(fold((lade_u128)a * b));
}

/* a + b modulo p; both are below p. */
static uint64_t add(uint64_t a, uint64_t b)
{
	return reduce(a + b);
}

static uint64_t power(uint64_t base, uint32_t exponent)
{
	uint64_t result = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = multiply(result, base);
		base = multiply(base, base);
	}
	return result;
}

/* Cut place, what byte i of a group is multiplied by: it is the sum of limbs[k][i] * 2^(16 k). */
static void set_limbs(struct lade_block_key *key, unsigned i, uint64_t place)
{
	for (unsigned k = 0; k < LADE_BLOCK_LIMB_COUNT; k++) {
		int32_t limb = (int32_t)(place & 0xffff);

		place >>= LIMB_BITS;
		if (limb > INT16_MAX) {
			limb -= 1 << LIMB_BITS;
			place++;
		}
		key->limbs[k][i] = (int16_t)limb;
	}
}

/* 64 bits that depend on the run key and on what they are for. */
static uint64_t derive(const struct lade_run_key *run_key, const char *purpose)
{
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(run_key, purpose, strlen(purpose), digest);
	return lade_get_le64(digest);
}

void lade_block_key_derive(struct lade_block_key *key_out, const struct lade_run_key *run_key)
{
	lade_block_key_set(key_out, derive(run_key, "block point") >> (64 - POINT_BITS),
			   derive(run_key, "block scale") % (P - 1) + 1,
			   derive(run_key, "block shift") % P);
}

void lade_block_key_set(struct lade_block_key *key_out, uint64_t point, uint64_t scale, uint64_t shift)
{
	uint64_t place = 1;

	assert(point >> POINT_BITS == 0 && scale > 0 && scale < P && shift < P);
	key_out->point = point;
	key_out->scale = scale;
	key_out->shift = shift;
	key_out->group_ones = 0;
	for (unsigned i = LADE_BLOCK_GROUP_LEN; i-- > 0;) {
		set_limbs(key_out, i, place);
		key_out->group_ones = add(key_out->group_ones, place);
		place = multiply(place, point);
	}
	key_out->group_power = place;
}

/* The value of a group without the ones that are added to its bytes; below 2^75. */
static lade_u128 group_value(const struct lade_block_key *key, const uint8_t *data)
{
	int32_t sums[LADE_BLOCK_LIMB_COUNT];
	int64_t low, high;

	for (unsigned k = 0; k < LADE_BLOCK_LIMB_COUNT; k++) {
		int32_t sum = 0;

		for (unsigned i = 0; i < LADE_BLOCK_GROUP_LEN; i++)
			sum += (int16_t)data[i] * key->limbs[k][i];
		sums[k] = sum;
	}
	low = sums[0] + sums[1] * ((int64_t)1 << LIMB_BITS);
	high = sums[2] + sums[3] * ((int64_t)1 << LIMB_BITS);
	/* Modulo 2^128: the sum itself is not negative. */
	return (lade_u128)low + ((lade_u128)high << (2 * LIMB_BITS));
}

/* scale * value + shift of len bytes at data, below p. */
static uint64_t block_value(const struct lade_block_key *key, const uint8_t *data, size_t len)
{
	size_t head_len = len % LADE_BLOCK_GROUP_LEN;
	uint64_t value = 0;

	/* The point is below 2^60: value stays below 2^62. */
	for (size_t i = 0; i < head_len; i++)
		value = fold((lade_u128)value * key->point + data[i] + 1);
	/* The power of a group is not, so that one fold is not enough. */
	for (size_t off = head_len; off < len; off += LADE_BLOCK_GROUP_LEN)
		value = fold(fold((lade_u128)value * key->group_power + key->group_ones +
				  group_value(key, data + off)));
	return add(multiply(reduce(value), key->scale), key->shift);
}

uint64_t lade_block_hash(const struct lade_block_key *key, const uint8_t *data, size_t len)
{
	return block_value(key, data, len) & (((uint64_t)1 << LADE_BLOCK_DIGEST_BITS) - 1);
}

/*
 * With x the point, n the window's length, o and i the oldest and newest byte:
 * scale * ((value - (o + 1) x^(n-1)) x + i + 1) + shift is
 * (scale * value + shift) x + enters[i] + leaves[o], where
 * enters[i] = scale (i + 1) and leaves[o] = shift - shift x - scale (o + 1) x^n.
 */
void lade_block_roller_init(struct lade_block_roller *roller, const struct lade_block_key *key,
			    uint32_t window_len)
{
	uint64_t leaves_step = P - multiply(key->scale, power(key->point, window_len));
	uint64_t enters = 0, leaves = add(key->shift, P - multiply(key->shift, key->point));

	assert(window_len > 0);
	roller->key = key;
	roller->window_len = window_len;
	roller->point_shifted = key->point << 3;
	for (unsigned byte = 0; byte < 256; byte++) {
		enters = add(enters, key->scale);
		leaves = add(leaves, leaves_step);
		roller->enters[byte] = enters;
		roller->leaves[byte] = leaves;
	}
}

void lade_block_roller_start(struct lade_block_roller *roller, const uint8_t *window)
{
	roller->value = block_value(roller->key, window, roller->window_len);
}
