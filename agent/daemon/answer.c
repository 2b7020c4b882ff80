/*
 * Answers. As little HTTP as a scraper needs: one request a connection, no body, no header that would matter. RFC 9112.
 */
#include "agent/daemon/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/daemon/status.h"

#define GET_METRICS "GET /metrics"

/* True if the head of a request, its lines and an empty one, is in there. */
static bool head_ended(const char *request, size_t len)
{
	return memmem(request, len, "\r\n\r\n", 4) || memmem(request, len, "\n\n", 2);
}

/* True if the line, without its end, is METHOD SP TARGET SP HTTP/1.DIGIT; target_len_out: of the method and the target. */
static bool is_request_line(const char *line, size_t len, size_t *target_end_out)
{
	static const char version[] = " HTTP/1.";
	const size_t version_len = sizeof(version) - 1;

	if (len < version_len + 1 || line[len - 1] < '0' || line[len - 1] > '9' || memcmp(line + len - 1 - version_len, version, version_len) != 0)
		return false;
	*target_end_out = len - 1 - version_len;
	for (size_t i = 0; i < *target_end_out; i++)
		if (line[i] < ' ' || line[i] > '~')
			return false;
	return true;
}

int lade_answer_judge(const char *request, size_t len)
{
	const char *newline = len ? memchr(request, '\n', len) : NULL;
	size_t line_len, target_end;

	if (!newline || !head_ended(request, len))
		return len >= LADE_HTTP_REQUEST_MAX ? 431 : 0;
	line_len = (size_t)(newline - request);
	if (line_len && request[line_len - 1] == '\r')
		line_len--;
	if (!is_request_line(request, line_len, &target_end))
		return 400;
	if (target_end < 5 || memcmp(request, "GET /", 5) != 0)
		return memchr(request, '/', target_end) ? 405 : 400;
	/* A query changes nothing. */
	if (target_end < sizeof(GET_METRICS) - 1 || memcmp(request, GET_METRICS, sizeof(GET_METRICS) - 1) != 0 ||
	    (target_end > sizeof(GET_METRICS) - 1 && request[sizeof(GET_METRICS) - 1] != '?'))
		return 404;
	return 200;
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Bad Request";
	}
}

/* Write all of it. False: nobody reads any more. */
static bool send_all(int fd, const void *data, size_t len)
{
	for (size_t off = 0; off < len;) {
		ssize_t sent = send(fd, (const char *)data + off, len - off, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		off += sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

/* Read some bytes, at most len: how many; 0: there are no more. */
static size_t receive_some(int fd, void *data, size_t len)
{
	ssize_t got;

	do {
		got = recv(fd, data, len, 0);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? (size_t)got : 0;
}

/* Let the peer have read everything before the connection goes: bytes of his that nobody read would take the answer away, tcp(7). */
static void linger(int fd)
{
	char rest[1024];

	if (shutdown(fd, SHUT_WR) == 0)
		while (receive_some(fd, rest, sizeof(rest)))
			;
}

void lade_answer_metrics(int fd, struct lade_slice text)
{
	char request[LADE_HTTP_REQUEST_MAX], head[256];
	size_t len = 0, got = 1;
	int status = 0, head_len;

	while (!status && got) {
		got = receive_some(fd, request + len, sizeof(request) - len);
		len += got;
		status = lade_answer_judge(request, len);
	}
	if (!status)
		return; /* it went before it had asked */
	if (status != 200)
		text = lade_slice("see /metrics\n", 13);
	head_len = snprintf(head, sizeof(head),
			    "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
			    status, reason(status), text.len, status == 405 ? "Allow: GET\r\n" : "");
	if (send_all(fd, head, (size_t)head_len) && send_all(fd, text.data, text.len))
		linger(fd);
}

void lade_answer_status(int fd, struct lade_slice text, struct lade_slice json)
{
	char request[LADE_STATUS_REQUEST_LEN];
	size_t len = 0, got;

	while (len < sizeof(request) && (got = receive_some(fd, request + len, sizeof(request) - len)))
		len += got;
	if (len < sizeof(request))
		return;
	if (memcmp(request, LADE_STATUS_TEXT, sizeof(request)) == 0)
		(void)send_all(fd, text.data, text.len);
	else if (memcmp(request, LADE_STATUS_JSON, sizeof(request)) == 0)
		(void)send_all(fd, json.data, json.len);
}
