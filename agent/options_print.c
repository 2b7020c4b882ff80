/*
 * What is printed: what options say about it, and what the other side must tell for it.
 */
#include "agent/options_print.h"

#include <stdio.h>
#include <strings.h>

#include "agent/figures.h"
#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/out_format.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

int lade_options_apply_verbosity(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct lade_verbosity *verbosity = &options->verbosity;
	int error = use->row->id == LADE_SYNC_INFO ? lade_verbosity_info(verbosity, use->value, complaint) :
		lade_verbosity_debug(verbosity, use->value, complaint);

	if (error)
		return error;
	return verbosity->info_help || verbosity->debug_help;
}

int lade_options_apply_outbuf(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	static const struct {
		const char *name;
		int mode;
	} modes[] = {
		{ "N", _IONBF }, { "none", _IONBF }, { "unbuffered", _IONBF }, { "L", _IOLBF }, { "line", _IOLBF },
		{ "B", _IOFBF }, { "block", _IOFBF }, { "full", _IOFBF },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcasecmp(use->value, modes[i].name) == 0) {
			options->outbuf = modes[i].mode;
			return 0;
		}
	}
	return lade_options_wrong(use, "none of N, L, B", complaint);
}

/* What items must say for what is printed of them. */
static void ask_for_items(struct lade_options *options)
{
	const struct lade_level *info = options->verbosity.info;
	struct lade_settings *settings = &options->settings;
	bool printed = !options->quiet && (options->itemize || options->out_format || options->json || info[LADE_INFO_NAME].level ||
					   info[LADE_INFO_DEL].level || info[LADE_INFO_PROGRESS].level == 1);

	if (printed || options->log_file)
		settings->options |= LADE_OPTION_ITEMIZE;
	if (printed && (options->itemize > 1 || info[LADE_INFO_NAME].level > 1))
		settings->items |= LADE_ITEMS_UNCHANGED;
	if (printed && options->out_format)
		settings->items |= lade_format_parts(options->out_format);
	if (options->log_format)
		settings->items |= lade_format_parts(options->log_format);
	if (options->json)
		settings->items |= LADE_ITEMS_SIZE | LADE_ITEMS_TIME | LADE_ITEMS_IDS | LADE_ITEMS_MOVED;
	if (printed && info[LADE_INFO_PROGRESS].level == 1)
		settings->items |= LADE_ITEMS_SIZE;
}

int lade_options_check_print(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_verbosity *verbosity = &options->verbosity;
	bool columns = options->itemize || (options->out_format && lade_format_has(options->out_format, 'i'));

	if (options->human > LADE_HUMAN_BINARY)
		options->human = LADE_HUMAN_BINARY;
	if (options->log_format && !options->log_file)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--log-file-format does nothing without --log-file; " HINT);
	if (options->json && (options->quiet || options->out_format))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--json and %s do not go together; " HINT,
				     options->quiet ? "--quiet (-q)" : "--out-format");
	if (options->progress) {
		lade_verbosity_imply(verbosity, LADE_INFO_PROGRESS, 1);
		lade_verbosity_imply(verbosity, LADE_INFO_NAME, 1);
		lade_verbosity_imply(verbosity, LADE_INFO_FLIST, 1);
	}
	if (options->stats)
		lade_verbosity_imply(verbosity, LADE_INFO_STATS, 2);
	lade_verbosity_finish(verbosity, options->verbose);
	if (!options->quiet || options->log_file)
		options->settings.notes = lade_verbosity_notes(verbosity) | (columns ? UINT64_C(1) << LADE_TOPIC_NAME : 0);
	ask_for_items(options);
	return 0;
}
