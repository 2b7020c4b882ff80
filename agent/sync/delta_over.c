/*
 * --inplace: a file that is made from old content and written over it. The basis goes as the file comes, so what is taken
 * from it must not be gone:
 *
 * Pieces are made in their order, and each is read from the basis before it is written. So the basis is what it
 * was behind the beginning of the piece at hand; and before that, where what is there stayed in its place.
 * What a patch is going to refer to is kept in memory, as it was before the piece was written in which its gap ends.
 *
 * Whatever escapes that (too much is asked for, or somebody else writes to the file) makes a piece whose digest differs,
 * which is then asked for as a run.
 */
#include "agent/sync/delta_internal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sync/file_digest.h"

/* Old bytes that the patches of one session may wait for; what is beyond is read again when they come. */
#define KEPT_MAX (16u << 20)

int lade_delta_overwrites(struct delta *delta, int fd, struct lade_fault *fault)
{
	struct stat st;

	if (delta->basis.fd < 0)
		return 0;
	if (fstat(fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat", delta->file->name);
	delta->own_basis = st.st_dev == delta->basis.st.st_dev && st.st_ino == delta->basis.st.st_ino;
	/* Not its ctime: that of a file that may not be written to is another since it was opened. */
	if (delta->own_basis && (st.st_size != delta->basis.st.st_size ||
				 memcmp(&st.st_mtim, &delta->basis.st.st_mtim, sizeof(st.st_mtim))))
		return lade_fault_set(fault, LADE_E_CHANGED, "update", delta->file->name);
	return 0;
}

/* ---- chunks ---- */

/* The chunk of the basis that begins at off, or LADE_BASIS_NONE. */
static size_t chunk_at(const struct lade_basis *basis, uint64_t off)
{
	size_t before = off ? lade_basis_before(basis, off) : LADE_BASIS_NONE;

	return off && before == LADE_BASIS_NONE ? LADE_BASIS_NONE : before + 1;
}

static bool stays(const struct delta *delta, size_t i)
{
	return delta->basis.chunks[i + 1].off <= delta->in_place_to ||
		(delta->stays && delta->stays[i / 8] & 1u << i % 8);
}

/* Chunk i is where it belongs. Without memory it is only not found from elsewhere. */
static void let_stay(struct delta *delta, size_t i)
{
	if (!delta->stays)
		delta->stays = calloc(1, delta->basis.count / 8 + 1);
	if (delta->stays)
		delta->stays[i / 8] |= (uint8_t)(1u << i % 8);
}

size_t lade_delta_find_left(struct delta *delta, const struct lade_recipe_chunk *chunk, const struct spot *spot)
{
	const struct lade_basis *basis = &delta->basis;
	size_t own = chunk_at(basis, spot->off), found = lade_basis_find(basis, chunk, own);

	if (found != LADE_BASIS_NONE && found == own) {
		let_stay(delta, own);
		return own;
	}
	found = lade_basis_find(basis, chunk, spot->likely);
	if (found == LADE_BASIS_NONE || basis->chunks[found].off >= spot->piece_off || stays(delta, found))
		return found;
	return LADE_BASIS_NONE;
}

/* ---- old bytes of gaps ---- */

/* Those of one gap. */
struct kept_old {
	struct kept_old *next;
	uint64_t off; /* of the gap */
	uint32_t len;
	uint8_t bytes[];
};

/* Room for the old bytes of a gap, at the head of the list. NULL: there are too many, or there is no memory. */
static struct kept_old *new_kept(struct lade_receiver *receiver, struct delta *delta, const struct lade_recv_gap *gap)
{
	struct kept_old *kept;

	delta->all_kept = &receiver->kept_old;
	if (atomic_fetch_add(delta->all_kept, gap->old_len) + gap->old_len > KEPT_MAX ||
	    !(kept = malloc(sizeof(*kept) + gap->old_len))) {
		atomic_fetch_sub(delta->all_kept, gap->old_len);
		return NULL;
	}
	*kept = (struct kept_old){ .next = delta->kept_old, .off = gap->off, .len = gap->old_len };
	delta->kept_old = kept;
	return kept;
}

static void drop(struct delta *delta, struct kept_old **link)
{
	struct kept_old *kept = *link;

	*link = kept->next;
	atomic_fetch_sub(delta->all_kept, kept->len);
	free(kept);
}

static struct kept_old **find_kept(struct delta *delta, const struct lade_recv_gap *gap)
{
	struct kept_old **link = &delta->kept_old;

	while (*link && (*link)->off != gap->off)
		link = &(*link)->next;
	return link;
}

void lade_delta_keep_asked(struct lade_receiver *receiver, struct delta *delta)
{
	for (size_t i = 0; i < delta->ask_count && delta->own_basis; i++) {
		const struct lade_recv_gap *ask = &delta->asks[delta->ask_first + i];
		const struct lade_range range = { delta->basis.fd, ask->old_off, ask->old_len };
		struct kept_old *kept;

		if (!ask->old_len || *find_kept(delta, ask))
			continue;
		kept = new_kept(receiver, delta, ask);
		if (kept && lade_range_read(&range, kept->bytes, NULL))
			drop(delta, &delta->kept_old);
	}
}

const uint8_t *lade_delta_kept(struct delta *delta, const struct lade_recv_gap *gap)
{
	struct kept_old *kept = *find_kept(delta, gap);

	return kept ? kept->bytes : NULL;
}

void lade_delta_forget_old(struct delta *delta, const struct lade_recv_gap *gap)
{
	struct kept_old **link = find_kept(delta, gap);

	if (*link)
		drop(delta, link);
}

void lade_delta_over_fini(struct delta *delta)
{
	while (delta->kept_old)
		drop(delta, &delta->kept_old);
	free(delta->stays);
}
