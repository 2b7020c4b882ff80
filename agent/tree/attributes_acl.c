/*
 * The bytes of an ACL: checked, compared with mode bits, mapped.
 *
 * The kernel demands the order of tags, and one entry each of owner, group, mask and
 * others; ids among entries of one tag it takes in any order. They are sorted here,
 * as setfacl(1) leaves them, so that equal ACLs are equal bytes.
 *
 * Limits: an ACL with rights of another kind (NFSv4, SMB) is an attribute of another
 * name, and none of ours.
 */
#include "agent/tree/attributes_acl.h"

#include <string.h>

#define ACCESS_NAME "system.posix_acl_access"
#define DEFAULT_NAME "system.posix_acl_default"
#define VERSION 2u
#define HEAD_LEN 4u
#define ENTRY_LEN 8u
#define PERM_MAX 7u

enum tag {
	TAG_OWNER = 0x01,
	TAG_USER = 0x02,
	TAG_OWNING = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHERS = 0x20
};

struct acl_entry {
	unsigned tag;
	unsigned perm;
	uint32_t id;
};

static struct acl_entry entry_get(const uint8_t *at)
{
	struct acl_entry entry;

	entry.tag = at[0] | (unsigned)at[1] << 8;
	entry.perm = at[2] | (unsigned)at[3] << 8;
	entry.id = at[4] | (uint32_t)at[5] << 8 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 24;
	return entry;
}

static void entry_put(uint8_t *at, struct acl_entry entry)
{
	at[0] = (uint8_t)entry.tag;
	at[1] = (uint8_t)(entry.tag >> 8);
	at[2] = (uint8_t)entry.perm;
	at[3] = (uint8_t)(entry.perm >> 8);
	for (unsigned i = 0; i < 4; i++)
		at[4 + i] = (uint8_t)(entry.id >> 8 * i);
}

static bool is_named(unsigned tag)
{
	return tag == TAG_USER || tag == TAG_GROUP;
}

static enum lade_identity_kind kind_of(unsigned tag)
{
	return tag == TAG_USER ? LADE_IDENTITY_USER : LADE_IDENTITY_GROUP;
}

static bool name_is(struct lade_slice name, const char *text)
{
	return name.len == strlen(text) && memcmp(name.data, text, name.len) == 0;
}

bool lade_attributes_acl_is_name(struct lade_slice name)
{
	return name_is(name, ACCESS_NAME) || name_is(name, DEFAULT_NAME);
}

bool lade_attributes_acl_is_valid(struct lade_slice value)
{
	const unsigned always = TAG_OWNER | TAG_OWNING | TAG_OTHERS;
	unsigned seen = 0;
	struct acl_entry entry;

	if (value.len < HEAD_LEN || (value.len - HEAD_LEN) % ENTRY_LEN != 0)
		return false;
	if (value.data[0] != VERSION || value.data[1] || value.data[2] || value.data[3])
		return false;
	for (size_t off = HEAD_LEN; off < value.len; off += ENTRY_LEN) {
		entry = entry_get(value.data + off);
		/* Tags are single bits that rise; only named ones come twice. */
		if (entry.tag == 0 || entry.tag > TAG_OTHERS || (entry.tag & (entry.tag - 1)) != 0)
			return false;
		if (seen > (entry.tag << 1) - 1 || ((seen & entry.tag) && !is_named(entry.tag)))
			return false;
		if (entry.perm > PERM_MAX)
			return false;
		seen |= entry.tag;
	}
	if ((seen & always) != always)
		return false;
	return !(seen & (TAG_USER | TAG_GROUP)) || (seen & TAG_MASK);
}

bool lade_attributes_acl_is_mode(struct lade_slice name, struct lade_slice value)
{
	return name_is(name, ACCESS_NAME) && value.len == HEAD_LEN + 3 * ENTRY_LEN;
}

static bool sorts_before(struct acl_entry a, struct acl_entry b)
{
	return a.tag != b.tag ? a.tag < b.tag : is_named(a.tag) && a.id < b.id;
}

/*
 * Heap sort, since a peer chooses up to 8,000 entries: let the entry at place `at`
 * of count sink below those that sort after it.
 */
static void entry_sink(uint8_t *entries, size_t at, size_t count)
{
	struct acl_entry moving = entry_get(entries + at * ENTRY_LEN), larger, other;
	size_t below;

	while ((below = 2 * at + 1) < count) {
		larger = entry_get(entries + below * ENTRY_LEN);
		if (below + 1 < count) {
			other = entry_get(entries + (below + 1) * ENTRY_LEN);
			if (sorts_before(larger, other)) {
				larger = other;
				below++;
			}
		}
		if (!sorts_before(moving, larger))
			break;
		entry_put(entries + at * ENTRY_LEN, larger);
		at = below;
	}
	entry_put(entries + at * ENTRY_LEN, moving);
}

static void entries_sort(uint8_t *entries, size_t count)
{
	struct acl_entry first;

	for (size_t at = count / 2; at-- > 0;)
		entry_sink(entries, at, count);
	for (size_t end = count; end-- > 1;) {
		first = entry_get(entries);
		memmove(entries, entries + end * ENTRY_LEN, ENTRY_LEN);
		entry_put(entries + end * ENTRY_LEN, first);
		entry_sink(entries, 0, end);
	}
}

size_t lade_attributes_acl_map(uint8_t *value, size_t len, struct lade_identities *identities)
{
	size_t count = (len - HEAD_LEN) / ENTRY_LEN, kept = 0;
	uint8_t *entries = value + HEAD_LEN;
	struct acl_entry entry, last;

	for (size_t i = 0; i < count; i++) {
		entry = entry_get(entries + i * ENTRY_LEN);
		if (!is_named(entry.tag))
			entry.id = UINT32_MAX; /* ACL_UNDEFINED_ID, whatever was there */
		else if (identities)
			entry.id = lade_identities_map(identities, kind_of(entry.tag), entry.id);
		entry_put(entries + i * ENTRY_LEN, entry);
	}
	entries_sort(entries, count);
	for (size_t i = 0; i < count; i++) {
		entry = entry_get(entries + i * ENTRY_LEN);
		if (kept > 0) {
			last = entry_get(entries + (kept - 1) * ENTRY_LEN);
			if (last.tag == entry.tag && last.id == entry.id) {
				entry.perm &= last.perm;
				kept--;
			}
		}
		entry_put(entries + kept++ * ENTRY_LEN, entry);
	}
	return HEAD_LEN + kept * ENTRY_LEN;
}

int lade_attributes_acl_visit(struct lade_slice value,
			      int (*visit)(void *context, enum lade_identity_kind kind,
					   uint32_t id),
			      void *context)
{
	struct acl_entry entry;
	int result;

	for (size_t off = HEAD_LEN; off < value.len; off += ENTRY_LEN) {
		entry = entry_get(value.data + off);
		if (!is_named(entry.tag))
			continue;
		result = visit(context, kind_of(entry.tag), entry.id);
		if (result)
			return result;
	}
	return 0;
}
