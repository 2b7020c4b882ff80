/*
 * What is said to who asks for metrics or for the status. Each runs in a process of its own, which has no rights, holds nothing but the connection, and is
 * killed after a few seconds.
 */
#ifndef LADE_AGENT_DAEMON_ANSWER_H
#define LADE_AGENT_DAEMON_ANSWER_H

#include <stddef.h>

#include "protocol/bytes.h"

/* Longest request of HTTP that is read. */
#define LADE_HTTP_REQUEST_MAX 8192u

/*
 * Judge what was heard of a request of HTTP/1.x so far. Returns 0: its head has not ended yet; else the status of the answer: 200 for GET /metrics, 400, 404,
 * 405 for another method, 431 if it is too long. Pure.
 */
int lade_answer_judge(const char *request, size_t len);

/* Answer a request for metrics on fd with text. */
void lade_answer_metrics(int fd, struct lade_slice text);

/* Answer a request for the status on fd with one of the two texts. */
void lade_answer_status(int fd, struct lade_slice text, struct lade_slice json);

#endif
