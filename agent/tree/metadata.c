/*
 * Applying metadata. The order matters: chown(2) clears set-uid bits and
 * capabilities, so owners come first; an ACL rewrites the group bits, so modes follow
 * attributes; everything touches ctime only, so times come last.
 */
#include "agent/tree/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/tree/fake_super.h"

#define PERMISSION_BITS 07777
#define EXECUTE_BITS 0111

/* A failure leaves none: then only the effective group may be given. */
static void learn_groups(struct lade_keep *keep)
{
	int count = getgroups(0, NULL);

	if (keep->super || count <= 0)
		return;
	keep->groups = calloc((size_t)count, sizeof(*keep->groups));
	count = keep->groups ? getgroups(count, keep->groups) : 0;
	keep->group_count = count > 0 ? (size_t)count : 0;
}

void lade_keep_fini(struct lade_keep *keep)
{
	free(keep->groups);
	keep->groups = NULL;
	keep->group_count = 0;
}

void lade_keep_init(struct lade_keep *keep, uint64_t options, mode_t mask)
{
	memset(keep, 0, sizeof(*keep));
	keep->options = options;
	keep->umask = mask;
	keep->euid = geteuid();
	keep->egid = getegid();
	keep->fake = options & LADE_OPTION_FAKE_SUPER;
	keep->super = keep->fake || (keep->euid == 0 && !(options & LADE_OPTION_NO_SUPER)) || (options & LADE_OPTION_SUPER);
	learn_groups(keep);
	keep->wish.xattrs = options & LADE_OPTION_XATTRS;
	keep->wish.super = keep->super;
	keep->wish.fake = keep->fake;
	keep->wish.acls = options & LADE_OPTION_ACLS;
}

void lade_metadata_from_entry(struct lade_metadata *metadata_out, const struct lade_msg_entry *entry,
			      struct lade_identities *identities)
{
	metadata_out->mode = (mode_t)entry->mode;
	metadata_out->uid = (uid_t)entry->uid;
	metadata_out->gid = (gid_t)entry->gid;
	if (identities) {
		metadata_out->uid = lade_identities_map(identities, LADE_IDENTITY_USER, entry->uid);
		metadata_out->gid = lade_identities_map(identities, LADE_IDENTITY_GROUP, entry->gid);
	}
	metadata_out->mtime.tv_sec = (time_t)entry->mtime_s;
	metadata_out->mtime.tv_nsec = (long)entry->mtime_ns;
	metadata_out->rdev = makedev(entry->rdev_major, entry->rdev_minor);
	metadata_out->atime.tv_sec = (time_t)entry->atime_s;
	metadata_out->atime.tv_nsec = (long)entry->atime_ns;
	metadata_out->xattrs = entry->xattrs;
}

bool lade_metadata_own_xattrs(struct lade_metadata *metadata)
{
	size_t len = metadata->xattrs.len;
	void *copy = len ? malloc(len) : NULL;

	if (copy)
		memcpy(copy, metadata->xattrs.data, len);
	metadata->xattrs = lade_slice(copy, copy ? len : 0);
	return copy || !len;
}

bool lade_time_equal(const struct timespec *destination, const struct timespec *wanted)
{
	long have = destination->tv_nsec, want = wanted->tv_nsec;

	if (destination->tv_sec != wanted->tv_sec)
		return false;
	return have == want || have == 0 || have == want / 1000 * 1000 || have == want / 100 * 100;
}

/* -E: existing's bits; who may read it may execute it, or nobody may. */
static mode_t executable_as(mode_t existing, mode_t wanted)
{
	if (!(wanted & EXECUTE_BITS))
		return existing & ~(mode_t)EXECUTE_BITS;
	return existing & EXECUTE_BITS ? existing : existing | (existing & 0444) >> 2;
}

bool lade_keep_time_equal(const struct lade_keep *keep, const struct timespec *destination, const struct timespec *wanted)
{
	uint64_t apart;

	if (keep->modify_window == LADE_WINDOW_DEFAULT)
		return lade_time_equal(destination, wanted);
	if (keep->modify_window == LADE_WINDOW_NANOSECONDS)
		return destination->tv_sec == wanted->tv_sec && destination->tv_nsec == wanted->tv_nsec;
	/* Unsigned: a peer's time may be as far away as numbers go. */
	apart = destination->tv_sec < wanted->tv_sec ? (uint64_t)wanted->tv_sec - (uint64_t)destination->tv_sec :
		(uint64_t)destination->tv_sec - (uint64_t)wanted->tv_sec;
	return apart <= keep->modify_window - LADE_WINDOW_SECONDS;
}

bool lade_keep_time_newer(const struct lade_keep *keep, const struct timespec *destination, const struct timespec *wanted)
{
	if (destination->tv_sec > wanted->tv_sec)
		return true;
	if (keep->modify_window >= LADE_WINDOW_SECONDS)
		return (uint64_t)wanted->tv_sec - (uint64_t)destination->tv_sec < keep->modify_window - LADE_WINDOW_SECONDS;
	return destination->tv_sec == wanted->tv_sec && destination->tv_nsec > wanted->tv_nsec;
}

mode_t lade_metadata_mode(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct stat *existing)
{
	if (keep->options & LADE_OPTION_PERMS)
		return wanted->mode & PERMISSION_BITS;
	if (existing && (keep->options & LADE_OPTION_EXECUTABILITY) && S_ISREG(wanted->mode))
		return executable_as(existing->st_mode & PERMISSION_BITS, wanted->mode);
	if (existing)
		return existing->st_mode & PERMISSION_BITS;
	return wanted->mode & 0777 & wanted->granted;
}

int lade_keep_make_directory(const struct lade_keep *keep, const struct lade_base *base, const char *path, mode_t more)
{
	const mode_t mode = 0777 & ~keep->umask;
	mode_t granted;
	int fd;

	if (lade_place_make_directory(base, path, mode | more))
		return -1;
	fd = lade_place_open(base, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	/* It has inherited the default ACL. A failure is no harm: its mode has less then. */
	granted = lade_attributes_granted(fd, keep->umask);
	if (granted != mode)
		(void)!fchmod(fd, granted | more);
	close(fd);
	return 0;
}

/* Only root may give files away; others may give them to a group of their own. */
static bool keeps_owner(const struct lade_keep *keep)
{
	return (keep->options & LADE_OPTION_OWNER) && keep->super;
}

static bool keeps_group(const struct lade_keep *keep, gid_t gid)
{
	if (!(keep->options & LADE_OPTION_GROUP))
		return false;
	if (keep->super || gid == keep->egid)
		return true;
	for (size_t i = 0; i < keep->group_count; i++)
		if (keep->groups[i] == gid)
			return true;
	return false;
}

mode_t lade_metadata_first_mode(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct stat *existing)
{
	mode_t mode = lade_metadata_mode(keep, wanted, existing) & 0777, shared = (mode >> 3) & mode & 07;

	if (keep->fake)
		return mode;
	if (keep->wish.acls && wanted->xattrs.len)
		return mode & 0700;
	/* Which group a new thing is of depends on its directory: only what all may is harmless. */
	return keeps_group(keep, wanted->gid) ? (mode & 0700) | shared << 3 | shared : mode;
}

/* -O and -J are about access times too. */
static bool keeps_times(const struct lade_keep *keep, mode_t mode, uint64_t which)
{
	uint64_t omitted = S_ISDIR(mode) ? LADE_OPTION_OMIT_DIR_TIMES : S_ISLNK(mode) ? LADE_OPTION_OMIT_LINK_TIMES : 0;

	return (keep->options & which) && !(keep->options & omitted);
}

bool lade_metadata_keeps_mtime(const struct lade_keep *keep, mode_t mode)
{
	return keeps_times(keep, mode, LADE_OPTION_TIMES);
}

/* Reading a directory or a symlink, as comparing them does, is an access: theirs are not worth telling. */
static bool compares_atime(const struct lade_keep *keep, mode_t mode)
{
	return (keep->options & LADE_OPTION_ATIMES) && !S_ISDIR(mode) && !S_ISLNK(mode);
}

static bool permissions_differ(const struct lade_keep *keep, mode_t wanted, mode_t existing)
{
	/* Linux has no modes of symlinks. */
	if (S_ISLNK(wanted))
		return false;
	if (keep->options & LADE_OPTION_PERMS)
		return (wanted ^ existing) & PERMISSION_BITS;
	return (keep->options & LADE_OPTION_EXECUTABILITY) && S_ISREG(wanted) &&
		!(wanted & EXECUTE_BITS) != !(existing & EXECUTE_BITS);
}

uint32_t lade_metadata_compare(const struct lade_keep *keep, const struct lade_metadata *wanted,
			       const struct stat *existing)
{
	uint32_t differs = 0;

	if (lade_metadata_keeps_mtime(keep, wanted->mode) && !lade_keep_time_equal(keep, &existing->st_mtim, &wanted->mtime))
		differs |= LADE_ITEM_TIME;
	if (compares_atime(keep, wanted->mode) && !lade_time_equal(&existing->st_atim, &wanted->atime))
		differs |= LADE_ITEM_ATIME;
	if (permissions_differ(keep, wanted->mode, existing->st_mode))
		differs |= LADE_ITEM_PERMS;
	if (existing->st_uid != wanted->uid && keeps_owner(keep))
		differs |= LADE_ITEM_OWNER;
	if (existing->st_gid != wanted->gid && keeps_group(keep, wanted->gid))
		differs |= LADE_ITEM_GROUP;
	return differs;
}

static int change_owner(const struct lade_metadata_place *place, uid_t uid, gid_t gid)
{
	return place->fd >= 0 ? fchown(place->fd, uid, gid) :
		fchownat(place->directory_fd, place->name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

/*
 * fchmodat(2) has no AT_SYMLINK_NOFOLLOW in the kernel before 6.6 and glibc
 * emulates it through /proc; it is asked for only on devices, FIFOs and sockets.
 */
static int change_mode(const struct lade_metadata_place *place, mode_t mode)
{
	return place->fd >= 0 ? fchmod(place->fd, mode) :
		fchmodat(place->directory_fd, place->name, mode, AT_SYMLINK_NOFOLLOW);
}

/* True if a place gets the wanted time. The window is about what stays; what is new has the very time. */
static bool new_time(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct stat *now, const struct stat *existing)
{
	if (!lade_metadata_keeps_mtime(keep, wanted->mode))
		return false;
	return existing && now == existing ? !lade_keep_time_equal(keep, &now->st_mtim, &wanted->mtime) : !lade_time_equal(&now->st_mtim, &wanted->mtime);
}

/* Set the times that differ; an access time is set with the other one, since comparing may have changed it. */
static int change_times(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct lade_metadata_place *place,
			bool modified)
{
	bool accessed = keeps_times(keep, wanted->mode, LADE_OPTION_ATIMES) && !S_ISDIR(wanted->mode);
	const struct timespec omitted = { .tv_nsec = UTIME_OMIT };
	const struct timespec times[2] = {
		accessed ? wanted->atime : omitted, modified ? wanted->mtime : omitted,
	};

	if (!accessed && !modified)
		return 0;
	return place->fd >= 0 ? futimens(place->fd, times) :
		utimensat(place->directory_fd, place->name, times, AT_SYMLINK_NOFOLLOW);
}

void lade_metadata_unfake(const struct lade_keep *keep, const struct lade_attributes_place *place, struct stat *st)
{
	/* What cannot be understood will be written anew. */
	if (keep->fake)
		(void)lade_fake_super_read(place, st, NULL);
}

/* Owner, group, mode and device number of a thing that only seems to have them. */
static int fake(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct lade_attributes_place *place,
		const struct stat *now, const struct stat *existing, struct lade_fault *fault)
{
	const struct stat *before = existing ? existing : now;
	struct stat st = { .st_mode = (wanted->mode & S_IFMT) | lade_metadata_mode(keep, wanted, existing), .st_rdev = wanted->rdev };

	st.st_uid = keeps_owner(keep) ? wanted->uid : before->st_uid;
	st.st_gid = keeps_group(keep, wanted->gid) ? wanted->gid : before->st_gid;
	return lade_fake_super_write(place, &st, fault);
}

/* Remember the first failure only. */
static void note(int *result, const char *operation, struct lade_fault *fault)
{
	if (!*result)
		*result = lade_fault_set(fault, LADE_E_SYSTEM, operation, NULL);
}

/* Owner, then attributes, then mode, as far as they differ from now. The first failure. */
static int apply_rights(const struct lade_keep *keep, const struct lade_metadata *wanted, const struct lade_metadata_place *place,
			const struct stat *now, const struct stat *existing, struct lade_identities *identities, struct lade_fault *fault)
{
	const struct lade_attributes_place attributes = { place->fd, place->directory_fd, place->name };
	mode_t mode = lade_metadata_mode(keep, wanted, existing);
	uint32_t differs = keep->fake ? 0 : lade_metadata_compare(keep, wanted, now);
	bool owner = differs & (LADE_ITEM_OWNER | LADE_ITEM_GROUP);
	bool acls = false;
	int result = 0, error;

	if (owner && change_owner(place, differs & LADE_ITEM_OWNER ? wanted->uid : (uid_t)-1,
				  differs & LADE_ITEM_GROUP ? wanted->gid : (gid_t)-1)) {
		note(&result, "change owner of", fault);
		/* They were meant for somebody else. */
		mode &= ~(mode_t)(S_ISUID | S_ISGID);
	}
	if (keep->wish.xattrs || keep->wish.acls) {
		error = lade_attributes_write(&keep->wish, &attributes, wanted->xattrs, identities,
					      result ? NULL : fault);
		if (error < 0 && !result)
			result = error;
		acls = error == 1 && lade_attributes_may_set_acls(&keep->wish);
	}
	if (keep->fake) {
		error = fake(keep, wanted, &attributes, now, existing, result ? NULL : fault);
		return result ? result : error;
	}
	if (!S_ISLNK(wanted->mode) &&
	    ((now->st_mode & PERMISSION_BITS) != mode || acls || (owner && (mode & (S_ISUID | S_ISGID)))) &&
	    change_mode(place, mode))
		note(&result, "change mode of", fault);
	return result;
}

int lade_metadata_apply(const struct lade_keep *keep, const struct lade_metadata *wanted,
			const struct lade_metadata_place *place, const struct stat *now, const struct stat *existing,
			struct lade_identities *identities, struct lade_fault *fault)
{
	int result = apply_rights(keep, wanted, place, now, existing, identities, fault);

	if (change_times(keep, wanted, place, new_time(keep, wanted, now, existing)))
		note(&result, "set times of", fault);
	return result;
}
