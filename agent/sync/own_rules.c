/*
 * The rules are written as a user writes them.
 */
#include "agent/sync/own_rules.h"

#include <stdio.h>
#include <string.h>

#include "protocol/entry.h"
#include "protocol/limits.h"

#define DELETION (LADE_OPTION_BACKUP | LADE_OPTION_DELETE)

int lade_own_rules_backup(const struct lade_settings *settings)
{
	const char *suffix = settings->suffix;
	char rule[2 * LADE_NAME_MAX + 8], *out = stpcpy(rule, "P *");

	if ((settings->options & (DELETION | LADE_OPTION_DELETE_EXCLUDED)) != DELETION || !suffix || settings->backup_dir)
		return 0;
	for (; *suffix; suffix++) {
		if (strchr("*?[\\", *suffix))
			*out++ = '\\';
		*out++ = *suffix;
	}
	*out = '\0';
	return lade_filter_add_rule(settings->filter, rule, NULL);
}

int lade_own_rules_partial(const struct lade_settings *settings)
{
	const char *path = settings->partial_dir;
	char rule[LADE_TARGET_MAX + 8];
	size_t len = path ? strlen(path) : 0;

	if (!len || *path == '/')
		return 0;
	while (len && path[len - 1] == '/')
		len--;
	snprintf(rule, sizeof(rule), "-p %.*s/", (int)len, path);
	return lade_filter_add_rule(settings->filter, rule, NULL);
}
