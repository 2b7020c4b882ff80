/*
 * Words for systemd. All of sd_notify(3) is best effort: who does not listen misses nothing.
 */
#include "agent/daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <config.h> /* not agent/daemon/config.h */
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* Between two STATUS=. */
#define STATUS_MS 1000

/* Say it; $NOTIFY_SOCKET stays for the next time. */
static void tell(const char *words)
{
#ifdef HAVE_SYSTEMD
	(void)sd_notify(0, words);
#else
	(void)words;
#endif
}

void lade_notify_init(struct lade_notify *notify, int64_t now_ms)
{
	*notify = (struct lade_notify){ .next_ms = INT64_MAX };
#ifdef HAVE_SYSTEMD
	uint64_t limit_us;

	/* Half of the time, as the manual advises: a turn of the loop that is late by as much does no harm. */
	if (sd_watchdog_enabled(0, &limit_us) > 0 && limit_us >= 2000) {
		notify->period_ms = (int64_t)(limit_us / 2000);
		notify->next_ms = now_ms;
	}
#else
	(void)now_ms;
#endif
}

void lade_notify_ready(void)
{
	tell("READY=1");
}

void lade_notify_reloading(void)
{
	char words[96];
	struct timespec now;

	/* Type=notify-reload wants to know when, to tell this reload from an earlier one. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(words);
}

void lade_notify_stopping(void)
{
	tell("STOPPING=1");
}

/* Tell how many there are. Returns when that may be told, if it may not be now. */
static int64_t tell_status(struct lade_notify *notify, int64_t now_ms, unsigned sessions, unsigned logins)
{
	char status[sizeof(notify->status)];

	snprintf(status, sizeof(status), "STATUS=%u session%s, %u login%s", sessions, sessions == 1 ? "" : "s", logins, logins == 1 ? "" : "s");
	if (strcmp(status, notify->status) == 0)
		return INT64_MAX;
	/* Whoever connects often shall not keep systemd busy. */
	if (now_ms < notify->status_ms)
		return notify->status_ms;
	memcpy(notify->status, status, sizeof(status));
	notify->status_ms = now_ms + STATUS_MS;
	tell(status);
	return INT64_MAX;
}

int64_t lade_notify_turn(struct lade_notify *notify, int64_t now_ms, unsigned sessions, unsigned logins)
{
	int64_t status_ms = tell_status(notify, now_ms, sessions, logins);

	if (notify->period_ms && notify->next_ms <= now_ms) {
		tell("WATCHDOG=1");
		notify->next_ms = now_ms + notify->period_ms;
	}
	return status_ms < notify->next_ms ? status_ms : notify->next_ms;
}

#ifdef HAVE_SYSTEMD

/* Make a listener of a socket: 0, or LADE_E_REFUSED if it is not one of ours. */
static int take_socket(int fd, const char *name, struct lade_listener *listener, struct lade_fault *fault)
{
	int flags = fcntl(fd, F_GETFL);

	if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0)
		return lade_fault_set(fault, LADE_E_REFUSED, "serve on a socket of systemd that is no listening TCP socket (ListenStream=, Accept=no):", name);
	/* Else a peer that goes between poll and accept would keep us waiting. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return lade_fault_set(fault, LADE_E_SYSTEM, "serve on a socket of systemd:", name);
	lade_listener_take(listener, fd);
	return 0;
}

int lade_notify_take_sockets(struct lade_listener **listeners_out, unsigned *count_out, struct lade_fault *fault)
{
	struct lade_listener *listeners = NULL;
	char **names = NULL;
	int error = 0, count = sd_listen_fds_with_names(1, &names);

	*listeners_out = NULL;
	*count_out = 0;
	if (count < 0) {
		errno = -count;
		return lade_fault_set(fault, LADE_E_SYSTEM, "take the sockets of systemd", NULL);
	}
	if (count > 0 && !(listeners = calloc((size_t)count, sizeof(*listeners))))
		error = lade_fault_set(fault, LADE_E_MEMORY, "take the sockets of systemd", NULL);
	for (int i = 0; i < count && !error; i++)
		error = take_socket(SD_LISTEN_FDS_START + i, names[i], &listeners[i], fault);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (error) {
		free(listeners);
		return error;
	}
	*listeners_out = listeners;
	*count_out = (unsigned)count;
	return 0;
}

#else

int lade_notify_take_sockets(struct lade_listener **listeners_out, unsigned *count_out, struct lade_fault *fault)
{
	const char *pid = getenv("LISTEN_PID");

	*listeners_out = NULL;
	*count_out = 0;
	/* Sockets that nobody serves are worse than no daemon. */
	if (pid && strtoll(pid, NULL, 10) == getpid())
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "take the sockets of systemd", NULL);
	return 0;
}

#endif
