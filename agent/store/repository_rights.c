/*
 * What the keys at hand are good for: whose they are by what the root says, what may be done with them ([capabilities]), and which of them seal and open packs.
 *
 * Invariant: a secret whose public key is known is that one's, or the repository is not opened.
 */
#include <sodium.h>
#include <string.h>

#include "agent/store/repository_internal.h"

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
		return lade_fault_set(fault, LADE_E_CHANGED, "find what the keys belong to in", LADE_TRUST_PREFIX);
	error = find_party(repository, LADE_SECRET_WRITER, LADE_SAYS_WRITER, &repository->writer);
	if (!error)
		error = find_party(repository, LADE_SECRET_MANAGER, LADE_SAYS_MANAGER, &repository->manager);
	if (error)
		return lade_fault_set(fault, error, "open repository", NULL);
	repository->suite = repository->format.encrypted ? lade_suite_choose() : LADE_SUITE_PLAIN;
	/* New objects are sealed for the newest epoch, or not at all. */
	if (!repository->writer.seed || features->write & ~LADE_KNOWN_WRITE || !lade_repository_index_secret(repository, repository->trust.epoch))
		may &= ~LADE_MAY_WRITE;
	if (!repository->manager.seed || (features->write | features->gc) & ~(LADE_KNOWN_WRITE | LADE_KNOWN_GC) ||
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
