/*
 * Makes the seeds of the session targets: runs a sender against a receiver, both with the
 * key of the targets (zeros), and records what each of them says.
 *
 * usage: make_seeds CORPORA-DIRECTORY; writes fuzz_receiver/, fuzz_sender/ and
 * fuzz_message/.
 * Not part of any build; see tests/fuzz/Makemodule.am.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sync/receiver.h"
#include "agent/sync/sender.h"
#include "agent/sync/sync.h"
#include "tests/fuzz/session.h"
#include "transport/frame.h"

#define RECORD_MAX (1u << 20)

/* One direction: bytes from one side to the other, kept. */
struct relay {
	int from, to;
	uint8_t *bytes;
	size_t len;
};

/* One recorded session. */
struct recording {
	const char *name;
	uint8_t options;
	void (*make)(void); /* the source, in the current directory's source/ */
};

static void put(const char *path, const char *content, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	if (fd < 0 || write(fd, content, strlen(content)) < 0 || ftruncate(fd, size) ||
	    futimens(fd, times) || close(fd))
		abort();
}

static void make_small(void)
{
	put("source/a", "new content\n", 12);
	put("source/empty", "", 0);
	if (mkdir("source/d", 0755) || symlink("a", "source/z") || mkfifo("source/f", 0600))
		abort();
	put("source/d/x", "x\n", 2);
}

/* Large enough for runs, and nearly all of it a hole. */
static void make_sparse(void)
{
	put("source/a", "the beginning\n", 200000);
}

static void make_links(void)
{
	put("source/a", "one\n", 4);
	if (link("source/a", "source/b") || mkdir("source/d", 0700) || link("source/a",
									    "source/d/c"))
		abort();
}

static void *relay(void *argument)
{
	struct relay *relay = argument;
	ssize_t got;

	while ((got = read(relay->from, relay->bytes + relay->len, RECORD_MAX - relay->len)) > 0) {
		if (write(relay->to, relay->bytes + relay->len, (size_t)got) != got)
			break;
		relay->len += (size_t)got;
	}
	(void)shutdown(relay->to, SHUT_WR);
	return NULL;
}

static void *receive(void *argument)
{
	struct lade_msg_end totals;

	(void)lade_receiver_run(argument, &totals);
	return NULL;
}

static void save(const char *corpora, const char *target, const struct recording *recording,
		 const struct relay *relay)
{
	char path[4096 + 128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", corpora, target, recording->name);
	file = fopen(path, "wb");
	if (!file || fputc(recording->options, file) == EOF || fwrite(relay->bytes, 1, relay->len,
								      file) != relay->len ||
	    fclose(file))
		abort();
}

/* The messages of a direction, without frames and payload. */
static void save_messages(const char *corpora, const char *name, const char *direction,
			  const struct relay *relay)
{
	char path[4096 + 128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/fuzz_message/%s_%s", corpora, name, direction);
	file = fopen(path, "wb");
	for (size_t at = 0; file && at + LADE_FRAME_HEADER_LEN <= relay->len;) {
		uint32_t control_len, payload_len;

		if (lade_frame_get_header(relay->bytes + at, &control_len, &payload_len) ||
		    fwrite(relay->bytes + at + LADE_FRAME_HEADER_LEN, 1, control_len,
			   file) != control_len)
			abort();
		at += LADE_FRAME_HEADER_LEN + control_len + payload_len;
	}
	if (!file || fclose(file))
		abort();
}

static void record(const char *corpora, const struct recording *recording)
{
	struct lade_connection sender_ends[2], receiver_ends[2];
	struct lade_settings settings = { .options = fuzz_session_options(recording->options) };
	char *sources[] = { (char *)"source/" };
	struct lade_run_key key = { { 0 } };
	struct relay relays[2] = { { .bytes = malloc(RECORD_MAX) },
		{ .bytes = malloc(RECORD_MAX) } };
	struct lade_sender_job sender = { .settings = &settings, .key = &key, .sources = sources,
		.source_count = 1 };
	struct lade_receiver_job receiver = { .settings = &settings, .key = &key,
		.destination = "destination" };
	struct lade_msg_end totals;
	pthread_t threads[3];

	if (lade_connection_pair(&sender_ends[0], &sender_ends[1], NULL) ||
	    lade_connection_pair(&receiver_ends[0], &receiver_ends[1],
				 NULL) || lade_filter_new(&settings.filter) ||
	    mkdir("source", 0755) || mkdir("destination", 0755))
		abort();
	/* Runs are to travel, not descriptors. */
	sender_ends[0].kind = receiver_ends[0].kind = LADE_CONNECTION_TCP;
	sender.connection = &sender_ends[0];
	receiver.connection = &receiver_ends[0];
	recording->make();
	relays[0].from = relays[1].to = sender_ends[1].in_fd;
	relays[0].to = relays[1].from = receiver_ends[1].in_fd;
	pthread_create(&threads[0], NULL, relay, &relays[0]);
	pthread_create(&threads[1], NULL, relay, &relays[1]);
	pthread_create(&threads[2], NULL, receive, &receiver);
	printf("%s: %d\n", recording->name, lade_sender_run(&sender, &totals));
	pthread_join(threads[2], NULL);
	lade_connection_close(&sender_ends[0]);
	lade_connection_close(&receiver_ends[0]);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	save(corpora, "fuzz_receiver", recording, &relays[0]);
	save(corpora, "fuzz_sender", recording, &relays[1]);
	for (int i = 0; i < 2; i++) {
		save_messages(corpora, recording->name, i ? "from_receiver" : "from_sender",
			      &relays[i]);
		free(relays[i].bytes);
	}
	lade_filter_free(settings.filter);
	if (system("rm -rf source destination"))
		abort();
}

/* An OPEN with all that it may have. */
static void save_open(const char *corpora)
{
	static const uint8_t path[] = "\3dst", rules[] = "\1\0\3*.o", alternatives[] = "\7../prev\4/old";
	const struct lade_msg_open open = {
		.options = LADE_OPTIONS_KNOWN, .paths = lade_slice(path, sizeof(path) - 1),
		.rules = lade_slice(rules, sizeof(rules) - 1), .compression = 1, .level = 3,
		.alternative = LADE_ALTERNATIVE_LINK, .fuzzy_alternatives = 1,
		.alternatives = lade_slice(alternatives, sizeof(alternatives) - 1),
	};
	struct lade_writer writer;
	char file_path[4096 + 128];
	FILE *file;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_open(&writer, &open);
	snprintf(file_path, sizeof(file_path), "%s/fuzz_message/open", corpora);
	file = fopen(file_path, "wb");
	if (writer.error || !file || fwrite(writer.data, 1, writer.len, file) != writer.len || fclose(file))
		abort();
	lade_writer_fini(&writer);
}

int main(int argc, char **argv)
{
	static const struct recording recordings[] = {
		{ "small_files", 0x00, make_small }, { "small_files_delete", 0x01, make_small },
		{ "dry_run", 0x20, make_small },     { "sparse_run", 0x00, make_sparse },
		{ "checksum", 0x10, make_sparse },   { "hard_links", 0x00, make_links },
	};
	char corpora[4096], scratch[] = "/tmp/lade-seeds-XXXXXX";

	if (argc != 2 || !realpath(argv[1], corpora) || !mkdtemp(scratch) || chdir(scratch) ||
	    lade_sync_setup(NULL))
		return 2;
	for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++)
		record(corpora, &recordings[i]);
	save_open(corpora);
	return chdir("/") || rmdir(scratch);
}
