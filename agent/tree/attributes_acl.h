/*
 * ACLs as the kernel's extended attributes carry them. For attributes.c. Pure
 * memory; any thread. See acl(5); the layout is that of the kernel's
 * posix_acl_xattr.h, version 2: a 4-byte version, then {le16 tag, le16 perm, le32 id}.
 */
#ifndef LADE_AGENT_TREE_ATTRIBUTES_ACL_H
#define LADE_AGENT_TREE_ATTRIBUTES_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/tree/identity.h"
#include "protocol/bytes.h"

/* True if name (not NUL-terminated) is the attribute of an access or a default ACL. */
bool lade_attributes_acl_is_name(struct lade_slice name);

/* True if value is a well-formed ACL: known tags in order, the entries that must be there. */
bool lade_attributes_acl_is_valid(struct lade_slice value);

/* True if a valid access ACL says no more than mode bits do: three entries. */
bool lade_attributes_acl_is_mode(struct lade_slice name, struct lade_slice value);

/*
 * Rewrite a valid ACL in place: ids of named users and groups mapped by identities (NULL:
 * as they are), entries sorted by tag and id. Two entries that become one keep the
 * permissions that both had. Returns the new length, not above len.
 */
size_t lade_attributes_acl_map(uint8_t *value, size_t len, struct lade_identities *identities);

/*
 * True if two valid ACLs of this name are the same. What an access ACL says of the owner, of others and in its mask is said by the
 * mode as well, which has the last word: it does not count here. One that is empty, and so not valid, is another one.
 */
bool lade_attributes_acl_equal(struct lade_slice name, struct lade_slice a, struct lade_slice b);

/* The permission bits that a valid ACL leaves to what gets it as a default one. */
mode_t lade_attributes_acl_granted(struct lade_slice value);

/*
 * --fake-super, as in rsync: an ACL of this name is four numbers, le32 each (permissions of owner, owning group, mask and others; 128: it
 * has no such entry, or the mode says it), and two for each name: le32 id, le32 permissions, with bit 31 for a user.
 */

/* Most bytes that a valid ACL of len bytes takes when it is stored so. */
size_t lade_attributes_acl_stored_size(size_t len);

/* Store a valid ACL into out. Returns the length. */
size_t lade_attributes_acl_store(struct lade_slice name, struct lade_slice value, uint8_t *out);

/* Most bytes of the ACL that is stored in len bytes. */
size_t lade_attributes_acl_restored_size(size_t len);

/* Make a valid ACL of a stored one, of a file of this mode, into out. Returns its length; 0: what is stored is none. */
size_t lade_attributes_acl_restore(struct lade_slice name, struct lade_slice stored, mode_t mode, uint8_t *out);

/*
 * Call visit for each named user and group of a valid ACL. Returns 0, or the first
 * result of visit that is not 0.
 */
int lade_attributes_acl_visit(struct lade_slice value,
			      int (*visit)(void *context, enum lade_identity_kind kind,
					   uint32_t id),
			      void *context);

#endif
