/*
 * Limits: values as rsync(1) takes them.
 */
#include "agent/options_limit.h"

#include <time.h>

#include "agent/moment.h"
#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/quantity.h"
#include "protocol/exit_status.h"

/* rsync(1), --bwlimit: whole KiB, and none that would round to nothing. */
#define RATE_UNIT 1024u
#define RATE_MIN (RATE_UNIT / 2)
/* Minutes; nobody is there to see more. */
#define STOP_AFTER_MAX 1000000000u

static int apply_bwlimit(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t rate;

	options->settings.bwlimit = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_size(use->value, RATE_UNIT, &rate) || (rate && rate < RATE_MIN) || rate > INT64_MAX - RATE_UNIT)
		return lade_options_wrong(use, "no rate of at least 512 bytes (like 1000, which is in KiB, 1.5M or 10MB), nor 0", complaint);
	options->settings.bwlimit = (rate + RATE_MIN) / RATE_UNIT * RATE_UNIT;
	return 0;
}

static int apply_stop_after(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t minutes;

	options->settings.stop_at = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_number(use->value, STOP_AFTER_MAX, &minutes) || !minutes)
		return lade_options_wrong(use, "no number of minutes from 1 on", complaint);
	options->settings.stop_at = (int64_t)time(NULL) + (int64_t)minutes * 60;
	return 0;
}

static int apply_stop_at(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	int error;

	options->settings.stop_at = 0;
	if (!use->on)
		return 0;
	error = lade_moment_parse(use->value, (int64_t)time(NULL), &options->settings.stop_at);
	if (error == LADE_E_ABSENT)
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': %s is not in the future; " HINT, use->spelled, use->value);
	return error ? lade_options_wrong(use, "no time like 2030-12-31T23:59, 12-31, 14:00 or :30", complaint) : 0;
}

static int apply_max_alloc(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	options->settings.max_alloc = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_size(use->value, 1, &options->settings.max_alloc) ||
	    (options->settings.max_alloc && options->settings.max_alloc < LADE_MEMORY_MIN))
		return lade_options_wrong(use, "no size of at least 128M (like 1G), nor 0", complaint);
	return 0;
}

int lade_options_apply_limit(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_BWLIMIT:
		return apply_bwlimit(options, use, complaint);
	case LADE_SYNC_STOP_AFTER:
		return apply_stop_after(options, use, complaint);
	case LADE_SYNC_STOP_AT:
		return apply_stop_at(options, use, complaint);
	case LADE_SYNC_MAX_ALLOC:
		return apply_max_alloc(options, use, complaint);
	default:
		return 0;
	}
}
