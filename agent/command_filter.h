/*
 * `lade filter`: which rule decides what becomes of a path.
 */
#ifndef LADE_AGENT_COMMAND_FILTER_H
#define LADE_AGENT_COMMAND_FILTER_H

/*
 * Run the command; argv[0] is "filter". Prints a line for each path. Returns the exit status: 0; 1 for what cannot be understood; 11 for
 * a file of rules or a root that cannot be read; 23 if files in the tree are wrong.
 */
int lade_command_filter(int argc, char **argv);

#endif
