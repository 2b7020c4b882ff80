/*
 * chunker/strict_cut in plain C, with OpenSSL's AES: what the other engines are compared with, and what is left where
 * a processor has no instructions for it.
 */
#include <openssl/evp.h>

#include "chunker/strict_cut_internal.h"
#include "protocol/byteorder.h"

/* Positions that are encrypted at a time. */
#define BATCH 64u
#define BLOCK_LEN 16u

static bool usable(void)
{
	return true;
}

/* Add the 128-bit carry-less product of a and b to sum, four bits of b at a time. */
static void add_product(uint64_t sum[2], uint64_t a, uint64_t b)
{
	uint64_t low[16] = { 0, a }, high[16] = { 0 }, product[2] = { 0, 0 };

	for (unsigned i = 2; i < 16; i += 2) {
		low[i] = low[i / 2] << 1;
		high[i] = high[i / 2] << 1 | low[i / 2] >> 63;
		low[i + 1] = low[i] ^ a;
		high[i + 1] = high[i];
	}
	for (int shift = 60; shift >= 0; shift -= 4) {
		const unsigned nibble = b >> shift & 15;

		product[1] = (product[1] << 4 | product[0] >> 60) ^ high[nibble];
		product[0] = product[0] << 4 ^ low[nibble];
	}
	sum[0] ^= product[0];
	sum[1] ^= product[1];
}

/* The hash of a window. */
static void hash(const struct lade_strict_cut *cut, const uint8_t *window, uint8_t block[BLOCK_LEN])
{
	uint64_t sum[2] = { 0, 0 };

	for (unsigned i = 0; i < LADE_STRICT_CUT_WINDOW_LEN; i += 16)
		add_product(sum, lade_get_le64(window + i) ^ lade_get_le64(cut->window_key + i),
			    lade_get_le64(window + i + 8) ^ lade_get_le64(cut->window_key + i + 8));
	lade_put_le64(block, sum[0]);
	lade_put_le64(block + 8, sum[1]);
}

static size_t find_with(EVP_CIPHER_CTX *aes, const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to,
			uint64_t threshold)
{
	uint8_t blocks[BATCH * BLOCK_LEN];

	for (size_t at = from; at <= to; at += BATCH) {
		const size_t count = to - at + 1 < BATCH ? to - at + 1 : BATCH;
		int len;

		for (size_t i = 0; i < count; i++)
			hash(cut, data + at + i - LADE_STRICT_CUT_WINDOW_LEN, blocks + i * BLOCK_LEN);
		/* In memory, of whole blocks, with a key: nothing of it can fail. */
		(void)EVP_EncryptUpdate(aes, blocks, &len, blocks, (int)(count * BLOCK_LEN));
		for (size_t i = 0; i < count; i++) {
			if (lade_get_le64(blocks + i * BLOCK_LEN) < threshold)
				return at + i;
		}
	}
	return LADE_STRICT_CUT_NONE;
}

static size_t find(const struct lade_strict_cut *cut, const uint8_t *data, size_t from, size_t to, uint64_t threshold)
{
	EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
	size_t found = LADE_STRICT_CUT_NONE;

	/* Without memory for so little chunks are cut elsewhere, which costs a copy of their content and no more. */
	if (aes && EVP_EncryptInit_ex(aes, EVP_aes_128_ecb(), NULL, cut->round_keys[0], NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(aes, 0) == 1)
		found = find_with(aes, cut, data, from, to, threshold);
	EVP_CIPHER_CTX_free(aes);
	return found;
}

const struct lade_strict_cut_engine lade_strict_cut_portable = { { "portable", usable }, find };
