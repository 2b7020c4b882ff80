/*
 * Frames: control bytes and the payload that belongs to their last message (see
 * PROTOCOL.md [frame]).
 *
 * A header of eight bytes (control length, payload length, both le32), the control
 * bytes, the payload. A frame is read ahead as far as its control is expected to reach, which
 * is as far as that of the last frame with payload: so payload can be spliced from
 * the descriptor, unless a guess went wrong (the connection's ahead_len).
 */
#ifndef LADE_TRANSPORT_FRAME_H
#define LADE_TRANSPORT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "transport/connection.h"

#define LADE_FRAME_HEADER_LEN 8u

/* Decode a header. Returns 0, or LADE_E_LIMIT for lengths beyond limits.h, LADE_E_PROTOCOL for payload without control. */
int lade_frame_get_header(const uint8_t header[LADE_FRAME_HEADER_LEN], uint32_t *control_len_out,
			  uint32_t *payload_len_out);

/*
 * Read the next frame's header and control into control (reset first; its limit is at least
 * LADE_CONTROL_MAX). The payload, *payload_len_out bytes, is left on the connection for the caller.
 * Returns 0, LADE_E_CLOSED, LADE_E_SYSTEM, LADE_E_LIMIT, LADE_E_PROTOCOL, LADE_E_MEMORY.
 */
int lade_frame_read(struct lade_connection *connection, struct lade_writer *control, uint32_t *payload_len_out,
		    struct lade_fault *fault);

/*
 * Read len bytes of the payload of the frame that was read last, up to its end, into memory, and the
 * beginning of the next frame if it is there. Returns 0, LADE_E_CLOSED, LADE_E_SYSTEM.
 */
int lade_frame_read_payload(struct lade_connection *connection, void *buf, size_t len, struct lade_fault *fault);

/* Write a frame's header and control; the caller then writes payload_len bytes itself. */
int lade_frame_write(struct lade_connection *connection, struct lade_slice control, uint32_t payload_len,
		     struct lade_fault *fault);

/* Write a whole frame whose payload is in memory. */
int lade_frame_write_payload(struct lade_connection *connection, struct lade_slice control, struct lade_slice payload,
			     struct lade_fault *fault);

/* Write a frame without payload that carries a descriptor (socket pairs only). */
int lade_frame_write_descriptor(struct lade_connection *connection, struct lade_slice control, int descriptor,
				struct lade_fault *fault);

#endif
