/*
 * Tests of agent/store/store_remote, store_server and store_limited: the six operations over a connection, several threads at a time, and clients and servers that break the
 * protocol or lie. The server is a thread of the test, at the other end of a socket pair.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/store/store_answer.h"
#include "agent/store/store_folder.h"
#include "agent/store/store_limited.h"
#include "agent/store/store_remote_internal.h"
#include "agent/store/store_server.h"
#include "agent/store/store_server_watch.h"
#include "protocol/message.h"
#include "tests/unit/temp_tree.h"
#include "tests/unit/tls_ends.h"
#include "transport/frame.h"
#include "transport/mapping.h"
#include "transport/tls_record.h"

/* Seconds for what comes sooner, unless it is broken. */
#define PATIENCE_S 120

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PACK_NAME "packs/ab/ab00000000000000000000000000000000000000000000000000000000000000"
#define OTHER_NAME "packs/cd/cd00000000000000000000000000000000000000000000000000000000000000"
#define BEAT_NAME "sessions/01010101010101010101010101010101-02020202020202020202020202020202.beat-1"

/* A served folder, and the client's end of the connection to it. */
struct scene {
	char path[PATH_MAX];
	struct lade_connection near, far;
	struct lade_run_key key;
	struct lade_store_serving serving;
	pthread_t thread;
	bool running;
	int result;              /* of the server, once it has ended */
	struct lade_store *store; /* NULL, or it has near */
	struct lade_writer out;  /* of a client by hand */
	struct lade_writer in;
};

/* The clock of who watches a session: ours, so that no time passes while a thread of the test does not get to run. */
static atomic_bool own_clock;
static _Atomic int64_t own_ms;

static void *serve(void *context)
{
	struct scene *scene = context;

	scene->result = lade_store_serve(&scene->serving, NULL);
	/* As a process that ends; what it has is closed by who has waited for it. */
	lade_connection_cancel(&scene->far);
	return NULL;
}

static int setup(void **state)
{
	static const uint8_t secret[LADE_SECRET_LEN] = { 1 };
	struct scene *scene = aligned_alloc(_Alignof(struct scene), sizeof(*scene));
	struct lade_store *store;

	assert_non_null(scene);
	memset(scene, 0, sizeof(*scene));
	atomic_store(&own_clock, false);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(lade_mapping_setup(NULL), 0);
	temp_tree_make(scene->path);
	assert_int_equal(lade_store_folder_open(scene->path, true, &store, NULL), 0);
	assert_int_equal(lade_store_put(store, "format", "LADEF", 5, NULL), 0);
	lade_store_close(store);
	assert_int_equal(lade_connection_pair(&scene->near, &scene->far, NULL), 0);
	lade_run_key_derive(&scene->key, secret, secret);
	scene->serving = (struct lade_store_serving){ .connection = &scene->far, .key = &scene->key, .root_fd = -1, .rights = { .class = LADE_STORE_OWNS } };
	lade_writer_init(&scene->out, LADE_CONTROL_MAX);
	lade_writer_init(&scene->in, LADE_CONTROL_MAX);
	*state = scene;
	return 0;
}

static void start(struct scene *scene)
{
	assert_int_equal(pthread_create(&scene->thread, NULL, serve, scene), 0);
	scene->running = true;
}

static int join(struct scene *scene)
{
	assert_int_equal(pthread_join(scene->thread, NULL), 0);
	scene->running = false;
	lade_connection_close(&scene->far);
	return scene->result;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	if (scene->store)
		lade_store_close(scene->store);
	else
		lade_connection_close(&scene->near);
	if (scene->running)
		(void)join(scene);
	temp_tree_remove(scene->path);
	lade_writer_fini(&scene->out);
	lade_writer_fini(&scene->in);
	free(scene);
	return 0;
}

static int open_store(struct scene *scene, bool create, const char *path)
{
	struct lade_connection near = scene->near;
	int error;

	start(scene);
	error = lade_store_remote_open(&near, &scene->key, path, create, &scene->store, NULL);
	/* It is consumed. */
	scene->near.in_fd = scene->near.out_fd = -1;
	return error;
}

/* Bytes of an object of a kind. */
static uint8_t *make_object(char kind, size_t len, unsigned seed)
{
	uint8_t *object = malloc(len ? len : 1);

	assert_non_null(object);
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		object[i] = (uint8_t)(seed >> 16);
	}
	if (len >= 5) {
		memcpy(object, "LADE", 4);
		object[4] = (uint8_t)kind;
	}
	return object;
}

static int put(struct lade_store *store, const char *name, char kind, size_t len)
{
	uint8_t *object = make_object(kind, len, (unsigned)len);
	int error = lade_store_put(store, name, object, len, NULL);

	free(object);
	return error;
}

static void assert_holds(struct lade_store *store, const char *name, char kind, size_t len)
{
	uint8_t *object = make_object(kind, len, (unsigned)len), *got = malloc(len + 1);

	assert_non_null(got);
	assert_int_equal(lade_store_get(store, name, 0, len, got, NULL), 0);
	assert_memory_equal(got, object, len);
	if (len > 100) {
		assert_int_equal(lade_store_get(store, name, 77, len - 100, got, NULL), 0);
		assert_memory_equal(got, object + 77, len - 100);
	}
	assert_int_equal(lade_store_get(store, name, 0, len + 1, got, NULL), LADE_E_TRUNCATED);
	assert_int_equal(lade_store_get(store, name, len, 1, got, NULL), LADE_E_TRUNCATED);
	free(object);
	free(got);
}

/* Nothing is left of what was begun and not ended. */
static void assert_no_temporaries(const struct scene *scene)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/tmp", scene->path);
	assert_int_equal(rmdir(path), 0);
}

struct names {
	unsigned count;
	uint64_t bytes;
};

static int count_name(void *context, const struct lade_store_object *object)
{
	struct names *names = context;

	names->count++;
	names->bytes += object->len;
	return 0;
}

static int stop(void *context, const struct lade_store_object *object)
{
	(void)object;
	++*(unsigned *)context;
	return 42;
}

/* ---- what a store promises ---- */

static void test_operations(void **state)
{
	struct scene *scene = *state;
	struct names names = { 0, 0 };
	unsigned visited = 0;
	uint8_t byte;

	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 9000001), 0);
	assert_holds(scene->store, PACK_NAME, 'P', 9000001);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 3000), LADE_E_EXISTS);
	assert_holds(scene->store, PACK_NAME, 'P', 9000001);
	assert_int_equal(put(scene->store, BEAT_NAME, 0, 0), 0);
	assert_holds(scene->store, BEAT_NAME, 0, 0);
	assert_int_equal(lade_store_get(scene->store, OTHER_NAME, 0, 1, &byte, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_store_get(scene->store, OTHER_NAME, 0, 0, &byte, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_store_rename(scene->store, PACK_NAME, OTHER_NAME, NULL), 0);
	assert_int_equal(lade_store_rename(scene->store, PACK_NAME, OTHER_NAME, NULL), LADE_E_ABSENT);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 3000), 0);
	assert_int_equal(lade_store_rename(scene->store, PACK_NAME, OTHER_NAME, NULL), LADE_E_EXISTS);
	assert_int_equal(lade_store_list(scene->store, "packs/", count_name, &names, NULL), 0);
	assert_int_equal(names.count, 2);
	assert_int_equal(names.bytes, 9000001 + 3000);
	assert_int_equal(lade_store_list(scene->store, "", stop, &visited, NULL), 42);
	assert_int_equal(visited, 1);
	assert_int_equal(lade_store_list(scene->store, "gone/", stop, &visited, NULL), 0);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(lade_store_remove(scene->store, OTHER_NAME, NULL), 0);
	assert_int_equal(lade_store_remove(scene->store, OTHER_NAME, NULL), 0);
	assert_int_equal(lade_store_get(scene->store, OTHER_NAME, 0, 1, &byte, NULL), LADE_E_ABSENT);
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	assert_no_temporaries(scene);
}

static void test_abandon(void **state)
{
	struct scene *scene = *state;
	struct lade_store_put *one, *other;
	uint8_t *object = make_object('P', 5000, 1);

	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(lade_store_begin(scene->store, &one, NULL), 0);
	lade_store_abandon(one);
	assert_int_equal(lade_store_begin(scene->store, &one, NULL), 0);
	assert_int_equal(lade_store_begin(scene->store, &other, NULL), 0);
	assert_int_equal(lade_store_append(one, object, 5000, NULL), 0);
	assert_int_equal(lade_store_append(other, object, 5000, NULL), 0);
	lade_store_abandon(one);
	assert_int_equal(lade_store_begin(scene->store, &one, NULL), 0);
	assert_int_equal(lade_store_append(one, object, 5000, NULL), 0);
	assert_int_equal(lade_store_finish(other, PACK_NAME, NULL), 0);
	/* What is not ended when the client goes is thrown away. */
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	lade_store_abandon(one);
	lade_store_close(scene->store);
	scene->store = NULL;
	free(object);
	assert_int_equal(join(scene), 0);
	assert_no_temporaries(scene);
}

static void test_puts_are_bounded(void **state)
{
	struct scene *scene = *state;
	struct lade_store_put *puts[LADE_PUTS_MAX], *more;

	assert_int_equal(open_store(scene, false, scene->path), 0);
	for (size_t i = 0; i < COUNT(puts); i++)
		assert_int_equal(lade_store_begin(scene->store, &puts[i], NULL), 0);
	assert_int_equal(lade_store_begin(scene->store, &more, NULL), LADE_E_LIMIT);
	for (size_t i = 0; i < COUNT(puts); i++)
		lade_store_abandon(puts[i]);
	assert_int_equal(lade_store_begin(scene->store, &more, NULL), 0);
	lade_store_abandon(more);
}

/* What does one of several threads. */
struct worker {
	struct lade_store *store;
	unsigned number;
	int error;
};

#define WORKERS 8u
#define ROUNDS 12u

static void *work(void *context)
{
	struct worker *worker = context;
	char name[LADE_OBJECT_NAME_MAX + 1];

	for (unsigned round = 0; round < ROUNDS && !worker->error; round++) {
		const size_t len = 100 + 300000 * (size_t)((worker->number + round) % 5);
		uint8_t *object = make_object('P', len, round), *got = malloc(len);
		struct lade_store_put *one = NULL;

		snprintf(name, sizeof(name), "packs/%02x/%02x%02x%060x", worker->number, worker->number, round, 0);
		worker->error = lade_store_begin(worker->store, &one, NULL);
		for (size_t off = 0; off < len && !worker->error; off += 70000)
			worker->error = lade_store_append(one, object + off, len - off < 70000 ? len - off : 70000, NULL);
		if (!worker->error)
			worker->error = lade_store_finish(one, name, NULL);
		if (!worker->error)
			worker->error = lade_store_get(worker->store, name, 0, len, got, NULL);
		if (!worker->error && memcmp(object, got, len) != 0)
			worker->error = LADE_E_CHANGED;
		free(object);
		free(got);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct scene *scene = *state;
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];
	struct names names = { 0, 0 };

	assert_int_equal(open_store(scene, false, scene->path), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .store = scene->store, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].error, 0);
	}
	assert_int_equal(lade_store_list(scene->store, "packs/", count_name, &names, NULL), 0);
	assert_int_equal(names.count, WORKERS * ROUNDS);
}

/* A list that takes several messages. */
static void test_long_list(void **state)
{
	struct scene *scene = *state;
	struct names names = { 0, 0 };
	char path[PATH_MAX + 300];
	struct lade_store *folder;

	assert_int_equal(lade_store_folder_open(scene->path, false, &folder, NULL), 0);
	assert_int_equal(put(folder, "keys/00000000000000000000000000000000", 'K', 7), 0);
	for (unsigned i = 1; i < 5000; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/keys/%032x", scene->path, i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	lade_store_close(folder);
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(lade_store_list(scene->store, "keys/", count_name, &names, NULL), 0);
	assert_int_equal(names.count, 5000);
	assert_int_equal(names.bytes, 7);
}

/* ---- opening ---- */

static void test_there_is_none(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/none", scene->path);
	assert_int_equal(open_store(scene, false, path), LADE_E_ABSENT);
	scene->store = NULL;
	assert_int_equal(join(scene), LADE_E_ABSENT);
}

static void test_make_one(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path) - 8, "%s/new", scene->path);
	assert_int_equal(open_store(scene, true, path), 0);
	assert_int_equal(put(scene->store, "format", 'F', 30), 0);
	strcat(path, "/format");
	assert_int_equal(access(path, F_OK), 0);
}

static void test_make_where_there_is_one(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(open_store(scene, true, scene->path), LADE_E_EXISTS);
	scene->store = NULL;
}

static void test_make_where_there_is_something(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/format", scene->path);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/something", scene->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_store(scene, true, scene->path), LADE_E_REFUSED);
	scene->store = NULL;
}

static void test_who_may_not_make_one(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 8];

	scene->serving.rights.class = LADE_STORE_READS;
	snprintf(path, sizeof(path), "%s/new", scene->path);
	assert_int_equal(open_store(scene, true, path), LADE_E_REFUSED);
	scene->store = NULL;
	assert_int_not_equal(access(path, F_OK), 0);
}

/* What is named is below the root that is served, whatever it says. */
static void test_below_a_root(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/root", scene->path);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scene->serving.root_fd = fd;
	assert_int_not_equal(open_store(scene, false, ".."), 0);
	scene->store = NULL;
	(void)join(scene);
	close(fd);
}

static void test_reader(void **state)
{
	struct scene *scene = *state;
	struct names names = { 0, 0 };
	uint8_t bytes[5];

	scene->serving.rights.class = LADE_STORE_READS;
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(lade_store_get(scene->store, "format", 0, 5, bytes, NULL), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 5000), LADE_E_REFUSED);
	assert_int_equal(lade_store_rename(scene->store, "format", PACK_NAME, NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_remove(scene->store, "format", NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_list(scene->store, "", count_name, &names, NULL), 0);
	assert_int_equal(names.count, 1);
}

/* ---- objects that are not what they should be ---- */

static void test_kinds_and_lengths(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'F', 3000), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 10), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 0), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, BEAT_NAME, 'L', 100), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, "trust/1", 'T', 4097), LADE_E_LIMIT);
	assert_int_equal(put(scene->store, "trust/01", 'T', 400), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, "trust/1", '?', 400), LADE_E_LIMIT);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 67108865), LADE_E_LIMIT);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 67108864), 0);
	assert_int_equal(lade_store_rename(scene->store, PACK_NAME, "tmp/x", NULL), LADE_E_REFUSED);
	assert_int_equal(lade_store_remove(scene->store, "tmp", NULL), LADE_E_REFUSED);
}

/* ---- a server without room ---- */

#define MIB (UINT64_C(1) << 20)

/* Put one more megabyte, from a pack's beginning on, and throw it away. */
static void put_and_abandon(struct scene *scene)
{
	uint8_t *object = make_object('P', MIB, 1);
	struct lade_store_put *put;

	assert_int_equal(lade_store_begin(scene->store, &put, NULL), 0);
	assert_int_equal(lade_store_append(put, object, MIB, NULL), 0);
	lade_store_abandon(put);
	free(object);
}

static void assert_no_room(struct scene *scene, const char *name, char kind, size_t len, int reason, const char *words)
{
	uint8_t *object = make_object(kind, len, 1);
	struct lade_fault fault;

	assert_int_equal(lade_store_put(scene->store, name, object, len, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, reason);
	assert_non_null(strstr(fault.subject, name));
	assert_non_null(strstr(fault.subject, words));
	free(object);
}

static void test_quota(void **state)
{
	struct scene *scene = *state;
	const int tree = open(scene->path, O_PATH | O_DIRECTORY | O_CLOEXEC), account = memfd_create("account", MFD_CLOEXEC);
	const struct lade_store_room_setup limits = { .quota = 8 * MIB, .tree_fd = tree, .account_fd = account };
	const struct lade_store_room_claim claim = { .fd = -1 };
	struct lade_store_room *other;
	struct lade_store_put *first;

	/* Another session, from before. */
	assert_int_equal(lade_store_room_new(&limits, &other, NULL), 0);
	assert_int_equal(lade_store_room_look(other, NULL), 0);
	assert_int_equal(lade_store_room_new(&limits, &scene->serving.room, NULL), 0);
	assert_int_equal(open_store(scene, false, scene->path), 0);
	/* By a number that is not used again. */
	assert_int_equal(lade_store_begin(scene->store, &first, NULL), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 6 * MIB), 0);
	lade_store_abandon(first);
	assert_int_equal(put(scene->store, OTHER_NAME, 'P', 2 * MIB - 4096), 0);
	assert_holds(scene->store, OTHER_NAME, 'P', 2 * MIB - 4096);
	assert_no_room(scene, PACK_NAME, 'P', 3 * MIB, EDQUOT, "quota = 8388608");
	/* What is empty takes room as well, and nothing is refused that makes some: for a while. */
	assert_no_room(scene, "packs/ef/ef00000000000000000000000000000000000000000000000000000000000000", 'P', 100, EDQUOT, "quota");
	assert_int_equal(put(scene->store, "refs/x", 'R', 100), LADE_E_REFUSED);
	assert_int_equal(put(scene->store, BEAT_NAME, 0, 0), 0);
	assert_int_equal(put(scene->store, "index/0/ab00000000000000000000000000000000000000000000000000000000000000", 'I', MIB - 12288), 0);
	assert_int_equal(put(scene->store, "keys/00000000000000000000000000000000", 'K', 100), 0);
	assert_no_room(scene, "keys/00000000000000000000000000000001", 'K', 100, EDQUOT, "quota");
	assert_no_room(scene, "sessions/01010101010101010101010101010101-02020202020202020202020202020202.beat-2", 0, 0, EDQUOT, "quota");
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	assert_no_temporaries(scene);
	/* All of it still counts for the other one. */
	assert_int_equal(lade_store_room_take(other, &claim, 1, NULL), LADE_E_SYSTEM);
	lade_store_room_free(other);
	lade_store_room_free(scene->serving.room);
	close(account);
	close(tree);
}

/* What got no name counts until the next walk: nobody gets beyond the quota by beginning again and again. */
static void test_quota_of_nothing(void **state)
{
	struct scene *scene = *state;
	const int tree = open(scene->path, O_PATH | O_DIRECTORY | O_CLOEXEC), account = memfd_create("account", MFD_CLOEXEC);
	const struct lade_store_room_setup limits = { .quota = 8 * MIB, .tree_fd = tree, .account_fd = account };
	const struct lade_store_room_claim claim = { .fd = -1 };
	struct lade_store_room *before, *after;

	assert_int_equal(lade_store_room_new(&limits, &before, NULL), 0);
	assert_int_equal(lade_store_room_look(before, NULL), 0);
	assert_int_equal(lade_store_room_new(&limits, &scene->serving.room, NULL), 0);
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', MIB), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', MIB), LADE_E_EXISTS);
	assert_int_equal(put(scene->store, OTHER_NAME, 'F', MIB), LADE_E_LIMIT);
	for (int i = 0; i < 5; i++)
		put_and_abandon(scene);
	assert_no_room(scene, OTHER_NAME, 'P', MIB, EDQUOT, "quota = 8388608");
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	assert_int_equal(lade_store_room_take(before, &claim, MIB, NULL), LADE_E_SYSTEM);
	assert_int_equal(lade_store_room_new(&limits, &after, NULL), 0);
	assert_int_equal(lade_store_room_take(after, &claim, 6 * MIB, NULL), 0);
	lade_store_room_free(after);
	lade_store_room_free(before);
	lade_store_room_free(scene->serving.room);
	close(account);
	close(tree);
}

/* Nothing of an object that leaves too little stays, and who reads goes on. */
static void test_min_free(void **state)
{
	struct scene *scene = *state;
	const struct lade_store_room_setup limits = { .min_free = INT64_MAX, .tree_fd = -1, .account_fd = -1 };
	uint8_t bytes[5];

	assert_int_equal(lade_store_room_new(&limits, &scene->serving.room, NULL), 0);
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_no_room(scene, PACK_NAME, 'P', 3 * MIB, ENOSPC, "min free = ");
	assert_no_room(scene, BEAT_NAME, 0, 0, ENOSPC, "min free = ");
	assert_int_equal(lade_store_get(scene->store, "format", 0, 5, bytes, NULL), 0);
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	assert_no_temporaries(scene);
	lade_store_room_free(scene->serving.room);
}

/* ---- clients that break the protocol ---- */

static void say(struct scene *scene, const char *payload)
{
	assert_int_equal(scene->out.error, 0);
	if (payload)
		assert_int_equal(lade_frame_write_payload(&scene->near, lade_slice(scene->out.data, scene->out.len), lade_slice(payload, strlen(payload)), NULL), 0);
	else
		assert_int_equal(lade_frame_write(&scene->near, lade_slice(scene->out.data, scene->out.len), 0, NULL), 0);
	lade_writer_reset(&scene->out);
}

static int hear(struct scene *scene, struct lade_message *message)
{
	struct lade_reader reader;
	uint32_t payload_len;
	int error = lade_frame_read(&scene->near, &scene->in, &payload_len, NULL);

	if (error)
		return error;
	lade_reader_init(&reader, scene->in.data, scene->in.len);
	return lade_message_get(&reader, message);
}

/* The server, which has heard an opening by hand. */
static void open_by_hand(struct scene *scene)
{
	const struct lade_msg_open_store open = { .create = 0, .path = lade_slice(scene->path, strlen(scene->path)) };
	struct lade_message message;

	start(scene);
	lade_put_open_store(&scene->out, &open);
	say(scene, NULL);
	assert_int_equal(hear(scene, &message), 0);
	assert_int_equal(message.type, LADE_MSG_ANSWER);
	assert_int_equal(message.answer.request, 0);
	assert_int_equal(message.answer.result, 0);
}

/* It says why, and is over. */
static void assert_breach(struct scene *scene)
{
	struct lade_message message;

	assert_int_equal(hear(scene, &message), 0);
	assert_int_equal(message.type, LADE_MSG_REPORT);
	assert_int_equal(message.report.severity, 3);
	assert_int_not_equal(hear(scene, &message), 0);
	/* It hears out who does not hang up. */
	lade_connection_end_writing(&scene->near);
	assert_int_equal(join(scene), LADE_E_PROTOCOL);
	assert_no_temporaries(scene);
}

static void test_nothing_before_the_opening(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_barrier barrier = { 1 };

	start(scene);
	lade_put_barrier(&scene->out, &barrier);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_one_opening(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_open_store open = { .create = 0, .path = lade_slice(scene->path, strlen(scene->path)) };

	open_by_hand(scene);
	lade_put_open_store(&scene->out, &open);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_path_with_nul(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_open_store open = { .create = 0, .path = lade_slice("a\0b", 3) };

	start(scene);
	lade_put_open_store(&scene->out, &open);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_run_without_put(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put_run run = { .put = 3, .len = 4 };

	open_by_hand(scene);
	lade_put_put_run(&scene->out, &run);
	say(scene, "abcd");
	assert_breach(scene);
}

static void test_put_twice(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put begin = { 3 };

	open_by_hand(scene);
	lade_put_put(&scene->out, &begin);
	lade_put_put(&scene->out, &begin);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_end_without_put(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put_end end = { .request = 1, .put = 3, .name = lade_slice(PACK_NAME, strlen(PACK_NAME)) };

	open_by_hand(scene);
	lade_put_put_end(&scene->out, &end);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_abandon_without_put(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put_abandon abandon = { 3 };

	open_by_hand(scene);
	lade_put_put_abandon(&scene->out, &abandon);
	say(scene, NULL);
	assert_breach(scene);
}

/* A run says another length than its payload has; none at all; and a payload behind what has none. */
static void test_lengths_that_lie(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put begin = { 3 };
	const struct lade_msg_put_run run = { .put = 3, .len = 5 };

	open_by_hand(scene);
	lade_put_put(&scene->out, &begin);
	lade_put_put_run(&scene->out, &run);
	say(scene, "abcd");
	assert_breach(scene);
}

static void test_empty_run(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_put begin = { 3 };
	const struct lade_msg_put_run run = { .put = 3, .len = 0 };

	open_by_hand(scene);
	lade_put_put(&scene->out, &begin);
	lade_put_put_run(&scene->out, &run);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_stray_payload(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_barrier barrier = { 1 };

	open_by_hand(scene);
	lade_put_barrier(&scene->out, &barrier);
	say(scene, "abcd");
	assert_breach(scene);
}

static void test_what_a_server_says(void **state)
{
	struct scene *scene = *state;

	open_by_hand(scene);
	lade_store_answer_put(&scene->out, 1, 0, NULL);
	say(scene, NULL);
	assert_breach(scene);
}

static void test_trees_are_elsewhere(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_root root = { 0 };

	open_by_hand(scene);
	lade_put_root(&scene->out, &root);
	say(scene, NULL);
	assert_breach(scene);
}

/* Put an object by hand, of whose run a bit of the digest is wrong, or whose length is. What it is answered. */
static uint32_t put_by_hand(struct scene *scene, unsigned bit, uint64_t len)
{
	const char *object = "LADEK and so on, and so on";
	const struct lade_msg_put begin = { 3 };
	const struct lade_msg_put_end end = {
		.request = 9, .put = 3, .len = len, .name = lade_slice("keys/00000000000000000000000000000000", 37),
	};
	struct lade_msg_put_run run = { .put = 3, .len = (uint32_t)strlen(object) };
	struct lade_message message;

	lade_digest(&scene->key, object, run.len, run.digest);
	if (bit < 8 * LADE_DIGEST_LEN)
		run.digest[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	lade_put_put(&scene->out, &begin);
	lade_put_put_run(&scene->out, &run);
	say(scene, object);
	/* What follows is dropped, and changes nothing. */
	lade_digest(&scene->key, object, run.len, run.digest);
	if (bit < 8 * LADE_DIGEST_LEN) {
		lade_put_put_run(&scene->out, &run);
		say(scene, object);
	}
	lade_put_put_end(&scene->out, &end);
	say(scene, NULL);
	assert_int_equal(hear(scene, &message), 0);
	assert_int_equal(message.type, LADE_MSG_ANSWER);
	assert_int_equal(message.answer.request, 9);
	return message.answer.result;
}

static void test_damage_on_the_way(void **state)
{
	struct scene *scene = *state;
	const uint64_t len = strlen("LADEK and so on, and so on");
	char path[PATH_MAX + 64];

	open_by_hand(scene);
	for (unsigned bit = 0; bit < 8 * LADE_DIGEST_LEN; bit++)
		assert_int_equal(put_by_hand(scene, bit, len), 5);
	assert_int_equal(put_by_hand(scene, UINT32_MAX, len - 1), 5);
	assert_int_equal(put_by_hand(scene, UINT32_MAX, len + 1), 5);
	snprintf(path, sizeof(path), "%s/keys", scene->path);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(put_by_hand(scene, UINT32_MAX, len), 0);
	assert_int_equal(put_by_hand(scene, UINT32_MAX, len), 2);
	lade_connection_close(&scene->near);
	scene->near.in_fd = scene->near.out_fd = -1;
	assert_int_equal(join(scene), 0);
	assert_no_temporaries(scene);
}

/* Names that lead elsewhere, by each request that takes one. */
static void test_names_from_outside(void **state)
{
	static const char *const names[] = { "../format", "/etc/passwd", "keys/../format", "", ".", "tmp/x", "keys/x", "a/b/c/d" };
	struct scene *scene = *state;
	struct lade_message message;

	open_by_hand(scene);
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct lade_slice name = lade_slice(names[i], strlen(names[i]));
		const struct lade_msg_get get = { .request = 1, .len = 1, .name = name };
		const struct lade_msg_rename from = { .request = 2, .from = name, .to = lade_slice("keys/00000000000000000000000000000000", 37) };
		const struct lade_msg_rename to = { .request = 3, .from = lade_slice("format", 6), .to = name };
		const struct lade_msg_remove remove = { .request = 4, .name = name };

		lade_put_get(&scene->out, &get);
		lade_put_rename(&scene->out, &from);
		lade_put_rename(&scene->out, &to);
		lade_put_remove(&scene->out, &remove);
		say(scene, NULL);
		for (uint32_t request = 1; request <= 4; request++) {
			assert_int_equal(hear(scene, &message), 0);
			assert_int_equal(message.type, LADE_MSG_ANSWER);
			assert_int_equal(message.answer.request, request);
			assert_true(message.answer.result == 4 || message.answer.result == 1);
		}
	}
}

static void test_list_from_outside(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_list list = { .request = 1, .prefix = lade_slice("../", 3) };
	struct lade_message message;

	open_by_hand(scene);
	lade_put_list(&scene->out, &list);
	say(scene, NULL);
	assert_int_equal(hear(scene, &message), 0);
	assert_int_equal(message.type, LADE_MSG_ANSWER);
	assert_int_equal(message.answer.result, 4);
}

/* ---- servers that do ---- */

/* What a server by hand says to a get of ten bytes, after the opening. */
enum lie {
	LIE_NOTHING, LIE_TOO_MUCH, LIE_TOO_LITTLE, LIE_ANOTHER, LIE_LIST, LIE_TWICE, LIE_REQUEST, LIE_END, LIE_REPORT, LIE_COUNT,
};

struct liar {
	struct scene *scene;
	enum lie lie;
};

static void write_data(struct scene *scene, struct lade_writer *out, uint32_t request, size_t len)
{
	static const uint8_t bytes[64];
	const struct lade_msg_data data = { .request = request, .len = (uint32_t)len };

	lade_writer_reset(out);
	lade_put_data(out, &data);
	assert_int_equal(lade_frame_write_payload(&scene->far, lade_slice(out->data, out->len), lade_slice(bytes, len), NULL), 0);
}

static void write_out(struct scene *scene, struct lade_writer *out)
{
	(void)lade_frame_write(&scene->far, lade_slice(out->data, out->len), 0, NULL);
	lade_writer_reset(out);
}

static void *lie(void *context)
{
	const struct liar *liar = context;
	struct scene *scene = liar->scene;
	const struct lade_msg_listed listed = { .request = 1, .objects = lade_slice("\001a\001", 3) };
	const struct lade_msg_barrier barrier = { 1 };
	const struct lade_msg_report report = { .severity = 3, .reason = lade_slice("no", 2) };
	struct lade_writer in, out;
	uint32_t payload_len;

	lade_writer_init(&in, LADE_CONTROL_MAX);
	lade_writer_init(&out, LADE_CONTROL_MAX);
	assert_int_equal(lade_frame_read(&scene->far, &in, &payload_len, NULL), 0);
	lade_store_answer_put(&out, 0, 0, NULL);
	write_out(scene, &out);
	assert_int_equal(lade_frame_read(&scene->far, &in, &payload_len, NULL), 0);
	if (liar->lie == LIE_TOO_MUCH)
		write_data(scene, &out, 1, 11);
	if (liar->lie == LIE_TOO_LITTLE)
		write_data(scene, &out, 1, 9);
	if (liar->lie == LIE_ANOTHER)
		write_data(scene, &out, 2, 10);
	lade_writer_reset(&out);
	if (liar->lie == LIE_LIST)
		lade_put_listed(&out, &listed);
	if (liar->lie == LIE_REQUEST)
		lade_put_barrier(&out, &barrier);
	if (liar->lie == LIE_REPORT)
		lade_put_report(&out, &report);
	if (liar->lie != LIE_END && liar->lie != LIE_REPORT)
		lade_store_answer_put(&out, 1, 0, NULL);
	if (liar->lie == LIE_TWICE) {
		write_data(scene, &out, 1, 10);
		lade_writer_reset(&out);
		lade_store_answer_put(&out, 1, 0, NULL);
		lade_store_answer_put(&out, 1, 0, NULL);
	}
	if (out.len)
		write_out(scene, &out);
	lade_connection_close(&scene->far);
	lade_writer_fini(&in);
	lade_writer_fini(&out);
	return NULL;
}

static void test_servers_that_lie(void **state)
{
	struct scene *scene = *state;
	struct lade_fault fault;
	uint8_t bytes[10];

	for (int which = 0; which < LIE_COUNT; which++) {
		struct liar liar = { scene, (enum lie)which };
		struct lade_connection near;
		pthread_t thread;
		int error;

		lade_connection_close(&scene->near);
		lade_connection_close(&scene->far);
		assert_int_equal(lade_connection_pair(&scene->near, &scene->far, NULL), 0);
		near = scene->near;
		scene->near.in_fd = scene->near.out_fd = -1;
		assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
		assert_int_equal(lade_store_remote_open(&near, &scene->key, "x", false, &scene->store, NULL), 0);
		error = lade_store_get(scene->store, "format", 0, sizeof(bytes), bytes, &fault);
		if (which == LIE_END)
			assert_int_equal(error, LADE_E_CLOSED);
		else if (which == LIE_REPORT)
			assert_int_equal(error, LADE_E_REMOTE);
		else if (which == LIE_TWICE)
			assert_int_equal(error, 0);
		else
			assert_int_equal(error, LADE_E_PROTOCOL);
		/* Every later call says that it is over. */
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_not_equal(lade_store_barrier(scene->store, NULL), 0);
		assert_true(lade_store_remote_is_lost(scene->store));
		assert_int_not_equal(lade_store_put(scene->store, PACK_NAME, "abc", 3, NULL), 0);
		lade_store_close(scene->store);
		scene->store = NULL;
	}
}

/* The server goes away under several threads. */
static void *ask_on(void *context)
{
	struct worker *worker = context;
	uint8_t bytes[5];

	while (!(worker->error = lade_store_get(worker->store, "format", 0, sizeof(bytes), bytes, NULL)))
		;
	return NULL;
}

static void test_loss(void **state)
{
	struct scene *scene = *state;
	const struct timespec pause = { 0, 50000000 };
	struct worker workers[4];
	pthread_t threads[4];
	struct lade_store_put *one;

	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(lade_store_begin(scene->store, &one, NULL), 0);
	assert_int_equal(lade_store_append(one, "LADEP", 5, NULL), 0);
	for (size_t i = 0; i < COUNT(workers); i++) {
		workers[i] = (struct worker){ .store = scene->store };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &workers[i]), 0);
	}
	(void)nanosleep(&pause, NULL);
	lade_connection_cancel(&scene->far);
	for (size_t i = 0; i < COUNT(workers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_not_equal(workers[i].error, LADE_E_PROTOCOL);
	}
	assert_int_not_equal(lade_store_finish(one, PACK_NAME, NULL), 0);
	assert_int_not_equal(lade_store_begin(scene->store, &one, NULL), 0);
}

/* ---- limits ---- */

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- limits of time ---- */

/* How often somebody began to wait for a time. */
static atomic_uint waits;

/* A hundred times as fast as asked for: what is waited for takes seconds. */
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until)
{
	const double at = now();
	const double end = at + ((double)until->tv_sec + (double)until->tv_nsec / 1e9 - at) / 100;
	const struct timespec sooner = { (time_t)end, (long)((end - (double)(time_t)end) * 1e9) };

	atomic_fetch_add(&waits, 1);
	return __real_pthread_cond_timedwait(cond, lock, &sooner);
}

int64_t __real_lade_clock_ms(void);
int64_t __wrap_lade_clock_ms(void);
int64_t __wrap_lade_clock_ms(void)
{
	return atomic_load(&own_clock) ? atomic_load(&own_ms) : __real_lade_clock_ms();
}

/* True if the client has something to hear, and be it the end. */
static bool can_hear(const struct scene *scene)
{
	struct pollfd near = { .fd = scene->near.in_fd, .events = POLLIN };

	return near.fd >= 0 && poll(&near, 1, 0) > 0;
}

/* Time passes on our clock, and is seen by who watches, unless he has ended the session: who waits for the second time since has looked in between. */
static void pass(const struct scene *scene, int64_t ms)
{
	const struct timespec moment = { 0, 1000000 };
	const double end = now() + PATIENCE_S;
	const unsigned before = atomic_load(&waits);

	atomic_fetch_add(&own_ms, ms);
	while (atomic_load(&waits) - before < 2 && !can_hear(scene) && now() < end)
		(void)nanosleep(&moment, NULL);
}

/* [get] No bytes of an object. */
static void ask_by_hand(struct scene *scene, uint64_t len)
{
	const struct lade_msg_get get = { .request = 7, .len = len, .name = lade_slice("format", 6) };

	lade_put_get(&scene->out, &get);
	say(scene, NULL);
}

static void test_silence(void **state)
{
	struct scene *scene = *state;
	struct lade_message message;
	int64_t began;

	scene->serving.timeout = 1;
	atomic_store(&own_clock, true);
	open_by_hand(scene);
	/* Whoever says something now and then goes on. */
	for (int i = 0; i < 5; i++) {
		pass(scene, 400);
		ask_by_hand(scene, 0);
		assert_int_equal(hear(scene, &message), 0);
		assert_int_equal(message.answer.result, 0);
	}
	began = atomic_load(&own_ms);
	while (!can_hear(scene) && atomic_load(&own_ms) - began < 10000)
		pass(scene, 100);
	/* It may have counted its answer only after a first look. */
	assert_in_range(atomic_load(&own_ms) - began, 1000, 2500);
	assert_int_not_equal(hear(scene, &message), 0);
	assert_int_equal(join(scene), LADE_E_TIMEOUT);
}

/* From before the opening on. */
static void test_silence_at_first(void **state)
{
	struct scene *scene = *state;

	scene->serving.timeout = 1;
	start(scene);
	assert_int_equal(join(scene), LADE_E_TIMEOUT);
}

/* Who takes no answers is silent as well, though what he has said is there to be read. */
static void test_answers_not_taken(void **state)
{
	struct scene *scene = *state;
	const struct lade_msg_list list = { .request = 1, .prefix = lade_slice("", 0) };
	const struct timeval patience = { 0, 200000 };
	struct iovec vector;
	ssize_t sent;

	scene->serving.timeout = 1;
	open_by_hand(scene);
	lade_put_list(&scene->out, &list);
	say(scene, NULL);
	assert_int_equal(setsockopt(scene->near.out_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	do {
		uint8_t frame[64] = { 0 };

		lade_put_list(&scene->out, &list);
		frame[0] = (uint8_t)scene->out.len;
		memcpy(frame + 8, scene->out.data, scene->out.len);
		vector = (struct iovec){ frame, 8 + scene->out.len };
		lade_writer_reset(&scene->out);
		sent = writev(scene->near.out_fd, &vector, 1);
	} while (sent > 0);
	assert_int_equal(join(scene), LADE_E_TIMEOUT);
}

/* A limit makes the server slow, not the client. */
static void test_served_slowly(void **state)
{
	struct scene *scene = *state;
	double started;

	scene->serving.timeout = 2;
	scene->serving.bwlimit = 300 << 10;
	assert_int_equal(open_store(scene, false, scene->path), 0);
	started = now();
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 1 << 20), 0);
	assert_true(now() - started > 2.6);
	started = now();
	assert_holds(scene->store, PACK_NAME, 'P', 1 << 20);
	assert_true(now() - started > 5.2);
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	assert_null(scene->far.throttle);
}

/* What is not protected never wears out; what is does by what came, too. */
static void test_wear(void **state)
{
	static uint8_t nothing[4096];
	struct remote remote = { .lost = 0 };

	(void)state;
	pthread_mutex_init(&remote.writing, NULL);
	pthread_mutex_init(&remote.lock, NULL);
	atomic_store(&remote.connection.received, UINT64_C(1) << 36);
	assert_false(lade_store_remote_is_worn(&remote.store));
	remote.connection.tls = (struct lade_connection_tls *)(void *)nothing;
	assert_true(lade_store_remote_is_worn(&remote.store));
	atomic_store(&remote.connection.received, (UINT64_C(1) << 36) - 1);
	atomic_store(&remote.heard, (1u << 20) - 1);
	/* Whether somebody writes or not. */
	pthread_mutex_lock(&remote.writing);
	assert_false(lade_store_remote_is_worn(&remote.store));
	atomic_store(&remote.heard, 1u << 20);
	assert_true(lade_store_remote_is_worn(&remote.store));
	atomic_store(&remote.heard, 0);
	atomic_store(&remote.worn, true);
	assert_true(lade_store_remote_is_worn(&remote.store));
	pthread_mutex_unlock(&remote.writing);
	remote.lost = LADE_E_CLOSED;
	assert_false(lade_store_remote_is_worn(&remote.store));
	pthread_mutex_destroy(&remote.writing);
	pthread_mutex_destroy(&remote.lock);
}

/* What is written tells how far the key has come, without a look by who asks: the first request, after the opening, finds it at half of what it may do. */
static void test_wear_of_what_is_written(void **state)
{
	struct scene *scene = *state;
	struct lade_connection ends[2];
	struct lade_tls_state keys;
	uint8_t byte;

	lade_connection_close(&scene->near);
	lade_connection_close(&scene->far);
	for (uint64_t left = 0; left < 2; left++) {
		tls_made_up_state(&keys, LADE_TLS_AES_128_GCM);
		/* The opening is one record, the request another. */
		keys.client.records = LADE_TLS_RECORDS_MAX / 2 - 2 - left;
		tls_connect_with(ends, &keys, LADE_SECURE_USER);
		scene->near = ends[0];
		scene->far = ends[1];
		assert_int_equal(open_store(scene, false, scene->path), 0);
		scene->near.tls = NULL; /* it is consumed, too */
		assert_false(lade_store_remote_is_worn(scene->store));
		assert_int_equal(lade_store_get(scene->store, "format", 0, 1, &byte, NULL), 0);
		assert_int_equal(lade_store_remote_is_worn(scene->store), left == 0);
		lade_store_close(scene->store);
		scene->store = NULL;
		assert_int_equal(join(scene), 0);
	}
}

/* Who may wait for so long only gives up a server that takes the opening and says nothing; afterwards nothing is bounded. */
static void test_silent_opening(void **state)
{
	struct scene *scene = *state;
	struct lade_connection near = scene->near;
	struct lade_fault fault;

	near.timeout_ms = 50;
	assert_int_equal(lade_store_remote_open(&near, &scene->key, "x", false, &scene->store, &fault), LADE_E_TIMEOUT);
	scene->near.in_fd = scene->near.out_fd = -1;
	lade_connection_close(&scene->far);
	assert_int_equal(lade_connection_pair(&scene->near, &scene->far, NULL), 0);
	scene->near.timeout_ms = 30000;
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(((struct remote *)(void *)scene->store)->connection.timeout_ms, 0);
}

/* Work that is part of other work does not end that. */
static void test_busy_within(void **state)
{
	struct scene *scene = *state;
	struct lade_store_watch *watch;
	struct lade_movers *movers;
	int64_t began;

	atomic_store(&own_clock, true);
	assert_int_equal(lade_movers_new(NULL, &movers), 0);
	assert_int_equal(lade_store_watch_start(&scene->far, movers, 1, &watch, NULL), 0);
	lade_store_watch_busy(watch, true);
	lade_store_watch_busy(watch, true);
	lade_store_watch_busy(watch, false);
	for (int i = 0; i < 5; i++)
		pass(scene, 400);
	assert_false(lade_store_watch_stop(watch));
	assert_int_equal(lade_store_watch_start(&scene->far, movers, 1, &watch, NULL), 0);
	lade_store_watch_busy(watch, true);
	lade_store_watch_busy(watch, true);
	lade_store_watch_busy(watch, false);
	lade_store_watch_busy(watch, false);
	/* The end of the connection is what there is to hear. */
	for (began = atomic_load(&own_ms); !can_hear(scene) && atomic_load(&own_ms) - began < 10000;)
		pass(scene, 400);
	assert_true(lade_store_watch_stop(watch));
	lade_movers_free(movers);
}

/* The store that is being closed, whether it has said its end, and whether somebody else writes until he is cut off. */
static struct remote *closing;
static unsigned ends_said;
static bool stuck;

void __real_lade_connection_end_writing(struct lade_connection *connection);
void __wrap_lade_connection_end_writing(struct lade_connection *connection);
void __wrap_lade_connection_end_writing(struct lade_connection *connection)
{
	if (closing && connection == &closing->connection) {
		ends_said++;
		assert_int_equal(pthread_mutex_trylock(&closing->writing), EBUSY);
	}
	__real_lade_connection_end_writing(connection);
}

int __real_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *until)
{
	return stuck ? ETIMEDOUT : __real_pthread_mutex_timedlock(lock, until);
}

/* The end is said where a frame could begin, and not at all if somebody's frame does not get on. */
static void test_end_between_frames(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(open_store(scene, false, scene->path), 0);
		closing = (struct remote *)(void *)scene->store;
		ends_said = 0;
		stuck = i;
		lade_store_close(scene->store);
		closing = NULL;
		stuck = false;
		scene->store = NULL;
		assert_int_equal(ends_said, !i);
		assert_int_equal(join(scene), 0);
		assert_int_equal(lade_connection_pair(&scene->near, &scene->far, NULL), 0);
	}
}

/* Whose disk it is that takes two seconds to tell how much is there; NULL: nobody's. */
static const struct scene *slow;

int __real_lade_store_room_look(struct lade_store_room *room, struct lade_fault *fault);
int __wrap_lade_store_room_look(struct lade_store_room *room, struct lade_fault *fault);
int __wrap_lade_store_room_look(struct lade_store_room *room, struct lade_fault *fault)
{
	for (int i = 0; slow && i < 5; i++)
		pass(slow, 400);
	return __real_lade_store_room_look(room, fault);
}

/* A large repository on a slow disk is not the client's silence. */
static void test_slow_look(void **state)
{
	struct scene *scene = *state;
	const int tree = open(scene->path, O_PATH | O_DIRECTORY | O_CLOEXEC), account = memfd_create("account", MFD_CLOEXEC);
	const struct lade_store_room_setup limits = { .quota = 8 * MIB, .tree_fd = tree, .account_fd = account };

	slow = scene;
	atomic_store(&own_clock, true);
	scene->serving.timeout = 1;
	assert_int_equal(lade_store_room_new(&limits, &scene->serving.room, NULL), 0);
	assert_int_equal(open_store(scene, false, scene->path), 0);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 5000), 0);
	slow = NULL;
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
	lade_store_room_free(scene->serving.room);
	close(account);
	close(tree);
}

/* Over TCP a client that has nothing to say says it; a pair of sockets is as good. */
static void test_signs_of_life(void **state)
{
	struct scene *scene = *state;
	const struct timespec moment = { 0, 1000000 };
	const double end = now() + PATIENCE_S;
	uint64_t heard;

	scene->near.kind = LADE_CONNECTION_TCP;
	assert_int_equal(open_store(scene, false, scene->path), 0);
	heard = atomic_load(&scene->far.received);
	while (atomic_load(&scene->far.received) == heard && now() < end)
		(void)nanosleep(&moment, NULL);
	assert_true(atomic_load(&scene->far.received) > heard);
	assert_int_equal(put(scene->store, PACK_NAME, 'P', 5000), 0);
	assert_holds(scene->store, PACK_NAME, 'P', 5000);
	lade_store_close(scene->store);
	scene->store = NULL;
	assert_int_equal(join(scene), 0);
}

static void test_limited(void **state)
{
	struct scene *scene = *state;
	struct lade_store *inner, *limited;
	double started;

	assert_int_equal(lade_store_folder_open(scene->path, false, &inner, NULL), 0);
	assert_int_equal(lade_store_limited_new(inner, 4 << 20, 2 << 20, &limited, NULL), 0);
	started = now();
	assert_int_equal(put(limited, PACK_NAME, 'P', 2 << 20), 0);
	assert_true(now() - started > 0.3);
	started = now();
	assert_holds(limited, PACK_NAME, 'P', 2 << 20);
	assert_true(now() - started > 0.6);
	assert_int_equal(put(limited, PACK_NAME, 'P', 20), LADE_E_EXISTS);
	assert_int_equal(lade_store_rename(limited, PACK_NAME, OTHER_NAME, NULL), 0);
	assert_int_equal(lade_store_barrier(limited, NULL), 0);
	assert_int_equal(lade_store_remove(limited, OTHER_NAME, NULL), 0);
	lade_store_close(limited);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_operations),
		TEST(test_abandon),
		TEST(test_puts_are_bounded),
		TEST(test_threads),
		TEST(test_long_list),
		TEST(test_there_is_none),
		TEST(test_make_one),
		TEST(test_make_where_there_is_one),
		TEST(test_make_where_there_is_something),
		TEST(test_who_may_not_make_one),
		TEST(test_below_a_root),
		TEST(test_reader),
		TEST(test_kinds_and_lengths),
		TEST(test_quota),
		TEST(test_quota_of_nothing),
		TEST(test_min_free),
		TEST(test_nothing_before_the_opening),
		TEST(test_one_opening),
		TEST(test_path_with_nul),
		TEST(test_run_without_put),
		TEST(test_put_twice),
		TEST(test_end_without_put),
		TEST(test_abandon_without_put),
		TEST(test_lengths_that_lie),
		TEST(test_empty_run),
		TEST(test_stray_payload),
		TEST(test_what_a_server_says),
		TEST(test_trees_are_elsewhere),
		TEST(test_damage_on_the_way),
		TEST(test_names_from_outside),
		TEST(test_list_from_outside),
		TEST(test_servers_that_lie),
		TEST(test_loss),
		TEST(test_limited),
		TEST(test_silence),
		TEST(test_silence_at_first),
		TEST(test_answers_not_taken),
		TEST(test_served_slowly),
		TEST(test_slow_look),
		cmocka_unit_test(test_wear),
		cmocka_unit_test_setup_teardown(test_wear_of_what_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_opening, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy_within, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_between_frames, setup, teardown),
		TEST(test_signs_of_life),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
