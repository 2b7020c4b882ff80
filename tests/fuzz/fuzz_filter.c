/*
 * Fuzz target of the texts of rules: files that a tree may hold, read in all the ways there are, and rules of the command
 * line. The first byte tells how. What was understood can be asked, and travels.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/filter_parse.h"
#include "protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned ways[] = {
	0,
	LADE_RULE_SENDER,
	LADE_RULE_WORDS,
	LADE_RULE_PLAIN,
	LADE_RULE_PLAIN | LADE_RULE_INCLUDE | LADE_RULE_PERISHABLE,
	LADE_RULE_PLAIN | LADE_RULE_WORDS | LADE_RULE_NO_INHERIT | LADE_RULE_CVS,
	LADE_RULE_GIT,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void ask(const struct lade_filter_list *list)
{
	static const char *const paths[] = { "a", "a/b.o", ".git/x", "deep/er/and/deeper", "*" };

	for (size_t i = 0; i < list->count; i++) {
		const struct lade_filter_rule *rule = &list->rules[i];

		if (!rule->len || rule->len > LADE_FILTER_PATTERN_MAX || rule->text[rule->len])
			abort();
		for (size_t k = 0; rule->pattern && k < sizeof(paths) / sizeof(paths[0]); k++) {
			const char *slash = strrchr(paths[k], '/');

			(void)lade_filter_pattern_matches(rule->pattern, paths[k], strlen(paths[k]),
							  slash ? (size_t)(slash + 1 - paths[k]) : 0, k % 2);
		}
	}
}

/* As one rule of the command line, which travels. */
static void try_rule(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct lade_filter *filter, *copy;
	struct lade_writer writer;

	if (!text || lade_filter_new(&filter))
		abort();
	/* Not what merges a file of this host. */
	if (text[0] != '.' && text[0] != 'm')
		(void)lade_filter_add_rule(filter, text, NULL);
	lade_writer_init(&writer, LADE_RULES_MAX);
	if (lade_filter_encode(filter, &writer) || lade_filter_decode(lade_slice(writer.data, writer.len), &copy))
		abort();
	lade_filter_free(copy);
	lade_filter_free(filter);
	lade_writer_fini(&writer);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_filter_list list = { .bytes_max = LADE_RULES_MAX };
	struct lade_filter_reading reading = {
		.list = &list, .tree = true, .directory_fd = -1, .origin = "fuzz",
	};
	struct lade_fault fault;

	if (size == 0)
		return 0;
	if (data[0] % (WAYS + 1) == WAYS) {
		try_rule(data + 1, size - 1);
		return 0;
	}
	reading.defaults = ways[data[0] % (WAYS + 1)];
	(void)lade_filter_parse_text(&reading, (const char *)data + 1, size - 1, &fault);
	if (list.bytes > list.bytes_max)
		abort();
	ask(&list);
	lade_filter_list_fini(&list);
	return 0;
}
