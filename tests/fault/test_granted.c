/*
 * A server with a grant: what it lets clients do, whether they are honest or hand-made (attack classes A1, A2, A3, A5, A6, A10, A14). Its
 * directory is a scene's inside; the trees of honest clients are in another place.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "agent/tree/fake_super.h"
#include "protocol/parameter.h"
#include "tests/fault/attack.h"
#include "tests/fault/client.h"
#include "tests/unit/temp_tree.h"

#define OPTIONS ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES | LADE_OPTION_NUMERIC_IDS)

static struct scene scene;
static char local[PATH_MAX]; /* the client's */
static struct lade_grant grant;
static struct lade_filter *filter;

/* ---- the place ---- */

static int set_up(void **state)
{
	(void)state;
	scene_make(&scene);
	temp_tree_make(local);
	assert_int_equal(lade_filter_new(&filter), 0);
	grant = (struct lade_grant){
		.root_fd = open(scene.inside, O_PATH | O_DIRECTORY | O_CLOEXEC), .state_fd = -1, .may_read = true, .may_write = true,
		.filter = filter,
	};
	assert_true(grant.root_fd >= 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(grant.root_fd);
	lade_filter_free(filter);
	scene_remove(&scene);
	temp_tree_remove(local);
	return 0;
}

static const char *in_local(const char *path)
{
	static char buffers[4][2 * PATH_MAX];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, sizeof(buffers[0]), "%s/%s", local, path);
	return buffer;
}

static void put(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void check_content(const char *path, const char *expected)
{
	char found[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);

	assert_true(len >= 0);
	close(fd);
	assert_string_equal(found, expected);
}

/* ---- sessions ---- */

static int serve_granted(struct lade_connection *connection, void *context)
{
	(void)context;
	return lade_sync_serve(connection, NULL, NULL, &grant);
}

/* A session of an honest client. far is the path on the server; near is below local. Its exit status. */
static int session(bool push, const struct lade_settings *settings, const char *near, const char *far)
{
	char *sources[] = { (char *)(push ? in_local(near) : far) };
	struct lade_msg_end totals;
	struct peer peer;
	struct lade_sync_job job = {
		.settings = settings, .connection = &peer.connection, .push = push, .sources = sources, .source_count = 1,
		.destination = push ? far : in_local(near),
	};
	int status, served;

	peer_start_with(&peer, LADE_CONNECTION_PIPES, serve_granted, NULL);
	status = client_run(&job, &totals);
	served = peer_cut(&peer);
	/* Both sides see it in the same way, unless one has refused. */
	assert_true(served < 128);
	scene_check(&scene);
	return status;
}

static int push(const char *near, const char *far)
{
	const struct lade_settings settings = { .options = OPTIONS };

	return session(true, &settings, near, far);
}

static int pull(const char *far, const char *near)
{
	const struct lade_settings settings = { .options = OPTIONS };

	return session(false, &settings, near, far);
}

/* ---- what nobody sees ---- */

/* inside/pub/f, inside/private/f, inside/pub/x.key, and symlinks to what is hidden */
static void make_hidden(void)
{
	assert_int_equal(lade_filter_add(filter, false, "/private", NULL), 0);
	assert_int_equal(lade_filter_add(filter, false, "*.key", NULL), 0);
	assert_int_equal(mkdir(scene_path(&scene, "pub"), 0755), 0);
	assert_int_equal(mkdir(scene_path(&scene, "private"), 0755), 0);
	put(scene_path(&scene, "pub/f"), "public");
	put(scene_path(&scene, "pub/x.key"), "key");
	put(scene_path(&scene, "private/f"), "private");
	assert_int_equal(symlink("../private", scene_path(&scene, "pub/door")), 0);
	assert_int_equal(symlink("x.key", scene_path(&scene, "pub/alias")), 0);
}

static void test_hidden_names_are_not_sent(void **state)
{
	(void)state;
	make_hidden();
	assert_int_equal(pull("/", "all"), 0);
	check_content(in_local("all/pub/f"), "public");
	assert_false(is_there(in_local("all/private")));
	assert_false(is_there(in_local("all/pub/x.key")));
}

static void test_hidden_names_are_not_found(void **state)
{
	(void)state;
	make_hidden();
	assert_int_equal(mkdir(in_local("got"), 0755), 0);
	assert_int_equal(pull("/private/", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(pull("/private/f", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(pull("/pub/x.key", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(pull("/pub/../private/f", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(pull("/pub/door/", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(pull("/pub/door/f", "got"), LADE_EXIT_PARTIAL);
	assert_int_equal(rmdir(in_local("got")), 0);
}

static void test_followed_symlinks_lead_to_nothing_hidden(void **state)
{
	static const uint64_t followers[] = { LADE_OPTION_COPY_LINKS, LADE_OPTION_COPY_DIRLINKS, LADE_OPTION_COPY_UNSAFE_LINKS };

	(void)state;
	make_hidden();
	assert_int_equal(symlink("pub", scene_path(&scene, "to-pub")), 0);
	for (size_t i = 0; i < sizeof(followers) / sizeof(followers[0]); i++) {
		const struct lade_settings settings = { .options = OPTIONS | followers[i] };
		struct stat st;

		(void)session(false, &settings, "followed", "/");
		assert_false(is_there(in_local("followed/private")));
		assert_false(is_there(in_local("followed/pub/x.key")));
		assert_false(is_there(in_local("followed/to-pub/x.key")) && lstat(in_local("followed/to-pub"), &st) == 0 && S_ISDIR(st.st_mode));
		assert_false(is_there(in_local("followed/pub/door/f")));
		assert_true(lstat(in_local("followed/pub/alias"), &st) || S_ISLNK(st.st_mode));
		temp_tree_remove((char *)in_local("followed"));
	}
}

static void test_hidden_names_are_not_made(void **state)
{
	(void)state;
	make_hidden();
	assert_int_equal(mkdir(in_local("src"), 0755), 0);
	assert_int_equal(mkdir(in_local("src/private"), 0755), 0);
	put(in_local("src/private/new"), "new");
	put(in_local("src/new.key"), "new");
	put(in_local("src/new"), "new");
	assert_int_equal(push("src/", "/"), LADE_EXIT_PARTIAL);
	check_content(scene_path(&scene, "new"), "new");
	assert_false(is_there(scene_path(&scene, "new.key")));
	assert_false(is_there(scene_path(&scene, "private/new")));
	assert_int_not_equal(push("src/", "/private/"), 0);
	assert_int_not_equal(push("src/", "/pub/door/"), 0);
	assert_int_not_equal(push("src/new", "/other.key"), 0);
	assert_int_not_equal(push("src/", "/made.key/"), 0);
	assert_false(is_there(scene_path(&scene, "made.key")));
	assert_false(is_there(scene_path(&scene, "other.key")));
	assert_false(is_there(scene_path(&scene, "private/new")));
}

static void test_hidden_names_are_not_deleted(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_DELETE };

	(void)state;
	make_hidden();
	assert_int_equal(mkdir(in_local("empty"), 0755), 0);
	(void)session(true, &settings, "empty/", "/");
	assert_false(is_there(scene_path(&scene, "pub/f")));
	assert_false(is_there(scene_path(&scene, "old")));
	check_content(scene_path(&scene, "pub/x.key"), "key");
	check_content(scene_path(&scene, "private/f"), "private");
}

static void test_hidden_files_are_no_basis(void **state)
{
	const char *beside = "/private";
	const struct lade_settings settings = {
		.options = OPTIONS, .alternative = LADE_ALTERNATIVE_COPY, .alternatives = &beside, .alternative_count = 1,
	};
	struct lade_msg_end totals;
	struct stat st;

	(void)state;
	(void)totals;
	make_hidden();
	assert_int_equal(mkdir(in_local("src"), 0755), 0);
	/* As long and as old as the hidden one: with that aside, it would be taken for it. */
	put(in_local("src/f"), "guessed");
	assert_int_equal(lstat(scene_path(&scene, "private/f"), &st), 0);
	assert_int_equal(utimensat(AT_FDCWD, in_local("src/f"), (struct timespec[2]){ st.st_mtim, st.st_mtim }, 0), 0);
	assert_int_equal(session(true, &settings, "src/", "/pub/in/"), 0);
	check_content(scene_path(&scene, "pub/in/f"), "guessed");
}

/* ---- what comes and goes ---- */

static void test_modes_are_changed_on_the_way(void **state)
{
	struct lade_mode_changes incoming = { 0 }, outgoing = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(lade_mode_changes_add(&incoming, "Fgo=,u-s", 0), 0);
	assert_int_equal(lade_mode_changes_add(&outgoing, "F444", 0), 0);
	grant.incoming_chmod = &incoming;
	grant.outgoing_chmod = &outgoing;
	put(in_local("f"), "x");
	assert_int_equal(chmod(in_local("f"), 04755), 0);
	assert_int_equal(push("f", "/f"), 0);
	assert_int_equal(stat(scene_path(&scene, "f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(pull("/f", "g"), 0);
	assert_int_equal(stat(in_local("g"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	lade_mode_changes_fini(&incoming);
	lade_mode_changes_fini(&outgoing);
}

static void test_symlinks_are_munged(void **state)
{
	char target[256] = "";

	(void)state;
	grant.munge = true;
	assert_int_equal(symlink("../outside/canary", in_local("link")), 0);
	assert_int_equal(push("link", "/link"), 0);
	assert_true(readlink(scene_path(&scene, "link"), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/rsyncd-munged/../outside/canary");
	assert_int_equal(pull("/link", "back"), 0);
	memset(target, 0, sizeof(target));
	assert_true(readlink(in_local("back"), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../outside/canary");
}

static void test_fake_super_is_the_servers(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_OWNER | LADE_OPTION_GROUP };
	struct stat st;

	(void)state;
	grant.fake_super = true;
	put(in_local("f"), "x");
	assert_int_equal(chmod(in_local("f"), 04755), 0);
	if (session(true, &settings, "f", "/f") != 0)
		skip(); /* no attributes on this file system */
	assert_int_equal(stat(scene_path(&scene, "f"), &st), 0);
	assert_int_equal(st.st_mode & S_ISUID, 0);
	assert_int_equal(st.st_uid, geteuid());
}

static void test_options_are_refused_by_name(void **state)
{
	static const char *const refuse[] = { "delete*", "checksum" };
	const struct lade_settings deletes = { .options = OPTIONS | LADE_OPTION_DELETE };
	const struct lade_settings compares = { .options = OPTIONS | LADE_OPTION_CHECKSUM };

	(void)state;
	grant.refuse = refuse;
	grant.refuse_count = 2;
	assert_int_equal(mkdir(in_local("src"), 0755), 0);
	assert_int_equal(session(true, &deletes, "src/", "/"), LADE_EXIT_UNSUPPORTED);
	assert_int_equal(session(true, &compares, "src/", "/"), LADE_EXIT_UNSUPPORTED);
	assert_int_equal(push("src/", "/"), 0);
	scene_check_old(&scene);
	assert_true(lade_grant_knows("delete*"));
	assert_true(lade_grant_knows("link-dest"));
	assert_false(lade_grant_knows("verbose"));
}

static void heard(void *context, const struct lade_progress *progress)
{
	(void)context;
	put(in_local("told"), progress->scanned ? "scanned" : "not yet");
}

static void test_progress_is_told(void **state)
{
	(void)state;
	grant.progress = heard;
	assert_int_equal(pull("/", "copy"), 0);
	assert_true(is_there(in_local("told")));
}

static void test_state_is_the_grants(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_INDEX };

	(void)state;
	assert_int_equal(mkdir(in_local("src"), 0755), 0);
	put(in_local("src/f"), "x");
	assert_int_equal(session(true, &settings, "src/", "/"), LADE_EXIT_UNSUPPORTED);
	assert_int_equal(mkdir(in_local("state"), 0700), 0);
	grant.state_fd = open(in_local("state"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(session(true, &settings, "src/", "/"), 0);
	assert_true(is_there(in_local("state/index")));
	close(grant.state_fd);
}

/* ---- hand-made clients ---- */

/* Start a server for what a hand-made client says. */
static void start_by_hand(struct peer *peer)
{
	peer_start_with(peer, LADE_CONNECTION_PIPES, serve_granted, NULL);
	peer_hello(peer);
}

/* OPEN for path with one parameter; PEER_RECEIVES. */
static void open_with_text(struct peer *peer, const char *path, uint64_t options, enum lade_parameter key, const char *text)
{
	struct lade_writer paths, parameters;
	struct lade_msg_open open = { .role = PEER_RECEIVES, .options = options, .rules = lade_slice("", 1) };

	lade_writer_init(&paths, LADE_CONTROL_MAX);
	lade_writer_init(&parameters, LADE_CONTROL_MAX);
	lade_writer_put_slice(&paths, lade_slice(path, strlen(path)));
	lade_parameter_put_text(&parameters, key, lade_slice(text, strlen(text)));
	open.paths = lade_slice(paths.data, paths.len);
	open.parameters = lade_slice(parameters.data, parameters.len);
	lade_put_open(&peer->out, &open);
	peer_say(peer);
	lade_writer_fini(&paths);
	lade_writer_fini(&parameters);
}

static const char *const climbing[] = {
	"..", "../outside", "/../outside", "/..", "./../outside/canary", "old/../../outside", "/out", "out/", "out/canary", "out/new",
	"/./../outside", "//..//outside", "../inside/../outside", "/abs", "abs/new", "old/../out/new/x",
};

static void plant_ways_out(void)
{
	assert_int_equal(symlink("../outside", scene_path(&scene, "out")), 0);
	assert_int_equal(symlink(scene.outside, scene_path(&scene, "abs")), 0);
}

static void test_destinations_do_not_climb(void **state)
{
	(void)state;
	plant_ways_out();
	for (size_t i = 0; i < sizeof(climbing) / sizeof(climbing[0]); i++) {
		struct peer peer;

		start_by_hand(&peer);
		peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS | LADE_OPTION_MKPATH, climbing[i]);
		attack_root(&peer);
		attack_file(&peer, "empty", 0);
		attack_entries_end(&peer);
		(void)peer_finish_session(&peer);
		(void)peer_stop(&peer);
		scene_check(&scene);
	}
}

static void test_sources_do_not_climb(void **state)
{
	(void)state;
	plant_ways_out();
	for (size_t i = 0; i < sizeof(climbing) / sizeof(climbing[0]); i++) {
		struct lade_message message;
		struct peer peer;

		start_by_hand(&peer);
		peer_open(&peer, PEER_SENDS, ATTACK_OPTIONS, climbing[i]);
		while (peer_hear(&peer, &message) == PEER_MESSAGE && message.type != LADE_MSG_ENTRIES_END)
			/* "out" itself, without a slash behind it, is a symlink inside. */
			assert_false(message.type == LADE_MSG_ENTRY &&
				     (lade_slice_equal(message.entry.name, lade_slice("canary", 6)) || S_ISREG((mode_t)message.entry.mode)));
		(void)peer_cut(&peer);
		scene_check(&scene);
	}
}

/* Directories of options, and lists. */
static void test_places_of_options_do_not_climb(void **state)
{
	static const struct {
		enum lade_parameter key;
		uint64_t options;
	} places[] = {
		{ LADE_PARAMETER_BACKUP_DIR, LADE_OPTION_BACKUP }, { LADE_PARAMETER_TEMP_DIR, 0 }, { LADE_PARAMETER_PARTIAL_DIR, 0 },
		{ LADE_PARAMETER_FILES_FROM, 0 },
	};

	(void)state;
	plant_ways_out();
	for (size_t i = 0; i < sizeof(climbing) / sizeof(climbing[0]); i++) {
		for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
			struct peer peer;

			start_by_hand(&peer);
			open_with_text(&peer, "/", ATTACK_OPTIONS | places[k].options, places[k].key, climbing[i]);
			attack_root(&peer);
			attack_file(&peer, "old", 0);
			attack_entries_end(&peer);
			(void)peer_finish_session(&peer);
			(void)peer_stop(&peer);
			scene_check(&scene);
		}
	}
}

static void test_alternatives_do_not_climb(void **state)
{
	(void)state;
	plant_ways_out();
	for (size_t i = 0; i < sizeof(climbing) / sizeof(climbing[0]); i++) {
		struct peer peer;

		start_by_hand(&peer);
		peer_open_beside(&peer, PEER_RECEIVES, ATTACK_OPTIONS | LADE_OPTION_SIZE_ONLY, "/", climbing[i]);
		attack_root(&peer);
		/* As long as the canary, which would be copied for it. */
		attack_file(&peer, "canary", (uint64_t)scene.canary.st_size);
		attack_entries_end(&peer);
		(void)peer_hear_want(&peer, 0);
		(void)peer_cut(&peer);
		scene_check(&scene);
		assert_false(is_there(scene_path(&scene, "canary")));
	}
}

/* Who may only write is asked for whole files, whatever stands there. */
static void test_writers_are_told_nothing(void **state)
{
	static char content[200000];
	struct lade_message message;
	struct peer peer;

	(void)state;
	grant.may_read = false;
	scene_write(&scene, "large", content, sizeof(content));
	start_by_hand(&peer);
	peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS, "/");
	attack_root(&peer);
	attack_file(&peer, "large", sizeof(content));
	attack_entries_end(&peer);
	while (peer_hear(&peer, &message) == PEER_MESSAGE && message.type != LADE_MSG_WANT)
		assert_true(message.type != LADE_MSG_WANT_RECIPE && message.type != LADE_MSG_WANT_GAP && message.type != LADE_MSG_RECIPE_KEY);
	assert_int_equal(message.type, LADE_MSG_WANT);
	(void)peer_cut(&peer);
}

/* Nothing that is there is changed, by whatever it is asked. */
static void test_appenders_change_nothing(void **state)
{
	struct stat before, after;
	struct peer peer;

	(void)state;
	grant.may_read = false;
	grant.append_only = true;
	assert_int_equal(mkdir(scene_path(&scene, "dir"), 0700), 0);
	assert_int_equal(symlink("old", scene_path(&scene, "link")), 0);
	scene_write(&scene, "dir/kept", "kept", 4);
	assert_int_equal(stat(scene_path(&scene, "dir"), &before), 0);
	start_by_hand(&peer);
	peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS, "/");
	attack_root(&peer);
	attack_file(&peer, ".lade.00112233445566778899aabbccddeeff", 0);
	attack_file(&peer, "dir", 0);
	attack_symlink(&peer, "link", "elsewhere");
	attack_symlink(&peer, "old", "link");
	attack_entries_end(&peer);
	(void)peer_finish_session(&peer);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_PARTIAL);
	scene_check_old(&scene);
	assert_int_equal(stat(scene_path(&scene, "dir"), &after), 0);
	assert_int_equal(memcmp(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim)), 0);
	assert_int_equal(memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)), 0);
	assert_int_equal(before.st_mode, after.st_mode);
	check_content(scene_path(&scene, "link"), SCENE_OLD);
	assert_false(is_there(scene_path(&scene, ".lade.00112233445566778899aabbccddeeff")));
}

/* A name that was free when the file was wanted, and is taken when it is whole. */
static void test_appenders_do_not_replace_what_came_meanwhile(void **state)
{
	struct peer peer;
	uint32_t slot;

	(void)state;
	grant.may_read = false;
	grant.append_only = true;
	start_by_hand(&peer);
	peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS, "/");
	attack_root(&peer);
	attack_file(&peer, "late", 4);
	attack_entries_end(&peer);
	slot = peer_hear_want(&peer, 0);
	scene_write(&scene, "late", "mine", 4);
	peer_say_record(&peer, slot, "your", 4, false);
	(void)peer_finish_session(&peer);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_PARTIAL);
	scene_check_file(&scene, "late", "mine", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hidden_names_are_not_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hidden_names_are_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_followed_symlinks_lead_to_nothing_hidden, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hidden_names_are_not_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hidden_names_are_not_deleted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hidden_files_are_no_basis, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_modes_are_changed_on_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_symlinks_are_munged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fake_super_is_the_servers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_options_are_refused_by_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_progress_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_state_is_the_grants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_destinations_do_not_climb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sources_do_not_climb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places_of_options_do_not_climb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alternatives_do_not_climb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writers_are_told_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_appenders_change_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_appenders_do_not_replace_what_came_meanwhile, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("granted", tests, NULL, NULL);
}
