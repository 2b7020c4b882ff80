/*
 * Describing a file: a piece of about a run's length is cut into chunks, which are named, and the
 * piece is digested as a whole. Nothing of it is sent.
 */
#include "agent/sync/sender_feed.h"

#include "protocol/recipe.h"

/*
 * Add chunks until the piece is long enough. Returns 0, or an error. A file of one chunk needs no list of them, unless its
 * name is another digest than the piece's.
 */
static int add_chunks(struct feeder *feeder, struct lade_msg_recipe *recipe)
{
	uint64_t size = feeder->large.source->size;
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_recipe_chunk named;
	struct lade_cut_chunk chunk;
	int got = 1;

	lade_writer_reset(&feeder->chunks);

	while (recipe->len < LADE_RUN_DEFAULT && (got = lade_cut_stream_next(&feeder->cuts, &chunk, NULL)) == 1) {
		recipe->len += chunk.len;
		if (chunk.len == size && feeder->session->pieces.kind == LADE_DIGEST_XXH3) {
			lade_digest(&feeder->session->pieces, chunk.data, chunk.len, recipe->digest);
			return 0;
		}
		lade_digest(&feeder->session->names, chunk.data, chunk.len, digest);
		lade_digest_stream_add(feeder->piece, chunk.data, chunk.len);
		named = (struct lade_recipe_chunk){ chunk.len, lade_chunk_name(digest) };
		lade_recipe_put(&feeder->chunks, &named);
	}
	lade_digest_stream_take(feeder->piece, recipe->digest);
	return got < 0 ? got : feeder->chunks.error;
}

int lade_feed_describe(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	struct lade_msg_recipe recipe = { .slot = large->slot, .off = large->off };
	int error = 0;

	if (!feeder->piece)
		error = lade_digest_stream_new(&feeder->session->pieces, &feeder->piece);
	if (!error && !large->cutting)
		error = lade_cut_stream_start(&feeder->cuts, &feeder->session->names, large->source->cut_class, large->fd,
					      large->off, large->extent_end);
	if (error)
		return lade_fault_set(fault, error, "describe", NULL);
	large->cutting = true;
	error = add_chunks(feeder, &recipe);
	if (error == LADE_E_SHRUNK || error == LADE_E_SOURCE)
		return 1;
	if (error)
		return lade_fault_set(fault, error, "describe", NULL);
	recipe.chunks = lade_slice(feeder->chunks.data, feeder->chunks.len);
	lade_feed_keep_piece(feeder, &recipe);
	lade_session_lock(feeder->session);
	error = lade_session_send_recipe(feeder->sender->machine, &recipe, &feeder->control);
	feeder->session->progress.bytes_done += recipe.len;
	lade_session_unlock(feeder->session);
	large->off += recipe.len;
	return error ? lade_fault_set(fault, error, "describe", NULL) : 0;
}
