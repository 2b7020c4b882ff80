/*
 * `lade backup`: backs paths up into a repository.
 */
#ifndef LADE_AGENT_COMMAND_BACKUP_H
#define LADE_AGENT_COMMAND_BACKUP_H

#include "agent/backup/backup.h"

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_backup(int argc, char **argv);

/* The same for who wants to know more: result_out gets what came of it, zeros if nothing was begun. */
int lade_command_backup_run(int argc, char **argv, struct lade_backup_result *result_out);

#endif
