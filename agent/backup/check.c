/*
 * The order of a check: what there is, then objects that stand for themselves, then what they say of each other. Packs go before trees, so that those know which chunks are damaged.
 *
 * A repository in use changes meanwhile. Lists are made in the order in which things move (check_list.c), so that what a snapshot needs is not missed; what has gone when it is read was deleted by somebody who may, or
 * has moved on, and is told as a note.
 */
#include "agent/backup/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"

/* Bytes of a problem that is told. */
#define PROBLEM_SIZE 512u

/* Blocks that are kept for trees. */
#define CACHE_LEN (64u << 20)

/* ---- telling ---- */

/* Lock held. */
static void tell(struct check *check, const struct lade_check_finding *finding)
{
	if (finding->severity == LADE_CHECK_ERROR)
		check->figures.errors++;
	else
		check->figures.notes++;
	check->setup->found(check->setup->context, finding);
}

void check_tell(struct check *check, enum lade_check_severity severity, const char *object, const char *problem, ...)
{
	char text[PROBLEM_SIZE];
	const struct lade_check_finding finding = { .severity = severity, .object = object, .problem = text };
	va_list arguments;

	va_start(arguments, problem);
	(void)vsnprintf(text, sizeof(text), problem, arguments);
	va_end(arguments);
	pthread_mutex_lock(&check->lock);
	tell(check, &finding);
	pthread_mutex_unlock(&check->lock);
}

void check_tell_hurt(struct check *check, const struct check_snapshot *snapshot, const char *path, const char *object, const char *problem)
{
	const struct lade_check_finding finding = { .severity = LADE_CHECK_ERROR, .object = object, .problem = problem,
						    .snapshot = snapshot->short_id, .path = path };

	pthread_mutex_lock(&check->lock);
	tell(check, &finding);
	pthread_mutex_unlock(&check->lock);
}

bool check_goes_on(struct check *check)
{
	if (check->stops || !check->setup->progress)
		return !check->stops;
	pthread_mutex_lock(&check->lock);
	if (!check->setup->progress(check->setup->context, &check->figures))
		check->stops = true;
	pthread_mutex_unlock(&check->lock);
	return !check->stops;
}

const char *check_problem(int error)
{
	switch (error) {
	case LADE_E_ABSENT: return "is missing";
	case LADE_E_TRUNCATED: return "is shorter than it was";
	case LADE_E_LIMIT: return "is longer than such an object may be";
	case LADE_E_VERSION: return "is of a version that this program does not know";
	case LADE_E_REFUSED: return "is by nobody of whom the root key says something";
	case LADE_E_UNSUPPORTED: return "is of an epoch whose key is not at hand";
	case LADE_E_SYSTEM: return "cannot be read";
	default: return "is damaged";
	}
}

void check_tell_damage(struct check *check, const struct lade_object_name *name, int error)
{
	const bool of_session = name->kind >= LADE_NAME_ACTIVE && name->kind <= LADE_NAME_FENCED;
	char object[LADE_OBJECT_NAME_MAX + 1];

	lade_object_name_format(name, object);
	if (of_session && !check_is_committed(check, &name->session))
		check_tell(check, LADE_CHECK_NOTE, object, "%s; it is of a backup that was not finished, and nothing is lost by it", check_problem(error));
	else
		check_tell(check, LADE_CHECK_ERROR, object, "%s", check_problem(error));
}

int check_read(struct check *check, const struct lade_object_item *item, uint64_t limit, struct lade_slice *object_out)
{
	uint8_t *object = NULL;
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_object_list_read(check->store, item, limit, &object, NULL);

	*object_out = lade_slice(object, (size_t)item->len);
	if (!error || error == LADE_E_MEMORY)
		return error;
	lade_object_name_format(&item->name, name);
	if (error == LADE_E_ABSENT)
		check_tell(check, LADE_CHECK_NOTE, name, "went away while it was to be checked");
	else
		check_tell_damage(check, &item->name, error);
	return error;
}

static int compare_pack(const void *name, const void *pack)
{
	return memcmp(name, ((const struct check_pack *)pack)->name, LADE_HASH_LEN);
}

struct check_pack *check_find_pack(const struct check *check, const uint8_t name[LADE_HASH_LEN])
{
	return check->pack_count ? bsearch(name, check->packs, check->pack_count, sizeof(*check->packs), compare_pack) : NULL;
}

/* ---- threads ---- */

struct helper {
	void (*work)(void *context);
	void *context;
};

static void *help(void *argument)
{
	const struct helper *helper = argument;

	helper->work(helper->context);
	return NULL;
}

void check_together(struct check *check, void (*work)(void *context), void *context)
{
	struct helper helper = { work, context };
	pthread_t threads[LADE_CHECK_THREADS_MAX];
	unsigned count = 0;

	/* This one works, too; where no more can be started there are fewer. */
	while (count + 1 < check->setup->threads && count < LADE_CHECK_THREADS_MAX && !pthread_create(&threads[count], NULL, help, &helper))
		count++;
	work(context);
	while (count)
		pthread_join(threads[--count], NULL);
}

/* ---- the check itself ---- */

void check_init(struct check *check, struct lade_store *store, const struct lade_check_setup *setup)
{
	memset(check, 0, sizeof(*check));
	check->setup = setup;
	check->store = store;
	pthread_mutex_init(&check->lock, NULL);
}

void check_fini(struct check *check, struct lade_check_figures *figures_out)
{
	*figures_out = check->figures;
	lade_chunk_fetch_free(check->fetch);
	lade_chunk_map_close(check->map);
	lade_key_set_free(check->good);
	lade_key_set_free(check->bad);
	check_list_free(check);
	pthread_mutex_destroy(&check->lock);
}

/* True if the next phase may begin. */
static bool enter(struct check *check, enum lade_check_phase phase)
{
	pthread_mutex_lock(&check->lock);
	check->figures.phase = phase;
	pthread_mutex_unlock(&check->lock);
	return check_goes_on(check);
}

/* What needs the map: packs and trees. */
static int check_content(struct check *check, struct lade_fault *fault)
{
	struct lade_chunk_fetch_setup setup = { .repository = check->repository, .map = check->map, .threads = 1, .cache_len = CACHE_LEN };
	int error = lade_key_set_new(16, &check->good);

	if (!error)
		error = lade_key_set_new(16, &check->bad);
	if (error)
		return lade_fault_set(fault, error, "check", NULL);
	error = lade_chunk_fetch_new(&setup, &check->fetch, fault);
	if (!error && enter(check, LADE_CHECK_PACKS)) {
		check_choose_packs(check);
		check_named_packs(check);
		error = check_packs(check, fault);
	}
	if (!error && enter(check, LADE_CHECK_TREES))
		error = check_trees(check, fault);
	return error;
}

static int check_all(struct check *check, struct lade_fault *fault)
{
	int error = lade_repository_read_trust(check->repository, fault);

	if (!error)
		error = check_list(check, fault);
	if (error)
		return error;
	error = check_objects(check);
	if (!error)
		error = check_snapshots(check);
	if (error)
		return lade_fault_set(fault, error, "check", NULL);
	if (enter(check, LADE_CHECK_TABLES))
		error = check_tables(check, fault);
	return error ? error : check_content(check, fault);
}

int lade_check_repository(struct lade_repository *repository, const struct lade_check_setup *setup, struct lade_check_figures *figures_out, struct lade_fault *fault)
{
	struct check check;
	int error;

	check_init(&check, repository->store, setup);
	check.repository = repository;
	if (!(repository->may & LADE_MAY_READ))
		error = lade_fault_set(fault, LADE_E_REFUSED, "check without a key that reads", NULL);
	else
		error = check_all(&check, fault);
	if (!error && check.stops)
		error = lade_fault_set(fault, LADE_E_CANCELLED, "check", NULL);
	check_fini(&check, figures_out);
	return error;
}
