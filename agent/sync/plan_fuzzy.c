/*
 * Files with similar names (--fuzzy): a new file of which nothing is there is made from one that stands beside it, or,
 * given twice, at the same place in an alternative directory. One of its size and time is taken first, else the one with
 * the most similar name. It is read and nothing else; whether it really fits shows when chunks are compared.
 *
 * What is looked at is bounded, as a peer chooses the names: NEIGHBOURS_MAX files of a directory, each once, and for
 * every new file the names of those.
 */
#include "agent/sync/plan_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/name_distance.h"
#include "protocol/grow.h"

/* Files that are considered in one directory, those of the alternative ones at its place included. */
#define NEIGHBOURS_MAX 2048u

void lade_plan_forget_neighbours(struct planner *planner)
{
	struct neighbours *neighbours = &planner->neighbours;

	for (size_t i = 0; i < neighbours->count; i++) {
		lade_directory_unref(neighbours->items[i].directory);
		free(neighbours->items[i].name);
	}
	free(neighbours->items);
	*neighbours = (struct neighbours){ .items = NULL };
}

/* Remember a file, if there is memory: without it it is no candidate, nothing else. */
static void add(struct neighbours *neighbours, struct lade_directory *directory, const char *name, const struct stat *st)
{
	struct neighbour *items = lade_grown(neighbours->items, neighbours->count, &neighbours->capacity, sizeof(*items));
	struct neighbour *neighbour;

	if (!items)
		return;
	neighbours->items = items;
	neighbour = &neighbours->items[neighbours->count];
	neighbour->name = strdup(name);
	if (!neighbour->name)
		return;
	neighbour->directory = lade_directory_ref(directory);
	neighbour->size = (uint64_t)st->st_size;
	neighbour->mtime = st->st_mtim;
	neighbours->count++;
}

static void add_entry(struct neighbours *neighbours, struct lade_directory *directory, int fd, const struct dirent *entry)
{
	struct stat st;

	if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) || lade_temporary_is(entry->d_name) ||
	    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) || !st.st_size ||
	    lade_directory_hides(directory, entry->d_name, false))
		return;
	add(neighbours, directory, entry->d_name, &st);
}

/* Look at the files of a directory; one that cannot be read has none. */
static void read_directory(struct neighbours *neighbours, struct lade_directory *directory)
{
	const struct dirent *entry;
	DIR *stream = NULL;
	int fd, own;

	if (lade_directory_pin(directory, &fd, NULL))
		return;
	/* The held descriptor's offset is everybody's. */
	own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own >= 0)
		stream = fdopendir(own);
	if (own >= 0 && !stream)
		close(own);
	while (stream && neighbours->count < NEIGHBOURS_MAX && (entry = readdir(stream)))
		add_entry(neighbours, directory, fd, entry);
	if (stream)
		closedir(stream);
	lade_directory_unpin(directory);
}

static void read_neighbours(struct planner *planner, const struct level *level)
{
	struct neighbours *neighbours = &planner->neighbours;
	bool beyond = planner->session->settings->fuzzy_alternatives && level->alternatives;

	neighbours->read = true;
	if (level->directory && !level->target->empty)
		read_directory(neighbours, level->directory);
	for (unsigned i = 0; beyond && i < planner->receiver->alternative_count; i++)
		if (level->alternatives[i])
			read_directory(neighbours, level->alternatives[i]);
}

/* The best candidate so far. */
struct candidate {
	const struct neighbour *neighbour;
	bool same_stat;    /* it has the size and the time */
	unsigned distance; /* of the names */
};

/* Which of equals it is does not depend on the order in which a directory is read. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->same_stat != b->same_stat)
		return a->same_stat;
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return !b->neighbour || strcmp(a->neighbour->name, b->neighbour->name) < 0;
}

static void consider(const struct planner *planner, const struct incoming *file, const struct neighbour *neighbour,
		     struct candidate *best)
{
	struct candidate candidate = {
		.neighbour = neighbour,
		.same_stat = neighbour->size == file->size && lade_time_equal(&neighbour->mtime, &file->metadata.mtime),
	};
	unsigned below = candidate.same_stat == best->same_stat ? best->distance + 1 : LADE_NAMES_UNLIKE;

	if (best->same_stat && !candidate.same_stat)
		return;
	if (!lade_plan_basis_pays(planner, file->size, neighbour->size))
		return;
	candidate.distance = lade_name_distance(neighbour->name, file->name, below);
	if ((candidate.same_stat || candidate.distance < LADE_NAMES_UNLIKE) && is_better(&candidate, best))
		*best = candidate;
}

void lade_plan_find_similar(struct planner *planner, const struct place *place, struct incoming *file)
{
	struct candidate best = { .distance = LADE_NAMES_UNLIKE };

	/* What cannot pay with any old file need not look for one. */
	if (!(planner->receiver->keep.options & LADE_OPTION_FUZZY) || !lade_plan_basis_pays(planner, file->size, file->size))
		return;
	if (!planner->neighbours.read)
		read_neighbours(planner, place->level);
	for (size_t i = 0; i < planner->neighbours.count; i++)
		consider(planner, file, &planner->neighbours.items[i], &best);
	if (!best.neighbour)
		return;
	file->basis_name = strdup(best.neighbour->name);
	if (file->basis_name)
		file->basis_directory = lade_directory_ref(best.neighbour->directory);
}
