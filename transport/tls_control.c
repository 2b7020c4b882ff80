/*
 * A message that changes keys stands alone in its record (RFC 8446, 5.1), so nothing is assembled from several.
 */
#include "transport/tls_control.h"

#include <string.h>

#include "transport/tls_record.h"

#define ALERT_WARNING 1u
#define ALERT_FATAL 2u
#define ALERT_USER_CANCELED 90u
#define KEY_UPDATE 24u

static const uint8_t key_update_start[] = { KEY_UPDATE, 0, 0, 1 };

/* RFC 8446, B.2, and those of older versions that a peer may still send. */
static const struct {
	uint8_t alert;
	const char *operation;
} alerts[] = {
	{ 10, "go on after the TLS alert unexpected_message of" },
	{ 20, "go on after the TLS alert bad_record_mac of" },
	{ 22, "go on after the TLS alert record_overflow of" },
	{ 40, "go on after the TLS alert handshake_failure of" },
	{ 42, "go on after the TLS alert bad_certificate of" },
	{ 43, "go on after the TLS alert unsupported_certificate of" },
	{ 44, "go on after the TLS alert certificate_revoked of" },
	{ 45, "go on after the TLS alert certificate_expired of" },
	{ 46, "go on after the TLS alert certificate_unknown of" },
	{ 47, "go on after the TLS alert illegal_parameter of" },
	{ 48, "go on after the TLS alert unknown_ca of" },
	{ 49, "go on after the TLS alert access_denied of" },
	{ 50, "go on after the TLS alert decode_error of" },
	{ 51, "go on after the TLS alert decrypt_error of" },
	{ 70, "go on after the TLS alert protocol_version of" },
	{ 71, "go on after the TLS alert insufficient_security of" },
	{ 80, "go on after the TLS alert internal_error of" },
	{ 86, "go on after the TLS alert inappropriate_fallback of" },
	{ 109, "go on after the TLS alert missing_extension of" },
	{ 110, "go on after the TLS alert unsupported_extension of" },
	{ 112, "go on after the TLS alert unrecognized_name of" },
	{ 113, "go on after the TLS alert bad_certificate_status_response of" },
	{ 115, "go on after the TLS alert unknown_psk_identity of" },
	{ 116, "go on after the TLS alert certificate_required of" },
	{ 120, "go on after the TLS alert no_application_protocol of" },
};

const char *lade_tls_alert_operation(uint8_t alert)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].alert == alert)
			return alerts[i].operation;
	return "go on after a TLS alert of";
}

/* In TLS 1.3 all alerts but close_notify and user_canceled are fatal, whatever level they claim; after the latter comes the former. */
static int hear_alert(const uint8_t *bytes, size_t len)
{
	if (len != LADE_TLS_ALERT_LEN)
		return LADE_E_PROTOCOL;
	return bytes[1] == LADE_TLS_CLOSE_NOTIFY || bytes[1] == ALERT_USER_CANCELED ? LADE_TLS_PEER_ENDED : LADE_E_CLOSED;
}

static int hear_handshake(const uint8_t *bytes, size_t len)
{
	if (len != LADE_TLS_KEY_UPDATE_LEN || memcmp(bytes, key_update_start, sizeof(key_update_start)) != 0 || bytes[4] > 1)
		return LADE_E_PROTOCOL;
	return bytes[4] ? LADE_TLS_PEER_REKEYED_ASKING : LADE_TLS_PEER_REKEYED;
}

int lade_tls_control(uint8_t type, const uint8_t *bytes, size_t len)
{
	if (type == LADE_TLS_ALERT)
		return hear_alert(bytes, len);
	return type == LADE_TLS_HANDSHAKE ? hear_handshake(bytes, len) : LADE_E_PROTOCOL;
}

void lade_tls_put_alert(uint8_t out[LADE_TLS_ALERT_LEN], enum lade_tls_alert alert)
{
	out[0] = alert == LADE_TLS_CLOSE_NOTIFY ? ALERT_WARNING : ALERT_FATAL;
	out[1] = (uint8_t)alert;
}

void lade_tls_put_key_update(uint8_t out[LADE_TLS_KEY_UPDATE_LEN])
{
	memcpy(out, key_update_start, sizeof(key_update_start));
	out[4] = 0;
}
