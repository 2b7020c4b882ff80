/*
 * [begin] Step 3: what the writer has put before. Only a session that is still active when the tables have been listed is resumed, as a collector waits for all that are; and its rows become rows of the new
 * session's own tables, as its tables count for nothing once it is fenced. agent/store/FORMAT.md, "Why this is safe", I.
 *
 * One that is alive on this host is another backup at work, and is left to itself. One that nobody here knows may be alive elsewhere: its rows are good, and it is left for a collector.
 */
#include "agent/store/repository_session_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk_tables.h"
#include "agent/store/session_record.h"
#include "protocol/grow.h"

/* What a table says, until all of it was verified. */
struct reading {
	uint8_t (*packs)[LADE_HASH_LEN];
	size_t pack_count, pack_room;
	struct lade_table_row *rows;
	size_t row_count, row_room;
};

static int take_pack(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct reading *reading = context;
	uint8_t(*packs)[LADE_HASH_LEN];

	/* Each of ours has a row; and who signed it is known at its end only, before which a store could have us keep half a gigabyte. */
	if (reading->pack_count == LADE_TABLE_ROWS_MAX_0)
		return lade_fault_set(fault, LADE_E_LIMIT, "resume a backup", NULL);
	packs = lade_grown(reading->packs, reading->pack_count, &reading->pack_room, sizeof(*packs));

	if (!packs)
		return lade_fault_set(fault, LADE_E_MEMORY, "resume a backup", NULL);
	reading->packs = packs;
	memcpy(packs[reading->pack_count++], name, sizeof(*packs));
	return 0;
}

static int take_row(void *context, const struct lade_table_row *row, struct lade_fault *fault)
{
	struct reading *reading = context;
	struct lade_table_row *rows = lade_grown(reading->rows, reading->row_count, &reading->row_room, sizeof(*rows));

	if (!rows)
		return lade_fault_set(fault, LADE_E_MEMORY, "resume a backup", NULL);
	reading->rows = rows;
	rows[reading->row_count++] = *row;
	return 0;
}

static int take_replaced(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	(void)context;
	(void)name;
	(void)fault;
	return 0;
}

static int read_rows(const struct lade_repository *repository, const struct lade_object_item *item, struct reading *reading, struct lade_table_info *info_out,
		     struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	const struct lade_table_source source = {
		.store = repository->store,
		.object = name,
		.len = item->len,
		.level = 0,
		.encrypted = repository->format.encrypted,
		.trust = &repository->trust,
		.keyring = &repository->keyring,
	};
	const struct lade_table_sink sink = { .replaces = take_replaced, .pack = take_pack, .row = take_row, .context = reading };

	lade_object_name_format(&item->name, name);
	return lade_table_read(&source, &sink, info_out, fault);
}

/* Make the rows of a table rows of this session, but for those of packs that are absent. */
static int take_over(struct lade_repository_session *session, const struct reading *reading, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < reading->row_count && !error; i++) {
		const uint8_t *pack = reading->packs[reading->rows[i].pack];

		if (!lade_absent_packs_has(&session->absent, pack))
			error = lade_repository_session_add_row(session, pack, &reading->rows[i].row, fault);
	}
	return error;
}

/*
 * A table of an earlier session: first its rows are taken over, and then lookups may see it, so that nothing is found that this session's tables would not have. What cannot be read is left.
 */
static int resume_table(struct lade_repository_session *session, const struct lade_object_item *item, struct lade_chunk_tables *tables,
			struct lade_fault *fault)
{
	struct reading reading = { .packs = NULL };
	struct lade_table_info info;
	int error = read_rows(session->repository, item, &reading, &info, fault);
	const bool own = !error && memcmp(info.signer, session->id.party, sizeof(info.signer)) == 0;

	if (own)
		error = take_over(session, &reading, fault);
	free(reading.packs);
	free(reading.rows);
	if (error == LADE_E_ABSENT || error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_LIMIT || error == LADE_E_REFUSED ||
	    error == LADE_E_TRUNCATED || error == LADE_E_UNSUPPORTED)
		return session->error;
	if (error || !own)
		return error;
	error = lade_chunk_tables_add(tables, item, fault);
	return error < 0 ? error : 0;
}

static int remember(struct lade_repository_session *session, const struct lade_session_id *id, int record_fd)
{
	struct lade_session_earlier *earlier = lade_grown(session->earlier, session->earlier_count, &session->earlier_room, sizeof(*earlier));

	if (!earlier)
		return LADE_E_MEMORY;
	session->earlier = earlier;
	earlier[session->earlier_count++] = (struct lade_session_earlier){ .id = *id, .record_fd = record_fd };
	return 0;
}

static void tell(const struct lade_repository_session *session, const struct lade_session *earlier, enum lade_session_life life)
{
	char id[LADE_SESSION_TEXT_SIZE];

	sodium_bin2hex(id, sizeof(id), earlier->id.random, sizeof(earlier->id.random));
	lade_publish_tell(session->setup.note, session->setup.context, "session %s, which was left behind%s, is resumed", id,
			  life == LADE_SESSION_DEAD ? "" : " by nobody who is known here");
}

static int resume_session(struct lade_repository_session *session, const struct lade_session *earlier, struct lade_chunk_tables *tables,
			  struct lade_fault *fault)
{
	int record_fd, error = 0;
	const enum lade_session_life life = lade_session_record_look(session->setup.state_fd, &earlier->id, &record_fd);

	if (life == LADE_SESSION_ALIVE)
		return 0;
	if (remember(session, &earlier->id, record_fd)) {
		lade_session_record_release(record_fd);
		return lade_fault_set(fault, LADE_E_MEMORY, "resume a backup", NULL);
	}
	if (earlier->table_count)
		tell(session, earlier, life);
	for (size_t i = 0; i < earlier->table_count && !error; i++)
		error = resume_table(session, &earlier->tables[i], tables, fault);
	return error;
}

void lade_repository_session_drop_earlier(struct lade_repository_session *session)
{
	for (size_t i = 0; i < session->earlier_count; i++)
		lade_session_record_release(session->earlier[i].record_fd);
	free(session->earlier);
	session->earlier = NULL;
	session->earlier_count = session->earlier_room = 0;
}

/* Look for own sessions that were left behind: after tables have been listed, and again if those are. */
static int resume(void *context, struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	struct lade_repository_session *session = context;
	struct lade_session_list list;
	int error = lade_session_list_get(session->repository->store, &list, fault);

	if (error)
		return error;
	lade_repository_session_drop_earlier(session);
	lade_session_record_sweep(session->setup.state_fd, &list);
	for (size_t i = 0; i < list.count && !error; i++) {
		const struct lade_session *earlier = &list.sessions[i];

		if (earlier->state == LADE_SESSION_ACTIVE && memcmp(earlier->id.party, session->id.party, sizeof(session->id.party)) == 0 &&
		    memcmp(&earlier->id, &session->id, sizeof(session->id)) != 0)
			error = resume_session(session, earlier, tables, fault);
	}
	lade_session_list_fini(&list);
	return error;
}

static void note(void *context, const char *text)
{
	const struct lade_repository_session *session = context;

	if (session->setup.note)
		session->setup.note(session->setup.context, text);
}

int lade_repository_session_read_tables(struct lade_repository_session *session, struct lade_fault *fault)
{
	const struct lade_chunk_map_setup map = { .directory = session->setup.cache_fd, .repository = session->repository->format.repository };
	const struct lade_chunk_tables_setup tables = {
		.repository = session->repository,
		.absent = &session->absent,
		.own = session->id.party,
		.more = resume,
		.note = note,
		.context = session,
	};
	int error = lade_chunk_map_open(&map, &session->map, fault);

	return error ? error : lade_chunk_tables_load(session->map, &tables, fault);
}
