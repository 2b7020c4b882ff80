/*
 * A time-out of a served session: who is silent for too long, or takes nothing of what he has asked for, is hung up on. A thread of its own looks now and then whether bytes
 * came or went; whoever serves waits in the kernel for as long as that takes.
 */
#ifndef LADE_AGENT_STORE_STORE_SERVER_WATCH_H
#define LADE_AGENT_STORE_STORE_SERVER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/connection.h"
#include "transport/mover.h"

struct lade_store_watch;

/*
 * Begin to watch: after timeout_s seconds (not 0) without a byte the connection is cancelled. connection and movers are borrowed until lade_store_watch_stop(), before anything
 * is read or written. Returns 0 with *watch_out, or LADE_E_MEMORY.
 */
int lade_store_watch_start(struct lade_connection *connection, const struct lade_movers *movers, uint64_t timeout_s, struct lade_store_watch **watch_out,
			   struct lade_fault *fault);

/* We are busy, or not any more: the other side waits for us meanwhile, and may be silent. NULL does nothing. */
void lade_store_watch_busy(struct lade_store_watch *watch, bool busy);

/* Stop, and free it. Returns true if the connection was cancelled. NULL does nothing. */
bool lade_store_watch_stop(struct lade_store_watch *watch);

#endif
