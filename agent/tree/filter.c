/*
 * The rules of a session, and their way in: options, files, the peer.
 */
#include "agent/tree/filter.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/filter_internal.h"
#include "agent/tree/filter_parse.h"
#include "protocol/limits.h"

#define COUNT_LEN_MAX 3u /* varint of a count below LADE_RULES_MAX */

int lade_filter_new(struct lade_filter **filter_out)
{
	*filter_out = calloc(1, sizeof(**filter_out));
	if (!*filter_out)
		return LADE_E_MEMORY;
	(*filter_out)->list.bytes_max = LADE_RULES_MAX - COUNT_LEN_MAX;
	return 0;
}

void lade_filter_free(struct lade_filter *filter)
{
	if (!filter)
		return;
	lade_filter_list_fini(&filter->list);
	free(filter);
}

void lade_filter_set_nul(struct lade_filter *filter, bool nul)
{
	filter->nul = nul;
}

/* ---- from options and files ---- */

static struct lade_filter_reading reading_of(struct lade_filter *filter)
{
	return (struct lade_filter_reading){ .list = &filter->list, .nul = filter->nul, .directory_fd = AT_FDCWD };
}

static struct lade_filter_reading old_reading_of(struct lade_filter *filter, bool include)
{
	struct lade_filter_reading reading = reading_of(filter);

	reading.old = true;
	reading.defaults = include ? LADE_RULE_INCLUDE : 0;
	return reading;
}

int lade_filter_add(struct lade_filter *filter, bool include, const char *pattern,
		    struct lade_fault *fault)
{
	struct lade_filter_reading reading = old_reading_of(filter, include);

	return lade_filter_parse_rule(&reading, pattern, fault);
}

int lade_filter_add_file(struct lade_filter *filter, bool include, const char *file,
			 struct lade_fault *fault)
{
	struct lade_filter_reading reading = old_reading_of(filter, include);

	return lade_filter_parse_file(&reading, file, file, fault);
}

int lade_filter_add_rule(struct lade_filter *filter, const char *rule, struct lade_fault *fault)
{
	struct lade_filter_reading reading = reading_of(filter);

	return lade_filter_parse_rule(&reading, rule, fault);
}

int lade_filter_add_fixed(struct lade_filter *filter, const char *text, struct lade_fault *fault)
{
	struct lade_filter_reading reading = reading_of(filter);

	reading.defaults = LADE_RULE_WORDS;
	reading.fixed = true;
	return lade_filter_parse_text(&reading, text, strlen(text), fault);
}

int lade_filter_add_git(struct lade_filter *filter, struct lade_fault *fault)
{
	static char name[] = ".gitignore";
	const struct lade_filter_rule rule = {
		.text = name, .len = sizeof(name) - 1, .flags = LADE_RULE_DIR_MERGE | LADE_RULE_GIT,
	};
	int error = lade_filter_list_add(&filter->list, &rule);

	return error ? lade_fault_set(fault, error, "use the rules of", name) : 0;
}

/* ---- questions ---- */

/* What a rule says of a path where it is not known in which tree that is. */
enum guess { GUESS_NO, GUESS_YES, GUESS_MAY_INCLUDE };

static enum guess guess(const struct lade_filter_rule *rule, const char *path, size_t name_off, bool is_directory)
{
	bool matches;

	/* What excludes only can but exclude more. */
	if (rule->flags & LADE_RULE_DIR_MERGE)
		return (rule->flags & (LADE_RULE_PLAIN | LADE_RULE_INCLUDE)) == LADE_RULE_PLAIN ? GUESS_NO : GUESS_MAY_INCLUDE;
	if ((rule->flags & LADE_RULE_ABSOLUTE) && lade_filter_pattern_takes_path(rule->pattern))
		return rule->flags & LADE_RULE_INCLUDE ? GUESS_MAY_INCLUDE : GUESS_NO;
	matches = lade_filter_pattern_matches(rule->pattern, path, strlen(path), name_off, is_directory);
	return matches != !!(rule->flags & LADE_RULE_NEGATE) ? GUESS_YES : GUESS_NO;
}

bool lade_filter_excludes(const struct lade_filter *filter, const char *path, bool is_directory)
{
	static const struct lade_filter_use use = { .side = LADE_FILTER_SENDER };
	const char *slash = strrchr(path, '/');
	size_t name_off = slash ? (size_t)(slash + 1 - path) : 0;

	for (size_t i = 0; i < filter->list.count; i++) {
		const struct lade_filter_rule *rule = &filter->list.rules[i];
		enum guess what;

		if ((rule->flags & LADE_RULE_XATTR) || !lade_filter_rule_counts(rule->flags, &use))
			continue;
		what = guess(rule, path, name_off, is_directory);
		if (what != GUESS_NO)
			return what == GUESS_YES && !(rule->flags & LADE_RULE_INCLUDE);
	}
	return false;
}

bool lade_filter_empty(const struct lade_filter *filter)
{
	return filter->list.count == 0;
}

bool lade_filter_reads_tree(const struct lade_filter *filter)
{
	for (size_t i = 0; i < filter->list.count; i++)
		if (filter->list.rules[i].flags & LADE_RULE_DIR_MERGE)
			return true;
	return false;
}

enum lade_filter_verdict lade_filter_attribute(const struct lade_filter *filter, const struct lade_filter_use *use,
					       const char *name)
{
	enum lade_filter_verdict verdict = LADE_FILTER_UNRULED;

	for (size_t i = 0; i < filter->list.count; i++) {
		const struct lade_filter_rule *rule = &filter->list.rules[i];
		bool matches;

		if (!(rule->flags & LADE_RULE_XATTR))
			continue;
		verdict = LADE_FILTER_INCLUDED;
		if (!lade_filter_rule_counts(rule->flags, use))
			continue;
		matches = lade_filter_pattern_matches(rule->pattern, name, strlen(name), 0, false);
		if (matches != !!(rule->flags & LADE_RULE_NEGATE))
			return rule->flags & LADE_RULE_INCLUDE ? LADE_FILTER_INCLUDED : LADE_FILTER_EXCLUDED;
	}
	return verdict;
}

/* ---- to the peer and from it ---- */

int lade_filter_encode(const struct lade_filter *filter, struct lade_writer *writer)
{
	lade_writer_put_varint(writer, filter->list.count);
	for (size_t i = 0; i < filter->list.count; i++) {
		const struct lade_filter_rule *rule = &filter->list.rules[i];

		lade_writer_put_varint(writer, rule->flags);
		lade_writer_put_slice(writer, lade_slice(rule->text, rule->len));
	}
	return writer->error;
}

/* What only a merge has, and what it has not. */
static bool flags_are_possible(unsigned flags)
{
	const unsigned of_merges = LADE_RULE_PLAIN | LADE_RULE_NO_INHERIT | LADE_RULE_WORDS | LADE_RULE_CVS | LADE_RULE_GIT;

	if (!(flags & LADE_RULE_DIR_MERGE))
		return !(flags & of_merges);
	if ((flags & LADE_RULE_GIT) && (flags & (of_merges | LADE_RULE_INCLUDE)) != LADE_RULE_GIT)
		return false;
	return !(flags & (LADE_RULE_NEGATE | LADE_RULE_XATTR)) &&
	       ((flags & LADE_RULE_PLAIN) || !(flags & (LADE_RULE_INCLUDE | LADE_RULE_CVS)));
}

/* A merge's file is one component of a directory, whatever is before it. */
static bool is_file_name(struct lade_slice text)
{
	const uint8_t *slash = memrchr(text.data, '/', text.len);
	const uint8_t *name = slash ? slash + 1 : text.data;
	size_t len = (size_t)(text.data + text.len - name);

	return len && len <= LADE_NAME_MAX && !(len <= 2 && name[0] == '.' && name[len - 1] == '.');
}

/* One rule from a peer: 0 or a code. */
static int decode_rule(struct lade_filter *filter, struct lade_reader *reader)
{
	unsigned flags = (unsigned)lade_reader_get_varint(reader, LADE_RULE_FLAGS);
	struct lade_slice text = lade_reader_get_slice(reader, LADE_FILTER_PATTERN_MAX);
	const struct lade_filter_rule rule = { .text = (char *)(uintptr_t)text.data, .len = text.len, .flags = flags };

	if (reader->error)
		return reader->error;
	if (text.len == 0 || memchr(text.data, '\0', text.len) || !flags_are_possible(flags) ||
	    ((flags & LADE_RULE_DIR_MERGE) && !is_file_name(text)))
		return LADE_E_PROTOCOL;
	return lade_filter_list_add(&filter->list, &rule);
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
	filter->list.bytes_max = LADE_RULES_MAX;
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
