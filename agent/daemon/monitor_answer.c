/*
 * Who asks the monitor how things are: over HTTP for metrics, over the status socket for sessions. It forks for each, a few at once, and reads
 * nothing of theirs; the answer is made in the new process of the copy of everything that it has.
 */
#include "agent/daemon/monitor_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/answer.h"
#include "agent/daemon/status.h"
#include "agent/daemon/status_socket.h"
#include "protocol/exit_status.h"
#include "transport/clock.h"
#include <config.h> /* not agent/daemon/config.h */

/* What an answer may take. */
#define ANSWER_MS 5000

void lade_monitor_count(const struct monitor *monitor, struct lade_metrics_now *now_out)
{
	*now_out = (struct lade_metrics_now){ 0 };
	for (unsigned i = 0; i < monitor->visit_used; i++) {
		switch (monitor->visits[i].stage) {
		case VISIT_FREE:
			break;
		case VISIT_LOGIN:
		case VISIT_CHECK:
			now_out->logins++;
			break;
		case VISIT_BEFORE:
		case VISIT_SESSION:
		case VISIT_AFTER:
			now_out->sessions++;
			break;
		}
	}
}

static const char *action_of(const struct visit *visit)
{
	if (visit->stage != VISIT_SESSION)
		return "hook";
	switch (visit->progress.action) {
	case LADE_CHANNEL_SENDS:
		return "send";
	case LADE_CHANNEL_RECEIVES:
		return "receive";
	default:
		return "open";
	}
}

static void fill_session(const struct visit *visit, int64_t now_ms, struct lade_status_session *session)
{
	const struct lade_channel_progress *progress = &visit->progress;

	*session = (struct lade_status_session){
		.number = visit->number,
		.peer = visit->peer,
		.identity = visit->identity,
		.module = visit->module->name,
		.action = action_of(visit),
		.files = progress->files,
		.files_done = progress->files_done,
		.bytes = progress->bytes,
		.bytes_done = progress->bytes_done,
		.received = progress->received,
		.sent = progress->sent,
		.rate = visit->rate,
		.scanned = progress->scanned,
		.seconds = (uint64_t)(now_ms - visit->started_ms) / 1000,
		.path = progress->path,
	};
}

static int by_number(const void *a, const void *b)
{
	const struct lade_status_session *one = a, *other = b;

	return one->number < other->number ? -1 : one->number > other->number;
}

static void answer_status(const struct monitor *monitor, int fd)
{
	struct lade_status_session *sessions;
	struct lade_metrics_now now;
	struct lade_writer text, json;
	struct lade_status status = { .version = PACKAGE_VERSION, .pid = (long)monitor->pid, .stopping = monitor->stop_ms != 0 };
	int64_t now_ms = lade_clock_ms();

	lade_monitor_count(monitor, &now);
	sessions = calloc(now.sessions + 1, sizeof(*sessions));
	for (unsigned i = 0; sessions && i < monitor->visit_used; i++)
		if (monitor->visits[i].stage >= VISIT_BEFORE)
			fill_session(&monitor->visits[i], now_ms, &sessions[status.session_count++]);
	if (status.session_count)
		qsort(sessions, status.session_count, sizeof(*sessions), by_number);
	status.sessions = sessions;
	status.logins = now.logins;
	status.seconds = (uint64_t)(now_ms - monitor->started_ms) / 1000;
	lade_writer_init(&text, SIZE_MAX);
	lade_writer_init(&json, SIZE_MAX);
	lade_status_render_text(&status, &text);
	lade_status_render_json(&status, &json);
	if (sessions && !text.error && !json.error)
		lade_answer_status(fd, lade_slice(text.data, text.len), lade_slice(json.data, json.len));
	lade_writer_fini(&text);
	lade_writer_fini(&json);
	free(sessions);
}

static void answer_metrics(const struct monitor *monitor, int fd)
{
	struct lade_metrics_now now;
	struct lade_writer text;

	lade_monitor_count(monitor, &now);
	lade_writer_init(&text, SIZE_MAX);
	lade_metrics_render(&monitor->metrics, &now, &text);
	if (!text.error)
		lade_answer_metrics(fd, lade_slice(text.data, text.len));
	lade_writer_fini(&text);
}

/* In the forked process. */
static int run_answer(const struct monitor *monitor, int fd, bool metrics)
{
	int *keep[] = { &fd };
	struct lade_fault fault;

	lade_monitor_become_child(keep, 1);
	/* Who asks need not be trusted with anything. */
	if (lade_monitor_give_up_rights(monitor, &fault))
		return LADE_EXIT_IPC;
	if (metrics)
		answer_metrics(monitor, fd);
	else
		answer_status(monitor, fd);
	return LADE_EXIT_OK;
}

void lade_monitor_answer(struct monitor *monitor, int fd, bool metrics)
{
	struct answerer *free_one = NULL;
	unsigned running = 0;

	for (unsigned i = 0; i < LADE_ANSWERERS_MAX; i++) {
		struct answerer *answerer = &monitor->answerers[i];

		running += answerer->pid && answerer->metrics == metrics;
		if (!answerer->pid)
			free_one = answerer;
	}
	/* Half of the places for each: a scraper that hangs keeps nobody from the status. */
	if (free_one && running < LADE_ANSWERERS_MAX / 2 && (metrics || lade_status_socket_may(fd))) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(run_answer(monitor, fd, metrics));
		if (pid > 0)
			*free_one = (struct answerer){ pid, lade_clock_ms() + ANSWER_MS, metrics };
	}
	close(fd);
}

bool lade_monitor_answered(struct monitor *monitor, pid_t pid)
{
	for (unsigned i = 0; i < LADE_ANSWERERS_MAX; i++) {
		if (monitor->answerers[i].pid != pid)
			continue;
		monitor->answerers[i].pid = 0;
		return true;
	}
	return false;
}

int64_t lade_monitor_time_answers(struct monitor *monitor, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;

	for (unsigned i = 0; i < LADE_ANSWERERS_MAX; i++) {
		struct answerer *answerer = &monitor->answerers[i];

		if (!answerer->pid)
			continue;
		if (answerer->deadline_ms <= now_ms) {
			(void)kill(answerer->pid, SIGKILL);
			answerer->deadline_ms = INT64_MAX;
		}
		if (answerer->deadline_ms < next_ms)
			next_ms = answerer->deadline_ms;
	}
	return next_ms;
}
