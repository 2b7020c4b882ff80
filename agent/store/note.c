/*
 * [note] Notes on snapshots. A tag is never empty: the first empty one is where padding begins.
 */
#include "agent/store/note.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/sealed_list.h"
#include "agent/store/snapshot.h"
#include "protocol/error.h"
#include "protocol/grow.h"

#define WORDS "lade note"
#define SECRET_OFF 88u
#define SEALED_OFF 204u
#define LIST_LEAST 256u

static const struct lade_sealed_secret place = { .off = SECRET_OFF, .commitment = "lade note commitment", .key = "lade note" };

static_assert(SECRET_OFF + LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN + 4 == SEALED_OFF, "as in FORMAT.md");

/* What the list is sealed with. */
struct data {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t word[4];
};

static struct data describe(const uint8_t *object)
{
	struct data data = { .word = { 'n', 'o', 't', 'e' } };

	memcpy(data.repository, object + LADE_OBJECT_REPOSITORY_OFF, sizeof(data.repository));
	return data;
}

/* ---- writing ---- */

static int put_tags(struct lade_writer *list, const struct lade_note_tags *tags)
{
	if (tags->count > LADE_SNAPSHOT_TEXTS_MAX)
		return LADE_E_LIMIT;
	for (size_t i = 0; i < tags->count; i++) {
		if (!tags->tags[i].len)
			return LADE_E_USAGE;
		lade_writer_put_slice(list, tags->tags[i]);
	}
	return list->error;
}

static int put_sealed(struct lade_writer *writer, const uint8_t epoch_public[32], struct lade_slice list)
{
	const struct data data = describe(writer->data);
	struct lade_seal *seal = NULL;
	int error = lade_sealed_secret_put(writer->data, &place, epoch_public, &seal);

	if (!error)
		error = lade_sealed_list_put(writer, seal, lade_slice(&data, sizeof(data)), list, LIST_LEAST);
	lade_seal_free(seal);
	return error;
}

int lade_note_put(struct lade_writer *writer, const struct lade_pack_setup *setup, const struct lade_note *note, const struct lade_note_tags *tags,
		  const uint8_t seed[LADE_SIGN_SEED_LEN])
{
	struct lade_writer list;
	int error;

	if (!note->number)
		return LADE_E_USAGE;
	lade_writer_init(&list, LADE_NOTE_MAX);
	lade_object_begin(writer, LADE_OBJECT_NOTE, setup->suite, setup->repository);
	lade_object_put_u32(writer, setup->epoch);
	lade_object_put_u32(writer, 0);
	lade_writer_put_bytes(writer, setup->writer, sizeof(setup->writer));
	lade_writer_put_bytes(writer, note->snapshot, sizeof(note->snapshot));
	lade_object_put_u64(writer, note->number);
	lade_object_put_zeros(writer, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	error = writer->error ? writer->error : put_tags(&list, tags);
	if (!error)
		error = put_sealed(writer, setup->epoch_public, lade_slice(list.data, list.len));
	if (!error)
		error = lade_object_sign(writer, seed, WORDS);
	if (!error && writer->len > LADE_NOTE_MAX)
		error = LADE_E_LIMIT;
	lade_writer_fini(&list);
	return error;
}

/* ---- reading ---- */

int lade_note_get(const uint8_t *object, size_t len, const struct lade_format *format, struct lade_note *note_out)
{
	struct lade_reader reader;
	int error;

	memset(note_out, 0, sizeof(*note_out));
	if (len > LADE_NOTE_MAX)
		return LADE_E_CHANGED;
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_NOTE, format->repository, &note_out->suite);
	if (error)
		return error;
	note_out->epoch = lade_object_get_u32(&reader);
	lade_object_get_zeros(&reader, 4);
	lade_object_get_bytes(&reader, note_out->party, sizeof(note_out->party));
	lade_object_get_bytes(&reader, note_out->snapshot, sizeof(note_out->snapshot));
	note_out->number = lade_object_get_u64(&reader);
	(void)lade_reader_get_exact(&reader, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	note_out->sealed = lade_reader_get_exact(&reader, lade_object_get_u32(&reader));
	(void)lade_reader_get_exact(&reader, LADE_SIGNATURE_LEN);
	note_out->object = lade_slice(object, len);
	if (lade_reader_finish(&reader) || !note_out->number || (note_out->suite != LADE_SUITE_PLAIN) != format->encrypted)
		return LADE_E_CHANGED;
	return 0;
}

int lade_note_verify(const struct lade_note *note, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return lade_object_verify(note->object.data, note->object.len, public_key, WORDS);
}

/* The tags in tags->bytes. */
static int get_tags(struct lade_note_tags *tags, size_t len)
{
	struct lade_reader reader;
	size_t room = 0;

	lade_reader_init(&reader, tags->bytes, len);
	for (;;) {
		const size_t end = reader.off;
		const struct lade_slice tag = lade_reader_left(&reader) ? lade_reader_get_slice(&reader, len) : lade_slice(NULL, 0);
		struct lade_slice *grown;

		if (reader.error)
			return LADE_E_CHANGED;
		if (!tag.len)
			return lade_sealed_list_finish(&reader, end, LIST_LEAST);
		if (tags->count == LADE_SNAPSHOT_TEXTS_MAX)
			return LADE_E_CHANGED;
		grown = lade_grown(tags->tags, tags->count, &room, sizeof(*grown));
		if (!grown)
			return LADE_E_MEMORY;
		tags->tags = grown;
		grown[tags->count++] = tag;
	}
}

int lade_note_open(const struct lade_note *note, const struct lade_pack_keys *keys, struct lade_note_tags *tags_out)
{
	const struct data data = describe(note->object.data);
	struct lade_seal *seal = NULL;
	int error;

	memset(tags_out, 0, sizeof(*tags_out));
	error = lade_sealed_secret_open(note->object.data, &place, keys->read_public, keys->read_secret, &seal);
	if (!error)
		error = lade_sealed_list_open(seal, lade_slice(&data, sizeof(data)), note->sealed, &tags_out->bytes);
	lade_seal_free(seal);
	if (!error)
		error = get_tags(tags_out, note->sealed.len - LADE_SEAL_TAG_LEN);
	if (error)
		lade_note_tags_fini(tags_out);
	return error;
}

void lade_note_tags_fini(struct lade_note_tags *tags)
{
	free(tags->tags);
	free(tags->bytes);
	memset(tags, 0, sizeof(*tags));
}
