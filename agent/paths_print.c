/*
 * The words of `lade paths`.
 */
#include "agent/paths_print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocol/error.h"

static const char *const end_names[] = { "file", "tcp socket", "unix socket", "pipe" };

static void print_reason(enum lade_path path, const struct lade_paths_finding *finding)
{
	const char *row = NULL;

	if (finding->differs) {
		fputs("the bytes that arrived differ", stdout);
		return;
	}
	if (finding->code == LADE_E_UNSUPPORTED)
		row = lade_fallback_reason(path, finding->fault.sys_errno);
	if (!row || finding->fault.sys_errno)
		fputs(lade_fault_reason(&finding->fault), stdout);
	if (row)
		printf("%s%s", finding->fault.sys_errno ? ": " : "", row);
}

void lade_paths_print_finding(const struct lade_paths_bench *bench, const struct lade_paths_pair *pair,
			      enum lade_path path, const struct lade_paths_finding *finding)
{
	const double gib = (double)bench->len / (1 << 30);
	bool works = finding->code == 0 && !finding->differs;

	printf("%-12s%-12s%-17s%s", end_names[pair->in], end_names[pair->out],
	       lade_path_name(path), works ? "yes" : "no   ");
	if (!works)
		print_reason(path, finding);
	else if (bench->measure && finding->seconds > 0)
		printf("%10.2f GB/s%8.3f CPU s/GiB", (double)bench->len / finding->seconds / 1e9,
		       finding->cpu_seconds / gib);
	putchar('\n');
}

void lade_paths_print_name(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 32 || *name == 127)
			fprintf(stderr, "\\#%03o", (unsigned char)*name);
		else
			putc(*name, stderr);
	}
}

int lade_paths_print_complaint(const char *operation, const char *name)
{
	int error = errno;

	fprintf(stderr, "lade paths: %s ", operation);
	lade_paths_print_name(name);
	fprintf(stderr, ": %s\n", strerror(error));
	return -1;
}
