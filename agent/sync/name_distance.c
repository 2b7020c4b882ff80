/*
 * Levenshtein's distance (the classic table of rows, of which two are kept), in a band around the diagonal: what
 * leaves the band is too far away anyhow. So it costs 255 * 51 steps at most, and much less where few differences
 * are allowed.
 */
#include "agent/sync/name_distance.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"

/* Of a byte that is put in, left out or replaced. */
#define EDIT 2u

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Where the extension of name begins, its dot included; at the end if it has none. */
static size_t extension_of(const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len);

	if (!dot || dot == name || strspn(dot + 1, "0123456789") == strlen(dot + 1))
		return len;
	return (size_t)(dot - name);
}

/* What it costs to have one byte for another. */
static unsigned replacing(char a, char b)
{
	if (a == b)
		return 0;
	return isdigit((unsigned char)a) && isdigit((unsigned char)b) ? 1 : EDIT;
}

/* The distance of two strings, if it is less than below (1 to LADE_NAMES_UNLIKE); else below. */
static unsigned edits(const char *a, size_t a_len, const char *b, size_t b_len, unsigned below)
{
	unsigned rows[2][LADE_NAME_MAX + 2];
	size_t band = below / EDIT;

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j * EDIT;
	for (size_t i = 1; i <= a_len; i++) {
		const unsigned *above = rows[(i - 1) % 2];
		unsigned *row = rows[i % 2], nearest = below;
		size_t first = i > band ? i - band : 1, last = i + band < b_len ? i + band : b_len;

		row[first - 1] = first == 1 ? (unsigned)i * EDIT : below;
		for (size_t j = first; j <= last; j++) {
			/* The row above ends one byte earlier where the band does. */
			unsigned up = j == i + band ? below : above[j];

			row[j] = least(above[j - 1] + replacing(a[i - 1], b[j - 1]), least(up, row[j - 1]) + EDIT);
			nearest = least(nearest, row[j]);
		}
		if (nearest >= below)
			return below;
	}
	return least(rows[a_len % 2][b_len], below);
}

unsigned lade_name_distance(const char *a, const char *b, unsigned below)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t a_stem = extension_of(a, a_len), b_stem = extension_of(b, b_len);
	size_t longer = a_stem > b_stem ? a_stem : b_stem, shorter = a_stem + b_stem - longer;
	/* Half of the longer one has to be the same. */
	unsigned limit = least(least(below, LADE_NAMES_UNLIKE), (unsigned)longer + 1), distance;

	if (strcmp(a + a_stem, b + b_stem) != 0 || longer > LADE_NAME_MAX || !limit || (longer - shorter) * EDIT >= limit)
		return LADE_NAMES_UNLIKE;
	distance = edits(a, a_stem, b, b_stem, limit);
	return distance < limit ? distance : LADE_NAMES_UNLIKE;
}
