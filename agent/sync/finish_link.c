/*
 * Hard links: which entry is the first name of an inode, and, when all content is in place, the links of the others to it.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sync/grant.h"
#include "agent/sync/totals.h"
#include "protocol/grow.h"

int lade_receiver_add_leader(struct lade_receiver *receiver, uint64_t index, char *path)
{
	struct leader *leaders;

	lade_session_lock(&receiver->session);
	leaders = lade_grown(receiver->leaders, receiver->leader_count, &receiver->leader_capacity, sizeof(*leaders));
	if (leaders) {
		receiver->leaders = leaders;
		leaders[receiver->leader_count++] = (struct leader){ .index = index, .path = path };
	}
	lade_session_unlock(&receiver->session);
	if (leaders)
		return 0;
	free(path);
	return LADE_E_MEMORY;
}

struct leader *lade_receiver_find_leader(struct lade_receiver *receiver, uint64_t index)
{
	size_t low = 0, high = receiver->leader_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (receiver->leaders[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low < receiver->leader_count && receiver->leaders[low].index == index ? &receiver->leaders[low] : NULL;
}

void lade_receiver_leader_failed(struct lade_receiver *receiver, uint64_t index)
{
	struct leader *leader;

	lade_session_lock(&receiver->session);
	leader = lade_receiver_find_leader(receiver, index);
	if (leader)
		leader->failed = true;
	lade_session_unlock(&receiver->session);
}

/* Spool a record of a fixed part and a path. */
static int add_record(struct lade_spool *spool, const void *fixed, size_t fixed_len, const char *path,
		      struct lade_fault *fault)
{
	struct lade_writer record;
	int error;

	lade_writer_init(&record, LADE_SPOOL_RECORD_MAX);
	lade_writer_put_bytes(&record, fixed, fixed_len);
	lade_writer_put_bytes(&record, path, strlen(path) + 1);
	error = record.error ? lade_fault_set(fault, record.error, "remember", path) :
		lade_spool_add(spool, record.data, record.len, fault);
	lade_writer_fini(&record);
	return error;
}

int lade_receiver_add_link(struct lade_receiver *receiver, const struct follower *follower, const char *path,
			   struct lade_fault *fault)
{
	if (!lade_receiver_find_leader(receiver, follower->leader))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "link (its leader is unknown)", path);
	return add_record(receiver->links, follower, sizeof(*follower), path, fault);
}

struct link_ends {
	int leader_fd, follower_fd;
	const char *leader, *follower;
};

/* Link over whatever stands there, by a temporary name: the follower, which has path, is never missing. */
static int make_link(struct lade_receiver *receiver, const struct link_ends *ends, const char *path, struct lade_fault *fault)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];

	if (linkat(ends->leader_fd, ends->leader, ends->follower_fd, ends->follower, 0) == 0)
		return 0;
	if (errno != EEXIST || lade_grant_appends(receiver->session.settings))
		return lade_fault_set(fault, LADE_E_SYSTEM, "link", ends->follower);
	lade_temporary_name(ends->follower, 0, temporary);
	/* A link that a killed session left has more than one name: it is no file being made. */
	(void)unlinkat(ends->follower_fd, temporary, 0);
	if ((receiver->keep.options & LADE_OPTION_BACKUP) &&
	    lade_backup(receiver, ends->follower_fd, path, BACKUP_KEEP, fault))
		return fault->code;
	if (linkat(ends->leader_fd, ends->leader, ends->follower_fd, temporary, 0))
		return lade_fault_set(fault, LADE_E_SYSTEM, "link", ends->follower);
	if (renameat(ends->follower_fd, temporary, ends->follower_fd, ends->follower)) {
		lade_fault_set(fault, LADE_E_SYSTEM, "link", ends->follower);
		(void)unlinkat(ends->follower_fd, temporary, 0);
		return LADE_E_SYSTEM;
	}
	return 0;
}

/* True if both names are one inode already; *new_out: the follower, of mode, is not there, or something of another type. */
static bool is_linked(const struct link_ends *ends, mode_t mode, bool *new_out)
{
	struct stat leader, follower;

	*new_out = fstatat(ends->follower_fd, ends->follower, &follower, AT_SYMLINK_NOFOLLOW) != 0 ||
		(follower.st_mode & S_IFMT) != (mode & S_IFMT);
	return !*new_out && fstatat(ends->leader_fd, ends->leader, &leader, AT_SYMLINK_NOFOLLOW) == 0 &&
		leader.st_dev == follower.st_dev && leader.st_ino == follower.st_ino;
}

static void tell_linked(struct lade_receiver *receiver, const struct follower *follower, uint32_t changes, const char *path,
			const char *leader)
{
	lade_session_item(&receiver->session, &(struct lade_msg_item){
		.changes = changes,
		.mode = (uint32_t)follower->mode,
		.path = lade_slice(path, strlen(path)),
		.target = lade_slice(leader, strlen(leader)),
		.size = follower->size,
		.mtime_s = follower->mtime.tv_sec,
		.mtime_ns = (uint32_t)follower->mtime.tv_nsec,
		.uid = follower->uid,
		.gid = follower->gid,
	});
}

static int link_one(struct lade_receiver *receiver, const char *leader, const char *path, const struct follower *follower,
		    struct lade_fault *fault)
{
	bool dry_run = receiver->keep.options & LADE_OPTION_DRY_RUN, new_name = true, linked = false;
	struct link_ends ends = { -1, -1, NULL, NULL };
	int error = lade_receiver_open_parent(receiver, leader, &ends.leader_fd, &ends.leader, fault);

	if (!error)
		error = lade_receiver_open_parent(receiver, path, &ends.follower_fd, &ends.follower, fault);
	if (!error)
		linked = is_linked(&ends, follower->mode, &new_name);
	if (!error && !linked && !dry_run)
		error = make_link(receiver, &ends, path, fault);
	if (dry_run)
		error = 0; /* directories may not be there yet */
	if (ends.leader_fd >= 0)
		close(ends.leader_fd);
	if (ends.follower_fd >= 0)
		close(ends.follower_fd);
	if (error)
		return error;
	lade_session_lock(&receiver->session);
	if (!linked && new_name)
		lade_totals_created(&receiver->session.totals, follower->mode);
	lade_session_unlock(&receiver->session);
	if (!linked && !(follower->changes & LADE_ITEM_LOCAL))
		tell_linked(receiver, follower, follower->changes, path, leader);
	else if (lade_session_itemizes(&receiver->session, 0))
		tell_linked(receiver, follower, LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK, path, "");
	return 0;
}

void lade_receiver_link_followers(struct lade_receiver *receiver)
{
	struct lade_slice bytes;
	struct lade_fault fault;
	int got;

	while ((got = lade_spool_next(receiver->links, &bytes, &fault)) == 1) {
		const char *path = (const char *)bytes.data + sizeof(struct follower);
		struct follower record;
		const struct leader *leader;
		int error;

		memcpy(&record, bytes.data, sizeof(record));
		leader = lade_receiver_find_leader(receiver, record.leader);
		if (leader->failed) {
			lade_session_tell(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, "link", path,
					  "the file that it is another name of did not arrive");
			continue;
		}
		error = link_one(receiver, leader->path, path, &record, &fault);
		if (error)
			lade_receiver_metadata_problem(receiver, path, &fault);
		else
			lade_receiver_stored(receiver, record.index, 1);
	}
	if (got < 0)
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}
