/*
 * A sender of one described file, made by hand: says its recipe piece by piece as PROTOCOL.md has it,
 * and answers what is asked for. Tests leave out, repeat and falsify what they like.
 */
#ifndef LADE_TESTS_FAULT_DESCRIBER_H
#define LADE_TESTS_FAULT_DESCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunker/cut.h"
#include "tests/fault/peer.h"

struct describer {
	struct peer *peer;
	uint32_t slot;
	unsigned cut_class;
	const uint8_t *data; /* the new content, which is the caller's */
	uint64_t size;
	uint64_t off;        /* so much of it was said */
	bool acknowledged;   /* heard */
	size_t unpaid;       /* bytes of recipes for which no credit came back: right with one file that is heard of all the time */
	struct lade_cut cut;
};

/* Begin the file that is wanted, whose new content is data. */
void describer_begin(struct describer *describer, struct peer *peer, const struct lade_msg_want_recipe *want,
		     const uint8_t *data, uint64_t size);

/* Hear the WANT_RECIPE of entry index, whose new content is data. Fails the test if it does not come. */
void describer_init(struct describer *describer, struct peer *peer, uint64_t index, const uint8_t *data, uint64_t size);

/*
 * [recipe] Put the next piece: chunks of the content until it has least_len bytes or the content ends. Nothing is put at the
 * end of the content.
 */
void describer_put_piece(struct describer *describer, uint32_t least_len);

/* [recipe] Put any piece; data: what its digest is of; chunks: the list as it is. */
void describer_put_bare(struct describer *describer, uint64_t off, uint32_t len, const uint8_t *data,
			struct lade_slice chunks);

/* All pieces that are left, of about piece_len bytes, and FILE_END. Said. */
void describer_say_rest(struct describer *describer, uint32_t piece_len);

/* [patch] Put the answer to want: the content, as one literal. */
void describer_put_patch(struct describer *describer, const struct lade_msg_want_gap *want);

/* Act on a message heard: answer WANT_GAP (with a patch that is made as it should be) and WANT_RUN, note the rest. */
void describer_hear(struct describer *describer, const struct lade_message *message);

/* Hear and answer until each of these files is acknowledged. False if the other side has hung up before. */
bool describer_serve(struct describer *describers, size_t count);

#endif
