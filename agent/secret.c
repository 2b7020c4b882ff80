/*
 * Where secrets come from. None is an argument of the command line, which every user of the host can read.
 */
#include "agent/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/locked_memory.h"
#include "agent/terminal.h"
#include "agent/tree/whole.h"
#include "protocol/exit_status.h"

/* The longest one, a carriage return, a newline, and one byte that says that there is more. */
#define ROOM (LADE_SELECTION_MAX + 3u)

static int make_room(struct lade_secret *secret, struct lade_complaint *complaint)
{
	*secret = (struct lade_secret){ .bytes = lade_locked_memory_new(ROOM, true) };
	return secret->bytes ? 0 : lade_complain_memory(complaint);
}

void lade_secret_fini(struct lade_secret *secret)
{
	lade_locked_memory_free(secret->bytes, ROOM);
	*secret = (struct lade_secret){ 0 };
}

/* Cut the end of the line off, and look at what is left. where: for messages. */
static int check(struct lade_secret *secret, const char *where, struct lade_complaint *complaint)
{
	if (secret->len && secret->bytes[secret->len - 1] == '\n')
		secret->len--;
	if (secret->len && secret->bytes[secret->len - 1] == '\r')
		secret->len--;
	if (!secret->len)
		return lade_complain(complaint, LADE_EXIT_AUTH, "%s: there is no password", where);
	if (secret->len > LADE_SELECTION_MAX)
		return lade_complain(complaint, LADE_EXIT_AUTH, "%s: a password has %u bytes at most", where, LADE_SELECTION_MAX);
	if (memchr(secret->bytes, '\n', secret->len) || memchr(secret->bytes, '\0', secret->len))
		return lade_complain(complaint, LADE_EXIT_AUTH, "%s: a password is one line", where);
	return 0;
}

static int read_fd(int fd, bool standard_input, const char *file, struct lade_secret *secret, struct lade_complaint *complaint)
{
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return lade_complain(complaint, LADE_EXIT_FILE, "stat password file \"%s\": %s", file, strerror(errno));
	/* The mode of an ACL's mask shows here too, so an ACL for others is seen. A pipe has no mode that says anything. */
	if (!standard_input && S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO))
		return lade_complain(complaint, LADE_EXIT_AUTH, "password file \"%s\": group or others can reach it; chmod 600 it", file);
	len = lade_whole_take(fd, secret->bytes, ROOM);
	if (len < 0)
		return lade_complain(complaint, LADE_EXIT_FILE, "read password file \"%s\": %s", file, strerror(errno));
	secret->len = (size_t)len;
	return check(secret, standard_input ? "standard input" : file, complaint);
}

int lade_secret_read(const char *file, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	bool standard_input = strcmp(file, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int error;

	if (fd < 0)
		return lade_complain(complaint, LADE_EXIT_FILE, "open password file \"%s\": %s", file, strerror(errno));
	error = make_room(secret_out, complaint);
	if (!error)
		error = read_fd(fd, standard_input, file, secret_out, complaint);
	if (!standard_input)
		close(fd);
	if (error)
		lade_secret_fini(secret_out);
	return error;
}

int lade_secret_ask(const char *question, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	int error = make_room(secret_out, complaint);

	if (error)
		return error;
	error = lade_terminal_ask(question, true, (char *)secret_out->bytes, ROOM);
	if (!error) {
		secret_out->len = strlen((char *)secret_out->bytes);
		error = check(secret_out, "terminal", complaint);
	} else if (error == LADE_E_CANCELLED) {
		lade_complain(complaint, LADE_EXIT_SIGNAL, "interrupted");
	} else if (error != LADE_E_ABSENT) {
		lade_complain(complaint, LADE_EXIT_AUTH, "no password came from the terminal");
	}
	if (error)
		lade_secret_fini(secret_out);
	return error;
}

int lade_secret_take(const char *word, const char *where, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	int error = make_room(secret_out, complaint);

	if (error)
		return error;
	secret_out->len = strnlen(word, ROOM);
	memcpy(secret_out->bytes, word, secret_out->len);
	error = check(secret_out, where, complaint);
	if (error)
		lade_secret_fini(secret_out);
	return error;
}

int lade_secret_read_pipe(int fd, const char *where, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	int error = make_room(secret_out, complaint);
	ssize_t len;

	if (error)
		return error;
	len = lade_whole_take(fd, secret_out->bytes, ROOM);
	if (len < 0) {
		error = lade_complain(complaint, LADE_EXIT_FILE, "read what %s prints: %s", where, strerror(errno));
	} else {
		secret_out->len = (size_t)len;
		error = check(secret_out, where, complaint);
	}
	if (error)
		lade_secret_fini(secret_out);
	return error;
}

int lade_secret_find(const char *file, const char *user, const char *host, struct lade_secret *secret_out, struct lade_complaint *complaint)
{
	const char *word = getenv("LADE_PASSWORD"), *named = getenv("LADE_PASSWORD_FILE");
	char question[1024];
	int error;

	if (file)
		return lade_secret_read(file, secret_out, complaint);
	if (word && *word)
		return lade_secret_take(word, "LADE_PASSWORD", secret_out, complaint);
	if (named && *named)
		return lade_secret_read(named, secret_out, complaint);
	snprintf(question, sizeof(question), "Password or token of %s at %s: ", user, host);
	error = lade_secret_ask(question, secret_out, complaint);
	if (error == LADE_E_ABSENT)
		lade_complain(complaint, LADE_EXIT_AUTH,
			      "no password for %s at %s: there is no terminal to ask on; give one by --password-file, LADE_PASSWORD_FILE or LADE_PASSWORD",
			      user, host);
	return error;
}
