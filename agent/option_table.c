/*
 * The option table of `lade sync`. The rows of a group stand together, in the order of
 * the help. Options that rsync has and lade has not are rows too: an option that does
 * nothing would be worse than one that is refused.
 */
#include "agent/option_table.h"

#include "agent/options.h"
#include "protocol/entry.h"

#define ARCHIVE                                                                                 \
	(LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES |    \
	 LADE_OPTION_GROUP | LADE_OPTION_OWNER | LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS)

#define FIELD(field) offsetof(struct lade_options, field)

/* A switch of session options, a flag, what counts how often it was given: all have a --no- form. ON has none. */
#define BITS(name, letter, bits, group, text) \
	{ name, NULL, letter, true, LADE_SYNC_BITS, bits, 0, NULL, LADE_GROUP_##group, text, NULL }
#define FLAG(name, letter, field, group, text) \
	{ name, NULL, letter, true, LADE_SYNC_FLAG, 0, FIELD(field), NULL, LADE_GROUP_##group, text, NULL }
#define COUNT(name, letter, field, group, text) \
	{ name, NULL, letter, true, LADE_SYNC_COUNT, 0, FIELD(field), NULL, LADE_GROUP_##group, text, NULL }
#define SWITCH(name, letter, id, group, text) \
	{ name, NULL, letter, true, LADE_SYNC_##id, 0, 0, NULL, LADE_GROUP_##group, text, NULL }
#define ON(name, alias, letter, id, group, text) \
	{ name, alias, letter, false, LADE_SYNC_##id, 0, 0, NULL, LADE_GROUP_##group, text, NULL }
/* Options with a value; the --no- form takes it back, which VALUE has not. */
#define TEXT(name, alias, letter, field, value, group, text) \
	{ name, alias, letter, true, LADE_SYNC_TEXT, 0, FIELD(field), value, LADE_GROUP_##group, text, NULL }
#define NUMBER(name, alias, letter, field, most, value, group, text) \
	{ name, alias, letter, true, LADE_SYNC_NUMBER, most, FIELD(field), value, LADE_GROUP_##group, text, NULL }
#define SIZE(name, alias, letter, field, value, group, text) \
	{ name, alias, letter, true, LADE_SYNC_SIZE, 0, FIELD(field), value, LADE_GROUP_##group, text, NULL }
#define VALUE(name, alias, letter, id, value, group, text) \
	{ name, alias, letter, false, LADE_SYNC_##id, 0, 0, value, LADE_GROUP_##group, text, NULL }
#define LIMIT(name, id, value, text) \
	{ name, NULL, 0, true, LADE_SYNC_##id, 0, 0, value, LADE_GROUP_LIMIT, text, NULL }
/* Refused; the --no- form of what is merely missing asks for what happens anyhow, and is fine. */
#define REFUSED(name, alias, letter, text) \
	{ name, alias, letter, false, LADE_SYNC_REFUSED, 0, 0, NULL, LADE_GROUP_NONE, NULL, text }
#define MISSING(name, alias, letter, text) \
	{ name, alias, letter, true, LADE_SYNC_REFUSED, 0, 0, NULL, LADE_GROUP_NONE, NULL, text }
#define LATER(name, alias, letter) MISSING(name, alias, letter, "not available yet")

static const struct lade_option_row rows[] = {
	{ "archive", NULL, 'a', false, LADE_SYNC_BITS, ARCHIVE, 0, NULL, LADE_GROUP_WHAT,
	  "all of a tree: the same as -rlptgoD", NULL },
	BITS("recursive", 'r', LADE_OPTION_RECURSIVE, WHAT, "go into directories"),
	BITS("links", 'l', LADE_OPTION_LINKS, WHAT, "copy symlinks as symlinks"),
	BITS("hard-links", 'H', LADE_OPTION_HARD_LINKS, WHAT,
	     "keep several names of one file together"),
	BITS(NULL, 'D', LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS, WHAT,
	     "the same as --devices --specials"),
	BITS("devices", 0, LADE_OPTION_DEVICES, WHAT, "make device files (needs root)"),
	BITS("specials", 0, LADE_OPTION_SPECIALS, WHAT, "make fifos and sockets"),
	BITS("checksum", 'c', LADE_OPTION_CHECKSUM, WHAT,
	     "compare content, not size and modification time"),
	BITS("dry-run", 'n', LADE_OPTION_DRY_RUN, WHAT,
	     "change nothing; with -i or -v show what would be done"),

	BITS("perms", 'p', LADE_OPTION_PERMS, KEEP, "keep permissions"),
	BITS("times", 't', LADE_OPTION_TIMES, KEEP, "keep modification times"),
	BITS("owner", 'o', LADE_OPTION_OWNER, KEEP, "keep owners (needs root)"),
	BITS("group", 'g', LADE_OPTION_GROUP, KEEP, "keep groups"),
	BITS("numeric-ids", 0, LADE_OPTION_NUMERIC_IDS, KEEP,
	     "take owners, groups and whom ACLs name by number, not by name"),
	BITS("acls", 'A', LADE_OPTION_ACLS, KEEP, "keep ACLs (implies -p)"),
	BITS("xattrs", 'X', LADE_OPTION_XATTRS, KEEP, "keep extended attributes"),

	VALUE("exclude", NULL, 0, EXCLUDE, "PATTERN", CHOOSE,
	      "leave out what matches; the first match decides"),
	VALUE("include", NULL, 0, INCLUDE, "PATTERN", CHOOSE,
	      "take what matches, whatever a later --exclude says"),
	VALUE("exclude-from", NULL, 0, EXCLUDE_FROM, "FILE", CHOOSE,
	      "--exclude for each line of FILE (- is standard input)"),
	VALUE("include-from", NULL, 0, INCLUDE_FROM, "FILE", CHOOSE,
	      "--include for each line of FILE"),
	BITS("prune-empty-dirs", 'm', LADE_OPTION_PRUNE_EMPTY_DIRS, CHOOSE, "leave out directories in which there is nothing else"),

	{ "existing", "ignore-non-existing", 0, true, LADE_SYNC_BITS, LADE_OPTION_EXISTING, 0, NULL, LADE_GROUP_UPDATE,
	  "make nothing that the destination has not", NULL },
	BITS("ignore-existing", 0, LADE_OPTION_IGNORE_EXISTING, UPDATE, "leave alone what the destination has"),
	BITS("update", 'u', LADE_OPTION_UPDATE, UPDATE, "leave files that are newer in the destination"),
	BITS("ignore-times", 'I', LADE_OPTION_IGNORE_TIMES, UPDATE, "update files whose size and time are the same, too"),
	BITS("size-only", 0, LADE_OPTION_SIZE_ONLY, UPDATE, "files of the same size are the same"),
	VALUE("modify-window", NULL, '@', MODIFY_WINDOW, "N", UPDATE,
	      "times up to N seconds apart are the same; -1: not a nanosecond"),
	BITS("keep-dirlinks", 'K', LADE_OPTION_KEEP_DIRLINKS, UPDATE, "go through the destination's symlinks to directories"),
	BITS("mkpath", 0, LADE_OPTION_MKPATH, UPDATE, "make what the path of the destination lacks"),
	VALUE("filter", NULL, 'f', FILTER, "RULE", CHOOSE, "a rule as in FILTER RULES of rsync(1)"),
	ON(NULL, NULL, 'F', FILTER_FILES, CHOOSE,
	   "rules from each .rsync-filter; twice: leave these files out"),
	ON("cvs-exclude", NULL, 'C', CVS, CHOOSE, "leave out what CVS ignores"),
	ON("gitignore", NULL, 0, GIT, CHOOSE, "leave out what .gitignore files name"),

	{ "delete", "del", 0, true, LADE_SYNC_BITS, LADE_OPTION_DELETE, 0, NULL, LADE_GROUP_DELETE,
	  "delete what the sources do not have (needs -r)", NULL },
	{ "delete-excluded", NULL, 0, false, LADE_SYNC_BITS, LADE_OPTION_DELETE | LADE_OPTION_DELETE_EXCLUDED, 0, NULL,
	  LADE_GROUP_DELETE, "--delete, and what is excluded as well", NULL },

	COUNT("verbose", 'v', verbose, PRINT, "name what is transferred"),
	COUNT("itemize-changes", 'i', itemize, PRINT,
	       "say for each change what it is, in eleven columns"),
	FLAG("stats", 0, stats, PRINT, "sums at the end"),
	FLAG("progress", 0, progress, PRINT, "show how far it is, also where no terminal is"),
	COUNT("human-readable", 'h', human, PRINT, "numbers as 1.23M; twice: in units of 1024"),
	FLAG("quiet", 'q', quiet, PRINT, "nothing but warnings and errors"),
	ON("help", NULL, 0, HELP, PRINT, "this text; also -h on its own"),
	ON("version", NULL, 'V', VERSION, PRINT, "the version"),

	NUMBER("timeout", NULL, 0, settings.timeout, LADE_TIMEOUT_MAX, "SECONDS", LIMIT, "give up when nothing was heard for so long"),
	NUMBER("contimeout", NULL, 0, contimeout, LADE_CONTIMEOUT_MAX, "SECONDS", LIMIT, "give up when nobody answers a lade+tcp:// call for so long"),
	LIMIT("bwlimit", BWLIMIT, "RATE", "send at most so much a second: in KiB, or as 1.5M, 10MB"),

	TEXT("rsh", NULL, 'e', rsh, "COMMAND", CONNECT,
	      "remote shell for HOST:PATH; else $LADE_RSH, $RSYNC_RSH, ssh"),
	TEXT("lade-path", "rsync-path", 0, lade_path, "PROGRAM", CONNECT,
	      "the lade to run on the remote side"),
	TEXT("token-file", NULL, 0, token_file, "FILE", CONNECT,
	      "the secret shared with a lade+tcp:// server"),

	VALUE("compare-dest", NULL, 0, COMPARE_DEST, "DIR", OLD, "leave out what is in DIR already, as it should be"),
	VALUE("copy-dest", NULL, 0, COPY_DEST, "DIR", OLD, "copy it from DIR instead"),
	VALUE("link-dest", NULL, 0, LINK_DEST, "DIR", OLD, "make it a hard link to the one in DIR"),
	COUNT("fuzzy", 'y', fuzzy, OLD, "make new files from ones with similar names; twice: of DIR too"),

	BITS("inplace", 0, LADE_OPTION_INPLACE, BYTES, "write over files that are there, without a temporary file"),
	BITS("append", 0, LADE_OPTION_APPEND, BYTES, "files only grow; what is there is not looked at"),
	BITS("append-verify", 0, LADE_OPTION_APPEND_VERIFY, BYTES, "files only grow; what is there is compared"),
	BITS("sparse", 'S', LADE_OPTION_SPARSE, BYTES, "make holes of zeros that are written; the source's holes always stay"),
	BITS("preallocate", 0, LADE_OPTION_PREALLOCATE, BYTES, "give files all their blocks before their content"),
	BITS("fsync", 0, LADE_OPTION_FSYNC, BYTES, "each file is on disk before it has its name"),
	VALUE("checksum-choice", "cc", 0, CHECKSUM_CHOICE, "NAME[,NAME]", BYTES,
	      "xxh128, sha256 or blake2b: of what is sent, of -c"),
	BITS("verify", 0, LADE_OPTION_VERIFY, BYTES, "digest copies on one host too"),
	BITS("fail-changed", 0, LADE_OPTION_FAIL_CHANGED, BYTES,
	     "exit status 24 if a file kept changing"),
	SWITCH("whole-file", 'W', WHOLE_FILE, BYTES, "send whole files, not what differs (the rule on one host)"),
	BITS("index", 0, LADE_OPTION_INDEX, BYTES,
	     "remember the destination's files; send nothing that any of them has"),
	SWITCH("compress", 'z', COMPRESS, BYTES, "compress what shrinks, as hard as the link is slow"),
	VALUE("compress-choice", "zc", 0, COMPRESS_CHOICE, "NAME", BYTES,
	      "zstd (always), auto (as -z) or none"),
	VALUE("compress-level", "zl", 0, COMPRESS_LEVEL, "N", BYTES, "zstd at level 1 to 19"),
	VALUE("path", NULL, 0, PATH, "NAME", BYTES,
	      "how bytes move: auto, sendfile, ...; see 'lade paths'"),

	REFUSED("partial", NULL, 0,
		"an interrupted file never stands under its real name, and is always continued by the next run"),
	REFUSED(NULL, NULL, 'P', "not available yet; --progress is"),
	REFUSED("partial-dir", NULL, 0, "not available yet"),
	REFUSED("info", NULL, 0, "not available yet; --progress and --stats are"),
	REFUSED("password-file", NULL, 0, "not available; lade+tcp:// takes --token-file"),
	REFUSED("port", NULL, 0, "not available; write lade+tcp://HOST:PORT/path"),
	REFUSED("crtimes", NULL, 'N', "Linux cannot set birth times"),
	REFUSED("block-size", NULL, 'B', "chunks have no fixed size"),
	REFUSED("checksum-seed", NULL, 0, "each session has a key of its own"),
	REFUSED("inc-recursive", "i-r", 0, "what is found is sent while the rest is looked for, always"),
	REFUSED("no-inc-recursive", "no-i-r", 0,
		"what is found is sent while the rest is looked for, always; deletion waits for all of it"),
	REFUSED("compress-threads", "zt", 0, "the level is chosen so that compressing does not hold up; see --compress-level"),
	REFUSED("skip-compress", NULL, 0, "what does not shrink is sent as it is, whatever its name"),
	REFUSED("new-compress", "old-compress", 0, "use --compress-choice"),
	REFUSED("drop-D", NULL, 0, "without -D nothing like that is made"),
	REFUSED("insecure-links", NULL, 0, "there is nothing to turn off: what the user names is opened as named, and no symlink below"),
	REFUSED("confine-root", NULL, 0, "nothing is written outside the destination that is named"),
	REFUSED("old-args", NULL, 0, "paths do not pass through the remote shell"),
	REFUSED("secluded-args", "protect-args", 's', "paths never pass through the remote shell"),
	REFUSED("trust-sender", NULL, 0, "what a sender says is always checked, at no cost worth saving"),
	REFUSED("copy-as", NULL, 0, "run lade as that user"),
	REFUSED("blocking-io", NULL, 0, "any remote shell will do as it is"),
	REFUSED("remote-option", NULL, 'M', "both sides have the same options"),
	REFUSED("early-input", NULL, 0, "it belongs to rsync's daemon, which lade does not speak to"),
	REFUSED("no-motd", NULL, 0, "it belongs to rsync's daemon, which lade does not speak to"),
	REFUSED("protocol", NULL, 0, "both sides agree on the version themselves"),
	REFUSED("stderr", "msgs2stderr", 0, "errors go to standard error, all else to standard output"),
	REFUSED("config", "dparam", 0, "it belongs to rsync's daemon; see 'lade help serve'"),
	REFUSED("sender", NULL, 0, "lade does not speak rsync's protocol; the far command is 'lade serve --stdio'"),
	REFUSED("write-batch", NULL, 0, "there is no batch mode"),
	REFUSED("only-write-batch", NULL, 0, "there is no batch mode"),
	REFUSED("read-batch", NULL, 0, "there is no batch mode"),
	REFUSED("delete-during", NULL, 0, "deletion comes after the scan; use --delete"),
	REFUSED("delete-delay", NULL, 0, "deletion comes after the scan; use --delete"),
	REFUSED("delete-before", NULL, 0, "deletion comes after the scan; use --delete"),
	REFUSED("delete-after", NULL, 0, "deletion comes after the scan; use --delete"),
	REFUSED("daemon", NULL, 0, "not available yet; 'lade serve --listen' is"),
	REFUSED("server", NULL, 0,
		"lade does not speak rsync's protocol; the far command is 'lade serve --stdio'"),
	LATER("relative", NULL, 'R'),
	LATER("one-file-system", NULL, 'x'),
	LATER("files-from", NULL, 0),
	LATER("from0", NULL, '0'),
	LATER("backup", NULL, 'b'),
	LATER("backup-dir", "suffix", 0),
	LATER("dirs", "old-dirs", 'd'),
	LATER("copy-links", NULL, 'L'),
	LATER("copy-dirlinks", NULL, 'k'),
	LATER("safe-links", "copy-unsafe-links", 0),
	LATER("munge-links", NULL, 0),
	LATER("executability", NULL, 'E'),
	LATER("chmod", "chown", 0),
	LATER("usermap", "groupmap", 0),
	LATER("atimes", "open-noatime", 'U'),
	LATER("omit-dir-times", NULL, 'O'),
	LATER("omit-link-times", NULL, 'J'),
	LATER("super", "fake-super", 0),
	LATER("max-size", "min-size", 0),
	LATER("remove-source-files", NULL, 0),
	LATER("max-delete", NULL, 0),
	LATER("force", "ignore-errors", 0),
	LATER("ignore-missing-args", "delete-missing-args", 0),
	LATER("temp-dir", NULL, 'T'),
	LATER("delay-updates", NULL, 0),
	LATER("out-format", "list-only", 0),
	LATER("log-file", "log-file-format", 0),
	LATER("8-bit-output", NULL, '8'),
	LATER("ipv4", NULL, '4'),
	LATER("ipv6", NULL, '6'),
};

const struct lade_option_row *lade_sync_options(size_t *count_out)
{
	*count_out = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const char *lade_sync_group_title(enum lade_sync_group group)
{
	static const char *const titles[LADE_GROUP_COUNT] = {
		[LADE_GROUP_NONE] = "",
		[LADE_GROUP_WHAT] = "What is transferred",
		[LADE_GROUP_KEEP] = "What is kept of each file",
		[LADE_GROUP_CHOOSE] = "Which files take part",
		[LADE_GROUP_UPDATE] = "Which of those are updated",
		[LADE_GROUP_DELETE] = "What goes",
		[LADE_GROUP_SAFETY] = "What is kept safe",
		[LADE_GROUP_PRINT] = "What is printed",
		[LADE_GROUP_LIMIT] = "How much, how long",
		[LADE_GROUP_CONNECT] = "The other side",
		[LADE_GROUP_OLD] = "What older files are good for (DIR: relative to the destination; up to 20 times)",
		[LADE_GROUP_BYTES] = "How the bytes move",
	};

	return titles[group];
}
