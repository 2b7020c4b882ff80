/*
 * Fuzz target of the reading half of a protected connection. The input is what a peer that has the keys does: steps of a type,
 * a length and so many bytes, which it protects as one record; or sends as they are (type 255). Whatever it does, what is read
 * is a part of the data that it sent, from the beginning.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/connection.h"
#include "transport/tls_control.h"
#include "transport/tls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Below what a socket takes without anybody reading. */
#define SENT_MAX 60000u
#define RAW 255u

static const struct lade_tls_state keys = {
	.suite = LADE_TLS_AES_128_GCM, .client.secret = "the client's", .server.secret = "the server's",
};

struct peer {
	int fd;
	struct lade_tls_protection *protection;
	size_t sent;
	uint8_t data[SENT_MAX];
	size_t data_len;
};

/* Send a record, which is one that changes keys, or data, or anything. */
static void say(struct peer *peer, uint8_t type, const uint8_t *bytes, size_t len)
{
	uint8_t record[256 + LADE_TLS_EXTRA_LEN];
	struct iovec vector = { (void *)bytes, len }, *at = &vector;
	int event = lade_tls_control(type, bytes, len);

	if (lade_tls_seal(peer->protection, type, &at, len, record) ||
	    write(peer->fd, record, len + LADE_TLS_EXTRA_LEN) != (ssize_t)(len + LADE_TLS_EXTRA_LEN))
		abort();
	peer->sent += len + LADE_TLS_EXTRA_LEN;
	if (type == LADE_TLS_DATA) {
		memcpy(peer->data + peer->data_len, bytes, len);
		peer->data_len += len;
	} else if (type == 0) { /* content, a type, padding */
		while (len && !bytes[len - 1])
			len--;
		if (len && bytes[len - 1] == LADE_TLS_DATA) {
			memcpy(peer->data + peer->data_len, bytes, len - 1);
			peer->data_len += len - 1;
		}
	}
	if ((event == LADE_TLS_PEER_REKEYED || event == LADE_TLS_PEER_REKEYED_ASKING) &&
	    lade_tls_protection_update(peer->protection))
		abort();
}

static void act(struct peer *peer, const uint8_t *data, size_t size)
{
	while (size >= 2 && peer->sent < SENT_MAX - 512) {
		uint8_t type = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (type != RAW)
			say(peer, type, data, len);
		else if (write(peer->fd, data, len) != (ssize_t)len)
			abort();
		else
			peer->sent += len;
		data += len;
		size -= len;
	}
}

/* Read by reads of several lengths until it ends or fails, and go on after that as well. */
static void read_all(struct lade_connection *connection, const struct peer *peer)
{
	static const size_t lens[] = { 1, 8, 100, 3, 4096 };
	uint8_t got[4096];
	struct lade_fault fault;
	size_t off = 0, len, ends = 0;

	for (unsigned i = 0; ends < 3; i++) {
		int error = i % 4 == 3 ? lade_connection_wait(connection, 0, &fault) : 0;

		if (!error)
			error = lade_connection_read_some(connection, got, lens[i % 5], &len, &fault);
		if (error || !len) {
			ends++;
			continue;
		}
		if (len > peer->data_len - off || memcmp(got, peer->data + off, len) != 0)
			abort();
		off += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer peer;
	struct lade_connection connection;
	int fds[2];

	peer.sent = peer.data_len = 0;
	if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    lade_connection_accept(&connection, fds[1], NULL) ||
	    lade_tls_protection_new(keys.suite, &keys.client, true, &peer.protection))
		return 0;
	peer.fd = fds[0];
	if (lade_connection_secure(&connection, &keys, false, data[0] & 1 ? LADE_SECURE_EXACT : LADE_SECURE_USER, NULL))
		abort();
	act(&peer, data + 1, size - 1);
	shutdown(peer.fd, SHUT_WR);
	read_all(&connection, &peer);
	lade_connection_close(&connection);
	close(peer.fd);
	lade_tls_protection_free(peer.protection);
	return 0;
}
