/*
 * The command line of `lade sync`: options in every form, what overrides what, endpoints,
 * the remote shell's argv, and the help that is made of the same table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/endpoint.h"
#include "agent/tree/metadata.h"
#include "chunker/digest.h"
#include "agent/help.h"
#include "agent/option_table.h"
#include "agent/options.h"
#include "agent/remote_shell.h"
#include "agent/sync/sync.h"
#include "protocol/entry.h"

#define WORDS_MAX 32
#define ARCHIVE                                                                                    \
	(LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES |       \
	 LADE_OPTION_GROUP | LADE_OPTION_OWNER | LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS)

static struct lade_options options;
static struct lade_complaint complaint;
static char line_buf[1024]; /* options borrow from it */

/* Parse a line of words parted by single spaces. */
static int parse(const char *line)
{
	char *argv[WORDS_MAX], *save = NULL;
	int argc = 0;

	lade_options_fini(&options);
	memset(&complaint, 0, sizeof(complaint));
	assert_true(strlen(line) < sizeof(line_buf));
	strcpy(line_buf, line);
	for (char *word = strtok_r(line_buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return lade_options_parse(&options, argc, argv, &complaint);
}

static void good(const char *line)
{
	if (parse(line))
		fail_msg("'%s': %s", line, complaint.text);
}

/* It must be refused as a usage error whose text holds each of the two words. */
static void bad(const char *line, const char *first, const char *second)
{
	if (parse(line) != LADE_E_USAGE)
		fail_msg("'%s' was accepted", line);
	assert_int_equal(complaint.exit_status, LADE_EXIT_USAGE);
	if (!strstr(complaint.text, first) || !strstr(complaint.text, second))
		fail_msg("'%s': %s", line, complaint.text);
	assert_null(strchr(complaint.text, '\n'));
}

static int tear_down(void **state)
{
	(void)state;
	lade_options_fini(&options);
	return 0;
}

static void test_switches(void **state)
{
	static const struct {
		const char *line;
		uint64_t bits;
	} cases[] = {
		{ "a b", 0 },
		{ "-a a b", ARCHIVE },
		{ "--archive a b", ARCHIVE },
		{ "-rlptgoD a b", ARCHIVE },
		{ "a -r b", LADE_OPTION_RECURSIVE },
		{ "a b -r", LADE_OPTION_RECURSIVE },
		{ "-aHAX a b",
		  ARCHIVE | LADE_OPTION_HARD_LINKS | LADE_OPTION_ACLS | LADE_OPTION_XATTRS },
		{ "-A a b", LADE_OPTION_ACLS | LADE_OPTION_PERMS },
		{ "-A --no-p a b", LADE_OPTION_ACLS },
		{ "-a --no-owner --no-g a b",
		  ARCHIVE & ~(uint64_t)(LADE_OPTION_OWNER | LADE_OPTION_GROUP) },
		{ "-a --no-D a b",
		  ARCHIVE & ~(uint64_t)(LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS) },
		{ "-a --no-D --specials a b", ARCHIVE & ~(uint64_t)LADE_OPTION_DEVICES },
		{ "-a --no-specials a b", ARCHIVE & ~(uint64_t)LADE_OPTION_SPECIALS },
		{ "--no-r -a a b", ARCHIVE },
		{ "-D a b", LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS },
		{ "-cn a b", LADE_OPTION_CHECKSUM | LADE_OPTION_DRY_RUN },
		{ "-n --no-n a b", 0 },
		{ "-r --delete a b", LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE },
		{ "--del -r a b", LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE },
		{ "--delete --no-delete a b", 0 },
		{ "-r --delete-before a b", LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE },
		{ "-r --delete-after --delete-after a b", LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE },
		{ "-r --del --ignore-errors a b", LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE | LADE_OPTION_IGNORE_ERRORS },
		{ "--force a b", LADE_OPTION_FORCE },
		{ "--numeric-ids --fsync --verify --fail-changed a b",
		  LADE_OPTION_NUMERIC_IDS | LADE_OPTION_FSYNC | LADE_OPTION_VERIFY |
			  LADE_OPTION_FAIL_CHANGED },
		{ "-i a b", LADE_OPTION_ITEMIZE },
		{ "-v a b", LADE_OPTION_ITEMIZE },
		{ "-vq a b", 0 },
		{ "-i --no-i a b", 0 },
		{ "-W --whole-file a b", 0 },
		{ "--no-whole-file a b", LADE_OPTION_WHOLE_FILE },
		{ "-W --no-W a b", LADE_OPTION_WHOLE_FILE },
		{ "--inplace a b", LADE_OPTION_INPLACE },
		{ "-S a b", LADE_OPTION_SPARSE },
		{ "--inplace --sparse a b", LADE_OPTION_INPLACE | LADE_OPTION_SPARSE },
		{ "--inplace --no-inplace -S --no-S a b", 0 },
		{ "--no-inplace --no-z --no-R a b", 0 },
		{ "-EOJ a b", LADE_OPTION_EXECUTABILITY | LADE_OPTION_OMIT_DIR_TIMES | LADE_OPTION_OMIT_LINK_TIMES },
		{ "-aO --no-O a b", ARCHIVE },
		{ "-U a b", LADE_OPTION_ATIMES },
		{ "--super a b", LADE_OPTION_SUPER },
		{ "--copy-devices a b", LADE_OPTION_COPY_DEVICES },
		{ "--write-devices a b", LADE_OPTION_WRITE_DEVICES | LADE_OPTION_INPLACE },
		{ "--super --no-super a b", LADE_OPTION_NO_SUPER },
		{ "--no-super --super a b", LADE_OPTION_SUPER },
		{ "-UU a b", LADE_OPTION_ATIMES | LADE_OPTION_OPEN_NOATIME },
		{ "-UU --no-U --open-noatime a b", LADE_OPTION_OPEN_NOATIME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		/* Both are on this host: whole files are the rule. */
		if (options.settings.options != (cases[i].bits ^ LADE_OPTION_WHOLE_FILE))
			fail_msg("'%s': %llx", cases[i].line, (unsigned long long)options.settings.options);
	}
}

static void test_what_is_printed(void **state)
{
	(void)state;
	good("a b");
	assert_int_equal(options.human, 1);
	assert_false(options.stats || options.progress || options.quiet);
	good("-vv --stats --progress -hh a b");
	assert_int_equal(options.verbose, 2);
	assert_int_equal(options.human, 3);
	assert_true(options.stats && options.progress);
	good("-hhhhhh a b");
	assert_int_equal(options.human, 3);
	good("--no-h a b");
	assert_int_equal(options.human, 0);
	good("-vv --no-v -q a b");
	assert_int_equal(options.verbose, 0);
	assert_true(options.quiet);
}

/* What items and notes are asked for: nothing that is not printed. */
static void test_what_is_asked_for(void **state)
{
	static const struct {
		const char *line;
		bool items;
		uint64_t parts;
	} cases[] = {
		{ "-a a b", false, 0 },
		{ "-i a b", true, 0 },
		{ "-ii a b", true, LADE_ITEMS_UNCHANGED },
		{ "-v a b", true, 0 },
		{ "-vv a b", true, LADE_ITEMS_UNCHANGED },
		{ "-vv -q a b", false, 0 },
		{ "--info=name2 a b", true, LADE_ITEMS_UNCHANGED },
		{ "--info=del a b", true, 0 },
		{ "-v --info=name0,del0 a b", false, 0 },
		{ "--info=progress2 --stats a b", false, 0 },
		{ "--progress a b", true, LADE_ITEMS_SIZE },
		{ "-P a b", true, LADE_ITEMS_SIZE },
		{ "-P --no-progress a b", false, 0 },
		{ "--out-format=%n%C a b", true, LADE_ITEMS_DIGEST },
		{ "--log-format=%l a b", true, LADE_ITEMS_SIZE },
		{ "-q --out-format=%l a b", false, 0 },
		{ "--log-file=x a b", true, 0 },
		{ "-q --log-file=x --log-file-format=%M a b", true, LADE_ITEMS_TIME },
		{ "--json a b", true, LADE_ITEMS_SIZE | LADE_ITEMS_TIME | LADE_ITEMS_IDS | LADE_ITEMS_MOVED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		if (!(options.settings.options & LADE_OPTION_ITEMIZE) != !cases[i].items || options.settings.items != cases[i].parts)
			fail_msg("'%s': %llx", cases[i].line, (unsigned long long)options.settings.items);
	}
	good("a b");
	assert_int_equal(options.settings.notes, 1 << LADE_TOPIC_NONREG);
	good("-i a b");
	assert_int_equal(options.settings.notes, 1 << LADE_TOPIC_NONREG | 1 << LADE_TOPIC_NAME);
	good("-q -vv a b");
	assert_int_equal(options.settings.notes, 0);
	good("--debug=filter --info=nonreg0 a b");
	assert_int_equal(options.settings.notes, 1 << LADE_TOPIC_FILTER);
}

static void test_options_of_output(void **state)
{
	(void)state;
	good("--outbuf=n a b");
	assert_int_equal(options.outbuf, _IONBF);
	good("--outbuf=Line -8 a b");
	assert_int_equal(options.outbuf, _IOLBF);
	assert_true(options.eight_bit);
	good("a b");
	assert_int_equal(options.outbuf, -1);
	bad("--outbuf=x a b", "'--outbuf'", "none of N, L, B");
	bad("--info=frob a b", "--info", "'frob'");
	bad("--debug=acl a b", "--debug", "'acl'");
	bad("--log-file-format=%n a b", "--log-file-format", "--log-file");
	bad("--json -q a b", "--json", "--quiet");
	bad("--json --out-format=%n a b", "--json", "--out-format");
	good("--out-format= --log-file=log --log-file-format= a b");
}

static void test_values(void **state)
{
	static const char *const forms[] = {
		"-essh a b",	 "-e=ssh a b",	  "-e ssh a b",
		"--rsh=ssh a b", "--rsh ssh a b", "a b -re ssh",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		good(forms[i]);
		assert_string_equal(options.rsh, "ssh");
		assert_int_equal(options.source_count, 1);
	}
	good("--lade-path=x --token-file y --path=splice a lade+tcp://h:1/b");
	assert_string_equal(options.lade_path, "x");
	assert_string_equal(options.token_file, "y");
	assert_int_equal(options.settings.path, LADE_PATH_SPLICE);
	good("--rsync-path x a b");
	assert_string_equal(options.lade_path, "x");
	good("a b");
	assert_null(options.rsh);
	assert_int_equal(options.settings.path, LADE_PATH_AUTO);
}

/* How files are read: only where they are sent from here. */
static void test_reading(void **state)
{
	(void)state;
	good("-a a h:b");
	assert_int_equal(options.settings.directio, 0);
	assert_false(options.settings.aio);
	good("-a --directio=16m --aio a h:b");
	assert_int_equal(options.settings.directio, 16 << 20);
	assert_true(options.settings.aio);
	good("-a --directio=4096 --aio --no-aio a h:b");
	assert_int_equal(options.settings.directio, 4096);
	assert_false(options.settings.aio);
	good("-a --directio=1g --no-directio a b");
	good("-a --directio=0 a b");
	assert_int_equal(options.settings.directio, 0);
	bad("--directio=1g a b", "--directio", "another host");
	bad("--directio=1g h:a b", "--directio", "another host");
	bad("--aio a h:b", "--aio", "--directio");
	bad("--directio=big a h:b", "--directio", "size");
}

static void test_bwlimit(void **state)
{
	(void)state;
	good("-a a b");
	assert_int_equal(options.settings.bwlimit, 0);
	good("-a --bwlimit=100 a b");
	assert_int_equal(options.settings.bwlimit, 100 << 10);
	good("-a --bwlimit 1.5m a b");
	assert_int_equal(options.settings.bwlimit, 3 << 19);
	/* To whole KiB. */
	good("-a --bwlimit=10MB a b");
	assert_int_equal(options.settings.bwlimit, 9766 << 10);
	good("-a --bwlimit=512b a b");
	assert_int_equal(options.settings.bwlimit, 1024);
	good("-a --bwlimit=100 --bwlimit=0 a b");
	assert_int_equal(options.settings.bwlimit, 0);
	good("-a --bwlimit=100 --no-bwlimit a b");
	assert_int_equal(options.settings.bwlimit, 0);
	bad("-a --bwlimit=511b a b", "--bwlimit", "511b");
	bad("-a --bwlimit=-1 a b", "--bwlimit", "'-1'");
	bad("-a --bwlimit=fast a b", "--bwlimit", "fast");
	bad("-a --bwlimit= a b", "--bwlimit", "''");
}

static void test_timeouts(void **state)
{
	(void)state;
	good("-a --timeout=30 a b");
	assert_int_equal(options.settings.timeout, 30);
	good("-a --timeout=30 --no-timeout a b");
	assert_int_equal(options.settings.timeout, 0);
	good("-a --contimeout=7 --token-file=t a lade+tcp://h:1/b");
	assert_int_equal(options.contimeout, 7);
	bad("-a --timeout=-1 a b", "--timeout", "'-1'");
	bad("-a --timeout=2147483648 a b", "--timeout", "'2147483648'");
	bad("-a --contimeout=2147484 --token-file=t a lade+tcp://h:1/b", "--contimeout", "'2147484'");
	bad("-a --contimeout=7 a b", "--contimeout", "lade+tcp");
	bad("-a --contimeout=7 a h:b", "--contimeout", "ConnectTimeout");
}

static void test_limits_of_time_and_memory(void **state)
{
	int64_t now = (int64_t)time(NULL);

	(void)state;
	good("-a --stop-after=10 a b");
	assert_in_range(options.settings.stop_at, now + 600, now + 1000);
	good("-a --stop-at=2999-1-1 a b");
	assert_true(options.settings.stop_at > now + 1000);
	good("-a --stop-at=2999-1-1 --no-stop-at a b");
	assert_int_equal(options.settings.stop_at, 0);
	bad("-a --stop-after=0 a b", "--stop-after", "'0'");
	bad("-a --stop-after=1.5 a b", "--stop-after", "'1.5'");
	bad("-a --stop-at=25:00 a b", "--stop-at", "25:00");
	bad("-a --stop-at=2001-1-1 a b", "--stop-at", "not in the future");
	good("-a --max-alloc=1g a b");
	assert_int_equal(options.settings.max_alloc, 1 << 30);
	good("-a --max-alloc=1g --max-alloc=0 a b");
	assert_int_equal(options.settings.max_alloc, 0);
	bad("-a --max-alloc=127M a b", "--max-alloc", "'127M'");
}

#define TCP " --token-file=t a lade+tcp://h"

static void test_connections(void **state)
{
	(void)state;
	good("--port=7" TCP "/b");
	assert_string_equal(options.remote.port, "7");
	good(&(TCP "/b --password-file=x --port=7")[1]);
	assert_string_equal(options.token_file, "x");
	bad("--port=7" TCP ":8/b", "--port=7", "8");
	bad("--port=0" TCP "/b", "--port", "'0'");
	bad("--port=70000" TCP "/b", "--port", "'70000'");
	bad(&(TCP "/b")[1], "names no port", "--port");
	bad("--port=7 a h:b", "--port", "ssh -p");
	bad("--address=::1 a h:b", "--address", "ssh -b");
	bad("--address=::1 a b", "--address", "lade+tcp");
	bad("--token-file=t a h:b", "--password-file", "ssh");
	bad("-4 a b", "--ipv4", "this host");
	good("-4 a h:b");
	assert_int_equal(options.family, AF_INET);
	good("-4 --ipv6 a h:b");
	assert_int_equal(options.family, AF_INET6);
	good("-4 --no-ipv4 a b");
	good("--sockopts=SO_SNDBUF=4096,TCP_NODELAY=0,SO_KEEPALIVE,IPTOS_THROUGHPUT" TCP ":1/b");
	assert_int_equal(options.socket_option_count, 4);
	assert_int_equal(options.socket_options[0].option, SO_SNDBUF);
	assert_int_equal(options.socket_options[0].value, 4096);
	assert_int_equal(options.socket_options[1].level, IPPROTO_TCP);
	assert_int_equal(options.socket_options[1].value, 0);
	assert_int_equal(options.socket_options[2].value, 1);
	bad("--sockopts=SO_RCVLOWAT=9" TCP ":1/b", "'SO_RCVLOWAT=9'", "SO_SNDBUF");
	bad("--sockopts=SO_SNDBUF" TCP ":1/b", "'SO_SNDBUF'", "--sockopts");
	bad("--sockopts=SO_SNDBUF=x" TCP ":1/b", "'SO_SNDBUF=x'", "--sockopts");
	bad("--sockopts=SO_KEEPALIVE=2" TCP ":1/b", "'SO_KEEPALIVE=2'", "--sockopts");
	bad("--sockopts=IPTOS_LOWDELAY=1" TCP ":1/b", "'IPTOS_LOWDELAY=1'", "--sockopts");
	bad("--sockopts=SO_KEEPALIVE a b", "--sockopts", "lade+tcp");
}

static void test_legacy(void **state)
{
	(void)state;
	good("-as --secluded-args --protect-args --blocking-io --no-motd --no-old-args --no-N --no-crtimes --no-drop-D --no-insecure-links a b");
	bad("--old-args a b", "--old-args", "HOST:a HOST:b");
	bad("--protocol=30 a b", "--protocol", "by themselves");
	bad("--copy-as=joe a b", "--copy-as", "sudo -u");
	bad("--early-input=x a b", "--early-input", "no commands");
	bad("--motd a b", "--motd", "nothing of their own");
	bad("--rsync-path=/usr/bin/rsync a h:b", "runs rsync", "--lade-path");
	good("--rsync-path=/opt/rsync/bin/lade a h:b");
	good("--rsync-path=/opt/my-rsync a h:b");
}

static void test_errors_name_what_is_wrong(void **state)
{
	(void)state;
	bad("-a --frobnicate a b", "'--frobnicate'", "try 'lade help sync'");
	bad("-a --frobnicate=x a b", "'--frobnicate'", "try 'lade help sync'");
	bad("-a% a b", "'-%'", "try 'lade help sync'");
	bad("--recursiv a b", "'--recursiv'", "unknown");
	bad("--no-archive a b", "'--no-archive'", "unknown");
	bad("--no-exclude a b", "'--no-exclude'", "unknown");
	bad("--no- a b", "'--no-'", "unknown");
	bad("a b --exclude", "'--exclude'", "needs a value");
	bad("a b -e", "'-e'", "needs a value");
	bad("--rsh= a b", "'--rsh'", "needs a value");
	bad("-r --delete=yes a b", "'--delete'", "takes no value");
	bad("--no-r=1 a b", "'--no-r'", "takes no value");
	bad("--path=teleport a b", "'teleport'", "try 'lade help sync'");
	bad("--exclude= a b", "'--exclude'", "empty");
	bad("--delete a b", "--delete", "--recursive");
	bad("-r --delete-before --delete-delay a b", "'--delete-delay'", "only one");
	bad("-r --ignore-errors a b", "--ignore-errors", "--delete");
	bad("-r --force-delete a b", "--force-delete", "--delete");
	bad("-r --inplace --delay-updates a b", "--inplace", "--delay-updates");
	bad("-r --inplace --partial-dir=x a b", "--inplace", "--partial-dir");
	bad("-r --partial-dir=x/../y a b", "--partial-dir=x/../y", "..");
	good("-r --partial-dir=.part/ a b");
	assert_true(lade_filter_excludes(options.settings.filter, "a/.part", true));
	good("-r --partial-dir=x --no-partial a b");
	assert_null(options.settings.partial_dir);
	bad("-rb --suffix=a/b a b", "--suffix=a/b", "end of a name");
	bad("-rb --suffix= a b", "--suffix", "--backup-dir");
	good("-rb a b");
	assert_string_equal(options.settings.suffix, "~");
	good("-r --suffix=.x a b");
	assert_null(options.settings.suffix);
	good("-r --backup-dir=d --suffix= a b");
	assert_null(options.settings.suffix);
	assert_true(options.settings.options & LADE_OPTION_BACKUP);
	bad("-r --max-delete=x a b", "'x'", "--max-delete");
	bad("-r --max-delete=-2 a b", "'-2'", "--max-delete");
	bad("", "no source", "try 'lade help sync'");
	bad("--compress-level=0 a b", "'--compress-level'", "from 1 to 19");
	bad("--zl=3x a b", "'--zl'", "from 1 to 19");
	bad("--compress-level= a b", "'--compress-level'", "from 1 to 19");
	bad("--zc=lz4 a b", "'--zc'", "none of zstd, auto, none");
	bad("-@ x a b", "'-@'", "seconds");
	bad("--modify-window=-0 a b", "'--modify-window'", "seconds");
	bad("--modify-window=1.5 a b", "'--modify-window'", "seconds");
	bad("-@2147483648 a b", "'-@'", "seconds");
	bad("--append -W a b", "--append", "--whole-file");
	bad("-W --append-verify a b", "--append", "--whole-file");
	bad("--cc=md5 a b", "'md5'", "sha256");
	bad("--checksum-choice=xxh128,sha1 a b", "'sha1'", "sha256");
	bad("--cc=xxh64 a b", "'xxh64'", "xxh128");
	bad("--cc=none a b", "'none'", "always checked");
	bad("--cc=sha256, a b", "'sha256,'", "none of");
	bad("--cc= a b", "'--cc'", "none of");
	bad("--no-i-r a b", "'--no-i-r'", "always");
	bad("--checksum-seed=1 a b", "'--checksum-seed'", "key of its own");
}

/* They stand for --inplace too, and against sending files whole where both sides are on one host. */
static void test_append(void **state)
{
	(void)state;
	good("a b");
	assert_true(options.settings.options & LADE_OPTION_WHOLE_FILE);
	good("--append a b");
	assert_int_equal(options.settings.options, LADE_OPTION_APPEND | LADE_OPTION_INPLACE);
	good("--append-verify a b");
	assert_int_equal(options.settings.options, LADE_OPTION_APPEND_VERIFY | LADE_OPTION_INPLACE);
	good("--append-verify --append a b");
	assert_int_equal(options.settings.options, LADE_OPTION_APPEND_VERIFY | LADE_OPTION_INPLACE);
	good("--append --no-append --no-W a b");
	assert_int_equal(options.settings.options, 0);
}

static void test_modify_window(void **state)
{
	static const struct {
		const char *line;
		uint64_t window;
	} cases[] = {
		{ "a b", LADE_WINDOW_DEFAULT },
		{ "-@0 a b", LADE_WINDOW_SECONDS },
		{ "--modify-window=1 a b", LADE_WINDOW_SECONDS + 1 },
		{ "-@-1 a b", LADE_WINDOW_NANOSECONDS },
		{ "-@ -5 a b", LADE_WINDOW_NANOSECONDS },
		{ "--modify-window=2147483647 a b", LADE_WINDOW_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		assert_int_equal(options.settings.modify_window, cases[i].window);
	}
}

static void test_checksum_choice(void **state)
{
	static const struct {
		const char *line;
		enum lade_digest_kind sent, files;
	} cases[] = {
		{ "a b", LADE_DIGEST_XXH3, LADE_DIGEST_XXH3 },
		{ "--cc=auto a b", LADE_DIGEST_XXH3, LADE_DIGEST_XXH3 },
		{ "--cc=sha256 --cc=xxh3 a b", LADE_DIGEST_XXH3, LADE_DIGEST_XXH3 },
		{ "--checksum-choice=xxh128 a b", LADE_DIGEST_XXH3, LADE_DIGEST_XXH3 },
		{ "--cc=sha256 a b", LADE_DIGEST_SHA256, LADE_DIGEST_SHA256 },
		{ "--cc=blake2b a b", LADE_DIGEST_BLAKE2B, LADE_DIGEST_BLAKE2B },
		{ "--cc=auto,blake2b a b", LADE_DIGEST_XXH3, LADE_DIGEST_BLAKE2B },
		{ "--cc=sha256,xxh128 a b", LADE_DIGEST_SHA256, LADE_DIGEST_XXH3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		assert_int_equal(options.settings.checksum, cases[i].sent);
		assert_int_equal(options.settings.file_checksum, cases[i].files);
	}
}

static void test_what_is_updated(void **state)
{
	(void)state;
	good("-uImK --existing --ignore-existing --size-only --mkpath --preallocate --no-W a b");
	assert_int_equal(options.settings.options,
			 LADE_OPTION_UPDATE | LADE_OPTION_IGNORE_TIMES | LADE_OPTION_PRUNE_EMPTY_DIRS | LADE_OPTION_KEEP_DIRLINKS |
			 LADE_OPTION_EXISTING | LADE_OPTION_IGNORE_EXISTING | LADE_OPTION_SIZE_ONLY | LADE_OPTION_MKPATH |
			 LADE_OPTION_PREALLOCATE);
	good("--ignore-non-existing --no-existing -u --no-u --no-W a b");
	assert_int_equal(options.settings.options, 0);
}

static void test_guarded_sources(void **state)
{
	(void)state;
	good("-r --delete a host:/b/");
	assert_string_equal(options.settings.guard, "host:/b/");
	assert_int_equal(options.settings.force_delete, 0);
	good("-r --delete-excluded --force-delete host:a b/");
	assert_string_equal(options.settings.guard, "b/");
	assert_int_equal(options.settings.force_delete, 1);
	good("-r --del --force-delete --no-force-delete a b");
	assert_int_equal(options.settings.force_delete, 0);
	good("--delete-missing-args a b");
	assert_string_equal(options.settings.guard, "b");
	good("-r a b");
	assert_null(options.settings.guard);
	good("-r --delete --list-only --force-delete a b");
	assert_null(options.settings.guard);
	good("-r --delete a");
	assert_null(options.settings.guard);
}

static void test_chmod(void **state)
{
	(void)state;
	good("a b");
	assert_null(options.settings.chmod);
	good("--chmod=F600 --chmod=Fg+r,D700 a b");
	assert_int_equal(lade_mode_changes_apply(options.settings.chmod, S_IFREG | 0777), S_IFREG | 0640);
	assert_int_equal(lade_mode_changes_apply(options.settings.chmod, S_IFDIR | 0777), S_IFDIR | 0700);
	bad("--chmod=rw a b", "'--chmod'", "'rw'");
	bad("--chmod= a b", "'--chmod'", "''");
}

/* Which side fakes: this one and, on one host, the other; or the other alone. */
static void test_fake_super(void **state)
{
	static const struct {
		const char *line;
		uint64_t near, far;
	} cases[] = {
		{ "a b", 0, 0 },
		{ "--fake-super a b", LADE_OPTION_FAKE_SUPER, LADE_OPTION_FAKE_SUPER },
		{ "--fake-super a host:b", LADE_OPTION_FAKE_SUPER, 0 },
		{ "-M--fake-super a host:b", 0, LADE_OPTION_FAKE_SUPER },
		{ "-M--fake-super a b", 0, LADE_OPTION_FAKE_SUPER },
		{ "--fake-super -M --super a b", LADE_OPTION_FAKE_SUPER, LADE_OPTION_SUPER },
		{ "--fake-super --super a b", LADE_OPTION_SUPER, LADE_OPTION_SUPER },
		{ "--fake-super --no-super a host:b", LADE_OPTION_NO_SUPER, LADE_OPTION_NO_SUPER },
		{ "--fake-super --no-fake-super a b", 0, 0 },
		{ "--super --remote-option=--no-super host:a b", LADE_OPTION_SUPER, LADE_OPTION_NO_SUPER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		assert_int_equal(options.settings.options & LADE_OPTIONS_SUPER, cases[i].near);
		assert_int_equal(options.settings.far_super, cases[i].far);
	}
	bad("-M--bwlimit=1 a host:b", "'-M'", "'--bwlimit=1'");
	bad("--write-devices -S a b", "--write-devices", "--sparse");
	bad("--write-devices --append a b", "--write-devices", "--append");
	bad("--write-devices --preallocate a b", "--write-devices", "--preallocate");
	bad("--write-devices --index a b", "--write-devices", "--index");
	bad("--write-devices --link-dest=c a b", "--write-devices", "--link-dest");
}

static void test_maps_of_owners(void **state)
{
	(void)state;
	good("--chown=bob:staff a b");
	assert_string_equal(options.settings.usermap, "*:bob");
	assert_string_equal(options.settings.groupmap, "*:staff");
	assert_int_equal(options.settings.options & (LADE_OPTION_OWNER | LADE_OPTION_GROUP), LADE_OPTION_OWNER | LADE_OPTION_GROUP);
	good("--chown=bob a b");
	assert_string_equal(options.settings.usermap, "*:bob");
	assert_null(options.settings.groupmap);
	good("--chown=:9 --usermap=0:1 a b");
	assert_string_equal(options.settings.usermap, "0:1");
	assert_string_equal(options.settings.groupmap, "*:9");
	good("--usermap=root:1,*:2 --no-usermap a b");
	assert_null(options.settings.usermap);
	assert_int_equal(options.settings.options & LADE_OPTION_OWNER, 0);
	good("--groupmap=root:1,*:2 a b");
	assert_int_equal(options.settings.options & (LADE_OPTION_OWNER | LADE_OPTION_GROUP), LADE_OPTION_GROUP);
	bad("--chown=bob --usermap=0:1 a b", "--chown", "--usermap");
	bad("--groupmap=0:1 --chown=:bob a b", "--chown", "--groupmap");
	bad("--chown=a,b a b", "--chown", "FROM:TO");
	bad("--usermap=bob a b", "--usermap", "'bob'");
	bad("--groupmap=1-:2 a b", "--groupmap", "'1-:2'");
}

static void test_compression(void **state)
{
	static const struct {
		const char *line;
		enum lade_compression compression;
		int level;
	} cases[] = {
		{ "a b", LADE_COMPRESSION_NONE, 0 },
		{ "-z a b", LADE_COMPRESSION_AUTO, 0 },
		{ "-z --no-z a b", LADE_COMPRESSION_NONE, 0 },
		{ "--zc=zstd a b", LADE_COMPRESSION_ZSTD, 3 },
		{ "--compress-choice=auto a b", LADE_COMPRESSION_AUTO, 0 },
		{ "-z --zc=none a b", LADE_COMPRESSION_NONE, 0 },
		{ "--zl=9 a b", LADE_COMPRESSION_ZSTD, 9 },
		{ "--compress-level=19 --zc=zstd a b", LADE_COMPRESSION_ZSTD, 19 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		assert_int_equal(options.settings.compression, cases[i].compression);
		assert_int_equal(options.settings.level, cases[i].level);
	}
}

static void test_arguments_that_look_like_options(void **state)
{
	(void)state;
	good("-a -- -x --delete");
	assert_string_equal(options.sources[0], "-x");
	assert_string_equal(options.destination, "--delete");
	good("- -");
	assert_string_equal(options.sources[0], "-");
}

static void test_help_and_version_need_nothing_else(void **state)
{
	(void)state;
	good("--help");
	assert_true(options.help);
	good("-h");
	assert_true(options.help);
	good("--version --frobnicate");
	assert_true(options.version);
	good("-V");
	assert_true(options.version);
	good("-h a b");
	assert_false(options.help);
	bad("-h -h", "no source", "");
}

static void test_filters_are_kept_in_order(void **state)
{
	char file[] = "/tmp/lade-test-rules-XXXXXX", line[256];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "# comment\n*.c\n"), 14);
	close(fd);
	good("--include=keep.o --exclude *.o a b");
	assert_false(lade_filter_excludes(options.settings.filter, "keep.o", false));
	assert_true(lade_filter_excludes(options.settings.filter, "other.o", false));
	good("--exclude *.o --include=keep.o a b");
	assert_true(lade_filter_excludes(options.settings.filter, "keep.o", false));
	snprintf(line, sizeof(line), "--include a.c --exclude-from=%s a b", file);
	good(line);
	assert_false(lade_filter_excludes(options.settings.filter, "a.c", false));
	assert_true(lade_filter_excludes(options.settings.filter, "b.c", false));
	snprintf(line, sizeof(line), "--include-from %s --exclude=* a b", file);
	good(line);
	assert_false(lade_filter_excludes(options.settings.filter, "a.c", false));
	assert_true(lade_filter_excludes(options.settings.filter, "b.h", false));
	unlink(file);
	assert_int_not_equal(parse(line), 0);
	assert_int_equal(complaint.exit_status, LADE_EXIT_FILE);
	assert_non_null(strstr(complaint.text, file));
	good("a b");
	assert_true(lade_filter_empty(options.settings.filter));
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *argument;
		struct lade_endpoint endpoint;
	} cases[] = {
		{ "path", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"path" } },
		{ "./a:b", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"./a:b" } },
		{ "/a:b", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"/a:b" } },
		{ "a/b:c@d", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"a/b:c@d" } },
		{ "a@b", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"a@b" } },
		{ "[a]", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"[a]" } },
		{ "[a]/b:c", { LADE_ENDPOINT_LOCAL, NULL, NULL, NULL, NULL, (char *)"[a]/b:c" } },
		{ "host:path", { LADE_ENDPOINT_SSH, NULL, (char *)"host", NULL, NULL, (char *)"path" } },
		{ "host:", { LADE_ENDPOINT_SSH, NULL, (char *)"host", NULL, NULL, (char *)"./" } },
		{ "host:/a:b", { LADE_ENDPOINT_SSH, NULL, (char *)"host", NULL, NULL, (char *)"/a:b" } },
		{ "user@host:a@b",
		  { LADE_ENDPOINT_SSH, (char *)"user", (char *)"host", NULL, NULL, (char *)"a@b" } },
		{ "[::1]:p", { LADE_ENDPOINT_SSH, NULL, (char *)"::1", NULL, NULL, (char *)"p" } },
		{ "u@[fe80::1%eth0]:p",
		  { LADE_ENDPOINT_SSH, (char *)"u", (char *)"fe80::1%eth0", NULL, NULL, (char *)"p" } },
		{ ":p", { LADE_ENDPOINT_SSH, NULL, (char *)"", NULL, NULL, (char *)"p" } },
		{ "lade+tcp://h/p", { LADE_ENDPOINT_TCP, NULL, (char *)"h", NULL, NULL, (char *)"/p" } },
		{ "lade+tcp://h:1/p q",
		  { LADE_ENDPOINT_TCP, NULL, (char *)"h", (char *)"1", NULL, (char *)"/p q" } },
		{ "lade+tcp://[::1]:65535/",
		  { LADE_ENDPOINT_TCP, NULL, (char *)"::1", (char *)"65535", NULL, (char *)"/" } },
		{ "lade+tcp://h:1/a/~/b",
		  { LADE_ENDPOINT_TCP, NULL, (char *)"h", (char *)"1", NULL, (char *)"/a/~/b" } },
		{ "lade://h/m", { LADE_ENDPOINT_DAEMON, NULL, (char *)"h", NULL, (char *)"m", (char *)"/" } },
		{ "lade://h/m/", { LADE_ENDPOINT_DAEMON, NULL, (char *)"h", NULL, (char *)"m", (char *)"/" } },
		{ "lade://h/", { LADE_ENDPOINT_DAEMON, NULL, (char *)"h", NULL, (char *)"", (char *)"/" } },
		{ "lade://h:1/m/a b/~", { LADE_ENDPOINT_DAEMON, NULL, (char *)"h", (char *)"1", (char *)"m", (char *)"/a b/~" } },
		{ "lade://u@[::1]:2/m/@x", { LADE_ENDPOINT_DAEMON, (char *)"u", (char *)"::1", (char *)"2", (char *)"m", (char *)"/@x" } },
		{ "lade://h/m@n:o", { LADE_ENDPOINT_DAEMON, NULL, (char *)"h", NULL, (char *)"m@n:o", (char *)"/" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
		const struct lade_endpoint *expected = &cases[i].endpoint;

		if (lade_endpoint_parse(&endpoint, cases[i].argument, &complaint))
			fail_msg("'%s': %s", cases[i].argument, complaint.text);
		assert_int_equal(endpoint.kind, expected->kind);
		assert_string_equal(endpoint.path, expected->path);
		assert_true(lade_endpoint_same_host(expected, &endpoint));
		if (expected->host && expected->host[0])
			assert_string_equal(endpoint.host, expected->host);
		lade_endpoint_fini(&endpoint);
	}
}

static void test_endpoints_that_are_refused(void **state)
{
	static const struct {
		const char *argument;
		const char *why;
	} cases[] = {
		{ "", "empty" },
		{ "-oProxyCommand=x:p", "dash" },
		{ "u@-oProxyCommand=x:p", "dash" },
		{ "-u@h:p", "dash" },
		{ "[-o]:p", "dash" },
		{ "@h:p", "user@host" },
		{ "u@:p", "user@host" },
		{ "h::m", "rsync's protocol" },
		{ "rsync://h/m", "rsync's protocol" },
		{ "lade://h", "MODULE" },
		{ "lade:///m", "MODULE" },
		{ "lade://h//m", "MODULE" },
		{ "lade://-h/m", "MODULE" },
		{ "lade://u@-h/m", "MODULE" },
		{ "lade://u@v@h/m", "MODULE" },
		{ "lade://[::1/m", "MODULE" },
		{ "lade://@h/m", "user" },
		{ "lade://u v@h/m", "user" },
		{ "lade://u:secret@h/m", "--password-file" },
		{ "lade://h:x/m", "port" },
		{ "lade://h:0/m", "port" },
		{ "lade://h:65536/m", "port" },
		{ "https://h/m", "unknown kind" },
		{ "lade+tcp://:1/p", "HOST:PORT" },
		{ "lade+tcp://[::1/p", "HOST:PORT" },
		{ "lade+tcp://-h:1/p", "HOST:PORT" },
		{ "lade+tcp://u@h:1/p", "HOST:PORT" },
		{ "lade+tcp://h:/p", "port" },
		{ "lade+tcp://h:1x/p", "path" },
		{ "lade+tcp://h:00/p", "port" },
		{ "lade+tcp://h:65536/p", "port" },
		{ "lade+tcp://h:100000/p", "port" },
		{ "lade+tcp://h:1", "path" },
		{ "lade+tcp://h:1/~", "absolute" },
		{ "lade+tcp://h:1/~/p", "absolute" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };

		if (lade_endpoint_parse(&endpoint, cases[i].argument, &complaint) != LADE_E_USAGE)
			fail_msg("'%s' was accepted", cases[i].argument);
		if (!strstr(complaint.text, cases[i].why))
			fail_msg("'%s': %s", cases[i].argument, complaint.text);
		lade_endpoint_fini(&endpoint);
	}
}

static void test_where_the_sides_are(void **state)
{
	(void)state;
	good("a b/ c");
	assert_int_equal(options.remote.kind, LADE_ENDPOINT_LOCAL);
	assert_true(options.push);
	assert_int_equal(options.source_count, 2);
	assert_string_equal(options.sources[1], "b/");
	assert_string_equal(options.destination, "c");
	good("a b u@h:c");
	assert_true(options.push);
	assert_string_equal(options.remote.user, "u");
	assert_string_equal(options.remote.host, "h");
	assert_string_equal(options.destination, "c");
	good("h:a :b h:/c d");
	assert_false(options.push);
	assert_string_equal(options.remote.host, "h");
	assert_int_equal(options.source_count, 3);
	assert_string_equal(options.sources[1], "b");
	assert_string_equal(options.sources[2], "/c");
	assert_string_equal(options.destination, "d");
	good("--token-file=t lade+tcp://h:1/a lade+tcp://h:1/b c");
	assert_false(options.push);
	assert_int_equal(options.remote.kind, LADE_ENDPOINT_TCP);
	assert_string_equal(options.sources[1], "/b");
	bad("h:a h:b", "both remote", "try");
	bad("h:a other:b c", "'other:b'", "one host");
	bad("h:a u@h:b c", "'u@h:b'", "one host");
	bad("h:a b c", "'b'", "one host");
	bad("a h:b c", "'h:b'", "one host");
	bad(":a b", "':a'", "no host");
	bad("a :b", "':b'", "no host");
	bad("h:a :b", "':b'", "no host");
	bad("a lade+tcp://h:1/b", "--token-file", "lade+tcp://");
}

static void test_daemons(void **state)
{
	(void)state;
	good("-a a lade://h/m/b");
	assert_true(options.push);
	assert_string_equal(options.remote.port, "8730");
	assert_string_equal(options.remote.module, "m");
	assert_string_equal(options.destination, "/b");
	good("-a --port=99 --key=k --ca=c --accept-new-host --contimeout=1 -4 --password-file=p lade://u@h/m/a lade://u@h/m/b c");
	assert_string_equal(options.remote.port, "99");
	assert_string_equal(options.key_file, "k");
	assert_string_equal(options.ca_file, "c");
	assert_true(options.accept_new_host);
	assert_string_equal(options.token_file, "p");
	assert_string_equal(options.sources[1], "/b");
	good("lade://h/");
	assert_true(options.list_only);
	assert_string_equal(options.remote.module, "");
	good("-a --files-from=lade://h/m/list lade://h/m/a b");
	assert_string_equal(options.settings.files_from, "/list");
	bad("-a --files-from=lade://h/m lade://h/m/a b", "lade://h/m", "list");
	bad("-a a lade://h/", "module", "lade list");
	bad("-a lade://h/ b", "module", "lade list");
	bad("lade://h/m/a lade://h/n/b c", "lade://h/n/b", "one host");
	bad("lade://h/m/a lade://u@h/m/b c", "lade://u@h/m/b", "one host");
	bad("lade://h/m/a lade://h/m/b", "both remote", "try");
	bad("--password-file=p lade://h/m/a b", "--password-file", "USER@");
	bad("--port=1 lade://h:2/m/a b", "--port=1", "2");
	bad("--port=0 lade://h/m/a b", "--port", "'0'");
	bad("--key=k a h:b", "--key", "lade://");
	bad("--ca=c a b", "--ca", "lade://");
	bad("--accept-new-host --token-file=t a lade+tcp://h:1/b", "--accept-new-host", "lade://");
	bad("--password-file=- --files-from=- -a a lade://u@h/m/b", "standard input", "--files-from");
}

static void test_too_many_sources(void **state)
{
	char *argv[LADE_SOURCES_MAX + 3];

	(void)state;
	for (unsigned i = 0; i < LADE_SOURCES_MAX + 2; i++)
		argv[i] = (char *)(i < LADE_SOURCES_MAX + 1 ? "host:x" : "x");
	lade_options_fini(&options);
	assert_int_equal(lade_options_parse(&options, LADE_SOURCES_MAX + 2, argv, &complaint),
			 LADE_E_USAGE);
	lade_options_fini(&options);
	argv[LADE_SOURCES_MAX] = (char *)"x";
	assert_int_equal(lade_options_parse(&options, LADE_SOURCES_MAX + 1, argv, &complaint), 0);
	assert_int_equal(options.source_count, LADE_SOURCES_MAX);
	/* What is here needs no message that it would have to fit in. */
	lade_options_fini(&options);
	for (unsigned i = 0; i < LADE_SOURCES_MAX + 2; i++)
		argv[i] = (char *)"x";
	assert_int_equal(lade_options_parse(&options, LADE_SOURCES_MAX + 2, argv, &complaint), 0);
}

/* Up to twenty directories of one kind. */
static void test_alternatives(void **state)
{
	char words[LADE_ALTERNATIVES_MAX + 1][32], *argv[LADE_ALTERNATIVES_MAX + 4];

	(void)state;
	good("a b");
	assert_int_equal(options.settings.alternative, LADE_ALTERNATIVE_NONE);
	assert_int_equal(options.settings.options & LADE_OPTION_FUZZY, 0);
	good("--link-dest=x --link-dest ../y a b");
	assert_int_equal(options.settings.alternative, LADE_ALTERNATIVE_LINK);
	assert_int_equal(options.settings.alternative_count, 2);
	assert_string_equal(options.alternatives[0], "x");
	assert_string_equal(options.alternatives[1], "../y");
	good("--copy-dest=x a b");
	assert_int_equal(options.settings.alternative, LADE_ALTERNATIVE_COPY);
	good("--compare-dest=x a b");
	assert_int_equal(options.settings.alternative, LADE_ALTERNATIVE_COMPARE);
	bad("--compare-dest=x --copy-dest=y a b", "--compare-dest", "--copy-dest");
	bad("--link-dest=x --copy-dest=y a b", "--link-dest", "--copy-dest");
	bad("--link-dest= a b", "--link-dest", "value");
	for (unsigned i = 0; i <= LADE_ALTERNATIVES_MAX; i++) {
		snprintf(words[i], sizeof(words[i]), "--link-dest=%u", i);
		argv[i] = words[i];
	}
	for (unsigned extra = 0; extra < 2; extra++) {
		argv[LADE_ALTERNATIVES_MAX + extra] = (char *)"a";
		argv[LADE_ALTERNATIVES_MAX + extra + 1] = (char *)"b";
		lade_options_fini(&options);
		assert_int_equal(lade_options_parse(&options, (int)(LADE_ALTERNATIVES_MAX + extra + 2), argv, &complaint),
				 extra ? LADE_E_USAGE : 0);
		snprintf(words[LADE_ALTERNATIVES_MAX], sizeof(words[0]), "--link-dest=one-more");
		argv[LADE_ALTERNATIVES_MAX] = words[LADE_ALTERNATIVES_MAX];
	}
}

static void test_fuzzy(void **state)
{
	(void)state;
	good("-y a b");
	assert_int_equal(options.fuzzy, 1);
	assert_true(options.settings.options & LADE_OPTION_FUZZY);
	good("-yy a b");
	assert_int_equal(options.fuzzy, 2);
	good("--fuzzy --no-fuzzy a b");
	assert_int_equal(options.settings.options & LADE_OPTION_FUZZY, 0);
}

static void request_is(const struct lade_remote_shell_request *request, const char *expected)
{
	struct lade_remote_shell shell = { NULL, NULL, NULL };
	char text[512] = "";

	assert_int_equal(lade_remote_shell_build(&shell, request, &complaint), 0);
	for (char **word = shell.argv; *word; word++) {
		strcat(text, *word);
		strcat(text, "|");
	}
	assert_string_equal(text, expected);
	lade_remote_shell_fini(&shell);
}

static void shell_is(const char *rsh, const struct lade_endpoint *remote, const char *program,
		     const char *expected)
{
	request_is(&(struct lade_remote_shell_request){ .rsh = rsh, .remote = remote, .program = program }, expected);
}

static void test_addresses_for_ssh(void **state)
{
	struct lade_endpoint host = { .kind = LADE_ENDPOINT_SSH, .host = (char *)"h" };
	struct lade_remote_shell_request request = { .rsh = "/usr/bin/ssh -p 1", .remote = &host, .family = AF_INET6 };
	struct lade_remote_shell shell = { NULL, NULL, NULL };

	(void)state;
	request_is(&request, "/usr/bin/ssh|-6|-p|1|h|lade serve --stdio|");
	request.rsh = "ssh";
	request.family = AF_INET;
	request_is(&request, "ssh|-4|h|lade serve --stdio|");
	request.rsh = "rsh -x";
	assert_int_equal(lade_remote_shell_build(&shell, &request, &complaint), LADE_E_USAGE);
	assert_non_null(strstr(complaint.text, "'rsh'"));
	lade_remote_shell_fini(&shell);
}

static void test_remote_shell(void **state)
{
	struct lade_endpoint host = { .kind = LADE_ENDPOINT_SSH, .host = (char *)"h" };
	struct lade_endpoint user = { .kind = LADE_ENDPOINT_SSH,
				      .user = (char *)"u",
				      .host = (char *)"h" };
	static const char *const broken[] = { "'", "ssh \"x", "", "   ", "''", "'' x" };

	(void)state;
	unsetenv("LADE_RSH");
	unsetenv("RSYNC_RSH");
	shell_is(NULL, &host, NULL, "ssh|h|lade serve --stdio|");
	shell_is("ssh -p 22", &user, "/opt/lade x", "ssh|-p|22|-l|u|h|/opt/lade x serve --stdio|");
	shell_is(" a\tb  c ", &host, "l", "a|b|c|h|l serve --stdio|");
	shell_is("'a b' \"c 'd\" e'f g'h ''", &host, "l", "a b|c 'd|ef gh||h|l serve --stdio|");
	shell_is("'it''s' \"a\"\"b\" $HOME \\x", &host, "l",
		 "it's|a\"b|$HOME|\\x|h|l serve --stdio|");
	shell_is("a b c d e f g h i", &user, "l", "a|b|c|d|e|f|g|h|i|-l|u|h|l serve --stdio|");
	setenv("RSYNC_RSH", "rsh -x", 1);
	shell_is(NULL, &host, "l", "rsh|-x|h|l serve --stdio|");
	setenv("LADE_RSH", "lsh", 1);
	shell_is(NULL, &host, "l", "lsh|h|l serve --stdio|");
	shell_is("ssh", &host, "l", "ssh|h|l serve --stdio|");
	unsetenv("LADE_RSH");
	unsetenv("RSYNC_RSH");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct lade_remote_shell shell = { NULL, NULL, NULL };
		const struct lade_remote_shell_request request = { .rsh = broken[i], .remote = &host };

		assert_int_equal(lade_remote_shell_build(&shell, &request, &complaint), LADE_E_USAGE);
		lade_remote_shell_fini(&shell);
	}
}

static void test_no_name_stands_twice(void **state)
{
	size_t count;
	const struct lade_option_row *rows = lade_sync_options(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const char *names[] = { rows[i].name, rows[i].alias };

		assert_true(rows[i].name || rows[i].letter);
		assert_true(rows[i].text || rows[i].refused);
		for (size_t j = 0; j < count; j++) {
			if (j != i && rows[i].letter)
				assert_int_not_equal(rows[i].letter, rows[j].letter);
			for (size_t k = 0; k < 2; k++) {
				if (j == i || !names[k])
					continue;
				if (rows[j].name)
					assert_string_not_equal(names[k], rows[j].name);
				if (rows[j].alias)
					assert_string_not_equal(names[k], rows[j].alias);
			}
		}
	}
}

static void test_help_lists_what_there_is(void **state)
{
	static const char *const commands[] = { "sync", "serve", "paths", "help", "version" };
	char *text = NULL, word[64];
	size_t text_len = 0, count, widest = 0;
	const struct lade_option_row *rows = lade_sync_options(&count);
	FILE *file = open_memstream(&text, &text_len);

	(void)state;
	assert_non_null(file);
	assert_int_equal(lade_help_print(file, "sync"), 0);
	fflush(file);
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].name)
			continue;
		snprintf(word, sizeof(word), " --%s", rows[i].name);
		if (rows[i].refused)
			snprintf(word, sizeof(word), " --%s ", rows[i].name);
		if (!strstr(text, word) != !!rows[i].refused)
			fail_msg("--%s", rows[i].name);
	}
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		if ((size_t)(end - line) > widest)
			widest = (size_t)(end - line);
	}
	assert_in_range(widest, 40, 100);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		assert_int_equal(lade_help_print(file, commands[i]), 0);
	assert_int_equal(lade_help_print(file, NULL), 0);
	assert_int_equal(lade_help_print(file, "frobnicate"), LADE_E_ABSENT);
	fclose(file);
	free(text);
}

/* --iconv: which character set is whose. */
static void test_charsets(void **state)
{
	static const struct {
		const char *line, *near, *far;
	} cases[] = {
		{ "--iconv=utf8,latin1 a host:b", "utf8", "latin1" },
		{ "--iconv=utf8,latin1 host:a b", "utf8", "latin1" },
		{ "--iconv=utf8 a b", "utf8", "utf8" },
		{ "--iconv=. a b", ".", "." },
		{ "--iconv=.,utf8 a b", ".", "utf8" },
		{ "--iconv=,utf8 a b", ".", "utf8" },
		{ "--iconv=utf8, a b", "utf8", "." },
		{ "--iconv=- a b", NULL, NULL },
		{ "--iconv=utf8 --no-iconv a b", NULL, NULL },
		{ "a b", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(cases[i].line);
		assert_int_equal(options.iconv != NULL, cases[i].near != NULL);
		if (cases[i].near) {
			assert_string_equal(options.charset, cases[i].near);
			assert_string_equal(options.settings.far_names, cases[i].far);
		} else {
			assert_null(options.settings.far_names);
		}
	}
	bad("--iconv=a,b,c a b", "--iconv", "a,b,c");
	assert_int_equal(setenv("RSYNC_ICONV", "utf8,latin1", 1), 0);
	good("a b");
	assert_string_equal(options.settings.far_names, "latin1");
	good("--no-iconv a b");
	assert_null(options.settings.far_names);
	good("--iconv=- a b");
	assert_null(options.settings.far_names);
	assert_int_equal(unsetenv("RSYNC_ICONV"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_what_is_printed),
		cmocka_unit_test(test_guarded_sources),
		cmocka_unit_test(test_chmod),
		cmocka_unit_test(test_maps_of_owners),
		cmocka_unit_test(test_fake_super),
		cmocka_unit_test(test_what_is_asked_for),
		cmocka_unit_test(test_options_of_output),
		cmocka_unit_test(test_compression),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_bwlimit),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_errors_name_what_is_wrong),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_modify_window),
		cmocka_unit_test(test_checksum_choice),
		cmocka_unit_test(test_what_is_updated),
		cmocka_unit_test(test_arguments_that_look_like_options),
		cmocka_unit_test(test_help_and_version_need_nothing_else),
		cmocka_unit_test(test_filters_are_kept_in_order),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_endpoints_that_are_refused),
		cmocka_unit_test(test_where_the_sides_are),
		cmocka_unit_test(test_daemons),
		cmocka_unit_test(test_too_many_sources),
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_fuzzy),
		cmocka_unit_test(test_remote_shell),
		cmocka_unit_test(test_addresses_for_ssh),
		cmocka_unit_test(test_limits_of_time_and_memory),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_no_name_stands_twice),
		cmocka_unit_test(test_help_lists_what_there_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
