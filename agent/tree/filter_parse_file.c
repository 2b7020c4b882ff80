/*
 * Files of rules: how they are opened and read. A tree's may be made by anybody, so what they are is looked at before, they stay below a client's
 * base, and their size and how much is read of them in all are bounded.
 */
#include "agent/tree/filter_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/limits.h"

/* Bytes of a file of the user's; its comments do not count as rules. */
#define FILE_MAX (16u << 20)

/* Bytes that a tree's file may have read of the files that it names, again and again, with what it costs to open one. */
#define TREE_READ_MAX (1u << 20)
#define TREE_OPEN_COST 64u

/* Read all of fd, up to max bytes. */
static int read_all(int fd, size_t max, char **text_out, size_t *len_out)
{
	size_t size = 4096, len = 0;
	char *text = malloc(size), *grown;
	ssize_t got;
	int code = text ? 0 : LADE_E_MEMORY;

	while (!code && (got = read(fd, text + len, size - len)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			code = LADE_E_SYSTEM;
			break;
		}
		len += (size_t)got;
		if (len > max)
			code = LADE_E_LIMIT;
		if (code || len < size)
			continue;
		grown = realloc(text, 2 * size);
		code = grown ? 0 : LADE_E_MEMORY;
		text = grown ? grown : text;
		size *= 2;
	}
	if (code) {
		int error = errno;

		free(text);
		errno = error;
		return code;
	}
	*text_out = text;
	*len_out = len;
	return 0;
}

/*
 * What the base hides is no file of rules: it is closed. Where that cannot be told (no /proc) it is an error: rules that are overlooked
 * would protect nothing.
 */
static int judge_opened(const struct lade_filter_reading *reading, int fd)
{
	char *where;
	int error = 0;

	if (!reading->base->hides)
		return 0;
	where = lade_place_of(reading->base, fd);
	errno = EACCES;
	if (!where)
		error = LADE_E_SYSTEM;
	else if (lade_place_hidden(reading->base, where, false))
		error = LADE_E_ABSENT;
	free(where);
	if (error)
		close(fd);
	return error;
}

/* The same for a client's tree: the names that files of rules have are anybody's, and so are symlinks in their place. */
static int open_below(const struct lade_filter_reading *reading, const char *name, int *fd_out)
{
	const struct lade_base here = { .fd = reading->directory_fd, .plain = reading->base->plain };
	const struct lade_base *base = *name == '/' ? reading->base : &here;
	struct stat st;

	if (lade_place_stat(base, name, true, &st))
		return errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM;
	if (!S_ISREG(st.st_mode))
		return LADE_E_ABSENT;
	*fd_out = lade_place_open(base, name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	if (*fd_out < 0)
		return errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM;
	return judge_opened(reading, *fd_out);
}

/* What is no regular file is none of rules. A device of a tree may do something when it is opened: what it is is seen before. */
static int open_file(const struct lade_filter_reading *reading, const char *name, int *fd_out)
{
	struct stat st;

	if (reading->base)
		return open_below(reading, name, fd_out);
	if (!reading->tree && strcmp(name, "-") == 0) {
		*fd_out = dup(STDIN_FILENO);
		return *fd_out < 0 ? LADE_E_SYSTEM : 0;
	}
	if (reading->tree && fstatat(reading->directory_fd, name, &st, 0) == 0 && !S_ISREG(st.st_mode))
		return LADE_E_ABSENT;
	*fd_out = openat(reading->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | (reading->tree ? O_NONBLOCK : 0));
	if (*fd_out < 0)
		return errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM;
	return 0;
}

/* Files without rules cost nothing of what a list may hold, but as many of them as lines, in as many more, would be read for ever. */
static bool has_budget(struct lade_filter_list *list, size_t len)
{
	list->read_len += len + TREE_OPEN_COST;
	return list->read_len <= TREE_READ_MAX;
}

int lade_filter_parse_file(struct lade_filter_reading *reading, const char *name, const char *shown, struct lade_fault *fault)
{
	const char *origin = reading->origin;
	char *text = NULL;
	size_t len = 0, line = reading->line;
	int fd, error = open_file(reading, name, &fd);

	if (error)
		return lade_fault_set(fault, error, "open", shown);
	error = read_all(fd, reading->tree ? LADE_RULES_MAX : FILE_MAX, &text, &len);
	close(fd);
	if (!error && reading->tree && !has_budget(reading->list, len)) {
		free(text);
		error = LADE_E_LIMIT;
	}
	if (error)
		return lade_fault_set(fault, error, "read", shown);
	reading->origin = lade_filter_list_origin(reading->list, shown);
	if (reading->origin)
		error = lade_filter_parse_text(reading, text, len, fault);
	else
		error = lade_fault_set(fault, LADE_E_MEMORY, "read", shown);
	free(text);
	reading->origin = origin;
	reading->line = line;
	return error;
}
