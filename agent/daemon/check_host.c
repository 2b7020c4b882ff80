/*
 * What a configuration names on this host. The same may be otherwise a moment later: whoever uses it then looks again. This is so that an
 * administrator hears of it before a client does.
 */
#include <errno.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/authorized_keys.h"
#include "agent/credentials.h"
#include "agent/daemon/check.h"
#include "agent/daemon/config_build.h"
#include "agent/daemon/privileges.h"
#include "agent/daemon/treasure.h"
#include "agent/daemon/trusted_file.h"
#include "agent/key.h"
#include "transport/listener.h"
#include "transport/tls_certificate.h"

/* One look; module is NULL for the globals. */
struct look {
	const struct lade_daemon_config *config;
	const struct lade_module *module;
	struct lade_config_faults *faults;
};

/* A setting whose value does not do here. Returns the fault, or NULL if there are too many. */
static struct lade_config_error *complain(const struct look *look, const char *setting, const char *value, const char *why)
{
	const unsigned line = lade_daemon_config_line(look->config, look->module, setting);

	return lade_config_fault(look->faults, line, "%s: \"%.200s\": %s", setting, value, why);
}

/* ---- files ---- */

/* A file has to be there, to be read, and to be believed. Returns whether it is. */
static bool look_at_file(const struct look *look, const char *setting, const char *path, bool secret)
{
	struct stat status;
	const char *why;

	if (stat(path, &status))
		why = strerror(errno);
	else
		why = lade_trusted_file_refuse(&status, secret);
	if (!why && access(path, R_OK))
		why = strerror(errno);
	if (why)
		complain(look, setting, path, why);
	return !why;
}

/* The same for one that may be missing unless the configuration names it. Returns whether it is there, and fine. */
static bool look_at_own_file(const struct look *look, const char *setting, const char *path, bool secret)
{
	struct stat status;

	if (lade_daemon_config_line(look->config, NULL, setting) || stat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return look_at_file(look, setting, path, secret);
	return false;
}

/* Something can be made in the directory above path, or in the nearest one that is there if more: those between are made, too. */
static void look_at_place(const struct look *look, const char *setting, const char *path, bool more)
{
	char *above = strdup(path), *slash;
	struct stat status;
	const char *why = NULL;

	while (above && (slash = strrchr(above, '/'))) {
		slash[slash == above] = '\0';
		if (stat(above, &status) == 0 || errno != ENOENT || !more)
			break;
		if (slash == above)
			break;
	}
	if (!above || stat(above, &status))
		why = strerror(errno);
	else if (!S_ISDIR(status.st_mode))
		why = "what should be a directory above it is none";
	else if (access(above, W_OK | X_OK))
		why = "nothing can be made in the directory above it";
	if (why)
		complain(look, setting, path, why);
	free(above);
}

static void look_at_state(const struct look *look)
{
	const char *state = look->config->state;
	struct stat status;
	const char *why;

	if (stat(state, &status)) {
		look_at_place(look, "state", state, true);
		return;
	}
	why = lade_trusted_directory_refuse(&status);
	if (!why && access(state, R_OK | W_OK | X_OK))
		why = strerror(errno);
	if (why)
		complain(look, "state", state, why);
}

static void look_at_log(const struct look *look)
{
	const char *path = look->config->log_file;
	struct stat status;

	if (!path)
		return;
	if (stat(path, &status))
		look_at_place(look, "log file", path, false);
	else if (!S_ISREG(status.st_mode))
		complain(look, "log file", path, "it is no regular file");
	else if (access(path, W_OK))
		complain(look, "log file", path, strerror(errno));
}

/* What its reader says of a file that he cannot use. */
static void complain_fault(const struct look *look, const char *setting, const struct lade_fault *fault)
{
	lade_config_fault(look->faults, lade_daemon_config_line(look->config, NULL, setting), "%s: %s \"%.200s\": %s", setting, fault->operation,
			  fault->subject, lade_fault_reason(fault));
}

/* The host's key, for lade_key_free(). NULL: the daemon would make one, or there is something wrong with it, which is told. */
static struct lade_key *look_at_host_key(const struct look *look)
{
	const char *path = look->config->host_key;
	struct lade_key *key = NULL;
	struct lade_fault fault;
	struct stat status;

	/* Where none is named it is made in the state, which is looked at. */
	if (lade_daemon_config_line(look->config, NULL, "host key") && stat(path, &status))
		look_at_place(look, "host key", path, true);
	else if (look_at_own_file(look, "host key", path, true) && lade_key_load(path, &key, &fault))
		complain_fault(look, "host key", &fault);
	return key;
}

static void hear_user(void *context, const char *user, enum lade_credentials_kind kind)
{
	(void)context;
	(void)user;
	(void)kind;
}

/* Who may come in. These files are read: one line that makes no sense keeps everybody out. */
static void look_at_users(const struct look *look)
{
	static const uint8_t nobody[LADE_TLS_FINGERPRINT_LEN];
	const char *keys = look->config->authorized_keys, *tokens = look->config->tokens;
	char name[LADE_AUTHORIZED_NAME_SIZE];
	struct lade_fault fault;
	int error = look_at_own_file(look, "authorized keys", keys, false) ? lade_authorized_keys_find(keys, nobody, name, &fault) : 0;

	if (error && error != LADE_E_ABSENT)
		complain_fault(look, "authorized keys", &fault);
	if (look_at_own_file(look, "tokens", tokens, true) && lade_credentials_each(tokens, hear_user, NULL, &fault))
		complain_fault(look, "tokens", &fault);
}

/* Why a certificate is not the host's whose key that is, or NULL. */
static const char *refuse_foreign(X509 *certificate, const struct lade_key *key)
{
	uint8_t public_key[32];
	size_t len = sizeof(public_key);
	EVP_PKEY *theirs = X509_get0_pubkey(certificate);

	if (!theirs || EVP_PKEY_get_id(theirs) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(theirs, public_key, &len) != 1)
		return "the certificate's key is not Ed25519, as the host's is";
	return memcmp(public_key, lade_key_public(key), len) == 0 ? NULL : "the certificate is not of the host key";
}

/* A file of certificates, the first of which is valid now. Returns that, for X509_free(), or NULL: something is wrong, which is told. */
static X509 *look_at_certificates(const struct look *look, const char *setting, const char *path)
{
	X509 *certificate;
	const char *why = NULL;
	FILE *file;

	if (!path || !look_at_file(look, setting, path, false))
		return NULL;
	file = fopen(path, "re");
	certificate = file ? PEM_read_X509(file, NULL, lade_tls_no_password, NULL) : NULL;
	if (file)
		fclose(file);
	if (!certificate)
		why = "there is no certificate in it that can be read (PEM)";
	else if (X509_cmp_time(X509_get0_notBefore(certificate), NULL) >= 0)
		why = "the certificate is not valid yet";
	else if (X509_cmp_time(X509_get0_notAfter(certificate), NULL) <= 0)
		why = "the certificate is not valid any more";
	if (!why)
		return certificate;
	complain(look, setting, path, why);
	X509_free(certificate);
	return NULL;
}

/* Who the host is: its key, and the certificate for it. */
static void look_at_identity(const struct look *look)
{
	const char *path = look->config->certificate, *why = NULL;
	struct lade_key *key = look_at_host_key(look);
	X509 *certificate = look_at_certificates(look, "certificate", path);

	if (certificate && key)
		why = refuse_foreign(certificate, key);
	else if (certificate && access(look->config->host_key, F_OK))
		why = "there is no host key that it could be of";
	if (why)
		complain(look, "certificate", path, why);
	X509_free(certificate);
	lade_key_free(key);
}

/* ---- names ---- */

static void look_at_listen(const struct look *look, const char *setting, const char *place)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct lade_listener_address address;
	struct addrinfo *found = NULL;
	int error = lade_listener_parse(place, &address) ? EAI_NONAME
							 : getaddrinfo(address.host[0] ? address.host : NULL, address.port, &hints, &found);

	if (error)
		complain(look, setting, place, gai_strerror(error));
	else
		freeaddrinfo(found);
}

static void look_at_user(const struct look *look)
{
	const char *user = look->config->user;
	struct lade_privileges privileges;
	struct lade_fault fault;

	if (!user)
		return;
	if (geteuid() != 0)
		complain(look, "user", user, "only root can become another user: start the daemon as root, or leave it out");
	else if (lade_privileges_find(user, NULL, &privileges, &fault))
		complain(look, "user", user, "there is no such user");
	else if (privileges.uid == 0)
		complain(look, "user", user, "what speaks to strangers must not be root");
}

/* ---- modules ---- */

/* A disk may be mounted later, and go again: sessions find out by themselves. */
static void look_at_path(const struct look *look)
{
	const char *path = look->module->path, *why = NULL;
	struct lade_config_error *error;
	struct stat status;

	if (stat(path, &status))
		why = strerror(errno);
	else if (!S_ISDIR(status.st_mode))
		why = "it is no directory";
	error = why ? complain(look, "path", path, why) : NULL;
	if (error)
		error->passing = true;
}

static void look_at_rights(const struct look *look)
{
	const struct lade_module *module = look->module;
	static const char root_only[] = "only root can do that: start the daemon as root, or leave it out";
	struct lade_privileges privileges;
	struct lade_fault fault;

	if (geteuid() != 0) {
		if (module->uid)
			complain(look, "uid", module->uid, root_only);
		if (module->gid)
			complain(look, "gid", module->gid, root_only);
		if (module->use_chroot)
			complain(look, "use chroot", "yes", root_only);
		return;
	}
	if (module->gid && lade_privileges_find("0", module->gid, &privileges, &fault))
		complain(look, "gid", module->gid, "there is no such group");
	else if (module->uid && lade_privileges_find(module->uid, module->gid, &privileges, &fault))
		complain(look, "uid", module->uid, "there is no such user; a number that is nobody's needs a gid, too");
}

static void look_at_hook(const struct look *look, const char *setting, const char *command)
{
	char *program = command ? strndup(command, strcspn(command, " \t")) : NULL;

	if (program && look_at_file(look, setting, program, false) && access(program, X_OK))
		complain(look, setting, program, "it cannot be executed");
	free(program);
}

static void look_at_module(const struct look *look)
{
	look_at_path(look);
	look_at_rights(look);
	look_at_hook(look, "before", look->module->before);
	look_at_hook(look, "after", look->module->after);
}

static void look_at_all(const struct lade_daemon_config *config, struct lade_config_faults *faults)
{
	const struct look globals = { config, NULL, faults };

	for (unsigned i = 0; i < config->listen_count; i++)
		look_at_listen(&globals, "listen", config->listen[i]);
	if (config->metrics)
		look_at_listen(&globals, "metrics", config->metrics);
	look_at_state(&globals);
	look_at_identity(&globals);
	look_at_users(&globals);
	X509_free(look_at_certificates(&globals, "ca", config->ca));
	look_at_user(&globals);
	look_at_log(&globals);
	look_at_place(&globals, "status", config->status, true);
	for (unsigned i = 0; i < config->module_count; i++) {
		const struct look look = { config, &config->modules[i], faults };

		lade_config_faults_in(faults, config, look.module->file);
		look_at_module(&look);
	}
	lade_treasures_check(config, faults);
}

unsigned lade_daemon_check_host(const struct lade_daemon_config *config, lade_config_report *report, void *context)
{
	static const struct lade_config_error no_memory = { .text = "out of memory" };
	struct lade_config_faults *faults = calloc(1, sizeof(*faults));
	unsigned count = 0;

	if (!faults) {
		report(context, &no_memory);
		return 1;
	}
	look_at_all(config, faults);
	for (unsigned i = 0; i < faults->count; i++) {
		report(context, &faults->errors[i]);
		count += !faults->errors[i].passing;
	}
	free(faults);
	return count;
}
