/*
 * Numbers for people. Independent of the locale: scripts read them.
 */
#include "agent/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void group_digits(char out[LADE_FIGURE_SIZE], uint64_t value)
{
	char digits[LADE_FIGURE_SIZE];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value), to = 0;

	for (size_t from = 0; from < len; from++) {
		if (from && (len - from) % 3 == 0)
			out[to++] = ',';
		out[to++] = digits[from];
	}
	out[to] = '\0';
}

static void scale(char out[LADE_FIGURE_SIZE], uint64_t value, double unit)
{
	static const char letters[] = "KMGTPE";
	double scaled = (double)value / unit;
	size_t letter = 0;

	/* What would be rounded to a whole unit more is written in the next one. */
	while (scaled >= unit - 0.005 && letter + 2 < sizeof(letters)) {
		scaled /= unit;
		letter++;
	}
	snprintf(out, LADE_FIGURE_SIZE, "%.2f%c", scaled, letters[letter]);
}

const char *lade_figure(char out[LADE_FIGURE_SIZE], uint64_t value, unsigned human)
{
	if (human == LADE_HUMAN_GROUPED)
		group_digits(out, value);
	else if (human == LADE_HUMAN_DECIMAL && value >= 1000)
		scale(out, value, 1000);
	else if (human >= LADE_HUMAN_BINARY && value >= 1024)
		scale(out, value, 1024);
	else
		snprintf(out, LADE_FIGURE_SIZE, "%" PRIu64, value);
	return out;
}

const char *lade_figure_real(char out[LADE_FIGURE_SIZE], double value, unsigned human)
{
	/* Beyond any sense; its conversion would be undefined. */
	uint64_t hundredths = value < 1e17 ? (uint64_t)(value * 100 + 0.5) : UINT64_C(10000000000000000000);
	size_t len;

	if ((human == LADE_HUMAN_DECIMAL && value >= 1000) || (human >= LADE_HUMAN_BINARY && value >= 1024))
		return lade_figure(out, hundredths / 100, human);
	lade_figure(out, hundredths / 100, human == LADE_HUMAN_GROUPED ? LADE_HUMAN_GROUPED : LADE_HUMAN_PLAIN);
	len = strlen(out);
	snprintf(out + len, LADE_FIGURE_SIZE - len, ".%02u", (unsigned)(hundredths % 100));
	return out;
}

const char *lade_figure_seconds(char out[LADE_FIGURE_SIZE], uint64_t seconds)
{
	snprintf(out, LADE_FIGURE_SIZE, "%" PRIu64 ":%02u:%02u", seconds / 3600,
		 (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
	return out;
}
