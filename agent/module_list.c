/*
 * Printing of modules as they come. The order is the daemon's.
 */
#include "agent/module_list.h"

#include <stdio.h>

#include "agent/complaint.h"
#include "agent/escape.h"
#include "agent/json.h"
#include "agent/screen.h"
#include "agent/sync/session.h"
#include "protocol/exit_status.h"

/* Names are filled up to this, as rsync's are. */
#define NAME_COLUMNS 15

/* A list that is being printed. */
struct listing {
	bool json;
	int status; /* of a REPORT that came instead */
};

/* Print a line and forget it. */
static void print_line(struct lade_writer *line)
{
	if (!line->error)
		fwrite(line->data, 1, line->len, stdout);
	putchar('\n');
	lade_writer_fini(line);
}

static void on_module(void *context, struct lade_slice name, struct lade_slice comment)
{
	const struct listing *listing = context;
	struct lade_writer line;

	lade_writer_init(&line, 8 * LADE_CONTROL_MAX);
	if (listing->json) {
		lade_json_begin(&line, "module");
		lade_json_bytes(&line, "name", name);
		lade_json_bytes(&line, "comment", comment);
		lade_json_end(&line);
	} else {
		lade_escape_put(&line, name);
		while (comment.len && line.len < NAME_COLUMNS && !line.error)
			lade_writer_put_bytes(&line, " ", 1);
		if (comment.len) {
			lade_writer_put_bytes(&line, "\t", 1);
			lade_escape_put(&line, comment);
		}
	}
	print_line(&line);
}

static void on_report(void *context, const struct lade_msg_report *report)
{
	struct listing *listing = context;
	struct lade_complaint complaint;

	listing->status = report->exit ? (int)report->exit : LADE_EXIT_STREAM;
	(void)lade_complain(&complaint, listing->status, "%.*s%s%.*s%s: %.*s", (int)report->operation.len, (const char *)report->operation.data,
			    report->subject.len ? " \"" : "", (int)report->subject.len, (const char *)report->subject.data,
			    report->subject.len ? "\"" : "", (int)report->reason.len, (const char *)report->reason.data);
	lade_screen_print(stderr, complaint.text);
}

int lade_module_list_print(struct lade_connection *connection, const struct lade_selection *selection, bool json)
{
	struct listing listing = { .json = json };
	const struct lade_module_events events = { on_module, on_report, &listing };
	struct lade_complaint complaint;
	struct lade_run_key key;
	struct lade_fault fault;
	uint8_t hello[LADE_HELLO_LEN];
	int error = lade_handshake_say_hello(connection, hello, &fault);

	if (!error)
		error = lade_handshake_select(connection, selection, &fault);
	if (!error)
		error = lade_handshake_hear_hello(connection, hello, true, &key, &fault);
	if (!error)
		error = lade_handshake_hear_modules(connection, &events, &fault);
	if (!error || error == LADE_E_REMOTE)
		return listing.status;
	(void)lade_complain_fault(&complaint, lade_exit_of(&fault), &fault);
	lade_screen_print(stderr, complaint.text);
	return complaint.exit_status;
}
