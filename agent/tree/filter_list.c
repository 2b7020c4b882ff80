/*
 * Rules and the memory that they take. The sum of their encoded lengths is watched while they are
 * added, so that encoding cannot fail for length, and neither a peer's rules nor those of a tree can
 * take more memory than their own bytes times a constant (see filter_pattern.c).
 */
#include "agent/tree/filter_list.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"

/* Of one rule: its flags, the length of its text, and the text, all of it below 2^14. */
static size_t encoded_len(const struct lade_filter_rule *rule)
{
	return (rule->flags < 128 ? 1u : 2u) + (rule->len < 128 ? 1u : 2u) + rule->len;
}

void lade_filter_list_clear(struct lade_filter_list *list, size_t first)
{
	while (list->count > first) {
		struct lade_filter_rule *rule = &list->rules[--list->count];

		list->bytes -= encoded_len(rule);
		lade_filter_pattern_free(rule->pattern);
		free(rule->text);
	}
}

void lade_filter_list_fini(struct lade_filter_list *list)
{
	lade_filter_list_clear(list, 0);
	while (list->origin_count)
		free(list->origins[--list->origin_count]);
	free(list->origins);
	free(list->rules);
	*list = (struct lade_filter_list){ .bytes_max = list->bytes_max };
}

int lade_filter_list_add(struct lade_filter_list *list, const struct lade_filter_rule *rule)
{
	enum lade_filter_syntax syntax = rule->flags & LADE_RULE_GIT ? LADE_FILTER_SYNTAX_GIT : LADE_FILTER_SYNTAX_RSYNC;
	struct lade_filter_rule *rules, *added;

	if (rule->len > LADE_FILTER_PATTERN_MAX || list->bytes + encoded_len(rule) > list->bytes_max)
		return LADE_E_LIMIT;
	rules = lade_grown(list->rules, list->count, &list->capacity, sizeof(*rules));
	if (!rules)
		return LADE_E_MEMORY;
	list->rules = rules;
	added = &list->rules[list->count];
	*added = *rule;
	added->pattern = NULL;
	added->text = strndup(rule->text, rule->len);
	if (!added->text)
		return LADE_E_MEMORY;
	if (!(rule->flags & LADE_RULE_DIR_MERGE) && lade_filter_pattern_new(added->text, added->len, syntax, &added->pattern) != 0) {
		free(added->text);
		return LADE_E_MEMORY;
	}
	list->count++;
	list->bytes += encoded_len(rule);
	return 0;
}

const char *lade_filter_list_origin(struct lade_filter_list *list, const char *file)
{
	char *copy, **origins = lade_grown(list->origins, list->origin_count, &list->origin_capacity, sizeof(*origins));

	if (!origins)
		return NULL;
	list->origins = origins;
	copy = strdup(file);
	if (copy)
		list->origins[list->origin_count++] = copy;
	return copy;
}

const char *lade_filter_rule_file(const struct lade_filter_rule *rule)
{
	const char *slash = strrchr(rule->text, '/');

	return slash ? slash + 1 : rule->text;
}

bool lade_filter_rule_counts(unsigned flags, const struct lade_filter_use *use)
{
	unsigned side = use->side == LADE_FILTER_SENDER ? LADE_RULE_SENDER : LADE_RULE_RECEIVER;
	/* With --delete-excluded what has no side protects nothing. */
	unsigned sides = flags & LADE_RULE_SIDES ? flags & LADE_RULE_SIDES :
			 use->delete_excluded ? LADE_RULE_SENDER : LADE_RULE_SIDES;

	return (sides & side) && !(use->removing && (flags & LADE_RULE_PERISHABLE));
}
