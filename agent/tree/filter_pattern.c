/*
 * Wildcard patterns as automata of bits.
 *
 * A pattern is a row of elements, each a set of bytes that matches exactly one byte
 * (a literal, `?`, a class); a `*` or `**` between two elements is a loop on the state
 * between them. State j means "the first j elements have matched", a set of states is
 * a set of bits, and one byte moves all of them at once:
 *
 *	next = ((states & accepts[byte]) << 1) | (states & loops[byte is '/'])
 *
 * (shift-and, Baeza-Yates and Gonnet, CACM 35(10), 1992). There is no backtracking, so a
 * pattern from a peer costs its length over 64 per byte of a path and no more.
 * A pattern that is not anchored starts where the path has as many components left as
 * the pattern has, or, if it holds `**`, anew behind every slash. Bytes that no
 * element tells apart share a class and its bits.
 *
 * git's patterns are the same automata. A whole component of two stars may stand for none, with
 * the slash behind it: the state before it, when it is entered, enters the state behind its slash
 * as well (skips).
 *
 * A pattern without a wildcard is compared as bytes.
 *
 * Limits: sets are of bytes, [:classes:] those of ASCII; no collation, no case folding.
 */
#include "agent/tree/filter_pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/filter.h"
#include "protocol/error.h"

#define BYTES 256u
#define WORD_BITS 64u
#define WORDS_MAX ((LADE_FILTER_PATTERN_MAX + 1 + WORD_BITS - 1) / WORD_BITS)

/* A set of bytes. */
struct byte_set {
	uint64_t bits[BYTES / 64];
};

enum loop { LOOP_NONE, LOOP_NAME /* `*` */, LOOP_PATH /* `**` */ };

/* A pattern taken apart; lives only while it is compiled. */
struct parse {
	const uint8_t *at;
	const uint8_t *end;
	struct byte_set *sets; /* of the elements */
	uint8_t *loops;        /* of the states: one more than elements */
	uint8_t *skips;        /* of the states: entered, they enter the next one too */
	size_t count;
	const uint8_t *start;
	enum lade_filter_syntax syntax;
};

struct lade_filter_pattern {
	bool anchored;
	bool directory_only;
	bool path;          /* compared with the whole path; else with the last component */
	bool anywhere;      /* holds `**`, not first: may start behind any slash */
	bool leading_any;   /* `**` first: the path is seen with a slash before it */
	bool with_contents; /* ends in a slash and three stars */
	bool never;         /* no pattern at all */
	char *literal;      /* no wildcard: these bytes; then what follows is empty */
	size_t literal_len;
	size_t slashes; /* inner ones: the components that it takes, less one */
	size_t count;   /* elements */
	size_t words;   /* of a set of states */
	uint8_t class_of[BYTES];
	uint64_t *accepts; /* words for each class */
	uint64_t *loops;   /* words for a byte that is no slash, then for a slash */
	uint64_t *skips;   /* words; NULL: there are none */
};

/* Sets. */

static void set_put(struct byte_set *set, unsigned byte)
{
	set->bits[byte / 64] |= UINT64_C(1) << byte % 64;
}

static bool set_has(const struct byte_set *set, unsigned byte)
{
	return set->bits[byte / 64] >> byte % 64 & 1;
}

static void set_put_range(struct byte_set *set, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++)
		set_put(set, byte);
}

/* All bytes that set lacks but the slash, which no wildcard but `**` matches; and not the slash. */
static void set_finish(struct byte_set *set, bool negate)
{
	for (size_t i = 0; negate && i < BYTES / 64; i++)
		set->bits[i] = ~set->bits[i];
	set->bits['/' / 64] &= ~(UINT64_C(1) << '/' % 64);
}

/* The POSIX classes as ranges of ASCII: pairs of first and last byte. */
static const struct {
	const char *name;
	const char *ranges;
} posix_classes[] = {
	{ "alnum", "09AZaz" },   { "alpha", "AZaz" },
	{ "blank", "\t\t  " },   { "cntrl", "\001\037\177\177" },
	{ "digit", "09" },       { "graph", "!~" },
	{ "lower", "az" },       { "print", " ~" },
	{ "punct", "!/:@[`{~" }, { "space", "\t\r  " },
	{ "upper", "AZ" },       { "xdigit", "09AFaf" },
};

static bool set_put_class(struct byte_set *set, const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < sizeof(posix_classes) / sizeof(posix_classes[0]); i++) {
		const char *range = posix_classes[i].ranges;

		if (strlen(posix_classes[i].name) != len ||
		    memcmp(posix_classes[i].name, name, len) != 0)
			continue;
		for (; *range; range += 2)
			set_put_range(set, (uint8_t)range[0], (uint8_t)range[1]);
		return true;
	}
	return false;
}

/* Parsing. */

/* One byte of a class, escaped or not; false if the pattern ends here. */
static bool parse_class_byte(struct parse *parse, unsigned *byte_out)
{
	if (parse->at < parse->end && *parse->at == '\\')
		parse->at++;
	if (parse->at == parse->end)
		return false;
	*byte_out = *parse->at++;
	return true;
}

/* "[:name:]" behind its first bracket. 1: taken; 0: it is no such thing; -1: no such class. */
static int parse_posix_class(struct parse *parse, struct byte_set *set)
{
	const uint8_t *name = parse->at + 1, *close;

	if (parse->at == parse->end || *parse->at != ':')
		return 0;
	close = memchr(name, ']', (size_t)(parse->end - name));
	if (!close)
		return -1;
	if (close == name || close[-1] != ':')
		return 0;
	if (!set_put_class(set, name, (size_t)(close - 1 - name)))
		return -1;
	parse->at = close + 1;
	return 1;
}

/* A class behind its opening bracket; false if it is not one. */
static bool parse_class(struct parse *parse, struct byte_set *set)
{
	bool negate = parse->at < parse->end && (*parse->at == '!' || *parse->at == '^'),
	     first = true;
	unsigned byte, last;
	int posix;

	parse->at += negate;
	for (; parse->at < parse->end; first = false) {
		if (*parse->at == ']' && !first) {
			parse->at++;
			set_finish(set, negate);
			return true;
		}
		if (*parse->at == '[') {
			parse->at++;
			posix = parse_posix_class(parse, set);
			if (posix < 0)
				return false;
			if (posix > 0)
				continue;
			byte = '[';
		} else if (!parse_class_byte(parse, &byte)) {
			return false;
		}
		last = byte;
		/* A hyphen before the closing bracket stands for itself. */
		if (parse->end - parse->at >= 2 && parse->at[0] == '-' && parse->at[1] != ']') {
			parse->at++;
			if (!parse_class_byte(parse, &last))
				return false;
		}
		set_put(set, byte); /* of a range that runs backwards, rsync takes the first byte */
		set_put_range(set, byte, last);
	}
	return false;
}

/* git: stars that were a whole component, with a slash behind them. */
static void parse_components(struct parse *parse)
{
	parse->skips[parse->count] = 1;
	set_put(&parse->sets[parse->count++], '/');
	parse->at++;
	/* Twice the same is no more than once, and a skip leads no further than one state. */
	while (parse->end - parse->at > 2 && memcmp(parse->at, "**/", 3) == 0)
		parse->at += 3;
}

/* Stars, the first of which was taken. */
static void parse_stars(struct parse *parse)
{
	bool git = parse->syntax == LADE_FILTER_SYNTAX_GIT;
	bool whole = parse->at - parse->start < 2 || parse->at[-2] == '/';
	enum loop loop = LOOP_NAME;

	for (; parse->at < parse->end && *parse->at == '*'; parse->at++)
		loop = LOOP_PATH;
	whole = whole && (parse->at == parse->end || *parse->at == '/');
	if (git && !whole)
		loop = LOOP_NAME;
	parse->loops[parse->count] = (uint8_t)loop;
	if (git && loop == LOOP_PATH && parse->at < parse->end)
		parse_components(parse);
}

/* The next element into sets[count], or a loop into loops[count]. False: no pattern. */
static bool parse_next(struct parse *parse)
{
	struct byte_set *set = &parse->sets[parse->count];
	uint8_t byte = *parse->at++;

	if (byte == '*') {
		parse_stars(parse);
		return true;
	}
	parse->count++;
	if (byte == '[')
		return parse_class(parse, set);
	if (byte == '?') {
		set_finish(set, true);
		return true;
	}
	if (byte == '\\') {
		if (parse->at == parse->end)
			return false;
		byte = *parse->at++;
	}
	set_put(set, byte);
	return true;
}

/* Compiling. */

/* Number the classes of bytes that no element tells apart; their number is the result. */
static size_t classify(const struct parse *parse, uint8_t class_of[BYTES])
{
	uint8_t split[BYTES]
		     [2]; /* number of the class a class becomes: without, with the element */
	bool used[BYTES][2];
	size_t classes = 1, now;

	memset(class_of, 0, BYTES);
	for (size_t i = 0; i < parse->count && classes < BYTES; i++) {
		memset(used, 0, sizeof(used));
		now = 0;
		for (unsigned byte = 0; byte < BYTES; byte++) {
			uint8_t old = class_of[byte];
			bool in = set_has(&parse->sets[i], byte);

			if (!used[old][in]) {
				used[old][in] = true;
				split[old][in] = (uint8_t)now++;
			}
			class_of[byte] = split[old][in];
		}
		classes = now;
	}
	return classes;
}

static void bit_put(uint64_t *words, size_t bit)
{
	words[bit / WORD_BITS] |= UINT64_C(1) << bit % WORD_BITS;
}

static bool bit_has(const uint64_t *words, size_t bit)
{
	return words[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

/* Make the tables from what was parsed. */
static int assemble(struct lade_filter_pattern *pattern, const struct parse *parse)
{
	size_t classes = classify(parse, pattern->class_of);

	pattern->count = parse->count;
	pattern->words = parse->count / WORD_BITS + 1;
	pattern->accepts = calloc(classes * pattern->words, sizeof(*pattern->accepts));
	pattern->loops = calloc(2 * pattern->words, sizeof(*pattern->loops));
	if (!pattern->accepts || !pattern->loops)
		return LADE_E_MEMORY;
	for (unsigned byte = 0; byte < BYTES; byte++)
		for (size_t i = 0; i < parse->count; i++)
			if (set_has(&parse->sets[i], byte))
				bit_put(pattern->accepts + pattern->class_of[byte] * pattern->words,
					i);
	for (size_t i = 0; i < parse->count; i++) {
		if (parse->skips[i] && !pattern->skips)
			pattern->skips = calloc(pattern->words, sizeof(*pattern->skips));
		if (parse->skips[i] && !pattern->skips)
			return LADE_E_MEMORY;
		if (parse->skips[i])
			bit_put(pattern->skips, i);
	}
	for (size_t i = 0; i <= parse->count; i++) {
		if (parse->loops[i] != LOOP_NONE)
			bit_put(pattern->loops, i);
		if (parse->loops[i] == LOOP_PATH)
			bit_put(pattern->loops + pattern->words, i);
	}
	return 0;
}

static int compile_wild(struct lade_filter_pattern *pattern, const char *text, size_t len,
			enum lade_filter_syntax syntax)
{
	struct parse parse = {
		.at = (const uint8_t *)text, .end = (const uint8_t *)text + len,
		.start = (const uint8_t *)text, .syntax = syntax,
	};
	int code = LADE_E_MEMORY;

	parse.sets = calloc(len + 1, sizeof(*parse.sets));
	parse.loops = calloc(len + 1, sizeof(*parse.loops));
	parse.skips = calloc(len + 1, sizeof(*parse.skips));
	if (!parse.sets || !parse.loops || !parse.skips)
		goto out;
	code = 0;
	while (parse.at < parse.end && !pattern->never)
		pattern->never = !parse_next(&parse);
	if (!pattern->never)
		code = assemble(pattern, &parse);
out:
	free(parse.sets);
	free(parse.loops);
	free(parse.skips);
	return code;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

static bool begins_with(const char *text, size_t len, const char *start)
{
	size_t start_len = strlen(start);

	return len >= start_len && memcmp(text, start, start_len) == 0;
}

static bool has_wildcard(const char *text, size_t len)
{
	return memchr(text, '*', len) || memchr(text, '?', len) || memchr(text, '[', len);
}

/* What the text as a whole says: without the slash at its end. */
static void classify_text(struct lade_filter_pattern *pattern, const char *text, size_t len,
			  enum lade_filter_syntax syntax)
{
	bool slash = memchr(text, '/', len);
	const char *behind = text + (text[0] == '/');

	if (syntax == LADE_FILTER_SYNTAX_GIT) {
		pattern->path = pattern->anchored = slash;
	} else {
		pattern->leading_any = begins_with(text, len, "**");
		pattern->with_contents = ends_with(text, len, "/***");
		pattern->path = slash || memmem(text, len, "**", 2);
		pattern->anchored = text[0] == '/';
		pattern->anywhere = !pattern->anchored && !pattern->leading_any &&
				    memmem(text, len, "**", 2);
	}
	for (; behind < text + len; behind++)
		pattern->slashes += *behind == '/';
}

int lade_filter_pattern_new(const char *text, size_t len, enum lade_filter_syntax syntax,
			    struct lade_filter_pattern **pattern_out)
{
	struct lade_filter_pattern *pattern = calloc(1, sizeof(*pattern));
	int code = 0;

	if (!pattern)
		return LADE_E_MEMORY;
	if (len > 1 && text[len - 1] == '/') {
		pattern->directory_only = true;
		len--;
	}
	classify_text(pattern, text, len, syntax);
	if (text[0] == '/') {
		text++;
		len--;
	}
	/* To git a backslash is never itself. */
	if (has_wildcard(text, len) || (syntax == LADE_FILTER_SYNTAX_GIT && memchr(text, '\\', len))) {
		code = compile_wild(pattern, text, len, syntax);
	} else {
		pattern->literal = malloc(len + 1);
		pattern->literal_len = len;
		if (pattern->literal)
			memcpy(pattern->literal, text, len);
		else
			code = LADE_E_MEMORY;
	}
	if (code) {
		lade_filter_pattern_free(pattern);
		return code;
	}
	*pattern_out = pattern;
	return 0;
}

void lade_filter_pattern_free(struct lade_filter_pattern *pattern)
{
	if (!pattern)
		return;
	free(pattern->literal);
	free(pattern->accepts);
	free(pattern->loops);
	free(pattern->skips);
	free(pattern);
}

bool lade_filter_pattern_anchored(const struct lade_filter_pattern *pattern)
{
	return pattern->anchored;
}

bool lade_filter_pattern_takes_path(const struct lade_filter_pattern *pattern)
{
	return pattern->path;
}

/* Matching. */

static bool literal_matches(const struct lade_filter_pattern *pattern, const char *path,
			    size_t path_len)
{
	size_t len = pattern->literal_len, off;

	if (path_len < len || (pattern->anchored && path_len != len))
		return false;
	off = path_len - len;
	if (off > 0 && path[off - 1] != '/')
		return false;
	return memcmp(path + off, pattern->literal, len) == 0;
}

/* Move states by one byte. Returns false if none is left. */
static bool step(const struct lade_filter_pattern *pattern, uint64_t *states, uint8_t byte)
{
	const uint64_t *accepts = pattern->accepts + pattern->class_of[byte] * pattern->words;
	const uint64_t *loops = pattern->loops + (byte == '/' ? pattern->words : 0);
	uint64_t carry = 0, skipped = 0, moved, entered, any = 0;

	for (size_t i = 0; i < pattern->words; i++) {
		moved = states[i] & accepts[i];
		entered = moved << 1 | carry;
		carry = moved >> (WORD_BITS - 1);
		if (pattern->skips) {
			moved = entered & pattern->skips[i];
			entered |= moved << 1 | skipped;
			skipped = moved >> (WORD_BITS - 1);
		}
		states[i] = entered | (states[i] & loops[i]);
		any |= states[i];
	}
	return any != 0;
}

/* True if the last byte alone rules a match out: most names fail here. */
static bool fails_at_last(const struct lade_filter_pattern *pattern, uint8_t last)
{
	const uint64_t *accepts = pattern->accepts + pattern->class_of[last] * pattern->words;

	if (bit_has(pattern->loops, pattern->count) || pattern->count == 0)
		return false;
	return !bit_has(accepts, pattern->count - 1);
}

/* Where the last slashes + 1 components of a path begin; false if it has fewer. */
static bool find_tail(const char *path, size_t path_len, size_t slashes, size_t *off_out)
{
	size_t off = path_len;

	for (; off > 0; off--) {
		if (path[off - 1] != '/')
			continue;
		if (slashes == 0)
			break;
		slashes--;
	}
	*off_out = off;
	return slashes == 0;
}

static bool wild_matches(const struct lade_filter_pattern *pattern, const char *path,
			 size_t path_len, bool is_directory)
{
	uint64_t states[WORDS_MAX];
	bool alive = true;
	size_t off = 0;

	if (path_len == 0 ||
	    (fails_at_last(pattern, (uint8_t)path[path_len - 1]) && !pattern->with_contents))
		return false;
	memset(states, 0, pattern->words * sizeof(states[0]));
	states[0] = 1;
	if (pattern->skips && pattern->skips[0] & 1)
		states[0] |= 2;
	if (pattern->leading_any)
		alive = step(pattern, states, '/');
	else if (!pattern->anchored && !pattern->anywhere &&
		 !find_tail(path, path_len, pattern->slashes, &off))
		return false;
	for (; off < path_len; off++) {
		if (!alive && !pattern->anywhere)
			return false;
		alive = step(pattern, states, (uint8_t)path[off]);
		if (pattern->anywhere && path[off] == '/')
			states[0] |= 1;
	}
	/* "x" with the three stars matches the directory x as if it were followed by its slash. */
	if (pattern->with_contents && is_directory)
		step(pattern, states, '/');
	return bit_has(states, pattern->count);
}

bool lade_filter_pattern_matches(const struct lade_filter_pattern *pattern, const char *path,
				 size_t path_len, size_t name_off, bool is_directory)
{
	if (pattern->never || (pattern->directory_only && !is_directory))
		return false;
	if (!pattern->path) {
		path += name_off;
		path_len -= name_off;
	}
	if (pattern->literal)
		return literal_matches(pattern, path, path_len);
	return wild_matches(pattern, path, path_len, is_directory);
}
