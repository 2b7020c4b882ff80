/*
 * Limits: values as rsync(1) takes them.
 */
#include "agent/options_limit.h"

#include "agent/option_table.h"
#include "agent/quantity.h"
#include "agent/sync/sync.h"

#define HINT "try 'lade help sync'"

/* rsync(1), --bwlimit: whole KiB, and none that would round to nothing. */
#define RATE_UNIT 1024u
#define RATE_MIN (RATE_UNIT / 2)

static int wrong(struct lade_complaint *complaint, const struct lade_option_use *use, const char *wanted)
{
	return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is no %s; " HINT, use->spelled, use->value, wanted);
}

static int apply_bwlimit(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t rate;

	options->settings.bwlimit = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_size(use->value, RATE_UNIT, &rate) || (rate && rate < RATE_MIN) || rate > INT64_MAX - RATE_UNIT)
		return wrong(complaint, use, "rate of at least 512 bytes (like 1000, which is in KiB, 1.5M or 10MB), nor 0");
	options->settings.bwlimit = (rate + RATE_MIN) / RATE_UNIT * RATE_UNIT;
	return 0;
}

int lade_options_apply_limit(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_BWLIMIT:
		return apply_bwlimit(options, use, complaint);
	default:
		return 0;
	}
}

int lade_options_check_limits(const struct lade_options *options, struct lade_complaint *complaint)
{
	if (options->contimeout && options->remote.kind != LADE_ENDPOINT_TCP)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--contimeout is for lade+tcp://; for ssh write -e 'ssh -o ConnectTimeout=SECONDS'; " HINT);
	return 0;
}
