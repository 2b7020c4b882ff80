/*
 * Reading a connection that TLS protects.
 *
 * In user space as much as there is comes with one call, and each record is opened into the caller's memory if it fits, else where it is, to
 * be read from there. A failure is for good: what it was is said again to whoever goes on reading. With the kernel's record layer bytes
 * come as they would without TLS, but for records that are no data.
 */
#include "transport/clock.h"
#include "transport/connection_internal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "transport/ktls.h"

/* A reader that needs much sleeps until this many bytes are there: fewer wake-ups. Less than LOWAT_MIN is not worth a call. */
#define LOWAT_MAX (256u << 10)
#define LOWAT_MIN (64u << 10)

/* So many records without content in a row nobody has a reason to send. */
#define EMPTY_MAX 32u

/* [tls] A KeyUpdate has a reason once in so many bytes of frames, a MiB; one is free. Records are not counted: the kernel does not tell how many it opens. */
#define REKEY_BYTES_SHIFT 20

/* Remember a failure, and say so to the peer. Nothing that fails so is where the stream may end: what came of a record is lost with it. */
static int fail(struct lade_connection *connection, int code, const char *operation, enum lade_tls_alert alert,
		struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;

	reader->failed = code;
	reader->failure = operation;
	connection->torn = true;
	if (alert != LADE_TLS_CLOSE_NOTIFY)
		lade_connection_tls_alert(connection, alert);
	return lade_fault_set(fault, code, operation, connection->peer);
}

static int misbehaved(struct lade_connection *connection, struct lade_fault *fault)
{
	return fail(connection, LADE_E_PROTOCOL, "understand what TLS carries from", LADE_TLS_UNEXPECTED_MESSAGE, fault);
}

/* The peer goes on with its next secret. */
static int rekey(struct lade_connection *connection, struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	int error;

	if (++reader->rekeyed > 1 + (connection->received_len >> REKEY_BYTES_SHIFT))
		return fail(connection, LADE_E_PROTOCOL, "accept so many KeyUpdates from", LADE_TLS_UNEXPECTED_MESSAGE, fault);
	if (!reader->kernel) {
		error = lade_tls_protection_update(reader->protection);
		return error ? fail(connection, error, "receive from", LADE_TLS_CLOSE_NOTIFY, fault) : 0;
	}
	error = lade_tls_next_secret(reader->suite, &reader->direction);
	if (error)
		return fail(connection, error, "receive from", LADE_TLS_CLOSE_NOTIFY, fault);
	if (lade_ktls_set(connection->in_fd, false, reader->suite, &reader->direction))
		return fail(connection, LADE_E_SYSTEM, "take another key (kernel TLS can from Linux 6.14 on) from",
			    LADE_TLS_CLOSE_NOTIFY, fault);
	return 0;
}

/* [tls] The peer has asked for another key of ours: that is about the socket it comes from, which may be one that we do not write to any more. */
static void note_asked(struct lade_connection *connection)
{
	struct lade_connection_tls *tls = connection->tls;

	pthread_mutex_lock(&tls->ends);
	if (connection->in_fd == connection->out_fd)
		atomic_store(&tls->out.answer_due, true);
	pthread_mutex_unlock(&tls->ends);
}

/* Obey a record that is no data. */
static int obey(struct lade_connection *connection, uint8_t type, const uint8_t *bytes, size_t len, struct lade_fault *fault)
{
	int event = lade_tls_control(type, bytes, len);

	assert(bytes);
	switch (event) {
	case LADE_TLS_PEER_ENDED:
		connection->tls->in.ended = true;
		return 0;
	case LADE_TLS_PEER_REKEYED_ASKING:
		note_asked(connection);
		return rekey(connection, fault);
	case LADE_TLS_PEER_REKEYED:
		return rekey(connection, fault);
	case LADE_E_CLOSED:
		return fail(connection, event, lade_tls_alert_operation(bytes[1]), LADE_TLS_CLOSE_NOTIFY, fault);
	default:
		return misbehaved(connection, fault);
	}
}

static size_t take_plain(struct tls_reader *reader, void *buf, size_t len)
{
	size_t taken = reader->plain_len < len ? reader->plain_len : len;

	if (!taken)
		return 0;
	memcpy(buf, reader->plain, taken);
	reader->plain += taken;
	reader->plain_len -= taken;
	return taken;
}

/* The length of the record at hand, if it is complete; 0: it is not; or as lade_tls_record_len(). */
static int record_at_hand(const struct tls_reader *reader)
{
	size_t have = reader->end - reader->begin;
	int len = lade_tls_record_len(reader->buffer + reader->begin, have);

	return len > 0 && (size_t)len > have ? 0 : len;
}

/* What a failure to open a record means. */
static int cannot_open(struct lade_connection *connection, int error, struct lade_fault *fault)
{
	switch (error) {
	case LADE_E_CHANGED:
		return fail(connection, LADE_E_PROTOCOL, "verify what TLS carries from", LADE_TLS_BAD_RECORD_MAC, fault);
	case LADE_E_LIMIT:
		return fail(connection, LADE_E_PROTOCOL, "take so long a TLS record from", LADE_TLS_RECORD_OVERFLOW, fault);
	case LADE_E_PROTOCOL:
		return misbehaved(connection, fault);
	default:
		return fail(connection, error, "receive from", LADE_TLS_CLOSE_NOTIFY, fault);
	}
}

/*
 * Open the record at hand, into buf if its content fits there, else where it is. Returns 1 with what came into buf (none if it is no data),
 * 0 if there is no complete record, or a failure.
 */
static int open_record(struct lade_connection *connection, uint8_t *buf, size_t len, size_t *got_out, struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	uint8_t *record = reader->buffer + reader->begin, *out;
	int record_len = record_at_hand(reader), error;
	size_t content_len;
	uint8_t type;

	*got_out = 0;
	if (record_len == 0)
		return 0;
	if (record_len < 0)
		return cannot_open(connection, record_len, fault);
	out = len && (size_t)record_len - LADE_TLS_EXTRA_LEN <= len ? buf : record + LADE_TLS_HEADER_LEN;
	error = lade_tls_open(reader->protection, record, (size_t)record_len, out, &content_len, &type);
	if (error)
		return cannot_open(connection, error, fault);
	reader->begin += (size_t)record_len;
	reader->empty = content_len ? 0 : reader->empty + 1;
	if (type != LADE_TLS_DATA)
		error = obey(connection, type, out, content_len, fault);
	else if (reader->empty > EMPTY_MAX)
		error = misbehaved(connection, fault);
	else if (out == buf)
		*got_out = content_len;
	else {
		reader->plain = out;
		reader->plain_len = content_len;
		*got_out = take_plain(reader, buf, len);
	}
	return error ? error : 1;
}

/* Have the kernel wake us for much only; need: bytes that will come whatever we do. */
static void set_lowat(struct lade_connection *connection, size_t need, size_t room)
{
	struct tls_reader *reader = &connection->tls->in;
	size_t have = reader->end - reader->begin;
	/* They come in records of 16 KiB at most. */
	size_t least = need + (need + LADE_TLS_PLAIN_MAX - 1) / LADE_TLS_PLAIN_MAX * LADE_TLS_EXTRA_LEN;
	size_t want = least > have ? least - have : 1;
	int lowat;

	if (connection->kind != LADE_CONNECTION_TCP)
		return;
	if (want > LOWAT_MAX)
		want = LOWAT_MAX;
	if (want > room)
		want = room;
	/* With a time-out somebody watches whether bytes come. */
	lowat = want < LOWAT_MIN || connection->timeout_ms ? 1 : (int)want;
	if (lowat != reader->lowat && setsockopt(connection->in_fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)) == 0)
		reader->lowat = lowat;
}

/* How many bytes may be read into the buffer: all there is room for; or, for who hands the connection on, what is left of one record. */
static size_t fill_len(const struct lade_connection_tls *tls)
{
	const struct tls_reader *reader = &tls->in;
	size_t have = reader->end - reader->begin;

	if (!tls->exact)
		return reader->capacity - reader->end;
	if (have < LADE_TLS_HEADER_LEN)
		return LADE_TLS_HEADER_LEN - have;
	return (size_t)lade_tls_record_len(reader->buffer + reader->begin, have) - have;
}

/* Wait for the descriptor until end_ms; -1: for ever. */
static int wait_descriptor(struct lade_connection *connection, int64_t end_ms, struct lade_fault *fault)
{
	struct pollfd wait_for = { .fd = connection->in_fd, .events = POLLIN };
	int ready;

	do {
		int64_t left = end_ms < 0 ? -1 : end_ms - lade_clock_ms();

		ready = poll(&wait_for, 1, left < 0 && end_ms >= 0 ? 0 : (int)left);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "wait for", connection->peer);
	return ready ? 0 : LADE_E_AGAIN;
}

/* Read records into the buffer, which has no complete one. Returns 0 (or the end has come), LADE_E_AGAIN (unless block), or a failure. */
static int fill(struct lade_connection *connection, size_t need, bool block, struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	size_t have = reader->end - reader->begin, len;
	bool poll_first;
	ssize_t got = 0;
	int error;

	memmove(reader->buffer, reader->buffer + reader->begin, have);
	reader->begin = 0;
	reader->end = have;
	len = fill_len(connection->tls);
	set_lowat(connection, need, len);
	/*
	 * A recv(2) that has taken a part and waits for the rest is woken only when as much as SO_RCVLOWAT is there once more, which may be
	 * never: it is poll(2) that waits.
	 */
	poll_first = block && reader->lowat > 1;
	while ((error = poll_first ? wait_descriptor(connection, -1, fault) : 0) == 0) {
		got = recv(connection->in_fd, reader->buffer + reader->end, len, block && !poll_first ? 0 : MSG_DONTWAIT);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
			break;
		if (!block && errno != EINTR)
			return LADE_E_AGAIN;
	}
	if (error)
		return error;
	if (got < 0)
		return lade_connection_read_failed(connection, fault);
	if (got == 0 && have)
		return fail(connection, LADE_E_CLOSED, "receive the rest of a TLS record from", LADE_TLS_CLOSE_NOTIFY, fault);
	reader->ended = got == 0;
	reader->end += (size_t)got;
	atomic_fetch_add(&connection->received, (uint64_t)got);
	return 0;
}

static int receive_user(struct lade_connection *connection, uint8_t *buf, size_t len, size_t need, size_t *got_out,
			struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	size_t got = take_plain(reader, buf, len), part;
	int result = 0;

	while (result >= 0 && !reader->ended) {
		result = 1;
		while (got < len && !reader->ended && result > 0) {
			result = open_record(connection, buf + got, len - got, &part, fault);
			got += part;
		}
		if (got || result < 0 || reader->ended)
			break;
		result = fill(connection, need, true, fault);
	}
	*got_out = got;
	atomic_store(&reader->ready, reader->plain_len || record_at_hand(reader));
	/* What came before a failure is good; the failure is told again. */
	return got || result > 0 ? 0 : result;
}

/* ---- the kernel's record layer ---- */

/* Take the rest of a record that is no data, which began with len bytes, and obey it. */
static int obey_kernel(struct lade_connection *connection, uint8_t type, const uint8_t *bytes, size_t len, bool end,
		       struct lade_fault *fault)
{
	uint8_t control[16], next_type = type;

	if (len > sizeof(control) - 1)
		return misbehaved(connection, fault);
	memcpy(control, bytes, len);
	while (!end) {
		struct iovec vector = { control + len, sizeof(control) - len };
		ssize_t got = lade_ktls_receive(connection->in_fd, &vector, 1, &next_type, &end);

		if (got <= 0 || next_type != type)
			return misbehaved(connection, fault);
		len += (size_t)got;
		if (len == sizeof(control))
			return misbehaved(connection, fault);
	}
	return obey(connection, type, control, len, fault);
}

/* What it means that the kernel cannot go on, whose reason is in errno: tls_rx_msg_size() in its net/tls/tls_sw.c has those of records that are none. */
static int kernel_failed(struct lade_connection *connection, struct lade_fault *fault)
{
	switch (errno) {
	case EBADMSG:
		return cannot_open(connection, LADE_E_CHANGED, fault);
	case EMSGSIZE:
		return cannot_open(connection, LADE_E_LIMIT, fault);
	case EINVAL:
		return misbehaved(connection, fault);
	default:
		return lade_connection_read_failed(connection, fault);
	}
}

static int receive_kernel(struct lade_connection *connection, uint8_t *buf, size_t len, size_t *got_out,
			  struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	int error = 0;

	*got_out = take_plain(reader, buf, len);
	atomic_store(&reader->ready, reader->plain_len > 0);
	while (!*got_out && !error && !reader->ended) {
		struct iovec vector = { buf, len };
		uint8_t type;
		bool end;
		ssize_t got = lade_ktls_receive(connection->in_fd, &vector, 1, &type, &end);

		if (got < 0)
			return kernel_failed(connection, fault);
		atomic_fetch_add(&connection->received, (uint64_t)got);
		if (type != LADE_TLS_DATA)
			error = obey_kernel(connection, type, buf, (size_t)got, end, fault);
		else if (got == 0)
			reader->ended = true;
		else
			*got_out = (size_t)got;
	}
	return error;
}

int lade_connection_tls_receive(struct lade_connection *connection, void *buf, size_t len, size_t need, size_t *got_out,
				struct lade_fault *fault)
{
	const struct tls_reader *reader = &connection->tls->in;

	*got_out = 0;
	if (!len)
		return 0;
	if (reader->failed && !reader->plain_len)
		return lade_fault_set(fault, reader->failed, reader->failure, connection->peer);
	return reader->kernel ? receive_kernel(connection, buf, len, got_out, fault) :
		receive_user(connection, buf, len, need, got_out, fault);
}

int lade_connection_tls_wait(struct lade_connection *connection, int timeout_ms, struct lade_fault *fault)
{
	struct tls_reader *reader = &connection->tls->in;
	int64_t end_ms = timeout_ms < 0 ? -1 : lade_clock_ms() + timeout_ms;
	int error = 0, opened = 0;
	size_t got;

	while (!error && !reader->plain_len && !reader->ended && !reader->failed) {
		if (!reader->kernel)
			opened = open_record(connection, NULL, 0, &got, fault);
		if (opened > 0)
			continue;
		if (opened < 0)
			return opened;
		set_lowat(connection, 1, 1);
		error = wait_descriptor(connection, end_ms, fault);
		if (error || reader->kernel)
			return error;
		error = fill(connection, 1, false, fault);
		if (error == LADE_E_AGAIN)
			error = 0;
	}
	return error;
}

/* Are there bytes to be read, while the reader's end stays where it is? */
static bool is_waiting(const struct lade_connection *connection)
{
	struct pollfd look = { .fd = connection->in_fd, .events = POLLIN };
	int len = 0;

	if (atomic_load(&connection->tls->in.ready))
		return true;
	/* What the kernel has opened already is not among what FIONREAD counts. */
	if (connection->tls->in.kernel)
		return poll(&look, 1, 0) > 0;
	return ioctl(connection->in_fd, FIONREAD, &len) == 0 && len > 0;
}

bool lade_connection_tls_waiting(const struct lade_connection *connection)
{
	bool waiting;

	pthread_mutex_lock(&connection->tls->ends);
	waiting = is_waiting(connection);
	pthread_mutex_unlock(&connection->tls->ends);
	return waiting;
}
