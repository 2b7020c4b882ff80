/*
 * Running attacks. An attack that the server refuses ends by a REPORT and an orderly
 * close, never by a signal (a status of 128 and more) and never by the watchdog.
 */
#include "tests/fault/attack.h"

#include "tests/fault/attack_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The attack under way: cmocka's tests have no other way to hand it to a teardown. */
static struct scene current;

const struct scene *attack_scene(void)
{
	return &current;
}

static int setup(void **state)
{
	(void)state;
	scene_make(&current);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(&current);
	return 0;
}

static void run_one(void **state)
{
	const struct attack *attack = *state;
	struct peer peer;

	attack_begin(&peer, attack, &current);
	if (!(attack->flags & ATTACK_NO_OPEN)) {
		peer_hello(&peer);
		peer.rules = attack->rules;
		peer_open(&peer, PEER_RECEIVES,
			  attack->options ? attack->options : ATTACK_OPTIONS, current.inside);
	}
	attack->script(&peer, attack);
	assert_int_equal(attack_end(&peer, attack), attack_status(attack));
	if (!(attack->flags & ATTACK_CHANGES_OLD))
		scene_check_old(&current);
	if (attack->after)
		attack->after(&current);
	scene_check(&current);
}

int attack_run(const char *group, const struct attack *attacks, size_t count)
{
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	size_t possible = 0;
	int failures;

	if (!tests)
		abort();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < count; i++)
		if (attack_possible(&attacks[i]))
			tests[possible++] = (struct CMUnitTest){ attacks[i].name, run_one, setup, teardown, (void *)&attacks[i] };
	failures = _cmocka_run_group_tests(group, tests, possible, NULL, NULL);
	free(tests);
	return failures;
}

void attack_root(struct peer *peer)
{
	const struct lade_msg_root root = { 0 };

	lade_put_root(&peer->out, &root);
}

static void put_entry(struct peer *peer, const char *name, uint32_t mode, uint64_t size,
		      const char *target)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(name, strlen(name)), .mode = mode, .size = size,
			.mtime_s = SCENE_OLD_TIME + 1000,
		.target = lade_slice(target, strlen(target)),
	};

	lade_put_entry(&peer->out, &entry);
}

void attack_file(struct peer *peer, const char *name, uint64_t size)
{
	put_entry(peer, name, S_IFREG | 0644, size, "");
}

void attack_directory(struct peer *peer, const char *name)
{
	put_entry(peer, name, S_IFDIR | 0755, 0, "");
}

void attack_symlink(struct peer *peer, const char *name, const char *target)
{
	put_entry(peer, name, S_IFLNK | 0777, 0, target);
}

void attack_leave(struct peer *peer)
{
	const struct lade_msg_leave leave = { 0 };

	lade_put_leave(&peer->out, &leave);
}

void attack_entries_end(struct peer *peer)
{
	const struct lade_msg_entries_end end = { 0 };

	lade_put_entries_end(&peer->out, &end);
	peer_say(peer);
}

uint32_t attack_one_file(struct peer *peer, uint64_t size)
{
	attack_root(peer);
	attack_file(peer, "old", size);
	attack_entries_end(peer);
	return peer_hear_want(peer, 0);
}
