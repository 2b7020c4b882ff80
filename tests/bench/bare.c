/*
 * The limit that lade is measured against: one file over loopback TCP with nothing
 * but sendfile(2) on one side and splice(2) through a 1 MiB pipe on the other.
 *
 * usage: bare SOURCE TARGET
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_LEN (1 << 20)
#define LOW_WATER (256 << 10)

static void send_file(int socket_fd, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	off_t off = 0;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	while (off < st.st_size)
		if (sendfile(socket_fd, fd, &off, (size_t)(st.st_size - off)) <= 0)
			err(1, "sendfile");
	shutdown(socket_fd, SHUT_WR);
}

static void receive_file(int socket_fd, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), ends[2], low_water = LOW_WATER;
	ssize_t got;

	if (fd < 0 || pipe(ends))
		err(1, "%s", path);
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_LEN);
	setsockopt(socket_fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof(low_water));
	while ((got = splice(socket_fd, NULL, ends[1], NULL, PIPE_LEN, SPLICE_F_MOVE)) > 0)
		while (got > 0) {
			ssize_t put = splice(ends[0], NULL, fd, NULL, (size_t)got, SPLICE_F_MOVE);

			if (put <= 0)
				err(1, "splice to %s", path);
			got -= put;
		}
	if (got < 0)
		err(1, "splice");
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t address_len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), status;
	pid_t child;

	if (argc != 3)
		errx(1, "usage: bare SOURCE TARGET");
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &address_len))
		err(1, "listen");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		receive_file(accept(listener, NULL, NULL), argv[2]);
		_exit(0);
	}
	int socket_fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(socket_fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect");
	send_file(socket_fd, argv[1]);
	waitpid(child, &status, 0);
	return status != 0;
}
