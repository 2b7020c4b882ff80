/*
 * What the root key says of a repository: statements, each of which names the one before: agent/store/FORMAT.md [trust].
 */
#ifndef LADE_AGENT_STORE_TRUST_H
#define LADE_AGENT_STORE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/format.h"

#define LADE_STATEMENT_LEN 280u

/* What a statement is about; the values are those of the object. */
enum lade_statement_kind {
	LADE_SAYS_EPOCH = 1,
	LADE_SAYS_WRITER = 2,
	LADE_SAYS_MANAGER = 3,
	LADE_SAYS_REVOKED = 4,
	LADE_SAYS_FEATURES = 5,
};

/* A writer may be believed about content that is not his own. */
#define LADE_WRITER_BELIEVED 1u

struct lade_statement {
	enum lade_statement_kind kind;
	uint8_t public_key[32];            /* X25519 of an epoch, else Ed25519 */
	uint32_t number_or_flags;          /* of an epoch: its number; of a writer: flags */
	uint64_t time;
	char label[LADE_LABEL_LEN + 1];
	struct lade_features features;     /* LADE_SAYS_FEATURES */
	uint64_t last_number;              /* of a writer that is revoked: its last snapshot that is good, 0 for none */
	uint8_t last_hash[LADE_HASH_LEN];
};

/* A writer or a manager. */
struct lade_party {
	enum lade_statement_kind kind;
	uint8_t id[LADE_PARTY_ID_LEN];
	uint8_t public_key[LADE_SIGN_PUBLIC_LEN];
	char label[LADE_LABEL_LEN + 1];
	uint32_t flags;
	bool revoked;
	uint64_t last_number;
	uint8_t last_hash[LADE_HASH_LEN];
};

/* All that was said. */
struct lade_trust {
	uint8_t repository[LADE_REPOSITORY_ID_LEN], root[LADE_SIGN_PUBLIC_LEN];
	struct lade_features features;
	uint32_t count;                      /* statements */
	uint8_t last[LADE_HASH_LEN];         /* SHA-256 of the last one, or of `format` */
	uint32_t epoch;                      /* the newest; 0: none */
	uint8_t (*epochs)[32];               /* public keys: of epoch 1 first; epoch of epochs_room */
	size_t epochs_room;
	struct lade_party *parties;          /* party_count of party_room */
	size_t party_count, party_room;
};

/* Start with what `format`, of which object is the object of len bytes, says. Returns 0 or LADE_E_MEMORY. */
int lade_trust_init(struct lade_trust *trust, const struct lade_format *format, const uint8_t *object, size_t len);

/* Free what it has. */
void lade_trust_fini(struct lade_trust *trust);

/*
 * Hear the next statement: the object of len bytes whose number is trust->count + 1. Returns 0; LADE_E_CHANGED: it is not, or is not by the root, or makes no sense after what was
 * said before; LADE_E_VERSION, LADE_E_MEMORY. Nothing is different after a failure.
 */
int lade_trust_hear(struct lade_trust *trust, const uint8_t *object, size_t len);

/* Append the next statement to an empty writer. trust has not heard it then. Returns 0, LADE_E_MEMORY or LADE_E_USAGE (a label that is none). */
int lade_trust_say(struct lade_writer *writer, const struct lade_trust *trust, const struct lade_statement *statement,
		   const uint8_t root_seed[LADE_SIGN_SEED_LEN]);

/* The id of a writer or manager. Returns 0 or LADE_E_MEMORY. */
int lade_party_id(const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], uint8_t id_out[LADE_PARTY_ID_LEN]);

/* A writer or manager by his id; NULL: nobody. Borrowed until the next statement is heard. */
const struct lade_party *lade_trust_find(const struct lade_trust *trust, const uint8_t id[LADE_PARTY_ID_LEN]);

/* The public key of an epoch; NULL: there is none of that number. */
const uint8_t *lade_trust_epoch(const struct lade_trust *trust, uint32_t epoch);

#endif
