/*
 * Snapshots are listed with the keys at hand; one that cannot be opened has no tree here. Where chunks are is found out only by who wants some.
 */
#include "agent/snapshot_reading.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/help.h"
#include "agent/screen.h"
#include "agent/store/chunk_id.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/rollback.h"
#include "agent/thread_count.h"

/* Blocks of packs that are kept for chunks that are wanted one at a time: directories and lists. */
#define CACHE_LEN ((size_t)64 << 20)
/* Digits of an id, and its end. */
#define ID_SIZE (2u * LADE_HASH_LEN + 1u)

void lade_snapshot_reading_init(struct lade_snapshot_reading *reading)
{
	*reading = (struct lade_snapshot_reading){ .place = { .cache_fd = -1, .state_fd = -1 } };
}

void lade_snapshot_reading_close(struct lade_snapshot_reading *reading)
{
	lade_chunk_fetch_free(reading->fetch);
	lade_chunk_map_close(reading->map);
	lade_snapshot_list_fini(&reading->list);
	lade_repository_place_close(&reading->place);
	lade_repository_close(reading->repository);
	sodium_memzero(reading->cuts, sizeof(reading->cuts));
	lade_snapshot_reading_init(reading);
}

static void say(void *context, const char *text)
{
	(void)context;
	lade_screen_print(stderr, text);
}

static void tell_bad(void *context, const char *object, int error)
{
	char text[512];

	(void)context;
	snprintf(text, sizeof(text), "%.300s is left out: %s", object, lade_error_text(error));
	lade_screen_print(stderr, text);
}

/* What this host keeps of the repository, and remembers: the user hears if less is there than was. Without it all works. */
static void open_place(struct lade_snapshot_reading *reading)
{
	const struct lade_repository_place *place = &reading->place;
	struct lade_rollback_wish wish = { .repository = reading->repository, .list = &reading->list, .note = say };
	struct lade_complaint note;
	struct lade_fault fault;
	int error = lade_repository_place_open(&reading->place, reading->repository, &fault);

	wish.state_fd = place->state_fd;
	if (!error && lade_rollback_compare(&wish, &fault) < 0)
		error = fault.code;
	if (!error)
		return;
	lade_complain_fault(&note, 0, &fault);
	lade_screen_print(stderr, note.text);
}

int lade_snapshot_reading_open(struct lade_snapshot_reading *reading, const struct lade_repository_options *options, struct lade_complaint *complaint)
{
	struct lade_snapshot_list_setup setup = { .bad = tell_bad };
	struct lade_fault fault;
	int error = lade_repository_options_place(options, reading->name, complaint);

	if (!error)
		error = lade_repository_options_open(options, LADE_MAY_READ, &reading->repository, complaint);
	if (error)
		return error;
	setup.repository = reading->repository;
	if (lade_snapshot_list_get(&setup, &reading->list, &fault))
		return lade_repository_complain(complaint, reading->name, &fault);
	open_place(reading);
	return 0;
}

bool lade_snapshot_choice_means(const struct lade_snapshot_choice *choice, const struct lade_snapshot_item *item)
{
	const struct lade_snapshot_filter filter = {
		.host = lade_slice(choice->host, choice->host ? strlen(choice->host) : 0), .path = lade_slice(choice->path, choice->path ? strlen(choice->path) : 0),
		.tag = lade_slice(choice->tag, choice->tag ? strlen(choice->tag) : 0),
	};

	return lade_snapshot_matches(item, &filter);
}

int lade_snapshot_reading_find(const struct lade_snapshot_reading *reading, const char *text, const struct lade_snapshot_choice *choice,
			       struct lade_snapshot_named *named_out, struct lade_complaint *complaint)
{
	const struct lade_snapshot_filter filter = {
		.host = lade_slice(choice->host, choice->host ? strlen(choice->host) : 0), .path = lade_slice(choice->path, choice->path ? strlen(choice->path) : 0),
		.tag = lade_slice(choice->tag, choice->tag ? strlen(choice->tag) : 0),
	};
	const size_t len = strcspn(text, ":");
	struct lade_fault fault;
	char id[ID_SIZE];
	int error;

	if (len >= sizeof(id) || !len)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%.100s' is no snapshot: 'latest', or the beginning of an id that 'lade snapshots' shows", text);
	memcpy(id, text, len);
	id[len] = '\0';
	error = lade_snapshot_list_find(&reading->list, id, &filter, &named_out->item, &fault);
	if (error == LADE_E_ABSENT)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "there is no snapshot '%s' in \"%.600s\"", id, reading->name);
	if (error == LADE_E_USAGE)
		return lade_complain(complaint, LADE_REPOSITORY_ERROR, "'%s' is no snapshot, or the beginning of several ids; 'lade snapshots' shows them", id);
	if (error)
		return lade_repository_complain(complaint, reading->name, &fault);
	if (!named_out->item->is_open)
		return lade_complain(complaint, LADE_REPOSITORY_KEY, "snapshot %s cannot be opened with this key", id);
	named_out->subpath = text[len] && text[len + 1] ? text + len + 1 : NULL;
	return 0;
}

static int load_map(struct lade_snapshot_reading *reading, struct lade_fault *fault)
{
	const struct lade_chunk_map_setup setup = { .directory = reading->place.cache_fd, .repository = reading->repository->format.repository };
	const struct lade_chunk_tables_setup tables = { .repository = reading->repository, .note = say };
	int error = lade_chunk_map_open(&setup, &reading->map, fault);

	return error ? error : lade_chunk_tables_load(reading->map, &tables, fault);
}

int lade_snapshot_reading_start(struct lade_snapshot_reading *reading, uint64_t threads, struct lade_complaint *complaint)
{
	struct lade_chunk_fetch_setup setup = {
		.repository = reading->repository, .threads = lade_thread_count(threads, LADE_FETCH_THREADS_MAX), .cache_len = CACHE_LEN,
	};
	const uint8_t *cuts = lade_repository_cuts_key(reading->repository);
	struct lade_fault fault;
	int error;

	error = cuts ? lade_chunk_cuts(&reading->repository->format, cuts, reading->cuts) : LADE_E_REFUSED;
	if (error)
		lade_fault_set(&fault, error, "use the keys of", reading->name);
	else
		error = load_map(reading, &fault);
	setup.map = reading->map;
	if (!error)
		error = lade_chunk_fetch_new(&setup, &reading->fetch, &fault);
	return error ? lade_repository_complain(complaint, reading->name, &fault) : 0;
}

int lade_snapshot_reading_begin(struct lade_snapshot_reading *reading, const struct lade_snapshot_wish *wish, struct lade_snapshot_named *named_out,
				struct lade_complaint *complaint)
{
	int error = lade_snapshot_reading_open(reading, wish->repository, complaint);

	if (!error)
		error = lade_snapshot_reading_find(reading, wish->snapshot, wish->choice, named_out, complaint);
	return error ? error : lade_snapshot_reading_start(reading, wish->threads, complaint);
}

struct lade_stream_source lade_snapshot_reading_source(const struct lade_snapshot_reading *reading)
{
	return (struct lade_stream_source){ lade_chunk_fetch_get, reading->fetch, lade_stream_lengths_of(&reading->repository->format) };
}

int lade_snapshot_reading_run(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events,
			      struct lade_fault *fault)
{
	return lade_chunk_fetch_run(context, wants, count, events, fault);
}

int lade_snapshot_reading_exit(int status)
{
	char text[128];

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	snprintf(text, sizeof(text), "write to standard output: %s", strerror(errno));
	lade_screen_print(stderr, text);
	/* Nobody is to try, and tell, once more. */
	__fpurge(stdout);
	clearerr(stdout);
	return LADE_REPOSITORY_ERROR;
}

int lade_snapshot_reading_end(struct lade_snapshot_reading *reading, int error, const struct lade_complaint *complaint, const char *help, int status)
{
	if (error)
		lade_screen_print(stderr, complaint->text);
	else if (help)
		(void)lade_help_print(stdout, help);
	lade_snapshot_reading_close(reading);
	return lade_snapshot_reading_exit(error ? complaint->exit_status : status);
}

void lade_snapshot_time(uint64_t seconds, char out[LADE_SNAPSHOT_TIME_SIZE])
{
	const time_t moment = (time_t)seconds;
	struct tm parts;

	if (!localtime_r(&moment, &parts) || !strftime(out, LADE_SNAPSHOT_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &parts))
		snprintf(out, LADE_SNAPSHOT_TIME_SIZE, "-");
}

void lade_snapshot_time_exact(int64_t seconds, uint32_t nanoseconds, char out[LADE_SNAPSHOT_TIME_SIZE])
{
	const time_t moment = (time_t)seconds;
	char when[LADE_SNAPSHOT_TIME_SIZE], zone[8];
	struct tm parts;

	if (!localtime_r(&moment, &parts) || !strftime(when, 24, "%Y-%m-%dT%H:%M:%S", &parts) || !strftime(zone, sizeof(zone), "%z", &parts)) {
		snprintf(out, LADE_SNAPSHOT_TIME_SIZE, "-");
		return;
	}
	/* "+0100" is "+01:00" there. */
	snprintf(out, LADE_SNAPSHOT_TIME_SIZE, "%.23s.%09u%.3s:%.2s", when, (unsigned)(nanoseconds % 1000000000u), zone, zone + 3);
}
