/*
 * Files that are written over (--inplace, --append), and may be one file under two names: what comes for the second name waits until
 * the first one is done with, so that the last word counts, and neither meets the other's lock.
 */
#include "agent/sync/receiver_internal.h"

#include <fcntl.h>

#include "protocol/grow.h"

/* Only such a file can have another name, or be reached by another path. */
static bool may_be_shared(const struct lade_receiver *receiver, const struct incoming *file)
{
	return file->overwrite && file->existed && !file->is_device &&
		(file->existing.st_nlink > 1 || (receiver->keep.options & LADE_OPTION_KEEP_DIRLINKS));
}

/* The place of its inode among those that are being written over; none: their count. Lock held. */
static size_t find(const struct lade_receiver *receiver, const struct stat *st)
{
	size_t i = 0;

	while (i < receiver->written_count &&
	       (receiver->written[i].ino != st->st_ino || receiver->written[i].dev != st->st_dev))
		i++;
	return i;
}

/* Wait for the other name. True if there was one. Lock held. */
static bool wait_for_turn(struct lade_receiver *receiver, const struct stat *st)
{
	struct lade_session *session = &receiver->session;
	bool waited = false;

	while (find(receiver, st) < receiver->written_count && !session->failed) {
		lade_session_queued(session, true);
		pthread_cond_wait(&receiver->slot_freed, &session->lock);
		waited = true;
	}
	return waited;
}

/* Another name of the file was written over since it was looked at. */
static void look_again(struct incoming *file)
{
	struct stat st;
	int fd;

	if (lade_directory_pin(file->directory, &fd, NULL))
		return;
	if (fstatat(fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
		file->existing.st_size = st.st_size;
		file->existing.st_mtim = st.st_mtim;
	}
	lade_directory_unpin(file->directory);
}

int lade_shared_begin(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	struct inode *written;
	bool waited;

	if (!may_be_shared(receiver, file))
		return 0;
	lade_session_lock(&receiver->session);
	waited = wait_for_turn(receiver, &file->existing);
	written = lade_grown(receiver->written, receiver->written_count, &receiver->written_capacity, sizeof(*written));
	if (written) {
		receiver->written = written;
		written[receiver->written_count++] = (struct inode){ file->existing.st_dev, file->existing.st_ino };
		file->sharer = receiver;
	}
	lade_session_unlock(&receiver->session);
	if (!written)
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	if (waited)
		look_again(file);
	return 0;
}

void lade_shared_end(struct incoming *file)
{
	struct lade_receiver *receiver = file->sharer;

	if (!receiver)
		return;
	lade_session_lock(&receiver->session);
	receiver->written[find(receiver, &file->existing)] = receiver->written[receiver->written_count - 1];
	receiver->written_count--;
	pthread_cond_signal(&receiver->slot_freed);
	lade_session_unlock(&receiver->session);
	file->sharer = NULL;
}
