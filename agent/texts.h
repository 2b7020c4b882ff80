/*
 * Lists of words of a command line, in the order in which they were given.
 */
#ifndef LADE_AGENT_TEXTS_H
#define LADE_AGENT_TEXTS_H

#include <stddef.h>

#include "agent/complaint.h"

/* Start with zeros. */
struct lade_texts {
	const char **texts; /* borrowed, such as from argv; count of capacity */
	size_t count, capacity;
};

/* Add a text, which is borrowed, at the end. Returns 0, or LADE_E_MEMORY with the complaint filled. */
int lade_texts_add(struct lade_texts *list, const char *text, struct lade_complaint *complaint);

/* Free the list; it is zeros again. */
void lade_texts_fini(struct lade_texts *list);

#endif
