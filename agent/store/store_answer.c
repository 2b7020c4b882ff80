/*
 * Answers. Codes of errors are this program's own, and so each has a number that is the protocol's.
 */
#include "agent/store/store_answer.h"

#include <errno.h>

enum result {
	RESULT_DONE, RESULT_ABSENT, RESULT_EXISTS, RESULT_ENDS, RESULT_REFUSED, RESULT_DAMAGED, RESULT_SYSTEM, RESULT_LIMIT, RESULT_MEMORY, RESULT_OTHER,
};

static const struct {
	int error;
	enum result result;
} results[] = {
	{ 0, RESULT_DONE },
	{ LADE_E_ABSENT, RESULT_ABSENT },
	{ LADE_E_EXISTS, RESULT_EXISTS },
	{ LADE_E_TRUNCATED, RESULT_ENDS },
	{ LADE_E_SHRUNK, RESULT_ENDS },
	{ LADE_E_REFUSED, RESULT_REFUSED },
	{ LADE_E_CHANGED, RESULT_DAMAGED },
	{ LADE_E_SYSTEM, RESULT_SYSTEM },
	{ LADE_E_SOURCE, RESULT_SYSTEM },
	{ LADE_E_TARGET, RESULT_SYSTEM },
	{ LADE_E_LIMIT, RESULT_LIMIT },
	{ LADE_E_MEMORY, RESULT_MEMORY },
	{ LADE_E_REMOTE, RESULT_OTHER },
};

#define RESULT_COUNT (sizeof(results) / sizeof(results[0]))

void lade_store_answer_put(struct lade_writer *writer, uint32_t request, int error, const struct lade_fault *fault)
{
	struct lade_msg_answer answer = { .request = request, .result = RESULT_OTHER };

	for (size_t i = RESULT_COUNT; i-- > 0;) {
		if (results[i].error == error)
			answer.result = results[i].result;
	}
	if (error) {
		answer.error = fault->sys_errno > 0 && fault->sys_errno <= 4095 ? (uint32_t)fault->sys_errno : 0;
		answer.subject = lade_slice(fault->subject, strlen(fault->subject));
	}
	lade_put_answer(writer, &answer); /* [answer] */
}

int lade_store_answer_get(const struct lade_msg_answer *answer, const char *operation, struct lade_fault *fault)
{
	int error = LADE_E_REMOTE;

	for (size_t i = RESULT_COUNT; i-- > 0;) {
		if ((uint32_t)results[i].result == answer->result)
			error = results[i].error;
	}
	if (!error)
		return 0;
	/* What a system call said is told as if it had been one here. */
	errno = (int)answer->error;
	return lade_fault_set_bytes(fault, error, operation, answer->subject.data, answer->subject.len);
}
