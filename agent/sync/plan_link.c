/*
 * --keep-dirlinks: a symlink of the destination that leads to a directory is as good as that directory.
 *
 * It is followed only as far as it stays below the destination, and only if it was there before: a sender that
 * says a symlink and then a directory of its name gets the directory. Nothing is deleted behind a symlink, and what one leads to
 * is not deleted either.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunker/digest.h"
#include "protocol/grow.h"

/* Under the session's key: no sender can choose names whose digests are the same. */
static uint64_t digest_of(const struct planner *planner, const char *name)
{
	uint8_t digest[LADE_DIGEST_LEN];
	uint64_t number;

	lade_digest(&planner->session->key, name, strlen(name), digest);
	memcpy(&number, digest, sizeof(number));
	return number;
}

int lade_plan_note_symlink(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	struct level *level = place->level;
	uint64_t *symlinks;

	if (!(planner->receiver->keep.options & LADE_OPTION_KEEP_DIRLINKS) || !S_ISLNK(place->wanted.mode))
		return 0;
	symlinks = lade_grown(level->symlinks, level->symlink_count, &level->symlink_capacity, sizeof(*symlinks));
	if (!symlinks)
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	level->symlinks = symlinks;
	symlinks[level->symlink_count++] = digest_of(planner, place->name);
	return 0;
}

static bool was_said(const struct planner *planner, const struct place *place)
{
	uint64_t digest = digest_of(planner, place->name);

	for (size_t i = 0; i < place->level->symlink_count; i++)
		if (place->level->symlinks[i] == digest)
			return true;
	return false;
}

/* True if what is at place is a symlink to a directory, wherever that is, and a directory is wanted. */
static bool leads_to_directory(const struct planner *planner, const struct place *place)
{
	struct stat st;

	return (planner->receiver->keep.options & LADE_OPTION_KEEP_DIRLINKS) && place->exists && S_ISLNK(place->st.st_mode) &&
		S_ISDIR(place->wanted.mode) && lade_directory_stat_followed(place->level->directory, place->level->fd, place->name, &st) == 0 && S_ISDIR(st.st_mode) &&
		!was_said(planner, place);
}

/* What the symlink leads to is not deleted, where it is below the destination. 0 or LADE_E_MEMORY. */
static int keep(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	struct lade_directory *top = lade_directories_root(planner->receiver->tree);
	struct stat root;
	int fd, error = 0;

	if (!planner->deletes || lade_directory_pin(top, &fd, NULL))
		return 0;
	if (fstat(fd, &root) == 0)
		error = lade_plan_keep_chain(planner->receiver, openat(place->linked_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), &root);
	lade_directory_unpin(top);
	return error ? lade_fault_set(fault, error, "plan", NULL) : 0;
}

int lade_plan_follow(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	const struct lade_base *base = planner->session->settings->base;
	int error;

	if (!leads_to_directory(planner, place))
		return 0;
	error = lade_directories_resolve(planner->receiver->tree, planner->path, strlen(planner->path), &place->linked_fd, fault);
	if (!error && base && lade_place_hidden_fd(base, place->linked_fd)) {
		errno = ENOENT;
		error = lade_fault_set(fault, LADE_E_SYSTEM, "follow symlink", planner->path);
	}
	if (!error && fstat(place->linked_fd, &place->st))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "stat", planner->path);
	if (!error)
		return keep(planner, place, fault);
	if (error == LADE_E_MEMORY)
		return error;
	if (error == LADE_E_REFUSED)
		lade_fault_set(fault, error, "follow symlink, which leads out of the destination:", NULL);
	lade_plan_problem(planner, fault);
	return 1;
}
