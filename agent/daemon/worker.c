/*
 * The worker. First everything that needs the daemon's rights (the module's directory, chroot), then none of them any more, then the peer.
 */
#include "agent/daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#ifdef __GLIBC__
#include <nss.h>
#endif
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/monitor_internal.h"
#include "agent/daemon/party_rule.h"
#include "agent/locked_memory.h"
#include "agent/store/store_server.h"
#include "agent/sync/grant.h"
#include "agent/sync/handshake.h"
#include "agent/sync/memory_limit.h"
#include "agent/sync/sync.h"
#include "transport/clock.h"
#include "transport/connection.h"

/* How often the monitor is told how far it is, at most. */
#define PROGRESS_MS 1000

/* The directory of the daemon's state that has one for each module, and the file there of what is put into a repository. */
#define STATE_MODULES "modules"
#define STATE_ACCOUNT "account"

struct work {
	struct visit *visit;
	struct lade_connection connection;
	struct lade_run_key key;
	struct lade_grant grant;
	int account_fd;                       /* of a repository with a quota: see agent/store/store_room.h; else -1 */
	struct lade_successors successors;
	struct lade_progress last;            /* the last that was heard of the session */
	struct lade_served served;            /* its direction is right as soon as there is progress */
	struct lade_channel_message *message; /* what is said to the monitor */
	int64_t told_ms;
};

/* Who protects the bytes, in each direction. */
static void describe_path(const struct lade_connection *connection, char *text, size_t size)
{
	struct lade_connection_protection protection;

	if (lade_connection_protection(connection, &protection))
		snprintf(text, size, "%s,in=%s,out=%s", lade_tls_suite_name(protection.suite), protection.in_kernel ? "kernel" : "user",
			 protection.out_kernel ? "kernel" : "user");
}

/* How far the session is. */
static void fill_progress(const struct work *work, struct lade_channel_progress *out)
{
	const struct lade_progress *progress = &work->last;

	out->files = progress->files;
	out->files_done = progress->files_done;
	out->bytes = progress->bytes;
	out->bytes_done = progress->bytes_done;
	out->scanned = progress->scanned;
	out->action = work->served.sends ? LADE_CHANNEL_SENDS : LADE_CHANNEL_RECEIVES;
	out->received = work->connection.received_len;
	out->sent = work->connection.sent_len;
	describe_path(&work->connection, out->path, sizeof(out->path));
}

/* A grant's progress: the session's thread. */
static void tell(void *context, const struct lade_progress *progress)
{
	struct work *work = context;
	int64_t now_ms = lade_clock_ms();

	work->last = *progress;
	if (now_ms - work->told_ms < PROGRESS_MS)
		return;
	work->told_ms = now_ms;
	memset(work->message, 0, sizeof(*work->message));
	work->message->type = LADE_CHANNEL_PROGRESS;
	fill_progress(work, &work->message->progress);
	(void)lade_channel_send(work->visit->channel, work->message, NULL);
}

/* Secure what has come, on descriptor, for the session. */
static int secure_joining(const struct work *work, int descriptor, struct lade_successor *successor, struct lade_fault *fault)
{
	const struct lade_channel_joining *joining = &work->message->joining;
	const struct lade_daemon_config *config = work->visit->shared->config;
	int error;

	(void)lade_connection_accept(&successor->connection, descriptor, fault);
	error = lade_connection_secure(&successor->connection, &joining->handover.state, false, config->ktls ? LADE_SECURE_KERNEL : LADE_SECURE_USER, fault);
	successor->connection.peer_rekeys = joining->handover.rekeys;
	memcpy(successor->exporter, joining->join.exporter, sizeof(successor->exporter));
	memcpy(successor->proof, joining->join.proof, sizeof(successor->proof));
	if (error)
		lade_connection_close(&successor->connection);
	return error;
}

/* [join] Another connection for the session: the session's thread, as tell(). */
static int take_successor(void *context, struct lade_successor *successor_out, struct lade_fault *fault)
{
	struct work *work = context;
	int descriptor, error = lade_channel_receive_with(work->visit->channel, work->message, &descriptor, fault);

	if (error)
		return error;
	if (work->message->type != LADE_CHANNEL_JOINING || descriptor < 0)
		error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand a process of the daemon", NULL);
	if (!error)
		error = secure_joining(work, descriptor, successor_out, fault);
	else if (descriptor >= 0)
		close(descriptor);
	sodium_memzero(work->message, sizeof(*work->message));
	return error;
}

/* What became of it. */
static void judge_successor(void *context, bool good)
{
	struct work *work = context;

	memset(work->message, 0, sizeof(*work->message));
	work->message->type = LADE_CHANNEL_TAKEN;
	work->message->taken.good = good;
	(void)lade_channel_send(work->visit->channel, work->message, NULL);
}

/*
 * Have the path be our root directory. Whoever may write there would else choose, by its nsswitch.conf(5), which of his libraries is loaded
 * with the first name that is looked up. What is read of files alone is no code; one name of each kind has loaded what it takes.
 */
static int enter(const char *path, struct lade_fault *fault)
{
#ifdef __GLIBC__
	(void)__nss_configure_lookup("passwd", "files");
	(void)__nss_configure_lookup("group", "files");
	(void)getpwuid(0);
	(void)getgrgid(0);
#endif
	return chroot(path) || chdir("/") ? lade_fault_set(fault, LADE_E_SYSTEM, "chroot to", path) : 0;
}

/* Open what is served, with the daemon's rights: the way to it may be closed to the module's user. */
static int open_root(struct work *work, struct lade_fault *fault)
{
	const struct lade_module *module = work->visit->module;
	const char *path = module->path;

	if (module->use_chroot) {
		if (enter(path, fault))
			return fault->code;
		path = "/";
	}
	work->grant.root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return work->grant.root_fd < 0 ? lade_fault_set(fault, LADE_E_SYSTEM, "open the directory of the module", module->name) : 0;
}

static void fill_grant(struct work *work)
{
	const struct lade_module *module = work->visit->module;

	work->successors = (struct lade_successors){
		.session = work->visit->number, .fd = work->visit->channel, .take = take_successor, .judged = judge_successor, .context = work,
	};
	work->grant = (struct lade_grant){
		.root_fd = -1,
		.state_fd = -1,
		.may_read = !module->write_only,
		.may_write = !module->read_only,
		.append_only = module->append_only,
		.own_root = module->use_chroot,
		.filter = module->filter,
		.incoming_chmod = module->incoming_chmod,
		.outgoing_chmod = module->outgoing_chmod,
		.munge = module->munge_symlinks,
		.fake_super = module->fake_super,
		.refuse = (const char *const *)module->refuse_options,
		.refuse_count = module->refuse_count,
		.timeout = module->timeout,
		.bwlimit = module->bwlimit,
		.max_alloc = module->max_memory,
		.no_sendfile = !module->sendfile,
		.directio = module->directio,
		.aio = module->aio,
		.successors = &work->successors,
		.progress = tell,
		.context = work,
	};
}

/* The user that the module's files are touched as: what it says, else the one of the greeters. */
static int find_user(const struct monitor *monitor, const struct lade_module *module, struct lade_privileges *user_out, struct lade_fault *fault)
{
	*user_out = monitor->stranger;
	if (!module->uid && !module->gid)
		return 0;
	return lade_privileges_find(module->uid ? module->uid : monitor->stranger.name, module->gid, user_out, fault);
}

/* Open the place of what is kept about the module (chunk index, recipes), which is user's. Without it the session does without, too. */
static void open_state(struct work *work, const struct lade_privileges *user)
{
	const struct lade_daemon_config *config = work->visit->shared->config;
	const char *name = work->visit->module->name;
	int state = open(config->state, O_PATH | O_DIRECTORY | O_CLOEXEC), modules;

	(void)mkdirat(state, STATE_MODULES, 0711);
	modules = openat(state, STATE_MODULES, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	(void)mkdirat(modules, name, 0700);
	if (!user->change || fchownat(modules, name, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) == 0)
		work->grant.state_fd = openat(modules, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(state);
	close(modules);
}

/* Open what sessions of a repository account in, as its user. A session that has come to its file needs the directory no more. */
static int open_account(struct work *work, struct lade_fault *fault)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

	work->account_fd = openat(work->grant.state_fd, STATE_ACCOUNT, flags, 0600);
	/* It is of whom the module's uid was before; the directory is ours, and what the account has is of no meaning to new sessions. */
	if (work->account_fd < 0 && errno == EACCES && unlinkat(work->grant.state_fd, STATE_ACCOUNT, 0) == 0)
		work->account_fd = openat(work->grant.state_fd, STATE_ACCOUNT, flags, 0600);
	if (work->account_fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open the account of the module", work->visit->module->name);
	close(work->grant.state_fd);
	work->grant.state_fd = -1;
	return 0;
}

/* What a client of a repository may do: FORMAT.md, "Who may write what". Whom `writers` and `managers` do not name reads, if they name anybody. */
static struct lade_store_rights rights_of(const struct visit *visit)
{
	const struct lade_module *module = visit->module;
	struct lade_store_rights rights = { .class = LADE_STORE_READS };
	struct lade_party_rule rule;

	if (module->read_only)
		return rights;
	if (visit->known && lade_party_rule_find(module->managers, module->managers_count, visit->fingerprint, &rule) == 0)
		rights.class = LADE_STORE_MANAGES;
	else if (visit->known && lade_party_rule_find(module->writers, module->writers_count, visit->fingerprint, &rule) == 0)
		rights.class = LADE_STORE_WRITES;
	else if (!module->managers_count && !module->writers_count)
		rights.class = module->append_only ? LADE_STORE_WRITES : LADE_STORE_OWNS;
	rights.has_party = module->managers_count || module->writers_count;
	if (rights.class != LADE_STORE_READS && rights.has_party)
		memcpy(rights.party, rule.party, sizeof(rights.party));
	return rights;
}

/* What is put is counted; who only reads needs no account. */
static bool has_account(const struct visit *visit)
{
	return visit->module->repository && visit->module->quota && rights_of(visit).class != LADE_STORE_READS;
}

/* Everything that needs the daemon's rights, and then give them up. */
static int settle_down(struct work *work, const struct monitor *monitor, struct lade_fault *fault)
{
	const struct lade_module *module = work->visit->module;
	struct lade_privileges user;
	int error = find_user(monitor, module, &user, fault);

	if (error)
		return error;
	if (module->repository ? has_account(work->visit) : work->grant.may_read)
		open_state(work, &user);
	error = open_root(work, fault);
	if (!error)
		error = lade_privileges_drop(&user, fault);
	if (!error && has_account(work->visit))
		error = open_account(work, fault);
	if (!error)
		error = lade_sync_setup(fault);
	if (!error && lade_grant_confine(&work->grant, fault) < 0)
		error = fault->code;
	return error;
}

/* Take the connection over: its keys are what the monitor says first. */
static int take_connection(struct work *work, struct lade_fault *fault)
{
	const struct lade_daemon_config *config = work->visit->shared->config;
	struct lade_channel_handover *handover = &work->message->handover;
	int error = lade_channel_receive(work->visit->channel, work->message, fault);

	if (!error && work->message->type != LADE_CHANNEL_HANDOVER)
		error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand a process of the daemon", NULL);
	if (!error)
		error = lade_connection_accept(&work->connection, work->visit->fd, fault);
	if (!error)
		error = lade_connection_secure(&work->connection, &handover->state, false, config->ktls ? LADE_SECURE_KERNEL : LADE_SECURE_USER, fault);
	work->key = handover->key;
	work->connection.peer_rekeys = handover->rekeys;
	sodium_memzero(work->message, sizeof(*work->message));
	return error;
}

static void tell_result(struct work *work, int status)
{
	struct lade_channel_result *result = &work->message->result;

	memset(work->message, 0, sizeof(*work->message));
	work->message->type = LADE_CHANNEL_RESULT;
	fill_progress(work, &result->last);
	result->totals = work->served.totals;
	result->sends = work->served.sends;
	result->exit = status;
	(void)lade_channel_send(work->visit->channel, work->message, NULL);
}

/* Of publishing, for the log. */
static void note(void *context, const char *text)
{
	const struct work *work = context;
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_CHANGED, "publish:", text);
	lade_channel_complain(work->visit->channel, &fault);
}

static int serve_repository(struct work *work)
{
	const struct lade_module *module = work->visit->module;
	const struct lade_store_room_setup setup = {
		.quota = module->quota, .min_free = module->min_free, .tree_fd = work->grant.root_fd, .account_fd = work->account_fd,
	};
	struct lade_store_serving serving = {
		.connection = &work->connection, .key = &work->key, .root_fd = work->grant.root_fd, .rights = rights_of(work->visit),
		.timeout = module->timeout, .bwlimit = module->bwlimit, .note = note, .context = work,
	};
	struct lade_fault fault;
	int error = lade_memory_limit(module->max_memory, &fault);

	if (!error)
		error = lade_store_room_new(&setup, &serving.room, &fault);
	if (!error)
		error = lade_store_serve(&serving, &fault);
	lade_store_room_free(serving.room);
	switch (error) {
	case 0:
		return LADE_EXIT_OK;
	case LADE_E_PROTOCOL:
		return LADE_EXIT_VERSION;
	case LADE_E_TIMEOUT:
		return LADE_EXIT_TIMEOUT;
	case LADE_E_MEMORY:
		return LADE_EXIT_MEMORY;
	default:
		return LADE_EXIT_STREAM;
	}
}

static int serve(struct work *work)
{
	int status;

	if (work->visit->refused) {
		lade_handshake_refuse(&work->connection, LADE_EXIT_USAGE, "open", work->visit->module->name, work->visit->reason);
		return LADE_EXIT_USAGE;
	}
	status = work->visit->module->repository ? serve_repository(work) :
		lade_sync_serve_greeted(&work->connection, &work->key, NULL, &work->grant, &work->served);
	tell_result(work, status);
	return status;
}

int lade_worker_run(struct monitor *monitor, struct visit *visit)
{
	struct work work = { .visit = visit, .account_fd = -1 };
	struct lade_fault fault;
	int error, status;

	work.message = lade_locked_memory_new(sizeof(*work.message), false);
	fill_grant(&work);
	error = work.message ? take_connection(&work, &fault) : lade_fault_set(&fault, LADE_E_MEMORY, "serve", visit->peer);
	if (error) {
		lade_channel_complain(visit->channel, &fault);
		return LADE_EXIT_IPC;
	}
	if (settle_down(&work, monitor, &fault)) {
		lade_channel_complain(visit->channel, &fault);
		visit->refused = true;
		snprintf(visit->reason, sizeof(visit->reason), "the server cannot serve it now; its log says why");
		/* Whatever rights are left are none to speak to a peer with. */
		if (lade_monitor_give_up_rights(monitor, &fault))
			return LADE_EXIT_IPC;
	}
	status = serve(&work);
	lade_connection_close(&work.connection);
	return status;
}
