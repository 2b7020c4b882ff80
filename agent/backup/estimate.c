/*
 * What cannot be looked at is left out here without a word: the backup tells of it.
 */
#include "agent/backup/estimate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "agent/backup/mark.h"
#include "agent/backup/scan_walk.h"

struct lade_estimate {
	const struct lade_scan_setup *setup;
	pthread_t thread;
	atomic_bool stop, done;
	_Atomic uint64_t files, bytes;
};

static void look(struct lade_estimate *estimate, struct lade_walk *walk, const struct lade_walk_item *item)
{
	const struct lade_mark_wish wish = lade_scan_marks(estimate->setup);

	if (S_ISDIR(item->st.st_mode)) {
		if (item->path[0] && !item->implied && lade_mark_found(&wish, item->parent_fd, item->name))
			lade_walk_skip(walk);
		return;
	}
	if (!S_ISREG(item->st.st_mode) || lade_scan_too_large(estimate->setup, &item->st))
		return;
	atomic_fetch_add(&estimate->files, 1);
	atomic_fetch_add(&estimate->bytes, (uint64_t)item->st.st_size);
}

static void *run(void *argument)
{
	struct lade_estimate *estimate = argument;
	struct lade_scan_walk walk;
	struct lade_walk_item item;
	struct lade_fault fault;
	int event = lade_scan_walk_init(&walk, estimate->setup, &fault) ? LADE_WALK_END : LADE_WALK_PROBLEM;

	while (event > LADE_WALK_END && !atomic_load(&estimate->stop)) {
		event = lade_walk_next(walk.walk, &item, &fault);
		if (event == LADE_WALK_ENTRY)
			look(estimate, walk.walk, &item);
	}
	lade_scan_walk_fini(&walk);
	atomic_store(&estimate->done, event == LADE_WALK_END);
	return NULL;
}

int lade_estimate_start(const struct lade_scan_setup *setup, struct lade_estimate **estimate_out)
{
	struct lade_estimate *estimate = calloc(1, sizeof(*estimate));

	if (!estimate)
		return LADE_E_MEMORY;
	estimate->setup = setup;
	if (pthread_create(&estimate->thread, NULL, run, estimate)) {
		free(estimate);
		return LADE_E_MEMORY;
	}
	*estimate_out = estimate;
	return 0;
}

void lade_estimate_free(struct lade_estimate *estimate)
{
	if (!estimate)
		return;
	atomic_store(&estimate->stop, true);
	pthread_join(estimate->thread, NULL);
	free(estimate);
}

bool lade_estimate_get(struct lade_estimate *estimate, uint64_t *files_out, uint64_t *bytes_out)
{
	*files_out = estimate ? atomic_load(&estimate->files) : 0;
	*bytes_out = estimate ? atomic_load(&estimate->bytes) : 0;
	return estimate && atomic_load(&estimate->done);
}
