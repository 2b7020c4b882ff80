/*
 * From the words of `lade sync` to its options: the table's rows are applied in the order
 * of the command line, then the whole is checked.
 */
#include "agent/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "agent/filter_option.h"
#include "agent/option_safety.h"
#include "agent/option_table.h"
#include "agent/options_connect.h"
#include "agent/options_limit.h"
#include "agent/options_rights.h"
#include "agent/out_format.h"
#include "agent/quantity.h"
#include "agent/sync/sources.h"
#include "agent/sync/sync.h"
#include "agent/tree/metadata.h"
#include "chunker/codec.h"
#include "chunker/digest.h"
#include "protocol/entry.h"

#define APPENDS (LADE_OPTION_APPEND | LADE_OPTION_APPEND_VERIFY)

#define HINT "try 'lade help sync'"

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

static int apply_path(struct lade_options *options, const struct lade_option_use *use,
		      struct lade_complaint *complaint)
{
	if (lade_path_parse(use->value, &options->settings.path) == 0)
		return 0;
	return lade_complain(complaint, LADE_EXIT_USAGE,
			     "unknown path '%s'; 'lade paths' lists them; " HINT, use->value);
}

static int apply_text(const char **text, const struct lade_option_use *use,
		      struct lade_complaint *complaint)
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
	return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is no %s; " HINT, use->spelled, use->value,
			     use->row->id == LADE_SYNC_SIZE ? "size (like 700, 10K or 1.5GB)" : "number that it takes");
}

/* The limit is the first size that is too large. */
static int apply_max_size(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	uint64_t size;

	options->settings.size_limit = 0;
	if (!use->on)
		return 0;
	if (lade_quantity_size(use->value, 1, &size))
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is no size (like 700, 10K or 1.5GB); " HINT,
				     use->spelled, use->value);
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

static int apply_compress_choice(struct lade_options *options, const struct lade_option_use *use,
				 struct lade_complaint *complaint)
{
	static const char *const names[LADE_COMPRESSION_COUNT] = {
		[LADE_COMPRESSION_NONE] = "none", [LADE_COMPRESSION_ZSTD] = "zstd", [LADE_COMPRESSION_AUTO] = "auto",
	};

	for (unsigned i = 0; i < LADE_COMPRESSION_COUNT; i++) {
		if (strcmp(use->value, names[i]) == 0) {
			options->settings.compression = i;
			if (options->settings.compression == LADE_COMPRESSION_ZSTD && !options->settings.level)
				options->settings.level = LADE_CODEC_LEVEL_DEFAULT;
			return 0;
		}
	}
	return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is none of zstd, auto, none; " HINT, use->spelled,
			     use->value);
}

static int apply_compress_level(struct lade_options *options, const struct lade_option_use *use,
				struct lade_complaint *complaint)
{
	char *end;
	long level = strtol(use->value, &end, 10);

	if (!*use->value || *end || level < 1 || level > LADE_CODEC_LEVEL_MAX)
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is no number from 1 to %d; " HINT,
				     use->spelled, use->value, LADE_CODEC_LEVEL_MAX);
	options->settings.level = (uint64_t)level;
	options->settings.compression = LADE_COMPRESSION_ZSTD;
	return 0;
}

/* A name that --checksum-choice knows; refused: one of rsync's that it has not, and what to use. */
struct checksum_name {
	const char *name, *refused;
	enum lade_digest_kind kind;
};

/* The row of a name of len bytes, or NULL. */
static const struct checksum_name *find_checksum(const char *name, size_t len)
{
	static const struct checksum_name names[] = {
		{ "auto", NULL, LADE_DIGEST_XXH3 },
		{ "xxh128", NULL, LADE_DIGEST_XXH3 },
		{ "xxh3", NULL, LADE_DIGEST_XXH3 },
		{ "sha256", NULL, LADE_DIGEST_SHA256 },
		{ "blake2b", NULL, LADE_DIGEST_BLAKE2B },
		{ "xxh64", "use xxh128", LADE_DIGEST_XXH3 },
		{ "xxhash", "use xxh128", LADE_DIGEST_XXH3 },
		{ "md5", "use sha256 or blake2b", LADE_DIGEST_XXH3 },
		{ "md4", "use sha256 or blake2b", LADE_DIGEST_XXH3 },
		{ "sha1", "use sha256 or blake2b", LADE_DIGEST_XXH3 },
		{ "none", "what arrives is always checked", LADE_DIGEST_XXH3 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len && memcmp(name, names[i].name, len) == 0)
			return &names[i];
	return NULL;
}

static int apply_checksum(const struct lade_option_use *use, const char *name, size_t len, uint64_t *kind_out,
			  struct lade_complaint *complaint)
{
	const struct checksum_name *found = find_checksum(name, len);

	if (!found)
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is none of auto, xxh128, xxh3, sha256, blake2b; " HINT,
				     use->spelled, use->value);
	if (found->refused)
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is not available: %s; " HINT, use->spelled,
				     found->name, found->refused);
	*kind_out = found->kind;
	return 0;
}

/* The first name is for what is sent, the second one, or the only one, for -c. */
static int apply_checksum_choice(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	const char *comma = strchr(use->value, ',');
	size_t len = comma ? (size_t)(comma - use->value) : strlen(use->value);
	int error = apply_checksum(use, use->value, len, &options->settings.checksum, complaint);

	options->settings.file_checksum = options->settings.checksum;
	if (error || !comma)
		return error;
	return apply_checksum(use, comma + 1, strlen(comma + 1), &options->settings.file_checksum, complaint);
}

/* As in rsync: any negative number asks for nanoseconds. */
static int apply_modify_window(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	bool negative = use->value[0] == '-';
	uint64_t number;

	if (lade_quantity_number(use->value + negative, INT32_MAX, &number) || (negative && !number))
		return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is no number of seconds, nor -1; " HINT, use->spelled,
				     use->value);
	options->settings.modify_window = negative ? LADE_WINDOW_NANOSECONDS : LADE_WINDOW_SECONDS + number;
	return 0;
}

static int apply_alternative(struct lade_options *options, enum lade_alternative alternative, const struct lade_option_use *use,
			     struct lade_complaint *complaint)
{
	static const char *const names[LADE_ALTERNATIVE_COUNT] = {
		[LADE_ALTERNATIVE_NONE] = "", [LADE_ALTERNATIVE_COMPARE] = "--compare-dest",
		[LADE_ALTERNATIVE_COPY] = "--copy-dest", [LADE_ALTERNATIVE_LINK] = "--link-dest",
	};

	if (options->settings.alternative_count && options->settings.alternative != alternative)
		return lade_complain(complaint, LADE_EXIT_USAGE, "%s and %s do not go together; " HINT,
				     names[options->settings.alternative], names[alternative]);
	if (options->settings.alternative_count == LADE_ALTERNATIVES_MAX)
		return lade_complain(complaint, LADE_EXIT_USAGE, "%s may be given %u times at most; " HINT, names[alternative],
				     LADE_ALTERNATIVES_MAX);
	options->settings.alternative = alternative;
	return apply_text(&options->alternatives[options->settings.alternative_count++], use, complaint);
}

/* --info, --debug. Whoever asks for their list wants nothing else. */
static int apply_verbosity(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct lade_verbosity *verbosity = &options->verbosity;
	int error = use->row->id == LADE_SYNC_INFO ? lade_verbosity_info(verbosity, use->value, complaint) :
		lade_verbosity_debug(verbosity, use->value, complaint);

	if (error)
		return error;
	return verbosity->info_help || verbosity->debug_help ? ENOUGH : 0;
}

static int apply_outbuf(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
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
	return lade_complain(complaint, LADE_EXIT_USAGE, "option '%s': '%s' is none of N, L, B; " HINT, use->spelled, use->value);
}

/* Long because there are many options; each is a line. */
static int apply_option(struct lade_options *options, const struct lade_option_use *use,
			struct lade_complaint *complaint)
{
	void *field = (char *)options + use->row->off;

	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_BITS:
		return apply_bits(options, use);
	case LADE_SYNC_FLAG:
		*(bool *)field = use->on;
		return 0;
	case LADE_SYNC_COUNT:
		*(unsigned *)field = use->on ? *(unsigned *)field + 1 : 0;
		return 0;
	case LADE_SYNC_TEXT:
		*(const char **)field = NULL;
		return use->on ? apply_text(field, use, complaint) : 0;
	case LADE_SYNC_FORMAT:
		*(const char **)field = use->on ? use->value : NULL;
		return 0;
	case LADE_SYNC_NUMBER:
	case LADE_SYNC_SIZE:
		return apply_quantity(field, use, complaint);
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
		options->from0 = use->on;
		lade_filter_set_nul(options->settings.filter, use->on);
		return 0;
	case LADE_SYNC_MAX_SIZE:
		return apply_max_size(options, use, complaint);
	case LADE_SYNC_OLD_DIRS:
		return apply_old_dirs(options, use, complaint);
	case LADE_SYNC_IMPLIED_DIRS:
		options->settings.options &= ~LADE_OPTION_NO_IMPLIED_DIRS;
		if (!use->on)
			options->settings.options |= LADE_OPTION_NO_IMPLIED_DIRS;
		return 0;
	case LADE_SYNC_PATH:
		return apply_path(options, use, complaint);
	case LADE_SYNC_CHECKSUM_CHOICE:
		return apply_checksum_choice(options, use, complaint);
	case LADE_SYNC_MODIFY_WINDOW:
		return apply_modify_window(options, use, complaint);
	case LADE_SYNC_COMPARE_DEST:
		return apply_alternative(options, LADE_ALTERNATIVE_COMPARE, use, complaint);
	case LADE_SYNC_COPY_DEST:
		return apply_alternative(options, LADE_ALTERNATIVE_COPY, use, complaint);
	case LADE_SYNC_LINK_DEST:
		return apply_alternative(options, LADE_ALTERNATIVE_LINK, use, complaint);
	case LADE_SYNC_COMPRESS:
		options->settings.compression = use->on ? LADE_COMPRESSION_AUTO : LADE_COMPRESSION_NONE;
		return 0;
	case LADE_SYNC_COMPRESS_CHOICE:
		return apply_compress_choice(options, use, complaint);
	case LADE_SYNC_COMPRESS_LEVEL:
		return apply_compress_level(options, use, complaint);
	case LADE_SYNC_INFO:
	case LADE_SYNC_DEBUG:
		return apply_verbosity(options, use, complaint);
	case LADE_SYNC_OUTBUF:
		return apply_outbuf(options, use, complaint);
	case LADE_SYNC_WHOLE_FILE:
		options->whole_file = use->on ? 1 : -1;
		return 0;
	case LADE_SYNC_ALWAYS:
		return 0;
	case LADE_SYNC_IPV4:
		options->family = use->on ? AF_INET : AF_UNSPEC;
		return 0;
	case LADE_SYNC_IPV6:
		options->family = use->on ? AF_INET6 : AF_UNSPEC;
		return 0;
	case LADE_SYNC_SOCKOPTS:
		return lade_options_apply_sockopts(options, use, complaint);
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

static int no_memory(struct lade_complaint *complaint)
{
	(void)lade_complain(complaint, LADE_EXIT_MEMORY, "out of memory");
	return LADE_E_MEMORY;
}

/* Keep the source's path; all of them must be on the host of the first. */
static int add_source(struct lade_options *options, const char *argument,
		      struct lade_complaint *complaint)
{
	struct lade_endpoint endpoint = { .kind = LADE_ENDPOINT_LOCAL };
	int error = lade_endpoint_parse(&endpoint, argument, complaint);

	if (error)
		goto out;
	if (options->source_count == 0 && endpoint.host && !endpoint.host[0]) {
		error = lade_complain(complaint, LADE_EXIT_USAGE,
				      "'%s' names no host; for a local file write ./%s", argument,
				      argument);
		goto out;
	}
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
	int error = lade_endpoint_parse(&endpoint, argument, complaint);

	if (error)
		goto out;
	if (endpoint.host && !endpoint.host[0]) {
		error = lade_complain(complaint, LADE_EXIT_USAGE,
				      "'%s' names no host; for a local file write ./%s", argument,
				      argument);
		goto out;
	}
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

static int take_arguments(struct parse *parse, struct lade_complaint *complaint)
{
	struct lade_options *options = parse->options;
	unsigned count = parse->argument_count;
	int error = 0;

	if (count == 0)
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "no source and no destination; " HINT);
	/* As in rsync: a source alone is shown. */
	if (count == 1) {
		options->list_only = true;
		count = 2;
	}
	options->sources = calloc(count, sizeof(*options->sources));
	if (!options->sources)
		return no_memory(complaint);
	for (unsigned i = 0; i < count - 1 && !error; i++)
		error = add_source(options, parse->arguments[i], complaint);
	if (!error && options->remote.kind != LADE_ENDPOINT_LOCAL && options->source_count > LADE_SOURCES_MAX)
		error = lade_complain(complaint, LADE_EXIT_USAGE, "%u remote sources are too many: at most %u; use --files-from",
				      options->source_count, LADE_SOURCES_MAX);
	return error || options->list_only ? error : set_destination(options, parse->arguments[count - 1], complaint);
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

/* What the options about sources need of others. */
static int check_sources(struct lade_options *options, struct lade_complaint *complaint)
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

static int check_output(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_verbosity *verbosity = &options->verbosity;
	bool columns = options->itemize || (options->out_format && lade_format_has(options->out_format, 'i'));

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

/* As in rsync they imply --inplace; --append-verify is the stronger one. */
static int check_append(struct lade_options *options, struct lade_complaint *complaint)
{
	if (!(options->settings.options & APPENDS))
		return 0;
	if (options->whole_file > 0)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--append does not work with --whole-file (-W); " HINT);
	if (options->settings.options & LADE_OPTION_APPEND_VERIFY)
		options->settings.options &= ~LADE_OPTION_APPEND;
	options->settings.options |= LADE_OPTION_INPLACE;
	return 0;
}

/* What one option needs of others. */
static int check(struct lade_options *options, struct lade_complaint *complaint)
{
	int error = check_sources(options, complaint);

	if (error)
		return error;
	error = lade_options_check_rights(options, complaint);
	if (error)
		return error;
	if (lade_options_check_connection(options, complaint))
		return LADE_E_USAGE;
	if (options->human > 3)
		options->human = 3;
	if ((options->settings.options & LADE_OPTION_INDEX) && options->whole_file > 0)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--index does nothing for whole files (-W); " HINT);
	if (options->atimes)
		options->settings.options |= LADE_OPTION_ATIMES;
	if (options->atimes > 1)
		options->settings.options |= LADE_OPTION_OPEN_NOATIME;
	if (options->fuzzy)
		options->settings.options |= LADE_OPTION_FUZZY;
	options->settings.fuzzy_alternatives = options->fuzzy > 1;
	if (check_append(options, complaint) || lade_option_safety_check(options, complaint))
		return LADE_E_USAGE;
	/* On one host reading both files costs more than copying one. */
	if (options->whole_file > 0 || (!options->whole_file && options->remote.kind == LADE_ENDPOINT_LOCAL &&
					!(options->settings.options & (LADE_OPTION_INDEX | APPENDS))))
		options->settings.options |= LADE_OPTION_WHOLE_FILE;
	return check_output(options, complaint);
}

int lade_options_parse(struct lade_options *options, int argc, char *const argv[],
		       struct lade_complaint *complaint)
{
	struct parse parse = { .options = options };
	struct lade_option_walk walk = { .apply = apply, .context = &parse, .hint = HINT };
	int error;

	memset(options, 0, sizeof(*options));
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
		error = no_memory(complaint);
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
		error = take_arguments(&parse, complaint);
	if (!error)
		error = check(options, complaint);
out:
	free(parse.arguments);
	return error;
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
