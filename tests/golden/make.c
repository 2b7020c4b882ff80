/*
 * Does to a repository what no command does, for make.sh: gives it a passphrase at the least cost that is accepted, or leaves a session behind in it
 * that has put a pack and a table.
 *
 * usage: make passphrase|session REPOSITORY IDENTITY PASSPHRASE
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/repository_key.h"
#include "agent/store/chunk_id.h"
#include "agent/store/repository_session.h"
#include "agent/store/store_folder.h"

static void must(int error, const struct lade_fault *fault)
{
	if (!error)
		return;
	fprintf(stderr, "%s %s: %s\n", fault->operation, fault->subject, lade_fault_reason(fault));
	exit(1);
}

static void add_passphrase(struct lade_repository *repository, const char *text)
{
	const struct lade_slot slot = { .kind = LADE_SLOT_PASSPHRASE, .time = 1790000000, .label = "the least cost", .passes = 3, .memory = UINT64_C(64) << 20 };
	uint8_t id[LADE_SLOT_ID_LEN];
	struct lade_fault fault;

	must(lade_repository_add_slot(repository, &repository->keyring, &slot, lade_slice(text, strlen(text)), id, &fault), &fault);
}

static void leave_session(struct lade_repository *repository)
{
	const struct lade_repository_session_setup setup = { .repository = repository, .cache_fd = -1, .state_fd = -1 };
	const char content[] = "this was put by a session that was left behind";
	struct lade_repository_session *session;
	struct lade_chunk_namer *namer;
	uint8_t id[LADE_CHUNK_ID_LEN], name[LADE_HASH_LEN];
	struct lade_pack_setup keys;
	struct lade_pack_row row;
	struct lade_pack *pack;
	struct lade_fault fault;

	if (lade_chunk_namer_new(repository->format.id_hash, lade_repository_ids_key(repository), &namer) ||
	    lade_chunk_namer_name(namer, LADE_CHUNK_CONTENT, lade_slice(content, sizeof(content)), id))
		exit(1);
	lade_chunk_namer_free(namer);
	must(lade_repository_session_begin(&setup, &session, &fault), &fault);
	must(lade_repository_pack_setup(repository, &keys, &fault), &fault);
	must(lade_pack_begin(repository->store, &keys, &pack, &fault), &fault);
	must(lade_pack_add(pack, id, LADE_CHUNK_CONTENT, lade_slice(content, sizeof(content)), sizeof(content), &row, &fault), &fault);
	must(lade_pack_finish(pack, false, name, &fault), &fault);
	must(lade_repository_session_packed(session, name, &row, 1, &fault), &fault);
	lade_repository_session_leave(session);
	sodium_memzero(&keys, sizeof(keys));
}

int main(int argc, char **argv)
{
	struct lade_identity identity = { .secret = NULL };
	struct lade_repository_credentials credentials = { .plaintext = true };
	struct lade_repository *repository;
	struct lade_store *store;
	struct lade_fault fault;

	if (argc != 5)
		return 2;
	must(lade_identity_load(argv[3], &identity, &fault), &fault);
	credentials.identity = identity.secret;
	credentials.pins = identity.pins;
	credentials.pin_count = identity.pin_count;
	must(lade_store_folder_open(argv[2], false, &store, &fault), &fault);
	must(lade_repository_open(store, &credentials, &repository, &fault), &fault);
	if (strcmp(argv[1], "passphrase") == 0)
		add_passphrase(repository, argv[4]);
	else
		leave_session(repository);
	lade_repository_close(repository);
	lade_identity_fini(&identity);
	return 0;
}
