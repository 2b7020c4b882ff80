/*
 * The options of `lade backup`.
 */
#ifndef LADE_AGENT_BACKUP_OPTIONS_H
#define LADE_AGENT_BACKUP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/backup/exclude.h"
#include "agent/complaint.h"
#include "agent/repository_options.h"
#include "agent/texts.h"

/* What was said. Text is borrowed from argv; NULL: not given. */
struct lade_backup_options {
	struct lade_repository_options repository;
	struct lade_texts paths, tags, marks;
	struct lade_texts lists, lists_nul; /* files with paths, a line or a NUL behind each */
	struct lade_excludes excludes;
	bool exclude_caches, gitignore, one_file_system;
	uint64_t larger_than;                      /* bytes; 0: any */
	bool from_stdin;
	const char *stdin_name;
	bool from_command;
	const char *host, *job;
	int64_t time;                              /* seconds since 1970; has_time */
	bool has_time;
	bool skip_if_unchanged, dry_run, force;
	int level;                                 /* of zstd; 0: nothing is compressed */
	uint64_t threads;                          /* 0: as many as there are processors */
	unsigned verbose;
	bool quiet, json, help;
};

/* Take argc arguments, the command's name not among them. Returns 0 or a negative code with the complaint filled; lade_backup_options_fini() in either case. */
int lade_backup_options_take(struct lade_backup_options *options, int argc, char **argv, struct lade_complaint *complaint);

/* Free what they have. */
void lade_backup_options_fini(struct lade_backup_options *options);

#endif
