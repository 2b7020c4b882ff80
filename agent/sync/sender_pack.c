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

int lade_feed_pack(struct feeder *feeder, int level, struct lade_slice raw, struct lade_slice *packed_out,
		   struct lade_fault *fault)
{
	size_t len;
	int error;

	*packed_out = lade_slice(NULL, 0);
	if (!level || raw.len < PACKED_LEAST)
		return 0;
	if (!feeder->packed)
		feeder->packed = malloc(LADE_RUN_DEFAULT);
	if (!feeder->packed || (!feeder->codec && lade_codec_new(&feeder->codec)))
		return lade_fault_set(fault, LADE_E_MEMORY, "compress", NULL);
	error = lade_codec_compress(feeder->codec, level, raw, feeder->packed, worth(raw.len), &len);
	if (error && error != LADE_E_LIMIT)
		return lade_fault_set(fault, error, "compress", NULL);
	lade_effort_shrank(&feeder->effort, !error);
	if (!error)
		*packed_out = lade_slice(feeder->packed, len);
	return 0;
}

void lade_feed_say_packed(struct feeder *feeder, size_t raw_len)
{
	const struct lade_msg_packed packed = { .codec = LADE_CODEC_ZSTD, .len = (uint32_t)raw_len };

	lade_put_packed(&feeder->control, &packed); /* [packed] */
}
