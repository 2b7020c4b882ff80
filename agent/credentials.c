/*
 * Reading, writing and checking of tokens and passwords. Whoever asks does the same work whether the user is there or not; that a file has
 * more lines, or the line is further down, shows in microseconds which no network carries.
 */
#include "agent/credentials.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent/line_file.h"

#define TOKEN_PREFIX "lade-token-"
#define TOKEN_PREFIX_LEN (sizeof(TOKEN_PREFIX) - 1)
#define TOKEN_LEN 32u
#define TOKEN_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define HASH_LEN 32u

/* The longest line: a user, its kind, and libsodium's text of a hash. */
#define LINE_SIZE (LADE_CREDENTIALS_USER_SIZE + 16 + crypto_pwhash_STRBYTES)

static_assert(LADE_CREDENTIALS_TOKEN_SIZE == TOKEN_PREFIX_LEN + sodium_base64_ENCODED_LEN(TOKEN_LEN, TOKEN_VARIANT), "room for all of it");

static const char *const kind_names[] = { [LADE_CREDENTIALS_TOKEN] = "token", [LADE_CREDENTIALS_PASSWORD] = "password" };

/* One line of the file. */
struct credential {
	const char *user;
	enum lade_credentials_kind kind;
	uint8_t token[HASH_LEN];             /* TOKEN: its hash */
	char password[crypto_pwhash_STRBYTES]; /* PASSWORD: the same; zeros behind its end */
};

bool lade_credentials_user(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= LADE_CREDENTIALS_USER_SIZE || *text == '#')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(":@/", text[i]))
			return false;
	return true;
}

bool lade_credentials_is_token(const void *secret, size_t len)
{
	const char *text = secret;

	if (len != LADE_CREDENTIALS_TOKEN_SIZE - 1 || memcmp(text, TOKEN_PREFIX, TOKEN_PREFIX_LEN) != 0)
		return false;
	for (size_t i = TOKEN_PREFIX_LEN; i < len; i++)
		if (!text[i] || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i]))
			return false;
	return true;
}

/* ---- lines ---- */

/* Take the hash of a line apart. */
static bool parse_hash(const char *text, struct credential *credential)
{
	size_t len = strlen(text), got;

	if (credential->kind == LADE_CREDENTIALS_TOKEN)
		return sodium_hex2bin(credential->token, HASH_LEN, text, len, NULL, &got, NULL) == 0 && got == HASH_LEN && len == 2 * HASH_LEN;
	if (len >= sizeof(credential->password) || strncmp(text, "$argon2", 7) != 0)
		return false;
	memset(credential->password, 0, sizeof(credential->password));
	memcpy(credential->password, text, len);
	return true;
}

/* Take a line apart, which is cut to pieces. False: it makes no sense. */
static bool parse(char *line, struct credential *credential_out)
{
	char *kind = strchr(line, ':'), *hash = kind ? strchr(kind + 1, ':') : NULL;

	if (!hash)
		return false;
	*kind++ = '\0';
	*hash++ = '\0';
	credential_out->user = line;
	if (strcmp(kind, kind_names[LADE_CREDENTIALS_TOKEN]) == 0)
		credential_out->kind = LADE_CREDENTIALS_TOKEN;
	else if (strcmp(kind, kind_names[LADE_CREDENTIALS_PASSWORD]) == 0)
		credential_out->kind = LADE_CREDENTIALS_PASSWORD;
	else
		return false;
	return lade_credentials_user(line) && parse_hash(hash, credential_out);
}

/* Have each line of file heard. */
static int each_line(const char *file, void (*hear)(void *context, const struct credential *credential), void *context,
		     struct lade_fault *fault)
{
	struct lade_line_file lines;
	struct credential credential;
	char *line;
	int error = lade_line_file_read(file, LADE_LINE_FILE_SECRET, &lines, fault);

	if (error)
		return error;
	while (!error && (line = lade_line_file_next(&lines))) {
		if (!parse(line, &credential))
			error = lade_line_file_wrong(file, &lines, "find a user and the hash of a token or a password in", fault);
		else
			hear(context, &credential);
	}
	sodium_memzero(&credential, sizeof(credential));
	lade_line_file_free(&lines);
	return error;
}

/* ---- checking ---- */

/* Somebody who asks to be let in. */
struct question {
	const char *user;
	bool token;                     /* what he has looks like one */
	uint8_t hash[HASH_LEN];         /* of it */
	unsigned right;                 /* tokens that it is */
	char password[crypto_pwhash_STRBYTES]; /* what his password is compared with; empty: he has none */
};

static void ask(void *context, const struct credential *credential)
{
	struct question *question = context;
	bool same_user = strcmp(credential->user, question->user) == 0;

	if (question->token && credential->kind == LADE_CREDENTIALS_TOKEN)
		question->right += (sodium_memcmp(credential->token, question->hash, HASH_LEN) == 0) & same_user;
	else if (!question->token && credential->kind == LADE_CREDENTIALS_PASSWORD && same_user)
		memcpy(question->password, credential->password, sizeof(question->password));
}

/* Compare a password, or do what that costs. */
static bool check_password(const struct question *question, const uint8_t *secret, size_t len)
{
	uint8_t salt[crypto_pwhash_SALTBYTES] = { 0 }, nothing[HASH_LEN];
	int wasted;

	if (question->password[0])
		return crypto_pwhash_str_verify(question->password, (const char *)secret, len) == 0;
	wasted = crypto_pwhash(nothing, sizeof(nothing), (const char *)secret, len, salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
			       crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_DEFAULT);
	(void)wasted;
	sodium_memzero(nothing, sizeof(nothing));
	return false;
}

int lade_credentials_verify(const char *file, const char *user, const uint8_t *secret, size_t len, struct lade_fault *fault)
{
	struct question question = { .user = user, .token = lade_credentials_is_token(secret, len) };
	bool right = false;
	int error;

	if (sodium_init() < 0)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "start libsodium", NULL);
	if (question.token)
		(void)crypto_generichash(question.hash, HASH_LEN, secret, len, NULL, 0);
	error = each_line(file, ask, &question, fault);
	if (!error || error == LADE_E_ABSENT)
		right = question.token ? question.right : check_password(&question, secret, len);
	sodium_memzero(&question, sizeof(question));
	if (error && error != LADE_E_ABSENT)
		return error;
	return right && !error ? 0 : lade_fault_set(fault, LADE_E_AUTH, "let in user", user);
}

/* ---- changing ---- */

/* Whose lines go: NULL for kind: all of them. */
struct removal {
	const char *user;
	const enum lade_credentials_kind *kind;
	unsigned count; /* of lines that are his */
};

static bool is_of(void *context, char *line)
{
	const struct removal *removal = context;
	struct credential credential;

	return parse(line, &credential) && strcmp(credential.user, removal->user) == 0 &&
	       (!removal->kind || credential.kind == *removal->kind);
}

static void count(void *context, const struct credential *credential)
{
	struct removal *removal = context;

	removal->count += strcmp(credential->user, removal->user) == 0 && credential->kind == *removal->kind;
}

/* Let line be in the place of those that go. */
static int put(const char *file, struct removal *removal, const char *line, struct lade_fault *fault)
{
	const struct lade_line_file_change change = { .drops = is_of, .context = removal, .added = line };

	return lade_line_file_edit(file, LADE_LINE_FILE_SECRET, &change, NULL, fault);
}

/* Before a line is put into file: count those that it has. Where one makes no sense, nobody would be let in by another one. */
static int prepare(const char *file, struct removal *removal, struct lade_fault *fault)
{
	int error;

	if (sodium_init() < 0)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "start libsodium", NULL);
	if (!lade_credentials_user(removal->user))
		return lade_fault_set(fault, LADE_E_USAGE, "use as a user's name", removal->user);
	error = each_line(file, count, removal, fault);
	return error == LADE_E_ABSENT ? 0 : error;
}

int lade_credentials_new_token(const char *file, const char *user, bool replace, char token_out[LADE_CREDENTIALS_TOKEN_SIZE],
			       struct lade_fault *fault)
{
	const enum lade_credentials_kind kind = LADE_CREDENTIALS_TOKEN;
	struct removal removal = { user, &kind, 0 };
	uint8_t bytes[TOKEN_LEN], hash[HASH_LEN];
	char line[LINE_SIZE], hex[2 * HASH_LEN + 1];
	int error = prepare(file, &removal, fault);

	if (error)
		return error;
	if (removal.count && !replace)
		return lade_fault_set(fault, LADE_E_CHANGED, "give another token to user", user);
	randombytes_buf(bytes, sizeof(bytes));
	memcpy(token_out, TOKEN_PREFIX, TOKEN_PREFIX_LEN);
	(void)sodium_bin2base64(token_out + TOKEN_PREFIX_LEN, LADE_CREDENTIALS_TOKEN_SIZE - TOKEN_PREFIX_LEN, bytes, sizeof(bytes),
				TOKEN_VARIANT);
	sodium_memzero(bytes, sizeof(bytes));
	(void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)token_out, LADE_CREDENTIALS_TOKEN_SIZE - 1, NULL, 0);
	snprintf(line, sizeof(line), "%s:token:%s", user, sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
	error = put(file, &removal, line, fault);
	if (error)
		sodium_memzero(token_out, LADE_CREDENTIALS_TOKEN_SIZE);
	return error;
}

int lade_credentials_set_password(const char *file, const char *user, const uint8_t *secret, size_t len, struct lade_fault *fault)
{
	const enum lade_credentials_kind kind = LADE_CREDENTIALS_PASSWORD;
	struct removal removal = { user, &kind, 0 };
	char line[LINE_SIZE], hash[crypto_pwhash_STRBYTES];
	int error = prepare(file, &removal, fault);

	if (error)
		return error;
	if (len < LADE_CREDENTIALS_PASSWORD_MIN || len > LADE_CREDENTIALS_PASSWORD_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "set a password of fewer than 8 bytes, or more than 4096, for user", user);
	if (lade_credentials_is_token(secret, len))
		return lade_fault_set(fault, LADE_E_REFUSED, "set a password that looks like a token for user", user);
	if (crypto_pwhash_str(hash, (const char *)secret, len, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE))
		return lade_fault_set(fault, LADE_E_MEMORY, "hash the password of user", user);
	snprintf(line, sizeof(line), "%s:password:%s", user, hash);
	return put(file, &removal, line, fault);
}

int lade_credentials_remove(const char *file, const char *user, unsigned *count_out, struct lade_fault *fault)
{
	struct removal removal = { user, NULL, 0 };
	const struct lade_line_file_change change = { .drops = is_of, .context = &removal };

	return lade_line_file_edit(file, LADE_LINE_FILE_SECRET, &change, count_out, fault);
}

/* Who hears the users of a file. */
struct audience {
	void (*tell)(void *context, const char *user, enum lade_credentials_kind kind);
	void *context;
};

static void tell_user(void *context, const struct credential *credential)
{
	const struct audience *audience = context;

	audience->tell(audience->context, credential->user, credential->kind);
}

int lade_credentials_each(const char *file, void (*tell)(void *context, const char *user, enum lade_credentials_kind kind), void *context,
			  struct lade_fault *fault)
{
	struct audience audience = { tell, context };

	return each_line(file, tell_user, &audience, fault);
}
