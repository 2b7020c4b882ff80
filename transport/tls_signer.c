/*
 * The provider. Its keys cannot be exported, so that OpenSSL asks this provider for their signatures and no other: see do_sigver_init() in
 * crypto/evp/m_sigver.c, which first tries to hand a key to the provider that it likes best. Imported, which is how OpenSSL compares one
 * of its own with one of ours, a key has its public half alone.
 */
#include "transport/tls_signer.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define NAME "lade"
#define ALGORITHMS "ED25519:1.3.101.112"
#define PROPERTIES "provider=lade"
#define KEY_LEN 32u
#define KEY_BITS 256
#define SECURITY_BITS 128

/* The parameter by which a key learns who signs for it: the bytes of a struct binding. */
#define PARAM_BINDING "lade-signer"

struct binding {
	const struct lade_tls_signer *signer;
	int *failed;
};

struct key {
	uint8_t public_key[KEY_LEN];
	bool has_public;
	struct binding binding; /* signer is NULL in a key that has the public half alone */
};

/* A signature under way. */
struct signing {
	const struct key *key;
};

/* AlgorithmIdentifier of RFC 8410, DER. */
static const uint8_t algorithm_id[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };

/* ---- keys ---- */

static void *key_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct key));
}

static void key_free(void *key)
{
	free(key);
}

static int key_has(const void *data, int selection)
{
	const struct key *key = data;

	if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && !key->has_public)
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->binding.signer;
}

static int key_match(const void *a, const void *b, int selection)
{
	const struct key *one = a, *other = b;

	(void)selection; /* which half, it is decided by the public one */
	return one->has_public && other->has_public && memcmp(one->public_key, other->public_key, KEY_LEN) == 0;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *half = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	const OSSL_PARAM *binding = OSSL_PARAM_locate_const(params, PARAM_BINDING);
	struct key *key = data;

	(void)selection;
	if (!half || half->data_type != OSSL_PARAM_OCTET_STRING || half->data_size != KEY_LEN)
		return 0;
	memcpy(key->public_key, half->data, KEY_LEN);
	key->has_public = true;
	if (binding && binding->data_size == sizeof(key->binding))
		memcpy(&key->binding, binding->data, sizeof(key->binding));
	return 1;
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_string(PARAM_BINDING, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
	const struct key *key = data;
	OSSL_PARAM *param;

	if ((param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) && !OSSL_PARAM_set_int(param, KEY_BITS))
		return 0;
	if ((param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) && !OSSL_PARAM_set_int(param, SECURITY_BITS))
		return 0;
	if ((param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) &&
	    !OSSL_PARAM_set_int(param, (int)LADE_TLS_SIGNATURE_LEN))
		return 0;
	/* Ed25519 has none to choose. */
	if ((param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST)) && !OSSL_PARAM_set_utf8_string(param, ""))
		return 0;
	param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PUB_KEY);
	return !param || OSSL_PARAM_set_octet_string(param, key->public_key, KEY_LEN);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

static const char *key_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ED25519" : NULL;
}

/* ---- signatures ---- */

static void *signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *signing)
{
	free(signing);
}

static void *signing_dup(void *data)
{
	struct signing *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *(const struct signing *)data;
	return copy;
}

static int signing_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *signing = data;

	(void)params;
	if (digest && *digest)
		return 0;
	if (key)
		signing->key = key;
	return signing->key && signing->key->binding.signer;
}

static int signing_sign(void *data, unsigned char *signature, size_t *signature_len, size_t size, const unsigned char *bytes,
			size_t len)
{
	const struct signing *signing = data;
	const struct binding *binding = &signing->key->binding;
	int error;

	*signature_len = LADE_TLS_SIGNATURE_LEN;
	if (!signature)
		return 1;
	if (size < LADE_TLS_SIGNATURE_LEN)
		return 0;
	error = binding->signer->sign(binding->signer->context, bytes, len, signature);
	if (error)
		*binding->failed = error;
	return !error;
}

static int signing_get_params(void *data, OSSL_PARAM params[])
{
	OSSL_PARAM *param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);

	(void)data;
	return !param || OSSL_PARAM_set_octet_string(param, algorithm_id, sizeof(algorithm_id));
}

static const OSSL_PARAM *signing_gettable_params(void *data, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)data;
	(void)provider;
	return types;
}

/* ---- the provider ---- */

typedef void (*any_function)(void);

static const OSSL_DISPATCH key_functions[] = {
	{ OSSL_FUNC_KEYMGMT_NEW, (any_function)key_new },
	{ OSSL_FUNC_KEYMGMT_FREE, (any_function)key_free },
	{ OSSL_FUNC_KEYMGMT_HAS, (any_function)key_has },
	{ OSSL_FUNC_KEYMGMT_MATCH, (any_function)key_match },
	{ OSSL_FUNC_KEYMGMT_IMPORT, (any_function)key_import },
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (any_function)key_import_types },
	{ OSSL_FUNC_KEYMGMT_GET_PARAMS, (any_function)key_get_params },
	{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (any_function)key_gettable_params },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (any_function)key_operation_name },
	{ 0, NULL },
};

static const OSSL_DISPATCH signing_functions[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, (any_function)signing_new },
	{ OSSL_FUNC_SIGNATURE_FREECTX, (any_function)signing_free },
	{ OSSL_FUNC_SIGNATURE_DUPCTX, (any_function)signing_dup },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (any_function)signing_init },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (any_function)signing_sign },
	{ OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (any_function)signing_get_params },
	{ OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (any_function)signing_gettable_params },
	{ 0, NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = { { ALGORITHMS, PROPERTIES, key_functions, NULL }, { NULL, NULL, NULL, NULL } };
	static const OSSL_ALGORITHM signatures[] = {
		{ ALGORITHMS, PROPERTIES, signing_functions, NULL }, { NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keys;
	case OSSL_OP_SIGNATURE:
		return signatures;
	default:
		return NULL;
	}
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (any_function)query },
		{ 0, NULL },
	};

	(void)in;
	*out = functions;
	*provider = (void *)handle;
	return 1;
}

OSSL_PROVIDER *lade_tls_signer_provide(OSSL_LIB_CTX *libctx)
{
	return OSSL_PROVIDER_add_builtin(libctx, NAME, start) ? OSSL_PROVIDER_load(libctx, NAME) : NULL;
}

EVP_PKEY *lade_tls_signer_key(OSSL_LIB_CTX *libctx, const struct lade_tls_signer *signer, int *failed)
{
	struct binding binding = { signer, failed };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)signer->public_key, KEY_LEN),
		OSSL_PARAM_construct_octet_string(PARAM_BINDING, &binding, sizeof(binding)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(libctx, "ED25519", PROPERTIES);
	EVP_PKEY *key = NULL;

	if (making && (EVP_PKEY_fromdata_init(making) != 1 || EVP_PKEY_fromdata(making, &key, EVP_PKEY_KEYPAIR, params) != 1))
		key = NULL;
	EVP_PKEY_CTX_free(making);
	return key;
}
