/*
 * Owners of connections.
 */
#include "agent/daemon/slots.h"

#include <netinet/in.h>
#include <string.h>

struct lade_slot_owner lade_slot_owner_of(const struct sockaddr *address)
{
	struct lade_slot_owner owner = { { 0 } };

	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, address, sizeof(v4));
		owner.bytes[10] = owner.bytes[11] = 0xff;
		memcpy(owner.bytes + 12, &v4.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, address, sizeof(v6));
		memcpy(owner.bytes, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
	}
	return owner;
}

bool lade_slot_owner_same(const struct lade_slot_owner *a, const struct lade_slot_owner *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
