/*
 * Which attributes take part, by their names, and what they are called on disk. For attributes.c. Pure memory; any thread.
 */
#ifndef LADE_AGENT_TREE_ATTRIBUTES_NAME_H
#define LADE_AGENT_TREE_ATTRIBUTES_NAME_H

#include <stdbool.h>

#include "agent/tree/attributes.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"

/* --fake-super: what stands before the name of an attribute that only root may set. */
#define LADE_ATTRIBUTES_FAKE_PREFIX "user.rsync."
/* ACLs, as the kernel has them, and as rsync(1) names those that are faked. */
#define LADE_ATTRIBUTES_ACCESS_ACL "system.posix_acl_access"
#define LADE_ATTRIBUTES_DEFAULT_ACL "system.posix_acl_default"
#define LADE_ATTRIBUTES_FAKE_ACCESS_ACL LADE_ATTRIBUTES_FAKE_PREFIX "%aacl"
#define LADE_ATTRIBUTES_FAKE_DEFAULT_ACL LADE_ATTRIBUTES_FAKE_PREFIX "%dacl"
/* Bytes of a name on disk, with its NUL. */
#define LADE_ATTRIBUTES_STORED_SIZE (sizeof(LADE_ATTRIBUTES_FAKE_PREFIX) + LADE_XATTR_NAME_MAX)

/* True if name (not NUL-terminated) is to be read here, and where it is to become equal to another side's: to be changed. */
bool lade_attributes_name_is_wished(const struct lade_attributes_wish *wish, struct lade_slice name);

/* True if it is wished, and the sender was to send it. */
bool lade_attributes_name_is_asked_for(const struct lade_attributes_wish *wish, struct lade_slice name);

/*
 * True for attributes that security modules give to every file of their own accord. Not having one at the source says nothing, and the kernel
 * does not let go of them. name: as the file system has it.
 */
bool lade_attributes_name_is_label(const char *name);

/* What a name of the file system stands for: stored itself, a part of it, or the name of an ACL. fake: --fake-super; then NULL for one that stands for nothing. */
const char *lade_attributes_name_spoken(bool fake, const char *stored);

/* The name under which the file system has spoken (LADE_XATTR_NAME_MAX bytes at most): spoken itself, the name of a faked ACL, or what is put into stored_out. */
const char *lade_attributes_name_stored(bool fake, const char *spoken, char stored_out[LADE_ATTRIBUTES_STORED_SIZE]);

#endif
