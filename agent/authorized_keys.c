/*
 * Reading and writing of authorized keys. A line that is not understood makes the whole file useless: it could be the one that
 * somebody wanted to take a right away with.
 */
#include "agent/authorized_keys.h"

#include <stdio.h>
#include <string.h>

#include "agent/fingerprint.h"
#include "agent/line_file.h"

bool lade_authorized_keys_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= LADE_AUTHORIZED_NAME_SIZE || *text == '#' || strncmp(text, "SHA256:", 7) == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

/* Take a line apart. False: it makes no sense. */
static bool parse(char *line, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN], const char **name_out)
{
	char *save = NULL, *first = strtok_r(line, " \t", &save), *name = strtok_r(NULL, " \t", &save);

	*name_out = name;
	return name && !strtok_r(NULL, " \t", &save) && !lade_fingerprint_parse(first, fingerprint_out) && lade_authorized_keys_name(name);
}

int lade_authorized_keys_find(const char *file, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN],
			      char name_out[LADE_AUTHORIZED_NAME_SIZE], struct lade_fault *fault)
{
	struct lade_line_file lines;
	uint8_t known[LADE_TLS_FINGERPRINT_LEN];
	const char *name;
	bool found = false;
	char *line;
	int error = lade_line_file_read(file, LADE_LINE_FILE_PUBLIC, &lines, fault);

	if (error)
		return error;
	/* All lines are looked at: one that makes no sense behind the one that is looked for counts, too. */
	while (!error && (line = lade_line_file_next(&lines))) {
		if (!parse(line, known, &name)) {
			error = lade_line_file_wrong(file, &lines, "find a fingerprint and a name in", fault);
		} else if (!found && memcmp(known, fingerprint, sizeof(known)) == 0) {
			found = true;
			snprintf(name_out, LADE_AUTHORIZED_NAME_SIZE, "%s", name);
		}
	}
	lade_line_file_free(&lines);
	if (error || found)
		return error;
	return lade_fault_set(fault, LADE_E_ABSENT, "find the key in", file);
}

int lade_authorized_keys_add(const char *file, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], const char *name,
			     char name_out[LADE_AUTHORIZED_NAME_SIZE], struct lade_fault *fault)
{
	char text[LADE_FINGERPRINT_TEXT_SIZE], line[LADE_FINGERPRINT_TEXT_SIZE + LADE_AUTHORIZED_NAME_SIZE];
	int error;

	if (!lade_authorized_keys_name(name))
		return lade_fault_set(fault, LADE_E_USAGE, "use as a name", name);
	error = lade_authorized_keys_find(file, fingerprint, name_out, fault);
	if (!error && strcmp(name, name_out) != 0)
		return lade_fault_set(fault, LADE_E_CHANGED, "give another name to a key of", file);
	if (error != LADE_E_ABSENT)
		return error;
	lade_fingerprint_show(fingerprint, text);
	snprintf(line, sizeof(line), "%s %s", text, name);
	return lade_line_file_edit(file, LADE_LINE_FILE_PUBLIC, &(struct lade_line_file_change){ .added = line }, NULL, fault);
}
