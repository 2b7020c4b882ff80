/*
 * The events of a client whose user does not listen.
 */
#ifndef TESTS_FAULT_UNHEARD_H
#define TESTS_FAULT_UNHEARD_H

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

static const struct lade_events unheard_events = { .report = unheard_report, .item = unheard_item };

#endif
