/*
 * Fuzz target of files that clients keep: runs and manifest of the cache of chunk_map, known files, and those for people: key files, identities,
 * recipients, pins. The first byte says which; what has checksums gets the right ones, else nothing behind them would be reached.
 */
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/backup/known_files.h"
#include "agent/repository_key.h"
#include "agent/store/chunk_map_internal.h"
#include "agent/tree/whole.h"
#include "protocol/byteorder.h"
#include "tests/unit/temp_tree.h"

/* Each input is a few files. */
const unsigned fuzz_places_max = 150;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[PATH_MAX];
static int top_fd = -1;

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void remove_top(void)
{
	temp_tree_remove(top);
}

static void make_top(void)
{
	if (top_fd >= 0)
		return;
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	must(sodium_init() >= 0);
	temp_tree_make(top);
	(void)atexit(remove_top);
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(top_fd >= 0);
}

/* Have a file of the directory hold len bytes. */
static void put_file(const char *name, const void *data, size_t len)
{
	const int fd = openat(top_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && lade_whole_write(fd, data, len, 0) == 0);
	close(fd);
}

/* ---- the cache of tables ---- */

#define MANIFEST_HEADER_LEN 32u
#define RUN_FILE "run-00000000000000000000000000000000"

static const uint8_t repository[LADE_REPOSITORY_ID_LEN];

/* A manifest that names one run, or what the input says. */
static void put_manifest(const uint8_t *data, size_t size)
{
	uint8_t manifest[MANIFEST_HEADER_LEN + 4 * RUN_NAME_LEN + 8] = "LADEmap\n";
	const size_t fields_len = 8, names_max = 4 * RUN_NAME_LEN;
	size_t names_len = RUN_NAME_LEN, len;

	lade_put_le32(manifest + 8, 1);
	lade_put_le32(manifest + 12, 1);
	if (size >= fields_len) {
		names_len = size - fields_len < names_max ? size - fields_len : names_max;
		memcpy(manifest + 8, data, fields_len);
		memcpy(manifest + MANIFEST_HEADER_LEN, data + fields_len, names_len);
	}
	len = MANIFEST_HEADER_LEN + names_len;
	lade_put_le64(manifest + len, XXH3_64bits(manifest, len));
	put_file("manifest", manifest, len + 8);
}

/* What the first bytes of an input say of a run, in numbers that are not large unless they are all ones. */
struct shape {
	uint64_t rows;
	uint32_t tables, packs, replaced;
};

static uint32_t small_or_most(uint8_t byte)
{
	return byte == 0xff ? UINT32_MAX : byte;
}

static struct shape shape_of(const uint8_t bytes[4])
{
	return (struct shape){ bytes[0] == 0xff ? UINT64_C(1) << 36 : bytes[0], small_or_most(bytes[1]), small_or_most(bytes[2]), small_or_most(bytes[3]) };
}

/*
 * Bytes of a run: rows as the input has them in pages, a filter that says yes to all, and then what is left of the input as records. Its length is right
 * if it can be.
 */
static uint8_t *make_run(const struct shape *shape, const uint8_t *data, size_t size, size_t *len_out)
{
	struct run run = { .rows = shape->rows, .table_count = shape->tables, .pack_count = shape->packs, .replaced_count = shape->replaced };
	const uint64_t rows = shape->rows < 1000 ? shape->rows : 1000;
	const size_t row_pages = (rows + RUN_ROWS_PER_PAGE - 1) / RUN_ROWS_PER_PAGE;
	const size_t filter_pages = (map_block_count(rows) + RUN_BLOCKS_PER_PAGE - 1) / RUN_BLOCKS_PER_PAGE;
	const size_t off = (1 + filter_pages + row_pages) * RUN_PAGE_LEN, left = size < rows * LADE_TABLE_ROW_LEN ? 0 : size - rows * LADE_TABLE_ROW_LEN;
	const size_t whole = (size_t)shape->tables * RUN_TABLE_LEN + ((size_t)shape->packs + shape->replaced) * LADE_HASH_LEN;
	const size_t records = whole < 100000 ? whole : left;
	uint8_t *file = calloc(1, off + records);

	must(file != NULL);
	memset(file + RUN_PAGE_LEN, 0xff, filter_pages * RUN_PAGE_LEN);
	for (size_t i = 0; i < rows && (i + 1) * LADE_TABLE_ROW_LEN <= size; i++)
		memcpy(file + (1 + filter_pages + i / RUN_ROWS_PER_PAGE) * RUN_PAGE_LEN + i % RUN_ROWS_PER_PAGE * LADE_TABLE_ROW_LEN, data + i * LADE_TABLE_ROW_LEN,
		       LADE_TABLE_ROW_LEN);
	if (left && records)
		memcpy(file + off, data + rows * LADE_TABLE_ROW_LEN, left < records ? left : records);
	for (size_t i = 0; i < filter_pages + row_pages; i++)
		lade_put_le64(file + (i + 1) * RUN_PAGE_LEN + RUN_HASH_OFF, map_page_hash(file + (i + 1) * RUN_PAGE_LEN, 0, i));
	map_run_put_header(file, &run, repository, XXH3_64bits(file + off, records));
	*len_out = off + records;
	return file;
}

static unsigned judge(void *context, const struct lade_table_info *info)
{
	(void)context;
	return (unsigned)info->level & 1 ? LADE_TABLE_BELIEVED | LADE_TABLE_REPLACES : LADE_TABLE_BELIEVED;
}

static int see_place(void *context, const struct lade_chunk_place *place)
{
	uint8_t *sum = context;

	for (size_t i = 0; i < LADE_HASH_LEN; i++)
		*sum = (uint8_t)(*sum ^ place->pack[i]);
	return 0;
}

/* Look for chunks of all ids that the input may have as rows. */
static void look_up(const struct lade_chunk_map *map, const uint8_t *data, size_t size)
{
	struct lade_chunk_place place;
	uint8_t sum = 0;

	for (size_t off = 0; off + LADE_CHUNK_ID_LEN <= size && off < 20 * LADE_TABLE_ROW_LEN; off += LADE_TABLE_ROW_LEN) {
		const struct lade_chunk_map_visit visit = { data + off, LADE_CHUNK_CONTENT, see_place, &sum };

		(void)lade_chunk_map_find(map, data + off, LADE_CHUNK_CONTENT, &place);
		(void)lade_chunk_map_visit(map, &visit);
	}
	for (size_t i = 0; i < lade_chunk_map_pack_count(map); i++)
		must(lade_chunk_map_has_pack(map, lade_chunk_map_pack(map, i)));
}

/* Open what is in the directory as a cache; the tables that are there are those that the file of a run of len bytes may have. */
static void open_map(const uint8_t *data, size_t size, const uint8_t *tables, size_t table_count)
{
	const struct lade_chunk_map_setup setup = { top_fd, repository };
	uint8_t names[8][LADE_HASH_LEN];
	struct lade_chunk_map_view view = { .tables = (const uint8_t(*)[LADE_HASH_LEN])names, .judge = judge };
	struct lade_chunk_map *map;

	for (; view.table_count < table_count && view.table_count < 8; view.table_count++)
		memcpy(names[view.table_count], tables + view.table_count * RUN_TABLE_LEN, LADE_HASH_LEN);
	view.table_count = lade_object_sort(names[0], view.table_count, LADE_HASH_LEN);
	must(lade_chunk_map_open(&setup, &map, NULL) == 0);
	if (lade_chunk_map_settle(map, &view, NULL) == 0)
		look_up(map, data, size);
	lade_chunk_map_close(map);
}

static void fuzz_run(const uint8_t *data, size_t size)
{
	struct shape shape;
	size_t len, records;
	uint8_t *file;

	if (size < 4)
		return;
	shape = shape_of(data);
	file = make_run(&shape, data + 4, size - 4, &len);
	put_file(RUN_FILE, file, len);
	put_manifest(NULL, 0);
	records = (size_t)shape.tables * RUN_TABLE_LEN + ((size_t)shape.packs + shape.replaced) * LADE_HASH_LEN;
	open_map(data + 4, size - 4, file + len - records, records <= len - RUN_PAGE_LEN ? shape.tables : 0);
	free(file);
}

static void fuzz_manifest(const uint8_t *data, size_t size)
{
	const struct shape none = { 0 };
	size_t len;
	uint8_t *file = make_run(&none, data, 0, &len);

	put_file(RUN_FILE, file, len);
	put_manifest(data, size);
	open_map(data, size, NULL, 0);
	free(file);
}

/* A run as it is, checksums and all. */
static void fuzz_raw_run(const uint8_t *data, size_t size)
{
	put_file(RUN_FILE, data, size);
	put_manifest(NULL, 0);
	open_map(data, size, NULL, 0);
}

/* ---- known files ---- */

#define KNOWN "files"
#define HEADER_LEN 104u
#define HEADER_SUM_OFF (HEADER_LEN - 8u)
#define RECORD_LEN 32u

static const struct lade_known_setup known_setup;
static const struct stat known_stat = { .st_size = 5, .st_mode = S_IFREG | 0644 };

/* A file that knows three, as its writer made it. */
static const uint8_t *known_good(size_t *len_out)
{
	static uint8_t *bytes;
	static size_t len;
	const struct lade_known_file file = { lade_slice("entry", 5), lade_slice("ids of chunks", 13) };
	struct lade_known_writer *writer;
	struct stat st;
	uint64_t sum;
	int fd;

	if (!bytes) {
		must(lade_known_begin(top_fd, &known_setup, true, &writer, NULL) == 0);
		lade_known_add(writer, "/a", &known_stat, &file);
		lade_known_add(writer, "/b", &known_stat, &file);
		lade_known_add(writer, "/c", &known_stat, &file);
		must(lade_known_commit(writer, KNOWN, NULL) == 0);
		fd = openat(top_fd, KNOWN, O_RDONLY | O_CLOEXEC);
		must(fd >= 0 && fstat(fd, &st) == 0);
		len = (size_t)st.st_size;
		bytes = malloc(len);
		must(bytes && lade_whole_read(fd, bytes, len, 0) == (ssize_t)len);
		close(fd);
		sum = XXH3_64bits(bytes, HEADER_SUM_OFF);
		/* Else the header has grown, and what is changed here is something else. */
		must(memcmp(bytes + HEADER_SUM_OFF, &sum, sizeof(sum)) == 0);
	}
	*len_out = len;
	return bytes;
}

/* Give the header, and the first record if it is one, their checksums. */
static void sum_known(uint8_t *bytes, size_t len)
{
	uint8_t *record = bytes + HEADER_LEN, *entry = record + RECORD_LEN;
	uint64_t entry_len, ids_len, sum;

	if (len < HEADER_LEN + RECORD_LEN)
		return;
	sum = XXH3_64bits(bytes, HEADER_SUM_OFF);
	memcpy(bytes + HEADER_SUM_OFF, &sum, sizeof(sum));
	entry_len = lade_get_le32(record + 24);
	ids_len = lade_get_le32(record + 28);
	if (entry_len + ids_len > len - HEADER_LEN - RECORD_LEN)
		return;
	sum = XXH3_64bits(record, 16) + entry_len;
	sum = XXH3_64bits_withSeed(entry + entry_len, (size_t)ids_len, XXH3_64bits_withSeed(entry, (size_t)entry_len, sum));
	memcpy(record + 16, &sum, sizeof(sum));
}

/* The good file with changes of four bytes: where, of its beginning or, odd, of its end; the byte; how much shorter it is. */
static void fuzz_known(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "/a", "/b", "/c", "/d" };
	struct lade_known_file file;
	struct lade_known *known;
	size_t len;
	const uint8_t *good = known_good(&len);
	uint8_t *bytes = malloc(len), sum = 0;

	must(bytes != NULL);
	memcpy(bytes, good, len);
	for (; size >= 4 && len; data += 4, size -= 4) {
		const size_t at = ((size_t)data[0] | (size_t)data[1] << 8) >> 1;

		if (at < len)
			bytes[data[0] & 1 ? len - 1 - at : at] = data[2];
		len -= data[3] < len ? data[3] : len;
	}
	sum_known(bytes, len);
	put_file(KNOWN, bytes, len);
	free(bytes);
	if (lade_known_open(top_fd, KNOWN, &known_setup, &known))
		return;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!lade_known_find(known, paths[i], &known_stat, &file))
			continue;
		for (size_t j = 0; j < file.entry.len; j++)
			sum = (uint8_t)(sum ^ file.entry.data[j]);
		for (size_t j = 0; j < file.ids.len; j++)
			sum = (uint8_t)(sum ^ file.ids.data[j]);
	}
	must(sum == 0 || file.entry.data != NULL);
	lade_known_free(known);
}

/* ---- keys as people have them ---- */

static void fuzz_key_file(const char *path)
{
	struct lade_keyring keyring;
	char again[PATH_MAX + 8];

	if (lade_key_file_load(path, &keyring, NULL))
		return;
	/* It can be written, and is the same then. */
	must(snprintf(again, sizeof(again), "%s.new", path) < (int)sizeof(again));
	must(lade_key_file_create(again, &keyring, NULL) == 0);
	lade_keyring_fini(&keyring);
	must(lade_key_file_load(again, &keyring, NULL) == 0 && unlink(again) == 0);
	lade_keyring_fini(&keyring);
}

static void fuzz_texts(const char *text)
{
	uint8_t public_key[LADE_X25519_LEN];
	char recipient[LADE_RECIPIENT_TEXT_SIZE], pin[LADE_PIN_TEXT_SIZE];
	struct lade_pins pins;

	if (lade_recipient_parse(text, public_key) == 0) {
		lade_recipient_show(public_key, recipient);
		must(strcmp(recipient, text) == 0);
	}
	if (lade_pin_parse(text, &pins) == 0) {
		lade_pin_show(&pins, pin);
		must(strcmp(pin, text) == 0);
	}
}

static void fuzz_keys(uint8_t what, const uint8_t *data, size_t size)
{
	struct lade_identity identity = { .secret = NULL };
	char path[PATH_MAX + 8], *text = strndup((const char *)data, size);

	must(text && snprintf(path, sizeof(path), "%s/key", top) < (int)sizeof(path));
	put_file("key", data, size);
	if (what == 4)
		fuzz_key_file(path);
	else if (lade_identity_load(path, &identity, NULL) == 0)
		lade_identity_fini(&identity);
	fuzz_texts(text);
	free(text);
}

/* ---- which ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	make_top();
	switch (data[0] % 6) {
	case 0:
		fuzz_run(data + 1, size - 1);
		break;
	case 1:
		fuzz_manifest(data + 1, size - 1);
		break;
	case 2:
		fuzz_raw_run(data + 1, size - 1);
		break;
	case 3:
		fuzz_known(data + 1, size - 1);
		break;
	default:
		fuzz_keys(data[0] % 6, data + 1, size - 1);
		break;
	}
	return 0;
}
