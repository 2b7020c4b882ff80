/*
 * A list of slabs that nobody uses. There are never more than were in use at once.
 */
#include "agent/backup/slab.h"

#include <pthread.h>
#include <stdlib.h>

#include "protocol/error.h"

struct lade_slabs {
	pthread_mutex_t lock; /* of the list, and of all uses */
	struct lade_slab *unused;
	size_t len;
};

int lade_slabs_new(size_t len, struct lade_slabs **slabs_out)
{
	struct lade_slabs *slabs = calloc(1, sizeof(*slabs));

	if (!slabs)
		return LADE_E_MEMORY;
	pthread_mutex_init(&slabs->lock, NULL);
	slabs->len = len;
	*slabs_out = slabs;
	return 0;
}

void lade_slabs_free(struct lade_slabs *slabs)
{
	struct lade_slab *slab;

	if (!slabs)
		return;
	while ((slab = slabs->unused)) {
		slabs->unused = slab->next;
		free(slab);
	}
	pthread_mutex_destroy(&slabs->lock);
	free(slabs);
}

struct lade_slab *lade_slab_take(struct lade_slabs *slabs)
{
	struct lade_slab *slab;

	pthread_mutex_lock(&slabs->lock);
	slab = slabs->unused;
	if (slab)
		slabs->unused = slab->next;
	pthread_mutex_unlock(&slabs->lock);
	if (!slab)
		slab = malloc(sizeof(*slab) + slabs->len);
	if (slab) {
		slab->slabs = slabs;
		slab->uses = 1;
	}
	return slab;
}

void lade_slab_use(struct lade_slab *slab)
{
	pthread_mutex_lock(&slab->slabs->lock);
	slab->uses++;
	pthread_mutex_unlock(&slab->slabs->lock);
}

void lade_slab_release(struct lade_slab *slab)
{
	struct lade_slabs *slabs;

	if (!slab)
		return;
	slabs = slab->slabs;
	pthread_mutex_lock(&slabs->lock);
	if (--slab->uses == 0) {
		slab->next = slabs->unused;
		slabs->unused = slab;
	}
	pthread_mutex_unlock(&slabs->lock);
}
