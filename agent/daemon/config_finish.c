/*
 * What only the whole of a configuration shows.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/config_build.h"
#include "agent/daemon/config_value.h"
#include "agent/daemon/place.h"
#include "agent/daemon/trusted_file.h"
#include "agent/store/store_remote.h"

#define DEFAULT_LISTEN "[::]:8730"

/* Seconds of silence that a client of a repository has at least: more than two pauses between signs of life. */
#define REPOSITORY_TIMEOUT_MIN (3 * LADE_STORE_SIGN_S)

/* A module that is looked at. */
struct look {
	const struct lade_daemon_config *config;
	struct lade_module *module;
	struct lade_config_faults *faults;
};

/* The line of a setting, or that of its section. */
static unsigned line_of(const struct look *look, const char *setting)
{
	const unsigned line = lade_daemon_config_line(look->config, look->module, setting);

	return line ? line : look->module->line;
}

/* Two settings that are both on contradict each other: the later one is wrong. */
static void complain_both(const struct look *look, const char *one, const char *other, const char *why)
{
	const unsigned first = line_of(look, one), second = line_of(look, other);

	lade_config_fault(look->faults, first > second ? first : second, "[%.100s]: \"%s\" and \"%s\": %s", look->module->name, one, other, why);
}

/* ---- what clients do not see ---- */

/* Patterns that become rules. "+ " and "- " before one belong to it, though a blank parts patterns. */
struct patterns {
	const struct look *look;
	const char *setting;
	bool include;
	char sign; /* stood before the pattern that comes, or 0 */
};

/* A fault of the rules. Returns 0, or the code if it is not the configuration's. */
static int judge_rule(const struct look *look, const char *setting, int error, const struct lade_fault *fault)
{
	if (!error || error == LADE_E_MEMORY)
		return error;
	if (error == LADE_E_UNSUPPORTED)
		lade_config_fault(look->faults, line_of(look, setting), "%s: \"%.200s\": a rule of a module cannot %s", setting, fault->subject,
				  fault->operation);
	else
		lade_config_fault(look->faults, line_of(look, setting), "%s: %s \"%.200s\": %s", setting, fault->operation, fault->subject,
				  lade_fault_reason(fault));
	return 0;
}

static int take_pattern(void *context, char *word)
{
	struct patterns *patterns = context;
	char rule[LADE_FILTER_PATTERN_MAX + 4];
	struct lade_fault fault;
	int error;

	if (!patterns->sign && (*word == '+' || *word == '-') && !word[1]) {
		patterns->sign = *word;
		return 0;
	}
	if (strlen(word) > LADE_FILTER_PATTERN_MAX) {
		lade_config_fault(patterns->look->faults, line_of(patterns->look, patterns->setting), "%s: a pattern has at most %u bytes", patterns->setting,
				  LADE_FILTER_PATTERN_MAX);
		return 0;
	}
	snprintf(rule, sizeof(rule), "%.1s%s%s", &patterns->sign, patterns->sign ? " " : "", word);
	patterns->sign = 0;
	error = lade_filter_add(patterns->look->module->filter, patterns->include, rule, &fault);
	return judge_rule(patterns->look, patterns->setting, error, &fault);
}

static int add_patterns(const struct look *look, const char *setting, bool include, const char *text)
{
	struct patterns patterns = { look, setting, include, 0 };
	char *copy;
	int error;

	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return LADE_E_MEMORY;
	error = lade_config_words(copy, " \t", take_pattern, &patterns);
	free(copy);
	if (!error && patterns.sign)
		lade_config_fault(look->faults, line_of(look, setting), "%s: there is no pattern behind the last \"%c\"", setting, patterns.sign);
	return error;
}

static int add_rules(const struct look *look, const char *text)
{
	struct lade_fault fault;

	return text ? judge_rule(look, "filter", lade_filter_add_fixed(look->module->filter, text, &fault), &fault) : 0;
}

static int add_file(const struct look *look, const char *setting, bool include, const char *file)
{
	struct lade_fault fault;
	struct stat status;
	const char *why;

	if (!file)
		return 0;
	why = stat(file, &status) ? strerror(errno) : lade_trusted_file_refuse(&status, false);
	if (why) {
		lade_config_fault(look->faults, line_of(look, setting), "%s: \"%.200s\": %s", setting, file, why);
		return 0;
	}
	return judge_rule(look, setting, lade_filter_add_file(look->module->filter, include, file, &fault), &fault);
}

/* In the order of rsyncd.conf(5), whatever that of the lines is: who knows it relies on it. */
static int make_filter(const struct look *look)
{
	const struct lade_module *module = look->module;
	int error = add_rules(look, module->rules);

	if (!error)
		error = add_file(look, "include from", true, module->include_from);
	if (!error)
		error = add_patterns(look, "include", true, module->include);
	if (!error)
		error = add_file(look, "exclude from", false, module->exclude_from);
	if (!error)
		error = add_patterns(look, "exclude", false, module->exclude);
	return error;
}

/* ---- rights ---- */

static void look_at_rights(const struct look *look)
{
	struct lade_module *module = look->module;

	if (!lade_daemon_config_line(look->config, module, "read only"))
		module->read_only = !module->write_only && !module->append_only && !module->writers_count && !module->managers_count;
	if (module->read_only && module->write_only)
		complain_both(look, "read only", "write only", "nobody could do anything; one of them has to be no");
	if (module->read_only && module->append_only)
		complain_both(look, "read only", "append only", "nothing could be added; one of them has to be no");
	if (module->read_only && module->incoming_chmod)
		complain_both(look, "incoming chmod", "read only", "nothing comes in; leave one of them out");
	if (module->write_only && module->outgoing_chmod)
		complain_both(look, "outgoing chmod", "write only", "nothing goes out; leave one of them out");
}

/* What has a meaning for trees alone, and for repositories alone. */
static void look_at_type(const struct look *look)
{
	static const char *const of_trees[] = {
		"write only", "filter", "include from", "include", "exclude from", "exclude", "incoming chmod", "outgoing chmod",
		"refuse options", "munge symlinks", "fake super", "sendfile", "directio", "aio",
	};
	static const char *const of_repositories[] = { "writers", "managers", "min free", "quota" };
	const bool repository = look->module->repository;
	const char *const *others = repository ? of_trees : of_repositories;
	const size_t count = repository ? sizeof(of_trees) / sizeof(of_trees[0]) : sizeof(of_repositories) / sizeof(of_repositories[0]);

	for (size_t i = 0; i < count; i++) {
		const unsigned line = lade_daemon_config_line(look->config, look->module, others[i]);

		if (line)
			lade_config_fault(look->faults, line, "%s: it is for %s alone: leave it out", others[i], repository ? "trees" : "repositories (type = repository)");
	}
	if (repository && look->module->read_only && (look->module->writers_count || look->module->managers_count))
		complain_both(look, "read only", look->module->writers_count ? "writers" : "managers", "nobody could write; one of them has to be left out");
	if (repository && look->module->append_only && look->module->managers_count)
		complain_both(look, "append only", "managers", "managers remove; one of them has to be left out");
	if (repository && look->module->timeout && look->module->timeout < REPOSITORY_TIMEOUT_MIN)
		lade_config_fault(look->faults, line_of(look, "timeout"), "timeout: clients of a repository may be silent for %u seconds: it has to be at least %u",
				  2 * LADE_STORE_SIGN_S, REPOSITORY_TIMEOUT_MIN);
	if (repository && look->module->read_only && look->module->min_free)
		complain_both(look, "min free", "read only", "nothing comes in; leave one of them out");
	if (repository && look->module->read_only && look->module->quota)
		complain_both(look, "quota", "read only", "nothing comes in; leave one of them out");
}

static void look_at_auth(const struct look *look)
{
	const struct lade_module *module = look->module;
	const unsigned line = line_of(look, "auth");

	if (!lade_daemon_config_line(look->config, module, "auth"))
		lade_config_fault(look->faults, line, "[%.100s]: there is no auth, so nobody could use this module: add \"auth = authorized\" for everybody "
						      "whose key is in authorized keys, \"auth = key:SHA256:...\" for one key, or \"auth = any\" for everybody",
				  module->name);
	for (unsigned i = 0; i < module->auth_count; i++) {
		if (module->auth[i].kind == LADE_AUTH_ANY && module->auth_count > 1)
			lade_config_fault(look->faults, line, "auth: any lets everybody in, whatever else is there: write it alone, or leave it out");
		if (module->auth[i].kind == LADE_AUTH_CERTIFICATE && !look->config->ca)
			lade_config_fault(look->faults, line, "auth: \"certificate:%.100s\" needs to know whose certificates count: write ca = FILE, above all sections",
					  module->auth[i].word ? module->auth[i].word : "");
	}
}

static int finish_module(const struct look *look)
{
	const struct lade_module *module = look->module;

	if (!lade_daemon_config_line(look->config, module, "path"))
		lade_config_fault(look->faults, module->line, "[%.100s]: there is no path: add \"path = /the/directory/to/serve\"", module->name);
	look_at_rights(look);
	look_at_type(look);
	look_at_auth(look);
	if (module->max_connections && module->max_connections_per_peer > module->max_connections)
		complain_both(look, "max connections", "max connections per peer", "one peer cannot have more than all");
	if (module->aio && !module->directio)
		lade_config_fault(look->faults, line_of(look, "aio"), "aio: it is for files that are read with O_DIRECT: add directio = 1024m, or leave it out");
	return make_filter(look);
}

/* ---- the globals ---- */

/* One text in a list that has none. */
static int set_default_listen(struct lade_daemon_config *config)
{
	if (config->listen_count)
		return 0;
	config->listen = calloc(1, sizeof(*config->listen));
	if (!config->listen)
		return LADE_E_MEMORY;
	config->listen[0] = strdup(DEFAULT_LISTEN);
	config->listen_count = config->listen[0] != NULL;
	return config->listen[0] ? 0 : LADE_E_MEMORY;
}

/* A file of the state, if there is one. */
static int set_below_state(const struct lade_daemon_config *config, const char *name, char **path)
{
	if (*path || !config->state)
		return 0;
	*path = lade_daemon_place_below(config->state, name);
	return *path ? 0 : LADE_E_MEMORY;
}

/* A place that depends on who starts the daemon: what find returns. It stays NULL with a fault if there is none. */
static int set_place(char **path, char *(*find)(void), const char *setting, struct lade_config_faults *faults)
{
	if (*path || (*path = find()))
		return 0;
	if (errno != ENOENT)
		return LADE_E_MEMORY;
	lade_config_fault(faults, 0, "%s: there is no HOME to have it in: add \"%s = /a/path\"", setting, setting);
	return 0;
}

static int set_defaults(struct lade_daemon_config *config, struct lade_config_faults *faults)
{
	int error = set_default_listen(config);

	if (!error)
		error = set_place(&config->state, lade_daemon_place_state, "state", faults);
	if (!error)
		error = set_place(&config->status, lade_daemon_place_status, "status", faults);
	if (!error)
		error = set_below_state(config, "host_key", &config->host_key);
	if (!error)
		error = set_below_state(config, "authorized_keys", &config->authorized_keys);
	if (!error)
		error = set_below_state(config, "tokens", &config->tokens);
	if (!error && !config->user && geteuid() == 0 && !(config->user = strdup(getpwnam("lade") ? "lade" : "nobody")))
		error = LADE_E_MEMORY;
	return error;
}

/* A number of connections for one peer that is above that for all. */
static void compare_limits(const struct lade_daemon_config *config, struct lade_config_faults *faults, const char *all, const char *one)
{
	const unsigned first = lade_daemon_config_line(config, NULL, all), second = lade_daemon_config_line(config, NULL, one);

	lade_config_fault(faults, first > second ? first : second, "\"%s\" and \"%s\": one peer cannot have more than all", all, one);
}

static void look_at_globals(const struct lade_daemon_config *config, struct lade_config_faults *faults)
{
	if (config->log_journal && config->log_file)
		lade_config_fault(faults, lade_daemon_config_line(config, NULL, "log file"), "log file: the log goes to the journal already: leave one of them out");
	if (config->max_connections_per_peer > config->max_connections && lade_daemon_config_line(config, NULL, "max connections per peer"))
		compare_limits(config, faults, "max connections", "max connections per peer");
	if (config->max_logins_per_peer > config->max_logins && lade_daemon_config_line(config, NULL, "max logins per peer"))
		compare_limits(config, faults, "max logins", "max logins per peer");
	/* Where modules are added later there may be none yet. */
	if (!config->module_count && !config->include)
		lade_config_fault(faults, 0, "there is no module in it: add a section [name] with a path and an auth");
}

int lade_config_finish(struct lade_daemon_config *config, struct lade_config_faults *faults)
{
	int error;

	lade_config_faults_in(faults, config, 0);
	error = set_defaults(config, faults);
	if (error)
		return error;
	look_at_globals(config, faults);
	for (unsigned i = 0; i < config->module_count && !error; i++) {
		const struct look look = { config, &config->modules[i], faults };

		lade_config_faults_in(faults, config, look.module->file);
		error = finish_module(&look);
	}
	return error;
}
