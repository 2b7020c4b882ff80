/*
 * [id] HMAC-SHA-256 by OpenSSL, BLAKE2b by libsodium: each is the faster one on some processor.
 */
#include "agent/store/chunk_id.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <string.h>

#include "protocol/error.h"

struct lade_chunk_namer {
	enum lade_id_hash hash;
	EVP_MAC_CTX *mac; /* HMAC-SHA-256, with the key */
	uint8_t key[LADE_SEAL_KEY_LEN];
};

static int start_hmac(struct lade_chunk_namer *namer)
{
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	namer->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	return namer->mac && EVP_MAC_init(namer->mac, namer->key, sizeof(namer->key), params) == 1 ? 0 : LADE_E_MEMORY;
}

int lade_chunk_namer_new(enum lade_id_hash hash, const uint8_t key[LADE_SEAL_KEY_LEN], struct lade_chunk_namer **namer_out)
{
	struct lade_chunk_namer *namer = sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*namer));
	int error = 0;

	if (!namer)
		return LADE_E_MEMORY;
	memset(namer, 0, sizeof(*namer));
	namer->hash = hash;
	memcpy(namer->key, key, sizeof(namer->key));
	if (hash == LADE_ID_HMAC_SHA256)
		error = start_hmac(namer);
	if (error) {
		lade_chunk_namer_free(namer);
		return error;
	}
	*namer_out = namer;
	return 0;
}

void lade_chunk_namer_free(struct lade_chunk_namer *namer)
{
	if (!namer)
		return;
	EVP_MAC_CTX_free(namer->mac);
	sodium_free(namer);
}

static int name_by_hmac(EVP_MAC_CTX *mac, uint8_t kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	size_t len;

	/* With the key that it has: EVP_MAC_init(3). */
	return EVP_MAC_init(mac, NULL, 0, NULL) == 1 && EVP_MAC_update(mac, &kind, 1) == 1 && EVP_MAC_update(mac, chunk.data, chunk.len) == 1 &&
			       EVP_MAC_final(mac, id_out, &len, LADE_CHUNK_ID_LEN) == 1 ?
		       0 :
		       LADE_E_MEMORY;
}

int lade_chunk_namer_name(struct lade_chunk_namer *namer, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	const uint8_t byte = (uint8_t)kind;
	crypto_generichash_state state;

	if (namer->hash == LADE_ID_HMAC_SHA256)
		return name_by_hmac(namer->mac, byte, chunk, id_out);
	(void)crypto_generichash_init(&state, namer->key, sizeof(namer->key), LADE_CHUNK_ID_LEN);
	(void)crypto_generichash_update(&state, &byte, 1);
	(void)crypto_generichash_update(&state, chunk.data, chunk.len);
	(void)crypto_generichash_final(&state, id_out, LADE_CHUNK_ID_LEN);
	sodium_memzero(&state, sizeof(state));
	return 0;
}

/* [cut] */
int lade_chunk_cuts(const struct lade_format *format, const uint8_t key[LADE_SEAL_KEY_LEN], struct lade_strict_cut cuts_out[2])
{
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];
	int error = lade_seal_expand(secret, sizeof(secret), key, "lade cuts", format->repository);

	if (!error)
		error = lade_strict_cut_init(&cuts_out[0], secret, &format->content);
	if (!error)
		error = lade_strict_cut_init(&cuts_out[1], secret, &format->entries);
	sodium_memzero(secret, sizeof(secret));
	return error;
}
