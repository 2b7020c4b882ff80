/*
 * HKDF-Expand of no more than one hash's length is one HMAC (RFC 5869, 2.3), and nothing longer is needed here.
 */
#include "transport/tls_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* RFC 8446, 7.1: two bytes of length, the label with its length, no context, and HKDF's counter. */
#define INFO_MAX 32u

static const char prefix[] = "tls13 ";

/* What differs from suite to suite. */
struct suite_facts {
	uint16_t suite;
	uint8_t key_len, secret_len;
	const char *name;
};

static const struct suite_facts suites[] = {
	{ LADE_TLS_AES_128_GCM, 16, 32, "TLS_AES_128_GCM_SHA256" },
	{ LADE_TLS_AES_256_GCM, 32, 48, "TLS_AES_256_GCM_SHA384" },
	{ LADE_TLS_CHACHA20_POLY1305, 32, 32, "TLS_CHACHA20_POLY1305_SHA256" },
};

static const struct suite_facts *facts_of(uint16_t suite)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].suite == suite)
			return &suites[i];
	return NULL;
}

const char *lade_tls_suite_name(uint16_t suite)
{
	const struct suite_facts *facts = facts_of(suite);

	return facts ? facts->name : "an unknown suite";
}

size_t lade_tls_secret_len(uint16_t suite)
{
	const struct suite_facts *facts = facts_of(suite);

	return facts ? facts->secret_len : 0;
}

size_t lade_tls_key_len(uint16_t suite)
{
	const struct suite_facts *facts = facts_of(suite);

	return facts ? facts->key_len : 0;
}

/* Encode HkdfLabel and the counter. Returns its length. */
static size_t put_info(uint8_t info[INFO_MAX], const char *label, size_t len)
{
	size_t label_len = strlen(label), prefix_len = sizeof(prefix) - 1, at = 0;

	info[at++] = 0;
	info[at++] = (uint8_t)len;
	info[at++] = (uint8_t)(prefix_len + label_len);
	memcpy(info + at, prefix, prefix_len);
	memcpy(info + at + prefix_len, label, label_len);
	at += prefix_len + label_len;
	info[at++] = 0;
	info[at++] = 1;
	return at;
}

int lade_tls_expand_label(uint16_t suite, const uint8_t secret[LADE_TLS_SECRET_MAX], const char *label, uint8_t *out,
			  size_t len)
{
	size_t secret_len = lade_tls_secret_len(suite);
	const EVP_MD *hash = secret_len == 48 ? EVP_sha384() : EVP_sha256();
	uint8_t info[INFO_MAX], block[EVP_MAX_MD_SIZE];
	unsigned block_len;

	if (!secret_len || len > secret_len || strlen(label) + sizeof(prefix) + 4 > INFO_MAX)
		return LADE_E_UNSUPPORTED;
	if (!HMAC(hash, secret, (int)secret_len, info, put_info(info, label, len), block, &block_len))
		return LADE_E_MEMORY;
	memcpy(out, block, len);
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}

int lade_tls_traffic_keys(uint16_t suite, const uint8_t secret[LADE_TLS_SECRET_MAX], struct lade_tls_traffic_keys *keys_out)
{
	int error = lade_tls_expand_label(suite, secret, "key", keys_out->key, lade_tls_key_len(suite));

	return error ? error : lade_tls_expand_label(suite, secret, "iv", keys_out->iv, LADE_TLS_IV_LEN);
}

int lade_tls_next_secret(uint16_t suite, struct lade_tls_direction *direction)
{
	uint8_t next[LADE_TLS_SECRET_MAX] = { 0 };
	int error = lade_tls_expand_label(suite, direction->secret, "traffic upd", next, lade_tls_secret_len(suite));

	if (!error) {
		memcpy(direction->secret, next, sizeof(next));
		direction->records = 0;
	}
	OPENSSL_cleanse(next, sizeof(next));
	return error;
}
