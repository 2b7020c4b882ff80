/*
 * A receiver with an index (--index): all files that it has are known by their chunks before the first entry is planned, each
 * file that comes is known from then on, and what the new files want of them is read from wherever it is.
 */
#include "agent/sync/delta_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/sync/chunk_index.h"
#include "agent/sync/file_digest.h"
#include "agent/sync/grant.h"
#include "agent/tree/walk.h"
#include "protocol/grow.h"

/* The same content is found in files of other sizes too: so they have one class, but for large ones. */
#define INDEXED_CLASS 14u
/* Files that stay open: content that moved comes in stretches. */
#define OPEN_MAX 8u
/* Files that were replaced and stay open, as what they had may come under another name: logs are rotated so. */
#define REPLACED_MAX 64u
/* "index/" has files named by 16 bytes in hexadecimal. */
#define NAME_LEN 16u

/* A file of which chunks are read. */
struct open_file {
	int fd; /* -1: free */
	uint32_t file;
	unsigned users;
	uint64_t used; /* when, in turns */
};

struct indexed {
	struct lade_index *index;
	int state_fd;
	uint64_t file_system; /* these two: of the destination's root; what is mounted below it is not indexed */
	dev_t device;
	pthread_mutex_t lock; /* of what follows */
	struct open_file open[OPEN_MAX + REPLACED_MAX];
	uint64_t turn;
	bool failed;          /* and said so */
};

bool lade_indexed_takes(const struct lade_receiver *receiver, uint64_t size)
{
	return receiver->indexed && size >= LADE_DESCRIBED_LEAST;
}

unsigned lade_indexed_class(uint64_t size)
{
	unsigned cut_class = lade_cut_class_of(size);

	return cut_class > INDEXED_CLASS ? cut_class : INDEXED_CLASS;
}

/* The index cannot be kept up: the session goes on without what it would have known. Said once. */
static void complain(struct lade_receiver *receiver, const struct lade_fault *fault)
{
	struct indexed *indexed = receiver->indexed;
	bool first;

	pthread_mutex_lock(&indexed->lock);
	first = !indexed->failed;
	indexed->failed = true;
	pthread_mutex_unlock(&indexed->lock);
	if (first)
		lade_session_report(&receiver->session, LADE_REPORT_WARNING, 0, fault);
}

/* ---- what is there ---- */

/* The chunks of a basis that was cut, for the index. The caller frees them; NULL: no memory. */
static struct lade_index_chunk *chunks_of(const struct lade_basis *basis)
{
	struct lade_index_chunk *chunks = malloc((basis->count + 1) * sizeof(*chunks));

	for (size_t i = 0; chunks && i < basis->count; i++) {
		const struct lade_basis_chunk *chunk = &basis->chunks[i];

		chunks[i] = (struct lade_index_chunk){ chunk->name, chunk->off, (uint32_t)(chunk[1].off - chunk->off) };
	}
	return chunks;
}

/* Cut one file, and add it if it stood still. */
static void add_file(struct lade_receiver *receiver, const struct lade_walk_item *item, struct lade_cut_stream *cuts)
{
	struct indexed *indexed = receiver->indexed;
	struct lade_index_chunk *chunks = NULL;
	struct lade_basis basis;
	struct lade_stamp stamp;
	struct timespec start;
	struct lade_fault fault;
	int error;

	clock_gettime(CLOCK_REALTIME, &start);
	if (lade_basis_open(&basis, item->parent_fd, item->name))
		return;
	error = lade_basis_cut(&basis, &receiver->session.names, lade_indexed_class((uint64_t)basis.st.st_size), cuts);
	if (error == LADE_E_MEMORY) {
		lade_fault_set(&fault, error, "index", item->path);
	} else if (!error && lade_basis_unchanged(&basis)) {
		chunks = chunks_of(&basis);
		stamp = lade_stamp_of(indexed->file_system, &basis.st);
		error = chunks ? lade_index_add(indexed->index, item->path, &stamp, lade_stamp_settled(&stamp, &start),
						chunks, basis.count, &fault) :
			lade_fault_set(&fault, LADE_E_MEMORY, "index", item->path);
	} else {
		error = 0; /* it changes, or cannot be read: not for us */
	}
	if (error)
		complain(receiver, &fault);
	free(chunks);
	lade_basis_close(&basis);
}

static bool is_indexed(const struct indexed *indexed, const struct lade_walk_item *item)
{
	return S_ISREG(item->st.st_mode) && item->st.st_size >= LADE_DESCRIBED_LEAST && item->st.st_dev == indexed->device &&
		!lade_temporary_is(item->name);
}

/* Look at everything in the destination: what is not known as it is now is read. */
static int refresh(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_walk_options options = { .recursive = true };
	const struct lade_walk_source source = { .directory = lade_directories_root(receiver->tree) };
	struct indexed *indexed = receiver->indexed;
	struct lade_cut_stream cuts = { .stopped = lade_receiver_stopped, .context = receiver };
	struct lade_walk *walk = NULL;
	struct lade_walk_item item;
	struct lade_stamp stamp;
	struct lade_fault problem;
	int event, error = lade_walk_new(&source, 1, &options, &walk, fault);

	while (!error && (event = lade_walk_next(walk, &item, &problem)) != LADE_WALK_END) {
		if (event < 0) {
			*fault = problem;
			error = event;
		}
		/* What cannot be looked at is not indexed: whether that matters is seen when its entry comes. */
		if (event != LADE_WALK_ENTRY || !is_indexed(indexed, &item))
			continue;
		if (lade_session_failed(&receiver->session))
			break;
		stamp = lade_stamp_of(indexed->file_system, &item.st);
		if (!lade_index_knows(indexed->index, item.path, &stamp))
			add_file(receiver, &item, &cuts);
	}
	if (!error && !lade_session_failed(&receiver->session))
		lade_index_sweep(indexed->index);
	lade_walk_free(walk);
	lade_cut_stream_fini(&cuts);
	return error;
}

/* ---- beginning and end ---- */

/* The name of a destination's index: by where it is, or its inode without /proc (a chroot), so that another disk in its place has another one. */
static void name_of(const struct indexed *indexed, int root_fd, const struct stat *st, char name[2 * NAME_LEN + 1])
{
	char link[32], path[PATH_MAX];
	uint8_t digest[NAME_LEN];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
	len = readlink(link, path, sizeof(path));
	if (len < 0)
		len = snprintf(path, sizeof(path), "inode %llu", (unsigned long long)st->st_ino);
	(void)crypto_generichash(digest, sizeof(digest), (const uint8_t *)path, (unsigned long long)len,
				 (const uint8_t *)&indexed->file_system, sizeof(indexed->file_system));
	(void)sodium_bin2hex(name, 2 * NAME_LEN + 1, digest, sizeof(digest));
}

static int open_index(struct lade_receiver *receiver, struct lade_fault *fault)
{
	struct indexed *indexed = receiver->indexed;
	struct lade_directory *root = lade_directories_root(receiver->tree);
	char name[2 * NAME_LEN + 1];
	struct stat st;
	int fd, error = lade_directory_pin(root, &fd, fault);

	if (error)
		return error;
	indexed->file_system = lade_stamp_file_system(fd);
	if (fstat(fd, &st))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "index", receiver->job->destination);
	else
		name_of(indexed, fd, &st, name);
	lade_directory_unpin(root);
	if (error)
		return error;
	indexed->device = st.st_dev;
	return lade_index_open(indexed->state_fd, name, &indexed->index, fault);
}

/* [recipe-key] */
static void say_key(struct lade_receiver *receiver)
{
	const uint8_t *key = lade_index_key(receiver->indexed->index);
	const struct lade_msg_recipe_key said = { lade_slice(key, LADE_SECRET_LEN) };
	struct lade_session *session = &receiver->session;

	lade_recipe_key_derive(key, &session->names, &session->pieces);
	lade_session_lock(session);
	lade_put_recipe_key(lade_session_queue(session), &said);
	lade_session_queued(session, false);
	lade_session_unlock(session);
}

int lade_indexed_begin(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_grant *grant = receiver->session.settings->grant;
	struct indexed *indexed = calloc(1, sizeof(*indexed));

	if (!indexed)
		return lade_fault_set(fault, LADE_E_MEMORY, "index", NULL);
	for (unsigned i = 0; i < OPEN_MAX + REPLACED_MAX; i++)
		indexed->open[i].fd = -1;
	indexed->state_fd = -1;
	pthread_mutex_init(&indexed->lock, NULL);
	receiver->indexed = indexed;
	if (!grant)
		return lade_state_open("index", &indexed->state_fd, fault);
	indexed->state_fd = lade_grant_state(grant, "index");
	return indexed->state_fd < 0 ? lade_fault_set(fault, LADE_E_SYSTEM, "open the place of the index", NULL) : 0;
}

int lade_indexed_open(struct lade_receiver *receiver, struct lade_fault *fault)
{
	int error = receiver->indexed ? open_index(receiver, fault) : 0;

	if (error || !receiver->indexed)
		return error;
	say_key(receiver);
	return refresh(receiver, fault);
}

void lade_indexed_save(struct lade_receiver *receiver)
{
	struct lade_fault fault;

	if (receiver->indexed && lade_index_save(receiver->indexed->index, &fault))
		complain(receiver, &fault);
}

void lade_indexed_close(struct lade_receiver *receiver)
{
	struct indexed *indexed = receiver->indexed;
	struct lade_fault fault;

	if (!indexed)
		return;
	for (unsigned i = 0; i < OPEN_MAX + REPLACED_MAX; i++)
		if (indexed->open[i].fd >= 0)
			close(indexed->open[i].fd);
	/* A session that failed has read what the next one need not read again. There is nobody to tell if that is lost. */
	if (indexed->index)
		(void)lade_index_save(indexed->index, &fault);
	lade_index_close(indexed->index);
	if (indexed->state_fd >= 0)
		close(indexed->state_fd);
	pthread_mutex_destroy(&indexed->lock);
	free(indexed);
	receiver->indexed = NULL;
}

/* ---- what comes ---- */

/* Remember a chunk of the new file. */
static void note(struct delta *delta, const struct lade_recipe_chunk *chunk)
{
	struct lade_index_chunk *noted = lade_grown(delta->noted, delta->noted_count, &delta->noted_capacity, sizeof(*noted));

	if (!noted)
		return; /* then it does not come to the end, and is not indexed */
	delta->noted = noted;
	noted[delta->noted_count++] = (struct lade_index_chunk){ chunk->name, delta->noted_to, chunk->len };
	delta->noted_to += chunk->len;
}

void lade_indexed_note(const struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	struct lade_recipe_chunk chunk;
	struct lade_reader reader;

	if (!receiver->indexed || delta->noted_to != news->event.off)
		return;
	if (news->type == NEWS_HOLE) {
		delta->noted_to += news->event.len;
		return;
	}
	lade_reader_init(&reader, news->bytes, news->len);
	while (lade_recipe_get(&reader, &chunk) == 1)
		note(delta, &chunk);
}

void lade_indexed_committed(struct lade_receiver *receiver, const struct incoming *file, const struct stat *st)
{
	const struct delta *delta = file->delta;
	struct indexed *indexed = receiver->indexed;
	struct lade_stamp stamp;
	struct lade_fault fault;
	char *path;

	if (!delta || !lade_indexed_takes(receiver, file->size) || delta->noted_to != file->size || (uint64_t)st->st_size != file->size ||
	    st->st_dev != indexed->device)
		return;
	path = lade_directory_path(file->directory, file->name);
	stamp = lade_stamp_of(indexed->file_system, st);
	/* Its times are those of this moment: it is known for sure only when it has been read later. */
	if (path && lade_index_add(indexed->index, path, &stamp, false, delta->noted, delta->noted_count, &fault))
		complain(receiver, &fault);
	free(path);
}

/* ---- what is wanted ---- */

/* Open the file by its path, if it is still what its stamp says. -1: it is not. */
static int open_known(struct lade_receiver *receiver, uint32_t file)
{
	struct lade_stamp stamp, now;
	const char *name;
	struct stat st;
	int parent_fd, fd = -1;
	char *path = lade_index_path(receiver->indexed->index, file, &stamp);

	if (path && lade_receiver_open_parent(receiver, path, &parent_fd, &name, NULL) == 0) {
		fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		close(parent_fd);
	}
	free(path);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		now = lade_stamp_of(receiver->indexed->file_system, &st);
		if (lade_stamp_equal(&stamp, &now))
			return fd;
	}
	close(fd);
	return -1;
}

/* The one of count slots that is longest unused. NULL: all are in use. Lock held. */
static struct open_file *oldest_of(struct open_file *slots, unsigned count)
{
	struct open_file *oldest = NULL;

	for (unsigned i = 0; i < count; i++)
		if (!slots[i].users && (!oldest || slots[i].used < oldest->used))
			oldest = &slots[i];
	return oldest;
}

/* The slot of a file that is open, or one for it. NULL: all are in use. Lock held. */
static struct open_file *slot_for(struct indexed *indexed, uint32_t file)
{
	for (unsigned i = 0; i < OPEN_MAX + REPLACED_MAX; i++)
		if (indexed->open[i].fd >= 0 && indexed->open[i].file == file)
			return &indexed->open[i];
	return oldest_of(indexed->open, OPEN_MAX);
}

/* Have a file open, to be let go of with let_go(). NULL: it is not what it was, or all slots are in use. */
static struct open_file *hold(struct lade_receiver *receiver, uint32_t file)
{
	struct indexed *indexed = receiver->indexed;
	struct open_file *slot;

	pthread_mutex_lock(&indexed->lock);
	slot = slot_for(indexed, file);
	if (slot && (slot->fd < 0 || slot->file != file)) {
		if (slot->fd >= 0)
			close(slot->fd);
		slot->fd = open_known(receiver, file);
		slot->file = file;
		if (slot->fd < 0) {
			lade_index_doubt(indexed->index, file);
			slot = NULL;
		}
	}
	if (slot) {
		slot->users++;
		slot->used = ++indexed->turn;
	}
	pthread_mutex_unlock(&indexed->lock);
	return slot;
}

/* Keep the file open that is about to be replaced, in the place of the one that was so longest ago. fd is consumed. */
static void keep_replaced(struct indexed *indexed, uint32_t file, int fd)
{
	struct open_file *slot;

	pthread_mutex_lock(&indexed->lock);
	slot = oldest_of(indexed->open + OPEN_MAX, REPLACED_MAX);
	if (slot) {
		if (slot->fd >= 0) {
			close(slot->fd);
			lade_index_doubt(indexed->index, slot->file);
		}
		*slot = (struct open_file){ .fd = fd, .file = file, .used = ++indexed->turn };
		lade_index_detach(indexed->index, file);
	} else {
		close(fd);
	}
	pthread_mutex_unlock(&indexed->lock);
}

/* The number of the open file of this name, if what is known of it is right. */
static uint32_t number_of(struct lade_receiver *receiver, const struct incoming *file, int fd)
{
	char *path = lade_directory_path(file->directory, file->name);
	uint32_t number = LADE_INDEX_NONE;
	struct lade_stamp stamp;
	struct stat st;

	if (path && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == receiver->indexed->device) {
		stamp = lade_stamp_of(receiver->indexed->file_system, &st);
		number = lade_index_number(receiver->indexed->index, path, &stamp);
	}
	free(path);
	return number;
}

void lade_indexed_replaces(struct lade_receiver *receiver, const struct incoming *file)
{
	int directory_fd, fd;
	uint32_t number;

	if (!receiver->indexed || !file->existed || file->overwrite || lade_directory_pin(file->directory, &directory_fd, NULL))
		return;
	fd = openat(directory_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	lade_directory_unpin(file->directory);
	if (fd < 0)
		return;
	number = number_of(receiver, file, fd);
	if (number == LADE_INDEX_NONE)
		close(fd);
	else
		keep_replaced(receiver->indexed, number, fd);
}

static void let_go(struct indexed *indexed, struct open_file *slot)
{
	pthread_mutex_lock(&indexed->lock);
	slot->users--;
	pthread_mutex_unlock(&indexed->lock);
}

bool lade_indexed_read(struct lade_receiver *receiver, const struct lade_recipe_chunk *chunk,
		       struct lade_index_place *likely, uint8_t *out)
{
	struct indexed *indexed = receiver->indexed;
	struct lade_range range = { .len = chunk->len };
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_index_place place;
	struct open_file *slot;
	bool right;

	if (!indexed || !lade_index_find(indexed->index, chunk, likely, &place))
		return false;
	slot = hold(receiver, place.file);
	if (!slot)
		return false;
	range.fd = slot->fd;
	range.off = place.off;
	right = lade_range_read(&range, out, NULL) == 0;
	let_go(indexed, slot);
	if (right) {
		lade_digest(&receiver->session.names, out, chunk->len, digest);
		right = lade_chunk_name(digest) == chunk->name;
	}
	if (!right)
		lade_index_doubt(indexed->index, place.file);
	*likely = (struct lade_index_place){ place.file, place.off + chunk->len };
	return right;
}

bool lade_indexed_adopt(struct lade_receiver *receiver, struct incoming *file, const struct news *news)
{
	struct lade_recipe_chunk chunk;
	struct lade_index_place place;
	struct lade_reader reader;
	struct lade_stamp stamp;

	lade_reader_init(&reader, news->bytes, news->len);
	if (!receiver->indexed || news->event.off || lade_recipe_get(&reader, &chunk) != 1 ||
	    !lade_index_find(receiver->indexed->index, &chunk, &(struct lade_index_place){ 0 }, &place) || place.off)
		return false;
	file->moved_from = lade_index_path(receiver->indexed->index, place.file, &stamp);
	return file->moved_from;
}
