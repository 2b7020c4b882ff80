/*
 * [keys] The slots of a repository: listed, added, removed; and the keyrings of [capabilities] for who shall have less than all.
 *
 * Limits: a store that lists more than SLOTS_MAX slots is not listened to. What a slot says is told only with whether the root has signed it.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/repository.h"
#include "agent/store/repository_internal.h"
#include "protocol/grow.h"

#define SLOTS_MAX 1024u
#define PREFIX "keys/"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

void lade_slot_name(const uint8_t id[LADE_SLOT_ID_LEN], char out[LADE_SLOT_NAME_SIZE])
{
	memcpy(out, PREFIX, PREFIX_LEN);
	(void)sodium_bin2hex(out + PREFIX_LEN, LADE_SLOT_NAME_SIZE - PREFIX_LEN, id, LADE_SLOT_ID_LEN);
}

int lade_repository_slot_id(const char *name, uint8_t id_out[LADE_SLOT_ID_LEN])
{
	char again[LADE_SLOT_NAME_SIZE];
	size_t len;

	if (strlen(name) != LADE_SLOT_NAME_SIZE - 1 ||
	    sodium_hex2bin(id_out, LADE_SLOT_ID_LEN, name + PREFIX_LEN, 2 * LADE_SLOT_ID_LEN, NULL, &len, NULL) || len != LADE_SLOT_ID_LEN)
		return LADE_E_USAGE;
	lade_slot_name(id_out, again);
	return strcmp(again, name) == 0 ? 0 : LADE_E_USAGE;
}

/* ---- listing ---- */

/* The list that is made. */
struct listing {
	struct lade_repository_slot *slots;
	size_t count, room;
	struct lade_fault *fault;
};

static int add_name(void *context, const struct lade_store_object *object)
{
	struct listing *listing = context;
	struct lade_repository_slot *slots, slot = { .state = LADE_SLOT_DAMAGED };

	/* Another name is no slot. */
	if (lade_repository_slot_id(object->name, slot.id))
		return 0;
	if (listing->count == SLOTS_MAX)
		return lade_fault_set(listing->fault, LADE_E_LIMIT, "list the keys in", PREFIX);
	slots = lade_grown(listing->slots, listing->count, &listing->room, sizeof(*slots));
	if (!slots)
		return lade_fault_set(listing->fault, LADE_E_MEMORY, "list the keys in", PREFIX);
	slot.len = object->len > LADE_SLOT_MAX ? 0 : (size_t)object->len;
	listing->slots = slots;
	slots[listing->count++] = slot;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct lade_repository_slot *)a)->id, ((const struct lade_repository_slot *)b)->id, LADE_SLOT_ID_LEN);
}

/* Read a slot, and see whether the root has signed it. One of length 0 was too long. Returns 0, LADE_E_MEMORY or what the store says. */
static int examine(struct lade_repository *repository, struct lade_repository_slot *slot, struct lade_fault *fault)
{
	char name[LADE_SLOT_NAME_SIZE];
	uint8_t *object;
	int error;

	if (!slot->len)
		return 0;
	lade_slot_name(slot->id, name);
	error = lade_repository_get(repository->store, name, slot->len, &object, fault);
	if (error)
		return error == LADE_E_ABSENT ? 0 : error;
	error = lade_slot_get(object, slot->len, &slot->slot);
	if (!error) {
		slot->state = LADE_SLOT_UNSIGNED;
		error = lade_slot_verify(object, slot->len, repository->format.root);
		/* The signature covers the header, so a slot of another repository with the same root has still to be told. */
		if (!error && memcmp(object + LADE_OBJECT_REPOSITORY_OFF, repository->format.repository, LADE_REPOSITORY_ID_LEN) == 0)
			slot->state = LADE_SLOT_GOOD;
	} else {
		memset(&slot->slot, 0, sizeof(slot->slot));
	}
	free(object);
	return error == LADE_E_MEMORY ? lade_fault_set(fault, error, "verify", name) : 0;
}

int lade_repository_list_slots(struct lade_repository *repository, struct lade_repository_slot **slots_out, size_t *count_out, struct lade_fault *fault)
{
	struct listing listing = { .fault = fault };
	int error = lade_store_list(repository->store, PREFIX, add_name, &listing, fault);

	for (size_t i = 0; i < listing.count && !error; i++)
		error = examine(repository, &listing.slots[i], fault);
	if (error) {
		free(listing.slots);
		return error;
	}
	if (listing.count)
		qsort(listing.slots, listing.count, sizeof(*listing.slots), by_id);
	*slots_out = listing.slots;
	*count_out = listing.count;
	return 0;
}

/* ---- adding and removing ---- */

/* The root's seed, or a refusal. */
static int find_root(const struct lade_repository *repository, const char *operation, const uint8_t **seed_out, struct lade_fault *fault)
{
	*seed_out = lade_keyring_find(&repository->keyring, LADE_SECRET_ROOT, 0);
	return *seed_out ? 0 : lade_fault_set(fault, LADE_E_REFUSED, operation, NULL);
}

int lade_repository_add_slot(struct lade_repository *repository, const struct lade_keyring *keyring, const struct lade_slot *slot, struct lade_slice passphrase,
			     uint8_t id_out[LADE_SLOT_ID_LEN], struct lade_fault *fault)
{
	struct lade_slot made = *slot;
	struct lade_writer writer;
	char name[LADE_SLOT_NAME_SIZE];
	const uint8_t *root;
	int error = find_root(repository, "add a key without the root key", &root, fault);

	if (error)
		return error;
	made.capabilities = (uint8_t)lade_repository_capabilities(keyring);
	lade_writer_init(&writer, LADE_SLOT_MAX);
	error = lade_slot_put(&writer, &made, keyring, passphrase, root);
	if (error) {
		(void)lade_fault_set(fault, error, "make a key", made.label);
	} else {
		randombytes_buf(id_out, LADE_SLOT_ID_LEN);
		lade_slot_name(id_out, name);
		error = lade_store_put(repository->store, name, writer.data, writer.len, fault);
	}
	lade_writer_fini(&writer);
	return error ? error : lade_store_barrier(repository->store, fault);
}

int lade_repository_remove_slot(struct lade_repository *repository, const uint8_t id[LADE_SLOT_ID_LEN], bool forced, struct lade_fault *fault)
{
	struct lade_repository_slot *slots;
	char name[LADE_SLOT_NAME_SIZE];
	size_t count, others = 0;
	bool found = false;
	int error;

	lade_slot_name(id, name);
	if (!(repository->may & (LADE_MAY_MANAGE | LADE_IS_ROOT)))
		return lade_fault_set(fault, LADE_E_REFUSED, "delete with a key that may not remove keys", name);
	error = lade_repository_list_slots(repository, &slots, &count, fault);
	if (error)
		return error;
	for (size_t i = 0; i < count; i++) {
		if (memcmp(slots[i].id, id, LADE_SLOT_ID_LEN) == 0)
			found = true;
		else if (slots[i].state == LADE_SLOT_GOOD && slots[i].slot.capabilities & LADE_IS_ROOT)
			others++;
	}
	free(slots);
	if (!found)
		return lade_fault_set(fault, LADE_E_ABSENT, "find the key", name);
	if (!others && !forced)
		return lade_fault_set(fault, LADE_E_REFUSED, "delete the last key that has the root key,", name);
	error = lade_store_remove(repository->store, name, fault);
	return error ? error : lade_store_barrier(repository->store, fault);
}

/* ---- keyrings for others ---- */

/* Copy what a reader, or without content a writer, has of the secrets of all. */
static int copy_shared(const struct lade_keyring *from, bool content, struct lade_keyring *to)
{
	int error = 0;

	for (size_t i = 0; i < from->count && !error; i++) {
		const struct lade_keyring_secret *secret = &from->secrets[i];

		if (secret->kind == LADE_SECRET_IDS || secret->kind == LADE_SECRET_CUTS || secret->kind == LADE_SECRET_INDEX ||
		    (content && secret->kind == LADE_SECRET_READ))
			error = lade_keyring_add(to, secret->kind, secret->epoch, secret->bytes);
	}
	return error;
}

int lade_repository_reader(const struct lade_repository *repository, struct lade_keyring *keyring_out, struct lade_fault *fault)
{
	int error;

	lade_keyring_init(keyring_out, &repository->keyring.pins);
	if (!(repository->may & LADE_MAY_READ))
		return lade_fault_set(fault, LADE_E_REFUSED, "give away the keys of a reader, which are not at hand", NULL);
	error = copy_shared(&repository->keyring, true, keyring_out);
	if (!error)
		return 0;
	lade_keyring_fini(keyring_out);
	return lade_fault_set(fault, error, "make the keys of a reader", NULL);
}

/* A new writer's seed, and the statement about it. */
static int make_writer(struct lade_keyring *keyring, struct lade_statement *statement)
{
	uint8_t *seed = sodium_malloc(LADE_SIGN_SEED_LEN);
	int error = LADE_E_MEMORY;

	if (seed) {
		randombytes_buf(seed, LADE_SIGN_SEED_LEN);
		lade_repository_public(seed, statement->public_key);
		error = lade_keyring_add(keyring, LADE_SECRET_WRITER, 0, seed);
	}
	sodium_free(seed);
	return error;
}

int lade_repository_add_writer(struct lade_repository *repository, const char *label, uint32_t flags, uint64_t time, struct lade_keyring *keyring_out,
			       struct lade_fault *fault)
{
	struct lade_statement statement = { .kind = LADE_SAYS_WRITER, .number_or_flags = flags, .time = time };
	const uint8_t *root;
	int error = find_root(repository, "add a writer without the root key", &root, fault);

	lade_keyring_init(keyring_out, &repository->keyring.pins);
	if (error)
		return error;
	if (!lade_object_label_ok(label))
		return lade_fault_set(fault, LADE_E_USAGE, "use as a label", label);
	memcpy(statement.label, label, strlen(label) + 1);
	error = copy_shared(&repository->keyring, false, keyring_out);
	if (!error)
		error = make_writer(keyring_out, &statement);
	if (error)
		(void)lade_fault_set(fault, error, "make the keys of a writer", NULL);
	else
		error = lade_repository_say(repository, &statement, root, fault);
	if (!error)
		error = lade_store_barrier(repository->store, fault);
	if (error)
		lade_keyring_fini(keyring_out);
	return error;
}
