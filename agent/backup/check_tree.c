/*
 * [entry] [recipe] [refs] All trees. Directories that are the same are gone through once, however many snapshots have them: what was found in each is kept as a graph, which is then walked for each snapshot.
 *
 * A directory is known by its recipe, which has the ids of its chunks, so that nobody can have two be one, and a circle cannot be: what a directory has in it was named before it. For each the graph has
 * the directories in it, which packs its own chunks and those of its files are in, and what of it is hurt. A directory that is in a snapshot in several places is told of in one.
 *
 * Memory: some 100 bytes for each different directory, and its name, and 4 for each pack that it has something in.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backup/check_tree_internal.h"
#include "agent/store/stream_entry.h"
#include "protocol/grow.h"

/* Places of a chunk that are remembered. */
#define PLACES_MAX 8u

/* What one thread finds in the directory that it goes through. */
struct walker {
	struct tree *tree;
	struct lade_stream_source source;
	struct edge *edges;
	size_t edge_count, edge_room;
	struct lade_slice *recipes;  /* of the directories that edges lead to; copies */
	size_t recipe_room;
	uint32_t *needs;
	size_t need_count, need_room;
	struct hurt *hurts;
	size_t hurt_count, hurt_room;
	struct lade_writer names;
	uint64_t chunks;
};

/* ---- chunks ---- */

/* Where a chunk is. */
struct places {
	struct check *check;
	const struct lade_stream_item *item;
	uint32_t packs[PLACES_MAX];   /* where it is, as far as is known */
	uint32_t suspects[PLACES_MAX]; /* where it should be, and was not when the pack was read */
	unsigned pack_count, suspect_count;
	char object[CHECK_OBJECT_SIZE];      /* what is wrong, if it is nowhere */
	const char *problem;
};

static int see_place(void *context, const struct lade_chunk_place *place)
{
	struct places *places = context;
	const struct check_pack *pack = check_find_pack(places->check, place->pack);
	const struct lade_pack_row *row = &place->row;

	lade_pack_object_name(place->pack, places->object);
	if (!pack) {
		places->problem = "is missing";
	} else if (row->len != places->item->len || (uint64_t)row->off + row->sealed_len > pack->len) {
		places->problem = "is shorter than it was, or a table says something else than is true";
	} else if (!(pack->flags & PACK_READ) || lade_key_set_has(places->check->good, row->id)) {
		if (places->pack_count < PLACES_MAX)
			places->packs[places->pack_count++] = (uint32_t)(pack - places->check->packs);
	} else {
		places->problem = "is damaged";
		if (places->suspect_count < PLACES_MAX)
			places->suspects[places->suspect_count++] = (uint32_t)(pack - places->check->packs);
	}
	return 0;
}

/* A chunk that was not whole where a pack was read: is it to be had nevertheless? Returns 1, 0 or LADE_E_MEMORY. */
static int try_chunk(struct places *places, enum lade_chunk_kind kind)
{
	struct check *check = places->check;
	const uint8_t *id = places->item->id;
	uint8_t *out;
	int error;

	if (lade_key_set_has(check->bad, id))
		return 0;
	out = malloc(places->item->len ? places->item->len : 1);
	error = out ? lade_chunk_fetch_get(check->fetch, kind, places->item, out, NULL) : LADE_E_MEMORY;
	free(out);
	if (error == LADE_E_MEMORY)
		return error;
	if (lade_key_set_add(error ? check->bad : check->good, id) < 0)
		return LADE_E_MEMORY;
	return !error;
}

static int need(struct walker *walker, uint32_t value)
{
	uint32_t *needs = lade_grown(walker->needs, walker->need_count, &walker->need_room, sizeof(*needs));

	if (!needs)
		return LADE_E_MEMORY;
	walker->needs = needs;
	needs[walker->need_count++] = value;
	return 0;
}

/* Chunks of a file stand together: most that a pack is needed for follow each other. */
static int need_places(struct walker *walker, const uint32_t *packs, unsigned count)
{
	int error = 0;

	if (count == 1)
		return walker->need_count && walker->needs[walker->need_count - 1] == packs[0] ? 0 : need(walker, packs[0]);
	error = need(walker, CHECK_ONE_OF | count);
	for (unsigned i = 0; i < count && !error; i++)
		error = need(walker, packs[i]);
	return error;
}

/* Look for a chunk. Returns 1: it is there; 0: it is not, and places says why; or LADE_E_MEMORY. */
static int find_chunk(struct walker *walker, enum lade_chunk_kind kind, const struct lade_stream_item *item, struct places *places)
{
	const struct lade_chunk_map_visit visit = { .id = item->id, .kind = kind, .visit = see_place, .context = places };
	int result = 0;

	*places = (struct places){ .check = walker->tree->check, .item = item };
	walker->chunks++;
	(void)lade_chunk_map_visit(walker->tree->check->map, &visit);
	if (places->pack_count)
		return need_places(walker, places->packs, places->pack_count) ? LADE_E_MEMORY : 1;
	if (places->suspect_count)
		result = try_chunk(places, kind);
	if (result > 0)
		return need_places(walker, places->suspects, places->suspect_count) ? LADE_E_MEMORY : 1;
	if (!places->problem) {
		sodium_bin2hex(places->object, sizeof(places->object), item->id, LADE_CHUNK_ID_LEN);
		places->problem = "is a chunk that is in no table";
	}
	return result;
}

/* For streams of entries and lists of chunks: see that the pack is needed, and get it. */
static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct walker *walker = context;
	struct places places;
	int result = find_chunk(walker, kind, item, &places);

	if (result == LADE_E_MEMORY)
		return lade_fault_set(fault, result, "check trees", NULL);
	if (!result)
		return lade_fault_set(fault, LADE_E_ABSENT, places.problem, places.object);
	return lade_chunk_fetch_get(walker->tree->check->fetch, kind, item, out, fault);
}

/* ---- a directory ---- */

/* Remember that a name is hurt, or, if that is empty, the directory. */
static int remember(struct walker *walker, struct lade_slice name, const char *object, const char *problem)
{
	struct hurt *hurts = lade_grown(walker->hurts, walker->hurt_count, &walker->hurt_room, sizeof(*hurts));
	struct hurt *hurt;

	if (!hurts)
		return LADE_E_MEMORY;
	walker->hurts = hurts;
	hurt = &hurts[walker->hurt_count++];
	*hurt = (struct hurt){ .name_off = (uint32_t)walker->names.len, .name_len = (uint32_t)name.len, .problem = problem };
	(void)strncpy(hurt->object, object, sizeof(hurt->object) - 1);
	lade_writer_put_bytes(&walker->names, name.data, name.len);
	return walker->names.error;
}

/* The same by what went wrong with a stream. Returns 0 or LADE_E_MEMORY. */
static int remember_fault(struct walker *walker, struct lade_slice name, int error, const struct lade_fault *fault)
{
	if (error == LADE_E_MEMORY)
		return error;
	if (error == LADE_E_ABSENT)
		return remember(walker, name, fault->subject, fault->operation && strncmp(fault->operation, "is ", 3) == 0 ? fault->operation : "is missing");
	return remember(walker, name, fault->subject, error == LADE_E_SYSTEM ? "cannot be read" : "is damaged, or what is in it makes no sense");
}

/* A stream of content: all chunks of it are to be somewhere. The first that is not is told. Returns 0 or LADE_E_MEMORY. */
static int check_stream(struct walker *walker, struct lade_slice name, struct lade_slice encoded)
{
	struct lade_recipe_cursor *cursor = NULL;
	struct lade_fault fault = { .code = 0 };
	struct lade_stream_recipe recipe;
	struct lade_stream_item item;
	struct lade_reader reader;
	struct places places;
	bool hurt = false;
	int result, error = 0;

	lade_reader_init(&reader, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &walker->tree->lengths, &recipe) || lade_reader_finish(&reader))
		return remember(walker, name, "", "its list of chunks makes no sense");
	if (lade_recipe_cursor_new(&walker->source, LADE_CHUNK_CONTENT, &recipe, &cursor))
		return LADE_E_MEMORY;
	while (!error && (result = lade_recipe_cursor_next(cursor, &item, NULL, &fault)) > 0) {
		const int there = find_chunk(walker, LADE_CHUNK_CONTENT, &item, &places);

		if (there < 0)
			error = there;
		else if (!there && !hurt)
			error = remember(walker, name, places.object, places.problem);
		hurt = hurt || !there;
	}
	if (!error && result < 0)
		error = remember_fault(walker, name, result, &fault);
	lade_recipe_cursor_free(cursor);
	return error;
}

/* A directory in the one at hand. */
static int take_edge(struct walker *walker, const struct lade_stream_entry *entry)
{
	struct edge *edges = lade_grown(walker->edges, walker->edge_count, &walker->edge_room, sizeof(*edges));
	struct lade_slice *recipes;
	uint8_t *copy;

	if (!edges)
		return LADE_E_MEMORY;
	walker->edges = edges;
	recipes = lade_grown(walker->recipes, walker->edge_count, &walker->recipe_room, sizeof(*recipes));
	if (!recipes)
		return LADE_E_MEMORY;
	walker->recipes = recipes;
	copy = malloc(entry->recipe.len ? entry->recipe.len : 1);
	if (!copy)
		return LADE_E_MEMORY;
	memcpy(copy, entry->recipe.data, entry->recipe.len);
	recipes[walker->edge_count] = lade_slice(copy, entry->recipe.len);
	edges[walker->edge_count++] = (struct edge){ .name_off = (uint32_t)walker->names.len, .name_len = (uint32_t)entry->name.len };
	lade_writer_put_bytes(&walker->names, entry->name.data, entry->name.len);
	return walker->names.error;
}

static int check_entry(struct walker *walker, const struct lade_stream_entry *entry)
{
	int error = 0;

	if (entry->fields & LADE_ENTRY_RECIPE)
		error = S_ISDIR(entry->mode) ? take_edge(walker, entry) : check_stream(walker, entry->name, entry->recipe);
	if (!error && (entry->fields & LADE_ENTRY_XATTRS_RECIPE))
		error = check_stream(walker, entry->name, entry->xattrs_recipe);
	if (!error && (entry->fields & LADE_ENTRY_HOLES))
		error = check_stream(walker, entry->name, entry->holes_recipe);
	return error;
}

/* Go through a directory of that recipe. Returns 0 or LADE_E_MEMORY. */
static int check_directory(struct walker *walker, struct lade_slice encoded)
{
	struct lade_entry_stream_reader *entries = NULL;
	struct lade_fault fault = { .code = 0 };
	struct lade_stream_recipe recipe;
	struct lade_stream_entry entry;
	struct lade_reader reader;
	int result = 0, error = 0;

	lade_reader_init(&reader, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&reader, LADE_CHUNK_ENTRIES, &walker->tree->lengths, &recipe) || lade_reader_finish(&reader))
		return remember(walker, lade_slice(NULL, 0), "", "its list of chunks makes no sense");
	if (lade_entry_stream_reader_new(&walker->source, &recipe, &entries))
		return LADE_E_MEMORY;
	while (!error && (result = lade_entry_stream_reader_next(entries, &entry, &fault)) > 0)
		error = check_entry(walker, &entry);
	if (!error && result < 0)
		error = remember_fault(walker, lade_slice(NULL, 0), result, &fault);
	lade_entry_stream_reader_free(entries);
	return error;
}

/* ---- the graph ---- */

static uint32_t *slot_of(const struct tree *tree, const uint8_t key[16])
{
	uint64_t hash;

	memcpy(&hash, key, sizeof(hash));
	while (tree->slots[hash & (tree->slot_count - 1)] && memcmp(tree->nodes[tree->slots[hash & (tree->slot_count - 1)] - 1]->key, key, 16) != 0)
		hash++;
	return &tree->slots[hash & (tree->slot_count - 1)];
}

static int grow_slots(struct tree *tree)
{
	const size_t count = tree->slot_count ? 2 * tree->slot_count : 1024;
	uint32_t *slots;

	if (tree->node_count + 1 <= tree->slot_count / 2)
		return 0;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return LADE_E_MEMORY;
	free(tree->slots);
	tree->slots = slots;
	tree->slot_count = count;
	for (size_t i = 0; i < tree->node_count; i++)
		*slot_of(tree, tree->nodes[i]->key) = (uint32_t)i + 1;
	return 0;
}

/* The node of a directory of that recipe, which is made, and waits, if there is none. Lock held. */
static int node_of(struct tree *tree, struct lade_slice recipe, uint32_t *number_out)
{
	struct node **nodes, *node;
	uint8_t key[16];
	uint32_t *slot, *waiting;

	if (tree->node_count >= UINT32_MAX - 1 || grow_slots(tree))
		return LADE_E_MEMORY;
	crypto_generichash(key, sizeof(key), recipe.data, recipe.len, tree->secret, sizeof(tree->secret));
	slot = slot_of(tree, key);
	if (*slot) {
		*number_out = *slot - 1;
		return 0;
	}
	nodes = lade_grown(tree->nodes, tree->node_count, &tree->node_room, sizeof(struct node *));
	if (!nodes)
		return LADE_E_MEMORY;
	tree->nodes = nodes;
	waiting = lade_grown(tree->waiting, tree->waiting_count, &tree->waiting_room, sizeof(*waiting));
	if (!waiting)
		return LADE_E_MEMORY;
	tree->waiting = waiting;
	node = calloc(1, sizeof(*node));
	if (!node)
		return LADE_E_MEMORY;
	node->recipe = malloc(recipe.len ? recipe.len : 1);
	if (!node->recipe) {
		free(node);
		return LADE_E_MEMORY;
	}
	memcpy(node->recipe, recipe.data, recipe.len);
	node->recipe_len = recipe.len;
	memcpy(node->key, key, sizeof(key));
	waiting[tree->waiting_count++] = (uint32_t)tree->node_count;
	nodes[tree->node_count++] = node;
	*slot = *number_out = (uint32_t)tree->node_count;
	--*number_out;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

/* Packs that are needed, each once; where a chunk has several places all stay as they are. */
static void settle_needs(struct walker *walker)
{
	uint32_t *needs = walker->needs;
	size_t count = 0;

	for (size_t i = 0; i < walker->need_count; i++) {
		if (needs[i] & CHECK_ONE_OF)
			return;
	}
	if (walker->need_count)
		qsort(needs, walker->need_count, sizeof(*needs), by_number);
	for (size_t i = 0; i < walker->need_count; i++) {
		if (!count || needs[count - 1] != needs[i])
			needs[count++] = needs[i];
	}
	walker->need_count = count;
}

/* A copy of count items, as long as they are and no longer; NULL without any. */
static int keep(void **out, const void *items, size_t len)
{
	*out = NULL;
	if (!len)
		return 0;
	*out = malloc(len);
	if (!*out)
		return LADE_E_MEMORY;
	memcpy(*out, items, len);
	return 0;
}

/* Give the node what was found. Lock held. */
static int fill(struct tree *tree, struct node *node, struct walker *walker)
{
	int error = 0;

	for (size_t i = 0; i < walker->edge_count && !error; i++)
		error = node_of(tree, walker->recipes[i], &walker->edges[i].node);
	settle_needs(walker);
	if (error || keep((void **)&node->edges, walker->edges, walker->edge_count * sizeof(*walker->edges)) ||
	    keep((void **)&node->needs, walker->needs, walker->need_count * sizeof(*walker->needs)) ||
	    keep((void **)&node->hurts, walker->hurts, walker->hurt_count * sizeof(*walker->hurts)) ||
	    keep((void **)&node->names, walker->names.data, walker->names.len))
		return LADE_E_MEMORY;
	node->edge_count = (uint32_t)walker->edge_count;
	node->need_count = (uint32_t)walker->need_count;
	node->hurt_count = (uint32_t)walker->hurt_count;
	return 0;
}

/* Have the walker begin anew. */
static void clear(struct walker *walker)
{
	for (size_t i = 0; i < walker->edge_count; i++)
		free((void *)walker->recipes[i].data);
	walker->edge_count = walker->need_count = walker->hurt_count = 0;
	walker->chunks = 0;
	lade_writer_reset(&walker->names);
}

/* Take a node that waits; false: none will come any more. Lock held. */
static bool take_waiting(struct tree *tree, struct node **node_out)
{
	while (!tree->error && !tree->waiting_count && tree->busy)
		pthread_cond_wait(&tree->change, &tree->lock);
	if (tree->error || !tree->waiting_count)
		return false;
	*node_out = tree->nodes[tree->waiting[--tree->waiting_count]];
	return true;
}

static void work(void *context)
{
	struct tree *tree = context;
	struct walker walker = { .tree = tree, .source = { .get = get, .lengths = tree->lengths } };
	struct node *node;

	walker.source.context = &walker;
	lade_writer_init(&walker.names, UINT32_MAX);
	pthread_mutex_lock(&tree->lock);
	while (take_waiting(tree, &node)) {
		int error;

		tree->busy++;
		pthread_mutex_unlock(&tree->lock);
		error = check_directory(&walker, lade_slice(node->recipe, node->recipe_len));
		pthread_mutex_lock(&tree->check->lock);
		tree->check->figures.directories++;
		tree->check->figures.chunks += walker.chunks;
		pthread_mutex_unlock(&tree->check->lock);
		if (!error && !check_goes_on(tree->check))
			error = LADE_E_CANCELLED;
		pthread_mutex_lock(&tree->lock);
		free(node->recipe);
		node->recipe = NULL;
		if (!error)
			error = fill(tree, node, &walker);
		clear(&walker);
		tree->busy--;
		if (error)
			tree->error = error;
		pthread_cond_broadcast(&tree->change);
	}
	pthread_mutex_unlock(&tree->lock);
	free(walker.edges);
	free(walker.recipes);
	free(walker.needs);
	free(walker.hurts);
	lade_writer_fini(&walker.names);
}

/* ---- all of it ---- */

static void fini(struct tree *tree)
{
	for (size_t i = 0; i < tree->node_count; i++) {
		struct node *node = tree->nodes[i];

		free(node->recipe);
		free(node->edges);
		free(node->names);
		free(node->needs);
		free(node->hurts);
		free(node);
	}
	free(tree->nodes);
	free(tree->slots);
	free(tree->waiting);
	pthread_cond_destroy(&tree->change);
	pthread_mutex_destroy(&tree->lock);
}

int check_trees(struct check *check, struct lade_fault *fault)
{
	struct tree tree = { .check = check, .lengths = lade_stream_lengths_of(&check->repository->format) };
	uint32_t *roots = calloc(check->snapshot_count + 1, sizeof(*roots));
	int error = roots ? 0 : LADE_E_MEMORY;

	randombytes_buf(tree.secret, sizeof(tree.secret));
	pthread_mutex_init(&tree.lock, NULL);
	pthread_cond_init(&tree.change, NULL);
	for (size_t i = 0; i < check->snapshot_count && !error; i++) {
		const struct check_snapshot *snapshot = &check->snapshots[i];

		if (snapshot->root)
			error = node_of(&tree, lade_slice(snapshot->root, snapshot->root_len), &roots[i]);
	}
	if (!error) {
		check_together(check, work, &tree);
		error = tree.error;
	}
	if (!error)
		error = check_tree_visit(&tree, roots);
	free(roots);
	fini(&tree);
	/* Who ended it is known above. */
	return error && error != LADE_E_CANCELLED ? lade_fault_set(fault, error, "check trees", NULL) : 0;
}
