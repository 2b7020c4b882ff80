/*
 * The receiver: its reader, its beginning and its end.
 *
 * The reader hands on and lands; it never waits for this side's writer. It may wait
 * for workers, who wait for nobody but the disk.
 */
#include "agent/sync/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync/receiver_internal.h"
#include "transport/frame.h"

/* How runs may land, for --path=auto. */
static const enum lade_path land_paths[] = { LADE_PATH_COPY, LADE_PATH_SPLICE };

/* ---- reports ---- */

/* What a file system, or who we are, does not allow, is said of the first file. True: it was said before. */
static bool was_said(struct lade_receiver *receiver, const struct lade_fault *fault)
{
	static const struct {
		const char *operation;
		unsigned bits;
	} kinds[] = {
		{ "set the ACL of", 1 }, { "set attributes of", 2 }, { "set attributes and the ACL of", 3 }, { "read attributes of", 4 },
	};

	for (unsigned i = 0; fault->code == LADE_E_UNSUPPORTED && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(fault->operation, kinds[i].operation) == 0)
			return (atomic_fetch_or_explicit(&receiver->said, kinds[i].bits, memory_order_relaxed) & kinds[i].bits) == kinds[i].bits;
	return false;
}

void lade_receiver_problem(struct lade_receiver *receiver, const struct lade_directory *directory, const char *name,
			   const struct lade_fault *fault)
{
	char *path = lade_directory_path(directory, name);

	lade_receiver_metadata_problem(receiver, path && *path ? path : fault->subject, fault);
	free(path);
}

void lade_receiver_metadata_problem(struct lade_receiver *receiver, const char *path, const struct lade_fault *fault)
{
	struct lade_fault named = *fault;

	if (was_said(receiver, fault))
		return;
	lade_fault_set(&named, fault->code, fault->operation, path);
	named.sys_errno = fault->sys_errno;
	lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &named);
}

bool lade_receiver_stopped(void *receiver)
{
	return lade_session_failed(&((struct lade_receiver *)receiver)->session);
}

/* ---- what carries payload ---- */

/* [bundle] raw_len: its bytes when it is unpacked. */
static int take_bundle(struct lade_receiver *receiver, uint32_t count, uint32_t payload_len, uint32_t raw_len,
		       struct lade_fault *fault)
{
	struct job job = { .type = JOB_BUNDLE, .count = count, .payload_len = raw_len };
	int error;

	if (raw_len > LADE_BUNDLE_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "understand", receiver->session.connection->peer);
	job.payload = malloc(raw_len ? raw_len : 1);
	if (!job.payload)
		return lade_fault_set(fault, LADE_E_MEMORY, "receive", NULL);
	error = lade_receiver_read_payload(receiver, job.payload, payload_len, raw_len, fault);
	if (error) {
		free(job.payload);
		return error;
	}
	(void)lade_receiver_queue(receiver, &job);
	return 0;
}

/* [descriptor] */
static int take_descriptor(struct lade_receiver *receiver, const struct lade_recv_event *event,
			   struct lade_fault *fault)
{
	struct job job = { .type = JOB_COPY, .event = *event };

	job.fd = lade_connection_take_descriptor(receiver->session.connection);
	if (job.fd < 0)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take a descriptor from",
				      receiver->session.connection->peer);
	(void)lade_receiver_queue(receiver, &job);
	return 0;
}

/* ---- the reader ---- */

static bool is_entry_stream(enum lade_message_type type)
{
	return (type >= LADE_MSG_ROOT && type <= LADE_MSG_ENTRIES_END) || type == LADE_MSG_IMPLIED || type == LADE_MSG_MISSING;
}

/* True for what answers a request, so that another one may be made. */
static bool is_answer(enum lade_message_type type)
{
	return type == LADE_MSG_RUN || type == LADE_MSG_RUN_ABORT || type == LADE_MSG_PATCH;
}

/* Hand len bytes of entry stream to the planner. More than the credit allows is a broken sender. */
static int hand_on(struct lade_receiver *receiver, const uint8_t *bytes, size_t len)
{
	int error;

	lade_session_lock(&receiver->session);
	lade_writer_put_bytes(&receiver->entries, bytes, len);
	error = receiver->entries.error;
	pthread_cond_signal(&receiver->entries_came);
	lade_session_unlock(&receiver->session);
	return error == LADE_E_LIMIT ? LADE_E_PROTOCOL : error;
}

static void end_heard(struct lade_receiver *receiver, const struct lade_msg_end *end)
{
	struct lade_session *session = &receiver->session;

	lade_session_lock(session);
	session->peer_totals = *end;
	session->exit = lade_exit_worse(session->exit, (int)end->exit);
	lade_session_finish(session);
	lade_session_unlock(session);
}

/*
 * Have the machine take a message, and tell a described file's worker of it: no worker may settle the file in
 * between. The lock is held. Returns 1 if the event is left to act on, else 0 or an error.
 */
static int step_locked(struct lade_receiver *receiver, const struct lade_message *message, uint32_t raw_len,
		       struct lade_recv_event *event)
{
	int step = lade_session_recv_step(receiver->machine, message, event);
	struct incoming *file = step == 1 ? event->file : NULL;
	bool described = file && file->delta;

	if (is_answer(message->type))
		lade_delta_wake(receiver);
	if (step != 1)
		return step;
	event->raw_len = raw_len;
	switch (event->type) {
	case LADE_RECV_HOLE:
		receiver->session.progress.bytes_done += event->len;
		/* Otherwise a new temporary file has no blocks there, or is to have them. */
		return described ? lade_delta_hear(receiver, event) :
			file && (file->overwrite || lade_incoming_is_allocated(receiver));
	case LADE_RECV_RECIPE:
	case LADE_RECV_DESCRIBED:
	case LADE_RECV_PATCH:
	case LADE_RECV_ABORTED:
		return lade_delta_hear(receiver, event);
	case LADE_RECV_SETTLED:
		return !described || !lade_delta_settles(file->delta, event);
	default:
		return 1;
	}
}

/*
 * The length that what belongs to a message has when it is unpacked, or 0 if that is not announced as it must be. A
 * PACKED says so of the next message, and of that alone.
 */
static uint32_t raw_len_of(struct lade_receiver *receiver, const struct lade_message *message, uint32_t payload_len)
{
	uint32_t raw_len = receiver->packed_len;

	receiver->packed_len = 0;
	/* Runs alone go on with what went before them. */
	if (raw_len && receiver->packed_codec != LADE_CODEC_ZSTD && message->type != LADE_MSG_RUN)
		return 0;
	if (message->type == LADE_MSG_PATCH)
		return raw_len ? raw_len : (uint32_t)message->patch.ops.len;
	if (raw_len && (message->type != LADE_MSG_RUN && message->type != LADE_MSG_BUNDLE))
		return 0;
	if (raw_len && raw_len <= payload_len)
		return 0;
	if (!raw_len)
		raw_len = payload_len;
	return message->type == LADE_MSG_RUN && raw_len != message->run.len ? 0 : raw_len;
}

/* [packed] */
static int hear_packed(struct lade_receiver *receiver, const struct lade_msg_packed *packed)
{
	if (packed->codec < LADE_CODEC_ZSTD || packed->codec > LADE_CODEC_ZSTD_GO_ON || !packed->len || receiver->packed_len)
		return LADE_E_PROTOCOL;
	receiver->packed_len = packed->len;
	receiver->packed_codec = packed->codec;
	return 0;
}

/* Act on one message that is not of the entry stream. payload_len bytes belong to it. */
static int hear(struct lade_receiver *receiver, const struct lade_message *message, uint32_t payload_len,
		struct lade_fault *fault)
{
	bool carries = message->type == LADE_MSG_RUN || message->type == LADE_MSG_BUNDLE;
	bool unpacks = carries || message->type == LADE_MSG_PATCH || receiver->packed_len;
	struct lade_recv_event event;
	uint32_t raw_len;
	struct job job;
	int step;

	if (!carries != !payload_len)
		return LADE_E_PROTOCOL;
	if (message->type == LADE_MSG_PACKED)
		return hear_packed(receiver, &message->packed);
	raw_len = unpacks ? raw_len_of(receiver, message, payload_len) : 0;
	if (unpacks && !raw_len)
		return LADE_E_PROTOCOL;
	if (lade_session_hears(message->type))
		return lade_session_heard(&receiver->session, message);
	lade_session_lock(&receiver->session);
	step = step_locked(receiver, message, raw_len, &event);
	lade_session_unlock(&receiver->session);
	if (step <= 0)
		return step;
	switch (event.type) {
	case LADE_RECV_RUN:
		return lade_receiver_land_run(receiver, &event, payload_len, fault);
	case LADE_RECV_BUNDLE:
		return take_bundle(receiver, message->bundle.count, payload_len, raw_len, fault);
	case LADE_RECV_DESCRIPTOR:
		return take_descriptor(receiver, &event, fault);
	case LADE_RECV_HOLE:
		lade_receiver_land_hole(receiver, &event);
		return 0;
	case LADE_RECV_SETTLED:
		job = (struct job){ .type = JOB_SETTLED, .event = event };
		(void)lade_receiver_queue(receiver, &job);
		return 0;
	case LADE_RECV_END:
		end_heard(receiver, &message->end);
		return 0;
	default:
		return 0;
	}
}

/* Go through a frame's messages. Entry stream goes on in whole stretches, without being decoded twice. */
static int hear_frame(void *role, struct lade_slice control, uint32_t payload_len, struct lade_fault *fault)
{
	struct lade_receiver *receiver = role;
	struct lade_reader reader;
	struct lade_message message;
	enum lade_message_type type;
	size_t len, stretch = 0;
	bool finished;
	int error = 0;

	lade_reader_init(&reader, control.data, control.len);
	while (!error && lade_reader_left(&reader)) {
		error = lade_message_peek(&reader, &type, &len);
		if (!error && is_entry_stream(type) && !receiver->packed_len) {
			stretch += len;
			reader.off += len;
			continue;
		}
		if (!error && stretch)
			error = hand_on(receiver, reader.data + reader.off - stretch, stretch);
		stretch = 0;
		if (!error)
			error = lade_message_get(&reader, &message);
		if (!error)
			error = hear(receiver, &message, lade_reader_left(&reader) ? 0 : payload_len, fault);
	}
	if (!error && stretch)
		error = payload_len ? LADE_E_PROTOCOL : hand_on(receiver, reader.data + reader.off - stretch, stretch);
	if (!error && receiver->packed_len)
		error = LADE_E_PROTOCOL;
	lade_session_lock(&receiver->session);
	finished = receiver->session.finished;
	lade_session_unlock(&receiver->session);
	return error ? error : finished;
}

static void *read_messages(void *argument)
{
	struct lade_receiver *receiver = argument;

	lade_session_read_frames(&receiver->session, hear_frame, receiver);
	return NULL;
}

static void *write_messages(void *argument)
{
	struct lade_receiver *receiver = argument;

	lade_session_write_queue(&receiver->session);
	return NULL;
}

/* ---- whose things become ---- */

/* As with rsync, a rule that leads to a name which nobody has here is none. */
static bool resolve(struct lade_receiver *receiver, enum lade_identity_kind kind, const char *name, uint32_t *id_out)
{
	if (lade_identity_number(kind, name, id_out) == 1)
		return true;
	lade_session_tell(&receiver->session, LADE_REPORT_WARNING, 0,
			  kind == LADE_IDENTITY_USER ? "no such user on the receiving side:" : "no such group on the receiving side:", name, NULL);
	return false;
}

static bool resolve_user(void *receiver, const char *name, uint32_t *id_out)
{
	return resolve(receiver, LADE_IDENTITY_USER, name, id_out);
}

static bool resolve_group(void *receiver, const char *name, uint32_t *id_out)
{
	return resolve(receiver, LADE_IDENTITY_GROUP, name, id_out);
}

static int make_map(struct lade_receiver *receiver, enum lade_identity_kind kind, const char *text, struct lade_fault *fault)
{
	static lade_id_map_resolve *const resolvers[] = { [LADE_IDENTITY_USER] = resolve_user, [LADE_IDENTITY_GROUP] = resolve_group };
	int error;

	if (!text)
		return 0;
	error = lade_id_map_new(text, resolvers[kind], receiver, &receiver->maps[kind]);
	if (error)
		return lade_fault_set(fault, error == LADE_E_USAGE ? LADE_E_PROTOCOL : error, "use the map of owners", text);
	lade_identities_use_map(receiver->identities, kind, receiver->maps[kind]);
	return 0;
}

/* Without names there is nothing to map but by a map. */
static int start_identities(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_settings *settings = receiver->session.settings;
	int error;

	if ((settings->options & LADE_OPTION_NUMERIC_IDS) && !settings->usermap && !settings->groupmap)
		return 0;
	if (lade_identities_new(&receiver->identities))
		return lade_fault_set(fault, LADE_E_MEMORY, "start the receiver", NULL);
	error = make_map(receiver, LADE_IDENTITY_USER, settings->usermap, fault);
	return error ? error : make_map(receiver, LADE_IDENTITY_GROUP, settings->groupmap, fault);
}

/* ---- from beginning to end ---- */

static int start(struct lade_receiver *receiver, struct lade_fault *fault)
{
	const struct lade_session_limits *limits = &receiver->session.limits;
	const struct lade_recv_limits bounds = {
		.slots = limits->slots, .described = limits->described, .want_runs = limits->want_runs,
		.want_gaps = limits->want_gaps, .entry_credit = limits->entry_credit,
	};

	if (lade_session_recv_new(&receiver->machine) ||
	    lade_spool_new(&receiver->directories) || lade_spool_new(&receiver->deletions) ||
	    lade_spool_new(&receiver->links))
		return lade_fault_set(fault, LADE_E_MEMORY, "start the receiver", NULL);
	lade_session_recv_limit(receiver->machine, &bounds);
	return start_identities(receiver, fault);
}

static void stop(struct lade_receiver *receiver)
{
	struct incoming *file;

	while (receiver->machine && (file = lade_session_recv_abandon(receiver->machine)))
		lade_incoming_leave(receiver, file);
	lade_session_recv_free(receiver->machine);
	lade_indexed_close(receiver);
	lade_directories_close(receiver->tree);
	for (unsigned i = 0; i < receiver->alternative_count; i++)
		lade_directories_close(receiver->alternatives[i]);
	lade_backup_end(receiver);
	lade_holding_end(receiver);
	free(receiver->kept);
	free(receiver->written);
	lade_identities_free(receiver->identities);
	lade_id_map_free(receiver->maps[LADE_IDENTITY_USER]);
	lade_id_map_free(receiver->maps[LADE_IDENTITY_GROUP]);
	lade_spool_free(receiver->directories);
	lade_spool_free(receiver->deletions);
	lade_spool_free(receiver->links);
	for (size_t i = 0; i < receiver->leader_count; i++)
		free(receiver->leaders[i].path);
	free(receiver->leaders);
	free((void *)receiver->root.metadata.xattrs.data);
	free(receiver->only_name);
	free(receiver->only_source);
	free(receiver->run);
	free(receiver->packed);
	lade_codec_free(receiver->codec);
	lade_keep_fini(&receiver->keep);
	lade_writer_fini(&receiver->entries);
	lade_item_queue_fini(&receiver->items);
	pthread_mutex_destroy(&receiver->telling);
	pthread_cond_destroy(&receiver->entries_came);
	pthread_cond_destroy(&receiver->job_came);
	pthread_cond_destroy(&receiver->job_taken);
	pthread_cond_destroy(&receiver->slot_freed);
	pthread_mutex_destroy(&receiver->opening);
	lade_session_fini(&receiver->session);
}

int lade_receiver_run(const struct lade_receiver_job *job, struct lade_msg_end *totals_out)
{
	static const struct lade_session_threads threads = {
		.reader = read_messages,
		.writer = write_messages,
		.others = { lade_receiver_plan, lade_receiver_work, lade_receiver_work },
	};
	struct lade_receiver *receiver = calloc(1, sizeof(*receiver));
	struct lade_fault fault;
	int status;

	if (!receiver || lade_session_init(&receiver->session, job->connection, job->settings, job->events, job->key,
					   &fault)) {
		free(receiver);
		return LADE_EXIT_MEMORY;
	}
	receiver->job = job;
	receiver->workshop_fd = -1;
	lade_writer_init(&receiver->entries, LADE_ENTRY_CREDIT);
	pthread_cond_init(&receiver->entries_came, NULL);
	pthread_cond_init(&receiver->job_came, NULL);
	pthread_cond_init(&receiver->job_taken, NULL);
	pthread_cond_init(&receiver->slot_freed, NULL);
	pthread_mutex_init(&receiver->opening, NULL);
	pthread_mutex_init(&receiver->telling, NULL);
	receiver->session.role_waits[0] = &receiver->entries_came;
	receiver->session.role_waits[1] = &receiver->job_came;
	receiver->session.role_waits[2] = &receiver->job_taken;
	receiver->session.role_waits[3] = &receiver->slot_freed;
	lade_block_key_derive(&receiver->block_key, &receiver->session.key);
	lade_path_choice_init(&receiver->choice, job->settings->path, land_paths, 2);
	lade_keep_init(&receiver->keep, job->settings->options, job->umask);
	receiver->keep.wish.filter = job->settings->filter;
	receiver->keep.wish.receives = true;
	receiver->keep.wish.delete_excluded = job->settings->options & LADE_OPTION_DELETE_EXCLUDED;
	receiver->keep.modify_window = job->settings->modify_window;
	if (start(receiver, &fault))
		lade_session_fail(&receiver->session, &fault);
	status = lade_session_run(&receiver->session, &threads, receiver, totals_out);
	stop(receiver);
	free(receiver);
	return status;
}
