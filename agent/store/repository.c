/*
 * Opening: [format], then the pins, then a slot of [keys], then [trust], in this order, so that nothing is believed before it was compared with what
 * stands before it. A plain repository is none to who did not say so: the slot that a passphrase opens does not count for that, as somebody may use
 * the passphrase for an encrypted one as well.
 *
 * Limits: a statement and `format` have one length each; slots see repository_slots.c.
 */
#include "agent/store/repository.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/repository_internal.h"

/* Passphrases are stretched for so many slots at most: [keys]. */
#define TRIES_MAX 16u

#define TRUST_PREFIX "trust/"
#define TRUST_NAME_SIZE (sizeof(TRUST_PREFIX) + 10)

/* Features that this program knows: none yet. */
#define KNOWN_READ UINT64_C(0)
#define KNOWN_WRITE UINT64_C(0)
#define KNOWN_GC UINT64_C(0)

/* ---- reading objects ---- */

int lade_repository_get(struct lade_store *store, const char *name, size_t len, uint8_t **object_out, struct lade_fault *fault)
{
	uint8_t *object = malloc(len ? len : 1);
	int error;

	if (!object)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", name);
	error = lade_store_get(store, name, 0, len, object, fault);
	if (error) {
		free(object);
		return error;
	}
	*object_out = object;
	return 0;
}

/* How long the object `format` is. */
struct search {
	bool found;
	uint64_t len;
};

static int look_at_format(void *context, const struct lade_store_object *object)
{
	struct search *search = context;

	if (strcmp(object->name, LADE_FORMAT_NAME) == 0)
		*search = (struct search){ true, object->len };
	return 0;
}

static int find_format(struct lade_store *store, struct search *search_out, struct lade_fault *fault)
{
	int error;

	*search_out = (struct search){ false, 0 };
	error = lade_store_list(store, LADE_FORMAT_NAME, look_at_format, search_out, fault);
	if (error)
		return error;
	return search_out->found ? 0 : lade_fault_set(fault, LADE_E_ABSENT, "find the repository's", LADE_FORMAT_NAME);
}

int lade_repository_look(struct lade_store *store, struct lade_fault *fault)
{
	struct search search;

	return find_format(store, &search, fault);
}

/* [format] Read it, and start trust with it. */
static int read_format(struct lade_repository *repository, struct lade_fault *fault)
{
	struct search search;
	uint8_t object[LADE_FORMAT_LEN];
	int error = find_format(repository->store, &search, fault);

	if (error)
		return error;
	if (search.len != sizeof(object))
		return lade_fault_set(fault, LADE_E_CHANGED, "verify", LADE_FORMAT_NAME);
	error = lade_store_get(repository->store, LADE_FORMAT_NAME, 0, sizeof(object), object, fault);
	if (error)
		return error;
	error = lade_format_get(object, sizeof(object), &repository->format);
	if (!error)
		error = lade_trust_init(&repository->trust, &repository->format, object, sizeof(object));
	return error ? lade_fault_set(fault, error, "verify", LADE_FORMAT_NAME) : 0;
}

/* What trust/ has. */
struct statements {
	uint32_t heard, last;
	char wrong[TRUST_NAME_SIZE]; /* one that has another length; or empty */
};

uint32_t lade_repository_statement_number(const char *name)
{
	const char *digits = name + sizeof(TRUST_PREFIX) - 1;
	char again[TRUST_NAME_SIZE];
	uint64_t number = 0;

	if (strncmp(name, TRUST_PREFIX, sizeof(TRUST_PREFIX) - 1) != 0)
		return 0;
	for (size_t i = 0; digits[i] >= '0' && digits[i] <= '9' && number <= UINT32_MAX; i++)
		number = number * 10 + (uint64_t)(digits[i] - '0');
	if (number > UINT32_MAX)
		return 0;
	snprintf(again, sizeof(again), TRUST_PREFIX "%u", (unsigned)number);
	return strcmp(again, name) == 0 ? (uint32_t)number : 0;
}

static int look_at_statement(void *context, const struct lade_store_object *object)
{
	struct statements *statements = context;
	const uint32_t number = lade_repository_statement_number(object->name);

	if (number <= statements->heard)
		return 0;
	if (number > statements->last)
		statements->last = number;
	if (object->len != LADE_STATEMENT_LEN)
		snprintf(statements->wrong, sizeof(statements->wrong), "%s", object->name);
	return 0;
}

/* [trust] What is listed is read in order; a gap is damage. */
int lade_repository_read_trust(struct lade_repository *repository, struct lade_fault *fault)
{
	struct lade_trust *trust = &repository->trust;
	struct statements statements = { .heard = trust->count };
	uint8_t object[LADE_STATEMENT_LEN];
	char name[TRUST_NAME_SIZE];
	int error = lade_store_list(repository->store, TRUST_PREFIX, look_at_statement, &statements, fault);

	if (error)
		return error;
	if (statements.wrong[0])
		return lade_fault_set(fault, LADE_E_CHANGED, "verify", statements.wrong);
	while (trust->count < statements.last) {
		snprintf(name, sizeof(name), TRUST_PREFIX "%u", (unsigned)trust->count + 1);
		error = lade_store_get(repository->store, name, 0, sizeof(object), object, fault);
		if (error == LADE_E_ABSENT)
			return lade_fault_set(fault, LADE_E_CHANGED, "find", name);
		if (error)
			return error;
		error = lade_trust_hear(trust, object, sizeof(object));
		if (error)
			return lade_fault_set(fault, error, "verify", name);
	}
	if (!trust->epoch)
		return lade_fault_set(fault, LADE_E_CHANGED, "find an epoch in", TRUST_PREFIX "1");
	if (trust->features.read & ~KNOWN_READ)
		return lade_fault_set(fault, LADE_E_VERSION, "read a repository with features that are newer than this program", NULL);
	return 0;
}

/* ---- pins ---- */

/* The pins that `format` has. */
static int pins_of(const struct lade_format *format, struct lade_pins *pins_out)
{
	memcpy(pins_out->repository, format->repository, sizeof(pins_out->repository));
	pins_out->encrypted = format->encrypted;
	return lade_object_hash(format->root, sizeof(format->root), pins_out->root);
}

static bool same_pins(const struct lade_pins *a, const struct lade_pins *b)
{
	return memcmp(a->repository, b->repository, sizeof(a->repository)) == 0 && memcmp(a->root, b->root, sizeof(a->root)) == 0 &&
	       a->encrypted == b->encrypted;
}

/* Why they are not the same, in words. */
static const char *difference(const struct lade_pins *pinned, const struct lade_pins *found)
{
	if (memcmp(pinned->repository, found->repository, sizeof(pinned->repository)) != 0)
		return "find the pinned repository id in";
	if (memcmp(pinned->root, found->root, sizeof(pinned->root)) != 0)
		return "find the pinned root key in";
	return pinned->encrypted ? "find the pinned encryption in" : "find what is pinned, a repository without encryption, in";
}

/* [format] Compare what is pinned with what is there, before anything is believed. *found: of `format`. */
static int check_pins(const struct lade_repository_credentials *credentials, const struct lade_pins *found, struct lade_fault *fault)
{
	const struct lade_pins *of_keyring = credentials->keyring ? &credentials->keyring->pins : NULL;
	bool matches = false;

	if (credentials->identity && !credentials->pin_count)
		return lade_fault_set(fault, LADE_E_REFUSED, "open a repository by an identity without a pin", NULL);
	if (of_keyring && !same_pins(of_keyring, found))
		return lade_fault_set(fault, LADE_E_REFUSED, difference(of_keyring, found), LADE_FORMAT_NAME);
	for (size_t i = 0; i < credentials->pin_count; i++)
		matches = matches || same_pins(&credentials->pins[i], found);
	if (credentials->pin_count && !matches)
		return lade_fault_set(fault, LADE_E_REFUSED, difference(&credentials->pins[0], found), LADE_FORMAT_NAME);
	if (!found->encrypted && !credentials->plaintext && !of_keyring && !matches)
		return lade_fault_set(fault, LADE_E_REFUSED, "do without encryption, which takes --plaintext, as says",
				      LADE_FORMAT_NAME);
	return 0;
}

/* ---- slots ---- */

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

	if (!same_pins(&keyring->pins, attempt->pins))
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

/* [keys] Find the slot of a passphrase or identity: those with a good signature first. */
static int find_slot(struct lade_repository *repository, const struct lade_repository_credentials *credentials, const struct lade_pins *pins,
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

/* The secrets of a client's key file. */
static int take_keyring(struct lade_repository *repository, const struct lade_keyring *keyring, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < keyring->count && !error; i++)
		error = lade_keyring_add(&repository->keyring, keyring->secrets[i].kind, keyring->secrets[i].epoch, keyring->secrets[i].bytes);
	return error ? lade_fault_set(fault, error, "use the keys of a key file", NULL) : 0;
}

static int find_keys(struct lade_repository *repository, const struct lade_repository_credentials *credentials, const struct lade_pins *pins,
		     struct lade_fault *fault)
{
	if (credentials->keyring)
		return take_keyring(repository, credentials->keyring, fault);
	if (credentials->identity || credentials->passphrase.data)
		return find_slot(repository, credentials, pins, fault);
	/* What everybody may read is read without any key. */
	return repository->format.encrypted ? lade_fault_set(fault, LADE_E_AUTH, "open an encrypted repository without a key", NULL) : 0;
}

int lade_repository_open(struct lade_store *store, const struct lade_repository_credentials *credentials, struct lade_repository **repository_out,
			 struct lade_fault *fault)
{
	struct lade_repository *repository;
	struct lade_pins pins;
	int error = lade_repository_new(store, &repository, fault);

	if (error)
		return error;
	error = read_format(repository, fault);
	if (!error && pins_of(&repository->format, &pins))
		error = lade_fault_set(fault, LADE_E_MEMORY, "verify", LADE_FORMAT_NAME);
	if (!error)
		error = check_pins(credentials, &pins, fault);
	if (!error) {
		lade_keyring_init(&repository->keyring, &pins);
		error = find_keys(repository, credentials, &pins, fault);
	}
	if (!error)
		error = lade_repository_read_trust(repository, fault);
	if (!error)
		error = lade_repository_settle(repository, fault);
	if (error)
		lade_repository_close(repository);
	else
		*repository_out = repository;
	return error;
}

int lade_repository_open_keyless(struct lade_store *store, struct lade_repository **repository_out, struct lade_fault *fault)
{
	struct lade_repository *repository;
	struct lade_pins pins;
	int error = lade_repository_new(store, &repository, fault);

	if (error)
		return error;
	error = read_format(repository, fault);
	if (!error && pins_of(&repository->format, &pins))
		error = lade_fault_set(fault, LADE_E_MEMORY, "verify", LADE_FORMAT_NAME);
	if (!error) {
		lade_keyring_init(&repository->keyring, &pins);
		error = lade_repository_read_trust(repository, fault);
	}
	if (error)
		lade_repository_close(repository);
	else
		*repository_out = repository;
	return error;
}

/* ---- what it is good for ---- */

int lade_repository_new(struct lade_store *store, struct lade_repository **repository_out, struct lade_fault *fault)
{
	struct lade_repository *repository = sodium_init() < 0 ? NULL : calloc(1, sizeof(*repository));

	if (!repository) {
		lade_store_close(store);
		return lade_fault_set(fault, LADE_E_MEMORY, "open repository", NULL);
	}
	repository->store = store;
	*repository_out = repository;
	return 0;
}

void lade_repository_close(struct lade_repository *repository)
{
	if (!repository)
		return;
	lade_keyring_fini(&repository->keyring);
	lade_trust_fini(&repository->trust);
	lade_store_close(repository->store);
	free(repository);
}

void lade_repository_public(const uint8_t seed[LADE_SIGN_SEED_LEN], uint8_t public_out[LADE_SIGN_PUBLIC_LEN])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(public_out, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

/* Who it is that has the seed of a kind; without one whom the root trusts, nobody. */
static int find_party(struct lade_repository *repository, enum lade_secret_kind kind, enum lade_statement_kind said, struct lade_repository_party *party_out)
{
	const uint8_t *seed = lade_keyring_find(&repository->keyring, kind, 0);
	uint8_t public_key[LADE_SIGN_PUBLIC_LEN];
	const struct lade_party *party;
	int error;

	memset(party_out, 0, sizeof(*party_out));
	if (!seed)
		return 0;
	lade_repository_public(seed, public_key);
	error = lade_party_id(public_key, party_out->id);
	if (error)
		return error;
	party = lade_trust_find(&repository->trust, party_out->id);
	if (party && party->kind == said && !party->revoked)
		party_out->seed = seed;
	return 0;
}

/* True if the root's and the epochs' secrets are those whose public keys are known. An epoch that trust does not know was withheld. */
static bool secrets_belong(const struct lade_repository *repository)
{
	const struct lade_keyring *keyring = &repository->keyring;
	uint8_t public_key[32];

	for (size_t i = 0; i < keyring->count; i++) {
		const struct lade_keyring_secret *secret = &keyring->secrets[i];
		const uint8_t *expected;

		if (secret->kind == LADE_SECRET_ROOT) {
			lade_repository_public(secret->bytes, public_key);
			expected = repository->format.root;
		} else if (secret->kind == LADE_SECRET_READ) {
			(void)crypto_scalarmult_base(public_key, secret->bytes);
			expected = lade_trust_epoch(&repository->trust, secret->epoch);
		} else {
			continue;
		}
		if (!expected || memcmp(public_key, expected, sizeof(public_key)) != 0)
			return false;
	}
	return true;
}

/* [capabilities] */
unsigned lade_repository_capabilities(const struct lade_keyring *keyring)
{
	const bool plain = !keyring->pins.encrypted;
	const bool names = plain || (lade_keyring_find(keyring, LADE_SECRET_IDS, 0) && lade_keyring_find(keyring, LADE_SECRET_CUTS, 0));
	bool index = plain, read = plain;
	unsigned may = 0;

	for (size_t i = 0; i < keyring->count; i++) {
		index = index || keyring->secrets[i].kind == LADE_SECRET_INDEX;
		read = read || keyring->secrets[i].kind == LADE_SECRET_READ;
	}
	if (names && index && read)
		may |= LADE_MAY_READ;
	if (names && index && lade_keyring_find(keyring, LADE_SECRET_WRITER, 0))
		may |= LADE_MAY_WRITE;
	if (may & LADE_MAY_READ && lade_keyring_find(keyring, LADE_SECRET_MANAGER, 0))
		may |= LADE_MAY_MANAGE;
	if (lade_keyring_find(keyring, LADE_SECRET_ROOT, 0))
		may |= LADE_IS_ROOT;
	return may;
}

int lade_repository_settle(struct lade_repository *repository, struct lade_fault *fault)
{
	const struct lade_features *features = &repository->trust.features;
	unsigned may = lade_repository_capabilities(&repository->keyring);
	int error;

	if (!secrets_belong(repository))
		return lade_fault_set(fault, LADE_E_CHANGED, "find what the keys belong to in", TRUST_PREFIX);
	error = find_party(repository, LADE_SECRET_WRITER, LADE_SAYS_WRITER, &repository->writer);
	if (!error)
		error = find_party(repository, LADE_SECRET_MANAGER, LADE_SAYS_MANAGER, &repository->manager);
	if (error)
		return lade_fault_set(fault, error, "open repository", NULL);
	repository->suite = repository->format.encrypted ? lade_suite_choose() : LADE_SUITE_PLAIN;
	/* New objects are sealed for the newest epoch, or not at all. */
	if (!repository->writer.seed || features->write & ~KNOWN_WRITE || !lade_repository_index_secret(repository, repository->trust.epoch))
		may &= ~LADE_MAY_WRITE;
	if (!repository->manager.seed || (features->write | features->gc) & ~(KNOWN_WRITE | KNOWN_GC) ||
	    !lade_repository_index_secret(repository, repository->trust.epoch))
		may &= ~LADE_MAY_MANAGE;
	repository->may = may;
	return 0;
}

/* ---- what others need ---- */

const struct lade_pins *lade_repository_pins(const struct lade_repository *repository)
{
	return &repository->keyring.pins;
}

/* A secret of an encrypted repository, or what a plain one has for all. */
static const uint8_t *secret_of(const struct lade_repository *repository, enum lade_secret_kind kind, uint32_t epoch)
{
	return repository->format.encrypted ? lade_keyring_find(&repository->keyring, kind, epoch) : repository->format.plain_key;
}

const uint8_t *lade_repository_ids_key(const struct lade_repository *repository)
{
	return secret_of(repository, LADE_SECRET_IDS, 0);
}

const uint8_t *lade_repository_cuts_key(const struct lade_repository *repository)
{
	return secret_of(repository, LADE_SECRET_CUTS, 0);
}

const uint8_t *lade_repository_index_secret(const struct lade_repository *repository, uint32_t epoch)
{
	return secret_of(repository, LADE_SECRET_INDEX, epoch);
}

int lade_repository_pack_setup(const struct lade_repository *repository, struct lade_pack_setup *setup_out, struct lade_fault *fault)
{
	const struct lade_repository_party *party = repository->writer.seed ? &repository->writer : &repository->manager;
	const uint32_t epoch = repository->trust.epoch;
	const uint8_t *index = lade_repository_index_secret(repository, epoch);

	if (!party->seed || !index || !(repository->may & (LADE_MAY_WRITE | LADE_MAY_MANAGE)))
		return lade_fault_set(fault, LADE_E_REFUSED, "add to a repository with a key that may not", NULL);
	setup_out->suite = repository->suite;
	setup_out->epoch = epoch;
	memcpy(setup_out->repository, repository->format.repository, sizeof(setup_out->repository));
	memcpy(setup_out->writer, party->id, sizeof(setup_out->writer));
	memcpy(setup_out->epoch_public, lade_trust_epoch(&repository->trust, epoch), sizeof(setup_out->epoch_public));
	memcpy(setup_out->index_secret, index, sizeof(setup_out->index_secret));
	return 0;
}

int lade_repository_pack_keys(const struct lade_repository *repository, uint32_t epoch, struct lade_pack_keys *keys_out, struct lade_fault *fault)
{
	const uint8_t *public_key = lade_trust_epoch(&repository->trust, epoch), *index = lade_repository_index_secret(repository, epoch);
	const uint8_t *read = lade_keyring_find(&repository->keyring, LADE_SECRET_READ, epoch);

	if (!public_key)
		return lade_fault_set(fault, LADE_E_ABSENT, "find the keys of an epoch", NULL);
	if (!index)
		return lade_fault_set(fault, LADE_E_REFUSED, "open what was sealed in an epoch whose key is not at hand", NULL);
	memset(keys_out, 0, sizeof(*keys_out));
	keys_out->encrypted = repository->format.encrypted;
	memcpy(keys_out->repository, repository->format.repository, sizeof(keys_out->repository));
	memcpy(keys_out->read_public, public_key, sizeof(keys_out->read_public));
	if (read)
		memcpy(keys_out->read_secret, read, sizeof(keys_out->read_secret));
	memcpy(keys_out->index_secret, index, sizeof(keys_out->index_secret));
	return 0;
}
