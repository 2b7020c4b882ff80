/*
 * Names of one directory: an arena of packed records, sorted in place by an array
 * of (prefix, offset); pieces that outgrow memory become runs in a spool file.
 *
 * A record is key, type, length, the name's bytes and a NUL. A run is a piece's
 * records in order. Until it is sorted a list is its arena alone, which starts at
 * 2 KiB: a small directory costs three small allocations and no system call.
 * A cursor reads a sorted arena by index, or merges the runs through a heap.
 *
 * Limits: a piece holds at most memory_max names and PIECE_BYTES_MAX bytes; a
 * cursor's buffers hold about MERGE_BYTES_MAX in all, or 1 KiB a run where there
 * are very many runs. What comes back from the spool is checked like anything else
 * that a disk says, but nothing protects it from a disk that lies consistently.
 */
#include "agent/tree/name_list.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tree/whole.h"
#include "protocol/limits.h"

#define PIECE_BYTES_MAX (8u << 20)
#define ARENA_FIRST_CAPACITY 2048u
#define RECORD_HEAD_LEN 3u /* key, type, length */
#define RECORD_MAX (RECORD_HEAD_LEN + LADE_NAME_MAX + 1u)
#define WRITE_BUFFER_LEN (64u << 10)
#define MERGE_BYTES_MAX (2u << 20)
#define RUN_BUFFER_MAX (64u << 10)
#define RUN_BUFFER_MIN 1024u

/* One record of a sorted arena: most comparisons end at the prefix, without a cache miss. */
struct order {
	uint64_t prefix; /* the key, then the first seven bytes, as one number */
	uint32_t off;    /* of the record in the arena */
};

struct run {
	uint64_t off; /* in the spool file */
	uint64_t len;
};

struct lade_name_list {
	const char *spool_dir;
	size_t memory_max;
	uint8_t *arena;
	size_t arena_len;
	size_t arena_capacity;
	size_t piece_count;  /* records in the arena */
	struct order *order; /* of the arena; NULL until sorted */
	struct run *runs;
	size_t run_count;
	uint64_t spool_len;
	int spool_fd; /* or -1 */
	bool sorted;
	uint64_t count;
	uint8_t *marks; /* a bit per name, or NULL */
};

/* A run while it is merged. The record at buffer + pos is whole and checked while pos < len. */
struct merge_run {
	uint64_t off; /* next byte to read from the spool */
	uint64_t end;
	uint8_t *buffer;
	size_t pos;
	size_t len;
};

struct lade_name_cursor {
	struct lade_name_list *list;
	uint64_t position;
	struct merge_run *runs;
	struct merge_run **heap; /* smallest record first */
	size_t heap_count;
	uint8_t *buffers;
	size_t buffer_len;
	bool started; /* the heap is built, and its first run's record was given out */
	int failed;   /* errno of the first failure: the heap is not to be trusted after it */
};

/* Records. */

static size_t record_len(const uint8_t *record)
{
	return RECORD_HEAD_LEN + record[2] + 1u;
}

static int record_compare(const uint8_t *a, const uint8_t *b)
{
	size_t common = a[2] < b[2] ? a[2] : b[2];
	int difference;

	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	difference = memcmp(a + RECORD_HEAD_LEN, b + RECORD_HEAD_LEN, common);
	return difference ? difference : (int)a[2] - (int)b[2];
}

static uint64_t record_prefix(const uint8_t *record)
{
	uint64_t prefix = record[0];
	size_t len = record[2];

	for (size_t i = 0; i < 7; i++)
		prefix = prefix << 8 | (i < len ? record[RECORD_HEAD_LEN + i] : 0u);
	return prefix;
}

static int order_compare(const void *left, const void *right, void *arena)
{
	const struct order *a = left, *b = right;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return record_compare((const uint8_t *)arena + a->off, (const uint8_t *)arena + b->off);
}

static void record_name(const uint8_t *record, uint64_t position, struct lade_name *name_out)
{
	name_out->key = record[0];
	name_out->type = record[1];
	name_out->name_len = record[2];
	name_out->name = (const char *)record + RECORD_HEAD_LEN;
	name_out->position = position;
}

/* The list. */

int lade_name_list_new(const char *spool_dir, size_t memory_max, struct lade_name_list **list_out)
{
	struct lade_name_list *list = calloc(1, sizeof(*list));

	if (!list)
		return LADE_E_MEMORY;
	list->spool_dir = spool_dir;
	list->memory_max = memory_max ? memory_max : LADE_NAME_LIST_MEMORY;
	list->spool_fd = -1;
	*list_out = list;
	return 0;
}

void lade_name_list_free(struct lade_name_list *list)
{
	if (!list)
		return;
	if (list->spool_fd >= 0)
		close(list->spool_fd);
	free(list->arena);
	free(list->order);
	free(list->runs);
	free(list->marks);
	free(list);
}

static bool arena_reserve(struct lade_name_list *list, size_t len)
{
	size_t capacity = list->arena_capacity ? 2 * list->arena_capacity : ARENA_FIRST_CAPACITY;
	uint8_t *arena;

	if (list->arena_capacity - list->arena_len >= len)
		return true;
	arena = realloc(list->arena, capacity); /* doubling from 2 KiB is room for any record */
	if (!arena)
		return false;
	list->arena = arena;
	list->arena_capacity = capacity;
	return true;
}

/* Put the arena's records in order: list->order. */
static int arena_sort(struct lade_name_list *list)
{
	struct order *order = malloc((list->piece_count ? list->piece_count : 1) * sizeof(*order));
	uint32_t off = 0;

	if (!order)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < list->piece_count; i++) {
		order[i].prefix = record_prefix(list->arena + off);
		order[i].off = off;
		off += (uint32_t)record_len(list->arena + off);
	}
	qsort_r(order, list->piece_count, sizeof(*order), order_compare, list->arena);
	list->order = order;
	return 0;
}

static void arena_drop(struct lade_name_list *list)
{
	free(list->arena);
	list->arena = NULL;
	list->arena_len = list->arena_capacity = 0;
}

/* The spool. */

/*
 * O_TMPFILE where the file system has it (EOPNOTSUPP or EISDIR where not), else a name
 * that goes at once.
 */
static int spool_open(const char *spool_dir)
{
	const char *dir = spool_dir ? spool_dir : secure_getenv("TMPDIR");
	char *path = NULL;
	int fd, saved;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (asprintf(&path, "%s/.lade-names-XXXXXX", dir) < 0) {
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && unlink(path) != 0) {
		saved = errno;
		close(fd);
		fd = -1;
		errno = saved;
	}
	saved = errno;
	free(path);
	errno = saved;
	return fd;
}

static int spool_fail(const struct lade_name_list *list, const char *operation,
		      struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_SYSTEM, operation,
			      list->spool_dir ? list->spool_dir : "spool file");
}

static int spool_write(struct lade_name_list *list, const uint8_t *data, size_t len,
		       struct lade_fault *fault)
{
	if (lade_whole_write(list->spool_fd, data, len, list->spool_len))
		return spool_fail(list, "write names to", fault);
	list->spool_len += len;
	return 0;
}

/* Write the sorted arena as one run through buffer (WRITE_BUFFER_LEN bytes). */
static int write_run(struct lade_name_list *list, uint8_t *buffer, struct lade_fault *fault)
{
	size_t used = 0, len;
	const uint8_t *record;
	int code;

	for (size_t i = 0; i < list->piece_count; i++) {
		record = list->arena + list->order[i].off;
		len = record_len(record);
		if (WRITE_BUFFER_LEN - used < len) {
			code = spool_write(list, buffer, used, fault);
			if (code)
				return code;
			used = 0;
		}
		memcpy(buffer + used, record, len);
		used += len;
	}
	return spool_write(list, buffer, used, fault);
}

/* Make the arena's records one more run, and the arena empty. */
static int spool_piece(struct lade_name_list *list, struct lade_fault *fault)
{
	struct run *runs = realloc(list->runs, (list->run_count + 1) * sizeof(*runs));
	uint8_t *buffer = malloc(WRITE_BUFFER_LEN);
	uint64_t start = list->spool_len;
	int code = LADE_E_MEMORY;

	if (runs)
		list->runs = runs;
	if (!runs || !buffer)
		goto out;
	if (list->spool_fd < 0) {
		list->spool_fd = spool_open(list->spool_dir);
		if (list->spool_fd < 0) {
			code = spool_fail(list, "create a spool file in", fault);
			goto out;
		}
	}
	code = arena_sort(list);
	if (code == 0)
		code = write_run(list, buffer, fault);
	if (code == 0) {
		list->runs[list->run_count].off = start;
		list->runs[list->run_count++].len = list->spool_len - start;
		list->arena_len = list->piece_count = 0;
	}
	free(list->order);
	list->order = NULL;
out:
	free(buffer);
	return code == LADE_E_MEMORY ? lade_fault_set(fault, code, "sort names", NULL) : code;
}

/* Filling and sorting. */

int lade_name_list_add(struct lade_name_list *list, const char *name, uint8_t key, uint8_t type,
		       struct lade_fault *fault)
{
	size_t name_len = strlen(name), len = RECORD_HEAD_LEN + name_len + 1;
	uint8_t *record;
	int code;

	assert(!list->sorted);
	if (name_len == 0 || name_len > LADE_NAME_MAX) {
		errno = name_len ? ENAMETOOLONG : EINVAL;
		return lade_fault_set(fault, LADE_E_SYSTEM, "list", name);
	}
	if (list->piece_count >= list->memory_max || list->arena_len + len > PIECE_BYTES_MAX) {
		code = spool_piece(list, fault);
		if (code)
			return code;
	}
	if (!arena_reserve(list, len))
		return lade_fault_set(fault, LADE_E_MEMORY, "list", name);
	record = list->arena + list->arena_len;
	record[0] = key;
	record[1] = type;
	record[2] = (uint8_t)name_len;
	memcpy(record + RECORD_HEAD_LEN, name, name_len + 1);
	list->arena_len += len;
	list->piece_count++;
	list->count++;
	return 0;
}

int lade_name_list_sort(struct lade_name_list *list, struct lade_fault *fault)
{
	int code;

	assert(!list->sorted);
	list->sorted = true;
	if (list->run_count == 0) {
		code = arena_sort(list);
		return code ? lade_fault_set(fault, code, "sort names", NULL) : 0;
	}
	code = spool_piece(list, fault);
	arena_drop(list);
	return code;
}

uint64_t lade_name_list_count(const struct lade_name_list *list)
{
	return list->count;
}

/* Merging. */

static bool merge_holds_record(const struct merge_run *run)
{
	size_t left = run->len - run->pos;

	return left >= RECORD_HEAD_LEN && left >= record_len(run->buffer + run->pos);
}

/* Make the record at pos whole, reading on if need be. 1, 0 at the run's end, -1 with errno. */
static int merge_fill(const struct lade_name_cursor *cursor, struct merge_run *run)
{
	size_t left = run->len - run->pos, room;
	const uint8_t *record;
	ssize_t done;

	if (left == 0 && run->off == run->end)
		return 0;
	while (!merge_holds_record(run) && run->off < run->end) {
		memmove(run->buffer, run->buffer + run->pos, run->len - run->pos);
		run->len -= run->pos;
		run->pos = 0;
		room = cursor->buffer_len - run->len;
		if (room > run->end - run->off)
			room = (size_t)(run->end - run->off);
		done = lade_whole_read(cursor->list->spool_fd, run->buffer + run->len, room, run->off);
		if (done < 0)
			return -1;
		if (done == 0)
			break;
		run->len += (size_t)done;
		run->off += (uint64_t)done;
	}
	record = run->buffer + run->pos;
	if (merge_holds_record(run) && record[2] > 0 && record[record_len(record) - 1] == '\0')
		return 1;
	errno = EIO;
	return -1;
}

/* Let the run at place `at` sink until no run below it has a smaller record. */
static void heap_sink(struct lade_name_cursor *cursor, size_t at)
{
	struct merge_run **heap = cursor->heap, *moving = heap[at];
	size_t below;

	while ((below = 2 * at + 1) < cursor->heap_count) {
		if (below + 1 < cursor->heap_count &&
		    record_compare(heap[below + 1]->buffer + heap[below + 1]->pos,
				   heap[below]->buffer + heap[below]->pos) < 0)
			below++;
		if (record_compare(moving->buffer + moving->pos,
				   heap[below]->buffer + heap[below]->pos) <= 0)
			break;
		heap[at] = heap[below];
		at = below;
	}
	heap[at] = moving;
}

/* Read the first record of every run and order the runs. 0, or -1 with errno. */
static int merge_start(struct lade_name_cursor *cursor)
{
	cursor->heap_count = 0;
	for (size_t i = 0; i < cursor->list->run_count; i++) {
		if (merge_fill(cursor, &cursor->runs[i]) < 0)
			return -1;
		cursor->heap[cursor->heap_count++] = &cursor->runs[i]; /* no run is empty */
	}
	for (size_t at = cursor->heap_count / 2; at-- > 0;)
		heap_sink(cursor, at);
	cursor->started = true;
	return 0;
}

/* Drop the record that was given out; another must follow. 0, or -1 with errno. */
static int merge_advance(struct lade_name_cursor *cursor)
{
	struct merge_run *first = cursor->heap[0];
	int filled;

	first->pos += record_len(first->buffer + first->pos);
	filled = merge_fill(cursor, first);
	if (filled < 0)
		return -1;
	if (filled == 0)
		cursor->heap[0] = cursor->heap[--cursor->heap_count];
	if (cursor->heap_count == 0) {
		errno = EIO; /* fewer records than were written */
		return -1;
	}
	heap_sink(cursor, 0);
	return 0;
}

/* Cursors. */

static int merge_new(struct lade_name_cursor *cursor)
{
	const struct lade_name_list *list = cursor->list;
	size_t count = list->run_count, len = MERGE_BYTES_MAX / count;

	if (len > RUN_BUFFER_MAX)
		len = RUN_BUFFER_MAX;
	cursor->buffer_len = len < RUN_BUFFER_MIN ? RUN_BUFFER_MIN : len;
	cursor->runs = calloc(count, sizeof(*cursor->runs));
	cursor->heap = calloc(count, sizeof(struct merge_run *));
	cursor->buffers = malloc(count * cursor->buffer_len);
	if (!cursor->runs || !cursor->heap || !cursor->buffers)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < count; i++) {
		cursor->runs[i].off = list->runs[i].off;
		cursor->runs[i].end = list->runs[i].off + list->runs[i].len;
		cursor->runs[i].buffer = cursor->buffers + i * cursor->buffer_len;
	}
	return 0;
}

int lade_name_cursor_new(struct lade_name_list *list, struct lade_name_cursor **cursor_out)
{
	struct lade_name_cursor *cursor = calloc(1, sizeof(*cursor));

	assert(list->sorted);
	if (!cursor)
		return LADE_E_MEMORY;
	cursor->list = list;
	if (list->run_count > 0 && merge_new(cursor) != 0) {
		lade_name_cursor_free(cursor);
		return LADE_E_MEMORY;
	}
	*cursor_out = cursor;
	return 0;
}

void lade_name_cursor_free(struct lade_name_cursor *cursor)
{
	if (!cursor)
		return;
	free(cursor->runs);
	free(cursor->heap);
	free(cursor->buffers);
	free(cursor);
}

int lade_name_cursor_next(struct lade_name_cursor *cursor, struct lade_name *name_out,
			  struct lade_fault *fault)
{
	const struct lade_name_list *list = cursor->list;
	const uint8_t *record;

	if (cursor->position == list->count)
		return 0;
	if (list->run_count == 0) {
		record = list->arena + list->order[cursor->position].off;
	} else {
		if (!cursor->failed &&
		    (cursor->started ? merge_advance(cursor) : merge_start(cursor)))
			cursor->failed = errno;
		if (cursor->failed) {
			errno = cursor->failed;
			return spool_fail(list, "read names from", fault);
		}
		record = cursor->heap[0]->buffer + cursor->heap[0]->pos;
	}
	record_name(record, cursor->position++, name_out);
	return 1;
}

/* Marks. */

int lade_name_list_mark(struct lade_name_list *list, uint64_t position)
{
	assert(list->sorted && position < list->count);
	if (!list->marks) {
		list->marks = calloc(1, (size_t)(list->count / 8 + 1));
		if (!list->marks)
			return LADE_E_MEMORY;
	}
	list->marks[position / 8] |= (uint8_t)(1u << position % 8);
	return 0;
}

bool lade_name_list_marked(const struct lade_name_list *list, uint64_t position)
{
	assert(position < list->count);
	return list->marks && (list->marks[position / 8] >> position % 8 & 1);
}
