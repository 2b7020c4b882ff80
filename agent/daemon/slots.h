/*
 * Who holds how many of a daemon's connections: limits of all together, and of each address, so that one peer cannot
 * keep the others out. An IPv6 address counts with its network of 64 bits: a host has all of that.
 */
#ifndef LADE_AGENT_DAEMON_SLOTS_H
#define LADE_AGENT_DAEMON_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Whom a connection counts for. */
struct lade_slot_owner {
	uint8_t bytes[16];
};

/* The owner of what comes from address. IPv4 through IPv6 is IPv4. */
struct lade_slot_owner lade_slot_owner_of(const struct sockaddr *address);

/* True if they are one. */
bool lade_slot_owner_same(const struct lade_slot_owner *a, const struct lade_slot_owner *b);

#endif
