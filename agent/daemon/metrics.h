/*
 * What the monitor counts, and how Prometheus reads it: its text format, version 0.0.4. Pure: no descriptor, no clock.
 */
#ifndef LADE_AGENT_DAEMON_METRICS_H
#define LADE_AGENT_DAEMON_METRICS_H

#include <stdint.h>

#include "agent/daemon/config.h"
#include "protocol/bytes.h"

/* How a session ended. */
enum lade_outcome {
	LADE_OUTCOME_OK,
	LADE_OUTCOME_PARTIAL, /* some files were not transferred */
	LADE_OUTCOME_FAILED,
	LADE_OUTCOME_REFUSED, /* by a hook */
	LADE_OUTCOME_KILLED,  /* its process died */
	LADE_OUTCOME_COUNT,
};

/* Why somebody did not become a session. */
enum lade_refusal {
	LADE_REFUSAL_HANDSHAKE, /* TLS or the opening failed, or the peer went */
	LADE_REFUSAL_TIMEOUT,
	LADE_REFUSAL_FLOOD,     /* too many logins at once, of one address or of all */
	LADE_REFUSAL_MODULE,    /* no such module for him */
	LADE_REFUSAL_SECRET,    /* a wrong password or token */
	LADE_REFUSAL_LIMIT,     /* as many sessions as may be are open */
	LADE_REFUSAL_STOPPING,
	LADE_REFUSAL_SYSTEM,    /* the server could not */
	LADE_REFUSAL_COUNT,
};

/* What a module has seen. It stays when the module is taken out of the configuration: counters do not go back. */
struct lade_module_metrics {
	char *name;
	uint64_t started, ended[LADE_OUTCOME_COUNT];
	uint64_t bytes_in, bytes_out, files;
	double seconds;
};

struct lade_metrics {
	struct lade_module_metrics *modules; /* module_count */
	unsigned module_count;
	uint64_t logins, refused[LADE_REFUSAL_COUNT], reloads, reload_failures;
	double start_time; /* seconds since 1970 */
};

/* What is so at the moment. */
struct lade_metrics_now {
	unsigned sessions, logins;
};

/* Have a row for each module of config. Returns 0 or LADE_E_MEMORY. */
int lade_metrics_modules(struct lade_metrics *metrics, const struct lade_daemon_config *config, struct lade_fault *fault);

/* The row of a module; NULL: there is none. Valid until lade_metrics_modules(). */
struct lade_module_metrics *lade_metrics_module(struct lade_metrics *metrics, const char *name);

/* The outcome of a session by its exit status (128 and above: a signal). */
enum lade_outcome lade_metrics_outcome(int status, bool refused);

/* Append the text. Failures are in writer->error. */
void lade_metrics_render(const struct lade_metrics *metrics, const struct lade_metrics_now *now, struct lade_writer *writer);

/* Free what it holds. */
void lade_metrics_fini(struct lade_metrics *metrics);

#endif
