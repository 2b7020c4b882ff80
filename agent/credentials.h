/*
 * Tokens and passwords of a daemon's users, of which a file keeps only hashes; nobody else may read it:
 *
 *   alice:token:BLAKE2b-256 of the token, 64 hexadecimal digits
 *   bob:password:$argon2id$...
 *
 * A token is a random number that lade makes: `lade-token-` and 43 characters; no slow hash is needed against guessing. Passwords
 * are people's: libsodium's crypto_pwhash. So what a secret looks like tells which of the two it is, and nothing else.
 */
#ifndef LADE_AGENT_CREDENTIALS_H
#define LADE_AGENT_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

/* A token's text, NUL included. */
#define LADE_CREDENTIALS_TOKEN_SIZE 55u

/* A password's bytes. */
#define LADE_CREDENTIALS_PASSWORD_MIN 8u
#define LADE_CREDENTIALS_PASSWORD_MAX 4096u

/* A user's name, NUL included. */
#define LADE_CREDENTIALS_USER_SIZE 256u

enum lade_credentials_kind { LADE_CREDENTIALS_TOKEN, LADE_CREDENTIALS_PASSWORD };

/* True if text can be a user's name: 1 to 255 printable characters of ASCII, no blanks, colons, `@`, `/`; not beginning with # */
bool lade_credentials_user(const char *text);

/* True if secret has the form of a token. */
bool lade_credentials_is_token(const void *secret, size_t len);

/*
 * Whether secret is one of user's, in file. It takes as long for a user who is not there: a password costs 64 MiB and some tenths of a second either
 * way; so no more than two should be asked for at once. Returns 0; LADE_E_AUTH: it is not, or there is no such user, or no file; LADE_E_REFUSED: others can reach
 * the file, or a line makes no sense (then nobody is let in); and as lade_line_file_read().
 */
int lade_credentials_verify(const char *file, const char *user, const uint8_t *secret, size_t len, struct lade_fault *fault);

/*
 * Make a token for user and add it to file; what he had of that kind is replaced if replace. token_out is the caller's to wipe. Returns 0; LADE_E_CHANGED: he has
 * one; LADE_E_USAGE: user is no name; LADE_E_REFUSED: a line of file makes no sense; and as lade_line_file_edit().
 */
int lade_credentials_new_token(const char *file, const char *user, bool replace, char token_out[LADE_CREDENTIALS_TOKEN_SIZE],
			       struct lade_fault *fault);

/*
 * Let secret be user's password, instead of the one that he has. Returns 0; LADE_E_USAGE: user is no name; LADE_E_LIMIT: it is too short or too long;
 * LADE_E_REFUSED: it looks like a token, or a line of file makes no sense; LADE_E_MEMORY; and as lade_line_file_edit().
 */
int lade_credentials_set_password(const char *file, const char *user, const uint8_t *secret, size_t len, struct lade_fault *fault);

/* Take all that user has out of file. Returns as lade_line_file_edit(); *count_out: how many lines there were. */
int lade_credentials_remove(const char *file, const char *user, unsigned *count_out, struct lade_fault *fault);

/* Have each line of file told, in their order. Returns as lade_credentials_verify(), or LADE_E_ABSENT. */
int lade_credentials_each(const char *file, void (*tell)(void *context, const char *user, enum lade_credentials_kind kind), void *context,
			  struct lade_fault *fault);

#endif
