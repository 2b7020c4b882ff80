/*
 * Signatures and patches. A patch is looked for in three steps: blocks that stand at the
 * beginning as before, blocks that stand at the end as before (both by hashing block after
 * block), and what lies between by rolling. So a range with one edit rolls over a block or two.
 *
 * Everything takes time linear in both ranges, whatever the bytes and the peer's digests
 * are: a match is jumped over, and a question to the index takes a bounded time.
 */
#include "chunker/delta.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "chunker/block_index.h"
#include "protocol/error.h"

#define BLOCK_LEN_STEP 32u
/* Old bytes for each byte of digests, at least. */
#define SIGNATURE_SHARE 64u

enum op_kind {
	OP_LITERAL = 0,
	OP_COPY = 1,
};

/* A patch in the making. */
struct maker {
	const struct lade_block_key *key;
	const struct lade_signature *signature;
	struct lade_slice fresh;
	struct lade_writer *out;
	uint32_t count;      /* blocks */
	uint32_t full_count; /* those that are not shorter */
	size_t done;         /* bytes of fresh that were put, those of the run too */
	uint32_t run_first;  /* the run: a copy that is not yet put since it may become longer */
	uint32_t run_count;
};

uint32_t lade_block_len(uint64_t old_len)
{
	uint64_t block_len = LADE_BLOCK_DIGEST_LEN * SIGNATURE_SHARE;
	uint64_t middle = block_len + BLOCK_LEN_STEP / 2;

	if (old_len > (uint64_t)LADE_BLOCK_MAX * LADE_BLOCK_MAX)
		return LADE_BLOCK_MAX;
	/* The next length is nearer if sqrt(24 / 5 * old_len) lies above the middle between the two. */
	while (block_len < LADE_BLOCK_MAX && middle * middle * 5 < old_len * 24) {
		block_len += BLOCK_LEN_STEP;
		middle += BLOCK_LEN_STEP;
	}
	return (uint32_t)block_len;
}

uint64_t lade_signature_count(uint64_t old_len, uint32_t block_len)
{
	return old_len / block_len + (old_len % block_len > 0);
}

/* The bytes of a block: block_len, or fewer for the last one. */
static uint32_t len_of_block(uint64_t old_len, uint32_t block_len, uint64_t block)
{
	uint64_t left = old_len - block * block_len;

	return left < block_len ? (uint32_t)left : block_len;
}

void lade_signature_make(const struct lade_block_key *key, struct lade_slice old, uint32_t block_len,
			 uint8_t *out)
{
	uint64_t count = lade_signature_count(old.len, block_len);

	for (uint64_t block = 0; block < count; block++) {
		uint32_t len = len_of_block(old.len, block_len, block);

		lade_block_digest_put(out + block * LADE_BLOCK_DIGEST_LEN,
				      lade_block_hash(key, old.data + block * block_len, len));
	}
}

static uint64_t digest_of(const struct maker *maker, uint32_t block)
{
	return lade_block_digest_get(maker->signature->digests.data +
				     (size_t)block * LADE_BLOCK_DIGEST_LEN);
}

static uint32_t len_of(const struct maker *maker, uint32_t block)
{
	return len_of_block(maker->signature->old_len, maker->signature->block_len, block);
}

/* True if there is such a block, and it stands at off of fresh and ends at end or before. */
static bool stands_at(const struct maker *maker, uint32_t block, size_t off, size_t end)
{
	uint32_t len;

	if (block >= maker->count)
		return false;
	len = len_of(maker, block);
	return len <= end - off &&
	       lade_block_hash(maker->key, maker->fresh.data + off, len) == digest_of(maker, block);
}

static void put_run(struct maker *maker)
{
	if (maker->run_count == 0)
		return;
	lade_writer_put_varint(maker->out, (uint64_t)maker->run_count * 2 + OP_COPY);
	lade_writer_put_varint(maker->out, maker->run_first);
	maker->run_count = 0;
}

/* Put what comes before off. */
static void put_literal(struct maker *maker, size_t off)
{
	size_t len = off - maker->done;

	if (len == 0)
		return;
	put_run(maker);
	lade_writer_put_varint(maker->out, (uint64_t)len * 2 + OP_LITERAL);
	lade_writer_put_bytes(maker->out, maker->fresh.data + maker->done, len);
	maker->done = off;
}

/* Put a block that stands at off of fresh. */
static void put_block(struct maker *maker, uint32_t block, size_t off)
{
	put_literal(maker, off);
	if (maker->run_count == 0 || block != maker->run_first + maker->run_count) {
		put_run(maker);
		maker->run_first = block;
	}
	maker->run_count++;
	maker->done = off + len_of(maker, block);
}

/* The block with this digest, next if it is one of several; or LADE_BLOCK_NONE. */
static uint32_t find(const struct maker *maker, const struct lade_block_index *index, uint64_t digest,
		     uint32_t next)
{
	if (!lade_block_index_may_have(index, digest))
		return LADE_BLOCK_NONE;
	if (next < maker->full_count && digest_of(maker, next) == digest)
		return next;
	return lade_block_index_find(index, digest);
}

/*
 * Roll from *off_io to the first place where a full block stands, last at most. Returns
 * the block and its place, or LADE_BLOCK_NONE. next is preferred to others with its digest.
 */
static uint32_t roll(const struct maker *maker, const struct lade_block_index *index,
		     struct lade_block_roller *roller, uint32_t next, size_t *off_io, size_t last)
{
	const uint8_t *oldest = maker->fresh.data, *newest = oldest + roller->window_len;
	uint32_t block;
	size_t off = *off_io;

	lade_block_roller_start(roller, oldest + off);
	while ((block = find(maker, index, lade_block_roller_digest(roller), next)) == LADE_BLOCK_NONE) {
		if (off == last)
			break;
		lade_block_roller_step(roller, oldest[off], newest[off]);
		off++;
	}
	*off_io = off;
	return block;
}

/* Find blocks, anywhere between maker->done and end; next is the one that would follow. */
static int search(struct maker *maker, size_t end, uint32_t next)
{
	uint32_t block_len = maker->signature->block_len, block;
	struct lade_block_roller roller;
	struct lade_block_index index;
	size_t off = maker->done;
	int error;

	if (maker->full_count == 0 || end - off < block_len)
		return 0;
	error = lade_block_index_init(&index, maker->signature->digests.data, maker->full_count);
	if (error)
		return error;
	lade_block_roller_init(&roller, maker->key, block_len);
	while (end - off >= block_len) {
		block = roll(maker, &index, &roller, next, &off, end - block_len);
		if (block == LADE_BLOCK_NONE)
			break;
		put_block(maker, block, off);
		next = block + 1;
		/* The short block is not in the index, it is only found behind the one before it. */
		if (next == maker->full_count && stands_at(maker, next, maker->done, end))
			put_block(maker, next, maker->done);
		off = maker->done;
	}
	lade_block_index_fini(&index);
	return 0;
}

/* True if a signature is one that lade_signature_make() could have made. */
static bool is_valid(const struct lade_signature *signature)
{
	uint64_t count;

	if (signature->block_len < LADE_BLOCK_MIN || signature->block_len > LADE_BLOCK_MAX)
		return false;
	count = lade_signature_count(signature->old_len, signature->block_len);
	return count <= LADE_SIGNATURE_COUNT_MAX &&
	       signature->digests.len == count * LADE_BLOCK_DIGEST_LEN;
}

int lade_patch_make(const struct lade_block_key *key, const struct lade_signature *signature,
		    struct lade_slice fresh, struct lade_writer *out)
{
	struct maker maker = { .key = key, .signature = signature, .fresh = fresh, .out = out };
	uint32_t first = 0, last;
	size_t end = fresh.len;
	int error;

	if (!is_valid(signature))
		return LADE_E_PROTOCOL;
	maker.count = (uint32_t)lade_signature_count(signature->old_len, signature->block_len);
	maker.full_count = (uint32_t)(signature->old_len / signature->block_len);
	for (; stands_at(&maker, first, maker.done, fresh.len); first++)
		put_block(&maker, first, maker.done);
	for (last = maker.count; last > 0; last--) {
		uint32_t len = len_of(&maker, last - 1);

		if (len > end - maker.done || !stands_at(&maker, last - 1, end - len, end))
			break;
		end -= len;
	}
	error = search(&maker, end, first);
	if (error)
		return error;
	for (; last < maker.count; last++) {
		put_block(&maker, last, end);
		end = maker.done;
	}
	put_literal(&maker, fresh.len);
	put_run(&maker);
	return out->error;
}

/* Get the old bytes of a copy of count blocks; none if there are no such blocks. */
static struct lade_slice get_copy(struct lade_reader *reader, uint64_t count, struct lade_slice old,
				  uint32_t block_len)
{
	uint64_t block_count = lade_signature_count(old.len, block_len);
	uint64_t first = lade_reader_get_varint(reader, UINT64_MAX), end;

	if (count == 0 || count > block_count || first > block_count - count)
		return lade_slice(NULL, 0);
	end = (first + count) * block_len;
	if (end > old.len)
		end = old.len; /* the last block is short */
	return lade_slice(old.data + first * block_len, (size_t)(end - first * block_len));
}

int lade_patch_apply(struct lade_slice patch, struct lade_slice old, uint32_t block_len,
		     uint8_t *fresh, size_t fresh_len)
{
	struct lade_reader reader;
	size_t done = 0;

	assert(block_len > 0);
	lade_reader_init(&reader, patch.data, patch.len);
	while (lade_reader_left(&reader) > 0) {
		uint64_t head = lade_reader_get_varint(&reader, UINT64_MAX), count = head / 2;
		struct lade_slice bytes = { NULL, 0 };

		if (head % 2 == OP_COPY)
			bytes = get_copy(&reader, count, old, block_len);
		else if (count <= fresh_len - done)
			bytes = lade_reader_get_exact(&reader, (size_t)count);
		/* Nothing is what a refused operation gives, and no operation asks for. */
		if (reader.error || bytes.len == 0 || bytes.len > fresh_len - done)
			return LADE_E_PROTOCOL;
		memcpy(fresh + done, bytes.data, bytes.len);
		done += bytes.len;
	}
	return done == fresh_len ? 0 : LADE_E_PROTOCOL;
}
