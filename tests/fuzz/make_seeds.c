/*
 * Makes the seeds of the session targets: runs a sender against a receiver, both with the
 * key of the targets (zeros), and records what each of them says. And those of the index.
 *
 * usage: make_seeds CORPORA-DIRECTORY; writes fuzz_receiver/, fuzz_sender/,
 * fuzz_message/ and fuzz_index/.
 * Not part of any build; see tests/fuzz/Makemodule.am.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sync/chunk_index.h"
#include "agent/sync/receiver.h"
#include "agent/sync/sender.h"
#include "agent/sync/sync.h"
#include "protocol/byteorder.h"
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

/* What is at both sides in the targets' sessions, and the same, but for a few bytes, at the other one. */
static void put_old(const char *path, bool changed)
{
	uint8_t content[FUZZ_OLD_LEN];
	const struct timespec times[2] = { { .tv_sec = 1 + changed }, { .tv_sec = 1 + changed } };
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	fuzz_old_content(content);
	if (changed) {
		memset(content + 3000, 0, 50);
		memmove(content + 15000, content + 14000, FUZZ_OLD_LEN - 15000);
	}
	if (fd < 0 || write(fd, content, FUZZ_OLD_LEN) != FUZZ_OLD_LEN || futimens(fd, times) || close(fd))
		abort();
}

/* "o" has the number that it has in the targets' sessions. */
static void make_recipe_of(bool changed)
{
	put("source/a", "old content\n", 12);
	if (symlink("a", "source/c") || symlink("a", "source/l"))
		abort();
	put_old("source/o", changed);
	put_old("destination/o", !changed);
}

/* For the receiver: its old file is the one that it has there. */
static void make_recipe(void)
{
	make_recipe_of(true);
}

/* For the sender: so is its source. */
static void make_recipe_source(void)
{
	make_recipe_of(false);
}

/* The same content: nothing is asked for. */
static void make_recipe_same(void)
{
	make_recipe_of(true);
	if (unlink("source/o"))
		abort();
	put_old("source/o", false);
}

/* A hole within, and nothing else that is new. */
static void make_recipe_hole(void)
{
	int fd;

	make_recipe_same();
	fd = open("source/o", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 8192) || ftruncate(fd, FUZZ_OLD_LEN) || close(fd))
		abort();
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
	struct lade_settings settings = { .options = fuzz_session_options(recording->options), .suffix = "~" };
	char *sources[] = { (char *)"source/" };
	struct lade_run_key key = { 0 };
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

/* ---- the index ---- */

/* files of chunks chunks each; every other chunk is one that all of them have. */
struct indexed {
	const char *name;
	uint8_t mode; /* the first byte of the input, see fuzz_index.c */
	unsigned files, chunks;
};

static void fill(struct lade_index *index, const struct indexed *seed)
{
	for (unsigned i = 0; i < seed->files; i++) {
		const struct lade_stamp stamp = { .file_system = 1, .inode = i, .size = 100 * seed->chunks };
		struct lade_index_chunk chunks[16];
		struct lade_fault fault;
		char path[16];

		for (unsigned j = 0; j < seed->chunks; j++)
			chunks[j] = (struct lade_index_chunk){
				(j % 2 ? (uint64_t)i * 16 + j : 1) << 36, 100 * j, 100,
			};
		snprintf(path, sizeof(path), "d/%u", i);
		if (lade_index_add(index, path, &stamp, i % 4 != 3, chunks, seed->chunks, &fault))
			abort();
	}
}

/* What is in the file index, behind the mode. */
static void save_index(const char *corpora, const struct indexed *seed)
{
	static uint8_t bytes[65536];
	char path[4096 + 128];
	FILE *from = fopen("index", "rb"), *to;
	size_t len = from ? fread(bytes, 1, sizeof(bytes), from) : 0;

	snprintf(path, sizeof(path), "%s/fuzz_index/%s", corpora, seed->name);
	to = fopen(path, "wb");
	if (!len || !to || fputc(seed->mode, to) == EOF || fwrite(bytes, 1, len, to) != len || fclose(to))
		abort();
	fclose(from);
}

static void make_index(const char *corpora, const struct indexed *seed)
{
	int directory_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lade_index *index;
	struct lade_fault fault;

	if (lade_index_open(directory_fd, "index", &index, &fault))
		abort();
	fill(index, seed);
	if (lade_index_save(index, &fault))
		abort();
	lade_index_close(index);
	save_index(corpora, seed);
	if (unlink("index") || close(directory_fd))
		abort();
}

/* An OPEN with all that it may have. */
static void save_open(const char *corpora)
{
	static const uint8_t path[] = "\3dst", rules[] = "\1\0\3*.o", alternatives[] = "\7../prev\4/old";
	static const uint8_t parameters[] = "\1\10\1\0\0\0\0\0\0\0\2\10\3\0\0\0\0\0\0\0";
	const struct lade_msg_open open = {
		.options = LADE_OPTIONS_KNOWN, .paths = lade_slice(path, sizeof(path) - 1),
		.rules = lade_slice(rules, sizeof(rules) - 1),
		.parameters = lade_slice(parameters, sizeof(parameters) - 1),
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

/* What a sender says that has its sources from a list: a directory on the way, and a source that is missing. */
static void save_said(const char *corpora)
{
	static const uint8_t ways[] = { 0x05, 0x06 };
	const struct lade_msg_root root = { 0 };
	const struct lade_msg_implied implied = { lade_slice("d", 1) };
	const struct lade_msg_leave leave = { 0 };
	const struct lade_msg_missing missing = { lade_slice("a", 1) };
	const struct lade_msg_entries_end end = { 0 };

	for (unsigned i = 0; i < sizeof(ways); i++) {
		uint8_t header[LADE_FRAME_HEADER_LEN];
		struct lade_writer writer;
		char path[4096 + 128];
		FILE *file;

		lade_writer_init(&writer, LADE_CONTROL_MAX);
		lade_put_root(&writer, &root);
		if (i == 0) {
			lade_put_implied(&writer, &implied);
			lade_put_leave(&writer, &leave);
		} else {
			lade_put_missing(&writer, &missing);
		}
		lade_put_entries_end(&writer, &end);
		lade_put_le32(header, (uint32_t)writer.len);
		lade_put_le32(header + 4, 0);
		snprintf(path, sizeof(path), "%s/fuzz_receiver/%s", corpora, i ? "missing" : "implied");
		file = fopen(path, "wb");
		if (writer.error || !file || fputc(ways[i], file) == EOF || fwrite(header, 1, sizeof(header), file) != sizeof(header) ||
		    fwrite(writer.data, 1, writer.len, file) != writer.len || fclose(file))
			abort();
		snprintf(path, sizeof(path), "%s/fuzz_message/%s", corpora, i ? "missing" : "implied");
		file = fopen(path, "wb");
		if (!file || fwrite(writer.data, 1, writer.len, file) != writer.len || fclose(file))
			abort();
		lade_writer_fini(&writer);
	}
}

/* What is said of another connection. */
static void save_move(const char *corpora)
{
	static const uint8_t proof[LADE_PROOF_LEN];
	const struct lade_msg_session session = { 4711 };
	const struct lade_msg_join join = { 4711, lade_slice(proof, sizeof(proof)) };
	const struct lade_msg_joined joined = { lade_slice(proof, sizeof(proof)) };
	const struct lade_msg_move move = { 1 };
	const struct lade_msg_move_wanted wanted = { 1 };
	struct lade_writer writer;
	char path[4096 + 128];
	FILE *file;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_session(&writer, &session);
	lade_put_join(&writer, &join);
	lade_put_joined(&writer, &joined);
	lade_put_move_wanted(&writer, &wanted);
	lade_put_move(&writer, &move);
	snprintf(path, sizeof(path), "%s/fuzz_message/move", corpora);
	file = fopen(path, "wb");
	if (writer.error || !file || fwrite(writer.data, 1, writer.len, file) != writer.len || fclose(file))
		abort();
	lade_writer_fini(&writer);
}

/* Append a frame with the messages in control, which is emptied, and a payload. */
static void put_frame(struct lade_writer *out, struct lade_writer *control, const char *payload)
{
	uint8_t header[8];

	lade_put_le32(header, (uint32_t)control->len);
	lade_put_le32(header + 4, (uint32_t)strlen(payload));
	lade_writer_put_bytes(out, header, sizeof(header));
	lade_writer_put_bytes(out, control->data, control->len);
	lade_writer_put_bytes(out, payload, strlen(payload));
	lade_writer_reset(control);
}

static void save_bytes(const char *corpora, const char *name, const struct lade_writer *out)
{
	char path[4096 + 128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", corpora, name);
	file = fopen(path, "wb");
	if (out->error || !file || fwrite(out->data, 1, out->len, file) != out->len || fclose(file))
		abort();
}

/* What a client of a store says: all requests there are. way: the first byte. */
static void save_store_client(const char *corpora, const char *name, uint8_t way)
{
	static const uint8_t zeros[LADE_SECRET_LEN];
	static const char object[] = "LADEK and so on, and so on", key_name[] = "keys/00000000000000000000000000000000";
	const struct lade_slice slice = lade_slice(key_name, sizeof(key_name) - 1), format = lade_slice("format", 6);
	const struct lade_msg_open_store open = { 0, lade_slice("/", 1) };
	const struct lade_msg_put put = { 0 }, other = { 1 };
	struct lade_msg_put_run run = { .put = 0, .len = sizeof(object) - 1 };
	const struct lade_msg_put_end end = { .request = 1, .put = 0, .len = sizeof(object) - 1, .name = slice };
	const struct lade_msg_put_abandon abandon = { 1 };
	const struct lade_msg_get get = { .request = 2, .off = 1, .len = 20, .name = slice };
	const struct lade_msg_list list = { 3, lade_slice("k", 1) };
	const struct lade_msg_rename rename = { 4, slice, lade_slice("trust/1", 7) };
	const struct lade_msg_remove remove = { 5, format };
	const struct lade_msg_barrier barrier = { 6 };
	struct lade_run_key key;
	struct lade_writer out, control;

	lade_run_key_derive(&key, zeros, zeros);
	lade_digest(&key, object, run.len, run.digest);
	lade_writer_init(&out, LADE_CONTROL_MAX);
	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_writer_put_u8(&out, way);
	lade_put_open_store(&control, &open);
	put_frame(&out, &control, "");
	lade_put_put(&control, &other);
	lade_put_put(&control, &put);
	lade_put_put_run(&control, &run);
	put_frame(&out, &control, object);
	lade_put_put_end(&control, &end);
	lade_put_put_abandon(&control, &abandon);
	lade_put_get(&control, &get);
	lade_put_list(&control, &list);
	put_frame(&out, &control, "");
	lade_put_rename(&control, &rename);
	lade_put_remove(&control, &remove);
	lade_put_barrier(&control, &barrier);
	put_frame(&out, &control, "");
	save_bytes(corpora, name, &out);
	lade_writer_fini(&control);
	lade_writer_fini(&out);
}

/* What a server answers to the client of fuzz_store.c. */
static void save_store_server(const char *corpora)
{
	const struct lade_msg_listed listed = { 1, lade_slice("\006format\050", 8) };
	const struct lade_msg_data data = { 2, 40 };
	struct lade_writer out, control;

	lade_writer_init(&out, LADE_CONTROL_MAX);
	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_writer_put_u8(&out, 1);
	for (uint32_t request = 0; request < 7; request++) {
		const struct lade_msg_answer answer = { .request = request, .result = request == 4 };

		if (request == 1)
			lade_put_listed(&control, &listed);
		if (request == 2) {
			lade_put_data(&control, &data);
			put_frame(&out, &control, "0123456789012345678901234567890123456789");
		}
		lade_put_answer(&control, &answer);
		put_frame(&out, &control, "");
	}
	save_bytes(corpora, "fuzz_store/server", &out);
	lade_writer_fini(&control);
	lade_writer_fini(&out);
}

int main(int argc, char **argv)
{
	static const struct recording recordings[] = {
		{ "small_files", 0x00, make_small }, { "small_files_delete", 0x01, make_small },
		{ "dry_run", 0x20, make_small },     { "sparse_run", 0x00, make_sparse },
		{ "checksum", 0x10, make_sparse },   { "hard_links", 0x00, make_links },
		{ "recipe", 0x00, make_recipe },     { "recipe_source", 0x00, make_recipe_source },
		{ "recipe_same", 0x00, make_recipe_same }, { "recipe_hole", 0x00, make_recipe_hole },
		{ "remove_source", 0x01, make_links }, { "backup", 0x10, make_small },
		{ "delay_updates", 0x11, make_links }, { "append", 0x09, make_recipe },
	};
	static const struct indexed indexes[] = {
		{ "nothing", 0, 0, 0 },	     { "three_files", 0, 3, 4 },   { "three_files_right", 1, 3, 4 },
		{ "swept", 3, 5, 2 },	     { "equal_names", 1, 200, 2 }, { "many_chunks", 1, 20, 16 },
	};
	char corpora[4096], scratch[] = "/tmp/lade-seeds-XXXXXX";

	if (argc != 2 || !realpath(argv[1], corpora) || !mkdtemp(scratch) || chdir(scratch) ||
	    lade_sync_setup(NULL))
		return 2;
	for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++)
		record(corpora, &recordings[i]);
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		make_index(corpora, &indexes[i]);
	save_open(corpora);
	save_said(corpora);
	save_move(corpora);
	save_store_client(corpora, "fuzz_store/client", 0);
	save_store_client(corpora, "fuzz_store/reader", 2);
	save_store_server(corpora);
	return chdir("/") || rmdir(scratch);
}
