/*
 * tests/model/repository_model: explores what FORMAT.md says of sessions: writers, one of which may go on with what another has
 * put, collectors, a compaction of tables, a snapshot that is forgotten and a loss of power, in every order of their steps; and
 * looks in each state whether a committed snapshot misses a pack, or tables miss one that is needed.
 *
 * usage: repository_model [--without=RULE] [--reliable] [--sessions=N] [--collectors=N] [--compactions=N]
 *
 * A process that crashed is one that makes no further step: every state is looked at, so crashes need no step of their
 * own. A loss of power (but for --reliable) ends all processes and undoes any of the puts, renames and deletes that no barrier
 * followed. Writers need one chunk. Pack 0 has it from the beginning; each session may put another pack with it. Pack 1 has
 * another chunk, of a snapshot that stays. The last session is of the same writer as the first: it resumes that, or both run at once.
 *
 * Exit status: 0 no state is bad, 1 one is, and the steps that lead there are printed.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 2, COLLECTORS = 2, COMPACTIONS = 1, PROCESSES = SESSIONS + COLLECTORS + COMPACTIONS };
enum { FIRST_COLLECTOR = SESSIONS, COMPACTOR = SESSIONS + COLLECTORS };
enum { OLD_PACKS = 2, PACKS = OLD_PACKS + SESSIONS };

/* Objects of the store, one bit each; what is in them is a matter of who put them. */
#define PACK(n) (UINT64_C(1) << (n))
#define OWN_PACK(session) PACK(OLD_PACKS + (session))
#define PACK_MASK (PACK(PACKS) - 1)
#define OLD_TABLE (UINT64_C(1) << PACKS)      /* in index/, of the old packs */
#define OLD_REFS (UINT64_C(1) << (PACKS + 1)) /* of a snapshot that needs pack 0; one that needs pack 1 is always there */
enum { ACTIVE, COMMITTED, FENCED, STAGED, TABLE, STAGED_REFS, REFS, TOMBSTONE, STAGED_GONE, GONE, OBJECTS };
#define OF(process, object) (UINT64_C(1) << (PACKS + 2 + (process) * OBJECTS + (object)))

enum { DONE = 31 };

/* What a process knows. */
struct process {
	uint8_t step;
	uint8_t seen;     /* packs in tombstones, or gone; collector: processes that it waits for */
	uint8_t packs;    /* session: packs in tables; collector: candidates, later without those that are spared */
	uint8_t chosen;   /* its pack, a mask, which is what its table has; compaction: what its table has */
	uint8_t replaced; /* compaction: tables that its own replaces: bit 0 the old one, 1 + n of process n */
	uint8_t tomb;     /* collector: packs in its tombstone */
	uint8_t adopted;  /* others whose tombstones (collector) or lists of packs that are gone (compaction) it deletes, a mask */
};

struct state {
	uint64_t now;  /* objects that are there */
	uint64_t disk; /* ... that would be there after a loss of power without anything else */
	struct process processes[PROCESSES];
	uint8_t spoiled; /* there was a loss of power */
	uint8_t padding[(16 - PROCESSES * 7 % 8 - 1) & 7];
};

/* What is left out, to see that it is needed. */
static struct {
	bool tombstones, fence, reread, barriers, order, active, taking, first;
} without;
static unsigned sessions = SESSIONS, collectors = 1, compactions;
static bool reliable; /* power is never lost: what is on disk does not matter */

/* ---- states seen ---- */

struct node {
	struct state state;
	uint32_t from;
	char label[12];
};
static struct node *nodes;
static uint32_t *slots;
static uint32_t count, room;
static uint64_t slot_count = UINT64_C(1) << 20;

static uint64_t hash_of(const struct state *state)
{
	const uint8_t *bytes = (const uint8_t *)state;
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < sizeof(*state); i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static void enter(uint32_t node)
{
	uint64_t slot = hash_of(&nodes[node].state) & (slot_count - 1);

	while (slots[slot])
		slot = (slot + 1) & (slot_count - 1);
	slots[slot] = node + 1;
}

static void grow(void)
{
	if (count == room) {
		room = room ? room * 2 : 1 << 18;
		nodes = reallocarray(nodes, room, sizeof(*nodes));
	}
	if (slots && (uint64_t)count * 2 < slot_count)
		return;
	if (slots)
		slot_count *= 2;
	free(slots);
	slots = calloc(slot_count, sizeof(*slots));
	if (!nodes || !slots)
		err(2, NULL);
	for (uint32_t i = 0; i < count; i++)
		enter(i);
}

static void print_way(uint32_t node)
{
	if (nodes[node].from != UINT32_MAX)
		print_way(nodes[node].from);
	printf("# %s\n", nodes[node].label);
}

/* ---- objects ---- */

/* Everything is visible at once; what is on disk without a barrier is up to the loss of power. */
static void put(struct state *state, uint64_t object) { state->now |= object; }
static void delete(struct state *state, uint64_t object) { state->now &= ~object; }
static bool has(const struct state *state, unsigned process, unsigned object) { return state->now & OF(process, object); }

static bool rename_once(struct state *state, unsigned process, unsigned from, unsigned to)
{
	if (!has(state, process, from) || has(state, process, to))
		return false;
	state->now = (state->now & ~OF(process, from)) | OF(process, to);
	return true;
}

/* What these objects are now is on disk. */
static void barrier(struct state *state, uint64_t objects)
{
	if (!without.barriers)
		state->disk = (state->disk & ~objects) | (state->now & objects);
}

static bool is_gone(const struct state *state, unsigned p)
{
	return has(state, p, GONE) || (has(state, p, COMMITTED) && has(state, p, STAGED_GONE));
}

/* Packs that a session takes for absent. */
static uint8_t absent(const struct state *state)
{
	uint8_t packs = 0;

	for (unsigned p = FIRST_COLLECTOR; p < COMPACTOR; p++) {
		packs |= has(state, p, TOMBSTONE) ? state->processes[p].tomb : 0;
		packs |= is_gone(state, p) ? state->processes[p].packs : 0;
	}
	return packs;
}

/* Tables in index/, and those of them that count: bit 0 the old one, 1 + n that of process n. */
static uint8_t tables_there(const struct state *state)
{
	uint8_t tables = state->now & OLD_TABLE ? 1 : 0;

	for (unsigned p = 0; p < PROCESSES; p++)
		tables |= has(state, p, TABLE) ? (uint8_t)(2 << p) : 0;
	return tables;
}

static uint8_t tables_that_count(const struct state *state)
{
	return tables_there(state) & (uint8_t)~(has(state, COMPACTOR, TABLE) ? state->processes[COMPACTOR].replaced : 0);
}

static uint8_t packs_of_table(const struct state *state, unsigned table)
{
	if (table == 0)
		return PACK(0) | PACK(1);
	return state->processes[table - 1].chosen;
}

static uint8_t packs_of_tables(const struct state *state, uint8_t tables)
{
	uint8_t packs = 0;

	for (unsigned table = 0; table <= PROCESSES; table++)
		packs |= tables >> table & 1 ? packs_of_table(state, table) : 0;
	return packs;
}

/* ---- the property ---- */

static bool committed(const struct state *state, unsigned session)
{
	return has(state, session, COMMITTED) || has(state, session, REFS);
}

/* Packs that are in a table that counts, or will when what is committed is published. */
static uint8_t packs_known(const struct state *state)
{
	uint8_t packs = packs_of_tables(state, tables_that_count(state));

	for (unsigned p = 0; p < PROCESSES; p++)
		packs |= has(state, p, COMMITTED) && has(state, p, STAGED) ? packs_of_table(state, p + 1) : 0;
	return packs;
}

static bool is_good(const struct state *state)
{
	const uint8_t known = packs_known(state);

	if (!(state->now & PACK(1)) || !(known & PACK(1)))
		return false;
	for (unsigned session = 0; session < sessions; session++) {
		const uint8_t needed = state->processes[session].chosen;

		if (committed(state, session) && ((needed & ~state->now & PACK_MASK) || (needed & ~known)))
			return false;
		/* Only what is complete is ever committed. */
		if (has(state, session, COMMITTED) && !has(state, session, STAGED_REFS) && !has(state, session, REFS))
			return false;
	}
	return true;
}

static void reach(uint32_t from, struct state *state, const char *label, unsigned who)
{
	uint64_t slot;

	if (reliable)
		state->disk = state->now;
	slot = hash_of(state) & (slot_count - 1);

	for (; slots[slot]; slot = (slot + 1) & (slot_count - 1)) {
		if (memcmp(&nodes[slots[slot] - 1].state, state, sizeof(*state)) == 0)
			return;
	}
	grow();
	nodes[count].state = *state;
	nodes[count].from = from;
	snprintf(nodes[count].label, sizeof(nodes[count].label), "%u %s", who, label);
	enter(count);
	if (!is_good(state)) {
		print_way(count);
		printf("# a committed snapshot misses a pack, after %u states\n", count);
		exit(1);
	}
	count++;
}

/* ---- what sessions do ---- */

static uint64_t own(unsigned p) { return OF(p, 0) * ((1 << OBJECTS) - 1) | (p < SESSIONS ? OWN_PACK(p) : 0); }

/* The next session of the same writer, which may go on with what the first one has put. */
static bool resumes(const struct state *state, unsigned p)
{
	return p > 0 && p == sessions - 1 && has(state, 0, STAGED) && (without.active || has(state, 0, ACTIVE));
}

static void choose(uint32_t from, const struct state *before, unsigned p)
{
	const uint8_t known = before->processes[p].packs & (uint8_t)~PACK(1) & (uint8_t)~(without.tombstones ? 0 : before->processes[p].seen);

	for (unsigned pack = 0; pack < PACKS; pack++) {
		struct state state = *before;

		if (!(known >> pack & 1))
			continue;
		state.processes[p].chosen = (uint8_t)PACK(pack);
		/* What another session has put is in nobody's table but that one's. */
		state.processes[p].step = pack == OLD_PACKS && p > 0 && !without.taking ? 5 : 6;
		reach(from, &state, "finds it", p);
	}
}

/*
 * A barrier is one step with what comes after it: in between, others see what they saw before, and a loss of power
 * leaves what it may leave afterwards as well.
 */
static void step_session(uint32_t from, const struct state *before, unsigned p)
{
	static const char *const labels[] = { "begins", "tombstones", "tables", "resumes", "put pack", "put table", "put refs", "commits" };
	struct state state = *before;
	struct process *process = &state.processes[p];
	const char *label = labels[process->step];

	switch (process->step++) {
	case 0:
		if (without.order)
			process->seen = absent(&state);
		else
			put(&state, OF(p, ACTIVE));
		break;
	case 1:
		if (without.order)
			put(&state, OF(p, ACTIVE));
		else
			process->seen = absent(&state);
		break;
	case 2:
		process->packs = packs_of_tables(&state, tables_that_count(&state));
		break;
	case 3:
		if (resumes(&state, p))
			process->packs |= (uint8_t)OWN_PACK(0);
		break;
	case 4:
		choose(from, before, p);
		process->chosen = (uint8_t)OWN_PACK(p);
		put(&state, OWN_PACK(p));
		break;
	case 5:
		barrier(&state, own(p));
		put(&state, OF(p, STAGED));
		break;
	case 6:
		barrier(&state, own(p));
		put(&state, OF(p, STAGED_REFS));
		break;
	default:
		barrier(&state, own(p));
		(void)rename_once(&state, p, ACTIVE, COMMITTED);
		process->step = DONE;
		break;
	}
	reach(from, &state, label, p);
}

/* ---- what collectors do ---- */

static void publish(struct state *state, unsigned p)
{
	if (!has(state, p, COMMITTED))
		return;
	/* Whoever it was that renamed it: what follows must not survive a loss of power that this does not. */
	if (!without.first)
		barrier(state, own(p));
	(void)rename_once(state, p, STAGED, TABLE);
	(void)rename_once(state, p, STAGED_REFS, REFS);
	(void)rename_once(state, p, STAGED_GONE, GONE);
}

static void publish_all(struct state *state)
{
	for (unsigned p = 0; p < PROCESSES; p++)
		publish(state, p);
}

/* Packs that are named by refs in sessions that are active or committed, and in refs/. */
static uint8_t referenced(const struct state *state, bool staged, bool published)
{
	uint8_t packs = PACK(1) | (published && (state->now & OLD_REFS) ? PACK(0) : 0);

	for (unsigned p = 0; p < sessions; p++) {
		const bool counts = has(state, p, ACTIVE) || has(state, p, COMMITTED);

		if ((staged && counts && has(state, p, STAGED_REFS)) || (published && has(state, p, REFS)))
			packs |= state->processes[p].chosen;
	}
	return packs;
}

static uint8_t processes_with(const struct state *state, unsigned object, unsigned first)
{
	uint8_t mask = 0;

	for (unsigned p = first; p < PROCESSES; p++)
		mask |= has(state, p, object) ? (uint8_t)(1 << p) : 0;
	return mask;
}

/* Packs without refs, and those of tombstones that are nobody's any more. */
static void find_candidates(struct state *state, struct process *process)
{
	process->packs = (uint8_t)(state->now & PACK_MASK);
	for (unsigned p = FIRST_COLLECTOR; p < COMPACTOR; p++) {
		if (!has(state, p, TOMBSTONE) || has(state, p, ACTIVE))
			continue;
		process->adopted |= (uint8_t)(1 << p);
		process->packs |= state->processes[p].tomb;
	}
	process->packs &= (uint8_t)~referenced(state, true, true);
	process->tomb = process->packs;
	if (!process->packs)
		process->step = DONE;
}

static void delete_tombstones(struct state *state, const struct process *process, unsigned c)
{
	delete (state, OF(c, TOMBSTONE));
	for (unsigned p = FIRST_COLLECTOR; p < COMPACTOR; p++) {
		if (process->adopted >> p & 1)
			delete (state, OF(p, TOMBSTONE));
	}
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (has(state, p, FENCED))
			delete (state, OF(p, STAGED) | OF(p, STAGED_REFS) | OF(p, STAGED_GONE));
	}
}

/* Fence one of those that are waited for, or go on if there is none; a collector that sees a lesser one is fenced by itself. */
static void wait_for_sessions(uint32_t from, const struct state *before, unsigned c)
{
	struct state state;

	for (unsigned p = 0; p < PROCESSES; p++) {
		if (!(before->processes[c].seen >> p & 1) || !has(before, p, ACTIVE))
			continue;
		state = *before;
		(void)rename_once(&state, p, ACTIVE, FENCED);
		reach(from, &state, "fences", c);
		if (!without.fence)
			return;
	}
	state = *before;
	state.processes[c].step++;
	reach(from, &state, "waited", c);
}

static void step_collector(uint32_t from, const struct state *before, unsigned c)
{
	static const char *const labels[] = { "begins", "looks", "candidates", "tombstone", "sessions", "", "publishes", "reads refs",
		"reads refs", "put gone", "commits", "publishes", "del tomb" };
	const uint64_t everything = ~UINT64_C(0);
	struct state state = *before;
	struct process *process = &state.processes[c];
	const char *label = labels[process->step];

	if (process->step == 5) {
		wait_for_sessions(from, before, c);
		return;
	}
	switch (process->step++) {
	case 0:
		put(&state, OF(c, ACTIVE));
		break;
	case 1:
		if (c > FIRST_COLLECTOR && has(&state, FIRST_COLLECTOR, ACTIVE)) {
			(void)rename_once(&state, c, ACTIVE, FENCED);
			process->step = DONE;
		}
		break;
	case 2:
		find_candidates(&state, process);
		break;
	case 3:
		put(&state, OF(c, TOMBSTONE));
		break;
	case 4:
		barrier(&state, everything);
		process->seen = processes_with(&state, ACTIVE, 0) & (uint8_t)~(1 << c);
		break;
	case 6:
		publish_all(&state);
		break;
	case 7:
		if (!without.reread)
			process->packs &= (uint8_t)~referenced(&state, true, false);
		break;
	case 8:
		if (!without.reread)
			process->packs &= (uint8_t)~referenced(&state, false, true);
		break;
	case 9:
		put(&state, OF(c, STAGED_GONE));
		break;
	case 10:
		barrier(&state, everything);
		if (!rename_once(&state, c, ACTIVE, COMMITTED))
			process->step = DONE;
		break;
	case 11:
		barrier(&state, everything);
		publish(&state, c);
		break;
	default:
		barrier(&state, everything);
		delete_tombstones(&state, process, c);
		delete (&state, OF(c, COMMITTED));
		process->step = DONE;
		break;
	}
	reach(from, &state, label, c);
}

/* ---- what a compaction does ---- */

static void plan_table(struct state *state, struct process *process)
{
	process->replaced = tables_there(state);
	process->chosen = packs_of_tables(state, process->replaced) & (uint8_t)~process->seen;
}

/* Packs in lists of those that are gone, which it may forget later. */
static void list_gone(const struct state *state, struct process *process)
{
	for (unsigned p = FIRST_COLLECTOR; p < COMPACTOR; p++) {
		if (!has(state, p, GONE))
			continue;
		process->adopted |= (uint8_t)(1 << p);
		process->seen |= state->processes[p].packs;
	}
}

static void delete_tables(struct state *state, const struct process *process)
{
	if (process->replaced & 1)
		delete (state, OLD_TABLE);
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (process->replaced >> (p + 1) & 1)
			delete (state, OF(p, TABLE));
	}
}

static void delete_gone(struct state *state, const struct process *process)
{
	const uint8_t named = packs_of_tables(state, tables_there(state));

	for (unsigned p = FIRST_COLLECTOR; p < COMPACTOR; p++) {
		const uint8_t packs = state->processes[p].packs;

		if ((process->adopted >> p & 1) && !(packs & state->now & PACK_MASK) && !(packs & named))
			delete (state, OF(p, GONE));
	}
}

static void step_compaction(uint32_t from, const struct state *before)
{
	static const char *const labels[] = { "begins", "lists gone", "publishes", "tables", "put table", "commits", "publishes", "del tables",
		"del gone" };
	const uint64_t everything = ~UINT64_C(0);
	struct state state = *before;
	struct process *process = &state.processes[COMPACTOR];
	const char *label = labels[process->step];

	switch (process->step++) {
	case 0:
		put(&state, OF(COMPACTOR, ACTIVE));
		break;
	case 1:
		list_gone(&state, process);
		break;
	case 2:
		publish_all(&state);
		break;
	case 3:
		plan_table(&state, process);
		break;
	case 4:
		put(&state, OF(COMPACTOR, STAGED));
		break;
	case 5:
		barrier(&state, everything);
		if (!rename_once(&state, COMPACTOR, ACTIVE, COMMITTED))
			process->step = DONE;
		break;
	case 6:
		barrier(&state, everything);
		publish(&state, COMPACTOR);
		break;
	case 7:
		barrier(&state, everything);
		delete_tables(&state, process);
		break;
	default:
		barrier(&state, everything);
		delete_gone(&state, process);
		delete (&state, OF(COMPACTOR, COMMITTED));
		process->step = DONE;
		break;
	}
	reach(from, &state, label, COMPACTOR);
}

/* ---- what anybody does ---- */

static void try_publishing(uint32_t from, const struct state *before, unsigned p)
{
	static const unsigned steps[][2] = { { STAGED, TABLE }, { STAGED_REFS, REFS }, { STAGED_GONE, GONE } };
	struct state state;

	for (unsigned i = 0; i < 3; i++) {
		state = *before;
		if (!without.first)
			barrier(&state, own(p));
		if (rename_once(&state, p, steps[i][0], steps[i][1]))
			reach(from, &state, "published", p);
	}
	state = *before;
	if (p < SESSIONS && !has(before, p, STAGED) && !has(before, p, STAGED_REFS)) {
		barrier(&state, own(p));
		delete (&state, OF(p, COMMITTED));
		reach(from, &state, "cleaned", p);
	}
}

static void step_others(uint32_t from, const struct state *before)
{
	struct state state = *before;

	if (before->now & OLD_REFS) {
		delete (&state, OLD_REFS);
		reach(from, &state, "forget", PROCESSES);
	}
	for (unsigned p = 0; p < PROCESSES; p++) {
		const uint64_t packs = p >= FIRST_COLLECTOR && p < COMPACTOR ? before->processes[p].packs & before->now & PACK_MASK : 0;

		if (has(before, p, COMMITTED))
			try_publishing(from, before, p);
		if (!has(before, p, GONE) || !packs)
			continue;
		/* One at a time. */
		state = *before;
		barrier(&state, OF(p, GONE) | OF(p, STAGED_GONE) | OF(p, ACTIVE) | OF(p, COMMITTED));
		delete (&state, packs & -packs);
		reach(from, &state, "del pack", p);
	}
}

/* Every combination of what was not behind a barrier; what one rename changed stays together. */
static void lose_power(uint32_t from, const struct state *before)
{
	uint64_t groups[PROCESSES * 5 + PACKS + 2];
	unsigned used = 0;
	const uint64_t changed = before->now ^ before->disk;
	uint64_t all[PROCESSES * 5 + PACKS + 2];
	unsigned total = 0;

	for (unsigned p = 0; p < PROCESSES; p++) {
		all[total++] = OF(p, ACTIVE) | OF(p, COMMITTED) | OF(p, FENCED);
		all[total++] = OF(p, STAGED) | OF(p, TABLE);
		all[total++] = OF(p, STAGED_REFS) | OF(p, REFS);
		all[total++] = OF(p, STAGED_GONE) | OF(p, GONE);
		all[total++] = OF(p, TOMBSTONE);
	}
	for (unsigned pack = 0; pack < PACKS; pack++)
		all[total++] = PACK(pack);
	all[total++] = OLD_TABLE;
	all[total++] = OLD_REFS;
	for (unsigned i = 0; i < total; i++) {
		if (changed & all[i])
			groups[used++] = all[i];
	}
	for (unsigned lost = 0; lost < 1u << used; lost++) {
		struct state state = *before;

		for (unsigned i = 0; i < used; i++) {
			if (lost >> i & 1)
				state.now = (state.now & ~groups[i]) | (state.disk & groups[i]);
		}
		state.disk = state.now;
		state.spoiled = 1;
		for (unsigned p = 0; p < PROCESSES; p++) {
			if (state.processes[p].step)
				state.processes[p].step = DONE;
		}
		reach(from, &state, "power", PROCESSES);
	}
}

static void explore(void)
{
	struct state first;

	memset(&first, 0, sizeof(first));
	first.now = first.disk = PACK(0) | PACK(1) | OLD_TABLE | OLD_REFS;
	grow();
	reach(UINT32_MAX, &first, "begin", PROCESSES);
	for (uint32_t node = 0; node < count; node++) {
		const struct state state = nodes[node].state;

		for (unsigned p = 0; p < sessions; p++) {
			if (state.processes[p].step != DONE)
				step_session(node, &state, p);
		}
		for (unsigned p = FIRST_COLLECTOR; p < FIRST_COLLECTOR + collectors; p++) {
			if (state.processes[p].step != DONE)
				step_collector(node, &state, p);
		}
		if (compactions && state.processes[COMPACTOR].step != DONE)
			step_compaction(node, &state);
		step_others(node, &state);
		if (!state.spoiled && !reliable)
			lose_power(node, &state);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *rule = strncmp(argv[i], "--without=", 10) == 0 ? argv[i] + 10 : "";

		without.tombstones |= strcmp(rule, "tombstones") == 0;
		without.fence |= strcmp(rule, "fence") == 0;
		without.reread |= strcmp(rule, "reread") == 0;
		without.barriers |= strcmp(rule, "barriers") == 0;
		without.order |= strcmp(rule, "order") == 0;
		without.active |= strcmp(rule, "active") == 0;
		without.taking |= strcmp(rule, "taking") == 0;
		without.first |= strcmp(rule, "first") == 0;
		reliable |= strcmp(argv[i], "--reliable") == 0;
		if (strncmp(argv[i], "--sessions=", 11) == 0)
			sessions = (unsigned)atoi(argv[i] + 11);
		if (strncmp(argv[i], "--collectors=", 13) == 0)
			collectors = (unsigned)atoi(argv[i] + 13);
		if (strncmp(argv[i], "--compactions=", 14) == 0)
			compactions = (unsigned)atoi(argv[i] + 14);
	}
	explore();
	printf("# %u states, all good\n", count);
	return 0;
}
