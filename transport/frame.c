/*
 * Reading and writing of frames. A frame is bounded before memory is taken for it.
 */
#include "transport/frame.h"

#include <assert.h>

#include "protocol/byteorder.h"
#include "protocol/limits.h"

/* Longest control that is read ahead. */
#define AHEAD_MAX (LADE_CONNECTION_AHEAD_MAX - LADE_FRAME_HEADER_LEN)

int lade_frame_get_header(const uint8_t header[LADE_FRAME_HEADER_LEN], uint32_t *control_len_out,
			  uint32_t *payload_len_out)
{
	uint32_t control_len = lade_get_le32(header), payload_len = lade_get_le32(header + 4);

	if (control_len > LADE_CONTROL_MAX || payload_len > LADE_PAYLOAD_MAX)
		return LADE_E_LIMIT;
	if (control_len == 0)
		return LADE_E_PROTOCOL;
	*control_len_out = control_len;
	*payload_len_out = payload_len;
	return 0;
}

int lade_frame_read(struct lade_connection *connection, struct lade_writer *control, uint32_t *payload_len_out,
		    struct lade_fault *fault)
{
	uint8_t header[LADE_FRAME_HEADER_LEN];
	uint32_t control_len;
	uint8_t *room;
	int error;

	lade_writer_reset(control);
	error = lade_connection_read_ahead(connection, header, sizeof(header), connection->frame_ahead, fault);
	if (error)
		return error;
	error = lade_frame_get_header(header, &control_len, payload_len_out);
	if (error)
		return lade_fault_set(fault, error, "receive from", connection->peer);
	room = lade_writer_reserve(control, control_len);
	if (!room)
		return lade_fault_set(fault, control->error, "receive from", connection->peer);
	error = lade_connection_read(connection, room, control_len, fault);
	if (error) {
		connection->torn = true;
		return error;
	}
	lade_writer_commit(control, control_len);
	connection->received_len += LADE_FRAME_HEADER_LEN + control_len + *payload_len_out;
	if (*payload_len_out)
		connection->frame_ahead = control_len <= AHEAD_MAX ? control_len : 0;
	return 0;
}

int lade_frame_read_payload(struct lade_connection *connection, void *buf, size_t len, struct lade_fault *fault)
{
	size_t ahead = connection->frame_ahead ? LADE_FRAME_HEADER_LEN + connection->frame_ahead : 0;

	return lade_connection_read_ahead(connection, buf, len, ahead, fault);
}

/* The header of a frame that is about to be written, which is counted. */
static void put_header(struct lade_connection *connection, uint8_t header[LADE_FRAME_HEADER_LEN], size_t control_len,
		       size_t payload_len)
{
	assert(control_len && control_len <= LADE_CONTROL_MAX && payload_len <= LADE_PAYLOAD_MAX);
	lade_put_le32(header, (uint32_t)control_len);
	lade_put_le32(header + 4, (uint32_t)payload_len);
	connection->sent_len += LADE_FRAME_HEADER_LEN + control_len + payload_len;
}

int lade_frame_write(struct lade_connection *connection, struct lade_slice control, uint32_t payload_len,
		     struct lade_fault *fault)
{
	uint8_t header[LADE_FRAME_HEADER_LEN];
	struct iovec vectors[] = { { header, sizeof(header) }, { (void *)control.data, control.len } };

	put_header(connection, header, control.len, payload_len);
	return lade_connection_write(connection, vectors, 2, payload_len > 0, fault);
}

int lade_frame_write_payload(struct lade_connection *connection, struct lade_slice control, struct lade_slice payload,
			     struct lade_fault *fault)
{
	uint8_t header[LADE_FRAME_HEADER_LEN];
	struct iovec vectors[] = {
		{ header, sizeof(header) },
		{ (void *)control.data, control.len },
		{ (void *)payload.data, payload.len },
	};

	put_header(connection, header, control.len, payload.len);
	return lade_connection_write(connection, vectors, payload.len ? 3 : 2, false, fault);
}

int lade_frame_write_descriptor(struct lade_connection *connection, struct lade_slice control, int descriptor,
				struct lade_fault *fault)
{
	uint8_t header[LADE_FRAME_HEADER_LEN];
	struct iovec vectors[] = { { header, sizeof(header) }, { (void *)control.data, control.len } };

	put_header(connection, header, control.len, 0);
	return lade_connection_write_with(connection, vectors, 2, descriptor, fault);
}
