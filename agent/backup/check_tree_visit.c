/*
 * [refs] What was found in directories, and what that means for each snapshot: which of its paths are hurt, and whether its refs name the packs that it needs.
 *
 * A directory is met once in each snapshot, however often it is in there: no tree, whoever made it, takes longer than there are directories in it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_tree_internal.h"
#include "agent/store/stream_entry.h"
#include "protocol/grow.h"

/* Paths that are told of for a snapshot. */
#define HURTS_TOLD_MAX 20u

/* FORMAT.md, section 9. */
#define DEPTH_MAX 4096u

/* A directory on the way down. */
struct step {
	struct node *node;
	uint32_t edge;   /* the next one */
	size_t path_len; /* of the directory's path */
};

/* A walk over one snapshot. */
struct visit {
	struct tree *tree;
	const struct check_snapshot *snapshot;
	uint32_t stamp;
	bool *named;                /* of each pack, whether the refs name it, or that was told */
	struct step *steps;
	size_t step_count, step_room;
	struct lade_writer path;
	uint64_t hurts;
};

/* Which packs the refs name. */
static void mark_named(struct visit *visit)
{
	const struct check_snapshot *snapshot = visit->snapshot;
	const struct check *check = visit->tree->check;
	size_t k = 0;

	memset(visit->named, 0, check->pack_count);
	/* Both are in order. */
	for (size_t i = 0; i < check->pack_count; i++) {
		while (k < snapshot->pack_count && memcmp(snapshot->packs + k * LADE_SHORT_HASH_LEN, check->packs[i].name, LADE_SHORT_HASH_LEN) < 0)
			k++;
		visit->named[i] = k < snapshot->pack_count && !memcmp(snapshot->packs + k * LADE_SHORT_HASH_LEN, check->packs[i].name, LADE_SHORT_HASH_LEN);
	}
}

static void check_needs(struct visit *visit, const struct node *node)
{
	const struct check *check = visit->tree->check;
	char object[LADE_PACK_NAME_SIZE];

	/* Without refs that was told already. */
	if (!visit->snapshot->has_refs)
		return;
	for (uint32_t i = 0, count; i < node->need_count; i += count) {
		const uint32_t *packs = &node->needs[i];
		bool named = false;

		count = packs[0] & CHECK_ONE_OF ? packs[0] & ~CHECK_ONE_OF : 1;
		packs += packs[0] & CHECK_ONE_OF ? 1 : 0;
		for (uint32_t k = 0; k < count; k++)
			named = named || visit->named[packs[k]];
		if (!named) {
			visit->named[packs[0]] = true;
			lade_pack_object_name(check->packs[packs[0]].name, object);
			check_tell_hurt(visit->tree->check, visit->snapshot, NULL, object, "is needed, but the snapshot's refs do not name it: a collection could remove it");
		}
		count += node->needs[i] & CHECK_ONE_OF ? 1 : 0;
	}
}

/* Have the path be that of a name in the directory, whose own has len bytes. False without memory. */
static bool set_path(struct visit *visit, size_t len, const uint8_t *name, size_t name_len)
{
	visit->path.len = len;
	if (name_len) {
		lade_writer_put_u8(&visit->path, '/');
		lade_writer_put_bytes(&visit->path, name, name_len);
	}
	len = visit->path.len;
	lade_writer_put_u8(&visit->path, '\0');
	visit->path.len = len;
	return !visit->path.error;
}

static int tell_hurts(struct visit *visit, const struct node *node, size_t path_len)
{
	for (uint32_t i = 0; i < node->hurt_count; i++) {
		const struct hurt *hurt = &node->hurts[i];

		if (visit->hurts++ >= HURTS_TOLD_MAX)
			continue;
		if (!set_path(visit, path_len, node->names ? node->names + hurt->name_off : NULL, hurt->name_len))
			return LADE_E_MEMORY;
		check_tell_hurt(visit->tree->check, visit->snapshot, visit->path.len ? (const char *)visit->path.data : "/",
				hurt->object[0] ? hurt->object : visit->snapshot->object, hurt->problem);
	}
	return 0;
}

/* Meet a directory whose path is set; the next step goes down there, unless it was met before. */
static int meet(struct visit *visit, struct node *node)
{
	struct step *steps;
	int error;

	if (node->stamp == visit->stamp)
		return 0;
	node->stamp = visit->stamp;
	if (visit->step_count >= DEPTH_MAX) {
		check_tell_hurt(visit->tree->check, visit->snapshot, (const char *)visit->path.data, visit->snapshot->object, "is deeper than a tree may be");
		return 0;
	}
	steps = lade_grown(visit->steps, visit->step_count, &visit->step_room, sizeof(*steps));
	if (!steps)
		return LADE_E_MEMORY;
	visit->steps = steps;
	steps[visit->step_count++] = (struct step){ .node = node, .path_len = visit->path.len };
	check_needs(visit, node);
	error = tell_hurts(visit, node, visit->path.len);
	visit->path.len = steps[visit->step_count - 1].path_len;
	return error;
}

static int visit_snapshot(struct visit *visit, struct node *root)
{
	int error;

	visit->hurts = visit->step_count = 0;
	mark_named(visit);
	error = set_path(visit, 0, NULL, 0) ? meet(visit, root) : LADE_E_MEMORY;
	while (!error && visit->step_count) {
		struct step *step = &visit->steps[visit->step_count - 1];
		const struct edge *edge;

		if (step->edge == step->node->edge_count) {
			visit->step_count--;
			continue;
		}
		edge = &step->node->edges[step->edge++];
		if (!set_path(visit, step->path_len, step->node->names + edge->name_off, edge->name_len))
			error = LADE_E_MEMORY;
		else
			error = meet(visit, visit->tree->nodes[edge->node]);
	}
	if (!error && visit->hurts > HURTS_TOLD_MAX)
		check_tell(visit->tree->check, LADE_CHECK_NOTE, visit->snapshot->object, "has %llu more files and directories that are hurt",
			   (unsigned long long)(visit->hurts - HURTS_TOLD_MAX));
	return error;
}

int check_tree_visit(struct tree *tree, const uint32_t *roots)
{
	struct check *check = tree->check;
	struct visit visit = { .tree = tree, .named = malloc(check->pack_count + 1) };
	int error = visit.named ? 0 : LADE_E_MEMORY;

	lade_writer_init(&visit.path, DEPTH_MAX * (LADE_STREAM_NAME_MAX + 1) + 2 * LADE_STREAM_NAME_MAX);
	for (size_t i = 0; i < check->snapshot_count && !error && check_goes_on(check); i++) {
		if (!check->snapshots[i].root)
			continue;
		visit.snapshot = &check->snapshots[i];
		visit.stamp = (uint32_t)i + 1;
		error = visit_snapshot(&visit, tree->nodes[roots[i]]);
	}
	lade_writer_fini(&visit.path);
	free(visit.steps);
	free(visit.named);
	return error;
}
