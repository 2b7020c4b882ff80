/*
 * What there is. Lists are made in the order in which things move: sessions first, as what they have goes elsewhere; then what needs something; packs, which are needed, at last. A snapshot that is forgotten is looked for
 * before that is said of it, so that one that goes meanwhile is not missed.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "protocol/grow.h"

/* What is listed by itself, in this order; then all else. */
static const char *const prefixes[] = { "sessions/", "snapshots/", "notes/", "forgotten/", "refs/", "index/", "tombstones/", "gone/" };

#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

static bool is_listed(const char *name)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	return false;
}

static int take_pack(struct check *check, const struct lade_object_name *name, uint64_t len)
{
	struct check_pack *packs = lade_grown(check->packs, check->pack_count, &check->pack_room, sizeof(*packs));

	if (!packs)
		return LADE_E_MEMORY;
	check->packs = packs;
	packs[check->pack_count] = (struct check_pack){ .len = len };
	memcpy(packs[check->pack_count++].name, name->hash, LADE_HASH_LEN);
	return 0;
}

static int take(void *context, const struct lade_store_object *object)
{
	struct check *check = context;
	struct lade_object_list *list = &check->objects;
	struct lade_object_item *items;
	struct lade_object_name name;

	check->figures.objects++;
	if (lade_object_name_parse(object->name, &name)) {
		check_tell(check, LADE_CHECK_NOTE, object->name, "is not the name of an object: it is ignored");
		return 0;
	}
	if (name.kind == LADE_NAME_PACK)
		return take_pack(check, &name, object->len);
	items = lade_grown(list->items, list->count, &list->room, sizeof(*items));
	if (!items)
		return LADE_E_MEMORY;
	list->items = items;
	items[list->count].name = name;
	items[list->count++].len = object->len;
	return 0;
}

static int take_rest(void *context, const struct lade_store_object *object)
{
	return is_listed(object->name) ? 0 : take(context, object);
}

static int by_name(const void *a, const void *b)
{
	return memcmp(((const struct check_pack *)a)->name, ((const struct check_pack *)b)->name, LADE_HASH_LEN);
}

int check_list(struct check *check, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < PREFIXES && !error; i++)
		error = lade_store_list(check->store, prefixes[i], take, check, fault);
	if (!error)
		error = lade_store_list(check->store, "", take_rest, check, fault);
	if (error == LADE_E_MEMORY)
		return lade_fault_set(fault, error, "list", NULL);
	if (check->pack_count)
		qsort(check->packs, check->pack_count, sizeof(*check->packs), by_name);
	check->figures.packs = check->pack_count;
	return error;
}

void check_list_free(struct check *check)
{
	for (size_t i = 0; i < check->snapshot_count; i++) {
		free(check->snapshots[i].root);
		free(check->snapshots[i].packs);
	}
	free(check->snapshots);
	free(check->forgotten);
	free(check->absent);
	free(check->tables);
	free(check->packs);
	lade_object_list_fini(&check->objects);
}

/* ---- which packs are read ---- */

static void choose(struct check *check, struct check_pack *pack)
{
	if (pack->flags & PACK_TO_READ)
		return;
	pack->flags |= PACK_TO_READ;
	check->figures.packs_to_read++;
	check->figures.bytes_to_read += pack->len;
}

/* Choose among all by chance until there are enough: each equally likely, none twice. Selection by a walk over those that are left (Knuth, algorithm S), so that it takes no memory. */
static void choose_count(struct check *check, size_t count)
{
	size_t left = check->pack_count;

	for (size_t i = 0; i < check->pack_count && count; i++, left--) {
		if (randombytes_uniform((uint32_t)left) < count) {
			choose(check, &check->packs[i]);
			count--;
		}
	}
}

static void choose_bytes(struct check *check, uint64_t bytes)
{
	uint64_t all = 0;
	size_t first;

	for (size_t i = 0; i < check->pack_count; i++)
		all += check->packs[i].len;
	/* As many as have that many bytes on average, then, from some place on, as many more as that was too few. */
	if (all && bytes < all)
		choose_count(check, (size_t)((double)check->pack_count * ((double)bytes / (double)all)));
	first = check->pack_count ? randombytes_uniform((uint32_t)check->pack_count) : 0;
	for (size_t i = 0; i < check->pack_count && check->figures.bytes_to_read < bytes; i++)
		choose(check, &check->packs[(first + i) % check->pack_count]);
}

void check_choose_packs(struct check *check)
{
	const struct lade_check_setup *setup = check->setup;

	switch (setup->read) {
	case LADE_CHECK_READ_NONE:
		return;
	case LADE_CHECK_READ_SHARE:
		choose_count(check, (size_t)(((uint64_t)check->pack_count * setup->share + 999999) / 1000000));
		return;
	case LADE_CHECK_READ_BYTES:
		choose_bytes(check, setup->bytes);
		return;
	case LADE_CHECK_READ_ALL:
	case LADE_CHECK_READ_PART:
		for (size_t i = 0; i < check->pack_count; i++) {
			if (setup->read == LADE_CHECK_READ_ALL || check->packs[i].name[0] % setup->parts == setup->part - 1)
				choose(check, &check->packs[i]);
		}
	}
}

/* ---- the text of a subset ---- */

/* A decimal number without sign; *end is behind it. False: there is none, or it is above max. */
static bool number(const char **end, uint64_t max, uint64_t *out)
{
	const char *at = *end;

	for (*out = 0; *at >= '0' && *at <= '9'; at++) {
		*out = *out * 10 + (uint64_t)(*at - '0');
		if (*out > max)
			return false;
	}
	if (at == *end)
		return false;
	*end = at;
	return true;
}

/* "x%", x with at most four decimals, behind the whole ones. */
static bool share(const char *at, uint64_t whole, struct lade_check_setup *setup)
{
	uint64_t value = whole * 10000;

	if (*at == '.') {
		at++;
		for (uint64_t unit = 1000; *at >= '0' && *at <= '9'; at++, unit /= 10)
			value += (uint64_t)(*at - '0') * unit;
	}
	setup->read = LADE_CHECK_READ_SHARE;
	setup->share = (uint32_t)value;
	return !strcmp(at, "%") && value && value <= 1000000;
}

static bool part(const char *at, uint64_t first, struct lade_check_setup *setup)
{
	uint64_t parts;

	if (!number(&at, 256, &parts) || *at || !first || first > parts)
		return false;
	setup->read = LADE_CHECK_READ_PART;
	setup->part = (unsigned)first;
	setup->parts = (unsigned)parts;
	return true;
}

static bool bytes(const char *at, uint64_t count, struct lade_check_setup *setup)
{
	static const char units[] = "KMGT";
	const char *unit = *at ? strchr(units, *at & ~0x20) : NULL;
	const unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

	setup->read = LADE_CHECK_READ_BYTES;
	setup->bytes = count << shift;
	return count && (unit ? !at[1] : !*at) && setup->bytes >> shift == count;
}

int lade_check_subset(const char *text, struct lade_check_setup *setup)
{
	uint64_t value;
	const char *at = text;
	bool good;

	if (!number(&at, UINT64_C(1) << 50, &value))
		return LADE_E_USAGE;
	if (*at == '/')
		good = part(at + 1, value, setup);
	else if (*at == '.' || *at == '%')
		good = value <= 100 && share(at, value, setup);
	else
		good = bytes(at, value, setup);
	return good ? 0 : LADE_E_USAGE;
}
