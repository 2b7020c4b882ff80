/*
 * Fuzz target of the objects of a repository: FORMAT.md. The first byte says which one is read (lower four bits), whether it is made good but for
 * what the input says (highest bit), and by which suite (the two bits between). What is got is written again: it has to be the same bytes.
 */
#include "tests/fuzz/repository.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/forgotten.h"
#include "agent/store/lease.h"
#include "agent/store/object_name.h"
#include "agent/store/pack_list.h"
#include "agent/store/refs.h"
#include "agent/store/slot.h"
#include "agent/store/trust.h"

/* Many of them are signed or sealed for each input. */
const unsigned fuzz_places_max = 60;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what all share ---- */

void fuzz_must(bool is_so)
{
	if (!is_so)
		abort();
}

const struct fuzz_keys *fuzz_keys(void)
{
	static struct fuzz_keys keys;
	static bool made;
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	if (made)
		return &keys;
	fuzz_must(sodium_init() >= 0);
	memset(keys.repository, 'r', sizeof(keys.repository));
	memset(keys.root_seed, 's', sizeof(keys.root_seed));
	memset(keys.read_secret, 'k', sizeof(keys.read_secret));
	memset(keys.index_secret, 'i', sizeof(keys.index_secret));
	fuzz_must(!crypto_sign_seed_keypair(keys.root, secret, keys.root_seed) && !crypto_scalarmult_base(keys.read_public, keys.read_secret) &&
		  !lade_party_id(keys.root, keys.party));
	made = true;
	return &keys;
}

struct lade_pack_keys fuzz_pack_keys(enum lade_suite suite)
{
	const struct fuzz_keys *keys = fuzz_keys();
	struct lade_pack_keys out = { .encrypted = suite != LADE_SUITE_PLAIN };

	memcpy(out.repository, keys->repository, sizeof(out.repository));
	memcpy(out.read_public, keys->read_public, sizeof(out.read_public));
	memcpy(out.read_secret, keys->read_secret, sizeof(out.read_secret));
	memcpy(out.index_secret, keys->index_secret, sizeof(out.index_secret));
	return out;
}

void fuzz_take(struct lade_writer *object, struct fuzz_input *input, size_t len)
{
	const size_t there = len < input->size ? len : input->size;

	lade_writer_put_bytes(object, input->data, there);
	lade_object_put_zeros(object, len - there);
	input->data += there;
	input->size -= there;
}

/* Put the header of a kind over what begins an object. */
static void put_header(uint8_t *object, enum lade_object_kind kind)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_OBJECT_HEADER_LEN);
	lade_object_begin(&writer, kind, kind == LADE_OBJECT_KEY ? LADE_SUITE_XCHACHA20 : LADE_SUITE_PLAIN, fuzz_keys()->repository);
	memcpy(object, writer.data, LADE_OBJECT_HEADER_LEN);
	lade_writer_fini(&writer);
}

/* Put a signature over what an object ends with. */
static void put_signature(uint8_t *object, size_t len, const char *words)
{
	uint8_t hash[LADE_HASH_LEN];

	fuzz_must(lade_object_hash(object, len - LADE_SIGNATURE_LEN, hash) == 0);
	lade_object_sign_hash(object + len - LADE_SIGNATURE_LEN, fuzz_keys()->root_seed, words, object + LADE_OBJECT_REPOSITORY_OFF, hash);
}

uint8_t *fuzz_object(const struct fuzz_input *input, enum lade_object_kind kind, const char *words)
{
	uint8_t *object = malloc(input->size ? input->size : 1);

	fuzz_must(object);
	if (input->size)
		memcpy(object, input->data, input->size);
	if (!input->helped || input->size < LADE_OBJECT_HEADER_LEN + LADE_SIGNATURE_LEN)
		return object;
	put_header(object, kind);
	/* A daemon's word has zeros there: those are left. */
	if (words && !sodium_is_zero(object + input->size - LADE_SIGNATURE_LEN, LADE_SIGNATURE_LEN))
		put_signature(object, input->size, words);
	return object;
}

/* What was written again is the object; unless that was helped its signature is anybody's. */
static void compare(const struct fuzz_input *input, const uint8_t *object, struct lade_writer *writer)
{
	const size_t len = input->helped ? input->size : input->size - LADE_SIGNATURE_LEN;

	fuzz_must(!writer->error && writer->len == input->size && memcmp(writer->data, object, len) == 0);
	lade_writer_fini(writer);
}

/* ---- objects in the clear ---- */

static void fuzz_name(const struct fuzz_input *input)
{
	char *name = strndup((const char *)input->data, input->size), again[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_name parts;

	fuzz_must(name);
	if (lade_object_name_parse(name, &parts) == 0) {
		lade_object_name_format(&parts, again);
		fuzz_must(strcmp(name, again) == 0 && lade_object_name_ok(name, false));
	}
	free(name);
}

static void fuzz_format(const struct fuzz_input *input)
{
	const size_t root_off = 80;
	uint8_t *object = fuzz_object(input, LADE_OBJECT_FORMAT, NULL);
	struct lade_writer writer;
	struct lade_format format;

	if (input->helped && input->size == LADE_FORMAT_LEN) {
		memcpy(object + root_off, fuzz_keys()->root, LADE_SIGN_PUBLIC_LEN);
		put_signature(object, input->size, "lade format");
	}
	if (lade_format_get(object, input->size, &format) == 0) {
		lade_writer_init(&writer, LADE_FORMAT_LEN);
		fuzz_must(lade_format_put(&writer, &format, fuzz_keys()->root_seed) == 0);
		compare(input, object, &writer);
	}
	free(object);
}

/* One statement: of the input what it is about, or all of it. Returns what hearing it returned. */
static int hear(struct lade_trust *trust, struct fuzz_input *input)
{
	struct lade_writer object;
	int error;

	lade_writer_init(&object, 2 * LADE_STATEMENT_LEN);
	if (input->helped) {
		lade_object_begin(&object, LADE_OBJECT_TRUST, LADE_SUITE_PLAIN, fuzz_keys()->repository);
		lade_object_put_u32(&object, trust->count + 1);
		lade_writer_put_bytes(&object, trust->last, sizeof(trust->last));
		fuzz_take(&object, input, LADE_STATEMENT_LEN - LADE_SIGNATURE_LEN - object.len);
		fuzz_must(lade_object_sign(&object, fuzz_keys()->root_seed, "lade trust") == 0);
	} else {
		fuzz_take(&object, input, input->size < LADE_STATEMENT_LEN ? input->size : LADE_STATEMENT_LEN);
	}
	error = lade_trust_hear(trust, object.data, object.len);
	lade_writer_fini(&object);
	return error;
}

static void fuzz_trust(struct fuzz_input *input)
{
	struct lade_format format = { .encrypted = true };
	struct lade_trust trust;
	uint32_t heard = 0;

	memcpy(format.repository, fuzz_keys()->repository, sizeof(format.repository));
	memcpy(format.root, fuzz_keys()->root, sizeof(format.root));
	fuzz_must(lade_trust_init(&trust, &format, (const uint8_t *)"", 0) == 0);
	while (input->size && hear(&trust, input) == 0)
		heard++;
	fuzz_must(trust.count == heard && trust.epoch + trust.party_count <= heard);
	for (size_t i = 0; i < trust.party_count; i++)
		fuzz_must(lade_trust_find(&trust, trust.parties[i].id) == &trust.parties[i] && lade_object_label_ok(trust.parties[i].label));
	for (uint32_t i = 1; i <= trust.epoch; i++)
		fuzz_must(lade_trust_epoch(&trust, i) != NULL);
	fuzz_must(!lade_trust_epoch(&trust, 0) && !lade_trust_epoch(&trust, trust.epoch + 1));
	lade_trust_fini(&trust);
}

static void fuzz_keyring(const uint8_t *bundle, size_t len)
{
	struct lade_keyring keyring;
	uint8_t *again;

	if (lade_keyring_get(bundle, len, &keyring))
		return;
	again = malloc(len);
	fuzz_must(again && lade_keyring_len(&keyring) == len);
	lade_keyring_put(&keyring, again);
	fuzz_must(memcmp(again, bundle, len) == 0);
	free(again);
	lade_keyring_fini(&keyring);
}

static void fuzz_slot(const struct fuzz_input *input)
{
	uint8_t *object = fuzz_object(input, LADE_OBJECT_KEY, "lade key");
	struct lade_keyring keyring;
	struct lade_slot slot;

	if (lade_slot_get(object, input->size, &slot) == 0)
		fuzz_must((slot.kind == LADE_SLOT_PASSPHRASE || slot.kind == LADE_SLOT_RECIPIENT) && lade_object_label_ok(slot.label) &&
			  (!input->helped || lade_slot_verify(object, input->size, fuzz_keys()->root) == 0));
	/* What a store may have made of a slot for somebody: not one of a passphrase, which takes its time. */
	if (lade_slot_open_recipient(object, input->size, fuzz_keys()->read_secret, &keyring) == 0)
		lade_keyring_fini(&keyring);
	free(object);
}

/* A slot for a recipient, with the input as the bundle: anybody can seal that. */
static void fuzz_slot_bundle(const struct fuzz_input *input)
{
	struct lade_writer object;
	struct lade_keyring keyring;
	uint8_t *body;

	fuzz_keyring(input->data, input->size);
	if (!input->helped || !input->size || input->size > LADE_SLOT_MAX / 2)
		return;
	lade_writer_init(&object, LADE_SLOT_MAX);
	lade_object_begin(&object, LADE_OBJECT_KEY, LADE_SUITE_XCHACHA20, fuzz_keys()->repository);
	lade_writer_put_u8(&object, LADE_SLOT_RECIPIENT);
	lade_object_put_zeros(&object, 56 - 25);
	lade_writer_put_bytes(&object, fuzz_keys()->read_public, 32);
	lade_object_put_zeros(&object, 160 - 88);
	lade_object_put_u32(&object, (uint32_t)(input->size + crypto_box_SEALBYTES));
	body = lade_writer_reserve(&object, input->size + crypto_box_SEALBYTES);
	fuzz_must(body && !crypto_box_seal(body, input->data, input->size, fuzz_keys()->read_public));
	lade_writer_commit(&object, input->size + crypto_box_SEALBYTES);
	fuzz_must(lade_object_sign(&object, fuzz_keys()->root_seed, "lade key") == 0);
	if (lade_slot_open_recipient(object.data, object.len, fuzz_keys()->read_secret, &keyring) == 0) {
		fuzz_must(memcmp(keyring.pins.repository, fuzz_keys()->repository, LADE_REPOSITORY_ID_LEN) == 0);
		lade_keyring_fini(&keyring);
	}
	lade_writer_fini(&object);
}

static void fuzz_refs(const struct fuzz_input *input)
{
	uint8_t *object = fuzz_object(input, LADE_OBJECT_REFS, "lade refs");
	struct lade_writer writer;
	struct lade_refs refs;

	if (lade_refs_get(object, input->size, fuzz_keys()->repository, &refs) == 0) {
		for (uint32_t i = 0; i < refs.count; i++)
			fuzz_must(lade_refs_has(&refs, refs.packs + (size_t)i * LADE_SHORT_HASH_LEN));
		fuzz_must((lade_refs_verify(&refs, fuzz_keys()->root) == 0) == (input->helped && refs.generation));
		lade_writer_init(&writer, input->size);
		fuzz_must(lade_refs_put(&writer, fuzz_keys()->repository, &refs, refs.generation ? fuzz_keys()->root_seed : NULL) == 0);
		compare(input, object, &writer);
	}
	free(object);
}

static void fuzz_pack_list(const struct fuzz_input *input)
{
	uint8_t *object = fuzz_object(input, LADE_OBJECT_PACKS, "lade tombstone");
	struct lade_pack_list list;
	struct lade_writer writer;

	if (lade_pack_list_get(object, input->size, fuzz_keys()->repository, &list) == 0) {
		for (uint32_t i = 0; i < list.count; i++)
			fuzz_must(lade_pack_list_has(&list, list.names + (size_t)i * LADE_HASH_LEN));
		fuzz_must((lade_pack_list_verify(&list, fuzz_keys()->root) == 0) == (input->helped && list.is_signed));
		lade_writer_init(&writer, input->size);
		fuzz_must(lade_pack_list_put(&writer, fuzz_keys()->repository, &list, list.is_signed ? fuzz_keys()->root_seed : NULL) == 0);
		compare(input, object, &writer);
	}
	free(object);
}

static void fuzz_lease(const struct fuzz_input *input)
{
	uint8_t *object = fuzz_object(input, LADE_OBJECT_LEASE, "lade session");
	struct lade_writer writer;
	struct lade_lease lease;

	if (lade_lease_get(object, input->size, fuzz_keys()->repository, &lease) == 0) {
		fuzz_must((lade_lease_verify(object, input->size, fuzz_keys()->root) == 0) == (input->helped && lease.is_signed));
		lade_writer_init(&writer, LADE_LEASE_LEN);
		fuzz_must(lade_lease_put(&writer, fuzz_keys()->repository, &lease, lease.is_signed ? fuzz_keys()->root_seed : NULL) == 0);
		compare(input, object, &writer);
	}
	free(object);
}

static void fuzz_forgotten(const struct fuzz_input *input)
{
	uint8_t *object = fuzz_object(input, LADE_OBJECT_FORGOTTEN, "lade forgotten");
	struct lade_forgotten forgotten;
	struct lade_writer writer;

	if (lade_forgotten_get(object, input->size, fuzz_keys()->repository, &forgotten) == 0) {
		fuzz_must((lade_forgotten_verify(object, input->size, fuzz_keys()->root) == 0) == (input->helped && forgotten.is_signed));
		lade_writer_init(&writer, LADE_FORGOTTEN_LEN);
		fuzz_must(lade_forgotten_put(&writer, fuzz_keys()->repository, &forgotten, forgotten.is_signed ? fuzz_keys()->root_seed : NULL) == 0);
		compare(input, object, &writer);
	}
	free(object);
}

/* ---- which ---- */

static void fuzz_clear(unsigned what, struct fuzz_input *input)
{
	switch (what) {
	case 0:
		fuzz_name(input);
		break;
	case 1:
		fuzz_format(input);
		break;
	case 2:
		fuzz_trust(input);
		break;
	case 3:
		fuzz_slot(input);
		break;
	case 4:
		fuzz_slot_bundle(input);
		break;
	case 5:
		fuzz_refs(input);
		break;
	case 6:
		fuzz_pack_list(input);
		break;
	case 7:
		fuzz_lease(input);
		break;
	default:
		fuzz_forgotten(input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input;

	if (!size)
		return 0;
	input = (struct fuzz_input){ data + 1, size - 1, data[0] >> 7, (enum lade_suite)((data[0] >> 4 & 7) % 3) };
	switch (data[0] & 15) {
	case 9:
		fuzz_snapshot(&input);
		break;
	case 10:
		fuzz_note(&input);
		break;
	case 11:
		fuzz_pack(&input);
		break;
	case 12:
		fuzz_table(&input);
		break;
	default:
		fuzz_clear(data[0] & 15, &input);
		break;
	}
	return 0;
}
