/*
 * The handshake, by OpenSSL in a library context of our own: no configuration file has a say in it.
 *
 * What it leaves behind are the traffic secrets, which OpenSSL tells its key log callback. It reads no byte beyond the handshake's last
 * record, as it does not read ahead, and that is checked.
 */
#include "transport/clock.h"
#include "transport/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "transport/tls_certificate.h"
#include "transport/tls_control.h"
#include "transport/tls_keys.h"
#include "transport/tls_signer.h"

/* A handshake is not longer: certificates are most of it. */
#define CERTIFICATES_MAX (64u << 10)
#define HANDSHAKE_MAX (256u << 10)
#define CHAIN_DEPTH_MAX 8

#define EXPORTER_LABEL "EXPORTER-lade"
#define SIGNATURE_ALGORITHMS "ed25519:ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pss_pss_sha256"
#define GROUPS "X25519:P-256"

struct lade_tls_context {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *provider, *signers; /* "default", and that of our key */
	BIO_METHOD *method;
	EVP_PKEY *key;
	SSL_CTX *ssl;
	bool server, has_ca;
	char *host;              /* or NULL */
	int sign_failed;         /* what the signer returned, or 0 */
	int (*judge)(void *context, const struct lade_tls_peer *server, struct lade_fault *fault);
	void *judge_context;
};

/* One handshake. */
struct shake {
	struct lade_tls_context *context;
	SSL *ssl;
	int fd;
	size_t received;         /* bytes */
	bool ended;              /* the peer ended the stream */
	int error;               /* errno of the socket, or 0 */
	bool weak;               /* the peer's key is none that we take */
	bool trusted;
	const char *distrust;
	bool judged;
	int judgement;
	struct lade_tls_state *state;
	struct lade_fault *fault;
};

/* ---- the socket, as OpenSSL sees it: nothing blocks, nothing raises SIGPIPE, and its flags stay as they are ---- */

static int bio_failed(BIO *bio, bool writing)
{
	struct shake *shake = BIO_get_data(bio);

	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
		if (writing)
			BIO_set_retry_write(bio);
		else
			BIO_set_retry_read(bio);
	} else {
		shake->error = errno;
	}
	return -1;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
	const struct shake *shake = BIO_get_data(bio);
	ssize_t sent = send(shake->fd, bytes, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	return sent < 0 ? bio_failed(bio, true) : (int)sent;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
	struct shake *shake = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (shake->received > HANDSHAKE_MAX)
		return -1;
	got = recv(shake->fd, bytes, (size_t)len, MSG_DONTWAIT);
	if (got < 0)
		return bio_failed(bio, false);
	shake->ended = got == 0;
	shake->received += (size_t)got;
	return (int)got;
}

static long bio_ctrl(BIO *bio, int command, long number, void *argument)
{
	const struct shake *shake = BIO_get_data(bio);

	(void)number;
	(void)argument;
	return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && shake->ended);
}

static BIO_METHOD *make_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lade");

	if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
	    BIO_meth_set_ctrl(method, bio_ctrl))
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* ---- what OpenSSL tells us ---- */

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take a secret: lines of NSS's key log format, "LABEL RANDOM SECRET". */
static void take_secret(const SSL *ssl, const char *line)
{
	struct shake *shake = SSL_get_app_data(ssl);
	struct lade_tls_direction *direction;
	const char *hex = strrchr(line, ' ');

	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
		direction = &shake->state->client;
	else if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0)
		direction = &shake->state->server;
	else
		return;
	hex++;
	for (size_t i = 0; i < LADE_TLS_SECRET_MAX && digit(hex[0]) >= 0 && digit(hex[1]) >= 0; i++, hex += 2)
		direction->secret[i] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
}

/* Look at the peer's certificates. None fails the handshake but one whose key is worth nothing. */
static int look_at_chain(X509_STORE_CTX *store, void *argument)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct lade_tls_context *context = argument;
	struct shake *shake = SSL_get_app_data(ssl);

	shake->weak = !lade_tls_certificate_strong(X509_STORE_CTX_get0_cert(store));
	if (context->has_ca && !shake->weak) {
		shake->trusted = X509_verify_cert(store) == 1;
		if (!shake->trusted)
			shake->distrust = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
	}
	X509_STORE_CTX_set_error(store, shake->weak ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_OK);
	return !shake->weak;
}

/* Who the peer is; the exporter comes later. */
static int describe_key(const struct shake *shake, struct lade_tls_peer *out)
{
	const struct lade_tls_context *context = shake->context;
	X509 *certificate = SSL_get0_peer_certificate(shake->ssl);

	memset(out, 0, sizeof(*out));
	if (!certificate)
		return context->server ? 0 : LADE_E_AUTH;
	out->known = true;
	out->trusted = shake->trusted;
	out->distrust = shake->distrust;
	if (out->trusted && !context->server && !context->host) {
		out->trusted = false;
		out->distrust = "no host to compare with";
	}
	if (out->trusted)
		lade_tls_certificate_name(certificate, out->name);
	return lade_tls_certificate_fingerprint(certificate, out->fingerprint) ? 0 : LADE_E_MEMORY;
}

/* Ask the judge, once. */
static int ask_judge(struct shake *shake)
{
	const struct lade_tls_context *context = shake->context;
	struct lade_tls_peer server;

	if (shake->judged || !context->judge)
		return shake->judgement;
	shake->judged = true;
	shake->judgement = describe_key(shake, &server);
	if (shake->judgement)
		lade_fault_set(shake->fault, shake->judgement, "look at the server's certificate", NULL);
	else
		shake->judgement = context->judge(context->judge_context, &server, shake->fault);
	return shake->judgement;
}

/* The server, which has said all that it has to say, would like to see our certificate. */
static int before_own_certificate(SSL *ssl, void *argument)
{
	(void)argument;
	/* -1 is "not yet", after which OpenSSL says nothing any more. */
	return ask_judge(SSL_get_app_data(ssl)) ? -1 : 1;
}

/* ---- the context ---- */

/* AES-GCM is the fastest where the processor helps; ChaCha20-Poly1305 where it does not. */
static bool has_aes(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & HWCAP_AES) && (getauxval(AT_HWCAP) & HWCAP_PMULL);
#else
	return false;
#endif
}

uint16_t lade_tls_favourite_suite(void)
{
	return has_aes() ? LADE_TLS_AES_128_GCM : LADE_TLS_CHACHA20_POLY1305;
}

static bool configure(SSL_CTX *ssl)
{
	const char *suites = lade_tls_favourite_suite() == LADE_TLS_AES_128_GCM ?
		"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384" :
		"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";

	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ssl, 0);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_MAX);
	SSL_CTX_set_verify_depth(ssl, CHAIN_DEPTH_MAX);
	SSL_CTX_set_keylog_callback(ssl, take_secret);
	/* A server asks for a certificate, and goes on without. */
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) && SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) &&
		SSL_CTX_set_num_tickets(ssl, 0) && SSL_CTX_set_max_early_data(ssl, 0) &&
		SSL_CTX_set_ciphersuites(ssl, suites) && SSL_CTX_set1_groups_list(ssl, GROUPS) &&
		SSL_CTX_set1_sigalgs_list(ssl, SIGNATURE_ALGORITHMS);
}

static int start_openssl(struct lade_tls_context *context)
{
	if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return LADE_E_MEMORY;
	context->libctx = OSSL_LIB_CTX_new();
	context->method = make_method();
	if (!context->libctx || !context->method)
		return LADE_E_MEMORY;
	context->provider = OSSL_PROVIDER_load(context->libctx, "default");
	context->signers = lade_tls_signer_provide(context->libctx);
	if (!context->provider || !context->signers)
		return LADE_E_MEMORY;
	context->ssl = SSL_CTX_new_ex(context->libctx, LADE_TLS_PROPERTIES, context->server ? TLS_server_method() : TLS_client_method());
	if (!context->ssl || !configure(context->ssl))
		return LADE_E_MEMORY;
	SSL_CTX_set_cert_verify_callback(context->ssl, look_at_chain, context);
	if (context->judge)
		SSL_CTX_set_cert_cb(context->ssl, before_own_certificate, NULL);
	return 0;
}

/* Have a certificate for our key that nobody else has signed. */
static int use_own(struct lade_tls_context *context, const struct lade_tls_setup *setup)
{
	const unsigned char *bytes = setup->certificate;
	X509 *certificate = NULL;
	int error = LADE_E_MEMORY;

	if (!bytes) {
		certificate = lade_tls_certificate_make(context->libctx, setup->signer, context->key);
	} else {
		certificate = X509_new_ex(context->libctx, LADE_TLS_PROPERTIES);
		if (certificate && !d2i_X509(&certificate, &bytes, (long)setup->certificate_len)) {
			certificate = NULL; /* freed by it */
			error = LADE_E_REFUSED;
		}
	}
	if (certificate && SSL_CTX_use_certificate(context->ssl, certificate))
		error = 0;
	X509_free(certificate);
	return context->sign_failed ? context->sign_failed : error;
}

/* Have our key and its certificate used. */
static int use_key(struct lade_tls_context *context, const struct lade_tls_setup *setup, struct lade_fault *fault)
{
	const char *file = setup->certificate_file;
	int error = 0;

	context->key = lade_tls_signer_key(context->libctx, setup->signer, &context->sign_failed);
	if (!context->key)
		return lade_fault_set(fault, LADE_E_MEMORY, "use our own key", NULL);
	if (file) {
		error = lade_tls_certificate_use(context->ssl, context->libctx, file, fault);
		if (error)
			return error;
	} else {
		error = use_own(context, setup);
	}
	/* The last of the three looks whether both are there, and fit. */
	if (!error && (!SSL_CTX_use_PrivateKey(context->ssl, context->key) || !SSL_CTX_check_private_key(context->ssl)))
		error = LADE_E_REFUSED;
	return error ? lade_fault_set(fault, error, error == LADE_E_REFUSED ? "use a certificate that is not of our key:" :
				      "use our own certificate", file) : 0;
}

/* "host." is the same name in the DNS; certificates, and what is said to servers (RFC 6066, 3), have it without the dot. NULL without memory. */
static char *copy_host(const char *host)
{
	size_t len = strlen(host);

	return strndup(host, len > 1 && host[len - 1] == '.' ? len - 1 : len);
}

int lade_tls_context_new(const struct lade_tls_setup *setup, struct lade_tls_context **context_out, struct lade_fault *fault)
{
	struct lade_tls_context *context = calloc(1, sizeof(*context));
	int error = context ? 0 : LADE_E_MEMORY;

	if (!error) {
		context->server = setup->server;
		context->has_ca = setup->ca_file;
		context->judge = setup->server ? NULL : setup->judge;
		context->judge_context = setup->judge_context;
		error = start_openssl(context);
	}
	/* OpenSSL takes an empty one for any. */
	if (!error && setup->host && *setup->host && !(context->host = copy_host(setup->host)))
		error = LADE_E_MEMORY;
	if (error)
		lade_fault_set(fault, error, "start TLS", NULL);
	if (!error && setup->signer)
		error = use_key(context, setup, fault);
	if (!error && setup->ca_file)
		error = lade_tls_certificate_trust(context->ssl, context->libctx, setup->ca_file, fault);
	ERR_clear_error();
	if (error) {
		lade_tls_context_free(context);
		return error;
	}
	*context_out = context;
	return 0;
}

void lade_tls_context_free(struct lade_tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	EVP_PKEY_free(context->key);
	BIO_meth_free(context->method);
	if (context->signers)
		OSSL_PROVIDER_unload(context->signers);
	if (context->provider)
		OSSL_PROVIDER_unload(context->provider);
	OSSL_LIB_CTX_free(context->libctx);
	free(context->host);
	free(context);
}

/* ---- the handshake ---- */

/* Whom the server's certificate has to be for. */
static bool expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host))
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* A name that is too long for a certificate is for none; it need not be said either. */
	(void)SSL_set_tlsext_host_name(ssl, host);
	return X509_VERIFY_PARAM_set1_host(param, host, 0);
}

static bool start_shake(struct shake *shake)
{
	const struct lade_tls_context *context = shake->context;
	BIO *bio = BIO_new(context->method);

	shake->ssl = SSL_new(context->ssl);
	if (!bio || !shake->ssl) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, shake);
	BIO_set_init(bio, 1);
	SSL_set_bio(shake->ssl, bio, bio);
	SSL_set_app_data(shake->ssl, shake);
	if (context->server)
		SSL_set_accept_state(shake->ssl);
	else
		SSL_set_connect_state(shake->ssl);
	return context->server || !context->host || expect_host(shake->ssl, context->host);
}

/* Wait for the socket until end_ms; 0: for ever. */
static int wait_socket(const struct shake *shake, int wanted, int64_t end_ms)
{
	struct pollfd wait_for = { .fd = shake->fd, .events = wanted == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };
	int64_t left_ms = end_ms ? end_ms - lade_clock_ms() : -1;
	int ready;

	if (end_ms && left_ms <= 0)
		return LADE_E_TIMEOUT;
	ready = poll(&wait_for, 1, (int)left_ms);
	return ready < 0 && errno != EINTR ? LADE_E_SYSTEM : 0;
}

/* What a failure that OpenSSL has put into its queue means. *alert_out: the peer's, or -1. */
static int failure_code(int *alert_out)
{
	unsigned long error = ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);

	*alert_out = -1;
	if (reason == ERR_R_MALLOC_FAILURE)
		return LADE_E_MEMORY;
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return LADE_E_STRANGER;
	if (reason == SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION)
		return LADE_E_STRANGER;
	if (reason > SSL_AD_REASON_OFFSET) {
		*alert_out = reason - SSL_AD_REASON_OFFSET;
		return LADE_E_CLOSED;
	}
	switch (reason) {
	case SSL_R_BAD_SIGNATURE:
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
	case SSL_R_WRONG_CERTIFICATE_TYPE:
	case SSL_R_WRONG_SIGNATURE_SIZE:
	case SSL_R_WRONG_SIGNATURE_TYPE:
	case SSL_R_UNABLE_TO_FIND_PUBLIC_KEY_PARAMETERS:
		return LADE_E_AUTH;
	default:
		return LADE_E_STRANGER;
	}
}

/* Describe a handshake that failed for no want of bytes. */
static int failed(const struct shake *shake, const char *peer, struct lade_fault *fault)
{
	int alert, code = failure_code(&alert);

	if (shake->context->sign_failed)
		return lade_fault_set(fault, shake->context->sign_failed, "sign the TLS handshake with", peer);
	if (shake->weak)
		return lade_fault_set(fault, LADE_E_AUTH, "accept the key of", peer);
	if (shake->error && shake->error != ECONNRESET && shake->error != EPIPE) {
		errno = shake->error;
		return lade_fault_set(fault, LADE_E_SYSTEM, "make a TLS handshake with", peer);
	}
	if (alert >= 0)
		return lade_fault_set(fault, code, lade_tls_alert_operation((uint8_t)alert), peer);
	if (shake->error || shake->ended)
		code = LADE_E_CLOSED;
	return lade_fault_set(fault, code, "make a TLS handshake with", peer);
}

static int run(const struct shake *shake, int timeout_ms, const char *peer, struct lade_fault *fault)
{
	int64_t end_ms = timeout_ms ? lade_clock_ms() + timeout_ms : 0;
	int result, wanted, error = 0;

	do {
		ERR_clear_error();
		result = SSL_do_handshake(shake->ssl);
		if (result == 1)
			break;
		if (shake->judgement)
			return shake->judgement;
		wanted = SSL_get_error(shake->ssl, result);
		if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE)
			return failed(shake, peer, fault);
		error = wait_socket(shake, wanted, end_ms);
	} while (!error);
	return error ? lade_fault_set(fault, error, "make a TLS handshake with", peer) : 0;
}

/* The handshake is over: see that nothing of what follows is lost, and what it has brought. */
static int finish(struct shake *shake, struct lade_tls_peer *peer_out)
{
	int error;

	if (SSL_has_pending(shake->ssl) || SSL_version(shake->ssl) != TLS1_3_VERSION)
		return LADE_E_PROTOCOL;
	shake->state->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(shake->ssl));
	if (!lade_tls_key_len(shake->state->suite))
		return LADE_E_PROTOCOL;
	error = describe_key(shake, peer_out);
	if (!error && SSL_export_keying_material(shake->ssl, peer_out->exporter, sizeof(peer_out->exporter), EXPORTER_LABEL,
						 strlen(EXPORTER_LABEL), NULL, 0, 0) != 1)
		error = LADE_E_MEMORY;
	return error;
}

int lade_tls_context_handshake(struct lade_tls_context *context, int fd, int timeout_ms, const char *peer,
			       struct lade_tls_state *state_out, struct lade_tls_peer *peer_out, struct lade_fault *fault)
{
	struct shake shake = { .context = context, .fd = fd, .state = state_out, .fault = fault };
	int error;

	memset(state_out, 0, sizeof(*state_out));
	context->sign_failed = 0;
	if (start_shake(&shake)) {
		error = run(&shake, timeout_ms, peer, fault);
		if (!error) {
			error = finish(&shake, peer_out);
			if (error)
				lade_fault_set(fault, error, "make a TLS handshake with", peer);
			else
				/* A server that did not ask for a certificate. */
				error = ask_judge(&shake);
		}
	} else {
		error = lade_fault_set(fault, LADE_E_MEMORY, "make a TLS handshake with", peer);
	}
	SSL_free(shake.ssl);
	ERR_clear_error();
	if (error)
		OPENSSL_cleanse(state_out, sizeof(*state_out));
	return error;
}

int lade_tls_handshake(int fd, const struct lade_tls_setup *setup, const char *peer, struct lade_tls_state *state_out,
		       struct lade_tls_peer *peer_out, struct lade_fault *fault)
{
	struct lade_tls_context *context;
	int error = lade_tls_context_new(setup, &context, fault);

	if (error)
		return error;
	error = lade_tls_context_handshake(context, fd, setup->timeout_ms, peer, state_out, peer_out, fault);
	lade_tls_context_free(context);
	return error;
}

int lade_tls_self_sign(const struct lade_tls_signer *signer, uint8_t certificate_out[LADE_TLS_CERTIFICATE_MAX], size_t *len_out,
		       struct lade_fault *fault)
{
	const struct lade_tls_setup setup = { .server = true, .signer = signer };
	unsigned char *at = certificate_out;
	struct lade_tls_context *context;
	int error = lade_tls_context_new(&setup, &context, fault), len;
	X509 *certificate;

	if (error)
		return error;
	certificate = SSL_CTX_get0_certificate(context->ssl);
	len = i2d_X509(certificate, NULL);
	if (len > 0 && len <= (int)LADE_TLS_CERTIFICATE_MAX && i2d_X509(certificate, &at) == len)
		*len_out = (size_t)len;
	else
		error = lade_fault_set(fault, LADE_E_MEMORY, "sign our own certificate", NULL);
	lade_tls_context_free(context);
	return error;
}
