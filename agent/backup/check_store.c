/*
 * What can be said of a repository without a key: names that are hashes are the hashes of what they name, and refs name packs that are there.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "agent/store/format.h"

/* Bytes that are read at once of an object that may be long. */
#define STEP_LEN (1u << 20)

/* The SHA-256 of an object. Returns 0, LADE_E_MEMORY or what the store says. */
static int hash_object(struct check *check, const char *object, uint64_t len, uint8_t hash_out[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t *bytes = malloc(STEP_LEN);
	int error = digest && bytes && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 ? 0 : LADE_E_MEMORY;

	for (uint64_t off = 0; off < len && !error;) {
		const size_t step = len - off < STEP_LEN ? (size_t)(len - off) : STEP_LEN;

		error = lade_store_get(check->store, object, off, step, bytes, NULL);
		if (!error && EVP_DigestUpdate(digest, bytes, step) != 1)
			error = LADE_E_MEMORY;
		off += step;
	}
	if (!error && EVP_DigestFinal_ex(digest, hash_out, NULL) != 1)
		error = LADE_E_MEMORY;
	free(bytes);
	EVP_MD_CTX_free(digest);
	return error;
}

/* How much of the SHA-256 is in the name, and where; 0: nothing. */
static size_t hash_in(const struct lade_object_name *name, const uint8_t **hash_out)
{
	switch (name->kind) {
	case LADE_NAME_TABLE:
	case LADE_NAME_TOMBSTONE:
	case LADE_NAME_GONE:
		*hash_out = name->hash;
		return LADE_HASH_LEN;
	case LADE_NAME_SNAPSHOT:
		*hash_out = name->snapshot.hash;
		return LADE_SHORT_HASH_LEN;
	default:
		return 0;
	}
}

static int check_name(struct check *check, const struct lade_object_item *item)
{
	char object[LADE_OBJECT_NAME_MAX + 1];
	uint8_t hash[EVP_MAX_MD_SIZE];
	const uint8_t *expected = NULL;
	const size_t len = hash_in(&item->name, &expected);
	int error;

	if (!len)
		return 0;
	lade_object_name_format(&item->name, object);
	error = hash_object(check, object, item->len, hash);
	if (error == LADE_E_ABSENT)
		check_tell(check, LADE_CHECK_NOTE, object, "went away while it was to be checked");
	else if (error && error != LADE_E_MEMORY)
		check_tell(check, LADE_CHECK_ERROR, object, "%s", check_problem(error));
	else if (!error && memcmp(hash, expected, len) != 0)
		check_tell(check, LADE_CHECK_ERROR, object, "has not the bytes that it was stored with: its SHA-256 is not in its name");
	return error == LADE_E_MEMORY ? error : 0;
}

/* True if there are refs of a later generation of the same snapshot, so that what these name may have gone. */
static bool is_outdated(const struct check *check, const struct lade_object_name *name)
{
	for (size_t i = 0; i < check->objects.count; i++) {
		const struct lade_object_name *other = &check->objects.items[i].name;

		if (other->kind == LADE_NAME_REFS && other->number > name->number && !memcmp(&other->snapshot, &name->snapshot, sizeof(name->snapshot)))
			return true;
	}
	return false;
}

static int check_refs(struct check *check, const struct lade_object_item *item, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_slice object = { NULL, 0 };
	char name[LADE_OBJECT_NAME_MAX + 1], text[2 * LADE_SHORT_HASH_LEN + 1];
	struct lade_refs refs;
	int error = check_read(check, item, LADE_REFS_LEN(LADE_PACKS_MAX), &object);

	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	lade_object_name_format(&item->name, name);
	error = lade_refs_get(object.data, object.len, repository, &refs);
	if (error || memcmp(refs.snapshot.writer, item->name.snapshot.writer, LADE_PARTY_ID_LEN) != 0 || refs.snapshot.number != item->name.snapshot.number ||
	    refs.generation != item->name.number)
		check_tell(check, LADE_CHECK_ERROR, name, "%s", error ? check_problem(error) : "is of another snapshot than its name says");
	if (error || is_outdated(check, &item->name))
		refs.count = 0;
	for (uint32_t i = 0; i < refs.count; i++) {
		const uint8_t *prefix = refs.packs + (size_t)i * LADE_SHORT_HASH_LEN;

		sodium_bin2hex(text, sizeof(text), prefix, LADE_SHORT_HASH_LEN);
		if (!check_has_pack(check, prefix))
			check_tell(check, LADE_CHECK_ERROR, name, "names the pack packs/%.2s/%s, which is missing", text, text);
	}
	free((void *)object.data);
	return 0;
}

/* The id of the repository, by the object that says what it is. */
static int read_format(struct check *check, struct lade_format *format, struct lade_fault *fault)
{
	struct lade_object_item item = { .name = { .kind = LADE_NAME_FORMAT } };
	uint8_t *object = NULL;
	int error;

	for (size_t i = 0; i < check->objects.count; i++) {
		if (check->objects.items[i].name.kind == LADE_NAME_FORMAT)
			item.len = check->objects.items[i].len;
	}
	if (!item.len)
		return lade_fault_set(fault, LADE_E_ABSENT, "find", LADE_FORMAT_NAME);
	error = lade_object_list_read(check->store, &item, 4096, &object, fault);
	if (!error) {
		error = lade_format_get(object, (size_t)item.len, format);
		if (error)
			lade_fault_set(fault, error, "verify", LADE_FORMAT_NAME);
	}
	free(object);
	return error;
}

static int check_all(struct check *check, struct lade_fault *fault)
{
	struct lade_format format;
	int error = check_list(check, fault);

	if (!error)
		error = read_format(check, &format, fault);
	for (size_t i = 0; i < check->objects.count && !error && check_goes_on(check); i++) {
		const struct lade_object_item *item = &check->objects.items[i];

		error = check_name(check, item);
		if (!error && item->name.kind == LADE_NAME_REFS)
			error = check_refs(check, item, format.repository);
		check->figures.tables += item->name.kind == LADE_NAME_TABLE;
		check->figures.snapshots += item->name.kind == LADE_NAME_SNAPSHOT;
		if (error)
			lade_fault_set(fault, error, "check", NULL);
	}
	if (error)
		return error;
	check->figures.phase = LADE_CHECK_PACKS;
	check_choose_packs(check);
	return check_packs(check, fault);
}

int lade_check_store(struct lade_store *store, const struct lade_check_setup *setup, struct lade_check_figures *figures_out, struct lade_fault *fault)
{
	struct lade_check_setup all = *setup;
	struct check check;
	int error;

	all.read = LADE_CHECK_READ_ALL;
	check_init(&check, store, &all);
	error = check_all(&check, fault);
	if (!error && check.stops)
		error = lade_fault_set(fault, LADE_E_CANCELLED, "check", NULL);
	check_fini(&check, figures_out);
	return error;
}
