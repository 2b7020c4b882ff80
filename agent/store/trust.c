/*
 * [trust] The chain of statements. A statement that makes no sense ends it: what follows would stand on nothing.
 */
#include "agent/store/trust.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/grow.h"

#define WORDS "lade trust"

int lade_party_id(const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], uint8_t id_out[LADE_PARTY_ID_LEN])
{
	uint8_t hash[LADE_HASH_LEN];
	int error = lade_object_hash(public_key, LADE_SIGN_PUBLIC_LEN, hash);

	if (!error)
		memcpy(id_out, hash, LADE_PARTY_ID_LEN);
	return error;
}

int lade_trust_init(struct lade_trust *trust, const struct lade_format *format, const uint8_t *object, size_t len)
{
	memset(trust, 0, sizeof(*trust));
	memcpy(trust->repository, format->repository, sizeof(trust->repository));
	memcpy(trust->root, format->root, sizeof(trust->root));
	trust->features = format->features;
	return lade_object_hash(object, len, trust->last);
}

void lade_trust_fini(struct lade_trust *trust)
{
	free(trust->epochs);
	free(trust->parties);
	memset(trust, 0, sizeof(*trust));
}

const struct lade_party *lade_trust_find(const struct lade_trust *trust, const uint8_t id[LADE_PARTY_ID_LEN])
{
	for (size_t i = 0; i < trust->party_count; i++) {
		if (memcmp(trust->parties[i].id, id, LADE_PARTY_ID_LEN) == 0)
			return &trust->parties[i];
	}
	return NULL;
}

const uint8_t *lade_trust_epoch(const struct lade_trust *trust, uint32_t epoch)
{
	return epoch && epoch <= trust->epoch ? trust->epochs[epoch - 1] : NULL;
}

/* ---- saying ---- */

int lade_trust_say(struct lade_writer *writer, const struct lade_trust *trust, const struct lade_statement *statement,
		   const uint8_t root_seed[LADE_SIGN_SEED_LEN])
{
	struct lade_object_header header = { .kind = LADE_OBJECT_TRUST, .suite = LADE_SUITE_PLAIN };

	if (!lade_object_label_ok(statement->label))
		return LADE_E_USAGE;
	memcpy(header.repository, trust->repository, sizeof(header.repository));
	lade_object_put_header(writer, &header);
	lade_object_put_u32(writer, trust->count + 1);
	lade_writer_put_bytes(writer, trust->last, sizeof(trust->last));
	lade_writer_put_u8(writer, (uint8_t)statement->kind);
	lade_object_put_zeros(writer, 7);
	lade_writer_put_bytes(writer, statement->public_key, sizeof(statement->public_key));
	lade_object_put_u32(writer, statement->number_or_flags);
	lade_object_put_u64(writer, statement->time);
	if (statement->kind == LADE_SAYS_FEATURES) {
		lade_object_put_u64(writer, statement->features.read);
		lade_object_put_u64(writer, statement->features.write);
		lade_object_put_u64(writer, statement->features.gc);
		lade_object_put_zeros(writer, LADE_LABEL_LEN - 3 * sizeof(uint64_t));
	} else {
		lade_object_put_label(writer, statement->label);
	}
	lade_object_put_u64(writer, statement->last_number);
	lade_writer_put_bytes(writer, statement->last_hash, sizeof(statement->last_hash));
	return writer->error ? writer->error : lade_object_sign(writer, root_seed, WORDS);
}

/* ---- hearing ---- */

/* Read a statement that the root has signed; its place in the chain is looked at besides. */
static int get(const struct lade_trust *trust, const uint8_t *object, size_t len, struct lade_statement *out)
{
	struct lade_object_header header;
	struct lade_reader reader;
	struct lade_slice before, key, hash;
	uint32_t number;
	int error;

	memset(out, 0, sizeof(*out));
	if (len != LADE_STATEMENT_LEN)
		return LADE_E_CHANGED;
	lade_reader_init(&reader, object, len - LADE_SIGNATURE_LEN);
	error = lade_object_get_header(&reader, LADE_OBJECT_TRUST, &header);
	if (error)
		return error;
	number = lade_object_get_u32(&reader);
	before = lade_reader_get_exact(&reader, LADE_HASH_LEN);
	out->kind = (enum lade_statement_kind)lade_reader_get_u8(&reader);
	lade_object_get_zeros(&reader, 7);
	key = lade_reader_get_exact(&reader, sizeof(out->public_key));
	out->number_or_flags = lade_object_get_u32(&reader);
	out->time = lade_object_get_u64(&reader);
	if (out->kind == LADE_SAYS_FEATURES) {
		out->features.read = lade_object_get_u64(&reader);
		out->features.write = lade_object_get_u64(&reader);
		out->features.gc = lade_object_get_u64(&reader);
		lade_object_get_zeros(&reader, LADE_LABEL_LEN - 3 * sizeof(uint64_t));
	} else {
		lade_object_get_label(&reader, out->label);
	}
	out->last_number = lade_object_get_u64(&reader);
	hash = lade_reader_get_exact(&reader, sizeof(out->last_hash));
	if (lade_reader_finish(&reader) || number != trust->count + 1 || memcmp(before.data, trust->last, LADE_HASH_LEN) != 0 ||
	    memcmp(header.repository, trust->repository, sizeof(header.repository)) != 0)
		return LADE_E_CHANGED;
	memcpy(out->public_key, key.data, sizeof(out->public_key));
	memcpy(out->last_hash, hash.data, sizeof(out->last_hash));
	return lade_object_verify(object, len, trust->root, WORDS);
}

static int add_epoch(struct lade_trust *trust, const struct lade_statement *statement)
{
	uint8_t(*epochs)[32];

	if (statement->number_or_flags != trust->epoch + 1)
		return LADE_E_CHANGED;
	epochs = lade_grown(trust->epochs, trust->epoch, &trust->epochs_room, sizeof(*epochs));
	if (!epochs)
		return LADE_E_MEMORY;
	trust->epochs = epochs;
	memcpy(epochs[trust->epoch++], statement->public_key, sizeof(statement->public_key));
	return 0;
}

static int add_party(struct lade_trust *trust, const struct lade_statement *statement)
{
	struct lade_party *parties, party = { .kind = statement->kind, .flags = statement->number_or_flags };
	int error = lade_party_id(statement->public_key, party.id);

	if (error)
		return error;
	if (lade_trust_find(trust, party.id))
		return LADE_E_CHANGED;
	memcpy(party.public_key, statement->public_key, sizeof(party.public_key));
	memcpy(party.label, statement->label, sizeof(party.label));
	parties = lade_grown(trust->parties, trust->party_count, &trust->party_room, sizeof(*parties));
	if (!parties)
		return LADE_E_MEMORY;
	trust->parties = parties;
	parties[trust->party_count++] = party;
	return 0;
}

static int revoke(struct lade_trust *trust, const struct lade_statement *statement)
{
	uint8_t id[LADE_PARTY_ID_LEN];
	int error = lade_party_id(statement->public_key, id);

	if (error)
		return error;
	for (size_t i = 0; i < trust->party_count; i++) {
		struct lade_party *party = &trust->parties[i];

		if (memcmp(party->id, id, sizeof(id)) != 0 || party->revoked)
			continue;
		party->revoked = true;
		party->last_number = statement->last_number;
		memcpy(party->last_hash, statement->last_hash, sizeof(party->last_hash));
		return 0;
	}
	return LADE_E_CHANGED;
}

static int obey(struct lade_trust *trust, const struct lade_statement *statement)
{
	switch (statement->kind) {
	case LADE_SAYS_EPOCH:
		return add_epoch(trust, statement);
	case LADE_SAYS_WRITER:
	case LADE_SAYS_MANAGER:
		return add_party(trust, statement);
	case LADE_SAYS_REVOKED:
		return revoke(trust, statement);
	case LADE_SAYS_FEATURES:
		trust->features.read |= statement->features.read;
		trust->features.write |= statement->features.write;
		trust->features.gc |= statement->features.gc;
		return 0;
	default:
		return LADE_E_CHANGED;
	}
}

int lade_trust_hear(struct lade_trust *trust, const uint8_t *object, size_t len)
{
	uint8_t hash[LADE_HASH_LEN];
	struct lade_statement statement;
	int error = get(trust, object, len, &statement);

	if (!error)
		error = lade_object_hash(object, len, hash);
	if (!error)
		error = obey(trust, &statement);
	if (error)
		return error;
	memcpy(trust->last, hash, sizeof(trust->last));
	trust->count++;
	return 0;
}
