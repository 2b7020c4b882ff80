/*
 * A sender whose entry stream lies: names that climb, structure that does not add up,
 * types that contradict themselves, more than was granted (attack classes A1, A2, A7, A9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fault/attack.h"

#define STREAM LADE_EXIT_STREAM

/* ---- names ---- */

/* The name of attack->len bytes at attack->data, as a file, as a directory and as a symlink. */
static void bad_name(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(attack->data, attack->len), .mode = S_IFREG | 0644, .size = 3,
			.mtime_s = 1,
	};

	attack_root(peer);
	attack_file(peer, "!first", 0);
	lade_put_entry(&peer->out, &entry);
	attack_entries_end(peer);
}

static void bad_directory_name(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(attack->data, attack->len), .mode = S_IFDIR | 0755, .mtime_s = 1,
	};

	attack_root(peer);
	attack_file(peer, "!first", 0);
	lade_put_entry(&peer->out, &entry);
	attack_file(peer, "canary", 3);
	attack_leave(peer);
	attack_entries_end(peer);
}

/* ---- order and structure ---- */

/* attack->data: one character per message; see the switch. */
static void structure(struct peer *peer, const struct attack *attack)
{
	for (const char *at = attack->data; *at; at++) {
		switch (*at) {
		case 'R':
			attack_root(peer);
			break;
		case '.':
			attack_directory(peer, ".");
			break;
		case 'D':
			attack_directory(peer, "d");
			break;
		case 'L':
			attack_leave(peer);
			break;
		case 'E':
			attack_entries_end(peer);
			break;
		default: {
			const char name[2] = { *at, '\0' };

			attack_file(peer, name, 3);
		}
		}
	}
	peer_say(peer);
	(void)peer_finish_session(peer);
}

/* A single file that is a directory after all: it would open up what is around the destination. */
static void single_directory(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_root root = { 1 };

	peer_hello(peer);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, scene_path(attack_scene(), attack->data));
	lade_put_root(&peer->out, &root);
	attack_directory(peer, attack->len ? "." : "new");
	attack_file(peer, "planted", 0);
	attack_leave(peer);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

static void nothing_planted(const struct scene *scene)
{
	assert_int_equal(access(scene_path(scene, "planted"), F_OK), -1);
}

static void single_twice(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_root root = { 1 };

	(void)attack;
	peer_hello(peer);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, scene_path(attack_scene(), "new"));
	lade_put_root(&peer->out, &root);
	attack_file(peer, "a", 0);
	attack_file(peer, "b", 0);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* Directories in each other beyond the limit; a dry run, so that it costs nothing. */
static void too_deep(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	attack_root(peer);
	for (unsigned i = 0; i <= LADE_DEPTH_MAX; i++) {
		attack_directory(peer, "d");
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
	attack_entries_end(peer);
}

/* Wants are not answered, so the planner stops; entries come nevertheless. */
static void beyond_credit(struct peer *peer, const struct attack *attack)
{
	char name[201];

	(void)attack;
	attack_root(peer);
	for (unsigned i = 0; i < 40000 && !peer->lost; i++) {
		snprintf(name, sizeof(name), "%0200u", i);
		attack_file(peer, name, 1);
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
	attack_entries_end(peer);
}

/* ---- fields ---- */

static void put_one(struct peer *peer, const struct lade_msg_entry *entry)
{
	attack_root(peer);
	attack_file(peer, "first", 0);
	lade_put_entry(&peer->out, entry);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* attack->data is the entry. */
static void bad_entry(struct peer *peer, const struct attack *attack)
{
	put_one(peer, attack->data);
}

static void long_target(struct peer *peer, const struct attack *attack)
{
	static char target[LADE_TARGET_MAX];
	const struct lade_msg_entry entry = {
		.name = lade_slice("link", 4), .mode = S_IFLNK | 0777,
			.target = { (const uint8_t *)target, sizeof(target) },
	};

	(void)attack;
	memset(target, 'x', sizeof(target));
	put_one(peer, &entry);
}

static void bad_xattrs(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice("second", 6), .mode = S_IFREG | 0644,
			.xattrs = lade_slice(attack->data, attack->len),
	};

	put_one(peer, &entry);
}

static void link_to(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_entry entry = { .name = lade_slice("second", 6), .mode = S_IFREG | 0644 };

	memcpy(&entry.link, attack->data, sizeof(entry.link));
	put_one(peer, &entry);
}

/* More names for ids than anybody has: they must not be kept for nothing. */
static void identity_flood(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_identity identity = { .name = lade_slice("nobody-has-this-name", 20) };

	(void)attack;
	attack_root(peer);
	for (unsigned i = 0; i < 2000; i++) {
		identity.id = 10000 + i;
		lade_put_identity(&peer->out, &identity);
		if (peer->out.len > LADE_CONTROL_MAX / 2)
			peer_say(peer);
	}
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* A name of attack->len bytes at attack->data. */
static void bad_identity(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_identity identity = { .id = 5, .name = lade_slice(attack->data,
										attack->len) };

	attack_root(peer);
	lade_put_identity(&peer->out, &identity);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* ---- types that contradict each other ---- */

/* `a` is a symlink to what lies outside, then a directory with something in it. */
static void link_then_directory(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	attack_root(peer);
	attack_symlink(peer, "a", attack_scene()->outside);
	attack_directory(peer, "a");
	attack_file(peer, "canary", 0);
	attack_file(peer, "planted", 0);
	attack_leave(peer);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* The destination has a symlink where the sender has a directory. */
static void directory_over_link(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	if (symlink(attack_scene()->outside, scene_path(attack_scene(), "a")))
		abort();
	attack_root(peer);
	attack_directory(peer, "a");
	attack_file(peer, "canary", 0);
	attack_leave(peer);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* -K: `a` is a symlink to a directory of the destination, and as soon as it is there a directory with something in it. */
static void link_within_then_directory(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	if (mkdir(scene_path(attack_scene(), "target"), 0755))
		abort();
	attack_root(peer);
	attack_symlink(peer, "a", "target");
	attack_directory(peer, "a");
	attack_file(peer, "planted", 0);
	attack_leave(peer);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

/* It went into the directory that it came with. */
static void nothing_in_target(const struct scene *scene)
{
	assert_int_equal(access(scene_path(scene, "target/planted"), F_OK), -1);
	assert_int_equal(access(scene_path(scene, "a/planted"), F_OK), 0);
}

/* Something of a kind that the options leave out (A14). attack->data is the entry. */
static void not_asked_for(struct peer *peer, const struct attack *attack)
{
	put_one(peer, attack->data);
}

/* attack->data is the name of a directory on the way, or of what is missing; neither may be said. */
static void bad_implied(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_implied implied = { lade_slice(attack->data, attack->len) };

	attack_root(peer);
	lade_put_implied(&peer->out, &implied);
	attack_leave(peer);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

static void bad_missing(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_missing missing = { lade_slice(attack->data, attack->len) };

	attack_root(peer);
	lade_put_missing(&peer->out, &missing);
	attack_entries_end(peer);
	(void)peer_finish_session(peer);
}

static void nothing_second(const struct scene *scene)
{
	struct stat st;

	assert_int_equal(lstat(scene_path(scene, "second"), &st), -1);
}

static char long_name[LADE_NAME_MAX + 1];
static const uint64_t link_forward = LADE_LINK_FOLLOWS + 2, link_self = LADE_LINK_FOLLOWS + 1,
	link_far = UINT64_MAX, link_no_leader = LADE_LINK_FOLLOWS;

#define ENTRY(...) \
	&(const struct lade_msg_entry){ .name = SLICE("second"), .mtime_s = 1, __VA_ARGS__ }
#define BYTES(text) .data = text, .len = sizeof(text) - 1
#define NAME(title, text) \
	{ "name " title, bad_name, .status = STREAM, BYTES(text) }, \
	{ "directory " title, bad_directory_name, .status = STREAM, BYTES(text) }
#define STRUCTURE(title, text, exit_status) { title, structure, .status = exit_status, .data = text }
#define SLICE(text) { (const uint8_t *)text, sizeof(text) - 1 }
#define BY_NAME (ATTACK_OPTIONS & ~(uint64_t)LADE_OPTION_NUMERIC_IDS)

/* Both kinds, with their lengths before them; wished for or not, they are checked. */
#define BAD_ACL(title, value) \
	{ "xattrs: an ACL " title, bad_xattrs, .status = STREAM, \
	  BYTES("\1\027system.posix_acl_access" value) }, \
	{ "xattrs: a default ACL " title, bad_xattrs, .status = STREAM, \
	  .options = ATTACK_OPTIONS | LADE_OPTION_ACLS, \
	  BYTES("\1\030system.posix_acl_default" value) }
#define ACL_VERSION "\2\0\0\0"
#define ACL_OWNER "\1\0\6\0\377\377\377\377"
#define ACL_USER "\2\0\6\0\1\0\0\0"
#define ACL_OWNING "\4\0\4\0\377\377\377\377"
#define ACL_OTHERS "\40\0\4\0\377\377\377\377"

static const struct attack attacks[] = {
	NAME("..", ".."), NAME("absolute", "/nonexistent/lade/planted"), NAME("climbing",
									      "../outside/canary"),
	NAME("of two components", "a/b"), NAME("with a NUL", "a\0b"), NAME("of nothing", ""),
	NAME("with a slash at its end", "a/"), NAME("beginning with ./", "./a"), NAME("a slash",
										      "/"),
	NAME(". below the root", "."),
	{ "name of 256 bytes", bad_name, .status = STREAM, .data = long_name,
	  .len = sizeof(long_name) },

	STRUCTURE("an honest stream", "R.DLLE", LADE_EXIT_OK),
	STRUCTURE("an honest stream of no root entry", "RDLE", LADE_EXIT_OK),
	STRUCTURE("no root", "a", STREAM),
	STRUCTURE("two roots", "RR", STREAM),
	STRUCTURE("a name twice", "Raa", STREAM),
	STRUCTURE("names out of order", "Rba", STREAM),
	STRUCTURE("a file after directories", "RDLx", STREAM),
	STRUCTURE("a directory twice", "RDLDL", STREAM),
	STRUCTURE("a directory left that was not entered", "RL", STREAM),
	STRUCTURE("a directory left twice", "RDLL", STREAM),
	STRUCTURE("the root left twice", "R.LL", STREAM),
	STRUCTURE("a name beside the root entry", "R.Lx", STREAM),
	STRUCTURE("the root entry below a directory", "RD.", STREAM),
	STRUCTURE("the end inside a directory", "RDE", STREAM),
	STRUCTURE("the end twice: what follows it is not heard", "REE", LADE_EXIT_OK),
	STRUCTURE("an entry after the end is not heard", "REa", LADE_EXIT_OK),
	{ "too deep", too_deep, .status = STREAM, .options = ATTACK_OPTIONS | LADE_OPTION_DRY_RUN },
	{ "entries beyond the credit", beyond_credit, .status = STREAM },
	{ "a single file that is the root", single_directory, .status = STREAM,
	  .flags = ATTACK_NO_OPEN, .data = "new", .len = 1,
	  .after = nothing_planted },
	{ "a single file that is a directory", single_directory, .status = LADE_EXIT_OK,
	  .flags = ATTACK_NO_OPEN, .data = "new",
	  .after = nothing_planted },
	{ "two single files", single_twice, .status = STREAM, .flags = ATTACK_NO_OPEN },

	{ "an unknown type", bad_entry, .status = STREAM, .data = ENTRY(.mode = 0170000 | 0644) },
	{ "no type", bad_entry, .status = STREAM, .data = ENTRY(.mode = 0644) },
	{ "a directory with a size", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFDIR | 0755, .size = 1) },
	{ "a file with a target", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFREG | 0644, .target = SLICE("t")) },
	{ "a symlink without a target", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFLNK | 0777) },
	{ "a target with a NUL", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFLNK | 0777, .target = SLICE("a\0b")) },
	{ "a target too long", long_target, .status = STREAM },
	{ "a digest too short", bad_entry, .status = STREAM, .data = ENTRY(.mode = S_IFREG | 0644,
	  .size = 1, .digest = SLICE("12")) },
	{ "a file with a device number", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFREG | 0644, .rdev_minor = 3) },
	{ "a directory that is a hard link", bad_entry, .status = STREAM,
	  .data = ENTRY(.mode = S_IFDIR | 0755, .link = 2) },

	{ "a hard link to a later name", link_to, .status = STREAM, .data = &link_forward },
	{ "a hard link to itself", link_to, .status = STREAM, .data = &link_self },
	{ "a hard link far away", link_to, .status = STREAM, .data = &link_far },
	{ "a hard link to what is no leader", link_to, .status = STREAM, .data = &link_no_leader },

	{ "xattrs: one byte", bad_xattrs, .status = STREAM, BYTES("\1") },
	{ "xattrs: a count of zero", bad_xattrs, .status = STREAM, BYTES("\0") },
	{ "xattrs: a count too large", bad_xattrs, .status = STREAM, BYTES("\xff\xff\x03") },
	{ "xattrs: a value cut short", bad_xattrs, .status = STREAM, BYTES("\1\6user.a\5abc") },
	{ "xattrs: a name twice", bad_xattrs, .status = STREAM, BYTES("\2\6user.a\1a\6user.a\1b") },
	{ "xattrs: out of order", bad_xattrs, .status = STREAM, BYTES("\2\6user.b\1a\6user.a\1b") },
	{ "xattrs: bytes left over", bad_xattrs, .status = STREAM, BYTES("\1\6user.a\1ab") },
	{ "xattrs: a name with a NUL", bad_xattrs, .status = STREAM, BYTES("\1\7user.a\0\1a") },
	{ "xattrs: no name", bad_xattrs, .status = STREAM, BYTES("\1\0\1a") },
	{ "xattrs: an ACL of garbage", bad_xattrs, .status = STREAM,
	  BYTES("\1\027system.posix_acl_access\3abc") },
	BAD_ACL("of nothing", "\0"),
	BAD_ACL("of no entries", "\4" ACL_VERSION),
	BAD_ACL("of another version", "\034\1\0\0\0" ACL_OWNER ACL_OWNING ACL_OTHERS),
	BAD_ACL("without others", "\024" ACL_VERSION ACL_OWNER ACL_OWNING),
	BAD_ACL("out of order", "\034" ACL_VERSION ACL_OWNING ACL_OWNER ACL_OTHERS),
	BAD_ACL("with two owners", "\044" ACL_VERSION ACL_OWNER ACL_OWNER ACL_OWNING ACL_OTHERS),
	BAD_ACL("with a name and no mask", "\044" ACL_VERSION ACL_OWNER ACL_USER ACL_OWNING ACL_OTHERS),
	BAD_ACL("cut short", "\033" ACL_VERSION ACL_OWNER ACL_OWNING "\40\0\4\0\0\0\0"),

	{ "a flood of identities", identity_flood, .status = LADE_EXIT_OK,
	  .options = BY_NAME },
	{ "an identity", bad_identity, .status = LADE_EXIT_OK, .options = BY_NAME, BYTES("root") },
	{ "an identity without a name", bad_identity, .status = STREAM, .options = BY_NAME, BYTES("") },
	{ "an identity with a NUL", bad_identity, .status = STREAM, .options = BY_NAME, BYTES("ro\0ot") },
	{ "an identity where numbers were asked for", bad_identity, .status = STREAM, BYTES("root") },

	{ "a symlink that becomes a directory", link_then_directory, .status = LADE_EXIT_OK },
	{ "a directory where the destination has a symlink", directory_over_link,
	  .status = LADE_EXIT_OK },
	{ "a symlink that becomes a directory (-K)", link_then_directory, .status = LADE_EXIT_OK,
	  .options = ATTACK_OPTIONS | LADE_OPTION_KEEP_DIRLINKS },
	{ "a symlink within the destination that becomes a directory (-K)", link_within_then_directory,
	  .status = LADE_EXIT_OK, .options = ATTACK_OPTIONS | LADE_OPTION_KEEP_DIRLINKS, .after = nothing_in_target },
	{ "a directory where the destination has a symlink that leads out (-K)", directory_over_link,
	  .status = LADE_EXIT_PARTIAL, .flags = ATTACK_IN_GRANT_OK, .options = ATTACK_OPTIONS | LADE_OPTION_KEEP_DIRLINKS },
	{ "the same with --delete", directory_over_link, .status = LADE_EXIT_PARTIAL, .flags = ATTACK_IN_GRANT_OK,
	  .options = ATTACK_OPTIONS | LADE_OPTION_KEEP_DIRLINKS | LADE_OPTION_DELETE },
	{ "a symlink nobody asked for", not_asked_for, .status = LADE_EXIT_OK,
	  .options = LADE_OPTION_RECURSIVE, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFLNK | 0777, .target = SLICE("t")) },
	{ "a device nobody asked for", not_asked_for, .status = LADE_EXIT_OK,
	  .options = LADE_OPTION_RECURSIVE, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFCHR | 0666, .rdev_major = 1, .rdev_minor = 3) },
	{ "a FIFO nobody asked for", not_asked_for, .status = LADE_EXIT_OK,
	  .options = LADE_OPTION_RECURSIVE, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFIFO | 0666) },
	{ "hard links nobody asked for", not_asked_for, .status = STREAM,
	  .options = LADE_OPTION_RECURSIVE, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFREG | 0644, .link = LADE_LINK_LEADER) },
	{ "a symlink that was to be followed", not_asked_for, .status = STREAM,
	  .options = LADE_OPTION_LINKS | LADE_OPTION_COPY_LINKS, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFLNK | 0777, .target = SLICE("t")) },
	{ "a symlink out of the transfer that was to be followed", not_asked_for, .status = STREAM,
	  .options = LADE_OPTION_LINKS | LADE_OPTION_COPY_UNSAFE_LINKS, .after = nothing_second,
	  .data = ENTRY(.mode = S_IFLNK | 0777, .target = SLICE("../t")) },
	{ "a directory on the way that nobody asked for", bad_implied, .status = STREAM,
	  .options = LADE_OPTION_RECURSIVE | LADE_OPTION_RELATIVE, .after = nothing_second, BYTES("second") },
	{ "a directory on the way without a path", bad_implied, .status = STREAM,
	  .options = LADE_OPTION_RECURSIVE | LADE_OPTION_NO_IMPLIED_DIRS, .after = nothing_second, BYTES("second") },
	{ "a directory on the way up", bad_implied, .status = STREAM,
	  .options = LADE_OPTION_RELATIVE | LADE_OPTION_NO_IMPLIED_DIRS, BYTES("..") },
	{ "a directory on a long way", bad_implied, .status = STREAM,
	  .options = LADE_OPTION_RELATIVE | LADE_OPTION_NO_IMPLIED_DIRS, BYTES("a/b") },
	{ "something missing that nobody asked for", bad_missing, .status = STREAM,
	  .options = LADE_OPTION_RECURSIVE, BYTES("canary") },
	{ "something missing above", bad_missing, .status = STREAM,
	  .options = LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS, BYTES("..") },
	{ "something missing elsewhere", bad_missing, .status = STREAM,
	  .options = LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS, BYTES("../outside") },
	{ "nothing missing", bad_missing, .status = STREAM,
	  .options = LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS, BYTES("") },
	{ "a directory nobody asked for", not_asked_for, .status = STREAM,
	  .options = LADE_OPTION_LINKS,
	  .after = nothing_second,
	  .data = ENTRY(.mode = S_IFDIR | 0755) },
	/* Whatever a tree's own rules say: "- second" before those, and after those that can only exclude. */
	{ "a file that the rules exclude", not_asked_for, .status = STREAM, .rules = SLICE("\2\0\6second\200\1\2.f"),
	  .after = nothing_second, .data = ENTRY(.mode = S_IFREG | 0644) },
	{ "a file that the sender's rules exclude", not_asked_for, .status = STREAM, .rules = SLICE("\2\200\3\2.f\2\6second"),
	  .after = nothing_second, .data = ENTRY(.mode = S_IFREG | 0644) },
	{ "a file that the tree's rules may include", not_asked_for, .status = LADE_EXIT_OK,
	  .rules = SLICE("\2\200\1\2.f\0\6second"), .data = ENTRY(.mode = S_IFREG | 0644) },
	{ "a file that the receiver protects", not_asked_for, .status = LADE_EXIT_OK, .rules = SLICE("\1\4\6second"),
	  .data = ENTRY(.mode = S_IFREG | 0644) },
};

int main(void)
{
	memset(long_name, 'x', sizeof(long_name));
	return attack_run("hostile entries", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
