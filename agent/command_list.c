/*
 * `lade list [OPTION]... SRC...`: what a daemon serves, or what sources hold. It is `lade sync --list-only` whose arguments are all sources, so it
 * takes that one's options.
 */
#include "agent/command_list.h"

#include <stdio.h>
#include <string.h>

#include "agent/command_sync.h"
#include "agent/help.h"
#include "agent/screen.h"
#include "protocol/exit_status.h"

int lade_command_list(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return lade_help_print(stdout, "list");
	if (argc < 2) {
		lade_screen_print(stderr, "list: of what? Try 'lade help list'");
		return LADE_EXIT_USAGE;
	}
	return lade_command_sync_list(argc, argv);
}
