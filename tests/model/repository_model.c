/*
 * tests/model/repository_model: explores what FORMAT.md says of sessions and collectors: writers, resumed sessions,
 * collectors, a snapshot that is removed and a loss of power, in every order of their steps, and looks in each state
 * whether a committed snapshot misses a pack.
 *
 * usage: repository_model [--without=RULE] [--sessions=N] [--collectors=N]
 *
 * A process that crashed is one that makes no further step: every state is looked at, so crashes need no step of their
 * own. A loss of power ends all processes and undoes any of the puts, renames and deletes that no barrier followed.
 * There is one chunk. Pack 0 has it from the beginning; each session may put another pack with it. Session 0 and the
 * last one are of the same writer: the later resumes the earlier, or both run at once.
 *
 * Exit status: 0 no state is bad, 1 one is, and the steps that lead there are printed.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 3, COLLECTORS = 2, PACKS = SESSIONS + 1 };

/* Objects of the store, one bit each; what is in them is a matter of who put them. */
#define PACK(n) (UINT64_C(1) << (n))
#define PACK_MASK (PACK(PACKS) - 1)
#define OLD_TABLE (UINT64_C(1) << 4) /* in index/, of pack 0 */
#define OLD_REFS (UINT64_C(1) << 5)  /* of a snapshot that needs pack 0 */
enum { ACTIVE, COMMITTED, FENCED, STAGED, TABLE, STAGED_REFS, REFS, TOMBSTONE, OBJECTS };
#define OF(process, object) (UINT64_C(1) << (6 + (process) * OBJECTS + (object)))

enum { PROCESSES = SESSIONS + COLLECTORS };
enum { DONE = 31 };

/* What a process knows. */
struct process {
	uint8_t step;
	uint8_t seen;     /* session: packs in tombstones; collector: processes that it waits for */
	uint8_t packs;    /* session: packs in tables; collector: candidates, later without those that are spared */
	uint8_t chosen;   /* session: its pack, a mask; collector: what its table has */
	uint8_t replaced; /* collector: tables that its own replaces: bit 0 the old one, 1 + n of process n */
	uint8_t tomb;     /* collector: packs in its tombstone */
	uint8_t adopted;  /* collector: others whose tombstones it takes over, a mask */
};

struct state {
	uint64_t now;  /* objects that are there */
	uint64_t disk; /* ... that would be there after a loss of power without anything else */
	struct process processes[PROCESSES];
	uint8_t spoiled; /* there was a loss of power */
	uint8_t padding[(16 - PROCESSES * 7 - 1) & 7];
};

/* What is left out, to see that it is needed. */
static struct {
	bool tombstones, fence, reread, barriers, order, active;
} without;
static unsigned sessions = SESSIONS, collectors = 1;
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

/* ---- the property ---- */

static bool committed(const struct state *state, unsigned session)
{
	return state->now & (OF(session, COMMITTED) | OF(session, REFS));
}

static bool is_good(const struct state *state)
{
	for (unsigned session = 0; session < sessions; session++) {
		const struct process *process = &state->processes[session];

		if (committed(state, session) && (process->chosen & ~state->now & PACK_MASK))
			return false;
		/* Only what is complete is ever committed. */
		if ((state->now & OF(session, COMMITTED)) && !(state->now & (OF(session, STAGED_REFS) | OF(session, REFS))))
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

/* ---- objects ---- */

/* Everything is visible at once; what is on disk without a barrier is up to the loss of power. */
static void put(struct state *state, uint64_t object) { state->now |= object; }
static void delete(struct state *state, uint64_t object) { state->now &= ~object; }

static bool rename_once(struct state *state, uint64_t from, uint64_t to)
{
	if (!(state->now & from) || (state->now & to))
		return false;
	state->now = (state->now & ~from) | to;
	return true;
}

/* What these objects are now is on disk. */
static void barrier(struct state *state, uint64_t objects)
{
	if (!without.barriers)
		state->disk = (state->disk & ~objects) | (state->now & objects);
}

static uint8_t tombstoned(const struct state *state)
{
	uint8_t packs = 0;

	for (unsigned p = SESSIONS; p < PROCESSES; p++)
		packs |= state->now & OF(p, TOMBSTONE) ? state->processes[p].tomb : 0;
	return packs;
}

/* Tables that count: bit 0 the old one, 1 + n that of process n. */
static uint8_t tables_that_count(const struct state *state)
{
	uint8_t tables = state->now & OLD_TABLE ? 1 : 0, replaced = 0;

	for (unsigned p = 0; p < PROCESSES; p++) {
		if (state->now & OF(p, TABLE)) {
			tables |= (uint8_t)(2 << p);
			replaced |= p >= SESSIONS ? state->processes[p].replaced : 0;
		}
	}
	return tables & (uint8_t)~replaced;
}

static uint8_t packs_of_table(const struct state *state, unsigned table)
{
	if (table == 0)
		return PACK(0);
	return table - 1 < SESSIONS ? (uint8_t)PACK(table) : state->processes[table - 1].chosen;
}

static uint8_t packs_of_tables(const struct state *state, uint8_t tables)
{
	uint8_t packs = 0;

	for (unsigned table = 0; table <= PROCESSES; table++)
		packs |= tables >> table & 1 ? packs_of_table(state, table) : 0;
	return packs;
}

/* ---- what sessions do ---- */

static uint64_t own(unsigned p) { return OF(p, 0) * ((1 << OBJECTS) - 1) | (p < SESSIONS ? PACK(1 + p) : 0); }

/* The next session of the same writer, which may go on with what the first one has put. */
static bool resumes(const struct state *state, unsigned p)
{
	return p > 0 && p == sessions - 1 && (state->now & OF(0, STAGED)) && (without.active || (state->now & OF(0, ACTIVE)));
}

static void choose(uint32_t from, const struct state *before, unsigned p)
{
	const uint8_t known = before->processes[p].packs & (uint8_t)~(without.tombstones ? 0 : before->processes[p].seen);

	for (unsigned pack = 0; pack < PACKS; pack++) {
		struct state state = *before;

		if (!(known >> pack & 1))
			continue;
		state.processes[p].chosen = (uint8_t)PACK(pack);
		state.processes[p].step = 6;
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
			process->seen = tombstoned(&state);
		else
			put(&state, OF(p, ACTIVE));
		break;
	case 1:
		if (without.order)
			put(&state, OF(p, ACTIVE));
		else
			process->seen = tombstoned(&state);
		break;
	case 2:
		process->packs = packs_of_tables(&state, tables_that_count(&state));
		break;
	case 3:
		if (resumes(&state, p))
			process->packs |= (uint8_t)PACK(1);
		break;
	case 4:
		choose(from, before, p);
		process->chosen = (uint8_t)PACK(1 + p);
		put(&state, PACK(1 + p));
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
		(void)rename_once(&state, OF(p, ACTIVE), OF(p, COMMITTED));
		process->step = DONE;
		break;
	}
	reach(from, &state, label, p);
}

/* ---- what collectors do ---- */

static uint8_t referenced(const struct state *state, bool staged, bool published)
{
	uint8_t packs = published && (state->now & OLD_REFS) ? PACK(0) : 0;

	for (unsigned p = 0; p < sessions; p++) {
		if ((staged && (state->now & OF(p, STAGED_REFS))) || (published && (state->now & OF(p, REFS))))
			packs |= state->processes[p].chosen;
	}
	return packs;
}

static uint8_t processes_with(const struct state *state, unsigned object, unsigned first)
{
	uint8_t mask = 0;

	for (unsigned p = first; p < PROCESSES; p++)
		mask |= state->now & OF(p, object) ? (uint8_t)(1 << p) : 0;
	return mask;
}

static void find_candidates(struct state *state, struct process *process)
{
	process->packs = (uint8_t)(state->now & PACK_MASK) & (uint8_t)~referenced(state, true, true);
	process->adopted = processes_with(state, TOMBSTONE, SESSIONS);
	process->packs |= tombstoned(state);
	process->tomb = process->packs;
	if (!process->packs)
		process->step = DONE;
}

static void publish_table(struct state *state, unsigned p)
{
	if (state->now & OF(p, COMMITTED))
		(void)rename_once(state, OF(p, STAGED), OF(p, TABLE));
}

/* Tables without what is going: which ones, and what they have beside it. */
static void plan_tables(struct state *state, struct process *process)
{
	uint8_t tables;

	for (unsigned p = 0; p < PROCESSES; p++)
		publish_table(state, p);
	tables = tables_that_count(state);
	for (unsigned table = 0; table <= PROCESSES; table++) {
		if ((tables >> table & 1) && (packs_of_table(state, table) & process->packs)) {
			process->replaced |= (uint8_t)(1 << table);
			process->chosen |= packs_of_table(state, table) & (uint8_t)~process->packs;
		}
	}
}

static void delete_tables(struct state *state, const struct process *process)
{
	if (process->replaced & 1)
		delete (state, OLD_TABLE);
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (process->replaced >> (p + 1) & 1)
			delete (state, OF(p, TABLE));
		if (state->now & OF(p, FENCED))
			delete (state, OF(p, STAGED) | OF(p, STAGED_REFS));
	}
}

static void delete_tombstones(struct state *state, const struct process *process, unsigned c)
{
	delete (state, OF(c, TOMBSTONE));
	for (unsigned p = SESSIONS; p < PROCESSES; p++) {
		if (process->adopted >> p & 1)
			delete (state, OF(p, TOMBSTONE));
	}
}

/* Fence one of those that are waited for, or go on if there is none. */
static void wait_for_sessions(uint32_t from, const struct state *before, unsigned c)
{
	struct state state;

	for (unsigned p = 0; p < PROCESSES; p++) {
		if (!(before->processes[c].seen >> p & 1) || !(before->now & OF(p, ACTIVE)))
			continue;
		state = *before;
		(void)rename_once(&state, OF(p, ACTIVE), OF(p, FENCED));
		reach(from, &state, "fences", c);
		if (!without.fence)
			return;
	}
	state = *before;
	state.processes[c].step++;
	reach(from, &state, "waited", c);
}

/* One pack at a time. */
static void delete_pack(struct state *state, struct process *process)
{
	const uint64_t left = process->packs & state->now;

	delete (state, left & -left);
	if (left & (left - 1))
		process->step--;
}

static void step_collector(uint32_t from, const struct state *before, unsigned c)
{
	static const char *const labels[] = { "begins", "looks", "candidates", "tombstone", "sessions", "", "reads refs", "reads refs",
		"tables", "put table", "commits", "publishes", "del tables", "del packs", "del tomb", "ends" };
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
		if (c > SESSIONS && (state.now & OF(SESSIONS, ACTIVE))) {
			(void)rename_once(&state, OF(c, ACTIVE), OF(c, FENCED));
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
		if (!without.reread)
			process->packs &= (uint8_t)~referenced(&state, true, false);
		break;
	case 7:
		if (!without.reread)
			process->packs &= (uint8_t)~referenced(&state, false, true);
		break;
	case 8:
		plan_tables(&state, process);
		break;
	case 9:
		if (process->replaced)
			put(&state, OF(c, STAGED));
		break;
	case 10:
		barrier(&state, everything);
		if (!rename_once(&state, OF(c, ACTIVE), OF(c, COMMITTED)))
			process->step = DONE;
		break;
	case 11:
		barrier(&state, everything);
		publish_table(&state, c);
		break;
	case 12:
		barrier(&state, everything);
		delete_tables(&state, process);
		break;
	case 13:
		barrier(&state, everything);
		delete_pack(&state, process);
		break;
	case 14:
		barrier(&state, everything);
		delete_tombstones(&state, process, c);
		break;
	default:
		delete (&state, OF(c, COMMITTED));
		process->step = DONE;
		break;
	}
	reach(from, &state, label, c);
}

/* ---- what anybody does ---- */

static void step_others(uint32_t from, const struct state *before)
{
	struct state state = *before;

	if (before->now & OLD_REFS) {
		delete (&state, OLD_REFS);
		reach(from, &state, "forget", PROCESSES);
	}
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (!(before->now & OF(p, COMMITTED)))
			continue;
		state = *before;
		publish_table(&state, p);
		reach(from, &state, "table", p);
		state = *before;
		if (rename_once(&state, OF(p, STAGED_REFS), OF(p, REFS)))
			reach(from, &state, "refs", p);
		state = *before;
		if (p < SESSIONS && !(before->now & (OF(p, STAGED) | OF(p, STAGED_REFS)))) {
			barrier(&state, OF(p, TABLE) | OF(p, REFS) | OF(p, STAGED) | OF(p, STAGED_REFS));
			delete (&state, OF(p, COMMITTED));
			reach(from, &state, "published", p);
		}
	}
}

/* Every combination of what was not behind a barrier; what one rename changed stays together. */
static void lose_power(uint32_t from, const struct state *before)
{
	uint64_t groups[PROCESSES * 4 + PACKS + 2];
	unsigned used = 0;
	const uint64_t changed = before->now ^ before->disk;
	uint64_t all[PROCESSES * 4 + PACKS + 2];
	unsigned total = 0;

	for (unsigned p = 0; p < PROCESSES; p++) {
		all[total++] = OF(p, ACTIVE) | OF(p, COMMITTED) | OF(p, FENCED);
		all[total++] = OF(p, STAGED) | OF(p, TABLE);
		all[total++] = OF(p, STAGED_REFS) | OF(p, REFS);
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
	first.now = first.disk = PACK(0) | OLD_TABLE | OLD_REFS;
	grow();
	reach(UINT32_MAX, &first, "begin", PROCESSES);
	for (uint32_t node = 0; node < count; node++) {
		const struct state state = nodes[node].state;

		for (unsigned p = 0; p < sessions; p++) {
			if (state.processes[p].step != DONE)
				step_session(node, &state, p);
		}
		for (unsigned p = SESSIONS; p < SESSIONS + collectors; p++) {
			if (state.processes[p].step != DONE)
				step_collector(node, &state, p);
		}
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
		reliable |= strcmp(argv[i], "--reliable") == 0;
		if (strncmp(argv[i], "--sessions=", 11) == 0)
			sessions = (unsigned)atoi(argv[i] + 11);
		if (strncmp(argv[i], "--collectors=", 13) == 0)
			collectors = (unsigned)atoi(argv[i] + 13);
	}
	explore();
	printf("# %u states, all good\n", count);
	return 0;
}
