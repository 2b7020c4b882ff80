/*
 * What others may write is not believed: neither a file, nor which files there are.
 */
#include "agent/daemon/config_include.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/config_lines.h"
#include "agent/daemon/trusted_file.h"

#define WILD "*?["

/* ---- one file ---- */

/* Why a file with that status is not read, or NULL. */
static const char *refuse_file(const struct stat *status)
{
	const char *why = lade_trusted_file_refuse(status, false);

	return !why && status->st_size > (off_t)LADE_CONFIG_FILE_MAX ? "it has more than 4 MiB" : why;
}

int lade_config_open(const char *file, FILE **stream_out, struct lade_fault *fault)
{
	/* What is no regular file may make us wait. */
	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	const char *why;

	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open", file);
	if (fstat(fd, &status)) {
		lade_fault_set(fault, LADE_E_SYSTEM, "read", file);
		close(fd);
		return LADE_E_SYSTEM;
	}
	why = refuse_file(&status);
	if (why) {
		char subject[LADE_FAULT_SUBJECT_SIZE];

		close(fd);
		snprintf(subject, sizeof(subject), "%.900s (%s)", file, why);
		return lade_fault_set(fault, LADE_E_REFUSED, "read", subject);
	}
	*stream_out = fdopen(fd, "r");
	if (*stream_out)
		return 0;
	close(fd);
	return lade_fault_set(fault, LADE_E_MEMORY, "read", file);
}

/* ---- many ---- */

/* What is looked for, and what was found. */
struct search {
	char *directory;  /* ends in a slash */
	const char *last; /* component of the pattern */
	char **files;
	unsigned count;
};

static int add(struct search *search, const char *name)
{
	char **grown = realloc(search->files, (search->count + 1) * sizeof(*grown));

	if (!grown)
		return LADE_E_MEMORY;
	search->files = grown;
	if (asprintf(&grown[search->count], "%s%s", search->directory, name) < 0)
		return LADE_E_MEMORY;
	search->count++;
	return 0;
}

static int add_matching(struct search *search, DIR *directory)
{
	const struct dirent *entry;
	int error = 0;

	while (!error && (errno = 0, entry = readdir(directory))) {
		if (fnmatch(search->last, entry->d_name, FNM_PERIOD) != 0)
			continue;
		error = search->count == LADE_CONFIG_INCLUDED_MAX ? LADE_E_LIMIT : add(search, entry->d_name);
	}
	return error || !errno ? error : LADE_E_SYSTEM;
}

/* The directory is not everybody's to write: who may make a file there, or take one away, would decide what is served. */
static int look_into(struct search *search, const char **why_out)
{
	DIR *directory = opendir(search->directory);
	struct stat status;
	int error;

	if (!directory || fstat(dirfd(directory), &status))
		error = LADE_E_SYSTEM;
	else if ((*why_out = lade_trusted_directory_refuse(&status)))
		error = LADE_E_REFUSED;
	else
		error = add_matching(search, directory);
	if (error == LADE_E_SYSTEM)
		*why_out = strerror(errno);
	if (error == LADE_E_LIMIT)
		*why_out = "it fits more than 1024 files";
	if (directory)
		closedir(directory);
	return error;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find(struct search *search, const char **why_out)
{
	int error;

	if (strpbrk(search->directory, WILD)) {
		*why_out = "only its last component may have *, ? and [";
		return LADE_E_USAGE;
	}
	if (!strpbrk(search->last, WILD))
		return add(search, search->last);
	error = look_into(search, why_out);
	if (search->count > 1)
		qsort(search->files, search->count, sizeof(*search->files), compare);
	return error;
}

int lade_config_include_find(const char *pattern, char ***files_out, unsigned *count_out, const char **why_out)
{
	const size_t directory_len = (size_t)(strrchr(pattern, '/') + 1 - pattern);
	struct search search = { .directory = strndup(pattern, directory_len), .last = pattern + directory_len };
	int error = search.directory ? find(&search, why_out) : LADE_E_MEMORY;

	if (error == LADE_E_MEMORY)
		*why_out = "out of memory";
	free(search.directory);
	if (error) {
		while (search.count)
			free(search.files[--search.count]);
		free(search.files);
		return error;
	}
	*files_out = search.files;
	*count_out = search.count;
	return 0;
}
