/*
 * How like each other two names are: which of many files may be an older version of a new one.
 */
#ifndef LADE_AGENT_SYNC_NAME_DISTANCE_H
#define LADE_AGENT_SYNC_NAME_DISTANCE_H

/* Names this far apart, or farther, are not alike. */
#define LADE_NAMES_UNLIKE 51u

/*
 * The distance of two names (NUL-terminated, up to 255 bytes): 0 for the same one, LADE_NAMES_UNLIKE where their
 * extensions differ or so much else that they have little in common. A byte that is put in, left out or replaced counts 2, a
 * digit in the place of a digit 1: it is what versions and dates differ in. An extension is what stands behind the last
 * dot, unless it is all digits. below: no distance from there on is of interest (then it may be LADE_NAMES_UNLIKE), which
 * saves time.
 */
unsigned lade_name_distance(const char *a, const char *b, unsigned below);

#endif
