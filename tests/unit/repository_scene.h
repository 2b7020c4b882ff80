/*
 * A repository in a scratch directory, and backups into it, for tests of what happens in repositories. For tests only; what fails in here fails the test.
 */
#ifndef LADE_TESTS_UNIT_REPOSITORY_SCENE_H
#define LADE_TESTS_UNIT_REPOSITORY_SCENE_H

#include <limits.h>

#include "agent/store/repository_session.h"
#include "agent/store/snapshot_list.h"
#include "tests/unit/faulty_store.h"

#define SCENE_PACKS_MAX 16u

struct scene {
	char path[PATH_MAX];          /* of all; the repository is in "r" */
	char repository[PATH_MAX + 8];
	int state_fd, cache_fd;
	uint8_t identity[32], recipient[32]; /* for whom all keys are */
	struct lade_pins pins;
	struct faulty_disk *disk;
	char notes[4096];             /* what sessions said, one a line */
	unsigned bad;                 /* what lists of snapshots left out */
};

/* Make one, with an encrypted repository. */
void scene_init(struct scene *scene);

/* Remove it. */
void scene_fini(struct scene *scene);

/* Open the repository with all keys, in a faulty store that does as it should as long as nobody tells it otherwise. The caller closes it. */
struct lade_repository *scene_open(struct scene *scene);

/* Add another writer who may write only, and open the repository as him. The caller closes it. */
struct lade_repository *scene_open_writer(struct scene *scene, const char *label);

/* A setup of a session; its notes go to the scene. here: it has the directory where this host remembers its sessions. */
struct lade_repository_session_setup scene_setup(struct scene *scene, struct lade_repository *repository, bool here);

/* A backup of some texts, each a chunk of its own. */
struct scene_backup {
	struct lade_repository_session *session;
	struct lade_repository *repository;
	uint8_t needs[SCENE_PACKS_MAX][LADE_HASH_LEN];
	size_t need_count;
	unsigned found; /* chunks that were there */
};

/* Begin one. Returns as lade_repository_session_begin(). */
int scene_begin(struct scene *scene, struct lade_repository *repository, bool here, struct scene_backup *backup_out);

/* Back a text up: find it, or put a pack with it. Returns 0 or what went wrong. */
int scene_back_up(struct scene_backup *backup, const char *text);

/* Commit: the snapshot's root has the texts' names as host. Returns as lade_repository_session_commit(). */
int scene_commit(struct scene_backup *backup, const char *host, uint8_t snapshot_out[LADE_HASH_LEN], struct lade_fault *fault);

/* The id of a text's chunk. */
void scene_chunk_id(const struct lade_repository *repository, const char *text, uint8_t id_out[LADE_CHUNK_ID_LEN]);

/* True if the scene's repository has an object whose name begins so. */
bool scene_has(struct scene *scene, const char *prefix);

/* How many there are. */
size_t scene_count(struct scene *scene, const char *prefix);

/* Assert that all snapshots that count can be restored: their packs are there, and tables say where their chunks are. Returns how many snapshots there are. */
size_t scene_check(struct scene *scene);

/* List snapshots; the caller frees the list. */
void scene_list(struct scene *scene, struct lade_repository *repository, struct lade_snapshot_list *list);

#endif
