/*
 * Engines: several ways to compute the same, of which the best is used that this processor has and that does it right. For chunker/cut and
 * chunker/strict_cut, whose engines begin with one of these. In a header alone: the files of each of them are compiled without the rest, too.
 */
#ifndef LADE_CHUNKER_ENGINE_H
#define LADE_CHUNKER_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What all engines have. */
struct lade_engine {
	const char *name;
	/* True if this processor and kernel can run it. */
	bool (*usable)(void);
};

/* Those of one computation. Static. */
struct lade_engines {
	const struct lade_engine *const *list; /* count of this architecture, usable or not, the best first; the last one is trusted */
	size_t count;
	bool (*agrees)(const struct lade_engine *engine); /* true if it computes what the portable one does: it is tried */
};

/*
 * Choose: the first engine that is usable and agrees, among those called wanted. If there is none, or wanted is NULL, among all; then the last
 * one. Any thread; takes some milliseconds at most.
 */
static inline const struct lade_engine *lade_engine_choose(const struct lade_engines *engines, const char *wanted)
{
	for (size_t i = 0; i < engines->count; i++) {
		const struct lade_engine *engine = engines->list[i];

		if ((!wanted || !strcmp(engine->name, wanted)) && engine->usable() && engines->agrees(engine))
			return engine;
	}
	return wanted ? lade_engine_choose(engines, NULL) : engines->list[engines->count - 1];
}

/*
 * The choice of this process, which the environment's LADE_CPU may want; it is kept in *kept, NULL at first. Threads that ask for it at once
 * choose each, and all the same one. Any thread.
 */
static inline const struct lade_engine *lade_engine_chosen(const struct lade_engines *engines, _Atomic(const struct lade_engine *) *kept)
{
	const struct lade_engine *engine = atomic_load_explicit(kept, memory_order_acquire);

	if (!engine) {
		engine = lade_engine_choose(engines, getenv("LADE_CPU"));
		atomic_store_explicit(kept, engine, memory_order_release);
	}
	return engine;
}

#endif
