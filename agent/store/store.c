/*
 * What all stores have in common: names are checked here, so that no store ever sees one that could lead elsewhere.
 */
#include "agent/store/store.h"

#include <string.h>

#define COMPONENTS_MAX 3u

bool lade_object_name_ok(const char *name, bool prefix)
{
	unsigned components = 1;
	bool begins = true;

	if (strlen(name) > LADE_OBJECT_NAME_MAX)
		return false;
	for (const char *at = name; *at; at++) {
		if (*at == '/') {
			if (begins || ++components > COMPONENTS_MAX)
				return false;
			begins = true;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", *at) || (begins && *at == '.'))
			return false;
		begins = false;
	}
	return prefix || !begins;
}

static int check(const char *name, bool prefix, const char *operation, struct lade_fault *fault)
{
	return lade_object_name_ok(name, prefix) ? 0 : lade_fault_set(fault, LADE_E_REFUSED, operation, name);
}

int lade_store_begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	return store->operations->begin(store, put_out, fault);
}

int lade_store_append(struct lade_store_put *put, const void *data, size_t len, struct lade_fault *fault)
{
	return put->store->operations->append(put, data, len, fault);
}

int lade_store_finish(struct lade_store_put *put, const char *name, struct lade_fault *fault)
{
	int error = check(name, false, "store", fault);

	if (error) {
		lade_store_abandon(put);
		return error;
	}
	return put->store->operations->finish(put, name, fault);
}

void lade_store_abandon(struct lade_store_put *put)
{
	if (put)
		put->store->operations->abandon(put);
}

int lade_store_put(struct lade_store *store, const char *name, const void *data, size_t len, struct lade_fault *fault)
{
	struct lade_store_put *put;
	int error = lade_store_begin(store, &put, fault);

	if (error)
		return error;
	error = lade_store_append(put, data, len, fault);
	if (error) {
		lade_store_abandon(put);
		return error;
	}
	return lade_store_finish(put, name, fault);
}

int lade_store_get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	int error = check(name, false, "read", fault);

	return error ? error : store->operations->get(store, name, off, len, out, fault);
}

int lade_store_list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object),
		    void *context, struct lade_fault *fault)
{
	int error = check(prefix, true, "list", fault);

	return error ? error : store->operations->list(store, prefix, visit, context, fault);
}

int lade_store_rename(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	int error = check(from, false, "rename", fault);

	if (!error)
		error = check(to, false, "rename", fault);
	return error ? error : store->operations->rename_once(store, from, to, fault);
}

int lade_store_remove(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	int error = check(name, false, "delete", fault);

	return error ? error : store->operations->remove(store, name, fault);
}

int lade_store_barrier(struct lade_store *store, struct lade_fault *fault)
{
	return store->operations->barrier(store, fault);
}

void lade_store_close(struct lade_store *store)
{
	if (store)
		store->operations->close(store);
}
