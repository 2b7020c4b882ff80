/*
 * Rights by kinds of names: one row for each, and what a row cannot say in the functions behind it. What is in no row is refused.
 *
 * A client is believed nothing about itself: of packs, tables, leases and refs the header has to name the party that the client is known, or was bound, to be. So nothing
 * counts against another one's quota, and nobody's session is another's to end.
 */
#include "agent/store/store_rights.h"

#include <string.h>
#include <time.h>

#include "agent/store/refs.h"
#include "agent/store/pack_list.h"
#include "agent/store/session_list.h"

/* Where an object's level is, or its generation. */
#define TABLE_LEVEL_OFF 28u
#define REFS_GENERATION_OFF 24u

/* agent/store/FORMAT.md, section 9. */
#define SMALL_MAX UINT64_C(4096)
#define KEY_MAX (UINT64_C(256) << 10)
#define PACK_MAX UINT64_C(67108864)
#define TABLE_MAX (UINT64_C(1) << 30)
#define SNAPSHOT_MAX (UINT64_C(16) << 20)

/* What is known of a kind of object: the most bytes, and where its header names whose it is (0: nowhere). */
struct kind_row {
	uint8_t kind;
	uint64_t most;
	size_t party_off;
};

static const struct kind_row kind_rows[] = {
	{ LADE_OBJECT_FORMAT, SMALL_MAX, 0 },
	{ LADE_OBJECT_TRUST, SMALL_MAX, 0 },
	{ LADE_OBJECT_KEY, KEY_MAX, 0 },
	{ LADE_OBJECT_PACK, PACK_MAX, 32 },
	{ LADE_OBJECT_TABLE, TABLE_MAX, 32 },
	{ LADE_OBJECT_SNAPSHOT, SNAPSHOT_MAX, 32 },
	{ LADE_OBJECT_NOTE, SNAPSHOT_MAX, 32 },
	{ LADE_OBJECT_REFS, LADE_REFS_LEN(LADE_PACKS_MAX), 28 },
	{ LADE_OBJECT_FORGOTTEN, SMALL_MAX, 0 },
	{ LADE_OBJECT_LEASE, SMALL_MAX, 24 },
	{ LADE_OBJECT_PACKS, LADE_PACK_LIST_LEN(LADE_PACKS_MAX), 24 },
};

/* Who may do what with names of a kind. */
enum {
	PUT_WRITES = 1,      /* put, of an own session */
	PUT_MANAGES = 2,     /* put */
	REMOVE_MANAGES = 4,  /* delete */
	REMOVE_WRITES = 8,   /* delete, of an own session that is fenced */
	REMOVE_BEAT = 16,    /* delete, of any own session */
	OF_SESSION = 32,     /* it is in sessions/ */
};

struct name_row {
	uint8_t kind; /* of the object; 0: it is empty */
	unsigned may;
};

static const struct name_row name_rows[LADE_NAME_COUNT] = {
	[LADE_NAME_FORMAT] = { LADE_OBJECT_FORMAT, 0 },
	[LADE_NAME_TRUST] = { LADE_OBJECT_TRUST, PUT_MANAGES },
	[LADE_NAME_KEY] = { LADE_OBJECT_KEY, PUT_MANAGES | REMOVE_MANAGES },
	[LADE_NAME_PACK] = { LADE_OBJECT_PACK, PUT_WRITES | PUT_MANAGES | REMOVE_MANAGES },
	[LADE_NAME_TABLE] = { LADE_OBJECT_TABLE, REMOVE_MANAGES },
	[LADE_NAME_SNAPSHOT] = { LADE_OBJECT_SNAPSHOT, REMOVE_MANAGES },
	[LADE_NAME_NOTE] = { LADE_OBJECT_NOTE, PUT_MANAGES | REMOVE_MANAGES },
	[LADE_NAME_REFS] = { LADE_OBJECT_REFS, REMOVE_MANAGES },
	[LADE_NAME_FORGOTTEN] = { LADE_OBJECT_FORGOTTEN, PUT_MANAGES | REMOVE_MANAGES },
	[LADE_NAME_ACTIVE] = { LADE_OBJECT_LEASE, PUT_WRITES | PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_BEAT] = { 0, PUT_WRITES | PUT_MANAGES | REMOVE_WRITES | REMOVE_BEAT | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_SESSION_TABLE] = { LADE_OBJECT_TABLE, PUT_WRITES | PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_SESSION_REFS] = { LADE_OBJECT_REFS, PUT_WRITES | PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_SESSION_SNAPSHOT] = { LADE_OBJECT_SNAPSHOT, PUT_WRITES | PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_LATER_REFS] = { LADE_OBJECT_REFS, PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_SESSION_GONE] = { LADE_OBJECT_PACKS, PUT_MANAGES | REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_COMMITTED] = { LADE_OBJECT_LEASE, REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_FENCED] = { LADE_OBJECT_LEASE, REMOVE_WRITES | REMOVE_MANAGES | OF_SESSION },
	[LADE_NAME_TOMBSTONE] = { LADE_OBJECT_PACKS, PUT_MANAGES | REMOVE_MANAGES },
	[LADE_NAME_GONE] = { LADE_OBJECT_PACKS, REMOVE_MANAGES },
};

static int refuse(struct lade_fault *fault, const char *operation, const char *name)
{
	return lade_fault_set(fault, LADE_E_REFUSED, operation, name);
}

static const struct kind_row *find_kind(uint8_t kind)
{
	for (size_t i = 0; i < sizeof(kind_rows) / sizeof(kind_rows[0]); i++) {
		if (kind_rows[i].kind == kind)
			return &kind_rows[i];
	}
	return NULL;
}

uint64_t lade_store_rights_limit(const uint8_t *head, size_t len)
{
	const struct kind_row *row = len > 4 ? find_kind(head[4]) : NULL;

	return row ? row->most : len > 4 ? 0 : TABLE_MAX;
}

/*
 * True if id is who the client is known, or was bound, to be. One who is not known yet is whoever he first does something as: that need be no put, as a session may go on by
 * another connection.
 */
static bool becomes_own(struct lade_store_rights *rights, const uint8_t *id)
{
	if (!rights->has_party) {
		memcpy(rights->party, id, LADE_PARTY_ID_LEN);
		rights->has_party = true;
	}
	return memcmp(rights->party, id, LADE_PARTY_ID_LEN) == 0;
}

/* ---- putting ---- */

/* Its bytes are of the kind that the name says, and its length is one that this may have. */
static int check_kind(const struct lade_store_candidate *candidate, uint8_t kind, struct lade_fault *fault)
{
	const struct kind_row *row = find_kind(kind);

	if (!row)
		return candidate->len ? refuse(fault, "store something as what is to be empty,", candidate->name) : 0;
	if (candidate->head_len < LADE_OBJECT_HEADER_LEN || memcmp(candidate->head, "LADE", 4) != 0 || candidate->head[4] != kind)
		return refuse(fault, "store something else as", candidate->name);
	return candidate->len > row->most ? lade_fault_set(fault, LADE_E_LIMIT, "store", candidate->name) : 0;
}

/* The header names the client as whose it is. */
static bool names_own(struct lade_store_rights *rights, const struct lade_store_candidate *candidate, uint8_t kind)
{
	const struct kind_row *row = find_kind(kind);

	if (!row || !row->party_off)
		return true;
	return candidate->head_len >= row->party_off + LADE_PARTY_ID_LEN && becomes_own(rights, candidate->head + row->party_off);
}

/* Of what a writer puts: a table of level 0, refs of generation 0. */
static bool is_first(const struct lade_store_candidate *candidate, uint8_t kind)
{
	static const uint8_t zeros[4];

	if (kind == LADE_OBJECT_TABLE)
		return candidate->head_len > TABLE_LEVEL_OFF && candidate->head[TABLE_LEVEL_OFF] == 0;
	if (kind == LADE_OBJECT_REFS)
		return candidate->head_len >= REFS_GENERATION_OFF + 4 && memcmp(candidate->head + REFS_GENERATION_OFF, zeros, 4) == 0;
	return true;
}

/* The lease is that of the session in its name. */
static bool is_lease_of(const struct lade_store_candidate *candidate, const struct lade_session_id *id)
{
	const uint8_t *head = candidate->head;

	return candidate->head_len >= 24 + LADE_PARTY_ID_LEN + LADE_SESSION_RANDOM_LEN && memcmp(head + 24, id->party, LADE_PARTY_ID_LEN) == 0 &&
		memcmp(head + 24 + LADE_PARTY_ID_LEN, id->random, LADE_SESSION_RANDOM_LEN) == 0;
}

/* How far a session is. */
static int find_state(struct lade_store *store, const struct lade_session_id *id, enum lade_session_state *state_out, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get_one(store, id, &list, fault);

	if (error)
		return error;
	*state_out = list.count ? list.sessions[0].state : LADE_SESSION_LEFT;
	lade_session_list_fini(&list);
	return 0;
}

/* An object of an own session, which is active, or begins with it. */
static int put_in_session(struct lade_store_rights *rights, struct lade_store *store, const struct lade_store_candidate *candidate,
			  const struct lade_object_name *name, struct lade_fault *fault)
{
	enum lade_session_state state, wanted = name->kind == LADE_NAME_ACTIVE ? LADE_SESSION_LEFT : LADE_SESSION_ACTIVE;
	int error;

	if (!becomes_own(rights, name->session.party))
		return refuse(fault, "store in another one's session", candidate->name);
	if (name->kind == LADE_NAME_ACTIVE && !is_lease_of(candidate, &name->session))
		return refuse(fault, "store another session's lease as", candidate->name);
	error = find_state(store, &name->session, &state, fault);
	if (error)
		return error;
	if (state == LADE_SESSION_ACTIVE && wanted == LADE_SESSION_LEFT)
		return lade_fault_set(fault, LADE_E_EXISTS, "store", candidate->name);
	return state == wanted ? 0 : refuse(fault, "store in a session that is not active,", candidate->name);
}

int lade_store_rights_put(struct lade_store_rights *rights, struct lade_store *store, const struct lade_store_candidate *candidate,
			  struct lade_fault *fault)
{
	struct lade_object_name name;
	const struct name_row *row;
	int error;

	if (rights->class == LADE_STORE_READS || lade_object_name_parse(candidate->name, &name))
		return refuse(fault, "store", candidate->name);
	row = &name_rows[name.kind];
	error = check_kind(candidate, row->kind, fault);
	if (error || rights->class == LADE_STORE_OWNS)
		return error;
	if (!(row->may & (rights->class == LADE_STORE_WRITES ? PUT_WRITES : PUT_MANAGES)))
		return refuse(fault, "store", candidate->name);
	if (row->may & OF_SESSION) {
		error = put_in_session(rights, store, candidate, &name, fault);
		if (error)
			return error;
	}
	/* Later refs and lists name others besides: their signatures say whose they are. */
	if (rights->class == LADE_STORE_MANAGES && (row->kind == LADE_OBJECT_REFS || row->kind == LADE_OBJECT_NOTE || row->kind == LADE_OBJECT_PACKS))
		return 0;
	if (!names_own(rights, candidate, row->kind))
		return refuse(fault, "store what is another one's,", candidate->name);
	if (rights->class == LADE_STORE_WRITES && !is_first(candidate, row->kind))
		return refuse(fault, "store what is a manager's,", candidate->name);
	return 0;
}

/* ---- renaming ---- */

/* What an object of a session becomes by [publish]. */
static const struct {
	enum lade_name_kind from, to;
} publications[] = {
	{ LADE_NAME_SESSION_TABLE, LADE_NAME_TABLE },     { LADE_NAME_SESSION_REFS, LADE_NAME_REFS },
	{ LADE_NAME_LATER_REFS, LADE_NAME_REFS },         { LADE_NAME_SESSION_GONE, LADE_NAME_GONE },
	{ LADE_NAME_SESSION_SNAPSHOT, LADE_NAME_SNAPSHOT },
};

static bool publishes(const struct lade_object_name *from, const struct lade_object_name *to)
{
	for (size_t i = 0; i < sizeof(publications) / sizeof(publications[0]); i++) {
		if (publications[i].from == from->kind && publications[i].to == to->kind)
			return true;
	}
	return false;
}

static bool same_session(const struct lade_object_name *from, const struct lade_object_name *to)
{
	return memcmp(&from->session, &to->session, sizeof(from->session)) == 0;
}

int lade_store_rights_rename(struct lade_store_rights *rights, const char *from, const char *to, char to_out[LADE_OBJECT_NAME_MAX + 1],
			     struct lade_fault *fault)
{
	struct lade_object_name source, target;
	bool ends;

	if (rights->class == LADE_STORE_READS || lade_object_name_parse(from, &source) || lade_object_name_parse(to, &target))
		return refuse(fault, "rename", from);
	ends = source.kind == LADE_NAME_ACTIVE && same_session(&source, &target);
	if (rights->class == LADE_STORE_OWNS) {
		memcpy(to_out, to, strlen(to) + 1);
		return 0;
	}
	if (ends && target.kind == LADE_NAME_COMMITTED) {
		if (!becomes_own(rights, source.session.party))
			return refuse(fault, "commit another one's session", from);
		target.time = (uint64_t)time(NULL);
	} else if (ends && target.kind == LADE_NAME_FENCED) {
		if (rights->class != LADE_STORE_MANAGES && !becomes_own(rights, source.session.party))
			return refuse(fault, "end another one's session", from);
	} else if (rights->class != LADE_STORE_MANAGES || !publishes(&source, &target)) {
		return refuse(fault, "rename", from);
	}
	lade_object_name_format(&target, to_out);
	return 0;
}

/* ---- deleting ---- */

/* A writer: beats of an own session, and all that is left of one that is fenced. */
static int remove_own(struct lade_store_rights *rights, struct lade_store *store, const struct lade_object_name *name, const char *text,
		      struct lade_fault *fault)
{
	const unsigned may = name_rows[name->kind].may;
	enum lade_session_state state;
	int error;

	if (!(may & REMOVE_WRITES) || !becomes_own(rights, name->session.party))
		return refuse(fault, "delete", text);
	error = find_state(store, &name->session, &state, fault);
	if (error)
		return error;
	if (state == LADE_SESSION_FENCED || ((may & REMOVE_BEAT) && state == LADE_SESSION_ACTIVE))
		return 0;
	return refuse(fault, "delete", text);
}

int lade_store_rights_remove(struct lade_store_rights *rights, struct lade_store *store, const char *name, struct lade_fault *fault)
{
	struct lade_object_name parsed;

	if (rights->class == LADE_STORE_READS || lade_object_name_parse(name, &parsed))
		return refuse(fault, "delete", name);
	if (rights->class == LADE_STORE_OWNS)
		return 0;
	if (rights->class == LADE_STORE_MANAGES)
		return name_rows[parsed.kind].may & REMOVE_MANAGES ? 0 : refuse(fault, "delete", name);
	return remove_own(rights, store, &parsed, name, fault);
}
