/*
 * Names of attributes: the filter, the user's wish and --fake-super decide about them. "system.*" is never more than the
 * two POSIX ACLs: NFSv4 and SMB ACLs mean nothing to another server.
 */
#include "agent/tree/attributes_name.h"

#include <stdio.h>
#include <string.h>

#include "agent/tree/attributes_acl.h"

bool lade_attributes_name_is_label(const char *name)
{
	static const char *const labels[] = { "security.selinux", "security.SMACK64",
					      "security.ima", "security.evm" };

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strncmp(name, labels[i], strlen(labels[i])) == 0)
			return true;
	return false;
}

static bool has_prefix(struct lade_slice name, const char *prefix)
{
	size_t len = strlen(prefix);

	return name.len > len && memcmp(name.data, prefix, len) == 0;
}

/* What the filter says of an attribute. */
static enum lade_filter_verdict ask_filter(const struct lade_attributes_wish *wish, enum lade_filter_side side,
					   struct lade_slice name)
{
	const struct lade_filter_use use = { .side = side, .delete_excluded = wish->delete_excluded };
	char text[LADE_XATTR_NAME_MAX + 1];

	if (!wish->filter || name.len > LADE_XATTR_NAME_MAX)
		return LADE_FILTER_UNRULED;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	return lade_filter_attribute(wish->filter, &use, text);
}

/* True if it takes part on a side. As in rsync, rules about attributes are about ACLs too: where there are some, -X is enough. What a receiver's rules exclude is left as it is there. */
static bool is_of_side(const struct lade_attributes_wish *wish, enum lade_filter_side side, struct lade_slice name)
{
	enum lade_filter_verdict verdict;

	if (lade_attributes_acl_is_name(name))
		return wish->acls || (wish->xattrs && ask_filter(wish, side, name) == LADE_FILTER_INCLUDED);
	if (!wish->xattrs || has_prefix(name, "system.") || has_prefix(name, LADE_ATTRIBUTES_FAKE_PREFIX "%"))
		return false;
	verdict = ask_filter(wish, side, name);
	if (verdict != LADE_FILTER_UNRULED)
		return verdict == LADE_FILTER_INCLUDED;
	return wish->super || has_prefix(name, "user.");
}

/*
 * --fake-super: true if a name needs no faking. One that looks like a faked one does: whoever owns a file may give it "user.rsync."
 * attributes, which must not become those of root on the way back.
 */
static bool is_stored_as_is(struct lade_slice name)
{
	return has_prefix(name, "user.") && !has_prefix(name, LADE_ATTRIBUTES_FAKE_PREFIX);
}

const char *lade_attributes_name_spoken(bool fake, const char *stored)
{
	struct lade_slice name = lade_slice(stored, strlen(stored));

	if (!fake)
		return stored;
	if (strcmp(stored, LADE_ATTRIBUTES_FAKE_ACCESS_ACL) == 0)
		return LADE_ATTRIBUTES_ACCESS_ACL;
	if (strcmp(stored, LADE_ATTRIBUTES_FAKE_DEFAULT_ACL) == 0)
		return LADE_ATTRIBUTES_DEFAULT_ACL;
	if (!has_prefix(name, "user."))
		return NULL;
	if (!has_prefix(name, LADE_ATTRIBUTES_FAKE_PREFIX) || has_prefix(name, LADE_ATTRIBUTES_FAKE_PREFIX "%"))
		return stored;
	/* What needs no faking has one name only. */
	stored += strlen(LADE_ATTRIBUTES_FAKE_PREFIX);
	return is_stored_as_is(lade_slice(stored, strlen(stored))) ? NULL : stored;
}

const char *lade_attributes_name_stored(bool fake, const char *spoken, char stored_out[LADE_ATTRIBUTES_STORED_SIZE])
{
	struct lade_slice name = lade_slice(spoken, strlen(spoken));

	if (!fake || is_stored_as_is(name))
		return spoken;
	if (lade_attributes_acl_is_name(name))
		return strcmp(spoken, LADE_ATTRIBUTES_ACCESS_ACL) == 0 ? LADE_ATTRIBUTES_FAKE_ACCESS_ACL : LADE_ATTRIBUTES_FAKE_DEFAULT_ACL;
	(void)snprintf(stored_out, LADE_ATTRIBUTES_STORED_SIZE, LADE_ATTRIBUTES_FAKE_PREFIX "%s", spoken);
	return stored_out;
}

bool lade_attributes_name_is_wished(const struct lade_attributes_wish *wish, struct lade_slice name)
{
	return is_of_side(wish, wish->receives ? LADE_FILTER_RECEIVER : LADE_FILTER_SENDER, name);
}

bool lade_attributes_name_is_asked_for(const struct lade_attributes_wish *wish, struct lade_slice name)
{
	return lade_attributes_name_is_wished(wish, name) && is_of_side(wish, LADE_FILTER_SENDER, name);
}
