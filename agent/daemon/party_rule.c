/*
 * Rules of who writes as whom: 32 hexadecimal digits, a colon, and a fingerprint in any of its forms.
 */
#include "agent/daemon/party_rule.h"

#include <sodium.h>
#include <string.h>

#include "agent/fingerprint.h"
#include "protocol/error.h"

int lade_party_rule_parse(const char *text, struct lade_party_rule *rule_out, const char **why_out)
{
	const char *colon = strchr(text, ':');
	size_t len;

	*why_out = "it has to be ID:FINGERPRINT, with the id of a writer or manager (32 digits)";
	if (!colon || colon - text != 2 * (int)LADE_PARTY_ID_LEN ||
	    sodium_hex2bin(rule_out->party, sizeof(rule_out->party), text, 2 * LADE_PARTY_ID_LEN, NULL, &len, NULL) || len != LADE_PARTY_ID_LEN)
		return LADE_E_USAGE;
	*why_out = "a fingerprint is SHA256: and 43 characters, as \"lade key\" prints it, or 64 hexadecimal digits";
	return lade_fingerprint_parse(colon + 1, rule_out->fingerprint) ? LADE_E_USAGE : 0;
}

int lade_party_rule_find(char *const *texts, unsigned count, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], struct lade_party_rule *rule_out)
{
	const char *why;

	for (unsigned i = 0; i < count; i++) {
		if (lade_party_rule_parse(texts[i], rule_out, &why) == 0 && memcmp(rule_out->fingerprint, fingerprint, LADE_TLS_FINGERPRINT_LEN) == 0)
			return 0;
	}
	return LADE_E_ABSENT;
}
