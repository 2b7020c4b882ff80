/*
 * Extended attributes and ACLs of an entry, as one encoded list (see PROTOCOL.md,
 * [xattrs]): varint count (at least 1), then for each attribute, sorted bytewise by
 * name and no name twice, the name and the value, each with a varint length. No
 * attributes are the empty string. ACLs are the attributes system.posix_acl_access and
 * system.posix_acl_default, with the sender's ids; the receiver maps them.
 *
 * Writing an ACL changes the group bits of the mode, and chown(2) drops
 * security.capability: the order is owner, attributes, mode.
 */
#ifndef LADE_AGENT_TREE_ATTRIBUTES_H
#define LADE_AGENT_TREE_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "agent/tree/filter.h"
#include "agent/tree/identity.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* What is wanted. Without either nothing is read or written. */
struct lade_attributes_wish {
	bool xattrs; /* -X: user.*, and with super all but system.* */
	bool acls;   /* -A */
	const struct lade_filter *filter; /* its rules about attributes, if it has any, say which, ACLs too, but for the rest of system.*. Borrowed; may be NULL */
	bool receives;        /* these are to become equal to another side's */
	bool delete_excluded; /* then: rules that name no side leave nothing as it is */
	bool super;
	bool fake;   /* those that are not of user.* are user.rsync.NAME here (--fake-super) */
};

/*
 * Where an entry is: an open descriptor (fd >= 0; never O_PATH), or one component
 * under a held directory (fd < 0), which is reached without following a symlink.
 * The descriptors and name are borrowed.
 */
struct lade_attributes_place {
	int fd;
	int directory_fd;
	const char *name;
};

/*
 * Attributes whose names begin with user.rsync.% are rsync's own notes about a file (agent/tree/fake_super.h): they are never read or written here.
 */

/*
 * Read the wished attributes and append the encoded list to out (nothing is appended
 * where there are none, or the file system has none). An access ACL that says no
 * more than mode bits is left out. Returns 0; LADE_E_LIMIT if they exceed limits.h;
 * LADE_E_MEMORY; LADE_E_UNSUPPORTED if fd < 0 and /proc is not mounted;
 * LADE_E_REFUSED for a name that is no component; LADE_E_SYSTEM (a place that
 * vanished: ENOENT). After a failure out may hold a part of a list.
 */
int lade_attributes_read(const struct lade_attributes_wish *wish,
			 const struct lade_attributes_place *place, struct lade_writer *out,
			 struct lade_fault *fault);

/* True if ACLs may be written, which changes the mode: with -A, or with -X and rules that include them. */
bool lade_attributes_may_set_acls(const struct lade_attributes_wish *wish);

/*
 * The permission bits that something new in a directory may have, without -p: those of the directory's default ACL, if it has one, else
 * all but those of mask, as umask(2) has it. directory_fd may be O_PATH.
 */
mode_t lade_attributes_granted(int directory_fd, mode_t mask);

/*
 * Check an encoded list from a peer (counts, lengths, order, names without NUL, ACLs
 * well formed): 0, LADE_E_LIMIT, LADE_E_TRUNCATED, LADE_E_PROTOCOL.
 */
int lade_attributes_check(struct lade_slice encoded);

/*
 * Call visit for every id named in the ACLs of encoded (checked), so that a sender
 * can announce their names. Returns 0, or the first result of visit that is not 0.
 */
int lade_attributes_visit_ids(struct lade_slice encoded,
			      int (*visit)(void *context, enum lade_identity_kind kind,
					   uint32_t id),
			      void *context);

/*
 * Make the attributes of place those of encoded, which has passed
 * lade_attributes_check(): set what differs, remove (within the wish) what is extra;
 * what is not in the wish is neither set nor removed. Labels that the kernel gives
 * every file by itself (security.selinux and the like) are never extra. identities
 * (NULL: numeric ids) maps the ids inside ACLs.
 * Returns 0 if all is as wished, 1 if something was changed, LADE_E_UNSUPPORTED
 * (EOPNOTSUPP, EPERM, EACCES for a label, no /proc: the caller reports it once per
 * kind, which fault.operation tells: set the ACL of, set attributes of, or set attributes and the ACL of), or as lade_attributes_read(). Continues after
 * a failure and returns the first.
 */
int lade_attributes_write(const struct lade_attributes_wish *wish,
			  const struct lade_attributes_place *place, struct lade_slice encoded,
			  struct lade_identities *identities, struct lade_fault *fault);

/*
 * The same comparison without writing: 0 equal, 1 different (and in what), or an
 * error. For -n and the quick check.
 */
int lade_attributes_compare(const struct lade_attributes_wish *wish,
			    const struct lade_attributes_place *place, struct lade_slice encoded,
			    struct lade_identities *identities, bool *xattrs_differ_out,
			    bool *acls_differ_out, struct lade_fault *fault);

#endif
