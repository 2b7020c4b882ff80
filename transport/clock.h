/*
 * The clock by which deadlines and rates are kept: CLOCK_MONOTONIC, which nobody sets (clock_gettime(2)).
 */
#ifndef LADE_TRANSPORT_CLOCK_H
#define LADE_TRANSPORT_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some time in the past. Any thread. */
int64_t lade_clock_ns(void);

/* The same in milliseconds. */
int64_t lade_clock_ms(void);

#endif
