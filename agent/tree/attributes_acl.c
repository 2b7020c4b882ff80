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

/* Of what is stored: four numbers, then two for each name. */
#define STORED_HEAD_LEN 16u
#define STORED_ENTRY_LEN 8u
#define STORED_NONE 0x80u
#define STORED_IS_USER 0x80000000u

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

static uint32_t number_get(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void number_put(uint8_t *at, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> 8 * i);
}

static struct acl_entry entry_get(const uint8_t *at)
{
	struct acl_entry entry;

	entry.tag = at[0] | (unsigned)at[1] << 8;
	entry.perm = at[2] | (unsigned)at[3] << 8;
	entry.id = number_get(at + 4);
	return entry;
}

static void entry_put(uint8_t *at, struct acl_entry entry)
{
	at[0] = (uint8_t)entry.tag;
	at[1] = (uint8_t)(entry.tag >> 8);
	at[2] = (uint8_t)entry.perm;
	at[3] = (uint8_t)(entry.perm >> 8);
	number_put(at + 4, entry.id);
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

bool lade_attributes_acl_equal(struct lade_slice name, struct lade_slice a, struct lade_slice b)
{
	const unsigned of_mode = name_is(name, ACCESS_NAME) ? TAG_OWNER | TAG_MASK | TAG_OTHERS : 0;
	struct acl_entry one, other;

	if (a.len != b.len)
		return false;
	for (size_t off = HEAD_LEN; off < a.len; off += ENTRY_LEN) {
		one = entry_get(a.data + off);
		other = entry_get(b.data + off);
		if (one.tag != other.tag || one.id != other.id || (one.perm != other.perm && !(one.tag & of_mode)))
			return false;
	}
	return true;
}

mode_t lade_attributes_acl_granted(struct lade_slice value)
{
	unsigned owner = 0, group = 0, others = 0;
	struct acl_entry entry;

	for (size_t off = HEAD_LEN; off < value.len; off += ENTRY_LEN) {
		entry = entry_get(value.data + off);
		if (entry.tag == TAG_OWNER)
			owner = entry.perm;
		else if (entry.tag == TAG_OWNING || entry.tag == TAG_MASK)
			group = entry.perm; /* the mask, which comes later, has the last word */
		else if (entry.tag == TAG_OTHERS)
			others = entry.perm;
	}
	return owner << 6 | group << 3 | others;
}

/* ---- as it is stored ---- */

/* The tags of the four numbers. */
static const unsigned stored_tags[] = { TAG_OWNER, TAG_OWNING, TAG_MASK, TAG_OTHERS };

/* Where the number of a tag that has one is. */
static size_t offset_of(unsigned tag)
{
	size_t place = 0;

	while (stored_tags[place] != tag)
		place++;
	return 4 * place;
}

size_t lade_attributes_acl_stored_size(size_t len)
{
	return STORED_HEAD_LEN + len;
}

size_t lade_attributes_acl_store(struct lade_slice name, struct lade_slice value, uint8_t *out)
{
	bool access = name_is(name, ACCESS_NAME);
	uint8_t *end = out + STORED_HEAD_LEN;
	struct acl_entry entry;

	for (size_t i = 0; i < 4; i++)
		number_put(out + 4 * i, STORED_NONE);
	for (size_t off = HEAD_LEN; off < value.len; off += ENTRY_LEN) {
		entry = entry_get(value.data + off);
		if (is_named(entry.tag)) {
			number_put(end, entry.id);
			number_put(end + 4, entry.perm | (entry.tag == TAG_USER ? STORED_IS_USER : 0));
			end += STORED_ENTRY_LEN;
		} else if (!access || !(entry.tag & (TAG_OWNER | TAG_OTHERS))) {
			number_put(out + offset_of(entry.tag), entry.perm);
		}
	}
	return (size_t)(end - out);
}

size_t lade_attributes_acl_restored_size(size_t len)
{
	return HEAD_LEN + 4 * ENTRY_LEN + len;
}

/* What the mode says of a tag without a name. */
static unsigned perm_of_mode(mode_t mode, unsigned tag)
{
	return mode >> (tag == TAG_OWNER ? 6 : tag == TAG_OTHERS ? 0 : 3) & PERM_MAX;
}

/* The entry of a tag without a name, of an access ACL (mode not NULL) or a default one. False: there is none. */
static bool restore_unnamed(struct lade_slice stored, unsigned tag, const mode_t *mode, struct acl_entry *entry_out)
{
	const uint32_t perm = number_get(stored.data + offset_of(tag));
	const bool there = perm != STORED_NONE, named = stored.len > STORED_HEAD_LEN;

	*entry_out = (struct acl_entry){ .tag = tag, .perm = perm, .id = UINT32_MAX };
	if (!mode)
		return there;
	if (!there || tag != TAG_OWNING)
		entry_out->perm = perm_of_mode(*mode, tag);
	return there || tag != TAG_MASK || named;
}

static struct acl_entry restore_named(const uint8_t *at)
{
	const uint32_t perm = number_get(at + 4);

	return (struct acl_entry){
		.tag = perm & STORED_IS_USER ? TAG_USER : TAG_GROUP, .perm = perm & ~STORED_IS_USER, .id = number_get(at),
	};
}

/* False: there are no such permissions, though in two bytes they might pass for others. */
static bool restore_one(uint8_t **end, struct acl_entry entry)
{
	entry_put(*end, entry);
	*end += ENTRY_LEN;
	return entry.perm <= PERM_MAX;
}

size_t lade_attributes_acl_restore(struct lade_slice name, struct lade_slice stored, mode_t mode, uint8_t *out)
{
	const mode_t *access = name_is(name, ACCESS_NAME) ? &mode : NULL;
	uint8_t *end = out + HEAD_LEN;
	struct acl_entry entry;

	if (stored.len < STORED_HEAD_LEN || (stored.len - STORED_HEAD_LEN) % STORED_ENTRY_LEN)
		return 0;
	number_put(out, VERSION);
	for (size_t i = 0; i < sizeof(stored_tags) / sizeof(stored_tags[0]); i++)
		if (restore_unnamed(stored, stored_tags[i], access, &entry) && !restore_one(&end, entry))
			return 0;
	for (size_t off = STORED_HEAD_LEN; off < stored.len; off += STORED_ENTRY_LEN)
		if (!restore_one(&end, restore_named(stored.data + off)))
			return 0;
	end = out + lade_attributes_acl_map(out, (size_t)(end - out), NULL);
	return lade_attributes_acl_is_valid(lade_slice(out, (size_t)(end - out))) ? (size_t)(end - out) : 0;
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
