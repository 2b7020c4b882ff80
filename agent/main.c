/*
 * lade: which command it is.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/command_backup.h"
#include "agent/command_check.h"
#include "agent/command_filter.h"
#include "agent/command_completion.h"
#include "agent/command_dump.h"
#include "agent/command_init.h"
#include "agent/command_key.h"
#include "agent/command_list.h"
#include "agent/command_ls.h"
#include "agent/command_paths.h"
#include "agent/command_restore.h"
#include "agent/command_serve.h"
#include "agent/command_snapshots.h"
#include "agent/command_stats.h"
#include "agent/command_sync.h"
#include "agent/daemon/command_daemon.h"
#include "agent/daemon/command_status.h"
#include "agent/help.h"
#include "agent/jobs/command_run.h"
#include "agent/screen.h"
#include "protocol/exit_status.h"

static int usage(const char *before, const char *what, const char *hint)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%.200s%s", before, what, hint);
	lade_screen_print(stderr, text);
	return LADE_EXIT_USAGE;
}

static int command_help(int argc, char **argv)
{
	if (argc > 2)
		return usage("help: too many arguments; try 'lade help'", "", "");
	if (lade_help_print(stdout, argv[1]))
		return usage("unknown command '", argv[1], "'; try 'lade help'");
	return LADE_EXIT_OK;
}

static int command_version(int argc, char **argv)
{
	if (argc > 1)
		return usage("version: unexpected argument '", argv[1], "'; try 'lade help'");
	lade_help_print_version(stdout);
	return LADE_EXIT_OK;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "sync", lade_command_sync },
	{ "serve", lade_command_serve },
	{ "list", lade_command_list },
	{ "init", lade_command_init },
	{ "backup", lade_command_backup },
	{ "run", lade_command_run },
	{ "check", lade_command_check },
	{ "snapshots", lade_command_snapshots },
	{ "ls", lade_command_ls },
	{ "restore", lade_command_restore },
	{ "dump", lade_command_dump },
	{ "stats", lade_command_stats },
	{ "key", lade_command_key },
	{ "daemon", lade_command_daemon },
	{ "status", lade_command_status },
	{ "filter", lade_command_filter },
	{ "paths", lade_command_paths },
	{ "completion", lade_command_completion },
	{ "help", command_help },
	{ "--help", command_help },
	{ "-h", command_help },
	{ "version", command_version },
	{ "--version", command_version },
	{ "-V", command_version },
};

/*
 * A descriptor 0, 1 or 2 that is closed would be the number of the next file or socket that is
 * opened, and what is meant for the screen would go there.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	/* A reader that leaves is an error of write(2) here, told as one. */
	(void)signal(SIGPIPE, SIG_IGN);
	/*
	 * Only what is printable depends on the locale: messages and numbers are read by scripts.
	 */
	(void)setlocale(LC_CTYPE, "");
	if (argc < 2)
		return usage("no command; try 'lade help'", "", "");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return lade_screen_flush(commands[i].run(argc - 1, argv + 1));
	}
	return usage("unknown command '", argv[1], "'; try 'lade help'");
}
