/*
 * `lade init`. The folder is looked at before anything is made in it (agent/repository_reach.h): what is not a repository's, nor left over of an init that
 * was interrupted, is somebody else's.
 */
#include "agent/command_init.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/escape.h"
#include "agent/help.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/repository_key.h"
#include "agent/repository_options.h"
#include "agent/repository_reach.h"
#include "agent/screen.h"
#include "protocol/grow.h"
#include "protocol/limits.h"

#define HINT "try 'lade help init'"

enum init_option { INIT_RECIPIENT = LADE_REPOSITORY_OWN_OPTION, INIT_LABEL };

struct options {
	struct lade_repository_options repository;
	uint8_t (*recipients)[LADE_X25519_LEN]; /* recipient_count of recipient_room */
	size_t recipient_count, recipient_room;
	const char *label; /* NULL: none */
	bool no_passphrase, quiet, json, help;
};

#define OFF(field) offsetof(struct options, field)

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	{ .name = "recipient", .id = INIT_RECIPIENT, .value = "RECIPIENT" },
	{ .name = "no-passphrase", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(no_passphrase) },
	{ .name = "label", .id = INIT_LABEL, .value = "TEXT" },
	{ .name = "quiet", .letter = 'q', .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(quiet) },
	{ .name = "json", .id = LADE_REPOSITORY_OPTION_FLAG, .off = OFF(json) },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = OFF(help) },
};

/* What was asked for; borrowed from argv. */
struct request {
	struct options options;
	char place[PATH_MAX];
	struct lade_complaint complaint;
};

/* ---- the command line ---- */

static int add_recipient(struct options *options, const char *text, struct lade_complaint *complaint)
{
	uint8_t(*recipients)[LADE_X25519_LEN] =
		lade_grown(options->recipients, options->recipient_count, &options->recipient_room, sizeof(*recipients));

	if (!recipients)
		return lade_complain_memory(complaint);
	options->recipients = recipients;
	if (lade_recipient_parse(text, recipients[options->recipient_count]))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR,
				     "'%.200s' is no recipient: lade-recipient- and 43 characters, as 'lade key new --recipient=FILE' prints it", text);
	options->recipient_count++;
	return 0;
}

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct options *options = context;

	if (!use->row)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.400s' is too much: the repository is given by --repo; " HINT, use->value);
	if (use->row->id == INIT_RECIPIENT)
		return add_recipient(options, use->value, complaint);
	options->label = use->value;
	return lade_object_label_ok(use->value) ? 0 :
		lade_complain(complaint, LADE_REPOSITORY_ERROR, "--label: at most %u bytes of UTF-8, without control characters", LADE_LABEL_LEN);
}

static int parse(struct request *request, int argc, char **argv)
{
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	const struct options *options = &request->options;
	const int error = lade_repository_options_take(&walk, &request->options, argc - 1, argv + 1, &request->complaint);

	if (error || options->help)
		return error;
	if (options->no_passphrase && !options->recipient_count)
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "--no-passphrase needs a --recipient: nobody could open the repository");
	if (options->no_passphrase && (options->repository.password_file || options->repository.password_command))
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "--no-passphrase, and a password: which of them?");
	return lade_repository_options_place(&options->repository, request->place, &request->complaint);
}

/* ---- making it ---- */

static int make(struct request *request, const struct lade_secret *passphrase, struct lade_repository **repository_out)
{
	struct lade_repository_plan plan = {
		.encrypted = !request->options.repository.plaintext,
		.label = request->options.label ? request->options.label : "", /* not the host's name: everybody can read it */
		.time = (uint64_t)time(NULL),
		.passphrase = { passphrase->bytes, passphrase->len },
		.recipients = (const uint8_t(*)[32])request->options.recipients,
		.recipient_count = request->options.recipient_count,
	};
	struct lade_store *store;
	struct lade_fault fault;
	int error = lade_repository_reach(&request->options.repository, request->place, true, &store, &request->complaint);

	if (error)
		return error;
	lade_slot_cost(lade_repository_memory_is_short(), &plan.passes, &plan.memory);
	error = lade_repository_init(store, &plan, repository_out, &fault);
	return error ? lade_repository_complain(&request->complaint, request->place, &fault) : 0;
}

/* ---- what is said ---- */

static void print_json(const struct request *request, const char *id, const char *pin)
{
	struct lade_writer line;

	lade_writer_init(&line, LADE_CONTROL_MAX);
	lade_json_begin(&line, "init");
	lade_json_text(&line, "repository", request->place);
	lade_json_text(&line, "id", id);
	lade_json_bool(&line, "encrypted", !request->options.repository.plaintext);
	lade_json_text(&line, "pin", pin);
	lade_json_end(&line);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

static void print(const struct request *request, const struct lade_repository *repository)
{
	char id[2 * LADE_REPOSITORY_ID_LEN + 1], pin[LADE_PIN_TEXT_SIZE];
	struct lade_writer place;

	(void)sodium_bin2hex(id, sizeof(id), repository->format.repository, sizeof(repository->format.repository));
	lade_pin_show(lade_repository_pins(repository), pin);
	if (request->options.json) {
		print_json(request, id, pin);
		return;
	}
	/* It is what a script has to keep, and nobody can know it from anywhere else. */
	if (request->options.quiet) {
		puts(pin);
		return;
	}
	lade_writer_init(&place, LADE_CONTROL_MAX);
	lade_escape_put_text(&place, request->place);
	printf("repository %s made in %.*s\n%s\n\n", id, (int)place.len, (const char *)place.data, pin);
	lade_writer_fini(&place);
	puts(request->options.repository.plaintext ? "It is not encrypted: whoever can read the folder can read what is in it. The password is for those who add to it." :
					  "Without its password, or another key, nobody can read it, and nothing brings a lost password back.");
	puts("Whoever can write to the folder can remove what is in it, and the repository with it.\n"
	     "The line lade-pin-... is no secret. It says which repository this is: --pin compares it, and so does a file with an identity that has it as a line.");
}

int lade_command_init(int argc, char **argv)
{
	struct request request = { .place = "" };
	struct lade_passphrase_sources sources = { .environment = true };
	struct lade_repository *repository = NULL;
	struct lade_secret passphrase = { 0 };
	int error = sodium_init() < 0 ? lade_complain_memory(&request.complaint) : parse(&request, argc, argv);

	if (!error && request.options.help)
		return lade_help_print(stdout, "init");
	if (!error)
		error = lade_repository_reach_look(request.place, &request.complaint);
	if (!error && !request.options.no_passphrase) {
		sources.file = request.options.repository.password_file;
		sources.command = request.options.repository.password_command;
		error = lade_passphrase_find(&sources, request.place, true, &passphrase, &request.complaint);
		if (error)
			lade_repository_own_complaint(&request.complaint);
	}
	if (!error)
		error = make(&request, &passphrase, &repository);
	lade_secret_fini(&passphrase);
	if (!error)
		print(&request, repository);
	else
		lade_screen_print(stderr, request.complaint.text);
	lade_repository_close(repository);
	free(request.options.recipients);
	return !error ? LADE_REPOSITORY_OK : request.complaint.exit_status == LADE_REPOSITORY_INTERRUPTED ? LADE_REPOSITORY_INTERRUPTED : LADE_REPOSITORY_ERROR;
}
