/*
 * What the parts of repository_session*.c share.
 */
#ifndef LADE_AGENT_STORE_REPOSITORY_SESSION_INTERNAL_H
#define LADE_AGENT_STORE_REPOSITORY_SESSION_INTERNAL_H

#include <pthread.h>

#include "agent/store/absent_packs.h"
#include "agent/store/chunk_map.h"
#include "agent/store/publish.h"
#include "agent/store/repository_session.h"
#include "agent/store/session_list.h"

/* An earlier session of the writer whose rows were taken over. */
struct lade_session_earlier {
	struct lade_session_id id;
	int record_fd; /* holds the lock of its record: it is dead, and to be removed after the commit; -1: it is left for a collector */
};

struct lade_repository_session {
	struct lade_repository_session_setup setup;
	struct lade_repository *repository;
	struct lade_session_id id;
	int record_fd;
	struct lade_absent_packs absent;
	struct lade_chunk_map *map;
	struct lade_session_earlier *earlier;     /* earlier_count of earlier_room */
	size_t earlier_count, earlier_room;

	pthread_mutex_t lock;                     /* of the store, but for puts, and of all that follows */
	pthread_cond_t wake;
	bool has_thread, ends;                    /* the thread that beats; ends: it shall */
	pthread_t thread;
	uint64_t beat;                            /* the last one put; the thread's own */
	struct lade_table_builder *rows;          /* that no table has yet */
	struct lade_publish_table *tables;        /* that were put: table_count of table_room */
	size_t table_count, table_room;
	bool packed;                              /* a pack was put */
	bool committed, fenced;
	int error;                                /* why it has failed, or 0; fault says it */
	struct lade_fault fault;
};

/* The name of an object of the session. */
void lade_repository_session_name(const struct lade_repository_session *session, enum lade_name_kind kind, uint64_t number_or_time,
				  char out[LADE_OBJECT_NAME_MAX + 1]);

/* The name of a session as people see it, for notes. */
#define LADE_SESSION_TEXT_SIZE (2 * LADE_SESSION_RANDOM_LEN + 1)

/*
 * Put the rows that no table has yet into the next table; none: nothing. The packs are put; a barrier comes first. The lock is held. Returns 0, or what went wrong, which is what the session has failed of then.
 */
int lade_repository_session_put_table(struct lade_repository_session *session, struct lade_fault *fault);

/* Add rows of a pack, which are put into tables as soon as there are enough for one. The lock is held. Returns as lade_repository_session_packed(). */
int lade_repository_session_add_row(struct lade_repository_session *session, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *row,
				    struct lade_fault *fault);

/*
 * [begin] Read tables into the map, then those of earlier sessions of the writer, whose rows are taken over. Returns 0 or what went wrong.
 */
int lade_repository_session_read_tables(struct lade_repository_session *session, struct lade_fault *fault);

/* Forget what earlier sessions there were; their records stay. */
void lade_repository_session_drop_earlier(struct lade_repository_session *session);

/* End the thread that beats, if there is one. The lock is not held. */
void lade_repository_session_stop(struct lade_repository_session *session);

#endif
