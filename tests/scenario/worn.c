/*
 * The rest of a `lade` whose keys wear out after 100 KiB, as those of a kernel that cannot take another one do after many GiB: ld --wrap puts this in the
 * place of what looks at them. As a daemon it asks its clients to move their sessions.
 */
#include "transport/connection.h"

#define WORN_BYTES (50u << 10)

enum lade_wear __wrap_lade_connection_wear(const struct lade_connection *connection);

enum lade_wear __wrap_lade_connection_wear(const struct lade_connection *connection)
{
	static uint64_t begun;
	static int fd = -1;
	uint64_t sent;

	/* The next connection is there before the last one is closed. */
	if (connection->out_fd != fd)
		begun = connection->sent_len;
	fd = connection->out_fd;
	sent = connection->sent_len - begun;
	if (sent >= 2 * WORN_BYTES)
		return LADE_WEAR_SPENT;
	return sent >= WORN_BYTES ? LADE_WEAR_WORN : LADE_WEAR_NONE;
}
