/*
 * Lookups. A table may say of a chunk that it is where it is not: the thief of a writer's key can put as many rows of one chunk as a table may have. So a map knows for each table how often it misled somebody who
 * went by it, less how often it did not since, and rows of those that owe something come after all others, in the order of what they owe. A table that lies costs a look or so, then, and not one for each of its rows.
 *
 * What is owed is forgotten when tables are merged, and with the process. Any thread.
 */
#include <string.h>

#include "agent/store/chunk_map_internal.h"

/* Places of tables that owe something that are kept to be put in order, and of each table among them. What is more is visited at last. */
#define KEPT_MAX 32u
#define KEPT_OF_TABLE_MAX 4u

#define DEBT_MAX 1000000

/* A lookup met damage; a map that is looked up is const but for this, and what tables owe. */
static void note_damage(const struct lade_chunk_map *map)
{
	atomic_store_explicit(&((struct lade_chunk_map *)map)->damaged, true, memory_order_relaxed);
}

/* The table that has a pack of the run: packs of tables follow each other. */
static uint32_t table_of(const struct run *run, uint32_t pack)
{
	uint32_t low = 0, high = run->table_count;

	while (high - low > 1) {
		const uint32_t middle = low + (high - low) / 2;

		if (run->tables[middle].pack_first <= pack)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void place_of(const struct run *run, const struct lade_table_row *row, struct lade_chunk_place *place_out)
{
	memcpy(place_out->pack, run->packs + (size_t)row->pack * LADE_HASH_LEN, LADE_HASH_LEN);
	place_out->row = row->row;
	place_out->table = table_of(run, row->pack);
}

/* ---- for deduplication ---- */

struct finding {
	enum lade_chunk_kind kind;
	uint32_t run;
	struct lade_chunk_place *place;
};

static int take_believed(void *context, const struct run *run, const struct lade_table_row *row)
{
	const struct finding *finding = context;
	const unsigned wanted = TABLE_COUNTS | TABLE_BELIEVED;

	if (row->row.kind != finding->kind || (run->pack_flags[row->pack] & (wanted | PACK_ABSENT)) != wanted)
		return 0;
	place_of(run, row, finding->place);
	finding->place->run = finding->run;
	return 1;
}

bool lade_chunk_map_find(const struct lade_chunk_map *map, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind,
			 struct lade_chunk_place *place_out)
{
	struct finding finding = { .kind = kind, .place = place_out };

	for (size_t i = 0; i < map->run_count; i++) {
		int result;

		finding.run = (uint32_t)i;
		result = map_run_visit(map->runs[i], id, take_believed, &finding);
		if (result > 0)
			return true;
		if (result < 0)
			note_damage(map);
	}
	return false;
}

/* ---- for reading ---- */

/* A place that is put off. */
struct kept {
	struct lade_chunk_place place;
	int debt;
};

/* The caller's result is kept apart: it may be any number. */
struct visiting {
	const struct lade_chunk_map *map;
	const struct lade_chunk_map_visit *visit;
	int result;
	uint32_t run;
	bool damaged;
	bool last;                  /* all that is not among those that were put off is shown */
	bool overflows;             /* not all were kept */
	struct kept kept[KEPT_MAX]; /* count of them */
	unsigned count;
};

static int debt_of(const struct lade_chunk_map *map, const struct lade_chunk_place *place)
{
	return atomic_load_explicit(&map->runs[place->run]->debts[place->table], memory_order_relaxed);
}

static bool is_place(const struct lade_chunk_place *a, const struct lade_chunk_place *b)
{
	return a->run == b->run && a->row.off == b->row.off && a->row.sealed_len == b->row.sealed_len && memcmp(a->pack, b->pack, LADE_HASH_LEN) == 0;
}

/* Put a place off: the one that owes most goes, if there are too many. */
static void put_off(struct visiting *visiting, const struct lade_chunk_place *place, int debt)
{
	struct kept *worst = NULL;
	unsigned of_table = 0;

	for (unsigned i = 0; i < visiting->count; i++) {
		struct kept *kept = &visiting->kept[i];

		of_table += kept->place.run == place->run && kept->place.table == place->table;
		if (!worst || kept->debt > worst->debt)
			worst = kept;
	}
	if (of_table == KEPT_OF_TABLE_MAX || (visiting->count == KEPT_MAX && worst->debt <= debt)) {
		visiting->overflows = true;
		return;
	}
	if (visiting->count == KEPT_MAX)
		visiting->overflows = true;
	else
		worst = &visiting->kept[visiting->count++];
	*worst = (struct kept){ *place, debt };
}

static bool was_put_off(const struct visiting *visiting, const struct lade_chunk_place *place)
{
	for (unsigned i = 0; i < visiting->count; i++) {
		if (is_place(&visiting->kept[i].place, place))
			return true;
	}
	return false;
}

static int show(void *context, const struct run *run, const struct lade_table_row *row)
{
	struct visiting *visiting = context;
	struct lade_chunk_place place;
	int debt;

	if (row->row.kind != visiting->visit->kind || !(run->pack_flags[row->pack] & TABLE_COUNTS))
		return 0;
	place_of(run, row, &place);
	place.run = visiting->run;
	debt = debt_of(visiting->map, &place);
	if (visiting->last ? was_put_off(visiting, &place) : debt > 0) {
		if (!visiting->last)
			put_off(visiting, &place, debt);
		return 0;
	}
	visiting->result = visiting->visit->visit(visiting->visit->context, &place);
	return visiting->result != 0;
}

/* 1: the caller's result is there. */
static int show_all(struct visiting *visiting)
{
	for (size_t i = 0; i < visiting->map->run_count; i++) {
		int result;

		visiting->run = (uint32_t)i;
		result = map_run_visit(visiting->map->runs[i], visiting->visit->id, show, visiting);
		if (result > 0)
			return 1;
		if (result < 0)
			visiting->damaged = true;
	}
	return 0;
}

/* Show what was put off, what owes least by now first; of what owes the same what came first. */
static int show_put_off(struct visiting *visiting)
{
	bool shown[KEPT_MAX] = { false };

	for (unsigned done = 0; done < visiting->count; done++) {
		unsigned best = KEPT_MAX;

		for (unsigned i = 0; i < visiting->count; i++) {
			if (shown[i])
				continue;
			visiting->kept[i].debt = debt_of(visiting->map, &visiting->kept[i].place);
			if (best == KEPT_MAX || visiting->kept[i].debt < visiting->kept[best].debt)
				best = i;
		}
		shown[best] = true;
		visiting->result = visiting->visit->visit(visiting->visit->context, &visiting->kept[best].place);
		if (visiting->result)
			return 1;
	}
	return 0;
}

int lade_chunk_map_visit(const struct lade_chunk_map *map, const struct lade_chunk_map_visit *visit)
{
	struct visiting visiting = { .map = map, .visit = visit };
	bool done = show_all(&visiting) || show_put_off(&visiting);

	if (!done && visiting.overflows) {
		visiting.last = true;
		done = show_all(&visiting);
	}
	if (done)
		return visiting.result;
	if (!visiting.damaged)
		return 0;
	note_damage(map);
	return LADE_E_CHANGED;
}

void lade_chunk_map_judge(const struct lade_chunk_map *map, const struct lade_chunk_place *place, bool there)
{
	_Atomic int *debt = &map->runs[place->run]->debts[place->table];
	const int owed = atomic_load_explicit(debt, memory_order_relaxed);

	/* Another thread's word that comes between is of no matter. */
	if (there ? owed > 0 : owed < DEBT_MAX)
		atomic_fetch_add_explicit(debt, there ? -1 : 1, memory_order_relaxed);
}
