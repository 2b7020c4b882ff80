/*
 * The table and its handles, for directory.c and directory_pin.c, and what the tests may do beyond directory.h. Stays in agent/tree/.
 */
#ifndef LADE_AGENT_TREE_DIRECTORY_INTERNAL_H
#define LADE_AGENT_TREE_DIRECTORY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/tree/directory.h"
#include "agent/tree/directory_open.h"

struct lade_directory {
	struct lade_directories *table;
	struct lade_directory *parent; /* referenced; NULL for the root */
	struct lade_directory *newer;  /* neighbours in idle, or NULL */
	struct lade_directory *older;
	void *user;
	void (*on_free)(struct lade_directory *directory, void *user);
	atomic_size_t refs;
	size_t pins;
	dev_t dev; /* of the first opening; valid if known */
	ino_t ino;
	int fd; /* or -1 */
	bool known;
	bool opening; /* a thread is opening it without the lock */
	bool followed; /* the name may be a symlink */
	uint8_t name_len;
	char name[]; /* NUL-terminated */
};

struct lade_directories {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* some handle is no longer `opening` */
	struct lade_directory *root;
	struct lade_directory *newest; /* both ends of idle */
	struct lade_directory *oldest;
	unsigned held;
	unsigned open_count;
	const struct lade_base *base; /* borrowed; NULL: the user's own */
	char *named; /* with a base: the root's path as it was named; */
	char *real;  /* and where it is below the base, if that hides something */
	enum lade_directory_way way; /* decided when the table is opened; see lade_directories_follow() */
};

/* Close the descriptor of a handle, if it has one, that is not pinned and that only the caller references. Locks. It is not to be pinned again. */
void lade_directory_close(struct lade_directory *directory);

/* Path from above (an ancestor) down to directory, its length in *len_out. Allocated, the caller frees; NULL when memory is out. */
char *lade_directory_path_between(const struct lade_directory *above, const struct lade_directory *directory, size_t *len_out);

/* Resolve component by component as if openat2(2) were missing. Before the first pin. */
void lade_directories_force_plain(struct lade_directories *directories);

/* Descriptors that the table holds just now, the root's included. Locks. */
unsigned lade_directories_open_count(struct lade_directories *directories);

#endif
