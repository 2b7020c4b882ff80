/*
 * Key files and identities. All text from which a secret could be had again is in locked memory; the files appear whole, or not at all.
 */
#include "agent/repository_key.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/line_file.h"
#include "agent/private_file.h"
#include "protocol/grow.h"

#define RECIPIENT "lade-recipient-"
#define IDENTITY "lade-identity-"
#define PIN "lade-pin-"
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define PIN_LEN (LADE_REPOSITORY_ID_LEN + LADE_HASH_LEN + 1u)
#define IDENTITY_TEXT_SIZE (sizeof(IDENTITY) + 43u)

#define BEGIN "-----BEGIN LADE KEY-----"
#define END "-----END LADE KEY-----"
#define BUNDLE_VARIANT sodium_base64_VARIANT_ORIGINAL
#define LINE_LEN 64u

/* The longest bundle, and more. */
#define BUNDLE_MAX (256u << 10)

static_assert(LADE_RECIPIENT_TEXT_SIZE == sizeof(RECIPIENT) - 1 + sodium_base64_ENCODED_LEN(LADE_X25519_LEN, VARIANT), "room for all of it");
static_assert(LADE_PIN_TEXT_SIZE == sizeof(PIN) - 1 + sodium_base64_ENCODED_LEN(PIN_LEN, VARIANT), "room for all of it");

/* ---- texts ---- */

/* Write prefix and len bytes as text of exactly size bytes. */
static void show(const char *prefix, const uint8_t *bytes, size_t len, char *out, size_t size)
{
	char *end = stpcpy(out, prefix);

	(void)sodium_bin2base64(end, size - (size_t)(end - out), bytes, len, VARIANT);
}

/* libsodium takes some bytes from 0x80 on for the last two of its letters. */
static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return false;
	}
	return true;
}

/* Read what show() wrote. */
static int parse(const char *text, const char *prefix, uint8_t *bytes_out, size_t len)
{
	const size_t prefix_len = strlen(prefix);
	const char *end;
	size_t got;

	if (strncmp(text, prefix, prefix_len) != 0)
		return LADE_E_USAGE;
	text += prefix_len;
	if (!is_ascii(text, strlen(text)) || sodium_base642bin(bytes_out, len, text, strlen(text), NULL, &got, &end, VARIANT) || *end || got != len)
		return LADE_E_USAGE;
	return 0;
}

void lade_recipient_show(const uint8_t public_key[LADE_X25519_LEN], char out[LADE_RECIPIENT_TEXT_SIZE])
{
	show(RECIPIENT, public_key, LADE_X25519_LEN, out, LADE_RECIPIENT_TEXT_SIZE);
}

int lade_recipient_parse(const char *text, uint8_t public_key_out[LADE_X25519_LEN])
{
	return parse(text, RECIPIENT, public_key_out, LADE_X25519_LEN);
}

void lade_pin_show(const struct lade_pins *pins, char out[LADE_PIN_TEXT_SIZE])
{
	uint8_t bytes[PIN_LEN];

	memcpy(bytes, pins->repository, sizeof(pins->repository));
	memcpy(bytes + sizeof(pins->repository), pins->root, sizeof(pins->root));
	bytes[PIN_LEN - 1] = pins->encrypted;
	show(PIN, bytes, sizeof(bytes), out, LADE_PIN_TEXT_SIZE);
}

int lade_pin_parse(const char *text, struct lade_pins *pins_out)
{
	uint8_t bytes[PIN_LEN];
	int error = parse(text, PIN, bytes, sizeof(bytes));

	if (error || bytes[PIN_LEN - 1] > 1)
		return LADE_E_USAGE;
	memcpy(pins_out->repository, bytes, sizeof(pins_out->repository));
	memcpy(pins_out->root, bytes + sizeof(pins_out->repository), sizeof(pins_out->root));
	pins_out->encrypted = bytes[PIN_LEN - 1];
	return 0;
}

/* ---- writing files ---- */

static int write_file(const char *file, const char *text, size_t len, bool replace, struct lade_fault *fault)
{
	if (lade_private_file_put(file, text, len, replace) == 0)
		return 0;
	return lade_fault_set(fault, errno == EEXIST ? LADE_E_EXISTS : LADE_E_SYSTEM, "create key file", file);
}

/* ---- identities ---- */

static int add_pin(struct lade_identity *identity, const struct lade_pins *pins)
{
	struct lade_pins *grown = lade_grown(identity->pins, identity->pin_count, &identity->pin_room, sizeof(*grown));

	if (!grown)
		return LADE_E_MEMORY;
	identity->pins = grown;
	grown[identity->pin_count++] = *pins;
	return 0;
}

/* Take one line. Returns 0, LADE_E_USAGE: it makes no sense; or LADE_E_MEMORY. */
static int take_line(struct lade_identity *identity, const char *line)
{
	struct lade_pins pins;

	if (lade_pin_parse(line, &pins) == 0)
		return add_pin(identity, &pins);
	if (identity->secret)
		return LADE_E_USAGE;
	identity->secret = sodium_malloc(LADE_X25519_LEN);
	return identity->secret ? parse(line, IDENTITY, identity->secret, LADE_X25519_LEN) : LADE_E_MEMORY;
}

int lade_identity_load(const char *file, struct lade_identity *identity_out, struct lade_fault *fault)
{
	struct lade_line_file lines = { 0 };
	const char *line;
	int error = sodium_init() < 0 ? lade_fault_set(fault, LADE_E_MEMORY, "read identity", file) :
		lade_line_file_read(file, LADE_LINE_FILE_SECRET, &lines, fault);

	if (error)
		return error;
	memset(identity_out, 0, sizeof(*identity_out));
	while (!error && (line = lade_line_file_next(&lines))) {
		error = take_line(identity_out, line);
		if (error == LADE_E_MEMORY)
			(void)lade_fault_set(fault, error, "read identity", file);
		else if (error)
			error = lade_line_file_wrong(file, &lines, "find an identity or a pin in", fault);
	}
	if (!error && !identity_out->secret)
		error = lade_fault_set(fault, LADE_E_REFUSED, "find an identity in", file);
	lade_line_file_free(&lines);
	if (error)
		lade_identity_fini(identity_out);
	return error;
}

void lade_identity_fini(struct lade_identity *identity)
{
	sodium_free(identity->secret);
	free(identity->pins);
	memset(identity, 0, sizeof(*identity));
}

/* The text of its file. */
struct identity_text {
	uint8_t secret[LADE_X25519_LEN];
	char line[IDENTITY_TEXT_SIZE];
	char all[LADE_RECIPIENT_TEXT_SIZE + IDENTITY_TEXT_SIZE + 8];
};

int lade_identity_create(const char *file, bool replace, uint8_t public_key_out[LADE_X25519_LEN], struct lade_fault *fault)
{
	struct identity_text *text = sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*text));
	char recipient[LADE_RECIPIENT_TEXT_SIZE];
	int error, len;

	if (!text)
		return lade_fault_set(fault, LADE_E_MEMORY, "make identity", file);
	(void)crypto_box_keypair(public_key_out, text->secret);
	lade_recipient_show(public_key_out, recipient);
	show(IDENTITY, text->secret, sizeof(text->secret), text->line, sizeof(text->line));
	len = snprintf(text->all, sizeof(text->all), "# %s\n%s\n", recipient, text->line);
	error = write_file(file, text->all, (size_t)len, replace, fault);
	sodium_free(text);
	return error;
}

/* ---- key files of clients ---- */

/* Put the lines between BEGIN and END, which are base64, together in text, of size bytes. Returns their length; or -1: there is something else. */
static ssize_t join_lines(struct lade_line_file *lines, char *text, size_t size)
{
	const char *line = lade_line_file_next(lines);
	size_t len = 0;

	if (!line || strcmp(line, BEGIN) != 0)
		return -1;
	while ((line = lade_line_file_next(lines)) && strcmp(line, END) != 0) {
		const size_t line_len = strlen(line);

		if (line_len >= size - len)
			return -1;
		(void)stpcpy(text + len, line);
		len += line_len;
	}
	return line && !lade_line_file_next(lines) ? (ssize_t)len : -1;
}

/* Decode text, in its place, and read the bundle. */
static int take_bundle(char *text, size_t len, struct lade_keyring *keyring_out)
{
	uint8_t *bundle = sodium_malloc(len + 1);
	const char *end;
	size_t bundle_len;
	int error = LADE_E_MEMORY;

	if (bundle)
		error = !is_ascii(text, len) || sodium_base642bin(bundle, len, text, len, NULL, &bundle_len, &end, BUNDLE_VARIANT) || end != text + len ?
				LADE_E_CHANGED :
				lade_keyring_get(bundle, bundle_len, keyring_out);
	sodium_free(bundle);
	return error;
}

int lade_key_file_load(const char *file, struct lade_keyring *keyring_out, struct lade_fault *fault)
{
	struct lade_line_file lines = { 0 };
	char *text = sodium_init() < 0 ? NULL : sodium_malloc(2 * BUNDLE_MAX);
	ssize_t len;
	int error;

	if (!text)
		return lade_fault_set(fault, LADE_E_MEMORY, "read key file", file);
	error = lade_line_file_read(file, LADE_LINE_FILE_SECRET, &lines, fault);
	if (!error) {
		len = join_lines(&lines, text, 2 * BUNDLE_MAX);
		error = len < 0 ? LADE_E_CHANGED : take_bundle(text, (size_t)len, keyring_out);
		if (error == LADE_E_CHANGED)
			error = lade_fault_set(fault, LADE_E_REFUSED, "find a lade key in", file);
		else if (error)
			(void)lade_fault_set(fault, error, "read key file", file);
	}
	lade_line_file_free(&lines);
	sodium_free(text);
	return error;
}

/* The text of a bundle of len bytes: lines of LINE_LEN. The caller frees it with sodium_free(). */
static char *wrap(const uint8_t *bundle, size_t len, size_t *len_out)
{
	const size_t encoded_size = sodium_base64_encoded_len(len, BUNDLE_VARIANT), encoded_len = encoded_size - 1;
	char *encoded = sodium_malloc(encoded_size), *text = sodium_malloc(encoded_len + encoded_len / LINE_LEN + sizeof(BEGIN) + sizeof(END) + 8), *to = text;

	if (encoded && text) {
		(void)sodium_bin2base64(encoded, encoded_size, bundle, len, BUNDLE_VARIANT);
		to = stpcpy(to, BEGIN "\n");
		for (size_t off = 0; off < encoded_len; off += LINE_LEN) {
			const size_t line_len = encoded_len - off < LINE_LEN ? encoded_len - off : LINE_LEN;

			memcpy(to, encoded + off, line_len);
			to += line_len;
			*to++ = '\n';
		}
		to = stpcpy(to, END "\n");
		*len_out = (size_t)(to - text);
	} else {
		sodium_free(text);
		text = NULL;
	}
	sodium_free(encoded);
	return text;
}

int lade_key_file_create(const char *file, const struct lade_keyring *keyring, struct lade_fault *fault)
{
	const size_t bundle_len = lade_keyring_len(keyring);
	uint8_t *bundle = sodium_init() < 0 ? NULL : sodium_malloc(bundle_len);
	char *text = NULL;
	size_t len = 0;
	int error;

	if (bundle) {
		lade_keyring_put(keyring, bundle);
		text = wrap(bundle, bundle_len, &len);
	}
	error = text ? write_file(file, text, len, false, fault) : lade_fault_set(fault, LADE_E_MEMORY, "create key file", file);
	sodium_free(text);
	sodium_free(bundle);
	return error;
}
