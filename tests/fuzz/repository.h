/*
 * What the parts of fuzz_repository share: keys, and objects that are made good but for what the input says, so that what lies behind a header, a
 * signature or a seal is reached.
 */
#ifndef LADE_TESTS_FUZZ_REPOSITORY_H
#define LADE_TESTS_FUZZ_REPOSITORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/format.h"
#include "agent/store/pack.h"
#include "protocol/bytes.h"

#define FUZZ_EPOCH 3u

/* The bytes of an input behind the first one, and what that one says of them. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
	bool helped;           /* what would be refused at once is made good */
	enum lade_suite suite; /* what sealed things are sealed with then */
};

/* Keys of a repository; all are the same each time. */
struct fuzz_keys {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t root_seed[32], root[32];     /* who signs all that the root does not sign is the same */
	uint8_t party[LADE_PARTY_ID_LEN];
	uint8_t read_secret[32], read_public[32], index_secret[32];
};

/* Made by the first call. */
const struct fuzz_keys *fuzz_keys(void);

/* What packs are opened with, of that suite. */
struct lade_pack_keys fuzz_pack_keys(enum lade_suite suite);

/* Stops the program if it is not so. */
void fuzz_must(bool is_so);

/* Append the next len bytes of the input to an object, or so many zeros as are missing. */
void fuzz_take(struct lade_writer *object, struct fuzz_input *input, size_t len);

/* A copy of the input as an object, which the caller frees; helped: with that header, and signed with these words, so far as it has room for that. */
uint8_t *fuzz_object(const struct fuzz_input *input, enum lade_object_kind kind, const char *words);

/* Objects with a secret: each reads one, and looks at what comes out. */
void fuzz_snapshot(struct fuzz_input *input);

/* A note. */
void fuzz_note(struct fuzz_input *input);

/* The header of a pack, a chunk, its end and its trailer. */
void fuzz_pack(struct fuzz_input *input);

/* A table. */
void fuzz_table(struct fuzz_input *input);

#endif
