/*
 * TLS of the kernel: tried on a connection to ourselves, with keys of no meaning.
 */
#include "agent/paths_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/ktls.h"
#include "transport/tls.h"

/* A TCP socket that is connected to itself: Linux does that where both ends have one address and port (simultaneous open). -1: errno. */
static int connect_to_itself(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    connect(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

/* refusal: the errno that all is refused with, or 0: it is to be tried. */
static void print_direction(int fd, bool sending, uint16_t suite, int refusal)
{
	const struct lade_tls_direction direction = { .records = 0 };
	const char *name = sending ? "tls, sending" : "tls, receiving";

	if (!refusal && lade_ktls_set(fd, sending, suite, &direction))
		refusal = errno;
	if (!refusal)
		printf("%-20sby the kernel: %s works\n", name, sending ? "sendfile" : "splice");
	else
		printf("%-20sby lade: the kernel says %s\n", name, refusal == ENOENT ? "that it has no TLS (CONFIG_TLS)" : strerror(refusal));
}

void lade_paths_tls_print(void)
{
	uint16_t suite = lade_tls_favourite_suite();
	int fd = connect_to_itself(), refusal = fd < 0 || lade_ktls_prepare(fd) ? errno : 0;

	printf("%-20s%s: the processor %s AES instructions\n", "tls", lade_tls_suite_name(suite),
	       suite == LADE_TLS_AES_128_GCM ? "has" : "has no");
	print_direction(fd, true, suite, refusal);
	print_direction(fd, false, suite, refusal);
	if (fd >= 0)
		close(fd);
}
