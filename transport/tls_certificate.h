/*
 * Certificates: making our own, reading them from files, what one says of its owner.
 */
#ifndef LADE_TRANSPORT_TLS_CERTIFICATE_H
#define LADE_TRANSPORT_TLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "transport/tls.h"

/* Make a certificate for key, a lade_tls_signer_key(), that it signs itself. NULL if that fails. X509_free() frees it. */
X509 *lade_tls_certificate_make(OSSL_LIB_CTX *libctx, const struct lade_tls_signer *signer, EVP_PKEY *key);

/* Use the certificate in a file, and those behind it. Returns 0, LADE_E_SYSTEM, LADE_E_REFUSED (there is none, or one is damaged), LADE_E_MEMORY. */
int lade_tls_certificate_use(SSL_CTX *context, OSSL_LIB_CTX *libctx, const char *file, struct lade_fault *fault);

/* Trust the certificates in a file. Returns as lade_tls_certificate_use(). */
int lade_tls_certificate_trust(SSL_CTX *context, OSSL_LIB_CTX *libctx, const char *file, struct lade_fault *fault);

/* Is the key of a kind and a strength that may identify somebody: Ed25519, ECDSA, RSA; 112 bits of security? */
bool lade_tls_certificate_strong(X509 *certificate);

/* The SHA-256 of the certificate's SubjectPublicKeyInfo. False without memory. */
bool lade_tls_certificate_fingerprint(X509 *certificate, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN]);

/* The first DNS name, else mail address, else common name; "" if it has none, or one that is not printable ASCII without blanks. */
void lade_tls_certificate_name(X509 *certificate, char name_out[LADE_TLS_NAME_SIZE]);

/* For OpenSSL's readers of PEM: nobody is asked for a password, at a terminal or elsewhere. */
int lade_tls_no_password(char *buf, int size, int writing, void *argument);

#endif
