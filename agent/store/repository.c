/*
 * Opening: [format], then the pins, then a slot of [keys], then [trust], in this order, so that nothing is believed before it was compared with what
 * stands before it. A plain repository is none to who did not say so: the slot that a passphrase opens does not count for that, as somebody may use
 * the passphrase for an encrypted one as well.
 *
 * The search for the slot is in repository_unlock.c, what the keys are good for in repository_rights.c.
 *
 * Limits: a statement and `format` have one length each; slots see repository_slots.c.
 */
#include "agent/store/repository.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/repository_internal.h"

#define TRUST_NAME_SIZE (sizeof(LADE_TRUST_PREFIX) + 10)

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
	const char *digits = name + sizeof(LADE_TRUST_PREFIX) - 1;
	char again[TRUST_NAME_SIZE];
	uint64_t number = 0;

	if (strncmp(name, LADE_TRUST_PREFIX, sizeof(LADE_TRUST_PREFIX) - 1) != 0)
		return 0;
	for (size_t i = 0; digits[i] >= '0' && digits[i] <= '9' && number <= UINT32_MAX; i++)
		number = number * 10 + (uint64_t)(digits[i] - '0');
	if (number > UINT32_MAX)
		return 0;
	snprintf(again, sizeof(again), LADE_TRUST_PREFIX "%u", (unsigned)number);
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
	int error = lade_store_list(repository->store, LADE_TRUST_PREFIX, look_at_statement, &statements, fault);

	if (error)
		return error;
	if (statements.wrong[0])
		return lade_fault_set(fault, LADE_E_CHANGED, "verify", statements.wrong);
	while (trust->count < statements.last) {
		snprintf(name, sizeof(name), LADE_TRUST_PREFIX "%u", (unsigned)trust->count + 1);
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
		return lade_fault_set(fault, LADE_E_CHANGED, "find an epoch in", LADE_TRUST_PREFIX "1");
	if (trust->features.read & ~LADE_KNOWN_READ)
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

bool lade_repository_same_pins(const struct lade_pins *a, const struct lade_pins *b)
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
	if (of_keyring && !lade_repository_same_pins(of_keyring, found))
		return lade_fault_set(fault, LADE_E_REFUSED, difference(of_keyring, found), LADE_FORMAT_NAME);
	for (size_t i = 0; i < credentials->pin_count; i++)
		matches = matches || lade_repository_same_pins(&credentials->pins[i], found);
	if (credentials->pin_count && !matches)
		return lade_fault_set(fault, LADE_E_REFUSED, difference(&credentials->pins[0], found), LADE_FORMAT_NAME);
	if (!found->encrypted && !credentials->plaintext && !of_keyring && !matches)
		return lade_fault_set(fault, LADE_E_REFUSED, "do without encryption, which takes --plaintext, as says",
				      LADE_FORMAT_NAME);
	return 0;
}

/* ---- keys ---- */

/* The secrets of a client's key file. */
static int take_keyring(struct lade_repository *repository, const struct lade_keyring *keyring, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < keyring->count && !error; i++)
		error = lade_keyring_add(&repository->keyring, keyring->secrets[i].kind, keyring->secrets[i].epoch, keyring->secrets[i].bytes);
	return error ? lade_fault_set(fault, error, "use the keys of a key file", NULL) : 0;
}

/* What the credentials open. */
static int find_keys(struct lade_repository *repository, const struct lade_repository_credentials *credentials, const struct lade_pins *pins,
		     struct lade_fault *fault)
{
	if (credentials->keyring)
		return take_keyring(repository, credentials->keyring, fault);
	if (credentials->identity || credentials->passphrase.data)
		return lade_repository_unlock(repository, credentials, pins, fault);
	/* What everybody may read is read without any key. */
	return repository->format.encrypted ? lade_fault_set(fault, LADE_E_AUTH, "open an encrypted repository without a key", NULL) : 0;
}

/* ---- from beginning to end ---- */

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
