/*
 * Fuzz target of chunker/delta. The first byte tells which: the rest is a patch, to be
 * applied; or an old and a new range, and the patch between them must restore the new one; or
 * a signature from a rude peer, of which a well-formed patch must be made.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chunker/delta.h"

#define HEADER_LEN 4u
#define OLD_MAX 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lade_block_key *fixed_key(void)
{
	static const struct lade_run_key run_key = { 0 };
	static struct lade_block_key key;

	if (key.scale == 0)
		lade_block_key_derive(&key, &run_key);
	return &key;
}

/* A heap copy of exactly len bytes, or with NULL so many zeros. */
static struct lade_slice exact(const uint8_t *data, size_t len)
{
	uint8_t *copy = calloc(1, len ? len : 1);

	if (!copy)
		abort();
	if (data && len > 0)
		memcpy(copy, data, len);
	return lade_slice(copy, len);
}

static int apply(struct lade_slice patch, struct lade_slice old, uint32_t block_len, struct lade_slice fresh)
{
	return lade_patch_apply(patch, old, block_len, (uint8_t *)fresh.data, fresh.len);
}

static void try_patch(struct lade_slice patch, uint32_t block_len, size_t old_len, size_t fresh_len)
{
	struct lade_slice old = exact(NULL, old_len), fresh = exact(NULL, fresh_len);

	(void)apply(patch, old, block_len, fresh);
	free((void *)old.data);
	free((void *)fresh.data);
}

/* Make the patch for a signature and apply it to old; the caller frees what comes out. */
static struct lade_slice make_and_apply(const struct lade_signature *signature, struct lade_slice old,
					struct lade_slice fresh)
{
	struct lade_slice result = exact(NULL, fresh.len);
	struct lade_writer writer;

	lade_writer_init(&writer, fresh.len + 32);
	if (lade_patch_make(fixed_key(), signature, fresh, &writer) ||
	    apply(lade_slice(writer.data, writer.len), old, signature->block_len, result))
		abort();
	lade_writer_fini(&writer);
	return result;
}

static void try_ranges(struct lade_slice old_bytes, uint32_t block_len, struct lade_slice fresh_bytes)
{
	struct lade_slice old = exact(old_bytes.data, old_bytes.len);
	struct lade_slice fresh = exact(fresh_bytes.data, fresh_bytes.len), result;
	struct lade_slice digests = exact(NULL, (size_t)lade_signature_count(old.len, block_len) *
					  LADE_BLOCK_DIGEST_LEN);
	struct lade_signature signature = { old.len, block_len, digests };

	lade_signature_make(fixed_key(), old, block_len, (uint8_t *)digests.data);
	result = make_and_apply(&signature, old, fresh);
	if (memcmp(result.data, fresh.data, fresh.len) != 0)
		abort();
	free((void *)old.data);
	free((void *)fresh.data);
	free((void *)digests.data);
	free((void *)result.data);
}

/* rest is the digests, as many as there are to be, and the new range, in which some of them are at home. */
static void try_signature(struct lade_slice rest, uint32_t block_len, size_t old_len)
{
	size_t digests_len = (size_t)lade_signature_count(old_len, block_len) * LADE_BLOCK_DIGEST_LEN;
	struct lade_slice old, fresh, digests;
	struct lade_signature signature = { .old_len = old_len, .block_len = block_len };

	if (rest.len < digests_len)
		return;
	old = exact(NULL, old_len);
	digests = exact(rest.data, digests_len);
	fresh = exact(rest.data + digests_len, rest.len - digests_len);
	for (size_t at = 0; at + 2 * LADE_BLOCK_DIGEST_LEN <= digests_len && fresh.len >= block_len;
	     at += 2 * LADE_BLOCK_DIGEST_LEN)
		lade_block_digest_put((uint8_t *)digests.data + at,
				      lade_block_hash(fixed_key(), fresh.data +
						      digests.data[at] % (fresh.len - block_len + 1),
						      block_len));
	signature.digests = digests;
	free((void *)make_and_apply(&signature, old, fresh).data);
	free((void *)old.data);
	free((void *)digests.data);
	free((void *)fresh.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_slice rest;
	uint32_t block_len;
	size_t part;

	if (size < HEADER_LEN)
		return 0;
	rest = lade_slice(data + HEADER_LEN, size - HEADER_LEN);
	block_len = LADE_BLOCK_MIN + data[1] % 64;
	part = (size_t)(data[2] | data[3] << 8) % OLD_MAX;
	switch (data[0] % 3) {
	case 0: /* the high bits say how long the new range is, that all lengths may come */
		try_patch(rest, block_len, part, (size_t)(data[0] / 3) * 8 + data[1] / 64);
		break;
	case 1:
		part = part < rest.len ? part : rest.len;
		try_ranges(lade_slice(rest.data, part), block_len,
			   lade_slice(rest.data + part, rest.len - part));
		break;
	default:
		try_signature(rest, block_len, part);
		break;
	}
	return 0;
}
