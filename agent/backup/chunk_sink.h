/*
 * Where the chunks of a backup go: each is named, looked for in the repository, and, if it is not there, compressed, sealed and put into a pack.
 *
 * Several threads put at once, each through a hand of its own. A chunk that two of them put at the same moment is stored once. Several packs are open at
 * a time, and chance decides which one a chunk goes to, so that a pack tells neither the order nor the sizes of the chunks of a file
 * (agent/store/FORMAT.md [pack]).
 */
#ifndef LADE_AGENT_BACKUP_CHUNK_SINK_H
#define LADE_AGENT_BACKUP_CHUNK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/chunk_id.h"
#include "agent/store/pack.h"
#include "agent/store/store.h"

struct lade_chunk_sink;
struct lade_chunk_hand;

/* What it works with. All that is pointed to is borrowed until the sink is freed. */
struct lade_chunk_sink_setup {
	struct lade_store *store;        /* gets the packs; NULL: nothing is stored, all else is done (a dry run) */
	struct lade_pack_setup pack;
	enum lade_id_hash id_hash;
	const uint8_t *ids_secret;       /* LADE_SEAL_KEY_LEN bytes */
	int level;                       /* of zstd, LADE_CODEC_LEVEL_*; 0: nothing is compressed */
	/* True if the chunk is in the repository, in the pack that it says. Any thread; NULL: nothing is. */
	bool (*find)(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN]);
	/* A pack was put, with these chunks. One call at a time, from any thread that puts. What it returns ends the backup if it is not 0. */
	int (*packed)(void *context, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *rows, size_t count, struct lade_fault *fault);
	void *context;                   /* of both */
};

/* What was put so far. */
struct lade_chunk_figures {
	uint64_t chunks_new, bytes_new; /* of which the repository had none; bytes as they were put */
	uint64_t bytes_stored;          /* and sealed */
};

/* Make one. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_chunk_sink_free(), after its hands. */
int lade_chunk_sink_new(const struct lade_chunk_sink_setup *setup, struct lade_chunk_sink **sink_out);

/* Free it, and throw away packs that are not finished. NULL does nothing. */
void lade_chunk_sink_free(struct lade_chunk_sink *sink);

/* A thread's way to put. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_chunk_hand_free(). */
int lade_chunk_hand_new(struct lade_chunk_sink *sink, struct lade_chunk_hand **hand_out);

/* Free it. NULL does nothing. */
void lade_chunk_hand_free(struct lade_chunk_hand *hand);

/* The sink that a hand puts into. */
struct lade_chunk_sink *lade_chunk_hand_sink(const struct lade_chunk_hand *hand);

/*
 * Put a chunk of kind; its bytes are of no more use afterwards. id_out gets what it is called. Returns 0, LADE_E_MEMORY, or what the store or packed() said;
 * nothing can be put any more then.
 */
int lade_chunk_hand_put(struct lade_chunk_hand *hand, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN],
			struct lade_fault *fault);

/*
 * True if the repository has the chunk, or this backup has put it, so that whoever knows its id need not put it. The pack it is in is then needed
 * (lade_chunk_sink_needs()). Any thread.
 */
bool lade_chunk_sink_has(struct lade_chunk_sink *sink, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind);

/* All is put, and no hand is at work: finish the packs. Returns as lade_chunk_hand_put(). */
int lade_chunk_sink_finish(struct lade_chunk_sink *sink, struct lade_fault *fault);

/* What was put so far. Any thread. */
struct lade_chunk_figures lade_chunk_sink_figures(struct lade_chunk_sink *sink);

/*
 * After lade_chunk_sink_finish(): the names of all packs that the backup needs, new ones among them, in order. The caller frees *names_out. Returns 0 or
 * LADE_E_MEMORY.
 */
int lade_chunk_sink_needs(const struct lade_chunk_sink *sink, uint8_t (**names_out)[LADE_HASH_LEN], size_t *count_out);

#endif
