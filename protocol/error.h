/*
 * Error codes and faults: how every floor below agent/ says what went wrong.
 *
 * A function returns 0 or a negative LADE_E code; positive values are events of
 * step machines only. The fault is filled once, where the error is found, and is
 * passed up unchanged; only agent/ turns it into text for people.
 */
#ifndef LADE_PROTOCOL_ERROR_H
#define LADE_PROTOCOL_ERROR_H

#include <stddef.h>
#include <string.h>

/* Codes. The order is part of no format; the names appear in messages. */
enum lade_error {
	LADE_OK = 0,
	LADE_E_MEMORY = -1,     /* out of memory, or over a limit of ours */
	LADE_E_SYSTEM = -2,     /* a system call failed; fault.sys_errno says how */
	LADE_E_PROTOCOL = -3,   /* the peer said something the protocol forbids */
	LADE_E_TRUNCATED = -4,  /* bytes end inside an encoded value */
	LADE_E_LIMIT = -5,      /* an encoded value exceeds limits.h */
	LADE_E_VERSION = -6,    /* no common protocol version */
	LADE_E_STRANGER = -7,   /* the peer does not speak this protocol at all */
	LADE_E_CLOSED = -8,     /* the connection ended where it must not */
	LADE_E_AUTH = -9,       /* the peer did not prove that it knows the token */
	LADE_E_SHRUNK = -10,    /* a source file ended before its announced length */
	LADE_E_SOURCE = -11,    /* reading the source of a move failed */
	LADE_E_TARGET = -12,    /* writing the target of a move failed */
	LADE_E_UNSUPPORTED = -13, /* what was asked does not work on these descriptors */
	LADE_E_ABSENT = -14,    /* the named thing does not exist */
	LADE_E_CHANGED = -15,   /* the named thing is not what it was a moment ago */
	LADE_E_REFUSED = -16,   /* refused by a rule of ours (a name, a symlink in a path) */
	LADE_E_AGAIN = -17,     /* nothing to do yet: not a failure */
	LADE_E_USAGE = -18,     /* the caller of the program asked for something impossible */
	LADE_E_CANCELLED = -19, /* the session was told to stop */
	LADE_E_REMOTE = -20,    /* the peer reported a failure that ends the session */
	LADE_E_TIMEOUT = -21,   /* nothing was heard of the peer for as long as the user waits */
	LADE_E_STOPPED = -22,   /* the time that the user gave to the session is over */
	LADE_E_MISFIT = -23,    /* the destination is not of a kind that could take what was asked for */
	LADE_E_EXISTS = -24,    /* the name is taken */
};

/* Bytes kept of a fault's subject, terminating NUL included; longer ones are cut in the middle. */
#define LADE_FAULT_SUBJECT_SIZE 1024

/*
 * What went wrong, in the words that a message needs: "OPERATION SUBJECT: REASON".
 * subject is raw bytes of a path or peer (unescaped, NUL-terminated).
 */
struct lade_fault {
	int code;              /* enum lade_error */
	int sys_errno;         /* errno of the failed call, or 0 */
	const char *operation; /* static text, for example "open"; never NULL after lade_fault_set */
	char subject[LADE_FAULT_SUBJECT_SIZE];
};

/*
 * Describe a fault. fault may be NULL (nothing is stored). operation is static text. subject
 * (subject_len bytes) may be NULL; it is copied. errno is taken as sys_errno when code is LADE_E_SYSTEM,
 * LADE_E_SOURCE or LADE_E_TARGET, and is 0 otherwise; errno itself is kept.
 */
void lade_fault_fill(struct lade_fault *fault, int code, const char *operation, const void *subject,
		     size_t subject_len);

/* The same, returning code, so that `return lade_fault_set(...)` works. subject is NUL-terminated or NULL. */
static inline int lade_fault_set(struct lade_fault *fault, int code, const char *operation, const char *subject)
{
	lade_fault_fill(fault, code, operation, subject, subject ? strlen(subject) : 0);
	return code;
}

/* The same for a subject of subject_len bytes that is not NUL-terminated. */
static inline int lade_fault_set_bytes(struct lade_fault *fault, int code, const char *operation,
				       const void *subject, size_t subject_len)
{
	lade_fault_fill(fault, code, operation, subject, subject_len);
	return code;
}

/* A short English name of code ("out of memory"), never NULL; static text. */
const char *lade_error_text(int code);

/* The reason of a fault in English: the errno's text where there is one, else lade_error_text(). */
const char *lade_fault_reason(const struct lade_fault *fault);

#endif
