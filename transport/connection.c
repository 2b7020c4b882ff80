/*
 * Connections. Sockets are written with MSG_NOSIGNAL; pipes rely on SIGPIPE being
 * ignored by the program. Descriptors of a socket pair arrive with the first byte of the
 * write that sent them, so everything on such a connection is read with recvmsg: a
 * plain read would drop them (unix(7)).
 */
#include "transport/connection_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/address.h"

#define CHILD_PIPE_SIZE (1 << 20)

extern char **environ;

static void init(struct lade_connection *connection, enum lade_connection_kind kind, int in_fd, int out_fd,
		 const char *peer)
{
	memset(connection, 0, sizeof(*connection));
	connection->kind = kind;
	connection->in_fd = in_fd;
	connection->out_fd = out_fd;
	connection->child = -1;
	snprintf(connection->peer, sizeof(connection->peer), "%s", peer);
}

int lade_connection_pair(struct lade_connection *a, struct lade_connection *b, struct lade_fault *fault)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return lade_fault_set(fault, LADE_E_SYSTEM, "create socket pair", NULL);
	init(a, LADE_CONNECTION_PAIR, fds[0], fds[0], "local");
	init(b, LADE_CONNECTION_PAIR, fds[1], fds[1], "local");
	return 0;
}

void lade_connection_tune(int fd)
{
	const int on = 1, idle_s = 60, interval_s = 30, tries = 4;

	/* Control goes out in whole frames: Nagle's algorithm would only delay the last one. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A peer whose host is gone says no end: without a look now and then its session would keep its place for ever. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
}

void lade_connection_of_socket(struct lade_connection *connection, int fd, const char *peer)
{
	init(connection, LADE_CONNECTION_TCP, fd, fd, peer);
}

int lade_connection_accept(struct lade_connection *connection, int fd, struct lade_fault *fault)
{
	struct sockaddr_storage address = { 0 };
	socklen_t address_len = sizeof(address);
	char host[LADE_ADDRESS_HOST_SIZE], port[LADE_ADDRESS_PORT_SIZE];

	(void)fault;
	lade_connection_tune(fd);
	lade_connection_of_socket(connection, fd, "unknown peer");
	(void)getpeername(fd, (struct sockaddr *)&address, &address_len);
	lade_address_unmap(&address);
	if (lade_address_numbers(&address, host, port))
		lade_address_join(host, port, connection->peer, sizeof(connection->peer));
	return 0;
}

void lade_connection_stdio(struct lade_connection *connection)
{
	init(connection, LADE_CONNECTION_PIPES, STDIN_FILENO, STDOUT_FILENO, "the other side");
}

/* Start argv with these as its standard input and output. Returns 0 or an errno. */
static int start_child(char *const argv[], int in_fd, int out_fd, pid_t *child_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	/* An ignored SIGPIPE is inherited by exec; the child must die with its pipe. */
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(child_out, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

int lade_connection_spawn(struct lade_connection *connection, char *const argv[], const char *name,
			  struct lade_fault *fault)
{
	int to_child[2] = { -1, -1 }, from_child[2] = { -1, -1 };
	int result;
	pid_t child;

	if (pipe2(to_child, O_CLOEXEC) || pipe2(from_child, O_CLOEXEC)) {
		result = lade_fault_set(fault, LADE_E_SYSTEM, "create pipe for", name);
		goto out;
	}
	/* The kernel's default of 64 KiB halves what ssh can take; failing is no harm. */
	(void)fcntl(to_child[1], F_SETPIPE_SZ, CHILD_PIPE_SIZE);
	(void)fcntl(from_child[0], F_SETPIPE_SZ, CHILD_PIPE_SIZE);
	errno = start_child(argv, to_child[0], from_child[1], &child);
	if (errno) {
		result = lade_fault_set(fault, LADE_E_SYSTEM, "run", argv[0]);
		goto out;
	}
	init(connection, LADE_CONNECTION_PIPES, from_child[0], to_child[1], name);
	connection->child = child;
	from_child[0] = to_child[1] = -1;
	result = 0;
out:
	for (int i = 0; i < 2; i++) {
		if (to_child[i] >= 0)
			close(to_child[i]);
		if (from_child[i] >= 0)
			close(from_child[i]);
	}
	return result;
}

void lade_connection_cancel(struct lade_connection *connection)
{
	if (connection->tls)
		lade_connection_tls_cancel(connection);
	else if (connection->kind != LADE_CONNECTION_PIPES)
		(void)shutdown(connection->in_fd, SHUT_RDWR);
	else if (connection->child > 0)
		(void)kill(connection->child, SIGTERM);
}

void lade_connection_end_writing(struct lade_connection *connection)
{
	if (connection->tls) {
		lade_connection_tls_alert(connection, LADE_TLS_CLOSE_NOTIFY);
		lade_connection_tls_end_writing(connection);
	} else if (connection->kind != LADE_CONNECTION_PIPES) {
		(void)shutdown(connection->out_fd, SHUT_WR);
	} else if (connection->out_fd >= 0) {
		close(connection->out_fd);
		connection->out_fd = -1;
	}
}

void lade_connection_close(struct lade_connection *connection)
{
	/* A socket of which one end was taken is of who took it. */
	bool taken = connection->tls && (connection->in_fd < 0 || connection->out_fd < 0);

	while (connection->descriptor_count)
		close(lade_connection_take_descriptor(connection));
	if (connection->in_fd >= 0 && !taken)
		close(connection->in_fd);
	if (connection->out_fd >= 0 && connection->out_fd != connection->in_fd && !taken)
		close(connection->out_fd);
	connection->in_fd = connection->out_fd = -1;
	lade_connection_tls_free(connection->tls);
	connection->tls = NULL;
}

int lade_connection_reap(struct lade_connection *connection)
{
	int status = 0;
	pid_t pid;

	lade_connection_close(connection);
	if (connection->child <= 0)
		return 0;
	do {
		pid = waitpid(connection->child, &status, 0);
	} while (pid < 0 && errno == EINTR);
	connection->child = -1;
	if (pid < 0)
		return 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Keep the descriptors of a message; what is beyond the protocol's limit is closed. */
static void keep_descriptors(struct lade_connection *connection, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		size_t count;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
			if (connection->descriptor_count < LADE_DESCRIPTORS_MAX)
				connection->descriptors[connection->descriptor_count++] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive_with_descriptors(struct lade_connection *connection, struct iovec *vectors, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * LADE_DESCRIPTORS_MAX)];
	} control;
	struct msghdr message = {
		.msg_iov = vectors,
		.msg_iovlen = count,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(connection->in_fd, &message, MSG_CMSG_CLOEXEC);

	if (got >= 0)
		keep_descriptors(connection, &message);
	return got;
}

/* Take at most len bytes from what was read ahead. */
static size_t take_ahead(struct lade_connection *connection, void *buf, size_t len)
{
	size_t taken = connection->ahead_len < len ? connection->ahead_len : len;

	memcpy(buf, connection->ahead + connection->ahead_off, taken);
	connection->ahead_off += (unsigned)taken;
	connection->ahead_len -= (unsigned)taken;
	return taken;
}

int lade_connection_read_failed(const struct lade_connection *connection, struct lade_fault *fault)
{
	return lade_fault_set(fault, errno == ECONNRESET ? LADE_E_CLOSED : LADE_E_SYSTEM, "receive from", connection->peer);
}

/* Read at most len bytes, and ahead_max ahead, which is empty. need: as lade_connection_tls_receive(), which reads ahead by itself. */
static int receive(struct lade_connection *connection, void *buf, size_t len, size_t need, size_t ahead_max, size_t *got_out,
		   struct lade_fault *fault)
{
	struct iovec vectors[] = { { buf, len }, { connection->ahead, ahead_max } };
	int count = ahead_max ? 2 : 1;
	ssize_t got;

	if (connection->tls)
		return lade_connection_tls_receive(connection, buf, len, need, got_out, fault);
	do {
		got = connection->kind == LADE_CONNECTION_PAIR ?
			receive_with_descriptors(connection, vectors, (size_t)count) :
			readv(connection->in_fd, vectors, count);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return lade_connection_read_failed(connection, fault);
	atomic_fetch_add(&connection->received, (uint64_t)got);
	*got_out = (size_t)got < len ? (size_t)got : len;
	connection->ahead_off = 0;
	connection->ahead_len = (unsigned)((size_t)got - *got_out);
	return 0;
}

int lade_connection_read_some(struct lade_connection *connection, void *buf, size_t len, size_t *got_out,
			      struct lade_fault *fault)
{
	*got_out = take_ahead(connection, buf, len);
	return *got_out ? 0 : receive(connection, buf, len, 1, 0, got_out, fault);
}

int lade_connection_read_ahead(struct lade_connection *connection, void *buf, size_t len, size_t ahead_max,
			       struct lade_fault *fault)
{
	size_t done = take_ahead(connection, buf, len), got;

	if (ahead_max > LADE_CONNECTION_AHEAD_MAX)
		ahead_max = LADE_CONNECTION_AHEAD_MAX;
	for (; done < len; done += got) {
		int error = receive(connection, (uint8_t *)buf + done, len - done, len - done, ahead_max, &got,
				    fault);

		if (!error && got == 0)
			error = lade_fault_set(fault, LADE_E_CLOSED, "receive from", connection->peer);
		if (error) {
			/* TLS may have said so of a record. */
			if (done)
				connection->torn = true;
			return error;
		}
	}
	return 0;
}

int lade_connection_read(struct lade_connection *connection, void *buf, size_t len, struct lade_fault *fault)
{
	return lade_connection_read_ahead(connection, buf, len, 0, fault);
}

int lade_connection_wait(struct lade_connection *connection, int timeout_ms, struct lade_fault *fault)
{
	struct pollfd wait_for = { .fd = connection->in_fd, .events = POLLIN };
	int ready;

	if (connection->ahead_len)
		return 0;
	if (connection->tls)
		return lade_connection_tls_wait(connection, timeout_ms, fault);
	do {
		ready = poll(&wait_for, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "wait for", connection->peer);
	return ready ? 0 : LADE_E_AGAIN;
}

bool lade_connection_waiting(const struct lade_connection *connection)
{
	int len = 0;

	if (connection->tls)
		return lade_connection_tls_waiting(connection);
	/* Sockets: tcp(7), unix(7); pipes: pipe(7). */
	return ioctl(connection->in_fd, FIONREAD, &len) == 0 && len > 0;
}

/* Drop done bytes from the front of the vectors. Returns how many vectors are used up. */
static int use_up(struct iovec *vectors, int count, size_t done)
{
	int used = 0;

	while (used < count && done >= vectors[used].iov_len)
		done -= vectors[used++].iov_len;
	if (used < count) {
		vectors[used].iov_base = (char *)vectors[used].iov_base + done;
		vectors[used].iov_len -= done;
	}
	return used;
}

int lade_connection_write_failed(const struct lade_connection *connection, struct lade_fault *fault)
{
	bool gone = errno == EPIPE || errno == ECONNRESET;

	return lade_fault_set(fault, gone ? LADE_E_CLOSED : LADE_E_SYSTEM, "send to", connection->peer);
}

static ssize_t send_vectors(struct lade_connection *connection, struct iovec *vectors, int count, bool more)
{
	struct msghdr message = { .msg_iov = vectors, .msg_iovlen = (size_t)count };

	if (connection->kind == LADE_CONNECTION_PIPES)
		return writev(connection->out_fd, vectors, count);
	return sendmsg(connection->out_fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

/* Send as much as the limit grants at once: what is beyond it is cut off for the time of the call. */
static ssize_t send_granted(struct lade_connection *connection, struct iovec *vectors, int count, bool more)
{
	size_t len = 0, granted, last_len;
	ssize_t sent;
	int last = 0;

	for (int i = 0; i < count; i++)
		len += vectors[i].iov_len;
	if (!len || !connection->throttle)
		return send_vectors(connection, vectors, count, more);
	granted = lade_throttle_take(connection->throttle, len);
	len = granted;
	while (len > vectors[last].iov_len)
		len -= vectors[last++].iov_len;
	last_len = vectors[last].iov_len;
	vectors[last].iov_len = len;
	sent = send_vectors(connection, vectors, last + 1, more || last + 1 < count || len < last_len);
	vectors[last].iov_len = last_len;
	lade_throttle_give_back(connection->throttle, granted - (sent > 0 ? (size_t)sent : 0));
	return sent;
}

int lade_connection_write(struct lade_connection *connection, struct iovec *vectors, int count, bool more,
			  struct lade_fault *fault)
{
	int error = 0;

	if (connection->tls && !lade_connection_movable_out(connection))
		return lade_connection_tls_write(connection, vectors, count, more, fault);
	if (connection->tls)
		error = lade_connection_tls_renew(connection, fault);
	if (error)
		return error;
	while (count) {
		ssize_t sent = send_granted(connection, vectors, count, more);
		int used;

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return lade_connection_write_failed(connection, fault);
		atomic_fetch_add(&connection->sent, (uint64_t)sent);
		used = use_up(vectors, count, (size_t)sent);
		vectors += used;
		count -= used;
	}
	return 0;
}

int lade_connection_write_with(struct lade_connection *connection, struct iovec *vectors, int count, int descriptor,
			       struct lade_fault *fault)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_iov = vectors,
		.msg_iovlen = (size_t)count,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	ssize_t sent;
	int used;

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &descriptor, sizeof(int));
	do {
		sent = sendmsg(connection->out_fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return lade_connection_write_failed(connection, fault);
	atomic_fetch_add(&connection->sent, (uint64_t)sent);
	used = use_up(vectors, count, (size_t)sent);
	return lade_connection_write(connection, vectors + used, count - used, false, fault);
}

int lade_connection_take_descriptor(struct lade_connection *connection)
{
	int fd;

	if (connection->descriptor_count == 0)
		return -1;
	fd = connection->descriptors[0];
	connection->descriptor_count--;
	memmove(connection->descriptors, connection->descriptors + 1, connection->descriptor_count * sizeof(int));
	return fd;
}
