/*
 * Files of --directio=SIZE and more: read past the page cache, which they would only push other files out of, and, with --aio, the next run
 * while one is digested and sent. The bytes are in memory, so they are sent from there, whatever --path says.
 */
#include "agent/sync/sender_feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tell those who want to know why the open file, or what is ahead of it, is read in another way than was asked for. */
static void explain(struct feeder *feeder, const char *what, const char *reason, int sys_errno)
{
	char *name = lade_directory_path(feeder->large.source->directory, feeder->large.source->name);
	char text[256];

	snprintf(text, sizeof(text), " is %s: %s (%s)", what, reason, strerror(sys_errno));
	lade_session_note(feeder->session, LADE_TOPIC_MISC, "", name ? name : feeder->large.source->name, text);
	free(name);
}

void lade_feed_open_direct(struct feeder *feeder)
{
	const struct lade_settings *settings = feeder->session->settings;
	const struct lade_direct_wish wish = { .piece_len = LADE_RUN_DEFAULT, .ahead = settings->aio };
	struct lade_fault fault;

	if (!settings->directio || feeder->large.source->size < settings->directio)
		return;
	if (!feeder->direct && lade_direct_new(&wish, &feeder->direct, &fault))
		return;
	feeder->large.direct = lade_direct_open(feeder->direct, feeder->large.fd, &fault) == 0;
	if (!feeder->large.direct)
		explain(feeder, "read through the page cache", "it cannot be read directly", fault.sys_errno);
}

bool lade_feed_is_direct(const struct feeder *feeder, int fd)
{
	return feeder->large.direct && feeder->large.fd == fd;
}

const uint8_t *lade_feed_read_direct(struct feeder *feeder, const struct lade_msg_run *run)
{
	const struct lade_direct_piece piece = { run->off, run->len, feeder->large.extent_end };
	const uint8_t *data;

	return lade_direct_read(feeder->direct, &piece, &data, NULL) ? NULL : data;
}

void lade_feed_close_direct(struct feeder *feeder)
{
	const char *excuse;
	int sys_errno;
	bool threaded;

	if (!feeder->large.direct)
		return;
	if (lade_direct_gave_up(feeder->direct, &sys_errno))
		explain(feeder, "read through the page cache", "its file system refused", sys_errno);
	excuse = lade_direct_excuse(feeder->direct, &sys_errno, &threaded);
	if (excuse)
		explain(feeder, threaded ? "read ahead by a thread" : "not read ahead", excuse, sys_errno);
	lade_direct_close(feeder->direct);
	feeder->large.direct = false;
}
