/*
 * A filter from inside: for filter.c and filter_scope.c.
 */
#ifndef LADE_AGENT_TREE_FILTER_INTERNAL_H
#define LADE_AGENT_TREE_FILTER_INTERNAL_H

#include "agent/tree/filter_list.h"

struct lade_filter {
	struct lade_filter_list list;
	bool nul;
};

#endif
