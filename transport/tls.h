/*
 * TLS 1.3 (RFC 8446) for a TCP connection: the handshake, which OpenSSL makes, and who the peer proved to be in it. What
 * follows it is protected by the kernel or by transport/tls_record.h, with the keys that come out of here: nothing of
 * OpenSSL's handshake is needed any more, so another process may go on.
 *
 * No tickets, no resumption, no early data, no renegotiation, no other version.
 */
#ifndef LADE_TRANSPORT_TLS_H
#define LADE_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define LADE_TLS_FINGERPRINT_LEN 32u /* SHA-256 of a public key as SubjectPublicKeyInfo, DER */
#define LADE_TLS_SECRET_MAX 48u      /* a traffic secret: as long as the suite's hash */
#define LADE_TLS_EXPORTER_LEN 32u
#define LADE_TLS_NAME_SIZE 256u      /* a name in a certificate, NUL included */
#define LADE_TLS_PLAIN_MAX 16384u    /* plain bytes of one record */
#define LADE_TLS_SIGNATURE_LEN 64u   /* Ed25519, RFC 8032 */
#define LADE_TLS_CERTIFICATE_MAX 512u /* a certificate that we sign ourselves, DER */

/* Cipher suites, by their numbers in RFC 8446, B.4. */
enum lade_tls_suite {
	LADE_TLS_AES_128_GCM = 0x1301,
	LADE_TLS_AES_256_GCM = 0x1302,
	LADE_TLS_CHACHA20_POLY1305 = 0x1303,
};

/* One direction of a connection. */
struct lade_tls_direction {
	uint8_t secret[LADE_TLS_SECRET_MAX]; /* the application traffic secret in use */
	uint64_t records;                    /* that were protected with it so far */
};

/*
 * All that protects a connection after its handshake; may travel between processes of one host. Plain bytes that were received and
 * not yet read belong to it.
 */
struct lade_tls_state {
	uint16_t suite; /* enum lade_tls_suite */
	uint16_t plain_len;
	struct lade_tls_direction client, server; /* what they write */
	uint8_t plain[LADE_TLS_PLAIN_MAX];
};

/* Who the peer is. */
struct lade_tls_peer {
	bool known;         /* it has shown a certificate, and proved that its key is its own; always true of a server */
	bool trusted;       /* the certificate leads to the given CA, is valid now, and (of a server) is for the host */
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char name[LADE_TLS_NAME_SIZE];       /* if trusted: its first DNS name, else mail address, else common name; printable ASCII */
	const char *distrust;                /* if it is not: why, in English; static text; NULL without a CA */
	uint8_t exporter[LADE_TLS_EXPORTER_LEN]; /* RFC 8446, 7.5: label "EXPORTER-lade", no context: the same on both sides, of this connection alone */
};

/*
 * Makes signatures with an Ed25519 key, which OpenSSL never sees: sign fills signature_out with that of len bytes of data and returns 0,
 * or a LADE_E code.
 */
struct lade_tls_signer {
	uint8_t public_key[32];
	int (*sign)(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN]);
	void *context;
};

/* How to make a handshake. All is borrowed for the call. */
struct lade_tls_setup {
	bool server;
	const struct lade_tls_signer *signer; /* of our own key; NULL: a client without one */
	const char *certificate_file;         /* PEM: a certificate for that key, and those behind it; NULL: the next */
	const uint8_t *certificate;           /* DER: of lade_tls_self_sign(), certificate_len bytes; NULL: one is made, for which signer is asked */
	size_t certificate_len;
	const char *ca_file;                  /* PEM: whom to trust; NULL: nobody, and certificates are only the way keys travel */
	const char *host;                     /* of a client: the name (SNI) or address that the server's certificate has to be for */
	int timeout_ms;                       /* for the whole handshake; 0: none */
	/*
	 * Of a client; NULL: nobody. Judges the server when its key is proved (the exporter is not known yet) and nothing was said of our own. 0: go on; a LADE_E
	 * code, with the fault if the judge likes: the handshake ends with it, and the server never learns who asked.
	 */
	int (*judge)(void *context, const struct lade_tls_peer *server, struct lade_fault *fault);
	void *judge_context;
};

/*
 * All that handshakes of one kind have in common: files that were read, OpenSSL's context. Made before a process gives up its rights; may be
 * used by the processes forked after, one thread at a time. Of setup, signer and judge_context are borrowed until it is freed, and asked in the process that makes the handshake.
 */
struct lade_tls_context;

/*
 * Make one. Returns 0; LADE_E_REFUSED (our certificate is not of our key, or a file has none, or a damaged one), LADE_E_SYSTEM (a file cannot be read), LADE_E_MEMORY, or what the
 * signer returned. The caller frees *context_out with lade_tls_context_free().
 */
int lade_tls_context_new(const struct lade_tls_setup *setup, struct lade_tls_context **context_out, struct lade_fault *fault);

/* Free it. NULL does nothing. */
void lade_tls_context_free(struct lade_tls_context *context);

/*
 * Make a handshake on fd, a connected stream socket that is blocking and stays so. timeout_ms: for all of it; 0: none. peer: for messages. Returns 0 with the state and the
 * peer, and then the next byte on fd is that of the first record; or LADE_E_STRANGER (no TLS 1.3 there), LADE_E_CLOSED (the peer ended it; the fault's operation names its alert),
 * LADE_E_TIMEOUT, LADE_E_AUTH (a key that was not proved, or is weak, or of another kind than Ed25519, ECDSA or RSA), LADE_E_PROTOCOL, LADE_E_SYSTEM, LADE_E_MEMORY, or what
 * the signer or the judge returned. Whether the peer is somebody to talk to is the caller's business: an unknown or distrusted peer is no failure.
 */
int lade_tls_context_handshake(struct lade_tls_context *context, int fd, int timeout_ms, const char *peer,
			       struct lade_tls_state *state_out, struct lade_tls_peer *peer_out, struct lade_fault *fault);

/* All of it at once: a context for one handshake. Returns as the two do. Any thread. */
int lade_tls_handshake(int fd, const struct lade_tls_setup *setup, const char *peer, struct lade_tls_state *state_out,
		       struct lade_tls_peer *peer_out, struct lade_fault *fault);

/*
 * Make a certificate for the signer's key, CN=lade, valid always, that it signs itself: for who will sign nothing but handshakes later. Fills *len_out
 * bytes, DER. Returns 0, LADE_E_MEMORY, or what the signer returned.
 */
int lade_tls_self_sign(const struct lade_tls_signer *signer, uint8_t certificate_out[LADE_TLS_CERTIFICATE_MAX], size_t *len_out,
		       struct lade_fault *fault);

/* The fingerprint of an Ed25519 key. */
void lade_tls_fingerprint(const uint8_t public_key[32], uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN]);

/* The suite that this processor is fastest at: the one that handshakes prefer here. Any thread. */
uint16_t lade_tls_favourite_suite(void);

/* A suite's name ("TLS_AES_128_GCM_SHA256"); static text, never NULL. */
const char *lade_tls_suite_name(uint16_t suite);

#endif
