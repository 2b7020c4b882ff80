/*
 * A scratch directory for one test program: made under $TMPDIR or /tmp, removed
 * with everything in it, however deep. For tests only; aborts on failure.
 */
#ifndef LADE_TESTS_UNIT_TEMP_TREE_H
#define LADE_TESTS_UNIT_TEMP_TREE_H

#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Make it; its path goes to out, which holds PATH_MAX bytes. */
static inline void temp_tree_make(char *out)
{
	const char *base = getenv("TMPDIR");

	snprintf(out, PATH_MAX, "%s/lade-test-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(out))
		abort();
}

static inline void temp_tree_remove(char *path)
{
	char *paths[] = { path, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOSTAT, NULL);
	FTSENT *entry;

	if (!walk)
		return;
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_DP)
			rmdir(entry->fts_accpath);
		else if (entry->fts_info != FTS_D)
			unlink(entry->fts_accpath);
	}
	fts_close(walk);
}

#endif
