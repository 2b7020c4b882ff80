/*
 * The configuration of a running daemon: what the file says, and what is made of it. It is made beside what is in force, and takes its place
 * as a whole, or not at all: at the start and for each SIGHUP.
 */
#include "agent/daemon/monitor_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/check.h"
#include "agent/daemon/greeter.h"
#include "agent/daemon/status_socket.h"
#include "agent/fingerprint.h"
#include "agent/screen.h"

/* Where faults of the file are told. */
struct reporting {
	const char *file;
	struct lade_daemon_log *log; /* NULL: the screen */
};

/* What is made. */
struct fresh {
	struct shared_config *shared;
	struct lade_daemon_log *log;
	struct lade_privileges stranger;
	bool made_key;
};

static void report_config(void *context, const struct lade_config_error *error)
{
	const struct reporting *reporting = context;
	char text[LADE_CONFIG_ERROR_TEXT_MAX];

	lade_config_error_show(error, reporting->file, text);
	if (reporting->log)
		lade_daemon_log_line(reporting->log, LOG_ERR, "%s", text);
	else
		lade_screen_print(stderr, text);
}

/* Read the configuration, whose faults are told one by one. */
static int read_config(const struct monitor *monitor, struct shared_config **shared_out, struct lade_fault *fault)
{
	const char *file = monitor->config_file;
	struct reporting reporting = { .file = file, .log = monitor->log };
	struct shared_config *shared = calloc(1, sizeof(*shared));
	int error;

	if (!shared)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", file);
	error = lade_daemon_config_read(file, report_config, &reporting, &shared->config, fault);
	if (!error && lade_daemon_check_host(shared->config, report_config, &reporting))
		error = LADE_E_USAGE;
	if (error) {
		lade_daemon_config_free(shared->config);
		free(shared);
		if (error == LADE_E_USAGE)
			lade_fault_set(fault, LADE_E_USAGE, "read the configuration", file);
		return error;
	}
	shared->users = 1;
	*shared_out = shared;
	return 0;
}

static int load_key(struct monitor *monitor, struct shared_config *shared, bool *made_out, struct lade_fault *fault)
{
	int error = lade_key_obtain(shared->config->host_key, &shared->key, made_out, fault);

	if (error)
		return error;
	lade_key_signer(shared->key, &shared->signer);
	shared->asking_signer = (struct lade_tls_signer){ .sign = lade_greeter_sign, .context = &monitor->greeter_channel };
	memcpy(shared->asking_signer.public_key, shared->signer.public_key, sizeof(shared->signer.public_key));
	return 0;
}

/* Make what the greeters' handshakes need, while files can be read and the host key is at hand. */
static int prepare_tls(struct shared_config *shared, struct lade_fault *fault)
{
	struct lade_tls_setup setup = {
		.server = true, .signer = &shared->asking_signer, .certificate_file = shared->config->certificate, .ca_file = shared->config->ca,
	};
	uint8_t certificate[LADE_TLS_CERTIFICATE_MAX];
	int error = 0;

	if (!setup.certificate_file) {
		error = lade_tls_self_sign(&shared->signer, certificate, &setup.certificate_len, fault);
		setup.certificate = certificate;
	}
	return error ? error : lade_tls_context_new(&setup, &shared->tls, fault);
}

/* Places for as many as may be at once. More come with a new configuration, none go. */
static int make_places(struct monitor *monitor, const struct lade_daemon_config *config, struct lade_fault *fault)
{
	/* Those whose hook runs behind the session are not counted: room for them. */
	unsigned wanted = config->max_logins + 2 * config->max_connections;
	struct visit *visits;

	if (wanted <= monitor->visit_max)
		return 0;
	visits = realloc(monitor->visits, wanted * sizeof(*visits));
	if (!visits)
		return lade_fault_set(fault, LADE_E_MEMORY, "make places for sessions", NULL);
	memset(visits + monitor->visit_max, 0, (wanted - monitor->visit_max) * sizeof(*visits));
	monitor->visits = visits;
	monitor->visit_max = wanted;
	return 0;
}

/* Make all that can fail; the listeners last, who change at once. */
static int make(struct monitor *monitor, struct fresh *fresh, struct lade_fault *fault)
{
	const struct lade_daemon_config *config;
	int error = read_config(monitor, &fresh->shared, fault);

	if (error)
		return error;
	config = fresh->shared->config;
	error = lade_daemon_log_open(config->log_journal, config->log_file, &fresh->log, fault);
	/* Who the greeters are, and workers of modules that name nobody. */
	if (!error && geteuid() == 0)
		error = lade_privileges_find(config->user, NULL, &fresh->stranger, fault);
	if (!error)
		error = load_key(monitor, fresh->shared, &fresh->made_key, fault);
	if (!error)
		error = prepare_tls(fresh->shared, fault);
	if (!error)
		error = make_places(monitor, config, fault);
	if (!error)
		error = lade_metrics_modules(&monitor->metrics, config, fault);
	return error ? error : lade_listening_change(&monitor->listening, config, !monitor->shared, fault);
}

/* The status socket is for people who look on: without it the daemon serves all the same. */
static void open_status(struct monitor *monitor)
{
	const char *path = monitor->shared->config->status;
	struct lade_listener listener;
	struct lade_fault fault;

	if (monitor->status.fd >= 0 && strcmp(monitor->status.name, path) == 0)
		return;
	if (lade_status_socket_open(path, &listener, &fault)) {
		lade_daemon_log_fault(monitor->log, LOG_WARNING, &fault);
		return;
	}
	lade_status_socket_close(&monitor->status);
	monitor->status = listener;
}

static void log_places(const struct monitor *monitor)
{
	for (unsigned i = 0; i < monitor->listening.count; i++) {
		const struct lade_listening_place *place = &monitor->listening.places[i];

		lade_daemon_log_line(monitor->log, LOG_INFO, place->metrics ? "metrics on http://%s/metrics" : "listening on %s", place->listener.name);
	}
}

static void log_key(const struct monitor *monitor, bool made)
{
	char text[LADE_FINGERPRINT_TEXT_SIZE];
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];

	lade_tls_fingerprint(monitor->shared->signer.public_key, fingerprint);
	lade_fingerprint_show(fingerprint, text);
	lade_daemon_log_line(monitor->log, LOG_INFO, "%s host key %s", made ? "made the" : "the", text);
}

int lade_monitor_configure(struct monitor *monitor, struct lade_fault *fault)
{
	struct fresh fresh = { .shared = NULL };
	int error = make(monitor, &fresh, fault);

	if (error) {
		lade_daemon_log_close(fresh.log);
		lade_config_release(fresh.shared);
		return error;
	}
	lade_config_release(monitor->shared);
	lade_daemon_log_close(monitor->log);
	monitor->shared = fresh.shared;
	monitor->log = fresh.log;
	monitor->stranger = fresh.stranger;
	/* Before it says that it listens: who waits for that may ask. */
	open_status(monitor);
	log_key(monitor, fresh.made_key);
	log_places(monitor);
	return 0;
}
