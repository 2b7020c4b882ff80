/*
 * [keys] Bundles.
 */
#include "agent/store/keyring.h"

#include <sodium.h>
#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/error.h"

#define SECRET_LEN (1u + 4u + LADE_SEAL_KEY_LEN)
#define PINS_LEN (LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN + 1u)
#define ROOM_FIRST 16u

void lade_keyring_init(struct lade_keyring *keyring, const struct lade_pins *pins)
{
	memset(keyring, 0, sizeof(*keyring));
	keyring->pins = *pins;
}

void lade_keyring_fini(struct lade_keyring *keyring)
{
	sodium_free(keyring->secrets);
	keyring->secrets = NULL;
	keyring->count = keyring->room = 0;
}

/* Twice the room. */
static int grow(struct lade_keyring *keyring)
{
	const size_t room = keyring->room ? 2 * keyring->room : ROOM_FIRST;
	struct lade_keyring_secret *secrets = sodium_init() < 0 ? NULL : sodium_allocarray(room, sizeof(*secrets));

	if (!secrets)
		return LADE_E_MEMORY;
	if (keyring->count)
		memcpy(secrets, keyring->secrets, keyring->count * sizeof(*secrets));
	sodium_free(keyring->secrets);
	keyring->secrets = secrets;
	keyring->room = room;
	return 0;
}

int lade_keyring_add(struct lade_keyring *keyring, enum lade_secret_kind kind, uint32_t epoch, const uint8_t bytes[LADE_SEAL_KEY_LEN])
{
	struct lade_keyring_secret *secret;
	int error = 0;

	if (keyring->count == LADE_KEYRING_MAX)
		return LADE_E_LIMIT;
	if (keyring->count == keyring->room)
		error = grow(keyring);
	if (error)
		return error;
	secret = &keyring->secrets[keyring->count++];
	secret->kind = kind;
	secret->epoch = epoch;
	memcpy(secret->bytes, bytes, sizeof(secret->bytes));
	return 0;
}

const uint8_t *lade_keyring_find(const struct lade_keyring *keyring, enum lade_secret_kind kind, uint32_t epoch)
{
	for (size_t i = 0; i < keyring->count; i++) {
		if (keyring->secrets[i].kind == kind && keyring->secrets[i].epoch == epoch)
			return keyring->secrets[i].bytes;
	}
	return NULL;
}

/* Bytes of a varint of at most LADE_KEYRING_MAX. */
static size_t count_len(size_t count)
{
	return count < 0x80 ? 1 : 2;
}

size_t lade_keyring_len(const struct lade_keyring *keyring)
{
	return PINS_LEN + count_len(keyring->count) + keyring->count * SECRET_LEN;
}

void lade_keyring_put(const struct lade_keyring *keyring, uint8_t *out)
{
	const struct lade_pins *pins = &keyring->pins;

	memcpy(out, pins->repository, sizeof(pins->repository));
	out += sizeof(pins->repository);
	memcpy(out, pins->root, sizeof(pins->root));
	out += sizeof(pins->root);
	*out++ = pins->encrypted;
	if (keyring->count >= 0x80)
		*out++ = (uint8_t)(keyring->count | 0x80);
	*out++ = (uint8_t)(keyring->count >= 0x80 ? keyring->count >> 7 : keyring->count);
	for (size_t i = 0; i < keyring->count; i++, out += SECRET_LEN) {
		out[0] = (uint8_t)keyring->secrets[i].kind;
		lade_put_le32(out + 1, keyring->secrets[i].epoch);
		memcpy(out + 5, keyring->secrets[i].bytes, LADE_SEAL_KEY_LEN);
	}
}

static int get_pins(struct lade_reader *reader, struct lade_pins *pins_out)
{
	const struct lade_slice repository = lade_reader_get_exact(reader, LADE_REPOSITORY_ID_LEN);
	const struct lade_slice root = lade_reader_get_exact(reader, LADE_HASH_LEN);
	const uint8_t mode = lade_reader_get_u8(reader);

	if (reader->error || mode > 1)
		return LADE_E_CHANGED;
	memcpy(pins_out->repository, repository.data, sizeof(pins_out->repository));
	memcpy(pins_out->root, root.data, sizeof(pins_out->root));
	pins_out->encrypted = mode;
	return 0;
}

static int get_secret(struct lade_reader *reader, struct lade_keyring *keyring)
{
	const enum lade_secret_kind kind = (enum lade_secret_kind)lade_reader_get_u8(reader);
	const uint32_t epoch = lade_object_get_u32(reader);
	const struct lade_slice bytes = lade_reader_get_exact(reader, LADE_SEAL_KEY_LEN);
	const bool of_epoch = kind == LADE_SECRET_INDEX || kind == LADE_SECRET_READ;

	if (reader->error || kind < LADE_SECRET_ROOT || kind > LADE_SECRET_MANAGER || of_epoch != (epoch != 0))
		return LADE_E_CHANGED;
	return lade_keyring_add(keyring, kind, epoch, bytes.data);
}

int lade_keyring_get(const uint8_t *bundle, size_t len, struct lade_keyring *keyring_out)
{
	struct lade_reader reader;
	struct lade_pins pins = { .encrypted = false };
	uint64_t count;
	int error;

	lade_reader_init(&reader, bundle, len);
	error = get_pins(&reader, &pins);
	lade_keyring_init(keyring_out, &pins);
	if (error)
		return error;
	count = lade_reader_get_varint(&reader, LADE_KEYRING_MAX);
	for (uint64_t i = 0; i < count && !error; i++)
		error = get_secret(&reader, keyring_out);
	if (!error && lade_reader_finish(&reader))
		error = LADE_E_CHANGED;
	if (error)
		lade_keyring_fini(keyring_out);
	return error;
}
