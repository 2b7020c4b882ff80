/*
 * Names of users and groups, one hash table for each kind.
 *
 * On a sender an entry says that the number was seen, and holds its name where it
 * has one; when there are too many all are forgotten, which costs no more than saying
 * names again. On a receiver it holds the number here. Open addressing, never more than
 * half full; no single one is deleted. The hash is seeded, since a peer chooses the keys.
 *
 * Limits: a number and a name are looked up one by one through the C library, which
 * may wait for a directory server. An error of the name service counts as "unknown":
 * the number stays, which is what --numeric-ids does.
 */
#include "agent/tree/identity.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/limits.h"

#define FIRST_CAPACITY 32u /* a power of two */
#define NSS_BUFFER_FIRST 1024u
#define NSS_BUFFER_MAX (1u << 20)

struct identity {
	char *name; /* sender: owned, or NULL */
	uint32_t id;
	uint32_t local; /* receiver */
	bool used;
};

struct identity_table {
	struct identity *slots;
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

struct lade_identities {
	struct identity_table tables[2]; /* by kind */
	const struct lade_id_map *maps[2]; /* receiver, by kind: NULL: there is none */
	bool zero[2];                      /* sender, by kind: it is announced */
	uint64_t seed;
	pthread_mutex_t lock; /* of the tables on a receiver, where several threads map */
};

int lade_identities_new(struct lade_identities **identities_out)
{
	struct lade_identities *identities = calloc(1, sizeof(*identities));

	if (!identities)
		return LADE_E_MEMORY;
	/* EAGAIN early at boot, ENOSYS under odd filters: an address is better than nothing. */
	if (getrandom(&identities->seed, sizeof(identities->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(identities->seed))
		identities->seed = (uint64_t)(uintptr_t)identities;
	pthread_mutex_init(&identities->lock, NULL);
	*identities_out = identities;
	return 0;
}

static void table_clear(struct identity_table *table)
{
	for (size_t i = 0; i < table->capacity; i++)
		free(table->slots[i].name);
	free(table->slots);
	*table = (struct identity_table){ NULL, 0, 0 };
}

void lade_identities_free(struct lade_identities *identities)
{
	if (!identities)
		return;
	for (size_t kind = 0; kind < 2; kind++)
		table_clear(&identities->tables[kind]);
	pthread_mutex_destroy(&identities->lock);
	free(identities);
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* The slot of id, or the free one where it belongs; the table has a free one. */
static struct identity *slot_of(const struct lade_identities *identities,
				const struct identity_table *table, uint32_t id)
{
	size_t mask = table->capacity - 1, at = (size_t)mix(identities->seed + id) & mask;

	while (table->slots[at].used && table->slots[at].id != id)
		at = (at + 1) & mask;
	return &table->slots[at];
}

static const struct identity *find(const struct lade_identities *identities,
				   enum lade_identity_kind kind, uint32_t id)
{
	const struct identity_table *table = &identities->tables[kind];
	const struct identity *slot;

	if (table->count == 0)
		return NULL;
	slot = slot_of(identities, table, id);
	return slot->used ? slot : NULL;
}

static bool table_grow(const struct lade_identities *identities, struct identity_table *table)
{
	struct identity_table larger = { NULL, 0, table->count };

	larger.capacity = table->capacity ? 2 * table->capacity : FIRST_CAPACITY;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].used)
			*slot_of(identities, &larger, table->slots[i].id) = table->slots[i];
	free(table->slots);
	*table = larger;
	return true;
}

/* The entry of id, made if there is none; NULL when memory is out. */
static struct identity *put(struct lade_identities *identities, enum lade_identity_kind kind,
			    uint32_t id)
{
	struct identity_table *table = &identities->tables[kind];
	struct identity *slot;

	if (2 * (table->count + 1) > table->capacity && !table_grow(identities, table))
		return NULL;
	slot = slot_of(identities, table, id);
	if (slot->used)
		return slot;
	if (table->count == LADE_IDENTITIES_MAX)
		return NULL;
	slot->used = true;
	slot->id = id;
	slot->local = id;
	table->count++;
	return slot;
}

/* The C library's database. */

struct question {
	enum lade_identity_kind kind;
	const char *name; /* what is called so, or NULL: what has the number id */
	uint32_t id;
};

/* What the database answers; name points into the buffer. */
struct answer {
	bool found;
	const char *name;
	uint32_t id;
};

static int ask_users(const struct question *question, char *buffer, size_t len,
		     struct answer *answer_out)
{
	struct passwd entry, *result = NULL;
	int error;

	error = question->name ? getpwnam_r(question->name, &entry, buffer, len, &result)
			       : getpwuid_r(question->id, &entry, buffer, len, &result);
	answer_out->found = result != NULL;
	answer_out->name = result ? entry.pw_name : NULL;
	answer_out->id = result ? entry.pw_uid : 0;
	return error;
}

static int ask_groups(const struct question *question, char *buffer, size_t len,
		      struct answer *answer_out)
{
	struct group entry, *result = NULL;
	int error;

	error = question->name ? getgrnam_r(question->name, &entry, buffer, len, &result)
			       : getgrgid_r(question->id, &entry, buffer, len, &result);
	answer_out->found = result != NULL;
	answer_out->name = result ? entry.gr_name : NULL;
	answer_out->id = result ? entry.gr_gid : 0;
	return error;
}

/*
 * Ask with a buffer that grows: a group's members all have to fit, although nobody
 * wants them. 0 and *buffer_out (the caller frees it after the answer), or LADE_E_MEMORY.
 */
static int ask(const struct question *question, struct answer *answer_out, char **buffer_out)
{
	char *buffer = NULL, *larger;
	int error = ERANGE;

	for (size_t len = NSS_BUFFER_FIRST; error == ERANGE && len <= NSS_BUFFER_MAX; len *= 4) {
		larger = realloc(buffer, len);
		if (!larger) {
			free(buffer);
			return LADE_E_MEMORY;
		}
		buffer = larger;
		do {
			error = question->kind == LADE_IDENTITY_USER
					? ask_users(question, buffer, len, answer_out)
					: ask_groups(question, buffer, len, answer_out);
		} while (error == EINTR);
	}
	if (error)
		answer_out->found = false;
	*buffer_out = buffer;
	return 0;
}

int lade_identity_number(enum lade_identity_kind kind, const char *name, uint32_t *id_out)
{
	struct question question = { kind, name, 0 };
	struct answer answer;
	char *buffer = NULL;
	int code = ask(&question, &answer, &buffer);

	free(buffer);
	if (code)
		return code;
	*id_out = answer.id;
	return answer.found && answer.id != UINT32_MAX;
}

void lade_identities_use_map(struct lade_identities *identities, enum lade_identity_kind kind, const struct lade_id_map *map)
{
	identities->maps[kind] = map;
}

void lade_identities_announce_zero(struct lade_identities *identities, enum lade_identity_kind kind)
{
	identities->zero[kind] = true;
}

int lade_identities_announce(struct lade_identities *identities, enum lade_identity_kind kind,
			     uint32_t id, const char **name_out)
{
	struct question question = { kind, NULL, id };
	struct identity *entry;
	struct answer answer;
	char *buffer = NULL;
	int code;

	if ((id == 0 && !identities->zero[kind]) || find(identities, kind, id))
		return 0;
	/* Anybody's ACL may name numbers without end: they must not end the session, nor hide an owner. */
	if (identities->tables[kind].count == LADE_IDENTITIES_ANNOUNCED_MAX)
		table_clear(&identities->tables[kind]);
	entry = put(identities, kind, id);
	if (!entry)
		return LADE_E_MEMORY;
	code = ask(&question, &answer, &buffer);
	if (code == 0 && answer.found && *answer.name && strlen(answer.name) <= LADE_NAME_MAX) {
		entry->name = strdup(answer.name);
		code = entry->name ? 1 : LADE_E_MEMORY;
		*name_out = entry->name;
	}
	free(buffer);
	return code;
}

/* The number here of what is called name, and is id there; id where nothing better is known. 0 or LADE_E_MEMORY. */
static int called(enum lade_identity_kind kind, const char *name, uint32_t id, uint32_t *local_out)
{
	uint32_t found = 0;
	int known;

	*local_out = id;
	if (id == 0)
		return 0;
	known = lade_identity_number(kind, name, &found);
	/* Never to root, whatever the peer calls its user 1000. */
	if (known == 1 && found != 0)
		*local_out = found;
	return known < 0 ? known : 0;
}

int lade_identities_learn(struct lade_identities *identities, enum lade_identity_kind kind,
			  uint32_t id, const char *name, size_t name_len)
{
	const struct lade_id_map *map = identities->maps[kind];
	char text[LADE_NAME_MAX + 1];
	struct identity *entry;
	uint32_t local = id;
	int code = 0;

	if (name_len == 0 || name_len > LADE_NAME_MAX || memchr(name, '\0', name_len))
		return LADE_E_PROTOCOL;
	memcpy(text, name, name_len);
	text[name_len] = '\0';
	if (!map || !lade_id_map_find(map, id, text, &local))
		code = called(kind, text, id, &local);
	if (code)
		return code;
	pthread_mutex_lock(&identities->lock);
	/* The same number is nothing that map() would not say anyway, but for rules about numbers without names. */
	if (local != id || map || find(identities, kind, id)) {
		entry = put(identities, kind, id);
		code = entry ? 0 : LADE_E_MEMORY;
		if (entry)
			entry->local = local;
	}
	pthread_mutex_unlock(&identities->lock);
	return code;
}

uint32_t lade_identities_map(struct lade_identities *identities, enum lade_identity_kind kind,
			     uint32_t id)
{
	const struct identity *entry;
	uint32_t local;

	pthread_mutex_lock(&identities->lock);
	entry = find(identities, kind, id);
	local = entry ? entry->local : id;
	pthread_mutex_unlock(&identities->lock);
	if (!entry && identities->maps[kind])
		(void)lade_id_map_find(identities->maps[kind], id, NULL, &local);
	return local;
}
