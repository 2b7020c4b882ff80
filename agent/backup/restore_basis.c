/*
 * What is believed of a basis is what was read of it: its names, sizes and times say nothing here. A file that somebody writes to meanwhile is the caller's to notice.
 *
 * Places first: after a change in the midst of a file all chunks but a few are where they were. Then the gaps between those are cut as streams are; what was shifted is found
 * there, for cut points depend on the content around them alone.
 */
#include "agent/backup/restore_internal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/place_hash.h"
#include "protocol/grow.h"

/*
 * Between chunks that are in their places something was changed rather than moved. Such gaps are cut until match->gaps_tried bytes were, and on only while at least one byte of SMALL_GAPS_YIELD
 * was of use: a disk image has thousands of them, and to cut and hash them costs more than to open what is fetched.
 */
#define SMALL_GAPS_YIELD 16u

/* Lengths of chunks are told apart by their remainders. */
#define LENGTHS 65536u

/* A hash table of missing chunks by id: places in `missing` and 1; 0 is free. Of those that are the same chunk the last one is in it, and each leads to the one before. */
struct table {
	uint32_t *slots;
	uint32_t *before; /* as in slots, for each of missing */
	size_t mask;
	struct lade_place_key secret;
	bool *lengths;    /* of LENGTHS, those that a missing chunk has: most of what is cut needs no id, which costs as much as to cut it, to be none of them */
};

void restore_basis_match_init(struct restore_basis_match *match)
{
	*match = (struct restore_basis_match){ .missing_room = RESTORE_BASIS_MISSING_MAX, .gaps_tried = RESTORE_BASIS_GAPS_TRIED };
}

void restore_basis_match_fini(struct restore_basis_match *match)
{
	free(match->ranges);
	free(match->missing);
	restore_basis_match_init(match);
}

static int add_range(struct restore_basis_match *match, struct restore_basis_range range)
{
	struct restore_basis_range *last = match->range_count ? &match->ranges[match->range_count - 1] : NULL, *grown;

	match->found_len += range.len;
	if (last && last->to + last->len == range.to && last->from + last->len == range.from && last->written == range.written) {
		last->len += range.len;
		return 0;
	}
	grown = lade_grown(match->ranges, match->range_count, &match->range_capacity, sizeof(*match->ranges));
	if (!grown)
		return LADE_E_MEMORY;
	match->ranges = grown;
	match->ranges[match->range_count++] = range;
	return 0;
}

static int add_missing(struct restore_basis_match *match, const struct lade_stream_item *item, uint64_t off)
{
	struct restore_basis_missing *grown = lade_grown(match->missing, match->missing_count, &match->missing_capacity, sizeof(*match->missing));

	if (!grown)
		return LADE_E_MEMORY;
	match->missing = grown;
	match->missing[match->missing_count++] = (struct restore_basis_missing){ *item, off };
	return 0;
}

/* True if the file is to be made, of some of the basis. */
static bool makes_another(const struct restore_seen *basis, const struct restore_basis_match *match)
{
	return basis->into && match->range_count && (match->missing_count || basis->len != basis->into->recipe->length);
}

/* All chunks at their own places. */
static int find_in_place(struct restore_reader *reader, const struct restore_seen *basis, struct lade_recipe_cursor *cursor, struct restore_basis_match *match,
			 struct lade_fault *fault)
{
	struct restore_seen seen = { basis->fd, basis->len, NULL };
	const struct restore_look *looks;

	while (match->missing_count < match->missing_room) {
		int count, error = 0;

		if (!seen.into && makes_another(basis, match) && restore_file_take(basis->into, basis->fd))
			seen.into = basis->into;
		count = restore_look(reader, &seen, cursor, match->missing_room - match->missing_count, &looks, fault);
		match->whole = count == 0;
		if (count <= 0)
			return count;
		for (int i = 0; !error && i < count; i++)
			error = looks[i].is == 1 ? add_range(match, (struct restore_basis_range){ looks[i].off, looks[i].off, looks[i].item.len, seen.into != NULL }) :
				add_missing(match, &looks[i].item, looks[i].off);
		if (error)
			return lade_fault_set(fault, error, "compare", "");
	}
	return 0;
}

static size_t slot_of(const struct table *table, const uint8_t id[LADE_CHUNK_ID_LEN])
{
	/* Ids are what the snapshot's writer says: not all need be hashes. */
	return (size_t)lade_place_hash(&table->secret, id, LADE_CHUNK_ID_LEN) & table->mask;
}

static bool is_chunk(const struct lade_stream_item *item, const uint8_t id[LADE_CHUNK_ID_LEN], size_t len)
{
	return item->len == len && memcmp(item->id, id, LADE_CHUNK_ID_LEN) == 0;
}

static int table_init(struct table *table, const struct restore_basis_match *match)
{
	size_t room = 16;

	while (room < 2 * match->missing_count)
		room *= 2;
	table->slots = calloc(room, sizeof(*table->slots));
	table->before = calloc(match->missing_count, sizeof(*table->before));
	table->lengths = calloc(LENGTHS, sizeof(*table->lengths));
	table->mask = room - 1;
	lade_place_key_make(&table->secret);
	if (!table->slots || !table->before || !table->lengths)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < match->missing_count; i++) {
		const struct lade_stream_item *item = &match->missing[i].item;
		size_t slot = slot_of(table, item->id);

		while (table->slots[slot] && !is_chunk(&match->missing[table->slots[slot] - 1].item, item->id, item->len))
			slot = (slot + 1) & table->mask;
		table->before[i] = table->slots[slot];
		table->slots[slot] = (uint32_t)i + 1;
		table->lengths[item->len % LENGTHS] = true;
	}
	return 0;
}

/* A chunk of the basis, at from, has that id: those that miss it are found. What is found has no length any more. */
static int found(struct restore_basis_match *match, const struct table *table, const uint8_t id[LADE_CHUNK_ID_LEN], uint64_t from, size_t len)
{
	size_t slot = slot_of(table, id);

	while (table->slots[slot] && !is_chunk(&match->missing[table->slots[slot] - 1].item, id, len))
		slot = (slot + 1) & table->mask;
	for (uint32_t at = table->slots[slot]; at; at = table->before[at - 1]) {
		struct restore_basis_missing *missing = &match->missing[at - 1];

		missing->item.len = 0;
		if (add_range(match, (struct restore_basis_range){ missing->off, from, len, false }))
			return LADE_E_MEMORY;
	}
	return 0;
}

/* Cut the bytes from..to of the basis. What cannot be read ends it. */
static int cut_gap(struct restore_reader *reader, const struct restore_seen *basis, uint64_t from, uint64_t to, struct restore_basis_match *match, const struct table *table)
{
	const size_t room = 2 * (size_t)reader->cut->lengths.greatest;
	uint8_t id[LADE_CHUNK_ID_LEN];
	size_t start = 0, have = 0;

	while (from < to) {
		size_t len;

		if (have < reader->cut->lengths.greatest && have < to - from) {
			const uint64_t wanted = to - from - have;

			if (reader->restore && restore_stopped(reader->restore))
				return LADE_E_CANCELLED;
			memmove(reader->buffer, reader->buffer + start, have);
			start = 0;
			have += restore_read_at(basis->fd, reader->buffer + have, wanted < room - have ? (size_t)wanted : room - have, from + have);
			if (have < reader->cut->lengths.greatest)
				to = from + have;
		}
		if (!have)
			break;
		len = lade_strict_cut_next(reader->cut, reader->buffer + start, have);
		if (table->lengths[len % LENGTHS] &&
		    (lade_chunk_namer_name(reader->namer, LADE_CHUNK_CONTENT, lade_slice(reader->buffer + start, len), id) || found(match, table, id, from, len)))
			return LADE_E_MEMORY;
		start += len;
		have -= len;
		from += len;
	}
	return 0;
}

/* Forget those that were found after all. */
static void drop_found(struct restore_basis_match *match)
{
	size_t left = 0;

	for (size_t i = 0; i < match->missing_count; i++)
		if (match->missing[i].item.len)
			match->missing[left++] = match->missing[i];
	match->missing_count = left;
}

static int find_moved(struct restore_reader *reader, const struct restore_seen *basis, struct restore_basis_match *match)
{
	const size_t in_place = match->range_count;
	uint64_t from = 0, tried = 0, useful = 0;
	struct table table;
	int error = table_init(&table, match);

	for (size_t i = 0; !error && i <= in_place; i++) {
		const uint64_t to = i < in_place ? match->ranges[i].to : basis->len, found_before = match->found_len;
		const bool small = i < in_place && to - from <= 2 * (uint64_t)reader->cut->lengths.greatest;

		if (!small || tried < match->gaps_tried || useful * SMALL_GAPS_YIELD >= tried) {
			error = cut_gap(reader, basis, from, to, match, &table);
			tried += small ? to - from : 0;
			useful += small ? match->found_len - found_before : 0;
		}
		if (i < in_place)
			from = match->ranges[i].to + match->ranges[i].len;
	}
	free(table.slots);
	free(table.before);
	free(table.lengths);
	drop_found(match);
	return error;
}

int restore_basis_find(struct restore_reader *reader, const struct restore_seen *basis, bool moved, struct lade_recipe_cursor *cursor, struct restore_basis_match *match,
		       struct lade_fault *fault)
{
	int error = find_in_place(reader, basis, cursor, match, fault);

	if (!error && moved && match->missing_count) {
		error = find_moved(reader, basis, match);
		if (error)
			lade_fault_set(fault, error, "compare", "");
	}
	return error;
}

bool restore_basis_is_same(const struct restore_basis_match *match, uint64_t length)
{
	/* Neighbours are joined. */
	return match->whole && !match->missing_count && match->range_count == 1 && match->ranges[0].to == 0 && match->ranges[0].from == 0 &&
		match->ranges[0].len == length;
}
