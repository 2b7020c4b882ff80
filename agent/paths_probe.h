/*
 * One way of moving bytes between two kinds of descriptors, tried by really doing it.
 */
#ifndef LADE_AGENT_PATHS_PROBE_H
#define LADE_AGENT_PATHS_PROBE_H

#include <stdbool.h>

#include "agent/paths_bench.h"
#include "protocol/error.h"
#include "transport/mover.h"

enum lade_paths_end { LADE_PATHS_FILE, LADE_PATHS_TCP, LADE_PATHS_UNIX, LADE_PATHS_PIPE };

/* From where to where. */
struct lade_paths_pair {
	enum lade_paths_end in, out;
};

/* What one probe found out. */
struct lade_paths_finding {
	int code;
	struct lade_fault fault;
	bool differs;
	double seconds, cpu_seconds;
};

/*
 * Try path on pair; no fallback to another one. Measured ways are tried three times: the fastest was disturbed
 * least. A refusal is a finding too.
 */
void lade_paths_probe(const struct lade_paths_bench *bench, const struct lade_paths_pair *pair, enum lade_path path,
		      struct lade_paths_finding *best);

#endif
