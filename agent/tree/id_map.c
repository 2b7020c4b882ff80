/*
 * The rules stand in a table as they were given, patterns in one copy of the text. Numbers are decimal; UINT32_MAX is none, since
 * chown(2) takes it for "leave alone".
 */
#include "agent/tree/id_map.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

enum from { FROM_ALL, FROM_UNNAMED, FROM_NUMBERS, FROM_NAME, FROM_PATTERN };

struct rule {
	enum from from;
	uint32_t low, high; /* NUMBERS */
	const char *name;   /* NAME, PATTERN: in the map's text */
	uint32_t to;
};

struct lade_id_map {
	struct rule *rules;
	size_t count;
	char *text;
};

/* The number at *text, which is moved behind it. False: there is none. */
static bool take_number(const char **text, uint32_t *number_out)
{
	uint64_t number = 0;
	const char *at = *text;

	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (unsigned)(*at - '0');
		if (number >= UINT32_MAX)
			return false;
	}
	if (at == *text)
		return false;
	*text = at;
	*number_out = (uint32_t)number;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_range(struct rule *rule, const char *text)
{
	rule->from = FROM_NUMBERS;
	if (!take_number(&text, &rule->low))
		return false;
	rule->high = rule->low;
	if (*text == '-') {
		text++;
		if (!take_number(&text, &rule->high))
			return false;
	}
	return !*text && rule->low <= rule->high;
}

static bool take_from(struct rule *rule, const char *text)
{
	if (is_digit(*text))
		return take_range(rule, text);
	rule->name = text;
	if (!*text)
		rule->from = FROM_UNNAMED;
	else if (strcmp(text, "*") == 0)
		rule->from = FROM_ALL;
	else
		rule->from = strpbrk(text, "*?[") ? FROM_PATTERN : FROM_NAME;
	return *text != '-';
}

/* 1: rule->to is set, 0: the name is not known, LADE_E_USAGE: it is none. */
static int take_to(struct rule *rule, const char *text, lade_id_map_resolve *resolve, void *context)
{
	if (!*text)
		return LADE_E_USAGE;
	if (is_digit(*text))
		return take_number(&text, &rule->to) && !*text ? 1 : LADE_E_USAGE;
	return resolve && resolve(context, text, &rule->to);
}

/* One rule, NUL-terminated, which is cut in two. As take_to(). */
static int take_rule(struct rule *rule, char *text, lade_id_map_resolve *resolve, void *context)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return LADE_E_USAGE;
	*colon = '\0';
	if (!take_from(rule, text) || strchr(colon + 1, ':'))
		return LADE_E_USAGE;
	return take_to(rule, colon + 1, resolve, context);
}

static size_t count_rules(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == ',';
	return count;
}

int lade_id_map_new(const char *text, lade_id_map_resolve *resolve, void *context, struct lade_id_map **map_out)
{
	struct lade_id_map *map;
	char *at, *comma;
	int got = 0;

	if (strlen(text) > LADE_ID_MAP_TEXT_MAX)
		return LADE_E_LIMIT;
	map = calloc(1, sizeof(*map));
	if (!map)
		return LADE_E_MEMORY;
	map->text = strdup(text);
	map->rules = calloc(count_rules(text), sizeof(*map->rules));
	if (!map->text || !map->rules)
		got = LADE_E_MEMORY;
	for (at = map->text; got >= 0 && at; at = comma) {
		comma = strchr(at, ',');
		if (comma)
			*comma++ = '\0';
		got = take_rule(&map->rules[map->count], at, resolve, context);
		map->count += got == 1;
	}
	if (got < 0) {
		lade_id_map_free(map);
		return got;
	}
	*map_out = map;
	return 0;
}

void lade_id_map_free(struct lade_id_map *map)
{
	if (!map)
		return;
	free(map->rules);
	free(map->text);
	free(map);
}

static bool fits(const struct rule *rule, uint32_t id, const char *name)
{
	switch (rule->from) {
	case FROM_ALL:
		return true;
	case FROM_UNNAMED:
		return !name;
	case FROM_NUMBERS:
		return id >= rule->low && id <= rule->high;
	case FROM_NAME:
		return name && strcmp(rule->name, name) == 0;
	case FROM_PATTERN:
		return name && fnmatch(rule->name, name, 0) == 0;
	}
	return false;
}

bool lade_id_map_find(const struct lade_id_map *map, uint32_t id, const char *name, uint32_t *to_out)
{
	for (size_t i = 0; i < map->count; i++) {
		if (fits(&map->rules[i], id, name)) {
			*to_out = map->rules[i].to;
			return true;
		}
	}
	return false;
}
