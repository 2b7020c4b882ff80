/*
 * A disk remembers of each object that changed what it was called at the last barrier, and what it is called now: after a loss of power it is called the one or the other, as one rename is done or not.
 *
 * An object that is put and deleted between two barriers, or put under the name of one that was deleted, is told apart by its number.
 */
#include "tests/unit/faulty_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/store_folder.h"
#include "tests/unit/must.h"

/* An object that changed since the last barrier. Names are empty where it has none. */
struct change {
	char then[LADE_OBJECT_NAME_MAX + 1], now[LADE_OBJECT_NAME_MAX + 1];
	uint8_t *bytes; /* of one that was deleted, and was there then */
	size_t len;
};

struct faulty_disk {
	char path[PATH_MAX];
	pthread_mutex_t lock;
	struct change *changes;
	size_t count;
	unsigned powers; /* how often power was lost */
};

struct faulty {
	struct lade_store store;
	struct faulty_disk *disk;
	struct lade_store *inner;
	unsigned power;                   /* disk->powers when it was made */
	unsigned count, break_at, call_at;
	enum faulty_kind kind;
	bool broke, dead, restricted;
	void (*call)(void *context);
	void *context;
	unsigned operations[FAULTY_OPERATIONS];
};

struct faulty_put {
	struct lade_store_put put;
	struct lade_store_put *inner;
};

/* What an operation is to do. */
enum course { DO, FAIL, DO_AND_FAIL, CUT };

static struct faulty *faulty_of(struct lade_store *store)
{
	return (struct faulty *)(void *)store;
}

static int say_fault(struct lade_fault *fault)
{
	errno = EIO;
	return lade_fault_set(fault, LADE_E_SYSTEM, "use a faulty store", NULL);
}

/* Count an operation and find what becomes of it. */
static enum course next_course(struct faulty *faulty, enum faulty_operation operation)
{
	enum course course = DO;
	void (*call)(void *context) = NULL;

	pthread_mutex_lock(&faulty->disk->lock);
	faulty->operations[operation]++;
	faulty->count++;
	if (faulty->count == faulty->call_at)
		call = faulty->call;
	if (faulty->dead || faulty->power != faulty->disk->powers) {
		course = FAIL;
	} else if (faulty->count == faulty->break_at) {
		const bool late = faulty->kind == FAULTY_LATE || faulty->kind == FAULTY_DEAD_LATE;

		faulty->broke = true;
		faulty->dead = faulty->kind == FAULTY_DEAD || faulty->kind == FAULTY_DEAD_LATE;
		course = late ? DO_AND_FAIL : faulty->kind == FAULTY_SHORT ? CUT : FAIL;
	}
	pthread_mutex_unlock(&faulty->disk->lock);
	if (call)
		call(faulty->context);
	return course;
}

/* ---- what changed ---- */

static struct change *find_change(struct faulty_disk *disk, const char *now)
{
	for (size_t i = 0; i < disk->count; i++) {
		if (!strcmp(disk->changes[i].now, now))
			return &disk->changes[i];
	}
	return NULL;
}

static struct change *new_change(struct faulty_disk *disk, const char *then)
{
	struct change *change;

	disk->changes = must(reallocarray(disk->changes, disk->count + 1, sizeof(*disk->changes)));
	change = &disk->changes[disk->count++];
	memset(change, 0, sizeof(*change));
	snprintf(change->then, sizeof(change->then), "%s", then);
	return change;
}

static void note_put(struct faulty_disk *disk, const char *name)
{
	snprintf(new_change(disk, "")->now, LADE_OBJECT_NAME_MAX + 1, "%s", name);
}

static void note_rename(struct faulty_disk *disk, const char *from, const char *to)
{
	struct change *change = find_change(disk, from);

	if (!change)
		change = new_change(disk, from);
	snprintf(change->now, sizeof(change->now), "%s", to);
}

static void path_of(const struct faulty_disk *disk, const char *name, char out[2 * PATH_MAX])
{
	snprintf(out, 2 * PATH_MAX, "%s/%s", disk->path, name);
}

static void save(const struct faulty_disk *disk, const char *name, struct change *change)
{
	char path[2 * PATH_MAX];
	struct stat st;
	FILE *file;

	path_of(disk, name, path);
	file = must(fopen(path, "rb"));
	if (fstat(fileno(file), &st))
		abort();
	change->len = (size_t)st.st_size;
	change->bytes = must(malloc(change->len + 1));
	if (fread(change->bytes, 1, change->len, file) != change->len)
		abort();
	fclose(file);
}

static void note_remove(struct faulty_disk *disk, const char *name)
{
	struct change *change = find_change(disk, name);
	char path[2 * PATH_MAX];

	path_of(disk, name, path);
	if (access(path, F_OK))
		return;
	if (!change)
		change = new_change(disk, name);
	change->now[0] = '\0';
	if (change->then[0])
		save(disk, name, change);
}

static void forget_changes(struct faulty_disk *disk)
{
	for (size_t i = 0; i < disk->count; i++)
		free(disk->changes[i].bytes);
	free(disk->changes);
	disk->changes = NULL;
	disk->count = 0;
}

/* ---- a loss of power ---- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What becomes of a change: even numbers undo it, some odd ones tear what was put. */
static uint64_t choose(const struct faulty_disk *disk, const struct change *change, uint64_t seed, uint64_t *state)
{
	if (seed <= FAULTY_LOSE_ONE(0) && seed >= FAULTY_LOSE_ONE(9))
		return change == &disk->changes[FAULTY_LOSE_ONE(0) - seed] ? 0 : 3;
	if (seed == FAULTY_LOSE_ALL)
		return 0;
	if (seed == FAULTY_LOSE_PUTS || seed == FAULTY_LOSE_OTHERS)
		return (seed == FAULTY_LOSE_PUTS) == !change->then[0] ? 0 : 3;
	return next_random(state) >> 32;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *file = must(fopen(path, "wb"));

	if (fwrite(bytes, 1, len, file) != len)
		abort();
	fclose(file);
}

static void tear(const char *path)
{
	struct stat st;

	if (stat(path, &st) || truncate(path, st.st_size / 2))
		abort();
}

/* An object is as it was at the barrier again. */
static void undo(const struct faulty_disk *disk, const struct change *change)
{
	char then[2 * PATH_MAX], now[2 * PATH_MAX];

	path_of(disk, change->then, then);
	path_of(disk, change->now, now);
	if (!change->now[0] && change->then[0])
		write_file(then, change->bytes, change->len);
	else if (change->now[0] && !change->then[0])
		(void)unlink(now);
	else if (change->now[0] && rename(now, then))
		abort();
}

void faulty_disk_lose_power(struct faulty_disk *disk, uint64_t seed)
{
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
	char now[2 * PATH_MAX];

	pthread_mutex_lock(&disk->lock);
	/* The latest first, as a name may have been used twice. */
	for (size_t i = disk->count; i-- > 0;) {
		const struct change *change = &disk->changes[i];
		const uint64_t chance = choose(disk, change, seed, &state);

		if (chance % 2 == 0) {
			undo(disk, change);
		} else if (chance % 16 == 1 && !change->then[0] && change->now[0]) {
			path_of(disk, change->now, now);
			tear(now);
		}
	}
	forget_changes(disk);
	disk->powers++;
	pthread_mutex_unlock(&disk->lock);
}

struct faulty_disk *faulty_disk_new(const char *path)
{
	struct faulty_disk *disk = must(calloc(1, sizeof(*disk)));

	snprintf(disk->path, sizeof(disk->path), "%s", path);
	pthread_mutex_init(&disk->lock, NULL);
	return disk;
}

void faulty_disk_free(struct faulty_disk *disk)
{
	forget_changes(disk);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}

/* ---- the operations ---- */

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);
	struct faulty_put *put = must(calloc(1, sizeof(*put)));
	int error = lade_store_begin(faulty->inner, &put->inner, fault);

	if (error) {
		free(put);
		return error;
	}
	put->put.store = store;
	*put_out = &put->put;
	return 0;
}

static int append(struct lade_store_put *opaque, const void *data, size_t len, struct lade_fault *fault)
{
	return lade_store_append(((struct faulty_put *)(void *)opaque)->inner, data, len, fault);
}

static void abandon(struct lade_store_put *opaque)
{
	struct faulty_put *put = (struct faulty_put *)(void *)opaque;

	lade_store_abandon(put->inner);
	free(put);
}

static int finish(struct lade_store_put *opaque, const char *name, struct lade_fault *fault)
{
	struct faulty_put *put = (struct faulty_put *)(void *)opaque;
	struct faulty *faulty = faulty_of(opaque->store);
	const enum course course = next_course(faulty, FAULTY_PUT);
	int error;

	if (course == FAIL || course == CUT) {
		abandon(opaque);
		return say_fault(fault);
	}
	pthread_mutex_lock(&faulty->disk->lock);
	error = lade_store_finish(put->inner, name, fault);
	if (!error)
		note_put(faulty->disk, name);
	pthread_mutex_unlock(&faulty->disk->lock);
	free(put);
	return course == DO ? error : say_fault(fault);
}

static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);
	const enum course course = next_course(faulty, FAULTY_GET);

	if (course == CUT)
		return lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	return course == DO ? lade_store_get(faulty->inner, name, off, len, out, fault) : say_fault(fault);
}

static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);

	return next_course(faulty, FAULTY_LIST) == DO ? lade_store_list(faulty->inner, prefix, visit, context, fault) : say_fault(fault);
}

static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);
	const enum course course = next_course(faulty, FAULTY_RENAME);
	int error;

	if (course == FAIL || course == CUT)
		return say_fault(fault);
	if (faulty->restricted && strncmp(to, "sessions/", 9) != 0)
		return lade_fault_set(fault, LADE_E_REFUSED, "rename", to);
	pthread_mutex_lock(&faulty->disk->lock);
	error = lade_store_rename(faulty->inner, from, to, fault);
	if (!error)
		note_rename(faulty->disk, from, to);
	pthread_mutex_unlock(&faulty->disk->lock);
	return course == DO ? error : say_fault(fault);
}

static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);
	const enum course course = next_course(faulty, FAULTY_REMOVE);
	int error;

	if (course == FAIL || course == CUT)
		return say_fault(fault);
	if (faulty->restricted && strstr(name, ".committed-"))
		return lade_fault_set(fault, LADE_E_REFUSED, "delete", name);
	pthread_mutex_lock(&faulty->disk->lock);
	note_remove(faulty->disk, name);
	error = lade_store_remove(faulty->inner, name, fault);
	pthread_mutex_unlock(&faulty->disk->lock);
	return course == DO ? error : say_fault(fault);
}

static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct faulty *faulty = faulty_of(store);
	const enum course course = next_course(faulty, FAULTY_BARRIER);

	if (course == FAIL || course == CUT)
		return say_fault(fault);
	pthread_mutex_lock(&faulty->disk->lock);
	forget_changes(faulty->disk);
	pthread_mutex_unlock(&faulty->disk->lock);
	return course == DO ? 0 : say_fault(fault);
}

static void close_store(struct lade_store *store)
{
	struct faulty *faulty = faulty_of(store);

	lade_store_close(faulty->inner);
	free(faulty);
}

static const struct lade_store_operations operations = {
	.begin = begin,
	.append = append,
	.finish = finish,
	.abandon = abandon,
	.get = get,
	.list = list,
	.rename_once = rename_once,
	.remove = remove_object,
	.barrier = barrier,
	.close = close_store,
};

struct lade_store *faulty_store_new(struct faulty_disk *disk)
{
	struct faulty *faulty = must(calloc(1, sizeof(*faulty)));

	faulty->store.operations = &operations;
	faulty->disk = disk;
	faulty->power = disk->powers;
	if (lade_store_folder_open(disk->path, false, &faulty->inner, NULL))
		abort();
	return &faulty->store;
}

void faulty_store_break(struct lade_store *store, unsigned number, enum faulty_kind kind)
{
	struct faulty *faulty = faulty_of(store);

	pthread_mutex_lock(&faulty->disk->lock);
	faulty->count = 0;
	faulty->break_at = number;
	faulty->kind = kind;
	faulty->broke = false;
	pthread_mutex_unlock(&faulty->disk->lock);
}

void faulty_store_at(struct lade_store *store, unsigned number, void (*call)(void *context), void *context)
{
	struct faulty *faulty = faulty_of(store);

	pthread_mutex_lock(&faulty->disk->lock);
	faulty->count = 0;
	faulty->call_at = number;
	faulty->call = call;
	faulty->context = context;
	pthread_mutex_unlock(&faulty->disk->lock);
}

void faulty_store_restrict(struct lade_store *store)
{
	faulty_of(store)->restricted = true;
}

unsigned faulty_store_count(const struct lade_store *store)
{
	const struct faulty *faulty = (const struct faulty *)(const void *)store;
	unsigned value;

	pthread_mutex_lock(&faulty->disk->lock);
	value = faulty->count;
	pthread_mutex_unlock(&faulty->disk->lock);
	return value;
}

bool faulty_store_broke(const struct lade_store *store)
{
	const struct faulty *faulty = (const struct faulty *)(const void *)store;
	bool value;

	pthread_mutex_lock(&faulty->disk->lock);
	value = faulty->broke;
	pthread_mutex_unlock(&faulty->disk->lock);
	return value;
}

unsigned faulty_store_operation(const struct lade_store *store, enum faulty_operation operation)
{
	return ((const struct faulty *)(const void *)store)->operations[operation];
}
