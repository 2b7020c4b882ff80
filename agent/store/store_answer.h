/*
 * How a request to a served store went, as both sides say it: protocol/PROTOCOL.md [answer].
 */
#ifndef LADE_AGENT_STORE_STORE_ANSWER_H
#define LADE_AGENT_STORE_STORE_ANSWER_H

#include "protocol/error.h"
#include "protocol/message.h"

/* Append an ANSWER to request: fault says what went wrong if error is not 0. */
void lade_store_answer_put(struct lade_writer *writer, uint32_t request, int error, const struct lade_fault *fault);

/* Fill a fault from an answer. operation: static text, what was asked for. Returns 0 or the code; one that is not known is LADE_E_REMOTE. */
int lade_store_answer_get(const struct lade_msg_answer *answer, const char *operation, struct lade_fault *fault);

#endif
