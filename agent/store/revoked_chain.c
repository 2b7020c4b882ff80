/*
 * [trust] From hash to hash, from the last good snapshot down. A number may be there several times, as a writer's key may be used in two places: where the chain does not say which is the one, each of them goes on.
 *
 * Whoever has the key can sign snapshots of low numbers as well as of high ones, and a store can withhold any. So a snapshot that is missing ends the chain, but for one of which a manager says that it was removed: he
 * does not say which one was before it, and so what is there of the next number is good.
 */
#include "agent/store/revoked_chain.h"

#include <stdlib.h>
#include <string.h>

/* What may have the number: snapshots that those from first to end - 1 name as the one before, or, if there are none, the one that the root key names. */
struct link {
	uint64_t number; /* 0: nothing may */
	bool any;        /* whatever has the number */
	size_t first, end;
};

struct weighing {
	const struct lade_party *writer;
	const struct lade_revoked_snapshot *snapshots;
	lade_revoked_removed *removed;
	void *context;
	struct link link;
};

static bool fits(const struct weighing *weighing, const struct lade_revoked_snapshot *snapshot)
{
	const struct link *link = &weighing->link;

	if (snapshot->number != link->number)
		return false;
	if (link->any)
		return true;
	if (link->first == link->end)
		return memcmp(snapshot->hash, weighing->writer->last_hash, LADE_HASH_LEN) == 0;
	for (size_t i = link->first; i < link->end; i++) {
		if (weighing->snapshots[i].good && memcmp(snapshot->hash, weighing->snapshots[i].before, LADE_HASH_LEN) == 0)
			return true;
	}
	return false;
}

/* 1: what has the number of the link, or one of those that may have it, was removed by a manager. */
static int was_removed(const struct weighing *weighing)
{
	const struct link *link = &weighing->link;
	int result = 0;

	if (link->any)
		return weighing->removed(weighing->context, weighing->writer, link->number, NULL);
	if (link->first == link->end)
		return weighing->removed(weighing->context, weighing->writer, link->number, weighing->writer->last_hash);
	for (size_t i = link->first; i < link->end && !result; i++) {
		if (weighing->snapshots[i].good)
			result = weighing->removed(weighing->context, weighing->writer, link->number, weighing->snapshots[i].before);
	}
	return result;
}

/* Go down to a number through what was removed. */
static int descend(struct weighing *weighing, uint64_t number)
{
	struct link *link = &weighing->link;

	while (link->number > number) {
		const int result = was_removed(weighing);

		if (result < 0)
			return result;
		*link = (struct link){ .number = result ? link->number - 1 : 0, .any = true };
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct lade_revoked_snapshot *x = a, *y = b;

	return x->number > y->number ? -1 : x->number < y->number;
}

int lade_revoked_weigh(const struct lade_party *writer, struct lade_revoked_snapshot *snapshots, size_t count, lade_revoked_removed *removed, void *context)
{
	struct weighing weighing = { .writer = writer, .snapshots = snapshots, .removed = removed, .context = context, .link = { .number = writer->last_number } };
	int error = 0;

	if (count)
		qsort(snapshots, count, sizeof(*snapshots), compare);
	for (size_t first = 0, end; first < count && !error; first = end) {
		const uint64_t number = snapshots[first].number;
		bool some = false;

		error = descend(&weighing, number);
		for (end = first; end < count && snapshots[end].number == number; end++) {
			snapshots[end].good = !error && fits(&weighing, &snapshots[end]);
			some = some || snapshots[end].good;
		}
		if (some)
			weighing.link = (struct link){ .number = number - 1, .first = first, .end = end };
	}
	return error;
}
