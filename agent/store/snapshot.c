/*
 * [snapshot] Snapshots, as objects. Their descriptions are in snapshot_description.c.
 */
#include "agent/store/snapshot.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/sealed_list.h"
#include "agent/store/snapshot_internal.h"
#include "protocol/error.h"

#define WORDS "lade snapshot"
#define SECRET_OFF 136u
#define TABLES_OFF 252u

static const struct lade_sealed_secret place = { .off = SECRET_OFF, .commitment = "lade snapshot commitment", .key = "lade snapshot" };

static_assert(SECRET_OFF + LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN + 4 == TABLES_OFF, "as in FORMAT.md");

/* Only the first one of a chain follows none. */
static bool chain_ok(const struct lade_snapshot_head *head)
{
	return head->number && (head->number == 1) == sodium_is_zero(head->before, sizeof(head->before));
}

/* What the description is sealed with: repository, word, and the len bytes of the object before its length. The caller frees data. */
static int describe(struct lade_writer *data, const uint8_t *object, size_t len)
{
	static const uint8_t word[] = { 's', 'n', 'a', 'p', 's', 'h', 'o', 't' };

	lade_writer_init(data, LADE_REPOSITORY_ID_LEN + sizeof(word) + LADE_SNAPSHOT_MAX);
	lade_writer_put_bytes(data, object + LADE_OBJECT_REPOSITORY_OFF, LADE_REPOSITORY_ID_LEN);
	lade_writer_put_bytes(data, word, sizeof(word));
	lade_writer_put_bytes(data, object, len);
	return data->error;
}

/* ---- writing ---- */

static int put_head(struct lade_writer *writer, const struct lade_pack_setup *setup, const struct lade_snapshot_head *head)
{
	lade_object_begin(writer, LADE_OBJECT_SNAPSHOT, setup->suite, setup->repository);
	lade_object_put_u32(writer, setup->epoch);
	lade_object_put_u32(writer, 0);
	lade_writer_put_bytes(writer, setup->writer, sizeof(setup->writer));
	lade_object_put_u64(writer, head->number);
	lade_writer_put_bytes(writer, head->before, sizeof(head->before));
	lade_object_put_u64(writer, head->sealed_time);
	lade_object_put_u64(writer, head->time);
	lade_writer_put_bytes(writer, head->refs, sizeof(head->refs));
	lade_object_put_zeros(writer, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	lade_object_put_u32(writer, head->table_count);
	lade_writer_put_bytes(writer, head->tables, (size_t)head->table_count * LADE_HASH_LEN);
	return writer->error;
}

static int put_sealed(struct lade_writer *writer, const uint8_t epoch_public[32], const struct lade_writer *list)
{
	struct lade_seal *seal = NULL;
	struct lade_writer data = { .data = NULL };
	int error = lade_sealed_secret_put(writer->data, &place, epoch_public, &seal);

	if (!error)
		error = describe(&data, writer->data, writer->len);
	if (!error)
		error = lade_sealed_list_put(writer, seal, lade_slice(data.data, data.len), lade_slice(list->data, list->len), LADE_SNAPSHOT_LIST_LEAST);
	lade_writer_fini(&data);
	lade_seal_free(seal);
	return error;
}

int lade_snapshot_put(struct lade_writer *writer, const struct lade_pack_setup *setup, const struct lade_snapshot_head *head,
		      const struct lade_snapshot_description *description, const uint8_t seed[LADE_SIGN_SEED_LEN])
{
	struct lade_writer list;
	int error;

	if (head->table_count > LADE_SNAPSHOT_MAX / LADE_HASH_LEN)
		return LADE_E_LIMIT;
	if (!chain_ok(head) || !lade_object_in_order(head->tables, head->table_count, LADE_HASH_LEN))
		return LADE_E_USAGE;
	lade_writer_init(&list, LADE_SNAPSHOT_MAX);
	error = lade_snapshot_description_put(&list, description);
	if (!error)
		error = put_head(writer, setup, head);
	if (!error)
		error = put_sealed(writer, setup->epoch_public, &list);
	if (!error)
		error = lade_object_sign(writer, seed, WORDS);
	if (!error && writer->len > LADE_SNAPSHOT_MAX)
		error = LADE_E_LIMIT;
	lade_writer_fini(&list);
	return error;
}

/* ---- reading ---- */

static void get_head(struct lade_reader *reader, struct lade_snapshot_head *head)
{
	head->epoch = lade_object_get_u32(reader);
	lade_object_get_zeros(reader, 4);
	lade_object_get_bytes(reader, head->writer, sizeof(head->writer));
	head->number = lade_object_get_u64(reader);
	lade_object_get_bytes(reader, head->before, sizeof(head->before));
	head->sealed_time = lade_object_get_u64(reader);
	head->time = lade_object_get_u64(reader);
	lade_object_get_bytes(reader, head->refs, sizeof(head->refs));
	(void)lade_reader_get_exact(reader, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	head->table_count = lade_object_get_u32(reader);
	if (head->table_count > LADE_SNAPSHOT_MAX / LADE_HASH_LEN && !reader->error)
		reader->error = LADE_E_LIMIT;
	head->tables = lade_reader_get_exact(reader, (size_t)head->table_count * LADE_HASH_LEN).data;
	head->sealed = lade_reader_get_exact(reader, lade_object_get_u32(reader));
	(void)lade_reader_get_exact(reader, LADE_SIGNATURE_LEN);
}

int lade_snapshot_get_head(const uint8_t *object, size_t len, const struct lade_format *format, struct lade_snapshot_head *head_out)
{
	struct lade_reader reader;
	int error;

	memset(head_out, 0, sizeof(*head_out));
	if (len > LADE_SNAPSHOT_MAX)
		return LADE_E_CHANGED;
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_SNAPSHOT, format->repository, &head_out->suite);
	if (error)
		return error;
	get_head(&reader, head_out);
	head_out->object = lade_slice(object, len);
	if (lade_reader_finish(&reader) || (head_out->suite != LADE_SUITE_PLAIN) != format->encrypted || !chain_ok(head_out) ||
	    !lade_object_in_order(head_out->tables, head_out->table_count, LADE_HASH_LEN))
		return LADE_E_CHANGED;
	return 0;
}

int lade_snapshot_verify(const struct lade_snapshot_head *head, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return lade_object_verify(head->object.data, head->object.len, public_key, WORDS);
}

int lade_snapshot_open(const struct lade_snapshot_head *head, const struct lade_pack_keys *keys, struct lade_snapshot_description *description_out)
{
	const uint8_t *const object = head->object.data;
	struct lade_seal *seal = NULL;
	struct lade_writer data = { .data = NULL };
	int error;

	memset(description_out, 0, sizeof(*description_out));
	error = lade_sealed_secret_open(object, &place, keys->read_public, keys->read_secret, &seal);
	if (!error)
		error = describe(&data, object, TABLES_OFF + (size_t)head->table_count * LADE_HASH_LEN);
	if (!error)
		error = lade_sealed_list_open(seal, lade_slice(data.data, data.len), head->sealed, &description_out->bytes);
	lade_writer_fini(&data);
	lade_seal_free(seal);
	if (!error)
		error = lade_snapshot_description_get(description_out, head->sealed.len - LADE_SEAL_TAG_LEN);
	if (error)
		lade_snapshot_description_fini(description_out);
	return error;
}

void lade_snapshot_description_fini(struct lade_snapshot_description *description)
{
	free(description->paths.texts);
	free(description->tags.texts);
	free(description->excludes.texts);
	free(description->bytes);
	memset(description, 0, sizeof(*description));
}
