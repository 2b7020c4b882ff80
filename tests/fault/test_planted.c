/*
 * Another process of the receiving host changes the destination while a session is
 * under way: symlinks take the place of directories, files and temporary names
 * (attack class A4). The script plants them at a known point: after the receiver has
 * asked for a file in the directory and before it gets it. Or the directory itself leaves the tree, which is where the walls of a
 * daemon's worker can be seen from outside (agent/sync/grant.h).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/temporary.h"
#include "tests/fault/attack.h"
#include "tests/fault/attack_place.h"

static const char content[] = "from the peer\n";
#define LEN ((uint32_t)sizeof(content) - 1)

/* Put a symlink to what lies outside in the place of name. */
static void plant(const char *name, const char *inside_target)
{
	const struct scene *scene = attack_scene();
	char away[PATH_MAX], target[PATH_MAX];

	snprintf(away, sizeof(away), "%s.away", name);
	(void)rename(scene_path(scene, name), scene_path(scene, away));
	snprintf(target, sizeof(target), "%s%s", scene->outside, inside_target);
	if (symlink(target, scene_path(scene, name)))
		abort();
}

/* The directory d, in it the file canary; returns its slot. */
static uint32_t directory_with_file(struct peer *peer)
{
	attack_root(peer);
	attack_directory(peer, ".");
	attack_directory(peer, "d");
	attack_file(peer, "canary", LEN);
	peer_say(peer);
	return peer_hear_want(peer, 2);
}

static void leave_all(struct peer *peer)
{
	attack_leave(peer);
	attack_leave(peer);
	attack_entries_end(peer);
}

/* Send the file, in runs if attack->len, and have the session end. */
static void send_and_finish(struct peer *peer, const struct attack *attack, uint32_t slot)
{
	if (attack->len) {
		peer_say_run(peer, slot, 0, content, LEN, false);
		peer_put_file_end(peer, slot, false, LEN, 1);
		peer_say(peer);
	} else {
		peer_say_record(peer, slot, content, LEN, false);
	}
	leave_all(peer);
	assert_true(peer_finish_session(peer));
}

/* d becomes a symlink while a file in it is on its way; attack->len: the file comes in runs. */
static void parent(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = directory_with_file(peer);

	plant("d", "");
	send_and_finish(peer, attack, slot);
}

/* The same with further entries below d: made after the symlink was planted. */
static void parent_then_entries(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = directory_with_file(peer);

	(void)attack;
	plant("d", "");
	attack_file(peer, "empty", 0);
	attack_symlink(peer, "link", "x");
	attack_directory(peer, "sub");
	attack_file(peer, "empty", 0);
	attack_leave(peer);
	peer_say_record(peer, slot, content, LEN, false);
	leave_all(peer);
	assert_true(peer_finish_session(peer));
}

/* A hard link is made at the end, from paths. */
static void parent_then_link(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_entry entry = { .name = lade_slice("one", 3), .mode = S_IFREG | 0644,
		.size = LEN,
					.link = LADE_LINK_LEADER };
	uint32_t slot;

	(void)attack;
	attack_root(peer);
	attack_directory(peer, ".");
	attack_directory(peer, "d");
	lade_put_entry(&peer->out, &entry);
	entry.name = lade_slice("two", 3);
	entry.link = LADE_LINK_FOLLOWS + 2;
	lade_put_entry(&peer->out, &entry);
	peer_say(peer);
	slot = peer_hear_want(peer, 2);
	plant("d", "");
	peer_say_record(peer, slot, content, LEN, false);
	leave_all(peer);
	(void)peer_finish_session(peer);
}

/* What is not in the source is deleted at the end, from paths: nothing outside may be. */
static void parent_then_deletion(struct peer *peer, const struct attack *attack)
{
	uint32_t slot;

	(void)attack;
	if (mkdir(scene_path(attack_scene(), "d"), 0755))
		abort();
	scene_write(attack_scene(), "d/canary", "", 0);
	attack_root(peer);
	attack_directory(peer, ".");
	attack_file(peer, "old", 5);
	attack_directory(peer, "d");
	attack_leave(peer);
	peer_say(peer);
	slot = peer_hear_want(peer, 1);
	plant("d", "");
	peer_say_record(peer, slot, "again", 5, false);
	attack_leave(peer);
	attack_entries_end(peer);
	assert_true(peer_finish_session(peer));
}

/* The leaf becomes a symlink: it is replaced, not followed. attack->len: to a directory. */
static void leaf(struct peer *peer, const struct attack *attack)
{
	uint32_t slot = attack_one_file(peer, LEN);

	plant("old", attack->len ? "" : "/canary");
	peer_say_record(peer, slot, content, LEN, false);
	assert_true(peer_finish_session(peer));
}

static void leaf_is_file(const struct scene *scene)
{
	scene_check_file(scene, "old", content, LEN);
}

/* A symlink waits where the temporary file is to be made. */
static void temporary(struct peer *peer, const struct attack *attack)
{
	char name[LADE_TEMPORARY_NAME_SIZE];
	uint32_t slot;

	lade_temporary_name("old", 0, name);
	plant(name, "/canary");
	slot = attack_one_file(peer, LEN);
	if (attack->len) {
		peer_say_run(peer, slot, 0, content, LEN, false);
		peer_put_file_end(peer, slot, false, LEN, 1);
		peer_say(peer);
	} else {
		peer_say_record(peer, slot, content, LEN, false);
	}
	assert_true(peer_finish_session(peer));
	assert_int_equal(peer->errors, 1);
	if (unlink(scene_path(attack_scene(), name)))
		abort();
}

/* A FIFO there must not hold the session up. */
static void temporary_fifo(struct peer *peer, const struct attack *attack)
{
	char name[LADE_TEMPORARY_NAME_SIZE];
	uint32_t slot;

	(void)attack;
	lade_temporary_name("old", 0, name);
	if (mkfifo(scene_path(attack_scene(), name), 0600))
		abort();
	slot = attack_one_file(peer, LEN);
	peer_say_record(peer, slot, content, LEN, false);
	assert_true(peer_finish_session(peer));
	if (unlink(scene_path(attack_scene(), name)))
		abort();
}

/* What is above the scene's inside is as it should be: only we have touched it. */
static void take_note_of_top(const struct scene *scene)
{
	if (stat(scene->top, (struct stat *)&scene->top_stat))
		abort();
}

/* The destination itself is moved away: what was opened stays what is written to. */
static void root_moved(struct peer *peer, const struct attack *attack)
{
	const struct scene *scene = attack_scene();
	uint32_t slot = attack_one_file(peer, LEN);
	char away[PATH_MAX + 8];

	(void)attack;
	snprintf(away, sizeof(away), "%s.away", scene->inside);
	if (rename(scene->inside, away) || symlink(scene->outside, scene->inside))
		abort();
	peer_say_record(peer, slot, content, LEN, false);
	assert_true(peer_finish_session(peer));
	if (unlink(scene->inside) || rename(away, scene->inside))
		abort();
	take_note_of_top(scene);
}

/*
 * The directory d is moved out while a file in it is on its way. What the receiver has open is a directory outside now, which nothing but
 * Landlock keeps it from. attack->len: the file comes in runs.
 */
static void parent_moved_out(struct peer *peer, const struct attack *attack)
{
	const struct scene *scene = attack_scene();
	uint32_t slot = directory_with_file(peer);
	char away[PATH_MAX + 8], file[PATH_MAX + 16];
	bool written;

	snprintf(away, sizeof(away), "%s/away", scene->top);
	snprintf(file, sizeof(file), "%s/canary", away);
	if (rename(scene_path(scene, "d"), away))
		abort();
	send_and_finish(peer, attack, slot);
	written = access(file, F_OK) == 0;
	if (rename(away, scene_path(scene, "d")))
		abort();
	take_note_of_top(scene);
	assert_int_equal(written, !attack_is_walled());
}

#define ROW(title, function, exit_status, ...) \
	{ title, function, .status = exit_status, .flags = ATTACK_CHANGES_OLD, __VA_ARGS__ }

static const struct attack attacks[] = {
	ROW("a directory becomes a symlink under a record", parent, LADE_EXIT_PARTIAL, .len = 0),
	ROW("a directory becomes a symlink under a run", parent, LADE_EXIT_PARTIAL, .len = 1),
	ROW("a directory becomes a symlink under entries", parent_then_entries, LADE_EXIT_PARTIAL,
	    .len = 0),
	ROW("a directory becomes a symlink under a hard link", parent_then_link,
	    LADE_EXIT_PARTIAL, .len = 0),
	ROW("a directory becomes a symlink under a deletion", parent_then_deletion,
	    LADE_EXIT_PARTIAL,
	    .options = ATTACK_OPTIONS | LADE_OPTION_DELETE),
	ROW("a file becomes a symlink to a file", leaf, LADE_EXIT_OK, .after = leaf_is_file),
	ROW("a file becomes a symlink to a directory", leaf, LADE_EXIT_OK, .len = 1,
	    .after = leaf_is_file),
	ROW("a symlink under the temporary name, a record", temporary, LADE_EXIT_PARTIAL, .len = 0),
	ROW("a symlink under the temporary name, a run", temporary, LADE_EXIT_PARTIAL, .len = 1),
	ROW("a FIFO under the temporary name", temporary_fifo, LADE_EXIT_PARTIAL, .len = 0),
	ROW("a directory is moved out under a record", parent_moved_out, LADE_EXIT_PARTIAL, .len = 0),
	ROW("a directory is moved out under a run", parent_moved_out, LADE_EXIT_PARTIAL, .len = 1),
	ROW("the destination is moved away", root_moved, LADE_EXIT_OK, .after = leaf_is_file),
};

int main(void)
{
	return attack_run("planted", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
