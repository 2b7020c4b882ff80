/*
 * Tests of agent/store/object_name: names of all forms there and back, and what only looks like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/object_name.h"
#include "agent/store/pack.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WRITER "000102030405060708090a0b0c0d0e0f"
#define RANDOM "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define HASH "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define SNAPSHOT WRITER "-17-d0d1d2d3d4d5d6d7"
#define SESSION "sessions/" WRITER "-" RANDOM
#define GREATEST "18446744073709551615"

/* One of each form, with the longest numbers somewhere. */
static const struct example {
	enum lade_name_kind kind;
	const char *name;
	uint64_t number, time;
} examples[] = {
	{ LADE_NAME_FORMAT, "format", 0, 0 },
	{ LADE_NAME_TRUST, "trust/1", 1, 0 },
	{ LADE_NAME_TRUST, "trust/4294967295", UINT32_MAX, 0 },
	{ LADE_NAME_KEY, "keys/" RANDOM, 0, 0 },
	{ LADE_NAME_PACK, "packs/e0/" HASH, 0, 0 },
	{ LADE_NAME_TABLE, "index/0/" HASH, 0, 0 },
	{ LADE_NAME_TABLE, "index/255/" HASH, 255, 0 },
	{ LADE_NAME_SNAPSHOT, "snapshots/" WRITER "/17-d0d1d2d3d4d5d6d7-1700000000", 0, 1700000000 },
	{ LADE_NAME_NOTE, "notes/" SNAPSHOT "/1", 1, 0 },
	{ LADE_NAME_REFS, "refs/" SNAPSHOT "/0", 0, 0 },
	{ LADE_NAME_REFS, "refs/" SNAPSHOT "/4294967295", UINT32_MAX, 0 },
	{ LADE_NAME_FORGOTTEN, "forgotten/" SNAPSHOT "-0", 0, 0 },
	{ LADE_NAME_ACTIVE, SESSION ".active", 0, 0 },
	{ LADE_NAME_BEAT, SESSION ".beat-10", 10, 0 },
	{ LADE_NAME_SESSION_TABLE, SESSION ".table-" GREATEST, UINT64_MAX, 0 },
	{ LADE_NAME_SESSION_REFS, SESSION ".refs", 0, 0 },
	{ LADE_NAME_SESSION_SNAPSHOT, SESSION ".snapshot", 0, 0 },
	{ LADE_NAME_LATER_REFS, SESSION ".refs-2", 2, 0 },
	{ LADE_NAME_SESSION_GONE, SESSION ".gone", 0, 0 },
	{ LADE_NAME_COMMITTED, SESSION ".committed-" GREATEST, 0, UINT64_MAX },
	{ LADE_NAME_FENCED, SESSION ".fenced", 0, 0 },
	{ LADE_NAME_TOMBSTONE, "tombstones/" HASH, 0, 0 },
	{ LADE_NAME_GONE, "gone/" HASH, 0, 0 },
};

static void assert_counts_up(const uint8_t *bytes, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], (uint8_t)(first + i));
}

/* The parts that a kind has are those of the examples, the others zeros. */
static void assert_parts(const struct lade_object_name *name)
{
	static const struct lade_object_name none;
	const enum lade_name_kind kind = name->kind;

	if (kind >= LADE_NAME_SNAPSHOT && kind <= LADE_NAME_FORGOTTEN) {
		assert_counts_up(name->snapshot.writer, sizeof(name->snapshot.writer), 0);
		assert_counts_up(name->snapshot.hash, sizeof(name->snapshot.hash), 0xd0);
		assert_int_equal(name->snapshot.number, 17);
	} else {
		assert_memory_equal(&name->snapshot, &none.snapshot, sizeof(none.snapshot));
	}
	if (kind >= LADE_NAME_ACTIVE && kind <= LADE_NAME_FENCED) {
		assert_counts_up(name->session.party, sizeof(name->session.party), 0);
		assert_counts_up(name->session.random, sizeof(name->session.random), 0xf0);
	} else {
		assert_memory_equal(&name->session, &none.session, sizeof(none.session));
	}
	if (kind == LADE_NAME_PACK || kind == LADE_NAME_TABLE || kind == LADE_NAME_TOMBSTONE || kind == LADE_NAME_GONE)
		assert_counts_up(name->hash, sizeof(name->hash), 0xe0);
	else
		assert_memory_equal(name->hash, none.hash, sizeof(none.hash));
	if (kind == LADE_NAME_KEY)
		assert_counts_up(name->id, sizeof(name->id), 0xf0);
	else
		assert_memory_equal(name->id, none.id, sizeof(none.id));
}

static void test_there_and_back(void **state)
{
	bool seen[LADE_NAME_COUNT] = { false };

	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		struct lade_object_name name;
		char again[LADE_OBJECT_NAME_MAX + 1];

		assert_int_equal(lade_object_name_parse(examples[i].name, &name), 0);
		assert_int_equal(name.kind, examples[i].kind);
		assert_int_equal(name.number, examples[i].number);
		assert_int_equal(name.time, examples[i].time);
		assert_parts(&name);
		lade_object_name_format(&name, again);
		assert_string_equal(again, examples[i].name);
		assert_true(lade_object_name_ok(again, false));
		seen[name.kind] = true;
	}
	for (size_t i = 0; i < LADE_NAME_COUNT; i++)
		assert_true(seen[i]);
}

/* No name with a byte more, less or changed is the name of the same thing; and what is a name is what is made of its parts. */
static void try_name(const char *text, const char *original)
{
	struct lade_object_name name;
	char again[LADE_OBJECT_NAME_MAX + 1];

	if (lade_object_name_parse(text, &name) != 0)
		return;
	lade_object_name_format(&name, again);
	assert_string_equal(again, text);
	assert_string_not_equal(again, original);
}

static void test_one_name_for_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const char *name = examples[i].name;
		const size_t len = strlen(name);
		/* On the heap, and as long as it has to be: so nothing behind it is read unseen. */
		char *changed = malloc(len + 2);

		assert_non_null(changed);
		for (size_t at = 0; at < len; at++) {
			memcpy(changed, name, len + 1);
			for (int c = 1; c < 256; c++) {
				if (c == (unsigned char)name[at])
					continue;
				changed[at] = (char)c;
				try_name(changed, name);
			}
			snprintf(changed, len + 2, "%.*s0%s", (int)at, name, name + at);
			try_name(changed, name);
			snprintf(changed, len + 2, "%.*s%s", (int)at, name, name + at + 1);
			try_name(changed, name);
		}
		free(changed);
		for (size_t short_len = 0; short_len < len; short_len++) {
			char *shorter = malloc(short_len + 1);

			assert_non_null(shorter);
			memcpy(shorter, name, short_len);
			shorter[short_len] = '\0';
			try_name(shorter, name);
			free(shorter);
		}
	}
}

static void test_what_is_none(void **state)
{
	static const char *const names[] = {
		"", "/", "formats", "format/", "Format", "trust", "trust/", "trust/0", "trust/01", "trust/4294967296", "trust/-1", "trust/+1", "trust/ 1",
		"trust/1 ", "trust/1/1", "tmp/1", "keys/" WRITER "00", "keys/F0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "packs/e1/" HASH, "packs/" HASH, "packs/E0/" HASH,
		"packs/0e/" HASH, "packs/e0/e0" HASH, "index/256/" HASH, "index/00/" HASH, "index//" HASH, "snapshots/" WRITER "/0-d0d1d2d3d4d5d6d7-1",
		"snapshots/" WRITER "/1-d0d1d2d3d4d5d6-1", "snapshots/" WRITER "/1-d0d1d2d3d4d5d6d7", "snapshots/" WRITER "/1-d0d1d2d3d4d5d6d7-01",
		"snapshots/" WRITER "/1-d0d1d2d3d4d5d6d7-18446744073709551616", "snapshots/" WRITER "/1-d0d1d2d3d4d5d6d7-99999999999999999999999",
		"snapshots/" SNAPSHOT "-1", "notes/" SNAPSHOT "/0", "notes/" SNAPSHOT, "refs/" SNAPSHOT "/4294967296", "refs/" SNAPSHOT "/00", "forgotten/" SNAPSHOT,
		"forgotten/" SNAPSHOT "-", SESSION, SESSION ".", SESSION ".active-1", SESSION ".beat-0", SESSION ".beat-", SESSION ".table", SESSION ".table-0",
		SESSION ".refs-0", SESSION ".refs-", SESSION ".snapshot-1", SESSION ".committed", SESSION ".committed-", SESSION ".fenced-1", SESSION ".gone-1",
		"sessions/" WRITER ".active", "tombstones/" WRITER, "gone/" HASH "00", "gone/" HASH "/", "gone/" HASH "\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct lade_object_name name;

		if (lade_object_name_parse(names[i], &name) != LADE_E_REFUSED)
			fail_msg("%s is a name", names[i]);
	}
}

static void test_packs_have_the_same_name(void **state)
{
	struct lade_object_name name;
	char out[LADE_PACK_NAME_SIZE];

	(void)state;
	assert_int_equal(lade_object_name_parse("packs/e0/" HASH, &name), 0);
	lade_pack_object_name(name.hash, out);
	assert_string_equal(out, "packs/e0/" HASH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_one_name_for_each),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_packs_have_the_same_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
