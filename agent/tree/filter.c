/*
 * Rules in their order, and their way in: options, files, the peer.
 *
 * The texts of the rules are kept beside the compiled patterns, since they travel. The
 * sum of their encoded lengths is watched while they are added, so that encoding cannot
 * fail for length and a peer's rules cannot take more memory than their own bytes times
 * a constant (see filter_pattern.c).
 *
 * Limits: no merge files, no per-directory rules, no modifiers.
 */
#include "agent/tree/filter.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/filter_pattern.h"
#include "protocol/limits.h"

#define COUNT_LEN_MAX 3u /* varint of a count below LADE_RULES_MAX */

struct rule {
	struct lade_filter_pattern *pattern;
	char *text;
	size_t len;
	bool include;
};

struct lade_filter {
	struct rule *rules;
	size_t count;
	size_t capacity;
	size_t encoded_len; /* of all rules, their count not included */
};

int lade_filter_new(struct lade_filter **filter_out)
{
	*filter_out = calloc(1, sizeof(**filter_out));
	return *filter_out ? 0 : LADE_E_MEMORY;
}

static void forget(struct lade_filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		lade_filter_pattern_free(filter->rules[i].pattern);
		free(filter->rules[i].text);
	}
	filter->count = 0;
	filter->encoded_len = 0;
}

void lade_filter_free(struct lade_filter *filter)
{
	if (!filter)
		return;
	forget(filter);
	free(filter->rules);
	free(filter);
}

static bool reserve(struct lade_filter *filter)
{
	size_t capacity = filter->capacity ? 2 * filter->capacity : 16;
	struct rule *rules;

	if (filter->count < filter->capacity)
		return true;
	rules = realloc(filter->rules, capacity * sizeof(*rules));
	if (!rules)
		return false;
	filter->rules = rules;
	filter->capacity = capacity;
	return true;
}

/* Add a checked pattern as it is. 0, LADE_E_MEMORY, LADE_E_LIMIT. */
static int append(struct lade_filter *filter, bool include, const char *text, size_t len)
{
	size_t encoded_len = 1u + (len < 128 ? 1u : 2u) + len; /* len is below 2^14 */
	struct rule rule = { NULL, NULL, len, include };

	if (len > LADE_FILTER_PATTERN_MAX ||
	    filter->encoded_len + encoded_len > LADE_RULES_MAX - COUNT_LEN_MAX)
		return LADE_E_LIMIT;
	if (!reserve(filter))
		return LADE_E_MEMORY;
	rule.text = malloc(len);
	if (!rule.text)
		return LADE_E_MEMORY;
	memcpy(rule.text, text, len);
	if (lade_filter_pattern_new(text, len, &rule.pattern) != 0) {
		free(rule.text);
		return LADE_E_MEMORY;
	}
	filter->rules[filter->count++] = rule;
	filter->encoded_len += encoded_len;
	return 0;
}

int lade_filter_add(struct lade_filter *filter, bool include, const char *pattern,
		    struct lade_fault *fault)
{
	const char *text = pattern;
	int code;

	if (strcmp(text, "!") == 0) {
		forget(filter);
		return 0;
	}
	if ((text[0] == '+' || text[0] == '-') && text[1] == ' ') {
		include = text[0] == '+';
		text += 2;
	}
	code = *text ? append(filter, include, text, strlen(text)) : LADE_E_USAGE;
	return code ? lade_fault_set(fault, code, "use the pattern", pattern) : 0;
}

/* One line of a rules file, NUL-terminated, its end of line included. */
static int add_line(struct lade_filter *filter, bool include, char *line, size_t len,
		    struct lade_fault *fault)
{
	if (memchr(line, '\0', len))
		return lade_fault_set(fault, LADE_E_USAGE, "use the pattern", line);
	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	if (len == 0 || line[0] == '#' || line[0] == ';')
		return 0;
	return lade_filter_add(filter, include, line, fault);
}

int lade_filter_add_file(struct lade_filter *filter, bool include, const char *file,
			 struct lade_fault *fault)
{
	bool standard = strcmp(file, "-") == 0;
	FILE *stream = standard ? stdin : fopen(file, "re");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t len;
	int code = 0;

	if (!stream)
		return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM,
				      "open", file);
	while (code == 0 && (len = getline(&line, &capacity, stream)) >= 0)
		code = add_line(filter, include, line, (size_t)len, fault);
	if (code == 0 && !feof(stream))
		code = lade_fault_set(fault, LADE_E_SYSTEM, "read", file);
	free(line);
	if (!standard)
		fclose(stream);
	return code;
}

/* The rule that decides about path, or NULL. */
static const struct rule *find_rule(const struct lade_filter *filter, const char *path, bool is_directory)
{
	const char *slash;
	size_t len, name_off;

	if (filter->count == 0)
		return NULL;
	slash = strrchr(path, '/');
	len = strlen(path);
	name_off = slash ? (size_t)(slash + 1 - path) : 0;
	for (size_t i = 0; i < filter->count; i++)
		if (lade_filter_pattern_matches(filter->rules[i].pattern, path, len, name_off,
						is_directory))
			return &filter->rules[i];
	return NULL;
}

bool lade_filter_excludes(const struct lade_filter *filter, const char *path, bool is_directory)
{
	const struct rule *rule = find_rule(filter, path, is_directory);

	return rule && !rule->include;
}

bool lade_filter_hides(const struct lade_filter *filter, const char *path, bool is_directory, struct lade_slice *pattern_out)
{
	const struct rule *rule = find_rule(filter, path, is_directory);

	if (!rule || rule->include)
		return false;
	*pattern_out = lade_slice(rule->text, rule->len);
	return true;
}

bool lade_filter_empty(const struct lade_filter *filter)
{
	return filter->count == 0;
}

int lade_filter_encode(const struct lade_filter *filter, struct lade_writer *writer)
{
	lade_writer_put_varint(writer, filter->count);
	for (size_t i = 0; i < filter->count; i++) {
		lade_writer_put_u8(writer, filter->rules[i].include);
		lade_writer_put_slice(writer,
				      lade_slice(filter->rules[i].text, filter->rules[i].len));
	}
	return writer->error;
}

/* One rule from a peer: 0 or a code. */
static int decode_rule(struct lade_filter *filter, struct lade_reader *reader)
{
	uint8_t include = lade_reader_get_u8(reader);
	struct lade_slice text = lade_reader_get_slice(reader, LADE_FILTER_PATTERN_MAX);

	if (reader->error)
		return reader->error;
	if (include > 1 || text.len == 0 || memchr(text.data, '\0', text.len))
		return LADE_E_PROTOCOL;
	return append(filter, include, (const char *)text.data, text.len);
}

int lade_filter_decode(struct lade_slice encoded, struct lade_filter **filter_out)
{
	struct lade_filter *filter;
	struct lade_reader reader;
	uint64_t count;
	int code;

	if (encoded.len > LADE_RULES_MAX)
		return LADE_E_LIMIT;
	code = lade_filter_new(&filter);
	if (code)
		return code;
	lade_reader_init(&reader, encoded.data, encoded.len);
	count = lade_reader_get_varint(&reader, LADE_RULES_MAX);
	code = reader.error;
	while (code == 0 && count-- > 0)
		code = decode_rule(filter, &reader);
	if (code == 0)
		code = lade_reader_finish(&reader);
	if (code) {
		lade_filter_free(filter);
		return code;
	}
	*filter_out = filter;
	return 0;
}
