/*
 * [trust] From hash to hash, from the last good snapshot down.
 *
 * Whoever has the key can sign snapshots of low numbers as well as of high ones, and a store can withhold any. So a snapshot that is missing ends the chain, but for one of which a manager says that it was removed, and
 * which one was before it.
 */
#include "agent/store/revoked_chain.h"

#include <stdlib.h>
#include <string.h>

/* The next one of the chain. */
struct link {
	uint64_t number; /* 0: there is none */
	uint8_t hash[LADE_HASH_LEN];
};

static int compare(const void *a, const void *b)
{
	const struct lade_revoked_snapshot *x = a, *y = b;

	if (x->number != y->number)
		return x->number > y->number ? -1 : 1;
	return memcmp(x->hash, y->hash, LADE_HASH_LEN);
}

int lade_revoked_weigh(const struct lade_party *writer, struct lade_revoked_snapshot *snapshots, size_t count, lade_revoked_removed *removed, void *context)
{
	struct link link = { .number = writer->last_number };

	memcpy(link.hash, writer->last_hash, sizeof(link.hash));
	for (size_t i = 0; i < count; i++)
		snapshots[i].good = false;
	if (count)
		qsort(snapshots, count, sizeof(*snapshots), compare);
	for (size_t i = 0; i < count; i++) {
		struct lade_revoked_snapshot *snapshot = &snapshots[i];

		/* Down through what was removed. */
		while (link.number > snapshot->number) {
			uint8_t before[LADE_HASH_LEN];
			const int result = removed(context, writer, link.number, link.hash, before);

			if (result < 0)
				return result;
			link.number = result ? link.number - 1 : 0;
			if (result)
				memcpy(link.hash, before, sizeof(link.hash));
		}
		if (snapshot->number != link.number || memcmp(snapshot->hash, link.hash, sizeof(link.hash)) != 0)
			continue;
		snapshot->good = true;
		/* The same one may be there twice: what was published is in its session, too, for a while. */
		while (i + 1 < count && snapshots[i + 1].number == link.number && memcmp(snapshots[i + 1].hash, link.hash, sizeof(link.hash)) == 0)
			snapshots[++i].good = true;
		link.number--;
		memcpy(link.hash, snapshot->before, sizeof(link.hash));
	}
	return 0;
}
