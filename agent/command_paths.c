/*
 * `lade paths [FILE|DIR]`: every way on every pair of descriptors is tried by really
 * moving bytes, without fallback, and by comparing them; so the answer holds for this
 * kernel, this file system and this sandbox, not for what their versions promise.
 *
 * Limit: source and target are on one file system; a refusal between two (EXDEV) does not
 * show here.
 */
#include "agent/command_paths.h"

#include <getopt.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths_bench.h"
#include "agent/paths_facts.h"
#include "agent/paths_print.h"
#include "agent/paths_probe.h"
#include "transport/mapping.h"

#define MEASURE_DEFAULT 256 /* MiB: long enough to be seen, short enough for the page cache */
#define MEASURE_MAX 65536

static const struct lade_paths_pair pairs[] = {
	{ LADE_PATHS_FILE, LADE_PATHS_FILE },
	{ LADE_PATHS_FILE, LADE_PATHS_TCP }, { LADE_PATHS_TCP, LADE_PATHS_FILE },
	{ LADE_PATHS_FILE, LADE_PATHS_UNIX }, { LADE_PATHS_UNIX, LADE_PATHS_FILE },
	{ LADE_PATHS_FILE, LADE_PATHS_PIPE }, { LADE_PATHS_PIPE, LADE_PATHS_FILE },
};

/* True if the pair has the way: the table of transport/mover.h. */
static bool pair_has(const struct lade_paths_pair *pair, enum lade_path path)
{
	if (path == LADE_PATH_SPLICE || path == LADE_PATH_COPY)
		return true;
	if (path == LADE_PATH_SENDFILE || path == LADE_PATH_MMAP)
		return pair->in == LADE_PATHS_FILE;
	return pair->in == LADE_PATHS_FILE && pair->out == LADE_PATHS_FILE;
}

static void print_table(const struct lade_paths_bench *bench)
{
	struct lade_paths_finding finding;
	size_t i;
	int path;

	printf("%-12s%-12s%-17s%s\n", "from", "to", "path", "works");
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct lade_paths_pair *pair = &pairs[i];

		for (path = LADE_PATH_AUTO + 1; path < LADE_PATH_COUNT; path++) {
			if (!pair_has(pair, (enum lade_path)path))
				continue;
			lade_paths_probe(bench, pair, (enum lade_path)path, &finding);
			lade_paths_print_finding(bench, pair, (enum lade_path)path, &finding);
		}
	}
}

static int run_in(const char *dir, uint64_t measure_len)
{
	struct lade_paths_bench bench = { .source_fd = -1, .target_fd = -1 };
	int ret = 1;

	if (lade_movers_new(NULL, &bench.movers) < 0 || lade_mapping_setup(NULL) < 0) {
		fputs("lade paths: out of memory\n", stderr);
		goto out;
	}
	if (lade_paths_bench_prepare(&bench, dir, measure_len) < 0)
		goto out;
	lade_paths_facts_print(&bench);
	print_table(&bench);
	ret = fflush(stdout) == 0 ? 0 : 1;
out:
	if (bench.source_fd >= 0)
		close(bench.source_fd);
	if (bench.target_fd >= 0)
		close(bench.target_fd);
	lade_movers_free(bench.movers);
	return ret;
}

static void usage(FILE *file)
{
	fputs("usage: lade paths [--measure[=MIB]] [FILE|DIR]\n"
	      "Show which ways of moving bytes work here (beside FILE, in DIR; default: .).\n\n"
	      "      --measure[=MIB]  also what each costs: moves MIB mebibytes (256), best of\n"
	      "                       three; CPU time is that of the moving side\n"
	      "  -h, --help           show this text\n", file);
}

/* MIB of --measure in bytes; 0 if it is no number from 1 to MEASURE_MAX. */
static uint64_t parse_measure(const char *text)
{
	unsigned long mib = MEASURE_DEFAULT;
	char *end;

	if (text) {
		if (*text < '0' || *text > '9')
			return 0;
		mib = strtoul(text, &end, 10);
		if (*end || mib > MEASURE_MAX)
			return 0;
	}
	return (uint64_t)mib << 20;
}

int lade_command_paths(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "measure", optional_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t measure_len = 0;
	struct stat st;
	char *place = NULL;
	int option, ret;

	opterr = 0;
	optind = 0; /* glibc: start afresh, the program has parsed its own options */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage(stdout);
			return 0;
		case 'm':
			measure_len = parse_measure(optarg);
			if (measure_len)
				break;
			fputs("lade paths: --measure takes a number of MiB\n", stderr);
			return 1;
		default:
			fputs("lade paths: unknown option in ", stderr);
			lade_paths_print_name(argv[optind > 1 ? optind - 1 : 1]);
			putc('\n', stderr);
			usage(stderr);
			return 1;
		}
	}
	if (argc - optind > 1) {
		usage(stderr);
		return 1;
	}
	place = strdup(optind < argc ? argv[optind] : ".");
	if (!place || stat(place, &st) < 0) {
		lade_paths_print_complaint("cannot look at", place ? place : "the path");
		free(place);
		return 1;
	}
	ret = run_in(S_ISDIR(st.st_mode) ? place : dirname(place), measure_len);
	free(place);
	return ret;
}
