/*
 * `lade daemon`: its command line.
 */
#include "agent/daemon/command_daemon.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/daemon/check.h"
#include "agent/daemon/monitor.h"
#include "agent/daemon/place.h"
#include "agent/help.h"
#include "agent/option_walk.h"
#include "agent/screen.h"
#include "protocol/exit_status.h"

#define HINT "try 'lade help daemon'"

enum daemon_option { DAEMON_CONFIG, DAEMON_CHECK, DAEMON_HELP };

static const struct lade_option_row rows[] = {
	{ .name = "config", .id = DAEMON_CONFIG, .value = "FILE" },
	{ .name = "check", .id = DAEMON_CHECK },
	{ .name = "help", .letter = 'h', .id = DAEMON_HELP },
};

/* What was asked for; borrowed from argv. */
struct request {
	const char *config;
	bool check, help;
};

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct request *request = context;

	if (!use->row)
		return lade_complain(complaint, LADE_EXIT_USAGE, "'%s' is not an option of daemon; " HINT, use->value);
	switch ((enum daemon_option)use->row->id) {
	case DAEMON_CONFIG:
		request->config = use->value;
		break;
	case DAEMON_CHECK:
		request->check = true;
		break;
	case DAEMON_HELP:
		request->help = true;
		return 1;
	}
	return 0;
}

/* Run with a configuration, or check it. */
static int run(const struct request *request, struct lade_complaint *complaint)
{
	char *standard = request->config ? NULL : lade_daemon_place_config();
	const char *file = request->config ? request->config : standard;
	int status;

	if (!file) {
		lade_complain(complaint, LADE_EXIT_USAGE, "there is no home directory with a configuration: name one with --config");
		return LADE_EXIT_USAGE;
	}
	status = request->check ? lade_daemon_check(file, stdout) : lade_monitor_run(file, complaint);
	free(standard);
	return status;
}

int lade_command_daemon(int argc, char **argv)
{
	struct lade_complaint complaint = { .exit_status = 0 };
	struct request request = { .config = NULL };
	const struct lade_option_walk walk = {
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.apply = apply,
		.context = &request,
		.hint = HINT,
	};
	int status;

	if (lade_option_walk(&walk, argc - 1, argv + 1, &complaint) < 0)
		status = complaint.exit_status;
	else if (request.help)
		return lade_help_print(stdout, "daemon");
	else
		status = run(&request, &complaint);
	if (complaint.text[0])
		lade_screen_print(stderr, complaint.text);
	return status;
}
