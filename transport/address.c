/*
 * Addresses.
 */
#include "transport/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void lade_address_unmap(struct sockaddr_storage *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	memcpy(&v6, address, sizeof(v6));
	if (v6.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return;
	v4.sin_port = v6.sin6_port;
	memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof(v4.sin_addr));
	memset(address, 0, sizeof(*address));
	memcpy(address, &v4, sizeof(v4));
}

bool lade_address_numbers(const struct sockaddr_storage *address, char host_out[LADE_ADDRESS_HOST_SIZE],
			  char port_out[LADE_ADDRESS_PORT_SIZE])
{
	if ((address->ss_family == AF_INET || address->ss_family == AF_INET6) &&
	    getnameinfo((const struct sockaddr *)address, sizeof(*address), host_out, LADE_ADDRESS_HOST_SIZE, port_out,
			LADE_ADDRESS_PORT_SIZE, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		return true;
	*host_out = *port_out = '\0';
	return false;
}

void lade_address_join(const char *host, const char *port, char *out, size_t size)
{
	snprintf(out, size, strchr(host, ':') ? "[%.200s]:%.20s" : "%.200s:%.20s", host, port);
}
