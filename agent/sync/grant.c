/*
 * Which option is which bit or parameter, by name: the one table by which a server refuses what a client may not ask for. An option
 * that the other side hears nothing of cannot be refused, nor need it be.
 *
 * What append-only means is not decided here alone: names are given, in the places where that is done, so that nothing is replaced.
 * What is refused here would have no meaning then, or look into what the client may not read.
 */
#include "agent/sync/grant.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/entry.h"

/* Where an option is refused, whatever the configuration says. */
enum {
	REFUSED_APPENDING = 1, /* it changes what is there */
	REFUSED_BLIND = 2,     /* it tells what files hold, to somebody who may not read them */
	REFUSED_ALWAYS = 4,
};

enum kind { KIND_BIT, KIND_NUMBER, KIND_TEXT };

struct row {
	const char *name;
	enum kind kind;
	uint64_t bit;  /* of KIND_BIT; of KIND_NUMBER: the value that it has, or 0: any but 0 */
	size_t off;    /* of the others' field in the settings */
	unsigned refused;
};

#define BIT(name, bit, refused) { name, KIND_BIT, LADE_OPTION_##bit, 0, refused }
#define NUMBER(name, field, refused) { name, KIND_NUMBER, 0, offsetof(struct lade_settings, field), refused }
#define VALUE(name, field, value, refused) { name, KIND_NUMBER, value, offsetof(struct lade_settings, field), refused }
#define TEXT(name, field, refused) { name, KIND_TEXT, 0, offsetof(struct lade_settings, field), refused }

/* What implies another one comes before it: the first that is refused is told. */
static const struct row rows[] = {
	BIT("recursive", RECURSIVE, 0),
	BIT("dirs", DIRS, 0),
	BIT("relative", RELATIVE, 0),
	BIT("no-implied-dirs", NO_IMPLIED_DIRS, 0),
	BIT("links", LINKS, 0),
	BIT("copy-links", COPY_LINKS, 0),
	BIT("copy-dirlinks", COPY_DIRLINKS, 0),
	BIT("copy-unsafe-links", COPY_UNSAFE_LINKS, 0),
	BIT("safe-links", SAFE_LINKS, 0),
	BIT("munge-links", MUNGE_LINKS, 0),
	BIT("hard-links", HARD_LINKS, 0),
	BIT("devices", DEVICES, 0),
	BIT("specials", SPECIALS, 0),
	/* As with rsync's daemon: what a device gives or takes is nothing of the tree. */
	BIT("copy-devices", COPY_DEVICES, REFUSED_ALWAYS),
	BIT("write-devices", WRITE_DEVICES, REFUSED_ALWAYS),
	BIT("checksum", CHECKSUM, REFUSED_BLIND),
	BIT("dry-run", DRY_RUN, 0),
	BIT("perms", PERMS, 0),
	BIT("executability", EXECUTABILITY, 0),
	BIT("times", TIMES, 0),
	BIT("omit-dir-times", OMIT_DIR_TIMES, 0),
	BIT("omit-link-times", OMIT_LINK_TIMES, 0),
	BIT("atimes", ATIMES, 0),
	BIT("open-noatime", OPEN_NOATIME, 0),
	BIT("owner", OWNER, 0),
	BIT("group", GROUP, 0),
	BIT("fake-super", FAKE_SUPER, 0),
	BIT("super", SUPER, 0),
	BIT("no-super", NO_SUPER, 0),
	BIT("numeric-ids", NUMERIC_IDS, 0),
	TEXT("usermap", usermap, 0),
	TEXT("groupmap", groupmap, 0),
	BIT("acls", ACLS, 0),
	BIT("xattrs", XATTRS, 0),
	BIT("prune-empty-dirs", PRUNE_EMPTY_DIRS, 0),
	BIT("existing", EXISTING, 0),
	BIT("ignore-existing", IGNORE_EXISTING, 0),
	BIT("update", UPDATE, 0),
	BIT("ignore-times", IGNORE_TIMES, 0),
	BIT("size-only", SIZE_ONLY, 0),
	NUMBER("modify-window", modify_window, 0),
	BIT("keep-dirlinks", KEEP_DIRLINKS, 0),
	BIT("mkpath", MKPATH, 0),
	/* A receiver that reads the list says its lines. */
	TEXT("files-from", files_from, REFUSED_BLIND),
	NUMBER("files-from", source_names, 0),
	NUMBER("from0", from0, 0),
	BIT("one-file-system", ONE_FILE_SYSTEM, 0),
	NUMBER("max-size", size_limit, 0),
	NUMBER("min-size", size_least, 0),
	BIT("ignore-missing-args", IGNORE_MISSING_ARGS, 0),
	BIT("delete-excluded", DELETE_EXCLUDED, REFUSED_APPENDING),
	VALUE("delete-before", deletion, LADE_DELETION_FIRST, REFUSED_APPENDING),
	VALUE("delete-after", deletion, LADE_DELETION_LAST, REFUSED_APPENDING),
	BIT("delete", DELETE, REFUSED_APPENDING),
	NUMBER("max-delete", max_delete, 0),
	BIT("ignore-errors", IGNORE_ERRORS, 0),
	NUMBER("force-delete", force_delete, 0),
	BIT("remove-source-files", REMOVE_SOURCE_FILES, 0),
	BIT("force", FORCE, REFUSED_APPENDING),
	BIT("delete-missing-args", DELETE_MISSING_ARGS, REFUSED_APPENDING),
	TEXT("temp-dir", temp_dir, 0),
	BIT("delay-updates", DELAY_UPDATES, 0),
	TEXT("backup-dir", backup_dir, REFUSED_APPENDING),
	BIT("backup", BACKUP, REFUSED_APPENDING),
	TEXT("suffix", suffix, REFUSED_APPENDING),
	/* A file of the same name there would be taken for what is left of one, moved, or removed. */
	TEXT("partial-dir", partial_dir, REFUSED_APPENDING),
	NUMBER("no-partial", no_partial, 0),
	NUMBER("list-only", listing, 0),
	NUMBER("timeout", timeout, 0),
	NUMBER("bwlimit", bwlimit, 0),
	NUMBER("max-alloc", max_alloc, 0),
	TEXT("iconv", far_names, 0),
	BIT("fuzzy", FUZZY, REFUSED_BLIND),
	BIT("append", APPEND, REFUSED_APPENDING | REFUSED_BLIND),
	BIT("append-verify", APPEND_VERIFY, REFUSED_APPENDING | REFUSED_BLIND),
	BIT("inplace", INPLACE, REFUSED_APPENDING),
	BIT("sparse", SPARSE, 0),
	BIT("preallocate", PREALLOCATE, 0),
	BIT("whole-file", WHOLE_FILE, 0),
	BIT("index", INDEX, REFUSED_BLIND),
	NUMBER("compress", compression, 0),
	NUMBER("compress-level", level, 0),
	NUMBER("checksum-choice", checksum, 0),
	BIT("fsync", FSYNC, 0),
	BIT("verify", VERIFY, 0),
	BIT("fail-changed", FAIL_CHANGED, 0),
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* By enum lade_alternative. */
static const char *const alternatives[LADE_ALTERNATIVE_COUNT] = { NULL, "compare-dest", "copy-dest", "link-dest" };

static bool is_used(const struct lade_settings *settings, const struct row *row)
{
	const char *field = (const char *)settings + row->off, *text;
	uint64_t number;

	switch (row->kind) {
	case KIND_BIT:
		return settings->options & row->bit;
	case KIND_NUMBER:
		memcpy(&number, field, sizeof(number));
		return number && (!row->bit || number == row->bit);
	default:
		memcpy(&text, field, sizeof(text));
		return text;
	}
}

static int refuse(struct lade_fault *fault, const char *why, const char *option)
{
	char name[64];

	snprintf(name, sizeof(name), "--%s", option);
	return lade_fault_set(fault, LADE_E_UNSUPPORTED, why, name);
}

static bool is_configured(const struct lade_grant *grant, const char *option)
{
	for (unsigned i = 0; i < grant->refuse_count; i++)
		if (fnmatch(grant->refuse[i], option, 0) == 0)
			return true;
	return false;
}

/* Judge an option that is used: 0, or the fault. */
static int judge(const struct lade_grant *grant, const char *name, unsigned refused, struct lade_fault *fault)
{
	if (refused & REFUSED_ALWAYS)
		return refuse(fault, "allow to a client, since devices are not its business, the option", name);
	if ((refused & REFUSED_APPENDING) && grant->append_only)
		return refuse(fault, "allow where nothing that is there may be changed (append-only) the option", name);
	if ((refused & REFUSED_BLIND) && !grant->may_read)
		return refuse(fault, "allow where files may be written and not read, of which it would tell, the option", name);
	return is_configured(grant, name) ? refuse(fault, "allow, which is this server's configuration, the option", name) : 0;
}

/* True if files of rules in the tree decide what is deleted: who sees what is not knows their lines. */
static bool deletes_by_tree(const struct lade_settings *settings)
{
	return (settings->options & (LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS | LADE_OPTION_FORCE)) &&
		lade_filter_reads_tree(settings->filter);
}

/* Options whose meaning depends on more than themselves. */
static int judge_others(const struct lade_grant *grant, bool receives, const struct lade_settings *settings, struct lade_fault *fault)
{
	const bool removes = settings->options & LADE_OPTION_REMOVE_SOURCE_FILES;
	int error = settings->alternative_count ? judge(grant, alternatives[settings->alternative], 0, fault) : 0;

	if (!error && settings->fuzzy_alternatives)
		error = judge(grant, "fuzzy", REFUSED_BLIND, fault);
	if (error)
		return error;
	if (!grant->may_read && deletes_by_tree(settings))
		return refuse(fault, "allow where files may be written and not read, of which deletions would tell, files of rules in the tree "
			      "by the option", "filter");
	if (!receives && removes && (!grant->may_write || grant->append_only))
		return refuse(fault, "allow where nothing may be removed the option", "remove-source-files");
	if (receives && (settings->options & LADE_OPTION_INDEX) && grant->state_fd < 0)
		return refuse(fault, "allow, as it keeps no state for its clients, the option", "index");
	if ((settings->items & LADE_ITEMS_DIGEST) && !grant->may_read)
		return refuse(fault, "allow where files may be written and not read, of which it would tell, %C in the option",
			      "out-format");
	return 0;
}

static int judge_all(const struct lade_grant *grant, bool receives, const struct lade_settings *settings, struct lade_fault *fault)
{
	int error = 0;

	if (receives && !grant->may_write)
		return lade_fault_set(fault, LADE_E_USAGE, "write to what is served read-only", NULL);
	if (!receives && !grant->may_read)
		return lade_fault_set(fault, LADE_E_USAGE, "read from what is served write-only", NULL);
	for (size_t i = 0; i < ROW_COUNT && !error; i++)
		if (is_used(settings, &rows[i]))
			error = judge(grant, rows[i].name, rows[i].refused, fault);
	return error ? error : judge_others(grant, receives, settings, fault);
}

static uint64_t at_most(uint64_t wanted, uint64_t most)
{
	return most && (!wanted || wanted > most) ? most : wanted;
}

int lade_grant_apply(const struct lade_grant *grant, bool receives, struct lade_settings *settings, struct lade_fault *fault)
{
	int error = judge_all(grant, receives, settings, fault);

	if (error)
		return error;
	settings->timeout = at_most(settings->timeout, grant->timeout);
	settings->bwlimit = at_most(settings->bwlimit, grant->bwlimit);
	settings->max_alloc = at_most(settings->max_alloc, grant->max_alloc);
	settings->chmod = receives ? grant->incoming_chmod : grant->outgoing_chmod;
	settings->no_sendfile = grant->no_sendfile;
	settings->directio = grant->directio;
	settings->aio = grant->aio;
	if (grant->fake_super)
		settings->options = (settings->options & ~LADE_OPTIONS_SUPER) | LADE_OPTION_FAKE_SUPER;
	/* What is asked for piece by piece tells which pieces are there. */
	if (!grant->may_read)
		settings->options |= LADE_OPTION_WHOLE_FILE;
	return 0;
}

bool lade_grant_knows(const char *pattern)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (fnmatch(pattern, rows[i].name, 0) == 0)
			return true;
	for (unsigned i = LADE_ALTERNATIVE_NONE + 1; i < LADE_ALTERNATIVE_COUNT; i++)
		if (fnmatch(pattern, alternatives[i], 0) == 0)
			return true;
	return false;
}

static bool hides(void *filter, const char *path, bool is_directory)
{
	return lade_filter_excludes(filter, path, is_directory);
}

void lade_grant_base(const struct lade_grant *grant, struct lade_base *base_out)
{
	const bool some = grant->filter && !lade_filter_empty(grant->filter);

	*base_out = (struct lade_base){
		.fd = grant->root_fd, .hides = some ? hides : NULL, .context = (void *)(uintptr_t)grant->filter,
	};
}

int lade_grant_state(const struct lade_grant *grant, const char *name)
{
	if (grant->state_fd < 0)
		return -1;
	(void)mkdirat(grant->state_fd, name, 0700);
	return openat(grant->state_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}
