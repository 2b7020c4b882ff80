/*
 * Reading is bounded. Writers lock the file itself and look, once they have the lock, whether it still has its name: who
 * waited for a file that was replaced meanwhile begins again.
 */
#include "agent/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/locked_memory.h"
#include "agent/tree/whole.h"
#include "agent/user_directory.h"

/* How long one waits for the lock, and how often one looks. */
#define LOCK_WAIT_MS 10000
#define LOCK_STEP_MS 20

/* ---- reading ---- */

int lade_line_file_check(const char *file, const struct stat *st, enum lade_line_file_access access, struct lade_fault *fault)
{
	if (!S_ISREG(st->st_mode))
		return lade_fault_set(fault, LADE_E_REFUSED, "use what is no regular file,", file);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return lade_fault_set(fault, LADE_E_REFUSED, "use a file of another user,", file);
	/* The mode of an ACL's mask shows here too, so an ACL for others is seen. */
	if (access == LADE_LINE_FILE_SECRET && st->st_mode & (S_IRWXG | S_IRWXO))
		return lade_fault_set(fault, LADE_E_REFUSED, "use a file that group or others can reach (chmod 600 it),", file);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return lade_fault_set(fault, LADE_E_REFUSED, "use a file that group or others can write to (chmod go-w it),", file);
	return 0;
}

/* Read all of fd, which grows by nothing that we would see. */
static int read_text(int fd, const char *file, size_t len, struct lade_line_file *lines, struct lade_fault *fault)
{
	ssize_t have;

	lines->size = len + 1;
	lines->text = lade_locked_memory_new(lines->size, true);
	if (!lines->text)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", file);
	have = lade_whole_take(fd, lines->text, len);
	if (have < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "read", file);
	lines->rest = lines->text;
	return memchr(lines->text, '\0', (size_t)have) ? lade_fault_set(fault, LADE_E_REFUSED, "use a file with a NUL in it,", file) : 0;
}

/* Read fd, which is file; lines are as lade_line_file_read() has them. */
static int read_fd(int fd, const char *file, enum lade_line_file_access access, struct lade_line_file *lines, struct lade_fault *fault)
{
	struct stat st;
	int error = fstat(fd, &st) ? lade_fault_set(fault, LADE_E_SYSTEM, "stat", file) : lade_line_file_check(file, &st, access, fault);

	if (!error && st.st_size > LADE_LINE_FILE_MAX)
		error = lade_fault_set(fault, LADE_E_LIMIT, "read", file);
	if (!error)
		error = read_text(fd, file, (size_t)st.st_size, lines, fault);
	if (error)
		lade_line_file_free(lines);
	return error;
}

/* What open(2) has said is that there is no such file. */
static bool is_absent(void)
{
	return errno == ENOENT || errno == ENOTDIR;
}

int lade_line_file_read(const char *file, enum lade_line_file_access access, struct lade_line_file *lines_out, struct lade_fault *fault)
{
	/* Not to wait for the writer of a FIFO. */
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error;

	*lines_out = (struct lade_line_file){ 0 };
	if (fd < 0)
		return lade_fault_set(fault, is_absent() ? LADE_E_ABSENT : LADE_E_SYSTEM, "open", file);
	error = read_fd(fd, file, access, lines_out, fault);
	close(fd);
	return error;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Cut the blanks around line, which is changed. */
static char *trim(char *line)
{
	size_t len;

	while (is_blank(*line))
		line++;
	len = strlen(line);
	while (len && is_blank(line[len - 1]))
		len--;
	line[len] = '\0';
	return line;
}

/* Cut the first line off *rest_io. NULL: there is none. */
static char *cut_line(char **rest_io)
{
	char *line = *rest_io, *end = strchr(line, '\n');

	if (!*line)
		return NULL;
	*rest_io = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

static bool is_remark(const char *line)
{
	return !*line || *line == '#';
}

char *lade_line_file_next(struct lade_line_file *lines)
{
	char *line;

	while (lines->text && (line = cut_line(&lines->rest))) {
		lines->line++;
		line = trim(line);
		if (!is_remark(line))
			return line;
	}
	return NULL;
}

void lade_line_file_free(struct lade_line_file *lines)
{
	lade_locked_memory_free(lines->text, lines->size);
	*lines = (struct lade_line_file){ 0 };
}

int lade_line_file_wrong(const char *file, const struct lade_line_file *lines, const char *operation, struct lade_fault *fault)
{
	char where[PATH_MAX + 16];

	snprintf(where, sizeof(where), "%s:%u", file, lines->line);
	return lade_fault_set(fault, LADE_E_REFUSED, operation, where);
}

/* ---- changing ---- */

/* True if fd still has the name file. */
static bool has_name(int fd, const char *file)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(file, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/*
 * Open file, which is no symlink and may be made if it is not there, and lock it. Returns the descriptor; LADE_E_AGAIN: somebody else has the lock, or
 * has replaced the file meanwhile; or another code.
 */
static int try_lock(const char *file, bool make, struct lade_fault *fault)
{
	int fd = open(file, O_RDWR | (make ? O_CREAT : 0) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600), error = 0;

	if (fd < 0)
		return lade_fault_set(fault, is_absent() ? LADE_E_ABSENT : LADE_E_SYSTEM, "open", file);
	if (flock(fd, LOCK_EX | LOCK_NB))
		error = errno == EWOULDBLOCK ? LADE_E_AGAIN : lade_fault_set(fault, LADE_E_SYSTEM, "lock", file);
	else if (!has_name(fd, file))
		error = LADE_E_AGAIN;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* The same, for a while. */
static int open_locked(const char *file, bool make, struct lade_fault *fault)
{
	const struct timespec step = { 0, LOCK_STEP_MS * 1000000L };

	for (int waited_ms = 0; waited_ms < LOCK_WAIT_MS; waited_ms += LOCK_STEP_MS) {
		int fd = try_lock(file, make, fault);

		if (fd != LADE_E_AGAIN)
			return fd;
		(void)nanosleep(&step, NULL);
	}
	errno = EBUSY;
	return lade_fault_set(fault, LADE_E_SYSTEM, "lock", file);
}

/* Copy to stream what stays of lines. Returns how many do not, or -1 without memory. */
static int copy_lines(FILE *stream, struct lade_line_file *lines, const struct lade_line_file_change *change)
{
	char *line;
	int dropped = 0;

	while ((line = cut_line(&lines->rest))) {
		char *copy = strdup(line), *trimmed = copy ? trim(copy) : NULL;
		bool drops;

		if (!copy)
			return -1;
		drops = change->drops && !is_remark(trimmed) && change->drops(change->context, trimmed);
		explicit_bzero(copy, strlen(line) + 1);
		free(copy);
		dropped += drops;
		if (!drops)
			fprintf(stream, "%s\n", line);
	}
	if (change->added)
		fprintf(stream, "%s\n", change->added);
	return dropped;
}

/* A new file is on disk: it takes the name of the old one, whose mode and owner it gets. */
static int take_name(FILE *stream, const char *temporary, int old_fd, const char *file)
{
	struct stat st;

	if (fstat(old_fd, &st) || fflush(stream) || ferror(stream) || fchmod(fileno(stream), st.st_mode & 07777))
		return -1;
	/* Only root can, and only where the owner is another one does it matter. */
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) && fchown(fileno(stream), st.st_uid, st.st_gid) && geteuid() == 0)
		return -1;
	return fsync(fileno(stream)) || rename(temporary, file) ? -1 : 0;
}

/* Write the changed lines of old_fd to a file beside it and let that replace it. file has no symlink as its last component. */
static int replace(const char *file, int old_fd, struct lade_line_file *lines, const struct lade_line_file_change *change,
		   unsigned *dropped_out, struct lade_fault *fault)
{
	char temporary[PATH_MAX + 16];
	FILE *stream;
	int fd, dropped, failed;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", file);
	fd = mkostemp(temporary, O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return lade_fault_set(fault, LADE_E_SYSTEM, "write", file);
	}
	dropped = copy_lines(stream, lines, change);
	*dropped_out = dropped < 0 ? 0 : (unsigned)dropped;
	failed = dropped < 0 || take_name(stream, temporary, old_fd, file);
	if (failed)
		lade_fault_set(fault, dropped < 0 ? LADE_E_MEMORY : LADE_E_SYSTEM, "write", file);
	(void)fclose(stream);
	if (failed)
		(void)unlink(temporary);
	return failed ? (dropped < 0 ? LADE_E_MEMORY : LADE_E_SYSTEM) : 0;
}

/* True if change leaves any of lines out. They are cut to pieces. */
static bool drops_any(struct lade_line_file *lines, const struct lade_line_file_change *change)
{
	char *line;

	while (change->drops && (line = lade_line_file_next(lines)))
		if (change->drops(change->context, line))
			return true;
	return false;
}

static int edit_locked(const char *file, int fd, enum lade_line_file_access access, const struct lade_line_file_change *change,
		       unsigned *dropped_out, struct lade_fault *fault)
{
	struct lade_line_file lines = { 0 };
	bool needed = change->added;
	int error = 0;

	if (!needed) {
		error = read_fd(fd, file, access, &lines, fault);
		needed = !error && drops_any(&lines, change);
		lade_line_file_free(&lines);
	}
	if (error || !needed)
		return error;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "read", file);
	error = read_fd(fd, file, access, &lines, fault);
	if (!error)
		error = replace(file, fd, &lines, change, dropped_out, fault);
	lade_line_file_free(&lines);
	return error;
}

int lade_line_file_edit(const char *file, enum lade_line_file_access access, const struct lade_line_file_change *change, unsigned *dropped_out,
			struct lade_fault *fault)
{
	/* A symlink stays one: what it leads to is replaced. One that leads nowhere is not followed. */
	char *real = realpath(file, NULL);
	const char *where = real ? real : file;
	unsigned dropped = 0;
	int error = change->added ? lade_user_directory_make_for(where, fault) : 0;
	int fd = error ? error : open_locked(where, change->added, fault);

	error = fd < 0 ? fd : edit_locked(where, fd, access, change, &dropped, fault);
	if (fd >= 0)
		close(fd);
	if (error == LADE_E_ABSENT && !change->added)
		error = 0; /* of a file that is not there nothing has to be left out */
	free(real);
	if (dropped_out)
		*dropped_out = dropped;
	return error;
}
