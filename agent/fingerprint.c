/*
 * Fingerprints as text, by libsodium's codecs, which know no locale and take no more than they should.
 */
#include "agent/fingerprint.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#define PREFIX "SHA256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

static_assert(LADE_FINGERPRINT_TEXT_SIZE ==
	      PREFIX_LEN + sodium_base64_ENCODED_LEN(LADE_TLS_FINGERPRINT_LEN, sodium_base64_VARIANT_ORIGINAL_NO_PADDING), "room for all of it");

void lade_fingerprint_show(const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], char text_out[LADE_FINGERPRINT_TEXT_SIZE])
{
	memcpy(text_out, PREFIX, PREFIX_LEN);
	(void)sodium_bin2base64(text_out + PREFIX_LEN, LADE_FINGERPRINT_TEXT_SIZE - PREFIX_LEN, fingerprint, LADE_TLS_FINGERPRINT_LEN,
				sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

int lade_fingerprint_parse(const char *text, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN])
{
	bool prefixed = strncasecmp(text, PREFIX, PREFIX_LEN) == 0;
	const char *body = prefixed ? text + PREFIX_LEN : text;
	size_t body_len = strlen(body), len = 0;
	const char *end;

	if (sodium_hex2bin(fingerprint_out, LADE_TLS_FINGERPRINT_LEN, body, body_len, ":", &len, &end) == 0 && !*end &&
	    len == LADE_TLS_FINGERPRINT_LEN)
		return 0;
	/* Base64 alone could be anything. */
	if (!prefixed)
		return LADE_E_USAGE;
	if (body_len && body[body_len - 1] == '=')
		body_len--;
	if (sodium_base642bin(fingerprint_out, LADE_TLS_FINGERPRINT_LEN, body, body_len, NULL, &len, &end,
			      sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 && end == body + body_len && len == LADE_TLS_FINGERPRINT_LEN)
		return 0;
	return LADE_E_USAGE;
}
