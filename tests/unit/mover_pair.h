/*
 * A harness for the movers: two descriptors of a kind with known bytes on the source's
 * side, and system calls that fail, shorten or interrupt themselves as planned.
 */
#ifndef LADE_TESTS_UNIT_MOVER_PAIR_H
#define LADE_TESTS_UNIT_MOVER_PAIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "transport/mover.h"

enum pair_kind {
	FILE_TO_FILE,
	FILE_TO_UNIX,
	FILE_TO_TCP,
	FILE_TO_PIPE,
	UNIX_TO_FILE,
	TCP_TO_FILE,
	PIPE_TO_FILE,
	PIPE_TO_TCP,
	TCP_TO_UNIX,
	PAIR_KINDS,
};

/* Calls, as bits of struct plan. */
enum plan_call {
	CALL_SENDFILE = 1u << 0,
	CALL_SPLICE = 1u << 1,
	CALL_COPY_FILE_RANGE = 1u << 2,
	CALL_CLONE = 1u << 3,
	CALL_READ = 1u << 4,  /* read and pread */
	CALL_WRITE = 1u << 5, /* write, pwrite and send */
};

/* What the calls of plan_calls do; all zero: what the kernel does. */
struct plan {
	unsigned calls;     /* these fail ... */
	unsigned at;        /* ... from this one on, counted from 0 ... */
	unsigned times;     /* ... so often; 0: for ever */
	int error;          /* ... with this errno; 0: they return 0 */
	unsigned calls2;    /* these fail always, with error2 */
	int error2;
	size_t cap;         /* bytes a call moves at most; 0: no limit */
	bool interrupt;     /* every other call fails with EINTR */
	bool made_up_clone; /* a clone copies, where it is not to fail */
	bool one_page;      /* pipes shrink to one page before their first use */
	int truncate_fd;    /* with truncate_len >= 0: cut at the call number `at` of calls */
	off_t truncate_len;
	unsigned seen;      /* calls made that are in calls */
	unsigned made;      /* calls made at all */
};

extern struct plan plan;
extern const struct lade_mover_calls plan_calls;

/* Forget the plan: the kernel as it is. */
void plan_reset(void);

/* The call that is a way's own (the copying ones: CALL_WRITE). */
unsigned plan_call_of(enum lade_path path);

#define PAIR_IN_OFF 4099 /* where the bytes begin in a source file, ... */
#define PAIR_OUT_OFF 777 /* ... and where they go in a target file; page-aligned by no means */
#define PAIR_TAIL 100    /* bytes of the source beyond those that are to be moved */

struct pair {
	enum pair_kind kind;
	struct lade_move move;  /* ready for lade_move() */
	size_t len;             /* bytes to move */
	size_t source_len;      /* bytes that a source stream gives, tail included */
	int far_in;             /* the other end of a source stream, or -1 */
	int far_out;            /* the other end of a target stream, or -1 */
	uint8_t *got;           /* what came out of a target stream */
	size_t got_len;
	bool slow;              /* the far sides pause */
	pthread_t feeder, collector;
	bool feeding, collecting;
};

/* The byte at position i of every source. */
uint8_t pair_byte(size_t i);

/* Which ways exist. */
bool pair_has(enum pair_kind kind, enum lade_path path);

/* True if the source (the target) is a file. */
bool pair_from_file(enum pair_kind kind);
bool pair_to_file(enum pair_kind kind);

/* Open both ends; source streams give len + PAIR_TAIL bytes, or source_len if it is not 0. */
void pair_open(struct pair *pair, enum pair_kind kind, size_t len, size_t source_len);

/* Start the threads at the far sides. */
void pair_start(struct pair *pair);

/* End the target stream, and check that exactly the first moved bytes arrived. */
void pair_check(struct pair *pair, uint64_t moved);

/* Check that the first byte still in the source stream is the one at position consumed. */
void pair_check_rest(struct pair *pair, uint64_t consumed);

/* Close everything. */
void pair_close(struct pair *pair);

/* Open descriptors of this process. */
unsigned count_descriptors(void);

/* A socket pair over loopback TCP. */
void tcp_pair(int fds[2]);

/* An unlinked file with len pattern bytes from off on. */
int pattern_file(size_t len, off_t off);

#endif
