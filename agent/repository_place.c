/*
 * $XDG_CACHE_HOME/lade/ID and $XDG_STATE_HOME/lade/repository-ID: the id of the repository tells them apart.
 */
#include "agent/repository_place.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/user_directory.h"

#define ID_SIZE (2 * LADE_REPOSITORY_ID_LEN + 1)
#define STATE_NAME_SIZE (sizeof("repository-") + ID_SIZE)

static int open_cache(const char *id, int *fd_out, struct lade_fault *fault)
{
	char path[PATH_MAX];

	if (lade_user_directory_path("XDG_CACHE_HOME", ".cache", id, path) || lade_user_directory_make(path))
		return lade_fault_set(fault, LADE_E_SYSTEM, "make the cache of the repository", id);
	*fd_out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd_out < 0 ? lade_fault_set(fault, LADE_E_SYSTEM, "open", path) : 0;
}

int lade_repository_place_open(struct lade_repository_place *place, const struct lade_repository *repository, struct lade_fault *fault)
{
	char id[ID_SIZE], state[STATE_NAME_SIZE];
	struct lade_fault first;
	int error, other;

	*place = (struct lade_repository_place){ .cache_fd = -1, .state_fd = -1 };
	sodium_bin2hex(id, sizeof(id), repository->format.repository, LADE_REPOSITORY_ID_LEN);
	snprintf(state, sizeof(state), "repository-%s", id);
	error = open_cache(id, &place->cache_fd, fault);
	other = lade_state_open(state, &place->state_fd, error ? &first : fault);
	return error ? error : other;
}

void lade_repository_place_close(struct lade_repository_place *place)
{
	if (place->cache_fd >= 0)
		close(place->cache_fd);
	if (place->state_fd >= 0)
		close(place->state_fd);
}
