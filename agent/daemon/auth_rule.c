/*
 * Rules of who is let in: parsed and printed.
 */
#include "agent/daemon/auth_rule.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/authorized_keys.h"
#include "agent/credentials.h"
#include "agent/fingerprint.h"

/* How kinds are written. */
static const struct kind {
	const char *name;
	enum lade_auth_kind kind;
	bool needs_word, has_word;
} kinds[] = {
	{ "any", LADE_AUTH_ANY, false, false },
	{ "key", LADE_AUTH_KEY, true, true },
	{ "authorized", LADE_AUTH_AUTHORIZED, false, true },
	{ "certificate", LADE_AUTH_CERTIFICATE, true, true },
	{ "token", LADE_AUTH_TOKEN, true, true },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *find_kind(const char *name, size_t len)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0)
			return &kinds[i];
	return NULL;
}

/* Returns why word is no name for kind, or NULL. What no file can have would let nobody in, and two rules without a comma are such a name. */
static const char *refuse_word(enum lade_auth_kind kind, const char *word)
{
	const bool all = strcmp(word, "*") == 0;

	if (strlen(word) >= LADE_AUTH_WORD_SIZE)
		return "the name is longer than 255 bytes";
	for (const char *at = word; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return "a name has no control characters";
	if (kind == LADE_AUTH_TOKEN && !all && !lade_credentials_user(word))
		return "a user's name is ASCII without blanks, colons, @ and /; rules are parted by commas";
	if (kind != LADE_AUTH_TOKEN && all)
		return "names are no patterns here; \"authorized\" without a name is every authorized key";
	if (kind == LADE_AUTH_AUTHORIZED && !lade_authorized_keys_name(word))
		return "the name of a key is ASCII without blanks; rules are parted by commas";
	return NULL;
}

int lade_auth_rule_parse(const char *text, struct lade_auth_rule *rule_out, const char **why_out)
{
	const char *colon = strchr(text, ':'), *word = colon ? colon + 1 : NULL;
	const struct kind *kind = find_kind(text, colon ? (size_t)(colon - text) : strlen(text));

	*rule_out = (struct lade_auth_rule){ 0 };
	*why_out = NULL;
	if (!kind)
		*why_out = "it has to be key:FINGERPRINT, certificate:NAME, token:USER, authorized, authorized:NAME or any";
	else if (word && !kind->has_word)
		*why_out = "nothing belongs behind \"any\"";
	else if (word ? !*word : kind->needs_word)
		*why_out = "a colon and the fingerprint or name are missing behind it";
	if (*why_out)
		return LADE_E_USAGE;
	rule_out->kind = kind->kind;
	if (!word)
		return 0;
	if (kind->kind == LADE_AUTH_KEY) {
		*why_out = lade_fingerprint_parse(word, rule_out->fingerprint) == 0
				   ? NULL
				   : "a fingerprint is SHA256: and 43 characters, as \"lade key\" prints it, or 64 hexadecimal digits";
		return *why_out ? LADE_E_USAGE : 0;
	}
	*why_out = refuse_word(kind->kind, word);
	if (*why_out)
		return LADE_E_USAGE;
	rule_out->word = strdup(word);
	return rule_out->word ? 0 : LADE_E_MEMORY;
}

void lade_auth_rule_fini(struct lade_auth_rule *rule)
{
	free(rule->word);
	*rule = (struct lade_auth_rule){ 0 };
}

const char *lade_auth_rule_print(const struct lade_auth_rule *rule, char text_out[LADE_AUTH_TEXT_SIZE])
{
	const char *name = "any";

	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == rule->kind)
			name = kinds[i].name;
	if (rule->kind == LADE_AUTH_KEY) {
		char fingerprint[LADE_FINGERPRINT_TEXT_SIZE];

		lade_fingerprint_show(rule->fingerprint, fingerprint);
		snprintf(text_out, LADE_AUTH_TEXT_SIZE, "%s:%s", name, fingerprint);
	} else {
		snprintf(text_out, LADE_AUTH_TEXT_SIZE, "%s%s%s", name, rule->word ? ":" : "", rule->word ? rule->word : "");
	}
	return text_out;
}
