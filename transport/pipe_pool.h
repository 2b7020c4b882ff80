/*
 * Pipes for splice(2), kept between transfers.
 *
 * A large pipe is what makes splice pay, and enlarging one costs a system call and
 * its pages; so a few that are known to be empty are kept. A pipe that may hold
 * bytes of an aborted transfer is closed: those bytes must never meet another file.
 * See pipe(7), F_SETPIPE_SZ in fcntl(2).
 */
#ifndef LADE_TRANSPORT_PIPE_POOL_H
#define LADE_TRANSPORT_PIPE_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes a pipe should hold; also the kernel's default ceiling for users (pipe-max-size). */
#define LADE_PIPE_SIZE (1u << 20)

/* Most idle pipes a pool keeps; further ones are closed when they come back. */
#define LADE_PIPES_POOLED 4

/* One pipe: blocking, close-on-exec. Closed: both descriptors are -1. */
struct lade_pipe {
	int read_fd;
	int write_fd;
	size_t capacity; /* bytes it holds at most; at least one page */
};

/* Idle pipes; the caller's storage. Safe for several threads between init and fini. */
struct lade_pipe_pool {
	pthread_mutex_t mutex; /* guards what follows */
	struct lade_pipe idle[LADE_PIPES_POOLED];
	unsigned count;
};

/*
 * Open a pipe of want_len bytes, or of the largest half, quarter, ... that the
 * kernel grants (pipe-max-size, pipe-user-pages-soft), down to one page. Returns 0,
 * or LADE_E_SYSTEM with errno (EMFILE, ENFILE). The caller closes it.
 */
int lade_pipe_open(size_t want_len, struct lade_pipe *pipe_out);

/* Close both ends; a closed pipe does nothing. errno is kept. */
void lade_pipe_close(struct lade_pipe *pipe);

/* Start an empty pool. Returns 0 or LADE_E_MEMORY. End it with lade_pipe_pool_fini(). */
int lade_pipe_pool_init(struct lade_pipe_pool *pool);

/* Close the idle pipes. Pipes that were taken out belong to their takers. */
void lade_pipe_pool_fini(struct lade_pipe_pool *pool);

/* Take an idle pipe or open one of LADE_PIPE_SIZE; it is empty. Returns as lade_pipe_open(). */
int lade_pipe_pool_get(struct lade_pipe_pool *pool, struct lade_pipe *pipe_out);

/*
 * Give a pipe back; consumed. empty says that the caller knows that nothing is in
 * it; anything else closes it. errno is kept.
 */
void lade_pipe_pool_put(struct lade_pipe_pool *pool, struct lade_pipe *pipe, bool empty);

#endif
