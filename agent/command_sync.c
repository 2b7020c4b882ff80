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

#include "agent/contact.h"
#include "agent/help.h"
#include "agent/module_list.h"
#include "agent/options.h"
#include "agent/remote_shell.h"
#include "agent/screen.h"
#include "agent/secret.h"
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
	struct lade_secret secret;  /* for a daemon */
	struct lade_contact contact; /* the daemon, and who answered there */
	struct lade_contact_peer contact_peer;
	struct lade_successors successors;
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
	const struct lade_remote_shell_request request = {
		.rsh = options->rsh, .remote = &options->remote, .program = options->lade_path, .family = options->family,
	};
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

/* Where the other side is; borrows from options. */
static struct lade_dial dial_of(const struct lade_options *options)
{
	return (struct lade_dial){
		.host = options->remote.host,
		.port = options->remote.port,
		.address = options->address,
		.family = options->family,
		.timeout_ms = (int)options->contimeout * 1000,
		.options = options->socket_options,
		.option_count = options->socket_option_count,
	};
}

static int connect_tcp(struct run *run)
{
	const struct lade_options *options = &run->options;
	const struct lade_dial dial = dial_of(options);
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

/* [move] Another connection to the daemon, for a session whose key is worn out. */
static int dial_again(void *context, const int *cancel_fd, struct lade_connection *fresh_out, struct lade_fault *fault)
{
	const struct run *run = context;

	return lade_contact_dial_again(&run->contact, &run->contact_peer, cancel_fd, fresh_out, fault);
}

static int shake_again(void *context, struct lade_connection *fresh, uint8_t exporter_out[LADE_EXPORTER_LEN], struct lade_fault *fault)
{
	const struct run *run = context;

	return lade_contact_shake_again(&run->contact, &run->contact_peer, fresh, exporter_out, fault);
}

static int connect_daemon(struct run *run)
{
	const struct lade_options *options = &run->options;

	run->contact = (struct lade_contact){
		.dial = dial_of(options),
		.key_file = options->key_file,
		.ca_file = options->ca_file,
		.accept_new = options->accept_new_host,
	};
	run->successors = (struct lade_successors){ .fd = -1, .dial = dial_again, .shake = shake_again, .context = run };
	run->options.settings.successors = &run->successors;
	/* Before there is a connection: a daemon does not wait for somebody who types. */
	if (options->remote.user &&
	    lade_secret_find(options->token_file, options->remote.user, options->remote.host, &run->secret, &run->complaint))
		return LADE_E_USAGE;
	return lade_contact_make(&run->contact, &run->connection, &run->contact_peer, &run->complaint);
}

/* [select] What a daemon is told; borrows from run. */
static struct lade_selection selection_of(const struct run *run)
{
	const struct lade_endpoint *remote = &run->options.remote;

	return (struct lade_selection){
		.module = remote->module,
		.user = remote->user ? remote->user : "",
		.secret = lade_slice(run->secret.bytes, run->secret.len),
		.exporter = run->contact_peer.exporter,
	};
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
	case LADE_ENDPOINT_DAEMON:
		error = connect_daemon(run);
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
	/*
	 * Who has said something, be it a stranger, has a status that tells more than the shell's: what the shell makes of an end that was ours is
	 * chance.
	 */
	bool silent = status == LADE_EXIT_STREAM && run->connection.lost;
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

/* -v: say how the connection is protected, and by whom. */
static void tell_protection(struct run *run)
{
	struct lade_connection_protection protection;
	struct lade_msg_report note = { .severity = LADE_REPORT_NOTE, .topic = LADE_TOPIC_ALWAYS };
	const struct lade_events *events = lade_screen_events(run->screen);
	char text[256];

	if (!run->options.verbose || run->options.quiet || !lade_connection_protection(&run->connection, &protection))
		return;
	snprintf(text, sizeof(text), "TLS 1.3, %s, sent by %s, received by %s", lade_tls_suite_name(protection.suite),
		 protection.out_kernel ? "the kernel" : "lade", protection.in_kernel ? "the kernel" : "lade");
	note.operation = lade_slice(text, strlen(text));
	events->report(events->context, &note);
}

/* The modules of a daemon, instead of a session. */
static int run_list(struct run *run)
{
	const struct lade_selection selection = selection_of(run);
	int status;

	lade_sync_watch_silence(&run->connection, run->options.settings.timeout);
	status = lade_module_list_print(&run->connection, &selection, run->options.json);
	lade_connection_close(&run->connection);
	run->connected = false;
	return status;
}

static int run_session(struct run *run)
{
	const struct lade_selection selection = selection_of(run);
	const struct lade_sync_job job = {
		.settings = &run->options.settings,
		.events = lade_screen_events(run->screen),
		.connection = &run->connection,
		.token = run->has_token ? &run->token : NULL,
		.selection = run->options.remote.kind == LADE_ENDPOINT_DAEMON ? &selection : NULL,
		.push = run->options.push,
		.sources = run->options.sources,
		.source_count = run->options.source_count,
		.list = run->list.names ? &run->list : NULL,
		.destination = run->options.destination,
	};
	struct lade_summary sums = { .seconds = 0 };
	int status;

	lade_screen_begin(run->screen);
	tell_protection(run);
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
	lade_secret_fini(&run->secret);
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
	return 0;
}

/* What the process needs for a session. From here on the signals that end programs end the session, and so nothing that waits for something else. */
static int setup_process(struct run *run)
{
	struct lade_fault fault;

	if (lade_sync_setup(&fault) || lade_sync_limit_memory(&run->options.settings, &fault))
		return lade_complain_fault(&run->complaint, LADE_EXIT_IPC, &fault);
	return 0;
}

/* All that comes before the session. */
static int prepare(struct run *run)
{
	enum lade_endpoint_kind kind = run->options.remote.kind;
	bool dials = kind == LADE_ENDPOINT_TCP || kind == LADE_ENDPOINT_DAEMON;
	int error = setup(run);

	if (!error)
		error = open_log(run);
	/* Nobody has to wait for a host that does not answer; the other process of a local session needs the process as it will be. */
	if (!error && dials)
		error = reach(run);
	if (!error)
		error = setup_process(run);
	if (!error && !dials)
		error = reach(run);
	if (!error)
		error = make_screen(run);
	return error;
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

/* parse: how the arguments are understood. */
static int run_command(int argc, char **argv,
		       int (*parse)(struct lade_options *options, int argc, char *const argv[], struct lade_complaint *complaint))
{
	struct run run = { .child = -1 };
	int status, error = parse(&run.options, argc - 1, argv + 1, &run.complaint);

	if (!error && print_help(&run.options)) {
		lade_options_fini(&run.options);
		return LADE_EXIT_OK;
	}
	if (!error)
		error = prepare(&run);
	if (error) {
		status = run.complaint.exit_status;
		lade_screen_print(stderr, run.complaint.text);
	} else if (run.options.remote.kind == LADE_ENDPOINT_DAEMON && !*run.options.remote.module) {
		status = run_list(&run);
	} else {
		status = run_session(&run);
	}
	end(&run);
	return status;
}

int lade_command_sync(int argc, char **argv)
{
	if (argc < 2) {
		lade_help_print_usage(stderr);
		return LADE_EXIT_USAGE;
	}
	return run_command(argc, argv, lade_options_parse);
}

int lade_command_sync_list(int argc, char **argv)
{
	return run_command(argc, argv, lade_options_parse_list);
}
