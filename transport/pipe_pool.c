/*
 * The pool of pipes. Invariant: an idle pipe is empty and owned by nobody else.
 * Limit: the caller's word is taken for "empty"; asking the kernel (FIONREAD) would
 * cost a call per transfer and the movers count every byte anyway.
 */
#include "transport/pipe_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "protocol/error.h"

static size_t grant(int fd, size_t want_len, size_t page_len)
{
	size_t len;
	int granted;

	/* EPERM: above pipe-max-size, or this user's pipes are above pipe-user-pages-soft. */
	for (len = want_len; len > page_len; len /= 2) {
		granted = fcntl(fd, F_SETPIPE_SZ, (int)len);
		if (granted > 0)
			return (size_t)granted;
	}
	granted = fcntl(fd, F_SETPIPE_SZ, (int)page_len);
	if (granted <= 0)
		granted = fcntl(fd, F_GETPIPE_SZ);
	return granted > 0 ? (size_t)granted : page_len;
}

int lade_pipe_open(size_t want_len, struct lade_pipe *pipe_out)
{
	long page = sysconf(_SC_PAGESIZE);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return LADE_E_SYSTEM;
	pipe_out->read_fd = fds[0];
	pipe_out->write_fd = fds[1];
	pipe_out->capacity = grant(fds[1], want_len, (size_t)page);
	return 0;
}

void lade_pipe_close(struct lade_pipe *pipe)
{
	int saved = errno;

	if (pipe->read_fd >= 0)
		close(pipe->read_fd);
	if (pipe->write_fd >= 0)
		close(pipe->write_fd);
	pipe->read_fd = -1;
	pipe->write_fd = -1;
	errno = saved;
}

int lade_pipe_pool_init(struct lade_pipe_pool *pool)
{
	pool->count = 0;
	return pthread_mutex_init(&pool->mutex, NULL) ? LADE_E_MEMORY : 0;
}

void lade_pipe_pool_fini(struct lade_pipe_pool *pool)
{
	while (pool->count > 0)
		lade_pipe_close(&pool->idle[--pool->count]);
	pthread_mutex_destroy(&pool->mutex);
}

int lade_pipe_pool_get(struct lade_pipe_pool *pool, struct lade_pipe *pipe_out)
{
	bool found = false;

	pthread_mutex_lock(&pool->mutex);
	if (pool->count > 0) {
		*pipe_out = pool->idle[--pool->count];
		found = true;
	}
	pthread_mutex_unlock(&pool->mutex);
	return found ? 0 : lade_pipe_open(LADE_PIPE_SIZE, pipe_out);
}

void lade_pipe_pool_put(struct lade_pipe_pool *pool, struct lade_pipe *pipe, bool empty)
{
	if (empty) {
		pthread_mutex_lock(&pool->mutex);
		if (pool->count < LADE_PIPES_POOLED) {
			pool->idle[pool->count++] = *pipe;
			pipe->read_fd = -1;
			pipe->write_fd = -1;
		}
		pthread_mutex_unlock(&pool->mutex);
	}
	lade_pipe_close(pipe);
}
