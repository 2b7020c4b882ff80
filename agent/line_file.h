/*
 * Small files of lines that people edit and lade writes to: known hosts, authorized keys, tokens. They decide who is trusted, so whose
 * they are and who may write to them is looked at; empty lines and those that begin with # are remarks.
 */
#ifndef LADE_AGENT_LINE_FILE_H
#define LADE_AGENT_LINE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "protocol/error.h"

/* No such file is longer. */
#define LADE_LINE_FILE_MAX (16u << 20)

/* Who else may do what with the file. */
enum lade_line_file_access {
	LADE_LINE_FILE_PUBLIC, /* others may read it */
	LADE_LINE_FILE_SECRET, /* nobody else may reach it */
};

/* A file that was read; its memory is locked. Start with zeros. */
struct lade_line_file {
	char *text; /* size bytes with a NUL, which lade_line_file_next() cuts to pieces */
	size_t size;
	char *rest; /* what was not looked at */
	unsigned line; /* number of the line that was got last, from 1 */
};

/*
 * Whether a file with that status may be believed, of lines or not. Returns 0, or LADE_E_REFUSED: it is no regular file, belongs to neither us nor
 * root, or can be reached by others more than access allows.
 */
int lade_line_file_check(const char *file, const struct stat *st, enum lade_line_file_access access, struct lade_fault *fault);

/*
 * Read file. Returns 0 with what lade_line_file_free() frees; LADE_E_ABSENT: there is none; LADE_E_REFUSED as lade_line_file_check(),
 * or it has a NUL; LADE_E_LIMIT; LADE_E_SYSTEM; LADE_E_MEMORY.
 */
int lade_line_file_read(const char *file, enum lade_line_file_access access, struct lade_line_file *lines_out, struct lade_fault *fault);

/* The next line that is no remark, without the blanks around it; borrowed until lines are freed. NULL at the end. */
char *lade_line_file_next(struct lade_line_file *lines);

/* Wipe and free; lines are zeros again. */
void lade_line_file_free(struct lade_line_file *lines);

/* Say that a line of file makes no sense: LADE_E_REFUSED with "FILE:LINE" in the fault. */
int lade_line_file_wrong(const char *file, const struct lade_line_file *lines, const char *operation, struct lade_fault *fault);

/* A change of a file. */
struct lade_line_file_change {
	bool (*drops)(void *context, char *line); /* true: this line, as lade_line_file_next() has it, is left out; it may be cut to pieces. NULL: none is */
	void *context;
	const char *added; /* a line that comes to the end, without its newline; NULL: none does */
};

/*
 * Change file, while nobody else of us does: a new one takes its name when it is on disk, with the same mode and owner. One that does not
 * exist is made, for us alone, with the directories above it. dropped_out: how many lines were left out, or NULL; without
 * such, and nothing added, it stays as it is. Returns as lade_line_file_read() but never LADE_E_ABSENT; LADE_E_SYSTEM with EBUSY: somebody else does not let go of it.
 */
int lade_line_file_edit(const char *file, enum lade_line_file_access access, const struct lade_line_file_change *change, unsigned *dropped_out,
			struct lade_fault *fault);

#endif
