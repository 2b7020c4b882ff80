/*
 * Sealing by OpenSSL's AES-256-GCM and libsodium's XChaCha20-Poly1305, keys by OpenSSL's HKDF.
 */
#include "agent/store/seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* OpenSSL counts in int. */
#define LEN_MAX ((size_t)INT32_MAX - LADE_SEAL_TAG_LEN)

#define GCM_NONCE_LEN 12u
#define INFO_LEN_MAX 64u

struct lade_seal {
	enum lade_suite suite;
	bool seals;
	EVP_CIPHER_CTX *cipher; /* AES-256-GCM */
	uint8_t key[LADE_SEAL_KEY_LEN];
};

enum lade_suite lade_suite_choose(void)
{
	return crypto_aead_aes256gcm_is_available() ? LADE_SUITE_AES_256_GCM : LADE_SUITE_XCHACHA20;
}

/* HKDF in a mode of OpenSSL's. */
static int derive(const char *mode, uint8_t *out, size_t len, const uint8_t secret[LADE_SEAL_KEY_LEN], struct lade_slice salt,
		  const char *words, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	const size_t words_len = strlen(words);
	uint8_t info[INFO_LEN_MAX];
	OSSL_PARAM params[6], *param = params;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	int error = LADE_E_MEMORY;

	memcpy(info, words, words_len + 1);
	memcpy(info + words_len, repository, LADE_REPOSITORY_ID_LEN);
	*param++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char *)mode, 0);
	*param++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, LADE_SEAL_KEY_LEN);
	if (salt.len)
		*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.data, salt.len);
	*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, words_len + LADE_REPOSITORY_ID_LEN);
	*param = OSSL_PARAM_construct_end();
	if (context && EVP_KDF_derive(context, out, len, params) == 1)
		error = 0;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return error;
}

int lade_seal_derive(uint8_t key_out[LADE_SEAL_KEY_LEN], const uint8_t secret[LADE_SEAL_KEY_LEN], const void *salt, size_t salt_len,
		     const char *words, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	return derive("EXTRACT_AND_EXPAND", key_out, LADE_SEAL_KEY_LEN, secret, lade_slice(salt, salt_len), words, repository);
}

int lade_seal_expand(uint8_t *out, size_t len, const uint8_t secret[LADE_SEAL_KEY_LEN], const char *words,
		     const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	return derive("EXPAND_ONLY", out, len, secret, lade_slice(NULL, 0), words, repository);
}

int lade_seal_new(enum lade_suite suite, const uint8_t key[LADE_SEAL_KEY_LEN], bool seals, struct lade_seal **seal_out)
{
	struct lade_seal *seal;

	if (suite != LADE_SUITE_PLAIN && suite != LADE_SUITE_AES_256_GCM && suite != LADE_SUITE_XCHACHA20)
		return LADE_E_UNSUPPORTED;
	/* The key is in memory that is not swapped out. */
	seal = sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*seal));
	if (!seal)
		return LADE_E_MEMORY;
	memset(seal, 0, sizeof(*seal));
	seal->suite = suite;
	seal->seals = seals;
	memcpy(seal->key, key, sizeof(seal->key));
	if (suite == LADE_SUITE_AES_256_GCM) {
		seal->cipher = EVP_CIPHER_CTX_new();
		if (!seal->cipher || EVP_CipherInit_ex(seal->cipher, EVP_aes_256_gcm(), NULL, key, NULL, seals) != 1) {
			lade_seal_free(seal);
			return LADE_E_MEMORY;
		}
	}
	*seal_out = seal;
	return 0;
}

void lade_seal_free(struct lade_seal *seal)
{
	if (!seal)
		return;
	EVP_CIPHER_CTX_free(seal->cipher);
	sodium_free(seal);
}

/* ---- AES-256-GCM ---- */

static bool gcm_transform(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t nonce[GCM_NONCE_LEN] = { 0 };
	int out_len;

	lade_put_le64(nonce, context->number);
	return EVP_CipherInit_ex(seal->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
	       EVP_CipherUpdate(seal->cipher, NULL, &out_len, context->data, (int)context->data_len) == 1 &&
	       (!len || EVP_CipherUpdate(seal->cipher, out, &out_len, in, (int)len) == 1);
}

static int gcm_close(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *text, size_t len, uint8_t *out)
{
	int final_len;

	if (!gcm_transform(seal, context, text, len, out) || EVP_CipherFinal_ex(seal->cipher, out + len, &final_len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(seal->cipher, EVP_CTRL_AEAD_GET_TAG, (int)LADE_SEAL_TAG_LEN, out + len) != 1)
		return LADE_E_MEMORY;
	return 0;
}

static int gcm_open(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *sealed, size_t len, uint8_t *out)
{
	uint8_t tag[LADE_SEAL_TAG_LEN], none[LADE_SEAL_TAG_LEN];
	int final_len;

	memcpy(tag, sealed + len, sizeof(tag));
	if (!gcm_transform(seal, context, sealed, len, out) ||
	    EVP_CIPHER_CTX_ctrl(seal->cipher, EVP_CTRL_AEAD_SET_TAG, (int)sizeof(tag), tag) != 1)
		return LADE_E_MEMORY;
	return EVP_CipherFinal_ex(seal->cipher, none, &final_len) == 1 ? 0 : LADE_E_CHANGED;
}

/* ---- XChaCha20-Poly1305 ---- */

static void xchacha_nonce(const struct lade_seal_context *context, uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES])
{
	memset(nonce, 0, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
	lade_put_le64(nonce, context->number);
}

static void xchacha_close(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *text, size_t len, uint8_t *out)
{
	uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

	xchacha_nonce(context, nonce);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt_detached(out, out + len, NULL, text, len, context->data, context->data_len,
								  NULL, nonce, seal->key);
}

static int xchacha_open(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *sealed, size_t len, uint8_t *out)
{
	uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

	xchacha_nonce(context, nonce);
	return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out, NULL, sealed, len, sealed + len, context->data,
								   context->data_len, nonce, seal->key) ?
		       LADE_E_CHANGED :
		       0;
}

/* ---- nothing ---- */

/* The first bytes of the SHA-256 of number, associated data and content. */
static int plain_tag(const struct lade_seal_context *context, const void *text, size_t len, uint8_t tag[LADE_SEAL_TAG_LEN])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t number[8], all[EVP_MAX_MD_SIZE];
	int error = LADE_E_MEMORY;

	lade_put_le64(number, context->number);
	if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(digest, number, sizeof(number)) == 1 &&
	    EVP_DigestUpdate(digest, context->data, context->data_len) == 1 && EVP_DigestUpdate(digest, text, len) == 1 &&
	    EVP_DigestFinal_ex(digest, all, NULL) == 1) {
		memcpy(tag, all, LADE_SEAL_TAG_LEN);
		error = 0;
	}
	EVP_MD_CTX_free(digest);
	return error;
}

static int plain_open(const struct lade_seal_context *context, const uint8_t *sealed, size_t len, void *out)
{
	uint8_t tag[LADE_SEAL_TAG_LEN];
	int error = plain_tag(context, sealed, len, tag);

	if (error)
		return error;
	if (memcmp(tag, sealed + len, sizeof(tag)) != 0)
		return LADE_E_CHANGED;
	memmove(out, sealed, len);
	return 0;
}

/* ---- all ---- */

int lade_seal_close(struct lade_seal *seal, const struct lade_seal_context *context, const void *text, size_t len, uint8_t *out)
{
	if (len > LEN_MAX)
		return LADE_E_LIMIT;
	switch (seal->suite) {
	case LADE_SUITE_AES_256_GCM:
		return gcm_close(seal, context, text, len, out);
	case LADE_SUITE_XCHACHA20:
		xchacha_close(seal, context, text, len, out);
		return 0;
	default:
		memmove(out, text, len);
		return plain_tag(context, out, len, out + len);
	}
}

int lade_seal_open(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *sealed, size_t sealed_len, void *out)
{
	size_t len;

	if (sealed_len < LADE_SEAL_TAG_LEN)
		return LADE_E_CHANGED;
	len = sealed_len - LADE_SEAL_TAG_LEN;
	if (len > LEN_MAX)
		return LADE_E_LIMIT;
	switch (seal->suite) {
	case LADE_SUITE_AES_256_GCM:
		return gcm_open(seal, context, sealed, len, out);
	case LADE_SUITE_XCHACHA20:
		return xchacha_open(seal, context, sealed, len, out);
	default:
		return plain_open(context, sealed, len, out);
	}
}

uint64_t lade_seal_padme(uint64_t len)
{
	const unsigned exponent = 63 - (unsigned)__builtin_clzll(len), size = 64 - (unsigned)__builtin_clzll(exponent);
	const uint64_t mask = exponent > size ? (UINT64_C(1) << (exponent - size)) - 1 : 0;

	return (len + mask) & ~mask;
}
