/*
 * Packs: agent/store/FORMAT.md [pack]. One is sealed chunk by chunk while it goes to the store; another one is opened with the keys for it.
 */
#ifndef LADE_AGENT_STORE_PACK_H
#define LADE_AGENT_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object.h"
#include "agent/store/sealed_secret.h"
#include "agent/store/store.h"

#define LADE_PACK_LEN 67108864u
#define LADE_PACK_CHUNKS_MAX 1048576u
#define LADE_PACKS_MAX (1u << 24) /* how many of them an object may name */
#define LADE_PACK_HEADER_LEN 160u
#define LADE_PACK_END_LEN (48u + LADE_SEAL_TAG_LEN)
#define LADE_PACK_ROW_LEN 41u
#define LADE_PACK_NAME_SIZE (sizeof("packs/xx/") + 2 * LADE_HASH_LEN)
#define LADE_CHUNK_ID_LEN 32u
#define LADE_PACK_CHUNK_DATA_LEN (LADE_REPOSITORY_ID_LEN + 5u + 1u + LADE_CHUNK_ID_LEN)

/* Where in a header the secret is. */
#define LADE_PACK_SECRET_OFF 48u

/* What a chunk is a part of. */
enum lade_chunk_kind {
	LADE_CHUNK_CONTENT = 1, /* of a file, or of extended attributes that are a stream */
	LADE_CHUNK_ENTRIES = 2, /* of a directory */
	LADE_CHUNK_RECIPE = 3,  /* of a list of chunks */
};

/* A chunk in a pack. */
struct lade_pack_row {
	uint8_t id[LADE_CHUNK_ID_LEN];
	enum lade_chunk_kind kind;
	uint32_t off;        /* in the pack; not in the trailer, where rows follow each other */
	uint32_t sealed_len; /* len + LADE_SEAL_TAG_LEN: as it is; shorter: a zstd frame */
	uint32_t len;
};

/* Whose packs, and for whom. */
struct lade_pack_setup {
	enum lade_suite suite;
	uint32_t epoch;
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t writer[LADE_PARTY_ID_LEN];
	uint8_t epoch_public[32];                 /* X25519; of no matter in a plain repository */
	uint8_t index_secret[LADE_SEAL_KEY_LEN];
};

/* ---- writing ---- */

/* A pack that is being put into a store; for one thread at a time. */
struct lade_pack;

/* Begin one. setup is copied. Returns 0, LADE_E_MEMORY or what the store says. It ends by lade_pack_finish() or lade_pack_abandon(). */
int lade_pack_begin(struct lade_store *store, const struct lade_pack_setup *setup, struct lade_pack **pack_out, struct lade_fault *fault);

/* True if a chunk whose bytes, as they are to be sealed, are stored_len still fits. */
bool lade_pack_fits(const struct lade_pack *pack, size_t stored_len);

/*
 * Seal a chunk and append it; it fits. stored: its bytes, or, shorter than len, the zstd frame of them. row_out gets where it is. Returns 0, LADE_E_MEMORY or what the store
 * says; the pack can only be abandoned then.
 */
int lade_pack_add(struct lade_pack *pack, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, struct lade_slice stored, size_t len,
		  struct lade_pack_row *row_out, struct lade_fault *fault);

/* How many chunks it has, and bytes of them. */
uint32_t lade_pack_count(const struct lade_pack *pack);

/*
 * Pad it (whole: to LADE_PACK_LEN, else by PADME), append trailer and end, and have it stored. name_out gets the SHA-256 that it has its name from. Frees pack, failure or not. Returns 0,
 * LADE_E_MEMORY or what the store says.
 */
int lade_pack_finish(struct lade_pack *pack, bool whole, uint8_t name_out[LADE_HASH_LEN], struct lade_fault *fault);

/* Throw it away. NULL does nothing. */
void lade_pack_abandon(struct lade_pack *pack);

/* ---- reading ---- */

/* What packs of an epoch are opened with; what the caller may not have is zeros, and not asked for. */
struct lade_pack_keys {
	bool encrypted;
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t read_public[32], read_secret[32]; /* X25519: for content */
	uint8_t index_secret[LADE_SEAL_KEY_LEN];  /* for the trailer */
};

/* The epoch that a pack's header names. Returns 0; LADE_E_VERSION, or LADE_E_CHANGED: that is no header of a pack of this repository. */
int lade_pack_epoch(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, uint32_t *epoch_out);

/*
 * Open a pack's secret. Returns 0 with what opens its chunks, which the caller frees with lade_seal_free(); LADE_E_CHANGED: it was not sealed for this epoch, or was
 * changed; LADE_E_VERSION, LADE_E_MEMORY.
 */
int lade_pack_open(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, struct lade_seal **chunks_out);

/*
 * Open the sealed chunk of a row: row->sealed_len bytes at sealed, to what was stored, row->sealed_len - LADE_SEAL_TAG_LEN bytes at stored_out: the chunk itself or, if that is
 * shorter than row->len, the zstd frame of it. What it is called is still to be verified. Returns 0, LADE_E_CHANGED, LADE_E_MEMORY.
 */
int lade_pack_open_chunk(struct lade_seal *chunks, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_row *row, const uint8_t *sealed,
			 uint8_t *stored_out);

/* Where a pack's trailer is. */
struct lade_pack_end {
	uint32_t trailer_off, trailer_len, count;
	uint32_t chunks_end;
};

/* Open the end, the last LADE_PACK_END_LEN bytes of a pack of pack_len. Returns 0, LADE_E_CHANGED, LADE_E_MEMORY. */
int lade_pack_open_end(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, const uint8_t sealed[LADE_PACK_END_LEN], uint64_t pack_len,
		       struct lade_pack_end *end_out);

/*
 * Open a trailer of end->trailer_len bytes: end->count rows to *rows_out, in the order of the pack, which the caller frees. Returns 0, LADE_E_CHANGED (rows that cannot be, too),
 * LADE_E_MEMORY.
 */
int lade_pack_open_trailer(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, const struct lade_pack_end *end, const uint8_t *sealed,
			   struct lade_pack_row **rows_out);

/* What is under the index key of a pack, being sealed or opened; for pack*.c. */
struct lade_pack_index_seal {
	struct lade_seal *seal;
	struct lade_seal_context context; /* its data is that below */
	uint8_t data[LADE_REPOSITORY_ID_LEN + 32];
};

/* Prepare it for the words of one thing; seals: to seal it, else to open it. Returns 0 or LADE_E_MEMORY; the caller frees index->seal in any case. */
int lade_pack_index_start(struct lade_pack_index_seal *index, const uint8_t header[LADE_PACK_HEADER_LEN], const uint8_t index_secret[LADE_SEAL_KEY_LEN],
			  const char *words, bool seals);

/* The secret of a pack; for pack*.c. */
extern const struct lade_sealed_secret lade_pack_secret;

/* What a chunk is sealed with beside its place: LADE_PACK_CHUNK_DATA_LEN bytes; for pack*.c. */
void lade_pack_describe_chunk(const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_row *row, uint8_t out[LADE_PACK_CHUNK_DATA_LEN]);

/* "packs/xx/NAME". */
void lade_pack_object_name(const uint8_t name[LADE_HASH_LEN], char out[LADE_PACK_NAME_SIZE]);

#endif
