/*
 * `lade key SUBCOMMAND`. Those about tokens and passwords, and `authorize`, are for whoever runs a daemon, and write to its files;
 * list, add and remove are about repositories (agent/command_repository_key.c); the others are for its clients.
 */
#include "agent/command_key.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/authorized_keys.h"
#include "agent/command_repository_key.h"
#include "agent/credentials.h"
#include "agent/daemon/place.h"
#include "agent/escape.h"
#include "agent/fingerprint.h"
#include "agent/help.h"
#include "agent/json.h"
#include "agent/key.h"
#include "agent/known_hosts.h"
#include "agent/option_walk.h"
#include "agent/repository_key.h"
#include "agent/screen.h"
#include "agent/secret.h"
#include "agent/user_directory.h"
#include "protocol/exit_status.h"

#define HINT "try 'lade help key'"

/* The words behind the subcommand, at most. */
#define WORDS_MAX 2

enum key_option { KEY_FILE, KEY_JSON, KEY_FORCE, KEY_KEYS, KEY_TOKENS, KEY_PASSWORD_FILE, KEY_RECIPIENT, KEY_HELP };

#define OPTION(id) (1u << (id))

static const struct lade_option_row rows[] = {
	{ .name = "key", .id = KEY_FILE, .value = "FILE" },
	{ .name = "json", .id = KEY_JSON },
	{ .name = "force", .id = KEY_FORCE },
	{ .name = "file", .id = KEY_KEYS, .value = "FILE" },
	{ .name = "tokens", .id = KEY_TOKENS, .value = "FILE" },
	{ .name = "password-file", .id = KEY_PASSWORD_FILE, .value = "FILE" },
	{ .name = "recipient", .id = KEY_RECIPIENT, .value = "FILE" },
	{ .name = "help", .letter = 'h', .id = KEY_HELP },
};

/* What was asked for; borrowed from argv. */
struct request {
	const struct subcommand *subcommand;
	const char *words[WORDS_MAX]; /* word_count, behind the subcommand */
	unsigned word_count;
	const char *values[sizeof(rows) / sizeof(rows[0])]; /* by option; "" for those without a value; NULL: not given */
	bool help;
	struct lade_complaint complaint;
};

struct subcommand {
	const char *name, *second; /* second: of a pair of words, or NULL */
	unsigned word_count;
	const char *wanted;        /* what the words are, for the complaint */
	unsigned options;          /* those that it takes */
	int (*run)(struct request *request); /* 0, or a negative code with the complaint filled */
};

static int fail(struct request *request, const struct lade_fault *fault)
{
	int status = fault->code == LADE_E_REFUSED ? LADE_EXIT_AUTH : fault->code == LADE_E_MEMORY ? LADE_EXIT_MEMORY : LADE_EXIT_FILE;

	return lade_complain_fault(&request->complaint, status, fault);
}

/* ---- keys ---- */

/* The file of the client's key. */
static int key_file(struct request *request, char out[PATH_MAX])
{
	const char *named = request->values[KEY_FILE];
	struct lade_fault fault;

	if (!named)
		return lade_user_directory_config("key", out, &fault) ? fail(request, &fault) : 0;
	if (snprintf(out, PATH_MAX, "%s", named) >= PATH_MAX)
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'%.100s...' is no path", named);
	return 0;
}

static void print_key(const struct request *request, const struct lade_key *key, const char *file)
{
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char text[LADE_FINGERPRINT_TEXT_SIZE];
	struct lade_writer line;

	lade_tls_fingerprint(lade_key_public(key), fingerprint);
	lade_fingerprint_show(fingerprint, text);
	if (!request->values[KEY_JSON]) {
		puts(text);
		return;
	}
	lade_writer_init(&line, LADE_CONTROL_MAX);
	lade_json_begin(&line, "key");
	lade_json_text(&line, "fingerprint", text);
	lade_json_text(&line, "file", file);
	lade_json_end(&line);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

static int run_show(struct request *request)
{
	struct lade_key *key;
	struct lade_fault fault;
	char file[PATH_MAX];
	int error = key_file(request, file);

	if (error)
		return error;
	error = lade_key_load(file, &key, &fault);
	if (error == LADE_E_ABSENT)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "there is no key \"%s\": the first connection to a lade:// host makes one, or 'lade key new'",
				     file);
	if (error)
		return fail(request, &fault);
	print_key(request, key, file);
	lade_key_free(key);
	return 0;
}

/* A recipient of repositories, whose public part is printed. */
static int new_recipient(struct request *request)
{
	const char *file = request->values[KEY_RECIPIENT];
	uint8_t public_key[LADE_X25519_LEN];
	char text[LADE_RECIPIENT_TEXT_SIZE];
	struct lade_writer line;
	struct lade_fault fault;
	int error;

	if (request->values[KEY_FILE])
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "--key and --recipient: which of them?");
	error = lade_identity_create(file, request->values[KEY_FORCE], public_key, &fault);
	if (error == LADE_E_EXISTS)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "there is a \"%s\" already, which may be the only key of a repository: --force replaces it for good",
				     file);
	if (error)
		return fail(request, &fault);
	lade_recipient_show(public_key, text);
	if (!request->values[KEY_JSON]) {
		puts(text);
		return 0;
	}
	lade_writer_init(&line, LADE_CONTROL_MAX);
	lade_json_begin(&line, "key");
	lade_json_text(&line, "recipient", text);
	lade_json_text(&line, "file", file);
	lade_json_end(&line);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
	return 0;
}

static int run_new(struct request *request)
{
	struct lade_key *key;
	struct lade_fault fault;
	char file[PATH_MAX];
	int error;

	if (request->values[KEY_RECIPIENT])
		return new_recipient(request);
	error = key_file(request, file);
	if (error)
		return error;
	error = lade_key_create(file, request->values[KEY_FORCE], &key, &fault);
	if (error == LADE_E_CHANGED)
		return lade_complain(&request->complaint, LADE_EXIT_FILE,
				     "there is a key \"%s\" already, which daemons may know: --force replaces it for good", file);
	if (error)
		return fail(request, &fault);
	print_key(request, key, file);
	lade_key_free(key);
	return 0;
}

/* ---- hosts ---- */

static int hosts_file(struct request *request, char out[PATH_MAX])
{
	struct lade_fault fault;

	return lade_user_directory_config("known_hosts", out, &fault) ? fail(request, &fault) : 0;
}

/* A host that is looked for. */
struct search {
	const char *name;
	bool found;
};

static void look_at_host(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN])
{
	struct search *search = context;

	(void)fingerprint;
	search->found = search->found || strcmp(name, search->name) == 0;
}

static int run_forget(struct request *request)
{
	char file[PATH_MAX], name[LADE_HOST_NAME_SIZE];
	struct search search = { name, false };
	struct lade_fault fault;
	unsigned count;

	if (lade_known_hosts_parse(request->words[0], name))
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'%s' is no host, HOST:PORT or [ADDRESS]:PORT; " HINT, request->words[0]);
	if (hosts_file(request, file))
		return LADE_E_USAGE;
	if (lade_known_hosts_forget(file, name, &count, &fault))
		return fail(request, &fault);
	/* What it cannot take out still counts. */
	(void)lade_known_hosts_each(LADE_KNOWN_HOSTS_SYSTEM, look_at_host, &search, &fault);
	if (search.found)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "%s is in " LADE_KNOWN_HOSTS_SYSTEM ", too, which only an administrator changes", name);
	if (!count)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "%s is not in \"%.800s\"", name, file);
	return 0;
}

static void print_host(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN])
{
	const struct request *request = context;
	char text[LADE_FINGERPRINT_TEXT_SIZE];
	struct lade_writer line;

	lade_fingerprint_show(fingerprint, text);
	lade_writer_init(&line, LADE_CONTROL_MAX);
	if (request->values[KEY_JSON]) {
		lade_json_begin(&line, "host");
		lade_json_text(&line, "name", name);
		lade_json_text(&line, "fingerprint", text);
		lade_json_end(&line);
	} else {
		lade_escape_put_text(&line, name);
		lade_escape_put_text(&line, " ");
		lade_escape_put_text(&line, text);
	}
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}

static int run_hosts(struct request *request)
{
	const char *files[2] = { NULL, LADE_KNOWN_HOSTS_SYSTEM };
	char own[PATH_MAX];
	struct lade_fault fault;

	if (hosts_file(request, own))
		return LADE_E_USAGE;
	files[0] = own;
	for (size_t i = 0; i < 2; i++) {
		int error = lade_known_hosts_each(files[i], print_host, request, &fault);

		if (error && error != LADE_E_ABSENT)
			return fail(request, &fault);
	}
	return 0;
}

/* ---- the daemon's files ---- */

/* The file that an option names, or name in the daemon's state. */
static int daemon_file(struct request *request, enum key_option option, const char *name, char out[PATH_MAX])
{
	char *state = request->values[option] ? NULL : lade_daemon_place_state();
	int len = request->values[option] ? snprintf(out, PATH_MAX, "%s", request->values[option]) :
		state ? snprintf(out, PATH_MAX, "%s/%s", state, name) : -1;

	free(state);
	if (len > 0 && len < PATH_MAX)
		return 0;
	return lade_complain(&request->complaint, LADE_EXIT_USAGE, "where are the files of the daemon? There is no home directory: use --%s=FILE; " HINT,
			     option == KEY_KEYS ? "file" : "tokens");
}

/* Take a fingerprint from a word, or from standard input. */
static int take_fingerprint(struct request *request, const char *word, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN])
{
	char line[256] = "";

	if (strcmp(word, "-") == 0) {
		if (!fgets(line, sizeof(line), stdin))
			return lade_complain(&request->complaint, LADE_EXIT_USAGE, "standard input: no fingerprint came");
		line[strcspn(line, "\r\n")] = '\0';
		word = line;
	}
	if (lade_fingerprint_parse(word, fingerprint_out))
		return lade_complain(&request->complaint, LADE_EXIT_USAGE,
				     "'%s' is no fingerprint: SHA256: and 43 characters, as 'lade key show' prints it, or 64 hexadecimal digits", word);
	return 0;
}

static int run_authorize(struct request *request)
{
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char file[PATH_MAX], name[LADE_AUTHORIZED_NAME_SIZE];
	struct lade_fault fault;
	int error;

	if (take_fingerprint(request, request->words[0], fingerprint) || daemon_file(request, KEY_KEYS, "authorized_keys", file))
		return LADE_E_USAGE;
	if (!lade_authorized_keys_name(request->words[1]))
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'%s' is no name: printable ASCII characters without blanks", request->words[1]);
	error = lade_authorized_keys_add(file, fingerprint, request->words[1], name, &fault);
	if (error == LADE_E_CHANGED)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "\"%.600s\" has this key already, with the name %s", file, name);
	return error ? fail(request, &fault) : 0;
}

static int check_user(struct request *request, const char *user)
{
	if (lade_credentials_user(user))
		return 0;
	return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'%s' is no name of a user: printable ASCII characters without blanks, :, @ and /",
			     user);
}

static int run_token_new(struct request *request)
{
	char file[PATH_MAX], token[LADE_CREDENTIALS_TOKEN_SIZE];
	struct lade_fault fault;
	int error;

	if (check_user(request, request->words[0]) || daemon_file(request, KEY_TOKENS, "tokens", file))
		return LADE_E_USAGE;
	error = lade_credentials_new_token(file, request->words[0], request->values[KEY_FORCE], token, &fault);
	if (error == LADE_E_CHANGED)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "%s has a token already: --force replaces it", request->words[0]);
	if (error)
		return fail(request, &fault);
	/* Past stdio, whose buffer nobody wipes. */
	token[sizeof(token) - 1] = '\n';
	if (write(STDOUT_FILENO, token, sizeof(token)) != (ssize_t)sizeof(token))
		error = lade_complain(&request->complaint, LADE_EXIT_FILE, "write to standard output: %s", strerror(errno));
	sodium_memzero(token, sizeof(token));
	return error;
}

static int run_token_remove(struct request *request)
{
	char file[PATH_MAX];
	struct lade_fault fault;
	unsigned count;

	if (daemon_file(request, KEY_TOKENS, "tokens", file))
		return LADE_E_USAGE;
	if (lade_credentials_remove(file, request->words[0], &count, &fault))
		return fail(request, &fault);
	if (!count)
		return lade_complain(&request->complaint, LADE_EXIT_FILE, "\"%.600s\" has no user %s", file, request->words[0]);
	return 0;
}

static void print_user(void *context, const char *user, enum lade_credentials_kind kind)
{
	(void)context;
	printf("%s %s\n", user, kind == LADE_CREDENTIALS_TOKEN ? "token" : "password");
}

static int run_token_list(struct request *request)
{
	char file[PATH_MAX];
	struct lade_fault fault;
	int error;

	if (daemon_file(request, KEY_TOKENS, "tokens", file))
		return LADE_E_USAGE;
	error = lade_credentials_each(file, print_user, NULL, &fault);
	return error && error != LADE_E_ABSENT ? fail(request, &fault) : 0;
}

/* Ask twice: what nobody sees is easily mistyped. */
static int ask_twice(struct request *request, const char *user, struct lade_secret *secret_out)
{
	struct lade_secret again = { 0 };
	char question[512];
	int error;

	snprintf(question, sizeof(question), "New password of %s: ", user);
	error = lade_secret_ask(question, secret_out, &request->complaint);
	if (!error)
		error = lade_secret_ask("Once more: ", &again, &request->complaint);
	if (error == LADE_E_ABSENT)
		lade_complain(&request->complaint, LADE_EXIT_AUTH, "there is no terminal to ask on; use --password-file");
	if (!error && (again.len != secret_out->len || sodium_memcmp(again.bytes, secret_out->bytes, again.len) != 0))
		error = lade_complain(&request->complaint, LADE_EXIT_AUTH, "the two differ");
	lade_secret_fini(&again);
	return error;
}

static int run_password(struct request *request)
{
	const char *user = request->words[0], *from = request->values[KEY_PASSWORD_FILE];
	struct lade_secret secret = { 0 };
	char file[PATH_MAX];
	struct lade_fault fault;
	int error;

	if (check_user(request, user) || daemon_file(request, KEY_TOKENS, "tokens", file))
		return LADE_E_USAGE;
	error = from ? lade_secret_read(from, &secret, &request->complaint) : ask_twice(request, user, &secret);
	if (!error && lade_credentials_set_password(file, user, secret.bytes, secret.len, &fault)) {
		if (secret.len < LADE_CREDENTIALS_PASSWORD_MIN)
			error = lade_complain(&request->complaint, LADE_EXIT_AUTH, "a password has at least %u bytes", LADE_CREDENTIALS_PASSWORD_MIN);
		else
			error = fail(request, &fault);
	}
	lade_secret_fini(&secret);
	return error;
}

/* ---- the command line ---- */

static const struct subcommand subcommands[] = {
	{ "show", NULL, 0, NULL, OPTION(KEY_FILE) | OPTION(KEY_JSON), run_show },
	{ "new", NULL, 0, NULL, OPTION(KEY_FILE) | OPTION(KEY_JSON) | OPTION(KEY_FORCE) | OPTION(KEY_RECIPIENT), run_new },
	{ "hosts", NULL, 0, NULL, OPTION(KEY_JSON), run_hosts },
	{ "forget", NULL, 1, "HOST", 0, run_forget },
	{ "authorize", NULL, 2, "FINGERPRINT NAME", OPTION(KEY_KEYS), run_authorize },
	{ "token", "new", 1, "USER", OPTION(KEY_TOKENS) | OPTION(KEY_FORCE), run_token_new },
	{ "token", "remove", 1, "USER", OPTION(KEY_TOKENS), run_token_remove },
	{ "token", "list", 0, NULL, OPTION(KEY_TOKENS), run_token_list },
	{ "password", NULL, 1, "USER", OPTION(KEY_TOKENS) | OPTION(KEY_PASSWORD_FILE), run_password },
};

static int apply(void *context, const struct lade_option_use *use, struct lade_complaint *complaint)
{
	struct request *request = context;

	if (!use->row) {
		if (request->word_count == request->subcommand->word_count)
			return lade_complain(complaint, LADE_EXIT_USAGE, "'%s' is too much; " HINT, use->value);
		request->words[request->word_count++] = use->value;
		return 0;
	}
	if (use->row->id == KEY_HELP) {
		request->help = true;
		return 1;
	}
	if (!(request->subcommand->options & OPTION(use->row->id)))
		return lade_complain(complaint, LADE_EXIT_USAGE, "%s does nothing for 'lade key %s'; " HINT, use->spelled, request->subcommand->name);
	request->values[use->row->id] = use->value ? use->value : "";
	return 0;
}

/* Find the subcommand; *skip_out: how many words it is. */
static int find_subcommand(struct request *request, int argc, char **argv, int *skip_out)
{
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		const struct subcommand *subcommand = &subcommands[i];

		if (argc < 2 || strcmp(argv[1], subcommand->name) != 0)
			continue;
		if (subcommand->second && (argc < 3 || strcmp(argv[2], subcommand->second) != 0))
			continue;
		request->subcommand = subcommand;
		*skip_out = subcommand->second ? 3 : 2;
		return 0;
	}
	if (argc < 2)
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "key: show, new, hosts, forget, authorize, token, password, list, add or remove? " HINT);
	if (strcmp(argv[1], "token") == 0)
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "key token: new, remove or list? " HINT);
	return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'key %s' is no command; " HINT, argv[1]);
}

static int parse(struct request *request, int argc, char **argv)
{
	const struct lade_option_walk walk = {
		.rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .apply = apply, .context = request, .hint = HINT,
	};
	int skip = 0, error;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		request->help = true;
		return 0;
	}
	error = find_subcommand(request, argc, argv, &skip);
	if (!error)
		error = lade_option_walk(&walk, argc - skip, argv + skip, &request->complaint);
	if (error < 0 || request->help)
		return error < 0 ? error : 0;
	if (request->word_count < request->subcommand->word_count)
		return lade_complain(&request->complaint, LADE_EXIT_USAGE, "'lade key %s%s%s' needs %s; " HINT, request->subcommand->name,
				     request->subcommand->second ? " " : "", request->subcommand->second ? request->subcommand->second : "",
				     request->subcommand->wanted);
	return 0;
}

int lade_command_key(int argc, char **argv)
{
	struct request request = { .subcommand = NULL };
	int error;

	if (argc > 1 && lade_command_repository_key_has(argv[1]))
		return lade_command_repository_key(argc - 1, argv + 1);
	error = parse(&request, argc, argv);

	if (!error && request.help)
		return lade_help_print(stdout, "key");
	if (!error && sodium_init() < 0)
		error = lade_complain(&request.complaint, LADE_EXIT_UNSUPPORTED, "libsodium does not start");
	if (!error)
		error = request.subcommand->run(&request);
	if (!error)
		return LADE_EXIT_OK;
	lade_screen_print(stderr, request.complaint.text);
	return request.complaint.exit_status;
}
