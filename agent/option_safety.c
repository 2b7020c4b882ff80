/*
 * Deletion and safety on the command line. What an option would have to do without another one is nothing, and said so.
 */
#include "agent/option_safety.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/quantity.h"
#include "agent/sync/own_rules.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"
#include "protocol/limits.h"

static int apply_delete_when(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	unsigned when = (unsigned)use->row->bits;

	if (options->delete_when && options->delete_when != when)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "'%s': only one of the --delete-before, -during, -delay and -after may be given; " HINT,
				     use->spelled);
	options->delete_when = when;
	options->settings.deletion = when == LADE_DELETE_BEFORE ? LADE_DELETION_FIRST :
		when == LADE_DELETE_AFTER ? LADE_DELETION_LAST : LADE_DELETION_ANY;
	options->settings.options |= LADE_OPTION_DELETE;
	return 0;
}

/* -1 is what people write for servers to which 0 means that there is no limit. */
static int apply_max_delete(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t most = 0;

	if (strcmp(use->value, "-1") != 0 && lade_quantity_number(use->value, LADE_MAX_DELETE_MAX, &most))
		return lade_options_wrong(use, "no number that it takes", complaint);
	options->settings.max_delete = most + 1;
	return 0;
}

static void apply_partial(struct lade_options *options, bool on)
{
	options->partial = on;
	options->settings.no_partial = !on;
}

int lade_option_safety_apply(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_DELETE_WHEN:
		return apply_delete_when(options, use, complaint);
	case LADE_SYNC_MAX_DELETE:
		return apply_max_delete(options, use, complaint);
	case LADE_SYNC_PARTIAL_PROGRESS:
		options->progress = use->on;
		apply_partial(options, use->on);
		return 0;
	case LADE_SYNC_SUFFIX:
		options->settings.suffix = use->value;
		return 0;
	default: /* PARTIAL */
		apply_partial(options, use->on);
		return 0;
	}
}

static int check_backup(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_settings *settings = &options->settings;
	const char *suffix = settings->suffix;

	if (settings->backup_dir)
		settings->options |= LADE_OPTION_BACKUP;
	/* As in rsync it may be there always, and -b sometimes. */
	if (!(settings->options & LADE_OPTION_BACKUP))
		settings->suffix = suffix = NULL;
	if (suffix && (strchr(suffix, '/') || strlen(suffix) >= LADE_NAME_MAX))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--suffix=%s is no end of a name; " HINT, suffix);
	if (suffix && !*suffix && !settings->backup_dir)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--suffix may be empty with --backup-dir only; " HINT);
	if (suffix && !*suffix)
		settings->suffix = NULL;
	if ((settings->options & LADE_OPTION_BACKUP) && !suffix && !settings->backup_dir)
		settings->suffix = "~";
	if (lade_own_rules_backup(settings))
		return lade_complain(complaint, LADE_EXIT_MEMORY, "--backup: too many filter rules");
	return 0;
}

static int check_partial_dir(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_settings *settings = &options->settings;
	bool delays = settings->options & LADE_OPTION_DELAY_UPDATES, in_place = settings->options & LADE_OPTION_INPLACE;

	if (options->partial && !settings->partial_dir && !delays && !in_place)
		settings->partial_dir = getenv("RSYNC_PARTIAL_DIR");
	if (settings->no_partial || (settings->partial_dir && !*settings->partial_dir))
		settings->partial_dir = NULL;
	if (!settings->partial_dir)
		return 0;
	if (in_place)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--inplace and --partial-dir do not go together; " HINT);
	if (!lade_entry_path_valid(settings->partial_dir) || strlen(settings->partial_dir) >= LADE_TARGET_MAX)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--partial-dir=%s: it must have no . or .. in it; " HINT,
				     settings->partial_dir);
	if (lade_own_rules_partial(settings))
		return lade_complain(complaint, LADE_EXIT_MEMORY, "--partial-dir: too many filter rules");
	return 0;
}

/* Sources are guarded where a wrong one costs something. */
static int check_guard(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_settings *settings = &options->settings;
	bool deletes = settings->options & (LADE_OPTION_DELETE | LADE_OPTION_DELETE_MISSING_ARGS);

	if (options->force_delete && !deletes)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--force-delete does nothing without --delete; " HINT);
	if (!deletes || options->list_only)
		settings->guard = NULL;
	settings->force_delete = options->force_delete && settings->guard;
	return 0;
}

int lade_option_safety_check(struct lade_options *options, struct lade_complaint *complaint)
{
	uint64_t bits = options->settings.options;

	if (check_backup(options, complaint) || check_partial_dir(options, complaint) || check_guard(options, complaint))
		return LADE_E_USAGE;
	if ((bits & LADE_OPTION_INPLACE) && (bits & LADE_OPTION_DELAY_UPDATES))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--inplace and --delay-updates do not go together; " HINT);
	if ((bits & LADE_OPTION_IGNORE_ERRORS) && !(bits & LADE_OPTION_DELETE))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--ignore-errors does nothing without --delete; " HINT);
	return 0;
}
