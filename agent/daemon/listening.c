/*
 * Places. A change is made beside what is there, and becomes true only when nothing of it has failed.
 */
#include "agent/daemon/listening.h"

#include <stdlib.h>
#include <string.h>

#include "agent/daemon/notify.h"

/* The open place that was asked for in the same words; NULL: there is none, or it is taken over already. */
static struct lade_listening_place *find(const struct lade_listening *listening, const char *asked, bool metrics)
{
	for (unsigned i = 0; i < listening->count; i++) {
		struct lade_listening_place *place = &listening->places[i];

		if (place->asked && !place->kept && place->metrics == metrics && strcmp(place->asked, asked) == 0)
			return place;
	}
	return NULL;
}

static int open_place(struct lade_listening_place *place, const char *asked, struct lade_fault *fault)
{
	struct lade_listener_address address;
	int error = lade_listener_parse(asked, &address);

	if (error)
		return lade_fault_set(fault, error, "listen on", asked);
	place->asked = strdup(asked);
	if (!place->asked)
		return lade_fault_set(fault, LADE_E_MEMORY, "listen on", asked);
	error = lade_listener_open(&place->listener, &address, false, fault);
	if (error)
		free(place->asked);
	return error;
}

/* Add a place to next: that of listening, if it has it, which is marked as kept in both. */
static int add(struct lade_listening *next, const struct lade_listening *listening, const char *asked, bool metrics, struct lade_fault *fault)
{
	struct lade_listening_place *place = &next->places[next->count], *open = find(listening, asked, metrics);
	int error = 0;

	if (open) {
		open->kept = true;
		*place = *open;
	} else {
		error = open_place(place, asked, fault);
		place->metrics = metrics;
	}
	next->count += !error;
	return error;
}

/* Those of systemd, which are never asked for again. */
static void add_given(struct lade_listening *next, const struct lade_listening *listening)
{
	for (unsigned i = 0; i < listening->count; i++) {
		if (listening->places[i].asked)
			continue;
		listening->places[i].kept = true;
		next->places[next->count++] = listening->places[i];
	}
}

/* Let go of the places that are not kept; the marks go, too. */
static void drop(struct lade_listening *listening)
{
	for (unsigned i = 0; i < listening->count; i++) {
		struct lade_listening_place *place = &listening->places[i];

		if (!place->kept) {
			lade_listener_close(&place->listener);
			free(place->asked);
		}
	}
	free(listening->places);
}

static void unmark(struct lade_listening *listening)
{
	for (unsigned i = 0; i < listening->count; i++)
		listening->places[i].kept = false;
}

/* What systemd gives, as places. */
static int take_sockets(struct lade_listening *listening, struct lade_fault *fault)
{
	struct lade_listener *listeners;
	unsigned count;
	int error = lade_notify_take_sockets(&listeners, &count, fault);

	if (error || !count)
		return error;
	listening->places = calloc(count, sizeof(*listening->places));
	if (!listening->places)
		error = lade_fault_set(fault, LADE_E_MEMORY, "listen", NULL);
	for (unsigned i = 0; i < count && !error; i++)
		listening->places[listening->count++].listener = listeners[i];
	listening->given = !error;
	free(listeners);
	return error;
}

int lade_listening_change(struct lade_listening *listening, const struct lade_daemon_config *config, bool take_given, struct lade_fault *fault)
{
	struct lade_listening next = { 0 };
	int error = take_given ? take_sockets(listening, fault) : 0;

	if (error)
		return error;
	next.given = listening->given;
	next.places = calloc((size_t)listening->count + config->listen_count + 1, sizeof(*next.places));
	if (!next.places)
		return lade_fault_set(fault, LADE_E_MEMORY, "listen", NULL);
	if (next.given)
		add_given(&next, listening);
	for (unsigned i = 0; !next.given && i < config->listen_count && !error; i++)
		error = add(&next, listening, config->listen[i], false, fault);
	if (!error && config->metrics)
		error = add(&next, listening, config->metrics, true, fault);
	if (error) {
		drop(&next);
		unmark(listening);
		return error;
	}
	drop(listening);
	unmark(&next);
	*listening = next;
	return 0;
}

void lade_listening_close(struct lade_listening *listening)
{
	unmark(listening);
	drop(listening);
	*listening = (struct lade_listening){ .given = listening->given };
}
