/*
 * [pack] Few are kept: who reads in the order of packs comes back to none, and who reads trees comes back to those of names, of which there are few. Two threads that read in one pack have each opened it,
 * as a key at work is for one thread.
 */
#include "agent/backup/pack_source.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Packs that are kept open while nobody reads there. Each takes a few pages of locked memory. */
#define KEPT_MAX 64u

struct lade_pack_source {
	struct lade_repository *repository;
	pthread_mutex_t lock;          /* of what follows */
	struct lade_open_pack *kept;   /* the one that was given back last first */
	unsigned kept_count;
};

int lade_pack_source_new(struct lade_repository *repository, struct lade_pack_source **source_out)
{
	struct lade_pack_source *source = calloc(1, sizeof(*source));

	if (!source)
		return LADE_E_MEMORY;
	source->repository = repository;
	pthread_mutex_init(&source->lock, NULL);
	*source_out = source;
	return 0;
}

static void free_pack(struct lade_open_pack *pack)
{
	lade_seal_free(pack->chunks);
	free(pack);
}

void lade_pack_source_free(struct lade_pack_source *source)
{
	struct lade_open_pack *pack;

	if (!source)
		return;
	while ((pack = source->kept)) {
		source->kept = pack->next;
		free_pack(pack);
	}
	pthread_mutex_destroy(&source->lock);
	free(source);
}

/* ---- opening ---- */

/* What a list with a whole name for prefix tells. */
struct measure {
	const char *object;
	bool found;
	uint64_t len;
};

static int measure(void *context, const struct lade_store_object *object)
{
	struct measure *measure = context;

	if (!strcmp(object->name, measure->object)) {
		measure->found = true;
		measure->len = object->len;
	}
	return 0;
}

/* The keys for the pack's epoch, and what opens its chunks. */
static int open_header(const struct lade_repository *repository, const uint8_t header[LADE_PACK_HEADER_LEN], struct lade_open_pack *pack,
		       struct lade_fault *fault)
{
	struct lade_pack_keys keys = { .encrypted = repository->format.encrypted };
	uint32_t epoch;
	int error;

	memcpy(keys.repository, repository->format.repository, sizeof(keys.repository));
	error = lade_pack_epoch(header, &keys, &epoch);
	if (error)
		return lade_fault_set(fault, error, "open", pack->object);
	error = lade_repository_pack_keys(repository, epoch, &keys, fault);
	if (!error && keys.encrypted && sodium_is_zero(keys.read_secret, sizeof(keys.read_secret)))
		error = lade_fault_set(fault, LADE_E_REFUSED, "find the key to read", pack->object);
	if (!error) {
		error = lade_pack_open(header, &keys, &pack->chunks);
		if (error)
			lade_fault_set(fault, error, "open", pack->object);
	}
	sodium_memzero(&keys, sizeof(keys));
	/* An epoch that the root knows nothing of is damage of the pack, not a pack that is missing. */
	return error == LADE_E_ABSENT ? lade_fault_set(fault, LADE_E_CHANGED, "open", pack->object) : error;
}

static int open_pack(const struct lade_repository *repository, struct lade_open_pack *pack, struct lade_fault *fault)
{
	struct measure length = { .object = pack->object };
	uint8_t header[LADE_PACK_HEADER_LEN];
	int error = lade_store_list(repository->store, pack->object, measure, &length, fault);

	if (!error && !length.found)
		error = lade_fault_set(fault, LADE_E_ABSENT, "open", pack->object);
	pack->len = length.len;
	if (!error)
		error = lade_store_get(repository->store, pack->object, 0, sizeof(header), header, fault);
	return error ? error : open_header(repository, header, pack, fault);
}

/* Take the one of that name out of those that are kept; NULL: there is none. Lock held. */
static struct lade_open_pack *find_kept(struct lade_pack_source *source, const uint8_t name[LADE_HASH_LEN])
{
	for (struct lade_open_pack **place = &source->kept; *place; place = &(*place)->next) {
		struct lade_open_pack *pack = *place;

		if (memcmp(pack->name, name, sizeof(pack->name)) != 0)
			continue;
		*place = pack->next;
		source->kept_count--;
		return pack;
	}
	return NULL;
}

int lade_pack_source_take(struct lade_pack_source *source, const uint8_t name[LADE_HASH_LEN], struct lade_open_pack **pack_out, struct lade_fault *fault)
{
	struct lade_open_pack *pack;
	int error;

	pthread_mutex_lock(&source->lock);
	*pack_out = find_kept(source, name);
	pthread_mutex_unlock(&source->lock);
	if (*pack_out)
		return 0;
	pack = calloc(1, sizeof(*pack));
	if (!pack)
		return lade_fault_set(fault, LADE_E_MEMORY, "open a pack", NULL);
	memcpy(pack->name, name, sizeof(pack->name));
	lade_pack_object_name(name, pack->object);
	error = open_pack(source->repository, pack, fault);
	if (error) {
		free_pack(pack);
		return error;
	}
	*pack_out = pack;
	return 0;
}

/* Take the one away that was given back first, if there are too many. Lock held. */
static struct lade_open_pack *take_surplus(struct lade_pack_source *source)
{
	struct lade_open_pack **place = &source->kept, *pack;

	if (source->kept_count <= KEPT_MAX)
		return NULL;
	while ((*place)->next)
		place = &(*place)->next;
	pack = *place;
	*place = NULL;
	source->kept_count--;
	return pack;
}

void lade_pack_source_give(struct lade_pack_source *source, struct lade_open_pack *pack)
{
	if (!pack)
		return;
	pthread_mutex_lock(&source->lock);
	pack->next = source->kept;
	source->kept = pack;
	source->kept_count++;
	pack = take_surplus(source);
	pthread_mutex_unlock(&source->lock);
	if (pack)
		free_pack(pack);
}
