/*
 * A client of a daemon whose keys wear out after 100 KiB, and one who would like to be somebody else's: joining.sh calls it.
 *
 *   joiner move PORT SOURCE DESTINATION         push; prints how often the session was moved
 *   joiner asked PORT SOURCE DESTINATION        pull, from SOURCE that begins with the module; the session is moved when the server asks for it alone
 *   joiner wrong PORT SOURCE DESTINATION        the same, but the first proof is wrong
 *   joiner join PORT KEY NUMBER                 with the key of this file: join that session, without knowing its run key; prints what comes of it
 *
 * DESTINATION begins with the module: /module/path. The host is known, or becomes so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/complaint.h"
#include "agent/contact.h"
#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "protocol/error.h"

#define MOVE_BYTES (100u << 10)

struct joiner {
	struct lade_contact contact;
	struct lade_contact_peer peer;
	unsigned dials;
	bool wrong; /* the next proof is */
	bool asked; /* pull, and move when the server asks for it */
};

static int dial(void *context, const int *cancel_fd, struct lade_connection *fresh_out, struct lade_fault *fault)
{
	struct joiner *joiner = context;

	joiner->dials++;
	return lade_contact_dial_again(&joiner->contact, &joiner->peer, cancel_fd, fresh_out, fault);
}

/* The proof is about the exporter: another one makes it wrong. */
static int shake(void *context, struct lade_connection *fresh, uint8_t exporter_out[LADE_EXPORTER_LEN], struct lade_fault *fault)
{
	struct joiner *joiner = context;
	int error = lade_contact_shake_again(&joiner->contact, &joiner->peer, fresh, exporter_out, fault);

	exporter_out[5] ^= joiner->wrong;
	joiner->wrong = false;
	return error;
}

static void report(void *context, const struct lade_msg_report *report)
{
	(void)context;
	printf("%.*s %.*s: %.*s\n", (int)report->operation.len, (const char *)report->operation.data, (int)report->subject.len,
	       (const char *)report->subject.data, (int)report->reason.len, (const char *)report->reason.data);
}

static void item(void *context, const struct lade_msg_item *item)
{
	(void)context;
	(void)item;
}

static void connect_or_exit(struct joiner *joiner, struct lade_connection *connection)
{
	struct lade_complaint complaint;

	if (lade_contact_make(&joiner->contact, connection, &joiner->peer, &complaint) == 0)
		return;
	printf("%s\n", complaint.text);
	exit(complaint.exit_status);
}

/* far: what begins with the module; near: what is here. */
static int copy(struct joiner *joiner, char *far, char *near)
{
	const struct lade_successors ways = {
		.fd = -1, .dial = dial, .shake = shake, .context = joiner,
		.move_bytes = joiner->asked ? 0 : MOVE_BYTES,
	};
	const struct lade_events events = { .report = report, .item = item };
	struct lade_settings settings = {
		.options = LADE_OPTION_RECURSIVE | LADE_OPTION_PERMS | LADE_OPTION_TIMES | LADE_OPTION_NUMERIC_IDS, .successors = &ways,
	};
	char *path = strchr(far + 1, '/'), *sources[] = { joiner->asked ? path : near }, module[64] = "";
	struct lade_connection connection;
	const struct lade_selection selection = { .module = module, .user = "", .exporter = joiner->peer.exporter };
	const struct lade_sync_job job = {
		.settings = &settings, .events = &events, .connection = &connection, .selection = &selection, .push = !joiner->asked, .sources = sources,
		.source_count = 1, .destination = joiner->asked ? near : path,
	};
	struct lade_msg_end totals;
	int status;

	if (!path || (size_t)(path - far) > sizeof(module) || lade_filter_new(&settings.filter))
		return LADE_EXIT_USAGE;
	memcpy(module, far + 1, (size_t)(path - far) - 1);
	connect_or_exit(joiner, &connection);
	status = lade_sync_client(&job, &totals);
	lade_connection_close(&connection);
	lade_filter_free(settings.filter);
	printf("%u connections more\n", joiner->dials);
	return status;
}

static int join(struct joiner *joiner, const char *number)
{
	struct lade_join claim = { .session = strtoull(number, NULL, 10) };
	struct lade_connection connection;
	struct lade_fault fault;
	int error;

	connect_or_exit(joiner, &connection);
	memcpy(claim.exporter, joiner->peer.exporter, sizeof(claim.exporter));
	error = lade_handshake_join(&connection, &claim, &fault);
	lade_connection_close(&connection);
	printf("%s\n", error ? lade_fault_reason(&fault) : "joined");
	return error == LADE_E_REFUSED ? 1 : error == LADE_E_CLOSED ? 2 : error ? 3 : 0;
}

int main(int argc, char **argv)
{
	struct joiner joiner = { .wrong = argc > 1 && strcmp(argv[1], "wrong") == 0, .asked = argc > 1 && strcmp(argv[1], "asked") == 0 };

	if (argc != 5 || lade_sync_setup(NULL))
		return LADE_EXIT_USAGE;
	joiner.contact = (struct lade_contact){ .dial = { .host = "127.0.0.1", .port = argv[2] }, .accept_new = true };
	if (strcmp(argv[1], "join") != 0)
		return copy(&joiner, argv[joiner.asked ? 3 : 4], argv[joiner.asked ? 4 : 3]);
	joiner.contact.key_file = argv[3];
	return join(&joiner, argv[4]);
}
