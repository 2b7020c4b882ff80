/*
 * Recipes of files that a sender has described under a recipe key, kept in the state directory: as long as the file does not
 * change, it is not read again to describe it. A recipe is the encoded messages that say it, slots being 0.
 *
 * What is in it goes into other people's files, so nothing of it is a guess: it is under a digest by the recipe key, and counts
 * only for the file, and the stamp, that it was made of.
 */
#ifndef LADE_AGENT_SYNC_RECIPE_STORE_H
#define LADE_AGENT_SYNC_RECIPE_STORE_H

#include <stdbool.h>

#include "agent/sync/stamp.h"
#include "chunker/digest.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* Files that are shorter are read sooner than remembered, in bytes. */
#define LADE_RECIPE_KEPT_LEAST (16u << 20)
/* A recipe that is longer is not kept, in bytes: with the classes in use, of a file of many terabytes. */
#define LADE_RECIPE_KEPT_MAX (32u << 20)

/* Which recipe. */
struct lade_recipe_of {
	const struct lade_run_key *key; /* one that lasts */
	unsigned cut_class;
	struct lade_stamp stamp;
};

/*
 * Get the recipe, appended to messages. False if there is none that may be used: then messages is as it was.
 */
bool lade_recipe_store_get(int directory_fd, const struct lade_recipe_of *of, struct lade_writer *messages);

/* Keep a recipe; the oldest ones go where there are too many. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. */
int lade_recipe_store_put(int directory_fd, const struct lade_recipe_of *of, struct lade_slice messages,
			  struct lade_fault *fault);

#endif
