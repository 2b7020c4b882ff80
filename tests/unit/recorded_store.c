/*
 * Objects are an array: there are few. Bytes are never changed once they are an object; they belong to the recording in which they were put, and those that were made of it borrow them.
 */
#include "tests/unit/recorded_store.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/must.h"

/* Bytes of objects, in a chain of all that belong to a recording. */
struct bytes {
	struct bytes *next;
	size_t len;
	uint8_t data[];
};

struct object {
	char name[LADE_OBJECT_NAME_MAX + 1];
	const struct bytes *bytes;
};

enum kind { PUT, RENAME, REMOVE, BARRIER };

struct operation {
	enum kind kind;
	char name[LADE_OBJECT_NAME_MAX + 1], to[LADE_OBJECT_NAME_MAX + 1];
	const struct bytes *bytes; /* of a put */
};

/* What there is. */
struct state {
	struct object *objects;
	size_t count;
};

struct recording {
	pthread_mutex_t lock;
	struct state base, now; /* when it was started, and now */
	struct operation *operations;
	size_t count;
	struct bytes *owned;
};

struct recorded {
	struct lade_store store;
	struct recording *recording;
};

struct recorded_put {
	struct lade_store_put put;
	uint8_t *data;
	size_t len;
};

static struct recording *recording_of(struct lade_store *store)
{
	return ((struct recorded *)(void *)store)->recording;
}

static const struct bytes *own(struct recording *recording, const void *data, size_t len)
{
	struct bytes *bytes = must(malloc(sizeof(*bytes) + len));

	bytes->next = recording->owned;
	bytes->len = len;
	if (len)
		memcpy(bytes->data, data, len);
	recording->owned = bytes;
	return bytes;
}

/* ---- what there is ---- */

static struct object *find(const struct state *state, const char *name)
{
	for (size_t i = 0; i < state->count; i++) {
		if (!strcmp(state->objects[i].name, name))
			return &state->objects[i];
	}
	return NULL;
}

static void take_away(struct state *state, struct object *object)
{
	if (object)
		*object = state->objects[--state->count];
}

/* Whatever had the name is replaced. */
static void set(struct state *state, const char *name, const struct bytes *bytes)
{
	struct object *object = find(state, name);

	if (!object) {
		state->objects = must(reallocarray(state->objects, state->count + 1, sizeof(*state->objects)));
		object = &state->objects[state->count++];
		snprintf(object->name, sizeof(object->name), "%s", name);
	}
	object->bytes = bytes;
}

static void move(struct state *state, const char *from, const char *to)
{
	struct object *object = find(state, from);
	const struct bytes *bytes;

	if (!object)
		return;
	bytes = object->bytes;
	take_away(state, object);
	set(state, to, bytes);
}

static void copy_state(struct state *to, const struct state *from)
{
	free(to->objects);
	to->count = from->count;
	to->objects = must(calloc(from->count + 1, sizeof(*to->objects)));
	if (from->count)
		memcpy(to->objects, from->objects, from->count * sizeof(*to->objects));
}

static void record(struct recording *recording, enum kind kind, const char *name, const char *to, const struct bytes *bytes)
{
	struct operation *operation;

	recording->operations = must(reallocarray(recording->operations, recording->count + 1, sizeof(*recording->operations)));
	operation = &recording->operations[recording->count++];
	*operation = (struct operation){ .kind = kind, .bytes = bytes };
	snprintf(operation->name, sizeof(operation->name), "%s", name);
	snprintf(operation->to, sizeof(operation->to), "%s", to);
}

/* ---- the operations ---- */

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct recorded_put *put = must(calloc(1, sizeof(*put)));

	(void)fault;
	put->put.store = store;
	*put_out = &put->put;
	return 0;
}

static int append(struct lade_store_put *opaque, const void *data, size_t len, struct lade_fault *fault)
{
	struct recorded_put *put = (struct recorded_put *)(void *)opaque;

	(void)fault;
	if (!len)
		return 0;
	put->data = must(realloc(put->data, put->len + len));
	memcpy(put->data + put->len, data, len);
	put->len += len;
	return 0;
}

static void abandon(struct lade_store_put *opaque)
{
	struct recorded_put *put = (struct recorded_put *)(void *)opaque;

	free(put->data);
	free(put);
}

static int finish(struct lade_store_put *opaque, const char *name, struct lade_fault *fault)
{
	struct recorded_put *put = (struct recorded_put *)(void *)opaque;
	struct recording *recording = recording_of(opaque->store);
	int error = 0;

	pthread_mutex_lock(&recording->lock);
	if (find(&recording->now, name)) {
		error = lade_fault_set(fault, LADE_E_EXISTS, "store", name);
	} else {
		const struct bytes *bytes = own(recording, put->data, put->len);

		set(&recording->now, name, bytes);
		record(recording, PUT, name, "", bytes);
	}
	pthread_mutex_unlock(&recording->lock);
	abandon(opaque);
	return error;
}

static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	struct recording *recording = recording_of(store);
	const struct object *object;
	int error = 0;

	pthread_mutex_lock(&recording->lock);
	object = find(&recording->now, name);
	if (!object)
		error = lade_fault_set(fault, LADE_E_ABSENT, "open", name);
	else if (off > object->bytes->len || len > object->bytes->len - off)
		error = lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	else if (len)
		memcpy(out, object->bytes->data + off, len);
	pthread_mutex_unlock(&recording->lock);
	return error;
}

/* Of a copy, as who is told may call the store. */
static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		struct lade_fault *fault)
{
	struct recording *recording = recording_of(store);
	struct state there = { .objects = NULL };
	int error = 0;

	(void)fault;
	pthread_mutex_lock(&recording->lock);
	copy_state(&there, &recording->now);
	pthread_mutex_unlock(&recording->lock);
	for (size_t i = 0; i < there.count && !error; i++) {
		const struct lade_store_object object = { .name = there.objects[i].name, .len = there.objects[i].bytes->len };

		if (!strncmp(object.name, prefix, strlen(prefix)))
			error = visit(context, &object);
	}
	free(there.objects);
	return error;
}

static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	struct recording *recording = recording_of(store);
	int error = 0;

	pthread_mutex_lock(&recording->lock);
	if (!find(&recording->now, from))
		error = lade_fault_set(fault, LADE_E_ABSENT, "rename", from);
	else if (find(&recording->now, to))
		error = lade_fault_set(fault, LADE_E_EXISTS, "rename", to);
	if (!error) {
		move(&recording->now, from, to);
		record(recording, RENAME, from, to, NULL);
	}
	pthread_mutex_unlock(&recording->lock);
	return error;
}

static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	struct recording *recording = recording_of(store);

	(void)fault;
	pthread_mutex_lock(&recording->lock);
	take_away(&recording->now, find(&recording->now, name));
	record(recording, REMOVE, name, "", NULL);
	pthread_mutex_unlock(&recording->lock);
	return 0;
}

static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct recording *recording = recording_of(store);

	(void)fault;
	pthread_mutex_lock(&recording->lock);
	record(recording, BARRIER, "", "", NULL);
	pthread_mutex_unlock(&recording->lock);
	return 0;
}

static void close_store(struct lade_store *store)
{
	free(store);
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

struct lade_store *recording_store(struct recording *recording)
{
	struct recorded *recorded = must(calloc(1, sizeof(*recorded)));

	recorded->store.operations = &operations;
	recorded->recording = recording;
	return &recorded->store;
}

/* ---- recordings ---- */

struct recording *recording_new(void)
{
	struct recording *recording = must(calloc(1, sizeof(*recording)));

	pthread_mutex_init(&recording->lock, NULL);
	return recording;
}

void recording_free(struct recording *recording)
{
	if (!recording)
		return;
	while (recording->owned) {
		struct bytes *next = recording->owned->next;

		free(recording->owned);
		recording->owned = next;
	}
	free(recording->base.objects);
	free(recording->now.objects);
	free(recording->operations);
	pthread_mutex_destroy(&recording->lock);
	free(recording);
}

void recording_start(struct recording *recording)
{
	copy_state(&recording->base, &recording->now);
	free(recording->operations);
	recording->operations = NULL;
	recording->count = 0;
}

size_t recording_count(const struct recording *recording)
{
	return recording->count;
}

bool recording_is_open(const struct recording *recording, size_t count, size_t index)
{
	for (size_t i = index; i < count; i++) {
		if (recording->operations[i].kind == BARRIER)
			return false;
	}
	return true;
}

bool recording_is_put(const struct recording *recording, size_t index)
{
	return recording->operations[index].kind == PUT;
}

const char *recording_name(const struct recording *recording, size_t index)
{
	return recording->operations[index].name;
}

/* Do an operation again. */
static void repeat(struct recording *crashed, const struct operation *operation, enum recording_fate fate)
{
	if (fate == RECORDING_LOST)
		return;
	switch (operation->kind) {
	case PUT:
		if (fate == RECORDING_KEPT)
			set(&crashed->now, operation->name, operation->bytes);
		else
			set(&crashed->now, operation->name, own(crashed, operation->bytes->data, fate == RECORDING_TORN ? operation->bytes->len / 2 : 0));
		return;
	case RENAME:
		move(&crashed->now, operation->name, operation->to);
		return;
	case REMOVE:
		take_away(&crashed->now, find(&crashed->now, operation->name));
		return;
	case BARRIER:
		return;
	}
}

struct recording *recording_crash(const struct recording *recording, size_t count, const enum recording_fate *fates)
{
	struct recording *crashed = recording_new();

	copy_state(&crashed->now, &recording->base);
	for (size_t i = 0; i < count; i++)
		repeat(crashed, &recording->operations[i], fates[i]);
	recording_start(crashed);
	return crashed;
}
