/*
 * Addresses of the Internet, and how they are written.
 */
#ifndef LADE_TRANSPORT_ADDRESS_H
#define LADE_TRANSPORT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for a host's number, of IPv6 with a zone ("fe80::1%eth0"), and for that of a port; NUL included. */
#define LADE_ADDRESS_HOST_SIZE 64u
#define LADE_ADDRESS_PORT_SIZE 8u

/* An address of IPv4 that came as one of IPv6 (::ffff:192.0.2.1: RFC 4291, 2.5.5.2) is one of IPv4 then; others stay as they are. */
void lade_address_unmap(struct sockaddr_storage *address);

/* The numbers of host and port. False: it is no address of the Internet; both are empty then. */
bool lade_address_numbers(const struct sockaddr_storage *address, char host_out[LADE_ADDRESS_HOST_SIZE],
			  char port_out[LADE_ADDRESS_PORT_SIZE]);

/* Write "HOST:PORT", or "[HOST]:PORT" if there are colons in host, into size bytes. Of a host's name 200 bytes are shown. */
void lade_address_join(const char *host, const char *port, char *out, size_t size);

#endif
