/*
 * How many descriptors a process may have. getrlimit(2), RLIMIT_NOFILE.
 */
#ifndef LADE_AGENT_SYNC_DESCRIPTOR_LIMIT_H
#define LADE_AGENT_SYNC_DESCRIPTOR_LIMIT_H

/*
 * Have the soft limit be at least wanted, or the hard one if that is lower: the usual soft limit is for programs that use select(2). What cannot be had is
 * done without.
 */
void lade_descriptor_limit_raise(unsigned long wanted);

#endif
