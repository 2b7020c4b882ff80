/*
 * Bytes wait for their bucket before the store within has them, or is asked for them. What goes is cut as the bucket grants it, so that a slow line is used evenly; what comes
 * is waited for as a whole, as each piece would cost a round trip.
 */
#include "agent/store/store_limited.h"

#include <stdlib.h>

#include "transport/throttle.h"

struct limited {
	struct lade_store store;
	struct lade_store *inner;
	struct lade_throttle *upload, *download; /* NULL: there is no limit */
};

struct limited_put {
	struct lade_store_put put;
	struct lade_store_put *inner;
};

static struct limited *limited_of(struct lade_store *store)
{
	return (struct limited *)store;
}

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct limited_put *put = calloc(1, sizeof(*put));
	int error;

	if (!put)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", NULL);
	put->put.store = store;
	error = lade_store_begin(limited_of(store)->inner, &put->inner, fault);
	if (error)
		free(put);
	else
		*put_out = &put->put;
	return error;
}

static int append(struct lade_store_put *put, const void *data, size_t len, struct lade_fault *fault)
{
	struct lade_throttle *upload = limited_of(put->store)->upload;
	const uint8_t *bytes = data;
	int error = 0;

	while (len && !error) {
		const size_t piece = lade_throttle_take(upload, len);

		error = lade_store_append(((struct limited_put *)put)->inner, bytes, piece, fault);
		bytes += piece;
		len -= piece;
	}
	return error;
}

static int finish(struct lade_store_put *put, const char *name, struct lade_fault *fault)
{
	const int error = lade_store_finish(((struct limited_put *)put)->inner, name, fault);

	free(put);
	return error;
}

static void abandon(struct lade_store_put *put)
{
	lade_store_abandon(((struct limited_put *)put)->inner);
	free(put);
}

static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	if (len)
		lade_throttle_take_all(limited_of(store)->download, len);
	return lade_store_get(limited_of(store)->inner, name, off, len, out, fault);
}

static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object), void *context,
		struct lade_fault *fault)
{
	return lade_store_list(limited_of(store)->inner, prefix, visit, context, fault);
}

static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	return lade_store_rename(limited_of(store)->inner, from, to, fault);
}

static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	return lade_store_remove(limited_of(store)->inner, name, fault);
}

static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	return lade_store_barrier(limited_of(store)->inner, fault);
}

static void close_limited(struct lade_store *store)
{
	struct limited *limited = limited_of(store);

	lade_store_close(limited->inner);
	lade_throttle_free(limited->upload);
	lade_throttle_free(limited->download);
	free(limited);
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
	.close = close_limited,
};

int lade_store_limited_new(struct lade_store *inner, uint64_t upload, uint64_t download, struct lade_store **store_out, struct lade_fault *fault)
{
	struct limited *limited = calloc(1, sizeof(*limited));

	if (!limited) {
		lade_store_close(inner);
		return lade_fault_set(fault, LADE_E_MEMORY, "limit the rate", NULL);
	}
	limited->store.operations = &operations;
	limited->store.here = inner->here;
	limited->inner = inner;
	if ((upload && lade_throttle_new(upload, &limited->upload)) || (download && lade_throttle_new(download, &limited->download))) {
		close_limited(&limited->store);
		return lade_fault_set(fault, LADE_E_MEMORY, "limit the rate", NULL);
	}
	*store_out = &limited->store;
	return 0;
}
