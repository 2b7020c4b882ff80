/*
 * Two ends for tests of TLS: keys that sign in memory, connected sockets, and handshakes with both sides in this process.
 */
#ifndef LADE_TESTS_UNIT_TLS_ENDS_H
#define LADE_TESTS_UNIT_TLS_ENDS_H

#include <openssl/ssl.h>

#include "transport/connection.h"
#include "transport/tls.h"

/* A key that signs, until a test wants it to fail. */
struct tls_key {
	struct lade_tls_signer signer;
	EVP_PKEY *secret;
	int failure;     /* what the signer returns instead, or 0 */
	unsigned signed_count;
};

/* One side of a handshake that our code makes. */
struct tls_side {
	int fd;
	struct lade_tls_setup setup;
	int result;
	struct lade_tls_state state;
	struct lade_tls_peer peer;
	struct lade_fault fault;
};

/* Make a key whose secret is 32 times seed. tls_key_fini() frees what it has. */
void tls_key_init(struct tls_key *key, uint8_t seed);
void tls_key_fini(struct tls_key *key);

/* Two ends of a TCP connection over loopback; the caller closes them. */
void tls_sockets(int fds[2]);

/* Let both sides, whose fd is set, make their handshake at the same time. */
void tls_shake(struct tls_side *client, struct tls_side *server);

/* Two connections over loopback that a handshake by suite protects: ends[0] is the client. Each is closed with lade_connection_close(). */
void tls_connect(struct lade_connection ends[2], enum lade_secure_mode mode);

/* States of a connection after some handshake by suite, without making it. */
void tls_made_up_state(struct lade_tls_state *state, uint16_t suite);

/* Two connections over loopback that are protected with a state. */
void tls_connect_with(struct lade_connection ends[2], const struct lade_tls_state *state, enum lade_secure_mode mode);

/* A context of OpenSSL's for a peer that is not ours: TLS 1.3, without tickets; key and certificate, or NULL. The caller frees it. */
SSL_CTX *tls_foreign(bool server, EVP_PKEY *key, X509 *certificate);

/* A certificate for key, signed by issuer_key for the issuer (NULL: by itself), with a subject alternative name ("DNS:x", "IP:::1") or NULL, valid from and
 * to so many seconds from now. The caller frees it. */
struct tls_certificate {
	EVP_PKEY *key, *issuer_key;
	X509 *issuer;
	const char *name, *alternative;
	long from, to;
	bool authority;
};
X509 *tls_certificate_make(const struct tls_certificate *wanted);

/* Write certificates into a new file below /tmp, whose name the caller frees after unlinking. */
char *tls_pem(X509 *const *certificates, int count);

#endif
