/*
 * Whether a described file's gaps are worth being asked for by signature, found out from the patches that come: where the
 * old bytes are of no use, what is asked for as it is moves by the kernel and costs the sender no search.
 *
 * Answers come late where the link is slow or a side is busy. What lies ahead is not to be judged by what lay some megabytes
 * behind, so while gaps are asked for as they are, only so much is asked for before an answer tells that this is still right.
 */
#ifndef LADE_AGENT_SYNC_WORTH_H
#define LADE_AGENT_SYNC_WORTH_H

#include <stdbool.h>
#include <stdint.h>

/* What to do with a gap. */
enum lade_worth_choice {
	LADE_WORTH_PLAIN, /* ask for it as it is */
	LADE_WORTH_SIGN,  /* ask for it by signature */
	LADE_WORTH_PROBE, /* the same, to see whether that pays by now */
};

/* One file's; all zeros is the beginning. */
struct lade_worth {
	uint64_t made_len, literal_len; /* of the last patches: what they made, and of how much */
	bool dull;                      /* they have not paid */
	unsigned plain;                 /* gaps asked for as they are since the last probe */
	unsigned probing;               /* probes that are not answered */
};

/* False: look at nothing more of the file before a probe is answered. */
bool lade_worth_known(const struct lade_worth *worth);

/* The choice for the next gap. The caller asks for it so, and says so when a probe is answered. */
enum lade_worth_choice lade_worth_choose(struct lade_worth *worth);

/* A patch of literal_len bytes made made_len bytes; probe: it answers one. */
void lade_worth_weigh(struct lade_worth *worth, uint64_t made_len, uint64_t literal_len, bool probe);

#endif
