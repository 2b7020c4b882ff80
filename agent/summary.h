/*
 * The sums at the end, in the words of rsync(1), --stats and --verbose.
 */
#ifndef LADE_AGENT_SUMMARY_H
#define LADE_AGENT_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

/* What is summed up. */
struct lade_summary {
	struct lade_msg_end totals; /* of both sides */
	uint64_t sent_len, received_len; /* bytes over the connection, as this side sees it */
	double seconds;
	unsigned human;             /* enum lade_human */
	bool dry_run;
};

/* Takes a line, without newline; borrowed. */
typedef void lade_summary_line(void *context, const char *line);

/* All sums: --stats. */
void lade_summary_all(const struct lade_summary *summary, lade_summary_line *line, void *context);

/* The two lines of -v. */
void lade_summary_short(const struct lade_summary *summary, lade_summary_line *line, void *context);

/* The one line that a log gets where nobody wants those. */
void lade_summary_log(const struct lade_summary *summary, lade_summary_line *line, void *context);

/* How many times more than what travelled the files have; 0: nothing travelled. */
double lade_summary_speedup(const struct lade_summary *summary);

/* Bytes of transferred files that did not travel. */
uint64_t lade_summary_matched(const struct lade_summary *summary);

#endif
