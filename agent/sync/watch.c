/*
 * Watching for silence. Both sides know the time-out and speak four times in it, whatever they are busy with, so what counts
 * is only what is heard: what we say goes into a buffer of the kernel, whether or not anybody takes it there.
 */
#include "agent/sync/watch.h"

/* Signs of life in a time-out. */
#define SIGNS 4
/* A look that comes so much later than the last one tells that we were asleep, not the other side. */
#define ASLEEP_MS 1000

void lade_watch_init(struct lade_watch *watch, uint64_t timeout_s, int64_t now_ms)
{
	*watch = (struct lade_watch){ .timeout_ms = (int64_t)timeout_s * 1000, .looked_ms = now_ms };
}

enum lade_watch_step lade_watch_look(struct lade_watch *watch, const struct lade_watch_facts *facts, int64_t now_ms)
{
	int64_t passed_ms = now_ms - watch->looked_ms;

	if (!watch->timeout_ms)
		return LADE_WATCH_FINE;
	passed_ms = passed_ms < ASLEEP_MS ? passed_ms : ASLEEP_MS;
	watch->looked_ms = now_ms;
	watch->heard_since_ms = facts->heard != watch->heard || facts->waiting ? 0 : watch->heard_since_ms + passed_ms;
	watch->said_since_ms = facts->said != watch->said ? 0 : watch->said_since_ms + passed_ms;
	watch->heard = facts->heard;
	watch->said = facts->said;
	if (watch->heard_since_ms >= watch->timeout_ms)
		return LADE_WATCH_OVER;
	if (watch->said_since_ms < watch->timeout_ms / SIGNS)
		return LADE_WATCH_FINE;
	watch->said_since_ms = 0;
	return LADE_WATCH_SPEAK;
}
