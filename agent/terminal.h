/*
 * Questions to the person at the terminal, who is asked there whatever standard input and output are.
 */
#ifndef LADE_AGENT_TERMINAL_H
#define LADE_AGENT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

/*
 * Write question, escaped but for newlines, and read a line, without its newline, to answer_out, of size bytes. hidden: it is not shown.
 * Returns 0; LADE_E_ABSENT: there is no terminal; LADE_E_CLOSED: there was no answer; LADE_E_CANCELLED: a signal came instead that
 * ends programs; LADE_E_LIMIT: it is too long; LADE_E_SYSTEM. Before there are threads.
 */
int lade_terminal_ask(const char *question, bool hidden, char *answer_out, size_t size);

#endif
