/*
 * Sources and destination: where they are, and which names of them are wanted.
 */
#include "agent/options_sources.h"

#include <stdlib.h>
#include <string.h>

#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/quantity.h"
#include "agent/sync/sources.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

/* The limit is the first size that is too large. */
static int apply_max_size(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t size;

	options->settings.size_limit = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_size(use->value, 1, &size))
		return lade_options_wrong(use, LADE_NO_SIZE, complaint);
	options->settings.size_limit = size + 1;
	return 0;
}

static int apply_old_dirs(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct lade_fault fault = { .operation = "use pattern" };

	options->settings.options |= LADE_OPTION_RECURSIVE;
	options->said |= LADE_OPTION_RECURSIVE;
	if (lade_filter_add(options->settings.filter, false, "/*/*", &fault))
		return lade_complain(complaint, LADE_EXIT_MEMORY, "option '%s': out of memory", use->spelled);
	return 0;
}

int lade_options_apply_sources(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_FROM0:
		options->from0 = use->on;
		lade_filter_set_nul(options->settings.filter, use->on);
		return 0;
	case LADE_SYNC_MAX_SIZE:
		return apply_max_size(options, use, complaint);
	case LADE_SYNC_OLD_DIRS:
		return apply_old_dirs(options, use, complaint);
	default: /* IMPLIED_DIRS */
		options->settings.options &= ~LADE_OPTION_NO_IMPLIED_DIRS;
		if (!use->on)
			options->settings.options |= LADE_OPTION_NO_IMPLIED_DIRS;
		return 0;
	}
}

/* Parse an argument. named: it must name the host that it is on, if it is on one. Whatever is returned, endpoint_out is to be freed. */
static int parse_argument(const char *argument, bool named, struct lade_endpoint *endpoint_out, struct lade_complaint *complaint)
{
	int error = lade_endpoint_parse(endpoint_out, argument, complaint);

	if (error || !named || !endpoint_out->host || endpoint_out->host[0])
		return error;
	return lade_complain(complaint, LADE_EXIT_USAGE, "'%s' names no host; for a local file write ./%s", argument, argument);
}

/* Keep the source's path; all of them must be on the host of the first. */
static int add_source(struct lade_options *options, const char *argument,
		      struct lade_complaint *complaint)
{
	struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
	int error = parse_argument(argument, options->source_count == 0, &endpoint, complaint);

	if (error)
		goto out;
	if (options->source_count && !lade_endpoint_same_host(&options->remote, &endpoint)) {
		error = lade_complain(complaint, LADE_EXIT_USAGE,
				      "'%s': all sources must be on one host; " HINT, argument);
		goto out;
	}
	options->sources[options->source_count++] = endpoint.path;
	endpoint.path = NULL;
	if (options->source_count == 1) {
		options->remote = endpoint;
		memset(&endpoint, 0, sizeof(endpoint));
	}
out:
	lade_endpoint_fini(&endpoint);
	return error;
}

static int set_destination(struct lade_options *options, const char *argument,
			   struct lade_complaint *complaint)
{
	struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
	int error = parse_argument(argument, true, &endpoint, complaint);

	if (error)
		goto out;
	if (endpoint.kind != LADE_ENDPOINT_LOCAL && options->remote.kind != LADE_ENDPOINT_LOCAL) {
		error = lade_complain(complaint, LADE_EXIT_USAGE,
				      "the sources and the destination are both remote; " HINT);
		goto out;
	}
	options->push = options->remote.kind == LADE_ENDPOINT_LOCAL;
	options->destination = endpoint.path;
	endpoint.path = NULL;
	if (endpoint.kind != LADE_ENDPOINT_LOCAL) {
		options->remote = endpoint;
		memset(&endpoint, 0, sizeof(endpoint));
	}
out:
	lade_endpoint_fini(&endpoint);
	return error;
}

int lade_options_take_arguments(struct lade_options *options, const char *const arguments[], unsigned count, struct lade_complaint *complaint)
{
	int error = 0;

	if (count == 0)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "no source and no destination; " HINT);
	/* As in rsync: a source alone is shown. */
	if (count == 1 || options->sources_only) {
		options->list_only = true;
		count++;
	}
	options->sources = calloc(count, sizeof(*options->sources));
	if (!options->sources)
		return lade_complain_memory(complaint);
	for (unsigned i = 0; i < count - 1 && !error; i++)
		error = add_source(options, arguments[i], complaint);
	if (!error && options->remote.kind != LADE_ENDPOINT_LOCAL && options->source_count > LADE_SOURCES_MAX)
		error = lade_complain(complaint, LADE_EXIT_USAGE, "%u remote sources are too many: at most %u; use --files-from",
				      options->source_count, LADE_SOURCES_MAX);
	if (error || options->list_only)
		return error;
	options->settings.guard = arguments[count - 1];
	return set_destination(options, options->settings.guard, complaint);
}

/* Where the list of sources is, and what it changes. */
static int check_list(struct lade_options *options, struct lade_complaint *complaint)
{
	uint64_t *bits = &options->settings.options;
	struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
	bool remote;
	int error;

	if (!options->files_from)
		return 0;
	if (options->source_count != 1)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--files-from takes one source, the directory of its names; " HINT);
	error = lade_endpoint_parse(&endpoint, options->files_from, complaint);
	if (error)
		goto out;
	remote = endpoint.kind != LADE_ENDPOINT_LOCAL;
	if (endpoint.kind == LADE_ENDPOINT_DAEMON && strcmp(endpoint.path, "/") == 0) {
		error = lade_complain(complaint, LADE_EXIT_USAGE, "'%s': a module is no list of sources; " HINT, options->files_from);
		goto out;
	}
	if (remote && (options->remote.kind == LADE_ENDPOINT_LOCAL ||
		       ((endpoint.user || endpoint.host[0]) && !lade_endpoint_same_host(&options->remote, &endpoint)))) {
		error = lade_complain(complaint, LADE_EXIT_USAGE, "'%s': the list of sources is on neither side; " HINT,
				      options->files_from);
		goto out;
	}
	if (remote)
		options->settings.files_from = options->files_from + strlen(options->files_from) - strlen(endpoint.path);
	else
		options->list_file = options->files_from;
	options->settings.from0 = remote && options->from0;
	options->settings.source_names = !remote && !options->push;
	if (!(options->said & LADE_OPTION_RECURSIVE))
		*bits &= ~LADE_OPTION_RECURSIVE;
	*bits |= ~options->said & (LADE_OPTION_RELATIVE | LADE_OPTION_DIRS);
out:
	lade_endpoint_fini(&endpoint);
	return error;
}

/* Sources are shown: all that there is of them, whatever would be copied. */
static void check_listing(struct lade_options *options)
{
	uint64_t *bits = &options->settings.options;

	if (!options->list_only)
		return;
	options->show_targets = *bits & LADE_OPTION_LINKS;
	options->settings.listing = 1;
	*bits |= LADE_OPTION_DEVICES | LADE_OPTION_SPECIALS | LADE_OPTION_DIRS | LADE_OPTION_DRY_RUN;
	if (!(*bits & LADE_OPTION_COPY_LINKS))
		*bits |= LADE_OPTION_LINKS;
}

int lade_options_check_sources(struct lade_options *options, struct lade_complaint *complaint)
{
	uint64_t *bits = &options->settings.options;
	int error = check_list(options, complaint);

	if (error)
		return error;
	if (options->one_file_system)
		*bits |= LADE_OPTION_ONE_FILE_SYSTEM | (options->one_file_system > 1 ? LADE_OPTION_NO_MOUNT_POINTS : 0);
	check_listing(options);
	for (unsigned i = 0; i < options->source_count && (*bits & LADE_OPTION_RELATIVE) && !options->files_from; i++) {
		struct lade_sources probe = { .relative = true };
		struct lade_fault fault;

		error = lade_sources_add(&probe, options->sources[i], &fault);
		lade_sources_fini(&probe);
		if (error)
			return lade_complain_fault(complaint, error == LADE_E_USAGE ? LADE_EXIT_USAGE : LADE_EXIT_FILE, &fault);
	}
	if ((*bits & LADE_OPTION_DELETE) && !(*bits & (LADE_OPTION_RECURSIVE | LADE_OPTION_DIRS)))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--delete does not work without --recursive (-r) or --dirs (-d); " HINT);
	return 0;
}
