/*
 * Jobs: what their files say and what is wrong with them, what is remembered of them, and what Prometheus reads.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "agent/jobs/job.h"
#include "agent/jobs/job_metrics.h"
#include "agent/jobs/job_run.h"
#include "agent/jobs/job_state.h"
#include "agent/jobs/job_table.h"
#include "tests/unit/temp_tree.h"

#define LEAST "path = /home\nrepository = /srv/repo\n"

static char tree[PATH_MAX], job_file[PATH_MAX + 16];

/* What was told of a file. */
struct told {
	char text[8192];
	unsigned count;
};

static void tell(void *context, const struct lade_config_error *error)
{
	struct told *told = context;
	const size_t len = strlen(told->text);

	told->count++;
	snprintf(told->text + len, sizeof(told->text) - len, "%u: %s\n", error->line, error->text);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int read_text(const char *text, struct lade_job **job_out, struct told *told)
{
	struct lade_fault fault;

	*told = (struct told){ .count = 0 };
	write_file(job_file, text, 0600);
	return lade_job_read(job_file, "home", tell, told, job_out, &fault);
}

static struct lade_job *good(const char *text)
{
	struct lade_job *job;
	struct told told;
	int error = read_text(text, &job, &told);

	if (error)
		print_error("%s", told.text);
	assert_int_equal(error, 0);
	assert_non_null(job);
	return job;
}

/* The file is wrong, and this is told of it, once. */
static void wrong(const char *text, const char *expected)
{
	struct lade_job *job;
	struct told told;

	assert_int_equal(read_text(text, &job, &told), LADE_E_USAGE);
	assert_null(job);
	if (told.count != 1 || !strstr(told.text, expected))
		print_error("%s", told.text);
	assert_int_equal(told.count, 1);
	assert_non_null(strstr(told.text, expected));
}

static void check_line(const struct lade_job *job, const struct lade_job_manner *manner, const char *const *expected)
{
	char **argv;
	int argc;

	assert_int_equal(lade_job_command_line(job, manner, &argc, &argv), 0);
	for (int i = 0; i < argc; i++) {
		assert_non_null(expected[i]);
		assert_string_equal(argv[i], expected[i]);
	}
	assert_null(expected[argc]);
	assert_null(argv[argc]);
	lade_job_command_line_free(argv);
}

static void test_least(void **state)
{
	static const char *const line[] = { "backup", "--job=home", "--repo=/srv/repo", "--", "/home", NULL };
	const struct lade_job_manner manner = { false, false, false };
	struct lade_job *job = good(LEAST);

	(void)state;
	check_line(job, &manner, line);
	assert_string_equal(job->name, "home");
	assert_int_equal(job->retries, 0);
	assert_int_equal(job->retry_wait, 60);
	assert_int_equal(job->timeout, 0);
	assert_int_equal(job->nice, 0);
	assert_int_equal(job->schedule.every, 0);
	assert_int_equal(job->schedule.at_count, 0);
	assert_null(job->before);
	assert_null(job->metrics);
	lade_job_free(job);
}

static void test_options(void **state)
{
	static const char *const line[] = {
		"backup", "--job=home", "--verbose", "--json", "--repo=/srv/a repo", "--exclude=*.o", "--exclude=a b, c", "--exclude-caches",
		"--exclude-if-present=.nobackup", "--exclude-larger-than=4G", "--one-file-system", "--gitignore", "--password-file=/root/pw", "--tag=a,b",
		"--host=here", "--skip-if-unchanged", "--compression=better", "--threads=2", "--", "/home", "/etc/a dir", "-x", NULL,
	};
	static const char text[] = "repository = /srv/a repo\npath = /home\npath = /etc/a dir\nexclude = *.o\nexclude = a b, c\nexclude caches = yes\n"
				   "exclude if present = .nobackup\nexclude larger than = 4G\none file system = on\ngitignore = 1\npassword file = /root/pw\n"
				   "tag = a,b\nhost = here\nskip if unchanged = true\nplaintext = no\ncompression = better\nthreads = 2\n";
	const struct lade_job_manner manner = { true, false, true };
	struct lade_job *job = good(text);

	(void)state;
	/* An operand is none of the options, whatever it looks like. */
	assert_int_equal(lade_job_words_add(&job->operands, "-x"), 0);
	check_line(job, &manner, line);
	lade_job_free(job);
}

static void test_command(void **state)
{
	static const char *const line[] = { "backup", "--job=home", "--quiet", "--stdin-from-command", "--stdin-filename=db.sql", "--repo=/srv/repo", "--", "pg_dump",
					    "-Fc", "mydb", NULL };
	const struct lade_job_manner manner = { false, true, false };
	struct lade_job *job = good("stdin filename = db.sql\ncommand = pg_dump  -Fc\tmydb\nrepository = /srv/repo\n");

	(void)state;
	check_line(job, &manner, line);
	lade_job_free(job);
}

static void test_own(void **state)
{
	struct lade_job *job = good(LEAST "at = 02:30, 14:30\njitter = 10m\nretries = 5\nretry wait = 2m\ntimeout = 6h\nnice = -5\nionice = idle\n"
					  "before = /bin/a b\nafter = /bin/c\non failure = /bin/d\nmetrics = /var/lib/metrics/\n");

	(void)state;
	assert_int_equal(job->schedule.at_count, 2);
	assert_int_equal(job->schedule.at[0], 150);
	assert_int_equal(job->schedule.at[1], 870);
	assert_int_equal(job->jitter, 600);
	assert_int_equal(job->retries, 5);
	assert_int_equal(job->retry_wait, 120);
	assert_int_equal(job->timeout, 6 * 60 * 60);
	assert_int_equal(job->nice, -5);
	assert_int_equal(job->ionice, LADE_JOB_IONICE_IDLE);
	assert_string_equal(job->before, "/bin/a b");
	assert_string_equal(job->after, "/bin/c");
	assert_string_equal(job->on_failure, "/bin/d");
	assert_string_equal(job->metrics, "/var/lib/metrics");
	lade_job_free(job);
	job = good(LEAST "every = 1d\nionice = best-effort\nnice = 19\n");
	assert_int_equal(job->schedule.every, 24 * 60 * 60);
	assert_int_equal(job->ionice, LADE_JOB_IONICE_BEST_EFFORT);
	assert_int_equal(job->nice, 19);
	lade_job_free(job);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "repository = /r\n", "0: nothing says what is to be backed up" },
		{ "path = /home\n", "0: nothing says where it goes" },
		{ "path = home\nrepository = /r\n", "1: path: \"home\": it has to be an absolute path" },
		{ "path = /home\nrepository = r\n", "2: repository: \"r\": it has to be an absolute path" },
		{ LEAST "repository = /other\n", "3: repository: this is set already, in line 2" },
		{ LEAST "repository file = /other\n", "3: repository and repository file: which" },
		{ LEAST "exclude =\n", "3: exclude: its value is missing" },
		{ LEAST "exclude = !\n", "3: exclude: --exclude: there is no pattern" },
		{ LEAST "exclude file = /nowhere/at/all\n", "3: exclude file: " },
		{ LEAST "exclude file = list\n", "3: exclude file: \"list\": it has to be an absolute path" },
		{ LEAST "password file = pw\n", "3: password file: \"pw\": it has to be an absolute path" },
		{ LEAST "compression = much\n", "3: compression: --compression=much: off" },
		{ LEAST "threads = 0\n", "3: threads: " },
		{ LEAST "exclude caches = maybe\n", "3: exclude caches: \"maybe\": it has to be yes or no" },
		{ LEAST "\n# a remark\n[home]\n", "5: [home]: a job has no sections" },
		{ LEAST "Exclude-Caches = yes\n", "3: Exclude-Caches: there is no such setting; it is written \"exclude caches\"" },
		{ LEAST "paths = /a\n", "3: paths: there is no such setting; write path" },
		{ LEAST "verbose = yes\n", "3: verbose: there is no such setting; see lade-jobs(5)" },
		{ LEAST "whatever\n", "3: this is neither a setting" },
		{ LEAST "every = 1\n", "3: every: \"1\"" },
		{ LEAST "every = 59s\n", "3: every: \"59s\"" },
		{ LEAST "every = 367d\n", "3: every: \"367d\"" },
		{ LEAST "at = 2:30\n", "3: at: \"2:30\"" },
		{ LEAST "at = ,\n", "3: at: \",\": there is no time in it" },
		{ LEAST "at = 02:30\nevery = 1d\n", "4: every and at: which" },
		{ LEAST "jitter = 5m\n", "3: jitter: it is for a job that is due" },
		{ LEAST "retry wait = 5m\n", "3: retry wait: nothing is tried again" },
		{ LEAST "retries = 101\n", "3: retries: \"101\"" },
		{ LEAST "retries = 1\nretry wait = 7h\n", "4: retry wait: \"7h\"" },
		{ LEAST "timeout = 0s\n", "3: timeout: \"0s\"" },
		{ LEAST "nice = 20\n", "3: nice: \"20\"" },
		{ LEAST "nice = -21\n", "3: nice: \"-21\"" },
		{ LEAST "ionice = realtime\n", "3: ionice: \"realtime\"" },
		{ LEAST "before = sh -c true\n", "3: before: \"sh -c true\"" },
		{ LEAST "metrics = here\n", "3: metrics: \"here\"" },
		{ LEAST "command = ls\n", "3: path and command: which" },
		{ LEAST "stdin filename = x\n", "0: --stdin-filename is for" },
		{ LEAST "password file = /a\npassword command = b\n", "4: password file and password command: which" },
		{ "command = ls\nfiles from = /dev/null\nrepository = /r\n", "0: --stdin and --files-from" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		wrong(cases[i].text, cases[i].expected);
}

/* All of them, in the order of the lines. */
static void test_many_faults(void **state)
{
	struct lade_job *job;
	struct told told;
	const char *first, *second;

	(void)state;
	assert_int_equal(read_text("every = x\npath = /a\nnice = x\n", &job, &told), LADE_E_USAGE);
	assert_int_equal(told.count, 3);
	first = strstr(told.text, "1: every");
	second = strstr(told.text, "3: nice");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(first < second);
}

/* Whatever is cut off: it is a job, or it is told what is wrong, but for no memory is it wrong. */
static void test_truncated(void **state)
{
	static const char text[] = LEAST "exclude = a\\\n  b\ntag = a,b\nevery = 1d\nretries = 2\nretry wait = 3s\nbefore = /bin/true x\n";
	char part[sizeof(text)];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct lade_job *job;
		struct told told;
		int error;

		memcpy(part, text, len);
		part[len] = '\0';
		error = read_text(part, &job, &told);
		assert_true(error == 0 || error == LADE_E_USAGE);
		assert_int_equal(error != 0, told.count != 0);
		lade_job_free(job);
	}
}

static void test_not_believed(void **state)
{
	struct lade_fault fault;
	struct lade_job *job;
	struct told told = { .count = 0 };

	(void)state;
	write_file(job_file, LEAST, 0620);
	assert_int_equal(lade_job_read(job_file, "home", tell, &told, &job, &fault), LADE_E_REFUSED);
	assert_non_null(strstr(fault.subject, "its group may write"));
	write_file(job_file, LEAST, 0602);
	assert_int_equal(lade_job_read(job_file, "home", tell, &told, &job, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_job_read(tree, "home", tell, &told, &job, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_job_read("/nowhere/at/all", "home", tell, &told, &job, &fault), LADE_E_SYSTEM);
	assert_int_equal(told.count, 0);
	assert_null(job);
}

static void test_names(void **state)
{
	char name[LADE_JOB_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[LADE_JOB_NAME_MAX] = '\0';
	assert_null(lade_job_name_refuse(name));
	name[LADE_JOB_NAME_MAX] = 'a';
	name[LADE_JOB_NAME_MAX + 1] = '\0';
	assert_non_null(lade_job_name_refuse(name));
	assert_null(lade_job_name_refuse("home-2.x_y"));
	assert_non_null(lade_job_name_refuse(""));
	assert_non_null(lade_job_name_refuse(".home"));
	assert_non_null(lade_job_name_refuse("-home"));
	assert_non_null(lade_job_name_refuse("a/b"));
	assert_non_null(lade_job_name_refuse("a b"));
	assert_non_null(lade_job_name_refuse("a\"b"));
}

/* ---- states ---- */

static int open_tree(void)
{
	const int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_state(void **state)
{
	const struct lade_job_state written = { .start = 1795305600, .success_start = 1795305000, .success = 1795305100, .has_status = true, .status = 3 };
	struct lade_job_state read;
	struct lade_fault fault;
	const int fd = open_tree();

	(void)state;
	assert_int_equal(lade_job_state_get(fd, "none", &read, &fault), 0);
	assert_int_equal(read.start, 0);
	assert_false(read.has_status);
	assert_int_equal(lade_job_state_put(fd, "one", &written, &fault), 0);
	assert_int_equal(lade_job_state_get(fd, "one", &read, &fault), 0);
	assert_int_equal(read.start, written.start);
	assert_int_equal(read.success_start, written.success_start);
	assert_int_equal(read.success, written.success);
	assert_true(read.has_status);
	assert_int_equal(read.status, 3);
	assert_int_equal(lade_job_state_put(fd, "one", &(struct lade_job_state){ .start = 5 }, &fault), 0);
	assert_int_equal(lade_job_state_get(fd, "one", &read, &fault), 0);
	assert_int_equal(read.start, 5);
	assert_false(read.has_status);
	close(fd);
}

/* A damaged state is none: the job runs. */
static void test_state_damaged(void **state)
{
	static const char *const bad[] = {
		"", "x", "lade-job-1", "lade-job-1 5", "lade-job-1 5 6 7", "lade-job-1 5 6 7 0", "lade-job-1 5 6 7 0\n\n", "lade-job-1 5 6 7 0 \n", "lade-job-1 -5 6 7 0\n",
		"lade-job-1 5 -6 7 0\n", "lade-job-1 5 6 -7 0\n", "lade-job-1 5 6 7 256\n", "lade-job-1 5 6 7 -2\n", "lade-job-2 5 6 7 0\n",
		"lade-job-1 99999999999999999999 6 7 0\n",
		"lade-job-1 5 6 7 0\n                                                                                                                                    ",
	};
	char path[PATH_MAX + 16];
	struct lade_job_state read;
	struct lade_fault fault;
	const int fd = open_tree();

	(void)state;
	snprintf(path, sizeof(path), "%s/bad.state", tree);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(path, bad[i], 0600);
		assert_int_equal(lade_job_state_get(fd, "bad", &read, &fault), 0);
		assert_int_equal(read.start, 0);
		assert_int_equal(read.success, 0);
	}
	write_file(path, "lade-job-1 5 6 7 0\n", 0600);
	assert_int_equal(lade_job_state_get(fd, "bad", &read, &fault), 0);
	assert_int_equal(read.success_start, 6);
	close(fd);
}

static void test_lock(void **state)
{
	struct lade_job_holder holder = { 0 };
	struct lade_fault fault;
	const int fd = open_tree();
	int lock = -1, other = -1, third = -1;

	(void)state;
	assert_int_equal(lade_job_lock(fd, "one", &lock, &holder, &fault), 0);
	assert_int_equal(lade_job_lock(fd, "one", &other, &holder, &fault), LADE_E_AGAIN);
	assert_int_equal(holder.pid, getpid());
	assert_int_equal(other, -1);
	assert_int_equal(lade_job_lock(fd, "two", &third, &holder, &fault), 0);
	close(lock);
	assert_int_equal(lade_job_lock(fd, "one", &other, &holder, &fault), 0);
	close(other);
	close(third);
	close(fd);
}

/* ---- metrics ---- */

static void test_metrics(void **state)
{
	const struct lade_job_report report = {
		.state = { .start = 1000, .success = 900, .has_status = true, .status = 10 }, .seconds = 2.5, .tries = 3,
		.result = { .scan = { .files = 7, .bytes = 70, .errors = 1 }, .chunks = { .bytes_new = 60, .bytes_stored = 50 } },
	};
	static const char *const expected[] = {
		"\nlade_job_last_start_timestamp_seconds{name=\"home\"} 1000\n", "\nlade_job_last_success_timestamp_seconds{name=\"home\"} 900\n",
		"\nlade_job_last_status{name=\"home\"} 10\n", "\nlade_job_last_duration_seconds{name=\"home\"} 2.500\n", "\nlade_job_last_tries{name=\"home\"} 3\n",
		"\nlade_job_last_files{name=\"home\"} 7\n", "\nlade_job_last_bytes{name=\"home\"} 70\n", "\nlade_job_last_new_bytes{name=\"home\"} 60\n",
		"\nlade_job_last_stored_bytes{name=\"home\"} 50\n", "\nlade_job_last_errors{name=\"home\"} 1\n",
	};
	char path[PATH_MAX + 32], text[8192];
	struct lade_fault fault;
	struct stat st;
	ssize_t got;
	int fd;

	(void)state;
	for (int round = 0; round < 2; round++)
		assert_int_equal(lade_job_metrics_put(tree, "home", &report, &fault), 0);
	snprintf(path, sizeof(path), "%s/lade_home.prom", tree);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(got > 0);
	text[got] = '\0';
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_non_null(strstr(text, expected[i]));
	/* Every sample has its help and its type. */
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_int_equal(strncmp(line, "# HELP lade_job_", 16), 0);
		line = strtok(NULL, "\n");
		assert_non_null(line);
		assert_int_equal(strncmp(line, "# TYPE lade_job_", 16), 0);
		line = strtok(NULL, "\n");
		assert_non_null(line);
		assert_int_equal(strncmp(line, "lade_job_", 9), 0);
	}
	assert_int_equal(lade_job_metrics_put("/nowhere/at/all", "home", &report, &fault), LADE_E_SYSTEM);
}

/* ---- waiting ---- */

static void test_worse(void **state)
{
	(void)state;
	assert_int_equal(lade_job_worse(0, 0), 0);
	assert_int_equal(lade_job_worse(0, 3), 3);
	assert_int_equal(lade_job_worse(11, 3), 11);
	assert_int_equal(lade_job_worse(10, 11), 10);
	assert_int_equal(lade_job_worse(10, 12), 12);
	assert_int_equal(lade_job_worse(1, 12), 1);
	assert_int_equal(lade_job_worse(130, 1), 130);
	assert_int_equal(lade_job_worse(0, 77), 77);
	assert_int_equal(lade_job_worse(77, 1), 77);
	assert_int_equal(lade_job_worse(77, 130), 130);
}

static pid_t start_sleeper(bool deaf)
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		sigset_t none;

		signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		for (;;)
			pause();
	}
	return pid;
}

static void test_watch(void **state)
{
	struct lade_job_watch watch;
	struct lade_job_child child = { .timeout_s = 1 };
	int status = 0;

	(void)state;
	/* Under nohup(1) it is ignored, and stays so. */
	(void)signal(SIGHUP, SIG_DFL);
	lade_job_watch_begin(&watch);
	child.pid = start_sleeper(false);
	assert_int_equal(lade_job_watch_child(&watch, &child, &status), LADE_E_TIMEOUT);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_false(watch.stopped);
	child = (struct lade_job_child){ .pid = fork() };
	if (child.pid == 0)
		_exit(7);
	assert_int_equal(lade_job_watch_child(&watch, &child, &status), 0);
	assert_int_equal(WEXITSTATUS(status), 7);
	/* Somebody tells us to end: the child is told. */
	child.pid = start_sleeper(false);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(lade_job_watch_child(&watch, &child, &status), 0);
	assert_true(watch.stopped);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(lade_job_watch_sleep(&watch, 1000), LADE_E_CANCELLED);
	lade_job_watch_end(&watch);
	lade_job_watch_begin(&watch);
	assert_int_equal(lade_job_watch_sleep(&watch, 1), 0);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	assert_int_equal(lade_job_watch_sleep(&watch, 1000), LADE_E_CANCELLED);
	lade_job_watch_end(&watch);
}

/* lade-jobs(5) has the settings of the table, in its order. */
static void test_manual(void **state)
{
	const char *source = getenv("srcdir");
	char path[PATH_MAX], line[512];
	size_t row = 0;
	FILE *page;

	(void)state;
	snprintf(path, sizeof(path), "%s/packaging/man/lade-jobs.5", source ? source : ".");
	page = fopen(path, "r");
	assert_non_null(page);
	while (fgets(line, sizeof(line), page)) {
		char *end = strstr(line, " Li = ");

		if (strncmp(line, ".It Ic ", 7) != 0 || !end)
			continue;
		*end = '\0';
		assert_true(row < lade_job_table.count);
		assert_string_equal(line + 7, lade_job_table.rows[row].name);
		row++;
	}
	fclose(page);
	assert_int_equal(row, lade_job_table.count);
}

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(tree);
	snprintf(job_file, sizeof(job_file), "%s/home.conf", tree);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_believed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_state_damaged),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_manual),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
