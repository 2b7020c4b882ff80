/*
 * [publish] Every session is listed anew once it is known to be committed: only such a list has all that was put before the commit, and what it does not have somebody else has
 * renamed. The barrier comes after that list, so that nothing is built on a rename of others that a loss of power could undo.
 *
 * Nothing is believed of a session but what is signed by whom its id names: a writer brings a snapshot, and the tables and refs that this names; a manager tables, later refs, and packs that are gone; a daemon
 * without keys the last of these only.
 */
#include "agent/store/publish.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/pack_list.h"
#include "agent/store/refs.h"
#include "agent/store/signed_snapshot.h"
#include "agent/store/table.h"
#include "protocol/error.h"

#define READ_LEN 1048576u

/* Parts of a table's header. */
#define TABLE_LEVEL_OFF 28u
#define TABLE_SIGNER_OFF 32u

/* What is to be done with a session, or a part of one, once it was looked at. */
enum verdict {
	GOOD,
	BAD,     /* it counts for nothing, and goes with what is left of the session */
	TAKEN,   /* somebody else goes on with it at this moment, or has done it */
	STRANGE, /* it is left alone */
};

/* A session that is published. */
struct work {
	const struct lade_publish_setup *setup;
	struct lade_store *store;
	const struct lade_repository *repository;
	const struct lade_session *session;
	const struct lade_party *party;      /* NULL: a daemon without keys */
	char id[2 * sizeof(struct lade_session_id) + 2];
	struct lade_signed_snapshot snapshot; /* of a writer */
};

void lade_publish_tell(void (*note)(void *context, const char *text), void *context, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!note)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	note(context, text);
}

/* Tell of the session. */
static void tell(const struct work *work, const char *what)
{
	lade_publish_tell(work->setup->note, work->setup->context, "session %s %s", work->id, what);
}

/* Who may not write to a folder hears so from the system. */
static int refused(int error, struct lade_fault *fault)
{
	if (error == LADE_E_SYSTEM && (fault->sys_errno == EROFS || fault->sys_errno == EACCES || fault->sys_errno == EPERM))
		return fault->code = LADE_E_REFUSED;
	return error;
}

/*
 * Rename an object of the session to its place. *verdict_out: GOOD, or TAKEN: the place is (exists), or somebody else has renamed it, which is as good as GOOD.
 */
static int move(const struct work *work, const struct lade_object_item *item, const struct lade_object_name *place, enum verdict *verdict_out,
		struct lade_fault *fault)
{
	const int error = lade_session_rename(work->store, &item->name, place, fault);

	*verdict_out = error == LADE_E_EXISTS ? TAKEN : GOOD;
	return error == LADE_E_EXISTS || error == LADE_E_ABSENT ? 0 : refused(error, fault);
}

/* ---- tables ---- */

/* SHA-256 of all of an object, and of all but the signature at its end, and both ends. */
struct digest {
	uint8_t whole[LADE_HASH_LEN], signed_part[LADE_HASH_LEN], header[LADE_TABLE_HEADER_LEN], signature[LADE_SIGNATURE_LEN];
};

/* Update both with len bytes at off of an object whose signature begins at signed_len. */
static bool update(EVP_MD_CTX *whole, EVP_MD_CTX *part, const uint8_t *bytes, size_t len, size_t signed_len)
{
	return EVP_DigestUpdate(whole, bytes, len) == 1 && EVP_DigestUpdate(part, bytes, signed_len) == 1;
}

/* An object of len, which has a header and a signature at least. */
static int digest_object(struct lade_store *store, const char *name, uint64_t len, struct digest *out, struct lade_fault *fault)
{
	const uint64_t signed_len = len - LADE_SIGNATURE_LEN;
	EVP_MD_CTX *whole = EVP_MD_CTX_new(), *part = EVP_MD_CTX_new();
	uint8_t *bytes = malloc(READ_LEN);
	bool fine = whole && part && bytes && EVP_DigestInit_ex(whole, EVP_sha256(), NULL) == 1 && EVP_DigestInit_ex(part, EVP_sha256(), NULL) == 1;
	int error = 0;

	for (uint64_t off = 0; off < len && fine && !error; off += READ_LEN) {
		const size_t some = len - off < READ_LEN ? (size_t)(len - off) : READ_LEN;
		const size_t of_part = off >= signed_len ? 0 : signed_len - off < some ? (size_t)(signed_len - off) : some;

		error = lade_store_get(store, name, off, some, bytes, fault);
		if (error)
			break;
		if (off == 0)
			memcpy(out->header, bytes, sizeof(out->header));
		for (size_t i = of_part; i < some; i++)
			out->signature[off + i - signed_len] = bytes[i];
		fine = update(whole, part, bytes, some, of_part);
	}
	fine = fine && EVP_DigestFinal_ex(whole, out->whole, NULL) == 1 && EVP_DigestFinal_ex(part, out->signed_part, NULL) == 1;
	EVP_MD_CTX_free(whole);
	EVP_MD_CTX_free(part);
	free(bytes);
	return error || fine ? error : lade_fault_set(fault, LADE_E_MEMORY, "verify", name);
}

/* The SHA-256 of a table, if the caller has put it himself. */
static const uint8_t *find_known(const struct work *work, uint64_t number)
{
	for (size_t i = 0; i < work->setup->known_count; i++) {
		if (work->setup->known[i].number == number)
			return work->setup->known[i].hash;
	}
	return NULL;
}

/*
 * A table of the session's: of level 0 and named by the snapshot, or signed by the manager. That it is by the session's own party is a must: an old table of somebody else, whose packs have gone
 * since, would be believed again. Whether a writer has signed it sees who reads it.
 */
static bool table_counts(const struct work *work, const struct digest *digest)
{
	const struct lade_format *format = &work->repository->format;
	struct lade_object_header header;
	struct lade_reader reader;

	lade_reader_init(&reader, digest->header, sizeof(digest->header));
	if (lade_object_get_header(&reader, LADE_OBJECT_TABLE, &header) || (header.suite != LADE_SUITE_PLAIN) != format->encrypted ||
	    memcmp(header.repository, format->repository, sizeof(header.repository)) != 0 ||
	    memcmp(digest->header + TABLE_SIGNER_OFF, work->party->id, LADE_PARTY_ID_LEN) != 0)
		return false;
	if (work->party->kind == LADE_SAYS_WRITER)
		return digest->header[TABLE_LEVEL_OFF] == 0 && lade_signed_snapshot_names(&work->snapshot, digest->whole);
	return lade_object_verify_hash(digest->signature, work->party->public_key, LADE_TABLE_WORDS, format->repository, digest->signed_part) == 0;
}

/* Look at a table; *place_out is where it belongs. */
static int judge_table(const struct work *work, const struct lade_object_item *item, enum verdict *verdict_out, struct lade_object_name *place_out,
		       struct lade_fault *fault)
{
	const uint8_t *known = find_known(work, item->name.number);
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct digest digest;
	int error;

	*place_out = (struct lade_object_name){ .kind = LADE_NAME_TABLE };
	*verdict_out = BAD;
	if (known) {
		memcpy(place_out->hash, known, LADE_HASH_LEN);
		*verdict_out = work->party->kind == LADE_SAYS_WRITER && lade_signed_snapshot_names(&work->snapshot, known) ? GOOD : BAD;
		return 0;
	}
	if (item->len < LADE_TABLE_HEADER_LEN + LADE_SIGNATURE_LEN || item->len > LADE_TABLE_LEN_MAX)
		return 0;
	lade_object_name_format(&item->name, name);
	error = digest_object(work->store, name, item->len, &digest, fault);
	if (error == LADE_E_ABSENT) {
		*verdict_out = TAKEN;
		return 0;
	}
	if (error)
		return error;
	if (table_counts(work, &digest))
		*verdict_out = GOOD;
	place_out->number = digest.header[TABLE_LEVEL_OFF];
	memcpy(place_out->hash, digest.whole, sizeof(place_out->hash));
	return 0;
}

static int publish_tables(const struct work *work, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < work->session->table_count && !error; i++) {
		struct lade_object_name place;
		enum verdict verdict;

		error = judge_table(work, &work->session->tables[i], &verdict, &place, fault);
		if (!error && verdict == BAD)
			tell(work, "has a table that is not its own; it is not published");
		/* One of that name is the same one. */
		if (!error && verdict == GOOD)
			error = move(work, &work->session->tables[i], &place, &verdict, fault);
	}
	return error;
}

/* ---- a writer's session ---- */

/* An object that may be there: its SHA-256. *there_out: false if not. */
static int hash_of(struct lade_store *store, const struct lade_object_name *name, bool *there_out, uint8_t hash_out[LADE_HASH_LEN], struct lade_fault *fault)
{
	char text[LADE_OBJECT_NAME_MAX + 1], found[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_list list = { .items = NULL };
	uint8_t *object = NULL;
	int error;

	*there_out = false;
	lade_object_name_format(name, text);
	error = lade_object_list_get(store, text, &list, fault);
	for (size_t i = 0; i < list.count && !error && !object; i++) {
		/* The list has names that begin so, too. */
		lade_object_name_format(&list.items[i].name, found);
		if (strcmp(found, text) != 0)
			continue;
		error = lade_object_list_read(store, &list.items[i], LADE_REFS_LEN(LADE_PACKS_MAX), &object, fault);
		if (!error)
			error = lade_object_hash(object, (size_t)list.items[i].len, hash_out);
		*there_out = !error;
	}
	free(object);
	lade_object_list_fini(&list);
	return error == LADE_E_ABSENT ? 0 : error;
}

/* True if the session has its snapshot, and still no refs. */
static int has_no_refs(const struct work *work, bool *none_out, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get_one(work->store, &work->session->id, &list, fault);

	if (error)
		return error;
	*none_out = list.count && list.sessions[0].state == LADE_SESSION_COMMITTED && list.sessions[0].snapshot && !list.sessions[0].refs;
	lade_session_list_fini(&list);
	return 0;
}

static struct lade_object_name refs_place(const struct work *work)
{
	return (struct lade_object_name){ .kind = LADE_NAME_REFS, .snapshot = work->snapshot.id };
}

/* Refs that are not in the session were published before, or the session never had any. */
static int judge_published_refs(const struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	const struct lade_object_name place = refs_place(work);
	uint8_t hash[LADE_HASH_LEN];
	bool there, none = false;
	int error = hash_of(work->store, &place, &there, hash, fault);

	if (!error && !there)
		error = has_no_refs(work, &none, fault);
	if (error)
		return error;
	if (there)
		*verdict_out = memcmp(hash, work->snapshot.head.refs, sizeof(hash)) == 0 ? GOOD : STRANGE;
	else
		*verdict_out = none ? BAD : TAKEN;
	return 0;
}

static int judge_refs(const struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	const struct lade_object_item *item = work->session->refs;
	struct lade_refs refs;
	uint8_t *object, hash[LADE_HASH_LEN];
	int error;

	if (!item)
		return judge_published_refs(work, verdict_out, fault);
	*verdict_out = BAD;
	error = lade_object_list_read(work->store, item, LADE_REFS_LEN(LADE_PACKS_MAX), &object, fault);
	if (error == LADE_E_LIMIT)
		return 0;
	if (error == LADE_E_ABSENT)
		return judge_published_refs(work, verdict_out, fault);
	if (error)
		return error;
	error = lade_object_hash(object, (size_t)item->len, hash);
	if (!error && memcmp(hash, work->snapshot.head.refs, sizeof(hash)) == 0 && !lade_refs_get(object, (size_t)item->len, work->repository->format.repository, &refs) &&
	    refs.generation == 0 && refs.snapshot.number == work->snapshot.head.number &&
	    memcmp(refs.snapshot.writer, work->snapshot.head.writer, sizeof(work->snapshot.head.writer)) == 0)
		*verdict_out = GOOD;
	free(object);
	return error ? lade_fault_set(fault, error, "verify", work->id) : 0;
}

/* Read the snapshot and see whether it is the writer's. */
static int judge_snapshot(struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	const int error = lade_signed_snapshot_read(work->repository, work->session->snapshot, &work->snapshot, fault);

	*verdict_out = error == LADE_E_ABSENT ? TAKEN : error == LADE_E_CHANGED ? BAD : error ? STRANGE : GOOD;
	return error == LADE_E_ABSENT || error == LADE_E_CHANGED || error == LADE_E_VERSION ? 0 : error;
}

/* Move an object to a place that is its alone: if that is taken, *verdict_out is STRANGE unless it is by the same bytes. */
static int move_exactly(const struct work *work, const struct lade_object_item *item, const struct lade_object_name *place, const uint8_t *hash,
			enum verdict *verdict_out, struct lade_fault *fault)
{
	uint8_t found[LADE_HASH_LEN];
	bool there;
	int error = move(work, item, place, verdict_out, fault);

	if (error || *verdict_out == GOOD)
		return error;
	error = hash_of(work->store, place, &there, found, fault);
	*verdict_out = there && memcmp(found, hash, sizeof(found)) == 0 ? GOOD : STRANGE;
	return error;
}

/* Steps 1 to 3. */
static int publish_snapshot(const struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	const struct lade_object_name refs = refs_place(work);
	const struct lade_object_name snapshot = { .kind = LADE_NAME_SNAPSHOT, .snapshot = work->snapshot.id, .time = work->session->time };
	int error = publish_tables(work, fault);

	*verdict_out = GOOD;
	if (!error && work->session->refs)
		error = move_exactly(work, work->session->refs, &refs, work->snapshot.head.refs, verdict_out, fault);
	if (error || *verdict_out != GOOD)
		return error;
	error = lade_store_barrier(work->store, fault);
	if (!error)
		error = move_exactly(work, work->session->snapshot, &snapshot, work->snapshot.hash, verdict_out, fault);
	if (!error && *verdict_out == GOOD)
		error = lade_store_barrier(work->store, fault);
	return error;
}

static int publish_of_writer(struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	int error;

	*verdict_out = GOOD;
	/* The snapshot went last: all else did before. */
	if (!work->session->snapshot)
		return 0;
	error = judge_snapshot(work, verdict_out, fault);
	if (!error && *verdict_out == GOOD)
		error = judge_refs(work, verdict_out, fault);
	if (!error && *verdict_out == GOOD)
		error = publish_snapshot(work, verdict_out, fault);
	return error;
}

/* ---- sessions of managers and daemons ---- */

/* Refs of a later generation, signed by the manager. */
static bool later_refs_count(const struct work *work, const uint8_t *object, size_t len, struct lade_object_name *place_out)
{
	struct lade_refs refs;

	if (lade_refs_get(object, len, work->repository->format.repository, &refs) || refs.generation == 0 ||
	    memcmp(refs.manager, work->party->id, sizeof(refs.manager)) != 0 || lade_refs_verify(&refs, work->party->public_key))
		return false;
	*place_out = (struct lade_object_name){ .kind = LADE_NAME_REFS, .number = refs.generation, .snapshot = refs.snapshot };
	return true;
}

/* Packs that are gone, as the manager, or the daemon whose session it is, has signed it or not. */
static bool gone_counts(const struct work *work, const uint8_t *object, size_t len, struct lade_object_name *place_out)
{
	struct lade_pack_list list;

	*place_out = (struct lade_object_name){ .kind = LADE_NAME_GONE };
	if (lade_pack_list_get(object, len, work->repository->format.repository, &list) ||
	    memcmp(&list.session, &work->session->id, sizeof(list.session)) != 0 || lade_object_hash(object, len, place_out->hash))
		return false;
	return work->party ? lade_pack_list_verify(&list, work->party->public_key) == 0 : !list.is_signed;
}

/* Publish an object if it counts. */
static int publish_item(const struct work *work, const struct lade_object_item *item, uint64_t limit,
			bool (*counts)(const struct work *work, const uint8_t *object, size_t len, struct lade_object_name *place_out), struct lade_fault *fault)
{
	struct lade_object_name place;
	enum verdict verdict = BAD;
	uint8_t *object = NULL;
	int error = lade_object_list_read(work->store, item, limit, &object, fault);

	if (error == LADE_E_ABSENT)
		return 0;
	if (!error && counts(work, object, (size_t)item->len, &place))
		verdict = GOOD;
	free(object);
	if (error && error != LADE_E_LIMIT)
		return error;
	if (verdict == BAD) {
		tell(work, "has an object that is not its own; it is not published");
		return 0;
	}
	error = move(work, item, &place, &verdict, fault);
	if (!error && verdict == TAKEN && place.kind == LADE_NAME_REFS)
		tell(work, "has later refs of a snapshot that has others of that generation; they do not count");
	return error;
}

/* Steps 1 and 2; there is no third one. */
static int publish_of_manager(const struct work *work, struct lade_fault *fault)
{
	int error = work->party ? publish_tables(work, fault) : 0;

	for (size_t i = 0; work->party && i < work->session->later_refs_count && !error; i++)
		error = publish_item(work, &work->session->later_refs[i], LADE_REFS_LEN(LADE_PACKS_MAX), later_refs_count, fault);
	if (!error && work->session->gone)
		error = publish_item(work, work->session->gone, LADE_PACK_LIST_LEN(LADE_PACKS_MAX), gone_counts, fault);
	return error ? error : lade_store_barrier(work->store, fault);
}

/* ---- a session ---- */

/* Whose it is; *verdict_out is STRANGE if nobody knows. trust/ may have said it meanwhile. */
static int find_party(struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	const uint8_t *id = work->session->id.party;
	int error = 0;

	*verdict_out = GOOD;
	if (sodium_is_zero(id, LADE_PARTY_ID_LEN))
		return 0;
	work->party = lade_trust_find(&work->repository->trust, id);
	if (!work->party)
		error = lade_repository_read_trust(work->setup->repository, fault);
	if (!error && !work->party)
		work->party = lade_trust_find(&work->repository->trust, id);
	if (!work->party)
		*verdict_out = STRANGE;
	return error;
}

/* Steps 1 to 3, after which all that is left of it may be removed if *verdict_out is GOOD or BAD. */
static int publish(struct work *work, enum verdict *verdict_out, struct lade_fault *fault)
{
	int error = find_party(work, verdict_out, fault);

	if (error)
		return error;
	if (*verdict_out == STRANGE) {
		tell(work, "is committed, but not by a writer or manager who is known; it is left alone");
		return 0;
	}
	if (work->party && work->party->kind == LADE_SAYS_WRITER) {
		error = publish_of_writer(work, verdict_out, fault);
	} else if (work->session->snapshot) {
		/* A snapshot of another writer than the session's id. */
		*verdict_out = BAD;
	} else {
		error = publish_of_manager(work, fault);
	}
	if (!error && *verdict_out == STRANGE)
		tell(work, "cannot be published: another object has the name of its refs or its snapshot, or it is of a newer version; it is left alone");
	return error;
}

/* The verdict may be that somebody else goes on: his is what is left, too. */
static int finish(const struct work *work, enum verdict verdict, struct lade_fault *fault)
{
	int error;

	if (verdict == TAKEN || verdict == STRANGE)
		return 0;
	error = refused(lade_session_remove(work->store, &work->session->id, fault), fault);
	if (!error && verdict == BAD)
		tell(work, "was void, and is removed: its snapshot or its refs are not what its writer has signed");
	return error;
}

static void describe(struct work *work)
{
	sodium_bin2hex(work->id, sizeof(work->id), work->session->id.party, LADE_PARTY_ID_LEN);
	work->id[2 * LADE_PARTY_ID_LEN] = '-';
	sodium_bin2hex(work->id + 2 * LADE_PARTY_ID_LEN + 1, 2 * LADE_SESSION_RANDOM_LEN + 1, work->session->id.random, LADE_SESSION_RANDOM_LEN);
}

int lade_publish_session(const struct lade_publish_setup *setup, const struct lade_session_id *id, struct lade_fault *fault)
{
	struct work work = { .setup = setup, .store = setup->repository->store, .repository = setup->repository };
	struct lade_session_list list;
	struct lade_fault own;
	enum verdict verdict = TAKEN;
	int error;

	fault = fault ? fault : &own;
	error = lade_session_list_get_one(work.store, id, &list, fault);
	if (!error && list.count && list.sessions[0].state == LADE_SESSION_COMMITTED) {
		work.session = &list.sessions[0];
		describe(&work);
		error = lade_store_barrier(work.store, fault);
		if (!error)
			error = publish(&work, &verdict, fault);
		if (!error)
			error = finish(&work, verdict, fault);
	}
	lade_signed_snapshot_fini(&work.snapshot);
	lade_session_list_fini(&list);
	return error;
}

int lade_publish_all(const struct lade_publish_setup *setup, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get(setup->repository->store, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++) {
		if (list.sessions[i].state == LADE_SESSION_COMMITTED)
			error = lade_publish_session(setup, &list.sessions[i].id, fault);
	}
	lade_session_list_fini(&list);
	return error == LADE_E_REFUSED ? 0 : error;
}
