/*
 * The six operations that keep a repository: agent/store/FORMAT.md [store] says what each promises. A folder here, an ssh peer or a daemon provide them; what the
 * objects are is none of their business.
 *
 * A name is relative: one to three components of lower-case letters, digits, ".", "-" and "_", none of which begins with ".".
 * Operations of one store are called by one thread at a time, but for puts, gets and lists: each of those may have a thread of its own, beside all others.
 */
#ifndef LADE_AGENT_STORE_STORE_H
#define LADE_AGENT_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* The longest name of an object, without the terminating NUL. */
#define LADE_OBJECT_NAME_MAX 200u

struct lade_store;
struct lade_store_put;

/* An object that a list tells of. name is borrowed for the time of the call. */
struct lade_store_object {
	const char *name;
	uint64_t len;
};

/* What a kind of store does; see the functions below. Each gets the store that it is one of. */
struct lade_store_operations {
	int (*begin)(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault);
	int (*append)(struct lade_store_put *put, const void *data, size_t len, struct lade_fault *fault);
	int (*finish)(struct lade_store_put *put, const char *name, struct lade_fault *fault);
	void (*abandon)(struct lade_store_put *put);
	int (*get)(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault);
	int (*list)(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object),
		    void *context, struct lade_fault *fault);
	int (*rename_once)(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault);
	int (*remove)(struct lade_store *store, const char *name, struct lade_fault *fault);
	int (*barrier)(struct lade_store *store, struct lade_fault *fault);
	void (*close)(struct lade_store *store);
};

/* What all stores begin with, and all puts. */
struct lade_store {
	const struct lade_store_operations *operations;
	bool here; /* it is this machine's files: there is no server that learns from what is read, and a read costs little */
};
struct lade_store_put {
	struct lade_store *store;
};

/* True if name may be the name of an object, or, with prefix, what some names begin with ("" for all). */
bool lade_object_name_ok(const char *name, bool prefix);

/*
 * Begin to put an object whose bytes come one after the other, and whose name may be known at the end only; until then it is nowhere. It ends by
 * lade_store_finish() or lade_store_abandon(). Returns 0 or what went wrong.
 */
int lade_store_begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault);

/* Append len bytes. Returns 0 or what went wrong; it can only be abandoned then. */
int lade_store_append(struct lade_store_put *put, const void *data, size_t len, struct lade_fault *fault);

/* Give it its name, and free put, failure or not. Returns as lade_store_put(). */
int lade_store_finish(struct lade_store_put *put, const char *name, struct lade_fault *fault);

/* Throw it away. NULL does nothing. */
void lade_store_abandon(struct lade_store_put *put);

/* Put an object of len bytes. Returns 0, LADE_E_EXISTS, or what else went wrong, after which it may be there or not. */
int lade_store_put(struct lade_store *store, const char *name, const void *data, size_t len, struct lade_fault *fault);

/* Get len bytes at off of an object. Returns 0; LADE_E_ABSENT: there is no such object; LADE_E_TRUNCATED: it ends before; or what else went wrong. */
int lade_store_get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault);

/*
 * Call visit for every object whose name begins with prefix, in no order, until it returns something else than 0, which is then returned. Returns 0
 * or what went wrong.
 */
int lade_store_list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object),
		    void *context, struct lade_fault *fault);

/* Rename. Returns 0; LADE_E_ABSENT: there is no `from`; LADE_E_EXISTS: there is a `to`; or what else went wrong, after which it may be done or not. */
int lade_store_rename(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault);

/* Delete an object; that there is none is no error. */
int lade_store_remove(struct lade_store *store, const char *name, struct lade_fault *fault);

/* All that ended before survives a loss of power when this has returned 0. */
int lade_store_barrier(struct lade_store *store, struct lade_fault *fault);

/* Close it. NULL does nothing. All puts are finished or abandoned. */
void lade_store_close(struct lade_store *store);

#endif
