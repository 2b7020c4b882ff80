/*
 * Sizes and numbers as people write them in options: rsync(1), --max-size.
 */
#ifndef LADE_AGENT_QUANTITY_H
#define LADE_AGENT_QUANTITY_H

#include <stdint.h>

/*
 * Take a size: digits, perhaps with a fraction, then a unit: B, or one of K, M, G, T, P with or without iB behind it (powers of 1024) or
 * with B behind it (powers of 1000), in any case; without one it is in units of default_unit bytes. "+1" or "-1" behind it adds or takes a
 * byte. Returns 0, or LADE_E_USAGE for anything else, above INT64_MAX included.
 */
int lade_quantity_size(const char *text, uint64_t default_unit, uint64_t *size_out);

/* Take a whole number from 0 to max: 0 or LADE_E_USAGE. */
int lade_quantity_number(const char *text, uint64_t max, uint64_t *number_out);

#endif
