/*
 * Landing bundles: many small files at once, so that the lock is taken a few times for all.
 */
#include "agent/sync/receiver_internal.h"

#include <stdlib.h>

/* One small file of a bundle, on its way through lade_receiver_land_bundle(). */
struct record {
	struct lade_bundle_record said; /* its event borrows the digest */
	struct lade_recv_event event, settled;
	bool good, over;
};

/* Take all records of the payload to pieces; the lock is taken once. */
static int open_records(struct lade_receiver *receiver, const struct job *job, struct record *records)
{
	struct lade_session *session = &receiver->session;
	struct lade_reader reader;
	int error = 0;

	lade_reader_init(&reader, job->payload, job->payload_len);
	lade_session_lock(session);
	for (uint32_t i = 0; i < job->count && !error; i++) {
		struct record *record = &records[i];

		error = lade_bundle_get(&reader, &record->said);
		if (!error && lade_session_recv_record(receiver->machine, &record->said, &record->event) != 1)
			error = LADE_E_PROTOCOL;
		session->progress.bytes_done += record->said.data.len;
		session->totals.transferred_bytes += record->said.data.len;
		if (!error)
			((struct incoming *)record->event.file)->moved = record->said.data.len;
	}
	lade_session_unlock(session);
	return error ? error : lade_reader_finish(&reader);
}

/* What arrived is checked in memory, then written. */
static void land_record(struct lade_receiver *receiver, struct record *record)
{
	const struct lade_recv_event *event = &record->event;
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(&receiver->session.key, event->data.data, event->data.len, digest);
	record->good = lade_digest_equal(digest, event->digest);
	if (record->good)
		lade_receiver_write_content(receiver, event, event->data.data);
}

/* Have the machine judge all records at once. */
static void judge_records(struct lade_receiver *receiver, struct record *records, uint32_t count)
{
	struct lade_session *session = &receiver->session;
	bool all_good = true;

	lade_session_lock(session);
	for (uint32_t i = 0; i < count; i++) {
		const struct lade_recv_event *event = &records[i].event;

		records[i].over = lade_session_recv_verified(receiver->machine, event->slot, 0, (uint32_t)event->len,
							     records[i].good, lade_session_queue(session),
							     &records[i].settled) == 1;
		all_good &= records[i].good;
	}
	lade_session_queued(session, !all_good);
	lade_session_unlock(session);
}

static void land_records(struct lade_receiver *receiver, struct record *records, uint32_t count)
{
	uint32_t slots[LADE_BUNDLE_COUNT_MAX], done = 0;

	for (uint32_t i = 0; i < count; i++)
		land_record(receiver, &records[i]);
	judge_records(receiver, records, count);
	for (uint32_t i = 0; i < count; i++) {
		struct incoming *file = records[i].settled.file;

		if (!records[i].over || !lade_receiver_settle(receiver, file, &records[i].settled))
			continue;
		lade_receiver_tell_file(receiver, file, NULL);
		lade_incoming_free(file);
		slots[done++] = records[i].settled.slot;
	}
	lade_receiver_acknowledge(receiver, slots, done);
}

void lade_receiver_land_bundle(struct lade_receiver *receiver, const struct job *job)
{
	struct record *records = calloc(job->count ? job->count : 1, sizeof(*records));
	struct lade_fault fault;
	int error = records ? open_records(receiver, job, records) : LADE_E_MEMORY;

	if (error) {
		lade_fault_set(&fault, error, "understand", receiver->session.connection->peer);
		lade_session_fail(&receiver->session, &fault);
	} else {
		land_records(receiver, records, job->count);
	}
	free(records);
}
