/*
 * The index on disk. Numbers are little-endian.
 *
 *     head       "lade index 1\0\0\0\0", recipe key (32), number of files, bytes of their part, number of records (8 each)
 *     files      for each: stamp, flags (1: settled), length of the path as a varint, path
 *     digest     of head and files, under the key that is made of the recipe key (16)
 *     records    by rising name: name, offset (8 each), length, number of the file (4 each)
 *
 * It is written anew and renamed over the old one. The records are not covered by the digest, which would have to read all of
 * them: each is checked for sense when it is read, and what it says is checked when it is used.
 */
#include "agent/sync/chunk_index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"

#define MAGIC_LEN 16u
#define HEAD_LEN (MAGIC_LEN + LADE_SECRET_LEN + 3 * 8)
#define RECORD_LEN 24u
#define FLAG_SETTLED 1u
/* The part of the files, at most: 4 GiB is more than ten million. */
#define FILES_LEN_MAX (1ull << 32)
/* Records that are read at a time: a page of them. */
#define PAGE_RECORDS 170u
/* Steps of a search that guess where a name is; after these, halves are taken, whatever the records say. */
#define GUESSES 8u
/* Bytes that are written at a time. */
#define WRITE_LEN (256u << 10)

static const char magic[MAGIC_LEN] = "lade index 1";

struct head {
	uint64_t files, files_len, records;
};

/* ---- reading ---- */

/* Read exactly len bytes, at least one, at off. False if they are not there. */
static bool read_at(int fd, uint8_t *out, size_t len, uint64_t off)
{
	ssize_t got = lade_whole_read(fd, out, len, off);

	return got >= 0 && (size_t)got == len;
}

/* True if the head is one, and the file is as long as it says. */
static bool get_head(const uint8_t bytes[HEAD_LEN], uint64_t file_len, struct head *head)
{
	uint64_t before;

	head->files = lade_get_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN);
	head->files_len = lade_get_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN + 8);
	head->records = lade_get_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN + 16);
	if (memcmp(bytes, magic, MAGIC_LEN) != 0 || head->files_len > FILES_LEN_MAX ||
	    head->files > head->files_len / (LADE_STAMP_LEN + 3))
		return false;
	before = HEAD_LEN + head->files_len + LADE_DIGEST_LEN;
	return file_len >= before && (file_len - before) % RECORD_LEN == 0 && (file_len - before) / RECORD_LEN == head->records;
}

/* One file of the list. Returns 0, LADE_E_PROTOCOL or LADE_E_MEMORY. */
static int get_file(struct lade_index *index, struct lade_reader *reader)
{
	struct lade_stamp stamp;
	struct lade_slice path;
	uint8_t flags;
	char *copy;

	lade_stamp_get(reader, &stamp);
	flags = lade_reader_get_u8(reader);
	path = lade_reader_get_slice(reader, LADE_PATH_MAX);
	if (reader->error || !path.len || memchr(path.data, 0, path.len))
		return LADE_E_PROTOCOL;
	copy = strndup((const char *)path.data, path.len);
	if (!copy || lade_index_add_file(index, copy, &stamp, flags & FLAG_SETTLED) == UINT32_MAX)
		return LADE_E_MEMORY;
	return 0;
}

static int get_files(struct lade_index *index, const struct head *head, const uint8_t *bytes)
{
	struct lade_reader reader;
	int error = 0;

	index->old.files = malloc((head->files + 1) * sizeof(*index->old.files));
	if (!index->old.files)
		return LADE_E_MEMORY;
	lade_reader_init(&reader, bytes, head->files_len);
	while (!error && index->old.file_count < head->files) {
		index->old.files[index->old.file_count++] = (uint32_t)index->file_count;
		error = get_file(index, &reader);
	}
	return error ? error : lade_reader_finish(&reader);
}

/* Head, files and digest as one. */
static int load(struct lade_index *index, int fd, uint64_t file_len)
{
	uint8_t digest[LADE_DIGEST_LEN], head_bytes[HEAD_LEN], *bytes;
	struct lade_run_key pieces;
	struct head head;
	size_t covered;
	int error = LADE_E_PROTOCOL;

	if (file_len < HEAD_LEN || !read_at(fd, head_bytes, HEAD_LEN, 0) || !get_head(head_bytes, file_len, &head))
		return LADE_E_PROTOCOL;
	covered = HEAD_LEN + head.files_len;
	bytes = malloc(covered + LADE_DIGEST_LEN);
	if (!bytes)
		return LADE_E_MEMORY;
	memcpy(index->key, head_bytes + MAGIC_LEN, LADE_SECRET_LEN);
	lade_recipe_key_derive(index->key, &index->digests, &pieces);
	if (read_at(fd, bytes, covered + LADE_DIGEST_LEN, 0)) {
		lade_digest(&index->digests, bytes, covered, digest);
		if (lade_digest_equal(digest, bytes + covered))
			error = get_files(index, &head, bytes + HEAD_LEN);
	}
	free(bytes);
	index->old.off = covered + LADE_DIGEST_LEN;
	index->old.count = head.records;
	return error;
}

/* Nothing of what was read is to be kept. */
static void forget(struct lade_index *index)
{
	for (size_t i = 0; i < index->file_count; i++)
		free(index->files[i].path);
	index->file_count = 0;
	free(index->old.files);
	index->old = (struct record_file){ .fd = -1 };
	if (index->paths_size)
		memset(index->paths, 0, index->paths_size * sizeof(*index->paths));
}

/* True if what cannot be opened with this error is no index of ours, and makes way for one. */
static bool is_none(int error)
{
	return error == EACCES || /* another user's, in our directory */
		error == ELOOP || /* a symlink */
		error == ENXIO;   /* a socket */
}

int lade_index_load(struct lade_index *index, struct lade_fault *fault)
{
	int error, fd = openat(index->directory_fd, index->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return LADE_E_ABSENT;
	if (fd < 0 && is_none(errno))
		return LADE_E_PROTOCOL;
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open index", index->name);
	error = fstat(fd, &st) || !S_ISREG(st.st_mode) ? LADE_E_PROTOCOL : load(index, fd, (uint64_t)st.st_size);
	if (!error) {
		index->old.fd = fd;
		return 0;
	}
	forget(index);
	close(fd);
	return error;
}

static struct index_record get_record(const uint8_t *bytes)
{
	return (struct index_record){
		lade_get_le64(bytes), lade_get_le64(bytes + 8), lade_get_le32(bytes + 16), lade_get_le32(bytes + 20),
	};
}

/* Read up to PAGE_RECORDS records from first on. Returns how many, 0 if that fails. */
static size_t read_page(const struct record_file *file, uint64_t first, uint8_t page[PAGE_RECORDS * RECORD_LEN])
{
	uint64_t left = file->count - first;
	size_t count = left < PAGE_RECORDS ? (size_t)left : PAGE_RECORDS;

	return read_at(file->fd, page, count * RECORD_LEN, file->off + first * RECORD_LEN) ? count : 0;
}

/* Where to look for name in [low, high): names are digests, spread evenly over their range. */
static uint64_t guess(const struct record_file *file, uint64_t name, uint64_t low, uint64_t high, unsigned step)
{
	const unsigned bits = 8 * LADE_CHUNK_NAME_LEN;
	uint64_t at = (uint64_t)(((unsigned __int128)name * file->count) >> bits);

	at = at > PAGE_RECORDS / 2 ? at - PAGE_RECORDS / 2 : 0;
	return step < GUESSES && at >= low && at < high ? at : low + (high - low) / 2;
}

/*
 * The first record whose name is not less. Returns the number of records in the file if there is none, or they cannot be
 * read. If they are not in order, any.
 */
static uint64_t lower_bound(const struct record_file *file, uint64_t name)
{
	uint8_t page[PAGE_RECORDS * RECORD_LEN];
	uint64_t low = 0, high = file->count;

	for (unsigned step = 0; low < high; step++) {
		uint64_t first = guess(file, name, low, high, step);
		size_t count = read_page(file, first, page), i = 0;

		if (!count)
			return file->count;
		if (first > low && get_record(page).name >= name) {
			high = first;
			continue;
		}
		while (i < count && get_record(page + i * RECORD_LEN).name < name)
			i++;
		if (i < count)
			return first + i;
		low = first + count;
	}
	return low;
}

size_t lade_index_read_records(const struct lade_index *index, uint64_t name, struct index_record *records, size_t most)
{
	const struct record_file *file = &index->old;
	uint8_t page[PAGE_RECORDS * RECORD_LEN];
	uint64_t first = file->fd < 0 ? file->count : lower_bound(file, name);
	size_t in_page = first < file->count ? read_page(file, first, page) : 0, count = 0;

	for (size_t i = 0; i < in_page && count < most; i++) {
		struct index_record record = get_record(page + i * RECORD_LEN);

		if (record.name != name)
			break;
		if (record.file >= file->file_count)
			continue;
		record.file = file->files[record.file];
		if (index->files[record.file].live)
			records[count++] = record;
	}
	return count;
}

/* ---- writing ---- */

/* A new file while it is written. */
struct output {
	int fd;
	struct lade_writer bytes; /* not written yet */
	uint64_t records;
	int error;
	struct lade_fault *fault;
};

static void flush(struct output *out)
{
	if (!out->error && out->bytes.error)
		out->error = lade_fault_set(out->fault, out->bytes.error, "write the index", NULL);
	if (!out->error)
		out->error = lade_state_write(out->fd, out->bytes.data, out->bytes.len, out->fault);
	lade_writer_reset(&out->bytes);
}

static void put_record(struct output *out, const struct index_record *record, uint32_t file)
{
	uint8_t *bytes = lade_writer_reserve(&out->bytes, RECORD_LEN);

	out->records++;
	if (bytes) {
		lade_put_le64(bytes, record->name);
		lade_put_le64(bytes + 8, record->off);
		lade_put_le32(bytes + 16, record->len);
		lade_put_le32(bytes + 20, file);
		lade_writer_commit(&out->bytes, RECORD_LEN);
	}
	if (!bytes || out->bytes.len >= WRITE_LEN)
		flush(out);
}

static int by_name(const void *a, const void *b)
{
	const struct index_record *left = a, *right = b;

	return left->name < right->name ? -1 : left->name > right->name;
}

/* The records of the old file, one after another. */
struct input {
	const struct record_file *file;
	uint8_t page[PAGE_RECORDS * RECORD_LEN];
	uint64_t next;
	size_t at, count; /* of the page */
};

/* The next one that makes sense. False at the end. */
static bool next_old(struct input *in, struct index_record *record)
{
	for (;;) {
		if (in->at == in->count) {
			in->at = 0;
			in->count = in->file->fd >= 0 && in->next < in->file->count ? read_page(in->file, in->next, in->page) : 0;
			in->next += in->count;
			if (!in->count)
				return false;
		}
		*record = get_record(in->page + in->at++ * RECORD_LEN);
		if (record->file < in->file->file_count) {
			record->file = in->file->files[record->file];
			return true;
		}
	}
}

/* Both lists of records in one order; numbers[] are those of the files in the new file, UINT32_MAX for those that are not in it. */
static void merge(struct lade_index *index, const uint32_t *numbers, struct output *out)
{
	struct input in = { .file = &index->old };
	struct index_record old;
	bool any = next_old(&in, &old);
	size_t i = 0;

	if (index->count)
		qsort(index->records, index->count, sizeof(*index->records), by_name);
	while ((any || i < index->count) && !out->error) {
		bool take_old = any && (i == index->count || old.name <= index->records[i].name);
		const struct index_record *record = take_old ? &old : &index->records[i++];

		if (numbers[record->file] != UINT32_MAX)
			put_record(out, record, numbers[record->file]);
		if (take_old)
			any = next_old(&in, &old);
	}
	flush(out);
}

/* The list of files. numbers[] as above; files_out: the numbers in memory of those in it, of which there are *count_out. */
static int put_files(const struct lade_index *index, struct lade_writer *writer, uint32_t *numbers, uint32_t *files,
		     uint32_t *count_out)
{
	uint32_t count = 0;

	for (size_t i = 0; i < index->file_count; i++) {
		const struct index_file *file = &index->files[i];

		bool stays = file->live && !file->detached;

		numbers[i] = stays ? count : UINT32_MAX;
		if (!stays)
			continue;
		files[count++] = (uint32_t)i;
		lade_stamp_put(writer, &file->stamp);
		lade_writer_put_u8(writer, file->settled ? FLAG_SETTLED : 0);
		lade_writer_put_slice(writer, lade_slice(file->path, strlen(file->path)));
	}
	*count_out = count;
	return writer->error;
}

static void put_head(const struct lade_index *index, const struct head *head, uint8_t bytes[HEAD_LEN])
{
	memcpy(bytes, magic, MAGIC_LEN);
	memcpy(bytes + MAGIC_LEN, index->key, LADE_SECRET_LEN);
	lade_put_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN, head->files);
	lade_put_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN + 8, head->files_len);
	lade_put_le64(bytes + MAGIC_LEN + LADE_SECRET_LEN + 16, head->records);
}

/* The records first, behind the room for what is known only when they are written; then that. */
static int write_all(struct lade_index *index, const struct lade_writer *files, const uint32_t *numbers, struct head *head,
		     struct output *out)
{
	uint8_t head_bytes[HEAD_LEN], digest[LADE_DIGEST_LEN];
	struct lade_digest_stream *stream;
	struct lade_fault *fault = out->fault;

	if (lseek(out->fd, (off_t)(HEAD_LEN + files->len + LADE_DIGEST_LEN), SEEK_SET) < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "write the index", NULL);
	merge(index, numbers, out);
	if (out->error)
		return out->error;
	head->files_len = files->len;
	head->records = out->records;
	put_head(index, head, head_bytes);
	if (lade_digest_stream_new(&index->digests, &stream))
		return lade_fault_set(fault, LADE_E_MEMORY, "write the index", NULL);
	lade_digest_stream_add(stream, head_bytes, sizeof(head_bytes));
	lade_digest_stream_add(stream, files->data, files->len);
	lade_digest_stream_take(stream, digest);
	lade_digest_stream_free(stream);
	if (lseek(out->fd, 0, SEEK_SET) < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "write the index", NULL);
	if (lade_state_write(out->fd, head_bytes, sizeof(head_bytes), fault) ||
	    lade_state_write(out->fd, files->data, files->len, fault) ||
	    lade_state_write(out->fd, digest, sizeof(digest), fault))
		return fault->code;
	return 0;
}

/* The new file is there: its records are the old ones from now on. */
static void take_over(struct lade_index *index, int fd, uint32_t *files, uint32_t file_count, const struct head *head)
{
	if (index->old.fd >= 0)
		close(index->old.fd);
	free(index->old.files);
	index->old = (struct record_file){
		fd, HEAD_LEN + head->files_len + LADE_DIGEST_LEN, head->records, files, file_count,
	};
	index->count = 0;
	index->changed = false;
}

/* Give the new file its name, and go on reading it. */
static int replace(struct lade_index *index, int fd, int *kept_fd, struct lade_fault *fault)
{
	*kept_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*kept_fd < 0) {
		lade_fault_set(fault, LADE_E_SYSTEM, "write the index", NULL);
		lade_state_discard(index->directory_fd, fd);
		return fault->code;
	}
	if (lade_state_replace(index->directory_fd, fd, index->name, fault)) {
		close(*kept_fd);
		return fault->code;
	}
	return 0;
}

int lade_index_write(struct lade_index *index, struct lade_fault *fault)
{
	uint32_t *numbers = malloc((index->file_count + 1) * sizeof(*numbers));
	uint32_t *files = malloc((index->file_count + 1) * sizeof(*files)), file_count = 0;
	struct output out = { .fd = -1, .fault = fault };
	struct lade_writer list;
	struct head head = { 0 };
	int error, kept_fd = -1;

	lade_writer_init(&list, FILES_LEN_MAX);
	lade_writer_init(&out.bytes, 2 * WRITE_LEN);
	error = numbers && files ? put_files(index, &list, numbers, files, &file_count) : LADE_E_MEMORY;
	if (error)
		lade_fault_set(fault, error, "write the index", NULL);
	else
		error = lade_state_new_file(index->directory_fd, &out.fd, fault);
	head.files = file_count;
	if (!error) {
		error = write_all(index, &list, numbers, &head, &out);
		if (error)
			lade_state_discard(index->directory_fd, out.fd);
		else
			error = replace(index, out.fd, &kept_fd, fault);
	}
	if (!error)
		take_over(index, kept_fd, files, file_count, &head);
	else
		free(files);
	/* They were sorted, or are on disk now. */
	lade_index_hang_records(index);
	free(numbers);
	lade_writer_fini(&list);
	lade_writer_fini(&out.bytes);
	return error;
}
