/*
 * Tests of agent/store/repository*: what init makes opens, to whom it should; what is damaged, swapped or interrupted does not pass for it.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/repository.h"
#include "agent/store/store_folder.h"
#include "tests/unit/temp_tree.h"

/* The least that a slot may cost. */
#define PASSES 3
#define MEMORY (UINT64_C(64) << 20)

static char scratch[PATH_MAX];
static uint8_t identity[32], recipient[32];
static struct lade_fault fault;
static const struct lade_slice passphrase = { (const uint8_t *)"correct horse", 13 };

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(scratch);
	return sodium_init() < 0 || crypto_box_keypair(recipient, identity);
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(scratch);
	return 0;
}

static struct lade_store *store_at(const char *name, bool create)
{
	char path[PATH_MAX + 32];
	struct lade_store *store;

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	assert_int_equal(lade_store_folder_open(path, create, &store, &fault), 0);
	return store;
}

static const struct lade_repository_plan by_recipient = {
	.encrypted = true, .label = "test", .time = 1700000000, .recipients = (const uint8_t(*)[32]) & recipient, .recipient_count = 1,
};

/* Make one for the recipient, which costs nothing, and return its pins. */
static struct lade_pins make(const char *name, bool encrypted)
{
	struct lade_repository_plan plan = by_recipient;
	struct lade_repository *repository;
	struct lade_pins pins;

	plan.encrypted = encrypted;
	assert_int_equal(lade_repository_init(store_at(name, true), &plan, &repository, &fault), 0);
	pins = *lade_repository_pins(repository);
	lade_repository_close(repository);
	return pins;
}

static int open_with(const char *name, const struct lade_repository_credentials *credentials, struct lade_repository **repository_out)
{
	return lade_repository_open(store_at(name, false), credentials, repository_out, &fault);
}

static struct lade_repository_credentials of_recipient(const struct lade_pins *pins)
{
	return (struct lade_repository_credentials){ .identity = identity, .pins = pins, .pin_count = pins ? 1 : 0 };
}

static struct lade_repository *opened(const char *name, const struct lade_pins *pins)
{
	const struct lade_repository_credentials credentials = of_recipient(pins);
	struct lade_repository *repository;

	assert_int_equal(open_with(name, &credentials, &repository), 0);
	return repository;
}

/* The path of an object. */
static const char *path_of(const char *name, const char *object)
{
	static char path[PATH_MAX + 400];

	snprintf(path, sizeof(path), "%s/%s/%s", scratch, name, object);
	return path;
}

static size_t read_object(const char *name, const char *object, uint8_t *out, size_t size)
{
	FILE *file = fopen(path_of(name, object), "rb");
	size_t len;

	assert_non_null(file);
	len = fread(out, 1, size, file);
	fclose(file);
	return len;
}

static void write_object(const char *name, const char *object, const uint8_t *data, size_t len)
{
	FILE *file = fopen(path_of(name, object), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

/* The name of the only slot. */
static void slot_of(const char *name, const struct lade_pins *pins, char out[LADE_SLOT_NAME_SIZE])
{
	struct lade_repository *repository = opened(name, pins);

	assert_true(repository->by_slot);
	lade_slot_name(repository->slot, out);
	lade_repository_close(repository);
}

/* ---- making and opening ---- */

static void test_what_init_makes(void **state)
{
	const struct lade_pins pins = make("all", true);
	struct lade_repository *repository = opened("all", &pins);
	struct lade_pack_setup setup;
	struct lade_pack_keys keys;
	const struct lade_party *party;

	(void)state;
	assert_int_equal(repository->may, LADE_MAY_READ | LADE_MAY_WRITE | LADE_MAY_MANAGE | LADE_IS_ROOT);
	assert_int_equal(repository->trust.count, 3);
	assert_int_equal(repository->trust.epoch, 1);
	assert_int_equal(repository->keyring.count, 7);
	assert_true(repository->suite != LADE_SUITE_PLAIN);
	party = lade_trust_find(&repository->trust, repository->writer.id);
	assert_int_equal(party->kind, LADE_SAYS_WRITER);
	assert_int_equal(party->flags, LADE_WRITER_BELIEVED);
	assert_string_equal(party->label, "test");
	assert_int_equal(lade_trust_find(&repository->trust, repository->manager.id)->kind, LADE_SAYS_MANAGER);
	assert_int_equal(lade_repository_pack_setup(repository, &setup, &fault), 0);
	assert_memory_equal(setup.writer, repository->writer.id, sizeof(setup.writer));
	assert_memory_equal(setup.repository, pins.repository, sizeof(setup.repository));
	assert_memory_equal(setup.index_secret, lade_repository_index_secret(repository, 1), LADE_SEAL_KEY_LEN);
	assert_int_equal(lade_repository_pack_keys(repository, 1, &keys, &fault), 0);
	assert_memory_equal(keys.read_public, setup.epoch_public, sizeof(keys.read_public));
	assert_int_equal(lade_repository_pack_keys(repository, 2, &keys, &fault), LADE_E_ABSENT);
	assert_non_null(lade_repository_ids_key(repository));
	assert_memory_not_equal(lade_repository_ids_key(repository), lade_repository_cuts_key(repository), LADE_SEAL_KEY_LEN);
	lade_repository_close(repository);
}

static void test_passphrase(void **state)
{
	struct lade_repository_plan plan = by_recipient;
	struct lade_repository_credentials credentials = { .passphrase = passphrase };
	struct lade_repository *repository;

	(void)state;
	plan.passphrase = passphrase;
	plan.passes = PASSES;
	plan.memory = MEMORY;
	assert_int_equal(lade_repository_init(store_at("words", true), &plan, &repository, &fault), 0);
	lade_repository_close(repository);
	assert_int_equal(open_with("words", &credentials, &repository), 0);
	assert_int_equal(repository->may, LADE_MAY_READ | LADE_MAY_WRITE | LADE_MAY_MANAGE | LADE_IS_ROOT);
	lade_repository_close(repository);
	credentials.passphrase.len--;
	assert_int_equal(open_with("words", &credentials, &repository), LADE_E_AUTH);
}

static void test_no_repository(void **state)
{
	const struct lade_repository_credentials nothing = { .plaintext = true };
	struct lade_repository *repository;
	struct lade_store *store = store_at("empty", true);

	(void)state;
	assert_int_equal(lade_repository_look(store, &fault), LADE_E_ABSENT);
	lade_store_close(store);
	assert_int_equal(open_with("empty", &nothing, &repository), LADE_E_ABSENT);
}

static void test_init_refuses(void **state)
{
	struct lade_repository_plan plan = by_recipient;
	struct lade_repository *repository;

	(void)state;
	(void)make("taken", true);
	assert_int_equal(lade_repository_init(store_at("taken", false), &plan, &repository, &fault), LADE_E_EXISTS);
	assert_string_equal(fault.subject, "format");
	lade_store_close(store_at("other", true));
	write_object("other", "letter", passphrase.data, passphrase.len);
	assert_int_equal(lade_repository_init(store_at("other", false), &plan, &repository, &fault), LADE_E_EXISTS);
	assert_string_equal(fault.subject, "letter");
	/* What has a name of ours and is nothing of ours is not removed either; nor is anything beside it. */
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "keys/id", "trust/1", "keys/00112233445566778899aabbccddeeff" };
		char folder[32];

		snprintf(folder, sizeof(folder), "other-%d", i);
		lade_store_close(store_at(folder, true));
		assert_int_equal(mkdir(path_of(folder, "keys"), 0700), 0);
		assert_int_equal(mkdir(path_of(folder, "trust"), 0700), 0);
		write_object(folder, "trust/2", passphrase.data, 0);
		write_object(folder, names[i], passphrase.data, passphrase.len);
		assert_int_equal(lade_repository_init(store_at(folder, false), &plan, &repository, &fault), LADE_E_EXISTS);
		assert_string_equal(fault.subject, names[i]);
		assert_int_equal(access(path_of(folder, names[i]), F_OK), 0);
		assert_int_equal(access(path_of(folder, "trust/2"), F_OK), 0);
	}
	plan.recipient_count = 0;
	assert_int_equal(lade_repository_init(store_at("nobody", true), &plan, &repository, &fault), LADE_E_USAGE);
	plan = by_recipient;
	plan.label = "a\nb";
	assert_int_equal(lade_repository_init(store_at("label", true), &plan, &repository, &fault), LADE_E_USAGE);
}

static void test_plain(void **state)
{
	const struct lade_pins pins = make("plain", false);
	struct lade_repository_credentials credentials = { .plaintext = false };
	struct lade_repository *repository;

	(void)state;
	assert_int_equal(open_with("plain", &credentials, &repository), LADE_E_REFUSED);
	/* A word of the user's opens it for reading. */
	credentials.plaintext = true;
	assert_int_equal(open_with("plain", &credentials, &repository), 0);
	assert_int_equal(repository->may, LADE_MAY_READ);
	assert_int_equal(repository->suite, LADE_SUITE_PLAIN);
	assert_memory_equal(lade_repository_ids_key(repository), repository->format.plain_key, LADE_SEAL_KEY_LEN);
	lade_repository_close(repository);
	/* So does a pin, with all keys. */
	repository = opened("plain", &pins);
	assert_int_equal(repository->may, LADE_MAY_READ | LADE_MAY_WRITE | LADE_MAY_MANAGE | LADE_IS_ROOT);
	assert_int_equal(repository->keyring.count, 3);
	lade_repository_close(repository);
	/* What a slot pins is none: its passphrase may be that of an encrypted one, too. */
	credentials = (struct lade_repository_credentials){ .passphrase = passphrase };
	assert_int_equal(open_with("plain", &credentials, &repository), LADE_E_REFUSED);
}

static void test_encrypted_needs_a_key(void **state)
{
	const struct lade_pins pins = make("closed", true);
	struct lade_repository_credentials credentials = { .plaintext = true };
	struct lade_repository *repository;
	uint8_t other[32], ignored[32];

	(void)state;
	assert_int_equal(open_with("closed", &credentials, &repository), LADE_E_AUTH);
	credentials = of_recipient(NULL);
	assert_int_equal(open_with("closed", &credentials, &repository), LADE_E_REFUSED);
	crypto_box_keypair(ignored, other);
	credentials = of_recipient(&pins);
	credentials.identity = other;
	assert_int_equal(open_with("closed", &credentials, &repository), LADE_E_AUTH);
}

/* ---- pins ---- */

static void test_pins(void **state)
{
	const struct lade_pins pins = make("pinned", true);
	struct lade_pins wrong[3] = { pins, pins, pins }, two[2];
	struct lade_repository_credentials credentials;
	struct lade_repository *repository;

	(void)state;
	wrong[0].repository[15] ^= 1;
	wrong[1].root[31] ^= 1;
	wrong[2].encrypted = false;
	for (size_t i = 0; i < 3; i++) {
		credentials = of_recipient(&wrong[i]);
		assert_int_equal(open_with("pinned", &credentials, &repository), LADE_E_REFUSED);
		assert_string_equal(fault.subject, "format");
	}
	/* One of several. */
	two[0] = wrong[0];
	two[1] = pins;
	credentials = of_recipient(two);
	credentials.pin_count = 2;
	assert_int_equal(open_with("pinned", &credentials, &repository), 0);
	lade_repository_close(repository);
}

/* ---- damage ---- */

/* Open it with each bit of an object flipped, each length of it, and a byte left over. */
static void damage_object(const char *name, const char *object, const struct lade_pins *pins, size_t step)
{
	const struct lade_repository_credentials credentials = of_recipient(pins);
	static uint8_t data[4096];
	struct lade_repository *repository;
	const size_t len = read_object(name, object, data, sizeof(data) - 1);

	for (size_t bit = 0; bit < len * 8; bit += step) {
		int error;

		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_object(name, object, data, len);
		error = open_with(name, &credentials, &repository);
		if (error != LADE_E_CHANGED && error != LADE_E_VERSION && error != LADE_E_REFUSED && error != LADE_E_AUTH)
			fail_msg("%s, bit %zu: %d", object, bit, error);
		/* Of a slot it may not even be known whose it was. */
		if (error != LADE_E_AUTH)
			assert_string_equal(fault.subject, object);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t short_len = 0; short_len < len; short_len += 7) {
		write_object(name, object, data, short_len);
		assert_int_equal(open_with(name, &credentials, &repository), LADE_E_CHANGED);
		assert_string_equal(fault.subject, object);
	}
	data[len] = 0;
	write_object(name, object, data, len + 1);
	assert_int_equal(open_with(name, &credentials, &repository), LADE_E_CHANGED);
	assert_string_equal(fault.subject, object);
	write_object(name, object, data, len);
	lade_repository_close(opened(name, pins));
}

static void test_damage(void **state)
{
	const struct lade_pins pins = make("damaged", true);
	char slot[LADE_SLOT_NAME_SIZE];

	(void)state;
	slot_of("damaged", &pins, slot);
	damage_object("damaged", "format", &pins, 1);
	damage_object("damaged", "trust/1", &pins, 3);
	damage_object("damaged", "trust/3", &pins, 3);
	damage_object("damaged", slot, &pins, 3);
}

static void test_gaps(void **state)
{
	const struct lade_pins pins = make("gaps", true);
	const struct lade_repository_credentials credentials = of_recipient(&pins);
	struct lade_repository *repository;
	uint8_t data[LADE_STATEMENT_LEN];

	(void)state;
	assert_int_equal(read_object("gaps", "trust/2", data, sizeof(data)), sizeof(data));
	assert_int_equal(unlink(path_of("gaps", "trust/2")), 0);
	assert_int_equal(open_with("gaps", &credentials, &repository), LADE_E_CHANGED);
	assert_string_equal(fault.subject, "trust/2");
	write_object("gaps", "trust/2", data, sizeof(data));
	/* What is no name of a statement is none. */
	write_object("gaps", "trust/04", data, sizeof(data));
	write_object("gaps", "trust/4294967297", data, sizeof(data));
	lade_repository_close(opened("gaps", &pins));
	for (int n = 1; n <= 3; n++) {
		char name[32];

		snprintf(name, sizeof(name), "trust/%d", n);
		assert_int_equal(unlink(path_of("gaps", name)), 0);
	}
	assert_int_equal(open_with("gaps", &credentials, &repository), LADE_E_CHANGED);
	assert_string_equal(fault.subject, "trust/1");
}

/* Objects of another repository, with the same recipient, in the place of this one's. */
static void test_swapped(void **state)
{
	const struct lade_pins pins = make("ours", true), theirs = make("theirs", true);
	const struct lade_repository_credentials credentials = of_recipient(&pins);
	struct lade_repository *repository;
	char slot[LADE_SLOT_NAME_SIZE], other[LADE_SLOT_NAME_SIZE];
	uint8_t mine[4096], data[4096];
	size_t mine_len, len;

	(void)state;
	slot_of("ours", &pins, slot);
	slot_of("theirs", &theirs, other);
	for (int i = 0; i < 3; i++) {
		const char *name = i == 0 ? "format" : i == 1 ? "trust/2" : slot;

		mine_len = read_object("ours", name, mine, sizeof(mine));
		len = read_object("theirs", i == 2 ? other : name, data, sizeof(data));
		write_object("ours", name, data, len);
		assert_int_equal(open_with("ours", &credentials, &repository), i == 0 || i == 2 ? LADE_E_REFUSED : LADE_E_CHANGED);
		assert_string_equal(fault.subject, name);
		write_object("ours", name, mine, mine_len);
	}
	/* Theirs beside ours is passed over, or refused; ours is not taken for damaged. */
	len = read_object("theirs", other, data, sizeof(data));
	write_object("ours", other, data, len);
	lade_repository_close(opened("ours", &pins));
}

/* ---- an init that is interrupted ---- */

/* A store that fails for good after some operations. */
struct failing {
	struct lade_store store;
	struct lade_store *real;
	unsigned left;
};

static struct lade_store *real_of(struct lade_store *store)
{
	struct failing *failing = (struct failing *)store;

	if (!failing->left)
		return NULL;
	failing->left--;
	return failing->real;
}

static int fail_begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *out)
{
	struct lade_store *real = real_of(store);

	/* A put that began belongs to the real one, so only its begin counts. */
	return real ? lade_store_begin(real, put_out, out) : lade_fault_set(out, LADE_E_CLOSED, "store", NULL);
}

static int fail_get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *data, struct lade_fault *out)
{
	return lade_store_get(((struct failing *)store)->real, name, off, len, data, out);
}

static int fail_list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		     struct lade_fault *out)
{
	return lade_store_list(((struct failing *)store)->real, prefix, visit, context, out);
}

static int fail_remove(struct lade_store *store, const char *name, struct lade_fault *out)
{
	struct lade_store *real = real_of(store);

	return real ? lade_store_remove(real, name, out) : lade_fault_set(out, LADE_E_CLOSED, "delete", name);
}

static int fail_barrier(struct lade_store *store, struct lade_fault *out)
{
	struct lade_store *real = real_of(store);

	return real ? lade_store_barrier(real, out) : lade_fault_set(out, LADE_E_CLOSED, "write to disk", NULL);
}

static void fail_close(struct lade_store *store)
{
	lade_store_close(((struct failing *)store)->real);
}

static const struct lade_store_operations failing_operations = {
	.begin = fail_begin, .get = fail_get, .list = fail_list, .remove = fail_remove, .barrier = fail_barrier, .close = fail_close,
};

static void test_interrupted(void **state)
{
	struct failing failing = { .store = { .operations = &failing_operations } };
	const struct lade_repository_credentials anybody = { .plaintext = true };
	struct lade_repository *repository;
	char name[32];
	unsigned after = 0;
	int error;

	(void)state;
	/* Each time in a folder of its own: what is left is no repository, or a whole one, and where it is none init can be run again. */
	do {
		struct lade_pins pins;

		snprintf(name, sizeof(name), "interrupted-%u", after);
		failing.real = store_at(name, true);
		failing.left = after++;
		error = lade_repository_init(&failing.store, &by_recipient, &repository, &fault);
		if (!error) {
			lade_repository_close(repository);
			continue;
		}
		assert_int_equal(error, LADE_E_CLOSED);
		error = open_with(name, &anybody, &repository);
		/* An encrypted repository that is whole asks for a key. */
		assert_true(error == LADE_E_ABSENT || error == LADE_E_AUTH);
		if (error == LADE_E_ABSENT) {
			pins = make(name, true);
			repository = opened(name, &pins);
			assert_int_equal(repository->trust.count, 3);
			lade_repository_close(repository);
		}
		error = LADE_E_CLOSED;
	} while (error);
	assert_true(after > 6);
}

/* ---- keys ---- */

static void test_write_only(void **state)
{
	const struct lade_pins pins = make("client", true), others = make("stranger", true);
	struct lade_repository *repository = opened("client", &pins);
	struct lade_repository_credentials credentials = { .plaintext = false };
	struct lade_keyring keyring;
	struct lade_pack_setup setup;
	struct lade_pack_keys keys;

	(void)state;
	(void)others;
	assert_int_equal(lade_repository_add_writer(repository, "laptop", 0, 1700000001, &keyring, &fault), 0);
	lade_repository_close(repository);
	/* The first row of [capabilities]. */
	assert_int_equal(keyring.count, 4);
	assert_non_null(lade_keyring_find(&keyring, LADE_SECRET_IDS, 0));
	assert_non_null(lade_keyring_find(&keyring, LADE_SECRET_CUTS, 0));
	assert_non_null(lade_keyring_find(&keyring, LADE_SECRET_INDEX, 1));
	assert_non_null(lade_keyring_find(&keyring, LADE_SECRET_WRITER, 0));
	credentials.keyring = &keyring;
	assert_int_equal(open_with("client", &credentials, &repository), 0);
	assert_int_equal(repository->may, LADE_MAY_WRITE);
	assert_string_equal(lade_trust_find(&repository->trust, repository->writer.id)->label, "laptop");
	assert_int_equal(lade_trust_find(&repository->trust, repository->writer.id)->flags, 0);
	assert_int_equal(lade_repository_pack_setup(repository, &setup, &fault), 0);
	assert_int_equal(lade_repository_pack_keys(repository, 1, &keys, &fault), 0);
	assert_true(sodium_is_zero(keys.read_secret, sizeof(keys.read_secret)));
	/* It can neither give nor take keys. */
	assert_int_equal(lade_repository_remove_slot(repository, repository->slot, true, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_repository_add_writer(repository, "more", 0, 0, &(struct lade_keyring){ .count = 0 }, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_repository_reader(repository, &(struct lade_keyring){ .count = 0 }, &fault), LADE_E_REFUSED);
	lade_repository_close(repository);
	/* Its pins are of this repository. */
	assert_int_equal(open_with("stranger", &credentials, &repository), LADE_E_REFUSED);
	lade_keyring_fini(&keyring);
}

/* The root says that the writer of a keyring is none any more. */
static void revoke_writer(const char *name, const struct lade_pins *pins, const struct lade_keyring *keyring)
{
	struct lade_statement statement = { .kind = LADE_SAYS_REVOKED };
	struct lade_repository *repository = opened(name, pins);
	struct lade_writer writer;
	char object[32];

	lade_repository_public(lade_keyring_find(keyring, LADE_SECRET_WRITER, 0), statement.public_key);
	lade_writer_init(&writer, LADE_STATEMENT_LEN);
	assert_int_equal(lade_trust_say(&writer, &repository->trust, &statement, lade_keyring_find(&repository->keyring, LADE_SECRET_ROOT, 0)), 0);
	snprintf(object, sizeof(object), "trust/%u", (unsigned)repository->trust.count + 1);
	assert_int_equal(lade_store_put(repository->store, object, writer.data, writer.len, &fault), 0);
	lade_writer_fini(&writer);
	lade_repository_close(repository);
}

static void test_revoked(void **state)
{
	const struct lade_pins pins = make("revoked", true);
	struct lade_repository *repository = opened("revoked", &pins);
	struct lade_repository_credentials credentials = { .plaintext = false };
	struct lade_keyring keyring;
	struct lade_pack_setup setup;

	(void)state;
	assert_int_equal(lade_repository_add_writer(repository, "laptop", 0, 1700000001, &keyring, &fault), 0);
	lade_repository_close(repository);
	revoke_writer("revoked", &pins, &keyring);
	credentials.keyring = &keyring;
	assert_int_equal(open_with("revoked", &credentials, &repository), 0);
	assert_int_equal(repository->may, 0);
	assert_null(repository->writer.seed);
	assert_int_equal(lade_repository_pack_setup(repository, &setup, &fault), LADE_E_REFUSED);
	lade_repository_close(repository);
	lade_keyring_fini(&keyring);
}

static void test_reader(void **state)
{
	const struct lade_pins pins = make("shared", true);
	struct lade_repository *repository = opened("shared", &pins);
	struct lade_repository_credentials credentials = { .plaintext = false };
	struct lade_keyring keyring;
	struct lade_pack_setup setup;

	(void)state;
	assert_int_equal(lade_repository_reader(repository, &keyring, &fault), 0);
	lade_repository_close(repository);
	credentials.keyring = &keyring;
	assert_int_equal(open_with("shared", &credentials, &repository), 0);
	assert_int_equal(repository->may, LADE_MAY_READ);
	assert_int_equal(lade_repository_pack_setup(repository, &setup, &fault), LADE_E_REFUSED);
	lade_repository_close(repository);
	/* A key of another epoch's, or of nobody's. */
	for (size_t i = 0; i < keyring.count; i++) {
		if (keyring.secrets[i].kind == LADE_SECRET_READ)
			keyring.secrets[i].bytes[3] ^= 1;
	}
	assert_int_equal(open_with("shared", &credentials, &repository), LADE_E_CHANGED);
	lade_keyring_fini(&keyring);
}

static void test_slots(void **state)
{
	const struct lade_pins pins = make("slots", true);
	struct lade_repository *repository = opened("slots", &pins);
	struct lade_slot slot = { .kind = LADE_SLOT_RECIPIENT, .time = 5, .label = "second" };
	struct lade_repository_slot *slots;
	const struct lade_slice none = { NULL, 0 };
	uint8_t id[LADE_SLOT_ID_LEN], first[LADE_SLOT_ID_LEN], secret[32];
	struct lade_keyring reader;
	size_t count, good = 0, len;
	char name[LADE_SLOT_NAME_SIZE];
	uint8_t forged[4096];

	(void)state;
	memcpy(first, repository->slot, sizeof(first));
	assert_int_equal(lade_repository_remove_slot(repository, first, false, &fault), LADE_E_REFUSED);
	crypto_box_keypair(slot.recipient, secret);
	/* A reader's slot does not stand in for one with the root key. */
	assert_int_equal(lade_repository_reader(repository, &reader, &fault), 0);
	assert_int_equal(lade_repository_add_slot(repository, &reader, &slot, none, id, &fault), 0);
	lade_keyring_fini(&reader);
	assert_int_equal(lade_repository_remove_slot(repository, first, false, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_repository_add_slot(repository, &repository->keyring, &slot, none, id, &fault), 0);
	/* Nor does what is no slot, or one of somebody else's. */
	write_object("slots", "keys/00000000000000000000000000000000", passphrase.data, passphrase.len);
	lade_slot_name(id, name);
	len = read_object("slots", name, forged, sizeof(forged));
	forged[len - 1] ^= 1;
	write_object("slots", "keys/00000000000000000000000000000001", forged, len);
	assert_int_equal(lade_repository_list_slots(repository, &slots, &count, &fault), 0);
	assert_int_equal(count, 5);
	assert_int_equal(slots[1].state, LADE_SLOT_UNSIGNED);
	assert_int_equal(slots[0].state, LADE_SLOT_DAMAGED);
	for (size_t i = 0; i < count; i++) {
		good += slots[i].state == LADE_SLOT_GOOD;
		assert_true(i == 0 || memcmp(slots[i - 1].id, slots[i].id, LADE_SLOT_ID_LEN) < 0);
		if (memcmp(slots[i].id, id, sizeof(id)) == 0)
			assert_int_equal(slots[i].slot.capabilities, LADE_MAY_READ | LADE_MAY_WRITE | LADE_MAY_MANAGE | LADE_IS_ROOT);
	}
	assert_int_equal(good, 3);
	free(slots);
	assert_int_equal(lade_repository_remove_slot(repository, first, false, &fault), 0);
	assert_int_equal(lade_repository_remove_slot(repository, first, false, &fault), LADE_E_ABSENT);
	assert_int_equal(lade_repository_remove_slot(repository, id, false, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_repository_remove_slot(repository, id, true, &fault), 0);
	lade_repository_close(repository);
}

/* Two administrators speak at once: the second one's statement follows the first one's. */
static void test_statements_at_once(void **state)
{
	const struct lade_pins pins = make("two", true);
	struct lade_repository *a = opened("two", &pins), *b = opened("two", &pins);
	struct lade_keyring of_a, of_b;

	(void)state;
	assert_int_equal(lade_repository_add_writer(a, "a", 0, 1, &of_a, &fault), 0);
	assert_int_equal(lade_repository_add_writer(b, "b", 0, 1, &of_b, &fault), 0);
	assert_int_equal(b->trust.count, 5);
	assert_int_equal(a->trust.count, 4);
	assert_int_equal(lade_repository_read_trust(a, &fault), 0);
	assert_int_equal(a->trust.count, 5);
	lade_keyring_fini(&of_a);
	lade_keyring_fini(&of_b);
	lade_repository_close(a);
	lade_repository_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_init_makes),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_no_repository),
		cmocka_unit_test(test_init_refuses),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_encrypted_needs_a_key),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_write_only),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_statements_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
