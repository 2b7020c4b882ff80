/*
 * Kinds of values. What is wrong with one is told in the words of the manual page, with the item that is wrong.
 */
#include "agent/daemon/config_value.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/daemon/party_rule.h"
#include "agent/daemon/session_line.h"
#include "agent/option_table.h"
#include "agent/quantity.h"
#include "transport/listener.h"

#define DEFAULT_PORT "8730"
#define BLANKS " \t"

/* A daemon's umask is its starter's; what chmod says of nobody in particular must not depend on it. */
#define CHMOD_UMASK 022

/* Units of a rate without one, as --bwlimit has them, and the least one. */
#define RATE_UNIT 1024u
#define RATE_MIN 512u

/* Most items of a list. */
#define ITEMS_MAX 1024u

static void *field_of(const struct lade_config_row *row, void *base)
{
	return (char *)base + row->off;
}

/* What is wrong with an item of a value. Returns LADE_E_USAGE. */
static int refuse(struct lade_config_error *error, const struct lade_config_row *row, const char *item, const char *why)
{
	snprintf(error->text, sizeof(error->text), "%s: \"%.*s\": %s", row->name, 200, item, why);
	return LADE_E_USAGE;
}

/* A copy of text in a field of the kind char *. */
static int set_copy(const struct lade_config_row *row, void *base, const char *text)
{
	char **field = field_of(row, base);

	*field = strdup(text);
	return *field ? 0 : LADE_E_MEMORY;
}

/* ---- numbers ---- */

int lade_config_set_yes(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	static const char *const words[][2] = { { "no", "yes" }, { "off", "on" }, { "false", "true" }, { "0", "1" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int yes = 0; yes < 2; yes++)
			if (strcasecmp(value, words[i][yes]) == 0) {
				*(bool *)field_of(row, base) = yes;
				return 0;
			}
	return refuse(error, row, value, "it has to be yes or no");
}

int lade_config_set_type(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	if (strcmp(value, "tree") != 0 && strcmp(value, "repository") != 0)
		return refuse(error, row, value, "it has to be tree or repository");
	*(bool *)field_of(row, base) = value[0] == 'r';
	return 0;
}

int lade_config_set_log(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	if (strcmp(value, "journal") != 0 && strcmp(value, "stderr") != 0)
		return refuse(error, row, value, "it has to be journal or stderr; a file goes to \"log file\"");
	*(bool *)field_of(row, base) = value[0] == 'j';
	return 0;
}

/* A number within the row's bounds. */
static int take_number(const struct lade_config_row *row, const char *value, uint64_t *number_out, struct lade_config_error *error)
{
	char why[100];

	if (!lade_quantity_number(value, row->max, number_out) && *number_out >= row->min)
		return 0;
	snprintf(why, sizeof(why), "it has to be a whole number from %llu to %llu", (unsigned long long)row->min, (unsigned long long)row->max);
	return refuse(error, row, value, why);
}

int lade_config_set_number(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	uint64_t number;

	if (take_number(row, value, &number, error))
		return LADE_E_USAGE;
	*(unsigned *)field_of(row, base) = (unsigned)number;
	return 0;
}

int lade_config_set_seconds(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return take_number(row, value, field_of(row, base), error);
}

int lade_config_set_rate(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	uint64_t rate;

	if (lade_quantity_size(value, RATE_UNIT, &rate) || (rate && rate < RATE_MIN) || rate > INT64_MAX - RATE_UNIT)
		return refuse(error, row, value, "it has to be a rate of at least 512 bytes a second (1000, which is in KiB, 1.5M or 10MB), or 0");
	*(uint64_t *)field_of(row, base) = rate;
	return 0;
}

int lade_config_set_threshold(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	uint64_t size;

	if (strcasecmp(value, "off") == 0)
		size = 0;
	else if (lade_quantity_size(value, 1, &size) || !size)
		return refuse(error, row, value, "it has to be a size (1024m, 4g), or off");
	*(uint64_t *)field_of(row, base) = size;
	return 0;
}

int lade_config_set_memory(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	uint64_t size;
	char why[100];

	if (!lade_quantity_size(value, 1, &size) && size >= row->min && size <= row->max) {
		*(uint64_t *)field_of(row, base) = size;
		return 0;
	}
	snprintf(why, sizeof(why), "it has to be a size of at least %llum (512m, 1g)", (unsigned long long)row->min >> 20);
	return refuse(error, row, value, why);
}

/* ---- texts ---- */

int lade_config_set_text(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	char why[64];

	if (!row->max || strlen(value) <= row->max)
		return set_copy(row, base, value);
	snprintf(why, sizeof(why), "it has more than %llu bytes", (unsigned long long)row->max);
	return refuse(error, row, value, why);
}

int lade_config_set_format(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	const char *wrong;

	if (lade_session_format_check(value, &wrong))
		return refuse(error, row, wrong, "there is no such variable; see lade-daemon.conf(5)");
	return set_copy(row, base, value);
}

/* True if one of the components of path is "..": what it leads to depends on symlinks on the way. */
static bool climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (at[3] == '/' || !at[3])
			return true;
	return false;
}

int lade_config_set_path(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	size_t len = strlen(value);

	if (value[0] != '/')
		return refuse(error, row, value, "it has to be an absolute path, one that begins with a slash");
	if (climbs(value))
		return refuse(error, row, value, "there is a \"..\" in this path: write where it leads");
	while (len > 1 && value[len - 1] == '/')
		value[--len] = '\0';
	return set_copy(row, base, value);
}

int lade_config_set_command(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	if (value[0] != '/')
		return refuse(error, row, value, "it has to begin with the absolute path of a program; no shell looks for it");
	return set_copy(row, base, value);
}

/* True for what getaddrinfo(3) takes, but not as it is meant: "" and "*" are every address of IPv4 alone, and a port without a colon (8730) is 0.0.34.26. */
static bool is_no_host(const char *host)
{
	return !host[strspn(host, "0123456789")] || strcmp(host, "*") == 0;
}

int lade_config_set_place(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	struct lade_listener_address address;

	if (lade_listener_parse(value, &address) || is_no_host(address.host))
		return refuse(error, row, value, "it has to be an address and a port, like 127.0.0.1:9730 or [::1]:9730");
	return set_copy(row, base, value);
}

/* ---- lists ---- */

static char *trim(char *word)
{
	size_t len;

	word += strspn(word, BLANKS);
	len = strlen(word);
	while (len && strchr(BLANKS, word[len - 1]))
		word[--len] = '\0';
	return word;
}

int lade_config_words(char *text, const char *separators, int (*take)(void *context, char *word), void *context)
{
	char *word;
	int result = 0;

	while (!result && (word = strsep(&text, separators))) {
		word = trim(word);
		if (*word)
			result = take(context, word);
	}
	return result;
}

/* The list that words go to. */
struct list {
	const struct lade_config_row *row;
	void *base;
	struct lade_config_error *error;
};

/* Words of a value, by take, which gets a struct list; at least one. */
static int set_list(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error, const char *separators,
		    int (*take)(void *context, char *word))
{
	struct list list = { row, base, error };

	/* Blanks around words are never part of one. */
	if (!value[strspn(value, "," BLANKS)])
		return refuse(error, row, value, "there is nothing in this list");
	return lade_config_words(value, separators, take, &list);
}

/* Room for one more item of item_size bytes, zeroed, or NULL with *result_out. */
static void *grow_list(const struct list *list, size_t item_size, const char *word, int *result_out)
{
	unsigned *count = (unsigned *)((char *)list->base + list->row->count_off);
	void *grown;

	if (*count == ITEMS_MAX) {
		*result_out = refuse(list->error, list->row, word, "there are more than 1024 of them");
		return NULL;
	}
	/* Every list is a pointer, whatever to. */
	memcpy(&grown, field_of(list->row, list->base), sizeof(grown));
	grown = realloc(grown, (*count + 1) * item_size);
	if (!grown) {
		*result_out = LADE_E_MEMORY;
		return NULL;
	}
	memcpy(field_of(list->row, list->base), &grown, sizeof(grown));
	*result_out = 0;
	return memset((char *)grown + (*count)++ * item_size, 0, item_size);
}

/* Append a copy of word to a list of texts. */
static int add_word(const struct list *list, const char *word)
{
	int result;
	char **item = grow_list(list, sizeof(*item), word, &result);

	if (!item)
		return result;
	*item = strdup(word);
	return *item ? 0 : LADE_E_MEMORY;
}

static int take_place(void *context, char *word)
{
	const struct list *list = context;
	char **places = *(char ***)field_of(list->row, list->base), whole[LADE_LISTENER_NAME_SIZE + 16];
	const unsigned count = *(unsigned *)((char *)list->base + list->row->count_off);
	struct lade_listener_address address;

	snprintf(whole, sizeof(whole), "%s%s", word, lade_listener_parse(word, &address) ? ":" DEFAULT_PORT : "");
	if (strlen(word) >= LADE_LISTENER_NAME_SIZE || lade_listener_parse(whole, &address))
		return refuse(list->error, list->row, word, "it has to be an address, perhaps with a port: 192.0.2.1, 0.0.0.0:8730, [2001:db8::1]:8730");
	if (is_no_host(address.host))
		return refuse(list->error, list->row, word, "write [::]:" DEFAULT_PORT " for every address, 0.0.0.0:" DEFAULT_PORT " for every one of IPv4");
	for (unsigned i = 0; i < count; i++)
		if (strcmp(places[i], whole) == 0)
			return refuse(list->error, list->row, word, "it is there twice");
	return add_word(list, whole);
}

int lade_config_set_places(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_list(row, base, value, error, "," BLANKS, take_place);
}

/* A pattern that refuses nothing may be a slip that leaves something open. */
static int take_option(void *context, char *word)
{
	const struct list *list = context;
	const char *pattern = strncmp(word, "--", 2) == 0 ? word + 2 : word;
	const struct lade_option_row *rows;
	size_t count;

	if (strpbrk(pattern, "[]\\!"))
		return refuse(list->error, list->row, word, "patterns of options know * and ? only");
	rows = lade_sync_options(&count);
	for (size_t i = 0; i < count; i++)
		if ((rows[i].name && fnmatch(pattern, rows[i].name, 0) == 0) || (rows[i].alias && fnmatch(pattern, rows[i].alias, 0) == 0))
			return add_word(list, pattern);
	return refuse(list->error, list->row, word, "\"lade sync\" has no such option; write long names, or patterns of them with * and ?");
}

int lade_config_set_options(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_list(row, base, value, error, "," BLANKS, take_option);
}

static int take_party(void *context, char *word)
{
	const struct list *list = context;
	struct lade_party_rule rule;
	const char *why;

	return lade_party_rule_parse(word, &rule, &why) ? refuse(list->error, list->row, word, why) : add_word(list, word);
}

int lade_config_set_parties(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_list(row, base, value, error, "," BLANKS, take_party);
}

static int take_host(void *context, char *word)
{
	const struct list *list = context;
	const char *why;
	int result = lade_address_rules_add(field_of(list->row, list->base), word, &why);

	return result == LADE_E_USAGE ? refuse(list->error, list->row, word, why) : result;
}

int lade_config_set_hosts(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_list(row, base, value, error, "," BLANKS, take_host);
}

static int take_auth(void *context, char *word)
{
	const struct list *list = context;
	const char *why;
	int result;
	struct lade_auth_rule *rule = grow_list(list, sizeof(*rule), word, &result);

	if (!rule)
		return result;
	result = lade_auth_rule_parse(word, rule, &why);
	return result == LADE_E_USAGE ? refuse(list->error, list->row, word, why) : result;
}

/* Names in certificates have blanks, so that only commas part these. */
int lade_config_set_auth(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	return set_list(row, base, value, error, ",", take_auth);
}

int lade_config_set_chmod(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error)
{
	struct lade_mode_changes **field = field_of(row, base);
	int result;

	*field = calloc(1, sizeof(**field));
	if (!*field)
		return LADE_E_MEMORY;
	result = lade_mode_changes_add(*field, value, CHMOD_UMASK);
	return result == LADE_E_USAGE ? refuse(error, row, value, "it has to be changes as in --chmod: Dg+s,ug+w,o-rwx or D2775,F664") : result;
}
