/*
 * Ends of a protected connection that go on elsewhere: a key is good for so much, and where another cannot take its place another connection
 * does. Each direction goes on its own, by the thread that it belongs to.
 *
 * A descriptor is closed when neither end is there any more. Who looks at an end that is another thread's holds the lock of the ends, so what he
 * looks at is open.
 */
#include "transport/connection_internal.h"

#include <sys/socket.h>
#include <unistd.h>

void lade_connection_tls_cancel(struct lade_connection *connection)
{
	struct lade_connection_tls *tls = connection->tls;

	pthread_mutex_lock(&tls->ends);
	tls->cancelled = true;
	(void)shutdown(connection->in_fd, SHUT_RDWR);
	if (connection->out_fd != connection->in_fd)
		(void)shutdown(connection->out_fd, SHUT_RDWR);
	pthread_mutex_unlock(&tls->ends);
}

void lade_connection_tls_end_writing(struct lade_connection *connection)
{
	struct lade_connection_tls *tls = connection->tls;

	pthread_mutex_lock(&tls->ends);
	tls->no_more = true;
	(void)shutdown(connection->out_fd, SHUT_WR);
	pthread_mutex_unlock(&tls->ends);
}

static bool may_take(const struct lade_connection *connection, const struct lade_connection *fresh)
{
	const struct lade_connection_tls *tls = connection->tls, *other = fresh->tls;

	return tls && other && !tls->exact && !other->exact && tls->client == other->client;
}

/* What was meant for the connection as a whole is meant for what comes later, too. The lock of the ends is held. */
static void follow(const struct lade_connection_tls *tls, int fd, bool writes)
{
	if (tls->cancelled)
		(void)shutdown(fd, SHUT_RDWR);
	else if (tls->no_more && writes)
		(void)shutdown(fd, SHUT_WR);
}

int lade_connection_take_out(struct lade_connection *connection, struct lade_connection *fresh)
{
	struct lade_connection_tls *tls = connection->tls;
	struct tls_writer worn;
	int fd;

	if (!may_take(connection, fresh) || fresh->out_fd < 0)
		return LADE_E_UNSUPPORTED;
	pthread_mutex_lock(&tls->sending);
	pthread_mutex_lock(&tls->ends);
	worn = tls->out;
	tls->out = fresh->tls->out;
	tls->out.begun = connection->sent_len;
	fresh->tls->out = worn; /* freed with it */
	fd = connection->out_fd;
	connection->out_fd = fresh->out_fd;
	fresh->out_fd = -1;
	if (fd != connection->in_fd)
		close(fd);
	follow(tls, connection->out_fd, true);
	pthread_mutex_unlock(&tls->ends);
	pthread_mutex_unlock(&tls->sending);
	return 0;
}

int lade_connection_take_in(struct lade_connection *connection, struct lade_connection *fresh)
{
	struct lade_connection_tls *tls = connection->tls;
	struct tls_reader worn;
	int fd;

	if (!may_take(connection, fresh) || fresh->in_fd < 0)
		return LADE_E_UNSUPPORTED;
	pthread_mutex_lock(&tls->ends);
	worn = tls->in;
	tls->in = fresh->tls->in;
	fresh->tls->in = worn;
	fd = connection->in_fd;
	connection->in_fd = fresh->in_fd;
	fresh->in_fd = -1;
	if (fd != connection->out_fd)
		close(fd);
	follow(tls, connection->in_fd, false);
	pthread_mutex_unlock(&tls->ends);
	return 0;
}
