/*
 * Tests of transport/tls: who the peer proves to be, whom to trust, and all that is no handshake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include <cmocka.h>

#include "tests/unit/tls_ends.h"

#define DAY 86400L

struct scene {
	struct tls_key client_key, server_key, ca_key;
	X509 *ca;
	char *ca_file;
	struct tls_side client, server;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct tls_certificate wanted = { .name = "test CA", .from = -DAY, .to = DAY, .authority = true };
	int fds[2];

	assert_non_null(scene);
	tls_key_init(&scene->client_key, 1);
	tls_key_init(&scene->server_key, 2);
	tls_key_init(&scene->ca_key, 3);
	wanted.key = scene->ca_key.secret;
	scene->ca = tls_certificate_make(&wanted);
	scene->ca_file = tls_pem(&scene->ca, 1);
	tls_sockets(fds);
	scene->client = (struct tls_side){ .fd = fds[0], .setup = { .timeout_ms = 20000 } };
	scene->server = (struct tls_side){ .fd = fds[1], .setup = { .timeout_ms = 20000, .signer = &scene->server_key.signer } };
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	close(scene->client.fd);
	close(scene->server.fd);
	unlink(scene->ca_file);
	free(scene->ca_file);
	X509_free(scene->ca);
	tls_key_fini(&scene->client_key);
	tls_key_fini(&scene->server_key);
	tls_key_fini(&scene->ca_key);
	free(scene);
	return 0;
}

/* A certificate of the CA for key in a file, which the caller unlinks and frees. */
static char *signed_file(const struct scene *scene, EVP_PKEY *key, const char *name, const char *alternative, long from, long to)
{
	struct tls_certificate wanted = { key, scene->ca_key.secret, scene->ca, name, alternative, from, to, false };
	X509 *certificate = tls_certificate_make(&wanted);
	char *file = tls_pem(&certificate, 1);

	X509_free(certificate);
	return file;
}

static void forget(char *file)
{
	unlink(file);
	free(file);
}

static void assert_is(const struct lade_tls_peer *peer, const struct tls_key *key)
{
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];

	lade_tls_fingerprint(key->signer.public_key, fingerprint);
	assert_true(peer->known);
	assert_memory_equal(peer->fingerprint, fingerprint, sizeof(fingerprint));
}

/* ---- keys ---- */

static void test_both_have_keys(void **state)
{
	struct scene *scene = *state;
	char byte;

	scene->client.setup.signer = &scene->client_key.signer;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->client.result, 0);
	assert_int_equal(scene->server.result, 0);
	assert_is(&scene->client.peer, &scene->server_key);
	assert_is(&scene->server.peer, &scene->client_key);
	assert_false(scene->client.peer.trusted);
	assert_null(scene->client.peer.distrust);
	assert_string_equal(scene->client.peer.name, "");
	/* Both know the same, and not nothing. */
	assert_memory_equal(scene->client.peer.exporter, scene->server.peer.exporter, LADE_TLS_EXPORTER_LEN);
	assert_memory_equal(&scene->client.state, &scene->server.state, sizeof(scene->client.state));
	assert_memory_not_equal(scene->client.state.client.secret, scene->client.state.server.secret, 32);
	assert_int_equal(scene->client.state.client.records, 0);
	/* Nothing is left on the socket, which blocks as before. */
	assert_int_equal(recv(scene->client.fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(scene->server.fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(fcntl(scene->client.fd, F_GETFL) & O_NONBLOCK, 0);
	/* Once for the certificate, once for the handshake. */
	assert_int_equal(scene->server_key.signed_count, 2);
}

static void test_client_without_key(void **state)
{
	struct scene *scene = *state;

	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->client.result, 0);
	assert_int_equal(scene->server.result, 0);
	assert_false(scene->server.peer.known);
	assert_is(&scene->client.peer, &scene->server_key);
}

/* What a process that signs nothing but handshakes needs: a certificate that is there already. */
static void test_certificate_made_before(void **state)
{
	struct scene *scene = *state;
	uint8_t certificate[LADE_TLS_CERTIFICATE_MAX];
	size_t len;

	assert_int_equal(lade_tls_self_sign(&scene->server_key.signer, certificate, &len, NULL), 0);
	assert_int_equal(scene->server_key.signed_count, 1);
	scene->server.setup.certificate = certificate;
	scene->server.setup.certificate_len = len;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->client.result, 0);
	assert_is(&scene->client.peer, &scene->server_key);
	assert_int_equal(scene->server_key.signed_count, 2);
	scene->server.setup.certificate_len = len - 1;
	assert_int_equal(lade_tls_handshake(scene->server.fd, &scene->server.setup, "peer", &scene->server.state, &scene->server.peer,
					    &scene->server.fault), LADE_E_REFUSED);
}

/* A signer of another key than it says: nobody believes it. */
static void test_signer_of_another_key(void **state)
{
	struct scene *scene = *state;

	scene->server_key.signer.context = &scene->client_key;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->client.result, LADE_E_AUTH);
	assert_int_equal(scene->server.result, LADE_E_CLOSED);
	assert_non_null(strstr(scene->server.fault.operation, "decrypt_error"));
}

static void test_client_signer_of_another_key(void **state)
{
	struct scene *scene = *state;

	scene->client.setup.signer = &scene->client_key.signer;
	scene->client_key.signer.context = &scene->server_key;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->server.result, LADE_E_AUTH);
}

static void test_signer_that_fails(void **state)
{
	struct scene *scene = *state;
	uint8_t certificate[LADE_TLS_CERTIFICATE_MAX];
	size_t len;

	assert_int_equal(lade_tls_self_sign(&scene->server_key.signer, certificate, &len, NULL), 0);
	scene->server.setup.certificate = certificate;
	scene->server.setup.certificate_len = len;
	scene->server_key.failure = LADE_E_CANCELLED;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->server.result, LADE_E_CANCELLED);
	assert_true(scene->client.result != 0);
	assert_int_equal(lade_tls_self_sign(&scene->server_key.signer, certificate, &len, NULL), LADE_E_CANCELLED);
}

/* One context for many handshakes, and in another process. */
static void test_context_is_used_again(void **state)
{
	struct scene *scene = *state;
	struct lade_tls_context *context;
	int status;

	scene->server.setup.server = true;
	assert_int_equal(lade_tls_context_new(&scene->server.setup, &context, NULL), 0);
	for (int i = 0; i < 3; i++) {
		int fds[2];
		pid_t child;

		tls_sockets(fds);
		child = fork();
		if (child == 0)
			_exit(-lade_tls_context_handshake(context, fds[1], 20000, "peer", &scene->server.state,
							  &scene->server.peer, NULL));
		assert_int_equal(lade_tls_handshake(fds[0], &scene->client.setup, "peer", &scene->client.state, &scene->client.peer,
						    NULL), 0);
		assert_is(&scene->client.peer, &scene->server_key);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		close(fds[0]);
		close(fds[1]);
	}
	lade_tls_context_free(context);
}

/* ---- trust ---- */

/* The server has a certificate; what does the client, which looks for host, think of it? */
static void judge(struct scene *scene, const char *name, const char *alternative, long from, long to, const char *host)
{
	char *file = signed_file(scene, scene->server_key.secret, name, alternative, from, to);

	scene->server.setup.certificate_file = file;
	scene->client.setup.ca_file = scene->ca_file;
	scene->client.setup.host = host;
	tls_shake(&scene->client, &scene->server);
	forget(file);
	assert_int_equal(scene->client.result, 0);
	assert_int_equal(scene->server.result, 0);
	assert_is(&scene->client.peer, &scene->server_key);
}

static void assert_trusted(const struct scene *scene, const char *name)
{
	assert_true(scene->client.peer.trusted);
	assert_null(scene->client.peer.distrust);
	assert_string_equal(scene->client.peer.name, name);
}

static void assert_distrusted(const struct scene *scene, const char *why)
{
	assert_false(scene->client.peer.trusted);
	assert_non_null(scene->client.peer.distrust);
	assert_non_null(strstr(scene->client.peer.distrust, why));
	assert_string_equal(scene->client.peer.name, "");
}

static void test_trusted(void **state)
{
	judge(*state, "backup", "DNS:backup.example,DNS:other.example", -DAY, DAY, "backup.example");
	assert_trusted(*state, "backup.example");
}

/* So is the same name as the DNS has it. */
static void test_trusted_with_a_dot(void **state)
{
	judge(*state, "backup", "DNS:backup.example", -DAY, DAY, "backup.example.");
	assert_trusted(*state, "backup.example");
}

static void test_trusted_address(void **state)
{
	judge(*state, "backup.example", "IP:::1,IP:127.0.0.1", -DAY, DAY, "::1");
	assert_trusted(*state, "backup.example");
}

static void test_wrong_address(void **state)
{
	judge(*state, "backup.example", "IP:127.0.0.1", -DAY, DAY, "127.0.0.2");
	assert_distrusted(*state, "IP address mismatch");
}

static void test_wrong_name(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", -DAY, DAY, "evil.example");
	assert_distrusted(*state, "hostname mismatch");
}

static void test_no_name(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", -DAY, DAY, NULL);
	assert_distrusted(*state, "no host");
}

static void test_empty_name(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", -DAY, DAY, "");
	assert_distrusted(*state, "no host");
}

static void test_only_a_dot(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", -DAY, DAY, ".");
	assert_distrusted(*state, "hostname mismatch");
}

static void test_expired(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", -2 * DAY, -DAY, "backup.example");
	assert_distrusted(*state, "expired");
}

static void test_not_yet_valid(void **state)
{
	judge(*state, "backup.example", "DNS:backup.example", DAY / 2, DAY, "backup.example");
	assert_distrusted(*state, "not yet valid");
}

/* A name that would deceive whoever reads it is none. */
static void test_strange_name(void **state)
{
	judge(*state, "back\033up", "IP:127.0.0.1", -DAY, DAY, "127.0.0.1");
	assert_trusted(*state, "");
}

static void test_self_signed_and_ca(void **state)
{
	struct scene *scene = *state;

	scene->client.setup.ca_file = scene->ca_file;
	scene->client.setup.host = "backup.example";
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(scene->client.result, 0);
	assert_is(&scene->client.peer, &scene->server_key);
	assert_distrusted(scene, "self-signed");
}

/* The client shows one; a mail address is its name. */
static void test_trusted_client(void **state)
{
	struct scene *scene = *state;
	char *file = signed_file(scene, scene->client_key.secret, "A. User", "email:user@example", -DAY, DAY);

	scene->client.setup.signer = &scene->client_key.signer;
	scene->client.setup.certificate_file = file;
	scene->server.setup.ca_file = scene->ca_file;
	tls_shake(&scene->client, &scene->server);
	forget(file);
	assert_int_equal(scene->server.result, 0);
	assert_is(&scene->server.peer, &scene->client_key);
	assert_true(scene->server.peer.trusted);
	assert_string_equal(scene->server.peer.name, "user@example");
}

static void test_bad_files(void **state)
{
	struct scene *scene = *state;
	char *foreign = signed_file(scene, scene->client_key.secret, "x", NULL, -DAY, DAY), *empty = tls_pem(NULL, 0);
	struct tls_side *server = &scene->server;
	struct lade_tls_context *context;

	server->setup.server = true;
	server->setup.certificate_file = foreign; /* not for our key */
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	assert_string_equal(server->fault.subject, foreign);
	server->setup.certificate_file = empty;
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	assert_int_equal(truncate(foreign, 300), 0); /* damaged */
	server->setup.certificate_file = foreign;
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	/* What is waited for by who reads it: nobody writes. */
	forget(foreign);
	foreign = tls_pem(NULL, 0);
	assert_int_equal(unlink(foreign), 0);
	assert_int_equal(mkfifo(foreign, 0600), 0);
	server->setup.certificate_file = foreign;
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	server->setup.certificate_file = "/tmp";
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	server->setup.certificate_file = NULL;
	server->setup.ca_file = empty;
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	server->setup.ca_file = "/nonexistent/ca";
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_SYSTEM);
	assert_string_equal(server->fault.subject, "/nonexistent/ca");
	forget(foreign);
	forget(empty);
}

static void assert_damaged(struct tls_side *server)
{
	struct lade_tls_context *context;

	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), LADE_E_REFUSED);
	assert_string_equal(server->fault.subject, server->setup.ca_file);
}

/* A file of two certificates of which the second is damaged is not taken for one of the first. */
static void test_damage_behind_a_certificate(void **state)
{
	struct scene *scene = *state;
	X509 *const both[] = { scene->ca, scene->ca };
	char *file = tls_pem(both, 2);
	struct tls_side *server = &scene->server;
	struct lade_tls_context *context;
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	off_t len = lseek(fd, 0, SEEK_END);

	server->setup.server = true;
	server->setup.ca_file = file;
	assert_int_equal(lade_tls_context_new(&server->setup, &context, &server->fault), 0);
	lade_tls_context_free(context);
	assert_int_equal(ftruncate(fd, len - 60), 0);
	assert_damaged(server);
	/* All of the second one's lines, but it begins as nothing does. */
	forget(file);
	close(fd);
	server->setup.ca_file = file = tls_pem(both, 2);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "AAAAAAAA", 8, len / 2 + (off_t)strlen("-----BEGIN CERTIFICATE-----\n")), 8);
	assert_damaged(server);
	forget(file);
	close(fd);
}

/* A peer of OpenSSL's that does what its context allows. */
struct foreigner {
	int fd;
	SSL_CTX *context;
	int result;
};

/* ---- judges of servers ---- */

struct jury {
	struct tls_side *client;
	int verdict;
	unsigned asked;
	struct lade_tls_peer server;
};

static int pass_verdict(void *context, const struct lade_tls_peer *server, struct lade_fault *fault)
{
	struct jury *jury = context;

	jury->asked++;
	jury->server = *server;
	if (!jury->verdict)
		return 0;
	/* As a caller would that hangs up. */
	shutdown(jury->client->fd, SHUT_WR);
	return lade_fault_set(fault, jury->verdict, "judge", NULL);
}

static void shake_before(struct scene *scene, struct jury *jury)
{
	jury->client = &scene->client;
	scene->client.setup.signer = &scene->client_key.signer;
	scene->client.setup.judge = pass_verdict;
	scene->client.setup.judge_context = jury;
	tls_shake(&scene->client, &scene->server);
	assert_int_equal(jury->asked, 1);
	assert_is(&jury->server, &scene->server_key);
}

static void test_judge_that_agrees(void **state)
{
	struct scene *scene = *state;
	struct jury jury = { .verdict = 0 };

	shake_before(scene, &jury);
	assert_int_equal(scene->client.result, 0);
	assert_int_equal(scene->server.result, 0);
	assert_is(&scene->server.peer, &scene->client_key);
}

/* Whoever answered does not learn who has asked: nothing was signed but our certificate, which was made before. */
static void test_judge_that_does_not(void **state)
{
	struct scene *scene = *state;
	struct jury jury = { .verdict = LADE_E_AGAIN };

	shake_before(scene, &jury);
	assert_int_equal(scene->client.result, LADE_E_AGAIN);
	assert_string_equal(scene->client.fault.operation, "judge");
	assert_int_equal(scene->server.result, LADE_E_CLOSED);
	assert_int_equal(scene->client_key.signed_count, 1);
}

static void *serve_foreigner(void *argument)
{
	struct foreigner *foreigner = argument;
	SSL *ssl = SSL_new(foreigner->context);

	SSL_set_fd(ssl, foreigner->fd);
	foreigner->result = SSL_accept(ssl);
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}

/* A server that would like to see no certificate is judged all the same. */
static void test_judge_of_who_does_not_ask(void **state)
{
	struct scene *scene = *state;
	struct tls_certificate wanted = { .key = scene->server_key.secret, .name = "foreign", .to = DAY };
	X509 *certificate = tls_certificate_make(&wanted);
	struct foreigner foreigner = { .fd = scene->server.fd, .context = tls_foreign(true, scene->server_key.secret, certificate) };
	struct jury jury = { .client = &scene->client, .verdict = LADE_E_AUTH };
	struct lade_tls_setup *setup = &scene->client.setup;
	pthread_t thread;

	setup->judge = pass_verdict;
	setup->judge_context = &jury;
	assert_int_equal(pthread_create(&thread, NULL, serve_foreigner, &foreigner), 0);
	assert_int_equal(lade_tls_handshake(scene->client.fd, setup, "peer", &scene->client.state, &scene->client.peer, NULL), LADE_E_AUTH);
	pthread_join(thread, NULL);
	assert_int_equal(jury.asked, 1);
	assert_is(&jury.server, &scene->server_key);
	SSL_CTX_free(foreigner.context);
	X509_free(certificate);
}

/* ---- strangers ---- */

static int shake_server(struct scene *scene)
{
	scene->server.setup.server = true;
	return lade_tls_handshake(scene->server.fd, &scene->server.setup, "peer", &scene->server.state, &scene->server.peer,
				  &scene->server.fault);
}

static void test_plain_bytes(void **state)
{
	static const char *const bytes[] = { "GET / HTTP/1.0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "LADE\0\0\0\0\0\0\0\0",
					     "\26\3\1\0\4\1\0\0\0", "\25\3\3\0\2\2\50" };
	static const size_t lens[] = { 18, 21, 12, 9, 7 };
	struct scene *scene = *state;

	for (size_t i = 0; i < 5; i++) {
		int fds[2], result;

		tls_sockets(fds);
		assert_int_equal(send(fds[0], bytes[i], lens[i], 0), lens[i]);
		shutdown(fds[0], SHUT_WR);
		scene->server.setup.server = true;
		result = lade_tls_handshake(fds[1], &scene->server.setup, "peer", &scene->server.state, &scene->server.peer, NULL);
		assert_true(result == LADE_E_STRANGER || result == LADE_E_CLOSED);
		if (i < 3)
			assert_int_equal(result, LADE_E_STRANGER);
		close(fds[0]);
		close(fds[1]);
	}
}

static void *foreign_connect(void *argument)
{
	struct foreigner *foreigner = argument;
	SSL *ssl = SSL_new(foreigner->context);

	SSL_set_fd(ssl, foreigner->fd);
	foreigner->result = SSL_connect(ssl);
	if (foreigner->result != 1)
		shutdown(foreigner->fd, SHUT_RDWR);
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}

/* Our server meets it. Returns our result. */
static int meet(struct scene *scene, struct foreigner *foreigner)
{
	pthread_t thread;
	int result;

	foreigner->fd = scene->client.fd;
	assert_int_equal(pthread_create(&thread, NULL, foreign_connect, foreigner), 0);
	result = shake_server(scene);
	if (result)
		shutdown(scene->server.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	SSL_CTX_free(foreigner->context);
	return result;
}

static void test_older_versions(void **state)
{
	struct foreigner foreigner = { .context = SSL_CTX_new(TLS_client_method()) };

	SSL_CTX_set_max_proto_version(foreigner.context, TLS1_2_VERSION);
	assert_int_equal(meet(*state, &foreigner), LADE_E_STRANGER);
	assert_true(foreigner.result != 1);
}

static void test_other_groups(void **state)
{
	struct foreigner foreigner = { .context = tls_foreign(false, NULL, NULL) };

	SSL_CTX_set1_groups_list(foreigner.context, "P-521");
	assert_int_equal(meet(*state, &foreigner), LADE_E_STRANGER);
}

/* A client whose processor has no AES says so by its order. */
static void test_client_prefers_chacha(void **state)
{
	struct scene *scene = *state;
	struct foreigner foreigner = { .context = tls_foreign(false, NULL, NULL) };

	SSL_CTX_set_ciphersuites(foreigner.context, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
	assert_int_equal(meet(scene, &foreigner), 0);
	assert_int_equal(scene->server.state.suite, LADE_TLS_CHACHA20_POLY1305);
}

/* A foreign client that shows a key of its own. Returns our result. */
static int meet_key(struct scene *scene, EVP_PKEY *key)
{
	struct tls_certificate wanted = { .key = key, .name = "foreign", .to = DAY };
	X509 *certificate = tls_certificate_make(&wanted);
	struct foreigner foreigner = { .context = SSL_CTX_new(TLS_client_method()) };
	int result;

	SSL_CTX_set_security_level(foreigner.context, 0);
	assert_int_equal(SSL_CTX_use_certificate(foreigner.context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(foreigner.context, key), 1);
	result = meet(scene, &foreigner);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return result;
}

static void test_key_of_rsa(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(meet_key(scene, EVP_RSA_gen(2048)), 0);
	assert_true(scene->server.peer.known);
}

static void test_key_of_ecdsa(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(meet_key(scene, EVP_EC_gen("P-256")), 0);
	assert_true(scene->server.peer.known);
}

static void test_weak_key(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(meet_key(scene, EVP_RSA_gen(1024)), LADE_E_AUTH);
	assert_string_equal(scene->server.fault.operation, "accept the key of");
}

/* A key of a kind that we do not take: its owner cannot show it, and is nobody. */
static void test_key_of_another_kind(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(meet_key(scene, EVP_PKEY_Q_keygen(NULL, NULL, "ED448")), 0);
	assert_false(scene->server.peer.known);
}

/* ---- time ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A peer that says a byte now and then does not get more time for it. */
static void *trickle(void *argument)
{
	static const uint8_t hello[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
	const int *fd = argument;
	const struct timespec pause = { 0, 20000000 };

	for (size_t i = 0; i < 200; i++) {
		if (send(*fd, i < sizeof(hello) ? &hello[i] : &hello[10], 1, MSG_NOSIGNAL) != 1)
			break;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void test_slow_peer(void **state)
{
	struct scene *scene = *state;
	int64_t started = now_ms();
	pthread_t thread;

	scene->server.setup.timeout_ms = 200;
	assert_int_equal(pthread_create(&thread, NULL, trickle, &scene->client.fd), 0);
	assert_int_equal(shake_server(scene), LADE_E_TIMEOUT);
	assert_true(now_ms() - started >= 200);
	shutdown(scene->server.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

static void test_silent_server(void **state)
{
	struct scene *scene = *state;
	struct tls_side *client = &scene->client;

	client->setup.timeout_ms = 50;
	assert_int_equal(lade_tls_handshake(client->fd, &client->setup, "peer", &client->state, &client->peer, &client->fault),
			 LADE_E_TIMEOUT);
}

static void test_peer_that_leaves(void **state)
{
	struct scene *scene = *state;
	const struct linger reset = { 1, 0 };

	shutdown(scene->client.fd, SHUT_WR);
	assert_int_equal(shake_server(scene), LADE_E_CLOSED);
	assert_int_equal(setsockopt(scene->client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(scene->client.fd);
	scene->client.fd = -1;
	assert_int_equal(shake_server(scene), LADE_E_CLOSED);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		SCENE(test_both_have_keys),
		SCENE(test_client_without_key),
		SCENE(test_certificate_made_before),
		SCENE(test_signer_of_another_key),
		SCENE(test_client_signer_of_another_key),
		SCENE(test_signer_that_fails),
		SCENE(test_context_is_used_again),
		SCENE(test_trusted),
		SCENE(test_trusted_with_a_dot),
		SCENE(test_trusted_address),
		SCENE(test_wrong_address),
		SCENE(test_wrong_name),
		SCENE(test_no_name),
		SCENE(test_empty_name),
		SCENE(test_only_a_dot),
		SCENE(test_expired),
		SCENE(test_not_yet_valid),
		SCENE(test_strange_name),
		SCENE(test_self_signed_and_ca),
		SCENE(test_trusted_client),
		SCENE(test_bad_files),
		SCENE(test_damage_behind_a_certificate),
		SCENE(test_judge_that_agrees),
		SCENE(test_judge_that_does_not),
		SCENE(test_judge_of_who_does_not_ask),
		SCENE(test_plain_bytes),
		SCENE(test_older_versions),
		SCENE(test_other_groups),
		SCENE(test_client_prefers_chacha),
		SCENE(test_key_of_rsa),
		SCENE(test_key_of_ecdsa),
		SCENE(test_weak_key),
		SCENE(test_key_of_another_kind),
		SCENE(test_slow_peer),
		SCENE(test_silent_server),
		SCENE(test_peer_that_leaves),
	};

	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
