/*
 * Making a repository.
 *
 * `format` is put last, when all else is behind a barrier: a store with it is a repository that opens, and one without it is none. The other way
 * round, an init that was interrupted would leave a `format` whose root key nobody has. What such an init leaves here, statements and slots without a
 * `format`, has never been of use to anybody, as long as there is nothing else; the next one removes it.
 *
 * Two that are made at the same place at once may remove each other's; so it is looked whether all is there when `format` is, and taken back
 * otherwise.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/repository.h"
#include "agent/store/repository_internal.h"
#include "protocol/grow.h"

#define LEFT_OVER_MAX 4096u
#define EPOCH 1u

/* ---- what an interrupted one left ---- */

struct left_over {
	char name[LADE_OBJECT_NAME_MAX + 1];
	enum lade_object_kind kind;
	uint64_t len;
};

struct left_overs {
	struct left_over *items;
	size_t count, room;
	struct lade_fault *fault;
};

static int add_left_over(void *context, const struct lade_store_object *object)
{
	struct left_overs *left = context;
	struct left_over *items;
	uint8_t id[LADE_SLOT_ID_LEN];
	const bool statement = lade_repository_statement_number(object->name);

	if (!statement && lade_repository_slot_id(object->name, id))
		return lade_fault_set(left->fault, LADE_E_EXISTS, "make a repository where there is", object->name);
	if (left->count == LEFT_OVER_MAX)
		return lade_fault_set(left->fault, LADE_E_LIMIT, "remove what is left of another init, beginning with", object->name);
	items = lade_grown(left->items, left->count, &left->room, sizeof(*items));
	if (!items)
		return lade_fault_set(left->fault, LADE_E_MEMORY, "list", object->name);
	left->items = items;
	items[left->count].kind = statement ? LADE_OBJECT_TRUST : LADE_OBJECT_KEY;
	items[left->count].len = object->len;
	snprintf(items[left->count++].name, sizeof(items->name), "%s", object->name);
	return 0;
}

/* A name is not enough to delete what may be somebody else's: it begins as one of ours does. What a loss of power left empty has nothing to lose. */
static int check_left_over(struct lade_store *store, const struct left_over *item, struct lade_fault *fault)
{
	uint8_t header[LADE_OBJECT_HEADER_LEN];
	struct lade_object_header ignored;
	struct lade_reader reader;
	int error;

	if (!item->len)
		return 0;
	error = lade_store_get(store, item->name, 0, sizeof(header), header, fault);
	if (error && error != LADE_E_TRUNCATED)
		return error;
	lade_reader_init(&reader, header, sizeof(header));
	if (error || lade_object_get_header(&reader, item->kind, &ignored))
		return lade_fault_set(fault, LADE_E_EXISTS, "make a repository where there is", item->name);
	return 0;
}

static int remove_left_overs(struct lade_store *store, struct lade_fault *fault)
{
	struct left_overs left = { .fault = fault };
	int error = lade_store_list(store, "", add_left_over, &left, fault);

	for (size_t i = 0; i < left.count && !error; i++)
		error = check_left_over(store, &left.items[i], fault);
	for (size_t i = 0; i < left.count && !error; i++)
		error = lade_store_remove(store, left.items[i].name, fault);
	free(left.items);
	return error;
}

/* ---- keys ---- */

/* The public keys of a new repository. */
struct publics {
	uint8_t root[32], epoch[32], writer[32], manager[32];
};

static int add_random(struct lade_keyring *keyring, enum lade_secret_kind kind, uint8_t *scratch)
{
	randombytes_buf(scratch, LADE_SEAL_KEY_LEN);
	return lade_keyring_add(keyring, kind, kind == LADE_SECRET_INDEX || kind == LADE_SECRET_READ ? EPOCH : 0, scratch);
}

/* All but the root's, of which the pins tell. A plain repository has an epoch as well, whose secret nobody needs. */
static int make_secrets(struct lade_keyring *keyring, uint8_t *scratch, struct publics *publics)
{
	static const enum lade_secret_kind kinds[] = { LADE_SECRET_IDS, LADE_SECRET_CUTS, LADE_SECRET_INDEX, LADE_SECRET_READ, LADE_SECRET_WRITER,
						       LADE_SECRET_MANAGER };
	int error = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !error; i++) {
		const bool signs = kinds[i] == LADE_SECRET_WRITER || kinds[i] == LADE_SECRET_MANAGER;

		if (signs || keyring->pins.encrypted)
			error = add_random(keyring, kinds[i], scratch);
		else
			randombytes_buf(scratch, LADE_SEAL_KEY_LEN);
		if (kinds[i] == LADE_SECRET_READ)
			(void)crypto_scalarmult_base(publics->epoch, scratch);
		else if (signs)
			lade_repository_public(scratch, kinds[i] == LADE_SECRET_WRITER ? publics->writer : publics->manager);
	}
	return error;
}

/* All keys, and with them what `format` says. */
static int make_keys(struct lade_repository *repository, bool encrypted, struct publics *publics)
{
	uint8_t *scratch = sodium_malloc(LADE_SEAL_KEY_LEN), *root = sodium_malloc(LADE_SIGN_SEED_LEN);
	struct lade_pins pins = { .encrypted = encrypted };
	int error = LADE_E_MEMORY;

	if (scratch && root) {
		randombytes_buf(root, LADE_SIGN_SEED_LEN);
		lade_repository_public(root, publics->root);
		lade_format_make(&repository->format, encrypted, publics->root);
		memcpy(pins.repository, repository->format.repository, sizeof(pins.repository));
		error = lade_object_hash(publics->root, sizeof(publics->root), pins.root);
	}
	if (!error) {
		lade_keyring_init(&repository->keyring, &pins);
		error = lade_keyring_add(&repository->keyring, LADE_SECRET_ROOT, 0, root);
	}
	if (!error)
		error = make_secrets(&repository->keyring, scratch, publics);
	sodium_free(scratch);
	sodium_free(root);
	return error;
}

/* ---- statements ---- */

int lade_repository_say(struct lade_repository *repository, const struct lade_statement *statement, const uint8_t root_seed[LADE_SIGN_SEED_LEN],
			struct lade_fault *fault)
{
	struct lade_writer writer;
	struct lade_fault second;
	char name[sizeof("trust/") + 10];
	uint32_t number;
	bool taken;
	int error;

	lade_writer_init(&writer, LADE_STATEMENT_LEN);
	/* [trust] Whose number was taken reads what it says, and takes the next. */
	do {
		lade_writer_reset(&writer);
		number = repository->trust.count + 1;
		snprintf(name, sizeof(name), "trust/%u", (unsigned)number);
		error = lade_trust_say(&writer, &repository->trust, statement, root_seed);
		if (error)
			(void)lade_fault_set(fault, error, "make", name);
		else
			error = lade_store_put(repository->store, name, writer.data, writer.len, fault);
		taken = error == LADE_E_EXISTS;
		if (taken && lade_repository_read_trust(repository, &second)) {
			*fault = second;
			error = second.code;
			taken = false;
		}
		/* What cannot be read is no reason to try for ever. */
	} while (taken && repository->trust.count >= number);
	if (!error) {
		error = lade_trust_hear(&repository->trust, writer.data, writer.len);
		if (error)
			(void)lade_fault_set(fault, error, "verify", name);
	}
	lade_writer_fini(&writer);
	return error;
}

/* [trust] What the root says first. */
static int say_first(struct lade_repository *repository, const struct lade_repository_plan *plan, const struct publics *publics, struct lade_fault *fault)
{
	const uint8_t *root = lade_keyring_find(&repository->keyring, LADE_SECRET_ROOT, 0);
	const struct {
		enum lade_statement_kind kind;
		const uint8_t *public_key;
		uint32_t number_or_flags;
	} said[] = {
		{ LADE_SAYS_EPOCH, publics->epoch, EPOCH },
		/* It has the keys to see that others' content is what they say. */
		{ LADE_SAYS_WRITER, publics->writer, LADE_WRITER_BELIEVED },
		{ LADE_SAYS_MANAGER, publics->manager, 0 },
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]) && !error; i++) {
		struct lade_statement statement = { .kind = said[i].kind, .number_or_flags = said[i].number_or_flags, .time = plan->time };

		memcpy(statement.public_key, said[i].public_key, sizeof(statement.public_key));
		if (said[i].kind != LADE_SAYS_EPOCH)
			snprintf(statement.label, sizeof(statement.label), "%s", plan->label);
		error = lade_repository_say(repository, &statement, root, fault);
	}
	return error;
}

/* ---- slots ---- */

static int add_slots(struct lade_repository *repository, const struct lade_repository_plan *plan, struct lade_fault *fault)
{
	struct lade_slot slot = { .kind = LADE_SLOT_PASSPHRASE, .time = plan->time, .passes = plan->passes, .memory = plan->memory };
	const struct lade_slice none = { NULL, 0 };
	uint8_t id[LADE_SLOT_ID_LEN];
	int error = 0;

	snprintf(slot.label, sizeof(slot.label), "%s", plan->label);
	if (plan->passphrase.data) {
		error = lade_repository_add_slot(repository, &repository->keyring, &slot, plan->passphrase, id, fault);
		if (!error) {
			repository->by_slot = true;
			memcpy(repository->slot, id, sizeof(id));
		}
	}
	slot.kind = LADE_SLOT_RECIPIENT;
	for (size_t i = 0; i < plan->recipient_count && !error; i++) {
		memcpy(slot.recipient, plan->recipients[i], sizeof(slot.recipient));
		error = lade_repository_add_slot(repository, &repository->keyring, &slot, none, id, fault);
	}
	return error;
}

/* ---- all of it ---- */

/* See whether the store has what was made: the statements, and a good slot for each that was to have one. */
static int look_again(struct lade_repository *repository, const struct lade_repository_plan *plan, const uint8_t *format, struct lade_fault *fault)
{
	struct lade_trust made = repository->trust;
	struct lade_repository_slot *slots = NULL;
	size_t count = 0, good = 0;
	bool same = false;
	int error;

	error = lade_trust_init(&repository->trust, &repository->format, format, LADE_FORMAT_LEN);
	if (error)
		(void)lade_fault_set(fault, error, "verify", LADE_FORMAT_NAME);
	else
		error = lade_repository_read_trust(repository, fault);
	if (!error)
		same = made.count == repository->trust.count && memcmp(made.last, repository->trust.last, sizeof(made.last)) == 0;
	lade_trust_fini(&made);
	if (!error)
		error = lade_repository_list_slots(repository, &slots, &count, fault);
	for (size_t i = 0; i < count; i++)
		good += slots[i].state == LADE_SLOT_GOOD;
	free(slots);
	if (!error && (!same || good != plan->recipient_count + (plan->passphrase.data != NULL)))
		error = lade_fault_set(fault, LADE_E_EXISTS, "make a repository where somebody else makes one at the same time", NULL);
	return error;
}

/* Put all, `format` last. */
static int put_all(struct lade_repository *repository, const struct lade_repository_plan *plan, const struct publics *publics, const struct lade_writer *format,
		   struct lade_fault *fault)
{
	int error = say_first(repository, plan, publics, fault);

	if (!error)
		error = add_slots(repository, plan, fault);
	if (!error)
		error = lade_store_barrier(repository->store, fault);
	if (!error)
		error = lade_store_put(repository->store, LADE_FORMAT_NAME, format->data, format->len, fault);
	if (error)
		return error;
	error = lade_store_barrier(repository->store, fault);
	if (!error)
		error = look_again(repository, plan, format->data, fault);
	if (error)
		(void)lade_store_remove(repository->store, LADE_FORMAT_NAME, NULL);
	return error;
}

static int make(struct lade_repository *repository, const struct lade_repository_plan *plan, struct lade_fault *fault)
{
	struct publics publics;
	struct lade_writer format;
	int error = remove_left_overs(repository->store, fault);

	if (error)
		return error;
	lade_writer_init(&format, LADE_FORMAT_LEN);
	error = make_keys(repository, plan->encrypted, &publics);
	if (!error)
		error = lade_format_put(&format, &repository->format, lade_keyring_find(&repository->keyring, LADE_SECRET_ROOT, 0));
	if (!error)
		error = lade_trust_init(&repository->trust, &repository->format, format.data, format.len);
	if (error)
		(void)lade_fault_set(fault, error, "make the keys of a repository", NULL);
	else
		error = put_all(repository, plan, &publics, &format, fault);
	lade_writer_fini(&format);
	return error;
}

int lade_repository_init(struct lade_store *store, const struct lade_repository_plan *plan, struct lade_repository **repository_out, struct lade_fault *fault)
{
	struct lade_repository *repository;
	int error = lade_repository_new(store, &repository, fault);

	if (error)
		return error;
	if (!plan->passphrase.data && !plan->recipient_count)
		error = lade_fault_set(fault, LADE_E_USAGE, "make a repository without a key that opens it", NULL);
	else if (!lade_object_label_ok(plan->label))
		error = lade_fault_set(fault, LADE_E_USAGE, "use as a label", plan->label);
	if (!error)
		error = make(repository, plan, fault);
	if (!error)
		error = lade_repository_settle(repository, fault);
	if (error)
		lade_repository_close(repository);
	else
		*repository_out = repository;
	return error;
}
