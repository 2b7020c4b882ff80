/*
 * What chunker/cut must go on giving: both sides of a session, whatever their age and
 * their machine, cut at the same bytes. Shared by test_cut and, for machines that this
 * one only emulates, by tests/scenario/cut_alone.c.
 */
#ifndef LADE_TESTS_UNIT_CUT_GOLDEN_H
#define LADE_TESTS_UNIT_CUT_GOLDEN_H

#include <stdint.h>

#include "chunker/cut.h"

#define GOLDEN_LEN (4u << 20)
#define GOLDEN_LENGTHS 24u

/* The key of the golden chunks. */
static inline void golden_key(struct lade_run_key *key_out)
{
	for (unsigned i = 0; i < LADE_RUN_KEY_LEN; i++)
		key_out->bytes[i] = (uint8_t)(i * 73 + 41);
}

/* Their data: noise, with a pattern of 61 bytes in every fourth stretch of 64 KiB. */
static inline void golden_data(uint8_t data[GOLDEN_LEN])
{
	uint64_t state = 42;

	for (uint32_t i = 0; i < GOLDEN_LEN; i++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		data[i] = (i >> 16 & 3) == 3 ? data[i - 61] : (uint8_t)(state >> 56);
	}
}

/* The first chunks of class LADE_CUT_CLASS_MIN. */
static const uint16_t golden_lengths[GOLDEN_LENGTHS] = {
	4356, 6455, 5337, 4287, 2671, 2272, 5406, 4433, 2321, 2669, 4602, 5043,
	4314, 5061, 4959, 5123, 8151, 4287, 5314, 5214, 4420, 5314, 4486, 5121,
};

/* All chunks of each class: how many, and their lengths put together by golden_sum(). */
struct golden_class {
	uint32_t count;
	uint64_t sum;
};

static const struct golden_class golden_classes[LADE_CUT_CLASS_MAX - LADE_CUT_CLASS_MIN + 1] = {
	{ 773, UINT64_C(0xaad6a34aedf1c5c7) },
	{ 385, UINT64_C(0x4fbedface0341479) },
	{ 194, UINT64_C(0xfa4acb392f2e9eb5) },
	{ 101, UINT64_C(0x29b7a31138dc7381) },
	{ 48, UINT64_C(0xae5670f1a9ac4fa7) },
	{ 26, UINT64_C(0x5119e72172c2ebe1) },
	{ 13, UINT64_C(0x42520f42bb1a25a1) },
	{ 7, UINT64_C(0x9a63d8e78e8103b7) },
	{ 4, UINT64_C(0x1ed1365b6aaca149) },
};

/* FNV-1a over words. */
static inline uint64_t golden_sum(uint64_t sum, size_t chunk_len)
{
	return ((sum ? sum : UINT64_C(0xcbf29ce484222325)) ^ chunk_len) * UINT64_C(0x100000001b3);
}

#endif
