/*
 * A header, records as they come, and a hash table of where they are, which is made at the end: in the file, so that no memory grows with the number
 * of files. It is this machine's own: numbers are as they are in memory. Each record has a checksum of its own; it is looked at when the record is.
 */
#include "agent/backup/known_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "agent/state.h"

#define MAGIC UINT64_C(0x31574f4e4b454441) /* "ADEKNOW1" */
#define KEY_LEN 16u
#define BUFFER_LEN (1u << 20)

/* The table starts at a place that pages start at, on all machines. */
#define TABLE_ALIGNMENT 65536u

struct header {
	uint64_t magic;
	struct lade_known_setup setup;
	uint64_t by_inode;  /* 1: files are told by their inodes, too */
	uint8_t key[crypto_generichash_KEYBYTES];
	uint64_t table_off; /* slots of the table, a power of two, follow there */
	uint64_t slots;
	uint64_t count;
	uint64_t checksum;  /* of all before */
};

struct record {
	uint8_t key[KEY_LEN];
	uint64_t checksum; /* of the key and of all that follows */
	uint32_t entry_len, ids_len;
	/* entry, ids, and up to 7 bytes, so that the next one is aligned */
};

/* A place in the table; off 0: none. */
struct slot {
	uint64_t key;
	uint64_t off;
};

struct lade_known {
	const uint8_t *map;
	size_t len;
	struct header header;
};

struct lade_known_writer {
	pthread_mutex_t lock;
	int directory_fd, fd;
	int error;    /* the first one, and its words */
	struct lade_fault fault;
	struct header header;
	uint64_t off; /* of the next record */
	uint8_t *buffer;
	size_t buffered;
};

/* ---- what both sides do ---- */

static void make_key(const struct header *header, const char *path, const struct stat *st, uint8_t key_out[KEY_LEN])
{
	/* No device: many file systems have another one at each boot. */
	const uint64_t look[] = { (uint64_t)st->st_size, header->by_inode ? (uint64_t)st->st_ino : 0, st->st_mode,
				  (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec };
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, header->key, sizeof(header->key), KEY_LEN);
	(void)crypto_generichash_update(&state, (const uint8_t *)look, sizeof(look));
	(void)crypto_generichash_update(&state, (const uint8_t *)path, strlen(path));
	(void)crypto_generichash_final(&state, key_out, KEY_LEN);
}

static uint64_t first_of(const uint8_t key[KEY_LEN])
{
	uint64_t first;

	memcpy(&first, key, sizeof(first));
	return first;
}

static size_t record_len(const struct record *record)
{
	return (sizeof(*record) + record->entry_len + record->ids_len + 7) & ~(size_t)7;
}

static uint64_t record_checksum(const struct record *record, const struct lade_known_file *file)
{
	const uint64_t seed = XXH3_64bits(record->key, sizeof(record->key)) + record->entry_len;

	return XXH3_64bits_withSeed(file->ids.data, file->ids.len, XXH3_64bits_withSeed(file->entry.data, file->entry.len, seed));
}

static uint64_t header_checksum(const struct header *header)
{
	return XXH3_64bits(header, offsetof(struct header, checksum));
}

/* ---- reading ---- */

void lade_known_free(struct lade_known *known)
{
	if (!known)
		return;
	munmap((void *)(uintptr_t)known->map, known->len);
	sodium_memzero(&known->header, sizeof(known->header));
	free(known);
}

static bool header_ok(const struct lade_known *known, const struct lade_known_setup *setup)
{
	const struct header *header = &known->header;

	return header->magic == MAGIC && header->checksum == header_checksum(header) && header->setup.options == setup->options &&
	       memcmp(header->setup.repository, setup->repository, sizeof(setup->repository)) == 0 && header->slots && !(header->slots & (header->slots - 1)) &&
	       header->count < header->slots && header->table_off % TABLE_ALIGNMENT == 0 && header->table_off <= known->len &&
	       (known->len - header->table_off) / sizeof(struct slot) == header->slots;
}

/* Only what this user wrote, and nobody else may write to, and no one who has it open makes shorter: it was replaced by rename(2). */
static bool file_ok(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 077) && st->st_size >= (off_t)sizeof(struct header);
}

int lade_known_open(int directory_fd, const char *name, const struct lade_known_setup *setup, struct lade_known **known_out)
{
	const int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct lade_known *known = NULL;
	struct stat st;
	void *map = MAP_FAILED;

	if (fd < 0)
		return LADE_E_ABSENT;
	if (fstat(fd, &st) == 0 && file_ok(&st))
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return LADE_E_ABSENT;
	(void)madvise(map, (size_t)st.st_size, MADV_RANDOM);
	known = calloc(1, sizeof(*known));
	if (!known) {
		munmap(map, (size_t)st.st_size);
		return LADE_E_MEMORY;
	}
	known->map = map;
	known->len = (size_t)st.st_size;
	memcpy(&known->header, map, sizeof(known->header));
	if (!header_ok(known, setup)) {
		lade_known_free(known);
		return LADE_E_ABSENT;
	}
	*known_out = known;
	return 0;
}

/* The record at off, if it is whole and of that key. */
static bool get_record(const struct lade_known *known, uint64_t off, const uint8_t key[KEY_LEN], struct lade_known_file *file_out)
{
	const uint64_t end = known->header.table_off;
	struct record record;
	const uint8_t *data;

	if (off % 8 || off >= end || end - off < sizeof(record))
		return false;
	memcpy(&record, known->map + off, sizeof(record));
	if (memcmp(record.key, key, KEY_LEN) != 0 || end - off - sizeof(record) < (uint64_t)record.entry_len + record.ids_len)
		return false;
	data = known->map + off + sizeof(record);
	file_out->entry = lade_slice(data, record.entry_len);
	file_out->ids = lade_slice(data + record.entry_len, record.ids_len);
	return record_checksum(&record, file_out) == record.checksum;
}

bool lade_known_find(const struct lade_known *known, const char *path, const struct stat *st, struct lade_known_file *file_out)
{
	const uint64_t mask = known->header.slots - 1;
	uint8_t key[KEY_LEN];
	uint64_t first;

	make_key(&known->header, path, st, key);
	first = first_of(key);
	/* A damaged table may have no free place. */
	for (uint64_t i = 0; i <= mask; i++) {
		struct slot slot;

		memcpy(&slot, known->map + known->header.table_off + ((first + i) & mask) * sizeof(slot), sizeof(slot));
		if (!slot.off)
			return false;
		if (slot.key == first && get_record(known, slot.off, key, file_out))
			return true;
	}
	return false;
}

/* ---- writing ---- */

static void flush_buffer(struct lade_known_writer *writer)
{
	if (!writer->error)
		writer->error = lade_state_write(writer->fd, writer->buffer, writer->buffered, &writer->fault);
	writer->buffered = 0;
}

static void put(struct lade_known_writer *writer, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	writer->off += len;
	while (len) {
		const size_t part = len < BUFFER_LEN - writer->buffered ? len : BUFFER_LEN - writer->buffered;

		memcpy(writer->buffer + writer->buffered, bytes, part);
		writer->buffered += part;
		bytes += part;
		len -= part;
		if (writer->buffered == BUFFER_LEN)
			flush_buffer(writer);
	}
}

int lade_known_begin(int directory_fd, const struct lade_known_setup *setup, bool by_inode, struct lade_known_writer **writer_out, struct lade_fault *fault)
{
	struct lade_known_writer *writer = calloc(1, sizeof(*writer));
	int error;

	if (!writer)
		return lade_fault_set(fault, LADE_E_MEMORY, "remember files", NULL);
	writer->directory_fd = directory_fd;
	writer->fd = -1;
	writer->header.magic = MAGIC;
	writer->header.setup = *setup;
	writer->header.by_inode = by_inode;
	randombytes_buf(writer->header.key, sizeof(writer->header.key));
	pthread_mutex_init(&writer->lock, NULL);
	writer->buffer = malloc(BUFFER_LEN);
	error = writer->buffer ? lade_state_new_file(directory_fd, &writer->fd, fault) : lade_fault_set(fault, LADE_E_MEMORY, "remember files", NULL);
	if (error) {
		lade_known_abandon(writer);
		return error;
	}
	put(writer, &writer->header, sizeof(writer->header));
	*writer_out = writer;
	return 0;
}

void lade_known_abandon(struct lade_known_writer *writer)
{
	if (!writer)
		return;
	if (writer->fd >= 0)
		lade_state_discard(writer->directory_fd, writer->fd);
	pthread_mutex_destroy(&writer->lock);
	free(writer->buffer);
	sodium_memzero(&writer->header, sizeof(writer->header));
	free(writer);
}

void lade_known_add(struct lade_known_writer *writer, const char *path, const struct stat *st, const struct lade_known_file *file)
{
	static const uint8_t zeros[8] = { 0 };
	struct record record = { .entry_len = (uint32_t)file->entry.len, .ids_len = (uint32_t)file->ids.len };

	make_key(&writer->header, path, st, record.key);
	record.checksum = record_checksum(&record, file);
	pthread_mutex_lock(&writer->lock);
	put(writer, &record, sizeof(record));
	put(writer, file->entry.data, file->entry.len);
	put(writer, file->ids.data, file->ids.len);
	put(writer, zeros, record_len(&record) - sizeof(record) - record.entry_len - record.ids_len);
	writer->header.count++;
	pthread_mutex_unlock(&writer->lock);
}

/* Enter all records, which are at map, into the table. */
static void enter_all(const struct lade_known_writer *writer, const uint8_t *map, struct slot *table)
{
	const uint64_t mask = writer->header.slots - 1;
	uint64_t off = sizeof(writer->header);

	for (uint64_t i = 0; i < writer->header.count; i++) {
		struct record record;
		uint64_t at;

		memcpy(&record, map + off, sizeof(record));
		at = first_of(record.key) & mask;
		while (table[at].off)
			at = (at + 1) & mask;
		table[at] = (struct slot){ .key = first_of(record.key), .off = off };
		off += record_len(&record);
	}
}

/* The table, behind the records; then the header. Nobody else has the file. */
static int make_table(struct lade_known_writer *writer)
{
	struct header *header = &writer->header;
	uint8_t *map;
	uint64_t len;

	header->slots = 64;
	while (header->slots < 2 * header->count)
		header->slots *= 2;
	header->table_off = (writer->off + TABLE_ALIGNMENT - 1) / TABLE_ALIGNMENT * TABLE_ALIGNMENT;
	header->checksum = header_checksum(header);
	len = header->table_off + header->slots * sizeof(struct slot);
	/* With its blocks: a page that the disk had no room for would be SIGBUS. */
	errno = posix_fallocate(writer->fd, 0, (off_t)len);
	if (errno)
		return LADE_E_SYSTEM;
	map = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
	if (map == MAP_FAILED)
		return LADE_E_SYSTEM;
	enter_all(writer, map, (struct slot *)(void *)(map + header->table_off));
	memcpy(map, header, sizeof(*header));
	munmap(map, (size_t)len);
	return 0;
}

int lade_known_commit(struct lade_known_writer *writer, const char *name, struct lade_fault *fault)
{
	int error;

	flush_buffer(writer);
	error = writer->error;
	if (error) {
		*fault = writer->fault;
	} else if (make_table(writer)) {
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write the state to", name);
	} else {
		error = lade_state_replace(writer->directory_fd, writer->fd, name, fault);
		writer->fd = -1;
	}
	lade_known_abandon(writer);
	return error;
}
