/*
 * Fuzz target of a whole receiving session: the first byte chooses options, the
 * rest is what a sender says after OPEN.
 */
#include <stdint.h>

#include "agent/sync/receiver.h"
#include "tests/fuzz/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const alternatives[] = { "../outside" };
	struct fuzz_session session;
	struct lade_receiver_job job;
	struct lade_msg_end totals;

	if (size == 0)
		return 0;
	fuzz_session_begin(&session, data + 1, size - 1);
	session.settings.options = fuzz_session_options(data[0]);
	/* Copied from, never touched. */
	session.settings.alternative = LADE_ALTERNATIVE_COPY;
	session.settings.alternatives = alternatives;
	session.settings.alternative_count = 1;
	session.settings.suffix = "~";
	job = (struct lade_receiver_job){
		.connection = &session.ours, .settings = &session.settings, .key = &session.key,
		.destination = session.inside, .umask = 022,
	};
	(void)lade_receiver_run(&job, &totals);
	fuzz_session_end(&session);
	return 0;
}
