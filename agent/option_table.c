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
/* The same, and may be empty. */
#define FORMAT(name, alias, field, group, text) \
	{ name, alias, 0, true, LADE_SYNC_FORMAT, 0, FIELD(field), "FORMAT", LADE_GROUP_##group, text, NULL }
#define NUMBER(name, alias, letter, field, most, value, group, text) \
	{ name, alias, letter, true, LADE_SYNC_NUMBER, most, FIELD(field), value, LADE_GROUP_##group, text, NULL }
#define SIZE(name, alias, letter, field, value, group, text) \
	{ name, alias, letter, true, LADE_SYNC_SIZE, 0, FIELD(field), value, LADE_GROUP_##group, text, NULL }
#define VALUE(name, alias, letter, id, value, group, text) \
	{ name, alias, letter, false, LADE_SYNC_##id, 0, 0, value, LADE_GROUP_##group, text, NULL }
#define DELETE_WHEN(name, when, text) \
	{ name, NULL, 0, false, LADE_SYNC_DELETE_WHEN, LADE_DELETE_##when, 0, NULL, LADE_GROUP_DELETE, text, NULL }
#define LIMIT(name, id, value, text) \
	{ name, NULL, 0, true, LADE_SYNC_##id, 0, 0, value, LADE_GROUP_LIMIT, text, NULL }
/* Refused; the --no- form of what is merely missing asks for what happens anyhow, and is fine. */
#define REFUSED(name, alias, letter, text) \
	{ name, alias, letter, false, LADE_SYNC_REFUSED, 0, 0, NULL, LADE_GROUP_NONE, NULL, text }
#define MISSING(name, alias, letter, text) \
	{ name, alias, letter, true, LADE_SYNC_REFUSED, 0, 0, NULL, LADE_GROUP_NONE, NULL, text }

static const struct lade_option_row rows[] = {
	{ "archive", NULL, 'a', false, LADE_SYNC_BITS, ARCHIVE, 0, NULL, LADE_GROUP_WHAT,
	  "all of a tree: the same as -rlptgoD", NULL },
	BITS("recursive", 'r', LADE_OPTION_RECURSIVE, WHAT, "go into directories"),
	BITS("dirs", 'd', LADE_OPTION_DIRS, WHAT,
	     "take directories, not what is in them (but of DIR/)"),
	{ "old-dirs", "old-d", 0, false, LADE_SYNC_OLD_DIRS, 0, 0, NULL, LADE_GROUP_WHAT,
	  "the same as -r --exclude='/*/*'", NULL },
	BITS("relative", 'R', LADE_OPTION_RELATIVE, WHAT, "keep the paths of sources, or what is behind /./"),
	{ "implied-dirs", "i-d", 0, true, LADE_SYNC_IMPLIED_DIRS, 0, 0, NULL, LADE_GROUP_WHAT,
	  "-R keeps attributes of directories on the way (the rule)", NULL },
	BITS("links", 'l', LADE_OPTION_LINKS, WHAT, "copy symlinks as symlinks"),
	BITS("copy-links", 'L', LADE_OPTION_COPY_LINKS, WHAT, "copy what symlinks lead to"),
	BITS("copy-dirlinks", 'k', LADE_OPTION_COPY_DIRLINKS, WHAT, "copy directories that symlinks lead to"),
	BITS("copy-unsafe-links", 0, LADE_OPTION_COPY_UNSAFE_LINKS, WHAT,
	     "copy what they lead to if that is outside"),
	BITS("safe-links", 0, LADE_OPTION_SAFE_LINKS, WHAT, "leave out symlinks that lead outside"),
	BITS("munge-links", 0, LADE_OPTION_MUNGE_LINKS, WHAT,
	     "make symlinks that come unusable; restore those that go"),
	BITS("hard-links", 'H', LADE_OPTION_HARD_LINKS, WHAT,
	     "keep several names of one file together"),
	BITS(NULL, 'D', LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS, WHAT,
	     "the same as --devices --specials"),
	BITS("devices", 0, LADE_OPTION_DEVICES, WHAT, "make device files (needs root)"),
	BITS("copy-devices", 0, LADE_OPTION_COPY_DEVICES, WHAT, "take a device of the source for a file: copy what is on it"),
	BITS("write-devices", 0, LADE_OPTION_WRITE_DEVICES, WHAT, "write files over devices of the destination (implies --inplace)"),
	BITS("specials", 0, LADE_OPTION_SPECIALS, WHAT, "make fifos and sockets"),
	BITS("checksum", 'c', LADE_OPTION_CHECKSUM, WHAT,
	     "compare content, not size and modification time"),
	BITS("dry-run", 'n', LADE_OPTION_DRY_RUN, WHAT,
	     "change nothing; with -i or -v show what would be done"),

	BITS("perms", 'p', LADE_OPTION_PERMS, KEEP, "keep permissions"),
	VALUE("chmod", NULL, 0, CHMOD, "CHANGES", KEEP, "as if the sources had the permissions that chmod would give them"),
	BITS("executability", 'E', LADE_OPTION_EXECUTABILITY, KEEP, "without -p: keep whether a file may be executed"),
	BITS("times", 't', LADE_OPTION_TIMES, KEEP, "keep modification times"),
	BITS("omit-dir-times", 'O', LADE_OPTION_OMIT_DIR_TIMES, KEEP, "but not those of directories"),
	BITS("omit-link-times", 'J', LADE_OPTION_OMIT_LINK_TIMES, KEEP, "nor those of symlinks"),
	COUNT("atimes", 'U', atimes, KEEP, "keep access times; twice: --open-noatime too"),
	BITS("open-noatime", 0, LADE_OPTION_OPEN_NOATIME, KEEP, "read without changing access times, where one may"),
	BITS("owner", 'o', LADE_OPTION_OWNER, KEEP, "keep owners (needs root)"),
	BITS("group", 'g', LADE_OPTION_GROUP, KEEP, "keep groups"),
	FLAG("fake-super", 0, fake_super, KEEP, "on this side, keep what only root may give in attributes"),
	SWITCH("super", 0, SUPER, KEEP, "try what root may do, whoever receives; --no-super: do not, as root"),
	BITS("numeric-ids", 0, LADE_OPTION_NUMERIC_IDS, KEEP,
	     "take owners, groups and whom ACLs name by number, not by name"),
	TEXT("chown", NULL, 0, chown, "USER:GROUP", KEEP, "let everything be USER's and GROUP's"),
	TEXT("usermap", NULL, 0, settings.usermap, "MAP", KEEP, "let owners be others: FROM:TO,FROM:TO,..."),
	TEXT("groupmap", NULL, 0, settings.groupmap, "MAP", KEEP, "let groups be others"),
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

	TEXT("files-from", NULL, 0, files_from, "FILE", CHOOSE,
	     "take the names in FILE (-: standard input; :FILE: far side)"),
	SWITCH("from0", '0', FROM0, CHOOSE, "lines of all those files end with NUL bytes"),
	COUNT("one-file-system", 'x', one_file_system, CHOOSE,
	      "stay on a file system; twice: leave out mount points"),
	{ "max-size", NULL, 0, true, LADE_SYNC_MAX_SIZE, 0, 0, "SIZE", LADE_GROUP_CHOOSE,
	  "leave files alone that are larger", NULL },
	SIZE("min-size", NULL, 0, settings.size_least, "SIZE", CHOOSE, "leave files alone that are smaller"),
	BITS("ignore-missing-args", 0, LADE_OPTION_IGNORE_MISSING_ARGS, CHOOSE, "sources that are not there are no errors"),

	{ "delete", "del", 0, true, LADE_SYNC_BITS, LADE_OPTION_DELETE, 0, NULL, LADE_GROUP_DELETE,
	  "delete what the sources do not have (needs -r or -d)", NULL },
	{ "delete-excluded", NULL, 0, false, LADE_SYNC_BITS, LADE_OPTION_DELETE | LADE_OPTION_DELETE_EXCLUDED, 0, NULL,
	  LADE_GROUP_DELETE, "--delete, and what is excluded as well", NULL },
	DELETE_WHEN("delete-before", BEFORE, "the same, and content comes only when it is done"),
	DELETE_WHEN("delete-during", DURING, "the same"),
	DELETE_WHEN("delete-delay", DELAY, "the same"),
	DELETE_WHEN("delete-after", AFTER, "the same"),
	VALUE("max-delete", NULL, 0, MAX_DELETE, "N", DELETE, "delete N names at most; exit status 25 if there are more"),
	BITS("ignore-errors", 0, LADE_OPTION_IGNORE_ERRORS, DELETE,
	     "delete even if not all of the source could be read"),
	FLAG("force-delete", 0, force_delete, DELETE,
	     "delete even if a source is empty, or not mounted, all of a sudden"),
	BITS("remove-source-files", 0, LADE_OPTION_REMOVE_SOURCE_FILES, DELETE,
	     "remove from the source what the destination has; never directories"),
	BITS("force", 0, LADE_OPTION_FORCE, DELETE,
	     "a directory with content may give way, without --delete too"),
	BITS("delete-missing-args", 0, LADE_OPTION_DELETE_MISSING_ARGS, DELETE,
	     "delete what is named like a source that is not there"),

	TEXT("temp-dir", NULL, 'T', settings.temp_dir, "DIR", SAFETY,
	     "make files in DIR, not where they are going to be"),
	BITS("delay-updates", 0, LADE_OPTION_DELAY_UPDATES, SAFETY, "files get their names at the end, all of them"),
	BITS("backup", 'b', LADE_OPTION_BACKUP, SAFETY, "what is replaced or deleted gets another name: NAME~"),
	TEXT("backup-dir", NULL, 0, settings.backup_dir, "DIR", SAFETY,
	     "it goes to its path in DIR (implies -b)"),
	VALUE("suffix", NULL, 0, SUFFIX, "TEXT", SAFETY, "what comes behind NAME: ~, with --backup-dir nothing"),
	SWITCH("partial", 0, PARTIAL, SAFETY,
	       "keep interrupted files aside (the rule); or --no-partial"),
	TEXT("partial-dir", NULL, 0, settings.partial_dir, "DIR", SAFETY,
	     "keep them in DIR, in each directory, or in one place (/DIR)"),
	SWITCH(NULL, 'P', PARTIAL_PROGRESS, SAFETY, "the same as --partial --progress"),

	COUNT("verbose", 'v', verbose, PRINT, "name what is transferred, and sums; twice: what is up to date, too"),
	COUNT("itemize-changes", 'i', itemize, PRINT,
	      "what each change is, in eleven columns; twice: also what is unchanged"),
	FLAG("list-only", 0, list_only, PRINT, "show the sources, as without a destination"),
	FORMAT("out-format", "log-format", out_format, PRINT, "a line for each change, like '%i %n%L'"),
	FLAG("stats", 0, stats, PRINT, "sums at the end"),
	FLAG("progress", 0, progress, PRINT, "a line for each file that was transferred"),
	VALUE("info", NULL, 0, INFO, "FLAGS", PRINT, "what is told: --info=progress2, see --info=help"),
	VALUE("debug", NULL, 0, DEBUG, "FLAGS", PRINT, "what is told about how: see --debug=help"),
	COUNT("human-readable", 'h', human, PRINT, "numbers as 1.23M; twice: in units of 1024"),
	FLAG("8-bit-output", '8', eight_bit, PRINT, "names as they are, but for control characters"),
	VALUE("outbuf", NULL, 0, OUTBUF, "N|L|B", PRINT, "buffer output not at all, by lines, or by blocks"),
	TEXT("log-file", NULL, 0, log_file, "FILE", PRINT, "add what is done to FILE, with times"),
	FORMAT("log-file-format", NULL, log_format, PRINT, "for each change, instead of '%i %n%L'"),
	FLAG("json", 0, json, PRINT, "events as JSON, one object a line"),
	FLAG("quiet", 'q', quiet, PRINT, "nothing but warnings and errors"),
	ON("help", NULL, 0, HELP, PRINT, "this text; also -h on its own"),
	ON("version", NULL, 'V', VERSION, PRINT, "the version"),

	NUMBER("timeout", NULL, 0, settings.timeout, LADE_TIMEOUT_MAX, "SECONDS", LIMIT, "give up when nothing was heard for so long"),
	NUMBER("contimeout", NULL, 0, contimeout, LADE_CONTIMEOUT_MAX, "SECONDS", LIMIT, "give up when nobody answers a lade:// or lade+tcp:// call for so long"),
	LIMIT("bwlimit", BWLIMIT, "RATE", "send at most so much a second: in KiB, or as 1.5M, 10MB"),

	LIMIT("stop-after", STOP_AFTER, "MINUTES", "stop then; the next run goes on where it was"),
	LIMIT("stop-at", STOP_AT, "TIME", "stop at 2030-12-31T23:59, 12-31, 14:00, :30 (the next one)"),
	LIMIT("max-alloc", MAX_ALLOC, "SIZE", "memory that each side may take, from 128M on"),

	TEXT("rsh", NULL, 'e', rsh, "COMMAND", CONNECT,
	      "remote shell for HOST:PATH; else $LADE_RSH, $RSYNC_RSH, ssh"),
	TEXT("lade-path", "rsync-path", 0, lade_path, "PROGRAM", CONNECT,
	      "the lade to run on the remote side"),
	VALUE("remote-option", NULL, 'M', REMOTE_OPTION, "OPTION", CONNECT, "--fake-super, --super or --no-super for the other side"),
	TEXT("token-file", "password-file", 0, token_file, "FILE", CONNECT,
	      "the token or password for a server (- is standard input)"),
	TEXT("key", NULL, 0, key_file, "FILE", CONNECT, "our key for lade://, instead of ~/.config/lade/key"),
	TEXT("ca", NULL, 0, ca_file, "FILE", CONNECT, "trust the lade:// hosts that these authorities vouch for"),
	FLAG("accept-new-host", 0, accept_new_host, CONNECT, "take and remember the key of a lade:// host that is not known"),
	TEXT("port", NULL, 0, port, "PORT", CONNECT, "of a lade:// or lade+tcp:// address without one"),
	TEXT("address", NULL, 0, address, "ADDRESS", CONNECT, "our own, for lade:// and lade+tcp://"),
	SWITCH("ipv4", '4', IPV4, CONNECT, "take IPv4 for lade://, lade+tcp:// and ssh"),
	SWITCH("ipv6", '6', IPV6, CONNECT, "take IPv6"),
	VALUE("sockopts", NULL, 0, SOCKOPTS, "LIST", CONNECT, "socket options for lade:// and lade+tcp://: SO_SNDBUF=N,..."),
	TEXT("iconv", NULL, 0, iconv, "HERE,THERE", CONNECT, "names are in these character sets (.: the locale's, -: no matter)"),
	ON("secluded-args", "protect-args", 's', ALWAYS, CONNECT, "always so: no path passes through the far shell"),
	ON("blocking-io", NULL, 0, ALWAYS, CONNECT, "always so, with any remote shell"),

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
	SIZE("directio", NULL, 0, settings.directio, "SIZE", BYTES,
	     "read files of SIZE and more past the page cache (O_DIRECT)"),
	FLAG("aio", 0, settings.aio, BYTES, "and the next part of them while one is sent"),

	MISSING("crtimes", NULL, 'N', "Linux cannot set birth times"),
	REFUSED("block-size", NULL, 'B', "chunks have no fixed size"),
	REFUSED("remove-sent-files", NULL, 0, "use --remove-source-files"),
	REFUSED("checksum-seed", NULL, 0, "each session has a key of its own"),
	REFUSED("inc-recursive", "i-r", 0, "what is found is sent while the rest is looked for, always"),
	REFUSED("no-inc-recursive", "no-i-r", 0,
		"what is found is sent while the rest is looked for, always; deletion waits for all of it"),
	REFUSED("compress-threads", "zt", 0, "the level is chosen so that compressing does not hold up; see --compress-level"),
	REFUSED("skip-compress", NULL, 0, "what does not shrink is sent as it is, whatever its name"),
	REFUSED("new-compress", "old-compress", 0, "use --compress-choice"),
	MISSING("drop-D", NULL, 0, "without -D nothing like that is made"),
	MISSING("insecure-links", NULL, 0, "there is nothing to turn off: what the user names is opened as named, and no symlink below"),
	REFUSED("confine-root", NULL, 0, "nothing is written outside the destination that is named"),
	REFUSED("trust-sender", NULL, 0, "what a sender says is always checked, at no cost worth saving"),
	REFUSED("stderr", "msgs2stderr", 0, "errors go to standard error, all else to standard output"),
	REFUSED("config", "dparam", 0, "it belongs to rsync's daemon; see 'lade help serve'"),
	REFUSED("sender", NULL, 0, "lade does not speak rsync's protocol; the far command is 'lade serve --stdio'"),
	REFUSED("write-batch", NULL, 0, "there is no batch mode"),
	REFUSED("only-write-batch", NULL, 0, "there is no batch mode"),
	REFUSED("read-batch", NULL, 0, "there is no batch mode"),
	REFUSED("daemon", NULL, 0, "that is a command: 'lade help daemon'"),
	REFUSED("server", NULL, 0,
		"lade does not speak rsync's protocol; the far command is 'lade serve --stdio'"),
	MISSING("old-args", NULL, 0, "no path passes through the remote shell, which could split it: write HOST:a HOST:b"),
	MISSING("motd", NULL, 0, "lade's servers say nothing of their own"),
	REFUSED("protocol", NULL, 0, "both sides agree on a version of lade's own protocol by themselves"),
	REFUSED("copy-as", NULL, 0, "run lade as that user: 'sudo -u USER lade sync ...', for the far side --lade-path='sudo -u USER lade'"),
	REFUSED("early-input", NULL, 0, "lade's servers run no commands"),
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
