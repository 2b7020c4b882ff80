/*
 * The object `format`: what kind of repository it is. agent/store/FORMAT.md [format].
 */
#ifndef LADE_AGENT_STORE_FORMAT_H
#define LADE_AGENT_STORE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/object.h"
#include "chunker/strict_cut.h"

#define LADE_FORMAT_LEN 208u

/* What one has to know to read, to write, to collect: bits. */
struct lade_features {
	uint64_t read, write, gc;
};

/* How chunk ids are made; the values are those of the object. */
enum lade_id_hash {
	LADE_ID_HMAC_SHA256 = 1, /* fast where the processor has instructions for it */
	LADE_ID_BLAKE2B = 2,
};

struct lade_format {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	struct lade_features features;
	bool encrypted;
	enum lade_id_hash id_hash;
	struct lade_strict_cut_lengths content, entries; /* of chunks of files; of directories and lists */
	uint8_t root[LADE_SIGN_PUBLIC_LEN];
	uint8_t plain_key[LADE_SEAL_KEY_LEN]; /* of ids and cut points where nothing is encrypted, else zeros */
};

/* What `init` takes: random repository and plain_key, all else as FORMAT.md has it; root and encrypted are the caller's. */
void lade_format_make(struct lade_format *format_out, bool encrypted, const uint8_t root[LADE_SIGN_PUBLIC_LEN]);

/* Append the object, signed with the root's seed. Returns 0 or LADE_E_MEMORY. */
int lade_format_put(struct lade_writer *writer, const struct lade_format *format, const uint8_t root_seed[LADE_SIGN_SEED_LEN]);

/*
 * Get it from the len bytes of the object, and verify that its own root key has signed it: whether that is the one that is meant is the caller's
 * business. Returns 0, LADE_E_CHANGED, LADE_E_VERSION, LADE_E_MEMORY.
 */
int lade_format_get(const uint8_t *object, size_t len, struct lade_format *format_out);

#endif
