/*
 * What a repository of format version 1 is must never change: the golden ones are opened in each way, and all that they hold is read and compared with
 * what was put in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/repository_key.h"
#include "agent/store/chunk_id.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/lease.h"
#include "agent/store/refs.h"
#include "agent/store/snapshot_list.h"
#include "agent/store/store_folder.h"
#include "agent/store/stream_entry.h"
#include "agent/tree/whole.h"
#include "chunker/codec.h"
#include "protocol/byteorder.h"
#include "tests/unit/temp_tree.h"

#define LISTING_MAX 65536u
#define OBJECT_MAX (1u << 20)

/* What each of them has. */
static const struct golden {
	const char *name, *client;
	enum lade_suite suite;
	enum lade_id_hash id_hash;
} goldens[] = {
	{ "encrypted", "encrypted.client", LADE_SUITE_AES_256_GCM, LADE_ID_HMAC_SHA256 },
	{ "plain", "plain.client", LADE_SUITE_PLAIN, LADE_ID_HMAC_SHA256 },
	{ "portable", "portable.client", LADE_SUITE_XCHACHA20, LADE_ID_BLAKE2B },
};

#define GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

static char scratch[PATH_MAX];
static struct lade_fault fault;

/* ---- a copy, as the sources may be read-only, and key files are secret ---- */

static void copy_file(const char *from, const char *to)
{
	uint8_t *bytes = malloc(OBJECT_MAX);
	const int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t len;

	assert_true(bytes && in >= 0 && out >= 0);
	len = lade_whole_read(in, bytes, OBJECT_MAX, 0);
	assert_true(len >= 0 && len < (ssize_t)OBJECT_MAX && lade_whole_write(out, bytes, (size_t)len, 0) == 0);
	close(in);
	close(out);
	free(bytes);
}

static void copy_tree(const char *from, const char *to)
{
	char old_path[PATH_MAX], new_path[PATH_MAX];
	DIR *stream = opendir(from);
	const struct dirent *entry;
	struct stat st;

	assert_non_null(stream);
	assert_true(mkdir(to, 0700) == 0 || errno == EEXIST);
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		assert_true(snprintf(old_path, sizeof(old_path), "%s/%s", from, entry->d_name) < (int)sizeof(old_path));
		assert_true(snprintf(new_path, sizeof(new_path), "%s/%s", to, entry->d_name) < (int)sizeof(new_path));
		assert_int_equal(stat(old_path, &st), 0);
		if (S_ISDIR(st.st_mode))
			copy_tree(old_path, new_path);
		else
			copy_file(old_path, new_path);
	}
	closedir(stream);
}

static int set_up(void **state)
{
	const char *srcdir = getenv("srcdir");
	char from[PATH_MAX];

	(void)state;
	temp_tree_make(scratch);
	assert_true(snprintf(from, sizeof(from), "%s/tests/golden", srcdir ? srcdir : ".") < (int)sizeof(from));
	copy_tree(from, scratch);
	return sodium_init() < 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(scratch);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

/* ---- opening ---- */

static bool is_encrypted(const struct golden *golden)
{
	return golden->suite != LADE_SUITE_PLAIN;
}

enum way { BY_PASSPHRASE, BY_IDENTITY, BY_CLIENT };

static struct lade_repository *opened(const struct golden *golden, enum way way)
{
	struct lade_repository_credentials credentials = { .plaintext = !is_encrypted(golden) };
	struct lade_identity identity = { .secret = NULL };
	struct lade_repository *repository;
	struct lade_keyring keyring;
	struct lade_store *store;
	const bool by_client = way == BY_CLIENT;

	if (way == BY_PASSPHRASE) {
		credentials.passphrase = lade_slice("golden and never made again", 27);
	} else if (way == BY_IDENTITY) {
		assert_int_equal(lade_identity_load(path_of("identity"), &identity, &fault), 0);
		assert_int_equal(identity.pin_count, GOLDENS);
		credentials.identity = identity.secret;
		credentials.pins = identity.pins;
		credentials.pin_count = identity.pin_count;
	} else {
		assert_int_equal(lade_key_file_load(path_of(golden->client), &keyring, &fault), 0);
		credentials.keyring = &keyring;
	}
	assert_int_equal(lade_store_folder_open(path_of(golden->name), false, &store, &fault), 0);
	assert_int_equal(lade_repository_open(store, &credentials, &repository, &fault), 0);
	lade_identity_fini(&identity);
	if (by_client)
		lade_keyring_fini(&keyring);
	return repository;
}

static void test_who_may_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		for (int way = BY_PASSPHRASE; way <= BY_CLIENT; way++) {
			struct lade_repository *repository = opened(&goldens[i], (enum way)way);
			const unsigned all = LADE_MAY_READ | LADE_MAY_WRITE | LADE_MAY_MANAGE | LADE_IS_ROOT;
			/* Everybody reads a plain one. */
			const unsigned client = LADE_MAY_WRITE | (is_encrypted(&goldens[i]) ? 0 : LADE_MAY_READ);

			assert_int_equal(repository->may, way == BY_CLIENT ? client : all);
			assert_int_equal(repository->format.encrypted, is_encrypted(&goldens[i]));
			assert_int_equal(repository->format.id_hash, goldens[i].id_hash);
			assert_int_equal(repository->trust.count, 4);
			assert_int_equal(repository->trust.epoch, 1);
			assert_int_equal(repository->trust.party_count, 3);
			lade_repository_close(repository);
		}
	}
}

static void test_slots(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct lade_repository *repository = opened(&goldens[i], BY_IDENTITY);
		struct lade_repository_slot *slots;
		unsigned passphrases = 0;
		size_t count;

		assert_int_equal(lade_repository_list_slots(repository, &slots, &count, &fault), 0);
		assert_int_equal(count, 2);
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(slots[j].state, LADE_SLOT_GOOD);
			if (slots[j].slot.kind == LADE_SLOT_PASSPHRASE)
				passphrases++;
			assert_string_equal(slots[j].slot.label, slots[j].slot.kind == LADE_SLOT_PASSPHRASE ? "the least cost" : "golden");
		}
		assert_int_equal(passphrases, 1);
		free(slots);
		lade_repository_close(repository);
	}
}

/* ---- chunks ---- */

struct reading {
	struct lade_repository *repository;
	struct lade_chunk_map *map;
	struct lade_chunk_namer *namer;
	struct lade_codec *codec;
	struct lade_pack_keys keys;
	struct lade_chunk_place place;
	char *text; /* of the listing */
	size_t len;
};

static int take_place(void *context, const struct lade_chunk_place *place)
{
	((struct reading *)context)->place = *place;
	return 1;
}

/* Get a chunk by all the steps of FORMAT.md, and see that it is what its id says. */
static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *why)
{
	struct reading *reading = context;
	const struct lade_chunk_map_visit visit = { item->id, kind, take_place, reading };
	const struct lade_pack_row *row = &reading->place.row;
	uint8_t header[LADE_PACK_HEADER_LEN], id[LADE_CHUNK_ID_LEN], *sealed, *stored;
	char name[LADE_PACK_NAME_SIZE];
	struct lade_seal *chunks;
	size_t stored_len;

	assert_int_equal(lade_chunk_map_visit(reading->map, &visit), 1);
	assert_int_equal(row->len, item->len);
	stored_len = row->sealed_len - LADE_SEAL_TAG_LEN;
	sealed = malloc(row->sealed_len);
	stored = malloc(stored_len);
	assert_true(sealed && stored);
	lade_pack_object_name(reading->place.pack, name);
	assert_int_equal(lade_store_get(reading->repository->store, name, 0, sizeof(header), header, why), 0);
	assert_int_equal(lade_store_get(reading->repository->store, name, row->off, row->sealed_len, sealed, why), 0);
	assert_int_equal(lade_pack_open(header, &reading->keys, &chunks), 0);
	assert_int_equal(lade_pack_open_chunk(chunks, reading->repository->format.repository, row, sealed, stored), 0);
	lade_seal_free(chunks);
	if (stored_len == row->len)
		memcpy(out, stored, stored_len);
	else
		assert_int_equal(lade_codec_decompress(reading->codec, lade_slice(stored, stored_len), out, row->len), 0);
	assert_int_equal(lade_chunk_namer_name(reading->namer, kind, lade_slice(out, row->len), id), 0);
	assert_memory_equal(id, item->id, sizeof(id));
	free(sealed);
	free(stored);
	return 0;
}

static void start_reading(struct reading *reading, const struct golden *golden)
{
	struct lade_chunk_map_setup map = { .directory = -1 };
	struct lade_chunk_tables_setup tables;

	memset(reading, 0, sizeof(*reading));
	reading->repository = opened(golden, BY_IDENTITY);
	map.repository = reading->repository->format.repository;
	tables = (struct lade_chunk_tables_setup){ .repository = reading->repository };
	assert_int_equal(lade_chunk_map_open(&map, &reading->map, &fault), 0);
	assert_int_equal(lade_chunk_tables_load(reading->map, &tables, &fault), 0);
	assert_int_equal(lade_chunk_namer_new(reading->repository->format.id_hash, lade_repository_ids_key(reading->repository), &reading->namer), 0);
	assert_int_equal(lade_codec_new(&reading->codec), 0);
	assert_int_equal(lade_repository_pack_keys(reading->repository, 1, &reading->keys, &fault), 0);
	reading->text = calloc(1, LISTING_MAX);
	assert_non_null(reading->text);
}

static void end_reading(struct reading *reading)
{
	free(reading->text);
	sodium_memzero(&reading->keys, sizeof(reading->keys));
	lade_codec_free(reading->codec);
	lade_chunk_namer_free(reading->namer);
	lade_chunk_map_close(reading->map);
	lade_repository_close(reading->repository);
}

/* ---- the listing ---- */

static void __attribute__((format(printf, 2, 3))) print(struct reading *reading, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(reading->text + reading->len, LISTING_MAX - reading->len, format, arguments);
	va_end(arguments);
	assert_true(len >= 0 && (size_t)len < LISTING_MAX - reading->len);
	reading->len += (size_t)len;
}

static void print_hash(struct reading *reading, struct lade_slice bytes)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1];

	crypto_hash_sha256(hash, bytes.data, bytes.len);
	print(reading, "%s", sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
}

static void print_text(struct reading *reading, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char byte = (unsigned char)text[i];

		if (byte > 0x20 && byte < 0x7f && byte != '\\')
			print(reading, "%c", byte);
		else
			print(reading, "\\x%02x", byte);
	}
}

static struct lade_stream_source source_of(struct reading *reading)
{
	return (struct lade_stream_source){ .get = get, .context = reading, .lengths = lade_stream_lengths_of(&reading->repository->format) };
}

static struct lade_stream_recipe recipe_of(const struct reading *reading, enum lade_chunk_kind kind, struct lade_slice bytes)
{
	const struct lade_stream_lengths lengths = lade_stream_lengths_of(&reading->repository->format);
	struct lade_stream_recipe recipe;
	struct lade_reader reader;

	lade_reader_init(&reader, bytes.data, bytes.len);
	assert_int_equal(lade_stream_recipe_get(&reader, kind, &lengths, &recipe), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	return recipe;
}

/* All of a stream of content; the caller frees it. */
static struct lade_slice read_stream(struct reading *reading, struct lade_slice recipe_bytes)
{
	const struct lade_stream_recipe recipe = recipe_of(reading, LADE_CHUNK_CONTENT, recipe_bytes);
	const struct lade_stream_source source = source_of(reading);
	struct lade_stream_reader *stream;
	uint8_t *bytes = malloc((size_t)recipe.length + 1);
	size_t len;

	assert_non_null(bytes);
	assert_int_equal(lade_stream_reader_new(&source, LADE_CHUNK_CONTENT, &recipe, &stream), 0);
	assert_int_equal(lade_stream_reader_read(stream, bytes, (size_t)recipe.length + 1, &len, &fault), 0);
	assert_int_equal(len, recipe.length);
	lade_stream_reader_free(stream);
	return lade_slice(bytes, len);
}

static void print_xattrs(struct reading *reading, struct lade_slice encoded)
{
	struct lade_reader reader;
	uint64_t count;

	assert_int_equal(lade_stream_xattrs_check(encoded), 0);
	lade_reader_init(&reader, encoded.data, encoded.len);
	count = lade_reader_get_varint(&reader, UINT64_MAX);
	for (uint64_t i = 0; i < count; i++) {
		const struct lade_slice name = lade_reader_get_slice(&reader, encoded.len), value = lade_reader_get_slice(&reader, encoded.len);

		print(reading, "xattr %.*s ", (int)name.len, (const char *)name.data);
		print_hash(reading, value);
		print(reading, "\n");
	}
	assert_int_equal(lade_reader_finish(&reader), 0);
}

/* What has streams of its own. */
static void print_more(struct reading *reading, const struct lade_stream_entry *entry)
{
	struct lade_slice bytes;

	if (entry->fields & LADE_ENTRY_XATTRS)
		print_xattrs(reading, entry->xattrs);
	if (entry->fields & LADE_ENTRY_XATTRS_RECIPE) {
		bytes = read_stream(reading, entry->xattrs_recipe);
		print_xattrs(reading, bytes);
		free((void *)(uintptr_t)bytes.data);
	}
	if (entry->fields & LADE_ENTRY_HOLES) {
		bytes = read_stream(reading, entry->holes_recipe);
		for (size_t at = 0; at + 16 <= bytes.len; at += 16)
			print(reading, "hole %llu %llu\n", (unsigned long long)lade_get_le64(bytes.data + at),
			      (unsigned long long)lade_get_le64(bytes.data + at + 8));
		free((void *)(uintptr_t)bytes.data);
	}
	if (entry->fields & LADE_ENTRY_INODE)
		print(reading, "links %llu\n", (unsigned long long)entry->links);
}

static const char *type_of(uint32_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "symlink" : S_ISFIFO(mode) ? "fifo" : "?";
}

static void print_entry(struct reading *reading, const struct lade_stream_entry *entry, const char *path, size_t path_len)
{
	struct lade_slice bytes = { NULL, 0 };

	assert_true(entry->fields & LADE_ENTRY_OWNER && entry->fields & LADE_ENTRY_MTIME && !(entry->fields & LADE_ENTRY_INCOMPLETE));
	print(reading, "%s %o %lld%09u ", type_of(entry->mode), entry->mode & 07777, (long long)entry->mtime.s, entry->mtime.ns);
	if (S_ISREG(entry->mode)) {
		bytes = read_stream(reading, entry->recipe);
		print(reading, "%zu:", bytes.len);
		print_hash(reading, bytes);
		free((void *)(uintptr_t)bytes.data);
	} else if (S_ISLNK(entry->mode)) {
		print_text(reading, (const char *)entry->target.data, entry->target.len);
	} else {
		print(reading, "-");
	}
	print(reading, " ");
	print_text(reading, path, path_len);
	print(reading, "\n");
	print_more(reading, entry);
}

/* Print what a directory has; path is that of it, from the tree's top, or "" above that. */
static void print_directory(struct reading *reading, struct lade_slice recipe_bytes, const char *path)
{
	const struct lade_stream_recipe recipe = recipe_of(reading, LADE_CHUNK_ENTRIES, recipe_bytes);
	const struct lade_stream_source source = source_of(reading);
	struct lade_entry_stream_reader *entries;
	struct lade_stream_entry entry;
	char below[PATH_MAX];
	int more;

	assert_int_equal(lade_entry_stream_reader_new(&source, &recipe, &entries), 0);
	while ((more = lade_entry_stream_reader_next(entries, &entry, &fault)) == 1) {
		const bool top = !*path && lade_slice_equal(entry.name, lade_slice("tree", 4));
		const int len = snprintf(below, sizeof(below), "%s%s%.*s", path, *path ? "/" : "", *path || top ? (int)entry.name.len : 0,
					 (const char *)entry.name.data);

		assert_true(len >= 0 && len < (int)sizeof(below));
		if (len)
			print_entry(reading, &entry, below, (size_t)len);
		if (S_ISDIR(entry.mode))
			print_directory(reading, entry.recipe, below);
	}
	assert_int_equal(more, 0);
	lade_entry_stream_reader_free(entries);
}

static void assert_listing(const struct reading *reading, const char *name)
{
	char *wanted = calloc(1, LISTING_MAX);
	FILE *file = fopen(path_of(name), "r");

	assert_true(wanted && file);
	assert_true(fread(wanted, 1, LISTING_MAX - 1, file) > 0);
	fclose(file);
	assert_string_equal(reading->text, wanted);
	free(wanted);
}

static void no_bad(void *context, const char *object, int error)
{
	(void)context;
	fail_msg("%s: %s", object, lade_error_text(error));
}

/* All of them, the caller frees the list; none is bad. */
static void list_snapshots(struct reading *reading, struct lade_snapshot_list *list)
{
	const struct lade_snapshot_list_setup setup = { .repository = reading->repository, .bad = no_bad };

	assert_int_equal(lade_snapshot_list_get(&setup, list, &fault), 0);
}

static void test_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct reading reading;
		struct lade_snapshot_list list;

		start_reading(&reading, &goldens[i]);
		list_snapshots(&reading, &list);
		assert_int_equal(list.count, 2);
		for (size_t j = 0; j < list.count; j++) {
			const struct lade_snapshot_item *item = &list.items[j];

			assert_true(item->is_open);
			assert_int_equal(item->id.number, 1);
			assert_int_equal(item->head.time, j ? 1790003600 : 1790000000);
			assert_string_equal(item->label, j ? "client" : "golden");
			assert_true(lade_slice_equal(item->description.host, lade_slice("golden", 6)));
			assert_int_equal(item->tags.count, j ? 0 : 2);
			assert_int_equal(item->description.figures.errors, 0);
			reading.len = 0;
			print_directory(&reading, item->description.root, "");
			assert_listing(&reading, j ? "listing.2" : "listing.1");
		}
		lade_snapshot_list_fini(&list);
		end_reading(&reading);
	}
}

/* ---- the rest ---- */

static uint8_t *read_object(const struct lade_repository *repository, const struct lade_object_item *item)
{
	uint8_t *object;

	assert_int_equal(lade_object_list_read(repository->store, item, OBJECT_MAX, &object, &fault), 0);
	return object;
}

/* What is sealed is so by the suite that the repository is there for, whatever the one is that this processor would choose. */
static void test_suites(void **state)
{
	static const char *const prefixes[] = { "packs/", "index/", "snapshots/" };

	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct lade_repository *repository = opened(&goldens[i], BY_IDENTITY);

		for (size_t j = 0; j < sizeof(prefixes) / sizeof(prefixes[0]); j++) {
			struct lade_object_list list = { .items = NULL };

			assert_int_equal(lade_object_list_get(repository->store, prefixes[j], &list, &fault), 0);
			assert_true(list.count > 1);
			for (size_t k = 0; k < list.count; k++) {
				uint8_t *object = read_object(repository, &list.items[k]);

				assert_int_equal(object[LADE_OBJECT_SUITE_OFF], goldens[i].suite);
				free(object);
			}
			lade_object_list_fini(&list);
		}
		lade_repository_close(repository);
	}
}

/* Each pack has the name that its bytes have, and a trailer whose rows the tables have, but for those of the session that was left behind. */
static void test_packs(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct lade_object_list list = { .items = NULL };
		struct reading reading;
		size_t unknown = 0;

		start_reading(&reading, &goldens[i]);
		assert_int_equal(lade_object_list_get(reading.repository->store, "packs/", &list, &fault), 0);
		assert_true(list.count > 4);
		for (size_t j = 0; j < list.count; j++) {
			const size_t len = (size_t)list.items[j].len;
			uint8_t *object = read_object(reading.repository, &list.items[j]), hash[LADE_HASH_LEN];
			struct lade_pack_row *rows;
			struct lade_pack_end end;

			crypto_hash_sha256(hash, object, len);
			assert_memory_equal(hash, list.items[j].name.hash, sizeof(hash));
			assert_int_equal(lade_pack_open_end(object, &reading.keys, object + len - LADE_PACK_END_LEN, len, &end), 0);
			assert_int_equal(lade_pack_open_trailer(object, &reading.keys, &end, object + end.trailer_off, &rows), 0);
			for (uint32_t k = 0; k < end.count; k++) {
				const struct lade_chunk_map_visit visit = { rows[k].id, rows[k].kind, take_place, &reading };

				if (!lade_chunk_map_has_pack(reading.map, hash))
					unknown++;
				else
					assert_int_equal(lade_chunk_map_visit(reading.map, &visit), 1);
			}
			free(rows);
			free(object);
		}
		assert_int_equal(unknown, 1);
		lade_object_list_fini(&list);
		end_reading(&reading);
	}
}

/* Refs are those that their snapshot has the hash of, and name packs that are there. */
static void test_refs(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct lade_object_list list = { .items = NULL };
		struct lade_snapshot_list snapshots;
		struct reading reading;

		start_reading(&reading, &goldens[i]);
		list_snapshots(&reading, &snapshots);
		assert_int_equal(lade_object_list_get(reading.repository->store, "refs/", &list, &fault), 0);
		assert_int_equal(list.count, snapshots.count);
		for (size_t j = 0; j < list.count; j++) {
			uint8_t *object = read_object(reading.repository, &list.items[j]), hash[LADE_HASH_LEN];
			struct lade_refs refs;
			size_t fits = 0, there = 0;

			crypto_hash_sha256(hash, object, (size_t)list.items[j].len);
			for (size_t k = 0; k < snapshots.count; k++)
				fits += memcmp(hash, snapshots.items[k].head.refs, sizeof(hash)) == 0;
			assert_int_equal(fits, 1);
			assert_int_equal(lade_refs_get(object, (size_t)list.items[j].len, reading.repository->format.repository, &refs), 0);
			for (size_t k = 0; k < lade_chunk_map_pack_count(reading.map); k++)
				there += lade_refs_has(&refs, lade_chunk_map_pack(reading.map, k));
			assert_int_equal(there, refs.count);
			free(object);
		}
		lade_object_list_fini(&list);
		lade_snapshot_list_fini(&snapshots);
		end_reading(&reading);
	}
}

/* The one that was left behind. */
static void test_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		struct lade_repository *repository = opened(&goldens[i], BY_IDENTITY);
		const struct lade_party *party;
		struct lade_session_list list;
		struct lade_lease lease;
		uint8_t *object;

		assert_int_equal(lade_session_list_get(repository->store, &list, &fault), 0);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.sessions[0].state, LADE_SESSION_ACTIVE);
		assert_int_equal(list.sessions[0].table_count, 1);
		object = read_object(repository, list.sessions[0].lease);
		assert_int_equal(lade_lease_get(object, (size_t)list.sessions[0].lease->len, repository->format.repository, &lease), 0);
		assert_memory_equal(&lease.session, &list.sessions[0].id, sizeof(lease.session));
		party = lade_trust_find(&repository->trust, lease.session.party);
		assert_non_null(party);
		assert_int_equal(lade_lease_verify(object, (size_t)list.sessions[0].lease->len, party->public_key), 0);
		free(object);
		lade_session_list_fini(&list);
		lade_repository_close(repository);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_what), cmocka_unit_test(test_slots), cmocka_unit_test(test_content),
		cmocka_unit_test(test_suites),       cmocka_unit_test(test_packs), cmocka_unit_test(test_refs),
		cmocka_unit_test(test_session),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
