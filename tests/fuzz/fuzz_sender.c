/*
 * Fuzz target of a whole sending session: the first byte chooses options, the rest is
 * what a receiver says after OPEN. The source is what a session finds inside.
 */
#include <stdint.h>
#include <stdio.h>

#include "agent/sync/sender.h"
#include "tests/fuzz/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char source[80], *sources[] = { source };
	struct fuzz_session session;
	struct lade_sender_job job;
	struct lade_msg_end totals;

	if (size == 0)
		return 0;
	fuzz_session_begin(&session, data + 1, size - 1);
	snprintf(source, sizeof(source), "%s/", session.inside);
	session.settings.options = fuzz_session_options(data[0]);
	job = (struct lade_sender_job){
		.connection = &session.ours, .settings = &session.settings, .key = &session.key,
		.sources = sources, .source_count = 1,
	};
	(void)lade_sender_run(&job, &totals);
	fuzz_session_end(&session);
	return 0;
}
