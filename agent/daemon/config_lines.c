/*
 * inih asks for lines one by one and calls back for a setting before it asks for the next: so it is known here which line a setting is on, and
 * whether a line was anything at all.
 *
 * What inih was built with differs from one distribution to the next. Nothing here depends on it but the length of a line, which it tells, and
 * that a line which begins with a blank goes on with the value before, its default.
 */
#include "agent/daemon/config_lines.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

/* Reading. */
struct reading {
	FILE *file;
	const struct lade_config_events *events;
	char *line; /* getline()'s */
	size_t line_size, total;
	unsigned number;    /* of the line at hand, from 1 */
	bool went_on;       /* the line before ended in a backslash */
	bool goes_on;       /* this one does */
	bool is_answered;   /* inih took it for a setting; or it need not be one */
	bool has_faults;
	char *name;         /* of the setting that is being put together, or NULL */
	unsigned name_line;
	struct lade_writer value;
	int error;
};

static void complain(struct reading *reading, unsigned line, const char *text)
{
	reading->has_faults = true;
	reading->events->fault(reading->events->context, line, text);
}

/* ---- settings ---- */

/* The setting that was put together is whole. */
static void finish_setting(struct reading *reading)
{
	if (!reading->name)
		return;
	lade_writer_put_u8(&reading->value, 0);
	if (reading->value.error == LADE_E_LIMIT)
		complain(reading, reading->name_line, "the value is longer than 65535 bytes");
	else if (reading->value.error)
		reading->error = reading->value.error;
	else
		reading->error = reading->events->setting(reading->events->context, reading->name, (char *)reading->value.data, reading->name_line);
	lade_writer_fini(&reading->value);
	free(reading->name);
	reading->name = NULL;
}

/* inih's callback: a line was a setting, or went on with one. Returns 1: go on; what is wrong is known to reading. */
static int take_setting(void *context, const char *section, const char *name, const char *value)
{
	struct reading *reading = context;

	(void)section; /* cut at 49 bytes */
	reading->is_answered = true;
	if (reading->error)
		return 1;
	/* It goes on with what was no setting, which has been told. */
	if (reading->went_on && !reading->name)
		return 1;
	if (reading->went_on) {
		lade_writer_put_bytes(&reading->value, " ", reading->value.len > 0);
	} else {
		finish_setting(reading);
		reading->name = strdup(name);
		reading->name_line = reading->number;
		lade_writer_init(&reading->value, LADE_CONFIG_VALUE_MAX);
		if (!reading->name)
			reading->error = LADE_E_MEMORY;
	}
	lade_writer_put_bytes(&reading->value, value, strlen(value));
	return 1;
}

/* ---- lines ---- */

/* Returns why a line of len bytes, the line's end not among them, cannot be, or NULL. */
static const char *refuse_bytes(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char byte = (unsigned char)line[i];

		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return "there is a control character in this line";
	}
	return NULL;
}

static bool is_comment(const char *line)
{
	return *line == '#' || *line == ';';
}

/* The length of a line that goes on with a value, without the remark at its end: not every inih looks for one there. line is changed. */
static size_t cut_remark(char *line, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (line[i] != ';' || !strchr(" \t", line[i - 1]))
			continue;
		while (i && strchr(" \t", line[i - 1]))
			i--;
		line[i] = '\0';
		return i;
	}
	return len;
}

/* The head of a section, a name in brackets, and nothing behind it but a remark. line is changed. */
static void take_section(struct reading *reading, char *line)
{
	char *name = line + 1 + strspn(line + 1, " \t"), *end = strrchr(line, ']');

	finish_setting(reading);
	if (!end || end < name) {
		complain(reading, reading->number, "a section begins with its name in brackets: [name]");
		end = line + strlen(line);
	} else if (!is_comment(end + 1 + strspn(end + 1, " \t")) && end[1 + strspn(end + 1, " \t")]) {
		complain(reading, reading->number, "nothing belongs behind the name of a section: settings stand on lines of their own");
	}
	while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	if (!reading->error)
		reading->error = reading->events->section(reading->events->context, name, reading->number);
}

/* The line before is done with: inih has seen it. */
static void leave_line(struct reading *reading)
{
	if (reading->number && !reading->is_answered)
		complain(reading, reading->number, "this is neither a setting (name = value), nor a section ([name]), nor a comment (# text)");
	if (!reading->goes_on)
		finish_setting(reading);
	reading->went_on = reading->goes_on;
	reading->goes_on = false;
	reading->is_answered = true;
	reading->number++;
}

/*
 * What inih is given of a line, without white space at its ends; NULL: nothing, the line is empty, a comment, a section, or
 * wrong. room: bytes that inih takes.
 */
static char *look_at(struct reading *reading, char *line, size_t len, size_t room)
{
	const char *why = refuse_bytes(line, len);

	if (why) {
		complain(reading, reading->number, why);
		return NULL;
	}
	if (is_comment(line)) {
		reading->goes_on = reading->went_on;
		return NULL;
	}
	if (len && line[len - 1] == '\\') {
		reading->goes_on = true;
		line[--len] = '\0';
	}
	if (reading->went_on)
		len = cut_remark(line, len);
	if (!reading->went_on && *line == '[') {
		reading->goes_on = false;
		take_section(reading, line);
		return NULL;
	}
	if (len >= room) {
		complain(reading, reading->number, "this line is too long: end it with a backslash where a blank or comma is, and go on in the next one");
		return NULL;
	}
	/* A backslash alone goes on with a setting, or is none. */
	reading->is_answered = !*line && (reading->went_on || !reading->goes_on);
	return line;
}

/* The next line of the file without white space at its ends, or NULL at the end of it. */
static char *next_line(struct reading *reading, size_t *len_out)
{
	ssize_t got;
	char *line;

	errno = 0;
	got = getline(&reading->line, &reading->line_size, reading->file);
	if (got < 0) {
		if (ferror(reading->file))
			reading->error = LADE_E_SYSTEM;
		else if (!feof(reading->file))
			reading->error = LADE_E_MEMORY;
		return NULL;
	}
	reading->total += (size_t)got;
	if (reading->total > LADE_CONFIG_FILE_MAX) {
		reading->error = LADE_E_LIMIT;
		return NULL;
	}
	line = reading->line;
	/* Some editors begin UTF-8 with a mark. */
	if (reading->number == 1 && got >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		got -= 3;
	}
	while (got && strchr(" \t\r\n", line[got - 1]) && line[got - 1])
		line[--got] = '\0';
	while (got && (*line == ' ' || *line == '\t')) {
		line++;
		got--;
	}
	*len_out = (size_t)got;
	return line;
}

/* inih's reader: the next line into room bytes of text, or NULL at the end. */
static char *read_line(char *text, int room, void *context)
{
	struct reading *reading = context;
	size_t len;
	char *line;

	leave_line(reading);
	line = reading->error ? NULL : next_line(reading, &len);
	if (!line) {
		reading->is_answered = true;
		return NULL;
	}
	/* A blank before, a newline and a NUL behind. */
	line = look_at(reading, line, len, room < 4 ? 0 : (size_t)room - 3);
	snprintf(text, (size_t)room, "%s%s\n", line && reading->went_on ? " " : "", line ? line : "");
	return text;
}

int lade_config_lines_read(FILE *file, const struct lade_config_events *events)
{
	struct reading reading = { .file = file, .events = events, .is_answered = true };
	int wrong = ini_parse_stream(read_line, &reading, take_setting, &reading);

	if (!reading.error && wrong == -2)
		reading.error = LADE_E_MEMORY;
	if (!reading.error)
		finish_setting(&reading);
	/* A fault that inih sees and we do not must not pass. */
	if (!reading.error && wrong > 0 && !reading.has_faults)
		complain(&reading, (unsigned)wrong, "this is neither a setting (name = value), nor a section ([name]), nor a comment (# text)");
	if (reading.name)
		lade_writer_fini(&reading.value);
	free(reading.name);
	free(reading.line);
	return reading.error;
}
