/*
 * Held directories: bounds, reopening, what a hostile neighbour may plant, depth,
 * and threads. Every test that opens runs with openat2 and without it.
 */
#include "agent/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/tree/directory_internal.h"
#include "tests/unit/temp_tree.h"

#define DEEP 3000u
#define WIDE 48u

struct fixture {
	char base[PATH_MAX];
	char root[PATH_MAX + 16];
	struct lade_directories *table;
	int base_fd;
	int root_fd;
	bool plain;
	bool passed;
	void (*test)(void **state);
};

/* What the initial state of a test points to. */
struct scene {
	void (*test)(void **state);
};

static int setup(void **state, bool plain)
{
	const struct scene *scene = *state;
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->test = scene->test;
	temp_tree_make(fixture->base);
	snprintf(fixture->root, sizeof(fixture->root), "%s/root", fixture->base);
	assert_int_equal(mkdir(fixture->root, 0755), 0);
	fixture->base_fd = open(fixture->base, O_RDONLY | O_DIRECTORY);
	fixture->root_fd = open(fixture->root, O_RDONLY | O_DIRECTORY);
	assert_true(fixture->base_fd >= 0 && fixture->root_fd >= 0);
	assert_int_equal(mkdirat(fixture->base_fd, "outside", 0755), 0);
	assert_int_equal(lade_directories_open(fixture->root, 4, &fixture->table, NULL), 0);
	fixture->plain = plain;
	if (plain)
		lade_directories_force_plain(fixture->table);
	*state = fixture;
	return 0;
}

static int setup_openat2(void **state)
{
	return setup(state, false);
}

static int setup_plain(void **state)
{
	return setup(state, true);
}

static void run(void **state)
{
	struct fixture *fixture = *state;

	fixture->test(state);
	fixture->passed = true;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	/* A test that failed left handles behind, which the table rightly minds. */
	if (fixture->passed)
		lade_directories_close(fixture->table);
	close(fixture->base_fd);
	close(fixture->root_fd);
	temp_tree_remove(fixture->base);
	free(fixture);
	return 0;
}

static struct lade_directory *child(struct lade_directory *parent, const char *name)
{
	struct lade_directory *directory;

	assert_int_equal(lade_directory_new(parent, name, strlen(name), NULL, NULL, &directory,
					    NULL),
			 0);
	return directory;
}

static struct lade_directory *root_of(struct fixture *fixture)
{
	return lade_directories_root(fixture->table);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static ino_t inode_at(int at_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(at_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_ino;
}

/* Pin and unpin; returns the code, and the inode where it worked. */
static int touch(struct lade_directory *directory, ino_t *ino_out)
{
	int fd, code = lade_directory_pin(directory, &fd, NULL);

	if (code == 0) {
		if (ino_out)
			*ino_out = inode_of(fd);
		lade_directory_unpin(directory);
	}
	return code;
}

/* Push every idle descriptor out of a table of four: the root and three pinned ones fill it. */
static void evict_all(struct fixture *fixture)
{
	struct lade_directory *fillers[3];
	char name[16];
	int fd;

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "filler%u", i);
		mkdirat(fixture->root_fd, name, 0755);
		fillers[i] = child(root_of(fixture), name);
		assert_int_equal(lade_directory_pin(fillers[i], &fd, NULL), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		lade_directory_unpin(fillers[i]);
		lade_directory_unref(fillers[i]);
	}
}

static void test_root(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directories *table = NULL;
	char path[PATH_MAX + 32];
	struct lade_fault fault;
	int fd;

	assert_int_equal(lade_directory_pin(root_of(fixture), &fd, NULL), 0);
	assert_int_equal(inode_of(fd), inode_of(fixture->root_fd));
	lade_directory_unpin(root_of(fixture));
	assert_string_equal(lade_directory_name(root_of(fixture)), "");
	assert_null(lade_directory_parent(root_of(fixture)));

	snprintf(path, sizeof(path), "%s/none", fixture->base);
	assert_int_equal(lade_directories_open(path, 0, &table, &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, path);
	assert_int_equal(symlinkat("root", fixture->base_fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", fixture->base);
	assert_int_equal(lade_directories_open(path, 0, &table, NULL), 0);
	lade_directories_close(table);
	fd = openat(fixture->base_fd, "file", O_CREAT | O_WRONLY, 0644);
	close(fd);
	snprintf(path, sizeof(path), "%s/file", fixture->base);
	assert_int_equal(lade_directories_open(path, 0, &table, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOTDIR);
	lade_directories_close(NULL);
	lade_directory_unref(NULL);
}

/* Search permission alone serves for the root and for what lies below it. */
static void test_search_only(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *inner;
	struct lade_directories *table;
	int fd;

	if (geteuid() == 0) {
		print_message("# skipped: root may read every directory\n");
		return;
	}
	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(fchmodat(fixture->root_fd, "a", 0311, 0), 0);
	assert_int_equal(fchmod(fixture->root_fd, 0311), 0);
	assert_int_equal(lade_directories_open(fixture->root, 4, &table, NULL), 0);
	if (fixture->plain)
		lade_directories_force_plain(table);
	inner = child(lade_directories_root(table), "a");
	assert_int_equal(lade_directory_pin(inner, &fd, NULL), 0);
	assert_true(fcntl(fd, F_GETFL) & O_PATH);
	lade_directory_unpin(inner);
	lade_directory_unref(inner);
	assert_int_equal(lade_directories_resolve(table, "a/b", 3, &fd, NULL), 0);
	assert_false(fcntl(fd, F_GETFL) & O_PATH);
	close(fd);
	assert_int_equal(lade_directories_resolve(table, "", 0, &fd, NULL), 0);
	close(fd);
	lade_directories_close(table);
	assert_int_equal(fchmod(fixture->root_fd, 0755), 0);
	assert_int_equal(fchmodat(fixture->root_fd, "a", 0755, 0), 0);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} bad[] = { { "", 0 },  { ".", 1 },  { "..", 2 },  { "a/b", 3 },
		    { "/", 1 }, { "a/", 2 }, { "a\0b", 3 } };
	struct fixture *fixture = *state;
	struct lade_directory *directory = NULL;
	char name[257];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lade_directory_new(root_of(fixture), bad[i].name, bad[i].len, NULL,
						    NULL, &directory, NULL),
				 LADE_E_REFUSED);
	memset(name, 'n', sizeof(name));
	assert_int_equal(lade_directory_new(root_of(fixture), name, 256, NULL, NULL, &directory,
					    NULL),
			 LADE_E_REFUSED);
	assert_int_equal(lade_directory_new(root_of(fixture), name, 255, NULL, NULL, &directory,
					    NULL),
			 0);
	assert_int_equal(strlen(lade_directory_name(directory)), 255);
	lade_directory_unref(directory);
	directory = child(root_of(fixture), "...");
	assert_int_equal(touch(directory, NULL), LADE_E_ABSENT);
	lade_directory_unref(directory);
}

static void test_path(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *a = child(root_of(fixture), "a"), *b = child(a, "bb");
	static const char *const expected[] = { "", "x", "a", "a/x", "a/bb", "a/bb/x" };
	struct lade_directory *const handles[] = { root_of(fixture), a, b };
	char *path;

	for (unsigned i = 0; i < 6; i++) {
		path = lade_directory_path(handles[i / 2], i % 2 ? "x" : i ? "" : NULL);
		assert_string_equal(path, expected[i]);
		free(path);
	}
	lade_directory_unref(a);
	assert_ptr_equal(lade_directory_parent(b), a);
	lade_directory_unref(b);
}

static void test_pins_nest(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *a = child(root_of(fixture), "a");
	struct lade_fault fault;
	int first, second;

	assert_int_equal(lade_directory_pin(a, &first, &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, "a");
	assert_int_equal(lade_directories_open_count(fixture->table), 1);
	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(lade_directory_pin(a, &first, NULL), 0);
	assert_int_equal(lade_directory_pin(a, &second, NULL), 0);
	assert_int_equal(first, second);
	assert_int_equal(inode_of(first), inode_at(fixture->root_fd, "a"));
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	lade_directory_unpin(a);
	evict_all(fixture);
	assert_int_equal(inode_of(first), inode_at(fixture->root_fd, "a"));
	lade_directory_unpin(a);
	lade_directory_unref(a);
	assert_int_equal(lade_directories_open_count(fixture->table), 1);
}

static void make_wide(struct fixture *fixture, struct lade_directory *handles[WIDE],
		      ino_t inodes[WIDE])
{
	char name[16];

	for (unsigned i = 0; i < WIDE; i++) {
		snprintf(name, sizeof(name), "wide%u", i);
		assert_int_equal(mkdirat(fixture->root_fd, name, 0755), 0);
		inodes[i] = inode_at(fixture->root_fd, name);
		handles[i] = child(root_of(fixture), name);
	}
}

static void test_bound(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *handles[WIDE];
	ino_t inodes[WIDE], ino;
	int fds[WIDE];

	make_wide(fixture, handles, inodes);
	for (unsigned i = 0; i < 4 * WIDE; i++) {
		assert_int_equal(touch(handles[i * 7 % WIDE], &ino), 0);
		assert_int_equal(ino, inodes[i * 7 % WIDE]);
		assert_true(lade_directories_open_count(fixture->table) <= 4);
	}
	/* All pinned: above the bound rather than a failure; and back. */
	for (unsigned i = 0; i < WIDE; i++)
		assert_int_equal(lade_directory_pin(handles[i], &fds[i], NULL), 0);
	assert_int_equal(lade_directories_open_count(fixture->table), WIDE + 1);
	for (unsigned i = 0; i < WIDE; i++)
		assert_int_equal(inode_of(fds[i]), inodes[i]);
	for (unsigned i = 0; i < WIDE; i++)
		lade_directory_unpin(handles[i]);
	assert_int_equal(lade_directories_open_count(fixture->table), 4);
	for (unsigned i = 0; i < WIDE; i++)
		lade_directory_unref(handles[i]);
	assert_int_equal(lade_directories_open_count(fixture->table), 1);
}

/* The three used last stay open, in the order of their use. */
static void test_order_of_use(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *handles[WIDE];
	ino_t inodes[WIDE];
	int fd, again;

	make_wide(fixture, handles, inodes);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(touch(handles[i], NULL), 0);
	assert_int_equal(touch(handles[0], NULL), 0); /* now 1 is the oldest */
	assert_int_equal(renameat(fixture->root_fd, "wide0", fixture->root_fd, "moved0"), 0);
	assert_int_equal(renameat(fixture->root_fd, "wide1", fixture->root_fd, "moved1"), 0);
	assert_int_equal(touch(handles[3], NULL), 0);
	assert_int_equal(lade_directory_pin(handles[0], &fd, NULL), 0); /* still open */
	assert_int_equal(lade_directory_pin(handles[1], &again, NULL), LADE_E_ABSENT);
	lade_directory_unpin(handles[0]);
	for (unsigned i = 0; i < WIDE; i++)
		lade_directory_unref(handles[i]);
}

/* What stands where an evicted directory was. */
static void test_planted(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *a = child(root_of(fixture), "a"), *b = child(a, "b");
	struct lade_fault fault;
	int fd;

	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(fixture->base_fd, "outside/b", 0755), 0);
	assert_int_equal(touch(b, NULL), 0);
	assert_int_equal(touch(a, NULL), 0);
	evict_all(fixture);

	assert_int_equal(renameat(fixture->root_fd, "a", fixture->root_fd, "kept"), 0);
	assert_int_equal(touch(a, NULL), LADE_E_ABSENT);
	assert_int_equal(symlinkat("../outside", fixture->root_fd, "a"), 0);
	assert_int_equal(lade_directory_pin(a, &fd, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_directory_pin(b, &fd, &fault), LADE_E_REFUSED);
	assert_string_equal(fault.subject, "a/b");
	/* A symlink that stays inside leads nowhere as well. */
	assert_int_equal(unlinkat(fixture->root_fd, "a", 0), 0);
	assert_int_equal(symlinkat("kept", fixture->root_fd, "a"), 0);
	assert_int_equal(touch(b, NULL), LADE_E_REFUSED);
	assert_int_equal(unlinkat(fixture->root_fd, "a", 0), 0);
	fd = openat(fixture->root_fd, "a", O_CREAT | O_WRONLY, 0644);
	close(fd);
	assert_int_equal(touch(a, NULL), LADE_E_REFUSED);
	assert_int_equal(unlinkat(fixture->root_fd, "a", 0), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(touch(a, NULL), LADE_E_CHANGED);
	assert_int_equal(touch(b, NULL), LADE_E_CHANGED);
	assert_int_equal(lade_directories_open_count(fixture->table), 1);
	lade_directory_unref(a);
	lade_directory_unref(b);
}

/* A directory opened for the first time under a parent that was exchanged meanwhile. */
static void test_planted_above(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *a = child(root_of(fixture), "a"), *b = child(a, "b"),
			      *c = child(b, "c");

	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b/c", 0755), 0);
	assert_int_equal(touch(a, NULL), 0);
	evict_all(fixture);
	assert_int_equal(renameat(fixture->root_fd, "a", fixture->root_fd, "kept"), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b/c", 0755), 0);
	assert_int_equal(touch(c, NULL), LADE_E_CHANGED);
	assert_int_equal(unlinkat(fixture->root_fd, "a/b/c", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(fixture->root_fd, "a/b", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(fixture->root_fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(fixture->root_fd, "kept", fixture->root_fd, "a"), 0);
	assert_int_equal(touch(c, NULL), 0);
	lade_directory_unref(a);
	lade_directory_unref(b);
	lade_directory_unref(c);
}

static void test_resolve(void **state)
{
	static const char *const bad[] = { "/",   "/a", "a/",     "a//b",      ".",
					   "a/.", "..", "a/../a", "../outside" };
	struct fixture *fixture = *state;
	struct lade_fault fault;
	int fd;

	assert_int_equal(mkdirat(fixture->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "a/b", 0755), 0);
	assert_int_equal(symlinkat("a", fixture->root_fd, "link"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lade_directories_resolve(fixture->table, bad[i], strlen(bad[i]),
							  &fd, &fault),
				 LADE_E_REFUSED);
	assert_int_equal(lade_directories_resolve(fixture->table, "a\0b", 3, &fd, &fault),
			 LADE_E_REFUSED);
	assert_int_equal(lade_directories_resolve(fixture->table, "link", 4, &fd, &fault),
			 LADE_E_REFUSED);
	assert_int_equal(lade_directories_resolve(fixture->table, "link/b", 6, &fd, &fault),
			 LADE_E_REFUSED);
	assert_int_equal(lade_directories_resolve(fixture->table, "a/c", 3, &fd, &fault),
			 LADE_E_ABSENT);
	assert_string_equal(fault.subject, "a/c");
	assert_int_equal(lade_directories_resolve(fixture->table, "a/bXYZ", 3, &fd, &fault), 0);
	assert_int_equal(inode_of(fd), inode_at(fixture->root_fd, "a/b"));
	close(fd);
	assert_int_equal(lade_directories_resolve(fixture->table, "", 0, &fd, &fault), 0);
	assert_int_equal(inode_of(fd), inode_of(fixture->root_fd));
	close(fd);
}

struct freed {
	unsigned count;
	unsigned last; /* number of the handle freed last */
	bool pin;
};

struct deep_user {
	struct freed *freed;
	unsigned number;
};

static void note_free(struct lade_directory *directory, void *user)
{
	struct deep_user *mine = user;
	int fd;

	assert_ptr_equal(lade_directory_user(directory), user);
	if (mine->freed->count++ > 0)
		assert_int_equal(mine->number + 1, mine->freed->last);
	mine->freed->last = mine->number;
	/* As a receiver that sets a directory's times last. */
	if (mine->freed->pin) {
		assert_int_equal(lade_directory_pin(directory, &fd, NULL), 0);
		lade_directory_unpin(directory);
	}
}

static void test_deep(void **state)
{
	struct fixture *fixture = *state;
	struct deep_user *users = calloc(DEEP, sizeof(*users));
	struct lade_directory *at = lade_directory_ref(root_of(fixture)), *below, *middle = NULL;
	struct freed freed = { 0, 0, true };
	char name[16], *path;
	ino_t middle_ino = 0, ino;
	int fd;

	assert_non_null(users);
	for (unsigned i = 0; i < DEEP; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		users[i].freed = &freed;
		users[i].number = i;
		assert_int_equal(lade_directory_pin(at, &fd, NULL), 0);
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		if (i == DEEP / 2)
			middle_ino = inode_at(fd, name);
		lade_directory_unpin(at);
		assert_int_equal(lade_directory_new(at, name, strlen(name), &users[i], note_free,
						    &below, NULL),
				 0);
		lade_directory_unref(at);
		at = below;
		if (i == DEEP / 2)
			middle = at;
	}
	assert_int_equal(touch(at, &ino), 0);
	path = lade_directory_path(at, NULL);
	assert_non_null(path);
	assert_true(strlen(path) > 2 * PATH_MAX);
	assert_int_equal(lade_directories_resolve(fixture->table, path, strlen(path), &fd, NULL),
			 0);
	assert_int_equal(inode_of(fd), ino);
	close(fd);
	free(path);
	assert_int_equal(touch(middle, &ino), 0);
	assert_int_equal(ino, middle_ino);
	assert_true(lade_directories_open_count(fixture->table) <= 4);
	freed.pin = !fixture->plain; /* reopening every level component by component takes long */
	lade_directory_unref(at);
	assert_int_equal(freed.count, DEEP);
	assert_int_equal(freed.last, 0);
	free(users);
}

struct race {
	struct fixture *fixture;
	struct lade_directory **handles;
	const ino_t *inodes;
	atomic_bool stop;
	atomic_uint wrong;
	unsigned rounds;
};

static void *pin_around(void *context)
{
	struct race *race = context;
	unsigned seed = (unsigned)(uintptr_t)&seed;
	struct stat st;
	int fd;

	for (unsigned i = 0; i < race->rounds; i++) {
		unsigned k = (unsigned)rand_r(&seed) % WIDE;
		struct lade_directory *mine = lade_directory_ref(race->handles[k]);

		if (lade_directory_pin(mine, &fd, NULL) != 0 || fstat(fd, &st) != 0 ||
		    st.st_ino != race->inodes[k])
			atomic_fetch_add(&race->wrong, 1);
		else
			lade_directory_unpin(mine);
		lade_directory_unref(mine);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *fixture = *state;
	struct lade_directory *handles[WIDE];
	ino_t inodes[WIDE];
	struct race race = {
		.fixture = fixture, .handles = handles, .inodes = inodes, .rounds = 3000
	};
	pthread_t threads[4];

	make_wide(fixture, handles, inodes);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pin_around, &race), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.wrong), 0);
	assert_true(lade_directories_open_count(fixture->table) <= 4);
	for (unsigned i = 0; i < WIDE; i++)
		lade_directory_unref(handles[i]);
}

static void *flip(void *context)
{
	struct race *race = context;
	int fd = race->fixture->root_fd;

	while (!atomic_load(&race->stop))
		if (renameat2(fd, "flip", fd, "flop", RENAME_EXCHANGE) != 0)
			break;
	return NULL;
}

static bool later_than(const struct timespec *start, time_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec >= seconds;
}

/*
 * "flip" is now a directory, now a symlink to the outside. Whatever the moment, a
 * descriptor is the directory inside or there is none. New handles each round (no
 * identity to compare with), a resolve, and one old handle that is evicted again and again.
 */
static void test_flipper(void **state)
{
	struct fixture *fixture = *state;
	struct race race = { .fixture = fixture };
	struct lade_directory *old = child(root_of(fixture), "flip"), *below = child(old, "in"),
			      *fresh;
	ino_t inside, inner, ino;
	unsigned opened = 0, refused = 0, rounds;
	struct timespec start;
	pthread_t thread;
	int code, fd;

	assert_int_equal(mkdirat(fixture->root_fd, "flip", 0755), 0);
	assert_int_equal(mkdirat(fixture->root_fd, "flip/in", 0755), 0);
	assert_int_equal(mkdirat(fixture->base_fd, "outside/in", 0755), 0);
	assert_int_equal(symlinkat("../outside", fixture->root_fd, "flop"), 0);
	inside = inode_at(fixture->root_fd, "flip");
	inner = inode_at(fixture->root_fd, "flip/in");
	assert_int_equal(touch(below, &ino), 0);
	if (renameat2(fixture->root_fd, "flip", fixture->root_fd, "flop", RENAME_EXCHANGE) != 0) {
		lade_directory_unref(old);
		lade_directory_unref(below);
		print_message("# skipped: no RENAME_EXCHANGE here\n");
		return;
	}
	assert_int_equal(pthread_create(&thread, NULL, flip, &race), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (rounds = 0; rounds < 10000 && !later_than(&start, 2); rounds++) {
		struct lade_directory *const tried[] = { old, below,
							 fresh = child(root_of(fixture), "flip") };

		for (unsigned i = 0; i < 3; i++) {
			code = touch(tried[i], &ino);
			assert_true(code == 0 || code == LADE_E_REFUSED);
			if (code == 0)
				assert_int_equal(ino, tried[i] == below ? inner : inside);
			opened += code == 0;
			refused += code != 0;
		}
		lade_directory_unref(fresh);
		if (lade_directories_resolve(fixture->table, "flip/in", 7, &fd, NULL) == 0) {
			assert_int_equal(inode_of(fd), inner);
			close(fd);
		}
		evict_all(fixture);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	print_message("# flipper: %u rounds, %u opened, %u refused\n", rounds, opened, refused);
	lade_directory_unref(old);
	lade_directory_unref(below);
}

#define BOTH(name, test) \
	{ name " (openat2)", run, setup_openat2, teardown, &(struct scene){ test } }, \
	{ \
		name " (by components)", run, setup_plain, teardown, &(struct scene) \
		{ \
			test \
		} \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("root", test_root),
		BOTH("search only", test_search_only),
		BOTH("names", test_names),
		BOTH("path", test_path),
		BOTH("pins nest", test_pins_nest),
		BOTH("bound", test_bound),
		BOTH("order of use", test_order_of_use),
		BOTH("planted", test_planted),
		BOTH("planted above", test_planted_above),
		BOTH("resolve", test_resolve),
		BOTH("deep", test_deep),
		BOTH("threads", test_threads),
		BOTH("flipper", test_flipper),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
