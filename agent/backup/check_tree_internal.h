/*
 * What the files of agent/backup/check_tree share: a graph of directories.
 */
#ifndef LADE_AGENT_BACKUP_CHECK_TREE_INTERNAL_H
#define LADE_AGENT_BACKUP_CHECK_TREE_INTERNAL_H

#include "agent/backup/check_internal.h"

/* In the list of packs that a directory needs: so many that follow are places of one chunk, of which one will do. */
#define CHECK_ONE_OF 0x80000000u

/* Bytes of the name of an object, or of a chunk, that hurts something. */
#define CHECK_OBJECT_SIZE (LADE_PACK_NAME_SIZE > 2 * LADE_CHUNK_ID_LEN + 1 ? LADE_PACK_NAME_SIZE : 2 * LADE_CHUNK_ID_LEN + 1)

/* A directory in another one. */
struct edge {
	uint32_t node;
	uint32_t name_off, name_len; /* in the other one's names */
};

/* What is hurt in a directory: a name, or, if name_len is 0, the directory itself. */
struct hurt {
	uint32_t name_off, name_len;
	char object[CHECK_OBJECT_SIZE]; /* by which object, or chunk */
	const char *problem;            /* static text */
};

/* A directory. What it has in it is filled in by whoever goes through it. */
struct node {
	uint8_t key[16];             /* hash of its recipe, under the tree's secret */
	uint8_t *recipe;             /* until it was gone through */
	size_t recipe_len;
	struct edge *edges;
	uint8_t *names;
	uint32_t *needs;             /* numbers of packs: see CHECK_ONE_OF */
	struct hurt *hurts;
	uint32_t edge_count, need_count, hurt_count;
	uint32_t stamp;              /* the last snapshot in which it was met, and 1 */
};

struct tree {
	struct check *check;
	struct lade_stream_lengths lengths;
	pthread_mutex_t lock;        /* of all that follows, while threads work */
	pthread_cond_t change;
	struct node **nodes;         /* node_count of node_room */
	size_t node_count, node_room;
	uint8_t secret[32];          /* random: who wrote the recipes shall not choose where they meet */
	uint32_t *slots;             /* number of a node and 1, by its key; 0: free */
	size_t slot_count;           /* a power of two, at least twice node_count */
	uint32_t *waiting;           /* nodes that nobody has gone through; waiting_count of waiting_room */
	size_t waiting_count, waiting_room;
	unsigned busy;               /* threads that go through one */
	int error;
};

/*
 * Walk over the graph for each snapshot that has a tree, roots[i] being the node of the i-th snapshot's, and tell what of it is hurt, and which packs its refs lack. Returns 0 or LADE_E_MEMORY.
 */
int check_tree_visit(struct tree *tree, const uint32_t *roots);

#endif
