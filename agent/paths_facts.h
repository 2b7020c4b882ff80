/*
 * What a host is, as far as the ways of moving bytes depend on it.
 */
#ifndef LADE_AGENT_PATHS_FACTS_H
#define LADE_AGENT_PATHS_FACTS_H

#include "agent/paths_bench.h"

/* Print the kernel, the file system of the bench's source, and which calls beside the paths work. */
void lade_paths_facts_print(const struct lade_paths_bench *bench);

#endif
