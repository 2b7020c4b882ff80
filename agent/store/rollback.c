/*
 * [rollback] The file "seen" is text, a line for each: "trust N HASH", "writer ID N HASH". It is read whole, and replaced whole.
 */
#include "agent/store/rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/store/snapshot_chain.h"
#include "protocol/grow.h"

#define NAME "seen"
#define HASH_HEX (2 * LADE_HASH_LEN)
#define ID_HEX (2 * LADE_PARTY_ID_LEN)
#define LINE_SIZE 192u

/* How far a writer went. */
struct seen {
	uint8_t writer[LADE_PARTY_ID_LEN];
	struct lade_snapshot_chain chain;
};

struct memory {
	uint32_t statements; /* of the root; 0: nothing is remembered of it */
	uint8_t statement[LADE_HASH_LEN];
	struct seen *seen;   /* count of room */
	size_t count, room;
};

/* ---- what is remembered ---- */

static bool get_hex(const char *text, uint8_t *out, size_t len)
{
	size_t got;

	return sodium_hex2bin(out, len, text, strlen(text), NULL, &got, NULL) == 0 && got == len;
}

static int add_seen(struct memory *memory, const uint8_t writer[LADE_PARTY_ID_LEN], struct seen **seen_out)
{
	struct seen *seen = lade_grown(memory->seen, memory->count, &memory->room, sizeof(*seen));

	if (!seen)
		return LADE_E_MEMORY;
	memory->seen = seen;
	*seen_out = &seen[memory->count++];
	**seen_out = (struct seen){ 0 };
	memcpy((*seen_out)->writer, writer, LADE_PARTY_ID_LEN);
	return 0;
}

static bool get_number(const char *text, uint64_t max, uint64_t *number_out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number_out = strtoull(text, &end, 10);
	return !errno && !*end && *number_out <= max;
}

/* 0, or LADE_E_MEMORY. What is no line of ours is not remembered. The line is taken apart. */
static int take_line(struct memory *memory, char *line)
{
	const char *words[4] = { "", "", "", "" }, *word;
	uint8_t writer[LADE_PARTY_ID_LEN], hash[LADE_HASH_LEN];
	struct seen *seen;
	uint64_t number;

	for (unsigned i = 0; i < 4 && (word = strsep(&line, " \n")); i++)
		words[i] = word;
	if (strcmp(words[0], "trust") == 0 && get_number(words[1], UINT32_MAX, &number) && get_hex(words[2], hash, sizeof(hash))) {
		memory->statements = (uint32_t)number;
		memcpy(memory->statement, hash, sizeof(hash));
	} else if (strcmp(words[0], "writer") == 0 && get_hex(words[1], writer, sizeof(writer)) && get_number(words[2], UINT64_MAX, &number) &&
		   get_hex(words[3], hash, sizeof(hash))) {
		if (add_seen(memory, writer, &seen))
			return LADE_E_MEMORY;
		seen->chain.number = number;
		memcpy(seen->chain.hash, hash, sizeof(hash));
	}
	return 0;
}

static int remember(struct memory *memory, int state_fd)
{
	const int fd = openat(state_fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[LINE_SIZE];
	int error = 0;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!error && fgets(line, sizeof(line), file))
		error = take_line(memory, line);
	(void)fclose(file);
	return error;
}

static int keep(const struct memory *memory, int state_fd, struct lade_fault *fault)
{
	char line[LINE_SIZE], id[ID_HEX + 1], hash[HASH_HEX + 1];
	struct lade_writer text;
	int error;

	lade_writer_init(&text, (memory->count + 1) * sizeof(line));
	sodium_bin2hex(hash, sizeof(hash), memory->statement, sizeof(memory->statement));
	snprintf(line, sizeof(line), "trust %" PRIu32 " %s\n", memory->statements, hash);
	lade_writer_put_bytes(&text, line, strlen(line));
	for (size_t i = 0; i < memory->count; i++) {
		sodium_bin2hex(id, sizeof(id), memory->seen[i].writer, LADE_PARTY_ID_LEN);
		sodium_bin2hex(hash, sizeof(hash), memory->seen[i].chain.hash, LADE_HASH_LEN);
		snprintf(line, sizeof(line), "writer %s %" PRIu64 " %s\n", id, memory->seen[i].chain.number, hash);
		lade_writer_put_bytes(&text, line, strlen(line));
	}
	error = text.error ? lade_fault_set(fault, text.error, "remember the repository", NULL) : lade_state_put(state_fd, NAME, text.data, text.len, fault);
	lade_writer_fini(&text);
	return error;
}

/* ---- comparing ---- */

/* 1: something is missing, and told; else 0. */
static int compare_trust(const struct lade_rollback_wish *wish, struct memory *memory)
{
	const struct lade_trust *trust = &wish->repository->trust;
	const bool same = memcmp(trust->last, memory->statement, LADE_HASH_LEN) == 0;

	if (trust->count < memory->statements || (trust->count == memory->statements && memory->statements && !same)) {
		wish->note(wish->context, "the repository shows an older state than it did: what its owner said of keys since then is withheld");
		return 1;
	}
	memory->statements = trust->count;
	memcpy(memory->statement, trust->last, LADE_HASH_LEN);
	return 0;
}

static struct seen *find_seen(const struct memory *memory, const uint8_t writer[LADE_PARTY_ID_LEN])
{
	for (size_t i = 0; i < memory->count; i++)
		if (memcmp(memory->seen[i].writer, writer, LADE_PARTY_ID_LEN) == 0)
			return &memory->seen[i];
	return NULL;
}

static bool is_less(const struct lade_snapshot_chain *chain, const struct lade_snapshot_chain *than)
{
	return chain->number < than->number || (chain->number == than->number && memcmp(chain->hash, than->hash, LADE_HASH_LEN) != 0);
}

/* The writer's last snapshot of those that were listed; of several of that number the one that is remembered. */
static void find_listed(const struct lade_snapshot_list *list, const uint8_t writer[LADE_PARTY_ID_LEN], const struct seen *seen, struct lade_snapshot_chain *chain_out)
{
	*chain_out = (struct lade_snapshot_chain){ .number = 0 };
	for (size_t i = 0; i < list->count; i++) {
		const struct lade_snapshot_item *item = &list->items[i];
		const bool is_seen = seen && item->id.number == seen->chain.number && memcmp(item->hash, seen->chain.hash, LADE_HASH_LEN) == 0;

		if (memcmp(item->id.writer, writer, LADE_PARTY_ID_LEN) != 0 || item->id.number < chain_out->number || (item->id.number == chain_out->number && !is_seen))
			continue;
		chain_out->number = item->id.number;
		memcpy(chain_out->hash, item->hash, LADE_HASH_LEN);
	}
}

/* How far a writer is. What was forgotten is in no list: where that shows less than is remembered all is looked at. */
static int find_chain(const struct lade_rollback_wish *wish, const uint8_t writer[LADE_PARTY_ID_LEN], const struct seen *seen, struct lade_snapshot_chain *chain_out,
		      struct lade_fault *fault)
{
	if (wish->list) {
		find_listed(wish->list, writer, seen, chain_out);
		if (!seen || !is_less(chain_out, &seen->chain))
			return 0;
	}
	return lade_snapshot_chain_find(wish->repository, writer, seen ? &seen->chain : NULL, chain_out, fault);
}

/* 1: something is missing, and told; 0, or an error. */
static int compare_writer(const struct lade_rollback_wish *wish, struct memory *memory, const uint8_t writer[LADE_PARTY_ID_LEN], struct lade_fault *fault)
{
	struct seen *seen = find_seen(memory, writer);
	char text[LINE_SIZE + 64], id[ID_HEX + 1];
	struct lade_snapshot_chain chain;
	int error = find_chain(wish, writer, seen, &chain, fault);

	if (error)
		return error;
	if (!seen && !chain.number)
		return 0;
	if (!seen && add_seen(memory, writer, &seen))
		return lade_fault_set(fault, LADE_E_MEMORY, "remember the repository", NULL);
	if (is_less(&chain, &seen->chain)) {
		sodium_bin2hex(id, sizeof(id), writer, LADE_PARTY_ID_LEN);
		snprintf(text, sizeof(text), "the repository shows an older state than it did: snapshot %" PRIu64 " of writer %.8s was the last one, and is withheld",
			 seen->chain.number, id);
		wish->note(wish->context, text);
		return 1;
	}
	seen->chain = chain;
	return 0;
}

static int compare_all(const struct lade_rollback_wish *wish, struct memory *memory, struct lade_fault *fault)
{
	const struct lade_trust *trust = &wish->repository->trust;
	int missing = compare_trust(wish, memory), result;

	for (size_t i = 0; i < trust->party_count; i++) {
		const struct lade_party *party = &trust->parties[i];

		if (party->kind != LADE_SAYS_WRITER || party->revoked || (wish->writer && memcmp(party->id, wish->writer, LADE_PARTY_ID_LEN) != 0))
			continue;
		result = compare_writer(wish, memory, party->id, fault);
		if (result < 0)
			return result;
		missing += result;
	}
	return missing;
}

int lade_rollback_compare(const struct lade_rollback_wish *wish, struct lade_fault *fault)
{
	struct memory memory = { 0 };
	int result = remember(&memory, wish->state_fd), error;

	if (result)
		result = lade_fault_set(fault, result, "remember the repository", NULL);
	else
		result = compare_all(wish, &memory, fault);
	if (result >= 0) {
		error = keep(&memory, wish->state_fd, fault);
		result = error ? error : result;
	}
	free(memory.seen);
	return result;
}
