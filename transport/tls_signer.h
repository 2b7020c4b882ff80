/*
 * An Ed25519 key for OpenSSL whose secret OpenSSL never sees: a provider (provider(7)), built into the program, whose keys hand what is to be
 * signed to a struct lade_tls_signer.
 */
#ifndef LADE_TRANSPORT_TLS_SIGNER_H
#define LADE_TRANSPORT_TLS_SIGNER_H

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "transport/tls.h"

/* What OpenSSL is asked for wherever it may choose: our provider knows nothing but signatures. */
#define LADE_TLS_PROPERTIES "?provider=default"

/* Have libctx, which has OpenSSL's "default" beside it, know our keys. Returns what OSSL_PROVIDER_unload() takes, or NULL without memory. */
OSSL_PROVIDER *lade_tls_signer_provide(OSSL_LIB_CTX *libctx);

/*
 * A key in libctx that signs by signer, which is borrowed until the key is freed. failed: set to what signer->sign() has returned, when that was not 0; borrowed as
 * well. Returns NULL without memory. EVP_PKEY_free() frees it.
 */
EVP_PKEY *lade_tls_signer_key(OSSL_LIB_CTX *libctx, const struct lade_tls_signer *signer, int *failed);

#endif
