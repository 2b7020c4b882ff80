/*
 * What the files of the monitor share. Stays in agent/daemon/.
 *
 * A visit is one connection, from accept(2) until nothing is left of it. It goes through stages, each with a process or two of its own:
 *
 *   LOGIN    the greeter makes the handshake and asks for a module
 *   CHECK    the same, and a checker looks at a password; the greeter waits
 *   BEFORE   the hook before the session runs
 *   SESSION  the worker serves
 *   AFTER    the hook behind it runs
 *
 * The monitor never waits for any of them.
 */
#ifndef LADE_AGENT_DAEMON_MONITOR_INTERNAL_H
#define LADE_AGENT_DAEMON_MONITOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "agent/daemon/channel.h"
#include "agent/daemon/config.h"
#include "agent/daemon/listening.h"
#include "agent/daemon/log.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/privileges.h"
#include "agent/daemon/slots.h"
#include "agent/key.h"
#include "transport/address.h"
#include "transport/listener.h"
#include "transport/tls.h"

/* Connections that may wait for the worker of their session. */
#define LADE_JOINING_MAX 2u

/* Passwords that are looked at at once: each takes memory and a processor for a while, on purpose. */
#define LADE_CHECKERS_MAX 2u

/* Who asks for metrics or for the status, at once: half of them for each. */
#define LADE_ANSWERERS_MAX 8u

enum visit_stage { VISIT_FREE, VISIT_LOGIN, VISIT_CHECK, VISIT_BEFORE, VISIT_SESSION, VISIT_AFTER };

/* A configuration with what was made of it, and how many use it: visits keep the one that they began with. */
struct shared_config {
	struct lade_daemon_config *config;
	struct lade_key *key;
	struct lade_tls_signer signer;        /* with the host key: works in the monitor alone */
	struct lade_tls_signer asking_signer; /* of the greeters, which ask for each signature: its context is the monitor's greeter_channel */
	struct lade_tls_context *tls;         /* of the greeters */
	unsigned users;
};

/* One connection. */
struct visit {
	enum visit_stage stage;
	uint64_t number;
	struct shared_config *shared;
	const struct lade_module *module;      /* NULL until it is let in */
	struct sockaddr_storage address;
	struct lade_slot_owner owner;
	char peer[128];                        /* "192.0.2.1:40000" */
	char host[LADE_ADDRESS_HOST_SIZE];     /* "192.0.2.1" */
	char identity[LADE_TLS_NAME_SIZE + 64]; /* who it is, as far as it is known */
	int fd;                                /* the connection; -1: the worker has it alone */
	int channel;                           /* to the greeter or the worker; -1: none */
	pid_t pid;                             /* of that; 0: it has ended */
	pid_t helper;                          /* checker or hook; 0: none */
	bool has_signed;
	bool has_asked;
	bool has_complained;                   /* the process that it has now */
	bool killed;                           /* its processes are about to end: it has no place any more */
	bool admitted;                         /* the verdict was: let in */
	bool known;                            /* it has shown a key, of that fingerprint */
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	struct lade_channel_join join;         /* what it said who comes for the session of another visit; session 0: nothing */
	unsigned joining;                      /* connections that its worker was given and has not looked at yet */
	bool checking;                         /* CHECK: the checker has been started */
	bool hopeless;                         /* CHECK: it is refused, whatever the checker finds */
	bool refused;                          /* the worker only says why not */
	bool overdue;                          /* was killed because it took too long */
	enum lade_refusal refusal;             /* why it did not become a session; LADE_REFUSAL_COUNT: not refused */
	char reason[512];                      /* what it says */
	struct lade_channel_message *secret;   /* ASK for the checker, HANDOVER for the worker; lade_locked_memory_new() */
	int64_t deadline_ms;                   /* when the processes are killed; 0: never */
	int64_t started_ms;
	struct lade_channel_progress progress; /* the last that was heard */
	struct lade_channel_progress counted;  /* what of it is in the metrics */
	int64_t heard_ms;                      /* when it was heard */
	uint64_t rate;                         /* bytes a second between the last two times */
	struct lade_channel_result result;
	bool has_result;
	int how;                               /* wait status of the worker */
};

/* A process that answers who asks for metrics or for the status. */
struct answerer {
	pid_t pid;           /* 0: none */
	int64_t deadline_ms; /* when it is killed */
	bool metrics;        /* else the status */
};

/* The whole monitor. */
struct monitor {
	const char *config_file;
	struct shared_config *shared;
	struct lade_daemon_log *log;
	int greeter_channel;                   /* set in a greeter alone */
	struct lade_privileges stranger;       /* whom greeters run as */
	struct lade_listening listening;
	struct lade_listener status;           /* its name is the path; fd -1: there is none */
	struct answerer answerers[LADE_ANSWERERS_MAX];
	struct lade_metrics metrics;
	struct lade_notify notify;
	pid_t pid;
	int64_t started_ms;
	struct visit *visits;                  /* visit_max */
	unsigned visit_max;
	unsigned visit_used;                   /* those behind so many are free, and not looked at: most, usually */
	uint64_t next_number;
	unsigned checkers;                     /* that run */
	int signal_fd;
	int64_t accept_again_ms;               /* accept failed: not before; 0: at any time */
	bool accept_fails;                     /* that was logged */
	int64_t stop_ms;                       /* stopping: when sessions are cut off; 0: not stopping */
	bool cut_off;                          /* that was done */
	struct lade_channel_message *message;  /* what is being heard; lade_locked_memory_new() */
};

/* ---- monitor_config.c ---- */

/*
 * Read the configuration and put it in force: the first, or a new one (the faults of its lines are told on the screen, or in the log). Returns 0, or an error:
 * then all is as it was.
 */
int lade_monitor_configure(struct monitor *monitor, struct lade_fault *fault);

/* ---- monitor_answer.c ---- */

/* How many sessions (with those whose hook runs) and logins there are. */
void lade_monitor_count(const struct monitor *monitor, struct lade_metrics_now *now_out);

/* Answer somebody who asks for metrics, else for the status. fd is consumed. */
void lade_monitor_answer(struct monitor *monitor, int fd, bool metrics);

/* True if the process that has ended was one that answers. */
bool lade_monitor_answered(struct monitor *monitor, pid_t pid);

/* Kill those that take too long. Returns when the next one will; INT64_MAX: none. */
int64_t lade_monitor_time_answers(struct monitor *monitor, int64_t now_ms);

/* ---- monitor_login.c ---- */

/* Give a new connection its greeter, or turn it away. fd is consumed. */
void lade_monitor_welcome(struct monitor *monitor, int fd, const struct sockaddr_storage *address);

/* What a greeter said, in monitor->message. */
void lade_monitor_hear_greeter(struct monitor *monitor, struct visit *visit);

/* The checker of a visit has ended with this wait status. */
void lade_monitor_checked(struct monitor *monitor, struct visit *visit, int how);

/* Start checkers for visits that wait for one. */
void lade_monitor_start_checkers(struct monitor *monitor);

/* A login has ended, and will be no session: count it, free it. */
void lade_monitor_login_ended(struct monitor *monitor, struct visit *visit);

/* ---- monitor_session.c ---- */

/* The greeter has handed the connection over (visit->secret): run the hook, then the worker. */
void lade_monitor_begin_session(struct monitor *monitor, struct visit *visit);

/* What a worker said, in monitor->message. */
void lade_monitor_hear_worker(struct monitor *monitor, struct visit *visit);

/* The hook of a visit has ended with this wait status. */
void lade_monitor_hook_ended(struct monitor *monitor, struct visit *visit, int how);

/* The worker has ended: log the session, run the hook behind it. */
void lade_monitor_session_ended(struct monitor *monitor, struct visit *visit);

/* ---- monitor_visit.c ---- */

/* A free visit with its number and configuration; NULL: there is none. */
struct visit *lade_visit_new(struct monitor *monitor);

/* Nothing is left of it: close, wipe, free. Its processes have ended. */
void lade_visit_free(struct visit *visit);

/*
 * A complaint of its process: it goes to the log, behind what. One of each process: who has more to say is not ours, and would fill the log. A second
 * one is its end.
 */
void lade_visit_complain(struct monitor *monitor, struct visit *visit, int priority, const char *what);

/* Kill what runs for it; it is freed when they are reaped. */
void lade_visit_kill(struct visit *visit);

/* Fork a process for the visit, with a channel. Returns 0 in the new one (visit->channel is its end), 1 in the monitor, LADE_E_SYSTEM. */
int lade_visit_fork(struct visit *visit, struct lade_fault *fault);

/*
 * In a forked process: keep nothing of the monitor's open but count descriptors, see lade_privileges_keep() (so its log is out of reach, too), and
 * handle no signal. Does not return if that fails.
 */
void lade_monitor_become_child(int *keep[], int count);

/* In a forked process that speaks to strangers: become the user of the greeters, without what his groups may do, and reach no file. As lade_privileges_drop(). */
int lade_monitor_give_up_rights(const struct monitor *monitor, struct lade_fault *fault);

/* One user of a configuration fewer. NULL does nothing. */
void lade_config_release(struct shared_config *shared);

#endif
