/*
 * The frame of a fuzzed session. The peer's end is closed for writing after the input, so
 * every session ends by itself; one that does not is killed by a timer (not alarm(2),
 * which is libFuzzer's).
 *
 * What the peer says goes out frame by frame: in front of the first that carries data, and of each that
 * answers or judges some, it waits a moment for an answer, because what nobody has asked for yet is refused.
 */
#include "tests/fuzz/session.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/sync/sync.h"
#include "protocol/byteorder.h"
#include "protocol/entry.h"
#include "protocol/message.h"
#include "transport/frame.h"

/* Sessions are slow: replay.c damages each input at fewer places. */
const unsigned fuzz_places_max = 24;

/* Seconds that one input may take. */
#define WATCHDOG_S 120
/* Milliseconds that the peer waits for an answer. */
#define PATIENCE_MS 10

/* Once per process: top/inside is made afresh for each input, top/outside/canary stays. */
static char top[40];
static struct stat canary, outside;
static timer_t watchdog;

static void path_of(char *out, size_t size, const char *name)
{
	if ((size_t)snprintf(out, size, "%s/%s", top, name) >= size)
		abort();
}

/* Remove a tree; what a hostile mode has closed is opened first. */
static void remove_tree(char *path)
{
	char *paths[] = { path, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOSTAT, NULL);
	FTSENT *entry;

	while (walk && (entry = fts_read(walk))) {
		if (entry->fts_info == FTS_D)
			(void)chmod(entry->fts_accpath, 0700);
		else if (entry->fts_info == FTS_DP)
			(void)rmdir(entry->fts_accpath);
		else
			(void)unlink(entry->fts_accpath);
	}
	if (walk)
		fts_close(walk);
}

static void remove_top(void)
{
	remove_tree(top);
}

static void make_top(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGABRT };
	bool memory = access("/dev/shm", W_OK) == 0;
	const char *base = getenv("TMPDIR");
	char path[64];
	int fd;

	if (snprintf(top, sizeof(top), "%s/lade-fuzz-XXXXXX",
		     memory ? "/dev/shm" : base ? base : "/tmp") >=
	    (int)sizeof(top) || !mkdtemp(top))
		abort();
	(void)atexit(remove_top);
	path_of(path, sizeof(path), "outside");
	if (mkdir(path, 0755))
		abort();
	path_of(path, sizeof(path), "outside/canary");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "canary\n", 7) != 7 || close(fd) || stat(path, &canary))
		abort();
	path_of(path, sizeof(path), "outside");
	if (stat(path, &outside) || lade_sync_setup(NULL) || timer_create(CLOCK_MONOTONIC, &event,
									  &watchdog))
		abort();
}

static void set_watchdog(time_t seconds)
{
	const struct itimerspec when = { .it_value.tv_sec = seconds };

	if (timer_settime(watchdog, 0, &when, NULL))
		abort();
}

static bool same(const struct stat *before, const char *name)
{
	struct stat st;
	char path[64];

	path_of(path, sizeof(path), name);
	return lstat(path,
		     &st) == 0 && st.st_ino == before->st_ino && st.st_mode == before->st_mode &&
		st.st_size == before->st_size && st.st_nlink == before->st_nlink && st.st_uid == before->st_uid &&
		memcmp(&st.st_ctim, &before->st_ctim, sizeof(st.st_ctim)) == 0;
}

void fuzz_old_content(uint8_t out[FUZZ_OLD_LEN])
{
	uint32_t state = 1;

	for (size_t i = 0; i < FUZZ_OLD_LEN; i++) {
		state = state * 1664525u + 1013904223u;
		out[i] = (uint8_t)(state >> 24);
	}
}

static void put_old(const char *path)
{
	uint8_t content[FUZZ_OLD_LEN];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	fuzz_old_content(content);
	if (fd < 0 || write(fd, content, FUZZ_OLD_LEN) != FUZZ_OLD_LEN || close(fd))
		abort();
}

/* What is there before a session: files, a directory, symlinks that lead outside. */
static void make_inside(struct fuzz_session *session)
{
	char path[96], target[64];
	int fd;

	path_of(session->inside, sizeof(session->inside), "inside");
	if (mkdir(session->inside, 0700))
		abort();
	snprintf(path, sizeof(path), "%s/a", session->inside);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "old content\n", 12) != 12 || close(fd))
		abort();
	snprintf(path, sizeof(path), "%s/o", session->inside);
	put_old(path);
	snprintf(path, sizeof(path), "%s/d", session->inside);
	if (mkdir(path, 0755))
		abort();
	path_of(target, sizeof(target), "outside");
	snprintf(path, sizeof(path), "%s/l", session->inside);
	if (symlink(target, path))
		abort();
	path_of(target, sizeof(target), "outside/canary");
	snprintf(path, sizeof(path), "%s/c", session->inside);
	if (symlink(target, path))
		abort();
}

/* Bytes of the frame at data, as far as they are there; *carries_out: its first message is data, or the end. */
static size_t frame_len(const uint8_t *data, size_t size, bool *carries_out)
{
	uint64_t len = size;

	*carries_out = size > LADE_FRAME_HEADER_LEN && data[LADE_FRAME_HEADER_LEN] >= LADE_MSG_WANT;
	if (size >= LADE_FRAME_HEADER_LEN)
		len = LADE_FRAME_HEADER_LEN + (uint64_t)lade_get_le32(data) + lade_get_le32(data + 4);
	return len < size ? (size_t)len : size;
}

/* True if the frame begins with what is only allowed when something has been heard. */
static bool answers(const uint8_t *data, size_t size)
{
	uint8_t type = size > LADE_FRAME_HEADER_LEN ? data[LADE_FRAME_HEADER_LEN] : 0;

	return type == LADE_MSG_PATCH || type == LADE_MSG_WANT_GAP || type == LADE_MSG_WANT_RUN || type == LADE_MSG_ACK;
}

/* Drop what has come; wait for it at most timeout_ms. False at the end. */
static bool drop(int fd, int timeout_ms)
{
	struct pollfd wait_for = { .fd = fd, .events = POLLIN };
	uint8_t scratch[65536];

	if (poll(&wait_for, 1, timeout_ms) <= 0)
		return true;
	return recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT) > 0;
}

/* Say one frame, and drop what comes meanwhile. False at the end. */
static bool say(int fd, const uint8_t *data, size_t len)
{
	struct pollfd wait_for = { .fd = fd, .events = POLLIN | POLLOUT };

	while (len) {
		ssize_t put = 0;

		if (poll(&wait_for, 1, -1) < 0)
			abort();
		if (wait_for.revents & POLLIN && !drop(fd, 0))
			return false;
		if (wait_for.revents & (POLLOUT | POLLHUP | POLLERR))
			put = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put < 0 && errno != EAGAIN)
			return false;
		data += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

/* The peer: say the input, then hang up and hear the rest. */
static void *play(void *argument)
{
	struct fuzz_session *session = argument;
	bool going = true, waited = false, carries;

	for (size_t said = 0, len; going && said < session->size; said += len) {
		len = frame_len(session->data + said, session->size - said, &carries);
		if (carries && (!waited || answers(session->data + said, session->size - said)))
			going = drop(session->peer_fd, PATIENCE_MS);
		/* A late answer: the end is said after the last of them. */
		waited = carries && session->data[said + LADE_FRAME_HEADER_LEN] != LADE_MSG_END;
		going = going && say(session->peer_fd, session->data + said, len);
	}
	(void)shutdown(session->peer_fd, SHUT_WR);
	while (going)
		going = drop(session->peer_fd, -1);
	return NULL;
}

uint64_t fuzz_session_options(uint8_t byte)
{
	uint64_t options = LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_TIMES | LADE_OPTION_PERMS |
		LADE_OPTION_NUMERIC_IDS | LADE_OPTION_SPECIALS | LADE_OPTION_HARD_LINKS;
	static const uint64_t more[] = {
		LADE_OPTION_DELETE, LADE_OPTION_ITEMIZE, LADE_OPTION_XATTRS, LADE_OPTION_ACLS,
		LADE_OPTION_CHECKSUM, LADE_OPTION_DRY_RUN, LADE_OPTION_OWNER, LADE_OPTION_GROUP,
	};

	/* Each of these changes what is done with much that is said; few go together. Which it is depends on all bits of the byte. */
	static const uint64_t ways[16] = {
		0, LADE_OPTION_REMOVE_SOURCE_FILES, LADE_OPTION_BACKUP, LADE_OPTION_DELAY_UPDATES, LADE_OPTION_KEEP_DIRLINKS,
		LADE_OPTION_RELATIVE | LADE_OPTION_NO_IMPLIED_DIRS | LADE_OPTION_DIRS,
		LADE_OPTION_DELETE_MISSING_ARGS | LADE_OPTION_IGNORE_ERRORS | LADE_OPTION_FORCE, LADE_OPTION_FAKE_SUPER,
		LADE_OPTION_MUNGE_LINKS | LADE_OPTION_SAFE_LINKS, LADE_OPTION_INPLACE | LADE_OPTION_SPARSE, LADE_OPTION_APPEND,
		LADE_OPTION_APPEND_VERIFY, LADE_OPTION_EXISTING | LADE_OPTION_UPDATE, LADE_OPTION_IGNORE_EXISTING,
		LADE_OPTION_ATIMES | LADE_OPTION_OMIT_DIR_TIMES | LADE_OPTION_OMIT_LINK_TIMES | LADE_OPTION_EXECUTABILITY,
		LADE_OPTION_FUZZY | LADE_OPTION_IGNORE_TIMES | LADE_OPTION_KEEP_DIRLINKS | LADE_OPTION_BACKUP,
	};

	for (unsigned i = 0; i < 8; i++)
		if (byte >> i & 1)
			options |= more[i];
	return options | ways[(byte * 37u >> 5) & 15];
}

void fuzz_session_begin(struct fuzz_session *session, const uint8_t *data, size_t size)
{
	struct lade_connection theirs;
	pthread_t thread;

	memset(session, 0, sizeof(*session));
	if (!top[0])
		make_top();
	set_watchdog(WATCHDOG_S);
	make_inside(session);
	session->data = data;
	session->size = size;
	if (lade_filter_new(&session->settings.filter) || lade_connection_pair(&session->ours,
									       &theirs, NULL))
		abort();
	session->peer_fd = theirs.in_fd;
	if (pthread_create(&thread, NULL, play, session))
		abort();
	session->thread = (unsigned long)thread;
}

void fuzz_session_end(struct fuzz_session *session)
{
	lade_connection_close(&session->ours);
	pthread_join((pthread_t)session->thread, NULL);
	close(session->peer_fd);
	lade_filter_free(session->settings.filter);
	if (!same(&canary, "outside/canary") || !same(&outside, "outside"))
		abort();
	remove_tree(session->inside);
	set_watchdog(0);
}
