/*
 * Records by OpenSSL's AEADs. A nonce is the record's number, exclusive-ored with the key's vector (RFC 8446, 5.3); the header
 * is what is authenticated beside it.
 *
 * Bytes go from where they are to where they are wanted in one step; the type, which belongs to what is encrypted, is a step of its own: so a
 * record of exactly as many bytes as a reader wants needs no other place.
 */
#include "transport/tls_record.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "transport/tls_keys.h"

struct lade_tls_protection {
	uint16_t suite;
	bool seals;
	struct lade_tls_direction direction;
	uint8_t iv[LADE_TLS_IV_LEN];
	EVP_CIPHER_CTX *cipher;
};

static const EVP_CIPHER *cipher_of(uint16_t suite)
{
	switch (suite) {
	case LADE_TLS_AES_128_GCM:
		return EVP_aes_128_gcm();
	case LADE_TLS_AES_256_GCM:
		return EVP_aes_256_gcm();
	case LADE_TLS_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	default:
		return NULL;
	}
}

/* Take the keys of the direction's secret. */
static int take_keys(struct lade_tls_protection *protection)
{
	struct lade_tls_traffic_keys keys;
	int error = lade_tls_traffic_keys(protection->suite, protection->direction.secret, &keys);

	memcpy(protection->iv, keys.iv, sizeof(keys.iv));
	if (!error && EVP_CipherInit_ex(protection->cipher, NULL, NULL, keys.key, NULL, protection->seals) != 1)
		error = LADE_E_MEMORY;
	OPENSSL_cleanse(&keys, sizeof(keys));
	return error;
}

int lade_tls_protection_new(uint16_t suite, const struct lade_tls_direction *direction, bool seals,
			    struct lade_tls_protection **protection_out)
{
	const EVP_CIPHER *cipher = cipher_of(suite);
	struct lade_tls_protection *protection;
	int error = LADE_E_MEMORY;

	if (!cipher)
		return LADE_E_UNSUPPORTED;
	protection = calloc(1, sizeof(*protection));
	if (!protection)
		return LADE_E_MEMORY;
	protection->suite = suite;
	protection->seals = seals;
	protection->direction = *direction;
	protection->cipher = EVP_CIPHER_CTX_new();
	if (protection->cipher && EVP_CipherInit_ex(protection->cipher, cipher, NULL, NULL, NULL, seals) == 1)
		error = take_keys(protection);
	if (error) {
		lade_tls_protection_free(protection);
		return error;
	}
	*protection_out = protection;
	return 0;
}

void lade_tls_protection_free(struct lade_tls_protection *protection)
{
	if (!protection)
		return;
	EVP_CIPHER_CTX_free(protection->cipher);
	OPENSSL_cleanse(protection, sizeof(*protection));
	free(protection);
}

const struct lade_tls_direction *lade_tls_protection_direction(const struct lade_tls_protection *protection)
{
	return &protection->direction;
}

int lade_tls_protection_update(struct lade_tls_protection *protection)
{
	int error = lade_tls_next_secret(protection->suite, &protection->direction);

	return error ? error : take_keys(protection);
}

/* Begin with the next record, whose header is given. */
static bool begin(struct lade_tls_protection *protection, const uint8_t header[LADE_TLS_HEADER_LEN])
{
	uint64_t number = protection->direction.records;
	uint8_t nonce[LADE_TLS_IV_LEN];
	int len;

	memcpy(nonce, protection->iv, sizeof(nonce));
	for (size_t i = sizeof(nonce); number; number >>= 8)
		nonce[--i] ^= (uint8_t)number;
	return EVP_CipherInit_ex(protection->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
		EVP_CipherUpdate(protection->cipher, NULL, &len, header, (int)LADE_TLS_HEADER_LEN) == 1;
}

static bool transform(struct lade_tls_protection *protection, const uint8_t *in, size_t len, uint8_t *out)
{
	int out_len;

	return EVP_CipherUpdate(protection->cipher, out, &out_len, in, (int)len) == 1 && (size_t)out_len == len;
}

/* Encrypt len bytes from the front of the vectors. */
static bool transform_vectors(struct lade_tls_protection *protection, struct iovec **vectors, size_t len, uint8_t *out)
{
	while (len) {
		struct iovec *vector = *vectors;
		size_t part = vector->iov_len < len ? vector->iov_len : len;

		if (part && !transform(protection, vector->iov_base, part, out))
			return false;
		vector->iov_base = (uint8_t *)vector->iov_base + part;
		vector->iov_len -= part;
		if (!vector->iov_len)
			++*vectors;
		out += part;
		len -= part;
	}
	return true;
}

int lade_tls_seal(struct lade_tls_protection *protection, uint8_t type, struct iovec **vectors, size_t len, uint8_t *out)
{
	size_t protected_len = len + 1 + LADE_TLS_TAG_LEN;
	const uint8_t header[LADE_TLS_HEADER_LEN] = { LADE_TLS_DATA, 3, 3, (uint8_t)(protected_len >> 8),
						      (uint8_t)protected_len };
	uint8_t *body = out + LADE_TLS_HEADER_LEN;
	int final_len;

	memcpy(out, header, sizeof(header));
	if (!begin(protection, header) || !transform_vectors(protection, vectors, len, body) ||
	    !transform(protection, &type, 1, body + len) ||
	    EVP_CipherFinal_ex(protection->cipher, body + len + 1, &final_len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(protection->cipher, EVP_CTRL_AEAD_GET_TAG, (int)LADE_TLS_TAG_LEN, body + len + 1) != 1)
		return LADE_E_MEMORY;
	protection->direction.records++;
	return 0;
}

int lade_tls_record_len(const uint8_t *bytes, size_t len)
{
	size_t protected_len;

	if (len < LADE_TLS_HEADER_LEN)
		return 0;
	protected_len = (size_t)bytes[3] << 8 | bytes[4];
	if (bytes[0] != LADE_TLS_DATA || protected_len < 1 + LADE_TLS_TAG_LEN)
		return LADE_E_PROTOCOL;
	if (protected_len + LADE_TLS_HEADER_LEN > LADE_TLS_RECORD_MAX)
		return LADE_E_LIMIT;
	return (int)(protected_len + LADE_TLS_HEADER_LEN);
}

int lade_tls_open(struct lade_tls_protection *protection, const uint8_t *record, size_t record_len, uint8_t *out,
		  size_t *len_out, uint8_t *type_out)
{
	size_t len = record_len - LADE_TLS_EXTRA_LEN;
	const uint8_t *body = record + LADE_TLS_HEADER_LEN;
	uint8_t tag[LADE_TLS_TAG_LEN], type, none[1];
	int final_len;

	memcpy(tag, body + len + 1, sizeof(tag));
	if (!begin(protection, record) || (len && !transform(protection, body, len, out)) ||
	    !transform(protection, body + len, 1, &type) ||
	    EVP_CIPHER_CTX_ctrl(protection->cipher, EVP_CTRL_AEAD_SET_TAG, (int)sizeof(tag), tag) != 1)
		return LADE_E_MEMORY;
	if (EVP_CipherFinal_ex(protection->cipher, none, &final_len) != 1)
		return LADE_E_CHANGED;
	protection->direction.records++;
	/* Zeros behind the type are padding: the type is the last byte that is none. */
	while (type == 0 && len)
		type = out[--len];
	if (type == 0)
		return LADE_E_PROTOCOL;
	*len_out = len;
	*type_out = type;
	return 0;
}
