/*
 * [keys] Slots. What a passphrase is stretched to by Argon2id (libsodium's crypto_pwhash) gives both the key of the bundle and the commitment, by which a wrong passphrase is told
 * from damage.
 */
#include "agent/store/slot.h"

#include <sodium.h>
#include <string.h>

#include "protocol/error.h"

#define WORDS "lade key"

#define PASSES_MIN 3u
#define PASSES_MAX 16u
#define MEMORY_MIN (UINT64_C(64) << 20)
#define MEMORY_MAX (UINT64_C(1) << 30)

/* Where things are: see FORMAT.md. */
#define SALT_OFF 40u
#define COMMITMENT_OFF 56u
#define LEN_OFF 160u
#define BODY_OFF 164u
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

void lade_slot_cost(bool memory_is_short, uint32_t *passes_out, uint64_t *memory_out)
{
	*passes_out = memory_is_short ? 4 : 3;
	*memory_out = memory_is_short ? MEMORY_MIN : MEMORY_MIN * 4;
}

static bool cost_ok(const struct lade_slot *slot)
{
	return slot->passes >= PASSES_MIN && slot->passes <= PASSES_MAX && slot->memory >= MEMORY_MIN && slot->memory <= MEMORY_MAX;
}

/* Stretch a passphrase: the key of the bundle, and the commitment. */
static int stretch(const struct lade_slot *slot, struct lade_slice passphrase, const uint8_t salt[crypto_pwhash_SALTBYTES],
		   const uint8_t repository[LADE_REPOSITORY_ID_LEN], uint8_t key_out[LADE_SEAL_KEY_LEN], uint8_t commitment_out[LADE_SEAL_KEY_LEN])
{
	uint8_t *stretched = sodium_init() < 0 ? NULL : sodium_malloc(LADE_SEAL_KEY_LEN);
	int error = LADE_E_MEMORY;

	if (stretched && crypto_pwhash(stretched, LADE_SEAL_KEY_LEN, (const char *)passphrase.data, passphrase.len, salt, slot->passes,
				       (size_t)slot->memory, crypto_pwhash_ALG_ARGON2ID13) == 0)
		error = lade_seal_derive(key_out, stretched, salt, crypto_pwhash_SALTBYTES, "lade slot", repository);
	if (!error)
		error = lade_seal_derive(commitment_out, stretched, salt, crypto_pwhash_SALTBYTES, "lade slot commitment", repository);
	sodium_free(stretched);
	return error;
}

/* ---- making ---- */

/* All up to the body's length; salt and commitment are zeros yet. */
static void put_front(struct lade_writer *writer, const struct lade_slot *slot, const struct lade_keyring *keyring)
{
	const bool by_passphrase = slot->kind == LADE_SLOT_PASSPHRASE;
	struct lade_object_header header = { .kind = LADE_OBJECT_KEY, .suite = LADE_SUITE_XCHACHA20 };

	memcpy(header.repository, keyring->pins.repository, sizeof(header.repository));
	lade_object_put_header(writer, &header);
	lade_writer_put_u8(writer, (uint8_t)slot->kind);
	lade_writer_put_u8(writer, slot->capabilities);
	lade_object_put_zeros(writer, 2);
	lade_object_put_u32(writer, by_passphrase ? slot->passes : 0);
	lade_object_put_u64(writer, by_passphrase ? slot->memory : 0);
	lade_object_put_zeros(writer, crypto_pwhash_SALTBYTES);
	if (by_passphrase)
		lade_object_put_zeros(writer, LADE_SEAL_KEY_LEN);
	else
		lade_writer_put_bytes(writer, slot->recipient, sizeof(slot->recipient));
	lade_object_put_u64(writer, slot->time);
	lade_object_put_label(writer, slot->label);
}

/* The body for a passphrase, of a bundle. The writer has the front and room for it. */
static int seal_for_passphrase(struct lade_writer *writer, const struct lade_slot *slot, struct lade_slice passphrase, struct lade_slice bundle,
			       const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	uint8_t key[LADE_SEAL_KEY_LEN], *body;
	int error;

	randombytes_buf(writer->data + SALT_OFF, crypto_pwhash_SALTBYTES);
	error = stretch(slot, passphrase, writer->data + SALT_OFF, repository, key, writer->data + COMMITMENT_OFF);
	if (error) {
		sodium_memzero(key, sizeof(key));
		return error;
	}
	lade_object_put_u32(writer, (uint32_t)(NONCE_LEN + bundle.len + LADE_SEAL_TAG_LEN));
	body = lade_writer_reserve(writer, NONCE_LEN + bundle.len + LADE_SEAL_TAG_LEN);
	if (body) {
		randombytes_buf(body, NONCE_LEN);
		(void)crypto_aead_xchacha20poly1305_ietf_encrypt(body + NONCE_LEN, NULL, bundle.data, bundle.len, writer->data, LEN_OFF, NULL, body, key);
		lade_writer_commit(writer, NONCE_LEN + bundle.len + LADE_SEAL_TAG_LEN);
	}
	sodium_memzero(key, sizeof(key));
	return writer->error;
}

static int seal_for_recipient(struct lade_writer *writer, const struct lade_slot *slot, struct lade_slice bundle)
{
	uint8_t *body;

	lade_object_put_u32(writer, (uint32_t)(crypto_box_SEALBYTES + bundle.len));
	body = lade_writer_reserve(writer, crypto_box_SEALBYTES + bundle.len);
	if (!body)
		return writer->error;
	if (crypto_box_seal(body, bundle.data, bundle.len, slot->recipient))
		return LADE_E_USAGE;
	lade_writer_commit(writer, crypto_box_SEALBYTES + bundle.len);
	return 0;
}

int lade_slot_put(struct lade_writer *writer, const struct lade_slot *slot, const struct lade_keyring *keyring, struct lade_slice passphrase,
		  const uint8_t root_seed[LADE_SIGN_SEED_LEN])
{
	const size_t len = lade_keyring_len(keyring);
	uint8_t *bundle;
	int error;

	if (!lade_object_label_ok(slot->label))
		return LADE_E_USAGE;
	if (slot->kind == LADE_SLOT_PASSPHRASE && !cost_ok(slot))
		return LADE_E_LIMIT;
	bundle = sodium_init() < 0 ? NULL : sodium_malloc(len);
	if (!bundle)
		return LADE_E_MEMORY;
	lade_keyring_put(keyring, bundle);
	put_front(writer, slot, keyring);
	error = writer->error;
	if (!error)
		error = slot->kind == LADE_SLOT_PASSPHRASE ?
				seal_for_passphrase(writer, slot, passphrase, lade_slice(bundle, len), keyring->pins.repository) :
				seal_for_recipient(writer, slot, lade_slice(bundle, len));
	sodium_free(bundle);
	return error ? error : lade_object_sign(writer, root_seed, WORDS);
}

/* ---- reading ---- */

int lade_slot_get(const uint8_t *object, size_t len, struct lade_slot *slot_out)
{
	struct lade_object_header header;
	struct lade_reader reader;
	struct lade_slice salt, middle;
	uint32_t body_len;
	int error;

	memset(slot_out, 0, sizeof(*slot_out));
	lade_reader_init(&reader, object, len);
	error = lade_object_get_header(&reader, LADE_OBJECT_KEY, &header);
	if (error)
		return error;
	slot_out->kind = (enum lade_slot_kind)lade_reader_get_u8(&reader);
	slot_out->capabilities = lade_reader_get_u8(&reader);
	lade_object_get_zeros(&reader, 2);
	slot_out->passes = lade_object_get_u32(&reader);
	slot_out->memory = lade_object_get_u64(&reader);
	salt = lade_reader_get_exact(&reader, crypto_pwhash_SALTBYTES);
	middle = lade_reader_get_exact(&reader, LADE_SEAL_KEY_LEN);
	slot_out->time = lade_object_get_u64(&reader);
	lade_object_get_label(&reader, slot_out->label);
	body_len = lade_object_get_u32(&reader);
	if (reader.error || len > LADE_SLOT_MAX || body_len != len - reader.off - LADE_SIGNATURE_LEN || len - reader.off < LADE_SIGNATURE_LEN)
		return LADE_E_CHANGED;
	if (slot_out->kind == LADE_SLOT_PASSPHRASE)
		return body_len > NONCE_LEN + LADE_SEAL_TAG_LEN ? 0 : LADE_E_CHANGED;
	if (slot_out->kind != LADE_SLOT_RECIPIENT || slot_out->passes || slot_out->memory || !sodium_is_zero(salt.data, salt.len) ||
	    body_len <= crypto_box_SEALBYTES)
		return LADE_E_CHANGED;
	memcpy(slot_out->recipient, middle.data, sizeof(slot_out->recipient));
	return 0;
}

/* Read the bundle that was opened; one of another repository is another one's. */
static int take_bundle(const uint8_t *object, const uint8_t *bundle, size_t len, struct lade_keyring *keyring_out)
{
	int error = lade_keyring_get(bundle, len, keyring_out);

	if (!error && memcmp(keyring_out->pins.repository, object + LADE_OBJECT_REPOSITORY_OFF, LADE_REPOSITORY_ID_LEN) != 0) {
		lade_keyring_fini(keyring_out);
		error = LADE_E_CHANGED;
	}
	return error;
}

/* Open the body with the key; the passphrase was right. */
static int open_body(const uint8_t *object, size_t body_len, const uint8_t key[LADE_SEAL_KEY_LEN], struct lade_keyring *keyring_out)
{
	const uint8_t *body = object + BODY_OFF;
	const size_t sealed_len = body_len - NONCE_LEN, len = sealed_len - LADE_SEAL_TAG_LEN;
	uint8_t *bundle = sodium_malloc(len);
	int error = LADE_E_CHANGED;

	if (!bundle)
		return LADE_E_MEMORY;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(bundle, NULL, NULL, body + NONCE_LEN, sealed_len, object, LEN_OFF, body, key) == 0)
		error = take_bundle(object, bundle, len, keyring_out);
	sodium_free(bundle);
	return error;
}

int lade_slot_open_passphrase(const uint8_t *object, size_t len, struct lade_slice passphrase, struct lade_keyring *keyring_out)
{
	uint8_t key[LADE_SEAL_KEY_LEN], commitment[LADE_SEAL_KEY_LEN];
	struct lade_slot slot;
	int error = lade_slot_get(object, len, &slot);

	if (error)
		return error;
	if (slot.kind != LADE_SLOT_PASSPHRASE)
		return LADE_E_AUTH;
	if (!cost_ok(&slot))
		return LADE_E_LIMIT;
	error = stretch(&slot, passphrase, object + SALT_OFF, object + LADE_OBJECT_REPOSITORY_OFF, key, commitment);
	if (!error)
		error = sodium_memcmp(commitment, object + COMMITMENT_OFF, sizeof(commitment)) ?
				LADE_E_AUTH :
				open_body(object, len - BODY_OFF - LADE_SIGNATURE_LEN, key, keyring_out);
	sodium_memzero(key, sizeof(key));
	return error;
}

int lade_slot_open_recipient(const uint8_t *object, size_t len, const uint8_t secret_key[32], struct lade_keyring *keyring_out)
{
	uint8_t public_key[crypto_box_PUBLICKEYBYTES], *bundle;
	struct lade_slot slot;
	size_t bundle_len;
	int error = lade_slot_get(object, len, &slot);

	if (error)
		return error;
	(void)crypto_scalarmult_base(public_key, secret_key);
	if (slot.kind != LADE_SLOT_RECIPIENT || memcmp(public_key, slot.recipient, sizeof(public_key)) != 0)
		return LADE_E_AUTH;
	bundle_len = len - BODY_OFF - LADE_SIGNATURE_LEN - crypto_box_SEALBYTES;
	bundle = sodium_init() < 0 ? NULL : sodium_malloc(bundle_len);
	if (!bundle)
		return LADE_E_MEMORY;
	error = LADE_E_CHANGED;
	if (crypto_box_seal_open(bundle, object + BODY_OFF, bundle_len + crypto_box_SEALBYTES, public_key, secret_key) == 0)
		error = take_bundle(object, bundle, bundle_len, keyring_out);
	sodium_free(bundle);
	return error;
}

int lade_slot_verify(const uint8_t *object, size_t len, const uint8_t root[LADE_SIGN_PUBLIC_LEN])
{
	return lade_object_verify(object, len, root, WORDS);
}
