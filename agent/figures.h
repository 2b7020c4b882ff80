/*
 * Numbers as people read them.
 */
#ifndef LADE_AGENT_FIGURES_H
#define LADE_AGENT_FIGURES_H

#include <stdint.h>

/* Room for any figure, its NUL included. */
#define LADE_FIGURE_SIZE 32

/* How large numbers are written: rsync(1), --human-readable. */
enum lade_human {
	LADE_HUMAN_PLAIN = 0,    /* 1234567 */
	LADE_HUMAN_GROUPED = 1,  /* 1,234,567 */
	LADE_HUMAN_DECIMAL = 2,  /* 1.23M, from 1000 on */
	LADE_HUMAN_BINARY = 3,   /* 1.18M, from 1024 on */
};

/* Write value into out, which is also returned. human above the last value counts as the last. */
const char *lade_figure(char out[LADE_FIGURE_SIZE], uint64_t value, unsigned human);

/* The same with two places behind the point, also where it is not scaled. value is not negative. */
const char *lade_figure_real(char out[LADE_FIGURE_SIZE], double value, unsigned human);

/* Write a time in whole seconds as H:MM:SS. */
const char *lade_figure_seconds(char out[LADE_FIGURE_SIZE], uint64_t seconds);

#endif
