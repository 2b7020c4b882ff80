/*
 * Which client of a repository is which writer or manager, as `writers` and `managers` say it: ID:FINGERPRINT, of the party and of the client's key.
 */
#ifndef LADE_AGENT_DAEMON_PARTY_RULE_H
#define LADE_AGENT_DAEMON_PARTY_RULE_H

#include "agent/store/object.h"
#include "transport/tls.h"

struct lade_party_rule {
	uint8_t party[LADE_PARTY_ID_LEN];
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
};

/* Read one. Returns 0, or LADE_E_USAGE with *why_out, static text. */
int lade_party_rule_parse(const char *text, struct lade_party_rule *rule_out, const char **why_out);

/* Find that of a fingerprint among count texts, which were read before. Returns 0 or LADE_E_ABSENT. */
int lade_party_rule_find(char *const *texts, unsigned count, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], struct lade_party_rule *rule_out);

#endif
