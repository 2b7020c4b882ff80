/*
 * Dialling: the addresses of a name are tried in the order of getaddrinfo(3), all of them within one time-out.
 */
#include "transport/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/clock.h"
#include "transport/connection_internal.h"

static int look_up(const char *host, const char *port, int family, struct addrinfo **addresses_out, struct lade_fault *fault)
{
	const struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };

	if (getaddrinfo(host, port, &hints, addresses_out) == 0)
		return 0;
	return lade_fault_set(fault, LADE_E_ABSENT, family == AF_UNSPEC ? "look up host" :
			      family == AF_INET ? "look up the IPv4 address of" : "look up the IPv6 address of", host);
}

static int set_options(int fd, const struct lade_dial *dial, struct lade_fault *fault)
{
	for (unsigned i = 0; i < dial->option_count; i++) {
		const struct lade_socket_option *option = &dial->options[i];

		if (setsockopt(fd, option->level, option->option, &option->value, sizeof(option->value)))
			return lade_fault_set(fault, LADE_E_SYSTEM, "set socket option", option->name);
	}
	return 0;
}

/* Take the own address that was asked for. */
static int take_address(int fd, const struct lade_dial *dial, int family, struct lade_fault *fault)
{
	struct addrinfo *own;
	int error;

	if (!dial->address)
		return 0;
	error = look_up(dial->address, NULL, family, &own, fault);
	if (error)
		return error;
	if (bind(fd, own->ai_addr, own->ai_addrlen))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "use the address", dial->address);
	freeaddrinfo(own);
	return error;
}

/* Wait for a connection under way until end_ms. */
static int finish_connect(int fd, const int *cancel_fd, int64_t end_ms, const char *peer, struct lade_fault *fault)
{
	struct pollfd wait_for[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = cancel_fd ? *cancel_fd : -1, .events = POLLIN },
	};
	int error = 0, ready;
	socklen_t len = sizeof(error);

	do {
		int64_t left_ms = end_ms - lade_clock_ms();

		ready = left_ms > 0 ? poll(wait_for, 2, (int)left_ms) : 0;
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return lade_fault_set(fault, LADE_E_TIMEOUT, "connect to", peer);
	if (ready > 0 && wait_for[1].revents)
		return lade_fault_set(fault, LADE_E_CANCELLED, "connect to", peer);
	if (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
		errno = error;
	return errno ? lade_fault_set(fault, LADE_E_SYSTEM, "connect to", peer) : 0;
}

/* Connect fd; end_ms: until when, or 0. Blocking again behind it. */
static int connect_fd(int fd, const struct addrinfo *address, const int *cancel_fd, int64_t end_ms, const char *peer,
		      struct lade_fault *fault)
{
	int flags = fcntl(fd, F_GETFL), error = 0;

	if (end_ms)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (connect(fd, address->ai_addr, address->ai_addrlen)) {
		if (end_ms && errno == EINPROGRESS)
			error = finish_connect(fd, cancel_fd, end_ms, peer, fault);
		else
			error = lade_fault_set(fault, LADE_E_SYSTEM, "connect to", peer);
	}
	(void)fcntl(fd, F_SETFL, flags);
	return error;
}

static int try_address(const struct lade_dial *dial, const struct addrinfo *address, int64_t end_ms, const char *peer,
		       int *fd_out, struct lade_fault *fault)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
	int error;

	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "connect to", peer);
	lade_connection_tune(fd);
	error = set_options(fd, dial, fault);
	if (!error)
		error = take_address(fd, dial, address->ai_family, fault);
	if (!error)
		error = connect_fd(fd, address, dial->cancel_fd, end_ms, peer, fault);
	if (!error)
		*fd_out = fd;
	else
		close(fd);
	return error;
}

int lade_connection_dial(struct lade_connection *connection, const struct lade_dial *dial, struct lade_fault *fault)
{
	int64_t end_ms = dial->timeout_ms ? lade_clock_ms() + dial->timeout_ms : 0;
	struct addrinfo *addresses;
	char peer[sizeof(connection->peer)];
	int fd = -1, error;

	error = look_up(dial->host, dial->port, dial->family, &addresses, fault);
	if (error)
		return error;
	lade_address_join(dial->host, dial->port, peer, sizeof(peer));
	for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
		error = try_address(dial, address, end_ms, peer, &fd, fault);
		if (!error || error == LADE_E_TIMEOUT || error == LADE_E_CANCELLED)
			break;
	}
	freeaddrinfo(addresses);
	if (error)
		return error;
	/* By the name that the user knows. */
	lade_connection_of_socket(connection, fd, peer);
	return 0;
}
