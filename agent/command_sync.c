/*
 * `lade sync`: reach the other side (a process of our own, a remote shell, a TCP server), run
 * the session, and say how it ended. The other side of a local session is a forked process, so
 * that both sides run the same code as over a network; it is forked before there are threads.
 */
#include "agent/command_sync.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/help.h"
#include "agent/options.h"
#include "agent/remote_shell.h"
#include "agent/screen.h"
#include "agent/sync/sync.h"
#include "agent/token.h"
#include "protocol/entry.h"
#include "transport/connection.h"
#include "transport/dial.h"

/*
 * Statuses of a remote shell: of its own failure, and of a far shell that did not find the
 * command.
 */
#define SHELL_FAILED 255
#define SHELL_NOT_FOUND 127

/* How long a process may take to end after a session that failed, before it is told to. */
#define GRACE_MS 5000
#define GRACE_SHORT_MS 1000
#define GRACE_STEP_MS 10

/* One run of the command. */
struct run {
	struct lade_options options;
	struct lade_source_list list;
	struct lade_token token;
	bool has_token;
	struct lade_remote_shell shell;
	struct lade_connection connection;
	bool connected;
	pid_t child;                /* the other side of a local session, or -1 */
	struct lade_log_file *log;  /* or NULL */
	struct lade_screen *screen; /* NULL until the session begins */
	struct lade_complaint complaint;
};

/* Wait at most that long for child to end, without reaping it. False if it goes on. */
static bool ends_within(pid_t child, int patience_ms)
{
	const struct timespec step = { 0, GRACE_STEP_MS * 1000000L };

	for (int waited_ms = 0; waited_ms <= patience_ms; waited_ms += GRACE_STEP_MS) {
		siginfo_t info = { 0 };

		if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG) ||
		    info.si_pid == child)
			return true;
		(void)nanosleep(&step, NULL);
	}
	return false;
}

/*
 * After a session that failed with status: let child end by itself, else make it. Without this a shell that waits for
 * a dead network would keep us, as would a process that was stopped. Who was silent for too long has had its time.
 */
static void urge(pid_t child, int status)
{
	if (ends_within(child, status == LADE_EXIT_TIMEOUT ? GRACE_SHORT_MS : GRACE_MS))
		return;
	(void)kill(child, SIGTERM);
	if (!ends_within(child, GRACE_SHORT_MS))
		(void)kill(child, SIGKILL);
}

/* --bwlimit; the bucket lasts as long as the process. */
static int limit_rate(struct run *run)
{
	struct lade_fault fault;

	if (lade_sync_limit(&run->connection, &run->options.settings, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_MEMORY, &fault);
	return 0;
}

static int connect_local(struct run *run)
{
	struct lade_connection far_end;
	struct lade_fault fault;

	if (lade_connection_pair(&run->connection, &far_end, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_IPC, &fault);
	if (limit_rate(run)) {
		lade_connection_close(&far_end);
		lade_connection_close(&run->connection);
		return LADE_E_MEMORY;
	}
	far_end.throttle = run->connection.throttle;
	run->child = fork();
	if (run->child < 0) {
		lade_fault_set(&fault, LADE_E_SYSTEM, "fork", NULL);
		lade_connection_close(&far_end);
		lade_connection_close(&run->connection);
		return lade_complain_fault(&run->complaint, LADE_EXIT_IPC, &fault);
	}
	if (run->child == 0) {
		lade_connection_close(&run->connection);
		/* _exit: buffers and exit handlers are the parent's. */
		_exit(lade_sync_serve(&far_end, NULL, NULL, NULL));
	}
	lade_connection_close(&far_end);
	return 0;
}

static int connect_shell(struct run *run)
{
	const struct lade_options *options = &run->options;
	const struct lade_remote_shell_request request = { options->rsh, &options->remote, options->lade_path, options->family };
	struct lade_fault fault;
	char name[256];
	int error;

	error = lade_remote_shell_build(&run->shell, &request, &run->complaint);
	if (error)
		return error;
	snprintf(name, sizeof(name), "%.200s", options->remote.host);
	if (lade_connection_spawn(&run->connection, run->shell.argv, name, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_IPC, &fault);
	return 0;
}

static int connect_tcp(struct run *run)
{
	const struct lade_options *options = &run->options;
	const struct lade_dial dial = {
		.host = options->remote.host,
		.port = options->remote.port,
		.address = options->address,
		.family = options->family,
		.timeout_ms = (int)options->contimeout * 1000,
		.options = options->socket_options,
		.option_count = options->socket_option_count,
	};
	struct lade_fault fault;
	int error;

	error = lade_token_load(&run->token, options->token_file, &fault);
	if (error)
		return lade_complain_fault(
			&run->complaint, error == LADE_E_REFUSED ? LADE_EXIT_AUTH : LADE_EXIT_FILE,
			&fault);
	run->has_token = true;
	error = lade_connection_dial(&run->connection, &dial, &fault);
	if (error == LADE_E_TIMEOUT)
		return lade_complain(&run->complaint, LADE_EXIT_CONTIMEOUT, "connect to \"%s\": nobody answered in the time of --contimeout",
				     fault.subject);
	return error ? lade_complain_fault(&run->complaint, LADE_EXIT_SOCKET, &fault) : 0;
}

static int reach(struct run *run)
{
	int error;

	switch (run->options.remote.kind) {
	case LADE_ENDPOINT_SSH:
		error = connect_shell(run);
		break;
	case LADE_ENDPOINT_TCP:
		error = connect_tcp(run);
		break;
	default:
		error = connect_local(run);
		break;
	}
	run->connected = !error;
	return error ? error : limit_rate(run);
}

static int open_log(struct run *run)
{
	const char *path = run->options.log_file;
	struct lade_fault fault;

	if (path && lade_log_file_open(path, &run->log, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_FILE, &fault);
	return 0;
}

static int make_screen(struct run *run)
{
	const struct lade_options *options = &run->options;
	const struct lade_screen_settings settings = {
		.out = stdout,
		.err = stderr,
		.out_terminal = isatty(STDOUT_FILENO),
		.err_terminal = isatty(STDERR_FILENO),
		.verbosity = options->verbosity,
		.human = options->human,
		.quiet = options->quiet,
		.itemize = options->itemize,
		.format = options->out_format,
		.log = run->log,
		.log_format = options->log_format,
		.json = options->json,
		.show_targets = options->show_targets,
		.dry_run = options->settings.options & LADE_OPTION_DRY_RUN,
		.lists = options->settings.options & LADE_OPTION_RECURSIVE,
		.describes = !(options->settings.options & LADE_OPTION_WHOLE_FILE),
		.session = {
			.style = {
				.outgoing = options->push && options->remote.kind != LADE_ENDPOINT_LOCAL,
				.eight_bit = options->eight_bit,
			},
			.push = options->push,
			.sources = (const char *const *)options->sources,
			.source_count = options->source_count,
			.pid = (long)getpid(),
		},
	};

	if (options->outbuf >= 0)
		(void)setvbuf(stdout, NULL, options->outbuf, BUFSIZ);
	if (lade_screen_new(&settings, &run->screen))
		return lade_complain_memory(&run->complaint);
	return 0;
}

/* The session has ended with status: what the end of the other process makes of it. */
static int end_local(struct run *run, int status)
{
	char text[128];
	int how = 0;

	if (status != LADE_EXIT_OK)
		urge(run->child, status);
	while (waitpid(run->child, &how, 0) < 0 && errno == EINTR)
		;
	run->child = -1;
	if (WIFSIGNALED(how) && status != LADE_EXIT_SIGNAL && status != LADE_EXIT_TIMEOUT) {
		snprintf(text, sizeof(text),
			 "the other process of this transfer was killed by signal %d (%s)",
			 WTERMSIG(how), strsignal(WTERMSIG(how)));
		lade_screen_error(run->screen, text);
		return LADE_EXIT_IPC;
	}
	/* It may have failed after all was said. */
	if (status == LADE_EXIT_OK && WIFEXITED(how) && WEXITSTATUS(how)) {
		snprintf(text, sizeof(text),
			 "the other process of this transfer ended with exit status %d",
			 WEXITSTATUS(how));
		lade_screen_error(run->screen, text);
		return WEXITSTATUS(how);
	}
	return status;
}

/* The same for a remote shell, whose own failures have statuses that scripts know. */
static int end_shell(struct run *run, int status)
{
	const struct lade_remote_shell *shell = &run->shell;
	/* A stranger has said something: its own status tells more than the shell's. */
	bool silent = status == LADE_EXIT_STREAM;
	bool unopened = silent || status == LADE_EXIT_VERSION;
	char text[LADE_COMPLAINT_SIZE];
	int shell_status;

	if (status != LADE_EXIT_OK)
		urge(run->connection.child, status);
	shell_status = lade_connection_reap(&run->connection);
	if (unopened && shell_status == SHELL_NOT_FOUND) {
		snprintf(
			text, sizeof(text),
			"'%s' was not found on %s (exit status 127): is lade installed there? --lade-path names it",
			shell->command, run->options.remote.host);
		lade_screen_error(run->screen, text);
		return silent ? SHELL_NOT_FOUND : status;
	}
	if (unopened && shell_status == SHELL_FAILED) {
		snprintf(text, sizeof(text), "the remote shell '%s' to %s failed (exit status 255)",
			 shell->argv[0], run->options.remote.host);
		lade_screen_error(run->screen, text);
		return silent ? SHELL_FAILED : status;
	}
	if (status == LADE_EXIT_OK && shell_status) {
		snprintf(text, sizeof(text), "the other side ended with exit status %d",
			 shell_status);
		lade_screen_error(run->screen, text);
		return shell_status;
	}
	return status;
}

static int run_session(struct run *run)
{
	const struct lade_sync_job job = {
		.settings = &run->options.settings,
		.events = lade_screen_events(run->screen),
		.connection = &run->connection,
		.token = run->has_token ? &run->token : NULL,
		.push = run->options.push,
		.sources = run->options.sources,
		.source_count = run->options.source_count,
		.list = run->list.names ? &run->list : NULL,
		.destination = run->options.destination,
	};
	struct lade_summary sums = { .seconds = 0 };
	int status;

	lade_screen_begin(run->screen);
	status = lade_sync_client(&job, &sums.totals);
	sums.sent_len = run->connection.sent_len;
	sums.received_len = run->connection.received_len;
	lade_connection_close(&run->connection);
	if (run->child > 0)
		status = end_local(run, status);
	else if (run->connection.child > 0)
		status = end_shell(run, status);
	run->connected = false;
	return lade_screen_finish(run->screen, status, &sums);
}

/* Leave nothing behind, however far it came. */
static void end(struct run *run)
{
	if (run->connected) {
		lade_connection_close(&run->connection);
		if (run->child > 0) {
			urge(run->child, LADE_EXIT_IPC);
			(void)waitpid(run->child, NULL, 0);
		} else if (run->connection.child > 0) {
			urge(run->connection.child, LADE_EXIT_IPC);
			(void)lade_connection_reap(&run->connection);
		}
	}
	lade_screen_free(run->screen);
	lade_log_file_close(run->log);
	lade_remote_shell_fini(&run->shell);
	lade_token_wipe(&run->token);
	lade_source_list_fini(&run->list);
	lade_charset_free(run->options.settings.charset);
	lade_options_fini(&run->options);
}

static int setup(struct run *run)
{
	const struct lade_options *options = &run->options;
	struct lade_fault fault;

	if (options->iconv && lade_charset_new(options->charset, &run->options.settings.charset, &fault))
		return lade_complain_fault(&run->complaint, fault.code == LADE_E_UNSUPPORTED ? LADE_EXIT_UNSUPPORTED : LADE_EXIT_MEMORY, &fault);
	if (options->list_file && lade_source_list_read(NULL, options->list_file, options->from0, true, &run->list, &fault))
		return lade_complain_fault(&run->complaint, fault.code == LADE_E_MEMORY ? LADE_EXIT_MEMORY : LADE_EXIT_USAGE, &fault);
	if (lade_sync_setup(&fault) || lade_sync_limit_memory(&run->options.settings, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_IPC, &fault);
	return 0;
}

/* Print what was asked for instead of a session. False: nothing was. */
static bool print_help(const struct lade_options *options)
{
	if (options->help)
		(void)lade_help_print(stdout, "sync");
	else if (options->version)
		lade_help_print_version(stdout);
	else if (options->verbosity.info_help)
		lade_verbosity_print_info(stdout);
	else if (options->verbosity.debug_help)
		lade_verbosity_print_debug(stdout);
	else
		return false;
	return true;
}

int lade_command_sync(int argc, char **argv)
{
	struct run run = { .child = -1 };
	int status, error;

	if (argc < 2) {
		lade_help_print_usage(stderr);
		return LADE_EXIT_USAGE;
	}
	error = lade_options_parse(&run.options, argc - 1, argv + 1, &run.complaint);
	if (!error && print_help(&run.options)) {
		lade_options_fini(&run.options);
		return LADE_EXIT_OK;
	}
	if (!error)
		error = setup(&run);
	if (!error)
		error = open_log(&run);
	if (!error)
		error = reach(&run);
	if (!error)
		error = make_screen(&run);
	if (error) {
		status = run.complaint.exit_status;
		lade_screen_print(stderr, run.complaint.text);
	} else {
		status = run_session(&run);
	}
	end(&run);
	return status;
}
