/*
 * Tests of agent/store/store_rights: the table of FORMAT.md, "Who may write what", for every kind of name and every class of clients, and what goes beyond a name: whose it is, its
 * kind, how far a session is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/store_rights.h"
#include "tests/unit/store_scene.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OWN 0x11
#define OTHER 0x22
#define RANDOM 0x33

static struct lade_store_rights rights_of(enum lade_store_class class)
{
	struct lade_store_rights rights = { .class = class, .has_party = class == LADE_STORE_WRITES || class == LADE_STORE_MANAGES };

	memset(rights.party, OWN, sizeof(rights.party));
	return rights;
}

/* A name of a kind, of party's session, or of whatever else it is of. */
static void name_of(enum lade_name_kind kind, uint8_t party, char out[LADE_OBJECT_NAME_MAX + 1])
{
	struct lade_object_name name = { .kind = kind, .number = 1, .time = 7, .snapshot = { .number = 1 } };

	if (kind == LADE_NAME_TABLE)
		name.number = 0;
	memset(name.session.party, party, sizeof(name.session.party));
	memset(name.session.random, RANDOM, sizeof(name.session.random));
	lade_object_name_format(&name, out);
}

static const char kinds[LADE_NAME_COUNT] = {
	[LADE_NAME_FORMAT] = 'F', [LADE_NAME_TRUST] = 'T', [LADE_NAME_KEY] = 'K', [LADE_NAME_PACK] = 'P', [LADE_NAME_TABLE] = 'I', [LADE_NAME_SNAPSHOT] = 'S',
	[LADE_NAME_NOTE] = 'N', [LADE_NAME_REFS] = 'R', [LADE_NAME_FORGOTTEN] = 'X', [LADE_NAME_ACTIVE] = 'L', [LADE_NAME_BEAT] = 0, [LADE_NAME_SESSION_TABLE] = 'I',
	[LADE_NAME_SESSION_REFS] = 'R', [LADE_NAME_SESSION_SNAPSHOT] = 'S', [LADE_NAME_LATER_REFS] = 'R', [LADE_NAME_SESSION_GONE] = 'G',
	[LADE_NAME_COMMITTED] = 'L', [LADE_NAME_FENCED] = 'L', [LADE_NAME_TOMBSTONE] = 'G', [LADE_NAME_GONE] = 'G',
};

/* The first bytes of an object of a kind, of party's. */
static void head_of(char kind, uint8_t party, uint8_t head[LADE_STORE_HEAD_LEN])
{
	const size_t off = kind == 'P' || kind == 'I' || kind == 'S' || kind == 'N' ? 32 : kind == 'R' ? 28 : 24;

	memset(head, 0, LADE_STORE_HEAD_LEN);
	memcpy(head, "LADE", 4);
	head[4] = (uint8_t)kind;
	memset(head + off, party, LADE_PARTY_ID_LEN);
	if (kind == 'L')
		memset(head + 40, RANDOM, LADE_SESSION_RANDOM_LEN);
}

/* May somebody put an object of a kind: in a session of party's, and by its header of header's? */
static int put(struct store_scene *scene, enum lade_store_class class, enum lade_name_kind kind, uint8_t party, uint8_t header)
{
	struct lade_store_rights rights = rights_of(class);
	uint8_t head[LADE_STORE_HEAD_LEN];
	char name[LADE_OBJECT_NAME_MAX + 1];
	const struct lade_store_candidate candidate = { .name = name, .head = head, .head_len = kinds[kind] ? sizeof(head) : 0, .len = kinds[kind] ? sizeof(head) : 0 };

	name_of(kind, party, name);
	head_of(kinds[kind], header, head);
	return lade_store_rights_put(&rights, scene->store, &candidate, NULL);
}

static void make(struct store_scene *scene, enum lade_name_kind kind, uint8_t party)
{
	char name[LADE_OBJECT_NAME_MAX + 1];

	name_of(kind, party, name);
	assert_int_equal(lade_store_put(scene->store, name, "x", 1, NULL), 0);
}

static void move(struct store_scene *scene, enum lade_name_kind from, enum lade_name_kind to, uint8_t party)
{
	char source[LADE_OBJECT_NAME_MAX + 1], target[LADE_OBJECT_NAME_MAX + 1];

	name_of(from, party, source);
	name_of(to, party, target);
	assert_int_equal(lade_store_rename(scene->store, source, target, NULL), 0);
}

static int take(struct store_scene *scene, enum lade_store_class class, enum lade_name_kind kind, uint8_t party)
{
	struct lade_store_rights rights = rights_of(class);
	char name[LADE_OBJECT_NAME_MAX + 1];

	name_of(kind, party, name);
	return lade_store_rights_remove(&rights, scene->store, name, NULL);
}

static int change(enum lade_store_class class, enum lade_name_kind from, enum lade_name_kind to, uint8_t party, char to_out[LADE_OBJECT_NAME_MAX + 1])
{
	struct lade_store_rights rights = rights_of(class);
	char source[LADE_OBJECT_NAME_MAX + 1], target[LADE_OBJECT_NAME_MAX + 1];

	name_of(from, party, source);
	name_of(to, party, target);
	return lade_store_rights_rename(&rights, source, target, to_out, NULL);
}

/* One bit for each kind of name. */
#define BIT(kind) (1u << LADE_NAME_##kind)
#define SESSION_OF_WRITER (BIT(BEAT) | BIT(SESSION_TABLE) | BIT(SESSION_REFS) | BIT(SESSION_SNAPSHOT))
#define SESSION_OF_MANAGER (SESSION_OF_WRITER | BIT(LATER_REFS) | BIT(SESSION_GONE))
#define ALL ((1u << LADE_NAME_COUNT) - 1)

/* Every kind, while the client's own session is active. */
static void test_put(void **state)
{
	static const unsigned may[] = {
		[LADE_STORE_READS] = 0,
		[LADE_STORE_WRITES] = BIT(PACK) | SESSION_OF_WRITER,
		[LADE_STORE_MANAGES] = BIT(PACK) | SESSION_OF_MANAGER | BIT(TOMBSTONE) | BIT(FORGOTTEN) | BIT(NOTE) | BIT(KEY) | BIT(TRUST),
		[LADE_STORE_OWNS] = ALL,
	};
	struct store_scene *scene = *state;

	make(scene, LADE_NAME_ACTIVE, OWN);
	for (unsigned class = 0; class < COUNT(may); class++) {
		for (int kind = 0; kind < LADE_NAME_COUNT; kind++) {
			int error = put(scene, (enum lade_store_class)class, (enum lade_name_kind)kind, OWN, OWN);

			/* It is there already. */
			if (kind == LADE_NAME_ACTIVE && class != LADE_STORE_READS && class != LADE_STORE_OWNS)
				assert_int_equal(error, LADE_E_EXISTS);
			else
				assert_int_equal(error, may[class] >> kind & 1 ? 0 : LADE_E_REFUSED);
		}
	}
}

/* What says that it is somebody else's. */
static void test_put_of_others(void **state)
{
	struct store_scene *scene = *state;

	make(scene, LADE_NAME_ACTIVE, OWN);
	make(scene, LADE_NAME_ACTIVE, OTHER);
	for (int class = LADE_STORE_WRITES; class <= LADE_STORE_MANAGES; class++) {
		assert_int_equal(put(scene, (enum lade_store_class)class, LADE_NAME_PACK, OWN, OTHER), LADE_E_REFUSED);
		assert_int_equal(put(scene, (enum lade_store_class)class, LADE_NAME_BEAT, OTHER, OWN), LADE_E_REFUSED);
		assert_int_equal(put(scene, (enum lade_store_class)class, LADE_NAME_SESSION_TABLE, OTHER, OWN), LADE_E_REFUSED);
		assert_int_equal(put(scene, (enum lade_store_class)class, LADE_NAME_SESSION_TABLE, OWN, OTHER), LADE_E_REFUSED);
		assert_int_equal(put(scene, (enum lade_store_class)class, LADE_NAME_SESSION_SNAPSHOT, OWN, OTHER), LADE_E_REFUSED);
	}
	assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_SESSION_REFS, OWN, OTHER), LADE_E_REFUSED);
}

/* Tables of a higher level and later refs are a manager's, whatever they are called. */
static void test_put_of_managers(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store_rights rights = rights_of(LADE_STORE_WRITES);
	uint8_t head[LADE_STORE_HEAD_LEN];
	char name[LADE_OBJECT_NAME_MAX + 1];
	const struct lade_store_candidate candidate = { .name = name, .head = head, .head_len = sizeof(head), .len = 1000 };

	make(scene, LADE_NAME_ACTIVE, OWN);
	name_of(LADE_NAME_SESSION_TABLE, OWN, name);
	head_of('I', OWN, head);
	head[28] = 1;
	assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), LADE_E_REFUSED);
	head[28] = 0;
	assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), 0);
	name_of(LADE_NAME_SESSION_REFS, OWN, name);
	head_of('R', OWN, head);
	for (unsigned bit = 0; bit < 32; bit++) {
		head[24 + bit / 8] = (uint8_t)(1u << bit % 8);
		assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), LADE_E_REFUSED);
		head[24 + bit / 8] = 0;
	}
	assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), 0);
}

/* A session that is not active takes nothing, and does not become active again. */
static void test_session_that_is_over(void **state)
{
	static const enum lade_name_kind ends[] = { LADE_NAME_FENCED, LADE_NAME_COMMITTED };
	struct store_scene *scene = *state;

	assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_BEAT, OWN, OWN), LADE_E_REFUSED);
	assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_ACTIVE, OWN, OWN), 0);
	assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_ACTIVE, OWN, OTHER), LADE_E_REFUSED);
	assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_ACTIVE, OTHER, OTHER), LADE_E_REFUSED);
	make(scene, LADE_NAME_ACTIVE, OWN);
	for (size_t i = 0; i < COUNT(ends); i++) {
		move(scene, i ? LADE_NAME_FENCED : LADE_NAME_ACTIVE, ends[i], OWN);
		assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_BEAT, OWN, OWN), LADE_E_REFUSED);
		assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_SESSION_SNAPSHOT, OWN, OWN), LADE_E_REFUSED);
		assert_int_equal(put(scene, LADE_STORE_WRITES, LADE_NAME_ACTIVE, OWN, OWN), LADE_E_REFUSED);
	}
}

/* The header says another kind than the name, is short, or is none. */
static void test_kinds(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store_rights rights = rights_of(LADE_STORE_OWNS);
	uint8_t head[LADE_STORE_HEAD_LEN];
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_store_candidate candidate = { .name = name, .head = head };

	for (int kind = 0; kind < LADE_NAME_COUNT; kind++) {
		name_of((enum lade_name_kind)kind, OWN, name);
		head_of(kinds[kind], OWN, head);
		candidate.len = candidate.head_len = kinds[kind] ? sizeof(head) : 0;
		assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), 0);
		candidate.len = candidate.head_len = kinds[kind] ? 23 : 1;
		assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), LADE_E_REFUSED);
		candidate.len = candidate.head_len = sizeof(head);
		for (unsigned bit = 0; bit < 40; bit++) {
			head[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), LADE_E_REFUSED);
			head[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void test_limits(void **state)
{
	static const struct {
		char kind;
		uint64_t most;
	} limits[] = {
		{ 'F', 4096 }, { 'T', 4096 }, { 'L', 4096 }, { 'K', 256 << 10 }, { 'P', 67108864 }, { 'I', 1 << 30 }, { 'S', 16 << 20 }, { 'N', 16 << 20 }, { '?', 0 },
	};
	uint8_t head[LADE_STORE_HEAD_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		head_of(limits[i].kind, OWN, head);
		assert_int_equal(lade_store_rights_limit(head, sizeof(head)), limits[i].most);
		assert_int_equal(lade_store_rights_limit(head, 5), limits[i].most);
		/* Nothing is known yet. */
		assert_int_equal(lade_store_rights_limit(head, 4), 1 << 30);
	}
}

static void test_rename(void **state)
{
	static const enum lade_name_kind publications[][2] = {
		{ LADE_NAME_SESSION_TABLE, LADE_NAME_TABLE },     { LADE_NAME_SESSION_REFS, LADE_NAME_REFS },   { LADE_NAME_LATER_REFS, LADE_NAME_REFS },
		{ LADE_NAME_SESSION_SNAPSHOT, LADE_NAME_SNAPSHOT }, { LADE_NAME_SESSION_GONE, LADE_NAME_GONE },
	};
	char to[LADE_OBJECT_NAME_MAX + 1], seven[LADE_OBJECT_NAME_MAX + 1];

	(void)state;
	/* Ends of sessions; who does not own the store has the store's time. */
	name_of(LADE_NAME_COMMITTED, OWN, seven);
	assert_int_equal(change(LADE_STORE_WRITES, LADE_NAME_ACTIVE, LADE_NAME_COMMITTED, OWN, to), 0);
	assert_string_not_equal(to, seven);
	assert_int_equal(change(LADE_STORE_OWNS, LADE_NAME_ACTIVE, LADE_NAME_COMMITTED, OWN, to), 0);
	assert_string_equal(to, seven);
	assert_int_equal(change(LADE_STORE_WRITES, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OWN, to), 0);
	assert_int_equal(change(LADE_STORE_WRITES, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OTHER, to), LADE_E_REFUSED);
	assert_int_equal(change(LADE_STORE_WRITES, LADE_NAME_ACTIVE, LADE_NAME_COMMITTED, OTHER, to), LADE_E_REFUSED);
	assert_int_equal(change(LADE_STORE_MANAGES, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OTHER, to), 0);
	assert_int_equal(change(LADE_STORE_MANAGES, LADE_NAME_ACTIVE, LADE_NAME_COMMITTED, OTHER, to), LADE_E_REFUSED);
	assert_int_equal(change(LADE_STORE_READS, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OWN, to), LADE_E_REFUSED);
	/* Nothing comes back. */
	assert_int_equal(change(LADE_STORE_WRITES, LADE_NAME_FENCED, LADE_NAME_ACTIVE, OWN, to), LADE_E_REFUSED);
	assert_int_equal(change(LADE_STORE_MANAGES, LADE_NAME_COMMITTED, LADE_NAME_FENCED, OWN, to), LADE_E_REFUSED);
	assert_int_equal(change(LADE_STORE_MANAGES, LADE_NAME_SNAPSHOT, LADE_NAME_SESSION_SNAPSHOT, OWN, to), LADE_E_REFUSED);
	for (size_t i = 0; i < COUNT(publications); i++) {
		assert_int_equal(change(LADE_STORE_WRITES, publications[i][0], publications[i][1], OWN, to), LADE_E_REFUSED);
		assert_int_equal(change(LADE_STORE_MANAGES, publications[i][0], publications[i][1], OTHER, to), 0);
	}
}

/* One session's lease is not another one's end. */
static void test_rename_into_another_session(void **state)
{
	struct lade_store_rights writer = rights_of(LADE_STORE_WRITES), manager = rights_of(LADE_STORE_MANAGES);
	char from[LADE_OBJECT_NAME_MAX + 1], to[LADE_OBJECT_NAME_MAX + 1], out[LADE_OBJECT_NAME_MAX + 1];

	(void)state;
	name_of(LADE_NAME_ACTIVE, OWN, from);
	name_of(LADE_NAME_FENCED, OTHER, to);
	assert_int_equal(lade_store_rights_rename(&writer, from, to, out, NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_rights_rename(&manager, from, to, out, NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_rights_rename(&manager, "x", to, out, NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_rights_rename(&manager, from, "x", out, NULL), LADE_E_REFUSED);
}

static void test_remove(void **state)
{
	const unsigned managed = ALL & ~(BIT(FORMAT) | BIT(TRUST)), session = SESSION_OF_MANAGER | BIT(ACTIVE) | BIT(FENCED);
	struct store_scene *scene = *state;

	make(scene, LADE_NAME_ACTIVE, OWN);
	make(scene, LADE_NAME_ACTIVE, OTHER);
	for (int kind = 0; kind < LADE_NAME_COUNT; kind++) {
		const enum lade_name_kind name = (enum lade_name_kind)kind;

		assert_int_equal(take(scene, LADE_STORE_READS, name, OWN), LADE_E_REFUSED);
		assert_int_equal(take(scene, LADE_STORE_WRITES, name, OWN), kind == LADE_NAME_BEAT ? 0 : LADE_E_REFUSED);
		assert_int_equal(take(scene, LADE_STORE_WRITES, name, OTHER), LADE_E_REFUSED);
		assert_int_equal(take(scene, LADE_STORE_MANAGES, name, OTHER), managed >> kind & 1 ? 0 : LADE_E_REFUSED);
		assert_int_equal(take(scene, LADE_STORE_OWNS, name, OTHER), 0);
	}
	move(scene, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OWN);
	move(scene, LADE_NAME_ACTIVE, LADE_NAME_FENCED, OTHER);
	for (int kind = 0; kind < LADE_NAME_COUNT; kind++) {
		assert_int_equal(take(scene, LADE_STORE_WRITES, (enum lade_name_kind)kind, OWN), session >> kind & 1 ? 0 : LADE_E_REFUSED);
		assert_int_equal(take(scene, LADE_STORE_WRITES, (enum lade_name_kind)kind, OTHER), LADE_E_REFUSED);
	}
	move(scene, LADE_NAME_FENCED, LADE_NAME_COMMITTED, OWN);
	for (int kind = 0; kind < LADE_NAME_COUNT; kind++)
		assert_int_equal(take(scene, LADE_STORE_WRITES, (enum lade_name_kind)kind, OWN), LADE_E_REFUSED);
}

/* Whom nobody has named is bound by what he does first, be it the end of a session that he began by another connection. */
static void test_binding(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store_rights rights = { .class = LADE_STORE_WRITES }, renames = rights, removes = rights;
	uint8_t head[LADE_STORE_HEAD_LEN];
	char name[LADE_OBJECT_NAME_MAX + 1], to[LADE_OBJECT_NAME_MAX + 1], out[LADE_OBJECT_NAME_MAX + 1];
	const struct lade_store_candidate candidate = { .name = name, .head = head, .head_len = sizeof(head), .len = sizeof(head) };

	name_of(LADE_NAME_ACTIVE, OWN, name);
	name_of(LADE_NAME_COMMITTED, OWN, to);
	assert_int_equal(lade_store_rights_rename(&renames, name, to, out, NULL), 0);
	assert_true(renames.has_party);
	name_of(LADE_NAME_ACTIVE, OTHER, name);
	name_of(LADE_NAME_FENCED, OTHER, to);
	assert_int_equal(lade_store_rights_rename(&renames, name, to, out, NULL), LADE_E_REFUSED);
	name_of(LADE_NAME_BEAT, OTHER, name);
	assert_int_equal(lade_store_rights_remove(&renames, scene->store, name, NULL), LADE_E_REFUSED);
	name_of(LADE_NAME_BEAT, OWN, name);
	(void)lade_store_rights_remove(&removes, scene->store, name, NULL);
	assert_true(removes.has_party);
	name_of(LADE_NAME_ACTIVE, OTHER, name);
	assert_int_equal(lade_store_rights_rename(&removes, name, to, out, NULL), LADE_E_REFUSED);
	name_of(LADE_NAME_PACK, OWN, name);
	head_of('P', OWN, head);
	assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), 0);
	assert_true(rights.has_party);
	head_of('P', OTHER, head);
	assert_int_equal(lade_store_rights_put(&rights, scene->store, &candidate, NULL), LADE_E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_put),
		STORE_TEST(test_put_of_others),
		STORE_TEST(test_put_of_managers),
		STORE_TEST(test_session_that_is_over),
		STORE_TEST(test_kinds),
		STORE_TEST(test_limits),
		STORE_TEST(test_rename),
		STORE_TEST(test_rename_into_another_session),
		STORE_TEST(test_remove),
		STORE_TEST(test_binding),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
