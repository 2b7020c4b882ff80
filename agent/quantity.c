/*
 * Sizes are read in pieces, not with strtod(3): that depends on the locale, and takes hexadecimal numbers and infinities.
 */
#include "agent/quantity.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "protocol/error.h"

/* Digits at *text, which is moved behind them. False if there are none, or more than fit. */
static bool take_digits(const char **text, uint64_t max, uint64_t *number_out)
{
	const char *start = *text;
	uint64_t number = 0;

	for (; isdigit((unsigned char)**text); (*text)++) {
		unsigned digit = (unsigned)(**text - '0');

		if (digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*number_out = number;
	return *text != start;
}

int lade_quantity_number(const char *text, uint64_t max, uint64_t *number_out)
{
	return take_digits(&text, max, number_out) && !*text ? 0 : LADE_E_USAGE;
}

/* Digits behind a point, as a part of one; more than nine of them change nothing. */
static double take_fraction(const char **text)
{
	double part = 0, place = 0.1;

	for (; isdigit((unsigned char)**text); (*text)++, place /= 10)
		part += place * (**text - '0');
	return part;
}

/* The unit at *text, which is moved behind it; 0 if it is none. */
static uint64_t take_unit(const char **text, uint64_t default_unit)
{
	static const char letters[] = "kmgtp";
	const char *letter;
	uint64_t base = 1024, unit = 1;

	if (!**text || **text == '+' || **text == '-')
		return default_unit;
	if (strncasecmp(*text, "b", 1) == 0) {
		(*text)++;
		return 1;
	}
	letter = strchr(letters, tolower((unsigned char)**text));
	if (!letter)
		return 0;
	(*text)++;
	if (strncasecmp(*text, "ib", 2) == 0) {
		*text += 2;
	} else if (strncasecmp(*text, "b", 1) == 0) {
		(*text)++;
		base = 1000;
	}
	for (const char *at = letters; at <= letter; at++)
		unit *= base;
	return unit;
}

int lade_quantity_size(const char *text, uint64_t default_unit, uint64_t *size_out)
{
	uint64_t whole, unit;
	double part = 0;

	if (!take_digits(&text, INT64_MAX, &whole))
		return LADE_E_USAGE;
	if (*text == '.') {
		text++;
		part = take_fraction(&text);
	}
	unit = take_unit(&text, default_unit);
	if (!unit || whole >= INT64_MAX / unit)
		return LADE_E_USAGE;
	*size_out = whole * unit + (uint64_t)(part * (double)unit + 0.5);
	if (strcmp(text, "+1") == 0) {
		(*size_out)++;
	} else if (*size_out && strcmp(text, "-1") == 0) {
		(*size_out)--;
	} else if (*text) {
		return LADE_E_USAGE;
	}
	return 0;
}
