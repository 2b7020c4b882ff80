/*
 * A repository that snapshots are read from: the beginning of all commands that do so.
 */
#ifndef LADE_AGENT_SNAPSHOT_READING_H
#define LADE_AGENT_SNAPSHOT_READING_H

#include <limits.h>
#include <stdint.h>

#include "agent/backup/chunk_fetch.h"
#include "agent/complaint.h"
#include "agent/repository_options.h"
#include "agent/repository_place.h"
#include "agent/store/snapshot_list.h"
#include "agent/store/stream_recipe.h"
#include "chunker/strict_cut.h"

/* Which snapshots are meant: start with zeros. Text is borrowed from argv; NULL: any. */
struct lade_snapshot_choice {
	const char *host, *path, *tag;
};

/* The rows of that, for a command's table; off_: where the choice is in what the command's options are. */
#define LADE_SNAPSHOT_CHOICE_ROWS(off_) \
	{ .name = "host", .letter = 'H', .id = LADE_REPOSITORY_OPTION_ANY, .off = (off_) + offsetof(struct lade_snapshot_choice, host), .value = "NAME" }, \
	{ .name = "path", .id = LADE_REPOSITORY_OPTION_ANY, .off = (off_) + offsetof(struct lade_snapshot_choice, path), .value = "PATH" }, \
	{ .name = "tag", .id = LADE_REPOSITORY_OPTION_ANY, .off = (off_) + offsetof(struct lade_snapshot_choice, tag), .value = "TAG" }

/* All of it is closed with lade_snapshot_reading_close(). */
struct lade_snapshot_reading {
	struct lade_repository *repository;
	char name[PATH_MAX];               /* of the repository, for people */
	struct lade_repository_place place;
	struct lade_snapshot_list list;
	struct lade_chunk_map *map;
	struct lade_chunk_fetch *fetch;
	struct lade_strict_cut cuts[2];
};

/* A snapshot, or a part of it, that was named. */
struct lade_snapshot_named {
	const struct lade_snapshot_item *item; /* borrowed from the list; it is open */
	const char *subpath;                   /* borrowed from the name; NULL: all of it */
};

/* What a command reads. */
struct lade_snapshot_wish {
	const struct lade_repository_options *repository;
	const struct lade_snapshot_choice *choice;
	const char *snapshot; /* as lade_snapshot_reading_find() takes it */
	uint64_t threads;     /* as lade_snapshot_reading_start() takes it */
};

/* Start with nothing open. */
void lade_snapshot_reading_init(struct lade_snapshot_reading *reading);

/* Open the repository and list its snapshots. What is wrong with single ones is said on standard error. Returns 0, or a negative code with the complaint filled. */
int lade_snapshot_reading_open(struct lade_snapshot_reading *reading, const struct lade_repository_options *options, struct lade_complaint *complaint);

/*
 * Find what text names: SNAP or SNAP:/PATH, where SNAP is "latest", the newest of those that are meant, or the beginning of an id. Returns 0, or a negative code with the
 * complaint filled.
 */
int lade_snapshot_reading_find(const struct lade_snapshot_reading *reading, const char *text, const struct lade_snapshot_choice *choice,
			       struct lade_snapshot_named *named_out, struct lade_complaint *complaint);

/* True if a snapshot is meant. */
bool lade_snapshot_choice_means(const struct lade_snapshot_choice *choice, const struct lade_snapshot_item *item);

/* Find out where all chunks are, so that they can be fetched: with so many threads, 0: as many as there are processors. Returns 0, or a negative code with the complaint filled. */
int lade_snapshot_reading_start(struct lade_snapshot_reading *reading, uint64_t threads, struct lade_complaint *complaint);

/* All of that for one snapshot: open, find, start. Returns 0, or a negative code with the complaint filled. */
int lade_snapshot_reading_begin(struct lade_snapshot_reading *reading, const struct lade_snapshot_wish *wish, struct lade_snapshot_named *named_out,
				struct lade_complaint *complaint);

/* Chunks, one at a time; after lade_snapshot_reading_start(). */
struct lade_stream_source lade_snapshot_reading_source(const struct lade_snapshot_reading *reading);

/* lade_chunk_fetch_run() with the fetch as context. */
int lade_snapshot_reading_run(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events,
			      struct lade_fault *fault);

/* Close all. */
void lade_snapshot_reading_close(struct lade_snapshot_reading *reading);

/* Flush standard output. Returns status, or LADE_REPOSITORY_ERROR, with a message, if it could not be written. */
int lade_snapshot_reading_exit(int status);

/*
 * The end of a command: say the complaint on standard error if error is not 0, else print the help of the command that help names, unless it is NULL.
 * Close all, and flush standard output. Returns what to exit with: the complaint's status or status; or as lade_snapshot_reading_exit().
 */
int lade_snapshot_reading_end(struct lade_snapshot_reading *reading, int error, const struct lade_complaint *complaint, const char *help, int status);

#define LADE_SNAPSHOT_TIME_SIZE 48u

/* Write a time, seconds since 1970, as "2026-11-22 18:03:00", in local time; "-" if there is no such. */
void lade_snapshot_time(uint64_t seconds, char out[LADE_SNAPSHOT_TIME_SIZE]);

/* The same as RFC 3339 has it, with nine digits behind the seconds. */
void lade_snapshot_time_exact(int64_t seconds, uint32_t nanoseconds, char out[LADE_SNAPSHOT_TIME_SIZE]);

#endif
