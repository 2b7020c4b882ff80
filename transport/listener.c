/*
 * Listening sockets. Non-blocking, so that a peer that leaves between poll and accept
 * does not leave us waiting in accept.
 */
#include "transport/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/address.h"

#define BACKLOG 1024

int lade_listener_parse(const char *text, struct lade_listener_address *address_out)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t host_len, port_len;

	if (!colon)
		return LADE_E_USAGE;
	host_len = (size_t)(colon - text);
	port_len = strspn(colon + 1, "0123456789");
	if (!port_len || port_len > 5 || colon[1 + port_len] ||
	    strtoul(colon + 1, NULL, 10) > 65535)
		return LADE_E_USAGE;
	if (host[0] == '[') {
		if (host_len < 2 || host[host_len - 1] != ']')
			return LADE_E_USAGE;
		host++;
		host_len -= 2;
	} else if (memchr(host, ':', host_len)) {
		/* Where would an IPv6 address without brackets end? */
		return LADE_E_USAGE;
	}
	if (host_len >= sizeof(address_out->host))
		return LADE_E_USAGE;
	memcpy(address_out->host, host, host_len);
	address_out->host[host_len] = '\0';
	memcpy(address_out->port, colon + 1, port_len + 1);
	return 0;
}

static bool is_loopback(const struct addrinfo *one)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&address, one->ai_addr, one->ai_addrlen);
	lade_address_unmap(&address);
	memcpy(&v4, &address, sizeof(v4));
	memcpy(&v6, &address, sizeof(v6));
	return address.ss_family == AF_INET ? ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET :
		address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

/* A listening socket at address, or -1 with errno. */
static int listen_at(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			address->ai_protocol);
	int one = 1, off = 0, saved;

	if (fd < 0)
		return -1;
	/* [::] is every address, of IPv4 too, whatever net.ipv6.bindv6only says: ipv6(7). */
	if (address->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* Without it a restarted server waits for its old connections' TIME_WAIT, tcp(7). */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The name of what fd is bound to: with port 0 the kernel chose. */
static void set_name(struct lade_listener *listener)
{
	struct sockaddr_storage address;
	socklen_t address_len = sizeof(address);
	char host[LADE_ADDRESS_HOST_SIZE], port[LADE_ADDRESS_PORT_SIZE];

	if (getsockname(listener->fd, (struct sockaddr *)&address, &address_len) == 0 && lade_address_numbers(&address, host, port))
		lade_address_join(host, port, listener->name, sizeof(listener->name));
}

/* Listen at the first of the addresses of a family (AF_UNSPEC: any) that will do. False: none was worth a try. */
static bool try_addresses(struct lade_listener *listener, const struct addrinfo *addresses, int family, bool loopback_only)
{
	bool tried = false;

	for (const struct addrinfo *one = addresses; one && listener->fd < 0; one = one->ai_next) {
		if ((family != AF_UNSPEC && one->ai_family != family) || (loopback_only && !is_loopback(one)))
			continue;
		tried = true;
		listener->fd = listen_at(one);
	}
	return tried;
}

int lade_listener_open(struct lade_listener *listener, const struct lade_listener_address *address,
		       bool loopback_only, struct lade_fault *fault)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *addresses;
	bool has_family;
	int error = 0;

	listener->fd = -1;
	lade_address_join(address->host, address->port, listener->name, sizeof(listener->name));
	if (getaddrinfo(address->host[0] ? address->host : NULL, address->port, &hints, &addresses))
		return lade_fault_set(fault, LADE_E_ABSENT, "look up address", listener->name);
	/* What stands for every address is named twice, IPv4 first as a rule; IPv6's takes both. */
	if (!address->host[0])
		(void)try_addresses(listener, addresses, AF_INET6, loopback_only);
	if (listener->fd < 0 && !try_addresses(listener, addresses, AF_UNSPEC, loopback_only))
		error = lade_fault_set(fault, LADE_E_REFUSED, "listen on", listener->name);
	else if (listener->fd < 0)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "listen on", listener->name);
	has_family = error != LADE_E_SYSTEM || errno != EAFNOSUPPORT;
	freeaddrinfo(addresses);
	/* All addresses of a kernel without IPv6. */
	if (!has_family && !strcmp(address->host, "::")) {
		struct lade_listener_address every = *address;

		every.host[0] = '\0';
		return lade_listener_open(listener, &every, loopback_only, fault);
	}
	if (!error)
		set_name(listener);
	return error;
}

void lade_listener_take(struct lade_listener *listener, int fd)
{
	listener->fd = fd;
	listener->name[0] = '\0';
	set_name(listener);
}

/* Errors of accept that belong to one connection, not to the listener: accept(2). */
static bool peer_went(int error)
{
	static const int errors[] = {
		EAGAIN,	    EINTR,	 ECONNABORTED, EPROTO, EPERM, /* a firewall's word */
		ENETDOWN,   ENOPROTOOPT, EHOSTDOWN,    ENONET, EHOSTUNREACH,
		EOPNOTSUPP, ENETUNREACH, ETIMEDOUT,
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (error == errors[i])
			return true;
	}
	return false;
}

int lade_listener_accept(struct lade_listener *listener, int timeout_ms, const sigset_t *wait_mask,
			 int *fd_out, struct lade_fault *fault)
{
	struct pollfd wait_for = { .fd = listener->fd, .events = POLLIN };
	struct timespec timeout = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
	int ready = ppoll(&wait_for, 1, timeout_ms < 0 ? NULL : &timeout, wait_mask);
	int fd;

	if (ready == 0 || (ready < 0 && errno == EINTR))
		return LADE_E_AGAIN;
	if (ready < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "wait on", listener->name);
	/* Linux does not hand O_NONBLOCK down to the accepted socket: accept(2). */
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return peer_went(errno) ? LADE_E_AGAIN :
			lade_fault_set(fault, LADE_E_SYSTEM, "accept on", listener->name);
	*fd_out = fd;
	return 0;
}

void lade_listener_close(struct lade_listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}
