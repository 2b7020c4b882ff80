/*
 * Open addressing in parts, each under a lock of its own: agent/store/place_hash.h says where a key is. A place that is all zeros is free; the key
 * that is all zeros itself is a flag.
 */
#include "agent/backup/key_set.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/place_hash.h"
#include "protocol/error.h"

#define PARTS 64u
#define PLACES_LEAST 64u
#define KEY_LEN_MIN 16u
#define KEY_LEN_MAX 32u

static const uint8_t zeros[KEY_LEN_MAX];

struct part {
	pthread_mutex_t lock;
	uint8_t *places;    /* size of them; a power of two, or none */
	size_t size, count; /* count: not the key of zeros */
	bool has_zeros;
};

struct lade_key_set {
	size_t key_len;
	struct lade_place_key secret;
	struct part parts[PARTS];
};

int lade_key_set_new(size_t key_len, struct lade_key_set **set_out)
{
	struct lade_key_set *set;

	assert(key_len >= KEY_LEN_MIN && key_len <= KEY_LEN_MAX);
	set = calloc(1, sizeof(*set));
	if (!set)
		return LADE_E_MEMORY;
	set->key_len = key_len;
	lade_place_key_make(&set->secret);
	for (unsigned i = 0; i < PARTS; i++)
		pthread_mutex_init(&set->parts[i].lock, NULL);
	*set_out = set;
	return 0;
}

void lade_key_set_free(struct lade_key_set *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < PARTS; i++) {
		pthread_mutex_destroy(&set->parts[i].lock);
		free(set->parts[i].places);
	}
	free(set);
}

/* Its lower bits choose the part, the others the place there. */
static uint64_t hash_of(const struct lade_key_set *set, const uint8_t *key)
{
	return lade_place_hash(&set->secret, key, set->key_len);
}

static struct part *part_of(struct lade_key_set *set, const uint8_t *key)
{
	return &set->parts[hash_of(set, key) % PARTS];
}

/* Where the key is, or the free place for it. There is one. */
static uint8_t *find(const struct lade_key_set *set, const struct part *part, const uint8_t *key)
{
	const size_t key_len = set->key_len;
	size_t at = (size_t)(hash_of(set, key) / PARTS) & (part->size - 1);

	for (;;) {
		uint8_t *place = part->places + at * key_len;

		if (memcmp(place, key, key_len) == 0 || memcmp(place, zeros, key_len) == 0)
			return place;
		at = (at + 1) & (part->size - 1);
	}
}

/* Room for one more: at most three of four places are taken. */
static int make_room(const struct lade_key_set *set, struct part *part)
{
	const size_t key_len = set->key_len;
	struct part grown = { .size = part->size ? part->size * 2 : PLACES_LEAST };

	if (part->size && part->count + 1 <= part->size / 4 * 3)
		return 0;
	grown.places = calloc(grown.size, key_len);
	if (!grown.places)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < part->size; i++) {
		const uint8_t *place = part->places + i * key_len;

		if (memcmp(place, zeros, key_len) != 0)
			memcpy(find(set, &grown, place), place, key_len);
	}
	free(part->places);
	part->places = grown.places;
	part->size = grown.size;
	return 0;
}

/* Lock held. */
static int add(const struct lade_key_set *set, struct part *part, const uint8_t *key)
{
	const size_t key_len = set->key_len;
	uint8_t *place;

	if (memcmp(key, zeros, key_len) == 0) {
		const bool had = part->has_zeros;

		part->has_zeros = true;
		return !had;
	}
	if (make_room(set, part))
		return LADE_E_MEMORY;
	place = find(set, part, key);
	if (memcmp(place, key, key_len) == 0)
		return 0;
	memcpy(place, key, key_len);
	part->count++;
	return 1;
}

int lade_key_set_add(struct lade_key_set *set, const uint8_t *key)
{
	struct part *part = part_of(set, key);
	int result;

	pthread_mutex_lock(&part->lock);
	result = add(set, part, key);
	pthread_mutex_unlock(&part->lock);
	return result;
}

bool lade_key_set_has(struct lade_key_set *set, const uint8_t *key)
{
	struct part *part = part_of(set, key);
	bool has;

	pthread_mutex_lock(&part->lock);
	if (memcmp(key, zeros, set->key_len) == 0)
		has = part->has_zeros;
	else
		has = part->size && memcmp(find(set, part, key), key, set->key_len) == 0;
	pthread_mutex_unlock(&part->lock);
	return has;
}

size_t lade_key_set_count(const struct lade_key_set *set)
{
	size_t count = 0;

	for (unsigned i = 0; i < PARTS; i++)
		count += set->parts[i].count + set->parts[i].has_zeros;
	return count;
}

static int compare(const void *a, const void *b, void *key_len)
{
	return memcmp(a, b, *(const size_t *)key_len);
}

void lade_key_set_sorted(const struct lade_key_set *set, uint8_t *out)
{
	size_t key_len = set->key_len, count = 0;

	for (unsigned i = 0; i < PARTS; i++) {
		const struct part *part = &set->parts[i];

		if (part->has_zeros)
			memset(out + count++ * key_len, 0, key_len);
		for (size_t j = 0; j < part->size; j++) {
			const uint8_t *place = part->places + j * key_len;

			if (memcmp(place, zeros, key_len) != 0)
				memcpy(out + count++ * key_len, place, key_len);
		}
	}
	if (count)
		qsort_r(out, count, key_len, compare, &key_len);
}
