/*
 * The harness of the movers' tests. Only the thread that moves makes planned calls;
 * the far sides use the kernel directly. Limit: one plan at a time.
 */
#include "tests/unit/mover_pair.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct plan plan;

void plan_reset(void)
{
	memset(&plan, 0, sizeof(plan));
	plan.truncate_len = -1;
}

/* Returns 1 to make the call with *len, 0 or -1 (errno) to return that instead. */
static int planned(unsigned call, size_t *len)
{
	unsigned number;

	plan.made++;
	if (plan.interrupt && plan.made % 2) {
		errno = EINTR;
		return -1;
	}
	if (plan.calls2 & call) {
		errno = plan.error2;
		return -1;
	}
	if (plan.calls & call) {
		number = plan.seen++;
		if (plan.truncate_len >= 0) {
			if (number == plan.at)
				assert_int_equal(ftruncate(plan.truncate_fd, plan.truncate_len), 0);
		} else if (number >= plan.at && (!plan.times || number < plan.at + plan.times)) {
			errno = plan.error;
			return plan.error ? -1 : 0;
		}
	}
	if (len && plan.cap && *len > plan.cap)
		*len = plan.cap;
	return 1;
}

static ssize_t plan_sendfile(int out_fd, int in_fd, off_t *off, size_t len)
{
	int go = planned(CALL_SENDFILE, &len);

	return go > 0 ? lade_mover_kernel.sendfile(out_fd, in_fd, off, len) : go;
}

static void one_page(int fd)
{
	if (fcntl(fd, F_GETPIPE_SZ) > 4096)
		(void)fcntl(fd, F_SETPIPE_SZ, 4096); /* EBUSY while it holds more */
}

static ssize_t plan_splice(int in_fd, off_t *in_off, int out_fd, off_t *out_off, size_t len,
			   unsigned flags)
{
	int go = planned(CALL_SPLICE, &len);

	if (plan.one_page) {
		one_page(in_fd);
		one_page(out_fd);
	}
	return go > 0 ? lade_mover_kernel.splice(in_fd, in_off, out_fd, out_off, len, flags) : go;
}

static ssize_t plan_copy_file_range(int in_fd, off_t *in_off, int out_fd, off_t *out_off,
				    size_t len, unsigned flags)
{
	int go = planned(CALL_COPY_FILE_RANGE, &len);

	if (go <= 0)
		return go;
	return lade_mover_kernel.copy_file_range(in_fd, in_off, out_fd, out_off, len, flags);
}

static int plan_clone_range(int out_fd, int in_fd, off_t in_off, uint64_t len, off_t out_off)
{
	int go = planned(CALL_CLONE, NULL);
	uint8_t *bytes;

	if (go <= 0 || !plan.made_up_clone)
		return go > 0 ? lade_mover_kernel.clone_range(out_fd, in_fd, in_off, len, out_off)
			      : go;
	bytes = malloc(len);
	assert_int_equal(pread(in_fd, bytes, len, in_off), (ssize_t)len);
	assert_int_equal(pwrite(out_fd, bytes, len, out_off), (ssize_t)len);
	free(bytes);
	return 0;
}

static ssize_t plan_read(int fd, void *buf, size_t len)
{
	int go = planned(CALL_READ, &len);

	return go > 0 ? read(fd, buf, len) : go;
}

static ssize_t plan_pread(int fd, void *buf, size_t len, off_t off)
{
	int go = planned(CALL_READ, &len);

	return go > 0 ? pread(fd, buf, len, off) : go;
}

static ssize_t plan_write(int fd, const void *buf, size_t len)
{
	int go = planned(CALL_WRITE, &len);

	return go > 0 ? write(fd, buf, len) : go;
}

static ssize_t plan_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	int go = planned(CALL_WRITE, &len);

	return go > 0 ? pwrite(fd, buf, len, off) : go;
}

static ssize_t plan_send(int fd, const void *buf, size_t len, int flags)
{
	int go = planned(CALL_WRITE, &len);

	return go > 0 ? send(fd, buf, len, flags) : go;
}

const struct lade_mover_calls plan_calls = {
	.sendfile = plan_sendfile,
	.splice = plan_splice,
	.copy_file_range = plan_copy_file_range,
	.clone_range = plan_clone_range,
	.read = plan_read,
	.pread = plan_pread,
	.write = plan_write,
	.pwrite = plan_pwrite,
	.send = plan_send,
};

unsigned plan_call_of(enum lade_path path)
{
	switch (path) {
	case LADE_PATH_CLONE:
		return CALL_CLONE;
	case LADE_PATH_COPY_FILE_RANGE:
		return CALL_COPY_FILE_RANGE;
	case LADE_PATH_SENDFILE:
		return CALL_SENDFILE;
	case LADE_PATH_SPLICE:
		return CALL_SPLICE;
	default:
		return CALL_WRITE;
	}
}

uint8_t pair_byte(size_t i)
{
	/* Every byte of the position counts: a shift by a page or a pipe shows. */
	uint32_t x = (uint32_t)i * 2654435761u;

	return (uint8_t)(x >> 24 ^ x >> 9);
}

bool pair_from_file(enum pair_kind kind)
{
	return kind <= FILE_TO_PIPE;
}

bool pair_to_file(enum pair_kind kind)
{
	return kind == FILE_TO_FILE || (kind >= UNIX_TO_FILE && kind <= PIPE_TO_FILE);
}

bool pair_has(enum pair_kind kind, enum lade_path path)
{
	switch (path) {
	case LADE_PATH_AUTO:
	case LADE_PATH_SPLICE:
	case LADE_PATH_COPY:
		return true;
	case LADE_PATH_SENDFILE:
	case LADE_PATH_MMAP:
		return pair_from_file(kind);
	default:
		return kind == FILE_TO_FILE;
	}
}

void tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(listener);
}

static int unlinked_file(void)
{
	const char *dir = getenv("TMPDIR");
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s/lade-mover-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	return fd;
}

int pattern_file(size_t len, off_t off)
{
	int fd = unlinked_file();
	uint8_t *bytes = malloc(len + 1);
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = pair_byte(i);
	assert_int_equal(pwrite(fd, bytes, len, off), (ssize_t)len);
	free(bytes);
	return fd;
}

static void open_ends(enum pair_kind kind, int source[2], int target[2])
{
	switch (kind) {
	case UNIX_TO_FILE:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, source), 0);
		break;
	case TCP_TO_FILE:
	case TCP_TO_UNIX:
		tcp_pair(source);
		break;
	case PIPE_TO_FILE:
	case PIPE_TO_TCP:
		assert_int_equal(pipe(source), 0);
		break;
	default:
		break;
	}
	switch (kind) {
	case FILE_TO_UNIX:
	case TCP_TO_UNIX:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, target), 0);
		break;
	case FILE_TO_TCP:
	case PIPE_TO_TCP:
		tcp_pair(target);
		break;
	case FILE_TO_PIPE:
		assert_int_equal(pipe(target), 0);
		break;
	default:
		break;
	}
}

void pair_open(struct pair *pair, enum pair_kind kind, size_t len, size_t source_len)
{
	int source[2] = { -1, -1 }, target[2] = { -1, -1 };

	memset(pair, 0, sizeof(*pair));
	pair->kind = kind;
	pair->len = len;
	pair->source_len = source_len ? source_len : len + PAIR_TAIL;
	open_ends(kind, source, target);
	if (pair_from_file(kind))
		source[0] = pattern_file(pair->source_len, PAIR_IN_OFF);
	if (pair_to_file(kind))
		target[1] = unlinked_file();
	pair->far_in = source[1];
	pair->far_out = target[0];
	pair->move.in_fd = source[0];
	pair->move.in_off = pair_from_file(kind) ? PAIR_IN_OFF : LADE_NO_OFFSET;
	pair->move.out_fd = target[1];
	pair->move.out_off = pair_to_file(kind) ? PAIR_OUT_OFF : LADE_NO_OFFSET;
	pair->move.len = len;
}

static void pause_shortly(void)
{
	struct timespec time = { 0, 200000 };

	nanosleep(&time, NULL);
}

static void *feed(void *argument)
{
	struct pair *pair = argument;
	uint8_t chunk[10007];
	size_t done = 0, len, i;
	ssize_t count;

	while (done < pair->source_len) {
		len = pair->source_len - done;
		if (len > sizeof(chunk))
			len = sizeof(chunk);
		for (i = 0; i < len; i++)
			chunk[i] = pair_byte(done + i);
		count = write(pair->far_in, chunk, len);
		if (count <= 0)
			break; /* the test closed the near end */
		done += (size_t)count;
		if (pair->slow)
			pause_shortly();
	}
	close(pair->far_in);
	return NULL;
}

static void *collect(void *argument)
{
	struct pair *pair = argument;
	size_t room = pair->len + 1;
	ssize_t count;

	pair->got = malloc(room);
	for (;;) {
		size_t len = room - pair->got_len;

		if (pair->slow && len > 10007)
			len = 10007;
		count = len ? read(pair->far_out, pair->got + pair->got_len, len) : 0;
		if (count <= 0)
			break;
		pair->got_len += (size_t)count;
		if (pair->slow)
			pause_shortly();
	}
	return NULL;
}

void pair_start(struct pair *pair)
{
	if (pair->far_in >= 0) {
		assert_int_equal(pthread_create(&pair->feeder, NULL, feed, pair), 0);
		pair->feeding = true;
	}
	if (pair->far_out >= 0) {
		assert_int_equal(pthread_create(&pair->collector, NULL, collect, pair), 0);
		pair->collecting = true;
	}
}

static void end_target(struct pair *pair)
{
	if (pair->move.out_fd >= 0)
		close(pair->move.out_fd);
	pair->move.out_fd = -1;
	if (pair->collecting)
		pthread_join(pair->collector, NULL);
	pair->collecting = false;
}

static void load_file(struct pair *pair)
{
	struct stat st;

	assert_int_equal(fstat(pair->move.out_fd, &st), 0);
	pair->got_len = st.st_size > PAIR_OUT_OFF ? (size_t)st.st_size - PAIR_OUT_OFF : 0;
	pair->got = malloc(pair->got_len + 1);
	assert_int_equal(pread(pair->move.out_fd, pair->got, pair->got_len, PAIR_OUT_OFF),
			 (ssize_t)pair->got_len);
	/* The file's own position is not ours to move. */
	assert_int_equal(lseek(pair->move.out_fd, 0, SEEK_CUR), 0);
}

void pair_check(struct pair *pair, uint64_t moved)
{
	size_t i;

	if (pair_to_file(pair->kind))
		load_file(pair);
	else
		end_target(pair);
	assert_int_equal(pair->got_len, moved);
	for (i = 0; i < moved; i++) {
		if (pair->got[i] != pair_byte(i))
			fail_msg("byte %zu of %zu differs", i, (size_t)moved);
	}
}

void pair_check_rest(struct pair *pair, uint64_t consumed)
{
	uint8_t byte;

	if (pair_from_file(pair->kind)) {
		assert_int_equal(lseek(pair->move.in_fd, 0, SEEK_CUR), 0);
		return;
	}
	(void)fcntl(pair->move.in_fd, F_SETFL, 0);
	assert_int_equal(read(pair->move.in_fd, &byte, 1), 1);
	assert_int_equal(byte, pair_byte((size_t)consumed));
}

void pair_close(struct pair *pair)
{
	if (pair->move.in_fd >= 0)
		close(pair->move.in_fd);
	end_target(pair);
	if (pair->feeding)
		pthread_join(pair->feeder, NULL);
	else if (pair->far_in >= 0)
		close(pair->far_in);
	if (pair->far_out >= 0)
		close(pair->far_out);
	free(pair->got);
}

unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
