/*
 * What the parts of store_server*.c share.
 */
#ifndef LADE_AGENT_STORE_STORE_SERVER_INTERNAL_H
#define LADE_AGENT_STORE_STORE_SERVER_INTERNAL_H

#include "agent/store/repository.h"
#include "agent/store/store_server.h"
#include "agent/store/store_server_watch.h"
#include "protocol/message.h"
#include "transport/mover.h"

/* An object that is not ended. */
struct served_put {
	struct lade_store_put *put;  /* NULL: the number is free, or nothing more is taken as error says */
	bool used;
	int error;                   /* what is wrong with it, which its end is answered with */
	struct lade_fault fault;
	bool no_room;                /* that is the error, and the fault's subject says why */
	uint64_t len;
	uint64_t claimed;            /* bytes that the room has counted for it */
	uint8_t head[LADE_STORE_HEAD_LEN]; /* its first bytes */
	size_t head_len;
};

/* One session. */
struct store_server {
	const struct lade_store_serving *serving;
	struct lade_connection *connection;
	struct lade_store_rights rights;
	struct lade_store *store;
	struct lade_repository *repository; /* it has the store then; NULL where nothing is published */
	struct lade_movers *movers;
	struct lade_store_watch *watch;     /* NULL: there is no time-out */
	struct lade_throttle *incoming, *outgoing; /* NULL: there is no limit */
	struct lade_writer out;
	uint8_t *buffer;                    /* LADE_PAYLOAD_MAX bytes, where they are needed */
	struct served_put *puts[LADE_PUTS_MAX];
};

/* The buffer; NULL: there is no memory. */
uint8_t *lade_store_server_buffer(struct store_server *server);

/* [put] Begin an object. Returns 0 or a failure of the session. */
int lade_store_server_put(struct store_server *server, uint32_t number, struct lade_fault *fault);

/* [put-run] Take a run, whose payload is still to be read. Returns 0 or a failure of the session; one of the object is kept for its end. */
int lade_store_server_run(struct store_server *server, const struct lade_msg_put_run *run, struct lade_fault *fault);

/* [put-end] Give an object its name. Returns 0; what went wrong with the object, *session_out being false; or a failure of the session. */
int lade_store_server_end(struct store_server *server, const struct lade_msg_put_end *end, bool *session_out, struct lade_fault *fault);

/* [put-abandon] Throw it away. Returns 0 or a failure of the session. */
int lade_store_server_abandon(struct store_server *server, uint32_t number, struct lade_fault *fault);

/* Throw all of them away. */
void lade_store_server_forget(struct store_server *server);

/* Copy a name from outside. Returns 0, or LADE_E_REFUSED: it is not that of an object. */
int lade_store_server_name(struct lade_slice slice, char out[LADE_OBJECT_NAME_MAX + 1], struct lade_fault *fault);

/* Write what server->out has as a frame, whose payload of payload_len bytes follows. Returns 0 or a failure of the session. */
int lade_store_server_flush(struct store_server *server, uint32_t payload_len, struct lade_fault *fault);

/* [get] Send a range; nothing is said of how it went. Returns 0; what went wrong with the object, *session_out being false; or a failure of the session. */
int lade_store_server_get(struct store_server *server, const struct lade_msg_get *get, bool *session_out, struct lade_fault *fault);

#endif
