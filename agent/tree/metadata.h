/*
 * Mode, owner, group and times: what an entry wants, how a place differs, and making
 * it so. Extended attributes and ACLs are in agent/tree/attributes.h; this joins them.
 */
#ifndef LADE_AGENT_TREE_METADATA_H
#define LADE_AGENT_TREE_METADATA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/tree/attributes.h"
#include "agent/tree/identity.h"
#include "agent/tree/place.h"
#include "protocol/entry.h"
#include "protocol/error.h"

/* What this session keeps, and what this process may do about it. Immutable during a session. */
struct lade_keep {
	uint64_t options; /* LADE_OPTION_ bits */
	mode_t umask;     /* that of the process at its start */
	uid_t euid;
	bool fake;        /* --fake-super: it is kept in attributes, agent/tree/fake_super.h; super is set too */
	bool super;       /* what only root may do is tried: giving files away, making devices, attributes other than user.* */
	gid_t *groups;    /* supplementary groups, group_count; owned */
	size_t group_count;
	gid_t egid;
	uint64_t modify_window; /* how exactly times are compared: lade_keep_time_equal(); set by whoever knows */
	struct lade_attributes_wish wish;
};

/* Values of modify_window; from LADE_WINDOW_SECONDS on it is so many seconds more than that. */
#define LADE_WINDOW_DEFAULT 0u     /* lade_time_equal() */
#define LADE_WINDOW_NANOSECONDS 1u /* to the nanosecond */
#define LADE_WINDOW_SECONDS 2u     /* to the second */
#define LADE_WINDOW_MAX (LADE_WINDOW_SECONDS + INT32_MAX)

/* What an entry wants its place to be; ids are already this host's. xattrs borrowed or owned as the holder says. */
struct lade_metadata {
	mode_t mode; /* type and permission bits */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct lade_slice xattrs;
	dev_t rdev;            /* of a device */
	struct timespec atime; /* with -U; of a directory it means nothing */
	mode_t granted;        /* without -p: the permission bits that it may have where it is new, lade_attributes_granted() */
};

/* Fill keep for this process. umask: what umask(2) was. The caller frees what it holds with lade_keep_fini(). */
void lade_keep_init(struct lade_keep *keep, uint64_t options, mode_t umask);

/* Free what keep holds; it is not to be used then. */
void lade_keep_fini(struct lade_keep *keep);

/* The wishes of an entry, but for granted. identities (locked by the caller) maps its ids; NULL: numeric. xattrs is borrowed from the entry. */
void lade_metadata_from_entry(struct lade_metadata *metadata_out, const struct lade_msg_entry *entry,
			      struct lade_identities *identities);

/* Replace borrowed xattrs by a copy, which the holder frees. False: no memory, and there are none. */
bool lade_metadata_own_xattrs(struct lade_metadata *metadata);

/*
 * True if a destination's time is the wanted one, or the wanted one cut to what the destination's file
 * system keeps: whole seconds, microseconds or 100 ns.
 */
bool lade_time_equal(const struct timespec *destination, const struct timespec *wanted);

/* The same as exactly as keep asks for: whole seconds that differ by no more than its window are equal. */
bool lade_keep_time_equal(const struct lade_keep *keep, const struct timespec *destination, const struct timespec *wanted);

/* True if the destination's time is the later one: with a window of seconds, if the wanted one is not later by as much. */
bool lade_keep_time_newer(const struct lade_keep *keep, const struct timespec *destination, const struct timespec *wanted);

/*
 * Permission bits that a place gets: with -p those of the entry; else those of existing, with -E executable as the entry is; or the entry's
 * as far as they are granted.
 */
mode_t lade_metadata_mode(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct stat *existing);

/*
 * The permission bits (of 0777) that a new thing may have from the start, before it has its owner, its group and its ACL: the final ones without
 * what the group that it has meanwhile, or those whom an ACL keeps out, might use. wanted, existing: as for lade_metadata_mode().
 */
mode_t lade_metadata_first_mode(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct stat *existing);

/*
 * Make a directory that no entry is about, at path, which is taken as it is, or below a base; it has the permission bits of more, and what the umask, or the
 * default ACL of the directory above, leaves. 0, or -1 with errno.
 */
int lade_keep_make_directory(const struct lade_keep *keep, const struct lade_base *base, const char *path, mode_t more);

/* True if a thing of this mode gets the wanted modification time: -t, without -O for a directory, without -J for a symlink. */
bool lade_metadata_keeps_mtime(const struct lade_keep *keep, mode_t mode);

/* How existing differs from what is wanted: LADE_ITEM_TIME, _ATIME, _PERMS, _OWNER, _GROUP as far as they are kept. */
uint32_t lade_metadata_compare(const struct lade_keep *keep, const struct lade_metadata *wanted,
			       const struct stat *existing);

/* Put into st, which is what stat(2) said of place, what is faked there. Nothing, unless this session fakes. */
void lade_metadata_unfake(const struct lade_keep *keep, const struct lade_attributes_place *place, struct stat *st);

/* Where metadata goes: an open descriptor, or one component of a held directory (fd -1). As lade_attributes_place. */
struct lade_metadata_place {
	int fd;
	int directory_fd;
	const char *name;
};

/*
 * Give place the wanted metadata; now is what it has (for a new file: what fstat said), existing what stood there before this
 * session, whose mode stays without -p (NULL: nothing of its kind did; now itself: place is that very thing, whose time stays if it is
 * right but for the window). identities maps ids in ACLs, may be NULL. Owner and group without the right are left alone.
 * Returns 0, or LADE_E_SYSTEM / LADE_E_UNSUPPORTED with the first failure; goes on after one.
 */
int lade_metadata_apply(const struct lade_keep *keep, const struct lade_metadata *wanted,
			const struct lade_metadata_place *place, const struct stat *now, const struct stat *existing,
			struct lade_identities *identities, struct lade_fault *fault);

#endif
