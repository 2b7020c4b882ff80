/*
 * The order: begin the session (a dry run: only look), which says what the repository has; walk, read and put; finish the packs; commit; and then keep what is known of the files, which
 * says nothing before the snapshot is there.
 */
#include "agent/backup/backup.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/backup/chunk_view.h"
#include "agent/backup/parent.h"
#include "agent/backup/stream_file.h"
#include "agent/store/repository_session.h"
#include "agent/store/rollback.h"

/* Files that wait to be read; each has a descriptor. */
#define WAITING 256u

/* What entries keep: with another value nothing that was known counts. */
#define KNOWN_OPTIONS 1u

/* A file of the state for the time of one backup. */
#define KNOWN_PARENT "parent"

struct backup {
	const struct lade_backup_setup *setup;
	struct lade_scan_setup scan_setup;
	struct lade_strict_cut cuts[2];
	struct lade_backup_shared shared;
	struct lade_backup_worker *workers; /* of the pool, and one more of the walk */
	unsigned worker_count;              /* prepared, one may be in part */
	struct lade_repository_session *session;
	struct lade_chunk_view *view;       /* of a dry run, in the session's place */
	struct lade_chunk_sink *sink;
	struct lade_known *known;
	struct lade_known_writer *to_know;
	struct lade_tree *tree;
	struct lade_slice root;             /* its recipe; the tree's */
	uint8_t (*needs)[LADE_HASH_LEN];
	size_t need_count;
};

static int no_memory(struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "back up", NULL);
}

static void fini(struct backup *backup)
{
	lade_pool_free(backup->shared.pool);
	lade_tree_free(backup->tree);
	for (unsigned i = 0; i < backup->worker_count; i++)
		lade_backup_worker_fini(&backup->workers[i]);
	free(backup->workers);
	lade_slabs_free(backup->shared.slabs);
	lade_chunk_sink_free(backup->sink);
	lade_known_abandon(backup->to_know);
	lade_known_free(backup->known);
	lade_repository_session_leave(backup->session);
	lade_chunk_view_close(backup->view);
	sodium_memzero(backup->cuts, sizeof(backup->cuts));
	free(backup->needs);
}

/* ---- the beginning ---- */

static int begin_session(struct backup *backup, struct lade_fault *fault)
{
	const struct lade_backup_setup *setup = backup->setup;
	const struct lade_repository_session_setup session = {
		.repository = setup->repository, .cache_fd = setup->cache_fd, .state_fd = setup->state_fd,
		.note = setup->note, .context = setup->context,
	};

	return lade_repository_session_begin(&session, &backup->session, fault);
}

/* A dry run tells nobody that it is there: nothing at all is written into the store. */
static int open_view(struct backup *backup, struct lade_fault *fault)
{
	const struct lade_backup_setup *setup = backup->setup;
	const struct lade_chunk_view_setup view = { .repository = setup->repository, .cache_fd = setup->cache_fd, .note = setup->note, .context = setup->context };

	return lade_chunk_view_open(&view, &backup->view, fault);
}

static int make_sink(struct backup *backup, struct lade_fault *fault)
{
	const struct lade_repository *repository = backup->setup->repository;
	struct lade_chunk_sink_setup sink = {
		.store = repository->store, .id_hash = repository->format.id_hash, .ids_secret = lade_repository_ids_key(repository),
		.level = backup->setup->level, .find = lade_repository_session_find, .packed = lade_repository_session_packed, .context = backup->session,
	};
	int error;

	if (backup->setup->dry_run) {
		sink.store = NULL;
		sink.find = lade_chunk_view_find;
		sink.context = backup->view;
	}
	error = lade_repository_pack_setup(repository, &sink.pack, fault);
	if (error)
		return error;
	error = lade_chunk_sink_new(&sink, &backup->sink);
	sodium_memzero(&sink.pack, sizeof(sink.pack));
	return error ? no_memory(fault) : 0;
}

static int make_workers(struct backup *backup, struct lade_fault *fault)
{
	const unsigned threads = backup->setup->threads;
	void *workers[LADE_POOL_MAX];

	backup->workers = calloc(threads + 1, sizeof(backup->workers[0]));
	if (!backup->workers || lade_slabs_new((size_t)LADE_BACKUP_SLAB_PARTS * backup->cuts[0].lengths.greatest, &backup->shared.slabs))
		return no_memory(fault);
	while (backup->worker_count <= threads) {
		if (lade_backup_worker_init(&backup->workers[backup->worker_count++], &backup->shared))
			return no_memory(fault);
	}
	for (unsigned i = 0; i < threads; i++)
		workers[i] = &backup->workers[i];
	return lade_pool_new(workers, threads, WAITING, &backup->shared.pool, fault);
}

static void note(const struct backup *backup, const char *text)
{
	if (backup->setup->note)
		backup->setup->note(backup->setup->context, text);
}

/* What the snapshot before tells of files, where nothing is known from the last backup here. There may be none; then all files are read, as they are if this fails. */
static void ask_parent(struct backup *backup, const struct lade_known_setup *known)
{
	const struct lade_backup_setup *setup = backup->setup;
	const struct lade_parent_wish wish = {
		.repository = setup->repository, .cache_fd = setup->cache_fd, .description = &setup->description, .directory_fd = setup->state_fd,
		.name = KNOWN_PARENT, .setup = known,
	};
	struct lade_fault fault;
	int error = lade_parent_know(&wish, &fault);

	if (!error)
		error = lade_known_open(setup->state_fd, KNOWN_PARENT, known, &backup->known);
	(void)unlinkat(setup->state_fd, KNOWN_PARENT, 0);
	if (error == LADE_E_REFUSED)
		note(backup, "nothing is known of the files here, and this key may not read the snapshot before: all files are read");
	else if (error && error != LADE_E_ABSENT)
		note(backup, "nothing is known of the files here, and the snapshot before cannot be read: all files are read");
}

/* What is known of files. Without it all are read. */
static void find_known(struct backup *backup)
{
	const struct lade_backup_setup *setup = backup->setup;
	struct lade_known_setup known = { .options = KNOWN_OPTIONS };
	struct lade_fault fault;

	if (setup->state_fd < 0 || !setup->known_name)
		return;
	memcpy(known.repository, setup->repository->format.repository, sizeof(known.repository));
	if (!setup->force && lade_known_open(setup->state_fd, setup->known_name, &known, &backup->known))
		ask_parent(backup, &known);
	if (!setup->dry_run && lade_known_begin(setup->state_fd, &known, true, &backup->to_know, &fault))
		note(backup, "what is known of the files cannot be kept, so the next backup will read them all again");
}

/* Tell if the repository shows less of us than it did. A client that may only add looks at its own snapshots, too. */
static void compare(const struct backup *backup)
{
	const struct lade_backup_setup *setup = backup->setup;
	const struct lade_rollback_wish wish = {
		.repository = setup->repository, .state_fd = setup->state_fd, .writer = setup->repository->writer.id, .note = setup->note, .context = setup->context,
	};
	struct lade_fault fault;

	if (setup->state_fd >= 0 && setup->note && lade_rollback_compare(&wish, &fault) < 0)
		note(backup, "what was seen of the repository before cannot be compared");
}

static int prepare(struct backup *backup, struct lade_fault *fault)
{
	const struct lade_repository *repository = backup->setup->repository;
	const uint8_t *cuts = lade_repository_cuts_key(repository);
	int error;

	if (!cuts || !lade_repository_ids_key(repository))
		return lade_fault_set(fault, LADE_E_REFUSED, "back up: the key cannot write to this repository", NULL);
	if (lade_chunk_cuts(&repository->format, cuts, backup->cuts))
		return no_memory(fault);
	compare(backup);
	find_known(backup);
	error = backup->setup->dry_run ? open_view(backup, fault) : begin_session(backup, fault);
	if (!error)
		error = make_sink(backup, fault);
	if (error)
		return error;
	backup->shared.sink = backup->sink;
	backup->shared.cuts = backup->cuts;
	backup->shared.lengths = lade_stream_lengths_of(&repository->format);
	error = make_workers(backup, fault);
	if (!error && lade_tree_new(&backup->shared, &backup->tree))
		error = no_memory(fault);
	return error;
}

/* ---- what is backed up ---- */

static int put_stream(struct backup *backup, struct lade_backup_result *result, struct lade_fault *fault)
{
	const struct lade_stream_file file = {
		.fd = backup->setup->stream_fd, .path = backup->setup->stream_path, .time = backup->scan_setup.start, .events = backup->setup->scan.events,
		.stop = backup->setup->scan.stop,
	};

	return lade_stream_file_put(&file, backup->tree, &backup->workers[backup->setup->threads], &result->scan, fault);
}

static int put_files(struct backup *backup, struct lade_backup_result *result, struct lade_fault *fault)
{
	struct lade_scan *scan;
	int error;

	backup->scan_setup.known = backup->known;
	backup->scan_setup.to_know = backup->to_know;
	if (lade_scan_new(&backup->scan_setup, &backup->workers[backup->setup->threads], &scan))
		return no_memory(fault);
	error = lade_scan_run(scan, backup->tree, fault);
	result->scan = lade_scan_figures(scan);
	lade_scan_free(scan);
	return error;
}

/* ---- the end ---- */

/* True if the last backup had the same root; then *parent_out is its snapshot in any case. False: it had not, or there is none that is known. */
static bool find_last(const struct backup *backup, bool *has_parent_out, uint8_t parent_out[LADE_HASH_LEN])
{
	const struct stat none = { 0 };
	struct lade_known_file last;

	*has_parent_out = backup->known && lade_known_find(backup->known, LADE_KNOWN_LAST, &none, &last) && last.ids.len == LADE_HASH_LEN;
	if (!*has_parent_out)
		return false;
	memcpy(parent_out, last.ids.data, LADE_HASH_LEN);
	return lade_slice_equal(last.entry, backup->root);
}

static void keep_last(struct backup *backup, const uint8_t snapshot[LADE_HASH_LEN])
{
	const struct lade_known_file last = { .entry = backup->root, .ids = lade_slice(snapshot, LADE_HASH_LEN) };
	const struct stat none = { 0 };
	struct lade_fault fault;

	if (!backup->to_know)
		return;
	lade_known_add(backup->to_know, LADE_KNOWN_LAST, &none, &last);
	if (lade_known_commit(backup->to_know, backup->setup->known_name, &fault))
		note(backup, "what is known of the files could not be kept, so the next backup will read them all again");
	backup->to_know = NULL;
}

static struct lade_snapshot_moment now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_REALTIME, &time);
	return (struct lade_snapshot_moment){ .seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec };
}

static int commit(struct backup *backup, struct lade_backup_result *result, struct lade_fault *fault)
{
	const struct lade_backup_setup *setup = backup->setup;
	struct lade_snapshot_description description = setup->description;
	struct lade_repository_commit commit = { .description = &description, .content_time = setup->content_time };
	const bool same = find_last(backup, &description.has_parent, description.parent);
	int error;

	if (setup->skip_if_unchanged && same)
		return 0;
	if (lade_chunk_sink_needs(backup->sink, &backup->needs, &backup->need_count))
		return no_memory(fault);
	commit.needs = (const uint8_t(*)[LADE_HASH_LEN])backup->needs;
	commit.need_count = backup->need_count;
	if (!commit.content_time)
		commit.content_time = (uint64_t)backup->scan_setup.start.tv_sec;
	description.root = backup->root;
	description.has_times = description.has_figures = true;
	description.begin = (struct lade_snapshot_moment){ .seconds = backup->scan_setup.start.tv_sec, .nanoseconds = (uint32_t)backup->scan_setup.start.tv_nsec };
	description.end = now();
	description.figures = (struct lade_snapshot_figures){
		.files = result->scan.files, .directories = result->scan.directories, .others = result->scan.others, .bytes = result->scan.bytes,
		.bytes_new = result->chunks.bytes_new, .bytes_stored = result->chunks.bytes_stored, .errors = result->scan.errors,
	};
	error = lade_repository_session_commit(backup->session, &commit, result->snapshot, fault);
	if (error)
		return error;
	result->made = true;
	keep_last(backup, result->snapshot);
	return 0;
}

/* It was interrupted: packs that are open are finished, so that the next backup finds all that was put. If that cannot be done, it finds less. */
static void keep_put(struct backup *backup)
{
	struct lade_fault fault;

	if (backup->sink && !backup->setup->dry_run)
		(void)lade_chunk_sink_finish(backup->sink, &fault);
}

static int run(struct backup *backup, struct lade_backup_result *result, struct lade_fault *fault)
{
	int error = prepare(backup, fault);

	if (!error)
		error = backup->setup->stream_path ? put_stream(backup, result, fault) : put_files(backup, result, fault);
	if (!error)
		error = lade_tree_finish(backup->tree, &backup->root, fault);
	if (error == LADE_E_CANCELLED)
		keep_put(backup);
	if (!error && backup->setup->ready)
		error = backup->setup->ready(backup->setup->ready_context, fault);
	if (!error && !backup->setup->dry_run)
		error = lade_chunk_sink_finish(backup->sink, fault);
	if (backup->sink)
		result->chunks = lade_chunk_sink_figures(backup->sink);
	if (!error && !backup->setup->dry_run)
		error = commit(backup, result, fault);
	return error;
}

int lade_backup_run(const struct lade_backup_setup *setup, struct lade_backup_result *result_out, struct lade_fault *fault)
{
	struct backup backup = { .setup = setup, .scan_setup = setup->scan };
	int error;

	*result_out = (struct lade_backup_result){ 0 };
	(void)clock_gettime(CLOCK_REALTIME, &backup.scan_setup.start);
	error = run(&backup, result_out, fault);
	fini(&backup);
	return error;
}
