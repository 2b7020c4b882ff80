/*
 * The mode of the socket keeps others out; the look at who connects holds even where a file system ignores modes of sockets.
 */
#include "agent/daemon/status_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/user_directory.h"

#define BACKLOG 8

static int set_address(struct sockaddr_un *address, const char *path, struct lade_fault *fault)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
		return lade_fault_set(fault, LADE_E_LIMIT, "use as a socket", path);
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

int lade_status_socket_connect(const char *path, unsigned patience_s, int *fd_out, struct lade_fault *fault)
{
	const struct timeval patience = { .tv_sec = (time_t)patience_s };
	struct sockaddr_un address;
	int fd, error = set_address(&address, path, fault);

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (patience_s ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "connect to", path);
	/* Of connect(2), too, which waits while as many wait already as may: unix(7). */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		*fd_out = fd;
		return 0;
	}
	error = errno == EAGAIN ? LADE_E_TIMEOUT : errno == ENOENT || errno == ECONNREFUSED ? LADE_E_ABSENT : LADE_E_SYSTEM;
	lade_fault_set(fault, error, "connect to", path);
	close(fd);
	return error;
}

/* Take away what a daemon that died has left: a socket where nobody listens. */
static int make_room(const char *path, struct lade_fault *fault)
{
	struct stat status;
	int fd, error;

	if (lstat(path, &status))
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return lade_fault_set(fault, LADE_E_REFUSED, "replace by the status socket what is no socket:", path);
	/* The daemon waits for nobody: somebody who is too busy is somebody. */
	error = lade_status_socket_connect(path, 0, &fd, fault);
	if (error == 0)
		close(fd);
	if (error == 0 || error == LADE_E_TIMEOUT)
		return lade_fault_set(fault, LADE_E_REFUSED, "take from another daemon its status socket", path);
	if (error == LADE_E_ABSENT && unlink(path) && errno != ENOENT)
		return lade_fault_set(fault, LADE_E_SYSTEM, "replace the status socket", path);
	return error == LADE_E_ABSENT ? 0 : error;
}

int lade_status_socket_open(const char *path, struct lade_listener *listener, struct lade_fault *fault)
{
	struct sockaddr_un address;
	mode_t mask;
	int fd, failed, error = set_address(&address, path, fault);

	if (!error)
		error = lade_user_directory_make_for(path, fault);
	if (!error)
		error = make_room(path, fault);
	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create the status socket", path);
	/* At no time is it anybody else's to connect to. There is one thread. */
	mask = umask(0177);
	failed = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (failed || listen(fd, BACKLOG)) {
		lade_fault_set(fault, LADE_E_SYSTEM, "create the status socket", path);
		close(fd);
		return LADE_E_SYSTEM;
	}
	listener->fd = fd;
	memcpy(listener->name, address.sun_path, sizeof(address.sun_path));
	return 0;
}

void lade_status_socket_close(struct lade_listener *listener)
{
	if (listener->fd < 0)
		return;
	(void)unlink(listener->name);
	lade_listener_close(listener);
}

bool lade_status_socket_may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}
