/*
 * [keys] The slot that a passphrase or an identity opens: those with a good signature first, as a slot that somebody else has put there costs as much to try. What is opened counts only
 * if the root has signed it, and if it pins the `format` that is there.
 *
 * Limits: TRIES_MAX passphrases are stretched, which takes a second and the memory of the slot for each.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/repository_internal.h"

/* Passphrases are stretched for so many slots at most: [keys]. */
#define TRIES_MAX 16u

/* The search for the slot that the credentials open. */
struct attempt {
	struct lade_repository *repository;
	const struct lade_repository_credentials *credentials;
	const struct lade_pins *pins; /* of `format` */
	unsigned tries;               /* passphrases stretched */
	bool honest;                  /* a slot of the root's was tried, and is another one's */
	int bad;                      /* what is wrong with a slot that is none of the root's, or 0; fault has it */
};

/* Open an object as a slot. */
static int open_slot(struct attempt *attempt, const uint8_t *object, size_t len, struct lade_keyring *keyring_out)
{
	const struct lade_repository_credentials *credentials = attempt->credentials;

	if (credentials->identity)
		return lade_slot_open_recipient(object, len, credentials->identity, keyring_out);
	attempt->tries++;
	return lade_slot_open_passphrase(object, len, credentials->passphrase, keyring_out);
}

/* [keys] What was opened has to be signed by the root that it pins, and `format` has to be what it pins. */
static int believe(struct attempt *attempt, const struct lade_repository_slot *slot, const char *name, struct lade_keyring *keyring,
		   struct lade_fault *fault)
{
	struct lade_repository *repository = attempt->repository;

	if (!lade_repository_same_pins(&keyring->pins, attempt->pins))
		return lade_fault_set(fault, LADE_E_REFUSED, "believe `format`, which is not that of", name);
	if (slot->state != LADE_SLOT_GOOD)
		return lade_fault_set(fault, LADE_E_CHANGED, "verify", name);
	repository->keyring = *keyring;
	lade_keyring_init(keyring, attempt->pins);
	repository->by_slot = true;
	memcpy(repository->slot, slot->id, sizeof(repository->slot));
	return 0;
}

/* A slot did not open. Returns LADE_E_AGAIN: try another one, or what ends the search. */
static int pass_over(struct attempt *attempt, const struct lade_repository_slot *slot, const char *name, int error, struct lade_fault *fault)
{
	if (error == LADE_E_MEMORY)
		return lade_fault_set(fault, error, "open", name);
	if (error == LADE_E_AUTH && slot->state == LADE_SLOT_GOOD)
		attempt->honest = true;
	else
		/* One that nobody has signed may have been for this passphrase once. */
		attempt->bad = lade_fault_set(fault, error == LADE_E_AUTH ? LADE_E_CHANGED : error, "verify", name);
	return LADE_E_AGAIN;
}

/* Try one. Returns 0; LADE_E_AGAIN: try another one; or what ends the search. */
static int try_slot(struct attempt *attempt, const struct lade_repository_slot *slot, struct lade_fault *fault)
{
	struct lade_keyring keyring;
	char name[LADE_SLOT_NAME_SIZE];
	uint8_t *object = NULL;
	int error;

	lade_slot_name(slot->id, name);
	lade_keyring_init(&keyring, attempt->pins);
	error = lade_repository_get(attempt->repository->store, name, slot->len, &object, fault);
	if (error)
		return error == LADE_E_ABSENT ? LADE_E_AGAIN : error;
	error = open_slot(attempt, object, slot->len, &keyring);
	free(object);
	if (error)
		return pass_over(attempt, slot, name, error, fault);
	error = believe(attempt, slot, name, &keyring, fault);
	lade_keyring_fini(&keyring);
	return error;
}

/* True if the credentials may be for this slot. */
static bool is_for(const struct lade_repository_credentials *credentials, const struct lade_repository_slot *slot)
{
	uint8_t public_key[crypto_scalarmult_BYTES];

	if (!credentials->identity)
		return slot->slot.kind == LADE_SLOT_PASSPHRASE;
	(void)crypto_scalarmult_base(public_key, credentials->identity);
	return slot->slot.kind == LADE_SLOT_RECIPIENT && memcmp(public_key, slot->slot.recipient, sizeof(public_key)) == 0;
}

/* Those of a state, as many as may be tried. */
static int try_slots(struct attempt *attempt, const struct lade_repository_slot *slots, size_t count, enum lade_slot_state state, struct lade_fault *fault)
{
	int error = LADE_E_AGAIN;

	for (size_t i = 0; i < count && error == LADE_E_AGAIN && attempt->tries < TRIES_MAX; i++) {
		if (slots[i].state == state && is_for(attempt->credentials, &slots[i]))
			error = try_slot(attempt, &slots[i], fault);
	}
	return error;
}

/* A slot that is damaged, whose it may have been, as none that is good was for the user. Returns LADE_E_AGAIN if there is none. */
static int tell_damaged(const struct lade_repository_slot *slots, size_t count, struct lade_fault *fault)
{
	char name[LADE_SLOT_NAME_SIZE];

	for (size_t i = 0; i < count; i++) {
		if (slots[i].state == LADE_SLOT_GOOD)
			continue;
		lade_slot_name(slots[i].id, name);
		return lade_fault_set(fault, LADE_E_CHANGED, "verify", name);
	}
	return LADE_E_AGAIN;
}

int lade_repository_unlock(struct lade_repository *repository, const struct lade_repository_credentials *credentials, const struct lade_pins *pins,
			   struct lade_fault *fault)
{
	struct attempt attempt = { .repository = repository, .credentials = credentials, .pins = pins };
	struct lade_repository_slot *slots = NULL;
	size_t count;
	int error = lade_repository_list_slots(repository, &slots, &count, fault);

	if (error)
		return error;
	error = try_slots(&attempt, slots, count, LADE_SLOT_GOOD, fault);
	if (error == LADE_E_AGAIN)
		error = try_slots(&attempt, slots, count, LADE_SLOT_UNSIGNED, fault);
	if (error == LADE_E_AGAIN && !attempt.honest)
		error = attempt.bad ? attempt.bad : tell_damaged(slots, count, fault);
	if (error == LADE_E_AGAIN)
		error = lade_fault_set(fault, LADE_E_AUTH, credentials->identity ? "find a key of this identity in" : "find a key of this passphrase in", "keys/");
	free(slots);
	return error;
}
