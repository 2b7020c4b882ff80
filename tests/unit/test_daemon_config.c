/* The daemon's configuration: what its lines mean, and what is refused, with its line. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/daemon/config_table.h"
#include "agent/daemon/party_rule.h"
#include "tests/unit/temp_tree.h"

/* A module that is good, for what follows or precedes it. */
#define GOOD "[m]\npath = /srv\nauth = any\n"

static char directory[PATH_MAX], file[PATH_MAX + 8];

/* What was told. */
struct told {
	unsigned count;
	struct lade_config_error errors[8];
	char files[8][PATH_MAX]; /* theirs, which are borrowed; empty: the main one */
};

static void take_report(void *context, const struct lade_config_error *error)
{
	struct told *told = context;

	if (told->count < 8) {
		told->errors[told->count] = *error;
		told->errors[told->count].file = NULL;
		snprintf(told->files[told->count], PATH_MAX, "%s", error->file ? error->file : "");
	}
	told->count++;
}

static void put(const char *path, const void *text, size_t len)
{
	FILE *stream = fopen(path, "w");

	if (!stream || fwrite(text, 1, len, stream) != len || fclose(stream) || chmod(path, 0600))
		abort();
}

static int read_bytes(const void *text, size_t len, struct lade_daemon_config **config_out, struct told *told)
{
	struct lade_fault fault;

	memset(told, 0, sizeof(*told));
	put(file, text, len);
	return lade_daemon_config_read(file, take_report, told, config_out, &fault);
}

/* A configuration that has to be good. */
static struct lade_daemon_config *read_good(const char *text)
{
	struct lade_daemon_config *config;
	struct told told;

	if (read_bytes(text, strlen(text), &config, &told))
		fail_msg("line %u: %s\nof:\n%s", told.errors[0].line, told.errors[0].text, text);
	assert_int_equal(told.count, 0);
	return config;
}

/* ---- what is good ---- */

static void test_defaults(void **state)
{
	struct lade_daemon_config *config = read_good(GOOD);
	const struct lade_module *module = &config->modules[0];

	(void)state;
	assert_int_equal(config->listen_count, 1);
	assert_string_equal(config->listen[0], "[::]:8730");
	assert_non_null(config->state);
	assert_int_equal(strncmp(config->host_key, config->state, strlen(config->state)), 0);
	assert_string_equal(config->host_key + strlen(config->state), "/host_key");
	assert_string_equal(config->authorized_keys + strlen(config->state), "/authorized_keys");
	assert_string_equal(config->tokens + strlen(config->state), "/tokens");
	assert_null(config->certificate);
	assert_null(config->ca);
	assert_true((config->user != NULL) == (geteuid() == 0));
	assert_int_equal(config->max_connections, 512);
	assert_int_equal(config->max_connections_per_peer, 64);
	assert_int_equal(config->max_logins, 128);
	assert_int_equal(config->max_logins_per_peer, 16);
	assert_int_equal(config->login_timeout, 20);
	assert_int_equal(config->stop_timeout, 30);
	assert_true(config->ktls);
	assert_false(config->log_journal);
	assert_null(config->log_file);
	assert_null(config->log_format);
	assert_null(config->metrics);
	assert_non_null(config->status);
	assert_int_equal(config->module_count, 1);
	assert_string_equal(module->name, "m");
	assert_string_equal(module->path, "/srv");
	assert_null(module->comment);
	assert_true(module->list && module->read_only && module->sendfile);
	assert_false(module->write_only || module->append_only || module->use_chroot || module->munge_symlinks || module->fake_super || module->aio);
	assert_int_equal(module->auth_count, 1);
	assert_int_equal(module->auth[0].kind, LADE_AUTH_ANY);
	assert_int_equal(module->hosts_allow.count + module->hosts_deny.count, 0);
	assert_null(module->uid);
	assert_null(module->gid);
	assert_int_equal(module->max_connections + module->max_connections_per_peer, 0);
	assert_int_equal(module->timeout + module->bwlimit + module->directio + module->min_free + module->quota, 0);
	assert_true(module->max_memory == UINT64_C(1) << 30);
	assert_true(lade_filter_empty(module->filter));
	assert_int_equal(module->refuse_count, 0);
	lade_daemon_config_free(config);
}

static void test_globals(void **state)
{
	struct lade_daemon_config *config = read_good(
		"\xef\xbb\xbf# a remark\n"
		"listen = 192.0.2.1, [2001:db8::1]:99 \\\n"
		"   # between the lines\n"
		"   [::1]\n"
		"state = /s/t/\n; another\n"
		"host key = /k\ncertificate = /c\nca = /a\nauthorized keys = /ak\ntokens: /to\n"
		"user = ann ; behind a value\n"
		"max connections = 10\nmax connections per peer = 9\nmax logins = 8\nmax logins per peer = 7\n"
		"login timeout = 6\nstop timeout = 0\n"
		"ktls = OFF\n"
		"log file = /var/log/x\nlog format = $peer = $module\nmetrics = 127.0.0.1:9730\nstatus = /st\n\n" GOOD);

	(void)state;
	assert_int_equal(config->listen_count, 3);
	assert_string_equal(config->listen[0], "192.0.2.1:8730");
	assert_string_equal(config->listen[1], "[2001:db8::1]:99");
	assert_string_equal(config->listen[2], "[::1]:8730");
	assert_string_equal(config->state, "/s/t");
	assert_string_equal(config->host_key, "/k");
	assert_string_equal(config->certificate, "/c");
	assert_string_equal(config->ca, "/a");
	assert_string_equal(config->authorized_keys, "/ak");
	assert_string_equal(config->tokens, "/to");
	assert_string_equal(config->user, "ann");
	assert_int_equal(config->max_connections, 10);
	assert_int_equal(config->max_connections_per_peer, 9);
	assert_int_equal(config->max_logins, 8);
	assert_int_equal(config->max_logins_per_peer, 7);
	assert_int_equal(config->login_timeout, 6);
	assert_int_equal(config->stop_timeout, 0);
	assert_false(config->ktls);
	assert_string_equal(config->log_file, "/var/log/x");
	assert_string_equal(config->log_format, "$peer = $module");
	assert_string_equal(config->metrics, "127.0.0.1:9730");
	assert_string_equal(config->status, "/st");
	assert_int_equal(lade_daemon_config_line(config, NULL, "listen"), 2);
	assert_int_equal(lade_daemon_config_line(config, NULL, "state"), 5);
	assert_int_equal(lade_daemon_config_line(config, NULL, "log"), 0);
	lade_daemon_config_free(config);
}

static void test_modules(void **state)
{
	struct lade_daemon_config *config = read_good(
		"ca = /ca\nlog = journal\n"
		"\t[ in box ] # remark\n"
		"    path = /srv/in\n"
		"    comment = what comes = in\n"
		"    list = no\n"
		"    write only = yes\n"
		"    append only = true\n"
		"    auth = certificate:Ann Other, token:*, \\\n"
		"           authorized:laptop\n"
		"    hosts allow = 192.0.2.0/24 2001:db8::/32\n"
		"    hosts deny = *\n"
		"    uid = 1000\n    gid = users\n    use chroot = yes\n"
		"    max connections = 4\n    max connections per peer = 2\n"
		"    timeout = 600\n    bwlimit = 1.5m\n    max memory = 128m\n"
		"    exclude = *.o - /lost+found/\n    include = /keep.o\n"
		"    incoming chmod = D2775,F664\n"
		"    refuse options = delete* --inplace\n"
		"    munge symlinks = 1\n    fake super = on\n"
		"    before = /bin/true a b\n    after = /bin/false\n"
		"    sendfile = off\n    directio = 1024m\n    aio = on\n"
		"[plain]\npath = /\nread only = no\nauth = key:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\ndirectio = off\n");
	const struct lade_module *module = lade_daemon_config_module(config, "in box");
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000205) };

	(void)state;
	assert_non_null(module);
	assert_ptr_equal(lade_daemon_config_module(config, "plain"), &config->modules[1]);
	assert_null(lade_daemon_config_module(config, "in"));
	assert_true(config->log_journal);
	assert_string_equal(module->comment, "what comes = in");
	assert_false(module->list || module->read_only || module->sendfile);
	assert_true(module->write_only && module->append_only && module->use_chroot && module->munge_symlinks && module->fake_super && module->aio);
	assert_int_equal(module->auth_count, 3);
	assert_string_equal(module->auth[0].word, "Ann Other");
	assert_string_equal(module->auth[1].word, "*");
	assert_string_equal(module->auth[2].word, "laptop");
	assert_true(lade_address_rules_admit(&module->hosts_allow, &module->hosts_deny, (struct sockaddr *)&address));
	assert_string_equal(module->uid, "1000");
	assert_string_equal(module->gid, "users");
	assert_int_equal(module->max_connections, 4);
	assert_int_equal(module->max_connections_per_peer, 2);
	assert_int_equal(module->timeout, 600);
	assert_int_equal(module->bwlimit, 1572864);
	assert_int_equal(module->max_memory, 128 << 20);
	assert_true(lade_filter_excludes(module->filter, "a/b.o", false));
	assert_false(lade_filter_excludes(module->filter, "keep.o", false));
	assert_true(lade_filter_excludes(module->filter, "lost+found", true));
	assert_false(lade_filter_excludes(module->filter, "a/lost+found", true));
	assert_int_equal(lade_mode_changes_apply(module->incoming_chmod, S_IFREG | 0600), S_IFREG | 0664);
	assert_null(module->outgoing_chmod);
	assert_int_equal(module->refuse_count, 2);
	assert_string_equal(module->refuse_options[0], "delete*");
	assert_string_equal(module->refuse_options[1], "inplace");
	assert_string_equal(module->before, "/bin/true a b");
	assert_string_equal(module->after, "/bin/false");
	assert_true(module->directio == UINT64_C(1) << 30);
	assert_int_equal(module->line, 3);
	assert_int_equal(lade_daemon_config_line(config, module, "hosts allow"), 11);
	module = &config->modules[1];
	assert_false(module->read_only || module->write_only || module->append_only);
	assert_int_equal(module->auth[0].fingerprint[31], 31);
	assert_int_equal(module->directio, 0);
	lade_daemon_config_free(config);
}

#define PARTY "000102030405060708090a0b0c0d0e0f"
#define OTHER_PARTY "ff0102030405060708090a0b0c0d0e0f"
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Which clients are which writers. */
static void test_parties(void **state)
{
	struct lade_daemon_config *config = read_good(GOOD "type = repository\nwriters = " PARTY ":" KEY ", \\\n  " OTHER_PARTY ":" OTHER_KEY "\n");
	const struct lade_module *module = &config->modules[0];
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	struct lade_party_rule rule;

	(void)state;
	assert_true(module->repository);
	assert_false(module->read_only || module->append_only);
	assert_int_equal(module->writers_count, 2);
	assert_int_equal(module->managers_count, 0);
	for (size_t i = 0; i < sizeof(fingerprint); i++)
		fingerprint[i] = (uint8_t)i;
	assert_int_equal(lade_party_rule_find(module->writers, module->writers_count, fingerprint, &rule), 0);
	assert_memory_equal(rule.party, fingerprint, LADE_PARTY_ID_LEN);
	fingerprint[0] = 0xff;
	assert_int_equal(lade_party_rule_find(module->writers, module->writers_count, fingerprint, &rule), 0);
	assert_memory_equal(rule.party, fingerprint, LADE_PARTY_ID_LEN);
	fingerprint[31] ^= 1;
	assert_int_equal(lade_party_rule_find(module->writers, module->writers_count, fingerprint, &rule), LADE_E_ABSENT);
	lade_daemon_config_free(config);
}

/* What bounds a repository. */
static void test_room(void **state)
{
	struct lade_daemon_config *config = read_good(GOOD "type = repository\nappend only = yes\nmin free = 5g\nquota = 1.5t\n"
						      "timeout = 30\nbwlimit = 1m\nmax memory = 128m\n[n]\npath = /srv\nauth = any\n"
						      "type = repository\nmin free = off\nquota = OFF\n");

	(void)state;
	assert_true(config->modules[0].min_free == UINT64_C(5) << 30);
	assert_true(config->modules[0].quota == UINT64_C(3) << 39);
	assert_int_equal(config->modules[0].timeout, 30);
	assert_int_equal(config->modules[0].bwlimit, 1 << 20);
	assert_int_equal(config->modules[0].max_memory, 128 << 20);
	assert_true(config->modules[1].read_only);
	assert_int_equal(config->modules[1].min_free + config->modules[1].quota, 0);
	lade_daemon_config_free(config);
}

/* What a module may do, by what is said of it. */
static void test_rights(void **state)
{
	static const struct {
		const char *lines;
		bool read_only, write_only, append_only;
	} cases[] = {
		{ "", true, false, false }, { "read only = yes\n", true, false, false }, { "read only = no\n", false, false, false },
		{ "write only = yes\n", false, true, false }, { "append only = yes\n", false, false, true },
		{ "write only = yes\nappend only = yes\n", false, true, true }, { "append only = no\n", true, false, false },
		{ "read only = no\nwrite only = yes\n", false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200];
		struct lade_daemon_config *config;
		const struct lade_module *module;

		snprintf(text, sizeof(text), GOOD "%s", cases[i].lines);
		config = read_good(text);
		module = &config->modules[0];
		if (module->read_only != cases[i].read_only || module->write_only != cases[i].write_only || module->append_only != cases[i].append_only)
			fail_msg("%s", text);
		lade_daemon_config_free(config);
	}
}

/* Files of patterns; the order is rsync's, not that of the lines. */
static void test_pattern_files(void **state)
{
	char path[PATH_MAX + 16], text[3 * PATH_MAX];
	struct lade_daemon_config *config;

	(void)state;
	snprintf(path, sizeof(path), "%s/patterns", directory);
	put(path, "# remark\n*.secret\n/private/\n", 27);
	snprintf(text, sizeof(text), GOOD "exclude from = %s\ninclude = + /known.secret\n", path);
	config = read_good(text);
	assert_true(lade_filter_excludes(config->modules[0].filter, "a.secret", false));
	assert_true(lade_filter_excludes(config->modules[0].filter, "private", true));
	assert_false(lade_filter_excludes(config->modules[0].filter, "known.secret", false));
	lade_daemon_config_free(config);
}

/* Rules as of --filter stand before all patterns, wherever their line is. */
static void test_filter(void **state)
{
	struct lade_daemon_config *config = read_good(
		GOOD "exclude = *.o\ninclude = secret\n"
		"filter = + keep.o\t-_/a_b/ \\\n  exclude secret include_x_y -_/tmp ; remark\n");
	const struct lade_filter *filter = config->modules[0].filter;

	(void)state;
	assert_false(lade_filter_excludes(filter, "d/keep.o", false));
	assert_true(lade_filter_excludes(filter, "d/other.o", false));
	assert_true(lade_filter_excludes(filter, "a_b", true));
	assert_true(lade_filter_excludes(filter, "secret", false));
	assert_true(lade_filter_excludes(filter, "tmp", true));
	lade_daemon_config_free(config);
	config = read_good(GOOD "filter = -! *.txt\n");
	assert_true(lade_filter_excludes(config->modules[0].filter, "a.c", false));
	assert_false(lade_filter_excludes(config->modules[0].filter, "a.txt", false));
	lade_daemon_config_free(config);
	/* As in rsync(1), "!" forgets what stands before it. */
	config = read_good(GOOD "filter = - a ! - b\n");
	assert_false(lade_filter_excludes(config->modules[0].filter, "a", false));
	assert_true(lade_filter_excludes(config->modules[0].filter, "b", false));
	lade_daemon_config_free(config);
}

/* ---- what is not ---- */

static const struct bad {
	const char *text;
	unsigned line;
	const char *word; /* is in the first fault */
} bads[] = {
	/* lines */
	{ "", 0, "no module" }, { "listen = [::]\n", 0, "no module" },
	{ "nonsense\n" GOOD, 1, "neither" }, { GOOD "nonsense\n", 4, "neither" }, { GOOD "  indented nonsense\n", 4, "neither" },
	{ GOOD "[n]\n\\\nany\npath = /n\n", 4, "no auth" }, { GOOD "\\\n", 4, "neither" }, { GOOD "nonsense \\\n/srv\n", 4, "neither" },
	{ GOOD "= value\n", 4, "no such setting" }, { GOOD "list =\n", 4, "missing" }, { GOOD "list = ; no\n", 4, "missing" },
	{ GOOD "comment = a\001b\n", 4, "control" }, { GOOD "comment = a\033[2J\n", 4, "control" }, { GOOD "com\rment = a\n", 4, "control" },
	{ GOOD "list = yes # remark\n", 4, "yes or no" },
	/* sections */
	{ "[m\npath = /srv\nauth = any\n", 1, "brackets" }, { "[m] x\npath = /srv\nauth = any\n", 1, "behind" }, { "[]\npath = /srv\nauth = any\n", 1, "name" },
	{ "[ ]\npath = /srv\nauth = any\n", 1, "name" },
	{ "[-m]\npath = /srv\nauth = any\n", 1, "dash" }, { "[.m]\npath = /srv\nauth = any\n", 1, "dot" }, { "[..]\npath = /srv\nauth = any\n", 1, "dot" },
	{ "[a/b]\npath = /srv\nauth = any\n", 1, "slash" }, { "[a\\b]\npath = /srv\nauth = any\n", 1, "backslash" }, { "[a[b]\npath = /srv\nauth = any\n", 1, "brackets" },
	{ "[global]\nlisten = [::]\n", 1, "above all" }, { GOOD GOOD, 4, "there already, in line 1" }, { GOOD "[n]\n", 4, "no path" },
	/* names */
	{ GOOD "bogus = 1\n", 4, "no such setting; see" }, { GOOD "readonly = yes\n", 4, "\"read only\"" }, { GOOD "Read-Only = yes\n", 4, "\"read only\"" },
	{ GOOD "max connections = 5\nmax connections = 5\n", 5, "set already, in line 4" }, { GOOD "path = /srv\n", 4, "set already, in line 2" },
	{ GOOD "listen = [::]\n", 4, "above the first section" }, { "path = /srv\n" GOOD, 1, "below its [name]" },
	{ GOOD "auth users = ann\n", 4, "token:USER" }, { "port = 873\n" GOOD, 1, "listen =" }, { GOOD "pid file = x\n", 4, "status socket" },
	/* values */
	{ GOOD "list = maybe\n", 4, "\"maybe\"" }, { GOOD "list = 2\n", 4, "yes or no" }, { GOOD "max connections = -1\n", 4, "whole number" },
	{ GOOD "max connections = 65537\n", 4, "65536" }, { GOOD "max connections = 1k\n", 4, "whole number" }, { "max connections = 0\n" GOOD, 1, "from 1" },
	{ "login timeout = 0\n" GOOD, 1, "from 1" }, { "login timeout = 99999999999999999999\n" GOOD, 1, "whole number" },
	{ GOOD "timeout = 2147483648\n", 4, "2147483647" }, { GOOD "timeout = 1.5\n", 4, "whole number" }, { GOOD "bwlimit = fast\n", 4, "rate" },
	{ GOOD "max memory = 127m\n", 4, "at least 128m" }, { GOOD "max memory = 0\n", 4, "at least 128m" }, { GOOD "max memory = much\n", 4, "at least 128m" },
	{ GOOD "bwlimit = 1b\n", 4, "rate" }, { GOOD "directio = on\n", 4, "size" }, { GOOD "directio = 0\n", 4, "size" }, { GOOD "directio = 1024 m\n", 4, "size" },
	{ "[m]\nauth = any\n", 1, "no path" }, { "[m]\npath = srv\nauth = any\n", 2, "absolute" }, { "[m]\npath = ~/srv\nauth = any\n", 2, "absolute" },
	{ "[m]\npath = /srv/../etc\nauth = any\n", 2, ".." }, { "[m]\npath = /srv/..\nauth = any\n", 2, ".." },
	{ "state = s\n" GOOD, 1, "absolute" }, { GOOD "before = true\n", 4, "absolute path of a program" },
	{ GOOD "incoming chmod = x=y\nread only = no\n", 4, "--chmod" }, { GOOD "outgoing chmod = \\\n", 4, "missing" },
	{ "listen = 0.0.0.0:x\n" GOOD, 1, "port" }, { "listen = ::1\n" GOOD, 1, "port" }, { "listen = *\n" GOOD, 1, "[::]:8730" }, { "listen = ,\n" GOOD, 1, "nothing" },
	{ "listen = :8730\n" GOOD, 1, "[::]:8730" }, { "listen = 8730\n" GOOD, 1, "[::]:8730" }, { "metrics = :9730\n" GOOD, 1, "[::1]:9730" },
	{ "metrics = *:9730\n" GOOD, 1, "[::1]:9730" }, { "metrics = 97:30\n" GOOD, 1, "[::1]:9730" }, { "listen = []:8730\n" GOOD, 1, "[::]:8730" },
	{ "listen = 0.0.0.0, 0.0.0.0:8730\n" GOOD, 1, "twice" }, { "listen = 0.0.0.0:65536\n" GOOD, 1, "port" }, { "metrics = 9730\n" GOOD, 1, "port" },
	{ "log = syslog\n" GOOD, 1, "journal" }, { "log format = $peer $pear x\n" GOOD, 1, "$pear x" }, { "log format = a$\n" GOOD, 1, "no such variable" },
	{ GOOD "hosts allow = example.org\n", 4, "names of hosts" }, { GOOD "hosts deny = 192.0.2.1/24\n", 4, "more bits" },
	{ GOOD "hosts allow = 192.0.2.1, 192.0.2.300\n", 4, "192.0.2.300" },
	{ GOOD "refuse options = delte\n", 4, "\"delte\"" }, { GOOD "refuse options = !delete\n", 4, "* and ?" }, { GOOD "refuse options = [d]elete\n", 4, "* and ?" },
	{ GOOD "exclude from = /nonexistent/lade\n", 4, "No such file" }, { GOOD "include from = /dev/null\n", 4, "regular" },
	{ GOOD "exclude = a -\n", 4, "behind the last" },
	{ GOOD "filter = *.o\n", 4, "\"*.o\"" }, { GOOD "filter = -*.o\n", 4, "modifiers" }, { GOOD "filter = - a -\n", 4, "find a pattern" },
	{ GOOD "filter = - a . /etc/rules - b\n", 4, "\". /etc/rules\": a rule of a module cannot read a file" },
	{ GOOD "filter = merge_/etc/rules\n", 4, "cannot read a file" }, { GOOD "filter = :_.rules\n", 4, "cannot read a file" },
	{ GOOD "filter = dir-merge,n- .rules\n", 4, "cannot read a file" }, { GOOD "filter = :C\n", 4, "cannot read a file" }, { GOOD "filter = -C\n", 4, "cannot read a file" },
	{ GOOD "filter = -x user.*\n", 4, "attributes" }, { GOOD "filter = hide a\n", 4, "one side" }, { GOOD "filter = P a\n", 4, "one side" },
	{ GOOD "filter = -s a\n", 4, "one side" }, { GOOD "filter = -p a\n", 4, "perishable" }, { GOOD "filter = -/ /srv/a\n", 4, "absolute" },
	/* what does not go together */
	{ "[m]\npath = /srv\n", 1, "there is no auth" }, { "[m]\npath = /srv\nauth = ,\n", 3, "nothing in this list" },
	{ "[m]\npath = /srv\nauth = , ,\n", 3, "nothing in this list" }, { "[m]\npath = /srv\nauth = token:a token:b\n", 3, "parted by commas" },
	{ "[m]\npath = /srv\nauth = anyone\n", 3, "\"anyone\"" }, { "[m]\npath = /srv\nauth = any, authorized\n", 3, "alone" },
	{ "[m]\npath = /srv\nauth = certificate:ann\n", 3, "ca = FILE" },
	{ GOOD "read only = yes\nwrite only = yes\n", 5, "nobody" }, { GOOD "append only = yes\nread only = yes\n", 5, "nothing could" },
	{ GOOD "incoming chmod = F644\n", 4, "comes in" }, { GOOD "write only = yes\noutgoing chmod = F644\n", 5, "goes out" },
	{ GOOD "max connections = 2\nmax connections per peer = 3\n", 5, "than all" }, { GOOD "aio = on\n", 4, "directio" },
	{ "max connections = 2\nmax connections per peer = 3\n" GOOD, 2, "than all" }, { "max logins = 2\nmax logins per peer = 3\n" GOOD, 2, "than all" },
	{ "log = journal\nlog file = /x\n" GOOD, 2, "journal already" },
	/* repositories */
	{ GOOD "type = box\n", 4, "tree or repository" }, { GOOD "writers = " PARTY ":" KEY "\n", 4, "type = repository" },
	{ GOOD "type = repository\nwriters = " KEY "\n", 5, "ID:FINGERPRINT" }, { GOOD "type = repository\nwriters = " PARTY "\n", 5, "ID:FINGERPRINT" },
	{ GOOD "type = repository\nmanagers = " PARTY ":SHA256:x\n", 5, "43 characters" }, { GOOD "type = repository\nmanagers = x" PARTY ":" KEY "\n", 5, "ID:FINGERPRINT" },
	{ GOOD "type = repository\nfilter = - a\n", 5, "for trees" }, { GOOD "type = repository\noutgoing chmod = F644\n", 5, "for trees" },
	{ GOOD "type = repository\ntimeout = 29\n", 5, "at least 30" },
	{ GOOD "type = repository\nread only = yes\nwriters = " PARTY ":" KEY "\n", 6, "nobody could write" },
	{ GOOD "type = repository\nappend only = yes\nmanagers = " PARTY ":" KEY "\n", 6, "managers remove" },
	{ GOOD "quota = 1g\n", 4, "type = repository" }, { GOOD "min free = 1g\n", 4, "type = repository" },
	{ GOOD "type = repository\nread only = no\nquota = 0\n", 6, "size" }, { GOOD "type = repository\nread only = no\nmin free = 10%\n", 6, "size" },
	{ GOOD "type = repository\nquota = 1g\n", 5, "nothing comes in" }, { GOOD "type = repository\nread only = yes\nmin free = 1g\n", 6, "nothing comes in" },
	/* what is included: see test_included_faults, too */
	{ "include = modules.d\n" GOOD, 1, "absolute" }, { "include = /nonexistent/*.conf\n" GOOD, 1, "No such file" },
	{ "include = /nonexistent/lade.conf\n" GOOD, 1, "No such file" }, { "include = /etc/*/lade.conf\n" GOOD, 1, "only its last component" },
	{ "include = /dev/null\n" GOOD, 1, "regular" }, { "include = /\n" GOOD, 1, "regular" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *bad = &bads[i];
		struct lade_daemon_config *config;
		struct told told;

		if (read_bytes(bad->text, strlen(bad->text), &config, &told) != LADE_E_USAGE || !told.count)
			fail_msg("this is taken:\n%s", bad->text);
		assert_null(config);
		if (told.errors[0].line != bad->line || !strstr(told.errors[0].text, bad->word))
			fail_msg("line %u: %s\n(not line %u, %s) for:\n%s", told.errors[0].line, told.errors[0].text, bad->line, bad->word, bad->text);
	}
}

/* A NUL, which ends no line. */
static void test_nul(void **state)
{
	static const char text[] = GOOD "comment = a\0b\n";
	struct lade_daemon_config *config;
	struct told told;

	(void)state;
	assert_int_equal(read_bytes(text, sizeof(text) - 1, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 4);
}

/* All that is wrong is told, in the order of the lines, whenever it was found. */
static void test_order(void **state)
{
	static const char text[] = "state = s\n[m]\nread only = yes\nwrite only = yes\nauth = any\nlist = x\n";
	struct lade_daemon_config *config;
	struct told told;

	(void)state;
	assert_int_equal(read_bytes(text, sizeof(text) - 1, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.count, 4);
	assert_int_equal(told.errors[0].line, 1);
	assert_int_equal(told.errors[1].line, 2);
	assert_int_equal(told.errors[2].line, 4);
	assert_int_equal(told.errors[3].line, 6);
}

/* Very many faults are not told without end. */
static void test_many_faults(void **state)
{
	static char text[20000];
	struct lade_daemon_config *config;
	struct told told;

	(void)state;
	for (size_t at = 0; at + 2 < sizeof(text); at += 2)
		memcpy(text + at, "x\n", 2);
	assert_int_equal(read_bytes(text, sizeof(text), &config, &told), LADE_E_USAGE);
	assert_true(told.count == 100);
}

/* A line above what inih takes is a fault; the same value in several lines is none. */
static void test_long_lines(void **state)
{
	static char text[40000];
	struct lade_daemon_config *config;
	struct told told;
	size_t at;

	(void)state;
	at = (size_t)snprintf(text, sizeof(text), GOOD "hosts allow =");
	for (int i = 0; i < 100; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " 10.0.0.%d", i);
	assert_int_equal(read_bytes(text, at, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 4);
	assert_non_null(strstr(told.errors[0].text, "too long"));
	at = (size_t)snprintf(text, sizeof(text), GOOD "hosts allow = \\\n");
	for (int i = 0; i < 100; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "  10.0.0.%d, \\\n", i);
	text[at++] = '\n';
	assert_int_equal(read_bytes(text, at, &config, &told), 0);
	assert_int_equal(config->modules[0].hosts_allow.count, 100);
	lade_daemon_config_free(config);
}

/* A list, and a value, that go on for ever. */
static void test_long_values(void **state)
{
	static char text[200000];
	struct lade_daemon_config *config;
	struct told told;
	size_t at;

	(void)state;
	at = (size_t)snprintf(text, sizeof(text), GOOD "exclude = \\\n");
	while (at < 80000)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%0150d \\\n", 0);
	assert_int_equal(read_bytes(text, at, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 4);
	assert_non_null(strstr(told.errors[0].text, "65535"));
	at = (size_t)snprintf(text, sizeof(text), "[m]\npath = /srv\nauth = \\\n");
	for (int i = 0; i < 1025; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "token:u%d, \\\n", i);
	assert_int_equal(read_bytes(text, at, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 3);
	assert_non_null(strstr(told.errors[0].text, "1024"));
}

/* A comment that fits into no message would end the list of modules there. */
static void test_long_comments(void **state)
{
	static char text[6000];
	struct lade_daemon_config *config;
	struct told told;
	size_t at = (size_t)snprintf(text, sizeof(text), GOOD "comment = ");

	(void)state;
	/* 32 lines of 128 bytes, each but the first with a blank before it. */
	for (int i = 0; i < 32; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%0*d\\\n", i ? 127 : 128, 0);
	assert_int_equal(read_bytes(text, at, &config, &told), 0);
	assert_int_equal(strlen(config->modules[0].comment), 4096);
	lade_daemon_config_free(config);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "x\n");
	assert_int_equal(read_bytes(text, at, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 4);
	assert_non_null(strstr(told.errors[0].text, "4096"));
}

/* A value may begin in the next line, and be parted by lines that are empty but for their backslash. */
static void test_continued(void **state)
{
	struct lade_daemon_config *config = read_good("[m]\npath = \\\n  /srv\nauth = \\\n\t\\\n; a remark\n any\ncomment = a  \\\n\\\n  b\n");

	(void)state;
	assert_string_equal(config->modules[0].path, "/srv");
	assert_int_equal(config->modules[0].auth_count, 1);
	assert_string_equal(config->modules[0].comment, "a b");
	lade_daemon_config_free(config);
}

/* Long names of modules are not cut. */
static void test_long_names(void **state)
{
	char text[600], name[300];
	struct lade_daemon_config *config;
	struct told told;

	(void)state;
	memset(name, 'n', sizeof(name));
	snprintf(text, sizeof(text), "[%.255s]\npath = /srv\nauth = any\n", name);
	config = read_good(text);
	assert_int_equal(strlen(config->modules[0].name), 255);
	lade_daemon_config_free(config);
	snprintf(text, sizeof(text), "[%.256s]\npath = /srv\nauth = any\n", name);
	assert_int_equal(read_bytes(text, strlen(text), &config, &told), LADE_E_USAGE);
}

/* ---- files that are included ---- */

static void put_included(const char *name, const char *text)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/d/%s", directory, name);
	put(path, text, strlen(text));
}

/* An empty directory for them. */
static void make_included(void)
{
	static const char *const names[] = { "10.conf", "20.conf", "9.conf", ".hidden.conf", "other" };
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/d", directory);
	(void)mkdir(path, 0755);
	assert_int_equal(chmod(path, 0755), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/d/%s", directory, names[i]);
		(void)unlink(path);
	}
}

/* The main file: an include of the fitting ones, in its first line, and more. */
static const char *including(const char *pattern, const char *more)
{
	static char text[2 * PATH_MAX];

	snprintf(text, sizeof(text), "include = %s/d/%s\n%s", directory, pattern, more);
	return text;
}

/* They come behind the main file, in the order of their names; what has another name is none of them. */
static void test_include(void **state)
{
	struct lade_daemon_config *config;

	(void)state;
	make_included();
	config = read_good(including("*.conf", ""));
	assert_int_equal(config->module_count + config->file_count, 0);
	lade_daemon_config_free(config);
	put_included("9.conf", "[z]\npath = /z\nauth = any\n");
	put_included("10.conf", "# two\n[a]\npath = /a\nauth = any\n[b]\npath = /b\nauth = any\ninclude = *.c\nexclude = *\n");
	put_included("20.conf", "");
	put_included(".hidden.conf", "nonsense");
	put_included("other", "nonsense");
	config = read_good(including("*.conf", "max logins = 7\n" GOOD "comment = last\n"));
	assert_int_equal(config->max_logins, 7);
	assert_int_equal(config->module_count, 4);
	assert_int_equal(config->file_count, 3);
	assert_string_equal(config->modules[0].name, "m");
	assert_string_equal(config->modules[0].comment, "last");
	assert_int_equal(config->modules[0].file, 0);
	assert_string_equal(config->modules[1].name, "a");
	assert_int_equal(config->modules[1].file, 1);
	assert_int_equal(config->modules[1].line, 2);
	assert_string_equal(config->modules[2].name, "b");
	assert_false(lade_filter_excludes(config->modules[2].filter, "x.c", false));
	assert_true(lade_filter_excludes(config->modules[2].filter, "x.o", false));
	assert_string_equal(config->modules[3].name, "z");
	assert_int_equal(config->modules[3].file, 3);
	lade_daemon_config_free(config);
	config = read_good(including("9.conf", ""));
	assert_int_equal(config->module_count, 1);
	lade_daemon_config_free(config);
}

/* Faults of all files, in the order of the files and of their lines, whenever they were found. */
static void test_included_faults(void **state)
{
	static const struct {
		const char *file, *word;
		unsigned line;
	} expected[] = {
		{ "", "no path", 3 }, { "10.conf", "modules alone", 1 }, { "10.conf", "there already, in line 3 of the main file", 2 },
		{ "10.conf", "no auth", 2 }, { "20.conf", "modules alone", 1 }, { "20.conf", "yes or no", 3 }, { "20.conf", "there already, in line 2", 6 },
		{ "20.conf", "nobody", 9 },
	};
	const char *text = including("*.conf", "\n[m]\nauth = any\n");
	struct lade_daemon_config *config;
	struct told told;

	(void)state;
	make_included();
	put_included("10.conf", "listen = [::]\n[m]\npath = /srv\n[n]\npath = /srv\nauth = any\n");
	put_included("20.conf", "include = /etc/*.conf\n[o]\nlist = x\npath = /srv\nauth = any\n[o]\npath = /srv\nread only = yes\nwrite only = yes\nauth = any\n");
	assert_int_equal(read_bytes(text, strlen(text), &config, &told), LADE_E_USAGE);
	for (unsigned i = 0; i < 8 && i < told.count; i++) {
		const char *slash = strrchr(told.files[i], '/');

		if (strcmp(slash ? slash + 1 : "", expected[i].file) != 0 || told.errors[i].line != expected[i].line ||
		    !strstr(told.errors[i].text, expected[i].word))
			fail_msg("%u: %s:%u: %s", i, told.files[i], told.errors[i].line, told.errors[i].text);
	}
	assert_int_equal(told.count, 8);
}

/* What others can write, the directory too, is not believed, and is told with the include's line. */
static void test_included_trust(void **state)
{
	const char *text = including("*.conf", GOOD);
	struct lade_daemon_config *config;
	struct told told;
	char path[PATH_MAX + 32];

	(void)state;
	make_included();
	put_included("10.conf", "[n]\npath = /srv\nauth = any\n");
	snprintf(path, sizeof(path), "%s/d/10.conf", directory);
	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(read_bytes(text, strlen(text), &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 1);
	assert_non_null(strstr(told.errors[0].text, "10.conf (others may write to it"));
	assert_int_equal(told.count, 1);
	assert_int_equal(chmod(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/d", directory);
	assert_int_equal(chmod(path, 0757), 0);
	assert_int_equal(read_bytes(text, strlen(text), &config, &told), LADE_E_USAGE);
	assert_non_null(strstr(told.errors[0].text, "*.conf\": others may write to it"));
	make_included();
}

/* Modules without end are told, not taken. */
static void test_many_modules(void **state)
{
	static char text[300000];
	struct lade_daemon_config *config;
	struct told told;
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 4097; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "[m%d]\npath = /srv\nauth = any\n", i);
	assert_int_equal(read_bytes(text, at, &config, &told), LADE_E_USAGE);
	assert_int_equal(told.errors[0].line, 12289);
	assert_non_null(strstr(told.errors[0].text, "more than 4096"));
}

/* A file that has no end, and one that has not begun. */
static void test_sizes(void **state)
{
	struct lade_daemon_config *config;
	struct lade_fault fault;
	struct told told = { 0 };

	(void)state;
	put(file, GOOD, strlen(GOOD));
	assert_int_equal(truncate(file, 10 << 20), 0);
	assert_int_equal(lade_daemon_config_read(file, take_report, &told, &config, &fault), LADE_E_REFUSED);
	assert_non_null(strstr(fault.subject, "more than 4 MiB"));
	assert_int_equal(told.count, 0);
}

/* What others can write is not believed; nor is what is no file, which must not make us wait. */
static void test_trust(void **state)
{
	struct lade_daemon_config *config;
	struct lade_fault fault;
	struct told told = { 0 };
	char fifo[PATH_MAX + 8];

	(void)state;
	put(file, GOOD, strlen(GOOD));
	assert_int_equal(chmod(file, 0646), 0);
	assert_int_equal(lade_daemon_config_read(file, take_report, &told, &config, &fault), LADE_E_REFUSED);
	assert_null(config);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(lade_daemon_config_read(fifo, take_report, &told, &config, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_daemon_config_read(directory, take_report, &told, &config, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_daemon_config_read("/nonexistent/lade", take_report, &told, &config, &fault), LADE_E_SYSTEM);
	assert_int_equal(told.count, 0);
	lade_daemon_config_free(NULL);
}

/* ---- what people read ---- */

/* A file of the source tree. The caller frees it. */
static char *load(const char *name)
{
	const char *source = getenv("srcdir");
	char path[PATH_MAX], *text = NULL;
	size_t size = 0;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	stream = fopen(path, "r");
	if (!stream || getdelim(&text, &size, '\0', stream) <= 0)
		fail_msg("cannot read %s", path);
	fclose(stream);
	return text;
}

/* The settings of a section of the manual page are the rows of a table, in their order. */
static void compare_settings(const char *page, const char *section, const struct lade_config_table *table)
{
	const char *at = strstr(page, section), *end;
	size_t row = 0;

	assert_non_null(at);
	end = strstr(at + 1, "\n.Sh ");
	for (at = strstr(at, "\n.It Ic "); at && at < end; at = strstr(at + 1, "\n.It Ic ")) {
		const char *name = at + strlen("\n.It Ic "), *behind = strstr(name, " Li = ");

		assert_non_null(behind);
		if (row == table->count)
			fail_msg("the page has too many settings: %.*s", (int)(behind - name), name);
		if (strlen(table->rows[row].name) != (size_t)(behind - name) || strncmp(table->rows[row].name, name, (size_t)(behind - name)) != 0)
			fail_msg("the page has %.*s where the table has %s", (int)(behind - name), name, table->rows[row].name);
		row++;
	}
	if (row < table->count)
		fail_msg("the page lacks %s", table->rows[row].name);
}

static void test_page(void **state)
{
	char *page = load("packaging/man/lade-daemon.conf.5");
	int count = 0;

	(void)state;
	compare_settings(page, "\n.Sh GLOBAL SETTINGS\n", &lade_config_global_table);
	compare_settings(page, "\n.Sh SETTINGS OF A MODULE\n", &lade_config_module_table);
	for (char *at = page; (at = strstr(at, "\n.Bd -literal -offset indent\n")); count++) {
		char *end = strstr(at, "\n.Ed\n");

		assert_non_null(end);
		end[1] = '\0';
		lade_daemon_config_free(read_good(strchr(at + 1, '\n') + 1));
		at = end + 2;
	}
	assert_int_equal(count, 4);
	free(page);
}

/* The example that is installed; what it has as a remark is the default. */
static void test_example(void **state)
{
	char *text = load("packaging/lade-daemon.conf");
	struct lade_daemon_config *config = read_good(text);

	(void)state;
	assert_int_equal(config->module_count, 1);
	assert_true(config->modules[0].read_only);
	lade_daemon_config_free(config);
	for (char *at = text; (at = strstr(at, "\n#")); at++) {
		/* "auth" is there already; what has a blank is a sentence. */
		if (at[2] != ' ' && strncmp(at + 2, "auth", 4) != 0)
			at[1] = ' ';
	}
	config = read_good(text);
	assert_string_equal(config->listen[0], "[::]:8730");
	assert_string_equal(config->host_key, "/var/lib/lade/host_key");
	assert_string_equal(config->tokens, "/var/lib/lade/tokens");
	assert_int_equal(config->max_connections, 512);
	assert_int_equal(config->max_logins_per_peer, 16);
	assert_int_equal(config->login_timeout, 20);
	assert_int_equal(config->stop_timeout, 30);
	lade_daemon_config_free(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_globals),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_parties),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_pattern_files),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_long_comments),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_included_faults),
		cmocka_unit_test(test_included_trust),
		cmocka_unit_test(test_many_modules),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_example),
	};
	int failed;

	temp_tree_make(directory);
	snprintf(file, sizeof(file), "%s/conf", directory);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	temp_tree_remove(directory);
	return failed;
}
