/*
 * Compressing payloads on their way out. What does not shrink by a sixteenth travels as it is.
 */
#include "agent/sync/sender_feed.h"

#include <stdlib.h>
#include <string.h>

#include "transport/frame.h"

/* What is shorter does not shrink enough to be worth it. */
#define PACKED_LEAST 128u

/* Bytes that a payload of raw_len may have when it is packed. */
static size_t worth(size_t raw_len)
{
	return raw_len - raw_len / 16;
}

/* Have what packing needs. */
static int prepare(struct feeder *feeder, struct lade_fault *fault)
{
	if (!feeder->packed)
		feeder->packed = malloc(LADE_RUN_DEFAULT);
	if (!feeder->packed || (!feeder->codec && lade_codec_new(&feeder->codec)))
		return lade_fault_set(fault, LADE_E_MEMORY, "compress", NULL);
	return 0;
}

/* Something was packed to len bytes, or could not be, as error says. */
static int packed(struct feeder *feeder, int error, size_t len, struct lade_slice *packed_out, struct lade_fault *fault)
{
	if (error && error != LADE_E_LIMIT)
		return lade_fault_set(fault, error, "compress", NULL);
	lade_effort_shrank(&feeder->effort, !error);
	if (!error)
		*packed_out = lade_slice(feeder->packed, len);
	return 0;
}

int lade_feed_pack(struct feeder *feeder, int level, struct lade_slice raw, struct lade_slice *packed_out,
		   struct lade_fault *fault)
{
	size_t len = 0;
	int error;

	*packed_out = lade_slice(NULL, 0);
	if (!level || raw.len < PACKED_LEAST)
		return 0;
	if (prepare(feeder, fault))
		return fault->code;
	error = lade_codec_compress(feeder->codec, level, raw, feeder->packed, worth(raw.len), &len);
	return packed(feeder, error, len, packed_out, fault);
}

int lade_feed_pack_run(struct feeder *feeder, int level, const struct lade_msg_run *run, uint64_t size,
		       struct lade_slice raw, struct lade_slice *packed_out, uint32_t *codec_out, struct lade_fault *fault)
{
	const struct lade_codec_stream stream = { level, run->slot != feeder->packed_slot, size };
	size_t len = 0;
	bool begins;
	int error;

	*codec_out = LADE_CODEC_ZSTD;
	if (level < LADE_CODEC_LEVEL_FAR || raw.len < PACKED_LEAST)
		return lade_feed_pack(feeder, level, raw, packed_out, fault);
	*packed_out = lade_slice(NULL, 0);
	if (prepare(feeder, fault))
		return fault->code;
	error = lade_codec_continue(feeder->codec, &stream, raw, feeder->packed, worth(raw.len), &len, &begins);
	feeder->packed_slot = run->slot;
	*codec_out = begins ? LADE_CODEC_ZSTD_BEGIN : LADE_CODEC_ZSTD_GO_ON;
	return packed(feeder, error, len, packed_out, fault);
}

void lade_feed_say_packed(struct feeder *feeder, uint32_t codec, size_t raw_len)
{
	const struct lade_msg_packed said = { .codec = codec, .len = (uint32_t)raw_len };

	lade_put_packed(&feeder->control, &said); /* [packed] */
}
