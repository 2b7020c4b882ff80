/*
 * Tokens. The key is the BLAKE2b-256 of the token; a proof is BLAKE2b-256 under that key over a
 * label that differs for the two sides (nobody can send a proof back as its own) and both HELLOs,
 * whose secrets are new for each connection (nobody can use one twice). Tokens are random and long
 * by rule: no slow hash is needed against guessing.
 */
#include "agent/token.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tree/whole.h"
#include "protocol/bytes.h"

#define TOKEN_MIN 16u
#define TOKEN_MAX 4096u
#define LABEL_LEN 16u

static_assert(sizeof(((struct lade_token *)0)->key) == crypto_generichash_BYTES,
	      "the key is one hash");
static_assert(LADE_PROOF_LEN == crypto_generichash_BYTES, "a proof is one hash");

static bool is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Check the bytes of a token file and hash them. */
static int make_key(struct lade_token *token_out, struct lade_slice text, const char *file,
		    struct lade_fault *fault)
{
	if (text.len > TOKEN_MAX)
		return lade_fault_set(fault, LADE_E_REFUSED, "use token of more than 4096 bytes in",
				      file);
	while (text.len && is_space(text.data[text.len - 1]))
		text.len--;
	while (text.len && is_space(text.data[0])) {
		text.data++;
		text.len--;
	}
	if (text.len && memchr(text.data, '\n', text.len))
		return lade_fault_set(fault, LADE_E_REFUSED, "use token of several lines in", file);
	if (text.len < TOKEN_MIN)
		return lade_fault_set(fault, LADE_E_REFUSED, "use token of fewer than 16 bytes in",
				      file);
	crypto_generichash(token_out->key, sizeof(token_out->key), text.data, text.len, NULL, 0);
	return 0;
}

int lade_token_load(struct lade_token *token_out, const char *file, struct lade_fault *fault)
{
	bool standard_input = strcmp(file, "-") == 0;
	uint8_t buf[TOKEN_MAX + 1];
	struct stat status;
	ssize_t len;
	int result, fd;

	if (sodium_init() < 0)
		return lade_fault_set(fault, LADE_E_MEMORY, "start libsodium", NULL);
	fd = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open token file", file);
	if (fstat(fd, &status)) {
		result = lade_fault_set(fault, LADE_E_SYSTEM, "stat token file", file);
	} else if (!standard_input && status.st_mode & (S_IRWXG | S_IRWXO)) {
		/* The mode of an ACL's mask shows here too, so an ACL for others is seen. */
		result = lade_fault_set(
			fault, LADE_E_REFUSED,
			"use token that group or others can reach (chmod 600 it) in", file);
	} else {
		len = lade_whole_take(fd, buf, sizeof(buf));
		result = len < 0 ? lade_fault_set(fault, LADE_E_SYSTEM, "read token file", file) :
			make_key(token_out, lade_slice(buf, (size_t)len), file, fault);
	}
	sodium_memzero(buf, sizeof(buf));
	close(fd);
	return result;
}

void lade_token_wipe(struct lade_token *token)
{
	sodium_memzero(token->key, sizeof(token->key));
}

void lade_token_prove(const struct lade_token *token, bool dialler,
		      const uint8_t dialler_hello[LADE_HELLO_LEN],
		      const uint8_t answerer_hello[LADE_HELLO_LEN],
		      uint8_t proof_out[LADE_PROOF_LEN])
{
	static const uint8_t labels[2][LABEL_LEN] = { "lade answerer", "lade dialler" };
	crypto_generichash_state state;

	/* These cannot fail: the sizes are within BLAKE2b's. */
	crypto_generichash_init(&state, token->key, sizeof(token->key), LADE_PROOF_LEN);
	crypto_generichash_update(&state, labels[dialler], LABEL_LEN);
	crypto_generichash_update(&state, dialler_hello, LADE_HELLO_LEN);
	crypto_generichash_update(&state, answerer_hello, LADE_HELLO_LEN);
	crypto_generichash_final(&state, proof_out, LADE_PROOF_LEN);
	sodium_memzero(&state, sizeof(state));
}

bool lade_token_proof_equal(const uint8_t a[LADE_PROOF_LEN], const uint8_t b[LADE_PROOF_LEN])
{
	return sodium_memcmp(a, b, LADE_PROOF_LEN) == 0;
}
