/*
 * auth: whom a module lets in, by what they proved in the handshake or said in SELECT. One rule that fits is enough. Who fits is
 * found out by agent/daemon/admit.h.
 */
#ifndef LADE_AGENT_DAEMON_AUTH_RULE_H
#define LADE_AGENT_DAEMON_AUTH_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* Longest name in a rule, and longest rule in words, each with its NUL. */
#define LADE_AUTH_WORD_SIZE 256u
#define LADE_AUTH_TEXT_SIZE (LADE_AUTH_WORD_SIZE + 32u)

/* Who may use a module. */
enum lade_auth_kind {
	LADE_AUTH_ANY,         /* whoever completes TLS; must be written out */
	LADE_AUTH_KEY,         /* the key with this fingerprint */
	LADE_AUTH_AUTHORIZED,  /* any key in the daemon's authorized_keys; word is the name it has to have there, or NULL: any */
	LADE_AUTH_CERTIFICATE, /* a certificate of the CA, with this name */
	LADE_AUTH_TOKEN,       /* a user of the daemon's file of tokens and passwords, by name; "*": any of them */
};

/* One rule. */
struct lade_auth_rule {
	enum lade_auth_kind kind;
	uint8_t fingerprint[32];
	char *word;
};

/*
 * Take one: "key:SHA256:BASE64" (as `lade key` and ssh-keygen(1) print fingerprints; or 64 hexadecimal digits behind "key:"),
 * "certificate:NAME", "token:USER", "authorized", "authorized:NAME" or "any". Returns 0, and the caller frees the rule with
 * lade_auth_rule_fini(); LADE_E_USAGE with *why_out, static text; LADE_E_MEMORY.
 */
int lade_auth_rule_parse(const char *text, struct lade_auth_rule *rule_out, const char **why_out);

/* Free what the rule holds. */
void lade_auth_rule_fini(struct lade_auth_rule *rule);

/* The rule as it is written, for people; returns text_out. */
const char *lade_auth_rule_print(const struct lade_auth_rule *rule, char text_out[LADE_AUTH_TEXT_SIZE]);

#endif
