/*
 * Clients in the process of their caller, as a rule a child of the test.
 */
#include "tests/fault/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/sync/events.h"

static void unheard_report(void *context, const struct lade_msg_report *report)
{
	(void)context;
	(void)report;
}

static void unheard_item(void *context, const struct lade_msg_item *item)
{
	(void)context;
	(void)item;
}

int client_run(const struct lade_sync_job *job, struct lade_msg_end *totals_out)
{
	static const struct lade_events unheard = { .report = unheard_report, .item = unheard_item };
	struct lade_settings settings = *job->settings;
	struct lade_sync_job mine = *job;
	int status;

	if (lade_filter_new(&settings.filter))
		abort();
	mine.settings = &settings;
	if (!mine.events)
		mine.events = &unheard;
	status = lade_sync_client(&mine, totals_out);
	lade_filter_free(settings.filter);
	return status;
}

int client_copy(const struct lade_sync_job *job, const struct scene *scene, struct lade_msg_end *totals_out)
{
	char source[PATH_MAX + 16], *sources[] = { source }, destination[PATH_MAX + 16];
	struct lade_sync_job mine = *job;

	snprintf(source, sizeof(source), "%s/source/", scene->inside);
	snprintf(destination, sizeof(destination), "%s/destination", scene->inside);
	mine.sources = sources;
	mine.source_count = 1;
	mine.destination = destination;
	return client_run(&mine, totals_out);
}
