/*
 * Keys. All text and numbers from which the secret could be had again are in one piece of locked memory, which is freed as one.
 */
#include "agent/key.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/line_file.h"
#include "agent/locked_memory.h"
#include "agent/private_file.h"
#include "agent/tree/whole.h"
#include "agent/user_directory.h"

#define BEGIN "-----BEGIN PRIVATE KEY-----"
#define END "-----END PRIVATE KEY-----"
#define SEED_LEN crypto_sign_ed25519_SEEDBYTES
/* The file of a key has 119 bytes, and some have remarks before it. */
#define FILE_MAX 4096

/* What stands before the seed: version 0, the algorithm 1.3.101.112, an OCTET STRING in an OCTET STRING (RFC 8410, 7). */
static const uint8_t der_head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

#define DER_LEN (sizeof(der_head) + SEED_LEN)
#define BASE64_LEN (DER_LEN / 3 * 4)

static_assert(DER_LEN % 3 == 0 && BASE64_LEN == 64, "one line of base64, without padding");
static_assert(sizeof(((struct lade_tls_signer *)0)->public_key) == crypto_sign_ed25519_PUBLICKEYBYTES, "the same key");

/* The locked memory: libsodium's form of the secret key, and what it is made of for as long as that takes. */
struct secret {
	uint8_t key[crypto_sign_ed25519_SECRETKEYBYTES];
	uint8_t der[DER_LEN];
	char text[FILE_MAX + 1];
};

struct lade_key {
	uint8_t public_key[crypto_sign_ed25519_PUBLICKEYBYTES];
	struct secret *secret;
	pid_t owner; /* the process that has it */
};

static struct lade_key *new_key(struct lade_fault *fault, const char *file)
{
	struct lade_key *key = sodium_init() < 0 ? NULL : calloc(1, sizeof(*key));

	if (key) {
		key->owner = getpid();
		key->secret = lade_locked_memory_new(sizeof(*key->secret), false);
	}
	if (key && key->secret)
		return key;
	free(key);
	lade_fault_set(fault, LADE_E_MEMORY, "use key", file);
	return NULL;
}

void lade_key_free(struct lade_key *key)
{
	/* A forked process has no memory there. */
	if (key && key->owner == getpid())
		lade_locked_memory_free(key->secret, sizeof(*key->secret));
	free(key);
}

const uint8_t *lade_key_public(const struct lade_key *key)
{
	return key->public_key;
}

static int sign(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN])
{
	const struct lade_key *key = context;

	if (key->owner != getpid())
		return LADE_E_REFUSED;
	return crypto_sign_ed25519_detached(signature_out, NULL, data, len, key->secret->key) ? LADE_E_SYSTEM : 0;
}

void lade_key_signer(struct lade_key *key, struct lade_tls_signer *signer_out)
{
	*signer_out = (struct lade_tls_signer){ .sign = sign, .context = key };
	memcpy(signer_out->public_key, key->public_key, sizeof(signer_out->public_key));
}

/* The key of the seed that ends der; what it was made of is wiped. */
static void take_seed(struct lade_key *key)
{
	struct secret *secret = key->secret;

	(void)crypto_sign_ed25519_seed_keypair(key->public_key, secret->key, secret->der + sizeof(der_head));
	sodium_memzero(secret->der, sizeof(secret->der));
	sodium_memzero(secret->text, sizeof(secret->text));
}

/* ---- reading ---- */

/* Read fd to text. Returns 0, LADE_E_SYSTEM, or LADE_E_LIMIT for what is no key for its length alone. */
static int read_text(int fd, struct secret *secret)
{
	ssize_t len = lade_whole_take(fd, secret->text, sizeof(secret->text));

	if (len < 0)
		return LADE_E_SYSTEM;
	if (len > FILE_MAX)
		return LADE_E_LIMIT;
	secret->text[len] = '\0';
	return 0;
}

/* Take the key out of text. NULL, or what is wrong with it. */
static const char *decode(struct lade_key *key)
{
	struct secret *secret = key->secret;
	const char *from = strstr(secret->text, BEGIN), *to = from ? strstr(from, END) : NULL;
	size_t len;

	if (strstr(secret->text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"))
		return "use a key with a passphrase (openssl pkey takes it away),";
	if (!to)
		return "use what is no private key in PEM,";
	from += sizeof(BEGIN) - 1;
	if (sodium_base642bin(secret->der, sizeof(secret->der), from, (size_t)(to - from), " \t\r\n", &len, &from,
			      sodium_base64_VARIANT_ORIGINAL) || from != to || len != DER_LEN ||
	    memcmp(secret->der, der_head, sizeof(der_head)) != 0)
		return "use a key of another kind than Ed25519,";
	take_seed(key);
	return NULL;
}

static int load_fd(int fd, const char *file, struct lade_key *key, struct lade_fault *fault)
{
	const char *wrong;
	struct stat st;
	int error = fstat(fd, &st) ? lade_fault_set(fault, LADE_E_SYSTEM, "stat key", file) :
		lade_line_file_check(file, &st, LADE_LINE_FILE_SECRET, fault);

	if (error)
		return error;
	error = read_text(fd, key->secret);
	if (error == LADE_E_SYSTEM)
		return lade_fault_set(fault, LADE_E_SYSTEM, "read key", file);
	wrong = error ? "use what is too long for a key," : decode(key);
	return wrong ? lade_fault_set(fault, LADE_E_REFUSED, wrong, file) : 0;
}

int lade_key_load(const char *file, struct lade_key **key_out, struct lade_fault *fault)
{
	/* Not to wait for the writer of a FIFO. */
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error;
	struct lade_key *key;

	if (fd < 0)
		return lade_fault_set(fault, errno == ENOENT || errno == ENOTDIR ? LADE_E_ABSENT : LADE_E_SYSTEM, "open key", file);
	key = new_key(fault, file);
	error = key ? load_fd(fd, file, key, fault) : LADE_E_MEMORY;
	close(fd);
	if (error)
		lade_key_free(key);
	else
		*key_out = key;
	return error;
}

/* ---- making ---- */

/* Make the secret, and the text of its file. */
static void generate(struct lade_key *key)
{
	struct secret *secret = key->secret;
	char *text = secret->text;

	memcpy(secret->der, der_head, sizeof(der_head));
	randombytes_buf(secret->der + sizeof(der_head), SEED_LEN);
	memcpy(text, BEGIN "\n", sizeof(BEGIN));
	text += sizeof(BEGIN);
	(void)sodium_bin2base64(text, BASE64_LEN + 1, secret->der, DER_LEN, sodium_base64_VARIANT_ORIGINAL);
	text += BASE64_LEN;
	memcpy(text, "\n" END "\n", sizeof("\n" END "\n"));
}

int lade_key_create(const char *file, bool replace, struct lade_key **key_out, struct lade_fault *fault)
{
	struct lade_key *key;
	int error = lade_user_directory_make_for(file, fault);

	if (error)
		return error;
	key = new_key(fault, file);
	if (!key)
		return LADE_E_MEMORY;
	generate(key);
	if (lade_private_file_put(file, key->secret->text, strlen(key->secret->text), replace)) {
		error = lade_fault_set(fault, errno == EEXIST ? LADE_E_CHANGED : LADE_E_SYSTEM, "make key", file);
		lade_key_free(key);
		return error;
	}
	take_seed(key);
	*key_out = key;
	return 0;
}

int lade_key_obtain(const char *file, struct lade_key **key_out, bool *made_out, struct lade_fault *fault)
{
	int error = lade_key_load(file, key_out, fault);
	bool made = false;

	if (error == LADE_E_ABSENT) {
		error = lade_key_create(file, false, key_out, fault);
		made = !error;
		/* Somebody else was faster. */
		if (error == LADE_E_CHANGED)
			error = lade_key_load(file, key_out, fault);
	}
	if (made_out)
		*made_out = made;
	return error;
}
