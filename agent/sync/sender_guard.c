/*
 * The guard of deletions: the roots of the sources are compared with what they were at the last run for this destination. Where one of
 * them looks like a disk that is not mounted, the session goes on, but nothing may be deleted because of it.
 *
 * Guarded are the directories that the user named; of a list, the directory that its names are below.
 */
#include "agent/sync/sender_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/state.h"
#include "protocol/grow.h"

/* More are not: each costs a record, and who names a thousand directories of one disk has named enough of it. */
#define ROOTS_MAX 1024u

/* True if what was written stands for a directory of which the content takes part, and not for a symlink that is copied as one. */
static bool is_root(const struct lade_sender *sender, const char *written)
{
	const uint64_t followed = LADE_OPTION_COPY_LINKS | LADE_OPTION_COPY_DIRLINKS | LADE_OPTION_COPY_UNSAFE_LINKS;
	struct stat st;
	/* A slash at the end makes lstat(2) follow. */
	int failed = sender->session.settings->options & followed ? stat(written, &st) : lstat(written, &st);

	return !failed && S_ISDIR(st.st_mode);
}

/* Tell of a source that was old and is now, if that is wrong. */
static void compare(struct lade_sender *sender, const struct lade_source_record *old, const struct lade_source_record *now)
{
	char reason[LADE_SOURCE_TEXT_SIZE + 64], text[LADE_SOURCE_TEXT_SIZE];

	if (sender->session.settings->force_delete || lade_source_record_judge(old, now) == LADE_SOURCE_FINE)
		return;
	lade_source_record_describe(old, now, text);
	snprintf(reason, sizeof(reason), "%s; if that is right, --force-delete goes on", text);
	lade_session_tell(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "nothing is deleted because of source", now->path,
			  reason);
	sender->guarded = true;
}

/* A record that cannot be used is as good as none. */
static void compare_with_record(struct lade_sender *sender, const struct lade_source_record *now)
{
	struct lade_source_record old;
	struct lade_fault fault;
	int error = lade_source_record_get(sender->records_fd, now->path, sender->session.settings->guard, &old, &fault);

	if (!error)
		compare(sender, &old, now);
	else if (error == LADE_E_PROTOCOL)
		lade_session_tell(&sender->session, LADE_REPORT_WARNING, 0, fault.operation, now->path,
				  "it is damaged; for this run the source is as good as new");
	else if (error != LADE_E_ABSENT)
		lade_session_report(&sender->session, LADE_REPORT_WARNING, 0, &fault);
}

/* There is no place for records, which the user may have to know. */
static void tell_unguarded(struct lade_sender *sender, const struct lade_fault *fault)
{
	char where[LADE_FAULT_SUBJECT_SIZE + 64];

	snprintf(where, sizeof(where), "%s %s", fault->operation, fault->subject);
	lade_session_note(&sender->session, LADE_TOPIC_MISC, "sources are not compared with those of the last run: cannot ", where, NULL);
}

/* What cannot be looked at is a problem of the walk. 0 or LADE_E_MEMORY. */
static int guard_one(struct lade_sender *sender, const char *written)
{
	struct lade_source_record *roots;

	if (!is_root(sender, written))
		return 0;
	roots = lade_grown(sender->roots, sender->root_count, &sender->root_capacity, sizeof(*roots));
	if (!roots)
		return LADE_E_MEMORY;
	sender->roots = roots;
	if (lade_source_record_look(written, &roots[sender->root_count]))
		compare_with_record(sender, &roots[sender->root_count++]);
	return 0;
}

/* The records, if there is a place for them; -n makes none. */
static bool open_records(struct lade_sender *sender)
{
	bool dry_run = sender->session.settings->options & LADE_OPTION_DRY_RUN;
	struct lade_fault fault;
	int error = dry_run ? lade_state_find("sources", &sender->records_fd, &fault) :
		lade_state_open("sources", &sender->records_fd, &fault);

	if (error && error != LADE_E_ABSENT)
		tell_unguarded(sender, &fault);
	return !error;
}

int lade_sender_guard(struct lade_sender *sender, const struct lade_sender_job *job, struct lade_fault *fault)
{
	if (!job->settings->guard)
		return 0;
	/* [grant] A record holds where the source is on this host, and what it says of that is not for a client. */
	if (job->settings->grant) {
		lade_session_note(&sender->session, LADE_TOPIC_MISC,
				  "sources are not compared with those of the last run: this server does not remember them for its clients",
				  NULL, NULL);
		return 0;
	}
	if (!open_records(sender))
		return 0;
	for (unsigned i = 0; i < job->source_count && sender->root_count < ROOTS_MAX; i++)
		if (guard_one(sender, *job->sources[i] ? job->sources[i] : "."))
			return lade_fault_set(fault, LADE_E_MEMORY, "guard source", job->sources[i]);
	return 0;
}

void lade_sender_guard_again(struct lade_sender *sender)
{
	struct lade_source_record now;

	for (size_t i = 0; i < sender->root_count && !sender->guarded; i++)
		if (lade_source_record_look(sender->roots[i].path, &now))
			compare(sender, &sender->roots[i], &now);
}

void lade_sender_guard_remember(struct lade_sender *sender, int peer_status)
{
	const struct lade_settings *settings = sender->session.settings;
	struct lade_fault fault;
	int status, error = 0;

	lade_session_lock(&sender->session);
	status = lade_exit_worse(sender->session.exit, peer_status);
	lade_session_unlock(&sender->session);
	/*
	 * What only --force-delete let pass has to have gone well. Of other runs not all need have: where a file can never be read, or some
	 * always vanish, the source is the right one all the same.
	 */
	if (!sender->root_count || sender->guarded || settings->options & LADE_OPTION_DRY_RUN ||
	    (settings->force_delete && status != LADE_EXIT_OK))
		return;
	for (size_t i = 0; i < sender->root_count && !error; i++)
		error = lade_source_record_put(sender->records_fd, settings->guard, &sender->roots[i], &fault);
	if (error)
		lade_session_report(&sender->session, LADE_REPORT_WARNING, 0, &fault);
	lade_source_record_trim(sender->records_fd);
}

void lade_sender_guard_fini(struct lade_sender *sender)
{
	free(sender->roots);
	if (sender->records_fd >= 0)
		close(sender->records_fd);
}
