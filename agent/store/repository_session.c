/*
 * A session from [begin] on: its lease, its beats, its tables. The commit is in repository_session_commit.c, earlier sessions in repository_session_resume.c.
 *
 * The order of [begin] is what makes it safe, and stands in one function. A fault of the thread that beats, or of a table, is kept, and whatever follows fails with it: a session that cannot say that it is alive may be
 * fenced, and one whose tables are not whole must not be committed.
 *
 * Limits: the rows of a table, some 50 MiB, are in memory until it is put.
 */
#include "agent/store/repository_session.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/store/lease.h"
#include "agent/store/repository_internal.h"
#include "agent/store/repository_session_internal.h"
#include "agent/store/session_record.h"
#include "protocol/grow.h"

/* [beat] Five minutes. */
#define BEAT_MS UINT64_C(300000)

void lade_repository_session_name(const struct lade_repository_session *session, enum lade_name_kind kind, uint64_t number_or_time,
				  char out[LADE_OBJECT_NAME_MAX + 1])
{
	const struct lade_object_name name = lade_session_name(&session->id, kind, number_or_time);

	lade_object_name_format(&name, out);
}

/* Keep the first fault. Returns error. The lock is held. */
static int fail(struct lade_repository_session *session, int error, const struct lade_fault *fault)
{
	if (error && !session->error) {
		session->error = error;
		session->fault = *fault;
	}
	return error;
}

/* Say again why the session has failed. */
static int failed(const struct lade_repository_session *session, struct lade_fault *fault)
{
	if (fault)
		*fault = session->fault;
	return session->error;
}

/* ---- tables ---- */

static int write_table(struct lade_repository_session *session, struct lade_fault *fault)
{
	const struct lade_repository *repository = session->repository;
	struct lade_publish_table *tables = lade_grown(session->tables, session->table_count, &session->table_room, sizeof(*tables));
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_table_setup setup = {
		.store = repository->store,
		.object = name,
		.suite = repository->suite,
		.repository = repository->format.repository,
		.index_secret = lade_repository_index_secret(repository, repository->trust.epoch),
		.seed = repository->writer.seed,
		.info = { .epoch = repository->trust.epoch },
	};
	int error;

	if (!tables)
		return lade_fault_set(fault, LADE_E_MEMORY, "put a table", NULL);
	session->tables = tables;
	if (!setup.index_secret)
		return lade_fault_set(fault, LADE_E_REFUSED, "put a table without the key of the newest epoch", NULL);
	memcpy(setup.info.signer, session->id.party, sizeof(setup.info.signer));
	memcpy(setup.info.owner, session->id.party, sizeof(setup.info.owner));
	tables[session->table_count].number = session->table_count + 1;
	lade_repository_session_name(session, LADE_NAME_SESSION_TABLE, session->table_count + 1, name);
	error = lade_table_builder_write(session->rows, &setup, tables[session->table_count].hash, fault);
	if (!error)
		session->table_count++;
	return error;
}

int lade_repository_session_put_table(struct lade_repository_session *session, struct lade_fault *fault)
{
	struct lade_fault own;
	int error;

	fault = fault ? fault : &own;
	if (session->error)
		return failed(session, fault);
	if (!lade_table_builder_count(session->rows))
		return 0;
	/* [commit] A table may only name what is behind a barrier: whoever resumes builds on it. */
	error = lade_store_barrier(session->repository->store, fault);
	if (!error)
		error = write_table(session, fault);
	return fail(session, error, fault);
}

int lade_repository_session_add_row(struct lade_repository_session *session, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *row,
				    struct lade_fault *fault)
{
	struct lade_fault own;
	int error = 0;

	fault = fault ? fault : &own;
	if (lade_table_builder_count(session->rows) == LADE_TABLE_ROWS_MAX_0)
		error = lade_repository_session_put_table(session, fault);
	if (error)
		return error;
	error = lade_table_builder_add(session->rows, pack, row);
	if (error)
		lade_fault_set(fault, error, "keep in mind where a chunk is", NULL);
	return fail(session, error, fault);
}

int lade_repository_session_packed(void *context, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *rows, size_t count, struct lade_fault *fault)
{
	struct lade_repository_session *session = context;
	int error;

	pthread_mutex_lock(&session->lock);
	session->packed = true;
	error = session->error ? failed(session, fault) : 0;
	for (size_t i = 0; i < count && !error; i++)
		error = lade_repository_session_add_row(session, pack, &rows[i], fault);
	pthread_mutex_unlock(&session->lock);
	return error;
}

/* [dedup] */
bool lade_repository_session_find(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN])
{
	const struct lade_repository_session *session = context;
	struct lade_chunk_place place;

	if (!lade_chunk_map_find(session->map, id, kind, &place))
		return false;
	memcpy(pack_out, place.pack, sizeof(place.pack));
	return true;
}

/* ---- the thread that beats ---- */

/* [beat] The next one is put before anything that may take its time; and what packs have been finished since can be resumed. The lock is held, but not for the beat. */
static void beat(struct lade_repository_session *session)
{
	struct lade_store *store = session->repository->store;
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_fault fault;
	int error;

	pthread_mutex_unlock(&session->lock);
	lade_repository_session_name(session, LADE_NAME_BEAT, session->beat + 1, name);
	error = lade_store_put(store, name, NULL, 0, &fault);
	pthread_mutex_lock(&session->lock);
	if (!error && !session->ends && session->beat) {
		lade_repository_session_name(session, LADE_NAME_BEAT, session->beat, name);
		error = lade_store_remove(store, name, &fault);
	}
	session->beat++;
	(void)fail(session, error, &fault);
	if (!error && !session->ends)
		(void)lade_repository_session_put_table(session, &fault);
}

static struct timespec next_beat(const struct lade_repository_session *session)
{
	const uint64_t ms = session->setup.beat_ms ? session->setup.beat_ms : BEAT_MS;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

static void *run(void *context)
{
	struct lade_repository_session *session = context;
	struct timespec at = next_beat(session);

	pthread_mutex_lock(&session->lock);
	while (!session->ends && !session->error) {
		if (pthread_cond_timedwait(&session->wake, &session->lock, &at) == 0 || session->ends)
			continue;
		beat(session);
		at = next_beat(session);
	}
	pthread_mutex_unlock(&session->lock);
	return NULL;
}

void lade_repository_session_stop(struct lade_repository_session *session)
{
	if (!session->has_thread)
		return;
	pthread_mutex_lock(&session->lock);
	session->ends = true;
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->lock);
	pthread_join(session->thread, NULL);
	session->has_thread = false;
}

static int start_thread(struct lade_repository_session *session, struct lade_fault *fault)
{
	const int error = pthread_create(&session->thread, NULL, run, session);

	if (error) {
		errno = error;
		return lade_fault_set(fault, LADE_E_SYSTEM, "start a thread", NULL);
	}
	session->has_thread = true;
	return 0;
}

/* ---- begin ---- */

static int make(const struct lade_repository_session_setup *setup, struct lade_repository_session **session_out)
{
	struct lade_repository_session *session = calloc(1, sizeof(*session));
	pthread_condattr_t clock;

	if (!session || lade_table_builder_new(&session->rows)) {
		free(session);
		return LADE_E_MEMORY;
	}
	session->setup = *setup;
	session->repository = setup->repository;
	session->record_fd = -1;
	memcpy(session->id.party, setup->repository->writer.id, sizeof(session->id.party));
	randombytes_buf(session->id.random, sizeof(session->id.random));
	pthread_mutex_init(&session->lock, NULL);
	/* The wall clock may jump. */
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&session->wake, &clock);
	pthread_condattr_destroy(&clock);
	*session_out = session;
	return 0;
}

static int put_lease(const struct lade_repository_session *session, struct lade_fault *fault)
{
	const struct lade_lease lease = { .session = session->id, .time = (uint64_t)time(NULL) };
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer writer;
	int error;

	lade_writer_init(&writer, LADE_LEASE_LEN);
	lade_repository_session_name(session, LADE_NAME_ACTIVE, 0, name);
	error = lade_lease_put(&writer, session->repository->format.repository, &lease, session->repository->writer.seed);
	error = error ? lade_fault_set(fault, error, "make", name) : lade_store_put(session->repository->store, name, writer.data, writer.len, fault);
	lade_writer_fini(&writer);
	return error;
}

/* Nobody else than a writer who may begins one. */
static int check_rights(const struct lade_repository *repository, struct lade_fault *fault)
{
	return repository->writer.seed && repository->may & LADE_MAY_WRITE ? 0 : lade_fault_set(fault, LADE_E_REFUSED, "begin a backup without a key to write with", NULL);
}

/* What trust/ says by now: that the writer was revoked since the repository was opened, say, or that there is a new epoch. */
static int look_at_rights(struct lade_repository *repository, struct lade_fault *fault)
{
	const int error = lade_repository_settle(repository, fault);

	return error ? error : check_rights(repository, fault);
}

/* [begin] Steps 1 to 3; what is remembered from before, step 4, is the map's cache, which knows of tables only. */
static int begin(struct lade_repository_session *session, struct lade_fault *fault)
{
	const struct lade_publish_setup publish = { .repository = session->repository, .note = session->setup.note, .context = session->setup.context };
	int error = lade_repository_read_trust(session->repository, fault);

	if (!error)
		error = lade_publish_all(&publish, fault);
	if (!error)
		error = look_at_rights(session->repository, fault);
	if (!error)
		error = lade_session_record_make(session->setup.state_fd, &session->id, &session->record_fd, fault);
	if (!error)
		error = put_lease(session, fault);
	if (!error)
		error = lade_absent_packs_read(session->repository, &session->absent, fault);
	if (!error)
		error = lade_repository_session_read_tables(session, fault);
	return error ? error : start_thread(session, fault);
}

int lade_repository_session_begin(const struct lade_repository_session_setup *setup, struct lade_repository_session **session_out, struct lade_fault *fault)
{
	struct lade_repository_session *session;
	int error = check_rights(setup->repository, fault);

	if (error)
		return error;
	if (make(setup, &session))
		return lade_fault_set(fault, LADE_E_MEMORY, "begin a backup", NULL);
	error = begin(session, fault);
	if (error) {
		lade_repository_session_leave(session);
		return error;
	}
	*session_out = session;
	return 0;
}

/* ---- the end ---- */

/* True if a list of the session has it fenced, or nothing of it. */
static bool is_fenced(const struct lade_repository_session *session)
{
	struct lade_session_list list;
	bool is = false;

	if (lade_session_list_get_one(session->repository->store, &session->id, &list, NULL))
		return false;
	is = !list.count || list.sessions[0].state == LADE_SESSION_FENCED;
	lade_session_list_fini(&list);
	return is;
}

/* Nobody shall wait for a session that has nothing: fence it, and remove what it has. It may be committed without our knowing: then it is not touched. */
static void withdraw(struct lade_repository_session *session)
{
	struct lade_store *store = session->repository->store;
	const struct lade_object_name active = lade_session_name(&session->id, LADE_NAME_ACTIVE, 0);
	const struct lade_object_name fenced = lade_session_name(&session->id, LADE_NAME_FENCED, 0);
	const int error = lade_session_rename(store, &active, &fenced, NULL);

	/* If there is none, somebody else has fenced it, or it never began. */
	if ((error && error != LADE_E_ABSENT) || !is_fenced(session) || lade_session_remove(store, &session->id, NULL))
		return;
	lade_session_record_forget(session->setup.state_fd, &session->id, session->record_fd);
	session->record_fd = -1;
}

void lade_repository_session_leave(struct lade_repository_session *session)
{
	if (!session)
		return;
	lade_repository_session_stop(session);
	if (!session->committed && (session->fenced || !session->packed))
		withdraw(session);
	else if (!session->committed)
		(void)lade_repository_session_put_table(session, NULL);
	lade_repository_session_free(session);
}

void lade_repository_session_free(struct lade_repository_session *session)
{
	if (!session)
		return;
	lade_repository_session_stop(session);
	lade_repository_session_drop_earlier(session);
	lade_session_record_release(session->record_fd);
	lade_chunk_map_close(session->map);
	lade_absent_packs_fini(&session->absent);
	lade_table_builder_free(session->rows);
	free(session->tables);
	pthread_cond_destroy(&session->wake);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

void lade_repository_session_lock(struct lade_repository_session *session)
{
	pthread_mutex_lock(&session->lock);
}

void lade_repository_session_unlock(struct lade_repository_session *session)
{
	pthread_mutex_unlock(&session->lock);
}

const struct lade_session_id *lade_repository_session_id(const struct lade_repository_session *session)
{
	return &session->id;
}
