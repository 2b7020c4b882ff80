/*
 * The language of rules, and the rules of files in a tree: in which order they count, which are
 * inherited, what a tree that wants to do harm gets.
 */
#include "agent/tree/filter_scope.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/limits.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct lade_filter_use sender = { .side = LADE_FILTER_SENDER };
static const struct lade_filter_use receiver = { .side = LADE_FILTER_RECEIVER };
static const struct lade_filter_use excluding = { .side = LADE_FILTER_RECEIVER, .delete_excluded = true };
static const struct lade_filter_use removing = { .side = LADE_FILTER_RECEIVER, .removing = true };

static char base[PATH_MAX]; /* the tree, without symlinks on the way */

/* Rules separated by newlines. */
static struct lade_filter *filter_of(const char *rules)
{
	char *copy = strdup(rules), *save = NULL;
	struct lade_filter *filter;

	assert_non_null(copy);
	assert_int_equal(lade_filter_new(&filter), 0);
	for (char *rule = strtok_r(copy, "\n", &save); rule; rule = strtok_r(NULL, "\n", &save)) {
		if (strcmp(rule, "git") == 0)
			assert_int_equal(lade_filter_add_git(filter, NULL), 0);
		else
			assert_int_equal(lade_filter_add_rule(filter, rule, NULL), 0);
	}
	free(copy);
	return filter;
}

static void write_file(const char *name, const char *data, size_t len)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	for (char *slash = path + strlen(base) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		(void)mkdir(path, 0700);
	}
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* Enter the directory at the top, and those below it on the way to path. */
static int enter_all(struct lade_filter_scope *scope, const char *path, struct lade_fault *fault)
{
	char name[PATH_MAX], full[2 * PATH_MAX];
	int error = 0, fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	lade_filter_scope_begin(scope, fd, 0);
	error = lade_filter_scope_enter(scope, fd, "", fault);
	close(fd);
	for (const char *slash = path; !error && (slash = strchr(slash, '/')) && slash[1]; slash++) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		snprintf(full, sizeof(full), "%s/%s", base, name);
		fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		error = lade_filter_scope_enter(scope, fd, name, fault);
		if (fd >= 0)
			close(fd);
	}
	return error;
}

/* What a decision says goes with its scope. */
static void keep_texts(struct lade_filter_decision *decision)
{
	static char text[256], origin[2 * PATH_MAX];

	snprintf(text, sizeof(text), "%s", decision->text ? decision->text : "");
	snprintf(origin, sizeof(origin), "%s", decision->origin ? decision->origin : "");
	decision->text = text;
	decision->origin = decision->origin ? origin : NULL;
}

/* A path that ends with a slash is a directory. */
static bool excluded_by(const char *rules, const struct lade_filter_use *use, const char *path,
			struct lade_filter_decision *decision_out)
{
	struct lade_filter *filter = filter_of(rules);
	struct lade_filter_scope *scope;
	char name[PATH_MAX];
	size_t len = strlen(path);
	bool excluded;

	assert_int_equal(lade_filter_scope_new(filter, use, &scope), 0);
	assert_int_equal(enter_all(scope, path, NULL), 0);
	snprintf(name, sizeof(name), "%.*s", (int)(path[len - 1] == '/' ? len - 1 : len), path);
	excluded = lade_filter_scope_excludes(scope, name, path[len - 1] == '/', decision_out);
	if (decision_out)
		keep_texts(decision_out);
	lade_filter_scope_free(scope);
	lade_filter_free(filter);
	return excluded;
}

static void check_paths(const char *rules, const struct lade_filter_use *use, const char *paths, bool expected)
{
	char path[256];
	size_t len;

	for (; *paths; paths += len + (paths[len] == ' ')) {
		len = strcspn(paths, " ");
		snprintf(path, sizeof(path), "%.*s", (int)len, paths);
		if (excluded_by(rules, use, path, NULL) != expected)
			fail_msg("\"%s\" and \"%s\"", rules, path);
	}
}

static const struct {
	const char *rules;
	const struct lade_filter_use *use;
	const char *yes; /* excluded */
	const char *no;
} rules[] = {
	{ "- *.o", &sender, "a.o d/a.o", "a.c" },
	{ "-_*.o", &sender, "a.o", "a.c" },
	{ "-, *.o", &sender, "a.o", "a.c" },
	{ "- _a", &sender, "_a", "a" },
	{ "-  a", &sender, "", "a" },
	{ "exclude *.o", &sender, "a.o", "a.c" },
	{ "exclude_*.o", &sender, "a.o", "a.c" },
	{ "exclude,! *.o", &sender, "a.c", "a.o" },
	{ "include a.o\nexclude *.o", &sender, "b.o", "a.o" },
	{ "+ a.o\n- *.o", &receiver, "b.o", "a.o" },
	{ "-! */", &sender, "a d/a", "d/" },
	{ "-s x", &sender, "x", "y" },
	{ "-s x", &receiver, "", "x" },
	{ "-r x", &sender, "", "x" },
	{ "-r x", &receiver, "x", "" },
	{ "-sr x", &excluding, "x", "" },
	{ "hide x", &receiver, "", "x" },
	{ "H x", &sender, "x", "" },
	{ "protect x", &sender, "", "x" },
	{ "P x", &receiver, "x", "" },
	{ "P x", &excluding, "x", "" },
	{ "- x", &excluding, "", "x" },
	{ "S x\n- x", &sender, "", "x" },
	{ "show x\n- x", &receiver, "x", "" },
	{ "R x\n- x", &receiver, "", "x" },
	{ "risk x\n- x", &sender, "x", "" },
	{ "-p x", &receiver, "x", "" },
	{ "-p x", &removing, "", "x" },
	{ "- x", &removing, "x", "" },
	{ "-x x", &sender, "", "x" },
	{ "- x\n!\n- y", &sender, "y", "x" },
	{ "- x\nclear\n- y", &sender, "y", "x" },
	{ "-C", &sender, "core d/x.o a~ .git/ d/CVS #x", "c.c .git" },
	{ "-sC", &receiver, "", "core" },
	{ "-C", &receiver, "core", "" },
	{ "-C", &removing, "", "core" },
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		check_paths(rules[i].rules, rules[i].use, rules[i].yes, true);
		check_paths(rules[i].rules, rules[i].use, rules[i].no, false);
	}
}

static void test_what_is_no_rule(void **state)
{
	static const char *const bad[] = {
		"", "-", "- ", "q x", "excluded x", "excl x", "-q x", "!x", "! x", "clear x", "Hs x", "Pr x", "-e x", "-n x", "+C",
		"-w x", "-- x", ": ", ":x f", ":! f", ": a/", ": ..", ": a/.", ":-C", ":-+ f", "-C x", ". ",
	};
	struct lade_filter *filter;
	struct lade_fault fault;

	(void)state;
	assert_int_equal(lade_filter_new(&filter), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (lade_filter_add_rule(filter, bad[i], &fault) != LADE_E_USAGE)
			fail_msg("\"%s\"", bad[i]);
		assert_string_equal(fault.subject, bad[i]);
		assert_true(lade_filter_empty(filter));
	}
	assert_int_equal(lade_filter_add_rule(filter, ". /no such file", &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, "/no such file");
	lade_filter_free(filter);
}

/* The file .f of the tree's top, of d and of d/e, and what then is excluded; NULL: there is none. */
static const struct {
	const char *rules;
	const char *top, *d, *e;
	const char *yes, *no;
} trees[] = {
	{ ": .f", "- x", NULL, NULL, "x d/x d/e/x", "y .f" },
	{ ":e .f", "- x", NULL, NULL, "x .f d/.f", "y" },
	{ ":n .f", "- x", NULL, NULL, "x", "d/x d/e/x" },
	{ "dir-merge,ne .f", "- x", NULL, NULL, "x .f d/.f", "d/x" },
	{ ": .f", "- x", "+ x", NULL, "x", "d/x d/e/x" },
	{ ": .f", "- x\n- y", "!\n- z", NULL, "x y d/z d/e/z", "z d/x d/e/y" },
	{ "+ x\n: .f\n- *", "- x\n+ y", NULL, NULL, "z", "x y" },
	{ ": .f", NULL, "- /e/x\n- /y", NULL, "d/e/x d/y", "d/x e/x y d/e/y" },
	{ ": .f", NULL, "- d/x", NULL, "d/x", "d/e/x" },
	{ ": .f", NULL, "- /**/x", NULL, "d/e/x", "d/x" },
	{ ":- .f", "- x\n# no\n;\n\ny", NULL, NULL, "y d/y", "x #" },
	{ ":-p .f", "- x\n# no\n;\n\ny", NULL, NULL, "y d/y", "x #" },
	{ ":+ .f\n- *.c", "a.c", NULL, NULL, "b.c d/b.c", "a.c d/a.c" },
	{ ":w .f", "- x + y - *.c\n- z", NULL, NULL, "x a.c z", "y .f" },
	{ ":w- .f", "x #c\n y", NULL, NULL, "x #c y", ".f" },
	{ ":C .f", "x y\nz", "a ! b", NULL, "x y z d/b", "d/x d/a d/e/b" },
	{ ": .f", "- x\r- y\r\n- z", NULL, NULL, "x y z", "" },
	{ ":s .f", "- x", NULL, NULL, "x", "" },
	{ ":r .f", "- x", NULL, NULL, "", "x" },
	{ ": .f", "P x\nH y", NULL, NULL, "y", "x" },
	{ ": .f", ": .g", NULL, NULL, "d/gx d/e/gx", "x gx" },
	{ ": .f", ". sub", NULL, NULL, "m", "n" },
	{ ": .f", ": .f\n- x", NULL, NULL, "x", "" },
	{ "git", NULL, NULL, NULL, "", "x" },
};

static void test_trees(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	write_text("d/.g", "- gx");
	write_text("sub", "- m");
	write_text("d/e/z", "");
	for (size_t i = 0; i < COUNT(trees); i++) {
		const char *const names[] = { ".f", "d/.f", "d/e/.f" };
		const char *const texts[] = { trees[i].top, trees[i].d, trees[i].e };

		for (size_t k = 0; k < COUNT(names); k++) {
			snprintf(path, sizeof(path), "%s/%s", base, names[k]);
			unlink(path);
			if (texts[k])
				write_text(names[k], texts[k]);
		}
		check_paths(trees[i].rules, &sender, trees[i].yes, true);
		check_paths(trees[i].rules, &sender, trees[i].no, false);
	}
}

/* What git check-ignore says. */
static const struct {
	const char *top, *d;
	const char *yes, *no;
} ignores[] = {
	{ "x", NULL, "x x/ d/x d/e/x/", "y" },
	{ "x/", NULL, "x/ d/x/", "x d/x" },
	{ "/x", NULL, "x x/", "d/x" },
	{ "d/x", NULL, "d/x", "x d/d/x e/d/x" },
	{ "*.o\n!a.o", NULL, "b.o d/b.o", "a.o d/a.o" },
	{ "!a.o\n*.o", NULL, "a.o", "" },
	{ "*.o", "!*.o", "a.o", "d/a.o d/e/a.o" },
	{ "*.o", "!/a.o", "a.o d/b.o d/e/a.o", "d/a.o" },
	{ "**/x", NULL, "x d/x d/e/x", "y" },
	{ "d/**/x", NULL, "d/x d/e/x d/e/f/x", "x e/d/x d/ex" },
	{ "d/**", NULL, "d/x d/e/x d/e/", "d/ x" },
	{ "**/e/**", NULL, "e/x d/e/x", "x d/e/" },
	{ "**/**/x", NULL, "x d/x d/e/x", "" },
	{ "a**b", NULL, "ab axb d/axb", "a/b" },
	{ "d/*", NULL, "d/x d/e/", "d/e/x" },
	{ "# x\n\\#x\n\\!y", NULL, "#x !y", "x y" },
	{ "\xef\xbb\xbfx", NULL, "x", "" },
	{ "/", NULL, "", "x x/" },
	{ "[a-c]\n[!a-y]q", NULL, "a c zq", "d aq" },
	{ "x\\*", NULL, "x*", "xa" },
	{ "\\x", NULL, "x", "\\x" },
	{ "[a", NULL, "", "[a a" },
	{ "d/e", "x", "d/e/ d/x", "e/ x" },
};

static void test_git(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(ignores); i++) {
		write_text(".gitignore", ignores[i].top);
		snprintf(path, sizeof(path), "%s/d/.gitignore", base);
		unlink(path);
		if (ignores[i].d)
			write_text("d/.gitignore", ignores[i].d);
		check_paths("git", &sender, ignores[i].yes, true);
		check_paths("git", &sender, ignores[i].no, false);
	}
	write_text(".gitignore", "z  \nq\\ ");
	assert_true(excluded_by("git", &sender, "z", NULL));
	assert_true(excluded_by("git", &sender, "q ", NULL));
	assert_false(excluded_by("git", &sender, "q", NULL));
	/* An earlier rule comes first, a later one where no line matches. */
	assert_false(excluded_by("+ z\ngit", &sender, "z", NULL));
	assert_true(excluded_by("git\n- y", &sender, "y", NULL));
	snprintf(path, sizeof(path), "%s/.gitignore", base);
	unlink(path);
}

/* Sides and --delete-excluded of rules in files. */
static void test_sides_of_files(void **state)
{
	(void)state;
	write_text(".f", "- x\nP y\nH z");
	check_paths(": .f", &receiver, "x y", true);
	check_paths(": .f", &receiver, "z", false);
	check_paths(": .f", &excluding, "y", true);
	check_paths(": .f", &excluding, "x z", false);
	check_paths(":s .f", &receiver, "x y", false);
	write_text(".f", "x");
	check_paths(":- .f", &excluding, "x", false);
	check_paths(":-r .f", &excluding, "x", true);
	check_paths(":-p .f", &removing, "x", false);
	write_text(".f", "");
}

/* Who decided. */
static void test_decisions(void **state)
{
	struct lade_filter_decision decision;

	(void)state;
	write_text("d/.f", "# first\n- x\n-! y");
	assert_true(excluded_by("- a\n: .f", &sender, "d/x", &decision));
	assert_string_equal(decision.text, "x");
	assert_string_equal(decision.origin, "d/.f");
	assert_int_equal(decision.line, 2);
	assert_int_equal(decision.number, 1);
	assert_true(excluded_by(": .f", &sender, "d/z", &decision));
	assert_true(decision.negated);
	assert_int_equal(decision.line, 3);
	assert_true(excluded_by(": .f\n- a", &sender, "a", &decision));
	assert_null(decision.origin);
	assert_int_equal(decision.number, 2);
	assert_false(excluded_by(": .f", &sender, "d/y", &decision));
	assert_int_equal(decision.number, 0);
	write_text("d/.f", "");
}

static void test_absolute(void **state)
{
	char rule[2 * PATH_MAX];

	(void)state;
	snprintf(rule, sizeof(rule), "-/ %s/d/x", base);
	check_paths(rule, &sender, "d/x", true);
	check_paths(rule, &sender, "x d/e/x d/y", false);
	snprintf(rule, sizeof(rule), "-/ %s/d/x", strrchr(base, '/') + 1);
	check_paths(rule, &sender, "d/x", true);
	check_paths("-/ x", &sender, "x d/x", true);
	check_paths("-/ /d/x", &sender, "d/x", false);
	check_paths("-/! /**", &sender, "d/x", false);
}

/* Files above the tree, from where the rule says on. */
static void test_above(void **state)
{
	struct lade_filter_scope *scope;
	char rule[2 * PATH_MAX], kept[PATH_MAX];
	struct lade_filter *filter;
	int fd;

	(void)state;
	write_text(".h", "- x\n- /d/y\n- /z");
	strcpy(kept, base);
	strcat(base, "/d"); /* the transfer begins below */
	filter = filter_of(": ../.h");
	assert_int_equal(lade_filter_scope_new(filter, &sender, &scope), 0);
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lade_filter_scope_begin(scope, fd, 0);
	/* What is at the top is not in the directory yet. */
	assert_false(lade_filter_scope_excludes(scope, "x", false, NULL));
	assert_int_equal(lade_filter_scope_enter(scope, fd, "", NULL), 0);
	assert_true(lade_filter_scope_excludes(scope, "x", false, NULL));
	assert_true(lade_filter_scope_excludes(scope, "y", false, NULL));
	assert_false(lade_filter_scope_excludes(scope, "z", false, NULL));
	lade_filter_scope_leave(scope);
	assert_false(lade_filter_scope_excludes(scope, "x", false, NULL));
	lade_filter_scope_free(scope);
	lade_filter_free(filter);
	close(fd);
	snprintf(rule, sizeof(rule), ": %s/.h", kept);
	check_paths(rule, &sender, "x y e/x", true);
	check_paths(": .h", &sender, "x y", false);
	check_paths(": sub/.h", &sender, "x y", false);
	check_paths(": /.h", &sender, "x y", true);
	check_paths(":n /.h", &sender, "x y", false); /* not inherited from above */
	strcpy(base, kept);
}

/* A file that a file names is looked for below that, and nowhere else. */
static void test_leaving(void **state)
{
	struct lade_filter *filter = filter_of(": .f");
	struct lade_filter_scope *scope;
	char path[2 * PATH_MAX];
	int fd;

	(void)state;
	write_text(".f", "");
	write_text("d/.f", ": .g");
	write_text("other/.g", "- q");
	assert_int_equal(lade_filter_scope_new(filter, &sender, &scope), 0);
	assert_int_equal(enter_all(scope, "d/gx", NULL), 0);
	assert_true(lade_filter_scope_excludes(scope, "d/gx", false, NULL));
	lade_filter_scope_leave(scope);
	assert_false(lade_filter_scope_excludes(scope, "gx", false, NULL));
	snprintf(path, sizeof(path), "%s/other", base);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(lade_filter_scope_enter(scope, fd, "other", NULL), 0);
	assert_false(lade_filter_scope_excludes(scope, "other/q", false, NULL));
	close(fd);
	lade_filter_scope_free(scope);
	lade_filter_free(filter);
	write_text("d/.f", "");
}

/* A file that is wrong makes entering fail, says its name and line and nothing else, and leaves the scope usable. */
static void check_wrong(const char *filter_rules, const char *text, size_t len, int code, const char *subject)
{
	struct lade_filter *filter = filter_of(filter_rules);
	struct lade_filter_scope *scope;
	struct lade_fault fault = { 0 };

	write_file("d/.f", text, len);
	assert_int_equal(lade_filter_scope_new(filter, &sender, &scope), 0);
	assert_int_equal(enter_all(scope, "d/x", &fault), code);
	assert_string_equal(fault.subject, subject);
	lade_filter_scope_leave(scope);
	assert_false(lade_filter_scope_excludes(scope, "x", false, NULL));
	lade_filter_scope_leave(scope);
	lade_filter_scope_free(scope);
	lade_filter_free(filter);
	write_text("d/.f", "");
}

static void test_wrong_files(void **state)
{
	(void)state;
	check_wrong(": .f", "- a\nsecret", 10, LADE_E_USAGE, "d/.f line 2");
	check_wrong(": .f", "- a\0b", 5, LADE_E_USAGE, "d/.f line 1");
	check_wrong(":s .f", "-r a", 4, LADE_E_USAGE, "d/.f line 1");
	check_wrong(": .f", "-x a", 4, LADE_E_USAGE, "d/.f line 1");
	check_wrong(": .f", "\n. none", 7, LADE_E_USAGE, "d/.f line 2");
	check_wrong(": .f", ". .f", 4, LADE_E_LIMIT, ".f line 1");
	check_wrong(":w .f", "- a\n-q b", 8, LADE_E_USAGE, "d/.f line 2");
}

/* More rules than there may be, or more files. */
static void test_limits(void **state)
{
	char *large = malloc(LADE_RULES_MAX + 1);
	char many[4096];
	size_t len = 0;

	(void)state;
	assert_non_null(large);
	memset(large, '\n', LADE_RULES_MAX + 1);
	check_wrong(": .f", large, LADE_RULES_MAX + 1, LADE_E_LIMIT, "d/.f");
	/* Short rules take more than their text. */
	for (size_t i = 0; i < LADE_RULES_MAX; i += 2)
		large[i] = 'a';
	write_file(".f", large, LADE_RULES_MAX / 2);
	check_wrong(":- .f", large, LADE_RULES_MAX / 4, LADE_E_LIMIT, "d/.f line 10923");
	free(large);
	for (unsigned i = 0; i <= LADE_FILTER_MERGES_MAX; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, ": f%u\n", i);
	write_text(".f", "");
	check_wrong(": .f", many, len, LADE_E_LIMIT, "d");
}

/* Files that name each other many times: without a limit, a thousand lines in each of seven would be read for ever. */
static void test_many_merges(void **state)
{
	char lines[8000], name[8];
	size_t len = 0;

	(void)state;
	write_text(".f", "");
	for (unsigned file = 6; file > 0; file--) {
		snprintf(name, sizeof(name), "d/m%u", file);
		write_file(name, lines, len);
		len = 0;
		for (unsigned i = 0; i < 1000; i++)
			len += (size_t)snprintf(lines + len, sizeof(lines) - len, ". m%u\n", file);
	}
	check_wrong(": .f", lines, len, LADE_E_LIMIT, "m6");
}

/* What is no regular file is none of rules; opening it would wait, or do something. */
static void test_no_files(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/d/.k", base);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_paths(": .k", &sender, "d/x", false);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	check_paths(": .k", &sender, "d/x", false);
	rmdir(path);
	assert_int_equal(symlink("/dev/zero", path), 0);
	check_paths(": .k", &sender, "d/x", false);
	unlink(path);
	assert_int_equal(symlink("nowhere", path), 0);
	check_paths(": .k", &sender, "d/x", false);
	unlink(path);
}

/* What a receiver knows without the sender's tree. */
static void test_without_a_tree(void **state)
{
	static const struct {
		const char *rules;
		const char *path;
		bool excluded;
	} known[] = {
		{ "- x", "x", true },		  { "-r x", "x", false },	  { ": .f\n- x", "x", false },
		{ "- x\n: .f", "x", true },	  { ":- .f\n- x", "x", true },	  { ":+ .f\n- x", "x", false },
		{ ":C .f\n- x", "x", true },	  { "git\n- x", "x", false },	  { "+/ /a/x\n- x", "x", false },
		{ "-/ /a/x\n- x", "x", true },	  { "-/ /a/x", "x", false },	  { "-x x", "x", false },
		{ "+/ y\n- x", "x", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct lade_filter *filter = filter_of(known[i].rules), *copy;
		struct lade_writer writer;

		lade_writer_init(&writer, LADE_RULES_MAX);
		assert_int_equal(lade_filter_encode(filter, &writer), 0);
		assert_int_equal(lade_filter_decode(lade_slice(writer.data, writer.len), &copy), 0);
		if (lade_filter_excludes(copy, known[i].path, false) != known[i].excluded)
			fail_msg("\"%s\"", known[i].rules);
		lade_writer_fini(&writer);
		lade_filter_free(copy);
		lade_filter_free(filter);
	}
}

static void test_attributes(void **state)
{
	struct lade_filter *filter = filter_of("- user.a");

	(void)state;
	assert_int_equal(lade_filter_attribute(filter, &sender, "user.a"), LADE_FILTER_UNRULED);
	lade_filter_free(filter);
	filter = filter_of("+x user.ab\n-xs user.a*\n-x! user.*");
	assert_int_equal(lade_filter_attribute(filter, &sender, "user.a"), LADE_FILTER_EXCLUDED);
	assert_int_equal(lade_filter_attribute(filter, &receiver, "user.a"), LADE_FILTER_INCLUDED);
	assert_int_equal(lade_filter_attribute(filter, &sender, "user.ab"), LADE_FILTER_INCLUDED);
	assert_int_equal(lade_filter_attribute(filter, &sender, "user.c"), LADE_FILTER_INCLUDED);
	assert_int_equal(lade_filter_attribute(filter, &receiver, "trusted.c"), LADE_FILTER_EXCLUDED);
	assert_int_equal(lade_filter_attribute(filter, &excluding, "trusted.c"), LADE_FILTER_INCLUDED);
	lade_filter_free(filter);
}

static int make_base(void **state)
{
	char path[PATH_MAX];

	(void)state;
	temp_tree_make(path);
	if (!realpath(path, base))
		return -1;
	/* What the user's own lists say is no business of a test. */
	return setenv("HOME", base, 1) || unsetenv("CVSIGNORE");
}

static int remove_base(void **state)
{
	(void)state;
	temp_tree_remove(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_what_is_no_rule),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_git),
		cmocka_unit_test(test_sides_of_files),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_above),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_merges),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_without_a_tree),
		cmocka_unit_test(test_attributes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("filter_scope", tests, make_base, remove_base);
}
