/*
 * Signals that a command ends by in order: SIGINT, SIGTERM and SIGHUP.
 */
#ifndef LADE_AGENT_INTERRUPT_H
#define LADE_AGENT_INTERRUPT_H

#include <stdatomic.h>

/*
 * From now on such a signal makes the flag true, which is false before; those that are ignored stay so. A second one of the same kind ends the program
 * as it would have.
 */
void lade_interrupt_catch(void);

/* The flag: true means that the command is to end. It is never freed. Any thread. */
const atomic_bool *lade_interrupt_flag(void);

#endif
