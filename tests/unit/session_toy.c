/*
 * The toy session. Every step of a machine that fails is remembered in error and ends
 * it; the tests look at the error and at what became of the files.
 */
#include "tests/unit/session_toy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/byteorder.h"
#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/recipe.h"

#define FRAME_HEADER_LEN 8u
#define ENTRY_LIMIT (4u * LADE_ENTRY_CREDIT)
#define STEPS_MAX 200000u

/* ---- files ---- */

uint64_t toy_size(const struct toy_file *file, unsigned version)
{
	if (version && file->shrinks)
		return file->size / 2;
	return file->size + 10 * version;
}

static bool in_hole(const struct toy_file *file, uint64_t off)
{
	return file->hole && off >= TOY_RUN && off < 2 * TOY_RUN;
}

uint8_t toy_byte(const struct toy_file *file, unsigned version, uint64_t off)
{
	if (file->text)
		return (uint8_t)file->text[off];
	return in_hole(file, off) ? 0
				  : (uint8_t)(off * 7 + (uint8_t)file->name[0] + version * 31 + 1);
}

bool toy_landed(const struct toy_file *file, unsigned version)
{
	if (file->landed_len != toy_size(file, version))
		return false;
	for (uint64_t off = 0; off < file->landed_len; off++)
		if (file->landed[off] != toy_byte(file, version, off))
			return false;
	return true;
}

static void read_file(const struct toy_file *file, unsigned version, uint64_t off, size_t len,
		      uint8_t *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = toy_byte(file, version, off + i);
}

/* FNV-1a, good enough to tell damage. */
static void plain_digest(const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
	lade_put_le64(out, hash);
	lade_put_le64(out + 8, ~hash);
}

/* ---- beginning and end ---- */

static void pipe_init(struct toy_pipe *pipe, const char *who)
{
	lade_writer_init(&pipe->control, LADE_CONTROL_MAX);
	lade_writer_init(&pipe->bytes, SIZE_MAX);
	pipe->who = who;
}

void toy_init(struct toy *toy)
{
	memset(toy, 0, sizeof(*toy));
	if (lade_session_send_new(&toy->sender) || lade_session_recv_new(&toy->receiver))
		abort();
	pipe_init(&toy->to_receiver, "sender");
	pipe_init(&toy->to_sender, "receiver");
	lade_writer_init(&toy->entries, ENTRY_LIMIT);
	toy->digest = plain_digest;
	toy->said = -2;
}

void toy_fini(struct toy *toy)
{
	lade_session_send_free(toy->sender);
	lade_session_recv_free(toy->receiver);
	lade_writer_fini(&toy->to_receiver.control);
	lade_writer_fini(&toy->to_receiver.bytes);
	lade_writer_fini(&toy->to_sender.control);
	lade_writer_fini(&toy->to_sender.bytes);
	lade_writer_fini(&toy->entries);
}

struct toy_file *toy_add(struct toy *toy, const char *name, uint64_t size)
{
	struct toy_file *file = &toy->files[toy->file_count++];

	file->name = name;
	file->size = size;
	file->mode = S_IFREG | 0644;
	return file;
}

/* Keep the first failure. */
static bool check(struct toy *toy, int result)
{
	if (result < 0 && result != LADE_E_AGAIN && !toy->error)
		toy->error = result;
	return result >= 0;
}

/* ---- frames ---- */

/* Make one frame of the control that waits, and payload. */
static void flush(struct toy_pipe *pipe, struct lade_slice payload)
{
	uint8_t header[FRAME_HEADER_LEN];
	size_t start = pipe->bytes.len;

	if (!pipe->control.len)
		return;
	lade_put_le32(header, (uint32_t)pipe->control.len);
	lade_put_le32(header + 4, (uint32_t)payload.len);
	lade_writer_put_bytes(&pipe->bytes, header, sizeof(header));
	lade_writer_put_bytes(&pipe->bytes, pipe->control.data, pipe->control.len);
	lade_writer_put_bytes(&pipe->bytes, payload.data, payload.len);
	lade_writer_reset(&pipe->control);
	if (pipe->trace)
		pipe->trace(pipe->who, pipe->bytes.data + start, pipe->bytes.len - start);
}

/* Take the next frame, or what would be in it. The slices are good until the pipe is written to. */
static bool next_frame(struct toy_pipe *pipe, struct lade_slice *control,
		       struct lade_slice *payload)
{
	const uint8_t *at;

	if (pipe->off == pipe->bytes.len)
		flush(pipe, lade_slice(NULL, 0));
	if (pipe->off == pipe->bytes.len)
		return false;
	at = pipe->bytes.data + pipe->off;
	*control = lade_slice(at + FRAME_HEADER_LEN, lade_get_le32(at));
	*payload = lade_slice(at + FRAME_HEADER_LEN + control->len, lade_get_le32(at + 4));
	pipe->off += FRAME_HEADER_LEN + control->len + payload->len;
	return true;
}

/* ---- the sender ---- */

static bool say_entry(struct toy *toy, struct toy_file *file)
{
	static const uint8_t zeros[LADE_XATTRS_MAX];
	struct lade_msg_entry entry = {
		.name = lade_slice(file->name, strlen(file->name)),
		.mode = file->mode,
		.size = file->size,
		.mtime_s = 1700000000,
		.link = file->link,
		.xattrs = lade_slice(zeros, file->xattrs_len),
	};
	bool has_content = S_ISREG(file->mode) && file->size && file->link < LADE_LINK_FOLLOWS;

	return check(toy, lade_session_send_entry(toy->sender, &entry, has_content ? file : NULL,
						  &toy->to_receiver.control, NULL));
}

bool toy_walk(struct toy *toy)
{
	struct lade_writer *out = &toy->to_receiver.control;
	bool said;

	if (out->len > LADE_CONTROL_MAX / 4) /* a frame's worth */
		flush(&toy->to_receiver, lade_slice(NULL, 0));
	if (toy->said == -2)
		said = check(toy, lade_session_send_root(toy->sender, false, out));
	else if (toy->said == -1)
		said = say_entry(toy, &(struct toy_file){ .name = ".", .mode = S_IFDIR | 0755 });
	else if ((size_t)toy->said < toy->file_count)
		said = say_entry(toy, &toy->files[toy->said]);
	else if ((size_t)toy->said == toy->file_count)
		said = check(toy, lade_session_send_leave(toy->sender, false, out));
	else if ((size_t)toy->said == toy->file_count + 1)
		said = check(toy, lade_session_send_entries_end(toy->sender, false, out));
	else
		return false;
	toy->said += said;
	toy->blocked = !said;
	return said;
}

/* Take a question from the list of those to be answered. */
static struct lade_send_event take_question(struct toy *toy, size_t which)
{
	struct lade_send_event asked = toy->again[which];

	memmove(toy->again + which, toy->again + which + 1, (--toy->again_count - which) * sizeof(asked));
	return asked;
}

static void drop_wanted(struct toy *toy, size_t which)
{
	toy->wanted[which] = toy->wanted[--toy->wanted_count];
}

/* Say a run of what the file was when the attempt began; from torn_at on the payload is zeros. */
static void send_run(struct toy *toy, uint32_t slot, uint64_t off, uint32_t len, uint32_t torn_at)
{
	struct toy_sending *sending = &toy->sending[slot];
	struct lade_msg_run run = { .slot = slot, .off = off, .len = len };
	uint8_t payload[TOY_SIZE_MAX];

	read_file(sending->file, sending->version, off, len, payload);
	toy->digest(payload, len, run.digest);
	if (off == 0 && sending->file->corruptions) {
		sending->file->corruptions--;
		payload[len / 2] ^= 0x10;
	}
	memset(payload + torn_at, 0, len - torn_at);
	check(toy, lade_session_send_run(toy->sender, &run, &toy->to_receiver.control));
	flush(&toy->to_receiver, lade_slice(payload, len));
}

static void send_end(struct toy *toy, uint32_t slot)
{
	struct toy_sending *sending = &toy->sending[slot];
	struct toy_file *file = sending->file;
	struct lade_msg_file_end end = { .slot = slot, .mtime_s = 1700000000 };

	if (sending->attempt < file->changes)
		file->version++;
	end.changed = file->version != sending->version;
	end.size = toy_size(file, file->version);
	end.mtime_ns = file->version;
	check(toy, lade_session_send_file_end(toy->sender, &end, &toy->to_receiver.control));
}

/* [recipe] */
static void send_recipe(struct toy *toy, uint32_t slot, uint64_t off, uint32_t len)
{
	struct toy_sending *sending = &toy->sending[slot];
	struct lade_msg_recipe recipe = { .slot = slot, .off = off, .len = len };
	uint8_t piece[TOY_RUN], digest[LADE_DIGEST_LEN];
	struct lade_recipe_chunk chunk;
	struct lade_writer chunks;

	read_file(sending->file, sending->version, off, len, piece);
	toy->digest(piece, len, recipe.digest);
	lade_writer_init(&chunks, LADE_RECIPE_MAX);
	for (uint32_t at = 0; at < len && len > TOY_CHUNK; at += chunk.len) {
		chunk.len = len - at < TOY_CHUNK ? len - at : TOY_CHUNK;
		toy->digest(piece + at, chunk.len, digest);
		chunk.name = lade_chunk_name(digest);
		lade_recipe_put(&chunks, &chunk);
	}
	recipe.chunks = lade_slice(chunks.data, chunks.len);
	if (!lade_session_send_recipe_room(toy->sender))
		toy->error = LADE_E_LIMIT; /* the toy's files are too small for that */
	else
		check(toy, lade_session_send_recipe(toy->sender, &recipe, &toy->to_receiver.control));
	lade_writer_fini(&chunks);
}

/* [patch] Of a single literal. */
static void send_patch(struct toy *toy, const struct lade_send_event *asked)
{
	struct toy_sending *sending = &toy->sending[asked->slot];
	struct lade_msg_patch patch = { .slot = asked->slot, .off = asked->off, .len = asked->len };
	uint8_t bytes[TOY_RUN];
	struct lade_writer ops;

	read_file(sending->file, sending->version, asked->off, asked->len, bytes);
	if (asked->off == 0 && sending->file->corruptions) {
		sending->file->corruptions--;
		bytes[0] ^= 0x20;
	}
	lade_writer_init(&ops, LADE_PATCH_MAX);
	lade_writer_put_varint(&ops, 2 * asked->len);
	lade_writer_put_bytes(&ops, bytes, asked->len);
	patch.ops = lade_slice(ops.data, ops.len);
	check(toy, lade_session_send_patch(toy->sender, &patch, &toy->to_receiver.control));
	lade_writer_fini(&ops);
}

/* Several small files in one frame. */
static void send_bundle(struct toy *toy)
{
	struct lade_writer payload;
	struct lade_msg_bundle bundle = { 0 };

	lade_writer_init(&payload, LADE_BUNDLE_MAX);
	for (size_t i = 0; i < toy->wanted_count;) {
		uint32_t slot = toy->wanted[i];
		struct toy_sending *sending = &toy->sending[slot];
		struct toy_file *file = sending->file;
		uint64_t size = toy_size(file, sending->version);
		uint8_t record[LADE_BUNDLE_RECORD_LEN + TOY_SMALL], digest[LADE_DIGEST_LEN];
		uint8_t *data = record + LADE_BUNDLE_RECORD_LEN;

		if (size > TOY_SMALL || sending->attempt < file->changes || file->gone ||
		    file->lent || file->described) {
			i++;
			continue;
		}
		read_file(file, sending->version, 0, size, data);
		toy->digest(data, size, digest);
		if (file->corruptions && size) {
			file->corruptions--;
			data[0] ^= 1;
		}
		lade_bundle_put_header(record, slot, (uint32_t)size, digest);
		lade_writer_put_bytes(&payload, record, LADE_BUNDLE_RECORD_LEN + size);
		lade_session_send_record(toy->sender, slot);
		bundle.count++;
		drop_wanted(toy, i);
	}
	lade_put_bundle(&toy->to_receiver.control, &bundle);
	flush(&toy->to_receiver, lade_slice(payload.data, payload.len));
	lade_writer_fini(&payload);
}

/* The next piece of a file that goes in runs or is described. False when all was said. */
static bool send_piece(struct toy *toy, uint32_t slot)
{
	struct toy_sending *sending = &toy->sending[slot];
	struct toy_file *file = sending->file;
	uint64_t size = toy_size(file, sending->version), left = size - sending->off;
	uint32_t len = left < TOY_RUN ? (uint32_t)left : TOY_RUN;

	if (left == 0) {
		send_end(toy, slot);
		return false;
	}
	if (file->shrinks && sending->attempt == 0 && sending->off) {
		file->version = 1;
		if (!file->described) {
			send_run(toy, slot, sending->off, len, len / 3);
			check(toy, lade_session_send_run_abort(toy->sender, slot, sending->off, len,
							       &toy->to_receiver.control));
		}
		send_end(toy, slot);
		return false;
	}
	if (in_hole(file, sending->off))
		check(toy, lade_session_send_hole(toy->sender, slot, sending->off, len,
						  &toy->to_receiver.control));
	else if (file->described)
		send_recipe(toy, slot, sending->off, len);
	else
		send_run(toy, slot, sending->off, len, len);
	sending->off += len;
	return true;
}

/* Answer a WANT_RUN or WANT_GAP. */
static void send_answer(struct toy *toy, size_t which)
{
	struct lade_send_event asked = take_question(toy, which);
	struct toy_file *file = asked.file;

	if (!lade_session_send_answers(toy->sender, asked.slot, asked.turn))
		return;
	if (file->withdrawn || file->version != toy->sending[asked.slot].version)
		check(toy, lade_session_send_run_abort(toy->sender, asked.slot, asked.off,
						       asked.len, &toy->to_receiver.control));
	else if (asked.type == LADE_SEND_WANT_GAP)
		send_patch(toy, &asked);
	else
		send_run(toy, asked.slot, asked.off, asked.len, asked.len);
}

bool toy_feed(struct toy *toy, size_t which)
{
	struct toy_sending *sending;
	struct toy_file *file;
	uint32_t slot;

	if (toy->again_count) {
		send_answer(toy, which % toy->again_count);
		return true;
	}
	if (!toy->wanted_count)
		return false;
	which %= toy->wanted_count;
	slot = toy->wanted[which];
	sending = &toy->sending[slot];
	file = sending->file;
	if (file->gone && (!file->described || sending->off)) {
		check(toy,
		      lade_session_send_file_gone(toy->sender, slot, 2, &toy->to_receiver.control));
		drop_wanted(toy, which);
	} else if (file->lent && !file->described) {
		check(toy,
		      lade_session_send_descriptor(toy->sender, slot, &toy->to_receiver.control));
		drop_wanted(toy, which);
	} else if (toy_size(file, sending->version) <= TOY_SMALL && !file->described &&
		   sending->attempt >= file->changes) {
		send_bundle(toy);
	} else if (!send_piece(toy, slot)) {
		drop_wanted(toy, which);
	}
	return true;
}

static void sender_event(struct toy *toy, const struct lade_send_event *event)
{
	struct toy_file *file = event->file;
	static const struct lade_msg_end end = { .entries = 0 };

	switch (event->type) {
	case LADE_SEND_WANT:
	case LADE_SEND_WANT_AGAIN:
		toy->sending[event->slot] =
			(struct toy_sending){ .file = file, .version = file->version };
		toy->sending[event->slot].attempt = file->asked++;
		toy->wanted[toy->wanted_count++] = event->slot;
		break;
	case LADE_SEND_WANT_RUN:
	case LADE_SEND_WANT_GAP:
		if (toy->again_count == sizeof(toy->again) / sizeof(toy->again[0]))
			toy->error = LADE_E_LIMIT;
		else
			toy->again[toy->again_count++] = *event;
		break;
	case LADE_SEND_ACK:
		file->acked++;
		break;
	case LADE_SEND_CREDIT:
	case LADE_SEND_RECIPE_KEY: /* names of toys are nobody's digests */
	case LADE_SEND_STORED:     /* and stay where they are */
		break;
	case LADE_SEND_END:
		lade_put_end(&toy->to_receiver.control, &end);
		break;
	}
}

bool toy_hear_sender(struct toy *toy)
{
	struct lade_slice control, payload;
	struct lade_send_event event;
	struct lade_message message;
	struct lade_reader reader;
	struct toy_file *file;

	if (!next_frame(&toy->to_sender, &control, &payload))
		return false;
	lade_reader_init(&reader, control.data, control.len);
	while (!toy->error && lade_reader_left(&reader)) {
		int step = lade_message_get(&reader, &message);

		if (!step)
			step = lade_session_send_step(toy->sender, &message, &event);
		if (check(toy, step) && step == 1)
			sender_event(toy, &event);
		while ((file = lade_session_send_dropped(toy->sender)))
			file->dropped++;
	}
	return true;
}

/* ---- the receiver ---- */

static void settled(struct toy *toy, const struct lade_recv_event *event)
{
	struct toy_file *file = event->file;

	file->verdict = event->verdict;
	file->whole = event->whole;
	file->attempt = event->attempt;
	if (event->verdict == LADE_VERDICT_CHANGED && event->attempt == 0) {
		file->landed_len = lade_session_recv_source(toy->receiver, event->slot).size;
		memset(file->landed, 0, sizeof(file->landed));
		file->known = 0;
		lade_session_recv_want_again(toy->receiver, event->slot, &toy->to_sender.control);
		return;
	}
	file->settled++;
	lade_session_recv_ack(toy->receiver, event->slot, &toy->to_sender.control);
}

static struct toy_job *add_job(struct toy *toy, const struct lade_recv_event *event, bool good)
{
	struct toy_job job = { .event = *event, .good = good };

	if (event->digest)
		memcpy(job.digest, event->digest, LADE_DIGEST_LEN);
	job.event.digest = NULL;
	job.event.data = lade_slice(NULL, 0);
	if (toy->job_count == sizeof(toy->jobs) / sizeof(toy->jobs[0]))
		abort(); /* more than all pieces of all files */
	toy->jobs[toy->job_count] = job;
	return &toy->jobs[toy->job_count++];
}

/* ---- described files ---- */

/* Old content: that of version 0, but for every third chunk. */
static void read_old(const struct toy_file *file, uint64_t off, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = toy_byte(file, 0, off + i) ^ ((off + i) / TOY_CHUNK % 3 ? 0 : 0x55);
}

/* [recipe] */
static void take_recipe(struct toy *toy, const struct lade_recv_event *event)
{
	struct toy_file *file = event->file;
	struct toy_job *job = add_job(toy, event, false);
	struct lade_recipe_chunk chunk;
	struct lade_reader reader;
	size_t count = 0;

	job->names[0] = lade_chunk_name(job->digest);
	lade_reader_init(&reader, event->data.data, event->data.len);
	while (lade_recipe_get(&reader, &chunk) == 1)
		job->names[count++] = chunk.name;
	if (file->unwritable)
		lade_session_recv_fail(toy->receiver, event->slot);
	file->known = event->off + event->len;
	lade_session_recv_recipe_done(toy->receiver, event->encoded_len, &toy->to_sender.control);
}

/* len bytes at off have landed that a piece may have waited for. */
static void fill(struct toy *toy, const struct toy_file *file, uint64_t off, uint32_t len)
{
	for (size_t i = 0; i < toy->job_count; i++) {
		struct toy_job *job = &toy->jobs[i];

		if (job->event.type == LADE_RECV_RECIPE && job->event.file == file && job->missing &&
		    off >= job->event.off && off + len <= job->event.off + job->event.len)
			job->missing -= len;
	}
}

/* [patch] */
static void take_patch(struct toy *toy, const struct lade_recv_event *event)
{
	struct toy_file *file = event->file;
	struct lade_slice bytes;
	struct lade_reader reader;

	lade_reader_init(&reader, event->data.data, event->data.len);
	if (lade_reader_get_varint(&reader, UINT64_MAX) != 2 * event->gap.len)
		toy->error = LADE_E_PROTOCOL;
	bytes = lade_reader_get_exact(&reader, event->gap.len);
	check(toy, lade_reader_finish(&reader));
	if (toy->error)
		return;
	memcpy(file->landed + event->gap.off, bytes.data, bytes.len);
	file->gaps++;
	fill(toy, file, event->gap.off, event->gap.len);
}

/* The bytes of the next chunk of a piece; 0: all were looked at. */
static uint32_t next_chunk(const struct toy_job *job)
{
	uint64_t left = job->event.len - job->looked_at;

	return left < TOY_CHUNK ? (uint32_t)left : TOY_CHUNK;
}

/* Look for a chunk in the old content, or ask for it. */
static void place_chunk(struct toy *toy, struct toy_job *job)
{
	static const uint8_t signature[LADE_BLOCK_DIGEST_LEN];
	struct toy_file *file = job->event.file;
	struct lade_recv_gap gap = { .off = job->event.off + job->looked_at, .len = next_chunk(job), .block_len = 64 };
	uint8_t old[TOY_CHUNK], digest[LADE_DIGEST_LEN];
	bool found;
	int result;

	gap.old_off = gap.off;
	gap.old_len = gap.len;
	read_old(file, gap.off, gap.len, old);
	toy->digest(old, gap.len, digest);
	found = lade_chunk_name(digest) == job->names[job->looked_at / TOY_CHUNK];
	if (!found && file->collisions) {
		file->collisions--;
		found = true;
	}
	if (found) {
		memcpy(file->landed + gap.off, old, gap.len);
		job->looked_at += gap.len;
		return;
	}
	if (gap.off / TOY_CHUNK % 2 == 0)
		result = lade_session_recv_want_gap(toy->receiver, job->event.slot, &gap,
						    lade_slice(signature, sizeof(signature)), &toy->to_sender.control);
	else
		result = lade_session_recv_want_literal(toy->receiver, job->event.slot, gap.off, gap.len,
							&toy->to_sender.control);
	if (check(toy, result)) {
		job->looked_at += gap.len;
		job->missing += gap.len;
	}
}

/* True if there is something to do for a piece: nothing may be asked for before what comes behind it is known. */
static bool piece_is_ready(const struct toy *toy, const struct toy_job *job)
{
	const struct toy_file *file = job->event.file;
	uint32_t len = next_chunk(job);

	if (lade_session_recv_hopeless(toy->receiver, job->event.slot))
		return true;
	return len ? job->event.off + job->looked_at + len < file->known : !job->missing;
}

/* ---- what lands ---- */

static void land(struct toy *toy, const struct lade_recv_event *event, struct lade_slice payload)
{
	struct toy_file *file = event->file;

	if (event->len != payload.len || event->off + event->len > sizeof(file->landed)) {
		toy->error = LADE_E_PROTOCOL;
		return;
	}
	if (file->unwritable)
		lade_session_recv_fail(toy->receiver, event->slot);
	else
		memcpy(file->landed + event->off, payload.data, payload.len);
	if (event->type == LADE_RECV_RUN && event->len <= TOY_CHUNK)
		file->literals++;
	else if (event->type == LADE_RECV_RUN)
		file->runs++;
	add_job(toy, event, false);
}

static void take_bundle(struct toy *toy, uint32_t count, struct lade_slice payload)
{
	struct lade_bundle_record record;
	struct lade_recv_event event;
	struct lade_reader reader;
	int step = 0;

	lade_reader_init(&reader, payload.data, payload.len);
	for (uint32_t i = 0; i < count && step >= 0; i++) {
		step = lade_bundle_get(&reader, &record);
		if (!step)
			step = lade_session_recv_record(toy->receiver, &record, &event);
		if (check(toy, step))
			land(toy, &event, event.data);
	}
	check(toy, lade_reader_finish(&reader));
}

static void receiver_event(struct toy *toy, const struct lade_message *message,
			   const struct lade_recv_event *event, struct lade_slice payload)
{
	switch (event->type) {
	case LADE_RECV_RUN:
		land(toy, event, payload);
		break;
	case LADE_RECV_BUNDLE:
		take_bundle(toy, message->bundle.count, payload);
		break;
	case LADE_RECV_RECIPE:
		take_recipe(toy, event);
		break;
	case LADE_RECV_HOLE:
		if (((struct toy_file *)event->file)->described)
			add_job(toy, event, true);
		break;
	case LADE_RECV_DESCRIBED:
		((struct toy_file *)event->file)->known = UINT64_MAX;
		break;
	case LADE_RECV_PATCH:
		take_patch(toy, event);
		break;
	case LADE_RECV_DESCRIPTOR:
		add_job(toy, event, true);
		break;
	case LADE_RECV_SETTLED:
		settled(toy, event);
		break;
	case LADE_RECV_END:
		toy->end_heard = true;
		break;
	default:
		break;
	}
}

bool toy_hear_receiver(struct toy *toy)
{
	struct lade_slice control, payload;
	struct lade_recv_event event;
	struct lade_message message;
	struct lade_reader reader;

	if (!next_frame(&toy->to_receiver, &control, &payload))
		return false;
	lade_reader_init(&reader, control.data, control.len);
	while (!toy->error && lade_reader_left(&reader)) {
		const uint8_t *start = reader.data + reader.off;
		int step = lade_message_get(&reader, &message);

		if (!step && message.type >= LADE_MSG_ROOT &&
		    message.type <= LADE_MSG_ENTRIES_END) {
			lade_writer_put_bytes(&toy->entries, start, message.encoded_len);
			continue;
		}
		if (!step)
			step = lade_session_recv_step(toy->receiver, &message, &event);
		if (check(toy, step) && step == 1)
			receiver_event(toy, &message, &event, payload);
	}
	return true;
}

/* Ask for the content of an entry, if it is wanted. False if no slot is free. */
static bool want(struct toy *toy, const struct lade_message *message,
		 const struct lade_recv_event *event)
{
	const struct lade_msg_want_recipe recipe = { .index = event->index, .cut_class = LADE_CUT_CLASS_MIN };
	const struct lade_msg_entry *entry = &message->entry;
	struct toy_file *file;
	int result;

	if (event->index == 0 || !S_ISREG(entry->mode) || !entry->size ||
	    entry->link >= LADE_LINK_FOLLOWS)
		return true;
	file = &toy->files[event->index - 1];
	file->landed_len = entry->size;
	if (file->unwanted)
		return true;
	if (file->described)
		result = lade_session_recv_want_recipe(toy->receiver, &recipe, entry->size, file,
						       &toy->to_sender.control);
	else
		result = lade_session_recv_want(toy->receiver, event->index, entry->size, file,
						&toy->to_sender.control);
	return check(toy, result);
}

static bool say_end(struct toy *toy)
{
	static const struct lade_msg_end end = { .entries = 0 };

	if (!toy->entries_ended || toy->end_said || lade_session_recv_open(toy->receiver))
		return false;
	lade_put_end(&toy->to_sender.control, &end);
	toy->end_said = true;
	return true;
}

bool toy_plan(struct toy *toy)
{
	struct lade_recv_event event;
	struct lade_message message;
	struct lade_reader reader;
	int step;

	lade_reader_init(&reader, toy->entries.data, toy->entries.len);
	reader.off = toy->entries_off;
	if (!lade_reader_left(&reader))
		return say_end(toy);
	step = lade_message_get(&reader, &message);
	if (!step)
		step = lade_session_recv_step(toy->receiver, &message, &event);
	if (!check(toy, step))
		return true;
	toy->entries_off += message.encoded_len;
	if (event.type == LADE_RECV_ENTRY) {
		if (!want(toy, &message, &event) && !toy->error)
			toy->error = LADE_E_AGAIN; /* fewer files than slots: never */
		toy->planned = event.index + 1;
	}
	toy->entries_ended |= event.type == LADE_RECV_ENTRIES_END;
	lade_session_recv_planned(toy->receiver, toy->planned, message.encoded_len,
				  &toy->to_sender.control);
	return true;
}

static void copy(struct toy *toy, const struct toy_job *job)
{
	struct toy_file *file = job->event.file;
	bool changed = job->event.attempt < file->changes;
	struct lade_recv_source source = { .size = file->size };
	struct lade_recv_event event;

	read_file(file, 0, 0, file->size, file->landed);
	lade_session_recv_copied(toy->receiver, job->event.slot, true, changed, &source, &event);
	settled(toy, &event);
}

/* A job that can be done, from which on; -1: there is none. */
static int pick_job(const struct toy *toy, size_t which)
{
	for (size_t i = 0; i < toy->job_count; i++) {
		size_t at = (which + i) % toy->job_count;
		const struct toy_job *job = &toy->jobs[at];

		if (job->event.type != LADE_RECV_RECIPE || piece_is_ready(toy, job))
			return (int)at;
	}
	return -1;
}

bool toy_work(struct toy *toy, size_t which)
{
	const struct lade_recv_event *event;
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_recv_event next;
	struct toy_file *file;
	struct toy_job job;
	int at = pick_job(toy, which);
	bool good;

	if (at < 0)
		return false;
	job = toy->jobs[at];
	event = &job.event;
	file = event->file;
	if (event->type == LADE_RECV_RECIPE && next_chunk(&job) &&
	    !lade_session_recv_hopeless(toy->receiver, event->slot)) {
		place_chunk(toy, &toy->jobs[at]);
		return true;
	}
	toy->jobs[at] = toy->jobs[--toy->job_count];
	if (event->type == LADE_RECV_DESCRIPTOR) {
		copy(toy, &job);
		return true;
	}
	if (event->type == LADE_RECV_HOLE) /* there is nothing yet where it is, and nothing to judge but that */
		job.event.len = 0;
	toy->digest(file->landed + event->off, event->len, digest);
	good = job.good || (!event->discard && memcmp(digest, job.digest, LADE_DIGEST_LEN) == 0);
	if (good && event->type == LADE_RECV_RUN)
		fill(toy, file, event->off, (uint32_t)event->len);
	if (lade_session_recv_verified(toy->receiver, event->slot, event->off, (uint32_t)event->len,
				       good, &toy->to_sender.control, &next) == 1)
		settled(toy, &next);
	return true;
}

/* ---- all of it ---- */

static bool any_of(struct toy *toy)
{
	bool did = toy_walk(toy);

	did |= toy_hear_receiver(toy);
	did |= toy_plan(toy);
	did |= toy_work(toy, 0);
	did |= toy_hear_sender(toy);
	did |= toy_feed(toy, 0);
	return did;
}

int toy_run(struct toy *toy)
{
	while (!toy->error && !toy->end_heard)
		if (!any_of(toy))
			return toy->error ? toy->error : LADE_E_AGAIN;
	return toy->error;
}

static bool do_one(struct toy *toy, unsigned action, size_t which)
{
	switch (action) {
	case 0:
		return toy_walk(toy);
	case 1:
		return toy_hear_receiver(toy);
	case 2:
		return toy_plan(toy);
	case 3:
		return toy_work(toy, which);
	case 4:
		return toy_hear_sender(toy);
	default:
		return toy_feed(toy, which);
	}
}

int toy_run_shuffled(struct toy *toy, uint64_t seed)
{
	uint64_t random = seed * 2 + 1;
	unsigned idle = 0;

	for (unsigned step = 0; step < STEPS_MAX && !toy->error && !toy->end_heard; step++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		idle = do_one(toy, (unsigned)(random >> 33) % 6, (size_t)(random >> 40)) ? 0
											 : idle + 1;
		if (idle > 1000)
			return LADE_E_AGAIN;
	}
	if (!toy->error && !toy->end_heard)
		return LADE_E_AGAIN;
	return toy->error;
}
