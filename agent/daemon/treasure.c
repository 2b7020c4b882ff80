/*
 * Treasures and trees are compared as they are on this host now, without symlinks. Their places are looked up once: with very many modules, each is
 * compared with the hooks of all.
 */
#include "agent/daemon/treasure.h"

#include <stdlib.h>
#include <string.h>

/* One of them. */
struct treasure {
	const char *what;
	char *path, *real; /* as it is written, and resolved */
	bool is_directory;
	bool is_secret;    /* nobody may even read it */
};

/* All; all zeros when empty. */
struct treasures {
	struct treasure *list; /* count */
	size_t count;
};

/* What the daemon has anyway: five files and two directories. */
#define OWN_MAX 7u

/*
 * Where path leads, without symlinks and without a slash at its end ("/" is empty); what of it is not there is taken as it is written: the daemon
 * makes it. For free(3); NULL: no memory.
 */
static char *resolve(const char *path)
{
	char *above = strdup(path), *real = NULL, *whole = NULL;
	size_t len = strlen(path);

	while (above && !(real = realpath(above, NULL)) && len) {
		while (len && above[--len] != '/')
			;
		above[len ? len : 1] = '\0';
	}
	if (real && asprintf(&whole, "%s%s", real[1] ? real : "", path + len) < 0)
		whole = NULL;
	free(above);
	free(real);
	return whole;
}

/* Add what has the first len bytes of path for its path; NULL: nothing. */
static void add(struct treasures *treasures, const char *path, size_t len, struct treasure treasure)
{
	if (!path)
		return;
	treasure.path = strndup(path, len);
	treasure.real = treasure.path ? resolve(treasure.path) : NULL;
	treasures->list[treasures->count++] = treasure;
}

static void add_whole(struct treasures *treasures, const char *path, struct treasure treasure)
{
	add(treasures, path, SIZE_MAX, treasure);
}

/* The program of a hook: everything up to the words for it. */
static void add_hook(struct treasures *treasures, const char *command)
{
	add(treasures, command, command ? strcspn(command, " \t") : 0, (struct treasure){ .what = "hook" });
}

static void collect(const struct lade_daemon_config *config, struct treasures *treasures)
{
	const char *include = config->include;

	add_whole(treasures, config->state, (struct treasure){ .what = "state", .is_directory = true, .is_secret = true });
	add_whole(treasures, config->host_key, (struct treasure){ .what = "host key", .is_secret = true });
	add_whole(treasures, config->authorized_keys, (struct treasure){ .what = "list of authorized keys", .is_secret = true });
	add_whole(treasures, config->tokens, (struct treasure){ .what = "file of tokens", .is_secret = true });
	add_whole(treasures, config->ca, (struct treasure){ .what = "list of authorities" });
	add_whole(treasures, config->file, (struct treasure){ .what = "configuration" });
	/* Whoever can make a file there. */
	add(treasures, include, include ? (size_t)(strrchr(include, '/') + 1 - include) : 0,
	    (struct treasure){ .what = "directory of more modules", .is_directory = true });
	for (unsigned i = 0; i < config->module_count; i++) {
		add_hook(treasures, config->modules[i].before);
		add_hook(treasures, config->modules[i].after);
	}
}

/* True if clients of module do not see what has that path below it, because of a rule about it or a directory above it. below is the same afterwards. */
static bool is_hidden(const struct lade_module *module, char *below, bool is_directory)
{
	for (char *slash = strchr(below, '/');; slash = strchr(slash + 1, '/')) {
		bool hidden;

		if (slash)
			*slash = '\0';
		hidden = lade_filter_excludes(module->filter, below, slash || is_directory);
		if (slash)
			*slash = '/';
		if (hidden || !slash)
			return hidden;
	}
}

/* True if clients of module, whose path is tree, resolved, get at it. */
static bool is_served(const struct lade_module *module, const char *tree, const struct treasure *treasure)
{
	const size_t len = strlen(tree);
	char *real = treasure->real;

	if (!real || (module->read_only && !treasure->is_secret) || strncmp(real, tree, len) != 0 || (real[len] && real[len] != '/'))
		return false;
	return !real[len] || !is_hidden(module, real + len + 1, treasure->is_directory);
}

/* The first that is served is enough to be told: the others are often in the same place. */
static void look_at(const struct lade_daemon_config *config, const struct lade_module *module, const struct treasures *treasures,
		    struct lade_config_faults *faults)
{
	char *tree = resolve(module->path);
	size_t i = 0;

	while (tree && i < treasures->count && !is_served(module, tree, &treasures->list[i]))
		i++;
	if (tree && i < treasures->count) {
		lade_config_faults_in(faults, config, module->file);
		lade_config_fault(faults, lade_daemon_config_line(config, module, "path"),
				  "path: \"%.200s\": the daemon's %s is in it, \"%.200s\": exclude that, or move it elsewhere", module->path,
				  treasures->list[i].what, treasures->list[i].path);
	}
	free(tree);
}

void lade_treasures_check(const struct lade_daemon_config *config, struct lade_config_faults *faults)
{
	struct treasures treasures = { .list = calloc(OWN_MAX + 2 * (size_t)config->module_count, sizeof(*treasures.list)) };

	if (!treasures.list) {
		lade_config_faults_in(faults, config, 0);
		lade_config_fault(faults, 0, "out of memory");
		return;
	}
	collect(config, &treasures);
	for (unsigned i = 0; i < config->module_count; i++)
		look_at(config, &config->modules[i], &treasures, faults);
	for (size_t i = 0; i < treasures.count; i++) {
		free(treasures.list[i].path);
		free(treasures.list[i].real);
	}
	free(treasures.list);
}
