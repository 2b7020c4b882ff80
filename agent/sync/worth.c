/*
 * The choice between signatures and plain bytes. Signatures are given up slowly, after a megabyte of patches that saved
 * next to nothing, and taken up again at once, with the first probe that pays: to be wrong about plain bytes costs all
 * of them, to be wrong about signatures a sixty-fourth.
 */
#include "agent/sync/worth.h"

/* The last patches are those of so many new bytes. */
#define RECENT (4u << 20)
/* Fewer tell nothing. */
#define ENOUGH (RECENT / 4)
/* So many gaps are asked for as they are between two probes. */
#define PLAIN_MAX 7u
/* Probes under way: with what is asked for around them that is about as much as a TCP connection holds. */
#define PROBING_MAX 2u

bool lade_worth_known(const struct lade_worth *worth)
{
	return !worth->dull || worth->probing < PROBING_MAX;
}

enum lade_worth_choice lade_worth_choose(struct lade_worth *worth)
{
	if (!worth->dull)
		return LADE_WORTH_SIGN;
	if (worth->plain < PLAIN_MAX) {
		worth->plain++;
		return LADE_WORTH_PLAIN;
	}
	worth->plain = 0;
	worth->probing++;
	return LADE_WORTH_PROBE;
}

void lade_worth_weigh(struct lade_worth *worth, uint64_t made_len, uint64_t literal_len, bool probe)
{
	if (probe)
		worth->probing--;
	if (probe && worth->dull && literal_len <= made_len / 2) {
		worth->made_len = worth->literal_len = 0;
		worth->dull = false;
	}
	worth->made_len += made_len;
	worth->literal_len += literal_len;
	if (worth->made_len < ENOUGH)
		return;
	/* They do not pay if seven eighths of what they are for comes as literals. */
	worth->dull = worth->literal_len > worth->made_len / 8 * 7;
	if (worth->made_len >= RECENT) {
		worth->made_len /= 2;
		worth->literal_len /= 2;
	}
}
