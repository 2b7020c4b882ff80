/*
 * Admission. A rule that a proved key or certificate fulfils counts before one that needs a secret: who is known need not send any.
 */
#include "agent/daemon/admit.h"

#include <stdio.h>
#include <string.h>

/* True if the peer fulfils rule without a secret; word_out: as whom, or NULL. */
static bool fulfils(const struct lade_auth_rule *rule, const struct lade_channel_ask *ask, const char *authorized, const char **word_out)
{
	*word_out = NULL;
	switch (rule->kind) {
	case LADE_AUTH_ANY:
		return true;
	case LADE_AUTH_KEY:
		return ask->known && memcmp(ask->fingerprint, rule->fingerprint, sizeof(rule->fingerprint)) == 0;
	case LADE_AUTH_AUTHORIZED:
		*word_out = authorized;
		return ask->known && authorized && (!rule->word || strcmp(rule->word, authorized) == 0);
	case LADE_AUTH_CERTIFICATE:
		*word_out = ask->name;
		return ask->known && ask->trusted && ask->name[0] && rule->word && strcmp(rule->word, ask->name) == 0;
	case LADE_AUTH_TOKEN:
		return false;
	}
	return false;
}

/* True if the rule is for users with a secret, and for this one. */
static bool names_user(const struct lade_auth_rule *rule, const char *user)
{
	return rule->kind == LADE_AUTH_TOKEN && user[0] && rule->word && (strcmp(rule->word, "*") == 0 || strcmp(rule->word, user) == 0);
}

enum lade_admission lade_admit(const struct lade_module *module, const struct sockaddr *address, const struct lade_channel_ask *ask,
			       const char *authorized, char *identity_out, size_t size)
{
	const char *word;

	if (!lade_address_rules_admit(&module->hosts_allow, &module->hosts_deny, address))
		return LADE_DENIED;
	for (unsigned i = 0; i < module->auth_count; i++) {
		if (!fulfils(&module->auth[i], ask, authorized, &word))
			continue;
		snprintf(identity_out, size, "%s", word ? word : ask->known ? "key" : "anybody");
		return LADE_ADMITTED;
	}
	for (unsigned i = 0; i < module->auth_count; i++) {
		if (!names_user(&module->auth[i], ask->user))
			continue;
		snprintf(identity_out, size, "%s", ask->user);
		return LADE_ADMITTED_BY_SECRET;
	}
	return LADE_DENIED;
}
