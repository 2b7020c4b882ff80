/*
 * The texts of `lade help`.
 */
#ifndef LADE_AGENT_HELP_H
#define LADE_AGENT_HELP_H

#include <stdio.h>

/*
 * Write the help of command (NULL: of lade itself) to file. Returns 0, or LADE_E_ABSENT for an
 * unknown command.
 */
int lade_help_print(FILE *file, const char *command);

/* Write how sync is called, in a few lines. */
void lade_help_print_usage(FILE *file);

/* Write "lade VERSION" and what it speaks to file. */
void lade_help_print_version(FILE *file);

#endif
