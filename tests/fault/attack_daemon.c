/*
 * The same attacks on a module of a daemon, over TLS. Each has a daemon of its own, whose module is the scene's inside and may be read and
 * written: what holds it there is the grant alone, as the worker has the rights of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fault/attack_place.h"
#include "tests/fault/tls_client.h"

static struct test_daemon place;
static char name[64];

/* The session beside the one that is attacked, if there is one. */
static struct peer neighbour;
static char neighbour_name[64];

bool attack_possible(const struct attack *attack)
{
	/* Descriptors travel between two processes of one host. */
	return !(attack->flags & (ATTACK_DESCRIPTORS | ATTACK_ONCE));
}

int attack_status(const struct attack *attack)
{
	return attack->flags & ATTACK_IN_GRANT_OK ? LADE_EXIT_OK : attack->status;
}

/* Open it, and hear the first of what it is told. */
static void begin_neighbour(void)
{
	struct lade_message message;

	tls_peer_start(&neighbour, &place, NULL, "inside", neighbour_name);
	peer_hello(&neighbour);
	peer_open(&neighbour, PEER_SENDS, LADE_OPTION_RECURSIVE, "/");
	assert_true(peer_hear_type(&neighbour, LADE_MSG_ROOT, &message));
}

/* It wants nothing, and ends. */
static void end_neighbour(void)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message;

	assert_true(peer_hear_type(&neighbour, LADE_MSG_ENTRIES_END, &message));
	lade_put_end(&neighbour.out, &end);
	peer_say(&neighbour);
	assert_true(peer_hear_type(&neighbour, LADE_MSG_END, &message));
	assert_int_equal(tls_peer_stop(&neighbour, &place, neighbour_name), LADE_EXIT_OK);
}

void attack_begin(struct peer *peer, const struct attack *attack, const struct scene *scene)
{
	char lines[PATH_MAX + 256];

	snprintf(lines, sizeof(lines), "[inside]\npath = %s\nauth = any\nread only = no\n%s", scene->inside, DAEMON_AS_WE_ARE);
	daemon_start(&place, lines);
	if (attack->flags & ATTACK_BESIDE)
		begin_neighbour();
	tls_peer_start(peer, &place, NULL, "inside", name);
	peer->root = scene->inside;
}

bool attack_is_walled(void)
{
	/* landlock_create_ruleset(2): the version. From the second on a worker that writes is confined. */
	return syscall(444, NULL, (size_t)0, 1u) >= 2;
}

void attack_find_server(struct peer *peer)
{
	peer->child = daemon_worker(&place);
}

void attack_wait_end(struct peer *peer)
{
	char words[128];

	/* The log's line of a session is behind its end. */
	(void)peer;
	snprintf(words, sizeof(words), "of %s as", name);
	assert_true(daemon_says(&place, words));
}

int attack_end(struct peer *peer, const struct attack *attack)
{
	int status = tls_peer_stop(peer, &place, name);

	if (attack->flags & ATTACK_BESIDE)
		end_neighbour();
	assert_int_equal(daemon_stop(&place), 0);
	return status;
}
