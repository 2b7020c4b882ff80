/*
 * [pack] [id] Opened, decompressed, named: nothing is handed out before all three are right.
 */
#include "agent/backup/chunk_opener.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk_id.h"
#include "chunker/codec.h"

struct lade_chunk_opener {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	struct lade_chunk_namer *namer;
	struct lade_codec *codec;
};

int lade_chunk_opener_new(const struct lade_repository *repository, struct lade_chunk_opener **opener_out, struct lade_fault *fault)
{
	const uint8_t *key = lade_repository_ids_key(repository);
	struct lade_chunk_opener *opener;
	int error;

	if (!key)
		return lade_fault_set(fault, LADE_E_REFUSED, "find the key of chunks' names", NULL);
	opener = calloc(1, sizeof(*opener));
	error = opener ? lade_chunk_namer_new(repository->format.id_hash, key, &opener->namer) : LADE_E_MEMORY;
	if (!error)
		error = lade_codec_new(&opener->codec);
	if (error) {
		lade_chunk_opener_free(opener);
		return lade_fault_set(fault, error, "open chunks", NULL);
	}
	memcpy(opener->repository, repository->format.repository, sizeof(opener->repository));
	*opener_out = opener;
	return 0;
}

void lade_chunk_opener_free(struct lade_chunk_opener *opener)
{
	if (!opener)
		return;
	lade_chunk_namer_free(opener->namer);
	lade_codec_free(opener->codec);
	free(opener);
}

int lade_chunk_opener_open(struct lade_chunk_opener *opener, const struct lade_chunk_sealed *sealed, struct lade_slice *chunk_out)
{
	const struct lade_pack_row *row = &sealed->row;
	struct lade_slice chunk = { .data = sealed->sealed };
	uint8_t id[LADE_CHUNK_ID_LEN];
	int error;

	if (row->sealed_len <= LADE_SEAL_TAG_LEN || row->len < row->sealed_len - LADE_SEAL_TAG_LEN)
		return LADE_E_CHANGED;
	error = lade_pack_open_chunk(sealed->chunks, opener->repository, row, sealed->sealed, sealed->sealed);
	if (error)
		return error;
	chunk.len = row->sealed_len - LADE_SEAL_TAG_LEN;
	if (chunk.len < row->len) {
		error = lade_codec_decompress(opener->codec, chunk, sealed->room, row->len);
		if (error)
			return error == LADE_E_MEMORY ? error : LADE_E_CHANGED;
		chunk = lade_slice(sealed->room, row->len);
	}
	error = lade_chunk_namer_name(opener->namer, row->kind, chunk, id);
	if (!error && sodium_memcmp(id, row->id, sizeof(id)))
		error = LADE_E_CHANGED;
	if (!error)
		*chunk_out = chunk;
	return error;
}
