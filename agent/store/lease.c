/*
 * Leases. It is their names that decide; what is in them says who is meant to have put them.
 */
#include "agent/store/lease.h"

#include <assert.h>
#include <string.h>

#include "protocol/error.h"

#define WORDS "lade session"

static_assert(LADE_LEASE_LEN == LADE_OBJECT_HEADER_LEN + LADE_PARTY_ID_LEN + LADE_SESSION_RANDOM_LEN + 8 + LADE_SIGNATURE_LEN, "as in FORMAT.md");

int lade_lease_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_lease *lease, const uint8_t *seed)
{
	lade_object_begin(writer, LADE_OBJECT_LEASE, LADE_SUITE_PLAIN, repository);
	lade_writer_put_bytes(writer, lease->session.party, sizeof(lease->session.party));
	lade_writer_put_bytes(writer, lease->session.random, sizeof(lease->session.random));
	lade_object_put_u64(writer, lease->time);
	return lade_object_end(writer, lease->session.party, seed, WORDS);
}

int lade_lease_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_lease *lease_out)
{
	enum lade_suite suite;
	struct lade_reader reader;
	int error;

	memset(lease_out, 0, sizeof(*lease_out));
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_LEASE, repository, &suite);
	if (error)
		return error;
	lade_object_get_bytes(&reader, lease_out->session.party, sizeof(lease_out->session.party));
	lade_object_get_bytes(&reader, lease_out->session.random, sizeof(lease_out->session.random));
	lease_out->time = lade_object_get_u64(&reader);
	lease_out->is_signed = lade_object_get_end(&reader, lease_out->session.party);
	return lade_reader_finish(&reader) ? LADE_E_CHANGED : 0;
}

int lade_lease_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return len == LADE_LEASE_LEN ? lade_object_verify(object, len, public_key, WORDS) : LADE_E_CHANGED;
}
