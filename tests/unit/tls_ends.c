/* See tls_ends.h. */
#include "tests/unit/tls_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int sign(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN])
{
	struct tls_key *key = context;
	EVP_MD_CTX *signing = EVP_MD_CTX_new();
	size_t signature_len = LADE_TLS_SIGNATURE_LEN;
	int done = signing && EVP_DigestSignInit(signing, NULL, NULL, NULL, key->secret) == 1 &&
		EVP_DigestSign(signing, signature_out, &signature_len, data, len) == 1;

	EVP_MD_CTX_free(signing);
	key->signed_count++;
	return key->failure ? key->failure : done ? 0 : LADE_E_MEMORY;
}

void tls_key_init(struct tls_key *key, uint8_t seed)
{
	uint8_t secret[32];
	size_t len = sizeof(key->signer.public_key);

	memset(key, 0, sizeof(*key));
	memset(secret, seed, sizeof(secret));
	key->secret = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
	assert_non_null(key->secret);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key->secret, key->signer.public_key, &len), 1);
	key->signer.sign = sign;
	key->signer.context = key;
}

void tls_key_fini(struct tls_key *key)
{
	EVP_PKEY_free(key->secret);
}

void tls_sockets(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&address, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(listener);
}

static void *shake(void *argument)
{
	struct tls_side *side = argument;

	side->result = lade_tls_handshake(side->fd, &side->setup, "the peer", &side->state, &side->peer, &side->fault);
	/* Whoever fails hangs up. */
	if (side->result)
		shutdown(side->fd, SHUT_RDWR);
	return NULL;
}

void tls_shake(struct tls_side *client, struct tls_side *server)
{
	pthread_t thread;

	server->setup.server = true;
	assert_int_equal(pthread_create(&thread, NULL, shake, server), 0);
	shake(client);
	pthread_join(thread, NULL);
}

static void secure(struct lade_connection *connection, int fd, const struct lade_tls_state *state, bool client,
		   enum lade_secure_mode mode)
{
	assert_int_equal(lade_connection_accept(connection, fd, NULL), 0);
	assert_int_equal(lade_connection_secure(connection, state, client, mode, NULL), 0);
}

void tls_connect(struct lade_connection ends[2], enum lade_secure_mode mode)
{
	struct tls_side client = { .setup.timeout_ms = 20000 }, server = { .setup.timeout_ms = 20000 };
	struct tls_key key;
	int fds[2];

	tls_sockets(fds);
	tls_key_init(&key, 7);
	client.fd = fds[0];
	server.fd = fds[1];
	server.setup.signer = &key.signer;
	tls_shake(&client, &server);
	assert_int_equal(client.result, 0);
	assert_int_equal(server.result, 0);
	secure(&ends[0], fds[0], &client.state, true, mode);
	secure(&ends[1], fds[1], &server.state, false, mode);
	tls_key_fini(&key);
}

void tls_made_up_state(struct lade_tls_state *state, uint16_t suite)
{
	memset(state, 0, sizeof(*state));
	state->suite = suite;
	for (size_t i = 0; i < LADE_TLS_SECRET_MAX; i++) {
		state->client.secret[i] = (uint8_t)(i * 7 + 1);
		state->server.secret[i] = (uint8_t)(i * 11 + 5);
	}
}

void tls_connect_with(struct lade_connection ends[2], const struct lade_tls_state *state, enum lade_secure_mode mode)
{
	int fds[2];

	tls_sockets(fds);
	secure(&ends[0], fds[0], state, true, mode);
	secure(&ends[1], fds[1], state, false, mode);
}

SSL_CTX *tls_foreign(bool server, EVP_PKEY *key, X509 *certificate)
{
	SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	assert_non_null(context);
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_num_tickets(context, 0);
	if (certificate)
		assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	if (key)
		assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	return context;
}

static void add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

X509 *tls_certificate_make(const struct tls_certificate *wanted)
{
	EVP_PKEY *issuer_key = wanted->issuer_key ? wanted->issuer_key : wanted->key;
	bool no_digest = EVP_PKEY_is_a(issuer_key, "ED25519") || EVP_PKEY_is_a(issuer_key, "ED448");
	X509 *certificate = X509_new();
	X509V3_CTX context;

	assert_non_null(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), wanted->authority ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), wanted->from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), wanted->to);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)wanted->name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(wanted->issuer ? wanted->issuer : certificate));
	X509_set_pubkey(certificate, wanted->key);
	X509V3_set_ctx(&context, wanted->issuer ? wanted->issuer : certificate, certificate, NULL, NULL, 0);
	if (wanted->authority)
		add_extension(certificate, &context, NID_basic_constraints, "critical,CA:TRUE");
	if (wanted->alternative)
		add_extension(certificate, &context, NID_subject_alt_name, wanted->alternative);
	assert_true(X509_sign(certificate, issuer_key, no_digest ? NULL : EVP_sha256()) > 0);
	return certificate;
}

char *tls_pem(X509 *const *certificates, int count)
{
	char *name = strdup("/tmp/lade-test-XXXXXX");
	int fd = mkstemp(name);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	for (int i = 0; i < count; i++)
		assert_int_equal(PEM_write_X509(file, certificates[i]), 1);
	fclose(file);
	return name;
}
