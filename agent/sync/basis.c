/*
 * The chunks of a basis: an array in the order of the file, and a hash table by name.
 * 24 to 32 bytes for each; with classes that follow the root of the size, a file of
 * 1 TiB has less than a million.
 */
#include "agent/sync/basis.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunker/digest.h"
#include "protocol/grow.h"

int lade_basis_open(struct lade_basis *basis, int directory_fd, const char *name)
{
	/* O_NONBLOCK: the name may be a FIFO by now. */
	int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*basis = (struct lade_basis){ .fd = -1 };
	if (fd < 0)
		return LADE_E_ABSENT;
	if (fstat(fd, &basis->st) || !S_ISREG(basis->st.st_mode) || basis->st.st_size == 0) {
		close(fd);
		return LADE_E_ABSENT;
	}
	basis->fd = fd;
	return 0;
}

void lade_basis_close(struct lade_basis *basis)
{
	if (basis->fd >= 0)
		close(basis->fd);
	free(basis->chunks);
	free(basis->table);
	*basis = (struct lade_basis){ .fd = -1 };
}

bool lade_basis_unchanged(const struct lade_basis *basis)
{
	struct stat st;

	return fstat(basis->fd, &st) == 0 && st.st_size == basis->st.st_size &&
		memcmp(&st.st_mtim, &basis->st.st_mtim, sizeof(st.st_mtim)) == 0 &&
		memcmp(&st.st_ctim, &basis->st.st_ctim, sizeof(st.st_ctim)) == 0;
}

/* Names are digests: their low bits are as good as any. */
static size_t place_of(const struct lade_basis *basis, uint64_t name)
{
	return (size_t)name & basis->table_mask;
}

static int index_chunks(struct lade_basis *basis)
{
	size_t size = 16;

	while (size < 2 * basis->count)
		size *= 2;
	basis->table = calloc(size, sizeof(*basis->table));
	if (!basis->table)
		return LADE_E_MEMORY;
	basis->table_mask = size - 1;
	for (size_t i = 0; i < basis->count; i++) {
		size_t at = place_of(basis, basis->chunks[i].name);

		while (basis->table[at] && basis->chunks[basis->table[at] - 1].name != basis->chunks[i].name)
			at = (at + 1) & basis->table_mask;
		if (!basis->table[at] || basis->backwards)
			basis->table[at] = (uint32_t)(i + 1);
	}
	return 0;
}

static int add_chunk(struct lade_basis *basis, size_t *capacity, uint64_t off, uint64_t name)
{
	struct lade_basis_chunk *chunks = NULL;

	/* The table has their numbers in 32 bits. */
	if (basis->count < UINT32_MAX - 1)
		chunks = lade_grown(basis->chunks, basis->count, capacity, sizeof(*chunks));
	if (!chunks)
		return LADE_E_MEMORY;
	basis->chunks = chunks;
	basis->chunks[basis->count++] = (struct lade_basis_chunk){ off, name };
	return 0;
}

int lade_basis_cut(struct lade_basis *basis, const struct lade_run_key *key, unsigned cut_class,
		   struct lade_cut_stream *stream)
{
	uint64_t off = 0, size = (uint64_t)basis->st.st_size;
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_cut_chunk chunk;
	size_t capacity = 0;
	int got, error = lade_cut_stream_start(stream, key, cut_class, basis->fd, 0, size);

	while (!error && (got = lade_cut_stream_next(stream, &chunk, NULL)) != 0) {
		if (got < 0) {
			error = got;
			break;
		}
		lade_digest(key, chunk.data, chunk.len, digest);
		error = add_chunk(basis, &capacity, off, lade_chunk_name(digest));
		off += chunk.len;
	}
	if (error != LADE_E_MEMORY && add_chunk(basis, &capacity, off, 0))
		error = LADE_E_MEMORY;
	if (error == LADE_E_MEMORY)
		return error;
	basis->count--; /* the end is no chunk */
	basis->cut = true;
	return index_chunks(basis) ? LADE_E_MEMORY : error;
}

static bool is_chunk(const struct lade_basis *basis, size_t i, const struct lade_recipe_chunk *chunk)
{
	return basis->chunks[i].name == chunk->name && basis->chunks[i + 1].off - basis->chunks[i].off == chunk->len;
}

size_t lade_basis_find(const struct lade_basis *basis, const struct lade_recipe_chunk *chunk, size_t likely)
{
	size_t at = place_of(basis, chunk->name);

	if (likely < basis->count && is_chunk(basis, likely, chunk))
		return likely;
	while (basis->table[at]) {
		size_t i = basis->table[at] - 1;

		if (basis->chunks[i].name == chunk->name)
			return is_chunk(basis, i, chunk) ? i : LADE_BASIS_NONE;
		at = (at + 1) & basis->table_mask;
	}
	return LADE_BASIS_NONE;
}

size_t lade_basis_before(const struct lade_basis *basis, uint64_t off)
{
	size_t low = 0, high = basis->count;

	/* The first that ends at off or behind it. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (basis->chunks[middle + 1].off < off)
			low = middle + 1;
		else
			high = middle;
	}
	return low < basis->count && basis->chunks[low + 1].off == off ? low : LADE_BASIS_NONE;
}
