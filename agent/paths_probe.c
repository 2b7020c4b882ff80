/*
 * Probes: the near end is the mover's, the far side of a stream is a thread that writes or
 * reads the pattern.
 *
 * Invariant: whatever the way does, both ends are closed and the far side is joined
 * before the next probe.
 */
#include "agent/paths_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The far side of a stream, in a thread of its own. */
struct far_side {
	int fd; /* or -1 */
	bool writes;
	uint64_t len;  /* bytes to write; bytes that were read */
	bool differs;  /* what was read is not the pattern */
	bool compares;
	pthread_t thread;
	bool runs;
};

static void *run_far_side(void *argument)
{
	struct far_side *side = argument;
	uint8_t *chunk = malloc(2 * LADE_PATHS_CHUNK_LEN);
	uint64_t done = 0;
	ssize_t count;
	size_t len;

	if (!chunk) {
		side->differs = true;
		return NULL;
	}
	lade_paths_bench_pattern(chunk, LADE_PATHS_CHUNK_LEN, 0);
	while (!side->writes || done < side->len) {
		len = LADE_PATHS_CHUNK_LEN;
		if (side->writes) {
			if (side->len - done < len)
				len = (size_t)(side->len - done);
			if (side->compares)
				lade_paths_bench_pattern(chunk, len, done);
			count = write(side->fd, chunk, len);
		} else {
			count = read(side->fd, chunk + LADE_PATHS_CHUNK_LEN, len);
		}
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break; /* the near side is closed */
		if (!side->writes && side->compares) {
			lade_paths_bench_pattern(chunk, (size_t)count, done);
			side->differs |= memcmp(chunk, chunk + LADE_PATHS_CHUNK_LEN, (size_t)count) != 0;
		}
		done += (uint64_t)count;
	}
	if (!side->writes)
		side->len = done;
	free(chunk);
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A connected pair over the loopback: fds[0] dialled. Returns 0, or -1 with errno. */
static int tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener, saved;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = fds[1] = -1;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	    connect(fds[0], (struct sockaddr *)&address, sizeof(address)) == 0)
		fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	saved = errno;
	close(listener);
	if (fds[1] < 0)
		close_fd(&fds[0]);
	errno = saved;
	return fds[1] < 0 ? -1 : 0;
}

/* fds[0] is the reading end. Returns 0, or -1 with errno. */
static int stream_pair(enum lade_paths_end end, int fds[2])
{
	switch (end) {
	case LADE_PATHS_TCP:
		return tcp_pair(fds);
	case LADE_PATHS_UNIX:
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	case LADE_PATHS_PIPE:
		return pipe2(fds, O_CLOEXEC);
	case LADE_PATHS_FILE:
		break;
	}
	errno = EINVAL;
	return -1;
}

static int start_far_side(struct far_side *side)
{
	errno = pthread_create(&side->thread, NULL, run_far_side, side);
	side->runs = errno == 0;
	return side->runs ? 0 : -1;
}

static void end_far_side(struct far_side *side)
{
	if (side->runs)
		pthread_join(side->thread, NULL);
	close_fd(&side->fd);
}

static double seconds_of(long seconds, long fraction, double unit)
{
	return (double)seconds + (double)fraction * unit;
}

/* The move itself, with its time and the CPU time of this thread. */
static void move_and_time(const struct lade_paths_bench *bench, struct lade_move *move,
			  struct lade_paths_finding *finding)
{
	struct timespec start, end;
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	finding->code = lade_move(bench->movers, move, &finding->fault);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_THREAD, &after);
	finding->seconds = seconds_of(end.tv_sec - start.tv_sec, end.tv_nsec - start.tv_nsec, 1e-9);
	finding->cpu_seconds = seconds_of(after.ru_utime.tv_sec - before.ru_utime.tv_sec,
					  after.ru_utime.tv_usec - before.ru_utime.tv_usec, 1e-6) +
			       seconds_of(after.ru_stime.tv_sec - before.ru_stime.tv_sec,
					  after.ru_stime.tv_usec - before.ru_stime.tv_usec, 1e-6);
}

/* Try path from one kind of end to another. */
static void probe(const struct lade_paths_bench *bench, enum lade_paths_end in, enum lade_paths_end out,
		  enum lade_path path, struct lade_paths_finding *finding)
{
	struct lade_move move = { .in_fd = bench->source_fd, .out_fd = bench->target_fd,
				  .len = bench->len, .path = path, .only = true };
	struct far_side side = { .fd = -1, .len = bench->len, .compares = !bench->measure };
	int fds[2] = { -1, -1 }, near = -1;

	memset(finding, 0, sizeof(*finding));
	if (ftruncate(bench->target_fd, 0) < 0)
		goto failed;
	if (in != LADE_PATHS_FILE || out != LADE_PATHS_FILE) {
		if (stream_pair(in != LADE_PATHS_FILE ? in : out, fds) < 0)
			goto failed;
		side.writes = in != LADE_PATHS_FILE;
		near = side.writes ? fds[0] : fds[1];
		side.fd = side.writes ? fds[1] : fds[0];
		if (start_far_side(&side) < 0)
			goto failed;
	}
	if (in != LADE_PATHS_FILE) {
		move.in_fd = near;
		move.in_off = LADE_NO_OFFSET;
	}
	if (out != LADE_PATHS_FILE) {
		move.out_fd = near;
		move.out_off = LADE_NO_OFFSET;
	}
	move_and_time(bench, &move, finding);
	close_fd(&near);
	end_far_side(&side);
	if (finding->code == 0 && !bench->measure) {
		if (out == LADE_PATHS_FILE)
			finding->differs = lade_paths_bench_differs(bench);
		else
			finding->differs = side.differs || side.len != bench->len;
	}
	return;
failed:
	finding->code = lade_fault_set(&finding->fault, LADE_E_SYSTEM, "probe", NULL);
	close_fd(&near);
	end_far_side(&side);
}

void lade_paths_probe(const struct lade_paths_bench *bench, const struct lade_paths_pair *pair, enum lade_path path,
		       struct lade_paths_finding *best)
{
	int tries = bench->measure ? 3 : 1, i;
	struct lade_paths_finding again;

	probe(bench, pair->in, pair->out, path, best);
	for (i = 1; i < tries && best->code == 0; i++) {
		probe(bench, pair->in, pair->out, path, &again);
		if (again.code != 0 || again.seconds < best->seconds)
			*best = again;
	}
}
