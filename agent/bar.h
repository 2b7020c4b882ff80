/*
 * A line on a terminal that is drawn anew again and again: how far something is.
 */
#ifndef LADE_AGENT_BAR_H
#define LADE_AGENT_BAR_H

#include <stddef.h>
#include <stdio.h>

/* Start with zeros: nothing stands there. */
struct lade_bar {
	FILE *file; /* where it stands, borrowed; NULL: nowhere */
	size_t len; /* its columns */
};

/* Draw len bytes of ASCII over what stands there, cut to the width of the terminal; on the same terminal until the bar is cleared. */
void lade_bar_draw(struct lade_bar *bar, FILE *terminal, const char *text, size_t len);

/* Take it off the terminal: what is printed next begins a line. */
void lade_bar_clear(struct lade_bar *bar);

#endif
