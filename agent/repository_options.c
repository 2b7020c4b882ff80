/*
 * Options of repositories. Options come before variables; of two that say the same thing in different ways none is taken: which was meant cannot be
 * known.
 */
#include "agent/repository_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/line_file.h"
#include "agent/quantity.h"
#include "agent/repository_key.h"
#include "agent/repository_reach.h"
#include "protocol/exit_status.h"

/* KiB a second: of which there is no more than a number of bytes can say. */
#define RATE_MAX (UINT64_C(1) << 40)

/* Less memory than this is short: a quarter of it would be taken. */
#define MEMORY_SHORT (UINT64_C(1) << 30)

/* Take a use of a row into options. Returns 1 if it was one of ours, 0 if it is the command's own, or LADE_E_USAGE with the complaint filled. */
static int apply(void *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	char *field;

	if (!use->row || use->row->id >= LADE_REPOSITORY_OWN_OPTION)
		return 0;
	if (use->value && !*use->value && use->row->id != LADE_REPOSITORY_OPTION_ANY)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s: its value is empty", use->spelled);
	field = (char *)options + use->row->off;
	switch ((enum lade_repository_option)use->row->id) {
	case LADE_REPOSITORY_OPTION_FLAG:
	case LADE_REPOSITORY_OPTION_HELP:
		*(bool *)field = true;
		return 1;
	case LADE_REPOSITORY_OPTION_RATE:
		if (lade_quantity_number(use->value, RATE_MAX, (uint64_t *)(void *)field))
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s: '%.100s' is no number of KiB a second", use->spelled, use->value);
		return 1;
	case LADE_REPOSITORY_OPTION_COUNT:
		if (lade_quantity_number(use->value, use->row->bits, (uint64_t *)(void *)field) || !*(uint64_t *)(void *)field)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s=%.100s: from 1 to %" PRIu64, use->spelled, use->value, use->row->bits);
		return 1;
	default:
		*(const char **)(void *)field = use->value;
		return 1;
	}
}

/* A walk under way. */
struct taking {
	const struct lade_repository_options_walk *walk;
	void *options;
};

static int take(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	const struct taking *taking = context;
	const int result = apply(taking->options, use, complaint);

	if (!result)
		return taking->walk->own(taking->options, use, complaint);
	/* Help ends the walk. */
	return result < 0 ? result : use->row->id == LADE_REPOSITORY_OPTION_HELP;
}

int lade_repository_options_take(const struct lade_repository_options_walk *walk, void *options, int argc, char *const *argv,
				 struct lade_complaint *complaint)
{
	struct taking taking = { walk, options };
	const struct lade_option_walk all = { .rows = walk->rows, .row_count = walk->row_count, .apply = take, .context = &taking, .hint = walk->hint };
	const int result = lade_option_walk(&all, argc, argv, complaint);

	if (result < 0)
		lade_repository_own_complaint(complaint);
	return result < 0 ? result : 0;
}

void lade_repository_own_complaint(struct lade_complaint *complaint)
{
	complaint->exit_status = complaint->exit_status == LADE_EXIT_SIGNAL ? LADE_REPOSITORY_INTERRUPTED : LADE_REPOSITORY_ERROR;
}

bool lade_repository_memory_is_short(void)
{
	const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 && (uint64_t)pages * (uint64_t)page < MEMORY_SHORT;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* ---- where it is ---- */

static int copy_place(const char *from, char place_out[PATH_MAX], struct lade_complaint *complaint)
{
	if (strlen(from) >= PATH_MAX)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "repository \"%.100s...\": the path is too long", from);
	memcpy(place_out, from, strlen(from) + 1);
	return 0;
}

/* The place is the first line of file that is no remark. */
static int read_place(const char *file, char place_out[PATH_MAX], struct lade_complaint *complaint)
{
	struct lade_line_file lines = { 0 };
	struct lade_fault fault;
	const char *line;
	int error = lade_line_file_read(file, LADE_LINE_FILE_PUBLIC, &lines, &fault);

	if (error)
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	line = lade_line_file_next(&lines);
	error = line ? copy_place(line, place_out, complaint) :
		lade_complain(complaint, LADE_REPOSITORY_ERROR, "repository file \"%.600s\": no line says where the repository is", file);
	lade_line_file_free(&lines);
	return error;
}

int lade_repository_options_place(const struct lade_repository_options *options, char place_out[PATH_MAX], struct lade_complaint *complaint)
{
	if (options->repository && options->repository_file)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--repo and --repository-file: which of them?");
	if (options->repository)
		return copy_place(options->repository, place_out, complaint);
	if (options->repository_file)
		return read_place(options->repository_file, place_out, complaint);
	if (variable("LADE_REPOSITORY"))
		return copy_place(variable("LADE_REPOSITORY"), place_out, complaint);
	if (variable("LADE_REPOSITORY_FILE"))
		return read_place(variable("LADE_REPOSITORY_FILE"), place_out, complaint);
	return lade_complain(complaint, LADE_REPOSITORY_ERROR, "which repository? Say it by --repo, --repository-file, LADE_REPOSITORY or LADE_REPOSITORY_FILE");
}

/* ---- with which key ---- */

/* What the user has, as it was read. */
struct keys {
	struct lade_secret passphrase;
	struct lade_identity identity;
	struct lade_keyring keyring;
	bool has_keyring;
	struct lade_pins pin;
	struct lade_repository_credentials credentials; /* borrows from the others */
	const char *what; /* for messages: the file of the key, or NULL for a password */
};

static void wipe_keys(struct keys *keys)
{
	lade_secret_fini(&keys->passphrase);
	lade_identity_fini(&keys->identity);
	if (keys->has_keyring)
		lade_keyring_fini(&keys->keyring);
}

static int read_keyring(const char *file, struct keys *keys, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (lade_key_file_load(file, &keys->keyring, &fault))
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	keys->has_keyring = true;
	keys->credentials.keyring = &keys->keyring;
	keys->what = file;
	return 0;
}

static int read_identity(const char *file, struct keys *keys, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (lade_identity_load(file, &keys->identity, &fault))
		return lade_complain_fault(complaint, LADE_REPOSITORY_ERROR, &fault);
	keys->credentials.identity = keys->identity.secret;
	keys->what = file;
	/* What the command line pins counts alone. */
	if (keys->credentials.pin_count)
		return 0;
	if (!keys->identity.pin_count)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR,
				     "identity \"%.600s\" has no pin: add the line lade-pin-... that 'lade init' printed, or give it by --pin", file);
	keys->credentials.pins = keys->identity.pins;
	keys->credentials.pin_count = keys->identity.pin_count;
	return 0;
}

static int ask_passphrase(const struct lade_repository_options *options, unsigned needs, const char *place, struct keys *keys,
			  struct lade_complaint *complaint)
{
	const struct lade_passphrase_sources sources = { options->password_file, options->password_command, true };
	int error;

	/* A plain repository is read without a key. */
	if (options->plaintext && !(needs & ~LADE_MAY_READ) && !lade_passphrase_given(&sources))
		return 0;
	error = lade_passphrase_find(&sources, place, false, &keys->passphrase, complaint);
	if (error) {
		lade_repository_own_complaint(complaint);
		return error;
	}
	keys->credentials.passphrase = (struct lade_slice){ keys->passphrase.bytes, keys->passphrase.len };
	return 0;
}

static int read_keys(const struct lade_repository_options *options, unsigned needs, const char *place, struct keys *keys, struct lade_complaint *complaint)
{
	const bool password = options->password_file || options->password_command;
	const char *key_file = options->key_file, *identity = options->identity;

	if ((key_file && identity) || (key_file && password) || (identity && password))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "a key file, an identity, a password: give one of them");
	if (options->pin && lade_pin_parse(options->pin, &keys->pin))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "--pin: '%.200s' is no pin: lade-pin- and 66 characters, as 'lade init' prints it",
				     options->pin);
	keys->credentials.plaintext = options->plaintext;
	keys->credentials.pins = options->pin ? &keys->pin : NULL;
	keys->credentials.pin_count = options->pin != NULL;
	if (!key_file && !identity && !password) {
		key_file = variable("LADE_KEY_FILE");
		identity = key_file ? NULL : variable("LADE_IDENTITY");
	}
	if (key_file)
		return read_keyring(key_file, keys, complaint);
	if (identity)
		return read_identity(identity, keys, complaint);
	return ask_passphrase(options, needs, place, keys, complaint);
}

/* ---- opening ---- */

int lade_repository_complain(struct lade_complaint *complaint, const char *place, const struct lade_fault *fault)
{
	const int status = fault->code == LADE_E_AUTH ? LADE_REPOSITORY_KEY : LADE_REPOSITORY_ERROR;

	if (fault->code == LADE_E_CHANGED)
		return lade_complain(complaint, status, "repository \"%.400s\": %s \"%s\": it is damaged, or it is another repository's", place, fault->operation,
				     fault->subject);
	if (fault->code == LADE_E_VERSION)
		return lade_complain(complaint, status, "repository \"%.400s\": %s \"%s\": it needs a newer lade", place, fault->operation, fault->subject);
	if (!fault->subject[0])
		return lade_complain(complaint, status, "repository \"%.400s\": %s: %s", place, fault->operation, lade_fault_reason(fault));
	return lade_complain(complaint, status, "repository \"%.400s\": %s \"%s\": %s", place, fault->operation, fault->subject, lade_fault_reason(fault));
}

/* What a wrong key is told as. */
static int complain_key(struct lade_complaint *complaint, const char *place, const struct keys *keys)
{
	if (keys->what)
		return lade_complain(complaint, LADE_REPOSITORY_KEY, "\"%.400s\" opens no key of the repository \"%.400s\"", keys->what, place);
	if (!keys->credentials.passphrase.data)
		return lade_complain(complaint, LADE_REPOSITORY_KEY, "the repository \"%.600s\" is encrypted: it needs a password or another key", place);
	return lade_complain(complaint, LADE_REPOSITORY_KEY,
			     "wrong password: it opens no key of the repository \"%.600s\". A password that is lost cannot be found again: another key is needed then",
			     place);
}

/* store belongs to the repository then, failure or not. */
static int open_it(struct lade_store *store, const char *place, const struct keys *keys, struct lade_repository **repository_out,
		   struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error = lade_repository_open(store, &keys->credentials, repository_out, &fault);

	if (!error)
		return 0;
	return error == LADE_E_AUTH ? complain_key(complaint, place, keys) : lade_repository_complain(complaint, place, &fault);
}

/* What a key has to be good for, and is not. */
static int check_needs(const struct lade_repository *repository, unsigned needs, const char *place, struct lade_complaint *complaint)
{
	const unsigned lacks = needs & ~repository->may;

	if (!lacks)
		return 0;
	return lade_complain(complaint, LADE_REPOSITORY_ERROR, "repository \"%.600s\": this key may not %s", place,
			     lacks & LADE_IS_ROOT ? "sign for it: the root key is needed" :
			     lacks & LADE_MAY_MANAGE ? "remove anything" :
			     lacks & LADE_MAY_WRITE ? "add anything" : "read anything");
}

int lade_repository_options_open(const struct lade_repository_options *options, unsigned needs, struct lade_repository **repository_out,
				 struct lade_complaint *complaint)
{
	struct lade_repository *repository = NULL;
	struct lade_store *store;
	struct keys keys = { .has_keyring = false };
	char place[PATH_MAX];
	int error = lade_repository_options_place(options, place, complaint);

	if (!error)
		error = lade_repository_reach(options, place, false, &store, complaint);
	if (error)
		return error;
	error = read_keys(options, needs, place, &keys, complaint);
	if (error)
		lade_store_close(store);
	else
		error = open_it(store, place, &keys, &repository, complaint);
	wipe_keys(&keys);
	if (!error)
		error = check_needs(repository, needs, place, complaint);
	if (error)
		lade_repository_close(repository);
	else
		*repository_out = repository;
	return error;
}
