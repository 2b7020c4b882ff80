/*
 * One line for each entry of a listing. The columns have the widths that scripts cut them at.
 */
#include "agent/list_line.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/escape.h"
#include "agent/figures.h"

static char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFBLK:
		return 'b';
	case S_IFCHR:
		return 'c';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '-';
	}
}

/* The letter for an execute bit: special stands for setuid, setgid or sticky. */
static char execute(bool may, bool is_special, char special, char special_alone)
{
	if (is_special)
		return may ? special : special_alone;
	return may ? 'x' : '-';
}

static void put_mode(mode_t mode, char out[11])
{
	static const char letters[] = "rwxrwxrwx";

	out[0] = type_of(mode);
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	out[3] = execute(mode & S_IXUSR, mode & S_ISUID, 's', 'S');
	out[6] = execute(mode & S_IXGRP, mode & S_ISGID, 's', 'S');
	out[9] = execute(mode & S_IXOTH, mode & S_ISVTX, 't', 'T');
	out[10] = '\0';
}

/* A time that no calendar has is told as a number. */
static void put_time(int64_t seconds, char *out, size_t size)
{
	const time_t when = (time_t)seconds;
	struct tm parts;

	if (!localtime_r(&when, &parts) || !strftime(out, size, "%Y/%m/%d %H:%M:%S", &parts))
		snprintf(out, size, "%lld", (long long)seconds);
}

void lade_list_line(struct lade_writer *writer, const char *path, const struct lade_msg_entry *entry,
		    const struct lade_list_style *style)
{
	char mode[11], size[LADE_FIGURE_SIZE], when[64], columns[128];
	const int width = style->human == LADE_HUMAN_PLAIN ? 11 : 14;
	uint64_t bytes;

	if (entry) {
		put_mode(entry->mode, mode);
		put_time(entry->mtime_s, when, sizeof(when));
		bytes = S_ISLNK((mode_t)entry->mode) ? entry->target.len : entry->size;
		snprintf(columns, sizeof(columns), "%s %*s %s ", mode, width, lade_figure(size, bytes, style->human), when);
	} else {
		snprintf(columns, sizeof(columns), "%-*s", width + 32, "*missing");
	}
	lade_writer_put_bytes(writer, columns, strlen(columns));
	lade_escape_put_text(writer, path);
	if (entry && S_ISLNK((mode_t)entry->mode) && style->show_targets) {
		lade_writer_put_bytes(writer, " -> ", 4);
		lade_escape_put(writer, entry->target);
	}
}
