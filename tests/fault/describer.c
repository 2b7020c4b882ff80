/*
 * The hand-made describing sender. It cuts the whole content from its beginning, as there are no
 * holes, and looks for blocks with the signature as a real one does.
 */
#include "tests/fault/describer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "chunker/delta.h"
#include "protocol/recipe.h"

void describer_begin(struct describer *describer, struct peer *peer, const struct lade_msg_want_recipe *want,
		     const uint8_t *data, uint64_t size)
{
	*describer = (struct describer){
		.peer = peer, .slot = want->slot, .cut_class = want->cut_class, .data = data, .size = size,
	};
	lade_cut_init(&describer->cut, &peer->key, describer->cut_class);
}

void describer_init(struct describer *describer, struct peer *peer, uint64_t index, const uint8_t *data, uint64_t size)
{
	struct lade_message message;

	do {
		if (!peer_hear_type(peer, LADE_MSG_WANT_RECIPE, &message))
			fail_msg("the recipe of entry %u is not asked for", (unsigned)index);
	} while (message.want_recipe.index != index);
	describer_begin(describer, peer, &message.want_recipe, data, size);
}

void describer_put_bare(struct describer *describer, uint64_t off, uint32_t len, const uint8_t *data,
			struct lade_slice chunks)
{
	struct lade_msg_recipe recipe = { .slot = describer->slot, .off = off, .len = len, .chunks = chunks };
	size_t before = describer->peer->out.len;

	lade_digest(&describer->peer->key, data, len, recipe.digest);
	lade_put_recipe(&describer->peer->out, &recipe);
	describer->unpaid += describer->peer->out.len - before;
	if (describer->peer->out.len > LADE_CONTROL_MAX / 2)
		peer_say(describer->peer);
}

void describer_put_piece(struct describer *describer, uint32_t least_len)
{
	const uint8_t *piece = describer->data + describer->off;
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_writer chunks;
	uint32_t len = 0;

	lade_writer_init(&chunks, LADE_RECIPE_MAX);
	while (len < least_len && describer->off + len < describer->size) {
		struct lade_recipe_chunk chunk;

		chunk.len = (uint32_t)lade_cut_next(&describer->cut, piece + len, describer->size - describer->off - len);
		lade_digest(&describer->peer->key, piece + len, chunk.len, digest);
		chunk.name = lade_chunk_name(digest);
		lade_recipe_put(&chunks, &chunk);
		len += chunk.len;
	}
	assert_int_equal(chunks.error, 0);
	if (len)
		describer_put_bare(describer, describer->off, len, piece, lade_slice(chunks.data, chunks.len));
	describer->off += len;
	lade_writer_fini(&chunks);
}

void describer_say_rest(struct describer *describer, uint32_t piece_len)
{
	while (describer->off < describer->size)
		describer_put_piece(describer, piece_len);
	peer_put_file_end(describer->peer, describer->slot, false, describer->size, 1);
	peer_say(describer->peer);
}

void describer_put_patch(struct describer *describer, const struct lade_msg_want_gap *want)
{
	struct lade_msg_patch patch = { .slot = describer->slot, .off = want->off, .len = want->len };
	struct lade_writer ops;

	lade_writer_init(&ops, LADE_PATCH_MAX);
	lade_writer_put_varint(&ops, (uint64_t)want->len * 2);
	lade_writer_put_bytes(&ops, describer->data + want->off, want->len);
	patch.ops = lade_slice(ops.data, ops.len);
	lade_put_patch(&describer->peer->out, &patch);
	lade_writer_fini(&ops);
}

static void put_made_patch(struct describer *describer, const struct lade_msg_want_gap *want)
{
	struct lade_msg_patch patch = { .slot = describer->slot, .off = want->off, .len = want->len };
	const struct lade_signature signature = { want->old_len, want->block_len, want->signature };
	struct lade_block_key key;
	struct lade_writer ops;

	lade_writer_init(&ops, LADE_PATCH_MAX);
	lade_block_key_derive(&key, &describer->peer->key);
	assert_int_equal(lade_patch_make(&key, &signature, lade_slice(describer->data + want->off, want->len), &ops), 0);
	patch.ops = lade_slice(ops.data, ops.len);
	lade_put_patch(&describer->peer->out, &patch);
	lade_writer_fini(&ops);
}

void describer_hear(struct describer *describer, const struct lade_message *message)
{
	/* What begins with its slot. */
	switch (message->type) {
	case LADE_MSG_WANT_GAP:
		assert_true(message->want_gap.off + message->want_gap.len <= describer->off);
		put_made_patch(describer, &message->want_gap);
		peer_say(describer->peer);
		break;
	case LADE_MSG_WANT_RUN:
		peer_say_run(describer->peer, describer->slot, message->want_run.off,
			     describer->data + message->want_run.off, message->want_run.len, false);
		break;
	case LADE_MSG_RECIPE_CREDIT:
		describer->unpaid -= message->recipe_credit.bytes;
		break;
	case LADE_MSG_ACK:
		describer->acknowledged = true;
		break;
	default:
		break;
	}
}

static bool is_about_slot(enum lade_message_type type)
{
	return type == LADE_MSG_WANT_GAP || type == LADE_MSG_WANT_RUN || type == LADE_MSG_ACK;
}

bool describer_serve(struct describer *describers, size_t count)
{
	struct lade_message message;
	size_t open = 0;

	for (size_t i = 0; i < count; i++)
		open += !describers[i].acknowledged;
	while (open) {
		if (peer_hear(describers->peer, &message) != PEER_MESSAGE)
			return false;
		for (size_t i = 0; i < count && is_about_slot(message.type); i++) {
			if (describers[i].slot != message.want_run.slot || describers[i].acknowledged)
				continue;
			describer_hear(&describers[i], &message);
			open -= message.type == LADE_MSG_ACK;
			break;
		}
	}
	return true;
}
