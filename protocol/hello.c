/*
 * The fixed first bytes. The magic begins with a byte that no text starts with and
 * holds CR LF, so that a shell's greeting, HTTP and a line-ending translation are
 * all told from a peer.
 */
#include "protocol/hello.h"

#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/error.h"

static const uint8_t magic[LADE_MAGIC_LEN] = { 0x9f, 'l', 'a', 'd', 'e', '\r', '\n', 0x1a };

void lade_hello_put(uint8_t out[LADE_HELLO_LEN], const struct lade_hello *hello)
{
	memset(out, 0, LADE_HELLO_LEN);
	memcpy(out, magic, sizeof(magic));
	lade_put_le16(out + 8, hello->version_min);
	lade_put_le16(out + 10, hello->version_max);
	lade_put_le32(out + 12, hello->features);
	memcpy(out + 16, hello->secret, LADE_SECRET_LEN);
}

int lade_hello_check_magic(const uint8_t *bytes, size_t len)
{
	if (len > LADE_MAGIC_LEN)
		len = LADE_MAGIC_LEN;
	return memcmp(bytes, magic, len) == 0 ? 0 : LADE_E_STRANGER;
}

int lade_hello_get(const uint8_t bytes[LADE_HELLO_LEN], struct lade_hello *hello_out)
{
	if (lade_hello_check_magic(bytes, LADE_MAGIC_LEN))
		return LADE_E_STRANGER;
	hello_out->version_min = lade_get_le16(bytes + 8);
	hello_out->version_max = lade_get_le16(bytes + 10);
	hello_out->features = lade_get_le32(bytes + 12);
	memcpy(hello_out->secret, bytes + 16, LADE_SECRET_LEN);
	return hello_out->version_min <= hello_out->version_max ? 0 : LADE_E_PROTOCOL;
}

int lade_hello_version(const struct lade_hello *ours, const struct lade_hello *theirs)
{
	uint16_t high = ours->version_max < theirs->version_max ? ours->version_max : theirs->version_max;
	uint16_t low = ours->version_min > theirs->version_min ? ours->version_min : theirs->version_min;

	return low <= high ? high : LADE_E_VERSION;
}
