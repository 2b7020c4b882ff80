/*
 * The content of files: values as rsync(1) takes them.
 */
#include "agent/options_content.h"

#include <stdlib.h>
#include <string.h>

#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/quantity.h"
#include "agent/tree/metadata.h"
#include "chunker/codec.h"
#include "chunker/digest.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

#define APPENDS (LADE_OPTION_APPEND | LADE_OPTION_APPEND_VERIFY)

static int apply_path(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	if (lade_path_parse(use->value, &options->settings.path) == 0)
		return 0;
	return lade_complain(complaint, LADE_EXIT_USAGE,
			     "unknown path '%s'; 'lade paths' lists them; " HINT, use->value);
}

static int apply_compress_choice(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
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
	return lade_options_wrong(use, "none of zstd, auto, none", complaint);
}

static int apply_compress_level(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
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
		return lade_options_wrong(use, "none of auto, xxh128, xxh3, sha256, blake2b", complaint);
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
		return lade_options_wrong(use, "no number of seconds, nor -1", complaint);
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
	return lade_options_apply_text(&options->alternatives[options->settings.alternative_count++], use, complaint);
}

int lade_options_apply_content(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	switch ((enum lade_sync_option)use->row->id) {
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
	default: /* WHOLE_FILE */
		options->whole_file = use->on ? 1 : -1;
		return 0;
	}
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

/* --directio, --aio: how this side reads what it sends. On one host the receiver is lent the file, and copies it by itself. */
static int check_reading(const struct lade_options *options, struct lade_complaint *complaint)
{
	const struct lade_settings *settings = &options->settings;

	if (settings->aio && !settings->directio)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--aio does nothing without --directio=SIZE; " HINT);
	if (settings->directio && (!options->push || options->remote.kind == LADE_ENDPOINT_LOCAL))
		return lade_complain(complaint, LADE_EXIT_USAGE,
				     "--directio does nothing unless files are sent from here to another host; " HINT);
	return 0;
}

int lade_options_check_content(struct lade_options *options, struct lade_complaint *complaint)
{
	uint64_t *bits = &options->settings.options;

	if ((*bits & LADE_OPTION_INDEX) && options->whole_file > 0)
		return lade_complain(complaint, LADE_EXIT_USAGE, "--index does nothing for whole files (-W); " HINT);
	if (options->fuzzy)
		*bits |= LADE_OPTION_FUZZY;
	options->settings.fuzzy_alternatives = options->fuzzy > 1;
	if (check_append(options, complaint) || check_reading(options, complaint))
		return LADE_E_USAGE;
	/* On one host reading both files costs more than copying one. */
	if (options->whole_file > 0 || (!options->whole_file && options->remote.kind == LADE_ENDPOINT_LOCAL &&
					!(*bits & (LADE_OPTION_INDEX | APPENDS))))
		*bits |= LADE_OPTION_WHOLE_FILE;
	return 0;
}
