/*
 * [commit] All that the snapshot needs is behind a barrier, then all that says so, then one rename, which is the commit. What comes after that can only be late, not wrong.
 *
 * The snapshot's number is found at the last moment, so that two sessions of a writer make a fork of his chain only if they commit at the same time.
 */
#include "agent/store/repository_session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/store/refs.h"
#include "agent/store/repository_session_internal.h"
#include "agent/store/session_record.h"
#include "agent/store/snapshot_chain.h"

/* A commit under way. */
struct work {
	struct lade_repository_session *session;
	struct lade_repository *repository;
	const struct lade_repository_commit *commit;
	struct lade_snapshot_chain chain; /* before this one */
	uint8_t refs[LADE_HASH_LEN], snapshot[LADE_HASH_LEN];
};

static int put(const struct work *work, enum lade_name_kind kind, const struct lade_writer *object, uint8_t hash_out[LADE_HASH_LEN], struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_object_hash(object->data, object->len, hash_out);

	lade_repository_session_name(work->session, kind, 0, name);
	return error ? lade_fault_set(fault, error, "make", name) : lade_store_put(work->repository->store, name, object->data, object->len, fault);
}

/* [refs] Of generation 0. */
static int put_refs(struct work *work, struct lade_fault *fault)
{
	struct lade_refs refs = { .snapshot = { .number = work->chain.number + 1 } };
	struct lade_refs_builder packs;
	struct lade_writer writer;
	int error = 0;

	lade_refs_builder_init(&packs);
	lade_writer_init(&writer, LADE_REFS_LEN(work->commit->need_count));
	memcpy(refs.snapshot.writer, work->session->id.party, sizeof(refs.snapshot.writer));
	for (size_t i = 0; i < work->commit->need_count && !error; i++)
		error = lade_refs_builder_add(&packs, work->commit->needs[i]);
	if (!error)
		error = lade_refs_builder_take(&packs, &refs);
	if (!error)
		error = lade_refs_put(&writer, work->repository->format.repository, &refs, NULL);
	error = error ? lade_fault_set(fault, error, "say which packs a snapshot needs", NULL)
		      : put(work, LADE_NAME_SESSION_REFS, &writer, work->refs, fault);
	lade_writer_fini(&writer);
	lade_refs_builder_fini(&packs);
	return error;
}

/* The names of the session's tables, in order, which the caller frees. */
static int table_names(const struct work *work, uint8_t **names_out, size_t *count_out)
{
	const struct lade_repository_session *session = work->session;
	uint8_t *names = malloc(session->table_count ? session->table_count * LADE_HASH_LEN : 1);

	if (!names)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < session->table_count; i++)
		memcpy(names + i * LADE_HASH_LEN, session->tables[i].hash, LADE_HASH_LEN);
	*count_out = session->table_count ? lade_object_sort(names, session->table_count, LADE_HASH_LEN) : 0;
	*names_out = names;
	return 0;
}

static int put_snapshot(struct work *work, struct lade_fault *fault)
{
	struct lade_snapshot_head head = { .number = work->chain.number + 1, .sealed_time = (uint64_t)time(NULL), .time = work->commit->content_time };
	struct lade_pack_setup setup;
	struct lade_writer writer;
	uint8_t *tables = NULL;
	size_t table_count = 0;
	int error = lade_repository_pack_setup(work->repository, &setup, fault);

	if (error)
		return error;
	lade_writer_init(&writer, LADE_SNAPSHOT_MAX);
	memcpy(head.before, work->chain.hash, sizeof(head.before));
	memcpy(head.refs, work->refs, sizeof(head.refs));
	error = table_names(work, &tables, &table_count);
	head.tables = tables;
	head.table_count = (uint32_t)table_count;
	if (!error)
		error = lade_snapshot_put(&writer, &setup, &head, work->commit->description, work->repository->writer.seed);
	error = error ? lade_fault_set(fault, error, "make a snapshot", NULL)
		      : put(work, LADE_NAME_SESSION_SNAPSHOT, &writer, work->snapshot, fault);
	sodium_memzero(&setup, sizeof(setup));
	lade_writer_fini(&writer);
	free(tables);
	return error;
}

/* Steps 1 and 2. */
static int prepare(struct work *work, struct lade_fault *fault)
{
	struct lade_store *store = work->repository->store;
	int error = lade_store_barrier(store, fault);

	if (!error)
		error = lade_repository_session_put_table(work->session, fault);
	if (!error)
		error = lade_snapshot_chain_find(work->repository, work->session->id.party, NULL, &work->chain, fault);
	if (!error)
		error = put_refs(work, fault);
	if (!error)
		error = put_snapshot(work, fault);
	return error ? error : lade_store_barrier(store, fault);
}

/* ---- step 3 ---- */

static int rename_active(const struct work *work, enum lade_name_kind kind, uint64_t when, struct lade_fault *fault)
{
	const struct lade_object_name active = lade_session_name(&work->session->id, LADE_NAME_ACTIVE, 0), to = lade_session_name(&work->session->id, kind, when);

	return lade_session_rename(work->repository->store, &active, &to, fault);
}

static int fenced(struct work *work, struct lade_fault *fault)
{
	work->session->fenced = true;
	return lade_fault_set(fault, LADE_E_CANCELLED, "commit a backup that somebody has fenced, as it seemed to be dead: it has to begin again", NULL);
}

/* True if snapshots/ has ours: somebody has published it already. */
static int is_published(const struct work *work, bool *is_out, struct lade_fault *fault)
{
	struct lade_object_name name = { .kind = LADE_NAME_SNAPSHOT, .snapshot = { .number = work->chain.number + 1 } };
	char prefix[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_list list = { .items = NULL };
	int error;

	memcpy(name.snapshot.writer, work->session->id.party, sizeof(name.snapshot.writer));
	memcpy(name.snapshot.hash, work->snapshot, sizeof(name.snapshot.hash));
	lade_object_name_format(&name, prefix);
	/* All but the time, which ends it. */
	*(strrchr(prefix, '-') + 1) = '\0';
	error = lade_object_list_get(work->repository->store, prefix, &list, fault);
	*is_out = list.count > 0;
	lade_object_list_fini(&list);
	return error;
}

/* There is no .active: it was committed, or fenced by others. Sessions are looked at first, as things move from there. */
static int find_outcome(struct work *work, struct lade_fault *fault)
{
	struct lade_session_list list;
	bool published = false;
	enum lade_session_state state = LADE_SESSION_LEFT;
	int error = lade_session_list_get_one(work->repository->store, &work->session->id, &list, fault);

	if (error)
		return error;
	if (list.count)
		state = list.sessions[0].state;
	lade_session_list_fini(&list);
	if (state == LADE_SESSION_COMMITTED)
		return 0;
	if (state != LADE_SESSION_FENCED)
		error = is_published(work, &published, fault);
	if (error || published)
		return error;
	return fenced(work, fault);
}

/*
 * The rename had no answer, which is in *fault: it is done, or not, or is still to come. If the session can be fenced it never will be. Returns 0: it is committed; what was wrong, if it is not; or what is
 * wrong now, with which it is not known.
 */
static int decide(struct work *work, int why, struct lade_fault *fault)
{
	struct lade_fault now;
	int error = rename_active(work, LADE_NAME_FENCED, 0, &now);

	if (!error) {
		work->session->fenced = true;
		return why;
	}
	if (error == LADE_E_ABSENT) {
		error = find_outcome(work, &now);
		if (!error)
			return 0;
		if (work->session->fenced) {
			*fault = now;
			return error;
		}
	}
	fault->operation = "learn whether a backup was committed (the next one will)";
	return why;
}

static int commit(struct work *work, struct lade_fault *fault)
{
	int error = rename_active(work, LADE_NAME_COMMITTED, (uint64_t)time(NULL), fault);

	if (error == LADE_E_ABSENT)
		return fenced(work, fault);
	if (error)
		error = decide(work, error, fault);
	return error;
}

/* ---- step 4 ---- */

/* An earlier session that is dead is of no more use. */
static void remove_earlier(struct lade_repository_session *session)
{
	struct lade_store *store = session->repository->store;

	for (size_t i = 0; i < session->earlier_count; i++) {
		struct lade_session_earlier *earlier = &session->earlier[i];
		const struct lade_object_name active = lade_session_name(&earlier->id, LADE_NAME_ACTIVE, 0);
		const struct lade_object_name end = lade_session_name(&earlier->id, LADE_NAME_FENCED, 0);

		if (earlier->record_fd < 0 || lade_session_rename(store, &active, &end, NULL) || lade_session_remove(store, &earlier->id, NULL))
			continue;
		lade_session_record_forget(session->setup.state_fd, &earlier->id, earlier->record_fd);
		earlier->record_fd = -1;
	}
}

static void clean_up(struct lade_repository_session *session)
{
	const struct lade_publish_setup setup = {
		.repository = session->repository,
		.note = session->setup.note,
		.context = session->setup.context,
		.known = session->tables,
		.known_count = session->table_count,
	};
	struct lade_fault fault;
	const int error = lade_publish_session(&setup, &session->id, &fault);

	if (error && error != LADE_E_REFUSED)
		lade_publish_tell(session->setup.note, session->setup.context, "the snapshot is there, and is still to be published: %s %s: %s", fault.operation,
				  fault.subject, lade_fault_reason(&fault));
	remove_earlier(session);
	lade_session_record_forget(session->setup.state_fd, &session->id, session->record_fd);
	session->record_fd = -1;
}

/* All of it, with the lock. */
static int commit_locked(struct work *work, struct lade_fault *fault)
{
	struct lade_repository_session *session = work->session;
	int error;

	if (session->committed)
		return lade_fault_set(fault, LADE_E_USAGE, "commit a backup twice", NULL);
	if (session->error)
		*fault = session->fault;
	error = session->error ? session->error : prepare(work, fault);
	if (!error)
		error = commit(work, fault);
	if (error)
		return error;
	session->committed = true;
	return lade_store_barrier(work->repository->store, fault);
}

int lade_repository_session_commit(struct lade_repository_session *session, const struct lade_repository_commit *commit_setup,
				   uint8_t snapshot_out[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct work work = { .session = session, .repository = session->repository, .commit = commit_setup };
	struct lade_fault own;
	int error;

	fault = fault ? fault : &own;
	pthread_mutex_lock(&session->lock);
	error = commit_locked(&work, fault);
	pthread_mutex_unlock(&session->lock);
	lade_repository_session_stop(session);
	if (error)
		return error;
	clean_up(session);
	memcpy(snapshot_out, work.snapshot, sizeof(work.snapshot));
	return 0;
}
