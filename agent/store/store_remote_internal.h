/*
 * What the parts of store_remote*.c share.
 */
#ifndef LADE_AGENT_STORE_STORE_REMOTE_INTERNAL_H
#define LADE_AGENT_STORE_STORE_REMOTE_INTERNAL_H

#include <pthread.h>

#include "agent/store/store_remote.h"
#include "protocol/message.h"

/* Somebody who waits for the answer to a request; on his stack. */
struct waiting {
	struct waiting *next;
	uint32_t number;
	uint8_t *out;            /* of a get: where DATA goes; */
	uint64_t len;            /* so many bytes are still to come */
	struct lade_writer *list; /* of a list */
	const char *operation;   /* for the fault */
	bool done, reading;      /* reading: the reader writes to out, without the lock */
	int error;
	struct lade_fault *fault;
	pthread_cond_t answered;
};

struct remote {
	struct lade_store store;
	struct lade_connection connection;
	struct lade_run_key key;
	pthread_t reader, sign;
	bool has_reader, has_sign;
	_Atomic uint64_t heard;     /* frames that came */
	atomic_bool worn;           /* the key of what is written, for good: one that gets another in its place never wears (lade_connection_wear()) */
	pthread_mutex_t writing;    /* of frames */
	struct lade_writer frame;   /* with `writing` */
	pthread_mutex_t lock;       /* of what follows */
	struct waiting *waiting;
	uint32_t last_number;
	bool puts[LADE_PUTS_MAX];   /* numbers that are in use */
	bool closing;               /* no more signs of life; then `woken` is told */
	pthread_cond_t woken;
	int lost;                   /* 0, or why there will be no answer any more: */
	struct lade_fault why;
};

/* Nothing more is to come: whoever waits, or will, hears why. With the lock. */
void lade_store_remote_lose(struct remote *remote, int error, const struct lade_fault *why);

/* Who waits for the answer to a request, and has none yet; NULL: nobody. With the lock. */
struct waiting *lade_store_remote_find(struct remote *remote, uint32_t number);

/* [report] Take the last words of a server. Returns LADE_E_REMOTE with the fault, or LADE_E_PROTOCOL: they are not the last. */
int lade_store_remote_take_report(const struct remote *remote, const struct lade_msg_report *report, struct lade_fault *fault);

/* The thread that gives signs of life, until remote->closing. context: the struct remote. Returns NULL. */
void *lade_store_remote_stay(void *context);

/* The thread that reads: until the connection ends, or the server breaks the protocol. context: the struct remote. Returns NULL. */
void *lade_store_remote_read(void *context);

#endif
