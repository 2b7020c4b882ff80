/*
 * `lade paths [FILE|DIR]`: every way on every pair of descriptors is tried by really
 * moving bytes, without fallback, and by comparing them; so the answer holds for this
 * kernel, this file system and this sandbox, not for what their versions promise.
 *
 * Invariant: whatever the way does, both ends are closed and both far sides are joined
 * before the next probe. Limit: source and target are on one file system; a refusal
 * between two (EXDEV) does not show here.
 */
#include "agent/command_paths.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "transport/mapping.h"
#include "transport/mover.h"
#include "transport/pipe_pool.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define PROBE_BLOCKS 4
#define MEASURE_DEFAULT 256 /* MiB: long enough to be seen, short enough for the page cache */
#define MEASURE_MAX 65536
#define CHUNK_LEN ((size_t)256 << 10)

enum end { END_FILE, END_TCP, END_UNIX, END_PIPE };

static const char *const end_names[] = { "file", "tcp socket", "unix socket", "pipe" };

static const struct {
	enum end in, out;
} pairs[] = {
	{ END_FILE, END_FILE }, { END_FILE, END_TCP }, { END_TCP, END_FILE },
	{ END_FILE, END_UNIX }, { END_UNIX, END_FILE }, { END_FILE, END_PIPE },
	{ END_PIPE, END_FILE },
};

/* What the whole command works with. */
struct bench {
	struct lade_movers *movers;
	int source_fd; /* holds len bytes of the pattern */
	int target_fd;
	size_t block;
	uint64_t len;
	bool measure;
};

/* The far side of a stream, in a thread of its own. */
struct far_side {
	int fd; /* or -1 */
	bool writes;
	uint64_t len;  /* bytes to write; bytes that were read */
	bool differs;  /* what was read is not the pattern */
	bool compares;
	pthread_t thread;
	bool runs;
};

/* What one probe found out. */
struct finding {
	int code;
	struct lade_fault fault;
	bool differs;
	double seconds, cpu_seconds;
};

/* Where the pattern's bytes come from: no two chunks are alike. */
static void fill_pattern(uint8_t *chunk, size_t len, uint64_t off)
{
	size_t i;

	for (i = 0; i < len; i++)
		chunk[i] = (uint8_t)((off + i) * 2654435761u >> 13);
}

static void *run_far_side(void *argument)
{
	struct far_side *side = argument;
	uint8_t *chunk = malloc(2 * CHUNK_LEN);
	uint64_t done = 0;
	ssize_t count;
	size_t len;

	if (!chunk) {
		side->differs = true;
		return NULL;
	}
	fill_pattern(chunk, CHUNK_LEN, 0);
	while (!side->writes || done < side->len) {
		len = CHUNK_LEN;
		if (side->writes) {
			if (side->len - done < len)
				len = (size_t)(side->len - done);
			if (side->compares)
				fill_pattern(chunk, len, done);
			count = write(side->fd, chunk, len);
		} else {
			count = read(side->fd, chunk + CHUNK_LEN, len);
		}
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break; /* the near side is closed */
		if (!side->writes && side->compares) {
			fill_pattern(chunk, (size_t)count, done);
			side->differs |= memcmp(chunk, chunk + CHUNK_LEN, (size_t)count) != 0;
		}
		done += (uint64_t)count;
	}
	if (!side->writes)
		side->len = done;
	free(chunk);
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A connected pair over the loopback: fds[0] dialled. Returns 0, or -1 with errno. */
static int tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener, saved;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = fds[1] = -1;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	    connect(fds[0], (struct sockaddr *)&address, sizeof(address)) == 0)
		fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	saved = errno;
	close(listener);
	if (fds[1] < 0)
		close_fd(&fds[0]);
	errno = saved;
	return fds[1] < 0 ? -1 : 0;
}

/* fds[0] is the reading end. Returns 0, or -1 with errno. */
static int stream_pair(enum end end, int fds[2])
{
	switch (end) {
	case END_TCP:
		return tcp_pair(fds);
	case END_UNIX:
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	case END_PIPE:
		return pipe2(fds, O_CLOEXEC);
	case END_FILE:
		break;
	}
	errno = EINVAL;
	return -1;
}

static int start_far_side(struct far_side *side)
{
	errno = pthread_create(&side->thread, NULL, run_far_side, side);
	side->runs = errno == 0;
	return side->runs ? 0 : -1;
}

static void end_far_side(struct far_side *side)
{
	if (side->runs)
		pthread_join(side->thread, NULL);
	close_fd(&side->fd);
}

static bool target_differs(const struct bench *bench)
{
	uint8_t *chunk = malloc(2 * CHUNK_LEN);
	bool differs = !chunk;
	uint64_t off;
	ssize_t count;
	size_t len;

	for (off = 0; !differs && off < bench->len; off += len) {
		len = bench->len - off < CHUNK_LEN ? (size_t)(bench->len - off) : CHUNK_LEN;
		fill_pattern(chunk, len, off);
		count = pread(bench->target_fd, chunk + CHUNK_LEN, len, (off_t)off);
		differs = count != (ssize_t)len || memcmp(chunk, chunk + CHUNK_LEN, len) != 0;
	}
	free(chunk);
	return differs;
}

static double seconds_of(long seconds, long fraction, double unit)
{
	return (double)seconds + (double)fraction * unit;
}

/* The move itself, with its time and the CPU time of this thread. */
static void move_and_time(const struct bench *bench, struct lade_move *move,
			  struct finding *finding)
{
	struct timespec start, end;
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	finding->code = lade_move(bench->movers, move, &finding->fault);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_THREAD, &after);
	finding->seconds = seconds_of(end.tv_sec - start.tv_sec, end.tv_nsec - start.tv_nsec, 1e-9);
	finding->cpu_seconds = seconds_of(after.ru_utime.tv_sec - before.ru_utime.tv_sec,
					  after.ru_utime.tv_usec - before.ru_utime.tv_usec, 1e-6) +
			       seconds_of(after.ru_stime.tv_sec - before.ru_stime.tv_sec,
					  after.ru_stime.tv_usec - before.ru_stime.tv_usec, 1e-6);
}

/* Try path from one kind of end to another. */
static void probe(const struct bench *bench, enum end in, enum end out, enum lade_path path,
		  struct finding *finding)
{
	struct lade_move move = { .in_fd = bench->source_fd, .out_fd = bench->target_fd,
				  .len = bench->len, .path = path, .only = true };
	struct far_side side = { .fd = -1, .len = bench->len, .compares = !bench->measure };
	int fds[2] = { -1, -1 }, near = -1;

	memset(finding, 0, sizeof(*finding));
	if (ftruncate(bench->target_fd, 0) < 0)
		goto failed;
	if (in != END_FILE || out != END_FILE) {
		if (stream_pair(in != END_FILE ? in : out, fds) < 0)
			goto failed;
		side.writes = in != END_FILE;
		near = side.writes ? fds[0] : fds[1];
		side.fd = side.writes ? fds[1] : fds[0];
		if (start_far_side(&side) < 0)
			goto failed;
	}
	if (in != END_FILE) {
		move.in_fd = near;
		move.in_off = LADE_NO_OFFSET;
	}
	if (out != END_FILE) {
		move.out_fd = near;
		move.out_off = LADE_NO_OFFSET;
	}
	move_and_time(bench, &move, finding);
	close_fd(&near);
	end_far_side(&side);
	if (finding->code == 0 && !bench->measure) {
		if (out == END_FILE)
			finding->differs = target_differs(bench);
		else
			finding->differs = side.differs || side.len != bench->len;
	}
	return;
failed:
	finding->code = lade_fault_set(&finding->fault, LADE_E_SYSTEM, "probe", NULL);
	close_fd(&near);
	end_far_side(&side);
}

static void print_reason(enum lade_path path, const struct finding *finding)
{
	const char *row = NULL;

	if (finding->differs) {
		fputs("the bytes that arrived differ", stdout);
		return;
	}
	if (finding->code == LADE_E_UNSUPPORTED)
		row = lade_fallback_reason(path, finding->fault.sys_errno);
	if (!row || finding->fault.sys_errno)
		fputs(lade_fault_reason(&finding->fault), stdout);
	if (row)
		printf("%s%s", finding->fault.sys_errno ? ": " : "", row);
}

static void print_finding(const struct bench *bench, size_t pair, enum lade_path path,
			  const struct finding *finding)
{
	const double gib = (double)bench->len / (1 << 30);
	bool works = finding->code == 0 && !finding->differs;

	printf("%-12s%-12s%-17s%s", end_names[pairs[pair].in], end_names[pairs[pair].out],
	       lade_path_name(path), works ? "yes" : "no   ");
	if (!works)
		print_reason(path, finding);
	else if (bench->measure && finding->seconds > 0)
		printf("%10.2f GB/s%8.3f CPU s/GiB", (double)bench->len / finding->seconds / 1e9,
		       finding->cpu_seconds / gib);
	putchar('\n');
}

/* True if the pair has the way: the table of transport/mover.h. */
static bool pair_has(size_t pair, enum lade_path path)
{
	if (path == LADE_PATH_SPLICE || path == LADE_PATH_COPY)
		return true;
	if (path == LADE_PATH_SENDFILE || path == LADE_PATH_MMAP)
		return pairs[pair].in == END_FILE;
	return pairs[pair].in == END_FILE && pairs[pair].out == END_FILE;
}

/* Measured ways are tried three times: the fastest was disturbed least. */
static void probe_pair(const struct bench *bench, size_t pair, enum lade_path path,
		       struct finding *best)
{
	int tries = bench->measure ? 3 : 1, i;
	struct finding again;

	probe(bench, pairs[pair].in, pairs[pair].out, path, best);
	for (i = 1; i < tries && best->code == 0; i++) {
		probe(bench, pairs[pair].in, pairs[pair].out, path, &again);
		if (again.code != 0 || again.seconds < best->seconds)
			*best = again;
	}
}

static void print_table(const struct bench *bench)
{
	struct finding finding;
	size_t pair;
	int path;

	printf("%-12s%-12s%-17s%s\n", "from", "to", "path", "works");
	for (pair = 0; pair < sizeof(pairs) / sizeof(pairs[0]); pair++) {
		for (path = LADE_PATH_AUTO + 1; path < LADE_PATH_COUNT; path++) {
			if (!pair_has(pair, (enum lade_path)path))
				continue;
			probe_pair(bench, pair, (enum lade_path)path, &finding);
			print_finding(bench, pair, (enum lade_path)path, &finding);
		}
	}
}

/* The type of the file system that fd is on, as the mount table calls it. */
static void find_file_system(int fd, char *type_out, size_t type_size)
{
	char name[64], line[4096], *dash;
	long mount = -1;
	FILE *file;

	snprintf(type_out, type_size, "unknown");
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	file = fopen(name, "re");
	if (!file)
		return;
	while (mount < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "mnt_id:", 7) == 0)
			mount = strtol(line + 7, NULL, 10);
	}
	fclose(file);
	file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		dash = strstr(line, " - ");
		if (!dash || strtol(line, NULL, 10) != mount)
			continue;
		dash += 3;
		snprintf(type_out, type_size, "%.*s", (int)strcspn(dash, " \n"), dash);
		break;
	}
	fclose(file);
}

static const char *populate_works(int fd, size_t len)
{
	void *data = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	const char *answer = "yes";

	if (data == MAP_FAILED)
		return strerror(errno);
	if (madvise(data, len, MADV_POPULATE_READ) < 0)
		answer = errno == EINVAL ? "no: before Linux 5.14" : strerror(errno);
	munmap(data, len);
	return answer;
}

static const char *openat2_works(void)
{
#ifdef SYS_openat2
	struct {
		uint64_t flags, mode, resolve;
	} how = { O_PATH | O_CLOEXEC, 0, 0 };
	long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd < 0)
		return errno == ENOSYS ? "no: before Linux 5.6, or a sandbox" : strerror(errno);
	close((int)fd);
	return "yes";
#else
	return "no: not known when lade was built";
#endif
}

static void print_facts(const struct bench *bench)
{
	struct lade_pipe pipe;
	struct utsname kernel;
	char type[64];

	find_file_system(bench->source_fd, type, sizeof(type));
	if (uname(&kernel) == 0)
		printf("%-20s%s %s\n", "kernel", kernel.sysname, kernel.release);
	printf("%-20s%s\n", "file system", type);
	if (lade_pipe_open(LADE_PIPE_SIZE, &pipe) == 0) {
		printf("%-20s%zu KiB\n", "pipe", pipe.capacity >> 10);
		lade_pipe_close(&pipe);
	} else {
		printf("%-20s%s\n", "pipe", strerror(errno));
	}
	printf("%-20s%s\n", "MADV_POPULATE_READ", populate_works(bench->source_fd, bench->block));
	printf("%-20s%s\n\n", "openat2", openat2_works());
}

/* Control bytes of a name could talk to the terminal. */
static void print_name(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 32 || *name == 127)
			fprintf(stderr, "\\#%03o", (unsigned char)*name);
		else
			putc(*name, stderr);
	}
}

static int complain(const char *operation, const char *name)
{
	int error = errno;

	fprintf(stderr, "lade paths: %s ", operation);
	print_name(name);
	fprintf(stderr, ": %s\n", strerror(error));
	return -1;
}

/* An unlinked file in dir. Returns a descriptor, or -1 after a message. */
static int temporary_file(const char *dir)
{
	static const char leaf[] = "/.lade.paths.XXXXXX";
	size_t len = strlen(dir) + sizeof(leaf);
	char *name = malloc(len);
	int fd = -1;

	if (name) {
		snprintf(name, len, "%s%s", dir, leaf);
		fd = mkostemp(name, O_CLOEXEC);
	}
	if (fd < 0)
		complain("cannot make a temporary file in", dir);
	else
		unlink(name);
	free(name);
	return fd;
}

static int fill_source(struct bench *bench, const char *dir)
{
	uint8_t *chunk = malloc(CHUNK_LEN);
	uint64_t off;
	size_t len;
	int ret = chunk ? 0 : -1;

	for (off = 0; ret == 0 && off < bench->len; off += len) {
		len = bench->len - off < CHUNK_LEN ? (size_t)(bench->len - off) : CHUNK_LEN;
		fill_pattern(chunk, len, off);
		errno = ENOSPC; /* what a short count means */
		if (pwrite(bench->source_fd, chunk, len, (off_t)off) != (ssize_t)len)
			ret = -1;
	}
	free(chunk);
	return ret == 0 ? 0 : complain("cannot write a temporary file in", dir);
}

/* Two files in dir, the first one filled. Returns 0, or -1 after a message. */
static int prepare(struct bench *bench, const char *dir, uint64_t measure_len)
{
	struct stat st;

	bench->source_fd = temporary_file(dir);
	if (bench->source_fd < 0)
		return -1;
	bench->target_fd = temporary_file(dir);
	if (bench->target_fd < 0)
		return -1;
	bench->block = fstat(bench->source_fd, &st) == 0 && st.st_blksize > 0 ?
			       (size_t)st.st_blksize : 4096;
	bench->measure = measure_len > 0;
	bench->len = bench->measure ? measure_len : PROBE_BLOCKS * bench->block;
	return fill_source(bench, dir);
}

static int run_in(const char *dir, uint64_t measure_len)
{
	struct bench bench = { .source_fd = -1, .target_fd = -1 };
	int ret = 1;

	if (lade_movers_new(NULL, &bench.movers) < 0 || lade_mapping_setup(NULL) < 0) {
		fputs("lade paths: out of memory\n", stderr);
		goto out;
	}
	if (prepare(&bench, dir, measure_len) < 0)
		goto out;
	print_facts(&bench);
	print_table(&bench);
	ret = fflush(stdout) == 0 ? 0 : 1;
out:
	close_fd(&bench.source_fd);
	close_fd(&bench.target_fd);
	lade_movers_free(bench.movers);
	return ret;
}

static void usage(FILE *file)
{
	fputs("usage: lade paths [--measure[=MIB]] [FILE|DIR]\n"
	      "Show which ways of moving bytes work here (beside FILE, in DIR; default: .).\n\n"
	      "      --measure[=MIB]  also what each costs: moves MIB mebibytes (256), best of\n"
	      "                       three; CPU time is that of the moving side\n"
	      "  -h, --help           show this text\n", file);
}

/* MIB of --measure in bytes; 0 if it is no number from 1 to MEASURE_MAX. */
static uint64_t parse_measure(const char *text)
{
	unsigned long mib = MEASURE_DEFAULT;
	char *end;

	if (text) {
		if (*text < '0' || *text > '9')
			return 0;
		mib = strtoul(text, &end, 10);
		if (*end || mib > MEASURE_MAX)
			return 0;
	}
	return (uint64_t)mib << 20;
}

int lade_command_paths(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "measure", optional_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t measure_len = 0;
	struct stat st;
	char *place = NULL;
	int option, ret;

	opterr = 0;
	optind = 0; /* glibc: start afresh, the program has parsed its own options */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage(stdout);
			return 0;
		case 'm':
			measure_len = parse_measure(optarg);
			if (measure_len)
				break;
			fputs("lade paths: --measure takes a number of MiB\n", stderr);
			return 1;
		default:
			fputs("lade paths: unknown option in ", stderr);
			print_name(argv[optind > 1 ? optind - 1 : 1]);
			putc('\n', stderr);
			usage(stderr);
			return 1;
		}
	}
	if (argc - optind > 1) {
		usage(stderr);
		return 1;
	}
	place = strdup(optind < argc ? argv[optind] : ".");
	if (!place || stat(place, &st) < 0) {
		complain("cannot look at", place ? place : "the path");
		free(place);
		return 1;
	}
	ret = run_in(S_ISDIR(st.st_mode) ? place : dirname(place), measure_len);
	free(place);
	return ret;
}
