/* lade daemon --check: what a configuration names on this host, and what is printed of it. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/daemon/check.h"
#include "agent/key.h"
#include "agent/sync/sync.h"
#include "tests/unit/temp_tree.h"

static char directory[PATH_MAX];
static char *printed;

/* Where the state is said to be, in the scratch directory. */
static const char *state_name = "state";

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *stream;

	(void)unlink(name);
	stream = fopen(name, "w");
	if (!stream || fputs(text, stream) == EOF || fclose(stream) || chmod(name, mode))
		abort();
}

/* Check a configuration in which each @ becomes the scratch directory; its state and status are there. printed is what was. */
static int check(const char *text)
{
	FILE *stream = fopen("conf", "w"), *out;
	size_t len;
	int status;

	if (!stream)
		abort();
	fprintf(stream, "state = %s/%s\nstatus = %s/status\n", directory, state_name, directory);
	for (; *text; text++) {
		if (*text == '@')
			fputs(directory, stream);
		else
			fputc(*text, stream);
	}
	if (fclose(stream) || chmod("conf", 0644))
		abort();
	free(printed);
	printed = NULL;
	out = open_memstream(&printed, &len);
	if (!out)
		abort();
	status = lade_daemon_check("conf", out);
	if (fclose(out))
		abort();
	return status;
}

/* A configuration that is wrong, and how. */
static void expect_fault(const char *text, unsigned line, const char *word)
{
	char begin[64];

	snprintf(begin, sizeof(begin), line ? "conf:%u: " : "conf: ", line);
	if (check(text) != LADE_EXIT_USAGE || strncmp(printed, begin, strlen(begin)) != 0 || !strstr(printed, word))
		fail_msg("not \"%s...%s\" but:\n%s\nfor:\n%s", begin, word, printed, text);
}

/* Make an Ed25519 key in a file. */
static void make_key(const char *name)
{
	struct lade_key *key;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(lade_key_create(path, true, &key, NULL), 0);
	lade_key_free(key);
}

/* ---- what is good ---- */

static void test_served(void **state)
{
	(void)state;
	assert_int_equal(check("listen = 127.0.0.1, [::1]:99\n"
			       "[mirror]\npath = @/tree\nauth = any\n"
			       "[drop]\npath = @/tree\nappend only = yes\nwrite only = yes\nauth = authorized, token:ann\nhosts allow = 10.0.0.0/8\nlist = no\n"
			       "[rw]\npath = @/tree\nread only = no\nauth = key:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"),
			 LADE_EXIT_OK);
	assert_int_equal(strncmp(printed, "listen: 127.0.0.1:8730 [::1]:99\nmirror: ", 40), 0);
	assert_non_null(strstr(printed, "/tree, read only, for any"));
	assert_non_null(strstr(printed, "/tree, append only, write only, for authorized, token:ann at allowed hosts"));
	assert_non_null(strstr(printed, ", not listed\n"));
	assert_non_null(strstr(printed, "/tree, read and write, for key:SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
}

/* Bytes of a configuration do not reach a terminal. */
static void test_escapes(void **state)
{
	(void)state;
	expect_fault("[m]\npath = @/\xc2\x9b" "31m\nauth = any\n", 4, "\\#302\\#233");
	assert_null(strchr(printed, '\xc2'));
}

/* ---- what is not ---- */

static void test_lines(void **state)
{
	(void)state;
	expect_fault("[m]\npath = @/tree\nauth = any\nbogus = 1\nlist = 5\n", 6, "bogus");
	assert_non_null(strstr(printed, "conf:7: list: "));
	expect_fault("", 0, "no module");
	assert_int_equal(lade_daemon_check("/nonexistent/lade", stderr), LADE_EXIT_USAGE);
}

static void test_paths(void **state)
{
	(void)state;
	expect_fault("[m]\nauth = any\npath = @/none\n", 5, "No such file");
	expect_fault("[m]\nauth = any\npath = @/plain\n", 5, "no directory");
	expect_fault("log file = @/none/log\n[m]\nauth = any\npath = @/tree\n", 3, "No such file");
	expect_fault("log file = @/tree\n[m]\nauth = any\npath = @/tree\n", 3, "no regular file");
	assert_int_equal(check("host key = @/none\n[m]\nauth = any\npath = @/tree\n"), LADE_EXIT_OK);
	expect_fault("host key = @/plain/none\n[m]\nauth = any\npath = @/tree\n", 3, "is none");
	expect_fault("host key = @/tree/none\n[m]\nauth = any\npath = @/tree\n", 6, "host key");
	expect_fault("host key = @/plain\n[m]\nauth = any\npath = @/tree\n", 3, "chmod 600");
	expect_fault("tokens = @/plain\n[m]\nauth = any\npath = @/tree\n", 3, "chmod 600");
	expect_fault("authorized keys = @/open\n[m]\nauth = any\npath = @/tree\n", 3, "chmod o-w");
	put("users", "# nobody yet\n", 0664);
	expect_fault("authorized keys = @/users\n[m]\nauth = any\npath = @/tree\n", 3, "chmod go-w");
	put("users", "# nobody yet\nann\n", 0600);
	expect_fault("authorized keys = @/users\n[m]\nauth = any\npath = @/tree\n", 3, "users:2");
	expect_fault("tokens = @/users\n[m]\nauth = any\npath = @/tree\n", 3, "users:2");
	expect_fault("listen = 127.0.0.1.5:1\n[m]\nauth = any\npath = @/tree\n", 3, "127.0.0.1.5");
}

/* What the daemon makes when it starts need not be there, but has to be possible. */
static void test_state(void **state)
{
	(void)state;
	state_name = "not/yet/state";
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\n"), LADE_EXIT_OK);
	state_name = "plain/not/yet";
	expect_fault("[m]\nauth = any\npath = @/tree\n", 1, "Not a directory");
	state_name = "state";
	assert_int_equal(mkdir("state", 0700), 0);
	put("state/host_key", "", 0644);
	expect_fault("[m]\nauth = any\npath = @/tree\n", 0, "host key");
	assert_int_equal(chmod("state/host_key", 0600), 0);
	expect_fault("[m]\nauth = any\npath = @/tree\n", 0, "no private key in PEM");
	make_key("state/host_key");
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\n"), LADE_EXIT_OK);
	assert_int_equal(chmod("state", 0707), 0);
	expect_fault("[m]\nauth = any\npath = @/tree\n", 1, "chmod o-w");
	assert_int_equal(unlink("state/host_key"), 0);
	assert_int_equal(rmdir("state"), 0);
	put("state", "", 0600);
	expect_fault("[m]\nauth = any\npath = @/tree\n", 1, "no directory");
	assert_int_equal(unlink("state"), 0);
}

static void test_hooks(void **state)
{
	(void)state;
	expect_fault("[m]\nauth = any\npath = @/tree\nbefore = @/none x\n", 6, "No such file");
	expect_fault("[m]\nauth = any\npath = @/tree\nafter = @/plain x y\n", 6, "cannot be executed");
	put("hook", "#!/bin/sh\n", 0757);
	expect_fault("[m]\nauth = any\npath = @/tree\nafter = @/hook\n", 6, "chmod o-w");
	assert_int_equal(chmod("hook", 0755), 0);
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\nafter = @/hook\n"), LADE_EXIT_OK);
}

/* A client must not get at the host key, nor at what decides who is let in. */
static void test_treasures(void **state)
{
	(void)state;
	assert_int_equal(mkdir("state", 0700), 0);
	expect_fault("[m]\nauth = any\npath = @\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = /\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = @/state\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = @/link\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = @\nexclude = state/x\n", 5, "the daemon's state");
	assert_int_equal(check("[m]\nauth = any\npath = @\nexclude = /state\n"), LADE_EXIT_OK);
	expect_fault("authorized keys = @/tree/keys\n[m]\nauth = any\npath = @/tree\n", 6, "authorized keys");
	assert_int_equal(check("authorized keys = @/tree/sub/keys\n[m]\nauth = any\npath = @/tree\nexclude = /sub/\n"), LADE_EXIT_OK);
	/* A rule for directories hides no file. */
	put("tree/tokens", "", 0600);
	expect_fault("tokens = @/tree/tokens\n[m]\nauth = any\npath = @/tree\nexclude = /tokens/\n", 6, "file of tokens");
	assert_int_equal(check("tokens = @/tree/tokens\n[m]\nauth = any\npath = @/tree\nexclude = /tokens\n"), LADE_EXIT_OK);
	assert_int_equal(unlink("tree/tokens"), 0);
	assert_int_equal(rmdir("state"), 0);
}

/* What the daemon makes when it starts is in a tree before it is there. */
static void test_future_treasures(void **state)
{
	(void)state;
	state_name = "tree/not/yet";
	expect_fault("[m]\nauth = any\npath = @/tree\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = /\n", 5, "the daemon's state");
	expect_fault("[m]\nauth = any\npath = @/tree-link\n", 5, "the daemon's state");
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\nexclude = /not/\n"), LADE_EXIT_OK);
	assert_int_equal(check("[m]\nauth = any\npath = @/tree/sub\n"), LADE_EXIT_OK);
	state_name = "tree-link/yet";
	expect_fault("[m]\nauth = any\npath = @/tree\n", 5, "the daemon's state");
	state_name = "state";
}

/* What the daemon runs and believes may be read, but a client that could write to it would be the daemon, or its clients' master. */
static void test_writable_treasures(void **state)
{
	(void)state;
	put("tree/hook", "#!/bin/sh\n", 0755);
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\nbefore = @/tree/hook x\n"), LADE_EXIT_OK);
	expect_fault("[m]\nauth = any\npath = @/tree\nread only = no\nbefore = @/tree/hook x\n", 5, "the daemon's hook is in it, ");
	expect_fault("[m]\nauth = any\npath = @/tree\nwrite only = yes\nafter = @/tree/hook\n", 5, "the daemon's hook");
	expect_fault("[m]\nauth = any\npath = @/tree\nappend only = yes\n[n]\nauth = any\npath = @/tree/sub\nafter = @/tree/hook\n", 5, "the daemon's hook");
	assert_int_equal(check("[m]\nauth = any\npath = @/tree\nread only = no\nbefore = @/tree/hook\nexclude = /hook\n"), LADE_EXIT_OK);
	assert_int_equal(unlink("tree/hook"), 0);
	expect_fault("[m]\nauth = any\npath = @\nread only = no\nexclude = /state/\n", 5, "the daemon's configuration");
	assert_int_equal(check("[m]\nauth = any\npath = @\nread only = no\nexclude = /state/ /conf\n"), LADE_EXIT_OK);
	expect_fault("include = @/tree/sub/*.conf\n[m]\nauth = any\npath = @/tree\nread only = no\n", 6, "directory of more modules");
	assert_int_equal(check("include = @/tree/sub/*.conf\n[m]\nauth = any\npath = @/tree\n"), LADE_EXIT_OK);
}

/* Make file a certificate of key, which is freed, that is valid from and to so many seconds from now. */
static void put_certificate(const char *file, EVP_PKEY *key, long from, long to)
{
	X509 *certificate = X509_new();
	FILE *stream = fopen(file, "w");

	if (!key || !certificate || !stream || !X509_set_pubkey(certificate, key) || !X509_gmtime_adj(X509_getm_notBefore(certificate), from) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), to) || !X509_sign(certificate, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) || !PEM_write_X509(stream, certificate) || fclose(stream))
		abort();
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static EVP_PKEY *new_key(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* The host's key. */
static EVP_PKEY *host_key(void)
{
	FILE *stream = fopen("state/host_key", "r");
	EVP_PKEY *key = stream ? PEM_read_PrivateKey(stream, NULL, NULL, NULL) : NULL;

	if (!stream || fclose(stream))
		abort();
	return key;
}

static void test_certificates(void **state)
{
	static const char good[] = "ca = @/good\ncertificate = @/good\n[m]\nauth = certificate:x\npath = @/tree\n";

	(void)state;
	expect_fault("certificate = @/none\n[m]\nauth = any\npath = @/tree\n", 3, "No such file");
	expect_fault("ca = @/plain\n[m]\nauth = any\npath = @/tree\n", 3, "no certificate");
	put_certificate("late", new_key(), 86400, 2 * 86400);
	expect_fault("certificate = @/late\n[m]\nauth = any\npath = @/tree\n", 3, "not valid yet");
	put_certificate("old", new_key(), -2 * 86400, -86400);
	expect_fault("ca = @/old\n[m]\nauth = any\npath = @/tree\n", 3, "not valid any more");
	put_certificate("good", new_key(), -86400, 86400);
	expect_fault(good, 4, "no host key that");
	make_key("state/host_key");
	expect_fault(good, 4, "not of the host key");
	put_certificate("good", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), -86400, 86400);
	expect_fault(good, 4, "not Ed25519");
	put_certificate("good", host_key(), -86400, 86400);
	assert_int_equal(check(good), LADE_EXIT_OK);
	/* Who can write to it decides who is let in. */
	assert_int_equal(check("ca = @/good\n[m]\nauth = any\npath = @\nexclude = /state/\n"), LADE_EXIT_OK);
	expect_fault("ca = @/good\n[m]\nauth = any\npath = @\nexclude = /state/\nread only = no\n", 6, "list of authorities");
	assert_int_equal(unlink("state/host_key"), 0);
	assert_int_equal(rmdir("state"), 0);
}

/* Users and groups: for root they have to exist, for others there are none. */
static void test_users(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		expect_fault("[m]\nauth = any\npath = @/tree\nuid = lade-nobody-at-all\n", 6, "no such user");
		expect_fault("[m]\nauth = any\npath = @/tree\ngid = lade-nobody-at-all\n", 6, "no such group");
		expect_fault("[m]\nauth = any\npath = @/tree\nuid = 3999999999\n", 6, "needs a gid");
		expect_fault("user = root\n[m]\nauth = any\npath = @/tree\n", 3, "must not be root");
		expect_fault("user = lade-nobody-at-all\n[m]\nauth = any\npath = @/tree\n", 3, "no such user");
		assert_int_equal(check("[m]\nauth = any\npath = @/tree\nuid = 3999999999\ngid = 3999999999\nuse chroot = yes\n"), LADE_EXIT_OK);
		assert_non_null(strstr(printed, ", as 3999999999"));
	}
}

/* What only root can do, for anybody else; root becomes one for a moment. */
static void test_without_root(void **state)
{
	static const char text[] = "user = root\n[m]\nauth = any\npath = @/tree\nuid = root\ngid = root\nuse chroot = yes\n";
	FILE *out;
	size_t len;

	(void)state;
	(void)check(text);
	if (geteuid() == 0) {
		free(printed);
		out = open_memstream(&printed, &len);
		assert_non_null(out);
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(lade_daemon_check("conf", out), LADE_EXIT_USAGE);
		assert_int_equal(seteuid(0), 0);
		fclose(out);
	}
	assert_non_null(strstr(printed, "conf:3: user: \"root\": only root"));
	assert_non_null(strstr(printed, "conf:7: uid: \"root\": only root"));
	assert_non_null(strstr(printed, "conf:8: gid: \"root\": only root"));
	assert_non_null(strstr(printed, "conf:9: use chroot: \"yes\": only root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_treasures),
		cmocka_unit_test(test_future_treasures),
		cmocka_unit_test(test_writable_treasures),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_without_root),
	};
	int failed;

	temp_tree_make(directory);
	/* For another user, too. */
	if (chmod(directory, 0755) || chdir(directory) || mkdir("tree", 0755) || mkdir("tree/sub", 0755) || symlink("state", "link") || symlink("tree", "tree-link"))
		abort();
	put("plain", "x\n", 0644);
	put("open", "", 0666);
	put("tree/keys", "", 0644);
	put("tree/sub/keys", "", 0644);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(printed);
	if (chdir("/") == 0)
		temp_tree_remove(directory);
	return failed;
}
