/*
 * Which repository, and with which key: the options that all commands about repositories have, and the variables of the environment that stand for
 * them.
 */
#ifndef LADE_AGENT_REPOSITORY_OPTIONS_H
#define LADE_AGENT_REPOSITORY_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/complaint.h"
#include "agent/option_walk.h"
#include "agent/passphrase.h"
#include "agent/store/repository.h"

/* What commands about repositories exit with. */
enum lade_repository_exit {
	LADE_REPOSITORY_OK = 0,
	LADE_REPOSITORY_ERROR = 1,
	LADE_REPOSITORY_PARTIAL = 3,
	LADE_REPOSITORY_ABSENT = 10, /* there is no repository */
	LADE_REPOSITORY_BUSY = 11,   /* another run of this job */
	LADE_REPOSITORY_KEY = 12,    /* a wrong password, or a key that opens nothing */
	LADE_REPOSITORY_INTERRUPTED = 130,
};

/* What was said; start with zeros. Text is borrowed from argv; NULL: not given. */
struct lade_repository_options {
	const char *repository, *repository_file;
	const char *password_file, *password_command;
	const char *key_file, *identity, *pin;
	bool plaintext;
	const char *rsh, *lade_path;                  /* for HOST:PATH */
	const char *host_key, *ca_file, *token_file;  /* for lade://HOST/NAME */
	bool accept_new_host;
	uint64_t upload, download;                    /* KiB a second; 0: no limit */
};

/*
 * Ids of rows. Those before LADE_REPOSITORY_OWN_OPTION set the field at the row's offset in a struct that begins with struct lade_repository_options:
 * a command has its own fields behind these, and ids with a meaning of its own from there on.
 */
enum lade_repository_option {
	LADE_REPOSITORY_OPTION_TEXT,   /* const char *, borrowed from argv; not empty */
	LADE_REPOSITORY_OPTION_ANY,    /* the same, but it may be empty */
	LADE_REPOSITORY_OPTION_FLAG,   /* bool */
	LADE_REPOSITORY_OPTION_RATE,   /* uint64_t: KiB a second */
	LADE_REPOSITORY_OPTION_COUNT,  /* uint64_t: from 1 to the row's bits */
	LADE_REPOSITORY_OPTION_HELP,   /* bool; what is behind it is not looked at */
	LADE_REPOSITORY_OWN_OPTION,
};

#define LADE_REPOSITORY_OFF(field) offsetof(struct lade_repository_options, field)

/* The rows of where it is and how it is reached, and of the password: for a command's table. */
#define LADE_REPOSITORY_ROWS \
	{ .name = "repo", .letter = 'r', .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(repository), .value = "REPO" }, \
	{ .name = "repository-file", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(repository_file), .value = "FILE" }, \
	{ .name = "password-file", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(password_file), .value = "FILE" }, \
	{ .name = "password-command", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(password_command), .value = "COMMAND" }, \
	{ .name = "plaintext", .id = LADE_REPOSITORY_OPTION_FLAG, .off = LADE_REPOSITORY_OFF(plaintext) }, \
	{ .name = "rsh", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(rsh), .value = "COMMAND" }, \
	{ .name = "lade-path", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(lade_path), .value = "PROGRAM" }, \
	{ .name = "host-key", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(host_key), .value = "FILE" }, \
	{ .name = "ca", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(ca_file), .value = "FILE" }, \
	{ .name = "token-file", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(token_file), .value = "FILE" }, \
	{ .name = "accept-new-host", .id = LADE_REPOSITORY_OPTION_FLAG, .off = LADE_REPOSITORY_OFF(accept_new_host) }, \
	{ .name = "limit-upload", .id = LADE_REPOSITORY_OPTION_RATE, .off = LADE_REPOSITORY_OFF(upload), .value = "KIB" }, \
	{ .name = "limit-download", .id = LADE_REPOSITORY_OPTION_RATE, .off = LADE_REPOSITORY_OFF(download), .value = "KIB" }

/* The rows of other keys, for commands that open one. */
#define LADE_REPOSITORY_KEY_ROWS \
	{ .name = "key-file", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(key_file), .value = "FILE" }, \
	{ .name = "identity", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(identity), .value = "FILE" }, \
	{ .name = "pin", .id = LADE_REPOSITORY_OPTION_TEXT, .off = LADE_REPOSITORY_OFF(pin), .value = "PIN" }

/* How a command takes its options. */
struct lade_repository_options_walk {
	const struct lade_option_row *rows;
	size_t row_count;
	/* A use that is the command's own: an argument, or a row from LADE_REPOSITORY_OWN_OPTION on. 0, or a negative code with the complaint filled. */
	int (*own)(void *options, const struct lade_option_use *use, struct lade_complaint *complaint);
	const char *hint; /* end of complaints */
};

/*
 * Take argc arguments, the command's name not among them, into options, which begins with struct lade_repository_options; text in it is borrowed from
 * argv. Returns 0, or a negative code with the complaint filled, whose exit status is LADE_REPOSITORY_ERROR or LADE_REPOSITORY_INTERRUPTED.
 */
int lade_repository_options_take(const struct lade_repository_options_walk *walk, void *options, int argc, char *const *argv,
				 struct lade_complaint *complaint);

/*
 * Where the repository is, as the user wrote it: --repo, --repository-file, LADE_REPOSITORY or LADE_REPOSITORY_FILE. Returns 0, or a negative code with the
 * complaint filled: none is given, or it is too long.
 */
int lade_repository_options_place(const struct lade_repository_options *options, char place_out[PATH_MAX], struct lade_complaint *complaint);

/*
 * Open the repository: by --key-file, --identity, --password-file or --password-command, else by LADE_KEY_FILE, LADE_IDENTITY or the password
 * (agent/passphrase.h). needs: bits, LADE_MAY_READ and so on, that the key has to be good for; 0: none. With --plaintext, and needs no more than
 * LADE_MAY_READ, nobody is asked for a password. Returns 0 with what lade_repository_close() closes, or a negative code with the complaint filled,
 * whose exit status is one of the above.
 */
int lade_repository_options_open(const struct lade_repository_options *options, unsigned needs, struct lade_repository **repository_out,
				 struct lade_complaint *complaint);

/* True if this host has so little memory that a passphrase should be stretched with less of it: lade_slot_cost(). */
bool lade_repository_memory_is_short(void);

/* Fill a complaint about the repository at place from a fault, with its exit status. Returns LADE_E_USAGE. */
int lade_repository_complain(struct lade_complaint *complaint, const char *place, const struct lade_fault *fault);

/*
 * Let a complaint of somebody else's end a command about repositories: its exit status becomes LADE_REPOSITORY_INTERRUPTED if it was a signal, else
 * LADE_REPOSITORY_ERROR.
 */
void lade_repository_own_complaint(struct lade_complaint *complaint);

#endif
