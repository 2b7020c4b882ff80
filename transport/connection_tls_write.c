/*
 * Writing a connection that TLS protects.
 *
 * In user space records are full wherever more is to come: what is left over waits for it. A batch of records is one system
 * call. With the kernel's record layer bytes are written as they would be without TLS; only the key has to be looked after.
 */
#include "transport/connection_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "transport/ktls.h"

/* Vectors that are taken at once, beside what was held. */
#define VECTORS_MAX 7

/* A key of the kernel's is good for so many bytes, and so many records that each write may begin: what a run may add is left. */
#define KERNEL_BYTES_MAX ((UINT64_C(1) << 37) - (UINT64_C(64) << 20))
#define KERNEL_CALLS_MAX (UINT64_C(1) << 22)

static int gone(const struct lade_connection *connection, struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_CLOSED, "send to", connection->peer);
}

/* Write what was protected. A record that went out in part cannot be followed by anything. */
static int send_records(struct lade_connection *connection, size_t len, int flags, struct lade_fault *fault)
{
	struct tls_writer *writer = &connection->tls->out;
	const uint8_t *at = writer->buffer;

	while (len) {
		ssize_t sent = send(connection->out_fd, at, len, MSG_NOSIGNAL | flags);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			writer->closed = true;
			return lade_connection_write_failed(connection, fault);
		}
		atomic_fetch_add(&connection->sent, (uint64_t)sent);
		at += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* Protect a message of TLS's own at the beginning of the buffer. */
static int seal_message(struct tls_writer *writer, uint8_t type, const uint8_t *bytes, size_t len, size_t *sealed_out)
{
	struct iovec vector = { (void *)bytes, len }, *at = &vector;

	*sealed_out = len + LADE_TLS_EXTRA_LEN;
	return lade_tls_seal(writer->protection, type, &at, len, writer->buffer);
}

/* Protect a KeyUpdate and go on with the next secret, if the key is worn or the peer has asked for it. */
static int update_key(struct tls_writer *writer, size_t *sealed_out)
{
	uint64_t records = lade_tls_protection_direction(writer->protection)->records;
	uint8_t message[LADE_TLS_KEY_UPDATE_LEN];
	int error;

	*sealed_out = 0;
	if (!atomic_exchange(&writer->answer_due, false) && records + LADE_TLS_BATCH_RECORDS + 1 < LADE_TLS_RECORDS_MAX)
		return 0;
	lade_tls_put_key_update(message);
	error = seal_message(writer, LADE_TLS_HANDSHAKE, message, sizeof(message), sealed_out);
	return error ? error : lade_tls_protection_update(writer->protection);
}

/* Protect len bytes from the front of the vectors and write them. */
static int write_batch(struct lade_connection *connection, struct iovec **vectors, size_t len, bool more,
		       struct lade_fault *fault)
{
	struct tls_writer *writer = &connection->tls->out;
	size_t sealed;
	int error = update_key(writer, &sealed);

	while (len && !error) {
		size_t part = len < LADE_TLS_PLAIN_MAX ? len : LADE_TLS_PLAIN_MAX;

		error = lade_tls_seal(writer->protection, LADE_TLS_DATA, vectors, part, writer->buffer + sealed);
		sealed += part + LADE_TLS_EXTRA_LEN;
		len -= part;
	}
	if (error) {
		writer->closed = true;
		return lade_fault_set(fault, error, "send to", connection->peer);
	}
	return send_records(connection, sealed, more ? MSG_MORE : 0, fault);
}

/* Keep what is left of the vectors, less than a record, until more comes. It may be what was held before. */
static void hold(struct tls_writer *writer, const struct iovec *vector, size_t len)
{
	writer->held_len = 0;
	for (; len; vector++) {
		if (vector->iov_len)
			memmove(writer->held + writer->held_len, vector->iov_base, vector->iov_len);
		writer->held_len += vector->iov_len;
		len -= vector->iov_len;
	}
}

/* Write count vectors, at most VECTORS_MAX, behind what was held. */
static int write_vectors(struct lade_connection *connection, const struct iovec *vectors, int count, bool more,
			 struct lade_fault *fault)
{
	struct tls_writer *writer = &connection->tls->out;
	struct iovec all[1 + VECTORS_MAX] = { { writer->held, writer->held_len } }, *at = all;
	size_t len = writer->held_len;

	for (int i = 0; i < count; i++) {
		all[1 + i] = vectors[i];
		len += vectors[i].iov_len;
	}
	while (len >= (more ? LADE_TLS_PLAIN_MAX : 1)) {
		size_t batch = len < LADE_TLS_BATCH_LEN ? len : LADE_TLS_BATCH_LEN;
		int error;

		if (more)
			batch -= batch % LADE_TLS_PLAIN_MAX;
		batch = lade_throttle_take(connection->throttle, batch);
		len -= batch;
		error = write_batch(connection, &at, batch, more || len, fault);
		if (error)
			return error;
	}
	hold(writer, at, len);
	return 0;
}

int lade_connection_tls_write(struct lade_connection *connection, const struct iovec *vectors, int count, bool more,
			      struct lade_fault *fault)
{
	struct lade_connection_tls *tls = connection->tls;
	struct tls_writer *writer = &tls->out;
	int error = 0;

	pthread_mutex_lock(&tls->sending);
	for (int done = 0, part; done < count && !error; done += part) {
		part = count - done < VECTORS_MAX ? count - done : VECTORS_MAX;
		error = writer->closed ? gone(connection, fault) :
			write_vectors(connection, vectors + done, part, more || done + part < count, fault);
	}
	pthread_mutex_unlock(&tls->sending);
	return error;
}

int lade_connection_tls_renew(struct lade_connection *connection, struct lade_fault *fault)
{
	struct tls_writer *writer = &connection->tls->out;
	uint8_t message[LADE_TLS_KEY_UPDATE_LEN];
	int error;

	if (writer->closed)
		return gone(connection, fault);
	writer->calls++;
	if (!atomic_exchange(&writer->answer_due, false) && writer->calls < KERNEL_CALLS_MAX &&
	    connection->sent_len - writer->begun < KERNEL_BYTES_MAX)
		return 0;
	lade_tls_put_key_update(message);
	error = lade_tls_next_secret(writer->suite, &writer->direction);
	if (error)
		return lade_fault_set(fault, error, "send to", connection->peer);
	if (lade_ktls_send(connection->out_fd, LADE_TLS_HANDSHAKE, message, sizeof(message), MSG_NOSIGNAL))
		return lade_connection_write_failed(connection, fault);
	if (lade_ktls_set(connection->out_fd, true, writer->suite, &writer->direction))
		return lade_fault_set(fault, LADE_E_SYSTEM, "take another key (kernel TLS can from Linux 6.14 on) towards",
				      connection->peer);
	writer->begun = connection->sent_len;
	writer->calls = 0;
	return 0;
}

/* Say it while the writer's end stays where it is. */
static void say_alert(struct lade_connection *connection, const uint8_t message[LADE_TLS_ALERT_LEN])
{
	struct tls_writer *writer = &connection->tls->out;
	struct pollfd room = { .fd = connection->out_fd, .events = POLLOUT };
	size_t sealed;

	if (writer->kernel) {
		/* Whoever waits for room in there has a lock of the kernel's that MSG_DONTWAIT waits for all the same (tls_sw_sendmsg()). */
		if (poll(&room, 1, 0) > 0 && room.revents == POLLOUT)
			(void)lade_ktls_send(connection->out_fd, LADE_TLS_ALERT, message, LADE_TLS_ALERT_LEN, MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	if (pthread_mutex_trylock(&connection->tls->sending))
		return;
	if (!writer->closed && !seal_message(writer, LADE_TLS_ALERT, message, LADE_TLS_ALERT_LEN, &sealed))
		(void)send_records(connection, sealed, MSG_DONTWAIT, NULL);
	writer->closed = true;
	pthread_mutex_unlock(&connection->tls->sending);
}

void lade_connection_tls_alert(struct lade_connection *connection, enum lade_tls_alert alert)
{
	uint8_t message[LADE_TLS_ALERT_LEN];

	lade_tls_put_alert(message, alert);
	pthread_mutex_lock(&connection->tls->ends);
	say_alert(connection, message);
	pthread_mutex_unlock(&connection->tls->ends);
}

enum lade_wear lade_connection_wear(const struct lade_connection *connection)
{
	const struct tls_writer *writer;
	uint64_t most, bytes, calls;

	if (!connection->tls)
		return LADE_WEAR_NONE;
	writer = &connection->tls->out;
	if (connection->peer_rekeys && (!writer->kernel || lade_ktls_rekeys()))
		return LADE_WEAR_NONE;
	if (!writer->kernel) {
		bytes = lade_tls_protection_direction(writer->protection)->records;
		most = LADE_TLS_RECORDS_MAX;
		calls = 0;
	} else {
		bytes = connection->sent_len - writer->begun;
		most = KERNEL_BYTES_MAX;
		calls = writer->calls;
	}
	if (bytes >= most / 4 * 3 || calls >= KERNEL_CALLS_MAX / 4 * 3)
		return LADE_WEAR_SPENT;
	return bytes >= most / 2 || calls >= KERNEL_CALLS_MAX / 2 ? LADE_WEAR_WORN : LADE_WEAR_NONE;
}
