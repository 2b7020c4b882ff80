/*
 * Who may do what: values as rsync(1) takes them. Names of users and groups are not looked up here: they are the receiver's.
 */
#include "agent/options_rights.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/option_table.h"
#include "agent/options_internal.h"
#include "agent/tree/id_map.h"
#include "protocol/entry.h"
#include "protocol/exit_status.h"

/* -M: what is one side's alone. */
static int apply_remote_option(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	static const struct {
		const char *text;
		uint64_t bit;
	} known[] = {
		{ "--fake-super", LADE_OPTION_FAKE_SUPER }, { "--super", LADE_OPTION_SUPER }, { "--no-super", LADE_OPTION_NO_SUPER },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(use->value, known[i].text) == 0) {
			options->far_super = known[i].bit;
			return 0;
		}
	}
	return lade_options_wrong(use, "none of --fake-super, --super, --no-super; others go to both sides", complaint);
}

static int apply_chmod(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	mode_t mask = umask(0);
	int error;

	(void)umask(mask);
	error = lade_mode_changes_add(&options->chmod, use->value, mask);
	options->settings.chmod = &options->chmod;
	if (!error)
		return 0;
	return lade_complain(complaint, error == LADE_E_MEMORY ? LADE_EXIT_MEMORY : LADE_EXIT_USAGE,
			     "option '%s': '%s' is no change of permissions (like D755,F644 or u+w,go-w); " HINT, use->spelled, use->value);
}

int lade_options_apply_rights(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	if (use->row->id == LADE_SYNC_CHMOD)
		return apply_chmod(options, use, complaint);
	if (use->row->id == LADE_SYNC_REMOTE_OPTION)
		return apply_remote_option(options, use, complaint);
	options->settings.options &= ~(LADE_OPTION_SUPER | LADE_OPTION_NO_SUPER);
	options->settings.options |= use->on ? LADE_OPTION_SUPER : LADE_OPTION_NO_SUPER;
	return 0;
}

/* A rule for all of them: "*:" and name. Nothing, if that is empty. */
static int map_all(char **map_out, const char *name, size_t len, struct lade_complaint *complaint)
{
	if (!len)
		return 0;
	*map_out = malloc(len + 3);
	if (!*map_out)
		return lade_complain_memory(complaint);
	memcpy(*map_out, "*:", 2);
	memcpy(*map_out + 2, name, len);
	(*map_out)[len + 2] = '\0';
	return 0;
}

/* --chown is both maps at once. */
static int apply_chown(struct lade_options *options, struct lade_complaint *complaint)
{
	const char *colon = strchr(options->chown, ':');
	size_t user_len = colon ? (size_t)(colon - options->chown) : strlen(options->chown);
	const char *group = colon ? colon + 1 : "";

	if ((options->settings.usermap && user_len) || (options->settings.groupmap && *group))
		return lade_complain(complaint, LADE_EXIT_USAGE, "--chown and --%s do not go together; " HINT,
				     options->settings.usermap && user_len ? "usermap" : "groupmap");
	if (map_all(&options->chown_user, options->chown, user_len, complaint) ||
	    map_all(&options->chown_group, group, strlen(group), complaint))
		return LADE_E_MEMORY;
	if (options->chown_user)
		options->settings.usermap = options->chown_user;
	if (options->chown_group)
		options->settings.groupmap = options->chown_group;
	return 0;
}

/* Names are looked up by whoever receives; whether it is a map can be told here. */
static int check_map(const char *name, const char *text, struct lade_complaint *complaint)
{
	struct lade_id_map *map;

	if (!text)
		return 0;
	switch (lade_id_map_new(text, NULL, NULL, &map)) {
	case 0:
		lade_id_map_free(map);
		return 0;
	case LADE_E_MEMORY:
		return lade_complain_memory(complaint);
	default:
		return lade_complain(complaint, LADE_EXIT_USAGE, "--%s: '%s' is no list of FROM:TO; " HINT, name, text);
	}
}

/* --chown, --usermap and --groupmap, which imply -o and -g. */
static int check_maps(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_settings *settings = &options->settings;
	int error = options->chown ? apply_chown(options, complaint) : 0;

	if (!error)
		error = check_map(options->chown_user ? "chown" : "usermap", settings->usermap, complaint);
	if (!error)
		error = check_map(options->chown_group ? "chown" : "groupmap", settings->groupmap, complaint);
	if (settings->usermap)
		settings->options |= LADE_OPTION_OWNER;
	if (settings->groupmap)
		settings->options |= LADE_OPTION_GROUP;
	return error;
}

/* --fake-super is about this side, which on one host is both; --super and --no-super go before it. */
static void check_super(struct lade_options *options)
{
	struct lade_settings *settings = &options->settings;
	uint64_t given = settings->options & LADE_OPTIONS_SUPER;

	if (options->fake_super && !given)
		settings->options |= LADE_OPTION_FAKE_SUPER;
	settings->far_super = options->remote.kind == LADE_ENDPOINT_LOCAL ? settings->options & LADE_OPTIONS_SUPER : given;
	if (options->far_super)
		settings->far_super = options->far_super;
}

/* --write-devices writes each file from its beginning to its end, into what is there. */
static int check_write_devices(struct lade_options *options, struct lade_complaint *complaint)
{
	struct lade_settings *settings = &options->settings;
	const char *other = settings->alternative_count ? "--compare-dest, --copy-dest and --link-dest" : NULL;
	static const struct {
		uint64_t bits;
		const char *name;
	} others[] = {
		{ LADE_OPTION_SPARSE, "--sparse" }, { LADE_OPTION_INDEX, "--index" }, { LADE_OPTION_PREALLOCATE, "--preallocate" },
		{ LADE_OPTION_APPEND | LADE_OPTION_APPEND_VERIFY, "--append" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (settings->options & others[i].bits)
			other = others[i].name;
	if (!(settings->options & LADE_OPTION_WRITE_DEVICES))
		return 0;
	settings->options |= LADE_OPTION_INPLACE;
	return other ? lade_complain(complaint, LADE_EXIT_USAGE, "--write-devices does not work with %s; " HINT, other) : 0;
}

int lade_options_check_rights(struct lade_options *options, struct lade_complaint *complaint)
{
	int error = check_write_devices(options, complaint);

	check_super(options);
	return error ? error : check_maps(options, complaint);
}

void lade_options_fini_rights(struct lade_options *options)
{
	lade_mode_changes_fini(&options->chmod);
	free(options->chown_user);
	free(options->chown_group);
}
