/*
 * What comes between the data of a protected connection: alerts (RFC 8446, 6) and KeyUpdate (4.6.3). Pure.
 */
#ifndef LADE_TRANSPORT_TLS_CONTROL_H
#define LADE_TRANSPORT_TLS_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define LADE_TLS_ALERT_LEN 2u
#define LADE_TLS_KEY_UPDATE_LEN 5u

/* Alerts that we send ourselves. */
enum lade_tls_alert {
	LADE_TLS_CLOSE_NOTIFY = 0,
	LADE_TLS_UNEXPECTED_MESSAGE = 10,
	LADE_TLS_BAD_RECORD_MAC = 20,
	LADE_TLS_RECORD_OVERFLOW = 22,
};

/* What a record that is no data says. */
enum lade_tls_event {
	LADE_TLS_PEER_ENDED = 1,      /* close_notify */
	LADE_TLS_PEER_REKEYED,        /* its next record is protected with its next secret */
	LADE_TLS_PEER_REKEYED_ASKING, /* and ours shall be, too */
};

/* What len bytes of a record of a type that is not data say: an event; or LADE_E_CLOSED for a fatal alert, LADE_E_PROTOCOL for what nobody may say. */
int lade_tls_control(uint8_t type, const uint8_t *bytes, size_t len);

/* A fault's operation that names an alert; static text. */
const char *lade_tls_alert_operation(uint8_t alert);

/* Encode an alert: a fatal one, but for close_notify. */
void lade_tls_put_alert(uint8_t out[LADE_TLS_ALERT_LEN], enum lade_tls_alert alert);

/* Encode a KeyUpdate that asks for none. */
void lade_tls_put_key_update(uint8_t out[LADE_TLS_KEY_UPDATE_LEN]);

#endif
