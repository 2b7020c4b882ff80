/*
 * Fuzz target of agent/daemon/answer: the judgement of a request of HTTP. It comes in pieces: as soon as there is a judgement, more bytes must not
 * have been needed for it, and it is one of the known ones.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent/daemon/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < LADE_HTTP_REQUEST_MAX ? size : LADE_HTTP_REQUEST_MAX;
	int status = lade_answer_judge((const char *)data, len);

	if (status != 0 && status != 200 && status != 400 && status != 404 && status != 405 && status != 431)
		abort();
	/* What is full has a judgement: nobody reads on for ever. */
	if (status == 0 && len == LADE_HTTP_REQUEST_MAX)
		abort();
	/* Nothing but this is let in. */
	if (status == 200 && (len < 12 || data[0] != 'G' || data[5] != 'm'))
		abort();
	return 0;
}
