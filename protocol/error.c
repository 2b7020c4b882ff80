/*
 * Error codes as text, and the one place where a fault is filled in.
 */
#include "protocol/error.h"

#include <errno.h>
#include <string.h>

static void copy_subject(char out[LADE_FAULT_SUBJECT_SIZE], const char *subject, size_t len)
{
	static const char gap[] = "...";
	size_t room = LADE_FAULT_SUBJECT_SIZE - 1, half;

	if (len <= room) {
		memcpy(out, subject, len);
		out[len] = '\0';
		return;
	}
	half = (room - (sizeof(gap) - 1)) / 2;
	memcpy(out, subject, half);
	memcpy(out + half, gap, sizeof(gap) - 1);
	memcpy(out + half + sizeof(gap) - 1, subject + len - half, half);
	out[2 * half + sizeof(gap) - 1] = '\0';
}

void lade_fault_fill(struct lade_fault *fault, int code, const char *operation, const void *subject,
		     size_t subject_len)
{
	int saved = errno;

	if (!fault)
		return;
	fault->code = code;
	fault->operation = operation;
	fault->sys_errno = 0;
	if (code == LADE_E_SYSTEM || code == LADE_E_SOURCE || code == LADE_E_TARGET)
		fault->sys_errno = saved;
	fault->subject[0] = '\0';
	if (subject)
		copy_subject(fault->subject, subject, subject_len);
	errno = saved;
}

const char *lade_error_text(int code)
{
	switch (code) {
	case LADE_OK:
		return "success";
	case LADE_E_MEMORY:
		return "out of memory";
	case LADE_E_SYSTEM:
		return "system call failed";
	case LADE_E_PROTOCOL:
		return "the peer broke the protocol";
	case LADE_E_TRUNCATED:
		return "message ends too early";
	case LADE_E_LIMIT:
		return "value beyond the protocol's limits";
	case LADE_E_VERSION:
		return "no protocol version in common; update the older side";
	case LADE_E_STRANGER:
		return "the other side does not speak lade's protocol; is lade installed there, and does its shell start-up print nothing?";
	case LADE_E_CLOSED:
		return "connection closed unexpectedly";
	case LADE_E_TIMEOUT:
		return "nothing was heard for the time of --timeout";
	case LADE_E_STOPPED:
		return "the time of --stop-after or --stop-at has come; the next run goes on where this one stopped";
	case LADE_E_MISFIT:
		return "it does not fit what was asked for";
	case LADE_E_EXISTS:
		return "the name is taken";
	case LADE_E_AUTH:
		return "authentication failed";
	case LADE_E_SHRUNK:
		return "file shrank while it was read";
	case LADE_E_SOURCE:
		return "read failed";
	case LADE_E_TARGET:
		return "write failed";
	case LADE_E_UNSUPPORTED:
		return "not supported here";
	case LADE_E_ABSENT:
		return "does not exist";
	case LADE_E_CHANGED:
		return "changed while it was in use";
	case LADE_E_REFUSED:
		return "refused";
	case LADE_E_AGAIN:
		return "nothing to do yet";
	case LADE_E_USAGE:
		return "usage error";
	case LADE_E_CANCELLED:
		return "interrupted";
	case LADE_E_REMOTE:
		return "the other side failed";
	default:
		return "unknown error";
	}
}

const char *lade_fault_reason(const struct lade_fault *fault)
{
	return fault->sys_errno ? strerror(fault->sys_errno) : lade_error_text(fault->code);
}
