/*
 * Complaints: what is wrong with a command line, as one line of text for its user.
 */
#ifndef LADE_AGENT_COMPLAINT_H
#define LADE_AGENT_COMPLAINT_H

#include "protocol/error.h"

#define LADE_COMPLAINT_SIZE 1024

/* The caller's storage; text is raw (unescaped), without the program's name and newline. */
struct lade_complaint {
	int exit_status; /* what the program is to return for it */
	char text[LADE_COMPLAINT_SIZE];
};

/* Fill complaint with a printf-like text (cut if it is too long). Always returns LADE_E_USAGE. */
int lade_complain(struct lade_complaint *complaint, int exit_status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Fill complaint: there is no memory left. Always returns LADE_E_MEMORY. */
int lade_complain_memory(struct lade_complaint *complaint);

/* Fill complaint from a fault, in the form of all reports: OPERATION "SUBJECT": REASON. */
int lade_complain_fault(struct lade_complaint *complaint, int exit_status,
			const struct lade_fault *fault);

#endif
