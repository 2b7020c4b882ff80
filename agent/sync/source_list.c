/*
 * Lists of sources: one block of memory, in a file's order.
 */
#include "agent/sync/source_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/sync/sync.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "transport/frame.h"

/* Bytes of names in one message. */
#define PIECE (LADE_CONTROL_MAX / 2)

void lade_source_list_fini(struct lade_source_list *list)
{
	free(list->names);
	*list = (struct lade_source_list){ 0 };
}

static int add(struct lade_source_list *list, const char *bytes, size_t len)
{
	size_t size = list->size ? list->size : 4096;
	char *names;

	if (len > LADE_NAMES_MAX - list->len)
		return LADE_E_LIMIT;
	while (size - list->len < len)
		size *= 2;
	if (size != list->size) {
		names = realloc(list->names, size);
		if (!names)
			return LADE_E_MEMORY;
		list->names = names;
		list->size = size;
	}
	memcpy(list->names + list->len, bytes, len);
	list->len += len;
	return 0;
}

static bool ends(int byte, bool nul)
{
	return byte == EOF || byte == '\0' || (!nul && (byte == '\n' || byte == '\r'));
}

/* A list that is being read. */
struct reading {
	FILE *stream;
	bool nul;
	size_t len; /* bytes so far: what is empty or a remark takes no room in the list, and would be read for ever */
};

/* Take one name to the end of the list. Returns what ended it, or EOF with an error. */
static int take(struct reading *reading, struct lade_source_list *list, int *error_out)
{
	size_t start = list->len;
	int byte;

	while (!ends(byte = getc_unlocked(reading->stream), reading->nul)) {
		char one = (char)byte;

		*error_out = list->len - start < LADE_PATH_MAX ? add(list, &one, 1) : LADE_E_LIMIT;
		if (*error_out)
			return EOF;
	}
	reading->len += list->len - start + 1;
	if (list->len == start || list->names[start] == '#' || list->names[start] == ';')
		list->len = start;
	else
		*error_out = add(list, "", 1);
	if (!*error_out && reading->len > LADE_NAMES_MAX)
		*error_out = LADE_E_LIMIT;
	return *error_out ? EOF : byte;
}

/* What has an end, and comes without somebody who writes it. */
static bool is_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) || (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3)); /* /dev/null: an empty list */
}

/* Open file; NULL with the fault. A server has nobody who would see that it waits for a FIFO's writer, and end it. */
static FILE *open_list(const struct lade_base *base, const char *file, bool ours, struct lade_fault *fault)
{
	int fd = lade_place_open(base, file, O_RDONLY | O_NOCTTY | (ours ? 0 : O_NONBLOCK));
	struct stat st = { 0 };
	FILE *stream;

	if (fd < 0) {
		lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, "open the list of sources", file);
		return NULL;
	}
	if (fstat(fd, &st) || !(is_file(&st) || S_ISDIR(st.st_mode) || (ours && (S_ISFIFO(st.st_mode) || isatty(fd))))) {
		close(fd);
		lade_fault_set(fault, LADE_E_REFUSED, ours ? "use as a list of sources what is neither a file nor a pipe:" :
			       "use as a list of sources what is no file:", file);
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		lade_fault_set(fault, LADE_E_MEMORY, "open the list of sources", file);
	}
	return stream;
}

int lade_source_list_read(const struct lade_base *base, const char *file, bool nul, bool ours, struct lade_source_list *list_out,
			  struct lade_fault *fault)
{
	bool standard = ours && strcmp(file, "-") == 0;
	struct reading reading = { .nul = nul };
	int error;

	*list_out = (struct lade_source_list){ 0 };
	reading.stream = standard ? stdin : open_list(base, file, ours, fault);
	if (!reading.stream)
		return fault->code;
	/* A list without names is one, too. */
	error = add(list_out, "", 0);
	while (!error && take(&reading, list_out, &error) != EOF)
		;
	if (!error && ferror(reading.stream))
		error = LADE_E_SYSTEM;
	if (error)
		lade_fault_set(fault, error, "read the list of sources", file);
	if (!standard)
		fclose(reading.stream);
	return error;
}

const char *lade_source_list_next(const struct lade_source_list *list, const char *name)
{
	name = name ? name + strlen(name) + 1 : list->names;
	return name && name < list->names + list->len ? name : NULL;
}

/* ---- on its way ---- */

/* [charset] A copy of list, whose names are converted; those that cannot be stay as they are. */
static int convert(const struct lade_source_list *list, struct lade_charset *charset, enum lade_charset_way way,
		   struct lade_source_list *list_out)
{
	char converted[LADE_TARGET_MAX];
	const char *name = list->names;
	int error = 0;

	*list_out = (struct lade_source_list){ 0 };
	while (!error && name < list->names + list->len) {
		struct lade_slice said = lade_charset_show(charset, way, lade_slice(name, strlen(name)), converted, sizeof(converted));

		error = add(list_out, (const char *)said.data, said.len);
		if (!error)
			error = add(list_out, "", 1);
		name += strlen(name) + 1;
	}
	if (error)
		lade_source_list_fini(list_out);
	return error;
}

/* Say it as it is. */
static int say_all(struct lade_connection *connection, const struct lade_source_list *list, struct lade_fault *fault)
{
	struct lade_msg_source_names said = { 0 };
	struct lade_writer writer;
	size_t off = 0;
	int error;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	do {
		size_t len = list->len - off < PIECE ? list->len - off : PIECE;

		said.names = lade_slice(list->names + off, len);
		off += len;
		said.last = off == list->len;
		lade_writer_reset(&writer);
		lade_put_source_names(&writer, &said); /* [source-names] */
		error = writer.error ? lade_fault_set(fault, writer.error, "send the list of sources to", connection->peer) :
			lade_frame_write(connection, lade_slice(writer.data, writer.len), 0, fault);
	} while (!error && !said.last);
	lade_writer_fini(&writer);
	return error;
}

int lade_source_list_say(struct lade_connection *connection, struct lade_charset *charset, const struct lade_source_list *list,
			 struct lade_fault *fault)
{
	struct lade_source_list converted;
	int error;

	if (!charset || !list->len)
		return say_all(connection, list, fault);
	error = convert(list, charset, LADE_CHARSET_OUT, &converted);
	if (error)
		return lade_fault_set(fault, error, "send the list of sources to", connection->peer);
	error = say_all(connection, &converted, fault);
	lade_source_list_fini(&converted);
	return error;
}

/* [report] The peer's last words instead of a list: why there is none, for the user. */
static int refused(const struct lade_msg_report *report, struct lade_charset *charset, const struct lade_events *events,
		   struct lade_source_list *list)
{
	struct lade_msg_report shown = *report;
	char converted[LADE_TARGET_MAX];

	if (report->severity != LADE_REPORT_FATAL || !events)
		return LADE_E_PROTOCOL;
	shown.subject = lade_charset_show(charset, LADE_CHARSET_IN, report->subject, converted, sizeof(converted)); /* [charset] */
	events->report(events->context, &shown);
	list->refused = report->exit ? (int)report->exit : LADE_EXIT_STREAM;
	return LADE_E_REMOTE;
}

/* One piece; *last_out if it was the last one. */
static int take_piece(const struct lade_message *message, struct lade_source_list *list, bool *last_out)
{
	if (message->type != LADE_MSG_SOURCE_NAMES)
		return LADE_E_PROTOCOL;
	*last_out = message->source_names.last;
	/* Nothing may be cut off; what is empty says that there is nothing more. */
	if (!message->source_names.names.len && !*last_out)
		return LADE_E_PROTOCOL;
	return add(list, (const char *)message->source_names.names.data, message->source_names.names.len);
}

/* The one message of a frame. */
static int understand(const struct lade_writer *control, uint32_t payload_len, struct lade_message *message_out)
{
	struct lade_reader reader;
	int error;

	lade_reader_init(&reader, control->data, control->len);
	error = payload_len ? LADE_E_PROTOCOL : lade_message_get(&reader, message_out);
	return !error && lade_reader_left(&reader) ? LADE_E_PROTOCOL : error;
}

int lade_source_list_hear(struct lade_connection *connection, struct lade_charset *charset, const struct lade_events *events,
			  struct lade_source_list *list_out, struct lade_fault *fault)
{
	struct lade_source_list heard;
	struct lade_message message;
	struct lade_writer control;
	uint32_t payload_len;
	bool last = false;
	int error = 0;

	*list_out = (struct lade_source_list){ 0 };
	lade_writer_init(&control, LADE_CONTROL_MAX);
	while (!error && !last) {
		error = lade_frame_read(connection, &control, &payload_len, fault);
		if (error)
			break;
		error = understand(&control, payload_len, &message);
		if (!error)
			error = message.type == LADE_MSG_REPORT ? refused(&message.report, charset, events, list_out) :
				take_piece(&message, list_out, &last);
		if (error)
			lade_fault_set(fault, error, "understand the list of sources of", connection->peer);
	}
	if (!error && list_out->len && list_out->names[list_out->len - 1])
		error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand the list of sources of", connection->peer);
	lade_writer_fini(&control);
	if (error || !charset || !list_out->len)
		return error;
	heard = *list_out;
	error = convert(&heard, charset, LADE_CHARSET_IN, list_out);
	lade_source_list_fini(&heard);
	return error ? lade_fault_set(fault, error, "understand the list of sources of", connection->peer) : 0;
}
