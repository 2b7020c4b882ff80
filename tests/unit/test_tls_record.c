/*
 * Tests of transport/tls_keys, tls_record and tls_control against the example of RFC 8448, 3, and at their bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/tls_control.h"
#include "transport/tls_keys.h"
#include "transport/tls_record.h"

/* {client} derive secret "tls13 c ap traffic", and the keys that come of it. */
static const uint8_t client_secret[LADE_TLS_SECRET_MAX] = {
	0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d, 0xc0, 0x5a, 0xf8, 0x88, 0x9b, 0xce, 0x65, 0x52,
	0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf, 0x00, 0x87, 0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04, 0xa5,
};
static const uint8_t client_key[16] = {
	0x17, 0x42, 0x2d, 0xda, 0x59, 0x6e, 0xd5, 0xd9, 0xac, 0xd8, 0x90, 0xe3, 0xc6, 0x3f, 0x50, 0x51,
};
static const uint8_t client_iv[12] = { 0x5b, 0x78, 0x92, 0x3d, 0xee, 0x08, 0x57, 0x90, 0x33, 0xe5, 0x23, 0xd9 };

/* {client} send application_data record: 50 bytes, 0 to 49. */
static const uint8_t client_record[] = {
	0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94, 0xd0, 0xaf, 0xfa, 0xfe, 0x82, 0x28,
	0xba, 0x55, 0xcb, 0xef, 0xac, 0xea, 0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc, 0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8,
	0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20, 0x44, 0x1e, 0x2b, 0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62,
	0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd, 0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4,
};
/* {client} send alert record: close_notify, after it. */
static const uint8_t client_alert[] = {
	0x17, 0x03, 0x03, 0x00, 0x13, 0xc9, 0x87, 0x27, 0x60, 0x65, 0x56, 0x66, 0xb7, 0x4d, 0x7f, 0xf1, 0x15, 0x3e,
	0xfd, 0x6d, 0xb6, 0xd0, 0xb0, 0xe3,
};

static struct lade_tls_protection *protection(uint16_t suite, bool seals)
{
	struct lade_tls_direction direction = { .records = 0 };
	struct lade_tls_protection *made;

	memcpy(direction.secret, client_secret, sizeof(client_secret));
	assert_int_equal(lade_tls_protection_new(suite, &direction, seals, &made), 0);
	return made;
}

static void seal(struct lade_tls_protection *sealer, uint8_t type, const void *bytes, size_t len, uint8_t *out)
{
	struct iovec vector = { (void *)bytes, len }, *at = &vector;

	assert_int_equal(lade_tls_seal(sealer, type, &at, len, out), 0);
}

static void test_keys(void **state)
{
	struct lade_tls_traffic_keys keys;
	uint8_t out[64];

	(void)state;
	assert_int_equal(lade_tls_traffic_keys(LADE_TLS_AES_128_GCM, client_secret, &keys), 0);
	assert_memory_equal(keys.key, client_key, sizeof(client_key));
	assert_memory_equal(keys.iv, client_iv, sizeof(client_iv));
	assert_int_equal(lade_tls_traffic_keys(0x1304, client_secret, &keys), LADE_E_UNSUPPORTED);
	assert_int_equal(lade_tls_expand_label(LADE_TLS_AES_128_GCM, client_secret, "key", out, 33), LADE_E_UNSUPPORTED);
	assert_int_equal(lade_tls_key_len(LADE_TLS_CHACHA20_POLY1305), 32);
	assert_int_equal(lade_tls_secret_len(LADE_TLS_AES_256_GCM), 48);
	assert_int_equal(lade_tls_key_len(1), 0);
}

static void test_example(void **state)
{
	struct lade_tls_protection *sealer = protection(LADE_TLS_AES_128_GCM, true);
	struct lade_tls_protection *opener = protection(LADE_TLS_AES_128_GCM, false);
	uint8_t bytes[50], record[sizeof(client_record)], type, alert[LADE_TLS_ALERT_LEN];
	/* In pieces, which make no difference. */
	struct iovec vectors[] = { { bytes, 1 }, { NULL, 0 }, { bytes + 1, 17 }, { bytes + 18, 40 } }, *at = vectors;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(lade_tls_seal(sealer, LADE_TLS_DATA, &at, 50, record), 0);
	assert_memory_equal(record, client_record, sizeof(record));
	assert_ptr_equal(at, &vectors[3]);
	assert_int_equal(at->iov_len, 8);
	lade_tls_put_alert(alert, LADE_TLS_CLOSE_NOTIFY);
	seal(sealer, LADE_TLS_ALERT, alert, sizeof(alert), record);
	assert_memory_equal(record, client_alert, sizeof(client_alert));
	assert_int_equal(lade_tls_protection_direction(sealer)->records, 2);

	assert_int_equal(lade_tls_record_len(client_record, sizeof(client_record)), sizeof(client_record));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(lade_tls_open(opener, client_record, sizeof(client_record), bytes, &len, &type), 0);
	assert_int_equal(len, 50);
	assert_int_equal(type, LADE_TLS_DATA);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i);
	memcpy(record, client_alert, sizeof(client_alert));
	assert_int_equal(lade_tls_open(opener, record, sizeof(client_alert), record + LADE_TLS_HEADER_LEN, &len, &type), 0);
	assert_int_equal(type, LADE_TLS_ALERT);
	assert_int_equal(lade_tls_control(type, record + LADE_TLS_HEADER_LEN, len), LADE_TLS_PEER_ENDED);
	lade_tls_protection_free(sealer);
	lade_tls_protection_free(opener);
}

static void test_record_len(void **state)
{
	const uint8_t longest[] = { 23, 3, 3, 0x40, 0x11 }, too_long[] = { 23, 3, 3, 0x40, 0x12 };
	const uint8_t shortest[] = { 23, 3, 3, 0, 17 }, too_short[] = { 23, 3, 3, 0, 16 }, plain[] = { 22, 3, 3, 0, 17 };

	(void)state;
	for (size_t len = 0; len < LADE_TLS_HEADER_LEN; len++)
		assert_int_equal(lade_tls_record_len(longest, len), 0);
	assert_int_equal(lade_tls_record_len(longest, 5), LADE_TLS_RECORD_MAX);
	assert_int_equal(lade_tls_record_len(too_long, 5), LADE_E_LIMIT);
	assert_int_equal(lade_tls_record_len(shortest, 5), LADE_TLS_EXTRA_LEN);
	assert_int_equal(lade_tls_record_len(too_short, 5), LADE_E_PROTOCOL);
	assert_int_equal(lade_tls_record_len(plain, 5), LADE_E_PROTOCOL);
}

/* Each bit of a record counts, and so do its number and its key. */
static void test_every_bit(void **state)
{
	static const uint16_t suites[] = { LADE_TLS_AES_128_GCM, LADE_TLS_AES_256_GCM, LADE_TLS_CHACHA20_POLY1305 };
	uint8_t record[LADE_TLS_EXTRA_LEN + 8], out[8], type;
	size_t len;

	(void)state;
	for (size_t suite = 0; suite < 3; suite++) {
		struct lade_tls_protection *sealer = protection(suites[suite], true);
		struct lade_tls_protection *opener = protection(suites[suite], false);

		seal(sealer, LADE_TLS_DATA, "contents", 8, record);
		for (size_t bit = 0; bit < sizeof(record) * 8; bit++) {
			record[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(lade_tls_open(opener, record, sizeof(record), out, &len, &type), LADE_E_CHANGED);
			record[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_int_equal(lade_tls_open(opener, record, sizeof(record), out, &len, &type), 0);
		assert_memory_equal(out, "contents", 8);
		assert_int_equal(lade_tls_open(opener, record, sizeof(record), out, &len, &type), LADE_E_CHANGED);
		assert_int_equal(lade_tls_protection_update(sealer), 0);
		seal(sealer, LADE_TLS_DATA, "contents", 8, record);
		assert_int_equal(lade_tls_open(opener, record, sizeof(record), out, &len, &type), LADE_E_CHANGED);
		assert_int_equal(lade_tls_protection_update(opener), 0);
		assert_int_equal(lade_tls_open(opener, record, sizeof(record), out, &len, &type), 0);
		lade_tls_protection_free(sealer);
		lade_tls_protection_free(opener);
	}
}

static void test_lengths(void **state)
{
	static const size_t lens[] = { 0, 1, 15, 16, 17, 16383, 16384 };
	uint8_t *bytes = calloc(1, LADE_TLS_PLAIN_MAX), *record = malloc(LADE_TLS_RECORD_MAX), type;
	struct lade_tls_protection *sealer = protection(LADE_TLS_CHACHA20_POLY1305, true);
	struct lade_tls_protection *opener = protection(LADE_TLS_CHACHA20_POLY1305, false);
	size_t len;

	(void)state;
	assert_non_null(bytes);
	assert_non_null(record);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		seal(sealer, LADE_TLS_DATA, bytes, lens[i], record);
		assert_int_equal(lade_tls_record_len(record, LADE_TLS_HEADER_LEN), lens[i] + LADE_TLS_EXTRA_LEN);
		assert_int_equal(lade_tls_open(opener, record, lens[i] + LADE_TLS_EXTRA_LEN, record + LADE_TLS_HEADER_LEN, &len,
					       &type), 0);
		assert_int_equal(len, lens[i]);
		assert_int_equal(type, LADE_TLS_DATA);
	}
	/* Zeros alone are no content, however many. */
	seal(sealer, 0, bytes, LADE_TLS_PLAIN_MAX, record);
	assert_int_equal(lade_tls_open(opener, record, LADE_TLS_RECORD_MAX, record + LADE_TLS_HEADER_LEN, &len, &type),
			 LADE_E_PROTOCOL);
	lade_tls_protection_free(sealer);
	lade_tls_protection_free(opener);
	lade_tls_protection_free(NULL);
	free(record);
	free(bytes);
}

static void test_control(void **state)
{
	uint8_t update[LADE_TLS_KEY_UPDATE_LEN];

	(void)state;
	lade_tls_put_key_update(update);
	assert_int_equal(lade_tls_control(LADE_TLS_HANDSHAKE, update, sizeof(update)), LADE_TLS_PEER_REKEYED);
	update[4] = 1;
	assert_int_equal(lade_tls_control(LADE_TLS_HANDSHAKE, update, sizeof(update)), LADE_TLS_PEER_REKEYED_ASKING);
	update[4] = 2;
	assert_int_equal(lade_tls_control(LADE_TLS_HANDSHAKE, update, sizeof(update)), LADE_E_PROTOCOL);
	assert_int_equal(lade_tls_control(LADE_TLS_ALERT, (const uint8_t *)"\1\132", 2), LADE_TLS_PEER_ENDED);
	assert_int_equal(lade_tls_control(LADE_TLS_ALERT, (const uint8_t *)"\2\24", 2), LADE_E_CLOSED);
	assert_int_equal(lade_tls_control(LADE_TLS_ALERT, NULL, 0), LADE_E_PROTOCOL);
	assert_int_equal(lade_tls_control(LADE_TLS_DATA, update, 5), LADE_E_PROTOCOL);
	assert_string_equal(lade_tls_alert_operation(48), "go on after the TLS alert unknown_ca of");
	assert_string_equal(lade_tls_alert_operation(200), "go on after a TLS alert of");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_record_len),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_control),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
