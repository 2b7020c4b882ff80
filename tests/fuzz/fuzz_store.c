/*
 * Fuzz target of a store that is served. Bit 0 of the first byte chooses: clear, what a client says to a server, which has a fresh folder, and, if bit 1 is set, lets it read only;
 * set, what a server says to a client that opens, lists, gets, puts and renames. Nothing is ever made beside the folder, and no temporary file is left.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/store_folder.h"
#include "agent/store/store_remote.h"
#include "agent/store/store_server.h"
#include "tests/unit/temp_tree.h"
#include "transport/mapping.h"

/* For replay.c: a run is a connection, a thread and a folder. */
extern const unsigned fuzz_places_max;
const unsigned fuzz_places_max = 100;

#define KEY_NAME "keys/00000000000000000000000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who says the input, and drops what it hears. */
struct peer {
	int fd;
	const uint8_t *data;
	size_t size;
};

static void *hear(void *argument)
{
	const struct peer *peer = argument;
	uint8_t scratch[65536];

	while (recv(peer->fd, scratch, sizeof(scratch), 0) > 0)
		;
	return NULL;
}

static void *speak(void *argument)
{
	const struct peer *peer = argument;
	pthread_t thread;

	if (pthread_create(&thread, NULL, hear, argument))
		abort();
	for (size_t done = 0; done < peer->size;) {
		ssize_t sent = send(peer->fd, peer->data + done, peer->size - done, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		done += (size_t)sent;
	}
	(void)shutdown(peer->fd, SHUT_WR);
	(void)pthread_join(thread, NULL);
	return NULL;
}

/* The same in every run, so that a corpus keeps its meaning; make_seeds.c has it as well. */
static void make_key(struct lade_run_key *key_out)
{
	static const uint8_t zeros[LADE_SECRET_LEN];

	lade_run_key_derive(key_out, zeros, zeros);
}

/* ---- a server ---- */

static void be_server(struct lade_connection *connection, const struct lade_run_key *key, bool reads)
{
	char outside[PATH_MAX], inside[PATH_MAX + 8], temporary[PATH_MAX + 16];
	struct lade_store *store;
	int fd;

	temp_tree_make(outside);
	snprintf(inside, sizeof(inside), "%s/in", outside);
	if (lade_store_folder_open(inside, true, &store, NULL) || lade_store_put(store, "format", "LADEF and more", 14, NULL))
		abort();
	lade_store_close(store);
	fd = open(inside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)lade_store_serve(&(struct lade_store_serving){
		.connection = connection, .key = key, .root_fd = fd, .rights = { .class = reads ? LADE_STORE_READS : LADE_STORE_OWNS },
	}, NULL);
	close(fd);
	snprintf(temporary, sizeof(temporary), "%s/tmp", inside);
	/* What was put may stay, nothing else may. */
	if (rmdir(temporary))
		abort();
	temp_tree_remove(inside);
	if (rmdir(outside))
		abort();
}

/* ---- a client ---- */

static int visit(void *context, const struct lade_store_object *object)
{
	(void)context;
	return lade_object_name_ok(object->name, false) ? 0 : (abort(), 0);
}

static void be_client(const struct lade_connection *connection, const struct lade_run_key *key)
{
	struct lade_store *store;
	struct lade_fault fault;
	uint8_t bytes[40];

	if (lade_store_remote_open(connection, key, "/", false, &store, &fault))
		return;
	(void)lade_store_list(store, "", visit, NULL, &fault);
	(void)lade_store_get(store, "format", 0, sizeof(bytes), bytes, &fault);
	(void)lade_store_put(store, KEY_NAME, bytes, sizeof(bytes), &fault);
	(void)lade_store_rename(store, KEY_NAME, "format", &fault);
	(void)lade_store_remove(store, KEY_NAME, &fault);
	(void)lade_store_barrier(store, &fault);
	lade_store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_connection ours, theirs;
	struct lade_run_key key;
	struct peer peer;
	pthread_t thread;

	if (!size)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	make_key(&key);
	if (lade_mapping_setup(NULL) || lade_connection_pair(&ours, &theirs, NULL))
		abort();
	peer = (struct peer){ theirs.in_fd, data + 1, size - 1 };
	if (pthread_create(&thread, NULL, speak, &peer))
		abort();
	if (data[0] & 1) {
		be_client(&ours, &key);
	} else {
		be_server(&ours, &key, data[0] & 2);
		lade_connection_close(&ours);
	}
	(void)pthread_join(thread, NULL);
	lade_connection_close(&theirs);
	return 0;
}
