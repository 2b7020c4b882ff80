/*
 * The keys of a repository. For a client the root's statement comes first, then its file: if that cannot be written there is a writer whose key
 * nobody has, which does no harm, and is said.
 */
#include "agent/command_repository_key.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/escape.h"
#include "agent/help.h"
#include "agent/json.h"
#include "agent/option_walk.h"
#include "agent/repository_key.h"
#include "agent/repository_options.h"
#include "agent/screen.h"
#include "protocol/limits.h"

#define HINT "try 'lade help key'"

/* Digits of an id that have to be given at least. */
#define ID_DIGITS_MIN 4u

enum key_option {
	KEY_NEW_PASSWORD_FILE = LADE_REPOSITORY_OWN_OPTION,
	KEY_PASSPHRASE,
	KEY_RECIPIENT,
	KEY_WRITE_ONLY,
	KEY_READ_ONLY,
	KEY_LABEL,
	KEY_FORCE,
	KEY_JSON,
	KEY_OPTIONS,
};

#define OPTION(id) (1u << (id))
#define ADD_OPTIONS \
	(OPTION(KEY_NEW_PASSWORD_FILE) | OPTION(KEY_PASSPHRASE) | OPTION(KEY_RECIPIENT) | OPTION(KEY_WRITE_ONLY) | OPTION(KEY_READ_ONLY) | OPTION(KEY_LABEL) | \
	 OPTION(KEY_JSON))

/* What was asked for; borrowed from argv. */
struct request {
	struct lade_repository_options options;
	const struct subcommand *subcommand;
	bool help;
	const char *values[KEY_OPTIONS]; /* by option; "" for those without a value; NULL: not given */
	const char *id;                  /* the word behind `remove` */
	char place[PATH_MAX];
	struct lade_repository *repository;
	struct lade_complaint complaint;
};

static const struct lade_option_row rows[] = {
	LADE_REPOSITORY_ROWS,
	LADE_REPOSITORY_KEY_ROWS,
	{ .name = "new-password-file", .id = KEY_NEW_PASSWORD_FILE, .value = "FILE" },
	{ .name = "passphrase", .id = KEY_PASSPHRASE },
	{ .name = "recipient", .id = KEY_RECIPIENT, .value = "RECIPIENT" },
	{ .name = "write-only", .id = KEY_WRITE_ONLY, .value = "FILE" },
	{ .name = "read-only", .id = KEY_READ_ONLY },
	{ .name = "label", .id = KEY_LABEL, .value = "TEXT" },
	{ .name = "force", .id = KEY_FORCE },
	{ .name = "json", .id = KEY_JSON },
	{ .name = "help", .letter = 'h', .id = LADE_REPOSITORY_OPTION_HELP, .off = offsetof(struct request, help) },
};

struct subcommand {
	const char *name;
	unsigned options; /* its own */
	unsigned needs;   /* what the key that opens it has to be good for */
	int (*run)(struct request *request); /* 0, or a negative code with the complaint filled */
};

static int fail(struct request *request, const struct lade_fault *fault)
{
	return lade_repository_complain(&request->complaint, request->place, fault);
}

/* ---- list ---- */

/* What a slot is good for, in words. */
static void describe(unsigned capabilities, char out[64])
{
	static const char *const words[] = { "read", "write", "manage", "root" };
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (capabilities & 1u << i)
			len += (size_t)snprintf(out + len, 64 - len, "%s%s", len ? "," : "", words[i]);
	}
}

static const char *state_of(const struct lade_repository_slot *slot)
{
	static const char *const states[] = { [LADE_SLOT_GOOD] = "good", [LADE_SLOT_UNSIGNED] = "not signed", [LADE_SLOT_DAMAGED] = "damaged" };

	return states[slot->state];
}

static const char *kind_of(const struct lade_repository_slot *slot)
{
	return slot->state == LADE_SLOT_DAMAGED ? "-" : slot->slot.kind == LADE_SLOT_PASSPHRASE ? "password" : "recipient";
}

static void show_time(uint64_t seconds, char out[32])
{
	const time_t moment = (time_t)seconds;
	struct tm parts;

	if (!gmtime_r(&moment, &parts) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &parts))
		snprintf(out, 32, "-");
}

static bool is_current(const struct lade_repository *repository, const struct lade_repository_slot *slot)
{
	return repository->by_slot && memcmp(repository->slot, slot->id, sizeof(slot->id)) == 0;
}

static void print_slot(const struct request *request, const struct lade_repository_slot *slot)
{
	char id[2 * LADE_SLOT_ID_LEN + 1], capabilities[64], when[32], recipient[LADE_RECIPIENT_TEXT_SIZE];
	struct lade_writer line;

	(void)sodium_bin2hex(id, sizeof(id), slot->id, sizeof(slot->id));
	describe(slot->slot.capabilities, capabilities);
	show_time(slot->slot.time, when);
	lade_writer_init(&line, LADE_CONTROL_MAX);
	if (request->values[KEY_JSON]) {
		lade_json_begin(&line, "key");
		lade_json_text(&line, "id", id);
		lade_json_text(&line, "kind", kind_of(slot));
		lade_json_text(&line, "capabilities", capabilities);
		lade_json_number(&line, "time", slot->slot.time);
		lade_json_text(&line, "label", slot->slot.label);
		if (slot->slot.kind == LADE_SLOT_RECIPIENT) {
			lade_recipient_show(slot->slot.recipient, recipient);
			lade_json_text(&line, "recipient", recipient);
		}
		lade_json_text(&line, "state", state_of(slot));
		lade_json_bool(&line, "current", is_current(request->repository, slot));
		lade_json_end(&line);
	} else {
		lade_escape_put_text(&line, slot->slot.label);
		printf("%c%s  %-9s  %-22s  %s  %s%s", is_current(request->repository, slot) ? '*' : ' ', id, kind_of(slot), capabilities, when,
		       slot->state == LADE_SLOT_GOOD ? "" : state_of(slot), slot->state == LADE_SLOT_GOOD ? "" : "  ");
	}
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

static int run_list(struct request *request)
{
	struct lade_repository_slot *slots;
	struct lade_fault fault;
	size_t count;

	if (lade_repository_list_slots(request->repository, &slots, &count, &fault))
		return fail(request, &fault);
	for (size_t i = 0; i < count; i++)
		print_slot(request, &slots[i]);
	free(slots);
	return 0;
}

/* ---- add ---- */

static const char *label_of(const struct request *request)
{
	return request->values[KEY_LABEL] ? request->values[KEY_LABEL] : "";
}

/* Say what was made. */
static void print_made(const struct request *request, const char *key, const char *value)
{
	struct lade_writer line;

	if (!request->values[KEY_JSON]) {
		puts(value);
		return;
	}
	lade_writer_init(&line, LADE_CONTROL_MAX);
	lade_json_begin(&line, "key");
	lade_json_text(&line, key, value);
	lade_json_end(&line);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

/* The file must not be there: looked at before the root says anything, though only the making decides. */
static int run_add_writer(struct request *request)
{
	const char *file = request->values[KEY_WRITE_ONLY];
	char id[2 * LADE_PARTY_ID_LEN + 1];
	uint8_t public_key[LADE_SIGN_PUBLIC_LEN], party[LADE_PARTY_ID_LEN];
	struct lade_keyring keyring;
	struct lade_fault fault;
	int error;

	if (access(file, F_OK) == 0)
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "there is a \"%.600s\" already: a key file is a new one", file);
	if (lade_repository_add_writer(request->repository, label_of(request), 0, (uint64_t)time(NULL), &keyring, &fault))
		return fail(request, &fault);
	lade_repository_public(lade_keyring_find(&keyring, LADE_SECRET_WRITER, 0), public_key);
	error = lade_party_id(public_key, party) ? lade_complain_memory(&request->complaint) : 0;
	(void)sodium_bin2hex(id, sizeof(id), party, sizeof(party));
	if (!error && lade_key_file_create(file, &keyring, &fault))
		error = lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "create key file \"%.600s\": %s; writer %s was added, and nobody has its key", file,
				      lade_fault_reason(&fault), id);
	lade_keyring_fini(&keyring);
	if (!error)
		print_made(request, "writer", id);
	return error;
}

/* Who it is for: a recipient, or a new passphrase. */
static int choose(struct request *request, struct lade_slot *slot, struct lade_secret *passphrase_out)
{
	const struct lade_passphrase_sources sources = { .file = request->values[KEY_NEW_PASSWORD_FILE] };
	int error;

	if (request->values[KEY_RECIPIENT]) {
		slot->kind = LADE_SLOT_RECIPIENT;
		return lade_recipient_parse(request->values[KEY_RECIPIENT], slot->recipient) ?
			lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "'%.200s' is no recipient: lade-recipient- and 43 characters",
				      request->values[KEY_RECIPIENT]) :
			0;
	}
	slot->kind = LADE_SLOT_PASSPHRASE;
	lade_slot_cost(lade_repository_memory_is_short(), &slot->passes, &slot->memory);
	error = lade_passphrase_find(&sources, request->place, true, passphrase_out, &request->complaint);
	if (error)
		lade_repository_own_complaint(&request->complaint);
	return error;
}

static int run_add_slot(struct request *request)
{
	struct lade_slot slot = { .time = (uint64_t)time(NULL) };
	struct lade_secret passphrase = { 0 };
	struct lade_keyring reader, *keyring = &request->repository->keyring;
	uint8_t id[LADE_SLOT_ID_LEN];
	char text[2 * LADE_SLOT_ID_LEN + 1];
	struct lade_fault fault;
	int error = choose(request, &slot, &passphrase);

	if (!error && request->values[KEY_READ_ONLY]) {
		error = lade_repository_reader(request->repository, &reader, &fault) ? fail(request, &fault) : 0;
		keyring = &reader;
	}
	snprintf(slot.label, sizeof(slot.label), "%s", label_of(request));
	if (!error && lade_repository_add_slot(request->repository, keyring, &slot, (struct lade_slice){ passphrase.bytes, passphrase.len }, id, &fault))
		error = fail(request, &fault);
	if (keyring == &reader)
		lade_keyring_fini(&reader);
	lade_secret_fini(&passphrase);
	if (error)
		return error;
	print_made(request, "id", sodium_bin2hex(text, sizeof(text), id, sizeof(id)));
	return 0;
}

static int run_add(struct request *request)
{
	return request->values[KEY_WRITE_ONLY] ? run_add_writer(request) : run_add_slot(request);
}

/* ---- remove ---- */

/* Find the one slot whose id begins with the digits. */
static int find_slot(struct request *request, uint8_t id_out[LADE_SLOT_ID_LEN])
{
	struct lade_repository_slot *slots;
	struct lade_fault fault;
	char name[LADE_SLOT_NAME_SIZE];
	const size_t len = strlen(request->id), prefix = sizeof("keys/") - 1;
	size_t count, found = 0;

	if (len < ID_DIGITS_MIN || len > 2 * LADE_SLOT_ID_LEN || strspn(request->id, "0123456789abcdef") != len)
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR,
				     "'%.100s' is no id of a key: 32 hexadecimal digits, or at least the first %u; 'lade key list' shows them",
				     request->id, ID_DIGITS_MIN);
	if (lade_repository_list_slots(request->repository, &slots, &count, &fault))
		return fail(request, &fault);
	for (size_t i = 0; i < count; i++) {
		lade_slot_name(slots[i].id, name);
		if (strncmp(name + prefix, request->id, len) != 0)
			continue;
		memcpy(id_out, slots[i].id, LADE_SLOT_ID_LEN);
		found++;
	}
	free(slots);
	if (found == 1)
		return 0;
	return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, found ? "several keys begin with '%s'" : "there is no key '%s'; 'lade key list' shows them",
			     request->id);
}

static int run_remove(struct request *request)
{
	uint8_t id[LADE_SLOT_ID_LEN];
	struct lade_fault fault;
	int error = find_slot(request, id);

	if (error)
		return error;
	error = lade_repository_remove_slot(request->repository, id, request->values[KEY_FORCE], &fault);
	if (error == LADE_E_REFUSED && request->repository->may & (LADE_MAY_MANAGE | LADE_IS_ROOT))
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR,
				     "'%s' is the last key with the root key: without it nobody adds keys or clients any more. --force removes it all the same",
				     request->id);
	return error ? fail(request, &fault) : 0;
}

/* ---- the command line ---- */

static const struct subcommand subcommands[] = {
	{ "list", OPTION(KEY_JSON), 0, run_list },
	{ "add", ADD_OPTIONS, LADE_IS_ROOT, run_add },
	{ "remove", OPTION(KEY_FORCE), 0, run_remove },
};

static const struct subcommand *find(const char *name)
{
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		if (strcmp(name, subcommands[i].name) == 0)
			return &subcommands[i];
	}
	return NULL;
}

bool lade_command_repository_key_has(const char *name)
{
	return find(name);
}

static int take_own(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct request *request = context;

	if (!use->row) {
		if (request->id || strcmp(request->subcommand->name, "remove") != 0)
			return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.400s' is too much; " HINT, use->value);
		request->id = use->value;
		return 0;
	}
	if (!(request->subcommand->options & OPTION(use->row->id)))
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s does nothing for 'lade key %s'; " HINT, use->spelled, request->subcommand->name);
	if (use->value && !*use->value && use->row->id != KEY_LABEL)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "%s: its value is empty", use->spelled);
	request->values[use->row->id] = use->value ? use->value : "";
	return 0;
}

/* See whether the options go together. */
static int check(struct request *request)
{
	const char **values = request->values;
	const bool passphrase = values[KEY_PASSPHRASE] || values[KEY_NEW_PASSWORD_FILE];

	if (strcmp(request->subcommand->name, "remove") == 0 && !request->id)
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "'lade key remove' needs the id of a key; " HINT);
	if (passphrase + !!values[KEY_RECIPIENT] + !!values[KEY_WRITE_ONLY] > 1)
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "a passphrase, a recipient, a write-only client: add one at a time");
	if (values[KEY_WRITE_ONLY] && values[KEY_READ_ONLY])
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "--write-only and --read-only: which of them?");
	if (!lade_object_label_ok(label_of(request)))
		return lade_complain(&request->complaint, LADE_REPOSITORY_ERROR, "--label: at most %u bytes of UTF-8, without control characters", LADE_LABEL_LEN);
	return lade_repository_options_place(&request->options, request->place, &request->complaint);
}

int lade_command_repository_key(int argc, char **argv)
{
	struct request request = { .subcommand = find(argv[0]) };
	const struct lade_repository_options_walk walk = { .rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .own = take_own, .hint = HINT };
	int error = lade_repository_options_take(&walk, &request, argc - 1, argv + 1, &request.complaint);

	if (!error && request.help)
		return lade_help_print(stdout, "key");
	if (!error)
		error = sodium_init() < 0 ? lade_complain_memory(&request.complaint) : check(&request);
	if (!error)
		error = lade_repository_options_open(&request.options, request.subcommand->needs, &request.repository, &request.complaint);
	if (!error)
		error = request.subcommand->run(&request);
	lade_repository_close(request.repository);
	if (!error)
		return LADE_REPOSITORY_OK;
	lade_screen_print(stderr, request.complaint.text);
	return error == LADE_E_MEMORY ? LADE_REPOSITORY_ERROR : request.complaint.exit_status;
}
