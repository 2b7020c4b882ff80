/*
 * What a client of a served store may do: agent/store/FORMAT.md, "Who may write what".
 *
 * Pure but for a look at the store, where a right depends on how far a session is. Whatever a client may, the names are those of objects, and an object has the kind
 * of its place and no more bytes than that may have.
 */
#ifndef LADE_AGENT_STORE_STORE_RIGHTS_H
#define LADE_AGENT_STORE_STORE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_name.h"

/* Classes of clients, each with the column of the table that it stands for. All of them get and list everything. */
enum lade_store_class {
	LADE_STORE_READS,   /* nothing else */
	LADE_STORE_WRITES,  /* "write": adds backups under one writer's id */
	LADE_STORE_MANAGES, /* "manage": collects and compacts as well, under one manager's id */
	LADE_STORE_OWNS,    /* everything, as whoever can write to the folder */
};

/* Start with zeros: such a client may only read. */
struct lade_store_rights {
	enum lade_store_class class;
	bool has_party;                       /* WRITES, MANAGES: it is known who the client is; else the first that it does something as is whom it is bound to */
	uint8_t party[LADE_PARTY_ID_LEN];
};

/* Bytes of an object that are needed to judge it; shorter ones are judged by what they have. */
#define LADE_STORE_HEAD_LEN 64u

/* The most bytes that an object with these first ones may have; len of them, LADE_STORE_HEAD_LEN at most. It grows with what is known: 0 bytes may become anything. */
uint64_t lade_store_rights_limit(const uint8_t *head, size_t len);

/* An object that is about to get its name. */
struct lade_store_candidate {
	const char *name;
	const uint8_t *head; /* its first bytes */
	size_t head_len;
	uint64_t len;        /* all of them */
};

/*
 * May it be put? Returns 0, LADE_E_REFUSED: the client may not, or it is none of that name; LADE_E_LIMIT: it is too long; LADE_E_MEMORY or what the store says. A client
 * who was not bound is bound by this.
 */
int lade_store_rights_put(struct lade_store_rights *rights, struct lade_store *store, const struct lade_store_candidate *candidate,
			  struct lade_fault *fault);

/*
 * May an object be renamed? Where the store says when a session was committed (clients who do not own it), to_out gets the name that has its time, else `to`. Returns 0,
 * LADE_E_REFUSED. It may bind as well.
 */
int lade_store_rights_rename(struct lade_store_rights *rights, const char *from, const char *to, char to_out[LADE_OBJECT_NAME_MAX + 1],
			     struct lade_fault *fault);

/* May an object be deleted? Returns 0, LADE_E_REFUSED, LADE_E_MEMORY or what the store says. It may bind as well. */
int lade_store_rights_remove(struct lade_store_rights *rights, struct lade_store *store, const char *name, struct lade_fault *fault);

#endif
