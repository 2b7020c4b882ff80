/*
 * From the words of `lade sync` to its options: the table's rows are applied in the order
 * of the command line, then the whole is checked.
 */
#include "agent/options.h"

#include <stdlib.h>
#include <string.h>

#include "agent/filter_option.h"
#include "agent/option_safety.h"
#include "agent/option_table.h"
#include "agent/options_connect.h"
#include "agent/options_content.h"
#include "agent/options_internal.h"
#include "agent/options_limit.h"
#include "agent/options_print.h"
#include "agent/options_rights.h"
#include "agent/options_sources.h"
#include "agent/quantity.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

/* Stop walking: --help and --version need nothing else. */
#define ENOUGH 1

/* What is collected during the walk. */
struct parse {
	struct lade_options *options;
	const char **arguments; /* those that are no options */
	unsigned argument_count;
};

static int apply_bits(struct lade_options *options, const struct lade_option_use *use)
{
	if (!use->on)
		options->settings.options &= ~use->row->bits;
	else
		options->settings.options |= use->row->bits;
	/* -a is the user's word for many things, and for none of them alone. */
	if (use->row->letter != 'a')
		options->said |= use->row->bits;
	/*
	 * An ACL holds the permissions of owner and others too: one without the other is half a
	 * thing.
	 */
	if (use->on && use->row->bits == LADE_OPTION_ACLS)
		options->settings.options |= LADE_OPTION_PERMS;
	return 0;
}

int lade_options_wrong(const struct lade_option_use *use, const char *wanted, struct lade_complaint *complaint)
{
	return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is %s; " HINT, use->spelled, use->value, wanted);
}

int lade_options_apply_text(const char **text, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	if (!use->value[0])
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "option '%s' needs a value (%s); " HINT, use->spelled,
				     use->row->value);
	*text = use->value;
	return 0;
}

static int apply_quantity(uint64_t *field, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	int error;

	*field = 0;
	if (!use->on)
		return 0;
	error = use->row->id == LADE_SYNC_SIZE ? lade_quantity_size(use->value, 1, field) :
		lade_quantity_number(use->value, use->row->bits, field);

	if (!error)
		return 0;
	return lade_options_wrong(use, use->row->id == LADE_SYNC_SIZE ? LADE_NO_SIZE : "no number that it takes", complaint);
}

/* The kinds that set the field at the row's offset. */
static int apply_field(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	void *field = (char *)options + use->row->off;

	switch (use->row->id) {
	case LADE_SYNC_FLAG:
		*(bool *)field = use->on;
		return 0;
	case LADE_SYNC_COUNT:
		*(unsigned *)field = use->on ? *(unsigned *)field + 1 : 0;
		return 0;
	case LADE_SYNC_TEXT:
		*(const char **)field = NULL;
		return use->on ? lade_options_apply_text(field, use, complaint) : 0;
	case LADE_SYNC_FORMAT:
		*(const char **)field = use->on ? use->value : NULL;
		return 0;
	default: /* NUMBER, SIZE */
		return apply_quantity(field, use, complaint);
	}
}

/* A line for each option, so that the compiler finds the one that is missing. */
static int apply_option(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_BITS:
		return apply_bits(options, use);
	case LADE_SYNC_FLAG:
	case LADE_SYNC_COUNT:
	case LADE_SYNC_TEXT:
	case LADE_SYNC_FORMAT:
	case LADE_SYNC_NUMBER:
	case LADE_SYNC_SIZE:
		return apply_field(options, use, complaint);
	case LADE_SYNC_EXCLUDE:
	case LADE_SYNC_INCLUDE:
	case LADE_SYNC_EXCLUDE_FROM:
	case LADE_SYNC_INCLUDE_FROM:
	case LADE_SYNC_FILTER:
	case LADE_SYNC_FILTER_FILES:
	case LADE_SYNC_CVS:
	case LADE_SYNC_GIT:
		return lade_filter_option_apply(&options->rules, options->settings.filter, use, complaint);
	case LADE_SYNC_REMOTE_OPTION:
	case LADE_SYNC_SUPER:
	case LADE_SYNC_CHMOD:
		return lade_options_apply_rights(options, use, complaint);
	case LADE_SYNC_FROM0:
	case LADE_SYNC_MAX_SIZE:
	case LADE_SYNC_OLD_DIRS:
	case LADE_SYNC_IMPLIED_DIRS:
		return lade_options_apply_sources(options, use, complaint);
	case LADE_SYNC_PATH:
	case LADE_SYNC_CHECKSUM_CHOICE:
	case LADE_SYNC_MODIFY_WINDOW:
	case LADE_SYNC_COMPARE_DEST:
	case LADE_SYNC_COPY_DEST:
	case LADE_SYNC_LINK_DEST:
	case LADE_SYNC_COMPRESS:
	case LADE_SYNC_COMPRESS_CHOICE:
	case LADE_SYNC_COMPRESS_LEVEL:
	case LADE_SYNC_WHOLE_FILE:
		return lade_options_apply_content(options, use, complaint);
	case LADE_SYNC_INFO:
	case LADE_SYNC_DEBUG:
		return lade_options_apply_verbosity(options, use, complaint);
	case LADE_SYNC_OUTBUF:
		return lade_options_apply_outbuf(options, use, complaint);
	case LADE_SYNC_ALWAYS:
		return 0;
	case LADE_SYNC_IPV4:
	case LADE_SYNC_IPV6:
	case LADE_SYNC_SOCKOPTS:
		return lade_options_apply_connection(options, use, complaint);
	case LADE_SYNC_DELETE_WHEN:
	case LADE_SYNC_MAX_DELETE:
	case LADE_SYNC_SUFFIX:
	case LADE_SYNC_PARTIAL:
	case LADE_SYNC_PARTIAL_PROGRESS:
		return lade_option_safety_apply(options, use, complaint);
	case LADE_SYNC_BWLIMIT:
	case LADE_SYNC_STOP_AFTER:
	case LADE_SYNC_STOP_AT:
	case LADE_SYNC_MAX_ALLOC:
		return lade_options_apply_limit(options, use, complaint);
	case LADE_SYNC_HELP:
		options->help = true;
		return ENOUGH;
	case LADE_SYNC_VERSION:
		options->version = true;
		return ENOUGH;
	case LADE_SYNC_REFUSED: /* by the walk */
		break;
	}
	return 0;
}

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct parse *parse = context;

	if (use->row)
		return apply_option(parse->options, use, complaint);
	parse->arguments[parse->argument_count++] = use->value;
	return 0;
}

/* What one option needs of others; those about content and safety rely on what was checked before them. */
static int check(struct lade_options *options, struct lade_complaint *complaint)
{
	static int (*const checks[])(struct lade_options *, struct lade_complaint *) = {
		lade_options_check_sources, lade_options_check_rights, lade_options_check_connection,
		lade_options_check_content, lade_option_safety_check, lade_options_check_print,
	};

	if (options->atimes)
		options->settings.options |= LADE_OPTION_ATIMES;
	if (options->atimes > 1)
		options->settings.options |= LADE_OPTION_OPEN_NOATIME;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int error = checks[i](options, complaint);

		if (error)
			return error;
	}
	return 0;
}

static int parse_all(struct lade_options *options, int argc, char *const argv[], struct lade_complaint *complaint)
{
	struct parse parse = { .options = options };
	struct lade_option_walk walk = { .apply = apply, .context = &parse, .hint = HINT };
	int error;

	options->settings.path = LADE_PATH_AUTO;
	options->settings.alternatives = options->alternatives;
	options->human = 1;
	options->outbuf = -1;
	options->iconv = getenv("RSYNC_ICONV");
	/* As in rsync: -h is --help only on its own. */
	if (argc == 1 && strcmp(argv[0], "-h") == 0) {
		options->help = true;
		return 0;
	}
	parse.arguments = calloc((size_t)argc + 1, sizeof(*parse.arguments));
	if (!parse.arguments || lade_filter_new(&options->settings.filter)) {
		error = lade_complain_memory(complaint);
		goto out;
	}
	walk.rows = lade_sync_options(&walk.row_count);
	error = lade_option_walk(&walk, argc, argv, complaint);
	if (error == ENOUGH) {
		error = 0;
		goto out;
	}
	if (!error)
		error = lade_filter_option_finish(&options->rules, options->settings.filter, complaint);
	if (!error)
		error = lade_options_take_arguments(options, parse.arguments, parse.argument_count, complaint);
	if (!error)
		error = check(options, complaint);
out:
	free(parse.arguments);
	return error;
}

int lade_options_parse(struct lade_options *options, int argc, char *const argv[],
		       struct lade_complaint *complaint)
{
	memset(options, 0, sizeof(*options));
	return parse_all(options, argc, argv, complaint);
}

int lade_options_parse_list(struct lade_options *options, int argc, char *const argv[], struct lade_complaint *complaint)
{
	memset(options, 0, sizeof(*options));
	options->sources_only = true;
	return parse_all(options, argc, argv, complaint);
}

void lade_options_fini(struct lade_options *options)
{
	lade_filter_free(options->settings.filter);
	lade_options_fini_rights(options);
	lade_endpoint_fini(&options->remote);
	for (unsigned i = 0; i < options->source_count; i++)
		free(options->sources[i]);
	free(options->sources);
	free(options->destination);
	memset(options, 0, sizeof(*options));
}
